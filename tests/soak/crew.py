"""Workers of a campaign as processes of their own, which are killed at random with -9.

    python -m tests.soak.crew SOCKET DATABASE_URL

A worker asks the driver for the time, does all that is due by it, and says how much that was. What
it sends goes to the driver, who plays WhatsApp and so may kill it with a message in its hands:
before it is taken, after that, or some milliseconds later, in the middle of anything.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from bot.channels.base import Address, Channel, Found, Outgoing, StatusEvent
from bot.interview.installation import SIMULATED, Clock, Installation, open_installation
from bot.interview.sending.delivering import EVERYTHING, anything_due, deliver
from bot.interview.sending.reconciling import reconcile
from bot.interview.waking import wake_due
from bot.reporting import snapshots
from bot.reporting.coordinators import daily
from storage.database import Database
from storage.keys import Secret
from storage.models import Conversation, Coordinator, Outbox
from tests.forked import Forked
from tests.setup import SECRET, TestClock
from tests.soak.world import World

PATIENCE = 120.0  # seconds for one round of all


def work(here: Installation, channel: Channel) -> int:
    """Do all that is due now, as the sweeps of a worker do; return how much it was."""
    done = snapshots.take_due(here) + daily.send_due(here)
    while (woken := wake_due(here, 200)) > 0:
        done += woken
        if woken < 200:
            break
    while anything_due(here, EVERYTHING):
        delivery = deliver(here, {channel.name: channel}, 100)
        done += delivery.sent + delivery.dropped
        if not delivery.sent:
            break
    return done + reconcile(here, {channel.name: channel})


def next_due(here: Installation) -> datetime | None:
    """Return when the next timer, message or report is due."""
    asked = (
        select(func.min(Conversation.wake_at)),
        select(func.min(Outbox.not_before)).where(Outbox.status.in_(("queued", "unknown"))),
        select(func.min(Coordinator.due_at)),
    )
    found = here.database.read(
        lambda connection: [connection.execute(one).scalar_one() for one in asked]
    )
    return min((one for one in found if one is not None), default=None)


# --- a worker -------------------------------------------------------------------------------------


class Remote:
    """The channel of a worker: the driver at the other end of a socket."""

    name, sender = SIMULATED.channel, SIMULATED.sender

    def __init__(self, driver: Connection) -> None:
        self._driver = driver

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Hand a message over."""
        self._driver.send(("send", outgoing))
        answer: StatusEvent = self._driver.recv()
        return answer

    def find(self, to: Address, since: datetime) -> list[Found]:
        """Ask what was taken."""
        self._driver.send(("find", to, since))
        answer: list[Found] = self._driver.recv()
        return answer


def main(socket: str, url: str) -> None:
    """Work until killed, or until the driver is gone."""
    clock = TestClock()
    database = Database(url, serving=True, durable=False)
    here = open_installation(database, Secret(SECRET), clock=Clock(clock))
    done = 0
    with Client(socket, "AF_UNIX") as driver, contextlib.suppress(EOFError):
        channel = Remote(driver)
        while True:
            driver.send(("ready", os.getpid(), done))
            clock.now = driver.recv()
            done = work(here, channel)


# --- the driver -----------------------------------------------------------------------------------


@dataclass
class Worker:
    """A process and where it stands: starting, ready, working or dead."""

    process: Forked
    state: str = "starting"
    done: int = 0
    go: datetime | None = None


@dataclass
class Fire:
    """How often a send costs the sender its life, and how often at most."""

    chance: float
    most: int
    rng: random.Random

    def hits(self, part: float = 1.0) -> bool:
        """Whether it does now."""
        return self.most > 0 and self.rng.random() < self.chance * part


