"""The shape of every flow file: which keys there are and what they may hold.

Each file is one of the models below, chosen by its `kind`. What does not fit becomes a `Problem`
with its line, column and remedy; nothing here knows what a survey means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from bot.flow.keywords import Command
from bot.flow.source import FlowError, Source
from bot.flow.validate import A_BLOCK, read_as

ANY_LANGUAGE = "*"
"""The language of a text that is given as a plain string: the survey's only one."""


def _as_texts(value: object) -> object:
    return {ANY_LANGUAGE: value} if isinstance(value, str) else value


_ZONES = "write Asia/Jakarta for WIB, Asia/Makassar for WITA, Asia/Jayapura for WIT"


def _as_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError(
            "zone", "unknown time zone `{zone}`", {"zone": value, "fix": _ZONES}
        ) from None
    return value


def _as_span(value: object) -> object:
    parts = value.split("-") if isinstance(value, str) else []
    if len(parts) != 2:
        raise PydanticCustomError(
            "span",
            "not a span of hours: `{text}`",
            {"text": str(value), "fix": 'write "08:30-11:45"'},
        )
    return tuple(part.strip() for part in parts)


def _as_file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", value):
        raise PydanticCustomError(
            "file_name",
            "no name for a file of the folder `media`",
            {"fix": "rename it: letters, digits, `.`, `-` and `_`, 80 at most"},
        )
    return value


def _ordered(span: tuple[time, time]) -> tuple[time, time]:
    if span[0] >= span[1]:
        raise PydanticCustomError(
            "span", "the span ends before it begins", {"fix": "write the earlier hour first"}
        )
    return span


Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
LANGUAGE = r"^([a-z]{2,3}|\*)$"
Language = Annotated[str, Field(pattern=LANGUAGE)]
Line = Annotated[str, Field(min_length=1)]
Texts = Annotated[
    dict[Language, Line],
    BeforeValidator(_as_texts, json_schema_input_type=Line | dict[Language, Line]),
    Field(min_length=1),
]
Zone = Annotated[str, AfterValidator(_as_zone)]
Hours = Annotated[str, Field(pattern=r"^\s*\d\d:\d\d\s*-\s*\d\d:\d\d\s*$")]
Span = Annotated[
    tuple[time, time],
    AfterValidator(_ordered),
    BeforeValidator(_as_span, json_schema_input_type=Hours),
]
Days = Annotated[float, Field(ge=0, le=366)]
Price = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=6)]
ChoiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,48}$")]
Prefix = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,23}$")]
ButtonLabel = Annotated[str, Field(min_length=1, max_length=20)]
# What the provider knows a template by: Twilio's ContentSid, or Meta's name.
ContentSid = Annotated[str, Field(pattern="^(HX[0-9a-f]{32}|[a-z0-9_]{1,512})$")]
FileName = Annotated[str, AfterValidator(_as_file_name)]
FileNames = Annotated[
    dict[Language, FileName],
    BeforeValidator(_as_texts, json_schema_input_type=FileName | dict[Language, FileName]),
]
Na = Literal["both", "dont_know", "refuse", "none"]
SentFileKind = Literal["image", "audio", "pdf"]
Appearance = Literal["text", "buttons", "list"]
Mode = Literal["official-support", "own", "owner"]
OncePer = Literal["survey", "unit"]


class Part(BaseModel):
    """A mapping in a file. Keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# survey.yaml


def _rising(days: tuple[float, ...]) -> tuple[float, ...]:
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise PydanticCustomError(
            "rising", "each day must be later than the one before", {"fix": "for example [3, 8]"}
        )
    return days


def _as_days(value: object) -> object:
    if value == "none":
        return ()
    return (value,) if isinstance(value, int | float | str) else value


SeveralDays = Annotated[
    tuple[Days, ...],
    Field(max_length=9),
    AfterValidator(_rising),
    BeforeValidator(_as_days, json_schema_input_type=tuple[Days, ...] | Days | Literal["none"]),
]
"""One day or several, each a reminder; `none` is no day."""


class PlanPart(Part):
    """When reminders go out; a value that is `none` switches that reminder off."""

    invited_after_days: SeveralDays = (3,)
    partial_after_days: SeveralDays = (2,)
    last_call_before_days: Days | Literal["none"] = 3.0
    min_gap_hours: Annotated[float, Field(ge=1, le=2000)] = 48
    maximum: Annotated[int, Field(ge=0, le=9)] = 3
    holdout: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    nudge_before_hours: Annotated[float, Field(ge=1, le=11)] | Literal["none"] = "none"


class SurveyPlanPart(PlanPart):
    """The plan of all groups; what a group's own does not say is as it stands here."""

    groups: dict[Identifier, PlanPart] = {}


