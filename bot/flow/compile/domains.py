"""From the shape of a question to its domain: numbers, days, times and places, and their limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time

from bot.flow.answers.domains import NEEDED, Days, Decimals, Domain, Places, Scale, TimesOfDay
from bot.flow.question import Question
from bot.flow.schema.flow_file import (
    AskedPart,
    DatePart,
    DecimalPart,
    GeopointPart,
    IntegerPart,
    RangePart,
    TimePart,
)
from bot.flow.schema.messages_file import MessagesFile
from bot.flow.source import Problem, Source

LIMITED = (IntegerPart, DecimalPart, RangePart, DatePart, TimePart)
"""Questions with limits of their own, so that `constraint_message` makes sense without more."""

MOST_STEPS = 1000

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def domain_of(part: AskedPart) -> Domain | None:
    """Return what can be the answer to a question; None where choices or words say it."""
    match part:
        case DecimalPart():
            return Decimals(part.min, part.max, part.places)
        case RangePart():
            return Scale(part.start, part.end, part.step)
        case DatePart():
            return Days(part.min, part.max)
        case TimePart():
            return TimesOfDay(part.min, part.max)
        case GeopointPart():
            return Places(part.places)
    return None


def wrong_limits(part: AskedPart) -> Iterator[tuple[str, str, str]]:
    """Yield the key, the fault and the remedy of limits that leave nothing to answer."""
    if isinstance(part, DecimalPart | DatePart | TimePart):
        least, most = part.min, part.max
        if least is not None and most is not None and most < least:  # type: ignore[operator]
            yield "max", f"{most} is below the least, {least}", "swap them"
    if isinstance(part, RangePart):
        if part.end <= part.start:
            yield "end", f"{part.end} is not above the start, {part.start}", "swap them"
        elif (part.end - part.start) % part.step:
            what = f"steps of {part.step} from {part.start} do not reach {part.end}"
            yield "step" if "step" in part.model_fields_set else "end", what, "change one of them"
        elif (part.end - part.start) / part.step > MOST_STEPS:
            yield "end", f"more than {MOST_STEPS} steps", "make it `decimal`, with `min` and `max`"


def wrong_days(condition: str) -> Iterator[tuple[str, str]]:
    """Yield the fault and the remedy of days and times that a condition compares in vain.

    They are compared as they stand, so only the stored form will do: '2025-07-01', '07:30'.
    """
    bare = _QUOTED.sub(" ", condition)
    for text in re.findall(r"\b\d{4}-\d{1,2}-\d{1,2}\b", bare):
        yield f"{text} is a subtraction", f"write the day in quotes: '{text}'"
    for text in (quoted[1:-1] for quoted in _QUOTED.findall(condition)):
        if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", text) and not _is(date, text):
            yield f"'{text}' is no day", "write year, month and day as '2025-07-01'"
        if re.fullmatch(r"\d{1,2}[:.]\d{2}", text) and not _is(time, text):
            yield f"'{text}' is no time of day", "write hours and minutes as '07:30'"


def _is(kind: type[date] | type[time], text: str) -> bool:
    try:
        return kind.fromisoformat(text).isoformat().startswith(text)
    except ValueError:
        return False


def lacking_words(
    questions: Sequence[Question], sources: Mapping[str, Source], messages: MessagesFile
) -> Iterator[Problem]:
    """Find the types of questions that need messages which the survey does not have."""
    told: set[str] = set()
    for question in questions:
        needed = NEEDED.get(question.type, ())
        lacking = [name for name in needed if getattr(messages.messages, name) is None]
        if lacking and question.type not in told:
            told.add(question.type)
            names = ", ".join(f"`{name}`" for name in lacking)
            what = f"a question of type `{question.type}` needs words that messages.yaml lacks"
            fix = f"add {names} under `messages:`, as flows/integritas/messages.yaml has them"
            path = (*question.path, "type")
            yield sources[question.file].problem(path, what, fix, rule="missing-key")
