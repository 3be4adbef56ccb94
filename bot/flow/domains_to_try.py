"""Numbers, days and times worth trying on a question, on both sides of all that decides something.

All are answers as they are stored; `Domain.typed` says how a person would type them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from bot.flow.domains import Clock, Days, Decimals, Domain, Places, Scale
from bot.flow.places import stored
from bot.flow.state import Answer

_LONG_AGO, _FAR_AHEAD = date(2020, 6, 15), date(2035, 6, 15)
_SOMEWHERE = (-2.2, 113.9)


def domain_answers(domain: Domain, conditions: Sequence[str]) -> Iterator[Answer]:
    """Yield answers, the likeliest first, by what conditions compare them with.

    What a constraint does not allow may be among them, for only the engine knows that.
    """
    sources = " ".join(conditions)
    match domain:
        case Decimals():
            found: Iterable[Answer] = _decimals(domain, _written(sources))
        case Scale():
            found = _on_scale(domain, _written(sources))
        case Days():
            found = (day.isoformat() for day in _days(domain, sources))
        case Clock():
            found = (moment.isoformat("minutes") for moment in _times(domain, sources))
        case Places():
            found = (stored(_SOMEWHERE, domain.places),)
        case _:
            raise TypeError(type(domain).__name__)
    yield from (answer for answer in dict.fromkeys(found) if domain.holds(answer))


def _written(sources: str) -> list[Decimal]:
    """Return the numbers that conditions speak of, with either sign."""
    found = [Decimal(text) for text in re.findall(r"\d{1,9}(?:\.\d{1,6})?", sources)]
    return [*found, *(-one for one in found if one)] if "-" in sources else found


def _decimals(domain: Decimals, written: Sequence[Decimal]) -> Iterator[float]:
    """Yield numbers on, between and beside these and the limits, from the middle outwards."""
    ends = [one for one in (domain.least, domain.most) if one is not None]
    known = sorted({*ends, *written}) or [Decimal(0)]
    among = [(low + high) / 2 for low, high in pairwise(known)]
    every = sorted({known[0] - 1, *known, *among, known[-1] + 1})
    for value in sorted(every, key=lambda one: abs(every.index(one) * 2 - len(every) + 1)):
        yield float(value if domain.places is None else round(value, domain.places))


def _on_scale(scale: Scale, limits: Sequence[Decimal]) -> Iterator[int | float]:
    values = scale.values
    wanted = {0, len(values) // 2, len(values) - 1}
    for limit in limits:
        place = int((limit - scale.start) / scale.step)
        wanted |= {one for one in range(place - 1, place + 3) if 0 <= one < len(values)}
    for place in sorted(wanted, key=lambda one: abs(one - len(values) // 2)):
        yield values[place]


def _days(days: Days, sources: str) -> list[date]:
    named = [_day(text) for text in re.findall(r"\d{4}-\d{2}-\d{2}", sources)]
    limits = [one for one in (days.least, days.most, *named) if one is not None]
    near = {limit + timedelta(days=step) for limit in limits for step in (-1, 0, 1)}
    return sorted(near | {_LONG_AGO, _FAR_AHEAD})


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
