"""Duplicates: who stands on a roster more than once, found, judged by the policy, and listed.

Three kinds. A number in two rows, units, groups or files (`same_number`); a number with several
people's names on it (`shared_number`: an officer's own phone, a family's, or two people's); and two
numbers under one name in a unit (`same_person`, which is only suggested). An import reports the
first two by `record` while it reads, and `settle` does the rest once it counts. A number with
OFFICER people on it is nobody's for sure: whatever the policy, it waits for somebody to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster.names import Name, alike, name_of
from bot.outreach.roster.number_moves import (
    PLACE,
    InTheWay,
    open_other,
    open_row,
    person_digest,
    seal_other,
    swap,
)
from bot.outreach.roster.same_names import suggest_of_import
from storage.queries import duplicates as queries
from storage.queries.duplicates import Found, Row

OFFICER = 3
"""So many people on one number: it is an officer's own, or the office's."""
CHUNK = 500
SUGGEST_UP_TO = 50_000
"""Rows of an import up to which names are compared at once: it takes seconds for so many. For
longer lists `same_names.suggest` does it, when somebody asks."""

Kind = Literal["same_number", "same_person", "shared_number"]
Hint = Literal["", "officer", "family", "two_people"]
Decision = Literal["open", "first", "priority", "other", "both", "apart"]
_BY_POLICY: Mapping[str, Decision] = {"first": "first", "priority": "priority", "ask": "open"}


@dataclass(frozen=True, slots=True)
class Other:
    """A line whose number counts already, in the row `row_id`: where it stands, and what it says.

    `person` is what a row would have sealed; `kind` that of the phone.
    """

    row_id: int
    unit_id: int
    group: str
    line: int
    person: Mapping[str, Any]
    source: str | None = None
    basis: str | None = None
    kind: str = "clean"


@dataclass(frozen=True, slots=True)
class Settled:
    """What was found about an import: duplicates by kind, and how many wait for a decision."""

    same_number: int = 0
    shared_number: int = 0
    same_person: int = 0
    waiting: int = 0


def record(
    connection: Connection, installation: Installation, import_id: int, rows: Sequence[Other]
) -> int:
    """Store lines whose number counts already, inside an import's transaction, under its policy.

    A line of the row's own unit and group belongs here too where it bears another name. Known ones
    are left as they were decided; returns how many are new. Raises LookupError.
    """
    survey_id = queries.survey_of(connection, import_id)
    settings = installation.surveys.by_id(connection, survey_id).survey.settings
    key = installation.keys.installation(connection)
    values = [
        {
            "survey_id": survey_id,
            "import_id": import_id,
            "kind": "same_number",
            "row_id": one.row_id,
            "unit_id": one.unit_id,
            "grp": one.group,
            "line": one.line,
            "person_hmac": person_digest(installation, one.person),
            "sealed": key.seal_json(_stored(one), PLACE),
            "key_id": key.id,
            "decision": _BY_POLICY[settings.duplicates.policy],
        }
        for one in rows
    ]
    return queries.add(connection, values)


def names_of(
    connection: Connection, installation: Installation, row_ids: Sequence[int]
) -> dict[int, bytes]:
    """Return the digests of the names on some rows."""
    rows = queries.rows(connection, sorted(set(row_ids))) if row_ids else {}
    return {
        row_id: person_digest(installation, open_row(connection, installation, row))
        for row_id, row in rows.items()
    }


def settle(
    installation: Installation, published: Published, import_id: int, *, suggest: bool = True
) -> Settled:
    """Apply the survey's policy to what an import found, and look for people with two numbers.

    Runs after the import's activation, in short transactions; may be cut off and run again.
    `suggest`: names are compared too, which takes the longer the more people a unit has.
    """
    _judge_numbers(installation, published, import_id)
    if suggest:
        suggest_of_import(installation, published, import_id)
    database = installation.database
    if published.survey.settings.duplicates.policy == "ask":
        kinds = ("same_number", "shared_number", "same_person")
        database.write(lambda connection: queries.hold(connection, import_id, kinds))
    return database.read(lambda connection: _settled(connection, import_id))


# --- numbers --------------------------------------------------------------------------------------


def _judge_numbers(installation: Installation, published: Published, import_id: int) -> None:
    database = installation.database
    after = 0
    while True:

        def work(connection: Connection, after: int = after) -> int | None:
            found = queries.of_import(connection, import_id, after, CHUNK)
            rows = queries.rows(connection, sorted({one.row_id for one in found}), lock=True)
            changes = []
            for row_id, ones in groupby(found, lambda one: one.row_id):
                changes += _judge(connection, installation, rows[row_id], list(ones))
            queries.judge(connection, changes)
            if published.survey.settings.duplicates.policy == "priority":
                for row in rows.values():
                    _prefer(connection, installation, published, row)
            return found[-1].row_id if found else None

        last = database.write(work)
        if last is None:
            return
        after = last


def _judge(
    connection: Connection, installation: Installation, row: Row, found: Sequence[Found]
) -> list[dict[str, Any]]:
    """Return what is to be changed now that it is known whose names are on one number."""
    holder = open_row(connection, installation, row)
    others = {one.id: open_other(connection, installation, one) for one in found if one.sealed}
    names = [name_of(holder.get("name", ""))]
    names += [name_of(one["person"].get("name", "")) for one in others.values()]
    bearers = _different(names)
    changes = []
    for one in found:
        if one.decided_at is not None or one.id not in others:
            continue
        other = others[one.id]
        kind, hint = _meaning(holder, other["person"], bearers)
        officer = hint == "officer"
        values = {
            "duplicate": one.id,
            "new_kind": kind,
            "new_sealed": one.sealed,
            "new_key_id": one.key_id,
            "new_decision": "open" if officer else one.decision,
            "new_holds": officer or one.holds,
        }
        if hint != other.get("hint", ""):
            sealed = seal_other(connection, installation, other | {"hint": hint})
            values |= {"new_sealed": sealed["sealed"], "new_key_id": sealed["key_id"]}
        elif (kind, values["new_decision"]) == (one.kind, one.decision):
            continue
        changes.append(values)
    return changes


def _meaning(
    holder: Mapping[str, Any], other: Mapping[str, Any], bearers: int
) -> tuple[Kind, Hint]:
    """Say whether a number is one person's, by the names on it."""
    one, two = name_of(holder.get("name", "")), name_of(other.get("name", ""))
    if bearers >= OFFICER:
        return "shared_number", "officer"
    if not one or not two or alike(one, two):
        return "same_number", ""
    # The order of words is lost in `Name`; a family's name stands last as people write it.
    family = {name_of(word) for word in (_last(holder), _last(other))}
    shared = len(family) == 1 and () not in family
    where = holder.get("details", {}).get("alamat"), other.get("details", {}).get("alamat")
    if shared or (where[0] and where[0] == where[1]):
        return "shared_number", "family"
    return "shared_number", "two_people"


