"""Somebody who has read every report of every day and level, and computes what was hidden.

They know the rule, the hierarchy, targets and the number of people on every list, and take it that
nobody answers twice, so that no count exceeds the largest of these so far. `read` takes the numbers
out of any text as a reader would; `Attack` keeps, for each cell and day, every true count that may
have led to just these texts: by dynamic programming over the days (a state is what was published
so far and the count), and by propagating sums of all levels until nothing more can be excluded.

What is left is exact for a cell by itself. `paths` gives whole histories among it, so that a test
can let one of them happen and look whether any text differs: that needs no understanding of texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bot.reporting.publication import STEP, Count, publish

Cell = tuple[int, str]
Rule = Callable[[int, int, int | None, int | None], int]
Bounds = tuple[int | None, int | None]
"""Target and people on the roster."""

HORIZON = 90
"""So far counts are tried where nothing bounds them."""

_LINE = re.compile(
    r"^(?P<unit>• )?(?P<name>.+?)(?P<own> \(langsung\))?: "
    r"(?P<said>hampir lengkap|<5|belum ditampilkan|[\d.]+)"
    r"(?: dari (?P<target>[\d.]+) \((?P<percent>[\d,]+)%\))?(?:, naik (?P<rise>[\d.]+))?$"
)
_WORDS = {"hampir lengkap": "almost", "<5": "few", "belum ditampilkan": "hidden"}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one line says: of a named unit or group, a kind of value, and what numbers it has."""

    of_unit: bool
    name: str
    kind: str
    value: int | None
    target: int | None
    rise: int | None


_BARE = re.compile(r"^• [^:]+$")


def read(text: str) -> Iterator[Statement]:
    """Yield what the lines of a text say; lines that say no number of anything are passed over."""
    for line in text.splitlines():
        # Among units that need a word one without a number has its name alone.
        bare = _BARE.match(line.strip())
        found = _LINE.match(f"{line.strip()}: belum ditampilkan" if bare else line.strip())
        if found is None:
            continue
        said = found["said"]
        kind = _WORDS.get(said, "number")
        yield Statement(
            bool(found["unit"]),
            found["name"],
            kind,
            _number(said) if kind == "number" else None,
            _number(found["target"]),
            _number(found["rise"]),
        )


def _number(text: str | None) -> int | None:
    return int(text.replace(".", "")) if text else None


@dataclass(frozen=True, slots=True)
class Fact:
    """What was said of the sum of some cells, or of a single one as itself."""

    cells: frozenset[Cell]
    kind: str
    value: int | None
    single: bool = False


@lru_cache(maxsize=100_000)
def _moves(rule: Rule, before: int, bounds: Bounds, top: int) -> dict[int, int]:
    """Return what may be published next, and the counts (a set of bits) that lead to it."""
    found: dict[int, int] = {}
    for count in range(top + 1):
        value = rule(count, before, *bounds)
        found[value] = found.get(value, 0) | 1 << count
    return found


def bits(mask: int) -> list[int]:
    """Return the members of a set of bits."""
    return [number for number in range(mask.bit_length()) if mask >> number & 1]


def _from(mask: int, lowest: int) -> int:
    return mask >> lowest << lowest


