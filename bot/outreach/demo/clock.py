"""Moving the business time of a demo, so that everything due on the way happens at its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.interview.installation import Installation
from storage.queries import simulator as queries

# How far to go on while something overdue stays undone: longer and longer, so that one message
# that cannot be sent does not hold the clock.
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(hours=1)


def advance(installation: Installation, by: timedelta, sweep: Callable[[], object]) -> None:
    """Move business time and run `sweep`: at once, wherever something is due, and at the end.

    Raises ValueError unless the installation is marked demo.
    """
    end = installation.now() + by
    sweep()
    pause = SHORTEST
    while True:
        due = next_due(installation)
        if due is None or due >= end:
            break
        overdue = due <= installation.now()
        pause = min(pause * 2, LONGEST) if overdue else SHORTEST
        move_to(installation, min(end, installation.now() + pause if overdue else due))
        if installation.now() >= end:
            break
        sweep()
    move_to(installation, end)
    sweep()


def next_due(installation: Installation) -> datetime | None:
    """Return when the next conversation, message or report is due; it may be overdue."""
    return installation.database.read(queries.next_due)


def move_to(installation: Installation, moment: datetime) -> None:
    """Move business time forward to a moment; a moment that has passed changes nothing."""
    if moment > installation.now():
        installation.move_clock(moment - installation.now())


def pass_time(installation: Installation, moment: datetime) -> None:
    """Move this process's business time alone, as `move_to`; the next `move_to` keeps it.

    Between two messages of a played demo it need not outlive the process.
    """
    if not installation.demo:
        raise ValueError("business time is moved only in an installation marked demo")
    installation.clock.offset += max(moment - installation.now(), timedelta())
