"""A calendar as a picture: months, and on each day how many messages of which kind go out."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from pathlib import Path

from bot.printing.typeset import Form, typeset

SOURCE = Path(__file__).parent / "calendar.typ"
DETAILED = 10_000  # above it a day's number is shown in thousands


def draw_calendar(
    title: str,
    subtitle: str,
    kinds: Sequence[str],
    days: Mapping[date, Mapping[str, int]],
    off: AbstractSet[date],
    notes: Sequence[str] = (),
    *,
    form: Form = "png",
    ppi: int = 144,
) -> bytes:
    """Return one page, as wide as a phone: up to four `kinds` of messages, by day.

    `off` are days on which nothing goes out. Raises TypesetError.
    """
    totals = [sum(day.get(kind, 0) for day in days.values()) for kind in kinds]
    months = sorted({(day.year, day.month) for day in days})
    data = {
        "title": title,
        "subtitle": subtitle,
        "kinds": [
            {"name": kind, "total": f"{total:,}"} for kind, total in zip(kinds, totals, strict=True)
        ],
        "weekdays": list(calendar.day_abbr),
        "months": [
            {
                "name": f"{calendar.month_name[month]} {year}",
                "days": [
                    _cell(day, month, kinds, days, off)
                    for day in calendar.Calendar().itermonthdates(year, month)
                ],
            }
            for year, month in months
        ],
        "notes": list(notes),
    }
    return typeset(SOURCE.read_text(encoding="utf-8"), data, form=form, ppi=ppi)[0]


def _cell(
    day: date,
    month: int,
    kinds: Sequence[str],
    days: Mapping[date, Mapping[str, int]],
    off: AbstractSet[date],
) -> dict[str, object] | None:
    """Return what stands on a day, None for a day of another month."""
    if day.month != month:
        return None
    parts = [days.get(day, {}).get(kind, 0) for kind in kinds]
    total = sum(parts)
    shown = "" if not total else f"{total / 1000:.0f}k" if total >= DETAILED else f"{total:,}"
    return {"number": str(day.day), "total": shown, "parts": parts, "off": day in off}
