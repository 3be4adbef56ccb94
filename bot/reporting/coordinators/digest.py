"""What coordinators read: the day's numbers as a text for the phone.

Everything here is a function of snapshots, which hold published values alone; so no text can tell
more than the rule of `publication` allows. Nothing ranks units or names people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import ceil

from sqlalchemy import Connection

from bot.flow.expressions import placeholders
from bot.flow.limits import length
from bot.flow.survey import Survey
from bot.flow.turn import Choice, Message
from bot.interview.surveys import Published
from bot.reporting import snapshots, words
from bot.reporting.publication import Count, change
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy

MOST_UNITS = 8
"""So many units are named in one message; the rest is counted."""

MOST_CHARS = 1500
_ROOM_TO_TURN = 80
LONGEST_NAME = 40
"""With these a message stays under the 1,600 characters that the provider takes."""

PACE_DAYS = 7
"""The present pace is that of so many days."""

FEW_DAYS = 3
"""With fewer days left no pace is told."""

HISTORY_DAYS = 30
"""A report looks back so far: what a picture's line shows."""

MONDAY = 0
"""The week's day, as `date.weekday` counts."""

TEMPLATE = "daily_template"


@dataclass(frozen=True, slots=True)
class Report:
    """All that one coordinator's message is made of: published numbers of a unit, or of all.

    `earlier` are the snapshots before, newest first, from at most `HISTORY_DAYS` ago.
    `old` says that today's is missing, and that another day's message has told of this one.
    """

    published: Published
    hierarchy: Hierarchy
    unit_id: int | None
    snapshot: Snapshot
    earlier: Sequence[Snapshot] = ()
    final: bool = False
    old: bool = False

    @property
    def survey(self) -> Survey:
        """The survey that is counted."""
        return self.published.survey


def make_report(
    published: Published,
    hierarchy: Hierarchy,
    unit_id: int | None,
    recent: Sequence[Snapshot],
    *,
    old: bool = False,
) -> Report | None:
    """Return the report of the newest of these snapshots (newest first); None of none."""
    if not recent:
        return None
    newest, *rest = recent
    near = [one for one in rest if (newest.day - one.day).days <= HISTORY_DAYS]
    final = newest.day > published.last_day
    return Report(published, hierarchy, unit_id, newest, near, final, old)


def read_report(
    connection: Connection,
    published: Published,
    hierarchy: Hierarchy,
    unit_id: int | None,
    day: date,
    look_back: int = 2 * PACE_DAYS,
) -> Report | None:
    """Return a day's report: of its snapshot, or the newest before; None before the first.

    It looks so many days back: two weeks tell the pace, a picture's line wants `HISTORY_DAYS`.
    """
    recent = snapshots.recent(connection, published.id, day, look_back + 1)
    return make_report(published, hierarchy, unit_id, recent)


def text(report: Report) -> str:
    """Return the digest: numbers per group, units that need a word, forecast."""
    return "\n\n".join([*_parts(report), words.words(report.survey, "digest_foot")])


def _parts(report: Report) -> list[str]:
    survey = report.survey
    parts = [_head(report), "\n".join(group_lines(report))]
    if report.final:
        return [*parts, words.say(survey, "digest_final", {})]
    needy = _unit_lines(report, needing_word(report), MOST_UNITS, bare=True)
    if needy:
        parts.append("\n".join([words.words(survey, "digest_units"), *needy]))
    ahead = [*(weeks_pace(report) if looks_back(report) else ()), *outlook(report)]
    return [*parts, "\n".join(ahead)] if ahead else parts


def details(report: Report, page: int = 1) -> str:
    """Return the digest and the published numbers unit by unit: one page of it, from 1 on."""
    found = pages(report)
    return found[min(max(page, 1), len(found)) - 1]


def pages(report: Report, of: str = "") -> list[str]:
    """Return the pages of the details, each short enough for one message.

    The first is the digest, with the units by name below it where there is room for all; else these
    have pages of their own. A single unit has the digest alone.
    """
    units = counted_units(report)
    if len(units) < 2:
        return [text(report)]
    title, foot = (words.words(report.survey, one) for one in ("digest_details", "digest_foot"))
    lines = _unit_lines(report, units, len(units))
    whole = "\n\n".join([*_parts(report), "\n".join([title, *lines]), foot])
    if length(whole) <= MOST_CHARS:
        return [whole]
    head = f"{_head(report)}\n\n{title}"
    made, room = [head], MOST_CHARS - _ROOM_TO_TURN
    for line in lines:
        if length(made[-1]) + length(line) >= room:
            made.append(head)
        made[-1] += "\n" + line
    return with_turns(report.survey, [text(report), *made], of)


def gathered(parts: Sequence[str]) -> list[list[int]]:
    """Return the places of parts by page, each page short enough to name the next one below."""
    made: list[list[int]] = []
    used = 0
    for place, part in enumerate(parts):
        used += length(part) + 2
        if not made or used > MOST_CHARS - _ROOM_TO_TURN:
            made.append([])
            used = length(part)
        made[-1].append(place)
    return made


