"""The rule of what may be shown of a count, and an attacker who reads all days and all levels."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations_with_replacement, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.reporting.publication import NOTHING, SMALL, STEP, Count, change, publish, total
from tests.attacker import Attack

TARGETS = [None, *range(1, 16)]


def days(counts, target):
    """Return the published values of consecutive days."""
    values, before = [], 0
    for count in counts:
        before = publish(count, before, target)
        values.append(before)
    return tuple(values)


def test_a_count_is_first_published_when_it_reaches_five():
    assert days([0, 4, 5], None) == (0, 0, 5)
    assert Count(0).kind == "few"
    assert Count(5).kind == "number"


def test_a_published_count_moves_only_when_five_are_new():
    assert days([7, 11, 12, 13, 17], None) == (7, 7, 12, 12, 17)


def test_a_remainder_under_five_is_almost_complete_and_counts_as_its_lower_bound():
    assert days([30, 45, 46, 50], 50) == (30, 45, 45, 45)
    assert days([30, 40, 46, 50], 50) == (30, 40, 46, 46)
    assert Count(46, 50).kind == "almost"
    assert Count(45, 50).kind == "number"


def test_almost_complete_is_not_said_where_it_would_mean_everybody():
    # From 5 of 10, five new ones would be all ten.
    assert days([5, 10], 10) == (5, 5)
    assert days([4, 6, 10], 10) == (0, 6, 6)


def test_a_target_that_was_passed_by_five_bounds_nothing_and_the_count_is_shown_again():
    assert days([26, 34, 35, 60], 30) == (26, 26, 35, 60)
    assert Count(35, 30).kind == "number"
    assert Count(26, 30).kind == "almost"


@pytest.mark.parametrize("target", range(1, SMALL + 1))
def test_a_target_too_small_for_two_statements_shows_nothing(target):
    for count in range(target + STEP):
        assert publish(count, 0, target) == 0
    assert Count(0, target).kind == "hidden"


def test_a_sum_of_hidden_cells_is_not_called_fewer_than_five():
    assert total([Count(0, 40), Count(0, 40)]).kind == "hidden"
    assert total([Count(0, 40)]).kind == "hidden"
    assert total([]).kind == "hidden"


def test_a_sum_adds_published_values_and_known_targets():
    both = total([Count(46, 50), Count(12, 60), NOTHING])
    assert (both.value, both.target, both.kind) == (58, 110, "number")
    assert both.to_dict() == {"shown": "number", "value": 58, "target": 110, "percent": 52.7}


def test_a_change_is_shown_only_between_two_shown_numbers():
    assert change(Count(12, 50), Count(7, 50)) == 5
    assert change(Count(7, 50), Count(0, 50)) is None
    assert change(Count(46, 50), Count(41, 50)) is None
    assert change(Count(7, 50), None) is None


def test_what_is_hidden_is_not_in_the_plain_form():
    for hidden in (Count(0, 50), Count(46, 50), Count(0, 7)):
        assert hidden.to_dict()["value"] is None
        assert hidden.to_dict()["percent"] is None


@given(
    st.lists(st.integers(0, 300), max_size=12),
    st.lists(st.none() | st.integers(0, 200), min_size=12, max_size=12),
)
def test_published_values_never_fall_and_move_by_five_whatever_the_counts_and_targets_do(
    counts, targets
):
    before = 0
    for count, target in zip(counts, targets, strict=False):
        value = publish(count, before, target)
        assert value == before or value - before >= STEP
        assert value <= max(count, before), "more than there is was published"
        before = value


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 400))
def test_no_number_within_five_of_its_target_is_shown(count, before, target):
    shown = Count(publish(count, before, target), target)
    if shown.kind == "number":
        assert abs(shown.value - target) >= STEP


def consistent_histories(target, length, top):
    """Group all histories of a cell by what was published of them."""
    by_view = defaultdict(list)
    for counts in combinations_with_replacement(range(top + 1), length):
        by_view[days(counts, target)].append(counts)
    return by_view


def exact_days(view, target):
    """Return on which days a count was published as it was."""
    return {
        day
        for day, (before, value) in enumerate(pairwise((0, *view)))
        if value > before and Count(value, target).kind == "number"
    }


@pytest.mark.parametrize("target", TARGETS)
def test_no_history_lets_a_census_cell_or_its_daily_change_be_computed_closer_than_five(target):
    """The attacker knows the rule, the target, that no count falls and none exceeds the target."""
    # Without a target the horizon bounds the count: views that touch it are left to wider ones.
    top = target if target is not None else 14
    possible = min(STEP, top + 1)
    for view, histories in consistent_histories(target, 4, top).items():
        if target is None and view[-1] + STEP > top:
            continue
        exact = exact_days(view, target)
        for day in range(4):
            values = {counts[day] for counts in histories}
            if day in exact:
                assert values == {view[day]}
            else:
                assert len(values) >= possible, (target, view, day, values)
        for day in range(1, 4):
            changes = {counts[day] - counts[day - 1] for counts in histories}
            if {day - 1, day} <= exact:
                assert min(changes) >= STEP
            else:
                assert len(changes) >= possible, (target, view, day, changes)


@pytest.mark.parametrize("target", [9, 10, 13])
def test_an_attacker_who_allows_for_more_than_the_target_knows_no_more(target):
    top = target + STEP + 9
    for view, histories in consistent_histories(target, 3, top).items():
        if view[-1] + STEP > top:
            continue
        exact = exact_days(view, target)
        for day in set(range(3)) - exact:
            values = {counts[day] for counts in histories}
            assert len(values) >= STEP, (target, view, day, values)


def said(count):
    """Return all that is shown of a count."""
    kind = count.kind
    return kind, count.value if kind == "number" else None, count.target


def test_sums_of_all_levels_leave_five_values_for_every_hidden_cell():
    """Two units of two groups: the attacker also reads the sums of units, groups and all."""
    targets = (12, None, 9, 14)
    by_view = defaultdict(set)
    for counts in product(*(range((target or 11) + 1) for target in targets)):
        cells = [Count(publish(n, 0, t), t) for n, t in zip(counts, targets, strict=True)]
        a, b, c, d = cells
        view = tuple(
            said(total(parts))
            for parts in ([a], [b], [c], [d], [a, b], [c, d], [a, c], [b, d], cells)
        )
        by_view[view].add(counts)
    for histories in by_view.values():
        for place, target in enumerate(targets):
            values = {counts[place] for counts in histories}
            value = min(values)
            shown = Count(publish(value, 0, target), target)
            if shown.kind == "number":
                assert values == {shown.value}
            else:
                assert len(values) >= STEP, (target, values)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.sampled_from((0, 0, 0, 1, 4, 9))), min_size=1, max_size=9
    ),
    st.integers(0, 30),
    st.none() | st.integers(1, 30),
)
def test_targets_that_rise_and_people_on_the_roster_leave_five_values_and_never_only_everybody(
    days_of_fieldwork, target, people
):
    """The attacker knows every published value, also where none is shown."""
    bounds, counts, values = [], [], []
    count = value = 0
    for more, wider in days_of_fieldwork:
        target = target + wider if target else target
        bounds.append((target or None, people))
        count = min([count + more, *([max(target, people or 0)] if target or people else [])])
        counts.append(count)
        value = publish(count, value, *bounds[-1])
        values.append(value)
    cell = (1, "internal")
    attack = Attack({cell: bounds})
    for day, value in enumerate(values):
        attack.tracks[cell].narrow(day, {value})
    attack.conclude()
    assert attack.leaks() == []
    for day, count in enumerate(counts):
        assert count in attack.tracks[cell].counts(day)


def test_people_on_the_roster_are_a_bound_where_there_is_no_target():
    assert publish(6, 0, None, 6) == 0, "five of six would be known by name"
    assert Count(0, None, people=6).kind == "hidden"
    assert publish(40, 35, 30, 40) == 35, "all forty"
    assert publish(45, 30, 30, 40) == 45


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_falling_counts_publish_nothing_that_the_highest_count_so_far_would_not(data):
    target = data.draw(st.none() | st.integers(1, 40))
    counts = data.draw(st.lists(st.integers(0, 45), min_size=1, max_size=8))
    view = days(counts, target)
    assert list(view) == sorted(view)
    highest = max(counts)
    assert view[-1] <= highest
