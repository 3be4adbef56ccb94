"""Message ids seen, and the forms that wait because our own code failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from storage.models import DailyMark, Inbound
from storage.queries.upsert import insert_ignore


class HeldRow(NamedTuple):
    """A form that waits to be replayed."""

    sid_hmac: bytes
    sealed: bytes
    key_id: int
    address_hmac: bytes
    order_no: int
    open_question: bytes | None
    retry_at: datetime
    attempts: int


_HELD = (
    Inbound.sid_hmac,
    Inbound.sealed,
    Inbound.key_id,
    Inbound.address_hmac,
    Inbound.order_no,
    Inbound.open_question,
    Inbound.retry_at,
    Inbound.attempts,
)


def first_sight(connection: Connection, sid_hmac: bytes, day: date) -> bool:
    """Remember a message id; return False when it was seen before."""
    values = {"sid_hmac": sid_hmac, "received_on": day}
    return insert_ignore(connection, Inbound.__table__, values) == 1


def processed(connection: Connection, sid_hmacs: Sequence[bytes]) -> dict[bytes, bool]:
    """Return which of these message ids are known, and whether nothing of them waits any more."""
    statement = select(Inbound.sid_hmac, Inbound.sealed.is_(None)).where(
        Inbound.sid_hmac.in_(list(sid_hmacs))
    )
    return {bytes(row[0]): bool(row[1]) for row in connection.execute(statement)}


def fill(
    connection: Connection,
    sid_hmac: bytes,
    *,
    sealed: bytes,
    key_id: int,
    address_hmac: bytes,
    open_question: bytes,
    retry_at: datetime,
) -> None:
    """Keep a form with its id, behind the earlier ones of its address."""
    last = connection.execute(
        select(func.max(Inbound.order_no)).where(Inbound.address_hmac == address_hmac)
    ).scalar_one()
    connection.execute(
        update(Inbound)
        .where(Inbound.sid_hmac == sid_hmac)
        .values(
            sealed=sealed,
            key_id=key_id,
            address_hmac=address_hmac,
            order_no=(last or 0) + 1,
            open_question=open_question,
            retry_at=retry_at,
        )
    )


def queue(connection: Connection, address_hmacs: Sequence[bytes]) -> bytes | None:
    """Return under which of these addresses forms wait to be replayed, None where none does."""
    mine = Inbound.address_hmac.in_(list(address_hmacs))
    statement = select(Inbound.address_hmac).where(mine).order_by(Inbound.order_no).limit(1)
    found = connection.execute(statement).scalar_one_or_none()
    return bytes(found) if found is not None else None


def due_addresses(connection: Connection, now: datetime, limit: int) -> list[bytes]:
    """Return addresses whose first waiting form is due."""
    statement = (
        select(Inbound.address_hmac)
        .where(Inbound.retry_at <= now, Inbound.address_hmac.is_not(None))
        .group_by(Inbound.address_hmac)
        .order_by(func.min(Inbound.retry_at))
        .limit(limit)
    )
    return [bytes(one) for one in connection.execute(statement).scalars() if one is not None]


def first_held(connection: Connection, address_hmac: bytes) -> HeldRow | None:
    """Return and lock the oldest waiting form of an address."""
    row = connection.execute(
        select(*_HELD)
        .where(Inbound.address_hmac == address_hmac)
        .order_by(Inbound.order_no)
        .limit(1)
        .with_for_update()
    ).first()
    return HeldRow._make(row) if row else None


def wipe(connection: Connection, sid_hmac: bytes) -> None:
    """Forget a form once it is processed; the digest of its id stays."""
    connection.execute(
        update(Inbound)
        .where(Inbound.sid_hmac == sid_hmac)
        .values(
            sealed=None,
            key_id=None,
            address_hmac=None,
            order_no=None,
            open_question=None,
            retry_at=None,
        )
    )


def postpone(connection: Connection, sid_hmac: bytes, retry_at: datetime) -> None:
    """Try a form again later."""
    connection.execute(
        update(Inbound)
        .where(Inbound.sid_hmac == sid_hmac)
        .values(retry_at=retry_at, attempts=Inbound.attempts + 1)
    )


def held(connection: Connection) -> int:
    """Return how many forms wait."""
    statement = select(func.count()).select_from(Inbound).where(Inbound.sealed.is_not(None))
    return int(connection.execute(statement).scalar_one())


def drop_held(connection: Connection, address_hmacs: list[bytes]) -> None:
    """Forget the waiting forms of some addresses."""
    for sid in connection.execute(
        select(Inbound.sid_hmac).where(Inbound.address_hmac.in_(address_hmacs))
    ).scalars():
        wipe(connection, sid)


def mark_today(connection: Connection, mac: bytes, day: date) -> bool:
    """Note that an address was told something today; return False when it had been."""
    values = {"hmac": mac, "day": day}
    return insert_ignore(connection, DailyMark.__table__, values) == 1


def forget_days_before(connection: Connection, day: date) -> int:
    """Delete the marks of earlier days."""
    return int(connection.execute(delete(DailyMark).where(DailyMark.day < day)).rowcount)
