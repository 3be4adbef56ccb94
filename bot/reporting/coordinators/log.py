"""Who was shown what: a row for every report that a post was sent or asked for.

A text is a function of the day's snapshot, the hierarchy and the survey's words, so it is not kept;
its SHA-256 says whether a text that somebody holds is the one that went out, be it as free text or
as the template. No phone, no name: a
post's number and its unit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection

from bot.flow.turn import Message
from bot.interview.installation import Installation
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import read_hierarchy
from storage.queries import progress as queries
from storage.queries.coordinators import CoordinatorRow
from storage.queries.progress import Fate, LoggedRow


def note(
    connection: Connection,
    post: CoordinatorRow,
    kind: str,
    day: date | None,
    message: Message,
    at: datetime,
    outbox_id: UUID | None = None,
) -> None:
    """Log that a post is shown a text of a day's snapshot (None: there was none).

    `kind` is one word of at most 16 characters: of an answer the command (progres, rincian, ...),
    of a report (which has `outbox_id`) daily, weekly, leader, closing or roster. Whether its words
    or its template go out shows only when it is handed over, so both are kept.
    """
    template = _digest(message.template_text) if outbox_id and message.template_text else None
    row = LoggedRow(
        post.id, post.unit_id, kind, day, _digest(message.text), at, outbox_id, template
    )
    queries.log_report(connection, post.survey_id, row)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def was_reported(connection: Connection, post: CoordinatorRow, snapshot: Snapshot) -> bool:
    """Return whether a report of a snapshot was made for a post already."""
    return queries.was_reported(
        connection, post.survey_id, post.id, snapshot.day, since=snapshot.at
    )


@dataclass(frozen=True, slots=True)
class Logged:
    """One report as an operator reads it; times are local to the survey.

    `sent` is text or template; waiting, where it is not yet known which; failed or dropped, where
    nobody has read it; reply, of an answer; and empty where the person was erased.
    """

    at: str
    post: int
    unit: str
    kind: str
    day: str
    sent: str
    digest: str

    def to_dict(self) -> dict[str, object]:
        """Return the plain form."""
        return {name: getattr(self, name) for name in HEADINGS}


HEADINGS = ("at", "post", "unit", "kind", "day", "sent", "digest")


def logged(
    installation: Installation, survey: str, day: date | None = None, limit: int = 100_000
) -> Sequence[Logged]:
    """Return what posts of a survey were shown, newest first; of a day of the survey's zone only.

    Raises UnknownSurvey.
    """

    def work(connection: Connection) -> list[Logged]:
        published = installation.surveys.named(connection, survey)
        zone = published.survey.settings.zone
        units = read_hierarchy(connection).units
        found = []
        for row, fate in queries.logged(connection, published.id, limit):
            local = row.at.astimezone(zone)
            if day is not None and local.date() != day:
                continue
            unit = units.get(row.unit_id) if row.unit_id is not None else None
            found.append(
                Logged(
                    f"{local:%Y-%m-%d %H:%M}",
                    row.coordinator_id,
                    f"{unit.code_list}:{unit.code}" if unit else "all",
                    row.kind,
                    row.day.isoformat() if row.day else "",
                    _sent(row, fate),
                    _shown(row, fate).hex(),
                )
            )
        return found

    return installation.database.read(work)


def _sent(row: LoggedRow, fate: Fate | None) -> str:
    if fate is None:
        return "" if row.outbox_id else "reply"
    if fate.status in ("failed", "dropped"):
        return fate.status
    if fate.status == "queued":
        return "waiting"
    return "template" if fate.template else "text"


def _shown(row: LoggedRow, fate: Fate | None) -> bytes:
    """Return the digest of what went out."""
    as_template = fate is not None and fate.template
    return row.template_digest if as_template and row.template_digest else row.digest
