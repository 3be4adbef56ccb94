"""Names on lists: which may be one person's."""

from __future__ import annotations

import pytest

from bot.outreach.roster.names import COMMON, alike, name_of, pairs
from tests.lists import name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Drs. H. Melati Kenanga, M.Si", "MELATI KENANGA"),
        ("Melati Kenanga S.Sos", "Kenanga Melati"),
        ("dr. Ir. H.Abdul Gani,SE.,MM", "abd. gani"),
        ("M. Kenanga", "Melati Kenanga"),
        ("F.C. Anggrek", "Flamboyan Cempaka Anggrek"),
        ("Moh. Rachman", "Muhammad Rahman"),
        ("Nur Hayati", "Nurhayati"),
        ("Hj. Sri Nur Hayati", "Sri Nurhayati, S.Pd.I"),
        ("Budi Santoso", "Budi Santosa"),
        ("Soeharto", "Suharto"),
        ("Budi Santoso Putra", "Budi Santoso"),
    ],
)
def test_these_may_be_one_person(one, other):
    assert alike(name_of(one), name_of(other))
    assert alike(name_of(other), name_of(one))
    assert list(pairs([(2, name_of(one)), (1, name_of(other))])) == [(1, 2)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Siti Aminah", "Siti Aminatun"),
        ("Suparman", "Suparmin"),
        ("Budi", "Budi Santoso"),
        ("A. Nasution", "B. Nasution"),
        ("Melati Kenanga", "Melati Cempaka"),
        ("Drs. H.", "S.Sos., M.Si"),
        ("", ""),
    ],
)
def test_these_are_not(one, other):
    assert not alike(name_of(one), name_of(other))
    assert list(pairs([(1, name_of(one)), (2, name_of(other))])) == []


def test_a_name_that_many_bear_is_no_sign():
    many = [(number, name_of("Siti Aminah")) for number in range(COMMON)]
    assert len(list(pairs(many))) == COMMON * (COMMON - 1) / 2
    assert list(pairs([*many, (99, name_of("Siti Aminah"))])) == []


def test_a_name_that_is_like_many_others_is_no_sign():
    short = [(0, name_of("Budi Santoso"))]
    longer = [(i, name_of(f"Budi Santoso {name(i).split()[0]}")) for i in range(1, 4)]
    assert len(list(pairs(short + longer[:2]))) == 2
    assert list(pairs(short + longer)) == []


def test_among_thousands_each_pair_is_found_once():
    names = [(i, name_of(f"Muhammad {name(i)}")) for i in range(2000)]
    names += [(2000 + i, name_of(f"Drs. M. {name(i)}, S.H.")) for i in range(0, 2000, 100)]
    assert sorted(pairs(names)) == [(i, 2000 + i) for i in range(0, 2000, 100)]
