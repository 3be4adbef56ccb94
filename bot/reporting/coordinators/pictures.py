"""What coordinators get to look at: a picture of the published numbers, and them as a workbook.

Both are drawn from a day's snapshot when they are fetched, not when they are asked for, and say no
more than the texts: what a text calls "<5", "hampir lengkap" or "belum ditampilkan" has no length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from bot.flow.turn import Attachment, Choice, Message
from bot.interview.files.media_links import File
from bot.interview.installation import Installation
from bot.printing.charts import Bar, BarKind, Chart, Trend, draw_chart
from bot.reporting import words
from bot.reporting.coordinators import digest, recap
from bot.reporting.coordinators.digest import Report
from bot.reporting.units import read_hierarchy

BARS = 10
"""So many bars stand in one picture: with more, a phone shows a strip that nobody can read."""

_CHART, _RECAP = "chart", "recap"
POSTER = "poster"
"""Begins what names a poster; it ends in the code of its link, and others draw it."""
_NEAR = 2  # the target's line is drawn where the highest number is at least its half


class _Row(NamedTuple):
    """What one bar is of."""

    name: str
    units: frozenset[int]
    group: str | None = None


def message(report: Report, page: int = 1, of: str = "") -> Message:
    """Return the picture of the day's numbers with its caption, for the word GRAFIK.

    `of` is the unit's code where the command names the unit.
    """
    values = digest.values(report)
    many = len(_pages(report))
    page = min(max(page, 1), many)
    caption = [words.say(report.survey, "chart", values), *digest.outlook(report)]
    turn: tuple[Choice, ...] = ()
    if page < many:
        following = digest.behind(of, page + 1)
        place = {"halaman": words.number(page), "jumlah": words.number(many)}
        caption.append(words.say(report.survey, "chart_more", place | {"berikut": following}))
        turn = (Choice(f"GRAFIK {following}", f"Grafik {page + 1}"),)
    return Message(
        "\n\n".join(caption),
        buttons=turn,
        language=words.LOCALE,
        attachment=attachment(report, page),
    )


def recap_message(report: Report) -> Message:
    """Return the workbook of the day's numbers, for the word REKAP while the survey runs."""
    name = f"rekap-{report.published.name}-{report.snapshot.day.isoformat()}.xlsx"
    return Message(
        words.say(report.survey, "workbook", digest.values(report)),
        language=words.LOCALE,
        attachment=Attachment("document", _what(_RECAP, report), name),
    )


def attachment(report: Report, page: int = 1) -> Attachment:
    """Return the picture that goes with a message about a report."""
    name = f"grafik-{report.published.name}-{report.snapshot.day.isoformat()}.png"
    return Attachment("image", _what(_CHART, report, page), name)


def _what(kind: str, report: Report, page: int = 1) -> str:
    unit = report.unit_id or 0
    day = report.snapshot.day.isoformat()
    return f"{kind}:{report.published.id}:{unit}:{day}:{page}"


def file(installation: Installation, what: str) -> File | None:
    """Make the file that an attachment of ours names; None for what is none, or is gone."""
    kind, _, rest = what.partition(":")
    if kind not in (_CHART, _RECAP):
        return None
    survey_id, unit_id, day, page = rest.split(":")
    wanted = partial(
        _report,
        installation=installation,
        survey_id=int(survey_id),
        unit_id=int(unit_id) or None,
        day=date.fromisoformat(day),
    )
    report = installation.database.read(wanted)
    if report is None:
        return None
    if kind == _RECAP:
        return File(recap.workbook(report), recap.MIME, "rekap.xlsx")
    return File(draw_chart(chart(report, int(page))), "image/png", "grafik.png")


def _report(
    connection: Connection,
    *,
    installation: Installation,
    survey_id: int,
    unit_id: int | None,
    day: date,
) -> Report | None:
    published = installation.surveys.by_id(connection, survey_id)
    hierarchy = read_hierarchy(connection)
    return digest.read_report(
        connection, published, hierarchy, unit_id, day, look_back=digest.HISTORY_DAYS
    )


# --- what a picture shows -------------------------------------------------------------------------


