"""What every channel shares: addresses, what comes in, what goes out, and what can go wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol, runtime_checkable

from bot.flow.answers.places import Coordinates
from bot.flow.turn import Choice, Kind, Message, SentKind

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


_NO_CAPTION = frozenset({"audio"})  # WhatsApp: what these come with is lost

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
class InboundFile:
    """A file that came with a message: where the provider has it, and what it says it is."""

    address: str
    mime: str

    @property
    def kind(self) -> SentKind:
        """What questions call such a file."""
        if self.mime in ("image/jpeg", "image/jpg", "image/png"):
            return "image"
        if self.mime.startswith("audio/"):
            return "audio"
        return "pdf" if self.mime == "application/pdf" else "other"


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from a person. `addresses` are all that the provider asserts belong together,
    the one it came from first; `sender` is our own number that it was sent to. `place` is what a
    location shows. `came_at` is given where nobody told us of the message and it was found in the
    provider's own list later, `kept_at` where our own code failed on it when it came."""

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
    file: str | None = None  # the address of a document that came with it, for MessageLog.download
    came_at: datetime | None = None
    place: Coordinates | None = None
    kept_at: datetime | None = None
    attached: InboundFile | None = None  # whatever file came with it


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
    the language it was approved in.

    `names` are the placeholders behind its variables {{1}}, {{2}}, …; None for a template made by
    hand, whose variables have the placeholders' own names.
    """

    id: str
    language: str
    names: tuple[str, ...] | None = None

    def values(self, variables: Mapping[str, str]) -> Mapping[str, str]:
        """Return a message's variables under the names that the template has for them, in order."""
        if self.names is None:
            return variables
        return {str(place): variables.get(name, "") for place, name in enumerate(self.names, 1)}


@dataclass(frozen=True, slots=True)
class TemplateForm:
    """A template as WhatsApp is asked for it: `body` has the variables {{1}}, {{2}}, … of which
    `samples` are examples; a button's value comes back when it is tapped."""

    name: str
    language: str
    category: str  # UTILITY or MARKETING
    body: str
    samples: tuple[str, ...] = ()
    buttons: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateState:
    """What WhatsApp says of a template: unsubmitted, received, pending, approved, rejected, paused,
    disabled, or gone, which is our word for one that the provider does not have any more.

    `category` may be another than was asked for.
    """

    status: str
    category: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """A template that the provider has already."""

    id: str
    name: str
    language: str


class Templates(Protocol):
    """The templates of one account. All methods raise SendError."""

    def every(self) -> list[KnownTemplate]:
        """List the templates that are there."""
        ...

    def make(self, form: TemplateForm) -> str:
        """Store a template and return its id. Asked twice it may make two."""
        ...

    def submit(self, template_id: str, form: TemplateForm) -> None:
        """Ask WhatsApp to approve it; one that was submitted before is left as it is."""
        ...

    def state(self, template_id: str) -> TemplateState:
        """Return what has become of it."""
        ...

    def delete(self, template_id: str) -> None:
        """Delete a template that nobody uses."""
        ...


@dataclass(frozen=True, slots=True)
class Taps:
    """What a person may tap in place of typing a number: up to 3 buttons, or a list of up to 10.

    `label` is on the button that opens a list. `content_id` is what the provider keeps them under,
    where it wants them made beforehand (Twilio's ContentSid), with `body`, whose blanks {{1}},
    {{2}} … are filled by `variables`. All say the same as the message does as text.
    """

    kind: Literal["buttons", "list"]
    options: tuple[Choice, ...]
    label: str = ""
    content_id: str | None = None
    body: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. `reference` is our outbox id and comes back with every status.

    With `template` the approved template is sent with the message's `variables`, with `taps` its
    words with buttons or a list, else `message` as text. `link` is where the provider fetches the
    message's attachment; without one only the text goes.
    """

    reference: str
    to: Address
    message: Message
    template: Template | None = None
    taps: Taps | None = None
    link: str | None = None


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


@runtime_checkable
class HasTemplates(Protocol):
    """A channel whose templates can be made and submitted by program."""

    @property
    def templates(self) -> Templates:
        """The templates of the channel's account."""
        ...


# The provider's word, when a message could not be delivered, on the template that it was sent with
# (Twilio, error dictionary): what the template is from then on.
TEMPLATE_FAULTS: Mapping[int, str] = MappingProxyType(
    {
        63027: "it does not exist in this language",
        63028: "it has another number of variables",
        63040: "rejected",
        63041: "paused",
        63042: "disabled",
    }
)


