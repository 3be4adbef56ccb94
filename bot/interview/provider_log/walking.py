"""Walking through the provider's own list of messages, in order of time, a bounded piece a sweep.

How far a walk has come is a checkpoint in the database. One process at a time walks: that keeps the
order of each person's messages and spares the provider; that nothing happens twice is kept by who
walks, message by message, since a lease may run out under a slow process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.channels.base import Channel, Listed, Logging, MessageLog, SendError
from bot.interview.installation import Installation, real_now
from storage.queries import checkpoints, outbox
from storage.queries import inbound as inbound_queries

log = logging.getLogger(__name__)

EMPTIED_AFTER = timedelta(hours=1)
"""How old a message is when the provider is made to forget it. Until then the sender may look for
its own messages by their text; what is older and has no text may be empty because of us."""

LEASE = timedelta(minutes=3)
BUDGET = 60.0  # real seconds after which a sweep begins nothing more: well within the lease
SPAN = timedelta(hours=1)  # of the list at once
PAGE = 1000  # messages of one span at most; where there are more the span is halved
_SECOND = timedelta(seconds=1)


class Walk:
    """One sweep's walk along one sender's messages, from a checkpoint to `until`."""

    def __init__(
        self, installation: Installation, messages: MessageLog, sender: str, name: str
    ) -> None:
        self.installation = installation
        self.messages = messages
        self.sender = sender
        self.name = name
        self._ends = time.monotonic() + BUDGET

    @property
    def tired(self) -> bool:
        """Whether nothing more should be begun in this sweep."""
        return time.monotonic() > self._ends

    def at(self) -> datetime:
        """Return how far the walk has come."""
        found = self.installation.database.read(lambda c: checkpoints.get(c, self.name))
        assert found is not None, "the checkpoint was made when the walk began"
        return found

    def pieces(
        self, since: datetime, until: datetime, *, inbound: tuple[bool, ...]
    ) -> Iterator[tuple[datetime, list[Listed]]]:
        """Yield the list piece by piece: its end, and its messages, oldest first.

        Raises SendError. Ends early when the sweep is tired.
        """
        while since < until and not self.tired:
            end = min(since + SPAN, until)
            found = self._piece(since, end, inbound)
            while found is None:
                end = since + max((end - since) / 2, _SECOND)
                found = self._piece(since, end, inbound)
            yield end, found
            since = end

    def _piece(
        self, since: datetime, end: datetime, inbound: tuple[bool, ...]
    ) -> list[Listed] | None:
        """List one span; None where it holds more than one sweep should keep in its hands."""
        least = end - since <= _SECOND
        found: list[Listed] = []
        for direction in inbound:
            limit = PAGE * 20 if least else PAGE
            one = self.messages.listed(self.sender, since, end, limit, inbound=direction)
            if len(one) >= limit and not least:
                return None
            found += one
        return sorted(found, key=lambda message: message.at)


def processed(installation: Installation, sids: Iterable[str]) -> dict[str, bool]:
    """Return which of these messages were taken in, and whether none of their words wait here."""
    digests = {installation.keys.digest("sid", one): one for one in sids}
    every = list(digests)

    def work(connection: Connection) -> dict[str, bool]:
        found: dict[bytes, bool] = {}
        for start in range(0, len(every), 500):  # a statement has a limited number of parameters
            found |= inbound_queries.processed(connection, every[start : start + 500])
        return {digests[mac]: done for mac, done in found.items()}

    return installation.database.read(work)


def senders(messages: MessageLog) -> list[str]:
    """Return our numbers; none while the provider does not tell them."""
    try:
        return messages.senders()
    except SendError as error:
        log.warning("the provider does not tell our numbers now (code %s)", error.code)
        return []


def logs(channels: Mapping[str, Channel]) -> dict[str, MessageLog]:
    """Return the logs of those channels whose provider keeps one."""
    return {name: one.log for name, one in channels.items() if isinstance(one, Logging)}


@contextmanager
def walking(
    installation: Installation, messages: MessageLog, sender: str, purpose: str, begin: datetime
) -> Iterator[Walk | None]:
    """Yield a walk for one purpose and sender, None while another process is at it.

    A purpose that has no checkpoint yet begins at `begin`. The provider's faults end a walk early:
    the next sweep goes on where it ended.
    """
    name = f"{purpose}:{sender}"

    def take(connection: Connection) -> datetime | None:
        checkpoints.ensure(connection, name, begin)
        here = outbox.server_time(connection) or real_now()
        until = here + LEASE
        return until if checkpoints.lease(connection, name, here, until) else None

    until = installation.database.write(take)
    if until is None:
        yield None
        return
    try:
        yield Walk(installation, messages, sender, name)
    except SendError as error:
        log.warning("the provider's list of messages cannot be used now (code %s)", error.code)
    finally:
        installation.database.write(lambda c: checkpoints.give_back(c, name, until))
