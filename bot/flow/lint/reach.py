"""What conditions can come to, tried over the answers that can stand together.

Exact where the questions that decide have few answers between them; else nothing is said. An answer
counts as there only if its question is asked, by the answers before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.flow.choices import offered, still_offered
from bot.flow.expressions import Expression
from bot.flow.lint.domains import domain
from bot.flow.lint.uses import VALUE, Uses, uses
from bot.flow.question import Question
from bot.flow.route import calculated
from bot.flow.survey import Flow

TRIES = 20_000
"""So many sets of answers are tried for one condition."""

FEW = 2_000
"""So many are shown where one is sought."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition can hold, and whether it can fail to."""

    holds: bool
    fails: bool


UNKNOWN = Verdict(holds=True, fails=True)
"""Nothing can be said: neither is reported."""


def verdict(flow: Flow, question: Question, condition: Expression, *, asked: bool) -> Verdict:
    """Return what a condition of this question can come to.

    `asked`: it is looked at after the question's answer, as `constraint` and `end_if` are, and so
    only where the question is asked; `relevant` is looked at before.
    """
    needed = _needed(flow, question, condition, asked=asked)
    domains = None if needed is None else _domains(question, condition, needed)
    if needed is None or domains is None:
        return UNKNOWN
    found: set[bool] = set()

    def judge(values: Mapping[str, Any]) -> bool:
        found.add(condition.holds(values))
        return len(found) == 2

    search = _Search(question, condition, needed, domains, judge)
    search.at(0)
    if search.left <= 0:
        return UNKNOWN
    return Verdict(True in found, False in found)


def seek(
    flow: Flow,
    question: Question,
    condition: Expression,
    judge: Callable[[Mapping[str, Any]], bool],
    *,
    asked: bool,
) -> None:
    """Show sets of answers that people can have where a condition is looked at, until `judge` is
    content.

    Each that is shown can be; not all that can be are shown. `asked` is as for `verdict`.
    """
    needed = _needed(flow, question, condition, asked=asked, filters=True)
    domains = None if needed is None else _domains(question, condition, needed, some=True)
    if needed is None or domains is None:
        return
    search = _Search(question, condition, needed, domains, judge, left=FEW, surely=True)
    search.at(0)


def _needed(
    flow: Flow, question: Question, condition: Expression, *, asked: bool, filters: bool = False
) -> list[Question] | None:
    """Return the questions whose answers decide, in order; None where something else is read.

    With `filters` also those on which it depends whether there is a choice to take.
    """
    names = {question.name} if asked else set()
    waiting = [*condition.names, *names]
    if asked and question.relevant is not None:
        waiting += question.relevant.names
    while waiting:
        name = waiting.pop()
        if name == VALUE:
            continue
        if name not in flow.by_name:
            return None
        if name in names and name != question.name:
            continue
        names.add(name)
        if name != question.name:
            one = flow.by_name[name]
            for each in (one.relevant, one.calculation):
                waiting += each.names if each is not None else ()
            if filters and one.choice_filter is not None:
                waiting += [each for each in one.choice_filter.names if each in flow.by_name]
    return sorted((flow.by_name[name] for name in names), key=lambda one: one.index)


def _domains(
    question: Question, condition: Expression, needed: Sequence[Question], *, some: bool = False
) -> list[tuple[Any, ...]] | None:
    """Return for each question its answers, as far as they can be told apart; None where there are
    too many. `some`: some of them do, "left out" first."""
    conditions = [(condition, question.name)]
    for one in needed:
        own = (one.relevant, *_own(one))
        conditions += [(each, one.name) for each in own if each is not None]
    found = uses(conditions, [one.calculation for one in needed if one.calculation is not None])
    domains: list[tuple[Any, ...]] = []
    for one in needed:
        if one.calculation is not None:
            domains.append(())
            continue
        read = found.get(one.name, Uses())
        answers = domain(one, read)
        if answers is None and some:
            answers = domain(one, Uses(compared=read.compared))
        if answers is None:
            return None
        if some and None in answers:
            answers = (None, *(each for each in answers if each is not None))
        if one is question and condition is one.constraint:
            # Who does not answer is not held to it.
            na = {choice.name for choice in one.na}
            answers = tuple(
                each
                for each in answers
                if each is not None
                and not na.intersection(each if isinstance(each, tuple) else (each,))
            )
        domains.append(answers)
    return domains


def _own(question: Question) -> tuple[Expression | None, Expression | None]:
    """Return a question's constraint and end if they speak of its own answer alone.

    What they say of others may have changed since: people go back.
    """
    constraint, end_if = (
        one if one is not None and {*one.names} <= {question.name, VALUE} else None
        for one in (question.constraint, question.end_if)
    )
    return constraint, end_if


class _Search:
    """Goes through the answers of the needed questions, the first ones first."""

    def __init__(
        self,
        question: Question,
        condition: Expression,
        needed: Sequence[Question],
        domains: Sequence[tuple[Any, ...]],
        judge: Callable[[Mapping[str, Any]], bool],
        *,
        left: int = TRIES,
        surely: bool = False,
    ) -> None:
        self.left = left
        self._question, self._condition = question, condition
        self._needed, self._domains = needed, domains
        self._judge, self._surely = judge, surely
        self._done = False
        self._values: dict[str, Any] = {}

    def at(self, place: int) -> None:
        """Try the answers of the question at this place, and of all after it."""
        self.left -= 1
        if self.left <= 0 or self._done:
            return
        if place == len(self._needed):
            own = self._values.get(self._question.name)
            self._done = self._judge({**self._values, VALUE: own})
            return
        one = self._needed[place]
        itself = one is self._question
        if one.calculation is not None:
            self._values[one.name] = calculated(one, self._values)
            self.at(place + 1)
            return
        if one.relevant is not None and not one.relevant.holds(self._values):
            if not itself:
                self._values[one.name] = None
                self.at(place + 1)
            return
        constraint, end_if = _own(one)
        for answer in self._domains[place]:
            values = self._values
            values[one.name] = answer
            judged = itself and self._condition is one.constraint
            if not judged and not _fits(one, constraint, answer):
                continue
            if not itself and end_if is not None and end_if.holds({one.name: answer}):
                continue
            if self._surely and not judged and not _possible(one, answer, values, itself=itself):
                continue
            self.at(place + 1)
        self._values.pop(one.name, None)


def _possible(one: Question, answer: Any, values: Mapping[str, Any], *, itself: bool) -> bool:
    """Whether an answer is one of those that filters and a constraint about others leave."""
    given = {name: value for name, value in values.items() if value is not None}
    if answer is not None:
        return still_offered(one, answer, given) and one.still_fits(answer, given)
    if not one.required or one.takes_file:
        return True
    return not itself and not offered(one, given, 0).choices


def _fits(question: Question, constraint: Expression | None, answer: Any) -> bool:
    if constraint is None or answer is None:
        return True
    given: Mapping[str, Any] = {question.name: answer, VALUE: answer}
    names = answer if isinstance(answer, tuple) else (answer,)
    return any(choice.name in names for choice in question.na) or constraint.holds(given)
