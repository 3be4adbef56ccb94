"""Files that are answers: noted in the turn, sealed once they are fetched, gone with their answers.

Their bytes lie under the survey's key, filled up to a few sizes. `fetching` brings them.
"""

from __future__ import annotations

import struct
from uuid import UUID

from sqlalchemy import Connection

from bot.channels.base import InboundFile
from bot.flow.files import file_ids
from bot.flow.state import State
from bot.flow.survey import Flow
from bot.interview.installation import Installation, Via
from bot.interview.states import unseal
from storage.keys import DataKey, KeyDestroyed
from storage.queries import attachments as queries
from storage.queries import turns
from storage.queries.attachments import AttachmentRow
from storage.queries.turns import TurnRow

SMALLEST = 512 * 1024
"""A photo or voice note as WhatsApp sends them is smaller: nearly all are stored alike."""

_HEAD = struct.Struct(">BQ")  # the length of the type's name, and of the file
_SEALING = 28  # bytes that sealing adds


# --- in the turn ----------------------------------------------------------------------------------


def follow(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    flow: Flow | None,
    states: tuple[State, State],
    sent: tuple[InboundFile, Via] | None,
) -> None:
    """Let the files of a conversation follow its answers, from the state before to that after.

    `sent` is what the person sent and by which channel: where it became an answer, it is noted.
    """
    if flow is None or not flow.files:
        return
    assert row.survey_id is not None
    before, after = (file_ids(state, flow.files) for state in states)
    queries.remove(connection, [UUID(one) for one in before.keys() - after.keys()])
    for attachment_id in after.keys() - before.keys():
        if sent is None:
            continue
        file, via = sent
        place = {
            "address": file.address,
            "channel": via.channel,
            "sender": via.sender,
            "question": after[attachment_id],
        }
        key = installation.keys.survey(connection, row.survey_id)
        values = {
            "id": UUID(attachment_id),
            "survey_id": row.survey_id,
            "conversation_id": row.conversation_id,
            "sealed": key.seal_json(place, wanted(attachment_id)),
            "key_id": key.id,
            "due_at": installation.now(),
        }
        queries.add(connection, values)


def wanted(attachment_id: str) -> str:
    """Return the place that the whereabouts of a file are sealed for."""
    return f"attachment:{attachment_id}:wanted"


# --- bytes at rest --------------------------------------------------------------------------------


def packed(kind: str, content: bytes, size: int = 0) -> bytes:
    """Return a file with its type, filled up to `size` bytes, or to its own class of size."""
    whole = _HEAD.pack(len(kind), len(content)) + kind.encode() + content
    return whole.ljust(size or size_class(len(whole)), b"\0")


def unpacked(whole: bytes) -> tuple[str, bytes]:
    """Return the type and bytes of a packed file."""
    name, length = _HEAD.unpack_from(whole)
    begin = _HEAD.size + name
    return whole[_HEAD.size : begin].decode(), whole[begin : begin + length]


def size_class(length: int) -> int:
    """Return what a file of so many bytes is filled up to: a size is twice the one before."""
    size = SMALLEST
    while size < length:
        size *= 2
    return size


def sealed_bytes(key: DataKey, attachment_id: UUID, whole: bytes) -> bytes:
    """Seal a packed file for its row."""
    return key.seal(whole, f"attachment:{attachment_id.hex}")


def opened(connection: Connection, installation: Installation, row: AttachmentRow) -> bytes:
    """Return a fetched file as it was packed."""
    key = installation.keys.by_id(connection, row.key_id)
    return key.open_bytes(row.sealed, f"attachment:{row.id.hex}")


def packed_size(sealed: int) -> int:
    """Return how many bytes a packed file has that has so many when it is sealed."""
    return sealed - _SEALING


# --- what nothing names any more ------------------------------------------------------------------


def tidy(connection: Connection, installation: Installation) -> int:
    """Delete files that no answer names; return how many there were.

    Each goes with its answer, in the same transaction. This is for answers that went another way,
    as when a conversation is moved to another version of the questions.
    """
    gone: list[UUID] = []
    for conversation_id, ids in queries.by_conversation(connection).items():
        row = next(iter(turns.turn_of(connection, conversation_id)), None)
        if row is None or row.sealed is None or row.key_id is None:
            gone += ids
            continue
        try:
            key = installation.keys.by_id(connection, row.key_id)
        except KeyDestroyed:
            gone += ids
            continue
        state = unseal(key, conversation_id, row.sealed)
        named = {*state.answers.values(), *(state.earlier or {}).values()}
        gone += [one for one in ids if one.hex not in named]
    return queries.remove(connection, gone)
