"""Inserts that meet an existing row, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, FromClause
from sqlalchemy.dialects import postgresql, sqlite


def _insert(connection: Connection, table: FromClause) -> Any:
    maker = sqlite if connection.dialect.name == "sqlite" else postgresql
    return maker.insert(table)


def insert_ignore(
    connection: Connection, table: FromClause, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> int:
    """Insert rows, leaving out those that a unique constraint knows; return how many went in."""
    values = [rows] if isinstance(rows, Mapping) else list(rows)
    if not values:
        return 0
    statement = _insert(connection, table).on_conflict_do_nothing()
    # Without the option the count of an INSERT is lost with its cursor (-1 on PostgreSQL).
    statement = statement.execution_options(preserve_rowcount=True)
    if len(values) == 1:
        return int(connection.execute(statement, values[0]).rowcount)
    return sum(int(connection.execute(statement, row).rowcount) for row in values)


def upsert(
    connection: Connection,
    table: FromClause,
    values: Mapping[str, Any],
    index_elements: Sequence[str],
    set_: Sequence[str],
) -> None:
    """Insert a row, or set the named columns of the row that has the same key."""
    statement = _insert(connection, table)
    statement = statement.on_conflict_do_update(
        index_elements=list(index_elements), set_={name: statement.excluded[name] for name in set_}
    )
    connection.execute(statement, dict(values))
