"""When a first contact or a reminder may go out, and which one is due next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.flow.state import State, Status
from bot.flow.turn import Context, Hours, Plan

INVITE, LAST_CALL = "invite", "last_call"

SILENCE = timedelta(hours=12)
"""After this long the person may have lost the thread; before it, no reminder interrupts them."""

DISTANCE = timedelta(hours=48)
"""Never are two reminders, or an invitation and a reminder, closer than this."""

LATE = timedelta(minutes=30)
"""Who comes by so much sending time later than the moment comes with many others: the machine
slept. Closed hours do not count: whoever just missed the end of a day comes next morning."""

SLEPT_AGAIN = timedelta(days=1)
CATCHING_UP = timedelta(hours=4)  # of sending time, over which those who are late are spread
BUNCH = timedelta(hours=1)  # of sending time, over which those are spread whom the night held back
WINDOW = timedelta(hours=23)  # of the 24 in which free text is allowed, some are left as a margin
GOLDEN = 0.6180339887498949  # multiples of it, cut to their fractions, lie far apart


# --- hours ----------------------------------------------------------------------------------------


def openings(
    hours: Hours, zone: ZoneInfo, moment: datetime, before: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield, as (start, end) in UTC, what is left of the hours from `moment` on, up to `before`.

    The hours are local in `zone`; the moments are aware.
    """
    day = moment.astimezone(zone).date()
    while datetime.combine(day, datetime.min.time(), zone) < before:
        for start, end in hours.on(day):
            opens = max(datetime.combine(day, start, zone).astimezone(UTC), moment)
            closes = min(datetime.combine(day, end, zone).astimezone(UTC), before)
            if opens < closes:
                yield opens, closes
        day += timedelta(days=1)


def next_allowed(
    hours: Hours, zone: ZoneInfo, moment: datetime, before: datetime
) -> datetime | None:
    """Return the first moment from `moment` on, but earlier than `before`, that lies in the hours.

    The hours are local in `zone`; the moments are aware, the result is UTC. None where there is no
    such moment.
    """
    for opens, _ in openings(hours, zone, moment, before):
        return opens
    return None


def spread(
    hours: Hours,
    zone: ZoneInfo,
    moment: datetime,
    before: datetime,
    over: timedelta,
    share: float,
) -> datetime | None:
    """Return the moment at which a `share` (0 up to 1) of the next `over` of sending time is gone.

    None where less than that is left until `before`.
    """
    left: list[tuple[datetime, datetime]] = []
    whole = timedelta()
    for opens, closes in openings(hours, zone, moment, before):
        left.append((opens, closes))
        whole += closes - opens
        if whole >= over:
            break
    if whole < over:
        return None
    offset = over * share
    for opens, closes in left:
        if offset < closes - opens:
            return opens + offset
        offset -= closes - opens
    return None


# --- the plan -------------------------------------------------------------------------------------


def reminders(state: State) -> int:
    """Return how many reminders were due to somebody so far, sent or held, last call included."""
    return sum(one != INVITE for one in state.sent) + len(state.held)


def latest(state: State) -> str | None:
    """Return the last reminder that was due to somebody, None before the first."""
    if LAST_CALL in state.sent or LAST_CALL in state.held:
        return LAST_CALL
    number = reminders(state)
    return _name(number) if number else None


def _name(number: int) -> str:
    """Return a reminder's name; the first one's is older than the others."""
    return "reminder" if number == 1 else f"reminder_{number}"


def next_step(state: State, plan: Plan) -> tuple[str, datetime] | None:
    """Return the next step of the plan and when it is due, hours left aside.

    Each step comes once. After the last call comes nothing, nor after the plan's maximum; a
    reminder that would come after the last call, or when it is due already, is left out.
    """
    if state.status.over or LAST_CALL in state.sent or LAST_CALL in state.held:
        return None
    if state.earlier is not None:
        return None  # finished before: those answers count while they are filled in anew
    if state.status is Status.INVITED and INVITE not in state.sent:
        return INVITE, _not_sooner(plan.opens, state, plan)
    if reminders(state) >= plan.maximum:
        return None
    reminder = _reminder_due(state, plan)
    last = None
    if plan.last_call_before is not None:
        last = _not_sooner(plan.closes - plan.last_call_before, state, plan)
    if reminder is not None and (last is None or reminder < last):
        return _name(reminders(state) + 1), reminder
    return None if last is None else (LAST_CALL, last)


def _reminder_due(state: State, plan: Plan) -> datetime | None:
    """Return when the next reminder of the person's kind is due.

    The first one of the invited counts from the invitation, that of the half-way from what they
    last wrote, further ones from the one before.
    """
    before = state.last_due_at or state.last_sent_at
    half_way = _half_way(state)
    if state.status is Status.INVITED:
        first, again, done, since = plan.invited_after, plan.invited_again, 0, before
        done = reminders(state) - half_way
    else:
        first, again, done, since = plan.partial_after, plan.partial_again, half_way, None
        since = state.last_turn_at
        if done and since is not None and before is not None:
            since = max(since, before)
    if first is None or since is None or done > len(again):
        return None
    return _not_sooner(since + (again[done - 1] if done else first), state, plan)


def _half_way(state: State) -> int:
    """Return how many reminders came half-way. Older states did not count them: there were one or
    none, and one that nobody has answered yet came after the last message."""
    if state.half_way or state.status is Status.INVITED or not state.reminded:
        return state.half_way
    return int("reminder" in state.sent)


