"""An XLSForm as rows: pyxform reads and checks it, and knows all names that a column may have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError

from bot.flow.source import Problem
from bot.intake.errors import InputError

Column = tuple[str, ...]
"""A column by its parts: `label::English (en)` is ("label", "English (en)")."""

UNNAMED = "default"
"""The language of a column that names none."""

_SUFFIXES = {".xlsx", ".xlsm", ".xls", ".csv", ".md"}
_WANTED = (
    "give a workbook (.xlsx, .xlsm, .xls) with the sheet survey, and choices and settings where"
    " there are any; in a .csv or .md the first column names the sheet"
)
_TRANSLATED = {"label", "hint", "constraint_message"}
_CODE = re.compile(r"\(\s*([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*\s*\)\s*$")
# What pyxform calls the columns that belong to the logic, and what everybody else does.
_PLAIN: Mapping[Column, Column] = {
    ("bind", "relevant"): ("relevant",),
    ("bind", "constraint"): ("constraint",),
    ("bind", "required"): ("required",),
    ("bind", "calculate"): ("calculation",),
    ("bind", "readonly"): ("read_only",),
    ("bind", "jr:constraintMsg"): ("constraint_message",),
    ("bind", "jr:requiredMsg"): ("required_message",),
    ("control", "appearance"): ("appearance",),
    ("control", "jr:count"): ("repeat_count",),
    ("list name",): ("list_name",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet: its number in the spreadsheet and the cells that hold anything."""

    sheet: str
    number: int
    cells: Mapping[Column, str]
    headings: Mapping[Column, str]

    def get(self, *column: str) -> str:
        """Return a cell, empty where there is none."""
        return self.cells.get(column, "")

    def heading(self, *column: str) -> str:
        """Return a column's heading as the form writes it."""
        found = self.headings.get(column)
        if found is None:
            starts = (name for key, name in self.headings.items() if key[: len(column)] == column)
            found = next(starts, column[0])
        return found


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its rows, its settings, and the languages that its columns are written in.

    `languages` are codes by the name that the form gives them, in the form's order.
    """

    name: str
    survey: tuple[Row, ...]
    choices: tuple[Row, ...]
    settings: Row
    languages: Mapping[str, str]
    strange: tuple[str, ...] = ()  # names of languages that mean nothing to us
    sheets: tuple[str, ...] = ()

    def texts(self, row: Row, column: str) -> dict[str, str]:
        """Return a cell that may be translated, by language code."""
        found = {
            self.languages[key[1]] if len(key) > 1 else self.languages[UNNAMED]: text
            for key, text in row.cells.items()
            if key[0] == column and (key[1] if len(key) > 1 else UNNAMED) in self.languages
        }
        order = list(self.languages.values())
        return dict(sorted(found.items(), key=lambda one: order.index(one[0])))

    def heading(self, row: Row, column: str, code: str) -> str:
        """Return the heading of a text in one language, as the form writes it."""
        for key, heading in row.headings.items():
            language = key[1] if len(key) > 1 else UNNAMED
            if key[0] == column and key in row.cells and self.languages.get(language) == code:
                return heading
        return row.heading(column)


def read_form(path: Path, unnamed: str) -> Form:
    """Read an XLSForm; columns without a language are in the language `unnamed`.

    Raises InputError for what pyxform, and so every other program, refuses.
    """
    from pyxform.errors import PyXFormError
    from pyxform.xls2json_backends import get_xlsform
    from pyxform.xls2xform import convert

    if path.suffix.lower() not in _SUFFIXES:
        raise InputError([Problem(path.name, 1, 1, f"`{path.suffix}` is no form", _WANTED)])
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not path.stat().st_size:
        raise InputError([Problem(path.name, 1, 1, "the file is empty", _WANTED)])
    try:
        convert(str(path), form_name="data")
        sheets = get_xlsform(str(path))
        return _form(path, sheets, unnamed)
    except PyXFormError as error:
        text = " ".join(str(error).split())
        row = re.search(r"\[row : (\d+)\]", text)
        what = f"no XLSForm that can be read: {text}"
        fix = "mend it there; Kobo and ODK would refuse it too"
        raise InputError([Problem(path.name, int(row[1]) if row else 1, 1, what, fix)]) from error
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        # pyxform is not written for files that are no forms at all.
        what = "no XLSForm that can be read"
        raise InputError([Problem(path.name, 1, 1, what, _WANTED)]) from error


def _form(path: Path, sheets: Any, unnamed: str) -> Form:
    from pyxform import aliases
    from pyxform.question import MultipleChoiceQuestion, Option

    survey_columns = set(MultipleChoiceQuestion.get_slot_names())
    survey = _rows(
        "survey", sheets.survey, sheets.survey_header, aliases.survey_header, survey_columns
    )
    choices = _rows(
        "choices",
        sheets.choices,
        sheets.choices_header,
        aliases.list_header,
        set(Option.get_slot_names()),
    )
    settings = _rows("settings", sheets.settings, sheets.settings_header, {}, set())
    first = settings[0] if settings else Row("settings", 2, {}, {})
    languages, strange = _languages((*survey, *choices), first.get("default_language"), unnamed)
    return Form(
        name=path.stem,
        survey=survey,
        choices=choices,
        settings=first,
        languages=languages,
        strange=strange,
        sheets=tuple(sheets.sheet_names or ()),
    )


def _rows(
    sheet: str,
    rows: Sequence[Mapping[str, str]] | None,
    header: Sequence[Mapping[str, Any]] | None,
    aliases: Mapping[str, Any],
    columns: set[str],
) -> tuple[Row, ...]:
    from pyxform.parsing.sheet_headers import clean_text_values, process_header

    names = list(
        dict.fromkeys([*(header[0] if header else ()), *(k for r in rows or () for k in r)])
    )
    doubled = any("::" in name for name in names)
    keys: dict[str, Column] = {}
    for name in names:
        _, tokens = process_header(name, doubled, dict(aliases), columns)
        keys[name] = _plain(tuple(tokens))
    headings = {key: name for name, key in keys.items()}
    found = []
    for number, row in enumerate(rows or (), start=2):
        cells: dict[Column, str] = {}
        for name, text in row.items():
            # Typographic quotes are quotes in logic, and stay what they are in texts.
            logic = keys[name][0] not in _TRANSLATED
            cells[keys[name]] = (clean_text_values(str(text)) if logic else str(text)).strip()
        found.append(Row(sheet, number, {k: v for k, v in cells.items() if v}, headings))
    return tuple(found)


def _plain(column: Column) -> Column:
    for long, short in _PLAIN.items():
        if column[: len(long)] == long:
            return (*short, *column[len(long) :])
    return column


def _languages(
    rows: Sequence[Row], default: str, unnamed: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the languages of the form by name, and the names that are no known languages."""
    named: dict[str, str] = {}
    strange: dict[str, None] = {}
    plain = False
    for row in rows:
        for key in row.cells:
            if key[0] not in _TRANSLATED:
                continue
            if len(key) == 1 or key[1] == UNNAMED:
                plain = True
            elif (code := language_code(key[1])) is None:
                strange[key[1]] = None
            else:
                named[key[1]] = code
    if plain or not named:
        named = {UNNAMED: language_code(default) or unnamed, **named}
    elif default in named:
        named = {default: named[default], **named}
    return named, tuple(strange)


