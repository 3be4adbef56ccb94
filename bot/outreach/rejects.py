"""The rows that an office must mend, given back as a CSV with the reasons beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.flow.source import Problem
from bot.interview.phones import holds_national_id
from bot.interview.tables import InputError, Row, Table, safe_cell, written


class Rejects:
    """Writes the rows to mend as they were, with their line and the reasons; no identity number."""

    def __init__(self, writer: Any, table: Table) -> None:
        self._writer = writer
        self._width = len(table.header)
        self._skipped = {
            place
            for place, title in enumerate(table.header)
            if title.casefold() in {"baris", "alasan"}
        }
        self._write([*self._kept(table.header), "baris", "alasan"])

    def add(self, row: Row, problems: Sequence[Problem]) -> None:
        """Write one row with what is wrong with it and how to mend it."""
        cells = ["" if holds_national_id(cell) else cell for cell in self._kept(row.raw)]
        reasons = " | ".join(f"{one.what} ({one.fix})" if one.fix else one.what for one in problems)
        self._write([*cells, str(row.line), reasons])

    def _kept(self, cells: Sequence[str]) -> list[str]:
        """Return a row's cells, as many as there are headings, less those of an earlier rejects."""
        padded = [*cells, *[""] * self._width][: self._width]
        return [cell for place, cell in enumerate(padded) if place not in self._skipped]

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow([safe_cell(cell) for cell in cells])


@contextmanager
def rejected_rows(path: Path, table: Table) -> Iterator[Rejects]:
    """Open the file for rows to mend, for its owner alone.

    Raises InputError where that is the roster itself.
    """
    if path.resolve() == table.path.resolve():
        raise InputError(
            [
                table.problem(
                    1, "hp_wa", "the rows to mend would overwrite the roster", "name another"
                )
            ]
        )
    with written(path, private=True) as file:
        yield Rejects(csv.writer(file), table)
