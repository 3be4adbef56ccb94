"""Pictures of counts for a phone: bars with target marks, and a trend. PNG, 1,080 pixels wide.

A picture has its own white ground, so it reads the same in a light and in a dark chat. A bar is as
long as the number beside it; what has no number (too few, almost all, hidden) has a hatched field
whose length depends on nothing, so that nobody can measure more than is written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bot.printing.typeset import typeset

BarKind = Literal["bar", "few", "almost", "hidden", "none"]
"""A bar of `share`, or a hatched field of a fixed length, or (no target) nothing but the words."""

PPI = 216  # three pixels for each of the 360 points of a phone's width


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `share` is the part of the target, 1 at its mark, and only of the kind "bar"."""

    name: str
    words: str
    kind: BarKind
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A line of (x, y), both 0 to 1; `target` is the height of the target's line, if it is near.

    `first` and `last` are the days at its ends, `now` stands at its last point.
    """

    title: str
    points: tuple[tuple[float, float], ...]
    first: str
    last: str
    now: str
    target: float | None = None
    target_words: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A whole picture, from top to bottom; empty parts take no room."""

    title: str
    place: str
    moment: str
    bars: tuple[Bar, ...]
    legend: str
    more: str = ""
    trend: Trend | None = None
    foot: str = ""


@lru_cache(maxsize=64)
def draw_chart(chart: Chart) -> bytes:
    """Return a picture as PNG; the same one is drawn once. Raises TypesetError."""
    source = Path(__file__).with_name("chart.typ").read_text(encoding="utf-8")
    return typeset(source, {"chart": asdict(chart)}, form="png", ppi=PPI)[0]
