"""Who has answered a survey and was erased since: known by a digest alone, and not asked again.

The digest is of (survey, address), undated, under the survey's own key, with which it ends. It bars
whoever has one of the addresses, and whoever turns out to have one later.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from bot.flow.commands import bar
from bot.flow.state import Status
from bot.interview.installation import Installation
from bot.interview.states import seal, unseal
from storage.database import Conflict
from storage.keys import KeyDestroyed
from storage.queries import attachments, outbox, people, surveys, turns
from storage.queries import erasure as queries
from storage.queries.people import ConversationRow


def digest(connection: Connection, installation: Installation, survey_id: int, mac: bytes) -> bytes:
    """Return by what it is known that the person with an address has answered a survey.

    Raises KeyDestroyed for a closed survey.
    """
    key = installation.keys.survey(connection, survey_id)
    return key.digest(f"answered\0{mac.hex()}")


def remember(
    connection: Connection, installation: Installation, survey_id: int, macs: Sequence[bytes]
) -> None:
    """Let nobody with one of these addresses answer a survey again. Raises KeyDestroyed."""
    digests = _digests(connection, installation, survey_id, macs)
    queries.remember_answered(connection, survey_id, digests)


def before(
    connection: Connection, installation: Installation, survey_id: int, contact_id: int
) -> bool:
    """Whether somebody with an address of this contact has answered a survey and was erased since.

    True for a closed survey, whose key is gone: nobody answers it any more.
    """
    return _known(connection, installation, survey_id, _macs(connection, contact_id))


def carry(connection: Connection, installation: Installation, old: bytes, new: bytes) -> None:
    """Let it hold for the digest of the address in place of another."""
    for survey in surveys.every(connection):
        if survey.closed_at is None and _known(connection, installation, survey.id, [old]):
            remember(connection, installation, survey.id, [new])


def catch_up(connection: Connection, installation: Installation, contact_id: int) -> None:
    """End the unfinished interviews of somebody who turns out, by an address that they have just
    got, to have answered before; the digest holds for all their addresses from now on.

    What is finished stays: nobody can tell whether the first answers still count. Raises Conflict.
    """
    rows = [row for row in people.conversations_of(connection, [contact_id]) if not row.pilot]
    macs = _macs(connection, contact_id)
    for survey_id in {row.survey_id for row in rows}:
        try:
            if not _known(connection, installation, survey_id, macs):
                continue
            remember(connection, installation, survey_id, macs)
        except KeyDestroyed:
            continue  # closed: all has ended there
        for row in rows:
            if row.survey_id == survey_id:
                _end(connection, installation, row)


def _end(connection: Connection, installation: Installation, row: ConversationRow) -> None:
    """End a conversation that was not finished: what is said from now on is said after the end."""
    may_go_on = not Status(row.status).over or row.status == Status.STOPPED.value
    found = turns.turn_of(connection, row.id)
    if not may_go_on or not found or row.sealed is None or row.key_id is None:
        return
    key = installation.keys.by_id(connection, row.key_id)
    state = unseal(key, row.id, row.sealed)
    if state.earlier is not None:
        return
    outbox.drop_queued(connection, conversation_id=row.id)
    attachments.remove_of(connection, [row.id])
    over, survey_key = bar(state), installation.keys.survey(connection, row.survey_id)
    stored = turns.save(
        connection,
        row.id,
        found[0].version or 0,
        status=over.status.value,
        wake_at=None,
        mix_at=None,
        sealed=seal(survey_key, row.id, over),
        key_id=survey_key.id,
    )
    if not stored:
        raise Conflict("a message of this conversation was faster")


def _macs(connection: Connection, contact_id: int) -> list[bytes]:
    return [row.hmac for row in people.addresses_of(connection, [contact_id])]


def _known(
    connection: Connection, installation: Installation, survey_id: int, macs: Sequence[bytes]
) -> bool:
    """Whether one of these addresses has answered; True for a closed survey."""
    try:
        digests = _digests(connection, installation, survey_id, macs)
    except KeyDestroyed:
        return True
    return bool(digests) and queries.answered(connection, digests)


def _digests(
    connection: Connection, installation: Installation, survey_id: int, macs: Sequence[bytes]
) -> list[bytes]:
    return [digest(connection, installation, survey_id, mac) for mac in macs]
