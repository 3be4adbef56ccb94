"""Outgoing messages, from wish to fate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, case, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from storage.models import Address, OptOut, Outbox, Window
from storage.queries.upsert import insert_ignore

FINAL = ("sent", "delivered", "failed", "dropped", "superseded")


class OutboxRow(NamedTuple):
    """One outbox row as the sender sees it."""

    id: UUID
    address_id: int
    conversation_id: int | None
    survey_id: int | None
    channel: str
    sender: str
    purpose: str
    status: str
    via: str
    template: bool
    sealed: bytes | None
    key_id: int | None
    created_at: datetime
    not_before: datetime
    expires_at: datetime | None
    attempts: int
    handed_at: datetime | None
    lease_until: datetime | None
    provider_sid: str | None
    rank: int
    past_sids: str | None
    template_id: str | None
    error_code: int | None


class Claimable(NamedTuple):
    """A due row with what decides whether and how it goes out."""

    row: OutboxRow
    address_kind: str
    address_sealed: bytes
    address_key_id: int
    opted_out: bool
    last_inbound_at: datetime | None


_COLUMNS = (
    Outbox.id,
    Outbox.address_id,
    Outbox.conversation_id,
    Outbox.survey_id,
    Outbox.channel,
    Outbox.sender,
    Outbox.purpose,
    Outbox.status,
    Outbox.via,
    Outbox.template,
    Outbox.sealed,
    Outbox.key_id,
    Outbox.created_at,
    Outbox.not_before,
    Outbox.expires_at,
    Outbox.attempts,
    Outbox.handed_at,
    Outbox.lease_until,
    Outbox.provider_sid,
    Outbox.rank,
    Outbox.past_sids,
    Outbox.template_id,
    Outbox.error_code,
)
_WIDTH = len(_COLUMNS)

PRIORITY = {"reply": 0, "report": 1, "reminder": 2, "invitation": 3}
_LEASING = 7_283_642  # an advisory lock of this database


def add(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Store a message unless its dedupe key is known; return whether it went in."""
    return insert_ignore(connection, Outbox.__table__, values) == 1


def by_dedupe(
    connection: Connection, dedupe: bytes, address_hmacs: Sequence[bytes]
) -> OutboxRow | None:
    """Return the message that was made for this cause, to one of these addresses."""
    statement = (
        select(*_COLUMNS)
        .join(Address, Address.id == Outbox.address_id)
        .where(Outbox.dedupe == dedupe, Address.hmac.in_(list(address_hmacs)))
    )
    row = connection.execute(statement).first()
    return OutboxRow._make(row) if row else None


def by_id(connection: Connection, outbox_id: UUID, *, lock: bool = False) -> OutboxRow | None:
    """Return a message."""
    statement = select(*_COLUMNS).where(Outbox.id == outbox_id)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return OutboxRow._make(row) if row else None


def by_ids(connection: Connection, ids: Sequence[UUID]) -> list[OutboxRow]:
    """Return and lock messages, in the order of their ids."""
    statement = select(*_COLUMNS).where(Outbox.id.in_(list(ids))).order_by(Outbox.id)
    return [OutboxRow._make(row) for row in connection.execute(statement.with_for_update())]


def about(
    connection: Connection, sid: str
) -> tuple[UUID, int | None, bytes | None, int | None] | None:
    """Return (id, conversation, sealed question name, key) of the message with a provider's id."""
    row = connection.execute(
        select(Outbox.id, Outbox.conversation_id, Outbox.about, Outbox.key_id).where(
            Outbox.provider_sid == sid
        )
    ).first()
    return (row[0], row[1], row[2], row[3]) if row else None


def one_at_a_time(connection: Connection, *, wait: bool = True) -> bool:
    """Wait until nobody else is leasing: two at once could each take a row of one address.

    Held to the end of the transaction; without `wait`, False when somebody else holds it. On
    SQLite there is one writer at a time anyway.
    """
    if connection.dialect.name != "postgresql":
        return True
    if wait:
        connection.execute(select(func.pg_advisory_xact_lock(_LEASING)))
        return True
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(_LEASING))).scalar_one())


