"""What Meta's Cloud API posts to us: its signature, and batches of messages and statuses.

Pure and fast. Nothing that is raised repeats what a batch says. Meta's message ids (`wamid.…`) hold
the person's phone number, barely disguised: above this module only a hash of them is known.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.channels.base import (
    Address,
    AddressKind,
    BadRequest,
    Inbound,
    InboundFile,
    Renamed,
    StatusEvent,
)
from bot.channels.cloud_codes import delivery_outcome, known
from bot.flow.answers.places import coordinates
from bot.flow.turn import Kind

_RANKS = {"sent": 3, "delivered": 4, "read": 5, "played": 5}
_SIGNATURE = "sha256="

# A type that is not listed is one that this program is too old for.
_KINDS: Mapping[str, Kind] = {
    "image": "media",
    "audio": "media",
    "voice": "media",
    "video": "media",
    "document": "media",
    "sticker": "media",
    "location": "location",
    "contacts": "contact",
    "reaction": "reaction",
    "edit": "edited",
    "edited": "edited",
}
_RENAMINGS = frozenset({"user_changed_number", "user_changed_user_id", "customer_changed_number"})


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a message of ours; `reference` is our outbox id, where Meta gives it back."""

    event: StatusEvent
    reference: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One webhook, in its order. `unread` counts what could not be understood, `foreign` what is
    for another of the account's phone numbers."""

    events: tuple[Inbound | Told | Renamed, ...]
    unread: int = 0
    foreign: int = 0


def signed(body: bytes, keys: Iterable[bytes], signature: str | None) -> bool:
    """Whether X-Hub-Signature-256 fits the raw body under one of the app secrets; never raises."""
    if not signature or not signature.startswith(_SIGNATURE):
        return False
    try:
        given = signature.removeprefix(_SIGNATURE).lower().encode("ascii")
    except UnicodeEncodeError:
        return False
    return any(
        hmac.compare_digest(hmac.digest(key, body, "sha256").hex().encode(), given) for key in keys
    )


def message_id(wamid: str) -> str:
    """Return the id by which everything above the channel knows a message of Meta's.

    A wamid holds the number that it was sent to, and random bytes that nobody can guess: hashed,
    it can be compared and not be read.
    """
    digest = hashlib.sha256(wamid.encode("utf-8", "surrogatepass")).digest()
    return "wamid." + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def read_batch(body: bytes, phone_number_id: str, sender: str) -> Batch:
    """Read a webhook's body into its events; what cannot be understood takes nothing else down.

    Raises BadRequest if it is no webhook of a WhatsApp business account at all.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("webhook: the body is not JSON") from None
    if not isinstance(payload, dict) or payload.get("object") != "whatsapp_business_account":
        raise BadRequest("webhook: not of a WhatsApp business account; check the subscription")
    events: list[Inbound | Told | Renamed] = []
    unread = foreign = 0
    for value in _values(payload):
        number = _part(value, "metadata").get("phone_number_id")
        items = [*_items(value, "messages"), *_items(value, "statuses")]
        if number is not None and str(number) != phone_number_id:
            foreign += len(items)
            continue
        for item in items:
            try:
                event = _event(item, value, sender)
            except (ValueError, TypeError, AttributeError, RecursionError):
                unread += 1
                continue
            if event is not None:
                events.append(event)
    return Batch(tuple(events), unread, foreign)


def status_event(
    wamid: str, status: str, error_code: object = None, addresses: tuple[Address, ...] = ()
) -> StatusEvent:
    """Give a status of Meta's its rank. An error code that is no number is left out."""
    code = error_code if isinstance(error_code, int) else None
    return StatusEvent(
        sid=message_id(wamid),
        status=status,
        rank=_RANKS.get(status, 0),
        failed=status == "failed",
        error_code=code,
        addresses=addresses,
        outcome=delivery_outcome(code),
        known=known(code),
    )


