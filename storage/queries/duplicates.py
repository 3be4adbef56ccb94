"""Who stands on a roster twice: what was found, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.models import Link, RosterDuplicate, RosterImport, RosterNumber, RosterRow
from storage.queries.rosters import CHANGED, NOW, counting


class Row(NamedTuple):
    """A roster row that somebody's second place is about."""

    id: int
    unit_id: int
    grp: str
    scope: int
    import_id: int | None
    address_hmac: bytes | None
    kind: str
    sealed: bytes
    key_id: int
    source: str | None
    basis: str | None
    removed: bool
    conversation_id: int | None


class Found(NamedTuple):
    """A duplicate. `other_*` and `unit_id`, `grp`, `line` are of the place that is not the row's;
    `sealed` is None where the other one is a row."""

    id: int
    kind: str
    row_id: int
    other_id: int | None
    unit_id: int
    grp: str
    line: int
    import_id: int | None
    person_hmac: bytes | None
    sealed: bytes | None
    key_id: int | None
    holds: bool
    decision: str
    decided_at: datetime | None


class Named(NamedTuple):
    """A row with the sealed person, to be compared with others of its unit."""

    id: int
    unit_id: int
    grp: str
    import_id: int | None
    address_hmac: bytes
    sealed: bytes
    key_id: int


_ROW = (
    RosterRow.id,
    RosterRow.unit_id,
    RosterRow.grp,
    RosterRow.scope,
    RosterRow.import_id,
    RosterRow.address_hmac,
    RosterRow.kind,
    RosterRow.sealed,
    RosterRow.key_id,
    RosterRow.source,
    RosterRow.basis,
    RosterRow.removed,
    RosterRow.conversation_id,
)
_FOUND = (
    RosterDuplicate.id,
    RosterDuplicate.kind,
    RosterDuplicate.row_id,
    RosterDuplicate.other_id,
    RosterDuplicate.unit_id,
    RosterDuplicate.grp,
    RosterDuplicate.line,
    RosterDuplicate.import_id,
    RosterDuplicate.person_hmac,
    RosterDuplicate.sealed,
    RosterDuplicate.key_id,
    RosterDuplicate.holds,
    RosterDuplicate.decision,
    RosterDuplicate.decided_at,
)


def undecided() -> ColumnElement[bool]:
    """Whether a roster row waits for somebody to decide. Of `RosterRow` in the statement around it.

    Of two rows that look like one person's only the second waits: the first is sure.
    """
    waiting = select(RosterDuplicate.row_id).where(
        RosterDuplicate.decision == "open",
        RosterDuplicate.holds,
        RosterDuplicate.survey_id == RosterRow.survey_id,
    )
    return or_(
        waiting.where(RosterDuplicate.row_id == RosterRow.id, RosterDuplicate.kind != "same_person")
        .correlate(RosterRow)
        .exists(),
        waiting.where(RosterDuplicate.other_id == RosterRow.id).correlate(RosterRow).exists(),
    )


def survey_of(connection: Connection, import_id: int) -> int:
    """Return the survey that an import is for. Raises LookupError."""
    found = connection.execute(
        select(RosterImport.survey_id).where(RosterImport.id == import_id)
    ).scalar_one_or_none()
    if found is None:
        raise LookupError(f"there is no import {import_id}")
    return int(found)


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store duplicates, leaving out known ones, whatever was decided; return how many went in."""
    if not rows:
        return 0
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(RosterDuplicate).on_conflict_do_nothing().returning(RosterDuplicate.id)
    )
    return len(connection.execute(statement, [dict(row) for row in rows]).all())


def add_numbers(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store further numbers of rows: keys survey_id, row_id, address_hmac."""
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(RosterNumber).on_conflict_do_nothing()
        connection.execute(statement, [dict(row) for row in rows])


