"""What the linter says of conditions is what happens when people answer: checked by playing it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.lint.reach import UNKNOWN, Verdict, verdict
from bot.flow.load import load_survey
from bot.flow.question import Question
from bot.flow.route import first_open, matters
from bot.flow.state import Answer
from bot.flow.survey import Flow
from tests.lint_cases import clean

HEAD = 'kind: flow\nname: internal\ntitle: {id: Coba, en: Trial}\nminutes: "2"\nquestions:\n'
CHOICES = (
    'choices: [{name: "1", label: {id: Satu, en: One}}, {name: "2", label: {id: Dua, en: Two}},'
    ' {name: "3", label: {id: Tiga, en: Three}}]'
)
KINDS = {
    "one": "type: select_one, na: none, " + CHOICES,
    "one_na": "type: select_one, " + CHOICES,
    "several": "type: select_multiple, na: refuse, max_choices: 2, " + CHOICES,
    "number": "type: integer, min: 0, max: 6",
    "left_out": "type: integer, min: 0, max: 6, required: false",
    "free": "type: integer",
    "text": "type: text",
    "sum": "type: calculate",
    "decimal": "type: decimal, min: 0, max: 2.5",
    "range": "type: range, start: 0, end: 10, step: 2.5",
    "date": "type: date, min: 2025-01-01, max: 2025-12-31",
    "time": "type: time, max: '16:00'",
    "rank": "type: rank, na: none, max_choices: 2, " + CHOICES,
    "place": "type: geopoint",
}


def compiled(*questions: tuple[str, str, Mapping[str, str]]) -> Flow:
    """Return a flow of questions: name, kind, conditions by key."""
    lines = []
    for name, kind, conditions in questions:
        said = "".join(f', {key}: "{text}"' for key, text in conditions.items() if text)
        lines.append(
            f"  - {{name: {name}, label: {{id: Soal {name}, en: {name}}}, {KINDS[kind]}{said}}}\n"
        )
    files = clean() | {"internal.yaml": HEAD + "".join(lines)}
    return load_survey(files).flows["internal"]


def of(flow: Flow, name: str, key: str) -> Verdict:
    question = flow.by_name[name]
    condition = getattr(question, key)
    assert condition is not None
    return verdict(flow, question, condition, asked=key != "relevant")


NEVER, ALWAYS = Verdict(holds=False, fails=True), Verdict(holds=True, fails=False)


@pytest.mark.parametrize(
    ("kind", "condition", "expected"),
    [
        ("one", "a == '1'", UNKNOWN),
        ("one", "a == '1' and a == '2'", NEVER),
        ("one", "a in ['1', '2', '3']", ALWAYS),
        ("one_na", "a in ['1', '2', '3']", UNKNOWN),
        ("one", "a is none", NEVER),
        ("one", "a", ALWAYS),
        ("several", "'1' in a and '2' in a and '3' in a", NEVER),
        ("several", "'1' in a and '2' in a", UNKNOWN),
        ("several", "'9' in a and '2' in a", NEVER),
        ("several", "a|length > 2", NEVER),
        ("several", "a|length in [1, 2]", ALWAYS),
        ("several", "'1' in a or '2' in a or '3' in a or '9' in a", ALWAYS),
        ("number", "a > 6", NEVER),
        ("number", "a > 5.5", UNKNOWN),
        ("number", "a > 5.5 and a < 6", NEVER),
        ("number", "0 <= a <= 6", ALWAYS),
        ("number", "a * 2 == 13", NEVER),
        ("number", "a == '3'", NEVER),
        ("number", "a is none", NEVER),
        ("left_out", "a is none", UNKNOWN),
        ("left_out", "a is none or a >= 0", ALWAYS),
        ("free", "a > 5 and a < 6", NEVER),
        ("free", "a > 5 and a < 7", UNKNOWN),
        ("free", "a % 2 == 3", UNKNOWN),  # too many to try
        ("text", "a == 'x' and a == 'y'", NEVER),
        ("text", "a == 'x' or a != 'x'", ALWAYS),
        ("text", "a|length > 9000", UNKNOWN),
        ("text", "a > 'b' and a < 'a'", UNKNOWN),
        ("decimal", "a > 2.5", NEVER),
        ("decimal", "a > 2.4 and a < 2.5", UNKNOWN),
        ("decimal", "a > 1 and a < 1.5 and a != 1.25", UNKNOWN),
        ("decimal", "a >= 0", ALWAYS),
        ("decimal", "a * 2 > 9", UNKNOWN),
        ("range", "a == 3", NEVER),
        ("range", "a == 2.5", UNKNOWN),
        ("range", "a * 2 == 15", UNKNOWN),
        ("range", "a * 2 == 16", NEVER),
        ("date", "a > '2026-01-01'", NEVER),
        ("date", "a > '2025-12-30'", UNKNOWN),
        ("date", "a > '2025-03-01' and a < '2025-03-02'", NEVER),
        ("date", "a > 'kemarin'", UNKNOWN),
        ("time", "a <= '16:00'", ALWAYS),
        ("time", "a > '12:00' and a < '12:01'", NEVER),
        ("time", "a > '12:00' and a < '12:02'", UNKNOWN),
        ("rank", "a|first == '1' and a|last == '1'", NEVER),
        ("rank", "a|first == '1' and '2' in a", UNKNOWN),
        ("rank", "a|length == 2", ALWAYS),
        ("place", "a is none", NEVER),
    ],
)
def test_a_condition_over_one_answer(kind: str, condition: str, expected: Verdict) -> None:
    flow = compiled(("a", kind, {}), ("b", "text", {"relevant": condition}))
    assert of(flow, "b", "relevant") == expected


@pytest.mark.parametrize(
    ("conditions", "condition", "expected"),
    [
        ({"end_if": "a == '2'"}, "a == '2'", NEVER),
        ({"constraint": "value != '2'"}, "a == '2'", NEVER),
        ({"constraint": "a != '2'"}, "a in ['1', '3']", ALWAYS),
    ],
)
def test_who_was_sent_home_or_refused_does_not_come_by(
    conditions: Mapping[str, str], condition: str, expected: Verdict
) -> None:
    flow = compiled(("a", "one", conditions), ("b", "text", {"relevant": condition}))
    assert of(flow, "b", "relevant") == expected


def test_a_question_that_is_not_asked_has_no_answer() -> None:
    flow = compiled(
        ("a", "one", {}),
        ("b", "one", {"relevant": "a == '1'"}),
        ("c", "text", {"relevant": "a == '2' and b == '1'"}),
        ("d", "text", {"relevant": "b is none and a != '1'"}),
        ("e", "text", {"relevant": "b is none or a == '1'"}),
    )
    assert of(flow, "c", "relevant") == NEVER
    assert of(flow, "d", "relevant") == UNKNOWN
    assert of(flow, "e", "relevant") == ALWAYS


def test_a_constraint_is_judged_where_the_question_is_asked() -> None:
    flow = compiled(
        ("a", "number", {}),
        ("b", "number", {"relevant": "a > 3", "constraint": "value < 3 or a > 2"}),
        ("c", "number", {"relevant": "a > 3", "constraint": "value > a + 2"}),
        ("d", "number", {"constraint": "value < a"}),
        ("e", "one_na", {"constraint": "value in ['1', '2', '3']"}),
    )
    assert of(flow, "b", "constraint") == ALWAYS
    assert of(flow, "c", "constraint") == NEVER
    assert of(flow, "d", "constraint") == UNKNOWN
    assert of(flow, "e", "constraint") == ALWAYS  # "don't know" is not held to it


def test_many_answers_that_decide_together_are_left_alone() -> None:
    many: list[tuple[str, str, dict[str, str]]] = [
        (f"q{number}", "one_na", {}) for number in range(9)
    ]
    twice = " and ".join(f"q{number} == '1'" for number in range(9)) + " and q8 == '2'"
    flow = compiled(*many, ("b", "text", {"relevant": twice}))
    assert of(flow, "b", "relevant") == UNKNOWN


def test_a_calculation_is_worked_out_for_all_that_it_reads() -> None:
    flow = compiled(
        ("a", "number", {}),
        ("b", "number", {}),
        ("c", "sum", {"calculation": "a + b"}),
        ("d", "sum", {"calculation": "1 if a > 3 else 0", "relevant": "b > 2"}),
        ("e", "text", {"relevant": "c > 12"}),
        ("f", "text", {"relevant": "c > 11"}),
        ("g", "text", {"relevant": "d is none and b == 5"}),
        ("h", "text", {"relevant": "d == 1 and a == 2"}),
        ("i", "text", {"relevant": "d in [0, 1] or b <= 2"}),
    )
    assert of(flow, "e", "relevant") == NEVER
    assert of(flow, "f", "relevant") == UNKNOWN
    assert of(flow, "g", "relevant") == NEVER
    assert of(flow, "h", "relevant") == NEVER
    assert of(flow, "i", "relevant") == ALWAYS


def test_what_depends_on_the_day_is_left_alone() -> None:
    flow = compiled(("a", "date", {"constraint": "value <= today and value > today"}))
    assert of(flow, "a", "constraint") == UNKNOWN


def test_where_a_filter_may_leave_nothing_there_may_be_no_answer() -> None:
    flow = compiled(
        ("a", "one", {}),
        ("b", "one", {"choice_filter": "a == '1'"}),
        ("c", "text", {"relevant": "b is none"}),
    )
    assert of(flow, "c", "relevant") == UNKNOWN


# against all answers, one by one

ANSWERS: Mapping[str, tuple[Answer, ...]] = {
    "one": ("1", "2", "3"),
    "one_na": ("1", "2", "3", "0", "9"),
    "number": tuple(range(7)),
    "left_out": tuple(range(7)),
    "range": (0.0, 2.5, 5.0, 7.5, 10.0),
    "rank": (("1", "2"), ("1", "3"), ("2", "1"), ("2", "3"), ("3", "1"), ("3", "2")),
}


def played(flow: Flow, kinds: Mapping[str, str]) -> dict[tuple[str, str], set[bool]]:
    """Return what each condition came to over all ways to answer."""
    found: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for answers, left_out in interviews(flow, kinds, {}, ()):
        at = first_open(flow, answers, left_out)
        end = len(flow.questions) if at is None else at.index + 1
        for question in flow.questions[:end]:
            if question.relevant is not None:
                found[question.name, "relevant"].add(matters(question, answers))
    return found


def interviews(
    flow: Flow, kinds: Mapping[str, str], answers: dict[str, Answer], left_out: tuple[str, ...]
) -> Iterator[tuple[dict[str, Answer], tuple[str, ...]]]:
    yield answers, left_out
    question = first_open(flow, answers, left_out)
    if question is None:
        return
    for answer in ANSWERS[kinds[question.name]]:
        given = {**answers, question.name: answer}
        if not ends(question, given):
            yield from interviews(flow, kinds, given, left_out)
    if not question.required and not ends(question, answers):
        yield from interviews(flow, kinds, answers, (*left_out, question.name))


def ends(question: Question, answers: Mapping[str, Answer]) -> bool:
    return question.end_if is not None and question.end_if.holds(answers)


def atoms(names: list[str], kinds: Mapping[str, str]) -> st.SearchStrategy[str]:
    """Return comparisons with some answers."""

    def one(name: str) -> st.SearchStrategy[str]:
        if kinds[name] == "rank":
            compared = st.sampled_from([f"{name}|first == '1'", f"'2' in {name}"])
        elif kinds[name] in {"number", "left_out", "range"}:
            compared = st.builds(
                "{} {} {}".format,
                st.just(name),
                st.sampled_from(["==", "!=", "<", ">=", ">"]),
                st.integers(-1, 8),
            )
        else:
            compared = st.builds(
                "{} {} '{}'".format,
                st.just(name),
                st.sampled_from(["==", "!="]),
                st.sampled_from(["1", "2", "3"]),
            )
        return compared | st.just(f"{name} is none")

    return st.one_of([one(name) for name in names])


@st.composite
def flows(draw: st.DrawFn) -> tuple[Flow, dict[str, str]]:
    kinds: dict[str, str] = {}
    written = []
    for number in range(4):
        name = f"q{number}"
        conditions = {}
        if kinds:
            some = atoms(list(kinds), kinds)
            joined = st.builds("{} {} {}".format, some, st.sampled_from(["and", "or"]), some)
            conditions["relevant"] = draw(st.just("") | some | joined | joined)
        kinds[name] = draw(st.sampled_from(sorted(ANSWERS)))
        own = atoms([name], kinds)
        conditions["end_if"] = draw(st.just("") | st.just("") | own)
        written.append((name, kinds[name], conditions))
    return compiled(*written), kinds


@settings(max_examples=40, deadline=None)
@given(flows())
def test_the_verdict_is_what_all_interviews_together_say(
    drawn: tuple[Flow, dict[str, str]],
) -> None:
    flow, kinds = drawn
    seen = played(flow, kinds)
    for question in flow.questions:
        if question.relevant is None:
            continue
        said = of(flow, question.name, "relevant")
        came = seen.get((question.name, "relevant"), set())
        assert said.holds or True not in came
        assert said.fails or False not in came
        # An end that another question brings about is not looked into.
        if all(one.end_if is None for one in flow.questions):
            assert said == Verdict(holds=True in came, fails=False in came)
