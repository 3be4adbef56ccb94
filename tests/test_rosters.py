"""Importing rosters: every row ends in one class, nothing plain is stored."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from bot.intake.tables import InputError
from bot.outreach.roster.importing import Options, check_roster, import_roster, open_person
from storage.models import Audit, RosterRow
from storage.queries import rosters as queries
from tests import messy
from tests.setup import add_unit, installation, publish_bundled

HEADER = "kelompok,nama,No. HP/WA,e-mail,kode unit,bahasa,sumber data,dasar kontak,NIP"
GOOD = f"""{HEADER}
Internal,Ani Contoh,0812-0000-0123,ani@contoh.go.id,own:U1,Indonesia,BKD,surat tugas,
eksternal,Budi Contoh,81200000124,,U2,en,buku tamu,,
External,Cici Contoh,,cici@contoh.id,Dinas Kedua,,,,
"""


@pytest.fixture
def place(some_url):
    with installation(some_url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        add_unit(made, "Dinas Kedua", code="U2")
        yield made


@pytest.fixture
def local(sqlite_url):
    """SQLite alone, for rules whose statements other tests run on both."""
    with installation(sqlite_url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        add_unit(made, "Dinas Kedua", code="U2")
        yield made


@pytest.fixture
def file(tmp_path):
    def write(content, name="daftar.csv"):
        path = tmp_path / name
        path.write_text(content, "utf-8")
        return path

    return write


def rows(place):
    with_phone = select(RosterRow.address_hmac, RosterRow.email_hmac)
    found = place.database.read(lambda one: one.execute(with_phone).all())
    hmacs = [row[0] for row in found if row[0]], [row[1] for row in found if row[1]]
    survey = place.database.read(lambda one: place.surveys.named(one, "integritas"))
    return place.database.read(lambda one: queries.known(one, survey.id, *hmacs))


def people(place):
    return {
        person["name"]: person
        for person in (
            place.database.read(lambda one, row=row: open_person(place, one, row))
            for row in rows(place)
        )
    }


def simple(*lines):
    return "kelompok,nama,hp_wa,unit\n" + "\n".join(lines) + "\n"


def test_good_rows_are_stored_sealed_with_headings_as_offices_write_them(place, file):
    report = import_roster(place, file(GOOD), "integritas")
    assert report.counts == {"accepted": 3}
    assert report.phones == {"clean": 1, "repaired": 1, "empty": 1}
    assert report.ignored_columns == ("NIP",)
    assert people(place) == {
        "Ani Contoh": {
            "name": "Ani Contoh",
            "phone": "+6281200000123",
            "email": "ani@contoh.go.id",
            "language": "id",
        },
        "Budi Contoh": {"name": "Budi Contoh", "phone": "+6281200000124", "language": "en"},
        "Cici Contoh": {"name": "Cici Contoh", "email": "cici@contoh.id"},
    }
    assert {(row.grp, row.source, row.basis) for row in rows(place)} == {
        ("internal", "BKD", "surat tugas"),
        ("eksternal", "buku tamu", None),
        ("eksternal", None, None),
    }
    digest = place.keys.digest("address", "+6281200000123")
    assert digest in {row.address_hmac for row in rows(place)}


def test_the_database_holds_no_name_number_or_address_in_plain(place, file):
    import_roster(place, file(GOOD), "integritas")

    def everything(connection):
        tables = RosterRow.metadata.sorted_tables
        return repr([connection.execute(select(table)).all() for table in tables])

    dump = place.database.read(everything)
    for plain in ("Contoh,", "Ani", "81200000123", "ani@contoh", "cici@"):
        assert plain not in dump


def test_the_same_file_again_changes_nothing(place, file):
    import_roster(place, file(GOOD), "integritas")
    before = rows(place)
    report = import_roster(place, file(GOOD), "integritas")
    assert report.counts == {"unchanged": 3}
    assert rows(place) == before


def test_a_corrected_row_replaces_what_is_known_of_the_person(place, file):
    import_roster(place, file(GOOD), "integritas")
    report = import_roster(place, file(GOOD.replace("ani@", "ani.c@")), "integritas")
    assert report.counts == {"changed": 1, "unchanged": 2}
    assert people(place)["Ani Contoh"]["email"] == "ani.c@contoh.go.id"


BAD = simple(
    "internal,A,081200000123,U1",
    "internal,B,081200000123,U1",
    "ahli,C,081200000123,U1",
    "internal,D,0511 3301234,U1",
    "internal,E,6.28E+12,U1",
    "internal,F,6371011234560001,U1",
    "internal,G,,U1",
    "internal,H,081200000124,U9",
    "intern,I,081200000125,U1",
    "umum,J,081200000126,U1",
    "internal,K,081200000127,U1,too,many",
    "internal,L,081200000128 / 085200000456,U1",
)


def test_every_row_ends_in_exactly_one_class_and_bad_rows_lose_nothing(place, file):
    report = import_roster(place, file(BAD), "integritas")
    assert report.rows == sum(report.counts.values()) == 12
    assert report.counts == {
        "accepted": 2,
        "duplicate_in_file": 1,
        "duplicate_elsewhere": 1,
        "unusable": 5,
        "unknown_unit": 1,
        "unknown_group": 2,
    }
    assert report.to_mend == 8
    assert people(place)["L"]["others"] == ["+6285200000456"]
    told = {problem.line: str(problem) for problem in report.problems}
    assert told[3].startswith("daftar.csv:3:3: hp_wa: the same number as in line 2;")
    assert "in another unit or group: the first one counts" in told[4]
    assert "a landline" in told[5]
    assert "identity number" in told[7]
    assert told[9].endswith("there is no unit 'U9'; known: Dinas Contoh, Dinas Kedua, U1, U2")
    assert told[10].endswith("there is no group 'intern'; did you mean 'internal'?")
    assert "known: internal, eksternal, ahli" in told[11]
    assert [warning.line for warning in report.warnings] == [13]
    assert not any("6371011234560001" in line or "081200" in line for line in told.values())


def test_a_check_says_the_same_and_writes_nothing(place, file):
    path = file(BAD)
    checked = check_roster(place, path, "integritas")
    assert rows(place) == []
    imported = import_roster(place, path, "integritas")
    assert checked.counts == imported.counts
    assert checked.problems == imported.problems
    assert (checked.written, imported.written) == (False, True)
    assert check_roster(place, path, "integritas").counts["unchanged"] == 2


def test_a_check_needs_no_survey(local, file):
    report = check_roster(local, file(BAD))
    assert "unknown_group" not in report.counts
    assert report.counts["accepted"] == 4


def test_the_first_list_keeps_a_number_that_a_second_one_names_too(place, file):
    import_roster(place, file(simple("internal,A,081200000123,U1")), "integritas")
    report = import_roster(place, file(simple("internal,A,081200000123,U2")), "integritas")
    assert report.counts == {"duplicate_elsewhere": 1}
    assert "that one stays" in report.problems[0].what


def test_who_was_taken_off_the_roster_is_not_put_back_and_nobody_is_told(place, file):
    path = file(simple("internal,A,081200000123,U1"))
    import_roster(place, path, "integritas")
    place.database.write(lambda one: one.execute(update(RosterRow).values(removed=True)))
    report = import_roster(place, file(simple("internal,New,081200000123,U1")), "integritas")
    assert (report.counts, report.problems) == ({"unchanged": 1}, ())
    assert rows(place)[0].removed


def test_identity_numbers_are_stored_from_no_column(local, file):
    content = (
        "kelompok,nama,hp_wa,unit,jabatan,sumber_data\n"
        "internal,Ani 6371011234560001,081200000123,U1,198602152010011008,buku 6371011234560001\n"
    )
    report = import_roster(local, file(content), "integritas")
    assert len(report.warnings) == 3
    row = rows(local)[0]
    person = local.database.read(lambda one: open_person(local, one, row))
    assert person == {"phone": "+6281200000123"}
    assert row.source is None


def test_a_wrong_email_or_language_is_left_out_with_a_warning(local, file):
    content = "kelompok,hp_wa,unit,email,bahasa\ninternal,081200000123,U1,ani@,Klingon\n"
    report = import_roster(local, file(content), "integritas")
    assert report.counts == {"accepted": 1}
    assert [warning.column for warning in report.warnings] == [4, 5]


def test_a_unit_is_never_guessed(local, file):
    add_unit(local, "Ruang", code="6206")
    add_unit(local, "Dinas Kembar", code="K1")
    add_unit(local, "Dinas Kembar", code="K2")

    def bps(connection):
        connection.execute(
            text(
                "INSERT INTO unit (code_list, code, name, zone) VALUES ('bps', '6207', 'X', 'UTC')"
            )
        )

    local.database.write(bps)
    lines = [
        f"ahli,A,08120000010{number},{unit}"
        for number, unit in enumerate(["6206", "6207", "bps:6207", "dinas  KEMBAR", "Dinas Conto"])
    ]
    report = import_roster(local, file(simple(*lines)), "integritas")
    assert report.counts == {"accepted": 2, "unknown_unit": 3}
    told = {problem.line: problem for problem in report.problems}
    assert told[3].fix == "write bps:6207 if BPS is meant"
    assert "own:K1 or own:K2" in told[5].fix
    assert "did you mean 'Dinas Contoh'" in told[6].fix


def test_one_unit_and_group_for_all_rows_may_be_named_outside_the_file(local, file):
    path = file("hp_wa\n081200000123\n")
    with pytest.raises(InputError) as caught:
        import_roster(local, path, "integritas")
    assert [problem.what.split(":")[0] for problem in caught.value.problems] == ["kelompok", "unit"]
    report = import_roster(local, path, "integritas", Options(unit="own:U2", group="ahli"))
    assert report.counts == {"accepted": 1}
    assert rows(local)[0].grp == "ahli"


def test_rows_to_mend_come_back_with_the_reason_and_without_identity_numbers(local, file, tmp_path):
    out = tmp_path / "rejects.csv"
    import_roster(local, file(BAD), "integritas", rejects=out)
    assert out.stat().st_mode & 0o777 == 0o600
    found = list(csv.reader(out.read_text("utf-8-sig").splitlines()))
    assert found[0] == ["baris", "alasan", "kelompok", "nama", "hp_wa", "unit"]
    assert [row[0] for row in found[1:]] == ["5", "6", "7", "8", "9", "10", "11", "12"]
    assert found[1][2:] == ["internal", "D", "0511 3301234", "U1"]
    assert [row[1] for row in found[1:]] == [
        "nomor telepon kantor atau rumah, biasanya tanpa WhatsApp",
        "angka terakhir nomor hilang karena format Excel",
        "berisi NIK atau NIP, bukan nomor HP",
        "belum ada nomor HP",
        "unit kerja tidak dikenal",
        "kelompok tidak dikenal",
        "kelompok tidak dikenal",
        "jumlah sel tidak sesuai dengan jumlah judul kolom",
    ]
    assert "6371011234560001" not in out.read_text("utf-8-sig")


def test_reasons_are_told_of_every_sheet_and_whatever_a_column_is_called(local, tmp_path):
    path, out = tmp_path / "a.xlsx", tmp_path / "rejects.csv"
    head = ["kelompok", "nama", "hp_wa", "email", "Tempat"]
    sheets = {
        "Satu": [head, ["", "A", "", "x", "U9"]],
        "Dua": [head, ["intern", "B", "0511 3301234", "-", ""]],
    }
    messy.book(sheets)(path)
    options = Options(headings={"tempat": "unit"})
    report = import_roster(local, path, "integritas", options, rejects=out)
    assert report.counts == {"unusable": 2}
    found = list(csv.reader(out.read_text("utf-8-sig").splitlines()))
    assert [row[1] for row in found[1:]] == [
        (
            "belum ada nomor HP; alamat email belum bisa dibaca; unit kerja tidak dikenal;"
            " kelompok belum diisi"
        ),
        (
            "nomor telepon kantor atau rumah, biasanya tanpa WhatsApp; unit kerja belum diisi;"
            " kelompok tidak dikenal"
        ),
    ]


@pytest.mark.parametrize("name", ["perbaikan.xlsx", "perbaikan", "perbaikan.txt"])
def test_rows_to_mend_are_written_as_csv_or_not_at_all(local, file, tmp_path, name):
    with pytest.raises(InputError, match=r"end the name in \.csv"):
        import_roster(local, file(BAD), "integritas", rejects=tmp_path / name)
    assert not (tmp_path / name).exists()
    assert rows(local) == []


def test_a_list_needs_a_column_of_numbers_or_of_e_mail_addresses(place, file):
    path = file("kelompok,nama,email,kode_unit\nahli,Ani,ani@contoh.id,U1\nahli,Budi,,U1\n")
    report = import_roster(place, path, "integritas")
    assert report.counts == {"accepted": 1, "unusable": 1}
    assert [str(one) for one in report.problems] == [
        "daftar.csv:3:1: hp_wa: no number; add the person's WhatsApp number"
    ]
    assert people(place) == {"Ani": {"name": "Ani", "email": "ani@contoh.id"}}
    with pytest.raises(InputError, match="there is no column 'hp_wa', nor 'email' in its place"):
        import_roster(place, file("kelompok,nama,unit\nahli,Ani,U1\n", "b.csv"), "integritas")


def test_of_a_row_that_reaches_nobody_number_and_address_are_told(local, file):
    path = file("kelompok,hp_wa,email,unit\nahli,,bukan-email,U1\nahli,,-,U1\n")
    report = import_roster(local, path, "integritas")
    assert [str(one) for one in report.problems] == [
        "daftar.csv:2:2: hp_wa: no number; add the person's WhatsApp number",
        "daftar.csv:2:3: email: not an e-mail address; write name@domain",
        "daftar.csv:3:2: hp_wa: no number; add the person's WhatsApp number",
    ]
    assert report.warnings == ()


def test_mended_rejects_are_imported_as_they_are(local, file, tmp_path):
    out = tmp_path / "rejects.csv"
    import_roster(local, file(BAD), "integritas", rejects=out)
    mended = out.read_text("utf-8-sig").replace("0511 3301234", "0812 0000 0199")
    again = tmp_path / "again.csv"
    report = import_roster(local, file(mended, "mended.csv"), "integritas", rejects=again)
    assert report.counts["accepted"] == 1
    header = again.read_text("utf-8-sig").splitlines()[0]
    assert header == "baris,alasan,kelompok,nama,hp_wa,unit"


def test_the_rejects_never_overwrite_the_roster(local, file):
    path = file(BAD)
    with pytest.raises(InputError, match="overwrite"):
        import_roster(local, path, "integritas", rejects=path)
    assert path.read_text() == BAD


def test_an_import_that_was_cut_off_changes_nothing_and_is_run_again(place, file):
    path = file(simple(*(f"internal,N{n},0812000001{n:02},U1" for n in range(35))))

    def stop(done):
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_roster(place, path, "integritas", progress=stop, chunk=10)
    assert len(rows(place)) == 0
    done: list[int] = []
    report = import_roster(place, path, "integritas", progress=done.append, chunk=10)
    assert report.counts == {"accepted": 35}
    assert done == [10, 20, 30, 35]


def test_an_import_is_noted_with_counts_only(local, file):
    import_roster(local, file(BAD), "integritas")
    found = select(Audit.detail).where(Audit.what == "roster import")
    detail = local.database.read(lambda one: one.execute(found).scalar_one())
    assert json.loads(detail)["accepted"] == 2
    assert "daftar" not in detail


def test_the_report_is_plain_data(local, file):
    report = json.loads(json.dumps(import_roster(local, file(BAD), "integritas").to_dict()))
    assert report["rows"] == 12
    assert report["problems"][0] == {
        "line": 3,
        "column": 3,
        "what": "hp_wa: the same number as in line 2",
        "fix": "remove one of the two lines, or correct the one that is wrong",
    }


cells = st.sampled_from(
    [
        "",
        "internal",
        "ahli",
        "x",
        "U1",
        "U2",
        "081200000123",
        "81200000124",
        "6.28E+12",
        "-",
        "a@b.id",
    ]
)


def test_rows_in_are_rows_out_whatever_stands_in_them(local, tmp_path):
    path = tmp_path / "any.csv"

    @given(st.lists(st.lists(cells, min_size=1, max_size=6), max_size=12))
    @settings(max_examples=60, deadline=None)
    def holds(table):
        with path.open("w", newline="") as out:
            csv.writer(out).writerows([["kelompok", "hp_wa", "unit", "email"], *table])
        before = stored()
        report = import_roster(local, path, "integritas")
        assert report.rows == sum(report.counts.values()) == len([row for row in table if any(row)])
        assert stored() - before == report.counts.get("accepted", 0)

    def stored():
        count = select(func.count(RosterRow.id))
        return local.database.read(lambda one: one.execute(count).scalar_one())

    holds()


def test_a_row_is_valid_with_a_number_or_an_address(local, file):
    lines = [
        "kelompok,hp_wa,hp_lain,email,unit",
        "ahli,0511 3301234,,a@contoh.id,U1",
        "ahli,6371011234560001,,b@contoh.id,U1",
        "ahli,,0812 0000 0123,,U1",
        "ahli,,0511 3301234,,U1",
        "ahli,0812 0000 0124,,not an address,U1",
        "ahli,086812345679,,,U1",
    ]
    report = import_roster(local, file("\n".join(lines)), "integritas")
    assert report.counts == {"accepted": 5, "unusable": 1}
    told = {warning.line: warning.what for warning in report.warnings}
    assert "a landline, which has no WhatsApp; only the e-mail address was taken" in told[2]
    assert "identity number" in told[3]
    assert "the only number of the row" in told[4]
    assert [problem.line for problem in report.problems] == [5]
    assert "a satellite phone" in told[7]
    kept = local.database.read(lambda one: [open_person(local, one, row) for row in rows(local)])
    assert not any("6371011234560001" in json.dumps(one) for one in kept)
    assert sorted(one.get("phone", "") for one in kept)[:2] == ["", ""]


def test_the_same_person_on_two_sheets_is_told_with_the_sheet(local, tmp_path):
    path = tmp_path / "a.xlsx"
    line = ["internal", "A", "081200000123", "U1"]
    head = ["kelompok", "nama", "hp_wa", "unit"]
    messy.book({"Satu": [head, line], "Dua": [head, line]})(path)
    report = import_roster(local, path, "integritas")
    assert report.counts == {"accepted": 1, "duplicate_in_file": 1}
    assert "as in line 2 of sheet 'Satu'" in str(report.problems[0])
