"""`tautan chat`: talks to a flow in the terminal, and keeps the talk as a transcript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from bot.channels.base import as_shown
from bot.commands.common import err, fail, faults, out
from bot.commands.flows import survey_folder, survey_in
from bot.flow.rehearsal.rewriting import dump
from bot.flow.rehearsal.transcript import Line, Result, Transcript, play
from bot.flow.survey import Survey

HELP = (
    "Type what a person would type. /tap VALUE taps a button, /quote QUESTION WORDS answers an"
    " older message, /place -3.32 114.59 sends a location, /send KIND what is no text (image,"
    " audio, pdf, contact …), /wait 3d lets time pass, /end ends."
)


def chat(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    group: str = typer.Argument(..., help="Whose questions: a group of the survey."),
    record: Path | None = typer.Option(None, "--record", help="Keep the talk as a transcript."),
) -> None:
    """Talk to a flow in the terminal, as somebody who has just followed a link."""
    with faults():
        compiled = survey_in(survey_folder(survey))
        if group not in compiled.settings.groups:
            fail(f"no group {group!r}; there are: {', '.join(compiled.settings.groups)}")
        if record is not None and (record.exists() or not record.parent.is_dir()):
            fail(f"{record}: exists already, or its folder does not; choose another name")
        out.print(HELP, style="dim")
        talk = _Talk(compiled, group)
        talk.add(Line(open="true"))
        while (said := _ask()) is not None:
            line = _line(said)
            if line is not None and line.about is not None and not talk.asks(line.about):
                err.print(f"there is no question {line.about}", style="red", markup=False)
            elif line is not None:
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

    def asks(self, question: str) -> bool:
        """Whether there is a question of this name."""
        return question in self._survey.for_group(self._group).by_name

    def transcript(self) -> dict[str, Any]:
        """Return the talk as a transcript file has it."""
        assert self._result is not None
        return {
            "survey": self._survey.settings.name,
            "group": self._group,
            "script": [
                {key: key == "open" or said for key, said in line.items()}
                for line in self._result.script
            ],
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
    if not name.startswith("/"):
        return Line(user=said)
    first, _, words = rest.strip().partition(" ")
    given = {
        "/tap": {"tap": rest.strip()},
        "/quote": {"about": first, "user": words.strip()},
        "/send": {"send": rest.strip()},
        "/place": {"send": "location", "place": " ".join(rest.replace(",", " ").split())},
        "/wait": {"wait": rest.strip()},
    }.get(name, {})
    try:
        line = Line.model_validate(given)
    except ValidationError:
        given = {}
    if not given or not all(given.values()):
        err.print(HELP)
        return None
    return line


def _bold(text: str) -> str:
    """Show WhatsApp's *bold* as bold; everything else as written."""
    return re.sub(r"\*([^*\n]+)\*", r"[bold]\1[/bold]", text.replace("[", r"\["))
