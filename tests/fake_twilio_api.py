"""The REST side of the fake Twilio: what its API takes, refuses, lists and drops."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from tests.fake_twilio_account import account_api, host_of
from tests.fake_twilio_content import Content
from tests.fake_twilio_content import answer as content_api
from tests.fake_twilio_media import answer as message_api
from tests.fake_twilio_rules import MAX_BODY, Record, Refusal, length, valid_url

if TYPE_CHECKING:
    from tests.fake_twilio import FakeTwilio

_TO = re.compile(r"whatsapp:(\+[1-9][0-9]{6,14}|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128})")
# Parameters of POST Messages in Twilio's OpenAPI description, 2.6.7.
_SEND = re.compile(
    "To|From|MessagingServiceSid|Body|MediaUrl|ContentSid|ContentVariables|StatusCallback|"
    "ValidityPeriod|ScheduleType|SendAt|PersistentAction|ContentRetention|AddressRetention|"
    "SmartEncoded|ShortenUrls|RiskCheck|MessageIntent|FallbackFrom|Attempt|ProvideFeedback|"
    "ApplicationSid|MaxPrice|ForceDelivery|TrafficType|SendAsMms"
)


class Server:
    """Serves the API on a free port of loopback, a thread per connection."""

    def __init__(self, twilio: FakeTwilio) -> None:
        self._http = _HttpServer(("127.0.0.1", 0), _Handler)
        self._http.twilio = twilio
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.004}, daemon=True
        )

    @property
    def base_url(self) -> str:
        """Return where it listens; from the moment it is made, requests queue."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections, idle ones too."""
        self._http.shutdown()
        self._thread.join(10)
        self._http.end_connections()
        self._http.server_close()


class _HttpServer(ThreadingHTTPServer):
    request_queue_size = 512  # the standard library's 5 resets connections under load
    daemon_threads = True
    block_on_close = True
    twilio: FakeTwilio

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no fault of a test."""

    def end_connections(self) -> None:
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.server.twilio.door()
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header: what time it is at Twilio."""
        return format_datetime(self.server.twilio.clock().astimezone(UTC), usegmt=True)

    def _answer(self) -> None:
        twilio = self.server.twilio
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        twilio.requests.append((self.command, self.path))
        fault = twilio.faults.api(_sort_of(self.command, path))
        if fault == "drop_before":
            return self._drop()
        if fault in _INSTEAD:
            return self._write(*_INSTEAD[fault])
        try:
            self._check_client(path)
            status, data = _route(twilio, self.command, path, query, body, self.headers)
        except Refusal as refusal:
            status, data = refusal.status, _error(refusal.status, refusal.code, str(refusal))
        if fault == "drop_after":
            return self._drop()
        if fault == "500_after":
            return self._write(*_INSTEAD["500"])
        if fault == "slow":
            time.sleep(twilio.faults.slow_seconds)
        return self._write(status, data)

    def _check_client(self, path: str) -> None:
        """Refuse who has no token, or asks one product's host for another's path."""
        twilio = self.server.twilio
        given = self.headers.get("Authorization", "")
        known = [f"{twilio.account_sid}:{token}" for token in twilio.auth_tokens]
        if given not in [f"Basic {base64.b64encode(pair.encode()).decode()}" for pair in known]:
            raise Refusal(401, 20003, "Authenticate")
        host = self.headers.get("X-Original-Host")
        if host not in (None, host_of(path)):
            raise Refusal(404, 20404, f"The requested resource {path} was not found on {host}")

    def _write(self, status: int, data: Any, mime: str = "application/json") -> None:
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        if status == 204:
            text = b""
        self.send_response(status)
        if status == 307:
            self.send_header("Location", data)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _error(status: int, code: int, text: str) -> dict[str, Any]:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": text, "more_info": more, "status": status}


