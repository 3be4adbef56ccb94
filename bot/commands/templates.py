"""`tautan templates`: from a survey's words to WhatsApp's approval."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from bot.channels.base import SendError, Templates
from bot.commands.common import JSON, err, fail, opened, out, report, table

if TYPE_CHECKING:
    from bot.interview.installation import Installation
    from bot.outreach.approvals import Line, Report

SURVEY = typer.Argument(..., help="The survey's name.")

templates = typer.Typer(help="WhatsApp's approval of what writes first.", no_args_is_help=True)


@templates.command("sync")
def sync(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """Make the survey's templates at the provider, where they are not there yet."""
    from bot.outreach import approvals as use

    with _provider() as (here, theirs):
        _tell(use.sync(here, survey, theirs), as_json)


@templates.command("submit")
def submit(
    survey: str = SURVEY,
    again: bool = typer.Option(
        False, "--again", help="Also try anew what was rejected, paused, disabled or deleted."
    ),
    as_json: bool = JSON,
) -> None:
    """Ask WhatsApp to approve what was made and not submitted yet."""
    from bot.outreach import approvals as use

    with _provider() as (here, theirs):
        _tell(use.submit(here, survey, theirs, again=again), as_json)


@templates.command("status")
def status(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """Ask WhatsApp how the survey's templates stand."""
    from bot.outreach import approvals as use

    with _provider() as (here, theirs):
        _tell(use.status(here, survey, theirs), as_json)


@contextmanager
def _provider() -> Iterator[tuple[Installation, Templates]]:
    """Open the installation and the provider's templates; what they raise becomes an exit."""
    from bot.outreach.approvals import NoTemplates, templates_of

    with opened() as service:
        here = service.installation
        try:
            yield here, templates_of(service.channels[here.via.channel])
        except (NoTemplates, SendError) as error:
            fail(str(error))


def _tell(done: Report, as_json: bool) -> None:
    """Print a report; exit 1 when something could not be done."""
    report(as_json, done.to_dict(), lambda: _show(done))
    if done.errors:
        raise typer.Exit(1)


def _show(done: Report) -> None:
    columns = ["message", "language", "status", "category", "used", "checked (UTC)", "id"]
    rows = [
        [
            one.message,
            one.language,
            one.status,
            _category(one),
            "yes" if one.usable else "no",
            f"{one.checked_at:%Y-%m-%d %H:%M}" if one.checked_at else "",
            one.id,
        ]
        for one in done.lines
    ]
    out.print(table(f"Templates of {done.survey}", columns, rows))
    if done.made or done.submitted:
        out.print(f"made: {done.made}, submitted: {done.submitted}")
    for one in done.lines:
        if one.problem:
            out.print(f"{one.problem}{_fix(one)}", markup=False, soft_wrap=True)
    for purpose, number in done.waiting.items():
        out.print(f"waiting in the outbox: {number} of purpose {purpose}")
    for line in done.errors:
        err.print(line, style="red", markup=False, soft_wrap=True)


def _category(line: Line) -> str:
    """What was asked for, and what WhatsApp made of it: that decides the price."""
    if not line.given or line.given == line.category:
        return line.category
    return f"{line.given}, asked {line.category}" if line.category else line.given


def _fix(line: Line) -> str:
    match line.status:
        case "not made":
            return "; run `tautan templates sync`"
        case "unsubmitted":
            return "; run `tautan templates submit`"
        case "rejected" | "disabled" | "gone":
            return "; change the words and publish, or run `tautan templates submit --again`"
        case "paused":
            return "; WhatsApp lifts it after some hours: write to fewer people, or in other words"
    return ""
