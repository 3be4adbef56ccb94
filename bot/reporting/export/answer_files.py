"""The files among the mixed answers: written beside the table that names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection

from bot.interview.files import attachments
from bot.interview.installation import Installation
from bot.interview.mixing_files import place
from bot.reporting.export.formats import whole_file
from storage.queries import attachments as queries

SUFFIXES: Mapping[str, str] = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "application/pdf": ".pdf",
}


def folder_beside(target: Path) -> Path:
    """Return where the files that belong to a table are written."""
    return target.with_name(f"{target.stem}.files")


def write_files(
    connection: Connection, installation: Installation, survey_id: int, folder: Path
) -> dict[str, str]:
    """Write every file of a survey's mixed answers into a folder; return its name there by id.

    A file's name is its random id; where there is none there is no folder. What an earlier export
    left in the folder under the same names is replaced.
    """
    names: dict[str, str] = {}
    for answer_id, kind, content in _files(connection, installation, survey_id):
        name = answer_id + SUFFIXES.get(kind, "")
        folder.mkdir(mode=0o700, exist_ok=True)
        with whole_file(folder / name) as stream:
            stream.write(content)
        names[answer_id] = f"{folder.name}/{name}"
    return names


def _files(
    connection: Connection, installation: Installation, survey_id: int
) -> Iterator[tuple[str, str, bytes]]:
    for row in queries.answers(connection, survey_id):
        key = installation.keys.by_id(connection, row.key_id)
        kind, content = attachments.unpacked(key.open_bytes(row.sealed, place(row.id)))
        yield row.id.hex, kind, content
