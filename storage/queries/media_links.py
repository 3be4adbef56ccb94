"""Addresses by which a provider fetches files of ours."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from storage.models import MediaLink


def add(connection: Connection, digest: bytes, what: str, expires_at: datetime) -> None:
    """Store an address by the digest of its token."""
    values = {"digest": digest, "what": what, "expires_at": expires_at}
    connection.execute(insert(MediaLink), values)


def what(connection: Connection, digest: bytes, now: datetime) -> str | None:
    """Return what an address leads to; None when there is none, or it has expired."""
    statement = select(MediaLink.what).where(MediaLink.digest == digest, MediaLink.expires_at > now)
    found: str | None = connection.execute(statement).scalar()
    return found


def delete_expired(connection: Connection, now: datetime) -> int:
    """Delete the addresses that lead nowhere any more; return how many there were."""
    return int(connection.execute(delete(MediaLink).where(MediaLink.expires_at <= now)).rowcount)
