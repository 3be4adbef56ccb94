"""Emptying the provider's log: no text and no file stays there once we are done with a message.

We know inbound messages by digest only, so the job walks the provider's own list. What it can show
is one moment per sender: all that was said before it is empty at the provider. Where something had
to be left (a fault, a message that still waits with us), the walk goes on to the present and then
begins again at that place, and the moment stays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import Channel, Listed, MessageLog, SendError
from bot.interview.installation import Installation
from bot.interview.provider_log import missed
from bot.interview.provider_log.walking import (
    EMPTIED_AFTER,
    Walk,
    logs,
    processed,
    senders,
    walking,
)
from storage.queries import audit, checkpoints, outbox

log = logging.getLogger(__name__)

WALK = "redaction_walk"  # where the walk is now
DONE = "redacted"  # all before is empty
FROM = "redaction_from"  # nothing before was looked at
OVERLAP = timedelta(minutes=10)
AT_ONCE = 200  # messages emptied in one sweep for each sender
# What nobody has taken in by then, nobody will.
GIVEN_UP = missed.OLD + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Redacted:
    """Since when and until when nothing of a sender's messages is left at the provider (UTC)."""

    sender: str
    since: datetime
    until: datetime
    behind: timedelta

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: times as ISO 8601, `behind` in seconds."""
        return {
            "sender": self.sender,
            "since": self.since.isoformat(),
            "nothing_left_before": self.until.isoformat(),
            "behind_seconds": int(self.behind.total_seconds()),
        }


def redact_due(installation: Installation, channels: Mapping[str, Channel]) -> int:
    """Empty what is due at the providers and return how many messages that were.

    Safe in any number of processes, and to be killed at any moment: emptying twice is no harm.
    """
    return sum(
        _redact_from(installation, messages, sender)
        for messages in logs(channels).values()
        for sender in senders(messages)
    )


def report(installation: Installation) -> list[Redacted]:
    """Tell for every sender what is empty at the provider."""

    def work(connection: Connection) -> list[Redacted]:
        found = []
        for row in checkpoints.starting_with(connection, f"{DONE}:"):
            sender = row.name.removeprefix(f"{DONE}:")
            since = checkpoints.get(connection, f"{FROM}:{sender}") or row.at
            found.append(Redacted(sender, since, row.at, installation.now() - row.at))
        return found

    return installation.database.read(work)


def begin_at(
    installation: Installation, channels: Mapping[str, Channel], since: datetime
) -> list[str]:
    """Let the walk begin anew at an earlier time, for messages from before this installation, or
    from before the job ran; return the senders for which it does (not: while it is walking)."""
    begun = []
    for messages in logs(channels).values():
        for sender in senders(messages):
            with walking(installation, messages, sender, WALK, since) as walk:
                if walk is not None:
                    _begin(installation, sender, since)
                    _note(walk, since, since, since)
                    begun.append(sender)
    what = f"from {since.isoformat()} on"
    now = installation.now()
    installation.database.write(lambda c: audit.record(c, now, "redaction", what))
    return begun


def _redact_from(installation: Installation, messages: MessageLog, sender: str) -> int:
    until = installation.now() - EMPTIED_AFTER
    done = 0
    # A number's earlier owner has not asked us to empty anything: it begins here.
    with walking(installation, messages, sender, WALK, until) as walk:
        if walk is None:
            return 0
        came_to = walk.at()
        first, empty_to = _begin(installation, sender, came_to)
        since = max(came_to - OVERLAP, first)
        for end, found in walk.pieces(since, until, inbound=(True, False)):
            piece = _empty(walk, found, until, AT_ONCE - done)
            done += piece.emptied
            reached = max(came_to, piece.reached or end)
            if empty_to >= came_to and not piece.left:
                empty_to = reached
            came_to = reached
            _note(walk, empty_to, came_to if came_to < until else empty_to)
            if piece.reached is not None:
                break
    if done:
        log.info("%s messages were emptied at the provider", done)
    return done


def _begin(installation: Installation, sender: str, begin: datetime) -> tuple[datetime, datetime]:
    """Return from where and up to where all is empty; on the first walk both are its beginning."""

    def work(connection: Connection) -> tuple[datetime, datetime]:
        found = []
        for name in (f"{FROM}:{sender}", f"{DONE}:{sender}"):
            checkpoints.ensure(connection, name, begin)
            found.append(checkpoints.get(connection, name) or begin)
        return found[0], found[1]

    return installation.database.write(work)


def _note(walk: Walk, empty_to: datetime, came_to: datetime, first: datetime | None = None) -> None:
    """Keep both places. At the end of a walk it is sent back to where something was left."""

    def work(connection: Connection) -> None:
        if first is not None:
            checkpoints.put(connection, f"{FROM}:{walk.sender}", first)
        checkpoints.put(connection, f"{DONE}:{walk.sender}", empty_to)
        checkpoints.put(connection, walk.name, came_to)

    walk.installation.database.write(work)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What became of one piece of the list. `reached` is where the sweep had enough of it."""

    emptied: int
    left: bool
    reached: datetime | None = None


def _empty(walk: Walk, found: list[Listed], until: datetime, most: int) -> _Piece:
    """Empty what may be emptied.

    A message is tried after others have failed: one that the provider will not have must not keep
    the rest readable.
    """
    full = [one for one in found if one.text or one.media]
    known = processed(walk.installation, [one.sid for one in full if one.inbound])
    looked_for = walk.installation.database.read(outbox.oldest_unsettled)
    given_up = walk.installation.now() - GIVEN_UP
    emptied, left = 0, False
    for one in full:
        if emptied >= most or walk.tired:
            return _Piece(emptied, left, one.at)
        ready = one.at <= until and one.final
        if one.inbound:
            ready = ready and known.get(one.sid, one.at < given_up)
        elif looked_for is not None:
            # The sender may still look for its own message by its text.
            ready = ready and one.at < looked_for - timedelta(minutes=1)
        changed = _empty_one(walk.messages, one) if ready else None
        emptied += changed or 0
        left |= changed is None
    return _Piece(emptied, left)


def _empty_one(messages: MessageLog, one: Listed) -> bool | None:
    """Delete a message's files, unfetched, and its text; None when the provider would not.

    False where there was nothing: files that are deleted may still be counted in the list.
    """
    try:
        changed = bool(one.media) and messages.delete_media(one.sid) > 0
        if one.text:
            messages.redact(one.sid)
            changed = True
    except SendError as error:
        log.warning("a message was not emptied at the provider (code %s)", error.code)
        return None
    return changed
