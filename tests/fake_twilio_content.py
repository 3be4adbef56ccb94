"""The Content API of the fake Twilio: templates with buttons and lists, and their approval."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
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


def shown(content: Content, variables: Mapping[str, str]) -> bool:
    """Whether WhatsApp shows a content within a conversation: what is not approved has its limits
    of reply buttons, and all have those of texts once they are filled."""
    body, options = rendered(content, variables)
    if not options:
        return True
    approved = content.approval["status"] == "approved"
    row = options[0].row
    most, chars = (10, 24) if row else (10, 25) if approved else (3, 20)
    return (
        length(body) <= 1024
        and len(options) <= most
        and len({option.title for option in options}) == len(options)
        and len({option.id for option in options}) == len(options)
        and all(0 < length(o.title) <= chars and 0 < len(o.id) <= 200 for o in options)
    )


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
                if content.approval["status"] != "unsubmitted":
                    block(twilio, content)
                del twilio.contents[content.sid]
                return 204, None
            case "GET", ["ApprovalRequests"]:
                owner = {"sid": content.sid, "account_sid": twilio.account_sid}
                url = f"https://content.twilio.com/v1/Content/{content.sid}/ApprovalRequests"
                return 200, owner | {"whatsapp": content.approval, "url": url}
            case "POST", ["ApprovalRequests", "whatsapp"]:
                return 201, _submitted(twilio, content, json.loads(body))
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
        if not 0 < length(item.get("description") or "") <= 72:
            raise Refusal(400, 92007, "an item has a description of up to 72 characters")
    if kind == "twilio/list-picker" and not 0 < length(data.get("button") or "") <= 20:
        raise Refusal(400, 92007, "a list has a button of up to 20 characters")
    for action in data.get("actions", ()):
        if not 0 < length(action["title"]) <= 25:
            raise Refusal(400, 92007, "a button has up to 25 characters")
        if kind == "twilio/quick-reply" and not 0 < len(action.get("id") or "") <= 200:
            raise Refusal(400, 92007, "a button has an id of up to 200 characters")
    name = asked.get("friendly_name") or ""
    made = Content(twilio.content_id(), name, asked["language"], variables, types)
    twilio.contents[made.sid] = made
    return made


def _submitted(twilio: FakeTwilio, content: Content, asked: Mapping[str, Any]) -> dict[str, Any]:
    if content.session_only:
        raise Refusal(400, 92007, "list-picker content cannot be approved")
    if content.approval["status"] != "unsubmitted":
        raise Refusal(409, 92009, "This content was submitted before")
    name = str(asked.get("name", ""))
    if not re.fullmatch(r"[a-z0-9_]{1,512}", name):
        raise Refusal(400, 92007, "name must be lower-case letters, digits and underscores")
    if asked.get("category") not in ("UTILITY", "MARKETING", "AUTHENTICATION"):
        raise Refusal(400, 92007, "category must be UTILITY, MARKETING or AUTHENTICATION")
    others = [
        one
        for one in twilio.contents.values()
        if one is not content
        and one.language == content.language
        and one.approval["status"] not in ("unsubmitted", "rejected")
    ]
    until = twilio.blocked_names.get((name, content.language))
    if until is not None and twilio.clock() < until:
        raise Refusal(400, 92007, f"the name {name} was rejected or deleted within 30 days")
    if any(one.approval.get("name") == name for one in others):
        raise Refusal(400, 92007, f"there is another template {name}")
    if (fault := _meta_finds(content)) is not None:
        raise Refusal(400, 92007, fault)
    doubled = any(body_of(one) == body_of(content) for one in others)
    content.approval = {
        "type": "whatsapp",
        "name": name,
        "category": asked["category"],
        "content_type": next(iter(content.types)),
        "status": "rejected" if doubled else "received",
        "rejection_reason": "The words are those of another template" if doubled else "",
        "allow_category_change": True,
    }
    return content.approval


def body_of(content: Content) -> str:
    """Return the body of a content before anything is filled in."""
    return str(next(iter(content.types.values()))["body"])


def block(twilio: FakeTwilio, content: Content) -> None:
    """Keep the name of a rejected or deleted template from being used for 30 days."""
    name = content.approval.get("name")
    if name is not None:
        until = twilio.clock() + timedelta(days=30)
        twilio.blocked_names[name, content.language] = until


# What WhatsApp does to a template, from which state on.
_NEXT: Mapping[str, tuple[str, ...]] = {
    "received": ("pending", "approved", "rejected"),
    "pending": ("approved", "rejected"),
    "approved": ("approved", "paused", "disabled", "rejected"),
    "paused": ("approved", "disabled"),
}


def judge(
    twilio: FakeTwilio, content: Content, status: str, reason: str, category: str | None
) -> None:
    """Let WhatsApp decide on a template, perhaps of another category than was asked for."""
    before = content.approval["status"]
    assert status in _NEXT.get(before, ()), f"WhatsApp never makes {before} {status}"
    content.approval = content.approval | {"status": status, "rejection_reason": reason}
    if category is not None:
        content.approval["category"] = category
    if status == "rejected":
        block(twilio, content)


_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")


def _meta_finds(content: Content) -> str | None:
    """Say what of Meta's rules for templates a content breaks (its guidelines for templates)."""
    body = body_of(content)
    found = _VARIABLE.findall(body)
    count = len(found)
    if found != [str(number) for number in range(1, count + 1)]:
        return "variables must be {{1}}, {{2}} and so on, in this order"
    if not content.variables.keys() >= set(found):
        return "every variable needs a sample"
    if any(re.search(r"[\n\r\t]| {4}", sample) for sample in content.variables.values()):
        return "a sample has a line break, a tab or four spaces"
    if re.match(r"\W*\{\{", body) or re.search(r"\}\}\W*$", body):
        return "a variable may not stand first or last"
    if re.search(r"\}\}\s*\{\{", body):
        return "variables may not stand side by side"
    if re.match(r"\W*\w+\s*:\W*\{\{", body):
        return "a label before a variable says nothing"
    if count and len(re.findall(r"\w+", _VARIABLE.sub(" ", body))) < 2 * count + 1:
        return "too many variables for its length"
    if length(body) > 1024:
        return "a template's body may have 1024 characters"
    titles = [one["title"] for one in next(iter(content.types.values())).get("actions", ())]
    if len(titles) != len({title.casefold() for title in titles}):
        return "two buttons have the same words"
    if any(re.search(r"[\n*_~{}]|[^\u0000-\u2fff]", title) for title in titles):
        return "a button may have no emoji, line break, formatting or variable"
    return None


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
