"""What a launch may cost, before it is begun."""

from decimal import Decimal

import pytest

from bot.flow.load import load_survey
from bot.flow.rehearsal.billing import bill
from bot.outreach.launch.estimate import RESPONSE, estimate
from tests.setup import bundled_files

RATES = """
rates:
  currency: USD
  service: 0.01
  utility: 0.02
  marketing: 0.04
  provider_out: 0.005
  provider_in: 0.005
"""


def survey(rates=RATES):
    files = bundled_files()
    files["survey.yaml"] += rates
    return load_survey(files)


@pytest.fixture(scope="module")
def priced():
    return survey()


def two(case):
    return case.price_utility, case.price_marketing


def test_messages_are_those_of_the_bill(priced):
    found = estimate(priced, {"ahli": 1000}, 0.2)
    one = bill(priced, "ahli")
    case = found.expected
    assert (case.finished, case.sent, case.received) == (
        200,
        200 * one.typical.sent,
        200 * one.typical.received,
    )
    # 800 who do not answer get two reminders and the last call.
    assert (case.reminders, case.templates) == (2400, 3400)
    interviews = 200 * (
        one.typical.sent * Decimal("0.015") + one.typical.received * Decimal("0.005")
    )
    assert case.price_utility == interviews + 3400 * Decimal("0.025")
    assert case.price_marketing == interviews + 3400 * Decimal("0.045")


def test_the_range_is_half_and_twice_as_many_answers(priced):
    found = estimate(priced, {"ahli": 1000}, 0.6)
    assert [one.response for one in (found.low, found.expected, found.high)] == [0.3, 0.6, 1.0]
    assert found.low.reminders > found.expected.reminders > found.high.reminders == 0
    prices = [found.least, *two(found.expected), found.most]
    assert prices == sorted(prices, key=lambda one: one or Decimal(0))
    assert len(set(prices)) == 4
    plain = found.to_dict()
    assert plain["most"] == str(found.most)
    assert plain["rates"]["currency"] == "USD"


def test_groups_add_up_and_free_messages_are_free_once():
    free = survey(RATES + "  free_service: 100\n")
    both = estimate(free, {"ahli": 100, "internal": 100}, 0.5).expected
    alone = [estimate(free, {group: 100}, 0.5).expected for group in ("ahli", "internal")]
    assert both.finished == sum(one.finished for one in alone) == 100
    assert both.sent == sum(one.sent for one in alone)
    # Three months of 100 free messages: once, not once a group.
    prices = [one.price_utility or Decimal(0) for one in alone]
    assert both.price_utility == sum(prices) + 3 * 100 * Decimal("0.01")


def test_without_rates_there_are_messages_and_no_prices():
    found = estimate(survey(""), {"ahli": 100})
    assert found.expected.response == RESPONSE
    assert found.expected.finished == 15
    assert (found.least, found.most, found.expected.price_utility) == (None, None, None)


def test_a_rate_that_is_none_is_refused(priced):
    with pytest.raises(ValueError, match="between 0 and 1"):
        estimate(priced, {"ahli": 1}, 1.5)
