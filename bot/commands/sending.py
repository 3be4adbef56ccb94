"""`tautan senders` and `tautan alerts`: how fast we write, what holds us, and what to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bot.commands.common import JSON, opened, out, report, table

if TYPE_CHECKING:
    from datetime import datetime

senders = typer.Typer(help="The numbers that we send from, and their limits.")
ADDRESS = typer.Argument(..., help="The sender, whatsapp:+62… or MG…")


@senders.callback(invoke_without_command=True)
def senders_list(context: typer.Context, as_json: bool = JSON) -> None:
    """List senders: limits, people written to first in the last 24 hours, what holds them."""
    if context.invoked_subcommand is not None:
        return
    from bot.outreach.senders import senders as every

    with opened() as service:
        found = every(service.installation)
        rows = [
            [
                one.address,
                one.portfolio,
                f"{one.per_second:g}",
                f"{one.campaign_per_second:g}",
                f"{one.written_first_in_24_hours} of {one.people_per_day or 'any number'}",
                _held(one.halted_until, one.paused_until, one.reason),
            ]
            for one in found
        ]
        head = ["sender", "portfolio", "a second", "campaigns", "people today", "state"]
        plain = {"senders": [one.to_dict() for one in found]}
        report(as_json, plain, lambda: out.print(table("Senders", head, rows)))


def _held(halted: datetime | None, paused: datetime | None, reason: str) -> str:
    if halted is not None:
        return f"halted until {halted:%H:%M} UTC: {reason}"
    if paused is not None:
        return f"campaigns paused until {paused:%d %b %H:%M} UTC: {reason}"
    return "sends"


@senders.command("set")
def senders_set(
    address: str = ADDRESS,
    per_second: float | None = typer.Option(None, help="Messages a second in all."),
    campaign: float | None = typer.Option(None, help="Invitations and reminders a second."),
    people_per_day: int | None = typer.Option(
        None, min=0, help="People written to first in 24 hours; 0 is no limit."
    ),
    portfolio: str | None = typer.Option(None, help="Senders of one portfolio share that limit."),
) -> None:
    """Set a sender's limits, as WhatsApp's manager and Twilio's console show them."""
    from bot.outreach.senders import change_sender

    with opened() as service:
        change_sender(
            service.installation,
            address,
            per_second=per_second,
            campaign_per_second=campaign,
            people_per_day=people_per_day,
            portfolio=portfolio,
        )
        out.print("done")


@senders.command("resume")
def senders_resume(address: str = ADDRESS) -> None:
    """Let a sender that was halted or paused go on now."""
    from bot.outreach.senders import resume_sender

    with opened() as service:
        resume_sender(service.installation, address)
        out.print("done")


def alerts(
    clear: str = typer.Option("", "--clear", help="Clear alerts of this kind, or `all`."),
    as_json: bool = JSON,
) -> None:
    """List what waits for an operator; the same thing again only counts up."""
    from bot.outreach.senders import alerts as every
    from bot.outreach.senders import clear_alerts

    with opened() as service:
        if clear:
            clear_alerts(service.installation, None if clear == "all" else clear)
        found = every(service.installation)
        plain = [
            {
                "kind": one.kind,
                "since": one.since.isoformat(),
                "last_at": one.last_at.isoformat(),
                "times": one.times,
                "what": one.what,
            }
            for one in found
        ]
        rows = [[one.kind, f"{one.since:%d %b %H:%M}", one.times, one.what] for one in found]
        shown = table("Alerts", ["kind", "since (UTC)", "times", "what"], rows)
        report(as_json, {"alerts": plain}, lambda: out.print(shown if rows else "Nothing to mend."))
