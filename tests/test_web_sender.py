"""Replies that go by REST leave at once, whoever runs the sweeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from bot.flow.turn import Message
from bot.interview.sending import contents
from bot.interview.sending.outbox import Purpose, enqueue
from bot.web.app import create_app
from bot.web.sender import Sender
from storage.models import Address, Outbox
from storage.queries.people import saw_inbound
from tests.fake_twilio import wsgi_post
from tests.rows import rows
from tests.test_conversations import invite
from tests.whatsapp import BASE, Office, office


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


def threads() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("sender")}


def test_a_reply_that_goes_by_rest_leaves_at_once_without_any_sweep(database_url):
    """As a web process without timers has it: the webhook wakes the sender."""
    with office(database_url, appearance="buttons") as place:
        contents.prepare(place.installation, place.published)
        while contents.make(place.installation, place.service.channels["twilio"]):
            pass
        before = threads()
        sender = Sender(place.service)
        app = create_app(place.service.settings, service=place.service, hurry=sender.wake)
        place.twilio._post = wsgi_post(app, BASE)
        assert threads() == before, "it begins with the first reply"
        ani = place.twilio.person()
        ani.say(place.link_text())
        assert threads() > before
        sender.settle(20)
        sender.stop()
        assert [option.id for option in ani.messages[-1].options] == ["language:id", "language:en"]
        assert threads() == before


def waiting(place: Office, phone: str, purpose: Purpose) -> None:
    """Let a message wait for somebody who has just written."""
    person = place.twilio.person(phone=phone)
    invite(place, phone)
    person.wrote_at = place.clock.now
    address = rows(place.installation, Address)[-1]

    def work(connection: Connection) -> None:
        saw_inbound(connection, address.id, place.twilio.sender, place.clock.now)
        enqueue(
            connection,
            place.installation,
            address_id=address.id,
            message=Message("Halo"),
            purpose=purpose,
            dedupe=f"{purpose}:{phone}",
        )

    place.installation.database.write(work)


def test_it_sends_replies_and_leaves_campaigns_to_the_sweeps(place):
    waiting(place, "+6281200000901", "reminder")
    waiting(place, "+6281200000902", "reply")
    sender = Sender(place.service)
    sender.wake()
    sender.settle(20)
    sender.stop()
    found = {row.purpose: row.status for row in rows(place.installation, Outbox)}
    assert found["reminder"] == "queued"
    assert found["reply"] in {"sent", "delivered"}


def test_a_pass_that_fails_leaves_the_next_one_to_work(place, caplog):
    class Broken:
        name, sender = "twilio", place.twilio.sender

    real = place.service.channels
    waiting(place, "+6281200000901", "reply")
    sender = Sender(place.service)
    place.service._channels = {"twilio": Broken()}
    sender.wake()
    sender.settle(20)
    assert "replies wait for the next sweep" in caplog.text
    place.service._channels = real
    waiting(place, "+6281200000902", "reply")
    sender.wake()
    sender.settle(20)
    sender.stop()
    claimed = [row.status == "claimed" for row in rows(place.installation, Outbox)]
    assert sorted(claimed) == [False, True]
    assert place.twilio.people["whatsapp:+6281200000902"].inbox == ["Halo"]
