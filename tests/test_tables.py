"""Reading tables that offices send."""

import csv
import zipfile
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.intake.tables import (
    Column,
    InputError,
    did_you_mean,
    heading,
    open_table,
    safe_cell,
    written,
)
from tests import messy

COLUMNS = (Column("hp_wa", ("No HP", "WhatsApp"), required=True), Column("nama", ("name",)))


def read(path, columns=COLUMNS, prefixes=()):
    with open_table(path, columns, prefixes) as table:
        return table, list(table.rows())


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "daftar.csv"
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return write


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_line_ends_are_recognised(file, mark, encoding, end):
    path = file(
        end.join([f"No. HP *{mark}Nama", f"0812{mark}Ani", "", f"0813{mark}Bédi"]), encoding
    )
    table, rows = read(path)
    assert [(row.line, row.get("hp_wa"), row.get("nama")) for row in rows] == [
        (2, "0812", "Ani"),
        (4, "0813", "Bédi"),
    ]
    assert table.ignored == ()


def test_headings_are_compared_without_case_and_signs(file):
    table, _ = read(file("NIP;no_hp;  NAMA \n1;2;3"))
    assert table.ignored == ("NIP",)
    assert dict(table.position) == {"hp_wa": 1, "nama": 2}
    assert heading(" No. HP / WA * ") == "no_hp_wa"


def test_excels_note_of_the_separator_is_no_heading(file):
    _, rows = read(file("sep=;\nhp_wa;nama\n0812;A"))
    assert [(row.line, row.get("hp_wa")) for row in rows] == [(3, "0812")]


def test_a_cell_may_hold_a_line_break_and_lines_are_still_counted_right(file):
    _, rows = read(file('hp_wa,nama\n"0812\n0813",A\n0814,B\n'))
    assert [(row.line, row.get("hp_wa")) for row in rows] == [(2, "0812\n0813"), (4, "0814")]


def test_prefixed_columns_are_taken_by_their_tidied_name(file):
    table, rows = read(file("hp_wa,Target Internal\n1,5"), prefixes=("target_",))
    assert rows[0].get("target_internal") == "5"
    assert table.ignored == ()


def test_a_missing_column_is_named_with_what_is_like_it(file):
    with pytest.raises(InputError) as caught:
        read(file("hp_waa,nama\n1,2"))
    assert str(caught.value) == (
        "daftar.csv:1:1: there is no column 'hp_wa'; rename the column 'hp_waa' to 'hp_wa'"
    )


def test_two_columns_for_one_thing_are_refused(file):
    with pytest.raises(InputError, match=r"daftar.csv:1:3: WhatsApp: a second column for 'hp_wa'"):
        read(file("hp_wa,nama,WhatsApp\n1,2,3"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00", "not a workbook that can be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 cut off", "not a workbook that can be read"),
        (b"%PDF-1.7", "a PDF, not a table; ask for the spreadsheet"),
        (b"h\0w\0a\0", "neither a workbook nor text .* save it as XLSX"),
        (b"<?xml version='1.0'?><Workbook>", "save it as XLSX"),
        (b"hp_wa,nama\n1,\x81", "neither a workbook nor text"),
        (b"", "the file is empty; is it the right one"),
        (b"\n , \n", "the file is empty"),
    ],
)
def test_what_is_no_table_says_what_it_is_and_how_to_mend_it(file, content, said):
    with pytest.raises(InputError, match=said):
        read(file(content))


def test_a_broken_line_below_a_blank_one_is_no_empty_file(file):
    with pytest.raises(InputError, match="there is no column 'hp_wa'"):
        read(file(b'\n"hp_wa,nama'))


def test_a_heading_of_one_letter_is_like_nothing(file):
    with pytest.raises(InputError, match="'hp_wa'; add a column with the heading 'hp_wa'"):
        read(file(b"a,p\n1,2\n"))


