"""Twilio's error codes and what follows from each, as data.

Source: Twilio's error dictionary and WhatsApp error-code mapping. Twilio may refine what a code
means, so a code that is not listed is final and never a reason to try for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.channels.base import Outcome

# What the API answered to a request (HTTP status 4xx or 5xx).
API_OUTCOMES: Mapping[int, Outcome] = MappingProxyType(
    {
        20003: "config",  # wrong credentials
        20404: "config",  # no such account or resource
        20429: "later",  # too many requests at once; never processed
        20500: "unknown",
        20503: "unknown",
        21201: "refused",  # no To
        21211: "refused",  # bad To
        21212: "config",  # bad From
        21408: "config",  # region not enabled
        21602: "refused",  # nothing to say
        21603: "config",  # no From
        21604: "refused",  # no To
        21606: "config",  # From cannot send
        21609: "config",  # bad StatusCallback
        21610: "opted_out",
        21611: "later",  # the sender's queue is full
        21614: "refused",  # To cannot receive
        21617: "refused",  # longer than 1600 characters
        21619: "refused",  # no body, media or content
        21620: "refused",  # bad media URL
        21654: "refused",  # ContentVariables without ContentSid
        21655: "config",  # no such ContentSid
        21656: "refused",  # bad ContentVariables
        21660: "config",  # content type not possible on this channel
        21701: "config",  # no such messaging service
        21703: "config",  # the messaging service has no sender
        21704: "config",  # the messaging service has no sender for this person
        21910: "config",  # From and To are of different channels
        30001: "later",  # queue overflow
        30002: "config",  # account suspended
        35114: "refused",  # SendAt: four codes that only scheduled messages get
        35115: "refused",
        35117: "refused",
        35125: "later",  # too many are scheduled
        63007: "config",  # From is not a channel of ours
        92002: "config",  # content is incomplete
        92007: "config",  # content is invalid
    }
)

# What a status callback with `failed` or `undelivered` says.
DELIVERY_OUTCOMES: Mapping[int, Outcome] = MappingProxyType(
    {
        21610: "opted_out",
        30001: "later",
        30002: "config",
        30003: "refused",
        30004: "refused",
        30005: "refused",
        30006: "refused",
        30007: "refused",
        30008: "later_once",
        30036: "later",  # waited too long in Twilio's queue
        30410: "later",
        63001: "config",
        63002: "config",
        63003: "refused",  # not a WhatsApp address
        63005: "refused",
        63006: "refused",
        63007: "config",
        63008: "config",
        63009: "later",
        63010: "later",
        63012: "later",
        63013: "refused",
        63014: "opted_out",  # blocked by the person
        63015: "refused",  # has not joined the sandbox
        63016: "resend_as_template",
        63017: "later",
        63018: "later",
        63019: "refused",  # media
        63020: "config",
        63021: "refused",
        63024: "refused",  # no WhatsApp, old terms or old client
        63027: "template",  # template or language does not exist
        63028: "template",  # wrong number of parameters
        63030: "refused",
        63032: "refused",  # in an experiment of Meta's
        63033: "opted_out",  # stopped our marketing
        63034: "refused",  # media
        63037: "later",
        63038: "pause",  # the account's daily cap
        63040: "template",  # rejected
        63041: "template",  # paused
        63042: "template",  # disabled
        63043: "refused",  # media, up to 63047
        63044: "refused",
        63045: "refused",
        63047: "refused",
        63049: "later_once",  # Meta chose not to deliver marketing
        63051: "config",  # sender locked
        63112: "config",
    }
)


def delivery_outcome(code: int | None) -> Outcome:
    """Return what to do about a message that Twilio accepted and could not deliver."""
    return DELIVERY_OUTCOMES.get(code, "refused") if code is not None else "refused"


def known(code: int | None) -> bool:
    """Whether a code stands in one of the tables; one that does not is final, and reported."""
    return code is None or code in API_OUTCOMES or code in DELIVERY_OUTCOMES


def send_outcome(status: int, code: int | None) -> Outcome:
    """Return what a refused `POST Messages` means, from its HTTP status and Twilio's code.

    A POST is not idempotent: after 5xx, 408 or a redirect it may have been carried out, whatever
    the code says. Only 20429 is certain to come before any work.
    """
    if status == 429 or code == 20429:
        return "later"
    if status >= 500 or status < 400 or status == 408:
        return "unknown"
    if code is not None and code in API_OUTCOMES:
        return API_OUTCOMES[code]
    if code is not None and code in DELIVERY_OUTCOMES:
        return DELIVERY_OUTCOMES[code]
    return "config" if status in (401, 403, 404) else "refused"
