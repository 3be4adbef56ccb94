"""Where a sheet's headings stand, below titles and in one line or two, and what each means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.flow.source import Problem
from bot.intake.headings import Column, Match, Names, most_like

LOOKED_AT = 30
"""Headings stand in one of the first so many lines that are not blank."""

_DATA = re.compile(r"\d{7}|@")

NumberedRow = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Header:
    """A sheet's headings. `line` is their last line, `height` how many lines they take.

    `position` says which column (from 0) holds what; `problems` are missing and doubled columns.
    """

    line: int
    height: int
    titles: tuple[str, ...]
    matches: tuple[Match, ...]
    position: dict[str, int]
    ignored: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    height: int
    titles: list[str]
    score: float


def find_header(
    file: str, sheet: str, rows: Sequence[NumberedRow], names: Names, hidden: frozenset[int]
) -> tuple[int, Header] | None:
    """Return how many of `rows` lie above the data, and the header; None where there is none.

    The line counts in which most headings are known; of equal ones the first.
    """
    best: _Candidate | None = None
    for index, (_, cells) in enumerate(rows):
        for height in (1, 2):
            if index + height > len(rows) or not any(cell.strip() for cell in cells):
                continue
            titles = cells if height == 1 else _joined(cells, rows[index + 1][1])
            score = _score(titles, names) if titles else 0
            if titles and score > (best.score if best else 0):
                best = _Candidate(index, height, titles, score)
    if best is None:
        return None
    below = best.index + best.height
    line = rows[below - 1][0]
    return below, understand(file, sheet, line, best.titles, names, hidden, best.height)


def understand(
    file: str,
    sheet: str,
    line: int,
    titles: Sequence[str],
    names: Names,
    hidden: frozenset[int] = frozenset(),
    height: int = 1,
) -> Header:
    """Match the headings of a line to columns."""
    found = {place: names.match(title.strip()) for place, title in enumerate(titles)}
    wanted: dict[str, list[tuple[int, Match]]] = {}
    for place, match in found.items():
        if match is not None:
            wanted.setdefault(match.column, []).append((place, match))
    position: dict[str, int] = {}
    taken: list[Match] = []
    problems: list[Problem] = []
    for column, matches in sorted(wanted.items(), key=lambda one: -len(one[1])):
        chosen, extra = _choose(matches, names, hidden)
        known = names.columns.get(column, Column(column))
        spare = known.spare
        if len(extra) == 1 and spare and spare not in wanted:
            position[spare] = extra[0][0]
            taken.append(_as(extra[0][1], spare, sheet, line))
        elif extra:
            problems += _doubled(file, line, titles, known.shown, [chosen, *extra])
        position[column] = chosen[0]
        taken.append(_as(chosen[1], column, sheet, line))
    read = set(position.values())
    ignored = [t.strip() for place, t in enumerate(titles) if t.strip() and place not in read]
    for one in names.columns.values():
        if one.required and not {one.name, one.instead} & set(position):
            problems.append(_missing(file, line, one, ignored))
    remarks = [
        f"the column {titles[place].strip()!r} is hidden in the file, and was read"
        for place in sorted(read & hidden)
    ]
    return Header(
        line,
        height,
        tuple(" ".join(title.split()) for title in titles),
        tuple(sorted(taken, key=lambda one: position[one.column])),
        position,
        tuple(ignored),
        tuple(problems),
        tuple(remarks),
    )


def _choose(
    matches: list[tuple[int, Match]], names: Names, hidden: frozenset[int]
) -> tuple[tuple[int, Match], list[tuple[int, Match]]]:
    """Return the heading that counts for a column and those that contest it.

    A hidden column never contests a visible one, nor a guess what is written plainly.
    """
    ordered = sorted(matches, key=lambda one: (one[0] in hidden, names.rank(one[1]), one[0]))
    chosen, *others = ordered
    extra = [
        one
        for one in others
        if (one[0] in hidden) == (chosen[0] in hidden)
        and (one[1].how != "guess" or chosen[1].how == "guess")
    ]
    return chosen, extra


def _as(match: Match, column: str, sheet: str, line: int) -> Match:
    return Match(match.heading, column, match.how, match.score, sheet, line)


def _joined(above: Sequence[str], below: Sequence[str]) -> list[str] | None:
    """Return the headings of two lines as one, or None where the second is no line of headings.

    A heading over several columns (merged, or blank to its right) goes before those below it, as a
    line of its own.
    """
    if any(_DATA.search(cell) for cell in (*above, *below)) or not any(c.strip() for c in below):
        return None
    titles: list[str] = []
    over = ""
    for place in range(max(len(above), len(below))):
        top = above[place].strip() if place < len(above) else ""
        bottom = below[place].strip() if place < len(below) else ""
        over = top or (over if bottom else "")
        same = over.casefold() == bottom.casefold()
        titles.append(bottom if same else "\n".join(part for part in (over, bottom) if part))
        if top and not bottom:
            over = ""
    return titles


def _score(titles: Sequence[str], names: Names) -> float:
    """Return how much a line looks like headings: what is known counts, data counts against it."""
    columns: dict[str, float] = {}
    for title in titles:
        match = names.match(title.strip()) if title else None
        if match is not None:
            worth = 2.0 if match.how != "guess" else 1.5
            columns[match.column] = max(columns.get(match.column, 0), worth)
    return sum(columns.values()) - sum(2 for title in titles if _DATA.search(title))


def _doubled(
    file: str, line: int, titles: Sequence[str], column: str, matches: list[tuple[int, Match]]
) -> list[Problem]:
    (first, _), *others = sorted(matches)
    return [
        Problem(
            file,
            line,
            place + 1,
            f"{titles[place].strip()}: a second column for {column!r}"
            f" after {titles[first].strip()!r}",
            "remove or rename one of the two",
        )
        for place, _ in others
    ]


def _missing(file: str, line: int, column: Column, ignored: list[str]) -> Problem:
    name = column.shown
    near = most_like(name, ignored)
    fix = (
        f"rename the column {near!r} to {name!r}"
        if near
        else f"add a column with the heading {name!r} in the first line"
    )
    other = f", nor {column.instead!r} in its place" if column.instead else ""
    return Problem(file, line, 1, f"there is no column {name!r}{other}", fix)
