"""Conversations whose timer goes off: invitations, reminders, a pause that is over."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.flow.engine import step
from bot.flow.schedule import INVITE, next_allowed
from bot.flow.state import State, Status
from bot.flow.turn import Context, Message, Step, Wake
from bot.interview import contexts, identity
from bot.interview.conversations import save
from bot.interview.editions import carried
from bot.interview.failures import trace
from bot.interview.installation import Installation
from bot.interview.sending import holding, outbox, reminding
from bot.interview.states import load_state, survey_of
from storage.database import Conflict, Unavailable
from storage.queries import conversations as queries
from storage.queries import people, turns
from storage.queries.turns import TurnRow

log = logging.getLogger(__name__)
FAILED_STEP_WAITS = timedelta(hours=1)
# What could not be sent by then is not worth sending. (An invitation always is, until the end.)
INVITATION_LIVES = timedelta(days=365)
REMINDER_LIVES = timedelta(days=2)
SOME_HOURS = timedelta(hours=8)


def wake_due(installation: Installation, limit: int = 200) -> int:
    """Let conversations whose timer went off take their step; return how many did.

    Each is a transaction of its own, claimed by its lock and saved by compare-and-set, so this may
    run in any number of processes and be killed at any moment.
    """
    due = installation.database.read(
        lambda connection: queries.due(connection, installation.now(), limit)
    )
    return sum(_wake_one(installation, conversation_id) for conversation_id in due)


def _wake_one(installation: Installation, conversation_id: int) -> bool:
    """Let one timer go off; a step that fails waits an hour, so that it cannot spin."""
    try:
        return installation.database.write(
            lambda connection: _wake(connection, installation, conversation_id)
        )
    except (Unavailable, Conflict):
        return False
    except Exception as error:
        log.error("the timer of conversation %s failed\n%s", conversation_id, trace(error))
    until = installation.now() + FAILED_STEP_WAITS
    installation.database.write(
        lambda connection: queries.postpone(connection, conversation_id, until)
    )
    return False


def _wake(connection: Connection, installation: Installation, conversation_id: int) -> bool:
    now = installation.now()
    if not queries.take(connection, conversation_id, now):
        return False
    rows = turns.turn_of(connection, conversation_id)
    if not rows:
        # Nobody can be reached by it any more.
        queries.postpone(connection, conversation_id, now + timedelta(days=3650))
        return False
    row = rows[0]
    best = identity.best_address(connection, row.contact_id)
    survey = survey_of(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    if _must_wait(connection, row, state):
        queries.postpone(connection, conversation_id, None)
        return False
    heard = people.windows(connection, [one.address_id for one in rows])
    window_open = any(now - at < outbox.WINDOW for at in heard.values())
    world = contexts.context(installation, survey, row, window_open=window_open)
    later = reminding.waits_until(connection, installation, row, state, world)
    if later is not None:
        queries.postpone(connection, conversation_id, later)
        return False
    world = reminding.at_a_distance(connection, installation, row, state, world)
    world = reminding.allowed(connection, installation, row, survey, state, world)
    over = carried(connection, installation, row, survey, state, world)
    moved, row, survey = over.row is not row, over.row, over.survey
    result = step(survey.for_group(row.grp or ""), over.state, Wake(), world)
    result = replace(result, effects=(*over.effects, *result.effects))
    if not save(connection, installation, row, state, result, survey, moved=moved):
        # Nothing has changed but the timer itself, which new settings had brought forward.
        queries.postpone(connection, conversation_id, result.state.wake_at)
    message = result.message
    gone = identity.opted_out(connection, installation, row.contact_id)
    if best is None or gone:
        return True
    reminding.count(
        connection, installation, row, survey, state, result.state, template=not window_open
    )
    if message is None:
        return True
    outbox.enqueue(
        connection,
        installation,
        address_id=best.id,
        message=message,
        purpose="invitation" if message.step == "invite" else "reminder",
        dedupe=f"{conversation_id}:{message.step}",
        survey_id=row.survey_id,
        conversation_id=conversation_id,
        expires_at=_expires_at(message, world),
    )
    _bring_forward(connection, installation, row)
    return True


def _expires_at(message: Message, world: Context) -> datetime:
    """Return until when a step of the plan is worth sending.

    What is written just before the hours end must live on into the next ones, after the weekend.
    """
    plan, now = world.plan, world.now
    if message.step == INVITE:
        return min(plan.closes, now + INVITATION_LIVES)
    end = now + REMINDER_LIVES
    # From the next day on: what is left of this one may be seconds.
    following = next_allowed(plan.hours, world.zone, now + SOME_HOURS, plan.closes)
    return min(plan.closes, end if following is None else max(end, following + SOME_HOURS))


def _must_wait(connection: Connection, row: TurnRow, state: State) -> bool:
    """Whether an invitation is due whose launch is paused or stopped."""
    if state.status is not Status.INVITED or holding.INVITE in state.sent:
        return False
    assert row.conversation_id is not None
    return holding.held(connection, row.conversation_id)


def _bring_forward(connection: Connection, installation: Installation, row: TurnRow) -> None:
    """Let an answer without a tap belong to what we have just written about.

    Who is in the middle of another interview goes on there, and is shown the open question first:
    a bare "1" may be about either.
    """
    assert row.conversation_id is not None
    active = people.active_conversation(connection, row.contact_id)
    if active == row.conversation_id:
        return
    rows = turns.turn_of(connection, active) if active is not None else []
    if rows and Status(rows[0].status or "").under_way:
        _interrupt(connection, installation, rows[0])
    else:
        queries.activate(connection, row.contact_id, row.conversation_id)


def _interrupt(connection: Connection, installation: Installation, row: TurnRow) -> None:
    if row.sealed is None or row.closed_at is not None:
        return
    survey = survey_of(connection, installation, row)
    before = load_state(connection, installation, row, survey)
    save(connection, installation, row, before, Step(replace(before, interrupted=True)), survey)
