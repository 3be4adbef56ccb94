"""Settling sends of unknown fate by looking at the provider's own list.

Nothing is sent twice blindly. A message handed to the provider of which we do not know the fate
(a reply inside the webhook's answer, a request that timed out, a sender that died) is *unknown*
until a status callback or a look at the provider's own list settles it; a reply is then sent again
only when it was not found for ten minutes and nothing newer was said. A template is never sent
again, with one exception: its sender died handing it over, and ten minutes later the provider's
list does not have it. (When the provider fails us its list may be behind; when we fail it is not.)
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection

from bot.channels.base import Address, Channel, SendError, as_text, captioned
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.sending.outbox import PATIENCE, WAIT_FOR_CALLBACK, open_message
from storage.keys import KeyDestroyed
from storage.queries import outbox as queries
from storage.queries.outbox import OutboxRow

log = logging.getLogger(__name__)

GIVE_UP_LOOKING = timedelta(minutes=10)
MAX_ATTEMPTS = 8  # of messages whose fate stays unknown


def reconcile(installation: Installation, channels: Mapping[str, Channel], limit: int = 50) -> int:
    """Settle unknown sends by looking at the provider's own list; return how many were settled."""
    rows = installation.database.read(
        lambda connection: queries.unknown_due(connection, installation.now(), limit)
    )
    settled = 0
    for row in rows:
        channel = channels.get(row.channel)
        if channel is not None:
            settled += _reconcile_one(installation, channel, row)
    return settled


def _reconcile_one(installation: Installation, channel: Channel, row: OutboxRow) -> bool:
    now = installation.now()
    database = installation.database

    def look(connection: Connection) -> tuple[bool, Address | None, str | None]:
        if row.purpose == "reply" and queries.newer_reply(connection, row):
            return True, None, None
        try:
            message = open_message(connection, installation, row)
            body = as_text(message) if captioned(message) else ""
            return False, identity.address_of(connection, installation, row.address_id), body
        except (KeyDestroyed, LookupError):
            return True, None, None

    superseded, to, body = database.read(look)
    if superseded or to is None:
        return database.write(
            lambda connection: queries.settle(
                connection, row.id, "unknown", status="superseded", sealed=None
            )
        )
    found, hopeless = None, False
    try:
        found = channel.find(to, row.created_at - timedelta(minutes=1))
    except SendError as error:
        # Where there is no list, a status may still come; without one it is never sent again.
        hopeless = error.outcome == "refused"
        if not hopeless:
            log.warning("unknown sends cannot be looked up (code %s)", error.code)

    def work(connection: Connection) -> bool:
        if found is not None:
            taken = queries.known_sids(connection, [one.sid for one in found])
            others = _other_bodies(connection, installation, row) if row.template else set()
            for one in found:
                if one.sid in taken and one.sid != row.provider_sid:
                    continue
                if not row.template and _bare(one.body) != _bare(body or ""):
                    continue
                if _bare(one.body) in others:
                    continue  # a reply that waits for its own callback
                status = "failed" if one.status.failed else "sent"
                return queries.settle(
                    connection,
                    row.id,
                    "unknown",
                    status=status,
                    provider_sid=one.sid,
                    rank=min(one.status.rank, 4),
                    error_code=one.status.error_code,
                )
        waited = now - (row.handed_at or row.created_at)
        if hopeless and waited >= PATIENCE:
            return queries.settle(connection, row.id, "unknown", status="failed", sealed=None)
        if found is None or waited < GIVE_UP_LOOKING:
            queries.settle(connection, row.id, "unknown", not_before=now + WAIT_FOR_CALLBACK)
            return False
        # Only a sender that died leaves its lease: see the head of this module.
        again = row.lease_until is not None or (row.purpose == "reply" and not row.template)
        if again and row.attempts < MAX_ATTEMPTS:
            return queries.settle(
                connection,
                row.id,
                "unknown",
                status="queued",
                via="rest",
                not_before=now,
                lease_until=None,
            )
        return queries.settle(connection, row.id, "unknown", status="failed", sealed=None)

    return database.write(work)


def _other_bodies(connection: Connection, installation: Installation, row: OutboxRow) -> set[str]:
    """Return the texts of other messages of unknown fate to the same address."""
    found = set()
    for other in queries.unknown_to(connection, row.address_id):
        if other.id != row.id and not other.template:
            with contextlib.suppress(KeyDestroyed):
                found.add(_bare(as_text(open_message(connection, installation, other))))
    return found


def _bare(text: str) -> str:
    """Return what of a text no channel changes on its way: not its spaces and line ends."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())
