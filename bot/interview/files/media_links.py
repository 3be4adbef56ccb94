"""Addresses by which a provider fetches a file of ours: a random token, valid for an hour.

Made at the moment of sending, so that a message that waited has a fresh one. Only a digest of the
token is kept; what it leads to is made by whoever knows `what`. A question's picture or recording
has one address for all and for good: see `question_media`.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import Connection

from bot.flow.media import digest_of
from bot.interview.files import question_media
from bot.interview.files.handed import File
from bot.interview.installation import Installation
from storage.queries import media_links as queries

__all__ = ["PATH", "VALID", "File", "look", "make"]

VALID = timedelta(hours=1)
PATH = "/media/"
_MOST = 64  # characters of a token; ours have 22


def make(connection: Connection, installation: Installation, what: str) -> str | None:
    """Make an address and return it; None where our pages are not reached from outside."""
    if installation.base_url is None:
        return None
    digest = digest_of(what)
    if digest is not None:
        return f"{installation.base_url}{PATH}{question_media.token(installation, digest)}"
    token = secrets.token_urlsafe(16)
    expires_at = installation.now() + VALID
    queries.add(connection, installation.keys.digest("media", token), what, expires_at)
    return f"{installation.base_url}{PATH}{token}"


def look(installation: Installation, token: str) -> str | None:
    """Return what a token leads to; None for one that is unknown or over."""
    if len(token) > _MOST:
        return None
    digest = installation.keys.digest("media", token)

    def work(connection: Connection) -> str | None:
        what = queries.what(connection, digest, installation.now())
        return what or question_media.named(connection, token)

    return installation.database.read(work)
