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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import (
    DELIVERED,
    Address,
    Channel,
    Found,
    SendError,
    as_text,
    captioned,
)
from bot.interview import identity
from bot.interview.failures import Alone
from bot.interview.installation import Installation
from bot.interview.sending.outbox import (
    PATIENCE,
    WAIT_FOR_CALLBACK,
    WAIT_FOR_MENDING,
    open_message,
)
from storage.keys import KeyDestroyed
from storage.queries import outbox as queries
from storage.queries.outbox import OutboxRow

log = logging.getLogger(__name__)

GIVE_UP_LOOKING = timedelta(minutes=10)
MAX_ATTEMPTS = 8  # of messages whose fate stays unknown


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the provider's list has of the messages to an address; `hopeless` where there is none
    to look into."""

    found: tuple[Found, ...] | None
    hopeless: bool = False


def reconcile(installation: Installation, channels: Mapping[str, Channel], limit: int = 50) -> int:
    """Settle unknown sends by looking at the provider's own list; return how many were settled."""
    rows = installation.database.read(
        lambda connection: queries.unknown_due(connection, installation.now(), limit)
    )
    return sum(
        _settle_alone(installation, channels[row.channel], row)
        for row in rows
        if row.channel in channels
    )


def _settle_alone(installation: Installation, channel: Channel, row: OutboxRow) -> bool:
    """Settle one row; one on which our own code fails waits, and keeps none of the others back."""
    with Alone("settling a message of unknown fate"):
        return _settle(installation, channel, row)
    now = installation.now()
    values: dict[str, Any] = {"not_before": now + WAIT_FOR_MENDING}
    if _waited(row, now) >= PATIENCE:
        values = {"status": "failed", "sealed": None, "reason": "it could not be settled"}
    installation.database.write(lambda c: queries.settle(c, row.id, "unknown", **values))
    return False


def _settle(installation: Installation, channel: Channel, row: OutboxRow) -> bool:
    database = installation.database
    wanted = database.read(partial(_wanted, installation=installation, row=row))
    if wanted is None:
        done = {"status": "superseded", "sealed": None}
        return database.write(lambda c: queries.settle(c, row.id, "unknown", **done))
    to, body = wanted
    seen = _look(channel, to, row)

    def work(connection: Connection) -> bool:
        one = _ours(connection, installation, row, seen.found or (), body)
        if one is not None:
            return queries.settle(connection, row.id, "unknown", **_fate(one))
        return _not_found(connection, row, seen, installation.now())

    return database.write(work)


def _wanted(
    connection: Connection, *, installation: Installation, row: OutboxRow
) -> tuple[Address, str] | None:
    """Return to whom a message was and its text; None where nobody needs it any more."""
    if row.purpose == "reply" and queries.newer_reply(connection, row):
        return None
    try:
        message = open_message(connection, installation, row)
        to = identity.address_of(connection, installation, row.address_id)
    except (KeyDestroyed, LookupError):
        return None
    return to, as_text(message) if captioned(message) else ""


def _look(channel: Channel, to: Address, row: OutboxRow) -> _Seen:
    try:
        return _Seen(tuple(channel.find(to, row.created_at - timedelta(minutes=1))))
    except SendError as error:
        # Where there is no list, a status may still come; without one it is never sent again.
        if error.outcome == "refused":
            return _Seen(None, hopeless=True)
        log.warning("unknown sends cannot be looked up (code %s)", error.code)
        return _Seen(None)


def _ours(
    connection: Connection,
    installation: Installation,
    row: OutboxRow,
    found: Sequence[Found],
    body: str,
) -> Found | None:
    """Return what on the provider's list is this message and no other one of ours."""
    if not found:
        return None
    # Earlier attempts of this very message stay on the list, failed.
    earlier = set((row.past_sids or "").split())
    taken = queries.known_sids(connection, [one.sid for one in found]) | earlier
    others = _other_bodies(connection, installation, row) if row.template else set()
    for one in found:
        if one.sid in taken and one.sid != row.provider_sid:
            continue
        if not row.template and _bare(one.body) != _bare(body):
            continue
        if _bare(one.body) not in others:  # else a reply that waits for its own callback
            return one
    return None


def _fate(one: Found) -> dict[str, Any]:
    return {
        "status": "failed" if one.status.failed else "sent",
        "provider_sid": one.sid,
        "rank": min(one.status.rank, DELIVERED),
        "error_code": one.status.error_code,
    }


def _not_found(connection: Connection, row: OutboxRow, seen: _Seen, now: datetime) -> bool:
    """Look again later, send it again, or give it up; return whether that settles it."""
    gone: dict[str, Any] = {"status": "failed", "sealed": None}
    waited = _waited(row, now)
    if seen.hopeless and waited >= PATIENCE:
        return queries.settle(connection, row.id, "unknown", **gone)
    if seen.found is None or waited < GIVE_UP_LOOKING:
        queries.settle(connection, row.id, "unknown", not_before=now + WAIT_FOR_CALLBACK)
        return False
    # Only a sender that died leaves its lease: see the head of this module.
    again = row.lease_until is not None or (row.purpose == "reply" and not row.template)
    if again and row.attempts < MAX_ATTEMPTS:
        gone = {"status": "queued", "via": "rest", "not_before": now, "lease_until": None}
    return queries.settle(connection, row.id, "unknown", **gone)


def _waited(row: OutboxRow, now: datetime) -> timedelta:
    return now - (row.handed_at or row.created_at)


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