def claimable(
    connection: Connection,
    now: datetime,
    lease_now: datetime,
    channels: Sequence[str],
    limit: int,
    purposes: Sequence[str],
    held: Sequence[str] = (),
) -> list[Claimable]:
    """Return and lock due rows, most urgent first, none of an address with a row in flight.

    `held` are senders of ours that may send nothing now.
    """
    busy = aliased(Outbox)
    # A messaging service has many numbers; people write to one of them.
    heard = (
        select(func.max(Window.last_inbound_at))
        .where(
            Window.address_id == Outbox.address_id,
            or_(Window.sender == Outbox.sender, Outbox.sender.startswith("MG")),
        )
        .scalar_subquery()
    )
    statement = (
        select(
            *_COLUMNS,
            Address.kind,
            Address.sealed,
            Address.key_id,
            exists()
            .where(
                OptOut.hmac == Address.hmac,
                OptOut.purpose
                == case((Outbox.purpose == "report", "coordinator"), else_="respondent"),
            )
            .label("opted_out"),
            heard,
        )
        .join(Address, Address.id == Outbox.address_id)
        .where(
            Outbox.status == "queued",
            Outbox.channel.in_(list(channels)),
            Outbox.priority.in_([PRIORITY[one] for one in purposes]),
            Outbox.not_before <= now,
            Outbox.sender.not_in(list(held)),
            ~exists().where(
                busy.address_id == Outbox.address_id,
                busy.status.in_(("queued", "claimed")),
                busy.lease_until > lease_now,
            ),
        )
        .order_by(Outbox.priority, Outbox.not_before, Outbox.created_at)
        .limit(limit)
        .with_for_update(of=Outbox, skip_locked=True)
    )
    rows = connection.execute(statement).all()
    return [Claimable(OutboxRow(*row[:_WIDTH]), *row[_WIDTH:]) for row in rows]


def anything_due(connection: Connection, now: datetime, purposes: Sequence[str]) -> bool:
    """Whether a row of these purposes may be due, or was claimed by a sender that may be dead."""
    priorities = [PRIORITY[one] for one in purposes]
    due = select(Outbox.id).where(
        Outbox.status == "queued", Outbox.priority.in_(priorities), Outbox.not_before <= now
    )
    claimed = select(Outbox.id).where(Outbox.status == "claimed")
    return any(connection.execute(one.limit(1)).first() is not None for one in (due, claimed))


def set_fate(connection: Connection, outbox_id: UUID, **values: Any) -> None:
    """Change a row's status and what goes with it."""
    connection.execute(update(Outbox).where(Outbox.id == outbox_id).values(**values))


def lease(connection: Connection, ids: Sequence[UUID], lease_until: datetime) -> None:
    """Lease queued rows to this sender; they stay queued, as nothing was done with them yet."""
    if ids:
        connection.execute(
            update(Outbox).where(Outbox.id.in_(list(ids))).values(lease_until=lease_until)
        )


def claim(
    connection: Connection,
    outbox_id: UUID,
    lease_until: datetime,
    now: datetime,
    template: str | None,
) -> bool:
    """Mark a leased row as being handed over now, perhaps by a template of the provider's.

    False when the lease is not ours any more.
    """
    result = connection.execute(
        update(Outbox)
        .where(
            Outbox.id == outbox_id,
            Outbox.status == "queued",
            Outbox.lease_until == lease_until,
        )
        .values(
            status="claimed",
            via="rest",
            handed_at=now,
            attempts=Outbox.attempts + 1,
            template=template is not None,
            template_id=template,
        )
    )
    return result.rowcount == 1


def give_back(connection: Connection, outbox_id: UUID, lease_until: datetime) -> bool:
    """End a lease under which nothing was done."""
    result = connection.execute(
        update(Outbox)
        .where(
            Outbox.id == outbox_id,
            Outbox.status == "queued",
            Outbox.lease_until == lease_until,
        )
        .values(lease_until=None)
    )
    return result.rowcount == 1


def settle(connection: Connection, outbox_id: UUID, from_status: str, **values: Any) -> bool:
    """Change a row only if it still has the status we saw."""
    result = connection.execute(
        update(Outbox).where(Outbox.id == outbox_id, Outbox.status == from_status).values(**values)
    )
    return result.rowcount == 1


