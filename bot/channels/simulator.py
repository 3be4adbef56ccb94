"""A chat in the browser in place of WhatsApp: as strict, and nothing leaves this machine.

What is said is kept by whoever implements `Chats`; this module knows no database.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from bot.channels.base import (
    Address,
    Found,
    Outgoing,
    SendError,
    StatusEvent,
    Taps,
    as_text,
    captioned,
)
from bot.channels.simulator_files import SampleFiles
from bot.flow.limits import (
    BUTTON_CHARS,
    BUTTONS,
    CAPTION_CHARS,
    MESSAGE_CHARS,
    ROW_CHARS,
    ROWS,
    TAPS_CHARS,
)
from bot.flow.turn import Attachment, Choice, Kind, Message

SENDER = "whatsapp:+62000000000"  # nobody's number: none begins with a zero
WINDOW = timedelta(hours=24)  # WhatsApp: free text only this long after a message


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message as it stands in a chat.

    `author` is "us" or "person". `template` names the template it was sent as; `error` is the
    provider's code of a message that never reached the person; `reply_to` is the sid of the
    message that was tapped or quoted. `taps` are real buttons, or the rows of a list.
    """

    author: Literal["us", "person"]
    sid: str
    message: Message
    kind: Kind = "text"
    template: str | None = None
    error: int | None = None
    reply_to: str | None = None
    taps: Taps | None = None

    def to_json(self) -> str:
        """Return the stored form; `from_json` gives an equal bubble back."""
        plain = {
            "author": self.author,
            "sid": self.sid,
            "text": self.message.text,
            "choices": [[one.value, one.label] for one in self.message.choices],
            "footer": self.message.footer,
            "buttons": [[one.value, one.label] for one in self.message.buttons],
            "attachment": asdict(self.message.attachment) if self.message.attachment else None,
            "kind": self.kind,
            "template": self.template,
            "error": self.error,
            "reply_to": self.reply_to,
            "taps": None
            if self.taps is None
            else [
                self.taps.kind,
                self.taps.label,
                [[one.value, one.label] for one in self.taps.options],
            ],
        }
        kept = {key: value for key, value in plain.items() if value}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Bubble:
        """Read what `to_json` wrote."""
        plain = json.loads(text)
        attachment = plain.pop("attachment", None)
        message = Message(
            text=plain.pop("text", ""),
            choices=tuple(Choice(*one) for one in plain.pop("choices", ())),
            footer=plain.pop("footer", ""),
            buttons=tuple(Choice(*one) for one in plain.pop("buttons", ())),
            attachment=Attachment(**attachment) if attachment else None,
        )
        if taps := plain.pop("taps", None):
            kind, label, options = taps
            plain["taps"] = Taps(kind, tuple(Choice(*one) for one in options), label)
        return cls(message=message, **plain)


@dataclass(frozen=True, slots=True)
class Entry:
    """A bubble with its place in the chat (ids rise) and its business time, aware UTC."""

    id: int
    at: datetime
    bubble: Bubble


class Chats(Protocol):
    """Keeps what was said, one chat per person, whatever address of theirs is used."""

    def add(self, address: Address, bubble: Bubble) -> None:
        """Put a bubble at the end of a person's chat, at the present business time."""
        ...

    def since(self, address: Address, moment: datetime) -> list[Entry]:
        """List a person's chat from a business time on, oldest first."""
        ...


def fresh_sid() -> str:
    """Return a new message id in the provider's form."""
    return "SM" + secrets.token_hex(16)


def delivered(sid: str, address: Address) -> StatusEvent:
    """Return the status of a message that stands in the person's chat."""
    return StatusEvent(sid, "delivered", rank=4, addresses=(address,))


class SimulatorChannel:
    """WhatsApp, played: keeps bubbles instead of sending messages."""

    name = "simulator"
    sender = SENDER

    def __init__(self, chats: Chats, now: Callable[[], datetime]) -> None:
        """`now` gives business time, aware UTC: the 24-hour window is counted in it."""
        self._chats = chats
        self._now = now
        self.files = SampleFiles()

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Put a message into the chat. Raises SendError where WhatsApp would refuse it.

        A refused one stands in the chat too, marked, so that one sees what went wrong.
        """
        template = None
        if outgoing.template is not None:
            template = outgoing.message.template or outgoing.template.id
        code = self._refusal(outgoing)
        taps = None if template else outgoing.taps
        # A template has no file; a bubble keeps what the file is, and its page makes it.
        message = replace(outgoing.message, attachment=None) if template else outgoing.message
        if not captioned(message):
            message = Message("", language=message.language, attachment=message.attachment)
        bubble = Bubble("us", fresh_sid(), message, template=template, error=code, taps=taps)
        self._chats.add(outgoing.to, bubble)
        if code is not None:
            raise SendError(REFUSALS[code], "refused", code)
        return delivered(bubble.sid, outgoing.to)

    def find(self, to: Address, since: datetime) -> list[Found]:
        """List our messages to this address since a business time, newest first."""
        return [
            Found(e.bubble.sid, as_text(e.bubble.message), e.at, delivered(e.bubble.sid, to))
            for e in reversed(self._chats.since(to, since))
            if e.bubble.author == "us" and e.bubble.error is None
        ]

    def _refusal(self, outgoing: Outgoing) -> int | None:
        """Return the provider's error code for a message that WhatsApp would not deliver."""
        message = outgoing.message
        if outgoing.template is not None:
            good = all(0 < len(button.label) <= BUTTON_CHARS for button in message.buttons)
            return None if good and len(message.buttons) <= BUTTONS else 63013
        most = CAPTION_CHARS if message.attachment is not None else MESSAGE_CHARS
        if captioned(message) and len(as_text(message)) > most:
            return 21617
        if outgoing.taps is not None and not _fits(outgoing.taps, as_text(message)):
            return 63013
        return None if self._window_open(outgoing.to) else 63016

    def _window_open(self, address: Address) -> bool:
        recent = self._chats.since(address, self._now() - WINDOW)
        return any(entry.bubble.author == "person" for entry in recent)


def _fits(taps: Taps, text: str) -> bool:
    """Whether WhatsApp would show these buttons, or this list, under this text."""
    buttons = taps.kind == "buttons"
    most, chars = (BUTTONS, BUTTON_CHARS) if buttons else (ROWS, ROW_CHARS)
    return (
        len(text) <= TAPS_CHARS
        and 1 <= len(taps.options) <= most
        and all(0 < len(one.label) <= chars for one in taps.options)
        and (buttons or 0 < len(taps.label) <= BUTTON_CHARS)
    )


REFUSALS = {
    21617: f"the text is longer than {MESSAGE_CHARS} characters: shorten it",
    63013: f"a message has at most {BUTTONS} buttons of 1 to {BUTTON_CHARS} characters, or"
    f" {ROWS} rows of 1 to {ROW_CHARS}, under a text of up to {TAPS_CHARS}",
    63016: "the person has not written for 24 hours: only an approved template may be sent",
}
"""What each error code of the provider means here."""
