"""The hierarchy of units as reports need it: what lies below a unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from storage.queries import reports as queries
from storage.queries.reports import UnitRow


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """All units by id, in the order of their names."""

    units: Mapping[int, UnitRow]
    children: Mapping[int, tuple[int, ...]]

    def within(self, unit_id: int | None) -> frozenset[int]:
        """Return a unit and all below it; None is every unit."""
        if unit_id is None:
            return frozenset(self.units)
        found = {unit_id}
        waiting = [unit_id]
        while waiting:
            for child in self.children.get(waiting.pop(), ()):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return frozenset(found)

    def above(self, unit_id: int) -> tuple[int, ...]:
        """Return the units above a unit, the nearest first."""
        found: list[int] = []
        parent = self.units[unit_id].parent_id if unit_id in self.units else None
        while parent is not None and parent in self.units and parent not in found:
            found.append(parent)
            parent = self.units[parent].parent_id
        return tuple(found)


def read_hierarchy(connection: Connection) -> Hierarchy:
    """Return the hierarchy as it stands now."""
    rows = queries.units(connection)
    children: dict[int, list[int]] = {}
    for row in rows:
        if row.parent_id is not None:
            children.setdefault(row.parent_id, []).append(row.id)
    return Hierarchy(
        {row.id: row for row in rows}, {unit: tuple(below) for unit, below in children.items()}
    )
