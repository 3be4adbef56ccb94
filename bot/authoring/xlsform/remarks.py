"""What a conversion could not take over as it stands: one line for each, none in silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal

Weight = Literal["left out", "changed", "please check"]


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing of a form that is not as it was, where it stands, why, and what to do about it.

    `row` is the spreadsheet's, from 1; 0 where it is about the whole sheet.
    """

    sheet: str
    row: int
    column: str
    weight: Weight
    what: str
    why: str = ""
    fix: str = ""

    @property
    def place(self) -> str:
        """The place as `sheet:row:column`."""
        return self.placed([self.row])

    def placed(self, rows: list[int]) -> str:
        """The place with these rows in place of its own."""
        said = _spans(rows) if rows != [0] else "-"
        return f"{self.sheet}:{said}:{self.column or '-'}"

    def __str__(self) -> str:
        said = f"{self.place}: {self.weight}: {self.what}"
        said += f", because {self.why}" if self.why else ""
        return f"{said}; {self.fix}" if self.fix else said


class Remarks:
    """Gathers remarks, each once."""

    def __init__(self) -> None:
        self._found: dict[Remark, None] = {}

    def add(
        self,
        sheet: str,
        row: int,
        column: str,
        weight: Weight,
        what: str,
        why: str = "",
        fix: str = "",
    ) -> None:
        """Note one."""
        self._found[Remark(sheet, row, column, weight, what, why, fix)] = None

    def every(self) -> tuple[Remark, ...]:
        """Return all of them in the order of the form."""
        order = {"settings": 0, "survey": 1, "choices": 2}
        return tuple(sorted(self._found, key=lambda one: (order.get(one.sheet, 3), one.row)))


def as_rows(remarks: Iterable[Remark]) -> list[dict[str, str | int]]:
    """Return remarks as plain data, for another program."""
    return [{"place": one.place, **asdict(one)} for one in remarks]


def in_short(remarks: Iterable[Remark]) -> list[str]:
    """Return remarks as lines, those that differ by their row only in one: `survey:5, 7-9:good`."""
    alike: dict[tuple[str, ...], list[Remark]] = {}
    for one in remarks:
        alike.setdefault((one.sheet, one.column, one.weight, one.why, one.fix), []).append(one)
    lines = []
    for found in alike.values():
        first, rows = found[0], sorted({one.row for one in found})
        same = len({one.what for one in found}) == 1
        merged = replace(first, what=first.what if same else f"as {first.what}")
        times = "" if len(rows) == 1 else f" ({len(rows)} rows)"
        lines.append(str(merged).replace(first.place, merged.placed(rows) + times, 1))
    return lines


def _spans(rows: list[int]) -> str:
    """Return sorted numbers as `2, 4-7`."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][-1] + 1:
            spans[-1][1:] = [row]
        else:
            spans.append([row])
    return ", ".join("-".join(map(str, span)) for span in spans)


def as_text(head: str, remarks: Iterable[Remark]) -> str:
    """Return remarks as a report for people: by weight, what is lost first."""
    lines = [head, ""]
    listed = list(remarks)
    titles: dict[Weight, str] = {
        "left out": "LEFT OUT: not in the result",
        "changed": "CHANGED: in the result, in another way",
        "please check": "PLEASE CHECK",
    }
    for weight, title in titles.items():
        found = [one for one in listed if one.weight == weight]
        if not found:
            continue
        lines += [f"{title} ({len(found)})", ""]
        for one in found:
            lines.append(f"- {one.place}: {one.what}")
            lines += [f"    why: {one.why}"] if one.why else []
            lines += [f"    to do: {one.fix}"] if one.fix else []
        lines.append("")
    if not listed:
        lines += ["Everything was taken over as it stands.", ""]
    return "\n".join(lines)
