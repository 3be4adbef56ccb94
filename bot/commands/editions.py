"""`tautan diff`, `pull`: versions of a survey beside its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from bot.commands.common import JSON, counted, err, fail, opened, out, report
from bot.flow.source import FlowError
from bot.interview.publishing import Difference, Number, Touched, difference
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
    out.print(f"{found.survey}: changes from {found.old} to {found.new}")
    told: set[tuple[str, str]] = set()
    for change in sorted(found.changes, key=lambda one: _ORDER.index(one.kind)):
        where = f"{change.place}: " if change.place else ""
        out.print(f"{change.kind:<10}{where}{change.what}", markup=False, soft_wrap=True)
        place = (change.flow, change.question)
        touched = None if place in told else found.touched.get(place)
        if touched is not None:
            told.add(place)
            said = _whom(touched, breaks=change.kind == "break")
            out.print(f"{'':<10}{said}", style="dim", markup=False, soft_wrap=True)
    begun = _in_words(found.begun, "person is", "people are")
    out.print(f"{begun} under way with another version, {found.invited} invited.")
    if found.breaks and found.begun:
        out.print("To publish this, choose --policy finish-old, move or re-ask.")


def _whom(one: Touched, *, breaks: bool) -> str:
    """Say in words whom the changes of a question touch; a break's come before its others."""
    parts = [
        f"{_in_words(one.at, 'person is', 'people are')} at it",
        f"{_in_words(one.answers, 'has', 'have')} answered it",
    ]
    if {one.at, one.answers, one.invalid, one.waiting} == {Number(0)}:
        parts = ["touches nobody who is under way"]
    elif breaks:
        invalid = _in_words(one.invalid, "stored answer", "stored answers")
        parts.append(f"{invalid} would become invalid")
        parts += (
            [f"{one.waiting} of finished people, not pooled yet"]
            if one.waiting != Number(0)
            else []
        )
    parts += [f"{one.pooled} pooled ones stay what they are"] if one.pooled else []
    return "; ".join(parts)


def _in_words(number: Number | int, one: str, many: str) -> str:
    number = Number(number) if isinstance(number, int) else number
    said = str(number.value) if number.exact else f"fewer than {number.value}"
    return f"{said} {one if number.exact and number.value == 1 else many}"


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
        said = f"{counted(len(done.written), 'file')} of version {done.version} written to {target}"
        report(as_json, value, lambda: out.print(said, markup=False, soft_wrap=True))
