"""Fixtures that every test may use: databases of both kinds, empty and its own."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zlib import crc32

import pytest
import typer.main
import typer.testing
from hypothesis import settings

from tests.postgres import fresh_database, running_postgres, unmade_database

# In CI the same examples every time, so that a change is judged by what it changed; everywhere
# else new ones are drawn at each run, and what they find is kept by Hypothesis.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


# Workers are given a width; what prints would keep it, whatever a test says later.
os.environ.pop("COLUMNS", None)


# A fifth of the time would go into looking for garbage among what tests import and keep for good.
gc.set_threshold(20_000, 10, 10)


# Typer builds the whole command line anew for every command that is run, which takes longer than
# most of the commands.
typer.testing._get_command = cache(typer.main.get_command)  # type: ignore[attr-defined]


# The longest tests come first, so that no worker is left alone with one at the end.
LONGEST = ("test_whole_survey", "test_kill", "test_two_servers")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the longest tests over the first places of the workers' shares."""
    longest = [item for item in items if item.path.stem in LONGEST]
    others = [item for item in items if item.path.stem not in LONGEST]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = -(-len(items) // workers)
    for place, item in enumerate(longest):
        others.insert(min(place % workers * share, len(others)), item)
    items[:] = others


def pytest_collection_finish() -> None:
    """Set all that was imported and collected aside, for the garbage collector to leave alone."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Yield the URL of a server: TEST_DATABASE_URL, else one that ends with this process.

    With pytest-xdist every worker has its own: starting one takes about a second, less than
    what sharing would need in locks, and no worker waits for another's checkpoint.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database that does not exist yet and drop it afterwards."""
    with unmade_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'tautan.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Run the test twice, with a SQLite file and a PostgreSQL database that do not exist yet.

    `tests.tables.make_tables` makes both, and everything that opens an installation calls it.
    """
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    return str(request.getfixturevalue(names[request.param]))


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database without tables and drop it afterwards."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Run the test twice, with databases that have no tables, for those who make their own."""
    names = {"sqlite": "sqlite_url", "postgresql": "empty_postgres_url"}
    return str(request.getfixturevalue(names[request.param]))


@pytest.fixture
def either_url(request: pytest.FixtureRequest) -> str:
    """Return a database of one kind, not made yet, by the test's name: a third on PostgreSQL.

    For rules whose statements other tests run on both.
    """
    kind = crc32(request.node.name.encode()) % 3
    return str(request.getfixturevalue("sqlite_url" if kind else "postgres_url"))


# Names of tests in which programs meet or die: those run on both kinds of database.
RACES = re.compile("at_once|while|kill|meets|dead|cut_off|during|race|nothing_counts|all_readers")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let what uses `some_url` run on both kinds where it is a race, else on one by its name."""
    if "some_url" in metafunc.fixturenames:
        name = metafunc.function.__name__
        both = ["sqlite", "postgresql"]
        kinds = both if RACES.search(name) else [both[crc32(name.encode()) % 2]]
        metafunc.parametrize("some_url", kinds, indirect=True)


@pytest.fixture
def some_url(request: pytest.FixtureRequest) -> str:
    """Return a database, not made yet; for files of rules and races alike."""
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    return str(request.getfixturevalue(names[request.param]))
