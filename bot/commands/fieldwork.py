"""`tautan units`, `coordinators`, `roster`, `links`, `launch`, `progress`, `close`: the field."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from bot.commands.common import JSON, err, fail, opened, out, report, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.interview.closing import ClosePlan
    from bot.outreach.launch import LaunchPlan
    from bot.outreach.link_files import Format
    from bot.outreach.rosters import Options, RosterReport
    from bot.service import Service

FILE = typer.Argument(..., help="A CSV file, UTF-8.")
SURVEY = typer.Argument(..., help="The survey's name.")
SURVEY_OPTION = typer.Option(..., "--survey", "-s", help="The survey's name.")

units = typer.Typer(help="The hierarchy: codes, names, time zones, targets.", no_args_is_help=True)
coordinators = typer.Typer(help="Who gets the daily counts.", no_args_is_help=True)
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


@coordinators.command("import")
def coordinators_import(
    file: Path = FILE, survey: str = SURVEY_OPTION, as_json: bool = JSON
) -> None:
    """Take coordinators (phone, unit, hour, name) from a file."""
    from bot.reporting.coordinators import import_coordinators

    with opened() as service:
        done = import_coordinators(
            service.installation, survey, file, service.settings.default_region
        )
        report(as_json, done.to_dict(), lambda: out.print(_in_words(done.to_dict())))


UNIT = typer.Option("", "--unit", help="list:code, for rows that name no unit.")
GROUP = typer.Option("", "--group", help="For rows that name no group.")
REJECTS = typer.Option(None, "--rejects", help="Write the rows to mend, with reasons, here.")


@roster.command("check")
def roster_check(
    file: Path = FILE,
    survey: str | None = typer.Option(None, "--survey", "-s", help="Compare with this survey."),
    unit: str = UNIT,
    group: str = GROUP,
    rejects: Path | None = REJECTS,
    as_json: bool = JSON,
) -> None:
    """Read a roster and say what is wrong with it; writes nothing to the database."""
    from bot.outreach.rosters import check_roster

    with opened() as service:
        options = _options(service, unit, group)
        done = check_roster(service.installation, file, survey, options, rejects=rejects)
        _roster_report(done, file, as_json)


@roster.command("import")
def roster_import(
    file: Path = FILE,
    survey: str = SURVEY_OPTION,
    unit: str = UNIT,
    group: str = GROUP,
    rejects: Path | None = REJECTS,
    as_json: bool = JSON,
) -> None:
    """Load a roster; rows that cannot be used are listed and lose nothing of the others."""
    from bot.outreach.rosters import import_roster

    with opened() as service:
        options = _options(service, unit, group)
        with _progress("reading", 0) as told:
            done = import_roster(
                service.installation, file, survey, options, rejects=rejects, progress=told
            )
        _roster_report(done, file, as_json)


def _options(service: Service, unit: str, group: str) -> Options:
    from bot.outreach.rosters import Options

    return Options(region=service.settings.default_region, unit=unit, group=group)


def _roster_report(done: RosterReport, file: Path, as_json: bool) -> None:
    def show() -> None:
        rows = [[name, number] for name, number in sorted(done.counts.items())]
        out.print(table(f"{file.name}: {done.rows} rows", ["class", "rows"], rows))
        for problem in done.problems[:20]:
            err.print(str(problem), markup=False, soft_wrap=True)
        if len(done.problems) > 20:
            err.print(f"and {len(done.problems) - 20} more; --rejects FILE writes them all")

    report(as_json, done.to_dict(), show)


def links(
    survey: str = SURVEY,
    unit: list[str] = typer.Option([], "--unit", help="list:code; all units if not given."),
    group: list[str] = typer.Option([], "--group", help="All groups if not given."),
    personal: bool = typer.Option(False, "--personal", help="One single-use link per roster row."),
    note: str = typer.Option("", "--note", help="Where the poster hangs."),
    cap: int | None = typer.Option(None, "--cap", min=1, help="At most this many starts."),
    expires: datetime | None = typer.Option(
        None, "--expires", formats=["%Y-%m-%d"], help="Last day, in the survey's zone."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="A .csv, .xlsx or .json file."),
    number: str = typer.Option("", "--number", help="Our WhatsApp number, if Twilio is not set."),
    as_json: bool = JSON,
) -> None:
    """Make wa.me links for groups of units, or for every person on the roster."""
    from bot.outreach import links as use

    with opened() as service:
        here = service.installation
        sender = number or here.via.sender
        if not re.fullmatch(r"(whatsapp:)?\+?[1-9]\d{6,14}", sender) or (
            not number and service.twilio is None and not here.demo
        ):
            fail("a wa.me link needs our number: set TWILIO_WHATSAPP_FROM or give --number +62…")
        until = _end_of_day(service, survey, expires)
        if personal:
            made = use.create_personal_links(here, survey, expires_at=until)
        else:
            made = use.create_links(
                here, survey, units=unit, groups=group, note=note, cap=cap, expires_at=until
            )
        written = 0
        if output is not None:
            form = output.suffix.removeprefix(".").lower()
            if form not in {"csv", "xlsx", "json"}:
                fail(f"{output}: end the name in .csv, .xlsx or .json")
            written = use.export_links(
                here, survey, sender, output, cast("Format", form), personal=personal
            )
        listed = (
            []
            if personal
            else here.database.read(
                lambda connection: list(use.links(connection, here, survey, sender))
            )
        )

        def show() -> None:
            out.print(f"links: {made.created} new, {made.reused} kept")
            for one in listed[:50] if output is None else []:
                out.print(f"{one.unit_name} / {one.group}: {one.url}", soft_wrap=True)
            if output is not None:
                out.print(f"{written} written to {output}")

        rows = [one.to_dict() for one in listed]
        report(as_json, made.to_dict() | {"written": written, "links": rows}, show)


def _end_of_day(service: Service, survey: str, day: datetime | None) -> datetime | None:
    """Return the midnight at which a day of the survey's zone ends."""
    if day is None:
        return None
    here = service.installation
    published = here.database.read(lambda connection: here.surveys.named(connection, survey))
    return datetime.combine(
        day.date() + timedelta(days=1), time(), tzinfo=published.survey.settings.zone
    )


