"""Writing an XLSForm as the workbook that Kobo and ODK read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from bot.authoring.xlsform.exporting import Row, Sheets

_FIRST = {
    "survey": ("type", "name", "label", "hint", "required", "relevant", "constraint",
               "constraint_message", "calculation", "choice_filter", "default", "parameters"),
    "choices": ("list_name", "name", "label"),
    "settings": ("form_title", "form_id", "default_language"),
}  # fmt: skip
_WIDE = {"label", "hint", "constraint_message"}
_LOGIC = {"relevant", "constraint", "calculation", "choice_filter"}


def write_form(path: Path, sheets: Sheets) -> None:
    """Write a form; the columns are in the order in which Kobo people know them."""
    with path.open("wb") as file, xlsxwriter.Workbook(file) as book:
        bold = book.add_format({"bold": True, "bg_color": "#17324D", "font_color": "#FFFFFF"})
        plain = book.add_format({"text_wrap": True, "valign": "top"})
        _sheet(book, "survey", sheets.survey, (bold, plain))
        _sheet(book, "choices", sheets.choices, (bold, plain))
        _sheet(book, "settings", [sheets.settings], (bold, plain))


def _sheet(book: Any, name: str, rows: Sequence[Row], formats: tuple[Any, Any]) -> None:
    sheet = book.add_worksheet(name)
    headings = _headings(name, rows)
    for column, heading in enumerate(headings):
        first = heading.split("::")[0]
        width = 44 if first in _WIDE else 30 if first in _LOGIC else 22
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, formats[0])
    for number, row in enumerate(rows, start=1):
        for column, heading in enumerate(headings):
            if text := row.get(heading, ""):
                sheet.write_string(number, column, text, formats[1])
    sheet.freeze_panes(1, 2 if name == "survey" else 0)


def _headings(name: str, rows: Sequence[Row]) -> list[str]:
    """Return the headings that rows have, and those that a form must have, in their order."""
    order = _FIRST[name]
    found = dict.fromkeys(heading for row in rows for heading in row)
    needed = order[:2] if name != "settings" else order

    def place(heading: str) -> int:
        first = heading.split("::", maxsplit=1)[0]
        return order.index(first) if first in order else len(order)

    return sorted(dict.fromkeys([*needed, *found]), key=place)
