"""WhatsApp through Twilio: what Twilio posts to us, TwiML replies, and its REST API.

Nothing here logs or raises a text, a number or a user id.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from bot.channels.base import Address, Found, Outgoing, SendError, StatusEvent, as_text, captioned
from bot.channels.twilio_account import Account
from bot.channels.twilio_codes import known, send_outcome
from bot.channels.twilio_content import Contents
from bot.channels.twilio_forms import base_urls, read_inbound, read_status, signed, status_event
from bot.channels.twilio_log import TwilioLog
from bot.channels.twilio_taps import TapContents
from bot.channels.twilio_templates import TwilioTemplates
from bot.flow.limits import MESSAGE_CHARS, length
from bot.flow.turn import Message

STATUS_PATH = "/whatsapp/status/"
_FIND_AT_MOST = 200  # messages to one person since a recent moment: far more than ever happen
_CONNECTIONS = 32  # kept open per process; more threads than that open one each time

# Characters that XML 1.0 cannot hold, escaped or not; Twilio answers error 12100 to them.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NEWLINES = re.compile(r"\r\n?")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_EMPTY = (_HEAD + "<Response/>").encode()
_T = TypeVar("_T")


def body_of(message: Message) -> str:
    """Return a message as the text that Twilio gets, and later lists, whichever way it goes."""
    return _NEWLINES.sub("\n", _NOT_XML.sub("", as_text(message))).strip()


def can_reply_inline(message: Message) -> bool:
    """Whether a TwiML reply can carry the message: text of 1 to 1600 characters.

    Buttons do not matter: they only repeat what the text says. What comes with a file goes by REST,
    where the file's address is made at the moment of sending.
    """
    return message.attachment is None and 0 < length(body_of(message)) <= MESSAGE_CHARS


def twiml(message: Message | None, action: str | None = None) -> bytes:
    """Return the answer to a webhook: this message, or nothing to say.

    `action` is where Twilio posts the message's status. Raises ValueError where
    `can_reply_inline` says no.
    """
    if message is None:
        return _EMPTY
    body = body_of(message)
    if not 0 < length(body) <= MESSAGE_CHARS:
        raise ValueError("a TwiML reply holds 1 to 1600 characters; send this message by REST")
    attributes = f' action="{_escape(action)}" method="POST"' if action is not None else ""
    text = f"<Response><Message{attributes}><Body>{_escape(body)}</Body></Message></Response>"
    return (_HEAD + text).encode()


def content_variables(variables: Mapping[str, str]) -> str:
    """Return the ContentVariables of a template: a JSON object whose values are one clean line.

    WhatsApp takes no line break, tab or run of spaces in a value, and no empty value: "-" stands
    for nothing. (twilio-python sends a mapping as the figure 1 without a word.)
    """
    clean = {name: " ".join(_NOT_XML.sub("", text).split()) for name, text in variables.items()}
    return json.dumps({name: text or "-" for name, text in clean.items()})


def _escape(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return text.replace(">", "&gt;").replace('"', "&quot;")


class _HttpClient(TwilioHttpClient):  # type: ignore[misc] # twilio has no type information
    """Twilio's client with a time-out, a pool for threads, and perhaps another server."""

    def __init__(self, base_url: str | None, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._base = urlsplit(base_url) if base_url else None
        for scheme in ("https://", "http://"):
            # No retries: whether a request may be repeated is known only to who made it.
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0))

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Log nothing: the lines that Twilio's library writes hold whole URLs, with numbers."""

    def log_response(self, status_code: int, response: object) -> None:
        """Log nothing: what matters of an answer is returned or raised."""

    def request(self, method: str, url: str, *args: Any, headers: Any = None, **kwargs: Any) -> Any:
        """Ask `api_base_url` instead of Twilio, where there is one."""
        url, named = self.placed(url)
        headers = {**(headers or {}), **named}
        return super().request(method, url, *args, headers=headers, **kwargs)

    def placed(self, url: str) -> tuple[str, dict[str, str]]:
        """Return where an address of Twilio's is to be asked, and the header that says so."""
        if self._base is None:
            return url, {}
        asked = urlsplit(url)
        path = self._base.path.rstrip("/") + asked.path
        there = urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, ""))
        return there, {"X-Original-Host": asked.netloc}


