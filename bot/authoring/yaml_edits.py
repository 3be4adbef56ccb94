"""Putting texts into YAML files by their positions: all else stays as it was written."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from bot.authoring.yamltext import one_text
from bot.flow.source import Path, read_source


@dataclass(frozen=True, slots=True)
class Change:
    """A text for one language. `plain` says that a text for all languages stands there so far,
    which is then in the language `source`; a tuple is a list of buttons."""

    path: Path
    language: str
    text: str | tuple[str, ...]
    source: str
    plain: bool = False


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def with_texts(file: str, text: str, changes: Iterable[Change]) -> str:
    """Return a file's text with the changes in it, its comments and form as they were.

    Raises ValueError where that could not be done without touching anything else.
    """
    listed = list(changes)
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    if root is None:
        raise ValueError(f"{file}: the file is empty")
    editor = _Editor(text, root)
    edits = [editor.edit(change) for change in listed]
    made = text
    for edit in sorted(edits, key=lambda one: (one.start, one.end), reverse=True):
        made = made[: edit.start] + edit.text + made[edit.end :]
    expected = copy.deepcopy(read_source(file, text).data)
    for change in listed:
        _put(expected, change)
    if read_source(file, made).data != expected:
        raise ValueError(f"{file}: the texts could not be put in place without changing others")
    return made


def _put(data: Any, change: Change) -> None:
    *above, last = change.path
    for step in above:
        data = data[step]
    value = list(change.text) if isinstance(change.text, tuple) else change.text
    if change.plain:
        data[last] = {change.source: data[last], change.language: value}
    else:
        data[last][change.language] = value


class _Editor:
    """Knows one file's text and its tree of nodes."""

    def __init__(self, text: str, root: yaml.Node) -> None:
        self._text, self._root = text, root
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def edit(self, change: Change) -> _Edit:
        """Return the edit that makes a change."""
        node, inline = self._node(change.path)
        if change.plain:
            return self._into_table(node, change)
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{'/'.join(map(str, change.path))} is no table of languages")
        for key, value in node.value:
            if key.value == change.language:
                return self._replaced(value, change, inline or bool(node.flow_style))
        return self._added(node, change, inline)

    def _node(self, path: Path) -> tuple[yaml.Node, bool]:
        """Return the node at a path, and whether it stands in `{…}` or `[…]` of another."""
        node, inline = self._root, False
        for step in path:
            inline = inline or bool(getattr(node, "flow_style", False))
            if isinstance(node, yaml.SequenceNode):
                node = node.value[int(step)]
            elif isinstance(node, yaml.MappingNode):
                node = next(value for key, value in node.value if key.value == str(step))
            else:
                raise ValueError(f"{'/'.join(map(str, path))} leads nowhere")
        return node, inline

    def _end(self, node: yaml.Node) -> int:
        """Return where a node's own text ends; that of a block goes on to the next line."""
        return len(self._text[: node.end_mark.index].rstrip())

    def _replaced(self, value: yaml.Node, change: Change, inline: bool) -> _Edit:
        indent = value.start_mark.column
        style = getattr(value, "style", None)
        if not inline and style in {"|", ">"}:
            line = self._text[: value.start_mark.index].rpartition("\n")[2]
            indent = len(line) - len(line.lstrip())
        text = self._written(change.text, indent, style, inline)
        return _Edit(value.start_mark.index, self._end(value), text)

    def _added(self, table: yaml.MappingNode, change: Change, inline: bool) -> _Edit:
        languages = [pair for pair in table.value if re.fullmatch("[a-z]{2,3}", pair[0].value)]
        near = (languages or table.value)[-1]
        style = getattr(near[1], "style", None)
        if inline or table.flow_style:
            end = self._end(table.value[-1][1])
            return _Edit(
                end, end, f", {change.language}: {self._written(change.text, 0, style, True)}"
            )
        indent = near[0].start_mark.column
        end = self._text.find("\n", self._end(near[1]))
        end = len(self._text) if end < 0 else end
        if self._newline == "\r\n" and end and self._text[end - 1] == "\r":
            end -= 1
        text = self._written(change.text, indent, style, False)
        return _Edit(end, end, f"{self._newline}{' ' * indent}{change.language}: {text}")

    def _into_table(self, node: yaml.Node, change: Change) -> _Edit:
        """Make a text for all languages a table of two."""
        both: Mapping[str, Any] = {change.source: node.value, change.language: change.text}
        inside = ", ".join(
            f"{code}: {self._written(text, 0, None, True)}" for code, text in both.items()
        )
        return _Edit(node.start_mark.index, self._end(node), f"{{{inside}}}")

    def _written(
        self, text: str | tuple[str, ...], indent: int, style: str | None, inline: bool
    ) -> str:
        """Return a text as it is written here: like its neighbour where that can be."""
        if isinstance(text, tuple):
            return f"[{', '.join(self._written(one, 0, None, True) for one in text)}]"
        if not inline and style in {"|", ">"} and "\n" in text and _block(text):
            pad = f"{self._newline}{' ' * (indent + 2)}"
            lines = text.removesuffix("\n").split("\n")
            head = "|" if text.endswith("\n") else "|-"
            return head + "".join(f"{pad}{line}" if line else self._newline for line in lines)
        if style in {"'", '"'} or "\n" in text:
            return json.dumps(text, ensure_ascii=False)
        return one_text(text, inline=inline)


def _block(text: str) -> bool:
    """Whether a text can stand as a block: no blanks in front, at most one line break behind."""
    body = text.removesuffix("\n")
    return (
        not body.startswith((" ", "\n"))
        and not body.endswith("\n")
        and not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufeff]", text)
    )
