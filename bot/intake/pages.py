"""Web pages that carry a spreadsheet's name: what many systems export as `.xls`."""

from __future__ import annotations

from html.parser import HTMLParser

_BLOCKS = frozenset({"br", "p", "div"})
# What a page may claim for one cell; a table of people has no more columns.
_MOST_COLUMNS = 500


def page_sheets(text: str) -> list[tuple[str, list[tuple[int, list[str]]]]]:
    """Return each table of a page as a name and its rows, numbered from 1.

    A cell that spans columns stands in the first of them, one that spans rows in each of them.
    """
    parser = _Page()
    parser.feed(text)
    parser.close()
    many = len(parser.tables) > 1
    return [
        (f"table {number}" if many else "", list(enumerate(rows, start=1)))
        for number, rows in enumerate(parser.tables, start=1)
    ]


class _Page(HTMLParser):
    """Collects the cells of every table, nested ones apart."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._open: list[_OpenTable] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"style", "script"}:
            self._silent += 1
        elif tag == "table":
            self._open.append(_OpenTable())
            self.tables.append(self._open[-1].rows)
        elif self._open and tag == "tr":
            self._open[-1].start_row()
        elif self._open and tag in {"td", "th"}:
            wanted = dict(attrs)
            self._open[-1].start_cell(_span(wanted.get("colspan")), _span(wanted.get("rowspan")))
        elif self._open and tag in _BLOCKS:
            self._open[-1].write("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"style", "script"}:
            self._silent = max(0, self._silent - 1)
        elif tag == "table" and self._open:
            self._open.pop().end_row()
        elif tag in {"td", "th"} and self._open:
            self._open[-1].end_cell()
        elif tag == "tr" and self._open:
            self._open[-1].end_row()

    def handle_data(self, data: str) -> None:
        if self._open and not self._silent:
            self._open[-1].write(data)


class _OpenTable:
    """A table that is being read."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        self._below: dict[int, tuple[int, str]] = {}  # column: (further rows, text)

    def start_row(self) -> None:
        self.end_row()
        self._row = []

    def start_cell(self, columns: int, rows: int) -> None:
        self.end_cell()
        if self._row is None:
            self._row = []
        self._cell, self._spans = [], (columns, rows)

    def write(self, text: str) -> None:
        if self._cell is not None:
            self._cell.append(text)

    def end_cell(self) -> None:
        if self._cell is None or self._row is None:
            return
        lines = (" ".join(line.split()) for line in "".join(self._cell).split("\n"))
        text = "\n".join(line for line in lines if line)
        self._fill()
        columns, rows = self._spans
        if rows > 1:
            self._below[len(self._row)] = (rows - 1, text)
        self._row += [text, *[""] * (columns - 1)]
        self._cell = None

    def end_row(self) -> None:
        self.end_cell()
        if self._row is not None:
            self._fill()
            self.rows.append(self._row)
        self._row = None

    def _fill(self) -> None:
        """Put what spans from above into the next places of the row."""
        assert self._row is not None
        while (column := len(self._row)) in self._below:
            left, text = self._below.pop(column)
            if left > 1:
                self._below[column] = (left - 1, text)
            self._row.append(text)


def _span(text: str | None) -> int:
    return min(int(text), _MOST_COLUMNS) if text and text.isdigit() and int(text) else 1
