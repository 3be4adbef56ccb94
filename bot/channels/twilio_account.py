"""What is set up at Twilio: the account, its WhatsApp senders and messaging services, read only.

Of an account Twilio also tells the auth token: that is dropped here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, urldefrag

T = TypeVar("T")

SANDBOX = "whatsapp:+14155238886"
"""Twilio's sandbox for WhatsApp: a number that all customers share, for trying out."""

UNLIMITED = 10**9
"""Stands for a sender without a limit of people a day."""

_LIMIT = re.compile(r"\s*(\d+)\s*(K?)\b", re.IGNORECASE)


class Ask(Protocol):
    """Asks Twilio with the token that works. Raises SendError."""

    def __call__(self, ask: Callable[[Any], T], *, repeatable: bool) -> T: ...


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """`status` is active, suspended or closed; `clock` is the time in the answer (UTC), None where
    it had none."""

    status: str
    trial: bool
    clock: datetime | None


@dataclass(frozen=True, slots=True)
class Hook:
    """Where Twilio posts what people write; "" where nothing is set."""

    url: str
    method: str
    fallback_url: str


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """One WhatsApp sender. `status` is ONLINE or one of Twilio's other words; `limit` is how many
    people it may write to first within 24 hours, None where Twilio does not tell."""

    id: str
    status: str
    hook: Hook
    quality: str
    limit: int | None
    offline_reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A messaging service. With `uses_senders_hook` what counts is the webhook of each sender."""

    hook: Hook
    uses_senders_hook: bool
    senders: tuple[str, ...]


class Account:
    """One Twilio account, as an operator's check asks it. All methods raise SendError."""

    def __init__(self, ask: Ask, account_sid: str) -> None:
        self._ask = ask
        self._sid = account_sid

    def facts(self) -> AccountFacts:
        """Return the account's state, and what time it is at Twilio."""
        told = self._ask(
            lambda client: client.api.v2010.accounts(self._sid).fetch_with_http_info(),
            repeatable=True,
        )
        return AccountFacts(
            status=str(told.data.status or ""),
            trial=str(told.data.type or "") == "Trial",
            clock=_clock(told.headers),
        )

    def senders(self) -> tuple[SenderFacts, ...]:
        """Return all WhatsApp senders of the account; the sandbox is not among them."""
        listed = self._ask(
            lambda client: client.messaging.v2.channels_senders.list(channel="whatsapp"),
            repeatable=True,
        )
        return tuple(_sender(one) for one in listed)

    def service(self, service_sid: str) -> ServiceFacts:
        """Return a messaging service and the WhatsApp numbers in it."""

        def ask(client: Any) -> ServiceFacts:
            service = client.messaging.v1.services(service_sid)
            found = service.fetch()
            numbers = [str(one.sender) for one in service.channel_senders.list()]
            return ServiceFacts(
                hook=Hook(
                    found.inbound_request_url or "",
                    found.inbound_method or "POST",
                    found.fallback_url or "",
                ),
                uses_senders_hook=bool(found.use_inbound_webhook_on_number),
                senders=tuple(one for one in numbers if one.startswith("whatsapp:")),
            )

        return self._ask(ask, repeatable=True)


def misses(url: str) -> str:
    """Say in words after what Twilio would not ask this URL again; "" where it does after all."""
    asked = dict(parse_qsl(urldefrag(url)[1]))
    after = set(asked.get("rp", "ct").split(","))  # Twilio's defaults: rc=1, rp=ct
    count = asked.get("rc", "1")
    if not count.isdecimal() or int(count) == 0:
        return "it never asks again"
    names = {"ct": "no connection", "rt": "a time-out", "5xx": "an error of ours"}
    lacking = [words for key, words in names.items() if key not in after and "all" not in after]
    return f"it does not ask again after {' or '.join(lacking)}" if lacking else ""


def people_a_day(text: str) -> int | None:
    """Read a messaging limit as Twilio words it: "250 Customers/24hr", "10K Customers/24hr"."""
    if "unlimited" in text.lower():
        return UNLIMITED
    found = _LIMIT.match(text)
    return int(found[1]) * (1000 if found[2] else 1) if found else None


def _sender(one: Any) -> SenderFacts:
    hook, more = _plain(one.webhook), _plain(one.properties)
    reasons = [_plain(reason) for reason in one.offline_reasons or ()]
    return SenderFacts(
        id=str(one.sender_id or ""),
        status=str(one.status or ""),
        hook=Hook(
            hook.get("callback_url") or "",
            hook.get("callback_method") or "POST",
            hook.get("fallback_url") or "",
        ),
        quality=str(more.get("quality_rating") or ""),
        limit=people_a_day(str(more.get("messaging_limit") or "")),
        offline_reasons=tuple(
            f"{reason.get('code', '')}: {reason.get('message', '')}" for reason in reasons
        ),
    )


def _plain(part: Any) -> Mapping[str, Any]:
    """Return a part of an answer as Twilio sent it; the library gives some a shape of its own."""
    if isinstance(part, Mapping):
        return part
    return dict(part.to_dict()) if hasattr(part, "to_dict") else {}


def _clock(headers: Mapping[str, str] | None) -> datetime | None:
    text = next((v for k, v in (headers or {}).items() if k.lower() == "date"), "")
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
