"""What conditions can come to, tried over the answers that can stand together.

Exact where the questions that decide have few answers between them; else nothing is said. An answer
counts as there only if its question is asked, by the answers before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.flow.expressions import Expression
from bot.flow.lint.domains import domain
from bot.flow.lint.uses import VALUE, Uses, uses
from bot.flow.route import calculated
from bot.flow.survey import Flow, Question

TRIES = 20_000
"""So many sets of answers are tried for one condition."""


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
    if needed is None:
        return UNKNOWN
    search = _search(question, condition, needed)
    if search is None:
        return UNKNOWN
    search.at(0)
    if search.left <= 0:
        return UNKNOWN
    return Verdict(search.holds, search.fails)


def _needed(
    flow: Flow, question: Question, condition: Expression, *, asked: bool
) -> list[Question] | None:
    """Return the questions whose answers decide, in order; None where something else is read."""
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
    return sorted((flow.by_name[name] for name in names), key=lambda one: one.index)


def _search(
    question: Question, condition: Expression, needed: Sequence[Question]
) -> _Search | None:
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
        answers = domain(one, found.get(one.name, Uses()))
        if answers is None:
            return None
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
    return _Search(question, condition, needed, domains)


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
    ) -> None:
        self.holds = self.fails = False
        self.left = TRIES
        self._question, self._condition = question, condition
        self._needed, self._domains = needed, domains
        self._values: dict[str, Any] = {}

    def at(self, place: int) -> None:
        """Try the answers of the question at this place, and of all after it."""
        self.left -= 1
        if self.left <= 0 or (self.holds and self.fails):
            return
        if place == len(self._needed):
            self._judge()
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
            if not (itself and self._condition is one.constraint) and not _fits(
                one, constraint, answer
            ):
                continue
            if not itself and end_if is not None and end_if.holds({one.name: answer}):
                continue
            self.at(place + 1)
        self._values.pop(one.name, None)

    def _judge(self) -> None:
        own = self._values.get(self._question.name)
        if self._condition.holds({**self._values, VALUE: own}):
            self.holds = True
        else:
            self.fails = True


def _fits(question: Question, constraint: Expression | None, answer: Any) -> bool:
    if constraint is None or answer is None:
        return True
    given: Mapping[str, Any] = {question.name: answer, VALUE: answer}
    names = answer if isinstance(answer, tuple) else (answer,)
    return any(choice.name in names for choice in question.na) or constraint.holds(given)
