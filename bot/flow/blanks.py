"""Words of the owner that a new survey has in [BRACKETS], until somebody writes their own.

A survey with blanks can be talked to, tested and published, and nobody real may see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bot.flow.source import Path, Problem, Source

if TYPE_CHECKING:
    from bot.flow.survey import Survey

# `[NAMA INSTANSI]`; in languages for which `tautan flow new` has no such words, "…" alone.
_BLANK = re.compile(r"\[[A-Z][A-Z0-9 ,._-]*\]|^…$")


def blanks(source: Source) -> Iterator[Problem]:
    """Find the words in survey.yaml that are still as a new survey has them."""
    for path, text in _texts((), source.data):
        if found := _BLANK.search(text):
            what, fix = f"{found[0]} is not filled in yet", "write your own words in its place"
            yield source.problem(path, what, fix, rule="to-fill-in")


def unfilled(survey: Survey) -> Problem | None:
    """Say what keeps a survey from real people: its first blank, and how many more there are."""
    if not survey.blanks:
        return None
    first, name = survey.blanks[0], survey.settings.name
    more = len(survey.blanks) - 1
    others = f" (and {more} more)" if more else ""
    what = f"{first.file}, line {first.line}: {first.what}{others}, and people would read that"
    fix = f"{first.fix} (`tautan check {name}` lists every place), then `tautan publish {name}`"
    return Problem.about(name, what, fix)


def _texts(path: Path, data: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict | list):
        for key, inside in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _texts((*path, key), inside)
