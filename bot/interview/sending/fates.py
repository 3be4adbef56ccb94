"""What became of a message: the provider's answer, its status callbacks, and what follows.

Callbacks come late, doubled and out of order: the rank only rises, and a failure is final unless
delivery was already seen. What follows from a failure is the channel's word (`Outcome`); a code
that nobody knows is final and reported, never tried for ever.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from bot.channels.base import DELIVERED, Outcome, SendError, StatusEvent, media_refused
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.sending import contents, reminding, templates
from bot.interview.sending.alerts import alert
from bot.interview.sending.outbox import CAMPAIGN, PATIENCE, WAIT_FOR_CALLBACK, open_message
from storage.keys import KeyDestroyed
from storage.queries import outbox as queries
from storage.queries import people
from storage.queries import senders as sender_queries
from storage.queries.outbox import OutboxRow

log = logging.getLogger(__name__)

SENT = 3  # the rank of "sent"
LONGEST_PAUSE = 900.0  # seconds between two tries
ONCE_MORE = timedelta(hours=24)  # Meta: at most one retry of what it chose not to deliver
HALT = timedelta(minutes=5)
PAUSE = timedelta(hours=24)  # Meta's and Twilio's daily limits roll over 24 hours
PERSISTENT = 4  # tries after which "too fast" means a daily limit
TOO_FAST = 63018  # Twilio: 80 a second, the portfolio's limit, or a burst to one person
CAPPED = frozenset({63049, 131049})  # Twilio, Meta: this person gets enough marketing already
TEMPLATE_PAUSE = timedelta(hours=1)
REMEMBERED = 50  # failed attempts of a message whose callbacks are known as theirs, the last ones


# --- what the provider answered at once -----------------------------------------------------------


def record_sent(installation: Installation, outbox_id: UUID, status: StatusEvent) -> None:
    """Record that the provider took a message."""

    def work(connection: Connection) -> None:
        row = queries.by_id(connection, outbox_id, lock=True)
        if row is None or row.provider_sid is not None or status.sid in _past(row):
            return  # the callback was faster than we
        if row.status == "queued" and row.error_code is not None:
            return  # so was that of its failure: it goes again
        queries.set_fate(
            connection,
            outbox_id,
            status="delivered" if status.rank >= DELIVERED else "sent",
            provider_sid=status.sid,
            rank=max(row.rank, status.rank),
            lease_until=None,
        )

    installation.database.write(work)


def record_refusal(installation: Installation, row: OutboxRow, error: SendError) -> str:
    """Record that a message was not, or perhaps not, taken; return "unknown", "later", "failed"."""
    log.warning("a message was not sent (%s, code %s)", error.outcome, error.code)

    def work(connection: Connection) -> str:
        now = installation.now()
        if error.outcome == "unknown":
            values: dict[str, Any] = {"status": "unknown", "not_before": now + WAIT_FOR_CALLBACK}
        else:
            failure = _Failure(error.outcome, error.code, error.known)
            # As it was claimed: with this try, and the template that it was tried with.
            tried = queries.by_id(connection, row.id) or row
            values = _after(connection, installation, tried, failure, now)
        queries.settle(
            connection, row.id, "claimed", error_code=error.code, lease_until=None, **values
        )
        return {"unknown": "unknown", "queued": "later"}.get(values["status"], "failed")

    return installation.database.write(work)


# --- what follows from a failure ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Failure:
    outcome: Outcome
    code: int | None
    known: bool


def _after(
    connection: Connection,
    installation: Installation,
    row: OutboxRow,
    failure: _Failure,
    now: datetime,
) -> dict[str, Any]:
    """Carry out what follows from a failure; return the row's new values."""
    if not failure.known:
        text = f"Error {failure.code} of {row.channel} is not known to Tautan: the message failed."
        alert(connection, f"code:{failure.code}", text + " Look the code up.", now)
    again = _again_at(connection, installation, row, failure, now)
    if again is None or again >= (row.expires_at or row.created_at + PATIENCE):
        _give_up(connection, installation, row, failure)
        return {"status": "failed", "sealed": None}
    return {"status": "queued", "via": "rest", "not_before": again}


