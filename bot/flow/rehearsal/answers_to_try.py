"""What can be answered to a question, as far as conditions tell answers apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import perm
from typing import Any, TypeVar

from bot.flow.answers.domains import Places
from bot.flow.answers.places import coordinates
from bot.flow.choices import SurveyChoice, offered
from bot.flow.question import Question
from bot.flow.rehearsal.domains_to_try import values_to_try
from bot.flow.state import Answer, State
from bot.flow.terms import Term, Uses, uses
from bot.flow.turn import Reply, Sent

T = TypeVar("T")

_SUBSETS_OF = 12  # so many choices are tried in every combination
_ORDERS_AT_MOST = 5_040  # so many orders of choices are tried
_NUMBERS_AT_MOST = 2_000  # so many numbers are tried one by one
WORDS = "Jawaban"
"""What is written where any words will do."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Answers to try, the likeliest first; None stands for leaving the question out.

    Not `complete` where conditions might tell apart what was not tried; `why` says it in words.
    """

    values: tuple[Answer | None, ...]
    why: str = ""

    @property
    def complete(self) -> bool:
        """Whether every answer is like one of these, for all conditions."""
        return not self.why


def to_try(
    question: Question, choices: Sequence[SurveyChoice], conditions: Sequence[Term]
) -> Trials:
    """Return the answers to try on a question that offers these choices, for these conditions."""
    seen = uses(list(conditions), question.name)
    if question.constraint is not None:
        own = uses(list(conditions), "value")
        seen = Uses(
            seen.values | own.values,
            seen.within | own.within,
            seen.counted or own.counted,
            seen.otherwise or own.otherwise,
        )
    match question.type:
        case "select_one":
            found = Trials(tuple(one.name for one in (*middle_out(choices), *question.na)))
        case "select_multiple":
            found = _several(question, choices, seen)
        case "integer":
            found = _numbers(question, seen)
        case "rank":
            found = _orders(question, choices, seen)
        case "image" | "audio" | "file":
            found = Trials((question.kinds[0],))
        case _ if question.domain is not None:
            found = Trials(*values_to_try(question.domain, seen))
        case _:
            found = _words(question, seen)
    left_out = () if question.required or question.choices else (None,)
    return Trials((*found.values, *left_out), found.why)


def reply(question: Question, answer: Answer | None, state: State) -> Reply:
    """Return what a person sends to give this answer; the state decides by which numbers."""
    if answer is None:
        return Reply(text="lewati")
    if question.takes_file:
        return Reply(kind="media", file=Sent(str(answer), question.kinds[0]))
    if question.domain is not None:
        if isinstance(question.domain, Places):
            return Reply(kind="location", place=coordinates(*str(answer).split()))
        return Reply(text=question.domain.typed(answer, state.language))
    if isinstance(answer, tuple):
        alone = question.type != "rank" or answer[0] in [one.name for one in question.na]
        if len(answer) == 1 and alone:
            return Reply(option=f"{question.name}:{answer[0]}")
        offer = offered(question, state.answers, state.seed)
        numbers = {one.choice.name: one.number for one in offer.choices}
        return Reply(text=", ".join(numbers[name] for name in answer))
    if question.choices:
        return Reply(option=f"{question.name}:{answer}")
    return Reply(text=str(answer))


def middle_out(items: Sequence[T]) -> list[T]:
    """Return items with the middle one first and those at the ends last."""
    middle = (len(items) - 1) / 2
    order = sorted(range(len(items)), key=lambda place: (abs(place - middle), place))
    return [items[place] for place in order]


def _several(question: Question, choices: Sequence[SurveyChoice], seen: Uses) -> Trials:
    names = [choice.name for choice in choices]
    least, most = min(question.least or 1, len(names)), min(question.most or len(names), len(names))
    alone = tuple((choice.name,) for choice in question.na)
    if seen.otherwise:
        if len(names) > _SUBSETS_OF:
            sets = tuple(_sets(names, least, min(most, max(least, 2))))
            return Trials((*sets, *alone), f"{len(names)} choices in too many combinations")
        return Trials((*_sets(names, least, most), *alone))
    told_apart = [name for name in names if name in seen.within]
    if len(told_apart) > _SUBSETS_OF:
        sets = tuple(_sets(names, least, min(most, max(least, 2))))
        return Trials((*sets, *alone), f"{len(told_apart)} choices in too many combinations")
    alike = [name for name in middle_out(names) if name not in told_apart]
    found = []
    for size in range(len(told_apart) + 1):
        for chosen in combinations(told_apart, size):
            counts = range(max(0, least - size), min(len(alike), most - size) + 1)
            for count in counts if seen.counted else list(counts)[:1]:
                picked = {*chosen, *alike[:count]}
                found.append(tuple(name for name in names if name in picked))
    return Trials((*sorted(found, key=len), *alone))


def _orders(question: Question, choices: Sequence[SurveyChoice], seen: Uses) -> Trials:
    """Return orders of the choices: every one where conditions look at it, else any."""
    names = [choice.name for choice in choices]
    count = min(question.least or len(names), len(names))
    alone = tuple((choice.name,) for choice in question.na)
    if not (seen.values or seen.within or seen.counted or seen.otherwise):
        return Trials((tuple(names[:count]), *alone))
    if perm(len(names), count) <= _ORDERS_AT_MOST:
        return Trials((*permutations(names, count), *alone))
    turned = [(*names[place:], *names[:place])[:count] for place in range(len(names))]
    return Trials((*turned, *alone), f"{len(names)} choices in too many orders")


def _sets(names: list[str], least: int, most: int) -> Iterator[tuple[str, ...]]:
    for size in range(least, most + 1):
        chosen = list(combinations(names, size))
        yield from middle_out(chosen) if size == 1 else chosen


def _numbers(question: Question, seen: Uses) -> Trials:
    """Return numbers on both sides of every limit, the one in the middle first."""
    limits = [one for one in seen.values if isinstance(one, int | float)]
    least = int(
        min([0, *(one - 1 for one in limits)]) if question.least is None else question.least
    )
    most = question.most
    if most is None:
        most = int(max([least + 40, *(one + 1 for one in limits)]))
    middle = (least + most) // 2
    if seen.otherwise:
        bounded = question.least is not None and question.most is not None
        if bounded and most - least < _NUMBERS_AT_MOST:
            values = [middle, *(one for one in range(least, most + 1) if one != middle)]
            return Trials(tuple(values))
        why = "a number without narrow limits that conditions compute with"
    else:
        why = ""
    near = {int(limit) + step for limit in limits for step in (-1, 0, 1)} | {least, most}
    values = [middle, *sorted(one for one in near - {middle} if least <= one <= most)]
    if not question.required and question.least is None:
        values = [one for one in values if one != 0]  # that is how it is left out
    return Trials(tuple(values), why)


def _words(question: Question, seen: Uses) -> Trials:
    named: list[Any] = sorted(one for one in seen.values if isinstance(one, str) and one)
    values = (WORDS, *(one for one in named if one != WORDS))
    by_letter = seen.otherwise or seen.within or seen.counted
    return Trials(values, "a condition that looks into somebody's own words" if by_letter else "")
