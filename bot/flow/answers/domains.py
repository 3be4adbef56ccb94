"""What can be the answer to a question for a number with decimals, a day, a time or a place.

A domain knows its limits, reads what people write, and says an answer in words. What a text can
mean in several ways is no answer: the readings within the limits are named, and asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

from bot.flow.answers import numbers
from bot.flow.answers.dates import day_in_words, read_days
from bot.flow.answers.places import MAX_PLACES, Coordinates, coordinates, read_place, stored
from bot.flow.answers.reading import LEFT_OUT, Reading, Trouble, is_skip
from bot.flow.answers.times import read_times
from bot.flow.state import Answer
from bot.flow.turn import Context

NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "decimal": ("decimal_how", "number_unsure", "number_places"),
        "range": ("range_how", "number_unsure", "off_scale"),
        "date": (
            *("question_footer_typed", "date_how", "not_a_date", "date_unsure", "date_day"),
            "out_of_span",
        ),
        "time": ("question_footer_typed", "time_how", "not_a_time", "time_unsure", "out_of_span"),
        "rank": ("rank_how", "rank_wrong"),
        "geopoint": ("question_footer_typed", "geopoint_how", "not_a_place"),
    }
)
"""The messages without which a type of question cannot be asked, by type."""

OUTSIDE: frozenset[Trouble] = frozenset({"out_of_range", "off_scale", "out_of_span"})
"""Troubles with an answer that is read, but not within the limits."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When and in which language something is typed; `today` is the day at the person's place."""

    today: date
    language: str

    @classmethod
    def of(cls, context: Context, language: str) -> Moment:
        """Return the moment in which somebody wrote what this step is about."""
        when = context.wrote_at or context.now
        return cls(when.astimezone(context.zone).date(), language)


class Domain(Protocol):
    """All possible answers to a question. `refused` is what a failed constraint is called."""

    @property
    def refused(self) -> Trouble: ...

    def read(self, text: str, required: bool, moment: Moment) -> Reading:
        """Read what a person typed."""
        ...

    def holds(self, answer: Answer) -> bool:
        """Whether this can be an answer."""
        ...

    def shown(self, answer: Answer, language: str) -> str:
        """Return an answer in words, for a text that repeats it."""
        ...

    def typed(self, answer: Answer, language: str) -> str:
        """Return an answer as it can be typed, so that it means nothing else."""
        ...

    def limits(self, language: str) -> str:
        """Return the first and last possible answer, as "0–10"; "" without limits."""
        ...


def within(least: str, most: str, language: str) -> str:
    """Return two limits as "0–10", one of them as "min. 0", "" where there is none."""
    if least and most:
        return f"{least}–{most}" if " " not in least else f"{least} – {most}"
    if most:
        return f"{'max' if language == 'en' else 'maks'}. {most}"
    return f"min. {least}" if least else ""


def _left_out(text: str, required: bool) -> Reading | None:
    if not is_skip(text):
        return None
    return Reading(trouble="required") if required else LEFT_OUT


