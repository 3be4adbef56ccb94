"""The account side of the fake Twilio: the account itself, its senders and messaging services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.fake_twilio_rules import Refusal

if TYPE_CHECKING:
    from tests.fake_twilio import FakeTwilio

ONLINE = "ONLINE"
# Statuses of a sender in Twilio's OpenAPI description of messaging v2.
STATUSES = (
    *("CREATING", "ONLINE", "OFFLINE", "PENDING_VERIFICATION", "VERIFYING", "ONLINE:UPDATING"),
    *("TWILIO_REVIEW", "DRAFT", "STUBBED"),
)


@dataclass
class Sender:
    """One WhatsApp sender as the Senders API tells it."""

    sender_id: str
    status: str = ONLINE
    callback_url: str | None = None
    callback_method: str | None = "POST"
    fallback_url: str | None = None
    quality_rating: str | None = "HIGH"
    messaging_limit: str | None = "250 Customers/24hr"
    offline_reasons: list[dict[str, str]] | None = None


@dataclass
class Service:
    """One messaging service; new ones defer to nobody's webhook and have none themselves."""

    inbound_request_url: str | None = None
    inbound_method: str = "POST"
    fallback_url: str | None = None
    use_inbound_webhook_on_number: bool = False
    senders: list[str] = field(default_factory=list)


def host_of(path: str) -> str:
    """Return the host of Twilio's on which a path lives."""
    if path.startswith(("/v1/Services", "/v2/Channels")):
        return "messaging.twilio.com"
    return "content.twilio.com" if path.startswith(("/v1/", "/v2/")) else "api.twilio.com"


def account_api(twilio: FakeTwilio, path: str, query: str) -> dict[str, Any] | None:
    """Answer a GET for the account, its senders or services; None for any other path."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if path == f"/2010-04-01/Accounts/{twilio.account_sid}.json":
        _only(asked)
        return _account(twilio)
    if path == "/v2/Channels/Senders":
        _only(asked, "Channel", "PageSize", "Page", "PageToken")
        if asked.get("Channel") not in ("whatsapp", "rcs"):
            raise Refusal(400, 20001, "Channel must be whatsapp or rcs")
        found = twilio.senders if asked["Channel"] == "whatsapp" else []
        return _page(path, "senders", [_sender(number, one) for number, one in enumerate(found)])
    service = f"/v1/Services/{twilio.messaging_service_sid}"
    if path == service:
        _only(asked)
        return _service(twilio)
    if path == f"{service}/ChannelSenders":
        _only(asked, "PageSize", "Page", "PageToken")
        return _page(path, "senders", _members(twilio))
    return None


def _only(asked: Mapping[str, str], *names: str) -> None:
    if unknown := sorted(asked.keys() - set(names)):
        raise Refusal(400, 20001, f"Unknown parameters {unknown}")


def _account(twilio: FakeTwilio) -> dict[str, Any]:
    return {
        "sid": twilio.account_sid,
        "owner_account_sid": twilio.account_sid,
        "friendly_name": "Contoh",
        "auth_token": twilio.auth_token,
        "status": twilio.account_status,
        "type": twilio.account_type,
        "date_created": "Thu, 30 Jul 2015 20:00:00 +0000",
        "date_updated": "Thu, 30 Jul 2015 20:00:00 +0000",
        "subresource_uris": {},
        "uri": f"/2010-04-01/Accounts/{twilio.account_sid}.json",
    }


def _sender(number: int, sender: Sender) -> dict[str, Any]:
    assert sender.status in STATUSES, sender.status
    sid = f"XE{number + 1:032x}"
    return {
        "sid": sid,
        "status": sender.status,
        "sender_id": sender.sender_id,
        "configuration": {"waba_id": "100000000000001"},
        "webhook": {
            "callback_url": sender.callback_url,
            "callback_method": sender.callback_method,
            "fallback_url": sender.fallback_url,
            "fallback_method": "POST",
            "status_callback_url": None,
            "status_callback_method": "POST",
        },
        "profile": {"name": "Kota Contoh"},
        "properties": {
            "quality_rating": sender.quality_rating,
            "messaging_limit": sender.messaging_limit,
        },
        "offline_reasons": sender.offline_reasons,
        "compliance": None,
        "url": f"https://messaging.twilio.com/v2/Channels/Senders/{sid}",
    }


def _service(twilio: FakeTwilio) -> dict[str, Any]:
    service, sid = twilio.service, twilio.messaging_service_sid
    return {
        "sid": sid,
        "account_sid": twilio.account_sid,
        "friendly_name": "Survei",
        "inbound_request_url": service.inbound_request_url,
        "inbound_method": service.inbound_method,
        "fallback_url": service.fallback_url,
        "fallback_method": "POST",
        "status_callback": None,
        "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
        "date_created": "2015-07-30T20:12:31Z",
        "date_updated": "2015-07-30T20:12:33Z",
        "url": f"https://messaging.twilio.com/v1/Services/{sid}",
        "links": {},
    }


def _members(twilio: FakeTwilio) -> list[dict[str, Any]]:
    return [
        {
            "account_sid": twilio.account_sid,
            "messaging_service_sid": twilio.messaging_service_sid,
            "sid": f"XE{number + 1:032x}",
            "sender": sender,
            "sender_type": "WhatsApp" if sender.startswith("whatsapp:") else "RCS",
            "country_code": "ID",
            "date_created": "2023-07-30T20:12:31Z",
            "date_updated": "2023-07-30T20:12:33Z",
            "url": f"https://messaging.twilio.com/v1/Services/{twilio.messaging_service_sid}",
        }
        for number, sender in enumerate(twilio.service.senders)
    ]


def _page(path: str, key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    url = f"https://messaging.twilio.com{path}?PageSize=50&Page=0"
    meta = {"page": 0, "page_size": 50, "key": key, "url": url, "first_page_url": url}
    return {key: items, "meta": meta | {"next_page_url": None, "previous_page_url": None}}
