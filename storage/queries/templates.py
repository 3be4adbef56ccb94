"""What the provider has of a survey's templates, and what WhatsApp says of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update

from storage.models import Outbox, Survey, Template
from storage.queries.upsert import insert_ignore


class TemplateRow(NamedTuple):
    """One template as stored."""

    id: int
    survey_id: int
    channel: str
    message: str
    language: str
    version: str
    attempt: int
    provider_id: str
    name: str
    category: str
    given: str
    status: str
    reason: str
    fault: int | None
    submitted_at: datetime | None
    checked_at: datetime | None


_COLUMNS = tuple(getattr(Template, name) for name in TemplateRow._fields)


def add(connection: Connection, row: dict[str, Any]) -> bool:
    """Store a template; False when the place is taken."""
    return insert_ignore(connection, Template.__table__, row) == 1


def of_survey(connection: Connection, survey_id: int, channel: str) -> list[TemplateRow]:
    """Return a survey's templates, the last attempt of each last."""
    statement = (
        select(*_COLUMNS)
        .where(Template.survey_id == survey_id, Template.channel == channel)
        .order_by(Template.message, Template.language, Template.attempt, Template.id)
    )
    return [TemplateRow._make(row) for row in connection.execute(statement)]


def of_message(
    connection: Connection, survey_id: int, channel: str, message: str, language: str
) -> list[TemplateRow]:
    """Return the templates of one message in one language, the last attempt first."""
    statement = (
        select(*_COLUMNS)
        .where(
            Template.survey_id == survey_id,
            Template.channel == channel,
            Template.message == message,
            Template.language == language,
        )
        .order_by(Template.attempt.desc(), Template.id.desc())
    )
    return [TemplateRow._make(row) for row in connection.execute(statement)]


def of_provider(connection: Connection, provider_id: str) -> list[TemplateRow]:
    """Return the rows that share one template of the provider, locked."""
    statement = select(*_COLUMNS).where(Template.provider_id == provider_id).order_by(Template.id)
    found = connection.execute(statement.with_for_update())
    return [TemplateRow._make(row) for row in found]


def watched(connection: Connection, channel: str) -> list[str]:
    """Return what the provider knows the templates of open surveys by; gone ones are left out."""
    statement = (
        select(Template.provider_id)
        .join(Survey, Survey.id == Template.survey_id)
        .where(Survey.closed_at.is_(None), Template.channel == channel, Template.status != "gone")
        .distinct()
        .order_by(Template.provider_id)
    )
    return list(connection.execute(statement).scalars())


def set_state(connection: Connection, template_ids: Collection[int], **values: object) -> None:
    """Write columns of some templates."""
    if template_ids:
        connection.execute(update(Template).where(Template.id.in_(template_ids)).values(**values))


def waiting(connection: Connection, survey_id: int) -> dict[str, int]:
    """Return how many messages of a survey that write first wait in the outbox, by purpose."""
    statement = (
        select(Outbox.purpose, func.count().label("number"))
        .where(
            Outbox.survey_id == survey_id,
            Outbox.status == "queued",
            Outbox.purpose.in_(("invitation", "reminder", "report")),
        )
        .group_by(Outbox.purpose)
        .order_by(Outbox.purpose)
    )
    return {row.purpose: row.number for row in connection.execute(statement)}
