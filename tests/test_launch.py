"""The launch: who gets an invitation, when, and never twice."""

import json
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from bot.channels.base import Address
from bot.flow.load import load_survey
from bot.intake.tables import InputError
from bot.interview import conversations, identity
from bot.outreach.launch import inviting
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from bot.outreach.launch.slots import Slots
from bot.outreach.launch.waves import EVERYBODY, Wanted
from bot.outreach.roster.importing import import_roster
from storage.models import Audit, Contact, Conversation, RosterRow, Survey
from tests.setup import MONDAY, TestClock, add_unit, bundled_files, installation, publish_bundled

WIB = ZoneInfo("Asia/Jakarta")
WITA = ZoneInfo("Asia/Makassar")


@pytest.fixture
def clock():
    return TestClock()


@pytest.fixture
def place(some_url, clock):
    with installation(some_url, clock=clock) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        add_unit(made, "Dinas Kedua", code="U2", zone="Asia/Makassar")
        yield made


@pytest.fixture
def local(sqlite_url, clock):
    """SQLite alone, for rules whose statements other tests run on both."""
    with installation(sqlite_url, clock=clock) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


def add_people(place, tmp_path, *lines):
    path = tmp_path / "daftar.csv"
    path.write_text("kelompok,hp_wa,unit,email,bahasa\n" + "\n".join(lines) + "\n")
    report = import_roster(place, path, "integritas")
    assert report.to_mend == 0


def many(count, unit="U1", group="internal", first=100):
    return [f"{group},0812000{first + n:05},{unit},," for n in range(count)]


def invited(place):
    """Return (roster row, wake_at, unit) of all conversations that a roster row has claimed."""
    statement = select(
        RosterRow.id, Conversation.wake_at, RosterRow.unit_id, Conversation.status
    ).join(Conversation, Conversation.id == RosterRow.conversation_id)
    return place.database.read(lambda one: one.execute(statement).all())


def count(place, table):
    return place.database.read(lambda one: one.execute(select(func.count(table.id))).scalar_one())


def person(place, phone):
    met = place.database.write(lambda one: identity.person(one, place, [Address("phone", phone)]))
    return met.contact_id


def test_everybody_gets_an_invited_conversation_within_their_hours(place, tmp_path):
    add_people(place, tmp_path, *many(30), *many(30, unit="U2", group="eksternal", first=500))
    report = launch(place, "integritas", per_day=100)
    assert (report.invited, report.opted_out, report.in_conversation, report.too_late) == (
        60,
        0,
        0,
        0,
    )
    found = invited(place)
    assert len(found) == 60
    assert {row.status for row in found} == {"invited"}
    survey = place.database.read(lambda one: place.surveys.named(one, "integritas")).survey
    units = {row.unit_id for row in found}
    for unit, group, zone in zip(
        sorted(units), ("internal", "eksternal"), (WIB, WITA), strict=True
    ):
        hours = survey.settings.groups[group].hours
        for row in found:
            if row.unit_id == unit:
                local = row.wake_at.astimezone(zone)
                spans = hours.spans[local.weekday()]
                assert any(start <= local.time() < end for start, end in spans)
                assert row.wake_at >= MONDAY


def test_a_units_people_do_not_hear_from_us_at_one_moment(local, tmp_path):
    add_people(local, tmp_path, *many(40))
    launch(local, "integritas", per_day=40)
    times = sorted(row.wake_at for row in invited(local))
    assert len(set(times)) == 40
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) > timedelta(minutes=1)


def test_no_day_has_more_than_its_number(local, tmp_path, clock):
    clock.now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 08.00 WIB: the whole day is left
    add_people(local, tmp_path, *many(25))
    plan = plan_launch(local, "integritas", per_day=10)
    launch(local, "integritas", per_day=10)
    days = Counter(row.wake_at.astimezone(WIB).date() for row in invited(local))
    assert sorted(days.items()) == [
        (date(2026, 11, 23), 10),
        (date(2026, 11, 24), 10),
        (date(2026, 11, 25), 5),
    ]
    assert (plan.days, plan.first, plan.last) == (3, date(2026, 11, 23), date(2026, 11, 25))


def test_a_day_that_has_begun_takes_only_its_share(local, tmp_path, clock):
    clock.now = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 15.00 WIB, one of six hours is left
    add_people(local, tmp_path, *many(30))
    launch(local, "integritas", per_day=12)
    days = Counter(row.wake_at.astimezone(WIB).date() for row in invited(local))
    assert days[date(2026, 11, 23)] == 2
    assert days[date(2026, 11, 24)] == 12


def test_a_second_launch_invites_nobody_twice_and_fills_the_days_that_have_room(
    place, tmp_path, clock
):
    clock.now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    add_people(place, tmp_path, *many(15))
    assert launch(place, "integritas", per_day=10).invited == 15
    before = invited(place)
    again = launch(place, "integritas", per_day=10)
    assert again.invited == 0
    assert invited(place) == before
    add_people(place, tmp_path, *many(25))
    assert launch(place, "integritas", per_day=10).invited == 10
    days = Counter(row.wake_at.astimezone(WIB).date() for row in invited(place))
    assert max(days.values()) == 10
    assert len(days) == 3


