"""Which interview an untapped message belongs to when a person is in two surveys."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot.interview.conversations import enrol
from bot.interview.states import unseal
from bot.interview.surveys import publish
from storage.models import Contact, Conversation
from tests.rows import change, rows
from tests.setup import bundled_files
from tests.whatsapp import office


@pytest.fixture
def place(some_url):
    with office(some_url, questions=2) as there:
        yield there


@pytest.fixture
def second(place):
    """Publish another survey."""
    files = bundled_files()
    settings = re.sub(r"(?m)^name: .*$", "name: layanan", files["survey.yaml"])
    settings = settings.replace("Survei Integritas Kota Contoh", "Survei Layanan Kota Contoh")
    files["survey.yaml"] = settings.replace("min_answer_seconds: 2", "min_answer_seconds: 0")
    return publish(place.installation, files)


def invite(place, survey, person):
    """Invite a person whom we know to another survey, and let the invitation arrive."""
    here = place.installation
    (contact_id,) = {row.contact_id for row in rows(here, Conversation)}
    arguments = (survey, contact_id, place.unit_id, "internal", here.now())
    here.database.write(lambda connection: enrol(connection, here, *arguments))
    place.sweep("wake")
    place.sweep("deliver")
    assert "Balas *1* untuk mulai" in person.inbox[-1]


def states(place):
    """Return the state of each survey's conversation, by the survey's id."""
    here = place.installation

    def work(connection):
        return {
            row.survey_id: unseal(here.keys.by_id(connection, row.key_id), row.id, row.sealed)
            for row in rows(here, Conversation)
        }

    return here.database.read(work)


def begin(place):
    """Let somebody begin the first survey, up to its first question."""
    person = place.twilio.person()
    person.say(place.link_text())
    person.say("1")
    person.say("setuju")
    place.clock.move(minutes=5)
    return person


def test_a_number_after_another_surveys_invitation_is_no_answer(place, second):
    person = begin(place)
    before = states(place)[place.published.id]
    invite(place, second, person)
    place.clock.move(minutes=1)
    asked = person.say("1")[-1]
    after = states(place)
    assert after[place.published.id].answers == before.answers
    assert after[place.published.id].question == before.question
    assert after[second.id].status == "invited"
    flow = place.published.survey.groups["internal"]
    assert flow.by_name[before.question].label["id"].partition("{{")[0] in asked
    place.clock.move(minutes=1)
    person.say("1")
    assert len(states(place)[place.published.id].answers) == len(before.answers) + 1


def test_who_is_done_with_one_survey_begins_the_other_in_words(place, second):
    person = begin(place)
    invite(place, second, person)
    person.say("ulang")
    for _ in range(4):
        place.clock.move(minutes=1)
        person.say("1")
        if states(place)[place.published.id].status.over:
            break
    place.clock.move(minutes=1)
    person.say("terima kasih")
    assert states(place)[place.published.id].status == "screened_out"
    assert states(place)[second.id].status == "invited"
    person.say("mulai")
    assert states(place)[second.id].status == "consent"
    person.say("setuju")
    assert states(place)[second.id].status == "asking"


def done_with_the_first(place):
    """Let somebody be screened out of the first survey."""
    person = begin(place)
    for _ in range(4):
        place.clock.move(minutes=1)
        person.say("1")
        if states(place)[place.published.id].status.over:
            break
    place.clock.move(minutes=1)
    return person


def test_an_ok_begins_nothing_to_which_nobody_was_invited_yet(place, second):
    person = done_with_the_first(place)
    here = place.installation
    (contact_id,) = {row.contact_id for row in rows(here, Conversation)}
    slot = here.now() + timedelta(days=5)
    arguments = (second, contact_id, place.unit_id, "internal", slot)
    here.database.write(lambda connection: enrol(connection, here, *arguments))
    person.say("ok")
    assert states(place)[second.id].status == "invited"
    person.say("mulai")
    assert states(place)[second.id].status == "consent"


def test_the_answer_to_what_we_have_asked_begins_nothing(place, second):
    person = done_with_the_first(place)
    invite(place, second, person)
    first = place.published.id
    change(place.installation, Contact, {"active_conversation_id": conversation(place, first)})
    assert "1. membetulkan" in person.say("hapus")[-1]
    person.say("1")
    assert states(place)[second.id].status == "invited"


def conversation(place, survey_id):
    (row,) = rows(place.installation, Conversation, survey_id=survey_id)
    return row.id
