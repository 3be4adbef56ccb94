"""The workbook for offices: what is filled in comes back as it was meant."""

import openpyxl
import pytest

from bot.interview.surveys import UnknownSurvey
from bot.outreach.roster.headings import understand_headings
from bot.outreach.roster.importing import check_roster
from bot.outreach.roster.rows import COLUMNS
from bot.outreach.roster.template import write_template
from tests.setup import add_unit, installation, publish_bundled


@pytest.fixture
def place(sqlite_url):
    with installation(sqlite_url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


@pytest.fixture
def written(place, tmp_path):
    path = tmp_path / "templat.xlsx"
    write_template(place, path, "integritas")
    return path


def test_a_filled_template_is_read_without_a_guess(place, written):
    book = openpyxl.load_workbook(written)
    for column, value in enumerate(["internal", "Ani", "081200000101", "", "", "own:U1"], start=1):
        book["Data"].cell(2, column, value or None)
    book.save(written)
    report = check_roster(place, written, "integritas")
    assert (report.rows, report.counts, report.ignored_columns) == (1, {"accepted": 1}, ())
    assert report.left_out == ()
    assert understand_headings(place, written).skipped == ()


def test_another_page_is_told_even_where_it_is_called_as_ours_are(place, written):
    book = openpyxl.load_workbook(written)
    book["Petunjuk"]["A1"] = "Kirim paling lambat hari Jumat"
    book.save(written)
    assert [one.sheet for one in check_roster(place, written, "integritas").left_out] == [
        "Petunjuk"
    ]


def test_every_column_of_the_template_is_one_that_is_read(written):
    headings = [cell.value for cell in openpyxl.load_workbook(written)["Data"][1]]
    assert set(headings) <= {one.name for one in COLUMNS}
    assert {"kelompok", "hp_wa", "email", "unit", "dasar_kontak"} <= set(headings)


def test_numbers_are_text_with_a_rule_and_choices_have_lists(written):
    book = openpyxl.load_workbook(written)
    sheet = book["Data"]
    assert sheet.column_dimensions["C"].number_format == "@" or sheet["C2"].number_format == "@"
    rules = {str(one.sqref).split(":")[0]: one for one in sheet.data_validations.dataValidation}
    assert rules["C2"].type == "custom"
    assert "ISTEXT(C2)" in rules["C2"].formula1
    assert len(rules["C2"].formula1) <= 255
    assert rules["A2"].formula1 == "Daftar!$A$2:$A$4"
    assert rules["F2"].formula1 == "Daftar!$C$2:$C$2"
    lists = book["Daftar"]
    assert [lists.cell(row, 1).value for row in (2, 3, 4)] == ["internal", "eksternal", "ahli"]
    assert (lists["C2"].value, lists["D2"].value) == ("own:U1", "Dinas Contoh")
    words = " ".join(str(cell.value) for row in book["Petunjuk"].rows for cell in row)
    assert "JANGAN mengisi NIK, NIP" in words


def test_an_unknown_survey_writes_nothing(place, tmp_path):
    with pytest.raises(UnknownSurvey):
        write_template(place, tmp_path / "a.xlsx", "tidak_ada")
    assert list(tmp_path.glob("*.xlsx")) == []
