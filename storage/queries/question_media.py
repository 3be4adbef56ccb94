"""Pictures and recordings that go with questions."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from storage.models import QuestionMedia
from storage.queries.upsert import insert_ignore


def add(connection: Connection, digest: str, token: str, kind: str, content: bytes) -> None:
    """Store a file unless it is there already."""
    values = {"digest": digest, "token": token, "type": kind, "content": content}
    insert_ignore(connection, QuestionMedia.__table__, values)


def known(connection: Connection, digests: Collection[str]) -> set[str]:
    """Return those of these files that are stored."""
    statement = select(QuestionMedia.digest).where(QuestionMedia.digest.in_(list(digests)))
    return set(connection.execute(statement).scalars())


def get(connection: Connection, digest: str) -> tuple[str, bytes] | None:
    """Return a file's type and bytes."""
    statement = select(QuestionMedia.type, QuestionMedia.content)
    row = connection.execute(statement.where(QuestionMedia.digest == digest)).first()
    return (str(row[0]), bytes(row[1])) if row else None


def digest_at(connection: Connection, token: str) -> str | None:
    """Return the file that an address leads to."""
    statement = select(QuestionMedia.digest).where(QuestionMedia.token == token)
    found = connection.execute(statement).scalar_one_or_none()
    return None if found is None else str(found)
