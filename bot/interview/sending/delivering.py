"""Sending what lies in the outbox, at the pace that WhatsApp allows.

1. Lease due rows and the tokens for them in one transaction; drop what must not go out any more.
2. Claim each at its moment, just before it is sent, and send it without holding a transaction.
3. Record each fate (`fates`). What a slow provider leaves no time for is given back unsent.

A process that dies leaves leases that run out: what it had claimed becomes unknown, what it had
only leased is simply due again. Safe in any number of threads and processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.channels.base import Address, Channel, Outgoing, SendError, Template, media_refused
from bot.flow.schedule import DISTANCE, next_allowed
from bot.flow.state import Status
from bot.flow.turn import Message
from bot.interview import contexts
from bot.interview.failures import trace
from bot.interview.files import media_links
from bot.interview.installation import Installation, real_now
from bot.interview.sending import contents, fates, holding, pace, templates
from bot.interview.sending.alerts import alert
from bot.interview.sending.outbox import (
    CAMPAIGN,
    PATIENCE,
    WAIT_FOR_CALLBACK,
    WAIT_FOR_MENDING,
    WINDOW,
    Purpose,
    open_message,
)
from bot.interview.sending.pace import Lane
from storage.database import Conflict, DatabaseError, Unavailable
from storage.keys import KeyDestroyed
from storage.queries import outbox as queries
from storage.queries import reminders as reminder_queries
from storage.queries import senders as sender_queries
from storage.queries import turns
from storage.queries.outbox import Claimable, OutboxRow
from storage.queries.senders import SenderRow

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
# A send that begins later than this after the lease may outlast it: another could send it too.
SEND_WITHIN = 30.0  # seconds
# Who comes so much later than the token's moment gives it up: else late ones would pile up.
TOO_LATE = 0.1  # seconds
WAIT_FOR_TEMPLATE = timedelta(minutes=15)  # until it is looked whether one may be used now
LANES: dict[Lane, tuple[Purpose, ...]] = {"urgent": ("reply", "report"), "campaign": CAMPAIGN}
EVERYTHING: tuple[Lane, ...] = ("urgent", "campaign")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one sweep of the sender did, in messages."""

    sent: int = 0
    unknown: int = 0
    failed: int = 0
    later: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    """A leased row, opened and ready to be sent `wait` seconds after the lease."""

    row: OutboxRow
    outgoing: Outgoing
    lease_until: datetime
    wait: float = 0.0


def deliver(
    installation: Installation,
    channels: Mapping[str, Channel],
    limit: int = 50,
    lanes: Iterable[Lane] = EVERYTHING,
    pool: ThreadPoolExecutor | None = None,
    room: threading.Semaphore | None = None,
) -> Delivery:
    """Send what is due, by REST: up to `limit` messages of each lane, the urgent ones first.

    With a `pool` they are sent by its threads; `room` counts those that are free.
    """
    tally: Counter[str] = Counter()
    for lane in lanes:
        jobs, dropped = installation.database.write(
            partial(_lease, installation=installation, channels=channels, limit=limit, lane=lane)
        )
        tally["dropped"] += dropped
        run = _Run(installation, channels, tally, lane)
        if pool is None or room is None:
            run.here(jobs)
        else:
            run.by(pool, room, jobs)
    return Delivery(**tally)


def anything_due(installation: Installation, lanes: Iterable[Lane]) -> bool:
    """Whether messages of these lanes wait to be sent, or a dead sender left some behind."""
    purposes = [purpose for lane in lanes for purpose in LANES[lane]]
    return installation.database.read(
        lambda connection: queries.anything_due(connection, installation.now(), purposes)
    )


