"""WhatsApp through Meta's own Cloud API: what Meta posts to us, and its REST API.

Nothing here logs or raises a text, a number or a user id.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import RequestException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from bot.channels.base import (
    Address,
    Found,
    Outgoing,
    SendError,
    StatusEvent,
    Taps,
    Template,
    as_text,
    captioned,
)
from bot.channels.cloud_codes import known, send_outcome
from bot.channels.cloud_files import CloudFiles
from bot.channels.cloud_forms import Batch, read_batch, signed, status_event
from bot.flow.limits import CAPTION_CHARS, TAPS_CHARS, length
from bot.flow.turn import Attachment, Message

API = "https://graph.facebook.com"
VERSION = "v25.0"
MAX_BODY = 4096
_CONNECTIONS = 32  # kept open per process; more threads than that open one each time

# Meta, "Interactive messages": what is longer is refused.
_BUTTONS, _BUTTON, _BUTTON_ID = 3, 20, 256
_ROWS, _ROW, _ROW_ID = 10, 24, 200

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NEWLINES = re.compile(r"\r\n?")
_PHONE_NUMBER_ID = re.compile(r"[0-9]{5,20}")


def body_of(message: Message) -> str:
    """Return a message as the text that Meta gets."""
    return _NEWLINES.sub("\n", _CONTROL.sub("", as_text(message))).strip()


class _Bearer(AuthBase):
    """Sends the access token. (As a plain header, a .netrc of the machine would replace it.)"""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class CloudChannel:
    """One phone number of a WhatsApp business account, at Meta itself.

    Safe to share between threads, and to make before a process forks.
    """

    name = "cloud"

    def __init__(
        self,
        access_token: str,
        phone_number_id: str,
        app_secrets: tuple[str, ...],
        verify_token: str,
        *,
        api_base_url: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        """Remember the settings; nothing is connected yet.

        `app_secrets` may be several while they are rotated: each verifies. Raises ValueError naming
        the setting that is wrong.
        """
        if not access_token.strip():
            raise ValueError("CLOUD_ACCESS_TOKEN is blank; set it")
        if not app_secrets or not all(secret.strip() for secret in app_secrets):
            raise ValueError("CLOUD_APP_SECRET must hold a secret and no blank one; set it")
        if not verify_token.strip():
            raise ValueError("CLOUD_VERIFY_TOKEN is blank; invent one and give it to Meta too")
        if not _PHONE_NUMBER_ID.fullmatch(phone_number_id):
            raise ValueError("CLOUD_PHONE_NUMBER_ID must be digits; it is not the phone number")
        # Never to be taken for a phone number, which it resembles.
        self.sender = f"cloud:{phone_number_id}"
        self._phone_number_id = phone_number_id
        self._token = access_token
        self._secrets = tuple(secret.encode() for secret in app_secrets)
        self._verify_token = verify_token.encode()
        base = (api_base_url or API).rstrip("/")
        self._url = f"{base}/{VERSION}/{phone_number_id}/messages"
        self._timeout = timeout
        self._sessions: dict[int, requests.Session] = {}
        faults = (_network_error, _refusal)
        self.files = CloudFiles(self._session, f"{base}/{VERSION}", timeout, faults)

    def greets(self, mode: str | None, verify_token: str | None) -> bool:
        """Whether this is Meta asking, with our verify token, if the webhook is ours."""
        given = (verify_token or "").encode("utf-8", "surrogatepass")
        return mode == "subscribe" and hmac.compare_digest(given, self._verify_token)

    def verify(self, body: bytes, signature: str | None) -> bool:
        """Whether Meta signed this raw body (X-Hub-Signature-256). Never raises."""
        return signed(body, self._secrets, signature)

    def read(self, body: bytes) -> Batch:
        """Read the body of a webhook. Raises BadRequest."""
        return read_batch(body, self._phone_number_id, self.sender)

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Send one message and return its id and first status. Raises SendError."""
        answer = self._post(_payload(outgoing))
        try:
            wamid = answer["messages"][0]["id"]
        except (KeyError, IndexError, TypeError):
            wamid = None
        if not isinstance(wamid, str) or not wamid:
            raise SendError("Meta's answer names no message; wait for its status", "unknown")
        return status_event(wamid, "accepted")

    def find(self, to: Address, since: datetime) -> list[Found]:
        """Meta keeps no list of what was sent: a status tells of an unknown message, or nothing
        does. Always raises SendError ("refused")."""
        raise SendError("Meta lists no messages; only a status can settle this one", "refused")

    def close(self) -> None:
        """Close the connections of this process; the next request opens new ones."""
        session = self._sessions.pop(os.getpid(), None)
        if session is not None:
            session.close()

    def _post(self, payload: Mapping[str, Any]) -> Any:
        """Post once; whether a request may be repeated is known only to who made it."""
        try:
            response = self._session().post(
                self._url, json=payload, timeout=self._timeout, allow_redirects=False
            )
        except (RequestException, HTTPError, OSError) as error:
            failure = _network_error(error)
        else:
            answer = _json(response)
            if response.status_code == 200:
                return answer
            failure = _refusal(response.status_code, answer)
        raise failure from None  # the cause's text may hold a number

    def _session(self) -> requests.Session:
        """Return this process's session: sockets must not be shared by a fork."""
        session = self._sessions.get(os.getpid())
        if session is None:
            session = requests.Session()
            session.auth = _Bearer(self._token)
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0))
            session = self._sessions.setdefault(os.getpid(), session)
        return session