def launch(
    survey: str = SURVEY,
    go: bool = typer.Option(False, "--go", help="Really invite; without it nothing is written."),
    per_day: int | None = typer.Option(
        None, "--per-day", min=1, help="People invited a day; else what the sender may write to."
    ),
    as_json: bool = JSON,
) -> None:
    """Invite the people on the roster, after a dry run that shows counts and days needed."""
    from bot.outreach import launch as use
    from bot.outreach.senders import people_per_day

    with opened() as service:
        here = service.installation
        limit = people_per_day(here)
        per_day = per_day or limit or use.PER_DAY
        if limit is not None and per_day > limit and not as_json:
            err.print(
                f"The sender may write to {limit} people a day: the rest of each day's"
                " invitations waits for the next. Raise it with `tautan senders set` when"
                " WhatsApp has raised it.",
                style="yellow",
                soft_wrap=True,
            )
        needs = service.provider is not None
        plan = use.plan_launch(here, survey, per_day=per_day, needs_templates=needs)
        if not go:
            report(as_json, plan.to_dict(), lambda: _show_plan(plan))
            if plan.missing:
                raise typer.Exit(1)
            return
        with _progress("inviting", plan.to_invite) as told:
            done = use.launch(here, survey, per_day=per_day, needs_templates=needs, progress=told)
        report(as_json, done.to_dict(), lambda: out.print(_in_words(done.to_dict())))


def _show_plan(plan: LaunchPlan) -> None:
    rows = [[p.unit_name, p.group, p.rows, p.without_address] for p in plan.places]
    out.print(table(f"Launch of {plan.survey}", ["unit", "group", "rows", "no address"], rows))
    out.print(
        f"to invite {plan.to_invite}, invited before {plan.invited},"
        f" in a conversation {plan.in_conversation}, asked not to be contacted {plan.opted_out},"
        f" waiting for a decision about a duplicate {plan.undecided}"
    )
    if plan.days:
        out.print(f"{plan.days} day(s) at {plan.per_day} a day: {plan.first} to {plan.last}")
    for one in plan.missing:
        err.print(f"{one.what}; {one.fix}", style="red", markup=False, soft_wrap=True)
    if not plan.missing:
        out.print("Nothing was written. `--go` invites them.")


def progress(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """The day's published counts, the same that coordinators see."""
    from bot.reporting import progress as use

    with opened() as service:
        done = use.progress(service.installation, survey)

        def show() -> None:
            rows = [list(line.cells()) for line in done.lines]
            out.print(table(f"{survey}: {done.day or 'no snapshot yet'}", list(use.HEADINGS), rows))

        report(as_json, done.to_dict(), show)


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
        report(as_json, asdict(done), lambda: out.print(_in_words(asdict(done))))


def _show_close(plan: ClosePlan) -> None:
    out.print(f"Closing {plan.survey} (k = {plan.k}): {plan.to_mix} finished answers are mixed.")
    for one in plan.rolled_up:
        out.print(f"  {one.people} of {one.unit} / {one.group} are counted with {one.into}")
    for loss in plan.lost:
        err.print(
            f"  {loss.people} of {loss.unit} / {loss.group} would be DELETED: too few to hide"
            " each other",
            style="red",
        )
    out.print(
        f"{plan.unfinished} unfinished interviews are deleted, {plan.invited} never began."
        " Nothing was done. `--yes` closes the survey; it cannot be undone."
    )


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')}: {value}" for name, value in values.items() if value is not None
    )


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, nothing in a pipe."""
    from rich.progress import Progress

    with Progress(console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total or None)
        yield lambda number: bar.update(task, completed=number)
