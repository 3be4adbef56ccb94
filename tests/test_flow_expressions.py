"""Conditions are compiled once, know their names, and never raise while people answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.expressions import ExpressionError, compile_expression, fill, placeholders

KNOWN = {"often": ("1", "2", "0"), "tools": ("1", "2", "3"), "age": None, "why": None}


def holds(source: str, **answers: object) -> bool:
    return compile_expression(source, KNOWN).holds(answers)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("often == '2'", True),
        ("often != '2'", False),
        ("often in ['1', '2']", True),
        ("often not in ['1', '2']", False),
        ("age >= 18 and age < 65", True),
        ("18 <= age <= 20", False),
        ("not (age > 40)", True),
        ("'3' in tools", True),
        ("'2' in tools", False),
        ("tools|length > 1", True),
        ("why is none", True),
        ("age % 2 == 0 or often == '1'", True),
        ("why", False),
    ],
)
def test_conditions_over_answers(source: str, expected: bool) -> None:
    assert holds(source, often="2", age=40, tools=("1", "3")) is expected


@pytest.mark.parametrize(
    "source", ["age > 3", "'1' in tools", "age / 0 > 1", "why|int > 1", "tools|first == '1'"]
)
def test_what_cannot_be_compared_is_false(source: str) -> None:
    assert holds(source) is False


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("oftn == '1'", "did you mean `often`?"),
        ("often == 2", "in quotes"),
        ("often == '7'", "`often` can never be '7'"),
        ("often in ['1', '8']", "`often` can never be '8'"),
        ("often ==", "is not a condition"),
        ("often age", "goes on where it should end"),
        ("often == '1' }} {{", "goes on"),
        # as people write who know other languages
        ("often = '1'", "write `==`"),
        ("${often} == '1'", "without `${ }`"),
        ("often == \u20181\u2019", "straight quotes"),
        ("often == '1' AND age > 3", "`and`, `or`, `not`, `in` in small letters"),
        ("often == '1' && age > 3", "write `and`"),
        ("age <> 3", "write `!=`"),
        ("often == 'a = b AND' age", "join conditions with `and`"),
        ("often.upper()", "may not use"),
        ("often.__class__", "may not use"),
        ("often['__class__']", "may not use"),
        ("range(3)", "may not use"),
        ("self", "unknown name"),
        ("age ** 9 > 1", "may not use"),
        ("age|random == 1", "unknown filter"),
        ("age is callable", "unknown test"),
        ("later == '1'", "asked later"),
        ("", "is not a condition"),
        ("${often} = '1'", "a name stands without `${ }` here: `often`"),
        (". <= age", "`value`"),
        ("age <= today()", "without brackets"),
        ("selected(tools, '1')", "write `'1' in tools`"),
    ],
)
def test_a_wrong_condition_is_an_error_that_says_what_and_how_to_mend_it(
    source: str, words: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source, KNOWN, later=["later"])
    said = f"{caught.value} {caught.value.fix}"
    assert words in said
    assert caught.value.fix
    assert "\n" not in said


def test_an_expression_knows_the_answers_that_it_reads() -> None:
    assert compile_expression("often == '1' and (age > 3 or often == '2')", KNOWN).names == (
        "often",
        "age",
    )


def test_somebodys_own_words_are_not_kept_in_a_cache() -> None:
    expression = compile_expression("why|length > 3 and often != '2' and age is none", KNOWN)
    for why in ("Budi", "x" * 41, ("Budi",)):
        expression.holds({"why": why, "often": "1"})
    assert expression.holds({"why": "Budi", "often": "1"})
    assert expression.run_cached.cache_info().currsize == 0  # type: ignore[attr-defined]
    for often in ("1", "2", "1"):
        assert not expression.holds({"often": often, "age": 3})
    assert expression.run_cached.cache_info().currsize == 2  # type: ignore[attr-defined]


ANSWERS = st.none() | st.text(max_size=5) | st.integers() | st.tuples(st.text(max_size=2))


@given(ANSWERS, ANSWERS)
def test_no_answer_makes_a_condition_raise(often: object, age: object) -> None:
    for source in (
        "age > 3",
        "often in ['1']",
        "age in often",
        "age + often == 1",
        "often|int > 2",
    ):
        assert compile_expression(source, {"often": None, "age": None}).holds(
            {"often": often, "age": age}
        ) in (True, False)


def test_placeholders_are_found_and_broken_ones_refused() -> None:
    assert placeholders("{{a}} {{ b_1 }} {{a}}") == ("a", "b_1")
    for broken in ("{{a", "a}}", "{{a b}}", "{{a.b}}", "{% if a %}", "{{}}"):
        with pytest.raises(ExpressionError):
            placeholders(broken)


def test_braces_inside_a_value_stay_what_they_are() -> None:
    values = {"a": "{{b}}", "b": "{{a}} \\1"}
    assert fill("{{a}} and {{ b }}", values.__getitem__) == "{{b}} and {{a}} \\1"
