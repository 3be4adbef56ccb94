"""Deleting a person, and what has outlived its purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from storage.models import (
    Address,
    AnsweredOnce,
    Consent,
    Contact,
    Conversation,
    Coordinator,
    DataKey,
    Inbound,
    Link,
    Outbox,
    RosterNumber,
    RosterReject,
    RosterRow,
    SimulatorMessage,
    Survey,
    Window,
)
from storage.queries import coordinators
from storage.queries.claims import sure
from storage.queries.upsert import insert_ignore


def remember_answered(connection: Connection, survey_id: int, hmacs: Sequence[bytes]) -> None:
    """Keep digests of (survey, address), so that these addresses do not answer again."""
    rows = [{"hmac": hmac, "survey_id": survey_id} for hmac in hmacs]
    insert_ignore(connection, AnsweredOnce.__table__, rows)


def answered(connection: Connection, hmacs: Sequence[bytes]) -> bool:
    """Return whether any of these digests of (survey, address) is known."""
    statement = select(AnsweredOnce.hmac).where(AnsweredOnce.hmac.in_(list(hmacs))).limit(1)
    return connection.execute(statement).first() is not None


def delete_roster_rows(
    connection: Connection,
    hmacs: Sequence[bytes],
    conversation_ids: Sequence[int],
    survey_id: int | None = None,
) -> int:
    """Delete the roster rows of these addresses or conversations, and their personal links.

    Of a row that only names an address as a further number, where it is not sure whose that is, the
    number alone is forgotten.
    """
    further = RosterNumber.address_hmac.in_(list(hmacs))
    mine = or_(
        RosterRow.address_hmac.in_(list(hmacs)),
        RosterRow.conversation_id.in_(list(conversation_ids)),
        RosterRow.id.in_(select(RosterNumber.row_id).where(further, sure())),
    )
    if survey_id is not None:
        mine = and_(mine, RosterRow.survey_id == survey_id)
    ids = list(connection.execute(select(RosterRow.id).where(mine)).scalars())
    connection.execute(delete(Link).where(Link.roster_row_id.in_(ids)))
    connection.execute(delete(RosterNumber).where(or_(further, RosterNumber.row_id.in_(ids))))
    connection.execute(delete(RosterRow).where(RosterRow.id.in_(ids)))
    return len(ids)


def delete_rejects(
    connection: Connection, hmacs: Sequence[bytes], survey_id: int | None = None
) -> int:
    """Delete rows to mend that have one of these addresses."""
    mine: list[ColumnElement[bool]] = [RosterReject.address_hmac.in_(list(hmacs))]
    if survey_id is not None:
        mine.append(RosterReject.survey_id == survey_id)
    return int(connection.execute(delete(RosterReject).where(*mine)).rowcount)


class NamelessReject(NamedTuple):
    """A row to mend of which no digest was stored, though it may have a number."""

    id: int
    sealed: bytes
    key_id: int


def nameless_rejects(connection: Connection, after: int, limit: int) -> list[NamelessReject]:
    """Return open rows to mend without a digest that fail by their unit or group, by id."""
    statement = (
        select(RosterReject.id, RosterReject.sealed, RosterReject.key_id)
        .where(
            RosterReject.id > after,
            RosterReject.status == "open",
            RosterReject.address_hmac.is_(None),
            RosterReject.kind.in_(("unknown_unit", "unknown_group")),
        )
        .order_by(RosterReject.id)
        .limit(limit)
    )
    return [NamelessReject._make(row) for row in connection.execute(statement)]


def name_rejects(connection: Connection, hmacs: Mapping[int, bytes]) -> None:
    """Store the digests of open rows to mend, by row."""
    for reject_id, hmac in hmacs.items():
        connection.execute(
            update(RosterReject)
            .where(RosterReject.id == reject_id, RosterReject.status == "open")
            .values(address_hmac=hmac)
        )


def delete_outbox(
    connection: Connection, address_ids: Sequence[int], survey_id: int | None = None
) -> int:
    """Delete what was or would be said to these addresses."""
    mine: list[ColumnElement[bool]] = [Outbox.address_id.in_(list(address_ids))]
    if survey_id is not None:
        mine.append(Outbox.survey_id == survey_id)
    return int(connection.execute(delete(Outbox).where(*mine)).rowcount)


def let_go(connection: Connection, conversation_id: int) -> None:
    """Leave a mixed conversation to nobody: it counts on, and leads to no person."""
    connection.execute(delete(Outbox).where(Outbox.conversation_id == conversation_id))
    connection.execute(delete(Consent).where(Consent.conversation_id == conversation_id))
    connection.execute(
        update(Contact)
        .where(Contact.active_conversation_id == conversation_id)
        .values(active_conversation_id=None)
    )
    connection.execute(
        update(Conversation).where(Conversation.id == conversation_id).values(contact_id=None)
    )


def delete_bubbles(connection: Connection, hmacs: Sequence[bytes]) -> int:
    """Delete simulated chats."""
    statement = delete(SimulatorMessage).where(SimulatorMessage.address_hmac.in_(list(hmacs)))
    return int(connection.execute(statement).rowcount)


def delete_contact(connection: Connection, contact_id: int, address_ids: Sequence[int]) -> None:
    """Delete a contact with its windows, addresses and coordinator's posts."""
    # Named one by one: what must not outlive a person is not left to a cascade.
    connection.execute(delete(Window).where(Window.address_id.in_(list(address_ids))))
    posts = select(Coordinator.id).where(Coordinator.contact_id == contact_id)
    coordinators.remove_posts(connection, list(connection.execute(posts).scalars()))
    connection.execute(delete(Address).where(Address.id.in_(list(address_ids))))
    connection.execute(delete(Contact).where(Contact.id == contact_id))


