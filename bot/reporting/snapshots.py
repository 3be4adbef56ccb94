"""The day's one snapshot of a survey: taken once, after `snapshot_at` in the survey's own zone.

It holds published values only (see `publication`); the true counts are never stored. Everything
shown below the survey's owner is computed from it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection

from bot.interview.failures import Alone
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.publication import NOTHING, Count, publish, total
from storage.queries import progress
from storage.queries import reports as queries
from storage.queries.reports import CellKey


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was published of a survey on one day of its own zone. `at` is aware UTC.

    `cells` lists the cells that have, or had, a target or a published value. A cell that is not in
    it has neither; whether it was listed tells nothing about what is hidden.
    """

    survey_id: int
    day: date
    at: datetime
    cells: Mapping[CellKey, Count]

    def count(self, units: Collection[int] | None = None, group: str | None = None) -> Count:
        """Return the published count of some units (None: all) and a group (None: all)."""
        if units is not None and len(units) == 1 and group is not None:
            return self.cells.get((next(iter(units)), group), NOTHING)
        return total(self._within(units, group))

    def groups(self, units: Collection[int] | None = None) -> frozenset[str]:
        """Return the groups that some units have cells of."""
        return frozenset(key[1] for key in self.cells if units is None or key[0] in units)

    def _within(self, units: Collection[int] | None, group: str | None) -> Iterable[Count]:
        for (unit_id, grp), count in self.cells.items():
            if (units is None or unit_id in units) and group in (None, grp):
                yield count

    def to_json(self) -> str:
        """Return the stored form."""
        cells = [
            [unit_id, group, count.value, count.target, *([count.people] if count.people else [])]
            for (unit_id, group), count in sorted(self.cells.items())
        ]
        return json.dumps({"at": self.at.isoformat(), "cells": cells}, separators=(",", ":"))

    @classmethod
    def from_json(cls, survey_id: int, day: date, text: str) -> Snapshot:
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        cells = {
            (unit, group): Count(value, target, people=people[0] if people else None)
            for unit, group, value, target, *people in raw["cells"]
        }
        return cls(survey_id, day, datetime.fromisoformat(raw["at"]), cells)


def take_due(installation: Installation) -> int:
    """Take the snapshots that are due and return how many were taken now.

    A survey has one per local day, from the day it opens to the day after its end, whatever the
    number of processes that try: the row's key lets one in. A day that was slept through stays
    without one.
    """
    now = installation.now()

    def candidates(connection: Connection) -> list[tuple[Published, dict[CellKey, int]]]:
        surveys = installation.surveys.every(connection)
        due = [one for one in surveys if _due_day(connection, one, now) is not None]
        # Every row of the roster is looked at: not while writers wait.
        return [(one, progress.people(connection, one.id)) for one in due]

    taken = 0
    for published, people in installation.database.read(candidates):
        work = partial(_take, published=published, people=people, now=now)
        with Alone(f"the snapshot of survey {published.name}"):
            taken += installation.database.write(work)
    return taken


def _take(
    connection: Connection, published: Published, people: Mapping[CellKey, int], now: datetime
) -> bool:
    day = _due_day(connection, published, now)
    if day is None:
        return False
    earlier = latest(connection, published.id)
    cells = publish_all(
        queries.finished(connection, published.id),
        queries.targets(connection, published.id),
        people,
        earlier.cells if earlier is not None else {},
    )
    snapshot = Snapshot(published.id, day, now, cells)
    return queries.add_snapshot(connection, published.id, day, snapshot.to_json())


def publish_all(
    finished: Mapping[CellKey, int],
    targets: Mapping[CellKey, int],
    people: Mapping[CellKey, int],
    before: Mapping[CellKey, Count],
) -> dict[CellKey, Count]:
    """Apply the rule to every cell and list those that have, or had, a target or published value.

    A target that was taken away is remembered as a bound, and so are people of a list that is gone.
    """
    cells: dict[CellKey, Count] = {}
    for key in finished.keys() | targets.keys() | before.keys():
        known = before.get(key, NOTHING)
        target = targets.get(key) or None
        bound = people.get(key) or known.people or (None if target else known.target)
        value = publish(finished.get(key, 0), known.value, target, bound)
        if value or target or key in before:
            cells[key] = Count(value, target, people=bound)
    return cells


def _due_day(connection: Connection, published: Published, now: datetime) -> date | None:
    settings = published.survey.settings
    local = now.astimezone(settings.zone)
    if local.date() < settings.opens or local.time() < settings.snapshot_at:
        return None
    newest = queries.last_snapshot_day(connection, published.id)
    # The one taken after the last day holds the final counts; none follows it.
    if newest is not None and (newest >= local.date() or newest > published.last_day):
        return None
    return local.date()


def latest(connection: Connection, survey_id: int, day: date | None = None) -> Snapshot | None:
    """Return the newest snapshot, or the newest up to and including a day."""
    found = recent(connection, survey_id, day or date.max, 1)
    return found[0] if found else None


def recent(connection: Connection, survey_id: int, day: date, limit: int) -> list[Snapshot]:
    """Return the newest snapshots up to and including a day, newest first."""
    rows = queries.snapshots(connection, survey_id, day, limit)
    return [Snapshot.from_json(survey_id, at, text) for at, text in rows]
