"""First contacts and reminders keep their hours, their gap and their number."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.flow.schedule import (
    SILENCE,
    due_now,
    held_out,
    next_allowed,
    next_step,
    passed,
    put_off,
    wake_at,
)
from bot.flow.state import State, Status
from bot.flow.turn import Context, Hours, Plan, Season

JAKARTA, JAYAPURA = ZoneInfo("Asia/Jakarta"), ZoneInfo("Asia/Jayapura")
DAY = ((time(8, 30), time(11, 45)), (time(13, 15), time(16)))
FRIDAY = ((time(8, 30), time(11)), (time(14), time(16)))
HOURS = Hours((DAY, DAY, DAY, DAY, FRIDAY, (), ()), frozenset({date(2026, 12, 25)}))
FAR = datetime(2030, 1, 1, tzinfo=UTC)
PLAN = Plan(
    opens=datetime(2026, 10, 31, 17, tzinfo=UTC),
    closes=datetime(2027, 1, 31, 17, tzinfo=UTC),
    hours=HOURS,
)


def local(text: str, zone: ZoneInfo = JAKARTA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("2026-11-24T10:00", "2026-11-24T10:00"),
        ("2026-11-24T08:29:59", "2026-11-24T08:30"),
        ("2026-11-24T11:45", "2026-11-24T13:15"),
        ("2026-11-24T12:30", "2026-11-24T13:15"),
        ("2026-11-24T16:00", "2026-11-25T08:30"),
        ("2026-11-27T11:30", "2026-11-27T14:00"),
        ("2026-11-27T20:00", "2026-11-30T08:30"),
        ("2026-12-24T22:00", "2026-12-28T08:30"),
    ],
)
def test_the_next_allowed_moment_respects_noon_night_weekend_and_holidays(
    asked: str, allowed: str
) -> None:
    assert next_allowed(HOURS, JAKARTA, local(asked), FAR) == local(allowed)


def test_hours_are_those_of_the_persons_own_zone() -> None:
    moment = local("2026-11-24T08:30", JAYAPURA)
    assert next_allowed(HOURS, JAYAPURA, moment, FAR) == moment
    assert next_allowed(HOURS, JAKARTA, moment, FAR) == moment + timedelta(hours=2)


def test_without_any_hour_before_the_end_there_is_no_moment() -> None:
    assert next_allowed(Hours(), JAKARTA, local("2026-11-24T10:00"), FAR) is None
    night = local("2026-11-24T22:00")
    assert next_allowed(HOURS, JAKARTA, night, night + timedelta(hours=3)) is None


MOMENTS = st.integers(0, 90 * 24 * 60).map(lambda minutes: PLAN.opens + timedelta(minutes=minutes))
ZONES = st.sampled_from(["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Europe/Berlin"])


@given(
    MOMENTS, st.sampled_from(["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Europe/Berlin"])
)
def test_an_allowed_moment_lies_in_the_hours_and_none_earlier_does(
    moment: datetime, name: str
) -> None:
    zone = ZoneInfo(name)
    allowed = next_allowed(HOURS, zone, moment, FAR)
    assert allowed is not None
    assert allowed >= moment
    there = allowed.astimezone(zone)
    assert there.date() not in HOURS.holidays
    assert any(a <= there.time() < b for a, b in HOURS.spans[there.weekday()])
    assert next_allowed(HOURS, zone, allowed, FAR) == allowed
    if allowed > moment:
        halfway = moment + (allowed - moment) / 2
        assert next_allowed(HOURS, zone, halfway, FAR) == allowed


def invited(**changes: Any) -> State:
    return replace(State(Status.INVITED, "id"), **changes)


def context(now: datetime, plan: Plan = PLAN) -> Context:
    return Context(now=now, zone=JAKARTA, plan=plan, texts={})


def test_the_invitation_comes_first_and_not_before_opening() -> None:
    assert next_step(invited(), PLAN) == ("invite", PLAN.opens)
    assert wake_at(invited(), context(PLAN.opens - timedelta(days=9))) == local("2026-11-02T08:30")


def test_the_reminder_follows_the_invitation_by_days() -> None:
    sent = local("2026-11-24T10:00")
    state = invited(sent=("invite",), last_sent_at=sent)
    assert wake_at(state, context(sent)) == local("2026-11-27T10:00")


def test_two_steps_keep_their_gap_even_when_the_plan_is_short() -> None:
    sent = local("2026-11-24T10:00")
    state = invited(sent=("invite",), last_sent_at=sent)
    short = replace(PLAN, invited_after=timedelta(hours=1))
    assert next_step(state, short) == ("reminder", sent + timedelta(hours=48))


def test_nothing_follows_the_last_call() -> None:
    state = invited(sent=("invite", "last_call"), last_sent_at=local("2026-11-24T10:00"))
    assert next_step(state, PLAN) is None
    assert wake_at(state, context(local("2026-11-24T10:00"))) == PLAN.closes


def test_a_reminder_that_would_come_after_the_last_call_is_left_out() -> None:
    state = invited(sent=("invite",), last_sent_at=PLAN.closes - timedelta(days=5))
    assert next_step(state, PLAN) == ("last_call", PLAN.closes - timedelta(days=3))


def test_of_two_steps_that_are_overdue_the_later_one_is_sent() -> None:
    state = invited(sent=("invite",), last_sent_at=local("2026-11-24T10:00"))
    assert due_now(state, context(local("2027-01-29T10:00"))) == "last_call"


def test_nobody_is_interrupted_who_has_just_written() -> None:
    wrote = local("2027-01-28T23:59")
    state = State(Status.ASKING, "id", last_turn_at=wrote)  # the last call is due since 00:00
    assert due_now(state, context(local("2027-01-29T10:00"))) is None
    assert wake_at(state, context(wrote)) == local("2027-01-29T14:00")


def test_reminders_that_are_switched_off_are_not_sent() -> None:
    off = replace(PLAN, invited_after=None, partial_after=None, last_call_before=None)
    state = invited(sent=("invite",), last_sent_at=local("2026-11-24T10:00"))
    assert wake_at(state, context(local("2026-11-25T10:00"), off)) == PLAN.closes


def test_who_fills_in_anew_has_finished_and_is_not_reminded() -> None:
    state = State(Status.ASKING, "id", earlier={"a": "1"}, last_turn_at=local("2026-11-24T10:00"))
    for day in ("2026-11-30", "2027-01-29"):
        assert due_now(state, context(local(f"{day}T10:00"))) is None
    assert wake_at(state, context(local("2026-11-25T10:00"))) == PLAN.closes


def test_who_is_over_is_never_woken() -> None:
    for status in Status:
        if status.over:
            assert wake_at(State(status, "id"), context(local("2026-11-25T10:00"))) is None


@given(
    MOMENTS,
    st.sampled_from([Status.INVITED, Status.CONSENT, Status.ASKING]),
    st.lists(st.integers(0, 60 * 24 * 4), max_size=25),
)
def test_the_timer_never_sends_twice_too_soon_or_outside_the_hours(
    start: datetime, status: Status, delays: list[int]
) -> None:
    """Machines sleep: every timer goes off some minutes to days after it was due."""
    assume(start < PLAN.closes)
    state = State(status, "id", last_turn_at=None if status is Status.INVITED else start)
    now = start
    sent: list[tuple[str, datetime]] = []
    for delay in [*delays, *[0] * 10]:
        timer = wake_at(state, context(now))
        assert timer is not None
        assert timer >= now
        now = timer + timedelta(minutes=delay)
        if now >= PLAN.closes:
            break
        step = due_now(state, context(now))
        if delay == 0 and timer < PLAN.closes:
            assert step is not None, "a timer on time is never in vain"
        if step is not None:
            sent.append((step, now))
            state = replace(state, sent=(*state.sent, step), last_sent_at=now)
    assert len({step for step, _ in sent}) == len(sent)
    assert all(later - earlier >= PLAN.min_gap for (_, earlier), (_, later) in pairwise(sent))
    for _, moment in sent:
        assert next_allowed(HOURS, JAKARTA, moment, FAR) == moment


# several reminders


def test_further_reminders_keep_the_distances_of_the_plan() -> None:
    plan = replace(PLAN, invited_again=(timedelta(days=5),))
    sent = local("2026-11-24T10:00")
    state = passed(invited(), "invite", sent, held=False)
    got = []
    while (step := next_step(state, plan)) is not None:
        got.append((step[0], (step[1] - sent).days))
        state = passed(state, step[0], step[1], held=False)
    assert got == [("reminder", 3), ("reminder_2", 8), ("last_call", 65)]


def test_nobody_gets_more_than_the_maximum_the_last_call_included() -> None:
    sent = local("2026-11-24T10:00")
    state = invited(sent=("invite", "reminder"), held=("reminder_2",), last_sent_at=sent)
    assert next_step(state, replace(PLAN, maximum=2)) is None
    assert next_step(state, replace(PLAN, maximum=3)) is not None
    assert next_step(invited(sent=("invite",), last_sent_at=sent), replace(PLAN, maximum=0)) is None


def test_whatever_is_written_two_reminders_are_two_days_apart() -> None:
    sent = local("2026-11-24T10:00")
    hasty = replace(PLAN, min_gap=timedelta(hours=1), invited_after=timedelta(hours=1))
    state = invited(sent=("invite",), last_sent_at=sent)
    assert next_step(state, hasty) == ("reminder", sent + timedelta(hours=48))


def test_states_from_before_there_were_several_reminders_are_not_reminded_again() -> None:
    half_way = State(
        Status.ASKING,
        "id",
        sent=("invite", "reminder"),
        last_sent_at=local("2026-11-24T10:00"),
        last_turn_at=local("2026-11-20T10:00"),
        reminded=True,
    )
    assert next_step(half_way, PLAN) == ("last_call", PLAN.closes - timedelta(days=3))
    again = replace(PLAN, partial_again=(timedelta(days=4),))
    assert next_step(half_way, again) == ("reminder_2", local("2026-11-28T10:00"))
    stored = half_way.to_json()
    assert not {"held", "half_way", "last_due_at", "put_off"} & set(json.loads(stored))


# hours that hold whatever is written


def test_there_are_no_hours_at_night() -> None:
    whole = Hours(tuple(((time(0), time(23, 59)),) for _ in range(7)))
    assert whole.on(date(2026, 11, 24)) == ((time(7), time(21)),)
    assert Hours(tuple(((time(21), time(23)),) for _ in range(7))).on(date(2026, 11, 24)) == ()


def test_a_season_has_hours_of_its_own_and_holidays_none() -> None:
    morning = tuple(((time(9), time(11)),) for _ in range(7))
    season = Season(date(2027, 2, 8), date(2027, 3, 9), morning)
    hours = replace(HOURS, seasons=(season,), holidays=frozenset({date(2027, 3, 8)}))
    assert hours.on(date(2027, 2, 5)) == FRIDAY
    assert hours.on(date(2027, 2, 8)) == hours.on(date(2027, 3, 9)) == ((time(9), time(11)),)
    assert hours.on(date(2027, 3, 8)) == ()
    assert hours.on(date(2027, 3, 10)) == DAY


# late, and many at once


def test_those_whom_the_night_held_back_do_not_come_in_one_minute() -> None:
    sent = local("2026-11-24T15:59:30")
    plan = replace(PLAN, invited_after=timedelta(days=3, hours=1))
    moments = {
        wake_at(invited(sent=("invite",), last_sent_at=sent, seed=seed), context(sent, plan))
        for seed in range(200)
    }
    times = {one for one in moments if one is not None}
    assert len(times) == 200
    assert min(times) >= local("2026-11-30T08:30")
    assert max(times) < local("2026-11-30T09:30")


def test_what_a_machine_missed_is_spread_over_the_hours_that_come() -> None:
    state = invited(sent=("invite",), last_sent_at=local("2026-11-24T10:00"))
    now = local("2026-12-01T10:00")
    times = []
    for seed in range(100):
        late = replace(state, seed=seed)
        assert due_now(late, context(now)) == "reminder"
        later = put_off(late, context(now))
        times.append(later or now)
        if later is not None:
            late = replace(late, put_off=later)
            assert due_now(late, context(now)) is None
            assert wake_at(late, context(now)) == later
            assert put_off(late, context(later + timedelta(hours=3))) is None, "not again"
    assert (
        max(Counter(one.replace(minute=0, second=0, microsecond=0) for one in times).values()) < 40
    )
    assert max(times) < local("2026-12-01T15:31")


def test_who_just_missed_the_end_of_a_day_comes_in_the_morning() -> None:
    # Due at 15.45 on Friday; whoever looks at 16.00 finds the hours over until Monday, 08.30.
    state = invited(sent=("invite",), last_sent_at=local("2026-11-24T15:45"), seed=77)
    for moment in ("2026-11-30T08:30", "2026-11-30T08:44"):
        assert due_now(state, context(local(moment))) == "reminder"
        assert put_off(state, context(local(moment))) is None
    assert put_off(state, context(local("2026-11-30T08:50"))) is not None, "35 minutes of hours"


def test_what_kept_its_distance_from_a_message_that_waited_is_not_late() -> None:
    state = invited(sent=("invite",), last_sent_at=local("2026-11-24T10:00"), seed=77)
    plan = replace(PLAN, not_before=local("2026-12-01T10:00"))
    assert due_now(state, context(local("2026-12-01T09:59"), plan)) is None
    assert wake_at(state, context(local("2026-11-30T10:00"), plan)) == plan.not_before
    assert due_now(state, context(local("2026-12-01T10:00"), plan)) == "reminder"
    assert put_off(state, context(local("2026-12-01T10:00"), plan)) is None


def test_a_distance_that_ends_before_a_moment_does_not_make_it_late() -> None:
    """The night held it back until some time in the first hour; its distance was over earlier."""
    sent = local("2026-11-27T15:59")
    state = invited(sent=("invite",), last_sent_at=sent, last_turn_at=sent, seed=77)
    plan = replace(PLAN, invited_after=timedelta(days=2, hours=5))
    moment = wake_at(state, context(sent, plan))
    assert moment is not None
    assert moment > local("2026-11-30T09:05")
    near = replace(plan, not_before=local("2026-11-30T08:30"))
    assert due_now(state, context(moment, near)) == "reminder"
    assert put_off(state, context(moment, near)) is None


def test_a_last_call_that_comes_late_goes_at_once_where_few_hours_are_left() -> None:
    state = invited(sent=("invite", "reminder"), last_sent_at=local("2026-11-24T10:00"), seed=77)
    now = local("2027-01-29T14:30")
    assert due_now(state, context(now)) == "last_call"
    assert put_off(state, context(now)) is None


# the window


NUDGE = replace(PLAN, nudge_before=timedelta(hours=3))


@pytest.mark.parametrize(
    ("wrote", "nudged"),
    [
        ("2026-11-24T15:00", "2026-11-25T11:00"),
        ("2026-11-24T16:30", "2026-11-25T13:15"),
        ("2026-11-24T20:00", "2026-11-25T15:30"),  # the last hours before
        ("2026-11-24T11:00", "2026-11-25T08:30"),
        ("2026-11-24T18:00", "2026-11-25T14:00"),
        ("2026-11-26T18:00", "2026-11-27T14:00"),
        ("2026-11-27T10:00", None),  # a weekend follows
    ],
)
def test_a_nudge_comes_before_the_window_closes(wrote: str, nudged: str | None) -> None:
    state = State(Status.ASKING, "id", last_turn_at=local(wrote))
    timer = wake_at(state, context(local(wrote), NUDGE))
    assert timer is not None
    if nudged is None:
        assert timer - local(wrote) >= timedelta(days=2)
        return
    assert timer == local(nudged)
    assert due_now(state, context(timer, NUDGE)) == "reminder"
    assert next_allowed(HOURS, JAKARTA, timer, FAR) == timer
    after = passed(state, "reminder", timer, held=False)
    assert next_step(after, NUDGE) == ("last_call", PLAN.closes - timedelta(days=3))


def test_a_nudge_that_was_missed_is_none_once_the_hours_before_the_windows_end_are_over() -> None:
    state = State(Status.ASKING, "id", last_turn_at=local("2026-11-24T17:01"))
    missed = context(local("2026-11-25T16:00"), NUDGE)  # a minute before the window closes
    assert wake_at(state, missed) == local("2026-11-27T08:30"), "the reminder after two days"


def test_without_an_open_window_there_is_no_nudge() -> None:
    state = State(Status.ASKING, "id", last_turn_at=local("2026-11-24T11:00"))
    shut = replace(context(local("2026-11-25T08:30"), NUDGE), window_open=False)
    assert due_now(state, shut) is None
    assert wake_at(state, shut) == local("2026-11-26T11:00")


# chance


def test_the_share_that_is_held_out_is_that_of_the_plan_and_stays_the_same() -> None:
    plan = replace(PLAN, holdout=0.1)
    drawn = [held_out(invited(seed=seed * 7919), plan, "reminder") for seed in range(1000)]
    assert 70 < sum(drawn) < 130
    again = [held_out(invited(seed=seed * 7919), plan, "reminder") for seed in range(1000)]
    other = [held_out(invited(seed=seed * 7919), plan, "last_call") for seed in range(1000)]
    assert drawn == again != other
    assert not any(held_out(invited(seed=seed), plan, "invite") for seed in range(1000))
    assert not any(held_out(invited(seed=seed), PLAN, "reminder") for seed in range(100))


# the whole


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    days = st.integers(0, 20).map(lambda number: timedelta(days=number))
    return replace(
        PLAN,
        invited_after=draw(st.none() | days),
        invited_again=tuple(draw(st.lists(days, max_size=3))),
        partial_after=draw(st.none() | days),
        partial_again=tuple(draw(st.lists(days, max_size=2))),
        last_call_before=draw(st.none() | days),
        min_gap=timedelta(hours=draw(st.sampled_from([1, 48, 100]))),
        maximum=draw(st.integers(0, 5)),
        holdout=draw(st.sampled_from([0.0, 0.5])),
        nudge_before=draw(st.sampled_from([None, timedelta(hours=3)])),
    )


EVENTS = st.lists(st.tuples(st.integers(0, 60 * 24 * 3), st.booleans()), max_size=12)


@settings(max_examples=50)
@given(plans(), st.integers(0, 2**32), EVENTS, st.integers(1, 40), st.sampled_from(list(Status)))
def test_no_plan_writes_outside_its_hours_too_often_too_soon_or_after_the_end(
    plan: Plan, seed: int, events: list[tuple[int, bool]], stops_after: int, end: Status
) -> None:
    """Timers come late by minutes to days, people write in between, and stop."""
    state = passed(State(Status.INVITED, "id", seed=seed), "invite", PLAN.opens, held=False)
    now, got = PLAN.opens, []
    for turn, (delay, writes) in enumerate([*events, *[(0, False)] * 30]):
        if turn == stops_after and end.over:
            state = replace(state, status=end)
        world = context(now, plan)
        timer = wake_at(state, world)
        if timer is None:
            assert state.status.over
            break
        assert timer >= now
        if writes:
            now += timedelta(minutes=delay)
            state = replace(state, status=Status.ASKING, last_turn_at=now, reminded=False)
            continue
        now = timer + timedelta(minutes=delay)
        world = context(now, plan)
        step = due_now(state, world)
        if now >= plan.closes:
            assert step is None
            break
        assert step is not None or delay, "a timer on time is never in vain"
        if step is None:
            continue
        later = put_off(state, world)
        if later is not None:
            assert later > now
            state = replace(state, put_off=later)
            continue
        assert not state.status.over
        assert state.last_turn_at is None or now - state.last_turn_at >= SILENCE
        held = held_out(state, plan, step)
        state = passed(state, step, now, held=held)
        got.append((step, now))
    assert len(got) <= plan.maximum
    assert len({step for step, _ in got}) == len(got)
    moments = [PLAN.opens, *(moment for _, moment in got)]
    assert all(b - a >= timedelta(hours=48) for a, b in pairwise(moments))
    assert all(next_allowed(HOURS, JAKARTA, moment, plan.closes) == moment for _, moment in got)


@settings(max_examples=40)
@given(plans(), st.integers(0, 2**32), ZONES)
def test_every_reminder_that_is_due_comes(plan: Plan, seed: int, name: str) -> None:
    """With a machine that never sleeps, whatever the plan allows goes out, on its day or the next
    that has hours."""
    plan = replace(plan, nudge_before=None)
    zone = ZoneInfo(name)
    state = passed(State(Status.INVITED, "id", seed=seed), "invite", PLAN.opens, held=False)
    now, got = PLAN.opens, 0
    while (timer := wake_at(state, replace(context(now, plan), zone=zone))) is not None:
        expected = next_step(state, plan)
        if timer >= plan.closes:
            break
        assert expected is not None
        world = replace(context(timer, plan), zone=zone)
        step = due_now(state, world)
        assert step is not None
        assert put_off(state, world) is None
        if step == expected[0]:
            hours = next_allowed(HOURS, zone, expected[1], FAR)
            assert hours is not None
            assert hours <= timer <= hours + timedelta(hours=4), "after a pause, within the day"
        state, now, got = passed(state, step, timer, held=False), timer, got + 1
    left = next_step(state, plan)
    if left is not None:
        late = plan.closes - timedelta(days=4)
        assert next_allowed(HOURS, zone, max(left[1], now), plan.closes) is None or left[1] > late
