"""Rows to mend, and what coordinators have under way to mend them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, update

from storage.models import (
    Conversation,
    Coordinator,
    KnownHeading,
    MendingWalk,
    RosterImport,
    RosterReject,
    RosterRow,
    SentFile,
    UploadLink,
    Wave,
)
from storage.queries.upsert import upsert


class Reject(NamedTuple):
    """A row to mend; `place` is its own unit, else the one whose list it was on."""

    id: int
    survey_id: int
    import_id: int
    sheet: str
    line: int
    unit_id: int | None
    place: int | None
    grp: str | None
    kind: str
    status: str
    sealed: bytes
    key_id: int
    active: bool  # its import counts


class Standing(NamedTuple):
    """A roster row of some number; `counts` unless it is gone, or its import failed."""

    id: int
    unit_id: int
    grp: str
    sealed: bytes
    key_id: int
    conversation_id: int | None
    removed: bool
    counts: bool


_PLACE = func.coalesce(RosterReject.unit_id, RosterImport.unit_id)
_REJECT = select(
    RosterReject.id,
    RosterReject.survey_id,
    RosterReject.import_id,
    RosterReject.sheet,
    RosterReject.line,
    RosterReject.unit_id,
    _PLACE,
    RosterReject.grp,
    RosterReject.kind,
    RosterReject.status,
    RosterReject.sealed,
    RosterReject.key_id,
    RosterImport.status == "active",
).join(RosterImport, RosterImport.id == RosterReject.import_id)


def launched(connection: Connection, survey_id: int) -> bool:
    """Whether the survey was launched, or somebody on the roster has begun; pilots apart."""
    wave = select(Wave.id).where(Wave.survey_id == survey_id, Wave.kind != "pilot")
    claimed = (
        select(RosterRow.id)
        .join(Conversation, Conversation.id == RosterRow.conversation_id)
        .where(RosterRow.survey_id == survey_id, Conversation.pilot.is_(False))
    )
    invited = select(Conversation.id).where(
        Conversation.survey_id == survey_id,
        Conversation.status == "invited",
        Conversation.pilot.is_(False),
    )
    statement = select(or_(*(exists(one.limit(1)) for one in (wave, claimed, invited))))
    return bool(connection.execute(statement).scalar_one())


# rows to mend


def reject(connection: Connection, reject_id: int, *, lock: bool = False) -> Reject | None:
    """Return a row to mend, perhaps keeping others off it until the transaction ends."""
    statement = _REJECT.where(RosterReject.id == reject_id)
    if lock:
        statement = statement.with_for_update(of=RosterReject)
    row = connection.execute(statement).first()
    return Reject._make(row) if row else None


def _open(survey_id: int, units: Collection[int] | None) -> list[ColumnElement[bool]]:
    rules = [
        RosterReject.survey_id == survey_id,
        RosterReject.status == "open",
        RosterImport.status == "active",
    ]
    return rules if units is None else [*rules, _PLACE.in_(list(units))]


def open_rejects(
    connection: Connection, survey_id: int, units: Collection[int] | None, after: int, limit: int
) -> list[Reject]:
    """Return open rows of these units (None: of all), by id, those above `after` only."""
    statement = (
        _REJECT.where(*_open(survey_id, units), RosterReject.id > after)
        .order_by(RosterReject.id)
        .limit(limit)
    )
    return [Reject._make(row) for row in connection.execute(statement)]


def count_open(connection: Connection, survey_id: int, units: Collection[int] | None) -> int:
    """Return how many rows of these units (None: of all) are open."""
    statement = (
        select(func.count())
        .select_from(RosterReject)
        .join(RosterImport, RosterImport.id == RosterReject.import_id)
        .where(*_open(survey_id, units))
    )
    return int(connection.execute(statement).scalar_one())


EMPTIED: Mapping[str, Any] = MappingProxyType({"sealed": b"", "address_hmac": None})
"""What a row to mend holds of its person when it is not open any more."""


def shut(connection: Connection, reject_id: int, status: str) -> bool:
    """Close an open row, of which nothing is kept; whether it was open."""
    return _settle(connection, reject_id, {**EMPTIED, "status": status})


def keep(connection: Connection, reject_id: int, values: Mapping[str, Any]) -> bool:
    """Store what is now known of an open row: sealed, key_id, address_hmac; whether it was open."""
    return _settle(connection, reject_id, values)


def _settle(connection: Connection, reject_id: int, values: Mapping[str, Any]) -> bool:
    statement = (
        update(RosterReject)
        .where(RosterReject.id == reject_id, RosterReject.status == "open")
        .values(**values)
    )
    return connection.execute(statement).rowcount == 1


def known_headings(connection: Connection, unit_id: int | None) -> dict[str, str]:
    """Return the columns that an institution means by its headings."""
    statement = select(KnownHeading.heading, KnownHeading.column).where(
        KnownHeading.unit_id == unit_id
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def standing(connection: Connection, survey_id: int, digest: bytes, scope: int) -> Standing | None:
    """Return the roster row that has a digest of a number or e-mail address."""
    gone = select(RosterImport.id).where(
        RosterImport.id == RosterRow.gone_id, RosterImport.status == "active"
    )
    failed = select(RosterImport.id).where(
        RosterImport.id == RosterRow.import_id, RosterImport.status == "failed"
    )
    statement = select(
        RosterRow.id,
        RosterRow.unit_id,
        RosterRow.grp,
        RosterRow.sealed,
        RosterRow.key_id,
        RosterRow.conversation_id,
        RosterRow.removed,
        ~or_(exists(gone), exists(failed)),
    ).where(
        RosterRow.survey_id == survey_id,
        RosterRow.scope == scope,
        or_(RosterRow.address_hmac == digest, RosterRow.email_hmac == digest),
    )
    row = connection.execute(statement).first()
    return Standing._make(row) if row else None


def put_back(connection: Connection, row_id: int, values: Mapping[str, Any]) -> None:
    """Let a row that did not count any more count again, with what is now known."""
    connection.execute(
        update(RosterRow).where(RosterRow.id == row_id).values(**values, gone_id=None)
    )


# walks through the rows in the chat


class Walk(NamedTuple):
    """Where a coordinator's walk stands."""

    coordinator_id: int
    reject_id: int
    done: int
    changed_at: datetime