@dataclass(slots=True)
class Track:
    """One cell through all days: which published value with which counts is possible on each.

    `rises` says whether the attacker takes it that no count falls.
    """

    bounds: Sequence[Bounds]
    rule: Rule = publish
    rises: bool = True
    allowed: list[set[int] | None] = field(default_factory=list)
    possible: list[dict[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.allowed = [None] * len(self.bounds)

    def everybody(self, day: int) -> int | None:
        """Return the largest bound so far; None where there was none yet."""
        known = [one for pair in self.bounds[: day + 1] for one in pair if one]
        return max(known, default=None)

    def narrow(self, day: int, values: Collection[int]) -> bool:
        """Take it that one of these was published; return whether that is news."""
        before = self.allowed[day]
        now = set(values) if before is None else before & set(values)
        self.allowed[day] = now
        return now != before

    def values(self, day: int) -> set[int]:
        """Return what may have been published on a day."""
        return set(self.possible[day])

    def solve(self) -> None:
        """Find what is possible: forwards what can be reached, backwards what leads to the end."""
        reached: list[dict[int, int]] = []
        now: dict[int, int] = {0: 1}
        for day in range(len(self.bounds)):
            after: dict[int, int] = {}
            for before, mask in now.items():
                lowest = (mask & -mask).bit_length() - 1 if self.rises else 0
                for value, counts in self._moves(before, day).items():
                    fits = _from(counts, lowest)
                    if fits and self._may(day, value):
                        after[value] = after.get(value, 0) | fits
            reached.append(after)
            now = after
        for day in range(len(self.bounds) - 2, -1, -1):
            for value in list(reached[day]):
                mask = reached[day][value] & self._leading_on(value, day, reached[day + 1])
                if mask:
                    reached[day][value] = mask
                else:
                    del reached[day][value]
        self.possible = reached

    def _moves(self, before: int, day: int) -> dict[int, int]:
        top = self.everybody(day)
        return _moves(self.rule, before, self.bounds[day], HORIZON if top is None else top)

    def _may(self, day: int, value: int) -> bool:
        allowed = self.allowed[day]
        return allowed is None or value in allowed

    def _leading_on(self, value: int, day: int, later: Mapping[int, int]) -> int:
        """Return the counts of a day from which the next one can be reached."""
        moves = self._moves(value, day + 1)
        mask = 0
        for following, counts in moves.items():
            mask |= counts & later.get(following, 0)
        if not mask:
            return 0
        return (1 << mask.bit_length()) - 1 if self.rises else -1

    def counts(self, day: int) -> list[int]:
        """Return every count that is possible on a day."""
        mask = 0
        for one in self.possible[day].values():
            mask |= one
        return bits(mask)

    def changes(self, day: int) -> set[int]:
        """Return every change since the day before that is possible."""
        found = set()
        for before, mask in self.possible[day - 1].items():
            moves = self._moves(before, day)
            for value, later in self.possible[day].items():
                for count in bits(later & moves.get(value, 0)):
                    found |= {count - one for one in bits(mask) if one <= count or not self.rises}
        return found

    def path(self, *, highest: bool) -> list[int]:
        """Return one possible history, the lowest or the highest, of the first possible values."""
        counts: list[int] = []
        published: int | None = None
        for day in range(len(self.bounds) - 1, -1, -1):
            options = [
                (count, value)
                for value, mask in self.possible[day].items()
                for count in bits(mask)
                if published is None or self._follows(value, count, day, published, counts[-1])
            ]
            count, published = max(options) if highest else min(options)
            counts.append(count)
        return counts[::-1]

    def _follows(self, value: int, count: int, day: int, published: int, later: int) -> bool:
        leads = self.rule(later, value, *self.bounds[day + 1]) == published
        return leads and (count <= later or not self.rises)


class Attack:
    """Everything that was read, and what is still possible."""

    def __init__(
        self, bounds: Mapping[Cell, Sequence[Bounds]], *, rule: Rule = publish, rises: bool = True
    ) -> None:
        self.tracks = {cell: Track(days, rule, rises) for cell, days in bounds.items()}
        self.facts: dict[tuple[int, Fact], None] = {}

    def learn(self, day: int, facts: Iterable[Fact]) -> None:
        """Take a day's facts in."""
        for fact in facts:
            self.facts[day, fact] = None

    def conclude(self) -> None:
        """Exclude what contradicts anything that was read, until nothing more can be."""
        for track in self.tracks.values():
            track.solve()
        for day, fact in self.facts:
            if fact.single:
                (cell,) = fact.cells
                self._single(day, cell, fact)
        waiting = set(self.tracks)
        while waiting:
            for cell in waiting:
                self.tracks[cell].solve()
            waiting = set()
            for day, fact in self.facts:
                if not fact.single:
                    waiting |= self._sum(day, fact)

    def _single(self, day: int, cell: Cell, fact: Fact) -> None:
        target, people = self.tracks[cell].bounds[day]
        fitting = [
            value
            for value in self.tracks[cell].values(day)
            if Count(value, target, people=people).kind == fact.kind and fact.value in (None, value)
        ]
        self.tracks[cell].narrow(day, fitting)

    def _sum(self, day: int, fact: Fact) -> set[Cell]:
        """Exclude values that no values of the other cells make the sum with."""
        targets = sum(self.tracks[cell].bounds[day][0] or 0 for cell in fact.cells) or None
        cells = sorted(fact.cells)
        domains = [self.tracks[cell].values(day) for cell in cells]
        if all(len(one) == 1 for one in domains):
            return set()

        def fits(total: int) -> bool:
            shown = Count(total, targets, is_sum=True)
            return shown.kind == fact.kind and fact.value in (None, total)

        before: list[set[int]] = [{0}]
        for one in domains:
            before.append({a + b for a in before[-1] for b in one})
        after: list[set[int]] = [{0}]
        for one in reversed(domains):
            after.append({a + b for a in after[-1] for b in one})
        after.reverse()
        changed = set()
        for place, cell in enumerate(cells):
            others = {a + b for a in before[place] for b in after[place + 1]}
            left = {value for value in domains[place] if any(fits(value + o) for o in others)}
            if left != domains[place] and self.tracks[cell].narrow(day, left):
                changed.add(cell)
        return changed

    def leaks(self) -> list[str]:
        """Return each cell and day of which too much is known: fewer than 5 counts or changes that
        are possible (all there are, where a cell has not as many people), or only "everybody".

        A count is known where it was published as a number that day, and a change of at least 5
        between two such days.
        """
        found = []
        for cell, track in self.tracks.items():
            known_before, fewest = False, STEP
            for day in range(len(track.bounds)):
                counts, everybody = track.counts(day), track.everybody(day)
                # Who was told later how many there are knows it of the days before, too.
                told = (track.everybody(later) for later in range(day, len(track.bounds)))
                most = next((one for one in told if one), None)
                enough = STEP if most is None else min(STEP, most + 1)
                assert counts, f"{cell} day {day}: what was read contradicts itself"
                known = self._published(track, day)
                if not known and len(counts) < enough:
                    found.append(f"{cell} day {day}: count is one of {counts}")
                if everybody and min(counts) >= everybody:
                    found.append(f"{cell} day {day}: all {everybody} have answered")
                fewest = min(fewest, enough)  # of either day
                if day:
                    changes = track.changes(day)
                    both = known and known_before
                    if min(changes) < STEP if both else len(changes) < fewest:
                        found.append(f"{cell} day {day}: change is one of {sorted(changes)}")
                fewest = enough
                known_before = known
        return found

    def _published(self, track: Track, day: int) -> bool:
        """Whether a count was published as it is on this very day."""
        values = track.values(day)
        if len(values) != 1:
            return False
        (value,) = values
        earlier = max(track.values(day - 1)) if day else 0
        target, people = track.bounds[day]
        kind = Count(value, target, people=people).kind
        return value - earlier >= STEP and kind == "number" and track.counts(day) == [value]
