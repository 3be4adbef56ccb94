"""What a launch may cost, before it is begun: from counted messages, rates that are data, and an
assumption about how many people answer.

The range is that of half and of twice as many answers, and of WhatsApp taking every template for
"utility" or for "marketing", which it decides by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from bot.flow.rehearsal.billing import Bill, bill, template_price, total
from bot.flow.settings import Rates
from bot.flow.survey import Survey

RESPONSE = 0.15
"""Of the invited, who finish: what the official survey had nation-wide in 2022 (15,7 %)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Messages and their price if so many of the invited answer. Prices None without rates."""

    response: float
    finished: int
    reminders: int
    templates: int
    sent: int
    received: int
    price_utility: Decimal | None
    price_marketing: Decimal | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a launch may cost: as assumed, with half as many answers, with twice as many."""

    people: int
    rates: Rates | None
    low: Scenario
    expected: Scenario
    high: Scenario

    @property
    def least(self) -> Decimal | None:
        """The lowest price of all."""
        prices = [one.price_utility for one in self._all() if one.price_utility is not None]
        return min(prices, default=None)

    @property
    def most(self) -> Decimal | None:
        """The highest price of all."""
        prices = [one.price_marketing for one in self._all() if one.price_marketing is not None]
        return max(prices, default=None)

    def _all(self) -> tuple[Scenario, ...]:
        return self.low, self.expected, self.high

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; money as texts, to the last digit."""

        def plain(value: Any) -> Any:
            if isinstance(value, Decimal):
                return str(value)
            if isinstance(value, dict):
                return {name: plain(one) for name, one in value.items()}
            return value

        return {**plain(asdict(self)), "least": plain(self.least), "most": plain(self.most)}


def estimate(survey: Survey, people: Mapping[str, int], response: float = RESPONSE) -> Estimate:
    """Return what inviting so many people of each group may cost.

    Raises ValueError for a `response` outside 0 to 1, or a flow that nobody can finish.
    """
    if not 0 <= response <= 1:
        raise ValueError("a response rate lies between 0 and 1")
    bills = {group: bill(survey, group) for group, number in people.items() if number}
    rates = survey.settings.rates
    cases = [
        _scenario(survey, people, bills, rates, rate)
        for rate in (response / 2, response, min(1.0, response * 2))
    ]
    return Estimate(sum(people.values()), rates, *cases)


def _scenario(
    survey: Survey,
    people: Mapping[str, int],
    bills: Mapping[str, Bill],
    rates: Rates | None,
    response: float,
) -> Scenario:
    finished = templates = reminders = sent = received = 0
    interviews = Decimal(0)
    free = 0
    for group, one in bills.items():
        invited = people[group]
        done = round(invited * response)
        # Who answers does so before the first reminder; who does not gets all of them.
        reminding = (invited - done) * (len(one.never_began) - 1)
        finished += done
        reminders += reminding
        templates += invited + reminding
        sent += done * one.typical.sent
        received += done * one.typical.received
        if rates is not None:
            in_all = total(one.typical, done, survey.settings, rates)
            # The free messages of a month are free once, whatever the groups.
            interviews += in_all.price + in_all.free * rates.service
            free = max(free, in_all.months * rates.free_service)
    utility = marketing = None
    if rates is not None:
        interviews -= min(sent, free) * rates.service
        utility = interviews + template_price(rates, templates, marketing=False)
        marketing = interviews + template_price(rates, templates, marketing=True)
    return Scenario(response, finished, reminders, templates, sent, received, utility, marketing)