class TwilioChannel:
    """One WhatsApp sender, or one messaging service, of a Twilio account.

    Safe to share between threads, and to make before a process forks.
    """

    name = "twilio"

    # So that who has a channel needs nothing else of this module.
    read_inbound = staticmethod(read_inbound)
    read_status = staticmethod(read_status)
    can_reply_inline = staticmethod(can_reply_inline)
    twiml = staticmethod(twiml)

    def __init__(
        self,
        account_sid: str,
        auth_tokens: tuple[str, ...],
        *,
        public_base_url: str,
        sender: str | None = None,
        messaging_service_sid: str | None = None,
        api_base_url: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        """Remember the settings; nothing is connected yet.

        `auth_tokens` may be several while they are rotated: each verifies, and requests use the
        first that Twilio accepts. Raises ValueError naming the setting that is wrong.
        """
        if not auth_tokens or not all(token.strip() for token in auth_tokens):
            raise ValueError("TWILIO_AUTH_TOKEN must hold a token and no blank one; set it")
        if not sender and not messaging_service_sid:
            raise ValueError("set TWILIO_WHATSAPP_FROM or TWILIO_MESSAGING_SERVICE_SID")
        self._from = _sender(sender) if sender else None
        self._service = messaging_service_sid or None
        self.sender: str = self._from or messaging_service_sid or ""
        self._account_sid = account_sid
        self._tokens = auth_tokens
        self._keys = tuple(token.encode() for token in auth_tokens)
        self._bases = base_urls(public_base_url)
        self._status_url = public_base_url.rstrip("/") + STATUS_PATH
        self._api_base_url = api_base_url
        self._timeout = timeout
        self._working = 0  # which token requests use
        self._clients: dict[tuple[int, int], Client] = {}
        self.contents = Contents(self._call)
        self.templates = TwilioTemplates(self.contents)
        self.tap_store = TapContents(self.contents)
        self.log = TwilioLog(
            self._call, account_sid, sender=self._from, service=self._service, timeout=timeout
        )
        self.files = self.log
        self.account = Account(self._call, account_sid)

    def verify(
        self,
        path: str,
        query: bytes,
        form: Iterable[tuple[str, str]],
        signature: str | None,
        signature_settings: str | None = None,
    ) -> bool:
        """Whether Twilio signed this request.

        `path` and `query` are as on the request line, still escaped; `form` is every name with
        every value, blank ones too (`request.form.items(multi=True)`); the rest are the headers
        X-Twilio-Signature and X-Twilio-Webhooks-Signature-Settings. The address comes from
        PUBLIC_BASE_URL alone. Never raises.
        """
        tail = path + "?" + query.decode("latin-1") if query else path
        urls = [base + tail for base in self._bases]
        return signed(urls, form, self._keys, signature, signature_settings)

    def status_url(self, reference: str) -> str:
        """Return where Twilio is to post what becomes of the message with this outbox id."""
        return self._status_url + quote(reference, safe="")

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Send one message by REST and return Twilio's id and first status. Raises SendError."""
        values: dict[str, Any] = {
            "to": outgoing.to.whatsapp,
            "status_callback": self.status_url(outgoing.reference),
        }
        if self._from:
            values["from_"] = self._from
        if self._service:
            values["messaging_service_sid"] = self._service
        if outgoing.template is not None:
            values["content_sid"] = outgoing.template.id
            variables = outgoing.template.values(outgoing.message.variables)
            if variables:
                values["content_variables"] = content_variables(variables)
        elif outgoing.taps is not None and outgoing.taps.content_id is not None:
            values["content_sid"] = outgoing.taps.content_id
            if outgoing.taps.variables:
                values["content_variables"] = content_variables(outgoing.taps.variables)
        else:
            values["body"] = body_of(outgoing.message)
            if outgoing.link is not None:
                values["media_url"] = [outgoing.link]  # and the body is its caption
                if not captioned(outgoing.message):
                    del values["body"]
        made = self._call(lambda client: client.messages.create(**values), repeatable=False)
        if not made.sid:
            raise SendError("Twilio's answer names no message; look it up", "unknown")
        return status_event(made.sid, made.status or "queued", made.error_code)

    def find(self, to: Address, since: datetime) -> list[Found]:
        """List our messages to this address since a time (UTC), newest first, 200 at most.

        Asking again is always safe, so the SendError it raises is "later" or "config".
        """
        values: dict[str, Any] = {
            "to": to.whatsapp,
            "date_sent_after": since.astimezone(UTC),
            "limit": _FIND_AT_MOST,
            "page_size": 100,
        }
        if self._from:
            values["from_"] = self._from
        listed = self._call(lambda client: client.messages.list(**values), repeatable=True)
        found = [
            Found(
                sid=item.sid,
                body=item.body or "",
                at=item.date_sent or item.date_created,
                status=status_event(item.sid, item.status or "", item.error_code, (to,)),
            )
            for item in listed
            if str(item.direction).startswith("outbound")
        ]
        return sorted(found, key=lambda message: message.at, reverse=True)

    def close(self) -> None:
        """Close the connections of this process; the next request opens new ones."""
        for key in [key for key in self._clients if key[0] == os.getpid()]:
            self._clients.pop(key).http_client.session.close()

    def _call(self, ask: Callable[[Client], _T], *, repeatable: bool) -> _T:
        """Ask Twilio with the token that worked last, and with the others if it is refused."""
        for index in self._token_order():
            try:
                answer = ask(self._client(index))
            # What a proxy answers in Twilio's name may be no JSON, or JSON of another shape.
            except (TwilioException, OSError, HTTPError, ValueError, AttributeError) as error:
                failure = _send_error(error, repeatable)
                if failure.code != 20003:
                    break
            else:
                self._working = index
                return answer
        raise failure from None  # the cause's text may hold a number

    def _token_order(self) -> list[int]:
        """Return the places of all tokens, the one that worked last first."""
        return [self._working, *(i for i in range(len(self._tokens)) if i != self._working)]

    def _client(self, index: int) -> Client:
        """Return this process's client for one token: sockets must not be shared by a fork."""
        key = (os.getpid(), index)
        client = self._clients.get(key)
        if client is None:
            # At DEBUG, urllib3 logs the query of a look-up, and with it the number.
            logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
            http = _HttpClient(self._api_base_url, self._timeout)
            client = Client(self._account_sid, self._tokens[index], http_client=http)
            client = self._clients.setdefault(key, client)
        return client


def _sender(text: str) -> str:
    try:
        address = Address.parse(text)
    except ValueError:
        address = None
    if address is None or address.kind != "phone":
        raise ValueError("TWILIO_WHATSAPP_FROM must be whatsapp:+ and digits; correct it")
    return address.whatsapp


def _send_error(error: Exception, repeatable: bool) -> SendError:
    """Say what an exception of Twilio's library, or of the network under it, means."""
    if isinstance(error, TwilioException):
        status, code = _status_and_code(error)
        outcome = send_outcome(status, code)
        text = f"Twilio answered HTTP {status or 'nonsense'}"
        if code is not None:
            text += f", error {code}: see https://www.twilio.com/docs/errors/{code}"
        if outcome == "unknown" and repeatable:
            outcome = "later"
        return SendError(text, outcome, code, known=known(code))
    kind = type(error).__name__
    if repeatable or _never_sent(error):
        return SendError(f"Twilio was not reached ({kind}); try again", "later")
    return SendError(f"the answer of Twilio was lost ({kind}); look the message up", "unknown")


def _status_and_code(error: TwilioException) -> tuple[int, int | None]:
    """Return the HTTP status and Twilio's code; 0 where the library tells neither."""
    if isinstance(error, (TwilioRestException, TwilioServiceException)):
        status, code = error.status, error.code
    else:  # a list's first page: "Unable to fetch page" and the response
        response = error.args[1] if len(error.args) > 1 else None
        status = getattr(response, "status_code", 0)
        try:
            code = json.loads(getattr(response, "text", "")).get("code")
        except (ValueError, AttributeError):
            code = None
    if status == 401:
        return 401, 20003
    # Where the answer has no code, the library repeats the HTTP status.
    return int(status), code if isinstance(code, int) and code != status else None


def _never_sent(error: BaseException | None) -> bool:
    """Whether the connection was never made, so that nothing can have been processed.

    A dropped connection tells nothing: Twilio may have taken the request before.
    """
    for _ in range(5):  # requests wraps urllib3, which wraps the reason
        if isinstance(error, (NewConnectionError, ConnectTimeoutError)):
            return True
        inner = error.args[0] if isinstance(error, RequestException) and error.args else None
        error = inner or getattr(error, "reason", None) or getattr(error, "original_error", None)
        if not isinstance(error, BaseException):
            return False
    return False
