"""YAML text to plain data in which every key and value knows its line and column.

Scalars stay strings (`no` is the text "no") until the schema says otherwise. What could be read in
two ways, or grows when it is read, is refused: doubled keys, aliases, tags, several documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Where a value sits: keys and list positions from the top of its file."""

Data = str | list[Any] | dict[str, Any]

MAX_CHARS = 1_000_000
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file, and how to mend it. Lines and columns count from 1.

    What is wrong with no file (a survey, an option, a sender) has the place 0, 0: see `about`.
    `rule` is the name of the rule that a flow file breaks (bot/flow/lint); "" in other files.
    """

    file: str
    line: int
    column: int
    what: str
    fix: str = ""
    rule: str = field(default="", compare=False, kw_only=True)

    @classmethod
    def about(cls, subject: str, what: str, fix: str = "") -> Problem:
        """Return what is wrong with something that is no file, so that there is no line to name."""
        return cls(subject, 0, 0, what, fix)

    def __str__(self) -> str:
        end = f"; {self.fix}" if self.fix else ""
        if not self.line:
            return f"{self.file}: {self.what}{end}"
        return f"{self.file}:{self.line}:{self.column}: {self.what}{end}"


class FlowError(ValueError):
    """Flow files cannot be used. `problems` lists everything that was found, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Source:
    """The data of one file and where each part of it stands."""

    file: str
    data: dict[str, Any]
    keys: Mapping[Path, tuple[int, int]]
    values: Mapping[Path, tuple[int, int]]

    def problem(
        self, path: Path, what: str, fix: str = "", *, rule: str = "", at_key: bool = False
    ) -> Problem:
        """Return a problem at the value (or key) of `path`, or at the nearest part around it."""
        places = self.keys if at_key and path in self.keys else self.values
        while path not in places and path:
            path = path[:-1]
        line, column = places.get(path, (1, 1))
        return Problem(self.file, line, column, what, fix, rule=rule)


def read_source(file: str, text: str) -> Source:
    """Read one YAML file whose top is a mapping. Raises FlowError with every problem found."""
    if len(text) > MAX_CHARS:
        what = f"the file has {len(text)} characters, more than {MAX_CHARS}"
        raise FlowError([Problem(file, 1, 1, what, "split it or shorten it", rule="not-yaml")])
    reader = _Reader(file)
    try:
        # Events, not compose(): libyaml's composer recurses in C and dies on deep nesting.
        data = reader.read(iter(yaml.parse(text, Loader=yaml.CBaseLoader)))
    except yaml.YAMLError as error:
        raise FlowError([*reader.problems, _syntax_problem(file, text, error)]) from None
    except RecursionError:
        raise FlowError([Problem(file, 1, 1, "nested too deeply", rule="not-yaml")]) from None
    if not reader.problems and not isinstance(data, dict):
        what = "the file holds no keys"
        reader.problems.append(Problem(file, 1, 1, what, "start it with `kind:`", rule="not-yaml"))
    if reader.problems or not isinstance(data, dict):
        raise FlowError(reader.problems)
    return Source(file, data, reader.keys, reader.values)


@dataclass(slots=True)
class _Reader:
    """Builds data out of parse events; goes on after a problem, to find them all at once."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def read(self, events: Iterator[yaml.Event]) -> Data:
        data: Data = ""
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._complain(
                        event, "a second document starts here", "remove the `---`", rule="not-yaml"
                    )
                    break
            elif isinstance(event, yaml.NodeEvent):
                data = self._node(event, events, ())
        return data

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> Data:
        self.values[path] = _place(event)
        if isinstance(event, yaml.AliasEvent):
            self._complain(
                event,
                f"alias *{event.anchor}",
                "write the value out, or name a list",
                rule="not-yaml",
            )
            return ""
        if (anchor := getattr(event, "anchor", None)) is not None:
            self._complain(
                event, f"anchor &{anchor}", "remove it: aliases are not read", rule="not-yaml"
            )
        if (tag := getattr(event, "tag", None)) is not None:
            self._complain(
                event, f"tag {tag}", "remove it: the schema knows the types", rule="not-yaml"
            )
        if len(path) > MAX_DEPTH:
            raise RecursionError
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        return str(event.value) if isinstance(event, yaml.ScalarEvent) else ""

    def _sequence(self, events: Iterator[yaml.Event], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[yaml.Event], path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, events, (*path, "?"))
            value_event = next(events)
            if not isinstance(key, str):
                self._complain(event, "a key that is not a plain word", "quote it", rule="not-yaml")
                self._node(value_event, events, (*path, "?"))
                continue
            at = (*path, key)
            if key in data:
                first = self.keys[at][0]
                what = f"`{key}` is given twice, first in line {first}"
                self._complain(event, what, "keep one of the two", rule="duplicate-key")
                self._node(value_event, events, (*path, "?"))
                continue
            self.keys[at] = _place(event)
            data[key] = self._node(value_event, events, at)
        return data

    def _complain(self, event: yaml.Event, what: str, fix: str, *, rule: str) -> None:
        self.problems.append(Problem(self.file, *_place(event), what, fix, rule=rule))


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


# What the YAML library says of the mistakes that people make most, and what mends them.
def _syntax_problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        line, column = mark.line + 1, mark.column + 1
        what = f"not YAML: {getattr(error, 'problem', None) or 'cannot be read'}"
        start = getattr(error, "context_mark", None)
        context = getattr(error, "context", None)
        if context and start is not None and start.line != mark.line:
            what += f" ({context} that starts in line {start.line + 1})"
        return Problem(
            file, line, column, what, _syntax_fix(text, mark.line, what), rule="not-yaml"
        )
    position = getattr(error, "position", 0) or 0
    before = text[:position]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    return Problem(
        file, line, column, "a character that YAML does not allow", "remove it", rule="not-yaml"
    )


_ODD_BLANK = re.compile(r"\s*[\u00a0\u2000-\u200b\u202f\u3000\ufeff]")
_TAB = re.compile(r" *\t")
_NO_TAB = "write blanks in place of the tab at the beginning of the line"
_SYNTAX_FIXES: Mapping[str, str] = {
    "tab": _NO_TAB,
    "cannot start any token": "quote the text: it begins with a sign that YAML keeps for itself",
    "mapping values": "begin this line in the same column as its neighbours, or quote a text that"
    " has `: ` in it",
    "'-' indicator": "begin this line in the same column as its neighbours",
    "<block end>": "begin this line in the same column as its neighbours",
    "',' or": "close quotes and brackets before this place, or quote the text",
}


def _syntax_fix(text: str, line: int, what: str) -> str:
    """Return what to do about what libyaml says of a line (from 0), which may be after the last."""
    lines = text.split("\n")
    if any(map(_ODD_BLANK.match, lines[max(0, line - 1) : line + 1])):
        return "begin the line with ordinary blanks: these were copied from a document"
    if any(map(_TAB.match, lines[line : line + 1])):
        return _NO_TAB
    fixes = (fix for sign, fix in _SYNTAX_FIXES.items() if sign in what)
    return next(fixes, "check quotes, brackets and indentation")
