"""Invented chats, and when the next thing is due in an installation whose time is moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from storage.models import Conversation, Coordinator, Outbox, SimulatorMessage


class MessageRow(NamedTuple):
    """A stored bubble; ids rise in the order of the chat."""

    id: int
    at: datetime
    sealed: bytes
    key_id: int


_COLUMNS = (
    SimulatorMessage.id,
    SimulatorMessage.at,
    SimulatorMessage.sealed,
    SimulatorMessage.key_id,
)

_DUE = select(
    select(func.min(Conversation.wake_at)).scalar_subquery(),
    select(func.min(Outbox.not_before))
    .where(Outbox.status.in_(("queued", "unknown")))
    .scalar_subquery(),
    select(func.min(Coordinator.due_at)).where(~Coordinator.paused).scalar_subquery(),
)


def add(
    connection: Connection, *, address_hmac: bytes, at: datetime, sealed: bytes, key_id: int
) -> None:
    """Append a bubble to a chat."""
    connection.execute(
        insert(SimulatorMessage),
        {"address_hmac": address_hmac, "at": at, "sealed": sealed, "key_id": key_id},
    )


def after(
    connection: Connection, address_hmacs: Sequence[bytes], message_id: int, limit: int
) -> list[MessageRow]:
    """Return the newest bubbles of a chat behind a given one, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(SimulatorMessage.address_hmac.in_(address_hmacs), SimulatorMessage.id > message_id)
        .order_by(SimulatorMessage.id.desc())
        .limit(limit)
    )
    return [MessageRow(*row) for row in rows][::-1]


def since(
    connection: Connection, address_hmacs: Sequence[bytes], moment: datetime
) -> list[MessageRow]:
    """Return a chat from a time on, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(SimulatorMessage.address_hmac.in_(address_hmacs), SimulatorMessage.at >= moment)
        .order_by(SimulatorMessage.id)
    )
    return [MessageRow(*row) for row in rows]


def newest(connection: Connection) -> list[tuple[bytes, int]]:
    """Return the address and the id of the newest bubble of every chat."""
    rows = connection.execute(
        select(SimulatorMessage.address_hmac, func.max(SimulatorMessage.id)).group_by(
            SimulatorMessage.address_hmac
        )
    )
    return [(bytes(digest), int(message_id)) for digest, message_id in rows]


def next_due(connection: Connection) -> datetime | None:
    """Return when the next conversation, message or report is due; it may be in the past."""
    found = [moment for moment in connection.execute(_DUE).one() if moment is not None]
    return min(found, default=None)


def statuses(connection: Connection) -> list[tuple[str, str, int]]:
    """Count conversations by group and status; for demos alone, where nobody is real."""
    rows = connection.execute(
        select(Conversation.grp, Conversation.status, func.count())
        .group_by(Conversation.grp, Conversation.status)
        .order_by(Conversation.grp, Conversation.status)
    )
    return [(str(group), str(status), int(number)) for group, status, number in rows]
