"""Runs a `tautan` command and writes down what it took of memory, and of SQLite's lock.

`python -m tests.bench.locks FILE roster import ...`: on the first line the most memory in kB, then
how long each transaction held the lock, in seconds, as they ended.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from bot.cli import main

began: dict[int, float] = {}
held: list[float] = []


def _begun(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    if statement == "BEGIN IMMEDIATE":
        began[id(connection.connection.dbapi_connection)] = time.perf_counter()


def _ended(driver: Any, _: Any) -> None:
    start = began.pop(id(driver), None)
    if start is not None:
        held.append(time.perf_counter() - start)


def most_memory() -> int:
    """Return the most memory that this program has had, in kB, without what it was forked from."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    event.listen(Engine, "after_cursor_execute", _begun)
    event.listen(Pool, "checkin", _ended)
    report = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        report.write_text("\n".join(map(str, (most_memory(), *held))))
