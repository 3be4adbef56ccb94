"""Rosters: from an office's list to sealed rows, each line ending in exactly one class.

The file is read once, in chunks, and counts all at once when it is read to its end: until then, and
if the import is cut off, the roster is as it was. The same file again changes nothing. A newer file
of the same institution is a difference: who is new, what has changed, and who is gone. What is
stored of a person is encrypted, but for the look-up digest; a number's first unit and group keep
it. Whether somebody has opted out or answered is never told to whoever brings the list.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bot.flow.source import Problem
from bot.intake.tables import InputError, LeftOut, Row, Table, open_table
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster import quality
from bot.outreach.roster.diff import TO_MEND, Diff, Judged, chunks, open_person
from bot.outreach.roster.duplicates import SUGGEST_UP_TO
from bot.outreach.roster.guards import no_patients
from bot.outreach.roster.rejects import Rejects, rejected_rows
from bot.outreach.roster.rows import COLUMNS, Read, Reader, Units
from bot.outreach.roster.staging import (
    ImportRunning,
    Staging,
    begin,
    file_digest,
    in_stages,
    taken_in,
)
from bot.outreach.roster.template import PAGES
from storage.queries import audit
from storage.queries import units as unit_queries

__all__ = [
    "ImportRunning",
    "Options",
    "RosterReport",
    "check_roster",
    "import_roster",
    "open_person",
]

CHUNK = 5_000
SAMPLE = 200  # rows of a chunk whose cells are looked at for codes of diseases
_NO_CELLS: Mapping[str, str] = MappingProxyType({})
TOLD = 2_000  # problems and warnings that a report lists; all rows to mend are stored
READING = "1"  # the rules of reading; another number lets files be read again

Progress = Callable[[int], None]
"""Told, after each chunk, how many rows are done."""


@dataclass(frozen=True, slots=True)
class RosterReport:
    """What became of every row. `counts` add up to `rows`; `phones` counts kinds of numbers.

    `gone` people of the institution's earlier files are not in this one. `repeated`: the file was
    taken in before, and was not read again.
    """

    rows: int
    counts: dict[str, int]
    phones: dict[str, int]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    ignored_columns: tuple[str, ...]
    written: bool
    gone: int = 0
    repeated: bool = False
    left_out: tuple[LeftOut, ...] = ()

    @property
    def added(self) -> int:
        """How many people count now who did not before."""
        return self.counts.get("accepted", 0)

    @property
    def changed(self) -> int:
        """Of how many people something else is known now."""
        return self.counts.get("changed", 0)

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
            "added": self.added,
            "changed": self.changed,
            "gone": self.gone,
            "to_mend": self.to_mend,
            "problems": [_problem_to_dict(one) for one in self.problems],
            "warnings": [_problem_to_dict(one) for one in self.warnings],
            "ignored_columns": list(self.ignored_columns),
            "written": self.written,
            "repeated": self.repeated,
            "left_out": [asdict(one) for one in self.left_out],
        }


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a roster: the country of bare numbers, and what blank or missing cells mean.

    `institution` (list:code) says whose list it is: the file then stands for all of it, and people
    of its earlier files who are not in this one are gone. Without it a file only adds.
    """

    region: str = "ID"
    unit: str = ""  # for rows that name none: list:code
    group: str = ""
    institution: str = ""
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
    return _Run(installation, path, survey, options, rejects, progress).check()


