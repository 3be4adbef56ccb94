"""Roster rows: the people that offices named, sealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.models import RosterRow


class StoredRow(NamedTuple):
    """A row as an import must know it."""

    id: int
    unit_id: int
    grp: str
    address_hmac: bytes | None
    email_hmac: bytes | None
    sealed: bytes
    key_id: int
    source: str | None
    basis: str | None
    removed: bool


_COLUMNS = (
    RosterRow.id,
    RosterRow.unit_id,
    RosterRow.grp,
    RosterRow.address_hmac,
    RosterRow.email_hmac,
    RosterRow.sealed,
    RosterRow.key_id,
    RosterRow.source,
    RosterRow.basis,
    RosterRow.removed,
)
_CHANGE = (
    update(RosterRow)
    .where(RosterRow.id == bindparam("row"))
    .values(
        sealed=bindparam("new_sealed"),
        key_id=bindparam("new_key_id"),
        source=bindparam("new_source"),
        basis=bindparam("new_basis"),
    )
)


def known(
    connection: Connection, survey_id: int, addresses: Sequence[bytes], emails: Sequence[bytes]
) -> list[StoredRow]:
    """Return a survey's rows that have one of these digests, removed ones too."""
    statement = select(*_COLUMNS).where(
        RosterRow.survey_id == survey_id,
        or_(RosterRow.address_hmac.in_(list(addresses)), RosterRow.email_hmac.in_(list(emails))),
    )
    return [StoredRow._make(row) for row in connection.execute(statement)]


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store rows, leaving out those whose digest the survey knows; return how many went in."""
    if not rows:
        return 0
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(RosterRow).on_conflict_do_nothing().returning(RosterRow.id)
    return len(connection.execute(statement, [dict(row) for row in rows]).all())


def change(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace what is known of some people: keys row, new_sealed, new_key_id, new_source,
    new_basis. Unit, group and digests stay."""
    values = [dict(row) for row in rows]
    if values:
        connection.execute(_CHANGE, values)
