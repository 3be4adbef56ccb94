"""Which unit a coordinator means, by whatever it is called."""

from __future__ import annotations

import pytest

from bot.reporting.coordinators.unit_names import UnitNames
from bot.reporting.units import Hierarchy
from storage.queries.reports import UnitRow

# id: (code, name, the unit above)
UNITS = {
    1: ("62", "Provinsi Kalimantan Tengah", None),
    2: ("62.01", "Kabupaten Kotawaringin Barat", 1),
    3: ("62.02", "Kabupaten Kotawaringin Timur", 1),
    4: ("62.04", "Kabupaten Barito Selatan", 1),
    5: ("62.05", "Kabupaten Barito Utara", 1),
    6: ("62.71", "Kota Palangka Raya", 1),
    10: ("KES-B", "Dinas Kesehatan", 2),
    11: ("KES-T", "Dinas Kesehatan", 3),
    12: ("PU-B", "Dinas Pekerjaan Umum dan Penataan Ruang", 2),
    13: ("PAD-B", "Badan Pendapatan Daerah", 2),
    14: ("PTSP-B", "Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu", 2),
    15: ("RS-B", "RSUD Sultan Imanuddin", 2),
    16: ("DIK-T", "Dinas Pendidikan", 3),
    17: ("KET-B", "Dinas Ketahanan Pangan (DKP)", 2),
    18: ("REN-B", "Badan Perencanaan Pembangunan Daerah", 2),
}


@pytest.fixture(scope="module")
def names():
    rows = {
        number: UnitRow(number, "own", code, name, above, "Asia/Pontianak")
        for number, (code, name, above) in UNITS.items()
    }
    by_name = dict(sorted(rows.items(), key=lambda one: (one[1].name, one[0])))
    children = {
        number: tuple(one for one, row in rows.items() if row.parent_id == number)
        for number in rows
    }
    own = {"Diknas": "Dinas Pendidikan", "Sulima": "Sultan Imanuddin"}
    return UnitNames(Hierarchy(by_name, children), own)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Badan Pendapatan Daerah", 13),
        ("badan pendapatan", 13),
        ("Bapenda", 13),
        ("bapenda pak", 13),
        ("PAD-B", 13),
        ("own:PAD-B", 13),
        ("62.01", 2),
        ("Kobar", 2),
        ("kab. kotim", 3),
        ("Pemkab Barsel", 4),
        ("kotawaringin barat", 2),
        ("palangka raya", 6),
        ("kalteng", 1),
        ("PUPR", 12),
        ("Dinas PUPR", 12),
        ("DPMPTSP", 14),
        ("dkp", 17),
        ("RSUD", 15),
        ("rsud sulima", 15),
        ("Dinkes Kobar", 10),
        ("dinas kesehatan kab kotim", 11),
        ("pendidikan", 16),
        ("Diknas", 16),
        # misspelt
        ("dinas pendidkan", 16),
        ("Dinas Kesehatn Kobar", 10),
        ("kotawaringin brat", None),
        ("kotawarngin barat", 2),
        ("Bapennda", 13),
        ("imanudin", 15),
    ],
)
def test_a_unit_is_found_by_name_code_abbreviation_and_misspelling(names, text, unit):
    assert names.find(text) == ([unit] if unit else [])


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Dinkes", {10, 11}),
        ("kotawaringin", {2, 3}),
        ("barito", {4, 5}),
        ("bapeda", {13, 18}),  # as near to Bapenda as to Bappeda
    ],
)
def test_what_fits_several_units_equally_well_is_not_guessed(names, text, units):
    assert set(names.find(text)) == units


@pytest.mark.parametrize(
    "text",
    ["", "?", "itu apa", "saya di mana", "dinas", "banjar", "kobar dinas apa ya", "x" * 200, "7"],
)
def test_what_is_no_units_name_finds_none_or_asks(names, text):
    assert len(names.find(text)) != 1


def test_in_an_interview_only_what_is_written_without_errors_counts(names):
    assert names.find("Dinkes Kobar", exactly=True) == [10]
    assert names.find("bapenda", exactly=True) == [13]
    assert names.find("Bapennda", exactly=True) == []
    assert names.find("barito", exactly=True) == []
    assert names.find("dinas kesehatan lambat", exactly=True) == []
