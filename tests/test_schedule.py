"""First contacts and reminders keep their hours, their gap and their number."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.flow.schedule import due_now, next_allowed, next_step, wake_at
from bot.flow.state import State, Status
from bot.flow.turn import Context, Hours, Plan

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
