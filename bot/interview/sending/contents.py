"""Buttons and lists that the provider wants made before a message can use them.

A content holds what everybody sees alike: body, labels, payloads, language. What differs (a number,
an earlier answer) are its variables, which go with each message, so nobody has a content of one's
own. No turn waits for the provider: while a content is not there yet, the message goes out as
numbered text, and a sweep makes the content for whoever comes next.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.channels.base import Channel, SendError, Taps, TapStore, tap_store
from bot.flow.tapping import tappable
from bot.flow.turn import Choice, Message
from bot.interview.installation import Installation, real_now
from bot.interview.surveys import Published
from storage.queries import contents as queries
from storage.queries import outbox
from storage.queries.contents import ContentRow

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
# A lease must not run out while the provider is asked: another would make the same.
MAKE_WITHIN = timedelta(minutes=3)
KEEP_UNUSED = timedelta(days=30)

GONE = 21655  # the provider has no content of this id
REFUSED_AS_TAPS = frozenset(
    {GONE, 21654, 21656, 21660, 63005, 63013, 63016, 63021, 63027, 63028, 63030, 92002, 92007}
)
"""The provider's codes, at either time, for what may be said as plain text all the same."""


def taps_of(message: Message) -> Taps | None:
    """Return what a message lets one tap, as a channel shows it."""
    wanted = message.taps
    if wanted is None:
        return None
    variables = {str(place): value for place, value in enumerate(wanted.values, start=1)}
    return Taps(wanted.kind, wanted.options, wanted.label, None, wanted.body, variables)


def ready(
    connection: Connection, installation: Installation, survey_id: int, message: Message
) -> bool:
    """Whether a message's content is made. If not, it is noted as wanted."""
    taps = taps_of(message)
    if taps is None:
        return False
    digest = _digest(installation, survey_id, message.language, taps)
    found = queries.find(connection, digest)
    if found is None:
        _want(connection, installation, survey_id, message, taps, digest)
    return found is not None and found[0] is not None


def for_sending(
    connection: Connection,
    installation: Installation,
    channel: Channel,
    survey_id: int | None,
    message: Message,
) -> Taps | None:
    """Return the taps that a message goes out with, and note that they are used; None: as text."""
    taps = taps_of(message)
    if taps is None or tap_store(channel) is None:
        return taps
    if survey_id is None:
        return None
    digest = _digest(installation, survey_id, message.language, taps)
    found = queries.find(connection, digest)
    if found is None or found[0] is None:
        return None
    today = installation.now().date()
    if found[1] < today:
        queries.use(connection, digest, today)
    return replace(taps, content_id=found[0])


def refused(installation: Installation, taps: Taps, error: SendError) -> bool:
    """Whether a message that was refused with its taps may go as text at once.

    What the provider has lost is noted as wanted again.
    """
    if error.outcome not in {"refused", "config"} or error.code not in REFUSED_AS_TAPS:
        return False
    log.warning("buttons were refused (code %s); the message goes as text", error.code)
    content_id = taps.content_id
    if error.code == GONE and content_id is not None:
        installation.database.write(lambda connection: queries.lost(connection, content_id))
    return True


def prepare(installation: Installation, published: Published) -> int:
    """Note all contents of a survey that are known beforehand as wanted; return how many are new.

    Those are its questions as they are first asked; what only some people see is made when the
    first of them has seen it as text.
    """
    messages = list(tappable(published.survey))

    def work(connection: Connection) -> int:
        new = 0
        for message in messages:
            taps = taps_of(message)
            if taps is not None:
                digest = _digest(installation, published.id, message.language, taps)
                new += _want(connection, installation, published.id, message, taps, digest)
        return new

    return installation.database.write(work)


def make(installation: Installation, channel: Channel, limit: int = 20) -> int:
    """Make contents that are wanted; return how many were made.

    Each is leased first, so that it is made once, in any number of processes. One whose maker died
    or lost the answer is looked for at the provider before it is made again.
    """
    store = tap_store(channel)
    if store is None:
        return 0
    began = time.monotonic()

    def lease(connection: Connection) -> tuple[list[ContentRow], datetime]:
        now = outbox.server_time(connection) or real_now()
        return queries.lease(connection, now, now + LEASE, limit), now + LEASE

    rows, lease_until = installation.database.write(lease)
    made = 0
    known: dict[str, str] | None = None
    for place, row in enumerate(rows):
        if time.monotonic() - began > MAKE_WITHIN.total_seconds():
            _put_off(installation, rows[place:], lease_until, timedelta())
            break
        try:
            if row.attempts and known is None:
                known = {name: found for found, name in store.named(_prefix(installation))}
            name = _name(installation, row.hash)
            content_id = (known or {}).get(name) or store.make(name, row.language, _read(row.taps))
        except SendError as error:
            log.warning("a content was not made (%s, code %s)", error.outcome, error.code)
            wait = timedelta(seconds=min(15 * 2 ** min(row.attempts, 8), 3600))
            if error.outcome == "refused":
                _put_off(installation, [row], lease_until, wait)
                continue
            _put_off(installation, rows[place:], lease_until, wait)
            break
        made += _keep(installation, store, row, lease_until, content_id)
    return made