class GroupPart(Part):
    flow: Identifier | None = None  # None only where the survey takes no answers
    label: Texts
    reason: Identifier
    source: Texts
    plan: PlanPart | None = None
    once_per: OncePer | None = None  # as the survey says


class DuplicatesPart(Part):
    """Who gets a number that stands on several lists."""

    policy: Literal["first", "priority", "ask"] = "first"
    order: tuple[Identifier, ...] = ()


class AnonymityPart(Part):
    k: Annotated[int, Field(ge=2, le=1000)] = 10
    wait_hours: Annotated[float, Field(ge=0, le=1000)] = 48


class BudgetPart(Part):
    """What messages may cost before reminders stop, in the currency of the rates."""

    amount: Annotated[Decimal, Field(gt=0, le=10**15, decimal_places=6)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class RatesPart(Part):
    """What messages cost; no number of these is in the program."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    service: Price
    utility: Price
    marketing: Price
    provider_out: Price = Decimal(0)
    provider_in: Price = Decimal(0)
    free_service: Annotated[int, Field(ge=0)] = 0


class PacePart(Part):
    """How quickly people read and answer."""

    words_per_minute: Annotated[float, Field(ge=20, le=1000)] = 150
    seconds_per_answer: Annotated[float, Field(ge=0, le=600)] = 6
    seconds_per_text: Annotated[float, Field(ge=0, le=3600)] = 30


class WeekPart(Part):
    mon: tuple[Span, ...] = ()
    tue: tuple[Span, ...] = ()
    wed: tuple[Span, ...] = ()
    thu: tuple[Span, ...] = ()
    fri: tuple[Span, ...] = ()
    sat: tuple[Span, ...] = ()
    sun: tuple[Span, ...] = ()


class SeasonPart(Part):
    """Days that have hours of their own, both included; the dates are data, never computed."""

    name: Line
    first_day: date
    last_day: date
    hours: dict[Identifier, WeekPart]


class HolidaysPart(Part):
    """A country's public holidays and shared leave, and what is added to them and removed."""

    calendar: Literal["ID"] | None = None
    add: tuple[date, ...] = ()
    remove: tuple[date, ...] = ()


def _as_holidays(value: object) -> object:
    return {"add": value} if isinstance(value, list | tuple) else value


class SurveyFile(Part):
    """survey.yaml: the settings, which may change while the survey runs."""

    kind: Literal["survey"]
    name: Identifier
    mode: Mode = "own"
    title: Texts
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    default_language: Language
    language_names: dict[Language, Line] = {}
    zone: Zone
    opens: date
    closes: date
    once_per: OncePer = "survey"
    duplicates: DuplicatesPart = DuplicatesPart()
    min_answer_seconds: Annotated[float, Field(ge=0, le=60)] = 2
    groups: Annotated[dict[Identifier, GroupPart], Field(min_length=1)]
    texts: dict[Identifier, Texts] = {}
    anonymity: AnonymityPart = AnonymityPart()
    plan: SurveyPlanPart = SurveyPlanPart()
    hours: dict[Identifier, WeekPart]
    seasons: tuple[SeasonPart, ...] = ()
    holidays: Annotated[
        HolidaysPart,
        BeforeValidator(_as_holidays, json_schema_input_type=HolidaysPart | tuple[date, ...]),
    ] = HolidaysPart()
    templates: dict[Identifier, dict[Language, ContentSid]] = {}
    snapshot_at: time = time(6)
    appearance: Appearance = "text"
    pace: PacePart = PacePart()
    rates: RatesPart | None = None
    budget: BudgetPart | None = None


# flow files


class ChoicePart(Part):
    name: ChoiceName
    label: Texts
    score: Annotated[float, Field(ge=0, le=100)] | None = None
    attributes: dict[Identifier, str] = {}  # what a `choice_filter` may read


class QuestionPart(Part):
    """What all types of question share. Each type below adds the keys that make sense for it."""

    name: Identifier
    code: Line = ""
    label: Texts
    hint: Texts | None = None
    relevant: Line | None = None


class NotePart(QuestionPart):
    type: Literal["note"]


class CalculatePart(Part):
    """A value that is worked out of answers and never shown as a question."""

    type: Literal["calculate"]
    name: Identifier
    code: Line = ""
    label: Texts | None = None  # for the codebook
    hint: None = None
    relevant: Line | None = None
    calculation: Line


class MediaPart(Part):
    """Files of the folder `media` that go with a question, one for all or one for each language."""

    image: FileNames = {}
    audio: FileNames = {}

    @model_validator(mode="after")
    def _anything(self) -> MediaPart:
        if not self.image and not self.audio:
            raise PydanticCustomError(
                "no_media", "nothing goes with the question", {"fix": "name a file, or remove it"}
            )
        return self


class AskedPart(QuestionPart):
    required: bool = True
    default: Line | tuple[Line, ...] | None = None
    constraint: Line | None = None
    constraint_message: Texts | None = None
    end_if: Line | None = None
    scored: bool = False
    dimension: str | None = None
    indicator: str | None = None
    quality_flag: Identifier | None = None
    media: MediaPart | None = None


class Listed(AskedPart):
    """What questions with choices share."""

    choices: str | Annotated[tuple[ChoicePart, ...], Field(min_length=2)]
    na: Na = "both"
    choice_filter: Line | None = None
    randomize: bool = False


class WithChoices(Listed):
    """What questions share of which a choice may be the best."""

    good: ChoiceName | None = None


class SelectOnePart(WithChoices):
    type: Literal["select_one"]
    appearance: Appearance | None = None
    or_other: bool = False


class SelectMultiplePart(WithChoices):
    type: Literal["select_multiple"]
    or_other: bool = False
    min_choices: Annotated[int, Field(ge=1)] = 1
    max_choices: Annotated[int, Field(ge=1)] | None = None


class IntegerPart(AskedPart):
    type: Literal["integer"]
    na: Literal["none"] = "none"
    min: int | None = None
    max: int | None = None


Number = Annotated[Decimal, Field(max_digits=15, decimal_places=9, allow_inf_nan=False)]


class DecimalPart(AskedPart):
    type: Literal["decimal"]
    na: Literal["none"] = "none"
    min: Number | None = None
    max: Number | None = None
    places: Annotated[int, Field(ge=0, le=9)] | None = None


class RangePart(AskedPart):
    type: Literal["range"]
    na: Literal["none"] = "none"
    start: Number
    end: Number
    step: Annotated[Number, Field(gt=0)] = Decimal(1)


class DatePart(AskedPart):
    type: Literal["date"]
    na: Literal["none"] = "none"
    min: date | None = None
    max: date | None = None


class TimePart(AskedPart):
    type: Literal["time"]
    na: Literal["none"] = "none"
    min: time | None = None
    max: time | None = None


class RankPart(Listed):
    type: Literal["rank"]
    max_choices: Annotated[int, Field(ge=1)] | None = None
    choice_filter: Line | None = None
    randomize: bool = False


class GeopointPart(AskedPart):
    type: Literal["geopoint"]
    na: Literal["none"] = "none"
    places: Annotated[int, Field(ge=1, le=5)] = 5


class TextPart(AskedPart):
    type: Literal["text"]
    na: Literal["none"] = "none"
    max_chars: Annotated[int, Field(ge=1, le=4000)] = 500


class ImagePart(AskedPart):
    type: Literal["image"]
    na: Literal["none"] = "none"
    max_mb: Annotated[int, Field(ge=1, le=5)] = 5


class AudioPart(AskedPart):
    type: Literal["audio"]
    na: Literal["none"] = "none"
    max_mb: Annotated[int, Field(ge=1, le=16)] = 5


class FilePart(AskedPart):
    type: Literal["file"]
    na: Literal["none"] = "none"
    kinds: Annotated[tuple[SentFileKind, ...], Field(min_length=1)] = ("image", "pdf")
    max_mb: Annotated[int, Field(ge=1, le=16)] = 5


def _as_item(value: object) -> object:
    block = isinstance(value, dict) and "block" in value and "type" not in value
    return {**value, "type": A_BLOCK} if block and isinstance(value, dict) else value


class BlockPart(Part):
    """The questions of a block of shared.yaml, in place."""

    type: Literal["a block"]
    block: Identifier
    prefix: Prefix = ""


class SectionPart(Part):
    """Questions that belong together, under a title."""

    type: Literal["section"]
    name: Identifier
    label: Texts | None = None
    relevant: Line | None = None
    randomize: bool = False
    questions: Annotated[tuple[AnyItem, ...], Field(min_length=1)]


AnyQuestion = (
    NotePart
    | CalculatePart
    | SelectOnePart
    | SelectMultiplePart
    | RankPart
    | IntegerPart
    | DecimalPart
    | RangePart
    | DatePart
    | TimePart
    | GeopointPart
    | TextPart
    | ImagePart
    | AudioPart
    | FilePart
)
AnyItem = Annotated[
    AnyQuestion | SectionPart | BlockPart, Field(discriminator="type"), BeforeValidator(_as_item)
]
SectionPart.model_rebuild()


class FlowFile(Part):
    """A questionnaire: its questions in the order in which they are asked."""

    kind: Literal["flow"]
    name: Identifier
    title: Texts
    minutes: Line
    review: bool = False  # all answers are shown before the end
    questions: Annotated[tuple[AnyItem, ...], Field(min_length=1)]
    random_sections: tuple[Identifier, ...] = ()


# shared.yaml


class NaPart(Part):
    dont_know: ChoicePart
    refuse: ChoicePart


class ChoiceListPart(Part):
    good: ChoiceName | None = None
    choices: Annotated[tuple[ChoicePart, ...], Field(min_length=2)]


class OtherPart(Part):
    """The words of `or_other`: the choice, and the question that follows it."""

    label: Texts
    question: Texts


class SharedFile(Part):
    """What several flows share: scales, "don't know", blocks, areas, rules for the results."""

    kind: Literal["shared"]
    na: NaPart | None = None
    other: OtherPart | None = None
    choice_lists: dict[str, ChoiceListPart] = {}
    blocks: dict[Identifier, Annotated[tuple[AnyItem, ...], Field(min_length=1)]] = {}
    dimensions: dict[str, Texts] = {}
    indicators: dict[str, Texts] = {}
    scoring: dict[str, Any] = {}
    categories: dict[str, Any] = {}


# messages.yaml


class SpokenPart(Part):
    """Words in each language, which stand beside other keys as keys of their own."""

    texts: Texts

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Show editors the languages as keys, as they are written."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["properties"].pop("texts")
        schema["required"] = [name for name in schema["required"] if name != "texts"]
        schema["patternProperties"] = {LANGUAGE: {"type": "string", "minLength": 1}}
        return schema


class MessagePart(SpokenPart):
    """One message: its words in each language, and buttons that repeat what the words say."""

    template: bool = False
    category: Literal["UTILITY", "MARKETING"] | None = None  # what WhatsApp is asked for
    buttons: dict[Language, tuple[ButtonLabel, ...]] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: object) -> object:
        """Take every key that is not one of ours for a language."""
        if isinstance(value, str):
            return {"texts": value}
        if not isinstance(value, dict):
            return value
        own = {key: value[key] for key in ("template", "category", "buttons") if key in value}
        return own | {"texts": {key: text for key, text in value.items() if key not in own}}


