"""Speaking to one SMTP server, so that what became of a letter is known, or known to be unknown.

Until the server asks for its text a letter was not handed over, and may be tried again. From there
to the server's reply nobody knows: a letter whose reply is lost is *unknown*, and is never sent
again blindly.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Security = Literal["starttls", "tls", "none"]

TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, and as whom we send. `none` (no encryption) is for loopback only."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = ""

    @property
    def address(self) -> str:
        """The sender's bare address."""
        match = re.search(r"<([^<>]+)>", self.sender)
        return match[1] if match else self.sender

    def message_id(self, letter_id: UUID) -> str:
        """Return the Message-ID of a letter: of our own domain, the same whenever it is asked."""
        return f"<{letter_id.hex}@{self.address.rpartition('@')[2]}>"

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.security})"


class Unusable(Exception):
    """The server cannot be used now; no letter is to blame and none was handed over."""


class Undelivered(Exception):
    """A letter was not taken. `code` is the server's reply, 0 when the connection was lost."""

    def __init__(self, code: int) -> None:
        super().__init__(f"reply {code}" if code else "the connection was lost")
        self.code = code

    @property
    def for_good(self) -> bool:
        """Whether trying again is of no use."""
        return self.code >= 500


class Unknown(Exception):
    """A letter was handed over and the server's reply is lost."""


class Postman:
    """A connection to a server, made when it is needed and made again when it was lost."""

    def __init__(self, server: Server, *, timeout: float = TIMEOUT) -> None:
        self.server = server
        self._timeout = timeout
        self._smtp: smtplib.SMTP | None = None

    def ready(self) -> None:
        """Make sure that the server listens to us. Raises Unusable."""
        if self._smtp is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if self._smtp.noop()[0] == 250:
                    return
            self.close()
        try:
            self._smtp = self._open()
        except smtplib.SMTPAuthenticationError as error:
            raise Unusable(
                f"{self.server.host} refuses SMTP_USER and SMTP_PASSWORD (reply {error.smtp_code})"
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise Unusable(
                f"{self.server.host} offers no STARTTLS or no login: check SMTP_PORT, SMTP_SECURITY"
            ) from None
        except smtplib.SMTPResponseException as error:
            raise Unusable(
                f"{self.server.host} does not serve us: reply {error.smtp_code}"
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise Unusable(
                f"{self.server.host}:{self.server.port} cannot be used: {reason}"
            ) from None

    def deliver(self, recipient: str, letter: bytes) -> None:
        """Hand a letter over; when this returns, the server has taken it.

        Raises Undelivered, Unknown, and Unusable where the server refuses the sender.
        """
        smtp = self._smtp
        assert smtp is not None, "ready() comes first"
        try:
            self._announce(smtp, recipient)
            code, _ = smtp.docmd("DATA")
        except (smtplib.SMTPException, OSError):
            self.close()
            raise Undelivered(0) from None
        if code != 354:
            self._refused(smtp, code)
        try:
            smtp.send(_framed(letter))
            code, _ = smtp.getreply()
        except (smtplib.SMTPException, OSError):
            self.close()
            raise Unknown from None
        if not 200 <= code < 600:
            self.close()
            raise Unknown
        if code != 250:
            self._refused(smtp, code)

    def close(self) -> None:
        """Let go of the connection."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _open(self) -> smtplib.SMTP:
        server = self.server
        if server.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host,
                server.port,
                timeout=self._timeout,
                context=ssl.create_default_context(),
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self._timeout)
        try:
            if server.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _announce(self, smtp: smtplib.SMTP, recipient: str) -> None:
        """Name sender and recipient. Raises Undelivered, Unusable."""
        code, _ = smtp.mail(self.server.address)
        if code >= 500:
            self.close()
            raise Unusable(f"{self.server.host} does not take mail from SMTP_FROM (reply {code})")
        if code != 250:
            self._refused(smtp, code)
        code, _ = smtp.rcpt(recipient)
        if code not in {250, 251}:
            self._refused(smtp, code)

    def _refused(self, smtp: smtplib.SMTP, code: int) -> None:
        """Take the letter back and say why it was not taken."""
        try:
            if code == 421 or smtp.rset()[0] != 250:
                self.close()  # 421: it hangs up
        except (smtplib.SMTPException, OSError):
            self.close()
        raise Undelivered(code)


def _framed(letter: bytes) -> bytes:
    """Return a letter as it goes over the wire: lines end in CRLF, none begins with a lone dot."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", letter)
    return re.sub(rb"(?m)^\.", b"..", lines).removesuffix(b"\r\n") + b"\r\n.\r\n"
