"""`tautan demo`: ninety invented days, to look at."""

from __future__ import annotations

from datetime import datetime, time
from functools import partial
from pathlib import Path

import typer

from bot.commands.common import JSON, err, fail, faults, out, report, settings, table
from bot.interview import contexts
from bot.scheduler import Sweeps
from bot.service import Service
from storage.database import Database
from storage.migrate import migrate

LONG = 30
"""So many days begin with some in which lists are mended and nobody is invited yet."""
PER_DAY = 5  # invitations, so that weeks differ
LISTS_DAYS = 8  # with a Monday before the opening among them, on which coordinators are told


def demo(
    days: int = typer.Option(90, "--days", min=1, max=400, help="How many days to play."),
    into: Path = typer.Option(
        Path("out/demo"), "--out", help="Folder for coordinators' messages, pictures and counts."
    ),
    as_json: bool = JSON,
) -> None:
    """Play 90 invented days of a survey in about a minute, and leave them to look at."""
    from rich.progress import Progress

    from bot.interview.chats import Chats
    from bot.outreach.demo.filling import invite, posters, prepare
    from bot.outreach.demo.leaving import leave
    from bot.outreach.demo.playing import Opening, play
    from bot.reporting.coordinators.lists import import_coordinators

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
            ahead = LISTS_DAYS if days >= LONG else 0
            published = prepare(here, config.flows_dir, import_coordinators, ahead)
            if contexts.refusal(here, published) == "closed":
                fail("this demo has been played to its end: give a new one a database of its own")
            sweeps = Sweeps(service)
            first = published.survey.settings
            opens = datetime.combine(first.opens, time(1), first.zone)
            opening = Opening(opens, partial(invite, here, published, PER_DAY))
            with Progress(console=err, disable=not err.is_terminal) as bar:
                task = bar.add_task("days", total=days)
                summary = play(
                    service.desk,
                    sweeps.run_once,
                    days=days,
                    posters=posters(here),
                    opening=opening if opens > here.now() else None,
                    report=lambda day, _days: bar.update(task, completed=day),
                )
            files = leave(summary, Chats(here), service.file, into)
        finally:
            service.close()

        def show() -> None:
            rows = [
                [group, *(counts.get(status, 0) for status in ("invited", "asking", "finished"))]
                for group, counts in summary.statuses.items()
            ]
            out.print(table("People", ["group", "invited", "half-way", "finished"], rows))
            out.print(
                f"{summary.people} people and {summary.coordinators} coordinators, {summary.turns}"
                f" messages of theirs. In {into}: digests.txt, counts.json and"
                f" {len(files) - 2} pictures. The chats: tautan run --demo"
            )

        report(as_json, summary.to_dict(), show)
