"""APScheduler: a few interval jobs that call use cases.

Due-ness is in our tables, so there is no job store, nothing to misfire, and every job is safe to
run twice at once in any number of processes: rows are claimed, not scheduled.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bot.interview import contents, erasure, mixing, sending
from bot.interview.conversations import wake_due
from bot.interview.failures import trace
from bot.interview.receiving import replay
from bot.reporting import coordinators, snapshots
from bot.service import CANNOT_WORK, Service

log = logging.getLogger(__name__)

# Seconds between two runs of each sweep.
EVERY = {
    "deliver": 1,
    "wake": 5,
    "replay": 10,
    "contents": 15,
    "reconcile": 20,
    "report": 30,
    "mix": 300,
    "purge": 1800,
}


class Sweeps:
    """The timers of one process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._scheduler: BackgroundScheduler | None = None
        self._pid = 0
        self._guard = threading.Lock()
        self.jobs: dict[str, Callable[[], object]] = {
            "wake": self._wake,
            "report": self._report,
            "deliver": self._deliver,
            "replay": lambda: replay(service.desk),
            "reconcile": lambda: sending.reconcile(service.installation, service.channels),
            "contents": self._contents,
            "mix": lambda: mixing.mix_due(service.installation),
            "purge": self._purge,
        }

    def start(self) -> None:
        """Start the timers, once per process (and again after a fork)."""
        if self._scheduler is not None and self._pid == os.getpid():
            return
        with self._guard:
            if self._scheduler is not None and self._pid == os.getpid():
                return
            self._pid = os.getpid()
            self._scheduler = self._begin()

    def _begin(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(EVERY))},
            # A sweep that comes late comes once: what is due is in the tables.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for name, seconds in EVERY.items():
            first = datetime.now().astimezone() + timedelta(
                seconds=min(seconds, 3) * random.random()  # noqa: S311 # only spreads the load
            )
            scheduler.add_job(
                self._guarded, "interval", [name], seconds=seconds, id=name, next_run_time=first
            )
        scheduler.start()
        return scheduler

    def stop(self) -> None:
        """Let running sweeps finish and start no more."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)
            self._scheduler = None

    def run_once(self) -> None:
        """Run every sweep now, in an order in which what one makes the next takes up."""
        for name in self.jobs:
            self.jobs[name]()

    def _guarded(self, name: str) -> None:
        """A sweep that fails is logged and comes again; it takes nothing else down."""
        try:
            self.jobs[name]()
        except CANNOT_WORK as error:
            log.error("the sweep %s cannot run and will try again: %s", name, error)
        except Exception as error:
            log.error("the sweep %s failed and will run again\n%s", name, trace(error))

    def _wake(self) -> None:
        while wake_due(self._service.installation, limit=200) == 200:
            pass

    def _report(self) -> None:
        snapshots.take_due(self._service.installation)
        coordinators.send_due(self._service.installation)

    def _contents(self) -> None:
        for channel in self._service.channels.values():
            contents.make(self._service.installation, channel)

    def _purge(self) -> None:
        erasure.purge(self._service.installation)
        for channel in self._service.channels.values():
            contents.clean(self._service.installation, channel)

    def _deliver(self) -> None:
        while True:
            done = sending.deliver(self._service.installation, self._service.channels, limit=50)
            if done.sent == 0:
                return


class Courier:
    """Sends at once the replies that turns have put into the outbox, in a few threads of its own.

    They begin with the first errand, and again after a fork. What a courier misses is due all the
    same, and goes with the next sweep of whoever sweeps. It carries no invitations: a reply must
    not wait behind thousands of them.
    """

    def __init__(self, service: Service, threads: int = 4) -> None:
        self._service = service
        self._number = threads
        self._threads: list[threading.Thread] = []
        self._errands: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._pid = 0

    def hurry(self) -> None:
        """Have the outbox looked at now, and return at once."""
        if self._pid != os.getpid():
            with self._guard:
                if self._pid != os.getpid():
                    self._begin()
                    self._pid = os.getpid()
        if self._errands.qsize() < self._number:  # else somebody is about to look anyway
            self._errands.put(True)

    def stop(self) -> None:
        """Let what was asked for be done, and end."""
        if self._pid == os.getpid():
            for _thread in self._threads:
                self._errands.put(False)
            for thread in self._threads:
                thread.join(30)

    def _begin(self) -> None:
        self._errands = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"courier-{number}", daemon=True)
            for number in range(self._number)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while self._errands.get():
            try:
                while self._carry():
                    pass
            except CANNOT_WORK as error:
                log.warning("the courier leaves its errand to the next sweep: %s", error)
            except Exception as error:
                log.error("the courier failed; the next sweep will send\n%s", trace(error))

    def _carry(self) -> bool:
        service = self._service
        done = sending.deliver(service.installation, service.channels, limit=4, only="reply")
        return done.sent > 0
