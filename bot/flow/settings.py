"""survey.yaml compiled: what may change while a survey runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from bot.flow.question import Appearance, Texts
from bot.flow.turn import Hours, Plan

Mode = Literal["official-support", "own", "owner"]
OncePer = Literal["survey", "unit"]


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

    def day(self, moment: datetime) -> date:
        """Return the day of a moment in the survey's own zone."""
        return moment.astimezone(self.zone).date()

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
