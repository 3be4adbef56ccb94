"""Inserts that meet an existing row, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, FromClause
from sqlalchemy.dialects import postgresql, sqlite

from storage.prepared import Prepared


def _insert(dialect: str, table: FromClause) -> Any:
    maker = sqlite if dialect == "sqlite" else postgresql
    return maker.insert(table)


@lru_cache(maxsize=256)
def _ignoring(table: FromClause) -> Prepared:
    return Prepared(lambda dialect: _insert(dialect, table).on_conflict_do_nothing())


@lru_cache(maxsize=256)
def _replacing(
    table: FromClause, index_elements: tuple[str, ...], names: tuple[str, ...]
) -> Prepared:
    def build(dialect: str) -> Any:
        statement = _insert(dialect, table)
        return statement.on_conflict_do_update(
            index_elements=index_elements, set_={name: statement.excluded[name] for name in names}
        )

    return Prepared(build)


def insert_ignore(
    connection: Connection, table: FromClause, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> int:
    """Insert rows, leaving out those that a unique constraint knows; return how many went in."""
    values = [rows] if isinstance(rows, Mapping) else rows
    statement = _ignoring(table)
    return sum(statement.count(connection, row) for row in values)


def upsert(
    connection: Connection,
    table: FromClause,
    values: Mapping[str, Any],
    index_elements: Sequence[str],
    set_: Sequence[str],
) -> None:
    """Insert a row, or set the named columns of the row that has the same key."""
    _replacing(table, tuple(index_elements), tuple(set_)).count(connection, values)