def language_code(name: str) -> str | None:
    """Return the code of a language that a form names: `Bahasa Indonesia (id)`, `English`, `fr`."""
    if not name or name == UNNAMED:
        return None
    if match := _CODE.search(name):
        return match[1].lower()
    plain = name.strip().lower()
    if re.fullmatch(r"[a-z]{2,3}", plain) and plain in _names_of_languages().values():
        return plain
    return _names_of_languages().get(plain)


def language_name(code: str) -> str:
    """Return how a language calls itself, or its code where that is not known."""
    try:
        name = Locale.parse(code).get_display_name(code)
    except (UnknownLocaleError, ValueError):
        return _OF_THE_ARCHIPELAGO.get(code, code)
    if not name:
        return code
    return "Bahasa Indonesia" if code == "id" else name[:1].upper() + name[1:]


_OF_THE_ARCHIPELAGO = {
    "bjn": "Bahasa Banjar", "jv": "Basa Jawa", "su": "Basa Sunda", "mad": "Bhâsa Madhurâ",
    "min": "Baso Minang", "ban": "Basa Bali", "bug": "Basa Ugi", "ace": "Bahsa Acèh",
}  # fmt: skip


@lru_cache(maxsize=1)
def _names_of_languages() -> dict[str, str]:
    """Return language codes by what they are called in English, Indonesian and themselves."""
    found: dict[str, str] = {}
    for spoken in ("en", "id"):
        for code, name in Locale(spoken).languages.items():
            if re.fullmatch(r"[a-z]{2,3}", code):
                found.setdefault(name.lower(), code)
                found.setdefault(f"bahasa {name.lower()}", code)
                found.setdefault(code, code)
    for code in ("id", "en", "ms", "jv", "su", "fr", "es", "pt", "ar", "nl", "de"):
        found.setdefault((Locale(code).get_language_name(code) or code).lower(), code)
    return found | {name.lower(): code for code, name in _OF_THE_ARCHIPELAGO.items()}
