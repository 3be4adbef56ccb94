"""Limits that a form writes as constraints and a flow has keys for: `. >= 1 and . <= 5`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.authoring.xlsform.xpath import Binary, Call, Dot, Negative, Node, Number, String, conjuncts

_TURNED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "=": "="}
_WHOLE = re.compile(r"-?\d+")


def limits(kind: str, tree: Node) -> tuple[dict[str, int | float | str], tuple[Node, ...]]:
    """Return the keys that say a part of a constraint, and what is left of it."""
    found: dict[str, int | float | str] = {}
    rest: list[Node] = []
    for part in conjuncts(tree):
        key, value = _limit(kind, part)
        if value is None or key in found:
            rest.append(part)
        else:
            found[key] = value
    return found, tuple(rest)


def joined(parts: tuple[Node, ...]) -> Node:
    """Return several conditions as one that is true when all of them are."""
    whole = parts[0]
    for part in parts[1:]:
        whole = Binary("and", whole, part)
    return whole


def _limit(kind: str, part: Node) -> tuple[str, int | float | str | None]:
    if not isinstance(part, Binary) or part.operator not in _TURNED:
        return "", None
    left, operator, right = part.left, part.operator, part.right
    if isinstance(right, Dot | Call) and not isinstance(left, Dot | Call):
        left, operator, right = right, _TURNED[operator], left
    match kind, left:
        case "integer" | "decimal" | "range", Dot():
            return _named(operator, _number(right, whole=kind == "integer"))
        case "date", Dot():
            return _named(operator, _day(right))
        case "text", Call("string-length", (Dot(),)) if operator == "<=":
            return "max_chars", _number(right, whole=True)
        case "select_multiple", Call("count-selected", (Dot(),)):
            key = {"<=": "max_choices", ">=": "min_choices"}.get(operator, "")
            value = _number(right, whole=True)
            return key, value if key and value is not None and value >= 1 else None
        case "rank", Call("count-selected", (Dot(),)) if operator == "=":
            return "max_choices", _number(right, whole=True)
    return "", None


def _named(operator: str, value: int | float | str | None) -> tuple[str, int | float | str | None]:
    key: Mapping[str, str] = {">=": "min", "<=": "max"}
    return key.get(operator, ""), value if operator in key else None


def _number(node: Node, *, whole: bool) -> int | float | None:
    sign = ""
    if isinstance(node, Negative):
        sign, node = "-", node.of
    if not isinstance(node, Number):
        return None
    text = f"{sign}{node.text}"
    if _WHOLE.fullmatch(text):
        return int(text)
    return None if whole else float(text)


def _day(node: Node) -> str | None:
    if isinstance(node, Call) and node.name == "date" and len(node.given) == 1:
        node = node.given[0]
    if isinstance(node, String) and re.fullmatch(r"\d{4}-\d\d-\d\d", node.text):
        return node.text
    return None
