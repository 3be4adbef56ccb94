"""People who may stand in a unit with two numbers: suggested by their names, never merged.

One unit is compared after the other, so that no more than its names are held. What was decided
stays; the same suggestion is not made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster.names import Name, name_of, pairs
from bot.outreach.roster.number_moves import open_row
from storage.queries import duplicates as queries
from storage.queries.duplicates import Named

CHUNK = 500

Progress = Callable[[int, int], None]
"""Told, after each unit, how many are done and how many there are."""


def suggest(installation: Installation, survey: str, progress: Progress | None = None) -> int:
    """Compare the names of everybody on a survey's roster; return how many suggestions are new.

    They wait for a decision where the survey says `ask`. May be cut off and run again. Raises
    UnknownSurvey, KeyDestroyed.
    """
    database = installation.database
    published = database.read(lambda connection: installation.surveys.named(connection, survey))
    units = database.read(lambda connection: queries.units_of(connection, published.id))
    new = 0
    for done, unit_id in enumerate(units, 1):
        new += _suggest(installation, published, unit_id)
        if progress is not None:
            progress(done, len(units))
    return new


def suggest_of_import(installation: Installation, published: Published, import_id: int) -> None:
    """Compare the names of an import's people with all others of their units."""
    read = partial(queries.units_of, survey_id=published.id, import_id=import_id)
    for unit_id in installation.database.read(read):
        _suggest(installation, published, unit_id, import_id)


def _suggest(
    installation: Installation, published: Published, unit_id: int, import_id: int | None = None
) -> int:
    """Compare the names of a unit, all or those with somebody of an import in the pair."""
    database = installation.database
    read = partial(
        _read_unit,
        installation=installation,
        survey_id=published.id,
        unit_id=unit_id,
        import_id=import_id,
    )
    rows, further = database.read(read)
    holds = published.survey.settings.duplicates.policy == "ask"
    found = [
        _suggestion(published.id, one, rows[other][0], import_id, holds=holds)
        for one, other in pairs([(number, name) for number, (_, name) in rows.items()])
        if import_id is None or import_id in (rows[one][0].import_id, rows[other][0].import_id)
    ]
    for chunk in _chunks(further):
        database.write(partial(queries.add_numbers, rows=chunk))
    return sum(database.write(partial(queries.add, rows=chunk)) for chunk in _chunks(found))


def _read_unit(
    connection: Connection,
    installation: Installation,
    survey_id: int,
    unit_id: int,
    import_id: int | None,
) -> tuple[dict[int, tuple[Named, Name]], list[dict[str, Any]]]:
    """Return a unit's rows by id with their names, and further numbers: all, or an import's."""
    rows: dict[int, tuple[Named, Name]] = {}
    further: list[dict[str, Any]] = []
    for row in queries.named(connection, survey_id, unit_id):
        person = open_row(connection, installation, row)
        rows[row.id] = (row._replace(sealed=b""), name_of(person.get("name", "")))
        if import_id in (None, row.import_id):
            further += [
                {
                    "survey_id": survey_id,
                    "row_id": row.id,
                    "address_hmac": installation.keys.digest("address", number),
                }
                for number in person.get("others", ())
            ]
    return rows, further


def _suggestion(
    survey_id: int, row_id: int, other: Named, import_id: int | None, *, holds: bool
) -> dict[str, Any]:
    return {
        "survey_id": survey_id,
        "import_id": other.import_id if import_id is None else import_id,
        "kind": "same_person",
        "row_id": row_id,
        "other_id": other.id,
        "unit_id": other.unit_id,
        "grp": other.grp,
        "person_hmac": other.address_hmac,
        "decision": "open",
        "holds": holds,
    }


def _chunks(rows: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), CHUNK):
        yield list(rows[start : start + CHUNK])
