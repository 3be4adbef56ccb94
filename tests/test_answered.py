"""Who has answered and was erased is not asked again, whichever address comes up later."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bot.channels.base import Address, Renamed
from bot.flow.state import State, Status
from bot.interview import answered, identity
from bot.interview.renaming import rename
from bot.interview.states import unseal
from storage.models import AnsweredOnce, Conversation, OptOut, Outbox
from tests.respondents import Respondent
from tests.rows import change, count, fates, rows
from tests.surveys import counted_answers
from tests.whatsapp import Office, office

OVER = "Tidak perlu mengirim bukti"
PHONE, BSUID = "+6281200000077", "ID.77"
GROUP = "internal"


@pytest.fixture
def place(some_url):
    with office(some_url, questions=4) as opened:
        yield opened


def respondent(place: Office, seed: int = 1, **addresses: str) -> Respondent:
    flow = place.published.survey.for_group(GROUP)
    person = place.twilio.person(**addresses)
    return Respondent(person, flow, place.code(GROUP), random.Random(seed))


def erased(place: Office) -> None:
    """Let somebody answer by their number, and have everything erased."""
    first = respondent(place, phone=PHONE)
    first.interview()
    assert first.finished
    first.say("HAPUS DATA")
    assert rows(place.installation, Conversation) == []


def begun(place: Office) -> Respondent:
    """Let the same person begin by their user id alone: nobody can know that."""
    again = respondent(place, 2, bsuid=BSUID)
    again.answer(again.begin(), most=1)
    return again


def state(place: Office) -> State:
    (row,) = rows(place.installation, Conversation)

    def work(connection):
        return unseal(place.installation.keys.by_id(connection, row.key_id), row.id, row.sealed)

    return place.installation.database.read(work)


def test_an_interview_ends_when_a_webhook_names_the_number_that_has_answered(place):
    erased(place)
    again = begun(place)
    assert state(place).answers
    again.person = place.twilio.person(phone=PHONE, bsuid=BSUID)
    assert OVER in again.say("ULANG")
    ended = state(place)
    assert (ended.status, ended.answers, ended.wake_at) == (Status.CLOSED, {}, None)
    assert again.person.say("ISI ULANG") == again.person.say(f"Kode: {again.code}") == []
    assert state(place) == replace(ended, last_turn_at=state(place).last_turn_at)
    assert count(place.installation, AnsweredOnce) == 2, "of both addresses"


def test_an_interview_ends_where_two_people_turn_out_to_be_one(place):
    erased(place)
    begun(place)
    here = place.installation
    here.database.write(lambda c: identity.person(c, here, [Address("phone", PHONE)]))
    both = [Address("phone", PHONE), Address("bsuid", BSUID)]
    here.database.write(lambda c: identity.person(c, here, both))
    assert state(place).status is Status.CLOSED


def test_an_interview_ends_where_the_number_is_the_new_one_of_who_is_under_way(place):
    erased(place)
    begun(place)
    new = Address("bsuid", "ID.78"), Address("phone", PHONE)
    event = Renamed("wamid.1", (Address("bsuid", BSUID),), new)
    assert rename(place.installation, event)
    assert state(place).status is Status.CLOSED


def test_who_had_stopped_cannot_begin_again_but_can_take_that_back(place):
    erased(place)
    again = begun(place)
    again.say("BERHENTI")
    again.person = place.twilio.person(phone=PHONE, bsuid=BSUID)
    assert again.person.say("terima kasih") == []
    assert state(place).status is Status.CLOSED
    again.say("MULAI")
    assert state(place).status is Status.CLOSED
    assert count(place.installation, OptOut) == 0


@pytest.mark.parametrize("reopened", [False, True])
def test_what_was_finished_stays(place, reopened):
    erased(place)
    again = respondent(place, 2, bsuid=BSUID)
    again.interview()
    if reopened:
        again.say("ISI ULANG")
    again.person = place.twilio.person(phone=PHONE, bsuid=BSUID)
    again.say("CEK")
    kept = state(place)
    assert kept.status is (Status.ASKING if reopened else Status.FINISHED)
    assert counted_answers(kept)


def test_who_has_not_answered_goes_on(place):
    other = respondent(place, 4, phone="+6281200000079")
    other.answer(other.begin(), most=1)
    here = place.installation
    both = [Address("phone", "+6281200000079"), Address("bsuid", "ID.79")]
    here.database.write(lambda c: answered.remember(c, here, place.published.id, [b"m" * 32]))
    here.database.write(lambda c: identity.person(c, here, both))
    assert state(place).status is Status.ASKING
    assert count(here, AnsweredOnce) == 1


def test_what_waited_for_them_is_not_sent_any_more(either_url):
    with office(either_url, questions=4, statuses=()) as place:
        erased(place)
        begun(place)
        here = place.installation
        change(here, Outbox, {"status": "queued"})
        both = [Address("phone", PHONE), Address("bsuid", BSUID)]
        here.database.write(lambda c: identity.person(c, here, both))
        assert set(fates(here)) == {"dropped"}
