"""`tautan check`, `schema`, `publish`, `contents`: flow files and what they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import typer

from bot.commands.common import (
    JSON,
    counted,
    err,
    fail,
    faults,
    opened,
    out,
    report,
    settings,
    table,
)
from bot.flow.lint import RULES, Finding, finding, lint
from bot.flow.load import load_survey
from bot.flow.schema.json_schema import json_schema_text
from bot.flow.source import FlowError
from bot.flow.survey import Survey
from bot.interview.moving import MoveReport, move_due
from bot.interview.publishing import publish_edition, version_number
from bot.interview.sending.contents import every, make, prepare
from bot.interview.surveys import Published, read_files, read_media
from bot.service import Service

PATH = typer.Argument(
    None, help="A survey: its name in FLOWS_DIR or its folder; or a folder of them; else FLOWS_DIR."
)


def surveys_in(path: Path) -> list[Path]:
    """Return the survey folders at or below a path, that of a file in one too.

    Raises FileNotFoundError when there is none.
    """
    if path.is_file():
        if not (path.parent / "survey.yaml").is_file():
            raise FileNotFoundError(f"{path}: belongs to no survey, no survey.yaml is beside it")
        return [path.parent]
    if (path / "survey.yaml").is_file():
        return [path]
    found = sorted(file.parent for file in path.glob("*/survey.yaml"))
    if not found:
        raise FileNotFoundError(f"{path}: no survey.yaml here or one folder below")
    return found


def surveys_named(path: Path | None) -> list[Path]:
    """Return the folders that a `PATH` means. Raises FileNotFoundError when there is none."""
    if path is None:
        return surveys_in(settings().flows_dir)
    return surveys_in(path if path.exists() else survey_folder(str(path)))


def survey_folder(name: str) -> Path:
    """Return the folder of a survey: a path, or a name in FLOWS_DIR. Wrong settings are told."""
    read = settings()
    folder = Path(name)
    return folder if (folder / "survey.yaml").is_file() else read.flows_dir / name


def survey_in(folder: Path) -> Survey:
    """Return the survey of a folder. What is wrong with its files is told with their paths."""
    try:
        return load_survey(read_files(folder))
    except FlowError as error:
        raise FlowError(
            [replace(one, file=str(folder / one.file)) for one in error.problems]
        ) from None


def check(
    path: Path | None = PATH,
    rules: bool = typer.Option(False, "--rules", help="List the rules, and check nothing."),
    every: bool = typer.Option(False, "--all", help="Say the same thing at each of its places."),
    as_json: bool = JSON,
) -> None:
    """Lint flow files: `file:line:column: severity: [rule] what is wrong; how to fix it`."""
    if rules:
        _show_rules(as_json)
        return
    with faults():
        folders = surveys_named(path)
        findings = [one for folder in folders for one in _linted(folder)]
        counts = Counter(one.severity for one in findings)
        result = {
            "surveys": [str(folder) for folder in folders],
            "findings": [asdict(one) for one in findings],
            "errors": counts["error"],
            "warnings": counts["warning"],
            "notes": counts["note"],
        }

        def show() -> None:
            for one, line in _lines(findings, every=every):
                said = err if one.severity == "error" else out
                said.print(line, markup=False, soft_wrap=True)
            if not counts["error"]:
                aside = f", {len(findings)} to look at" if findings else ""
                out.print(f"{counted(len(folders), 'survey')} checked: no error found{aside}")

        report(as_json, result, show)
        if counts["error"]:
            raise typer.Exit(1)


def _linted(folder: Path) -> list[Finding]:
    """Return what is found in a survey's folder, with paths that an editor can follow."""
    try:
        found = lint(read_files(folder))
    except FlowError as error:  # a file that is no text
        found = tuple(finding(one, "error") for one in error.problems)
    return [replace(one, file=str(folder / one.file)) for one in found]


_FEW = 3
"""Places at which the same thing is said in full."""


def _lines(findings: Iterable[Finding], *, every: bool = False) -> Iterator[tuple[Finding, str]]:
    """Yield what is to be printed, each with its (first) finding.

    What is said of many places of a survey, as that a text is not there in a language, is said once
    with the first of them.
    """
    same: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        place = str(one) if every else str(Path(one.file).parent)
        same.setdefault((place, one.severity, one.rule, one.what), []).append(one)
    for found in same.values():
        if len(found) <= _FEW:
            yield from ((one, str(one)) for one in found)
            continue
        first = found[0]
        places = ", ".join(f"{Path(one.file).name}:{one.line}" for one in found[1:_FEW])
        what = f"{first.what}, and at {len(found) - 1} more places: {places}, …"
        fix = f"{first.fix} (`tautan check --all` lists every place)"
        yield first, str(replace(first, what=what, fix=fix))


def _show_rules(as_json: bool) -> None:
    listed = [asdict(rule) for rule in RULES.values()]
    columns = ["rule", "severity", "what it wants"]
    cells = [[rule.name, rule.severity, rule.about] for rule in RULES.values()]
    report(as_json, {"rules": listed}, lambda: out.print(table("Rules", columns, cells)))


def schema(
    output: Path | None = typer.Option(None, "--output", "-o", help="Write it to this file."),
) -> None:
    """Print the JSON Schema of flow files, by which editors complete and check them."""
    text = json_schema_text()
    if output is None:
        print(text, end="")
        return
    with faults():
        output.write_text(text, encoding="utf-8")


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
        findings = _linted(folder)
        wrong = [str(one) for one in findings if one.severity == "error"]
        if not wrong:
            try:
                media = read_media(folder)
                published = publish_edition(service.installation, read_files(folder), policy, media)
            except FlowError as error:
                wrong = [str(replace(one, file=str(folder / one.file))) for one in error.problems]
        if wrong:
            lines = "\n".join(wrong)
            fail(f"{lines}\nNothing was published; the version before stays.")
        number = version_number(service.installation, published)
        made = 0 if service.twilio is None else _make_taps(service, published)
        moved = _carry(service) if policy in ("move", "re-ask") else MoveReport()
        offered = published.survey.languages
        lacking = [one for one in published.survey.settings.languages if one not in offered]
        blanks = len(published.survey.blanks)
        value = {
            "survey": published.name,
            "version": number,
            "taps": made,
            "moved": moved.moved,
            "stayed": moved.stayed,
            "not_offered": lacking,
            "to_fill_in": blanks,
            "warnings": [str(one) for one in findings],
        }
        for _, line in () if as_json else _lines(findings):
            err.print(line, style="yellow", markup=False, soft_wrap=True)
        report(
            as_json,
            value,
            lambda: out.print(
                f"{published.name}: version {number} is current;"
                f" languages {', '.join(offered)}"
                + (f" ({', '.join(lacking)} not offered: texts are missing)" if lacking else "")
                + (f"; {made} buttons and lists made" if made else "")
                + (
                    f"; {counted(moved.moved, 'person', 'people')} carried over"
                    if moved.moved
                    else ""
                )
                + (f", {moved.stayed} finish what they began" if moved.stayed else "")
                + (f"; nobody is invited while {_places(blanks)} to fill in" if blanks else ""),
                soft_wrap=True,
            ),
        )


def _places(number: int) -> str:
    return counted(number, "place is", "places are")


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
