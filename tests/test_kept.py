"""Messages that our own code fails on: kept sealed, in order, and replayed when it is mended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.channels.base import Address, Inbound
from bot.interview import kept
from bot.interview.states import seal, unseal
from bot.interview.surveys import Surveys
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import Contact, Conversation, FlowVersion, OptOut
from storage.models import Inbound as InboundTable
from tests.fake_twilio_person import Person
from tests.forked import ready_together
from tests.respondents import question_in
from tests.rows import change, count, rows
from tests.setup import SECRET
from tests.whatsapp import Office, office


@pytest.fixture
def place(database_url: str) -> Iterator[Office]:
    with office(database_url) as opened:
        yield opened


class Damage:
    """Breaks what every turn needs, where it is stored, and mends it again.

    A process that has not compiled the survey yet cannot read a version with broken files.
    """

    def __init__(self, place: Office) -> None:
        self.place = place
        (self.whole,) = [row.content for row in rows(place.installation, FlowVersion)]

    def do(self) -> None:
        change(self.place.installation, FlowVersion, {"content": '{"internal.yaml": "kind: ["}'})
        self.place.installation.surveys = Surveys()

    def mend(self) -> None:
        change(self.place.installation, FlowVersion, {"content": self.whole})


def begun(place: Office) -> Person:
    ani = place.twilio.person(phone="+6281200000301", bsuid="ID.1000000000000301")
    for text in (place.link_text(), "1", "SETUJU"):
        ani.say(text)
    place.twilio.settle()
    return ani


def asked(place: Office, text: str) -> str:
    question = question_in(place.published.survey.for_group("internal"), text)
    assert question is not None, text
    return question.name


def held(place: Office) -> list[Any]:
    found = [row for row in rows(place.installation, InboundTable) if row.sealed is not None]
    return sorted(found, key=lambda row: row.order_no)


def replay(place: Office, after: timedelta = timedelta(minutes=1)) -> None:
    place.clock.move(after)
    place.sweep("replay")
    place.sweep("deliver")
    place.twilio.settle()


def test_a_message_we_fail_on_is_kept_sealed_and_the_provider_hears_nothing(place):
    ani = begun(place)
    damage = Damage(place)
    damage.do()
    assert ani.say("1") == []
    assert place.twilio.errors == [], "an empty <Response/>: nobody is asked to send it again"
    (row,) = held(place)
    assert ani.phone is not None
    assert ani.phone.encode() not in row.sealed
    assert row.address_hmac == place.installation.keys.digest("address", ani.phone)
    assert row.order_no == 1


def test_when_it_is_mended_the_answer_counts_and_the_reply_goes_out(place):
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    damage = Damage(place)
    damage.do()
    ani.say("1")
    damage.mend()
    replay(place)
    assert held(place) == []
    assert asked(place, ani.inbox[-1]) != first, "the next question came, by REST"
    record = place.twilio.outbound()[-1]
    assert record.direction == "outbound-api"
    row = rows(place.installation, InboundTable)
    assert all(one.address_hmac is None and one.order_no is None for one in row)


def test_the_same_message_posted_again_is_neither_kept_nor_answered_twice(place):
    ani = begun(place)
    damage = Damage(place)
    damage.do()
    ani.say("1")
    assert ani.again() == []
    assert len(held(place)) == 1
    damage.mend()
    replay(place)
    before = len(ani.inbox)
    assert ani.again() == []
    assert len(ani.inbox) == before


def test_later_messages_queue_behind_the_kept_one_even_when_all_is_well_again(place):
    ani = begun(place)
    damage = Damage(place)
    damage.do()
    ani.say("1")
    damage.mend()
    assert ani.say("NANTI") == [], "it would overtake the answer"
    assert [row.order_no for row in held(place)] == [1, 2]
    other = place.twilio.person()
    assert other.say(place.link_text()), "nobody else waits"
    replay(place)
    assert held(place) == []
    assert any("sampai nanti" in one for one in ani.inbox[-2:])


def test_an_answer_to_a_question_that_is_not_open_any_more_only_shows_the_open_one(place):
    """Two answers to one question: what she saw was the first question both times."""
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    damage = Damage(place)
    damage.do()
    ani.say("1")
    ani.say("2")
    damage.mend()
    replay(place)
    replay(place)
    shown = ani.inbox[-1]
    second = asked(place, shown)
    assert second != first
    ani.say("ULANG")
    assert asked(place, ani.inbox[-1]) == second, "the second answer was taken for nothing"


def test_while_it_fails_it_is_tried_with_longer_and_longer_pauses(place):
    ani = begun(place)
    Damage(place).do()
    ani.say("1")
    seen = []
    for _ in range(4):
        replay(place, timedelta(hours=2))
        (row,) = held(place)
        seen.append((row.attempts, row.retry_at - place.clock.now))
    assert [attempts for attempts, _ in seen] == [1, 2, 3, 4]
    pauses = [pause for _, pause in seen]
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 4
    place.sweep("replay")
    assert held(place)[0].attempts == 4, "not before its time"


def test_a_state_that_cannot_be_opened_keeps_the_message_and_loses_nobody(place):
    """What is damaged in the file of one person is no reason to answer 503."""
    ani = begun(place)
    here = place.installation
    sealed = rows(here, Conversation)[0].sealed
    change(here, Conversation, {"sealed": sealed[:-1] + bytes([sealed[-1] ^ 1])})
    assert ani.say("1") == []
    assert place.twilio.errors == []
    assert len(held(place)) == 1
    change(here, Conversation, {"sealed": sealed})
    replay(place)
    assert held(place) == []
    # Nobody could tell then which question was open: it is shown, and nothing taken for an answer.
    assert asked(place, ani.inbox[-1]) == asked(place, ani.inbox[-2])


def test_somebody_new_whose_first_message_fails_is_served_in_order_too(place):
    damage = Damage(place)
    text = place.link_text()
    damage.do()
    ani = place.twilio.person()
    assert ani.say(text) == []
    damage.mend()
    assert ani.say("halo?") == [], "it comes after the link"
    assert count(place.installation, Contact) == 0
    replay(place)
    replay(place)
    assert count(place.installation, Conversation) == 1
    assert "pilih bahasa" in ani.inbox[0]
    assert held(place) == []


def test_a_stranger_whose_message_failed_is_not_written_to_later(place):
    """Nothing was kept of a stranger's address to write to."""
    damage = Damage(place)
    damage.do()
    ani = place.twilio.person()
    assert ani.say("halo") == []
    damage.mend()
    replay(place)
    assert held(place) == []
    assert ani.inbox == []
    assert count(place.installation, Contact) == 0


