"""The answers that a question can have, as far as conditions can tell them apart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import combinations, pairwise, permutations
from math import ceil, comb, floor, perm
from typing import Any

from bot.flow.answers.domains import Days, Decimals, Domain, Scale, TimesOfDay
from bot.flow.lint.uses import Uses
from bot.flow.question import Question
from bot.flow.state import Answer

AT_MOST = 2_000
"""So many answers of one question are looked at; of more, nothing is said."""

_OTHER = "\u2026"  # some other words than those that a condition names


def domain(question: Question, uses: Uses) -> tuple[Answer | None, ...] | None:
    """Return answers of which one stands for each that conditions can tell apart.

    What a condition names comes first; None among them is "left out". None alone: there are too
    many, or conditions read them in a way that is not looked into.
    """
    found: list[Answer] | None
    match question.type:
        case "select_one":
            found = [choice.name for choice in (*question.choices, *question.na)]
        case "select_multiple":
            found = _sets(question, uses)
        case "integer":
            found = _integers(question, uses)
        case "text" | "geopoint":
            found = _words(uses)
        case "rank":
            found = _orders(question)
        case "image" | "audio" | "file":
            found = [] if uses.otherwise or uses.members or uses.ordered else [_OTHER]
        case _:
            found = _of(question.domain, uses)
    if found is None or len(found) > AT_MOST:
        return None
    named = [*uses.compared, *uses.members]
    found.sort(key=lambda answer: not _is_named(answer, named))
    # Where a filter leaves no choice, nothing is asked; a file may turn out to be none.
    skipped = not question.required or question.choice_filter is not None or question.takes_file
    return (*found, *((None,) if skipped else ()))


def _is_named(answer: Answer, named: list[Any]) -> bool:
    if isinstance(answer, tuple):
        return all(name in answer for name in named)
    return answer in named


def _sets(question: Question, uses: Uses) -> list[Answer] | None:
    """Return sets of choices. Where only single ones are looked for, the others are all alike."""
    names = [choice.name for choice in question.choices]
    # A filter may leave fewer choices than are wanted: then fewer do.
    least = 1 if question.choice_filter is not None else question.least or 1
    most = question.most or len(names)
    looked_at = not uses.otherwise and not uses.compared
    free = [name for name in names if name not in uses.members] if looked_at else []
    told = [name for name in names if name not in free]
    if sum(comb(len(told), size) for size in range(min(most, len(told)) + 1)) > AT_MOST:
        return None
    order = {name: place for place, name in enumerate(names)}
    found: list[Answer] = []
    for size in range(min(most, len(told)) + 1):
        fill = max(least - size, 0) or (1 if size == 0 else 0)
        if fill > len(free) or size + fill > most:
            continue
        for some in combinations(told, size):
            found.append(tuple(sorted((*some, *free[:fill]), key=order.__getitem__)))
    return [*found, *((choice.name,) for choice in question.na)]


def _integers(question: Question, uses: Uses) -> list[Answer] | None:
    """Return whole numbers on and around each limit, or all where arithmetic is done with them."""
    least, most = question.least, question.most
    if uses.otherwise or uses.members:
        if least is None or most is None or most - least >= AT_MOST:
            return None
        return list(range(least, most + 1))
    limits = [0, *(one for one in uses.compared if isinstance(one, int | float))]
    limits += [one for one in (least, most) if one is not None]
    near = {
        whole + step for limit in limits for whole in (floor(limit), ceil(limit))
        for step in (-1, 0, 1)
    }  # fmt: skip
    return [
        number
        for number in sorted(near)
        if (least is None or number >= least) and (most is None or number <= most)
    ]


def _orders(question: Question) -> list[Answer] | None:
    """Return all orders of choices, where there are few and all are offered."""
    names = [choice.name for choice in question.choices]
    count = question.least or len(names)
    if question.choice_filter is not None or perm(len(names), count) > AT_MOST:
        return None
    return [*permutations(names, count), *((choice.name,) for choice in question.na)]


def _of(domain: Domain | None, uses: Uses) -> list[Answer] | None:
    """Return numbers, days and times on, between and around what they are compared with."""
    plain = not uses.otherwise and not uses.members
    match domain:
        case Scale() if len(domain.values) <= AT_MOST:
            return [*domain.values]
        case Decimals() if plain:
            limits = [Decimal(str(one)) for one in uses.compared if isinstance(one, int | float)]
            every = _around([Decimal(0), *limits, domain.least, domain.most], Decimal(1))
            between = [(low + high) / 2 for low, high in pairwise(every)]
            return [float(one) for one in sorted({*every, *between}) if _inside(domain, one)]
        case Days() if plain:
            days = [_read(date, one) for one in uses.compared]
            if None in days:
                return None
            near = _around([*days, _SOME_DAY, domain.least, domain.most], timedelta(days=1))
            return [one.isoformat() for one in near if domain.holds(one.isoformat())]
        case TimesOfDay() if plain:
            times = [_read(time, one) for one in uses.compared]
            if None in times:
                return None
            minutes = [
                Decimal(one.hour * 60 + one.minute)
                for one in (*times, time(12), domain.least, domain.most)
                if one is not None
            ]
            near_minutes = [int(one) for one in _around(minutes, Decimal(1)) if 0 <= one < 24 * 60]
            clocks = [f"{one // 60:02}:{one % 60:02}" for one in near_minutes]
            return [one for one in clocks if domain.holds(one)]
    return None


_SOME_DAY = date(2026, 6, 15)


def _around(limits: Iterable[Any], step: Any) -> list[Any]:
    """Return these and what lies a step before and after each, in order."""
    known = {one for one in limits if one is not None}
    return sorted({near for one in known for near in (one - step, one, one + step)})


def _inside(domain: Decimals, value: Decimal) -> bool:
    low = domain.least is None or value >= domain.least
    return low and (domain.most is None or value <= domain.most)


def _read(kind: type[date] | type[time], text: Any) -> Any:
    """Return a day or time in its stored form; None for another text."""
    try:
        found = kind.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.isoformat().startswith(text) else None


def _words(uses: Uses) -> list[Answer] | None:
    if uses.otherwise or uses.members or uses.ordered:
        return None
    return [*dict.fromkeys(one for one in uses.compared if isinstance(one, str) and one), _OTHER]