def test_a_broken_end_of_utf_16_is_told(file):
    with pytest.raises(InputError, match="neither a workbook nor text"):
        read(file("hp_wa\n1\n".encode("utf-16") + b"\x00\xd8"))


def test_windows_letters_are_read_and_told(file):
    table, rows = read(file("hp_wa;nama\n0812;Ren\u00e9e", "cp1252"))
    assert rows[0].get("nama") == "Ren\u00e9e"
    assert "Windows-1252" in table.remarks[0]


def test_a_letter_that_is_not_utf_8_far_below_changes_the_whole_file(file):
    content = "hp_wa,nama\n" + "0812,Ani\n" * 1000 + "0813,Ren\u00e9e\n"
    assert read(file(content, "cp1252"))[1][-1].get("nama") == "Ren\u00e9e"
    assert read(file(content))[1][-1].get("nama") == "Ren\u00e9e"


def test_titles_full_of_commas_do_not_hide_the_separator(file):
    path = file("Daftar, 2027, bagian umum, data\nhp_wa;nama\n0812;Ani, S.Pd\n0813;Budi, M.Si")
    assert [row.get("hp_wa") for row in read(path)[1]] == ["0812", "0813"]


def test_sheets_stand_under_the_headings_of_all_of_them(tmp_path):
    path = tmp_path / "a.xlsx"
    sheets = {
        "A": [["nama", "hp_wa", "Umur"], ["Ani", "0812", 40]],
        "B": [["Ket", "WhatsApp", "Umur"], ["x", "0813", 50]],
        "C": [["nama", "Umur"], ["Cici", 1]],
    }
    messy.book(sheets)(path)
    table, rows = read(path)
    assert table.header == ("nama", "hp_wa", "Umur", "Ket")
    assert [(row.sheet, row.line, row.raw) for row in rows] == [
        ("A", 2, ("Ani", "0812", "40")),
        ("B", 2, ("", "0813", "50", "x")),
    ]
    assert [(one.sheet, one.why) for one in table.skipped] == [
        ("C", "there is no column 'hp_wa' (line 1)")
    ]
    said = str(table.problem(rows[1], "hp_wa", "wrong", "mend it"))
    assert said == "a.xlsx:2:2: sheet 'B', WhatsApp: wrong; mend it"


def test_a_workbook_without_a_table_says_what_is_missing(tmp_path):
    path = tmp_path / "a.xlsx"
    messy.book({"A": [["nama", "hp_waa"], ["Ani", "0812"]], "B": [["halo"]]})(path)
    with pytest.raises(InputError, match=r"a.xlsx:1:1: there is no column 'hp_wa'; rename"):
        read(path)


def test_a_password_is_named(tmp_path):
    # What Excel writes: an OLE container whose directory names the encrypted package.
    path = tmp_path / "a.xlsx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(InputError, match=r"protected with a password; .*remove the password"):
        read(path)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "small")
        archive.infolist()[0].file_size = 401_000_000  # what its directory says
    with pytest.raises(InputError, match="unpacks to 401 MB"):
        read(path)


def test_hidden_columns_are_read_where_nothing_else_is_and_never_win(tmp_path):
    def hide(book):
        book.worksheets[0].column_dimensions["A"].hidden = True

    path = tmp_path / "a.xlsx"
    messy.book({"A": [["hp_wa", "nama"], ["0812", "Ani"]]}, hide)(path)
    table, rows = read(path)
    assert rows[0].get("hp_wa") == "0812"
    assert table.remarks == ("the column 'hp_wa' is hidden in the file, and was read",)

    messy.book({"A": [["hp_wa", "WhatsApp"], ["0812", "0813"]]}, hide)(path)
    table, rows = read(path)
    assert rows[0].get("hp_wa") == "0813"
    assert (table.remarks, table.ignored) == ((), ("hp_wa",))


