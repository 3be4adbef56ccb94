"""`tautan kit`: what makes people believe that the first message is real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.commands.common import JSON, err, opened, out, report

if TYPE_CHECKING:
    from bot.outreach.kit import Kit


def kit(
    survey: str = typer.Argument(..., help="The survey's name."),
    output: Path = typer.Option(..., "--output", "-o", help="The folder to write into."),
    language: str = typer.Option("id", "--language", help="Of the texts."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Also over files that are there."),
    as_json: bool = JSON,
) -> None:
    """Write letter, notices, numbers, pictures and scripts that show that the survey is real."""
    from bot.outreach import kit as use

    with opened() as service:
        base = service.settings.public_base_url
        done = use.write_kit(
            service.installation,
            survey,
            output,
            language=language,
            region=service.settings.default_region,
            page=f"{base}/asli" if base else "",
            overwrite=overwrite,
            mail_from=service.settings.smtp_from,
        )
        report(as_json, done.to_dict(), lambda: _show(done, output))


def _show(done: Kit, folder: Path) -> None:
    out.print(f"{len(done.files)} files written to {folder}; begin with 0-baca-dulu.txt")
    for name, what in done.to_fill.items():
        if name.endswith((".txt", ".csv")):
            out.print(f"to fill in, {name}:", markup=False)
            for one in what:
                out.print(f"  {one}", markup=False, soft_wrap=True)
    for note in done.notes:
        err.print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
