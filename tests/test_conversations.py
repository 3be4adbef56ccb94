"""Conversations: enrolling, timers, and what happens when a worker dies between two steps."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.channels.base import Address
from bot.flow.state import Status
from bot.interview import identity
from bot.interview.conversations import enrol
from bot.interview.states import load_state, survey_of
from bot.interview.surveys import Surveys, publish
from bot.interview.waking import wake_due
from storage.models import Contact, Conversation, FlowVersion, Outbox
from storage.queries import turns
from tests.forked import ready_together
from tests.respondents import all_at_once
from tests.rows import change, count, rows, statuses
from tests.setup import SECRET, add_unit
from tests.test_surveys import changed
from tests.whatsapp import Office, office


@pytest.fixture
def place(some_url: str) -> Iterator[Office]:
    with office(some_url) as opened:
        yield opened


def invite(place: Office, phone: str = "+6281200000901", **values: Any) -> int | None:
    """Enrol somebody on the roster and return the conversation."""
    here = place.installation
    wake_at = values.pop("wake_at", here.now())
    unit = values.pop("unit_id", place.unit_id)

    def work(connection):
        met = identity.person(connection, here, [Address("phone", phone)])
        return enrol(
            connection, here, place.published, met.contact_id, unit, "internal", wake_at, **values
        )

    return here.database.write(work)


def steps(place: Office) -> list[str]:
    """Return the purposes of all messages, oldest first."""
    found = sorted(rows(place.installation, Outbox), key=lambda row: row.created_at)
    return [row.purpose for row in found]


def state(place: Office, conversation_id: int) -> Any:
    here = place.installation

    def work(connection):
        (row, *_) = turns.turn_of(connection, conversation_id)
        return load_state(connection, here, row, survey_of(connection, here, row))

    return here.database.read(work)


def begun(place: Office, **who: Any) -> Any:
    ani = place.twilio.person(**who)
    for text in (place.link_text(), "1", "SETUJU"):
        ani.say(text)
    place.twilio.settle()
    return ani


# enrolling


def test_a_person_is_enrolled_once_however_often_the_roster_names_them(place):
    assert invite(place) is not None
    assert invite(place) is None
    assert statuses(place.installation) == ["invited"]


def test_who_has_begun_by_a_poster_is_not_enrolled_beside_it(place):
    begun(place, phone="+6281200000902")
    assert invite(place, "+6281200000902") is None
    assert count(place.installation, Conversation) == 1


def test_a_new_conversation_becomes_the_active_one_of_who_had_none(place):
    conversation = invite(place)
    (contact,) = rows(place.installation, Contact)
    assert contact.active_conversation_id == conversation


def test_a_step_that_read_an_older_state_is_not_stored(place):
    """The compare-and-set that everything else rests on."""
    conversation = invite(place)
    assert conversation is not None
    here = place.installation
    (before,) = rows(here, Conversation)
    same = {
        "status": "invited",
        "wake_at": None,
        "mix_at": None,
        "sealed": before.sealed,
        "key_id": before.key_id,
    }
    save = turns.save
    assert here.database.write(lambda c: save(c, conversation, before.version, **same))
    assert not here.database.write(lambda c: save(c, conversation, before.version, **same))
    assert rows(here, Conversation)[0].version == before.version + 1


# timers


def test_the_invitation_goes_out_when_its_time_has_come_and_once(place):
    invite(place, wake_at=place.clock.now + timedelta(hours=1))
    here = place.installation
    assert wake_due(here) == 0
    place.clock.move(hours=1)
    assert wake_due(here) == 1
    assert wake_due(here) == 0
    assert steps(place) == ["invitation"]
    assert statuses(here) == ["invited"]


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        (datetime(2026, 11, 23, 1, 29, tzinfo=UTC), datetime(2026, 11, 23, 1, 30, tzinfo=UTC)),
        (datetime(2026, 11, 23, 5, 0, tzinfo=UTC), datetime(2026, 11, 23, 6, 15, tzinfo=UTC)),
        (datetime(2026, 11, 23, 14, 0, tzinfo=UTC), datetime(2026, 11, 24, 1, 30, tzinfo=UTC)),
        (datetime(2026, 11, 27, 9, 30, tzinfo=UTC), datetime(2026, 11, 30, 1, 30, tzinfo=UTC)),
        (datetime(2026, 12, 23, 10, 0, tzinfo=UTC), datetime(2026, 12, 28, 1, 30, tzinfo=UTC)),
    ],
    ids=["before work", "at noon", "at night", "on a weekend", "on holidays"],
)
def test_nobody_is_written_to_first_in_quiet_hours(sqlite_url, now, goes):
    with office(sqlite_url) as place:
        place.clock.now = now
        invite(place)
        assert wake_due(place.installation) == 1, "the timer is set anew"
        assert steps(place) == []
        (row,) = rows(place.installation, Conversation)
        assert row.wake_at == goes
        place.clock.now = goes
        assert wake_due(place.installation) == 1
        assert steps(place) == ["invitation"]


def test_quiet_hours_are_those_of_the_units_zone(sqlite_url):
    with office(sqlite_url) as place:
        east = add_unit(place.installation, "Dinas Timur", code="U9", zone="Asia/Jayapura")
        place.clock.now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # 06.30 WIB, 08.30 WIT
        invite(place, "+6281200000903")
        invite(place, "+6281200000904", unit_id=east)
        wake_due(place.installation)
        assert steps(place) == ["invitation"]
        (written,) = rows(place.installation, Outbox)
        assert rows(place.installation, Conversation, id=written.conversation_id)[0].unit_id == east


def let_out(place: Office) -> None:
    """Let all that waits have gone out now, and arrived."""
    arrived = {"status": "delivered", "rank": 4, "handed_at": place.clock.now, "sealed": None}
    change(place.installation, Outbox, arrived, status="queued")


def test_over_the_weeks_each_reminder_comes_once_and_then_the_last_call(place):
    invite(place)
    for _ in range(8 * 75):
        place.clock.move(hours=3)
        if wake_due(place.installation):
            let_out(place)
    assert Counter(steps(place)) == {"invitation": 1, "reminder": 3}
    assert statuses(place.installation) == ["closed"]
    assert [row.wake_at for row in rows(place.installation, Conversation)] == [None]


def test_who_stopped_half_way_is_reminded_and_who_finished_is_not(place):
    ani = begun(place)
    for _ in range(24 * 4):
        place.clock.move(hours=1)
        wake_due(place.installation)
    assert steps(place).count("reminder") == 1
    place.sweep("deliver")
    first = ani.say("1")[0]
    assert "Supaya tidak keliru" in first, "the first message after it only shows the question"


def test_who_asked_not_to_be_contacted_is_not_reminded(place):
    ani = begun(place)
    here = place.installation
    contact = rows(here, Contact)[0].id
    here.database.write(lambda c: identity.opt_out(c, here, contact))
    for _ in range(24 * 6):
        place.clock.move(hours=1)
        wake_due(here)
    assert "reminder" not in steps(place)
    assert ani.inbox


def test_new_dates_count_for_people_who_are_under_way(place):
    begun(place)
    publish(place.installation, changed(closes="2026-11-24"))
    place.clock.now = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # midnight in Jakarta
    assert wake_due(place.installation) == 1
    assert statuses(place.installation) == ["closed"]


def test_a_step_that_fails_waits_an_hour_and_holds_nobody_up(place):
    first = invite(place, "+6281200000905")
    here = place.installation
    sealed = rows(here, Conversation, id=first)[0].sealed
    change(here, Conversation, {"sealed": b"\0" * 40}, id=first)
    invite(place, "+6281200000906")
    assert wake_due(here) == 1
    assert steps(place) == ["invitation"]
    (row,) = rows(here, Conversation, id=first)
    assert row.wake_at == here.now() + timedelta(hours=1)
    assert wake_due(here) == 0
    change(here, Conversation, {"sealed": sealed}, id=first)
    place.clock.move(hours=1)
    assert wake_due(here) == 1
    assert steps(place) == ["invitation", "invitation"]


def test_a_version_that_does_not_compile_postpones_all_its_timers_once(place):
    for number in range(5):
        invite(place, f"+62812000009{number + 10}")
    here = place.installation
    change(here, FlowVersion, {"content": '{"internal.yaml": "kind: ["}'})
    here.surveys = Surveys()
    assert wake_due(here) == 0
    assert {row.wake_at for row in rows(here, Conversation)} == {here.now() + timedelta(hours=1)}
    assert steps(place) == []


def test_a_conversation_that_nobody_can_be_reached_by_wakes_no_more(place):
    conversation = invite(place)
    here = place.installation
    change(here, Conversation, {"contact_id": None}, id=conversation)
    assert wake_due(here) == 0
    assert rows(here, Conversation)[0].wake_at > here.now() + timedelta(days=365)


def test_a_turn_and_a_timer_at_the_same_moment_both_count(place):
    """She answers while the reminder is due: one of the two starts again, none is lost."""
    people_ = [begun(place) for _ in range(6)]
    change(place.installation, Conversation, {"wake_at": place.clock.now})
    found = rows(place.installation, Conversation)
    before = {row.id: len(state(place, row.id).answers) for row in found}

    def wake():
        for _ in range(6):
            wake_due(place.installation)

    all_at_once([wake, wake, *(partial(ani.say, "1") for ani in people_)], at_a_time=8)
    for row in rows(place.installation, Conversation):
        assert len(state(place, row.id).answers) == before[row.id] + 1
    assert place.twilio.errors == []


def test_the_state_that_was_wiped_is_known_by_its_status(place):
    begun(place)
    here = place.installation
    (row,) = rows(here, Conversation)
    change(
        here, Conversation, {"sealed": None, "key_id": None, "status": "finished", "mixed": True}
    )
    found = state(place, row.id)
    assert (found.status, found.mixed, found.language) == (Status.FINISHED, True, "id")


WAKER = """
import sys
from datetime import datetime
from bot.interview.installation import Clock, Via, open_installation
from bot.interview.waking import wake_due
from storage.database import Database
from storage.keys import Secret
url, secret, now, sender = sys.argv[1:]
moment = datetime.fromisoformat(now)
here = open_installation(
    Database(url), Secret(secret), clock=Clock(lambda: moment), via=Via("twilio", sender)
)
here.database.read(here.surveys.every)
print("ready", flush=True)
sys.stdin.readline()
print(sum(wake_due(here, 20) for _ in range(20)), flush=True)
"""


def test_processes_that_wake_at_once_and_one_that_is_killed_write_one_invitation_each(postgres_url):
    with office(postgres_url) as place:
        for number in range(60):
            invite(place, f"+628120000{1000 + number}")
        arguments = [postgres_url, SECRET, place.clock.now.isoformat(), place.twilio.sender]
        with ready_together(3, WAKER, *arguments) as workers:
            for one in workers:
                one.go()
            while count(place.installation, Outbox) < 10:
                time.sleep(0.001)
            workers[0].kill()
            for one in workers[1:]:
                one.wait()
        while wake_due(place.installation):
            pass
        found = Counter(row.conversation_id for row in rows(place.installation, Outbox))
        assert set(found.values()) == {1}
        assert len(found) == 60
        for row in rows(place.installation, Conversation):
            assert state(place, row.id).sent == ("invite",)
