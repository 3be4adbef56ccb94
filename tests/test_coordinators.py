"""Who gets the day's counts, and that everybody gets them once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from bot.channels.base import Address
from bot.intake.tables import InputError
from bot.interview import identity
from bot.interview.installation import Clock, open_installation
from bot.interview.sending.outbox import open_message
from bot.interview.surveys import UnknownSurvey
from bot.reporting import snapshots
from bot.reporting.coordinators.daily import send_due
from bot.reporting.coordinators.lists import import_coordinators
from storage.database import Database
from storage.keys import Secret
from storage.models import Coordinator, Outbox, Survey
from storage.queries import coordinators as queries
from storage.queries import outbox as outbox_queries
from tests.counts import aim, finish
from tests.setup import SECRET, TestClock, add_unit, installation, publish_bundled

MIDNIGHT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # Monday 23 November, 00.00 WIB
ONE_NUMBER = "write one number, as 0812-0000-0123"
ONE, TWO = "+6281200000101", "+6281200000102"


@pytest.fixture
def clock():
    return TestClock(MIDNIGHT)


@pytest.fixture
def house(some_url, clock):
    with installation(some_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "coordinators.csv"
        path.write_text(text, "utf-8")
        return path

    return write


def posts(house):
    statement = select(Coordinator.unit_id, Coordinator.minute, Coordinator.due_at)
    rows = house.database.read(
        lambda connection: connection.execute(statement.order_by(Coordinator.id)).all()
    )
    return [tuple(row) for row in rows]


def outbox(house):
    """Return the messages of all reports, oldest first."""

    def work(connection):
        ids = connection.execute(select(Outbox.id).order_by(Outbox.created_at)).scalars()
        rows = [outbox_queries.by_id(connection, one) for one in ids]
        return [open_message(connection, house, row) for row in rows if row]

    return house.database.read(work)


def contact(house, phone):
    return house.database.read(
        lambda connection: identity.find(connection, house, [Address("phone", phone)])
    )


def at(clock, hour, minute=0, day=0):
    """Move to an hour of a day, WIB."""
    clock.now = MIDNIGHT + timedelta(days=day, hours=hour, minutes=minute)


# --- importing ----------------------------------------------------------------------------------


def test_an_import_stores_posts_with_the_next_local_minute_of_the_unit(house, survey, table):
    unit = add_unit(house, code="63.04", zone="Asia/Makassar")
    path = table(
        "phone,unit,code_list,hour,name\n"
        f"0812-0000-0101,63.04,own,07:45,Koordinator Satu\n{TWO},,,8.05,\n"
    )
    done = import_coordinators(house, "integritas", path)
    assert {name: number for name, number in done.to_dict().items() if number} == {"added": 2}
    assert posts(house) == [
        (unit, 465, MIDNIGHT + timedelta(hours=6, minutes=45)),  # 07.45 WITA
        (None, 485, MIDNIGHT + timedelta(hours=8, minutes=5)),
    ]


def test_the_same_file_twice_changes_nothing_and_another_hour_is_taken_over(house, survey, table):
    first = table(f"phone,hour,name\n{ONE},07:45,Koordinator\n")
    import_coordinators(house, "integritas", first)
    assert import_coordinators(house, "integritas", first).unchanged == 1
    second = table(f"phone,hour,name\n{ONE},09:00,Koordinator\n")
    assert import_coordinators(house, "integritas", second).changed == 1
    assert posts(house) == [(None, 540, MIDNIGHT + timedelta(hours=9))]


def test_one_person_may_hold_posts_for_two_units(house, survey, table):
    add_unit(house, code="D-1")
    add_unit(house, "Badan Contoh", code="D-2")
    path = table(f"phone,unit\n{ONE},D-1\n{ONE},D-2\n{ONE},\n")
    assert import_coordinators(house, "integritas", path).added == 3


def test_every_error_is_said_with_its_place_and_remedy_and_nothing_is_written(house, survey, table):
    add_unit(house, code="6206")
    add_unit(house, "Badan Contoh", code="D-2")
    path = table(
        "phone;unit;hour\n"
        "0511-1234567;own:D-2;07:45\n"
        f"{ONE};own:D-3;25:00\n"
        f"{ONE};6206;07:45\n"
        f"{TWO};own:D-2;07:45\n"
        f"0812 0000 0102;D-2;08:00\n"
    )
    with pytest.raises(InputError) as caught:
        import_coordinators(house, "integritas", path)
    assert str(caught.value).splitlines() == [
        "coordinators.csv:2:1: phone: no mobile number can be read here; " + ONE_NUMBER,
        "coordinators.csv:3:2: unit: there is no unit 'own:D-3'; did you mean 'own:D-2'?",
        "coordinators.csv:3:3: hour: not an hour of the day; write it as 07:45",
        "coordinators.csv:4:2: unit: '6206' does not say which code list; write own:6206",
        "coordinators.csv:6:1: phone: the same number and unit as in line 5; remove one of the two",
    ]
    assert posts(house) == []
    assert contact(house, TWO) is None


def test_an_unknown_survey_is_named(house, survey, table):
    with pytest.raises(UnknownSurvey, match="integritas"):
        import_coordinators(house, "integritaz", table(f"phone\n{ONE}\n"))


def test_names_and_numbers_are_not_plain_in_the_table(house, survey, table):
    import_coordinators(house, "integritas", table(f"phone,name\n{ONE},Koordinator Satu\n"))
    statement = select(Coordinator.sealed)
    sealed = house.database.read(lambda c: c.execute(statement).scalar_one())
    assert b"Koordinator" not in bytes(sealed)


# --- sending ------------------------------------------------------------------------------------


@pytest.fixture
def post(house, survey, table):
    """One coordinator of the whole survey, at 07.45; one unit with seven finished."""
    unit = add_unit(house)
    aim(house, survey, unit, "internal", 60)
    finish(house, survey, unit, "internal", 7)
    import_coordinators(house, "integritas", table(f"phone,hour,name\n{ONE},07:45,K\n"))
    return unit


def test_a_report_goes_out_once_at_its_hour(house, post, clock):
    at(clock, 6)
    assert snapshots.take_due(house) == 1
    assert send_due(house) == 0
    at(clock, 7, 45)
    assert send_due(house) == 1
    assert send_due(house) == 0
    (message,) = outbox(house)
    assert message.template == "daily_template"
    assert message.variables["ringkasan"] == "Internal 7"
    assert message.variables["tgl"] == "23 November 2026"
    assert all("\n" not in value and value for value in message.variables.values())
    assert "Internal: 7 dari 60 (11,7%)" in message.text
    assert posts(house)[0][2] == MIDNIGHT + timedelta(days=1, hours=7, minutes=45)


def test_it_waits_for_the_days_snapshot_an_hour_and_then_takes_the_newest(
    house, survey, post, clock
):
    at(clock, 6)
    snapshots.take_due(house)
    at(clock, 7, 45)
    send_due(house)
    at(clock, 7, 45, day=1)
    assert send_due(house) == 0
    at(clock, 8, 44, day=1)
    assert send_due(house) == 0
    at(clock, 8, 45, day=1)
    assert send_due(house) == 1
    assert "23 November 2026" in outbox(house)[-1].text


def test_a_unit_further_east_gets_it_as_soon_as_the_snapshot_is_there(house, survey, clock, table):
    add_unit(house, "Dinas Timur", code="E-1", zone="Asia/Jayapura")
    import_coordinators(house, "integritas", table(f"phone,unit,hour\n{ONE},E-1,07:45\n"))
    at(clock, 5, 45)  # 07.45 WIT
    assert send_due(house) == 0
    at(clock, 6)
    snapshots.take_due(house)
    assert send_due(house) == 1


def test_a_long_sleep_is_caught_up_with_one_message(house, post, clock):
    at(clock, 9, 0, day=5)
    snapshots.take_due(house)
    assert send_due(house) == 1
    assert send_due(house) == 0
    assert posts(house)[0][2] == MIDNIGHT + timedelta(days=6, hours=7, minutes=45)


def test_what_was_missed_yesterday_comes_once_today_at_its_hour(house, post, clock):
    at(clock, 6)
    snapshots.take_due(house)
    for hour, minute, sent in ((2, 24, 0), (7, 0, 0), (7, 45, 1), (9, 0, 0)):
        at(clock, hour, minute, day=1)
        snapshots.take_due(house)
        assert send_due(house) == sent
    assert len(outbox(house)) == 1


def test_what_is_late_comes_on_the_same_day_but_not_at_night(house, post, clock):
    at(clock, 6)
    snapshots.take_due(house)
    at(clock, 21, 0)
    assert send_due(house) == 0
    assert posts(house)[0][2] == MIDNIGHT + timedelta(days=1, hours=7, minutes=45)
    at(clock, 20, 59, day=1)
    assert send_due(house) == 1


def test_whoever_wants_it_at_night_gets_it_then(house, post, table, clock):
    import_coordinators(house, "integritas", table(f"phone,hour\n{ONE},22:15\n"))
    at(clock, 6)
    snapshots.take_due(house)
    at(clock, 22, 20)
    assert send_due(house) == 1


def test_before_the_first_snapshot_the_post_only_waits_for_the_next_day(house, clock, table):
    publish_bundled(house, opens="2026-12-01")
    import_coordinators(house, "integritas", table(f"phone\n{ONE}\n"))
    at(clock, 7, 45)
    assert send_due(house) == 0
    assert posts(house)[0][2] == MIDNIGHT + timedelta(days=1, hours=7, minutes=45)


@pytest.mark.parametrize("how", ["paused", "opted out"])
def test_who_paused_or_stopped_gets_none_and_the_timer_goes_on(house, post, clock, how):
    contact_id = contact(house, ONE)

    def stop(connection):
        if how == "paused":
            queries.pause_posts(connection, contact_id, paused=True)
        else:
            identity.opt_out(connection, house, contact_id, "coordinator")

    house.database.write(stop)
    at(clock, 7, 45)
    snapshots.take_due(house)
    assert send_due(house) == 0
    assert posts(house)[0][2] == MIDNIGHT + timedelta(days=1, hours=7, minutes=45)


def test_a_respondents_stop_does_not_stop_reports(house, post, clock):
    contact_id = contact(house, ONE)
    house.database.write(lambda connection: identity.opt_out(connection, house, contact_id))
    at(clock, 7, 45)
    snapshots.take_due(house)
    assert send_due(house) == 1


@pytest.mark.parametrize("key_destroyed", [False, True])
def test_after_the_end_comes_a_last_one_and_then_none(house, survey, post, clock, key_destroyed):
    at(clock, 12)

    def close(connection):
        connection.execute(update(Survey).values(closed_at=house.now()))
        if key_destroyed:
            house.keys.survey(connection, survey.id)
            house.keys.destroy(connection, f"survey:{survey.id}")

    house.database.write(close)
    sent = []
    for day in (1, 2, 3):
        at(clock, 7, 45, day=day)
        snapshots.take_due(house)
        sent.append(send_due(house))
    assert sent == [1, 0, 0]
    assert "ditutup" in outbox(house)[0].text
    assert posts(house)[0][2] is None


def test_many_sweeps_at_once_write_one_report(some_url, house, post, clock):
    at(clock, 7, 45)
    snapshots.take_due(house)
    # On SQLite there is one serving process: its sweeps may still overlap.
    others = [] if house.database.is_sqlite else [Database(some_url) for _ in range(3)]
    houses = [house] * (4 - len(others)) + [
        open_installation(one, Secret(SECRET), clock=Clock(clock)) for one in others
    ]
    start = threading.Barrier(len(houses))
    sent = []

    def run(one):
        start.wait()
        sent.append(send_due(one))

    threads = [threading.Thread(target=run, args=(one,)) for one in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert sorted(sent) == [0, 0, 0, 1]
    assert len(outbox(house)) == 1


class Killed(BaseException):
    """The process dies here."""


class DeadlyClock(TestClock):
    """A source of time that can be asked so often, and then the process dies."""

    left = 1

    def __call__(self):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return self.now


def test_a_death_before_the_commit_loses_and_doubles_nothing(some_url, house, post, clock):
    at(clock, 7, 45)
    snapshots.take_due(house)
    due = posts(house)
    # The second look at the clock is the outbox's: the timer has been moved by then.
    dying = open_installation(house.database, Secret(SECRET), clock=Clock(DeadlyClock(clock.now)))
    with pytest.raises(Killed):
        send_due(dying)
    assert posts(house) == due
    assert outbox(house) == []
    assert send_due(house) == 1
    assert len(outbox(house)) == 1


def test_more_posts_than_a_page_are_all_served(house, survey, clock, table):
    unit = add_unit(house)
    finish(house, survey, unit, "internal", 7)
    rows = "".join(f"+62812000002{number:02}\n" for number in range(7))
    import_coordinators(house, "integritas", table("phone\n" + rows))
    at(clock, 7, 45)
    snapshots.take_due(house)
    assert send_due(house, page=3) == 7
