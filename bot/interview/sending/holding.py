"""Invitations of a launch that is paused or stopped: they do not go out.

A launch is asked about at both moments at which an invitation could still get away, when its timer
goes off and when the outbox leases it. Each keeps the answer true until its transaction ends, so
whoever pauses a launch afterwards finds what it has left, and takes it back here.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.states import seal, unseal
from storage.database import Conflict
from storage.queries import turns
from storage.queries import waves as queries

HELD = frozenset({"paused", "stopped"})
INVITE = "invite"


def held(connection: Connection, conversation_id: int) -> bool:
    """Whether a conversation belongs to a launch that may send no invitations now."""
    return queries.state_of(connection, conversation_id) in HELD


def take_back(connection: Connection, installation: Installation, conversation_id: int) -> bool:
    """Undo an invitation that lies in the outbox, as if its timer had not gone off; stop the timer.

    False when it is in a sender's hands already. Raises Conflict when the person was faster.
    """
    if not queries.take_back(connection, conversation_id):
        return False
    rows = turns.turn_of(connection, conversation_id)
    if not rows or rows[0].sealed is None or rows[0].key_id is None:
        return True
    row = rows[0]
    assert row.sealed is not None
    assert row.key_id is not None
    assert row.survey_id is not None
    sealed_with = installation.keys.by_id(connection, row.key_id)
    state = unseal(sealed_with, conversation_id, row.sealed)
    sent = tuple(one for one in state.sent if one != INVITE)
    state = replace(state, sent=sent, last_sent_at=None, last_due_at=None, wake_at=None)
    key = installation.keys.survey(connection, row.survey_id)
    stored = turns.save(
        connection,
        conversation_id,
        row.version or 0,
        status=state.status.value,
        wake_at=None,
        mix_at=row.mix_at,
        sealed=seal(key, conversation_id, state),
        key_id=key.id,
    )
    if not stored:
        raise Conflict("the person was faster")
    return True
