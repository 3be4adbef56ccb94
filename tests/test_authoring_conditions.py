"""XPath of XLSForms, read and said as conditions of a flow."""

from __future__ import annotations

import pytest

from bot.authoring.xlsform.condition_parts import Known, Scope, Use
from bot.authoring.xlsform.conditions import translate
from bot.authoring.xlsform.xpath import Binary, Call, Dot, Negative, Number, Ref, XPathError, parse
from bot.flow.expressions import compile_expression

KNOWN = {
    "a": Known("a", "choice", {"x": "x", "Y-1": "y_1"}),
    "q": Known("q", "choice", {"1": "1", "2": "2"}, "9"),
    "many": Known("many", "several", {"3": "3", "4": "4"}),
    "b": Known("b", "several", {"3": "3", "x": "x"}, "9"),
    "Age": Known("age", "number"),
    "word": Known("word", "text"),
    "sum": Known("sum", "any"),
    "born": Known("born", "date"),
    "prov": Known("prov", "choice", {"63": "63"}),
}
SCOPE = Scope(
    KNOWN, {"later": "it is asked later"}, Known("own", "number"), {"province": "in_prov"}
)

SAID: list[tuple[Use, str, str]] = [
    ("relevant", "${a} = 'x'", "a == 'x'"),
    ("relevant", "${a} = 'Y-1' and selected(${b}, '3')", "a == 'y_1' and '3' in b"),
    ("relevant", "selected(${a}, 'x')", "a == 'x'"),
    ("relevant", "not(selected(${many}, '3'))", "'3' not in (many or [])"),
    ("relevant", "${a} != '' or ${Age} > 17", "a is not none or age is not none and age > 17"),
    ("relevant", "(${a} = 'x' or ${q} = 1) and ${Age} < 5", "(a == 'x' or q == '1') and age < 5"),
    ("relevant", "${a} = 'x' or ${a} = 'Y-1'", "a in ['x', 'y_1']"),
    ("relevant", "not(${q} = '' or ${q} = '2')", "q not in [none, '9', '2']"),
    ("relevant", "${q} = ''", "q in [none, '9']"),
    ("relevant", "${b} != ''", "b is not none and '9' not in b"),
    ("relevant", "${q} >= 2", "q not in [none, '9'] and q | int >= 2"),
    ("relevant", "${Age} = '5'", "age == 5"),
    ("relevant", "${word} = 5", "word == '5'"),
    ("relevant", "count-selected(${many}) >= 2", "(many or []) | length >= 2"),
    ("relevant", "not(${Age} + 1 > 3)", "not (age is not none and age + 1 > 3)"),
    ("relevant", "int(${Age} div 2) mod 2 = 0", "(age / 2) | int % 2 == 0"),
    ("relevant", "${born} >= date('2000-01-01')", "born >= '2000-01-01'"),
    ("relevant", "contains(${word}, 'ab')", "'ab' in word"),
    ("constraint", ". > 0 and . <= ${Age}", "value > 0 and value <= age"),
    ("choice_filter", "province = ${prov}", "in_prov == prov"),
    ("calculation", "${q} + ${Age} * 2", "q | int + age * 2 if q not in [none, '9'] else none"),
    ("calculation", "if(${Age} >= 17, 'adult', 'child')",
     "'adult' if age is not none and age >= 17 else 'child'"),
    ("calculation", "if(${Age} > 1, ${Age}, '')", "age if age is not none and age > 1 else none"),
    ("calculation", "coalesce(${Age}, 0) + 1", "(age if age is not none else 0) + 1"),
    ("calculation", "round(${Age} div 3, 1)", "(age / 3) | round(1)"),
    ("calculation", "${Age} > 5", "'true' if age is not none and age > 5 else 'false'"),
    ("calculation", "(${Age} + 1) * 2 - (3 - 1)", "(age + 1) * 2 - (3 - 1)"),
    ("calculation", "10 - 2 - 3", "10 - 2 - 3"),
    ("calculation", "-${Age} + .5", "-age + 0.5"),
    ("calculation", "concat(${word}, ' ', ${a})", "(word or '') + ' ' + (a or '')"),
    ("calculation", "max(${Age}, ${sum})", "[age, sum] | max"),
]  # fmt: skip

UNSAID: list[tuple[Use, str, str]] = [
    ("relevant", "${later} = 1", "asked later"),
    ("relevant", "${nobody} = 1", "no such question"),
    ("relevant", "${a} = 'z'", "no choice of `a`"),
    ("relevant", "${a} >= 3", "choices are words"),
    ("relevant", "${b} = 'x'", "several answers"),
    ("relevant", "regex(${word}, '^x')", "`regex()`"),
    ("relevant", "../x = 1", "form's XML"),
    ("relevant", "instance('l')/root/item[name=${a}]/label", "path"),
    ("relevant", "yes = ${a}", "no question"),
    ("relevant", "${born} < today()", "constraint only"),
    ("relevant", "today() - ${born} > 5", "constraint only"),
    ("relevant", ". > 1", "not there yet"),
    ("relevant", "'x'", "alone is no condition"),
    ("constraint", "today() - . > 5 + ${born}", "days cannot be counted"),
    ("calculation", "pulldata('f', 'a', 'b', ${a})", "`pulldata()`"),
    ("calculation", "jr:choice-name(${a}, '${a}')", "jr:choice-name"),
]


@pytest.mark.parametrize(("use", "form", "flow"), SAID)
def test_what_a_form_says_a_flow_says(use: Use, form: str, flow: str) -> None:
    assert translate(form, SCOPE, use) == flow
    names = [*(known.name for known in KNOWN.values()), "value", "in_prov"]
    compile_expression(flow, dict.fromkeys(names))


@pytest.mark.parametrize(("use", "form", "why"), UNSAID)
def test_what_a_flow_cannot_say_is_named(use: Use, form: str, why: str) -> None:
    with pytest.raises(XPathError) as error:
        translate(form, SCOPE, use)
    assert why in str(error.value)


def test_nobody_answered_means_the_same_in_both() -> None:
    """In XPath a comparison with nothing is false, and `not` of it true."""
    condition = compile_expression(
        translate("not(${Age} > 17) and ${a} = ''", SCOPE, "relevant"), {"age": None, "a": None}
    )
    assert condition.holds({})
    assert not condition.holds({"age": 18})
    assert condition.holds({"age": 17})


@pytest.mark.parametrize(
    "text", ["", "((", "${a", "1 +", "selected(${a}, ", "a b", "${a} = = 1", "#"]
)
def test_what_is_no_xpath_is_refused(text: str) -> None:
    with pytest.raises(XPathError):
        parse(text)


def test_deep_nesting_and_long_texts_are_refused() -> None:
    with pytest.raises(XPathError, match="nested too deeply"):
        parse("(" * 500 + "1" + ")" * 500)
    with pytest.raises(XPathError, match="more than"):
        parse("1" * 20_000)


def test_operators_hold_as_tightly_as_in_xpath() -> None:
    assert parse("1 + 2 * 3 = 7 or .") == Binary(
        "or",
        Binary("=", Binary("+", Number("1"), Binary("*", Number("2"), Number("3"))), Number("7")),
        Dot(),
    )
    assert parse("-f(${ x }) - 1") == Binary("-", Negative(Call("f", (Ref("x"),))), Number("1"))
