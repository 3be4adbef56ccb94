"""A plan of reminders on paper: what somebody would read who has `survey.yaml` and a calendar.

Nothing here knows `bot.flow.schedule`: this is the other reading of the same rules, against which
`judge` holds what a campaign has really sent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.soak.free_days import FREE_DAYS

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SURVEY_ZONE = ZoneInfo("Asia/Jakarta")

Week = Mapping[str, Sequence[str]]
"""Hours of the weekdays, as "08:30-11:45"; a day that is not named has none."""
Span = tuple[datetime, datetime]


def week(usual: str, friday: str, saturday: str = "") -> Week:
    """Return a week, each day's hours with blanks between."""
    days = dict.fromkeys(DAYS[:4], usual) | {"fri": friday, "sat": saturday}
    return {day: hours.split() for day, hours in days.items() if hours}


@dataclass(frozen=True)
class Rules:
    """One group's reminders and hours. Days as in `survey.yaml`."""

    week: Week
    invited: tuple[float, ...] = (3, 8)
    partial: tuple[float, ...] = (2,)
    last_call: float = 3
    maximum: int = 3
    holdout: float = 0.0
    nudge: bool = False


@dataclass(frozen=True)
class Paper:
    """One version of the plan."""

    opens: date
    closes: date
    groups: Mapping[str, Rules]
    fasting: tuple[date, date]
    fasting_week: Week

    @property
    def end(self) -> datetime:
        """The midnight that ends the last day."""
        return datetime.combine(self.closes + timedelta(days=1), time(), SURVEY_ZONE)

    def hours(self, group: str, zone: ZoneInfo, day: date) -> list[Span]:
        """Return a day's hours, in UTC."""
        if day in FREE_DAYS:
            return []
        first, last = self.fasting
        spans = self.fasting_week if first <= day <= last else self.groups[group].week
        found = []
        for span in spans.get(DAYS[day.weekday()], ()):
            start, end = (
                datetime.combine(day, time.fromisoformat(one), zone) for one in span.split("-")
            )
            found.append((start.astimezone(UTC), end.astimezone(UTC)))
        return found

    def settings(self) -> dict[str, Any]:
        """Return the keys of `survey.yaml` that say all this."""
        plans = {
            name: {
                "invited_after_days": list(rules.invited),
                "partial_after_days": list(rules.partial),
                "last_call_before_days": rules.last_call,
                "maximum": rules.maximum,
                "holdout": rules.holdout,
                "nudge_before_hours": 3 if rules.nudge else "none",
            }
            for name, rules in self.groups.items()
        }
        weeks = {name: _plain(rules.week) for name, rules in self.groups.items()}
        first, last = self.fasting
        fasting = {"name": "Ramadan", "first_day": first, "last_day": last}
        return {
            "opens": self.opens,
            "closes": self.closes,
            "plan": {"groups": plans},
            "hours": {"default": next(iter(weeks.values())), **weeks},
            "seasons": [fasting | {"hours": {"default": _plain(self.fasting_week)}}],
            # Local days are added; the rest has to be what the program knows by itself.
            "holidays": {"calendar": "ID", "add": [date(2026, 12, 21)], "remove": []},
        }


def _plain(days: Week) -> dict[str, list[str]]:
    return {day: list(days.get(day, ())) for day in DAYS}


def papers(opens: date, days: int) -> tuple[Paper, Paper]:
    """Return the plan that a campaign begins with, and the one that is published half-way."""
    usual = "08:30-11:45 13:15-16:00"
    first = Paper(
        opens,
        opens + timedelta(days=days - 1),
        {
            "internal": Rules(week(usual, "08:30-11:00 14:00-16:00"), nudge=True),
            "eksternal": Rules(
                week(
                    "09:00-11:45 13:15-17:00 19:45-20:30", "09:00-11:00 13:15-17:00", "09:00-11:45"
                ),
                invited=(4, 10, 20),
                partial=(2, 6),
                maximum=4,
            ),
            "ahli": Rules(week(usual, "08:30-11:00"), invited=(5,), holdout=0.25),
        },
        (date(2027, 2, 8), date(2027, 3, 9)),
        week("09:00-11:30 13:30-15:00", "09:00-11:00 13:30-15:00"),
    )
    internal, outside, experts = first.groups.values()
    second = {
        "internal": replace(internal, week=week("09:00-12:00 14:00-15:30", "09:00-11:00")),
        "eksternal": replace(outside, maximum=3, last_call=4),
        "ahli": replace(experts, invited=(4, 9), partial=(3, 8)),
    }
    return first, replace(first, groups=second)


