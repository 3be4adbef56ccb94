"""How fast we may write: tokens in the database, so that all processes share one pace.

Three limits meet (Twilio's and Meta's rules for WhatsApp):

- a *sender* takes 80 messages a second in all and, of these, 60 of campaigns (invitations and
  reminders), so that replies always have room;
- a *person* takes one message in 6 seconds on average, and up to 45 replies (10 others) at once;
- a *portfolio* may write first, by template, to so many people in any 24 hours.

A sender's bucket is one time, `free_at`: the moment of its next free token (the generic cell rate
algorithm). Reserving n tokens moves it on by n intervals and gives n moments to send at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from bot.interview.installation import Installation, Via, real_now
from storage.queries import outbox as outbox_queries
from storage.queries import senders as queries
from storage.queries.senders import SenderRow

Lane = Literal["urgent", "campaign"]

PER_SECOND = 80.0  # Twilio: messages a second of one WhatsApp sender
CAMPAIGN_PER_SECOND = 60.0
UNLIMITED = 100_000.0
# Messages reach Twilio a little early or late: this much slower, no 10 seconds hold more than they
# may although some of a campaign come a third of a second late.
SLACK = 0.015
PEOPLE_PER_DAY = 250  # Meta: a new business portfolio; more with time and verification
BURST = timedelta(seconds=1)  # what a sender that was silent may send at once
AHEAD = timedelta(seconds=1)  # tokens are reserved this far ahead, no farther: replies come between
PERSON_EVERY = timedelta(seconds=6)
PERSON_BURST = {"reply": 45, "other": 10}
DAY = timedelta(hours=24)
FLUSH_SECONDS = 1.0


def sender_of(
    connection: Connection, channel: str, address: str, known: Sequence[SenderRow] | None = None
) -> SenderRow:
    """Return a sender, made with the usual limits when it is new."""
    rows = queries.every(connection) if known is None else known
    for row in rows:
        if (row.channel, row.address) == (channel, address):
            return row
    # Nobody limits a simulator.
    simulated = channel == "simulator"
    values = {
        "channel": channel,
        "address": address,
        "per_second": UNLIMITED if simulated else PER_SECOND,
        "campaign_per_second": UNLIMITED if simulated else CAMPAIGN_PER_SECOND,
        "people_per_day": None if simulated else PEOPLE_PER_DAY,
    }
    queries.add(connection, values)
    return next(
        row for row in queries.every(connection) if (row.channel, row.address) == (channel, address)
    )


def reserve(
    connection: Connection, sender: SenderRow, lane: Lane, wanted: int, now: datetime
) -> list[float]:
    """Take up to `wanted` tokens of a sender; return when each may be used, in seconds from now.

    `now` is the database's own time. The caller holds the lock under which rows are leased.
    """
    whole, part = f"{sender.id}:all", f"{sender.id}:campaign"
    free = queries.free_at(connection, (whole, part))
    every = timedelta(seconds=1 / sender.per_second)
    all_free = max(free.get(whole, now - BURST), now - BURST)
    moments: list[datetime] = []
    if lane == "urgent":
        while len(moments) < wanted and all_free <= now + AHEAD:
            moments.append(all_free)
            all_free += every
    else:
        step = timedelta(seconds=(1 + SLACK) / sender.campaign_per_second)
        part_free = max(free.get(part, now), now)
        while len(moments) < wanted and max(part_free, all_free) <= now + AHEAD:
            moments.append(max(part_free, all_free))
            part_free += step
            all_free += every
        queries.set_free_at(connection, part, part_free)
    queries.set_free_at(connection, whole, all_free)
    return [max(0.0, (moment - now).total_seconds()) for moment in moments]


def person_free_at(handed: Sequence[datetime], purpose: str, now: datetime) -> datetime | None:
    """Return when a person may get one more message; None: now. `handed` are earlier ones."""
    burst = PERSON_BURST.get(purpose, PERSON_BURST["other"])
    spent = 0.0
    before: datetime | None = None
    for at in handed:
        if before is not None:
            spent = max(0.0, spent - (at - before) / PERSON_EVERY)
        spent, before = spent + 1, at
    if before is None:
        return None
    spent = max(0.0, spent - (now - before) / PERSON_EVERY)
    over = spent + 1 - burst
    return now + over * PERSON_EVERY if over > 1e-9 else None


def person_window() -> timedelta:
    """How far back earlier messages still count."""
    return max(PERSON_BURST.values()) * PERSON_EVERY


class Beginnings:
    """How many people a portfolio may still write to first today, while rows are leased."""

    def __init__(
        self, connection: Connection, sender: SenderRow, address_ids: Sequence[int], now: datetime
    ) -> None:
        self._connection = connection
        self._sender = sender
        self._now = now
        self._used, self._known = queries.written_first(
            connection, sender.portfolio, now - DAY, address_ids
        )

    def take(self, address_id: int) -> datetime | None:
        """Count a person; None: they may be written to. Else the moment when a place gets free."""
        limit = self._sender.people_per_day
        if limit is None or address_id in self._known:
            return None
        if self._used >= limit:
            oldest = queries.oldest_first_write(
                self._connection, self._sender.portfolio, self._now - DAY
            )
            return (oldest or self._now) + DAY
        self._used += 1
        self._known.add(address_id)
        queries.wrote_first(self._connection, self._sender.portfolio, address_id, self._now)
        return None


class Debits:
    """Replies that went out in the webhook's own answer: they use up tokens without waiting.

    Counted in memory and written once a second, so that a turn costs no statement more. What a
    crash forgets is a second of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Via, int] = {}
        self._written = time.monotonic()

    def count(self, installation: Installation, via: Via) -> None:
        """Count one reply, and write what has come together when it is time."""
        with self._lock:
            self._counts[via] = self._counts.get(via, 0) + 1
            if time.monotonic() - self._written < FLUSH_SECONDS:
                return
            due, self._counts, self._written = self._counts, {}, time.monotonic()
        if not installation.database.write(lambda connection: _debit(connection, due)):
            with self._lock:
                for one, number in due.items():
                    self._counts[one] = self._counts.get(one, 0) + number


def _debit(connection: Connection, counts: dict[Via, int]) -> bool:
    """Take tokens; False when rows are being leased just now, as no turn waits for that."""
    if not outbox_queries.one_at_a_time(connection, wait=False):
        return False
    now = outbox_queries.server_time(connection) or real_now()
    for via, number in counts.items():
        sender = sender_of(connection, via.channel, via.sender)
        bucket = f"{sender.id}:all"
        free = queries.free_at(connection, (bucket,)).get(bucket, now - BURST)
        spent = number * timedelta(seconds=1 / sender.per_second)
        queries.set_free_at(connection, bucket, max(free, now - BURST) + spent)
    return True