def chart(report: Report, page: int = 1) -> Chart:
    """Return a picture of a report; the first one has the trend of all its units together."""
    survey, values = report.survey, digest.values(report)
    pages = _pages(report)
    bars = tuple(_bar(report, row) for row in pages[min(page, len(pages)) - 1])
    more = f"{words.number(page)}/{words.number(len(pages))}" if len(pages) > 1 else ""
    hatched = any(bar.kind in ("few", "almost", "hidden") for bar in bars)
    return Chart(
        title=values["nama_survei"],
        place=values["instansi"],
        moment=words.say(survey, "chart_moment", values),
        bars=bars,
        legend=words.words(survey, "chart_legend" if hatched else "chart_legend_plain"),
        more=more,
        trend=_trend(report) if page == 1 else None,
        foot=words.words(survey, "digest_foot").strip("_"),
    )


def _pages(report: Report) -> list[list[_Row]]:
    rows = list(_rows(report))
    return [rows[at : at + BARS] for at in range(0, max(len(rows), 1), BARS)]


def _rows(report: Report) -> Iterator[_Row]:
    """Yield what has a bar: each unit right below, by name, with all that is below it; of a unit
    without any, each group."""
    survey, hierarchy, snapshot = report.survey, report.hierarchy, report.snapshot
    counted = {unit for unit, _ in snapshot.cells}
    top, below = _below(report, counted)
    if top is not None and top in counted and below:
        own = digest.short(hierarchy.units[top].name) + words.words(survey, "digest_own")
        yield _Row(own, frozenset({top}))
    for unit in below:
        name = digest.short(hierarchy.units[unit].name)
        yield _Row(name, hierarchy.within(unit) & counted)
    if below:
        return
    units = hierarchy.within(report.unit_id)
    there = snapshot.groups(units)
    for group in survey.settings.groups:
        if group in there:
            yield _Row(words.group_label(survey, group), units, group)


def _below(report: Report, counted: set[int]) -> tuple[int | None, Sequence[int]]:
    """Return the unit whose parts a picture shows, and those of them that are counted."""
    hierarchy, top = report.hierarchy, report.unit_id
    if top is None:
        tops = [one.id for one in hierarchy.units.values() if one.parent_id is None]
        tops = [one for one in tops if hierarchy.within(one) & counted]
        if len(tops) != 1:
            return None, tops
        (top,) = tops
    children = hierarchy.children.get(top, ())
    return top, [unit for unit in children if hierarchy.within(unit) & counted]


def _bar(report: Report, row: _Row) -> Bar:
    survey, name = report.survey, row.name
    count = report.snapshot.count(row.units, row.group)
    if count.kind != "number":
        kind: BarKind = count.kind
        return Bar(name, words.shown(survey, count), kind)
    value = words.number(count.value)
    if count.share is None:
        return Bar(name, f"{value} · {words.words(survey, 'no_target')}", "none")
    told = {"isi": value, "target": words.number(count.target or 0)}
    told["pct"] = words.percent(count.share)
    return Bar(name, words.say(survey, "chart_bar", told), "bar", float(count.share))


def _trend(report: Report) -> Trend | None:
    """Return the line of the published sum; days on which it is not told are left out."""
    survey = report.survey
    units = report.hierarchy.within(report.unit_id)
    days = [(one.day, one.count(units)) for one in reversed((report.snapshot, *report.earlier))]
    told = [(day, count.value) for day, count in days if count.kind == "number"]
    newest = days[-1][1]
    if len(told) < 2 or newest.kind != "number":
        return None
    first, last = told[0][0], told[-1][0]
    highest = max(value for _, value in told)
    target = newest.target if newest.target and _NEAR * highest >= newest.target else None
    top = max(highest, target or 0) * 1.05
    span = (last - first).days
    return Trend(
        title=words.words(survey, "chart_trend"),
        points=tuple(((day - first).days / span, value / top) for day, value in told),
        first=words.day_of_year(first),
        last=words.day_of_year(last),
        now=words.number(newest.value),
        target=None if target is None else target / top,
        target_words=""
        if target is None
        else words.say(survey, "chart_target", {"target": words.number(target)}),
    )
