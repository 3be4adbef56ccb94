"""What choices a question shows to one person, in which order, and by which numbers.

A choice has a name, which is stored, and a number, by which it is shown and typed. Where all names
of a list are numbers of one or two digits, and nothing is shuffled, they are the numbers. Otherwise
the choices are counted from 1 as they are shown. All that reads, shows or taps choices asks here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.flow.answers.reading import Lexicon
from bot.flow.chance import by_chance
from bot.flow.state import Answer

if TYPE_CHECKING:  # a question reads through what it shows
    from bot.flow.question import Question

OTHER = "other"
"""The name of the choice that `or_other` adds."""

_NUMBER = re.compile(r"0|[1-9][0-9]?")


@dataclass(frozen=True, slots=True, eq=False)
class SurveyChoice:
    """A choice of a question: its stored name and its label in every language."""

    name: str
    label: Mapping[str, str]
    score: float | None = None
    na: bool = False  # "don't know" or "prefer not to say": never counts as good or bad
    refuses: bool = False  # of these two "prefer not to say"
    attributes: Mapping[str, str] = field(default_factory=dict)  # what a `choice_filter` may read

    @property
    def is_always_offered(self) -> bool:
        """Whether no `choice_filter` takes it away: "other", of which no attribute is known."""
        return self.name == OTHER and not self.attributes


@dataclass(frozen=True, slots=True, eq=False)
class ShownChoice:
    """A choice with the number by which one person sees and types it."""

    number: str
    choice: SurveyChoice


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """What one question offers to one person; `na` are "don't know" and "prefer not to say".

    `order` are the names of `choices` as they were written: what is stored never tells the order in
    which it was shown.
    """

    choices: tuple[ShownChoice, ...]
    na: tuple[ShownChoice, ...]
    order: tuple[str, ...]
    lexicon: Lexicon


def shown(question: Question, answers: Mapping[str, Answer], seed: int) -> tuple[ShownChoice, ...]:
    """Return the choices that a question shows, "don't know" and the like last."""
    offer = offered(question, answers, seed)
    return (*offer.choices, *offer.na)


def offered(question: Question, answers: Mapping[str, Answer], seed: int) -> Offer:
    """Return what a question offers, given the answers so far and the conversation's seed."""
    drawn = seed if question.randomize else 0
    condition = question.choice_filter
    if condition is None:
        return _offer(question, None, drawn)
    given = tuple((name, answers[name]) for name in condition.names if name in answers)
    if not condition.may_keep(value for _, value in given):
        return _offer(question, _allowed.__wrapped__(question, given), drawn)
    return _offer(question, _allowed(question, given), drawn)


def still_offered(question: Question, answer: Answer, answers: Mapping[str, Answer]) -> bool:
    """Whether an answer that was given is still among the choices that a question offers."""
    if question.choice_filter is None:
        return True
    names = answer if isinstance(answer, tuple) else (answer,)
    return offered(question, answers, 0).lexicon.names.issuperset(names)


@lru_cache(maxsize=1024)
def _allowed(question: Question, given: tuple[tuple[str, Answer], ...]) -> tuple[str, ...]:
    """Return the names of the choices that a question's filter lets through."""
    condition, values = question.choice_filter, dict(given)
    assert condition is not None
    return tuple(
        choice.name
        for choice in question.choices
        if choice.is_always_offered or condition.holds({**choice.attributes, **values})
    )


@lru_cache(maxsize=1024)
def _offer(question: Question, allowed: tuple[str, ...] | None, seed: int) -> Offer:
    written = question.choices
    if allowed is not None:
        kept = frozenset(allowed)
        written = tuple(choice for choice in written if choice.name in kept)
    ordered = _ordered(question, written, seed)
    named = all(_NUMBER.fullmatch(choice.name) for choice in question.choices)
    by_name = named and not question.randomize
    choices = tuple(
        ShownChoice(choice.name if by_name else str(place), choice)
        for place, choice in enumerate(ordered, start=1)
    )
    na = _na(question, by_name)
    numbers = {one.number: one.choice.name for one in (*choices, *na)}
    whole = question.lexicon
    lexicon = whole.numbered(numbers) if allowed is None else _lexicon(written, numbers, question)
    return Offer(choices, na, tuple(choice.name for choice in written), lexicon)


def _lexicon(
    written: tuple[SurveyChoice, ...], numbers: Mapping[str, str], question: Question
) -> Lexicon:
    every = (*written, *question.na)
    return Lexicon.of((one.name, tuple(one.label.values())) for one in every).numbered(numbers)


def _ordered(
    question: Question, written: tuple[SurveyChoice, ...], seed: int
) -> tuple[SurveyChoice, ...]:
    """Return choices as they are shown; "other" is always the last."""
    moving = [one for one in written if one.name != OTHER]
    last = [one for one in written if one.name == OTHER]
    return (*by_chance(moving, [one.name for one in moving], seed, question.name), *last)


def _na(question: Question, by_name: bool) -> tuple[ShownChoice, ...]:
    """Number "don't know" and "prefer not to say": 0 and 9, or 99 where there is a choice 9."""
    if by_name:
        return tuple(ShownChoice(one.name, one) for one in question.na)
    last = len(question.choices)
    refuses = "9"
    while int(refuses) <= last:
        refuses += "9"
    return tuple(ShownChoice(refuses if one.refuses else "0", one) for one in question.na)
