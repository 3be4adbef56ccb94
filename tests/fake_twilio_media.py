"""Files at the fake Twilio: behind a token there, and in a store that must not see the token."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.fake_twilio_rules import Record, Refusal

if TYPE_CHECKING:
    from tests.fake_twilio import FakeTwilio

_UNDER_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "receiving"})


@dataclass
class File:
    """One file of a message; `parts` are what the store sends, as it sends them."""

    sid: str
    message_sid: str
    type: str
    content: bytes = b"\xff\xd8\xff a picture of nobody"
    length: bool = True  # whether the store says how long it is
    to: str | None = None  # where the API sends for it, in place of the store


@dataclass
class Store:
    """The files, and a server that has their bytes. It refuses requests that carry a token, as the
    real one does: what they are signed with is in the address."""

    files: dict[str, File] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)  # headers of what was asked of it
    _http: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    def add(self, message_sid: str, mime: str) -> File:
        """Keep a file that came with a message."""
        file = File(f"ME{uuid.uuid4().hex}", message_sid, mime)
        self.files[file.sid] = file
        return file

    def of(self, message_sid: str) -> list[File]:
        """Return the files of a message."""
        return [file for file in self.files.values() if file.message_sid == message_sid]

    @property
    def base_url(self) -> str:
        """Return where the bytes are; the first look starts the server."""
        if self._http is None:
            self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
            self._thread = threading.Thread(
                target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
            )
            self._thread.start()
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def stop(self) -> None:
        """End the server, if there is one."""
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join(10)
            self._http.server_close()


def _handler(store: Store) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            store.seen.append(dict(self.headers.items()))
            file = store.files.get(self.path.rpartition("/")[2])
            if file is None or "Authorization" in self.headers:
                self.send_error(400 if file else 404)
                return
            self.send_response(200)
            self.send_header("Content-Type", file.type)
            if file.length:
                self.send_header("Content-Length", str(len(file.content)))
            self.end_headers()
            self.wfile.write(file.content)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    return Handler


def answer(
    twilio: FakeTwilio, method: str, record: Record, rest: list[str], body: bytes
) -> tuple[int, Any] | None:
    """Answer for one message and its files; None is the message itself, as it is now."""
    match method, rest:
        case "GET", []:
            return None
        case "POST", []:
            _redact(record, body)
            return None
        case "GET", ["Media.json"]:
            listed = [_json(twilio, file) for file in twilio.store.of(record.sid)]
            uri = f"/2010-04-01/Accounts/{twilio.account_sid}/Messages/{record.sid}/Media.json"
            pages = {"first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
            return 200, {"media_list": listed, "page": 0, "page_size": 50, "uri": uri} | pages
        case "DELETE", ["Media", name] if _file(twilio, record, name.removesuffix(".json")):
            del twilio.store.files[name.removesuffix(".json")]
            return 204, None
        case "GET", ["Media", name] if (file := _file(twilio, record, name)) is not None:
            return 307, file.to or f"{twilio.store.base_url}/{file.sid}"
    raise Refusal(404, 20404, f"The requested resource {'/'.join(rest)} was not found")


def _redact(record: Record, body: bytes) -> None:
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    if form != {"Body": ""}:
        raise Refusal(400, 20001, "A message can be redacted (Body=) or canceled, nothing else")
    if record.status in _UNDER_WAY:
        raise Refusal(409, 20009, "Cannot modify this resource before it is complete")
    record.body = ""


def _file(twilio: FakeTwilio, record: Record, name: str) -> File | None:
    file = twilio.store.files.get(name)
    return file if file is not None and file.message_sid == record.sid else None


def _json(twilio: FakeTwilio, file: File) -> dict[str, Any]:
    message = f"/2010-04-01/Accounts/{twilio.account_sid}/Messages/{file.message_sid}"
    return {
        "account_sid": twilio.account_sid,
        "content_type": file.type,
        "date_created": "Mon, 23 Nov 2026 03:00:00 +0000",
        "date_updated": "Mon, 23 Nov 2026 03:00:00 +0000",
        "parent_sid": file.message_sid,
        "sid": file.sid,
        "uri": f"{message}/Media/{file.sid}.json",
    }
