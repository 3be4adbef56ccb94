"""Waves: a part of the roster at a time, held up, taken up again, and withdrawn."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, insert, select, update

from bot.channels.base import Address, Inbound
from bot.channels.simulator import SimulatorChannel
from bot.intake.tables import InputError
from bot.interview import conversations, identity
from bot.interview.chats import Chats
from bot.interview.desk import Desk
from bot.interview.receiving import receive
from bot.interview.sending.delivering import deliver
from bot.interview.waking import wake_due
from bot.outreach.launch import inviting, waves
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from bot.outreach.launch.waves import Wanted, spread
from bot.outreach.links import create_links
from bot.outreach.roster.importing import import_roster
from storage.models import (
    AnsweredOnce,
    Contact,
    Conversation,
    Link,
    OptOut,
    Outbox,
    RosterDuplicate,
    RosterImport,
    RosterReject,
    RosterRow,
    Unit,
    Wave,
)
from storage.queries import launching
from storage.queries import outbox as outbox_queries
from tests.forked import Script
from tests.setup import TestClock, add_unit, installation, publish_bundled

WIB = ZoneInfo("Asia/Jakarta")
# 08.00 WIB on a Monday: the whole day is left.
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SENDER = "whatsapp:+62000000000"


@pytest.fixture
def clock():
    return TestClock(MORNING)


@pytest.fixture
def place(some_url, clock):
    with installation(some_url, clock=clock, demo=True) as made:
        publish_bundled(made)
        top = add_unit(made, "Kota Contoh", code="K")
        add_unit(made, "Dinas Contoh", code="U1", parent_id=top)
        add_unit(made, "Dinas Kedua", code="U2", parent_id=top)
        add_unit(made, "Kantor Lain", code="L")
        yield made


@pytest.fixture
def either(either_url, clock):
    """One kind of database, for rules whose statements other tests run on both."""
    with installation(either_url, clock=clock, demo=True) as made:
        publish_bundled(made)
        top = add_unit(made, "Kota Contoh", code="K")
        add_unit(made, "Dinas Contoh", code="U1", parent_id=top)
        add_unit(made, "Dinas Kedua", code="U2", parent_id=top)
        add_unit(made, "Kantor Lain", code="L")
        yield made


def add_people(place, tmp_path, **units):
    """Put so many people of each unit on the roster, as `U1=5`."""
    path = tmp_path / "daftar.csv"
    lines = [
        f"{'ahli' if n % 4 == 3 else 'internal'},08120000{place_no + 1}{n:03},{unit}"
        for place_no, (unit, many) in enumerate(units.items())
        for n in range(many)
    ]
    path.write_text("kelompok,hp_wa,unit\n" + "\n".join(lines) + "\n")
    assert import_roster(place, path, "integritas").to_mend == 0


def rows(place, statement):
    return place.database.read(lambda one: one.execute(statement).all())


def count(place, column, *where):
    return rows(place, select(func.count(column)).where(*where))[0][0]


def change(place, statement):
    place.database.write(lambda one: one.execute(statement))


def by_unit(place):
    statement = select(Unit.code).join(RosterRow, RosterRow.unit_id == Unit.id)
    found = rows(place, statement.where(RosterRow.conversation_id.is_not(None)))
    return Counter(row[0] for row in found)


def state(place, number):
    (found,) = [one for one in waves.waves(place, "integritas") if one.number == number]
    return found


def channel(place):
    return {"simulator": SimulatorChannel(Chats(place), place.now)}


def write(place, phone, text):
    inbound = Inbound(
        sid=f"SM{phone}{text}"[:34],
        channel="simulator",
        sender=SENDER,
        addresses=(Address("phone", phone),),
        text=text,
    )
    return receive(Desk(place, lambda _: True), inbound)


def go_by(place, clock, until, hours=1.5):
    """Let all that is due up to a time happen, every so many hours."""
    while clock.now < until:
        clock.move(hours=hours)
        while wake_due(place):
            pass
        # Again, because a machine that stalls for a second leaves the rest to the next sweep.
        while deliver(place, channel(place), limit=500).sent:
            pass


# --- whom a wave is for ---------------------------------------------------------------------------


def test_a_share_is_spread_over_units_and_groups_and_five_fifths_are_everybody(place, tmp_path):
    add_people(place, tmp_path, U1=40, U2=20, L=5)
    seen = []
    for _ in range(5):
        report = launch(place, "integritas", wanted=Wanted(share=0.2))
        seen.append(report.invited)
    assert seen == [13, 13, 13, 13, 13]
    assert by_unit(place) == {"U1": 40, "U2": 20, "L": 5}
    assert launch(place, "integritas", wanted=Wanted(share=0.2)).wave is None
    assert [one.number for one in waves.waves(place, "integritas")] == [1, 2, 3, 4, 5]


def test_a_number_of_people_is_spread_by_size_and_a_second_wave_takes_others(either, tmp_path):
    add_people(either, tmp_path, U1=40, U2=20, L=4)
    assert plan_launch(either, "integritas", wanted=Wanted(people=16)).to_invite == 16
    assert launch(either, "integritas", wanted=Wanted(people=16)).invited == 16
    assert by_unit(either) == {"U1": 10, "U2": 5, "L": 1}
    assert launch(either, "integritas", wanted=Wanted(people=16)).invited == 16
    assert sum(by_unit(either).values()) == 32
    assert launch(either, "integritas", wanted=Wanted(people=500)).invited == 32


def test_units_count_with_those_below_them_and_groups_by_name(either, tmp_path):
    add_people(either, tmp_path, U1=8, U2=4, L=4)
    wanted = Wanted(units=("own:K",), groups=("ahli",))
    plan = plan_launch(either, "integritas", wanted=wanted)
    assert {(one.unit, one.group) for one in plan.places} == {("U1", "ahli"), ("U2", "ahli")}
    assert launch(either, "integritas", wanted=wanted).invited == plan.to_invite == 3
    assert by_unit(either) == {"U1": 2, "U2": 1}


def test_a_unit_or_group_that_is_not_there_is_named(either):
    with pytest.raises(InputError, match="there is no unit 'own:X'") as caught:
        launch(either, "integritas", wanted=Wanted(units=("own:X",), groups=("umum",)))
    assert "there is no group 'umum'" in str(caught.value)


def test_parts_follow_the_sizes_and_remainders_are_not_lost():
    free = {(1, "a"): 50, (2, "a"): 30, (3, "a"): 20}
    assert spread(Wanted(people=10), free, free) == {(1, "a"): 5, (2, "a"): 3, (3, "a"): 2}
    tiny = {(n, "a"): 1 for n in range(10)}
    assert sum((spread(Wanted(people=3), tiny, tiny) or {}).values()) == 3
    assert spread(Wanted(), free, free) is None
    # Where most were invited before, the share of all is more than there is.
    assert spread(Wanted(share=0.5), {(1, "a"): 2}, {(1, "a"): 10}) == {(1, "a"): 2}
    assert spread(Wanted(people=5), {}, {}) == {}


# --- who is not invited ---------------------------------------------------------------------------


def test_rows_that_do_not_count_or_wait_for_a_decision_are_left_out(place, tmp_path):
    add_people(place, tmp_path, U1=7)
    survey = place.database.read(lambda one: place.surveys.named(one, "integritas")).id
    ids = [row[0] for row in rows(place, select(RosterRow.id).order_by(RosterRow.id))]

    def work(connection):
        staged, active = (
            connection.execute(
                insert(RosterImport)
                .values(survey_id=survey, name="x", digest=b"x", status=one, started_at=MORNING)
                .returning(RosterImport.id)
            ).scalar_one()
            for one in ("staging", "active")
        )
        by_id = update(RosterRow).where(RosterRow.id == ids[0])
        connection.execute(by_id.values(import_id=staged))  # does not count yet
        connection.execute(update(RosterRow).where(RosterRow.id == ids[1]).values(gone_id=active))
        connection.execute(
            update(RosterRow).where(RosterRow.id == ids[2]).values(gone_id=staged, import_id=active)
        )
        unit = connection.execute(select(RosterRow.unit_id).limit(1)).scalar_one()
        for row, other, kind in (
            (ids[3], None, "same_number"),
            (ids[4], ids[5], "same_person"),
        ):
            connection.execute(
                insert(RosterDuplicate).values(
                    survey_id=survey,
                    kind=kind,
                    row_id=row,
                    other_id=other,
                    unit_id=unit,
                    grp="x",
                    holds=True,
                )
            )
        key = place.keys.installation(connection)
        connection.execute(
            insert(RosterReject).values(
                survey_id=survey, import_id=active, line=9, unit_id=unit, grp="internal",
                kind="invalid", sealed=b"x", key_id=key.id,
            )
        )  # fmt: skip

    place.database.write(work)
    plan = plan_launch(place, "integritas")
    assert (plan.to_invite, plan.open_duplicates, plan.to_mend) == (3, 2, 1)
    assert sum(one.rows for one in plan.places) == 5
    assert sum(one.open_duplicates for one in plan.places) == 2
    assert launch(place, "integritas").invited == 3
    invited = {
        row[0] for row in rows(place, select(RosterRow.id).where(RosterRow.conversation_id > 0))
    }
    assert invited == {ids[2], ids[4], ids[6]}
    change(place, update(RosterDuplicate).values(decision="first"))
    assert launch(place, "integritas").invited == 2


def test_who_has_answered_and_was_erased_is_not_invited_again(either, tmp_path):
    add_people(either, tmp_path, U1=3)
    mac = identity.digest(either, Address("phone", "+6281200001001"))
    published = either.database.read(lambda one: either.surveys.named(one, "integritas"))

    def erased(connection):
        key = either.keys.survey(connection, published.id)
        connection.execute(
            insert(AnsweredOnce).values(
                hmac=key.digest(f"answered\0{mac.hex()}"), survey_id=published.id
            )
        )

    either.database.write(erased)
    assert launch(either, "integritas").invited == 2
    assert count(either, Contact.id) == 2


def test_a_unit_never_shows_how_many_of_it_asked_not_to_be_contacted(either, tmp_path):
    add_people(either, tmp_path, U1=3)
    before = plan_launch(either, "integritas").places
    mac = identity.digest(either, Address("phone", "+6281200001001"))
    either.database.write(
        lambda one: one.execute(
            insert(OptOut).values(hmac=mac, purpose="respondent", since=date(2026, 11, 1))
        )
    )
    plan = plan_launch(either, "integritas")
    assert (plan.to_invite, plan.opted_out) == (2, 1)
    assert plan.places == before


# --- races ----------------------------------------------------------------------------------------


def test_two_launches_at_once_of_a_number_of_people_invite_that_number(
    place, tmp_path, monkeypatch
):
    monkeypatch.setattr(inviting, "CHUNK", 7)
    add_people(place, tmp_path, U1=40, U2=40)
    reports = []
    threads = [
        threading.Thread(
            target=lambda: reports.append(
                launch(place, "integritas", per_day=10, wanted=Wanted(people=50))
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Both at once are one wave; one after the other would be two, of 50 and 30.
    numbers = {one.wave for one in reports}
    assert sum(one.invited for one in reports) == (50 if len(numbers) == 1 else 80)
    assert count(place, Wave.id) == len(numbers)
    days = Counter(
        row[0].astimezone(WIB).date() for row in rows(place, select(Conversation.wake_at))
    )
    assert max(days.values()) == 10


def test_who_writes_by_a_poster_while_being_invited_is_in_one_conversation(
    place, tmp_path, monkeypatch
):
    monkeypatch.setattr(inviting, "CHUNK", 5)
    add_people(place, tmp_path, U1=40)
    create_links(place, "integritas", units=["own:U1"], groups=["internal"])
    code = rows(place, select(Link.code))[0][0]
    phones = [f"+628120000{1}{n:03}" for n in range(40)]

    def scan():
        for phone in phones:
            write(place, phone, code)

    thread = threading.Thread(target=scan)
    thread.start()
    launch(place, "integritas")
    thread.join()
    assert count(place, Conversation.id) == count(place, Contact.id) == 40
    per_person = rows(
        place, select(func.count()).select_from(Conversation).group_by(Conversation.contact_id)
    )
    assert {row[0] for row in per_person} == {1}
    assert by_unit(place).total() == 40  # whoever came by the poster has taken their row too


def test_a_launch_that_was_cut_off_wants_to_be_run_as_it_was(either, tmp_path, monkeypatch):
    monkeypatch.setattr(inviting, "CHUNK", 4)
    add_people(either, tmp_path, U1=30)

    def stop(done):
        raise KeyboardInterrupt

    wanted = Wanted(people=20)
    with pytest.raises(KeyboardInterrupt):
        launch(either, "integritas", wanted=wanted, progress=stop)
    assert not state(either, 1).complete
    with pytest.raises(InputError, match=r"wave 1 was cut off .* \(--people 20\) or stop it"):
        launch(either, "integritas")
    assert launch(either, "integritas", wanted=wanted).invited == 16
    assert state(either, 1).people == 20
    assert state(either, 1).complete
    assert launch(either, "integritas").wave == 2


LAUNCHER = """
import sys
from bot.outreach.launch import inviting
from bot.outreach.launch.launching import launch
from tests.setup import MONDAY, TestClock, installation