def test_a_launch_that_was_cut_off_goes_on_where_it_was(place, tmp_path, monkeypatch):
    monkeypatch.setattr(inviting, "CHUNK", 10)
    add_people(place, tmp_path, *many(35))

    def stop(done):
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(place, "integritas", progress=stop)
    assert len(invited(place)) == 20
    done: list[int] = []
    assert launch(place, "integritas", progress=done.append).invited == 15
    assert done == [10, 15]
    assert count(place, Conversation) == count(place, Contact) == 35


def test_launches_at_the_same_moment_invite_everybody_once(place, tmp_path, monkeypatch):
    monkeypatch.setattr(inviting, "CHUNK", 7)
    add_people(place, tmp_path, *many(30))
    reports = []
    threads = [
        threading.Thread(target=lambda: reports.append(launch(place, "integritas")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.invited for report in reports) == 30
    assert count(place, Conversation) == len(invited(place)) == 30


def test_whoever_opted_out_is_in_a_conversation_or_has_no_number_is_left_alone(place, tmp_path):
    add_people(place, tmp_path, *many(5), "internal,,U1,a@contoh.id,", "ahli,081200000500,U2,,")
    stopped, talking = person(place, "+6281200000100"), person(place, "+6281200000101")
    place.database.write(lambda one: identity.opt_out(one, place, stopped))
    published = place.database.read(lambda one: place.surveys.named(one, "integritas"))
    unit = place.database.read(lambda one: one.execute(select(RosterRow.unit_id)).scalars().first())
    place.database.write(
        lambda one: conversations.enrol(one, place, published, talking, unit, "internal", MONDAY)
    )
    place.database.write(
        lambda one: one.execute(
            update(RosterRow).where(RosterRow.grp == "ahli").values(removed=True)
        )
    )
    plan = plan_launch(place, "integritas")
    assert (plan.to_invite, plan.opted_out, plan.in_conversation, plan.without_address) == (
        3,
        1,
        1,
        1,
    )
    assert sum(one.rows for one in plan.places) == 6
    report = launch(place, "integritas")
    assert (report.invited, report.opted_out, report.in_conversation) == (3, 1, 1)
    after = plan_launch(place, "integritas")
    assert (after.to_invite, after.invited) == (0, 3)


def test_an_opt_out_by_another_address_of_the_person_counts(place, tmp_path):
    add_people(place, tmp_path, *many(1))
    both = [Address("phone", "+6281200000100"), Address("bsuid", "ID.1000000000000001")]
    met = place.database.write(lambda one: identity.person(one, place, both))
    place.database.write(lambda one: identity.opt_out(one, place, met.contact_id))
    assert plan_launch(place, "integritas").opted_out == 1
    assert launch(place, "integritas").invited == 0


def test_a_plan_writes_nothing_and_tells_of_no_unit_who_takes_part(place, tmp_path):
    add_people(place, tmp_path, *many(3), *many(2, unit="U2", group="ahli", first=500))
    plan = plan_launch(place, "integritas")
    assert count(place, Conversation) == count(place, Contact) == 0
    assert [(one.unit, one.group, one.rows, one.without_address) for one in plan.places] == [
        ("U1", "internal", 3, 0),
        ("U2", "ahli", 2, 0),
    ]
    plain = json.loads(json.dumps(plan.to_dict()))
    assert plain["ready"] is True
    assert set(plain["places"][0]) == {
        *("unit_list", "unit", "unit_name", "group", "rows", "without_address", "to_invite"),
        *("invited_or_in_conversation", "open_duplicates", "to_mend"),
    }


@pytest.mark.parametrize("wanted", [Wanted(share=0.2), Wanted(people=2)])
def test_a_part_of_the_people_is_shown_in_its_places_as_in_its_sum(place, tmp_path, wanted):
    add_people(place, tmp_path, *many(5), *many(5, unit="U2", first=500))
    plan = plan_launch(place, "integritas", wanted=wanted)
    assert [one.to_invite for one in plan.places] == [1, 1]
    assert plan.to_invite == 2
    launch(place, "integritas", wanted=wanted)
    again = plan_launch(place, "integritas", wanted=wanted)
    assert [one.invited_or_in_conversation for one in again.places] == [1, 1]
    assert (again.invited, again.in_conversation) == (2, 0)


@pytest.mark.parametrize("wanted", [EVERYBODY, Wanted(people=2), Wanted(share=1.0)])
def test_no_place_tells_how_many_of_its_people_opted_out(local, tmp_path, wanted):
    add_people(local, tmp_path, *many(3))
    stopped = person(local, "+6281200000100")
    local.database.write(lambda one: identity.opt_out(one, local, stopped))
    plan = plan_launch(local, "integritas", wanted=wanted)
    assert (plan.to_invite, plan.opted_out) == (2, 1)
    assert [one.to_invite for one in plan.places] == [3]


def test_the_language_of_the_list_is_the_persons_until_they_choose_one(local, tmp_path):
    add_people(local, tmp_path, "ahli,081200000100,U1,,en", "ahli,081200000101,U1,,")
    launch(local, "integritas")
    languages = local.database.read(
        lambda one: one.execute(select(Contact.language)).scalars().all()
    )
    assert sorted(languages, key=str) == [None, "en"]


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (datetime(2026, 10, 30, tzinfo=UTC), "the survey opens on 2026-11-01; wait"),
        (datetime(2027, 2, 2, tzinfo=UTC), "the survey ended on 2027-01-31"),
    ],
)
def test_nothing_is_launched_before_or_after_the_survey(local, tmp_path, clock, now, message):
    add_people(local, tmp_path, *many(1))
    clock.now = now
    with pytest.raises(InputError, match=message):
        launch(local, "integritas")
    assert count(local, Conversation) == 0


