"""Lines of a sheet that are nobody's row: sums, notes, signatures, numbered columns, page headers.

They are recognised only by what can hardly be a person's row. Whoever reads the table is told of
each of them, so that nothing is left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A row with more filled cells is never looked at: it is somebody's.
FEW = 3

_SUM = re.compile(r"\W*(?:sub\s*-?\s*)?(?:jumlah|total|grand total)\b", re.IGNORECASE)
_SMALL = re.compile(r"\s*[\d.,]{0,9}\s*(?:orang|org|pegawai|responden|rows?|people)?\s*[.:]?\s*")
_MONTHS = (
    "jan|feb|mar|apr|mei|may|jun|jul|agu|aug|sep|okt|oct|nov|des|dec"  # each may go on: januari
)
_CLOSING = re.compile(
    r"\W*(?:(?:mengetahui|menyetujui|mengesahkan|disahkan oleh|diketahui oleh|dibuat oleh|"
    r"disusun oleh|keterangan|catatan|notes?|nb)\b|(?:ket|sumber(?: data)?)\s*[.:]|"
    rf"[a-z .]{{3,30}},\s*(?:tanggal\s*)?[\d_.]{{0,6}}\s*(?:{_MONTHS})[a-z]*\s*"
    r"(?:20[\d_.]{2})?\s*$)",
    re.IGNORECASE,
)
# What signatures begin with, but a person's post too: only where nothing else stands in the line.
_SIGNATURE = re.compile(
    r"\W*(?:a\.\s?n\.|(?:kepala|sekretaris|plt|plh|petugas|penyusun|inspektur|nip)\b)",
    re.IGNORECASE,
)
_OPENING = re.compile(r"\W*(?:(?:catatan|keterangan|notes?|nb)\b|ket\s*[.:])", re.IGNORECASE)
_CONTACT = re.compile(r"@|(?:\+|\b0|\b62|\b8)[\d\s().-]{8,}")
_NUMBERED = re.compile(r"\s*\(?(\d{1,2})\)?\s*")


class Notes:
    """Tells which lines below a header are notes; asked for each line in order.

    After the first line of a closing block (Mengetahui, ...) lines with few filled cells are taken
    for signatures, until one has a number or an address. `closed` says that such a block is open.
    """

    def __init__(self, across: frozenset[int] = frozenset()) -> None:
        self._across = across
        self.closed = False

    def reason(self, line: int, cells: Sequence[str]) -> str | None:
        """Return why a line with few filled cells is not a row, or None."""
        filled = [cell for cell in cells if cell and not cell.isspace()]
        first = filled[0]
        if _SUM.match(first) and all(_SMALL.fullmatch(cell) for cell in filled[1:]):
            return "a sum"
        contact = any(_CONTACT.search(cell) for cell in filled if not _is_number_of_a_person(cell))
        if _OPENING.match(first) and len(filled) == 1:
            self.closed = True
            return "a note"
        if contact:
            self.closed = False
            return None
        alone = len(filled) == 1
        if any(_CLOSING.match(cell) for cell in filled) or (alone and _SIGNATURE.match(first)):
            self.closed = True
            return "a note or signature"
        if self.closed:
            return "below the notes and signatures"
        if alone and line in self._across:
            return "a title across the table"
        return None


def are_numbered_columns(cells: Sequence[str]) -> bool:
    """Whether a line only numbers the columns: (1) (2) (3), as official tables do."""
    numbers = [_NUMBERED.fullmatch(cell) for cell in cells if cell.strip()]
    if len(numbers) < FEW:
        return False
    found = [int(one[1]) for one in numbers if one]
    return len(found) == len(numbers) and found == list(range(found[0], found[0] + len(found)))


def _is_number_of_a_person(cell: str) -> bool:
    return re.match(r"\W*(?:nip|nik)\b", cell, re.IGNORECASE) is not None
