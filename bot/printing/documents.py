"""Documents written once, as text with a few marks, and given as text, HTML or PDF.

A blank line parts two blocks. What begins a block says what it is:

    # Title               ## Heading            - bullets            1. numbers
    ^ centred lines       > signature lines     Name :: value        anything else: a paragraph

`*words*` are bold, as in WhatsApp. `[ISI: what]` is a blank that somebody has to fill in; it is
shown marked, so that none is overlooked. Nothing else has a meaning, HTML and typst included.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.printing.typeset import typeset

BLANK = re.compile(r"\[ISI: ([^\]]*)\]")

Kind = Literal["title", "heading", "text", "bullets", "numbers", "facts", "centred", "signature"]

_BOLD = re.compile(r"\*([^*\n]+)\*")
_FACT = " ::"
_MARKS: Mapping[Kind, re.Pattern[str]] = {
    "title": re.compile(r"# "),
    "heading": re.compile(r"## "),
    "bullets": re.compile(r"- "),
    "numbers": re.compile(r"(\d+)\. "),
    "centred": re.compile(r"\^(?: |$)"),
    "signature": re.compile(r">(?: |$)"),
    "facts": re.compile(r"(?=.* ::(?: |$))"),
}
"""How each item of a block begins; what matches none is a paragraph."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: `lines` are its items, lines, or the one paragraph; facts are "name :: value".

    `start` is the number of the first item of a numbered list.
    """

    kind: Kind
    lines: tuple[str, ...]
    start: int = 1

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """The names and values of a block of facts."""
        pairs = (line.partition(_FACT) for line in self.lines)
        return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def read_document(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text."""
    parts = re.split(r"\n[ \t]*\n", text.strip("\n"))
    return tuple(_block(part.strip("\n").split("\n")) for part in parts if part.strip())


def blanks(text: str) -> list[str]:
    """Return what has to be filled in, in order, each once."""
    return list(dict.fromkeys(BLANK.findall(text)))


def as_text(blocks: Sequence[Block]) -> str:
    """Return plain text, without the stars of bold words."""
    return _BOLD.sub(r"\1", "\n\n".join(_text_of(block) for block in blocks) + "\n")


def as_html(blocks: Sequence[Block], *, title: str = "") -> str:
    """Return a page that Word and LibreOffice open as a document, or, without a title, a snippet
    to be put into another page: elements without classes, scripts or styles."""
    body = "\n".join(_html_of(block, styled=bool(title)) for block in blocks)
    if not title:
        return f"<section>\n{body}\n</section>\n"
    return _PAGE.format(title=html.escape(title), body=body)


def as_pdf(blocks: Sequence[Block], *, title: str, language: str = "id") -> bytes:
    """Return an A4 document. Raises TypesetError."""
    source = Path(__file__).with_name("document.typ").read_text(encoding="utf-8")
    data = {
        "title": title,
        "language": language,
        "blocks": [
            {
                "kind": block.kind,
                "lines": list(block.lines),
                "facts": [list(pair) for pair in block.facts] if block.kind == "facts" else [],
                "start": block.start,
            }
            for block in blocks
        ],
    }
    return typeset(source, data, form="pdf")[0]


def _block(lines: list[str]) -> Block:
    for kind, mark in _MARKS.items():
        found = mark.match(lines[0])
        if found:
            start = int(found[1]) if kind == "numbers" else 1
            return Block(kind, _items(lines, mark), start)
    return Block("text", (" ".join(line.strip() for line in lines),))


def _items(lines: list[str], mark: re.Pattern[str]) -> tuple[str, ...]:
    """Join each item's lines into one, and take the mark at its beginning away."""
    items: list[str] = []
    for line in lines:
        begun = mark.match(line)
        if begun:
            items.append(line[begun.end() :].strip())
        else:
            items[-1] += " " + line.strip()
    return tuple(items)


def _text_of(block: Block) -> str:
    match block.kind:
        case "bullets":
            return "\n".join(f"- {line}" for line in block.lines)
        case "numbers":
            return "\n".join(f"{n}. {line}" for n, line in enumerate(block.lines, block.start))
        case "facts":
            return "\n".join(f"{name}: {value}" for name, value in block.facts)
        case "title" | "heading":
            return " ".join(block.lines)
        case _:
            return "\n".join(block.lines)


def _html_of(block: Block, *, styled: bool) -> str:
    lines = [_inline(line, styled=styled) for line in block.lines]
    items = "\n".join(f"<li>{line}</li>" for line in lines)
    match block.kind:
        case "title":
            return f"<h1>{' '.join(lines)}</h1>" if styled else f"<h2>{' '.join(lines)}</h2>"
        case "heading":
            return f"<h2>{' '.join(lines)}</h2>" if styled else f"<h3>{' '.join(lines)}</h3>"
        case "bullets":
            return f"<ul>\n{items}\n</ul>"
        case "numbers":
            return f'<ol start="{block.start}">\n{items}\n</ol>'
        case "facts":
            return _facts_html(block, styled=styled)
        case "centred":
            return f'<p align="center">{"<br>".join(lines)}</p>'
        case "signature":
            shown = "<br>".join(line or "&nbsp;" for line in lines)
            return f'<p style="margin-left: 8.5cm">{shown}</p>' if styled else f"<p>{shown}</p>"
        case _:
            return f"<p>{' '.join(lines)}</p>"


def _facts_html(block: Block, *, styled: bool) -> str:
    pairs = [(html.escape(name), _inline(value, styled=styled)) for name, value in block.facts]
    if not styled:
        return "<dl>\n" + "\n".join(f"<dt>{n}</dt><dd>{v}</dd>" for n, v in pairs) + "\n</dl>"
    rows = "\n".join(f'<tr><td width="200">{n}</td><td>:</td><td>{v}</td></tr>' for n, v in pairs)
    return f'<table cellpadding="3">\n{rows}\n</table>'


def _inline(line: str, *, styled: bool) -> str:
    """Escape a line and give its bold words and blanks their elements."""
    escaped = _BOLD.sub(r"<b>\1</b>", html.escape(line))
    if styled:
        return BLANK.sub(r'<span style="background: #fff2a8">\g<0></span>', escaped)
    return BLANK.sub(r"<mark>\g<0></mark>", escaped)


_PAGE = """\
<!doctype html>
<html lang="id">
<head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<title>{title}</title>
<style>
@page {{ size: 21cm 29.7cm; margin: 2.5cm }}
body {{ font-family: Arial, sans-serif; font-size: 11pt; line-height: 1.35; max-width: 17cm }}
h1 {{ font-size: 14pt; text-align: center }}
h2 {{ font-size: 11pt; margin-top: 1.1em }}
td {{ vertical-align: top }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
