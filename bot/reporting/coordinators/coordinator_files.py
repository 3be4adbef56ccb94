"""Coordinators as a file says them, and the file that an operator edits and gives back.

A cell that is empty leaves an absence or a deputy as it is, `-` ends it; a column that is not in
the file leaves everything of its kind as it is.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import xlsxwriter

from bot.flow.source import Problem
from bot.intake.phones import read_phone
from bot.intake.tables import Column, InputError, Row, Table, did_you_mean, safe_cell, written
from bot.reporting.units import Hierarchy
from storage.queries.reports import UnitRow

DEFAULT_HOUR = "07:45"
KINDS = ("admin", "pimpinan")
DAYS = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
NONE = "-"

COLUMNS = (
    Column("post", ("pos", "nomor_pos", "id")),
    Column(
        "phone",
        ("hp", "hp_wa", "no_hp", "no_wa", "nomor", "telepon", "whatsapp"),
        required=True,
        title="hp",
    ),
    Column("unit", ("kode_unit", "unit_code", "kode", "code", "opd")),
    Column("code_list", ("daftar_kode", "list", "daftar")),
    Column("hour", ("jam", "pukul", "waktu")),
    Column("name", ("nama",)),
    Column("kind", ("jenis", "peran", "role")),
    Column("weekday", ("hari", "day")),
    Column("away_from", ("cuti_dari", "berhalangan_dari", "mulai_cuti")),
    Column("away_until", ("cuti_sampai", "berhalangan_sampai", "akhir_cuti")),
    Column("deputy", ("pengganti", "wakil", "hp_pengganti")),
)
HEADINGS = (
    *("post", "unit", "unit_name", "kind", "weekday", "hour", "phone", "name"),
    *("away_from", "away_until", "deputy"),
)
"""The columns of an export; `unit_name` is for people and is not read."""

_HOUR = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)(?::00)?")
_ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAYS = {name: number for days in (DAYS, _ENGLISH) for number, name in enumerate(days)}
_WEEKDAYS |= {"jum'at": 4, "jumaat": 4, "ahad": 6}
_DATES = (
    re.compile(r"(?P<y>20\d\d)-(?P<m>\d\d?)-(?P<d>\d\d?)(?: 00:00:00)?"),
    re.compile(r"(?P<d>\d\d?)[/.-](?P<m>\d\d?)[/.-](?P<y>20\d\d)"),
)

Complain = Callable[[str, str, str], None]
"""Takes a column, what is wrong, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One row, understood. What is None (of `away` and `deputy`: is not said) stays as it is.

    `phone` is "" where the post keeps its holder; `deputy` "" and `away` () say that there is none.
    `keeps_unit`: the file has no units, so that a post which it names keeps its own.
    """

    post: int | None
    phone: str
    unit: UnitRow | None
    minute: int | None
    name: str | None
    kind: str | None
    weekday: int | None
    away: tuple[date, date] | tuple[()] | None
    deputy: str | None
    keeps_unit: bool = False


@dataclass(slots=True)
class Reader:
    """Understands rows and gathers what is wrong with them."""

    hierarchy: Hierarchy
    region: str
    problems: list[Problem] = field(default_factory=list)

    def read(
        self, cells: Mapping[str, str], there: frozenset[str], complain: Complain
    ) -> Wanted | None:
        """Return what a row wants, or None after complaining; `there` are the file's columns."""
        before = len(self.problems)
        kind = self._kind(cells, there, complain)
        wanted = Wanted(
            self._post(cells, complain),
            self._phone(cells, "phone", complain, needed=not cells.get("post")),
            self._unit(cells, complain),
            self._minute(cells, complain) if "hour" in there else None,
            cells.get("name", "") if "name" in there else None,
            kind,
            self._weekday(cells, kind, complain),
            self._away(cells, complain),
            self._deputy(cells, complain),
            keeps_unit="unit" not in there,
        )
        return wanted if len(self.problems) == before else None

    @staticmethod
    def _post(cells: Mapping[str, str], complain: Complain) -> int | None:
        text = cells.get("post", "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 16):
            complain("post", "not the number of a post", "leave it as the export wrote it")
            return None
        return int(text) if text else None

    def _phone(
        self, cells: Mapping[str, str], column: str, complain: Complain, *, needed: bool = True
    ) -> str:
        text = cells.get(column, "")
        if not text and not needed:
            return ""
        read = read_phone(text, self.region)
        if read.e164 is None:
            what = "no mobile number can be read here"
            complain(column, what, "write one number, as 0812-0000-0123")
        elif read.others:
            what = "there are two numbers in one cell"
            complain(column, what, "keep the one that has WhatsApp")
        return read.e164 or ""

    @staticmethod
    def _minute(cells: Mapping[str, str], complain: Complain) -> int:
        found = _HOUR.fullmatch(cells.get("hour", "") or DEFAULT_HOUR)
        if found is None:
            complain("hour", "not an hour of the day", "write it as 07:45")
            return 0
        return int(found[1]) * 60 + int(found[2])

    def _unit(self, cells: Mapping[str, str], complain: Complain) -> UnitRow | None:
        text = cells.get("unit", "")
        if not text:
            return None
        first, colon, rest = text.partition(":")
        code = rest.strip() if colon else text
        code_list = (first if colon else cells.get("code_list", "")).strip().casefold()
        units = self.hierarchy.units.values()
        found = [one for one in units if one.code == code and code_list in ("", one.code_list)]
        if len(found) == 1 and (code_list or not code.isdigit()):
            return found[0]
        if found:
            # The lists of Kemendagri and BPS give the same digits to different places.
            lists = " or ".join(sorted({f"{one.code_list}:{code}" for one in found}))
            complain("unit", f"{code!r} does not say which code list", f"write {lists}")
        else:
            names = [f"{one.code_list}:{one.code}" for one in units]
            given = f"{code_list}:{code}" if code_list else code
            complain("unit", f"there is no unit {given!r}", did_you_mean(given, names))
        return None

    @staticmethod
    def _kind(cells: Mapping[str, str], there: frozenset[str], complain: Complain) -> str | None:
        text = cells.get("kind", "").casefold()
        if not text:
            return "admin" if "kind" in there else None
        if text not in KINDS:
            complain("kind", "no kind of post", "write admin or pimpinan")
        return text

    @staticmethod
    def _weekday(cells: Mapping[str, str], kind: str | None, complain: Complain) -> int | None:
        text = cells.get("weekday", "").casefold()
        if not text:
            return None
        if kind == "admin":
            what = "an admin hears every day"
            complain("weekday", what, "leave it empty, or write pimpinan under kind")
        elif text not in _WEEKDAYS:
            complain("weekday", "not a day of the week", "write senin, selasa, …")
        return _WEEKDAYS.get(text)

    @staticmethod
    def _away(cells: Mapping[str, str], complain: Complain) -> tuple[date, date] | tuple[()] | None:
        first, last = cells.get("away_from", ""), cells.get("away_until", "")
        if not first and not last:
            return None
        if {first, last} <= {NONE, ""}:
            return ()
        days = []
        for column, text in (("away_from", first), ("away_until", last)):
            read = read_date(text)
            if read is None:
                complain(column, "not a date", "write it as 2027-01-31, or - for no absence")
            else:
                days.append(read)
        if len(days) == 2 and days[0] > days[1]:
            complain("away_until", "before its beginning", "exchange the two days")
        return (days[0], days[1]) if len(days) == 2 else ()

    def _deputy(self, cells: Mapping[str, str], complain: Complain) -> str | None:
        text = cells.get("deputy", "")
        if text in ("", NONE):
            return "" if text else None
        return self._phone(cells, "deputy", complain)


def read_date(text: str) -> date | None:
    """Return a day as spreadsheets and people write it, or None."""
    for form in _DATES:
        found = form.fullmatch(text.strip())
        if found:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                return None
    return None


def read_table(table: Table, reader: Reader) -> list[tuple[Wanted, Row]]:
    """Return all rows of a file. Raises InputError with everything that is wrong with them."""
    there = frozenset(table.position)
    wanted: list[tuple[Wanted, Row]] = []
    lines: dict[tuple[object, ...], int] = {}
    for row in table.rows():
        if row.broken is not None:
            reader.problems.append(row.broken)
            continue

        def complain(column: str, what: str, fix: str, row: Row = row) -> None:
            reader.problems.append(table.problem(row, column, what, fix))

        one = reader.read({name: cell.strip() for name, cell in row.cells.items()}, there, complain)
        if one is None:
            continue
        keys: list[tuple[object, ...]] = [("post", one.post)] if one.post is not None else []
        if one.phone and not (one.keeps_unit and one.post is not None):
            keys.append((one.phone, one.unit.id if one.unit else None))
        for key in keys:
            if key in lines:
                said = "post" if key[0] == "post" else "number and unit"
                column = "post" if key[0] == "post" else "phone"
                complain(column, f"the same {said} as in line {lines[key]}", _REMOVE)
            lines.setdefault(key, row.line)
        wanted.append((one, row))
    if not wanted and not reader.problems:
        what, fix = "there are no rows below the headings", "add a row for each coordinator"
        reader.problems.append(Problem(table.path.name, 1, 1, what, fix))
    if reader.problems:
        raise InputError(reader.problems)
    return wanted


_REMOVE = "remove one of the two"


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write posts as CSV or XLSX, for the file's owner alone."""
    if path.suffix.lower() != ".xlsx":
        with written(path, private=True) as file:
            out = csv.writer(file)
            out.writerow(HEADINGS)
            out.writerows([safe_cell(row.get(name, "")) for name in HEADINGS] for row in rows)
        return
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    path.chmod(0o600)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet("koordinator")
        sheet.write_row(0, 0, HEADINGS, book.add_format({"bold": True}))
        as_text = book.add_format({"num_format": "@"})
        for number, row in enumerate(rows, 1):
            for place, name in enumerate(HEADINGS):
                sheet.write_string(number, place, row.get(name, ""), as_text)
        # New rows too: a number typed into a cell of numbers loses its zero.
        sheet.set_column(0, len(HEADINGS) - 1, 18, as_text)
        last = max(len(rows), 1) + 200
        column = HEADINGS.index("kind")
        sheet.data_validation(1, column, last, column, {"validate": "list", "source": list(KINDS)})
        sheet.freeze_panes(1, 0)
