"""The table of published numbers for the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.interview.surveys import UnknownSurvey
from bot.reporting import snapshots
from bot.reporting.progress import progress
from tests.counts import aim, finish
from tests.setup import TestClock, add_unit, installation, publish_bundled

MORNING = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return TestClock(MORNING)


@pytest.fixture
def house(some_url, clock):
    with installation(some_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


def rows(house):
    return {(one.unit_name, one.group): one for one in progress(house, "integritas").lines}


def test_before_the_first_snapshot_there_is_nothing_to_show(house, survey):
    finish(house, survey, add_unit(house), "internal", 30)
    shown = progress(house, "integritas")
    assert shown.to_dict() == {"survey": "integritas", "day": None, "at": None, "lines": []}


def test_the_table_is_the_snapshot_with_the_change_since_the_one_before(house, survey, clock):
    city = add_unit(house, "Pemerintah Kota Contoh", code="0")
    first = add_unit(house, "Badan Contoh", code="1", parent_id=city)
    second = add_unit(house, "Dinas Contoh", code="2", parent_id=city)
    aim(house, survey, first, "internal", 60)
    aim(house, survey, second, "internal", 1500)
    aim(house, survey, second, "ahli", 15)
    finish(house, survey, first, "internal", 12)
    finish(house, survey, second, "internal", 1100)
    finish(house, survey, second, "ahli", 3)
    snapshots.take_due(house)
    clock.move(days=1)
    finish(house, survey, first, "internal", 4)
    finish(house, survey, second, "internal", 134)
    finish(house, survey, second, "ahli", 9)
    snapshots.take_due(house)
    finish(house, survey, second, "ahli", 100)
    table = [line.cells() for line in progress(house, "integritas").lines]
    assert table == [
        ("all", "internal", "1,246", "1,560", "79.9%", "+134"),
        ("all", "eksternal", "not shown yet", "-", "-", ""),
        ("all", "ahli", "almost complete", "15", "-", ""),
        ("all", "all", "1,257", "1,575", "79.8%", "+145"),
        ("Pemerintah Kota Contoh", "internal", "1,246", "1,560", "79.9%", "+134"),
        ("Pemerintah Kota Contoh", "ahli", "almost complete", "15", "-", ""),
        ("  Badan Contoh", "internal", "12", "60", "20%", ""),
        ("  Dinas Contoh", "internal", "1,234", "1,500", "82.3%", "+134"),
        ("  Dinas Contoh", "ahli", "almost complete", "15", "-", ""),
    ]


def test_the_plain_form_is_json_and_holds_no_hidden_value(house, survey):
    unit = add_unit(house)
    aim(house, survey, unit, "internal", 50)
    finish(house, survey, unit, "internal", 48)
    snapshots.take_due(house)
    plain = json.loads(json.dumps(progress(house, "integritas").to_dict()))
    assert plain["day"] == "2026-11-23"
    assert plain["at"] == "2026-11-23T06:00:00+07:00"
    line = next(one for one in plain["lines"] if one["unit"] == "own:U1")
    assert line == {
        "unit": "own:U1",
        "unit_name": "Dinas Contoh",
        "group": "internal",
        "text": "almost complete",
        "shown": "almost",
        "value": None,
        "target": 50,
        "percent": None,
        "change": None,
    }


def test_an_unknown_survey_is_said(house, survey):
    with pytest.raises(UnknownSurvey):
        progress(house, "lain")
