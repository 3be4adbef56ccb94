"""Sending coordinators the day's counts, once a day.

A post's `due_at` is its only timer; it is moved by compare-and-set in the transaction that writes
the message, and a message has one key per post and local day, so any number of processes may sweep
and die at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.flow.turn import Message
from bot.interview import identity, outbox
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting import digest, roster_phase, snapshots, weekly
from bot.reporting.coordinators import next_due
from bot.reporting.roster_phase import Counts
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import reports as queries
from storage.queries.reports import CoordinatorRow, UnitRow

WAIT_FOR_SNAPSHOT = timedelta(hours=1)

Roster = Callable[[Connection, Published], Callable[[frozenset[int] | None], Counts | None] | None]
"""Reads a survey's lists, and then says how ready those of some units (None: of all) are."""


def send_due(installation: Installation, page: int = 200, *, roster: Roster | None = None) -> int:
    """Write the reports that are due into the outbox; return how many.

    Each waits for the day's snapshot, an hour at most, and then takes the newest there is. A post
    that was due several times gets one message. Paused and opted-out ones are passed over. After
    the report that holds the final counts a post is never due again.

    On Mondays the week's message takes the place of the day's. Before a survey opens, `roster` says
    on Mondays how ready a post's lists are; None where there is nothing to say.
    """
    now = installation.now()
    sent = after = 0
    sweep: _Sweep | None = None
    while True:
        looked_after = after
        rows = installation.database.read(
            lambda connection, after=looked_after: queries.due_coordinators(  # type: ignore[misc]
                connection, now, after, page
            )
        )
        if not rows:
            return sent
        if sweep is None:
            hierarchy = installation.database.read(read_hierarchy)
            sweep = _Sweep(installation, now, hierarchy, roster)
        for row in rows:
            sent += installation.database.write(partial(sweep.send, row=row))
        after = rows[-1].id


@dataclass(slots=True)
class _Sweep:
    """One run over the due posts; the snapshots of a survey are read once."""

    installation: Installation
    now: datetime
    hierarchy: Hierarchy
    roster: Roster | None
    found: dict[int, list[Snapshot]] = field(default_factory=dict)
    lists: dict[int, Callable[[frozenset[int] | None], Counts | None] | None] = field(
        default_factory=dict
    )

    def send(self, connection: Connection, row: CoordinatorRow) -> bool:
        """Write one post's report, or only move its timer; return whether a message was written."""
        installation = self.installation
        published = installation.surveys.by_id(connection, row.survey_id)
        recent = self._recent(connection, published)
        if self._waits(published, recent, row):
            return False
        zone = _zone(self.hierarchy.units, row, published)
        today = self._today(published)
        report = digest.make_report(published, self.hierarchy, row.unit_id, recent, today)
        final = report is not None and report.final
        due_at = None if final else next_due(self.now, row.minute, zone)
        if not queries.move_due(connection, row.id, row.due_at, due_at):
            return False
        if row.paused:
            return False
        if identity.opted_out(connection, installation, row.contact_id, "coordinator"):
            return False
        if report is not None:
            return self._enqueue(connection, row, weekly.message(report), zone)
        lists = self._before_opening(connection, published, row, zone)
        return lists is not None and self._enqueue(connection, row, lists, zone)

    def _today(self, published: Published) -> date:
        return snapshots.today(published.survey.settings, self.now)

    def _recent(self, connection: Connection, published: Published) -> list[Snapshot]:
        if published.id not in self.found:
            today = self._today(published)
            self.found[published.id] = snapshots.recent(
                connection, published.id, today, digest.HISTORY_DAYS + 1
            )
        return self.found[published.id]

    def _waits(self, published: Published, recent: list[Snapshot], row: CoordinatorRow) -> bool:
        """Whether today's snapshot is still to come and worth waiting for."""
        today = self._today(published)
        newest = recent[0].day if recent else None
        if newest is not None and (newest == today or newest > snapshots.last_day(published)):
            return False
        if today < published.survey.settings.opens:
            return False
        assert row.due_at is not None, "only due posts are looked at"
        return self.now < row.due_at + WAIT_FOR_SNAPSHOT

    def _before_opening(
        self, connection: Connection, published: Published, row: CoordinatorRow, zone: ZoneInfo
    ) -> Message | None:
        """Return the week's message about lists, where the survey is still to open."""
        opens = published.survey.settings.opens
        if self.roster is None or self._today(published) >= opens:
            return None
        if self.now.astimezone(zone).weekday() != digest.MONDAY:
            return None
        if published.id not in self.lists:
            self.lists[published.id] = self.roster(connection, published)
        counted = self.lists[published.id]
        units = None if row.unit_id is None else self.hierarchy.within(row.unit_id)
        counts = counted(units) if counted is not None else None
        if counts is None:
            return None
        return roster_phase.message(published, self.hierarchy, row.unit_id, counts)

    def _enqueue(
        self, connection: Connection, row: CoordinatorRow, message: Message, zone: ZoneInfo
    ) -> bool:
        installation = self.installation
        address = identity.best_address(connection, row.contact_id, installation.via.sender)
        if address is None:
            return False
        local = self.now.astimezone(zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(), tzinfo=zone)
        written = outbox.enqueue(
            connection,
            installation,
            address_id=address.id,
            message=message,
            purpose="report",
            dedupe=f"report:{row.id}:{local.date().isoformat()}",
            survey_id=row.survey_id,
            expires_at=midnight.astimezone(UTC),
        )
        return written is not None


def _zone(units: Mapping[int, UnitRow], row: CoordinatorRow, published: Published) -> ZoneInfo:
    unit = units.get(row.unit_id) if row.unit_id is not None else None
    return ZoneInfo(unit.zone) if unit else published.survey.settings.zone
