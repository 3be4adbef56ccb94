"""Fetching files that people sent as answers: after the turn, never in the webhook.

A file is leased, fetched, looked into by its bytes, cleaned of what the phone wrote into it, and
stored if its answer still stands. What cannot be used comes back to the person through the engine
(`Lost`). The provider's copy is deleted at once; `redaction` comes by in any case.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from bot.channels.base import Files, MediaRefused, SendError, files_of
from bot.flow.engine import step
from bot.flow.question import Question
from bot.flow.turn import Lost
from bot.interview import contexts, conversations, identity
from bot.interview.failures import trace
from bot.interview.files import attachments
from bot.interview.files.cleaning import Unclean, clean
from bot.interview.files.file_types import media_type
from bot.interview.installation import Installation, Via
from bot.interview.sending import outbox
from bot.interview.states import load_state, survey_of
from storage.database import Conflict, Unavailable
from storage.keys import KeyDestroyed
from storage.queries import attachments as queries
from storage.queries import turns
from storage.queries.attachments import AttachmentRow

log = logging.getLogger(__name__)

AT_ONCE = 20
WORKERS = 4  # threads that wait for the provider; each holds one file in memory
LEASE = timedelta(minutes=5)
AGAIN = timedelta(seconds=30)  # and twice as long each time
MOST_ATTEMPTS = 6  # the provider is emptied an hour after the message

_KINDS = {
    "image": ("image/jpeg", "image/png"),
    "audio": ("audio/ogg", "audio/mpeg", "audio/aac", "audio/amr", "audio/mp4"),
    "pdf": ("application/pdf",),
}


@dataclass(frozen=True, slots=True)
class _Job:
    """A leased file: its row, until when, and where it is to be had."""

    row: AttachmentRow
    lease: datetime
    address: str
    via: Via
    question: str


def fetch_due(installation: Installation, channels: Mapping[str, object]) -> int:
    """Fetch the files that wait; return how many were stored or given up.

    Safe in any number of processes, and to be killed at any moment: what was leased comes again,
    and what was replaced meanwhile is not stored.
    """
    now = installation.now()
    rows = installation.database.read(lambda connection: queries.due(connection, now, AT_ONCE))
    fetch = partial(_fetch, installation, channels)
    if len(rows) < 2:
        return sum(map(fetch, rows))
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="fetch") as pool:
        return sum(pool.map(fetch, rows))


def _fetch(installation: Installation, channels: Mapping[str, object], row: AttachmentRow) -> bool:
    lease = installation.now() + LEASE
    try:
        if not installation.database.write(lambda c: queries.take(c, row, lease)):
            return False
        job, question = installation.database.read(
            lambda connection: _open(connection, installation, row, lease)
        )
    except (Unavailable, Conflict, KeyDestroyed):
        return False
    files = files_of(channels.get(job.via.channel))
    try:
        if question is None or files is None:
            raise MediaRefused("nobody wants this file, or it cannot be had from this channel")
        content = _content(files, job.address, question)
    except (MediaRefused, Unclean) as error:
        log.info("a file that was sent as an answer is not taken: %s", error)
        return _give_up(installation, job, files)
    except Exception as error:
        return _failed(installation, job, files, error)
    store = partial(_store, installation=installation, job=job, content=content)
    try:
        stored = installation.database.write(store)
    except (Unavailable, Conflict, KeyDestroyed):
        return False  # the lease runs out; or the survey has ended, and its files with it
    _forget(files, job.address)
    return stored


def _open(
    connection: Connection, installation: Installation, row: AttachmentRow, lease: datetime
) -> tuple[_Job, Question | None]:
    """Open a row; without the question where the conversation does not have it any more."""
    key = installation.keys.by_id(connection, row.key_id)
    place = json.loads(key.open(row.sealed, attachments.wanted(row.id.hex)))
    job = _Job(
        row, lease, place["address"], Via(place["channel"], place["sender"]), place["question"]
    )
    found = turns.turn_of(connection, row.conversation_id)
    if not found:
        return job, None
    survey = survey_of(connection, installation, found[0])
    flow = survey.groups.get(found[0].grp or "")
    return job, flow.by_name.get(job.question) if flow is not None else None


def _content(files: Files, address: str, question: Question) -> bytes:
    """Fetch a file, look into it and clean it. Raises MediaRefused, Unclean, SendError."""
    _, content = files.download(address, question.max_mb * 1024 * 1024)
    kind = media_type(content)
    if not any(kind in _KINDS[one] for one in question.kinds if one in _KINDS):
        raise MediaRefused("the file is of a type that the question does not take")
    return attachments.packed(kind, clean(kind, content))


def _store(
    connection: Connection, *, installation: Installation, job: _Job, content: bytes
) -> bool:
    key = installation.keys.by_id(connection, job.row.key_id)
    sealed = attachments.sealed_bytes(key, job.row.id, content)
    return queries.keep(connection, job.row.id, job.lease, sealed, key.id)


def _failed(installation: Installation, job: _Job, files: Files | None, error: Exception) -> bool:
    """Try again later what may be a passing fault, one of ours included, but not for ever."""
    final = isinstance(error, SendError) and error.outcome == "refused"
    if not isinstance(error, SendError):
        log.error("a file that was sent as an answer could not be stored\n%s", trace(error))
    if final or job.row.attempts + 1 >= MOST_ATTEMPTS:
        return _give_up(installation, job, files)
    until = installation.now() + AGAIN * 2**job.row.attempts
    installation.database.write(lambda c: queries.postpone(c, job.row.id, job.lease, until))
    return False


def _give_up(installation: Installation, job: _Job, files: Files | None) -> bool:
    """Take the answer back and let the engine ask for it again."""
    try:
        done = installation.database.write(partial(_lose, installation=installation, job=job))
    except (Unavailable, Conflict):
        return False  # the lease runs out, and it comes again
    _forget(files, job.address)
    return done


def _lose(connection: Connection, *, installation: Installation, job: _Job) -> bool:
    if not queries.remove_leased(connection, job.row.id, job.lease):
        return False
    rows = turns.turn_of(connection, job.row.conversation_id)
    if not rows or rows[0].sealed is None or rows[0].closed_at is not None:
        return True
    row = rows[0]
    survey = survey_of(connection, installation, row)
    before = load_state(connection, installation, row, survey)
    # Who has said since that nothing more may come is not asked again.
    gone = identity.opted_out(connection, installation, row.contact_id)
    world = contexts.context(installation, survey, row, window_open=True, opted_out=gone)
    event = Lost(job.question, job.row.id.hex)
    result = step(survey.for_group(row.grp or ""), before, event, world)
    conversations.save(connection, installation, row, before, result, survey)
    address = identity.best_address(connection, row.contact_id, job.via.sender)
    if result.message is None or address is None:
        return True
    outbox.enqueue(
        connection,
        installation,
        address_id=address.id,
        message=result.message,
        purpose="reply",
        dedupe=f"lost:{job.row.id.hex}",
        survey_id=row.survey_id,
        conversation_id=row.conversation_id,
        expires_at=installation.now() + outbox.WINDOW,
        via=job.via,
    )
    return True


def _forget(files: Files | None, address: str) -> None:
    """Let the provider delete its copy now; the redaction comes by in any case."""
    if files is None:
        return
    try:
        files.forget(address)
    except (MediaRefused, SendError) as error:
        log.warning("a file stays at the provider for now: %s", error)
