"""What coordinators read: the day's numbers as a text for the phone.

Everything here is a function of snapshots, which hold published values alone; so no text can tell
more than the rule of `publication` allows. Nothing ranks units or names people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sqlalchemy import Connection

from bot.flow.expressions import placeholders
from bot.flow.survey import Survey
from bot.flow.turn import Message
from bot.interview.surveys import Published
from bot.reporting import snapshots, words
from bot.reporting.publication import Count, change
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy

MOST_UNITS = 8
"""So many units are named in one message; the rest is counted."""

MOST_DETAILS = 20
LONGEST_NAME = 40
"""With these a message stays under the 1,600 characters that the provider takes."""

PACE_DAYS = 7
"""The present pace is that of so many days."""

TEMPLATE = "daily_template"


@dataclass(frozen=True, slots=True)
class Report:
    """All that one coordinator's message is made of: published numbers of a unit, or of all.

    `earlier` are the snapshots before, newest first, from at most `PACE_DAYS` ago.
    """

    published: Published
    hierarchy: Hierarchy
    unit_id: int | None
    snapshot: Snapshot
    earlier: Sequence[Snapshot] = ()
    final: bool = False

    @property
    def survey(self) -> Survey:
        """The survey that is counted."""
        return self.published.survey


def make_report(
    published: Published, hierarchy: Hierarchy, unit_id: int | None, recent: Sequence[Snapshot]
) -> Report | None:
    """Return the report of the newest of these snapshots (newest first); None of none."""
    if not recent:
        return None
    newest, *rest = recent
    near = [one for one in rest if (newest.day - one.day).days <= PACE_DAYS]
    final = newest.day > snapshots.last_day(published)
    return Report(published, hierarchy, unit_id, newest, near, final)


def read_report(
    connection: Connection,
    published: Published,
    hierarchy: Hierarchy,
    unit_id: int | None,
    day: date,
) -> Report | None:
    """Return a day's report: of its snapshot, or the newest before; None before the first."""
    recent = snapshots.recent(connection, published.id, day, PACE_DAYS + 1)
    return make_report(published, hierarchy, unit_id, recent)


def text(report: Report) -> str:
    """Return the digest: numbers per group, units that need a word, forecast."""
    survey = report.survey
    parts = [_head(report), "\n".join(_group_lines(report))]
    if report.final:
        parts.append(words.say(survey, "digest_final", {}))
    else:
        needy = _unit_lines(report, needing_word(report), MOST_UNITS)
        if needy:
            parts.append("\n".join([words.words(survey, "digest_units"), *needy]))
        percent = forecast(report)
        if percent is not None:
            values = {"perkiraan": words.percent(percent)}
            parts.append(words.say(survey, "digest_forecast", values))
    parts.append(words.words(survey, "digest_foot"))
    return "\n\n".join(parts)


def details(report: Report) -> str:
    """Return the published numbers unit by unit, by name; of a single unit, the digest."""
    below = report.hierarchy.within(report.unit_id)
    counted = {unit for unit, _ in report.snapshot.cells}
    named = [unit for unit in report.hierarchy.units if unit in below & counted]
    if len(named) < 2:
        return text(report)
    lines = [words.words(report.survey, "digest_details")]
    lines += _unit_lines(report, named, MOST_DETAILS)
    foot = words.words(report.survey, "digest_foot")
    return "\n\n".join([_head(report), "\n".join(lines), foot])


def brief(report: Report) -> str:
    """Return the numbers per group alone, for somebody who holds several posts."""
    return "\n".join([_head(report), *_group_lines(report)])


def message(report: Report) -> Message:
    """Return the day's message: the digest where free text may be sent, else the template."""
    values = _values(report)
    template = words.words(report.survey, TEMPLATE)
    variables = {
        name: " ".join(values.get(name, "").split()) or "-" for name in placeholders(template)
    }
    return Message(
        text(report),
        buttons=words.buttons(report.survey, TEMPLATE),
        language=words.LOCALE,
        template=TEMPLATE,
        variables=variables,
        template_text=words.say(report.survey, TEMPLATE, variables),
    )


def _values(report: Report) -> dict[str, str]:
    """Return what placeholders of coordinators' messages stand for; groups by their own names."""
    survey, settings = report.survey, report.survey.settings
    snapshot = report.snapshot
    days = (settings.closes - settings.opens).days + 1
    owner = dict(settings.texts.get(words.LOCALE, {}))
    unit = report.hierarchy.units.get(report.unit_id) if report.unit_id is not None else None
    values = owner | {
        "nama_survei": words.title(survey),
        "instansi": unit.name if unit else owner.get("instansi", words.title(survey)),
        "tgl": words.day(snapshot.day),
        "pukul": settings.snapshot_at.strftime("%H.%M"),
        "zona": words.zone_letters(settings.zone, snapshot.at),
        "hari": words.number(min((snapshot.day - settings.opens).days + 1, days)),
        "total_hari": words.number(days),
    }
    units = report.hierarchy.within(report.unit_id)
    said = []
    for group in settings.groups:
        shown = words.shown(survey, snapshot.count(units, group))
        values[group] = shown
        said.append(f"{words.group_label(survey, group)} {shown}")
    return values | {"ringkasan": ", ".join(said)}


def _head(report: Report) -> str:
    return words.say(report.survey, "digest_head", _values(report))


def _group_lines(report: Report) -> list[str]:
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


def _unit_lines(report: Report, units: Sequence[int], most: int) -> list[str]:
    """Return a line for each unit, and how many more there are."""
    lines = []
    for unit in units[:most]:
        name = report.hierarchy.units[unit].name
        short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"
        if report.hierarchy.children.get(unit):
            short += words.words(report.survey, "digest_own")
        lines.append("• " + words.line(report.survey, short, report.snapshot.count({unit})))
    if len(units) > most:
        rest = {"sisa": words.number(len(units) - most)}
        lines.append(words.say(report.survey, "digest_units_more", rest))
    return lines


def needing_word(report: Report) -> list[int]:
    """Return units whose published share of the target is under half of what all of them have.

    By name: the order says nothing. Units without target, or too small to show, are never listed.
    """
    units = report.hierarchy.within(report.unit_id)
    whole = report.snapshot.count(units)
    if len(units) < 2 or not whole.target or not whole.value:
        return []
    share = Fraction(whole.value, whole.target)
    cells: dict[int, list[Count]] = {}
    for (unit, _), cell in report.snapshot.cells.items():
        if unit in units and cell.target and cell.kind != "hidden":
            cells.setdefault(unit, []).append(cell)

    def needs(unit: int) -> bool:
        of_unit = cells.get(unit, [])
        wanted = sum(cell.target or 0 for cell in of_unit)
        almost = any(cell.kind == "almost" for cell in of_unit)
        return wanted > 0 and not almost and 2 * sum(c.value for c in of_unit) < share * wanted

    return [unit for unit in report.hierarchy.units if needs(unit)]


def forecast(report: Report) -> Fraction | None:
    """Return the share of the target at the end if the pace of the last days holds, at most 1.

    None without target, earlier numbers or days that remain. Of published sums only.
    """
    units = report.hierarchy.within(report.unit_id)
    now = report.snapshot.count(units)
    remaining = (report.survey.settings.closes - report.snapshot.day).days + 1
    if not report.earlier or now.kind != "number" or not now.target or remaining <= 0:
        return None
    then = report.earlier[-1]
    days = (report.snapshot.day - then.day).days
    pace = Fraction(now.value - then.count(units).value, days)
    return min(Fraction(1), (now.value + pace * remaining) / now.target)
