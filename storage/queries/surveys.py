"""Surveys, their settings and the versions of their questions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, exists, insert, or_, select, update

from storage.models import Conversation, FlowVersion, Outbox, Survey, Unit
from storage.queries.upsert import insert_ignore


class SurveyRow(NamedTuple):
    """A survey as stored."""

    id: int
    name: str
    settings_hash: bytes
    flow_version_id: int | None
    closed_at: datetime | None


_COLUMNS = (
    Survey.id,
    Survey.name,
    Survey.settings_hash,
    Survey.flow_version_id,
    Survey.closed_at,
)


def every(connection: Connection) -> list[SurveyRow]:
    """Return all surveys, the newest last."""
    return [
        SurveyRow._make(row) for row in connection.execute(select(*_COLUMNS).order_by(Survey.id))
    ]


def by_name(connection: Connection, name: str, *, lock: bool = False) -> SurveyRow | None:
    """Return a survey."""
    statement = select(*_COLUMNS).where(Survey.name == name)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return SurveyRow._make(row) if row else None


def by_id(connection: Connection, survey_id: int) -> SurveyRow | None:
    """Return a survey."""
    row = connection.execute(select(*_COLUMNS).where(Survey.id == survey_id)).first()
    return SurveyRow._make(row) if row else None


def settings(connection: Connection, survey_id: int) -> str:
    """Return the text of a survey's current settings."""
    statement = select(Survey.settings).where(Survey.id == survey_id)
    return str(connection.execute(statement).scalar_one())


def content(connection: Connection, flow_version_id: int) -> str:
    """Return the files of a version as JSON."""
    statement = select(FlowVersion.content).where(FlowVersion.id == flow_version_id)
    return str(connection.execute(statement).scalar_one())


def create(connection: Connection, name: str, text: str, digest: bytes) -> int:
    """Make a survey and return its id."""
    statement = (
        insert(Survey).values(name=name, settings=text, settings_hash=digest).returning(Survey.id)
    )
    return int(connection.execute(statement).scalar_one())


def set_settings(connection: Connection, survey_id: int, text: str, digest: bytes) -> None:
    """Replace a survey's settings."""
    connection.execute(
        update(Survey).where(Survey.id == survey_id).values(settings=text, settings_hash=digest)
    )


def keep_version(
    connection: Connection, survey_id: int, digest: bytes, content: str, at: datetime
) -> int:
    """Store a version unless it is known, make it current, and return its id."""
    insert_ignore(
        connection,
        FlowVersion.__table__,
        {"survey_id": survey_id, "content_hash": digest, "content": content, "published_at": at},
    )
    version = int(
        connection.execute(
            select(FlowVersion.id).where(
                FlowVersion.survey_id == survey_id, FlowVersion.content_hash == digest
            )
        ).scalar_one()
    )
    connection.execute(update(Survey).where(Survey.id == survey_id).values(flow_version_id=version))
    return version


def versions(connection: Connection, survey_id: int) -> list[int]:
    """Return the ids of all versions of a survey, oldest first."""
    statement = select(FlowVersion.id).where(FlowVersion.survey_id == survey_id)
    return list(connection.execute(statement.order_by(FlowVersion.id)).scalars())


def in_use(connection: Connection, survey_id: int) -> dict[int, set[str]]:
    """Return the versions that conversations of a survey have, with the groups of those."""
    statement = (
        select(Conversation.flow_version_id, Conversation.grp)
        .where(Conversation.survey_id == survey_id)
        .distinct()
    )
    found: dict[int, set[str]] = {}
    for version, group in connection.execute(statement):
        found.setdefault(version, set()).add(group)
    return found


def wake_all(connection: Connection, survey_id: int, at: datetime) -> int:
    """Let the timers of a survey go off, because its plan has changed.

    Those who wait for their invitation keep the moment that the launch has chosen for them: all at
    once is what it spreads them to avoid.
    """
    invited = exists().where(
        Outbox.conversation_id == Conversation.id, Outbox.purpose == "invitation"
    )
    result = connection.execute(
        update(Conversation)
        .where(
            Conversation.survey_id == survey_id,
            Conversation.wake_at.is_not(None),
            or_(Conversation.status != "invited", invited),
        )
        .values(wake_at=at)
    )
    return int(result.rowcount)


def unit(connection: Connection, unit_id: int) -> tuple[str, str]:
    """Return a unit's name and time zone."""
    row = connection.execute(select(Unit.name, Unit.zone).where(Unit.id == unit_id)).one()
    return str(row[0]), str(row[1])