def with_turns(survey: Survey, made: Sequence[str], of: str = "") -> list[str]:
    """Return pages with a line below each but the last: which word brings the next one."""
    many = len(made)
    return [
        page if number == many else f"{page}\n\n{_turn(survey, number, many, of)}"
        for number, page in enumerate(made, start=1)
    ]


def one_page(made: Sequence[str], page: int, of: str = "") -> Message:
    """Return one of these pages (from 1 on) with a button for the next one.

    `of` is the unit's code where the command names the unit.
    """
    page = min(max(page, 1), len(made))
    following = behind(of, page + 1)
    turn = (Choice(f"RINCIAN {following}", f"Rincian {page + 1}"),) if page < len(made) else ()
    return Message(made[page - 1], buttons=turn, language=words.LOCALE)


def counted_units(report: Report) -> list[int]:
    """Return the units that the report has numbers of, by name."""
    below = report.hierarchy.within(report.unit_id)
    counted = {unit for unit, _ in report.snapshot.cells}
    return [unit for unit in report.hierarchy.units if unit in below & counted]


def short(name: str) -> str:
    """Return a unit's name, cut where it is long."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def _turn(survey: Survey, number: int, many: int, of: str) -> str:
    values = {"halaman": words.number(number), "jumlah": words.number(many)}
    return words.say(survey, "digest_pages", values | {"berikut": behind(of, number + 1)})


def behind(of: str, page: int) -> str:
    """Return what stands behind a command for a page: its number, after a unit's code if given."""
    return f"{of} {page}".strip()


def details_message(report: Report, page: int = 1, of: str = "") -> Message:
    """Return a page of the details, with a button for the next one.

    `of` is the unit's code where the command names the unit.
    """
    return one_page(pages(report, of), page, of)


def brief(report: Report) -> str:
    """Return the numbers per group alone, for somebody who holds several posts."""
    return "\n".join([_head(report), *group_lines(report)])


def message(report: Report) -> Message:
    """Return the day's message: the digest where free text may be sent, else the template."""
    return with_template(report, Message(text(report), language=words.LOCALE), TEMPLATE, {})


def with_template(report: Report, message: Message, name: str, more: Mapping[str, str]) -> Message:
    """Return a message with the template that says the same outside the window; the day's own
    where the survey has none of this name."""
    survey = report.survey
    template = words.template(survey, name, TEMPLATE)
    said = words.words(survey, template)
    variables = words.one_line({**values(report), **more}, placeholders(said))
    return replace(
        message,
        buttons=words.buttons(survey, template),
        template=template,
        variables=variables,
        template_text=words.say(survey, template, variables),
    )


def values(report: Report) -> dict[str, str]:
    """Return what placeholders of coordinators' messages stand for; groups by their own names."""
    survey, settings = report.survey, report.survey.settings
    snapshot = report.snapshot
    last = report.published.last_day
    days = (last - settings.opens).days + 1
    owner = dict(settings.texts.get(words.LOCALE, {}))
    unit = report.hierarchy.units.get(report.unit_id) if report.unit_id is not None else None
    known = owner | {
        "nama_survei": words.title(survey),
        "instansi": unit.name if unit else owner.get("instansi", words.title(survey)),
        "tgl": words.day(snapshot.day),
        "pukul": settings.snapshot_at.strftime("%H.%M"),
        "zona": words.zone_letters(settings.zone, snapshot.at),
        "hari": words.number(min((snapshot.day - settings.opens).days + 1, days)),
        "total_hari": words.number(days),
    }
    units = report.hierarchy.within(report.unit_id)
    there = snapshot.groups(units)
    said = []
    for group in settings.groups:
        if there and group not in there:
            known[group] = words.words(survey, "no_target")  # the unit has no such people
            continue
        shown = words.shown(survey, snapshot.count(units, group))
        known[group] = shown
        said.append(f"{words.group_label(survey, group)} {shown}")
    return known | {"ringkasan": ", ".join(said)}


def _head(report: Report) -> str:
    return words.say(report.survey, "digest_head", values(report))


def group_lines(report: Report) -> list[str]:
    """Return the numbers of each group, with what is new since the snapshot before."""
    survey, snapshot = report.survey, report.snapshot
    units = report.hierarchy.within(report.unit_id)
    there = snapshot.groups(units)
    lines = []
    for group in survey.settings.groups:
        if there and group not in there:
            continue
        now = snapshot.count(units, group)
        before = report.earlier[0].count(units, group) if report.earlier else None
        label = words.group_label(survey, group)
        lines.append(words.line(survey, label, now, change(now, before)))
    return lines