@dataclass
class Crew:
    """Some workers on one database, under fire."""

    url: str
    world: World
    here: Installation
    folder: Path
    count: int
    fire: Fire
    kills: int = 0
    rounds: int = 0
    workers: dict[int, Worker] = field(default_factory=dict)
    _change: threading.Condition = field(default_factory=threading.Condition)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Let workers stand ready while the block runs."""
        self._listener = Listener(str(self.folder / "crew"), "AF_UNIX")
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield
        finally:
            for pid in list(self.workers):
                self._kill(pid, count=False)
            self._listener.close()

    def work(self) -> None:
        """Let all that is due at the world's time be done, by whoever lives."""
        now, quiet = self.world.clock(), False
        while not quiet:
            self._revive()
            before = self.kills
            self.rounds += 1
            with self._change:
                for one in self.workers.values():
                    one.state, one.go = "working", now
                self._change.notify_all()
            self._wait("working")
            told = self.world.call_back()
            if self.kills > before:
                # Nobody who lives has anything in hands now: what the dead had is free.
                self._let_leases_run_out()
                continue
            idle = not any(one.done for one in self.workers.values())
            following = next_due(self.here)
            quiet = not told and (idle or following is None or following > now)

    def _revive(self) -> None:
        for pid in [pid for pid, one in self.workers.items() if one.state == "dead"]:
            del self.workers[pid]
        while len(self.workers) < self.count:
            with self._change:
                process = Forked("tests.soak.crew", str(self.folder / "crew"), self.url)
                self.workers[process.pid] = Worker(process)
        self._wait("starting")

    def _wait(self, state: str) -> None:
        """Return when nobody is in a state any more."""
        end = time.monotonic() + PATIENCE
        with self._change:
            while any(one.state == state for one in self.workers.values()):
                assert time.monotonic() < end, f"workers are {state} for too long"
                self._change.wait(1.0)
                for one in self.workers.values():
                    if not one.process.alive:
                        assert one.process.wait() == -signal.SIGKILL, "a worker ended by itself"
                        one.state = "dead"

    def _kill(self, pid: int, *, count: bool = True) -> None:
        """`kill -9` one of ours, once."""
        with self._change:
            one = self.workers.get(pid)
            if one is None or not one.process.alive:
                return
            one.process.kill()
            one.state = "dead"
            self.kills += count
            self.fire.most -= count
            self._change.notify_all()

    def _let_leases_run_out(self) -> None:
        old = self.here.now() - timedelta(days=365)
        statement = update(Outbox).where(Outbox.lease_until.is_not(None)).values(lease_until=old)
        self.here.database.write(lambda connection: connection.execute(statement))

    # --- one thread for each worker ---

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                driver = self._listener.accept()
                threading.Thread(target=self._serve, args=(driver,), daemon=True).start()

    def _serve(self, driver: Connection) -> None:
        pid = 0
        with driver, contextlib.suppress(EOFError, OSError):
            while True:
                what, *rest = driver.recv()
                if what == "ready":
                    pid = rest[0]
                    driver.send(self._ready(pid, rest[1]))
                elif what == "find":
                    driver.send(self.world.find(*rest))
                else:
                    driver.send(self._send(pid, rest[0]))
        if pid:
            self._kill(pid, count=False)

    def _ready(self, pid: int, done: int) -> datetime:
        with self._change:
            one = self.workers[pid]
            one.state, one.done, one.go = "ready", done, None
            self._change.notify_all()
            while one.go is None:
                self._change.wait()
            go = one.go
        if self.fire.hits(0.25):
            # While it wakes timers, leases, or writes down what became of a message.
            threading.Timer(self.fire.rng.random() / 10, self._kill, (pid,)).start()
        return go

    def _send(self, pid: int, outgoing: Outgoing) -> Any:
        shot = self.fire.rng.choice(("before", "after", "later"))
        hit = self.fire.hits()
        if hit and shot == "before":
            self._kill(pid)
            raise EOFError
        answer = self.world.send(outgoing)
        if hit and shot == "after":
            self._kill(pid)
            raise EOFError
        if hit:
            threading.Timer(self.fire.rng.random() / 100, self._kill, (pid,)).start()
        return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
