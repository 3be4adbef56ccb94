"""What is set up at Twilio: credentials, clock, sender, messaging service, webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urldefrag

from bot.channels.base import SendError
from bot.channels.twilio_account import (
    SANDBOX,
    UNLIMITED,
    Account,
    AccountFacts,
    Hook,
    SenderFacts,
    ServiceFacts,
    misses,
)
from bot.channels.twilio_urls import webhook_urls
from bot.config import Settings
from bot.doctor.findings import Finding, error, ok, warning

OFF_BY = 60  # seconds; business hours, windows and dates all hang on the clock

_NOUNS = {"credentials": "account", "service": "messaging service"}
_TOKENS = "Twilio Console > Account Dashboard > Account Info > Auth Token"
_SENDERS = "Twilio Console > Messaging > Senders > WhatsApp senders"
_SERVICES = "Twilio Console > Messaging > Services"


class Gateway:
    """One examination of the account; `limit` is known after it, where Twilio tells it."""

    def __init__(self, settings: Settings, account: Account, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._account = account
        self._now = now
        self.answers = False
        self.limit: int | None = None

    def examine(self) -> Iterator[Finding]:
        """Ask Twilio step by step; an error of Twilio's ends it with what it means."""
        check = "credentials"
        try:
            before = self._now()
            facts = self._account.facts()
            self.answers = True
            yield from _credentials(facts)
            yield _clock(facts, before, self._now())
            check = "sender"
            if self._settings.twilio_whatsapp_from == SANDBOX:
                yield from _sandbox(self._settings.public_base_url or "")
                return
            check = "service"
            service = None
            if self._settings.twilio_messaging_service_sid:
                service = self._account.service(self._settings.twilio_messaging_service_sid)
                yield self._service(service)
            check = "sender"
            yield from self._senders(service)
        except SendError as failure:
            yield _refused(check, failure)

    def _service(self, service: ServiceFacts) -> Finding:
        own = self._settings.twilio_whatsapp_from
        if not service.senders:
            return error(
                "service",
                "the messaging service has no WhatsApp sender",
                f"{_SERVICES} > yours > Sender Pool > Add Senders > WhatsApp Number",
            )
        if own and own not in service.senders:
            return error(
                "service",
                f"{own} is not in the messaging service",
                f"{_SERVICES} > yours > Sender Pool > Add Senders; or take one of the two settings"
                " out",
            )
        return ok("service", f"the messaging service sends as {', '.join(service.senders)}")

    def _senders(self, service: ServiceFacts | None) -> Iterator[Finding]:
        known = {one.id: one for one in self._account.senders()}
        own = self._settings.twilio_whatsapp_from
        wanted = [own] if own else list(service.senders if service else ())
        base = self._settings.public_base_url or ""
        for number in wanted:
            found = known.get(number)
            if found is None:
                listed = ", ".join(sorted(known)) or "none yet"
                yield error(
                    "sender",
                    f"{number} is no WhatsApp sender of this account (there: {listed})",
                    f"{_SENDERS} > Create new sender; or correct TWILIO_WHATSAPP_FROM",
                )
                continue
            yield _sender(found)
            yield _quality(found)
            limits = [limit for limit in (self.limit, found.limit) if limit is not None]
            self.limit = min(limits, default=None)
            if service is None or service.uses_senders_hook:
                yield from _hook(found.hook, base, f"{_SENDERS} > {number} > Edit sender")
        if service is not None and not service.uses_senders_hook:
            yield from _hook(service.hook, base, f"{_SERVICES} > yours > Integration")


def _refused(check: str, failure: SendError) -> Finding:
    if failure.code == 20003:
        return error(
            "credentials",
            "Twilio does not take TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN",
            f"{_TOKENS}: copy both again (no API key), into .env, and restart",
        )
    if failure.code == 20404:
        return error(
            check,
            f"Twilio knows no such {_NOUNS.get(check, check)}",
            "compare the TWILIO_ settings with the Console; a subaccount has its own sid and token",
        )
    return error(
        check,
        str(failure),
        "is https://api.twilio.com open for this server? See https://status.twilio.com, ask again",
    )


