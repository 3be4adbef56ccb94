"""The pieces of a condition while it is translated, and how tightly each holds together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.authoring.xlsform.xpath import XPathError

Kind = Literal["choice", "several", "number", "text", "date", "bool", "any"]
Use = Literal["relevant", "constraint", "calculation", "choice_filter"]

# How tightly a part of a condition holds together, from loose to tight.
IF, OR, AND, NOT, COMPARE, ADD, MULTIPLY, MINUS, FILTER, ATOM = range(10)


@dataclass(frozen=True, slots=True)
class Known:
    """An answer that an expression may read.

    `choices` are its choices' names, from the form's to ours; `refuse` the one that says that
    somebody did not want to answer, for the form an empty answer.
    """

    name: str
    kind: Kind
    choices: Mapping[str, str] = field(default_factory=dict)
    refuse: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression stands in: the answers so far, and whose expression it is.

    `missing` says of other names why they cannot be read; `columns` are further columns of the
    choices, for a choice filter, from the form's name to ours.
    """

    known: Mapping[str, Known]
    missing: Mapping[str, str] = field(default_factory=dict)
    own: Known | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a condition.

    `guards` must be true for it to mean what the form means, `needs` for it to have a value at all.
    """

    text: str
    level: int
    kind: Kind
    guards: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    known: Known | None = None
    literal: str | None = None  # what a quoted text or number says

    def at(self, level: int) -> str:
        """Return it as a part of something that holds together so tightly."""
        return self.text if self.level >= level else f"({self.text})"


def quoted(text: str) -> str:
    """Return a text as a condition has it, in quotes. Raises XPathError."""
    if "'" not in text:
        return f"'{text}'".replace("\\", "\\\\")
    if '"' in text:
        raise XPathError(f"`{text}` has both kinds of quotes", "leave one of them out")
    return f'"{text}"'.replace("\\", "\\\\")


def answered(known: Known) -> Part:
    """Return the condition that there is an answer, and not that somebody did not want to."""
    if known.refuse is None:
        return Part(f"{known.name} is not none", COMPARE, "bool")
    if known.kind == "several":
        text = f"{known.name} is not none and '{known.refuse}' not in {known.name}"
        return Part(text, AND, "bool")
    return Part(f"{known.name} not in [none, '{known.refuse}']", COMPARE, "bool")


def unanswered(known: Known) -> Part:
    """Return the condition that there is none."""
    if known.refuse is None:
        return Part(f"{known.name} is none", COMPARE, "bool")
    if known.kind == "several":
        return Part(f"{known.name} is none or '{known.refuse}' in {known.name}", OR, "bool")
    return Part(f"{known.name} in [none, '{known.refuse}']", COMPARE, "bool")


def follows(guard: str, known: Collection[str]) -> bool:
    """Whether one of the conditions that are known to be true says what a guard says."""
    return any(
        guard == one or (guard.endswith(" is not none") and one.startswith(f"{guard[:-12]} not in"))
        for one in known
    )


def guards_of(*parts: Part) -> tuple[str, ...]:
    """Return the guards of several parts, each once."""
    return tuple(dict.fromkeys(guard for part in parts for guard in part.guards))


def needs_of(*parts: Part) -> tuple[str, ...]:
    """Return what several parts need, each once."""
    return tuple(dict.fromkeys(need for part in parts for need in part.needs))


def or_empty(part: Part, top: bool, empty: str) -> str:
    """Return a part as something to look in, even where it was not answered."""
    return part.text if top or part.text == "value" else f"({part.text} or {empty})"


def emptied(part: Part) -> Part:
    """Return an empty text as none: beside a number it means that there is no value."""
    return replace(part, text="none", literal=None) if part.literal == "" else part