def _last(person: Mapping[str, Any]) -> str:
    words = [word for word in str(person.get("name", "")).split(",")[0].split() if name_of(word)]
    return words[-1] if words else ""


def _different(names: Iterable[Name]) -> int:
    """Return how many people stand behind some names; a row without one is of nobody new."""
    people: list[Name] = []
    for name in names:
        if name and not any(alike(name, one) for one in people):
            people.append(name)
    return len(people)


def _prefer(
    connection: Connection, installation: Installation, published: Published, row: Row
) -> None:
    """Give a number to the group that comes first; a person who has a conversation keeps it."""
    order = {name: place for place, name in enumerate(published.survey.settings.duplicates.order)}
    last = len(order)
    mine = [one for one in queries.siblings(connection, row.id) if one.decision == "priority"]
    if not mine or row.conversation_id is not None:
        return
    best = min(mine, key=lambda one: (order.get(one.grp, last), one.id))
    if order.get(best.grp, last) < order.get(row.grp, last):
        # Where the other list has the number in a row of its own, that row has it already.
        with suppress(InTheWay):
            swap(connection, installation, published, row, best)


# --- details --------------------------------------------------------------------------------------


def _settled(connection: Connection, import_id: int) -> Settled:
    found = queries.counts(connection, import_id)
    return Settled(
        found.get("same_number", 0),
        found.get("shared_number", 0),
        found.get("same_person", 0),
        queries.waiting(connection, import_id),
    )


def _stored(one: Other) -> dict[str, Any]:
    values = {
        "person": dict(one.person),
        "source": one.source,
        "basis": one.basis,
        "kind": one.kind,
    }
    return {name: value for name, value in values.items() if value}
