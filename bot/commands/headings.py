"""How a list's headings were understood: shown, asked about on a terminal, remembered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from bot.commands.common import counted, err, fail, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bot.intake.tables import LeftOut, Match
    from bot.outreach.roster.headings import Understood
    from bot.service import Service

INSTITUTION = typer.Option(
    "",
    "--institution",
    help="list:code; whose whole list it is: who is not on it any more is gone.",
)
MAP = typer.Option(
    [], "--map", help='What a heading means: "Nomer WA=hp_wa"; "Umur=" is not read. Repeatable.'
)
YES = typer.Option(False, "--yes", help="All guesses at headings are right.")
_HOW = {"exact": "", "known": "confirmed before", "guess": "a guess"}


def understood(
    service: Service,
    file: Path,
    unit: str,
    institution: str,
    said: Sequence[str],
    *,
    yes: bool,
    as_json: bool,
    remember: bool = False,
) -> Mapping[str, str]:
    """Return what the headings of a list mean, once a person has confirmed what was guessed.

    Where nobody can be asked, guesses end the command and name the options that confirm them.
    """
    from bot.outreach.roster import headings as use

    found = use.understand_headings(
        service.installation, file, unit=unit, institution=institution, said=pairs(said)
    )
    if not as_json:
        _show(found)
    refused: list[Match] = []
    if found.guesses and not yes:
        if as_json or not (sys.stdin.isatty() and err.is_terminal):
            use.refuse_guesses(found)
        refused = [one for one in found.guesses if not _asked(one)]
    headings = found.headings(refused)
    if remember:
        kept = use.remember_headings(service.installation, found, headings)
        if headings and found.institution is None and not as_json:
            err.print("--institution list:code would remember these headings for the next list")
        elif kept and found.institution is not None and not as_json:
            said = f"{counted(kept, 'heading')} remembered for {found.institution.name}"
            err.print(said, markup=False)
    return headings


def show_left_out(left_out: Sequence[LeftOut]) -> None:
    """Say which lines and sheets are nobody's rows."""
    for one in left_out[:20]:
        where = f"sheet {one.sheet!r}" if one.sheet else ""
        line = f"line {one.line}" if one.line else ""
        place = ", ".join(part for part in (where, line) if part)
        err.print(f"not read: {place}: {one.why}", markup=False, soft_wrap=True)
    if len(left_out) > 20:
        err.print(f"and {len(left_out) - 20} more lines that are nobody's rows")


def _show(found: Understood) -> None:
    if all(one.how == "exact" for one in found.matches) and not found.remarks:
        return
    many = len({one.sheet for one in found.matches}) > 1
    rows = [
        [*([one.sheet] if many else []), " ".join(one.heading.split()), one.column, _HOW[one.how]]
        for one in found.matches
    ]
    rows += [[*([""] if many else []), title, "", "not read"] for title in found.ignored]
    columns = [*(["sheet"] if many else []), "heading", "is read as", ""]
    err.print(table(f"{found.file}: headings", columns, rows), markup=False)
    for text in found.remarks:
        err.print(text, markup=False, soft_wrap=True)


def _asked(match: Match) -> bool:
    title = " ".join(match.heading.split())
    return typer.confirm(f"Is {title!r} the column {match.column}?", default=True, err=True)


def pairs(said: Sequence[str]) -> dict[str, str]:
    """Return what `--map` says that headings mean, or end with exit code 1."""
    pairs = {}
    for text in said:
        title, sign, column = text.rpartition("=")
        if not sign or not title.strip():
            fail(f'--map {text!r}: write "heading=column"')
        pairs[title.strip()] = column.strip()
    return pairs
