"""Imports of rosters: files that are staged in chunks, and then count all at once.

Until its import is active a row, a change or a sign that somebody is gone holds for nobody
(`rosters.counting`), so the activation is a change of one row. What is large is done before it or
after it, in steps that a killed process leaves to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from storage.database import Conflict
from storage.models import (
    Link,
    RosterChange,
    RosterDuplicate,
    RosterImport,
    RosterReject,
    RosterRow,
)
from storage.prepared import copy_in
from storage.queries.mending import EMPTIED

ROW_COLUMNS = (
    "survey_id",
    "unit_id",
    "grp",
    "scope",
    "import_id",
    "address_hmac",
    "email_hmac",
    "kind",
    "sealed",
    "key_id",
    "source",
    "basis",
)
"""What `add_rows` wants of every row, in this order."""


class ImportRow(NamedTuple):
    """An import as the next one must know it."""

    id: int
    unit_id: int | None
    digest: bytes
    started_at: datetime
    lease_until: datetime | None
    rows: int
    counts: str


class RejectRow(NamedTuple):
    """A row that waits to be mended."""

    id: int
    unit_id: int | None
    grp: str | None
    sealed: bytes
    key_id: int


_COLUMNS = (
    RosterImport.id,
    RosterImport.unit_id,
    RosterImport.digest,
    RosterImport.started_at,
    RosterImport.lease_until,
    RosterImport.rows,
    RosterImport.counts,
)


def staging(connection: Connection, survey_id: int) -> ImportRow | None:
    """Return the import that is under way, or was when its process died."""
    statement = select(*_COLUMNS).where(
        RosterImport.survey_id == survey_id, RosterImport.status == "staging"
    )
    row = connection.execute(statement).first()
    return ImportRow._make(row) if row else None


def last_active(connection: Connection, survey_id: int) -> ImportRow | None:
    """Return the survey's latest import that counts."""
    statement = (
        select(*_COLUMNS)
        .where(RosterImport.survey_id == survey_id, RosterImport.status == "active")
        .order_by(RosterImport.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).first()
    return ImportRow._make(row) if row else None


def unsettled(connection: Connection, survey_id: int) -> list[ImportRow]:
    """Return the active imports whose changes are not all folded in, the oldest first."""
    statement = (
        select(*_COLUMNS)
        .where(
            RosterImport.survey_id == survey_id,
            RosterImport.status == "active",
            RosterImport.lease_until.is_not(None),
        )
        .order_by(RosterImport.id)
    )
    return [ImportRow._make(row) for row in connection.execute(statement)]


def open_(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Begin an import and return its id; None while the survey has another one under way."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(RosterImport)
        .values(**values, status="staging")
        .on_conflict_do_nothing()
        .returning(RosterImport.id)
    )
    return connection.execute(statement).scalar_one_or_none()


def renew(connection: Connection, import_id: int, until: datetime) -> bool:
    """Say that we are still at it; False when another process took it for dead."""
    statement = (
        update(RosterImport)
        .where(RosterImport.id == import_id, RosterImport.status == "staging")
        .values(lease_until=until)
    )
    return connection.execute(statement).rowcount == 1


def bury(connection: Connection, row: ImportRow) -> bool:
    """Declare an import dead whose lease ran out; False when it, or somebody, was quicker."""
    statement = (
        update(RosterImport)
        .where(
            RosterImport.id == row.id,
            RosterImport.status == "staging",
            RosterImport.lease_until == row.lease_until,
        )
        .values(status="failed")
    )
    return connection.execute(statement).rowcount == 1


def leftovers(connection: Connection, survey_id: int) -> list[int]:
    """Return the failed imports that have not been cleaned up after."""
    statement = select(RosterImport.id).where(
        RosterImport.survey_id == survey_id,
        RosterImport.status == "failed",
        RosterImport.lease_until.is_not(None),
    )
    return list(connection.execute(statement).scalars())


def activate(connection: Connection, import_id: int, now: datetime, rows: int, counts: str) -> bool:
    """Let an import count; False when another process took it for dead."""
    statement = (
        update(RosterImport)
        .where(RosterImport.id == import_id, RosterImport.status == "staging")
        .values(status="active", activated_at=now, rows=rows, counts=counts)
    )
    return connection.execute(statement).rowcount == 1


def finish(connection: Connection, import_id: int) -> None:
    """Note that nothing is left to do for an import: settled, or cleaned up after."""
    connection.execute(
        update(RosterImport).where(RosterImport.id == import_id).values(lease_until=None)
    )


# --- what an import stages ------------------------------------------------------------------------


def add_rows(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store new rows, as `ROW_COLUMNS`. Raises Conflict for a digest that the survey has."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        try:
            copy_in(connection, RosterRow.__tablename__, ROW_COLUMNS, rows)
        except IntegrityError as error:
            raise Conflict("somebody else stored some of these people") from error
        return
    names, marks = ", ".join(ROW_COLUMNS), ", ".join("?" * len(ROW_COLUMNS))
    statement = f"INSERT INTO roster_row ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
    if connection.exec_driver_sql(statement, list(rows)).rowcount != len(rows):
        raise Conflict("somebody else stored some of these people")


def add_changes(connection: Connection, changes: Iterable[Mapping[str, Any]]) -> None:
    """Store what rows will be, columns of `RosterChange`."""
    values = [dict(one) for one in changes]
    if values:
        connection.execute(insert(RosterChange), values)


def add_rejects(connection: Connection, rejects: Iterable[Mapping[str, Any]]) -> None:
    """Store rows that somebody has to mend, columns of `RosterReject`."""
    values = [dict(one) for one in rejects]
    if values:
        connection.execute(insert(RosterReject), values)


def on_list(
    connection: Connection, survey_id: int, unit_id: int, import_id: int, after: int, limit: int
) -> list[int]:
    """Return ids above `after` of rows that count and came with a unit's earlier files.

    Whoever was invited already is not among them: they stay.
    """
    statement = (
        select(RosterRow.id)
        .join(RosterImport, RosterImport.id == RosterRow.import_id)
        .where(
            RosterRow.survey_id == survey_id,
            RosterImport.unit_id == unit_id,
            RosterImport.status == "active",
            RosterImport.id != import_id,
            RosterRow.id > after,
            RosterRow.gone_id.is_(None),
            RosterRow.removed.is_(False),
            RosterRow.conversation_id.is_(None),
        )
        .order_by(RosterRow.id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def mark_gone(connection: Connection, import_id: int, row_ids: Sequence[int]) -> None:
    """Note whom the new file does not name any more."""
    if row_ids:
        connection.execute(
            update(RosterRow).where(RosterRow.id.in_(list(row_ids))).values(gone_id=import_id)
        )


# --- after the end --------------------------------------------------------------------------------


def fold_some(connection: Connection, import_id: int, limit: int) -> int:
    """Put some of an active import's changes into their rows; return how many."""
    chosen = (
        select(RosterChange.row_id)
        .where(RosterChange.import_id == import_id)
        .order_by(RosterChange.row_id)
        .limit(limit)
    )
    ids = list(connection.execute(chosen).scalars())
    if ids:
        connection.execute(
            update(RosterRow)
            .where(RosterRow.id == RosterChange.row_id, RosterRow.id.in_(ids))
            .values(
                import_id=RosterChange.owner_id,
                gone_id=None,
                unit_id=RosterChange.unit_id,
                grp=RosterChange.grp,
                kind=RosterChange.kind,
                sealed=RosterChange.sealed,
                key_id=RosterChange.key_id,
                source=RosterChange.source,
                basis=RosterChange.basis,
            )
            .execution_options(synchronize_session=False)
        )
        connection.execute(
            update(Link)
            .where(Link.roster_row_id == RosterChange.row_id, RosterChange.row_id.in_(ids))
            .values(unit_id=RosterChange.unit_id, grp=RosterChange.grp)
            .execution_options(synchronize_session=False)
        )
        connection.execute(delete(RosterChange).where(RosterChange.row_id.in_(ids)))
    return len(ids)


def remove_some(connection: Connection, import_id: int, limit: int) -> int:
    """Remove some of what a dead import left; return how many pieces."""
    for table in (RosterDuplicate, RosterReject, RosterChange):
        key = next(iter(table.__table__.primary_key))
        ids = select(key).where(table.import_id == import_id).limit(limit)
        gone = connection.execute(delete(table).where(key.in_(ids))).rowcount
        if gone:
            return gone
    ids = select(RosterRow.id).where(RosterRow.gone_id == import_id).limit(limit)
    back = update(RosterRow).where(RosterRow.id.in_(ids)).values(gone_id=None)
    if number := connection.execute(back).rowcount:
        return number
    ids = select(RosterRow.id).where(RosterRow.import_id == import_id).limit(limit)
    return connection.execute(delete(RosterRow).where(RosterRow.id.in_(ids))).rowcount


def open_rejects(
    connection: Connection, survey_id: int, unit_id: int | None, after: int, limit: int
) -> list[RejectRow]:
    """Return open rejects of a unit's active imports (None: of those of nobody) by id."""
    statement = (
        select(
            RosterReject.id,
            RosterReject.unit_id,
            RosterReject.grp,
            RosterReject.sealed,
            RosterReject.key_id,
        )
        .join(RosterImport, RosterImport.id == RosterReject.import_id)
        .where(
            RosterReject.survey_id == survey_id,
            RosterReject.status == "open",
            RosterReject.id > after,
            RosterImport.status == "active",
            RosterImport.unit_id.is_(None) if unit_id is None else RosterImport.unit_id == unit_id,
        )
        .order_by(RosterReject.id)
        .limit(limit)
    )
    return [RejectRow._make(row) for row in connection.execute(statement)]


def close_rejects(connection: Connection, ids: Sequence[int], status: str) -> None:
    """Give open rejects another status (mended, gone); nothing of them is kept."""
    if ids:
        connection.execute(
            update(RosterReject)
            .where(RosterReject.id.in_(list(ids)), RosterReject.status == "open")
            .values(**EMPTIED, status=status)
        )


def close_older_rejects(
    connection: Connection, survey_id: int, unit_id: int, import_id: int, limit: int
) -> int:
    """Call open rejects of a unit's imports before this one gone; return how many."""
    older = select(RosterImport.id).where(
        RosterImport.survey_id == survey_id,
        RosterImport.unit_id == unit_id,
        RosterImport.id < import_id,
    )
    chosen = (
        select(RosterReject.id)
        .where(RosterReject.status == "open", RosterReject.import_id.in_(older))
        .limit(limit)
    )
    gone = update(RosterReject).where(RosterReject.id.in_(chosen))
    statement = gone.values(**EMPTIED, status="gone")
    return connection.execute(statement).rowcount
