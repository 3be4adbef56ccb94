"""`tautan roster report` and `roster mend`: how clean the lists are, and rows that come back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.commands.common import JSON, counted, err, fail, opened, out, table
from bot.commands.common import report as show_report

if TYPE_CHECKING:
    from bot.interview.installation import Installation
    from bot.outreach.roster.quality import QualityReport


def report(
    survey: str = typer.Argument(..., help="The survey's name."),
    unit: str = typer.Option("", "--unit", help="list:code; with all units below it."),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="A folder: a workbook per unit with its rows to mend."
    ),
    as_json: bool = JSON,
) -> None:
    """Count a survey's rosters by unit and class; with -o write what offices have to mend."""
    from bot.outreach.mending import files as mending_files
    from bot.outreach.mending import rows as mending
    from bot.outreach.roster import quality

    with opened() as service:
        here = service.installation
        unit_id = _unit(here, unit) if unit else None
        units = here.database.read(lambda connection: mending.units_below(connection, unit_id))
        done = quality.report(here, survey, units)
        files = mending_files.write_files(here, survey, output, unit_id) if output else {}

        def show() -> None:
            _show(done)
            for path, rows in files.items():
                said = f"{counted(rows, 'row')} to mend in {path}"
                out.print(said, soft_wrap=True, markup=False)

        named = {str(path): rows for path, rows in files.items()}
        show_report(as_json, done.to_dict() | {"files": named}, show)


def mend(
    file: Path = typer.Argument(..., help="A workbook of rows to mend, filled in."),
    survey: str = typer.Option(..., "--survey", "-s", help="The survey's name."),
    as_json: bool = JSON,
) -> None:
    """Take corrected rows back; the same file again changes nothing."""
    from bot.outreach.mending.files import mend_file

    with opened() as service:
        done = mend_file(service.installation, survey, file)

        def show() -> None:
            rows = [[name, number] for name, number in sorted(done.counts.items())]
            out.print(table(f"{file.name}: {counted(done.rows, 'row')}", ["outcome", "rows"], rows))
            for problem in done.problems[:20]:
                err.print(str(problem), markup=False, soft_wrap=True)
            if len(done.problems) > 20:
                err.print(f"and {len(done.problems) - 20} more; --json lists them all")

        show_report(as_json, done.to_dict(), show)


def _unit(here: Installation, text: str) -> int:
    from bot.outreach.roster.rows import Units
    from storage.queries import units

    found = Units(here.database.read(units.every)).find(text, "")
    if isinstance(found, tuple):
        fail(f"{found[0]}; {found[1]}")
    return found


def _show(done: QualityReport) -> None:
    heads = ["unit", "rows", "usable", "to mend", "clean", "WhatsApp", "e-mail", "start date"]
    rows = []
    for one in done.units:
        parts = [one.fields[name] / one.usable if one.usable else 0 for name in one.fields]
        shares = [f"{part:.0%}" for part in (one.share, *parts)]
        rows.append([one.name or "(no unit)", one.rows, one.usable, one.to_mend, *shares])
    out.print(table(f"Rosters of {done.survey}", heads, rows))
    classes = [
        [one.name or "(no unit)", kind, number]
        for one in done.units
        for kind, number in sorted(one.classes.items())
    ]
    out.print(table("By class", ["unit", "class", "rows"], classes))
