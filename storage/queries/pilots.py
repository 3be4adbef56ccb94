"""Pilots: conversations of colleagues who try a survey out, to be read and then wiped."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from storage.models import (
    Address,
    Contact,
    ContactBasis,
    Conversation,
    Coordinator,
    Pilot,
    Unit,
    Window,
)


class PilotRow(NamedTuple):
    """One colleague's conversation, with the sealed state and the sealed name and notes."""

    conversation_id: int
    wave_id: int | None
    contact_id: int | None
    grp: str
    unit_name: str
    status: str
    flow_version_id: int
    sealed: bytes | None
    key_id: int | None
    notes: bytes
    notes_key_id: int


def add(connection: Connection, conversation_id: int, sealed: bytes, key_id: int) -> None:
    """Keep who tries the survey out."""
    values = {"conversation_id": conversation_id, "sealed": sealed, "key_id": key_id}
    connection.execute(insert(Pilot), values)


def notes(connection: Connection, conversation_id: int) -> tuple[bytes, int] | None:
    """Return and lock what is kept of one colleague, and its key."""
    statement = select(Pilot.sealed, Pilot.key_id).where(Pilot.conversation_id == conversation_id)
    row = connection.execute(statement.with_for_update()).first()
    return (row[0], row[1]) if row else None


def set_notes(connection: Connection, conversation_id: int, sealed: bytes, key_id: int) -> None:
    """Replace what is kept of one colleague."""
    connection.execute(
        update(Pilot)
        .where(Pilot.conversation_id == conversation_id)
        .values(sealed=sealed, key_id=key_id)
    )


def of_survey(connection: Connection, survey_id: int, *, lock: bool = False) -> list[PilotRow]:
    """Return all pilot conversations of a survey, in the order in which they were made."""
    statement = (
        select(
            Conversation.id,
            Conversation.wave_id,
            Conversation.contact_id,
            Conversation.grp,
            Unit.name,
            Conversation.status,
            Conversation.flow_version_id,
            Conversation.sealed,
            Conversation.key_id,
            Pilot.sealed,
            Pilot.key_id,
        )
        .join(Unit, Unit.id == Conversation.unit_id)
        .join(Pilot, Pilot.conversation_id == Conversation.id)
        .where(Conversation.survey_id == survey_id, Conversation.pilot.is_(True))
        .order_by(Conversation.id)
    )
    if lock:
        statement = statement.with_for_update(of=Conversation)
    return [PilotRow._make(row) for row in connection.execute(statement)]


def finished(connection: Connection, survey_id: int) -> int:
    """Return how many pilot interviews are finished and not wiped yet."""
    statement = select(func.count()).where(
        Conversation.survey_id == survey_id,
        Conversation.pilot.is_(True),
        Conversation.status == "finished",
    )
    return int(connection.execute(statement).scalar_one())


def forget_contact(connection: Connection, contact_id: int) -> list[bytes]:
    """Delete a contact that nothing leads to any more; return the digests that it had."""
    needed = (
        exists().where(Conversation.contact_id == contact_id),
        exists().where(Coordinator.contact_id == contact_id),
        exists().where(ContactBasis.contact_id == contact_id),
    )
    if any(connection.execute(select(one)).scalar_one() for one in needed):
        return []
    rows = connection.execute(
        select(Address.id, Address.hmac).where(Address.contact_id == contact_id)
    ).all()
    ids = [row[0] for row in rows]
    connection.execute(delete(Window).where(Window.address_id.in_(ids)))
    connection.execute(delete(Address).where(Address.id.in_(ids)))
    connection.execute(delete(Contact).where(Contact.id == contact_id))
    return [row[1] for row in rows]
