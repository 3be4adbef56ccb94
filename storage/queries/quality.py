"""How clean rosters are: counts, the rows behind them, and the days before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from storage.models import RosterDuplicate, RosterImport, RosterQuality, RosterReject, RosterRow
from storage.queries.upsert import upsert


class Count(NamedTuple):
    """How many rows of a unit (None: of no known one) ended in a class."""

    unit_id: int | None
    kind: str
    rows: int


class SealedRow(NamedTuple):
    """A row that counts, with what it takes to open it."""

    id: int
    unit_id: int
    sealed: bytes
    key_id: int


def _counting(survey_id: int) -> list[ColumnElement[bool]]:
    """Say which rows count: of no import or an active one, and gone by none.

    On purpose another rule than `rosters.counting`: who is gone, or off, and was invited before
    must not be told from others by whoever brings the list.
    """
    mine = select(RosterImport.id).where(
        RosterImport.id == RosterRow.import_id, RosterImport.status == "active"
    )
    gone = select(RosterImport.id).where(
        RosterImport.id == RosterRow.gone_id, RosterImport.status == "active"
    )
    return [
        RosterRow.survey_id == survey_id,
        or_(RosterRow.import_id.is_(None), exists(mine)),
        ~exists(gone),
    ]


def usable(connection: Connection, survey_id: int) -> list[Count]:
    """Return how many rows that count have which kind of number.

    Removed rows ("wrong number") are among them: whoever brings the list does not learn of it.
    """
    statement = (
        select(RosterRow.unit_id, RosterRow.kind, func.count())
        .where(*_counting(survey_id))
        .group_by(RosterRow.unit_id, RosterRow.kind)
    )
    return [Count(*row) for row in connection.execute(statement)]


def to_mend(connection: Connection, survey_id: int) -> list[Count]:
    """Return how many open rows to mend are in which class."""
    place = func.coalesce(RosterReject.unit_id, RosterImport.unit_id)
    statement = (
        select(place, RosterReject.kind, func.count())
        .join(RosterImport, RosterImport.id == RosterReject.import_id)
        .where(
            RosterReject.survey_id == survey_id,
            RosterReject.status == "open",
            RosterImport.status == "active",
        )
        .group_by(place, RosterReject.kind)
    )
    return [Count(*row) for row in connection.execute(statement)]


def duplicates(connection: Connection, survey_id: int) -> list[Count]:
    """Return how many lines of a unit were no rows because their number counts already."""
    statement = (
        select(RosterDuplicate.unit_id, func.count())
        .where(
            RosterDuplicate.survey_id == survey_id,
            RosterDuplicate.kind == "same_number",
            RosterDuplicate.other_id.is_(None),
        )
        .group_by(RosterDuplicate.unit_id)
    )
    return [Count(row[0], "duplicate_elsewhere", row[1]) for row in connection.execute(statement)]


def sealed_rows(
    connection: Connection, survey_id: int, unit_id: int | None, after: int, limit: int
) -> list[SealedRow]:
    """Return rows that count, of a unit or (None) of all, by id, those above `after` only."""
    rules = _counting(survey_id)
    if unit_id is not None:
        rules.append(RosterRow.unit_id == unit_id)
    statement = (
        select(RosterRow.id, RosterRow.unit_id, RosterRow.sealed, RosterRow.key_id)
        .where(*rules, RosterRow.id > after)
        .order_by(RosterRow.id)
        .limit(limit)
    )
    return [SealedRow._make(row) for row in connection.execute(statement)]


def days(connection: Connection, survey_id: int) -> Iterator[tuple[int, date, str]]:
    """Yield (unit, day, counts as JSON), oldest first."""
    statement = (
        select(RosterQuality.unit_id, RosterQuality.day, RosterQuality.counts)
        .where(RosterQuality.survey_id == survey_id)
        .order_by(RosterQuality.unit_id, RosterQuality.day)
    )
    for row in connection.execute(statement):
        yield row[0], row[1], row[2]


def newest(connection: Connection, survey_id: int, unit_id: int) -> str | None:
    """Return a unit's last counts as JSON."""
    statement = (
        select(RosterQuality.counts)
        .where(RosterQuality.survey_id == survey_id, RosterQuality.unit_id == unit_id)
        .order_by(RosterQuality.day.desc())
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none()


def store(connection: Connection, survey_id: int, unit_id: int, day: date, counts: str) -> None:
    """Store a unit's counts of a day in place of earlier ones of the same day."""
    values = {"survey_id": survey_id, "unit_id": unit_id, "day": day, "counts": counts}
    keys = ("survey_id", "unit_id", "day")
    upsert(connection, RosterQuality.__table__, values, keys, ("counts",))
