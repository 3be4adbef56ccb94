"""Reading tables that offices send."""

import csv

import pytest

from bot.intake.tables import (
    Column,
    InputError,
    did_you_mean,
    heading,
    open_table,
    safe_cell,
    written,
)

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
    "content", [b"PK\x03\x04\x14\x00", b"\xff\xfeh\x00p\x00", "hp_wa,nama\n1,é".encode("latin-1")]
)
def test_what_is_not_utf_8_text_says_how_to_save_it(file, content):
    with pytest.raises(InputError, match="Save As, CSV UTF-8"):
        read(file(content))


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
