"""STOP and START, wherever they come from: words, the provider's own handling, its error codes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from bot.channels.base import Address, Inbound
from bot.interview import identity
from bot.interview.receiving import receive
from storage.models import Address as AddressTable
from storage.models import (
    Alert,
    Contact,
    Conversation,
    Coordinator,
    OptOut,
    Outbox,
    RosterRow,
)
from tests.fake_twilio_person import Person
from tests.lists import Listed, number, take_in
from tests.rows import count, rows, statuses
from tests.test_missed import asked, begun
from tests.whatsapp import Office, office

STOP = {"OptOutType": "STOP"}
START = {"OptOutType": "START"}


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def wishes(place: Office) -> set[str]:
    """Return for what purposes somebody must not be contacted."""
    return {row.purpose for row in rows(place.installation, OptOut)}


def coordinator(place: Office, person: Person) -> None:
    here = place.installation

    def work(connection):
        met = identity.person(connection, here, [Address.parse(person.address)])
        key = here.keys.installation(connection)
        values = {
            "survey_id": place.published.id,
            "contact_id": met.contact_id,
            "minute": 465,
            "sealed": key.seal("{}", "coordinator"),
            "key_id": key.id,
        }
        connection.execute(insert(Coordinator).values(values))

    here.database.write(work)


def test_a_stop_that_the_provider_took_gets_no_reply_and_holds(place):
    ani = begun(place)
    before = count(place.installation, Outbox)
    assert ani.say("STOP", fields=STOP) == []
    assert statuses(place.installation) == ["stopped"]
    assert wishes(place) == {"respondent"}
    assert count(place.installation, Outbox) == before
    assert ani.again() == []


def test_any_word_that_the_provider_takes_for_stop_is_one(place):
    """Twilio has shut the door already, be it that CANCEL was meant as an answer."""
    ani = begun(place)
    assert ani.say("cancel", fields=STOP) == []
    assert statuses(place.installation) == ["stopped"]


def test_a_start_that_the_provider_took_goes_on_with_what_was_stopped(place):
    ani = begun(place)
    ani.say("STOP", fields=STOP)
    assert "boleh dihubungi lagi" in ani.say("UNSTOP", fields=START)[0]
    assert statuses(place.installation) == ["consent"]
    assert wishes(place) == set()


def test_a_word_that_the_provider_takes_for_start_is_still_an_answer(place):
    """Twilio takes YES for START; in an interview that is under way it is what it says."""
    ani = begun(place)
    first = asked(place, ani.inbox[-1])
    assert asked(place, ani.say("1", fields=START)[0]) != first


def test_a_start_of_somebody_whom_a_code_had_opted_out_holds(place):
    ani = begun(place)
    here = place.installation
    (row,) = rows(here, Contact)
    here.database.write(lambda c: identity.opt_out(c, here, row.id))
    ani.say("1", fields=START)
    assert wishes(place) == set()


def test_help_is_an_ordinary_word(place):
    ani = begun(place)
    assert ani.say("HELP", fields={"OptOutType": "HELP"}) != []


def test_a_stranger_whom_the_provider_stopped_is_never_written_to(place):
    ani = place.twilio.person(phone="+6281200000611", bsuid="ID.1000000000000611")
    assert ani.say("STOP", fields=STOP) == []
    assert count(place.installation, Contact) == 0
    assert count(place.installation, OptOut) == 2
    ani.say("START", fields=START)
    assert count(place.installation, OptOut) == 0


def test_a_stop_at_the_provider_stops_reports_too_and_start_brings_them_back(place):
    ani = place.twilio.person()
    coordinator(place, ani)
    assert ani.say("STOP", fields=STOP) == []
    assert wishes(place) == {"respondent", "coordinator"}
    ani.say("START", fields=START)
    assert wishes(place) == set()


@pytest.mark.parametrize("word", ["BERHENTI", "stop", "Jangan kirim lagi"])
def test_a_strangers_berhenti_is_kept_and_confirmed(place, word):
    """They may stand on a roster that is launched tomorrow."""
    begun(place)
    ani = place.twilio.person(phone="+6281200000612")
    assert "tidak akan menghubungi lagi" in ani.say(word)[0]
    mac = place.installation.keys.digest("address", "+6281200000612")
    assert [row.hmac for row in rows(place.installation, OptOut)] == [mac]
    assert count(place.installation, Contact) == 1, "of the one who began, not of the stranger"
    assert "boleh dihubungi lagi" in ani.say("MULAI")[0]
    assert count(place.installation, OptOut) == 0
    assert "Ini nomor survei" in ani.say("MULAI")[0], "nothing to take back"


def test_lapor_of_a_stranger_names_who_can_be_told(place):
    begun(place)
    ani = place.twilio.person(phone="+6281200000613")
    (said,) = ani.say("LAPOR")
    assert "pihak luar" in said
    assert "{{" not in said


def test_a_stranger_who_asks_whether_we_are_real_is_offered_nothing_to_begin(place):
    begun(place)
    (said,) = place.twilio.person(phone="+6281200000614").say("CEK")
    assert "cocokkan nomor pengirim" in said
    assert "mulai" not in said


def test_who_was_erased_may_still_say_stop(place):
    ani = begun(place)
    ani.say("HAPUS DATA")
    assert count(place.installation, Contact) == 0
    assert "tidak akan menghubungi lagi" in ani.say("BERHENTI")[0]
    assert wishes(place) == {"respondent"}


def test_somebody_known_without_an_interview_is_opted_out_by_all_addresses(place):
    ani = place.twilio.person(phone="+6281200000613", bsuid="ID.1000000000000613")
    here = place.installation
    addresses = [Address.parse(one) for one in ani.reachable]
    here.database.write(lambda c: identity.person(c, here, addresses))
    ani.say("BERHENTI")
    assert count(here, OptOut) == 2
    ani.say("MULAI")
    assert count(here, OptOut) == 0


def test_hapus_data_before_the_launch_takes_the_person_off_the_roster(place):
    """Our own words after BERHENTI offer it."""
    here = place.installation
    listed = [Listed(place.unit_id, "internal", number(one), f"Orang {one}") for one in (1, 2)]
    take_in(here, place.published, "dinas.xlsx", listed)
    ani = place.twilio.person(phone=number(1))
    assert "*HAPUS DATA*" in ani.say("BERHENTI")[0]
    assert "Kode permintaan" in ani.say("hapus data saya pak")[0]
    assert count(here, RosterRow) == 1
    assert count(here, OptOut) == 1, "the wish stays"
    assert count(here, Contact) == 0


def test_hapus_data_of_a_coordinator_without_an_interview_ends_the_post_and_is_told(place):
    ani = place.twilio.person(phone="+6281200000614", bsuid="ID.1000000000000614")
    coordinator(place, ani)
    here = place.installation
    assert "Kode permintaan" in ani.say("HAPUS DATA")[0]
    assert [count(here, one) for one in (Contact, AddressTable, Coordinator, Outbox)] == [0] * 4
    (alert,) = rows(here, Alert)
    assert "a coordinator's post for the whole survey is empty" in alert.what
    assert "0614" not in alert.what


def test_hapus_data_of_somebody_known_without_an_interview_leaves_nothing(place):
    ani = place.twilio.person(phone="+6281200000615")
    here = place.installation
    address = Address.parse(ani.address)
    here.database.write(lambda c: identity.person(c, here, [address]))
    assert "*HAPUS DATA*" in ani.say("hapus")[0]
    assert "Kode permintaan" in ani.say("HAPUS DATA")[0]
    assert count(here, Contact) == 0
    assert rows(here, Alert) == []


@pytest.mark.parametrize("code", [21610, 63033, 63014])
def test_mulai_takes_back_what_a_code_of_the_provider_had_said(place, code):
    """The interview goes on for the person; only we knew nothing of a change of mind."""
    ani = begun(place)
    ani.failure = code
    ani.say("1")
    place.twilio.settle()
    assert wishes(place) == {"respondent"}
    assert statuses(place.installation) == ["asking"]
    ani.failure = None
    ani.say("MULAI")
    assert wishes(place) == set()
    assert statuses(place.installation) == ["asking"]


def test_an_ordinary_answer_takes_nothing_back(place):
    ani = begun(place)
    here = place.installation
    (row,) = rows(here, Contact)
    here.database.write(lambda c: identity.opt_out(c, here, row.id))
    ani.say("1")
    assert wishes(place) == {"respondent"}


def test_the_same_stop_by_two_ways_is_one(place):
    ani = begun(place)
    stop = Inbound(
        "twilio",
        place.twilio.sender,
        "SM" + "9" * 32,
        (Address.parse(ani.address),),
        "STOP",
        opt_out="STOP",
    )
    assert receive(place.service.desk, stop).message is None
    assert receive(place.service.desk, stop).message is None
    assert [row.status for row in rows(place.installation, Conversation)] == ["stopped"]