def drop_number(connection: Connection, row_id: int, address_hmac: bytes) -> None:
    """Take a further number of a row away."""
    connection.execute(
        delete(RosterNumber).where(
            RosterNumber.row_id == row_id, RosterNumber.address_hmac == address_hmac
        )
    )


def of_import(connection: Connection, import_id: int, after: int, limit: int) -> list[Found]:
    """Return an import's shared numbers on which nobody has decided yet, with all of the same
    rows, for `limit` rows with ids above `after`, by row."""
    theirs = (
        select(RosterDuplicate.row_id)
        .where(
            RosterDuplicate.import_id == import_id,
            RosterDuplicate.row_id > after,
            RosterDuplicate.kind != "same_person",
        )
        .distinct()
        .order_by(RosterDuplicate.row_id)
        .limit(limit)
    )
    ids = list(connection.execute(theirs).scalars())
    statement = (
        select(*_FOUND)
        .where(RosterDuplicate.row_id.in_(ids), RosterDuplicate.kind != "same_person")
        .order_by(RosterDuplicate.row_id, RosterDuplicate.id)
    )
    return [Found._make(row) for row in connection.execute(statement)]


def every(connection: Connection, survey_id: int, *, only_open: bool = False) -> list[Found]:
    """Return a survey's duplicates whose rows count or were decided against, by id."""
    statement = select(*_FOUND).where(RosterDuplicate.survey_id == survey_id)
    if only_open:
        statement = statement.where(RosterDuplicate.decision == "open")
    return [Found._make(row) for row in connection.execute(statement.order_by(RosterDuplicate.id))]


def by_ids(connection: Connection, survey_id: int, ids: Sequence[int]) -> list[Found]:
    """Return and lock some duplicates of a survey, by id."""
    statement = (
        select(*_FOUND)
        .where(RosterDuplicate.survey_id == survey_id, RosterDuplicate.id.in_(list(ids)))
        .order_by(RosterDuplicate.id)
        .with_for_update()
    )
    return [Found._make(row) for row in connection.execute(statement)]


def siblings(connection: Connection, row_id: int) -> list[Found]:
    """Return and lock the other places of a row's number, by id."""
    statement = (
        select(*_FOUND)
        .where(RosterDuplicate.row_id == row_id, RosterDuplicate.kind != "same_person")
        .order_by(RosterDuplicate.id)
        .with_for_update()
    )
    return [Found._make(row) for row in connection.execute(statement)]


def rows(connection: Connection, ids: Sequence[int], *, lock: bool = False) -> dict[int, Row]:
    """Return roster rows by id, locked in the order of their ids on request."""
    statement = select(*_ROW).where(RosterRow.id.in_(list(ids))).order_by(RosterRow.id)
    if lock:
        statement = statement.with_for_update()
    return {row[0]: Row._make(row) for row in connection.execute(statement)}