def abandon_leases(connection: Connection, lease_now: datetime, look_at: datetime) -> int:
    """Turn rows whose sender died handing them over into unknown ones: they may have been sent.

    They keep the lease that ran out, which tells them from those whose sending failed.
    """
    result = connection.execute(
        update(Outbox)
        .where(Outbox.status == "claimed", Outbox.lease_until < lease_now)
        .values(status="unknown", not_before=look_at)
    )
    return int(result.rowcount)


def unknown_due(connection: Connection, now: datetime, limit: int) -> list[OutboxRow]:
    """Return rows that may or may not have been sent and are due to be looked up."""
    statement = (
        select(*_COLUMNS)
        .where(Outbox.status == "unknown", Outbox.not_before <= now)
        .order_by(Outbox.not_before)
        .limit(limit)
    )
    return [OutboxRow._make(row) for row in connection.execute(statement)]


def newer_reply(connection: Connection, row: OutboxRow) -> bool:
    """Whether a later reply to the same address makes this one pointless."""
    statement = select(Outbox.id).where(
        Outbox.address_id == row.address_id,
        Outbox.purpose == "reply",
        Outbox.created_at > row.created_at,
    )
    return connection.execute(statement.limit(1)).first() is not None


def known_sids(connection: Connection, sids: Sequence[str]) -> set[str]:
    """Return which of the provider's ids belong to a row of ours."""
    statement = select(Outbox.provider_sid).where(Outbox.provider_sid.in_(list(sids)))
    return {str(one) for one in connection.execute(statement).scalars()}


def reply_waits(connection: Connection, address_id: int) -> bool:
    """Whether a reply to this address has not gone out yet."""
    statement = select(Outbox.id).where(
        Outbox.address_id == address_id, Outbox.purpose == "reply", Outbox.status == "queued"
    )
    return connection.execute(statement.limit(1)).first() is not None


def oldest_unsettled(connection: Connection) -> datetime | None:
    """Return when the oldest message was made that may be sent without our knowing of it."""
    statement = select(func.min(Outbox.created_at)).where(Outbox.status.in_(("claimed", "unknown")))
    return connection.execute(statement).scalar_one()


def drop_queued(
    connection: Connection,
    *,
    conversation_id: int | None = None,
    survey_id: int | None = None,
    address_id: int | None = None,
    purpose: str | None = None,
) -> int:
    """Drop what waits to be sent for a conversation, a whole survey, or to an address; of one
    purpose alone if it is named."""
    where = [Outbox.status == "queued"]
    if address_id is not None:
        where.append(Outbox.address_id == address_id)
    if conversation_id is not None:
        where.append(Outbox.conversation_id == conversation_id)
    if survey_id is not None:
        where.append(Outbox.survey_id == survey_id)
    if purpose is not None:
        where.append(Outbox.purpose == purpose)
    values = {"status": "dropped", "sealed": None, "reason": "no longer wanted"}
    result = connection.execute(update(Outbox).where(*where).values(values))
    return int(result.rowcount)


def backlog(connection: Connection) -> tuple[dict[str, int], datetime | None]:
    """Return rows by status, and the due time of the oldest row that waits."""
    counts = {
        str(status): int(number)
        for status, number in connection.execute(
            select(Outbox.status, func.count()).group_by(Outbox.status)
        )
    }
    oldest = connection.execute(
        select(func.min(Outbox.not_before)).where(
            or_(Outbox.status == "queued", Outbox.status == "unknown")
        )
    ).scalar_one()
    return counts, oldest


def server_time(connection: Connection) -> datetime | None:
    """Return the database's own clock, or None where it has none of its own (SQLite)."""
    if connection.dialect.name == "sqlite":
        return None
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def unknown_to(connection: Connection, address_id: int) -> list[OutboxRow]:
    """Return all messages to an address of which we do not know the fate."""
    statement = select(*_COLUMNS).where(Outbox.address_id == address_id, Outbox.status == "unknown")
    return [OutboxRow._make(row) for row in connection.execute(statement)]


def free_sid(connection: Connection, sid: str, owner: UUID) -> None:
    """Take a provider's id from a row that only guessed it: the callback names the owner."""
    connection.execute(
        update(Outbox)
        .where(Outbox.provider_sid == sid, Outbox.id != owner)
        .values(provider_sid=None)
    )
