"""Finished interviews, targets and mixed answers put straight into the tables, for reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from storage.models import Answer, Base, Conversation, Response, Target


def _insert(installation: Installation, table: type[Base], rows: list[dict[str, Any]]) -> None:
    installation.database.write(lambda connection: connection.execute(insert(table), rows))


def finish(
    installation: Installation,
    published: Published,
    unit_id: int,
    group: str,
    number: int,
    *,
    mixed: bool = False,
    status: str = "finished",
) -> None:
    """Store so many finished interviews of nobody in a cell."""
    row = {
        "survey_id": published.id,
        "unit_id": unit_id,
        "grp": group,
        "status": status,
        "flow_version_id": published.flow_version_id,
        "mixed": mixed,
    }
    if number:
        _insert(installation, Conversation, [row] * number)


def erase(installation: Installation, published: Published, unit_id: int, number: int) -> None:
    """Delete so many interviews of a unit, as an erasure does."""

    def work(connection):
        found = connection.execute(
            select(Conversation.id)
            .where(Conversation.survey_id == published.id, Conversation.unit_id == unit_id)
            .limit(number)
        ).scalars()
        connection.execute(delete(Conversation).where(Conversation.id.in_(list(found))))

    installation.database.write(work)


def aim(
    installation: Installation, published: Published, unit_id: int, group: str, target: int
) -> None:
    """Set the target of a cell."""
    row = {"survey_id": published.id, "unit_id": unit_id, "grp": group, "target": target}
    _insert(installation, Target, [row])


def respond(
    installation: Installation,
    published: Published,
    unit_id: int,
    group: str,
    answers: Mapping[str, str],
    *,
    language: str | None = "id",
    version: int | None = None,
) -> UUID:
    """Store a mixed response and return its id."""
    response_id = uuid4()
    row = {
        "id": response_id,
        "survey_id": published.id,
        "unit_id": unit_id,
        "grp": group,
        "language": language,
        "flow_version_id": version or published.flow_version_id,
    }

    def work(connection):
        connection.execute(insert(Response), row)
        for question, value in answers.items():
            values = {"response_id": response_id, "question": question, "value": value}
            connection.execute(insert(Answer), values)

    installation.database.write(work)
    return response_id
