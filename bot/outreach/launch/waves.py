"""Waves: a launch for a part of the roster, and how it is paused, taken up again and stopped.

Pausing and stopping first change the launch's own row: from that moment nothing of it goes out
(see `bot.interview.sending.holding`). What had been planned is then cleared away in chunks; run
again after a crash they do the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.sending import holding
from bot.interview.surveys import Published
from bot.outreach.launch.slots import Slots
from bot.outreach.roster.rows import Units
from storage.queries import audit, launching
from storage.queries import units as unit_queries
from storage.queries import waves as queries
from storage.queries.waves import WaveRow

CHUNK = 200  # of rows that are changed in one transaction
Place = tuple[int, str]
"""A unit's id and a group."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a launch is for. Units count with those below them; nothing named is everybody.

    `share` (0 to 1) is of all who can be reached at all, invited before or not, so that five waves
    of 0.2 are everybody; `people` is a number. Either is spread over units and groups.
    """

    units: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    share: float | None = None
    people: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what is given as plain data."""
        plain = {name: value for name, value in asdict(self).items() if value}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        }


EVERYBODY = Wanted()


@dataclass(frozen=True, slots=True)
class Wave:
    """One launch as an operator sees it. `unsent` invitations have not gone out."""

    kind: str
    number: int
    state: str
    per_day: int
    people: int
    unsent: int
    finished: int  # of a pilot that is wiped
    filters: Mapping[str, Any]
    complete: bool  # False: it is at work still, or was cut off and wants to be run again
    started_at: datetime
    changed_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; times as ISO 8601."""
        times = {name: getattr(self, name).isoformat() for name in ("started_at", "changed_at")}
        return {**asdict(self), **times}


@dataclass(frozen=True, slots=True)
class WaveChange:
    """What pausing, resuming or stopping did: invitations held, given a new time, withdrawn."""

    wave: int
    state: str
    invitations: int
    too_late: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def find_units(
    connection: Connection, published: Published, wanted: Wanted
) -> tuple[list[int] | None, list[str] | None]:
    """Return the ids of the units and the groups that are meant, None for all.

    Raises InputError for one that is not known.
    """
    problems = []
    units = unit_queries.every(connection)
    known = Units(units)
    ids: set[int] = set()
    for text in wanted.units:
        found = known.find(text, "")
        if isinstance(found, int):
            ids.add(found)
        else:
            problems.append(Problem.about("units", *found))
    groups = published.survey.settings.groups
    for name in wanted.groups:
        if name not in groups:
            fix = f"there are {', '.join(groups)}"
            problems.append(Problem.about("groups", f"there is no group {name!r}", fix))
    if problems:
        raise InputError(problems)
    while below := {one.id for one in units if one.parent_id in ids} - ids:
        ids |= below
    return sorted(ids) if wanted.units else None, list(wanted.groups) or None


def spread(
    wanted: Wanted, free: Mapping[Place, int], reachable: Mapping[Place, int]
) -> dict[Place, int] | None:
    """Return how many people of each place a launch takes; None: all that are free.

    `free` can be invited now, `reachable` counts those invited before with them. The parts are
    proportional, what is left over goes to the largest remainders, so that a small unit is not
    forgotten again and again.
    """
    if wanted.people is not None:
        total, weights = min(wanted.people, sum(free.values())), free
    elif wanted.share is not None:
        total, weights = round(wanted.share * sum(reachable.values())), reachable
    else:
        return None
    whole = sum(weights.values())
    if not whole:
        return {}
    exact = {place: total * weight / whole for place, weight in weights.items()}
    parts = {place: min(int(part), free.get(place, 0)) for place, part in exact.items()}
    by_remainder = sorted(exact, key=lambda place: (parts[place] - exact[place], place))
    left = min(total, sum(free.values())) - sum(parts.values())
    while left > 0:
        for place in by_remainder:
            if left > 0 and parts[place] < free.get(place, 0):
                parts[place] += 1
                left -= 1
    return {place: part for place, part in parts.items() if part}


def waves(installation: Installation, survey: str) -> list[Wave]:
    """Return a survey's launches, pilots among them, the oldest first. Raises UnknownSurvey."""

    def work(connection: Connection) -> list[Wave]:
        published = installation.surveys.named(connection, survey)
        return [_shown(connection, row) for row in queries.of_survey(connection, published.id)]

    return installation.database.read(work)


def pause(installation: Installation, survey: str, number: int | None = None) -> WaveChange:
    """Hold what a launch has not sent yet; replies and interviews go on.

    Without a number it is the only one that runs. Raises InputError, UnknownSurvey.
    """
    wave = _change(installation, survey, number, ("running", "paused"), "paused")

    def back(connection: Connection) -> int:
        found = queries.queued(connection, wave.id, CHUNK)
        for one in found:
            holding.take_back(connection, installation, one)
        return len(found)

    _repeat(installation, back)
    _repeat(installation, lambda connection: queries.park(connection, wave.id, CHUNK))
    unsent = installation.database.read(lambda connection: queries.unsent(connection, wave.id))
    return WaveChange(wave.number, "paused", unsent)


