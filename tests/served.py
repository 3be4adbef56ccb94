"""Tautan's server or worker with a clock that a test moves: `python -m tests.served …`.

    python -m tests.served CLOCK_FILE web PORT     web, and on SQLite the timers too
    python -m tests.served CLOCK_FILE worker       the timers and the sender alone

Business time of an installation that really sends cannot be moved, by design. This program puts the
same parts together as `tautan run` and `tautan worker`, with the time of a file and with sweeps
that come every half second.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cheroot.wsgi import Server

from bot.config import Settings
from bot.interview.installation import Clock
from bot.scheduler import Sweeps
from bot.service import Service
from bot.web.app import create_app

log = logging.getLogger(__name__)

PAUSE = 0.5


class FileClock:
    """The real time, moved on by the seconds in a file that any process may change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> datetime:
        """Return the time, aware UTC."""
        return datetime.now(UTC) + timedelta(seconds=float(self.path.read_text("ascii")))

    def set(self, now: datetime) -> None:
        """Make it this time."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str((now - datetime.now(UTC)).total_seconds()), "ascii")
        fresh.replace(self.path)

    def move(self, **parts: float) -> None:
        """Move time on, as in `hours=3`."""
        self.set(self() + timedelta(**parts))


def sweep_often(sweeps: Sweeps) -> None:
    """Run every sweep again and again, each in a thread of its own."""

    def repeat(name: str) -> None:
        while True:
            try:
                sweeps.jobs[name]()
            except Exception:
                log.exception("the sweep %s failed and will run again", name)
            time.sleep(PAUSE)

    for name in sweeps.jobs:
        threading.Thread(target=repeat, args=(name,), daemon=True).start()


def main(clock_file: str, kind: str, port: str = "0") -> None:
    """Run until killed."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    settings = Settings.from_env()
    service = Service(settings, serving=True, clock=Clock(FileClock(Path(clock_file))))
    assert service.installation.demo is False
    if kind == "worker" or service.database.is_sqlite:
        sweep_often(Sweeps(service))
    print("ready", flush=True)
    if kind == "worker":
        threading.Event().wait()
    app = create_app(settings, service=service)
    Server(("127.0.0.1", int(port)), app, numthreads=16, request_queue_size=512).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
