"""From the shape of a question to its domain: numbers, days, times and places, and their limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bot.flow.domains import NEEDED, Clock, Days, Decimals, Domain, Places, Scale
from bot.flow.schema import (
    AskedPart,
    DatePart,
    DecimalPart,
    GeopointPart,
    IntegerPart,
    MessagesFile,
    RangePart,
    TimePart,
)
from bot.flow.source import Problem, Source
from bot.flow.survey import Question

LIMITED = (IntegerPart, DecimalPart, RangePart, DatePart, TimePart)
"""Questions with limits of their own, so that `constraint_message` makes sense without more."""

MOST_STEPS = 1000


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
            return Clock(part.min, part.max)
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


def lacking_words(
    sources: Mapping[str, Source], questions: Iterable[Question], messages: MessagesFile
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
            yield sources[question.file].problem((*question.path, "type"), what, fix)