def clean(installation: Installation, channel: Channel) -> int:
    """Delete contents that nobody has used for 30 days, those of closed surveys, and strays of
    ours that no row knows, at the provider and here; return how many. Safe at any time: a message
    that still wanted one goes out as text."""
    store = tap_store(channel)
    if store is None or not installation.database.read(queries.any_at_all):
        return 0
    before = installation.now().date() - KEEP_UNUSED
    gone = 0
    try:
        for row in installation.database.read(lambda c: queries.stale(c, before, 500)):
            if row.content_id is not None:
                store.delete(row.content_id)
            _drop(installation, row)
            gone += 1
        gone += _clean_strays(installation, store)
    except SendError as error:
        log.warning("contents were not cleaned up (%s, code %s)", error.outcome, error.code)
    return gone


def every(installation: Installation) -> list[ContentRow]:
    """Return all contents that are made or wanted."""
    return installation.database.read(queries.every)


def _drop(installation: Installation, row: ContentRow) -> None:
    installation.database.write(lambda connection: queries.drop(connection, row.hash))


def _clean_strays(installation: Installation, store: TapStore) -> int:
    """Delete what a lost race or a crash has left at the provider: its row has another, or none."""
    listed = list(store.named(_prefix(installation)))
    # Read after the list was: what was made since is in the rows and not in the list.
    rows = installation.database.read(queries.every)
    known = {row.content_id for row in rows}
    wanted = {_name(installation, row.hash) for row in rows if row.content_id is None}
    strays = [found for found, name in listed if found not in known and name not in wanted]
    for content_id in strays:
        store.delete(content_id)
    return len(strays)


def _keep(
    installation: Installation,
    store: TapStore,
    row: ContentRow,
    lease_until: datetime,
    content_id: str,
) -> bool:
    """Store what was made; what somebody else has made meanwhile stays, and ours goes."""

    def work(connection: Connection) -> tuple[bool, str | None]:
        now = installation.now()
        if queries.made(connection, row.hash, lease_until, content_id, now):
            return True, content_id
        found = queries.find(connection, row.hash)
        return False, found[0] if found else None

    mine, kept = installation.database.write(work)
    if not mine and kept != content_id:
        try:
            store.delete(content_id)
        except SendError as error:
            log.warning("a content made twice will be cleaned up later (code %s)", error.code)
    return mine


def _put_off(
    installation: Installation, rows: list[ContentRow], lease_until: datetime, wait: timedelta
) -> None:
    def work(connection: Connection) -> None:
        until = (outbox.server_time(connection) or real_now()) + wait
        queries.put_off(connection, [row.hash for row in rows], lease_until, until)

    installation.database.write(work)


def _want(
    connection: Connection,
    installation: Installation,
    survey_id: int,
    message: Message,
    taps: Taps,
    digest: bytes,
) -> bool:
    values = {
        "hash": digest,
        "survey_id": survey_id,
        "about": message.question or "",
        "language": message.language,
        "taps": _written(taps),
        "used_on": installation.now().date(),
    }
    return queries.want(connection, values)


def _digest(installation: Installation, survey_id: int, language: str, taps: Taps) -> bytes:
    return installation.keys.digest("content", f"{survey_id}\0{language}\0{_written(taps)}")


def _prefix(installation: Installation) -> str:
    """Return what the names of this installation's contents begin with: an account may serve
    several installations."""
    return f"tautan_{installation.keys.digest('contents', '').hex()[:12]}_"


def _name(installation: Installation, digest: bytes) -> str:
    return _prefix(installation) + digest.hex()[:40]


def _written(taps: Taps) -> str:
    """Return what everybody sees alike as JSON: without what fills the blanks."""
    plain = {
        "kind": taps.kind,
        "options": [[one.value, one.label] for one in taps.options],
        "label": taps.label,
        "body": taps.body,
        "blanks": len(taps.variables),
    }
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _read(text: str) -> Taps:
    """Read what `_written` wrote; its blanks are filled with samples."""
    plain = json.loads(text)
    options = tuple(Choice(*one) for one in plain["options"])
    samples = {str(place): "-" for place in range(1, plain["blanks"] + 1)}
    return Taps(plain["kind"], options, plain["label"], None, plain["body"], samples)
