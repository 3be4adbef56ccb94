"""Tables for tests, made once by the real migrations and then copied, a thousand times over."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import make_url

from storage.database import Database
from storage.migrate import migrate


def make_tables(database: Database) -> None:
    """Bring a database of a test to this version; an empty one gets a copy of what migrations made.

    `tests/test_migrate.py` tests the migrations themselves.
    """
    file = database.file
    if file is not None and not file.exists():
        file.write_bytes(_sqlite_file())
    elif file is None:
        url = make_url(database.url).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
            if found == (None,) and (script := _postgres_script(database)) is not None:
                connection.execute(script)
    migrate(database)


@cache
def _sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tautan.db"
        database = Database(f"sqlite:///{file}", serving=True, durable=False)
        migrate(database)
        database.close()
        return file.read_bytes()


_script: bytes | None = None


def _postgres_script(database: Database) -> bytes | None:
    """Return what makes the tables; None the first time, when the migrations are listened to."""
    global _script  # noqa: PLW0603 # a cache that cannot be filled in another way
    if _script is not None:
        return _script
    heard: list[str] = []

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            assert not parameters, statement
            heard.append(statement)

    event.listen(database.engine, "before_cursor_execute", hear)
    try:
        migrate(database)
    finally:
        event.remove(database.engine, "before_cursor_execute", hear)
    _script = ";\n".join(heard).encode()
    return None
