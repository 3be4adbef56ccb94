"""Invitations by e-mail, from wish to fate; one for each person on the roster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection, and_, func, or_, select, update

from storage.models import Address, Conversation, Link, Mail, OptOut, RosterRow, Unit
from storage.queries.rosters import CHANGED, NOW, counting
from storage.queries.upsert import insert_ignore


class WantedRow(NamedTuple):
    """Somebody on the roster who has not begun and was not written to by e-mail."""

    id: int
    unit_id: int
    grp: str
    sealed: bytes
    key_id: int
    has_link: bool
    opted_out: bool  # by the number on the list


class MailRow(NamedTuple):
    """An e-mail in our hands, with all that it takes to write it.

    `wanted` is False when its person has meanwhile begun, opted out or left the list.
    """

    id: UUID
    attempts: int
    unit_id: int
    unit_name: str
    grp: str
    sealed: bytes
    key_id: int
    source: str | None
    code: str
    expires_at: datetime | None
    wanted: bool


def _opted_out() -> Any:
    return (
        select(OptOut.hmac)
        .where(OptOut.hmac == RosterRow.address_hmac, OptOut.purpose == "respondent")
        .exists()
    )


def _talking() -> Any:
    """Say whether the number on the list is already in a conversation of the survey."""
    return (
        select(Conversation.id)
        .join(Address, Address.contact_id == Conversation.contact_id)
        .where(
            Address.hmac == RosterRow.address_hmac,
            Conversation.survey_id == RosterRow.survey_id,
        )
        .exists()
    )


def mailed() -> Any:
    """Say whether a row's person was invited by e-mail, or is about to be."""
    gone_out = ("queued", "claimed", "sent", "unknown")
    return (
        select(Mail.id)
        .where(Mail.roster_row_id == RosterRow.id, Mail.status.in_(gone_out))
        .exists()
    )


def wanted(
    connection: Connection, survey_id: int, groups: Sequence[str], after: int, limit: int
) -> list[WantedRow]:
    """Return roster rows with ids above `after` that may get an e-mail, by id.

    Without `groups` only those without a number; with them all of these groups. Whether there is an
    e-mail address at all is in `sealed`.
    """
    who = NOW.grp.in_(list(groups)) if groups else RosterRow.address_hmac.is_(None)
    statement = (
        select(
            RosterRow.id,
            NOW.unit_id,
            NOW.grp,
            NOW.sealed,
            NOW.key_id,
            Link.id.is_not(None),
            _opted_out(),
        )
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .outerjoin(Link, Link.roster_row_id == RosterRow.id)
        .outerjoin(Mail, Mail.roster_row_id == RosterRow.id)
        .where(
            RosterRow.survey_id == survey_id,
            RosterRow.id > after,
            RosterRow.conversation_id.is_(None),
            ~_talking(),
            Mail.id.is_(None),
            who,
            counting(),
        )
        .order_by(RosterRow.id)
        .limit(limit)
    )
    return [WantedRow._make(row) for row in connection.execute(statement)]


def add(connection: Connection, survey_id: int, row_ids: Iterable[int], now: datetime) -> int:
    """Want an e-mail for each of these roster rows, unless one was wanted before; return how
    many."""
    rows = [
        {
            "id": uuid4(),
            "survey_id": survey_id,
            "roster_row_id": row_id,
            "status": "queued",
            "not_before": now,
        }
        for row_id in row_ids
    ]
    return insert_ignore(connection, Mail.__table__, rows) if rows else 0


def by_status(connection: Connection, survey_id: int) -> dict[str, int]:
    """Return how many e-mails of a survey have each status."""
    statement = select(Mail.status, func.count()).where(Mail.survey_id == survey_id)
    rows = connection.execute(statement.group_by(Mail.status))
    return {str(row[0]): int(row[1]) for row in rows}


def give_up_on_the_dead(connection: Connection, survey_id: int, lease_now: datetime) -> int:
    """Let what was in the hands of a run that died be unknown; return how many."""
    result = connection.execute(
        update(Mail)
        .where(
            Mail.survey_id == survey_id,
            Mail.status == "claimed",
            or_(Mail.lease_until.is_(None), Mail.lease_until < lease_now),
        )
        .values(status="unknown", lease_until=None)
    )
    return int(result.rowcount)


def again(connection: Connection, survey_id: int, now: datetime) -> int:
    """Queue what is unknown once more; return how many."""
    result = connection.execute(
        update(Mail)
        .where(Mail.survey_id == survey_id, Mail.status == "unknown")
        .values(status="queued", not_before=now)
    )
    return int(result.rowcount)


def claim(
    connection: Connection, survey_id: int, now: datetime, lease_until: datetime
) -> MailRow | None:
    """Take one e-mail that is due into our hands; None when there is none.

    In the order of their ids, which is nobody's order.
    """
    due = (
        select(Mail.id)
        .where(Mail.survey_id == survey_id, Mail.status == "queued", Mail.not_before <= now)
        .order_by(Mail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    mail_id = connection.execute(due).scalar_one_or_none()
    if mail_id is None:
        return None
    connection.execute(
        update(Mail).where(Mail.id == mail_id).values(status="claimed", lease_until=lease_until)
    )
    statement = (
        select(
            Mail.id,
            Mail.attempts,
            NOW.unit_id,
            Unit.name,
            NOW.grp,
            NOW.sealed,
            NOW.key_id,
            NOW.source,
            Link.code,
            Link.expires_at,
            and_(counting(), RosterRow.conversation_id.is_(None), ~_talking(), ~_opted_out()),
        )
        .select_from(Mail)
        .join(RosterRow, RosterRow.id == Mail.roster_row_id)
        .outerjoin(*CHANGED)
        .join(Unit, Unit.id == NOW.unit_id)
        .join(Link, Link.roster_row_id == RosterRow.id)
        .where(Mail.id == mail_id)
    )
    return MailRow._make(connection.execute(statement).one())


def settle(
    connection: Connection,
    mail_id: UUID,
    status: str,
    *,
    fault: int | None = None,
    not_before: datetime | None = None,
    tried: bool = True,
) -> bool:
    """Say what became of an e-mail that is in our hands; False when it is not any more."""
    values: dict[str, Any] = {"status": status, "lease_until": None, "fault": fault}
    if not_before is not None:
        values["not_before"] = not_before
    if tried:
        values["attempts"] = Mail.attempts + 1
    result = connection.execute(
        update(Mail).where(Mail.id == mail_id, Mail.status == "claimed").values(**values)
    )
    return int(result.rowcount) == 1


def unknown(connection: Connection, survey_id: int) -> list[UUID]:
    """Return the ids of the e-mails of which nobody knows whether they arrived."""
    statement = select(Mail.id).where(Mail.survey_id == survey_id, Mail.status == "unknown")
    return list(connection.execute(statement.order_by(Mail.id)).scalars())
