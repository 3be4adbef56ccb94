"""Whether a reminder may go to somebody at all, and what is counted of those that may.

The plan says when (`bot.flow.schedule`). Here are the rules that need more than one conversation:
who wants nothing, whom nothing reaches, and what the survey may cost.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from bot.flow.schedule import DISTANCE, INVITE, due_now, latest
from bot.flow.state import State
from bot.flow.survey import Survey
from bot.flow.turn import Context
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.sending.alerts import alert
from storage.queries import reminders as queries
from storage.queries.turns import TurnRow

MEASURED = DISTANCE
"""What a reminder does is counted for so long: no other one comes in between."""

REMEMBERED = timedelta(days=14)
"""What went out longer ago keeps nothing waiting that is due now, and makes nothing late."""

Unreached = Literal["unreachable", "capped"]


def allowed(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    survey: Survey,
    state: State,
    world: Context,
) -> Context:
    """Return what the timer's step may know: a plan without reminders where none may go out.

    Whoever writes again, and whoever publishes other settings, lets the plan count once more.
    """
    due = due_now(state, world)
    if due is None or due == INVITE:
        return world
    if (
        _gone(connection, installation, row)
        or _unreached(connection, row, state)
        or _too_dear(connection, installation, row, survey)
    ):
        return replace(world, plan=world.plan.silenced())
    return world


def waits_until(
    connection: Connection, installation: Installation, row: TurnRow, state: State, world: Context
) -> datetime | None:
    """Return until when a reminder that is due waits for an earlier message to the person that has
    not gone out yet, or failed and will be tried once more; None: it does not."""
    if due_now(state, world) in (None, INVITE):
        return None
    before = queries.waits_until(connection, row.address_id)
    return None if before is None else max(before, installation.now()) + DISTANCE


def at_a_distance(
    connection: Connection, installation: Installation, row: TurnRow, state: State, world: Context
) -> Context:
    """Return the world with a plan that keeps its distance from what really went to the person.

    That may have waited, and the state knows when it was due only. A reminder is not written until
    it may go: it would be old then, with too little of its time left for one more try.
    """
    if due_now(state, world) in (None, INVITE):
        return world
    since = installation.now() - REMEMBERED
    last = queries.last_handed(connection, row.address_id, since)
    if last is None:
        return world
    return replace(world, plan=replace(world.plan, not_before=last + DISTANCE))


def _gone(connection: Connection, installation: Installation, row: TurnRow) -> bool:
    """Whether the person wants nothing from us, or has no address any more."""
    if identity.best_address(connection, row.contact_id) is None:
        return True
    return identity.opted_out(connection, installation, row.contact_id)


def _unreached(connection: Connection, row: TurnRow, state: State) -> bool:
    """Whether nothing that we write arrives, and the person has not written since either."""
    assert row.conversation_id is not None
    found = queries.unreached(connection, row.conversation_id)
    if found is None:
        return False
    return state.last_turn_at is None or state.last_turn_at <= found[1]


def _too_dear(
    connection: Connection, installation: Installation, row: TurnRow, survey: Survey
) -> bool:
    """Whether the survey's budget is used up; operators are told."""
    settings, now = survey.settings, installation.now()
    if settings.budget is None or settings.rates is None or row.survey_id is None:
        return False
    spent = installation.spending.so_far(connection, row.survey_id, survey, now)
    if spent is None or spent < settings.budget:
        return False
    money = f"{settings.budget:,.2f} {settings.rates.currency}"
    text = f"The budget of {settings.name} ({money}) is used up: reminders stop, replies do not."
    fix = " Raise `budget` in survey.yaml and publish, or let it be."
    alert(connection, f"budget:{row.survey_id}", text + fix, now)
    return True


def not_reached(
    connection: Connection, installation: Installation, conversation_id: int, why: Unreached
) -> None:
    """Keep that a message failed for good: no reminder follows until the person writes."""
    queries.not_reached(connection, conversation_id, why, installation.now())


def count(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    survey: Survey,
    before: State,
    after: State,
    *,
    template: bool,
) -> None:
    """Count a step of the plan that was just sent or held. Pilots are not counted."""
    step = after.sent[-1] if after.sent != before.sent else None
    held = after.held != before.held
    if held:
        step = after.held[-1]
    if step is None or row.pilot or row.survey_id is None:
        return
    day = _day(installation.now(), survey)
    queries.count(connection, row.survey_id, day, step, held=held, template=template)


def count_finished(
    connection: Connection, installation: Installation, row: TurnRow, survey: Survey, state: State
) -> None:
    """Count an interview that is finished, for the reminder of the last two days, if there was one.

    `state` is from before the last turn.
    """
    step, at = latest(state), state.last_due_at
    if step is None or at is None or row.pilot or row.survey_id is None:
        return
    if installation.now() - at < MEASURED:
        held = step in state.held
        queries.finish(connection, row.survey_id, _day(at, survey), step, held=held)


def _day(moment: datetime, survey: Survey) -> date:
    return survey.settings.day(moment)
