"""The workbook of rows to mend: what an office gets, and what comes back."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.mending.files import mend_file, opened_file, write_files
from bot.outreach.roster.importing import import_roster
from storage.models import RosterReject, RosterRow
from tests.mending import list_of
from tests.rows import count, rows
from tests.setup import add_unit, installation, publish_bundled

NIK = "6371011234560001"


@dataclass
class Place:
    """An installation with the bundled survey and two units."""

    here: Installation
    survey: Published
    unit: int
    other: int


@pytest.fixture
def place(either_url):
    with installation(either_url) as here:
        units = [add_unit(here, name, code=code) for name, code in UNITS]
        yield Place(here, publish_bundled(here), *units)


UNITS = (("Dinas Contoh", "U1"), ("Dinas Kedua", "U2"))


PEOPLE = (("Ani Contoh", "0511-3301234"), ("Budi Contoh", ""), ("Cici Contoh", NIK))


def written(place, folder, people=PEOPLE):
    list_of(place.here, place.survey, place.unit, people)
    (path,) = write_files(place.here, "integritas", folder)
    return path


def sheet_of(path: Path) -> Any:
    """Return the one sheet of a workbook."""
    return openpyxl.load_workbook(path).active


def filled(path, corrections, edit=None):
    """Fill the column "perbaikan" in, as an office does, and save the file."""
    book: Any = openpyxl.load_workbook(path)
    sheet = book.active
    for line, text in corrections.items():
        sheet.cell(line, 4).value = text
    if edit:
        edit(sheet)
    book.save(path)
    return path


def test_an_office_gets_its_rows_the_reason_and_a_column_to_fill_in(place, tmp_path):
    path = written(place, tmp_path)
    assert path.name == "perbaikan-own-U1.xlsx"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sheet = sheet_of(path)
    table = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    assert table[0] == [
        *("baris", "lembar", "alasan", "perbaikan"),
        *("Kelompok", "Nama", "No HP", "TMT", "rujukan"),
    ]
    assert [row[:3] for row in table[1:]] == [
        ["2", "", "nomor telepon kantor atau rumah, biasanya tanpa WhatsApp"],
        ["3", "", "belum ada nomor HP"],
        ["4", "", "berisi NIK atau NIP, bukan nomor HP"],
    ]
    assert sheet.column_dimensions["I"].hidden
    assert sheet["D2"].number_format == "@"
    assert [str(one.sqref) for one in sheet.data_validations.dataValidation] == ["D2:D4"]
    assert NIK not in str(table)


def bad_lists(place, folder, *headings):
    """Import a list with one bad number for each of these headings, all of one unit."""
    for number, line in enumerate(headings):
        path = folder / f"daftar-{number}.csv"
        path.write_text(f"{line}\ninternal,Orang {number},0511-330123{number},U1\n")
        import_roster(place.here, path, "integritas")


def test_lists_that_name_a_column_otherwise_come_back_in_one_workbook(place, tmp_path):
    heads = ("kelompok,Nama Lengkap,hp_wa,kode_unit", "grup,NAMA ASN,No. HP,unit")
    bad_lists(place, tmp_path, *heads)
    (path,) = write_files(place.here, "integritas", tmp_path / "keluar")
    titles, *lines = [[cell.value for cell in row] for row in sheet_of(path).iter_rows()]
    assert titles[4:-1] == heads[0].split(",")
    assert [line[4:-1] for line in lines] == [
        ["internal", "Orang 0", "0511-3301230", "U1"],
        ["internal", "Orang 1", "0511-3301231", "U1"],
    ]
    filled(path, {2: "081200000101", 3: "081200000102"})
    assert mend_file(place.here, "integritas", path).counts == {"mended": 2}


def test_two_numbers_of_a_row_stay_apart_in_the_workbook(place, tmp_path):
    path = tmp_path / "dua.csv"
    path.write_text("kelompok,nama,No HP,No WA,unit\ninternal,Ani,0511-1,0511-2,U1\n")
    import_roster(place.here, path, "integritas")
    bad_lists(place, tmp_path, "kelompok,nama,No WA,unit")
    (path,) = write_files(place.here, "integritas", tmp_path / "keluar")
    titles, *lines = [[cell.value for cell in row] for row in sheet_of(path).iter_rows()]
    assert titles[4:-1] == ["kelompok", "nama", "No HP", "No WA", "unit"]
    assert [line[6:8] for line in lines] == [["0511-1", "0511-2"], ["0511-3301230", ""]]


def test_a_row_that_is_mended_in_part_comes_back_once_more(place, tmp_path):
    bad_lists(place, tmp_path, "kelompok,Nama Lengkap,No HP,kode_unit")
    path = tmp_path / "daftar.csv"
    path.write_text("kelompok,Nama Lengkap,No HP,kode_unit\nintern,Budi,0511-3301239,U1\n")
    import_roster(place.here, path, "integritas")
    for line, fate in ((3, "partly"), (2, "mended")):
        (path,) = write_files(place.here, "integritas", tmp_path / "keluar")
        filled(path, {line: f"08120000010{line}"})
        assert mend_file(place.here, "integritas", path).counts == {fate: 1, "blank": 1}


def test_only_units_with_rows_to_mend_get_a_file(place, tmp_path):
    list_of(place.here, place.survey, place.unit, PEOPLE)
    list_of(place.here, place.survey, place.other, PEOPLE[:1])
    assert set(write_files(place.here, "integritas", tmp_path).values()) == {3, 1}
    only = write_files(place.here, "integritas", tmp_path / "satu", place.other)
    assert list(only.values()) == [1]


def test_a_corrected_file_closes_what_it_mends_and_says_why_not(place, tmp_path):
    path = filled(written(place, tmp_path), {2: "0812-0000-0101", 3: "0511-3301234"})
    done = mend_file(place.here, "integritas", path)
    assert done.rows == 3
    assert dict(done.counts) == {"mended": 1, "wrong": 1, "blank": 1}
    assert [(one.line, "landline" in one.what) for one in done.problems] == [(3, True)]
    assert [row.status for row in rows(place.here, RosterReject)] == ["mended", "open", "open"]
    again = mend_file(place.here, "integritas", path)
    assert dict(again.counts) == {"known": 1, "wrong": 1, "blank": 1}
    assert count(place.here, RosterRow) == 1


def test_a_number_that_a_spreadsheet_made_a_number_is_read_all_the_same(place, tmp_path):
    path = filled(written(place, tmp_path), {2: 81200000101})
    assert mend_file(place.here, "integritas", path).counts["mended"] == 1


def test_a_csv_made_of_the_workbook_is_read_too(place, tmp_path):
    sheet = sheet_of(written(place, tmp_path))
    table = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    table[1][3] = "081200000101"
    path = tmp_path / "perbaikan.csv"
    path.write_text("\n".join(";".join(row) for row in table), "utf-8-sig")
    assert mend_file(place.here, "integritas", path).counts["mended"] == 1


def swap_names(sheet):
    sheet["F2"].value, sheet["F3"].value = sheet["F3"].value, sheet["F2"].value


def damage(sheet):
    code = sheet["I2"].value
    sheet["I2"].value = code[:-1] + ("A" if code[-1] != "A" else "B")
    sheet["I3"].value = None


@pytest.mark.parametrize("edit", [swap_names, damage])
def test_a_row_that_parted_from_its_reference_mends_nobody(place, tmp_path, edit):
    numbers = {2: "081200000101", 3: "081200000102"}
    path = filled(written(place, tmp_path), numbers, edit)
    done = mend_file(place.here, "integritas", path)
    assert done.counts["damaged"] == 2
    assert count(place.here, RosterRow) == 0


def test_a_file_mends_rows_of_its_senders_units_alone(place, tmp_path):
    path = filled(written(place, tmp_path), {2: "081200000101"})
    done = mend_file(place.here, "integritas", path, {place.other})
    assert done.counts["elsewhere"] == 1
    assert count(place.here, RosterRow) == 0


def test_a_corrected_file_is_told_from_a_roster(place, tmp_path):
    with opened_file(written(place, tmp_path)):
        pass
    roster = tmp_path / "daftar.csv"
    roster.write_text("kelompok,nama,hp_wa\ninternal,Ani,0812\n")
    with pytest.raises(InputError), opened_file(roster):
        pass


def test_what_is_no_workbook_is_refused(place, tmp_path):
    path = tmp_path / "rusak.xlsx"
    path.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(InputError, match="not a workbook"):
        mend_file(place.here, "integritas", path)
