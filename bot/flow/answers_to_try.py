"""Answers worth trying on a question, to find out where the conditions of a flow lead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from bot.flow.choices import offered
from bot.flow.expressions import Expression
from bot.flow.state import NO_ANSWERS, Answer
from bot.flow.survey import Question
from bot.flow.turn import Reply

T = TypeVar("T")

_SUBSETS_OF = 5  # so many choices are tried in every combination, more of them one or two at a time


def answers(
    question: Question,
    conditions: Sequence[Expression],
    given: Mapping[str, Answer] = NO_ANSWERS,
) -> Iterator[Reply]:
    """Yield answers to a question, the likeliest first: what decides something in every way.

    `given` are the answers before it, which may decide what it offers.
    """
    offer = offered(question, given, 0)
    match question.type:
        case "select_one":
            listed = [one.choice for one in offer.choices]
            for choice in (*_middle_out(listed), *question.na):
                yield Reply(option=f"{question.name}:{choice.name}")
        case "select_multiple":
            for numbers in _subsets([one.number for one in offer.choices]):
                yield Reply(text=", ".join(numbers))
            for choice in question.na:
                yield Reply(option=f"{question.name}:{choice.name}")
        case "integer":
            for number in _numbers(question, conditions):
                yield Reply(text=str(number))
            if not question.required:
                yield Reply(text="0")
        case _:
            if not question.required:
                yield Reply(text="0")
            yield Reply(text="Jawaban")


def _middle_out(items: Sequence[T]) -> list[T]:
    middle = (len(items) - 1) / 2
    order = sorted(range(len(items)), key=lambda place: (abs(place - middle), place))
    return [items[place] for place in order]


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    most = len(names) if len(names) <= _SUBSETS_OF else 2
    for size in range(1, most + 1):
        chosen = tuple(combinations(names, size))
        yield from _middle_out(chosen) if size == 1 else chosen


def _numbers(question: Question, conditions: Sequence[Expression]) -> list[int]:
    """Return numbers on both sides of every limit, the one in the middle first."""
    least = 0 if question.least is None else question.least
    most = question.most if question.most is not None else least + 40
    limits = {int(text) for one in conditions for text in re.findall(r"\d{1,9}", one.source)}
    near = {limit + step for limit in limits for step in (-1, 0, 1)} | {least, most}
    return [(least + most) // 2, *sorted(number for number in near if least <= number <= most)]


def tried_in_full(
    question: Question, conditions: Sequence[Expression], numbers: Collection[str]
) -> bool:
    """Whether `answers` bring every condition to hold and not to hold. `numbers` are the names of
    all questions that are answered with one."""
    match question.type:
        case "select_multiple":
            return not conditions or len(question.choices) <= _SUBSETS_OF
        case "integer":
            return not any(
                re.search(r"[+*/%-]", one.source)
                or len([name for name in one.names if name in numbers]) > 1
                for one in conditions
            )
        case "text":
            return all(re.search(r"\bis\b", one.source) for one in conditions)
    return True
