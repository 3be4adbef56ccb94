"""This installation by itself: settings, database, secret, and what waits to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection

from bot.config import ConfigError, Settings
from bot.doctor.findings import Finding, error, ok, warning
from bot.interview.installation import DemoMismatch, Installation
from bot.service import NotMigrated, Service
from storage.database import Database, Unavailable
from storage.keys import WrongSecret
from storage.migrate import is_current
from storage.queries import alerts as alert_queries
from storage.queries import inbound, keys, outbox, progress, senders
from storage.queries.alerts import AlertRow
from storage.queries.senders import SenderRow

LATE = timedelta(minutes=15)  # more than any sweep needs, and than unknown rows wait for their fate


def settings(config: Settings) -> Finding:
    """Say by which channel this installation speaks; that the settings can be read is known."""
    if config.cloud:
        return warning(
            "settings",
            "Meta's Cloud API leads to people; what is set up at Meta is not looked at here",
            "docs/deployment.md, without Twilio, says what to compare",
        )
    if not config.twilio:
        return ok(
            "settings",
            "no TWILIO_ settings: the simulator is the only channel, nothing leaves this machine",
        )
    sender = config.twilio_whatsapp_from or config.twilio_messaging_service_sid
    if len(config.twilio_auth_tokens) > 1:
        return warning(
            "settings",
            f"{sender} through Twilio, with {len(config.twilio_auth_tokens)} auth tokens",
            "once the new one is primary at Twilio, take the old one out of TWILIO_AUTH_TOKEN",
        )
    return ok("settings", f"{sender} through Twilio")


def database(config: Settings, base: Database) -> Finding:
    """Say whether the database is there, with this version's tables. Makes none."""
    kind = "SQLite" if base.is_sqlite else "PostgreSQL"
    if base.file is not None and not base.file.exists():
        return error("database", f"there is no {base.file} yet", "run `tautan migrate`")
    try:
        if not is_current(base):
            return error("database", "it has another version's tables", "run `tautan migrate`")
        started = base.read(keys.installation) is not None
    except Unavailable as unavailable:
        return error("database", str(unavailable), "start it, or correct DATABASE_URL")
    if not started:
        return warning(
            "database", f"{kind}, fresh: nothing was published yet", "run `tautan publish SURVEY`"
        )
    return ok("database", f"{kind}, with this version's tables")


def secret(config: Settings) -> Finding:
    """Say whether there is a secret; whether it fits is known once the database is opened."""
    try:
        config.secret(create=False)
    except ConfigError as problem:
        return error(
            "secret",
            problem.problems[0],
            "with an older database: put the secret back from your safe place",
        )
    if config.tautan_secret_key is not None:
        return ok("secret", "TAUTAN_SECRET_KEY is set; is there a copy in a safe place?")
    return ok("secret", f"{config.key_file} is there; is there a copy in a safe place?")


def opened(service: Service) -> tuple[Installation | None, Finding | None]:
    """Open the installation, or say why it cannot be opened."""
    try:
        return service.installation, None
    except WrongSecret:
        what = "the secret does not fit this database: no address and no state can be opened"
        fix = "put back the secret that it was made with (tautan.key, or TAUTAN_SECRET_KEY)"
        return None, error("secret", what, fix)
    except DemoMismatch as mismatch:
        fix = "set DATABASE_URL to a database of its own for the real survey"
        return None, error("database", str(mismatch), fix)
    except (ConfigError, NotMigrated, Unavailable) as problem:
        return None, error("database", str(problem), "mend that, then ask again")


def waiting(installation: Installation) -> Iterator[Finding]:
    """Judge what waits to be sent, what may have been sent, and what our own code failed on."""

    def work(connection: Connection) -> tuple[dict[str, int], timedelta, int, int]:
        counts, oldest = outbox.backlog(connection)
        now = installation.now()
        late = now - oldest if oldest is not None else timedelta()
        doubtful = len(outbox.unknown_due(connection, now - LATE, 1000))
        return counts, late, doubtful, inbound.held(connection)

    counts, late, doubtful, held = installation.database.read(work)
    queued, unknown = counts.get("queued", 0), counts.get("unknown", 0)
    if late > LATE:
        yield error(
            "backlog",
            f"{queued + unknown} messages wait, the oldest is {_span(late)} late",
            "is `tautan run` (with PostgreSQL: `tautan worker`) running? Its log says what fails",
        )
    else:
        yield ok("backlog", f"{queued} messages wait for their time or their turn")
    if doubtful:
        yield warning(
            "unknown",
            f"of {doubtful} messages nobody knows whether they arrived",
            "Twilio's status callbacks do not come, or nobody looks messages up: see `signature`"
            " above and the server's log",
        )
    if held:
        yield warning(
            "kept",
            f"{held} messages of people wait, because our own code failed on them",
            "nothing is lost: they are taken again by themselves. The server's log says why",
        )


def counts(installation: Installation) -> Finding:
    """Compare the kept counts of finished interviews with a true count."""
    wrong = installation.database.read(progress.differing)
    if wrong:
        return error(
            "counts",
            f"the kept counts of finished interviews are wrong in {wrong} cells",
            "`tautan purge` mends them; if they go wrong again, something writes past the triggers",
        )
    return ok("counts", "the kept counts of finished interviews are true")


def alerts(installation: Installation) -> Iterator[Finding]:
    """Repeat what Tautan itself has raised for an operator, and what holds a sender now."""

    def work(connection: Connection) -> tuple[list[AlertRow], list[SenderRow]]:
        return alert_queries.every(connection), senders.every(connection)

    raised, known = installation.database.read(work)
    for one in raised:
        times = f" ({one.times} times)" if one.times > 1 else ""
        fix = f"mend it, then `tautan alerts --clear {one.kind}`"
        yield error("alert", f"since {one.since:%Y-%m-%d %H:%M} UTC{times}: {one.what}", fix)
    now = installation.now()
    for row in known:
        until = max((t for t in (row.halted_until, row.paused_until) if t), default=None)
        if until is not None and until > now:
            what = f"{row.address} is held until {until:%Y-%m-%d %H:%M} UTC: {row.reason}"
            yield error("held", what, f"mend it, then `tautan senders resume {row.address}`")


def _span(late: timedelta) -> str:
    minutes = int(late.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
