"""`tautan export`, `audit-anonymity`, `forget`, `purge`: data, and what is promised of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from bot.commands.common import JSON, counted, fail, named_address, opened, out, report

if TYPE_CHECKING:
    from bot.reporting.export.formats import Format

SURVEY = typer.Argument(..., help="The survey's name.")


def export(
    survey: str = SURVEY,
    form: Literal["csv", "xlsx", "jsonl"] | None = typer.Option(
        None, "--format", help="File format; by the file's name if not given, else xlsx."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Default: SURVEY.FORMAT."),
    labels: bool = typer.Option(False, "--labels", help="Labels of choices instead of names."),
    language: str | None = typer.Option(None, "--language", help="Language of the labels."),
    as_json: bool = JSON,
) -> None:
    """Write the mixed answers with a codebook; they belong to nobody."""
    from bot.reporting.export.writing import TooManyRows
    from bot.reporting.export.writing import export as use

    with opened() as service:
        path = output or Path(f"{survey}.{form or 'xlsx'}")
        kind = _form_of(path, form)
        there = path.exists()
        try:
            done = use(service.installation, survey, kind, path, labels=labels, language=language)
        except TooManyRows as error:
            fail(str(error))
        beside = f"; {counted(done.files, 'file')} beside it" if done.files else ""
        instead = ", in place of the file that was there" if there else ""
        said = f"{counted(done.rows, 'response')} in {path}{instead}{beside}"
        report(as_json, done.to_dict(), lambda: out.print(said, markup=False, soft_wrap=True))


def _form_of(path: Path, wanted: Format | None) -> Format:
    """Return the format that a file's name says; ends where it is none, or not the wanted one."""
    from bot.reporting.export.formats import WRITERS

    found = next((one for one in WRITERS if path.suffix.lower() == f".{one}"), None)
    if found is None:
        fail(f"{path}: end the name in {', '.join(f'.{one}' for one in WRITERS)}")
    if wanted not in {None, found}:
        fail(f"{path}: --format {wanted} writes no .{found}; name it .{wanted}, or leave that out")
    return found


def audit_anonymity(
    survey: str = SURVEY,
    log: list[Path] = typer.Option([], "--log", help="A log file to search too."),
    as_json: bool = JSON,
) -> None:
    """Attack the database as somebody with all its keys would; exit 1 when anybody is linked."""
    from bot.reporting.anonymity.audit import audit

    with opened() as service:
        found = audit(service.installation, survey, log)

        def show() -> None:
            for one in found.found:
                out.print(str(one), markup=False, soft_wrap=True)
            for note in found.notes:
                out.print(f"note: {note}", markup=False, soft_wrap=True)
            verdict = "somebody can be linked" if found.found else "nobody is linked"
            out.print(
                f"{counted(found.responses, 'response')},"
                f" {counted(found.people, 'person', 'people')}: {verdict}"
            )

        report(as_json, asdict(found), show)
        if not found.clean:
            raise typer.Exit(1)


def forget(
    address: str = typer.Argument(..., help="A phone number (08…, +62…) or user id (ID.…)."),
    opt_out: bool = typer.Option(False, "--opt-out", help="And never write to them again."),
    as_json: bool = JSON,
) -> None:
    """Erase one person's data, as asked for on paper or by phone."""
    from bot.interview import erasure

    with opened() as service:
        found = named_address(service, address)
        done = erasure.forget(service.installation, found, opt_out=opt_out)
        known = "erased" if done.known else "no contact has this address"
        result = asdict(done)
        report(
            as_json,
            result,
            lambda: out.print(
                f"{known}; conversations: {done.conversations} ({done.mixed} already mixed, whose"
                f" answers belong to nobody), roster rows: {done.roster_rows}"
            ),
        )


def purge(as_json: bool = JSON) -> None:
    """Delete what has outlived its purpose, and recount; the running service does so by itself."""
    from bot.interview import erasure
    from bot.reporting import recount

    with opened() as service:
        done = asdict(erasure.purge(service.installation))
        done["counts_mended"] = recount.recount(service.installation)
        report(as_json, done, lambda: _show_purge(done))


_PURGED = {
    "inbound": "marks of received messages",
    "windows": "reply windows of long ago",
    "marks": "marks of what an address was told on a day",
    "keys": "keys of past days",
    "payloads": "texts of settled messages",
    "consents": "consents",
    "media": "received files",
}
"""What a purge deletes, by the names of `erasure.PurgeReport`."""


def _show_purge(done: dict[str, Any]) -> None:
    gone = ", ".join(f"{done[name]} {what}" for name, what in _PURGED.items() if done[name])
    out.print(f"Deleted: {gone}." if gone else "Nothing had outlived its purpose.", soft_wrap=True)
    if done["counts_mended"]:
        out.print(f"{counted(done['counts_mended'], 'kept count')} mended.")
    if not done["clean"]:
        out.print(
            "Traces are left in the database's log, because something was reading it; the next"
            " purge removes them.",
            soft_wrap=True,
        )
