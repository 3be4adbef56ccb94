"""What Twilio keeps of messages: its list, and emptying it of texts and files.

Twilio, "Message resource": a POST with an empty Body redacts a message; a message that is still
under way cannot be redacted. "Media resource": files are deleted one by one; their address answers
with a redirect to a store that is not Twilio's API and must not see our token.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from bot.channels.base import Address, InboundFile, Listed, MediaRefused, SendError

# Nothing changes any more at Twilio, or WhatsApp has the message and Twilio only waits for news.
_FINAL = frozenset(
    {
        "received",
        "sent",
        "delivered",
        "partially_delivered",
        "read",
        "failed",
        "undelivered",
        "canceled",
    }
)
_API = "https://api.twilio.com"
_NOT_THERE = 20404
_MOST_MEDIA = 20  # a WhatsApp message has one file; Twilio's other channels have ten
_MEDIA_PATH = r"/2010-04-01/Accounts/{}/Messages/(?:SM|MM)[0-9a-f]{{32}}/Media/ME[0-9a-f]{{32}}"
_REDIRECTS = 3
_DOWNLOAD_SECONDS = 60.0
_T = TypeVar("_T")


class Call(Protocol):
    """Asks Twilio with a token that works, and turns what goes wrong into a SendError."""

    def __call__(self, ask: Callable[[Client], _T], *, repeatable: bool) -> _T: ...


class TwilioLog:
    """The log of one account's WhatsApp sender, or of a messaging service's senders."""

    def __init__(
        self,
        call: Call,
        account_sid: str,
        *,
        sender: str | None,
        service: str | None,
        timeout: float,
    ) -> None:
        self._call = call
        self._media_path = re.compile(_MEDIA_PATH.format(re.escape(account_sid)), re.IGNORECASE)
        self._sender = sender
        self._service = service
        self._timeout = timeout

    def senders(self) -> list[str]:
        """Return our numbers, `whatsapp:+…`: the one that is set, else the messaging service's."""
        if self._sender is not None:
            return [self._sender]
        service = self._service or ""
        listed = self._call(
            lambda client: client.messaging.v1.services(service).channel_senders.list(limit=200),
            repeatable=True,
        )
        found = {str(one.sender) for one in listed}
        return sorted(one for one in found if one.startswith("whatsapp:"))

    def listed(
        self, sender: str, since: datetime, until: datetime, limit: int, *, inbound: bool
    ) -> list[Listed]:
        """List what people wrote to a number of ours, or what went out from it, oldest first."""
        values: dict[str, Any] = {
            "to" if inbound else "from_": sender,
            "date_sent_after": since.astimezone(UTC),
            "date_sent_before": until.astimezone(UTC),
            "limit": limit,
            "page_size": min(limit, 200),
        }
        found = self._call(lambda client: client.messages.list(**values), repeatable=True)
        # Twilio's order is newest first; within a second, the only unit it tells, that order stays.
        messages = [_listed(one, sender, inbound=inbound) for one in reversed(found)]
        return sorted((one for one in messages if one is not None), key=lambda message: message.at)

    def redact(self, sid: str) -> None:
        """Let Twilio forget a message's text; one that it does not have is no error."""
        self._unless_gone(lambda client: client.messages(sid).update(body=""))

    def delete_media(self, sid: str) -> int:
        """Let Twilio delete a message's files; return how many there were."""
        files = self._unless_gone(lambda client: client.messages(sid).media.list(limit=_MOST_MEDIA))
        for one in files or ():
            self._delete_file(sid, str(one.sid))
        return len(files or ())

    def attached(self, sid: str) -> InboundFile | None:
        """Return the file of a person's message, as its webhook would have told of it."""
        found = self._unless_gone(lambda client: client.messages(sid).media.list(limit=1))
        if not found:
            return None
        address = _API + str(found[0].uri).removesuffix(".json")
        return InboundFile(address, str(found[0].content_type or "").lower())

    def _delete_file(self, sid: str, name: str) -> None:
        self._unless_gone(lambda client: client.messages(sid).media(name).delete())

    def forget(self, url: str) -> None:
        """Let Twilio delete one file by its address; raises MediaRefused for one not its own."""
        path = urlsplit(url).path
        if not self._media_path.fullmatch(path):
            raise MediaRefused("not the address of a file of this Twilio account")
        parts = path.split("/")
        self._delete_file(parts[-3], parts[-1])

    def download(self, url: str, limit: int) -> tuple[str, bytes]:
        """Fetch a file of a message and return its declared type and bytes.

        Only Twilio's API gets our token; where it sends us for the bytes does not. Raises
        MediaRefused for an address that is not this account's, and for more than `limit` bytes.
        """
        parts = urlsplit(url)
        ours = parts.scheme == "https" and parts.netloc == "api.twilio.com"
        if not ours or parts.query or not self._media_path.fullmatch(parts.path):
            raise MediaRefused("not the address of a file of this Twilio account; nothing fetched")
        return self._call(lambda client: self._download(client, url, limit), repeatable=True)

    def _download(self, client: Client, url: str, limit: int) -> tuple[str, bytes]:
        http = client.http_client
        first, headers = http.placed(url)
        schemes = {"https", urlsplit(first).scheme}  # http only where a test asks another server
        auth: Any = client.auth
        place = first
        for _ in range(_REDIRECTS + 1):
            # Files come as they are: a small packed one could unpack to any size.
            with http.session.get(
                place,
                auth=auth,
                headers={**headers, "Accept-Encoding": "identity"},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                if answer.status_code not in (301, 302, 303, 307, 308):
                    return _body(answer, url, limit)
                place = urljoin(place, answer.headers.get("Location", ""))
            if urlsplit(place).scheme not in schemes:
                raise MediaRefused("the file was to be fetched without TLS; nothing fetched")
            if urlsplit(place)[:2] != urlsplit(first)[:2]:
                auth, headers = _no_token, {}
        raise MediaRefused("the file's address leads from one address to the next")

    def _unless_gone(self, ask: Callable[[Client], _T]) -> _T | None:
        try:
            return self._call(ask, repeatable=True)
        except SendError as error:
            if error.code == _NOT_THERE:
                return None
            raise


def _listed(item: Any, sender: str, *, inbound: bool) -> Listed | None:
    """Read an item of Twilio's list; None for the other direction."""
    at = item.date_sent or item.date_created
    if str(item.direction).startswith("inbound") is not inbound or at is None:
        return None
    try:
        person = Address.parse(str(item.from_ if inbound else item.to))
    except ValueError:
        person = None
    return Listed(
        sid=str(item.sid),
        inbound=inbound,
        sender=sender,
        person=person,
        text=(item.body or "").replace("\x00", ""),
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        media=int(item.num_media or 0),
        final=str(item.status) in _FINAL,
    )


def _no_token(request: Any) -> Any:
    """Send a request without any token; the library would look for one in ~/.netrc."""
    return request


def _body(answer: Any, url: str, limit: int) -> tuple[str, bytes]:
    """Read a file while it comes, no longer than it may be."""
    if answer.status_code != 200:
        raise TwilioRestException(answer.status_code, url)
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise MediaRefused(f"the file is larger than {limit} bytes")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise MediaRefused("the file comes packed; it was asked for as it is")
    ends = time.monotonic() + _DOWNLOAD_SECONDS
    found = bytearray()
    for piece in answer.iter_content(16_384):
        found += piece
        if len(found) > limit:
            raise MediaRefused(f"the file is larger than {limit} bytes")
        if time.monotonic() > ends:
            raise TimeoutError("the file came too slowly")
    declared = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return declared, bytes(found)
