"""The shape of survey.yaml: groups, dates, reminders, budget, pace, seasons and holidays."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bot.flow.schema.parts import (
    Appearance,
    ContentSid,
    Days,
    Identifier,
    Language,
    Line,
    Mode,
    OncePer,
    Part,
    Price,
    Span,
    Texts,
    Zone,
)


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
