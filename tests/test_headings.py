"""What headings mean: guessed only where one column is clearly meant, and confirmed by a person."""

import pytest

from bot.intake.headings import Column, Names
from bot.intake.tables import InputError
from bot.outreach.roster.headings import refuse_guesses, remember_headings, understand_headings
from bot.outreach.roster.importing import Options, import_roster
from bot.outreach.roster.rows import COLUMNS
from tests import messy
from tests.setup import add_unit, installation, publish_bundled

GUESSING = Names(COLUMNS, guess=True)


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("No HP", "hp_wa"),
        ("No. Handphone", "hp_wa"),
        ("WhatsApp Number", "hp_wa"),
        ("E-Mail", "email"),
        ("Nama Pegawai", "nama"),
        ("Perangkat Daerah", "opd"),
        ("No. HP 2", "hp_lain"),
    ],
)
def test_usual_names_need_no_guess(title, column):
    match = GUESSING.match(title)
    assert match is not None
    assert (match.column, match.how, match.score) == (column, "exact", 100)


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("Nomer WA aktif", "hp_wa"),
        ("No. HP/WA yang bisa dihubungi", "hp_wa"),
        ("No HP (diawali 62)", "hp_wa"),
        ("Nomr Handpone", "hp_wa"),
        ("Whastapp", "hp_wa"),
        ("Alamat Emial", "email"),
        ("Nama Lengkap dan Gelar", "nama"),
        ("Nma Lengkap", "nama"),
        ("Instnasi", "opd"),
        ("Tgl. Pelayanann", "tanggal_layanan"),
        ("Kontak\nNo HP", "hp_wa"),
    ],
)
def test_misspelt_and_wordy_names_are_guesses(title, column):
    match = GUESSING.match(title)
    assert match is not None
    assert (match.column, match.how) == (column, "guess")
    assert match.score < 100


@pytest.mark.parametrize(
    "title",
    ["No", "NIP", "NIK", "No KK", "No. Rekening", "Nama Atasan", "No HP Atasan", "Alamat", "Umur",
     "Tanggal Lahir", "Kode Pos", "No HP 3", "Nama Ibu", "", "x" * 80],
)  # fmt: skip
def test_what_means_something_else_is_not_guessed(title):
    assert GUESSING.match(title) is None


def test_nothing_is_guessed_where_two_columns_are_as_near():
    names = Names((Column("huruf_a"), Column("huruf_b")), guess=True)
    assert names.match("huruf_c") is None
    match = names.match("huruf_aa")
    assert match is not None
    assert match.column == "huruf_a"


def test_what_was_confirmed_beats_the_names_and_empty_means_not_read():
    names = Names(COLUMNS, known={"No. HP": "hp_lain", "Nama": ""}, guess=True)
    match = names.match("no hp")
    assert match is not None
    assert match.column == "hp_lain"
    assert names.match("NAMA") is None


@pytest.fixture
def place(some_url):
    with installation(some_url) as made:
        publish_bundled(made)
        top = add_unit(made, "Kabupaten Contoh", code="K")
        add_unit(made, "Dinas Contoh", code="U1", parent_id=top)
        yield made


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "daftar.csv"
    messy.text([["klp", "Nomer WA aktif", "unit"], ["internal", "081200000101", "own:U1"]])(path)
    return path


def test_a_guess_is_refused_with_what_to_write(place, file):
    found = understand_headings(place, file, said={"Klp": "kelompok"})
    with pytest.raises(InputError) as caught:
        refuse_guesses(found)
    assert str(caught.value) == (
        "daftar.csv:1:1: Nomer WA aktif: probably the column 'hp_wa', which nobody has confirmed;"
        ' say --yes if all guesses are right, or --map "Nomer WA aktif=hp_wa"'
        ' (--map "Nomer WA aktif=" leaves it out)'
    )


def test_confirmed_headings_are_remembered_for_the_institution_and_used(place, file):
    found = understand_headings(place, file, unit="own:U1", said={"klp": "kelompok"})
    assert found.to_dict()["institution"] == "own:K"
    headings = found.headings()
    assert headings == {"nomer_wa_aktif": "hp_wa", "klp": "kelompok"}
    assert import_roster(place, file, "integritas", Options(headings=headings)).rows == 1
    assert remember_headings(place, found, headings) == 2
    assert remember_headings(place, understand_headings(place, file), headings) == 0

    again = understand_headings(place, file)
    refuse_guesses(again)
    assert {one.how for one in again.matches if one.column != "unit"} == {"known"}
    assert again.to_dict()["institution"] == "own:K"

    other = understand_headings(place, file, said={"klp": ""})
    remember_headings(place, other, other.headings())
    assert "klp" in understand_headings(place, file).ignored


def test_a_refused_guess_is_not_read_and_that_is_remembered(place, tmp_path):
    path = tmp_path / "a.csv"
    messy.text([["hp_wa", "Nma Lengkap"], ["081200000101", "Ani"]])(path)
    found = understand_headings(place, path)
    headings = found.headings(found.guesses)
    assert headings == {"nma_lengkap": ""}
    remember_headings(place, found, headings)
    assert understand_headings(place, path).ignored == ("Nma Lengkap",)


def test_nothing_is_remembered_where_it_is_unclear_whose_list_it_is(place, file):
    add_unit(place, "Kabupaten Lain", code="L")
    found = understand_headings(place, file, said={"klp": "kelompok"})
    assert found.institution is None
    assert remember_headings(place, found, found.headings()) == 0
    other = understand_headings(place, file, institution="own:L")
    assert other.to_dict()["institution"] == "own:L"
    with pytest.raises(InputError, match="there is no unit 'own:M'"):
        understand_headings(place, file, institution="own:M")


def test_what_the_operator_says_must_be_there(place, file):
    with pytest.raises(InputError, match="there is no heading 'kllp'; did you mean 'klp'"):
        understand_headings(place, file, said={"kllp": "kelompok"})
    with pytest.raises(InputError, match="klp: there is no column 'kelompk'; did you mean"):
        understand_headings(place, file, said={"klp": "kelompk"})
