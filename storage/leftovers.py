"""What deleted rows leave behind in the database's files, and how to be rid of it.

SQLite: `secure_delete` overwrites what is deleted in the file itself, but the write-ahead log keeps
older pages until it is truncated, and only VACUUM gives free pages back. PostgreSQL keeps older
versions of a row until VACUUM; its own log and the bytes of pages it has not reused yet are out of
our reach, which is why whatever matters there is sealed under keys that are destroyed.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy.exc import DBAPIError

from storage.database import Database

log = logging.getLogger(__name__)

# How long readers may keep us from truncating the log before we leave it to the next time.
PATIENCE_MS = 1000


def wipe(database: Database) -> bool:
    """Remove older versions of rows outside any transaction; False when readers were in the way.

    Cheap enough to follow every release, and harmless to repeat.
    """
    if database.is_sqlite:
        with _sqlite(database) as cursor:
            return _truncate_log(cursor)
    # Skip what an autovacuum is just doing anyway.
    return _postgres(database, "VACUUM (SKIP_LOCKED) conversation, outbox, attachment")


def rebuild(database: Database) -> bool:
    """Do what `wipe` does, and leave no free page and no destroyed key either; False if in vain."""
    if database.is_sqlite:
        with _sqlite(database) as cursor:
            try:
                cursor.execute("VACUUM")
            except sqlite3.OperationalError as error:
                log.warning("the file could not be rebuilt now: %s", error)
                return False
            return _truncate_log(cursor)
    # The table of keys is tiny, so that locking it whole takes no time.
    return wipe(database) and _postgres(database, "VACUUM (FULL) data_key")


@contextlib.contextmanager
def _sqlite(database: Database) -> Iterator[Any]:
    """Yield a cursor outside any transaction."""
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
        try:
            yield cursor
        finally:
            cursor.execute("PRAGMA busy_timeout=10000")
            cursor.close()
    finally:
        connection.close()


def _truncate_log(cursor: Any) -> bool:
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    busy = cursor.fetchone()[0]
    return not busy


def _postgres(database: Database, statement: str) -> bool:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET lock_timeout = '5s'")
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            log.warning("old rows could not be removed now: %s", type(error.orig).__name__)
            return False
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
    return True