def _give_up(
    connection: Connection, installation: Installation, row: OutboxRow, failure: _Failure
) -> None:
    """Let no reminder follow to somebody whom an invitation or a reminder did not reach."""
    if row.purpose not in CAMPAIGN or row.conversation_id is None or not failure.known:
        return
    why: reminding.Unreached = "unreachable"
    if failure.outcome == "later_once":
        if row.attempts <= 1 or row.error_code != failure.code:
            return  # held back once, and no time is left: the plan's next step is the other try
        why = "capped" if failure.code in CAPPED else "unreachable"
    elif failure.outcome != "refused":
        return
    reminding.not_reached(connection, installation, row.conversation_id, why)
    # One may wait already: it kept its distance from the one that has failed now.
    queries.drop_queued(connection, conversation_id=row.conversation_id, purpose="reminder")


def _again_at(
    connection: Connection,
    installation: Installation,
    row: OutboxRow,
    failure: _Failure,
    now: datetime,
) -> datetime | None:
    """Return when to try again, None for never, after doing what else the failure asks for."""
    match failure.outcome:
        case "later":
            if failure.code == TOO_FAST and row.attempts >= PERSISTENT:
                return _pause(connection, row, failure, now)
            return now + _back_off(row)
        case "later_once":
            return now + ONCE_MORE if row.attempts <= 1 else None
        case "resend_as_template":
            people.close_window(connection, row.address_id, row.sender)
            return now if row.purpose != "reply" and not row.template else None
        case "opted_out":
            contact_id = identity.contact_of(connection, row.address_id)
            if contact_id is not None:
                purpose = "coordinator" if row.purpose == "report" else "respondent"
                identity.opt_out(connection, installation, contact_id, purpose)
        case "template":
            text = f"A template cannot be used (error {failure.code})."
            alert(connection, f"template:{failure.code}", text + " See `tautan templates`.", now)
            if row.template_id is not None:
                templates.fault(connection, installation, row.template_id, failure.code)
            return now + TEMPLATE_PAUSE
        case "pause":
            return _pause(connection, row, failure, now)
        case "config":
            return _halt(connection, row, failure, now)
    return None


def _back_off(row: OutboxRow) -> timedelta:
    """A pause that doubles with every try, with a jitter that keeps many from coming at once."""
    longest = min(2.0 ** min(row.attempts, 10), LONGEST_PAUSE)
    return timedelta(seconds=longest * random.uniform(0.75, 1.0))  # noqa: S311 # only spreads


def _pause(
    connection: Connection, row: OutboxRow, failure: _Failure, now: datetime
) -> datetime | None:
    """Let no invitation or reminder out for a day."""
    reason = f"a daily limit was met (error {failure.code})"
    sender_queries.change(
        connection, row.channel, row.sender, paused_until=now + PAUSE, reason=reason
    )
    text = f"Invitations and reminders pause for 24 hours: {reason}. See `tautan senders`."
    alert(connection, f"paused:{row.sender}", text, now)
    return now + PAUSE if row.purpose in CAMPAIGN else now + _back_off(row)


def _halt(
    connection: Connection, row: OutboxRow, failure: _Failure, now: datetime
) -> datetime | None:
    """Send nothing for five minutes, then try with one message again."""
    reason = f"the account or sender cannot be used (error {failure.code})"
    sender_queries.change(
        connection, row.channel, row.sender, halted_until=now + HALT, reason=reason
    )
    text = f"Nothing can be sent: {reason}. `tautan doctor` says what to mend; no message is lost."
    alert(connection, f"halted:{row.sender}", text, now)
    return now + HALT


# --- status callbacks -----------------------------------------------------------------------------


def record_status(installation: Installation, outbox_id: UUID, event: StatusEvent) -> bool:
    """Take in a status callback; return whether it belongs to a row of ours.

    A callback that names two addresses joins them, as a message does.
    """
    return installation.database.write(
        lambda connection: _record_all(connection, installation, [(outbox_id, event)])[0]
    )