def _credentials(facts: AccountFacts) -> Iterator[Finding]:
    if facts.status != "active":
        yield error(
            "credentials",
            f"the account is {facts.status or 'in no known state'}",
            "Twilio Console > Admin > Account billing; Twilio's support knows the reason",
        )
    elif facts.trial:
        yield warning(
            "credentials",
            "this is a trial account: few messages a day, and only what Twilio allows",
            "Twilio Console > Upgrade, before you ask for a sender of your own",
        )
    else:
        yield ok("credentials", "Twilio takes them; the account is active")


def _clock(facts: AccountFacts, before: datetime, after: datetime) -> Finding:
    if facts.clock is None:
        return warning("clock", "Twilio's answer had no time to compare with", "ask again")
    # The answer was written between the two; Twilio gives whole seconds.
    middle = before + (after - before) / 2
    off = (middle - facts.clock).total_seconds()
    if abs(off) <= OFF_BY:
        return ok("clock", f"right (within {max(1, round(abs(off)))} s of Twilio's)")
    return error(
        "clock",
        f"this machine's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}: messages"
        " would go out at wrong hours",
        "timedatectl set-ntp true, then look at `timedatectl`",
    )


def _sandbox(base_url: str) -> Iterator[Finding]:
    yield warning(
        "sender",
        "this is Twilio's sandbox: good for your own phone, not for a survey (people must send"
        " `join …` first, for three days at a time; no templates of your own)",
        "docs/first-conversation.md says how to get a sender of your own",
    )
    yield warning(
        "webhook",
        "Twilio does not tell what is set for the sandbox",
        "Twilio Console > Messaging > Try it out > Send a WhatsApp message > Sandbox settings >"
        " When a message comes in, with POST:",
        webhook_urls(base_url).inbound,
    )


def _sender(found: SenderFacts) -> Finding:
    if found.status.startswith("ONLINE"):
        return ok("sender", f"{found.id} is online")
    reasons = f" ({'; '.join(found.offline_reasons)})" if found.offline_reasons else ""
    waits = found.status in {"CREATING", "PENDING_VERIFICATION", "VERIFYING", "TWILIO_REVIEW"}
    return error(
        "sender",
        f"{found.id} is {found.status.lower().replace('_', ' ')}{reasons}",
        f"{_SENDERS} > {found.id}: " + ("wait, or finish its set-up" if waits else "see why"),
    )


def _quality(found: SenderFacts) -> Finding:
    limit = "no limit told" if found.limit is None else f"{found.limit} new people a day"
    if found.limit == UNLIMITED:
        limit = "no limit of people a day"
    rating = found.quality.upper()
    if rating in {"LOW", "RED"}:
        return warning(
            "quality",
            f"WhatsApp rates this number low: too many people block or report it ({limit})",
            "stop invitations, look at who is invited and how, and wait for a better rating",
        )
    return ok("quality", f"rated {rating.lower() or 'not yet'}; {limit}")


def _hook(hook: Hook, base_url: str, where: str) -> Iterator[Finding]:
    """Compare what is set at Twilio with what should be."""
    urls = webhook_urls(base_url)
    wanted = urls.inbound
    plain = urldefrag(wanted)[0]
    fix = f"{where} > Webhook URL for incoming messages, with HTTP POST:"
    if not hook.url:
        yield error("webhook", "Twilio has no address to bring messages to", fix, wanted)
    elif urldefrag(hook.url)[0] != plain:
        yield error("webhook", f"Twilio brings messages to {hook.url}, not here", fix, wanted)
    elif hook.method.upper() != "POST":
        what = f"Twilio asks with {hook.method.upper()}, not with POST"
        yield error("webhook", what, fix, wanted)
    elif lacking := misses(hook.url):
        what = f"Twilio brings messages here, but would lose some when we stumble: {lacking}"
        yield warning("webhook", what, fix, wanted)
    else:
        yield ok("webhook", f"Twilio brings messages to {plain}, and tries again after faults")
    if urldefrag(hook.fallback_url)[0] != plain:
        which = "another address" if hook.fallback_url else "no address"
        yield warning(
            "fallback",
            f"after its last try Twilio turns to {which}",
            f"{where} > Fallback URL, with HTTP POST (what comes twice is taken once):",
            urls.fallback,
        )
    else:
        yield ok("fallback", "Twilio tries the fallback address too")