def walk(connection: Connection, coordinator_id: int) -> Walk | None:
    """Return a coordinator's walk."""
    row = connection.execute(
        select(*MendingWalk.__table__.columns).where(MendingWalk.coordinator_id == coordinator_id)
    ).first()
    return Walk._make(row) if row else None


def set_walk(connection: Connection, walk: Walk) -> None:
    """Begin a walk, or move it on."""
    names = ("reject_id", "done", "changed_at")
    upsert(connection, MendingWalk.__table__, walk._asdict(), ("coordinator_id",), names)


def end_walk(connection: Connection, coordinator_id: int) -> None:
    """End a walk; none is no error."""
    connection.execute(delete(MendingWalk).where(MendingWalk.coordinator_id == coordinator_id))


# pages for one upload


class Page(NamedTuple):
    """A page, and whose it is."""

    digest: bytes
    coordinator_id: int
    contact_id: int
    survey_id: int
    unit_id: int | None
    expires_at: datetime
    used_at: datetime | None
    summary: str | None


def add_page(
    connection: Connection, digest: bytes, coordinator_id: int, expires_at: datetime
) -> None:
    """Store a page."""
    values = {"digest": digest, "coordinator_id": coordinator_id, "expires_at": expires_at}
    connection.execute(insert(UploadLink), values)


def page(connection: Connection, digest: bytes) -> Page | None:
    """Return a page, expired ones too."""
    row = connection.execute(
        select(
            UploadLink.digest,
            UploadLink.coordinator_id,
            Coordinator.contact_id,
            Coordinator.survey_id,
            Coordinator.unit_id,
            UploadLink.expires_at,
            UploadLink.used_at,
            UploadLink.summary,
        )
        .join(Coordinator, Coordinator.id == UploadLink.coordinator_id)
        .where(UploadLink.digest == digest)
    ).first()
    return Page._make(row) if row else None


def use_page(connection: Connection, digest: bytes, now: datetime) -> bool:
    """Take a page for an upload; False when that was done before, or it has expired."""
    statement = (
        update(UploadLink)
        .where(
            UploadLink.digest == digest,
            UploadLink.used_at.is_(None),
            UploadLink.expires_at > now,
        )
        .values(used_at=now)
    )
    return connection.execute(statement).rowcount == 1


def sum_up_page(connection: Connection, digest: bytes, summary: str | None) -> None:
    """Keep what came of an upload; None gives the page back, for a file that could not be read."""
    values: dict[str, Any] = {"summary": summary} if summary else {"used_at": None}
    connection.execute(update(UploadLink).where(UploadLink.digest == digest).values(**values))


def delete_pages(connection: Connection, before: datetime) -> int:
    """Delete pages that expired before a time."""
    return int(
        connection.execute(delete(UploadLink).where(UploadLink.expires_at < before)).rowcount
    )


# files sent into the chat


class File(NamedTuple):
    """A file to be read, and who sent it by which channel to which number of ours."""

    id: int
    coordinator_id: int
    contact_id: int
    survey_id: int
    unit_id: int | None
    sender: str
    channel: str
    sealed: bytes
    key_id: int
    due_at: datetime
    attempts: int


def add_file(connection: Connection, values: Mapping[str, Any]) -> None:
    """Store a file to be read."""
    connection.execute(insert(SentFile), dict(values))


def due_files(connection: Connection, now: datetime, limit: int) -> list[File]:
    """Return files to be read now, oldest first."""
    statement = (
        select(
            SentFile.id,
            SentFile.coordinator_id,
            Coordinator.contact_id,
            Coordinator.survey_id,
            Coordinator.unit_id,
            SentFile.sender,
            SentFile.channel,
            SentFile.sealed,
            SentFile.key_id,
            SentFile.due_at,
            SentFile.attempts,
        )
        .join(Coordinator, Coordinator.id == SentFile.coordinator_id)
        .where(SentFile.due_at <= now)
        .order_by(SentFile.id)
        .limit(limit)
    )
    return [File._make(row) for row in connection.execute(statement)]


def take_file(connection: Connection, file: File, until: datetime) -> bool:
    """Keep others off a file until a time, and count the attempt; whether nobody was faster."""
    statement = (
        update(SentFile)
        .where(SentFile.id == file.id, SentFile.due_at == file.due_at)
        .values(due_at=until, attempts=file.attempts + 1)
    )
    return connection.execute(statement).rowcount == 1


def drop_file(connection: Connection, file_id: int) -> bool:
    """Forget a file; whether it was still there."""
    return connection.execute(delete(SentFile).where(SentFile.id == file_id)).rowcount == 1
