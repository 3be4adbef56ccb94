"""`tautan doctor`: is this installation ready for real people?"""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from bot.commands.common import JSON, opened, out, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.doctor.findings import Finding

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}
_INDENT = 23  # verdict and check stand before


def doctor(as_json: bool = JSON) -> None:
    """Check everything that a real conversation needs, and say what to do and where to click.

    Exit code 1 means that something is wrong; warnings alone are 0. Nothing is sent or changed.
    """
    from bot.doctor.examination import examine

    with opened() as service:
        findings = list(_shown(examine(service), quiet=as_json))
    counts = Counter[str](one.verdict for one in findings)
    value: dict[str, Any] = {
        "ok": not counts["error"],
        "errors": counts["error"],
        "warnings": counts["warning"],
        "steps": [one.to_dict() for one in findings],
    }
    report(as_json, value, lambda: _sum_up(counts))
    if counts["error"]:
        raise typer.Exit(1)


def _shown(findings: Iterator[Finding], *, quiet: bool) -> Iterator[Finding]:
    """Print findings as they come: some wait for Twilio."""
    for one in findings:
        if not quiet:
            _show(one)
        yield one


def _show(one: Finding) -> None:
    """Print one finding in columns; what is to be pasted stands alone, in one piece."""
    width = max(40, out.width - _INDENT - 1)
    what, *rest = textwrap.wrap(one.what, width, break_on_hyphens=False, break_long_words=False)
    line = Text(" ")
    line.append(f"{one.verdict:<9}", _STYLES[one.verdict])
    line.append(f"{one.check:<13}{what}")
    out.print(line, soft_wrap=True)
    for more in rest:
        out.print(Text(" " * _INDENT + more), soft_wrap=True)
    arrow = "-> "
    for more in textwrap.wrap(one.fix, width - 3, break_on_hyphens=False, break_long_words=False):
        out.print(Text(" " * _INDENT + arrow + more, "cyan"), soft_wrap=True)
        arrow = "   "
    if one.paste:
        out.print(Text(" " * (_INDENT + 3) + one.paste, "bold cyan"), soft_wrap=True)


def _sum_up(counts: Counter[str]) -> None:
    out.print()
    if counts["error"]:
        out.print(
            f"{counts['error']} to mend, {counts['warning']} to know. Mend the first error first:"
            " later ones may come of it.",
            style="red",
            soft_wrap=True,
        )
    elif counts["warning"]:
        out.print(f"Nothing is wrong; {counts['warning']} to know.", style="green")
    else:
        out.print("All is well.", style="green")
