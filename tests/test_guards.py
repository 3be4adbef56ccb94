"""Lists of patients are refused; lists of anybody else are not."""

import pytest
from sqlalchemy import select

from bot.intake.tables import InputError
from bot.outreach.roster.guards import no_patients, refuse_patients
from bot.outreach.roster.importing import check_roster, import_roster
from storage.models import RosterRow
from tests.setup import add_unit, installation, publish_bundled


@pytest.mark.parametrize(
    "heading",
    [
        *(
            "No. Rekam Medis",
            "no_rm",
            "No.RM",
            "NORM",
            "Diagnosa",
            "Diagnosis utama",
            "Kode ICD-10",
        ),
        *("ICD", "Poli", "Poliklinik", "Ruang Rawat", "Ruangan Rawat Inap", "Tanggal Berobat"),
        *("tgl_berobat", "No BPJS", "Nama Pasien", "pasien", "Rawat jalan", "DPJP"),
    ],
)
def test_a_heading_of_a_list_of_patients_refuses_the_file(heading):
    problem = refuse_patients(["Nama", heading, "No HP"], file="daftar.xlsx")
    assert problem is not None
    assert problem.file == "daftar.xlsx"
    assert "UU 27/2022, article 4(2)" in problem.what
    assert "posters" in problem.fix


@pytest.mark.parametrize(
    ("headings", "unit"),
    [
        (["nama", "nip", "jabatan", "ruang rawat", "no hp"], "RSUD Contoh"),
        (["Nama", "Jabatan", "Poli", "No. BPJS", "WA"], "Puskesmas Contoh"),
        (["kelompok", "hp_wa", "unit", "email", "jenis_layanan", "tanggal_layanan"], ""),
        (["Nama", "No HP", "Tanggal kunjungan", "Keperluan"], "Dinas Dukcapil"),
        (["Nama perusahaan", "No. WA", "Politik", "Norma", "Polisi"], "Setda"),
        (["nama", "hp_wa", "keluhan"], "PDAM Contoh"),
    ],
)
def test_lists_of_staff_and_of_other_offices_are_fine(headings, unit):
    assert refuse_patients(headings, (), unit) is None


@pytest.mark.parametrize("heading", ["Tanggal kunjungan", "Keluhan", "Penjamin", "Cara Bayar"])
def test_a_guest_book_of_a_health_unit_is_a_list_of_patients(heading):
    headings = ["Nama", heading, "No HP"]
    assert refuse_patients(headings, (), "Dinas Perhubungan") is None
    assert refuse_patients(headings, (), "RSUD Contoh") is not None
    assert refuse_patients(headings, (), "UPTD Puskesmas Contoh") is not None


def test_codes_of_diseases_give_a_list_away_whatever_the_heading():
    rows = [["Ani", "0812", "I10"], ["Budi", "0813", "E11.9"], ["Citra", "0814", "A09.0"]]
    problem = refuse_patients(["nama", "hp", "ket"], rows)
    assert problem is not None
    assert "'ket'" in problem.what
    assert refuse_patients(["nama", "hp", "ket"], rows[:2]) is None
    assert refuse_patients(["nama", "jabatan", "ket"], rows) is None


def test_a_refusal_says_what_to_do_instead():
    with pytest.raises(InputError, match=r"list of patients \('Diagnosa'\).*hang posters"):
        no_patients(["Nama", "Diagnosa"])
    no_patients(["Nama", "Jabatan"])


def test_a_roster_of_patients_is_not_even_read(either_url, tmp_path):
    path = tmp_path / "pasien.csv"
    path.write_text("kelompok,hp_wa,unit,no_rm\neksternal,081200000100,U1,123456\n")
    with installation(either_url) as place:
        publish_bundled(place)
        add_unit(place)
        with pytest.raises(InputError, match="list of patients"):
            check_roster(place, path, "integritas")


def test_cells_and_the_units_name_give_a_list_of_patients_away(either_url, tmp_path):
    with installation(either_url) as here:
        publish_bundled(here)
        add_unit(here)
        codes = "\n".join(f"internal,0812000001{n:02},own:U1,A{n:02}.1" for n in range(30))
        path = tmp_path / "daftar.csv"
        path.write_text(f"kelompok,hp_wa,unit,keterangan\n{codes}\n")
        with pytest.raises(InputError, match="keterangan"):
            import_roster(here, path, "integritas")
        assert here.database.read(lambda c: c.execute(select(RosterRow.id)).all()) == []
