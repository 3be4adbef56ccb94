"""`tautan check`, `test`, `publish`, `chat`: flow files and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from bot.commands.common import JSON, err, fail, faults, opened, out, report, settings, table
from bot.flow.load import load_survey
from bot.flow.source import FlowError, Problem
from bot.interview.contents import every, make, prepare
from bot.interview.surveys import Published, read_files
from bot.interview.surveys import publish as take
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


def survey_folder(name: str) -> Path:
    """Return the folder of a survey: a path, or a name in FLOWS_DIR. Wrong settings are told."""
    read = settings()
    folder = Path(name)
    return folder if (folder / "survey.yaml").is_file() else read.flows_dir / name


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
    as_json: bool = JSON,
) -> None:
    """Take the files of a survey as its current version; people under way keep theirs."""
    with opened() as service:
        folder = Path(survey)
        if not (folder / "survey.yaml").is_file():
            folder = service.settings.flows_dir / survey
        try:
            published = take(service.installation, read_files(folder))
        except FlowError as error:
            lines = "\n".join(_placed(folder, one) for one in error.problems)
            fail(f"{lines}\nNothing was published; the version before stays.")
        made = 0 if service.twilio is None else _make_taps(service, published)
        notes = [_placed(folder, one) for one in published.survey.advice]
        value = {
            "survey": published.name,
            "version": published.flow_version_id,
            "taps": made,
            "warnings": notes,
        }
        for line in () if as_json else notes:
            err.print(f"note: {line}", style="yellow", markup=False, soft_wrap=True)
        report(
            as_json,
            value,
            lambda: out.print(
                f"{published.name}: version {published.flow_version_id} is current;"
                f" languages {', '.join(published.survey.languages)}"
                + (f"; {made} buttons and lists made" if made else "")
            ),
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
