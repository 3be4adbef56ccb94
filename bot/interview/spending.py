"""What a survey's messages have cost so far, as far as its rates and our counts tell.

Templates are counted one by one, each at the dearer price, because WhatsApp decides which it is.
Interviews are counted by where they stand: one that is finished costs what `tautan cost` calls
typical, any other that was begun half of it. The provider's bill may differ.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from sqlalchemy import Connection

from bot.flow.rehearsal.billing import price, template_price
from bot.flow.rehearsal.playing import Talk
from bot.flow.rehearsal.ways import Ways
from bot.flow.settings import Rates
from bot.flow.state import Status
from bot.flow.survey import Survey
from storage.queries import reminders as queries

COUNTED_EVERY = timedelta(minutes=1)  # interviews; templates are counted anew each time

Interviews = Mapping[tuple[str, str], int]
"""How many there are by (group, status)."""


class Spending:
    """What surveys have cost, with a short memory for the counts that take long."""

    def __init__(self) -> None:
        self._counted: dict[int, tuple[datetime, Interviews]] = {}
        self._guard = threading.Lock()

    def so_far(
        self, connection: Connection, survey_id: int, survey: Survey, now: datetime
    ) -> Decimal | None:
        """Return what a survey has cost; None without rates."""
        rates = survey.settings.rates
        if rates is None:
            return None
        templates, texts = queries.templates_sent(connection, survey_id)
        interviews = self._interviews(connection, survey_id, now)
        sent, cost = _interviews_cost(survey, interviews, rates)
        opens = survey.settings.opens
        today = survey.settings.day(now)
        months = max(1, (today.year - opens.year) * 12 + today.month - opens.month + 1)
        cost -= min(sent + texts, rates.free_service * months) * rates.service
        cost += texts * (rates.service + rates.provider_out)
        return cost + dearest(rates, templates)

    def _interviews(self, connection: Connection, survey_id: int, now: datetime) -> Interviews:
        with self._guard:
            known = self._counted.get(survey_id)
        if known is not None and timedelta() <= now - known[0] < COUNTED_EVERY:
            return known[1]
        counts = queries.interviews(connection, survey_id)
        with self._guard:
            self._counted[survey_id] = now, counts
        return counts


def dearest(rates: Rates, templates: int) -> Decimal:
    """Return what so many templates cost at the dearer of their two prices."""
    return max(template_price(rates, templates, marketing=one) for one in (True, False))


def _interviews_cost(survey: Survey, counts: Interviews, rates: Rates) -> tuple[int, Decimal]:
    """Return how many messages of ours the interviews took, and what they cost in all."""
    sent, cost = Decimal(), Decimal()
    for (group, status), people in counts.items():
        if status == Status.INVITED.value or group not in survey.groups:
            continue
        share = Decimal(1) if status == Status.FINISHED.value else Decimal("0.5")
        talk = _typical(survey, group)
        sent += people * share * talk.sent
        cost += people * share * price(talk, rates)
    return int(sent), cost


@lru_cache(maxsize=64)
def _typical(survey: Survey, group: str) -> Talk:
    """Return the messages of a typical interview; of none where nobody can finish."""
    try:
        ways = Ways(survey, group)
        return ways.play(ways.way("typical"))
    except ValueError:
        return Talk()
