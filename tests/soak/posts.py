"""Coordinators of a campaign, and whether each heard once a day, at the hour, while on duty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOUR = time(7, 45)
LATEST = timedelta(minutes=80)
"""It waits for the day's numbers, an hour at most, and somebody looks every quarter."""

HEADINGS = "phone,unit,hour,kind,weekday,away_from,away_until,deputy"
DAYS = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")


@dataclass
class Post:
    """Somebody who gets counts: every day or on a weekday, but while `away`; or only then."""

    phone: str
    zone: ZoneInfo
    unit: int | None = None  # the number of the zone's unit
    weekday: int | None = None
    away: tuple[date, date] | None = None
    stands_in: bool = False
    got: list[datetime] = field(default_factory=list)

    def on_duty(self, day: date) -> bool:
        """Whether the post hears on a local day."""
        if self.weekday is not None and day.weekday() != self.weekday:
            return False
        away = self.away is not None and self.away[0] <= day <= self.away[1]
        return away == self.stands_in


def invent(opens: date, days: int, zones: Sequence[ZoneInfo]) -> list[Post]:
    """Return coordinators in every zone: of a unit, on leave with a deputy, and a leader."""
    found: list[Post] = []

    def phone() -> str:
        return f"+62813{len(found) + 1:08d}"

    leave = opens + timedelta(days=days // 5), opens + timedelta(days=days // 3)
    for unit, zone in enumerate(zones):
        found.append(Post(phone(), zone, unit))
        found.append(Post(phone(), zone, unit, away=leave))
        found.append(Post(phone(), zone, unit, away=leave, stands_in=True))
        found.append(Post(phone(), zone, unit, weekday=unit + 1))
    found.append(Post(phone(), zones[0]))
    return found


def table(posts: Sequence[Post]) -> str:
    """Return the file that operators import."""
    lines = [HEADINGS]
    for number, one in enumerate(posts):
        if one.stands_in:
            continue
        unit = f"own:U{one.unit}" if one.unit is not None else ""
        kind = ("pimpinan", DAYS[one.weekday]) if one.weekday is not None else ("admin", "")
        away = [day.isoformat() for day in one.away] if one.away else ["", ""]
        deputy = posts[number + 1].phone if one.away else ""
        lines.append(",".join([one.phone, unit, f"{HOUR:%H:%M}", *kind, *away, deputy]))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Watch:
    """What the judge knows of the machine: until when it ran, when it slept, when it was hit."""

    opens: date
    end: datetime
    naps: Sequence[tuple[datetime, datetime]]
    under_fire: bool = False

    def complaints(self, posts: Sequence[Post]) -> Iterator[str]:
        """Yield what was too much, too little, or at the wrong time."""
        for post in posts:
            by_day = Counter(one.astimezone(post.zone).date() for one in post.got)
            for day, number in by_day.items():
                if number > 1:
                    yield "a report twice on a day"
                if not post.on_duty(day) and post.weekday is None:
                    yield "a report off duty"
            for local in (one.astimezone(post.zone) for one in post.got):
                if not time(7, 45) <= local.time() < time(21):
                    yield "a report at night"
            day = self.opens + timedelta(days=1)
            while (due := datetime.combine(day, HOUR, post.zone).astimezone(UTC)) < self.end:
                if post.on_duty(day) and self._calm(due):
                    at = [one for one in post.got if one.astimezone(post.zone).date() == day]
                    late = timedelta(hours=3) if self.under_fire else LATEST
                    if not at:
                        yield "a report never sent"
                    elif not due <= at[0] <= due + late:
                        yield "a report at the wrong hour"
                day += timedelta(days=1)

    def _calm(self, due: datetime) -> bool:
        """Whether the machine was awake from before that hour until well after it."""
        margin = timedelta(hours=4)
        quiet = all(end < due - margin or due + margin < start for start, end in self.naps)
        return quiet and due + margin < self.end