def import_roster(
    installation: Installation,
    path: Path,
    survey: str,
    options: Options = DEFAULTS,
    *,
    rejects: Path | None = None,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> RosterReport:
    """Store a roster's usable rows for a survey and report on every row.

    `rejects` names a CSV that gets the rows to mend and why; `chunk` rows are staged at a time. May
    be killed at any moment and run again. Raises InputError for a file that cannot be read as a
    roster (nothing of it counts then), ImportRunning, UnknownSurvey.
    """
    return _Run(installation, path, survey, options, rejects, progress, chunk).store()


# --- one run --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What a run has seen so far."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    phones: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    units: set[int] = field(default_factory=set)

    def add(self, one: Judged) -> None:
        """Count a row."""
        assert one.outcome is not None
        self.rows += 1
        unit_id = one.read.person.unit_id if one.read.person else one.read.unit_id
        if unit_id is not None:
            self.units.add(unit_id)
        self.counts[one.outcome] += 1
        if one.read.person is not None:
            self.phones[one.read.person.phone.kind] += 1
        if one.problems and len(self.problems) < TOLD:
            self.problems += one.problems
        if one.read.warnings and len(self.warnings) < TOLD:
            self.warnings += one.read.warnings

    def report(self, table: Table, *, written: bool, gone: int) -> RosterReport:
        """Return what there is to say."""
        return RosterReport(
            rows=self.rows,
            counts=dict(self.counts),
            phones=dict(self.phones),
            problems=tuple(self.problems),
            warnings=tuple(self.warnings),
            ignored_columns=table.ignored,
            written=written,
            gone=gone,
            left_out=(*table.skipped, *table.left_out),
        )


class _Run:
    """One reading of one file."""

    def __init__(
        self,
        installation: Installation,
        path: Path,
        survey: str | None,
        options: Options,
        rejects: Path | None,
        progress: Progress | None,
        chunk: int = CHUNK,
    ) -> None:
        self._here = installation
        self._chunk = chunk
        self._path = path
        self._options = options
        self._rejects = rejects
        self._progress = progress
        self._tally = _Tally()
        read, named = installation.database.read, installation.surveys.named
        self._published = read(lambda connection: named(connection, survey)) if survey else None
        rows = read(unit_queries.every)
        self._units = Units(rows)
        self._names = {row.id: row.name for row in rows}
        said = self._published.survey.settings if self._published else None
        named_groups = said.groups.items() if said else ()
        groups = [(name, dict(one.label), one.once_per) for name, one in named_groups]
        languages = (said.languages, dict(said.language_names)) if said else ()
        places = [(row.id, row.code_list, row.code, row.name) for row in rows]
        # All that decides what becomes of a row: the same file may mean something else tomorrow.
        self._how = repr((READING, asdict(options), groups, languages, places))
        self._institution = self._find_institution()

    def check(self) -> RosterReport:
        """Read and compare."""
        with ExitStack() as stack:
            table, out = self._open(stack)
            diff = self._diff(table)
            for chunk in self._judged(table, diff):
                self._here.database.read(partial(diff.against_stored, chunk=chunk))
                diff.note(chunk)
                self._count(chunk, out)
            gone = self._gone(diff)
            return self._tally.report(table, written=False, gone=gone)

    def store(self) -> RosterReport:
        """Read, compare and store."""
        published = self._published
        assert published is not None
        digest = file_digest(self._path, self._how)
        known = taken_in(self._here, published, digest, self._institution)
        if known is not None and self._rejects is None:
            return _repeated(*known)
        with ExitStack() as stack:
            table, out = self._open(stack)
            staging = begin(
                self._here, published, self._path, digest, self._institution, table.header
            )
            try:
                self._stage(table, staging, out)
                kept = {
                    "counts": self._tally.counts,
                    "phones": self._tally.phones,
                    "ignored": table.ignored,
                }
                staging.activate(self._tally.rows, kept)
                staging.settle(self._tally.rows)
            except BaseException:
                staging.abandon()
                raise
            report = self._tally.report(table, written=True, gone=staging.gone)
        # Of a long list every row would be opened again: `tautan roster report` does so when asked.
        if report.rows <= SUGGEST_UP_TO:
            quality.record(self._here, published, self._tally.units)
        self._record(published, report)
        return report

    def _stage(self, table: Table, staging: Staging, out: Rejects | None) -> None:
        diff = self._diff(table)
        prepare, store = partial(staging.prepared, diff), partial(staging.store, diff)
        with closing(in_stages(self._judged(table, diff), prepare, store)) as stored:
            for chunk in stored:
                self._count(chunk, out)
                del chunk  # three are held already: stored, prepared, and read
        staging.mark_gone(diff)

    def _open(self, stack: ExitStack) -> tuple[Table, Rejects | None]:
        known = self._options.headings
        opened = open_table(self._path, COLUMNS, known=known, beside=PAGES)
        table = stack.enter_context(opened)
        no_patients(table.header, (), self._unit_name(), self._path.name)
        _check_columns(table, self._options)
        out = stack.enter_context(rejected_rows(self._rejects, table)) if self._rejects else None
        return table, out

    def _diff(self, table: Table) -> Diff:
        options, published = self._options, self._published
        settings = published.survey.settings if published else None
        reader = Reader(table, self._units, settings, options.region, options.unit, options.group)
        diff = Diff(self._here, published.id if published else None, reader, self._institution)
        return replace(diff, scope_of=settings.scope) if settings is not None else diff

    def _judged(self, table: Table, diff: Diff) -> Iterator[list[Judged]]:
        """Yield the rows by chunks. Raises InputError where their cells are those of patients."""
        reads = (diff.reader.read(row) for row in table.rows())
        known = set(table.position.values())  # a name such as N12 is no disease
        for chunk in chunks(reads, self._chunk):
            cells = [
                ["" if place in known else cell for place, cell in enumerate(read.row.raw)]
                for read in chunk[:SAMPLE]
            ]
            no_patients(table.header, cells, self._unit_name(), self._path.name)
            yield diff.within_file(map(_lean, chunk))

    def _unit_name(self) -> str:
        """Return the name of the unit that the whole list is of, as far as it is said."""
        said = self._options.unit or self._options.institution
        found = self._units.find(said, "") if said else None
        return self._names.get(found, "") if isinstance(found, int) else ""

    def _count(self, chunk: list[Judged], out: Rejects | None) -> None:
        for one in chunk:
            self._tally.add(one)
            if out is not None and one.outcome in TO_MEND:
                out.add(one.read.row, one.problems, one.read.kind or one.outcome)
        if self._progress is not None:
            self._progress(self._tally.rows)

    def _gone(self, diff: Diff) -> int:
        """Count whom the file does not name any more."""
        if self._institution is None or self._published is None:
            return 0
        diff.sort()
        found, after, more = 0, 0, True
        while more:
            ids, after = self._here.database.read(partial(diff.gone, import_id=0, after=after))
            found += len(ids)
            more = after > 0
        return found

    def _find_institution(self) -> int | None:
        """Raises InputError for a unit that there is not."""
        if not self._options.institution:
            return None
        found = self._units.find(self._options.institution, "")
        if isinstance(found, tuple):
            what, fix = found
            raise InputError([Problem(self._path.name, 1, 1, f"institution: {what}", fix)])
        return found

    def _record(self, published: Published, report: RosterReport) -> None:
        detail = json.dumps(
            {"survey": published.name, "rows": report.rows, **report.counts, "gone": report.gone}
        )
        now = self._here.now()
        self._here.database.write(
            lambda connection: audit.record(connection, now, "roster import", detail)
        )


def _repeated(rows: int, kept: dict[str, Any]) -> RosterReport:
    """Report on a file that was taken in already: nobody is new, changed or gone."""
    counts = Counter(kept["counts"])
    same = counts.pop("accepted", 0) + counts.pop("changed", 0) + counts.pop("unchanged", 0)
    if same:
        counts["unchanged"] = same
    return RosterReport(
        rows=rows,
        counts=dict(counts),
        phones=dict(kept["phones"]),
        problems=(),
        warnings=(),
        ignored_columns=tuple(kept["ignored"]),
        written=True,
        repeated=True,
    )


def _check_columns(table: Table, options: Options) -> None:
    """A row must be able to say where its person belongs. Raises InputError."""
    problems = []
    if "kelompok" not in table.position and not options.group:
        fix = "add the column, or name one group for all rows with --group"
        problems.append(table.problem(1, "kelompok", "there is no such column", fix))
    if not {"unit", "opd"} & set(table.position) and not options.unit:
        fix = "add a column unit with the units' codes, or name one for all rows with --unit"
        problems.append(table.problem(1, "unit", "there is no such column", fix))
    if problems:
        raise InputError(problems)


def _problem_to_dict(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "what": problem.what,
        "fix": problem.fix,
    }


def _lean(read: Read) -> Read:
    """Return the reading of a row without its cells where a person is all that is needed of it."""
    if read.person is None:
        return read
    return read._replace(row=Row(read.row.line, _NO_CELLS, sheet=read.row.sheet))
