"""An independent mock of Twilio's REST API, made from Twilio's own OpenAPI specifications.

It knows nothing of our code and nothing of our stand-in (tests/fake_twilio.py): host, path, method,
content type, authentication, parameters, types, patterns and lengths are judged by a library of
others over the published specifications, and what is asked for beyond them is refused. What it
answers is held to them too.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest
from openapi_core.testing import MockResponse
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

FOLDER = Path(__file__).parent / "data" / "twilio-openapi"
ACCOUNT = "AC" + "1" * 32
SERVICE = "MG" + "2" * 32
MESSAGE = "SM" + "3" * 32
CONTENT = "HX" + "4" * 32
AT = "Tue, 24 Nov 2026 03:00:00 +0000"
_META = {"page": 0, "page_size": 50, "next_page_url": None, "previous_page_url": None}
_MESSAGE: Mapping[str, Any] = {
    "account_sid": ACCOUNT,
    "api_version": "2010-04-01",
    "body": "halo",
    "date_created": AT,
    "date_sent": AT,
    "date_updated": AT,
    "direction": "outbound-api",
    "error_code": None,
    "error_message": None,
    "from": "whatsapp:+6281200000999",
    "messaging_service_sid": None,
    "num_media": "0",
    "num_segments": "1",
    "price": None,
    "price_unit": None,
    "sid": MESSAGE,
    "status": "queued",
    "subresource_uris": {},
    "to": "whatsapp:+6281200000001",
    "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{MESSAGE}.json",
}
_CONTENT: Mapping[str, Any] = {
    "sid": CONTENT,
    "account_sid": ACCOUNT,
    "friendly_name": "ajakan",
    "language": "id",
    "variables": {},
    "types": {"twilio/text": {"body": "halo"}},
    "date_created": "2026-11-24T03:00:00Z",
    "date_updated": "2026-11-24T03:00:00Z",
    "url": f"https://content.twilio.com/v1/Content/{CONTENT}",
    "links": {},
}
_APPROVAL: Mapping[str, Any] = {
    "name": "ajakan",
    "category": "UTILITY",
    "content_type": "twilio/text",
    "status": "received",
    "rejection_reason": "",
    "allow_category_change": True,
}
# The specifications' own words for these formats: E.164 or "a channel address"; a URL with a host
# in which "underscores are not allowed".
_NUMBER = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}|whatsapp:[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_FORMATS: Mapping[str, Callable[[Any], bool]] = {
    "phone-number": lambda text: bool(_NUMBER.fullmatch(text)),
    "uri": lambda text: bool(re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?(/\S*)?", text)),
}
_CONFIG = Config(
    extra_format_validators=dict(_FORMATS),
    extra_format_unmarshallers=dict.fromkeys(_FORMATS, str),
)
# What each operation answers: HTTP status and body.
ANSWERS: Mapping[str, tuple[int, Any]] = {
    "CreateMessage": (201, _MESSAGE),
    "ListMessage": (
        200,
        {
            "messages": [_MESSAGE],
            "page": 0,
            "page_size": 50,
            "start": 0,
            "end": 0,
            "next_page_uri": None,
            "previous_page_uri": None,
            "first_page_uri": "https://api.twilio.com/",
            "uri": "https://api.twilio.com/",
        },
    ),
    "CreateContent": (201, _CONTENT),
    "ListContent": (200, {"contents": [_CONTENT], "meta": {**_META, "key": "contents"}}),
    "DeleteContent": (204, None),
    "FetchApprovalFetch": (
        200,
        {"sid": CONTENT, "account_sid": ACCOUNT, "whatsapp": _APPROVAL, "url": None},
    ),
    "CreateApprovalCreate": (201, _APPROVAL),
    "FetchAccount": (
        200,
        {"sid": ACCOUNT, "status": "active", "type": "Full", "date_created": AT},
    ),
    "ListChannelsSender": (
        200,
        {
            "senders": [
                {
                    "sid": "XE" + "5" * 32,
                    "sender_id": "whatsapp:+6281200000999",
                    "status": "ONLINE",
                    "webhook": {"callback_url": "https://x.test/", "callback_method": "POST"},
                    "properties": {
                        "quality_rating": "HIGH",
                        "messaging_limit": "10K Customers/24hr",
                    },
                }
            ],
            "meta": {**_META, "key": "senders"},
        },
    ),
    "FetchService": (
        200,
        {
            "sid": SERVICE,
            "inbound_request_url": "https://x.test/",
            "inbound_method": "POST",
            "use_inbound_webhook_on_number": False,
            "fallback_url": None,
        },
    ),
    "ListChannelSender": (
        200,
        {
            "senders": [{"sid": "XE" + "5" * 32, "sender": "whatsapp:+6281200000999"}],
            "meta": {**_META, "key": "senders"},
        },
    ),
}


@cache
def specifications() -> Mapping[str, tuple[OpenAPI, Mapping[str, Any]]]:
    """Return the specifications by file: as the library reads them, and as they are written."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        written = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = (OpenAPI.from_dict(written, config=_CONFIG), written)
    return found


