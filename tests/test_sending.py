"""The outbox: what goes out, what must not, and that nothing ever goes out twice."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text, update

from bot.channels.base import Address, Found, Outgoing, SendError, StatusEvent
from bot.channels.twilio_forms import status_event
from bot.flow.turn import Choice, Message, Tappable
from bot.interview import identity
from bot.interview.sending import delivering as sending
from bot.interview.sending import outbox
from bot.interview.sending.delivering import Delivery, deliver
from bot.interview.sending.fates import record_status
from bot.interview.sending.outbox import Purpose, enqueue
from bot.interview.sending.reconciling import reconcile
from storage.models import Address as AddressTable
from storage.models import Contact, OptOut, Outbox, Window
from storage.queries import people
from tests.fake_twilio import FakeTwilio
from tests.forked import ready_together
from tests.respondents import all_at_once
from tests.rows import change, count, fates, rows
from tests.setup import SECRET, publish_bundled
from tests.whatsapp import Office, office

ASK = Message("Halo?", question="q1", language="id")


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    with office(database_url) as opened:
        yield opened


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


class Post:
    """Puts messages to one person into the outbox and looks at what became of them."""

    def __init__(self, place: Office, *, heard: bool = True, **who: Any) -> None:
        self.place = place
        self.here = place.installation
        self.person = place.twilio.person(**who)
        self.addresses = [Address.parse(one) for one in self.person.reachable]
        met = self.here.database.write(
            lambda c: identity.person(c, self.here, self.addresses[:1] or self.addresses)
        )
        self.contact_id = met.contact_id
        self.address_id = next(iter(met.addresses.values()))
        if heard:
            self.hears()

    def hears(self) -> None:
        """Open the 24-hour window, here and at WhatsApp."""
        self.person.wrote_at = self.place.clock.now
        now = self.here.now()
        sender = self.here.via.sender
        self.here.database.write(lambda c: people.saw_inbound(c, self.address_id, sender, now))

    def queue(
        self,
        message: Message = ASK,
        purpose: Purpose = "reply",
        dedupe: str | None = None,
        **values: Any,
    ) -> UUID:
        found = self.here.database.write(
            lambda c: enqueue(
                c,
                self.here,
                address_id=self.address_id,
                message=message,
                purpose=purpose,
                dedupe=dedupe or uuid.uuid4().hex,
                **values,
            )
        )
        assert found is not None
        return found

    def deliver(self, limit: int = 50) -> Delivery:
        return deliver(self.here, self.place.service.channels, limit)

    def reconcile(self) -> int:
        return reconcile(self.here, self.place.service.channels)

    def row(self, outbox_id: UUID) -> Any:
        (found,) = rows(self.here, Outbox, id=outbox_id)
        return found

    def told(self, outbox_id: UUID, status: str, **values: Any) -> bool:
        """Let a status callback come."""
        sid = values.pop("sid", "SM" + "1" * 32)
        code = values.pop("code", None)
        event = status_event(sid, status, code, tuple(values.pop("addresses", ())))
        return record_status(self.here, outbox_id, event)


def templates(place: Office) -> dict[str, str]:
    """Return a line of settings with approved templates for invitations and reminders."""
    types = {"twilio/text": {"body": "Selamat {{1}}, mari mengisi"}}
    sid = place.twilio.content(types, {"1": "pagi"})
    publish_bundled(
        place.installation,
        min_answer_seconds="0",
        templates=f"{{invite: {{id: {sid}}}, reminder_first: {{id: {sid}}}}}",
    )
    return {"sid": sid}


INVITE = Message("Selamat pagi", template="invite", variables={"1": "pagi"}, step="invite")


# what goes out


def test_a_message_goes_out_once_and_its_words_are_gone_when_it_has_arrived(both):
    place = both
    post = Post(place)
    one = post.queue()
    assert post.row(one).sealed is not None
    assert post.deliver() == Delivery(sent=1)
    assert post.deliver() == Delivery()
    place.twilio.settle()
    assert post.person.inbox == ["Halo?"]
    row = post.row(one)
    assert (row.status, row.rank, row.sealed, row.lease_until) == ("delivered", 4, None, None)


def test_what_has_happened_once_is_not_queued_again(both):
    place = both
    post = Post(place)
    post.queue(dedupe="7:invite")
    again = place.installation.database.write(
        lambda c: enqueue(
            c,
            place.installation,
            address_id=post.address_id,
            message=ASK,
            purpose="reply",
            dedupe="7:invite",
        )
    )
    assert again is None
    assert count(place.installation, Outbox) == 1


def test_the_stored_form_of_a_message_gives_an_equal_one_back():
    full = Message(
        "Pilih",
        choices=(Choice("1", "Ya"), Choice("2", "Tidak")),
        footer="(1/2)",
        buttons=(Choice("q:1", "Ya"),),
        question="q",
        language="en",
        step="reminder",
        template="reminder_first",
        variables={"1": "pagi"},
        taps=Tappable("list", (Choice("q:1", "Ya"),), "Pilih {{1}}", ("ini",), "Buka"),
    )
    for message in (full, Message("Hai")):
        assert outbox.from_json(outbox.to_json(message)) == message


def test_nothing_goes_out_before_its_time(quick):
    post = Post(quick)
    post.queue(not_before=quick.clock.now + timedelta(hours=1))
    assert post.deliver() == Delivery()
    quick.clock.move(minutes=61)
    assert post.deliver().sent == 1


def test_what_is_too_late_is_dropped_and_wiped(quick):
    post = Post(quick)
    one = post.queue(expires_at=quick.clock.now + timedelta(hours=12))
    quick.clock.move(hours=12)
    assert post.deliver() == Delivery(dropped=1)
    row = post.row(one)
    assert (row.status, row.sealed, row.reason) == ("dropped", None, "expired")


def test_replies_go_before_reports_reminders_and_invitations(quick):
    templates(quick)
    posts = [Post(quick) for _ in range(4)]
    order: tuple[Purpose, ...] = ("invitation", "reminder", "report", "reply")
    for post, purpose in zip(posts, order, strict=True):
        post.queue(Message(purpose, template="invite"), purpose)
        quick.clock.move(seconds=1)
    posts[0].deliver()
    sent = [record.body for record in quick.twilio.outbound()]
    assert sent == ["reply", "report", "reminder", "invitation"]


def test_one_person_gets_messages_one_after_the_other_in_their_order(place):
    post = Post(place)
    for number in range(3):
        post.queue(Message(f"nomor {number}"))
        place.clock.move(seconds=1)
    other = Post(place)
    other.queue()
    assert post.deliver() == Delivery(sent=2), "one of each address at a time"
    assert post.deliver() == Delivery(sent=1)
    assert post.deliver() == Delivery(sent=1)
    assert post.person.inbox == ["nomor 0", "nomor 1", "nomor 2"]


# the 24-hour window


def test_outside_the_window_an_invitation_is_an_approved_template(place):
    sid = templates(place)["sid"]
    post = Post(place, heard=False)
    one = post.queue(INVITE, "invitation", survey_id=place.published.id)
    assert post.deliver() == Delivery(sent=1)
    place.twilio.settle()
    assert [record.content_sid for record in place.twilio.outbound()] == [sid]
    assert post.row(one).status == "delivered"
    assert post.row(one).template


def test_inside_the_window_the_words_themselves_go_out(quick):
    templates(quick)
    post = Post(quick)
    one = post.queue(INVITE, "reminder", survey_id=quick.published.id)
    post.deliver()
    assert [record.content_sid for record in quick.twilio.outbound()] == [None]
    assert not post.row(one).template


@pytest.mark.parametrize(("hours", "inside"), [(23.4, True), (23.6, False)])
def test_the_window_is_taken_for_shut_half_an_hour_early(quick, hours, inside):
    templates(quick)
    post = Post(quick)
    quick.clock.move(hours=hours)
    post.queue(INVITE, "reminder", survey_id=quick.published.id)
    post.deliver()
    assert [record.content_sid is None for record in quick.twilio.outbound()] == [inside]


def test_without_an_approved_template_nothing_is_tried_outside_the_window(quick):
    post = Post(quick, heard=False)
    one = post.queue(INVITE, "invitation", survey_id=quick.published.id)
    assert post.deliver() == Delivery()
    assert post.row(one).status == "queued"
    assert quick.twilio.outbound() == []


# who wants nothing


def test_an_opt_out_counts_at_the_last_moment_and_for_every_purpose_but_replies(place):
    templates(place)
    here = place.installation
    post = Post(place)
    reminder = post.queue(INVITE, "reminder", survey_id=place.published.id)
    here.database.write(lambda c: identity.opt_out(c, here, post.contact_id))
    assert post.deliver() == Delivery(dropped=1)
    assert post.row(reminder).status == "dropped"
    reply, report = post.queue(), post.queue(purpose="report")
    for _ in range(2):
        post.deliver()
    assert post.row(reply).provider_sid
    assert post.row(report).provider_sid, "who answers no survey may still coordinate one"
    here.database.write(lambda c: identity.opt_out(c, here, post.contact_id, "coordinator"))
    late = post.queue(purpose="report")
    assert post.deliver() == Delivery(dropped=1)
    assert post.row(late).status == "dropped"


def test_who_has_blocked_us_at_the_provider_is_never_written_to_again(place):
    post = Post(place, phone="+6281200000501", bsuid="ID.1000000000000501")
    here = place.installation
    here.database.write(lambda c: identity.person(c, here, post.addresses))
    post.person.opted_out = True
    one = post.queue()
    assert post.deliver() == Delivery(failed=1)
    row = post.row(one)
    assert (row.status, row.error_code, row.sealed) == ("failed", 21610, None)
    assert count(here, OptOut, purpose="respondent") == 2, "by any address"


@pytest.mark.parametrize("purpose", ["reply", "report"])
def test_a_callback_that_tells_of_a_block_is_an_opt_out_too(quick, purpose):
    post = Post(quick)
    post.person.failure = 63014
    post.queue(purpose=purpose)
    post.deliver()
    quick.twilio.settle()
    assert fates(quick.installation) == ["failed"]
    told = {"reply": "respondent", "report": "coordinator"}[purpose]
    assert [row.purpose for row in rows(quick.installation, OptOut)] == [told]


# what may have been sent


@pytest.mark.parametrize("fault", ["500_after", "drop_after"])
def test_what_was_taken_although_the_answer_was_lost_is_not_sent_again(place, fault):
    post = Post(place)
    one = post.queue()
    with place.twilio.callbacks_held():
        place.twilio.faults.next(fault)
        assert post.deliver() == Delivery(unknown=1)
        assert post.row(one).status == "unknown"
        assert post.deliver() == Delivery()
    place.twilio.settle()
    assert post.row(one).status == "delivered", "the callback has told"
    place.clock.move(hours=1)
    assert post.reconcile() == 0
    assert post.person.inbox == ["Halo?"]


@pytest.mark.parametrize("fault", ["500_after", "drop_after"])
def test_without_a_callback_it_is_found_in_the_providers_list(place, fault):
    post = Post(place)
    one = post.queue(Message("  Halo,\r\napa kabar? \x07 "))
    place.twilio.faults.next("callback_missing")
    place.twilio.faults.next(fault)
    post.deliver()
    assert post.reconcile() == 0, "a callback may still come within two minutes"
    place.clock.move(minutes=3)
    assert post.reconcile() == 1
    assert post.row(one).status == "sent"
    assert post.row(one).provider_sid == place.twilio.outbound()[0].sid
    place.clock.move(hours=1)
    post.deliver()
    assert len(post.person.inbox) == 1


@pytest.mark.parametrize("fault", ["drop_before", "500", "503", "html"])
def test_a_reply_that_is_found_nowhere_for_ten_minutes_goes_out_again(place, fault):
    post = Post(place)
    one = post.queue()
    place.twilio.faults.next(fault)
    assert post.deliver() == Delivery(unknown=1)
    for _ in range(4):
        place.clock.move(minutes=2.2)
        assert post.reconcile() == 0
        assert post.deliver() == Delivery()
        assert post.row(one).status == "unknown"
    place.clock.move(minutes=2)
    assert post.reconcile() == 1
    assert post.deliver() == Delivery(sent=1)
    place.twilio.settle()
    assert post.person.inbox == ["Halo?"]
    assert post.row(one).attempts == 2


def test_a_time_out_is_unknown_and_not_sent_again_blindly(quick):
    quick.service.twilio._timeout = 0.1
    post = Post(quick)
    quick.twilio.faults.slow_seconds = 0.4
    quick.twilio.faults.next("slow")
    one = post.queue()
    assert post.deliver() == Delivery(unknown=1)
    quick.twilio.settle()
    assert post.deliver() == Delivery()
    assert post.row(one).status == "delivered"
    assert post.person.inbox == ["Halo?"]


def test_a_template_is_never_sent_again_when_nobody_knows(place):
    templates(place)
    post = Post(place, heard=False)
    one = post.queue(INVITE, "invitation", survey_id=place.published.id)
    place.twilio.faults.next("drop_before")
    assert post.deliver() == Delivery(unknown=1)
    place.clock.move(hours=1)
    assert post.reconcile() == 1
    row = post.row(one)
    assert (row.status, row.sealed) == ("failed", None)
    place.clock.move(days=1)
    assert post.deliver() == Delivery()
    assert place.twilio.outbound() == []


def test_a_template_is_found_whatever_its_words_became(place):
    templates(place)
    post = Post(place, heard=False)
    one = post.queue(INVITE, "invitation", survey_id=place.published.id)
    place.twilio.faults.next("callback_missing")
    place.twilio.faults.next("500_after")
    post.deliver()
    place.clock.move(minutes=3)
    assert post.reconcile() == 1
    assert post.row(one).status == "sent"


def test_nobody_is_asked_an_old_question_after_a_newer_message(place):
    post = Post(place)
    old = post.queue(inline=True)
    place.clock.move(seconds=30)
    new = post.queue(Message("Dan ini?"), inline=True)
    place.clock.move(minutes=30)
    post.reconcile()
    assert (post.row(old).status, post.row(old).sealed) == ("superseded", None)
    assert post.row(new).status == "queued"
    post.deliver()
    place.twilio.settle()
    assert post.person.inbox == ["Dan ini?"]


def test_a_message_in_the_list_that_belongs_to_another_row_is_not_taken_for_this_one(place):
    post = Post(place)
    first = post.queue()
    post.deliver()
    place.twilio.settle()
    place.clock.move(seconds=20)
    second = post.queue()
    place.twilio.faults.next("drop_before")
    post.deliver()
    place.clock.move(minutes=3)
    assert post.reconcile() == 0
    assert post.row(second).status == "unknown"
    assert post.row(first).provider_sid != post.row(second).provider_sid


def test_a_failure_that_the_list_tells_is_final(quick):
    post = Post(quick)
    post.person.failure = 63024
    one = post.queue()
    quick.twilio.faults.next("callback_missing")
    quick.twilio.faults.next("500_after")
    post.deliver()
    quick.twilio.settle()
    quick.clock.move(minutes=3)
    assert post.reconcile() == 1
    assert (post.row(one).status, post.row(one).error_code) == ("failed", 63024)


def test_a_list_that_cannot_be_read_settles_nothing(quick):
    post = Post(quick)
    one = post.queue()
    quick.twilio.faults.next("drop_before")
    post.deliver()
    quick.clock.move(hours=1)
    quick.twilio.faults.next("503", on="list")
    assert post.reconcile() == 0
    assert post.row(one).status == "unknown"
    assert post.row(one).not_before > quick.clock.now


# what was certainly not sent


@pytest.mark.parametrize("fault", ["429", "problem"])
def test_what_was_never_processed_is_tried_again_with_pauses(place, fault):
    post = Post(place)
    one = post.queue()
    place.twilio.faults.next(fault, times=2)
    assert post.deliver() == Delivery(later=1)
    assert post.row(one).status == "queued"
    assert post.deliver() == Delivery(), "not at once"
    place.clock.move(seconds=2)
    assert post.deliver() == Delivery(later=1)
    place.clock.move(seconds=3)
    assert post.deliver() == Delivery()
    place.clock.move(seconds=1)
    assert post.deliver() == Delivery(sent=1)
    assert len(post.person.inbox) == 1


def test_hours_without_the_provider_cost_nobody_a_message(quick):
    post = Post(quick)
    one = post.queue()
    quick.twilio.faults.next("429", times=40)
    for _ in range(40):
        post.deliver()
        quick.clock.move(minutes=16)
    assert post.row(one).status == "queued"
    assert post.deliver() == Delivery(sent=1)


def test_trying_has_an_end(quick):
    post = Post(quick)
    one = post.queue()
    quick.twilio.faults.next("429", times=200)
    for _ in range(100):
        post.deliver()
        quick.clock.move(minutes=16)
    row = post.row(one)
    assert (row.status, row.sealed) == ("failed", None)


def test_what_the_provider_refuses_is_final_and_wiped(quick):
    post = Post(quick)
    one = post.queue(Message("x" * 1601))
    assert post.deliver() == Delivery(failed=1)
    row = post.row(one)
    assert (row.status, row.error_code, row.sealed) == ("failed", 21617, None)


# leases


def test_a_sender_that_died_leaves_an_unknown_row_and_not_a_second_message(place):
    post = Post(place)
    one = post.queue()
    _lease_and_die(place)
    assert post.row(one).status == "claimed"
    assert post.deliver() == Delivery(), "its lease still runs"
    _let_leases_run_out(place)
    assert post.deliver() == Delivery()
    assert post.row(one).status == "unknown"
    place.clock.move(minutes=11)
    assert post.reconcile() == 1
    assert post.deliver() == Delivery(sent=1)


def leased(connection: Any, place: Office) -> Any:
    """Lease what is due, as a sender does."""
    here, channels = place.installation, place.service.channels
    found = [sending._lease(connection, here, channels, 50, lane) for lane in sending.EVERYTHING]
    return [job for jobs, _ in found for job in jobs], sum(dropped for _, dropped in found)


def run(place: Office) -> Any:
    """Return what sends leased messages."""
    here, channels = place.installation, place.service.channels
    return sending._Run(here, channels, Counter(), "urgent")


def _lease_and_die(place: Office, *, claimed: bool = True) -> None:
    """Do what a sender does up to the moment at which it asks the provider, or not even claims."""
    here = place.installation
    jobs, _ = here.database.write(lambda c: leased(c, place))
    for job in jobs if claimed else []:
        assert run(place)._claim(job)


def _let_leases_run_out(place: Office) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    statement = update(Outbox).where(Outbox.lease_until.is_not(None)).values(lease_until=past)
    place.installation.database.write(lambda c: c.execute(statement))


def test_what_a_dead_sender_had_only_in_its_hands_goes_out_as_if_nothing_had_been(place):
    templates(place)
    post, other = Post(place), Post(place, heard=False)
    reply = post.queue()
    invitation = other.queue(INVITE, "invitation", survey_id=place.published.id)
    _lease_and_die(place, claimed=False)
    assert post.deliver() == Delivery(), "its lease still runs"
    _let_leases_run_out(place)
    assert post.deliver() == Delivery(sent=2)
    place.twilio.settle()
    assert {post.row(reply).status, post.row(invitation).status} == {"delivered"}


def test_a_template_that_a_dead_sender_may_have_sent_goes_out_when_the_list_has_none(place):
    templates(place)
    post = Post(place, heard=False)
    one = post.queue(INVITE, "invitation", survey_id=place.published.id)
    _lease_and_die(place)
    _let_leases_run_out(place)
    post.deliver()
    place.clock.move(minutes=9)
    assert post.reconcile() == 0
    place.clock.move(minutes=3)
    assert post.reconcile() == 1
    assert post.deliver() == Delivery(sent=1)
    place.twilio.settle()
    assert post.row(one).status == "delivered"
    assert len(post.person.inbox) == 1


def test_a_lease_that_was_lost_sends_nothing_any_more(place):
    post = Post(place)
    post.queue()
    here = place.installation
    (job,), _ = here.database.write(lambda c: leased(c, place))
    _let_leases_run_out(place)
    assert post.deliver() == Delivery(sent=1)
    assert not run(place)._claim(job)


def test_the_next_message_of_a_person_waits_for_the_lease_of_the_one_before(place):
    post = Post(place)
    post.queue()
    _lease_and_die(place)
    place.clock.move(seconds=1)
    post.queue(Message("yang kedua"))
    assert post.deliver() == Delivery()
    _let_leases_run_out(place)
    assert post.deliver() == Delivery(sent=1)


class Slow:
    """A channel for which every message takes longer than a lease allows for."""

    name = "twilio"
    sender = "whatsapp:+6281200000999"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.wait = threading.Event()

    def send(self, outgoing: Outgoing) -> StatusEvent:
        self.sent.append(outgoing.reference)
        self.wait.wait(0.2)
        return StatusEvent("SM" + uuid.uuid4().hex, "queued", 1)

    def find(self, to: Address, since: Any) -> list[Found]:
        raise SendError("nothing is listed here", "later")


def test_a_slow_provider_leaves_no_time_to_outlast_the_lease(quick, monkeypatch):
    """What is not begun in time is given back: its lease could end in the middle of the request."""
    monkeypatch.setattr(sending, "SEND_WITHIN", 0.3)
    posts = [Post(quick) for _ in range(6)]
    for post in posts:
        post.queue()
    slow = Slow()
    done = deliver(quick.installation, {"twilio": slow})
    assert done.sent == len(slow.sent) < 6
    assert done.sent + done.later == 6
    assert Counter(fates(quick.installation)) == {"sent": done.sent, "queued": done.later}
    while deliver(quick.installation, {"twilio": slow}).sent:
        pass
    assert Counter(slow.sent) == {row.id.hex: 1 for row in rows(quick.installation, Outbox)}
    assert {row.attempts for row in rows(quick.installation, Outbox)} == {1}


# callbacks


def test_callbacks_may_come_in_any_order_and_number(place):
    post = Post(place)
    for order in (
        ["sent", "delivered", "read"],
        ["read", "delivered", "sent"],
        ["delivered", "delivered", "sent", "queued", "read"],
    ):
        one = post.queue()
        post.deliver()
        place.twilio.settle()
        sid = post.row(one).provider_sid
        for status in order:
            assert post.told(one, status, sid=sid)
            place.clock.move(seconds=1)
        assert (post.row(one).status, post.row(one).rank) == ("delivered", 4)


def test_when_a_message_was_read_is_nowhere(place):
    post = Post(place)
    one = post.queue()
    post.deliver()
    place.twilio.settle()
    before = post.row(one)
    assert post.told(one, "read", sid=before.provider_sid)
    assert post.row(one) == before
    assert before.rank == 4


def test_a_failure_after_delivery_changes_nothing_and_before_it_is_final(place):
    post = Post(place)
    one = post.queue()
    post.deliver()
    place.twilio.settle()
    sid = post.row(one).provider_sid
    post.told(one, "failed", sid=sid, code=63024)
    assert (post.row(one).status, post.row(one).error_code) == ("delivered", None)
    two = post.queue(inline=True)
    post.told(two, "undelivered", sid="SM" + "2" * 32, code=63024)
    assert (post.row(two).status, post.row(two).error_code) == ("failed", 63024)
    post.told(two, "sent", sid="SM" + "2" * 32)
    assert post.row(two).status == "failed"


def test_a_callback_before_our_own_record_of_the_send_is_kept(place):
    """Twilio tells that it is delivered before our POST's answer is stored."""
    post = Post(place)
    one = post.queue()

    class Ahead:
        name = "twilio"
        sender = place.twilio.sender

        def send(self, outgoing: Outgoing) -> StatusEvent:
            assert post.told(UUID(outgoing.reference), "delivered", sid="SM" + "3" * 32)
            return StatusEvent("SM" + "3" * 32, "queued", 1)

        def find(self, to: Address, since: Any) -> list[Found]:
            return []

    assert deliver(place.installation, {"twilio": Ahead()}).sent == 1
    row = post.row(one)
    assert (row.status, row.rank, row.provider_sid) == ("delivered", 4, "SM" + "3" * 32)
    _let_leases_run_out(place)
    assert post.deliver() == Delivery()
    assert post.row(one).status == "delivered"


