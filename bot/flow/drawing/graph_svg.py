"""Drawing the graph of a flow as SVG: one column of boxes, detours on the left, ends on the right.

The widths of letters are those of the font that the program ships. A browser without it takes
another one, and draws each line as wide as it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from bot.flow.drawing.graph import REVIEW, Graph, Row, Run

WIDTH = 960
_LEFT, _RIGHT = 130, 690  # of a box
_INDENT = 22  # of a box that not everybody is asked
_PAD = 12
_GAP = 16  # between two boxes
_LINES = 2  # of a label
_ENDS = 730  # where an end stands

_INK, _SOFT, _LINE = "#14212b", "#51606b", "#8b98a1"
_BOX, _NOTE, _DARK = "#ffffff", "#f6f3e8", "#0b6e75"
_IF, _IF_INK, _END, _END_INK = "#e6f1f2", "#0b5259", "#fbe9e7", "#8c2f22"
_BAND = "#f1f4f5"
_FONT = "'Source Sans 3', 'Source Sans Pro', 'Segoe UI', Helvetica, Arial, sans-serif"

# Widths of letters in hundredths of the font's size, of Source Sans 3; others are as wide as an n.
_WIDTHS = {
    letter: width
    for width, letters in {
        20: " ",
        24: "|",
        25: "',.:;ij",
        26: "Il",
        29: "!f",
        30: "()[]{}",
        31: "-",
        34: "t",
        35: "/\\r",
        42: "*?sz",
        45: "x",
        46: "c",
        47: "vy",
        48: "JY",
        49: "FL",
        52: "VX",
        53: "ES",
        57: "CPRdpq",
        59: "BK",
        62: "DG&",
        65: "HNU",
        67: "OQ",
        73: "Mw",
        83: "mW%@",
    }.items()
    for letter in letters
}


def width_of(text: str, size: float) -> float:
    """Return how wide a text is, about, in the units of the picture."""
    return sum(_WIDTHS.get(letter, 55) for letter in text) * size / 100


def wrapped(text: str, size: float, room: float, lines: int) -> list[str]:
    """Break a text into lines; one that does not fit into so many ends in an ellipsis."""
    found: list[str] = []
    words = text.split()
    while words and len(found) < lines:
        line = words.pop(0)
        while words and width_of(f"{line} {words[0]}", size) <= room:
            line += f" {words.pop(0)}"
        found.append(line)
    if words or any(width_of(line, size) > room for line in found):
        last = found[-1] + (" " + words[0] if words else "")
        while last and width_of(last + "…", size) > room:
            last = last[:-1]
        found[-1] = last.rstrip(" ,;:.") + "…"
    return found


@dataclass(slots=True)
class _Sheet:
    """Where the pencil is, and what has been drawn: grounds, lines upon them, and boxes on top."""

    y: float
    grounds: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        fill: str = _INK,
        *,
        bold: bool = False,
        anchor: str = "start",
    ) -> None:
        """Write one line; `y` is its base."""
        weight = ' font-weight="bold"' if bold else ""
        # Other fonts are wider than ours: the line is drawn as wide as it was measured in all.
        wide = width_of(words, size) * (1.07 if bold else 1)
        self.over.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}"{weight}'
            f' textLength="{wide:.0f}" lengthAdjust="spacingAndGlyphs"'
            f' text-anchor="{anchor}">{escape(words)}</text>'
        )

    def box(
        self,
        place: tuple[float, float, float, float],
        fill: str,
        stroke: str = "none",
        radius: float = 6,
        *,
        ground: bool = False,
    ) -> None:
        """Draw a box at (left, top, width, height)."""
        x, y, width, height = place
        (self.grounds if ground else self.over).append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"'
            f' fill="{fill}" stroke="{stroke}"/>'
        )

    def line(self, path: str, stroke: str = _LINE, *, dashed: bool = False) -> None:
        """Draw a line that ends in an arrow."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.lines.append(
            f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="1.6"{dash}'
            ' marker-end="url(#tip)"/>'
        )


def svg(drawn: Graph) -> str:
    """Return a graph as an SVG picture, 960 units wide."""
    sheet = _Sheet(y=44)
    sheet.text(_LEFT, 30, drawn.title, 19, bold=True)
    from_y = _pill(sheet, "consent", _DARK)
    sections: tuple[str, ...] = ()
    band_top = 0.0
    detour = False
    for run in drawn.runs:
        here = run.rows[0].sections
        if here != sections:
            _band(sheet, band_top, sections)
            sections, band_top = here, sheet.y + 16
            if here:
                sheet.y += 30
                title = wrapped(" › ".join(here), 13.5, _RIGHT - _LEFT, 1)[0]
                sheet.text(_MIDDLE + 14, sheet.y + 4, title, 13.5, _SOFT, bold=True)
            else:
                sheet.y += 8
        from_y = _run(sheet, run, from_y, after_detour=detour)
        detour = run.condition is not None
    _band(sheet, band_top, sections)
    if drawn.review:
        from_y = _page(sheet, from_y)
    _arrow_down(sheet, from_y, sheet.y + _GAP)
    sheet.y += _GAP - 10
    _pill(sheet, "finished", _DARK)
    return _document(sheet)


_MIDDLE = _LEFT + 40  # where the spine runs


def _arrow_down(sheet: _Sheet, start: float, end: float) -> None:
    sheet.line(f"M{_MIDDLE} {start:g}V{end - 2:g}")