inviting.CHUNK = 5
with installation(sys.argv[1], clock=TestClock(MONDAY), serving=False, demo=True) as place:
    launch(place, "integritas", progress=lambda done: print(done, flush=True))
"""


@pytest.mark.parametrize("after", [1, 3])
def test_a_launch_that_is_killed_and_run_again_invites_everybody_once(
    either_url, clock, tmp_path, after
):
    with installation(either_url, clock=clock, demo=True, serving=False) as place:
        publish_bundled(place)
        add_unit(place, "Dinas Contoh", code="U1")
        add_people(place, tmp_path, U1=60)
        with Script(LAUNCHER, either_url) as process:
            for _ in range(after):
                process.stdout.readline()
            process.kill()
        before = count(place, Conversation.id)
        assert 0 < before < 60
        assert before % 5 == 0
        assert launch(place, "integritas").invited == 60 - before
        assert count(place, Conversation.id) == count(place, Contact.id) == 60
        assert by_unit(place) == {"U1": 60}
        assert (state(place, 1).people, state(place, 1).complete) == (60, True)


# --- holding up -----------------------------------------------------------------------------------


def sent(place):
    """Return how many invitations went out."""
    handed = Outbox.status.in_(("sent", "delivered"))
    return count(place, Outbox.id, Outbox.purpose == "invitation", handed)


def test_a_paused_wave_sends_nothing_and_goes_on_without_a_flood(place, tmp_path, clock):
    add_people(place, tmp_path, U1=30)
    launch(place, "integritas", per_day=10)
    go_by(place, clock, MORNING + timedelta(hours=3))
    before = sent(place)
    assert 0 < before < 10
    done = waves.pause(place, "integritas")
    assert (done.wave, done.invitations) == (1, 30 - before)
    go_by(place, clock, MORNING + timedelta(days=2, hours=3), hours=6)
    assert sent(place) == before
    assert state(place, 1).state == "paused"
    resumed = waves.resume(place, "integritas")
    assert (resumed.invitations, resumed.too_late) == (30 - before, 0)
    days = Counter(
        row[0].astimezone(WIB).date()
        for row in rows(
            place,
            select(Conversation.wake_at).where(
                Conversation.wake_at.is_not(None),
                ~select(Outbox.id).where(Outbox.conversation_id == Conversation.id).exists(),
            ),
        )
    )
    assert max(days.values()) <= 10
    assert min(days) == date(2026, 11, 25)
    go_by(place, clock, MORNING + timedelta(days=3, hours=12))
    assert before + 10 <= sent(place) <= 30
    assert count(place, Outbox.id, Outbox.purpose == "invitation") == sent(place)


def test_an_invitation_in_the_outbox_is_taken_back_and_comes_later(place, tmp_path, clock):
    add_people(place, tmp_path, U1=3)
    launch(place, "integritas")
    clock.move(hours=7)
    assert wake_due(place) == 3
    assert waves.pause(place, "integritas").invitations == 3
    assert count(place, Outbox.id) == 0
    assert deliver(place, channel(place)).sent == 0
    clock.move(days=28)
    assert wake_due(place) == 0
    waves.resume(place, "integritas")
    clock.move(days=1)
    assert wake_due(place) == 3
    go_by(place, clock, clock.now + timedelta(hours=26))
    assert count(place, Outbox.id, Outbox.purpose == "invitation") == 3
    assert sent(place) == 3


def test_a_sender_that_has_leased_an_invitation_does_not_send_it_after_the_pause(
    place, tmp_path, clock
):
    add_people(place, tmp_path, U1=2)
    launch(place, "integritas")
    clock.move(hours=7)
    wake_due(place)
    until = clock.now + timedelta(seconds=60)
    ids = [row[0] for row in rows(place, select(Outbox.id))]
    place.database.write(lambda one: outbox_queries.lease(one, ids, until))
    # One of the two goes before the pause, and counts as sent from then on.
    assert place.database.write(
        lambda one: outbox_queries.claim(one, ids[0], until, clock.now, None)
    )
    assert waves.pause(place, "integritas").invitations == 1
    assert not place.database.write(
        lambda one: outbox_queries.claim(one, ids[1], until, clock.now, None)
    )
    assert rows(place, select(Outbox.id)) == [(ids[0],)]


def test_an_invitation_that_comes_back_into_the_outbox_meets_the_pause_there(
    place, tmp_path, clock
):
    """A failed attempt is queued again after the pause has cleared the outbox."""
    add_people(place, tmp_path, U1=1)
    launch(place, "integritas")
    clock.move(hours=7)
    wake_due(place)
    change(place, update(Outbox).values(status="claimed"))
    waves.pause(place, "integritas", 1)
    change(place, update(Outbox).values(status="queued"))
    assert deliver(place, channel(place)).sent == 0
    assert count(place, Outbox.id) == 0
    waves.resume(place, "integritas")
    go_by(place, clock, clock.now + timedelta(days=1))
    assert sent(place) == 1


def test_a_timer_that_is_started_anew_in_a_paused_wave_invites_nobody(either, tmp_path, clock):
    add_people(either, tmp_path, U1=1)
    launch(either, "integritas")
    waves.pause(either, "integritas")
    change(either, update(Conversation).values(wake_at=clock.now))
    clock.move(hours=3)
    wake_due(either)
    assert count(either, Outbox.id) == 0
    assert rows(either, select(Conversation.wake_at)) == [(None,)]


def test_who_has_begun_is_served_and_reminded_in_a_paused_and_a_stopped_wave(
    place, tmp_path, clock
):
    add_people(place, tmp_path, U1=6)
    launch(place, "integritas")
    phone = "+6281200001000"
    assert "bahasa" in write(place, phone, "1").message.text
    waves.pause(place, "integritas")
    assert "SETUJU" in write(place, phone, "1 ").message.text
    gone = waves.stop(place, "integritas")
    assert gone.invitations == 5
    assert count(place, Conversation.id) == 1
    assert "(1/" in write(place, phone, "setuju").message.footer
    go_by(place, clock, MORNING + timedelta(days=6), hours=6)
    assert count(place, Outbox.id, Outbox.purpose == "reminder") >= 1
    assert count(place, Outbox.id, Outbox.purpose == "invitation") == 0


def test_a_stopped_waves_people_are_free_for_a_later_one(place, tmp_path, clock):
    add_people(place, tmp_path, U1=20)
    launch(place, "integritas", per_day=5)
    go_by(place, clock, MORNING + timedelta(hours=10))
    already = sent(place)
    assert already == 5
    done = waves.stop(place, "integritas")
    assert (done.state, done.invitations) == ("stopped", 15)
    assert (state(place, 1).people, state(place, 1).unsent) == (5, 0)
    assert plan_launch(place, "integritas").to_invite == 15
    assert launch(place, "integritas").invited == 15
    go_by(place, clock, MORNING + timedelta(days=2), hours=3)
    go_by(place, clock, MORNING + timedelta(days=2, hours=8))
    people = rows(
        place,
        select(Outbox.address_id, func.count())
        .where(Outbox.purpose == "invitation")
        .group_by(Outbox.address_id),
    )
    assert len(people) == 20
    assert {row[1] for row in people} == {1}


def test_stopping_again_does_what_a_crash_left_and_nothing_else(either, tmp_path, monkeypatch):
    add_people(either, tmp_path, U1=10)
    launch(either, "integritas")
    monkeypatch.setattr(waves, "CHUNK", 4)
    original = waves._withdraw
    calls: list[int] = []

    def dies(connection, wave_id):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return original(connection, wave_id)

    monkeypatch.setattr(waves, "_withdraw", dies)
    with pytest.raises(KeyboardInterrupt):
        waves.stop(either, "integritas")
    assert count(either, Conversation.id) == 6
    monkeypatch.setattr(waves, "_withdraw", original)
    assert waves.stop(either, "integritas", 1).invitations == 6
    assert count(either, Conversation.id) == 0


def test_the_wave_is_named_where_several_run(either, tmp_path):
    add_people(either, tmp_path, U1=10)
    launch(either, "integritas", wanted=Wanted(people=3))
    launch(either, "integritas", wanted=Wanted(people=3))
    with pytest.raises(InputError, match=r"which wave\? 1, 2 can be paused"):
        waves.pause(either, "integritas")
    assert waves.pause(either, "integritas", 2).wave == 2
    assert waves.resume(either, "integritas").wave == 2
    with pytest.raises(InputError, match="there is no wave 7"):
        waves.stop(either, "integritas", 7)
    waves.stop(either, "integritas", 1)
    with pytest.raises(InputError, match="wave 1 is stopped"):
        waves.resume(either, "integritas", 1)


def test_a_launch_that_is_paused_while_it_plans_gives_its_people_no_time(
    either, tmp_path, monkeypatch
):
    monkeypatch.setattr(inviting, "CHUNK", 4)
    add_people(either, tmp_path, U1=12)
    seen: list[int] = []

    def pause(done):
        if not seen:
            waves.pause(either, "integritas")
        seen.append(done)

    assert launch(either, "integritas", progress=pause).invited == 12
    assert count(either, Conversation.id, Conversation.wake_at.is_not(None)) == 0
    assert waves.resume(either, "integritas").invitations == 12


def test_a_launch_that_is_stopped_while_it_plans_ends(either, tmp_path, monkeypatch):
    monkeypatch.setattr(inviting, "CHUNK", 4)
    add_people(either, tmp_path, U1=12)

    def stop(done):
        waves.stop(either, "integritas", 1)

    launch(either, "integritas", progress=stop)
    assert count(either, Conversation.id) == 0
    assert state(either, 1).state == "stopped"


def test_a_wave_whose_invitations_went_out_is_done(either, tmp_path, clock):
    add_people(either, tmp_path, U1=4)
    launch(either, "integritas")
    assert state(either, 1).state == "running"
    go_by(either, clock, MORNING + timedelta(days=1))
    assert state(either, 1).state == "done"
    with pytest.raises(InputError, match=r"no wave is running"):
        waves.pause(either, "integritas")


def test_an_hour_of_many_planned_invitations_is_counted_at_once(place, tmp_path):
    add_people(place, tmp_path, U1=48)
    launch(place, "integritas", per_day=20)
    planned = place.database.read(
        lambda one: launching.planned(one, place.surveys.named(one, "integritas").id)
    )
    days: Counter[date] = Counter()
    for zone, at, people in planned:
        days[at.astimezone(ZoneInfo(zone)).date()] += people
    assert sorted(days.values()) == [8, 20, 20]
    assert len(planned) <= 3 * 8


def test_enrolling_by_other_ways_is_no_wave(either):
    published = either.database.read(lambda one: either.surveys.named(one, "integritas"))
    unit = rows(either, select(Unit.id))[0][0]
    met = either.database.write(
        lambda one: identity.person(one, either, [Address("phone", "+6281200000900")])
    )
    either.database.write(
        lambda one: conversations.enrol(
            one, either, published, met.contact_id, unit, "internal", MORNING
        )
    )
    assert rows(either, select(Conversation.wave_id, Conversation.pilot)) == [(None, False)]
