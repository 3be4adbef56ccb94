"""Meta's error codes and what follows from each, as data.

Source: Meta's page "Error codes" of the WhatsApp Business Platform. The same codes come in the
answer to a request and, later, with a `failed` status. A code that is not listed is final and never
a reason to try for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.channels.base import Outcome

DELIVERY_OUTCOMES: Mapping[int, Outcome] = MappingProxyType(
    {
        0: "config",  # the token is invalid or expired
        1: "later",  # unknown fault of Meta's
        2: "later",  # Meta is down or overloaded
        3: "config",  # capability or permission missing
        4: "later",  # the app asks too often
        10: "config",  # permission denied
        33: "config",  # the business phone number was deleted
        190: "config",  # the token has expired
        368: "config",  # blocked for a breach of policy
        80007: "later",  # the WhatsApp business account asks too often
        130429: "later",  # throughput
        130472: "refused",  # in an experiment of Meta's
        130497: "refused",  # this country may not be written to
        131000: "later",  # something went wrong at Meta's
        131005: "config",  # access denied
        131008: "refused",  # a parameter is missing
        131009: "refused",  # a parameter is not valid
        131016: "later",  # service unavailable
        131021: "refused",  # to ourselves
        131026: "refused",  # no WhatsApp, old terms or old client
        131031: "config",  # account locked
        131037: "config",  # the number has no approved display name
        131042: "config",  # no way to pay
        131045: "config",  # the number's certificate
        131047: "resend_as_template",  # the 24-hour window is shut
        131048: "later",  # limited for spam
        131049: "later_once",  # Meta chose not to deliver marketing
        131050: "opted_out",  # stopped our marketing
        131051: "refused",  # unsupported type of message
        131052: "refused",  # media
        131053: "refused",
        131056: "later",  # too many to this person
        131057: "later",  # account in maintenance
        131062: "refused",  # not possible with a user id
        132000: "template",  # wrong number of parameters
        132001: "template",  # no such name or language
        132005: "template",  # too long once filled
        132007: "template",  # breaks a policy
        132012: "template",  # wrong form of a parameter
        132015: "template",  # paused
        132016: "template",  # disabled
        132018: "template",  # its buttons are others
        133004: "later",  # server unavailable
        133010: "config",  # the number is not registered
        135000: "refused",  # unknown fault of the request
    }
)

# With these a request may have been carried out: sending again could say it twice.
_UNCERTAIN = frozenset({1, 2, 131000, 131016, 133004})

_INVALID_PARAMETER, _NO_SUCH_OBJECT = 100, 33


def delivery_outcome(code: int | None) -> Outcome:
    """Return what to do about a message that Meta accepted and could not deliver."""
    if code is not None and 200 <= code <= 299:
        return "config"  # a permission was taken away
    return DELIVERY_OUTCOMES.get(code, "refused") if code is not None else "refused"


def known(code: int | None) -> bool:
    """Whether a code stands in the table; one that does not is final, and reported."""
    return code is None or 200 <= code <= 299 or code in {*DELIVERY_OUTCOMES, _INVALID_PARAMETER}


def send_outcome(status: int, code: int | None, subcode: int | None = None) -> Outcome:
    """Return what a refused `POST messages` means, from its HTTP status and Meta's codes.

    Meta asks to judge by the code and not by the status. Without a code that is known, a request
    may have been carried out after 5xx, 408, or an answer that is none.
    """
    if code in _UNCERTAIN:
        return "unknown"
    if code == _INVALID_PARAMETER and subcode == _NO_SUCH_OBJECT:
        return "config"  # the phone number id is wrong, or the token may not use it
    if code is not None and (code in DELIVERY_OUTCOMES or 200 <= code <= 299):
        return delivery_outcome(code)
    if status == 429:
        return "later"
    if status >= 500 or status < 400 or status == 408:
        return "unknown"
    return "config" if status in (401, 403, 404) else "refused"
