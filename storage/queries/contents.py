"""Buttons and lists that a provider keeps for us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, or_, select, update

from storage.models import Content, Digest, Survey
from storage.prepared import Prepared
from storage.queries.upsert import insert_ignore


class ContentRow(NamedTuple):
    """One content; without `content_id` it is wanted and not made yet."""

    hash: bytes
    survey_id: int
    survey: str
    about: str
    language: str
    taps: str
    content_id: str | None
    made_at: datetime | None
    used_on: date
    attempts: int


_COLUMNS = (
    Content.hash,
    Content.survey_id,
    Survey.name,
    Content.about,
    Content.language,
    Content.taps,
    Content.content_id,
    Content.made_at,
    Content.used_on,
    Content.attempts,
)
_ALL = select(*_COLUMNS).join(Survey, Survey.id == Content.survey_id)
_FIND = Prepared(
    lambda _dialect: select(Content.content_id, Content.used_on).where(
        Content.hash == bindparam("hash", type_=Digest)
    )
)


def find(connection: Connection, hash_: bytes) -> tuple[str | None, date] | None:
    """Return the provider's id of a content, and the day it was last used."""
    rows = _FIND.rows(connection, {"hash": hash_})
    return (rows[0][0], rows[0][1]) if rows else None


def want(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Note that a content is wanted; False when that is known."""
    return insert_ignore(connection, Content.__table__, values) == 1


def use(connection: Connection, hash_: bytes, today: date) -> None:
    """Note that a content is used today."""
    connection.execute(
        update(Content).where(Content.hash == hash_, Content.used_on < today).values(used_on=today)
    )


def lease(
    connection: Connection, lease_now: datetime, lease_until: datetime, limit: int
) -> list[ContentRow]:
    """Lease contents that are to be made, of surveys that are not closed."""
    statement = (
        _ALL.where(
            Content.content_id.is_(None),
            Survey.closed_at.is_(None),
            or_(Content.lease_until.is_(None), Content.lease_until < lease_now),
        )
        .order_by(Content.attempts, Content.used_on, Content.hash)
        .limit(limit)
        .with_for_update(of=Content, skip_locked=True)
    )
    rows = [ContentRow._make(row) for row in connection.execute(statement)]
    if rows:
        connection.execute(
            update(Content)
            .where(Content.hash.in_([row.hash for row in rows]))
            .values(lease_until=lease_until, attempts=Content.attempts + 1)
        )
    return rows


def made(
    connection: Connection, hash_: bytes, lease_until: datetime, content_id: str, now: datetime
) -> bool:
    """Store a provider's id; False when the lease is not ours any more."""
    result = connection.execute(
        update(Content)
        .where(
            Content.hash == hash_,
            Content.content_id.is_(None),
            Content.lease_until == lease_until,
        )
        .values(content_id=content_id, made_at=now, lease_until=None)
    )
    return result.rowcount == 1


def put_off(
    connection: Connection, hashes: Sequence[bytes], lease_until: datetime, until: datetime
) -> None:
    """Let contents that could not be made wait."""
    connection.execute(
        update(Content)
        .where(Content.hash.in_(list(hashes)), Content.lease_until == lease_until)
        .values(lease_until=until)
    )


def lost(connection: Connection, content_id: str) -> None:
    """Note that the provider does not have a content any more: it is wanted again."""
    connection.execute(
        update(Content)
        .where(Content.content_id == content_id)
        .values(content_id=None, made_at=None, attempts=0, lease_until=None)
    )


def stale(connection: Connection, used_before: date, limit: int) -> list[ContentRow]:
    """Return contents that nobody has used for long, and those of closed surveys."""
    statement = _ALL.where(or_(Content.used_on < used_before, Survey.closed_at.is_not(None)))
    statement = statement.order_by(Content.hash).limit(limit)
    return [ContentRow._make(row) for row in connection.execute(statement)]


def drop(connection: Connection, hash_: bytes) -> None:
    """Forget a content."""
    connection.execute(delete(Content).where(Content.hash == hash_))


def every(connection: Connection) -> list[ContentRow]:
    """Return all contents, by survey, question and language."""
    statement = _ALL.order_by(Survey.name, Content.about, Content.language, Content.hash)
    return [ContentRow._make(row) for row in connection.execute(statement)]


def any_at_all(connection: Connection) -> bool:
    """Whether there is any content."""
    return bool(connection.execute(select(exists(select(Content.hash)))).scalar_one())
