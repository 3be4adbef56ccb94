"""Tables that offices send: whatever the file, rows with the cells that were asked for.

`open_table` is the one way in. It finds the headings (below titles, in one line or two, in every
sheet that has them), understands them, and yields the rows below without sums, notes and
signatures, which it lists. CSV is never held in memory. Errors have the form of all of Tautan's:
`file:line:column: what is wrong; how to mend it`, with the column counted from 1 and named in the
text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from bot.flow.source import Problem
from bot.intake.errors import InputError, unreadable
from bot.intake.headers import LOOKED_AT, Header, find_header, understand
from bot.intake.headings import Column, Match, Names, did_you_mean, heading
from bot.intake.notes import FEW, Notes, are_numbered_columns
from bot.intake.sheets import Lines, Sheet, open_sheets

__all__ = [
    "Column",
    "InputError",
    "LeftOut",
    "Match",
    "Row",
    "Table",
    "did_you_mean",
    "heading",
    "open_table",
    "safe_cell",
    "written",
]


class Row(NamedTuple):
    """One row: where it stands, its recognised cells by column name, and all cells as they were.

    `line` is the line that the office sees; with `sheet` ("" in a CSV) it names a row. `raw` stands
    under `Table.header`, cells beyond the last heading after it. `broken` says why the cells cannot
    be trusted: wrong quotation marks, or too many cells.
    """

    line: int
    cells: Mapping[str, str]
    raw: tuple[str, ...] = ()
    broken: Problem | None = None
    sheet: str = ""

    def get(self, name: str) -> str:
        """Return a cell without outer spaces; empty when the table has no such column."""
        return self.cells.get(name, "")

    @property
    def place(self) -> tuple[str, int]:
        """The sheet and line, which no two rows of a table share."""
        return self.sheet, self.line


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that is nobody's row, or a sheet (line 0) that is no table of this kind."""

    sheet: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A sheet that is read. `order` says under which of the table's headings each cell stands."""

    sheet: Sheet
    header: Header
    lines: Lines
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A recognised table.

    `header` are the headings of all its sheets, `position` says which of them (from 0) holds what;
    `ignored` are headings in which nothing was recognised and that are not read.

    `matches` say how each heading that is read was understood, `remarks` what an operator should
    know of the file, `skipped` which sheets are not read and why. `left_out` grows while rows are
    read: sums, notes, signatures.
    """

    path: Path
    header: tuple[str, ...]
    position: Mapping[str, int]
    ignored: tuple[str, ...]
    matches: tuple[Match, ...] = ()
    remarks: tuple[str, ...] = ()
    skipped: tuple[LeftOut, ...] = ()
    _parts: tuple[_Part, ...] = ()
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def guesses(self) -> tuple[Match, ...]:
        """What a person must confirm."""
        return tuple(one for one in self.matches if one.how == "guess")

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank, once; a broken one says so."""
        for part in self._parts:
            yield from self._rows_of(part)

    def _rows_of(self, part: _Part) -> Iterator[Row]:
        # A million rows pass here: what is rare is asked about by counting cells first.
        sheet, titles = part.sheet.name, list(part.header.titles)
        names, places = tuple(part.header.position), tuple(part.header.position.values())
        width, last = len(titles), max(places, default=-1)
        as_is = part.order == tuple(range(width))
        notes = Notes(part.sheet.across)
        for line, cells in part.lines:
            if isinstance(cells, Problem):
                yield Row(line, {}, (), cells, sheet)
                continue
            filled = len(cells) - cells.count("")
            if filled <= FEW or notes.closed:
                if not any(cell.strip() for cell in cells):
                    continue
                why = notes.reason(line, cells) if filled <= FEW else None
                if why:
                    self.left_out.append(LeftOut(sheet, line, why))
                    continue
                notes.closed &= filled <= FEW
            if last < len(cells):
                values = [cells[place].strip() for place in places]
            else:
                values = [cells[place].strip() if place < len(cells) else "" for place in places]
            if not any(values) and not any(cell.strip() for cell in cells):
                continue
            if values and (values[0] in _FIRST or values[0] == titles[places[0]]):
                why = _heads(cells, titles)
                if why:
                    self.left_out.append(LeftOut(sheet, line, why))
                    continue
            broken = None
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                broken = self._too_long(line, len(cells), width)
            raw = tuple(cells) if as_is else self._ordered(cells, part.order)
            yield Row(line, dict(zip(names, values, strict=True)), raw, broken, sheet)

    def problem(self, row: Row | int, column: str, what: str, fix: str) -> Problem:
        """Return a problem with a cell; the text names the column as the file does."""
        line, sheet = (row, "") if isinstance(row, int) else (row.line, row.sheet)
        parts = [one for one in self._parts if one.sheet.name == sheet] or list(self._parts[:1])
        place = parts[0].header.position.get(column) if parts else None
        title = parts[0].header.titles[place] if place is not None else column
        number = place + 1 if place is not None else 1
        where = f"sheet {sheet!r}, {title}" if sheet and len(self._parts) > 1 else title
        return Problem(self.path.name, line, number, f"{where}: {what}", fix)

    def _ordered(self, cells: Sequence[str], order: Sequence[int]) -> tuple[str, ...]:
        ordered = [""] * len(self.header)
        for place, cell in zip(order, cells, strict=False):
            ordered[place] = cell
        return (*ordered, *cells[len(order) :])

    def _too_long(self, line: int, cells: int, width: int) -> Problem:
        return Problem(
            self.path.name,
            line,
            width + 1,
            f"the row has {cells} cells under {width} headings",
            'put a cell that holds the separator into quotation marks: "..."',
        )


