"""How conditions read an answer, and with which values they compare it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from bot.flow.expressions import Expression, syntax_tree

VALUE = "value"
"""What a constraint calls the new answer."""


@dataclass(slots=True)
class Uses:
    """What conditions do with one answer.

    `compared` are the constants that it is compared with, `members` those that are looked for in
    it. `otherwise`: it is read in some way that constants do not decide, as arithmetic.
    """

    compared: list[Any] = field(default_factory=list)
    members: list[Any] = field(default_factory=list)
    ordered: bool = False  # compared by < and the like, not only by ==
    otherwise: bool = False


def uses(
    conditions: Iterable[tuple[Expression, str]], worked_out: Iterable[Expression] = ()
) -> dict[str, Uses]:
    """Return by name how these conditions read each answer.

    With each condition goes the name of its own question, which `value` stands for. `worked_out`
    are expressions whose value is used, and not only whether it holds.
    """
    found: dict[str, Uses] = {}
    for condition, own in conditions:
        _visit(syntax_tree(condition.source), own, found, truth=True)
    for expression in worked_out:
        _visit(syntax_tree(expression.source), "", found, truth=False)
    return found


def _visit(node: nodes.Node, own: str, found: dict[str, Uses], *, truth: bool) -> None:
    """Note every name below; `truth`: only whether this node holds is asked here."""
    match node:
        case nodes.Name():
            one = found.setdefault(own if node.name == VALUE else node.name, Uses())
            one.otherwise |= not truth
        case nodes.Not():
            _visit(node.node, own, found, truth=True)
        case nodes.And() | nodes.Or():
            # In a comparison `a or b` is one of the two, not whether it holds.
            _visit(node.left, own, found, truth=truth)
            _visit(node.right, own, found, truth=truth)
        case nodes.Test(node=nodes.Name(), name="none" | "defined"):
            _visit(node.node, own, found, truth=True)
        case nodes.Compare():
            left = node.expr
            for operand in node.ops:
                _compare(left, operand.op, operand.expr, own, found)
                left = operand.expr
        case _:
            for child in node.iter_child_nodes():
                _visit(child, own, found, truth=False)


def _compare(
    left: nodes.Node, op: str, right: nodes.Node, own: str, found: dict[str, Uses]
) -> None:
    known_left, known_right = _constant(left), _constant(right)
    inside = op in {"in", "notin"}
    if isinstance(left, nodes.Name) and known_right is not None:
        one = found.setdefault(own if left.name == VALUE else left.name, Uses())
        listed = known_right[0]
        if inside and not isinstance(listed, list | tuple):
            one.otherwise = True
            return
        one.compared += listed if inside else [listed]
        one.ordered |= op not in {"eq", "ne", "in", "notin"}
    elif isinstance(right, nodes.Name) and known_left is not None:
        one = found.setdefault(own if right.name == VALUE else right.name, Uses())
        if inside:
            one.members.append(known_left[0])
        else:
            one.compared.append(known_left[0])
            one.ordered |= op not in {"eq", "ne"}
    else:
        _visit(left, own, found, truth=False)
        _visit(right, own, found, truth=False)


def _constant(node: nodes.Node) -> tuple[Any] | None:
    """Return the value of a constant or of a list of constants; None if it is something else."""
    match node:
        case nodes.Const():
            return (node.value,)
        case nodes.Neg(node=nodes.Const(value=int() | float() as number)):
            return (-number,)
        case nodes.List() | nodes.Tuple():
            items = [_constant(item) for item in node.items]
            return ([item[0] for item in items if item is not None],) if all(items) else None
    return None