def _values(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the value of every change that is about messages."""
    for entry in _items(payload, "entry"):
        for change in _items(entry, "changes"):
            if change.get("field") == "messages":
                yield _part(change, "value")


def _items(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = data.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _event(
    item: Mapping[str, Any], value: Mapping[str, Any], sender: str
) -> Inbound | Told | Renamed | None:
    """Read one update. None: nobody waits for an answer to it. Raises ValueError."""
    if "status" in item:
        return _told(item)
    if item.get("group_id"):
        return None  # a survey is held with one person
    if item.get("type") == "system":
        return _renamed(item)
    return _inbound(item, value, sender)


def _inbound(item: Mapping[str, Any], value: Mapping[str, Any], sender: str) -> Inbound:
    kind, text, option = _said(item)
    context = _part(item, "context").get("id")
    shown = _part(item, "location")
    return Inbound(
        channel="cloud",
        sender=sender,
        sid=message_id(_text(item, "id")),
        addresses=_author(item, value),
        text=text.replace("\x00", ""),
        option=option,
        reply_to=message_id(context) if isinstance(context, str) and context else None,
        kind=kind,
        place=coordinates(shown.get("latitude"), shown.get("longitude"))
        if kind == "location"
        else None,
        attached=_attached(item) if kind == "media" else None,
    )


def _attached(item: Mapping[str, Any]) -> InboundFile | None:
    """Return the file that came with a message, by Meta's id of it."""
    media = _part(item, str(item.get("type")))
    file_id, mime = media.get("id"), media.get("mime_type")
    if not isinstance(file_id, str) or not file_id or not isinstance(mime, str):
        return None
    return InboundFile(file_id, mime.partition(";")[0].strip().lower())


def _said(item: Mapping[str, Any]) -> tuple[Kind, str, str | None]:
    """Return the kind of a message, its words, and the id behind what was tapped."""
    kind = item.get("type")
    if kind == "text":
        return "text", _text(_part(item, "text"), "body"), None
    if kind == "button":  # of a template
        button = _part(item, "button")
        return "text", str(button.get("text") or ""), str(button.get("payload") or "") or None
    if kind == "interactive":
        interactive = _part(item, "interactive")
        for name in ("button_reply", "list_reply"):
            reply = _part(interactive, name)
            if reply.get("id"):
                return "text", str(reply.get("title") or ""), str(reply["id"])
        return "unsupported", "", None
    return _KINDS.get(str(kind), "unsupported"), "", None


def _author(item: Mapping[str, Any], value: Mapping[str, Any]) -> tuple[Address, ...]:
    """Return all addresses of who wrote a message, the one it came from first.

    A batch may have several authors: a contact counts only if it shares an address.
    """
    found = _addresses(item.get("from"), item.get("from_user_id"), item.get("from_parent_user_id"))
    for contact in _items(value, "contacts"):
        more = _addresses(
            contact.get("wa_id"), contact.get("user_id"), contact.get("parent_user_id")
        )
        if any(found.get(kind) == address for kind, address in more.items()):
            found = {**more, **found}
            break
    if not found:
        raise ValueError("a message without an author that we understand")
    named = item.get("from") or item.get("from_user_id") or item.get("from_parent_user_id")
    return tuple(sorted(found.values(), key=lambda one: one.value.lstrip("+") != named))


def _addresses(*texts: object) -> dict[AddressKind, Address]:
    """Read phone numbers without a plus and user ids: one of each kind, the first one stays."""
    found: dict[AddressKind, Address] = {}
    for text in texts:
        if not isinstance(text, str):
            continue
        try:
            address = Address.parse(f"+{text}" if text.isdecimal() else text)
        except ValueError:  # hidden, or a form of address that is newer than this program
            continue
        found.setdefault(address.kind, address)
    return found


def _told(item: Mapping[str, Any]) -> Told:
    errors = _items(item, "errors")
    addresses = _addresses(
        item.get("recipient_id"),
        item.get("recipient_user_id"),
        item.get("recipient_parent_user_id"),
    )
    reference = item.get("biz_opaque_callback_data")
    event = status_event(
        _text(item, "id"),
        _text(item, "status").lower(),
        errors[0].get("code") if errors else None,
        tuple(addresses.values()),
    )
    return Told(event, reference if isinstance(reference, str) and reference else None)


def _renamed(item: Mapping[str, Any]) -> Renamed | None:
    """Read a system message (Meta, "System messages webhook reference"); None: it tells of nothing
    that concerns us."""
    system = _part(item, "system")
    if system.get("type") not in _RENAMINGS:
        return None
    old = _addresses(
        item.get("from"),
        system.get("previous_user_id"),
        item.get("from_user_id"),
        system.get("previous_parent_user_id"),
        item.get("from_parent_user_id"),
    )
    new = _addresses(
        system.get("wa_id") or system.get("new_wa_id"),
        system.get("user_id"),
        system.get("parent_user_id"),
    )
    if not old or not new or all(old.get(kind) == one for kind, one in new.items()):
        return None
    return Renamed(message_id(_text(item, "id")), tuple(old.values()), tuple(new.values()))


def _text(data: Mapping[str, Any], name: str) -> str:
    found = data.get(name)
    if not isinstance(found, str) or not found:
        raise ValueError(f"no {name}")
    return found
