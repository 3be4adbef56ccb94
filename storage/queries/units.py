"""Units (the hierarchy of provinces, kabupaten/kota and OPDs) and their targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from storage.models import Target, Unit
from storage.queries.upsert import upsert


class UnitRow(NamedTuple):
    """A unit as stored; `zone` is a tz database name."""

    id: int
    code_list: str
    code: str
    name: str
    parent_id: int | None
    zone: str
    area: str | None


_COLUMNS = (
    Unit.id,
    Unit.code_list,
    Unit.code,
    Unit.name,
    Unit.parent_id,
    Unit.zone,
    Unit.area,
)
_SET = (
    update(Unit)
    .where(Unit.id == bindparam("unit"))
    .values(
        name=bindparam("new_name"),
        parent_id=bindparam("new_parent_id"),
        zone=bindparam("new_zone"),
        area=bindparam("new_area"),
    )
)


def every(connection: Connection) -> list[UnitRow]:
    """Return all units, in the order in which they came."""
    return [UnitRow._make(row) for row in connection.execute(select(*_COLUMNS).order_by(Unit.id))]


def by_id(connection: Connection, unit_id: int) -> UnitRow | None:
    """Return a unit."""
    row = connection.execute(select(*_COLUMNS).where(Unit.id == unit_id)).first()
    return UnitRow._make(row) if row else None


def add(connection: Connection, units: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store new units and return their ids in the same order; parents must be stored already."""
    if not units:
        return []
    statement = insert(Unit).returning(Unit.id, sort_by_parameter_order=True)
    return list(connection.execute(statement, [dict(unit) for unit in units]).scalars())


def change(connection: Connection, units: Iterable[UnitRow]) -> None:
    """Give units their new name, parent, zone and area; list and code never change."""
    values = [
        {
            "unit": unit.id,
            "new_name": unit.name,
            "new_parent_id": unit.parent_id,
            "new_zone": unit.zone,
            "new_area": unit.area,
        }
        for unit in units
    ]
    if values:
        connection.execute(_SET, values)


def targets(connection: Connection, survey_id: int) -> dict[tuple[int, str], int]:
    """Return a survey's targets by unit and group."""
    statement = select(Target.unit_id, Target.grp, Target.target).where(
        Target.survey_id == survey_id
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


def set_target(connection: Connection, survey_id: int, unit_id: int, grp: str, target: int) -> None:
    """Say how many responses are wanted of a unit's group."""
    upsert(
        connection,
        Target.__table__,
        {"survey_id": survey_id, "unit_id": unit_id, "grp": grp, "target": target},
        ["survey_id", "unit_id", "grp"],
        ["target"],
    )