@pytest.mark.parametrize("status", ["accepted", "queued", "sending"])
@pytest.mark.parametrize("before", ["unknown", "queued", "claimed"])
def test_any_callback_proves_that_the_provider_has_the_message(place, status, before):
    """A row that waits to be sent again must not be, however low the rank that is told."""
    post = Post(place)
    one = post.queue()
    change(place.installation, Outbox, {"status": before, "attempts": 1}, id=one)
    assert post.told(one, status)
    assert post.row(one).status == "sent"
    place.clock.move(hours=2)
    post.reconcile()
    assert post.deliver() == Delivery()
    assert place.twilio.outbound() == []


def test_a_callback_of_an_earlier_attempt_is_not_about_this_one(place):
    post = Post(place)
    one = post.queue()
    post.deliver()
    place.twilio.settle()
    sid = post.row(one).provider_sid
    assert not post.told(one, "failed", sid="SM" + "9" * 32)
    assert post.row(one).provider_sid == sid
    assert post.row(one).status == "delivered"


def test_a_callback_for_no_row_of_ours_is_nothing(place):
    post = Post(place)
    assert not post.told(uuid.uuid4(), "delivered")


def test_a_callback_that_names_both_addresses_makes_one_person_of_two(place):
    here = place.installation
    post = Post(place, phone="+6281200000601")
    bsuid = Address("bsuid", "ID.1000000000000601")
    here.database.write(lambda c: identity.person(c, here, [bsuid]))
    assert count(here, Contact) == 2
    one = post.queue()
    post.deliver()
    post.told(
        one,
        "delivered",
        sid=place.twilio.outbound()[0].sid,
        addresses=(post.addresses[0], bsuid),
    )
    assert count(here, Contact) == 1
    assert count(here, AddressTable) == 2


