"""How ready a unit's list is, in the few numbers that its coordinator is told before opening."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields

from sqlalchemy import Connection

from bot.interview.surveys import Published
from bot.outreach.mending import rows as mending
from storage.queries import quality as queries


@dataclass(frozen=True, slots=True)
class RosterCounts:
    """Rows of the lists of a unit and all below it: each is in one of the classes."""

    ready: int
    duplicate: int
    missing: int  # no number
    broken: int  # one that cannot be used
    office: int  # a landline
    unclear: int  # unit or group

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(getattr(self, one.name) for one in fields(self))


_BROKEN = ("lost_digits", "placeholder", "national_id", "invalid", "unusable")

Reader = Callable[[Collection[int] | None], RosterCounts | None]
"""Returns the counts of some units (None: of all); None where they have no list."""


def read(connection: Connection, published: Published) -> Reader | None:
    """Count a survey's lists once, for many readers; None once they are closed.

    After anybody was invited, rows to mend would show who was drawn.
    """
    if mending.closed(connection, published):
        return None
    usable = queries.usable(connection, published.id)
    to_mend = queries.to_mend(connection, published.id)
    double = queries.duplicates(connection, published.id)

    def of(units: Collection[int] | None) -> RosterCounts | None:
        wrong = _tally(to_mend, units)
        twice = sum(rows for kind, rows in wrong.items() if kind.startswith("duplicate"))
        broken = sum(wrong[kind] for kind in _BROKEN)
        found = RosterCounts(
            ready=_tally(usable, units).total(),
            duplicate=_tally(double, units).total() + twice,
            missing=wrong["empty"],
            broken=broken,
            office=wrong["landline"],
            unclear=wrong.total() - twice - wrong["empty"] - wrong["landline"] - broken,
        )
        return found if found.rows else None

    return of


def _tally(found: Iterable[queries.Count], units: Collection[int] | None) -> Counter[str]:
    tally: Counter[str] = Counter()
    for one in found:
        if units is None or one.unit_id in units:
            tally[one.kind] += one.rows
    return tally
