"""Days as people write them: "26/7/2025", "26 Juli 2025", "kemarin", "senin lalu".

Indonesian and English are always understood, and the months' names of the language that is spoken.
A day is certain or asked for again: all days that a text can mean are returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from rapidfuzz.distance import Indel

from bot.flow.answers.numerals import decimal_digits, number_in_words
from bot.flow.answers.reading import CLOSE

FIRST_YEAR, LAST_YEAR = 1900, 2100
# Two figures are a year of this window: who writes 40 may mean 1940 or 2040, and is asked.
YEARS_BACK, YEARS_AHEAD = 70, 5

_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "januari january jan januwari",
            "februari february feb pebruari peb febuari",
            "maret march mar mrt",
            "april apr",
            "mei may",
            "juni june jun",
            "juli july jul",
            "agustus august agu agt ags agst agus aug",
            "september sep sept spt",
            "oktober october okt oct",
            "november nov nopember nop",
            "desember december des dec",
        ),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "senin sen monday mon",
            "selasa sel tuesday tue",
            "rabu rab rebo wednesday wed",
            "kamis kam thursday thu",
            "jumat jum friday fri",
            "sabtu sab saturday sat",
            "ahad sunday sun",
        )
    )
    for name in names.split()
}
# "Minggu" is a week too: it is Sunday only behind "hari" or before a date.
_SUNDAY = 6

# What may stand in a date without changing it.
_FILLERS = frozenset(
    word
    for words in (
        "tanggal tgl tg tgglnya tanggalnya pada di hari bulan bln tahun thn th",
        "the of on st nd rd pak bu bapak ibu kak min ya itu lah saja aja sih",
    )
    for word in words.split()
)
_COMPARED = frozenset("<>≤≥±")  # "before" and "after" are no day
_DAYS: Mapping[str, tuple[int, ...]] = {
    phrase: days
    for days, phrases in (
        ((0,), "hari ini|hr ini|today|tadi|tadi pagi|tadi siang|tadi sore|this morning"),
        ((-1,), "kemarin|kemaren|kemarén|kmrn|kmren|kmarin|kmaren|kemrin|yesterday"),
        ((-1,), "kemarin pagi|kemarin siang|kemarin sore|kemarin malam"),
        ((-2,), "kemarin lusa|kemaren lusa|kmrn lusa|kemarin dulu|kemaren dulu"),
        ((-2,), "day before yesterday|the day before yesterday"),
        ((1,), "besok|bsk|besuk|esok|esok hari|besok pagi|besok siang|besok sore|besok malam"),
        ((1,), "tomorrow"),
        ((2,), "lusa|besok lusa|day after tomorrow|the day after tomorrow"),
        ((-1, 0), "semalam|tadi malam|last night"),
    )
    for phrase in phrases.split("|")
}
_AGO = re.compile(r"(\w+(?: \w+)?) (?:hari|hr|days?) (?:(?:yang |yg )?(?:lalu|lewat)|ago)")
_AHEAD = re.compile(r"(\w+(?: \w+)?) (?:hari|hr) lagi|in (\w+) days?")
_SPAN = re.compile(
    r"(?:(?:se|\w+ )?(?:minggu|pekan|bulan|bln|tahun|thn|weeks?|months?|years?)"
    r"(?: (?:yang |yg )?(?:lalu|kemarin|kemaren|ini|depan|lagi|ago))?"
    r"|(?:last|this|next) (?:week|month|year))"
)
_WEEKDAY = re.compile(
    r"(last |this |next |on )?(?:hari )?(\w+)"
    r"(?: (?:yang |yg )?(lalu|kemarin|kemaren|ini|depan|minggu lalu|minggu ini|minggu depan))?"
)
_ISO = re.compile(r"(\d{4})([-/. ])(\d{1,2})\2(\d{1,2})")
_FIGURES = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})")
_NO_YEAR = re.compile(r"(\d{1,2})/(\d{1,2})")
_WORDS = re.compile(r"[^\W\d_]+|\d+")


@dataclass(frozen=True, slots=True)
class DayReading:
    """What a text says of a day: all days that it can mean; `span` if it names a longer time."""

    days: tuple[date, ...] = ()
    span: bool = False


_NONE = DayReading()
_A_SPAN = DayReading(span=True)


def read_days(text: str, today: date, language: str) -> DayReading:
    """Return every day that a text can mean, earliest first.

    "3/4/2025" is the third of April, but in English may be the fourth of March too.
    """
    words = _tidy(text)
    if not words:
        return _NONE
    for reading in (_on_weekday(words, today), _relative(words, today)):
        if reading is not None:
            return reading
    weekday, rest = _weekday_before(words)
    found = _dated(rest, today, language)
    kept = sorted({day for day in found.days if weekday in (None, day.weekday())})
    return DayReading(tuple(kept), found.span)


def _tidy(text: str) -> str:
    """Return a text in small letters without what only decorates it; "" for a long one."""
    if len(text) > 80 or not _COMPARED.isdisjoint(text):
        return ""
    words = decimal_digits(text).casefold().replace("'", "").replace("’", "")
    words = re.sub(r"[^\w\s./-]|_", " ", words)
    words = re.sub(r"\s*([-/.])\s*", r"\1", words)
    return " ".join(words.split()).strip(" .-/")


def _relative(words: str, today: date) -> DayReading | None:
    offsets = _DAYS.get(words)
    if offsets is not None:
        return _around(today, offsets)
    for pattern, sign in ((_AGO, -1), (_AHEAD, 1)):
        if match := pattern.fullmatch(words):
            count = _count(match[match.lastindex or 1])
            return _NONE if count is None else _around(today, (sign * count,))
    return _A_SPAN if _SPAN.fullmatch(words) else None


def _count(word: str) -> int | None:
    value = int(word) if re.fullmatch(r"[0-9]{1,3}", word) else number_in_words(word)
    return value if value is not None and 0 <= value <= 999 else None


def _around(today: date, offsets: Iterable[int]) -> DayReading:
    return DayReading(tuple(today + timedelta(days=offset) for offset in offsets))


def _on_weekday(words: str, today: date) -> DayReading | None:
    """Read "senin", "hari minggu", "senin lalu", "last monday"."""
    match = _WEEKDAY.fullmatch(words)
    if match is None:
        return None
    weekday = _weekday(match[2], named=words.startswith("hari "))
    if weekday is None:
        return None
    ahead = (weekday - today.weekday()) % 7
    here = weekday - today.weekday()  # in the week that began on Monday
    match (match[3] or match[1] or "").strip():
        case "minggu lalu":
            return _around(today, (here - 7,))
        case "minggu ini" | "ini" | "this":
            return _around(today, (here,))
        case "minggu depan":
            return _around(today, (here + 7,))
        case "lalu" | "kemarin" | "kemaren" | "last":
            # The one before today, which is perhaps not yet "last" while its week lasts.
            return _around(today, sorted({(ahead or 7) - 7 - 7 * (ahead == 0), here - 7}))
        case "depan" | "next":
            return _around(today, sorted({ahead or 7, here + 7}))
        case _:
            return _around(today, (ahead - 7, ahead) if ahead else (-7, 0, 7))


def _weekday(word: str, *, named: bool) -> int | None:
    return _SUNDAY if named and word == "minggu" else _WEEKDAYS.get(word)


def _weekday_before(words: str) -> tuple[int | None, str]:
    """Part "sabtu 26 juli 2025" into the day of the week and the date."""
    rest = words.removeprefix("hari ")
    first, _, others = rest.partition(" ")
    weekday = _weekday(first, named=True)
    return (weekday, others) if weekday is not None and others else (None, words)


def _dated(words: str, today: date, language: str) -> DayReading:
    tokens = [word for word in words.split() if word not in _FILLERS]
    figures = " ".join(tokens)
    if match := _ISO.fullmatch(figures):
        return DayReading(tuple(_day(match[1], match[3], match[4], today)))
    if match := _FIGURES.fullmatch(figures):
        return DayReading(tuple(_either(match[1], match[3], match[4], today, language)))
    if match := _NO_YEAR.fullmatch(figures):
        return DayReading(tuple(_either(match[1], match[2], None, today, language)))
    if re.fullmatch(r"[0-9]{8}", figures):
        return DayReading(
            (
                *_day(figures[4:], figures[2:4], figures[:2], today),
                *_day(figures[:4], figures[4:6], figures[6:], today),
            )
        )
    return _with_month(figures, today, language)


def _with_month(words: str, today: date, language: str) -> DayReading:
    """Read "26 juli 2025", "juli 26 2025", "26 juli" and, as no day, "juli 2025" and "2025"."""
    parts = [part for part in _WORDS.findall(words) if part not in _FILLERS]
    shape = "".join("9" if part.isdecimal() else "m" for part in parts)
    months = {part: _month(part, language) for part in parts if not part.isdecimal()}
    if None in months.values() or not re.fullmatch(r"[\w\s./-]*", words):
        return _NONE
    month = str(next(iter(months.values()), ""))
    match shape:
        case "9m9" if len(parts[0]) == 4:
            return DayReading(tuple(_day(parts[0], month, parts[2], today)))
        case "9m9":
            return DayReading(tuple(_day(parts[2], month, parts[0], today)))
        case "m99":
            return DayReading(tuple(_day(parts[2], month, parts[1], today)))
        case "9m" if len(parts[0]) < 3:
            return DayReading(tuple(_day(None, month, parts[0], today)))
        case "m" | "m9":
            return _A_SPAN
        case "9" if len(parts[0]) == 4 and FIRST_YEAR <= int(parts[0]) <= LAST_YEAR:
            return _A_SPAN
    return _NONE


def _either(
    first: str, second: str, year: str | None, today: date, language: str
) -> Iterator[date]:
    """Yield the day that figures mean: the day comes first, in English perhaps the month."""
    yield from _day(year, second, first, today)
    if language == "en" and first != second:
        yield from _day(year, first, second, today)


def _day(year: str | None, month: str, day: str, today: date) -> Iterator[date]:
    years = _near(today, int(month), int(day)) if year is None else _years(year, today)
    for one in years:
        if FIRST_YEAR <= one <= LAST_YEAR and (found := _valid(one, int(month), int(day))):
            yield found


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _years(text: str, today: date) -> tuple[int, ...]:
    if len(text) == 4:
        return (int(text),)
    if len(text) != 2:
        return ()
    both = [century + int(text) for century in (FIRST_YEAR, FIRST_YEAR + 100)]
    near = [one for one in both if today.year - YEARS_BACK <= one <= today.year + YEARS_AHEAD]
    return tuple(near or both)


def _near(today: date, month: int, day: int) -> tuple[int, ...]:
    """Return the years of the last such day, today perhaps, and of the next one."""
    years = range(today.year - 8, today.year + 9)  # a 29 February is never further away
    days = [found for year in years if (found := _valid(year, month, day))]
    past = [one for one in days if one <= today]
    ahead = [one for one in days if one > today]
    return tuple(one.year for one in (*past[-1:], *ahead[:1]))


def _month(word: str, language: str) -> int | None:
    names = _month_names(language)
    if word in names or len(word) < 3:
        return names.get(word)
    begun = {number for name, number in names.items() if name.startswith(word)}
    # A misspelling counts only where it can mean one month alone, and never for the short ones.
    like = begun or {
        number
        for name, number in names.items()
        if len(word) > 4 and Indel.normalized_similarity(word, name) >= CLOSE
    }
    return like.pop() if len(like) == 1 else None


@lru_cache(maxsize=64)
def _month_names(language: str) -> Mapping[str, int]:
    names: dict[str, int] = {}
    for width in ("wide", "abbreviated"):
        for number, name in locale_of(language).months["format"][width].items():
            names.setdefault(name.casefold().strip("."), number)
    return {**names, **_MONTHS}


def locale_of(language: str) -> Locale:
    """Return the language's calendar; one without borrows Indonesian's."""
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return Locale.parse("id")


@lru_cache(maxsize=256)
def day_in_words(day: date, language: str) -> str:
    """Return a day as "31 Januari 2027"; a language without a calendar borrows Indonesian's."""
    return format_date(day, "d MMMM y", locale=locale_of(language))
