"""A strict stand-in for a mail server, on loopback, that can fail at the nastiest moments.

    with FakeSmtp() as server:
        server.fail("drop", at="dot")   # takes the letter and hangs up before it says so

It speaks RFC 5321 as far as a sender needs it and refuses what it must refuse: commands out of
order, lines that do not end in CRLF or are too long, bare dots, letters without a Date or
Message-ID. What it has taken is in `letters`, in order.
"""

from __future__ import annotations

import base64
import contextlib
import socketserver
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

MAX_LINE = 998


@dataclass(frozen=True)
class Taken:
    """A letter that the server has taken."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The letter, parsed."""
        return message_from_bytes(self.raw, policy=default)

    def text(self, kind: str = "plain") -> str:
        """Return one of its two bodies."""
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class FakeSmtp:
    """A mail server. With `context` it offers STARTTLS, with `wrapped` it speaks TLS at once.

    `user` and `password`: nobody sends without logging in.
    """

    context: ssl.SSLContext | None = None
    wrapped: bool = False
    user: str = ""
    password: str = ""
    letters: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    plain_commands: list[str] = field(default_factory=list)  # what came unencrypted
    problems: list[str] = field(default_factory=list)
    _faults: dict[str, deque[str]] = field(default_factory=dict)

    def fail(self, what: str, *, at: str, times: int = 1) -> None:
        """Fail the next time at a place: "drop" the connection, or reply with a code such as "450".

        Places: connect, ehlo, mail, rcpt, data (before 354), body (in the middle of it), dot (the
        letter is taken, the reply never comes), taken (a code only: it is not taken), noop.
        """
        self._faults.setdefault(at, deque()).extend([what] * times)

    def fault(self, at: str) -> str | None:
        """Take the next fault of a place."""
        waiting = self._faults.get(at)
        return waiting.popleft() if waiting else None

    def __enter__(self) -> FakeSmtp:
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, _Dropped):
                    session = _Session(fake, self)
                    try:
                        session.run()
                    finally:
                        session.close()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])


class _Dropped(Exception):
    """The server has hung up."""


class _Session:
    """One connection."""

    def __init__(self, fake: FakeSmtp, handler: Any) -> None:
        self.fake = fake
        self.handler = handler
        self.socket = handler.connection
        self.secure = False
        if fake.wrapped:
            assert fake.context is not None
            self.socket = fake.context.wrap_socket(self.socket, server_side=True)
            self.secure = True
        self.file = self.socket.makefile("rb")
        self.greeted = self.known = False
        self.sender: str | None = None
        self.recipient: str | None = None

    def run(self) -> None:
        self.at("connect") or self.say("220 pos.contoh.test ESMTP")
        while True:
            line = self.file.readline(MAX_LINE + 3)
            if not line:
                return
            text = self.checked(line)
            self.fake.commands.append(text)
            if not self.secure:
                self.fake.plain_commands.append(text)
            verb, _, rest = text.partition(" ")
            method = getattr(self, f"do_{verb.lower()}", None)
            if method is None:
                self.say("500 unknown command")
            elif method(rest) is False:
                return

    def close(self) -> None:
        for one in (self.file, self.socket):
            with contextlib.suppress(OSError):
                one.close()

    def checked(self, line: bytes) -> str:
        if not line.endswith(b"\r\n") or b"\n" in line[:-2] or b"\r" in line[:-2]:
            self.fake.problems.append(f"a line does not end in CRLF: {line!r}")
        if len(line) > MAX_LINE + 2:
            self.fake.problems.append("a line is too long")
        return line.rstrip(b"\r\n").decode("ascii", "replace")

    def say(self, text: str) -> bool:
        self.socket.sendall(text.encode() + b"\r\n")
        return True

    def at(self, place: str) -> bool:
        """Fail here if that is wanted; whether a reply has gone out instead of the right one."""
        what = self.fake.fault(place)
        if what is None:
            return False
        if what == "drop":
            self.hang_up()
        self.say(f"{what} no")
        if what == "421":
            self.hang_up()
        return True

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(2)
        self.socket.close()
        raise _Dropped

    # commands

    def do_ehlo(self, _rest: str) -> None:
        if self.at("ehlo"):
            return
        self.greeted = True
        offers = ["pos.contoh.test", "SIZE 1000000", "8BITMIME"]
        if self.fake.context is not None and not self.secure:
            offers.append("STARTTLS")
        if self.fake.user:
            offers.append("AUTH PLAIN")
        for number, offer in enumerate(offers):
            self.say(f"250{' ' if number == len(offers) - 1 else '-'}{offer}")

    def do_starttls(self, _rest: str) -> None:
        if self.fake.context is None or self.secure:
            self.say("502 no")
            return
        self.say("220 go ahead")
        self.file.close()
        self.socket = self.fake.context.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")
        self.secure, self.greeted = True, False

    def do_auth(self, rest: str) -> None:
        kind, _, token = rest.partition(" ")
        given = base64.b64decode(token).split(b"\0")
        right = [b"", self.fake.user.encode(), self.fake.password.encode()]
        self.known = kind == "PLAIN" and given == right
        self.say("235 welcome" if self.known else "535 wrong")

    def do_mail(self, rest: str) -> None:
        if self.at("mail"):
            return
        if not self.greeted or self.sender is not None or (self.fake.user and not self.known):
            self.say("503 out of order")
            return
        self.sender = _path(rest, "FROM:")
        self.say("250 fine" if self.sender else "501 no address")

    def do_rcpt(self, rest: str) -> None:
        if self.at("rcpt"):
            return
        if self.sender is None:
            self.say("503 out of order")
            return
        self.recipient = _path(rest, "TO:")
        self.say("250 fine" if self.recipient else "501 no address")

    def do_data(self, _rest: str) -> None:
        if self.at("data"):
            return
        if self.recipient is None:
            self.say("503 out of order")
            return
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.file.readline(MAX_LINE + 3)) != b".\r\n":
            if not line:
                raise _Dropped
            self.checked(line)
            if line.startswith(b"."):
                if not line.startswith(b".."):
                    self.fake.problems.append("a line begins with a lone dot")
                line = line[1:]
            lines.append(line)
            if len(lines) == 3:
                self.at("body")
        assert self.sender is not None and self.recipient is not None
        taken = Taken(self.sender, self.recipient, b"".join(lines))
        self.sender = self.recipient = None
        for name in ("From", "To", "Date", "Message-ID", "Subject"):
            if len(taken.message.get_all(name, [])) != 1:
                self.fake.problems.append(f"a letter must have one {name}")
        refused = self.fake.fault("taken")
        if refused is not None:
            self.say(f"{refused} no")
            return
        self.fake.letters.append(taken)
        self.at("dot") or self.say("250 taken")

    def do_rset(self, _rest: str) -> None:
        self.sender = self.recipient = None
        self.say("250 fine")

    def do_noop(self, _rest: str) -> None:
        self.at("noop") or self.say("250 fine")

    def do_quit(self, _rest: str) -> bool:
        self.say("221 bye")
        return False


def _path(text: str, name: str) -> str | None:
    """Return the address in `FROM:<a@b> SIZE=3`."""
    if not text.upper().startswith(name + "<") or ">" not in text:
        return None
    return text[len(name) + 1 : text.index(">")] or None