@dataclass(frozen=True)
class Story:
    """What is true of a whole campaign: the plans with the time from which each counts, the hours
    in which the machine slept, and until when everybody had to be invited.

    `calm` is how much sending time a due message may take; `upset` the same where something came
    between (sleep, a new plan, a killed worker).
    """

    papers: Sequence[tuple[datetime, Paper]]
    naps: Sequence[Span]
    invited_from: datetime
    invited_by: datetime
    calm: timedelta = timedelta(minutes=90)
    upset: timedelta = timedelta(hours=6)
    under_fire: bool = False


@dataclass
class Calendar:
    """A group's sending hours in a zone over a whole campaign, as they were read at the time."""

    story: Story
    group: str
    zone: ZoneInfo
    open: list[Span] = field(init=False)
    awake: list[Span] = field(init=False)

    def __post_init__(self) -> None:
        self.open = list(self._open())
        self.awake = self.open
        for nap in self.story.naps:
            self.awake = [part for span in self.awake for part in _without(span, nap)]
        self._open_ends = [end for _, end in self.open]
        self._ends = [end for _, end in self.awake]
        self.upsets = sorted(
            [end for _, end in self.story.naps] + [start for start, _ in self.story.papers[1:]]
        )

    def _open(self) -> list[Span]:
        found = []
        starts = [start for start, _ in self.story.papers]
        for (start, paper), until in zip(
            self.story.papers, [*starts[1:], paper_end(self.story)], strict=True
        ):
            day = start.astimezone(self.zone).date()
            while datetime.combine(day, time(), self.zone) < until:
                for opens, closes in paper.hours(self.group, self.zone, day):
                    if max(opens, start) < min(closes, until):
                        found.append((max(opens, start), min(closes, until)))
                day += timedelta(days=1)
        return found

    def inside(self, moment: datetime) -> bool:
        """Whether something may go out at a moment."""
        place = bisect_right(self._open_ends, moment)
        return place < len(self.open) and self.open[place][0] <= moment

    def after(self, moment: datetime, span: timedelta) -> datetime | None:
        """Return when so much sending time, without sleep, has passed; None: never."""
        for place in range(bisect_right(self._ends, moment), len(self.awake)):
            start, end = self.awake[place]
            start = max(start, moment)
            if end - start > span:
                return start + span
            span -= end - start
        return None

    def deadline(self, moment: datetime) -> datetime | None:
        """Return until when what is due at a moment has to be out; None: it need not be."""
        end = self.after(moment, self.story.calm)
        if end is not None and not self._upset(moment, end):
            return end
        start = moment
        while True:
            end = self.after(start, self.story.upset)
            later = [one for one in self.upsets if start < one and (end is None or one <= end)]
            if not later:
                break
            start = later[-1]
        if end is not None:
            return end
        # The end is near: what has some hours left still has to go.
        return paper_end(self.story) if self.after(start, timedelta(hours=1)) else None

    def _upset(self, moment: datetime, end: datetime) -> bool:
        return self.story.under_fire or any(moment <= one <= end for one in self.upsets)


def paper_end(story: Story) -> datetime:
    """Return when the survey ends."""
    return story.papers[-1][1].end


def _without(span: Span, nap: Span) -> list[Span]:
    parts = [(span[0], min(span[1], nap[0])), (max(span[0], nap[1]), span[1])]
    return [(start, end) for start, end in parts if start < end]
