"""What institutions mean by the headings of their tables, as somebody has confirmed it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from storage.models import KnownHeading
from storage.queries.upsert import upsert

LONGEST = 120  # a longer heading is not remembered


def known(connection: Connection, unit_id: int) -> dict[str, str]:
    """Return an institution's headings, as names are compared, with their columns; "": not read."""
    columns = select(KnownHeading.heading, KnownHeading.column)
    rows = connection.execute(columns.where(KnownHeading.unit_id == unit_id))
    return {heading: column for heading, column in rows}  # noqa: C416 # rows, not pairs, to mypy


def remember(connection: Connection, unit_id: int, headings: Mapping[str, str]) -> None:
    """Keep what headings mean; what was said of the same heading before is replaced."""
    for heading, column in headings.items():
        if len(heading) <= LONGEST:
            values = {"unit_id": unit_id, "heading": heading, "column": column}
            upsert(connection, KnownHeading.__table__, values, ("unit_id", "heading"), ("column",))
