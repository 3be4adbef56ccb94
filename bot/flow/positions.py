"""Where in its files each question of a survey stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.flow.load import SETTINGS_FILE
from bot.flow.source import Path, Source, read_source


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of all questions: a file, and a path in it, by flow and question."""

    _found: Mapping[tuple[str, str], tuple[Source, Path]]

    def of(self, flow: str, question: str, key: str = "name") -> tuple[str, int, int]:
        """Return file, line and column of one key of a question, or of the question itself."""
        if (flow, question) not in self._found:
            return (SETTINGS_FILE, 1, 1)
        source, path = self._found[flow, question]
        at = source.keys.get((*path, key), source.values.get(path, (1, 1)))
        return (source.file, *at)


def positions(files: Mapping[str, str]) -> Positions:
    """Read where the questions stand. Raises FlowError."""
    found: dict[tuple[str, str], tuple[Source, Path]] = {}
    for name, text in sorted(files.items()):
        if "/" in name or not name.endswith((".yaml", ".yml")):
            continue
        source = read_source(name, text)
        if source.data.get("kind") != "flow":
            continue
        flow = str(source.data.get("name", ""))
        for question, path in _questions(source.data, ()):
            found.setdefault((flow, question), (source, path))
    return Positions(found)


def _questions(data: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield names and paths of the questions of a flow, those within sections too."""
    listed = data.get("questions")
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            at = (*path, "questions", index)
            if isinstance(one.get("name"), str):
                yield one["name"], at
            yield from _questions(one, at)
