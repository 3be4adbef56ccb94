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


def prune(
    flow: Flow, answers: Mapping[str, Answer], left_out: Collection[str]
) -> tuple[dict[str, Answer], tuple[str, ...], tuple[str, ...]]:
    """Drop the answers to questions that no longer matter, and those that fit no longer.

    Returns what is left of `answers` and of `left_out`, and the names of the answers dropped. In
    the order of the flow, so that every condition sees only what those before it have left.
    """
    kept = dict(answers)
    skipped = list(left_out)
    dropped: list[str] = []
    for question in flow.asked:
        name = question.name
        if question.relevant is None and question.constraint is None:
            continue
        if name in kept:
            if not (matters(question, kept) and question.still_fits(kept[name], kept)):
                del kept[name]
                dropped.append(name)
        elif name in skipped and not matters(question, kept):
            skipped.remove(name)
    return kept, tuple(skipped), tuple(dropped)
