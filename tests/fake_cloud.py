"""A strict stand-in for Meta's Cloud API and WhatsApp: REST API, webhooks, statuses, people.

    with FakeCloud(post=wsgi_post(app, BASE), webhook_url=f"{BASE}/cloud") as meta:
        meta.subscribe()
        ani = meta.person()
        assert ani.say("halo") == ["Selamat datang …"]

The program under test is given `meta.base_url`, `access_token`, `phone_number_id`, `app_secret` and
`verify_token`. It refuses what Meta refuses. Statuses are told when a person has written, and by
`tell`; a webhook that is not answered with 200 waits for `retry`, as Meta's repeats do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

from tests.fake_twilio import Post

WINDOW = timedelta(hours=24)
VERSION = "v25.0"
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_ENVELOPE = {
    "messaging_product", "recipient_type", "to", "recipient", "type", "biz_opaque_callback_data",
    "context", "text", "interactive", "template", "image", "document", "audio",
}  # fmt: skip


class Refusal(Exception):
    """What Meta answers in place of taking a message."""

    def __init__(self, status: int, code: int, text: str, subcode: int | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.subcode = status, code, subcode


@dataclass(frozen=True)
class ApprovedTemplate:
    """A template of the account: how many values its body has, and how many quick replies."""

    parameters: int
    buttons: int = 0


@dataclass
class Sent:
    """A message of the program under test, as Meta keeps it until its fate is told."""

    wamid: str
    to: str
    body: str
    reference: str | None
    options: tuple[tuple[str, str], ...]
    payload: Mapping[str, Any]
    error: int | None = None


@dataclass(eq=False)
class Person:
    """Somebody on WhatsApp. While `shows_phone` is off, webhooks have the user id alone."""

    meta: FakeCloud
    phone: str | None
    bsuid: str | None
    parent: str | None = None
    shows_phone: bool = True
    failure: int | None = None
    wrote_at: datetime | None = None
    messages: list[Sent] = field(default_factory=list)
    last: dict[str, Any] | None = None

    @property
    def inbox(self) -> list[str]:
        """Return the texts of all messages that came, oldest first."""
        return [message.body for message in self.messages]

    @property
    def address(self) -> str:
        """Return the phone if it is shown, else the user id."""
        shown = self.phone if self.phone and self.shows_phone else self.bsuid
        assert shown is not None, "who hides the phone needs a user id: person(bsuid=…)"
        return shown

    def say(self, text: str = "", **given: Any) -> list[str]:
        """Write or tap something and return the texts that came meanwhile.

        The rest is as for `message`.
        """
        return self.send(self.message(text, **given))

    def again(self) -> list[str]:
        """Have Meta post the last message once more, with the same id."""
        assert self.last is not None, "nothing was said yet"
        return self.send(self.last)

    def send(self, message: dict[str, Any]) -> list[str]:
        """Have Meta post this message and return the texts that came meanwhile."""
        before = len(self.messages)
        self.meta.post([self.meta.value([(self, message)])])
        return [sent.body for sent in self.messages[before:]]

    def message(
        self,
        text: str = "",
        *,
        tap: str | None = None,
        quote: Sent | None = None,
        kind: str = "text",
    ) -> dict[str, Any]:
        """Return an element of `messages`, with a new id.

        `tap` is the id or title of a button or row that one of the messages that came offers;
        `quote` is a message that came.
        """
        self.wrote_at = self.meta.clock()
        made = self._envelope()
        if tap is not None:
            quote, option, form = self._offered(tap)
            made |= _tapped(option, form)
        elif kind == "text":
            made |= {"type": "text", "text": {"body": text}}
        else:
            made |= {"type": kind, **_OTHERS.get(kind, {})}
        if quote is not None:
            made["context"] = {"from": self.meta.display_number, "id": quote.wamid}
        self.last = made
        return made

    def changes(self, *, phone: str | None = None, bsuid: str | None = None) -> dict[str, Any]:
        """Get another number or user id; return the system message that tells of it."""
        made = self._envelope() | {"type": "system"}
        made.pop("from_user_id", None)
        system: dict[str, str] = {"body": "User changed"}
        if bsuid is not None:
            system |= {"user_id": bsuid, "previous_user_id": self.bsuid or ""}
        if phone is not None:
            system |= {"type": "user_changed_number", "wa_id": phone.removeprefix("+")}
        else:
            system["type"] = "user_changed_user_id"
            made.pop("from", None)
        self.phone, self.bsuid = phone or self.phone, bsuid or self.bsuid
        self.meta.know(self)
        return made | {"system": system}

    def contact(self) -> dict[str, Any]:
        """Return the element of `contacts` that describes this person."""
        made: dict[str, Any] = {"profile": {"name": "Warga"}}
        if self.phone is not None and self.shows_phone:
            made["wa_id"] = self.phone.removeprefix("+")
        if self.bsuid is not None:
            made["user_id"] = self.bsuid
        if self.parent is not None:
            made["parent_user_id"] = self.parent
        return made

    def _envelope(self) -> dict[str, Any]:
        made = {
            "id": wamid(self.phone or self.bsuid or ""),
            "timestamp": str(int(self.meta.clock().timestamp())),
        }
        if self.phone is not None and self.shows_phone:
            made["from"] = self.phone.removeprefix("+")
        if self.bsuid is not None:
            made["from_user_id"] = self.bsuid
        if self.parent is not None:
            made["from_parent_user_id"] = self.parent
        return made

    def _offered(self, tap: str) -> tuple[Sent, tuple[str, str], str]:
        for sent in reversed(self.messages):
            for option in sent.options:
                if tap in option:
                    interactive = sent.payload.get("interactive", {})
                    return sent, option, interactive.get("type", "template")
        raise LookupError(f"nothing offers {tap!r}; the last message is {self.inbox[-1:]}")


_OTHERS: Mapping[str, Mapping[str, Any]] = {
    "image": {"image": {"id": "1", "mime_type": "image/jpeg", "caption": "1"}},
    "audio": {"audio": {"id": "1", "mime_type": "audio/ogg; codecs=opus"}},
    "location": {"location": {"latitude": -6.1754, "longitude": 106.8272}},
    "contacts": {"contacts": [{"name": {"formatted_name": "Warga"}}]},
    "reaction": {"reaction": {"message_id": "wamid.x", "emoji": "1"}},
    "unsupported": {"errors": [{"code": 131051, "title": "Message type unknown"}]},
}


def _tapped(option: tuple[str, str], form: str) -> dict[str, Any]:
    reply = {"id": option[0], "title": option[1]}
    if form == "button":
        answer = {"type": "button_reply", "button_reply": reply}
    elif form == "list":
        answer = {"type": "list_reply", "list_reply": reply}
    else:
        return {"type": "button", "button": {"payload": option[0], "text": option[1]}}
    return {"type": "interactive", "interactive": answer}


def wamid(address: str) -> str:
    """Return a message id as Meta makes them: the other's number can be read out of it."""
    inner = b"\x1d\x0c" + address.removeprefix("+").encode() + b"\x15\x02" + secrets.token_bytes(12)
    return "wamid." + base64.b64encode(inner).decode()


