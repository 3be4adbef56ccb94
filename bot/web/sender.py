"""Sends replies at once where the webhook's answer cannot carry them.

What it does, the sweep `deliver` would do a moment later: rows are claimed, so both may run at once
in any number of processes, and what fails here is taken up there.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from uuid import uuid4

from bot.channels.base import Address, Outgoing, SendError
from bot.flow.turn import Message
from bot.interview.failures import trace
from bot.interview.sending import delivering as sending
from bot.service import CANNOT_WORK, Service

log = logging.getLogger(__name__)

THREADS = 4  # a request to the provider takes a fraction of a second, and people write at once
BATCH = 5  # rows that one thread takes at a time, so that others find some too


class Sender:
    """A few threads of one process, started with the first reply (and again after a fork)."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0
        self._guard = threading.RLock()
        self._open: set[Future[None]] = set()
        self._waiting = False  # a pass that has not begun: it will see all that is stored by now

    def wake(self) -> None:
        """Let what is due in the outbox go out now. Call it after the commit."""
        with self._guard:
            self._begin()
            if not self._waiting:
                self._waiting = True
                self._submit(self._pass)

    def say(self, to: Address, message: Message) -> None:
        """Send a message of which nothing is kept: to somebody of whom we keep no address."""
        with self._guard:
            self._begin()
            self._submit(lambda: self._say(Outgoing(uuid4().hex, to, message)))

    def settle(self, timeout: float | None = None) -> None:
        """Wait until all that was asked for is done."""
        while True:
            with self._guard:
                running = set(self._open)
            if not running:
                return
            if wait(running, timeout).not_done:
                raise TimeoutError(f"{len(running)} passes of the sender do not end")

    def stop(self) -> None:
        """Let running passes finish and start no more."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)

    def _begin(self) -> None:
        """Have the threads of this very process: those of a parent do not survive a fork."""
        if self._pool is None or self._pid != os.getpid():
            self._pid, self._open, self._waiting = os.getpid(), set(), False
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sender")

    def _submit(self, work: Callable[[], None]) -> None:
        assert self._pool is not None
        future = self._pool.submit(work)
        self._open.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        with self._guard:
            self._open.discard(future)

    def _pass(self) -> None:
        with self._guard:
            self._waiting = False
        try:
            installation, channels = self._service.installation, self._service.channels
            while sending.deliver(installation, channels, BATCH, ("urgent",)).sent:
                pass
        except CANNOT_WORK as error:
            log.error("replies wait for the next sweep: %s", error)
        except Exception as error:
            log.error("replies wait for the next sweep\n%s", trace(error))

    def _say(self, outgoing: Outgoing) -> None:
        provider = self._service.provider
        assert provider is not None
        try:
            provider.send(outgoing)
        except SendError as error:
            # Nothing of it is kept, so there is nothing to try again with.
            log.warning("an answer was not sent (%s, code %s)", error.outcome, error.code)
        except Exception as error:
            log.error("an answer was not sent\n%s", trace(error))
