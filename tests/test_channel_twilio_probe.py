"""The probe over real sockets: what stands in the way, and what comes back."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twilio.request_validator import RequestValidator

from bot.channels.twilio_probe import Fetch, Probe, Unreached, fetch

ACCOUNT = "AC" + "1" * 32


class _Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str, dict[str, str], bytes]]
    answer: tuple[int, dict[str, str], bytes]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, dict(self.headers), body))
        status, headers, text = self.answer
        if status == 0:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def server(
    status: int = 200, headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Any]]]:
    """Serve one answer; yield the address and what was asked."""
    seen: list[Any] = []
    handler = type("H", (_Handler,), {"seen": seen, "answer": (status, headers or {}, b"{}")})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{http.server_address[1]}", seen
    finally:
        http.shutdown()
        thread.join(10)
        http.server_close()


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate of nobody's authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_signed_callback_holds_before_twilios_own_library():
    with server(204) as (base, seen):
        answer = Probe(base, ACCOUNT, "rahasia").callback(signed=True)
        assert answer.status == 204
        assert 0 < answer.seconds < 10
        ((method, path, headers, body),) = seen
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    assert method == "POST"
    assert form["AccountSid"] == ACCOUNT
    assert "" in form.values(), "a blank value, which careless parsers lose"
    signature = headers["X-Twilio-Signature"]
    assert RequestValidator("rahasia").validate(base + path, form, signature)
    assert not RequestValidator("anders").validate(base + path, form, signature)


def test_no_two_callbacks_are_the_same_and_unsigned_ones_have_no_signature():
    with server(403) as (base, seen):
        for _ in range(2):
            assert Probe(base, ACCOUNT, "rahasia").callback(signed=False).status == 403
        assert len({path for _, path, _, _ in seen}) == 2
        assert all("X-Twilio-Signature" not in headers for _, _, headers, _ in seen)


def test_redirects_are_told_and_not_followed():
    with server(301, {"Location": "https://lain.contoh.test/health"}) as (base, seen):
        answer = Probe(base + "/", ACCOUNT, "rahasia").health()
        assert (answer.status, answer.location) == (301, "https://lain.contoh.test/health")
        assert [path for _, path, _, _ in seen] == ["/health"]


def obstacle(base: str, fetch: Fetch = fetch) -> str:
    with pytest.raises(Unreached) as caught:
        Probe(base, ACCOUNT, "rahasia", fetch=fetch).ready()
    return caught.value.obstacle


def test_a_certificate_that_does_not_hold_is_an_obstacle(tmp_path):
    with server(tls=self_signed(tmp_path)) as (base, seen):
        assert obstacle(base) == "tls"
        assert seen == []


def test_nobody_there_a_broken_connection_and_no_such_name_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert obstacle(f"http://127.0.0.1:{port}") == "refused"
    with server(0) as (base, _):
        assert obstacle(base) == "broken"
    assert obstacle("http://nirgends.invalid") == "name"


def test_who_does_not_answer_in_time_is_told_apart():
    hasty = partial(fetch, timeout=(0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert obstacle(f"http://127.0.0.1:{silent.getsockname()[1]}", hasty) == "timeout"
