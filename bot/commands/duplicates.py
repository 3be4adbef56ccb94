"""`tautan roster duplicates`, `roster decide`: who stands on a roster twice, and who counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from bot.commands.common import JSON, counted, err, fail, opened, out, progress_of, report, table

if TYPE_CHECKING:
    from bot.outreach.roster.decisions import Keep
    from bot.outreach.roster.duplicate_report import Duplicate, Place
    from bot.service import Service

SURVEY = typer.Argument(..., help="The survey's name.")
_HINTS = {
    "officer": "an officer's or office's own?",
    "family": "a family's?",
    "two_people": "two people, one phone",
    "": "",
}


def duplicates(
    survey: str = SURVEY,
    names: bool = typer.Option(
        False, "--names", help="First compare all names: one person with two numbers."
    ),
    only_open: bool = typer.Option(False, "--open", help="Only those to be decided."),
    output: Path | None = typer.Option(None, "--output", "-o", help="An .xlsx file to decide in."),
    as_json: bool = JSON,
) -> None:
    """List who stands on the roster more than once, and which of the two counts."""
    from bot.outreach.roster import duplicate_report as use

    if output is not None and output.suffix.lower() != ".xlsx":
        fail(f"{output}: end the name in .xlsx")
    with opened() as service:
        if names:
            _compare_names(service, survey)
        found = use.listed(service.installation, survey, only_open=only_open)
        if output is not None:
            use.write_duplicates(found, output)

        def show() -> None:
            if output is not None:
                out.print(f"{len(found)} written to {output}; fill in `keep`", soft_wrap=True)
                return
            titles = ["id", "kind", "first", "other", "decision", "counts"]
            out.print(
                table(
                    f"{survey}: {counted(len(found), 'duplicate')}",
                    titles,
                    [_row(o) for o in found],
                )
            )

        report(as_json, {"duplicates": [one.to_dict() for one in found]}, show)


def _compare_names(service: Service, survey: str) -> None:
    """Look for one person with two numbers; an import does it only for lists that are not long."""
    from bot.outreach.roster.same_names import suggest

    with progress_of("comparing names, unit by unit") as told:
        new = suggest(service.installation, survey, told)
    err.print(f"{new} new suggestions by name")


def decide(
    survey: str = SURVEY,
    ids: list[int] = typer.Argument(None, help="Numbers from `tautan roster duplicates`."),
    keep: str = typer.Option("", "--keep", help="first, other, both or apart."),
    file: Path | None = typer.Option(None, "--file", help="The .xlsx file, filled in."),
    as_json: bool = JSON,
) -> None:
    """Decide who counts; may be changed until the person is invited or has begun."""
    from bot.outreach.roster import decisions, duplicate_report

    with opened() as service:
        if bool(ids) == (file is not None) or bool(ids) != bool(keep):
            raise typer.BadParameter("give ids and --keep, or --file")
        if keep and keep not in decisions.KEEPS:
            raise typer.BadParameter(f"--keep is one of {', '.join(decisions.KEEPS)}")
        keeps = (
            duplicate_report.read_decisions(file)
            if file is not None
            else dict.fromkeys(ids, cast("Keep", keep))
        )
        done = decisions.decide(service.installation, survey, keeps)
        report(
            as_json,
            done.to_dict(),
            lambda: out.print(f"decided: {done.decided}, as before: {done.unchanged}"),
        )


def _row(one: Duplicate) -> list[object]:
    kind = one.kind.replace("_", " ") + (f" ({_HINTS[one.hint]})" if one.hint else "")
    waits = " (not invited until decided)" if one.holds else ""
    return [one.id, kind, _where(one.first), _where(one.other), one.decision + waits, one.counts]


def _where(place: Place) -> str:
    line = f", line {place.line}" if place.line else ""
    return f"{place.name or '(no name)'}: {place.unit_name} / {place.group}{line}"
