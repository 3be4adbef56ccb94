"""The simulator's chats, on both databases: whose they are, and what a message in them does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.channels.base import Address
from bot.channels.simulator import SimulatorChannel, fresh_sid
from bot.flow.turn import Message
from bot.interview.chats import Bubble, Chats, Said, say
from bot.interview.desk import Desk
from bot.interview.installation import Installation
from bot.outreach.links import create_links, links
from storage.models import Outbox
from storage.queries import simulator as queries
from tests.setup import MONDAY, TestClock, add_unit, installation, publish_bundled

PHONE = Address("phone", "+6281200000002")
USER_ID = Address("bsuid", "ID.1000000000000002")
OTHER = Address("phone", "+6281200000003")


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def demo(some_url: str, clock: TestClock) -> Iterator[Installation]:
    """A demo with one unit and its links, on SQLite and on PostgreSQL."""
    with installation(some_url, clock=clock, demo=True) as opened:
        publish_bundled(opened)
        add_unit(opened)
        create_links(opened, "integritas")
        yield opened


@pytest.fixture
def desk(demo: Installation) -> Desk:
    return Desk(demo, lambda _message: True)


def code_text(demo: Installation) -> str:
    """Return what a link of the group of outsiders makes WhatsApp send."""
    every = demo.database.read(lambda c: list(links(c, demo, "integritas", demo.via.sender)))
    return next(one.text for one in every if one.group == "eksternal")


def words(text: str) -> Bubble:
    return Bubble("us", fresh_sid(), Message(text))


def test_a_chat_is_read_from_any_place_and_time(demo: Installation, clock: TestClock) -> None:
    chats = Chats(demo)
    first, second, other = words("satu"), words("dua"), words("lain")
    chats.add(PHONE, first)
    clock.move(hours=1)
    chats.add(PHONE, second)
    chats.add(OTHER, other)
    everything = chats.after([PHONE], 0)
    assert [(e.at, e.bubble) for e in everything] == [
        (MONDAY, first),
        (MONDAY + timedelta(hours=1), second),
    ]
    assert [e.bubble for e in chats.after([PHONE], everything[0].id)] == [second]
    assert [e.bubble for e in chats.since(PHONE, MONDAY + timedelta(minutes=1))] == [second]
    newest = chats.newest({"a": [PHONE, USER_ID], "b": [OTHER], "c": [USER_ID]})
    assert newest == {"a": everything[-1].id, "b": everything[-1].id + 1}


def test_addresses_of_one_person_share_the_window(demo: Installation, desk: Desk) -> None:
    """Who wrote from the phone number may be answered at the user id, as at WhatsApp."""
    chats = Chats(demo)
    assert chats.since(USER_ID, MONDAY) == []
    say(desk, chats, [PHONE, USER_ID], Said(code_text(demo)))
    assert [e.bubble.author for e in chats.since(USER_ID, MONDAY)] == ["person", "us"]
    assert chats.since(OTHER, MONDAY) == []


def test_a_reply_is_handed_over_and_known_to_be_delivered(demo: Installation, desk: Desk) -> None:
    chats = Chats(demo)
    reply = say(desk, chats, [PHONE], Said(code_text(demo)))
    assert reply is not None
    ((sid, status),) = demo.database.read(
        lambda c: c.execute(select(Outbox.provider_sid, Outbox.status)).all()
    )
    assert (sid, status) == (reply.sid, "delivered")
    found = SimulatorChannel(chats, demo.now).find(PHONE, MONDAY)
    assert [one.sid for one in found] == [reply.sid]


def test_a_message_without_an_answer_stands_alone(demo: Installation, desk: Desk) -> None:
    chats = Chats(demo)
    assert say(desk, chats, [PHONE], Said(kind="reaction")) is None
    assert [e.bubble.author for e in chats.after([PHONE], 0)] == ["person"]


def test_what_is_due_next_and_who_stands_where_can_be_asked(demo: Installation, desk: Desk) -> None:
    read = demo.database.read
    assert read(queries.next_due) is None
    say(desk, Chats(demo), [PHONE], Said(code_text(demo)))
    due = read(queries.next_due)
    assert due is not None
    assert due > MONDAY
    assert read(queries.statuses) == [("eksternal", "language", 1)]
