"""The counters of a (survey, unit, group)."""

from __future__ import annotations

from sqlalchemy import Connection, update

from storage.models import Cell
from storage.queries.upsert import insert_ignore


def add(connection: Connection, survey_id: int, unit_id: int, grp: str, **more: int) -> None:
    """Raise counters of a cell: mixed, fast, straight, known_duplicates, deleted."""
    key = {"survey_id": survey_id, "unit_id": unit_id, "grp": grp}
    insert_ignore(connection, Cell.__table__, key)
    connection.execute(
        update(Cell)
        .where(Cell.survey_id == survey_id, Cell.unit_id == unit_id, Cell.grp == grp)
        .values({name: getattr(Cell, name) + number for name, number in more.items()})
    )
