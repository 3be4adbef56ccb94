"""The formats of the export: how a response becomes a row, a cell, a JSON object."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol
from uuid import UUID

import xlsxwriter

from bot.intake.tables import safe_cell
from bot.interview.surveys import Published
from bot.reporting.export.codebook import HEADINGS, Codebook, Variable

Format = Literal["csv", "xlsx", "jsonl"]

FACTS = ("id", "unit_code_list", "unit_code", "unit", "group", "language", "version")
"""The columns before the questions."""


@dataclass(frozen=True, slots=True)
class Exportable:
    """A response with its answers, read: choices as names, several as lists, numbers as numbers."""

    id: UUID
    facts: tuple[str, ...]  # as FACTS, without the id
    version: int | None
    answers: Mapping[Variable, str | int | float | list[str]]


class Writer(Protocol):
    def write(self, row: Exportable) -> None:
        """Write one response."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def _said(row: Exportable, variable: Variable, labels: bool) -> str | int | float:
    """Return an answer for one cell: several choices are parted by spaces, their labels by `; `."""
    answer = row.answers.get(variable, "")
    if isinstance(answer, list):
        if not labels:
            return " ".join(answer)
        meaning = variable.meaning(row.version)
        return "; ".join(meaning.value_label(name) for name in answer)
    if labels and isinstance(answer, str) and answer:
        return variable.meaning(row.version).value_label(answer)
    return answer


class _Csv:
    """One row per response, one column per question; no cell is ever a formula."""

    def __init__(
        self, stream: IO[bytes], book: Codebook, labels: bool, published: Published
    ) -> None:
        # Excel takes UTF-8 without a mark at its beginning for something else.
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        self._book, self._labels = book, labels
        self._writer = csv.writer(self._text)
        self._writer.writerow([*FACTS, *(one.column for one in book.variables)])

    def write(self, row: Exportable) -> None:
        said = [_said(row, one, self._labels) for one in self._book.variables]
        cells = [safe_cell(cell) for cell in (*row.facts, *said)]
        self._writer.writerow([str(row.id), *cells])

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


class _JsonLines:
    """One JSON object per response; choices as names, several as lists."""

    def __init__(
        self, stream: IO[bytes], book: Codebook, labels: bool, published: Published
    ) -> None:
        self._stream, self._labels = stream, labels

    def write(self, row: Exportable) -> None:
        answers: dict[str, Any] = {}
        for variable, answer in row.answers.items():
            if self._labels and isinstance(answer, list):
                meaning = variable.meaning(row.version)
                answers[variable.column] = [meaning.value_label(name) for name in answer]
            elif self._labels:
                answers[variable.column] = _said(row, variable, labels=True)
            else:
                answers[variable.column] = answer
        facts = dict(zip(FACTS[1:], row.facts, strict=True))
        plain = {
            "id": str(row.id),
            **facts,
            "language": facts["language"] or None,
            "version": row.version,
            "answers": answers,
        }
        self._stream.write(json.dumps(plain, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        self._stream.flush()


@dataclass(slots=True)
class _Sheets:
    """A workbook with the sheets data, codebook and readme."""

    stream: IO[bytes]
    book: Codebook
    labels: bool
    published: Published
    _next: int = 1
    _workbook: Any = field(init=False)
    _data: Any = field(init=False)

    def __post_init__(self) -> None:
        # Rows go to a temporary file as they come; texts are never taken for formulas or links.
        self._workbook = xlsxwriter.Workbook(
            self.stream,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._workbook.set_properties({"title": self.published.name})
        head = self._workbook.add_format({"bold": True, "bottom": 1})
        self._data = self._workbook.add_worksheet("data")
        self._data.freeze_panes(1, 1)
        self._data.set_column(0, 0, 38)
        self._data.set_column(1, len(FACTS) - 1, 16)
        self._data.set_column(len(FACTS), len(FACTS) + len(self.book.variables), 18)
        headings = [*FACTS, *(one.column for one in self.book.variables)]
        for place, heading in enumerate(headings):
            self._data.write_string(0, place, heading, head)

    def write(self, row: Exportable) -> None:
        sheet, line = self._data, self._next
        for place, text in enumerate((str(row.id), *row.facts)):
            if text:
                sheet.write_string(line, place, text)
        for place, variable in enumerate(self.book.variables, start=len(FACTS)):
            _put(sheet, line, place, _said(row, variable, self.labels))
        self._next += 1

    def close(self) -> None:
        head = self._workbook.add_format({"bold": True, "bottom": 1})
        sheet = self._workbook.add_worksheet("codebook")
        sheet.freeze_panes(1, 1)
        for place, width in enumerate((22, 12, 12, 14, 16, 60, 8, 28, 8, 12, 30, 30, 8, 10)):
            sheet.set_column(place, place, width)
        for place, heading in enumerate(HEADINGS):
            sheet.write_string(0, place, heading, head)
        for line, row in enumerate(self.book.rows(), start=1):
            for place, heading in enumerate(HEADINGS):
                value = row.get(heading)
                if isinstance(value, float):
                    sheet.write_number(line, place, value)
                elif value not in (None, ""):
                    sheet.write_string(line, place, str(value))
        notes = self._workbook.add_worksheet("readme")
        notes.set_column(0, 0, 110, self._workbook.add_format({"text_wrap": True}))
        for line, text in enumerate(_readme(self.published, self._next - 1, self.labels)):
            notes.write_string(line, 0, text)
        self._workbook.close()


def _put(sheet: Any, line: int, place: int, value: str | int | float) -> None:
    """Write a cell; choices named by digits become numbers, as statistics programs want them."""
    if isinstance(value, int | float):
        sheet.write_number(line, place, value)
    elif value.isascii() and value.isdigit() and str(int(value)) == value:
        sheet.write_number(line, place, int(value))
    elif value:
        sheet.write_string(line, place, value)


def _readme(published: Published, rows: int, labels: bool) -> list[str]:
    k = published.survey.settings.k
    return [
        f"Survey: {published.name}",
        f"Responses: {rows}",
        "data: one row per response, one column per question."
        + (" Cells hold labels." if labels else " Cells hold values; see codebook."),
        "codebook: every question in every version, its choices with labels and scores.",
        "Dates are written 2025-07-26, times 14:30, places as latitude and longitude in degrees.",
        "An empty cell: the question was not asked, or was left out. Several choices are parted"
        " by " + ("'; '." if labels else "spaces."),
        f"The answers were cut loose from people in lots of at least {k}.",
        "Ids and the order of rows are random; there are no times.",
        "The unit is the one in whose crowd the answers were mixed: small ones joined that above.",
        f"Language and version are given only where at least {k} responses share them.",
        "A free text may name somebody: read and redact before you pass it on.",
    ]


WRITERS: dict[Format, Callable[[IO[bytes], Codebook, bool, Published], Writer]] = {
    "csv": _Csv,
    "jsonl": _JsonLines,
    "xlsx": _Sheets,
}


def write_codebook(book: Codebook, stream: IO[bytes]) -> None:
    """Write the codebook as CSV."""
    with _as_text(stream) as text:
        writer = csv.writer(text)
        writer.writerow(HEADINGS)
        for row in book.rows():
            writer.writerow([safe_cell(row.get(name)) for name in HEADINGS])


@contextmanager
def _as_text(stream: IO[bytes]) -> Iterator[IO[str]]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield text
        text.flush()
    finally:
        text.detach()


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file beside its place and put it there when it is complete; mode 0600.

    Raises OSError, which names the file and not the one beside it.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        try:
            Path(name).replace(path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
