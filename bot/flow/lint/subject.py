"""What the linter looks at: a compiled survey, and where in the files each of its parts stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.flow.expressions import Expression
from bot.flow.question import Question
from bot.flow.schema.flow_file import FlowFile
from bot.flow.schema.messages_file import MessagesFile
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.source import Path, Source
from bot.flow.survey import Survey


@dataclass(frozen=True, slots=True)
class Place:
    """A question with its place in the files, and what is written there.

    What `or_other` adds stands where it says so, and has nothing `written` of its own.
    """

    question: Question
    source: Source
    path: Path
    written: Mapping[str, Any]

    @property
    def list_name(self) -> str | None:
        """The shared list that the question takes its choices from."""
        named = self.written.get("choices")
        return named if isinstance(named, str) else None

    def conditions(self) -> Iterator[tuple[str, Expression]]:
        """Yield the conditions that the question has, each with its key."""
        question = self.question
        for key, condition in (
            ("relevant", question.relevant),
            ("constraint", question.constraint),
            ("end_if", question.end_if),
        ):
            if condition is not None:
                yield key, condition

    def condition_at(self, key: str) -> Path:
        """Return where a condition of the question is written: with it, or with its section."""
        return next(self.conditions_at(key))

    def conditions_at(self, key: str) -> Iterator[Path]:
        """Yield each place where conditions of this question are written, from the inside."""
        at, found = self.path, False
        while True:
            if key in (self.written if at == self.path else _at(self.source, at)):
                found = True
                yield (*at, key)
            if len(at) < 4 or at[-2] != "questions":
                break
            at = at[:-2]
        if not found:
            yield (*self.path, key)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A survey that compiles, with its files."""

    survey: Survey
    settings: tuple[Source, SurveyFile]
    messages: tuple[Source, MessagesFile]
    shared: tuple[Source, SharedFile] | None
    flows: Mapping[str, tuple[Source, FlowFile]]

    def places(self, flow: str) -> Iterator[Place]:
        """Yield the questions of a flow, notes and calculations included, in order."""
        sources = {source.file: source for source, _ in self.flows.values()}
        if self.shared is not None:
            sources[self.shared[0].file] = self.shared[0]
        for question in self.survey.flows[flow].questions:
            source = sources[question.file]
            written = _at(source, question.path)
            own = written.get("type") == question.type
            yield Place(question, source, question.path, written if own else {})

    def choices_at(self, place: Place) -> tuple[Source, Path]:
        """Return where a question's choices stand: with it, or in a list that several share."""
        if place.list_name is not None and self.shared is not None:
            return self.shared[0], ("choice_lists", place.list_name, "choices")
        return place.source, (*place.path, "choices")

    def choice_at(self, place: Place, index: int) -> tuple[Source, Path]:
        """Return where a choice that is offered stands, those of `na` after the others."""
        question = place.question
        source, path = self.choices_at(place)
        if index < len(question.choices) or self.shared is None:
            return source, (*path, index)
        shared, part = self.shared
        name = question.na[index - len(question.choices)].name
        dont_know = part.na is not None and part.na.dont_know.name == name
        return shared, ("na", "dont_know" if dont_know else "refuse")


def _at(source: Source, path: Path) -> Mapping[str, Any]:
    """Return the table that is written at this place."""
    data: Any = source.data
    for part in path:
        data = data[part]
    return data if isinstance(data, dict) else {}
