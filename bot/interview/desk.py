"""How one process takes messages in, and what a turn hands back to it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.turn import Message
from bot.interview.installation import Installation
from bot.interview.sending.pace import Debits

CoordinatorAnswer = Callable[[Connection, Installation, int, Inbound], Message | None]
"""Answers a coordinator's command; None when the message is not one."""
CanInline = Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What to answer: a message to hand over now (its status comes back under `outbox_id`, if
    anything of it is kept), or nothing, because there is nothing to say or because it goes out by
    REST: then it is `queued`, and the sender should hear of it."""

    message: Message | None = None
    outbox_id: UUID | None = None
    queued: bool = False


NOTHING = Receipt()
QUEUED = Receipt(queued=True)


class Unkept:
    """Replies to people of whom no address is kept, for a repeat of the message they answer.

    Nothing of them may be stored, so they are in this process's memory, by digests, for minutes.
    Of several processes only the one that answered first has them; another stays silent, and what
    was asked for is done all the same.
    """

    LIVES = timedelta(minutes=5)  # Twilio repeats within a minute, by its fallback too
    MOST = 1000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._replies: OrderedDict[tuple[bytes, bytes], tuple[datetime, Message]] = OrderedDict()

    def put(self, installation: Installation, inbound: Inbound, message: Message) -> None:
        """Keep what was answered to a message."""
        now = installation.now()
        with self._lock:
            self._replies.setdefault(_cause(installation, inbound), (now, message))
            while len(self._replies) > self.MOST or self._oldest() < now - self.LIVES:
                self._replies.popitem(last=False)

    def get(self, installation: Installation, inbound: Inbound) -> Message | None:
        """Return what was answered to this message of this person; None where that is not known."""
        with self._lock:
            at, message = self._replies.get(_cause(installation, inbound), (None, None))
        return message if at is not None and installation.now() - at <= self.LIVES else None

    def _oldest(self) -> datetime:
        return next(iter(self._replies.values()))[0]


def _cause(installation: Installation, inbound: Inbound) -> tuple[bytes, bytes]:
    digest = installation.keys.digest
    return digest("sid", inbound.sid), digest("address", inbound.addresses[0].value)


@dataclass(frozen=True, slots=True)
class Desk:
    """How one process receives: what a channel can hand over, and who answers coordinators.

    `direct` says that who takes the receipt can send a message at once, to the address that wrote:
    a channel that answers no webhook needs it for people of whom no address is kept. `taps_by_rest`
    says that the channel's taps are made beforehand and no inline reply has them.
    """

    installation: Installation
    can_inline: CanInline
    coordinator_answer: CoordinatorAnswer | None = None
    direct: bool = False
    taps_by_rest: bool = False
    debits: Debits = field(default_factory=Debits)
    unkept: Unkept = field(default_factory=Unkept)
