"""Senders, how fast they may go, and whom they wrote to first in the last 24 hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from storage.models import FirstWrite, Outbox, Pace, Sender
from storage.queries.upsert import insert_ignore, upsert


class SenderRow(NamedTuple):
    """One sender with its limits and what holds it."""

    id: int
    channel: str
    address: str
    portfolio: str
    per_second: float
    campaign_per_second: float
    people_per_day: int | None
    halted_until: datetime | None
    paused_until: datetime | None
    reason: str


_COLUMNS = (
    Sender.id,
    Sender.channel,
    Sender.address,
    Sender.portfolio,
    Sender.per_second,
    Sender.campaign_per_second,
    Sender.people_per_day,
    Sender.halted_until,
    Sender.paused_until,
    Sender.reason,
)


def every(connection: Connection) -> list[SenderRow]:
    """Return all senders."""
    return [
        SenderRow._make(row) for row in connection.execute(select(*_COLUMNS).order_by(Sender.id))
    ]


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Store a sender unless it is known."""
    insert_ignore(connection, Sender.__table__, values)


def change(connection: Connection, channel: str, address: str, **values: Any) -> bool:
    """Change a sender; return whether it is known."""
    result = connection.execute(
        update(Sender).where(Sender.channel == channel, Sender.address == address).values(**values)
    )
    return bool(result.rowcount)


def free_at(connection: Connection, buckets: Sequence[str]) -> dict[str, datetime]:
    """Return when the next token of each bucket is free; a bucket never used is left out."""
    statement = select(Pace.bucket, Pace.free_at).where(Pace.bucket.in_(list(buckets)))
    return {row[0]: row[1] for row in connection.execute(statement)}


def set_free_at(connection: Connection, bucket: str, at: datetime) -> None:
    """Say when the next token of a bucket is free."""
    upsert(connection, Pace.__table__, {"bucket": bucket, "free_at": at}, ["bucket"], ["free_at"])


def handed_since(
    connection: Connection, address_ids: Sequence[int], since: datetime
) -> dict[int, list[datetime]]:
    """Return when messages were handed over to each address since a time, oldest first."""
    statement = (
        select(Outbox.address_id, Outbox.handed_at)
        .where(Outbox.address_id.in_(list(address_ids)), Outbox.handed_at > since)
        .order_by(Outbox.handed_at)
    )
    found: dict[int, list[datetime]] = {}
    for address_id, at in connection.execute(statement):
        if at is not None:
            found.setdefault(address_id, []).append(at)
    return found


def written_first(
    connection: Connection, portfolio: str, since: datetime, address_ids: Sequence[int]
) -> tuple[int, set[int]]:
    """Return how many people were written to first since a time, and which of these they are."""
    recent = (FirstWrite.portfolio == portfolio, FirstWrite.at > since)
    number = connection.execute(
        select(func.count()).select_from(FirstWrite).where(*recent)
    ).scalar_one()
    mine = connection.execute(
        select(FirstWrite.address_id).where(*recent, FirstWrite.address_id.in_(list(address_ids)))
    ).scalars()
    return int(number), set(mine)


def oldest_first_write(connection: Connection, portfolio: str, since: datetime) -> datetime | None:
    """Return the earliest first message since a time: when it is 24 hours old, a place is free."""
    moment: datetime | None = connection.execute(
        select(func.min(FirstWrite.at)).where(
            FirstWrite.portfolio == portfolio, FirstWrite.at > since
        )
    ).scalar_one()
    return moment


def wrote_first(connection: Connection, portfolio: str, address_id: int, at: datetime) -> None:
    """Remember that a person was written to first; the first time within 24 hours counts."""
    values = {"portfolio": portfolio, "address_id": address_id, "at": at}
    insert_ignore(connection, FirstWrite.__table__, values)


def forget_first_writes(connection: Connection, before: datetime) -> int:
    """Delete what no limit counts any more."""
    return int(connection.execute(delete(FirstWrite).where(FirstWrite.at <= before)).rowcount)
