"""What may be shown of a count: the rule, and why it keeps what it hides. Pure.

A *cell* is one group of one unit. Each cell carries one published value, a lower bound of its true
count that only rises. Once a day `publish` may raise it, and everything that is ever shown (sums of
a unit, a group or the survey, percentages, changes, forecasts, who is in need) is computed from
published values and targets alone. So nobody who reads all pages of all levels of all days knows
more than the published values of the cells, and it is enough to ask what those tell.

A *bound* is a number that a reader may take for everybody: the target, where that is a census, and
the people on the roster, whom the office knows by name. The rule, with p the value published so
far:

* a count that is at least 5 above p is published as it is, except that
* from B-4 to B+4 of a bound B the value is B-4, whatever the count (fewer than 5 are missing), and
  it is taken only if that is at least 5 above p; of the target this is called "hampir lengkap";
* else p stays.

What a reader can conclude, even one who knows that no count falls and none exceeds the largest
bound so far:

* Where p stays, it would have stayed for each count from p to p+4: what the rule makes of a count
  is never more than the count, so less than 5 above p. Where p was taken as B-4, the same five
  counts give it on that day too.
* p+4 is below every bound, or the bound was passed by 5 and bounds nothing, or p is B-4 and p+4 is
  the bound itself; so all five are possible in a census, and never only "everybody". (Saying
  "hampir lengkap" closer than 5 above p would leave fewer: with B = 10 and p = 5 it could only mean
  all 10.) With p = 0 and a bound under 9 nothing is said at all until B+5, and all of 0 ... B stay
  possible.
* A constant count is possible all the time that p stays, so each day of it has its five values. A
  rise from p to p' says the new count exactly or within five, and leaves the day before its own
  five, because each of them is below p'. So a day's true change is known only where both days were
  published as counts, and then it is at least 5.
* Bounds may change from day to day: nothing above asks what they were before. What was said before
  a bound fell cannot be unsaid, though: 12 of 20, then a list of 12, is everybody to who believes
  that the others never were.
* A count that falls (erasure, merged contacts) changes nothing that is published, and only adds to
  what is possible.

`tests/test_publication.py` tries all histories of a cell, `tests/test_attack.py` attacks the texts.
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


def publish(count: int, before: int, target: int | None, people: int | None = None) -> int:
    """Return a cell's new published value from its true count and the value published before.

    `target` and `people`, those on the roster, are its bounds; None or 0 is none. The result is
    never below `before`.
    """
    value = count
    # The larger one first: what it leaves may still be too close to the smaller.
    for bound in sorted((target or 0, people or 0), reverse=True):
        if bound and -STEP < value - bound < STEP:
            value = bound - STEP + 1
    return value if value - before >= STEP else before


@dataclass(frozen=True, slots=True)
class Count:
    """The published count of a cell, or of a sum of cells: a lower bound, and the target.

    `people` is how many the roster has, where it has any; it is shown to nobody.
    """

    value: int = 0
    target: int | None = None
    is_sum: bool = False
    people: int | None = None

    @property
    def kind(self) -> Kind:
        """How to show it."""
        target = self.target or 0
        near = target > 0 and self.value < target + STEP
        if not self.is_sum and any(
            bound and bound <= SMALL and self.value < bound + STEP
            for bound in (target, self.people)
        ):
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
