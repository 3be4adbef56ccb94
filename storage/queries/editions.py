"""Versions of a survey's questions, and the people who are carried from one to another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, distinct, exists, func, select, update

from storage.models import Answer, Conversation, FlowVersion, Response, Survey

INVITED = "invited"
BEGUN = ("language", "consent", "asking")


class VersionRow(NamedTuple):
    """A version of a survey, numbered from 1."""

    number: int
    id: int
    published_at: datetime
    move_to: int | None
    move_policy: str | None


class Leaving(NamedTuple):
    """A version whose people are carried to another."""

    survey_id: int
    version: int
    to: int


class StateRow(NamedTuple):
    """A conversation that is not mixed, with its sealed state."""

    id: int
    grp: str
    status: str
    flow_version_id: int
    sealed: bytes
    key_id: int


class PooledRow(NamedTuple):
    """How many pooled answers a question has. `flow_version_id` is None where it is not kept."""

    grp: str
    question: str
    flow_version_id: int | None
    answers: int


def versions(connection: Connection, survey_id: int) -> list[VersionRow]:
    """Return all versions of a survey, oldest first."""
    rows = connection.execute(
        select(
            FlowVersion.id,
            FlowVersion.published_at,
            FlowVersion.move_to,
            FlowVersion.move_policy,
        )
        .where(FlowVersion.survey_id == survey_id)
        .order_by(FlowVersion.id)
    )
    return [VersionRow(number, *row) for number, row in enumerate(rows, start=1)]


def stay(connection: Connection, version: int) -> None:
    """Let nobody be carried away from a version, as it is the current one."""
    connection.execute(
        update(FlowVersion).where(FlowVersion.id == version).values(move_to=None, move_policy=None)
    )


def leave(connection: Connection, survey_id: int, to: int, policy: str) -> None:
    """Let people under way with any other version of a survey be carried to this one."""
    connection.execute(
        update(FlowVersion)
        .where(FlowVersion.survey_id == survey_id, FlowVersion.id != to)
        .values(move_to=to, move_policy=policy)
    )


def leaving(connection: Connection) -> list[Leaving]:
    """Return the versions of open surveys that people are to be carried from, and some are left."""
    people = exists().where(
        Conversation.flow_version_id == FlowVersion.id,
        Conversation.survey_id == FlowVersion.survey_id,
        Conversation.status.in_((INVITED, *BEGUN)),
    )
    rows = connection.execute(
        select(FlowVersion.survey_id, FlowVersion.id, FlowVersion.move_to)
        .join(Survey, Survey.id == FlowVersion.survey_id)
        .where(FlowVersion.move_to.is_not(None), Survey.closed_at.is_(None), people)
        .order_by(FlowVersion.id)
    )
    return [Leaving(row[0], row[1], row[2] or 0) for row in rows]


def begun(connection: Connection, survey_id: int) -> dict[int, int]:
    """Return how many people have begun and not ended, by version."""
    rows = connection.execute(
        select(Conversation.flow_version_id, func.count())
        .where(Conversation.survey_id == survey_id, Conversation.status.in_(BEGUN))
        .group_by(Conversation.flow_version_id)
    )
    return {int(row[0]): int(row[1]) for row in rows}


def invited(connection: Connection, survey_id: int) -> int:
    """Return how many people have not begun."""
    statement = select(func.count()).where(
        Conversation.survey_id == survey_id, Conversation.status == INVITED
    )
    return int(connection.execute(statement).scalar_one())


def under_way(connection: Connection, leaving: Leaving, after: int, limit: int) -> list[int]:
    """Return people who have begun with a version, by their conversation's id from `after` on."""
    statement = (
        select(Conversation.id)
        .where(
            Conversation.survey_id == leaving.survey_id,
            Conversation.flow_version_id == leaving.version,
            Conversation.status.in_(BEGUN),
            Conversation.id > after,
        )
        .order_by(Conversation.id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def take(connection: Connection, conversation_id: int, version: int) -> bool:
    """Lock a conversation that still has this version; False when somebody else has it."""
    statement = (
        select(Conversation.id)
        .where(Conversation.id == conversation_id, Conversation.flow_version_id == version)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).first() is not None


def carry_invited(
    connection: Connection, leaving: Leaving, groups: Collection[str], limit: int
) -> int:
    """Give some who have not begun the other version; return how many.

    Their state says nothing of any question. A turn that has read it before cannot store it.
    """
    ids = list(
        connection.execute(
            select(Conversation.id)
            .where(
                Conversation.survey_id == leaving.survey_id,
                Conversation.flow_version_id == leaving.version,
                Conversation.status == INVITED,
                Conversation.grp.in_(sorted(groups)),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    if not ids:
        return 0
    result = connection.execute(
        update(Conversation)
        .where(Conversation.id.in_(ids), Conversation.status == INVITED)
        .values(flow_version_id=leaving.to, version=Conversation.version + 1)
    )
    return int(result.rowcount)


def states(connection: Connection, survey_id: int, statuses: Sequence[str]) -> Iterator[StateRow]:
    """Yield the sealed states of a survey's conversations that are not mixed, row by row."""
    statement = select(
        Conversation.id,
        Conversation.grp,
        Conversation.status,
        Conversation.flow_version_id,
        Conversation.sealed,
        Conversation.key_id,
    ).where(
        Conversation.survey_id == survey_id,
        Conversation.status.in_(statuses),
        Conversation.mixed.is_(False),
        Conversation.sealed.is_not(None),
        Conversation.key_id.is_not(None),
    )
    for row in connection.execute(statement, execution_options={"yield_per": 500}):
        yield StateRow(*row[:4], row[4] or b"", row[5] or 0)


def pooled(connection: Connection, survey_id: int) -> list[PooledRow]:
    """Count the mixed answers of a survey by group, question and version."""
    rows = connection.execute(
        select(
            Response.grp,
            Answer.question,
            Response.flow_version_id,
            func.count(distinct(Response.id)),
        )
        .join(Response, Response.id == Answer.response_id)
        .where(Response.survey_id == survey_id)
        .group_by(Response.grp, Answer.question, Response.flow_version_id)
    )
    return [PooledRow(*row) for row in rows]
