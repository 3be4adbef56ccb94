"""Finished conversations on their way to becoming responses that belong to nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from storage.models import Address, Answer, Conversation, Outbox, Response, Survey

FINISHED = "finished"


class CellKey(NamedTuple):
    """The people among whom one hides: a survey's group of one unit."""

    survey_id: int
    unit_id: int
    grp: str


class WaitingRow(NamedTuple):
    """A finished conversation that waits, locked by this transaction."""

    id: int
    flow_version_id: int


class SealedRow(NamedTuple):
    """A conversation with its sealed state."""

    id: int
    unit_id: int
    grp: str
    flow_version_id: int
    status: str
    sealed: bytes | None
    key_id: int | None


_SEALED = (
    Conversation.id,
    Conversation.unit_id,
    Conversation.grp,
    Conversation.flow_version_id,
    Conversation.status,
    Conversation.sealed,
    Conversation.key_id,
)


def _waiting(now: datetime) -> ColumnElement[bool]:
    return and_(
        Conversation.status == FINISHED,
        Conversation.mixed.is_(False),
        Conversation.pilot.is_(False),
        Conversation.sealed.is_not(None),
        Conversation.mix_at <= now,
    )


def waiting_cells(connection: Connection, now: datetime) -> list[tuple[CellKey, int]]:
    """Return how many conversations have waited long enough, per cell of the open surveys."""
    statement = (
        select(Conversation.survey_id, Conversation.unit_id, Conversation.grp, func.count())
        .join(Survey, Survey.id == Conversation.survey_id)
        .where(_waiting(now), Survey.closed_at.is_(None))
        .group_by(Conversation.survey_id, Conversation.unit_id, Conversation.grp)
    )
    return [(CellKey(*row[:3]), int(row[3])) for row in connection.execute(statement)]


def lock_waiting(connection: Connection, cell: CellKey, now: datetime) -> list[WaitingRow]:
    """Return and lock the waiting conversations of a cell.

    Those that a turn or another mixer holds are left out: that can only make the release smaller.
    """
    statement = (
        select(Conversation.id, Conversation.flow_version_id)
        .where(
            Conversation.survey_id == cell.survey_id,
            Conversation.unit_id == cell.unit_id,
            Conversation.grp == cell.grp,
            _waiting(now),
        )
        .with_for_update(skip_locked=True)
    )
    return [WaitingRow(*row) for row in connection.execute(statement)]


def lock_sealed(connection: Connection, ids: Sequence[int]) -> list[SealedRow]:
    """Return and lock conversations that still have a state."""
    statement = (
        select(*_SEALED)
        .where(
            Conversation.id.in_(list(ids)),
            Conversation.mixed.is_(False),
            Conversation.pilot.is_(False),
            Conversation.sealed.is_not(None),
        )
        .order_by(Conversation.id)
        .with_for_update()
    )
    return [SealedRow(*row) for row in connection.execute(statement)]


def store(
    connection: Connection,
    responses: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
) -> None:
    """Write responses and answers in the order given, which must tell nothing."""
    if responses:
        connection.execute(insert(Response), list(responses))
    if answers:
        connection.execute(insert(Answer), list(answers))


def cut_loose(connection: Connection, ids: Sequence[int], flow_version_id: int) -> int:
    """Leave of conversations only that they were finished and mixed; return how many were not yet.

    The version of the questions goes too: what only one version asks would lead to its few people;
    and so does the poster that somebody came by.
    """
    result = connection.execute(
        update(Conversation)
        .where(Conversation.id.in_(list(ids)), Conversation.mixed.is_(False))
        .values(
            status=FINISHED,
            mixed=True,
            sealed=None,
            key_id=None,
            wake_at=None,
            mix_at=None,
            version=0,
            flow_version_id=flow_version_id,
            link_id=None,
        )
    )
    return int(result.rowcount)


def delete_outbox(connection: Connection, survey_id: int, ids: Sequence[int]) -> int:
    """Delete every message about a survey to the people of these conversations."""
    people = select(Conversation.contact_id).where(Conversation.id.in_(list(ids)))
    addresses = select(Address.id).where(Address.contact_id.in_(people))
    others = and_(
        Outbox.survey_id == survey_id,
        Outbox.conversation_id.is_(None),
        Outbox.purpose != "report",
        Outbox.address_id.in_(addresses),
    )
    result = connection.execute(
        delete(Outbox).where(or_(Outbox.conversation_id.in_(list(ids)), others))
    )
    return int(result.rowcount)
