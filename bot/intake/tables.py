"""Tables that offices send: CSV read row by row, columns recognised by the names people give them.

The file is never held in memory. Errors have the form of all of Tautan's: `file:line:column: what
is wrong; how to mend it`, with the column counted from 1 and named in the text.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rapidfuzz import fuzz, process, utils

from bot.flow.source import Problem

_DELIMITERS = ",;\t|"


class InputError(ValueError):
    """What was given cannot be used, and nothing was written.

    `problems` lists everything that was found, in reading order.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table may have: its name here, and other names it goes by."""

    name: str
    synonyms: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it stands, its recognised cells by column name, and all cells as they were.

    `broken` says why its cells cannot be trusted: wrong quotation marks, or too many cells.
    """

    line: int
    cells: Mapping[str, str]
    raw: tuple[str, ...] = ()
    broken: Problem | None = None

    def get(self, name: str) -> str:
        """Return a cell without outer spaces; empty when the table has no such column."""
        return self.cells.get(name, "")


_Lines = Iterator[tuple[int, "list[str] | Problem"]]


@dataclass(frozen=True, slots=True)
class Table:
    """A recognised table. `position` says which column (from 0) holds what; `ignored` are headings
    that nothing was recognised in and that are not read."""

    path: Path
    header: tuple[str, ...]
    position: Mapping[str, int]
    ignored: tuple[str, ...]
    _rows: _Lines

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank, once; a broken one says so."""
        for line, cells in self._rows:
            if isinstance(cells, Problem):
                yield Row(line, {}, broken=cells)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            known = {
                name: cells[place].strip() if place < len(cells) else ""
                for name, place in self.position.items()
            }
            long = any(cell.strip() for cell in cells[len(self.header) :])
            broken = self._too_long(line, len(cells)) if long else None
            yield Row(line, known, tuple(cells), broken)

    def problem(self, row: Row | int, column: str, what: str, fix: str) -> Problem:
        """Return a problem with a cell; the text names the column as the file does."""
        line = row if isinstance(row, int) else row.line
        place = self.position.get(column)
        heading = self.header[place] if place is not None else column
        number = place + 1 if place is not None else 1
        return Problem(self.path.name, line, number, f"{heading}: {what}", fix)

    def _too_long(self, line: int, width: int) -> Problem:
        return Problem(
            self.path.name,
            line,
            len(self.header) + 1,
            f"the row has {width} cells under {len(self.header)} headings",
            'put a cell that holds the separator into quotation marks: "..."',
        )


@contextmanager
def open_table(
    path: Path, columns: Sequence[Column], prefixes: Sequence[str] = ()
) -> Iterator[Table]:
    """Open a CSV file (UTF-8; comma, semicolon or tab) and recognise its columns.

    A heading that starts with one of `prefixes` (`target_`) is a column of its own, by its tidied
    name. Raises InputError, also while rows are read (not UTF-8), FileNotFoundError, OSError.
    """
    with path.open("r", encoding="utf-8-sig", newline="") as file:
        try:
            lines = _parsed(file, path)
            line, header = next(lines, (1, []))
            if isinstance(header, Problem):
                raise InputError([header])
            yield _recognise(path, line, header, lines, columns, prefixes)
        except UnicodeDecodeError as error:
            raise InputError([_not_text(path)]) from error


def did_you_mean(text: str, known: Iterable[str], limit: int = 3) -> str:
    """Return a hint that names what is most like `text`, or what there is."""
    names = list(dict.fromkeys(known))
    near = process.extract(
        text,
        names,
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=limit,
        score_cutoff=70,
    )
    if near:
        return "did you mean " + " or ".join(repr(str(match[0])) for match in near) + "?"
    if not names:
        return "there are none yet"
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def heading(text: str) -> str:
    """Return a heading as names are compared: `No. HP / WA *` is `no_hp_wa`."""
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")


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


def _parsed(file: IO[str], path: Path) -> _Lines:
    """Yield (line on which the row starts, its cells or why they cannot be read)."""
    first = file.readline()
    if first.startswith("PK\x03\x04") or "\0" in first:
        raise InputError([_not_text(path)])
    offset = 0
    named = re.fullmatch(r"sep=(.)\s*", first)
    if named:  # what Excel writes to name the separator
        offset, first = 1, file.readline()
    delimiter = named[1] if named else _delimiter(first)
    reader = csv.reader(_with_first(first, file), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1 + offset
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = f"the row cannot be read, to line {reader.line_num + offset} ({error})"
            fix = "look for a quotation mark that is not closed"
            yield start, Problem(path.name, start, 1, what, fix)
            continue
        yield start, cells


def _with_first(first: str, rest: Iterable[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _delimiter(line: str) -> str:
    """Return what parts the headings: the sign that occurs most outside quotation marks."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(_DELIMITERS, key=bare.count)


def _recognise(
    path: Path,
    line: int,
    header: list[str],
    rows: _Lines,
    columns: Sequence[Column],
    prefixes: Sequence[str],
) -> Table:
    """Match headings to columns. Raises InputError for missing and doubled ones."""
    names = {heading(name): one.name for one in columns for name in (one.name, *one.synonyms)}
    position: dict[str, int] = {}
    ignored: list[str] = []
    problems: list[Problem] = []
    for place, title in enumerate(header):
        tidy = heading(title)
        name = names.get(tidy) or (tidy if tidy.startswith(tuple(prefixes) or ("\0",)) else None)
        if name is None:
            if title.strip():
                ignored.append(title.strip())
        elif name in position:
            problems.append(
                Problem(
                    path.name,
                    line,
                    place + 1,
                    f"{title.strip()}: a second column for {name!r}"
                    f" after {header[position[name]].strip()!r}",
                    "remove or rename one of the two",
                )
            )
        else:
            position[name] = place
    for one in columns:
        if one.required and one.name not in position:
            problems.append(_missing(path, line, one, ignored))
    if problems:
        raise InputError(problems)
    titles = tuple(title.strip() for title in header)
    return Table(path, titles, position, tuple(ignored), rows)


def _missing(path: Path, line: int, column: Column, ignored: list[str]) -> Problem:
    near = process.extractOne(
        column.name, ignored, scorer=fuzz.WRatio, processor=utils.default_process, score_cutoff=70
    )
    fix = (
        f"rename the column {near[0]!r} to {column.name!r}"
        if near
        else f"add a column with the heading {column.name!r} in the first line"
    )
    return Problem(path.name, line, 1, f"there is no column {column.name!r}", fix)


def _not_text(path: Path) -> Problem:
    return Problem(
        path.name,
        1,
        1,
        "not a CSV file in UTF-8",
        "in the spreadsheet choose Save As, CSV UTF-8 (comma delimited)",
    )
