"""Rosters: from an office's list to sealed rows, each line ending in exactly one class.

The file is read once, in chunks; a chunk is one transaction, and bad rows lose nothing of the good
ones. The same file again changes nothing, so an import that was cut off is simply run again. What
is stored of a person is encrypted, but for the look-up digest; a number's first unit and group keep
it. Whether somebody has opted out or answered is never told to whoever brings the list.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError, LeftOut, Table, open_table
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.guards import no_patients
from bot.outreach.rejects import Rejects, rejected_rows
from bot.outreach.roster_rows import COLUMNS, Outcome, Person, Read, Reader, Units
from storage.database import Conflict
from storage.queries import audit
from storage.queries import rosters as queries
from storage.queries import units as unit_queries
from storage.queries.rosters import StoredRow

CHUNK = 500
Place = tuple[str, int]
"""Where a row stands: sheet ("" in a CSV) and line."""
PLACE = "roster_row"
# The classes whose rows somebody must mend; the others need nothing.
TO_MEND: frozenset[Outcome] = frozenset({"unusable", "unknown_unit", "unknown_group"})

Progress = Callable[[int], None]
"""Told, after each chunk, how many rows are done."""


@dataclass(frozen=True, slots=True)
class RosterReport:
    """What became of every row. `counts` add up to `rows`; `phones` counts kinds of numbers."""

    rows: int
    counts: dict[str, int]
    phones: dict[str, int]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    ignored_columns: tuple[str, ...]
    written: bool
    left_out: tuple[LeftOut, ...] = ()

    @property
    def to_mend(self) -> int:
        """How many rows somebody must mend."""
        return sum(self.counts.get(outcome, 0) for outcome in TO_MEND)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "rows": self.rows,
            "counts": dict(self.counts),
            "phones": dict(self.phones),
            "to_mend": self.to_mend,
            "problems": [_problem_to_dict(one) for one in self.problems],
            "warnings": [_problem_to_dict(one) for one in self.warnings],
            "ignored_columns": list(self.ignored_columns),
            "written": self.written,
            "left_out": [asdict(one) for one in self.left_out],
        }


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a roster: the country of bare numbers, and what blank or missing cells mean."""

    region: str = "ID"
    unit: str = ""  # for rows that name none: list:code
    group: str = ""
    # What headings mean, as somebody has confirmed it; "" for one that is not to be read.
    headings: Mapping[str, str] = field(default_factory=dict)


DEFAULTS = Options()


def check_roster(
    installation: Installation,
    path: Path,
    survey: str | None = None,
    options: Options = DEFAULTS,
    *,
    rejects: Path | None = None,
    progress: Progress | None = None,
) -> RosterReport:
    """Report what an import would do, and write nothing (but the rejects, where asked for).

    Without a survey every group passes. Raises InputError for a file that cannot be read as a
    roster, UnknownSurvey.
    """
    return _run(installation, path, survey, options, rejects, progress, write=False)


def import_roster(
    installation: Installation,
    path: Path,
    survey: str,
    options: Options = DEFAULTS,
    *,
    rejects: Path | None = None,
    progress: Progress | None = None,
) -> RosterReport:
    """Store a roster's usable rows for a survey and report on every row.

    `rejects` names a CSV that gets the rows to mend and why. Raises InputError for a file that
    cannot be read as a roster (rows before the broken one stay stored; mend it and run again),
    UnknownSurvey.
    """
    return _run(installation, path, survey, options, rejects, progress, write=True)


def open_person(installation: Installation, connection: Connection, row: Sealed) -> dict[str, Any]:
    """Return what is stored of a person: name, phone, others, email, language, details.

    Empty ones are left out. Raises KeyDestroyed, WrongSecret.
    """
    key = installation.keys.by_id(connection, row.key_id)
    person: dict[str, Any] = json.loads(key.open(row.sealed, PLACE))
    return person


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


# --- one run --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What a run has seen so far. `seen` says where in the file a digest stood first."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    phones: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    seen: dict[bytes, tuple[Place, int, str]] = field(default_factory=dict)


