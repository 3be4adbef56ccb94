"""From an XLSForm's XPath to a condition of a flow: `${age} >= 17` becomes `age >= 17`.

Where the two languages differ, what XPath means is kept: what was not answered is an empty text
there and none here, and a choice is a number there as soon as it is calculated with.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.authoring.xpath import (
    Bare,
    Binary,
    Call,
    Dot,
    Negative,
    Node,
    Number,
    Ref,
    String,
    XPathError,
    parse,
)

Kind = Literal["choice", "several", "number", "text", "date", "bool", "any"]
Use = Literal["relevant", "constraint", "calculation", "choice_filter", "text"]

# How tightly a part of a condition holds together, from loose to tight.
_IF, _OR, _AND, _NOT, _COMPARE, _ADD, _MULTIPLY, _MINUS, _FILTER, _ATOM = range(10)


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
class _Part:
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
        return self.text if self.level >= level else f"({self.text})"


def translate(source: str, scope: Scope, use: Use) -> str:
    """Return the condition of a flow that means what the form's expression means.

    Raises XPathError for what cannot be read, and for what a flow cannot say.
    """
    return translate_node(parse(source), scope, use)


def translate_node(tree: Node, scope: Scope, use: Use) -> str:
    """Return the same for an expression that was read before."""
    if use in {"calculation", "text"}:
        return calculation(tree, scope, use)[0]
    work = _Translation(scope, use)
    return work.truth(work.part(tree, top=True)).text


def calculation(tree: Node, scope: Scope, use: Use = "calculation") -> tuple[str, Kind]:
    """Return what works a value out, and what kind of value that is."""
    made = _Translation(scope, use).part(tree, top=False)
    if made.kind == "bool":
        return f"'true' if {made.at(_OR)} else 'false'", "text"
    kind: Kind = "text" if made.kind == "choice" else made.kind
    if made.guards:
        return f"{made.at(_OR)} if {' and '.join(made.guards)} else none", kind
    return made.text, kind


def quoted(text: str) -> str:
    """Return a text as a condition has it, in quotes. Raises XPathError."""
    if "'" not in text:
        return f"'{text}'".replace("\\", "\\\\")
    if '"' in text:
        raise XPathError(f"`{text}` has both kinds of quotes", "leave one of them out")
    return f'"{text}"'.replace("\\", "\\\\")


def _answered(known: Known) -> _Part:
    """Return the condition that there is an answer."""
    if known.refuse is None:
        return _Part(f"{known.name} is not none", _COMPARE, "bool")
    if known.kind == "several":
        text = f"{known.name} is not none and '{known.refuse}' not in {known.name}"
        return _Part(text, _AND, "bool")
    return _Part(f"{known.name} not in [none, '{known.refuse}']", _COMPARE, "bool")


def _unanswered(known: Known) -> _Part:
    if known.refuse is None:
        return _Part(f"{known.name} is none", _COMPARE, "bool")
    if known.kind == "several":
        return _Part(f"{known.name} is none or '{known.refuse}' in {known.name}", _OR, "bool")
    return _Part(f"{known.name} in [none, '{known.refuse}']", _COMPARE, "bool")


class _Translation:
    """Translates one expression; `top` means that it is false as a whole where this part is."""

    def __init__(self, scope: Scope, use: Use) -> None:
        self._scope, self._use = scope, use

    def part(self, node: Node, *, top: bool) -> _Part:
        match node:
            case Number(text):
                number = text if not text.startswith(".") else f"0{text}"
                return _Part(number.rstrip("."), _ATOM, "number", literal=text)
            case String(text):
                return _Part(quoted(text), _ATOM, "text", literal=text)
            case Ref(name):
                return self._ref(name)
            case Dot():
                return self._own()
            case Bare(text):
                return self._bare(text)
            case Negative(of):
                below = self._number(self.part(of, top=False))
                return _Part(f"-{below.at(_ATOM)}", _MINUS, "number", below.guards, below.needs)
            case Binary(operator, left, right):
                return self._binary(operator, left, right, top)
            case Call(name, given):
                return self._call(name, given, top)

    def truth(self, part: _Part) -> _Part:
        """Return a part as something that is true or not."""
        if part.kind in {"bool", "any"}:
            return part
        if part.literal is not None:
            raise XPathError(f"`{part.text}` alone is no condition", "compare it with something")
        if part.kind != "number" and part.known is not None:
            return _answered(part.known)
        if part.kind == "number":
            return self._guarded(replace(part, kind="bool"), part.guards)
        raise XPathError(f"`{part.text}` alone is no condition", "compare it with something")

    # names

    def _ref(self, name: str) -> _Part:
        known = self._scope.known.get(name)
        if known is None:
            why = self._scope.missing.get(name, "there is no such question")
            raise XPathError(
                f"it reads `${{{name}}}`, and {why}", "write the condition anew by hand"
            )
        needs = (_answered(known).text,) if known.kind in {"number", "date", "any"} else ()
        return _Part(known.name, _ATOM, known.kind, (), needs, known)

    def _own(self) -> _Part:
        own = self._scope.own
        if own is None or self._use != "constraint":
            raise XPathError(
                "`.` means the answer itself, which is not there yet", "name a question"
            )
        return _Part("value", _ATOM, own.kind, known=replace(own, name="value", refuse=None))

    def _bare(self, text: str) -> _Part:
        ours = self._scope.columns.get(text)
        if ours is not None and self._use == "choice_filter":
            return _Part(ours, _ATOM, "text")
        if re.fullmatch(r"[\w.-]+", text):
            raise XPathError(
                f"`{text}` is no question", f"write ${{{text}}}, or '{text}' in quotes"
            )
        raise XPathError(f"`{text}` is a place in the form's XML", "name the question: ${name}")

    # operators

    def _binary(self, operator: str, left: Node, right: Node, top: bool) -> _Part:
        if operator == "or":
            sides = [self.truth(self.part(side, top=False)) for side in (left, right)]
            return _Part(" or ".join(side.at(_OR) for side in sides), _OR, "bool")
        if operator == "and":
            sides = [self.truth(self.part(side, top=top)) for side in (left, right)]
            return _Part(" and ".join(side.at(_AND) for side in sides), _AND, "bool")
        if operator in {"=", "!=", "<", "<=", ">", ">="}:
            return self._compare(operator, left, right, top)
        level = _ADD if operator in "+-" else _MULTIPLY
        sign = {"div": "/", "mod": "%"}.get(operator, operator)
        one, two = (self._number(self.part(side, top=False)) for side in (left, right))
        text = f"{one.at(level)} {sign} {two.at(level + 1)}"
        return _Part(text, level, "number", _joined(one, two), _needed(one, two))

    def _compare(self, operator: str, left: Node, right: Node, top: bool) -> _Part:
        one, two = self.part(left, top=False), self.part(right, top=False)
        if operator in {"=", "!="}:
            found = self._equal(operator, one, two) or self._equal(operator, two, one)
            if found is not None:
                return found
        sign = "==" if operator == "=" else operator
        kinds = {one.kind, two.kind}
        as_texts = kinds <= {"date", "text"} or kinds == {"any"}
        if as_texts or (kinds <= {"choice", "text"} and operator in {"=", "!="}):
            return self._ordered(one, sign, two, top)
        return self._ordered(self._number(one), sign, self._number(two), top)

    def _ordered(self, one: _Part, sign: str, two: _Part, top: bool) -> _Part:
        """Return a comparison. One with what was not answered is false in both languages, but an
        error ends the whole condition here: further inside it must not come to that."""
        guards = _joined(one, two)
        if not top and not (sign in {"==", "!="} and _ATOM == one.level == two.level):
            guards = tuple(dict.fromkeys((*_needed(one, two), *guards)))
        text = f"{one.at(_ADD)} {sign} {two.at(_ADD)}"
        return self._guarded(_Part(text, _COMPARE, "bool"), guards)

    def _guarded(self, part: _Part, guards: Collection[str]) -> _Part:
        if not guards:
            return replace(part, guards=())
        return _Part(" and ".join((*guards, part.at(_AND))), _AND, "bool")

    def _equal(self, operator: str, one: _Part, two: _Part) -> _Part | None:
        """Return `one` as (not) equal to the literal `two`; None where that is nothing special."""
        said = two.literal
        if said is None or one.literal is not None:
            return None
        if said == "":
            if one.known is None:
                raise XPathError(f"`{one.text}` is compared with an empty text", "name a question")
            return (_unanswered if operator == "=" else _answered)(one.known)
        sign = "==" if operator == "=" else "!="
        if one.kind == "several":
            what = f"the several answers of `{one.text}` are compared with one text"
            raise XPathError(what, "use selected(…)")
        if one.kind == "choice" and one.known is not None:
            return _Part(f"{one.text} {sign} {self._choice(one.known, said)}", _COMPARE, "bool")
        if one.kind == "number" and two.kind == "text":
            number = self._number(two)
            return self._guarded(
                _Part(f"{one.at(_ADD)} {sign} {number.text}", _COMPARE, "bool"), one.guards
            )
        if one.kind == "any":
            return _Part(f"{one.at(_ADD)} {sign} {two.text}", _COMPARE, "bool")
        if one.kind == "text" and two.kind == "number":
            return _Part(f"{one.at(_ADD)} {sign} {quoted(said)}", _COMPARE, "bool")
        return None

    def _choice(self, known: Known, said: str) -> str:
        if said not in known.choices:
            shown = ", ".join(list(known.choices)[:8])
            what = f"`{said}` is no choice of `{known.name}`, so this is never true"
            raise XPathError(what, f"its choices are {shown}")
        return quoted(known.choices[said])

    def _number(self, part: _Part) -> _Part:
        """Return a part as a number; XPath makes one of any text that looks like it."""
        if part.kind in {"number", "any"}:
            return part
        if part.literal is not None and re.fullmatch(r"-?\d+(\.\d+)?", part.literal):
            return _Part(part.literal, _ATOM, "number", literal=part.literal)
        if part.known is not None and part.kind in {"choice", "text"}:
            names = list(part.known.choices) if part.kind == "choice" else ["1.0"]
            if not all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
                what = f"`{part.known.name}` is calculated with, and its choices are words"
                raise XPathError(what, "give the choices numbers as names")
            whole = all("." not in name for name in names)
            guards = () if part.text == "value" else (_answered(part.known).text,)
            return _Part(f"{part.text} | {'int' if whole else 'float'}", _FILTER, "number", guards)
        if part.kind == "date":
            raise XPathError("days cannot be counted in a flow", "compare two dates instead")
        if part.kind == "bool":
            return _Part(f"1 if {part.at(_OR)} else 0", _IF, "number")
        raise XPathError(f"`{part.text}` is no number")

    # functions

    def _call(self, name: str, given: tuple[Node, ...], top: bool) -> _Part:
        if name == "not" and len(given) == 1:
            return _Part(f"not {self.truth(self.part(given[0], top=False)).at(_NOT)}", _NOT, "bool")
        if name in {"true", "false"} and not given:
            return _Part(name, _ATOM, "bool")
        if name == "selected" and len(given) == 2:
            return self._selected(given[0], given[1], top)
        if name == "if" and len(given) == 3:
            return self._if(*given)
        if name == "today" and not given:
            if self._use != "constraint":
                raise XPathError("today() is known in a constraint only", "ask for the date")
            return _Part("today", _ATOM, "date")
        if name == "coalesce" and len(given) == 2:
            return self._coalesce(*given)
        if name == "concat" and given:
            return self._concat(given)
        if name in {"string", "date", "format-date"} and len(given) == 1:
            return self._as_text(name, self.part(given[0], top=False))
        if name in _FILTERS and len(given) in _FILTERS[name][0]:
            return self._filter(name, given)
        if name in {"count-selected", "string-length"} and len(given) == 1:
            return self._length(name, self.part(given[0], top=False))
        if name == "contains" and len(given) == 2:
            whole, piece = (self.part(one, top=False) for one in given)
            inside = _or_empty(whole, top, "''")
            return _Part(f"{piece.at(_ADD)} in {inside}", _COMPARE, "bool")
        if name in {"min", "max", "sum"} and len(given) > 1:
            parts = [self._number(self.part(one, top=False)) for one in given]
            inside = ", ".join(part.text for part in parts)
            return _Part(
                f"[{inside}] | {name}", _FILTER, "number", _joined(*parts), _needed(*parts)
            )
        raise XPathError(f"`{name}()` is nothing that a flow can say", _INSTEAD.get(name, ""))

    def _selected(self, whole: Node, piece: Node, top: bool) -> _Part:
        one, two = self.part(whole, top=False), self.part(piece, top=False)
        if one.known is None or one.kind not in {"choice", "several"}:
            raise XPathError("selected(…) reads a question without choices", "use =")
        said = two.text if two.literal is None else self._choice(one.known, two.literal)
        if one.kind == "choice":
            return _Part(f"{one.text} == {said}", _COMPARE, "bool")
        return _Part(f"{said} in {_or_empty(one, top, '[]')}", _COMPARE, "bool")

    def _if(self, condition: Node, yes: Node, no: Node) -> _Part:
        holds = self.truth(self.part(condition, top=False))
        one, two = self.part(yes, top=False), self.part(no, top=False)
        if {one.kind, two.kind} == {"number", "text"}:
            one, two = (_emptied(side) for side in (one, two))
        elif "number" in {one.kind, two.kind} and "choice" in {one.kind, two.kind}:
            one, two = self._number(one), self._number(two)
        kind: Kind = one.kind if one.kind == two.kind else "any"
        text = f"{one.at(_OR)} if {holds.at(_OR)} else {two.at(_OR)}"
        return _Part(text, _IF, kind if kind in {"number", "text"} else "any", _joined(one, two))

    def _coalesce(self, first: Node, second: Node) -> _Part:
        one, two = self.part(first, top=False), self.part(second, top=False)
        if one.known is None:
            raise XPathError("coalesce(…) is given something that is no question", "use if(…)")
        answered = _answered(one.known).text
        if two.kind == "number":
            one = self._number(one)
        text = f"{one.at(_OR)} if {answered} else {two.at(_OR)}"
        return _Part(text, _IF, one.kind if one.kind == two.kind else "any", two.guards)

    def _concat(self, given: tuple[Node, ...]) -> _Part:
        parts = [self.part(one, top=False) for one in given]
        for part in parts:
            if part.kind not in {"text", "choice", "date"}:
                what = f"concat(…) joins texts, and `{part.text}` is none"
                raise XPathError(what, "write the pieces in a label: {{name}}")
        texts = [
            part.text if part.literal is not None else f"({part.text} or '')" for part in parts
        ]
        return _Part(" + ".join(texts), _ADD, "text")

    def _as_text(self, name: str, part: _Part) -> _Part:
        if name == "date" and part.literal is not None:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", part.literal):
                raise XPathError(f"`{part.literal}` is no date", "write date('2026-01-31')")
            return replace(part, kind="date")
        if part.kind in ({"date"} if name == "date" else {"text", "choice", "date"}):
            return part
        raise XPathError(f"`{name}()` of `{part.text}` is nothing that a flow can say")

    def _filter(self, name: str, given: tuple[Node, ...]) -> _Part:
        part = self._number(self.part(given[0], top=False))
        if name == "number":
            return part
        if name == "round" and len(given) == 2:
            if not isinstance(given[1], Number):
                raise XPathError("round(…) needs a plain number of places", "for example 2")
            text = f"{part.at(_FILTER)} | round({given[1].text})"
        else:
            text = _FILTERS[name][1].format(part.at(_FILTER))
        level = _FILTER if "|" in text else _MULTIPLY
        return _Part(text, level, "number", part.guards, part.needs)

    def _length(self, name: str, part: _Part) -> _Part:
        if name == "count-selected" and part.kind != "several":
            raise XPathError("count-selected(…) reads a question of one answer", "use =")
        if name == "string-length" and part.kind not in {"text", "choice"}:
            raise XPathError(f"the letters of `{part.text}` cannot be counted")
        empty = "''" if name == "string-length" else "[]"
        text = part.text if part.text == "value" else f"({part.text} or {empty})"
        known = part.known
        if name == "count-selected" and known is not None and known.refuse is not None:
            return _Part(f"0 if '{known.refuse}' in {text} else {text} | length", _IF, "number")
        return _Part(f"{text} | length", _FILTER, "number")


_FILTERS: Mapping[str, tuple[Collection[int], str]] = {
    "int": ((1,), "{} | int"),
    "number": ((1,), "{}"),
    "round": ((1, 2), "{} | round | int"),
    "abs": ((1,), "{} | abs"),
    "floor": ((1,), "{} // 1"),
}
"""Functions of one number: how many things they are given, and how a flow says them."""

_INSTEAD: Mapping[str, str] = {
    "regex": "use min, max or max_chars, or say in the hint what is wanted",
    "jr:choice-name": "write {{name}} in a label: it shows the words of the choice",
    "pulldata": "put the list into the choices sheet, or ask for it",
    "indexed-repeat": "ask for each one by a question of its own",
    "position": "ask for each one by a question of its own",
    "count": "ask how many there are",
    "instance": "put the list into the choices sheet",
    "now": "the answer's day is kept anyway",
    "once": "write the calculation itself",
    "random": "use `randomize`, or `random_sections`",
    "uuid": "answers must not be traced: leave it out",
    "selected-at": "ask with `type: rank`, or use selected(…)",
}


def _joined(*parts: _Part) -> tuple[str, ...]:
    return tuple(dict.fromkeys(guard for part in parts for guard in part.guards))


def _needed(*parts: _Part) -> tuple[str, ...]:
    return tuple(dict.fromkeys(need for part in parts for need in part.needs))


def _or_empty(part: _Part, top: bool, empty: str) -> str:
    """Return a part as something to look in, even where it was not answered."""
    return part.text if top or part.text == "value" else f"({part.text} or {empty})"


def _emptied(part: _Part) -> _Part:
    """Return an empty text as none: beside a number it means that there is no value."""
    return replace(part, text="none", literal=None) if part.literal == "" else part
