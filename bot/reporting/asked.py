"""What coordinators write, and what they are answered.

The numbers are those of the day's snapshot, however often they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.keywords import Command, normalise
from bot.flow.state import UNDER_WAY
from bot.flow.survey import Survey
from bot.flow.turn import Message
from bot.interview import identity
from bot.interview.installation import Installation
from bot.reporting import digest, pictures, snapshots, weekly, words
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import people
from storage.queries import reports as queries
from storage.queries.reports import CoordinatorRow

MOST_CHARS = 1500

_KNOWN = ("PROGRES", "RINCIAN", "GRAFIK", "REKAP", "BAGIKAN", "JEDA", "AKTIF", "PANDUAN")
_PAGED = re.compile(r"(.*\S)\s+([1-9][0-9]?)")


def answer(
    connection: Connection, installation: Installation, contact_id: int, inbound: Inbound
) -> Message | None:
    """Answer a coordinator's word, or return None: then it belongs to an interview, or to nobody.

    The numbers are those of the day's snapshot however often they are asked for. BERHENTI stops
    the reports where the newest message was one; else it means the survey, as from anybody. While
    an interview is under way only the command itself is taken, not its everyday synonyms.
    """
    posts = queries.posts_of(connection, contact_id)
    if not posts or inbound.kind != "text":
        return None
    published = installation.surveys.by_id(connection, posts[0].survey_id)
    asked = normalise(inbound.option or inbound.text)
    if _stops(published.survey, inbound, asked):
        if not _last_was_report(connection, contact_id):
            return None
        identity.opt_out(connection, installation, contact_id, "coordinator")
        return _plain(published.survey, "paused")
    asked, page = _paged(asked)
    match _command(published.survey, asked, strict=_under_way(connection, contact_id)):
        case "PROGRES" | "RINCIAN" as command:
            return _numbers(connection, installation, posts, command, page)
        case "GRAFIK" | "REKAP" | "BAGIKAN" as command:
            return _looked_at(connection, installation, posts, command, page)
        case "JEDA":
            queries.pause_posts(connection, contact_id, paused=True)
            return _plain(published.survey, "paused")
        case "AKTIF":
            queries.pause_posts(connection, contact_id, paused=False)
            identity.opt_in(connection, installation, contact_id, "coordinator")
            return _plain(published.survey, "active")
        case "PANDUAN":
            return Message(_hourly(published.survey, installation, "help"), language=words.LOCALE)
        case _:
            return None


def _numbers(
    connection: Connection,
    installation: Installation,
    posts: Sequence[CoordinatorRow],
    command: str,
    page: int = 1,
) -> Message:
    """Return the numbers of all posts in surveys that run, else of the newest survey's."""
    hierarchy = read_hierarchy(connection)
    surveys = {one: installation.surveys.by_id(connection, one) for one in _surveys(posts)}
    wanted = [one for one in posts if surveys[one.survey_id].closed_at is None] or posts[:1]
    write = digest.text
    if command == "RINCIAN" and len(wanted) == 1:
        report = _report(connection, installation, hierarchy, wanted[0])
        if report is not None:
            return digest.details_message(report, page)
    if len(wanted) > 1:
        write = digest.brief
    texts: list[str] = []
    for post in wanted:
        published = surveys[post.survey_id]
        day = snapshots.today(published.survey.settings, installation.now())
        report = digest.read_report(connection, published, hierarchy, post.unit_id, day)
        said = write(report) if report else _hourly(published.survey, installation, "no_snapshot")
        if texts and len("\n\n".join([*texts, said])) > MOST_CHARS:
            break
        texts.append(said)
    return Message("\n\n".join(texts), language=words.LOCALE)


def _looked_at(
    connection: Connection,
    installation: Installation,
    posts: Sequence[CoordinatorRow],
    command: str,
    page: int,
) -> Message:
    """Return a picture, a workbook or what may be passed on: of the newest post that has it."""
    hierarchy = read_hierarchy(connection)
    made = [(_report(connection, installation, hierarchy, post), post) for post in posts]
    reports = [report for report, _ in made if report is not None]
    if not reports:
        survey = installation.surveys.by_id(connection, posts[0].survey_id).survey
        return Message(_hourly(survey, installation, "no_snapshot"), language=words.LOCALE)
    match command:
        case "GRAFIK":
            return pictures.message(reports[0], page)
        case "REKAP":
            return pictures.recap_message(reports[0])
        case _:
            single = [one for one in reports if len(hierarchy.within(one.unit_id)) == 1]
            report = (single or reports)[0]
            said = weekly.forward_message(report)
            return replace(said, attachment=pictures.poster(connection, installation, report))


def _report(
    connection: Connection,
    installation: Installation,
    hierarchy: Hierarchy,
    post: CoordinatorRow,
) -> digest.Report | None:
    published = installation.surveys.by_id(connection, post.survey_id)
    day = snapshots.today(published.survey.settings, installation.now())
    return digest.read_report(connection, published, hierarchy, post.unit_id, day)


def _paged(asked: str) -> tuple[str, int]:
    """Return a word and the page that was written behind it."""
    found = _PAGED.fullmatch(asked)
    return (found[1], int(found[2])) if found else (asked, 1)


def _surveys(posts: Sequence[CoordinatorRow]) -> list[int]:
    return list(dict.fromkeys(post.survey_id for post in posts))


def _hourly(survey: Survey, installation: Installation, name: str) -> str:
    """Return a message that says when numbers appear."""
    settings = survey.settings
    values = {
        "nama_survei": words.title(survey),
        "pukul": settings.snapshot_at.strftime("%H.%M"),
        "zona": words.zone_letters(settings.zone, installation.now()),
    }
    return words.say(survey, name, values)


def _plain(survey: Survey, name: str) -> Message:
    return Message(words.say(survey, name, {}), language=words.LOCALE)


def _command(survey: Survey, asked: str, *, strict: bool) -> str | None:
    for name in _KNOWN:
        synonyms = () if strict else survey.words.coordinator_keywords.get(name, ())
        if asked in {normalise(word) for word in (name, *synonyms)}:
            return name
    return None


def _stops(survey: Survey, inbound: Inbound, asked: str) -> bool:
    said = survey.words.keywords.means(asked, Command.BERHENTI)
    return inbound.opt_out == "STOP" or said


def _last_was_report(connection: Connection, contact_id: int) -> bool:
    """Whether the newest message to this person was about reports, not about an interview."""
    rows = people.addresses_of(connection, [contact_id])
    newest = queries.newest_message(connection, [row.id for row in rows])
    if newest is None:
        return people.active_conversation(connection, contact_id) is None
    purpose, conversation_id = newest
    return purpose == "report" or conversation_id is None


def _under_way(connection: Connection, contact_id: int) -> bool:
    return queries.interview_under_way(connection, contact_id, UNDER_WAY)
