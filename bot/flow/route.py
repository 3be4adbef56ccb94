"""The way through a flow: which questions matter, which is next, how many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bot.flow.state import Answer
from bot.flow.survey import Flow, Question


def matters(question: Question, answers: Mapping[str, Answer]) -> bool:
    """Whether a question is to be asked, given the answers so far."""
    return question.relevant is None or question.relevant.holds(answers)


def first_open(
    flow: Flow, answers: Mapping[str, Answer], left_out: Collection[str]
) -> Question | None:
    """Return the first question that matters and has neither been answered nor left out."""
    for question in flow.questions:
        if question.type == "note" or question.name in answers or question.name in left_out:
            continue
        if matters(question, answers):
            return question
    return None


def previous(flow: Flow, question: Question, answers: Mapping[str, Answer]) -> Question | None:
    """Return the question that matters before this one."""
    for earlier in reversed(flow.questions[: question.index]):
        if earlier.type != "note" and matters(earlier, answers):
            return earlier
    return None


def notes_before(flow: Flow, end: int, answers: Mapping[str, Answer]) -> tuple[Question, ...]:
    """Return the notes that stand between the question at position `end` and the one before it."""
    notes: list[Question] = []
    for earlier in reversed(flow.questions[:end]):
        if not matters(earlier, answers):
            continue
        if earlier.type != "note":
            break
        notes.append(earlier)
    return tuple(reversed(notes))


def count(flow: Flow, question: Question, answers: Mapping[str, Answer]) -> tuple[int, int]:
    """Return a question's number and how many there are, as far as is known yet.

    What cannot be decided yet is counted, so that the total only ever shrinks.
    """
    number = total = 0
    for other in flow.questions:
        if other.type == "note":
            continue
        undecided = other.needs >= question.index and other.index > question.index
        if undecided or matters(other, answers):
            total += 1
            number += other.index <= question.index
    return number, total


def nth(flow: Flow, number: int, answers: Mapping[str, Answer]) -> Question | None:
    """Return the question that carries this number."""
    for question in flow.questions:
        if question.type != "note" and matters(question, answers):
            number -= 1
            if number == 0:
                return question
    return None


def prune(
    flow: Flow, answers: Mapping[str, Answer], left_out: Collection[str]
) -> tuple[dict[str, Answer], tuple[str, ...], tuple[str, ...]]:
    """Drop the answers to questions that no longer matter.

    Returns what is left of `answers` and of `left_out`, and the names of what was dropped. Every
    condition sees only what the ones before it have left.
    """
    kept: dict[str, Answer] = {}
    skipped: list[str] = []
    dropped: list[str] = []
    for question in flow.questions:
        name = question.name
        if name in answers:
            if matters(question, kept):
                kept[name] = answers[name]
            else:
                dropped.append(name)
        elif name in left_out and matters(question, kept):
            skipped.append(name)
    return kept, tuple(skipped), tuple(dropped)
