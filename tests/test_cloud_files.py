"""Files that people sent, at Meta: asked for by id, fetched with the token, deleted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.channels.base import Inbound, InboundFile, MediaRefused, SendError
from bot.channels.cloud import VERSION, CloudChannel
from bot.channels.cloud_forms import read_batch
from tests.fake_cloud import FakeCloud

TOKEN = "EAAtoken"
PICTURE = b"\xff\xd8\xff a picture of nobody"


@dataclass
class Meta:
    """Meta's API and its store on one port, with one file."""

    base_url: str = ""
    content: bytes = PICTURE
    place: str | None = None  # in place of the store's address
    status: int = 200
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, token


@pytest.fixture
def meta() -> Iterator[Meta]:
    """Serve the API on loopback."""
    made = Meta()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(("GET", self.path, self.headers.get("Authorization", "")))
            if self.path == f"/{VERSION}/123":
                place = made.place or f"{made.base_url}/store/123"
                body = b'{"url": "%s", "mime_type": "image/jpeg"}' % place.encode()
                self.give(made.status, "application/json", body)
            else:
                self.give(200, "image/jpeg; x=y", made.content)

        def do_DELETE(self) -> None:
            made.asked.append(("DELETE", self.path, self.headers.get("Authorization", "")))
            self.give(made.status, "application/json", b'{"success": true}')

        def give(self, status: int, mime: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", mime)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield made
    server.shutdown()
    thread.join(10)
    server.server_close()


def channel(base: str) -> CloudChannel:
    return CloudChannel(TOKEN, "123456789", ("secret",), "verify", api_base_url=base)


def test_a_file_is_fetched_by_its_id_and_deleted(meta: Meta) -> None:
    files = channel(meta.base_url).files
    assert files.download("123", 1000) == ("image/jpeg", PICTURE)
    files.forget("123")
    bearer = f"Bearer {TOKEN}"
    assert meta.asked == [
        ("GET", f"/{VERSION}/123", bearer),
        ("GET", "/store/123", bearer),
        ("DELETE", f"/{VERSION}/123", bearer),
    ]


def test_a_file_that_is_too_large_is_not_read_to_its_end(meta: Meta) -> None:
    meta.content = bytes(100_000)
    with pytest.raises(MediaRefused, match="larger than 1000 bytes"):
        channel(meta.base_url).files.download("123", 1000)


@pytest.mark.parametrize(
    "place", ["http://evil.test/x", "https://evil.test/fbsbx.com", "https://xfbsbx.com/", "ftp://a"]
)
def test_nobody_else_sees_the_token(meta: Meta, place: str) -> None:
    meta.place = place
    with pytest.raises(MediaRefused, match="no address of its own"):
        channel(meta.base_url).files.download("123", 1000)
    assert len(meta.asked) == 1


@pytest.mark.parametrize("name", ["../x", "", "a/b", "123?x=1", "https://evil.test/"])
def test_what_is_no_id_is_not_asked_for(meta: Meta, name: str) -> None:
    files = channel(meta.base_url).files
    for ask in (lambda: files.download(name, 9), lambda: files.forget(name)):
        with pytest.raises(MediaRefused):
            ask()
    assert meta.asked == []


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, "refused"), (400, "refused"), (500, "later")]
)
def test_what_meta_does_not_give_is_gone_or_comes_later(
    meta: Meta, status: int, outcome: str
) -> None:
    meta.status = status
    files = channel(meta.base_url).files
    with pytest.raises(SendError) as error:
        files.download("123", 1000)
    assert error.value.outcome == outcome
    if outcome == "refused":
        files.forget("123")  # it is gone, as it was to be
    else:
        with pytest.raises(SendError):
            files.forget("123")


def test_nobody_there_is_a_passing_fault() -> None:
    with pytest.raises(SendError) as error:
        channel("http://127.0.0.1:9").files.download("123", 1000)
    assert error.value.outcome == "later"


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("image", InboundFile("1", "image/jpeg")),
        ("audio", InboundFile("1", "audio/ogg")),
        ("location", None),
        ("reaction", None),
        ("sticker", None),  # without an id there is nothing to fetch
    ],
)
def test_a_webhook_says_which_file_came(kind: str, file: InboundFile | None) -> None:
    with FakeCloud() as fake:
        message = fake.person().message(kind=kind)
        value = fake.value([(None, message)])
        changes = [{"field": "messages", "value": value}]
        body = {"object": "whatsapp_business_account", "entry": [{"changes": changes}]}
        batch = read_batch(json.dumps(body).encode(), fake.phone_number_id, "cloud:1")
        (event,) = batch.events
        assert isinstance(event, Inbound)
        assert event.attached == file