class MessagesPart(Part):
    """Every message to respondents. A missing one is an error, but for the last ones."""

    invite: MessagePart
    reminder_first: MessagePart
    reminder_partial: MessagePart
    reminder_last: MessagePart
    waktu: dict[Literal["pagi", "siang", "sore", "malam"], Texts]
    alasan: dict[Identifier, Texts]
    choose_button: Annotated[
        dict[Language, ButtonLabel],
        BeforeValidator(
            _as_texts, json_schema_input_type=ButtonLabel | dict[Language, ButtonLabel]
        ),
    ] = {}
    info: MessagePart
    verify: MessagePart
    info_under_way: MessagePart
    verify_under_way: MessagePart
    greeting: MessagePart
    language: MessagePart
    language_only: MessagePart
    consent: MessagePart
    consent_again: MessagePart
    over: MessagePart
    question_footer: MessagePart
    question_footer_text: MessagePart
    question_footer_short: MessagePart
    na_line: MessagePart
    choose_several: MessagePart
    invalid: MessagePart
    invalid_again: MessagePart
    not_a_number: MessagePart
    out_of_range: MessagePart
    too_few: MessagePart
    too_many: MessagePart
    too_long: MessagePart
    required: MessagePart
    not_text: MessagePart
    not_text_words: MessagePart
    edited: MessagePart
    asked_again: MessagePart
    saved_pause: MessagePart
    no_back: MessagePart
    change_which: MessagePart
    change_impossible: MessagePart
    fill_again: MessagePart
    help: MessagePart
    help_question: MessagePart
    stop: MessagePart
    stop_confirm: MessagePart
    opted_in: MessagePart
    erase_how: MessagePart
    erase_or_correct: MessagePart
    erased: MessagePart
    wrong_person: MessagePart
    report: MessagePart
    stranger: MessagePart
    code_wrong: MessagePart
    link_used: MessagePart
    not_open_yet: MessagePart
    closed: MessagePart
    # Each of these only where a question is of a type that says it.
    question_footer_typed: MessagePart | None = None
    decimal_how: MessagePart | None = None
    range_how: MessagePart | None = None
    date_how: MessagePart | None = None
    time_how: MessagePart | None = None
    rank_how: MessagePart | None = None
    geopoint_how: MessagePart | None = None
    number_unsure: MessagePart | None = None
    number_places: MessagePart | None = None
    off_scale: MessagePart | None = None
    not_a_date: MessagePart | None = None
    date_unsure: MessagePart | None = None
    date_day: MessagePart | None = None
    not_a_time: MessagePart | None = None
    time_unsure: MessagePart | None = None
    out_of_span: MessagePart | None = None
    rank_wrong: MessagePart | None = None
    not_a_place: MessagePart | None = None
    # Without these the same happens without words, and no flow may have `review`.
    changed: MessagePart | None = None
    no_longer_fits: MessagePart | None = None
    correct_which: MessagePart | None = None
    renewed: MessagePart | None = None
    review: MessagePart | None = None
    review_more: MessagePart | None = None
    # Where no answers are taken, and to colleagues who try a survey out.
    official: MessagePart | None = None
    pilot_invite: MessagePart | None = None
    pilot_consent: MessagePart | None = None
    # The program has words of its own for these.
    default_line: MessagePart | None = None
    more_choices: MessagePart | None = None
    # Where questions have recordings.
    audio_line: MessagePart | None = None
    audio_none: MessagePart | None = None
    # Where questions are answered with a file.
    send_image: MessagePart | None = None
    send_audio: MessagePart | None = None
    send_file: MessagePart | None = None
    wrong_file: MessagePart | None = None
    file_lost: MessagePart | None = None