# What a fault answers in place of any work: status, body, content type.
_INSTEAD: Mapping[str | None, tuple[Any, ...]] = {
    "429": (429, _error(429, 20429, "Too Many Requests")),
    "500": (500, _error(500, 20500, "Internal Server Error")),
    "503": (503, _error(503, 20503, "Service Unavailable")),
    "html": (502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
    "problem": (
        429,
        {"type": "about:blank", "title": "Too many", "status": 429, "code": 20429},
        "application/problem+json",
    ),
}


def _sort_of(method: str, path: str) -> str:
    if host_of(path) == "messaging.twilio.com" or ("/Accounts/" in path and path.count("/") == 3):
        return "account"
    if path.startswith("/v1/"):
        return "content"
    if path.endswith("/Messages.json"):
        return "send" if method == "POST" else "list"
    return "fetch"


def _route(
    twilio: FakeTwilio, method: str, path: str, query: str, body: bytes, headers: Any
) -> tuple[int, Any]:
    account = f"/2010-04-01/Accounts/{twilio.account_sid}"
    mime = (headers.get("Content-Type") or "").partition(";")[0]
    if method == "POST":
        wanted = "application/json" if path.startswith("/v1/") else _FORM
        if mime != wanted:
            raise Refusal(415, 20415, f"Content type {mime!r} is not {wanted}")
    if path == f"{account}/Messages.json":
        if method == "POST":
            return 201, _json(twilio, _send(twilio, body))
        return 200, _list(twilio, path, query)
    if path.startswith(f"{account}/Messages/"):
        name, *rest = path.removeprefix(f"{account}/Messages/").split("/")
        record = twilio.messages.get(name.removesuffix(".json"))
        if record is not None:
            return message_api(twilio, method, record, rest, body) or (200, _json(twilio, record))
    if path == "/v1/Content" or path.startswith("/v1/Content/"):
        return content_api(twilio, method, path.split("/")[3:], body)
    if method == "GET" and (found := account_api(twilio, path, query)) is not None:
        return 200, found
    raise Refusal(404, 20404, f"The requested resource {path} was not found")


_FORM = "application/x-www-form-urlencoded"


def _send(twilio: FakeTwilio, body: bytes) -> Record:
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    form = dict(pairs)
    unknown = [name for name in form if not _SEND.fullmatch(name)]
    if unknown:
        raise Refusal(400, 20001, f"Unknown parameters {unknown}")
    if len(form) != len([name for name, _ in pairs if name != "MediaUrl"]) + ("MediaUrl" in form):
        raise Refusal(400, 20001, "A parameter is given twice")
    to = _recipient(twilio, form)
    from_ = _sender(twilio, form)
    text, content, variables = _what(twilio, form)
    callback = form.get("StatusCallback") or twilio.default_callback
    if callback is not None and not valid_url(callback):
        raise Refusal(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL")
    service = form.get("MessagingServiceSid")
    urls = [value for name, value in pairs if name == "MediaUrl"]
    if len(urls) > 1:
        raise Refusal(400, 21623, "WhatsApp takes one MediaUrl")
    if urls and not valid_url(urls[0]):
        raise Refusal(400, 21620, "Invalid media URL(s)")
    prefix = "MM" if content is not None or urls else "SM"
    record = Record(
        sid=f"{prefix}{uuid.uuid4().hex}",
        direction="outbound-api",
        from_=from_,
        to=to,
        body=text,
        at=twilio.clock(),
        status="accepted" if service else "queued",
        callback=callback,
        content_sid=content.sid if content else None,
        service_sid=service,
        media_url=urls[0] if urls else None,
        media=len(urls),
    )
    return twilio.accept(record, variables)


def _recipient(twilio: FakeTwilio, form: Mapping[str, str]) -> str:
    to = form.get("To")
    if not to:
        raise Refusal(400, 21604, "A 'To' phone number is required.")
    if not _TO.fullmatch(to):
        raise Refusal(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    person = twilio.people.get(to)
    if person is not None and person.opted_out:
        raise Refusal(400, 21610, f"Attempt to send to unsubscribed recipient {to}")
    return to


def _sender(twilio: FakeTwilio, form: Mapping[str, str]) -> str:
    sender, service = form.get("From"), form.get("MessagingServiceSid")
    if service is not None and service != twilio.messaging_service_sid:
        raise Refusal(400, 21701, f"The Messaging Service {service} does not exist")
    if sender is None and service is None:
        raise Refusal(400, 21603, "A 'From' phone number is required.")
    if sender is not None and sender != twilio.sender:
        if sender.startswith("whatsapp:"):
            raise Refusal(400, 63007, f"Twilio could not find a Channel with From {sender}")
        raise Refusal(400, 21212, f"The 'From' number {sender} is not valid.")
    return twilio.sender


def _what(
    twilio: FakeTwilio, form: Mapping[str, str]
) -> tuple[str, Content | None, dict[str, str]]:
    """Return the text, or the content with its variables."""
    text, sid = form.get("Body"), form.get("ContentSid")
    if not text and not sid and "MediaUrl" not in form:
        raise Refusal(400, 21619, "A text message body or media urls must be specified.")
    if sid and (text is not None or "MediaUrl" in form):
        raise Refusal(400, 20001, "Body and MediaUrl must be left out beside ContentSid")
    if text and length(text) > MAX_BODY:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 limit")
    if not sid:
        if "ContentVariables" in form:
            raise Refusal(400, 21654, "ContentVariables needs a ContentSid")
        return text or "", None, {}
    content = twilio.contents.get(sid)
    if content is None:
        raise Refusal(400, 21655, f"The ContentSid {sid} is invalid")
    return "", content, _variables(form.get("ContentVariables"))


def _variables(text: str | None) -> dict[str, str]:
    """Read ContentVariables as WhatsApp's approved templates need them."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or len(found) > 100:
        raise Refusal(400, 21656, "The ContentVariables are no JSON object of 100 pairs at most")
    for name, value in found.items():
        one_line = isinstance(value, str) and not re.search(r"[\n\r\t]| {4}", value)
        if not one_line or not value.strip() or len(value) > 1600 or not 0 < len(name) <= 16:
            raise Refusal(400, 21656, f"The ContentVariables are invalid: {name}")
    return found


def _list(twilio: FakeTwilio, path: str, query: str) -> dict[str, Any]:
    """Return one page of messages, newest first, as Twilio's own list has it."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    size, page = int(asked.get("PageSize", 50)), int(asked.get("Page", 0))
    if not 1 <= size <= 1000:
        raise Refusal(400, 20001, "PageSize must be 1 to 1000")
    matches, earliest = _asked_for(asked)
    with twilio.lock:
        # Messages lie in the order in which they came, so that older ones need no look.
        newest = takewhile(lambda record: record.at >= earliest, reversed(twilio.messages.values()))
        records = [record for record in newest if matches(record)]
    records.sort(key=lambda record: record.at, reverse=True)
    start, end = page * size, (page + 1) * size

    def uri(number: int) -> str:
        return f"{path}?{urlencode(asked | {'Page': str(number), 'PageSize': str(size)})}"

    return {
        "messages": [_json(twilio, record) for record in records[start:end]],
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if end < len(records) else None,
        "previous_page_uri": uri(page - 1) if page else None,
        "uri": uri(page),
        "page": page,
        "page_size": size,
        "start": start,
        "end": min(end, len(records)) - 1,
    }


def _asked_for(asked: Mapping[str, str]) -> tuple[Callable[[Record], bool], datetime]:
    """Return what tells whether a message is asked for, and before when none is."""
    to, sender = asked.get("To"), asked.get("From")
    after = _time(asked["DateSent>"]) if "DateSent>" in asked else None
    before = _time(asked["DateSent<"]) if "DateSent<" in asked else None
    day = _time(asked["DateSent"]).date() if "DateSent" in asked else None

    def matches(record: Record) -> bool:
        second = record.at.replace(microsecond=0)
        return (
            to in (None, record.to)
            and sender in (None, record.from_)
            and (after is None or second >= after)
            and (before is None or second <= before)
            and (day is None or record.at.date() == day)
        )

    # An hour of slack, should a test have moved its clock back.
    earliest = after - timedelta(hours=1) if after else datetime.min.replace(tzinfo=UTC)
    return matches, earliest


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, 20001, f"{text} is no date") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _json(twilio: FakeTwilio, record: Record) -> dict[str, Any]:
    at = format_datetime(record.at.astimezone(UTC))
    uri = f"/2010-04-01/Accounts/{twilio.account_sid}/Messages/{record.sid}"
    return {
        "account_sid": twilio.account_sid,
        "api_version": "2010-04-01",
        "body": record.body,
        "date_created": at,
        "date_sent": at,
        "date_updated": at,
        "direction": record.direction,
        "error_code": record.error_code if record.status in ("failed", "undelivered") else None,
        "error_message": None,
        "from": record.from_,
        "messaging_service_sid": record.service_sid,
        "num_media": str(record.media),
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": record.sid,
        "status": record.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": record.to,
        "uri": f"{uri}.json",
    }
