"""What Twilio posts to us: its signature, and the forms of messages and of status callbacks.

Pure and fast: every inbound message passes here before anything else happens. Nothing that is
raised repeats what a form says.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from bot.channels.base import (
    Address,
    AddressKind,
    BadRequest,
    Inbound,
    InboundFile,
    StatusEvent,
)
from bot.channels.twilio_codes import delivery_outcome, known
from bot.flow.answers.places import coordinates
from bot.flow.turn import Kind

_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}

# Twilio, "Messaging webhooks": accepted and scheduled come before the queue.
_RANKS = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "partially_delivered": 4,
    "delivered": 4,
    "read": 5,
}
_FAILED = frozenset({"failed", "undelivered", "canceled"})

# MessageType is sent but not documented; a type that is not listed is judged by its other fields.
_KINDS: Mapping[str, Kind] = {
    "text": "text",
    "interactive": "text",
    "button": "text",
    "image": "media",
    "audio": "media",
    "voice": "media",
    "video": "media",
    "document": "media",
    "sticker": "media",
    "location": "location",
    "contact": "contact",
    "contacts": "contact",
    "reaction": "reaction",
    "edit": "edited",
    "edited": "edited",
    "unsupported": "unsupported",
    "revoke": "unsupported",
    "deleted": "unsupported",
}
_CARDS = frozenset({"text/vcard", "text/x-vcard", "text/directory"})


def base_urls(public_base_url: str) -> tuple[str, str]:
    """Return the address without and with its port, as Twilio may have signed either.

    Raises ValueError if it is not a plain http(s) address.
    """
    url = urlsplit(public_base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("PUBLIC_BASE_URL must be http(s)://host; write the address people reach")
    if url.username is not None or url.query or url.fragment:
        raise ValueError("PUBLIC_BASE_URL must have no user, query or fragment; remove them")
    if "_" in url.hostname:
        raise ValueError("PUBLIC_BASE_URL: Twilio calls no host with an underscore; rename it")
    path = url.path.rstrip("/")
    bare = url.netloc.removesuffix(f":{url.port}") if url.port else url.netloc
    port = url.port or (443 if url.scheme == "https" else 80)
    return f"{url.scheme}://{bare}{path}", f"{url.scheme}://{bare}:{port}{path}"


def algorithm_of(signature_settings: str | None) -> str:
    """Read `key=<id>,algorithm=HMAC_SHA256`; without the header it is the Auth Token's SHA-1."""
    for part in (signature_settings or "").split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def signed(
    urls: Iterable[str],
    pairs: Iterable[tuple[str, str]],
    keys: Iterable[bytes],
    signature: str | None,
    signature_settings: str | None = None,
) -> bool:
    """Whether the signature fits one of the URLs under one of the keys; never an exception.

    What Twilio signs: the URL, then every name with every distinct value of it, sorted; blank
    values count.
    """
    digest = _DIGESTS.get(algorithm_of(signature_settings))
    if not signature or digest is None:
        return False
    try:
        fields = "".join([name + value for name, value in sorted(set(pairs))]).encode()
        texts = [url.encode() + fields for url in urls]
        given = signature.encode()
    except UnicodeEncodeError:  # half a surrogate pair: Twilio cannot have signed that
        return False
    return any(
        hmac.compare_digest(base64.b64encode(hmac.digest(key, text, digest)), given)
        for key in keys
        for text in texts
    )


def read_inbound(form: Mapping[str, str]) -> Inbound | None:
    """Read the form of a message. None: it is a status callback or not from WhatsApp.

    Raises BadRequest if it has no message id or no address that we understand. Parameters that
    we do not know are accepted: Twilio adds some without notice.
    """
    if form.get("MessageStatus") or not form.get("From", "whatsapp:").startswith("whatsapp:"):
        return None
    sid = _message_sid(form)
    sender = form.get("To", "")
    if not sender.startswith("whatsapp:"):
        raise BadRequest("inbound form: To is not a WhatsApp sender; check the webhook's number")
    addresses = _addresses(form, "From")
    if not addresses:
        raise BadRequest("inbound form: From is neither a phone number nor a user id")
    option = _option(form)
    replied = form.get("OriginalRepliedMessageSid", "")
    opt_out = form.get("OptOutType", "").upper()
    text = form.get("ButtonText") or form.get("ListTitle") or form.get("Body", "")
    kind = "text" if option is not None else _kind(form)
    return Inbound(
        channel="twilio",
        sender=sender,
        sid=sid,
        addresses=addresses,
        text=text.replace("\x00", ""),
        option=option,
        reply_to=replied if _SID.fullmatch(replied) else None,
        kind=kind,
        opt_out=cast("Literal['STOP', 'START', 'HELP']", opt_out)
        if opt_out in ("STOP", "START", "HELP")
        else None,
        raw=dict(form),
        file=_document(form),
        place=coordinates(form.get("Latitude"), form.get("Longitude"))
        if kind == "location"
        else None,
        attached=_attached(form),
    )