class Statuses:
    """Takes status callbacks in, those that come at the same time in one transaction.

    Whoever finds nobody at work becomes the one who works, for all that wait.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._work = threading.Lock()
        self._waiting: list[_Waiting] = []

    def record(self, installation: Installation, outbox_id: UUID, event: StatusEvent) -> bool:
        """Do as `record_status`; return when it is durable. Raises what that raises."""
        mine = _Waiting(outbox_id, event)
        with self._lock:
            self._waiting.append(mine)
        while not mine.done.is_set():
            with self._work:
                if not mine.done.is_set():
                    self._drain(installation)
        if mine.error is not None:
            raise mine.error
        return mine.known

    def _drain(self, installation: Installation) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        events = [(one.outbox_id, one.event) for one in batch]
        try:
            known = installation.database.write(
                lambda connection: _record_all(connection, installation, events)
            )
        except Exception:
            # One of them fails all: each by itself, so that it harms nobody else.
            self._one_by_one(installation, batch)
            return
        for one, found in zip(batch, known, strict=True):
            one.known = found
            one.done.set()

    @staticmethod
    def _one_by_one(installation: Installation, batch: Sequence[_Waiting]) -> None:
        for one in batch:
            try:
                one.known = record_status(installation, one.outbox_id, one.event)
            except Exception as error:
                one.error = error
            one.done.set()


@dataclass(eq=False, slots=True)
class _Waiting:
    outbox_id: UUID
    event: StatusEvent
    done: threading.Event = field(default_factory=threading.Event)
    known: bool = False
    error: Exception | None = None


def _record_all(
    connection: Connection, installation: Installation, events: Sequence[tuple[UUID, StatusEvent]]
) -> list[bool]:
    """Take events in, in the order in which they came; rows are locked in that of their ids."""
    rows = {row.id: row for row in queries.by_ids(connection, [one for one, _ in events])}
    known = []
    for outbox_id, event in events:
        row = rows.get(outbox_id)
        mine = row is not None and _record(connection, installation, row, event)
        if mine:
            found = queries.by_id(connection, outbox_id)
            if found is not None:
                rows[outbox_id] = found
        known.append(mine)
    return known


def _record(
    connection: Connection, installation: Installation, row: OutboxRow, event: StatusEvent
) -> bool:
    """Take one event in; False when it is not about this row as it is now."""
    if row.provider_sid not in (None, event.sid) or event.sid in _past(row):
        return False  # an earlier attempt's callback: the row has moved on
    if row.provider_sid is None:
        queries.free_sid(connection, event.sid, row.id)
    values: dict[str, Any] = {"provider_sid": event.sid}
    if event.failed:
        if row.rank < DELIVERED and row.status != "failed":
            values |= _failed(connection, installation, row, event)
    else:
        # `read` says when one person looked at the phone: it is not kept.
        rank = max(row.rank, min(event.rank, DELIVERED))
        values |= {"rank": rank, "lease_until": None}
        if rank > row.rank and rank >= SENT and row.status not in {"failed", "dropped"}:
            values["status"] = "delivered" if rank >= DELIVERED else "sent"
            values["sealed"] = None if rank >= DELIVERED else row.sealed
        elif row.status in {"unknown", "claimed", "queued"}:
            # Whatever it says, the provider has the message: it must not go out again.
            values["status"] = "sent"
    queries.set_fate(connection, row.id, **values)
    if len(event.addresses) > 1 and identity.find(connection, installation, event.addresses):
        identity.person(connection, installation, event.addresses)
    return True


def _failed(
    connection: Connection, installation: Installation, row: OutboxRow, event: StatusEvent
) -> dict[str, Any]:
    """Return what a failed delivery makes of a row; another attempt will have another id."""
    if row.sealed is None:
        values: dict[str, Any] = {"status": "failed"}
    elif _goes_as_text(connection, installation, row, event):
        values = {"status": "queued", "via": "rest", "not_before": installation.now()}
    else:
        failure = _Failure(event.outcome, event.error_code, event.known)
        values = _after(connection, installation, row, failure, installation.now())
    values["error_code"] = event.error_code
    if values["status"] == "queued":
        past = " ".join([*_past(row), event.sid][-REMEMBERED:])
        values |= {"provider_sid": None, "past_sids": past, "rank": 0, "lease_until": None}
    return values


def _past(row: OutboxRow) -> list[str]:
    """Return the provider's ids of a row's attempts that failed, the oldest first."""
    return (row.past_sids or "").split()


def _goes_as_text(
    connection: Connection, installation: Installation, row: OutboxRow, event: StatusEvent
) -> bool:
    """Whether what could not be delivered with its taps or its file is to go again, as text."""
    if row.purpose not in ("reply", "report") or row.via != "rest" or row.template:
        return False
    if row.attempts != 1 or queries.newer_reply(connection, row):
        return False
    try:
        message = open_message(connection, installation, row)
    except KeyDestroyed:
        return False
    if message.attachment is not None:
        return media_refused(event.error_code)
    return message.taps is not None and event.error_code in contents.REFUSED_AS_TAPS
