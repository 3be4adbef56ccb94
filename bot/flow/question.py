"""One question of a flow, compiled: what is asked, of whom, and how an answer to it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from bot.flow.answers.domains import Domain, Moment, Places
from bot.flow.answers.places import Coordinates
from bot.flow.answers.reading import (
    UNCLEAR,
    Lexicon,
    Reading,
    read_choice,
    read_choices,
    read_no_file,
    read_number,
    read_rank,
    read_text,
)
from bot.flow.choices import SurveyChoice, offered
from bot.flow.expressions import Expression
from bot.flow.media import QuestionMedia
from bot.flow.source import Path
from bot.flow.state import Answer
from bot.flow.turn import SentKind

Texts = Mapping[str, str]
"""The same words in several languages."""
QuestionType = Literal[
    "select_one",
    "select_multiple",
    "rank",
    "integer",
    "decimal",
    "range",
    "date",
    "time",
    "geopoint",
    "text",
    "image",
    "audio",
    "file",
    "note",
    "calculate",
]
Appearance = Literal["text", "buttons", "list"]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One question; or a note, said between two questions; or a calculation, never shown."""

    name: str
    type: QuestionType
    label: Texts
    index: int  # position in the flow
    number: int = 0  # position among those that are asked, from 1; 0 for what is not asked
    code: str = ""
    hint: Texts | None = None
    choices: tuple[SurveyChoice, ...] = ()
    na: tuple[SurveyChoice, ...] = ()
    required: bool = True
    relevant: Expression | None = None
    reads: tuple[str, ...] = ()  # questions that decide whether it is asked
    needs: int = -1  # position of the last of these
    constraint: Expression | None = None
    constraint_message: Texts | None = None
    end_if: Expression | None = None
    least: int | None = None  # smallest number, or fewest choices; of a rank how many
    most: int | None = None
    max_chars: int = 500
    scored: bool = False
    dimension: str | None = None
    indicator: str | None = None
    good: str | None = None
    quality_flag: str | None = None
    appearance: Appearance | None = None  # None: as the settings say for all
    media: QuestionMedia | None = None
    kinds: tuple[SentKind, ...] = ()  # of files that are the answer
    max_mb: int = 0
    lexicon: Lexicon = field(default_factory=lambda: Lexicon.of(()))  # of all choices, by name
    domain: Domain | None = None  # of decimal, range, date, time and geopoint
    choice_filter: Expression | None = None
    randomize: bool = False  # the choices are shown in the order of the conversation's seed
    default: Answer | None = None  # offered, and taken for OK
    calculation: Expression | None = None  # of a calculation only
    from_words: bool = False  # an answer in somebody's own words, or worked out of one
    section: str | None = None  # the innermost section that it stands in
    file: str = ""  # where it is written
    path: Path = ()

    @property
    def own_words(self) -> bool:
        """Whether it is answered in the person's own words."""
        return self.type == "text"

    @property
    def takes_file(self) -> bool:
        """Whether it is answered with a file."""
        return bool(self.kinds)

    @property
    def is_asked(self) -> bool:
        """Whether it is put to people: not a note, and no calculation."""
        return self.type not in ("note", "calculate")

    @property
    def footer(self) -> str:
        """The message that is the long line under it."""
        if self.own_words:
            return "question_footer_text"
        by_number = self.type not in ("date", "time", "geopoint")
        return "question_footer" if by_number else "question_footer_typed"

    def read(
        self,
        text: str,
        answers: Mapping[str, Answer],
        moment: Moment | None = None,
        *,
        seed: int = 0,
    ) -> Reading:
        """Read what a person typed as an answer, the constraint included.

        By the numbers that this person sees: see `choices.offered`. Days and their constraints need
        to know the `moment`.
        """
        if self.domain is not None:
            assert moment is not None
            reading = self.domain.read(text, self.required, moment)
            return self._constrained(reading, answers, moment)
        offer = offered(self, answers, seed)
        match self.type:
            case "select_one":
                reading = read_choice(offer.lexicon, text)
            case "select_multiple":
                least = min(self.least or 1, len(offer.order))
                reading = read_choices(offer.lexicon, offer.order, text, least, self.most)
            case "rank":
                count = min(self.least or len(offer.order), len(offer.order))
                reading = read_rank(offer.lexicon, offer.order, text, count)
            case "integer":
                reading = read_number(text, self.least, self.most, self.required)
            case "image" | "audio" | "file":
                reading = read_no_file(text, self.required)
            case _:
                reading = read_text(text, self.max_chars, self.required)
        return self._constrained(reading, answers, moment)

    def pick(
        self, name: str, answers: Mapping[str, Answer], moment: Moment | None = None
    ) -> Reading:
        """Read a tapped choice."""
        if name not in offered(self, answers, 0).lexicon.names:
            return UNCLEAR
        answer: Answer = name if self.type == "select_one" else (name,)
        if self.type == "rank" and not self._is_na(answer):
            return Reading(trouble="rank_wrong")
        return self._constrained(Reading(answer), answers, moment)

    @property
    def constrained_by_others(self) -> bool:
        """Whether its constraint reads other answers, which may change later."""
        own = {self.name, "value", "today"}
        return self.constraint is not None and not own.issuperset(self.constraint.names)

    def still_fits(self, answer: Answer, answers: Mapping[str, Answer]) -> bool:
        """Whether an answer that was taken may stay when others have changed.

        Only a constraint that reads other answers is asked again: nothing else can have changed.
        What it says of `today` was true when the answer was given, and is no reason any more.
        """
        if not self.constrained_by_others:
            return True
        return any(
            self._constrained(Reading(answer), answers, Moment(day, "")).trouble is None
            for day in (date.max, date.min)
        )

    def offers_default(self, answers: Mapping[str, Answer], moment: Moment | None = None) -> bool:
        """Whether there is an answer to say OK to, and it can be given now."""
        if self.default is None:
            return False
        return self.accept(self.default, answers, moment).trouble is None

    def accept(
        self, answer: Answer, answers: Mapping[str, Answer], moment: Moment | None = None
    ) -> Reading:
        """Read an answer that we have offered ourselves."""
        if self.choices:
            names = answer if isinstance(answer, tuple) else (answer,)
            if not offered(self, answers, 0).lexicon.names.issuperset(names):
                return UNCLEAR
        return self._constrained(Reading(answer), answers, moment)

    def place(
        self, place: Coordinates, answers: Mapping[str, Answer], moment: Moment | None = None
    ) -> Reading:
        """Read a location that was sent."""
        if not isinstance(self.domain, Places):
            return UNCLEAR
        return self._constrained(self.domain.taken(place), answers, moment)

    def _constrained(
        self, reading: Reading, answers: Mapping[str, Answer], moment: Moment | None
    ) -> Reading:
        if self.constraint is None:
            return reading
        if reading.readings:  # of what a text can mean only this counts
            held = [one for one in reading.readings if self._keeps(one, answers, moment)]
            if len(held) == 1:
                return Reading(held[0])
            return replace(reading, readings=tuple(held)) if held else self._refused()
        if reading.answer is None or self._is_na(reading.answer):
            return reading
        return reading if self._keeps(reading.answer, answers, moment) else self._refused()

    def _keeps(self, answer: Answer, answers: Mapping[str, Answer], moment: Moment | None) -> bool:
        """Whether an answer keeps the constraint."""
        assert self.constraint is not None
        values = {**answers, self.name: answer, "value": answer}
        if moment is not None:
            values["today"] = moment.today.isoformat()
        return self.constraint.holds(values)

    def _refused(self) -> Reading:
        if self.domain is not None:
            trouble = self.domain.refused
        elif self.type == "rank":
            trouble = "rank_wrong"
        else:
            trouble = "out_of_range" if self.type == "integer" else "unclear"
        return Reading(trouble=trouble, refused=True)

    def _is_na(self, answer: Answer) -> bool:
        names = answer if isinstance(answer, tuple) else (answer,)
        return any(choice.name in names for choice in self.na)

    def answer_label(self, answer: Answer, language: str) -> str:
        """Return an answer in words, for a text that repeats it."""
        if self.domain is not None:
            return self.domain.shown(answer, language)
        if self.takes_file:
            return "📎"
        names = answer if isinstance(answer, tuple) else (answer,)
        labels = {choice.name: choice.label for choice in (*self.choices, *self.na)}
        return ", ".join(labels.get(str(name), {}).get(language, str(name)) for name in names)
