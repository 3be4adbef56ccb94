"""Roster rows: the people that offices named, sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, and_, any_, bindparam, case, func, or_, select
from sqlalchemy.dialects import postgresql

from storage.models import (
    Address,
    Conversation,
    OptOut,
    Outbox,
    RosterChange,
    RosterImport,
    RosterRow,
    Unit,
)

Standing = Literal["to_invite", "invited", "in_conversation", "opted_out", "without_address"]


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
    scope: int
    kind: str
    import_id: int | None
    institution_id: int | None  # whose list it came with
    gone: bool
    claimed: bool


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


PENDING = select(RosterImport.id).where(RosterImport.status != "active").scalar_subquery()
"""Imports that hold for nobody: staged, or failed."""

_CHANGED = select(RosterChange).where(RosterChange.import_id.not_in(PENDING)).subquery("changed")


def counting() -> ColumnElement[bool]:
    """Say whether a row counts: on an active list, not gone from it, not taken off.

    Who was invited before stays, and so does somebody whom an active import brings back.
    """
    return and_(
        RosterRow.removed.is_(False),
        or_(RosterRow.import_id.is_(None), RosterRow.import_id.not_in(PENDING)),
        or_(
            RosterRow.gone_id.is_(None),
            RosterRow.gone_id.in_(PENDING),
            RosterRow.conversation_id.is_not(None),
            RosterRow.id.in_(select(_CHANGED.c.row_id)),
        ),
    )


def counts_now(connection: Connection, row_id: int) -> bool:
    """Whether a row counts."""
    statement = select(RosterRow.id).where(RosterRow.id == row_id, counting())
    return connection.execute(statement).first() is not None


class Current(NamedTuple):
    """A row's columns as they hold now: the active import's, where they wait to be folded in."""

    unit_id: ColumnElement[int]
    grp: ColumnElement[str]
    sealed: ColumnElement[bytes]
    key_id: ColumnElement[int]
    source: ColumnElement[str | None]
    basis: ColumnElement[str | None]


def _current(name: str) -> Any:
    own, new = getattr(RosterRow, name), _CHANGED.c[name]
    return case((_CHANGED.c.row_id.is_not(None), new), else_=own).label(name)


NOW = Current(*[_current(name) for name in Current._fields])
CHANGED = _CHANGED, _CHANGED.c.row_id == RosterRow.id
"""What `NOW` needs: `.outerjoin(*CHANGED)`."""

_GONE = and_(
    RosterRow.gone_id.is_not(None),
    RosterRow.gone_id.not_in(PENDING),
)
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
    RosterRow.scope,
    RosterRow.kind,
    RosterRow.import_id,
    RosterImport.unit_id.label("institution_id"),
    _GONE.label("gone"),
    RosterRow.conversation_id.is_not(None).label("claimed"),
)


def known(
    connection: Connection, survey_id: int, addresses: Sequence[bytes], emails: Sequence[bytes]
) -> list[StoredRow]:
    """Return a survey's rows that have one of these digests, removed and gone ones too."""
    found: list[StoredRow] = []
    for column, digests in ((RosterRow.address_hmac, addresses), (RosterRow.email_hmac, emails)):
        if not digests:
            continue
        statement = (
            select(*_COLUMNS)
            .outerjoin(RosterImport, RosterImport.id == RosterRow.import_id)
            .where(RosterRow.survey_id == survey_id, _among(connection, column, digests))
        )
        found += [StoredRow._make(row) for row in connection.execute(statement)]
    return found


def ids_of(
    connection: Connection, survey_id: int, column: Literal["address", "email"], digests: _Digests
) -> dict[tuple[bytes, int], int]:
    """Return the row of each digest and scope."""
    digest = RosterRow.address_hmac if column == "address" else RosterRow.email_hmac
    statement = select(digest, RosterRow.scope, RosterRow.id).where(
        RosterRow.survey_id == survey_id, _among(connection, digest, digests)
    )
    found = connection.execute(statement)
    return {(bytes(row[0] or b""), row[1]): row[2] for row in found}


_Digests = Sequence[bytes]


def _among(connection: Connection, column: Any, digests: _Digests) -> ColumnElement[bool]:
    """One array is a parameter on PostgreSQL, which thousands of them would not be cheaply."""
    if connection.dialect.name == "sqlite":
        return cast("ColumnElement[bool]", column.in_(list(digests)))
    array = bindparam("digests", list(digests), type_=postgresql.ARRAY(postgresql.BYTEA))
    return cast("ColumnElement[bool]", column == any_(array))


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
    talking = (
        select(Conversation.id)
        .where(
            Conversation.survey_id == RosterRow.survey_id,
            Conversation.contact_id.in_(own.correlate(RosterRow)),
            or_(Conversation.scope == 0, Conversation.scope == NOW.unit_id),
        )
        .exists()
    )
    return case(
        (RosterRow.conversation_id.is_not(None), "invited"),
        (RosterRow.address_hmac.is_(None), "without_address"),
        (talking, "in_conversation"),
        (opted_out, "opted_out"),
        else_="to_invite",
    )


def counts(connection: Connection, survey_id: int) -> list[Count]:
    """Return how many rows stand where, by unit and group; rows that do not count are nowhere."""
    standing = _standing().label("standing")
    rows = (
        select(NOW.unit_id, NOW.grp, standing)
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .where(RosterRow.survey_id == survey_id, counting())
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
            NOW.unit_id,
            NOW.grp,
            Unit.zone,
            RosterRow.address_hmac,
            NOW.sealed,
            NOW.key_id,
            NOW.source,
            NOW.basis,
        )
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .join(Unit, Unit.id == NOW.unit_id)
        .where(
            RosterRow.survey_id == survey_id,
            counting(),
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
    """Return and lock those of these rows that count and that nobody has claimed meanwhile."""
    statement = (
        select(RosterRow.id)
        .where(
            RosterRow.id.in_(list(row_ids)),
            RosterRow.conversation_id.is_(None),
            counting(),
        )
        .order_by(RosterRow.id)
        .with_for_update()
    )
    return set(connection.execute(statement).scalars())
