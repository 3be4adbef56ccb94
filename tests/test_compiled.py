"""Statements are compiled once for all engines of a kind, and anew for another kind or version."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, column, create_engine, literal_column, select, table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from storage.compiled import COMPILED, CompiledStatements
from storage.database import Database
from tests.tables import make_tables

THING = table("thing", column("id"))


def key(dialect: Any, statement: str = "a") -> tuple[Any, ...]:
    return dialect, statement, ("id",), False, False


def versioned(*version: int) -> Any:
    dialect = postgresql.dialect()
    dialect.server_version_info = version
    return dialect


def test_engines_of_one_kind_share_a_statement() -> None:
    cache = CompiledStatements(10)
    options = {"compiled_cache": cache}
    for _ in range(2):
        engine = create_engine("sqlite://", execution_options=options)
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE thing (id)")
            connection.execute(select(THING.c.id)).all()
        engine.dispose()
    assert len(cache) == 1


def test_another_kind_and_another_version_have_their_own() -> None:
    cache = CompiledStatements(10)
    old, new = versioned(14), versioned(17)
    for dialect in (old, new, sqlite.dialect()):
        assert cache.get(key(dialect)) is None
        cache[key(dialect)] = select(THING).compile(dialect=dialect)
    assert len(cache) == 3
    assert cache[key(versioned(14))] is cache[key(old)] is not cache[key(new)]
    assert cache.get(key(old, "b"), "none") == "none"


def test_all_databases_of_a_kind_compile_a_statement_once(database_url: str) -> None:
    name = f"seen_in_{make_url(database_url).get_backend_name()}"
    statement: Select[Any] = select(literal_column("1").label(name))
    made = Database(database_url)
    make_tables(made)
    made.close()
    for _ in range(2):
        database = Database(database_url)
        database.read(lambda connection: connection.execute(statement).all())
        database.write(lambda connection: connection.execute(statement).all())
        database.close()
    # Counted by name: others come and go, as there is no room for all.
    assert sum(name in str(one) for one in COMPILED.values()) == 1
