"""Writing transcripts: the bot's side anew, and all that people wrote left where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from bot.flow.rehearsal.transcript import Result
from bot.flow.source import Source, read_source

Comments = dict[int, str]
"""The comment of each line that has one; lines count from 1."""


class CommentLost(ValueError):
    """A comment stands where the rewritten text has no place for it."""


@dataclass(slots=True)
class _Item:
    """One line of a script as its file has it: `lead` are comments and blank lines before it."""

    data: Mapping[str, Any]
    lead: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # comments within the body


def rewrite(text: str, result: Result) -> str:
    """Return the transcript's text with the bot's side and the end as they came out.

    Only what differs is written anew; the rest, comments and quotes included, stays as it is. A
    comment beside words of the bot that change goes on a line of its own above them. Raises
    CommentLost for one that cannot be kept.
    """
    source = read_source("transcript", text)
    had = comments(text)
    found = _Script.read(text, source, had)
    written = _whole(text, source, result) if found is None else found.written(result)
    kept = list(comments(written).values())
    for line, comment in had.items():
        if comment not in kept:
            what = f"line {line}: `{comment}` would be lost; put it on a line between two others"
            raise CommentLost(what)
        kept.remove(comment)
    return written


def dump(data: Any) -> str:
    """Return data as YAML that reads well: several lines as a block, keys in their order."""
    return yaml.dump(data, Dumper=_dumper(), allow_unicode=True, sort_keys=False, width=4096)


def comments(text: str) -> Comments:
    """Return the comments of a YAML text."""
    spans: list[tuple[int, int]] = []
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark.index, token.end_mark.index
            if token.style in ("|", ">"):  # what stands behind the sign may be a comment
                start = text.index("\n", start) if "\n" in text[start:end] else end
            spans.append((start, end))
    found: Comments = {}
    position = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        for place, letter in enumerate(line):
            here = position + place
            begins = letter == "#" and (place == 0 or line[place - 1] in " \t")
            if begins and not any(start <= here < end for start, end in spans):
                found[number] = line[place:].rstrip()
                break
        position += len(line)
    return found


def _whole(text: str, source: Source, result: Result) -> str:
    """Write everything anew but what stands before the first key."""
    first = min(line for line, _ in source.keys.values())
    head = "".join(text.splitlines(keepends=True)[: first - 1])
    script = [{key: key == "open" or one for key, one in line.items()} for line in result.script]
    return head + dump({**source.data, "script": script, "end": {**result.end}})


@dataclass(slots=True)
class _Script:
    """A transcript's text in parts: what stands before its script, the script, what comes after."""

    before: list[str]
    items: list[_Item]
    rest: list[str]  # comments and blank lines after the last item
    after: list[tuple[str, list[str]]]  # further keys and their lines
    indent: str
    comments: Comments

    @classmethod
    def read(cls, text: str, source: Source, had: Comments) -> _Script | None:
        """Part a text; None where its script is not written line by line."""
        lines = text.splitlines()
        data = source.data["script"]
        starts = [source.values["script", place][0] for place in range(len(data))]
        dashes = [lines[start - 1].lstrip().startswith("- ") for start in starts]
        if not all(dashes) or len(set(starts)) < len(starts):
            return None
        keys = sorted((at[0], path[0]) for path, at in source.keys.items() if len(path) == 1)
        later = [(line, str(key)) for line, key in keys if line > starts[0]]
        ends = [*(line for line, _ in later[1:]), len(lines) + 1]
        stop = later[0][0] if later else len(lines) + 1
        indent = lines[starts[0] - 1].partition("-")[0]
        found = cls(lines[: starts[0] - 1], [], [], [], indent, had)
        for (line, key), end in zip(later, ends, strict=bool(later)):
            found.after.append((key, lines[line - 1 : end - 1]))
        lead: list[str] = []
        for one, start, end in zip(data, starts, [*starts[1:], stop], strict=True):
            item = _Item(one, lead)
            last = end - 1
            while last > start and lines[last - 1].strip() in ("", had.get(last)):
                last -= 1
            item.body = lines[start - 1 : last]
            item.beside = [had[n] for n in range(start, last + 1) if n in had]
            lead = lines[last : end - 1]
            found.items.append(item)
        found.rest = lead
        return found

    def written(self, result: Result) -> str:
        """Return the whole text with the bot's side and the end as they came out."""
        out = list(self.before)
        old, new = _turns(self.items), _turns([_Item(line) for line in result.script])
        for (said, bots), (_, fresh) in zip(old, new, strict=True):
            if said is not None:
                out += [*said.lead, *said.body]
            out += self._bots(bots, [str(one.data["bot"]) for one in fresh])
        out += self.rest
        keys = [key for key, _ in self.after]
        for key, lines in self.after:
            out += self._end(lines, result) if key == "end" else lines
        if "end" not in keys:
            out += self._end([], result)
        return "\n".join(out) + "\n"

    def _bots(self, old: list[_Item], texts: list[str]) -> Iterator[str]:
        for place, text in enumerate(texts):
            item = old[place] if place < len(old) else _Item({})
            yield from item.lead
            if item.data.get("bot") == text:
                yield from item.body
                continue
            yield from (self.indent + comment for comment in item.beside)
            for line in dump([{"bot": text}]).splitlines():
                yield self.indent + line if line else line
        for item in old[len(texts) :]:
            yield from item.lead
            yield from (self.indent + comment for comment in item.beside)

    def _end(self, lines: list[str], result: Result) -> list[str]:
        end = {"end": {**result.end}}
        if lines and read_source("end", "\n".join(lines)).data == end:
            return lines
        last = len(lines)
        while last and (not lines[last - 1].strip() or lines[last - 1].startswith("#")):
            last -= 1
        beside = comments("\n".join(lines[:last])).values()
        return [*beside, *dump(end).splitlines(), *lines[last:]]


def _turns(items: list[_Item]) -> list[tuple[_Item | None, list[_Item]]]:
    """Part a script at what the person says: each with what the bot says to it."""
    found: list[tuple[_Item | None, list[_Item]]] = [(None, [])]
    for item in items:
        if "bot" in item.data:
            found[-1][1].append(item)
        else:
            found.append((item, []))
    return found


@lru_cache(maxsize=1)
def _dumper() -> type[yaml.SafeDumper]:
    """Return a dumper that writes texts of several lines as blocks and repeats nothing by alias."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    return Dumper
