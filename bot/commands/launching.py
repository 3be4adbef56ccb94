"""`tautan launch`, `tautan pilot`: trying a survey out, inviting people, and holding that up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer

from bot.commands.common import JSON, counted, err, fail, opened, out, progress_bar, report, table

if TYPE_CHECKING:
    from bot.interview.pilots import PilotReport
    from bot.outreach.launch.estimate import Estimate
    from bot.outreach.launch.launching import LaunchReport
    from bot.outreach.launch.plan import LaunchPlan
    from bot.outreach.launch.waves import Wanted
    from bot.service import Service

SURVEY = typer.Argument(..., help="The survey's name.")


def launch(
    survey: str = SURVEY,
    go: bool = typer.Option(False, "--go", help="Really invite; without it nothing is written."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would happen (default)."),
    per_day: int | None = typer.Option(
        None, "--per-day", min=1, help="People invited a day; else what the sender may write to."
    ),
    units: str = typer.Option("", "--units", help="Only these, with those below: list:code, …"),
    groups: str = typer.Option("", "--groups", help="Only these groups, separated by commas."),
    share: str = typer.Option("", "--share", help="So much of the roster, e.g. 20%."),
    people: int | None = typer.Option(None, "--people", min=1, help="So many people."),
    response: str = typer.Option(
        "15%", "--response", help="How many answer, to estimate the cost."
    ),
    pilot: bool = typer.Option(False, "--pilot", help="Let colleagues try the survey out."),
    to: str = typer.Option("", "--to", help="Those colleagues: a CSV file, or Ani:0812…, 0813…"),
    pause: bool = typer.Option(False, "--pause", help="Hold what has not gone out yet."),
    resume: bool = typer.Option(False, "--resume", help="Go on with a wave that was paused."),
    stop: bool = typer.Option(False, "--stop", help="Withdraw what has not gone out yet."),
    wave: int | None = typer.Option(None, "--wave", min=1, help="Which wave is meant."),
    waves: bool = typer.Option(False, "--waves", help="List the waves."),
    yes: bool = typer.Option(False, "--yes", help="Start without having tried the survey out."),
    as_json: bool = JSON,
) -> None:
    """Invite the people on the roster, after a dry run that shows counts, days and cost."""
    if sum((go, dry_run, pilot, pause, resume, stop, waves)) > 1:
        raise typer.BadParameter(
            "one of --go, --dry-run, --pilot, --pause, --resume, --stop, --waves"
        )
    if share and people:
        raise typer.BadParameter("--share or --people, not both")
    wanted = _wanted(units, groups, share, people)
    rate = _percent(response, "--response")
    with opened() as service:
        if waves:
            _list_waves(service, survey, as_json)
        elif pause or resume or stop:
            change = "pause" if pause else "resume" if resume else "stop"
            _change_wave(service, survey, change, wave, as_json)
        elif pilot:
            _start_pilot(service, survey, to, wanted, as_json)
        else:
            _launch(service, survey, per_day, wanted, rate, go=go, yes=yes, as_json=as_json)


def _wanted(units: str, groups: str, share: str, people: int | None) -> Wanted:
    from bot.outreach.launch.waves import Wanted

    return Wanted(
        units=_listed(units),
        groups=_listed(groups),
        share=_percent(share, "--share") if share else None,
        people=people,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _percent(text: str, option: str) -> float:
    """Read "20%", "20" or "12,5 %" as a share. Raises BadParameter."""
    found = re.fullmatch(r"\s*(\d{1,3}(?:[.,]\d+)?)\s*%?\s*", text)
    share = float(found[1].replace(",", ".")) / 100 if found else 0.0
    if not 0 < share <= 1:
        raise typer.BadParameter(f"{option} wants a share like 20%, not {text!r}")
    return share


def _launch(
    service: Service,
    survey: str,
    per_day: int | None,
    wanted: Wanted,
    response: float,
    *,
    go: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from bot.outreach.launch.launching import launch as invite
    from bot.outreach.launch.plan import PER_DAY, plan_launch, untried
    from bot.outreach.senders import people_per_day

    here = service.installation
    limit = people_per_day(here)
    asked = per_day or limit or PER_DAY
    pace = min(asked, limit) if limit else asked
    if pace < asked and not as_json:
        err.print(
            f"The sender may write to {limit} people a day, so that is what is planned with. Raise"
            " it with `tautan senders set` when WhatsApp has raised it.",
            style="yellow",
            soft_wrap=True,
        )
    needs = service.provider is not None
    plan = plan_launch(here, survey, per_day=pace, needs_templates=needs, wanted=wanted)
    if not go:
        cost = _estimate(service, plan, response)
        value = {**plan.to_dict(), "limit": limit, "estimate": cost.to_dict() if cost else None}
        report(as_json, value, lambda: _show_plan(plan, cost, limit))
        if plan.missing:
            raise typer.Exit(1)
        return
    if plan.ready and untried(here, survey) and not yes:
        _confirm_untried(survey, as_json)
    with progress_bar("inviting", plan.to_invite) as told:
        done = invite(
            here, survey, per_day=pace, needs_templates=needs, wanted=wanted, progress=told
        )
    report(as_json, done.to_dict(), lambda: _show_launched(service, survey, done))


def _show_launched(service: Service, survey: str, done: LaunchReport) -> None:
    here = service.installation
    published = here.database.read(lambda connection: here.surveys.named(connection, survey))
    if done.first_at is None or done.last_at is None:
        out.print("Nobody is invited: there is nobody left who could be.")
    else:
        zone = published.survey.settings.zone
        first, last = (
            f"{at.astimezone(zone):%Y-%m-%d at %H.%M}" for at in (done.first_at, done.last_at)
        )
        out.print(
            f"Wave {done.wave}: {counted(done.invited, 'person is', 'people are')} invited; the"
            f" first message goes out on {first}, the last on {last} ({zone}).",
            soft_wrap=True,
        )
    left = {
        "asked not to be contacted": done.opted_out,
        "in a conversation already": done.in_conversation,
        "could not be invited before the survey closes": done.too_late,
    }
    if any(left.values()):
        said = "; ".join(f"{number} {what}" for what, number in left.items() if number)
        out.print(f"Left out: {said}.", soft_wrap=True)


def _confirm_untried(survey: str, as_json: bool) -> None:
    """Ask whether a survey shall go to real people that nobody has tried out."""
    what = f"Nobody has finished a pilot of {survey}."
    if as_json or not err.is_terminal:
        fail(f"{what} `--pilot --to …` tries it out with colleagues; `--yes` goes without.")
    if not typer.confirm(f"{what} Invite real people all the same?", err=True):
        raise typer.Exit(1)


def _estimate(service: Service, plan: LaunchPlan, response: float) -> Estimate | None:
    from bot.outreach.launch.estimate import estimate

    here = service.installation
    published = here.database.read(lambda connection: here.surveys.named(connection, plan.survey))
    known = {one: number for one, number in plan.by_group.items() if one in published.survey.groups}
    if not sum(known.values()):
        return None
    try:
        return estimate(published.survey, known, response)
    except ValueError:
        return None  # a flow that is never finished: `tautan cost` says where


def _show_plan(plan: LaunchPlan, cost: Estimate | None, limit: int | None) -> None:
    rows = [
        [
            *(one.unit_name, one.group, one.rows, one.to_invite),
            *(one.invited_or_in_conversation, one.without_address),
            *(one.open_duplicates, one.to_mend),
        ]
        for one in plan.places
    ]
    heads = ["unit", "group", "rows", "to invite", "invited or in conversation", "no number"]
    out.print(table(f"Launch of {plan.survey}", [*heads, "twice", "to mend"], rows))
    out.print(
        f"to invite {plan.to_invite}; invited before or in a conversation"
        f" {plan.invited + plan.in_conversation} ({plan.invited} and {plan.in_conversation});"
        f" asked not to be contacted {plan.opted_out}"
        ' (where a unit has such people, they are among its "to invite")',
        soft_wrap=True,
    )
    if plan.days:
        out.print(
            f"{counted(plan.days, 'day')} at {plan.per_day} a day: {plan.first} to {plan.last}"
        )
        for group, week in plan.hours.items():
            hours = "; ".join(f"{day} {', '.join(one)}" for day, one in week.items() if one)
            out.print(f"  {group}: {hours}", soft_wrap=True)
        if plan.holidays:
            out.print(f"  nothing on {', '.join(map(str, plan.holidays))}", soft_wrap=True)
    if cost is not None:
        _show_cost(cost, limit)
    for one in plan.warnings:
        err.print(f"{one.what}; {one.fix}", style="yellow", markup=False, soft_wrap=True)
    for one in plan.missing:
        err.print(f"{one.what}; {one.fix}", style="red", markup=False, soft_wrap=True)
    if not plan.missing:
        out.print("Nothing was written. `--go` invites them.")


def _show_cost(cost: Estimate, limit: int | None) -> None:
    one = cost.expected
    out.print(
        f"If {one.response:.0%} answer: about {counted(one.finished, 'interview')},"
        f" {counted(one.reminders, 'reminder')}"
        f" ({cost.high.reminders} to {cost.low.reminders}), {one.templates + one.sent} messages"
        f" sent and {one.received} received",
        soft_wrap=True,
    )
    if limit:
        days = -(-one.templates // limit)
        out.print(
            f"Reminders count against the sender's {limit} people a day too:"
            f" {counted(days, 'day')} in all",
            soft_wrap=True,
        )
    if cost.rates is None:
        out.print("For money, write `rates` into survey.yaml (flows/README.md says how).")
        return
    out.print(
        f"Cost about {_money(one.price_utility, cost)} to {_money(one.price_marketing, cost)}; at"
        f" most {_money(cost.most, cost)}, at least {_money(cost.least, cost)}"
        f" ({cost.low.response:.0%} to {cost.high.response:.0%} answer)",
        soft_wrap=True,
    )


def _money(amount: Any, cost: Estimate) -> str:
    from bot.commands.cost import money

    assert cost.rates is not None
    return money(amount, cost.rates)


def _list_waves(service: Service, survey: str, as_json: bool) -> None:
    from bot.outreach.launch.waves import waves

    found = waves(service.installation, survey)
    columns = ["wave", "state", "people", "not sent", "a day", "for", "started"]

    def show() -> None:
        rows: list[list[Any]] = [
            [
                f"pilot {one.number}" if one.kind == "pilot" else str(one.number),
                one.state if one.complete else f"{one.state}, not complete",
                one.people,
                one.unsent,
                one.per_day,
                ", ".join(f"{name} {value}" for name, value in one.filters.items()) or "everybody",
                f"{one.started_at:%Y-%m-%d %H.%M} UTC",
            ]
            for one in found
        ]
        out.print(table(f"Waves of {survey}", columns, rows))

    report(as_json, {"waves": [one.to_dict() for one in found]}, show)


def _change_wave(
    service: Service, survey: str, change: str, wave: int | None, as_json: bool
) -> None:
    from bot.outreach.launch import waves as use

    do = {"pause": use.pause, "resume": use.resume, "stop": use.stop}[change]
    done = do(service.installation, survey, wave)
    number = done.invitations
    words = {
        "pause": f"{counted(number, 'invitation waits', 'invitations wait')};"
        " replies and interviews go on",
        "resume": f"{counted(number, 'invitation has', 'invitations have')} a new time",
        "stop": f"{counted(number, 'invitation was', 'invitations were')} withdrawn; whom they were"
        " for is free for a later wave",
    }[change]
    late = f", {done.too_late} too late" if done.too_late else ""
    report(
        as_json,
        done.to_dict(),
        lambda: out.print(f"wave {done.wave} is {done.state}: {words}{late}"),
    )


def _start_pilot(service: Service, survey: str, to: str, wanted: Wanted, as_json: bool) -> None:
    from bot.outreach.launch.colleagues import start_pilot

    if not to:
        fail("who tries it out? `--to FILE.csv`, or `--to Ani:0812…,0813…`")
    done = start_pilot(
        service.installation,
        survey,
        to,
        region=service.settings.default_region,
        wanted=wanted,
        needs_templates=service.provider is not None,
    )
    asked = counted(done.invited, "colleague is", "colleagues are")
    left = {
        "asked not to be contacted": done.opted_out,
        "in a conversation already": done.in_conversation,
    }
    others = "".join(f", {number} {what}" for what, number in left.items() if number)
    said = f"Pilot {done.wave or 'not begun'}: {asked} invited{others}"
    report(
        as_json,
        done.to_dict(),
        lambda: out.print(f"{said}. `tautan pilot {survey}` shows their answers.", soft_wrap=True),
    )


def pilot(
    survey: str = SURVEY,
    wipe: bool = typer.Option(False, "--wipe", help="Delete the pilot with all its answers."),
    as_json: bool = JSON,
) -> None:
    """Show what colleagues answered who tried the survey out, and where they stopped."""
    from bot.interview import pilots

    with opened() as service:
        here = service.installation
        if wipe:
            gone = pilots.wipe(here, survey)
            said = f"the answers of {counted(gone, 'person', 'people')} are gone"
            report(as_json, {"wiped": gone}, lambda: out.print(said))
            return
        found = pilots.read(here, survey)
        report(as_json, found.to_dict(), lambda: _show_pilot(found))


def _show_pilot(found: PilotReport) -> None:
    rows: list[list[Any]] = [
        [
            one.name,
            one.group,
            one.status,
            f"{one.stopped_at} ({one.progress})" if one.stopped_at else "-",
            "-" if one.minutes is None else f"{one.minutes:g}",
            len(one.answers),
        ]
        for one in found.people
    ]
    columns = ["who", "group", "status", "is at", "minutes", "answers"]
    out.print(table(f"Pilot of {found.survey}", columns, rows))
    for one in found.people:
        if one.answers:
            cells = [[a.question, a.label, a.answer, a.said] for a in one.answers]
            out.print(table(one.name, ["question", "text", "answer", "in words"], cells))
        for question, text in one.misread:
            out.print(f"{one.name}, at {question}, was not understood: {text}", markup=False)
    for question, times in found.misread:
        out.print(f"not understood at {question}: {counted(times, 'time')}")
    if not found.people:
        out.print(f"Nobody. `tautan launch {found.survey} --pilot --to …` invites colleagues.")
