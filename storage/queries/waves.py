"""Waves: a launch as it is recorded, and the invitations of one that have not gone out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from storage.models import (
    Attachment,
    Consent,
    Contact,
    Conversation,
    Outbox,
    Pilot,
    RosterRow,
    Unit,
    Wave,
)


class WaveRow(NamedTuple):
    """One launch of a survey."""

    id: int
    survey_id: int
    kind: str
    number: int
    state: str
    per_day: int
    filters: str
    people: int
    finished: int
    started_at: datetime
    changed_at: datetime
    planned_at: datetime | None


class WaitingRow(NamedTuple):
    """Somebody whose invitation has no time."""

    id: int
    grp: str
    zone: str


_COLUMNS = (
    Wave.id,
    Wave.survey_id,
    Wave.kind,
    Wave.number,
    Wave.state,
    Wave.per_day,
    Wave.filters,
    Wave.people,
    Wave.finished,
    Wave.started_at,
    Wave.changed_at,
    Wave.planned_at,
)
_SET_TIMER = (
    update(Conversation)
    .where(Conversation.id == bindparam("conversation"), Conversation.wake_at.is_(None))
    .values(wake_at=bindparam("new_wake_at"))
)


def of_survey(connection: Connection, survey_id: int) -> list[WaveRow]:
    """Return a survey's launches, the oldest first."""
    statement = select(*_COLUMNS).where(Wave.survey_id == survey_id).order_by(Wave.id)
    return [WaveRow._make(row) for row in connection.execute(statement)]


def planning(connection: Connection, survey_id: int) -> WaveRow | None:
    """Return and lock the launch that is at work on a survey, or was cut off."""
    statement = select(*_COLUMNS).where(
        Wave.survey_id == survey_id, Wave.planned_at.is_(None), Wave.state != "stopped"
    )
    row = connection.execute(statement.with_for_update()).first()
    return WaveRow._make(row) if row else None


def lock(connection: Connection, wave_id: int) -> WaveRow:
    """Return a launch, which nobody can change before this transaction has ended."""
    statement = select(*_COLUMNS).where(Wave.id == wave_id).with_for_update()
    return WaveRow._make(connection.execute(statement).one())


def add(
    connection: Connection,
    *,
    survey_id: int,
    kind: str,
    per_day: int,
    filters: str,
    at: datetime,
    planned_at: datetime | None = None,
) -> WaveRow:
    """Record a new launch. IntegrityError where another one is being planned."""
    last = select(func.coalesce(func.max(Wave.number), 0)).where(
        Wave.survey_id == survey_id, Wave.kind == kind
    )
    values = {
        "survey_id": survey_id,
        "kind": kind,
        "number": connection.execute(last).scalar_one() + 1,
        "state": "running",
        "per_day": per_day,
        "filters": filters,
        "started_at": at,
        "changed_at": at,
        "planned_at": planned_at,
    }
    row = connection.execute(insert(Wave).values(values).returning(*_COLUMNS)).one()
    return WaveRow._make(row)


def change(connection: Connection, wave_id: int, **values: Any) -> None:
    """Change what is recorded of a launch."""
    connection.execute(update(Wave).where(Wave.id == wave_id).values(**values))


def state_of(connection: Connection, conversation_id: int) -> str | None:
    """Return the state of the launch that a conversation belongs to.

    It stays so until this transaction has ended: who pauses a launch waits for those that are just
    about to send of it.
    """
    statement = (
        select(Wave.state)
        .join(Conversation, Conversation.wave_id == Wave.id)
        .where(Conversation.id == conversation_id)
        .with_for_update(read=True, of=Wave)
    )
    return connection.execute(statement).scalar_one_or_none()


def _invitations(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        select(Outbox.id)
        .where(Outbox.conversation_id == Conversation.id, Outbox.purpose == "invitation", *where)
        .exists()
    )


def _unsent(wave_id: int) -> tuple[ColumnElement[bool], ...]:
    """The people of a launch to whom nothing was sent."""
    return (
        Conversation.wave_id == wave_id,
        Conversation.status == "invited",
        ~_invitations(Outbox.status != "queued"),
    )


def unsent(connection: Connection, wave_id: int) -> int:
    """Return how many invitations of a launch have not gone out."""
    return int(connection.execute(select(func.count()).where(*_unsent(wave_id))).scalar_one())


