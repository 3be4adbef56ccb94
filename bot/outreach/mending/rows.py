"""One row to mend and one correction: read by the rules of a roster, and stored or refused.

A correction is what somebody typed for the first thing that is wrong with a row; where more is
wrong, the row stays open with the rest. Only before anybody is invited: after that, a list of
numbers that cannot be reached would show who was drawn.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import Row, Table, heading
from bot.interview.erasure import REJECT
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster import quality
from bot.outreach.roster.diff import PLACE as ROW_PLACE
from bot.outreach.roster.importing import open_person
from bot.outreach.roster.reasons import of_problem
from bot.outreach.roster.rows import Person, Read, Reader, Units, column_of
from storage.database import Conflict
from storage.queries import mending as queries
from storage.queries import rosters as roster_queries
from storage.queries import units as unit_queries
from storage.queries.mending import Reject

Fate = Literal[
    "mended",
    "partly",  # that is right now, something else is not
    "wrong",  # refused by the rules; see the problems
    "duplicate",  # the number stands on the roster already, and stays where it is
    "known",  # mended before, or replaced by a later file
    "elsewhere",  # not a row of these units, or of nobody
    "too_late",  # people have been invited
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a correction; `problems` are what is still wrong with the row."""

    fate: Fate
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a row to mend holds: its cells by heading, what is wrong, and what could be read.

    A problem is (column, what, fix); the column is a heading or our own name of it.
    """

    cells: Mapping[str, str]
    problems: tuple[tuple[str, str, str], ...]
    person: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The person's name, as far as one was given."""
        read = str(self.person.get("name") or "")
        return read or next((self.cells[h] for h in self.cells if column_of(h) == "nama"), "")


def mend(
    installation: Installation,
    published: Published,
    reject_id: int,
    correction: str,
    units: Collection[int] | None = None,
) -> Outcome:
    """Correct one row, in one transaction; the same correction again changes nothing.

    `units` are those that whoever corrects answers for; None is all. Raises KeyDestroyed.
    """
    return installation.database.write(
        lambda connection: mend_in(
            connection, installation, published, reject_id, correction, units
        )
    )


def mend_in(
    connection: Connection,
    installation: Installation,
    published: Published,
    reject_id: int,
    correction: str,
    units: Collection[int] | None = None,
) -> Outcome:
    """Correct one row inside a transaction that is under way; see `mend`."""
    row = queries.reject(connection, reject_id, lock=True)
    if row is None or row.survey_id != published.id or not within(row, units):
        return Outcome("elsewhere")
    if row.status != "open" or not row.active:
        return Outcome("known")
    if closed(connection, published):
        return Outcome("too_late")
    content = opened(connection, installation, row)
    cells = corrected(connection, row, content, correction)
    read = _read(connection, published, row, cells)
    person, problems, known = read.person, read.problems, read.known
    if person is not None and units is not None and person.unit_id not in units:
        known = {name: person.sealed.get(name) for name in ("name", "phone", "email")}
        person, problems = None, (_not_yours(row),)
    if person is None:
        fewer = len(problems) < len(content.problems)
        if fewer:
            _keep(connection, installation, row, {**content.person, **known}, cells, problems)
        return Outcome("partly" if fewer else "wrong", problems)
    if not _store(connection, installation, published, row, person):
        return Outcome("duplicate")
    shut(connection, row, "mended")
    day = published.survey.settings.day(installation.now())
    _count(connection, published, row, person, day)
    return Outcome("mended")


def closed(connection: Connection, published: Published) -> bool:
    """Whether rows are mended no more: people were invited, or the survey is over."""
    return published.closed_at is not None or queries.launched(connection, published.id)


def within(row: Reject, units: Collection[int] | None) -> bool:
    """Whether a row is one of these units' (None: of all)."""
    return units is None or row.place in units


def units_below(connection: Connection, unit_id: int | None) -> frozenset[int] | None:
    """Return a unit with all units below it; None stands for all units."""
    if unit_id is None:
        return None
    found = {unit_id}
    everything = unit_queries.every(connection)
    while more := {one.id for one in everything if one.parent_id in found} - found:
        found |= more
    return frozenset(found)


def opened(connection: Connection, installation: Installation, row: Reject) -> Content:
    """Return what a row to mend holds; nothing once it is not open. Raises KeyDestroyed."""
    if not row.sealed:
        return Content({}, (), {})
    plain = json.loads(installation.keys.by_id(connection, row.key_id).open(row.sealed, REJECT))
    problems = tuple(
        (str(one.get("column", "")), str(one.get("what", "")), str(one.get("fix", "")))
        for one in plain.get("problems", ())
    )
    return Content(plain.get("cells", {}), problems, plain.get("person", {}))


