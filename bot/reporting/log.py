"""Who was shown what: a row for every report that a post was sent or asked for.

A text is a function of the day's snapshot, the hierarchy and the survey's words, so it is not kept;
its SHA-256 says whether a text that somebody holds is the one that went out. No phone, no name: a
post's number and its unit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.reporting.units import read_hierarchy
from storage.queries import progress as queries
from storage.queries.coordinators import CoordinatorRow
from storage.queries.progress import LoggedRow


def note(
    connection: Connection,
    post: CoordinatorRow,
    kind: str,
    day: date | None,
    shown: str | bytes,
    at: datetime,
) -> None:
    """Log that a post was shown a text or picture of a day's snapshot (None: there was none).

    `kind` is one word of at most 16 characters: daily, progres, rincian, grafik, weekly, ...
    """
    raw = shown.encode() if isinstance(shown, str) else shown
    digest = hashlib.sha256(raw).digest()
    row = LoggedRow(post.id, post.unit_id, kind, day, digest, at)
    queries.log_report(connection, post.survey_id, row)


@dataclass(frozen=True, slots=True)
class Logged:
    """One report as an operator reads it; times are local to the survey."""

    at: str
    post: int
    unit: str
    kind: str
    day: str
    digest: str

    def to_dict(self) -> dict[str, object]:
        """Return the plain form."""
        return {name: getattr(self, name) for name in HEADINGS}


HEADINGS = ("at", "post", "unit", "kind", "day", "digest")


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
        for row in queries.logged(connection, published.id, limit):
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
                    row.digest.hex(),
                )
            )
        return found

    return installation.database.read(work)
