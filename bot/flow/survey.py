"""A survey as the engine uses it: settings, flows, questions and words, compiled for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from bot.flow.chance import Shuffle, arrangement
from bot.flow.media import MediaFile
from bot.flow.question import Question, Texts
from bot.flow.settings import Group, Settings
from bot.flow.source import Problem
from bot.flow.words import Words


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Questions that belong together. The title stands above the first of them that is asked."""

    name: str
    title: Texts | None
    parent: str | None = None  # the section around this one


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """A questionnaire with all that its conversations need: words, settings, offered languages.

    `group` is set where a conversation uses it (see `Survey.for_group`); a flow without one has no
    {{alasan}} and no {{sumber_nomor}}.
    """

    name: str
    title: Texts
    minutes: str
    questions: tuple[Question, ...]
    by_name: Mapping[str, Question]
    words: Words
    settings: Settings
    languages: tuple[str, ...]  # the complete ones, in the settings' order
    asked: tuple[Question, ...]  # what is put to people: no notes, no calculations
    conditional: tuple[Question, ...]  # those of them that are not asked of everybody
    files: tuple[str, ...] = ()  # the names of those that are answered with a file
    review: bool = False  # all answers are shown before the end
    group: Group | None = None
    # What is to be settled anew after each answer, in order: answers that may no longer matter or
    # be offered, and calculations.
    settled: tuple[Question, ...] = ()
    sections: Mapping[str, Section] = field(default_factory=dict)
    shuffles: tuple[Shuffle, ...] = ()  # inner ones first

    def arranged(self, seed: int) -> Flow:
        """Return the flow in the order of a seed; itself where nothing is left to chance."""
        if not self.shuffles or not seed:
            return self
        return _in_order(self, arrangement(len(self.questions), self.shuffles, seed))

    def around(self, section: str | None) -> tuple[str, ...]:
        """Return a section and those around it, outermost first; nothing for None."""
        found: list[str] = []
        while section is not None:
            found.append(section)
            section = self.sections[section].parent
        return tuple(reversed(found))

    def spoken(self, language: str) -> str:
        """Return the language to speak: the given one if it is offered, else the default."""
        return language if language in self.languages else self.settings.default_language


def order_of_questions(questions: Sequence[Question]) -> dict[str, Any]:
    """Return what a `Flow` holds of its questions, in the order given."""
    asked = tuple(question for question in questions if question.is_asked)
    return {
        "questions": tuple(questions),
        "by_name": {question.name: question for question in questions},
        "asked": asked,
        "conditional": tuple(
            question
            for question in asked
            if question.relevant is not None or question.choice_filter is not None
        ),
        "settled": tuple(
            question
            for question in questions
            if question.type == "calculate"
            or (
                question.is_asked
                and (question.relevant or question.choice_filter or question.constrained_by_others)
            )
        ),
    }


@lru_cache(maxsize=256)
def _in_order(flow: Flow, order: tuple[int, ...]) -> Flow:
    """Return a flow with its questions in another order, and their positions told anew."""
    if order == tuple(range(len(order))):
        return flow
    places = {old: new for new, old in enumerate(order)}
    questions: list[Question] = []
    number = 0
    for old in order:
        question = flow.questions[old]
        number += question.is_asked
        questions.append(
            replace(
                question,
                index=len(questions),
                number=number if question.is_asked else 0,
                needs=max(
                    (places[flow.by_name[name].index] for name in question.reads), default=-1
                ),
            )
        )
    return replace(flow, **order_of_questions(questions))


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """A whole survey: its settings and flows.

    `missing` lists, as problems, the texts without which a language of the settings is not offered,
    `advice` what is allowed and could be better, `blanks` words of the owner that are still to be
    filled in.
    """

    settings: Settings
    flows: Mapping[str, Flow]
    groups: Mapping[str, Flow]  # the same, each with its group
    words: Words
    languages: tuple[str, ...]
    dimensions: Mapping[str, Texts]
    indicators: Mapping[str, Texts]
    scoring: Mapping[str, Any]
    categories: Mapping[str, Any]
    missing: tuple[Problem, ...] = ()
    advice: tuple[Problem, ...] = ()
    blanks: tuple[Problem, ...] = ()
    media: tuple[MediaFile, ...] = ()  # what its questions use of the folder

    def for_group(self, group: str) -> Flow:
        """Return the flow of a group, ready for its conversations. KeyError for an unknown one."""
        return self.groups[group]
