"""`tautan check`, `test`, `publish`, `chat`: flow files and what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import typer

from bot.commands.common import JSON, err, fail, faults, opened, out, report, settings, table
from bot.flow.load import load_survey
from bot.flow.source import FlowError, Problem
from bot.interview.contents import every, make, prepare
from bot.interview.moving import MoveReport, move_due
from bot.interview.publishing import publish_edition, version_number
from bot.interview.surveys import Published, read_files, read_media
from bot.service import Service

PATH = typer.Argument(None, help="A survey's folder, or a folder of them; FLOWS_DIR if not given.")


def surveys_in(path: Path) -> list[Path]:
    """Return the survey folders at or below a path. Raises FileNotFoundError when there is none."""
    if (path / "survey.yaml").is_file():
        return [path]
    found = sorted(file.parent for file in path.glob("*/survey.yaml"))
    if not found:
        raise FileNotFoundError(f"{path}: no survey.yaml here or one folder below")
    return found


def _placed(folder: Path, problem: Problem) -> str:
    return f"{folder / problem.file}:{str(problem).split(':', 1)[1]}"


def check(path: Path | None = PATH, as_json: bool = JSON) -> None:
    """Lint flow files: `file:line:column: what is wrong; how to fix it`."""
    with faults():
        folders = surveys_in(path or settings().flows_dir)
        problems: list[str] = []
        warnings: list[str] = []
        for folder in folders:
            try:
                survey = load_survey(read_files(folder))
            except FlowError as error:
                problems += [_placed(folder, one) for one in error.problems]
            else:
                told = (*survey.missing, *survey.advice, *survey.unfit)
                warnings += [_placed(folder, one) for one in told]
        result = {
            "surveys": [str(folder) for folder in folders],
            "problems": problems,
            "warnings": warnings,
        }

        def show() -> None:
            for line in problems:
                err.print(line, markup=False, soft_wrap=True)
            for line in warnings:
                out.print(f"note: {line}", markup=False, soft_wrap=True)
            if not problems:
                out.print(f"{len(folders)} survey(s) checked: no problem found")

        report(as_json, result, show)
        if problems:
            raise typer.Exit(1)


def publish(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    policy: Literal["finish-old", "move", "re-ask"] | None = typer.Option(
        None,
        help="What becomes of people under way: they finish their version, go on with this one, or"
        " that, and what it breaks is asked again.",
    ),
    as_json: bool = JSON,
) -> None:
    """Take the files of a survey as its current version; people under way keep theirs.

    What would break their answers is refused unless --policy says what shall become of them.
    """
    with opened() as service:
        folder = Path(survey)
        if not (folder / "survey.yaml").is_file():
            folder = service.settings.flows_dir / survey
        try:
            media = read_media(folder)
            published = publish_edition(service.installation, read_files(folder), policy, media)
        except FlowError as error:
            lines = "\n".join(_placed(folder, one) for one in error.problems)
            fail(f"{lines}\nNothing was published; the version before stays.")
        number = version_number(service.installation, published)
        made = 0 if service.twilio is None else _make_taps(service, published)
        moved = _carry(service) if policy in ("move", "re-ask") else MoveReport()
        notes = [_placed(folder, one) for one in published.survey.advice]
        value = {
            "survey": published.name,
            "version": number,
            "taps": made,
            "moved": moved.moved,
            "stayed": moved.stayed,
            "warnings": notes,
        }
        for line in () if as_json else notes:
            err.print(f"note: {line}", style="yellow", markup=False, soft_wrap=True)
        report(
            as_json,
            value,
            lambda: out.print(
                f"{published.name}: version {number} is current;"
                f" languages {', '.join(published.survey.languages)}"
                + (f"; {made} buttons and lists made" if made else "")
                + (f"; {moved.moved} people carried over" if moved.moved else "")
                + (f", {moved.stayed} finish what they began" if moved.stayed else "")
            ),
        )


def _carry(service: Service) -> MoveReport:
    """Carry people over now; a server goes on where this ends."""
    with err.status("carrying people over") as status:
        return move_due(
            service.installation, done=lambda number: status.update(f"{number} people looked at")
        )


def _make_taps(service: Service, published: Published) -> int:
    """Make the survey's buttons and lists at the provider; what fails now, a server makes later."""
    installation = service.installation
    wanted = prepare(installation, published)
    if not wanted:
        return 0
    made = 0
    with err.status(f"making {wanted} buttons and lists"):
        for channel in service.channels.values():
            while done := make(installation, channel):
                made += done
    if made < wanted:
        err.print(f"{wanted - made} buttons and lists could not be made yet; the server goes on")
    return made


def contents(as_json: bool = JSON) -> None:
    """List the buttons and lists that are made at the provider, or wanted."""
    with opened() as service:
        rows = every(service.installation)
        listed = [
            {
                "survey": row.survey,
                "about": row.about,
                "language": row.language,
                "kind": json.loads(row.taps)["kind"],
                "id": row.content_id,
                "made_at": row.made_at,
                "used_on": row.used_on,
            }
            for row in rows
        ]
        columns = ["survey", "about", "language", "kind", "id", "used_on"]

        def show() -> None:
            cells = [[one[name] or "-" for name in columns] for one in listed]
            out.print(table(f"{len(listed)} buttons and lists", columns, cells))

        report(as_json, {"contents": listed}, show)
