"""The files of a published version, written back as they were taken in, byte for byte."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from bot.flow.media import FOLDER, read_line
from bot.interview.installation import Installation
from bot.interview.publishing import numbered
from bot.interview.surveys import SETTINGS, flow_files, stored_files
from storage.queries import editions as queries
from storage.queries import question_media


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was written. `unchanged` files were there already; `others` are flow files that do not
    belong to this version, and would be published with it."""

    version: int
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    others: tuple[str, ...]


class WouldOverwrite(Exception):
    """Files are there that say something else."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        listed = ", ".join(str(folder / name) for name in names)
        says = "says" if len(names) == 1 else "say"
        super().__init__(
            f"nothing was written: {listed} {says} something else than the published version."
            " `tautan diff` shows what; --force replaces them, -o writes to another folder"
        )


def pull(
    installation: Installation,
    survey: str,
    folder: Path,
    *,
    version: int | None = None,
    force: bool = False,
) -> Pulled:
    """Write the current version of a survey, or an older one by its number, to a folder.

    Settings are always the current ones: older ones are not kept. Raises UnknownSurvey,
    UnknownVersion, and WouldOverwrite before anything is written.
    """

    def read(connection: Connection) -> tuple[int, dict[str, bytes]]:
        published = installation.surveys.named(connection, survey)
        versions = queries.versions(connection, published.id)
        current = next(one for one in versions if one.id == published.flow_version_id)
        wanted = numbered(versions, version or current.number)
        settings, files = stored_files(connection, published.id, wanted.id)
        texts = {SETTINGS: settings, **files}
        return wanted.number, {
            name: _media(connection, name, text) if name.startswith(FOLDER) else text.encode()
            for name, text in texts.items()
        }

    number, files = installation.database.read(read)
    there = {name for name in files if (folder / name).exists()}
    same = {name for name in there if (folder / name).read_bytes() == files[name]}
    if there - same and not force:
        raise WouldOverwrite(folder, sorted(there - same))
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, {name: data for name, data in files.items() if name not in same})
    others = sorted(one.name for one in flow_files(folder) if one.name not in files)
    return Pulled(number, tuple(sorted(files.keys() - same)), tuple(sorted(same)), tuple(others))


def _media(connection: Connection, name: str, line: str) -> bytes:
    """Return the bytes of a picture or recording, of which a version has a line."""
    found = question_media.get(connection, read_line(name, line).digest)
    assert found is not None, f"{name} is stored when its version is"
    return found[1]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write each file whole or not at all."""
    for name, data in files.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