def _pill(sheet: _Sheet, words: str, fill: str) -> float:
    """Draw where everybody begins or ends; return its lower edge."""
    width = width_of(words, 13) + 30
    top = sheet.y + 10
    sheet.box((_MIDDLE - width / 2, top, width, 26), fill, radius=13)
    sheet.text(_MIDDLE, top + 17.5, words, 13, "#ffffff", bold=True, anchor="middle")
    sheet.y = top + 26
    return sheet.y


def _page(sheet: _Sheet, from_y: float) -> float:
    """Draw the page of all answers; return its lower edge."""
    top = sheet.y + _GAP
    _arrow_down(sheet, from_y, top)
    sheet.box((_LEFT, top, _RIGHT - _LEFT, 30), _NOTE, _LINE)
    sheet.text(_LEFT + _PAD + 30, top + 20, REVIEW, 13, _SOFT)
    sheet.y = top + 30
    return sheet.y


def _run(sheet: _Sheet, run: Run, from_y: float, *, after_detour: bool) -> float:
    """Draw rows of one condition; return where the spine goes on."""
    if run.condition is None:
        for row in run.rows:
            from_y = _row(sheet, row, from_y, 0)
        return from_y
    if after_detour:
        sheet.y += 12  # room for one detour that ends and one that begins
    top = sheet.y + _GAP
    said = wrapped(f"only if {run.condition}", 13, _RIGHT - _LEFT - 2 * _PAD, 3)
    sheet.y = top + 8 + 17 * len(said)
    for number, line in enumerate(said):
        sheet.text(_LEFT + _PAD, top + 18 + 17 * number, line, 13, _IF_INK, bold=True)
    _arrow_down(sheet, from_y, top)
    start = sheet.y - 2
    sheet.y -= 8
    for row in run.rows:
        start = _row(sheet, row, start, _INDENT)
    sheet.y += 10
    sheet.box((_LEFT, top, _RIGHT - _LEFT, sheet.y - top), _IF, ground=True)
    middle, lane = (top + sheet.y) / 2, _LEFT - 26
    away, back = top - _GAP + 5, sheet.y + _GAP / 2
    sheet.line(
        f"M{_MIDDLE} {away:g}H{lane + 8}Q{lane} {away:g} {lane} {away + 8:g}"
        f"V{back - 8:g}Q{lane} {back:g} {lane + 8} {back:g}H{_MIDDLE - 3}",
        dashed=True,
    )
    sheet.text(lane - 8, middle + 4, "otherwise", 12, _SOFT, anchor="end")
    return start


def _row(sheet: _Sheet, row: Row, from_y: float, indent: float) -> float:
    """Draw one box and what belongs to it; return its lower edge."""
    left, room = _LEFT + indent, _RIGHT - _LEFT - indent - (indent and 10)
    label = wrapped(row.label, 14, room - 2 * _PAD - 34, _LINES)
    more = [line for said in row.more for line in wrapped(said, 12, room - 56, 2)]
    top = sheet.y + _GAP
    height = 27 + 17.5 * len(label) + 15 * len(more)
    _arrow_down(sheet, from_y, top)
    sheet.box((left, top, room, height), _BOX if row.number else _NOTE, _LINE)
    text_left = left + _PAD + 30
    if row.number:
        sheet.text(left + _PAD + 20, top + 18, str(row.number), 15, _DARK, bold=True, anchor="end")
    sheet.text(text_left, top + 18, row.name, 12.5, _DARK, bold=True)
    sheet.text(left + room - _PAD, top + 18, row.kind, 12, _SOFT, anchor="end")
    y = top + 19
    for line in label:
        y += 17.5
        sheet.text(text_left, y, line, 14)
    for line in more:
        y += 15
        sheet.text(text_left, y, line, 12, _SOFT)
    if row.ends:
        _end(sheet, row.ends, top, height, left + room)
    sheet.y = top + height
    return sheet.y


def _end(sheet: _Sheet, ends: str, top: float, height: float, edge: float) -> None:
    """Draw where an interview is screened out, to the right of its question."""
    lines = wrapped(f"if {ends}", 12, WIDTH - _ENDS - 34, 3)
    tall = 25 + 15 * len(lines)
    upper = top + (height - tall) / 2
    sheet.box((_ENDS, upper, WIDTH - _ENDS - 14, tall), _END, "#d9a59c", 10)
    sheet.text(_ENDS + 10, upper + 17, "Screened out", 12.5, _END_INK, bold=True)
    for number, line in enumerate(lines):
        sheet.text(_ENDS + 10, upper + 32 + 15 * number, line, 12, _END_INK)
    sheet.line(f"M{edge:g} {top + height / 2:g}H{_ENDS - 3}", "#b4594b")


def _band(sheet: _Sheet, top: float, sections: tuple[str, ...]) -> None:
    """Lay a section's band under what was drawn since `top`."""
    if sections:
        place = (_LEFT - 14, top, _RIGHT - _LEFT + 28, sheet.y + 12 - top)
        x, y, width, height = place
        sheet.grounds.insert(
            0,
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="10"'
            f' fill="{_BAND}"/>',
        )


def _document(sheet: _Sheet) -> str:
    height = sheet.y + 24
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}"'
        f' width="{WIDTH}" height="{height:g}" font-family="{_FONT}">'
    )
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6"'
        f' markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="{_SOFT}"/>'
        "</marker></defs>"
    )
    return "\n".join(
        [
            head,
            tip,
            f'<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>',
            *sheet.grounds,
            *sheet.lines,
            *sheet.over,
            "</svg>",
            "",
        ]
    )
