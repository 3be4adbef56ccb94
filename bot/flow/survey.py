"""A survey as the engine uses it: settings, flows, questions and words, compiled for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

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
from bot.flow.chance import Shuffle, arrangement
from bot.flow.choices import SurveyChoice, offered
from bot.flow.expressions import Expression
from bot.flow.keywords import Keywords
from bot.flow.media import MediaFile, QuestionMedia
from bot.flow.source import Path, Problem
from bot.flow.state import Answer
from bot.flow.turn import Hours, Plan, SentKind

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
Mode = Literal["official-support", "own", "owner"]
OncePer = Literal["survey", "unit"]


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


@dataclass(frozen=True, slots=True, eq=False)
class MessageText:
    """One message before its placeholders are filled."""

    texts: Texts
    buttons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    template: bool = False
    category: str | None = None  # UTILITY or MARKETING, where the file says


@dataclass(frozen=True, slots=True, eq=False)
class MailText:
    """An e-mail before its placeholders are filled."""

    subject: Texts
    texts: Texts


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Everything that the bot says apart from questions, and every command word it understands."""

    messages: Mapping[str, MessageText]
    reasons: Mapping[str, Texts]  # {{alasan}}
    times_of_day: Mapping[str, Texts]  # {{waktu}}
    keywords: Keywords
    coordinator: Mapping[str, MessageText]
    coordinator_keywords: Mapping[str, tuple[str, ...]]
    choose_button: Texts = field(default_factory=dict)  # what opens a list
    poster: Mapping[str, Texts] = field(default_factory=dict)  # the lines of a poster, by name
    mail_invite: MailText | None = None
    unit_abbreviations: Mapping[str, str] = field(default_factory=dict)  # as coordinators write


@dataclass(frozen=True, slots=True, eq=False)
class Reminders:
    """When reminders go out, as the settings say it; None switches one off.

    `invited` and `partial` are distances: the first from the invitation or the last answer, further
    ones from the reminder before.
    """

    invited: tuple[timedelta, ...]
    partial: tuple[timedelta, ...]
    last_call_before: timedelta | None
    min_gap: timedelta
    maximum: int
    holdout: float
    nudge_before: timedelta | None


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One kind of respondents: which flow they get, and what they are told about why."""

    name: str
    flow: str  # "" where the survey takes no answers
    label: Texts
    reason: str
    source: Texts
    reminders: Reminders
    hours: Hours
    once_per: OncePer


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """Who gets a number that stands on several lists: the first, the group that comes first in
    `order` (all groups are in it), or nobody before somebody has decided."""

    policy: Literal["first", "priority", "ask"]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What one message costs, as the owner was told: by its kind, to WhatsApp; each way, to the
    provider; and how many of our free-form ones a month are free of WhatsApp's price."""

    currency: str
    service: Decimal
    utility: Decimal
    marketing: Decimal
    provider_out: Decimal
    provider_in: Decimal
    free_service: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly people read and answer, to estimate the minutes of an interview."""

    words_per_minute: float = 150.0
    seconds_per_answer: float = 6.0
    seconds_per_text: float = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """survey.yaml: what may change while the survey runs. Dates are days in `zone`."""

    name: str
    title: Texts
    languages: tuple[str, ...]
    default_language: str
    language_names: Mapping[str, str]
    zone: ZoneInfo
    opens: date
    closes: date  # the last day, until midnight
    duplicates: Duplicates
    min_answer_seconds: float
    groups: Mapping[str, Group]
    texts: Mapping[str, Mapping[str, str]]  # language: placeholder: the owner's words
    k: int
    wait: timedelta
    templates: Mapping[str, Mapping[str, str]]  # message: language: ContentSid
    snapshot_at: time
    appearance: Appearance = "text"  # of questions that do not say
    rates: Rates | None = None
    budget: Decimal | None = None  # in the rates' currency: then reminders stop
    mode: Mode = "own"
    pace: Pace = Pace()

    @property
    def takes_answers(self) -> bool:
        """Whether anybody may answer here at all, and not only in somebody else's survey."""
        return self.mode != "official-support"

    def scope(self, group: str, unit_id: int) -> int:
        """Return what a person of this group is interviewed once in: the unit, or 0, the survey.

        Whatever the groups, nobody is interviewed twice in one unit. A group that is not in the
        settings any more counts for the whole survey.
        """
        known = self.groups.get(group)
        return unit_id if known is not None and known.once_per == "unit" else 0

    def plan(self, group: str) -> Plan:
        """Return the dates and reminders of a group, as every step needs them."""
        reminders = self.groups[group].reminders
        return Plan(
            opens=self._midnight(self.opens),
            closes=self._midnight(self.closes + timedelta(days=1)),
            hours=self.groups[group].hours,
            invited_after=next(iter(reminders.invited), None),
            invited_again=reminders.invited[1:],
            partial_after=next(iter(reminders.partial), None),
            partial_again=reminders.partial[1:],
            last_call_before=reminders.last_call_before,
            min_gap=reminders.min_gap,
            maximum=reminders.maximum,
            holdout=reminders.holdout,
            nudge_before=reminders.nudge_before,
        )

    def _midnight(self, day: date) -> datetime:
        utc = ZoneInfo("UTC")
        return datetime.combine(day, time(), tzinfo=self.zone).astimezone(utc)


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
    `advice` what is allowed and could be better.
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
    media: tuple[MediaFile, ...] = ()  # what its questions use of the folder

    def for_group(self, group: str) -> Flow:
        """Return the flow of a group, ready for its conversations. KeyError for an unknown one."""
        return self.groups[group]


def missing_texts(survey: Survey) -> tuple[Problem, ...]:
    """List what keeps a language of the settings from being offered, for the linter."""
    return survey.missing
