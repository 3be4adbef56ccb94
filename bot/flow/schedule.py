"""When a first contact or a reminder may go out, and which one is due next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.flow.state import State, Status
from bot.flow.turn import Context, Hours, Plan

PlanStep = Literal["invite", "reminder", "last_call"]

SILENCE = timedelta(hours=12)
"""After this long the person may have lost the thread; before it, no reminder interrupts them."""


def next_allowed(
    hours: Hours, zone: ZoneInfo, moment: datetime, before: datetime
) -> datetime | None:
    """Return the first moment from `moment` on, but earlier than `before`, that lies in the hours.

    The hours are local in `zone`; the moments are aware, the result is UTC. None where there is no
    such moment.
    """
    day = moment.astimezone(zone).date()
    while datetime.combine(day, datetime.min.time(), zone) < before:
        for start, end in () if day in hours.holidays else hours.spans[day.weekday()]:
            opens = datetime.combine(day, start, zone).astimezone(UTC)
            closes = datetime.combine(day, end, zone).astimezone(UTC)
            allowed = max(opens, moment)
            if allowed < closes:
                return allowed if allowed < before else None
        day += timedelta(days=1)
    return None


def next_step(state: State, plan: Plan) -> tuple[PlanStep, datetime] | None:
    """Return the next step of the plan and when it is due, quiet hours left aside.

    Each step goes out once. After the last call comes nothing; a reminder that would come after it,
    or when it is due already, is left out.
    """
    if "last_call" in state.sent or state.status.over:
        return None
    if state.status is Status.INVITED and "invite" not in state.sent:
        return "invite", _not_sooner(plan.opens, state, plan)
    reminder = None if "reminder" in state.sent else _reminder_due(state, plan)
    last = None
    if plan.last_call_before is not None:
        last = _not_sooner(plan.closes - plan.last_call_before, state, plan)
    if reminder is not None and (last is None or reminder < last):
        return "reminder", reminder
    return None if last is None else ("last_call", last)


def _reminder_due(state: State, plan: Plan) -> datetime | None:
    if state.status is Status.INVITED:
        after, since = plan.invited_after, state.last_sent_at
    else:
        after, since = plan.partial_after, state.last_turn_at
    if after is None or since is None:
        return None
    return _not_sooner(since + after, state, plan)


def _not_sooner(due: datetime, state: State, plan: Plan) -> datetime:
    """Keep the gap between two steps, and never interrupt somebody who has just written."""
    due = max(due, plan.opens)
    if state.last_sent_at is not None:
        due = max(due, state.last_sent_at + plan.min_gap)
    if state.last_turn_at is not None:
        due = max(due, state.last_turn_at + SILENCE)
    return due


def due_now(state: State, context: Context) -> PlanStep | None:
    """Return the step that must go out at this moment, if any."""
    plan, now = context.plan, context.now
    following = next_step(state, plan)
    if following is None or now < following[1] or now >= plan.closes:
        return None
    step: PlanStep = following[0]
    if step == "reminder" and _last_call_is_due(state, context):
        step = "last_call"  # the machine slept: of two that are due, the later one is true
    return step if next_allowed(plan.hours, context.zone, now, plan.closes) == now else None


def _last_call_is_due(state: State, context: Context) -> bool:
    without = replace(state, sent=(*state.sent, "reminder"))
    following = next_step(without, context.plan)
    return following is not None and following[1] <= context.now


def wake_at(state: State, context: Context) -> datetime | None:
    """Return when the conversation's timer must go off next: a step of the plan, or closing.

    None once the conversation is over. Never earlier than now.
    """
    if state.status.over:
        return None
    plan = context.plan
    following = next_step(state, plan)
    if following is not None:
        moment = max(following[1], context.now)
        allowed = next_allowed(plan.hours, context.zone, moment, plan.closes)
        if allowed is not None:
            return allowed
        if following[0] == "reminder":  # no hour left for it, but there may be for the last call
            return wake_at(replace(state, sent=(*state.sent, "reminder")), context)
    return max(plan.closes, context.now)
