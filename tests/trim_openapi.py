"""Makes tests/data/twilio-openapi from Twilio's published specifications.

    npm pack @twilio/cli-core && tar xzf twilio-cli-core-*.tgz
    python -m tests.trim_openapi package/src/services/twilio-api

Only operations that Tautan uses are kept, with the schemas they need, whole: what may be asked and
what is answered is not touched. Words for people, examples and headers are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data" / "twilio-openapi"
USED: dict[str, dict[str, tuple[str, ...]]] = {
    "twilio_api_v2010": {
        "/2010-04-01/Accounts/{Sid}.json": ("get",),
        "/2010-04-01/Accounts/{AccountSid}/Messages.json": ("get", "post"),
        "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json": ("get", "post", "delete"),
    },
    "twilio_content_v1": {
        "/v1/Content": ("get", "post"),
        "/v1/Content/{Sid}": ("get", "delete"),
        "/v1/Content/{Sid}/ApprovalRequests": ("get",),
        "/v1/Content/{ContentSid}/ApprovalRequests/whatsapp": ("post",),
        "/v1/ContentAndApprovals": ("get",),
    },
    "twilio_messaging_v1": {
        "/v1/Services/{Sid}": ("get",),
        "/v1/Services/{MessagingServiceSid}/ChannelSenders": ("get",),
    },
    "twilio_messaging_v2": {"/v2/Channels/Senders": ("get",)},
}
_WORDS = {"description", "summary", "tags", "example", "examples", "x-twilio", "headers", "title"}


def trimmed(spec: dict[str, Any], used: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return a specification of these operations alone."""
    paths = {
        path: {key: spec["paths"][path][key] for key in ("servers", *methods)}
        for path, methods in used.items()
    }
    wanted: dict[str, Any] = {}
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted[name] = spec["components"]["schemas"][name]
            waiting += _references(wanted[name])
    return {
        "openapi": spec["openapi"],
        "info": spec["info"],
        "servers": spec["servers"],
        "paths": _without_words(paths),
        "components": {
            "schemas": {name: _without_words(wanted[name]) for name in sorted(wanted)},
            "securitySchemes": spec["components"]["securitySchemes"],
        },
    }


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str) and "/examples/" not in part["$ref"]:
            yield part["$ref"].removeprefix("#/components/schemas/")
        for key, value in part.items():
            if key not in _WORDS or key == "title":
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _without_words(part: Any, *, names: bool = False) -> Any:
    """Leave words for people out, but never a property that has such a name."""
    if isinstance(part, list):
        return [_without_words(value) for value in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: _without_words(value, names=key == "properties" and not names)
        for key, value in part.items()
        if names or key not in _WORDS
    }
    for response in kept.get("responses", {}).values():
        response["description"] = ""  # it must have one
    return kept


def main(source: str) -> None:
    """Write all of them."""
    for name, used in USED.items():
        spec = json.loads((Path(source) / f"{name}.json").read_text(encoding="utf-8"))
        text = json.dumps(trimmed(spec, used), indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
