"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS) as sheets of text cells.

calamine reads the cells: of formulas the values that the spreadsheet kept. What it cannot tell of
an XLSX (hidden columns, formulas that failed) is read from the file itself.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
    XmlError,
    ZipError,
)

from bot.intake.errors import InputError, unreadable

# A workbook is held in memory as a whole, and a small file may unpack to anything.
MAX_UNPACKED = 400_000_000
_ACROSS = 3  # a cell merged over so many columns is a title
_FAULTS = (CalamineError, PasswordError, XmlError, ZipError, zipfile.BadZipFile, OSError)
# The EncryptedPackage stream of an encrypted XLSX, named in UTF-16 in the container's directory.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

Cell = tuple[int, int]  # row, column; from 0


@dataclass(frozen=True, slots=True)
class WorkbookSheet:
    """A sheet's rows by line (from 1), and what of it the office does not see."""

    name: str
    lines: Iterable[tuple[int, list[str]]]
    hidden: frozenset[int]
    across: frozenset[int]
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class _Unseen:
    """What calamine does not tell of a sheet."""

    hidden: frozenset[int] = frozenset()
    errors: Mapping[Cell, str] = field(default_factory=dict)


def workbook_sheets(path: Path) -> list[WorkbookSheet]:
    """Return the sheets of a workbook that hold anything. Raises InputError."""
    _check_size(path)
    try:
        with path.open("rb") as file:
            book = CalamineWorkbook.from_filelike(file)
            unseen = _unseen(path)
            return [
                _sheet(book.get_sheet_by_name(one.name), one.visible, unseen.get(one.name))
                for one in book.sheets_metadata
                if "Sheet" in str(one.typ) and book.get_sheet_by_name(one.name).height
            ]
    except PasswordError as error:
        raise _locked(path) from error
    except _FAULTS as error:
        if path.read_bytes().find(_ENCRYPTED) >= 0:
            raise _locked(path) from error
        what = "not a workbook that can be read (damaged, or cut off on its way)"
        raise unreadable(path, what, "open it in the spreadsheet and save it again") from error


def cell_text(value: Any) -> str:
    """Return a cell as text: whole numbers without a fraction, dates as 2027-01-31.

    A whole number of more than 15 digits has lost its last ones; all the same its length tells what
    it was.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _check_size(path: Path) -> None:
    """Refuse what would unpack to more than a list of people can be. Raises InputError."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        total = sum(one.file_size for one in archive.infolist())
    if total > MAX_UNPACKED:
        what = f"unpacks to {total // 1_000_000} MB, more than {MAX_UNPACKED // 1_000_000} MB"
        raise unreadable(path, what, "save it as CSV UTF-8, which is read row by row")


def _locked(path: Path) -> InputError:
    fix = "open it in the spreadsheet, remove the password, save it and send it again"
    return unreadable(path, "protected with a password", fix)


def _sheet(
    sheet: CalamineSheet, visible: SheetVisibleEnum, unseen: _Unseen | None
) -> WorkbookSheet:
    unseen = unseen or _Unseen()
    merged = sheet.merged_cell_ranges or []
    across = {first[0] + 1 for first, last in merged if last[1] - first[1] + 1 >= _ACROSS}
    down = {
        (row, first[1]): first
        for first, last in merged
        if first[1] == last[1]
        for row in range(first[0] + 1, min(last[0], sheet.total_height) + 1)
    }
    return WorkbookSheet(
        sheet.name,
        _lines(sheet, down, unseen.errors),
        unseen.hidden,
        frozenset(across),
        visible != SheetVisibleEnum.Visible,
    )


def _lines(
    sheet: CalamineSheet, down: Mapping[Cell, Cell], errors: Mapping[Cell, str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield a sheet's rows; a cell that is merged downwards stands in each of them."""
    left = [""] * (sheet.start[1] if sheet.start else 0)
    corners: dict[Cell, str] = dict.fromkeys(down.values(), "")
    changed = {row for row, _ in (*down, *corners, *errors)}
    for row, values in enumerate(sheet.iter_rows()):
        cells = left + [value if type(value) is str else cell_text(value) for value in values]
        if row in changed:
            for column in range(len(cells)):
                place = (row, column)
                cells[column] = cells[column] or errors.get(place, "")
                if place in down:
                    cells[column] = cells[column] or corners[down[place]]
                if place in corners:
                    corners[place] = cells[column]
        yield row + 1, cells


# --- What calamine does not tell ------------------------------------------------------------------

_COLUMN = re.compile(rb"<(?:\w+:)?col ([^>]*)>")
_FAILED = re.compile(
    rb"<(?:\w+:)?c (?=[^>]*\bt=\"e\")[^>]*\br=\"([A-Z]{1,3})([0-9]+)\"[^>]*>"
    rb"(?:(?!</(?:\w+:)?c>).){0,2000}?<(?:\w+:)?v>(#[^<]{1,20})</",
    re.DOTALL,
)
_STEP = 1 << 20
_OVERLAP = 4096


def _unseen(path: Path) -> dict[str, _Unseen]:
    """Return, by sheet of an XLSX, its hidden columns and failed formulas; nothing for others."""
    if not zipfile.is_zipfile(path):
        return {}
    import openpyxl  # slow to import, and rarely needed

    try:
        book = openpyxl.load_workbook(path, read_only=True)
        # openpyxl knows which part of the file a sheet is, and has no public name for it.
        parts = {sheet.title: str(vars(sheet)["_worksheet_path"]) for sheet in book.worksheets}
        book.close()
    except Exception:  # what calamine reads and openpyxl does not: an ODS, an XLSB
        return {}
    with zipfile.ZipFile(path) as archive:
        return {name: _scan(archive, part) for name, part in parts.items()}


def _scan(archive: zipfile.ZipFile, part: str) -> _Unseen:
    from openpyxl.utils import column_index_from_string

    hidden: set[int] = set()
    errors: dict[Cell, str] = {}
    with archive.open(part) as file:
        held = b""
        while chunk := file.read(_STEP):
            held += chunk
            if not hidden:
                hidden = _hidden(held)
            if b't="e"' in held:
                for column, row, text in _FAILED.findall(held):
                    place = (int(row) - 1, column_index_from_string(column.decode()) - 1)
                    errors[place] = text.decode()
            held = held[-_OVERLAP:]
    return _Unseen(frozenset(hidden), errors)


def _hidden(content: bytes) -> set[int]:
    hidden: set[int] = set()
    for found in _COLUMN.findall(content):
        marks = dict(re.findall(rb"(\w+)=\"([^\"]*)\"", found))
        if marks.get(b"hidden") in {b"1", b"true"}:
            # "From here to the last column of all" is a usual way to hide what is empty.
            first, last = int(marks[b"min"]), int(marks[b"max"])
            hidden.update(range(first - 1, min(last, 1000)))
    return hidden
