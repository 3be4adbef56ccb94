"""Times of day as people write them: "14.30", "jam 2 siang", "2 pm", "setengah tiga sore".

A time is certain or asked for again: "jam 2" is deep in the night or in the afternoon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time

from bot.flow.answers.numerals import decimal_digits, number_in_words

# What hours (as said, 1 to 12) are called; the value is the hour of the day.
_MORNING = {12: 0, **{hour: hour for hour in range(1, 12)}}
_AFTERNOON = {12: 12, **{hour: hour + 12 for hour in range(1, 12)}}


def _some(hours: Mapping[int, int], *wanted: int) -> Mapping[int, int]:
    return {hour: hours[hour] for hour in wanted}


_PARTS: Mapping[str, Mapping[int, int]] = {
    word: hours
    for words, hours in (
        ("subuh shubuh", _some(_MORNING, 3, 4, 5, 6)),
        ("dini", _some(_MORNING, 12, 1, 2, 3, 4)),  # dini hari
        ("pagi morning", _some(_MORNING, *range(1, 12))),
        ("siang", {10: 10, 11: 11, **_some(_AFTERNOON, 12, 1, 2, 3, 4)}),
        ("sore petang", _some(_AFTERNOON, *range(2, 8))),
        ("afternoon", _some(_AFTERNOON, 12, *range(1, 7))),
        ("evening", _some(_AFTERNOON, *range(5, 12))),
        ("malam malem mlm", {**_some(_AFTERNOON, *range(6, 12)), **_some(_MORNING, 12, 1, 2, 3)}),
        ("night", {**_some(_AFTERNOON, *range(8, 12)), **_some(_MORNING, 12)}),
        ("am", _MORNING),
        ("pm", _AFTERNOON),
    )
    for word in words.split()
}
_NAMED: Mapping[str, time] = {
    "tengah malam": time(0),
    "midnight": time(0),
    "tengah hari": time(12),
    "noon": time(12),
    "midday": time(12),
}
_FILLERS = frozenset(
    word
    for words in (
        "jam pukul pkl jm di pada hari wib wita wit tepat",
        "oclock at the in pak bu ya",
    )
    for word in words.split()
)
_COMPARED = frozenset("<>≤≥±")  # "before" and "after" are no time of day
_FIGURES = re.compile(r"(\d{1,2})(?:[.:](\d{2}))?(am|pm)?")
_PAST = re.compile(r"(?:lewat|lebih|past)")
_TO = re.compile(r"(?:kurang)")


def read_times(text: str) -> tuple[time, ...]:
    """Return every time of day that a text can mean, earliest first; whole minutes."""
    if len(text) > 80 or not _COMPARED.isdisjoint(text):
        return ()
    words = decimal_digits(text).casefold().replace("'", "").replace("’", "")
    words = re.sub(r"\b([ap])\.m\b\.?", r"\1m", words)
    words = re.sub(r"[^\w\s.:]|_", " ", words)
    words = re.sub(r"(?<=\d)\s*([.:])\s*(?=\d)", r"\1", words)
    tokens = [token.strip(".:") for token in words.split()]
    named = _NAMED.get(" ".join(token for token in tokens if token not in {"jam", "pukul", "at"}))
    if named is not None:
        return (named,)
    parts = [_PARTS[token] for token in tokens if token in _PARTS]
    rest = [token for token in tokens if token and token not in _FILLERS and token not in _PARTS]
    if len(parts) > 1 or not rest:
        return ()
    said = _said(rest)
    if said is None:
        return ()
    hour, minute, certain, part = said
    return _of_day(hour, minute, certain, part or next(iter(parts), None))


_Said = tuple[int, int, bool, Mapping[int, int] | None]
"""Hour and minute as said, whether that is a time of 24 hours for sure, and the part of the day."""


def _said(tokens: list[str]) -> _Said | None:
    if len(tokens) == 1 and re.fullmatch(r"[0-9]{4}", tokens[0]):
        return int(tokens[0][:2]), int(tokens[0][2:]), True, None
    if len(tokens) == 2 and re.fullmatch(r"[0-9]{1,2} [0-9]{2}", " ".join(tokens)):
        return int(tokens[0]), int(tokens[1]), len(tokens[0]) == 2, None
    for place, token in enumerate(tokens[1:-1], start=1):
        if _PAST.fullmatch(token) or _TO.fullmatch(token):
            return _beside(tokens[:place], tokens[place + 1 :], before=bool(_TO.fullmatch(token)))
    if tokens[0] == "setengah" and len(tokens) > 1:
        hour = _number(tokens[1:])
        return None if hour is None or not 1 <= hour <= 12 else (hour - 1 or 12, 30, False, None)
    if len(tokens) == 1 and (match := _FIGURES.fullmatch(tokens[0])):
        hour, minute = int(match[1]), int(match[2] or 0)
        certain = match[2] is not None and len(match[1]) == 2 and not match[3]
        return hour, minute, certain, _PARTS.get(match[3] or "")
    hour = _number(tokens)
    return None if hour is None else (hour, 0, False, None)


def _beside(hours: list[str], minutes: list[str], *, before: bool) -> _Said | None:
    """Read "3 lewat 10" and "3 kurang seperempat"."""
    hour = _number(hours)
    minutes = [token for token in minutes if token not in {"menit", "minutes", "minute"}]
    minute = 15 if minutes == ["seperempat"] else _number(minutes)
    if hour is None or minute is None or not (0 < minute < 60 and 0 <= hour < 24):
        return None
    if not before:
        return hour, minute, False, None
    return (hour - 1) % 24 or 12 if hour <= 12 else hour - 1, 60 - minute, False, None


def _number(tokens: list[str]) -> int | None:
    text = " ".join(tokens)
    value = int(text) if re.fullmatch(r"[0-9]{1,2}", text) else number_in_words(text)
    return value if value is not None and 0 <= value <= 24 * 60 else None


def _of_day(
    hour: int, minute: int, certain: bool, part: Mapping[int, int] | None
) -> tuple[time, ...]:
    if hour > 23 or minute > 59:
        return ()
    if part is not None:
        if hour in part:
            return (time(part[hour], minute),)
        fits = hour in part.values() and (hour > 12 or certain)
        return (time(hour, minute),) if fits else ()
    if certain or hour > 12 or hour == 0:
        return (time(hour, minute),)
    return (time(hour % 12, minute), time(hour % 12 + 12, minute))
