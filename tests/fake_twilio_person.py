"""People with WhatsApp: they write, tap and quote through the fake Twilio, and keep what came."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fake_twilio_rules import Option, Record

if TYPE_CHECKING:
    from tests.fake_twilio import FakeTwilio

# WhatsApp, error 131056: one message in 6 seconds to one person, 45 at once.
_PAIR_SECONDS = 6.0
_PAIR_BURST = 45.0


@dataclass(frozen=True)
class Delivered:
    """A message as it lies on the person's telephone."""

    sid: str
    text: str
    options: tuple[Option, ...] = ()
    file: tuple[str, bytes] | None = None  # type and bytes of a picture or document


# What Twilio sends with each kind of message besides the fields that all have.
_EXTRAS: Mapping[str, Mapping[str, str]] = {
    "text": {},
    "image": {"NumMedia": "1", "MediaContentType0": "image/jpeg"},
    "audio": {"NumMedia": "1", "MediaContentType0": "audio/ogg"},
    "video": {"NumMedia": "1", "MediaContentType0": "video/mp4"},
    "document": {"NumMedia": "1", "MediaContentType0": "application/pdf"},
    "sticker": {"NumMedia": "1", "MediaContentType0": "image/webp"},
    "contact": {"NumMedia": "1", "MediaContentType0": "text/vcard", "MessageType": "contacts"},
    "location": {"Latitude": "-6.1754", "Longitude": "106.8272", "Label": "Monas"},
    "reaction": {},
    "edited": {},
    "unsupported": {},
}