def sealed(connection: Connection, installation: Installation, content: Content) -> dict[str, Any]:
    """Return the columns `sealed`, `key_id` and `address_hmac` of a row to mend."""
    key = installation.keys.installation(connection)
    names = ("column", "what", "fix")
    plain = {
        "cells": dict(content.cells),
        "problems": [dict(zip(names, one, strict=True)) for one in content.problems],
        "person": dict(content.person),
    }
    phone = content.person.get("phone")
    return {
        "sealed": key.seal_json(plain, REJECT),
        "key_id": key.id,
        "address_hmac": installation.keys.digest("address", phone) if phone else None,
    }


def shut(connection: Connection, row: Reject, status: str) -> None:
    """Close a row; what was sealed in it is needed no more, and goes."""
    if not queries.shut(connection, row.id, status):
        raise Conflict("another correction was faster")


def corrected(
    connection: Connection, row: Reject, content: Content, correction: str
) -> dict[str, str]:
    """Return a row's cells by column, with the correction where the first problem is."""
    known = queries.known_headings(connection, row.place)
    cells = {
        known.get(heading(title)) or column_of(title): text for title, text in content.cells.items()
    }
    cells.pop("", None)
    for name, column in (("name", "nama"), ("email", "email"), ("phone", "hp_wa")):
        cells.setdefault(column, str(content.person.get(name) or ""))
    wrong = content.problems[0][0] if content.problems else ""
    column = known.get(heading(wrong)) or column_of(wrong) or _BY_KIND.get(row.kind, "hp_wa")
    text = correction.strip()
    if column in {"unit", "opd"}:
        return cells | {"unit": text, "opd": "", "daftar_kode": ""}
    if column == "hp_wa" and "@" in text:
        # A person is reached by a number or by an e-mail address.
        return cells | {"hp_wa": "", "email": text}
    return cells | {column: text}


# --- inside -------------------------------------------------------------------------------------

_BY_KIND = {"unknown_unit": "unit", "unknown_group": "kelompok"}


def _read(
    connection: Connection, published: Published, row: Reject, cells: Mapping[str, str]
) -> Read:
    """Read corrected cells by the rules of every roster."""
    units = unit_queries.every(connection)
    own = next((f"{one.code_list}:{one.code}" for one in units if one.id == row.place), "")
    table = Table(Path("perbaikan"), (), dict.fromkeys(cells, 0), ())
    reader = Reader(table, Units(units), published.survey.settings, "ID", own, row.grp or "")
    return reader.read(Row(row.line, cells, tuple(cells.values())))


def _keep(
    connection: Connection,
    installation: Installation,
    row: Reject,
    known: Mapping[str, Any],
    cells: Mapping[str, str],
    problems: Sequence[Problem],
) -> None:
    """Remember what is right now; the row stays open with the rest."""
    left = tuple(of_problem(one) for one in problems)
    values = sealed(connection, installation, Content(cells, left, known))
    queries.keep(connection, row.id, values)


def _store(
    connection: Connection,
    installation: Installation,
    published: Published,
    row: Reject,
    person: Person,
) -> bool:
    """Let a person stand on the roster; False where the number stands there for somebody else.

    The same person in the same place, by name, is there already, and all is well. Raises Conflict.
    """
    by_phone = person.phone.e164 is not None
    text = person.phone.e164 or person.email
    digest = installation.keys.digest("address" if by_phone else "email", text)
    scope = published.survey.settings.scope(person.group, person.unit_id)
    key = installation.keys.installation(connection)
    values = {
        "survey_id": published.id,
        "unit_id": person.unit_id,
        "grp": person.group,
        "scope": scope,
        "import_id": row.import_id,
        "address_hmac": digest if by_phone else None,
        "email_hmac": None if by_phone else digest,
        "kind": person.phone.kind,
        "sealed": key.seal_json(person.sealed, ROW_PLACE),
        "key_id": key.id,
        "source": person.source,
        "basis": person.basis,
    }
    there = queries.standing(connection, published.id, digest, scope)
    if there is None:
        if not roster_queries.add(connection, values):
            raise Conflict("somebody else stored this number")
        return True
    if there.counts or there.removed or there.conversation_id is not None:
        name = str(open_person(installation, connection, there).get("name", "")).casefold()
        same = (there.unit_id, there.grp) == (person.unit_id, person.group)
        return same and name == str(person.sealed.get("name", "")).casefold()
    queries.put_back(connection, there.id, values)
    return True


def _count(
    connection: Connection, published: Published, row: Reject, person: Person, day: date
) -> None:
    gained = quality.filled(person.sealed)
    quality.move(connection, published.id, person.unit_id, day, row.kind, person.phone.kind, gained)


def _not_yours(row: Reject) -> Problem:
    what = "unit: the row would belong to a unit that is not yours"
    return Problem("perbaikan", row.line, 1, what, "leave it to the survey's office")