class PosterPart(Part):
    """The lines of a poster. The last five are for a poster that carries somebody else's QR."""

    headline: Texts
    purpose: Texts
    secrecy: Texts
    scan: Texts
    send: Texts
    reply: Texts
    at_home: Texts
    by_hand: Texts
    check: Texts
    expiry: Texts
    open: Texts | None = None
    fill: Texts | None = None
    purpose_address: Texts | None = None
    by_address: Texts | None = None
    check_address: Texts | None = None


class MailPart(SpokenPart):
    """An e-mail: its subject, and its words in each language."""

    subject: Texts

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: object) -> object:
        """Take every key that is not one of ours for a language."""
        if not isinstance(value, dict):
            return value
        own = {key: value[key] for key in ("subject",) if key in value}
        return own | {"texts": {key: text for key, text in value.items() if key not in own}}


class MessagesFile(Part):
    """messages.yaml: every word that the bot says, and the words that it understands."""

    kind: Literal["messages"]
    messages: MessagesPart
    keywords: dict[Command, tuple[Line, ...]]
    silent_after_end: tuple[Line, ...] = ()
    who_asks: tuple[Line, ...] = ()  # those of CEK that want to know who and why
    corrections: tuple[Line, ...] = ()  # before an answer: it corrects the one given before
    coordinator: dict[Identifier, MessagePart] = {}
    coordinator_keywords: dict[str, tuple[Line, ...]] = {}
    unit_abbreviations: dict[Line, Line] = {}
    poster: PosterPart | None = None
    mail_invite: MailPart | None = None


AnyFile = SurveyFile | FlowFile | SharedFile | MessagesFile

KINDS: Mapping[str, type[AnyFile]] = {
    "survey": SurveyFile,
    "flow": FlowFile,
    "shared": SharedFile,
    "messages": MessagesFile,
}


def read_part(source: Source) -> AnyFile:
    """Return the file as its model. Raises FlowError with every problem found."""
    kind = source.data.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        what = f"unknown kind `{kind}`" if kind else "`kind` is missing"
        raise FlowError(
            [source.problem(("kind",), what, "survey, flow, shared or messages", rule="wrong-kind")]
        )
    return read_as(source, model)
