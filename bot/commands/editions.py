"""`tautan diff`, `pull`: versions of a survey beside its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from bot.commands.common import JSON, err, fail, opened, out, report, table
from bot.flow.source import FlowError
from bot.interview.publishing import Difference, Number, difference
from bot.interview.pulling import pull as write
from bot.interview.surveys import read_files

_ORDER = ("break", "addition", "wording")


def diff(
    survey: str = typer.Argument(..., help="Name of a published survey, with files in FLOWS_DIR."),
    files: Path | None = typer.Option(
        None, "--files", help="Folder of the files, if it is not FLOWS_DIR/SURVEY."
    ),
    old: int | None = typer.Option(None, "--from", min=1, help="Compare with this version."),
    new: int | None = typer.Option(None, "--to", min=1, help="This version in place of the files."),
    as_json: bool = JSON,
) -> None:
    """Show what the files change of the published version, and whom that touches."""
    if files is not None and new is not None:
        raise typer.BadParameter("--files and --to exclude each other")
    with opened() as service:
        here = service.installation
        here.database.read(lambda connection: here.surveys.named(connection, survey))
        folder = files or service.settings.flows_dir / survey
        try:
            texts = None if new is not None else read_files(folder)
            found = difference(here, survey, files=texts, old=old, new=new)
        except FlowError as error:
            fail("\n".join(f"{folder}/{one}" for one in error.problems))
        report(as_json, _plain(found), lambda: _show(found))


def _show(found: Difference) -> None:
    if not found.changes:
        out.print(f"{found.survey}: {found.new} and {found.old} say the same")
        return
    columns = ["", "question", "what", "at it", "answers", "invalid", "waiting", "pooled"]
    rows: list[list[Any]] = []
    for change in sorted(found.changes, key=lambda one: _ORDER.index(one.kind)):
        touched = found.touched.get((change.flow, change.question))
        numbers = (
            ["", "", "", "", ""]
            if touched is None
            else [touched.at, touched.answers, touched.invalid, touched.waiting, touched.pooled]
        )
        rows.append([change.kind, change.place, change.what, *map(str, numbers)])
    out.print(table(f"{found.survey}: {found.old} and {found.new}", columns, rows))
    out.print(f"{found.begun} people are under way with another version, {found.invited} invited.")
    for line in _sentences(found):
        out.print(line, markup=False, soft_wrap=True)


def _sentences(found: Difference) -> list[str]:
    """Say in words whom the breaks touch."""
    lines: list[str] = []
    broken = {(one.flow, one.question) for one in found.changes if one.kind == "break"}
    for place in sorted(broken & found.touched.keys()):
        one = found.touched[place]
        at, gone = _in_words(one.at, "person is", "people are"), _in_words(one.invalid, "", "")
        lines.append(
            f"{place[0]}.{place[1]}: {at} at it; {gone} stored answers would become invalid"
        )
    if found.breaks and found.begun:
        lines.append("To publish this, choose --policy finish-old, move or re-ask.")
    return lines


def _in_words(number: Number, one: str, many: str) -> str:
    said = str(number.value) if number.exact else f"fewer than {number.value}"
    words = one if number.exact and number.value == 1 else many
    return f"{said} {words}".strip()


def _plain(found: Difference) -> dict[str, Any]:
    """Return a difference as JSON has it; a number that is not told is null."""

    def told(number: Number) -> int | None:
        return number.value if number.exact else None

    changes = []
    for change in found.changes:
        touched = found.touched.get((change.flow, change.question))
        row: dict[str, Any] = {
            "kind": change.kind,
            "flow": change.flow or None,
            "question": change.question or None,
            "what": change.what,
        }
        if touched is not None:
            row |= {
                "people_at_it": told(touched.at),
                "answers": told(touched.answers),
                "invalid_answers": told(touched.invalid),
                "invalid_waiting_answers": told(touched.waiting),
                "pooled_answers": touched.pooled,
            }
        changes.append(row)
    return {
        "survey": found.survey,
        "from": found.old,
        "to": found.new,
        "under_way": found.begun,
        "invited": found.invited,
        "breaks": found.breaks,
        "changes": changes,
    }


def pull(
    survey: str = typer.Argument(..., help="Name of a published survey."),
    folder: Path | None = typer.Option(
        None, "-o", "--output", help="Folder to write to; FLOWS_DIR/SURVEY if not given."
    ),
    version: int | None = typer.Option(None, min=1, help="An older version, by its number."),
    force: bool = typer.Option(False, "--force", help="Replace files that say something else."),
    as_json: bool = JSON,
) -> None:
    """Write the published version of a survey to files, byte for byte."""
    with opened() as service:
        target = folder or service.settings.flows_dir / survey
        done = write(service.installation, survey, target, version=version, force=force)
        for name in () if as_json else done.others:
            note = f"note: {target / name} does not belong to version {done.version}"
            err.print(note, style="yellow", markup=False, soft_wrap=True)
        value = {
            "survey": survey,
            "version": done.version,
            "folder": str(target),
            "written": list(done.written),
            "unchanged": list(done.unchanged),
            "others": list(done.others),
        }
        said = f"{len(done.written)} files of version {done.version} written to {target}"
        report(as_json, value, lambda: out.print(said, markup=False, soft_wrap=True))
