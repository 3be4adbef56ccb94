"""Files on their way into the mixed answers: a new name, and a size that others have too.

Before, a file's row leads to its person; afterwards nothing may. So every file gets a new random id
and is sealed anew, and of the files of a lot every size on disk has at least `k` of them, or all:
whoever compares two states of the database finds no file by its length.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from sqlalchemy import Connection

from bot.interview.files import attachments
from bot.interview.installation import Installation
from storage.queries import attachments as queries

CHANCE = random.SystemRandom()


def move(
    connection: Connection,
    installation: Installation,
    survey_id: int,
    conversation_ids: Sequence[int],
    wanted: Mapping[str, int],
    k: int,
) -> dict[str, str]:
    """Store the files of a lot anew and delete the old ones; return new ids by old ones.

    `wanted` are the files that answers name, with the conversation of each; those that were not
    fetched, or that no answer names, are not among the new ones. One file is in memory at a time.
    """
    found = [
        (file_id, attachments.packed_size(sealed))
        for file_id, conversation_id, sealed in queries.sizes(connection, conversation_ids)
        if wanted.get(file_id.hex) == conversation_id
    ]
    CHANCE.shuffle(found)
    sizes = alike([size for _, size in found], k)
    names: dict[str, str] = {}
    for (file_id, _), size in zip(found, sizes, strict=True):
        names[file_id.hex] = _again(connection, installation, survey_id, file_id, size)
    queries.remove_of(connection, conversation_ids)
    return names


def _again(
    connection: Connection, installation: Installation, survey_id: int, file_id: UUID, size: int
) -> str:
    row = queries.get(connection, file_id)
    assert row is not None, "its conversation is locked"
    whole = attachments.opened(connection, installation, row).ljust(size, b"\0")
    new = uuid4()
    # Mixed answers outlive the survey's key, and so do their files.
    key = installation.keys.installation(connection)
    sealed = key.seal(whole, place(new))
    values = {"id": new, "survey_id": survey_id, "sealed": sealed, "key_id": key.id}
    queries.add_answer(connection, values)
    return new.hex


def place(answer_id: UUID) -> str:
    """Return what a file among the mixed answers is sealed for."""
    return f"answer_file:{answer_id.hex}"


def alike(sizes: Sequence[int], k: int) -> list[int]:
    """Return sizes, none smaller than given, each of which at least `k` have, or all."""
    order = sorted(range(len(sizes)), key=lambda index: sizes[index], reverse=True)
    made = list(sizes)
    at = 0
    while at < len(order):
        largest = sizes[order[at]]
        end = min(at + k, len(order))
        while end < len(order) and sizes[order[end]] == largest:
            end += 1
        if len(order) - end < k:
            end = len(order)
        for index in order[at:end]:
            made[index] = largest
        at = end
    return made
