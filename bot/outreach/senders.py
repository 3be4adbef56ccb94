"""Senders as an operator sees them: limits to set, what holds them, and alerts to clear."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.sending import pace
from storage.queries import alerts as alert_queries
from storage.queries import audit
from storage.queries import senders as queries
from storage.queries.alerts import AlertRow


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One sender: its limits, what holds it now (times are UTC), and today's people."""

    channel: str
    address: str
    portfolio: str
    per_second: float
    campaign_per_second: float
    people_per_day: int | None
    written_first_in_24_hours: int
    halted_until: datetime | None
    paused_until: datetime | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; times as ISO 8601."""
        plain = asdict(self)
        for name in ("halted_until", "paused_until"):
            plain[name] = plain[name].isoformat() if plain[name] else None
        return plain


def senders(installation: Installation) -> list[SenderReport]:
    """Return all senders, that of this installation among them. Writes it down when it is new."""

    def work(connection: Connection) -> list[SenderReport]:
        now = installation.now()
        pace.sender_of(connection, installation.via.channel, installation.via.sender)
        return [
            SenderReport(
                row.channel,
                row.address,
                row.portfolio,
                row.per_second,
                row.campaign_per_second,
                row.people_per_day,
                queries.written_first(connection, row.portfolio, now - pace.DAY, ())[0],
                row.halted_until if row.halted_until and row.halted_until > now else None,
                row.paused_until if row.paused_until and row.paused_until > now else None,
                row.reason,
            )
            for row in queries.every(connection)
        ]

    return installation.database.write(work)


def people_per_day(installation: Installation) -> int | None:
    """Return how many people our sender may write to first in 24 hours; None is no limit."""
    via = installation.via
    found = [
        one
        for one in senders(installation)
        if (one.channel, one.address) == (via.channel, via.sender)
    ]
    return found[0].people_per_day


def change_sender(installation: Installation, address: str, **limits: Any) -> None:
    """Set limits of a sender. Raises InputError for one that is not known, or a wrong limit."""
    given = {name: value for name, value in limits.items() if value is not None}
    if given.get("people_per_day") == 0:
        given["people_per_day"] = None  # no limit
    if any(given.get(name, 1) <= 0 for name in ("per_second", "campaign_per_second")):
        raise InputError([Problem.about("senders", "a pace must be above 0", "give a number")])
    _change(installation, address, "sender limits", given)


def resume_sender(installation: Installation, address: str) -> None:
    """Let a halted or paused sender go on now. Raises InputError for one that is not known."""
    free = {"halted_until": None, "paused_until": None, "reason": ""}
    _change(installation, address, "sender resumed", free)


def _change(installation: Installation, address: str, what: str, values: dict[str, Any]) -> None:
    def work(connection: Connection) -> bool:
        pace.sender_of(connection, installation.via.channel, installation.via.sender)
        known = [row for row in queries.every(connection) if row.address == address]
        for row in known:
            queries.change(connection, row.channel, row.address, **values)
            for kind in ("halted", "paused"):
                if values.get(f"{kind}_until", row) is None:
                    alert_queries.clear(connection, f"{kind}:{row.address}"[:40])
        if known:
            detail = json.dumps({"sender": address, **values}, default=str)
            audit.record(connection, installation.now(), what, detail)
        return bool(known)

    if values and not installation.database.write(work):
        names = ", ".join(one.address for one in senders(installation))
        raise InputError(
            [Problem.about("senders", f"{address} is no sender of ours", f"there are {names}")]
        )


def alerts(installation: Installation) -> list[AlertRow]:
    """Return what waits for an operator, the oldest first."""
    return installation.database.read(alert_queries.every)


def clear_alerts(installation: Installation, kind: str | None = None) -> int:
    """Clear alerts of one kind, or all; return how many there were.

    Raises InputError where none is of that kind.
    """
    gone = installation.database.write(lambda connection: alert_queries.clear(connection, kind))
    if kind is not None and not gone:
        kinds = sorted({one.kind for one in alerts(installation)})
        fix = f"there are: {', '.join(kinds)}" if kinds else "nothing waits for you"
        raise InputError([Problem.about("alerts", f"there is none of the kind {kind!r}", fix)])
    return gone
