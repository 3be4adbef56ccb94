"""The shape of a questionnaire: its questions by type, sections and blocks."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from bot.flow.schema.parts import (
    Appearance,
    ChoiceName,
    FileNames,
    Identifier,
    Line,
    Na,
    Part,
    Prefix,
    SentFileKind,
    Texts,
)
from bot.flow.schema.validate import A_BLOCK


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
