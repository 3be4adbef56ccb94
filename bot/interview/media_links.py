"""Addresses by which a provider fetches a file of ours: a random token, valid for an hour.

Made at the moment of sending, so that a message that waited has a fresh one. Only a digest of the
token is kept; what it leads to is made by whoever knows `what`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from bot.interview.installation import Installation
from storage.queries import media_links as queries

VALID = timedelta(hours=1)
PATH = "/media/"
_MOST = 64  # characters of a token; ours have 22


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is handed out."""

    content: bytes
    mime: str
    name: str


def make(connection: Connection, installation: Installation, what: str) -> str | None:
    """Make an address and return it; None where our pages are not reached from outside."""
    if installation.base_url is None:
        return None
    token = secrets.token_urlsafe(16)
    expires_at = installation.now() + VALID
    queries.add(connection, installation.keys.digest("media", token), what, expires_at)
    return f"{installation.base_url}{PATH}{token}"


def look(installation: Installation, token: str) -> str | None:
    """Return what a token leads to; None for one that is unknown or over."""
    if len(token) > _MOST:
        return None
    digest = installation.keys.digest("media", token)
    return installation.database.read(
        lambda connection: queries.what(connection, digest, installation.now())
    )
