"""How one process takes messages in, and what a turn hands back to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
