"""Calls our own public address from outside, as Twilio would, and as nobody should.

What is sent is a status callback of a message that never was: it changes nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

import requests
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

TIMEOUT = (5.0, 15.0)  # Twilio's own, for connecting and for the answer

Obstacle = Literal["name", "tls", "refused", "timeout", "broken"]


class Unreached(Exception):
    """Nobody answered; `obstacle` says how far the request came."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle)
        self.obstacle = obstacle


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many seconds. `location` is where a redirect points."""

    status: int
    location: str
    body: bytes
    seconds: float


Fetch = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Sends method, URL, headers and body, follows no redirect, and returns the answer. Raises
Unreached."""


def fetch(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout: tuple[float, float] = TIMEOUT,
) -> Answer:
    """Ask over the network; certificates must hold. Raises Unreached."""
    began = time.perf_counter()
    try:
        response = requests.request(
            method,
            url,
            headers=dict(headers),
            data=body or None,
            timeout=timeout,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise Unreached(_obstacle(error)) from None
    return Answer(
        response.status_code,
        response.headers.get("Location", ""),
        response.content,
        time.perf_counter() - began,
    )


def _obstacle(error: requests.RequestException) -> Obstacle:
    if isinstance(error, requests.exceptions.SSLError):
        return "tls"
    if isinstance(error, requests.Timeout):
        return "timeout"
    text = repr(error)
    if "NameResolutionError" in text:
        return "name"
    return "refused" if "NewConnectionError" in text else "broken"


class Probe:
    """Asks one public address. All methods raise Unreached."""

    def __init__(
        self, base_url: str, account_sid: str, auth_token: str, *, fetch: Fetch = fetch
    ) -> None:
        self._base = base_url.rstrip("/")
        self._account_sid = account_sid
        self._validator = RequestValidator(auth_token)
        self._fetch = fetch

    def health(self) -> Answer:
        """Ask whether the process answers at all."""
        return self._fetch("GET", f"{self._base}/health", {}, b"")

    def ready(self) -> Answer:
        """Ask whether it can do its work."""
        return self._fetch("GET", f"{self._base}/ready", {}, b"")

    def callback(self, *, signed: bool) -> Answer:
        """Post a status callback of no message, signed by Twilio's own library or not at all."""
        url = f"{self._base}/whatsapp/status/{uuid.uuid4().hex}"
        form = {
            "AccountSid": self._account_sid,
            "ApiVersion": "2010-04-01",
            "MessageSid": f"SM{uuid.uuid4().hex}",
            "MessageStatus": "sent",
            # What a proxy that touches the body would spoil.
            "ChannelStatusMessage": "Pemeriksaan: 1+1=2 & ½ é",
            "ErrorMessage": "",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        if signed:
            headers[SIGNATURE_HEADER] = str(self._validator.compute_signature(url, form))
        return self._fetch("POST", url, headers, urlencode(form).encode())
