"""The simulated WhatsApp: what it keeps, and what it refuses as the real one would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import Address, Outgoing, SendError, Taps, Template, as_text
from bot.channels.simulator import (
    SENDER,
    WINDOW,
    Bubble,
    Entry,
    SimulatorChannel,
    fresh_sid,
)
from bot.flow.limits import MESSAGE_CHARS
from bot.flow.turn import Attachment, Choice, Message
from bot.interview.installation import SIMULATED

NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
PERSON = Address("phone", "+6281200000001")


@dataclass
class Memory:
    """Chats in a list, with a clock that is moved by hand."""

    now: datetime = NOON
    entries: list[tuple[Address, Entry]] = field(default_factory=list)

    def add(self, address: Address, bubble: Bubble) -> None:
        """Keep a bubble."""
        self.entries.append((address, Entry(len(self.entries) + 1, self.now, bubble)))

    def since(self, address: Address, moment: datetime) -> list[Entry]:
        """List an address's bubbles."""
        return [e for a, e in self.entries if a == address and e.at >= moment]

    def write(self) -> None:
        """Let the person write something."""
        self.add(PERSON, Bubble("person", fresh_sid(), Message("1")))

    @property
    def last(self) -> Bubble:
        """The newest bubble."""
        return self.entries[-1][1].bubble


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def channel(memory: Memory) -> SimulatorChannel:
    return SimulatorChannel(memory, lambda: memory.now)


def refused(channel: SimulatorChannel, outgoing: Outgoing) -> int | None:
    """Return the code with which a message is refused."""
    with pytest.raises(SendError) as caught:
        channel.send(outgoing)
    assert caught.value.outcome == "refused"
    return caught.value.code


def text(words: str = "Pertanyaan") -> Outgoing:
    return Outgoing("reference", PERSON, Message(words))


def test_the_simulator_is_the_channel_that_an_installation_without_twilio_writes_by(
    channel: SimulatorChannel,
) -> None:
    assert (channel.name, channel.sender) == (SIMULATED.channel, SIMULATED.sender)
    Address.parse(SENDER)


def test_a_sent_message_stands_in_the_chat_and_is_delivered(
    channel: SimulatorChannel, memory: Memory
) -> None:
    memory.write()
    status = channel.send(text("Halo"))
    assert re.fullmatch(r"SM[0-9a-f]{32}", status.sid)
    assert (status.status, status.rank, status.failed) == ("delivered", 4, False)
    assert memory.last == Bubble("us", status.sid, Message("Halo"))


def test_free_text_is_refused_once_the_window_has_closed(
    channel: SimulatorChannel, memory: Memory
) -> None:
    memory.write()
    memory.now += WINDOW
    channel.send(text())
    memory.now += timedelta(seconds=1)
    assert refused(channel, text()) == 63016
    assert memory.last.error == 63016


def test_our_own_messages_do_not_open_the_window(channel: SimulatorChannel, memory: Memory) -> None:
    message = Message("Selamat pagi", template="invite")
    channel.send(Outgoing("r", PERSON, message, Template("HX1", "id")))
    assert refused(channel, text()) == 63016


def test_a_template_goes_out_at_any_time_and_is_shown_as_one(
    channel: SimulatorChannel, memory: Memory
) -> None:
    buttons = (Choice("MULAI", "Mulai"), Choice("CEK", "Cek keaslian"))
    message = Message("Selamat pagi", template="invite", buttons=buttons)
    channel.send(Outgoing("r", PERSON, message, template=Template("demo:invite", "id")))
    assert memory.last.template == "invite"
    assert memory.last.message.buttons == buttons


def test_a_message_that_merely_has_a_template_is_text_when_sent_as_text(
    channel: SimulatorChannel, memory: Memory
) -> None:
    outgoing = Outgoing("r", PERSON, Message("Selamat pagi", template="invite"))
    assert refused(channel, outgoing) == 63016
    memory.write()
    channel.send(outgoing)
    assert memory.last.template is None


@pytest.mark.parametrize(
    "labels", [("Mulai", "Cek", "Jangan", "Lagi"), ("Tombol yang terlalu panjang",), ("",)]
)
def test_a_template_with_buttons_that_whatsapp_would_not_approve_is_refused(
    channel: SimulatorChannel, labels: tuple[str, ...]
) -> None:
    message = Message("Halo", template="invite", buttons=tuple(Choice("x", one) for one in labels))
    assert refused(channel, Outgoing("r", PERSON, message, Template("HX1", "id"))) == 63013


