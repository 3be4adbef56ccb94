"""Which conversation a message belongs to: what it taps, quotes, or leads to by a link's code."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.keywords import AGAIN, Command, Phase, normalise
from bot.flow.question import Question
from bot.flow.schedule import INVITE
from bot.flow.state import Status
from bot.interview import codes
from bot.interview.installation import Installation
from bot.interview.states import load_state, survey_of
from storage.keys import KeyDestroyed
from storage.queries import conversations as conversation_queries
from storage.queries import outbox as outbox_queries
from storage.queries import people, turns
from storage.queries.turns import TurnRow

# Ends after which "1" and "mulai" can only be about something else. (Who has declined or stopped
# may come back with them.)
_DONE = frozenset({Status.FINISHED, Status.SCREENED_OUT, Status.CLOSED})


def quoted(
    connection: Connection, installation: Installation, sid: str, row: TurnRow
) -> tuple[TurnRow, str | None]:
    """Find the conversation and the question that a tapped or quoted message was about."""
    found = outbox_queries.about(connection, sid)
    if found is None:
        return row, None
    outbox_id, conversation_id, sealed, key_id = found
    if conversation_id is None:
        return row, None
    if conversation_id != row.conversation_id:
        others = turns.turn_of(connection, conversation_id)
        mine = [one for one in others if one.contact_id == row.contact_id]
        if not mine:
            return row, None
        row = next((one for one in mine if one.address_id == row.address_id), mine[0])
    if sealed is None or key_id is None:
        return row, None
    try:
        key = installation.keys.by_id(connection, key_id)
    except KeyDestroyed:
        return row, None
    return row, key.open(sealed, f"about:{outbox_id.hex}")


def tapped(
    connection: Connection, installation: Installation, option: str, row: TurnRow
) -> TurnRow:
    """Find the conversation that a tapped choice belongs to by the question that it names.

    It is the active one unless that has no such question and another of this person has.
    """
    name, colon, _ = option.partition(":")
    if not colon or name == "language" or _has(connection, installation, row, name):
        return row
    for conversation_id in conversation_queries.all_of(connection, row.contact_id):
        if conversation_id == row.conversation_id:
            continue
        others = turns.turn_of(connection, conversation_id)
        other = next((one for one in others if one.address_id == row.address_id), None)
        if other is not None and _has(connection, installation, other, name):
            move(connection, row, other)
            return other
    return row


def begun(connection: Connection, installation: Installation, text: str, row: TurnRow) -> TurnRow:
    """Find the interview that somebody begins in words ("1", "mulai") whose last one is done.

    It is the newest that waits to be begun: one that they were invited to, or any with "mulai".
    Else the message stays with the one that is over, as does the answer to what that has asked.
    """
    if row.status not in _DONE:
        return row
    survey = survey_of(connection, installation, row)
    if survey.words.keywords.find(text, Phase.INVITED) is not Command.MULAI:
        return row
    if load_state(connection, installation, row, survey).pending is not None:
        return row
    for conversation_id in conversation_queries.all_of(connection, row.contact_id):
        others = turns.turn_of(connection, conversation_id)
        other = next((one for one in others if one.address_id == row.address_id), None)
        if other is not None and _waits(connection, installation, other, text):
            move(connection, row, other)
            return other
    return row


def _waits(connection: Connection, installation: Installation, row: TurnRow, text: str) -> bool:
    """Whether an interview waits to be begun by such a text."""
    if row.status != Status.INVITED or row.closed_at is not None:
        return False
    survey = survey_of(connection, installation, row)
    invited = INVITE in load_state(connection, installation, row, survey).sent
    return invited or normalise(text) in AGAIN


def move(connection: Connection, row: TurnRow, named: TurnRow) -> None:
    """Let what is typed next belong to the conversation that was tapped, unless that is over and
    another one is under way."""
    if named.conversation_id in (None, row.conversation_id):
        return
    if Status(named.status or "").over and row.status and not Status(row.status).over:
        return
    conversation_queries.activate(connection, row.contact_id, named.conversation_id)


def _has(connection: Connection, installation: Installation, row: TurnRow, question: str) -> bool:
    """Whether a conversation's flow has a question of this name."""
    if row.conversation_id is None:
        return False
    flow = survey_of(connection, installation, row).groups.get(row.grp or "")
    return flow is not None and question in flow.by_name


def code_in(
    connection: Connection, installation: Installation, inbound: Inbound, row: TurnRow
) -> codes.Found | None:
    """Find a link's code in what a known person wrote; None when there is none."""
    if inbound.kind != "text" or inbound.option is not None or not inbound.text:
        return None
    found = codes.find(inbound.text, strict=True)
    if found.code is None and found.mistyped is None:
        found = codes.find(inbound.text, strict=False)
        if found.code is None and found.mistyped is None:
            return None
        question = _open_question(connection, installation, row)
        if question is not None and question.own_words:
            return None
        # "26juli2025" looks like a code gone wrong.
        if question is not None and question.domain is not None and found.code is None:
            return None
    return found


def asks_for_file(
    connection: Connection, installation: Installation, contact_id: int, inbound: Inbound
) -> bool:
    """Whether a file answers an interview: the question that it quotes, else the open one, takes
    files, and it is neither a table nor anything else that no question takes."""
    active = people.active_conversation(connection, contact_id)
    if active is None or inbound.attached is None or inbound.attached.kind == "other":
        return False
    row = next(iter(turns.turn_of(connection, active)), None)
    if row is None:
        return False
    if inbound.reply_to is not None:
        row, about = quoted(connection, installation, inbound.reply_to, row)
        if about is not None:
            flow = survey_of(connection, installation, row).for_group(row.grp or "")
            return about in flow.by_name and flow.by_name[about].takes_file
    question = _open_question(connection, installation, row)
    return question is not None and question.takes_file


def _open_question(
    connection: Connection, installation: Installation, row: TurnRow
) -> Question | None:
    if row.status != Status.ASKING.value:
        return None
    survey = survey_of(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    return survey.for_group(row.grp or "").by_name.get(state.question or "")
