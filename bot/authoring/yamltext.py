"""Writing flow files as a person would: short tables on one line, long ones below one another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_À-ɏ](?:[\w ,.;()/+À-ɏ-]*[\w.)])?")
_SPECIAL = {"yes", "no", "true", "false", "null", "on", "off", "y", "n"}


def one_text(text: str, *, inline: bool = False) -> str:
    """Return one line of text as YAML, in quotes where it needs them."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL
    if plain and not (inline and "," in text):
        return text
    return json.dumps(text, ensure_ascii=False)


def inline(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(
            f"{one_text(str(k), inline=True)}: {inline(v)}" for k, v in value.items()
        )
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(inline(one) for one in value)}]"
    return _simple(value) if not isinstance(value, str) else one_text(value, inline=True)


def write(value: Mapping[str, Any]) -> str:
    """Return a whole file."""
    return "\n".join(_table(value, 0)) + "\n"


def _simple(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _lines(value: Any, indent: int, used: int) -> list[str]:
    """Return a value after its key: its first line goes on where the key ends."""
    if isinstance(value, str) and "\n" in value:
        if all(line == line.strip() for line in value.split("\n")) and value.strip() == value:
            pad = " " * (indent + 2)
            return ["|-", *[f"{pad}{line}".rstrip() for line in value.split("\n")]]
        return [json.dumps(value, ensure_ascii=False)]
    if isinstance(value, str):
        return [one_text(value)]
    if not isinstance(value, Mapping | Sequence):
        return [_simple(value)]
    one_line = inline(value)
    several = isinstance(value, Sequence) and any(isinstance(one, Mapping) for one in value)
    if used + len(one_line) <= WIDTH and "\\n" not in one_line and not several:
        return [one_line]
    if isinstance(value, Mapping):
        return ["", *_table(value, indent + 2)]
    return ["", *_list(value, indent + 2)]


def _table(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    for key, inside in value.items():
        start = f"{' ' * indent}{one_text(str(key))}:"
        first, *rest = _lines(inside, indent, len(start) + 1)
        yield f"{start} {first}".rstrip()
        yield from rest


def _list(value: Sequence[Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for one in value:
        short = inline(one)
        if not isinstance(one, Mapping) or (
            len(pad) + 2 + len(short) <= WIDTH and "\\n" not in short and "type" not in one
        ):
            yield f"{pad}- {short}"
            continue
        first, *rest = _table(one, indent + 2)
        yield f"{pad}- {first.strip()}"
        yield from rest
