"""Roster rows: the people that offices named, sealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.models import Address, Conversation, OptOut, Outbox, RosterRow, Unit
from storage.queries.claims import talking
from storage.queries.duplicates import undecided

Standing = Literal[
    "to_invite", "invited", "in_conversation", "opted_out", "without_address", "undecided"
]


class StoredRow(NamedTuple):
    """A row as an import must know it."""

    id: int
    unit_id: int
    grp: str
    address_hmac: bytes | None
    email_hmac: bytes | None
    sealed: bytes
    key_id: int
    source: str | None
    basis: str | None
    removed: bool


class InvitableRow(NamedTuple):
    """A row whose person may be invited; `zone` is the unit's tz name."""

    id: int
    unit_id: int
    grp: str
    zone: str
    address_hmac: bytes
    sealed: bytes
    key_id: int
    source: str | None
    basis: str | None


class Count(NamedTuple):
    """How many rows of a unit's group stand where."""

    unit_id: int
    grp: str
    standing: str
    rows: int


_COLUMNS = (
    RosterRow.id,
    RosterRow.unit_id,
    RosterRow.grp,
    RosterRow.address_hmac,
    RosterRow.email_hmac,
    RosterRow.sealed,
    RosterRow.key_id,
    RosterRow.source,
    RosterRow.basis,
    RosterRow.removed,
)
_CHANGE = (
    update(RosterRow)
    .where(RosterRow.id == bindparam("row"))
    .values(
        sealed=bindparam("new_sealed"),
        key_id=bindparam("new_key_id"),
        source=bindparam("new_source"),
        basis=bindparam("new_basis"),
    )
)


def known(
    connection: Connection, survey_id: int, addresses: Sequence[bytes], emails: Sequence[bytes]
) -> list[StoredRow]:
    """Return a survey's rows that have one of these digests, removed ones too."""
    statement = select(*_COLUMNS).where(
        RosterRow.survey_id == survey_id,
        or_(RosterRow.address_hmac.in_(list(addresses)), RosterRow.email_hmac.in_(list(emails))),
    )
    return [StoredRow._make(row) for row in connection.execute(statement)]


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store rows, leaving out those whose digest the survey knows; return how many went in."""
    if not rows:
        return 0
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(RosterRow).on_conflict_do_nothing().returning(RosterRow.id)
    return len(connection.execute(statement, [dict(row) for row in rows]).all())


def change(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace what is known of some people: keys row, new_sealed, new_key_id, new_source,
    new_basis. Unit, group and digests stay."""
    values = [dict(row) for row in rows]
    if values:
        connection.execute(_CHANGE, values)


def _standing() -> ColumnElement[str]:
    """Say where a row's person stands, by the first rule that holds."""
    own = select(Address.contact_id).where(Address.hmac == RosterRow.address_hmac)
    of_person = select(Address.hmac).where(
        or_(
            Address.hmac == RosterRow.address_hmac,
            Address.contact_id.in_(own.correlate(RosterRow)),
        )
    )
    opted_out = or_(
        select(OptOut.hmac)
        .where(OptOut.purpose == "respondent", OptOut.hmac == RosterRow.address_hmac)
        .exists(),
        select(OptOut.hmac)
        .where(OptOut.purpose == "respondent", OptOut.hmac.in_(of_person.correlate(RosterRow)))
        .exists(),
    )
    return case(
        (RosterRow.conversation_id.is_not(None), "invited"),
        (RosterRow.address_hmac.is_(None), "without_address"),
        (talking(), "in_conversation"),
        (opted_out, "opted_out"),
        (undecided(), "undecided"),
        else_="to_invite",
    )


def counts(connection: Connection, survey_id: int) -> list[Count]:
    """Return how many rows stand where, by unit and group; removed rows are nowhere."""
    standing = _standing().label("standing")
    rows = (
        select(RosterRow.unit_id, RosterRow.grp, standing)
        .where(RosterRow.survey_id == survey_id, RosterRow.removed.is_(False))
        .subquery()
    )
    statement = (
        select(rows.c.unit_id, rows.c.grp, rows.c.standing, func.count())
        .group_by(rows.c.unit_id, rows.c.grp, rows.c.standing)
        .order_by(rows.c.unit_id, rows.c.grp, rows.c.standing)
    )
    return [Count._make(row) for row in connection.execute(statement)]


def to_invite(
    connection: Connection, survey_id: int, after: bytes, limit: int
) -> list[InvitableRow]:
    """Return rows still to be invited, in the order of their digests, which is nobody's order."""
    statement = (
        select(
            RosterRow.id,
            RosterRow.unit_id,
            RosterRow.grp,
            Unit.zone,
            RosterRow.address_hmac,
            RosterRow.sealed,
            RosterRow.key_id,
            RosterRow.source,
            RosterRow.basis,
        )
        .join(Unit, Unit.id == RosterRow.unit_id)
        .where(
            RosterRow.survey_id == survey_id,
            RosterRow.removed.is_(False),
            RosterRow.address_hmac > after,
            _standing() == "to_invite",
        )
        .order_by(RosterRow.address_hmac)
        .limit(limit)
    )
    return [InvitableRow._make(row) for row in connection.execute(statement)]


def unsent_slots(connection: Connection, survey_id: int) -> list[tuple[str, datetime]]:
    """Return (unit's zone, time) of every invitation that is planned and has not gone out."""
    sent = (
        select(Outbox.id)
        .where(Outbox.conversation_id == Conversation.id, Outbox.purpose == "invitation")
        .exists()
    )
    statement = (
        select(Unit.zone, Conversation.wake_at)
        .join(Unit, Unit.id == Conversation.unit_id)
        .where(
            and_(
                Conversation.survey_id == survey_id,
                Conversation.status == "invited",
                Conversation.wake_at.is_not(None),
                ~sent,
            )
        )
    )
    return [(row[0], row[1]) for row in connection.execute(statement) if row[1] is not None]


def still_free(connection: Connection, row_ids: Sequence[int]) -> set[int]:
    """Return and lock those of these rows that nobody has claimed or removed meanwhile."""
    statement = (
        select(RosterRow.id)
        .where(
            RosterRow.id.in_(list(row_ids)),
            RosterRow.conversation_id.is_(None),
            RosterRow.removed.is_(False),
        )
        .order_by(RosterRow.id)
        .with_for_update()
    )
    return set(connection.execute(statement).scalars())