# The provider could not fetch, or does not take, a file of ours (Twilio's error dictionary; Meta's
# error codes): the words that go with it can still be said.
_MEDIA_FAULTS = frozenset(
    {11200, 12300, 21620, 63019, 63034, 63043, 63044, 63045, 63047, 131052, 131053}
)


def media_refused(code: int | None) -> bool:
    """Whether a message failed because of its file alone."""
    return code in _MEDIA_FAULTS


class TapStore(Protocol):
    """Where a provider keeps taps that it wants made before they are sent. Raises SendError."""

    def make(self, name: str, language: str, taps: Taps) -> str:
        """Make taps with their body under a name of ours, and return the provider's id."""
        ...

    def named(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield (id, name) of all whose name begins so."""
        ...

    def delete(self, content_id: str) -> None:
        """Delete one; it is no error that it is gone already."""
        ...


def tap_store(channel: Channel) -> TapStore | None:
    """Return where a channel's taps are made beforehand; None where they go out as they are."""
    store: TapStore | None = getattr(channel, "tap_store", None)
    return store


@dataclass(frozen=True, slots=True)
class Listed:
    """A message, of a person or of ours, as the provider's own list has it: no button, no quote.

    `person` is None where the address is of a form that we do not know. `final` is whether the
    provider has nothing left to do with it; only then it can be made to forget it.
    """

    sid: str
    inbound: bool
    sender: str
    person: Address | None
    text: str
    at: datetime
    media: int = 0
    final: bool = True


class MediaRefused(Exception):
    """A file is not taken: it is too large, or no file of ours. The text repeats nothing of it."""


class MessageLog(Protocol):
    """What a provider keeps of messages. All methods may be repeated and raise SendError, "later"
    or "config" (or "refused", where this one message is not to be had)."""

    def senders(self) -> list[str]:
        """Return our numbers."""
        ...

    def listed(
        self, sender: str, since: datetime, until: datetime, limit: int, *, inbound: bool
    ) -> list[Listed]:
        """List what people wrote to a number of ours, or what went out from it, oldest first.

        With `limit` messages there may be more. Both ends belong to it, times are whole seconds.
        """
        ...

    def redact(self, sid: str) -> None:
        """Let the provider forget a message's text; one that it does not have is no error."""
        ...

    def delete_media(self, sid: str) -> int:
        """Let the provider delete a message's files; return how many there were."""
        ...

    def attached(self, sid: str) -> InboundFile | None:
        """Return the file of a person's message that is in the list; None where it has none."""
        ...

    def download(self, url: str, limit: int) -> tuple[str, bytes]:
        """Fetch a file of a message and return its declared type and bytes, `limit` at most.

        Raises MediaRefused too.
        """
        ...


class Files(Protocol):
    """The files that people sent, while the provider has them. All methods may be repeated."""

    def download(self, url: str, limit: int) -> tuple[str, bytes]:
        """Fetch a file and return its declared type and bytes, `limit` at most.

        Raises MediaRefused and SendError; of the latter "refused" says that it is gone.
        """
        ...

    def forget(self, url: str) -> None:
        """Let the provider delete a file; one that it does not have is no error."""
        ...


def files_of(channel: object) -> Files | None:
    """Return where a channel's files are fetched; None where there are none to be had."""
    found: Files | None = getattr(channel, "files", None)
    return found


@runtime_checkable
class Logging(Protocol):
    """A channel whose provider keeps a log of messages that it lets us see and empty."""

    log: MessageLog


def captioned(message: Message) -> bool:
    """Whether the words of a message with an attachment arrive; else the attachment says them."""
    return message.attachment is None or message.attachment.kind not in _NO_CAPTION


def as_shown(message: Message) -> str:
    """Return a message as a transcript has it: what comes with it by name, then its words."""
    if message.attachment is None:
        return as_text(message)
    named = f"[{message.attachment.name}]"
    return f"{named}\n\n{as_text(message)}" if captioned(message) else named


def as_text(message: Message) -> str:
    """Return a message as plain text: the body, the choices as numbered lines, the footer."""
    parts = [message.text]
    if message.choices:
        parts.append("\n".join(f"{choice.value}. {choice.label}" for choice in message.choices))
    if message.footer:
        parts.append(message.footer)
    return "\n\n".join(part for part in parts if part)
