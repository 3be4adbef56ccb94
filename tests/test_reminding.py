"""Who gets no reminder although one is due, and what is counted of those who do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.channels.base import Address, StatusEvent
from bot.flow.turn import Message
from bot.interview import identity
from bot.interview.sending import fates
from bot.interview.sending.delivering import deliver
from bot.interview.sending.outbox import enqueue
from bot.interview.surveys import publish
from bot.interview.waking import wake_due
from storage.models import Address as AddressRow
from storage.models import Alert, Conversation, Outbox, ReminderDay
from storage.queries import reminders as queries
from tests.rows import change, count, rows
from tests.setup import MONDAY, bundled_files
from tests.test_conversations import begun, invite, let_out, state, steps
from tests.test_fates import Failing
from tests.test_sending import templates
from tests.whatsapp import Office, office

RATES = """
rates:
  currency: USD
  service: 0.02
  utility: 0.02
  marketing: 0.04
  provider_out: 0.01
"""


@pytest.fixture
def place(database_url: str) -> Iterator[Office]:
    with office(database_url) as opened:
        yield opened


@pytest.fixture
def quick(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def settle(place: Office, old: str = "", new: str = "", more: str = "") -> None:
    """Publish the bundled survey with other settings."""
    files = bundled_files()
    assert old in files["survey.yaml"]
    text = files["survey.yaml"].replace(old, new) + more
    publish(place.installation, files | {"survey.yaml": text})


def pass_days(place: Office, days: int) -> None:
    """Let time pass, an hour at a time, in which all that is written goes out at once."""
    let_out(place)
    for _ in range(days):
        for _ in range(24):
            place.clock.move(hours=1)
            if wake_due(place.installation):
                let_out(place)


def fresh_channel(place: Office) -> Failing:
    """Return a channel whose messages have ids of their own, whatever was sent before."""
    channel = Failing()
    before = sum(
        one.attempts + (one.handed_at is not None) for one in rows(place.installation, Outbox)
    )
    channel.sent = [None] * (100 * before)
    return channel


def fail(place: Office, code: int, outcome: str) -> None:
    """Let the last message that is queued fail on its way."""
    here, channel = place.installation, fresh_channel(place)
    templates(place)
    deliver(here, {"twilio": channel})
    (row,) = [one for one in rows(here, Outbox) if one.status in {"sent", "delivered"}]
    event = StatusEvent(row.provider_sid, "undelivered", 0, True, code, outcome=outcome)  # type: ignore[arg-type]
    assert fates.record_status(here, row.id, event)


# who gets none


def test_who_is_not_reached_gets_no_reminder_until_they_write(quick: Office) -> None:
    conversation = invite(quick)
    assert conversation is not None
    wake_due(quick.installation)
    fail(quick, 63024, "refused")
    (row,) = rows(quick.installation, Conversation)
    assert row.unreached == "unreachable"
    pass_days(quick, 9)
    assert steps(quick) == ["invitation"]
    change(quick.installation, Conversation, {"unreached": None})
    settle(quick, "maximum: 3 ", "maximum: 2 ")
    pass_days(quick, 2)
    assert steps(quick) == ["invitation", "reminder"], "the settings woke whoever waits"


def test_who_writes_again_is_reached_again(quick: Office) -> None:
    ani = begun(quick)
    (row,) = rows(quick.installation, Conversation)
    quick.installation.database.write(
        lambda c: queries.not_reached(c, row.id, "capped", quick.installation.now())
    )
    quick.clock.move(minutes=1)
    ani.say("3")
    pass_days(quick, 4)
    assert steps(quick).count("reminder") == 1


def test_what_is_held_back_once_without_time_for_another_try_is_not_the_last(quick: Office) -> None:
    invite(quick)
    wake_due(quick.installation)
    soon = quick.installation.now() + timedelta(hours=1)
    change(quick.installation, Outbox, {"expires_at": soon})
    fail(quick, 63049, "later_once")
    assert rows(quick.installation, Outbox)[0].status == "failed"
    assert rows(quick.installation, Conversation)[0].unreached is None
    pass_days(quick, 9)
    assert steps(quick)[:2] == ["invitation", "reminder"]


def test_marketing_that_is_held_back_twice_is_the_last_we_send(quick: Office) -> None:
    invite(quick)
    wake_due(quick.installation)
    fail(quick, 63049, "later_once")
    assert rows(quick.installation, Conversation)[0].unreached is None
    quick.clock.move(hours=25)
    fail(quick, 63049, "later_once")
    assert rows(quick.installation, Conversation)[0].unreached == "capped"
    pass_days(quick, 9)
    assert steps(quick) == ["invitation"]


def late_invitation(place: Office) -> None:
    """Let an invitation wait for three days, be held back (63049), and then a reminder fall due."""
    templates(place)
    invite(place)
    wake_due(place.installation)
    place.clock.move(days=2, hours=23)
    fail(place, 63049, "later_once")
    place.clock.move(hours=1)
    wake_due(place.installation)
    assert [row.status for row in rows(place.installation, Outbox)] == ["queued"]


def handed(place: Office, days: int) -> list[tuple[str, int]]:
    """Let days pass; return what was handed over then, in hours from the first message on."""
    found, channel = [], fresh_channel(place)
    for _ in range(days * 24):
        place.clock.move(hours=1)
        wake_due(place.installation)
        if deliver(place.installation, {"twilio": channel}).sent:
            hours = (place.clock.now - MONDAY) // timedelta(hours=1)
            found.append((channel.sent[-1].message.step, hours))
    return found


def test_a_reminder_waits_for_an_invitation_that_is_tried_once_more(quick: Office) -> None:
    late_invitation(quick)
    (invitation, first), (reminder, then) = handed(quick, 5)
    assert (invitation, reminder) == ("invite", "reminder")
    assert first >= 71 + 24
    assert then - first >= 48


def test_a_reminder_is_written_when_it_may_go_and_has_its_one_more_try_then(quick: Office) -> None:
    """What kept its distance in the queue was too old for a second try, and its person lost."""
    templates(quick)
    here = quick.installation
    invite(quick)
    wake_due(here)
    quick.clock.move(hours=4)  # it waited until 14.00, and so the reminder of 10.00 will have to
    fail(quick, 63049, "later_once")
    (again, arrived), (reminder, then) = handed(quick, 3)
    assert (again, reminder) == ("invite", "reminder")
    assert 48 <= then - arrived <= 49, "not spread over the day, as what is late would be"
    (row,) = rows(here, Outbox, purpose="reminder")
    assert row.created_at == row.handed_at, "it has not waited in the queue"
    event = StatusEvent(row.provider_sid, "undelivered", 0, True, 63049, outcome="later_once")
    assert fates.record_status(here, row.id, event)
    assert rows(here, Conversation)[0].unreached is None
    assert [step for step, _ in handed(quick, 4)] == ["reminder"]


def test_no_reminder_is_written_while_an_invitation_has_not_gone_out(quick: Office) -> None:
    """Reminders go before invitations: it would overtake it."""
    templates(quick)
    here, channel = quick.installation, fresh_channel(quick)
    invite(quick)
    wake_due(here)
    for _ in range(72):
        quick.clock.move(hours=1)
        wake_due(here)
    assert steps(quick) == ["invitation"]
    assert deliver(here, {"twilio": channel}).sent == 1
    gone = (quick.clock.now - MONDAY) // timedelta(hours=1)
    (step, then), *_ = handed(quick, 6)
    assert step == "reminder"
    assert then - gone >= 48


def test_no_reminder_that_waits_follows_an_invitation_that_is_held_back_for_good(
    quick: Office,
) -> None:
    late_invitation(quick)
    quick.clock.move(hours=24)
    fail(quick, 63049, "later_once")
    assert rows(quick.installation, Conversation)[0].unreached == "capped"
    assert handed(quick, 5) == []


def test_who_opted_out_elsewhere_is_neither_reminded_nor_counted(quick: Office) -> None:
    conversation = invite(quick)
    assert conversation is not None
    wake_due(quick.installation)
    contact = rows(quick.installation, Conversation)[0].contact_id
    quick.installation.database.write(lambda c: identity.opt_out(c, quick.installation, contact))
    pass_days(quick, 9)
    assert steps(quick) == ["invitation"]
    assert [row.step for row in rows(quick.installation, ReminderDay)] == ["invite"]
    assert state(quick, conversation).sent == ("invite",)


# the budget


def test_a_budget_that_is_used_up_stops_reminders_and_tells_operators_once(place: Office) -> None:
    settle(place, more=RATES + "budget: {amount: 0.05, currency: USD}\n")
    invite(place)
    invite(place, "+6281200000902")
    pass_days(place, 9)
    assert steps(place) == ["invitation", "invitation"], "two of them have cost 0.10"
    (alert,) = rows(place.installation, Alert)
    assert alert.kind == f"budget:{place.published.id}"
    assert "reminders stop" in alert.what
    ani = place.twilio.person()
    replies = steps(place).count("reply")
    ani.say(place.link_text())
    assert steps(place).count("reply") == replies + 1, "replies never stop"
    settle(place, more=RATES + "budget: {amount: 100, currency: USD}\n")
    pass_days(place, 1)
    assert steps(place).count("reminder") == 2


def test_what_was_spent_counts_templates_and_interviews(quick: Office) -> None:
    settle(quick, more=RATES)
    here = quick.installation

    def spent() -> Decimal:
        named = here.database.read(lambda c: here.surveys.named(c, "integritas"))
        quick.clock.move(minutes=2)
        found = here.database.read(
            lambda c: here.spending.so_far(c, named.id, named.survey, here.now())
        )
        assert found is not None
        return found

    assert spent() == 0
    invite(quick)
    wake_due(here)
    assert spent() == Decimal("0.05")
    begun(quick)
    assert spent() > Decimal("0.30"), "half an interview"


# hold-outs


def test_those_held_out_are_counted_beside_those_who_got_it(place: Office) -> None:
    settle(place, "holdout: 0 ", "holdout: 0.5 ")
    people = [invite(place, f"+628120000{number:04}") for number in range(900, 924)]
    wake_due(place.installation)
    pass_days(place, 4)
    arms = {row.held: row for row in rows(place.installation, ReminderDay) if row.step != "invite"}
    assert arms[True].people + arms[False].people == len(people)
    assert min(arms[True].people, arms[False].people) >= 4
    assert steps(place).count("reminder") == arms[False].people
    held = [one for one in people if one is not None and state(place, one).held]
    assert len(held) == arms[True].people
    assert {state(place, one).sent for one in held} == {("invite",)}


def test_who_finishes_within_two_days_of_a_reminder_is_counted_for_it(place: Office) -> None:
    ani = begun(place)
    pass_days(place, 3)
    assert [(row.step, row.finished) for row in rows(place.installation, ReminderDay)] == [
        ("reminder", 0)
    ]
    ani.say("1")
    finish(place)
    assert [row.finished for row in rows(place.installation, ReminderDay)] == [1]


def finish(place: Office) -> None:
    """Finish the only interview as if its last answer came now."""
    from dataclasses import replace

    from bot.flow.state import Status
    from bot.flow.turn import Step
    from bot.interview.conversations import save
    from bot.interview.states import load_state, survey_of
    from storage.queries import turns

    here = place.installation
    (conversation,) = rows(here, Conversation)

    def work(connection):
        (row, *_) = turns.turn_of(connection, conversation.id)
        survey = survey_of(connection, here, row)
        before = load_state(connection, here, row, survey)
        done = Step(replace(before, status=Status.FINISHED, question=None))
        assert save(connection, here, row, before, done, survey)

    here.database.write(work)


# the outbox


def reminder(place: Office, conversation: int, dedupe: str) -> None:
    """Write a reminder at this moment, as a timer would."""
    here = place.installation
    (row,) = [one for one in rows(here, Conversation) if one.id == conversation]
    address = rows(here, Outbox, conversation_id=conversation)[0].address_id
    here.database.write(
        lambda c: enqueue(
            c,
            here,
            address_id=address,
            message=Message("Pengingat", template="reminder_first", step="reminder"),
            purpose="reminder",
            dedupe=dedupe,
            survey_id=row.survey_id,
            conversation_id=conversation,
            expires_at=here.now() + timedelta(days=9),
        )
    )


def test_a_reminder_that_waited_keeps_its_distance_and_its_hours(quick: Office) -> None:
    templates(quick)
    here, channels = quick.installation, {"twilio": Failing()}
    conversation = invite(quick)
    assert conversation is not None
    wake_due(here)
    quick.clock.move(hours=5, minutes=40)  # 15.40: it waited until now
    assert deliver(here, channels).sent == 1
    reminder(quick, conversation, "a")
    quick.clock.move(hours=47)
    assert deliver(here, channels).sent == 0, "two days have not passed"
    quick.clock.move(hours=1, minutes=19, seconds=45)  # 15.59.45: the hours end in 15 seconds
    assert deliver(here, channels).sent == 0
    quick.clock.move(hours=16, minutes=31)
    assert deliver(here, channels).sent == 1


def test_the_distance_is_kept_whichever_address_of_a_person_is_written_to(quick: Office) -> None:
    templates(quick)
    here, channels = quick.installation, {"twilio": Failing()}
    conversation = invite(quick)
    assert conversation is not None
    wake_due(here)
    assert deliver(here, channels).sent == 1
    both = [Address("phone", "+6281200000901"), Address("bsuid", "ID.3000000000000901")]
    here.database.write(lambda connection: identity.person(connection, here, both))
    reminder(quick, conversation, "a")
    (bsuid,) = [row.id for row in rows(here, AddressRow) if row.kind == "bsuid"]
    change(here, Outbox, {"address_id": bsuid}, purpose="reminder")
    quick.clock.move(hours=24)
    assert deliver(here, channels).sent == 0
    quick.clock.move(hours=24, minutes=1)
    assert deliver(here, channels).sent == 1


def test_a_reminder_is_dropped_when_the_person_has_written_since(quick: Office) -> None:
    templates(quick)
    here = quick.installation
    ani = begun(quick)
    (conversation,) = rows(here, Conversation)
    quick.clock.move(minutes=1)
    reminder(quick, conversation.id, "a")
    quick.clock.move(hours=3)
    ani.say("3")
    deliver(here, quick.service.channels)
    (row,) = rows(here, Outbox, purpose="reminder")
    assert (row.status, row.reason) == ("dropped", "the person has written since")


def test_pilots_are_not_counted(quick: Office) -> None:
    assert invite(quick) is not None
    change(quick.installation, Conversation, {"pilot": True})
    wake_due(quick.installation)
    assert count(quick.installation, ReminderDay) == 0


def test_settings_that_change_nobodys_next_step_leave_no_timer_that_spins(quick):
    invite(quick)
    quick.clock.move(minutes=1)
    assert wake_due(quick.installation) == 1
    (before,) = [row.wake_at for row in rows(quick.installation, Conversation)]
    settle(quick, 'snapshot_at: "06:00"', 'snapshot_at: "06:30"')
    assert wake_due(quick.installation) == 1
    assert [row.wake_at for row in rows(quick.installation, Conversation)] == [before]
    assert wake_due(quick.installation) == 0
