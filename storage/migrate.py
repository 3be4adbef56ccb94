"""Bringing a database to this version of the tables, and telling whether it is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from storage.database import Database, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported where it migrates: every start asks for the version, few have one to make.
FOLDER = Path(__file__).parent / "migrations"
# Two processes that migrate at once: the second waits, then finds nothing to do.
_ADVISORY_LOCK = 7_283_641


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the version that this code wants: migrations are files with rising numbers."""
    return max(file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """Return the version that the database has, None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(database: Database) -> bool:
    """Bring the database to this version; return whether there was anything to do.

    Safe to run in several processes at once. Raises Unavailable.
    """
    if database.is_sqlite:
        return _migrate_file(database)
    return database.write(_upgrade)


def _upgrade(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    before = current(connection)
    if before == head():
        return False
    from alembic import command

    command.upgrade(_config(connection), "head")
    return True


def _migrate_file(database: Database) -> bool:
    """Migrate SQLite with foreign keys off: it alters a table by copying it and dropping the old
    one, and with them on what hangs on its rows would be deleted (sqlite.org/lang_altertable)."""
    try:
        with database.engine.connect() as connection:
            plain = connection.connection.driver_connection
            assert plain is not None
            plain.execute("PRAGMA foreign_keys=OFF")  # has no effect inside a transaction
            try:
                with connection.begin():
                    changed = _upgrade(connection)
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                    if changed and broken:
                        raise RuntimeError(f"a migration left rows behind in {broken[0][0]}")
                    return changed
            finally:
                plain.execute("PRAGMA foreign_keys=ON")
    except OperationalError as error:
        raise Unavailable(database.reason(error)) from error


def is_current(database: Database) -> bool:
    """Return whether the database has this version's tables. Raises Unavailable."""
    return database.read(lambda connection: current(connection) == head())
