"""What a reminder has done: of those who got it and of those for whom it was left out, how many
finished in the two days that followed.

Everybody counts whom the reminder was due to, whether it arrived or not: the two differ by chance
alone, and by the reminder. What comes out are counts of at least five.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Any

from sqlalchemy import Connection

from bot.interview.installation import Installation
from storage.queries import reminders as queries

LEAST = 5  # people in any shown number, and in what is left of its whole
MEASURED_DAYS = timedelta(days=3)  # two days from any hour of a day have passed by then
Z = 1.959963984540054  # 95 %


@dataclass(frozen=True, slots=True)
class Arm:
    """Those who got a reminder, or those for whom it was left out."""

    people: int
    finished: int

    @property
    def share(self) -> float:
        """How many of them finished."""
        return self.finished / self.people


@dataclass(frozen=True, slots=True)
class Lift:
    """One reminder's effect: the difference of the shares and its 95 % interval.

    All None where there are too few to say, or to show.
    """

    step: str
    sent: Arm | None
    held: Arm | None
    difference: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def lift(installation: Installation, survey: str) -> list[Lift]:
    """Return what each reminder of a survey has done. Raises UnknownSurvey."""

    def work(connection: Connection) -> list[Lift]:
        published = installation.surveys.named(connection, survey)
        zone = published.survey.settings.zone
        today = installation.now().astimezone(zone).date()
        return lifts(queries.days(connection, published.id), today)

    return installation.database.read(work)


def lifts(rows: Iterable[queries.DayRow], today: date) -> list[Lift]:
    """Return the effect of each reminder from the days whose two days are over."""
    arms: dict[tuple[str, bool], tuple[int, int]] = {}
    for row in rows:
        if row.step != "invite" and row.day + MEASURED_DAYS <= today:
            people, finished = arms.get((row.step, row.held), (0, 0))
            arms[row.step, row.held] = people + row.people, finished + row.finished
    steps = sorted({step for step, _ in arms}, key=lambda step: (step == "last_call", step))
    return [
        _lift(step, Arm(*arms.get((step, False), (0, 0))), Arm(*arms.get((step, True), (0, 0))))
        for step in steps
    ]


def _lift(step: str, sent: Arm, held: Arm) -> Lift:
    if any(min(arm.finished, arm.people - arm.finished) < LEAST for arm in (sent, held)):
        return Lift(step, None, None, None, None, None)
    low, high = newcombe(sent, held)
    return Lift(step, sent, held, sent.share - held.share, low, high)


def wilson(arm: Arm) -> tuple[float, float]:
    """Return the 95 % score interval of a share.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22,
    1927.
    """
    n, p = arm.people, arm.share
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return middle - half, middle + half


def newcombe(first: Arm, second: Arm) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares.

    R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17, 1998, method 10.
    """
    (low1, high1), (low2, high2) = wilson(first), wilson(second)
    p1, p2 = first.share, second.share
    low = p1 - p2 - sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = p1 - p2 + sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return low, high
