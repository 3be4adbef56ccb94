"""The codebook: every question of every version, its column in the export, and what values mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.flow.answers.domains import within
from bot.flow.expressions import before_answers
from bot.flow.question import Question, QuestionType, Texts
from bot.flow.survey import Survey
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from storage.queries import reports as queries

HEADINGS = (
    "column",
    "flow",
    "question",
    "code",
    "type",
    "label",
    "value",
    "value_label",
    "score",
    "no_opinion",
    "dimension",
    "indicator",
    "scored",
    "versions",
)


@dataclass(frozen=True, slots=True)
class CodedChoice:
    """A stored value and what it means; `na` is "don't know" or "prefer not to say"."""

    name: str
    label: str
    score: float | None
    na: bool


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a question was in some versions: its words and choices."""

    code: str
    type: QuestionType
    label: str
    choices: tuple[CodedChoice, ...]
    dimension: str
    indicator: str
    scored: bool
    limits: str = ""  # the first and last possible answer: "0–10"

    def value_label(self, value: str) -> str:
        """Return what a stored value means; one that is no choice stays as it is."""
        return next((one.label for one in self.choices if one.name == value), value)


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A column of the export: a question of a flow, with its meaning in each version.

    `meanings` lists versions by number, oldest first; versions in which nothing about the question
    changed share one.
    """

    column: str
    flow: str
    question: str
    meanings: tuple[tuple[tuple[int, ...], Meaning], ...]

    @property
    def newest(self) -> Meaning:
        """The meaning in the newest version that has the question."""
        return max(self.meanings, key=lambda one: one[0][-1])[1]

    def meaning(self, version: int | None) -> Meaning:
        """Return the meaning in a version, else the newest."""
        return next((one for numbers, one in self.meanings if version in numbers), self.newest)


@dataclass(frozen=True, slots=True)
class Codebook:
    """All variables in the order of the questionnaires. Versions are numbered from 1."""

    variables: tuple[Variable, ...]
    versions: Mapping[int, int]  # a version's id: its number
    flows: Mapping[str, str]  # a group: its flow

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield one row per question and meaning, followed by one per choice, by `HEADINGS`."""
        for variable in self.variables:
            for numbers, meaning in variable.meanings:
                row: dict[str, object] = {
                    "column": variable.column,
                    "flow": variable.flow,
                    "question": variable.question,
                    "code": meaning.code,
                    "type": meaning.type,
                    "label": meaning.label,
                    "value": meaning.limits,
                    "dimension": meaning.dimension,
                    "indicator": meaning.indicator,
                    "scored": "yes" if meaning.scored else "no",
                    "versions": ", ".join(str(number) for number in numbers),
                }
                yield row
                for choice in meaning.choices:
                    yield row | {
                        "value": choice.name,
                        "value_label": choice.label,
                        "score": choice.score,
                        "no_opinion": "yes" if choice.na else "no",
                    }

    def of_flow(self, group: str, questions: Sequence[str]) -> Mapping[str, Variable]:
        """Return the variables of a group's flow by question.

        A group that the settings have lost is known by the questions that were answered.
        """
        flow = self.flows.get(group)
        by_flow: dict[str, dict[str, Variable]] = {}
        for variable in self.variables:
            by_flow.setdefault(variable.flow, {})[variable.question] = variable
        if flow is not None:
            return by_flow.get(flow, {})
        return next((one for one in by_flow.values() if set(questions) <= one.keys()), {})


def read_codebook(
    connection: Connection, installation: Installation, published: Published, language: str
) -> Codebook:
    """Return the codebook of all versions of a survey, with the words of one language."""
    numbers = {
        row.id: number
        for number, row in enumerate(queries.versions(connection, published.id), start=1)
    }
    found: dict[tuple[str, str], dict[Meaning, list[int]]] = {}
    for version_id, number in sorted(numbers.items(), reverse=True):
        # The newest first: its order is that of the columns; what it has lost comes last.
        survey = installation.surveys.version(connection, published.id, version_id)
        for flow in survey.flows.values():
            for question in flow.questions:
                if question.type != "note":
                    meaning = _meaning(survey, question, language)
                    meanings = found.setdefault((flow.name, question.name), {})
                    meanings.setdefault(meaning, []).append(number)
    flows = list(dict.fromkeys(flow for flow, _ in found))
    variables = [
        Variable(
            f"{flow}.{question}" if len(flows) > 1 else question,
            flow,
            question,
            tuple(sorted((tuple(sorted(seen)), meaning) for meaning, seen in meanings.items())),
        )
        for flow, question in sorted(found, key=lambda key: flows.index(key[0]))
        for meanings in (found[flow, question],)
    ]
    groups = published.survey.settings.groups
    return Codebook(tuple(variables), numbers, {name: one.flow for name, one in groups.items()})


def _meaning(survey: Survey, question: Question, language: str) -> Meaning:
    owners = survey.settings.texts

    def said(texts: Texts | None) -> str:
        fallback = survey.settings.default_language
        text = "" if texts is None else texts.get(language) or texts.get(fallback) or ""
        return before_answers(text, owners.get(language) or owners[fallback])

    choices = tuple(
        CodedChoice(one.name, said(one.label), one.score, one.na)
        for one in (*question.choices, *question.na)
    )
    return Meaning(
        question.code,
        question.type,
        said(question.label),
        choices,
        said(survey.dimensions.get(question.dimension or "")) or (question.dimension or ""),
        said(survey.indicators.get(question.indicator or "")) or (question.indicator or ""),
        question.scored,
        _limits(question, language),
    )


def _limits(question: Question, language: str) -> str:
    if question.domain is not None:
        return question.domain.limits(language)
    ends = (question.least, question.most) if question.type == "integer" else (None, None)
    least, most = ("" if one is None else str(one) for one in ends)
    return within(least, most, language)
