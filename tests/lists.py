"""Lists of invented people, taken into a roster as an import does it: rows, and duplicates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster import duplicates
from bot.outreach.roster.duplicates import Other, Settled
from storage.models import RosterImport, RosterRow
from tests.setup import MONDAY

_SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ri",
    "so",
    "tu",
    "wa",
    "ye",
    "zi",
    "ko",
    "ru",
]


@dataclass(frozen=True)
class Listed:
    """One line of a list."""

    unit_id: int
    group: str
    phone: str
    name: str = ""
    others: tuple[str, ...] = ()

    @property
    def person(self) -> dict[str, Any]:
        """What is sealed of it."""
        values = {"name": self.name, "phone": self.phone, "others": list(self.others)}
        return {name: value for name, value in values.items() if value}


def number(index: int) -> str:
    """Return an invented phone number."""
    return f"+62812000{index:05d}"


def name(index: int) -> str:
    """Return a name that has no word in common with that of any other index."""
    return f"{word(2 * index)} {word(2 * index + 1)}"


def word(index: int) -> str:
    """Return an invented word."""
    parts = []
    for _ in range(4):
        index, place = divmod(index, len(_SYLLABLES))
        parts.append(_SYLLABLES[place])
    return "".join(parts).title()


def take_in(
    here: Installation,
    published: Published,
    file: str,
    lines: Sequence[Listed],
    *,
    suggest: bool = True,
) -> tuple[int, Settled]:
    """Store a list whose first line of people is line 2; return the import and what it settled.

    Without `suggest` names are not compared, as of a long list.
    """

    def work(connection: Connection) -> int:
        values = {
            "survey_id": published.id,
            "name": file,
            "digest": file.encode().ljust(32),
            "status": "active",
            "started_at": MONDAY,
            "activated_at": MONDAY,
        }
        import_id = int(
            connection.execute(
                insert(RosterImport).values(values).returning(RosterImport.id)
            ).scalar_one()
        )
        others = []
        for line, one in enumerate(lines, 2):
            row = _counts_already(connection, here, published, one)
            if row is None:
                _add(connection, here, published, import_id, one)
            elif (row.unit_id, row.grp) != (one.unit_id, one.group) or one.person != json.loads(
                here.keys.by_id(connection, row.key_id).open(row.sealed, "roster_row")
            ):
                others.append(Other(row.id, one.unit_id, one.group, line, one.person))
        duplicates.record(connection, here, import_id, others)
        return import_id

    import_id = here.database.write(work)
    return import_id, duplicates.settle(here, published, import_id, suggest=suggest)


def _counts_already(
    connection: Connection, here: Installation, published: Published, one: Listed
) -> Any:
    statement = select(*RosterRow.__table__.columns).where(
        RosterRow.survey_id == published.id,
        RosterRow.address_hmac == here.keys.digest("address", one.phone),
    )
    return connection.execute(statement).first()


def _add(
    connection: Connection,
    here: Installation,
    published: Published,
    import_id: int,
    one: Listed,
) -> None:
    key = here.keys.installation(connection)
    values = {
        "survey_id": published.id,
        "unit_id": one.unit_id,
        "grp": one.group,
        "scope": published.survey.settings.scope(one.group, one.unit_id),
        "import_id": import_id,
        "address_hmac": here.keys.digest("address", one.phone),
        "sealed": key.seal_json(one.person, "roster_row"),
        "key_id": key.id,
    }
    connection.execute(insert(RosterRow).values(values))
