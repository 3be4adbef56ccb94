"""What coordinators are told before a survey opens: how ready their lists are, in numbers only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from sqlalchemy import Connection

from bot.flow.expressions import placeholders
from bot.flow.turn import Message
from bot.interview.surveys import Published
from bot.reporting import words
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


Roster = Callable[[Connection, Published], Callable[[frozenset[int] | None], Counts | None] | None]
"""Reads a survey's lists (None once people are invited), and then says how ready those of some
units (None: of all) are; None where they have no list."""


def message(
    published: Published, hierarchy: Hierarchy, unit_id: int | None, counts: Counts
) -> Message | None:
    """Return what a post is told of its lists; None where the survey has no template for it.

    A coordinator has rarely written within a day, and then only a template goes out.
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
    variables = words.one_line(values, placeholders(words.words(survey, FIX)))
    said = words.say(survey, FIX, variables)
    clean = counts.rows == counts.ready + counts.duplicate
    return Message(
        words.say(survey, CLEAN, values) if clean else said,
        language=words.LOCALE,
        buttons=words.buttons(survey, FIX),
        template=FIX,
        variables=variables,
        template_text=said,
    )
