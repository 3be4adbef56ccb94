"""Damaged rows, and rows of another version of ours: one keeps none of the others back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.flow.turn import Message
from bot.interview.failures import Alone
from bot.interview.sending import outbox
from bot.interview.surveys import Surveys, publish
from bot.reporting.coordinators.lists import import_coordinators
from storage.database import Conflict, Unavailable
from storage.models import Address, Alert, Coordinator, FlowVersion, Outbox, ProgressSnapshot
from tests.rows import change, rows
from tests.setup import TestClock, bundled_files
from tests.whatsapp import office

NINE = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, 09.00 WIB


@pytest.fixture
def place(either_url):
    with office(either_url, clock=TestClock(NINE)) as there:
        yield there


def two_people(place):
    """Let two people begin, so that each has an address we may write to."""
    people = [place.twilio.person(phone=f"+6281200000{number}") for number in (301, 302)]
    for one in people:
        one.say(place.link_text())
    place.twilio.settle()
    return people


def write(place, *, inline=False):
    """Put a message to each known address into the outbox."""
    here = place.installation

    def work(connection):
        for one in rows(here, Address):
            outbox.enqueue(
                connection,
                here,
                address_id=one.id,
                message=Message("Halo.", language="id"),
                purpose="reply",
                dedupe=f"halo:{one.id}",
                inline=inline,
            )

    here.database.write(work)


def damage(place, status):
    """Change a bit of the first row of a status; return its id."""
    first = min(rows(place.installation, Outbox, status=status), key=lambda row: row.not_before)
    flipped = first.sealed[:-1] + bytes([first.sealed[-1] ^ 1])
    change(place.installation, Outbox, {"sealed": flipped}, id=first.id)
    return first.id


def test_a_message_that_cannot_be_opened_waits_and_the_others_go_out(place):
    people = two_people(place)
    heard = [len(one.inbox) for one in people]
    write(place)
    bad = damage(place, "queued")
    place.sweep("deliver")
    place.twilio.settle()
    assert sorted(len(one.inbox) - was for one, was in zip(people, heard, strict=True)) == [0, 1]
    (alert,) = rows(place.installation, Alert)
    assert "cannot be prepared" in alert.what
    assert "Halo" not in alert.what
    (row,) = rows(place.installation, Outbox, id=bad)
    assert row.status == "queued"
    place.clock.move(days=1, hours=1)
    place.sweep("deliver")
    (row,) = rows(place.installation, Outbox, id=bad)
    assert (row.status, row.reason) == ("dropped", "it could not be prepared")


def test_a_message_of_unknown_fate_that_cannot_be_opened_lets_the_others_be_settled(place):
    two_people(place)
    write(place, inline=True)
    bad = damage(place, "unknown")
    for _ in range(5):
        place.clock.move(minutes=5)
        place.sweep("reconcile")
    left = [row.id for row in rows(place.installation, Outbox, status="unknown")]
    assert left == [bad]
    place.clock.move(days=1)
    place.sweep("reconcile")
    (row,) = rows(place.installation, Outbox, id=bad)
    assert (row.status, row.sealed) == ("failed", None)


@pytest.fixture
def damaged(place, tmp_path):
    """Publish a second survey, give both a coordinator, and damage what is stored of the second."""
    here = place.installation
    files = bundled_files()
    files["survey.yaml"] = re.sub(r"(?m)^name: .*$", "name: kedua", files["survey.yaml"])
    second = publish(here, files)
    for name, phone in (("kedua", "+6281200000401"), ("integritas", "+6281200000402")):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"phone,unit,hour\n{phone},,09:00\n")
        import_coordinators(here, name, path)
    broken = {"content": '{"internal.yaml": "kind: ["}'}
    change(here, FlowVersion, broken, id=second.flow_version_id)
    here.surveys = Surveys()
    return second


def test_a_survey_that_cannot_be_read_leaves_the_others_their_counts_and_words(
    place, damaged, caplog
):
    for _ in range(2):
        place.sweep("report")
    assert [row.survey_id for row in rows(place.installation, ProgressSnapshot)] == [
        place.published.id
    ]
    assert place.twilio.person().say("halo")  # a stranger is answered in the other's words
    told = [one for one in caplog.messages if "survey kedua cannot be read" in one]
    assert len(told) == 1


def test_a_post_of_a_survey_that_cannot_be_read_waits_and_the_others_are_served(place, damaged):
    here = place.installation
    change(here, Coordinator, {"due_at": NINE})
    place.sweep("report")
    served = {row.survey_id: row.due_at - NINE for row in rows(here, Coordinator)}
    assert served == {damaged.id: timedelta(hours=1), place.published.id: timedelta(days=1)}
    (report,) = rows(here, Outbox, purpose="report")
    assert report.survey_id == place.published.id


class Odd(Exception):
    pass


@pytest.mark.parametrize("error", [Conflict, Unavailable, KeyboardInterrupt])
def test_what_is_no_items_fault_is_raised(error):
    with pytest.raises(error), Alone("one item"):
        raise error


def test_an_items_own_failure_is_logged_without_what_it_says(caplog):
    said = "+6281200000301"
    with Alone("one item"):
        raise Odd(said)
    (line,) = caplog.messages
    assert line.startswith("one item failed")
    assert "Odd" in line
    assert said not in line
