"""What a translated condition means: the same as the XPath did, whatever was answered.

The XPath is worked out here as XPath 1.0 says, where an answer that is missing is an empty text.
"""

from __future__ import annotations

import math
import re
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.authoring.xlsform.condition_parts import Known, Scope
from bot.authoring.xlsform.conditions import translate
from bot.authoring.xlsform.xpath import (
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Ref,
    String,
    XPathError,
    parse,
)
from bot.authoring.xlsform.xpath_out import Readable, to_xpath
from bot.flow.expressions import compile_expression

KNOWN = {
    "a": Known("a", "choice", {"x": "x", "y": "y"}),
    "q": Known("q", "choice", {"1": "1", "2": "2", "3": "3"}, "9"),
    "m": Known("m", "several", {"x": "x", "y": "y"}),
    "r": Known("r", "several", {"x": "x", "y": "y"}, "9"),
    "age": Known("age", "number"),
    "word": Known("word", "text"),
}
ANSWERS = st.fixed_dictionaries(
    {
        "a": st.sampled_from([None, "x", "y"]),
        "q": st.sampled_from([None, "1", "2", "3", "9"]),
        "m": st.sampled_from([None, ("x",), ("y",), ("x", "y")]),
        "r": st.sampled_from([None, ("x",), ("x", "y"), ("9",)]),
        "age": st.sampled_from([None, 0, 1, 2, 3, 17]),
        "word": st.sampled_from([None, "ab", "2"]),
    }
)


def worked_out(node: Node, answers: dict[str, Any]) -> Any:
    """Return what XPath 1.0 makes of an expression: a text, a number, or true or false."""
    match node:
        case Number(text):
            return float(text)
        case String(text):
            return text
        case Ref(name):
            value = answers[name]
            if value is None or value in ("9", ("9",)):
                return ""
            if isinstance(value, int):
                return float(value)
            return " ".join(value) if isinstance(value, tuple) else str(value)
        case Negative(of):
            return -number(worked_out(of, answers))
        case Call(name, given_):
            return called(name, [worked_out(one, answers) for one in given_])
        case Binary("or", left, right):
            return truth(worked_out(left, answers)) or truth(worked_out(right, answers))
        case Binary("and", left, right):
            return truth(worked_out(left, answers)) and truth(worked_out(right, answers))
        case Binary(operator, left, right):
            return compared(operator, worked_out(left, answers), worked_out(right, answers))
    raise AssertionError(node)


def called(name: str, values: list[Any]) -> Any:
    match name:
        case "not":
            return not truth(values[0])
        case "selected":
            return values[1] in values[0].split()
        case "count-selected":
            return float(len(values[0].split()))
        case "int" | "number":
            return number(values[0])
        case "string-length":
            return float(len(values[0]))
        case "if":
            return values[1] if truth(values[0]) else values[2]
        case "coalesce":
            return values[1] if values[0] == "" else values[0]
    raise AssertionError(name)


def compared(operator: str, one: Any, two: Any) -> Any:
    if operator in {"=", "!="} and isinstance(one, str) and isinstance(two, str):
        return (one == two) is (operator == "=")
    first, second = number(one), number(two)
    match operator:
        case "=":
            return first == second
        case "!=":
            return first != second
        case "<":
            return first < second
        case "<=":
            return first <= second
        case ">":
            return first > second
        case ">=":
            return first >= second
        case "+":
            return first + second
        case "-":
            return first - second
        case "*":
            return first * second
    raise AssertionError(operator)


def number(value: Any) -> float:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(value)
    except ValueError:
        return math.nan


def truth(value: Any) -> bool:
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return bool(value)


# Two questions that were both left out are alike in XPath. Nobody means that.
BOTH = re.compile(r"\$\{\w+\} !?= \$\{")
NUMBERS = st.recursive(
    st.sampled_from(
        ["${age}", "${q}", "1", "2", "17", "count-selected(${m})", "count-selected(${r})",
         "string-length(${word})", "coalesce(${age}, 0)", "coalesce(${q}, 1)"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=3,
)  # fmt: skip
SIMPLE = st.one_of(
    st.tuples(NUMBERS, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), NUMBERS).map(" ".join),
    st.tuples(
        st.just("${a}"), st.sampled_from(["=", "!="]), st.sampled_from(["'x'", "''"])
    ).map(" ".join),
    st.tuples(
        st.sampled_from(["${q}", "${m}", "${r}", "${age}", "${word}"]),
        st.sampled_from(["= ''", "!= ''"]),
    ).map(" ".join),
    st.sampled_from(
        ["selected(${a}, 'x')", "selected(${m}, 'x')", "selected(${r}, 'y')", "${q} = 2",
         "${word} = 'ab'", "${word} != 'ab'", "${a}", "${m}", "${r}", "${q}", "${age}", "${word}"]
    ),
)  # fmt: skip
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda text: f"not({text})"),
    ),
    max_leaves=5,
).filter(lambda text: not BOTH.search(text))


def said(text: str, known: dict[str, Known]) -> str:
    """Translate; what compares a choice with one that is not there is refused, and no example."""
    try:
        return translate(text, Scope(known), "relevant")
    except XPathError as error:
        assume("is no choice of" not in str(error))
        raise


def holds(condition: str, answers: dict[str, Any]) -> bool:
    return compile_expression(condition, dict.fromkeys(KNOWN)).holds(answers)


@settings(max_examples=250, deadline=None)
@given(CONDITIONS, ANSWERS)
def test_a_condition_is_true_where_the_form_says_so(text: str, answers: dict[str, Any]) -> None:
    condition = said(text, KNOWN)
    assert holds(condition, answers) == truth(worked_out(parse(text), answers)), condition


READABLE = Readable(names={name: name for name in KNOWN}, several={"m", "r"}, words={"word"})


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, ANSWERS)
def test_what_goes_out_means_the_same(text: str, answers: dict[str, Any]) -> None:
    """In a form that we write, “prefer not to say” is a choice like others."""
    known = {name: Known(one.name, one.kind, one.choices) for name, one in KNOWN.items()}
    given_ = {name: None if value in ("9", ("9",)) else value for name, value in answers.items()}
    condition = said(text, known)
    again = to_xpath(condition, READABLE)
    assert truth(worked_out(parse(again), given_)) == truth(worked_out(parse(text), given_)), again