@dataclass(frozen=True)
class Asked:
    """One request that the specifications allow."""

    operation: str
    parameters: Mapping[str, Any]
    body: Any


class OpenApiMock:
    """Twilio as its specifications describe it, served on loopback while it is entered."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        self._server = make_server(
            "127.0.0.1", 0, self._application, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> OpenApiMock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def base_url(self) -> str:
        """Return the address to use instead of Twilio's."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _application(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        host = environ.get("HTTP_X_ORIGINAL_HOST", "")
        request = Request(environ | {"HTTP_HOST": host, "wsgi.url_scheme": "https"})
        try:
            status, body = self._answer(request)
        except Refused as refused:
            self.refused.append(str(refused))
            status, body = 400, {"code": 20001, "message": str(refused), "status": 400}
        text = "" if body is None else json.dumps(body)
        return Response(text, status, content_type="application/json")(environ, start)

    def _answer(self, request: Request) -> tuple[int, Any]:
        api, operation = _operation(request)
        asked = WerkzeugOpenAPIRequest(request)
        result = api.unmarshal_request(asked)
        if result.errors:
            reasons = [str(getattr(e.__cause__, "schema_errors", e)) for e in result.errors]
            raise Refused(f"{operation['operationId']}: {reasons}")
        _refuse_unknown(operation, request)
        name = operation["operationId"]
        status, body = ANSWERS[name]
        if body is not None:
            answer = MockResponse(json.dumps(body).encode(), status)
            wrong = api.unmarshal_response(asked, answer).errors
            assert not wrong, f"the mock's own answer to {name}: {wrong}"
        parameters = {**result.parameters.path, **result.parameters.query}
        self.asked.append(Asked(name, parameters, result.body))
        return status, body


class Refused(Exception):
    """The specifications do not allow this request."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


def wrong_with(method: str, url: str, sent: Mapping[str, Any], status: int, body: Any) -> list[str]:
    """Judge an answer of somebody else's: what the specification finds wrong with it.

    `sent` are the request's `data`, `json` or `query_string`.
    """
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    built = EnvironBuilder(path=parts.path, method=method, base_url=host, **sent)
    request = Request(built.get_environ())
    api, operation = _operation(request)
    raw = b"" if body is None else json.dumps(body).encode()
    judged = api.unmarshal_response(WerkzeugOpenAPIRequest(request), MockResponse(raw, status))
    name = operation["operationId"]
    return [f"{name}: {getattr(e.__cause__, 'schema_errors', e)}" for e in judged.errors]


def _operation(request: Request) -> tuple[OpenAPI, Mapping[str, Any]]:
    """Find what is asked for, by host, path and method together."""
    for api, written in specifications().values():
        for template, item in written["paths"].items():
            pattern = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
            pattern = re.sub(r"\{\w+\}", "[^/]+", pattern)
            host = item["servers"][0]["url"].removeprefix("https://")
            if host == request.host and re.fullmatch(pattern, request.path):
                operation = item.get(request.method.lower())
                if operation is not None:
                    return api, operation
    raise Refused(f"no operation {request.method} {request.url}")


def _refuse_unknown(operation: Mapping[str, Any], request: Request) -> None:
    """Refuse what the specification does not name: OpenAPI itself lets it pass."""
    named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    given = [name for name, _ in parse_qsl(request.query_string.decode(), keep_blank_values=True)]
    if len(given) != len(set(given)):
        raise Refused(f"{operation['operationId']}: a query parameter is given twice")
    content = operation.get("requestBody", {}).get("content", {})
    sort = request.mimetype
    if sort in content and sort == "application/x-www-form-urlencoded":
        fields = parse_qsl(request.get_data(as_text=True), keep_blank_values=True)
        schema = content[sort]["schema"]["properties"]
        given += [name for name, _ in fields]
        named |= schema.keys()
        lists = {name for name, part in schema.items() if part.get("type") == "array"}
        single = [name for name, _ in fields if name not in lists]
        if len(single) != len(set(single)):
            raise Refused(f"{operation['operationId']}: a parameter is given twice")
    elif not content and request.get_data():
        raise Refused(f"{operation['operationId']}: takes no body")
    if unknown := sorted(set(given) - named):
        raise Refused(f"{operation['operationId']}: unknown parameters {unknown}")
