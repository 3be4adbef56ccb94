"""Reminders: what was due to how many people, whom none reaches, and who waits for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, case, func, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.models import Address, Conversation, OptOut, Outbox, ReminderDay, Unit

_CAMPAIGN = ("invitation", "reminder")


class DayRow(NamedTuple):
    """How many a step was due to on a day, and what they did."""

    day: date
    step: str
    held: bool
    people: int
    templates: int
    finished: int


class WaitingRow(NamedTuple):
    """A conversation that may still hear from us, with its sealed state."""

    id: int
    grp: str
    zone: str
    wake_at: datetime
    sealed: bytes
    key_id: int
    unreached_at: datetime | None
    opted_out: bool


def count(
    connection: Connection, survey_id: int, day: date, step: str, *, held: bool, template: bool
) -> None:
    """Count one person whom a step of the plan was due to."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(ReminderDay).values(
        survey_id=survey_id,
        day=day,
        step=step,
        held=held,
        people=1,
        templates=int(template),
        finished=0,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["survey_id", "day", "step", "held"],
            set_={
                "people": ReminderDay.people + 1,
                "templates": ReminderDay.templates + int(template),
            },
        )
    )


def finish(connection: Connection, survey_id: int, day: date, step: str, *, held: bool) -> None:
    """Count one of these who has finished."""
    connection.execute(
        update(ReminderDay)
        .where(
            ReminderDay.survey_id == survey_id,
            ReminderDay.day == day,
            ReminderDay.step == step,
            ReminderDay.held == held,
        )
        .values(finished=ReminderDay.finished + 1)
    )


def days(connection: Connection, survey_id: int) -> list[DayRow]:
    """Return what was counted of a survey, by day and step."""
    statement = (
        select(
            ReminderDay.day,
            ReminderDay.step,
            ReminderDay.held,
            ReminderDay.people,
            ReminderDay.templates,
            ReminderDay.finished,
        )
        .where(ReminderDay.survey_id == survey_id)
        .order_by(ReminderDay.day, ReminderDay.step, ReminderDay.held)
    )
    return [DayRow._make(row) for row in connection.execute(statement)]


def templates_sent(connection: Connection, survey_id: int) -> tuple[int, int]:
    """Return how many invitations and reminders were sent as templates, and how many as text."""
    templates = func.coalesce(func.sum(ReminderDay.templates), 0)
    people = func.coalesce(func.sum(ReminderDay.people), 0)
    statement = select(templates, people - templates).where(
        ReminderDay.survey_id == survey_id, ReminderDay.held.is_(False)
    )
    row = connection.execute(statement).one()
    return int(row[0]), int(row[1])


def interviews(connection: Connection, survey_id: int) -> dict[tuple[str, str], int]:
    """Return how many conversations of each (group, status) there are, without pilots."""
    statement = (
        select(Conversation.grp, Conversation.status, func.count())
        .where(Conversation.survey_id == survey_id, Conversation.pilot.is_(False))
        .group_by(Conversation.grp, Conversation.status)
    )
    return {(row[0], row[1]): int(row[2]) for row in connection.execute(statement)}


def unreached(connection: Connection, conversation_id: int) -> tuple[str, datetime] | None:
    """Return why and since when a person is not reached, None for somebody who is."""
    row = connection.execute(
        select(Conversation.unreached, Conversation.unreached_at).where(
            Conversation.id == conversation_id
        )
    ).first()
    return None if row is None or row[0] is None or row[1] is None else (row[0], row[1])


def not_reached(connection: Connection, conversation_id: int, why: str, at: datetime) -> None:
    """Keep that a person is not reached."""
    connection.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(unreached=why, unreached_at=at)
    )


def last_handed(
    connection: Connection, address_id: int, since: datetime, but: UUID | None = None
) -> datetime | None:
    """Return when an invitation or reminder (other than `but`) last went to an address's person, by
    whichever of their addresses; what failed and will be tried again counts too."""
    others = true() if but is None else Outbox.id != but
    statement = select(func.max(Outbox.handed_at)).where(
        Outbox.address_id.in_(_addresses_of_the_same(address_id)),
        others,
        Outbox.purpose.in_(_CAMPAIGN),
        Outbox.status.in_(("queued", "claimed", "unknown", "sent", "delivered")),
        Outbox.handed_at > since,
    )
    return connection.execute(statement).scalar_one()


def waits_until(connection: Connection, address_id: int) -> datetime | None:
    """Return from when on an invitation or reminder that has not gone out yet, or failed and is
    tried once more, may go to an address's person; None where nothing waits."""
    statement = select(func.max(Outbox.not_before)).where(
        Outbox.address_id.in_(_addresses_of_the_same(address_id)),
        Outbox.purpose.in_(_CAMPAIGN),
        Outbox.status.in_(("queued", "claimed")),
    )
    return connection.execute(statement).scalar_one()


def _addresses_of_the_same(address_id: int) -> Select[int]:
    person = select(Address.contact_id).where(Address.id == address_id).scalar_subquery()
    return select(Address.id).where(Address.contact_id == person)


def waiting(
    connection: Connection, survey_id: int, statuses: Sequence[str], chunk: int = 5000
) -> Iterator[list[WaitingRow]]:
    """Yield the conversations of a survey that have a timer and one of these statuses, in chunks.

    Pilots are left out.
    """
    gone = (
        select(Address.contact_id)
        .join(OptOut, OptOut.hmac == Address.hmac)
        .where(OptOut.purpose == "respondent")
    )
    after = 0
    while True:
        statement = (
            select(
                Conversation.id,
                Conversation.grp,
                Unit.zone,
                Conversation.wake_at,
                Conversation.sealed,
                Conversation.key_id,
                Conversation.unreached_at,
                case((Conversation.contact_id.in_(gone), True), else_=False),
            )
            .join(Unit, Unit.id == Conversation.unit_id)
            .where(
                Conversation.survey_id == survey_id,
                Conversation.id > after,
                Conversation.status.in_(list(statuses)),
                Conversation.wake_at.is_not(None),
                Conversation.sealed.is_not(None),
                Conversation.key_id.is_not(None),
                Conversation.pilot.is_(False),
            )
            .order_by(Conversation.id)
            .limit(chunk)
        )
        rows = [WaitingRow._make(row) for row in connection.execute(statement)]
        if rows:
            yield rows
            after = rows[-1].id
        if len(rows) < chunk:
            return