def test_a_closed_survey_is_not_launched(local, tmp_path):
    add_people(local, tmp_path, *many(1))
    local.database.write(lambda one: one.execute(update(Survey).values(closed_at=MONDAY)))
    with pytest.raises(InputError, match="the survey is closed"):
        launch(local, "integritas")


def test_a_channel_with_templates_needs_all_of_them(local, tmp_path):
    add_people(local, tmp_path, *many(1))
    with pytest.raises(InputError) as caught:
        launch(local, "integritas", needs_templates=True)
    told = str(caught.value)
    for name in ("invite", "reminder_first", "reminder_partial", "reminder_last"):
        for language in ("id", "en"):
            assert f"message {name} has no approved template in {language!r}" in told
    sids = ", ".join(
        f"{name}: {{id: HX{number:032x}, en: HX{number + 10:032x}}}"
        for number, name in enumerate(
            ("invite", "reminder_first", "reminder_partial", "reminder_last")
        )
    )
    publish_bundled(local, templates=f"{{{sids}}}")
    assert launch(local, "integritas", needs_templates=True).invited == 1


def test_people_of_a_group_without_a_flow_stop_the_launch(local, tmp_path):
    add_people(local, tmp_path, *many(1))
    local.database.write(lambda one: one.execute(update(RosterRow).values(grp="umum")))
    plan = plan_launch(local, "integritas")
    assert not plan.ready
    assert "people of group 'umum'" in plan.missing[0].what


def test_too_few_a_day_for_the_time_left_is_refused(local, tmp_path, clock):
    clock.now = datetime(2027, 1, 29, 3, 0, tzinfo=UTC)  # the last Friday; closes on Sunday
    add_people(local, tmp_path, *many(9))
    with pytest.raises(
        InputError, match=r"\d people could not be invited before the survey closes"
    ):
        launch(local, "integritas", per_day=3)
    assert launch(local, "integritas", per_day=30).invited == 9


def test_less_than_one_a_day_is_refused(local):
    with pytest.raises(ValueError, match="at least one"):
        plan_launch(local, "integritas", per_day=0)


def test_a_launch_is_noted_with_counts(local, tmp_path):
    add_people(local, tmp_path, *many(2))
    launch(local, "integritas")
    found = select(Audit.detail).where(Audit.what == "launch")
    detail = json.loads(local.database.read(lambda one: one.execute(found).scalar_one()))
    assert detail == {"survey": "integritas", "wave": 1, "per_day": 250, "invited": 2}


SETTINGS = load_survey(bundled_files()).settings


@given(
    st.integers(min_value=-30 * 24 * 60, max_value=71 * 24 * 60),
    st.integers(min_value=1, max_value=300),
    st.lists(
        st.tuples(
            st.sampled_from(["internal", "eksternal"]),
            st.sampled_from(["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]),
        ),
        min_size=1,
        max_size=40,
    ),
)
@settings(deadline=None)
def test_every_slot_lies_in_the_hours_in_the_survey_and_in_the_days_number(
    minutes, per_day, wishes
):
    now = MONDAY + timedelta(minutes=minutes)
    slots = Slots(SETTINGS, now, per_day)
    for group, zone in wishes:
        slot = slots.next(group, zone)
        plan = SETTINGS.plan(group)
        if slot is None:
            assert now > plan.closes - timedelta(days=1 + len(wishes) / per_day + 3)
            continue
        local = slot.astimezone(ZoneInfo(zone))
        assert max(now, plan.opens) <= slot < plan.closes
        assert local.date() not in plan.hours.holidays
        assert any(a <= local.time() < b for a, b in plan.hours.spans[local.weekday()])
    assert all(used <= per_day for used in slots.used.values())


@given(
    st.integers(min_value=1, max_value=40),
    st.lists(
        st.tuples(st.sampled_from(["internal", "eksternal"]), st.integers(0, 120)), max_size=4
    ),
)
@settings(deadline=None)
def test_filling_takes_the_same_days_as_handing_out_one_by_one(per_day, wishes):
    bulk, single = Slots(SETTINGS, MONDAY, per_day), Slots(SETTINGS, MONDAY, per_day)
    for group, people in wishes:
        left = bulk.fill(group, "Asia/Jakarta", people)
        given_out = [single.next(group, "Asia/Jakarta") for _ in range(people)]
        assert left == given_out.count(None)
    assert +bulk.used == +single.used
