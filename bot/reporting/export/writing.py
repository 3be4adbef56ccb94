"""Mixed answers as a file: CSV, XLSX or JSON lines, with the codebook.

Only answers that belong to nobody any more leave the house: a row's id is random, there is no time
in it, and the unit is the one it was mixed into. Rows are read and written one after the other, so
memory stays the same however many there are.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import Connection

from bot.flow.modes import refusal
from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.export.answer_files import folder_beside, write_files
from bot.reporting.export.codebook import Codebook, Meaning, Variable, read_codebook
from bot.reporting.export.formats import (
    FACTS,
    WRITERS,
    Exportable,
    Format,
    whole_file,
    write_codebook,
)
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import reports as queries

MOST_XLSX_ROWS = 1_048_575
"""What a sheet holds below its headings."""

Progress = Callable[[int], None]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")


class TooManyRows(ValueError):
    """The format cannot hold the data."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `codebook` is the file beside the data where it is not inside, `files` how
    many files that people sent are in the folder beside it."""

    rows: int
    columns: int
    path: str | None = None
    codebook: str | None = None
    files: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return the plain form."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "path": self.path,
            "codebook": self.codebook,
            "files": self.files,
        }


def export(
    installation: Installation,
    survey: str,
    format: Format,  # noqa: A002 # the word of the command line
    target: Path | IO[bytes],
    *,
    labels: bool = False,
    language: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a survey's mixed answers to a file or a binary stream.

    `labels` writes what values mean instead of the values, in `language` (the survey's default one
    if not given). Beside a CSV or JSON lines file the codebook is written as
    `<name>.codebook.csv`, and what people sent as files goes into the folder `<name>.files`, by the
    names that stand in the table (in a stream: ids alone). A file appears whole or not at all and
    is readable by its owner alone.
    Raises UnknownSurvey, TooManyRows, OSError, InputError for a survey that takes no answers and a
    language that it does not speak.
    """

    def work(connection: Connection) -> Exported:
        published = installation.surveys.named(connection, survey)
        refused = refusal(published.survey.settings, "export answers")
        if refused is not None:
            raise InputError([refused])
        spoken = _spoken(published, language)
        book = read_codebook(connection, installation, published, spoken)
        if not isinstance(target, Path):
            rows = _write(connection, published, book, format, target, labels, progress, {})
            return Exported(rows, len(FACTS) + len(book.variables))
        folder = folder_beside(target)
        files = write_files(connection, installation, published.id, folder)
        with whole_file(target) as stream:
            rows = _write(connection, published, book, format, stream, labels, progress, files)
        beside = None
        if format != "xlsx":
            beside = target.with_name(f"{target.stem}.codebook.csv")
            with whole_file(beside) as stream:
                write_codebook(book, stream)
        return Exported(
            rows,
            len(FACTS) + len(book.variables),
            str(target),
            str(beside) if beside else None,
            len(files),
        )

    return installation.database.read(work)


def _spoken(published: Published, language: str | None) -> str:
    """Return the language of the labels. Raises InputError for one that the survey has not."""
    known = published.survey.languages
    if language is not None and language not in known:
        what = f"{published.name} has no labels in {language!r}"
        raise InputError([Problem.about("--language", what, f"there are: {', '.join(known)}")])
    return language or published.survey.settings.default_language


def _write(
    connection: Connection,
    published: Published,
    book: Codebook,
    format: Format,  # noqa: A002
    stream: IO[bytes],
    labels: bool,
    progress: Progress | None,
    files: Mapping[str, str],
) -> int:
    if format == "xlsx":
        count = queries.count_responses(connection, published.id)
        if count > MOST_XLSX_ROWS:
            raise TooManyRows(
                f"a sheet holds {MOST_XLSX_ROWS} rows and there are {count}: export as csv"
            )
    writer = WRITERS[format](stream, book, labels, published)
    rows = 0
    try:
        for row in _responses(connection, published, book, files):
            writer.write(row)
            rows += 1
            if progress is not None and rows % 500 == 0:
                progress(rows)
    finally:
        writer.close()
    return rows


def _responses(
    connection: Connection, published: Published, book: Codebook, files: Mapping[str, str]
) -> Iterator[Exportable]:
    """Yield what is exported, in the order of the random ids."""
    hierarchy = read_hierarchy(connection)
    by_group: dict[str, dict[str, Variable]] = {}
    for row, answers in queries.responses(connection, published.id):
        variables = by_group.get(row.grp)
        if variables is None or not answers.keys() <= variables.keys():
            variables = by_group[row.grp] = dict(book.of_flow(row.grp, list(answers)))
        version = book.versions.get(row.flow_version_id or 0)
        read = {
            variables[name]: _read(variables[name].meaning(version), value, files)
            for name, value in answers.items()
            if name in variables
        }
        facts = (
            *_unit(hierarchy, row.unit_id),
            row.grp,
            row.language or "",
            str(version) if version is not None else "",
        )
        yield Exportable(row.id, facts, version, read)


def _unit(hierarchy: Hierarchy, unit_id: int) -> tuple[str, str, str]:
    unit = hierarchy.units[unit_id]
    return unit.code_list, unit.code, unit.name


def _read(meaning: Meaning, value: str, files: Mapping[str, str]) -> str | int | float | list[str]:
    match meaning.type:
        case "select_multiple" | "rank":
            names: list[str] = json.loads(value)
            return names
        case "integer":
            return int(value)
        case "decimal" | "range":
            return float(value) if "." in value or "e" in value else int(value)
        case "calculate":
            return _worked_out(value)
        case "image" | "audio" | "file":
            return files.get(value, value)
        case _:
            return value


def _worked_out(value: str) -> str | int | float | list[str]:
    """Return what a calculation came to: only its stored form tells of which type it is."""
    if _NUMBER.fullmatch(value):
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if value.startswith('["'):
        with contextlib.suppress(ValueError):
            names: list[str] = json.loads(value)
            return names
    return value
