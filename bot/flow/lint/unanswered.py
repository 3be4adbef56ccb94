"""A rule about what was not answered: it can make a whole condition false that reads as if it held.

An order, a sum or a search in what is not there has no outcome, and then the condition has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.flow.expressions import Expression
from bot.flow.lint.reach import seek
from bot.flow.lint.subject import Place, Subject
from bot.flow.lint.uses import VALUE
from bot.flow.question import Question
from bot.flow.source import Problem
from bot.flow.survey import Flow
from bot.flow.terms import RAISES, Term, may_raise, names, term, told, value


def unanswered(subject: Subject) -> Iterator[Problem]:
    """Find conditions that are false for want of an answer, where another part of them holds."""
    for name, flow in subject.survey.flows.items():
        for place in subject.places(name):
            for key, condition in place.conditions():
                if _in_question(flow, place.question, condition):
                    yield from _found(flow, place, key, condition)


def _in_question(flow: Flow, question: Question, condition: Expression) -> bool:
    """Whether it is worth a search: answers may be missing where that would decide."""
    whole = term(condition.source)
    open_ones = {
        name
        for name in names(whole)
        if (one := flow.by_name.get(question.name if name == VALUE else name)) is not None
        and _may_be_missing(one)
    }
    return _decides(whole) and any(
        may_raise(part) and names(part) & open_ones for part in _parts(whole)
    )


def _may_be_missing(question: Question) -> bool:
    return (
        not question.required
        or question.type == "calculate"
        or question.takes_file
        or question.relevant is not None
        or question.choice_filter is not None
    )


def _decides(whole: Term) -> bool:
    """Whether a condition can hold though a part of it does not."""
    match whole:
        case ("or", _, _) | ("not", _):
            return True
        case ("and", left, right):
            return _decides(left) or _decides(right)
    return False


def _parts(whole: Term) -> Iterator[Term]:
    """Yield what `and`, `or` and `not` join, in the order in which it is looked at."""
    match whole:
        case ("and" | "or", left, right):
            yield from _parts(left)
            yield from _parts(right)
        case ("not", inner):
            yield from _parts(inner)
        case _:
            yield whole


class _Reader:
    """Reads a condition as one expects: a part without an outcome is false, and no more than that.

    `missing` is the first such part, with the name that it has no answer of.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.missing: tuple[Term, str] | None = None
        self._values = values

    def holds(self, whole: Term) -> bool:
        match whole:
            case ("and", left, right):
                return self.holds(left) and self.holds(right)
            case ("or", left, right):
                return self.holds(left) or self.holds(right)
            case ("not", inner):
                return not self.holds(inner)
        outcome = told(whole, {name: self._values.get(name) for name in names(whole)})
        if outcome == RAISES:
            lacking = sorted(name for name in names(whole) if self._values.get(name) is None)
            if not lacking:
                raise LookupError  # false for another reason
            self.missing = self.missing or (whole, lacking[0])
            return False
        return bool(value(outcome))


def _found(flow: Flow, place: Place, key: str, condition: Expression) -> Iterator[Problem]:
    whole = term(condition.source)
    found: list[tuple[Term, str]] = []

    def judge(values: Mapping[str, Any]) -> bool:
        if condition.holds(values):
            return False
        reader = _Reader(values)
        try:
            holds = reader.holds(whole)
        except LookupError:
            return False
        if holds and reader.missing is not None:
            found.append(reader.missing)
        return bool(found)

    seek(flow, place.question, condition, judge, asked=key != "relevant")
    for part, name in found:
        own = place.question.name if name == VALUE else name
        what = f"where `{own}` has no answer, all of this is false, even if the rest of it holds"
        fix = f"write `{own} is not none and …` before what compares or counts `{own}`"
        path = _place_of(place, key, whole, part)
        yield place.source.problem(path, what, fix, rule="unanswered-decides")


def _place_of(place: Place, key: str, whole: Term, part: Term) -> tuple[str | int, ...]:
    """Return where a part is written: with the question, or with a section around it."""
    paths = list(place.conditions_at(key))
    for path in paths[:-1]:
        # What sections say stands before, the outermost first.
        if whole[0] != "and" or part in _parts(whole[2]):
            return path
        whole = whole[1]
    return paths[-1]
