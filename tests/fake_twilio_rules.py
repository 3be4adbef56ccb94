"""What the parts of the fake Twilio share: records, faults, and the rules of its webhooks."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

MAX_BODY = 1600  # error 21617


@dataclass(frozen=True)
class Option:
    """Something to tap in a message."""

    id: str
    title: str
    row: bool = False  # of a list; else a button


@dataclass
class Record:
    """One message as Twilio keeps it; `callback` is where its fate is posted."""

    sid: str
    direction: str
    from_: str
    to: str
    body: str
    at: datetime
    status: str
    callback: str | None = None
    content_sid: str | None = None
    service_sid: str | None = None
    error_code: int | None = None
    options: tuple[Option, ...] = ()
    action: str | None = None  # of TwiML, called or not
    media: int = 0  # files that came with it, deleted ones too
    media_url: str | None = None  # of a file that we send
    file: tuple[str, bytes] | None = None  # what was fetched from there: type and bytes


class Refusal(Exception):
    """What the API answers instead: HTTP status, Twilio's code and words."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class TwimlError(AssertionError):
    """The reply to a webhook is no TwiML that Twilio would carry out."""


class Faults:
    """What shall go wrong, either next or now and then (seeded, so that it can be repeated).

    API requests: `drop_before` and `drop_after` (the connection ends before or after the message
    was taken), `429`, `500` and `503` (not taken), `500_after` (taken), `html` (a proxy's 502),
    `problem` (429 as application/problem+json), `slow` (answers after `slow_seconds`).
    Webhooks: `no_connection` (one attempt does not reach us), `reply_lost` (we are called, but
    Twilio does not get the answer). TwiML: `twiml_lost` (the reply is taken and never sent),
    `twiml_no_callback` (sent, but its `action` is not called). Callbacks of one message:
    `callback_missing`, `callback_duplicate`, `callback_reversed`.
    """

    API = (
        "drop_before",
        "drop_after",
        "429",
        "500",
        "500_after",
        "503",
        "html",
        "problem",
        "slow",
    )
    OTHER = (
        "no_connection",
        "reply_lost",
        "twiml_lost",
        "twiml_no_callback",
        "callback_missing",
        "callback_duplicate",
        "callback_reversed",
    )

    def __init__(self, seed: int) -> None:
        self.slow_seconds = 1.0
        self.struck: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._next: deque[tuple[str, str]] = deque()
        self._chances: dict[str, float] = {}

    def next(self, kind: str, times: int = 1, on: str = "send") -> None:
        """Let the next so many requests of one sort (send, list, fetch, content, account)
        fail this way."""
        self._check(kind)
        with self._lock:
            self._next.extend([(kind, on)] * times)

    def chance(self, kind: str, probability: float) -> None:
        """Let this happen with a probability; of API requests, to sending only."""
        self._check(kind)
        with self._lock:
            self._chances[kind] = probability

    def clear(self) -> None:
        """Let nothing go wrong from now on."""
        with self._lock:
            self._next.clear()
            self._chances.clear()

    def api(self, on: str) -> str | None:
        """Return the fault that strikes this API request, if any."""
        return self._strike(self.API, on)

    def strikes(self, kind: str) -> bool:
        """Whether a fault that is none of the API strikes now."""
        return self._strike((kind,), None) is not None

    def _strike(self, kinds: tuple[str, ...], on: str | None) -> str | None:
        if not self._next and not self._chances:
            return None
        with self._lock:
            for item in self._next:
                if item[0] in kinds and on in (None, item[1]):
                    self._next.remove(item)
                    self.struck[item[0]] += 1
                    return item[0]
            if on in (None, "send"):
                for kind in kinds:
                    if self._random.random() < self._chances.get(kind, 0.0):
                        self.struck[kind] += 1
                        return kind
        return None

    def _check(self, kind: str) -> None:
        if kind not in self.API + self.OTHER:
            raise ValueError(f"no such fault: {kind!r}; there are {self.API + self.OTHER}")


@dataclass(frozen=True)
class Overrides:
    """Twilio's connection overrides, from the fragment of a webhook's URL. Times are seconds."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    on: frozenset[str] = field(default_factory=lambda: frozenset({"ct"}))

    @classmethod
    def parse(cls, fragment: str) -> Overrides:
        """Read `ct=2000&rt=4000&tt=15000&rc=2&rp=ct,rt,5xx`. Raises ValueError for what is not
        in Twilio's table."""
        values: dict[str, Any] = {}
        for name, text in parse_qsl(fragment, strict_parsing=bool(fragment)):
            if name in ("ct", "rt", "tt"):
                most, least = (10_000 if name == "ct" else 15_000), 100
                if not least <= int(text) <= most:
                    raise ValueError(f"webhook override {name}={text}: {least} to {most} ms")
                key = {"ct": "connect", "rt": "read", "tt": "total"}[name]
                values[key] = int(text) / 1000
            elif name == "rc":
                if not 0 <= int(text) <= 5:
                    raise ValueError(f"webhook override rc={text}: 0 to 5")
                values["retries"] = int(text)
            elif name == "rp":
                policies = frozenset(text.split(","))
                if not policies <= {"4xx", "5xx", "ct", "rt", "all"}:
                    raise ValueError(f"webhook override rp={text}: 4xx, 5xx, ct, rt, all")
                values["on"] = policies
            elif name not in ("sni", "e"):
                raise ValueError(f"no such webhook override: {name}")
        return cls(**values)

    def again_after(self, failure: str) -> bool:
        """Whether this failure (4xx, 5xx, ct, rt) is one to try again after."""
        return failure in self.on or "all" in self.on


def parsed_twiml(body: bytes) -> list[ElementTree.Element]:
    """Return the <Message> elements of a reply. Raises TwimlError, its code first."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise TwimlError(f"12100: not well-formed XML: {error}") from None
    if root.tag != "Response" or root.attrib:
        raise TwimlError(f"12200: the root must be a bare <Response>, not <{root.tag}>")
    for message in root:
        if message.tag != "Message":
            raise TwimlError(f"12200: <{message.tag}> is not expected here")
        unknown = set(message.keys()) - {"to", "from", "action", "method", "statusCallback"}
        if unknown:
            raise TwimlError(f"12200: <Message> has no attribute {sorted(unknown)}")
        if message.get("method", "POST") not in ("POST", "GET"):
            raise TwimlError("12200: method must be POST or GET")
        action = message.get("action")
        if action is not None and not re.fullmatch(r"https?://[^/\s_]+(/\S*)?", action):
            raise TwimlError("12200: action must be an absolute http(s) URL")
        if [child.tag for child in message] not in ([], ["Body"]):
            raise TwimlError("12200: <Message> holds text or one <Body>")
    return list(root)


def valid_url(url: str) -> bool:
    """Whether Twilio takes this for a callback: http(s), and no underscore in the host."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and "_" not in (parts.hostname or "_")


def length(text: str) -> int:
    """Count characters as Java does, in whose world an emoji is two."""
    return len(text.encode("utf-16-le")) // 2
