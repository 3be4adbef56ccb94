"""The rows that an office must mend, given back as a CSV with the reasons in Indonesian."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.flow.source import Problem
from bot.intake.phones import holds_national_id
from bot.intake.tables import InputError, Row, Table, safe_cell, written
from bot.outreach.roster.reasons import of_problem, reason


class Rejects:
    """Writes the rows to mend as they were, behind their line and the reasons.

    Identity numbers are left out. Cells beyond the last heading stay, so that such a row is not
    taken for a good one when the file comes back.
    """

    def __init__(self, writer: Any, table: Table) -> None:
        self._writer = writer
        # A file that came back has these two columns already.
        self._skipped = {
            place
            for place, title in enumerate(table.header)
            if title.casefold() in {"baris", "alasan"}
        }
        self._write(["baris", "alasan", *self._kept(table.header)])

    def add(self, row: Row, problems: Sequence[Problem], kind: str) -> None:
        """Write one row with what is wrong with it; `kind` is the class that it fell into."""
        cells = ["" if holds_national_id(cell) else cell for cell in self._kept(row.raw)]
        why = reason([of_problem(one) for one in problems], kind)
        self._write([str(row.line), why, *cells])

    def _kept(self, cells: Sequence[str]) -> list[str]:
        return [cell for place, cell in enumerate(cells) if place not in self._skipped]

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow([safe_cell(cell) for cell in cells])


@contextmanager
def rejected_rows(path: Path, table: Table) -> Iterator[Rejects]:
    """Open the file for rows to mend, for its owner alone.

    Raises InputError where that is the roster itself, or is no name of a CSV.
    """
    if path.suffix.lower() != ".csv":
        what = "rows to mend are written as CSV"
        fix = "end the name in .csv; `tautan roster report -o FOLDER` writes workbooks"
        raise InputError([Problem(path.name, 1, 1, what, fix)])
    if path.resolve() == table.path.resolve():
        what = "the rows to mend would overwrite the roster itself"
        raise InputError([Problem(path.name, 1, 1, what, "name another file for them")])
    with written(path, private=True) as file:
        yield Rejects(csv.writer(file), table)
