"""Coordinators' posts: who gets which counts when, who stands in, and who cannot be reached."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from storage.models import (
    Address,
    Conversation,
    Coordinator,
    MendingWalk,
    OptOut,
    Outbox,
    SentFile,
    UnitQuestion,
    UploadLink,
)
from storage.queries.upsert import insert_ignore, upsert


class CoordinatorRow(NamedTuple):
    """A post: who gets which counts of which survey, at which local minute.

    `weekday` (Monday is 0) is the day of a `pimpinan`. A post with `deputy_for` serves while that
    one is away; the days of absence here are then that one's.
    """

    id: int
    survey_id: int
    contact_id: int
    unit_id: int | None
    minute: int
    paused: bool
    due_at: datetime | None
    kind: str = "admin"
    weekday: int | None = None
    away_from: date | None = None
    away_until: date | None = None
    deputy_for: int | None = None
    told_on: date | None = None


def _posts() -> Select[*tuple[Any, ...]]:
    """Select posts; of a deputy the days on which the one is away who is stood in for."""
    first = aliased(Coordinator)
    return select(
        Coordinator.id,
        Coordinator.survey_id,
        Coordinator.contact_id,
        Coordinator.unit_id,
        Coordinator.minute,
        Coordinator.paused,
        Coordinator.due_at,
        Coordinator.kind,
        Coordinator.weekday,
        func.coalesce(first.away_from, Coordinator.away_from),
        func.coalesce(first.away_until, Coordinator.away_until),
        Coordinator.deputy_for,
        Coordinator.told_on,
    ).outerjoin(first, first.id == Coordinator.deputy_for)


def _rows(connection: Connection, statement: Select[*tuple[Any, ...]]) -> list[CoordinatorRow]:
    return [CoordinatorRow._make(row) for row in connection.execute(statement)]


def due(connection: Connection, now: datetime, after: int, limit: int) -> list[CoordinatorRow]:
    """Return posts whose hour has come, by id, those above `after` only."""
    statement = _posts().where(Coordinator.due_at <= now, Coordinator.id > after)
    return _rows(connection, statement.order_by(Coordinator.id).limit(limit))


def leaders_due_later(connection: Connection, now: datetime) -> list[CoordinatorRow]:
    """Return posts with a day of the week whose hour is still to come, by id."""
    statement = _posts().where(Coordinator.due_at > now, Coordinator.kind == "pimpinan")
    return _rows(connection, statement.order_by(Coordinator.id))


def move_due(connection: Connection, post: CoordinatorRow, due_at: datetime | None) -> bool:
    """Set when a post is due next, if nobody has done so since; return whether it was us.

    Not where it has gone to another person meanwhile: that one is looked at anew.
    """
    result = connection.execute(
        update(Coordinator)
        .where(
            Coordinator.id == post.id,
            Coordinator.due_at.is_not_distinct_from(post.due_at),
            Coordinator.contact_id == post.contact_id,
        )
        .values(due_at=due_at)
    )
    return int(result.rowcount) == 1


def posts_of(
    connection: Connection, contact_id: int, *, deputies: bool = False
) -> list[CoordinatorRow]:
    """Return a contact's posts, the newest survey first, whole surveys before units.

    `deputies`: also those in which the contact may stand in for somebody.
    """
    statement = _posts().where(Coordinator.contact_id == contact_id)
    if not deputies:
        statement = statement.where(Coordinator.deputy_for.is_(None))
    order = Coordinator.survey_id.desc(), func.coalesce(Coordinator.unit_id, 0)
    return _rows(connection, statement.order_by(*order))


def posts_in(connection: Connection, survey_id: int) -> list[CoordinatorRow]:
    """Return a survey's posts by id, deputies too."""
    statement = _posts().where(Coordinator.survey_id == survey_id)
    return _rows(connection, statement.order_by(Coordinator.id))


def by_id(connection: Connection, post_id: int) -> CoordinatorRow | None:
    """Return a post."""
    rows = _rows(connection, _posts().where(Coordinator.id == post_id))
    return rows[0] if rows else None


def add_post(connection: Connection, **values: Any) -> int | None:
    """Store a post and return its id; None where the contact has it already."""
    if insert_ignore(connection, Coordinator.__table__, values) != 1:
        return None
    mine = select(Coordinator.id).where(
        Coordinator.survey_id == values["survey_id"],
        Coordinator.contact_id == values["contact_id"],
        Coordinator.unit_id.is_not_distinct_from(values["unit_id"]),
    )
    return int(connection.execute(mine).scalar_one())


def change_post(connection: Connection, post_id: int, **values: Any) -> None:
    """Give a post another hour, name, unit, holder or absence."""
    connection.execute(update(Coordinator).where(Coordinator.id == post_id).values(**values))


def remove_posts(connection: Connection, post_ids: Collection[int]) -> int:
    """Delete posts with their deputies and all that hangs on them; return how many posts."""
    if not post_ids:
        return 0
    deputies = select(Coordinator.id).where(Coordinator.deputy_for.in_(list(post_ids)))
    everyone = [*post_ids, *connection.execute(deputies).scalars()]
    for post_id in everyone:
        leave(connection, post_id)
    connection.execute(delete(Coordinator).where(Coordinator.id.in_(everyone)))
    return len(post_ids)


def leave(connection: Connection, post_id: int) -> None:
    """Take from a post what its holder began: a walk, upload pages, files, a question."""
    for table in (MendingWalk, UploadLink, SentFile, UnitQuestion):
        connection.execute(delete(table).where(table.coordinator_id == post_id))


def pause_posts(connection: Connection, contact_id: int, *, paused: bool) -> None:
    """Stop or resume all reports to a contact."""
    connection.execute(
        update(Coordinator).where(Coordinator.contact_id == contact_id).values(paused=paused)
    )


