"""What tests that kill programs share: a survey under way, storms of kills, and calm after them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update

from bot.flow.survey import Survey
from bot.interview import codes
from bot.interview.installation import Installation
from bot.interview.surveys import publish
from storage.models import Conversation, Link, Outbox
from tests import short_survey
from tests.fake_twilio import FakeTwilio
from tests.processes import Fleet
from tests.served import FileClock
from tests.setup import add_unit, installation

# What a sender has in its hands when it dies waits until its fate is looked up, so that with too
# many dead too few of the others' messages are left.
SHOTS = 4


def prepare(
    url: str, now: datetime, templates: Mapping[str, str] | None = None
) -> tuple[Survey, dict[str, str]]:
    """Publish the short survey, open at `now`, with one unit and a poster for each group.

    Returns the compiled survey and the posters' codes by group.
    """
    with installation(url, clock=lambda: now) as here:
        published = publish(here, short_survey.files(now, templates))
        unit = add_unit(here)
        posters = {group: codes.new_code() for group in short_survey.GROUPS}
        rows = [
            {"code": code, "survey_id": published.id, "unit_id": unit, "grp": group}
            for group, code in posters.items()
        ]
        here.database.write(lambda c: c.execute(insert(Link), rows))
        return published.survey, posters


def number_of(here: Installation, table: Any, *where: Any) -> int:
    """Return how many rows of a table there are."""
    statement = select(func.count()).select_from(table).where(*where)
    return int(here.database.read(lambda c: c.execute(statement).scalar_one()))


def storm(fleet: Fleet, here: Installation, twilio: FakeTwilio, count: int) -> None:
    """Kill senders at random, SHOTS times at most, until so many messages went out in all."""
    twilio.door = fleet.door
    end, before = time.monotonic() + 90, fleet.kills
    while len(twilio.messages) < count:
        assert time.monotonic() < end, f"only {len(twilio.messages)} of {count} messages went out"
        left = SHOTS - (fleet.kills - before)
        with fleet.under_fire(lambda: len(twilio.messages), least=5, most=12, shots=left):
            wait_until_quiet(fleet, twilio, count)
        if len(twilio.messages) < count:
            let_leases_run_out(fleet, here)


def wait_until_quiet(fleet: Fleet, twilio: FakeTwilio, count: int) -> None:
    """Return when so many messages went out, or nothing goes out though all run."""
    seen, since = len(twilio.messages), time.monotonic()
    while time.monotonic() < since + 2 and len(twilio.messages) < count:
        if not fleet.whole_for(0) or len(twilio.messages) > seen:
            seen, since = len(twilio.messages), time.monotonic()
        time.sleep(0.02)


def let_leases_run_out(fleet: Fleet, here: Installation) -> None:
    """Leases run in real time; when every sender is dead, they may as well run out at once."""
    fleet.kill()
    old = here.now() - timedelta(days=365)
    leased = Outbox.lease_until.is_not(None)
    here.database.write(lambda c: c.execute(update(Outbox).where(leased).values(lease_until=old)))
    fleet.start()


def settle(fleet: Fleet, here: Installation, clock: FileClock, seconds: float = 60) -> None:
    """Let the time pass in which unknown sends are looked up, until the fate of all is known."""
    let_leases_run_out(fleet, here)
    end = time.monotonic() + seconds
    while unsettled(here):
        assert time.monotonic() < end, f"{waiting(here)}\n{fleet.tell()}"
        clock.move(minutes=1)
        time.sleep(0.3)


def unsettled(here: Installation) -> int:
    """Return how many messages have no known fate, and how many timers are due."""
    waiting = Outbox.status.in_(("queued", "claimed", "unknown"))
    return number_of(here, Outbox, waiting) + number_of(
        here, Conversation, Conversation.wake_at <= here.now()
    )


def waiting(here: Installation) -> list[tuple[Any, ...]]:
    """Return how many messages there are by purpose and status, and how many timers are due."""
    by = (Outbox.purpose, Outbox.via, Outbox.status)
    statement = select(*by, func.count()).group_by(*by)
    timers = number_of(here, Conversation, Conversation.wake_at <= here.now())
    rows = here.database.read(lambda c: c.execute(statement).all())
    return [*(tuple(row) for row in rows), ("timers", timers)]