def test_who_asks_for_erasure_meanwhile_is_erased_when_it_can_be_read(place):
    ani = begun(place)
    damage = Damage(place)
    damage.do()
    ani.say("1")
    ani.say("HAPUS DATA")
    damage.mend()
    replay(place)
    assert held(place) == []
    assert count(place.installation, Contact) == 0


def test_a_word_that_the_provider_takes_for_start_is_replayed_to_its_own_question_too(place):
    """Twilio marks YES and UNSTOP so, whatever they were meant for."""
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    damage = Damage(place)
    damage.do()
    ani.say("1")
    ani.say("2", fields={"OptOutType": "START"})
    damage.mend()
    replay(place)
    replay(place)
    assert held(place) == []
    second = asked(place, ani.inbox[-2])
    assert second != first
    assert asked(place, ani.inbox[-1]) == second, "shown again: the 2 was for the one before"


def test_what_comes_by_another_address_of_a_person_queues_too(place):
    """WhatsApp shows the number one time and hides it the next."""
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    damage = Damage(place)
    damage.do()
    ani.say("1")
    ani.shows_phone = False
    ani.say("3")
    damage.mend()
    assert ani.say("ULANG") == [], "it comes after the 1 and the 3"
    assert {row.address_hmac for row in held(place)} == {held(place)[0].address_hmac}
    assert [row.order_no for row in held(place)] == [1, 2, 3]
    replay(place)
    replay(place)
    assert held(place) == []
    second = asked(place, ani.inbox[-1])
    assert second != first
    (row,) = rows(place.installation, Conversation)
    key = place.installation.keys.by_id
    read = place.installation.database.read
    state = read(lambda c: unseal(key(c, row.key_id), row.id, row.sealed))
    assert state.answers == {first: "1"}, "the 3 was said to the first one too"


