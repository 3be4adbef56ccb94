"""Twilio's log through its own library: the list, its emptying, and what the stand-in refuses."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from bot.channels.base import Address, Logging, SendError
from bot.channels.simulator import SimulatorChannel
from bot.channels.twilio import TwilioChannel
from tests.fake_twilio import FakeTwilio

NOW = datetime(2026, 11, 23, 3, 0, 0, 700_000, tzinfo=UTC)
PHONE = "+6281200000801"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twilio(clock: Clock) -> Iterator[FakeTwilio]:
    def silence(_url: str, _body: bytes, _headers: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "text/xml"}, b""

    with FakeTwilio(clock=clock, webhook_url="https://survei.contoh.test/x", post=silence) as made:
        yield made


@pytest.fixture
def channel(twilio: FakeTwilio) -> TwilioChannel:
    return made(twilio, sender=twilio.sender)


def made(twilio: FakeTwilio, **values: Any) -> TwilioChannel:
    return TwilioChannel(
        twilio.account_sid,
        tuple(twilio.auth_tokens),
        public_base_url="https://survei.contoh.test",
        api_base_url=twilio.base_url,
        **values,
    )


def listed(channel: TwilioChannel, twilio: FakeTwilio, *, inbound: bool = True, **ends: Any) -> Any:
    values: dict[str, Any] = {
        "since": NOW - timedelta(hours=1),
        "until": NOW + timedelta(hours=1),
        "limit": 100,
    }
    return channel.log.listed(twilio.sender, **(values | ends), inbound=inbound)


def test_what_people_wrote_is_listed_oldest_first_as_far_as_the_list_tells(channel, twilio, clock):
    ani = twilio.person(phone=PHONE)
    hidden = twilio.person(bsuid="ID.1000000000000801")
    ani.say("pertama")
    hidden.say("kedua")
    clock.now += timedelta(seconds=2)
    ani.say("", kind="image")
    first, second, third = listed(channel, twilio)
    assert (first.text, second.text, third.text) == ("pertama", "kedua", ""), "one second, in order"
    assert first.person == Address("phone", PHONE)
    assert second.person == Address("bsuid", "ID.1000000000000801")
    assert [one.media for one in (first, second, third)] == [0, 0, 1]
    assert first.at == NOW.replace(microsecond=0), "whole seconds"
    assert all(one.inbound and one.sender == twilio.sender for one in (first, second, third))


def test_the_list_has_both_ends_and_a_limit(channel, twilio, clock):
    ani = twilio.person(phone=PHONE)
    for number in range(5):
        ani.say(str(number))
        clock.now += timedelta(seconds=1)
    second = NOW.replace(microsecond=0)
    found = listed(channel, twilio, since=second + timedelta(seconds=1))
    assert [one.text for one in found] == ["1", "2", "3", "4"]
    ends: dict[str, Any] = {
        "since": second + timedelta(seconds=1),
        "until": second + timedelta(seconds=3),
    }
    assert [one.text for one in listed(channel, twilio, **ends)] == ["1", "2", "3"]
    assert len(listed(channel, twilio, limit=2)) == 2


def test_a_long_list_comes_in_pages(channel, twilio):
    ani = twilio.person(phone=PHONE)
    for number in range(450):
        ani.say(str(number))
    assert [one.text for one in listed(channel, twilio, limit=1000)] == [str(n) for n in range(450)]
    assert len(twilio.requests) == 3


def test_ours_are_listed_by_themselves(channel, twilio):
    from bot.channels.base import Outgoing
    from bot.flow.turn import Message

    ani = twilio.person(phone=PHONE)
    ani.say("halo")
    channel.send(Outgoing("a" * 32, Address("phone", PHONE), Message("Selamat pagi")))
    twilio.settle()
    (one,) = listed(channel, twilio, inbound=False)
    assert (one.text, one.inbound, one.final) == ("Selamat pagi", False, True)
    assert one.person == Address("phone", PHONE)
    twilio.outbound()[0].status = "queued"
    assert not listed(channel, twilio, inbound=False)[0].final
    assert [one.text for one in listed(channel, twilio)] == ["halo"]


def test_an_address_of_a_form_to_come_is_listed_without_a_person(channel, twilio):
    ani = twilio.person(phone=PHONE)
    ani.say("halo")
    next(iter(twilio.messages.values())).from_ = "whatsapp:@ani"
    assert listed(channel, twilio)[0].person is None


def test_our_numbers_are_the_one_that_is_set_or_those_of_the_messaging_service(channel, twilio):
    assert channel.log.senders() == [twilio.sender]
    assert twilio.requests == []
    service = made(twilio, messaging_service_sid=twilio.messaging_service_sid)
    assert service.log.senders() == [twilio.sender]
    other = made(twilio, messaging_service_sid="MG" + "f" * 32)
    with pytest.raises(SendError) as failed:
        other.log.senders()
    assert failed.value.outcome == "config"


def test_a_text_is_redacted_and_what_is_not_there_needs_none(channel, twilio):
    ani = twilio.person(phone=PHONE)
    ani.say("jawaban saya")
    (sid,) = twilio.messages
    channel.log.redact(sid)
    assert twilio.messages[sid].body == ""
    channel.log.redact(sid)
    channel.log.redact("SM" + "f" * 32)


def test_all_files_of_a_message_are_deleted_and_told_how_many(channel, twilio):
    ani = twilio.person(phone=PHONE)
    ani.say("", kind="image")
    (sid,) = twilio.messages
    twilio.store.add(sid, "image/png")
    assert channel.log.delete_media(sid) == 2
    assert twilio.store.files == {}
    assert channel.log.delete_media(sid) == 0
    assert channel.log.delete_media("SM" + "f" * 32) == 0


@pytest.mark.parametrize("fault", ["429", "500", "503", "html", "drop_before", "drop_after"])
def test_every_fault_may_be_tried_again(channel, twilio, fault):
    ani = twilio.person(phone=PHONE)
    ani.say("jawaban saya", kind="image")
    (sid,) = twilio.messages
    for ask in (lambda: channel.log.redact(sid), lambda: channel.log.delete_media(sid)):
        twilio.faults.next(fault, on="fetch")
        with pytest.raises(SendError) as failed:
            ask()
        assert failed.value.outcome == "later"
        ask()
    assert twilio.messages[sid].body == ""
    assert twilio.store.files == {}


def test_nothing_of_a_person_is_logged(channel, twilio, caplog):
    ani = twilio.person(phone=PHONE)
    ani.say("rahasia sekali", kind="image")
    (sid,) = twilio.messages
    with caplog.at_level(logging.DEBUG):
        listed(channel, twilio)
        twilio.faults.next("500", on="fetch")
        with pytest.raises(SendError) as failed:
            channel.log.redact(sid)
        channel.log.delete_media(sid)
    for said in (caplog.text, str(failed.value)):
        assert PHONE[1:] not in said
        assert "rahasia" not in said


def test_only_a_channel_with_a_log_has_one(channel):
    assert isinstance(channel, Logging)
    assert not isinstance(SimulatorChannel(None, lambda: NOW), Logging)  # type: ignore[arg-type]


# the stand-in itself


def ask(twilio: FakeTwilio, method: str, path: str, body: str = "", token: str | None = "") -> Any:
    """Ask the fake's API about what lies below the account; `token` None is none at all."""
    pair = f"{twilio.account_sid}:{token or twilio.auth_token}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if token is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    url = f"{twilio.base_url}/2010-04-01/Accounts/{twilio.account_sid}/{path}"
    return urllib3.request(method, url, body=body, headers=headers, redirect=False, retries=False)


