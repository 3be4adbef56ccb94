"""Files that coordinators send into the chat: noted in the turn, fetched and read by a sweep.

A file is leased before it is fetched and forgotten in the transaction that writes the answer, so a
process may die at any moment; what was stored already is stored once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from sqlalchemy import Connection

from bot.channels.base import Inbound, MediaRefused, SendError
from bot.intake.tables import InputError
from bot.interview import identity
from bot.interview.failures import trace
from bot.interview.files import media
from bot.interview.installation import Installation, Via
from bot.interview.sending import outbox
from bot.interview.surveys import Published
from bot.outreach.mending import taking, words
from bot.outreach.mending.taking import OtherUnits
from storage.queries import media as media_queries
from storage.queries import mending as queries
from storage.queries.mending import File

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
MOST_ATTEMPTS = 3
AT_ONCE = 5
ANSWER_FOR = timedelta(hours=20)  # the window that the file itself opened
PLACE = "sent_file"
_SUFFIX = {media.XLSX: ".xlsx", media.CSV: ".csv"}


def note(
    connection: Connection, installation: Installation, coordinator_id: int, inbound: Inbound
) -> None:
    """Keep a file's address, sealed, for the sweep."""
    key = installation.keys.installation(connection)
    values = {
        "coordinator_id": coordinator_id,
        "sender": inbound.sender,
        "channel": inbound.channel,
        "sealed": key.seal(inbound.file or "", PLACE),
        "key_id": key.id,
        "due_at": installation.now(),
    }
    queries.add_file(connection, values)


def read_due(installation: Installation, channels: Mapping[str, object]) -> int:
    """Fetch and read the files that wait; return how many were answered."""
    now = installation.now()
    files = installation.database.read(
        lambda connection: queries.due_files(connection, now, AT_ONCE)
    )
    return sum(_read(installation, channels, one) for one in files)


def _read(installation: Installation, channels: Mapping[str, object], file: File) -> bool:
    until = installation.now() + LEASE
    if not installation.database.write(lambda c: queries.take_file(c, file, until)):
        return False
    published = installation.database.read(lambda c: installation.surveys.by_id(c, file.survey_id))
    try:
        media_id, text = _answer(installation, channels, published, file)
    except SendError:
        text, media_id = words.say(published.survey, "file_lost"), None
        if file.attempts + 1 < MOST_ATTEMPTS:
            return False
    except Exception as error:
        # Ours, not the file's: it comes again, and not for ever.
        log.error("a file that a coordinator sent could not be read\n%s", trace(error))
        text, media_id = words.say(published.survey, "file_lost"), None
        if file.attempts + 1 < MOST_ATTEMPTS:
            return False
    finish = partial(_finish, installation=installation, file=file, media_id=media_id, text=text)
    return installation.database.write(finish)


def _answer(
    installation: Installation, channels: Mapping[str, object], published: Published, file: File
) -> tuple[UUID | None, str]:
    """Return the kept file and what to say of it. Raises SendError."""

    def look(connection: Connection) -> tuple[str, taking.Post]:
        key = installation.keys.by_id(connection, file.key_id)
        post = taking.post_of(connection, file.contact_id, file.survey_id)
        return key.open(file.sealed, PLACE), post

    url, post = installation.database.read(look)
    try:
        media_id = media.fetch(installation, channels.get(file.channel), url)
    except MediaRefused:
        return None, words.say(published.survey, "file_refused")
    kind, content = media.opened(installation, media_id)
    try:
        taken = taking.take(installation, published, content, _SUFFIX[kind], post)
    except (InputError, OtherUnits) as error:
        return media_id, taking.refusal(installation, published, error)
    return media_id, taking.in_words(published, taken)


def _finish(
    connection: Connection,
    *,
    installation: Installation,
    file: File,
    media_id: UUID | None,
    text: str,
) -> bool:
    """Forget the file and answer whoever sent it, once."""
    if not queries.drop_file(connection, file.id):
        return False
    if media_id is not None:
        media_queries.remove(connection, media_id)
    address = identity.best_address(connection, file.contact_id, file.sender)
    if address is not None:
        outbox.enqueue(
            connection,
            installation,
            address_id=address.id,
            message=words.message(text),
            purpose="report",
            dedupe=f"sent_file:{uuid4().hex}",
            survey_id=file.survey_id,
            expires_at=installation.now() + ANSWER_FOR,
            via=Via(file.channel, file.sender),
        )
    return True
