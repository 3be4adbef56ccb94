"""Conditions in words, for pictures and lists that people read."""

from __future__ import annotations

from collections.abc import Mapping

from bot.flow.question import Question
from bot.flow.survey import Flow
from bot.flow.terms import Term, term

_SIGNS: Mapping[str, str] = {
    "gt": ">",
    "gteq": "≥",
    "lt": "<",
    "lteq": "≤",
    "eq": "is",
    "ne": "is not",
}
_COUNT: Mapping[str, str] = {"*": "×", "/": "÷", "-": "−"}
_LABEL_CHARS = 24  # a choice with a longer label is only named


class _Unsaid(Exception):  # never leaves this module
    """A condition has a part for which there are no words."""


def in_words(source: str, flow: Flow, language: str, *, value: str = "the answer") -> str:
    """Return a condition as "6 tgs_01 is 2, 3 or 4"; its source where there are no words for it."""
    try:
        return _Words(flow, language, value).say(term(source))
    except _Unsaid:
        return source


class _Words:
    def __init__(self, flow: Flow, language: str, value: str) -> None:
        self._flow, self._language, self._value = flow, language, value

    def say(self, one: Term, within: str = "") -> str:
        """Say a condition; inside of the other of `and` and `or` it stands in brackets."""
        match one:
            case ("and" | "or" as kind, left, right):
                said = f"{self.say(left, kind)} {kind} {self.say(right, kind)}"
                return f"({said})" if within not in ("", kind) else said
            case ("not", ("test", "none", inside, _, _)):
                return f"{self._side(inside)} is answered"
            case ("not", inside):
                return f"not ({self.say(inside)})"
            case ("test", "none", inside, _, _):
                return f"{self._side(inside)} is not answered"
            case ("compare", left, (name, right)):
                return self._compared(left, name, right)
        raise _Unsaid

    def _compared(self, left: Term, name: str, right: Term) -> str:
        question = self._question(left)
        if name in ("in", "notin"):
            verb = "" if name == "in" else "not "
            if right[0] == "items" and question is not None:
                items = [self._const(item, question, alone=len(right) == 2) for item in right[1:]]
                return f"{self._side(left)} is {verb}{_or(items)}"
            within = self._question(right)
            if within is not None:
                verb = "has" if name == "in" else "has not"
                return f"{self._side(right)} {verb} {self._const(left, within)}"
            raise _Unsaid
        if name in _SIGNS:
            other = question or self._question(right)
            sides = [
                self._const(side, other) if side[0] == "const" else self._side(side)
                for side in (left, right)
            ]
            return f"{sides[0]} {_SIGNS[name]} {sides[1]}"
        raise _Unsaid

    def _question(self, one: Term) -> Question | None:
        return self._flow.by_name.get(one[1]) if one[0] == "name" else None

    def _side(self, one: Term) -> str:
        match one:
            case ("name", "value"):
                return self._value
            case ("name", name):
                question = self._flow.by_name.get(name)
                return f"{question.number} {name}" if question and question.number else str(name)
            case ("const", _):
                return self._const(one, None)
            case ("count", sign, left, right):
                return f"{self._side(left)} {_COUNT.get(sign, sign)} {self._side(right)}"
            case ("filter", "length" | "count", inside, (), ()):
                return f"the number of choices in {self._side(inside)}"
            case ("filter", "int" | "float", inside, (), ()):
                return self._side(inside)
        raise _Unsaid

    def _const(self, one: Term, question: Question | None, *, alone: bool = True) -> str:
        if one[0] != "const":
            raise _Unsaid
        name = str(one[1])
        for choice in (*question.choices, *question.na) if question is not None else ():
            label = choice.label.get(self._language, "")
            if choice.name == name and alone and 0 < len(label) <= _LABEL_CHARS:
                return f"{name} ({label})"
        return name


def _or(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"