# what has outlived its purpose


def delete_inbound(connection: Connection, before: date) -> int:
    """Delete message ids seen before a day, unprocessed forms among them."""
    return int(connection.execute(delete(Inbound).where(Inbound.received_on < before)).rowcount)


def delete_windows(connection: Connection, before: datetime) -> int:
    """Delete windows that were last opened before a time."""
    return int(connection.execute(delete(Window).where(Window.last_inbound_at < before)).rowcount)


def day_scopes(connection: Connection) -> list[str]:
    """Return the scopes of the days whose keys still exist, `day:<date>`."""
    statement = select(DataKey.scope).where(
        DataKey.scope.like("day:%"), DataKey.destroyed.is_(False)
    )
    return list(connection.execute(statement).scalars())


def wipe_final(connection: Connection, statuses: Sequence[str], before: datetime) -> int:
    """Wipe the words of messages whose fate was final before a time (by their creation)."""
    result = connection.execute(
        update(Outbox)
        .where(
            Outbox.status.in_(list(statuses)),
            Outbox.sealed.is_not(None),
            Outbox.created_at < before,
        )
        .values(sealed=None)
    )
    return int(result.rowcount)


def delete_late_outbox(connection: Connection, statuses: Sequence[str]) -> int:
    """Delete settled messages that belong to conversations which are mixed."""
    mixed = select(Conversation.id).where(Conversation.mixed.is_(True))
    result = connection.execute(
        delete(Outbox).where(Outbox.conversation_id.in_(mixed), Outbox.status.in_(list(statuses)))
    )
    return int(result.rowcount)


def delete_consents(connection: Connection, closed_before: datetime) -> int:
    """Delete the consents to surveys that closed before a time."""
    old = (
        select(Conversation.id)
        .join(Survey, Survey.id == Conversation.survey_id)
        .where(Survey.closed_at < closed_before)
    )
    return int(connection.execute(delete(Consent).where(Consent.conversation_id.in_(old))).rowcount)
