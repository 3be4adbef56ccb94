"""The ledger of links: what posters bring by day, and which codes are passed on.

It is for whoever runs the survey, not for coordinators. Only days that are over stand in it, and no
number under 5: sums are made of shown numbers alone, so that nothing hidden can be computed. Of
personal links nothing is told but attempts on codes that others had used, by unit and group, since
the code's person would be seen to have begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from bot.interview.installation import Installation
from storage.queries import ledger as queries
from storage.queries import units as unit_queries
from storage.queries.ledger import DayRow
from storage.queries.units import UnitRow

SMALL = 5
# A run: so many starts at one poster on one day, and so many times what posters have on a day.
RUN_STARTS = 20
RUN_TIMES = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """A number that may be told: itself, 0, or None for one to four."""

    value: int | None

    def __str__(self) -> str:
        return f"<{SMALL}" if self.value is None else str(self.value)


def shown(number: int) -> Shown:
    """Return what of a number may be told."""
    return Shown(number if number == 0 or number >= SMALL else None)


@dataclass(frozen=True, slots=True)
class Day:
    """What one poster brought on one day. `run`: far more than posters do."""

    day: date
    starts: Shown
    finishes: Shown
    refused: Shown
    run: bool


@dataclass(frozen=True, slots=True)
class PosterLine:
    """One poster: where it hangs, and its days. The sums are of what its days show."""

    unit: str
    group: str
    note: str
    code: str
    days: tuple[Day, ...]

    @property
    def starts(self) -> int:
        """Starts, at least."""
        return sum(day.starts.value or 0 for day in self.days)

    @property
    def finishes(self) -> int:
        """Finished interviews, at least."""
        return sum(day.finishes.value or 0 for day in self.days)


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Attempts on personal codes that were used up, in one unit's group.

    `leak`: a single code was tried by many, so it was passed on.
    """

    unit: str
    group: str
    attempts: Shown
    leak: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """A survey's links by day, up to yesterday."""

    survey: str
    until: date  # not included
    posters: tuple[PosterLine, ...]
    personal: tuple[PassedOn, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; null is a number from one to four."""
        return {
            "survey": self.survey,
            "until": self.until.isoformat(),
            "posters": [
                {
                    "unit": one.unit,
                    "group": one.group,
                    "note": one.note,
                    "code": one.code,
                    "starts_at_least": one.starts,
                    "finishes_at_least": one.finishes,
                    "days": [
                        {
                            "day": day.day.isoformat(),
                            "starts": day.starts.value,
                            "finishes": day.finishes.value,
                            "refused": day.refused.value,
                            "run": day.run,
                        }
                        for day in one.days
                    ],
                }
                for one in self.posters
            ],
            "personal": [
                {
                    "unit": one.unit,
                    "group": one.group,
                    "refused": one.attempts.value,
                    "leak": one.leak,
                }
                for one in self.personal
            ],
        }


def ledger(installation: Installation, survey: str) -> Ledger:
    """Return a survey's ledger. Raises UnknownSurvey."""

    def work(connection: Connection) -> Ledger:
        published = installation.surveys.named(connection, survey)
        today = published.survey.settings.day(installation.now())
        rows = queries.before(connection, published.id, today)
        units = {unit.id: unit for unit in unit_queries.every(connection)}
        posters = [row for row in rows if not row.personal]
        return Ledger(
            survey=survey,
            until=today,
            posters=tuple(_posters(posters, units)),
            personal=tuple(_passed_on([row for row in rows if row.personal], units)),
        )

    return installation.database.read(work)


def _posters(rows: Sequence[DayRow], units: dict[int, UnitRow]) -> Iterable[PosterLine]:
    busy = [row.starts for row in rows if row.starts]
    for _, found in groupby(rows, key=lambda row: row.link_id):
        mine = list(found)
        first = mine[0]
        yield PosterLine(
            unit=units[first.unit_id].name,
            group=first.grp,
            note=first.note,
            code=first.code,
            days=tuple(
                Day(
                    day=row.day,
                    starts=shown(row.starts),
                    finishes=shown(row.finishes),
                    refused=shown(row.refused),
                    run=_is_run(row.starts, busy),
                )
                for row in mine
            ),
        )


def _is_run(starts: int, busy: Sequence[int]) -> bool:
    """Whether a day at a poster is far from what the other days at posters are like."""
    others = len(busy) - 1
    if starts < RUN_STARTS or others < 1:
        return False
    return starts >= RUN_TIMES * (sum(busy) - starts) / others


def _passed_on(rows: Sequence[DayRow], units: dict[int, UnitRow]) -> Iterable[PassedOn]:
    by_place: dict[tuple[int, str], dict[int, int]] = {}
    for row in rows:
        by_code = by_place.setdefault((row.unit_id, row.grp), {})
        by_code[row.link_id] = by_code.get(row.link_id, 0) + row.refused
    for (unit_id, group), by_code in sorted(by_place.items()):
        yield PassedOn(
            unit=units[unit_id].name,
            group=group,
            attempts=shown(sum(by_code.values())),
            leak=max(by_code.values()) >= SMALL,
        )