def file_names(connection: Connection, survey_id: int) -> dict[int, str]:
    """Return the names of a survey's imported files by import."""
    statement = select(RosterImport.id, RosterImport.name).where(
        RosterImport.survey_id == survey_id
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def change(connection: Connection, duplicate_id: int, **values: Any) -> None:
    """Set columns of a duplicate."""
    connection.execute(
        update(RosterDuplicate).where(RosterDuplicate.id == duplicate_id).values(**values)
    )


_JUDGE = (
    update(RosterDuplicate)
    .where(RosterDuplicate.id == bindparam("duplicate"))
    .values(
        kind=bindparam("new_kind"),
        sealed=bindparam("new_sealed"),
        key_id=bindparam("new_key_id"),
        decision=bindparam("new_decision"),
        holds=bindparam("new_holds"),
    )
)


def judge(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say of duplicates what they are: keys duplicate, new_kind, new_sealed, new_key_id,
    new_decision, new_holds."""
    if rows:
        connection.execute(_JUDGE, [dict(row) for row in rows])


def hold(connection: Connection, import_id: int, kinds: Sequence[str]) -> None:
    """Let the people of an import's open duplicates of these kinds wait for a decision."""
    connection.execute(
        update(RosterDuplicate)
        .where(
            RosterDuplicate.import_id == import_id,
            RosterDuplicate.decision == "open",
            RosterDuplicate.kind.in_(list(kinds)),
        )
        .values(holds=True)
    )


def change_row(connection: Connection, row_id: int, **values: Any) -> None:
    """Set columns of a roster row; its personal link leads to the row's place."""
    connection.execute(update(RosterRow).where(RosterRow.id == row_id).values(**values))
    place = {name: values[name] for name in ("unit_id", "grp") if name in values}
    if place:
        connection.execute(update(Link).where(Link.roster_row_id == row_id).values(**place))


def add_row(connection: Connection, values: Mapping[str, Any]) -> int:
    """Store a roster row and return its id."""
    statement = insert(RosterRow).values(dict(values)).returning(RosterRow.id)
    return int(connection.execute(statement).scalar_one())


def drop_row(connection: Connection, row_id: int) -> None:
    """Delete a roster row with its personal link."""
    connection.execute(delete(Link).where(Link.roster_row_id == row_id))
    connection.execute(delete(RosterRow).where(RosterRow.id == row_id))


def has_number(connection: Connection, row: Row, survey_id: int, scope: int) -> bool:
    """Whether a row's number stands in another row of a scope."""
    statement = select(RosterRow.id).where(
        RosterRow.survey_id == survey_id,
        RosterRow.address_hmac == row.address_hmac,
        RosterRow.scope == scope,
        RosterRow.id != row.id,
    )
    return connection.execute(statement.limit(1)).first() is not None


def units_of(connection: Connection, survey_id: int, import_id: int | None = None) -> list[int]:
    """Return the units that a survey's roster, or one import of it, has rows of."""
    rules = [RosterRow.survey_id == survey_id]
    if import_id is not None:
        rules.append(RosterRow.import_id == import_id)
    own = select(RosterRow.unit_id).where(*rules)
    moved = select(NOW.unit_id).select_from(RosterRow).join(*CHANGED).where(*rules)
    return sorted(connection.execute(union(own, moved)).scalars())


def named(connection: Connection, survey_id: int, unit_id: int) -> Iterator[Named]:
    """Yield the rows of a unit that count and have a number, by id. Streams."""
    columns = (
        RosterRow.id,
        NOW.unit_id,
        NOW.grp,
        RosterRow.import_id,
        RosterRow.address_hmac,
        NOW.sealed,
        NOW.key_id,
    )
    rules = (
        RosterRow.survey_id == survey_id,
        NOW.unit_id == unit_id,
        RosterRow.address_hmac.is_not(None),
        counting(),
    )
    # Apart, so that an index finds those that were in the unit before: of a long list they are
    # read unit by unit.
    there = select(*columns).select_from(RosterRow).outerjoin(*CHANGED)
    moved = select(*columns).select_from(RosterRow).join(*CHANGED)
    found = union_all(
        there.where(RosterRow.unit_id == unit_id, *rules),
        moved.where(RosterRow.unit_id != unit_id, *rules),
    ).subquery()
    statement = select(found).order_by(found.c.id).execution_options(yield_per=2000)
    for row in connection.execute(statement):
        yield Named._make(row)


def counts(connection: Connection, import_id: int) -> dict[str, int]:
    """Return how many duplicates an import has brought, by kind."""
    statement = (
        select(RosterDuplicate.kind, func.count())
        .where(RosterDuplicate.import_id == import_id)
        .group_by(RosterDuplicate.kind)
    )
    return {row[0]: int(row[1]) for row in connection.execute(statement)}


def waiting(connection: Connection, import_id: int) -> int:
    """Return how many of an import's duplicates keep people from being invited."""
    statement = select(func.count()).where(
        RosterDuplicate.import_id == import_id,
        RosterDuplicate.decision == "open",
        RosterDuplicate.holds,
    )
    return int(connection.execute(statement).scalar_one())
