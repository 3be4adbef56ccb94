"""What is wrong with a row of a roster, in the words of the offices that mend it: Indonesian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.flow.source import Problem
from bot.intake.phones import REASONS
from bot.outreach.roster.rows import NO_EMAIL, column_of

_BY_KIND: Mapping[str, str] = MappingProxyType(
    {
        "landline": "nomor telepon kantor atau rumah, biasanya tanpa WhatsApp",
        "lost_digits": "angka terakhir nomor hilang karena format Excel",
        "placeholder": "nomor contoh (angka berulang atau berurutan)",
        "national_id": "berisi NIK atau NIP, bukan nomor HP",
        "invalid": "bukan nomor HP yang lengkap",
        "empty": "belum ada nomor HP",
        "unknown_unit": "unit kerja tidak dikenal",
        "unknown_group": "kelompok tidak dikenal",
    }
)
_BY_TEXT = {REASONS[kind][0]: words for kind, words in _BY_KIND.items() if kind in REASONS}
_BY_COLUMN = {
    "hp_wa": "nomor HP belum bisa dibaca",
    "email": "alamat email belum bisa dibaca",
    "unit": "unit kerja tidak dikenal",
    "opd": "unit kerja tidak dikenal",
    "kelompok": "kelompok tidak dikenal",
}
# A heading that only this office uses does not tell which column it was.
_BY_START = (
    ("there is no unit", "unit kerja tidak dikenal"),
    ("there is no group", "kelompok tidak dikenal"),
    ("no unit", "unit kerja belum diisi"),
    ("no group", "kelompok belum diisi"),
    (NO_EMAIL[0], "alamat email belum bisa dibaca"),
    ("the row has", "jumlah sel tidak sesuai dengan jumlah judul kolom"),
)


def of_problem(problem: Problem) -> tuple[str, str, str]:
    """Return a problem with a row as column, what and fix; the column as its file calls it."""
    column, _, what = problem.what.partition(": ")
    return column, what or problem.what, problem.fix


def reason(problems: Sequence[tuple[str, str, str]], kind: str) -> str:
    """Say in words what is wrong with a row, by its problems (column, what, fix) or its class."""
    said = [_of_problem(column, what) for column, what, _ in problems]
    said = list(dict.fromkeys(one for one in said if one))
    return "; ".join(said) or _BY_KIND.get(kind, "baris belum bisa dibaca")


def _of_problem(column: str, what: str) -> str:
    bare = what.partition(": ")[2] or what
    known = _BY_TEXT.get(what) or _BY_TEXT.get(bare)
    begun = next((said for start, said in _BY_START if bare.startswith(start)), "")
    # In a workbook of several sheets the column's heading stands after the sheet's name.
    named = column_of(column) or column_of(column.rpartition(", ")[2])
    return known or begun or _BY_COLUMN.get(named, "")