@dataclass(eq=False)
class Person:
    """Somebody on WhatsApp.

    While `shows_phone` is off, webhooks carry the user id in the phone's place. A message to
    somebody whose `failure` is set ends with that error code; `opted_out` makes the API refuse.
    """

    twilio: FakeTwilio
    phone: str | None
    bsuid: str | None
    parent: str | None
    name: str = "Warga"
    shows_phone: bool = True
    read_receipts: bool = True
    opted_out: bool = False
    failure: int | None = None
    wrote_at: datetime | None = None
    messages: list[Delivered] = field(default_factory=list)
    last_form: dict[str, str] | None = None
    _tokens: float = _PAIR_BURST
    _tokens_at: datetime | None = None

    @property
    def inbox(self) -> list[str]:
        """Return the texts of all messages that came, oldest first."""
        return [message.text for message in list(self.messages)]

    @property
    def reachable(self) -> list[str]:
        """Return every address that a message may be sent to."""
        found = (self.phone, self.bsuid, self.parent)
        return [f"whatsapp:{value}" for value in found if value is not None]

    @property
    def address(self) -> str:
        """Return what webhooks have in From: the phone if shown, else the parent or user id."""
        if self.phone is not None and self.shows_phone:
            return f"whatsapp:{self.phone}"
        value = self.parent or self.bsuid
        if value is None:
            raise ValueError("who hides the phone needs a user id: person(bsuid=…)")
        return f"whatsapp:{value}"

    def user_ids(self) -> dict[str, str]:
        """Return the webhook fields that name the person within the business portfolio."""
        found = {}
        if self.bsuid is not None:
            found["ExternalUserId"] = f"whatsapp:{self.bsuid}"
        if self.parent is not None:
            found["ParentExternalUserId"] = f"whatsapp:{self.parent}"
        return found

    def say(
        self,
        text: str = "",
        *,
        tap: str | None = None,
        quote: str | Delivered | None = None,
        kind: str = "text",
        fields: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Write something and return the texts that came meanwhile, the TwiML reply among them.

        `tap` is the id or title of a button or row of a message that came (of `quote`, if given);
        what no message offers is sent as a button's id with `text` as its title. `quote` is a
        message or its text. `fields` overrides or adds parameters.
        """
        return self.post(self.form(text, tap=tap, quote=quote, kind=kind) | dict(fields or {}))

    def again(self) -> list[str]:
        """Have Twilio post the last message once more, with the same MessageSid."""
        assert self.last_form is not None, "nothing was said yet"
        return self.post(self.last_form)

    def post(self, form: dict[str, str]) -> list[str]:
        """Have Twilio receive this form and return the texts that came meanwhile."""
        now = self.twilio.clock()
        self.last_form, self.wrote_at = form, now
        before = len(self.messages)
        self.twilio.receive(form, now)
        return [message.text for message in self.messages[before:]]

    def form(
        self,
        text: str = "",
        *,
        tap: str | None = None,
        quote: str | Delivered | None = None,
        kind: str = "text",
    ) -> dict[str, str]:
        """Return the parameters that Twilio would post, with a new MessageSid."""
        about = self._message(quote) if quote is not None else None
        option = None
        if tap is not None:
            option, about = self._option(tap, text, about)
            text = option.title
        form = self._common(text, "interactive" if option else kind)
        form |= _EXTRAS[kind]
        if form["NumMedia"] != "0":
            file = self.twilio.store.add(form["MessageSid"], form["MediaContentType0"])
            message = f"Accounts/{self.twilio.account_sid}/Messages/{file.message_sid}"
            form["MediaUrl0"] = f"https://api.twilio.com/2010-04-01/{message}/Media/{file.sid}"
        if option is not None:
            form |= _tapped(option)
        if about is not None:
            form["OriginalRepliedMessageSid"] = about.sid
            form["OriginalRepliedMessageSender"] = self.twilio.sender
        context = {key: form[key] for key in _IN_CONTEXT if key in form}
        metadata = {"type": "whatsapp", "data": {"context": context}}
        return form | {"ChannelMetadata": json.dumps(metadata)}

    def receive(self, record: Record) -> None:
        """Find a message on the telephone."""
        self.messages.append(Delivered(record.sid, record.body, record.options, record.file))

    def takes_one_more(self, now: datetime) -> bool:
        """Whether WhatsApp's limit per person lets another message through now."""
        with self.twilio.lock:
            if self._tokens_at is not None:
                grown = (now - self._tokens_at).total_seconds() / _PAIR_SECONDS
                self._tokens = min(_PAIR_BURST, self._tokens + grown)
            self._tokens_at = now
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True

    def _common(self, text: str, kind: str) -> dict[str, str]:
        sid = f"SM{uuid.uuid4().hex}"
        form = {
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ProfileName": self.name,
            "MessageType": kind,
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": text,
            "To": self.twilio.sender,
            "NumSegments": "1",
            "ReferralNumMedia": "0",
            "MessageSid": sid,
            "AccountSid": self.twilio.account_sid,
            "From": self.address,
            "ApiVersion": "2010-04-01",
            "Forwarded": "false",
            "FrequentlyForwarded": "false",
        }
        if self.phone is not None and self.shows_phone:
            form["WaId"] = self.phone.removeprefix("+")
        return form | self.user_ids()

    def _message(self, quote: str | Delivered) -> Delivered:
        if isinstance(quote, Delivered):
            return quote
        for message in reversed(self.messages):
            if quote in (message.text, message.sid):
                return message
        raise LookupError(f"no such message to quote: {quote!r}; there are {self.inbox}")

    def _option(
        self, tap: str, text: str, about: Delivered | None
    ) -> tuple[Option, Delivered | None]:
        for message in [about] if about else list(reversed(self.messages)):
            for option in message.options:
                if tap in (option.id, option.title):
                    return option, message
        return Option(tap, text or tap), about


_IN_CONTEXT = ("ButtonText", "ListTitle", "Forwarded", "FrequentlyForwarded", "ProfileName", "WaId")


def _tapped(option: Option) -> dict[str, Any]:
    if option.row:
        return {"ListId": option.id, "ListTitle": option.title}
    return {"ButtonText": option.title, "ButtonPayload": option.id, "ButtonType": "REPLY"}