def _run(
    installation: Installation,
    path: Path,
    survey: str | None,
    options: Options,
    rejects: Path | None,
    progress: Progress | None,
    *,
    write: bool,
) -> RosterReport:
    read = installation.database.read
    named = installation.surveys.named
    published = read(lambda connection: named(connection, survey)) if survey else None
    units = Units(read(unit_queries.every))
    tally = _Tally()
    with ExitStack() as stack:
        table = stack.enter_context(open_table(path, COLUMNS, known=options.headings))
        no_patients(table.header, (), options.unit, path.name)
        _check_columns(table, options)
        out = stack.enter_context(rejected_rows(rejects, table)) if rejects else None
        settings = published.survey.settings if published else None
        reader = Reader(table, units, settings, options.region, options.unit, options.group)
        for chunk in _chunks(reader.read(row) for row in table.rows()):
            _take(installation, published, reader, chunk, tally, out, write=write)
            if progress is not None:
                progress(tally.rows)
        ignored = table.ignored
        left_out = (*table.skipped, *table.left_out)
    report = RosterReport(
        rows=tally.rows,
        counts=dict(tally.counts),
        phones=dict(tally.phones),
        problems=tuple(tally.problems),
        warnings=tuple(tally.warnings),
        ignored_columns=ignored,
        written=write,
        left_out=left_out,
    )
    if write:
        _record(installation, survey, report)
    return report


def _take(
    installation: Installation,
    published: Published | None,
    reader: Reader,
    chunk: list[Read],
    tally: _Tally,
    out: Rejects | None,
    *,
    write: bool,
) -> None:
    """Classify, store and count one chunk."""
    fresh, outcomes = _within_file(installation, reader, chunk, tally)

    def work(connection: Connection) -> dict[Place, tuple[Outcome, Problem | None]]:
        if published is None:
            return dict.fromkeys(fresh, ("accepted", None))
        return _against_stored(installation, connection, published, reader, fresh, write=write)

    database = installation.database
    outcomes |= database.write(work) if write else database.read(work)
    for read in chunk:
        outcome, problem = outcomes[read.row.place]
        problems = [*read.problems, *([problem] if problem else [])]
        tally.rows += 1
        tally.counts[outcome] += 1
        tally.problems += problems
        tally.warnings += read.warnings
        if read.person is not None:
            tally.phones[read.person.phone.kind] += 1
        if out is not None and outcome in TO_MEND:
            out.add(read.row, problems)


_Fresh = dict[Place, tuple[Read, Person, bytes]]
"""Usable rows that stand in the file for the first time, by place, with their digest."""


def _within_file(
    installation: Installation, reader: Reader, chunk: list[Read], tally: _Tally
) -> tuple[_Fresh, dict[Place, tuple[Outcome, Problem | None]]]:
    """Part a chunk into rows to look up and rows whose class the file alone decides."""
    fresh: _Fresh = {}
    outcomes: dict[Place, tuple[Outcome, Problem | None]] = {}
    for read in chunk:
        place, person = read.row.place, read.person
        if person is None:
            assert read.outcome is not None
            outcomes[place] = (read.outcome, None)
            continue
        digest = _digest(installation, person)
        first = tally.seen.setdefault(digest, (place, person.unit_id, person.group))
        if first[0] == place:
            fresh[place] = (read, person, digest)
            continue
        same_place = first[1:] == (person.unit_id, person.group)
        what = f"the same {_what(person)} as in {_where(first[0])}"
        fix = "remove one of the two lines, or correct the one that is wrong"
        if not same_place:
            what += ", in another unit or group: the first one counts"
        problem = reader.table.problem(read.row, _column(person), what, fix)
        outcomes[place] = ("duplicate_in_file" if same_place else "duplicate_elsewhere", problem)
    return fresh, outcomes


