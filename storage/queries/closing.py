"""The end of a survey: who is still there, and what must not outlive it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, update

from storage.models import AnsweredOnce, Conversation, Link, Outbox, Survey, Unit
from storage.queries.mixing import FINISHED, SealedRow

# Whoever has begun may hold finished answers, opened again since, whatever the status is now.
_NEVER_BEGAN = "invited"
# The statuses of people whose interview the end of the survey ends.
_UNENDED = ("invited", "language", "consent", "asking")


def _holding(survey_id: int) -> ColumnElement[bool]:
    return and_(
        Conversation.survey_id == survey_id,
        Conversation.mixed.is_(False),
        Conversation.pilot.is_(False),
        Conversation.sealed.is_not(None),
    )


def close(connection: Connection, survey_id: int, at: datetime) -> bool:
    """Mark a survey as closed; False when it was already."""
    result = connection.execute(
        update(Survey)
        .where(Survey.id == survey_id, Survey.closed_at.is_(None))
        .values(closed_at=at)
    )
    return bool(result.rowcount == 1)


def expire_links(connection: Connection, survey_id: int, at: datetime) -> int:
    """Let every link of a survey expire now, unless it has before."""
    result = connection.execute(
        update(Link)
        .where(Link.survey_id == survey_id, or_(Link.expires_at.is_(None), Link.expires_at > at))
        .values(expires_at=at)
    )
    return int(result.rowcount)


def candidates(
    connection: Connection, survey_id: int, *, lock: bool = False
) -> Iterator[SealedRow]:
    """Yield the conversations that are finished, or whose state may tell that they were before.

    Only of the latter the sealed state is fetched. With `lock` no turn can change them meanwhile.
    """
    sealed = case((Conversation.status == FINISHED, None), else_=Conversation.sealed)
    statement = select(
        Conversation.id,
        Conversation.unit_id,
        Conversation.grp,
        Conversation.flow_version_id,
        Conversation.status,
        sealed,
        Conversation.key_id,
    ).where(_holding(survey_id), Conversation.status != _NEVER_BEGAN)
    if lock:
        statement = statement.with_for_update()
    for row in connection.execute(statement, execution_options={"yield_per": 500}):
        yield SealedRow(*row)


def by_status(connection: Connection, survey_id: int) -> dict[str, int]:
    """Return how many conversations were not mixed yet, by status."""
    rows = connection.execute(
        select(Conversation.status, func.count())
        .where(
            Conversation.survey_id == survey_id,
            Conversation.mixed.is_(False),
            Conversation.pilot.is_(False),
        )
        .group_by(Conversation.status)
    )
    return {str(row[0]): int(row[1]) for row in rows}


def parents(connection: Connection) -> dict[int, tuple[int | None, str]]:
    """Return every unit's parent and name."""
    rows = connection.execute(select(Unit.id, Unit.parent_id, Unit.name))
    return {int(row[0]): (row[1], str(row[2])) for row in rows}


def wipe_states(connection: Connection, survey_id: int) -> int:
    """Delete every state of a survey that is left and end what has not ended.

    The version moves on, so that a turn that began before cannot store its state any more.
    """
    result = connection.execute(
        update(Conversation)
        .where(Conversation.survey_id == survey_id, Conversation.mixed.is_(False))
        .values(
            status=case((Conversation.status.in_(_UNENDED), "closed"), else_=Conversation.status),
            sealed=None,
            key_id=None,
            wake_at=None,
            mix_at=None,
            version=Conversation.version + 1,
            link_id=None,
        )
    )
    return int(result.rowcount)


def drop_messages(connection: Connection, survey_id: int) -> int:
    """Drop what was not sent yet and wipe what was said of a survey; return how many dropped."""
    mine = Outbox.survey_id == survey_id
    dropped = connection.execute(
        update(Outbox)
        .where(mine, Outbox.status.in_(("queued", "claimed", "unknown")))
        .values(status="dropped", lease_until=None)
    )
    connection.execute(
        update(Outbox)
        .where(mine, or_(Outbox.sealed.is_not(None), Outbox.about.is_not(None)))
        .values(sealed=None, about=None, key_id=None)
    )
    return int(dropped.rowcount)


def forget_answered(connection: Connection, survey_id: int) -> int:
    """Delete the digests of those who answered and were erased: nobody can answer any more."""
    result = connection.execute(delete(AnsweredOnce).where(AnsweredOnce.survey_id == survey_id))
    return int(result.rowcount)
