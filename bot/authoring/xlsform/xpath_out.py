"""From a condition of a flow to the XPath of XLSForms: `age >= 17` becomes `${age} >= 17`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from jinja2 import Environment, TemplateSyntaxError, nodes

from bot.authoring.xlsform.xpath import XPathError

_IF, _OR, _AND, _EQUAL, _ORDER, _ADD, _MULTIPLY, _MINUS, _ATOM = range(9)

_COMPARES = {"eq": "=", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_SUMS: Mapping[type[nodes.BinExpr], tuple[str, int]] = {
    nodes.Add: ("+", _ADD),
    nodes.Sub: ("-", _ADD),
    nodes.Mul: ("*", _MULTIPLY),
    nodes.Div: ("div", _MULTIPLY),
    nodes.Mod: ("mod", _MULTIPLY),
}
_FILTERS = {"int": "int", "float": "number", "abs": "abs"}


@dataclass(frozen=True, slots=True)
class Readable:
    """What an expression may read: the names of questions, and what the form calls them.

    `several` hold several answers, `words` somebody's own; `columns` are what a choice filter
    reads of the choices.
    """

    names: Mapping[str, str]
    several: Collection[str] = ()
    words: Collection[str] = ()
    columns: Collection[str] = ()
    own: str | None = None  # the question whose constraint it is


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    level: int = _ATOM

    def at(self, level: int) -> str:
        return self.text if self.level >= level else f"({self.text})"


def to_xpath(source: str, readable: Readable) -> str:
    """Return an expression of a flow as XPath. Raises XPathError for what that cannot say."""
    try:
        template = Environment(autoescape=False).parse(f"{{{{ {source} }}}}")  # noqa: S701
    except TemplateSyntaxError as error:
        raise XPathError(f"`{source}` cannot be read: {error}") from None
    output = template.body[0]
    assert isinstance(output, nodes.Output)
    return _Writer(source, readable).said(output.nodes[0]).text


class _Writer:
    """Says one expression in XPath."""

    def __init__(self, source: str, readable: Readable) -> None:
        self._source, self._readable = source, readable

    def said(self, node: nodes.Node) -> _Said:
        match node:
            case nodes.Const(value=value):
                return self._constant(value)
            case nodes.TemplateData(data=text):
                return self._constant(text)
            case nodes.Name(name=name):
                return self._name(name)
            case nodes.And(left=left, right=right):
                return _Said(f"{self.said(left).at(_AND)} and {self.said(right).at(_AND)}", _AND)
            case nodes.Or(left=left, right=right):
                return _Said(f"{self.said(left).at(_OR)} or {self.said(right).at(_OR)}", _OR)
            case nodes.Not(node=inside):
                return self._not(inside)
            case nodes.Compare(expr=first, ops=operands):
                return self._compare(first, operands)
            case nodes.Test(node=inside, name=name):
                return self._test(inside, name)
            case nodes.CondExpr(test=test, expr1=yes, expr2=no):
                other = "''" if no is None else self.said(no).text
                return _Said(f"if({self.said(test).text}, {self.said(yes).text}, {other})")
            case nodes.Neg(node=inside):
                return _Said(f"-{self.said(inside).at(_ATOM)}", _MINUS)
            case nodes.FloorDiv(left=left, right=right):
                one, two = self.said(left).at(_MULTIPLY), self.said(right).at(_MINUS)
                return _Said(f"floor({one} div {two})")
            case nodes.BinExpr(left=left, right=right):
                return self._sum(node, left, right)
            case nodes.Filter(node=inside, name=name, args=given) if inside is not None:
                return self._filter(inside, name, given)
        raise self._error(type(node).__name__.lower())

    def _error(self, what: str) -> XPathError:
        return XPathError(f"XLSForm has nothing for the {what} in `{self._source}`")

    def _constant(self, value: object) -> _Said:
        if value is None:
            return _Said("''")
        if isinstance(value, bool):
            return _Said("true()" if value else "false()")
        if isinstance(value, int | float):
            return _Said(str(value), _ATOM if value >= 0 else _MINUS)
        text = str(value)
        if "'" in text and '"' in text:
            raise self._error("two kinds of quotes")
        return _Said(f'"{text}"' if "'" in text else f"'{text}'")

    def _name(self, name: str) -> _Said:
        if name in {"value", self._readable.own} and self._readable.own is not None:
            return _Said(".")
        if name == "today":
            return _Said("today()")
        if name in self._readable.columns:
            return _Said(name)
        if name in self._readable.names:
            return _Said(f"${{{self._readable.names[name]}}}")
        raise self._error(f"name `{name}`")

    def _not(self, inside: nodes.Node) -> _Said:
        if isinstance(inside, nodes.Test) and inside.name == "none":
            return _Said(f"{self.said(inside.node).at(_EQUAL)} != ''", _EQUAL)
        return _Said(f"not({self.said(inside).text})")

    def _test(self, inside: nodes.Node, name: str) -> _Said:
        if name != "none":
            raise self._error(f"test `{name}`")
        return _Said(f"{self.said(inside).at(_EQUAL)} = ''", _EQUAL)

    def _compare(self, first: nodes.Node, operands: list[nodes.Operand]) -> _Said:
        parts, left = [], first
        for operand in operands:
            parts.append(self._compared(left, operand.op, operand.expr))
            left = operand.expr
        if len(parts) == 1:
            return parts[0]
        return _Said(" and ".join(part.at(_AND) for part in parts), _AND)

    def _compared(self, left: nodes.Node, operator: str, right: nodes.Node) -> _Said:
        if operator in {"in", "notin"}:
            said = self._among(left, right)
            return said if operator == "in" else _Said(f"not({said.text})")
        level = _EQUAL if operator in {"eq", "ne"} else _ORDER
        one, two = self.said(left).at(level + 1), self.said(right).at(level + 1)
        return _Said(f"{one} {_COMPARES[operator]} {two}", level)

    def _among(self, left: nodes.Node, right: nodes.Node) -> _Said:
        whole = _without_empty(right)
        if isinstance(whole, nodes.List | nodes.Tuple):
            one = self.said(left).at(_ORDER)
            each = [f"{one} = {self.said(item).at(_ORDER)}" for item in whole.items]
            return _Said(" or ".join(each), _OR if len(each) > 1 else _EQUAL)
        if self._is(whole, self._readable.several):
            return _Said(f"selected({self.said(whole).text}, {self.said(left).text})")
        return _Said(f"contains({self.said(whole).text}, {self.said(left).text})")

    def _is(self, node: nodes.Node, names: Collection[str]) -> bool:
        """Whether a node is an answer of a kind."""
        if not isinstance(node, nodes.Name):
            return False
        return (self._readable.own if node.name == "value" else node.name) in names

    def _sum(self, node: nodes.BinExpr, left: nodes.Node, right: nodes.Node) -> _Said:
        if isinstance(node, nodes.Add) and (self._words(left) or self._words(right)):
            return _Said(f"concat({', '.join(self._joined(node))})")
        found = _SUMS.get(type(node))
        if found is None:
            raise self._error(type(node).__name__.lower())
        sign, level = found
        one, two = self.said(left).at(level), self.said(right).at(level + 1)
        return _Said(f"{one} {sign} {two}", level)

    def _words(self, node: nodes.Node) -> bool:
        node = _without_empty(node)
        if isinstance(node, nodes.Add):
            return self._words(node.left) or self._words(node.right)
        constant = isinstance(node, nodes.Const) and isinstance(node.value, str)
        return constant or self._is(node, self._readable.words)

    def _joined(self, node: nodes.Node) -> list[str]:
        if isinstance(node, nodes.Add):
            return [*self._joined(node.left), *self._joined(node.right)]
        return [self.said(_without_empty(node)).text]

    def _filter(self, inside: nodes.Node, name: str, given: list[nodes.Expr]) -> _Said:
        whole = _without_empty(inside)
        if name in {"length", "count"}:
            several = self._is(whole, self._readable.several)
            return _Said(
                f"{'count-selected' if several else 'string-length'}({self.said(whole).text})"
            )
        if name in _FILTERS and not given:
            return _Said(f"{_FILTERS[name]}({self.said(inside).text})")
        if name == "round":
            places = f", {self.said(given[0]).text}" if given else ""
            return _Said(f"round({self.said(inside).text}{places})")
        if name in {"min", "max", "sum"} and isinstance(inside, nodes.List):
            parts = ", ".join(self.said(item).text for item in inside.items)
            return _Said(f"{name}({parts})")
        raise self._error(f"filter `{name}`")


def _without_empty(node: nodes.Node) -> nodes.Node:
    """Return `x` of `(x or [])`: what was not answered is empty in XPath anyway."""
    if isinstance(node, nodes.Or):
        empty = node.right
        if isinstance(empty, nodes.List) and not empty.items:
            return node.left
        if isinstance(empty, nodes.Const) and empty.value == "":
            return node.left
    return node
