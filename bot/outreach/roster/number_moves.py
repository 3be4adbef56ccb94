"""One number in several places: what is sealed of each, and moving the number to another one.

A row counts; the place that does not is kept, sealed, with the duplicate, so that every move can be
taken back. `swapped` in what is sealed says that the row has come from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection

from bot.flow.settings import Settings
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster.names import name_of
from storage.queries import duplicates as queries
from storage.queries.duplicates import Found, Row

PLACE = "roster_duplicate"
ROW = "roster_row"


class Sealed(Protocol):
    """A stored person with what it takes to open it."""

    @property
    def sealed(self) -> bytes:
        """The encrypted JSON."""
        ...

    @property
    def key_id(self) -> int:
        """The key that sealed it."""
        ...


class InTheWay(Exception):
    """A number cannot be moved: the other list has it in a row of its own."""


def open_row(connection: Connection, installation: Installation, row: Sealed) -> dict[str, Any]:
    """Return what is stored of a row's person. Raises KeyDestroyed, WrongSecret."""
    key = installation.keys.by_id(connection, row.key_id)
    person: dict[str, Any] = json.loads(key.open(row.sealed, ROW))
    return person


def open_other(connection: Connection, installation: Installation, found: Found) -> dict[str, Any]:
    """Return what is sealed of the other one: person, source, basis, kind, hint, swapped.

    Raises KeyDestroyed, WrongSecret.
    """
    assert found.sealed is not None
    assert found.key_id is not None
    key = installation.keys.by_id(connection, found.key_id)
    other: dict[str, Any] = json.loads(key.open(found.sealed, PLACE))
    return other


def seal_other(
    connection: Connection, installation: Installation, other: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns for what is sealed of the other one; nothing empty in it."""
    key = installation.keys.installation(connection)
    kept = {name: value for name, value in other.items() if value}
    return {"sealed": key.seal_json(kept, PLACE), "key_id": key.id}


def person_digest(installation: Installation, person: Mapping[str, Any]) -> bytes:
    """Return what tells several people of one number and place apart: their names."""
    return installation.keys.digest("name", " ".join(name_of(str(person.get("name", "")))))


def together(settings: Settings, one: tuple[int, str], other: tuple[int, str]) -> bool:
    """Whether one person may be interviewed in two places (unit and group) of a survey."""
    scopes = {settings.scope(group, unit_id) for unit_id, group in (one, other)}
    return one[0] != other[0] and len(scopes) == 2


def swap(
    connection: Connection,
    installation: Installation,
    published: Published,
    row: Row,
    found: Found,
    **values: Any,
) -> None:
    """Let row and duplicate change places; `values` are further columns of the duplicate.

    Raises InTheWay.
    """
    scope = published.survey.settings.scope(found.grp, found.unit_id)
    if queries.has_number(connection, row, published.id, scope):
        raise InTheWay
    other = open_other(connection, installation, found)
    displaced: dict[str, Any] = {
        "person": open_row(connection, installation, row),
        "source": row.source,
        "basis": row.basis,
        "kind": row.kind,
        "hint": other.get("hint"),
        "swapped": not other.get("swapped"),
    }
    queries.change(
        connection,
        found.id,
        unit_id=row.unit_id,
        grp=row.grp,
        import_id=row.import_id,
        person_hmac=person_digest(installation, displaced["person"]),
        **seal_other(connection, installation, displaced),
        **values,
    )
    queries.change_row(
        connection,
        row.id,
        import_id=found.import_id,
        **_of_place(connection, installation, published, found, other),
    )


def give_both(
    connection: Connection, installation: Installation, published: Published, row: Row, found: Found
) -> int:
    """Store the other place as a row of its own and return its id. Raises InTheWay."""
    scope = published.survey.settings.scope(found.grp, found.unit_id)
    if scope == row.scope or queries.has_number(connection, row, published.id, scope):
        raise InTheWay
    other = open_other(connection, installation, found)
    return queries.add_row(
        connection,
        {
            "survey_id": published.id,
            "address_hmac": row.address_hmac,
            "import_id": found.import_id,
            **_of_place(connection, installation, published, found, other),
        },
    )


def _of_place(
    connection: Connection,
    installation: Installation,
    published: Published,
    found: Found,
    other: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the columns of a row in the duplicate's place."""
    key = installation.keys.installation(connection)
    return {
        "unit_id": found.unit_id,
        "grp": found.grp,
        "scope": published.survey.settings.scope(found.grp, found.unit_id),
        "kind": other.get("kind", "clean"),
        "sealed": key.seal_json(other["person"], ROW),
        "key_id": key.id,
        "source": other.get("source"),
        "basis": other.get("basis"),
    }
