"""Keeping the kept counts: folding changes in, and once a day a true count beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.interview.alerts import alert
from bot.interview.installation import Installation
from storage.queries import checkpoints
from storage.queries import progress as queries

EVERY = timedelta(days=1)
PAGE = 5_000

_NAME = "recount"
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def keep(installation: Installation) -> int:
    """Fold changes into the counts; once a day recount too. Return how many cells were mended.

    A difference is no everyday thing: somebody altered the tables by hand, or a trigger is missing.
    """
    while installation.database.write(lambda c: queries.fold(c, PAGE)) == PAGE:
        pass
    now = installation.now()
    return installation.database.write(lambda connection: _recount(connection, now, EVERY))


def recount(installation: Installation) -> int:
    """Compare the counts with a true one now, and mend; return in how many cells they differed."""
    now = installation.now()
    return installation.database.write(lambda connection: _recount(connection, now, timedelta()))


def _recount(connection: Connection, now: datetime, every: timedelta) -> int:
    """One at a time: a second one waits for the checkpoint's row and finds no difference."""
    checkpoints.ensure(connection, _NAME, _LONG_AGO)
    until = now + timedelta(minutes=1)
    if not checkpoints.lease(connection, _NAME, now, until):
        return 0
    mended = 0
    if (checkpoints.get(connection, _NAME) or _LONG_AGO) + every <= now:
        mended = queries.mend(connection)
        checkpoints.put(connection, _NAME, now)
    checkpoints.give_back(connection, _NAME, until)
    if mended:
        alert(
            connection,
            "progress",
            f"the kept counts of finished interviews were wrong in {mended} cells and were mended."
            " Was a table altered by hand? `tautan doctor` says whether they stay right",
            now,
        )
    return mended
