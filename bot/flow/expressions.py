"""Expressions over answers, and {{placeholders}} in texts: all compiled or checked once, at load.

Expressions are Jinja2 expressions in its sandbox, narrowed to what a survey needs: answers, values,
comparisons, `and`/`or`/`not`, `in`, arithmetic, a few filters. No calls, no attributes, nothing
random. What cannot be worked out, as an order or a sum without an answer, makes the whole false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from jinja2 import TemplateError, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from rapidfuzz import process

FILTERS = (
    *("abs", "count", "first", "float", "int", "last", "length", "lower", "max", "min"),
    *("round", "sum", "trim", "upper"),
)
TESTS = ("defined", "divisibleby", "even", "in", "none", "number", "odd", "string")

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
)

# What a comparison with a missing or differently typed answer can raise; anything else is a defect.
_UNANSWERABLE = (TypeError, ValueError, ArithmeticError, LookupError, TemplateError)

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_PIECE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
# What stands in an expression; of these only plain names can be those of questions.
_WORDS = re.compile(
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\|\s*\w+|\bis\s+(?:not\s+)?\w+|[A-Za-z_]\w*"
)


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
# What people write who know other languages, and what is meant.
_HABITS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("[\u2018\u2019\u201c\u201d]"), "use straight quotes, as in `sar_01 == '2'`"),
    (re.compile(r"\b(AND|OR|NOT|IN)\b"), "write `and`, `or`, `not`, `in` in small letters"),
    (re.compile(r"&&|\|\||!(?!=)"), "write `and`, `or`, `not`"),
    (re.compile(r"<>"), "write `!=` for what is not the same"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "write `==` where two things are compared"),
)


class ExpressionError(ValueError):
    """A condition or text cannot be used; `fix` says how to mend it."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.fix = fix


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A compiled expression. `names` are the answers that it reads, `choices` those of them that
    can be foreseen."""

    source: str
    names: tuple[str, ...]
    choices: frozenset[str]
    run: Callable[..., Any]
    run_cached: Callable[..., Any]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it is true; a name without a value is none."""
        return bool(self.value(values))

    def value(self, values: Mapping[str, Any]) -> Any:
        """Return what it comes to; None where it cannot be computed."""
        given = [values.get(name) for name in self.names]
        return self.run_cached(*given) if self.may_keep(given) else self.run(*given)

    def may_keep(self, values: Iterable[object]) -> bool:
        """Whether values may stay in a cache: numbers and the names of choices.

        All else is somebody's own words, or a day or a place that may tell who it was.
        """
        for value in values:
            if isinstance(value, str):
                if value not in self.choices:
                    return False
            elif isinstance(value, tuple) and not self.choices.issuperset(value):
                return False
        return True


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment()
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def compile_expression(
    source: str, known: Mapping[str, Collection[str] | None], later: Collection[str] = ()
) -> Expression:
    """Compile an expression over the `known` names.

    `known` gives for a choice question the names that an answer can have (a comparison with
    anything else could never be true), for others None. `later` are questions asked afterwards,
    for a better message. Raises ExpressionError.
    """
    try:
        names = _checked_names(source, known, later)
        compiled = _compiled(source)
    except TemplateError as error:
        what = f"`{source}` is not a condition"
        if fix := _mended(source, ""):
            raise ExpressionError(what, fix) from None
        raise ExpressionError(f"{what}: {error.message}", "write it as `sar_01 == '2'`") from None

    def run(*values: Any) -> Any:
        try:
            return compiled(dict(zip(names, values, strict=True)))
        except _UNANSWERABLE:
            return None

    choices = frozenset(choice for name in names for choice in known[name] or ())
    # typed: 1 and "1" differ anyway, 1 and True must too.
    return Expression(source, names, choices, run, lru_cache(maxsize=512, typed=True)(run))


# A condition stands in every edition of a survey and is read and compiled once.
@lru_cache(maxsize=512)
def _compiled(source: str) -> TemplateExpression:
    return _environment().compile_expression(source, undefined_to_none=True)


