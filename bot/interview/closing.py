"""The end of fieldwork: everything finished is mixed at once, the rest is deleted.

Waiting time does not count any more, and somebody who opened a finished interview again counts with
the earlier answers. What is under `k` in its cell rolls up to the parent unit, joins what waits
there, and so on; every lot has at least `k` by itself, whatever was released before, so that two
states of the database never differ by fewer. What stays under `k` at the top is deleted, and
counted.

Each step is a transaction that leaves a consistent state, and what a step has done the next run
does not find again: after a crash, call `close` once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bot.flow.state import UNDER_WAY
from bot.interview import mixing, pilots
from bot.interview.installation import Installation
from bot.interview.states import unseal
from bot.interview.surveys import Published
from storage import leftovers
from storage.database import Conflict
from storage.queries import attachments as attachment_queries
from storage.queries import audit, counts
from storage.queries import closing as queries
from storage.queries import keys as key_queries
from storage.queries import mixing as mixing_queries
from storage.queries.mixing import CellKey

# Turns that were under way when the survey closed may finish between two rounds; never for long.
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class RollUp:
    """People of one cell whose answers become responses of a unit above."""

    unit: str
    group: str
    people: int
    into: str


@dataclass(frozen=True, slots=True)
class Loss:
    """People whose finished answers are too few, even at the top, to hide each other."""

    unit: str
    group: str
    people: int


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """What closing a survey would do; all numbers are people."""

    survey: str
    k: int
    closed: bool  # it was closed before (a run that was killed may have left work)
    to_mix: int  # finished answers that become responses
    rolled_up: tuple[RollUp, ...]
    lost: tuple[Loss, ...]  # finished answers that would be deleted
    invited: int  # never began
    unfinished: int  # began and did not finish; their answers would be deleted


@dataclass(frozen=True, slots=True)
class CloseReport:
    """What closing a survey did in this run. `clean` is False when traces of deleted rows are left
    in the files because readers were in the way: close again. `before`: it was closed already (a
    run that was killed may have left work)."""

    survey: str
    mixed: int
    lots: int
    deleted: int
    ended: int
    dropped: int
    clean: bool
    before: bool = False

    @property
    def nothing(self) -> bool:
        """Whether there was nothing left to do."""
        return self.before and not (self.mixed or self.deleted or self.ended or self.dropped)


@dataclass(frozen=True, slots=True)
class _Lot:
    """People whose answers go together into one cell; `origins` counts them by their own unit."""

    unit_id: int
    grp: str
    ids: tuple[int, ...]
    origins: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Split:
    """Who can be mixed how, and who cannot."""

    lots: tuple[_Lot, ...] = ()
    rest: tuple[_Lot, ...] = ()
    reopened: int = 0  # of them under way again


def plan_close(installation: Installation, survey: str) -> ClosePlan:
    """Say what closing a survey would do, without doing it. Raises UnknownSurvey."""

    def work(connection: Connection) -> ClosePlan:
        published = installation.surveys.named(connection, survey)
        k = published.survey.settings.k
        status = queries.by_status(connection, published.id)
        if _key_destroyed(connection, published.id):
            return ClosePlan(survey, k, True, 0, (), (), 0, 0)
        split = _split(connection, installation, published)
        names = {unit: name for unit, (_, name) in queries.parents(connection).items()}
        begun = sum(status.get(one, 0) for one in UNDER_WAY)
        return ClosePlan(
            survey=survey,
            k=k,
            closed=published.closed_at is not None,
            to_mix=sum(len(lot.ids) for lot in split.lots),
            rolled_up=tuple(
                RollUp(names[origin], lot.grp, people, names[lot.unit_id])
                for lot in split.lots
                for origin, people in sorted(lot.origins.items())
                if origin != lot.unit_id
            ),
            lost=tuple(Loss(names[lot.unit_id], lot.grp, len(lot.ids)) for lot in split.rest),
            invited=status.get("invited", 0),
            unfinished=begun - split.reopened,
        )

    return installation.database.read(work)


def close(installation: Installation, survey: str) -> CloseReport:
    """Close a survey for good. Raises UnknownSurvey.

    1. Mark it closed: no new turns; links expire, what was not sent is dropped.
    2. Mix lot by lot, a transaction each, until no lot is left.
    3. In one transaction: count and delete the rest, end what has not ended, destroy the key.
    4. Outside any transaction, remove what deleted rows leave behind in the files.
    """
    database = installation.database
    published, dropped = database.write(lambda connection: _mark(connection, installation, survey))
    before = published.closed_at is not None
    lots: list[int] = []
    for _ in range(ROUNDS):
        split = database.read(lambda connection: _open_split(connection, installation, published))
        for lot in split.lots:
            lots.append(_mix(installation, published, lot))
        ending = database.write(lambda connection: _end(connection, installation, published))
        if ending is not None:
            clean = leftovers.rebuild(database)
            mixed = [size for size in lots if size]
            return CloseReport(survey, sum(mixed), len(mixed), *ending, dropped, clean, before)
    raise Conflict(f"interviews of {survey} are still being finished; close it again in a minute")


def _mark(connection: Connection, installation: Installation, survey: str) -> tuple[Published, int]:
    published = installation.surveys.named(connection, survey)
    now = installation.now()
    pilots.wipe_within(connection, installation, published)
    if queries.close(connection, published.id, now):
        audit.record(connection, now, "close", survey)
    queries.expire_links(connection, published.id, now)
    return published, queries.drop_messages(connection, published.id)


def _mix(installation: Installation, published: Published, lot: _Lot) -> int:
    """Release one lot and return its size, or 0 when it has shrunk under `k` since it was drawn."""

    def work(connection: Connection) -> int:
        rows = mixing_queries.lock_sealed(connection, lot.ids)
        interviews = mixing.open_interviews(connection, installation, published, rows)
        if len(interviews) < published.survey.settings.k:
            return 0
        cell = CellKey(published.id, lot.unit_id, lot.grp)
        mixing.release(connection, installation, published, cell, interviews)
        return len(interviews)

    return installation.database.write(work)


def _end(
    connection: Connection, installation: Installation, published: Published
) -> tuple[int, int] | None:
    """Delete what is left; return (deleted, ended), or None when another lot has come together."""
    if _key_destroyed(connection, published.id):
        return 0, 0
    split = _split(connection, installation, published, lock=True)
    if split.lots:
        return None
    for lot in split.rest:
        counts.add(connection, published.id, lot.unit_id, lot.grp, deleted=len(lot.ids))
    ended = queries.wipe_states(connection, published.id)
    queries.drop_messages(connection, published.id)
    queries.forget_answered(connection, published.id)
    attachment_queries.remove_of_survey(connection, published.id)
    # Made first where there is none, so that none can be made later.
    installation.keys.survey(connection, published.id)
    installation.keys.destroy(connection, f"survey:{published.id}")
    return sum(len(lot.ids) for lot in split.rest), ended


def _key_destroyed(connection: Connection, survey_id: int) -> bool:
    row = key_queries.by_scope(connection, f"survey:{survey_id}")
    return row is not None and row.wrapped is None


def _open_split(connection: Connection, installation: Installation, published: Published) -> _Split:
    if _key_destroyed(connection, published.id):
        return _Split()
    return _split(connection, installation, published)


def _split(
    connection: Connection, installation: Installation, published: Published, *, lock: bool = False
) -> _Split:
    """Gather everything finished into lots of at least `k`, rolling up what is under it."""
    cells: dict[tuple[int, str], list[tuple[int, int]]] = {}
    reopened = 0
    for row in queries.candidates(connection, published.id, lock=lock):
        if row.sealed is not None:
            key = installation.keys.by_id(connection, row.key_id or 0)
            state = unseal(key, row.id, row.sealed)
            if mixing.finished_answers(state) is None:
                continue
            reopened += state.status.under_way
        cells.setdefault((row.unit_id, row.grp), []).append((row.id, row.unit_id))
    above = {unit: parent for unit, (parent, _) in queries.parents(connection).items()}
    k = published.survey.settings.k
    lots: list[_Lot] = []
    rest: list[_Lot] = []
    while cells:
        # The deepest first, so that a parent has everything of its children when its turn comes.
        unit_id, grp = max(cells, key=lambda cell: (len(_ancestors(above, cell[0])), cell))
        people = cells.pop((unit_id, grp))
        parent = above[unit_id]
        if len(people) >= k:
            lots.extend(_lots(unit_id, grp, people, k))
        elif parent is not None and unit_id not in _ancestors(above, unit_id):
            cells.setdefault((parent, grp), []).extend(people)
        else:
            rest.append(_lot(unit_id, grp, people))
    return _Split(tuple(lots), tuple(rest), reopened)


def _ancestors(above: Mapping[int, int | None], unit_id: int) -> list[int]:
    found: list[int] = []
    parent = above[unit_id]
    while parent is not None and parent not in found:
        found.append(parent)
        parent = above[parent]
    return found


def _lots(unit_id: int, grp: str, people: list[tuple[int, int]], k: int) -> list[_Lot]:
    """Cut a large cell at random into lots of about the same size, none under `k`."""
    most = max(mixing.MAX_LOT, 2 * k)
    number = -(-len(people) // most)
    mixing.CHANCE.shuffle(people)
    return [_lot(unit_id, grp, people[start::number]) for start in range(number)]


def _lot(unit_id: int, grp: str, people: list[tuple[int, int]]) -> _Lot:
    origins: dict[int, int] = {}
    for _, origin in people:
        origins[origin] = origins.get(origin, 0) + 1
    return _Lot(unit_id, grp, tuple(one for one, _ in people), origins)
