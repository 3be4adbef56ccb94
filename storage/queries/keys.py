"""Wrapped data keys and the installation's one row."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from storage.models import DataKey, Installation
from storage.queries.upsert import insert_ignore


class KeyRow(NamedTuple):
    """A stored key; `wrapped` is None once destroyed."""

    id: int
    scope: str
    wrapped: bytes | None


class InstallationRow(NamedTuple):
    """The installation's facts."""

    demo: bool
    clock_offset: int
    check_sealed: bytes


_COLUMNS = (DataKey.id, DataKey.scope, DataKey.wrapped)


def by_scope(connection: Connection, scope: str) -> KeyRow | None:
    """Return the latest key of a scope."""
    row = connection.execute(select(*_COLUMNS).where(DataKey.scope == scope)).first()
    return KeyRow._make(row) if row else None


def by_id(connection: Connection, key_id: int) -> KeyRow | None:
    """Return a key."""
    row = connection.execute(select(*_COLUMNS).where(DataKey.id == key_id)).first()
    return KeyRow._make(row) if row else None


def insert_key(connection: Connection, scope: str, wrapped: bytes) -> bool:
    """Store a key unless the scope has one; return whether ours went in."""
    return insert_ignore(connection, DataKey.__table__, {"scope": scope, "wrapped": wrapped}) == 1


def destroy(connection: Connection, scope: str) -> None:
    """Forget the bytes of a scope's key."""
    connection.execute(
        update(DataKey).where(DataKey.scope == scope).values(wrapped=None, destroyed=True)
    )


def installation(connection: Connection) -> InstallationRow | None:
    """Return the installation's row, or None before the first start."""
    row = connection.execute(
        select(Installation.demo, Installation.clock_offset, Installation.check_sealed)
    ).first()
    return InstallationRow._make(row) if row else None


def create_installation(connection: Connection, *, demo: bool, check_sealed: bytes) -> None:
    """Write the one row."""
    connection.execute(
        insert(Installation),
        {"id": 1, "demo": demo, "clock_offset": 0, "check_sealed": check_sealed},
    )


def set_clock_offset(connection: Connection, seconds: int) -> None:
    """Move business time; only a demo installation may."""
    connection.execute(update(Installation).where(Installation.demo).values(clock_offset=seconds))
