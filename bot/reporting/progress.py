"""The published numbers as a table for operators: those that coordinators see, in English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.reporting import snapshots
from bot.reporting.publication import Count, change
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy, read_hierarchy

SHOWN = {"few": "<5", "almost": "almost complete", "hidden": "not shown yet"}


@dataclass(frozen=True, slots=True)
class Line:
    """One published number: of a unit (None: all) and a group (None: all), and its change."""

    unit: str | None
    unit_name: str | None
    depth: int
    group: str | None
    count: Count
    change: int | None

    @property
    def text(self) -> str:
        """The published number, or the words that stand for it."""
        return SHOWN.get(self.count.kind) or f"{self.count.value:,}"

    def to_dict(self) -> dict[str, object]:
        """Return the plain form; what is hidden is null."""
        return {
            "unit": self.unit,
            "unit_name": self.unit_name,
            "group": self.group,
            "text": self.text,
            **self.count.to_dict(),
            "change": self.change,
        }

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return a row for the terminal: unit, group, published, target, percent, change."""
        share = self.count.share
        return (
            "  " * self.depth + (self.unit_name or "all"),
            self.group or "all",
            self.text,
            f"{self.count.target:,}" if self.count.target else "-",
            _percent(share) if share is not None else "-",
            f"+{self.change:,}" if self.change else "",
        )


def _percent(share: Fraction) -> str:
    """Return a share with one decimal at most: 38.8%, 20%."""
    return f"{float(share):.1%}".replace(".0%", "%")


@dataclass(frozen=True, slots=True)
class Progress:
    """The day's one snapshot of a survey, line by line; no lines before the first."""

    survey: str
    day: str | None
    at: str | None
    lines: tuple[Line, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the plain form."""
        return {
            "survey": self.survey,
            "day": self.day,
            "at": self.at,
            "lines": [line.to_dict() for line in self.lines],
        }


HEADINGS = ("unit", "group", "finished", "target", "of it", "change")


def progress(installation: Installation, survey: str) -> Progress:
    """Return the newest snapshot with its change. Raises UnknownSurvey.

    Sums are of published values, as everything else; the true counts are not read.
    """

    def work(connection: Connection) -> Progress:
        published = installation.surveys.named(connection, survey)
        today = published.survey.settings.day(installation.now())
        found = snapshots.recent(connection, published.id, today, 2)
        if not found:
            return Progress(survey, None, None, ())
        newest, before = found[0], found[1] if len(found) > 1 else None
        groups = list(published.survey.settings.groups)
        local = newest.at.astimezone(published.survey.settings.zone)
        shown = lines(newest, before, read_hierarchy(connection), groups)
        return Progress(survey, newest.day.isoformat(), local.isoformat(), tuple(shown))

    return installation.database.read(work)


def lines(
    newest: Snapshot, before: Snapshot | None, hierarchy: Hierarchy, groups: Sequence[str]
) -> Iterator[Line]:
    """Yield a line for each group of all units and of each unit that is counted, and the total."""
    for group in (*groups, None):
        yield _line(newest, before, hierarchy, None, 0, group)
    counted = {unit for unit, _ in newest.cells}
    tops = [one.id for one in hierarchy.units.values() if one.parent_id not in hierarchy.units]
    waiting = [(unit, 0) for unit in reversed(tops)]
    seen: set[int] = set()
    while waiting:
        unit, depth = waiting.pop()
        if unit in seen:
            continue
        seen.add(unit)
        within = hierarchy.within(unit)
        if not within & counted:
            continue
        for group in groups:
            if group in newest.groups(within):
                yield _line(newest, before, hierarchy, unit, depth, group)
        below = hierarchy.children.get(unit, ())
        waiting += [(child, depth + 1) for child in reversed(below)]


def _line(
    newest: Snapshot,
    before: Snapshot | None,
    hierarchy: Hierarchy,
    unit_id: int | None,
    depth: int,
    group: str | None,
) -> Line:
    within = hierarchy.within(unit_id) if unit_id is not None else None
    now = newest.count(within, group)
    rise = change(now, before.count(within, group) if before else None)
    if unit_id is None:
        return Line(None, None, depth, group, now, rise)
    unit = hierarchy.units[unit_id]
    return Line(f"{unit.code_list}:{unit.code}", unit.name, depth, group, now, rise)