class _Run:
    """The jobs of one lease on their way."""

    def __init__(
        self,
        installation: Installation,
        channels: Mapping[str, Channel],
        tally: Counter[str],
        lane: Lane,
    ) -> None:
        self._installation = installation
        self._channels = channels
        self._tally = tally
        self._lane = lane
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def here(self, jobs: list[_Job]) -> None:
        """Send one after the other."""
        for job in jobs:
            self._wait_for(job)
            self._count(self._one(job))

    def by(self, pool: ThreadPoolExecutor, room: threading.Semaphore, jobs: list[_Job]) -> None:
        """Hand each at its moment to a free thread, and return when all are done."""
        under_way = []

        def work(job: _Job) -> None:
            try:
                self._count(self._one(job))
            finally:
                room.release()

        for job in jobs:
            self._wait_for(job)
            room.acquire()
            under_way.append(pool.submit(work, job))
        for one in under_way:
            one.result()

    def _wait_for(self, job: _Job) -> None:
        left = self._began + job.wait - time.monotonic()
        if left > 0:
            time.sleep(left)

    def _one(self, job: _Job) -> str:
        """Send one leased message unless its time is over; return the word it is tallied under."""
        late = time.monotonic() - self._began
        if late > SEND_WITHIN or (self._lane == "campaign" and late > job.wait + TOO_LATE):
            return "later" if self._give_back(job) else ""
        return self._send(job.row, job.outgoing) if self._claim(job) else ""

    def _send(self, row: OutboxRow, outgoing: Outgoing) -> str:
        try:
            status = self._channels[row.channel].send(outgoing)
        except SendError as error:
            taps = outgoing.taps
            if taps is not None and contents.refused(self._installation, taps, error):
                return self._send(row, replace(outgoing, taps=None))
            if outgoing.link is not None and media_refused(error.code):
                return self._send(row, replace(outgoing, link=None))
            return fates.record_refusal(self._installation, row, error)
        fates.record_sent(self._installation, row.id, status)
        return "sent"

    def _count(self, word: str) -> None:
        if word:
            with self._lock:
                self._tally[word] += 1

    def _give_back(self, job: _Job) -> bool:
        return self._installation.database.write(
            lambda connection: queries.give_back(connection, job.row.id, job.lease_until)
        )

    def _claim(self, job: _Job) -> bool:
        """Mark a row as being handed over; False when it was dropped or leased anew meanwhile."""
        now = self._installation.now()
        template = job.outgoing.template.id if job.outgoing.template else None
        return self._installation.database.write(
            lambda connection: queries.claim(connection, job.row.id, job.lease_until, now, template)
        )


# --- leasing --------------------------------------------------------------------------------------


def _lease(
    connection: Connection,
    installation: Installation,
    channels: Mapping[str, Channel],
    limit: int,
    lane: Lane,
) -> tuple[list[_Job], int]:
    now = installation.now()
    queries.one_at_a_time(connection)
    lease_now = queries.server_time(connection) or real_now()
    queries.abandon_leases(connection, lease_now, now + WAIT_FOR_CALLBACK)
    senders = sender_queries.every(connection)
    held = [sender.address for sender in senders if _held(sender, lane, now)]
    found = queries.claimable(connection, now, lease_now, list(channels), limit, LANES[lane], held)
    jobs: list[_Job] = []
    dropped = 0
    for sender, rows in _by_sender(connection, senders, found):
        until = lease_now + LEASE
        lease = _Lease(connection, installation, channels, sender, lane, now, until, rows)
        jobs += lease.jobs
        dropped += lease.dropped
    queries.lease(connection, [job.row.id for job in jobs], lease_now + LEASE)
    return sorted(jobs, key=lambda job: job.wait), dropped


def _held(sender: SenderRow, lane: Lane, now: datetime) -> bool:
    until = [sender.halted_until, sender.paused_until if lane == "campaign" else None]
    return any(moment is not None and moment > now for moment in until)


def _by_sender(
    connection: Connection, senders: list[SenderRow], found: list[Claimable]
) -> Iterable[tuple[SenderRow, list[Claimable]]]:
    groups: dict[tuple[str, str], list[Claimable]] = {}
    for due in found:
        groups.setdefault((due.row.channel, due.row.sender), []).append(due)
    for (channel, address), rows in groups.items():
        yield pace.sender_of(connection, channel, address, senders), rows


