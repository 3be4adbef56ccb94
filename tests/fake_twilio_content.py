"""The Content API of the fake Twilio: templates with buttons and lists, and their approval."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from tests.fake_twilio_rules import Option, Refusal, length

if TYPE_CHECKING:
    from tests.fake_twilio import FakeTwilio

_NAME = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# The limits of Twilio's Content types: (field, most items) of what can be tapped.
_TYPES: Mapping[str, tuple[str, int]] = {
    "twilio/text": ("", 0),
    "twilio/quick-reply": ("actions", 10),
    "twilio/list-picker": ("items", 10),
    "twilio/call-to-action": ("actions", 3),
}


@dataclass
class Content:
    """One item of the Content API; `names` are the variables in its texts."""

    sid: str
    friendly_name: str
    language: str
    variables: dict[str, str]
    types: dict[str, Any]
    approval: dict[str, Any] = field(default_factory=lambda: {"status": "unsubmitted"})

    @property
    def names(self) -> set[str]:
        """Return the names that a message must give a value to."""
        return set(_NAME.findall(json.dumps(self.types)))

    @property
    def session_only(self) -> bool:
        """Whether WhatsApp never approves this: lists open only in a conversation."""
        return "twilio/list-picker" in self.types


def rendered(content: Content, variables: Mapping[str, str]) -> tuple[str, tuple[Option, ...]]:
    """Return the text that a person sees and what there is to tap."""

    def fill(text: str) -> str:
        return _NAME.sub(lambda match: variables.get(match[1], match[0]), text)

    kind, data = next(iter(content.types.items()))
    if kind == "twilio/list-picker":
        found = [Option(fill(item["id"]), fill(item["item"]), row=True) for item in data["items"]]
    else:
        found = [
            Option(fill(action["id"]), fill(action["title"]))
            for action in data.get("actions", ())
            if "id" in action
        ]
    return fill(data["body"]), tuple(found)


def answer(twilio: FakeTwilio, method: str, rest: list[str], body: bytes) -> tuple[int, Any]:
    """Answer for /v1/Content and what lies below it."""
    if not rest:
        if method == "POST":
            return 201, _content_json(twilio, _made(twilio, json.loads(body)))
        listed = [_content_json(twilio, content) for content in twilio.contents.values()]
        url = "https://content.twilio.com/v1/Content?PageSize=500&Page=0"
        meta = {"page": 0, "page_size": 500, "key": "contents", "url": url}
        pages = {"first_page_url": url, "previous_page_url": None, "next_page_url": None}
        return 200, {"contents": listed, "meta": meta | pages}
    content = twilio.contents.get(rest[0])
    if content is not None:
        match method, rest[1:]:
            case "GET", []:
                return 200, _content_json(twilio, content)
            case "DELETE", []:
                del twilio.contents[content.sid]
                return 204, None
            case "GET", ["ApprovalRequests"]:
                owner = {"sid": content.sid, "account_sid": twilio.account_sid}
                url = f"https://content.twilio.com/v1/Content/{content.sid}/ApprovalRequests"
                return 200, owner | {"whatsapp": content.approval, "url": url}
            case "POST", ["ApprovalRequests", "whatsapp"]:
                return 201, _submitted(content, json.loads(body))
    raise Refusal(404, 20404, f"The requested resource /v1/Content/{'/'.join(rest)} was not found")


def _made(twilio: FakeTwilio, asked: dict[str, Any]) -> Content:
    types, variables = asked.get("types"), asked.get("variables") or {}
    if not isinstance(types, dict) or len(types) != 1 or not types.keys() <= _TYPES.keys():
        raise Refusal(400, 92002, f"types must name one of {sorted(_TYPES)}")
    if not asked.get("language"):
        raise Refusal(400, 92002, "language is required")
    if not all(isinstance(value, str) and value for value in variables.values()):
        raise Refusal(400, 92007, "variables must be texts, and none of them empty")
    (kind, data) = next(iter(types.items()))
    tappable, most = _TYPES[kind]
    limit = 1600 if kind == "twilio/text" else 1024
    if not data.get("body") or length(data["body"]) > limit:
        raise Refusal(400, 92007, f"body must have 1 to {limit} characters")
    if tappable and not 1 <= len(data.get(tappable) or ()) <= most:
        raise Refusal(400, 92007, f"{kind} must have 1 to {most} {tappable}")
    for item in data.get("items", ()):
        if not 0 < length(item["item"]) <= 24 or not 0 < len(item["id"]) <= 200:
            raise Refusal(400, 92007, "an item has up to 24 characters and an id of up to 200")
    for action in data.get("actions", ()):
        if not 0 < length(action["title"]) <= 25:
            raise Refusal(400, 92007, "a button has up to 25 characters")
    name = asked.get("friendly_name") or ""
    made = Content(f"HX{uuid.uuid4().hex}", name, asked["language"], variables, types)
    twilio.contents[made.sid] = made
    return made


def _submitted(content: Content, asked: Mapping[str, Any]) -> dict[str, Any]:
    if content.session_only:
        raise Refusal(400, 92007, "list-picker content cannot be approved")
    if content.approval["status"] != "unsubmitted":
        raise Refusal(409, 92009, "This content was submitted before")
    if not re.fullmatch(r"[a-z0-9_]{1,512}", str(asked.get("name", ""))):
        raise Refusal(400, 92007, "name must be lower-case letters, digits and underscores")
    if asked.get("category") not in ("UTILITY", "MARKETING", "AUTHENTICATION"):
        raise Refusal(400, 92007, "category must be UTILITY, MARKETING or AUTHENTICATION")
    content.approval = {
        "type": "whatsapp",
        "name": asked["name"],
        "category": asked["category"],
        "content_type": next(iter(content.types)),
        "status": "received",
        "rejection_reason": "",
        "allow_category_change": True,
    }
    return content.approval


def _content_json(twilio: FakeTwilio, content: Content) -> dict[str, Any]:
    url = f"https://content.twilio.com/v1/Content/{content.sid}"
    at = twilio.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "sid": content.sid,
        "account_sid": twilio.account_sid,
        "friendly_name": content.friendly_name,
        "language": content.language,
        "variables": content.variables,
        "types": content.types,
        "date_created": at,
        "date_updated": at,
        "url": url,
        "links": {
            "approval_fetch": f"{url}/ApprovalRequests",
            "approval_create": f"{url}/ApprovalRequests/whatsapp",
        },
    }
