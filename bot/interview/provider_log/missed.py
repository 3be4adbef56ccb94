"""Messages that the provider has and never told us of: taken in from its own list.

When every try of a webhook failed, the message stays in the provider's log alone. A sweep walks
that log some minutes behind the present and takes in what was never seen, in order, as if it came
now; `bot.interview.late` sees to it that an old text is no answer to a newer question.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.channels.base import Channel, Inbound, InboundFile, Listed, MessageLog, SendError
from bot.interview.desk import Desk
from bot.interview.installation import Installation
from bot.interview.provider_log.walking import (
    EMPTIED_AFTER,
    Walk,
    logs,
    processed,
    senders,
    walking,
)
from bot.interview.receiving import receive
from storage.queries import checkpoints
from storage.queries import inbound as queries

log = logging.getLogger(__name__)

PURPOSE = "missed"
YOUNG = timedelta(minutes=2)  # the webhook and its repeats may be under way
OVERLAP = timedelta(minutes=10)  # what the provider lists late is looked for again
OLD = timedelta(days=3)  # nobody waits for an answer any more
AT_ONCE = 300  # messages that one sweep takes in from each sender


def take_missed(desk: Desk, channels: Mapping[str, Channel]) -> int:
    """Take in what we were not told of and return how many messages that were.

    Safe in any number of processes, and to be killed at any moment. Replies go out by REST, as the
    webhooks' answers are long lost. Raises Unavailable, Conflict.
    """
    later = replace(desk, can_inline=lambda _message: False)
    taken = 0
    for channel, messages in logs(channels).items():
        for sender in senders(messages):
            taken += _take_from(later, channel, messages, sender)
    return taken


def _take_from(desk: Desk, channel: str, messages: MessageLog, sender: str) -> int:
    installation = desk.installation
    now = installation.now()
    until = now - YOUNG
    taken = 0
    # Who starts with a number that others have used before answers none of their messages: the
    # first walk begins, its overlap included, where it ends.
    with walking(installation, messages, sender, PURPOSE, until + OVERLAP) as walk:
        if walk is None:
            return 0
        since = max(walk.at() - OVERLAP, now - OLD)
        if walk.at() < now - OLD:
            log.warning("messages of more than %s ago that we missed stay unanswered", OLD)
        for end, found in walk.pieces(since, until, inbound=(True,)):
            fresh = _unseen(installation, found)
            for one in fresh[: AT_ONCE - taken]:
                if one.text or one.at > now - EMPTIED_AFTER:
                    receive(desk, _inbound(channel, one, _attached(messages, one)))
                else:
                    _pass_over(installation, one)
                taken += 1
            if taken >= AT_ONCE or walk.tired:
                break
            _come_to(walk, end)
    if taken:
        log.warning("%s messages were taken in that no webhook had brought", taken)
    return taken


def _come_to(walk: Walk, end: datetime) -> None:
    """Note how far all is taken in; never back."""
    if end > walk.at():
        walk.installation.database.write(lambda c: checkpoints.put(c, walk.name, end))


def _pass_over(installation: Installation, one: Listed) -> None:
    """Remember the id of a message without words, and say nothing to it.

    Whoever sent a picture so long ago waits for nothing; and after a backup was put back, messages
    that were answered and emptied since then look like this.
    """
    sid = installation.keys.digest("sid", one.sid)
    today = installation.now().date()
    installation.database.write(lambda c: queries.first_sight(c, sid, today))


def _unseen(installation: Installation, found: list[Listed]) -> list[Listed]:
    """Return those messages that were never taken in and have an address that we understand."""
    known = processed(installation, [one.sid for one in found])
    return [one for one in found if one.sid not in known and one.person is not None]


def _attached(messages: MessageLog, one: Listed) -> InboundFile | None:
    """Return the file that came with a message; None where the provider does not tell now."""
    if not one.media:
        return None
    try:
        return messages.attached(one.sid)
    except SendError as error:
        log.warning("the file of a message could not be looked up (code %s)", error.code)
        return None


def _inbound(channel: str, one: Listed, attached: InboundFile | None) -> Inbound:
    """Return a listed message as a webhook would have brought it, as far as the list tells."""
    assert one.person is not None
    kind = "media" if one.media else "text" if one.text else "unsupported"
    return Inbound(
        channel=channel,
        sender=one.sender,
        sid=one.sid,
        addresses=(one.person,),
        text=one.text,
        kind=kind,  # type: ignore[arg-type]
        came_at=one.at,
        attached=attached,
    )
