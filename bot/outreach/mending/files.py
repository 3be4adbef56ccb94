"""Rows to mend as a workbook for an office, and the same workbook when it comes back corrected.

Every row has a hidden reference with check characters: one that was damaged, or that belongs to
another survey, is noticed. So is a row whose name moved away from its reference, which is what
sorting a part of a sheet does.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xlsxwriter
from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.phones import holds_national_id
from bot.intake.tables import Column, InputError, Table, heading, open_table, written
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.mending.rows import (
    Content,
    closed,
    mend,
    opened,
    units_below,
    within,
)
from bot.outreach.roster.reasons import reason
from bot.outreach.roster.rows import COLUMNS, column_of
from storage.queries import mending as queries
from storage.queries import units as unit_queries
from storage.queries.mending import Reject

LINE, SHEET, REASON, CORRECTION, REFERENCE = "baris", "lembar", "alasan", "perbaikan", "rujukan"
OURS = (LINE, SHEET, REASON, CORRECTION, REFERENCE)
PAGE = 500
"""How many rows are opened at a time."""

_NAME = next(one for one in COLUMNS if one.name == "nama")
_COLUMNS = (
    Column(LINE),
    _NAME,
    Column(CORRECTION, (), required=True),
    Column(REFERENCE, (), required=True),
)
_Key = tuple[str, int]
"""What a column holds, and how many of the same a row has before it."""

_REFERENCE = re.compile(r"([1-9][0-9]{0,17})-([A-Z2-7]{4})")


@dataclass(slots=True)
class Mended:
    """What became of a corrected file. `counts` (by fate, "blank", "damaged") add up to `rows`."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        problems = [
            {"line": one.line, "column": one.column, "what": one.what, "fix": one.fix}
            for one in self.problems
        ]
        return {"rows": self.rows, "counts": dict(self.counts), "problems": problems}


# --- out ------------------------------------------------------------------------------------------


def write_files(
    installation: Installation, survey: str, folder: Path, unit_id: int | None = None
) -> dict[Path, int]:
    """Write a workbook per unit with its rows to mend, and return how many rows each has.

    Units without any get none. Raises UnknownSurvey, OSError, KeyDestroyed; InputError when people
    have been invited.
    """
    read = installation.database.read
    published = read(lambda connection: installation.surveys.named(connection, survey))
    if read(lambda connection: closed(connection, published)):
        raise InputError([too_late(survey)])
    names = {one.id: f"{one.code_list}-{one.code}" for one in read(unit_queries.every)}
    folder.mkdir(parents=True, exist_ok=True)
    units = read(lambda connection: units_below(connection, unit_id))
    by_unit: dict[int | None, list[tuple[Reject, Content]]] = {}
    for row, content in _rows_to_mend(installation, published, units):
        by_unit.setdefault(row.place, []).append((row, content))
    made: dict[Path, int] = {}
    for place, rows in by_unit.items():
        code = names[place] if place is not None else "tanpa-unit"
        path = folder / f"perbaikan-{re.sub(r'[^A-Za-z0-9.-]+', '_', code)}.xlsx"
        _write(installation, path, rows)
        made[path] = len(rows)
    return made


def write_file(
    installation: Installation, published: Published, units: Collection[int] | None, path: Path
) -> int:
    """Write one workbook with the rows to mend of some units (None: of all); return how many.

    Raises InputError when people have been invited.
    """
    if installation.database.read(lambda connection: closed(connection, published)):
        raise InputError([too_late(published.name)])
    rows = list(_rows_to_mend(installation, published, units))
    _write(installation, path, rows)
    return len(rows)


def too_late(survey: str) -> Problem:
    """Return why nothing is mended any more."""
    what = "people have been invited: what is mended now would show who was drawn"
    return Problem.about(survey, what, "keep it for the next survey")


def _rows_to_mend(
    installation: Installation, published: Published, units: Collection[int] | None
) -> Iterator[tuple[Reject, Content]]:
    after = 0
    while True:

        def work(connection: Connection, start: int = after) -> list[tuple[Reject, Content]]:
            rows = queries.open_rejects(connection, published.id, units, start, PAGE)
            return [(row, opened(connection, installation, row)) for row in rows]

        found = installation.database.read(work)
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1][0].id


def _write(installation: Installation, path: Path, rows: Sequence[tuple[Reject, Content]]) -> None:
    """Write a workbook whose cells are all text; the only one to fill in stands out."""
    columns = _columns(content for _, content in rows)
    titles = [LINE, SHEET, REASON, CORRECTION, *columns.values(), REFERENCE]
    with written(path, private=True, marked=False):
        pass  # made with the right mode; the library only fills it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with path.open("wb") as file, xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("Perbaikan")
        plain = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True})
        bold = book.add_format({"num_format": "@", "bold": True, "bottom": 1})
        empty = book.add_format({"num_format": "@", "bg_color": "#FFF4CC", "border": 1})
        last = len(titles) - 1
        sheet.set_column(0, 1, 8, plain)
        sheet.set_column(2, 2, 40, plain)
        sheet.set_column(3, 3, 24, empty)
        sheet.set_column(4, last, 18, plain)
        sheet.set_column(last, last, 12, plain, {"hidden": True})
        sheet.freeze_panes(1, 4)
        for place, title in enumerate(titles):
            sheet.write_string(0, place, title, bold)
        for number, (row, content) in enumerate(rows, start=1):
            why = reason(content.problems, row.kind)
            found = _cells(content)
            cells = [_shown(found[key][1]) if key in found else "" for key in columns]
            code = reference(installation, row)
            for place, text in enumerate([str(row.line), row.sheet, why, "", *cells, code]):
                sheet.write_string(number, place, text, empty if place == 3 else plain)
        if rows:
            _validate(sheet, len(rows))


