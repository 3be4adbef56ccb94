"""APScheduler: a few interval jobs that call use cases.

Due-ness is in our tables, so there is no job store, nothing to misfire, and every job is safe to
run twice at once in any number of processes: rows are claimed, not scheduled.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor as Executor
from apscheduler.schedulers.background import BackgroundScheduler

from bot.interview import erasure, fetching, mixing, moving
from bot.interview.failures import trace
from bot.interview.provider_log import missed, redaction
from bot.interview.receiving import replay
from bot.interview.sending import contents, reconciling, templates
from bot.interview.sending import delivering as sending
from bot.interview.sending.pace import Lane
from bot.interview.waking import wake_due
from bot.outreach.mending import counts as roster_counts
from bot.outreach.mending import sent_files
from bot.reporting import recount, snapshots
from bot.reporting.coordinators import daily
from bot.service import CANNOT_WORK, Service

log = logging.getLogger(__name__)

SENDERS = 32  # threads that wait for the provider: 60 a second at half a second each
AT_ONCE = 100  # messages leased together; the pace allows about a second's worth

# Seconds after which it is told, once, that a sweep is still at work: none should take so long.
LONG = 900

# Seconds between two runs of each sweep.
EVERY = {
    "deliver": 1,
    "reply": 1,
    "wake": 5,
    "replay": 10,
    "contents": 15,
    "reconcile": 20,
    "missed": 60,
    "redact": 300,
    "report": 30,
    "files": 10,
    "attachments": 5,
    "mix": 300,
    "purge": 1800,
    "templates": 3600,
    "move": 600,
}


class Sweeps:
    """The timers of one process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._scheduler: BackgroundScheduler | None = None
        self._pid = 0
        self._guard = threading.Lock()
        self._at_work: dict[str, float] = {}  # a sweep: since when (monotonic)
        self._told: set[str] = set()  # those of them of which it was said that they take long
        self.jobs: dict[str, Callable[[], object]] = {
            "wake": self._wake,
            "report": self._report,
            "reply": self._reply,
            "deliver": self._deliver,
            "replay": lambda: replay(service.desk),
            "reconcile": lambda: reconciling.reconcile(service.installation, service.channels),
            "mix": lambda: mixing.mix_due(service.installation),
            "contents": self._contents,
            "missed": lambda: missed.take_missed(service.desk, service.channels),
            "files": lambda: sent_files.read_due(service.installation, service.channels),
            "attachments": self._attachments,
            "redact": lambda: redaction.redact_due(service.installation, service.channels),
            "purge": self._purge,
            "templates": self._templates,
            "move": lambda: moving.move_due(service.installation),
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
        self._at_work, self._told = {}, set()
        scheduler = BackgroundScheduler(
            # A thread more than there are sweeps, for a turn that finds its sweep at work.
            executors={"default": Executor(len(EVERY) + 1)},
            # A sweep that comes late comes once: what is due is in the tables. That it is still at
            # work is normal, and seen by `_guarded`: the scheduler would warn of it every second.
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
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
        """A sweep that fails is logged and comes again; it takes nothing else down.

        Where it is at work still, this turn is left out: the next one takes up what is due.
        """
        now = time.monotonic()
        with self._guard:
            since = self._at_work.get(name)
            if since is None:
                self._at_work[name] = now
        if since is not None:
            self._left_out(name, now - since)
            return
        try:
            self._swept(name)
        finally:
            with self._guard:
                del self._at_work[name]
                self._told.discard(name)

    def _left_out(self, name: str, seconds: float) -> None:
        """Log once that a sweep is at work still: as a warning where it takes far too long."""
        if seconds < LONG:
            log.debug("the sweep %s is at work still; this turn is left out", name)
        elif name not in self._told:
            self._told.add(name)
            log.warning("the sweep %s has been at work for %d minutes", name, seconds // 60)

    def _swept(self, name: str) -> None:
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
        daily.send_due(self._service.installation, roster=roster_counts.read)

    def _contents(self) -> None:
        for channel in self._service.channels.values():
            contents.make(self._service.installation, channel)

    def _attachments(self) -> None:
        here, channels = self._service.installation, self._service.channels
        while fetching.fetch_due(here, channels) == fetching.AT_ONCE:
            pass

    def _purge(self) -> None:
        erasure.purge(self._service.installation)
        recount.keep(self._service.installation)
        for channel in self._service.channels.values():
            contents.clean(self._service.installation, channel)

    def _templates(self) -> None:
        for channel in self._service.channels.values():
            templates.watch(self._service.installation, channel)

    def _deliver(self) -> None:
        self._send(sending.EVERYTHING)

    def _reply(self) -> None:
        """Send what is urgent while `_deliver` is busy with a campaign."""
        self._send(("urgent",))

    def _send(self, lanes: tuple[Lane, ...]) -> None:
        installation, channels = self._service.installation, self._service.channels
        if not sending.anything_due(installation, lanes):
            return
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="send") as pool:
            room = threading.Semaphore(SENDERS)
            while sending.deliver(installation, channels, AT_ONCE, lanes, pool, room).sent:
                pass
