"""Links as files: CSV, XLSX and JSON, written one by one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import xlsxwriter

from bot.intake.tables import safe_cell, written

Format = Literal["csv", "xlsx", "json"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link as people get it. From `salutation` on it is filled for personal links only, in the
    person's language where it is words."""

    unit_list: str
    unit: str
    unit_name: str
    group: str
    code: str
    url: str
    text: str
    note: str = ""
    cap: int | None = None
    expires_at: datetime | None = None
    last_day: str = ""  # 2027-01-31, in the survey's zone; empty where the link has none
    salutation: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    survey: str = ""
    organiser: str = ""
    number: str = ""  # ours, as people read it
    until: str = ""  # the last day

    def to_dict(self) -> dict[str, Any]:
        """Return the link as plain data; the time as ISO 8601, UTC."""
        expires = self.expires_at.isoformat() if self.expires_at else None
        return {**asdict(self), "expires_at": expires}


_PLACE_COLUMNS = ("unit_list", "unit", "unit_name", "group", "code", "url", "note", "last_day")
# In the order in which a letter needs them.
_PERSON_COLUMNS = (
    *("salutation", "name", "email", "phone", "language", "survey", "organiser", "url", "code"),
    *("number", "until", "text", "unit_list", "unit", "unit_name", "group", "last_day"),
)
# What only programs want.
_JSON_COLUMNS = ("expires_at",)


def write_links(rows: Iterable[Link], path: Path, form: Format, *, personal: bool) -> int:
    """Write links as CSV, XLSX or JSON, one by one, and return how many."""
    columns: tuple[str, ...] = _PERSON_COLUMNS if personal else _PLACE_COLUMNS
    columns += _JSON_COLUMNS if form == "json" else ()
    records = (
        {name: one for name, one in row.to_dict().items() if name in columns} for row in rows
    )
    if form == "xlsx":
        return _write_xlsx(records, columns, path, private=personal)
    count = 0
    with written(path, private=personal, marked=form == "csv") as file:
        if form == "csv":
            writer = csv.writer(file)
            writer.writerow(columns)
            for record in records:
                writer.writerow([safe_cell(record[name]) for name in columns])
                count += 1
            return count
        file.write("[")
        for record in records:
            file.write(",\n " if count else "\n ")
            json.dump(record, file, ensure_ascii=False)
            count += 1
        file.write("\n]\n")
    return count


def _write_xlsx(
    records: Iterable[dict[str, Any]], columns: Sequence[str], path: Path, *, private: bool
) -> int:
    """Write a workbook whose cells are all text: no number loses its zero, nothing is a formula."""
    with written(path, private=private):
        pass  # made with the right mode; the library only fills it
    count = 0
    with path.open("wb") as file, xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("links")
        bold = book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        for place, name in enumerate(columns):
            sheet.write_string(0, place, name, bold)
        for count, record in enumerate(records, start=1):
            for place, name in enumerate(columns):
                value = record[name]
                sheet.write_string(count, place, "" if value is None else str(value))
    return count