class _Lease:
    """Due rows of one sender and lane: which go out now, which later, and which never."""

    def __init__(
        self,
        connection: Connection,
        installation: Installation,
        channels: Mapping[str, Channel],
        sender: SenderRow,
        lane: Lane,
        now: datetime,
        lease_until: datetime,
        found: list[Claimable],
    ) -> None:
        self._connection = connection
        self._installation = installation
        self._channels = channels
        self._now = now
        self.jobs: list[_Job] = []
        self.dropped = 0
        self._without: Counter[str] = Counter()  # why there is no template: how many wait for it
        addresses = [due.row.address_id for due in found]
        self._handed = sender_queries.handed_since(
            connection, addresses, now - pace.person_window()
        )
        self._beginnings = pace.Beginnings(connection, sender, addresses, now)
        ready = self._ready(found)
        waits = pace.reserve(connection, sender, lane, len(ready), lease_until - LEASE)
        for (due, outgoing), wait in zip(ready, waits, strict=False):
            self.jobs.append(_Job(due.row, outgoing, lease_until, wait))
        for why, number in self._without.items():
            log.warning("messages wait for a template (%d in this sweep): %s", number, why)

    def _ready(self, found: list[Claimable]) -> list[tuple[Claimable, Outgoing]]:
        ready: list[tuple[Claimable, Outgoing]] = []
        taken: set[int] = set()
        for due in found:
            if due.row.address_id in taken:
                continue
            judged = self._judged_alone(due)
            if isinstance(judged, Outgoing):
                taken.add(due.row.address_id)
                ready.append((due, judged))
            elif isinstance(judged, datetime):
                queries.set_fate(self._connection, due.row.id, not_before=judged)
            else:
                values = {"status": "dropped", "sealed": None, "reason": judged}
                queries.set_fate(self._connection, due.row.id, **values)
                self.dropped += 1
                log.info("outbox row dropped: %s", judged)
        return ready

    def _judged_alone(self, due: Claimable) -> Outgoing | datetime | str:
        """Judge a row; one on which our own code fails waits, and keeps none of the others back.

        It may be damaged, or be written by a version of ours that knows more than this one.
        """
        try:
            return self._judged(due)
        except (Conflict, Unavailable, DatabaseError):
            raise
        except Exception as error:
            log.error("a message cannot be prepared\n%s", trace(error))
        what = "a message in the outbox cannot be prepared (see the log); it is tried every hour"
        alert(self._connection, "outbox:unprepared", what, self._now)
        if _waited_enough(due.row, self._now):
            return "it could not be prepared"
        return self._now + WAIT_FOR_MENDING

    def _judged(self, due: Claimable) -> Outgoing | datetime | str:
        """Return what goes out now, or when it may, or why it never will."""
        row, now = due.row, self._now
        reason = _must_not_go(due, now)
        if reason is not None:
            return reason
        if self._take_back(row):
            return "its launch is paused or stopped"
        if row.purpose != "reply" and row.conversation_id is not None:
            moment = _allowed_at(self._connection, self._installation, row, now)
            if moment is None:
                return "nobody is waiting for it any more"
            if moment > now:
                return moment
        moment = pace.person_free_at(self._handed.get(row.address_id, ()), row.purpose, now)
        if moment is not None:
            return moment
        channel = self._channels[row.channel]
        outgoing = _open(self._connection, self._installation, channel, due, now)
        if isinstance(outgoing, str):
            self._without[outgoing] += 1
            return now + WAIT_FOR_TEMPLATE
        if outgoing is None:
            return "it cannot be opened or has no template"
        if outgoing.template is not None:
            moment = self._beginnings.take(row.address_id)
        return outgoing if moment is None else moment

    def _take_back(self, row: OutboxRow) -> bool:
        """Undo an invitation whose launch is paused or stopped; False when it may go out."""
        if row.purpose != "invitation" or row.conversation_id is None:
            return False
        if not holding.held(self._connection, row.conversation_id):
            return False
        return holding.take_back(self._connection, self._installation, row.conversation_id)


