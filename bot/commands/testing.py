"""`tautan test`: plays the transcripts beside the flows, and says what none of them visits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bot.channels.base import as_shown
from bot.commands.common import JSON, counted, err, faults, out, report, table
from bot.commands.flows import PATH, survey_in, surveys_named
from bot.flow.rehearsal.rewriting import CommentLost, rewrite
from bot.flow.rehearsal.transcript import Turned, play, read_transcript
from bot.flow.source import FlowError
from bot.interview.surveys import read_files

if TYPE_CHECKING:
    from bot.flow.rehearsal.coverage import FlowCoverage


@dataclass(slots=True)
class _Survey:
    """One survey's transcripts, played."""

    folder: Path
    played: int = 0
    failures: dict[str, list[str]] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    turns: list[tuple[str, tuple[Turned, ...]]] = field(default_factory=list)
    coverage: list[FlowCoverage] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)


def play_transcripts(
    path: Path | None = PATH,
    update: bool = typer.Option(False, "--update", help="Rewrite the bot's side and the end."),
    coverage: bool = typer.Option(
        False, "--coverage", help="Also list the questions and branches that none visits."
    ),
    fail_under: float | None = typer.Option(
        None, "--fail-under", min=0, max=100, help="Fail if a flow is visited less, in percent."
    ),
    as_json: bool = JSON,
) -> None:
    """Play the transcripts beside the flows, word for word."""
    with faults():
        wants_coverage = coverage or fail_under is not None
        surveys = [
            _played(folder, update=update, wants_coverage=wants_coverage)
            for folder in surveys_named(path)
        ]
        failures = {name: lines for one in surveys for name, lines in one.failures.items()}
        low = [
            flow
            for one in surveys
            for flow in one.coverage
            if fail_under is not None and flow.percent < fail_under
        ]
        value: dict[str, Any] = {
            "played": sum(one.played for one in surveys),
            "failures": failures,
            "rewritten": [name for one in surveys for name in one.rewritten],
        }
        if wants_coverage:
            value["coverage"] = [plain for one in surveys for plain in _plain(one)]
        report(as_json, value, lambda: _show(surveys, low, fail_under))
        if failures or low:
            raise typer.Exit(1)


def _played(folder: Path, *, update: bool, wants_coverage: bool) -> _Survey:
    survey = survey_in(folder)
    files = read_files(folder)
    done = _Survey(folder)
    for file in sorted((folder / "tests").glob("*.yaml")):
        done.played += 1
        text = file.read_text("utf-8")
        try:
            transcript = read_transcript(file.name, text)
            result = play(survey, transcript, as_shown)
            done.turns.append((transcript.group, result.turns))
            if update and not result.passed:
                file.write_text(rewrite(text, result), "utf-8")
                done.rewritten.append(str(file))
                continue
            differences = list(result.differences)
        except FlowError as error:
            differences = [str(one) for one in error.problems]
        except (CommentLost, ValueError) as error:
            differences = [str(error)]
        if differences:
            done.failures[str(file)] = differences
    if wants_coverage:
        from bot.flow.positions import position
        from bot.flow.rehearsal.coverage import coverage

        done.coverage = coverage(survey, done.turns)
        for flow in done.coverage:
            for branch in flow.missing:
                key = "name" if branch.key == "asked" else branch.key
                question = survey.flows[flow.flow].by_name[branch.question]
                file_name, line, column = position(files, question, key)
                done.missing.append(
                    {
                        "flow": flow.flow,
                        "question": branch.question,
                        "key": branch.key,
                        "outcome": branch.outcome,
                        "file": str(folder / file_name),
                        "line": line,
                        "column": column,
                        "what": branch.words,
                    }
                )
    return done


def _plain(one: _Survey) -> list[dict[str, Any]]:
    found = []
    for flow in one.coverage:
        asked, branches = flow.count(asked=True), flow.count(asked=False)
        found.append(
            {
                "survey": str(one.folder),
                "flow": flow.flow,
                "transcripts": flow.transcripts,
                "questions": {"visited": asked[0], "of": asked[1]},
                "branches": {"visited": branches[0], "of": branches[1]},
                "percent": round(flow.percent, 1),
                "missing": [line for line in one.missing if line["flow"] == flow.flow],
            }
        )
    return found


def _show(surveys: list[_Survey], low: list[FlowCoverage], fail_under: float | None) -> None:
    for one in surveys:
        for name in one.rewritten:
            out.print(f"rewritten: {name}", markup=False, soft_wrap=True)
        for name, lines in one.failures.items():
            err.print(f"{name}:", markup=False, soft_wrap=True)
            for line in lines:
                err.print(f"  {line}", markup=False, soft_wrap=True)
    for one in surveys:
        if one.coverage:
            rows = [_row(flow) for flow in one.coverage]
            columns = ["flow", "transcripts", "questions", "branches", "visited"]
            out.print(table(str(one.folder), columns, rows))
        for gap in one.missing:
            at = ":".join(str(gap[key]) for key in ("file", "line", "column"))
            said = f"{at}: {gap['question']}: {gap['what']}"
            out.print(said, markup=False, soft_wrap=True)
    for flow in low:
        said = f"{flow.flow}: {flow.percent:.1f}% visited, and {fail_under:g}% are wanted"
        err.print(said, style="red", markup=False, soft_wrap=True)
    played = sum(one.played for one in surveys)
    differ = sum(len(one.failures) for one in surveys)
    out.print(f"{counted(played, 'transcript')} played, {counted(differ, 'differs', 'differ')}")


def _row(flow: FlowCoverage) -> list[Any]:
    asked, branches = flow.count(asked=True), flow.count(asked=False)
    return [
        flow.flow,
        flow.transcripts,
        f"{asked[0]} of {asked[1]}",
        f"{branches[0]} of {branches[1]}",
        f"{flow.percent:.0f}%",
    ]
