"""What may be shown of a count: the rule, and why it keeps what it hides. Pure.

A *cell* is one group of one unit. Each cell carries one published value, a lower bound of its true
count that only rises. Once a day `publish` may raise it, and everything that is ever shown (sums of
a unit, a group or the survey, percentages, changes, forecasts) is computed from published values
and targets alone. So nobody who reads all pages of all levels of all days knows more than the
published values of the cells, and it is enough to ask what those tell.

The rule, with T the target and p the value published so far:

* a count that is at least 5 above p is published as it is, except that
* from T-4 to T+4 the value is T-4, whatever the count ("hampir lengkap": fewer than 5 are missing),
  and it is taken only if that is at least 5 above p;
* else p stays.

What a reader can conclude, even one who knows that the count cannot exceed T (a census) or that it
never falls:

* p = 0, T unknown or at least 9: the count is one of 0, 1, 2, 3, 4.
* p was published as a count and T is unknown, or p <= T-9, or p >= T+5: on the days after, the
  count is one of p ... p+4, because p+5 would have been published (p+5 <= T-4 in the second case).
* T-8 <= p <= T-5: p stays until T+5, for T-4 is less than 5 above it. The count is one of p ... T,
  at least 6 values. (Saying "hampir lengkap" here would leave fewer than 5: with T = 10 and p = 5
  it could only mean that all 10 have answered.)
* p = T-4: the count is one of T-4 ... T, 5 values, on the day of publication too.
* T <= 8: nothing is shown below T+5, and all of 0 ... T stay possible.

Consecutive days: a rise from p to p' says the new count exactly or within 5 values, and leaves the
count of the day before within its own 5 or more, because each of them is below p'. So a day's true
change is known only where both days were published as counts, and then it is at least 5. A count
that falls (erasure, merged contacts) changes nothing that is published, and only adds to what is
possible. `tests/test_publication.py` tries all histories.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

STEP = 5
"""No count can be computed closer than this."""

SMALL = 2 * STEP - 2
"""The largest target that leaves no room for two statements of 5 values each."""

Kind = Literal["number", "few", "almost", "hidden"]
"""How a value is shown: as it is, "<5", "hampir lengkap", or not at all."""


def publish(count: int, before: int, target: int | None) -> int:
    """Return a cell's new published value from its true count and the value published before.

    `target` None or 0 is no target. The result is never below `before`.
    """
    value = count
    if target and -STEP < count - target < STEP:
        value = target - STEP + 1
    return value if value - before >= STEP else before


@dataclass(frozen=True, slots=True)
class Count:
    """The published count of a cell, or of a sum of cells: a lower bound, and the target."""

    value: int = 0
    target: int | None = None
    is_sum: bool = False

    @property
    def kind(self) -> Kind:
        """How to show it."""
        target = self.target or 0
        near = target > 0 and self.value < target + STEP
        if near and target <= SMALL and not self.is_sum:
            return "hidden"
        if self.value < STEP:
            # "<5" would be untrue of a sum whose cells may each have 4.
            return "hidden" if self.is_sum else "few"
        if near and self.value > target - STEP:
            return "almost"
        return "number"

    @property
    def share(self) -> Fraction | None:
        """Published value by target, only where the number is shown."""
        if self.kind != "number" or not self.target:
            return None
        return Fraction(self.value, self.target)

    def to_dict(self) -> dict[str, object]:
        """Return the plain form: `value` is null unless the number may be shown."""
        share = self.share
        return {
            "shown": self.kind,
            "value": self.value if self.kind == "number" else None,
            "target": self.target,
            "percent": None if share is None else round(float(share * 100), 1),
        }


NOTHING = Count()
"""A cell of which nothing was published yet and that has no target."""


def total(parts: Iterable[Count]) -> Count:
    """Return the sum of published values and of the targets that are known."""
    cells = list(parts)
    targets = [cell.target for cell in cells if cell.target]
    return Count(sum(cell.value for cell in cells), sum(targets) if targets else None, is_sum=True)


def change(today: Count, before: Count | None) -> int | None:
    """Return how far a number has risen, or None where either side is not shown."""
    if before is None or today.kind != "number" or before.kind != "number":
        return None
    return today.value - before.value
