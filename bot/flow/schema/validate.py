"""Reading a file as a pydantic model, with errors that say where, what and how to mend it."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz, process

from bot.flow.expressions import suggest
from bot.flow.source import FlowError, Path, Problem, Source

_Model = TypeVar("_Model", bound=BaseModel)

A_BLOCK = "a block"
"""The type of an item that takes the questions of a block: it is known by its key `block`."""


def read_as(source: Source, model: type[_Model]) -> _Model:
    """Return the file as this model. Raises FlowError with every problem found."""
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        problems = [_problem(source, model, details) for details in error.errors()]
        raise FlowError(problems) from None


def _problem(source: Source, model: type[BaseModel], details: ErrorDetails) -> Problem:
    """Say what pydantic found in words of the flow language, at the place where it is."""
    path, inside = _locate(source, model, details["loc"])
    name = str(details["loc"][-1])
    given, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "missing":
            return source.problem(
                path, f"`{name}` is missing", f"add `{name}:`", at_key=True, rule="missing-key"
            )
        case "extra_forbidden":
            known = sorted(set(inside.model_fields) | {"type"} if inside else ())
            known = [key for key in known if key != "type"] if "block" in known else known
            return source.problem(
                path, f"unknown key `{name}`", suggest(name, known), at_key=True, rule="unknown-key"
            )
        case "union_tag_invalid" | "literal_error" | "enum" | "union_tag_not_found":
            expected = re.findall(r"'([^']*)'", context.get("expected_tags", "")) or re.findall(
                r"'([^']*)'", str(context.get("expected", ""))
            )
            if details["type"].startswith("union_tag"):
                if isinstance(given, dict) and not given.get("type"):
                    return _no_type(source, path, given)
                given = given["type"] if isinstance(given, dict) else given
                path = (*path, "type")
            known = [word for word in expected if word != A_BLOCK]
            what = f"`{given}` is not known here"
            fix = _from_xlsform(str(given)) or suggest(str(given), known)
            return source.problem(path, what, fix, rule="wrong-value")
        case "string_pattern_mismatch":
            fix = _PATTERN_FIXES.get(context.get("pattern", ""), f"it must match {context}")
            return source.problem(path, f"`{given}` cannot be used", fix, rule="wrong-value")
        case "string_too_short" | "too_short":
            return source.problem(
                path, "this is empty or too short", "fill it in or remove it", rule="wrong-value"
            )
        case _:
            what, fix = _in_words(details["type"], details["msg"])
            shown = f": `{given}`" if isinstance(given, str) and f"`{given}`" not in what else ""
            fix = str(context.get("fix") or fix)
            return source.problem(path, what + shown, fix, rule="wrong-value")


def _from_xlsform(kind: str) -> str:
    """Return how a type that is written as in XLSForm is written here; nothing for others."""
    if kind in {"begin_group", "begin group"}:
        return "a group is `type: section`, with its questions under `questions:`"
    if match := re.fullmatch(r"(select_one|select_multiple|rank) (\w+)( or_other)?", kind):
        other = " and `or_other: true`" if match[3] else ""
        return f"write `type: {match[1]}`, and below it `choices: {match[2]}`{other}"
    return ""


def _no_type(source: Source, path: Path, given: Mapping[str, Any]) -> Problem:
    """Say that a question has no type, or that the key is misspelt."""
    near = process.extractOne("type", list(given), scorer=fuzz.ratio, score_cutoff=70)
    if near is None:
        fix = "add `type:`, for example `type: select_one`"
        return source.problem(path, "`type` is missing", fix, rule="wrong-value")
    what, fix = f"unknown key `{near[0]}`", "did you mean `type`?"
    return source.problem((*path, near[0]), what, fix, at_key=True, rule="wrong-value")


def _in_words(kind: str, message: str) -> tuple[str, str]:
    """Return what is wrong and what to write where pydantic found this kind of error."""
    said = (words for start, words in _KINDS.items() if kind.startswith(start))
    what, fix = next(said, ("", _ANY_FIX))
    return what or message, fix


_LIST = ("a list is wanted here", "write it as [one, two], or one a line after `- `")
_TABLE = ("keys and values are wanted here", "write it as {key: value}, or one a line")
_NUMBER = ("this is no number", "write a number, with a point for what is behind it")
_KINDS: Mapping[str, tuple[str, str]] = {
    "int_": ("this is no whole number", "write a whole number, without words and points"),
    "float_": _NUMBER,
    "decimal_": _NUMBER,
    "bool_": ("this is neither true nor false", "write true or false"),
    "date_": ("this is no day", "write a day as 2027-01-31"),
    "time_": ("this is no time of day", 'write a time as "06:00"'),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _TABLE,
    "model_": _TABLE,
    "string_type": ("one text is wanted here", "write a text, in quotes when in doubt"),
    "greater_than": ("", "write a larger number"),
    "less_than": ("", "write a smaller number"),
    "string_too_long": ("", "shorten it"),
    "too_long": ("", "take some out"),
}
_ANY_FIX = "see flows/README.md for what may stand here"

_PATTERN_FIXES: Mapping[str, str] = {
    r"^[a-z][a-z0-9_]{0,47}$": "use a small letter, then small letters, digits and _",
    r"^([a-z]{2,3}|\*)$": "a language is a code of two or three small letters, as id or en",
    r"^[a-z][a-z0-9_]{0,23}$": "use a small letter, then small letters, digits and _, 24 at most",
    r"^\s*\d\d:\d\d\s*-\s*\d\d:\d\d\s*$": 'write hours as "08:30-11:45"',
    r"^[A-Z]{3}$": "write three capital letters, as USD or IDR",
    r"^\d{1,5}[smhd]$": "write a number and s, m, h or d, as `3d`",
    r"^[A-Za-z0-9_]{1,48}$": "use up to 48 letters, digits and _",
    r"^-?\d{1,2}(\.\d+)? -?\d{1,3}(\.\d+)?$": "write latitude and longitude, as `-3.32 114.59`",
    "^(HX[0-9a-f]{32}|[a-z0-9_]{1,512})$": "a ContentSid is HX and 32 digits or letters a-f, the"
    " name of a template at Meta small letters, digits and _",
}


def _locate(
    source: Source, model: type[BaseModel], loc: tuple[str | int, ...]
) -> tuple[Path, type[BaseModel] | None]:
    """Return the path in the file that pydantic's `loc` means, and the model around its last part.

    `loc` also names what is no part of the file: tags of unions, "[key]", the key `texts`.
    """
    path: Path = ()
    data: Any = source.data
    inside: type[BaseModel] | None = model
    annotation: Any = model
    for index, part in enumerate(loc):
        inside = _model_in(annotation, data) or inside
        there = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if there:
            path, data = (*path, part), data[part]
            field = inside.model_fields.get(str(part)) if inside else None
            annotation = field.annotation if field is not None else annotation
        elif index == len(loc) - 1:
            break
    return path, inside


def _model_in(annotation: Any, data: Any) -> type[BaseModel] | None:
    """Return the model that an annotation means for this data; of a union, the one of its type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [found for part in typing.get_args(annotation) if (found := _model_in(part, data))]
    kind = data.get("type") if isinstance(data, dict) else None
    if kind is None and isinstance(data, dict) and "block" in data:
        kind = A_BLOCK
    for found in models:
        field = found.model_fields.get("type")
        if field is not None and kind in typing.get_args(field.annotation):
            return found
    return models[0] if models else None
