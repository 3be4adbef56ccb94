"""Messages that no webhook brought: found in the provider's list, taken once, in order, as late."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.interview.provider_log import missed, redaction, walking
from bot.interview.provider_log.missed import AT_ONCE, OLD, YOUNG, take_missed
from bot.interview.provider_log.redaction import redact_due
from bot.interview.provider_log.walking import EMPTIED_AFTER
from storage.models import Checkpoint, Contact, Conversation, DailyMark, OptOut, Outbox, Window
from storage.models import Inbound as InboundTable
from tests.fake_twilio_person import Person
from tests.forked import ready_together
from tests.respondents import question_in
from tests.rows import change, count, rows, statuses
from tests.setup import SECRET
from tests.test_kept import Damage, held
from tests.whatsapp import Office, office


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        sweep(opened)  # from now on
        yield opened


def sweep(place: Office) -> int:
    taken = take_missed(place.service.desk, place.service.channels)
    place.sweep("deliver")
    place.twilio.settle()
    return taken


def lose(place: Office, person: Person, text: str = "", **how: Any) -> None:
    """Let somebody write what no webhook brings, some seconds after what was said before."""
    place.twilio.settle()  # the fault is for this webhook alone
    place.clock.move(seconds=5)
    place.twilio.faults.next("no_connection", times=2)
    assert person.say(text, **how) == []


def begun(place: Office, number: int = 1, group: str = "internal") -> Person:
    ani = place.twilio.person(phone=f"+62812000005{number:02}")
    for text in (place.link_text(group), "1", "SETUJU"):
        place.clock.move(seconds=5)
        ani.say(text)
    place.twilio.settle()
    return ani


def asked(place: Office, text: str) -> str:
    question = question_in(place.published.survey.for_group("internal"), text)
    assert question is not None, text
    return question.name


def test_an_answer_that_no_webhook_brought_counts_and_the_next_question_comes(place):
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    lose(place, ani, "1")
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert asked(place, ani.inbox[-1]) != first
    assert place.twilio.outbound()[-1].direction == "outbound-api"
    assert sweep(place) == 0
    place.clock.move(minutes=5)
    assert sweep(place) == 0, "looked at again, known by its id"


def test_what_is_younger_than_two_minutes_may_still_come_by_its_webhook(place):
    ani = begun(place)
    lose(place, ani, "1")
    place.clock.move(YOUNG - timedelta(seconds=1))
    assert sweep(place) == 0
    place.clock.move(seconds=1)
    assert sweep(place) == 1


def test_a_webhook_that_comes_after_all_is_taken_for_nothing(place):
    ani = begun(place)
    lose(place, ani, "1")
    place.clock.move(minutes=3)
    sweep(place)
    before = len(ani.inbox)
    assert ani.again() == []
    assert len(ani.inbox) == before


def test_of_several_missed_answers_the_first_counts_and_the_open_question_is_shown_once(place):
    """What they saw was the first question all the time."""
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    before = len(ani.inbox)
    for text in ("1", "2", "halo?"):
        lose(place, ani, text)
    place.clock.move(minutes=3)
    assert sweep(place) == 3
    second = asked(place, ani.inbox[-1])
    assert second != first
    assert len(ani.inbox) == before + 1, "each message of ours costs money"
    ani.say("ULANG")
    assert asked(place, ani.inbox[-1]) == second


def test_a_text_from_before_a_later_message_is_no_answer(place):
    ani = begun(place)
    ani.say("1")  # "2" would end it there
    lose(place, ani, "1")
    place.clock.move(seconds=20)
    ani.say("2")
    place.twilio.settle()
    now_open = asked(place, ani.inbox[-1])
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert asked(place, ani.inbox[-1]) == now_open
    ani.say("ULANG")
    assert asked(place, ani.inbox[-1]) == now_open


def test_who_wanted_to_stop_is_heard_however_late(place):
    ani = begun(place)
    ani.say("1")  # "2" would end it there
    lose(place, ani, "BERHENTI")
    place.clock.move(seconds=20)
    ani.say("2")
    place.clock.move(hours=30)
    assert sweep(place) == 1
    assert statuses(place.installation) == ["stopped"]
    assert count(place.installation, OptOut) == 1


@pytest.mark.parametrize("word", ["MULAI", "lanjut"])
def test_a_late_mulai_does_not_undo_a_later_berhenti(place, word):
    ani = begun(place)
    lose(place, ani, word)
    place.clock.move(seconds=20)
    ani.say("BERHENTI")
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert statuses(place.installation) == ["stopped"]
    assert count(place.installation, OptOut) == 1


def test_a_late_consent_is_none_where_something_was_said_after_it(place):
    ani = place.twilio.person()
    for text in (place.link_text(), "1"):
        ani.say(text)
    lose(place, ani, "SETUJU")
    place.clock.move(seconds=20)
    ani.say("siapa ini?")
    place.clock.move(minutes=3)
    sweep(place)
    assert statuses(place.installation) == ["consent"]


def test_somebody_new_begins_with_a_missed_link(place):
    ani = place.twilio.person()
    lose(place, ani, place.link_text())
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert "pilih bahasa" in ani.inbox[-1]
    assert statuses(place.installation) == ["language"]


def test_a_stranger_is_not_written_to_and_may_still_be_answered_today(place):
    ani = place.twilio.person()
    lose(place, ani, "halo")
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert ani.inbox == []
    assert count(place.installation, Contact) == count(place.installation, DailyMark) == 0
    assert "Ini nomor survei" in ani.say("halo")[0]


def test_a_button_is_known_by_its_title(place):
    ani = begun(place)
    lose(place, ani, tap="BERHENTI", fields={"Body": "Berhenti", "ButtonText": "Berhenti"})
    place.clock.move(minutes=3)
    sweep(place)
    assert statuses(place.installation) == ["stopped"]


def test_a_picture_that_was_missed_is_a_picture(place):
    ani = begun(place)
    lose(place, ani, kind="image")
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert asked(place, ani.inbox[-1]) == asked(place, ani.inbox[2])


def test_a_backup_that_was_put_back_takes_in_what_is_left_and_passes_over_what_was_emptied(place):
    """Ids of messages after the copy are unknown then; those of an hour ago have no words left."""
    ani = begun(place)
    place.twilio.settle()
    here = place.installation
    place.clock.move(EMPTIED_AFTER + timedelta(minutes=1))
    redact_due(here, place.service.channels)  # begins here
    redaction.begin_at(here, place.service.channels, place.clock.now - timedelta(hours=2))
    assert redact_due(here, place.service.channels) == 6
    budi = place.twilio.person()
    budi.say(place.link_text())
    place.twilio.settle()
    told = len(ani.inbox), len(budi.inbox)
    here.database.write(lambda c: [c.execute(delete(one)) for one in (InboundTable, Outbox)])
    change(here, Checkpoint, {"at": place.clock.now - timedelta(hours=5)})
    place.clock.move(minutes=3)
    assert sweep(place) == 4
    assert (len(ani.inbox), len(budi.inbox)) == (told[0], told[1] + 1)
    assert count(here, InboundTable) == 4


def test_an_answer_given_in_time_counts_after_an_outage_of_many_hours(place):
    """By our clock the person was silent for long; by theirs it was we."""
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    lose(place, ani, "1")
    place.clock.move(hours=14)
    assert sweep(place) == 1
    assert asked(place, ani.inbox[-1]) != first


def test_what_came_too_long_ago_to_be_answered_is_taken_in_silence(place):
    ani = begun(place)
    lose(place, ani, "BERHENTI")
    place.clock.move(hours=25)
    before = count(place.installation, Outbox)
    assert sweep(place) == 1
    assert statuses(place.installation) == ["stopped"]
    assert count(place.installation, Outbox) == before
    assert [one.code for one in place.twilio.errors] == [11200]


def test_a_missed_message_opens_the_window_from_when_it_was_written(place):
    ani = begun(place)
    place.clock.move(hours=1)
    lose(place, ani, "1")
    wrote = place.clock.now
    place.clock.move(hours=2)
    sweep(place)
    assert [row.last_inbound_at for row in rows(place.installation, Window)] == [wrote]


def test_nobody_waits_for_an_answer_after_three_days(place, caplog):
    ani = begun(place)
    lose(place, ani, "BERHENTI")
    place.clock.move(OLD + timedelta(minutes=15))
    with caplog.at_level(logging.WARNING):
        assert sweep(place) == 0
    assert "stay unanswered" in caplog.text
    assert statuses(place.installation) == ["asking"]


def test_whoever_had_the_number_before_us_gets_no_answer(database_url):
    with office(database_url) as place:
        ani = place.twilio.person()
        lose(place, ani, place.link_text())
        place.clock.move(minutes=3)
        assert sweep(place) == 0
        place.clock.move(minutes=3)
        assert sweep(place) == 0


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop_before", "html"])
def test_while_the_list_cannot_be_had_nothing_is_lost(place, fault):
    ani = begun(place)
    lose(place, ani, "BERHENTI")
    place.clock.move(hours=2)
    place.twilio.faults.next(fault, on="list")
    assert sweep(place) == 0
    assert sweep(place) == 1
    assert statuses(place.installation) == ["stopped"]


def test_a_long_list_is_taken_piece_by_piece_and_in_order(place, monkeypatch):
    """Pages of two messages, three messages a sweep: all are taken, none twice."""
    monkeypatch.setattr(walking, "PAGE", 2)
    monkeypatch.setattr(missed, "AT_ONCE", 3)
    people = [begun(place, number) for number in range(1, 4)]
    for text in ("1", "ULANG", "BERHENTI"):
        for ani in people:
            lose(place, ani, text)
    place.clock.move(hours=3)
    taken = [sweep(place) for _ in range(5)]
    assert taken == [3, 3, 3, 0, 0]
    assert statuses(place.installation) == ["stopped"] * 3
    assert AT_ONCE > 3


def test_many_messages_of_one_second_are_taken_too(place, monkeypatch):
    monkeypatch.setattr(walking, "PAGE", 2)
    people = [begun(place, number) for number in range(1, 6)]
    place.clock.move(seconds=5)
    for ani in people:
        place.twilio.settle()
        place.twilio.faults.next("no_connection", times=2)
        ani.say("BERHENTI")
    place.clock.move(minutes=30)
    assert sweep(place) == 5
    assert set(statuses(place.installation)) == {"stopped"}


def test_while_another_process_is_at_it_none_is_taken_and_a_dead_one_is_not_waited_for(place):
    ani = begun(place)
    lose(place, ani, "1")
    place.clock.move(minutes=3)
    here, messages = place.installation, place.service.twilio.log
    sender = place.twilio.sender
    with walking.walking(here, messages, sender, missed.PURPOSE, here.now()) as walk:
        assert walk is not None
        assert sweep(place) == 0
        # It dies: its lease stays and runs out.
        ((lease,),) = [(row.lease_until,) for row in rows(here, Checkpoint)]
        assert lease is not None
        change(here, Checkpoint, {"lease_until": lease - walking.LEASE - timedelta(seconds=1)})
        assert sweep(place) == 1


def test_a_message_that_our_code_fails_on_is_kept_and_known_as_late(place):
    ani = begun(place)
    ani.say("1")  # "2" would end it there
    lose(place, ani, "1")
    place.clock.move(seconds=20)
    ani.say("2")
    place.twilio.settle()
    now_open = asked(place, ani.inbox[-1])
    damage = Damage(place)
    damage.do()
    place.clock.move(minutes=3)
    assert sweep(place) == 1
    assert len(held(place)) == 1
    damage.mend()
    place.clock.move(minutes=1)
    place.sweep("replay")
    place.sweep("deliver")
    assert held(place) == []
    ani.say("ULANG")
    assert asked(place, ani.inbox[-1]) == now_open, "the late 1 answered nothing"


def test_a_channel_without_a_list_is_left_alone(sqlite_url):
    with office(sqlite_url) as place:
        from bot.channels.simulator import SimulatorChannel
        from bot.interview.chats import Chats

        here = place.installation
        simulator = SimulatorChannel(Chats(here), here.now)
        assert take_missed(place.service.desk, {simulator.name: simulator}) == 0
        assert count(here, Checkpoint) == 0


def test_the_fallback_url_saves_a_message_without_the_list(place):
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    place.twilio.fallback_url = place.twilio.webhook_url
    place.twilio.settle()
    place.twilio.faults.next("no_connection", times=2)
    place.clock.move(seconds=5)
    assert asked(place, ani.say("1")[0]) != first
    place.clock.move(minutes=3)
    assert sweep(place) == 0


def test_a_fallback_after_a_lost_answer_repeats_it(place):
    """We had taken the message in; Twilio did not hear what we said."""
    ani = begun(place)
    place.twilio.fallback_url = place.twilio.webhook_url
    place.twilio.settle()
    place.twilio.faults.next("reply_lost", times=1)
    place.clock.move(seconds=5)
    (reply,) = ani.say("1")
    ani.say("ULANG")
    assert asked(place, ani.inbox[-1]) == asked(place, reply)


TAKER = """
import sys
from datetime import datetime
from bot.channels.twilio import TwilioChannel
from bot.interview.installation import Clock, Via, open_installation
from bot.interview.desk import Desk
from bot.interview.provider_log.missed import take_missed
from storage.database import Database
from storage.keys import Secret
url, secret, now, sender, account, token, api = sys.argv[1:]
moment = datetime.fromisoformat(now)
here = open_installation(
    Database(url), Secret(secret), clock=Clock(lambda: moment), via=Via("twilio", sender)
)
channel = TwilioChannel(
    account, (token,), public_base_url="https://survei.contoh.test", sender=sender, api_base_url=api
)
desk = Desk(here, TwilioChannel.can_reply_inline)
print("ready", flush=True)
sys.stdin.readline()
print(take_missed(desk, {"twilio": channel}), flush=True)
"""


def test_processes_at_once_and_one_that_is_killed_take_each_message_once(postgres_url):
    with office(postgres_url) as place:
        sweep(place)
        people = [begun(place, number) for number in range(20)]
        versions = {row.id: row.version for row in rows(place.installation, Conversation)}
        before = count(place.installation, InboundTable)
        for ani in people:
            lose(place, ani, "1")
            lose(place, ani, "ULANG")
        place.clock.move(minutes=3)
        twilio = place.twilio
        arguments = [postgres_url, SECRET, place.clock.now.isoformat(), twilio.sender]
        arguments += [twilio.account_sid, twilio.auth_token, twilio.base_url]
        with ready_together(3, TAKER, *arguments) as processes:
            for one in processes:
                one.go()
            while count(place.installation, InboundTable) == before:
                time.sleep(0.001)
            processes[0].kill()
            for one in processes[1:]:
                assert int(one.rest()) <= 40
        place.installation.database.write(
            lambda c: c.execute(update(Checkpoint).values(lease_until=None))
        )
        sweep(place)
        assert count(place.installation, InboundTable) == before + 40
        after = {row.id: row.version for row in rows(place.installation, Conversation)}
        assert {after[one] - versions[one] for one in after} <= {1, 2}
        first = place.published.survey.for_group("internal").asked[0].name
        assert all(asked(place, ani.inbox[-1]) != first for ani in people)
