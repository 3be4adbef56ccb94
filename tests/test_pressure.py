"""Somebody who is pressed hears of help outside, and nobody inside hears of them."""

from __future__ import annotations

import json
import logging

import pytest

from bot.reporting import progress
from bot.reporting.coordinators import log
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import Alert, Audit, Outbox, ReportLog
from tests.rows import count, counts, rows
from tests.setup import TestClock
from tests.whatsapp import office

OUTSIDE = "Pusat Studi Antikorupsi"
COORDINATOR, EMPLOYEE = "+6281200000201", "+6281200000202"
WORDS = ("LAPOR", "ditekan", "saya ditekan")


@pytest.fixture
def opened(either_url, tmp_path):
    with office(either_url, clock=TestClock(), statuses=()) as there:
        table = tmp_path / "coordinators.csv"
        table.write_text(f"phone,unit,hour\n{COORDINATOR},own:U1,08:05\n{COORDINATOR},,08:05\n")
        import_coordinators(there.installation, "integritas", table)
        yield there


def begin(there, phone):
    """Let somebody come to the first question of an interview."""
    person = there.twilio.person(phone=phone)
    person.say(there.link_text())
    person.say("1")
    person.say("SETUJU")
    return person


def to(there, phone):
    """Return all that was sent to somebody so far."""
    return [one for one in there.twilio.outbound() if one.to == f"whatsapp:{phone}"]


@pytest.mark.parametrize("word", WORDS)
def test_who_is_pressed_is_told_of_help_outside_and_the_coordinator_hears_nothing(
    opened, caplog, word
):
    house = opened.installation
    coordinator = opened.twilio.person(phone=COORDINATOR)
    coordinator.say("PROGRES")
    person = begin(opened, EMPLOYEE)
    opened.sweep("report")
    before = counts(house)
    heard = len(to(opened, COORDINATOR))
    shown = json.dumps(progress.progress(house, "integritas").to_dict())
    with caplog.at_level(logging.DEBUG):
        said = person.say(word)
        for name in ("report", "wake", "reply", "deliver", "purge"):
            opened.sweep(name)
    assert OUTSIDE in str(said)
    # Nothing is left of it but the message id and the reply, as of any other message.
    changed = {name for name, number in counts(house).items() if number != before.get(name)}
    assert changed <= {"inbound", "outbox", "checkpoint"}
    assert len(to(opened, COORDINATOR)) == heard
    assert json.dumps(progress.progress(house, "integritas").to_dict()) == shown
    assert count(house, Alert) == 0
    told = " ".join(record.getMessage() for record in caplog.records).lower()
    assert "lapor" not in told
    assert "ditekan" not in told
    assert not [row for row in rows(house, Audit) if "lapor" in row.detail.lower()]


def test_a_coordinator_who_is_pressed_in_their_own_interview_hears_of_help_outside_too(opened):
    house = opened.installation
    person = begin(opened, COORDINATOR)
    noted = count(house, ReportLog)
    assert OUTSIDE in str(person.say("DITEKAN"))
    assert count(house, ReportLog) == noted
    assert log.logged(house, "integritas") == []


def test_what_was_said_under_pressure_is_not_told_apart_in_the_tables_from_any_other_reply(opened):
    """Only the words differ, and these are sealed."""
    house = opened.installation
    person = begin(opened, EMPLOYEE)
    replies = []
    for text in ("LAPOR", "BANTUAN"):
        known = {row.id for row in rows(house, Outbox)}
        person.say(text)
        (new,) = [row for row in rows(house, Outbox) if row.id not in known]
        replies.append(new)
    one, other = replies
    same = ("address_id", "conversation_id", "survey_id", "purpose", "priority", "via", "template")
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
    assert OUTSIDE.encode() not in bytes(one.sealed or b"")
