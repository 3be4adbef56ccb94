"""A file from a coordinator: a roster or corrections, of the coordinator's own units alone.

A file with rows of other units is refused whole. The file lies on disk only while it is read, in a
folder for us alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError, open_table
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.mending import words
from bot.outreach.mending.files import mend_file, opened_file, too_late
from bot.outreach.mending.rows import closed, units_below
from bot.outreach.roster.headings import understand_headings
from bot.outreach.roster.importing import Options, import_roster
from bot.outreach.roster.rows import COLUMNS, Units
from storage.queries import coordinators
from storage.queries import units as unit_queries

MOST_BYTES = 5 * 1024 * 1024
SHOWN = 5  # lines of other units that are named
_READY = ("accepted", "changed", "unchanged")


class OtherUnits(Exception):
    """A file has rows of units that whoever sent it does not answer for."""

    def __init__(self, lines: list[int]) -> None:
        self.lines = lines
        super().__init__(f"{len(lines)} rows are of other units")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file was and how many of its rows ended how; `blank` were not filled in."""

    kind: Literal["roster", "mending"]
    rows: int
    ready: int
    double: int
    to_mend: int
    blank: int = 0


@dataclass(frozen=True, slots=True)
class Post:
    """Whom a file comes from: the units answered for (None: all), one of them by its code."""

    units: frozenset[int] | None
    unit: str


def post_of(connection: Connection, contact_id: int, survey_id: int) -> Post:
    """Return what a coordinator answers for in a survey, by all posts together."""
    mine = [
        one for one in coordinators.posts_of(connection, contact_id) if one.survey_id == survey_id
    ]
    if any(one.unit_id is None for one in mine):
        return Post(None, "")
    found = [units_below(connection, one.unit_id) or frozenset() for one in mine]
    own = unit_queries.by_id(connection, mine[0].unit_id or 0) if len(mine) == 1 else None
    return Post(frozenset().union(*found), f"{own.code_list}:{own.code}" if own else "")


def take(
    installation: Installation, published: Published, content: bytes, suffix: str, post: Post
) -> Taken:
    """Read a file and store what is right in it; the same file again changes nothing.

    Raises InputError for what is no list, or comes after people were invited; OtherUnits.
    """
    if installation.database.read(lambda connection: closed(connection, published)):
        raise InputError([too_late(published.name)])
    if len(content) > MOST_BYTES:
        what = f"larger than {MOST_BYTES // 1024 // 1024} MB"
        raise InputError([Problem("file", 1, 1, what, "send it in parts")])
    with tempfile.TemporaryDirectory(prefix="tautan-") as folder:
        path = Path(folder) / f"daftar{suffix}"
        path.write_bytes(content)
        if _is_mending(path):
            return _take_mending(installation, published, path, post)
        return _take_roster(installation, published, path, post)


def in_words(published: Published, taken: Taken, *, chat: bool = True) -> str:
    """Say what became of a file and, in a chat, what may be done next."""
    values = {
        "baris": taken.rows,
        "siap": taken.ready,
        "ganda": taken.double,
        "perlu": taken.to_mend,
        "kosong": taken.blank,
    }
    survey = published.survey
    said = words.say(survey, f"file_{taken.kind}", values)
    if taken.to_mend + taken.blank == 0:
        return said + words.say(survey, "file_all_well")
    return said + words.say(survey, "file_what_next") if chat else said


def refusal(installation: Installation, published: Published, error: Exception) -> str:
    """Say why a file was not taken."""
    survey = published.survey
    if isinstance(error, OtherUnits):
        lines = [str(one) for one in error.lines[:SHOWN]]
        shown = ", ".join(lines) + (", …" if len(error.lines) > SHOWN else "")
        values: dict[str, str | int] = {"jumlah": len(error.lines), "nomor": shown}
        return words.say(survey, "file_other_units", values)
    late = installation.database.read(lambda connection: closed(connection, published))
    return words.say(survey, "mend_too_late" if late else "file_unreadable")


def _is_mending(path: Path) -> bool:
    try:
        with opened_file(path):
            return True
    except InputError:
        return False


def _take_mending(
    installation: Installation, published: Published, path: Path, post: Post
) -> Taken:
    done = mend_file(installation, published.name, path, post.units)
    ready = done.counts["mended"] + done.counts["known"]
    double, blank = done.counts["duplicate"], done.counts["blank"]
    return Taken("mending", done.rows, ready, double, done.rows - ready - double - blank, blank)


def _take_roster(installation: Installation, published: Published, path: Path, post: Post) -> Taken:
    groups = list(published.survey.settings.groups)
    group = groups[0] if len(groups) == 1 else ""
    headings = understand_headings(installation, path, unit=post.unit).headings()
    _refuse_others(installation, path, post.units, headings)
    options = Options(unit=post.unit, group=group, headings=headings)
    done = import_roster(installation, path, published.name, options)
    ready = sum(done.counts.get(one, 0) for one in _READY)
    return Taken("roster", done.rows, ready, done.rows - ready - done.to_mend, done.to_mend)


def _refuse_others(
    installation: Installation,
    path: Path,
    mine: Collection[int] | None,
    headings: Mapping[str, str],
) -> None:
    """Raises OtherUnits where a row names a unit that is not among these (None: all)."""
    if mine is None:
        return
    units = Units(installation.database.read(unit_queries.every))
    lines = []
    with open_table(path, COLUMNS, known=headings) as table:
        for row in table.rows():
            text = row.get("unit") or row.get("opd")
            found = units.find(text, row.get("daftar_kode")) if text else None
            if isinstance(found, int) and found not in mine:
                lines.append(row.line)
    if lines:
        raise OtherUnits(lines)
