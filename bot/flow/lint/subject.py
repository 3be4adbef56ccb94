"""What the linter looks at: a compiled survey, and where in the files each of its parts stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.flow.schema import (
    AnyQuestion,
    FlowFile,
    MessagesFile,
    SelectMultiplePart,
    SelectOnePart,
    SharedFile,
    SurveyFile,
)
from bot.flow.source import Path, Source
from bot.flow.survey import Question, Survey


@dataclass(frozen=True, slots=True)
class Place:
    """A question, as it is written and compiled, and where it stands."""

    question: Question
    part: AnyQuestion
    source: Source
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A survey that compiles, with its files."""

    survey: Survey
    settings: tuple[Source, SurveyFile]
    messages: tuple[Source, MessagesFile]
    shared: tuple[Source, SharedFile] | None
    flows: Mapping[str, tuple[Source, FlowFile]]

    def places(self, flow: str) -> Iterator[Place]:
        """Yield the questions of a flow, notes included, in order."""
        source, part = self.flows[flow]
        questions = self.survey.flows[flow].questions
        for index, (question, written) in enumerate(zip(questions, part.questions, strict=True)):
            yield Place(question, written, source, ("questions", index))

    def choices_at(self, place: Place) -> tuple[Source, Path]:
        """Return where a question's choices stand: with it, or in a list that several share."""
        listed = getattr(place.part, "choices", None)
        if isinstance(listed, str) and self.shared is not None:
            return self.shared[0], ("choice_lists", listed, "choices")
        return place.source, (*place.path, "choices")


def list_name(part: AnyQuestion) -> str | None:
    """Return the name of the shared list that a question takes its choices from."""
    if isinstance(part, SelectOnePart | SelectMultiplePart) and isinstance(part.choices, str):
        return part.choices
    return None
