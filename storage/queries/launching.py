"""Who on a roster may be invited, and inviting many of them with a few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from storage.models import (
    Address,
    AnsweredOnce,
    Contact,
    ContactBasis,
    Conversation,
    OptOut,
    Outbox,
    RosterReject,
    RosterRow,
    Unit,
)
from storage.queries import claims, duplicates
from storage.queries.mail import mailed
from storage.queries.rosters import CHANGED, NOW, counting


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


class Planned(NamedTuple):
    """So many invitations that wait for about the same time, within an hour."""

    zone: str
    at: datetime
    people: int


class Known(NamedTuple):
    """An address of a person whom we have met."""

    hmac: bytes
    contact_id: int
    language: str | None


def counts(connection: Connection, survey_id: int) -> list[Count]:
    """Return how many rows stand where, by unit and group; rows that do not count are nowhere.

    Where a row's person stands is said by the first rule that holds. Pilots do not count.
    """
    stopped = (
        select(Address.contact_id)
        .join(OptOut, OptOut.hmac == Address.hmac)
        .where(OptOut.purpose == "respondent")
        .distinct()
        .subquery()
    )
    own = aliased(OptOut)
    whole, part = aliased(Conversation), aliased(Conversation)  # once a survey, once a unit
    standing = case(
        (RosterRow.conversation_id.is_not(None), "invited"),
        (mailed(), "invited"),
        (RosterRow.address_hmac.is_(None), "without_address"),
        (
            or_(whole.id.is_not(None), part.id.is_not(None), claims.talking_on_another_number()),
            "in_conversation",
        ),
        (or_(own.hmac.is_not(None), stopped.c.contact_id.is_not(None)), "opted_out"),
        (duplicates.undecided(), "open_duplicate"),
        else_="to_invite",
    ).label("standing")

    def talks(with_us: Any, scope: Any) -> ColumnElement[bool]:
        return and_(
            with_us.survey_id == survey_id,
            with_us.contact_id == Address.contact_id,
            with_us.scope == scope,
            with_us.pilot.is_(False),
        )

    rows = (
        select(NOW.unit_id, NOW.grp, standing)
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .outerjoin(Address, Address.hmac == RosterRow.address_hmac)
        .outerjoin(whole, talks(whole, 0))
        .outerjoin(part, talks(part, NOW.unit_id))
        .outerjoin(own, and_(own.hmac == RosterRow.address_hmac, own.purpose == "respondent"))
        .outerjoin(stopped, stopped.c.contact_id == Address.contact_id)
        .where(RosterRow.survey_id == survey_id, counting())
        .subquery()
    )
    statement = (
        select(rows.c.unit_id, rows.c.grp, rows.c.standing, func.count())
        .group_by(rows.c.unit_id, rows.c.grp, rows.c.standing)
        .order_by(rows.c.unit_id, rows.c.grp, rows.c.standing)
    )
    return [Count._make(row) for row in connection.execute(statement)]


def to_mend(connection: Connection, survey_id: int) -> dict[tuple[int | None, str | None], int]:
    """Return how many rows somebody has to mend, by unit and group as far as these are known."""
    statement = (
        select(RosterReject.unit_id, RosterReject.grp, func.count())
        .where(RosterReject.survey_id == survey_id, RosterReject.status == "open")
        .group_by(RosterReject.unit_id, RosterReject.grp)
    )
    return {(row[0], row[1]): int(row[2]) for row in connection.execute(statement)}


def unclaimed(
    connection: Connection,
    survey_id: int,
    after: tuple[bytes, int],
    limit: int,
    *,
    unit_ids: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
) -> list[InvitableRow]:
    """Return and lock rows that nobody has claimed, in the order of their digests: nobody's order.

    `after` is the digest and the id of the last row that was looked at. Whether their people may be
    invited is asked with the functions below: one by one within this statement it would cost
    more, the more conversations there are.
    """
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
            RosterRow.conversation_id.is_(None),
            # One comparison for the index to begin at, the other for rows of the same digest.
            RosterRow.address_hmac >= after[0],
            tuple_(RosterRow.address_hmac, RosterRow.id)
            > tuple_(literal(after[0], RosterRow.address_hmac.type), literal(after[1])),
            NOW.unit_id.in_(list(unit_ids)) if unit_ids is not None else true(),
            NOW.grp.in_(list(groups)) if groups is not None else true(),
            counting(),
            ~mailed(),
            ~claims.talking_on_another_number(),
        )
        .order_by(RosterRow.address_hmac, RosterRow.id)
        .limit(limit)
        .with_for_update(of=RosterRow)
    )
    return [InvitableRow._make(row) for row in connection.execute(statement)]


def undecided(connection: Connection, survey_id: int) -> set[int]:
    """Return the rows that wait for somebody to decide which of two counts."""
    statement = select(RosterRow.id).where(RosterRow.survey_id == survey_id, duplicates.undecided())
    return set(connection.execute(statement).scalars())


def opted_out(connection: Connection, hmacs: Sequence[bytes]) -> set[bytes]:
    """Return which of these addresses must not be contacted."""
    statement = select(OptOut.hmac).where(
        OptOut.purpose == "respondent", OptOut.hmac.in_(list(hmacs))
    )
    return set(connection.execute(statement).scalars())


def talking(
    connection: Connection, survey_id: int, contact_ids: Sequence[int]
) -> dict[int, list[tuple[int, int]]]:
    """Return (scope, unit) of the conversations that these people have in a survey."""
    statement = select(Conversation.contact_id, Conversation.scope, Conversation.unit_id).where(
        Conversation.survey_id == survey_id, Conversation.contact_id.in_(list(contact_ids))
    )
    found: dict[int, list[tuple[int, int]]] = {}
    for contact_id, scope, unit_id in connection.execute(statement):
        assert contact_id is not None
        found.setdefault(contact_id, []).append((scope, unit_id))
    return found


def planned(connection: Connection, survey_id: int) -> list[Planned]:
    """Return how many invitations are planned for which hour and have not gone out."""
    is_sqlite = connection.dialect.name == "sqlite"
    hour = (
        func.substr(Conversation.wake_at, 1, 13)
        if is_sqlite
        else func.date_trunc("hour", Conversation.wake_at)
    )
    sent = (
        select(Outbox.id)
        .where(Outbox.conversation_id == Conversation.id, Outbox.purpose == "invitation")
        .exists()
    )
    statement = (
        select(Unit.zone, func.min(Conversation.wake_at), func.count())
        .join(Unit, Unit.id == Conversation.unit_id)
        .where(
            Conversation.survey_id == survey_id,
            Conversation.status == "invited",
            Conversation.wake_at.is_not(None),
            ~sent,
        )
        .group_by(Unit.zone, hour)
    )
    return [Planned._make(row) for row in connection.execute(statement)]


# inviting many


def next_ids(
    connection: Connection, table: Literal["contact", "conversation"], many: int
) -> list[int]:
    """Return so many new ids: what is sealed names the row that it is sealed in."""
    if connection.dialect.name == "sqlite":
        column = Contact.id if table == "contact" else Conversation.id
        last = connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
        return list(range(last + 1, last + 1 + many))
    taken = func.nextval(func.pg_get_serial_sequence(table, "id"))
    each = func.generate_series(1, many).table_valued("number")
    return sorted(connection.execute(select(taken).select_from(each)).scalars())


def known(connection: Connection, hmacs: Sequence[bytes]) -> list[Known]:
    """Return and lock those of these addresses that we know, in the order of their digests."""
    statement = (
        select(Address.hmac, Address.contact_id, Contact.language)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Address.hmac.in_(list(hmacs)))
        .order_by(Address.hmac)
        .with_for_update(of=Address)
    )
    return [Known._make(row) for row in connection.execute(statement)]


def addresses_of(connection: Connection, contact_ids: Sequence[int]) -> dict[int, list[bytes]]:
    """Return the digests of all addresses of some people."""
    found: dict[int, list[bytes]] = {}
    statement = select(Address.contact_id, Address.hmac).where(
        Address.contact_id.in_(list(contact_ids))
    )
    for contact_id, hmac in connection.execute(statement):
        found.setdefault(contact_id, []).append(hmac)
    return found


def anybody_answered(connection: Connection, survey_id: int) -> bool:
    """Whether somebody has answered a survey and was erased since."""
    statement = select(AnsweredOnce.hmac).where(AnsweredOnce.survey_id == survey_id).limit(1)
    return connection.execute(statement).first() is not None


def answered(connection: Connection, hmacs: Sequence[bytes]) -> set[bytes]:
    """Return which of these digests of (survey, address) are of people who have answered."""
    statement = select(AnsweredOnce.hmac).where(AnsweredOnce.hmac.in_(list(hmacs)))
    return set(connection.execute(statement).scalars())


def add_people(
    connection: Connection,
    contacts: Sequence[Mapping[str, Any]],
    addresses: Sequence[Mapping[str, Any]],
) -> None:
    """Store new contacts with their phones. IntegrityError for one that was met meanwhile."""
    if contacts:
        connection.execute(insert(Contact), list(contacts))
        connection.execute(insert(Address), list(addresses))


def set_languages(connection: Connection, languages: Mapping[int, str]) -> None:
    """Give people a language who have chosen none."""
    if languages:
        connection.execute(
            update(Contact)
            .where(Contact.id == bindparam("contact"), Contact.language.is_(None))
            .values(language=bindparam("new_language")),
            [{"contact": one, "new_language": code} for one, code in languages.items()],
        )


def add_conversations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Store conversations whose ids were drawn; return those whose contact had none yet."""
    if not rows:
        return set()
    # Row by row, with one prepared statement: one with all values costs three times as much.
    connection.execute(_insert(connection, Conversation).on_conflict_do_nothing(), list(rows))
    ids = [row["id"] for row in rows]
    statement = select(Conversation.id).where(Conversation.id.in_(ids))
    return set(connection.execute(statement).scalars())


def add_bases(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep how we came by people; the first time that somebody came a way stays."""
    if rows:
        connection.execute(_insert(connection, ContactBasis).on_conflict_do_nothing(), list(rows))


def settle(connection: Connection, claims: Sequence[Mapping[str, int]]) -> None:
    """Let conversations claim their roster rows, and be their contacts' active ones.

    Keys: row, contact, conversation. Who is in another conversation stays in that one.
    """
    if not claims:
        return
    connection.execute(
        update(RosterRow)
        .where(RosterRow.id == bindparam("row"))
        .values(conversation_id=bindparam("conversation")),
        [{"row": one["row"], "conversation": one["conversation"]} for one in claims],
    )
    connection.execute(
        update(Contact)
        .where(Contact.id == bindparam("contact"), Contact.active_conversation_id.is_(None))
        .values(active_conversation_id=bindparam("conversation")),
        [{"contact": one["contact"], "conversation": one["conversation"]} for one in claims],
    )


def _insert(connection: Connection, table: Any) -> Any:
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