def _not_sooner(due: datetime, state: State, plan: Plan) -> datetime:
    """Keep the gap between two steps, and never interrupt somebody who has just written."""
    due = max(due, plan.opens)
    for before in (state.last_sent_at, state.last_due_at):
        if before is not None:
            due = max(due, before + max(plan.min_gap, DISTANCE))
    if state.last_turn_at is not None:
        due = max(due, state.last_turn_at + SILENCE)
    return due


# --- the moment -----------------------------------------------------------------------------------


def due_now(state: State, context: Context) -> str | None:
    """Return the step that is due at this moment, if any.

    It is invite, reminder, reminder_2 … or last_call; one that comes late too, see `put_off`.
    """
    plan, now = context.plan, context.now
    if now >= plan.closes or next_allowed(plan.hours, context.zone, now, plan.closes) != now:
        return None
    following = _following(state, context)
    return None if following is None or now < following[1] else following[0]


def wake_at(state: State, context: Context) -> datetime | None:
    """Return when the conversation's timer must go off next: a step of the plan, or closing.

    None once the conversation is over. Never earlier than now.
    """
    if state.status.over:
        return None
    plan, now = context.plan, context.now
    following = _following(state, context)
    if following is not None:
        moment = max(following[1], now)
        allowed = next_allowed(plan.hours, context.zone, moment, plan.closes)
        if allowed is not None:
            return allowed
    return max(plan.closes, now)


def put_off(state: State, context: Context) -> datetime | None:
    """Return when a reminder that comes too late had better come; None: now.

    Those that a machine missed while it slept are due all at once, and so are those that a changed
    plan brings forward: they are spread over the sending hours that come.
    """
    following = _following(state, context)
    if following is None or following[0] == INVITE:
        return None
    plan, due = context.plan, following[1]
    missed = openings(plan.hours, context.zone, due, context.now)
    late = sum((ends - opens for opens, ends in missed), timedelta())
    # Who has waited once for a time of their own waits no second time, unless all slept again.
    if late <= LATE or (due == state.put_off and context.now - due <= SLEPT_AGAIN):
        return None
    share = _share(state)
    later = spread(plan.hours, context.zone, context.now, plan.closes, CATCHING_UP, share)
    # Towards the end, where too few hours are left to share out, it goes now.
    return None if later is None or later <= context.now else later


def _following(state: State, context: Context) -> tuple[str, datetime] | None:
    """Return the next step and the moment within the hours at which it goes out.

    None: nothing comes any more.
    """
    plan = context.plan
    step = next_step(state, plan)
    if step is None:
        return None
    name, due = step
    if name == INVITE:  # its moment was chosen by the launch
        return step
    if name != LAST_CALL:
        without = replace(context, plan=plan.without_reminders())
        last = next_step(state, without.plan)
        moment = _nudge(state, context, due) or _moment(state, context, due)
        if moment is None or (last is not None and last[1] <= context.now):
            # No hour is left for it; or the machine slept, and of two the later one is true.
            return _following(state, without)
    else:
        moment = _moment(state, context, due)
    if moment is None:
        return None
    if plan.not_before is not None:
        apart = _moment(state, context, plan.not_before)
        if apart is None:
            return None
        moment = max(moment, apart)
    return name, moment if state.put_off is None else max(moment, state.put_off)


def _moment(state: State, context: Context, due: datetime) -> datetime | None:
    """Return when what is due goes out. Many whom the night held back do not come in one minute."""
    plan, zone = context.plan, context.zone
    allowed = next_allowed(plan.hours, zone, due, plan.closes)
    if allowed is None or allowed == due:
        return allowed
    return spread(plan.hours, zone, allowed, plan.closes, BUNCH, _share(state)) or allowed


def _nudge(state: State, context: Context, due: datetime) -> datetime | None:
    """Return when a reminder to somebody half-way goes out before their window closes, in place of
    a dearer template after it; None where it does not."""
    plan, heard = context.plan, state.last_turn_at
    if plan.nudge_before is None or heard is None or not context.window_open:
        return None
    closes = min(heard + WINDOW, plan.closes)
    if state.status is Status.INVITED or due < closes:
        return None
    if next_allowed(plan.hours, context.zone, context.now, closes) is None:
        return None  # no hour is left before it closes
    earliest = max(_not_sooner(heard, state, plan), plan.not_before or heard)
    best = heard + WINDOW - plan.nudge_before
    found = None
    for opens, ends in openings(plan.hours, context.zone, earliest, closes):
        if ends > best:
            return max(opens, best)
        found = max(opens, ends - LATE)
    return found


# --- chance ---------------------------------------------------------------------------------------


def _share(state: State) -> float:
    """Return the person's place, 0 up to 1, among those who are spread."""
    return (state.seed * GOLDEN) % 1


def held_out(state: State, plan: Plan, step: str) -> bool:
    """Whether this reminder is left out for this person, so that what it does can be measured.

    Drawn from the conversation's seed: nobody chooses, and it stays the same.
    """
    if step == INVITE or not plan.holdout:
        return False
    drawn = hashlib.sha256(f"{state.seed}:{step}".encode()).digest()
    return int.from_bytes(drawn[:4], "big") < plan.holdout * 2**32


def passed(state: State, step: str, now: datetime, *, held: bool) -> State:
    """Return the state after a step was sent, or held. Both count, and keep their distance."""
    if step == INVITE:
        return replace(state, sent=(*state.sent, step), last_sent_at=now, last_due_at=now)
    half_way = state.status is not Status.INVITED and step != LAST_CALL
    state = replace(state, half_way=_half_way(state) + half_way, last_due_at=now, put_off=None)
    if held:
        return replace(state, held=(*state.held, step))
    return replace(state, sent=(*state.sent, step), last_sent_at=now, reminded=True)
