"""docs/first-survey.md, done word for word: its files are written, its commands run and compared.

A frame of the page is one of these; anything else is an error:

- `yaml` whose first line names a file and says what to do with the rest: see `Desk.write`.
- `diff` whose first line names a file: words after `-` become those after `+`.
- `console`: after `$` is a command, after `>` what is typed into it, the rest what must come out,
  blanks at the ends of lines apart.
"""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import groupby
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.config import Settings
from bot.flow.load import load_survey
from bot.interview.surveys import read_files
from tests.setup import FLOWS

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "first-survey.md").read_text("utf-8")
FRAME = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = re.compile(r"# ([\w./-]+)(?:: ([\w ]+))?")


class Desk:
    """A reader who does what the page says, in a folder with the bundled survey in it."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.environment = environment
        shutil.copytree(FLOWS / "integritas", folder / "flows" / "integritas")
        for name in ("DATABASE_URL", "FLOWS_DIR", "TAUTAN_SECRET_KEY"):
            environment.delenv(name, raising=False)
        environment.setenv("LOG_LEVEL", "WARNING")
        environment.setenv("COLUMNS", "100")
        environment.chdir(folder)
        Settings.from_env().secret(create=True)  # `make run` has made it for the reader

    def follow(self, page: str) -> None:
        """Do everything, in order."""
        for kind, body in FRAME.findall(page):
            {"yaml": self.write, "diff": self.edit, "console": self.type}[kind](body)

    def write(self, body: str) -> None:
        """Put the lines of a frame into the file that it names."""
        head, text = body.split("\n", 1)
        match = HEAD.fullmatch(head)
        assert match, f"{head!r} does not say which file it is about"
        file, what = self.folder / match[1], match[2]
        if what == "the whole file":
            file.write_text(text, "utf-8")
        elif what == "below":
            file.write_text(f"{file.read_text('utf-8').rstrip()}\n\n{text}", "utf-8")
        elif what == "these lines":
            self._replace_lines(file, text)
        else:
            assert what == "now in it"
            assert text in file.read_text("utf-8")

    def _replace_lines(self, file: Path, text: str) -> None:
        """Let each line take the place of the one that begins with the same word."""
        lines = file.read_text("utf-8").splitlines()
        for new in text.splitlines():
            start = new[: new.index(":") + 1]
            (found,) = [number for number, line in enumerate(lines) if line.startswith(start)]
            lines[found] = new
        file.write_text("\n".join(lines) + "\n", "utf-8")

    def edit(self, body: str) -> None:
        """Exchange words of a file, wherever they stand."""
        head, text = body.split("\n", 1)
        match = HEAD.fullmatch(head)
        assert match, f"{head!r} does not say which file it is about"
        assert match[2] is None
        file = self.folder / match[1]
        parts = [
            (sign, "\n".join(line[1:] for line in lines))
            for sign, lines in groupby(text.splitlines(), key=lambda line: line[:1])
        ]
        assert [sign for sign, _ in parts] == ["-", "+"] * (len(parts) // 2)
        for (_, old), (_, new) in zip(parts[::2], parts[1::2], strict=True):
            before = file.read_text("utf-8")
            assert old in before, f"{old!r} does not stand in {file}"
            file.write_text(before.replace(old, new), "utf-8")

    def type(self, body: str) -> None:
        """Type the commands of a frame and compare what comes out."""
        for command, wanted in commands(body):
            typed = "".join(re.findall(r"^> (.*\n)", wanted, re.MULTILINE))
            # The terminal shows what is typed, and the end of its line; a pipe does not.
            wanted = re.sub(r"^> .*\n", "> ", wanted, flags=re.MULTILINE)
            assert plain(self.run(command, typed)) == plain(wanted)

    def run(self, command: str, typed: str) -> str:
        """Return what a command prints."""
        words = shlex.split(command)
        if words[0] == "export":
            self.environment.setenv(*words[1].split("=", 1))
            return ""
        assert words[0] == "tautan"
        done = CliRunner().invoke(app, words[1:], input=typed)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.output


def commands(body: str) -> list[tuple[str, str]]:
    """Return the commands of a `console` frame, each with what stands under it."""
    parts = re.split(r"^\$ (.*(?:(?<=\\)\n.*)*)\n", body, flags=re.MULTILINE)
    assert parts[0] == ""
    typed = [command.replace("\\\n", " ") for command in parts[1::2]]
    return list(zip(typed, parts[2::2], strict=True))


def plain(text: str) -> list[str]:
    """Return lines without blanks at their ends, and without empty ones at the end of all."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_the_page_is_true_word_for_word(desk: Desk) -> None:
    desk.follow(PAGE)
    survey = load_survey(read_files(desk.folder / "flows" / "mpp"))
    own = [one for one in survey.flows["kuesioner"].questions if not one.name.endswith("_other")]
    assert len(own) == 10
    assert survey.languages == ("id", "en")
    drawn = (desk.folder / "mpp.svg").read_text("utf-8")
    assert drawn == (DOCS / "images" / "first-survey.svg").read_text("utf-8")


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ tautan check flows/integritas\n1 survey checked\n```",
        "```console\n$ tautan flow new\n```",
        "```console\n$ ls\n```",
        "```yaml\nkind: flow\n```",
        "```yaml\n# flows/integritas/survey.yaml: now in it\nkind: flow\n```",
        "```yaml\n# flows/integritas/survey.yaml: somewhere\nkind: flow\n```",
        "```diff\n# flows/integritas/survey.yaml\n-kind: flow\n+kind: survey\n```",
        "```diff\n# flows/integritas/survey.yaml\n-kind: survey\n```",
    ],
)
def test_a_page_that_is_wrong_would_be_found(desk: Desk, page: str) -> None:
    with pytest.raises(AssertionError):
        desk.follow(f"{page}\n")
