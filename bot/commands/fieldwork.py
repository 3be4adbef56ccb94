"""`tautan units`, `roster`, `progress`, `close`: the field."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.commands.common import (
    JSON,
    counted,
    err,
    fail,
    many_objects,
    opened,
    out,
    report,
    table,
)
from bot.commands.common import progress_bar as _progress
from bot.commands.headings import INSTITUTION, MAP, YES, show_left_out, understood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.flow.source import Problem
    from bot.interview.closing import ClosePlan, CloseReport
    from bot.outreach.roster.importing import Options, RosterReport
    from bot.service import Service

FILE = typer.Argument(..., help="A CSV, XLSX, XLS or ODS file.")
SURVEY = typer.Argument(..., help="The survey's name.")
SURVEY_OPTION = typer.Option(..., "--survey", "-s", help="The survey's name.")

units = typer.Typer(help="The hierarchy: codes, names, time zones, targets.", no_args_is_help=True)
roster = typer.Typer(help="The lists of people that offices give us.", no_args_is_help=True)


@units.command("import")
def units_import(
    file: Path = FILE,
    survey: str | None = typer.Option(None, "--survey", "-s", help="Take target_… columns for it."),
    as_json: bool = JSON,
) -> None:
    """Take units (and targets) from a file; the same file again changes nothing."""
    from bot.outreach.units import import_units

    with opened() as service:
        done = import_units(service.installation, file, survey)
        report(
            as_json,
            done.to_dict(),
            lambda: out.print(
                f"units: {done.added} added, {done.changed} changed, {done.unchanged} unchanged;"
                f" targets set: {done.targets}"
            ),
        )


UNIT = typer.Option("", "--unit", help="list:code, for rows that name no unit.")
GROUP = typer.Option("", "--group", help="For rows that name no group.")
REJECTS = typer.Option(
    None, "--rejects", help="A .csv file: the rows to mend, with reasons, for the office."
)


@roster.command("check")
def roster_check(
    file: Path = FILE,
    survey: str | None = typer.Option(None, "--survey", "-s", help="Compare with this survey."),
    unit: str = UNIT,
    group: str = GROUP,
    institution: str = INSTITUTION,
    rejects: Path | None = REJECTS,
    said: list[str] = MAP,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Read a roster and say what is wrong with it; writes nothing to the database."""
    from bot.outreach.roster.importing import check_roster

    with opened() as service:
        headings = understood(service, file, unit, institution, said, yes=yes, as_json=as_json)
        options = _options(service, unit, group, institution, headings)
        done = check_roster(service.installation, file, survey, options, rejects=rejects)
        _roster_report(done, file, as_json)


