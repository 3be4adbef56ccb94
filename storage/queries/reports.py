"""Counts, the day's snapshots, and mixed answers for the export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from storage.models import (
    Answer,
    Cell,
    FlowVersion,
    ProgressSnapshot,
    Response,
    Target,
    Unit,
)
from storage.queries import progress
from storage.queries.upsert import insert_ignore

CellKey = tuple[int, str]
"""A unit's id and a group."""


# counts


def finished(connection: Connection, survey_id: int) -> dict[CellKey, int]:
    """Return the finished interviews per cell, mixed ones included; known duplicates and pilots are
    left out. From the kept counts: no conversation is read."""
    counts = progress.counts(connection, survey_id)
    double = connection.execute(
        select(Cell.unit_id, Cell.grp, Cell.known_duplicates).where(
            Cell.survey_id == survey_id, Cell.known_duplicates > 0
        )
    )
    for unit_id, grp, number in double:
        counts[unit_id, grp] = max(0, counts.get((unit_id, grp), 0) - number)
    return counts


def targets(connection: Connection, survey_id: int) -> dict[CellKey, int]:
    """Return the wanted responses per cell."""
    rows = connection.execute(
        select(Target.unit_id, Target.grp, Target.target).where(Target.survey_id == survey_id)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


class UnitRow(NamedTuple):
    """One unit of the hierarchy."""

    id: int
    code_list: str
    code: str
    name: str
    parent_id: int | None
    zone: str


def units(connection: Connection) -> list[UnitRow]:
    """Return the whole hierarchy by name, in any database's order the same; case does not count."""
    rows = connection.execute(
        select(Unit.id, Unit.code_list, Unit.code, Unit.name, Unit.parent_id, Unit.zone)
    )
    return sorted((UnitRow(*row) for row in rows), key=lambda one: (one.name.casefold(), one.id))


# snapshots


def last_snapshot_day(connection: Connection, survey_id: int) -> date | None:
    """Return the day of a survey's newest snapshot."""
    return connection.execute(
        select(func.max(ProgressSnapshot.day)).where(ProgressSnapshot.survey_id == survey_id)
    ).scalar_one()


def snapshots(
    connection: Connection, survey_id: int, until: date, limit: int
) -> list[tuple[date, str]]:
    """Return the newest snapshots up to and including a day, newest first."""
    rows = connection.execute(
        select(ProgressSnapshot.day, ProgressSnapshot.counts)
        .where(ProgressSnapshot.survey_id == survey_id, ProgressSnapshot.day <= until)
        .order_by(ProgressSnapshot.day.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def add_snapshot(connection: Connection, survey_id: int, day: date, counts: str) -> bool:
    """Store a day's snapshot unless there is one; return whether ours went in."""
    values = {"survey_id": survey_id, "day": day, "counts": counts}
    return insert_ignore(connection, ProgressSnapshot.__table__, values) == 1


# export


class ResponseRow(NamedTuple):
    """A mixed response, which belongs to nobody."""

    id: UUID
    unit_id: int
    grp: str
    language: str | None
    flow_version_id: int | None


_PAGE = (
    select(Response.id, Response.unit_id, Response.grp, Response.language, Response.flow_version_id)
    .where(Response.survey_id == bindparam("survey"), Response.id > bindparam("after"))
    .order_by(Response.id)
    .limit(bindparam("page"))
)
_ANSWERS = select(Answer.response_id, Answer.question, Answer.value).where(
    Answer.response_id.in_(bindparam("responses", expanding=True))
)
_LOWEST = UUID(int=0)


def responses(
    connection: Connection, survey_id: int, page: int = 500
) -> Iterator[tuple[ResponseRow, dict[str, str]]]:
    """Yield mixed responses with their answers in the order of their random ids.

    Read page by page, so that memory stays the same however many there are.
    """
    after = _LOWEST
    while True:
        asked = {"survey": survey_id, "after": after, "page": page}
        rows = [ResponseRow(*row) for row in connection.execute(_PAGE, asked)]
        if not rows:
            return
        answers: dict[UUID, dict[str, str]] = {row.id: {} for row in rows}
        for response_id, question, value in connection.execute(
            _ANSWERS, {"responses": list(answers)}
        ):
            answers[response_id][question] = value
        for row in rows:
            yield row, answers[row.id]
        after = rows[-1].id


def count_responses(connection: Connection, survey_id: int) -> int:
    """Return how many mixed responses a survey has."""
    statement = select(func.count()).where(Response.survey_id == survey_id)
    return int(connection.execute(statement).scalar_one())


class VersionRow(NamedTuple):
    """A version of a survey's questions and when it was published."""

    id: int
    published_at: datetime


def versions(connection: Connection, survey_id: int) -> list[VersionRow]:
    """Return the versions of a survey, oldest first."""
    rows = connection.execute(
        select(FlowVersion.id, FlowVersion.published_at)
        .where(FlowVersion.survey_id == survey_id)
        .order_by(FlowVersion.id)
    )
    return [VersionRow(*row) for row in rows]