def read_status(form: Mapping[str, str]) -> StatusEvent:
    """Read the form of a status callback; a status that is not listed has rank 0.

    Raises BadRequest if it has no message id or no status.
    """
    sid = _message_sid(form)
    status = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    if not status:
        raise BadRequest("status form: no MessageStatus; point Twilio's status callback here")
    return status_event(sid, status, form.get("ErrorCode"), _addresses(form, "To"))


def status_event(
    sid: str, status: str, error_code: object = None, addresses: tuple[Address, ...] = ()
) -> StatusEvent:
    """Give a status of Twilio's its rank. An error code that is no number is left out."""
    text = str(error_code) if error_code else ""
    code = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
    return StatusEvent(
        sid=sid,
        status=status,
        rank=_RANKS.get(status, 0),
        failed=status in _FAILED,
        error_code=code,
        addresses=addresses,
        outcome=delivery_outcome(code),
        known=known(code),
    )


def _message_sid(form: Mapping[str, str]) -> str:
    sid = form.get("MessageSid", "")
    if not _SID.fullmatch(sid):
        raise BadRequest("form: MessageSid must be SM or MM and 32 hexadecimal digits")
    return sid


def _addresses(form: Mapping[str, str], first: str) -> tuple[Address, ...]:
    """Return one address of each kind, the first-named field first.

    What contradicts an earlier field is left out: two addresses in one form make one person.
    """
    found: dict[AddressKind, Address] = {}
    for name in (first, "ExternalUserId", "ParentExternalUserId"):
        text = form.get(name, "")
        if text.startswith("whatsapp:"):
            try:
                address = Address.parse(text)
            except ValueError:  # a form of address that is newer than this program
                continue
            found.setdefault(address.kind, address)
    if "phone" not in found and first == "From":
        _add_wa_id(form.get("WaId", ""), found)
    return tuple(found.values())


def _add_wa_id(wa_id: str, found: dict[AddressKind, Address]) -> None:
    """Take the digits of WaId for a phone number, unless they only repeat a user id."""
    if any(address.value.endswith("." + wa_id) for address in found.values()):
        return
    try:
        found["phone"] = Address.parse(f"+{wa_id}")
    except ValueError:
        return


def _document(form: Mapping[str, str]) -> str | None:
    """Return the address of a file that is neither picture, sound nor film nor contact card."""
    mime = form.get("MediaContentType0", "").partition(";")[0].strip().lower()
    shown = mime.startswith(("image/", "audio/", "video/")) or mime in _CARDS
    return None if shown else form.get("MediaUrl0") or None


def _attached(form: Mapping[str, str]) -> InboundFile | None:
    """Return the file that came with a message; a contact card is none."""
    address = form.get("MediaUrl0")
    if not address or _kind(form) != "media":
        return None
    mime = form.get("MediaContentType0", "").partition(";")[0].strip().lower()
    return InboundFile(address, mime)


def _kind(form: Mapping[str, str]) -> Kind:
    media = form.get("NumMedia", "0")
    if media.isdecimal() and media.strip("0"):
        mime = form.get("MediaContentType0", "").partition(";")[0].strip().lower()
        return "contact" if mime in _CARDS else "media"
    known = _KINDS.get(form.get("MessageType", "").lower())
    if known is not None and known != "text":
        return known
    if form.get("Latitude") and form.get("Longitude"):
        return "location"
    if not form.get("Body") and not form.get("ButtonText") and not form.get("ListTitle"):
        return "unsupported"
    return "text"


def _option(form: Mapping[str, str]) -> str | None:
    """Return the id behind a tapped button or row, from the first field that has one."""
    plain = form.get("ButtonPayload") or form.get("ListId")
    if plain:
        return plain
    for name in ("InteractiveData", "ChannelMetadata"):
        text = form.get(name)
        if text:
            try:
                found = _find_option(json.loads(text), depth=6)
            except (ValueError, RecursionError):
                continue
            if found:
                return found
    return None


def _find_option(data: Any, depth: int) -> str | None:
    if depth == 0 or not isinstance(data, dict):
        return None
    for name in ("ButtonPayload", "ListId"):
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name])
    for name in ("button_reply", "list_reply"):
        reply = data.get(name)
        if isinstance(reply, dict) and isinstance(reply.get("id"), str) and reply["id"]:
            return str(reply["id"])
    for value in data.values():
        found = _find_option(value, depth - 1)
        if found:
            return found
    return None
