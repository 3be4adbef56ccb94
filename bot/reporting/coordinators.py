"""Who gets the day's counts: posts, and reading them from a file.

A post is (survey, person, unit or the whole survey) with a local minute of the day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.flow.source import Problem
from bot.intake.phones import read_phone
from bot.intake.tables import Column, InputError, Row, Table, did_you_mean, open_table
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import reports as queries
from storage.queries.reports import UnitRow

DEFAULT_HOUR = "07:45"

COLUMNS = (
    Column("phone", ("hp", "hp_wa", "no_hp", "no_wa", "nomor", "telepon", "whatsapp"), True),
    Column("unit", ("kode_unit", "unit_code", "kode", "code", "opd")),
    Column("code_list", ("daftar_kode", "list", "daftar")),
    Column("hour", ("jam", "pukul", "waktu")),
    Column("name", ("nama",)),
)
_HOUR = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)(?::00)?")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of coordinators did."""

    added: int
    changed: int
    unchanged: int

    def to_dict(self) -> dict[str, int]:
        """Return the plain form."""
        return {"added": self.added, "changed": self.changed, "unchanged": self.unchanged}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One row of the file, understood."""

    phone: str
    unit: UnitRow | None
    minute: int
    name: str


def import_coordinators(
    installation: Installation, survey: str, path: Path, region: str = "ID"
) -> Imported:
    """Read who gets counts from a CSV file and store it; the same file twice changes nothing.

    Columns: `phone`; `unit`, a code with its list (`kemendagri:62.01`, or a column `code_list`),
    empty for the whole survey; `hour`, local (07:45); `name`. Raises UnknownSurvey, OSError, and
    InputError with everything that is wrong, in which case nothing was written.
    """

    def known(connection: Connection) -> tuple[Published, Hierarchy]:
        return installation.surveys.named(connection, survey), read_hierarchy(connection)

    published, hierarchy = installation.database.read(known)
    with open_table(path, COLUMNS) as table:
        wanted = _read_rows(table, _Reader(table, hierarchy, region))
    work = partial(_store, installation=installation, published=published, wanted=wanted)
    return installation.database.write(work)


def _read_rows(table: Table, reader: _Reader) -> list[_Wanted]:
    wanted: list[_Wanted] = []
    lines: dict[tuple[str, int | None], int] = {}
    for row in table.rows():
        one = reader.read(row)
        if one is None:
            continue
        key = (one.phone, one.unit.id if one.unit else None)
        if key in lines:
            what = f"the same number and unit as in line {lines[key]}"
            reader.problems.append(table.problem(row, "phone", what, "remove one of the two"))
        lines.setdefault(key, row.line)
        wanted.append(one)
    if not wanted and not reader.problems:
        what, fix = "there are no rows below the headings", "add a row for each coordinator"
        reader.problems.append(Problem(table.path.name, 1, 1, what, fix))
    if reader.problems:
        raise InputError(reader.problems)
    return wanted


@dataclass(slots=True)
class _Reader:
    """Reads rows and gathers what is wrong with them."""

    table: Table
    hierarchy: Hierarchy
    region: str
    problems: list[Problem] = field(default_factory=list)

    def read(self, row: Row) -> _Wanted | None:
        before = len(self.problems)
        phone, unit, minute = self._phone(row), self._unit(row), self._minute(row)
        if len(self.problems) > before:
            return None
        return _Wanted(phone, unit, minute, row.get("name"))

    def _complain(self, row: Row, column: str, what: str, fix: str) -> None:
        self.problems.append(self.table.problem(row, column, what, fix))

    def _phone(self, row: Row) -> str:
        read = read_phone(row.get("phone"), self.region)
        if read.e164 is None:
            what = "no mobile number can be read here"
            self._complain(row, "phone", what, "write one number, as 0812-0000-0123")
        elif read.others:
            what = "there are two numbers in one cell"
            self._complain(row, "phone", what, "keep the one that has WhatsApp")
        return read.e164 or ""

    def _minute(self, row: Row) -> int:
        found = _HOUR.fullmatch(row.get("hour") or DEFAULT_HOUR)
        if found is None:
            self._complain(row, "hour", "not an hour of the day", "write it as 07:45")
            return 0
        return int(found[1]) * 60 + int(found[2])

    def _unit(self, row: Row) -> UnitRow | None:
        text = row.get("unit")
        if not text:
            return None
        first, colon, rest = text.partition(":")
        code = rest.strip() if colon else text
        code_list = (first if colon else row.get("code_list")).strip().casefold()
        units = self.hierarchy.units.values()
        found = [one for one in units if one.code == code and code_list in ("", one.code_list)]
        if len(found) == 1 and (code_list or not code.isdigit()):
            return found[0]
        if found:
            # The lists of Kemendagri and BPS give the same digits to different places.
            lists = " or ".join(sorted({f"{one.code_list}:{code}" for one in found}))
            self._complain(row, "unit", f"{code!r} does not say which code list", f"write {lists}")
        else:
            names = [f"{one.code_list}:{one.code}" for one in units]
            given = f"{code_list}:{code}" if code_list else code
            what = f"there is no unit {given!r}"
            self._complain(row, "unit", what, did_you_mean(given, names))
        return None


def _store(
    connection: Connection,
    *,
    installation: Installation,
    published: Published,
    wanted: list[_Wanted],
) -> Imported:
    there = queries.posts_in(connection, published.id)
    key = installation.keys.installation(connection)
    tally = {"added": 0, "changed": 0, "unchanged": 0}
    for one in wanted:
        met = identity.person(connection, installation, [Address("phone", one.phone)])
        unit_id = one.unit.id if one.unit else None
        zone = ZoneInfo(one.unit.zone) if one.unit else published.survey.settings.zone
        due_at = next_due(installation.now(), one.minute, zone)
        post = there.get((met.contact_id, unit_id))
        if post is None:
            queries.add_post(
                connection,
                survey_id=published.id,
                contact_id=met.contact_id,
                unit_id=unit_id,
                minute=one.minute,
                due_at=due_at,
                sealed=key.seal(one.name, "coordinator"),
                key_id=key.id,
            )
            tally["added"] += 1
        elif post.minute == one.minute and _name(connection, installation, post.id) == one.name:
            tally["unchanged"] += 1
        else:
            queries.change_post(
                connection,
                post.id,
                minute=one.minute,
                due_at=due_at if post.due_at is not None else None,
                sealed=key.seal(one.name, "coordinator"),
                key_id=key.id,
            )
            tally["changed"] += 1
    return Imported(**tally)


def _name(connection: Connection, installation: Installation, post_id: int) -> str:
    sealed, key_id = queries.sealed_name(connection, post_id)
    return installation.keys.by_id(connection, key_id).open(sealed, "coordinator")


def next_due(now: datetime, minute: int, zone: ZoneInfo) -> datetime:
    """Return the next time, in UTC, at which it is this minute of the day in a zone."""
    local = now.astimezone(zone)
    at = time(minute // 60, minute % 60)
    day = local.date() if local.time() < at else local.date() + timedelta(days=1)
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
