"""Conditions as terms that are worked out one answer at a time, for tools that look at all ways.

`Expression.holds` wants every answer at once. A term takes the answers that are known and returns
what is left to decide; two answers that leave the same are alike. Terms are nested tuples, equal
when they are written alike, and never lists: they are keys.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from bot.flow.expressions import applied, syntax_tree

Term = tuple[Any, ...]
"""("const", value), ("name", name), ("and", left, right) …; ("raises",) where nothing comes out."""

RAISES: Term = ("raises",)
FALSE: Term = ("const", False)
TRUE: Term = ("const", True)

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda a, b: a in b,
    "notin": lambda a, b: a not in b,
}
_COUNT: Mapping[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_NEVER_RAISE = frozenset({"eq", "ne"})


@lru_cache(maxsize=2048)
def term(source: str) -> Term:
    """Return a condition, which has been compiled before, as a term."""
    return _told(_term(syntax_tree(source)), {})


def _term(node: nodes.Node) -> Term:
    match node:
        case nodes.Const():
            return ("const", node.value)
        case nodes.Name():
            return ("name", node.name)
        case nodes.List() | nodes.Tuple():
            return ("items", *map(_term, node.items))
        case nodes.And() | nodes.Or():
            kind = "and" if isinstance(node, nodes.And) else "or"
            return (kind, _term(node.left), _term(node.right))
        case nodes.Not():
            return ("not", _term(node.node))
        case nodes.Compare():
            return (
                "compare",
                _term(node.expr),
                *[(one.op, _term(one.expr)) for one in node.ops],
            )
        case nodes.BinExpr():
            return ("count", node.operator, _term(node.left), _term(node.right))
        case nodes.UnaryExpr():
            return ("sign", node.operator, _term(node.node))
        case nodes.CondExpr():
            other = ("const", None) if node.expr2 is None else _term(node.expr2)
            return ("if", _term(node.test), _term(node.expr1), other)
        case nodes.Filter() | nodes.Test():
            kind = "filter" if isinstance(node, nodes.Filter) else "test"
            given = [_term(one) for one in node.args]
            named = [(one.key, _term(one.value)) for one in node.kwargs]
            inner = ("const", None) if node.node is None else _term(node.node)
            return (kind, node.name, inner, tuple(given), tuple(named))
    raise AssertionError(f"no term for {type(node).__name__}")


@lru_cache(maxsize=8192)
def names(one: Term) -> frozenset[str]:
    """Return the names that a term still has to be told."""
    if one[0] == "name":
        return frozenset({one[1]})
    if one[0] == "const":
        return frozenset()
    found = [names(part) for part in one if isinstance(part, tuple) and part]
    return frozenset().union(*found)


def told(one: Term, values: Mapping[str, Any]) -> Term:
    """Return a term with some answers put in, as far as it can be worked out. None: no answer."""
    if not names(one) & values.keys():
        return one
    return _told(one, values)


def _told(one: Term, values: Mapping[str, Any]) -> Term:
    match one:
        case ("name", name):
            return ("const", values[name]) if name in values else one
        case ("const", _) | ("raises",):
            return one
        case ("items", *items):
            return ("items", *[_told(item, values) for item in items])
        case ("and" | "or" as kind, left, right):
            return _joined(kind, _told(left, values), right, values)
        case ("not", inner):
            inner = _told(inner, values)
            return inner if inner == RAISES else _worked_out(("not", inner))
        case ("if", test, yes, no):
            test = _told(test, values)
            if test == RAISES:
                return RAISES
            if _known(test):
                return _told(yes if _raw(test) else no, values)
            return ("if", test, _told(yes, values), _told(no, values))
        case ("compare", first, *operands):
            rest = [(name, _told(operand, values)) for name, operand in operands]
            return _worked_out(("compare", _told(first, values), *rest))
        case ("count", sign, left, right):
            return _worked_out(("count", sign, _told(left, values), _told(right, values)))
        case ("sign", sign, inner):
            return _worked_out(("sign", sign, _told(inner, values)))
        case (kind, name, inner, given, named):
            args = tuple(_told(arg, values) for arg in given)
            kwargs = tuple((key, _told(arg, values)) for key, arg in named)
            return _worked_out((kind, name, _told(inner, values), args, kwargs))
    raise AssertionError(one)


def _joined(kind: str, left: Term, right: Term, values: Mapping[str, Any]) -> Term:
    """Work out `and` and `or` as they are read: from the left, and no further than needed."""
    if left == RAISES:
        return RAISES
    if _known(left):
        decided = bool(_raw(left)) is (kind == "or")
        return left if decided else _told(right, values)
    return (kind, left, _told(right, values))


def settled(one: Term) -> Term:
    """Return a condition of which only the truth counts, as short as it can be said.

    What raises is false as a whole, so that a right side may decide before the left is known.
    """
    if one == RAISES:
        return FALSE
    if _known(one):
        return TRUE if _raw(one) else FALSE
    if one[0] == "and":
        left, right = settled(one[1]), settled(one[2])
        if FALSE in (left, right):
            return FALSE
        if right == TRUE:
            return left
        return right if left == TRUE else ("and", left, right)
    if one[0] == "or":
        left, right = one[1], settled(one[2])
        if right == FALSE:
            return settled(left)
        return TRUE if right == TRUE and not may_raise(left) else ("or", left, right)
    return one


def truth(one: Term) -> bool | None:
    """Return whether a condition holds; None while that depends on further answers."""
    short = settled(one)
    return None if short not in (TRUE, FALSE) else short == TRUE


def value(one: Term) -> Any:
    """Return what comes out of a term with all answers told; None where nothing does."""
    return _raw(one) if _known(one) else None


def _known(one: Term) -> bool:
    return one[0] == "const" or (one[0] == "items" and all(map(_known, one[1:])))


def _raw(one: Term) -> Any:
    return one[1] if one[0] == "const" else [_raw(item) for item in one[1:]]


def may_raise(one: Term) -> bool:
    """Whether answers may lead to no outcome at all, as an order of a number and no answer does."""
    match one:
        case ("and" | "or", left, right):
            return may_raise(left) or may_raise(right)
        case ("not", inner):
            return may_raise(inner)
        case ("name", _) | ("const", _):
            return False
        case ("items", *items):
            return any(map(may_raise, items))
        case ("test", "none" | "defined", inner, _, _):
            return may_raise(inner)
        case ("compare", first, (name, second)):
            listed = name in ("in", "notin") and second[0] == "items"
            safe = name in _NEVER_RAISE or listed
            return not safe or may_raise(first) or may_raise(second)
    return True


def _worked_out(one: Term) -> Term:
    """Return the outcome of a term whose parts are all known; else the term itself."""
    parts = _parts(one)
    if RAISES in parts:
        return RAISES
    if not all(map(_known, parts)):
        return one
    try:
        return ("const", _outcome(one))
    except Exception:  # as broad as what an answer of any kind can make a filter raise
        return RAISES


def _parts(one: Term) -> list[Term]:
    match one:
        case ("compare", first, *operands):
            return [first, *(operand for _, operand in operands)]
        case ("count", _, left, right):
            return [left, right]
        case ("filter" | "test", _, inner, given, named):
            return [inner, *given, *(arg for _, arg in named)]
    return [one[-1]]


def _outcome(one: Term) -> Any:
    match one:
        case ("not", inner):
            return not _raw(inner)
        case ("compare", first, *operands):
            left = _raw(first)
            result: Any = True
            for name, operand in operands:
                right = _raw(operand)
                result = _COMPARE[name](left, right)
                if not result:
                    return False
                left = right
            return result
        case ("count", sign, left, right):
            return _COUNT[sign](_raw(left), _raw(right))
        case ("sign", sign, inner):
            return -_raw(inner) if sign == "-" else +_raw(inner)
        case (kind, name, inner, given, named):
            args = [_raw(arg) for arg in given]
            kwargs = {key: _raw(arg) for key, arg in named}
            return applied(kind, name, _raw(inner), args, kwargs)
    raise AssertionError(one)


@dataclass(slots=True)
class Uses:
    """How conditions look at one answer. `values` are those it is compared with, `within` those
    that are looked for in it, `counted` says whether its length matters, `otherwise` whether it is
    looked at in a way that no list of cases covers."""

    values: set[Any]
    within: set[Any]
    counted: bool = False
    otherwise: bool = False


def uses(conditions: list[Term], name: str) -> Uses:
    """Return how these conditions look at the answer of this name."""
    found = Uses(set(), set())
    for one in conditions:
        _collect(one, ("name", name), found)
    return found


def _collect(one: Any, itself: Term, found: Uses) -> None:
    if one == itself:
        found.otherwise = True
        return
    if not isinstance(one, tuple):
        return
    match one:
        case ("const", _):
            return
        case ("test", "none" | "defined", inner, _, _) if inner == itself:
            return
        case ("compare", left, (_, right)) if itself in (left, right):
            sides = {left, right} - {itself}
            other = sides.pop() if sides else itself
            if _known(other):
                values = _raw(other) if other[0] == "items" else [_raw(other)]
                is_within = right == itself and one[2][0] in ("in", "notin")
                (found.within if is_within else found.values).update(values)
                return
        case ("compare", ("filter", "length" | "count", inner, _, _), (_, ("const", _))) if (
            inner == itself
        ):
            found.counted = True
            return
    for part in one:
        _collect(part, itself, found)