def test_cells_have_one_form_for_numbers_and_dates(tmp_path):
    values = [
        81200000123,
        1.5,
        True,
        date(2027, 1, 31),
        datetime.fromisoformat("2027-01-31T09:05"),
        19e16,
    ]
    path = tmp_path / "a.xlsx"
    messy.book({"A": [["hp_wa", *"abcdef"], ["x", *values]]})(path)
    assert read(path)[1][0].raw[1:] == (
        "81200000123",
        "1.5",
        "TRUE",
        "2027-01-31",
        "2027-01-31 09:05:00",
        "190000000000000000",
    )


def test_a_people_row_is_never_taken_for_a_note(file):
    lines = [
        "hp_wa;nama;jabatan",
        ";Ani;Kepala Dinas",
        ";Sumber Rejeki;",
        ";Total Sutrisno;Petugas",
        ";Budi;Sekretaris",
        "x;Jumlah;2",
        "0812 0000 0123;Keterangan;",
    ]
    table, rows = read(file("\n".join(lines)))
    assert [row.line for row in rows] == [2, 3, 4, 5, 6, 7]
    assert table.left_out == []


def test_a_note_above_hides_nobody_who_has_a_number(file):
    table, rows = read(file("hp_wa;nama\nCatatan: isi semua;\n081200000123;Ani\n;Budi"))
    assert [row.line for row in rows] == [3, 4]
    assert [(one.line, one.why) for one in table.left_out] == [(2, "a note")]


cell = st.sampled_from(["", "1", "Ani", "081200000123", "Jumlah", "Mengetahui,", "(1)", "a@b.id"])


@given(st.lists(st.lists(cell, min_size=4, max_size=4), max_size=12))
@settings(deadline=None, max_examples=60)
def test_every_line_is_a_row_or_left_out_or_blank(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "a.csv"
    messy.text([["hp_wa", "nama", "x", "y"], *lines])(path)
    table, rows = read(path)
    seen = [row.line for row in rows] + [one.line for one in table.left_out]
    filled = [line for line, cells in enumerate(lines, start=2) if any(cells)]
    assert sorted(seen) == filled
    assert not {n for n, cells in enumerate(lines, start=2) if "081200000123" in cells} & {
        one.line for one in table.left_out
    }


def test_a_broken_row_says_so_and_the_next_one_is_read(file):
    _, rows = read(file('hp_wa,nama\n1,"a"b\n2,c,d\n3,e,\n4,f'))
    assert [(row.line, row.broken is None) for row in rows] == [
        (2, False),
        (3, False),
        (4, True),
        (5, True),
    ]
    assert "quotation mark" in rows[0].broken.fix
    assert str(rows[1].broken).startswith("daftar.csv:3:3: the row has 3 cells under 2 headings")


def test_an_open_quotation_mark_at_the_end_is_told_with_its_first_line(file):
    _, rows = read(file('hp_wa,nama\n1,a\n2,"b\n3,c\n'))
    assert rows[0].broken is None
    assert rows[1].line == 3
    assert "to line 4" in rows[1].broken.what


def test_hints_name_what_is_like_it_or_what_there_is():
    assert did_you_mean("interna", ["internal", "ahli"]) == "did you mean 'internal'?"
    assert did_you_mean("qqq", ["internal", "ahli"]) == "known: internal, ahli"
    assert did_you_mean("x", []) == "there are none yet"


@pytest.mark.parametrize("value", ["=1+1", "@cmd", "+cmd|' /C calc'!A0", "-2+3+cmd"])
def test_no_spreadsheet_runs_a_cell(value):
    assert safe_cell(value) == "'" + value


@pytest.mark.parametrize("value", ["+62 812 0000 0123", "-", "Ani", "0812"])
def test_harmless_cells_stay_as_they_are(value):
    assert safe_cell(value) == value


def test_private_files_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "orang.csv"
    path.write_text("old")
    path.chmod(0o644)
    with written(path, private=True) as file:
        csv.writer(file).writerow(["nama"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8-sig") == "nama\n"
