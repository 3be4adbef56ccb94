"""What the account side of Twilio tells, against the strict stand-in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.channels.base import SendError
from bot.channels.twilio import TwilioChannel
from bot.channels.twilio_account import (
    UNLIMITED,
    Account,
    AccountFacts,
    Hook,
    SenderFacts,
    misses,
    people_a_day,
)
from bot.channels.twilio_urls import webhook_urls
from tests.fake_twilio import FakeTwilio
from tests.fake_twilio_account import Sender
from tests.fake_twilio_rules import Overrides

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
def twilio():
    with FakeTwilio(clock=lambda: NOW) as fake:
        yield fake


@pytest.fixture
def account(twilio) -> Account:
    return TwilioChannel(
        twilio.account_sid,
        (twilio.auth_token,),
        public_base_url="https://survei.contoh.test",
        sender=twilio.sender,
        api_base_url=twilio.base_url,
    ).account


def test_the_account_tells_its_state_and_the_time_and_no_token(account, twilio):
    facts = account.facts()
    assert facts == AccountFacts("active", trial=False, clock=NOW)
    assert twilio.auth_token not in repr(facts)
    twilio.account_type = "Trial"
    assert account.facts().trial


def test_senders_tell_webhook_rating_limit_and_what_keeps_them(account, twilio):
    twilio.senders.append(
        Sender(
            "whatsapp:+6281200000888",
            status="OFFLINE",
            callback_url="https://x.test/w",
            callback_method=None,
            quality_rating=None,
            messaging_limit=None,
            offline_reasons=[{"code": "63020", "message": "not approved", "more_info": ""}],
        )
    )
    first, second = account.senders()
    assert first == SenderFacts(twilio.sender, "ONLINE", Hook("", "POST", ""), "HIGH", 250, ())
    assert second == SenderFacts(
        *("whatsapp:+6281200000888", "OFFLINE", Hook("https://x.test/w", "POST", ""), "", None),
        ("63020: not approved",),
    )
    twilio.senders.clear()
    assert account.senders() == ()


def test_a_service_tells_its_webhook_and_its_numbers(account, twilio):
    twilio.service.inbound_request_url = "https://x.test/w"
    twilio.service.inbound_method = "GET"
    twilio.service.senders.append("rcs:contoh")
    facts = account.service(twilio.messaging_service_sid)
    assert facts.hook == Hook("https://x.test/w", "GET", "")
    assert facts.senders == (twilio.sender,)
    assert facts.uses_senders_hook is False


@pytest.mark.parametrize("fault", ["503", "html", "drop_after", "problem"])
def test_what_goes_wrong_is_a_send_error_that_may_be_tried_again(account, twilio, fault):
    for ask in (account.facts, account.senders):
        twilio.faults.next(fault, on="account")
        with pytest.raises(SendError) as caught:
            ask()
        assert caught.value.outcome == "later"


def test_wrong_credentials_are_told_apart(account, twilio):
    twilio.auth_tokens[:] = ["f" * 32]
    with pytest.raises(SendError) as caught:
        account.facts()
    assert caught.value.code == 20003


def test_an_unknown_service_has_a_code_of_its_own(account):
    with pytest.raises(SendError) as caught:
        account.service("MG" + "e" * 32)
    assert caught.value.code == 20404


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("250 Customers/24hr", 250),
        ("1K Customers/24hr", 1000),
        ("10K Customers/24hr", 10_000),
        ("100k customers/24hr", 100_000),
        ("Unlimited Customers/24hr", UNLIMITED),
        ("", None),
        ("TIER_NOT_SET", None),
    ],
)
def test_a_limit_is_read_as_twilio_words_it(text, people):
    assert people_a_day(text) == people


def test_the_url_that_we_advise_is_understood_and_misses_nothing():
    url = webhook_urls("https://survei.contoh.test/").inbound
    assert url.startswith("https://survei.contoh.test/whatsapp#")
    assert misses(url) == ""
    overrides = Overrides.parse(url.partition("#")[2])
    assert overrides.retries == 2
    assert all(overrides.again_after(failure) for failure in ("ct", "rt", "5xx"))
    # All attempts together stay below the 15 seconds that Twilio allows.
    assert (overrides.connect + overrides.read) * (overrides.retries + 1) > overrides.total
    assert overrides.total <= 15


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("", "a time-out or an error of ours"),
        ("#rc=3", "a time-out or an error of ours"),
        ("#rp=all", ""),
        ("#rp=5xx,rt,ct&rc=1", ""),
        ("#rc=0&rp=all", "never"),
        ("#rc=x&rp=all", "never"),
        ("#rp=5xx", "no connection or a time-out"),
    ],
)
def test_what_a_url_would_miss_is_said(fragment, said):
    assert (said in misses("https://x.test/whatsapp" + fragment)) is True
    assert bool(misses("https://x.test/whatsapp" + fragment)) == bool(said)
