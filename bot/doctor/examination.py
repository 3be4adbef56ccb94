"""The examination: every check in the order in which faults should be mended.

Nothing is written and no message is sent. What cannot be asked because of an earlier fault is left
out: the first error is the one to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from bot.channels.twilio_probe import Fetch, Probe, fetch
from bot.config import Settings
from bot.doctor import outside, place, surveys
from bot.doctor.findings import Finding
from bot.doctor.gateway import Gateway
from bot.interview.installation import Installation, real_now
from bot.service import Service


def examine(
    service: Service, *, now: Callable[[], datetime] = real_now, ask: Fetch = fetch
) -> Iterator[Finding]:
    """Yield what every check finds, as it is found.

    `now` is this machine's clock, `ask` how the public address is asked.
    """
    settings = service.settings
    yield place.settings(settings)
    base = place.database(settings, service.database)
    yield base
    kept = place.secret(settings)
    yield kept
    installation: Installation | None = None
    if base.verdict == "ok" and kept.verdict == "ok":
        installation, problem = place.opened(service)
        if problem is not None:
            yield problem
    limit = None
    contents = None
    if service.twilio is not None:
        gateway = Gateway(settings, service.twilio.account, now)
        yield from gateway.examine()
        limit = gateway.limit
        contents = service.twilio.contents if gateway.answers else None
        yield from _outside(settings, ask)
    if installation is not None:
        yield from surveys.examine(installation, contents, limit, settings.default_region)
        yield from place.waiting(installation)
        yield place.counts(installation)
        yield from place.alerts(installation)


def _outside(settings: Settings, ask: Fetch) -> Iterator[Finding]:
    base = settings.public_base_url or ""
    written = outside.address(base)
    yield written
    account = settings.twilio_account_sid or ""
    probe = Probe(base, account, settings.twilio_auth_tokens[0], fetch=ask)
    yield from outside.examine(base, probe)
