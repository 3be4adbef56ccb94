"""Rosters with rows to mend, as an import leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from bot.channels.base import Address
from bot.intake.phones import REASONS, read_phone
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.mending.rows import Content, sealed
from storage.models import Coordinator, RosterImport, RosterReject

HEADINGS = ("Kelompok", "Nama", "No HP", "TMT")


def list_of(
    here: Installation,
    survey: Published,
    unit_id: int | None,
    rows: Sequence[tuple[str, str]],
    *,
    status: str = "active",
    problems: Sequence[tuple[str, str, str]] | None = None,
    cells: Mapping[str, str] | None = None,
    kind: str = "",
) -> list[int]:
    """Store an import with rows (name, what stood under "No HP") to mend; return their ids."""

    def work(connection: Connection) -> list[int]:
        values: dict[str, Any] = {
            "survey_id": survey.id,
            "unit_id": unit_id,
            "name": "daftar.xlsx",
            "digest": b"d" * 32,
            "status": status,
            "started_at": here.now(),
        }
        import_id = connection.execute(
            insert(RosterImport).values(values).returning(RosterImport.id)
        ).scalar_one()
        made = []
        for line, (name, text) in enumerate(rows, start=2):
            judged = read_phone(text).kind
            wrong = problems or [("hp_wa", *REASONS[judged])]
            held = dict(zip(HEADINGS, ("internal", name, text, "2020-01-01"), strict=True))
            content = Content(held | dict(cells or {}), tuple(wrong), {"name": name})
            made.append(
                {
                    "survey_id": survey.id,
                    "import_id": import_id,
                    "line": line,
                    "unit_id": unit_id,
                    "grp": "internal",
                    "kind": kind or judged,
                    **sealed(connection, here, content),
                }
            )
        statement = insert(RosterReject).returning(RosterReject.id, sort_by_parameter_order=True)
        return list(connection.execute(statement, made).scalars())

    return here.database.write(work)


def post(here: Installation, survey: Published, phone: str, unit_id: int | None) -> int:
    """Make whoever has this number a coordinator, and return the post."""

    def work(connection: Connection) -> int:
        met = identity.person(connection, here, [Address("phone", phone)])
        key = here.keys.installation(connection)
        values = {
            "survey_id": survey.id,
            "contact_id": met.contact_id,
            "unit_id": unit_id,
            "minute": 465,
            "sealed": key.seal("Admin", "coordinator"),
            "key_id": key.id,
        }
        made = insert(Coordinator).values(values).returning(Coordinator.id)
        return int(connection.execute(made).scalar_one())

    return here.database.write(work)
