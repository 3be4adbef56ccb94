"""Which roster rows are about whom: by their number, and by further numbers that they name.

A further number tells only where it is nobody's own on the roster and stands on one row: an
officer's phone that was written behind fifty names is none of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, exists, or_, select, update
from sqlalchemy.orm import aliased

from storage.models import Address, Conversation, RosterDuplicate, RosterNumber, RosterRow
from storage.queries.rosters import CHANGED, NOW, counting


class Meeting(NamedTuple):
    """A conversation of somebody who has one of a row's numbers, or that claims the row."""

    conversation_id: int
    contact_id: int | None
    status: str


def sure() -> ColumnElement[bool]:
    """Whether a further number tells who somebody is."""
    twin, owner = aliased(RosterNumber), aliased(RosterRow)
    return and_(
        ~exists().where(
            twin.survey_id == RosterNumber.survey_id,
            twin.address_hmac == RosterNumber.address_hmac,
            twin.row_id != RosterNumber.row_id,
        ),
        ~exists().where(
            owner.survey_id == RosterNumber.survey_id,
            owner.address_hmac == RosterNumber.address_hmac,
            owner.removed.is_(False),
        ),
    )


def _of_row() -> ColumnElement[bool]:
    """Whether an address is a row's own or a further number of it."""
    further = select(RosterNumber.address_hmac).where(RosterNumber.row_id == RosterRow.id, sure())
    return or_(
        Address.hmac == RosterRow.address_hmac,
        Address.hmac.in_(further.correlate(RosterRow)),
    )


def _same_interview() -> ColumnElement[bool]:
    """Whether a conversation is the one interview that a row's person may have."""
    return and_(
        Conversation.survey_id == RosterRow.survey_id,
        Conversation.pilot.is_(False),
        or_(Conversation.scope == RosterRow.scope, Conversation.unit_id == RosterRow.unit_id),
    )


def talking_on_another_number() -> ColumnElement[bool]:
    """Whether a roster row's person has the interview already, by a further number of the row.

    Of `RosterRow` in the statement around it.
    """
    further = select(RosterNumber.address_hmac).where(RosterNumber.row_id == RosterRow.id, sure())
    others = select(Address.contact_id).where(Address.hmac.in_(further.correlate(RosterRow)))
    return and_(
        exists().where(RosterNumber.row_id == RosterRow.id).correlate(RosterRow),
        select(Conversation.id)
        .where(_same_interview(), Conversation.contact_id.in_(others.correlate(RosterRow)))
        .correlate(RosterRow)
        .exists(),
    )


def rows_of(
    connection: Connection, survey_id: int, scope: int, unit_id: int, hmacs: Sequence[bytes]
) -> list[int]:
    """Return and lock the rows that count and that these addresses stand on, for one interview.

    A row whose own number it is comes before one that names it as a further number.
    """
    here = (
        select(RosterRow.id)
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .where(
            RosterRow.survey_id == survey_id,
            counting(),
            or_(RosterRow.scope == scope, NOW.unit_id == unit_id),
        )
        .order_by(RosterRow.id)
        .with_for_update(of=RosterRow)
    )
    own = here.where(RosterRow.address_hmac.in_(list(hmacs)))
    found = list(connection.execute(own).scalars())
    if found:
        return found
    further = select(RosterNumber.row_id).where(
        RosterNumber.survey_id == survey_id, RosterNumber.address_hmac.in_(list(hmacs)), sure()
    )
    return list(connection.execute(here.where(RosterRow.id.in_(further))).scalars())


def meetings(connection: Connection, row_id: int) -> list[Meeting]:
    """Return the conversations of a row's person: the one that claims it, and those of whoever has
    one of its numbers."""
    columns = (Conversation.id, Conversation.contact_id, Conversation.status)
    claiming = (
        select(*columns)
        .join(RosterRow, RosterRow.conversation_id == Conversation.id)
        .where(RosterRow.id == row_id)
    )
    by_number = (
        select(*columns)
        .join(Address, Address.contact_id == Conversation.contact_id)
        .join(RosterRow, and_(_same_interview(), _of_row()))
        .where(RosterRow.id == row_id)
    )
    found = {Meeting._make(row) for one in (claiming, by_number) for row in connection.execute(one)}
    return sorted(found)


def kept_instead(connection: Connection, row_id: int) -> int:
    """Return the row that counts in the place of this one where both are one person's, else it."""
    instead = case(
        (RosterDuplicate.other_id == row_id, RosterDuplicate.row_id),
        else_=RosterDuplicate.other_id,
    )
    statement = select(instead).where(
        RosterDuplicate.kind == "same_person",
        or_(
            and_(RosterDuplicate.other_id == row_id, RosterDuplicate.decision == "first"),
            and_(RosterDuplicate.row_id == row_id, RosterDuplicate.decision == "other"),
        ),
    )
    found = connection.execute(statement.limit(1)).scalar_one_or_none()
    return row_id if found is None else int(found)


def claim(connection: Connection, row_id: int, conversation_id: int) -> bool:
    """Let a conversation claim a row, unless either is taken; return whether it did."""
    busy = aliased(RosterRow)
    done = connection.execute(
        update(RosterRow)
        .where(
            RosterRow.id == row_id,
            RosterRow.conversation_id.is_(None),
            ~exists().where(busy.conversation_id == conversation_id),
        )
        .values(conversation_id=conversation_id)
    )
    return int(done.rowcount) == 1


def numbers_of(connection: Connection, conversation_ids: Sequence[int]) -> dict[int, list[bytes]]:
    """Return the numbers of the rows that conversations claim, further ones too."""
    found: dict[int, list[bytes]] = {}
    claimed = RosterRow.conversation_id.in_(list(conversation_ids))
    own = select(RosterRow.conversation_id, RosterRow.address_hmac).where(
        claimed, RosterRow.address_hmac.is_not(None)
    )
    further = (
        select(RosterRow.conversation_id, RosterNumber.address_hmac)
        .join(RosterNumber, RosterNumber.row_id == RosterRow.id)
        .where(claimed, sure())
    )
    for statement in (own, further):
        for row in connection.execute(statement):
            assert row[0] is not None
            assert row[1] is not None
            found.setdefault(row[0], []).append(row[1])
    return found