def test_a_callback_about_people_we_do_not_know_makes_nobody(place):
    here = place.installation
    post = Post(place)
    one = post.queue()
    strangers = (Address("phone", "+6281200000602"), Address("bsuid", "ID.1000000000000602"))
    post.told(one, "delivered", addresses=strangers)
    assert count(here, Contact) == 1
    assert count(here, AddressTable) == 1


# many at once


def test_threads_that_send_at_once_send_each_message_once(both):
    place = both
    posts = [Post(place) for _ in range(12)]
    wanted = []
    for post in posts:
        for number in range(3):
            wanted.append(post.queue(Message(f"{number}")).hex)

    def work() -> None:
        for _ in range(12):
            posts[0].deliver(limit=5)

    all_at_once([work] * 6, at_a_time=6)
    while posts[0].deliver().sent:
        pass
    place.twilio.settle()
    references = [urlsplit(r.callback or "").path.split("/")[-1] for r in place.twilio.outbound()]
    assert Counter(references) == dict.fromkeys(wanted, 1)
    for post in posts:
        assert sorted(post.person.inbox) == ["0", "1", "2"]
    assert set(fates(place.installation)) == {"delivered"}


def test_one_persons_messages_are_never_under_way_together(postgres_url):
    """Senders that lease at the same moment must not each take a row of one address."""
    with office(postgres_url) as place:
        post = Post(place)
        for _ in range(30):
            post.queue()
            place.clock.move(seconds=1)
        lock = threading.Lock()
        under_way: list[str] = []
        most: list[int] = []

        class Watched(Slow):
            def send(self, outgoing: Outgoing) -> StatusEvent:
                with lock:
                    under_way.append(outgoing.reference)
                    most.append(len(under_way))
                self.wait.wait(0.002)
                with lock:
                    under_way.remove(outgoing.reference)
                return StatusEvent("SM" + uuid.uuid4().hex, "sent", 3)

        def work() -> None:
            for _ in range(40):
                deliver(place.installation, {"twilio": Watched()}, limit=1)

        all_at_once([work] * 6, at_a_time=6)
        assert max(most) == 1
        assert len(most) == 30


