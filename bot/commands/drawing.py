"""`tautan graph`: a flow as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from bot.commands.common import fail, faults, out
from bot.commands.flows import survey_folder, survey_in

FORMS = (".svg", ".png", ".mmd")
PPI = 144  # two pixels for each unit of the picture
PIXELS_AT_MOST = 16_000
"""So tall may a picture be; what is taller is drawn smaller, because viewers refuse it."""

_TYPST = """\
#let size = json("data.json")
#set page(width: size.width * 1pt, height: size.height * 1pt, margin: 0pt)
#image("graph.svg", width: 100%)
"""


def graph(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    group: str = typer.Argument(..., help="Whose questions: a group of the survey."),
    output: Path = typer.Option(
        ..., "--output", "-o", help="The picture's file: .svg, .png or .mmd (Mermaid)."
    ),
    language: str = typer.Option("", "--language", help="Of the questions; the survey's default."),
) -> None:
    """Draw a flow: questions in order, what is skipped when, where interviews end."""
    from bot.flow.drawing.graph import graph as graph_of
    from bot.flow.drawing.graph import mermaid
    from bot.flow.drawing.graph_svg import svg

    with faults():
        compiled = survey_in(survey_folder(survey))
        if group not in compiled.settings.groups:
            fail(f"no group {group!r}; there are: {', '.join(compiled.settings.groups)}")
        if not compiled.settings.takes_answers:
            fail(f"{compiled.settings.name} takes no answers, so that there is nothing to draw")
        spoken = language or compiled.settings.default_language
        if spoken not in compiled.languages:
            fail(f"no language {spoken!r}; there are: {', '.join(compiled.languages)}")
        if output.suffix not in FORMS:
            fail(f"{output}: the name has to end in one of {', '.join(FORMS)}")
        drawn = graph_of(compiled.for_group(group), spoken)
        match output.suffix:
            case ".mmd":
                output.write_text(mermaid(drawn), "utf-8")
            case ".svg":
                output.write_text(svg(drawn), "utf-8")
            case _:
                output.write_bytes(_png(svg(drawn)))
        out.print(f"written: {output}", markup=False, soft_wrap=True)


def _png(picture: str) -> bytes:
    """Return an SVG picture as PNG, with the font that the program ships."""
    from bot.printing.typeset import typeset

    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', picture)
    assert size is not None
    width, height = (float(one) for one in size.groups())
    ppi = min(PPI, int(PIXELS_AT_MOST * 72 / height))
    data = {"width": width, "height": height}
    return typeset(_TYPST, data, form="png", ppi=ppi, files={"graph.svg": picture.encode()})[0]
