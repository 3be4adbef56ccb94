"""Who has the place of a roster row: one interview for a person, on whatever way they come.

A row is claimed by a conversation and joins nobody. But somebody whose number stands on it, be it
as their second one, is taken for its person: they begin only where nobody has begun in that place,
and an invitation that nobody has followed makes way.
"""

from __future__ import annotations

from sqlalchemy import Connection

from bot.flow.state import Status
from storage.queries import claims as queries
from storage.queries import people


class Taken(Exception):
    """Somebody has begun in the place of that row."""


def place(
    connection: Connection,
    survey_id: int,
    contact_id: int,
    scope: int,
    unit_id: int,
    row_id: int | None = None,
) -> int | None:
    """Return the row that a new conversation is to claim, freed of an invitation, or None.

    `row_id` is that of a personal link; without one it is that of the contact's numbers. Raises
    Taken.
    """
    if row_id is not None:
        rows = [queries.kept_instead(connection, row_id)]
    else:
        macs = [row.hmac for row in people.addresses_of(connection, [contact_id])]
        rows = queries.rows_of(connection, survey_id, scope, unit_id, macs)
    for row in rows:
        _free(connection, row, contact_id)
    return rows[0] if rows else None


def catch_up(connection: Connection, contact_id: int) -> None:
    """Let a person's conversations claim the rows that an address they have just got stands on.

    An invitation of another contact in such a place makes way; what somebody has begun stays.
    """
    conversations = people.conversations_of(connection, [contact_id])
    if not conversations:
        return
    macs = [row.hmac for row in people.addresses_of(connection, [contact_id])]
    for one in conversations:
        if people.roster_claim(connection, one.id) is not None:
            continue
        for row in queries.rows_of(connection, one.survey_id, one.scope, one.unit_id, macs):
            try:
                _free(connection, row, contact_id)
            except Taken:
                continue
            if queries.claim(connection, row, one.id):
                break


def _free(connection: Connection, row_id: int, contact_id: int) -> None:
    """Let go of invitations of others that nobody has followed. Raises Taken."""
    others = [one for one in queries.meetings(connection, row_id) if one.contact_id != contact_id]
    if any(one.status != Status.INVITED.value for one in others):
        raise Taken
    for one in others:
        people.delete_conversation(connection, one.conversation_id)
