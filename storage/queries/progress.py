"""Kept counts of finished interviews per cell, and what was reported of them.

A count is a row of `progress_count` and the changes since, which triggers of `conversation` write
in the transaction that causes them. Changes are only added and deleted, never altered: a turn waits
for no other turn of its cell, and there is no order in which two transactions could block each
other, whatever they move between cells.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Connection,
    Select,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from storage.models import (
    Conversation,
    Outbox,
    ProgressChange,
    ProgressCount,
    ReportLog,
    RosterRow,
)
from storage.queries.rosters import CHANGED, NOW, counting
from storage.queries.upsert import insert_ignore

CellKey = tuple[int, str]


def counts(connection: Connection, survey_id: int) -> dict[CellKey, int]:
    """Return the finished interviews of each cell that has had any."""
    kept = union_all(
        select(ProgressCount.unit_id, ProgressCount.grp, ProgressCount.finished.label("n")).where(
            ProgressCount.survey_id == survey_id
        ),
        select(ProgressChange.unit_id, ProgressChange.grp, ProgressChange.more).where(
            ProgressChange.survey_id == survey_id
        ),
    ).subquery()
    statement = select(kept.c.unit_id, kept.c.grp, func.sum(kept.c.n))
    rows = connection.execute(statement.group_by(kept.c.unit_id, kept.c.grp))
    return {(unit_id, grp): int(number) for unit_id, grp, number in rows}


def people(connection: Connection, survey_id: int) -> dict[CellKey, int]:
    """Return how many people each cell has on the roster. Reads every row that counts."""
    statement = (
        select(NOW.unit_id, NOW.grp, func.count())
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .where(RosterRow.survey_id == survey_id, counting())
        .group_by(NOW.unit_id, NOW.grp)
    )
    rows = connection.execute(statement)
    return {(unit_id, grp): int(number) for unit_id, grp, number in rows}


def fold(connection: Connection, limit: int = 5_000) -> int:
    """Add changes to the counts of their cells and delete them; return how many.

    Several may fold at once: each takes rows that no other has, and cells in one order.
    """
    statement = select(
        ProgressChange.id,
        ProgressChange.survey_id,
        ProgressChange.unit_id,
        ProgressChange.grp,
        ProgressChange.more,
    ).order_by(ProgressChange.id)
    rows = connection.execute(statement.limit(limit).with_for_update(skip_locked=True)).all()
    sums: Counter[tuple[int, int, str]] = Counter()
    for _, survey_id, unit_id, grp, more in rows:
        sums[survey_id, unit_id, grp] += more
    for (survey_id, unit_id, grp), more in sorted(sums.items()):
        key = {"survey_id": survey_id, "unit_id": unit_id, "grp": grp}
        insert_ignore(connection, ProgressCount.__table__, {**key, "finished": 0})
        connection.execute(
            update(ProgressCount).filter_by(**key).values(finished=ProgressCount.finished + more)
        )
    ids = [row.id for row in rows]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        connection.execute(delete(ProgressChange).where(ProgressChange.id.in_(some)))
    return len(ids)


def _differences() -> Select[Any]:
    """What a true count of each cell has more than the kept one, where it differs."""
    true = (
        select(
            Conversation.survey_id, Conversation.unit_id, Conversation.grp, func.count().label("n")
        )
        .where(Conversation.status == "finished", Conversation.pilot.is_(False))
        .group_by(Conversation.survey_id, Conversation.unit_id, Conversation.grp)
    )
    kept = select(
        ProgressCount.survey_id, ProgressCount.unit_id, ProgressCount.grp, -ProgressCount.finished
    )
    since = select(
        ProgressChange.survey_id, ProgressChange.unit_id, ProgressChange.grp, -ProgressChange.more
    )
    both = union_all(true, kept, since).subquery()
    cell = (both.c.survey_id, both.c.unit_id, both.c.grp)
    return select(*cell, func.sum(both.c.n)).group_by(*cell).having(func.sum(both.c.n) != 0)


def differing(connection: Connection) -> int:
    """Return in how many cells the kept count differs from a true one. Reads every conversation."""
    found = select(func.count()).select_from(_differences().subquery())
    return int(connection.execute(found).scalar_one())


def mend(connection: Connection) -> int:
    """Make the kept counts true ones and return in how many cells they were not.

    One statement, and what it adds is the difference that it saw: turns may go on meanwhile. Two
    menders at once would both add it, so they must take turns.
    """
    columns = ("survey_id", "unit_id", "grp", "more")
    statement = insert(ProgressChange).from_select(columns, _differences())
    return len(connection.execute(statement.returning(literal_column("1"))).all())


# the log of reports


class LoggedRow(NamedTuple):
    """That a post was shown something: of which unit (None: all), which day's numbers, when.

    A report has the message that it went out as, if it did, and the digest of its template.
    """

    coordinator_id: int
    unit_id: int | None
    kind: str
    day: date | None
    digest: bytes
    at: datetime
    outbox_id: UUID | None = None
    template_digest: bytes | None = None


class Fate(NamedTuple):
    """What became of a report's message: its status, and whether it went out as a template."""

    status: str
    template: bool


def log_report(connection: Connection, survey_id: int, row: LoggedRow) -> None:
    """Keep that a post was shown something."""
    connection.execute(insert(ReportLog), {"survey_id": survey_id, **row._asdict()})


def logged(
    connection: Connection, survey_id: int, limit: int
) -> list[tuple[LoggedRow, Fate | None]]:
    """Return what posts of a survey were shown, newest first, with what became of reports."""
    columns = [getattr(ReportLog, name) for name in LoggedRow._fields]
    statement = (
        select(*columns, Outbox.status, Outbox.template)
        .outerjoin(Outbox, Outbox.id == ReportLog.outbox_id)
        .where(ReportLog.survey_id == survey_id)
    )
    rows = connection.execute(
        statement.order_by(ReportLog.at.desc(), ReportLog.id.desc()).limit(limit)
    )
    return [
        (LoggedRow(*row[:-2]), None if row[-2] is None else Fate(row[-2], row[-1])) for row in rows
    ]


def was_reported(
    connection: Connection, survey_id: int, post_id: int, day: date, since: datetime
) -> bool:
    """Return whether a report of a day's numbers was made for a post, since a moment."""
    statement = select(ReportLog.id).where(
        ReportLog.survey_id == survey_id,
        ReportLog.at >= since,
        ReportLog.coordinator_id == post_id,
        ReportLog.day == day,
        ReportLog.outbox_id.is_not(None),
    )
    return connection.execute(statement.limit(1)).first() is not None
