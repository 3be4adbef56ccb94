"""The way through a flow: which questions matter, which is next, how many there are."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from bot.flow.choices import offered, still_offered
from bot.flow.question import Question
from bot.flow.state import Answer
from bot.flow.survey import Flow


def matters(question: Question, answers: Mapping[str, Answer]) -> bool:
    """Whether a question is to be asked, given the answers so far.

    One whose choices are all filtered out could not be answered: it is not asked.
    """
    if question.relevant is not None and not question.relevant.holds(answers):
        return False
    return question.choice_filter is None or bool(offered(question, answers, 0).choices)


def first_open(
    flow: Flow, answers: Mapping[str, Answer], left_out: Collection[str]
) -> Question | None:
    """Return the first question that matters and has neither been answered nor left out."""
    for question in flow.asked:
        if question.name in answers or question.name in left_out:
            continue
        if matters(question, answers):
            return question
    return None


def previous(flow: Flow, question: Question, answers: Mapping[str, Answer]) -> Question | None:
    """Return the question that matters before this one."""
    for earlier in reversed(flow.asked[: question.number - 1]):
        if matters(earlier, answers):
            return earlier
    return None


def begun(flow: Flow, question: Question, answers: Mapping[str, Answer]) -> tuple[str, ...]:
    """Return the sections whose first question this is, outermost first."""
    if question.section is None:
        return ()
    before = previous(flow, question, answers)
    known = flow.around(before.section) if before is not None else ()
    return tuple(name for name in flow.around(question.section) if name not in known)


def notes_before(flow: Flow, end: int, answers: Mapping[str, Answer]) -> tuple[Question, ...]:
    """Return the notes that stand between the question at position `end` and the one before it."""
    notes: list[Question] = []
    for earlier in reversed(flow.questions[:end]):
        if not matters(earlier, answers):
            continue
        if earlier.type == "calculate":
            continue
        if earlier.type != "note":
            break
        notes.append(earlier)
    return tuple(reversed(notes))


def count(flow: Flow, question: Question, answers: Mapping[str, Answer]) -> tuple[int, int]:
    """Return a question's number and how many there are, as far as is known yet.

    What cannot be decided yet is counted, so that the total only shrinks on the way.
    """
    number, total = question.number, len(flow.asked)
    for other in flow.conditional:
        undecided = other.needs >= question.index and other.index > question.index
        if not undecided and not matters(other, answers):
            total -= 1
            number -= other.index <= question.index
    return number, total


def nth(flow: Flow, number: int, answers: Mapping[str, Answer]) -> Question | None:
    """Return the question that carries this number."""
    matter = [question for question in flow.asked if matters(question, answers)]
    return matter[number - 1] if 1 <= number <= len(matter) else None


class Settled(NamedTuple):
    """Answers after one was given: what is left of them and of what was left out, which answers
    were dropped, and which calculations have come to another value."""

    answers: dict[str, Answer]
    left_out: tuple[str, ...]
    dropped: tuple[str, ...]
    computed: tuple[str, ...]


def prune(flow: Flow, answers: Mapping[str, Answer], left_out: Collection[str]) -> Settled:
    """Drop the answers to questions that no longer matter or take them, and calculate anew.

    In the order of the flow, so that every condition sees only what those before it have left.
    """
    kept = dict(answers)
    skipped = list(left_out)
    dropped: list[str] = []
    computed: list[str] = []
    for question in flow.settled:
        name = question.name
        if question.type == "calculate":
            value = calculated(question, kept)
            if value is not None and value != kept.get(name):
                computed.append(name)
            elif value is None and name in kept:
                dropped.append(name)
            kept.pop(name, None)
            if value is not None:
                kept[name] = value
        elif name in kept:
            if not (matters(question, kept) and _fits(question, kept[name], kept)):
                del kept[name]
                dropped.append(name)
        elif name in skipped and not matters(question, kept):
            skipped.remove(name)
    return Settled(kept, tuple(skipped), tuple(dropped), tuple(computed))


def _fits(question: Question, answer: Answer, answers: Mapping[str, Answer]) -> bool:
    return still_offered(question, answer, answers) and question.still_fits(answer, answers)


def calculated(question: Question, answers: Mapping[str, Answer]) -> Answer | None:
    """Return what a calculation comes to, as it is stored; None where it has no value."""
    if question.calculation is None or not matters(question, answers):
        return None
    return as_stored(question.calculation.value(answers))


def as_stored(value: Any) -> Answer | None:
    """Return what came out of a calculation as an answer; None for what cannot be one."""
    match value:
        case bool():
            return int(value)
        case float():
            return value if math.isfinite(value) else None
        case int():
            return value if abs(value) < _LARGEST else None
        case str():
            return value[:_LONGEST] or None
        case tuple() | list() if value and all(isinstance(one, str) for one in value):
            return tuple(value)
    return None


_LARGEST = 10**15
_LONGEST = 500
