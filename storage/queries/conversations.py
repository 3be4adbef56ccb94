"""Conversations: starting, and those whose timer went off. (`turns` saves their steps.)"""

from __future__ import annotations

from datetime import date, datetime
from uuid import uuid4

from sqlalchemy import Connection, case, delete, insert, or_, select, update

from storage.models import Consent, Contact, Conversation, RosterRow
from storage.queries.upsert import insert_ignore


def create(
    connection: Connection,
    *,
    survey_id: int,
    contact_id: int,
    scope: int,
    unit_id: int,
    grp: str,
    flow_version_id: int,
    status: str,
    wake_at: datetime | None,
    link_id: int | None = None,
    pilot_wave: int | None = None,
) -> int | None:
    """Make a conversation and return its id, or None when the contact has one in this scope.

    `link_id` is the poster's whose ledger counts it, `pilot_wave` makes it one of this pilot's.
    """
    values = {
        "survey_id": survey_id,
        "contact_id": contact_id,
        "scope": scope,
        "unit_id": unit_id,
        "grp": grp,
        "flow_version_id": flow_version_id,
        "status": status,
        "wake_at": wake_at,
        "link_id": link_id,
        "wave_id": pilot_wave,
        "pilot": pilot_wave is not None,
    }
    if insert_ignore(connection, Conversation.__table__, values) == 0:
        return None
    return of_contact(connection, survey_id, contact_id, scope, unit_id)


def of_contact(
    connection: Connection, survey_id: int, contact_id: int, scope: int, unit_id: int
) -> int | None:
    """Return a contact's conversation of a scope or a unit; that of the unit if there are two."""
    return connection.execute(
        select(Conversation.id)
        .where(
            Conversation.survey_id == survey_id,
            Conversation.contact_id == contact_id,
            or_(Conversation.scope == scope, Conversation.unit_id == unit_id),
        )
        .order_by(case((Conversation.unit_id == unit_id, 0), else_=1))
        .limit(1)
    ).scalar_one_or_none()


def due(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Return conversations whose timer went off, the longest waiting first."""
    statement = (
        select(Conversation.id)
        .where(Conversation.wake_at <= now)
        .order_by(Conversation.wake_at)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def take(connection: Connection, conversation_id: int, now: datetime) -> bool:
    """Lock a conversation that is still due; False when another worker has it or it moved on."""
    statement = (
        select(Conversation.id)
        .where(Conversation.id == conversation_id, Conversation.wake_at <= now)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).first() is not None


def postpone(connection: Connection, conversation_id: int, until: datetime | None) -> None:
    """Push a timer on, or stop it: its step must not be tried in a tight loop."""
    connection.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.wake_at.is_not(None))
        .values(wake_at=until)
    )


def activate(connection: Connection, contact_id: int, conversation_id: int) -> None:
    """Make a conversation the one that untapped messages belong to."""
    connection.execute(
        update(Contact)
        .where(Contact.id == contact_id)
        .values(active_conversation_id=conversation_id)
    )


def record_consent(
    connection: Connection, conversation_id: int, version: str, language: str, on: date
) -> None:
    """Keep which words somebody agreed to; a later consent replaces an earlier one."""
    connection.execute(delete(Consent).where(Consent.conversation_id == conversation_id))
    connection.execute(
        insert(Consent),
        {
            "id": uuid4(),
            "conversation_id": conversation_id,
            "text_version": version,
            "language": language,
            "given_on": on,
        },
    )


def retire_roster_rows_of(connection: Connection, conversation_id: int) -> None:
    """Take the person of a conversation off the roster: it is not them who was meant."""
    connection.execute(
        update(RosterRow).where(RosterRow.conversation_id == conversation_id).values(removed=True)
    )


def all_of(connection: Connection, contact_id: int) -> list[int]:
    """Return a person's conversations, the newest first."""
    statement = select(Conversation.id).where(Conversation.contact_id == contact_id)
    return list(connection.execute(statement.order_by(Conversation.id.desc())).scalars())
