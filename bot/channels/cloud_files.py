"""Files that people sent, at Meta: found by id, fetched from the address that Meta then gives.

Meta, "Cloud API, Media": the address lives for five minutes and wants the access token; deleting
takes the id.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from bot.channels.base import MediaRefused, SendError

Fault = Callable[[BaseException], SendError]
Refusal = Callable[[int, Any], SendError]

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_STORES = (".fbsbx.com", ".facebook.com", ".fbcdn.net")  # of Meta; nobody else sees the token
_SECONDS = 60.0
_GONE = (400, 404)


class CloudFiles:
    """The files of one account. `session` gives this process's; `base` ends in the version."""

    def __init__(
        self,
        session: Callable[[], requests.Session],
        base: str,
        timeout: float,
        faults: tuple[Fault, Refusal],
    ) -> None:
        self._session = session
        self._base = base
        self._timeout = timeout
        self._fault, self._refusal = faults

    def download(self, url: str, limit: int) -> tuple[str, bytes]:
        """Fetch a file by its id. Raises MediaRefused and SendError."""
        with self._ask("get", self._address(url)) as response:
            told = _json(response)
            if response.status_code != 200:
                raise self._failure(response.status_code, told)
        place = told.get("url") if isinstance(told, dict) else None
        if not isinstance(place, str) or not self._trusted(place):
            raise MediaRefused("Meta names no address of its own for the file; nothing fetched")
        with self._ask("get", place) as response:
            if response.status_code != 200:
                raise self._failure(response.status_code, None)
            mime = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return mime, _body(response, limit)

    def forget(self, url: str) -> None:
        """Let Meta delete a file by its id; one that it does not have is no error."""
        with self._ask("delete", self._address(url)) as response:
            if response.status_code not in (200, *_GONE):
                raise self._refusal(response.status_code, _json(response))

    def _address(self, file_id: str) -> str:
        if not _ID.fullmatch(file_id):
            raise MediaRefused("not the id of a file of Meta's")
        return f"{self._base}/{file_id}"

    def _trusted(self, place: str) -> bool:
        ours, theirs = urlsplit(self._base), urlsplit(place)
        same = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
        host = theirs.hostname or ""
        return same or (theirs.scheme == "https" and host.endswith(_STORES))

    def _ask(self, method: str, address: str) -> requests.Response:
        try:
            return self._session().request(
                method,
                address,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                headers={"Accept-Encoding": "identity"},
            )
        except (RequestException, HTTPError, OSError) as error:
            failure = self._fault(error)
        raise SendError(str(failure), "later") from None

    def _failure(self, status: int, answer: Any) -> SendError:
        told = self._refusal(status, answer)
        return SendError(str(told), "refused" if status in _GONE else "later", told.code)


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _body(response: requests.Response, limit: int) -> bytes:
    """Read a file while it comes, no longer than it may be."""
    ends = time.monotonic() + _SECONDS
    found = bytearray()
    try:
        for piece in response.iter_content(16_384):
            found += piece
            if len(found) > limit:
                raise MediaRefused(f"the file is larger than {limit} bytes")
            if time.monotonic() > ends:
                raise SendError("the file came too slowly; try again", "later")
    except (RequestException, HTTPError, OSError):
        raise SendError("the file broke off on its way; try again", "later") from None
    return bytes(found)
