"""Transactions: group commit, starting again, one server per file, and a database that is away."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from storage.database import TRIES, AlreadyServed, Conflict, Database, Unavailable, _Job
from tests.forked import Script
from tests.postgres import fresh_database, running_postgres
from tests.respondents import all_at_once


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    opened = Database(empty_url, serving=True)
    make_table(opened)
    yield opened
    opened.close()


@pytest.fixture
def file(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url, serving=True)
    make_table(opened)
    yield opened
    opened.close()


def make_table(database: Database) -> None:
    database.write(
        lambda c: c.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
    )


def add(database: Database, number: int, n: int = 0) -> None:
    database.write(
        lambda c: c.execute(text("INSERT INTO note VALUES (:i, :n)"), {"i": number, "n": n})
    )


def ids(database: Database) -> list[int]:
    return database.read(
        lambda c: list(c.execute(text("SELECT id FROM note ORDER BY id")).scalars())
    )


def queued(database: Database, jobs, failures: dict[int, BaseException]):
    """Write jobs so that the one writer thread finds them all waiting and makes one batch."""
    gate, held = threading.Event(), threading.Event()

    def hold(_connection):
        held.set()
        gate.wait(20)

    def run(number, job):
        try:
            database.write(job)
        except Exception as error:
            failures[number] = error

    threads = [threading.Thread(target=database.write, args=(hold,))]
    threads[0].start()
    held.wait(20)
    for number, job in enumerate(jobs):
        threads.append(threading.Thread(target=run, args=(number, job)))
        threads[-1].start()
        assert database._writer is not None
        while database._writer._jobs.qsize() <= number:
            time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(20)


def insert(number: int, fail: Exception | None = None):
    def job(connection):
        connection.execute(text("INSERT INTO note VALUES (:i, 0)"), {"i": number})
        if fail is not None:
            raise fail

    return job


# one writer, many jobs


def test_a_job_that_fails_undoes_itself_and_harms_no_neighbour(file):
    failures: dict[int, BaseException] = {}
    commits: list[object] = []
    event.listen(file.engine, "commit", commits.append)
    jobs = [insert(1), insert(2, ValueError("two")), insert(3), insert(4, KeyError("four"))]
    queued(file, jobs, failures)
    assert ids(file) == [1, 3]
    assert {n: type(e) for n, e in failures.items()} == {1: ValueError, 3: KeyError}
    assert len(commits) == 2, "one for the job that held the door, one for all the others"


def test_a_job_sees_what_the_jobs_before_it_in_the_batch_did(file):
    seen: list[int] = []

    def look(connection):
        seen.extend(connection.execute(text("SELECT id FROM note")).scalars())

    queued(file, [insert(1), insert(2, ValueError()), look], {})
    assert seen == [1]


def test_when_the_commit_fails_nobody_is_told_that_it_was_stored(file):
    """A deferred foreign key that does not hold is only found by the commit."""
    file.write(
        lambda c: c.execute(
            text(
                "CREATE TABLE leaf (id INTEGER, note_id INTEGER"
                " REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)"
            )
        )
    )
    failures: dict[int, BaseException] = {}

    def orphan(connection):
        connection.execute(text("INSERT INTO leaf VALUES (1, 99)"))

    queued(file, [insert(1), orphan, insert(2)], failures)
    # Each is tried again by itself or in smaller lots, until the orphan stands alone in its fault.
    assert ids(file) in ([], [1], [2], [1, 2])
    stored = set(ids(file))
    told = {number for number in (1, 2) if {1: 0, 2: 2}[number] not in failures}
    assert stored == told, "what was said to be stored is stored, and nothing else"
    assert isinstance(failures[1], IntegrityError)
    assert file.read(lambda c: c.execute(text("SELECT count(*) FROM leaf")).scalar_one()) == 0


def test_many_threads_lose_nothing(database):
    all_at_once([partial(add, database, n) for n in range(200)], at_a_time=16)
    assert ids(database) == list(range(200))


def test_a_write_inside_a_write_is_told_and_does_not_hang(file):
    with pytest.raises(RuntimeError, match="a write inside a write"):
        file.write(lambda _c: file.write(lambda _c: None))


def test_nothing_can_be_written_once_it_is_closed(database):
    database.close()
    with pytest.raises(Unavailable, match="ending"):
        add(database, 1)


def test_writes_that_race_with_the_end_are_stored_or_refused_and_never_hang(sqlite_url):
    database = Database(sqlite_url, serving=True)
    make_table(database)
    stored: list[int] = []
    refused: list[int] = []

    def write(start):
        for number in itertools.count(start):
            try:
                add(database, number)
            except Unavailable:
                refused.append(number)
                return
            stored.append(number)

    threads = [threading.Thread(target=write, args=(n * 1_000_000,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    while not stored:
        time.sleep(0.001)
    database.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert len(refused) == len(threads)
    other = Database(sqlite_url)
    assert ids(other) == sorted(stored)
    other.close()


# starting again


@pytest.mark.parametrize("trouble", ["conflict", "unique"])
def test_a_lost_race_runs_the_whole_work_again(database, trouble):
    add(database, 1)
    runs: list[int] = []

    def work(connection):
        runs.append(len(runs))
        connection.execute(text("INSERT INTO note VALUES (:i, 0)"), {"i": 10 + len(runs)})
        if len(runs) < 3:
            if trouble == "conflict":
                raise Conflict("somebody was faster")
            connection.execute(text("INSERT INTO note VALUES (1, 0)"))
        return "done"

    assert database.write(work) == "done"
    assert runs == [0, 1, 2]
    assert ids(database) == [1, 13], "nothing of the first two runs is left"


def test_a_race_that_is_never_won_is_told_in_the_end(database):
    runs: list[int] = []

    def work(_connection):
        runs.append(1)
        raise Conflict("always")

    with pytest.raises(Conflict):
        database.write(work)
    assert len(runs) == TRIES


def test_other_errors_of_the_work_are_raised_as_they_are_and_undo_it(database):
    runs: list[int] = []

    def work(connection):
        runs.append(1)
        connection.execute(text("INSERT INTO note VALUES (1, 0)"))
        raise LookupError("what the caller waits for")

    with pytest.raises(LookupError, match="what the caller waits for"):
        database.write(work)
    assert runs == [1]
    assert ids(database) == []


def test_two_who_wait_for_each_other_both_get_through_on_postgresql(empty_postgres_url):
    database = Database(empty_postgres_url)
    make_table(database)
    add(database, 1)
    add(database, 2)
    meeting = threading.Barrier(2, timeout=20)
    runs: list[int] = []

    def raise_both(first, second):
        def work(connection):
            runs.append(first)
            add_one = text("UPDATE note SET n = n + 1 WHERE id = :i")
            connection.execute(add_one, {"i": first})
            if runs.count(first) == 1:
                meeting.wait()
            connection.execute(add_one, {"i": second})

        return work

    all_at_once(
        [
            lambda: database.write(raise_both(1, 2)),
            lambda: database.write(raise_both(2, 1)),
        ]
    )
    rows = database.read(lambda c: list(c.execute(text("SELECT n FROM note")).scalars()))
    assert rows == [2, 2]
    assert len(runs) == 3, "one of the two was the deadlock's victim and ran again"
    database.close()


def test_a_serialization_failure_runs_again_on_postgresql(empty_postgres_url):
    database = Database(empty_postgres_url)
    make_table(database)
    add(database, 1)
    meeting = threading.Barrier(2, timeout=20)
    runs: list[int] = []

    def work(connection):
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        seen = connection.execute(text("SELECT n FROM note WHERE id = 1")).scalar_one()
        runs.append(seen)
        if len(runs) <= 2:
            meeting.wait()
        connection.execute(text("UPDATE note SET n = :n WHERE id = 1"), {"n": seen + 1})

    all_at_once([lambda: database.write(work)] * 2)
    assert database.read(lambda c: c.execute(text("SELECT n FROM note")).scalar_one()) == 2
    assert sorted(runs) == [0, 0, 1]
    database.close()


def test_compare_and_set_by_many_writers_counts_every_one_of_them(database):
    """As conversations are saved: read, then raise what is as it was read."""
    add(database, 1)

    def raise_by_one():
        def work(connection):
            seen = connection.execute(text("SELECT n FROM note WHERE id = 1")).scalar_one()
            done = connection.execute(
                text("UPDATE note SET n = :new WHERE id = 1 AND n = :seen"),
                {"new": seen + 1, "seen": seen},
            )
            if done.rowcount == 0:
                raise Conflict("somebody was faster")

        while True:
            try:
                return database.write(work)
            except Conflict:
                continue

    all_at_once([raise_by_one] * 60, at_a_time=8)
    assert database.read(lambda c: c.execute(text("SELECT n FROM note")).scalar_one()) == 60


def test_an_error_of_the_database_repeats_no_parameter(database):
    add(database, 4711, 815)
    with pytest.raises(IntegrityError) as caught:
        add(database, 4711, 816)
    assert "816" not in str(caught.value)


# one server for one file


SERVER = """
import sys
from storage.database import Database
database = Database(sys.argv[1], serving=True)
database.claim()
print("serving", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(sqlite_url: str) -> Iterator[Script]:
    with Script(SERVER, sqlite_url) as process:
        process.await_word("serving")
        yield process


def test_a_second_server_is_refused_and_told_who_the_first_is(server, sqlite_url):
    second = Database(sqlite_url, serving=True)
    for _ in range(2):
        with pytest.raises(AlreadyServed) as caught:
            second.write(lambda _c: None)
        assert f"process {server.pid} already serves tautan.db" in str(caught.value)
        assert "DATABASE_URL" in str(caught.value), "it says what to do"
    second.close()


def test_the_file_is_free_again_when_its_server_was_killed(server, sqlite_url):
    server.kill()
    second = Database(sqlite_url, serving=True)
    second.claim()
    assert second.file is not None
    assert second.file.with_name(second.file.name + ".lock").read_text() == str(os.getpid())
    second.close()


def test_a_command_writes_beside_the_server(file, sqlite_url):
    command = Database(sqlite_url)
    all_at_once(
        [partial(add, file, n) for n in range(40)]
        + [partial(add, command, n) for n in range(100, 120)],
        at_a_time=6,
    )
    assert ids(file) == ids(command) == [*range(40), *range(100, 120)]
    command.close()


def test_a_writer_that_holds_the_file_for_ever_makes_it_unavailable(sqlite_url, tmp_path):
    database = Database(sqlite_url, serving=True)
    make_table(database)
    database.engine.dispose()
    database._writing = None
    database.close()
    other = sqlite3.connect(tmp_path / "tautan.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = Database(sqlite_url)

    @event.listens_for(impatient.engine, "connect")
    def wait_less(connection, _record):
        connection.execute("PRAGMA busy_timeout=50")

    with pytest.raises(Unavailable, match="locked"):
        add(impatient, 1)
    other.execute("ROLLBACK")
    add(impatient, 1)
    assert ids(impatient) == [1]
    impatient.close()
    other.close()


def test_who_queues_behind_a_writer_that_waits_in_vain_is_told_with_it(sqlite_url, tmp_path):
    """A webhook that waited for the lock twice would be answered after its sender has gone."""
    database = Database(sqlite_url, serving=True)
    make_table(database)
    other = sqlite3.connect(tmp_path / "tautan.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database.engine.dispose()

    @event.listens_for(database.engine, "connect")
    def wait_less(connection, _record):
        connection.execute("PRAGMA busy_timeout=1000")

    writer = database._writer_thread()
    with ThreadPoolExecutor(4) as pool:
        first: Future[None] = Future()
        writer._jobs.put(_Job(lambda _: None, first, time.monotonic()))
        while not writer._jobs.empty():  # until the writer has it, and waits for the lock
            time.sleep(0.01)
        others = [pool.submit(add, database, number) for number in (2, 3, 4)]
        time.sleep(0.8)
        late = pool.submit(add, database, 6)
        with pytest.raises(OperationalError, match="locked"):
            first.result()
        other.execute("ROLLBACK")
        for one in others:
            with pytest.raises(Unavailable, match="locked"):
                one.result()
        late.result()
    add(database, 5)
    assert ids(database) == [5, 6]
    other.close()
    database.close()


def test_every_connection_to_a_file_is_safe_and_forgets_what_is_deleted(file):
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    for way in (file.read, file.write):
        found = {
            name: way(lambda c, name=name: c.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in wanted
        }
        assert found == wanted


def test_what_was_stored_survives_a_kill(sqlite_url):
    code = SERVER.replace(
        "database.claim()",
        "from sqlalchemy import text\n"
        "make = 'CREATE TABLE note (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)'\n"
        "database.write(lambda c: c.execute(text(make)))\n"
        "database.write(lambda c: c.execute(text('INSERT INTO note VALUES (7, 0)')))",
    )
    with Script(code, sqlite_url) as process:
        process.await_word("serving")
        process.kill()
    again = Database(sqlite_url)
    assert ids(again) == [7]
    again.close()


# PostgreSQL goes away


def test_postgresql_that_is_not_there_is_unavailable_at_once():
    database = Database("postgresql://nobody@127.0.0.1:9/none")
    began = time.monotonic()
    for way in (database.read, database.write):
        with pytest.raises(Unavailable):
            way(lambda _c: None)
    assert time.monotonic() - began < 8
    database.close()


def end_all_connections(url: str) -> None:
    """Do to the connections of a database what a restart of the server does."""
    parts = make_url(url)
    socket = parts.query.get("host", parts.host)
    with psycopg.connect(
        host=str(socket), user=parts.username, dbname="postgres", autocommit=True
    ) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [parts.database],
        )


def test_connections_that_a_restart_ended_are_no_trouble_to_anybody(empty_postgres_url):
    database = Database(empty_postgres_url)
    make_table(database)
    all_at_once([partial(add, database, n) for n in range(8)], at_a_time=8)
    for number in (10, 11):
        end_all_connections(empty_postgres_url)
        add(database, number)
    end_all_connections(empty_postgres_url)
    assert ids(database) == [*range(8), 10, 11]
    database.close()


def test_a_connection_that_ends_in_the_middle_of_the_work_runs_it_again(empty_postgres_url):
    database = Database(empty_postgres_url)
    make_table(database)
    runs: list[int] = []

    def work(connection):
        runs.append(1)
        connection.execute(text("INSERT INTO note VALUES (1, 0)"))
        if len(runs) == 1:
            end_all_connections(empty_postgres_url)
        connection.execute(text("INSERT INTO note VALUES (2, 0)"))

    database.write(work)
    assert len(runs) == 2
    assert ids(database) == [1, 2]
    database.close()


def test_a_commit_of_which_nobody_knows_is_not_run_again(empty_postgres_url):
    """The connection ends when the commit is asked for: it may have been stored."""
    database = Database(empty_postgres_url)
    make_table(database)
    runs: list[int] = []

    def work(connection):
        runs.append(1)
        connection.execute(text("INSERT INTO note VALUES (1, 0)"))
        end_all_connections(empty_postgres_url)

    with pytest.raises(Unavailable):
        database.write(work)
    assert len(runs) == 1
    database.close()


def test_a_server_that_stops_and_comes_back_is_found_again_by_itself(tmp_path):
    with running_postgres() as server, fresh_database(server) as url:
        database = Database(url)
        make_table(database)
        add(database, 1)
        _allow_connections(server, url, allow=False)
        end_all_connections(url)
        with pytest.raises(Unavailable):
            add(database, 2)
        with pytest.raises(Unavailable):
            ids(database)
        _allow_connections(server, url, allow=True)
        add(database, 3)
        assert ids(database) == [1, 3]
        database.close()


def _allow_connections(server: str, url: str, *, allow: bool) -> None:
    parts = make_url(server)
    socket = parts.query.get("host", parts.host)
    with psycopg.connect(
        host=str(socket), user=parts.username, dbname="postgres", autocommit=True
    ) as other:
        name = make_url(url).database
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(allow).lower()}')


def test_too_many_at_once_are_told_and_not_kept_waiting_for_ever(empty_postgres_url):
    database = Database(empty_postgres_url, pool_size=1)
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    pool._max_overflow, pool._timeout = 0, 0.05
    gate, held = threading.Event(), threading.Event()

    def hold(_connection):
        held.set()
        gate.wait(20)

    thread = threading.Thread(target=database.write, args=(hold,))
    thread.start()
    held.wait(20)
    with pytest.raises(Unavailable):
        database.write(lambda _c: None)
    gate.set()
    thread.join(20)
    database.write(lambda _c: None)
    database.close()
