"""Files as offices really send them, made here: every kind of mess, and what is in each.

A case names the file, makes it, and says which numbers a reader must get from it, how many rows
there are, and which lines are nobody's rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl

DATA = Path(__file__).parent / "data"
N = [f"+62812000001{n:02d}" for n in range(100)]
"""Invented numbers."""

HEADINGS = ["kelompok", "nama", "hp_wa", "email", "unit"]


@dataclass(frozen=True)
class Mess:
    """A file, the numbers (None: the row has none) by place, and the lines that are no rows."""

    name: str
    write: Callable[[Path], None]
    rows: Mapping[tuple[str, int], str | None]
    left_out: frozenset[tuple[str, int]] = frozenset()
    guesses: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return the name that tests show."""
        return self.name


def person(n: int, phone: Any, unit: str = "own:U1") -> list[Any]:
    """Return the cells of an invented person."""
    return ["internal", f"Contoh {n}", phone, "", unit]


def book(sheets: Mapping[str, Sequence[Any]], change: Callable[[Any], None] | None = None) -> Any:
    """Return a writer of a workbook with these sheets."""

    def write(path: Path) -> None:
        made = openpyxl.Workbook()
        made.remove(made.worksheets[0])
        for name, lines in sheets.items():
            sheet = made.create_sheet(name)
            for number, cells in enumerate(lines, start=1):
                for column, value in enumerate(cells, start=1):
                    if value not in (None, ""):
                        sheet.cell(number, column, value)
        if change is not None:
            change(made)
        made.save(path)

    return write


def text(
    lines: Sequence[Sequence[Any]], mark: str = ",", encoding: str = "utf-8", end: str = "\r\n"
) -> Callable[[Path], None]:
    """Return a writer of a CSV file."""

    def write(path: Path) -> None:
        into = io.StringIO()
        csv.writer(into, delimiter=mark, lineterminator=end).writerows(lines)
        path.write_bytes(into.getvalue().encode(encoding))

    return write


def raw(content: str | bytes) -> Callable[[Path], None]:
    """Return a writer of exactly this."""

    def write(path: Path) -> None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def _merge(*ranges: str) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        for one in ranges:
            made.worksheets[0].merge_cells(one)

    return change


def _hide(column: str) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        made.worksheets[0].column_dimensions[column].hidden = True

    return change


def _failed(made: Any) -> None:
    sheet = made.worksheets[0]
    sheet["C3"] = "#REF!"
    sheet["C3"].data_type = "e"


def _hide_sheet(made: Any) -> None:
    made.worksheets[1].sheet_state = "hidden"


TITLED: list[list[Any]] = [
    ["DAFTAR PEGAWAI DINAS CONTOH"],
    ["KABUPATEN CONTOH TAHUN 2027"],
    [],
    ["No", "Nama Lengkap", "No. HP", "e-mail", "Nama OPD", "Kelompok"],
    ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"],
    [1, "Contoh 1", "081200000101", "", "Dinas Contoh", "internal"],
    [2, "Contoh 2", 81200000102, "", "Dinas Contoh", "internal"],
    ["", "Jumlah", 2],
    [],
    ["", "", "", "", "Kota Contoh, 12 Mei 2027"],
    ["", "Mengetahui,", "", "", "Petugas,"],
    ["", "Kepala Dinas Contoh"],
    [],
    ["", "Dra. Contoh Pejabat, M.Si."],
    ["", "NIP. 19700101 199503 1 001"],
]
TITLED_ROWS = {("Lembar", 6): N[1], ("Lembar", 7): N[2]}
TITLED_NOTES = frozenset(("Lembar", line) for line in (5, 8, 10, 11, 12, 14, 15))

TWO_LINES: list[list[Any]] = [
    ["No", "Nama", "Kelompok", "Kontak", "", "Unit"],
    ["", "", "", "No HP", "Email", ""],
    [1, "Contoh 1", "internal", "0812-0000-0101", "", "own:U1"],
    [2, "Contoh 2", "internal", "0812-0000-0102", "", ""],
]

PAGE = f"""<html><head><style>td {{mso: x}}</style></head><body><table>
<tr><td colspan=5><b>Laporan</b></td></tr>
<tr><th>Kelompok</th><th>Nama</th><th>No HP</th><th>Email</th><th>Unit</th></tr>
<tr><td>internal</td><td>Contoh&nbsp;1</td><td>{N[1]}</td><td></td><td rowspan=2>own:U1</td></tr>
<tr><td>internal<td>Contoh 2<td>081200000102<br><td></tr></table></body></html>"""


def plain(*phones: Any) -> list[list[Any]]:
    """Return headings and a person for each number."""
    return [HEADINGS, *[person(n, phone) for n, phone in enumerate(phones, start=1)]]


def rows(*numbers: str | None, sheet: str = "", first: int = 2) -> dict[tuple[str, int], Any]:
    """Return numbers by place, line after line."""
    return {(sheet, line): number for line, number in enumerate(numbers, start=first)}


BAD_UTF8 = [HEADINGS, ["internal", "Renée Contoh", "081200000101", "", "own:U1"]]

