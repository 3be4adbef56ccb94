"""What README and docs name must exist: commands, settings, routes, files, make targets."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
from typer.core import TyperArgument, TyperGroup, TyperOption

from bot.config import VARIABLES, Settings
from bot.web.app import create_app

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "flows" / "README.md"])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
# The flow language has names in capitals, and files, of its own.
OURS = [name for name in NAMES if not name.startswith("flows")]

# Names in capitals that are not settings of ours; whose they are stands beside them.
FOREIGN = {
    "TEST_DATABASE_URL",  # the tests' own, tests/conftest.py
    "VARIABLES",  # bot/config.py
}
# Where paths of a server begin; what else begins with a slash is one of our routes.
SERVER = ("/etc", "/srv", "/run", "/usr", "/var", "/tmp")

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
ROUTE = re.compile(r"(?:(?:GET|POST) )?(/[\w/<> .-]*)")
FILE = re.compile(r"(?:bot|storage|flows|docs|tests)/[\w./*-]*|wsgi\.py|Makefile|\.env\.example")


@dataclass(frozen=True)
class Page:
    """A page, parted into code blocks, spans of code, and links."""

    name: str
    fences: tuple[tuple[str, str], ...]
    spans: tuple[str, ...]
    links: tuple[str, ...]

    @property
    def shell(self) -> list[str]:
        """Return the commands that the page tells to type, comments and continuations undone."""
        lines: list[str] = []
        for kind, block in self.fences:
            joined = block.replace("\\\n", " ").splitlines()
            if kind in {"sh", "shell"}:
                lines += joined
            elif kind == "console":  # commands and what they print
                lines += [line[2:] for line in joined if line.startswith("$ ")]
        return [line.strip() for line in lines if line.strip()]

    @property
    def code(self) -> list[str]:
        return [*self.spans, *(block for _, block in self.fences)]


@cache
def page(name: str) -> Page:
    text = (ROOT / name).read_text(encoding="utf-8")
    fences = tuple((kind, block) for _, kind, block in FENCE.findall(text))
    prose = FENCE.sub("", text)
    return Page(name, fences, tuple(SPAN.findall(prose)), tuple(LINK.findall(prose)))


@cache
def command_line() -> Any:
    from bot.cli import app

    return typer.main.get_command(app)


def wrong_with(words: list[str], *, whole: bool) -> str | None:
    """Say what is wrong with a command line after `tautan`; `whole` also counts its arguments."""
    command = command_line()
    path = "tautan"
    words = list(words)
    while isinstance(command, TyperGroup):
        if not words or words[0].startswith("-"):
            return None
        name = words.pop(0)
        found = command.commands.get(name)
        if found is None and (default := getattr(command, "default", None)) is not None:
            words.insert(0, name)
            name, found = default, command.commands[default]
        if found is None:
            return f"{path} has no command {name!r}"
        command, path = found, f"{path} {name}"
    options = {text: one for one in command.params for text in (*one.opts, *one.secondary_opts)}
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    given = 0
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            given += 1
            continue
        name, equals, _ = word.partition("=")
        option = options.get(name)
        if name == "--help":
            continue
        if not isinstance(option, TyperOption):
            return f"{path} has no option {name}"
        if not option.is_flag and not equals and words:
            words.pop(0)
    least = sum(one.required for one in arguments)
    most = sum(one.nargs for one in arguments) if all(a.nargs > 0 for a in arguments) else given
    if given > most:
        return f"{path} takes {most} argument(s), not {given}"
    if whole and given < least:
        return f"{path} wants {least} argument(s), not {given}"
    return None


def after_tautan(line: str) -> list[list[str]]:
    """Return what stands after each `tautan` of a line: nothing for other programs."""
    found = []
    for part in re.split(r"&&|\|\||[;|]", line.split(" #", maxsplit=1)[0]):
        words = shlex.split(part, comments=True)
        while words and (words[0] == "sudo" or words[0].startswith("-") or "=" in words[0]):
            words = words[2:] if words[0] == "-u" else words[1:]
        if words and Path(words[0]).name == "tautan":
            end = next((n for n, word in enumerate(words) if word in {">", "<", ">>"}), len(words))
            found.append(words[1:end])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists(name: str) -> None:
    wrong = []
    for line in page(name).shell:
        for words in after_tautan(line):
            wrong.append((line, wrong_with(words, whole=True)))
    for span in page(name).spans:
        if re.match(r"(?:\S*/)?tautan ", span):
            spoken = span.replace("...", "").replace("…", "")
            for words in after_tautan(spoken):
                wrong.append((span, wrong_with(words, whole=False)))
    assert [(where, what) for where, what in wrong if what] == []


def test_a_wrong_command_would_be_found() -> None:
    assert wrong_with(["lunch"], whole=True) is not None
    assert wrong_with(["publish"], whole=True) is not None
    assert wrong_with(["publish", "integritas", "--quick"], whole=True) is not None
    assert wrong_with(["publish", "integritas"], whole=True) is None
    assert after_tautan("sudo -u tautan .venv/bin/tautan migrate  # now") == [["migrate"]]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    known = {one.name for one in VARIABLES} | {
        f"{one.name}_FILE" for one in VARIABLES if one.secret
    }
    named = {word for code in page(name).code for word in SETTING.findall(code)}
    assert named - known - FOREIGN - keywords() == set()


def keywords() -> set[str]:
    """Command words of people are written in capitals too."""
    from bot.flow.keywords import Command

    return {command.value for command in Command}


@cache
def routes() -> set[str]:
    """Return every route of ours, of an installation with Twilio and of one without."""
    simulated = Settings(tautan_secret_key="x" * 32)
    rules = [rule.rule for rule in create_app(simulated).url_map.iter_rules()]
    return {re.sub(r"<[^>]*>", "<>", rule) for rule in rules}


@pytest.mark.parametrize("name", NAMES)
def test_every_route_that_is_named_exists(name: str) -> None:
    wanted = set()
    for span in page(name).spans:
        match = ROUTE.fullmatch(span)
        if match and not match[1].startswith(SERVER):
            wanted.add(match[1])
    text = (ROOT / name).read_text(encoding="utf-8")
    for address in re.findall(r"https?://[\w.:-]+/[\w/.-]*", text):
        parts = urlsplit(address)
        if parts.hostname in {"127.0.0.1", "localhost"}:
            wanted.add(parts.path)
    assert {re.sub(r"<[^>]*>", "<>", one) for one in wanted} - routes() == set()


@pytest.mark.parametrize("name", OURS)
def test_every_file_that_is_named_exists(name: str) -> None:
    missing = [
        span
        for span in page(name).spans
        if FILE.fullmatch(span)
        and not any(ROOT.glob(span.rstrip("/")))
        # A package may be named without its ending: bot/service is bot/service.py.
        and not (ROOT / f"{span}.py").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    dead = []
    for link in page(name).links:
        path, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def anchors(target: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", target.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE)) | {
        ".venv/runtime.stamp",
        ".venv/dev.stamp",
    }
    named = {
        target
        for code in (*page(name).spans, *page(name).shell)
        for target in re.findall(r"(?:^|&& )make ([\w./]+)", code)
    }
    assert named - targets == set()


def test_the_readme_is_enough_for_the_first_minute() -> None:
    """The two commands, the guide, the licence; short enough to be read."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    for wanted in ("make run", "make test", "docs/operators-guide.md", "LICENSE", "/simulator"):
        assert wanted in text
    shots = [link for link in page("README.md").links if link.endswith(".png")]
    assert shots, "the README shows no picture"


