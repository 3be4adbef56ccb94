"""The addresses for Twilio's console keep to Twilio's limits, and what they lead to works."""

from __future__ import annotations

from urllib.parse import urldefrag

import pytest

from bot.channels.twilio_urls import webhook_urls
from tests.fake_twilio_rules import Overrides
from tests.test_missed import asked, begun
from tests.whatsapp import BASE, office


def test_both_tell_twilio_to_try_again_within_its_limits():
    urls = webhook_urls("https://survei.contoh.test/")
    for url in (urls.inbound, urls.fallback):
        plain, fragment = urldefrag(url)
        assert plain == "https://survei.contoh.test/whatsapp"
        found = Overrides.parse(fragment)
        assert found.again_after("5xx")
        assert found.again_after("ct")
        assert found.total == 15.0
    first = Overrides.parse(urldefrag(urls.inbound)[1])
    assert first.again_after("rt")
    assert not first.again_after("4xx"), "a wrong signature does not get better"
    assert (first.retries + 1) * first.read <= first.total


def test_a_second_host_has_the_fallback():
    urls = webhook_urls("https://satu.contoh.test/survei", "https://dua.contoh.test:8443")
    assert urldefrag(urls.inbound)[0] == "https://satu.contoh.test/survei/whatsapp"
    assert urldefrag(urls.fallback)[0] == "https://dua.contoh.test:8443/whatsapp"


@pytest.mark.parametrize("wrong", ["survei.contoh.test", "https://a_b.test", "https://x.test/#y"])
def test_an_address_that_twilio_would_not_call_is_refused(wrong):
    with pytest.raises(ValueError, match="PUBLIC_BASE_URL"):
        webhook_urls(wrong)
    with pytest.raises(ValueError, match="PUBLIC_BASE_URL"):
        webhook_urls(BASE, wrong)


def test_a_message_whose_first_tries_fail_comes_by_the_second_or_by_the_fallback(sqlite_url):
    with office(sqlite_url) as place:
        urls = webhook_urls(BASE)
        place.twilio.webhook_url, place.twilio.fallback_url = urls.inbound, urls.fallback
        ani = begun(place)
        question = asked(place, ani.inbox[-1])
        for failures in (2, 3, 4):
            place.twilio.settle()
            place.clock.move(seconds=5)
            place.twilio.faults.next("no_connection", times=failures)
            assert asked(place, ani.say("ULANG")[0]) == question
        assert [one.code for one in place.twilio.errors] == [11200, 11200]