def _unit_lines(
    report: Report, units: Sequence[int], most: int, *, bare: bool = False
) -> list[str]:
    """Return a line for each unit, and how many more there are; with `bare` a unit whose number is
    not shown has its name alone."""
    lines = []
    for unit in units[:most]:
        name = short(report.hierarchy.units[unit].name)
        if report.hierarchy.children.get(unit):
            name += words.words(report.survey, "digest_own")
        count = report.snapshot.count({unit})
        alone = bare and count.kind == "hidden"
        lines.append("• " + (name if alone else words.line(report.survey, name, count)))
    if len(units) > most:
        rest = {"sisa": words.number(len(units) - most)}
        lines.append(words.say(report.survey, "digest_units_more", rest))
    return lines


def needing_word(report: Report) -> list[int]:
    """Return units whose published share of the target is under half of what all of them have.

    By name: the order says nothing. Units without target, or whose targets are all too small to
    show, are never listed. One of which fewer than 5 are known has no number to print, only a name.
    """
    units = report.hierarchy.within(report.unit_id)
    whole = report.snapshot.count(units)
    if len(units) < 2 or not whole.target or not whole.value:
        return []
    share = Fraction(whole.value, whole.target)
    cells: dict[int, list[Count]] = {}
    for (unit, _), cell in report.snapshot.cells.items():
        if unit in units and cell.target:
            cells.setdefault(unit, []).append(cell)

    def needs(unit: int) -> bool:
        of_unit = cells.get(unit, [])
        wanted = sum(cell.target or 0 for cell in of_unit)
        kinds = {cell.kind for cell in of_unit}
        if "almost" in kinds or kinds <= {"hidden"}:
            return False
        # Of all its cells, as its line has it: units with the same numbers are treated alike.
        return 2 * sum(cell.value for cell in of_unit) < share * wanted

    return [unit for unit in report.hierarchy.units if needs(unit)]


def forecast(report: Report) -> Fraction | None:
    """Return the share of the target at the end if the pace of the last days holds, at most 1.

    None without target, earlier numbers or days that remain. Of published sums only.
    """
    now, daily, left = _now(report), pace(report), _days_left(report)
    if daily is None or not now.target or left <= 0:
        return None
    return min(Fraction(1), (now.value + daily * left) / now.target)


def foreseen(report: Report) -> int | None:
    """Return the forecast in whole percent; 100 only where the target is met. None as `forecast`.

    Rounded up, and nothing where even that would be less than what is told of today.
    """
    share = forecast(report)
    if share is None or share == 1:
        return None if share is None else 100
    percent = min(99, ceil(share * 100))
    now = _now(report).share
    return None if now is not None and percent < now * 100 else percent


def needed(report: Report) -> int | None:
    """Return how many a day would reach the target from the published sum; None as `forecast`."""
    now, left = _now(report), _days_left(report)
    if now.kind != "number" or not now.target or left <= 0:
        return None
    return max(0, -(-(now.target - now.value) // left))


def pace(report: Report, weeks_ago: int = 0) -> Fraction | None:
    """Return how much the published sum rose a day, in the last week or in one before it.

    None where a number is missing at either end.
    """
    newest, oldest = weeks_ago * PACE_DAYS, (weeks_ago + 1) * PACE_DAYS
    near = [
        one
        for one in (report.snapshot, *report.earlier)
        if newest <= (report.snapshot.day - one.day).days <= oldest
    ]
    if len(near) < 2:
        return None
    units = report.hierarchy.within(report.unit_id)
    now, then = near[0].count(units), near[-1].count(units)
    if now.kind != "number":
        return None
    return Fraction(now.value - then.value, (near[0].day - near[-1].day).days)


def looks_back(report: Report) -> bool:
    """Whether the report is the week's: it also tells how the week went."""
    return report.snapshot.day.weekday() == MONDAY and not report.final and not report.old


def weeks_pace(report: Report) -> list[str]:
    """Say the week's pace beside that of the week before; nothing if unknown."""
    now, before = pace(report), pace(report, weeks_ago=1)
    if now is None:
        return []
    said = {"laju": words.rate(now)}
    if before is None:
        return [words.say(report.survey, "weekly_pace_first", said)]
    said["laju_lalu"] = words.rate(before)
    return [words.say(report.survey, "weekly_pace", said)]


def outlook(report: Report) -> list[str]:
    """Say what the present pace leads to, and which one the target needs; nothing if unknown.

    Nor in the last days: a pace that nobody can reach any more only presses.
    """
    percent, wanted = foreseen(report), needed(report)
    if percent is None or wanted is None or _days_left(report) < FEW_DAYS:
        return []
    closes = report.published.last_day
    # A forecast of tenths would promise what nobody knows.
    said = {"perkiraan": words.number(percent), "perlu": words.number(wanted)}
    said["tgl_tutup"] = words.day_of_year(closes)
    name = "digest_forecast_met" if percent == 100 else "digest_forecast"
    return [words.say(report.survey, name, said)]


def _now(report: Report) -> Count:
    return report.snapshot.count(report.hierarchy.within(report.unit_id))


def _days_left(report: Report) -> int:
    return (report.published.last_day - report.snapshot.day).days + 1
