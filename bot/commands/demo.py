"""`tautan demo`: ninety invented days, to look at."""

from __future__ import annotations

import typer

from bot.commands.common import JSON, err, fail, faults, out, report, settings, table
from bot.interview import contexts
from bot.scheduler import Sweeps
from bot.service import Service
from storage.database import Database
from storage.migrate import migrate


def demo(
    days: int = typer.Option(90, "--days", min=1, max=400, help="How many days to play."),
    as_json: bool = JSON,
) -> None:
    """Play 90 invented days of a survey in about a minute, and leave them to look at."""
    from rich.progress import Progress

    from bot.outreach.demo.filling import posters, prepare
    from bot.outreach.demo.playing import play
    from bot.reporting.coordinators import import_coordinators

    with faults():
        config = settings()
        if config.real:
            fail(
                "tautan demo takes no Twilio credentials, nor Meta's: unset the TWILIO_ and CLOUD_"
                " variables"
            )
        config.secret(create=True)
        database = Database(config.database_url)
        migrate(database)
        database.close()
        # Ninety days in a minute: nothing here is worth waiting for the disk.
        service = Service(config, serving=True, demo=True, durable=False)
        try:
            here = service.installation
            published = prepare(here, config.flows_dir, import_coordinators)
            if contexts.refusal(here, published) == "closed":
                fail("this demo has been played to its end: give a new one a database of its own")
            sweeps = Sweeps(service)
            with Progress(console=err, disable=not err.is_terminal) as bar:
                task = bar.add_task("days", total=days)
                summary = play(
                    service.desk,
                    sweeps.run_once,
                    days=days,
                    posters=posters(here),
                    report=lambda day, _days: bar.update(task, completed=day),
                )
        finally:
            service.close()

        def show() -> None:
            rows = [
                [group, *(counts.get(status, 0) for status in ("invited", "asking", "finished"))]
                for group, counts in summary.statuses.items()
            ]
            out.print(table("People", ["group", "invited", "half-way", "finished"], rows))
            out.print(summary.digest, markup=False)
            out.print(
                f"{summary.people} people, {summary.turns} messages of theirs. Look at it:"
                " tautan run --demo"
            )

        report(as_json, summary.to_dict(), show)
