"""What a file's rows are against each other and against what is stored: new, changed, double.

A `Diff` is one reading of one file. It remembers where each number stood first, and which stored
rows it met, as plain integers: a million rows take about 120 MB.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.phones import holds_national_id
from bot.interview.erasure import REJECT
from bot.interview.installation import Installation
from bot.outreach.roster.reasons import of_problem
from bot.outreach.roster.rows import Outcome, Person, Read, Reader
from storage.keys import DataKey
from storage.queries import imports
from storage.queries import rosters as queries
from storage.queries.rosters import StoredRow

PLACE = "roster_row"
# The classes whose rows somebody must mend; the others need nothing.
TO_MEND: frozenset[Outcome] = frozenset({"unusable", "unknown_unit", "unknown_group"})
_STEP = 5_000


class Sealed(Protocol):
    """A stored row with what it takes to open it."""

    @property
    def sealed(self) -> bytes:
        """The encrypted JSON."""
        ...

    @property
    def key_id(self) -> int:
        """The key that sealed it."""
        ...


def open_person(installation: Installation, connection: Connection, row: Sealed) -> dict[str, Any]:
    """Return what is stored of a person: name, phone, others, email, language, details.

    Empty ones are left out. Raises KeyDestroyed, WrongSecret.
    """
    key = installation.keys.by_id(connection, row.key_id)
    person: dict[str, Any] = json.loads(key.open(row.sealed, PLACE))
    return person


@dataclass(slots=True)
class Judged:
    """One row and its class. `digest` is of its number or e-mail (of a row to mend: of its number,
    if one can be read); `stored` the row that has it."""

    read: Read
    outcome: Outcome | None = None
    problem: Problem | None = None
    digest: bytes = b""
    scope: int = 0
    stored: StoredRow | None = None
    double: bool = False  # the file itself has the number further up
    moves: bool = False  # the stored row becomes what this one says

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong with it."""
        return [*self.read.problems, *([self.problem] if self.problem else [])]


@dataclass(slots=True)
class Diff:
    """Compares a file, chunk by chunk. `institution_id` says whose list it is.

    `scope_of` says of a group and a unit what its people are interviewed once in.
    """

    installation: Installation
    survey_id: int | None
    reader: Reader
    institution_id: int | None = None
    scope_of: Callable[[str, int], int] = lambda _group, _unit_id: 0
    _first: dict[int, int] = field(default_factory=dict)
    _places: dict[tuple[int, str], int] = field(default_factory=dict)
    _sheets: dict[str, int] = field(default_factory=dict)
    _met: array[int] = field(default_factory=lambda: array("q"))

    def within_file(self, reads: Iterable[Read]) -> list[Judged]:
        """Give each row of a chunk the class that the file alone decides, if it does."""
        return [self._in_file(read) for read in reads]

    def against_stored(self, connection: Connection, chunk: list[Judged]) -> None:
        """Give all other rows of a chunk their class; may be done again."""
        undecided = [one for one in chunk if one.read.person is not None and not one.double]
        found: dict[tuple[bytes, int], StoredRow] = {}
        if self.survey_id is not None:
            phones, mails = digests(undecided)
            for row in queries.known(connection, self.survey_id, phones, mails):
                found[bytes(row.address_hmac or row.email_hmac or b""), row.scope] = row
        for one in undecided:
            one.stored = found.get((one.digest, one.scope))
            self._compare(connection, one)

    def note(self, chunk: list[Judged]) -> None:
        """Remember which stored rows a chunk named, once it is stored."""
        if self.institution_id is not None:
            self._met.extend(one.stored.id for one in chunk if one.stored is not None)

    def gone(self, connection: Connection, import_id: int, after: int) -> tuple[list[int], int]:
        """Return some stored rows of the institution that the file does not name, and the last id
        that was looked at; 0 when there are no more. `sort` comes first."""
        assert self.survey_id is not None
        assert self.institution_id is not None
        ids = imports.on_list(
            connection, self.survey_id, self.institution_id, import_id, after, _STEP
        )
        if not ids:
            return [], 0
        met = _between(self._met, ids[0], ids[-1])
        return [one for one in ids if one not in met], ids[-1]

    def sort(self) -> None:
        """Prepare for `gone`, when all rows are read."""
        self._met = array("q", sorted(self._met))

    # --- one row ----------------------------------------------------------------------------------

    def _in_file(self, read: Read) -> Judged:
        person = read.person
        if person is None:
            return Judged(read, read.outcome, digest=number_of(self.installation, read) or b"")
        digest = digest_of(self.installation, person)
        scope = self.scope_of(person.group, person.unit_id)
        judged = Judged(read, digest=digest, scope=scope)
        place = self._places.setdefault((person.unit_id, person.group), len(self._places))
        # 96 bits tell a million numbers apart as well as 256 do, in a third of the memory.
        key = int.from_bytes(digest[:12], "big") | scope << 96
        sheet = self._sheets.setdefault(read.row.sheet, len(self._sheets))
        mine = sheet << 56 | read.row.line << 24 | place
        first = self._first.setdefault(key, mine)
        if first == mine:
            return judged
        what = f"the same {_what(person)} as in {self._where(first)}"
        fix = "remove one of the two lines, or correct the one that is wrong"
        judged.double, judged.outcome = True, "duplicate_in_file"
        if first & 0xFFFFFF != place:
            what += ", in another unit or group: the first one counts"
            judged.outcome = "duplicate_elsewhere"
        judged.problem = self.reader.table.problem(read.row, _column(person), what, fix)
        return judged

    def _where(self, first: int) -> str:
        line = f"line {first >> 24 & 0xFFFFFFFF}"
        sheet = list(self._sheets)[first >> 56]
        return f"{line} of sheet {sheet!r}" if sheet else line

    def _compare(self, connection: Connection, one: Judged) -> None:
        person, row = one.read.person, one.stored
        assert person is not None
        one.problem, one.moves = None, False
        if row is None:
            one.outcome = "accepted"
        elif row.removed:
            # Somebody who said "wrong number" is not put back, and the office is not told.
            one.outcome = "unchanged"
        elif row.gone and not row.claimed:
            one.outcome, one.moves = "accepted", True
        elif (row.unit_id, row.grp) == (person.unit_id, person.group):
            same = self._same(connection, person, row)
            one.outcome, one.moves = "unchanged" if same else "changed", row.gone or not same
        elif self._is_ours(row) and not row.claimed:
            one.outcome, one.moves = "changed", True
        else:
            what = f"the {_what(person)} is on the list of another unit or group: that one stays"
            fix = "nothing, or correct it if it is wrong"
            one.outcome = "duplicate_elsewhere"
            one.problem = self.reader.table.problem(one.read.row, _column(person), what, fix)

    def _is_ours(self, row: StoredRow) -> bool:
        return row.institution_id is not None and row.institution_id == self.institution_id

    def _same(self, connection: Connection, person: Person, row: StoredRow) -> bool:
        return (row.source, row.basis, row.kind) == (
            person.source,
            person.basis,
            person.phone.kind,
        ) and open_person(self.installation, connection, row) == person.sealed


