"""Tables for tests, made once by the real migrations and then copied, a thousand times over."""

from __future__ import annotations

import atexit
import contextlib
import tempfile
from functools import cache
from pathlib import Path

import psycopg

from storage.database import Database
from storage.migrate import migrate
from tests import postgres


def make_tables(database: Database) -> None:
    """Bring a database of a test to this version; a new one is a copy of what migrations made.

    `tests/test_migrate.py` tests the migrations themselves.
    """
    file = database.file
    if file is not None and not file.exists():
        file.write_bytes(sqlite_file())
    elif file is None and not postgres.exists(database.url):
        postgres.copy_database(_postgres_database(postgres.server_of(database.url)), database.url)
    migrate(database)


@cache
def sqlite_file() -> bytes:
    """Return what is in the file of a new database."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tautan.db"
        database = Database(f"sqlite:///{file}", serving=True, durable=False)
        migrate(database)
        database.close()
        return file.read_bytes()


@cache
def _postgres_database(server_url: str) -> str:
    """Make the database that is copied and return its URL; it goes when this process ends."""
    stack = contextlib.ExitStack()
    url = stack.enter_context(postgres.fresh_database(server_url))
    database = Database(url, serving=True, durable=False)
    migrate(database)
    database.close()

    @atexit.register
    def drop() -> None:
        with contextlib.suppress(psycopg.OperationalError):  # the server is gone already
            stack.close()

    return url
