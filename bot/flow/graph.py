"""A flow as a graph: what is asked in which order, what is skipped when, where it ends.

A flow is a list, so that its graph is a spine with detours: this module says what stands on it, and
`graph_svg.py` draws it. As Mermaid it is text that GitHub and many editors show as a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.flow.condition_words import in_words
from bot.flow.expressions import fill
from bot.flow.survey import Flow, Question


@dataclass(frozen=True, slots=True)
class Row:
    """One question or note. `condition` is None where it is asked of everybody; `checks` and `ends`
    are its constraint and its `end_if`, in words; `section` is "" outside of one."""

    number: int
    name: str
    kind: str
    label: str
    condition: str | None
    checks: str
    ends: str
    section: str
    note: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow each other and are asked under the same condition; it may be none."""

    condition: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What a picture of a flow shows."""

    title: str
    rows: tuple[Row, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The rows parted where the condition or the section changes."""
        found: list[list[Row]] = []
        for row in self.rows:
            last = found[-1][-1] if found else None
            if last and (last.condition, last.section) == (row.condition, row.section):
                found[-1].append(row)
            else:
                found.append([row])
        return tuple(Run(rows[0].condition, tuple(rows)) for rows in found)


def graph(flow: Flow, language: str) -> Graph:
    """Return the graph of a flow, with its texts in one language."""
    title = flow.title.get(language) or flow.title[flow.settings.default_language]
    rows = tuple(_row(flow, question, language) for question in flow.questions)
    return Graph(f"{title} ({flow.name})", rows)


def _row(flow: Flow, question: Question, language: str) -> Row:
    def words(condition: str) -> str:
        return in_words(condition, flow, language)

    def spoken(name: str) -> str:
        return flow.settings.texts.get(language, {}).get(name, f"[{name}]")

    return Row(
        number=question.number,
        name=question.name,
        kind=kind_in_words(question),
        label=plain(fill(question.label[language], spoken)),
        condition=words(question.relevant.source) if question.relevant else None,
        checks=words(question.constraint.source) if question.constraint else "",
        ends=words(question.end_if.source) if question.end_if else "",
        section="",
        note=question.type == "note",
    )


def plain(text: str) -> str:
    """Return a text on one line, without WhatsApp's marks of bold and italic."""
    return " ".join(re.sub(r"(?<!\w)([*_])(\S.*?)\1(?!\w)", r"\2", text).split())


def kind_in_words(question: Question) -> str:
    """Return the type of a question as "one of 5" or "number 0–120"."""
    match question.type:
        case "select_one":
            return f"one of {len(question.choices)}"
        case "select_multiple":
            return f"several of {len(question.choices)}"
        case "integer":
            limits = (question.least, question.most)
            if limits == (None, None):
                return "number"
            least, most = ("…" if one is None else str(one) for one in limits)
            return f"number {least}–{most}"
        case "text":
            return "own words"
        case _:
            return question.type


def mermaid(drawn: Graph) -> str:
    """Return a graph as a Mermaid flowchart."""
    return "\n".join(["flowchart TB", *_mermaid(drawn)]) + "\n"


def _mermaid(drawn: Graph) -> Iterator[str]:
    yield '    begin(["consent"])'
    ways_in: list[tuple[str, str]] = [("begin", "")]
    section = ""
    for run in drawn.runs:
        if run.rows[0].section != section:
            if section:
                yield "    end"
            section = run.rows[0].section
            if section:
                yield f'    subgraph {_id(section)}["{_safe(section)}"]'
        if run.condition is not None:
            fork = f"if_{run.rows[0].name}"
            yield f'    {fork}{{"{_safe(run.condition)}?"}}'
            yield from _arrows(ways_in, fork)
            ways_in = [(fork, "yes")]
        for row in run.rows:
            number = "" if row.note else f"{row.number} "
            shape = ("[/", "/]") if row.note else ("[", "]")
            text = f"<b>{number}{row.name}</b><br/>{_safe(row.label)}"
            yield f'    {row.name}{shape[0]}"{text}"{shape[1]}'
            yield from _arrows(ways_in, row.name)
            ways_in = [(row.name, "")]
            if row.ends:
                yield f'    end_{row.name}(["screened out"])'
                yield f'    {row.name} -->|"{_safe(row.ends)}"| end_{row.name}'
        if run.condition is not None:
            ways_in = [*ways_in, (f"if_{run.rows[0].name}", "no")]
    if section:
        yield "    end"
    yield '    finish(["finished"])'
    yield from _arrows(ways_in, "finish")


def _arrows(sources: list[tuple[str, str]], target: str) -> Iterator[str]:
    for source, label in sources:
        yield f"    {source} -->{f'|{label}|' if label else ''} {target}"


def _id(section: str) -> str:
    return "section_" + (re.sub(r"\W+", "_", section) or "x")


def _safe(text: str) -> str:
    """Return a text as Mermaid takes it between quotes."""
    signs = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "#": "&#35;"}
    return "".join(signs.get(letter, letter) for letter in text)
