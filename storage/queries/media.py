"""Files that somebody sent and something wanted, sealed."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from storage.models import Media


class MediaRow(NamedTuple):
    """A stored file; `type` is what it was found to be, `size` its bytes before sealing."""

    id: UUID
    sealed: bytes
    key_id: int
    type: str
    size: int
    received_on: date


_COLUMNS = (Media.id, Media.sealed, Media.key_id, Media.type, Media.size, Media.received_on)


def add(connection: Connection, row: MediaRow) -> None:
    """Store a file."""
    connection.execute(insert(Media), row._asdict())


def get(connection: Connection, media_id: UUID) -> MediaRow | None:
    """Return a file, None when it is gone."""
    row = connection.execute(select(*_COLUMNS).where(Media.id == media_id)).first()
    return MediaRow._make(row) if row else None


def remove(connection: Connection, media_id: UUID) -> None:
    """Delete a file."""
    connection.execute(delete(Media).where(Media.id == media_id))


def remove_before(connection: Connection, day: date) -> int:
    """Delete files received before a day; return how many."""
    return int(connection.execute(delete(Media).where(Media.received_on < day)).rowcount)
