"""Every text of a survey that can be translated: where it stands, and how long it may be."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any

from pydantic import BaseModel

from bot.authoring.translation.placeholders import held
from bot.flow.limits import BUTTON_CHARS, MESSAGE_CHARS
from bot.flow.media import yaml_files
from bot.flow.schema.files import read_part
from bot.flow.schema.messages_file import MailPart, MessagePart
from bot.flow.schema.parts import ANY_LANGUAGE, Texts
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.source import Path, read_source

_AS_TEXTS = typing.get_args(Texts)[1]  # what makes a table one of texts by language


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a survey.

    `path` leads to the table of its languages (or to the plain text, where `plain`), `index` says
    which one of a list of buttons it is. `key` names it in files for translators, and stays the
    same when questions move. `translation` is empty where there is none.
    """

    file: str
    path: Path
    key: str
    source: str
    translation: str
    index: int | None = None
    plain: bool = False
    limit: int | None = None
    line: int = 1

    @property
    def held(self) -> tuple[str, ...]:
        """What stands in braces, and must stand in every translation too."""
        return held(self.source)


def texts_of(files: Mapping[str, str], source: str, target: str) -> list[Text]:
    """Return all texts of a survey that are there in the language `source`.

    `files` are the YAML files by name. Raises FlowError for files that cannot be read.
    """
    found: list[Text] = []
    for name in sorted(yaml_files(files)):
        read = read_source(name, files[name])
        part = read_part(read)
        seen: dict[str, int] = {}
        for path, listed in _places(part, read.data, ()):
            if path[0] == "coordinator":  # coordinators are spoken to in one language
                continue
            value = _at(read.data, path)
            key = f"{name}:{'/'.join(_names(read.data, path))}"
            seen[key] = seen.get(key, 0) + 1
            key = key if seen[key] == 1 else f"{key}#{seen[key]}"
            line = read.values.get(path, (1, 1))[0]
            found += _texts(name, path, key, value, source, target, listed, line)
    return found


def _texts(
    file: str,
    path: Path,
    key: str,
    value: Any,
    source: str,
    target: str,
    listed: bool,
    line: int,
) -> Iterator[Text]:
    if isinstance(value, str):
        if path[:1] != ("texts",):  # the owner's plain words are the same in every language
            yield Text(file, path, key, value, "", plain=True, limit=_limit(path), line=line)
        return
    said = value.get(source, value.get(ANY_LANGUAGE))
    there = value.get(target)
    if listed and isinstance(said, list):
        other = there if isinstance(there, list) else []
        for index, text in enumerate(said):
            translation = other[index] if index < len(other) else ""
            yield Text(
                file,
                path,
                f"{key}/{index + 1}",
                text,
                translation,
                index,
                False,
                BUTTON_CHARS,
                line,
            )
    elif isinstance(said, str):
        translation = there if isinstance(there, str) else ""
        yield Text(file, path, key, said, translation, None, False, _limit(path), line)


def _limit(path: Path) -> int | None:
    """Return how many letters WhatsApp lets a text have."""
    if path[-1] == "choose_button":
        return BUTTON_CHARS
    return MESSAGE_CHARS if path[0] == "messages" else None


def _places(part: BaseModel, data: Any, path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield where texts stand, and whether they are lists of buttons, as the schema knows."""
    if isinstance(part, MessagePart):
        yield path, False
        if "buttons" in data and not isinstance(data, str):
            yield (*path, "buttons"), True
        return
    if isinstance(part, MailPart):
        yield (*path, "subject"), False
        yield path, False
        return
    for name, field in type(part).model_fields.items():
        if name in data:
            value = getattr(part, name)
            yield from _inside(field.annotation, field.metadata, value, data[name], (*path, name))


def _inside(
    annotation: Any, metadata: Iterable[Any], value: Any, data: Any, path: Path
) -> Iterator[tuple[Path, bool]]:
    annotation, metadata = _unwrapped(annotation, metadata)
    if _AS_TEXTS in metadata and isinstance(value, Mapping):
        yield path, False
    elif isinstance(value, BaseModel):
        yield from _places(value, data, path)
    elif isinstance(value, Mapping) and isinstance(data, Mapping):
        inner = (*typing.get_args(annotation), Any, Any)[1]
        for key, one in value.items():
            if key in data:
                yield from _inside(inner, (), one, data[key], (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(data, list):
        for index, (one, its) in enumerate(zip(value, data, strict=False)):
            if isinstance(one, BaseModel):
                yield from _places(one, its, (*path, index))


def _unwrapped(annotation: Any, metadata: Iterable[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Return an annotation without `Annotated` and `| None`, and all that was written on it."""
    notes = tuple(metadata)
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation, *more = typing.get_args(annotation)
            notes += tuple(more)
        elif origin in {typing.Union, UnionType}:
            rest = [one for one in typing.get_args(annotation) if one is not type(None)]
            if len(rest) != 1:
                return annotation, notes
            annotation = rest[0]
        else:
            return annotation, notes


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _names(data: Any, path: Path) -> Iterator[str]:
    """Return a path with the names of list items instead of their places."""
    for step in path:
        data = data[step]
        named = isinstance(step, int) and isinstance(data, Mapping)
        yield str(data.get("name") or data.get("block") or step) if named else str(step)


def languages_of(files: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return a survey's default language and all that it lists. Raises FlowError."""
    part = read_part(read_source("survey.yaml", files["survey.yaml"]))
    assert isinstance(part, SurveyFile)
    return part.default_language, part.languages
