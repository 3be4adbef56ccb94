"""Lists that must not be taken in: those of patients.

That somebody was treated, where and for what, are health data: "data pribadi yang bersifat
spesifik" (UU 27/2022, article 4(2)), for which a survey has no basis. A health unit's patients are
reached by posters at its counters instead; its staff may stand on a list like anybody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.flow.source import Problem
from bot.intake.tables import InputError

# Headings are compared in words: "No._RM" is "No RM".
_PATIENTS = re.compile(
    r"\brekam\s*medi[sk]\b|\brekmed\b|\bno(mor)?\s*(rm|mr|cm)\b|^(rm|mrn|norm)$|\bdiagnos\w*"
    r"|\bicd(\s*(9|10|x))?\b|\bpasien\b|\bpatients?\b|\bmedical\s+record|\banamnes\w*"
    r"|\btindakan\s+medis\b",
    re.I,
)
# What the staff of a hospital may have beside jabatan or NIP: the ward that somebody works on.
_PATIENTS_OR_STAFF = re.compile(
    r"\bpoli(klinik)?\b|\bruang(an)?\s+(rawat|inap|perawatan)\b|\brawat\s+(inap|jalan)\b"
    r"|\bbangsal\b|\b(tanggal|tgl)\s+(berobat|opname|masuk\s+rs|keluar\s+rs)\b|\bberobat\b"
    r"|\bbpjs\b|\bjkn\b|\bdpjp\b",
    re.I,
)
# A guest book of any office has these; that of a hospital's counter is a list of patients.
_PATIENTS_IN_HEALTH_UNITS = re.compile(
    r"\b(tanggal|tgl)\s+(kunjungan|periksa|pemeriksaan)\b|\bkeluhan\b|\bpenjamin\b"
    r"|\bcara\s+bayar\b|\bdokter\b",
    re.I,
)
_STAFF = re.compile(
    r"\bnip\b|\bjabatan\b|\bpangkat\b|\bgolongan\b|\btmt\b|\b(status\s+)?(ke)?pegawai(an)?\b"
    r"|\bpns\b|\bpppk\b|\basn\b|\bkaryawan\b|\bposition\b|\bstaff\b",
    re.I,
)
_HEALTH_UNIT = re.compile(
    r"\brs(u|ud|ia|j|up|k)?\b|\brumah\s+sakit\b|\bpuskesmas\b|\bpustu\b|\bklinik\b|\bposyandu\b"
    r"|\blabkesda\b|\bhospital\b|\bclinic\b",
    re.I,
)
# I10, A09.0, E11.9: codes of the international classification of diseases.
_ICD = re.compile(r"[A-TV-Z][0-9]{2}(\.[0-9]{1,2})?")
_MANY = 3

_WHY = (
    "this looks like a list of patients ({found}): health data are specific personal data (UU"
    " 27/2022, article 4(2)), and nobody is written to about a visit to a doctor"
)
_FIX = (
    "do not pass this file on, delete it, and hang posters at the counter instead (`tautan links`);"
    " a list of staff, with jabatan or NIP, is fine"
)


def refuse_patients(
    headings: Sequence[str], cells: Iterable[Sequence[str]] = (), unit: str = "", file: str = ""
) -> Problem | None:
    """Say why a file is refused as a list of patients; None where it is none.

    `cells` are some of its rows, `unit` the name of the unit whose list it is.
    """
    names = [_spaced(one) for one in headings]
    found = [one for one in names if _PATIENTS.search(one)]
    if not any(_STAFF.search(one) for one in names):
        found += [one for one in names if _PATIENTS_OR_STAFF.search(one)]
        if _HEALTH_UNIT.search(_spaced(unit)):
            found += [one for one in names if _PATIENTS_IN_HEALTH_UNITS.search(one)]
        found += _of_diagnoses(headings, cells)
    if not found:
        return None
    what = _WHY.format(found=", ".join(repr(one) for one in dict.fromkeys(found)))
    return Problem(file or "roster", 1, 1, what, _FIX)


def _of_diagnoses(headings: Sequence[str], cells: Iterable[Sequence[str]]) -> list[str]:
    """Return the headings of columns that hold codes of diseases."""
    counts = [0] * len(headings)
    for row in cells:
        for place, cell in enumerate(row[: len(headings)]):
            counts[place] += _ICD.fullmatch(cell.strip()) is not None
    return [name for name, number in zip(headings, counts, strict=True) if number >= _MANY]


def _spaced(text: str) -> str:
    """Return a heading in words: signs are blanks."""
    return " ".join(re.split(r"[\W_]+", text)).strip()


def no_patients(
    headings: Sequence[str], cells: Iterable[Sequence[str]] = (), unit: str = "", file: str = ""
) -> None:
    """Let a list pass unless it is one of patients. Raises InputError."""
    refused = refuse_patients(headings, cells, unit, file)
    if refused is not None:
        raise InputError([refused])