@roster.command("import")
def roster_import(
    file: Path = FILE,
    survey: str = SURVEY_OPTION,
    unit: str = UNIT,
    group: str = GROUP,
    institution: str = INSTITUTION,
    rejects: Path | None = REJECTS,
    said: list[str] = MAP,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Load a roster; rows that cannot be used are listed and lose nothing of the others."""
    from bot.intake.sheets import count_lines
    from bot.outreach.roster.importing import import_roster

    with opened() as service:
        headings = understood(
            service, file, unit, institution, said, yes=yes, as_json=as_json, remember=True
        )
        options = _options(service, unit, group, institution, headings)
        with _progress("reading", count_lines(file)) as told, many_objects():
            done = import_roster(
                service.installation, file, survey, options, rejects=rejects, progress=told
            )
        _roster_report(done, file, as_json)


@roster.command("template")
def roster_template(
    output: Path = typer.Option(..., "--output", "-o", help="The .xlsx file to write."),
    survey: str | None = typer.Option(None, "--survey", "-s", help="Offer this survey's groups."),
) -> None:
    """Write a workbook to hand out: columns, rules for cells, and a page of instructions."""
    from bot.outreach.roster.template import write_template

    with opened() as service:
        if output.suffix.lower() != ".xlsx":
            fail(f"{output}: end the name in .xlsx")
        write_template(service.installation, output, survey)
        out.print(f"written to {output}; its page 'Petunjuk' says how to fill it in")


def _options(
    service: Service, unit: str, group: str, institution: str, headings: Mapping[str, str]
) -> Options:
    from bot.outreach.roster.importing import Options

    return Options(
        region=service.settings.default_region,
        unit=unit,
        group=group,
        institution=institution,
        headings=headings,
    )


def _roster_report(done: RosterReport, file: Path, as_json: bool) -> None:
    def show() -> None:
        rows = [[name, number] for name, number in sorted(done.counts.items())]
        out.print(table(f"{file.name}: {counted(done.rows, 'row')}", ["class", "rows"], rows))
        if done.written:
            out.print(f"added {done.added}, changed {done.changed}, gone {done.gone}")
        else:
            out.print(
                f"nothing was written; an import would add {done.added}, change {done.changed}"
                f" and take {done.gone} off the list"
            )
        if done.repeated:
            out.print("this very file was taken in before: nothing changed")
        for problem in done.problems[:20]:
            err.print(str(problem), markup=False, soft_wrap=True)
        if len(done.problems) > 20:
            err.print(f"and {len(done.problems) - 20} more; --rejects FILE writes them all")
        _show_warnings(done)
        show_left_out(done.left_out)

    report(as_json, done.to_dict(), show)


def _show_warnings(done: RosterReport) -> None:
    """Say what is to be looked at in rows that are not refused for it, each kind of it once."""
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for one in done.warnings:
        kinds.setdefault((one.what, one.fix), []).append(one)
    for first, *others in list(kinds.values())[:10]:
        some = ", ".join(str(one.line) for one in others[:4])
        more = f" and {len(others) - 4} more" if len(others) > 4 else ""
        also = f" (also {'line' if len(others) == 1 else 'lines'} {some}{more})" if others else ""
        err.print(f"look at {first}{also}", markup=False, soft_wrap=True)
    if len(kinds) > 10:
        err.print(f"and {counted(len(kinds) - 10, 'other kind')} of remarks; --json lists all")


def progress(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """The day's published counts, the same that coordinators see."""
    from bot.reporting import progress as use

    with opened() as service:
        done = use.progress(service.installation, survey)

        def show() -> None:
            rows = [list(line.cells()) for line in done.lines]
            out.print(table(f"{survey}: {done.day or 'no snapshot yet'}", list(use.HEADINGS), rows))

        report(as_json, done.to_dict(), show)


def reports(
    survey: str = SURVEY,
    day: str | None = typer.Option(None, "--day", help="Of this day only: 2026-11-23."),
    as_json: bool = JSON,
) -> None:
    """What coordinators were shown: when, which post, which day's numbers, SHA-256 of the text."""
    from datetime import date

    from bot.reporting.coordinators import log

    with opened() as service:
        try:
            wanted = date.fromisoformat(day) if day else None
        except ValueError:
            fail(f"--day {day}: write a date as 2026-11-23")
        found = log.logged(service.installation, survey, wanted)

        def show() -> None:
            rows = [list(one.to_dict().values()) for one in found]
            out.print(table(f"{survey}: {counted(len(found), 'report')}", list(log.HEADINGS), rows))

        report(as_json, {"reports": [one.to_dict() for one in found]}, show)


def close(
    survey: str = SURVEY,
    yes: bool = typer.Option(False, "--yes", help="Really close; it cannot be undone."),
    as_json: bool = JSON,
) -> None:
    """End fieldwork: mix what is finished, delete what is not, destroy the survey's key."""
    from bot.interview import closing

    with opened() as service:
        here = service.installation
        if not yes:
            plan = closing.plan_close(here, survey)
            report(as_json, asdict(plan), lambda: _show_close(plan))
            return
        done = closing.close(here, survey)
        report(as_json, asdict(done), lambda: _show_closed(done))


def _show_closed(done: CloseReport) -> None:
    if done.nothing:
        out.print(f"{done.survey} is closed already; there was nothing left to do.")
    else:
        answers = counted(done.mixed, "finished answer")
        out.print(
            f"{done.survey} is closed: {answers} mixed in {counted(done.lots, 'lot')},"
            f" {done.deleted} deleted because they were too few to hide each other."
            f" {counted(done.ended, 'other conversation')} ended with all they held,"
            f" {counted(done.dropped, 'message')} never sent. The survey's key is destroyed.",
            soft_wrap=True,
        )
    if not done.clean:
        err.print(
            "Traces of deleted rows are left in the database's files, because something was"
            f" reading them: run `tautan close {done.survey} --yes` again.",
            style="yellow",
            soft_wrap=True,
        )


def _show_close(plan: ClosePlan) -> None:
    if plan.closed and not (plan.to_mix or plan.lost or plan.unfinished or plan.invited):
        out.print(f"{plan.survey} is closed already; there is nothing left to do.")
        return
    gone = counted(plan.unfinished, "unfinished interview is", "unfinished interviews are")
    mixed = counted(plan.to_mix, "finished answer is", "finished answers are")
    out.print(f"Closing {plan.survey} (k = {plan.k}): {mixed} mixed.")
    for one in plan.rolled_up:
        out.print(f"  {one.people} of {one.unit} / {one.group} are counted with {one.into}")
    for loss in plan.lost:
        err.print(
            f"  {loss.people} of {loss.unit} / {loss.group} would be DELETED: too few to hide"
            " each other",
            style="red",
        )
    out.print(
        f"{gone} deleted, {plan.invited} never began."
        " Nothing was done. `--yes` closes the survey; it cannot be undone."
    )
