"""One SQLite file takes one server, and a database that goes away loses nothing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.interview import closing
from bot.interview.installation import real_now
from tests import short_survey
from tests.fake_twilio import FakeTwilio
from tests.postgres import fresh_database, running_postgres
from tests.processes import (
    BASE,
    Fleet,
    StoppablePostgres,
    environment,
    granian,
    real_fleet,
    tautan_run,
)
from tests.respondents import all_at_once, crowd, stored_vectors
from tests.setup import installation
from tests.storms import prepare


def problems(twilio):
    """Return what Twilio's debugger has shown since the last look."""
    found = Counter(one.text for one in twilio.errors)
    twilio.errors.clear()
    return found


def test_the_second_server_of_a_file_says_why_it_cannot_serve(sqlite_url, tmp_path):
    _, posters = prepare(sqlite_url, real_now())
    with FakeTwilio() as twilio:
        env = environment(sqlite_url, twilio)
        first, second = tautan_run(env, tmp_path), granian(env, tmp_path)
        with Fleet(first) as one, Fleet(second) as two:
            twilio.webhook_url = f"{BASE}/whatsapp"
            ani = twilio.person()
            twilio._post = one.post
            assert ani.say(f"Kode: {posters['internal']}") != []
            twilio._post = two.post
            assert ani.say("SETUJU") == []
            twilio.settle()  # the callbacks of the first answer came to the second server too
            assert problems(twilio)["inbound webhook: 503"] == 1
            status, text = second.get("/ready")
            assert status == 503
            reason = json.loads(text)["reason"]
            assert "already serves tautan.db" in reason
            assert "DATABASE_URL" in reason
            assert second.get("/health")[0] == 200
            one.kill()
            assert len(ani.again()) == 1
            assert second.get("/ready")[0] == 200
            assert problems(twilio) == {}


@pytest.fixture
def own_postgres():
    """Yield a server that nobody else uses and that can be stopped, and an empty database of it."""
    with (
        running_postgres() as server,
        StoppablePostgres(server) as stoppable,
        fresh_database(server) as url,
    ):
        yield stoppable, url


def answers_survive(url, folder, take_away, give_back, seconds):
    """Interview people while the database is away for some seconds; then close and compare."""
    survey, posters = prepare(url, real_now())
    with FakeTwilio() as twilio, real_fleet(url, twilio, folder) as fleet:
        twilio.webhook_url, twilio._post = f"{BASE}/whatsapp", fleet.post
        people = crowd(twilio, survey, posters.__getitem__, 60, seed=3)
        with ThreadPoolExecutor(1) as pool:
            crowd_is_done = pool.submit(all_at_once, [way for _, way in people], 6)
            while fleet.answered < 60:
                time.sleep(0.01)
            take_away()
            time.sleep(seconds)
            # Who waits for a lock sleeps in small steps, which a busy machine makes longer.
            end = time.monotonic() + 30
            while time.monotonic() < end and "inbound webhook: 503" not in {
                one.text for one in list(twilio.errors)
            }:
                time.sleep(0.1)
            assert not crowd_is_done.done(), "nobody noticed that the database was away"
            give_back()
            crowd_is_done.result()
        refused = problems(twilio)
        assert refused["inbound webhook: 503"] > 0
        # Only 503: no turn failed in another way. A callback that got one is not posted again.
        assert refused.keys() <= {"inbound webhook: 503", "status callback: 503"}, fleet.tell()
    with installation(url, clock=real_now) as here:
        closing.close(here, short_survey.NAME)
        assert stored_vectors(here) == Counter(one.vector() for one, _ in people)


def test_nothing_is_lost_while_postgres_is_down(own_postgres, tmp_path):
    server, url = own_postgres
    answers_survive(url, tmp_path, server.stop, server.start, seconds=3)


def take_lock(connection):
    """Take the write lock in the short moments in which the server does not have it."""
    connection.execute("PRAGMA busy_timeout=0")
    while True:
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
            return


def test_nothing_is_lost_while_another_program_holds_the_file(sqlite_url, tmp_path):
    other = sqlite3.connect(tmp_path / "tautan.db", isolation_level=None, check_same_thread=False)
    with contextlib.closing(other):
        answers_survive(
            sqlite_url,
            tmp_path,
            lambda: take_lock(other),
            lambda: other.execute("ROLLBACK"),
            seconds=1,  # and then until a writer, which waits for ten, gives up
        )
