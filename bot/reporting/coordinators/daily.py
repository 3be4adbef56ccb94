"""Sending coordinators the day's counts, once a day.

A post's `due_at` is its only timer; it is moved by compare-and-set in the transaction that writes
the message, and a message has one key per post and local day, so any number of processes may sweep
and die at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.flow.limits import CAPTION_CHARS, MESSAGE_CHARS, length
from bot.flow.turn import Message
from bot.interview import identity
from bot.interview.failures import Alone
from bot.interview.installation import Installation
from bot.interview.sending import outbox
from bot.interview.surveys import Published
from bot.reporting import snapshots
from bot.reporting.coordinators import digest, log, reach, roster_phase, weekly
from bot.reporting.coordinators.posts import next_due, on_duty, report_key, zone_of
from bot.reporting.coordinators.roster_phase import Counts, Roster
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import coordinators as queries
from storage.queries import reports
from storage.queries.coordinators import CoordinatorRow

WAIT_FOR_SNAPSHOT = timedelta(hours=1)
FAILED_POST_WAITS = timedelta(hours=1)

NIGHT = 21 * 60  # the minute of the day from which nothing comes that is late
LATE_MINUTES = 120  # but for whoever wants it at night


def send_due(installation: Installation, page: int = 200, *, roster: Roster | None = None) -> int:
    """Write the reports that are due into the outbox; return how many.

    Each waits for the day's snapshot, an hour at most, and then takes the newest there is. A post
    that was due several times gets one message, at its own hour or later, but not at night. Paused,
    opted-out and absent ones are passed over, and deputies of somebody who is there; a `pimpinan`
    is due once a week. After the report that holds the final counts a post is never due again: all
    get it on the day on which it is there, whoever is away on coming back, and the deputy
    meanwhile.

    On Mondays the week's message takes the place of the day's. Before a survey opens, `roster` says
    on Mondays how ready a post's lists are.
    """
    now = installation.now()
    call_for_the_end(installation, now)
    sent = after = 0
    sweep: _Sweep | None = None
    while True:
        looked_after = after
        rows = installation.database.read(
            lambda connection, after=looked_after: queries.due(  # type: ignore[misc]
                connection, now, after, page
            )
        )
        if not rows:
            return sent
        if sweep is None:
            hierarchy = installation.database.read(read_hierarchy)
            sweep = _Sweep(installation, now, hierarchy, roster)
        for row in rows:
            sent += sweep.send_alone(row)
        after = rows[-1].id


def call_for_the_end(installation: Installation, now: datetime) -> int:
    """Let leaders of a survey whose final counts are there hear of them today, not on their
    weekday; return how many that moved."""

    def ended(connection: Connection, published: Published) -> bool:
        newest = reports.last_snapshot_day(connection, published.id)
        return newest is not None and newest > published.last_day

    def later(connection: Connection) -> list[CoordinatorRow]:
        rows = queries.leaders_due_later(connection, now)
        theirs = {row.survey_id for row in rows}
        surveys = installation.surveys.every(connection) if theirs else ()
        over = {one.id for one in surveys if one.id in theirs and ended(connection, one)}
        return [row for row in rows if row.survey_id in over]

    rows = installation.database.read(later)
    if not rows:
        return 0

    def work(connection: Connection) -> int:
        hierarchy, moved = read_hierarchy(connection), 0
        for row in rows:
            published = installation.surveys.by_id(connection, row.survey_id)
            zone = zone_of(row, hierarchy, published)
            day = now.astimezone(zone).date()
            hour = time(row.minute // 60, row.minute % 60)
            due_at = datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)
            assert row.due_at is not None, "it is due later"
            if on_duty(row, day) and due_at < row.due_at:
                moved += queries.move_due(connection, row, due_at)
        return moved

    return installation.database.write(work)


@dataclass(slots=True)
class _Sweep:
    """One run over the due posts; the snapshots of a survey are read once."""

    installation: Installation
    now: datetime
    hierarchy: Hierarchy
    roster: Roster | None
    found: dict[int, list[Snapshot]] = field(default_factory=dict)
    unheard: dict[int, Mapping[int | None, tuple[int, ...]]] = field(default_factory=dict)
    lists: dict[int, Callable[[frozenset[int] | None], Counts | None] | None] = field(
        default_factory=dict
    )

    def send_alone(self, row: CoordinatorRow) -> bool:
        """Serve one post in a transaction of its own; one that cannot be served waits an hour."""
        database = self.installation.database
        with Alone(f"the report to post {row.id}"):
            return database.write(partial(self.send, row=row))
        until = self.now + FAILED_POST_WAITS
        database.write(lambda connection: queries.move_due(connection, row, until))
        return False

    def send(self, connection: Connection, row: CoordinatorRow) -> bool:
        """Write one post's report, or only move its timer; return whether a message was written."""
        installation = self.installation
        published = installation.surveys.by_id(connection, row.survey_id)
        recent = self._recent(connection, published)
        if self._waits(published, recent, row) or self._missed(connection, published, row):
            return False
        report = self._report(connection, published, recent, row)
        day = self._day(published, row)
        serves = on_duty(row, day)
        if not queries.move_due(connection, row, self._next(published, report, row, serves)):
            return False
        if row.paused or not serves:
            return False
        if identity.opted_out(connection, installation, row.contact_id, "coordinator"):
            return False
        written = self._message(connection, published, row, report, day)
        if written is None:
            return False
        kind, message = written
        telling = self._with_unheard(connection, row, message, day) if report else message
        outbox_id = self._enqueue(connection, row, telling, day)
        if outbox_id is None:
            return False
        if telling is not message:
            queries.told(connection, row.id, day)
        shown = report.snapshot.day if report else None
        log.note(connection, row, kind, shown, telling, self.now, outbox_id)
        return True

    def _missed(self, connection: Connection, published: Published, row: CoordinatorRow) -> bool:
        """Put off to its next hour what was missed and would come at night, or before that hour."""
        zone = self._zone(published, row)
        local = self.now.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if row.minute <= minute < max(NIGHT, row.minute + LATE_MINUTES):
            return False
        queries.move_due(connection, row, next_due(self.now, row.minute, zone))
        return True

    def _zone(self, published: Published, row: CoordinatorRow) -> ZoneInfo:
        return zone_of(row, self.hierarchy, published)

    def _day(self, published: Published, row: CoordinatorRow) -> date:
        return self.now.astimezone(self._zone(published, row)).date()

    def _report(
        self,
        connection: Connection,
        published: Published,
        recent: list[Snapshot],
        row: CoordinatorRow,
    ) -> digest.Report | None:
        today = published.survey.settings.day(self.now)
        # Whose hour is before the snapshot hears of each on the day after it.
        old = bool(recent) and recent[0].day != today
        old = old and log.was_reported(connection, row, recent[0])
        return digest.make_report(published, self.hierarchy, row.unit_id, recent, old=old)

    def _next(
        self,
        published: Published,
        report: digest.Report | None,
        row: CoordinatorRow,
        serves: bool,
    ) -> datetime | None:
        """Return when a post is due next; after the final counts only who was away is."""
        zone, final = self._zone(published, row), report is not None and report.final
        if final and (serves or row.deputy_for is not None):
            return None
        return next_due(self.now, row.minute, zone, None if final else row.weekday)

    def _message(
        self,
        connection: Connection,
        published: Published,
        row: CoordinatorRow,
        report: digest.Report | None,
        day: date,
    ) -> tuple[str, Message] | None:
        """Return what this kind of post is written today, if anything, after the name of it."""
        if report is not None:
            return weekly.message(report, row.kind)
        message = self._before_opening(connection, published, row, day)
        return ("roster", message) if message is not None else None

    def _before_opening(
        self, connection: Connection, published: Published, row: CoordinatorRow, day: date
    ) -> Message | None:
        """Return the week's message about lists, where the survey is still to open."""
        today = published.survey.settings.day(self.now)
        if self.roster is None or row.kind != "admin" or day.weekday() != digest.MONDAY:
            return None
        if today >= published.survey.settings.opens:
            return None
        if published.id not in self.lists:
            self.lists[published.id] = self.roster(connection, published)
        counted = self.lists[published.id]
        units = None if row.unit_id is None else self.hierarchy.within(row.unit_id)
        counts = counted(units) if counted is not None else None
        if counts is None:
            return None
        return roster_phase.message(published, self.hierarchy, row.unit_id, counts)

    def _recent(self, connection: Connection, published: Published) -> list[Snapshot]:
        if published.id not in self.found:
            today = published.survey.settings.day(self.now)
            self.found[published.id] = snapshots.recent(
                connection, published.id, today, digest.HISTORY_DAYS + 1
            )
        return self.found[published.id]

    def _waits(self, published: Published, recent: list[Snapshot], row: CoordinatorRow) -> bool:
        """Whether today's snapshot is still to come and worth waiting for."""
        today = published.survey.settings.day(self.now)
        newest = recent[0].day if recent else None
        if newest is not None and (newest == today or newest > published.last_day):
            return False
        if today < published.survey.settings.opens:
            return False
        assert row.due_at is not None, "only due posts are looked at"
        return self.now < row.due_at + WAIT_FOR_SNAPSHOT

    def _enqueue(
        self, connection: Connection, row: CoordinatorRow, message: Message, day: date
    ) -> UUID | None:
        installation = self.installation
        address = identity.best_address(connection, row.contact_id, installation.via.sender)
        if address is None:
            return None
        published = installation.surveys.by_id(connection, row.survey_id)
        zone = self._zone(published, row)
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
        return outbox.enqueue(
            connection,
            installation,
            address_id=address.id,
            message=message,
            purpose="report",
            dedupe=report_key(row, day),
            survey_id=row.survey_id,
            expires_at=midnight.astimezone(UTC),
        )

    def _with_unheard(
        self, connection: Connection, row: CoordinatorRow, message: Message, day: date
    ) -> Message:
        """Add, once a week, whom of the level below nobody can reach."""
        if not reach.may_be_told(row, day):
            return message
        published = self.installation.surveys.by_id(connection, row.survey_id)
        if row.survey_id not in self.unheard:
            self.unheard[row.survey_id] = reach.unheard(
                connection, self.installation, published, self.hierarchy
            )
        units = self.unheard[row.survey_id].get(row.unit_id, ())
        if not units:
            return message
        text = f"{message.text}\n\n{reach.line(published, self.hierarchy, units)}"
        if length(text) > (CAPTION_CHARS if message.attachment else MESSAGE_CHARS):
            return message
        return replace(message, text=text)