def one_message(twilio: FakeTwilio) -> tuple[str, str]:
    twilio.person(phone=PHONE).say("halo", kind="image")
    return next(iter(twilio.messages)), next(iter(twilio.store.files))


@pytest.mark.parametrize("body", ["Body=lain", "Status=canceled", "", "Body=&Status=canceled"])
def test_the_fake_changes_nothing_of_a_message_but_its_text_to_nothing(twilio, body):
    sid, _ = one_message(twilio)
    assert ask(twilio, "POST", f"Messages/{sid}.json", body).status == 400
    assert twilio.messages[sid].body == "halo"


def test_the_fake_keeps_what_is_under_way(twilio):
    sid, _ = one_message(twilio)
    twilio.messages[sid].status = "sending"
    answer = ask(twilio, "POST", f"Messages/{sid}.json", "Body=")
    assert (answer.status, answer.json()["code"]) == (409, 20009)


def test_the_fake_shows_a_file_only_with_a_token_and_only_by_way_of_its_store(twilio):
    sid, name = one_message(twilio)
    path = f"Messages/{sid}/Media/{name}"
    assert ask(twilio, "GET", path, token=None).status == 401
    assert ask(twilio, "GET", path, token="wrong").status == 401
    assert ask(twilio, "GET", path.replace(sid, "SM" + "f" * 32)).status == 404
    answer = ask(twilio, "GET", path)
    assert answer.status == 307
    place = answer.headers["Location"]
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/{name}", place)
    with_token = urllib3.request("GET", place, headers={"Authorization": "Basic x"}, retries=False)
    assert with_token.status == 400
    assert urllib3.request("GET", place, retries=False).data == twilio.store.files[name].content
    assert ask(twilio, "DELETE", path + ".json").status == 204
    assert ask(twilio, "DELETE", path + ".json").status == 404
    assert ask(twilio, "GET", path).status == 404


def test_the_fakes_fallback_is_told_what_went_wrong(clock):
    heard: list[tuple[str, bytes]] = []

    def post(url: str, body: bytes, _headers: Any) -> tuple[int, dict[str, str], bytes]:
        heard.append((url, body))
        fine = url.endswith("/second")
        return 200 if fine else 503, {"Content-Type": "text/xml"}, b"<Response/>"

    with FakeTwilio(clock=clock, webhook_url="https://a.test/first", post=post) as twilio:
        twilio.person(phone=PHONE).say("halo")
        assert len(heard) == 1
        twilio.fallback_url = "https://a.test/second"
        twilio.person(phone=PHONE).say("halo")
        assert [url for url, _ in heard[1:]] == ["https://a.test/first", "https://a.test/second"]
        assert b"ErrorCode=11200&ErrorUrl=https%3A%2F%2Fa.test%2Ffirst" in heard[-1][1]
