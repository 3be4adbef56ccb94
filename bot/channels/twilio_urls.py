"""The addresses that an operator sets in Twilio's console, with what Twilio shall do on a failure.

Twilio, "Connection overrides": what follows the `#` is not signed and not sent. By itself Twilio
tries again once, and only when it could not connect; a time-out or a 503 would lose the message to
all but the sweep over Twilio's list (`bot.interview.provider_log.missed`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.channels.twilio_forms import base_urls

INBOUND_PATH = "/whatsapp"

# Three tries of 4 seconds fit the 15 seconds that Twilio gives one message.
_FIRST = "ct=2000&rt=4000&tt=15000&rc=2&rp=ct,rt,5xx&e=singapore,ashburn"
# The last resort has 15 seconds of its own: it rather waits longer, and comes from elsewhere first.
_FALLBACK = "ct=5000&rt=10000&tt=15000&rc=1&rp=ct,5xx&e=ashburn,singapore"


@dataclass(frozen=True, slots=True)
class WebhookUrls:
    """What to set on the sender or its messaging service: both by POST."""

    inbound: str
    fallback: str


def webhook_urls(public_base_url: str, second_base_url: str | None = None) -> WebhookUrls:
    """Return the webhook and its fallback.

    Twilio calls the fallback, with the same form, when the first address failed to the end. With a
    second host that is the same route there (its processes have that address as their own
    PUBLIC_BASE_URL, and the same PostgreSQL); without one it is the same route here, which helps
    when the way to us was at fault, or a restart took some seconds. A message that was taken in
    before the failure is known by its id. Raises ValueError naming what is wrong with an address.
    """
    first = _plain(public_base_url)
    second = _plain(second_base_url) if second_base_url else first
    return WebhookUrls(
        f"{first}{INBOUND_PATH}#{_FIRST}",
        f"{second}{INBOUND_PATH}#{_FALLBACK}",
    )


def _plain(url: str) -> str:
    base_urls(url)  # raises
    return url.rstrip("/")
