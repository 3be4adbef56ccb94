"""Twilio's Content API: what templates, buttons and lists are made of, and their approval.

A content is made once, has an id (HX…) and is never changed. Nothing here is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Ask(Protocol):
    """Asks Twilio with the token that works. Raises SendError."""

    def __call__(self, ask: Callable[[Any], T], *, repeatable: bool) -> T: ...


@dataclass(frozen=True, slots=True)
class Content:
    """One item as Twilio lists it."""

    id: str
    name: str
    language: str
    types: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Approval:
    """What WhatsApp says of a template: unsubmitted, received, pending, approved, rejected, paused
    or disabled; `category` may be another than was asked for."""

    status: str
    category: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Request:
    """A JSON body. (Twilio's own classes drop keys that they do not know.)"""

    body: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return what goes over the wire."""
        return dict(self.body)


class Contents:
    """The contents of one Twilio account. All methods raise SendError."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def create(
        self,
        name: str,
        language: str,
        types: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Make a content and return its id. `types` has Twilio's own keys ("twilio/text", …);
        `variables` are samples. Asked twice it makes two: that costs nothing."""
        asked = _Request(
            {
                "friendly_name": name,
                "language": language,
                "variables": dict(variables or {}),
                "types": types,
            }
        )
        made = self._ask(lambda client: client.content.v1.contents.create(asked), repeatable=True)
        return str(made.sid)

    def every(self) -> Iterator[Content]:
        """Yield all contents of the account."""
        listed = self._ask(
            lambda client: client.content.v1.contents.list(page_size=500), repeatable=True
        )
        for one in listed:
            yield Content(one.sid, one.friendly_name or "", one.language or "", one.types or {})

    def delete(self, content_id: str) -> None:
        """Delete a content."""
        self._ask(lambda client: client.content.v1.contents(content_id).delete(), repeatable=True)

    def submit(self, content_id: str, name: str, category: str) -> None:
        """Ask WhatsApp to approve a content as a template. `name` has small letters, digits and _;
        `category` is UTILITY or MARKETING."""
        asked = _Request({"name": name, "category": category})
        self._ask(
            lambda client: client.content.v1.contents(content_id).approval_create.create(asked),
            repeatable=True,
        )

    def approval(self, content_id: str) -> Approval:
        """Return what has become of the request."""
        found = self._ask(
            lambda client: client.content.v1.contents(content_id).approval_fetch().fetch(),
            repeatable=True,
        )
        told = found.whatsapp or {}
        return Approval(
            status=str(told.get("status", "unsubmitted")),
            category=str(told.get("category", "")),
            reason=str(told.get("rejection_reason", "")),
        )
