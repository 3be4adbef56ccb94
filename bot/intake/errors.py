"""What is raised when something that was given cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.flow.source import Problem


class InputError(ValueError):
    """What was given cannot be used, and nothing was written.

    `problems` lists everything that was found, in reading order.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def unreadable(path: Path, what: str, fix: str) -> InputError:
    """Return the error for a file that cannot be read at all."""
    return InputError([Problem(path.name, 1, 1, what, fix)])