def _against_stored(
    installation: Installation,
    connection: Connection,
    published: Published,
    reader: Reader,
    fresh: _Fresh,
    *,
    write: bool,
) -> dict[Place, tuple[Outcome, Problem | None]]:
    """Decide each row by what is stored, and store what is new. Raises Conflict for a lost race."""
    with_phone = [digest for _, person, digest in fresh.values() if person.phone.e164]
    without = [digest for _, person, digest in fresh.values() if not person.phone.e164]
    rows = queries.known(connection, published.id, with_phone, without)
    stored = {row.address_hmac or row.email_hmac: row for row in rows}
    outcomes: dict[Place, tuple[Outcome, Problem | None]] = {}
    added, changed = [], []
    for place, (read, person, digest) in fresh.items():
        row = stored.get(digest)
        outcomes[place] = _compare(installation, connection, reader, read, person, row)
        if not write:
            continue
        if row is None:
            added.append(_new_row(installation, connection, published, person, digest))
        elif outcomes[place][0] == "changed":
            changed.append(_changed_row(installation, connection, person, row))
    if queries.add(connection, added) != len(added):
        raise Conflict("another import stored some of these rows")
    queries.change(connection, changed)
    return outcomes


def _compare(
    installation: Installation,
    connection: Connection,
    reader: Reader,
    read: Read,
    person: Person,
    row: StoredRow | None,
) -> tuple[Outcome, Problem | None]:
    if row is None:
        return "accepted", None
    if (row.unit_id, row.grp) != (person.unit_id, person.group):
        what = f"the {_what(person)} is on the list of another unit or group: that one stays"
        fix = "nothing, or correct it if it is wrong"
        return "duplicate_elsewhere", reader.table.problem(read.row, _column(person), what, fix)
    # Somebody who said "wrong number" is not put back, and the office is not told.
    same = row.removed or (
        (row.source, row.basis) == (person.source, person.basis)
        and open_person(installation, connection, row) == person.sealed
    )
    return ("unchanged" if same else "changed"), None


def _new_row(
    installation: Installation,
    connection: Connection,
    published: Published,
    person: Person,
    digest: bytes,
) -> dict[str, Any]:
    key = installation.keys.installation(connection)
    return {
        "survey_id": published.id,
        "unit_id": person.unit_id,
        "grp": person.group,
        "address_hmac": digest if person.phone.e164 else None,
        "email_hmac": None if person.phone.e164 else digest,
        "sealed": key.seal_json(person.sealed, PLACE),
        "key_id": key.id,
        "source": person.source,
        "basis": person.basis,
    }


def _changed_row(
    installation: Installation, connection: Connection, person: Person, row: StoredRow
) -> dict[str, Any]:
    key = installation.keys.installation(connection)
    return {
        "row": row.id,
        "new_sealed": key.seal_json(person.sealed, PLACE),
        "new_key_id": key.id,
        "new_source": person.source,
        "new_basis": person.basis,
    }


def _digest(installation: Installation, person: Person) -> bytes:
    """Return what makes the row one of a kind: its number, or its e-mail where it has none."""
    if person.phone.e164:
        return installation.keys.digest("address", person.phone.e164)
    return installation.keys.digest("email", person.email)


def _where(place: Place) -> str:
    sheet, line = place
    return f"line {line} of sheet {sheet!r}" if sheet else f"line {line}"


def _what(person: Person) -> str:
    return "number" if person.phone.e164 else "e-mail address"


def _column(person: Person) -> str:
    return "hp_wa" if person.phone.e164 else "email"


def _record(installation: Installation, survey: str | None, report: RosterReport) -> None:
    detail = json.dumps({"survey": survey, "rows": report.rows, **report.counts})
    now = installation.now()
    installation.database.write(
        lambda connection: audit.record(connection, now, "roster import", detail)
    )


def _check_columns(table: Table, options: Options) -> None:
    """A row must be able to say where its person belongs. Raises InputError."""
    problems = []
    if "kelompok" not in table.position and not options.group:
        fix = "add the column, or name one group for all rows"
        problems.append(table.problem(1, "kelompok", "there is no such column", fix))
    if not {"unit", "opd"} & set(table.position) and not options.unit:
        fix = "add a column unit with the units' codes, or name one unit for all rows"
        problems.append(table.problem(1, "unit", "there is no such column", fix))
    if problems:
        raise InputError(problems)


def _chunks(rows: Iterable[Read]) -> Iterator[list[Read]]:
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def _problem_to_dict(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "what": problem.what,
        "fix": problem.fix,
    }
