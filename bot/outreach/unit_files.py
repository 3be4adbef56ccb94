"""Reading a file of units: what each row says, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from bot.flow.source import Problem
from bot.intake.tables import Column, InputError, Row, Table, did_you_mean, open_table
from bot.interview.surveys import Published

Key = tuple[str, str]
"""A unit's code list and code."""

COLUMNS = (
    Column("code_list", ("daftar_kode", "list", "daftar"), required=True, title="daftar_kode"),
    Column("code", ("kode", "kode_unit", "unit_code"), required=True, title="kode"),
    Column("name", ("nama", "nama_unit", "unit", "unit_name"), required=True, title="nama"),
    Column("parent", ("induk", "kode_induk", "parent_code")),
    Column("zone", ("zona", "zona_waktu", "timezone", "time_zone")),
    Column("area", ("wilayah", "wilayah_layanan", "area_layanan")),
)
TARGET = "target_"

# Keppres 41/1987. No daylight saving anywhere.
ZONES = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}
_WITA = re.compile(r"5[123]|6[345]|7[1-6]")
_WIT = re.compile(r"8[12]|9[1-7]")

# Kemendagri writes 62.10.02.1001, BPS 6210020001. What looks otherwise has lost a digit or a dot.
_FORMS = {
    "kemendagri": (r"\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?", "62, 62.10, 62.10.02 or 62.10.02.1001"),
    "bps": (r"\d{2}(\d{2}(\d{3}(\d{3})?)?)?", "62, 6210, 6210020 or 6210020001"),
}
_LIMITS = {"code_list": 40, "code": 40, "name": 200, "area": 200}


@dataclass(frozen=True, slots=True)
class WantedUnit:
    """A row of the file. None means that the file has no such column: leave what is stored."""

    row: Row
    key: Key
    name: str
    parent: Key | None
    has_parent: bool
    zone: str | None
    area: str | None
    targets: Mapping[str, int]


def read_units(path: Path, published: Published | None) -> tuple[Table, dict[Key, WantedUnit]]:
    """Read the whole file, which is small beside a roster, and check each row by itself.

    Raises InputError with everything that was found.
    """
    problems: list[Problem] = []
    wanted: dict[Key, WantedUnit] = {}
    with open_table(path, COLUMNS, (TARGET,)) as table:
        problems += _check_target_columns(table, published)
        for row in table.rows():
            found = [row.broken] if row.broken else _read_row(table, row)
            if isinstance(found, list):
                problems += found
            elif found.key in wanted:
                first = wanted[found.key].row.line
                what = f"{shown(found.key)} stands in line {first} already"
                problems.append(table.problem(row, "code", what, "remove one of the two lines"))
            else:
                wanted[found.key] = found
    if problems:
        raise InputError(problems)
    return table, wanted


def _check_target_columns(table: Table, published: Published | None) -> list[Problem]:
    """Every target column needs a survey, and a group of that survey."""
    problems = []
    for name in table.position:
        if not name.startswith(TARGET):
            continue
        group = name.removeprefix(TARGET)
        if published is None:
            what, fix = "a target needs a survey", "name the survey that the targets are for"
        elif group not in published.survey.settings.groups:
            what = f"survey {published.name} has no group {group!r}"
            fix = did_you_mean(group, published.survey.settings.groups)
        else:
            continue
        problems.append(table.problem(1, name, what, fix))
    return problems


def _read_row(table: Table, row: Row) -> WantedUnit | list[Problem]:
    """Read one row, or return all that is wrong with it."""
    code_list = row.get("code_list").casefold()
    code = row.get("code")
    problems = [
        table.problem(row, name, "empty", "every unit needs a list, a code and a name")
        for name in ("code_list", "code", "name")
        if not row.get(name)
    ]
    problems += [
        table.problem(row, name, f"longer than {limit} characters", "shorten it")
        for name, limit in _LIMITS.items()
        if len(row.get(name)) > limit
    ]
    if code_list and not re.fullmatch(r"[a-z][a-z0-9_-]*", code_list):
        what, fix = "not a name of a code list", "use kemendagri, bps, or a short name of your own"
        problems.append(table.problem(row, "code_list", what, fix))
    elif code:
        problems += _check_code(table, row, "code", (code_list, code))
    parent = _parent(row.get("parent"), code_list)
    if parent:
        problems += _check_code(table, row, "parent", parent)
    zone = _zone(row.get("zone"))
    if row.get("zone") and zone is None:
        what = f"{row.get('zone')!r} is not a time zone"
        problems.append(table.problem(row, "zone", what, _zone_hint(row.get("zone"))))
    targets = _targets(table, row, problems)
    if problems:
        return problems
    return WantedUnit(
        row=row,
        key=(code_list, code),
        name=row.get("name"),
        parent=parent,
        has_parent="parent" in table.position,
        zone=zone,
        area=row.get("area") if "area" in table.position else None,
        targets=targets,
    )


def _parent(text: str, code_list: str) -> Key | None:
    """Read a parent's code: `62.71` is in the row's own list, `kemendagri:62.71` in another."""
    if not text:
        return None
    other, colon, code = text.partition(":")
    return (other.strip().casefold(), code.strip()) if colon else (code_list, text)


def _check_code(table: Table, row: Row, column: str, key: Key) -> list[Problem]:
    """A known list's codes have a known form: `62.1` is what a spreadsheet makes of 62.10."""
    form, example = _FORMS.get(key[0], (r".+", ""))
    if re.fullmatch(form, key[1], re.ASCII):
        return []
    what = f"{key[1]!r} is not a code of the list {key[0]}"
    fix = f"it looks like {example}; format the column as Text so that no 0 is lost"
    return [table.problem(row, column, what, fix)]


def _zone(text: str) -> str | None:
    """Return the tz database name of WIB, WITA, WIT or of a tz name in any case."""
    known = ZONES.get(text.upper())
    if known or not text:
        return known
    try:
        return ZoneInfo(text).key if "/" in text else None
    except (ValueError, OSError, KeyError):
        names = {name.casefold(): name for name in available_timezones()}
        return names.get(text.casefold())


def _zone_hint(text: str) -> str:
    names = (*ZONES, *(name for name in available_timezones() if name.startswith("Asia/")))
    return did_you_mean(text, names, limit=1) if "/" in text else did_you_mean(text, ZONES, limit=1)


def _targets(table: Table, row: Row, problems: list[Problem]) -> dict[str, int]:
    """Read a row's targets, adding to `problems`; an empty cell sets none."""
    targets: dict[str, int] = {}
    for name in table.position:
        text = row.get(name) if name.startswith(TARGET) else ""
        if not text:
            continue
        if re.fullmatch(r"[0-9]{1,7}(?:[.,]0)?", text):
            targets[name.removeprefix(TARGET)] = int(re.split("[.,]", text)[0])
        else:
            fix = "write digits only, without points or words"
            problems.append(table.problem(row, name, f"{text!r} is not a whole number", fix))
    return targets


def province_zone(key: Key) -> str | None:
    """Return the zone of a Kemendagri or BPS code, whose first two digits are the province."""
    if key[0] not in _FORMS:
        return None
    if _WITA.match(key[1]):
        return ZONES["WITA"]
    return ZONES["WIT" if _WIT.match(key[1]) else "WIB"]


def shown(key: Key) -> str:
    """Return a unit's list and code as messages and files write them."""
    return f"{key[0]}:{key[1]}"
