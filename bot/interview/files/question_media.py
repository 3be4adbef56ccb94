"""Pictures and recordings that go with questions: kept with their version, handed to providers.

Servers never read flow files: `publish` stores the bytes, by their digest. The address that a
provider fetches one from is the same for everybody and is made beforehand; with one made for each
sending, the table of addresses would tell who was asked what.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from bot.flow.media import FOLDER, MediaFile
from bot.flow.source import FlowError, Problem
from bot.interview.files.handed import File
from storage.queries import question_media as queries

if TYPE_CHECKING:
    from bot.interview.installation import Installation

_SUFFIX = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
}


def keep(
    connection: Connection,
    installation: Installation,
    files: Iterable[MediaFile],
    contents: Mapping[str, bytes],
) -> None:
    """Store what a version uses and is not stored yet; `contents` are bytes by file name.

    Raises FlowError for a file whose bytes are nowhere.
    """
    wanted = {one.digest: one for one in files}
    for digest in queries.known(connection, wanted):
        del wanted[digest]
    lost = [one for one in wanted.values() if one.name not in contents]
    if lost:
        what, fix = "the file is not stored here and was not given", "publish the survey's folder"
        raise FlowError([Problem(FOLDER + one.name, 1, 1, what, fix) for one in lost])
    for one in wanted.values():
        queries.add(
            connection, one.digest, token(installation, one.digest), one.type, contents[one.name]
        )


def token(installation: Installation, digest: str) -> str:
    """Return the last part of a file's address; who has not the secret cannot guess it."""
    made = installation.keys.digest("question media", digest)[:16]
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def named(connection: Connection, address: str) -> str | None:
    """Return what an address leads to, as messages name it."""
    digest = queries.digest_at(connection, address)
    return None if digest is None else MediaFile("", "", 0, digest).what


def file(installation: Installation, digest: str) -> File | None:
    """Return a stored file; None where there is none."""
    found = installation.database.read(lambda connection: queries.get(connection, digest))
    if found is None:
        return None
    kind, content = found
    return File(content, kind, digest[:12] + _SUFFIX.get(kind, ""))