# --- what is stored of a row ----------------------------------------------------------------------


def new_row(key: DataKey, survey_id: int, import_id: int, one: Judged) -> tuple[Any, ...]:
    """Return a new row, as `imports.ROW_COLUMNS`."""
    person = one.read.person
    assert person is not None
    phone = person.phone
    return (
        survey_id,
        person.unit_id,
        person.group,
        one.scope,
        import_id,
        one.digest if phone.e164 else None,
        None if phone.e164 else one.digest,
        phone.kind,
        key.seal_json(person.sealed, PLACE),
        key.id,
        person.source,
        person.basis,
    )


def changed_row(key: DataKey, import_id: int, institution_id: int | None, one: Judged) -> Any:
    """Return what a stored row will be. It stays on the list that it came with, unless it was gone
    from there."""
    person, row = one.read.person, one.stored
    assert person is not None
    assert row is not None
    ours = row.institution_id == institution_id
    return {
        "row_id": row.id,
        "import_id": import_id,
        "owner_id": import_id if row.gone or ours else row.import_id,
        "unit_id": person.unit_id,
        "grp": person.group,
        "kind": person.phone.kind,
        "sealed": key.seal_json(person.sealed, PLACE),
        "key_id": key.id,
        "source": person.source,
        "basis": person.basis,
    }


def reject_row(
    key: DataKey, survey_id: int, import_id: int, header: tuple[str, ...], one: Judged
) -> dict[str, Any]:
    """Return a row to mend: its cells without identity numbers, and what is wrong with them."""
    read = one.read
    names = [*header, *(f"#{place}" for place in range(len(header) + 1, len(read.row.raw) + 1))]
    sealed = {
        "cells": {
            name: "" if holds_national_id(cell) else cell
            for name, cell in zip(names, read.row.raw, strict=False)
        },
        "problems": [
            dict(zip(("column", "what", "fix"), of_problem(problem), strict=True))
            for problem in one.problems
        ],
        "person": dict(read.known),
    }
    return {
        "survey_id": survey_id,
        "import_id": import_id,
        "sheet": read.row.sheet[:80],
        "line": read.row.line,
        "unit_id": read.unit_id,
        "grp": read.group,
        "kind": read.kind or one.outcome,
        "sealed": key.seal_json(sealed, REJECT),
        "key_id": key.id,
        "address_hmac": one.digest or None,
    }


def digest_of(installation: Installation, person: Person) -> bytes:
    """Return what makes the row one of a kind: its number, or its e-mail where it has none."""
    if person.phone.e164:
        return installation.keys.digest("address", person.phone.e164)
    return installation.keys.digest("email", person.email)


def number_of(installation: Installation, read: Read) -> bytes | None:
    """Return the digest of the number of a row that gives no person, None without one."""
    phone = read.known.get("phone")
    return installation.keys.digest("address", phone) if phone else None


def digests(chunk: Iterable[Judged]) -> tuple[list[bytes], list[bytes]]:
    """Return the digests of numbers, and of e-mail addresses where there is no number."""
    phones: list[bytes] = []
    mails: list[bytes] = []
    for one in chunk:
        if one.read.person is not None:
            (phones if one.read.person.phone.e164 else mails).append(one.digest)
    return phones, mails


def _between(values: array[int], low: int, high: int) -> set[int]:
    """Return the values of a sorted array from one to another."""
    return set(values[bisect_left(values, low) : bisect_right(values, high)])


def chunks(reads: Iterator[Read], size: int) -> Iterator[list[Read]]:
    """Yield so many at a time."""
    while chunk := list(islice(reads, size)):
        yield chunk


def _what(person: Person) -> str:
    return "number" if person.phone.e164 else "e-mail address"


def _column(person: Person) -> str:
    return "hp_wa" if person.phone.e164 else "email"
