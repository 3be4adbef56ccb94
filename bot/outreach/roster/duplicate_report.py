"""Duplicates as an operator sees them: a list, and a workbook to decide in and give back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook
from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError, heading
from bot.interview.installation import Installation
from bot.outreach.roster.decisions import KEEPS, Keep
from bot.outreach.roster.duplicates import CHUNK, Decision, Hint, Kind
from bot.outreach.roster.number_moves import open_other, open_row
from storage.queries import duplicates as queries
from storage.queries import units as unit_queries
from storage.queries.duplicates import Found, Row
from storage.queries.units import UnitRow

_PLACE = ("unit", "unit_name", "group", "file", "line", "name")
_HEADINGS = (
    *("id", "kind", "hint", "decision", "counts"),
    *(f"first_{one}" for one in _PLACE),
    *(f"other_{one}" for one in _PLACE),
    "keep",
)
Counts = Literal["first", "other", "both", "neither"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands, and as whom. `line` is 0 where it is not known any more."""

    unit_list: str
    unit: str
    unit_name: str
    group: str
    file: str
    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Somebody who stands there twice. `counts` says which of the two may be invited."""

    id: int
    kind: Kind
    hint: Hint
    decision: Decision
    holds: bool
    counts: Counts
    first: Place
    other: Place

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def listed(installation: Installation, survey: str, *, only_open: bool = False) -> list[Duplicate]:
    """Return a survey's duplicates by id, no more of a person than the operator needs.

    Raises UnknownSurvey, KeyDestroyed.
    """

    def work(connection: Connection) -> list[Duplicate]:
        published = installation.surveys.named(connection, survey)
        found = queries.every(connection, published.id, only_open=only_open)
        units = {unit.id: unit for unit in unit_queries.every(connection)}
        files = queries.file_names(connection, published.id)
        made = []
        for start in range(0, len(found), CHUNK):
            chunk = found[start : start + CHUNK]
            ids = {one.row_id for one in chunk} | {one.other_id or 0 for one in chunk}
            rows = queries.rows(connection, sorted(ids))
            made += [_listed(connection, installation, one, rows, units, files) for one in chunk]
        return made

    return installation.database.read(work)


def write_duplicates(rows: Sequence[Duplicate], path: Path) -> None:
    """Write duplicates as a workbook, for its owner alone, with a column for the decisions."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    path.chmod(0o600)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet("duplicates")
        bold = book.add_format({"bold": True})
        sheet.write_row(0, 0, _HEADINGS, bold)
        for number, one in enumerate(rows, 1):
            cells = [
                *(one.kind, one.hint, one.decision, one.counts),
                *(_cells(one.first)),
                *(_cells(one.other)),
            ]
            sheet.write_number(number, 0, one.id)
            for place, cell in enumerate(cells, 1):
                sheet.write(number, place, cell)
        last = len(_HEADINGS) - 1
        sheet.data_validation(
            *(1, last, max(len(rows), 1), last), {"validate": "list", "source": list(KEEPS)}
        )
        sheet.freeze_panes(1, 0)
        sheet.autofit()


def read_decisions(path: Path) -> dict[int, Keep]:
    """Return the decisions that were written into such a workbook, by id.

    Lines without one are passed over. Raises InputError, OSError.
    """
    with path.open("rb"):
        pass  # a file that is not there is told as such
    try:
        rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    except CalamineError as error:
        fix = "give the file that `tautan roster duplicates -o` has written"
        raise InputError([Problem(path.name, 1, 1, "not a workbook (XLSX)", fix)]) from error
    titles = [heading(str(cell)) for cell in rows[0]] if rows else []
    if "id" not in titles or "keep" not in titles:
        what, fix = "no columns `id` and `keep`", "keep the headings as they were written"
        raise InputError([Problem(path.name, 1, 1, what, fix)])
    where, what_place = titles.index("id"), titles.index("keep")
    found: dict[int, Keep] = {}
    problems = []
    for line, cells in enumerate(rows[1:], 2):
        text = str(cells[what_place]).strip().casefold()
        if not text:
            continue
        number = str(cells[where]).removesuffix(".0")
        keep = next((one for one in KEEPS if one == text), None)
        if keep is None:
            fix = "write " + ", ".join(KEEPS[:-1]) + f" or {KEEPS[-1]}"
            problems.append(Problem(path.name, line, what_place + 1, f"keep: {text!r}", fix))
        elif not number.isdecimal():
            fix = "leave the numbers in this column as they were"
            problems.append(Problem(path.name, line, where + 1, "no id", fix))
        else:
            found[int(number)] = keep
    if problems:
        raise InputError(problems)
    return found


# --- details --------------------------------------------------------------------------------------


def _listed(
    connection: Connection,
    installation: Installation,
    one: Found,
    rows: Mapping[int, Row],
    units: Mapping[int, UnitRow],
    files: Mapping[int, str],
) -> Duplicate:
    row = rows[one.row_id]
    name = str(open_row(connection, installation, row).get("name", ""))
    mine = _place(units[row.unit_id], row.grp, files.get(row.import_id or 0, ""), 0, name)
    second = rows.get(one.other_id or 0)
    hint: Hint = ""
    swapped = False
    if one.sealed is not None:
        sealed = open_other(connection, installation, one)
        name, hint = str(sealed["person"].get("name", "")), sealed.get("hint", "")
        swapped = bool(sealed.get("swapped"))
    elif second is not None:
        name = str(open_row(connection, installation, second).get("name", ""))
    file = files.get((second.import_id if second else one.import_id) or 0, "")
    theirs = _place(units[one.unit_id], one.grp, file, one.line, name)
    if swapped:
        # The line is of the one that was read later, wherever it stands now.
        mine, theirs = replace(mine, line=theirs.line), replace(theirs, line=0)
    return Duplicate(
        id=one.id,
        kind=one.kind,  # type: ignore[arg-type]
        hint=hint,
        decision=one.decision,  # type: ignore[arg-type]
        holds=one.holds and one.decision == "open",
        counts=_counts(one, row, second, swapped=swapped),
        first=theirs if swapped else mine,
        other=mine if swapped else theirs,
    )


def _counts(one: Found, row: Row, second: Row | None, *, swapped: bool) -> Counts:
    waits = one.holds and one.decision == "open"
    if second is None:
        if waits or row.removed:
            return "neither"
        return "other" if swapped else "first"
    standing = (not row.removed, not (second.removed or waits))
    if standing == (True, True):
        return "both"
    return "first" if standing[0] else "other" if standing[1] else "neither"


def _place(unit: UnitRow, group: str, file: str, line: int, name: str) -> Place:
    return Place(unit.code_list, unit.code, unit.name, group, file, line, name)


def _cells(place: Place) -> tuple[str | int, ...]:
    unit = f"{place.unit_list}:{place.unit}"
    return (unit, place.unit_name, place.group, place.file, place.line or "", place.name)
