"""When each invitation goes out: so many a day, within the hours of the person's unit and group.

Pure. A day's invitations are spread over its hours by the golden ratio, which keeps any number of
them apart, so that no unit's people all hear from us in one minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from bot.flow.settings import Settings

_GOLDEN = 0.6180339887498949

_Left = tuple[list[tuple[datetime, datetime]], timedelta]
"""What is left of a day's hours (UTC), and how long they are in all."""


@dataclass(slots=True)
class Slots:
    """Hands out times from `now` (aware) on. `used` counts invitations by local day.

    A day that has begun takes as many as its remaining hours are of all its hours.
    """

    settings: Settings
    now: datetime
    per_day: int
    used: Counter[date] = field(default_factory=Counter)
    _day: dict[tuple[str, str], date] = field(default_factory=dict)
    _left: dict[tuple[str, str, date], _Left] = field(default_factory=dict)

    def count(self, planned: Iterable[tuple[str, datetime, int]]) -> None:
        """Take account of invitations that are planned already: (zone, time, how many)."""
        for zone, moment, people in planned:
            self.used[moment.astimezone(ZoneInfo(zone)).date()] += people

    def copy(self) -> Slots:
        """Return the same times to hand out, apart from these."""
        return replace(self, used=Counter(self.used), _day=dict(self._day))

    def next(self, group: str, zone: str) -> datetime | None:
        """Return the next free time for a person of this group and zone (UTC), whole seconds.

        None when the survey closes first.
        """
        day = self._first_free(group, zone)
        if day is None:
            return None
        spans, _ = self._spans(group, zone, day)
        length = sum((end - start for start, end in spans), timedelta())
        offset = length * ((self.used[day] * _GOLDEN) % 1)
        self.used[day] += 1
        for start, end in spans:
            if offset < end - start:
                return (start + offset).replace(microsecond=0)
            offset -= end - start
        raise AssertionError("the offset is smaller than all spans together")

    def fill(self, group: str, zone: str, people: int) -> int:
        """Take times for many people at once; return how many were left without one."""
        while people:
            day = self._first_free(group, zone)
            if day is None:
                return people
            taken = min(people, self._capacity(group, zone, day) - self.used[day])
            self.used[day] += taken
            people -= taken
        return 0

    def _first_free(self, group: str, zone: str) -> date | None:
        """Return the first day that has room, looking on from where the last look ended."""
        plan = self.settings.plan(group)
        local = ZoneInfo(zone)
        day = self._day.get((group, zone)) or max(self.now, plan.opens).astimezone(local).date()
        last = plan.closes.astimezone(local).date()
        while self._capacity(group, zone, day) <= self.used[day]:
            if day >= last:
                return None
            day += timedelta(days=1)
        self._day[group, zone] = day
        return day

    def _capacity(self, group: str, zone: str, day: date) -> int:
        spans, whole = self._spans(group, zone, day)
        left = sum((end - start for start, end in spans), timedelta())
        return ceil(self.per_day * (left / whole)) if whole else 0

    def _spans(self, group: str, zone: str, day: date) -> _Left:
        known = self._left.get((group, zone, day))
        if known is None:
            known = self._left[group, zone, day] = self._find_spans(group, zone, day)
        return known

    def _find_spans(self, group: str, zone: str, day: date) -> _Left:
        plan = self.settings.plan(group)
        local = ZoneInfo(zone)
        hours = plan.hours.on(day)
        whole = timedelta()
        left = []
        for opens, closes in hours:
            start = datetime.combine(day, opens, local).astimezone(UTC)
            end = datetime.combine(day, closes, local).astimezone(UTC)
            whole += end - start
            start, end = max(start, self.now, plan.opens), min(end, plan.closes)
            # Times are cut to whole seconds, which must not fall before the start.
            if start.microsecond:
                start = start.replace(microsecond=0) + timedelta(seconds=1)
            if start < end:
                left.append((start, end))
        return left, whole