def wishes(place: Office) -> int:
    return count(place.installation, OptOut)


@pytest.mark.parametrize("word", ["BERHENTI", "Stop pak!"])
def test_who_wants_to_stop_is_heard_at_once_though_nothing_can_be_read(place, word):
    ani = begun(place)
    damage = Damage(place)
    damage.do()
    ani.say("1")
    assert wishes(place) == 0
    assert ani.say(word) == []
    assert wishes(place) == 2, "by phone and by user id"
    damage.mend()
    replay(place)
    replay(place)
    assert [row.status for row in rows(place.installation, Conversation)] == ["stopped"]
    assert "tidak akan menghubungi lagi" in ani.inbox[-1]


def test_what_a_coordinator_wants_to_end_shows_when_it_is_replayed(place, tmp_path):
    """It may be the reports alone, and nothing would take more than that back."""
    ani = begun(place)
    path = tmp_path / "koordinator.csv"
    path.write_text(f"phone,unit,hour\n{ani.phone},,09:00\n")
    import_coordinators(place.installation, "integritas", path)
    damage = Damage(place)
    damage.do()
    ani.say("1")
    ani.say("BERHENTI")
    assert wishes(place) == 0
    damage.mend()
    replay(place)
    replay(place)
    assert [row.status for row in rows(place.installation, Conversation)] == ["stopped"]
    assert {row.purpose for row in rows(place.installation, OptOut)} == {"respondent"}


def test_berhenti_is_heard_at_once_where_it_is_the_message_that_we_fail_on(place):
    ani = begun(place)
    Damage(place).do()
    assert ani.say("BERHENTI") == []
    assert wishes(place) == 2


def test_a_stop_that_the_provider_took_holds_at_once_whoever_sent_it(place):
    ani, stranger = begun(place), place.twilio.person(phone="+6281200000305")
    Damage(place).do()
    ani.say("1")
    stranger.say("halo")
    stop = {"OptOutType": "STOP"}
    assert ani.say("cancel", fields=stop) == stranger.say("cancel", fields=stop) == []
    assert wishes(place) == 3


def test_the_surveys_own_words_for_stop_are_known_where_it_is_one_state_that_we_fail_on(place):
    ani = begun(place)
    here = place.installation
    sealed = rows(here, Conversation)[0].sealed
    change(here, Conversation, {"sealed": sealed[:-1] + bytes([sealed[-1] ^ 1])})
    ani.say("1")
    ani.say("jangan hubungi saya lagi ya")
    assert wishes(place) == 2


def test_a_stop_word_that_may_belong_to_an_answer_waits_for_the_replay(place):
    """It is asked about first, as always."""
    ani = begun(place)
    here = place.installation
    flow = place.published.survey.for_group("internal")
    own = next(one for one in flow.asked if one.own_words)
    (row,) = rows(here, Conversation)
    key = here.keys.by_id
    state = here.database.read(lambda c: unseal(key(c, row.key_id), row.id, row.sealed))
    moved = here.database.read(
        lambda c: seal(key(c, row.key_id), row.id, replace(state, question=own.name))
    )
    change(here, Conversation, {"sealed": moved})
    address = Address.parse(ani.address)
    sid = "SM" + "7" * 32
    held_one = Inbound("twilio", place.twilio.sender, sid, (address,), "👍", kind="reaction")
    here.database.write(lambda c: kept.hold(c, here, held_one))
    ani.say("stop")
    assert len(held(place)) == 2
    assert wishes(place) == 0
    replay(place)
    replay(place)
    assert wishes(place) == 0
    assert "1. berhenti" in ani.inbox[-1]


