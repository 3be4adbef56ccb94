"""A workbook for translators: a row a text, what is out of date in colour, and back again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xlsxwriter

from bot.authoring.translation.placeholders import commands
from bot.authoring.translation.translatable import Text
from bot.authoring.translation.translations import Entry, Standing, State
from bot.authoring.xlsform.rows import language_name
from bot.flow.source import Problem
from bot.intake.errors import InputError
from bot.intake.workbooks import workbook_sheets

_KEY, _SOURCE, _STATE = "Kunci / Key", "Teks asal / Source", "Status"
_TRANSLATION, _NOTES = "Terjemahan / Translation", "Catatan / Notes"
_DONE = "selesai / done"
_STATES: dict[State, str] = {
    "missing": "baru / new",
    "stale": "periksa lagi / check again",
    "unknown": "belum dicatat / not recorded",
    "done": _DONE,
}
_COLOURS: dict[State, str] = {
    "missing": "#FFFFFF", "stale": "#FFF2B3", "unknown": "#EDEDED", "done": "#E4F3E4",
}  # fmt: skip
_WIDTHS = (34, 60, 60, 17, 44)
_HEAD_ROW = 1
_LINE, _LETTERS = 15, 56  # the height of a line, and the letters that fit into one

_READ_ME = (
    ("Cara mengisi", "How to fill this in"),
    (
        "Tulis terjemahan di kolom C. Jangan mengubah kolom A dan B, dan jangan menghapus baris.",
        "Write the translation into column C. Do not change columns A and B, and delete no rows.",
    ),
    (
        "Yang di dalam {{kurung ganda}} diisi oleh program: salin persis seperti di teks asal.",
        "What stands in {{double braces}} is filled in by the program: copy it exactly.",
    ),
    (
        "Kata perintah seperti *BERHENTI* dibalas orang dalam semua bahasa: biarkan apa adanya.",
        "Commands such as *BERHENTI* are replied in every language: leave them as they are.",
    ),
    (
        "*Satu bintang* membuat huruf tebal di WhatsApp, _garis bawah_ membuat huruf miring.",
        "*One star* makes bold letters in WhatsApp, _underscores_ make italic ones.",
    ),
    (
        "Kuning: teks asal berubah. Perbaiki, atau tulis “selesai” di kolom D bila masih cocok.",
        "Yellow: the source has changed. Mend it, or write “done” into column D if it still fits.",
    ),
    (
        "Sapa dengan hormat dan hangat, dengan kata sehari-hari; singkat lebih baik.",
        "Be warm and respectful, use everyday words; short is better.",
    ),
)


def write_sheet(path: Path, language: str, source: str, listed: Iterable[Standing]) -> None:
    """Write the texts of a survey for a translator; the sheet's name is the language's code."""
    with path.open("wb") as file, xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet(language)
        _head(book, sheet, language, source)
        formats = {state: _formats(book, colour) for state, colour in _COLOURS.items()}
        for row, one in enumerate(listed, start=_HEAD_ROW + 1):
            _row(sheet, row, one, formats[one.state])
        _read_me(book, book.add_worksheet("Petunjuk - Read me"))


def _head(book: Any, sheet: Any, language: str, source: str) -> None:
    bold = book.add_format({"bold": True, "bg_color": "#17324D", "font_color": "#FFFFFF",
                            "valign": "vcenter", "text_wrap": True, "border": 1})  # fmt: skip
    title = book.add_format({"bold": True, "font_size": 13})
    sheet.write_string(0, 0, f"{language_name(source)} → {language_name(language)}", title)
    heads = (
        _KEY,
        f"{_SOURCE} ({source})",
        f"{_TRANSLATION} ({language})",
        _STATE,
        _NOTES,
    )
    for column, text in enumerate(heads):
        sheet.write_string(_HEAD_ROW, column, text, bold)
        sheet.set_column(column, column, _WIDTHS[column])
    sheet.set_row(_HEAD_ROW, 2 * _LINE)
    sheet.freeze_panes(_HEAD_ROW + 1, 2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEAD_ROW)


def _formats(book: Any, colour: str) -> tuple[Any, Any, Any]:
    """Return the forms of a key, of a text that stays, and of the one that is written."""
    usual = {"text_wrap": True, "valign": "top", "border": 1, "border_color": "#C9CED3"}
    return (
        book.add_format({**usual, "font_color": "#7A838C", "font_size": 9}),
        book.add_format({**usual, "bg_color": "#F7F8F9"}),
        book.add_format({**usual, "bg_color": colour}),
    )


def _row(sheet: Any, row: int, one: Standing, formats: tuple[Any, Any, Any]) -> None:
    small, kept, written = formats
    text = one.text
    sheet.write_string(row, 0, text.key, small)
    sheet.write_string(row, 1, text.source, kept)
    sheet.write_string(row, 2, text.translation, written)
    sheet.write_string(row, 3, _STATES[one.state], written)
    notes = notes_of(text)
    sheet.write_string(row, 4, notes, small)
    lines = max(_lines(text.source), _lines(text.translation), _lines(notes), _lines(text.key, 34))
    sheet.set_row(row, _LINE * min(lines, 27))
    if text.limit is not None and text.limit < 100:
        sheet.data_validation(
            row, 2, row, 2,
            {"validate": "length", "criteria": "<=", "value": text.limit,
             "error_title": "Terlalu panjang / Too long", "error_type": "warning",
             "error_message": f"Paling banyak {text.limit} huruf / At most {text.limit} letters"},
        )  # fmt: skip


def _lines(text: str, letters: int = _LETTERS) -> int:
    return sum(1 + len(line) // letters for line in text.split("\n"))


def notes_of(text: Text) -> str:
    """Return what a translator has to know about a text."""
    notes = []
    if text.held:
        names = ", ".join(f"{{{{{one}}}}}" for one in dict.fromkeys(text.held))
        notes.append(f"Salin / copy: {names}")
    if words := commands(text.source):
        names = ", ".join(f"*{word}*" for word in words)
        notes.append(f"Biarkan / leave: {names}")
    if text.limit is not None and len(text.source) > text.limit // 3:
        notes.append(f"Paling banyak {text.limit} huruf / at most {text.limit} letters")
    return "\n".join(notes)


def _read_me(book: Any, sheet: Any) -> None:
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    bold = book.add_format({"bold": True, "font_size": 13})
    sheet.set_column(0, 1, 62)
    for row, (indonesian, english) in enumerate(_READ_ME):
        form = wrap if row else bold
        sheet.write_string(row, 0, indonesian, form)
        sheet.write_string(row, 1, english, form)
        if row:
            sheet.set_row(row, _LINE * max(_lines(indonesian), _lines(english)))


def read_sheet(path: Path) -> tuple[str, list[Entry]]:
    """Return the language of a workbook that came back, and its rows. Raises InputError."""
    for sheet in workbook_sheets(path):
        columns: dict[str, int] = {}
        entries: list[Entry] = []
        for line, cells in sheet.lines:
            if not columns:
                columns = _columns(cells)
            elif key := _cell(cells, columns, _KEY).strip():
                state = _cell(cells, columns, _STATE).lower()
                entries.append(
                    Entry(
                        line,
                        key,
                        _cell(cells, columns, _SOURCE),
                        _cell(cells, columns, _TRANSLATION).replace("\r\n", "\n"),
                        settled="selesai" in state or "done" in state,
                    )
                )
        if columns:
            return sheet.name.strip().lower(), entries
    what = f"no sheet with the columns {_KEY}, {_SOURCE} and {_TRANSLATION}"
    fix = "write it anew with `tautan translate export`"
    raise InputError([Problem(path.name, 1, 1, what, fix)])


def _columns(cells: list[str]) -> dict[str, int]:
    found = {
        name: column
        for name in (_KEY, _SOURCE, _TRANSLATION, _STATE)
        for column, cell in enumerate(cells)
        if cell.strip().startswith(name)
    }
    return found if {_KEY, _SOURCE, _TRANSLATION} <= set(found) else {}


def _cell(cells: list[str], columns: dict[str, int], name: str) -> str:
    column = columns.get(name)
    return cells[column] if column is not None and column < len(cells) else ""
