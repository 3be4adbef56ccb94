"""Replies: stored before they are handed over, and handed over again where a message repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import Address, Inbound
from bot.flow.turn import Message
from bot.interview import late
from bot.interview.desk import NOTHING, QUEUED, Desk, Receipt
from bot.interview.installation import Installation, Via
from bot.interview.sending import contents, outbox
from storage.keys import KeyDestroyed
from storage.queries import inbound as inbound_queries
from storage.queries import outbox as outbox_queries


def answer(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    address_id: int | None,
    message: Message | None,
) -> Receipt:
    if message is None:
        return NOTHING
    return hand_over(connection, desk, inbound, address_id, message, None, None)


def hand_over(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    address_id: int | None,
    message: Message,
    survey_id: int | None,
    conversation_id: int | None,
) -> Receipt:
    """Put a reply into the outbox and return it if the channel can carry it at once."""
    receipt, reply = draft(
        connection, desk, inbound, address_id, message, survey_id, conversation_id
    )
    if reply is not None:
        outbox_queries.add(connection, reply)
    return receipt


def draft(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    address_id: int | None,
    message: Message | None,
    survey_id: int | None,
    conversation_id: int | None,
) -> tuple[Receipt, dict[str, Any] | None]:
    """Return what to answer and the outbox row to store.

    Somebody of whom we keep no address gets the reply at once, and nothing of it is stored.
    """
    installation = desk.installation
    inline = message is not None and desk.can_inline(message)
    if message is None or (address_id is None and not (inline or desk.direct)):
        return NOTHING, None
    if address_id is not None and late.window_shut(connection, installation, address_id, inbound):
        return NOTHING, None
    if message.once_a_day is not None and not _first_today(
        connection, installation, inbound.addresses[0], message.once_a_day
    ):
        return NOTHING, None
    if address_id is None:
        return Receipt(message), None
    if desk.taps_by_rest and survey_id is not None:
        inline &= not contents.ready(connection, installation, survey_id, message)
    row = outbox.draft(
        connection,
        installation,
        via=Via(inbound.channel, inbound.sender),
        address_id=address_id,
        message=message,
        purpose="reply",
        dedupe=f"reply:{inbound.sid}",
        survey_id=survey_id,
        conversation_id=conversation_id,
        inline=inline,
    )
    return Receipt(message, row["id"]) if inline else QUEUED, row


def _first_today(
    connection: Connection, installation: Installation, address: Address, what: str
) -> bool:
    """Whether an address hears this for the first time today; known under a key that is destroyed
    at midnight."""
    day = installation.now().date()
    key = installation.keys.scoped(connection, f"day:{day.isoformat()}")
    return inbound_queries.mark_today(connection, key.digest(f"{what}\0{address.value}"), day)


def again(
    connection: Connection, desk: Desk, inbound: Inbound, digests: Sequence[bytes]
) -> Receipt:
    """Answer a repeated webhook: the same words while their fate is unknown, then nothing.

    `digests` are those of its addresses: whoever else gives the same message id hears nothing.
    """
    installation = desk.installation
    row = outbox.repeated(connection, installation, f"reply:{inbound.sid}", digests)
    if row is None:
        return Receipt(desk.unkept.get(installation, inbound))
    if row.status != "unknown" or row.via != "twiml" or row.sealed is None:
        return NOTHING
    try:
        return Receipt(outbox.open_message(connection, installation, row), row.id)
    except KeyDestroyed:
        return NOTHING
