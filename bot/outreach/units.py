"""The hierarchy: provinces, kabupaten/kota and OPDs with their codes, zones and targets.

A unit is known by its code *in a list*: kabupaten 62.06 of Kemendagri is not 6206 of BPS, so a code
never stands alone. Everything is checked before anything is written, in one transaction; the same
file again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError, Table, did_you_mean
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.unit_files import Key, WantedUnit, province_zone, read_units, shown
from storage.queries import audit
from storage.queries import units as queries
from storage.queries.units import UnitRow


@dataclass(frozen=True, slots=True)
class UnitsReport:
    """What an import did. `targets` counts those that were set anew; nothing else was touched."""

    added: int
    changed: int
    unchanged: int
    targets: int
    ignored_columns: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def import_units(installation: Installation, path: Path, survey: str | None = None) -> UnitsReport:
    """Take a file of units, and of targets (`target_internal`, ...) for a named survey.

    Raises InputError with every problem of the file, and UnknownSurvey; nothing is written then.
    """
    database = installation.database
    named = installation.surveys.named
    published = database.read(lambda connection: named(connection, survey)) if survey else None
    table, wanted = read_units(path, published)

    def work(connection: Connection) -> UnitsReport:
        report = _store(connection, table, wanted, published)
        if report.added or report.changed or report.targets:
            detail = {key: value for key, value in asdict(report).items() if value}
            audit.record(connection, installation.now(), "units import", json.dumps(detail))
        return report

    return database.write(work)


def _store(
    connection: Connection,
    table: Table,
    wanted: Mapping[Key, WantedUnit],
    published: Published | None,
) -> UnitsReport:
    """Bring the stored units to what the file says. Raises InputError before the first write."""
    stored = queries.every(connection)
    by_key = {(unit.code_list, unit.code): unit for unit in stored}
    ids = {unit.id: key for key, unit in by_key.items()}
    parents: dict[Key, Key | None] = {
        key: ids[unit.parent_id] if unit.parent_id is not None else None
        for key, unit in by_key.items()
    }
    for key, one in wanted.items():
        if one.has_parent or key not in by_key:
            parents[key] = one.parent
    problems = _check_parents(table, wanted, parents)
    zones = _zones(table, wanted, by_key, parents, problems) if not problems else {}
    if problems:
        raise InputError(problems)
    key_to_id = {key: unit.id for key, unit in by_key.items()}
    added = _add(connection, wanted, by_key, parents, zones, key_to_id)
    changed = _change(connection, wanted, by_key, parents, zones, key_to_id)
    targets = _set_targets(connection, wanted, published, key_to_id)
    return UnitsReport(added, changed, len(wanted) - added - changed, targets, table.ignored)


def _check_parents(
    table: Table, wanted: Mapping[Key, WantedUnit], parents: Mapping[Key, Key | None]
) -> list[Problem]:
    """Every parent must exist, in the file or the database, and no unit may be its own ancestor."""
    problems = []
    settled: set[Key] = set()
    for key, one in wanted.items():
        parent = parents[key]
        if parent is not None and parent not in parents:
            hint = did_you_mean(shown(parent), (shown(other) for other in parents))
            what = f"there is no unit {shown(parent)}"
            fix = f"{hint} A code of another list is written list:code"
            problems.append(table.problem(one.row, "parent", what, fix))
        chain = [key]
        while (above := parents.get(chain[-1])) is not None and above not in settled:
            if above in chain:
                ring = " under ".join(shown(link) for link in [*chain[chain.index(above) :], above])
                fix = "one of them must have another parent, or none"
                what = f"units in a circle: {ring}"
                problems.append(table.problem(one.row, "parent", what, fix))
                break
            chain.append(above)
        settled.update(chain)
    return problems


def _zones(
    table: Table,
    wanted: Mapping[Key, WantedUnit],
    by_key: Mapping[Key, UnitRow],
    parents: Mapping[Key, Key | None],
    problems: list[Problem],
) -> dict[Key, str]:
    """Return every unit's zone: its own, else what is stored, its parent's, or its province's."""
    zones: dict[Key, str] = {}
    for key in _parents_first(wanted, parents):
        parent = parents[key]
        above = None
        if parent is not None:
            above = zones[parent] if parent in wanted else by_key[parent].zone
        kept = by_key[key].zone if key in by_key else None
        zone = wanted[key].zone or kept or above or province_zone(key)
        if zone is None:
            what = f"{shown(key)} has no time zone, and no parent with one"
            problems.append(table.problem(wanted[key].row, "zone", what, "write WIB, WITA or WIT"))
        zones[key] = zone or "UTC"
    return zones


def _parents_first(wanted: Iterable[Key], parents: Mapping[Key, Key | None]) -> list[Key]:
    """Return the keys with every parent before its children, whatever the file's order."""

    def depth(key: Key) -> int:
        steps = 0
        above = parents[key]
        while above is not None:
            steps, above = steps + 1, parents[above]
        return steps

    return sorted(wanted, key=depth)


def _add(
    connection: Connection,
    wanted: Mapping[Key, WantedUnit],
    by_key: Mapping[Key, UnitRow],
    parents: Mapping[Key, Key | None],
    zones: Mapping[Key, str],
    key_to_id: dict[Key, int],
) -> int:
    """Store new units level by level, because a child needs its parent's id."""
    fresh = [key for key in _parents_first(wanted, parents) if key not in by_key]
    waiting = fresh
    while waiting:
        level = [key for key in waiting if parents[key] is None or parents[key] in key_to_id]
        rows = [
            {
                "code_list": key[0],
                "code": key[1],
                "name": wanted[key].name,
                "parent_id": _id(key_to_id, parents[key]),
                "zone": zones[key],
                "area": wanted[key].area or None,
            }
            for key in level
        ]
        key_to_id.update(zip(level, queries.add(connection, rows), strict=True))
        waiting = [key for key in waiting if key not in key_to_id]
    return len(fresh)


def _change(
    connection: Connection,
    wanted: Mapping[Key, WantedUnit],
    by_key: Mapping[Key, UnitRow],
    parents: Mapping[Key, Key | None],
    zones: Mapping[Key, str],
    key_to_id: Mapping[Key, int],
) -> int:
    """Give stored units what the file says; return how many that changed."""
    changes = []
    for key, one in wanted.items():
        old = by_key.get(key)
        if old is None:
            continue
        new = old._replace(
            name=one.name,
            parent_id=_id(key_to_id, parents[key]),
            zone=zones[key],
            area=old.area if one.area is None else one.area or None,
        )
        if new != old:
            changes.append(new)
    queries.change(connection, changes)
    return len(changes)


def _set_targets(
    connection: Connection,
    wanted: Mapping[Key, WantedUnit],
    published: Published | None,
    key_to_id: Mapping[Key, int],
) -> int:
    """Set the targets that differ from the stored ones; return how many."""
    if published is None:
        return 0
    stored = queries.targets(connection, published.id)
    count = 0
    for key, one in wanted.items():
        for group, target in one.targets.items():
            if stored.get((key_to_id[key], group)) != target:
                queries.set_target(connection, published.id, key_to_id[key], group, target)
                count += 1
    return count


def _id(key_to_id: Mapping[Key, int], key: Key | None) -> int | None:
    return None if key is None else key_to_id[key]