class FakeCloud:
    """A WhatsApp business account with one number, served on loopback while it is entered.

    `after` lets the program under test do what it does in the background. `statuses` are what
    becomes of a message that arrives.
    """

    def __init__(
        self,
        *,
        webhook_url: str = "",
        post: Post | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        statuses: tuple[str, ...] = ("sent", "delivered", "read"),
    ) -> None:
        self.access_token = "EAAG" + "0" * 40
        self.app_secret = "0123456789abcdef0123456789abcdef"
        self.verify_token = "kata yang kami karang"
        self.phone_number_id = "106540352242922"
        self.waba_id = "102290129340398"
        self.display_number = "6281200000999"
        self.webhook_url = webhook_url
        self.clock = clock
        self.statuses = statuses
        self.after: Callable[[], None] = lambda: None
        self.holds_statuses = False
        self.faults: list[str] = []
        self.errors: list[str] = []
        self.answers: list[int] = []
        self.sent: list[Sent] = []
        self.templates: dict[tuple[str, str], ApprovedTemplate] = {}
        self.people: dict[str, Person] = {}
        self.undelivered: list[bytes] = []
        self.requests = 0
        self._untold: list[Sent] = []
        self._deliver = post
        self._phones = itertools.count(1)
        self._lock = threading.RLock()
        self._server: _Server | None = None

    def __enter__(self) -> FakeCloud:
        self._server = _Server(self)
        self._server.begin()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.end()

    @property
    def base_url(self) -> str:
        """Return the address to use instead of https://graph.facebook.com."""
        assert self._server is not None, "enter FakeCloud first: with FakeCloud() as meta"
        return self._server.base_url

    def person(
        self, phone: str | None = None, bsuid: str | None = None, parent: str | None = None
    ) -> Person:
        """Let somebody have WhatsApp under these addresses (a phone if none is given)."""
        if phone is None and bsuid is None and parent is None:
            phone = f"+6281200{next(self._phones):06d}"
        made = Person(self, phone, bsuid, parent)
        self.know(made)
        return made

    def know(self, person: Person) -> None:
        """Let a person be reached under their present addresses."""
        for one in (person.phone, person.bsuid, person.parent):
            if one is not None:
                self.people[one] = person

    # --- webhooks -------------------------------------------------------------------------------

    def subscribe(self, get: Callable[[str], tuple[int, bytes]]) -> None:
        """Ask the webhook whether it is the right one; Meta sends nothing to one that is not."""
        challenge = str(secrets.randbelow(10**9))
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": self.verify_token,
        }
        status, body = get(f"{self.webhook_url}?{urlencode(query)}")
        assert (status, body) == (200, challenge.encode()), f"not verified: {status} {body!r}"

    def value(
        self,
        messages: Sequence[tuple[Person | None, Mapping[str, Any]]] = (),
        statuses: Sequence[Mapping[str, Any]] = (),
        number: str | None = None,
    ) -> dict[str, Any]:
        """Return the value of one change."""
        made: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": self.display_number,
                "phone_number_id": number or self.phone_number_id,
            },
        }
        if messages:
            made["messages"] = [message for _, message in messages]
            # System messages come without contacts.
            people = {id(p): p for p, m in messages if p is not None and m["type"] != "system"}
            if people:
                made["contacts"] = [person.contact() for person in people.values()]
        if statuses:
            made["statuses"] = list(statuses)
        return made

    def post(self, values: Sequence[Mapping[str, Any]]) -> int:
        """Post one webhook with these values, and let what follows from it happen."""
        changes = [{"field": "messages", "value": value} for value in values]
        payload = {
            "object": "whatsapp_business_account",
            "entry": [{"id": self.waba_id, "changes": changes}],
        }
        updates = sum(len(v.get("messages", ())) + len(v.get("statuses", ())) for v in values)
        assert updates <= 1000, "Meta batches up to 1000 updates"
        return self._webhook(json.dumps(payload).encode())

    def retry(self) -> list[int]:
        """Post everything again that was not answered with 200; return the answers."""
        waiting, self.undelivered = self.undelivered, []
        return [self._webhook(body) for body in waiting]

    def tell(self, *, backwards: bool = False, twice: bool = False) -> None:
        """Tell the fate of what was sent: one batch, in order unless said otherwise."""
        with self._lock:
            untold, self._untold = self._untold, []
        statuses = [status for sent in untold for status in self._statuses(sent)]
        if twice:
            statuses = [status for status in statuses for _ in range(2)]
        if backwards:
            statuses.reverse()
        if statuses:
            self.post([self.value(statuses=statuses)])

    @contextmanager
    def holding_statuses(self) -> Iterator[None]:
        """Tell nobody's fate before the block ends."""
        self.holds_statuses = True
        try:
            yield
        finally:
            self.holds_statuses = False

    def signature(self, body: bytes, secret: str | None = None) -> str:
        """Return X-Hub-Signature-256 of a body."""
        key = (secret or self.app_secret).encode()
        return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()

    def _webhook(self, body: bytes) -> int:
        assert len(body) <= 3 * 1024 * 1024, "a webhook of Meta's has 3 MB at most"
        assert self._deliver is not None, "FakeCloud has no post: nobody is there to hear"
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": self.signature(body),
            "User-Agent": "facebookexternalua",
        }
        status, _, _ = self._deliver(self.webhook_url, body, headers)
        self.answers.append(status)
        if status != 200:
            self.undelivered.append(body)
        self.after()
        if self._untold and not self.holds_statuses:
            self.tell()
        return status

    def _statuses(self, sent: Sent) -> list[dict[str, Any]]:
        person = self.people.get(sent.to)
        made: dict[str, Any] = {
            "id": sent.wamid,
            "timestamp": str(int(self.clock().timestamp())),
        }
        if sent.reference is not None:
            made["biz_opaque_callback_data"] = sent.reference
        if sent.to.startswith("+"):
            made["recipient_id"] = sent.to.removeprefix("+")
        if sent.error is not None:
            error = {"code": sent.error, "title": "failed", "error_data": {"details": "failed"}}
            return [made | {"status": "failed", "errors": [error]}]
        assert person is not None
        if person.phone is not None and person.shows_phone:
            made["recipient_id"] = person.phone.removeprefix("+")
        if person.bsuid is not None:
            made["recipient_user_id"] = person.bsuid
        pricing = {"billable": True, "pricing_model": "PMP", "category": "service"}
        return [made | {"status": status, "pricing": pricing} for status in self.statuses]

    # --- the API --------------------------------------------------------------------------------

    def take(self, payload: Any) -> dict[str, Any]:
        """Take a message as `POST messages` does. Raises Refusal."""
        _wants(isinstance(payload, dict), "the body must be an object")
        _wants(not payload.keys() - _ENVELOPE, "an unsupported parameter")
        _wants(payload.get("messaging_product") == "whatsapp", "messaging_product is required")
        _wants(payload.get("recipient_type", "individual") == "individual", "recipient_type")
        to = self._to(payload)
        reference = payload.get("biz_opaque_callback_data")
        _wants(reference is None or 0 < len(reference) <= 512, "biz_opaque_callback_data")
        kind = payload.get("type", "text")
        options: tuple[tuple[str, str], ...] = ()
        if kind == "text":
            body = _text(payload)
        elif kind == "interactive":
            body, options = _interactive(payload)
        elif kind in ("image", "document", "audio"):
            body = self._media(payload[kind], kind)
        elif kind == "template":
            body, options = self._template(payload)
        else:
            raise Refusal(400, 131051, "unsupported message type")
        sent = Sent(wamid(to), to, body, reference, options, payload)
        person = self.people.get(to)
        sent.error = self._fate(person, kind)
        with self._lock:
            self.sent.append(sent)
            self._untold.append(sent)
            if sent.error is None and person is not None:
                person.messages.append(sent)
        contact = {"input": to, "wa_id": to.removeprefix("+")} if to.startswith("+") else {}
        return {
            "messaging_product": "whatsapp",
            "contacts": [contact or {"input": to, "user_id": to}],
            "messages": [{"id": sent.wamid}],
        }

    def _to(self, payload: Mapping[str, Any]) -> str:
        to = payload.get("to") or payload.get("recipient")
        _wants(isinstance(to, str), "to or recipient is required")
        assert isinstance(to, str)
        if payload.get("to"):
            _wants(re.fullmatch(r"\+[1-9][0-9]{6,14}", to) is not None, "to: + and digits")
        else:
            _wants(_USER_ID.fullmatch(to) is not None, "recipient: a user id")
        return to

    def _fate(self, person: Person | None, kind: str) -> int | None:
        if person is None:
            return 131026
        if person.failure is not None:
            return person.failure
        shut = person.wrote_at is None or self.clock() - person.wrote_at > WINDOW
        return 131047 if shut and kind != "template" else None

    def _media(self, given: Mapping[str, Any], kind: str) -> str:
        """Take a link to a file; it is fetched later, by whoever looks at the message."""
        named = {"filename"} if kind == "document" else set()
        worded = {"caption"} if kind != "audio" else set()
        _wants(given.keys() == {"link"} | worded | named, f"{kind}: an unsupported parameter")
        _wants(re.fullmatch(r"https?://\S+", given["link"]) is not None, f"{kind}.link")
        if not worded:
            return ""
        _wants(0 < len(given["caption"]) <= 1024, f"{kind}.caption: 1 to 1024 characters")
        return str(given["caption"])

    def _template(self, payload: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
        template = payload.get("template")
        _wants(isinstance(template, dict), "template is required")
        assert isinstance(template, dict)
        name, language = template.get("name"), template.get("language", {}).get("code")
        known = self.templates.get((str(name), str(language)))
        if known is None:
            raise Refusal(404, 132001, "the template does not exist in the translation")
        values: list[str] = []
        payloads: list[tuple[str, str]] = []
        for part in template.get("components", ()):
            if part["type"] == "body":
                values = [one["text"] for one in part["parameters"] if one["type"] == "text"]
            elif part["type"] == "button":
                _wants(part["sub_type"] == "quick_reply", "sub_type")
                _wants(part["index"] == str(len(payloads)), "index")
                (one,) = part["parameters"]
                payloads.append((one["payload"], f"tombol {part['index']}"))
            else:
                raise Refusal(400, 100, "an unknown component")
        if len(values) != known.parameters:
            raise Refusal(400, 132000, "the number of parameters does not match")
        if any(not one or re.search(r"[\n\t]| {4}", one) for one in values):
            raise Refusal(400, 132012, "a parameter has a line break, a tab or is empty")
        if len(payloads) > known.buttons:
            raise Refusal(400, 132018, "the template has no such button")
        return f"[{name}] " + " | ".join(values), tuple(payloads)


def _wants(good: bool, what: str) -> None:
    if not good:
        raise Refusal(400, 100, f"(#100) Invalid parameter: {what}")


def _text(payload: Mapping[str, Any]) -> str:
    body = payload.get("text", {}).get("body")
    _wants(isinstance(body, str) and 0 < len(body) <= 4096, "text.body: 1 to 4096 characters")
    return str(body)


def _interactive(payload: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    given = payload.get("interactive", {})
    body = given.get("body", {}).get("text", "")
    _wants(0 < len(body) <= 1024, "interactive.body: 1 to 1024 characters")
    action = given.get("action", {})
    if given.get("type") == "button":
        replies = [one["reply"] for one in action["buttons"] if one["type"] == "reply"]
        _wants(1 <= len(replies) <= 3, "1 to 3 buttons")
        title, id_ = 20, 256
    else:
        _wants(given.get("type") == "list", "interactive.type")
        _wants(0 < len(action.get("button", "")) <= 20, "action.button: 1 to 20 characters")
        replies = [row for section in action["sections"] for row in section["rows"]]
        _wants(1 <= len(replies) <= 10, "1 to 10 rows")
        title, id_ = 24, 200
    for one in replies:
        _wants(0 < len(one["title"]) <= title and 0 < len(one["id"]) <= id_, "title or id")
    _wants(len({one["id"] for one in replies}) == len(replies), "ids must differ")
    return body, tuple((one["id"], one["title"]) for one in replies)


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    meta: FakeCloud

    def __init__(self, meta: FakeCloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.meta = meta
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join(10)
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no fault of a test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        meta = self.server.meta
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        meta.requests += 1
        fault = meta.faults.pop(0) if meta.faults else ""
        if fault == "drop_before":
            return self._drop()
        if fault.isdigit():  # an HTTP status and no word of what is wrong
            return self._write(int(fault), {})
        if fault.startswith("code:"):
            http, code = (int(part) for part in fault.split(":")[1:])
            return self._write(http, _error(Refusal(http, code, fault)))
        if fault == "html":
            return self._write(502, b"<html>502 Bad Gateway</html>")
        status = 200
        try:
            answer = self._take(meta, body)
        except Refusal as refusal:
            meta.errors.append(f"{refusal.code}: {refusal}")
            status, answer = refusal.status, _error(refusal)
        if fault == "drop_after":
            return self._drop()
        if fault == "500_after":
            return self._write(500, {})
        return self._write(status, answer)

    def _take(self, meta: FakeCloud, body: bytes) -> dict[str, Any]:
        if self.headers.get("Authorization") != f"Bearer {meta.access_token}":
            raise Refusal(401, 190, "Invalid OAuth access token")
        if self.path != f"/{VERSION}/{meta.phone_number_id}/messages":
            raise Refusal(400, 100, "Unsupported post request", subcode=33)
        if self.headers.get("Content-Type") != "application/json":
            raise Refusal(400, 100, "the body is not JSON")
        return meta.take(json.loads(body))

    def _write(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _error(refusal: Refusal) -> dict[str, Any]:
    error: dict[str, Any] = {
        "message": str(refusal),
        "type": "OAuthException",
        "code": refusal.code,
        "fbtrace_id": "A0",
    }
    if refusal.subcode is not None:
        error["error_subcode"] = refusal.subcode
    return {"error": error}
