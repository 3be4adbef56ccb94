"""The day's one snapshot: when it is taken, how often, and what it holds."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from bot.interview.installation import Clock, open_installation
from bot.reporting import snapshots
from bot.reporting.publication import Count
from storage.database import Database
from storage.keys import Secret
from storage.models import Cell, ProgressSnapshot
from tests.counts import aim, erase, finish
from tests.setup import SECRET, TestClock, add_unit, installation, publish_bundled

# 06.00 in Jakarta on the second day of fieldwork.
SIX = datetime(2026, 11, 1, 23, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return TestClock(SIX)


@pytest.fixture
def house(some_url, clock):
    with installation(some_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


def newest(house, survey):
    return house.database.read(lambda connection: snapshots.latest(connection, survey.id))


def number_of_snapshots(house):
    statement = select(func.count()).select_from(ProgressSnapshot)
    return house.database.read(lambda connection: connection.execute(statement).scalar_one())


def test_nothing_is_taken_before_the_hour_in_the_surveys_own_zone(house, survey, clock):
    clock.now = SIX - timedelta(seconds=1)
    assert snapshots.take_due(house) == 0
    clock.now = SIX
    assert snapshots.take_due(house) == 1
    assert newest(house, survey).day == date(2026, 11, 2)


def test_a_day_has_one_snapshot_however_often_it_is_due(house, survey, clock):
    unit = add_unit(house)
    finish(house, survey, unit, "internal", 6)
    assert snapshots.take_due(house) == 1
    finish(house, survey, unit, "internal", 20)
    clock.move(hours=10)
    assert snapshots.take_due(house) == 0
    assert newest(house, survey).count({unit}, "internal") == Count(6)


def test_two_sweeps_at_once_take_one_snapshot(some_url, house, survey, clock):
    # On SQLite there is one serving process: its sweeps may still overlap.
    other = house.database if house.database.is_sqlite else Database(some_url, serving=True)
    second = open_installation(other, Secret(SECRET), clock=Clock(clock))
    start = threading.Barrier(2)
    taken = []

    def take(one):
        start.wait()
        taken.append(snapshots.take_due(one))

    threads = [threading.Thread(target=take, args=(one,)) for one in (house, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if other is not house.database:
        other.close()
    assert sorted(taken) == [0, 1]
    assert number_of_snapshots(house) == 1


def test_days_slept_through_stay_without_one(house, survey, clock):
    snapshots.take_due(house)
    clock.move(days=3, hours=5)
    assert snapshots.take_due(house) == 1
    assert snapshots.take_due(house) == 0
    assert number_of_snapshots(house) == 2
    assert newest(house, survey).day == date(2026, 11, 5)


def test_finished_interviews_count_whether_mixed_or_not_and_no_others(house, survey):
    unit = add_unit(house)
    finish(house, survey, unit, "internal", 4)
    finish(house, survey, unit, "internal", 3, mixed=True)
    finish(house, survey, unit, "internal", 9, status="screened_out")
    finish(house, survey, unit, "internal", 9, status="asking")
    snapshots.take_due(house)
    assert newest(house, survey).count({unit}, "internal") == Count(7)


def test_a_known_duplicate_is_not_counted(house, survey):
    unit = add_unit(house)
    finish(house, survey, unit, "internal", 8, mixed=True)
    row = {"survey_id": survey.id, "unit_id": unit, "grp": "internal", "known_duplicates": 2}
    house.database.write(lambda connection: connection.execute(insert(Cell), row) and None)
    snapshots.take_due(house)
    assert newest(house, survey).count({unit}, "internal") == Count(6)


def test_a_published_count_waits_for_five_new_ones_and_never_falls(house, survey, clock):
    unit = add_unit(house)
    seen = []
    for more, fewer in ((7, 0), (4, 0), (1, 0), (0, 10), (14, 0), (1, 0)):
        finish(house, survey, unit, "internal", more)
        erase(house, survey, unit, fewer)
        snapshots.take_due(house)
        seen.append(newest(house, survey).count({unit}, "internal").value)
        clock.move(days=1)
    # Twelve, then two of them are left, then sixteen, then seventeen.
    assert seen == [7, 7, 12, 12, 12, 17]


def test_what_is_stored_holds_no_count_that_is_not_published(house, survey):
    unit, empty = add_unit(house), add_unit(house, "Badan Contoh", code="U2")
    finish(house, survey, unit, "internal", 4)
    finish(house, survey, unit, "ahli", 3)
    aim(house, survey, unit, "internal", 40)
    aim(house, survey, empty, "internal", 40)
    snapshots.take_due(house)
    text = house.database.read(
        lambda connection: connection.execute(select(ProgressSnapshot.counts)).scalar_one()
    )
    cells = json.loads(text)["cells"]
    # The cell with three finished and no target looks like the one with none.
    assert cells == [[unit, "internal", 0, 40], [empty, "internal", 0, 40]]


def test_sums_are_of_published_values(house, survey):
    office = add_unit(house)
    part = add_unit(house, "Bidang Contoh", code="U2", parent_id=office)
    finish(house, survey, office, "internal", 4)
    finish(house, survey, part, "internal", 6)
    finish(house, survey, part, "ahli", 5)
    snapshots.take_due(house)
    taken = newest(house, survey)
    assert taken.count({office, part}, "internal").value == 6
    assert taken.count({part}).value == 11
    assert taken.count().value == 11


def test_the_last_one_is_taken_on_the_day_after_the_end(house, survey, clock):
    clock.now = datetime(2027, 1, 31, 23, 0, tzinfo=UTC)  # 1 February in Jakarta
    assert snapshots.take_due(house) == 1
    clock.move(days=1)
    assert snapshots.take_due(house) == 0


def test_none_is_taken_before_the_survey_opens(house, clock):
    publish_bundled(house, opens="2026-12-01")
    assert snapshots.take_due(house) == 0