# What the first cell of a line that numbers the columns may be, once it is read.
_FIRST = frozenset(sign.format(n) for n in range(1, 31) for sign in ("{}", "({})"))


@contextmanager
def open_table(
    path: Path,
    columns: Sequence[Column],
    prefixes: Sequence[str] = (),
    *,
    known: Mapping[str, str] | None = None,
    guess: bool = False,
    beside: Collection[str] = (),
) -> Iterator[Table]:
    """Open a file and recognise its columns: CSV, XLSX, XLS, ODS, or a page that says it is one.

    A heading that starts with one of `prefixes` (`target_`) is a column of its own, by its tidied
    name. `known` says what headings mean, "" for one that is not to be read. With `guess` misspelt
    ones are understood too, and stand in `guesses`. Sheets that begin with one of `beside` are ours
    and no tables: nothing is said of them. Raises InputError, also while rows are read (neither
    UTF-8 nor Windows-1252), FileNotFoundError, OSError.
    """
    names = Names(columns, prefixes, known, guess=guess)
    with open_sheets(path) as sheets:
        yield _recognise(path, sheets, names, beside)


@contextmanager
def written(path: Path, *, private: bool, marked: bool = True) -> Iterator[IO[str]]:
    """Open a file for writing as UTF-8, for its owner alone where it holds people's data.

    `marked`: it starts with a byte order mark, without which Excel misreads a CSV.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    descriptor = os.open(path, flags, 0o600 if private else 0o644)
    encoding = "utf-8-sig" if marked else "utf-8"
    with os.fdopen(descriptor, "w", encoding=encoding, newline="") as file:
        if private:
            path.chmod(0o600)
        yield file


def safe_cell(value: Any) -> str:
    """Return a value as a CSV cell that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value)
    if text[:1] in {"=", "@", "\t", "\r"} or re.match(r"[+-](?![\d\s().-]*$)", text):
        return "'" + text
    return text


def _heads(cells: Sequence[str], titles: Sequence[str]) -> str | None:
    """Return why a line only repeats or numbers the headings, or None."""
    if [" ".join(cell.split()) for cell in cells[: len(titles)]] == list(titles):
        return "the headings again"
    return "numbers of the columns" if are_numbered_columns(cells) else None


