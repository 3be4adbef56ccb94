"""Where in its files each question of a survey stands."""

from __future__ import annotations

from collections.abc import Mapping

from bot.flow.question import Question
from bot.flow.source import read_source

Position = tuple[str, int, int]
"""A file, and a line and column in it, from 1."""


def position(files: Mapping[str, str], question: Question, key: str = "name") -> Position:
    """Return where a key of a question stands, or the question itself where it has no such key:
    its condition may be that of a section around it."""
    source = read_source(question.file, files[question.file])
    found = source.problem((*question.path, key), "", at_key=True)
    return (found.file, found.line, found.column)
