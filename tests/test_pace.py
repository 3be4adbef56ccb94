"""The pace: tokens of senders shared by all processes, what a person takes, and first writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interview.installation import Via
from bot.interview.sending import pace
from storage.models import FirstWrite
from storage.queries import outbox as outbox_queries
from storage.queries import senders
from tests.rows import rows
from tests.setup import TestClock, installation

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
VIA = Via("twilio", "whatsapp:+6281200000999")


@pytest.fixture
def here(some_url):
    with installation(some_url, clock=TestClock(NOW)) as opened:
        yield opened


@pytest.fixture
def quick(sqlite_url):
    with installation(sqlite_url, clock=TestClock(NOW)) as opened:
        yield opened


def reserve(here, lane, wanted, now=NOW):
    def work(connection):
        outbox_queries.one_at_a_time(connection)
        sender = pace.sender_of(connection, VIA.channel, VIA.sender)
        return [
            now + timedelta(seconds=one)
            for one in pace.reserve(connection, sender, lane, wanted, now)
        ]

    return here.database.write(work)


def most_in(moments, seconds):
    """Return the most moments in any span of so many seconds."""
    moments = sorted(moments)
    span = timedelta(seconds=seconds)
    return max((sum(one <= at < one + span for at in moments) for one in moments), default=0)


def test_a_silent_sender_answers_a_second_s_worth_at_once_and_then_keeps_its_pace(here):
    first = reserve(here, "urgent", 500)
    assert first[:80] == [NOW] * 80
    assert most_in(first, 1) <= 81 + 80
    assert max(first) <= NOW + pace.AHEAD
    later = reserve(here, "urgent", 500, NOW + timedelta(seconds=1))
    assert most_in([one for one in first + later if one > NOW], 1) <= 81


def test_campaigns_never_go_faster_than_their_own_pace(here):
    moments = []
    for tenth in range(150):
        moments += reserve(here, "campaign", 500, NOW + timedelta(seconds=tenth / 10))
    assert most_in(moments, 10) <= 601
    assert len(moments) >= 15 * 60


def test_campaigns_leave_room_for_replies_and_slow_down_when_these_need_it(quick):
    replies = 0
    campaign = []
    for tenth in range(100):
        now = NOW + timedelta(seconds=tenth / 10)
        replies += len(reserve(quick, "urgent", 5, now))
        campaign += reserve(quick, "campaign", 500, now)
    assert replies >= 495, "50 replies a second found room"
    assert len(campaign) + replies <= 80 * 12


def test_processes_that_reserve_at_once_share_one_pace(here):
    """Every token is given out once, whoever asks."""
    with ThreadPoolExecutor(8) as pool:
        got = [
            one
            for part in pool.map(lambda _: reserve(here, "campaign", 7), range(40))
            for one in part
        ]
    assert len(set(got)) == len(got)
    assert 60 <= len(got) <= 61
    assert most_in(got, 1) <= 61


@given(
    st.lists(st.floats(0, 300), max_size=60),
    st.sampled_from(["reply", "invitation"]),
)
def test_a_person_gets_one_message_in_six_seconds_and_a_burst(gaps, purpose):
    """Whatever the gaps between wishes: WhatsApp's own bucket never runs dry."""
    burst = pace.PERSON_BURST.get(purpose, 10)
    now = NOW
    handed: list[datetime] = []
    for gap in gaps:
        now += timedelta(seconds=gap)
        free = pace.person_free_at(handed, purpose, now)
        now = free or now
        assert pace.person_free_at(handed, purpose, now) is None
        handed.append(now)
    tokens, before = float(burst), None
    for at in handed:
        if before is not None:
            tokens = min(burst, tokens + (at - before).total_seconds() / 6)
        before = at
        assert tokens >= 1 - 1e-6
        tokens -= 1


def test_a_reply_may_burst_farther_than_an_invitation():
    handed = [NOW] * 10
    assert pace.person_free_at(handed, "reply", NOW) is None
    assert pace.person_free_at(handed, "invitation", NOW) == NOW + timedelta(seconds=6)
    assert pace.person_free_at([NOW] * 45, "reply", NOW) == NOW + timedelta(seconds=6)


def test_a_portfolio_writes_first_to_so_many_people_in_any_day(quick):
    from bot.channels.base import Address
    from bot.interview import identity

    def person(connection, number):
        met = identity.person(connection, quick, [Address("phone", f"+62812000{number:05d}")])
        return next(iter(met.addresses.values()))

    def write(now, numbers):
        def work(connection):
            ids = [person(connection, number) for number in numbers]
            pace.sender_of(connection, VIA.channel, VIA.sender)
            senders.change(connection, VIA.channel, VIA.sender, people_per_day=3)
            sender = pace.sender_of(connection, VIA.channel, VIA.sender)
            beginnings = pace.Beginnings(connection, sender, ids, now)
            return [beginnings.take(one) for one in ids]

        return quick.database.write(work)

    tomorrow = NOW + timedelta(days=1)
    assert write(NOW, [1, 2]) == [None, None]
    hour = NOW + timedelta(hours=1)
    # The first two are counted already; of two new ones one finds a place.
    assert write(hour, [1, 2, 3, 4]) == [None, None, None, tomorrow]
    assert write(hour, [3, 4]) == [None, tomorrow]
    assert write(tomorrow + timedelta(seconds=1), [4, 5]) == [None, None]
    assert len(rows(quick, FirstWrite)) == 5


def test_replies_in_the_webhook_s_own_answer_use_tokens_up(here):
    debits = pace.Debits()
    debits._written -= 2
    for _ in range(40):
        debits.count(here, VIA)
    debits._written -= 2
    debits.count(here, VIA)
    urgent = reserve(here, "urgent", 500, datetime.now(UTC))
    at_once = [one for one in urgent if one <= datetime.now(UTC)]
    assert 35 <= len(at_once) <= 45, "about 41 of a second's 80 tokens were gone"
