"""From the shape of a flow file to its questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache

from bot.flow.answers.domains import Moment
from bot.flow.answers.reading import Lexicon
from bot.flow.chance import Shuffle
from bot.flow.choices import OTHER, SurveyChoice
from bot.flow.compile.checker import Checker, Names
from bot.flow.compile.domains import LIMITED, domain_of, wrong_days, wrong_limits
from bot.flow.compile.media import compile_media
from bot.flow.compile.sections import Around, Item, Sections
from bot.flow.compile.settings import by_language
from bot.flow.expressions import Expression, ExpressionError, compile_expression, suggest
from bot.flow.keywords import normalise
from bot.flow.question import Question, Texts
from bot.flow.schema.flow_file import (
    AskedPart,
    AudioPart,
    CalculatePart,
    ChoicePart,
    FilePart,
    FlowFile,
    ImagePart,
    IntegerPart,
    RankPart,
    SelectMultiplePart,
    SelectOnePart,
    TextPart,
)
from bot.flow.schema.shared_file import SharedFile
from bot.flow.source import Path, Source
from bot.flow.state import Answer
from bot.flow.survey import Section
from bot.flow.wording import FILLED_ALWAYS


@lru_cache(maxsize=256)
def _lexicon(choices: tuple[tuple[str, tuple[str, ...]], ...]) -> Lexicon:
    """Build once what many questions share: a scale stands in dozens of them."""
    return Lexicon.of(choices)


class QuestionCompiler:
    """Compiles the questions of one flow file; `shared` is the file that holds the scales."""

    def __init__(
        self, source: Source, part: FlowFile, shared: tuple[Source, SharedFile], checker: Checker
    ) -> None:
        self._source, self._part = source, part
        self._shared_source, self._shared = shared
        self._checker = checker
        self.sections = Sections(source, part, shared, checker)
        self.shuffles: tuple[Shuffle, ...] = ()
        self._conditions: dict[str, Expression | None] = {}  # of the sections met so far
        self._known_at: dict[str, Names] = {}  # what can be read where they begin
        self._filled = FILLED_ALWAYS | checker.owners

    def questions(self) -> tuple[Question, ...]:
        """Return all questions, in order; what is wrong with them goes to the checker."""
        self._checker.texts(self._source, ("title",), self._part.title, ())
        items = self.sections.items()
        names = [item.part.name for item in items]
        questions: list[Question] = []
        for index, item in enumerate(items):
            self._source = item.place.source
            path, name = (*item.place.path, "name"), item.part.name
            if name in names[:index] or name in self.sections.found:
                self._complain(
                    path, f"a second question `{name}`", "rename one", rule="duplicate-name"
                )
            if name in self._filled or name in ("value", "today"):
                self._complain(
                    path,
                    f"`{name}` is the name of something else",
                    "choose another",
                    rule="reserved-name",
                )
            questions.append(self._question(item, questions, names[index + 1 :]))
        self._source = self.sections.source
        if not any(question.is_asked for question in questions):
            self._complain(("questions",), "no question, only notes", "add one", rule="no-question")
        self.shuffles = self.sections.shuffles(items, questions)
        return tuple(questions)

    def titles(self) -> dict[str, Section]:
        """Return the sections with their titles. After `questions`."""
        spoken = {}
        for name, one in self.sections.found.items():
            at, title = (*one.place.path, "label"), one.part.label
            texts = None
            if title is not None:
                known = self._known_at.get(name, {})
                filled = self._filled | set(known)
                texts = self._checker.texts(one.place.source, at, title, filled, known)
            parent = one.outer[-1].part.name if one.outer else None
            spoken[name] = Section(name, texts, parent)
        return spoken

    def _complain(
        self, path: Path, what: str, fix: str = "", *, rule: str = "", at_key: bool = False
    ) -> None:
        self._checker.add(self._source, path, what, fix, rule=rule, at_key=at_key)

    def _question(self, item: Item, before: list[Question], later: list[str]) -> Question:
        path, part = item.place.path, item.part
        asked = {question.name: question for question in before if question.type != "note"}
        known = {name: _answers(question) for name, question in asked.items()}
        filled = self._filled | set(asked)
        texts, source = self._checker.texts, self._source
        self._open(item, known, later)
        label = part.label or {}
        calculated = isinstance(part, CalculatePart)
        question = Question(
            name=part.name,
            type=part.type,
            label=(
                self._codebook_label(part.name, label)
                if calculated
                else texts(source, (*path, "label"), label, filled, known)
            ),
            index=len(before),
            code=part.code,
            hint=texts(source, (*path, "hint"), part.hint, filled, known) if part.hint else None,
            relevant=self._relevant(item, known, later),
            section=item.sections[-1].part.name if item.sections else None,
            file=source.file,
            path=path,
        )
        if isinstance(part, AskedPart):
            question = replace(question, number=1 + sum(one.is_asked for one in before))
            question = self._typed(path, part, question, known, later)
            question = self._asked(path, part, question, known, later)
        elif isinstance(part, CalculatePart):
            at = (*path, "calculation")
            question = replace(
                question, calculation=self._condition(at, part.calculation, known, later)
            )
        return _with_reads(question, asked)

    def _codebook_label(self, name: str, label: Texts) -> Texts:
        """Return what a calculation is called in every language: nobody is asked it."""
        settings = self._checker.settings
        said = by_language(label, settings.default_language)
        fallback = said.get(settings.default_language, name)
        return {**dict.fromkeys(settings.languages, fallback), **said}

    def _relevant(self, item: Item, known: Names, later: list[str]) -> Expression | None:
        """Return when a question is asked: by its own condition and those of its sections."""
        own = self._condition((*item.place.path, "relevant"), item.part.relevant, known, later)
        whole = [one for one in (*map(self._opened, item.sections), own) if one is not None]
        if len(whole) < 2:
            return whole[0] if whole else None
        return compile_expression(" and ".join(f"({one.source})" for one in whole), known, later)

    def _open(self, item: Item, known: Names, later: list[str]) -> None:
        """Compile the conditions of sections that begin here, each once, at their own place."""
        for section in item.sections:
            name = section.part.name
            if name in self._conditions:
                continue
            self._known_at[name] = known
            self._source = section.place.source
            at = (*section.place.path, "relevant")
            self._conditions[name] = self._condition(at, section.part.relevant, known, later)
        self._source = item.place.source

    def _opened(self, section: Around) -> Expression | None:
        return self._conditions.get(section.part.name)

    def _typed(
        self, path: Path, part: AskedPart, question: Question, known: Names, later: list[str]
    ) -> Question:
        """Add what only this type of question has."""
        if isinstance(part, SelectOnePart | SelectMultiplePart | RankPart):
            question = self._with_choices(path, part, question, known, later)
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
                self._complain((*path, key), what, fix, rule="range-order")
            return replace(question, domain=domain)
        if isinstance(part, ImagePart | AudioPart):
            return replace(question, kinds=(part.type,), max_mb=part.max_mb)
        if isinstance(part, FilePart):
            return replace(question, kinds=part.kinds, max_mb=part.max_mb)
        return (
            replace(question, max_chars=part.max_chars) if isinstance(part, TextPart) else question
        )

    def _asked(
        self, path: Path, part: AskedPart, question: Question, known: Names, later: list[str]
    ) -> Question:
        """Add what every question has and a note has not: conditions, and how it counts."""
        itself = {**known, question.name: _answers(question)}
        with_value = {**itself, "value": itself[question.name], "today": None}
        told = part.constraint_message
        at = (*path, "constraint_message")
        if told and part.constraint is None and not isinstance(part, LIMITED):
            self._complain(
                at,
                "no `constraint` to go with it",
                "add one",
                at_key=True,
                rule="message-without-constraint",
            )
        for key, names in (
            ("dimension", self._shared.dimensions),
            ("indicator", self._shared.indicators),
        ):
            value = getattr(part, key)
            if value is not None and value not in names:
                fix = suggest(value, names) or f"add `{key}s:` to shared.yaml"
                self._complain((*path, key), f"unknown {key} `{value}`", fix, rule="unknown-name")
        texts = self._checker.texts
        question = replace(
            question,
            required=part.required,
            constraint=self._condition((*path, "constraint"), part.constraint, with_value, later),
            constraint_message=(
                texts(self._source, at, told, self._filled | set(known), known) if told else None
            ),
            end_if=self._condition((*path, "end_if"), part.end_if, itself, later),
            scored=part.scored,
            dimension=part.dimension,
            indicator=part.indicator,
            quality_flag=part.quality_flag,
            media=compile_media(self._source, (*path, "media"), part.media, self._checker),
        )
        if part.default is None:
            return question
        return replace(question, default=self._default((*path, "default"), part.default, question))

    def _default(
        self, path: Path, given: str | tuple[str, ...], question: Question
    ) -> Answer | None:
        """Return the answer that is offered: a choice's name, or what a person would type."""
        names = (given,) if isinstance(given, str) else given
        if question.choices:
            offered = [choice.name for choice in question.choices]
            for name in names:
                if name not in offered:
                    what = f"`{name}` is no choice here"
                    self._complain(path, what, suggest(name, offered), rule="default-answer")
            if question.type == "select_multiple":
                return tuple(name for name in offered if name in names)
            if question.type == "rank":
                if len(names) == (question.least or len(offered)) == len({*names}):
                    return names
                what = f"{len(names)} of {question.least or len(offered)} places"
                self._complain(path, what, "name each place once", rule="default-answer")
                return None
        if len(names) != 1:
            self._complain(
                path, "one answer can be offered here", "write one", rule="default-answer"
            )
            return None
        if question.choices:
            return names[0]
        reading = replace(question, constraint=None).read(names[0], {}, self._any_day())
        relative = question.type == "date" and reading.answer != names[0]
        if reading.answer is None or relative:
            what = f"`{names[0]}` could not be answered here"
            fix = "write a day as 2026-07-26" if question.type == "date" else "write another"
            self._complain(path, what, fix, rule="default-answer")
        return reading.answer

    def _any_day(self) -> Moment:
        """Return a moment to read what does not depend on it."""
        return Moment(date(2026, 7, 1), self._checker.settings.default_language)

    def _condition(
        self, path: Path, text: str | None, known: Names, later: list[str]
    ) -> Expression | None:
        if text is None:
            return None
        for what, fix in wrong_days(text):
            self._complain(path, what, fix, rule="bad-condition")
        try:
            return compile_expression(text, known, later)
        except ExpressionError as error:
            self._complain(path, str(error), error.fix, rule="bad-condition")
            return None

    def _check_limits(self, path: Path, least: int | None, most: int | None) -> None:
        if least is not None and most is not None and most < least:
            self._complain(
                path, f"{most} is below the least, {least}", "swap them", rule="range-order"
            )

    # choices

    def _with_choices(
        self,
        path: Path,
        part: SelectOnePart | SelectMultiplePart | RankPart,
        question: Question,
        known: Names,
        later: list[str],
    ) -> Question:
        source, at, listed = self._source, (*path, "choices"), part.choices
        good = None if isinstance(part, RankPart) else part.good
        if isinstance(listed, str):
            named = self._shared.choice_lists.get(listed)
            if named is None:
                fix = suggest(listed, self._shared.choice_lists)
                self._complain(at, f"no choice list `{listed}`", fix, rule="unknown-name")
                return question
            source, at = self._shared_source, ("choice_lists", listed, "choices")
            listed = named.choices
            good = good if isinstance(part, RankPart) else good or named.good
        may_read = known if source is self._source else None
        choices = tuple(
            self._choice(source, (*at, index), choice, may_read)
            for index, choice in enumerate(listed)
        )
        if not isinstance(part, RankPart) and part.or_other:
            label = self._other_label(path)
            choices = (*choices, SurveyChoice(OTHER, label))
        na = self._na(path, part.na)
        self._check_choices(source, at, (*choices, *na))
        if good is not None and good not in [choice.name for choice in choices]:
            self._complain(
                (*path, "good"), f"`good` is `{good}`, which is no choice", rule="unknown-name"
            )
        if not part.required:
            what = "a question with choices cannot be left out"
            self._complain(
                (*path, "required"),
                what,
                "let `na` offer an answer instead",
                rule="choices-required",
            )
        named_by = tuple((choice.name, tuple(choice.label.values())) for choice in (*choices, *na))
        attributes: Names = {key: None for choice in choices for key in choice.attributes}
        for key in attributes:
            if key in known or key in later:
                what = f"`{key}` is an attribute of choices and a question too"
                self._checker.add(source, at, what, "rename the attribute", rule="duplicate-name")
        return replace(
            question,
            choices=choices,
            na=na,
            good=good,
            lexicon=_lexicon(named_by),
            randomize=part.randomize,
            choice_filter=self._condition(
                (*path, "choice_filter"), part.choice_filter, {**known, **attributes}, later
            ),
        )

    def _choice(
        self, source: Source, path: Path, part: ChoicePart, known: Names | None
    ) -> SurveyChoice:
        filled = self._filled | set(known or ())
        label = self._checker.texts(source, (*path, "label"), part.label, filled, known)
        return SurveyChoice(part.name, label, part.score, attributes=part.attributes)

    def _other_label(self, path: Path) -> Texts:
        """Return the words of "other"; in a language without them it is not offered."""
        if self._shared.other is not None:
            words = self._shared.other.label
            return self._checker.texts(self._shared_source, ("other", "label"), words, self._filled)
        words = dict(self.sections.other_words("label"))
        for code in self._checker.settings.languages:
            if code not in words:
                self._checker.lacks(
                    self._source, (*path, "or_other"), code, "`other` in shared.yaml"
                )
        return words

    def _na(self, path: Path, wanted: str) -> tuple[SurveyChoice, ...]:
        if wanted == "none":
            return ()
        if self._shared.na is None:
            what = "this question offers “don't know”, but the survey has no words for it"
            self._complain(
                path, what, "add `na:` to shared.yaml, or `na: none` here", rule="no-na-words"
            )
            return ()
        found = []
        for key in ("dont_know", "refuse"):
            if wanted in ("both", key):
                part: ChoicePart = getattr(self._shared.na, key)
                choice = self._choice(self._shared_source, ("na", key), part, None)
                found.append(replace(choice, na=True, refuses=key == "refuse"))
        return tuple(found)

    def _check_choices(self, source: Source, path: Path, choices: Sequence[SurveyChoice]) -> None:
        for name, times in Counter(choice.name for choice in choices).items():
            if times > 1:
                what = f"two choices (or a choice and “don't know”) are named `{name}`"
                self._checker.add(source, path, what, "rename one", rule="duplicate-value")
        for code in self._checker.settings.languages:
            labels = Counter(normalise(choice.label.get(code, choice.name)) for choice in choices)
            for label, times in labels.items():
                if label and times > 1:
                    what = f"two choices read `{label}` in `{code}`"
                    self._checker.add(source, path, what, "tell them apart", rule="duplicate-label")


def _with_reads(question: Question, before: Mapping[str, Question]) -> Question:
    """Add what decides whether a question is asked, calculations seen through, and whether it
    holds somebody's own words."""
    conditions = (question.relevant, question.choice_filter, question.calculation)
    reads: dict[str, None] = {}
    worded = question.own_words
    for name in (name for one in conditions if one is not None for name in one.names):
        read = before.get(name)
        if read is None:
            continue
        reads |= dict.fromkeys(read.reads) if read.type == "calculate" else {name: None}
        worded |= question.type == "calculate" and read.from_words
    needs = max((before[name].index for name in reads), default=-1)
    return replace(question, reads=tuple(reads), needs=needs, from_words=worded)


def _answers(question: Question) -> tuple[str, ...] | None:
    return tuple(choice.name for choice in (*question.choices, *question.na)) or None
