"""A flow as a graph: what is asked in which order, what is skipped when, where it ends.

A flow is a list, so that its graph is a spine with detours: this module says what stands on it, and
`graph_svg.py` draws it. As Mermaid it is text that GitHub and many editors show as a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.flow.drawing.condition_words import in_words
from bot.flow.expressions import Expression, before_answers
from bot.flow.question import Question
from bot.flow.survey import Flow


@dataclass(frozen=True, slots=True)
class Row:
    """One question, note or calculation. `condition` is None where it is asked of everybody; `more`
    are lines about what it offers and takes, `ends` is its `end_if` in words; `sections` are the
    titles of those that it stands in, outermost first."""

    number: int  # 0 of what is not asked
    name: str
    kind: str
    label: str
    condition: str | None
    more: tuple[str, ...]
    ends: str
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow each other and are asked under the same condition; it may be none."""

    condition: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What a picture of a flow shows; `review` where all answers are shown before the end."""

    title: str
    rows: tuple[Row, ...]
    review: bool = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """The rows parted where the condition or the section changes."""
        found: list[list[Row]] = []
        for row in self.rows:
            last = found[-1][-1] if found else None
            if last and (last.condition, last.sections) == (row.condition, row.sections):
                found[-1].append(row)
            else:
                found.append([row])
        return tuple(Run(rows[0].condition, tuple(rows)) for rows in found)


def graph(flow: Flow, language: str) -> Graph:
    """Return the graph of a flow, with its texts in one language."""
    title = flow.title.get(language) or flow.title[flow.settings.default_language]
    rows = tuple(_row(flow, question, language) for question in flow.questions)
    return Graph(f"{title} ({flow.name})", rows, flow.review)


def _row(flow: Flow, question: Question, language: str) -> Row:
    def words(condition: Expression) -> str:
        return in_words(condition.source, flow, language)

    label = question.label.get(language, question.name)
    calculation = question.calculation
    return Row(
        number=question.number,
        name=question.name,
        kind=kind_in_words(question, language) + _beside(question),
        label=(
            f"= {calculation.source}"
            if calculation is not None
            else plain(before_answers(label, flow.settings.texts.get(language, {})))
        ),
        condition=words(question.relevant) if question.relevant else None,
        more=(
            *(
                [f"offers those for which {words(question.choice_filter)}"]
                if question.choice_filter
                else []
            ),
            *([f"taken only if {words(question.constraint)}"] if question.constraint else []),
        ),
        ends=words(question.end_if) if question.end_if else "",
        sections=tuple(_title(flow, name, language) for name in flow.around(question.section)),
    )


def _title(flow: Flow, name: str, language: str) -> str:
    """Return what a section is called, and what is left to chance in it."""
    titles = flow.sections[name].title or {}
    title = titles.get(language) or titles.get(flow.settings.default_language) or name
    if any(shuffle.name == name for shuffle in flow.shuffles):
        title += " (in any order)"
    first = min(one.index for one in flow.questions if name in flow.around(one.section))
    moves = [start for one in flow.shuffles if not one.name for start, _ in one.parts]
    return f"{title} (changes places by chance)" if first in moves else title


def plain(text: str) -> str:
    """Return a text on one line, without WhatsApp's marks of bold and italic."""
    return " ".join(re.sub(r"(?<!\w)([*_])(\S.*?)\1(?!\w)", r"\2", text).split())


def kind_in_words(question: Question, language: str) -> str:
    """Return the type of a question as "one of 5" or "number 0–120"."""
    shuffled = ", shuffled" if question.randomize else ""
    match question.type:
        case "select_one":
            return f"one of {len(question.choices)}{shuffled}"
        case "select_multiple":
            return f"several of {len(question.choices)}{shuffled}"
        case "integer":
            ends = (question.least, question.most)
            if ends == (None, None):
                return "number"
            least, most = ("…" if one is None else str(one) for one in ends)
            return f"number {least}–{most}"
        case "text":
            return "own words"
        case "rank":
            return f"order of {question.least or len(question.choices)}{shuffled}"
        case "calculate":
            return "worked out"
    limits = question.domain.limits(language) if question.domain is not None else ""
    name = _KINDS.get(question.type, question.type)
    return f"{name} {limits}" if limits else name


def _beside(question: Question) -> str:
    """Return what goes with a question besides its text."""
    media = question.media
    said = [
        *(["picture"] if media is not None and media.image else []),
        *(["recording"] if media is not None and media.audio else []),
    ]
    return "".join(f" · {one}" for one in said)


REVIEW = "all answers shown, sent with KIRIM"
"""What stands before the end where answers are reviewed."""

_KINDS: Mapping[str, str] = {"decimal": "number", "range": "scale", "geopoint": "place"}
"""What types are called in the picture, where it is not their name."""


def mermaid(drawn: Graph) -> str:
    """Return a graph as a Mermaid flowchart."""
    return "\n".join(["flowchart TB", *_mermaid(drawn)]) + "\n"


def _mermaid(drawn: Graph) -> Iterator[str]:
    yield '    begin(["consent"])'
    ways_in: list[tuple[str, str]] = [("begin", "")]
    sections: tuple[str, ...] = ()
    for number, run in enumerate(drawn.runs):
        here = run.rows[0].sections
        if here != sections:
            yield from ["    end"] * bool(sections)
            if here:
                yield f'    subgraph section_{number}["{_safe(" › ".join(here))}"]'
            sections = here
        if run.condition is not None:
            fork = f"if_{run.rows[0].name}"  # no question's own: these begin with q_
            yield f'    {fork}{{"{_safe(run.condition)}?"}}'
            yield from _arrows(ways_in, fork)
            ways_in = [(fork, "yes")]
        for row in run.rows:
            yield _box(row)
            yield from _arrows(ways_in, f"q_{row.name}")
            ways_in = [(f"q_{row.name}", "")]
            if row.ends:
                yield f'    end_{row.name}(["screened out"])'
                yield f'    q_{row.name} -->|"{_safe(row.ends)}"| end_{row.name}'
        if run.condition is not None:
            ways_in = [*ways_in, (f"if_{run.rows[0].name}", "no")]
    yield from ["    end"] * bool(sections)
    if drawn.review:
        yield f'    review(["{REVIEW}"])'
        yield from _arrows(ways_in, "review")
        ways_in = [("review", "")]
    yield '    finish(["finished"])'
    yield from _arrows(ways_in, "finish")


def _box(row: Row) -> str:
    number = f"{row.number} " if row.number else ""
    left, right = ("[", "]") if row.number else ("[/", "/]")
    return f'    q_{row.name}{left}"<b>{number}{row.name}</b><br/>{_safe(row.label)}"{right}'


def _arrows(sources: list[tuple[str, str]], target: str) -> Iterator[str]:
    for source, label in sources:
        yield f"    {source} -->{f'|{label}|' if label else ''} {target}"


def _safe(text: str) -> str:
    """Return a text as Mermaid takes it between quotes."""
    signs = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "#": "&#35;"}
    return "".join(signs.get(letter, letter) for letter in text)
