"""`tautan reminders`: what the plan will send, when and for how much; what a reminder has done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from bot.commands.common import JSON, fail, opened, out, report, table

if TYPE_CHECKING:
    from bot.outreach.lift import Lift
    from bot.outreach.reminders import Preview

reminders = typer.Typer(help="Reminders: what will go out, and what they do.", no_args_is_help=True)
SURVEY = typer.Argument(..., help="The survey's name.")
FORMS: dict[str, Literal["png", "svg", "pdf"]] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


@reminders.command("preview")
def preview(
    survey: str = SURVEY,
    launch: int | None = typer.Option(
        None, "--launch", min=1, help="As if the rest of the roster were launched now, N a day."
    ),
    picture: Path | None = typer.Option(
        None, "--picture", help="Also a calendar: a file that ends in .png, .svg or .pdf."
    ),
    as_json: bool = JSON,
) -> None:
    """Show how many reminders go out when, and what they cost, if nobody answers any more."""
    from bot.outreach import reminders as plans

    if picture is not None and picture.suffix.lower() not in FORMS:
        raise typer.BadParameter("--picture ends in .png, .svg or .pdf")
    with opened() as service:
        found = plans.preview(service.installation, survey, per_day=launch)
        if picture is not None:
            picture.write_bytes(_drawn(found, FORMS[picture.suffix.lower()]))
        report(as_json, found.to_dict(), lambda: _show(found))


def _drawn(found: Preview, form: Literal["png", "svg", "pdf"]) -> bytes:
    from bot.outreach.reminders import KINDS
    from bot.printing.calendar import draw_calendar

    if not found.days:
        fail("nothing goes out any more: there is nothing to draw")
    return draw_calendar(
        f"Reminders of {found.survey}",
        f"{found.opens} to {found.closes}; at most, if nobody answers any more",
        KINDS,
        {one.day: one.people for one in found.days},
        set(found.days_off),
        [_money(found), *found.warnings],
        form=form,
    )


def _show(found: Preview) -> None:
    from bot.outreach.reminders import KINDS

    title = f"{found.survey}: {found.waiting} people wait; at most this goes out"
    totals = found.totals()
    rows = [
        [
            one.day.strftime("%a %Y-%m-%d"),
            *(one.people.get(kind, 0) for kind in KINDS),
            *(one.total, one.free, one.held),
        ]
        for one in found.days
    ]
    last = [sum(getattr(one, name) for one in found.days) for name in ("total", "free", "held")]
    rows.append(["all", *(totals[kind] for kind in KINDS), *last])
    out.print(table(title, ["day", *KINDS, "all", "as text", "held out"], rows))
    if found.without:
        out.print(
            f"{found.without} people get nothing: they asked for it, nothing reaches them, or they"
            " have answered once already."
        )
    out.print(_money(found), soft_wrap=True)
    for one in found.warnings:
        out.print(one, style="yellow", soft_wrap=True)


def _money(found: Preview) -> str:
    if found.least is None or found.most is None:
        return "For money, write `rates` into survey.yaml (flows/README.md says how)."
    text = f"They cost {found.least:,.2f} to {found.most:,.2f} {found.currency} at most."
    if found.spent is not None:
        text += f" So far the survey has cost about {found.spent:,.2f}"
        text += "." if found.budget is None else f" of a budget of {found.budget:,.2f}."
    return text


@reminders.command("lift")
def lift(survey: str = SURVEY, as_json: bool = JSON) -> None:
    """Compare those who got a reminder with those for whom it was left out (`holdout`)."""
    from bot.outreach.lift import lift as measured

    with opened() as service:
        found = measured(service.installation, survey)
        report(
            as_json,
            {"survey": survey, "reminders": [o.to_dict() for o in found]},
            lambda: _show_lift(found),
        )


def _show_lift(found: list[Lift]) -> None:
    if not found:
        out.print("No reminder is two days old yet.")
        return
    rows = [[one.step, *_arms(one)] for one in found]
    columns = [
        "reminder",
        "sent",
        "finished",
        "left out",
        "finished",
        "difference",
        "95% interval",
    ]
    out.print(table("Finished within two days", columns, rows))
    out.print("Intervals by Newcombe's method from Wilson's. Numbers under 5 are not shown.")


def _arms(one: Lift) -> list[str]:
    if one.sent is None or one.held is None or one.difference is None:
        return ["too few to say", "", "", "", "", ""]
    assert one.low is not None
    assert one.high is not None
    arms = [
        text
        for arm in (one.sent, one.held)
        for text in (f"{arm.people:,}", f"{arm.finished:,} ({arm.share:.1%})")
    ]
    return [*arms, f"{one.difference:+.1%}", f"{one.low:+.1%} to {one.high:+.1%}"]