def resume(installation: Installation, survey: str, number: int | None = None) -> WaveChange:
    """Let a paused launch go on: what has not gone out gets new times, from now on.

    Raises InputError, UnknownSurvey.
    """
    wave = _change(installation, survey, number, ("paused", "running"), "running")
    database = installation.database
    published = database.read(lambda connection: installation.surveys.named(connection, survey))
    slots = Slots(published.survey.settings, installation.now(), wave.per_day)
    slots.count(database.read(lambda connection: launching.planned(connection, published.id)))
    after = given = late = 0
    while True:
        rows = database.read(
            lambda connection, after=after: queries.parked(connection, wave.id, after, CHUNK)  # type: ignore[misc]
        )
        if not rows:
            return WaveChange(wave.number, "running", given, late)
        after = rows[-1].id
        times = {row.id: slots.next(row.grp, row.zone) for row in rows}
        found = {one: at for one, at in times.items() if at is not None}
        database.write(
            lambda connection, found=found: queries.set_timers(connection, found)  # type: ignore[misc]
        )
        given += len(found)
        late += len(times) - len(found)


def stop(installation: Installation, survey: str, number: int | None = None) -> WaveChange:
    """End a launch: what it has not sent is withdrawn, and its people are free for a later one.

    Raises InputError, UnknownSurvey.
    """
    wave = _change(installation, survey, number, ("running", "paused", "stopped"), "stopped")
    gone = _repeat(installation, lambda connection: _withdraw(connection, wave.id))
    return WaveChange(wave.number, "stopped", gone)


def _withdraw(connection: Connection, wave_id: int) -> int:
    gone = queries.withdraw(connection, wave_id, CHUNK)
    if gone:
        people = queries.lock(connection, wave_id).people
        queries.change(connection, wave_id, people=max(0, people - gone))
    return gone


def _repeat(installation: Installation, work: Callable[[Connection], int]) -> int:
    """Run a chunk until it finds nothing any more; return how many it found in all."""
    total = 0
    while found := installation.database.write(work):
        total += found
    return total


def _change(
    installation: Installation, survey: str, number: int | None, before: tuple[str, ...], state: str
) -> WaveRow:
    """Give a launch another state, at once and for everybody."""

    def work(connection: Connection) -> WaveRow:
        published = installation.surveys.named(connection, survey)
        wave = queries.lock(connection, _named(connection, published, number, before, state).id)
        now = installation.now()
        if wave.state != state:
            queries.change(connection, wave.id, state=state, changed_at=now)
            detail = {"survey": survey, "wave": wave.number, "state": state}
            audit.record(connection, now, "launch", json.dumps(detail))
        return wave

    return installation.database.write(work)


def _named(
    connection: Connection,
    published: Published,
    number: int | None,
    before: tuple[str, ...],
    state: str,
) -> WaveRow:
    """Find the launch that is meant. Raises InputError."""
    rows = [one for one in queries.of_survey(connection, published.id) if one.kind == "real"]
    if number is not None:
        rows = [one for one in rows if one.number == number]
        if not rows:
            raise _wrong(published, f"there is no wave {number}", "`--waves` lists them")
        wave = rows[0]
        if wave.state not in before:
            raise _wrong(published, f"wave {number} is {wave.state}", "`--waves` lists them")
        return wave
    fitting = [one for one in rows if one.state in before[: 1 if state != "stopped" else 2]]
    fitting = [one for one in fitting if _effective(connection, one) != "done"]
    if not fitting:
        verb = {"paused": "is running", "running": "is paused", "stopped": "is running or paused"}
        raise _wrong(published, f"no wave {verb[state]}", "`--waves` lists them")
    if len(fitting) != 1:
        which = ", ".join(str(one.number) for one in fitting)
        what = f"which wave? {which} can be {state}"
        raise _wrong(published, what, "name one with `--wave N`; `--waves` lists them")
    return fitting[0]


def _effective(connection: Connection, row: WaveRow) -> str:
    """Return a launch's state; one that runs and has nothing left to send is done."""
    if row.kind == "real" and row.state == "running" and row.planned_at is not None:
        return "running" if queries.any_unsent(connection, row.id) else "done"
    return row.state


def _shown(connection: Connection, row: WaveRow) -> Wave:
    filters = json.loads(row.filters)
    return Wave(
        kind=row.kind,
        number=row.number,
        state=_effective(connection, row),
        per_day=row.per_day,
        people=row.people,
        unsent=queries.unsent(connection, row.id) if row.kind == "real" else 0,
        finished=row.finished,
        filters=filters.get("asked", {}),
        complete=row.planned_at is not None,
        started_at=row.started_at,
        changed_at=row.changed_at,
    )


def _wrong(published: Published, what: str, fix: str) -> InputError:
    return InputError([Problem.about(published.name, what, fix)])