def test_the_tables_in_the_guide_can_be_imported(tmp_path: Path) -> None:
    """Units, coordinators and roster, as the guide shows them, without a complaint."""
    from bot.interview.installation import open_installation
    from bot.interview.surveys import publish, read_files
    from bot.outreach.roster.importing import import_roster
    from bot.outreach.units import import_units
    from bot.reporting.coordinators.lists import import_coordinators
    from storage.database import Database
    from storage.keys import Secret
    from storage.migrate import migrate

    blocks = [block for kind, block in page("docs/operators-guide.md").fences if kind == "csv"]
    assert len(blocks) == 3
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    for path, block in zip(paths, blocks, strict=True):
        path.write_text(block, encoding="utf-8")
    database = Database(f"sqlite:///{tmp_path / 'tautan.db'}")
    migrate(database)
    installation = open_installation(database, Secret("x" * 32))
    publish(installation, read_files(ROOT / "flows" / "integritas"))
    units = import_units(installation, paths[0], "integritas")
    coordinators = import_coordinators(installation, "integritas", paths[1])
    roster = import_roster(installation, paths[2], "integritas")
    database.close()
    assert (units.added, units.targets, units.ignored_columns) == (3, 5, ())
    assert coordinators.added == 2
    assert (roster.counts, roster.ignored_columns) == ({"accepted": 3}, ())
    assert roster.problems == ()
