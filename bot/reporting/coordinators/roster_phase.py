"""What coordinators are told while lists are mended: how ready theirs are, in numbers only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from bot.flow.expressions import placeholders
from bot.flow.turn import Message
from bot.interview.surveys import Published
from bot.reporting import words
from bot.reporting.coordinators import asked_words
from bot.reporting.units import Hierarchy

FIX, CLEAN = "roster_fix", "roster_clean"


class Counts(Protocol):
    """Rows of a list, each in one of the classes."""

    @property
    def rows(self) -> int: ...
    @property
    def ready(self) -> int: ...
    @property
    def duplicate(self) -> int: ...
    @property
    def missing(self) -> int: ...
    @property
    def broken(self) -> int: ...
    @property
    def office(self) -> int: ...
    @property
    def unclear(self) -> int: ...


Counted = Callable[[frozenset[int] | None], Counts | None]
Roster = Callable[[Connection, Published], Counted | None]
"""Reads a survey's lists (None once people are invited), and then says how ready those of some
units (None: of all) are; None where they have no list."""


def message(
    published: Published, hierarchy: Hierarchy, unit_id: int | None, counts: Counts
) -> Message | None:
    """Return what a post is told of its lists; None where the survey has no template for it.

    A coordinator has rarely written within a day, and otherwise only a template goes out.
    """
    survey = published.survey
    given = survey.words.coordinator.get(FIX)
    if given is None or not given.template:
        return None
    unit = hierarchy.units.get(unit_id) if unit_id is not None else None
    settings = survey.settings
    numbers = {
        "baris": counts.rows,
        "ok": counts.ready,
        "ganda": counts.duplicate,
        "kosong": counts.missing,
        "rusak": counts.broken + counts.unclear,
        "telp": counts.office,
    }
    values = {
        **settings.texts.get(words.LOCALE, {}),
        "nama_survei": words.title(survey),
        "unit": unit.name if unit else words.title(survey),
        "batas": words.day(settings.opens - timedelta(days=1)),
        **{name: words.number(value) for name, value in numbers.items()},
    }
    if counts.rows == counts.ready + counts.duplicate:
        # Outside the window it is not said at all: the template would ask for mending.
        return Message(words.say(survey, CLEAN, values), language=words.LOCALE)
    variables = words.one_line(values, placeholders(words.words(survey, FIX)))
    said = words.say(survey, FIX, variables)
    return Message(
        said,
        language=words.LOCALE,
        buttons=words.buttons(survey, FIX),
        template=FIX,
        variables=variables,
        template_text=said,
    )


def recap(
    published: Published,
    hierarchy: Hierarchy,
    unit_id: int | None,
    counted: Counted,
    now: datetime,
    *,
    mends: bool,
) -> Message | None:
    """Return the answer to REKAP: how clean the lists of a unit and those below are.

    None where nobody has a list and the survey is open: people come by posters. `mends`: the asker
    may mend them, and hears how.
    """
    survey = published.survey
    counts = counted(None if unit_id is None else hierarchy.within(unit_id))
    unit = hierarchy.units.get(unit_id) if unit_id is not None else None
    whole = survey.settings.texts.get(words.LOCALE, {}).get("instansi", words.title(survey))
    values: dict[str, str | int] = {"instansi": unit.name if unit else whole}
    if counts is None:
        is_open = survey.settings.day(now) >= survey.settings.opens
        if is_open and counted(None) is None:
            return None
        return asked_words.message(asked_words.say(survey, "recap_none", values))
    parts = {
        "kosong": ("recap_empty", counts.missing),
        "telp": ("recap_landline", counts.office),
        "rusak": ("recap_broken", counts.broken),
        "lain": ("recap_other", counts.unclear),
    }
    said = [
        asked_words.say(survey, name, {key: number})
        for key, (name, number) in parts.items()
        if number
    ]
    to_mend = sum(number for _, number in parts.values())
    values |= {
        "baris": counts.rows,
        "siap": counts.ready,
        "ganda": counts.duplicate,
        "perlu": to_mend,
        "rinci": f" ({', '.join(said)})" if said else "",
    }
    following = ("recap_next" if to_mend else "recap_all_well") if mends else ""
    after = asked_words.say(survey, following) if following else ""
    return asked_words.message(asked_words.say(survey, "recap", values), after)
