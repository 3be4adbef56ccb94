"""What follows when a message fails, at once or on its way; and callbacks that come together."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from bot.channels.base import SendError, StatusEvent
from bot.flow.turn import Message
from bot.interview.sending import fates
from bot.interview.sending.delivering import Delivery, deliver
from bot.outreach import senders
from storage.models import Alert, Outbox, Sender, Window
from tests.rows import rows
from tests.test_sending import INVITE, Post, templates
from tests.whatsapp import office


@pytest.fixture
def place(some_url):
    with office(some_url) as opened:
        yield opened


@pytest.fixture
def quick(sqlite_url):
    with office(sqlite_url) as opened:
        yield opened


def invite(post, place, purpose="invitation"):
    """Queue what may wait for weeks."""
    later = place.clock.now + timedelta(days=60)
    survey = place.published.id
    return post.queue(INVITE, purpose, survey_id=survey, expires_at=later)


class Failing:
    """A channel that fails as told, then takes everything."""

    name = "twilio"
    sender = "whatsapp:+6281200000999"

    def __init__(self, *failures):
        self.failures = list(failures)
        self.sent = []

    def send(self, outgoing):
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(outgoing)
        return StatusEvent(f"SM{len(self.sent):032x}", "queued", 1)

    def find(self, to, since):
        raise SendError("no list", "later")


def failing(place, *failures):
    channel = Failing(*failures)
    return channel, lambda: deliver(place.installation, {"twilio": channel})


def told(post, one, code, outcome, sid="SM" + "1" * 32, known=True):
    event = StatusEvent(sid, "undelivered", 0, True, code, outcome=outcome, known=known)
    return fates.record_status(post.here, one, event)


# at once


def test_a_passing_fault_is_tried_again_with_growing_pauses_and_a_jitter(quick):
    post = Post(quick)
    one = post.queue()
    pauses = []
    channel, send = failing(quick, *[SendError("slow down", "later", 20429)] * 6)
    for _ in range(6):
        assert send() == Delivery(later=1)
        pause = (post.row(one).not_before - quick.clock.now).total_seconds()
        pauses.append(pause)
        quick.clock.move(seconds=pause)
    assert all(0.75 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses, start=1))
    assert send() == Delivery(sent=1)
    assert len(channel.sent) == 1


def test_an_unknown_code_is_final_and_reported_once(quick):
    posts = [Post(quick) for _ in range(2)]
    for post in posts:
        post.queue()
    error = SendError("new", "refused", 69999, known=False)
    _, send = failing(quick, error, error)
    assert send() == Delivery(failed=2)
    (alert,) = rows(quick.installation, Alert)
    assert (alert.kind, alert.times) == ("code:69999", 2)
    assert send() == Delivery()


def test_wrong_credentials_halt_the_sender_and_lose_nothing(place):
    posts = [Post(place) for _ in range(3)]
    for post in posts:
        post.queue()
    error = SendError("no", "config", 20003)
    channel, send = failing(place, error)
    assert send().sent == 2, "those in hand go on"
    posts[0].queue(Message("nanti"))
    assert send() == Delivery(), "then nothing does for five minutes"
    assert [one.kind for one in rows(place.installation, Alert)] == [f"halted:{channel.sender}"]
    place.clock.move(minutes=5, seconds=1)
    assert send() == Delivery(sent=1)
    assert send() == Delivery(sent=1)
    assert len(channel.sent) == 4


def test_a_daily_cap_pauses_campaigns_and_not_replies(place):
    templates(place)
    invited, other = Post(place, heard=False), Post(place, heard=False)
    one = invite(invited, place)
    two = invite(other, place)
    channel, send = failing(place, SendError("enough", "pause", 63038))
    deliver(place.installation, {"twilio": channel}, limit=1)
    Post(place).queue()
    assert send() == Delivery(sent=1), "the reply"
    place.clock.move(hours=23)
    assert send() == Delivery()
    place.clock.move(hours=1, seconds=1)
    assert send().sent == 2
    assert {invited.row(one).status, other.row(two).status} == {"sent"}


def test_what_stays_too_fast_pauses_the_campaign(quick):
    templates(quick)
    post = Post(quick, heard=False)
    one = invite(post, quick)
    _, send = failing(quick, *[SendError("fast", "later", 63018)] * 4)
    for _ in range(4):
        assert send() == Delivery(later=1)
        quick.clock.now = max(quick.clock.now, post.row(one).not_before)
    (sender,) = rows(quick.installation, Sender)
    assert sender.paused_until is not None
    assert sender.paused_until - quick.clock.now <= timedelta(hours=24)


def test_a_window_that_the_provider_takes_for_shut_makes_it_a_template(place):
    templates(place)
    post = Post(place)
    one = invite(post, place, "reminder")
    channel, send = failing(place, SendError("shut", "resend_as_template", 63016))
    assert send() == Delivery(later=1)
    assert rows(place.installation, Window) == []
    assert send() == Delivery(sent=1)
    assert channel.sent[0].template is not None
    assert post.row(one).template


def test_a_reply_that_finds_the_window_shut_fails_once(quick):
    post = Post(quick)
    one = post.queue()
    _, send = failing(quick, SendError("shut", "resend_as_template", 63016))
    assert send() == Delivery(failed=1)
    assert post.row(one).status == "failed"


# on the way


def test_what_was_taken_and_not_delivered_goes_out_again_when_it_may(place):
    post = Post(place)
    one = post.queue()
    channel, send = failing(place)
    assert send() == Delivery(sent=1)
    sid = post.row(one).provider_sid
    assert told(post, one, 63012, "later", sid)
    row = post.row(one)
    assert (row.status, row.provider_sid, row.past_sids) == ("queued", None, sid)
    assert not told(post, one, 63012, "later", sid), "the same news again changes nothing"
    place.clock.move(minutes=1)
    assert send() == Delivery(sent=1)
    assert len(channel.sent) == 2


def test_an_earlier_attempt_on_the_providers_list_is_not_taken_for_this_one(either_url):
    with office(either_url, statuses=()) as place:
        post = Post(place)
        one = post.queue()
        assert post.deliver() == Delivery(sent=1)
        assert told(post, one, 63018, "later", post.row(one).provider_sid)
        place.clock.move(minutes=1)
        place.twilio.faults.next("drop_before")
        assert post.deliver() == Delivery(unknown=1)
        place.clock.move(minutes=11)
        assert post.reconcile() == 1
        assert post.row(one).status == "queued"


@pytest.mark.parametrize("late", ["sent", "delivered", "failed"])
def test_late_news_of_any_earlier_attempt_changes_nothing(place, late):
    post = Post(place)
    one = post.queue()
    channel, send = failing(place)
    sids = []
    for _ in range(3):
        assert send() == Delivery(sent=1)
        sids.append(post.row(one).provider_sid)
        assert told(post, one, 63018, "later", sids[-1])
        place.clock.move(minutes=1)
    before = post.row(one)
    for sid in sids:
        event = StatusEvent(sid, late, 0 if late == "failed" else 4, late == "failed", 63018)
        assert not fates.record_status(post.here, one, event)
        fates.record_sent(post.here, one, StatusEvent(sid, "queued", 1))
    assert post.row(one) == before
    assert send() == Delivery(sent=1)
    assert len(channel.sent) == 4
    assert told(post, one, 63018, "later", post.row(one).provider_sid), "but of this one it does"


def test_of_a_message_that_fails_again_and_again_the_last_attempts_are_known(quick, monkeypatch):
    monkeypatch.setattr(fates, "REMEMBERED", 2)
    post = Post(quick)
    one = post.queue()
    _, send = failing(quick)
    for _ in range(4):
        assert send() == Delivery(sent=1)
        assert told(post, one, 63018, "later", post.row(one).provider_sid)
        quick.clock.move(minutes=1)
    assert post.row(one).past_sids == " ".join(f"SM{number:032x}" for number in (3, 4))


def test_marketing_that_meta_holds_back_is_tried_once_more_after_a_day(quick):
    templates(quick)
    post = Post(quick, heard=False)
    one = invite(post, quick)
    channel, send = failing(quick)
    assert send() == Delivery(sent=1)
    assert told(post, one, 63049, "later_once", post.row(one).provider_sid)
    quick.clock.move(hours=23)
    assert send() == Delivery()
    quick.clock.move(hours=1, seconds=1)
    assert send() == Delivery(sent=1)
    assert told(post, one, 63049, "later_once", post.row(one).provider_sid)
    assert post.row(one).status == "failed"
    assert len(channel.sent) == 2


def test_an_unknown_code_on_the_way_is_final_and_reported(quick):
    post = Post(quick)
    one = post.queue()
    _, send = failing(quick)
    send()
    assert told(post, one, 69998, "refused", post.row(one).provider_sid, known=False)
    assert post.row(one).status == "failed"
    assert [alert.kind for alert in rows(quick.installation, Alert)] == ["code:69998"]


def test_callbacks_that_come_together_are_taken_in_together_and_none_is_lost(place):
    posts = [Post(place) for _ in range(40)]
    ids = [post.queue() for post in posts]
    statuses = fates.Statuses()
    known, start = [], threading.Barrier(40)

    def tell(number):
        start.wait()
        event = StatusEvent(f"SM{number:032x}", "delivered", 4)
        known.append(statuses.record(place.installation, ids[number], event))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert known == [True] * 40
    assert {row.status for row in rows(place.installation, Outbox)} == {"delivered"}


# what operators do about it


def test_an_operator_sets_limits_and_lets_a_sender_go_on(quick):
    post = Post(quick)
    post.queue()
    channel, send = failing(quick, SendError("no", "config", 20003))
    send()
    senders.resume_sender(quick.installation, channel.sender)
    assert senders.alerts(quick.installation) == []
    quick.clock.move(minutes=5, seconds=1)
    assert send() == Delivery(sent=1)
    senders.change_sender(quick.installation, channel.sender, people_per_day=2000, per_second=None)
    (found,) = senders.senders(quick.installation)
    assert (found.people_per_day, found.per_second) == (2000, 80)
    senders.change_sender(quick.installation, channel.sender, people_per_day=0)
    assert senders.senders(quick.installation)[0].people_per_day is None
    with pytest.raises(Exception, match="is no sender of ours"):
        senders.resume_sender(quick.installation, "whatsapp:+6281200000001")


def test_a_person_is_not_flooded_however_much_waits(quick):
    post = Post(quick)
    for number in range(50):
        post.queue(Message(f"pesan {number}"))
    channel, send = failing(quick)
    while send().sent:
        pass
    assert len(channel.sent) == 45
    quick.clock.move(seconds=6)
    assert send() == Delivery(sent=1)


def test_campaigns_wait_for_their_moment(quick, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    templates(quick)
    for _ in range(6):
        invite(Post(quick, heard=False), quick)
    _, send = failing(quick)
    send()
    assert len(waited) >= 4, "one in a sixtieth of a second"
    assert all(0 < one <= 0.1 for one in waited)
