"""The timers of a process: started once, each for itself, and stopped in order."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import scheduler
from bot.scheduler import EVERY, Sweeps
from storage.models import Conversation, Outbox
from tests.rows import change, count, fates
from tests.setup import TestClock
from tests.test_conversations import invite
from tests.whatsapp import Office, office

ROOT = Path(__file__).parent.parent


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


def timers() -> list[str]:
    return [one.name for one in threading.enumerate() if "APScheduler" in one.name]


def test_every_sweep_has_its_interval(place):
    assert set(place.sweeps.jobs) == set(EVERY)
    assert all(seconds > 0 for seconds in EVERY.values())


def test_every_sweep_runs_on_an_empty_installation(database_url):
    with office(database_url) as place:
        before = count(place.installation, Outbox)
        place.sweeps.run_once()
        place.sweeps.run_once()
        assert count(place.installation, Outbox) == before == 0


def test_what_one_sweep_makes_the_next_takes_up(place):
    ani = place.twilio.person(phone="+6281200000901")
    invite(place)
    ani.wrote_at = place.clock.now
    change(place.installation, Conversation, {"wake_at": place.clock.now})
    place.sweeps.run_once()
    assert fates(place.installation) == ["queued"], "woken, and it waits for a template"
    assert place.twilio.outbound() == []


def test_starting_many_times_starts_once(place, monkeypatch):
    monkeypatch.setattr(scheduler, "EVERY", dict.fromkeys(EVERY, 3600))
    before = timers()
    threads = [threading.Thread(target=place.sweeps.start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(timers()) == len(before) + 1
    place.sweeps.stop()
    assert timers() == before
    place.sweeps.stop()


def test_a_sweep_that_fails_is_told_comes_again_and_stops_no_other(place, monkeypatch, caplog):
    monkeypatch.setattr(scheduler, "EVERY", dict.fromkeys(EVERY, 0.05))
    ran: Counter[str] = Counter()
    enough = threading.Event()

    def sweep(name):
        def run():
            ran[name] += 1
            if len(ran) == len(EVERY) and min(ran.values()) >= 3:
                enough.set()
            if name == "wake":
                raise RuntimeError(f"with the words of {name}")

        return run

    sweeps = Sweeps(place.service)
    sweeps.jobs = {name: sweep(name) for name in EVERY}
    with caplog.at_level(logging.ERROR, "bot.scheduler"):
        sweeps.start()
        assert enough.wait(20)
        sweeps.stop()
    told = [record.getMessage() for record in caplog.records if record.name == "bot.scheduler"]
    assert {one.split("\n")[0] for one in told} == {"the sweep wake failed and will run again"}
    assert all(one.endswith("RuntimeError") for one in told), "where and what kind, not what about"


def test_a_database_that_is_away_is_one_line_a_sweep(postgres_url, caplog):
    with office(postgres_url) as place:
        here = place.installation
        here.database.close()
        with caplog.at_level(logging.ERROR, "bot.scheduler"):
            for name in place.sweeps.jobs:
                place.sweeps._guarded(name)
    told = [record.getMessage() for record in caplog.records if record.name == "bot.scheduler"]
    assert len(told) == len(EVERY)
    assert all("cannot run and will try again: this process" in one for one in told)
    assert not any("\n" in one for one in told)


def test_stopping_lets_a_running_sweep_finish(place, monkeypatch):
    monkeypatch.setattr(scheduler, "EVERY", {"deliver": 0.05})
    begun, finished = threading.Event(), threading.Event()

    def slow():
        begun.set()
        threading.Event().wait(0.3)
        finished.set()

    sweeps = Sweeps(place.service)
    sweeps.jobs = {"deliver": slow}
    sweeps.start()
    assert begun.wait(20)
    sweeps.stop()
    assert finished.is_set()


def test_no_sweep_runs_beside_itself(place, monkeypatch):
    monkeypatch.setattr(scheduler, "EVERY", {"deliver": 0.02})
    lock = threading.Lock()
    together: list[bool] = []
    enough = threading.Event()

    def slow():
        together.append(lock.acquire(blocking=False))
        if together[-1]:
            threading.Event().wait(0.1)
            lock.release()
        if len(together) > 4:
            enough.set()

    sweeps = Sweeps(place.service)
    sweeps.jobs = {"deliver": slow}
    sweeps.start()
    assert enough.wait(20)
    sweeps.stop()
    assert all(together)


@pytest.mark.parametrize(("long", "level"), [(900, logging.DEBUG), (0, logging.WARNING)])
def test_a_sweep_that_takes_longer_than_its_interval_is_normal_until_it_takes_far_too_long(
    place, monkeypatch, caplog, long, level
):
    monkeypatch.setattr(scheduler, "EVERY", {"deliver": 0.02})
    monkeypatch.setattr(scheduler, "LONG", long)
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def slow():
        if begun.is_set():
            again.set()
        begun.set()
        go_on.wait(20)

    sweeps = Sweeps(place.service)
    sweeps.jobs = {"deliver": slow}
    with caplog.at_level(logging.DEBUG):
        sweeps.start()
        assert begun.wait(20)
        for _ in range(200):
            if any("deliver" in one.getMessage() for one in own(caplog)):
                break
            threading.Event().wait(0.02)
        threading.Event().wait(0.2)
        told = own(caplog)
        go_on.set()
        assert again.wait(20), "it comes again"
        sweeps.stop()
    assert {one.levelno for one in told} == {level}
    assert level == logging.DEBUG or len(told) == 1
    loud = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one for one in loud if one.name.startswith("apscheduler")] == []


def own(caplog):
    return [one for one in caplog.records if one.name == "bot.scheduler"]


FORKER = """
import os, sys, threading
from bot.config import Settings
from bot.scheduler import Sweeps
from bot.service import Service
import bot.scheduler as scheduler
scheduler.EVERY = dict.fromkeys(scheduler.EVERY, 3600)
sweeps = Sweeps(Service(Settings(database_url="sqlite:///none.db"), serving=True))
sweeps.jobs = dict.fromkeys(scheduler.EVERY, lambda: None)
sweeps.start()
child = os.fork()
count = lambda: sum("APScheduler" in one.name for one in threading.enumerate())
if child == 0:
    before = count()
    sweeps.start()
    sys.stdout.write(f"child {before} {count()}\\n")
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
sweeps.start()
print("parent", count())
sweeps.stop()
"""


def test_after_a_fork_the_child_has_timers_of_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    assert done.stdout.splitlines() == ["child 0 1", "parent 1"]


def test_on_sqlite_the_sweeps_start_with_the_first_message_and_not_before(sqlite_url, monkeypatch):
    """A process that only looks at /health holds no timers: it may be about to fork."""
    from bot.service import Service
    from bot.web.app import create_app
    from tests.whatsapp import settings_for

    monkeypatch.setattr(scheduler, "EVERY", dict.fromkeys(EVERY, 3600))
    with office(sqlite_url, clock=TestClock()) as place:
        place.service.close()
        config = settings_for(sqlite_url, place.twilio)
        service = Service(config, serving=True)
        sweeps = Sweeps(service)
        app = create_app(config, service=service, sweeps=sweeps)
        before = timers()
        app.test_client().get("/health")
        app.test_client().post("/whatsapp", data={"Body": "unsigned"})
        assert timers() == before
        from tests.fake_twilio import wsgi_post
        from tests.whatsapp import BASE

        place.twilio._post = wsgi_post(app, BASE)
        place.twilio.person().say("halo")
        assert len(timers()) == len(before) + 1
        sweeps.stop()
        service.close()
