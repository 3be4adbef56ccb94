"""Terms say the same as the conditions they are made of, whatever is told first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.expressions import compile_expression
from bot.flow.terms import RAISES, Uses, names, settled, term, told, truth, uses, value

ATOMS = st.sampled_from(
    (
        *("a == '1'", "a in ['1', '2']", "a is none", "b != '2'", "n > 3", "n < m", "n + m >= 5"),
        *(
            "'1' in s",
            "s | length >= 2",
            "m // n == 1",
            "a == b",
            "n is none",
            "a",
            "n",
            "1 < n < 4",
        ),
        *(
            "-n < -2",
            "(n if a == '1' else m) == 2",
            "s | first == '2'",
            "true",
            "m is even",
            "1 < n < 4",
        ),
    )
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda one: f"not ({one})"),
    ),
    max_leaves=6,
)
CHOICE = st.sampled_from((None, "1", "2", "3"))
NUMBER = st.sampled_from((None, 0, 1, 2, 3, 4, 5))
VALUES = st.fixed_dictionaries(
    {
        "a": CHOICE,
        "b": CHOICE,
        "n": NUMBER,
        "m": NUMBER,
        "s": st.sampled_from((None, ("1",), ("2",), ("1", "2"))),
    }
)


@settings(max_examples=400, deadline=None)
@given(CONDITIONS, VALUES, st.permutations(("a", "b", "n", "m", "s")))
def test_a_term_holds_where_its_condition_does(source: str, values: dict[str, Any], order: Any):
    wanted = compile_expression(source, dict.fromkeys(values)).holds(values)
    one = plain = term(source)
    for name in order:
        one = settled(told(one, {name: values[name]}))
        plain = told(plain, {name: values[name]})
        early = truth(plain)
        assert early in (None, wanted), "what is decided early stays so"
    assert truth(one) is wanted
    assert truth(plain) is wanted


def test_what_decides_nothing_any_more_is_forgotten():
    one = settled(told(term("a == '1' or b == '1'"), {"a": "1"}))
    assert names(one) == frozenset()
    assert truth(one) is True
    assert names(settled(told(term("a == '1' or b == '1'"), {"b": "1"}))) == frozenset()
    assert names(settled(told(term("n > 3 and b == '1'"), {"b": "2"}))) == frozenset()


def test_a_side_that_may_not_be_worked_out_is_not_forgotten():
    """`n > 3` of somebody who was not asked `n` makes the whole condition false."""
    assert truth(told(term("n > 3 or b == '1'"), {"b": "1"})) is None
    assert truth(told(term("n > 3 or b == '1'"), {"b": "1", "n": None})) is False
    assert truth(told(term("not (n > 3)"), {"n": None})) is False


def test_sums_are_worked_out_on_the_way():
    for first, second in permutations((1, 2), 2):
        left = told(term("a + b + c > 4"), {"a": first, "b": second})
        assert left == told(term("a + b + c > 4"), {"a": second, "b": first})


def test_the_value_of_a_term_is_none_where_nothing_comes_out():
    assert value(told(term("a + b"), {"a": 1, "b": 2})) == 3
    assert value(told(term("a + b"), {"a": 1, "b": None})) is None
    assert told(term("a + b"), {"a": 1, "b": None}) == RAISES


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a == '1' and b == '7'", Uses({"1"}, set())),
        ("a in ['1', '2'] or '3' == a", Uses({"1", "2", "3"}, set())),
        ("'1' in a and '2' not in a", Uses(set(), {"1", "2"})),
        ("a | length > 2", Uses(set(), set(), counted=True)),
        ("a is none or not (a is none)", Uses(set(), set())),
        ("a + 1 > 2", Uses(set(), set(), otherwise=True)),
        ("a > b", Uses(set(), set(), otherwise=True)),
        ("1 < a < 5", Uses(set(), set(), otherwise=True)),
        ("a | first == '1'", Uses(set(), set(), otherwise=True)),
        ("b == '1'", Uses(set(), set())),
    ],
)
def test_how_a_condition_looks_at_an_answer(source: str, found: Uses):
    assert uses([term(source)], "a") == found