SENDER = """
import sys
from bot.config import Settings
from bot.interview.installation import Clock
from bot.interview.sending.delivering import deliver
from bot.service import Service
from datetime import datetime
url, base, sid, token, sender, secret, now = sys.argv[1:]
settings = Settings(
    database_url=url, public_base_url="https://survei.contoh.test", tautan_secret_key=secret,
    twilio_account_sid=sid, twilio_auth_tokens=(token,), twilio_whatsapp_from=sender,
    twilio_api_base_url=base,
)
moment = datetime.fromisoformat(now)
service = Service(settings, serving=True, clock=Clock(lambda: moment))
service.installation
print("ready", flush=True)
sys.stdin.readline()
print(sum(deliver(service.installation, service.channels, 7).sent for _ in range(40)), flush=True)
service.close()
"""


def test_processes_that_send_at_once_send_each_message_once_although_one_is_killed(postgres_url):
    with office(postgres_url) as place:
        posts = [Post(place) for _ in range(40)]
        wanted = [post.queue().hex for post in posts for _ in range(2)]
        twilio = place.twilio
        words = [postgres_url, twilio.base_url, twilio.account_sid, twilio.auth_token]
        words += [twilio.sender, SECRET, place.clock.now.isoformat()]
        with ready_together(3, SENDER, *words) as senders:
            for one in senders:
                one.go()
            while len(twilio.outbound()) < 10:
                time.sleep(0.001)
            senders[0].kill()
            sent = [int(one.rest() or 0) for one in senders[1:]]
        assert all(sent), "each had something to do"
        place.twilio.settle()
        _let_leases_run_out(place)
        posts[0].deliver()
        for _ in range(3):
            place.clock.move(minutes=6)
            place.sweep("reconcile")
            place.sweep("deliver")
        place.twilio.settle()
        references = [
            urlsplit(r.callback or "").path.split("/")[-1] for r in place.twilio.outbound()
        ]
        assert Counter(references) == dict.fromkeys(wanted, 1)
        assert Counter(fates(place.installation)) == {"delivered": len(wanted)}


