"""From an XLSForm's XPath to a condition of a flow: `${age} >= 17` becomes `age >= 17`.

Where the two languages differ, what XPath means is kept: what was not answered is an empty text
there and none here, and a choice is a number there as soon as it is calculated with.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.authoring.xlsform.condition_parts import (
    ADD,
    AND,
    ATOM,
    COMPARE,
    FILTER,
    IF,
    MINUS,
    MULTIPLY,
    NOT,
    OR,
    Kind,
    Known,
    Part,
    Scope,
    Use,
    answered,
    emptied,
    follows,
    guards_of,
    needs_of,
    or_empty,
    quoted,
    unanswered,
)
from bot.authoring.xlsform.xpath import (
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
    conjuncts,
    disjuncts,
    parse,
)


def translate(source: str, scope: Scope, use: Use) -> str:
    """Return the condition of a flow that means what the form's expression means.

    Raises XPathError for what cannot be read, and for what a flow cannot say.
    """
    return translate_node(parse(source), scope, use)


def translate_node(tree: Node, scope: Scope, use: Use) -> str:
    """Return the same for an expression that was read before."""
    if use == "calculation":
        return calculation(tree, scope)[0]
    work = _Translation(scope, use)
    return work.truth(work.part(tree, top=True)).text


def calculation(tree: Node, scope: Scope) -> tuple[str, Kind]:
    """Return what works a value out, and what kind of value that is."""
    made = _Translation(scope, "calculation").part(tree, top=False)
    if made.kind == "bool":
        return f"'true' if {made.at(OR)} else 'false'", "text"
    kind: Kind = "text" if made.kind == "choice" else made.kind
    if made.guards:
        return f"{made.at(OR)} if {' and '.join(made.guards)} else none", kind
    return made.text, kind


class _Translation:
    """Translates one expression; `top` means that it is false as a whole where this part is."""

    def __init__(self, scope: Scope, use: Use) -> None:
        self._scope, self._use = scope, use

    def part(self, node: Node, *, top: bool) -> Part:
        match node:
            case Number(text):
                number = text if not text.startswith(".") else f"0{text}"
                return Part(number.rstrip("."), ATOM, "number", literal=text)
            case String(text):
                return Part(quoted(text), ATOM, "text", literal=text)
            case Ref(name):
                return self._ref(name)
            case Dot():
                return self._own()
            case Bare(text):
                return self._bare(text)
            case Negative(of):
                below = self._number(self.part(of, top=False))
                return Part(f"-{below.at(ATOM)}", MINUS, "number", below.guards, below.needs)
            case Binary(operator, left, right):
                return self._binary(operator, left, right, top)
            case Call(name, given):
                return self._call(name, given, top)

    def truth(self, part: Part) -> Part:
        """Return a part as something that is true or not."""
        if part.kind in {"bool", "any"}:
            return part
        if part.literal is not None:
            raise XPathError(f"`{part.text}` alone is no condition", "compare it with something")
        if part.kind != "number" and part.known is not None:
            return answered(part.known)
        if part.kind == "number":
            return self._guarded(replace(part, kind="bool"), part.guards)
        raise XPathError(f"`{part.text}` alone is no condition", "compare it with something")

    # names

    def _ref(self, name: str) -> Part:
        known = self._scope.known.get(name)
        if known is None:
            why = self._scope.missing.get(name, "there is no such question")
            raise XPathError(
                f"it reads `${{{name}}}`, and {why}", "write the condition anew by hand"
            )
        needs = (answered(known).text,) if known.kind in {"number", "date", "any"} else ()
        return Part(known.name, ATOM, known.kind, (), needs, known)

    def _own(self) -> Part:
        own = self._scope.own
        if own is None or self._use != "constraint":
            raise XPathError(
                "`.` means the answer itself, which is not there yet", "name a question"
            )
        return Part("value", ATOM, own.kind, known=replace(own, name="value", refuse=None))

    def _bare(self, text: str) -> Part:
        ours = self._scope.columns.get(text)
        if ours is not None and self._use == "choice_filter":
            return Part(ours, ATOM, "text")
        if re.fullmatch(r"[\w.-]+", text):
            raise XPathError(
                f"`{text}` is no question", f"write ${{{text}}}, or '{text}' in quotes"
            )
        raise XPathError(f"`{text}` is a place in the form's XML", "name the question: ${name}")

    # operators

    def _binary(self, operator: str, left: Node, right: Node, top: bool) -> Part:
        if operator == "or":
            if (listed := self._one_of(Binary(operator, left, right))) is not None:
                return listed
            sides = [self.truth(self.part(side, top=False)) for side in (left, right)]
            return Part(" or ".join(side.at(OR) for side in sides), OR, "bool")
        if operator == "and":
            return self._all(conjuncts(Binary(operator, left, right)), top)
        if operator in {"=", "!=", "<", "<=", ">", ">="}:
            return self._compare(operator, left, right, top)
        level = ADD if operator in "+-" else MULTIPLY
        sign = {"div": "/", "mod": "%"}.get(operator, operator)
        one, two = (self._number(self.part(side, top=False)) for side in (left, right))
        text = f"{one.at(level)} {sign} {two.at(level + 1)}"
        return Part(text, level, "number", guards_of(one, two), needs_of(one, two))

    def _all(self, nodes: tuple[Node, ...], top: bool) -> Part:
        """Join conditions; what is said by one before is no guard of one behind it."""
        said: list[str] = []
        for node in nodes:
            part = self.truth(self.part(node, top=top))
            text = part.at(AND)
            for one in said:
                text = text.removeprefix(f"{one} and ")
            said.append(text)
        return Part(" and ".join(said), AND, "bool")

    def _one_of(self, node: Binary) -> Part | None:
        """Return `${a} = 'x' or ${a} = 'y'` as `a in ['x', 'y']`; None for anything else."""
        names: list[str] = []
        asked: Known | None = None
        for part in disjuncts(node):
            match part:
                case Binary("=", Ref(name), String(said)):
                    known = self._scope.known.get(name)
                    if known is None or known.kind != "choice" or known is not (asked or known):
                        return None
                    asked = known
                    if said:
                        names.append(self._choice(known, said))
                    else:
                        names += ["none", *([f"'{known.refuse}'"] if known.refuse else [])]
                case _:
                    return None
        return Part(f"{asked.name} in [{', '.join(names)}]", COMPARE, "bool") if asked else None

    def _compare(self, operator: str, left: Node, right: Node, top: bool) -> Part:
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

    def _ordered(self, one: Part, sign: str, two: Part, top: bool) -> Part:
        """Return a comparison. One with what was not answered is false in both languages, but an
        error ends the whole condition here: further inside it must not come to that."""
        guards = guards_of(one, two)
        if not top and not (sign in {"==", "!="} and ATOM == one.level == two.level):
            guards = tuple(dict.fromkeys((*needs_of(one, two), *guards)))
        text = f"{one.at(ADD)} {sign} {two.at(ADD)}"
        if sign == "!=" and (guards or needs_of(one, two)) and not ATOM == one.level == two.level:
            # What has no value is unlike everything.
            known = " and ".join(dict.fromkeys((*needs_of(one, two), *guards)))
            return Part(f"not ({known}) or {text}", OR, "bool")
        return self._guarded(Part(text, COMPARE, "bool"), guards)

    def _guarded(self, part: Part, guards: Collection[str]) -> Part:
        if not guards:
            return replace(part, guards=())
        return Part(" and ".join((*guards, part.at(AND))), AND, "bool")

    def _equal(self, operator: str, one: Part, two: Part) -> Part | None:
        """Return `one` as (not) equal to the literal `two`; None where that is nothing special."""
        said = two.literal
        if said is None or one.literal is not None:
            return None
        if said == "":
            if one.known is None:
                raise XPathError(f"`{one.text}` is compared with an empty text", "name a question")
            return (unanswered if operator == "=" else answered)(one.known)
        sign = "==" if operator == "=" else "!="
        if one.kind == "several":
            what = f"the several answers of `{one.text}` are compared with one text"
            raise XPathError(what, "use selected(…)")
        if one.kind == "choice" and one.known is not None:
            return Part(f"{one.text} {sign} {self._choice(one.known, said)}", COMPARE, "bool")
        if one.kind == "number" and two.kind == "text":
            number = self._number(two)
            return self._guarded(
                Part(f"{one.at(ADD)} {sign} {number.text}", COMPARE, "bool"), one.guards
            )
        if one.kind == "any":
            return Part(f"{one.at(ADD)} {sign} {two.text}", COMPARE, "bool")
        if one.kind == "text" and two.kind == "number":
            return Part(f"{one.at(ADD)} {sign} {quoted(said)}", COMPARE, "bool")
        return None

    def _choice(self, known: Known, said: str) -> str:
        if said not in known.choices:
            shown = ", ".join(list(known.choices)[:8])
            what = f"`{said}` is no choice of `{known.name}`, so this is never true"
            raise XPathError(what, f"its choices are {shown}")
        return quoted(known.choices[said])

    def _number(self, part: Part) -> Part:
        """Return a part as a number; XPath makes one of any text that looks like it."""
        if part.kind in {"number", "any"}:
            return part
        if part.literal is not None and re.fullmatch(r"-?\d+(\.\d+)?", part.literal):
            return Part(part.literal, ATOM, "number", literal=part.literal)
        if part.known is not None and part.kind in {"choice", "text"}:
            names = list(part.known.choices) if part.kind == "choice" else ["1.0"]
            if not all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
                what = f"`{part.known.name}` is calculated with, and its choices are words"
                raise XPathError(what, "give the choices numbers as names")
            whole = all("." not in name for name in names)
            guards = () if part.text == "value" else (answered(part.known).text,)
            return Part(f"{part.text} | {'int' if whole else 'float'}", FILTER, "number", guards)
        if part.kind == "date":
            raise XPathError("days cannot be counted in a flow", "compare two dates instead")
        if part.kind == "bool":
            return Part(f"1 if {part.at(OR)} else 0", IF, "number")
        raise XPathError(f"`{part.text}` is no number")

    # functions

    def _call(self, name: str, given: tuple[Node, ...], top: bool) -> Part:
        if name == "not" and len(given) == 1:
            inside = self.truth(self.part(given[0], top=False))
            if match := _AMONG.fullmatch(inside.text):
                return Part(f"{match[1]} not in {match[2]}", COMPARE, "bool")
            return Part(f"not {inside.at(NOT)}", NOT, "bool")
        if name in {"true", "false"} and not given:
            return Part(name, ATOM, "bool")
        if name == "selected" and len(given) == 2:
            return self._selected(given[0], given[1], top)
        if name == "if" and len(given) == 3:
            return self._if(*given)
        if name == "today" and not given:
            if self._use != "constraint":
                raise XPathError("today() is known in a constraint only", "ask for the date")
            return Part("today", ATOM, "date")
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
            where = or_empty(whole, top, "''")
            return Part(f"{piece.at(ADD)} in {where}", COMPARE, "bool")
        if name in {"min", "max", "sum"} and len(given) > 1:
            parts = [self._number(self.part(one, top=False)) for one in given]
            text = f"[{', '.join(part.text for part in parts)}] | {name}"
            return Part(text, FILTER, "number", guards_of(*parts), needs_of(*parts))
        raise XPathError(f"`{name}()` is nothing that a flow can say", _INSTEAD.get(name, ""))

    def _selected(self, whole: Node, piece: Node, top: bool) -> Part:
        one, two = self.part(whole, top=False), self.part(piece, top=False)
        if one.known is None or one.kind not in {"choice", "several"}:
            raise XPathError("selected(…) reads a question without choices", "use =")
        said = two.text if two.literal is None else self._choice(one.known, two.literal)
        if one.kind == "choice":
            return Part(f"{one.text} == {said}", COMPARE, "bool")
        return Part(f"{said} in {or_empty(one, top, '[]')}", COMPARE, "bool")

    def _if(self, condition: Node, yes: Node, no: Node) -> Part:
        holds = self.truth(self.part(condition, top=False))
        one, two = self.part(yes, top=False), self.part(no, top=False)
        if {one.kind, two.kind} == {"number", "text"}:
            one, two = (emptied(side) for side in (one, two))
        elif "number" in {one.kind, two.kind} and "choice" in {one.kind, two.kind}:
            one, two = self._number(one), self._number(two)
        kind: Kind = one.kind if one.kind == two.kind else "any"
        true = holds.text.split(" and ") if holds.level >= AND else []
        one = replace(one, guards=tuple(g for g in one.guards if not follows(g, true)))
        text = f"{one.at(OR)} if {holds.at(OR)} else {two.at(OR)}"
        return Part(text, IF, kind if kind in {"number", "text"} else "any", guards_of(one, two))

    def _coalesce(self, first: Node, second: Node) -> Part:
        one, two = self.part(first, top=False), self.part(second, top=False)
        if one.known is None:
            raise XPathError("coalesce(…) is given something that is no question", "use if(…)")
        there = answered(one.known).text
        if two.kind == "number":
            one = self._number(one)
        text = f"{one.at(OR)} if {there} else {two.at(OR)}"
        return Part(text, IF, one.kind if one.kind == two.kind else "any", two.guards)

    def _concat(self, given: tuple[Node, ...]) -> Part:
        parts = [self.part(one, top=False) for one in given]
        for part in parts:
            if part.kind not in {"text", "choice", "date"}:
                what = f"concat(…) joins texts, and `{part.text}` is none"
                raise XPathError(what, "write the pieces in a label: {{name}}")
        texts = [
            part.text if part.literal is not None else f"({part.text} or '')" for part in parts
        ]
        return Part(" + ".join(texts), ADD, "text")

    def _as_text(self, name: str, part: Part) -> Part:
        if name == "date" and part.literal is not None:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", part.literal):
                raise XPathError(f"`{part.literal}` is no date", "write date('2026-01-31')")
            return replace(part, kind="date")
        if part.kind in ({"date"} if name == "date" else {"text", "choice", "date"}):
            return part
        raise XPathError(f"`{name}()` of `{part.text}` is nothing that a flow can say")

    def _filter(self, name: str, given: tuple[Node, ...]) -> Part:
        part = self._number(self.part(given[0], top=False))
        if name == "number" or (name == "int" and part.text.endswith(" | int")):
            return part
        if name == "round" and len(given) == 2:
            if not isinstance(given[1], Number):
                raise XPathError("round(…) needs a plain number of places", "for example 2")
            text = f"{part.at(FILTER)} | round({given[1].text})"
        else:
            text = _FILTERS[name][1].format(part.at(FILTER))
        level = FILTER if "|" in text else MULTIPLY
        return Part(text, level, "number", part.guards, part.needs)

    def _length(self, name: str, part: Part) -> Part:
        if name == "count-selected" and part.kind != "several":
            raise XPathError("count-selected(…) reads a question of one answer", "use =")
        if name == "string-length" and part.kind not in {"text", "choice"}:
            raise XPathError(f"the letters of `{part.text}` cannot be counted")
        empty = "''" if name == "string-length" else "[]"
        text = part.text if part.text == "value" else f"({part.text} or {empty})"
        known = part.known
        if name == "count-selected" and known is not None and known.refuse is not None:
            return Part(f"0 if '{known.refuse}' in {text} else {text} | length", IF, "number")
        return Part(f"{text} | length", FILTER, "number")


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


_AMONG = re.compile(r"(\w+|'[^']*') in (\[[^\[\]]*\]|\w+|\(\w+ or (?:\[\]|'')\))")