def set_absence(
    connection: Connection, contact_id: int, first: date | None, last: date | None
) -> None:
    """Let a contact's own posts rest from a day to another, or no more."""
    connection.execute(
        update(Coordinator)
        .where(Coordinator.contact_id == contact_id, Coordinator.deputy_for.is_(None))
        .values(away_from=first, away_until=last)
    )


def told(connection: Connection, post_id: int, day: date) -> None:
    """Note that a post was told of somebody below who cannot be reached."""
    connection.execute(update(Coordinator).where(Coordinator.id == post_id).values(told_on=day))


def sealed_name(connection: Connection, post_id: int) -> tuple[bytes, int]:
    """Return a post's sealed name and its key's id."""
    row = connection.execute(
        select(Coordinator.sealed, Coordinator.key_id).where(Coordinator.id == post_id)
    ).one()
    return bytes(row[0]), int(row[1])


# who can be reached


def with_address(connection: Connection, survey_id: int) -> set[int]:
    """Return the contacts of a survey's posts that have an address."""
    statement = _addresses(survey_id).with_only_columns(Address.contact_id)
    return {int(one) for one in connection.execute(statement).scalars()}


def opted_out(connection: Connection, survey_id: int) -> set[int]:
    """Return the contacts of a survey's posts that want no more reports."""
    statement = (
        _addresses(survey_id)
        .with_only_columns(Address.contact_id)
        .where(exists().where(OptOut.hmac == Address.hmac, OptOut.purpose == "coordinator"))
    )
    return {int(one) for one in connection.execute(statement).scalars()}


def fates(connection: Connection, survey_id: int, since: datetime) -> list[tuple[int, str]]:
    """Return (contact, status) of all reports to a survey's posts that are settled, newest first.

    Only those that were made since then.
    """
    mine = _addresses(survey_id).with_only_columns(Address.id)
    statement = (
        select(Address.contact_id, Outbox.status)
        .join(Outbox, Outbox.address_id == Address.id)
        .where(
            Address.id.in_(mine),
            Outbox.purpose == "report",
            Outbox.status.in_(("sent", "delivered", "failed")),
            Outbox.created_at >= since,
        )
        .order_by(Outbox.created_at.desc(), Outbox.id)
    )
    return [(int(row[0]), str(row[1])) for row in connection.execute(statement)]


def _addresses(survey_id: int) -> Select[*tuple[Any, ...]]:
    posts = select(Coordinator.contact_id).where(Coordinator.survey_id == survey_id)
    return select(Address.id).where(Address.contact_id.in_(posts))


# what they write


def newest_message(
    connection: Connection, address_ids: Sequence[int]
) -> tuple[str, int | None] | None:
    """Return purpose and conversation of the newest message handed over to these addresses."""
    row = connection.execute(
        select(Outbox.purpose, Outbox.conversation_id)
        .where(
            Outbox.address_id.in_(list(address_ids)),
            Outbox.status.in_(("claimed", "unknown", "sent", "delivered", "superseded")),
        )
        .order_by(Outbox.created_at.desc(), Outbox.id)
        .limit(1)
    ).first()
    return (row[0], row[1]) if row else None


class Quoted(NamedTuple):
    """A message of ours that somebody quotes."""

    purpose: str
    conversation_id: int | None
    dedupe: bytes


def quoted(connection: Connection, sid: str, address_ids: Sequence[int]) -> Quoted | None:
    """Return the message to one of these addresses that has a provider's id."""
    row = connection.execute(
        select(Outbox.purpose, Outbox.conversation_id, Outbox.dedupe).where(
            or_(Outbox.provider_sid == sid, Outbox.past_sids.contains(sid, autoescape=True)),
            Outbox.address_id.in_(list(address_ids)),
        )
    ).first()
    return Quoted._make(row) if row else None


def interview_under_way(connection: Connection, contact_id: int, statuses: Iterable[str]) -> bool:
    """Return whether a contact has a conversation in one of these statuses."""
    statement = select(Conversation.id).where(
        Conversation.contact_id == contact_id, Conversation.status.in_(list(statuses))
    )
    return connection.execute(statement.limit(1)).first() is not None


class UnitChoice(NamedTuple):
    """Units among which a coordinator was asked to choose."""

    command: str
    units: tuple[int, ...]
    dedupe: bytes
    asked_at: datetime


def ask(connection: Connection, post_id: int, question: UnitChoice) -> None:
    """Remember the question in place of an earlier one."""
    values = {
        "coordinator_id": post_id,
        "command": question.command,
        "units": json.dumps(question.units),
        "dedupe": question.dedupe,
        "asked_at": question.asked_at,
    }
    columns = tuple(name for name in values if name != "coordinator_id")
    upsert(connection, UnitQuestion.__table__, values, ("coordinator_id",), columns)


def question(connection: Connection, post_id: int) -> UnitChoice | None:
    """Return what a coordinator was asked last."""
    row = connection.execute(
        select(
            UnitQuestion.command, UnitQuestion.units, UnitQuestion.dedupe, UnitQuestion.asked_at
        ).where(UnitQuestion.coordinator_id == post_id)
    ).first()
    return UnitChoice(row[0], tuple(json.loads(row[1])), bytes(row[2]), row[3]) if row else None


def drop_report(connection: Connection, dedupe: bytes) -> UUID | None:
    """Drop a report that waits to be sent; return its id."""
    statement = (
        update(Outbox)
        .where(Outbox.dedupe == dedupe, Outbox.status == "queued")
        .values(status="dropped", sealed=None, reason="no longer wanted")
        .returning(Outbox.id)
    )
    found: UUID | None = connection.execute(statement).scalar_one_or_none()
    return found