def test_every_part_of_a_message_is_kept():
    full = Inbound(
        channel="twilio",
        sender="whatsapp:+6281200000999",
        sid="SM" + "1" * 32,
        addresses=(Address("phone", "+6281200000302"), Address("bsuid", "ID.1000000000000302")),
        text="“saya” & kamu\n",
        option="q:1",
        reply_to="SM" + "2" * 32,
        kind="media",
        opt_out="STOP",
        raw={"Body": "x"},
        came_at=datetime(2026, 11, 23, 3, 0, tzinfo=UTC),
        place=(-2.2, 113.9),
        kept_at=datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
    )
    least = Inbound("simulator", "us", "1", (Address("phone", "+6281200000303"),))
    for inbound in (full, least):
        assert kept._inbound_from_json(kept._inbound_to_json(inbound)) == inbound


REPLAYER = """
import sys, time
from datetime import datetime
from bot.channels.twilio import can_reply_inline
from bot.interview.installation import Clock, Via, open_installation
from bot.interview.receiving import Desk, replay
from storage.database import Database
from storage.keys import Secret
url, secret, now, sender = sys.argv[1:]
moment = datetime.fromisoformat(now)
here = open_installation(
    Database(url), Secret(secret), clock=Clock(lambda: moment), via=Via("twilio", sender)
)
desk = Desk(here, can_reply_inline)
print("ready", flush=True)
sys.stdin.readline()
while replay(desk):
    pass
print("done", flush=True)
"""


def test_processes_that_replay_at_once_and_one_that_is_killed_take_each_message_once(postgres_url):
    with office(postgres_url) as place:
        people = []
        for number in range(12):
            ani = place.twilio.person(phone=f"+62812000004{number:02}")
            for text in (place.link_text(), "1", "SETUJU"):
                ani.say(text)
            people.append(ani)
        place.twilio.settle()
        versions = {row.id: row.version for row in rows(place.installation, Conversation)}
        damage = Damage(place)
        damage.do()
        for ani in people:
            ani.say("1")
            ani.say("ULANG")
        assert len(held(place)) == 24
        damage.mend()
        place.clock.move(minutes=2)
        arguments = [postgres_url, SECRET, place.clock.now.isoformat(), place.twilio.sender]
        with ready_together(3, REPLAYER, *arguments) as processes:
            for one in processes:
                one.go()
            while len(held(place)) == 24:
                time.sleep(0.001)
            processes[0].kill()
            for one in processes[1:]:
                assert one.rest() == "done\n"
        replay(place)
        replay(place)
        assert held(place) == []
        after = {row.id: row.version for row in rows(place.installation, Conversation)}
        # The second message changes only when she was last heard of.
        assert {after[one] - versions[one] for one in after} <= {1, 2}
        first = place.published.survey.for_group("internal").asked[0].name
        for ani in people:
            assert len(ani.inbox) == 5, "three at the start, and one for each kept message"
            assert asked(place, ani.inbox[-1]) == asked(place, ani.inbox[-2]) != first


def test_a_kept_row_is_whole_or_wiped(place):
    """The database itself refuses a form without the address that orders it."""
    begun(place)
    here = place.installation
    statement = select(InboundTable.sid_hmac).limit(1)
    sid = here.database.read(lambda c: c.execute(statement).scalar_one())
    with pytest.raises(IntegrityError):
        change(here, InboundTable, {"sealed": b"form"}, sid_hmac=sid)
