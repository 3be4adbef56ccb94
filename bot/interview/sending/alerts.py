"""Telling operators what they have to mend: in the log, in `/metrics`, and kept until cleared."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Connection

from storage.queries import alerts as queries

log = logging.getLogger(__name__)


def alert(connection: Connection, kind: str, what: str, now: datetime) -> None:
    """Raise an alert of a kind ("code:63041", "sender:3"); the same one again only counts up.

    `what` says what is wrong and how to mend it, and holds nothing of a person.
    """
    if queries.raise_(connection, kind[:40], what[:400], now):
        log.error("%s", what)
