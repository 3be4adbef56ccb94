"""`tautan test` plays transcripts, `tautan chat` talks to a flow in the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from bot.channels.base import as_shown
from bot.commands.common import JSON, err, fail, faults, out, report, settings
from bot.commands.flows import PATH, surveys_in
from bot.flow.load import load_survey
from bot.flow.source import FlowError
from bot.flow.survey import Survey
from bot.flow.transcript import Line, Result, Transcript, dump, play, read_transcript, rewrite
from bot.interview.surveys import read_files

HELP = (
    "Type what a person would type. /tap VALUE taps a button, /wait 3d lets time pass,"
    " /image, /audio and /pdf send a file, /media any other thing, /end ends."
)


def play_transcripts(
    path: Path | None = PATH,
    update: bool = typer.Option(False, "--update", help="Rewrite the bot's side and the end."),
    as_json: bool = JSON,
) -> None:
    """Play the transcripts beside the flows, word for word."""
    with faults():
        played = 0
        failures: dict[str, list[str]] = {}
        for folder in surveys_in(path or settings().flows_dir):
            survey = load_survey(read_files(folder))
            for file in sorted((folder / "tests").glob("*.yaml")):
                played += 1
                differences = _play_file(survey, file, update=update)
                if differences:
                    failures[str(file)] = differences

        def show() -> None:
            for name, lines in failures.items():
                err.print(f"{name}:", markup=False)
                for line in lines:
                    err.print(f"  {line}", markup=False, soft_wrap=True)
            out.print(f"{played} transcripts played, {len(failures)} differ")

        report(as_json, {"played": played, "failures": failures}, show)
        if failures:
            raise typer.Exit(1)


def _play_file(survey: Survey, file: Path, *, update: bool) -> list[str]:
    text = file.read_text("utf-8")
    try:
        result = play(survey, read_transcript(file.name, text), as_shown)
    except FlowError as error:
        return [str(one) for one in error.problems]
    if update and not result.passed:
        file.write_text(rewrite(text, result), "utf-8")
        out.print(f"rewritten: {file}")
        return []
    return list(result.differences)


def chat(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    group: str = typer.Argument(..., help="Whose questions: a group of the survey."),
    record: Path | None = typer.Option(None, "--record", help="Keep the talk as a transcript."),
) -> None:
    """Talk to a flow in the terminal, as somebody who has just followed a link."""
    with faults():
        folder = Path(survey)
        if not (folder / "survey.yaml").is_file():
            folder = settings().flows_dir / survey
        compiled = load_survey(read_files(folder))
        if group not in compiled.settings.groups:
            fail(f"no group {group!r}; there are: {', '.join(compiled.settings.groups)}")
        out.print(HELP, style="dim")
        talk = _Talk(compiled, group)
        talk.add(Line(open="true"))
        while (said := _ask()) is not None:
            line = _line(said)
            if line is not None:
                talk.add(line)
        if record is not None:
            record.write_text(dump(talk.transcript()), "utf-8")
            out.print(f"written to {record}")


class _Talk:
    """A talk so far. The engine is pure: each new line plays the whole talk again."""

    def __init__(self, survey: Survey, group: str) -> None:
        self._survey = survey
        self._group = group
        self._lines: list[Line] = []
        self._result: Result | None = None

    def add(self, line: Line) -> None:
        """Say one more thing and show what comes back."""
        shown = len(self._result.script) if self._result else 0
        self._lines.append(line)
        transcript = Transcript(
            survey=self._survey.settings.name, group=self._group, script=tuple(self._lines)
        )
        self._result = play(self._survey, transcript, as_shown)
        for entry in self._result.script[shown:]:
            if "bot" in entry:
                out.print(_bold(entry["bot"]), soft_wrap=True)
                out.print()

    def transcript(self) -> dict[str, Any]:
        """Return the talk as a transcript file has it."""
        assert self._result is not None
        return {
            "survey": self._survey.settings.name,
            "group": self._group,
            "script": [dict(line) for line in self._result.script],
            "end": dict(self._result.end),
        }


def _ask() -> str | None:
    """Read a line; None at its end or at /end."""
    try:
        said = input("> ")
    except (EOFError, KeyboardInterrupt):
        return None
    return None if said.strip() == "/end" else said


def _line(said: str) -> Line | None:
    """Read what was typed: words, or one of the commands of the terminal."""
    if not said.strip():
        return None
    name, _, rest = said.partition(" ")
    match name:
        case "/tap":
            return Line(tap=rest.strip())
        case "/media":
            return Line(send="media")
        case "/image":
            return Line(send="image")
        case "/audio":
            return Line(send="audio")
        case "/pdf":
            return Line(send="pdf")
        case "/wait" if re.fullmatch(r"\d+[smhd]", rest.strip()):
            return Line(wait=rest.strip())
        case _ if name.startswith("/"):
            err.print(HELP)
            return None
    return Line(user=said)


def _bold(text: str) -> str:
    """Show WhatsApp's *bold* as bold; everything else as written."""
    return re.sub(r"\*([^*\n]+)\*", r"[bold]\1[/bold]", text.replace("[", r"\["))