MESSES = (
    Mess("semicolons.csv", text(plain("081200000101"), ";"), rows(N[1])),
    Mess("tabs.txt", text(plain("081200000101"), "\t", end="\n"), rows(N[1])),
    Mess("bars.csv", text(plain("081200000101"), "|"), rows(N[1])),
    Mess("utf8-bom.csv", text(plain("081200000101"), ",", "utf-8-sig"), rows(N[1])),
    Mess("utf16.csv", text(plain("081200000101", "81200000102"), "\t", "utf-16"), rows(N[1], N[2])),
    Mess("cp1252.csv", text(BAD_UTF8, ";", "cp1252"), rows(N[1])),
    Mess(
        "titled.csv",
        text([["Daftar pegawai, bagian umum, 2027"], [], *plain("081200000101", "#####")], ";"),
        {("", 4): N[1], ("", 5): None},
    ),
    Mess("titled.xlsx", book({"Lembar": TITLED}, _merge("A1:F1", "A2:F2")),
         TITLED_ROWS, TITLED_NOTES),
    Mess(
        "two-lines.xlsx",
        book({"A": TWO_LINES}, _merge("A1:A2", "B1:B2", "C1:C2", "D1:E1", "F1:F2", "F3:F4")),
        rows(N[1], N[2], sheet="A", first=3),
    ),
    Mess(
        "two-lines.csv",
        text([*TWO_LINES[:3], [*TWO_LINES[3][:5], "own:U1"]]),
        rows(N[1], N[2], first=3),
        guesses=frozenset({"Kontak No HP", "Kontak Email"}),
    ),
    Mess(
        "sheets.xlsx",
        book(
            {
                "Petunjuk": [["Isi lembar berikut dengan benar"]],
                "Internal": plain("081200000101", "081200000102"),
                "Eksternal": [
                    ["Unit", "No HP", "Catatan", "Nama", "Kelompok"],
                    ["own:U1", 81200000103, "loket", "Contoh 3", "eksternal"],
                ],
            }
        ),
        rows(N[1], N[2], sheet="Internal") | rows(N[3], sheet="Eksternal"),
        frozenset({("Petunjuk", 0)}),
    ),
    Mess(
        "hidden-sheet.xlsx",
        book({"A": plain("081200000101"), "Lama": plain("081200000102")}, _hide_sheet),
        rows(N[1], sheet="A"),
        frozenset({("Lama", 0)}),
    ),
    Mess(
        "hidden-column.xlsx",
        book(
            {
                "A": [
                    ["kelompok", "nama", "no_wa", "unit", "whatsapp"],
                    ["internal", "Contoh 1", "081200000109", "own:U1", "081200000101"],
                ]
            },
            _hide("C"),
        ),
        rows(N[1], sheet="A"),
    ),
    Mess(
        "numbers.xlsx",
        book(
            {
                "A": plain(
                    81200000101, 6281200000102, 81200000103.0, 6371011234560001,
                    198602152010011008, 6281230000000, "6.28E+12", "081200000104 / 081200000105",
                )
            }
        ),
        rows(N[1], N[2], N[3], None, None, None, None, N[4], sheet="A"),
    ),
    Mess("failed.xlsx", book({"A": plain("081200000101", "x", "081200000103")}, _failed),
         rows(N[1], None, N[3], sheet="A")),
    Mess(
        "typing-errors.xlsx",
        book(
            {
                "A": [
                    ["Kelompk", "Nama Lengkpa", "Nomer WA aktif", "Emial", "Nama OPD", "Umur"],
                    ["internal", "Contoh 1", "081200000101", "", "Dinas Contoh", 40],
                ]
            }
        ),
        rows(N[1], sheet="A"),
        guesses=frozenset({"Kelompk", "Nama Lengkpa", "Nomer WA aktif", "Emial"}),
    ),
    Mess(
        "two-phones.csv",
        text(
            [
                ["Kelompok", "Nama", "No HP", "No WA", "Unit"],
                ["internal", "Contoh 1", "081200000102", "081200000101", "own:U1"],
                ["internal", "Contoh 2", "081200000103", "", "own:U1"],
            ]
        ),
        rows(N[1], N[3]),
    ),
    Mess(
        "pages.csv",
        text([*plain("081200000101"), HEADINGS, person(2, "081200000102"), ["Keterangan: habis"]]),
        {("", 2): N[1], ("", 4): N[2]},
        frozenset({("", 3), ("", 5)}),
    ),
    Mess("dates.xlsx",
         book({"A": [[*HEADINGS, "TMT"], [*person(1, "081200000101"), date(2020, 1, 31)]]}),
         rows(N[1], sheet="A")),
    Mess("page.xls", raw(PAGE), rows(N[1], N[2], first=3)),
    Mess("really-csv.xls", text(plain("081200000101"), ";"), rows(N[1])),
    Mess("really-xlsx.csv", book({"A": plain("081200000101")}), rows(N[1], sheet="A")),
    Mess(
        "old.xls",
        raw((DATA / "old.xls").read_bytes()),
        rows(N[1], N[2], sheet="Pegawai", first=4),
        frozenset({("Pegawai", 6)}),
    ),
    Mess("broken-row.csv", raw('kelompok,nama,hp_wa,unit\ninternal,"a"b,0812,U1\n'
                               "internal,B,081200000101,own:U1\n"), rows(None, N[1])),
)  # fmt: skip
