"""Keeping the kept counts: folding changes in, and once a day a true count beside them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.sending.alerts import alert
from storage.queries import checkpoints
from storage.queries import progress as queries

EVERY = timedelta(days=1)
PAGE = 5_000

_NAME = "recount"


def keep(installation: Installation) -> int:
    """Fold changes into the counts; once a day recount too. Return how many cells were mended.

    A difference is no everyday thing: somebody altered the tables by hand, or a trigger is missing.
    """
    while installation.database.write(lambda c: queries.fold(c, PAGE)) == PAGE:
        pass
    last = installation.database.read(lambda c: checkpoints.get(c, _NAME))
    if last is not None and installation.now() < last + EVERY:
        return 0
    return recount(installation)


def recount(installation: Installation) -> int:
    """Compare the counts with a true one now, and mend; return in how many cells they differed."""
    now = installation.now()
    # Every conversation is looked at: not while writers wait, unless something has to be written.
    differing = installation.database.read(queries.differing)
    return installation.database.write(lambda c: _mend(c, now) if differing else _done(c, now))


def _done(connection: Connection, now: datetime) -> int:
    checkpoints.ensure(connection, _NAME, now)
    checkpoints.put(connection, _NAME, now)
    return 0


def _mend(connection: Connection, now: datetime) -> int:
    """One at a time: a second one waits for the checkpoint's row, and finds no difference."""
    _done(connection, now)
    mended = queries.mend(connection)
    if mended:
        alert(
            connection,
            "progress",
            f"the kept counts of finished interviews were wrong in {mended} cells and were mended."
            " Was a table altered by hand? `tautan doctor` says whether they stay right",
            now,
        )
    return mended
