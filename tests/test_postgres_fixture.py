"""The PostgreSQL server of the tests: fresh databases, fast or durable, gone afterwards."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests import postgres


def ask(url: str, *statements: str) -> object:
    """Run the statements in one transaction and return the last one's first value."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = [connection.execute(text(statement)) for statement in statements][-1]
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


@pytest.mark.parametrize("run", [1, 2])
def test_every_test_gets_an_empty_database(empty_url: str, run: int) -> None:
    """A table of the first run would make the second fail."""
    ask(empty_url, "CREATE TABLE thing (id integer)", "INSERT INTO thing VALUES (1)")
    assert ask(empty_url, "SELECT count(*) FROM thing") == 1


def test_url_names_the_driver_and_nothing_on_the_network(empty_postgres_url: str) -> None:
    """The server listens on a Unix socket, unless a server was named."""
    url = make_url(empty_postgres_url)
    assert url.drivername == "postgresql+psycopg"
    assert ask(empty_postgres_url, "SELECT current_database()") == url.database
    if "host" in url.query:
        assert ask(empty_postgres_url, "SHOW listen_addresses") == ""


def test_texts_are_utf8_whatever_the_machine_says(empty_postgres_url: str) -> None:
    """Accented capitals are known to the database itself, not to the machine's locale."""
    assert ask(empty_postgres_url, "SHOW server_encoding") == "UTF8"
    assert ask(empty_postgres_url, "SELECT lower('ÉCOLE')") == "école"


def test_open_connections_do_not_keep_a_database(postgres_server: str) -> None:
    """A test that forgets a connection harms no other."""
    with postgres.fresh_database(postgres_server) as url:
        forgotten = create_engine(url)
        forgotten.connect()
    name = make_url(url).database
    assert ask(postgres_server, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == 0
    forgotten.dispose()


def test_durable_server_keeps_its_promises() -> None:
    """Benchmarks measure a server that would survive a power cut, with settings of their own."""
    with postgres.running_postgres(durable=True, settings={"max_connections": "7"}) as url:
        assert ask(url, "SHOW fsync") == "on"
        assert ask(url, "SHOW synchronous_commit") == "on"
        assert ask(url, "SHOW max_connections") == "7"
        folder = Path(str(make_url(url).query["host"]))
        assert folder.exists()
    assert not folder.exists()


def test_server_ends_with_a_killed_process() -> None:
    """Not even SIGKILL leaves a server or a folder behind."""
    program = """
        import time
        from tests.postgres import running_postgres
        with running_postgres() as url:
            print(url, flush=True)
            time.sleep(60)
    """
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        folder = Path(str(make_url(process.stdout.readline().strip()).query["host"]))
        assert folder.exists()
        process.kill()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


def test_start_fails_loudly() -> None:
    """What the server logged is in the error."""
    with (
        pytest.raises(postgres.PostgresError, match="no_such_setting"),
        postgres.running_postgres(settings={"no_such_setting": "1"}),
    ):
        pass