def _validate(sheet: Any, rows: int) -> None:
    sheet.data_validation(
        1,
        3,
        rows,
        3,
        {
            "validate": "length",
            "criteria": "between",
            "minimum": 1,
            "maximum": 100,
            "input_title": "Perbaikan",
            "input_message": "Isi nomor yang benar, misalnya 0812-0000-0123. Kosongkan bila belum"
            " ada.",
            "error_title": "Terlalu panjang",
            "error_message": "Mohon isi satu nomor saja.",
        },
    )


def _columns(contents: Iterable[Content]) -> dict[_Key, str]:
    """Return all columns in the order in which rows have them, each with its first heading."""
    found: dict[_Key, str] = {}
    for content in contents:
        for key, (title, _) in _cells(content).items():
            found.setdefault(key, title)
    return found


def _cells(content: Content) -> dict[_Key, tuple[str, str]]:
    """Return a row's headings and cells by column, without our own columns.

    Files of one unit call the same thing "Nama Lengkap" and "NAMA": it stands in one column. Two
    numbers of one row stay apart, and a name stands there once, as it is compared on coming back.
    """
    found: dict[_Key, tuple[str, str]] = {}
    for title, text in content.cells.items():
        if heading(title) in OURS:
            continue
        what = column_of(title) or heading(title)
        if what == _NAME.name:
            found.setdefault((what, 0), (title, content.name))
        else:
            found[what, sum(one == what for one, _ in found)] = title, text
    return found


def _shown(cell: str) -> str:
    return "" if holds_national_id(cell) else cell


def reference(installation: Installation, row: Reject) -> str:
    """Return what leads back to a row: its id, and four characters that only we can make.

    They depend on where the row stood too, since ids of rows that went away may come again.
    """
    place = f"{row.survey_id}:{row.import_id}:{row.id}:{row.line}"
    digest = installation.keys.digest("mending", place)
    return f"{row.id}-{base64.b32encode(digest[:5]).decode()[:4]}"


# --- back in --------------------------------------------------------------------------------------


@contextmanager
def opened_file(path: Path) -> Iterator[Table]:
    """Open a corrected file, XLSX or CSV, by its own columns.

    Raises InputError for what is none, OSError.
    """
    with open_table(path, _COLUMNS) as table:
        if not {CORRECTION, REFERENCE} <= set(table.position):
            what, fix = "not a file of rows to mend", "send the file that we gave you, filled in"
            raise InputError([Problem(path.name, 1, 1, what, fix)])
        yield table


def mend_file(
    installation: Installation, survey: str, path: Path, units: Collection[int] | None = None
) -> Mended:
    """Apply a corrected file, a row a transaction; the same file again changes nothing.

    `units` are those that whoever sends it answers for. Raises InputError, UnknownSurvey.
    """
    read = installation.database.read
    published = read(lambda connection: installation.surveys.named(connection, survey))
    done = Mended()
    with opened_file(path) as table:
        if read(lambda connection: closed(connection, published)):
            raise InputError([too_late(survey)])
        for row in table.rows():
            done.rows += 1
            code, name, text = (row.get(one) for one in (REFERENCE, "nama", CORRECTION))
            reject_id = _lead_back(installation, code, name, units)
            if row.broken is not None or reject_id is None:
                done.counts["damaged"] += 1
                what = "the row and its hidden reference do not belong together any more"
                fix = "take the row from a fresh file and fill it in there"
                done.problems.append(row.broken or table.problem(row, REFERENCE, what, fix))
            elif not text:
                done.counts["blank"] += 1
            else:
                outcome = mend(installation, published, reject_id, text, units)
                done.counts[outcome.fate] += 1
                done.problems += [
                    table.problem(row, CORRECTION, one.what, one.fix) for one in outcome.problems
                ]
                if outcome.fate == "duplicate":
                    what = "the number stands on the roster already, and stays where it is"
                    fix = "write the person's own number"
                    done.problems.append(table.problem(row, CORRECTION, what, fix))
    return done


def _lead_back(
    installation: Installation, code: str, name: str, units: Collection[int] | None
) -> int | None:
    """Return the row that a reference leads to; None where it is damaged, or the name another's."""
    tidy = code.strip().upper()
    found = _REFERENCE.fullmatch(tidy)
    if found is None:
        return None
    reject_id = int(found[1])

    def fits(connection: Connection) -> bool:
        row = queries.reject(connection, reject_id)
        if row is None or not hmac.compare_digest(reference(installation, row), tidy):
            return False
        if not within(row, units) or row.status != "open":
            return True  # `mend` says what is to be said of it
        known = opened(connection, installation, row).name
        return not name or _squeezed(name) == _squeezed(_shown(known))

    return reject_id if installation.database.read(fits) else None


def _squeezed(text: str) -> str:
    return " ".join(text.casefold().split())