def any_unsent(connection: Connection, wave_id: int) -> bool:
    """Whether an invitation of a launch has not gone out."""
    statement = select(Conversation.id).where(*_unsent(wave_id)).limit(1)
    return connection.execute(statement).first() is not None


def queued(connection: Connection, wave_id: int, limit: int) -> list[int]:
    """Return conversations of a launch whose invitation lies in the outbox, unsent."""
    statement = (
        select(Conversation.id)
        .where(Conversation.wave_id == wave_id, _invitations(Outbox.status == "queued"))
        .order_by(Conversation.id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def take_back(connection: Connection, conversation_id: int) -> bool:
    """Take an unsent invitation out of the outbox; False when it is in a sender's hands."""
    result = connection.execute(
        delete(Outbox).where(
            Outbox.conversation_id == conversation_id,
            Outbox.purpose == "invitation",
            Outbox.status == "queued",
        )
    )
    return bool(result.rowcount)


def park(connection: Connection, wave_id: int, limit: int) -> int:
    """Stop the timers of invitations that have not gone out; return how many."""
    some = (
        select(Conversation.id)
        .where(
            Conversation.wave_id == wave_id,
            Conversation.status == "invited",
            Conversation.wake_at.is_not(None),
            ~_invitations(),
        )
        .limit(limit)
    )
    result = connection.execute(
        update(Conversation).where(Conversation.id.in_(some)).values(wake_at=None)
    )
    return int(result.rowcount)


def parked(connection: Connection, wave_id: int, after: int, limit: int) -> list[WaitingRow]:
    """Return people of a launch whose timer was stopped, by id, those above `after` only.

    They were numbered in nobody's order.
    """
    statement = (
        select(Conversation.id, Conversation.grp, Unit.zone)
        .join(Unit, Unit.id == Conversation.unit_id)
        .where(
            Conversation.wave_id == wave_id,
            Conversation.status == "invited",
            Conversation.wake_at.is_(None),
            Conversation.id > after,
            ~_invitations(),
        )
        .order_by(Conversation.id)
        .limit(limit)
    )
    return [WaitingRow._make(row) for row in connection.execute(statement)]


def set_timers(connection: Connection, times: Mapping[int, datetime]) -> None:
    """Start stopped timers anew."""
    if times:
        rows = [{"conversation": one, "new_wake_at": at} for one, at in times.items()]
        connection.execute(_SET_TIMER, rows)


def withdraw(connection: Connection, wave_id: int, limit: int) -> int:
    """Delete conversations of a launch in which nothing was said; return how many.

    Their people are as if this launch had never been. Who has written to us keeps the conversation.
    """
    said = (
        select(Outbox.id)
        .where(
            Outbox.conversation_id == Conversation.id,
            or_(Outbox.purpose != "invitation", Outbox.status != "queued"),
        )
        .exists()
    )
    ids = list(
        connection.execute(
            select(Conversation.id)
            .where(*_unsent(wave_id), ~said)
            .order_by(Conversation.id)
            .limit(limit)
            .with_for_update()
        ).scalars()
    )
    # A sender that has just taken one of them in hand is waited for, and keeps it.
    connection.execute(
        delete(Outbox).where(Outbox.conversation_id.in_(ids), Outbox.status == "queued")
    )
    handed = set(
        connection.execute(
            select(Outbox.conversation_id).where(Outbox.conversation_id.in_(ids))
        ).scalars()
    )
    gone = [one for one in ids if one not in handed]
    delete_all(connection, gone)
    return len(gone)


def delete_all(connection: Connection, ids: Sequence[int]) -> None:
    """Delete conversations with their messages and consents, and let go of their roster rows."""
    mine = list(ids)
    # Named one by one: what must not outlive a conversation is not left to a cascade.
    connection.execute(delete(Outbox).where(Outbox.conversation_id.in_(mine)))
    connection.execute(delete(Consent).where(Consent.conversation_id.in_(mine)))
    connection.execute(delete(Pilot).where(Pilot.conversation_id.in_(mine)))
    connection.execute(delete(Attachment).where(Attachment.conversation_id.in_(mine)))
    connection.execute(
        update(Contact)
        .where(Contact.active_conversation_id.in_(mine))
        .values(active_conversation_id=None)
    )
    connection.execute(
        update(RosterRow).where(RosterRow.conversation_id.in_(mine)).values(conversation_id=None)
    )
    connection.execute(delete(Conversation).where(Conversation.id.in_(mine)))