@dataclass(frozen=True, slots=True)
class Decimals:
    """Numbers with decimals, `places` of them at most; stored as a float."""

    least: Decimal | None = None
    most: Decimal | None = None
    places: int | None = None

    @property
    def refused(self) -> Trouble:
        return "out_of_range"

    def read(self, text: str, required: bool, moment: Moment) -> Reading:
        zero = self.least is not None and self._inside(Decimal(0))
        if not required and not zero and is_skip(text):
            return LEFT_OUT
        found = numbers.read_numbers(text)
        if not required and self.least is None and found == (Decimal(0),):
            return LEFT_OUT
        if not found:
            return Reading(trouble="not_a_number")
        if len(found) > 1 and self.places is not None:
            found = tuple(one for one in found if numbers.places_of(one) <= (self.places or 0))
        inside = [one for one in found if self._inside(one)]
        if not inside:
            return Reading(trouble="out_of_range")
        if len(inside) > 1:
            return Reading(trouble="number_unsure", readings=tuple(map(float, inside)))
        answer = float(inside[0])
        return Reading(answer) if self._is_short(answer) else Reading(trouble="number_places")

    def holds(self, answer: Answer) -> bool:
        if not isinstance(answer, float):
            return False
        return self._inside(numbers.exact(answer)) and self._is_short(answer)

    def shown(self, answer: Answer, language: str) -> str:
        return numbers.shown(answer, language) if isinstance(answer, int | float) else str(answer)

    def typed(self, answer: Answer, language: str) -> str:
        return numbers.typed(answer, language) if isinstance(answer, int | float) else str(answer)

    def limits(self, language: str) -> str:
        ends = (self.least, self.most)
        least, most = ("" if one is None else numbers.shown(one, language) for one in ends)
        return within(least, most, language)

    def _inside(self, value: Decimal) -> bool:
        low = self.least is None or value >= self.least
        return low and (self.most is None or value <= self.most)

    def _is_short(self, answer: float) -> bool:
        return self.places is None or numbers.places_of(numbers.exact(answer)) <= self.places


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from `start` to `end`, each a `step` above the one before."""

    start: Decimal
    end: Decimal
    step: Decimal

    @property
    def refused(self) -> Trouble:
        return "out_of_range"

    def read(self, text: str, required: bool, moment: Moment) -> Reading:
        if not required and is_skip(text) and not self._has(Decimal(0)):
            return LEFT_OUT
        found = numbers.read_numbers(text)
        if not found:
            return Reading(trouble="not_a_number")
        on_scale = tuple(self._stored(one) for one in found if self._has(one))
        if not on_scale:
            return Reading(trouble="off_scale")
        if len(on_scale) > 1:
            return Reading(trouble="number_unsure", readings=on_scale)
        return Reading(on_scale[0])

    def holds(self, answer: Answer) -> bool:
        return isinstance(answer, int | float) and self._has(numbers.exact(answer))

    def shown(self, answer: Answer, language: str) -> str:
        return numbers.shown(answer, language) if isinstance(answer, int | float) else str(answer)

    def typed(self, answer: Answer, language: str) -> str:
        return numbers.typed(answer, language) if isinstance(answer, int | float) else str(answer)

    def limits(self, language: str) -> str:
        first, last = numbers.shown(self.start, language), numbers.shown(self.end, language)
        if self.step == 1:
            return f"{first}–{last}"
        return f"{first}; {numbers.shown(self.start + self.step, language)}; …; {last}"

    @property
    def values(self) -> tuple[int | float, ...]:
        """All numbers of the scale."""
        count = int((self.end - self.start) / self.step)
        return tuple(self._stored(self.start + self.step * place) for place in range(count + 1))

    def _has(self, value: Decimal) -> bool:
        return self.start <= value <= self.end and (value - self.start) % self.step == 0

    def _stored(self, value: Decimal) -> int | float:
        whole = self.start == int(self.start) and self.step == int(self.step)
        return int(value) if whole else float(value)


@dataclass(frozen=True, slots=True)
class Days:
    """Days, stored as "2025-07-26"."""

    least: date | None = None
    most: date | None = None

    @property
    def refused(self) -> Trouble:
        return "out_of_span"

    def read(self, text: str, required: bool, moment: Moment) -> Reading:
        left_out = _left_out(text, required)
        if left_out is not None:
            return left_out
        found = read_days(text, moment.today, moment.language)
        if not found.days:
            return Reading(trouble="date_day" if found.span else "not_a_date")
        inside = tuple(day.isoformat() for day in found.days if self._inside(day))
        if not inside:
            return Reading(trouble="out_of_span")
        return (
            Reading(inside[0]) if len(inside) == 1 else Reading(None, False, "date_unsure", inside)
        )

    def holds(self, answer: Answer) -> bool:
        try:
            return self._inside(date.fromisoformat(str(answer)))
        except ValueError:
            return False

    def shown(self, answer: Answer, language: str) -> str:
        try:
            return day_in_words(date.fromisoformat(str(answer)), language)
        except ValueError:  # an answer to the question as another version asked it
            return str(answer)

    def typed(self, answer: Answer, language: str) -> str:
        return self.shown(answer, language)

    def limits(self, language: str) -> str:
        ends = (self.least, self.most)
        least, most = ("" if one is None else day_in_words(one, language) for one in ends)
        return within(least, most, language)

    def _inside(self, day: date) -> bool:
        return (self.least or date.min) <= day <= (self.most or date.max)


@dataclass(frozen=True, slots=True)
class TimesOfDay:
    """Times of day, stored as "14:30"."""

    least: time | None = None
    most: time | None = None

    @property
    def refused(self) -> Trouble:
        return "out_of_span"

    def read(self, text: str, required: bool, moment: Moment) -> Reading:
        left_out = _left_out(text, required)
        if left_out is not None:
            return left_out
        found = read_times(text)
        if not found:
            return Reading(trouble="not_a_time")
        inside = tuple(f"{one:%H:%M}" for one in found if self._inside(one))
        if not inside:
            return Reading(trouble="out_of_span")
        return (
            Reading(inside[0]) if len(inside) == 1 else Reading(None, False, "time_unsure", inside)
        )

    def holds(self, answer: Answer) -> bool:
        try:
            return self._inside(time.fromisoformat(str(answer)))
        except ValueError:
            return False

    def shown(self, answer: Answer, language: str) -> str:
        return str(answer) if language == "en" else str(answer).replace(":", ".")

    def typed(self, answer: Answer, language: str) -> str:
        return self.shown(answer, language)

    def limits(self, language: str) -> str:
        ends = (self.least, self.most)
        least, most = (
            "" if one is None else self.shown(one.isoformat("minutes"), language) for one in ends
        )
        return within(least, most, language)

    def _inside(self, moment: time) -> bool:
        return (self.least or time.min) <= moment <= (self.most or time.max)


@dataclass(frozen=True, slots=True)
class Places:
    """Places, stored as "latitude longitude" with so many decimals."""

    places: int = MAX_PLACES

    @property
    def refused(self) -> Trouble:
        return "not_a_place"

    def read(self, text: str, required: bool, moment: Moment) -> Reading:
        left_out = _left_out(text, required)
        if left_out is not None:
            return left_out
        return self.taken(read_place(text))

    def taken(self, place: Coordinates | None) -> Reading:
        """Read a location that was sent."""
        if place is None:
            return Reading(trouble="not_a_place")
        return Reading(stored(place, self.places))

    def holds(self, answer: Answer) -> bool:
        parts = str(answer).split()
        return len(parts) == 2 and coordinates(*parts) is not None

    def shown(self, answer: Answer, language: str) -> str:
        return str(answer).replace(" ", ", ")

    def typed(self, answer: Answer, language: str) -> str:
        return self.shown(answer, language)

    def limits(self, language: str) -> str:
        return ""
