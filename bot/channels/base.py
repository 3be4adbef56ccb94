"""What every channel shares: addresses, what comes in, what goes out, and what can go wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.flow.turn import Choice, Kind, Message

AddressKind = Literal["phone", "bsuid", "parent_bsuid"]
Outcome = Literal[
    "refused",  # final: this message will not arrive
    "later",  # never processed, or a passing fault: again, with back-off
    "later_once",  # at most one more try, after a day at the earliest
    "resend_as_template",  # the 24-hour window is shut: only an approved template may go
    "opted_out",  # the person wants nothing more from us: record it
    "template",  # this template must not be used until an operator mends it
    "pause",  # enough for today: no campaign before tomorrow
    "config",  # the account, sender or channel is unusable: stop, and tell the operators
    "unknown",  # it may have been sent: look before sending again
]
"""What follows when a message was not sent, or not delivered."""

SendOutcome = Outcome

DELIVERED = 4  # the rank from which on a message has arrived

# What Twilio puts into From and To (its page "WhatsApp: key concepts"), "whatsapp:" taken off.
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
_PARENT = re.compile(r"[A-Z]{2}\.ENT\.[A-Za-z0-9]{1,128}")


@dataclass(frozen=True, slots=True)
class Address:
    """One way to reach a person on WhatsApp: an E.164 phone number or a business-scoped user id."""

    kind: AddressKind
    value: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `whatsapp:+62…`, `+62…`, `whatsapp:ID.…` or `ID.ENT.…`.

        Raises ValueError for anything else; the message does not repeat the text, which may be a
        person's number.
        """
        value = text.removeprefix("whatsapp:")
        if _PHONE.fullmatch(value):
            return cls("phone", value)
        if _PARENT.fullmatch(value):
            return cls("parent_bsuid", value)
        if _BSUID.fullmatch(value):
            return cls("bsuid", value)
        raise ValueError("neither a WhatsApp phone number (+62…) nor a user id (ID.…)")

    @property
    def whatsapp(self) -> str:
        """Return the form that Twilio takes and gives, `whatsapp:` first."""
        return f"whatsapp:{self.value}"


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from a person. `addresses` are all that the provider asserts belong together,
    the one it came from first; `sender` is our own number that it was sent to."""

    channel: str
    sender: str
    sid: str
    addresses: tuple[Address, ...]
    text: str = ""
    option: str | None = None
    reply_to: str | None = None  # provider's id of the message that was tapped or quoted
    kind: Kind = "text"
    opt_out: Literal["STOP", "START", "HELP"] | None = None
    raw: Mapping[str, str] | None = None  # the whole form, kept only if our own code fails


@dataclass(frozen=True, slots=True)
class Renamed:
    """What the provider says of a person whose addresses have changed.

    `old` are those by which the person was known, `new` those of now, one of a kind each; an old
    one is theirs no more if there is a new one of its kind.
    """

    sid: str
    old: tuple[Address, ...]
    new: tuple[Address, ...]


class BadRequest(ValueError):
    """What came in is not what the provider sends; the text repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """What became of a message of ours. `rank` only rises: accepted 0, queued 1, sending 2,
    sent 3, delivered 4, read 5; `failed` is terminal (with rank 0, as it arrived nowhere)."""

    sid: str
    status: str
    rank: int
    failed: bool = False
    error_code: int | None = None
    addresses: tuple[Address, ...] = ()
    outcome: Outcome = "refused"  # of a failed one: what follows
    known: bool = True  # whether the error code is one that we know


@dataclass(frozen=True, slots=True)
class Template:
    """An approved template: what the provider knows it by (Twilio's ContentSid, Meta's name), and
    the language it was approved in."""

    id: str
    language: str


@dataclass(frozen=True, slots=True)
class Taps:
    """What a person may tap in place of typing a number: up to 3 buttons, or a list of up to 10.

    `label` is on the button that opens a list. `content_id` is what the provider keeps them under,
    where it wants them made beforehand (Twilio's ContentSid).
    """

    kind: Literal["buttons", "list"]
    options: tuple[Choice, ...]
    label: str = ""
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. `reference` is our outbox id and comes back with every status.

    With `template` the approved template is sent with the message's `variables`, with `taps` its
    words with buttons or a list, else `message` as text.
    """

    reference: str
    to: Address
    message: Message
    template: Template | None = None
    taps: Taps | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours that the provider lists: used to settle unknown sends."""

    sid: str
    body: str
    at: datetime
    status: StatusEvent


class SendError(Exception):
    """A message was not, or perhaps not, sent.

    `outcome` is what matters; `known` says whether the provider's code is one that we know.
    """

    def __init__(
        self, text: str, outcome: Outcome, code: int | None = None, *, known: bool = True
    ) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.code = code
        self.known = known


class Channel(Protocol):
    """Where messages go. Implementations hold no rules of the survey."""

    name: str
    sender: str

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Send one message and return the provider's id and first status. Raises SendError."""
        ...

    def find(self, to: Address, since: datetime) -> list[Found]:
        """List our messages to this address since a time (UTC), newest first.

        Raises SendError; "refused" says that this provider keeps no list, now or ever.
        """
        ...


def as_text(message: Message) -> str:
    """Return a message as plain text: the body, the choices as numbered lines, the footer."""
    parts = [message.text]
    if message.choices:
        parts.append("\n".join(f"{choice.value}. {choice.label}" for choice in message.choices))
    if message.footer:
        parts.append(message.footer)
    return "\n\n".join(part for part in parts if part)