def test_a_text_may_be_as_long_as_twilio_takes_and_no_longer(
    channel: SimulatorChannel, memory: Memory
) -> None:
    memory.write()
    channel.send(text("x" * MESSAGE_CHARS))
    assert refused(channel, text("x" * (MESSAGE_CHARS + 1))) == 21617


def test_find_lists_what_reached_the_person_newest_first(
    channel: SimulatorChannel, memory: Memory
) -> None:
    memory.write()
    question = Message("Mana?", choices=(Choice("1", "Ini"),), footer="(1/2)")
    first = channel.send(Outgoing("r", PERSON, question))
    memory.now += timedelta(hours=1)
    second = channel.send(text())
    with pytest.raises(SendError):
        channel.send(text("x" * 2000))
    found = channel.find(PERSON, NOON)
    assert [one.sid for one in found] == [second.sid, first.sid]
    assert found[1].body == as_text(question)
    assert found[1].at == NOON
    assert channel.find(PERSON, NOON + timedelta(minutes=1))[-1].sid == second.sid
    assert channel.find(Address("phone", "+6281200000002"), NOON) == []


CHOICES = st.lists(st.builds(Choice, st.text(), st.text()), max_size=4).map(tuple)
BUBBLES = st.builds(
    Bubble,
    author=st.sampled_from(["us", "person"]),
    sid=st.text(min_size=1),
    message=st.builds(Message, text=st.text(), choices=CHOICES, footer=st.text(), buttons=CHOICES),
    kind=st.sampled_from(["text", "media", "edited"]),
    template=st.none() | st.text(min_size=1),
    error=st.none() | st.integers(1, 99999),
    reply_to=st.none() | st.text(min_size=1),
)


@given(BUBBLES)
def test_a_bubble_is_the_same_after_it_was_stored(bubble: Bubble) -> None:
    assert Bubble.from_json(bubble.to_json()) == bubble


def tapped(kind: Literal["buttons", "list"], *labels: str, body: str = "x") -> Outgoing:
    options = tuple(Choice(f"q:{number}", label) for number, label in enumerate(labels))
    taps = Taps(kind, options, "Pilih" if kind == "list" else "", body=body)
    return Outgoing("reference", PERSON, Message(body), taps=taps)


def test_buttons_and_lists_stand_in_the_chat(channel: SimulatorChannel, memory: Memory) -> None:
    memory.write()
    channel.send(tapped("list", *["x" * 24] * 10))
    assert memory.last.taps is not None
    assert (memory.last.taps.label, len(memory.last.taps.options)) == ("Pilih", 10)
    assert Bubble.from_json(memory.last.to_json()).taps == replace(memory.last.taps, body="")


@pytest.mark.parametrize(
    "outgoing",
    [
        tapped("buttons", "a", "b", "c", "d"),
        tapped("buttons", "x" * 21),
        tapped("list", *["x"] * 11),
        tapped("list", "x" * 25),
        tapped("buttons", "x", body="x" * 1025),
        tapped("buttons"),
    ],
)
def test_what_whatsapp_would_not_show_is_refused(
    channel: SimulatorChannel, memory: Memory, outgoing: Outgoing
) -> None:
    memory.write()
    assert refused(channel, outgoing) == 63013


def test_a_list_outside_the_window_is_refused(channel: SimulatorChannel) -> None:
    assert refused(channel, tapped("list", "Ya")) == 63016


def test_a_file_is_kept_by_what_it_is_and_a_template_has_none(
    channel: SimulatorChannel, memory: Memory
) -> None:
    file = Attachment("image", "chart:1:0:2026-11-23:1", "grafik.png")
    message = Message("Selamat pagi", template="daily_template", attachment=file)
    channel.send(Outgoing("r", PERSON, message, template=Template("demo:daily", "id")))
    assert memory.last.message.attachment is None
    memory.write()
    channel.send(Outgoing("r", PERSON, message))
    assert Bubble.from_json(memory.last.to_json()).message.attachment == file
    long = Outgoing("r", PERSON, Message("x" * 1025, attachment=file))
    assert refused(channel, long) == 21617
