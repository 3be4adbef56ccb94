"""What the headings of an office's list mean: shown, confirmed by a person, remembered.

An import never guesses: it is given what was understood here. What somebody confirmed is remembered
for the institution, the unit at the top whose list it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError, LeftOut, Match, did_you_mean, heading, open_table
from bot.interview.installation import Installation
from bot.outreach.roster.rows import COLUMNS
from bot.outreach.roster.template import PAGES
from storage.queries import headings as queries
from storage.queries import units as unit_queries
from storage.queries.units import UnitRow


@dataclass(frozen=True, slots=True)
class Understood:
    """How a list was understood. `institution` is None where it is unclear whose list it is.

    `said` is what the operator said of headings, `ignored` what is not read.
    """

    file: str
    matches: tuple[Match, ...]
    ignored: tuple[str, ...]
    skipped: tuple[LeftOut, ...]
    remarks: tuple[str, ...]
    institution: UnitRow | None
    said: Mapping[str, str]
    remembered: Mapping[str, str]

    @property
    def guesses(self) -> tuple[Match, ...]:
        """What a person must confirm."""
        return tuple(one for one in self.matches if one.how == "guess")

    def headings(self, refused: Iterable[Match] = ()) -> dict[str, str]:
        """Return what an import is to take headings for, guesses but the refused ones confirmed."""
        no = {heading(one.heading) for one in refused}
        guessed = {heading(one.heading): one.column for one in self.guesses}
        return {**self.remembered, **guessed, **dict.fromkeys(no, ""), **self.said}

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "headings": [
                {
                    "heading": " ".join(one.heading.split()),
                    "column": one.column,
                    "how": one.how,
                    "score": one.score,
                    "sheet": one.sheet,
                }
                for one in self.matches
            ],
            "ignored": list(self.ignored),
            "skipped": [{"sheet": one.sheet, "why": one.why} for one in self.skipped],
            "remarks": list(self.remarks),
            "institution": _code(self.institution) if self.institution else None,
        }


def understand_headings(
    installation: Installation,
    path: Path,
    *,
    unit: str = "",
    institution: str = "",
    said: Mapping[str, str] | None = None,
) -> Understood:
    """Read a list's headings, by what is remembered of its institution and by what `said` says.

    `said` maps headings to columns, "" for one that is not to be read. The institution is
    `institution` (list:code), else the unit at the top of `unit`, else the only one at the top.
    Raises InputError, OSError.
    """
    told = {heading(text): column.strip().casefold() for text, column in (said or {}).items()}
    _check_columns(path, told)

    def look(connection: Connection) -> tuple[UnitRow | None, dict[str, str]]:
        whose = _institution(unit_queries.every(connection), path, unit, institution)
        return whose, queries.known(connection, whose.id) if whose else {}

    whose, remembered = installation.database.read(look)
    known = {**remembered, **told}
    with open_table(path, COLUMNS, known=known, guess=True, beside=PAGES) as table:
        titles = {heading(text): " ".join(text.split()) for text in table.header}
        unknown = [text for text in told if text not in titles]
        if unknown:
            raise InputError(
                Problem(
                    path.name, 1, 1, f"there is no heading {text!r}", _hint(text, titles.values())
                )
                for text in unknown
            )
        return Understood(
            path.name,
            table.matches,
            table.ignored,
            table.skipped,
            table.remarks,
            whose,
            told,
            remembered,
        )


def refuse_guesses(understood: Understood) -> None:
    """Raise InputError that says what to write, if anything was guessed."""
    problems = [
        Problem(
            understood.file,
            max(1, one.line),
            1,
            f"{name}: probably the column {one.column!r}, which nobody has confirmed",
            f'say --yes if all guesses are right, or --map "{name}={one.column}"'
            f' (--map "{name}=" leaves it out)',
        )
        for one in understood.guesses
        for name in (" ".join(one.heading.split()),)
    ]
    if problems:
        raise InputError(problems)


def remember_headings(
    installation: Installation, understood: Understood, headings: Mapping[str, str]
) -> int:
    """Keep what a person confirmed for the institution; return how many headings are new.

    Nothing is kept where it is unclear whose list it is.
    """
    whose = understood.institution
    new = {text: one for text, one in headings.items() if understood.remembered.get(text) != one}
    if whose is None or not new:
        return 0
    installation.database.write(lambda connection: queries.remember(connection, whose.id, new))
    return len(new)


def _check_columns(path: Path, said: Mapping[str, str]) -> None:
    names = [one.name for one in COLUMNS]
    problems = [
        Problem(path.name, 1, 1, f"{text}: there is no column {name!r}", did_you_mean(name, names))
        for text, name in said.items()
        if name and name not in names
    ]
    if problems:
        raise InputError(problems)


def _institution(units: list[UnitRow], path: Path, unit: str, institution: str) -> UnitRow | None:
    """Return whose list it is. Raises InputError for an institution that is not there."""
    by_id = {one.id: one for one in units}
    by_code = {_code(one): one for one in units}
    if institution:
        found = by_code.get(institution.strip())
        if found is None:
            what = f"there is no unit {institution!r}"
            raise InputError([Problem(path.name, 1, 1, what, did_you_mean(institution, by_code))])
        return found
    top = by_code.get(unit.strip()) if unit else None
    while top is not None and top.parent_id is not None:
        top = by_id[top.parent_id]
    roots = [one for one in units if one.parent_id is None]
    return top or (roots[0] if len(roots) == 1 else None)


def _code(unit: UnitRow) -> str:
    return f"{unit.code_list}:{unit.code}"


def _hint(text: str, titles: Iterable[str]) -> str:
    return did_you_mean(text, [title for title in titles if title])
