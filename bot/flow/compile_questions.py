"""From the shape of a flow file to its questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from bot.flow.answers import Lexicon
from bot.flow.checker import Checker
from bot.flow.compile_domains import LIMITED, domain_of, wrong_days, wrong_limits
from bot.flow.expressions import Expression, ExpressionError, compile_expression, suggest
from bot.flow.keywords import normalise
from bot.flow.schema import (
    AnyQuestion,
    AskedPart,
    ChoicePart,
    FlowFile,
    IntegerPart,
    RankPart,
    SelectMultiplePart,
    SelectOnePart,
    SharedFile,
    TextPart,
)
from bot.flow.source import Path, Source
from bot.flow.survey import Question, SurveyChoice
from bot.flow.wording import FILLED_ALWAYS

_Names = Mapping[str, tuple[str, ...] | None]
"""What conditions may read: a question's name, and the answers that a choice question can have."""


@lru_cache(maxsize=256)
def _lexicon(choices: tuple[tuple[str, tuple[str, ...]], ...]) -> Lexicon:
    """Build once what many questions share: a scale stands in dozens of them."""
    return Lexicon.of(choices)


class QuestionCompiler:
    """Compiles the questions of one flow file; `shared` is the file that holds the scales."""

    def __init__(
        self,
        source: Source,
        part: FlowFile,
        shared: tuple[Source, SharedFile],
        checker: Checker,
    ) -> None:
        self._source, self._part = source, part
        self._shared_source, self._shared = shared
        self._checker = checker
        self._filled = FILLED_ALWAYS | checker.owners

    def questions(self) -> tuple[Question, ...]:
        """Return all questions, in order; what is wrong with them goes to the checker."""
        self._checker.texts(self._source, ("title",), self._part.title, ())
        names = [question.name for question in self._part.questions]
        questions: list[Question] = []
        for index, part in enumerate(self._part.questions):
            path: Path = ("questions", index, "name")
            if part.name in names[:index]:
                self._complain(path, f"a second question `{part.name}`", "rename one")
            if part.name in self._filled or part.name in ("value", "today"):
                what = f"`{part.name}` is the name of something else"
                self._complain(path, what, "choose another")
            questions.append(self._question(part, questions, names[index + 1 :]))
        if all(question.type == "note" for question in questions):
            self._complain(("questions",), "no question, only notes", "add one")
        return tuple(questions)

    def _complain(self, path: Path, what: str, fix: str = "", *, at_key: bool = False) -> None:
        self._checker.add(self._source, path, what, fix, at_key=at_key)

    def _question(self, part: AnyQuestion, before: list[Question], later: list[str]) -> Question:
        path: Path = ("questions", len(before))
        asked = {question.name: question for question in before if question.type != "note"}
        known = {name: _answers(question) for name, question in asked.items()}
        filled = self._filled | set(asked)
        texts, source = self._checker.texts, self._source
        relevant = self._condition((*path, "relevant"), part.relevant, known, later)
        reads = relevant.names if relevant is not None else ()
        question = Question(
            name=part.name,
            type=part.type,
            label=texts(source, (*path, "label"), part.label, filled),
            index=len(before),
            number=0 if part.type == "note" else len(asked) + 1,
            code=part.code,
            hint=texts(source, (*path, "hint"), part.hint, filled) if part.hint else None,
            relevant=relevant,
            needs=max((asked[name].index for name in reads), default=-1),
        )
        if isinstance(part, AskedPart):
            question = self._asked(path, part, self._typed(path, part, question), known, later)
        return question

    def _typed(self, path: Path, part: AskedPart, question: Question) -> Question:
        """Add what only this type of question has."""
        if isinstance(part, SelectOnePart | SelectMultiplePart | RankPart):
            question = self._with_choices(path, part, question)
        if isinstance(part, SelectOnePart):
            return replace(question, appearance=part.appearance)
        if isinstance(part, SelectMultiplePart):
            self._check_limits((*path, "max_choices"), part.min_choices, part.max_choices)
            return replace(question, least=part.min_choices, most=part.max_choices)
        if isinstance(part, RankPart):
            count = part.max_choices or len(question.choices)
            self._check_limits((*path, "max_choices"), count, len(question.choices) or None)
            return replace(question, least=count, most=count)
        if isinstance(part, IntegerPart):
            self._check_limits((*path, "max"), part.min, part.max)
            return replace(question, least=part.min, most=part.max)
        domain = domain_of(part)
        if domain is not None:
            for key, what, fix in wrong_limits(part):
                self._complain((*path, key), what, fix)
            return replace(question, domain=domain)
        return (
            replace(question, max_chars=part.max_chars) if isinstance(part, TextPart) else question
        )

    def _asked(
        self, path: Path, part: AskedPart, question: Question, known: _Names, later: list[str]
    ) -> Question:
        """Add what every question has and a note has not: conditions, and how it counts."""
        itself = {**known, question.name: _answers(question)}
        with_value = {**itself, "value": itself[question.name], "today": None}
        told = part.constraint_message
        at = (*path, "constraint_message")
        if told and part.constraint is None and not isinstance(part, LIMITED):
            self._complain(at, "no `constraint` to go with it", "add one", at_key=True)
        for key, names in (
            ("dimension", self._shared.dimensions),
            ("indicator", self._shared.indicators),
        ):
            value = getattr(part, key)
            if value is not None and value not in names:
                fix = suggest(value, names) or f"add `{key}s:` to shared.yaml"
                self._complain((*path, key), f"unknown {key} `{value}`", fix)
        texts = self._checker.texts
        return replace(
            question,
            required=part.required,
            constraint=self._condition((*path, "constraint"), part.constraint, with_value, later),
            constraint_message=texts(self._source, at, told, self._filled) if told else None,
            end_if=self._condition((*path, "end_if"), part.end_if, itself, later),
            scored=part.scored,
            dimension=part.dimension,
            indicator=part.indicator,
            quality_flag=part.quality_flag,
        )

    def _condition(
        self, path: Path, text: str | None, known: _Names, later: list[str]
    ) -> Expression | None:
        if text is None:
            return None
        for what, fix in wrong_days(text):
            self._complain(path, what, fix)
        try:
            return compile_expression(text, known, later)
        except ExpressionError as error:
            self._complain(path, str(error), error.fix)
            return None

    def _check_limits(self, path: Path, least: int | None, most: int | None) -> None:
        if least is not None and most is not None and most < least:
            self._complain(path, f"{most} is below the least, {least}", "swap them")

    # choices

    def _with_choices(
        self, path: Path, part: SelectOnePart | SelectMultiplePart | RankPart, question: Question
    ) -> Question:
        source, at, listed = self._source, (*path, "choices"), part.choices
        good = None if isinstance(part, RankPart) else part.good
        if isinstance(listed, str):
            named = self._shared.choice_lists.get(listed)
            if named is None:
                fix = suggest(listed, self._shared.choice_lists)
                self._complain(at, f"no choice list `{listed}`", fix)
                return question
            source, at = self._shared_source, ("choice_lists", listed, "choices")
            listed = named.choices
            good = good if isinstance(part, RankPart) else good or named.good
        choices = tuple(
            self._choice(source, (*at, index), choice) for index, choice in enumerate(listed)
        )
        na = self._na(path, part.na)
        self._check_choices(source, at, (*choices, *na))
        if good is not None and good not in [choice.name for choice in choices]:
            self._complain((*path, "good"), f"`good` is `{good}`, which is no choice")
        if not part.required:
            what = "a question with choices cannot be left out"
            self._complain((*path, "required"), what, "let `na` offer an answer instead")
        named_by = tuple((choice.name, tuple(choice.label.values())) for choice in (*choices, *na))
        return replace(question, choices=choices, na=na, good=good, lexicon=_lexicon(named_by))

    def _choice(self, source: Source, path: Path, part: ChoicePart) -> SurveyChoice:
        label = self._checker.texts(source, (*path, "label"), part.label, self._filled)
        return SurveyChoice(part.name, label, part.score)

    def _na(self, path: Path, wanted: str) -> tuple[SurveyChoice, ...]:
        if wanted == "none":
            return ()
        if self._shared.na is None:
            what = "this question offers “don't know”, but the survey has no words for it"
            self._complain(path, what, "add `na:` to shared.yaml, or `na: none` here")
            return ()
        found = []
        for key in ("dont_know", "refuse"):
            if wanted in ("both", key):
                part: ChoicePart = getattr(self._shared.na, key)
                found.append(replace(self._choice(self._shared_source, ("na", key), part), na=True))
        return tuple(found)

    def _check_choices(self, source: Source, path: Path, choices: Sequence[SurveyChoice]) -> None:
        for name, times in Counter(choice.name for choice in choices).items():
            if times > 1:
                what = f"two choices (or a choice and “don't know”) are named `{name}`"
                self._checker.add(source, path, what, "rename one")
        for code in self._checker.settings.languages:
            labels = Counter(normalise(choice.label.get(code, choice.name)) for choice in choices)
            for label, times in labels.items():
                if label and times > 1:
                    what = f"two choices read `{label}` in `{code}`"
                    self._checker.add(source, path, what, "tell them apart")


def _answers(question: Question) -> tuple[str, ...] | None:
    return tuple(choice.name for choice in (*question.choices, *question.na)) or None