def _payload(outgoing: Outgoing) -> dict[str, Any]:
    """Return the body of `POST messages`. Raises SendError for what Meta never takes."""
    to = "to" if outgoing.to.kind == "phone" else "recipient"
    common = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        to: outgoing.to.value,  # a phone number with its plus: without it ours is put before it
        "biz_opaque_callback_data": outgoing.reference,
    }
    if outgoing.template is not None:
        return common | {
            "type": "template",
            "template": _template(outgoing.template, outgoing.message),
        }
    attachment = outgoing.message.attachment
    if outgoing.link is not None and attachment is not None and not captioned(outgoing.message):
        return common | {"type": attachment.kind, attachment.kind: {"link": outgoing.link}}
    body = body_of(outgoing.message)
    if not 0 < length(body) <= MAX_BODY:
        raise SendError(f"a text has 1 to {MAX_BODY} characters", "refused")
    if outgoing.link is not None and attachment is not None and length(body) <= CAPTION_CHARS:
        return common | {
            "type": attachment.kind,
            attachment.kind: _media(attachment, outgoing.link, body),
        }
    if outgoing.taps is not None and _fits(outgoing.taps, body):
        return common | {"type": "interactive", "interactive": _interactive(outgoing.taps, body)}
    return common | {"type": "text", "text": {"preview_url": False, "body": body}}


def _media(attachment: Attachment, link: str, caption: str) -> dict[str, str]:
    """Return a picture or a document that Meta fetches from us; only documents have names."""
    named = {"filename": attachment.name} if attachment.kind == "document" else {}
    return {"link": link, "caption": caption} | named


def _template(template: Template, message: Message) -> dict[str, Any]:
    """Return an approved template with its body's values, in the order of their names, and with
    the payloads of its quick-reply buttons."""
    components: list[dict[str, Any]] = []
    variables = template.values(message.variables)
    if variables:
        names = sorted(variables, key=_in_order)
        values = [_one_line(variables[name]) for name in names]
        parameters = [{"type": "text", "text": value} for value in values]
        components.append({"type": "body", "parameters": parameters})
    components += [
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": str(index),
            "parameters": [{"type": "payload", "payload": button.value}],
        }
        for index, button in enumerate(message.buttons)
    ]
    return {
        "name": template.id,
        "language": {"code": template.language},
        "components": components,
    }


def _in_order(name: str) -> tuple[bool, int, str]:
    """Sort 2 before 10, and numbers before words."""
    return (False, int(name), name) if name.isdecimal() else (True, 0, name)


def _one_line(value: str) -> str:
    """Return a template's value: no line break, tab or run of spaces, and never empty."""
    return " ".join(_CONTROL.sub("", value).split()) or "-"


def _fits(taps: Taps, body: str) -> bool:
    """Whether Meta takes these; if not, the text alone says the same."""
    most, label, id_ = (
        (_BUTTONS, _BUTTON, _BUTTON_ID) if taps.kind == "buttons" else (_ROWS, _ROW, _ROW_ID)
    )
    fitting = all(0 < len(one.label) <= label and 0 < len(one.value) <= id_ for one in taps.options)
    distinct = len({one.value for one in taps.options}) == len(taps.options)
    distinct = distinct and len({one.label for one in taps.options}) == len(taps.options)
    opens = taps.kind == "buttons" or 0 < len(taps.label) <= _BUTTON
    return (
        fitting
        and distinct
        and opens
        and 0 < len(taps.options) <= most
        and length(body) <= TAPS_CHARS
    )


def _interactive(taps: Taps, body: str) -> dict[str, Any]:
    if taps.kind == "buttons":
        buttons = [
            {"type": "reply", "reply": {"id": one.value, "title": one.label}}
            for one in taps.options
        ]
        return {"type": "button", "body": {"text": body}, "action": {"buttons": buttons}}
    rows = [{"id": one.value, "title": one.label} for one in taps.options]
    action = {"button": taps.label, "sections": [{"rows": rows}]}
    return {"type": "list", "body": {"text": body}, "action": action}


def _json(response: requests.Response) -> Any:
    """Return what an answer says; None where a proxy answers in Meta's name with something else."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _refusal(status: int, answer: Any) -> SendError:
    """Say what an answer of Meta's that is no success means."""
    error = answer.get("error") if isinstance(answer, dict) else None
    told = error if isinstance(error, dict) else {}
    code, subcode = _number(told.get("code")), _number(told.get("error_subcode"))
    text = f"Meta answered HTTP {status}"
    if code is not None:
        text += f", error {code}: see Meta's page WhatsApp, Cloud API, Error codes"
    return SendError(text, send_outcome(status, code, subcode), code, known=known(code))


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _network_error(error: BaseException) -> SendError:
    kind = type(error).__name__
    if _never_sent(error):
        return SendError(f"Meta was not reached ({kind}); try again", "later")
    return SendError(f"the answer of Meta was lost ({kind}); wait for a status", "unknown")


def _never_sent(error: BaseException | None) -> bool:
    """Whether the connection was never made, so that nothing can have been processed."""
    for _ in range(5):  # requests wraps urllib3, which wraps the reason
        if isinstance(error, (NewConnectionError, ConnectTimeoutError)):
            return True
        inner = error.args[0] if isinstance(error, RequestException) and error.args else None
        error = inner or getattr(error, "reason", None)
        if not isinstance(error, BaseException):
            return False
    return False