def test_whatever_goes_wrong_at_the_provider_everybody_gets_every_message_once(quick):
    """Faults of all kinds at once, by a seed: in the end each reply has arrived exactly once."""
    twilio = quick.twilio
    posts = [Post(quick) for _ in range(10)]
    for fault in ("drop_before", "drop_after", "429", "500", "500_after", "503", "html"):
        twilio.faults.chance(fault, 0.06)
    for fault in ("callback_missing", "callback_duplicate", "callback_reversed"):
        twilio.faults.chance(fault, 0.2)
    for turn in range(4):
        for post in posts:
            post.queue(Message(f"pesan {turn}"))
        for _ in range(60):  # what meets fault after fault needs more than one round
            quick.sweep("deliver")
            twilio.settle()
            quick.clock.move(minutes=2.5)
            quick.sweep("reconcile")
            if not {"queued", "claimed", "unknown"} & set(fates(quick.installation)):
                break
    for post in posts:
        assert sorted(post.person.inbox) == [f"pesan {turn}" for turn in range(4)]
    assert set(fates(quick.installation)) <= {"sent", "delivered"}
    assert sum(twilio.faults.struck.values()) > 20


def test_the_leases_of_postgresql_are_in_its_own_time(postgres_url):
    """The clocks of two hosts may differ; that of the database is one."""
    with office(postgres_url) as place:
        post = Post(place)
        one = post.queue()
        _lease_and_die(place)
        ahead = place.installation.database.read(
            lambda c: c.execute(
                text("SELECT lease_until - clock_timestamp() FROM outbox WHERE id = :id"),
                {"id": one},
            ).scalar_one()
        )
        assert timedelta(seconds=50) < ahead <= sending.LEASE


def test_a_window_is_kept_per_number_of_ours(quick):
    post = Post(quick)
    change(quick.installation, Window, {"sender": "whatsapp:+6281200000998"})
    one = post.queue(INVITE, "reminder", survey_id=quick.published.id)
    assert post.deliver() == Delivery(), "another number's window is not ours"
    assert post.row(one).status == "queued"


def test_two_installations_of_the_fake_do_not_share_people():
    """The tests above count at the fake: it must not remember anything of another test."""
    with FakeTwilio() as one, FakeTwilio() as two:
        one.person()
        assert two.people == {}
