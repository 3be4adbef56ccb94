"""Files that are answers: tied to a conversation first, then among the mixed answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.models import AnswerFile, Attachment


class AttachmentRow(NamedTuple):
    """A file of a conversation; `due_at` None says that `sealed` is its bytes."""

    id: UUID
    survey_id: int
    conversation_id: int
    sealed: bytes
    key_id: int
    due_at: datetime | None
    attempts: int


_COLUMNS = (
    Attachment.id,
    Attachment.survey_id,
    Attachment.conversation_id,
    Attachment.sealed,
    Attachment.key_id,
    Attachment.due_at,
    Attachment.attempts,
)


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Note a file that is to be fetched."""
    connection.execute(insert(Attachment), dict(values))


def due(connection: Connection, now: datetime, limit: int) -> list[AttachmentRow]:
    """Return files that are to be fetched now, those that wait longest first."""
    statement = select(*_COLUMNS).where(Attachment.due_at <= now)
    rows = connection.execute(statement.order_by(Attachment.due_at).limit(limit))
    return [AttachmentRow._make(row) for row in rows]


def take(connection: Connection, row: AttachmentRow, until: datetime) -> bool:
    """Lease a file; False when another process has, or it is not wanted any more."""
    result = connection.execute(
        update(Attachment)
        .where(Attachment.id == row.id, Attachment.due_at == row.due_at)
        .values(due_at=until, attempts=Attachment.attempts + 1)
    )
    return bool(result.rowcount == 1)


def keep(
    connection: Connection, attachment_id: UUID, lease: datetime, sealed: bytes, key_id: int
) -> bool:
    """Store the bytes of a leased file; False when it is not wanted any more."""
    result = connection.execute(
        update(Attachment)
        .where(Attachment.id == attachment_id, Attachment.due_at == lease)
        .values(sealed=sealed, key_id=key_id, due_at=None)
    )
    return bool(result.rowcount == 1)


def remove_leased(connection: Connection, attachment_id: UUID, lease: datetime) -> bool:
    """Delete a leased file; False when it is not wanted any more."""
    mine = (Attachment.id == attachment_id, Attachment.due_at == lease)
    return bool(connection.execute(delete(Attachment).where(*mine)).rowcount == 1)


def postpone(connection: Connection, attachment_id: UUID, lease: datetime, until: datetime) -> None:
    """Let a leased file be tried again at another time."""
    connection.execute(
        update(Attachment)
        .where(Attachment.id == attachment_id, Attachment.due_at == lease)
        .values(due_at=until)
    )


def remove(connection: Connection, ids: Collection[UUID]) -> int:
    """Delete files of conversations; return how many there were."""
    if not ids:
        return 0
    return int(connection.execute(delete(Attachment).where(Attachment.id.in_(list(ids)))).rowcount)


def remove_of(connection: Connection, conversation_ids: Sequence[int]) -> int:
    """Delete all files of conversations; return how many there were."""
    mine = Attachment.conversation_id.in_(list(conversation_ids))
    return int(connection.execute(delete(Attachment).where(mine)).rowcount)


def remove_of_survey(connection: Connection, survey_id: int) -> int:
    """Delete all files of a survey that are still tied to somebody."""
    mine = Attachment.survey_id == survey_id
    return int(connection.execute(delete(Attachment).where(mine)).rowcount)


def sizes(connection: Connection, conversation_ids: Sequence[int]) -> list[tuple[UUID, int, int]]:
    """Return the fetched files of conversations: id, conversation and bytes when sealed."""
    statement = select(
        Attachment.id, Attachment.conversation_id, func.length(Attachment.sealed)
    ).where(Attachment.conversation_id.in_(list(conversation_ids)), Attachment.due_at.is_(None))
    return [(row[0], int(row[1]), int(row[2])) for row in connection.execute(statement)]


def get(connection: Connection, attachment_id: UUID) -> AttachmentRow | None:
    """Return a file of a conversation."""
    row = connection.execute(select(*_COLUMNS).where(Attachment.id == attachment_id)).first()
    return AttachmentRow._make(row) if row else None


def by_conversation(connection: Connection) -> dict[int, set[UUID]]:
    """Return the ids of all files by conversation."""
    found: dict[int, set[UUID]] = {}
    rows = connection.execute(select(Attachment.conversation_id, Attachment.id))
    for conversation_id, attachment_id in rows:
        found.setdefault(int(conversation_id), set()).add(attachment_id)
    return found


# among the mixed answers


class AnswerFileRow(NamedTuple):
    """A file of the mixed answers."""

    id: UUID
    sealed: bytes
    key_id: int


def add_answer(connection: Connection, values: Mapping[str, Any]) -> None:
    """Store a file among the mixed answers."""
    connection.execute(insert(AnswerFile), dict(values))


def answers(connection: Connection, survey_id: int) -> Iterator[AnswerFileRow]:
    """Yield the files of a survey's mixed answers, one at a time, in the order of random ids."""
    mine = AnswerFile.survey_id == survey_id
    ids = connection.execute(select(AnswerFile.id).where(mine).order_by(AnswerFile.id)).scalars()
    for answer_id in list(ids):
        statement = select(AnswerFile.id, AnswerFile.sealed, AnswerFile.key_id)
        row = connection.execute(statement.where(AnswerFile.id == answer_id)).first()
        if row is not None:
            yield AnswerFileRow._make(row)
