"""What all commands share: opening the installation, printing, and turning errors into exits."""

from __future__ import annotations

import gc
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, JustifyMethod
from rich.table import Table

from bot.channels.base import Address
from bot.config import ConfigError, Settings
from bot.flow.source import FlowError
from bot.intake.phones import read_phone
from bot.intake.tables import InputError
from bot.interview.installation import DemoMismatch
from bot.interview.publishing import PolicyNeeded, UnknownVersion
from bot.interview.pulling import WouldOverwrite
from bot.interview.surveys import SurveyClosed, UnknownSurvey
from bot.service import NotMigrated, Service
from storage.database import Conflict, Unavailable
from storage.keys import KeyDestroyed, WrongSecret


class _Paper(Console):
    """A console that has no edge unless there is a window, or COLUMNS says how wide it is.

    What goes into a pipe or a file is for a program, or for a window that we do not know.
    """

    @property  # type: ignore[misc]  # Rich's own can be set, which nobody does here
    def size(self) -> ConsoleDimensions:
        """Return columns and lines."""
        found = super().size
        if self.is_terminal or "COLUMNS" in self._environ:
            return found
        return ConsoleDimensions(_NO_EDGE, found.height)


_NO_EDGE = 100_000
out = _Paper(highlight=False, emoji=False)  # line 100 is ":100:", an emoji to rich
err = _Paper(stderr=True, highlight=False, emoji=False)

JSON = typer.Option(False, "--json", help="Print JSON, for another program to read.")

# The input or the data is at fault: exit 1. (Usage errors are exit 2, by typer.)
FAULTS: tuple[type[Exception], ...] = (
    ConfigError,
    DemoMismatch,
    FlowError,
    InputError,
    KeyDestroyed,
    NotMigrated,
    PolicyNeeded,
    SurveyClosed,
    Unavailable,
    UnknownSurvey,
    UnknownVersion,
    WouldOverwrite,
    WrongSecret,
    Conflict,
    OSError,
)


def fail(text: str) -> NoReturn:
    """Say what is wrong on standard error and end with exit code 1."""
    err.print(text, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1)


@contextmanager
def faults() -> Iterator[None]:
    """Turn errors of the input or the data into one clear text and exit code 1."""
    try:
        yield
    except FAULTS as error:
        fail(_said(error))


def _said(error: Exception) -> str:
    """Return what is wrong; what the system says of a file begins with the file."""
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    plain = {
        FileNotFoundError: "there is no such file or folder",
        IsADirectoryError: "this is a folder, and a file is wanted",
        NotADirectoryError: "there is a file where a folder is wanted",
        FileExistsError: "there is a file of this name, and a folder is wanted",
        PermissionError: "this may not be read or written; is it open in another program?",
    }
    return f"{error.filename}: {plain.get(type(error), error.strerror)}"


def settings() -> Settings:
    """Read the settings and set the logging up. Logs go to standard error."""
    read = Settings.from_env()
    logging.basicConfig(
        level=read.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # These log every run of every sweep, or whole addresses with numbers in them.
    for noisy in ("alembic", "apscheduler", "twilio", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return read


@contextmanager
def opened(*, serving: bool = False) -> Iterator[Service]:
    """Open the installation for one command and close it again."""
    with faults():
        service = Service(settings(), serving=serving)
        try:
            yield service
        finally:
            service.close()


def named_address(service: Service, text: str) -> Address:
    """Read an address as people write it, or end with exit code 1."""
    try:
        return Address.parse(text)
    except ValueError:
        phone = read_phone(text, service.settings.default_region)
    if phone.e164 is None:
        fail("neither a mobile phone number nor a WhatsApp user id: write 08…, +62… or ID.…")
    return Address("phone", phone.e164)


def report(as_json: bool, value: dict[str, Any], show: Callable[[], None]) -> None:
    """Print a result for a program or for a person."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
    else:
        show()


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """Return a table for a terminal; numbers go to the right, and no word is cut off.

    In a window too narrow for its columns each row becomes a list of its cells.
    """
    made = Table(title=title, title_justify="left")
    cells = [[str(cell) for cell in row] for row in rows]
    widths = _widths([columns, *cells], out.width)
    if widths is None:
        made.show_header = False
        made.add_column(overflow="fold")
        made.add_column(overflow="fold")
        for row in cells:
            for name, cell in zip(columns, row, strict=True):
                made.add_row(name, cell)
            made.add_section()
        return made
    for number, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        # Folded, not cut: what is too long for a narrow terminal is often a name to type.
        justify: JustifyMethod = "right" if numeric else "left"
        made.add_column(name, justify=justify, overflow="fold", width=widths[number])
    for row in cells:
        made.add_row(*row)
    return made


_BREAKABLE = 12
"""Letters of a word that is broken where there is no room: an id or a checksum, no word."""


def _widths(lines: list[list[str]], room: int) -> list[int] | None:
    """Return how wide the columns of a table are, so that it fits and lines break between words.

    The widest column gives way first; then the longest words are broken, those of a column before
    those of the next. None where even that will not do.
    """
    columns = list(zip(*lines, strict=True))
    room -= 3 * len(columns) + 1  # lines and blanks between the cells
    wide = [max(cell_len(line) for one in each for line in one.split("\n")) for each in columns]
    words = [[cell_len(word) for one in each for word in one.split()] for each in columns]
    least = [max(each, default=1) for each in words]
    while sum(wide) > room:
        give = [place for place, width in enumerate(wide) if width > least[place]]
        long = [place for place, width in enumerate(wide) if width > min(least[place], _BREAKABLE)]
        if give:
            wide[max(give, key=wide.__getitem__)] -= 1
        elif long:
            wide[max(long, key=least.__getitem__)] -= 1
        else:
            return None
    return wide


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, which is plural unless there is one: "2 days"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def in_words(values: dict[str, Any]) -> str:
    """Return a report's numbers on one line."""
    return ", ".join(
        f"{name.replace('_', ' ')}: {value}" for name, value in values.items() if value is not None
    )


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, nothing in a pipe."""
    from rich.progress import Progress

    with Progress(console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total or None)
        yield lambda number: bar.update(task, completed=number)


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal whose length is told with each step: done, and of how many."""
    from rich.progress import Progress

    with Progress(console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def many_objects() -> Iterator[None]:
    """Let Python look for cycles less often: of a million rows it takes a quarter of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
