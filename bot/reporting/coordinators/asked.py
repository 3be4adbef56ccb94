"""What coordinators write, and what they are answered.

The numbers are those of the day's snapshot, however often they are asked for, and only of units
that the asker answers for. Whose a word is that an interview knows too (BERHENTI, BANTUAN, a bare
number), the message decides that it quotes, else the newest one to the person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.keywords import Command, less_polite, normalise
from bot.flow.limits import MESSAGE_CHARS, length
from bot.flow.state import UNDER_WAY
from bot.flow.survey import Survey
from bot.flow.turn import Message
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting import words
from bot.reporting.coordinators import (
    asked_words,
    digest,
    log,
    pictures,
    reach,
    roster_phase,
    sharing,
)
from bot.reporting.coordinators.asked_commands import Asked, read_command
from bot.reporting.coordinators.posts import on_duty, zone_of
from bot.reporting.coordinators.roster_phase import Roster
from bot.reporting.coordinators.unit_names import UnitNames
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import coordinators as queries
from storage.queries import people
from storage.queries.coordinators import CoordinatorRow, UnitChoice
from storage.queries.reports import UnitRow

MOST_CHOICES = 8
"""So many units are offered to choose from."""

CHOICE_LIVES = timedelta(hours=12)
LONGEST_PAUSE = 90  # days

_IN_PAGES = ("RINCIAN", "GRAFIK")
_PAGE = re.compile(r"(?:(.*\S)\s+)?([1-9][0-9]?)")
_DAYS = re.compile(r"(\d{1,3})(?: hari)?")


def answer(
    connection: Connection,
    installation: Installation,
    contact_id: int,
    inbound: Inbound,
    roster: Roster | None = None,
) -> Message | None:
    """Answer a coordinator's word, or return None: then it belongs to an interview, or to nobody.

    BERHENTI and BANTUAN are a coordinator's where the quoted message, else the newest one, was
    about reports. While an interview is under way only the command itself is taken, not its
    everyday synonyms, and units to choose from have no numbers: a number is the interview's.
    Below a picture and in an edited message only BERHENTI is read.
    """
    rows = queries.posts_of(connection, contact_id, deputies=True)
    if not rows or inbound.kind not in ("text", "media", "edited"):
        return None
    turn = _CoordinatorTurn(connection, installation, contact_id, rows, inbound, roster)
    return turn.answer() if turn.posts else None


@dataclass(eq=False)
class _CoordinatorTurn:
    """One turn of a coordinator's."""

    connection: Connection
    installation: Installation
    contact_id: int
    rows: Sequence[CoordinatorRow]
    inbound: Inbound
    roster: Roster | None

    def answer(self) -> Message | None:
        """Return what to say, None where the word is somebody else's."""
        said = normalise(self.inbound.option or self.inbound.text)
        keywords = self.survey.words.keywords
        if keywords.means(less_polite(said), Command.BERHENTI):
            return self._stop()
        if self.inbound.kind != "text":
            return None
        if keywords.means(less_polite(said), Command.BANTUAN):
            return self._help() if self._is_help_ours() else None
        if said.isdigit():
            return self._chosen(int(said[:4]))
        asked = read_command(self.survey, said, strict=self.busy)
        if asked is None:
            return None
        match asked.command:
            case "JEDA":
                return self._pause(asked.rest)
            case "AKTIF":
                return self._resume()
            case "PANDUAN":
                return self._help()
            case _:
                asked = self._for_group(asked)
                return self._of_unit(asked) if asked.rest else self._of_posts(asked)

    # --- who asks ---

    @cached_property
    def hierarchy(self) -> Hierarchy:
        return read_hierarchy(self.connection)

    @cached_property
    def surveys(self) -> Mapping[int, Published]:
        by_id = self.installation.surveys.by_id
        ids = dict.fromkeys(row.survey_id for row in self.rows)
        return {one: by_id(self.connection, one) for one in ids}

    @cached_property
    def posts(self) -> list[CoordinatorRow]:
        """Own posts, and those in which the asker stands in today; running surveys only, if any."""
        mine = [one for one in self.rows if not one.deputy_for or on_duty(one, self._today(one))]
        running = [one for one in mine if self.surveys[one.survey_id].closed_at is None]
        return running or mine[:1]

    @property
    def published(self) -> Published:
        return self.surveys[self.posts[0].survey_id]

    @property
    def survey(self) -> Survey:
        return self.published.survey

    @cached_property
    def busy(self) -> bool:
        return queries.interview_under_way(self.connection, self.contact_id, UNDER_WAY)

    def _today(self, post: CoordinatorRow) -> date:
        zone = zone_of(post, self.hierarchy, self.surveys[post.survey_id])
        return self.installation.now().astimezone(zone).date()

    # --- whose word it is ---

    @cached_property
    def _addresses(self) -> list[int]:
        return [row.id for row in people.addresses_of(self.connection, [self.contact_id])]

    @cached_property
    def _quoted(self) -> queries.Quoted | None:
        sid = self.inbound.reply_to
        return queries.quoted(self.connection, sid, self._addresses) if sid else None

    def _about_reports(self) -> bool:
        """Whether the quoted message, else the newest, was about reports, not an interview."""
        if self._quoted is not None:
            return self._quoted.conversation_id is None
        newest = queries.newest_message(self.connection, self._addresses)
        if newest is None:
            return people.active_conversation(self.connection, self.contact_id) is None
        purpose, conversation_id = newest
        return purpose == "report" or conversation_id is None

    def _is_help_ours(self) -> bool:
        if self.busy and self._quoted is None:
            return False
        return self._about_reports()

    # --- their own messages ---

    def _stop(self) -> Message | None:
        """End reports. Without a quotation the word goes on, by None, to an interview that is under
        way, and the second time to whatever else may come from us: then it means everything."""
        ours = self._about_reports()
        first = not self._opted_out("coordinator" if ours else "respondent")
        if ours or (self._quoted is None and not first):
            identity.opt_out(self.connection, self.installation, self.contact_id, "coordinator")
        if not ours or (self._quoted is None and (self.busy or not first)):
            return None
        return self._plain("stopped")

    def _opted_out(self, purpose: str) -> bool:
        return identity.opted_out(self.connection, self.installation, self.contact_id, purpose)

    def _pause(self, rest: str) -> Message | None:
        if not rest or (self._only_deputy and _DAYS.fullmatch(rest)):
            queries.pause_posts(self.connection, self.contact_id, paused=True)
            return self._plain("paused")
        found = _DAYS.fullmatch(rest)
        days = int(found[1]) if found is not None else 0
        if not 1 <= days <= LONGEST_PAUSE:
            # In an interview "jeda makan siang" may be an answer.
            unclear = found is None and self.busy and self._quoted is None
            most = {"paling_lama": LONGEST_PAUSE}
            said = asked_words.say(self.survey, "pause_how", most)
            return None if unclear else asked_words.message(said)
        first = self._today(self.posts[0])
        last = first + timedelta(days=days - 1)
        queries.set_absence(self.connection, self.contact_id, first, last)
        back = words.day(last + timedelta(days=1))
        return asked_words.message(asked_words.say(self.survey, "away", {"tgl": back}))

    def _resume(self) -> Message:
        queries.pause_posts(self.connection, self.contact_id, paused=False)
        if any(not one.deputy_for and not on_duty(one, self._today(one)) for one in self.rows):
            queries.set_absence(self.connection, self.contact_id, None, None)
        identity.opt_in(self.connection, self.installation, self.contact_id, "coordinator")
        return self._plain("active")

    def _plain(self, name: str) -> Message:
        return Message(words.say(self.survey, name, {}), language=words.LOCALE)

    # --- numbers ---

    def _for_group(self, asked: Asked) -> Asked:
        """Tell a group from a unit in what follows BAGIKAN; a unit that is called so is meant."""
        if asked.command != "BAGIKAN" or self._names.find(asked.rest, exactly=True):
            return asked
        rest, group = sharing.split(self.survey, asked.rest)
        return asked if group is None else replace(asked, rest=rest, group=group)

    def _of_posts(self, asked: Asked, page: int = 1) -> Message | None:
        """Answer for all that the asker answers for."""
        command = asked.command
        if command == "REKAP":
            lists = self._lists_of(self.posts[0], self.posts[0].unit_id)
            if lists is not None:
                return lists
        if len(self.posts) > 1 and command in ("PROGRES", "RINCIAN"):
            return self._several(page)
        post = self.posts[0]
        if command == "BAGIKAN":
            single = (one for one in self.posts if len(self.hierarchy.within(one.unit_id)) == 1)
            post = next(single, post)
        said = self._of_report(command, post, post.unit_id, page, asked.group)
        # What is passed on, and what goes with a file, says nothing about coordinators.
        if said.attachment is not None or command == "BAGIKAN":
            return said
        return self._with_unheard(said)

    def _several(self, page: int) -> Message:
        """Return the numbers of all posts, shortly, by pages."""
        briefs = [self._brief(post) for post in self.posts]
        places = digest.gathered([text for text, _ in briefs])
        page = min(max(page, 1), len(places))
        for place in places[page - 1]:
            text, day = briefs[place]
            now, shown = self.installation.now(), asked_words.message(text)
            log.note(self.connection, self.posts[place], "progres", day, shown, now)
        texts = ["\n\n".join(briefs[one][0] for one in on_page) for on_page in places]
        said = digest.one_page(digest.with_turns(self.survey, texts), page)
        return self._with_unheard(said) if page == 1 else said

    def _brief(self, post: CoordinatorRow) -> tuple[str, date | None]:
        """Return a post's numbers per group, and of which day they are."""
        report = self._report(post, post.unit_id)
        if report is None:
            return self._hourly("no_snapshot", post), None
        return digest.brief(report), report.snapshot.day

    def _with_unheard(self, said: Message) -> Message:
        """Add who cannot be reached, where there is room."""
        text = "\n\n".join(filter(None, [said.text, self._unheard()]))
        return said if length(text) > MESSAGE_CHARS else replace(said, text=text)

    def _of_unit(self, asked: Asked) -> Message | None:
        """Answer for one unit, by what it is called; a page's number may stand behind it."""
        page = _PAGE.fullmatch(asked.rest) if asked.command in _IN_PAGES else None
        if page is not None and page[1] is None:
            return self._of_posts(asked, int(page[2]))
        names = self._names
        found, number = names.find(asked.rest, exactly=self.busy or page is not None), 1
        if page is not None and not found:  # else the number is a part of the name
            found, number = names.find(page[1], exactly=self.busy), int(page[2])
        mine = [one for one in found if self._post_for(one) is not None]
        if len(mine) == 1:
            return self._one_unit(asked.command, mine[0], number, asked.group)
        if mine:
            return self._which(asked.command, mine, in_words=self.busy or asked.group is not None)
        if not found and (asked.synonym or self.busy):
            return None  # an answer in somebody's own words
        own = self.hierarchy.units.get(self.posts[0].unit_id or 0) or self._an_example()
        values = {"perintah": asked.command, "unit": own.name if own else ""}
        return asked_words.message(asked_words.say(self.survey, "unit_unknown", values))

    @cached_property
    def _names(self) -> UnitNames:
        return UnitNames(self.hierarchy, self.survey.words.unit_abbreviations)

    def _one_unit(
        self, command: str, unit_id: int, page: int = 1, group: str | None = None
    ) -> Message | None:
        post = self._post_for(unit_id)
        if post is None:
            return None
        if command == "REKAP" and (lists := self._lists_of(post, unit_id)) is not None:
            return lists
        return self._of_report(command, post, unit_id, page, group)

    def _report(self, post: CoordinatorRow, unit_id: int | None) -> digest.Report | None:
        published = self.surveys[post.survey_id]
        day = published.survey.settings.day(self.installation.now())
        return digest.read_report(self.connection, published, self.hierarchy, unit_id, day)

    def _of_report(
        self,
        command: str,
        post: CoordinatorRow,
        unit_id: int | None,
        page: int = 1,
        group: str | None = None,
    ) -> Message:
        """Return what a command shows of a unit's numbers, and log that it was shown."""
        report = self._report(post, unit_id)
        if report is None:
            said = asked_words.message(self._hourly("no_snapshot", post))
        elif command == "BAGIKAN":
            said = sharing.message(self.connection, self.installation, report, group)
        else:
            of = "" if unit_id == self.posts[0].unit_id else self._code(unit_id)
            said = self._shown(command, report, page, of)
        seen = post._replace(unit_id=unit_id)
        shown = report.snapshot.day if report else None
        log.note(self.connection, seen, command.lower(), shown, said, self.installation.now())
        return said

    def _shown(self, command: str, report: digest.Report, page: int, of: str) -> Message:
        """Return a report as a command shows it; `of` names its unit in the command for more."""
        match command:
            case "RINCIAN":
                return digest.details_message(report, page, of)
            case "GRAFIK":
                return pictures.message(report, page, of)
            case "REKAP":
                return pictures.recap_message(report)
            case _:
                return asked_words.message(digest.text(report))

    def _code(self, unit_id: int | None) -> str:
        return self.hierarchy.units[unit_id].code if unit_id is not None else ""

    def _post_for(self, unit_id: int) -> CoordinatorRow | None:
        """Return the post by which the asker may see a unit; None where there is none."""
        for post in self.posts:
            if unit_id in self.hierarchy.within(post.unit_id):
                return post
        return None

    def _unheard(self) -> str:
        """Repeat what the day's message said of somebody below who cannot be reached."""
        post = self.posts[0]
        if post.told_on is None or post.told_on != self._today(post):
            return ""
        found = reach.unheard(self.connection, self.installation, self.published, self.hierarchy)
        units = found.get(post.unit_id, ())
        return reach.line(self.published, self.hierarchy, units) if units else ""

    def _hourly(self, name: str, post: CoordinatorRow, **more: str) -> str:
        """Return a message that says when numbers appear."""
        survey = self.surveys[post.survey_id].survey
        settings = survey.settings
        values = {
            "nama_survei": words.title(survey),
            "pukul": settings.snapshot_at.strftime("%H.%M"),
            "zona": words.zone_letters(settings.zone, self.installation.now()),
        }
        return words.say(survey, name, values | more)

    # --- one of several units ---

    def _which(self, command: str, units: Sequence[int], *, in_words: bool) -> Message:
        """Ask which unit is meant, by number; in an interview numbers are its own."""
        offered = units[:MOST_CHOICES]
        sign = "• {1}" if in_words else "{0}. {1}"
        lines = [sign.format(number, self._name(one)) for number, one in enumerate(offered, 1)]
        name = "unit_which_write" if in_words else "unit_which"
        values = {"daftar": "\n".join(lines), "perintah": command}
        said = asked_words.say(self.survey, name, values)
        more = ""
        if len(units) > len(offered):
            rest = {"sisa": len(units) - len(offered)}
            more = asked_words.say(self.survey, "unit_which_more", rest)
        if not in_words:
            digest_of = self.installation.keys.digest("outbox", f"reply:{self.inbound.sid}")
            asked = UnitChoice(command, tuple(offered), digest_of, self.installation.now())
            queries.ask(self.connection, self.posts[0].id, asked)
        return asked_words.message(said, more)

    def _chosen(self, number: int) -> Message | None:
        """Take a bare number as the choice of a unit, where it is no answer of an interview."""
        asked = queries.question(self.connection, self.posts[0].id)
        if asked is None or self.installation.now() - asked.asked_at > CHOICE_LIVES:
            return None
        if self._quoted is not None:
            ours = self._quoted.dedupe == asked.dedupe
        else:
            ours = not self.busy and self._about_reports()
        if not ours or not 1 <= number <= len(asked.units):
            return None
        return self._one_unit(asked.command, asked.units[number - 1])

    def _name(self, unit_id: int) -> str:
        """Return a unit's name with that of the unit above it, which tells equal names apart."""
        unit = self.hierarchy.units[unit_id]
        above = self.hierarchy.above(unit_id)
        return f"{unit.name} ({self.hierarchy.units[above[0]].name})" if above else unit.name

    def _an_example(self) -> UnitRow | None:
        return next(iter(self.hierarchy.units.values()), None)

    # --- the roster ---

    def _lists_of(self, post: CoordinatorRow, unit_id: int | None) -> Message | None:
        """Say how clean the lists of a unit and those below are, in the survey of the post by which
        they may be seen; None when it runs."""
        published = self.surveys[post.survey_id]
        counted = self.roster and self.roster(self.connection, published)
        if counted is None:
            return None
        now, mends = self.installation.now(), not self._only_deputy
        return roster_phase.recap(published, self.hierarchy, unit_id, counted, now, mends=mends)

    @property
    def _only_deputy(self) -> bool:
        return all(one.deputy_for for one in self.posts)

    # --- what can be asked ---

    def _help(self) -> Message:
        post = self.posts[0]
        below = [one for one in self.hierarchy.units if one in self.hierarchy.within(post.unit_id)]
        example = next((one for one in below if one != post.unit_id), None)
        names = ["help_progres"]
        if example is not None:
            names += ["help_unit", "help_rincian"]
        names.append("help_grafik")
        if self.roster is None or self.roster(self.connection, self.published) is None:
            names.append("help_workbook")
        else:
            names += ["help_recap"] if self._only_deputy else ["help_recap", "help_mend"]
        more = "" if example is not None else self._more_posters()
        if example is None:
            names.append("help_share")
        if more:
            names.append("help_share_group")
        names.append("help_pause")
        unit = self.hierarchy.units[example].name if example is not None else ""
        values = {"unit": unit, "kelompok": more}
        lines = [asked_words.say(self.survey, name, values) for name in names]
        return asked_words.message(self._hourly("help", post, daftar="\n".join(lines)))

    def _more_posters(self) -> str:
        """Return the label of a group, other than the first, that the own unit has a poster for."""
        unit_id = self.posts[0].unit_id
        if unit_id is None:
            return ""
        there = sharing.posters(self.connection, self.installation, self.published, unit_id)
        others = (one for one in list(self.survey.settings.groups)[1:] if one in there)
        return next((words.group_label(self.survey, one) for one in others), "")
