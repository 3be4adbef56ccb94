"""Statements of the hot path, compiled once and handed to the driver as they are.

SQLAlchemy's own execution costs about ten times what SQLite needs for a row (docs/performance.md),
and a turn is little more than five statements. So the few statements of a turn go straight to the
driver: in the same connection and transaction, seen by the same events, failing with the same
exceptions as all others.

On PostgreSQL a transaction begins with the first statement that needs one (`begin`). A statement
that is *alone* does not: it only reads, or it is a whole transaction by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Executable

Process = Callable[[Any], Any]

# PostgreSQL's last words: ended by an administrator, by a crash, or not started yet. They may come
# before the driver sees that the connection has ended.
_FAREWELLS = {"57P01", "57P02", "57P03"}
_AT_ONCE = 250  # rows of one piece of a COPY: the driver keeps two more copies of its text
_IDLE = 0  # libpq's PQTRANS_IDLE; psycopg itself is not imported where SQLite is used
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Prepared:
    """One statement; `build` makes it for a dialect's name.

    Parameters are a mapping, with the same keys in the same order at every call. They are bound,
    and columns read, as their types are declared.
    """

    def __init__(self, build: Callable[[str], Executable], *, alone: bool = False) -> None:
        self._build = build
        self._alone = alone
        self._forms: dict[tuple[str, tuple[str, ...]], _Form] = {}

    def count(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """Run it and return how many rows it touched."""
        return int(self._run(connection, parameters)[1].rowcount)

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it and return its rows."""
        form, cursor = self._run(connection, parameters)
        return [form.read(row) for row in cursor.fetchall()]

    def _run(self, connection: Connection, parameters: Mapping[str, Any]) -> tuple[_Form, Any]:
        form = self._form(connection, parameters)
        if not self._alone:
            begin(connection)
        return form, form.run(connection, parameters)

    def _form(self, connection: Connection, parameters: Mapping[str, Any]) -> _Form:
        key = (connection.dialect.name, tuple(parameters))
        form = self._forms.get(key)
        if form is None:
            statement = self._build(key[0])
            form = self._forms[key] = _Form(statement, connection.dialect, key[1])
        return form


class _Form:
    """A statement as one dialect's driver takes it."""

    def __init__(self, statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> None:
        compiled: Any = statement.compile(  # type: ignore[attr-defined]
            dialect=dialect, column_keys=list(names)
        )
        self._sql: str = compiled.string
        self._dollars = dialect.name == "postgresql"
        self._order: list[str] | None = compiled.positiontup
        if self._dollars:
            self._sql, self._order = _numbered(compiled.string)
        self._constants = {
            name: bind.value for name, bind in compiled.binds.items() if name not in names
        }
        self._writers: dict[str, Process] = {}
        for name, bind in compiled.binds.items():
            writer = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if writer is not None:
                self._writers[name] = writer
        self._readers: list[Process | None] = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in getattr(statement, "selected_columns", ())
        ]

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Execute it and return the driver's cursor. Raises SQLAlchemy's own exceptions."""
        driver: Any = connection.connection.dbapi_connection
        values = self._bound(parameters)
        for told in connection.engine.dispatch.before_cursor_execute:
            told(connection, None, self._sql, values, None, False)
        try:
            asked = connection.dialect.loaded_dbapi.RawCursor(driver) if self._dollars else driver
            return asked.execute(self._sql, values)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _as_ours(connection, self._sql, error) from error

    def read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row of the driver's as the columns' types read it."""
        return tuple(
            value if reader is None else reader(value)
            for reader, value in zip(self._readers, row, strict=True)
        )

    def _bound(self, parameters: Mapping[str, Any]) -> Any:
        """Return the parameters in the driver's own form."""
        values = {**self._constants, **parameters}
        for name, writer in self._writers.items():
            values[name] = writer(values[name])
        return values if self._order is None else tuple(values[name] for name in self._order)


def begin(connection: Connection) -> None:
    """Open the transaction on PostgreSQL, where that has not been done; on SQLite it has.

    Raises SQLAlchemy's own exceptions.
    """
    if connection.dialect.name != "postgresql":
        return
    driver: Any = connection.connection.dbapi_connection
    if driver.pgconn.transaction_status != _IDLE:
        return
    try:
        driver.execute("BEGIN")
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_ours(connection, "BEGIN", error) from error


def copy_in(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Store many rows by PostgreSQL's COPY: integers, texts, bytes and None.

    Raises SQLAlchemy's own exceptions.
    """
    begin(connection)
    driver: Any = connection.connection.dbapi_connection
    sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(sql) as copy:
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                copy.write("".join(["\t".join(map(_in_copy, row)) + "\n" for row in some]))
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_ours(connection, sql, error) from error


def _in_copy(value: Any) -> str:
    """Return a value as COPY's text format has it; psycopg's own way costs three times as much."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, int):
        return str(value)
    text: str = value
    if _SPECIAL.search(text):
        text = text.translate(_ESCAPED)
    return text


_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _numbered(sql: str) -> tuple[str, list[str]]:
    """Return `%(name)s` as PostgreSQL's own `$1`, and the names in their order.

    psycopg would do the same anew at every execution of a long statement.
    """
    order: dict[str, int] = {}
    parts = _PLACEHOLDER.split(sql)
    for place in range(1, len(parts), 2):
        parts[place] = f"${order.setdefault(parts[place], len(order) + 1)}"
    return "".join(parts).replace("%%", "%"), list(order)


def _as_ours(connection: Connection, sql: str, error: Any) -> BaseException:
    """Return what SQLAlchemy would raise, and let go of a connection that was dropped, and of all
    that wait in the pool: what ended this one has most likely ended them."""
    dialect = connection.dialect
    driver = connection.connection.dbapi_connection
    farewell = getattr(error, "sqlstate", None) in _FAREWELLS
    dropped = farewell or dialect.is_disconnect(error, driver, None)
    if dropped:
        connection.invalidate(error)
        connection.engine.dispose()
    raised: BaseException = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=dropped,
        dialect=dialect,
    )
    return raised
