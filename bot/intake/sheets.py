"""Files that offices send, opened as sheets of text cells, whatever their name says they are.

What a file is tells its content: an `.xls` may be a CSV or a web page, a `.csv` a workbook. CSV is
streamed; a workbook is held by calamine. Cells are text, as the office sees it but for numbers and
dates, which have one form each.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO

from bot.flow.source import Problem
from bot.intake.errors import InputError, unreadable
from bot.intake.pages import page_sheets
from bot.intake.workbooks import workbook_sheets

_DELIMITERS = ",;\t|"
_SAMPLE = 20  # lines by which the separator is recognised
_CHUNK = 1 << 20
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how XLSX and XLS begin
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

Lines = Iterator[tuple[int, "list[str] | Problem"]]
"""Rows with the line on which they start (from 1), or why one cannot be read."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows, once, and what of it the office does not see.

    `hidden` are columns (from 0), `across` lines with a cell that is merged over three columns or
    more. A CSV file is one sheet without a name.
    """

    name: str
    lines: Lines
    hidden: frozenset[int] = frozenset()
    across: frozenset[int] = frozenset()
    is_hidden: bool = False
    remarks: tuple[str, ...] = field(default=())


@contextmanager
def open_sheets(path: Path) -> Iterator[list[Sheet]]:
    """Open a file as its sheets.

    Raises InputError (also while rows are read) for what is no table, OSError.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_WORKBOOKS):
        yield [
            Sheet(one.name, iter(one.lines), one.hidden, one.across, one.is_hidden)
            for one in workbook_sheets(path)
        ]
        return
    if head.startswith(b"%PDF"):
        raise unreadable(path, "a PDF, not a table", "ask for the spreadsheet it was made from")
    encoding = _encoding(path, head)
    if re.match(r"\s*(<!doctype html|<html|<table|<meta|<head|<style)", _text(head), re.IGNORECASE):
        text = path.read_text(encoding, errors="replace")
        yield [Sheet(name, iter(lines)) for name, lines in page_sheets(text)]
        return
    if _text(head).lstrip().startswith("<?xml"):
        raise unreadable(path, "an XML file", "open it in the spreadsheet and save it as XLSX")
    with path.open("r", encoding=encoding, newline="") as stream:
        try:
            yield [Sheet("", _parsed(stream, path), remarks=_remarks(encoding))]
        except UnicodeError as error:
            raise _not_text(path) from error


def count_lines(path: Path) -> int:
    """Return how many lines a text file has; 0 for a workbook, whose rows nobody knows yet."""
    lines = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if not lines and chunk.startswith(_WORKBOOKS):
                return 0
            lines += chunk.count(b"\n")
    return lines


def _text(head: bytes) -> str:
    encoding = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "latin-1")
    return head[: len(head) // 2 * 2].decode(encoding, errors="replace")


def _remarks(encoding: str) -> tuple[str, ...]:
    if encoding != "cp1252":
        return ()
    return ("the file is not UTF-8; it was read as Windows-1252 (check letters with accents)",)


def _encoding(path: Path, head: bytes) -> str:
    """Return the encoding: by the mark at the beginning, else UTF-8 if all of it is, else cp1252.

    Raises InputError.
    """
    for bom, name in _BOMS.items():
        if head.startswith(bom):
            return name
    if b"\0" in head:
        raise _not_text(path)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _parsed(file: IO[str], path: Path) -> Lines:
    """Yield (line on which the row starts, its cells or why they cannot be read)."""
    first = list(islice(file, _SAMPLE))
    offset = 0
    named = re.fullmatch(r"sep=(.)\s*", first[0]) if first else None
    if named:  # what Excel writes to name the separator
        offset, first = 1, first[1:]
    delimiter = named[1] if named else _delimiter(first)
    reader = csv.reader(chain(first, file), delimiter=delimiter, strict=True)
    start = 1 + offset
    while True:
        try:
            for cells in reader:
                yield start, cells
                start = reader.line_num + 1 + offset
            return
        except csv.Error as error:
            what = f"the row cannot be read, to line {reader.line_num + offset} ({error})"
            fix = "look for a quotation mark that is not closed"
            yield start, Problem(path.name, start, 1, what, fix)
            start = reader.line_num + 1 + offset


def _delimiter(lines: Sequence[str]) -> str:
    """Return what parts cells: the sign of which most lines have the same number."""

    def steady(sign: str) -> tuple[int, int]:
        counts = Counter(number for line in bare if (number := line.count(sign)))
        return max(((lines, number) for number, lines in counts.items()), default=(0, 0))

    bare = [re.sub(r'"[^"]*"', "", line) for line in _not_blank(lines)]
    return max(_DELIMITERS, key=steady)


def _not_blank(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if line.strip())


def _not_text(path: Path) -> InputError:
    fix = "save it as XLSX, or choose Save As, CSV UTF-8 (comma delimited)"
    return unreadable(path, "neither a workbook nor text in UTF-8, UTF-16 or Windows-1252", fix)
