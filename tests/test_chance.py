"""The yardsticks are right: against enumeration, and against what chance does."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from bot.reporting.anonymity.chance import ALPHA, alignment_p, inversions, order_p, range_p


def test_inversions_are_pairs_in_the_wrong_order():
    chance = random.Random(1)
    for size in (0, 1, 2, 7, 40):
        sequence = chance.sample(range(1000), size)
        slow = sum(a > b for a, b in itertools.combinations(sequence, 2))
        assert inversions(sequence) == slow


@pytest.mark.parametrize("sizes", [(4,), (3, 3), (2, 1, 3)])
def test_order_is_measured_against_all_arrangements(sizes: tuple[int, ...]):
    every = [list(itertools.permutations(range(size))) for size in sizes]
    found = [sum(inversions(one) for one in parts) for parts in itertools.product(*every)]
    most = sum(size * (size - 1) // 2 for size in sizes)
    for parts in itertools.product(*every):
        mine = sum(inversions(one) for one in parts)
        extreme = min(mine, most - mine)
        tail = sum(one <= extreme for one in found)
        assert math.isclose(order_p(parts), min(1.0, 2 * tail / len(found)))


def test_large_orders_are_measured_about_as_exactly():
    chance = random.Random(2)
    for size in (60, 61):
        # The 60 are computed exactly, the 61 approximately: nearly the same question.
        values = sorted(range(size), key=lambda one: one + chance.random() * 50)
        assert 1e-12 < order_p([values]) < 1e-3
    assert order_p([list(range(61))]) < ALPHA
    assert order_p([list(range(61, 0, -1))]) < ALPHA


def test_a_kept_order_of_ten_is_no_chance_and_of_nine_may_be():
    assert order_p([list(range(10))]) < ALPHA
    assert order_p([list(range(9))]) > ALPHA
    assert order_p([[0, 1, 2]] * 9) < ALPHA
    assert order_p([[]]) == 1.0


def test_shuffled_orders_are_chance():
    chance = random.Random(3)
    for size in (10, 60, 500):
        assert all(order_p([chance.sample(range(size), size)]) > ALPHA for _ in range(50))


def test_alignment_is_hypergeometric():
    left, right = ["a"] * 3 + ["b"] * 5, ["a"] * 2 + ["b"] * 6
    # Both of the two among the three: C(3,2)/C(8,2); two labels tell the same (Bonferroni).
    assert math.isclose(alignment_p([(left, right)]), 2 * 3 / 28)


def test_alignment_adds_up_over_strata_and_sides_without_labels_tell_nothing():
    fits = (["a", "b"] * 6, ["a", "b"] * 6)
    assert alignment_p([fits]) > ALPHA
    assert alignment_p([fits] * 3) < ALPHA
    assert alignment_p([fits] * 40) < ALPHA
    assert alignment_p([(["a"] * 9, ["a"] * 9)]) == 1.0
    assert alignment_p([]) == 1.0


def test_labels_by_chance_are_chance():
    chance = random.Random(4)
    for size in (20, 350, 900):
        for _ in range(30):
            left = chance.choices(["id", "en", None], k=size)
            right = chance.choices(["id", "en"], k=size)
            assert alignment_p([(left, right)]) > ALPHA


def test_counters_lie_close_together_and_random_numbers_do_not():
    chance = random.Random(5)
    assert range_p(range(100, 110), 1 << 16) < ALPHA
    assert range_p([7] * 5, 1 << 16) < ALPHA
    assert range_p([7], 1 << 16) == 1.0
    assert all(range_p(chance.choices(range(1 << 16), k=9), 1 << 16) > ALPHA for _ in range(500))
