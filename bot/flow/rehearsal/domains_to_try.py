"""Numbers, days, times and places worth trying on a question, so that no condition is left out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bot.flow.answers.domains import Days, Decimals, Domain, Places, Scale, TimesOfDay
from bot.flow.answers.places import stored
from bot.flow.state import Answer
from bot.flow.terms import Uses

_DAYS_AT_MOST = 2_000  # so many days are tried one by one
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_LONG_AGO, _FAR_AHEAD = date(2020, 6, 15), date(2035, 6, 15)


def values_to_try(domain: Domain, seen: Uses) -> tuple[tuple[Answer, ...], str]:
    """Return answers within a domain, the likeliest first, and why they may not be enough: "" where
    every answer is like one of them for conditions that look at it so."""
    match domain:
        case Decimals():
            found, why = _decimals(domain, seen)
        case Scale():
            return middle_first(domain.values), ""
        case Days():
            found, why = _days(domain, seen)
        case TimesOfDay():
            found, why = _times(domain, seen), ""
        case Places():
            looked_at = seen.values or seen.within or seen.counted or seen.otherwise
            place = stored((-2.2, 113.9), domain.places)
            return (place,), "a condition that looks at a place" if looked_at else ""
        case _:
            return (), "a type of question that is not known here"
    return tuple(one for one in found if domain.holds(one)), why


def middle_first(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return values in order, but that in the middle first."""
    every = list(values)
    middle = len(every) // 2
    return (*every[middle : middle + 1], *every[:middle], *every[middle + 1 :])


def _decimals(domain: Decimals, seen: Uses) -> tuple[list[Answer], str]:
    """Return the limits, and a number on either side of each."""
    named = [Decimal(str(one)) for one in seen.values if isinstance(one, int | float)]
    ends = [one for one in (domain.least, domain.most) if one is not None]
    known = sorted({*named, *ends}) or [Decimal(0)]
    step = Decimal(1).scaleb(-2 if domain.places is None else -domain.places)
    near = {one + side * step for one in known for side in (-1, 0, 1)}
    among = {
        (low + high) / 2 if domain.places is None else round((low + high) / 2, domain.places)
        for low, high in pairwise(known)
    }
    every = sorted({*near, *among, known[0] - 1, known[-1] + 1})
    inside = [float(one) for one in every if domain.holds(float(one))]
    why = "a number that conditions compute with" if seen.otherwise else ""
    return list(middle_first(inside)), why


def _days(domain: Days, seen: Uses) -> tuple[list[Answer], str]:
    """Return the days that conditions and limits name, those beside them, and some far from all."""
    ends = [one for one in (domain.least, domain.most) if one is not None]
    if seen.otherwise and domain.least is not None and domain.most is not None:
        count = (domain.most - domain.least).days + 1
        if count <= _DAYS_AT_MOST:
            every = (domain.least + timedelta(days=place) for place in range(count))
            return list(middle_first(day.isoformat() for day in every)), ""
    named = [day for one in seen.values if (day := _day(one)) is not None]
    known = [*ends, *named]
    near = {one + timedelta(days=side) for one in known for side in (-1, 0, 1)}
    every_day = sorted({*near, _LONG_AGO, _FAR_AHEAD})
    odd = seen.within or seen.counted
    why = "a day without narrow limits that is compared with another" if seen.otherwise else ""
    why = "a condition that looks into a day's digits" if odd else why
    return list(middle_first(day.isoformat() for day in every_day)), why


def _day(one: object) -> date | None:
    try:
        return date.fromisoformat(str(one))
    except ValueError:
        return None


def _times(domain: TimesOfDay, seen: Uses) -> list[Answer]:
    """Return every minute where conditions want it, else those beside what they name."""
    if seen.otherwise or seen.within or seen.counted:
        midnight = _NOON.replace(hour=0)
        minutes = ((midnight + timedelta(minutes=place)).time() for place in range(24 * 60))
        return list(middle_first(f"{one:%H:%M}" for one in minutes))
    known = [one for one in (domain.least, domain.most) if one is not None]
    for one in seen.values:
        try:
            known.append(time.fromisoformat(str(one)))
        except ValueError:
            continue
    near = {
        (datetime.combine(_NOON.date(), one) + timedelta(minutes=side)).time()
        for one in known
        for side in (-1, 0, 1)
    }
    return [f"{one:%H:%M}" for one in (time(12), *sorted({*near, time(0), time(23, 59)}))]
