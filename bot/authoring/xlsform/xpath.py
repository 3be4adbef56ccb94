"""Reading the XPath of XLSForms: `${age} >= 17 and selected(${forms}, '3')` into a small tree.

Only the part of XPath 1.0 that XLSForms use: values, names, calls and operators. Nothing is
evaluated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 10_000
MAX_DEPTH = 60


class XPathError(ValueError):
    """An expression that cannot be read, or says what a flow cannot say; `fix` says what to do."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class String:
    """A text in quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Ref:
    """`${name}`: the answer to a question."""

    name: str


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`: the answer to the question itself."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A name or path without `${}`: a column of the choices, or a place in the form's XML."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and what it is given."""

    name: str
    given: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides and what stands between them: or, and, =, !=, <, <=, >, >=, +, -, *, div, mod."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus before something."""

    of: Node


Node = Number | String | Ref | Dot | Bare | Call | Binary | Negative

# From loose to tight, as XPath 1.0 has it.
_BINDING = {
    "or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "div": 6, "mod": 6,
}  # fmt: skip

_NAME = r"[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<string>"[^"]*"|'[^']*')
    | (?P<ref>\$\{{\s*(?P<name>[^{{}}]*?)\s*\}})
    | (?P<number>\d+(?:\.\d*)?|\.\d+)
    | (?P<path>(?:\.\.|\./|/)[\w./-]*)
    | (?P<word>{_NAME})
    | (?P<sign>!=|<=|>=|[=<>+\-*(),.|\[\]])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # string, ref, number, path, word, sign, end
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            if not text[place:].strip():
                break
            at = place + len(text[place:]) - len(text[place:].lstrip())
            raise XPathError(f"`{text[at : at + 12]}` cannot be read in `{text}`")
        kind = match.lastgroup or ""
        kind = "ref" if kind == "name" else kind
        said = match["name"] if kind == "ref" else match[kind]
        yield _Token(kind, said[1:-1] if kind == "string" else said, match.start(kind))
        place = match.end()
    yield _Token("end", "", len(text))


def parse(text: str) -> Node:
    """Return the tree of an expression. Raises XPathError."""
    if len(text) > MAX_CHARS:
        raise XPathError(f"{len(text)} characters, more than {MAX_CHARS}", "shorten it")
    reader = _Reader(text, list(_tokens(text)))
    tree = reader.expression(0)
    if reader.here.kind != "end":
        raise XPathError(f"`{text}` goes on at `{text[reader.here.at :][:20]}` where it should end")
    return tree


class _Reader:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text, self._tokens = text, tokens
        self._next = 0
        self._depth = 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._next]

    def expression(self, least: int) -> Node:
        """Read an expression whose operators bind tighter than `least`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XPathError(f"`{self._text[:40]}…` is nested too deeply", "split it")
        left = self._single()
        while (binding := _BINDING.get(self._operator(), 0)) > least:
            operator = self._take().text
            left = Binary(operator, left, self.expression(binding))
        self._depth -= 1
        return left

    def _operator(self) -> str:
        return self.here.text if self.here.kind in {"word", "sign"} else ""

    def _take(self) -> _Token:
        token = self.here
        self._next += 1
        return token

    def _sign(self, text: str) -> bool:
        return self.here.kind == "sign" and self.here.text == text

    def _single(self) -> Node:
        token = self._take()
        match token.kind:
            case "string":
                return String(token.text)
            case "number":
                return Number(token.text)
            case "ref":
                return Ref(token.text)
            case "path":
                return Bare(token.text)
            case "word":
                return self._call(token) if self._sign("(") else Bare(token.text)
            case "sign" if token.text == ".":
                return Dot()
            case "sign" if token.text == "-":
                return Negative(self.expression(_BINDING["*"]))
            case "sign" if token.text == "(":
                inside = self.expression(0)
                self._close()
                return inside
        what = f"at `{token.text}`" if token.text else "at its end"
        raise XPathError(f"`{self._text}` cannot be read {what}")

    def _call(self, name: _Token) -> Node:
        self._take()
        given: list[Node] = []
        while not self._sign(")"):
            given.append(self.expression(0))
            if not self._sign(","):
                break
            self._take()
        self._close()
        if self.here.kind == "path" or self._sign("["):
            raise XPathError(f"`{name.text}(…)` is followed by a path", "a flow knows no XML")
        return Call(name.text, tuple(given))

    def _close(self) -> None:
        if not self._sign(")"):
            raise XPathError(f"a `)` is missing in `{self._text}`", "close what was opened")
        self._take()


def walk(node: Node) -> Iterator[Node]:
    """Yield a tree and all that is in it."""
    yield node
    match node:
        case Call(_, given):
            for one in given:
                yield from walk(one)
        case Binary(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Negative(of):
            yield from walk(of)
        case _:
            pass


def conjuncts(node: Node) -> tuple[Node, ...]:
    """Return what is joined by `and` at the top, in order."""
    if isinstance(node, Binary) and node.operator == "and":
        return (*conjuncts(node.left), *conjuncts(node.right))
    return (node,)


def disjuncts(node: Node) -> tuple[Node, ...]:
    """Return what is joined by `or` at the top, in order."""
    if isinstance(node, Binary) and node.operator == "or":
        return (*disjuncts(node.left), *disjuncts(node.right))
    return (node,)
