"""`tautan consents`, `redaction`: what can be shown of consent, and of what the provider keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from bot.commands.common import JSON, fail, named_address, opened, out, report, table

if TYPE_CHECKING:
    from bot.interview.provider_log.redaction import Redacted
    from bot.reporting.consents import ConsentLog, PersonsConsents
    from bot.service import Service


def consents(
    survey: str | None = typer.Argument(None, help="The survey's name."),
    address: str | None = typer.Option(None, "--address", help="One person: 08…, +62… or ID.…."),
    as_json: bool = JSON,
) -> None:
    """The consents to a survey, and how its contacts came; or those of one person (audited)."""
    from bot.reporting import consents as use

    with opened() as service:
        if (survey is None) == (address is None):
            raise typer.BadParameter("give a survey, or --address for one person")
        if address is not None:
            mine = use.consents_of(service.installation, named_address(service, address))
            report(as_json, mine.to_dict(), lambda: _show_person(mine))
        else:
            log = use.consent_log(service.installation, survey or "")
            report(as_json, log.to_dict(), lambda: _show_log(log))


def _show_log(log: ConsentLog) -> None:
    given = [[one.given_on, one.version, one.language, one.people] for one in log.consents]
    out.print(table(f"Consents to {log.survey}", ["day", "words", "language", "people"], given))
    ways = [[one.how, _origin(one), one.basis or "", one.people] for one in log.ways]
    out.print(table("How contacts came", ["way", "source", "basis", "people"], ways))


def _origin(one: Any) -> str:
    return str(one.source or one.note or "")


def _show_person(mine: PersonsConsents) -> None:
    if not mine.known:
        out.print("no contact has this address")
    given = [[one.survey, one.given_on, one.version, one.language] for one in mine.consents]
    out.print(table("Consents", ["survey", "day", "words", "language"], given))
    ways = [
        [one.survey or "", one.recorded_on, one.how, one.source or one.link or "", one.basis or ""]
        for one in mine.ways
    ]
    out.print(
        table("How we came by the address", ["survey", "day", "way", "source", "basis"], ways)
    )
    if mine.opted_out:
        out.print("They have asked not to be contacted.")


def redaction(
    run: bool = typer.Option(False, "--run", help="Empty now what is due, then show."),
    since: datetime | None = typer.Option(
        None, "--since", formats=["%Y-%m-%d"], help="Begin anew at this day (UTC)."
    ),
    as_json: bool = JSON,
) -> None:
    """Since when nothing of our messages is left at Twilio; the running service empties it."""
    from bot.interview.provider_log import redaction as use

    with opened() as service:
        if since is not None:
            day = since.replace(tzinfo=UTC)
            if not use.begin_at(service.installation, service.channels, day):
                fail("nothing was begun: the job is running just now, or Twilio is not set up")
        emptied = _run(service) if run else 0
        found = use.report(service.installation)
        values = {"emptied": emptied, "senders": [one.to_dict() for one in found]}
        report(as_json, values, lambda: _show_redaction(found, emptied))


def _run(service: Service) -> int:
    """Empty until nothing more comes of it."""
    from bot.interview.provider_log.redaction import redact_due

    total = 0
    while done := redact_due(service.installation, service.channels):
        total += done
    return total


def _show_redaction(found: list[Redacted], emptied: int) -> None:
    if emptied:
        out.print(f"emptied now: {emptied}")
    for one in found:
        first, last = (at.strftime("%Y-%m-%d %H:%M") for at in (one.since, one.until))
        out.print(f"{one.sender}: nothing is left of {first} to {last} UTC", soft_wrap=True)
    if not found:
        out.print("The job has not run yet: nothing is known to be empty at the provider.")
