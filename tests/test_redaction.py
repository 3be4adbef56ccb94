"""The provider's log is emptied, and since when nothing is left there can be shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.interview.provider_log import redaction, walking
from bot.interview.provider_log.missed import OLD, take_missed
from bot.interview.provider_log.redaction import redact_due, report
from bot.interview.provider_log.walking import EMPTIED_AFTER as AFTER
from storage.models import Checkpoint, Outbox
from tests.fake_twilio_person import Person
from tests.rows import change, count
from tests.test_kept import Damage
from tests.test_missed import begun, lose
from tests.whatsapp import Office, office


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        sweep(opened)  # from now on
        opened.clock.move(AFTER)
        take_missed(opened.service.desk, opened.service.channels)
        yield opened


def sweep(place: Office) -> int:
    return redact_due(place.installation, place.service.channels)


def later(place: Office) -> int:
    place.twilio.settle()
    place.clock.move(AFTER + timedelta(minutes=1))
    return sweep(place)


def left(place: Office) -> list[str]:
    """Return the texts that Twilio still has."""
    return [record.body for record in place.twilio.messages.values() if record.body]


def empty_until(place: Office) -> timedelta:
    """Return how far behind the present the log is known to be empty."""
    (one,) = report(place.installation)
    assert one.sender == place.twilio.sender
    return one.behind


def talk(place: Office) -> Person:
    ani = begun(place)
    ani.say("1")
    place.twilio.settle()
    return ani


def test_both_directions_are_emptied_an_hour_after_they_were_said(place):
    talk(place)
    assert len(left(place)) == 8
    place.clock.move(minutes=59)
    assert sweep(place) == 0
    place.clock.move(minutes=2)
    assert sweep(place) == 8
    assert left(place) == []
    assert empty_until(place) == AFTER
    assert len(place.twilio.messages) == 8, "emptied, not deleted: the fate of each stays"


def test_what_is_empty_is_not_emptied_again(place):
    talk(place)
    later(place)
    place.twilio.requests.clear()
    for _ in range(3):
        place.clock.move(minutes=5)
        assert sweep(place) == 0
    assert [method for method, _ in place.twilio.requests] == ["GET"] * 6


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop_before", "drop_after", "html"])
def test_what_the_provider_did_not_empty_holds_the_moment_back_until_it_does(place, fault):
    talk(place)
    place.twilio.faults.next(fault, on="fetch", times=2)
    assert later(place) == 6
    assert empty_until(place) > AFTER
    place.clock.move(minutes=5)
    sweep(place)
    assert left(place) == []
    assert empty_until(place) == AFTER


def test_a_list_that_cannot_be_had_moves_nothing(place):
    talk(place)
    place.twilio.faults.next("503", on="list")
    assert later(place) == 0
    assert empty_until(place) > AFTER
    assert sweep(place) == 8


def test_a_message_that_we_have_not_taken_in_is_left(place):
    ani = talk(place)
    lose(place, ani, "jawaban saya")
    assert later(place) == 8
    assert left(place) == ["jawaban saya"]
    assert empty_until(place) > AFTER
    assert take_missed(place.service.desk, place.service.channels) == 1
    assert later(place) == 1
    assert left(place) == []
    assert empty_until(place) == AFTER


def test_what_nobody_will_take_in_any_more_is_emptied(place):
    ani = talk(place)
    lose(place, ani, "jawaban saya")
    place.clock.move(OLD)
    sweep(place)
    assert left(place) == ["jawaban saya"]
    place.clock.move(hours=2)
    sweep(place)
    assert left(place) == []


def test_a_message_that_waits_to_be_replayed_is_left(place):
    ani = talk(place)
    damage = Damage(place)
    damage.do()
    ani.say("2")
    later(place)
    assert left(place) == ["2"]
    damage.mend()
    place.sweep("replay")
    place.sweep("deliver")
    later(place)
    assert left(place) == []


def test_while_the_sender_looks_for_a_message_by_its_text_it_is_left(place):
    ani = talk(place)
    place.clock.move(minutes=5)
    place.twilio.faults.next("twiml_no_callback")
    ani.say("2")
    change(place.installation, Outbox, {"not_before": place.clock.now + timedelta(days=1)})
    later(place)
    assert len(left(place)) == 1, "what she wrote is emptied, our answer is not"
    change(place.installation, Outbox, {"not_before": place.clock.now})
    place.sweep("reconcile")
    assert sweep(place) == 1
    assert left(place) == []


def test_a_message_that_is_under_way_at_the_provider_is_left(place):
    talk(place)
    last = place.twilio.outbound()[-1]
    last.status = "queued"
    later(place)
    assert left(place) == [last.body]
    last.status = "sent"
    assert later(place) == 1


def test_files_are_deleted_and_never_fetched(place):
    ani = talk(place)
    ani.say(kind="image")
    ani.say("lihat ini", kind="document")
    assert len(place.twilio.store.files) == 2
    later(place)
    assert place.twilio.store.files == {}
    assert left(place) == []
    assert place.twilio.store.seen == []
    assert not any("/Media/" in path for method, path in place.twilio.requests if method == "GET")
    assert later(place) == 0, "the list may count deleted files for ever"
    assert empty_until(place) == AFTER


def test_a_file_that_was_not_deleted_holds_the_moment_back(place):
    ani = talk(place)
    later(place)
    ani.say(kind="image")
    place.twilio.faults.next("500", on="fetch")
    later(place)
    assert len(place.twilio.store.files) == 1
    assert empty_until(place) > AFTER
    sweep(place)
    assert place.twilio.store.files == {}


def test_a_message_that_an_operator_has_deleted_is_no_fault(place):
    talk(place)
    channel = place.service.twilio
    gone = next(iter(place.twilio.messages))
    del place.twilio.messages[gone]
    channel.log.redact(gone)
    assert channel.log.delete_media(gone) == 0


def test_a_sweep_has_a_bound_and_the_next_goes_on(place, monkeypatch):
    monkeypatch.setattr(redaction, "AT_ONCE", 3)
    monkeypatch.setattr(walking, "PAGE", 4)
    talk(place)
    done = [later(place), sweep(place), sweep(place), sweep(place)]
    assert done == [3, 3, 2, 0]
    assert left(place) == []
    assert empty_until(place) <= AFTER


def test_one_that_the_provider_will_not_have_keeps_no_other_readable(place, monkeypatch):
    """The walk goes on to the present before it begins again at what was left."""
    monkeypatch.setattr(redaction, "AT_ONCE", 3)
    talk(place)
    stuck = place.twilio.outbound()[0]
    stuck.status = "sending"
    place.clock.move(hours=5)
    talk_again = place.twilio.person(phone="+6281200000599")
    talk_again.say(place.link_text())
    later(place)
    for _ in range(5):
        sweep(place)
    assert left(place) == [stuck.body]
    assert empty_until(place) > timedelta(hours=5)
    stuck.status = "delivered"
    for _ in range(3):
        sweep(place)
    assert left(place) == []
    assert empty_until(place) == AFTER


def test_messages_of_the_numbers_earlier_owner_are_not_touched_unless_asked_for(database_url):
    with office(database_url) as place:
        begun(place)
        place.twilio.settle()
        place.clock.move(AFTER + timedelta(minutes=5))
        sweep(place)
        place.clock.move(hours=1)
        assert sweep(place) == 0
        assert len(left(place)) == 6
        day = place.clock.now - timedelta(days=1)
        assert redaction.begin_at(place.installation, place.service.channels, day) == [
            place.twilio.sender
        ]
        assert report(place.installation)[0].behind == timedelta(days=1)
        assert sweep(place) == 6
        (one,) = report(place.installation)
        assert one.since == day
        assert one.behind == AFTER


def test_one_process_walks_at_a_time(place):
    talk(place)
    here, sender = place.installation, place.twilio.sender
    with walking.walking(here, place.service.twilio.log, sender, redaction.WALK, here.now()):
        assert later(place) == 0
        assert redaction.begin_at(here, place.service.channels, here.now()) == []
    assert sweep(place) == 8


def test_what_the_report_says_holds_no_person_and_no_text(place):
    talk(place)
    later(place)
    (one,) = report(place.installation)
    assert one.to_dict() == {
        "sender": place.twilio.sender,
        "since": one.since.isoformat(),
        "nothing_left_before": one.until.isoformat(),
        "behind_seconds": 3600,
    }
    assert count(place.installation, Checkpoint) == 4