def _recognise(path: Path, sheets: Sequence[Sheet], names: Names, beside: Collection[str]) -> Table:
    """Find the sheets that are tables with these columns. Raises InputError where none is."""
    found: list[tuple[Sheet, Header, Lines]] = []
    faulty: list[Header] = []
    skipped: list[LeftOut] = []
    blank = True
    for sheet in sheets:
        top = list(islice(sheet.lines, LOOKED_AT))
        begins = _beginning(top)
        blank &= begins is None
        if begins is None or begins in beside:
            continue
        header, lines = _header(path, sheet, top, names)
        if not header.position:
            skipped.append(LeftOut(sheet.name, 0, "it has no headings that are known"))
        elif sheet.is_hidden:
            skipped.append(LeftOut(sheet.name, 0, "it is hidden; unhide it to have it read"))
        elif header.problems:
            reason = header.problems[0]
            skipped.append(LeftOut(sheet.name, 0, f"{reason.what} (line {reason.line})"))
        else:
            found.append((sheet, header, lines))
        if header.problems and not sheet.is_hidden:
            faulty.append(header)
    if not found or any(_doubles(header) for header in faulty):
        problems = [one for header in faulty for one in header.problems]
        raise InputError(problems or unreadable(path, *(_EMPTY if blank else _NOTHING)).problems)
    return _together(path, found, skipped)


_EMPTY = ("the file is empty", "is it the right one? Save the list again, with its headings")
_NOTHING = ("there is no table in it", "give every column a heading, in one line above the rows")


def _doubles(header: Header) -> bool:
    """Whether a sheet is a table but for a heading that stands in it twice."""
    return not any(one.what.startswith("there is no column") for one in header.problems)


def _beginning(top: Sequence[tuple[int, list[str] | Problem]]) -> str | None:
    """Return the first cell with anything in it, "" for a broken line; None where all is blank."""
    for _, cells in top:
        if isinstance(cells, Problem):
            return ""
        for cell in cells:
            if cell.strip():
                return cell.strip()
    return None


def _header(
    path: Path, sheet: Sheet, top: Sequence[tuple[int, list[str] | Problem]], names: Names
) -> tuple[Header, Lines]:
    """Return a sheet's header and the lines below it; the first line's, where none is known."""
    rows = []
    for line, cells in top:
        if isinstance(cells, Problem):
            break
        rows.append((line, cells))
    found = find_header(path.name, sheet.name, rows, names, sheet.hidden)
    if found is None and isinstance(top[0][1], Problem):
        raise InputError([top[0][1]])
    if found is None:
        first = next((row for row in rows if any(cell.strip() for cell in row[1])), (1, []))
        return understand(path.name, sheet.name, *first, names, sheet.hidden), iter(())
    below, header = found
    return header, chain(top[below:], sheet.lines)


def _together(
    path: Path, found: Sequence[tuple[Sheet, Header, Lines]], skipped: Sequence[LeftOut]
) -> Table:
    """Put sheets under the headings of all of them: the same column, else the same heading."""
    titles: list[str] = []
    position: dict[str, int] = {}
    parts: list[_Part] = []
    for sheet, header, lines in found:
        own = {place: column for column, place in header.position.items()}
        order: list[int] = []
        for place, title in enumerate(header.titles):
            column = own.get(place)
            under = position.get(column) if column else None
            if under is None and not column and parts:
                free = set(range(len(titles))) - set(position.values()) - set(order)
                under = next((one for one in sorted(free) if titles[one] == title), None)
            if under is None:
                under = len(titles)
                titles.append(title)
            if column:
                position.setdefault(column, under)
            order.append(under)
        parts.append(_Part(sheet, header, lines, tuple(order)))
    many = len(found) > 1
    return Table(
        path,
        tuple(titles),
        position,
        tuple(dict.fromkeys(one for part in parts for one in part.header.ignored)),
        tuple(match for part in parts for match in part.header.matches),
        tuple(
            f"sheet {part.sheet.name!r}: {text}" if many else text
            for part in parts
            for text in (*part.sheet.remarks, *part.header.remarks)
        ),
        tuple(skipped),
        tuple(parts),
    )
