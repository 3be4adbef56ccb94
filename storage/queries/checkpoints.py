"""How far sweeps over the provider's own list have come, and whose turn they are."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, or_, select, update

from storage.models import Checkpoint
from storage.queries.upsert import insert_ignore


class CheckpointRow(NamedTuple):
    """How far a sweep has come."""

    name: str
    at: datetime


def ensure(connection: Connection, name: str, at: datetime) -> None:
    """Let a sweep begin at a time, unless it has begun."""
    insert_ignore(connection, Checkpoint.__table__, {"name": name, "at": at, "lease_until": None})


def get(connection: Connection, name: str) -> datetime | None:
    """Return how far a sweep has come, None when it has not begun."""
    statement = select(Checkpoint.at).where(Checkpoint.name == name)
    return connection.execute(statement).scalar_one_or_none()


def starting_with(connection: Connection, prefix: str) -> list[CheckpointRow]:
    """Return the checkpoints whose names begin so."""
    statement = select(Checkpoint.name, Checkpoint.at).where(
        Checkpoint.name.startswith(prefix, autoescape=True)
    )
    rows = connection.execute(statement.order_by(Checkpoint.name))
    return [CheckpointRow._make(row) for row in rows]


def put(connection: Connection, name: str, at: datetime) -> None:
    """Say how far a sweep has come; only who has the lease may, or who begins anew."""
    connection.execute(update(Checkpoint).where(Checkpoint.name == name).values(at=at))


def lease(connection: Connection, name: str, now: datetime, until: datetime) -> bool:
    """Take the turn at a sweep; False while somebody else has it."""
    result = connection.execute(
        update(Checkpoint)
        .where(
            Checkpoint.name == name,
            or_(Checkpoint.lease_until.is_(None), Checkpoint.lease_until < now),
        )
        .values(lease_until=until)
    )
    return result.rowcount == 1


def give_back(connection: Connection, name: str, until: datetime) -> None:
    """End a turn that is still ours."""
    connection.execute(
        update(Checkpoint)
        .where(Checkpoint.name == name, Checkpoint.lease_until == until)
        .values(lease_until=None)
    )
