"""Answers worth trying on a question, to find out where the conditions of a flow lead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import TypeVar

from bot.flow.choices import Offer, offered
from bot.flow.domains_to_try import typed_answers
from bot.flow.expressions import Expression
from bot.flow.state import NO_ANSWERS, Answer
from bot.flow.survey import Question
from bot.flow.turn import Reply

T = TypeVar("T")

NUMBERS = frozenset({"integer", "decimal", "range"})
"""Types whose answers are numbers."""

_SUBSETS_OF = 5  # so many choices are tried in every combination, more of them one or two at a time
_ORDERS_OF = 4  # so many choices are tried in every order, more of them each one in front


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
        case "rank":
            for order in _orders(question, offer):
                yield Reply(text=", ".join(order))
            for choice in question.na:
                yield Reply(option=f"{question.name}:{choice.name}")
        case "integer":
            for number in _numbers(question, conditions):
                yield Reply(text=str(number))
            if not question.required:
                yield Reply(text="0")
        case "geopoint":
            yield Reply(kind="location", place=(-2.2, 113.9))
            if not question.required:
                yield Reply(text="lewati")
        case _ if question.domain is not None:
            yield from map(_typed, typed_answers(question.domain, conditions))
            if not question.required:
                yield Reply(text="lewati")
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


def _typed(text: str) -> Reply:
    return Reply(text=text)


def _orders(question: Question, offer: Offer) -> list[tuple[str, ...]]:
    names = [one.number for one in offer.choices]
    count = min(question.least or len(names), len(names))
    if len(names) <= _ORDERS_OF:
        return list(permutations(names, count))
    turned = [(*names[place:], *names[:place]) for place in range(len(names))]
    return [tuple(order[:count]) for order in turned]


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
        case "rank":
            return not conditions or len(question.choices) <= _ORDERS_OF
        case "integer" | "decimal" | "range":
            return not any(
                re.search(r"[+*/%-]", one.source)
                or len([name for name in one.names if name in numbers]) > 1
                for one in conditions
            )
        case "date" | "time":
            return not any(re.search(r"[+*/%|]", one.source) for one in conditions)
        case "text" | "geopoint":
            return all(re.search(r"\bis\b", one.source) for one in conditions)
    return True
