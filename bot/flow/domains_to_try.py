"""Numbers, days and times worth trying on a question, on both sides of all that decides something.

All are texts as a person would type them, in the words that every language understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from bot.flow import numbers
from bot.flow.domains import Clock, Days, Decimals, Domain, Scale
from bot.flow.expressions import Expression

_LONG_AGO, _FAR_AHEAD = date(2020, 6, 15), date(2035, 6, 15)


def typed_answers(domain: Domain, conditions: Sequence[Expression]) -> Iterator[str]:
    """Yield what to type, the likeliest first; what is outside the limits may be among it."""
    sources = " ".join(condition.source for condition in conditions)
    match domain:
        case Decimals():
            limits = [one for one in (domain.least, domain.most) if one is not None]
            for value in _between([*limits, *_written(sources)]):
                rounded = value if domain.places is None else round(value, domain.places)
                yield numbers.typed(rounded, "id")
        case Scale():
            yield from _on_scale(domain, _written(sources))
        case Days():
            yield from _days(domain, sources)
        case Clock():
            for moment in _times(domain, sources):
                yield moment.isoformat("minutes")


def _written(sources: str) -> list[Decimal]:
    """Return the numbers that conditions speak of, with either sign."""
    found = [Decimal(text) for text in re.findall(r"\d{1,9}(?:\.\d{1,6})?", sources)]
    return [*found, *(-one for one in found if one)] if "-" in sources else found


def _between(limits: Iterable[Decimal]) -> list[Decimal]:
    """Return numbers on, between and beside these, from the middle outwards."""
    known = sorted(set(limits)) or [Decimal(0)]
    among = [(low + high) / 2 for low, high in pairwise(known)]
    every = sorted({known[0] - 1, *known, *among, known[-1] + 1})
    middle = (len(every) - 1) / 2
    return sorted(every, key=lambda one: abs(every.index(one) - middle))


def _on_scale(scale: Scale, limits: Sequence[Decimal]) -> Iterator[str]:
    values = scale.values
    wanted = {0, len(values) // 2, len(values) - 1}
    for limit in limits:
        place = int((limit - scale.start) / scale.step)
        wanted |= {one for one in range(place - 1, place + 3) if 0 <= one < len(values)}
    for place in sorted(wanted, key=lambda one: abs(one - len(values) // 2)):
        yield numbers.typed(values[place], "id")


def _days(days: Days, sources: str) -> Iterator[str]:
    named = [_day(text) for text in re.findall(r"\d{4}-\d{2}-\d{2}", sources)]
    limits = [one for one in (days.least, days.most, *named) if one is not None]
    near = {limit + timedelta(days=step) for limit in limits for step in (-1, 0, 1)}
    yield from ("hari ini", "kemarin", "besok")
    for day in sorted(near | {_LONG_AGO, _FAR_AHEAD}):
        yield day.isoformat()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _times(clock: Clock, sources: str) -> list[time]:
    named = re.findall(r"\b(?:[01]\d|2[0-3]):[0-5]\d\b", sources)
    limits = [one for one in (clock.least, clock.most) if one is not None]
    limits += [time.fromisoformat(text) for text in named]
    near = [
        (datetime.combine(_LONG_AGO, limit) + timedelta(minutes=step)).time()
        for limit in limits
        for step in (-1, 0, 1)
    ]
    return [time(12), *sorted({*near, time(0), time(23, 59)})]
