"""Figures and template variables of what coordinators read."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.load import load_survey
from bot.flow.turn import Message
from bot.interview.surveys import Published
from bot.outreach.mending.counts import RosterCounts
from bot.reporting import words
from bot.reporting.coordinators import digest, roster_phase, weekly
from bot.reporting.coordinators.digest import Report
from bot.reporting.publication import Count
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy
from storage.queries.reports import UnitRow
from tests.setup import bundled_files

MONDAY = date(2026, 11, 23)
LINE_BREAK = re.compile(r"[\n\r\t\v\f\x1c-\x1e\x85\u2028\u2029]| {4}")

# Names and words as somebody may paste them out of a spreadsheet.
PASTED = st.text(st.sampled_from("Dinas *_{}\n\r\t\v\f\x85\u2028\u2029\xa0 5"), max_size=24)


@cache
def bundled() -> Published:
    return Published(1, "integritas", load_survey(bundled_files()), 1, None)


def named(title: str, owner: str) -> Published:
    """Return the bundled survey with another title, and another word in each of the owner's."""
    survey = bundled().survey
    settings = survey.settings
    texts = dict.fromkeys(settings.texts["id"], owner)
    changed = replace(settings, title={"id": title}, texts=MappingProxyType({"id": texts}))
    return replace(bundled(), survey=replace(survey, settings=changed))


def told(published: Published, unit: str, count: Count, *, ended: bool) -> list[Message]:
    """Return every message of a kind that may be sent as a template, to a unit of this name."""
    row = UnitRow(2, "own", "2", unit, None, "Asia/Jakarta")
    hierarchy = Hierarchy({2: row}, {})
    day = published.survey.settings.closes + timedelta(days=1) if ended else MONDAY
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    now = Snapshot(1, day, at, {(2, "internal"): count})
    week = Snapshot(1, day - timedelta(days=7), at, {(2, "internal"): Count(5, 100)})
    lists = RosterCounts(ready=3, duplicate=0, missing=1, broken=0, office=0, unclear=0)
    roster = roster_phase.message(published, hierarchy, 2, lists)
    assert roster is not None
    report = Report(published, hierarchy, 2, now, (week,), final=ended)
    return [
        roster,
        digest.message(report),
        weekly.message(report)[1],
        weekly.leader_message(report),
        weekly.closing_message(report),
    ]


@given(
    title=PASTED,
    owner=PASTED,
    unit=PASTED,
    count=st.builds(Count, st.integers(0, 2000), st.none() | st.integers(1, 2000)),
    ended=st.booleans(),
)
def test_no_variable_of_a_template_holds_a_line_break_or_nothing(
    title: str, owner: str, unit: str, count: Count, ended: bool
) -> None:
    for message in told(named(title, owner), unit, count, ended=ended):
        assert message.template in bundled().survey.words.coordinator
        assert message.variables
        for name, value in message.variables.items():
            assert value, name
            assert not LINE_BREAK.search(value), name


def test_groups_that_a_unit_does_not_have_are_not_told_as_few() -> None:
    _, daily, *_ = told(bundled(), "Dinas Contoh", Count(40, 100), ended=False)
    assert daily.variables["ringkasan"] == "Internal 40"
    assert daily.template_text is not None
    assert "pukul 06.00 (WIB): Internal 40. Balas *RINCIAN*" in daily.template_text


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (Fraction(0), "0"),
        (Fraction(5, 7), "0,7"),
        (Fraction(3), "3"),
        (Fraction(239, 7), "34"),
        (Fraction(5000), "5.000"),
    ],
)
def test_a_slow_pace_is_not_told_as_none(pace: Fraction, said: str) -> None:
    assert words.rate(pace) == said