@lru_cache(maxsize=512)
def _parsed(source: str) -> nodes.Node:
    parser = Parser(_environment(), source, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        fix = _mended(source, "join conditions with `and` or `or`")
        raise ExpressionError(f"`{source}` goes on where it should end", fix)
    return tree


def _mended(source: str, otherwise: str) -> str:
    """Return how to write a condition that was written in the way of another language."""
    if fix := _from_xlsform(source):
        return fix
    bare = _QUOTED.sub("", source)
    return next((fix for habit, fix in _HABITS if habit.search(bare)), otherwise)


def _from_xlsform(source: str) -> str:
    """Return how what is written as in XLSForm is written here; nothing for other mistakes."""
    if name := re.search(r"\$\{\s*(\w+)\s*\}", source):
        return f"a name stands without `${{ }}` here: `{name[1]}`"
    if said := re.search(r"\bselected\(\s*(\w+)\s*,\s*('[^']*'|\"[^\"]*\")\s*\)", source):
        return f"write `{said[2]} in {said[1]}`"
    if re.search(r"(?:^|\s)\.(?:\s|$)", source):
        return "the answer itself is `value` here, not a point"
    return "write `today`, without brackets" if re.search(r"\btoday\(\)", source) else ""


def applied(kind: str, name: str, value: Any, given: list[Any], named: dict[str, Any]) -> Any:
    """Return what a filter or a test makes of a value; raises whatever it raises."""
    environment = _environment()
    call = environment.call_filter if kind == "filter" else environment.call_test
    return call(name, value, given, named)


def syntax_tree(source: str) -> nodes.Node:
    """Return the parts of a condition that was compiled, as the linter reads them."""
    return _parsed(source)


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    for child in tree.iter_child_nodes():
        yield from _walk(child)


def _checked_names(
    source: str, known: Mapping[str, Collection[str] | None], later: Collection[str]
) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for node in _walk(_parsed(source)):
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            raise ExpressionError(
                f"a condition may not use a {kind}",
                _from_xlsform(source) or "use answers, values, `and`, `or`, `not`, `in`",
            )
        if isinstance(node, nodes.Name):
            _check_name(node.name, known, later)
            names[node.name] = None
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise ExpressionError(f"unknown filter `{node.name}`", suggest(node.name, FILTERS))
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            raise ExpressionError(f"unknown test `{node.name}`", suggest(node.name, TESTS))
        elif isinstance(node, nodes.Compare):
            _check_comparison(node, known)
    return tuple(names)


def _check_name(
    name: str, known: Mapping[str, Collection[str] | None], later: Collection[str]
) -> None:
    if name in known:
        return
    if name in later:
        raise ExpressionError(
            f"`{name}` is asked later than this", "a condition can use earlier answers only"
        )
    raise ExpressionError(f"unknown name `{name}`", suggest(name, known))


def _check_comparison(node: nodes.Compare, known: Mapping[str, Collection[str] | None]) -> None:
    """Refuse `tgs_01 == 2` and `tgs_01 in ['7']`: conditions that silently never hold."""
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    for side in sides:
        names = known.get(side.name) if isinstance(side, nodes.Name) else None
        if names is None:
            continue
        for value in _constants(sides):
            if value not in names:
                shown = ", ".join(f"'{name}'" for name in names)
                question = cast(nodes.Name, side).name
                raise ExpressionError(
                    f"`{question}` can never be {value!r}", f"its answers are {shown} (in quotes)"
                )


def _constants(sides: Collection[nodes.Node]) -> Iterator[Any]:
    for side in sides:
        if isinstance(side, nodes.Const) and side.value is not None:
            yield side.value
        elif isinstance(side, nodes.List | nodes.Tuple):
            yield from _constants(side.items)


def suggest(word: str, known: Collection[str]) -> str:
    """Return "did you mean `…`?" for the nearest known word, else the list of known words."""
    best = process.extractOne(word, list(known), score_cutoff=60)
    if best is not None:
        return f"did you mean `{best[0]}`?"
    if not known:
        return ""
    shown = ", ".join(f"`{name}`" for name in sorted(known)[:12])
    return f"known: {shown}{', …' if len(known) > 12 else ''}"


def placeholders(text: str) -> tuple[str, ...]:
    """Return the names in a text's {{placeholders}}. Raises ExpressionError for a broken one."""
    rest = PLACEHOLDER.sub("", text)
    if "{{" in rest or "}}" in rest or "{%" in rest:
        raise ExpressionError("a placeholder that cannot be read", "write {{name}}")
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


def fill(text: str, value: Callable[[str], str]) -> str:
    """Replace every {{name}} by `value(name)`; braces inside a value stay what they are."""
    if "{{" not in text:
        return text
    return PLACEHOLDER.sub(lambda match: value(match.group(1)), text)


def worked_out(text: str) -> tuple[str, ...]:
    """Return what stands between braces in a text and is more than a name, as it is written."""
    return tuple(one.strip() for one in _PIECE.findall(text) if not is_name(one))


def without_worked_out(text: str) -> str:
    """Return a text without those, to check what is left of it."""
    return _PIECE.sub(lambda match: match[0] if is_name(match[1]) else "", text)


def fill_in(text: str, value: Callable[[str], str], worked: Callable[[str], str]) -> str:
    """Replace {{name}} by `value(name)`, and any other {{expression}} by `worked(expression)`."""
    if "{{" not in text:
        return text

    def piece(match: re.Match[str]) -> str:
        inner = match[1].strip()
        return value(inner) if is_name(inner) else worked(inner)

    return _PIECE.sub(piece, text)


def before_answers(text: str, owners: Mapping[str, str]) -> str:
    """Return a text as it reads before any answer: the owner's words filled in, the rest named."""
    return fill_in(text, lambda name: owners.get(name, f"[{name}]"), lambda one: f"[{one}]")


def is_name(text: str) -> bool:
    """Whether what stands between braces is a plain name."""
    return text.strip().isidentifier() and text.isascii()


@lru_cache(maxsize=1024)
def text_expression(source: str) -> Expression:
    """Return an {{expression}} of a text, which was checked when its file was read.

    It stands in many texts and editions and is compiled once.
    """
    names = {node.name: None for node in _walk(_parsed(source)) if isinstance(node, nodes.Name)}
    return compile_expression(source, names)


def renamed(source: str, names: Mapping[str, str]) -> str:
    """Return an expression with some of its names changed; words in quotes stay what they are."""
    return _WORDS.sub(lambda match: names.get(match[0], match[0]), source)


def renamed_in_text(text: str, names: Mapping[str, str]) -> str:
    """Return a text with some of the names between its braces changed."""
    return _PIECE.sub(lambda match: f"{{{{{renamed(match[1], names)}}}}}", text)


def names_in_braces(text: str) -> set[str]:
    """Return every name between a text's braces."""
    if "{{" not in text:
        return set()
    words = (word for piece in _PIECE.findall(text) for word in _WORDS.findall(piece))
    return {word for word in words if is_name(word)}
