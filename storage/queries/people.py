"""Contacts, their addresses, opt-outs and roster rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, literal, or_, select, update

from storage.models import (
    Address,
    Attachment,
    Consent,
    Contact,
    Conversation,
    Coordinator,
    OptOut,
    Outbox,
    Pilot,
    RosterRow,
    Window,
)
from storage.queries import coordinators
from storage.queries.upsert import insert_ignore, upsert


class AddressRow(NamedTuple):
    """One stored address."""

    id: int
    contact_id: int
    kind: str
    hmac: bytes
    sealed: bytes
    key_id: int


_ADDRESS = (
    Address.id,
    Address.contact_id,
    Address.kind,
    Address.hmac,
    Address.sealed,
    Address.key_id,
)


def addresses(
    connection: Connection, hmacs: Sequence[bytes], *, lock: bool = False
) -> list[AddressRow]:
    """Return known addresses in the order of their digests, locked in that order on request."""
    statement = select(*_ADDRESS).where(Address.hmac.in_(list(hmacs))).order_by(Address.hmac)
    if lock:
        statement = statement.with_for_update()
    return [AddressRow._make(row) for row in connection.execute(statement)]


def addresses_of(connection: Connection, contact_ids: Iterable[int]) -> list[AddressRow]:
    """Return all addresses of some contacts."""
    statement = select(*_ADDRESS).where(Address.contact_id.in_(list(contact_ids)))
    return [AddressRow._make(row) for row in connection.execute(statement.order_by(Address.id))]


def address(connection: Connection, address_id: int) -> AddressRow | None:
    """Return one address."""
    row = connection.execute(select(*_ADDRESS).where(Address.id == address_id)).first()
    return AddressRow._make(row) if row else None


def create_contact(connection: Connection, language: str | None = None) -> int:
    """Make a contact and return its id."""
    statement = insert(Contact).values(language=language).returning(Contact.id)
    return int(connection.execute(statement).scalar_one())


def lock_contacts(connection: Connection, contact_ids: Sequence[int]) -> None:
    """Lock contacts in the order of their ids."""
    connection.execute(
        select(Contact.id)
        .where(Contact.id.in_(sorted(contact_ids)))
        .order_by(Contact.id)
        .with_for_update()
    ).all()


def add_address(
    connection: Connection, contact_id: int, kind: str, hmac: bytes, sealed: bytes, key_id: int
) -> int:
    """Give a contact an address; a second owner is refused by the unique digest."""
    values = {
        "contact_id": contact_id,
        "kind": kind,
        "hmac": hmac,
        "sealed": sealed,
        "key_id": key_id,
    }
    return int(
        connection.execute(insert(Address).values(values).returning(Address.id)).scalar_one()
    )


def move_addresses(connection: Connection, contact_id: int, address_ids: Sequence[int]) -> None:
    """Give addresses to another contact."""
    connection.execute(
        update(Address).where(Address.id.in_(list(address_ids))).values(contact_id=contact_id)
    )


def fold_address(connection: Connection, gone: int, kept: int) -> None:
    """Delete an address; what was to go to it, or went, belongs to another from now on."""
    connection.execute(update(Outbox).where(Outbox.address_id == gone).values(address_id=kept))
    connection.execute(delete(Window).where(Window.address_id == gone))
    connection.execute(delete(Address).where(Address.id == gone))


def language(connection: Connection, contact_id: int) -> str | None:
    """Return the language that a contact chose."""
    return connection.execute(
        select(Contact.language).where(Contact.id == contact_id)
    ).scalar_one_or_none()


def set_language(connection: Connection, contact_id: int, chosen: str) -> None:
    """Remember the language that a contact chose."""
    connection.execute(update(Contact).where(Contact.id == contact_id).values(language=chosen))


def active_conversation(connection: Connection, contact_id: int) -> int | None:
    """Return the conversation that an untapped message belongs to."""
    return connection.execute(
        select(Contact.active_conversation_id).where(Contact.id == contact_id)
    ).scalar_one_or_none()


def set_active(connection: Connection, contact_id: int, conversation_id: int | None) -> None:
    """Say which conversation an untapped message belongs to."""
    connection.execute(
        update(Contact)
        .where(Contact.id == contact_id)
        .values(active_conversation_id=conversation_id)
    )


def delete_contact(connection: Connection, contact_id: int) -> None:
    """Delete a contact and all that hangs on it."""
    connection.execute(delete(Contact).where(Contact.id == contact_id))


def saw_inbound(connection: Connection, address_id: int, sender: str, at: datetime) -> None:
    """Open or renew the 24-hour window of an address."""
    upsert(
        connection,
        Window.__table__,
        {"address_id": address_id, "sender": sender, "last_inbound_at": at},
        ["address_id", "sender"],
        ["last_inbound_at"],
    )


def close_window(connection: Connection, address_id: int, sender: str) -> None:
    """Forget when an address wrote to a sender: the provider says that the window is shut."""
    connection.execute(
        delete(Window).where(
            Window.address_id == address_id,
            or_(Window.sender == sender, literal(sender).startswith("MG")),
        )
    )


def windows(connection: Connection, address_ids: Sequence[int]) -> dict[tuple[int, str], datetime]:
    """Return when each (address, sender) was last heard of."""
    rows = connection.execute(
        select(Window.address_id, Window.sender, Window.last_inbound_at).where(
            Window.address_id.in_(list(address_ids))
        )
    )
    return {(row[0], row[1]): row[2] for row in rows}


def opted_out(connection: Connection, hmacs: Sequence[bytes], purpose: str) -> bool:
    """Return whether any of these addresses must not be contacted."""
    statement = select(OptOut.hmac).where(OptOut.hmac.in_(list(hmacs)), OptOut.purpose == purpose)
    return connection.execute(statement.limit(1)).first() is not None


def opt_outs(connection: Connection, hmacs: Sequence[bytes]) -> list[tuple[bytes, str, date]]:
    """Return the opt-outs of some addresses."""
    statement = select(OptOut.hmac, OptOut.purpose, OptOut.since).where(
        OptOut.hmac.in_(list(hmacs))
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def add_opt_out(connection: Connection, hmac: bytes, purpose: str, since: date) -> None:
    """Remember an opt-out; the earliest one stays."""
    insert_ignore(
        connection,
        OptOut.__table__,
        {"hmac": hmac, "purpose": purpose, "since": since},
    )


def drop_opt_outs(connection: Connection, hmacs: Sequence[bytes], purpose: str) -> None:
    """Take opt-outs back."""
    connection.execute(
        delete(OptOut).where(OptOut.hmac.in_(list(hmacs)), OptOut.purpose == purpose)
    )


class ConversationRow(NamedTuple):
    """What a merge must know of a conversation."""

    id: int
    survey_id: int
    contact_id: int | None
    scope: int
    unit_id: int
    grp: str
    status: str
    sealed: bytes | None
    key_id: int | None
    mixed: bool
    pilot: bool
    mix_at: datetime | None


_CONVERSATION = (
    Conversation.id,
    Conversation.survey_id,
    Conversation.contact_id,
    Conversation.scope,
    Conversation.unit_id,
    Conversation.grp,
    Conversation.status,
    Conversation.sealed,
    Conversation.key_id,
    Conversation.mixed,
    Conversation.pilot,
    Conversation.mix_at,
)


def conversations_of(connection: Connection, contact_ids: Sequence[int]) -> list[ConversationRow]:
    """Return and lock all conversations of some contacts."""
    statement = (
        select(*_CONVERSATION)
        .where(Conversation.contact_id.in_(list(contact_ids)))
        .order_by(Conversation.id)
        .with_for_update()
    )
    return [ConversationRow._make(row) for row in connection.execute(statement)]


def give_conversation(connection: Connection, conversation_id: int, contact_id: int | None) -> None:
    """Let a conversation belong to another contact, or, once mixed, to nobody."""
    connection.execute(
        update(Conversation).where(Conversation.id == conversation_id).values(contact_id=contact_id)
    )


def delete_conversation(connection: Connection, conversation_id: int) -> None:
    """Delete a conversation with its outbox rows, consents and files."""
    # Named one by one: what must not outlive a conversation is not left to a cascade.
    connection.execute(delete(Outbox).where(Outbox.conversation_id == conversation_id))
    connection.execute(delete(Consent).where(Consent.conversation_id == conversation_id))
    connection.execute(delete(Pilot).where(Pilot.conversation_id == conversation_id))
    connection.execute(delete(Attachment).where(Attachment.conversation_id == conversation_id))
    connection.execute(
        update(Contact)
        .where(Contact.active_conversation_id == conversation_id)
        .values(active_conversation_id=None)
    )
    connection.execute(
        update(RosterRow)
        .where(RosterRow.conversation_id == conversation_id)
        .values(conversation_id=None)
    )
    connection.execute(delete(Conversation).where(Conversation.id == conversation_id))


def roster_claim(connection: Connection, conversation_id: int) -> int | None:
    """Return the roster row that a conversation claimed."""
    return connection.execute(
        select(RosterRow.id).where(RosterRow.conversation_id == conversation_id)
    ).scalar_one_or_none()


def claim_roster_row(connection: Connection, row_id: int, conversation_id: int | None) -> None:
    """Let a conversation claim a roster row, or release it."""
    connection.execute(
        update(RosterRow).where(RosterRow.id == row_id).values(conversation_id=conversation_id)
    )


def retire_roster_row(connection: Connection, row_id: int) -> None:
    """Take a row off the roster: the same person stands on another one, or is the wrong person."""
    connection.execute(
        update(RosterRow).where(RosterRow.id == row_id).values(conversation_id=None, removed=True)
    )


def move_coordinator_posts(connection: Connection, gone: int, kept: int) -> None:
    """Give a contact's coordinator posts to another, leaving out those it already holds.

    Nobody is a deputy where the post is their own.
    """

    def posts(contact_id: int) -> dict[tuple[int, int | None], tuple[int, bool]]:
        columns = Coordinator.id, Coordinator.survey_id, Coordinator.unit_id, Coordinator.deputy_for
        rows = connection.execute(select(*columns).where(Coordinator.contact_id == contact_id))
        return {(row[1], row[2]): (row[0], row[3] is not None) for row in rows}

    held, mine = posts(kept), posts(gone)
    double = [held[key] if held[key][1] else mine[key] for key in held.keys() & mine.keys()]
    coordinators.remove_posts(connection, [post_id for post_id, _ in double])
    connection.execute(
        update(Coordinator).where(Coordinator.contact_id == gone).values(contact_id=kept)
    )