def _must_not_go(due: Claimable, now: datetime) -> str | None:
    """Say why a message must not go out, at the last moment before it would."""
    if due.row.expires_at is not None and due.row.expires_at <= now:
        return "expired"
    if due.opted_out and due.row.purpose != "reply":
        return "the person asked not to be contacted"
    heard = due.last_inbound_at
    if due.row.purpose == "reminder" and heard is not None and heard > due.row.created_at:
        return "the person has written since"
    return None


def _allowed_at(
    connection: Connection, installation: Installation, row: OutboxRow, now: datetime
) -> datetime | None:
    """Return the first moment from `now` on for an invitation or reminder, None for never.

    It was made within the hours and while the interview was open; since then it may have waited.
    """
    assert row.conversation_id is not None
    found = turns.turn_of(connection, row.conversation_id)
    if not found:
        return None
    status = Status(found[0].status or "")
    if status.over or (row.purpose == "invitation" and status is not Status.INVITED):
        return None
    turn = found[0]
    assert turn.survey_id is not None
    assert turn.settings_hash is not None
    assert turn.flow_version_id is not None
    survey = installation.surveys.compiled(
        connection, turn.survey_id, turn.settings_hash, turn.flow_version_id
    )
    plan = contexts.context(installation, survey, turn, window_open=False).plan
    zone = ZoneInfo(turn.unit_zone) if turn.unit_zone else survey.settings.zone
    moment = _after_the_last(connection, row, now)
    allowed = next_allowed(plan.hours, zone, moment, plan.closes)
    if allowed is None or allowed > now:
        return allowed
    # It goes out up to half a minute from now, which must not be after the hours have ended.
    margin = timedelta(seconds=SEND_WITHIN)
    then = next_allowed(plan.hours, zone, now + margin, plan.closes)
    return now if then == now + margin else then


def _after_the_last(connection: Connection, row: OutboxRow, now: datetime) -> datetime:
    """Return from when on a reminder, or what is tried once more, keeps its distance from what the
    person got before, in this survey or in another: earlier ones may have waited too."""
    if row.purpose != "reminder" and not row.attempts:
        return now
    last = reminder_queries.last_handed(connection, row.address_id, now - DISTANCE, row.id)
    return now if last is None else max(now, last + DISTANCE)


def _open(
    connection: Connection,
    installation: Installation,
    channel: Channel,
    due: Claimable,
    now: datetime,
) -> Outgoing | str | None:
    """Open a row; None when it cannot be, words when it waits for a template."""
    row = due.row
    try:
        message = open_message(connection, installation, row)
        key = installation.keys.by_id(connection, due.address_key_id)
    except KeyDestroyed:
        return None
    to = Address(due.address_kind, key.open(due.address_sealed, "address"))  # type: ignore[arg-type]
    window_open = due.last_inbound_at is not None and now - due.last_inbound_at < WINDOW
    template = None
    if not window_open and row.purpose != "reply":
        found = template_of(connection, installation, row.survey_id, message)
        if found is None or (isinstance(found, str) and _waited_enough(row, now)):
            return None
        if isinstance(found, str):
            return found
        template = found
        if message.template_text:
            message = replace(message, text=message.template_text, choices=(), footer="")
    taps = None
    if window_open and template is None and row.attempts == 0:
        # What went wrong once goes as text, which always can.
        taps = contents.for_sending(connection, installation, channel, row.survey_id, message)
    link = None
    if message.attachment is not None and template is None and not media_refused(row.error_code):
        link = media_links.make(connection, installation, message.attachment.what)
        taps = None
    return Outgoing(row.id.hex, to, message, template, taps, link)


def _waited_enough(row: OutboxRow, now: datetime) -> bool:
    """Whether a row without an end of its own has waited as long as any may."""
    return row.expires_at is None and now >= row.created_at + PATIENCE


def template_of(
    connection: Connection, installation: Installation, survey_id: int | None, message: Message
) -> Template | str | None:
    """Return the template to use for a message outside the window, in words why there is none now,
    or None for a message that is none."""
    if message.template is None or survey_id is None:
        return None
    return templates.usable(connection, installation, survey_id, message.template, message.language)
