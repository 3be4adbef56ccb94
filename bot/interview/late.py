"""Messages that are taken in later than they came: replayed ones, and those we were not told of.

What they say is an answer only to the question that was open when they were written. A command is
obeyed however late, but for those that a later message may have taken back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.keywords import ACCEPTED, Command, Phase
from bot.flow.schedule import SILENCE
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.interview.installation import Installation
from bot.interview.sending.outbox import WINDOW
from storage.queries import outbox, people

# What means the same at any time: BERHENTI, HAPUS DATA, help, doubt and report.
_ANY_TIME = ACCEPTED[Phase.OVER] & ACCEPTED[Phase.CONSENT] & ACCEPTED[Phase.ASKING]


def question_moved(survey: Survey, state: State, inbound: Inbound, asked: str) -> bool:
    """Whether a replayed message is an answer to a question that is not open any more.

    A command is never that: who wants to stop or be erased is heard, however late.
    """
    if (state.question or "") == asked:
        return False
    if inbound.option is not None:
        return inbound.option not in Command.__members__
    return survey.words.keywords.find(inbound.text, Phase.ASKING) is None


def moved_on(survey: Survey, state: State, inbound: Inbound) -> bool:
    """Whether the person has written since a message came that nobody told us of.

    Then its text belongs to a question that is not open any more, or that was answered since; and a
    MULAI or SETUJU may have been taken back by what came after it. The provider tells whole
    seconds: within one it counts as moved.
    """
    last = state.last_turn_at
    if inbound.came_at is None or last is None or last < inbound.came_at:
        return False
    if state.status is Status.INVITED:
        return False  # nothing is open that could be answered
    return survey.words.keywords.find(inbound.text, Phase.OVER) not in _ANY_TIME


def asked_in_time(state: State, inbound: Inbound, now: datetime) -> str | None:
    """Name the open question where the person answered it in time and only we were away so long
    that it would count as forgotten; None where nothing needs to be said about that."""
    last = state.last_turn_at
    unseen = state.reminded or state.interrupted or state.pending is not None
    if inbound.came_at is None or last is None or unseen:
        return None
    return state.question if inbound.came_at - last < SILENCE <= now - last else None


def says_enough(connection: Connection, address_id: int) -> bool:
    """Whether a reply to this address waits already: showing a question twice helps nobody."""
    return outbox.reply_waits(connection, address_id)


def window_shut(
    connection: Connection, installation: Installation, address_id: int, inbound: Inbound
) -> bool:
    """Whether a message was found so late that nothing can be said to it without a template."""
    if inbound.came_at is None:
        return False
    heard = people.windows(connection, [address_id]).get((address_id, inbound.sender))
    newest = max(inbound.came_at, heard) if heard is not None else inbound.came_at
    return installation.now() - newest >= WINDOW
