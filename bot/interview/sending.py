"""The outbox: what we want to say, and what became of it.

Nothing is sent twice blindly. A message handed to the provider of which we do not know the fate
(a reply inside the webhook's answer, a request that timed out, a sender that died) is *unknown*
until a status callback or a look at the provider's own list settles it; a reply is then sent again
only when it was not found for ten minutes and nothing newer was said. A template is never sent
again, with one exception: its sender died handing it over, and ten minutes later the provider's
list does not have it. (When the provider fails us its list may be behind; when we fail it is not.)
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from bot.channels.base import (
    Address,
    Channel,
    Outgoing,
    SendError,
    StatusEvent,
    Template,
    as_text,
)
from bot.flow.schedule import next_allowed
from bot.flow.state import Status
from bot.flow.turn import Choice, Message, Tappable
from bot.interview import contents, contexts, identity
from bot.interview.installation import Installation, Via, real_now
from storage.keys import DataKey, KeyDestroyed
from storage.queries import outbox as queries
from storage.queries import turns
from storage.queries.outbox import Claimable, OutboxRow

log = logging.getLogger(__name__)

Purpose = Literal["reply", "invitation", "reminder", "report"]

LEASE = timedelta(seconds=60)
# A send that begins later than this after the lease may outlast it: another could send it too.
SEND_WITHIN = timedelta(seconds=30)
WAIT_FOR_CALLBACK = timedelta(minutes=2)
GIVE_UP_LOOKING = timedelta(minutes=10)
# The provider counts 24 hours from its own receipt of the message; half an hour is our margin.
WINDOW = timedelta(hours=23, minutes=30)
MAX_ATTEMPTS = 8  # of messages whose fate stays unknown
PATIENCE = timedelta(days=1)  # with messages that have no expiry of their own


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one sweep of the sender did."""

    sent: int = 0
    unknown: int = 0
    failed: int = 0
    later: int = 0
    dropped: int = 0


def to_json(message: Message) -> str:
    """Return the stored form of a message."""
    plain = {
        "text": message.text,
        "choices": [[one.value, one.label] for one in message.choices],
        "footer": message.footer,
        "buttons": [[one.value, one.label] for one in message.buttons],
        "question": message.question,
        "language": message.language,
        "step": message.step,
        "template": message.template,
        "variables": dict(message.variables),
        "template_text": message.template_text,
        "taps": _taps_json(message.taps),
    }
    return json.dumps(
        {key: value for key, value in plain.items() if value},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def from_json(text: str) -> Message:
    """Read what `to_json` wrote."""
    plain = json.loads(text)
    for name in ("choices", "buttons"):
        plain[name] = tuple(Choice(*one) for one in plain.get(name, ()))
    plain.setdefault("text", "")
    if taps := plain.pop("taps", None):
        taps["options"] = tuple(Choice(*one) for one in taps["options"])
        plain["taps"] = Tappable(**taps | {"values": tuple(taps["values"])})
    return Message(**plain)


def _taps_json(taps: Tappable | None) -> dict[str, Any] | None:
    if taps is None:
        return None
    return {
        "kind": taps.kind,
        "options": [[one.value, one.label] for one in taps.options],
        "body": taps.body,
        "values": taps.values,
        "label": taps.label,
    }


def enqueue(
    connection: Connection,
    installation: Installation,
    *,
    address_id: int,
    message: Message,
    purpose: Purpose,
    dedupe: str,
    survey_id: int | None = None,
    conversation_id: int | None = None,
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    via: Via | None = None,
    inline: bool = False,
) -> UUID | None:
    """Store a message to be sent and return its id; None when this has happened already.

    The parameters are those of `draft`.
    """
    row = draft(
        connection,
        installation,
        address_id=address_id,
        message=message,
        purpose=purpose,
        dedupe=dedupe,
        survey_id=survey_id,
        conversation_id=conversation_id,
        not_before=not_before,
        expires_at=expires_at,
        via=via,
        inline=inline,
    )
    return row["id"] if queries.add(connection, row) else None


def draft(
    connection: Connection,
    installation: Installation,
    *,
    address_id: int,
    message: Message,
    purpose: Purpose,
    dedupe: str,
    survey_id: int | None = None,
    conversation_id: int | None = None,
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    via: Via | None = None,
    inline: bool = False,
) -> dict[str, Any]:
    """Return the outbox row of a message, to be stored by the caller.

    `dedupe` names what must happen once ("reply:<sid>", "<conversation>:invite"). `inline` says
    that the caller hands the message over in the webhook's own answer: the row is then unknown
    until a callback tells more. Without `via` it goes out by the installation's own channel.
    """
    now = installation.now()
    via = via or installation.via
    key = _key(connection, installation, survey_id, purpose)
    outbox_id = uuid4()
    about = None
    if message.question is not None and conversation_id is not None:
        about = key.seal(message.question, f"about:{outbox_id.hex}")
    return {
        "id": outbox_id,
        "dedupe": installation.keys.digest("outbox", dedupe),
        "address_id": address_id,
        "conversation_id": conversation_id,
        "survey_id": survey_id,
        "channel": via.channel,
        "sender": via.sender,
        "purpose": purpose,
        "status": "unknown" if inline else "queued",
        "via": "twiml" if inline else "rest",
        "sealed": key.seal(to_json(message), f"outbox:{outbox_id.hex}"),
        "about": about,
        "key_id": key.id,
        "created_at": now,
        "handed_at": now if inline else None,
        "not_before": now + WAIT_FOR_CALLBACK if inline else (not_before or now),
        "expires_at": expires_at,
    }


def _key(
    connection: Connection, installation: Installation, survey_id: int | None, purpose: Purpose
) -> DataKey:
    """Reports hold published counts only, and the last one comes when the survey's key is gone."""
    if survey_id is None or purpose == "report":
        return installation.keys.installation(connection)
    return installation.keys.survey(connection, survey_id)


def open_message(connection: Connection, installation: Installation, row: OutboxRow) -> Message:
    """Open a stored message. Raises KeyDestroyed when it is gone for ever."""
    if row.sealed is None or row.key_id is None:
        raise KeyDestroyed("the message was wiped when its fate became final")
    key = installation.keys.by_id(connection, row.key_id)
    return from_json(key.open(row.sealed, f"outbox:{row.id.hex}"))


def repeated(connection: Connection, installation: Installation, dedupe: str) -> OutboxRow | None:
    """Return the row that was made for a cause that came again."""
    return queries.by_dedupe(connection, installation.keys.digest("outbox", dedupe))


@dataclass(frozen=True, slots=True)
class _Job:
    """A leased row, opened and ready to be sent."""

    row: OutboxRow
    outgoing: Outgoing
    lease_until: datetime


def deliver(
    installation: Installation,
    channels: Mapping[str, Channel],
    limit: int = 50,
    only: Purpose | None = None,
) -> Delivery:
    """Send what is due, by REST; `only` of one purpose, if given. Safe to run in any number of
    threads and processes.

    1. Lease due rows in one transaction; drop what must not go out any more.
    2. Claim each just before it is sent, and send it without holding a transaction.
    3. Record each fate. What a slow provider leaves no time for is given back unsent.

    A process that dies leaves leases that run out: what it had claimed becomes unknown, what it had
    only leased is simply due again.
    """
    began = time.monotonic()
    jobs, dropped = installation.database.write(
        lambda connection: _lease(connection, installation, channels, limit, only)
    )
    tally = {"sent": 0, "unknown": 0, "failed": 0, "later": 0}
    for job in jobs:
        if time.monotonic() - began > SEND_WITHIN.total_seconds():
            tally["later"] += _give_back(installation, job)
        elif _claim(installation, job):
            tally[_send(installation, channels[job.row.channel], job)] += 1
    return Delivery(dropped=dropped, **tally)


def _give_back(installation: Installation, job: _Job) -> bool:
    return installation.database.write(
        lambda connection: queries.give_back(connection, job.row.id, job.lease_until)
    )


def _claim(installation: Installation, job: _Job) -> bool:
    """Mark a row as being handed over; False when it was dropped or leased anew meanwhile."""
    now = installation.now()
    template = job.outgoing.template is not None
    return installation.database.write(
        lambda connection: queries.claim(connection, job.row.id, job.lease_until, now, template)
    )


def _lease(
    connection: Connection,
    installation: Installation,
    channels: Mapping[str, Channel],
    limit: int,
    only: Purpose | None = None,
) -> tuple[list[_Job], int]:
    now = installation.now()
    queries.one_at_a_time(connection)
    lease_now = queries.server_time(connection) or real_now()
    queries.abandon_leases(connection, lease_now, now + WAIT_FOR_CALLBACK)
    lease_until = lease_now + LEASE
    jobs: list[_Job] = []
    dropped = 0
    taken: set[int] = set()
    for due in queries.claimable(connection, now, lease_now, list(channels), limit, only):
        row = due.row
        if row.address_id in taken:
            continue
        reason = _must_not_go(due, now)
        if reason is None and row.purpose != "reply" and row.conversation_id is not None:
            moment = _allowed_at(connection, installation, row, now)
            if moment is not None and moment > now:
                queries.set_fate(connection, row.id, not_before=moment)
                continue
            reason = "nobody is waiting for it any more" if moment is None else None
        channel = channels[row.channel]
        job = None if reason else _open(connection, installation, channel, due, now, lease_until)
        if job is None:
            queries.set_fate(connection, row.id, status="dropped", sealed=None)
            dropped += 1
            log.info("outbox row dropped: %s", reason or "it cannot be opened or has no template")
            continue
        taken.add(row.address_id)
        jobs.append(job)
    queries.lease(connection, [job.row.id for job in jobs], lease_until)
    return jobs, dropped


def _must_not_go(due: Claimable, now: datetime) -> str | None:
    """Say why a message must not go out, at the last moment before it would."""
    if due.row.expires_at is not None and due.row.expires_at <= now:
        return "expired"
    if due.opted_out and due.row.purpose != "reply":
        return "the person asked not to be contacted"
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
    world = contexts.context(installation, survey, turn, window_open=False)
    return next_allowed(world.plan.hours, world.zone, now, world.plan.closes)


def _open(
    connection: Connection,
    installation: Installation,
    channel: Channel,
    due: Claimable,
    now: datetime,
    lease_until: datetime,
) -> _Job | None:
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
        template = template_of(connection, installation, row.survey_id, message)
        if template is None:
            return None
        if message.template_text:
            message = replace(message, text=message.template_text, choices=(), footer="")
    taps = None
    if window_open and template is None and row.attempts == 0:
        # What went wrong once goes as text, which always can.
        taps = contents.for_sending(connection, installation, channel, row.survey_id, message)
    return _Job(row, Outgoing(row.id.hex, to, message, template, taps), lease_until)


def template_of(
    connection: Connection, installation: Installation, survey_id: int | None, message: Message
) -> Template | None:
    """Return the approved template to use for a message outside the window.

    A demo installation has no approved templates; there the message's own name stands for one.
    """
    if message.template is None or survey_id is None:
        return None
    published = installation.surveys.by_id(connection, survey_id)
    known = published.survey.settings.templates.get(message.template, {})
    default = published.survey.settings.default_language
    language = message.language if message.language in known else default
    sid = known.get(language)
    if sid is None and installation.demo:
        sid = f"demo:{message.template}"
    return Template(sid, language) if sid is not None else None


def _send(installation: Installation, channel: Channel, job: _Job) -> str:
    """Send one leased message and record its fate; return the word it is tallied under."""
    try:
        status = channel.send(job.outgoing)
    except SendError as error:
        taps = job.outgoing.taps
        if taps is not None and contents.refused(installation, taps, error):
            plain = replace(job.outgoing, taps=None)
            return _send(installation, channel, replace(job, outgoing=plain))
        return _record_failure(installation, job, error)
    installation.database.write(lambda connection: _record_sent(connection, job.row.id, status))
    return "sent"


def _record_sent(connection: Connection, outbox_id: UUID, status: StatusEvent) -> None:
    row = queries.by_id(connection, outbox_id, lock=True)
    if row is None or row.provider_sid is not None:
        return  # the callback was faster than we
    if row.status == "queued" and row.error_code is not None:
        return  # so was that of its failure: it goes again
    queries.set_fate(
        connection,
        outbox_id,
        status="delivered" if status.rank >= 4 else "sent",
        provider_sid=status.sid,
        rank=max(row.rank, status.rank),
        lease_until=None,
    )


def _record_failure(installation: Installation, job: _Job, error: SendError) -> str:
    now = installation.now()
    row = job.row
    if error.outcome == "unknown":
        fate = {"status": "unknown", "not_before": now + WAIT_FOR_CALLBACK, "lease_until": None}
        word = "unknown"
    elif error.outcome in {"later", "config"} and now < (
        row.expires_at or row.created_at + PATIENCE
    ):
        # Hours without the provider, or with a wrong setting, must cost nobody a message.
        pause = timedelta(seconds=min(2 ** min(row.attempts + 1, 10), 900))
        fate = {"status": "queued", "not_before": now + pause, "lease_until": None}
        word = "later"
    else:
        fate = {"status": "failed", "sealed": None, "lease_until": None}
        word = "failed"
    log.warning("a message was not sent (%s, code %s)", error.outcome, error.code)

    def work(connection: Connection) -> None:
        queries.settle(connection, row.id, "claimed", error_code=error.code, **fate)
        if error.outcome == "refused" and error.code in OPTED_OUT_CODES:
            _opt_out_of(connection, installation, row)

    installation.database.write(work)
    return word


# The provider's word for "this person wants nothing from us" (Twilio, error codes).
OPTED_OUT_CODES = frozenset({21610, 63033, 63014})


def _opt_out_of(connection: Connection, installation: Installation, row: OutboxRow) -> None:
    contact_id = identity.contact_of(connection, row.address_id)
    if contact_id is not None:
        purpose = "coordinator" if row.purpose == "report" else "respondent"
        identity.opt_out(connection, installation, contact_id, purpose)


def record_status(installation: Installation, outbox_id: UUID, event: StatusEvent) -> bool:
    """Take in a status callback; return whether it belongs to a row of ours.

    Callbacks come late, doubled and out of order: the rank only rises, and a failure is final
    unless delivery was already seen. A callback that names two addresses joins them.
    """

    def work(connection: Connection) -> bool:
        row = queries.by_id(connection, outbox_id, lock=True)
        if row is None:
            return False
        if row.provider_sid not in (None, event.sid):
            return False  # an earlier attempt's callback: the row has moved on
        if row.provider_sid is None:
            queries.free_sid(connection, event.sid, outbox_id)
        values: dict[str, object] = {"provider_sid": event.sid}
        if event.failed:
            if row.rank < 4 and _goes_as_text(connection, installation, row, event):
                values = {"status": "queued", "not_before": installation.now(), "rank": 0}
                values |= {"provider_sid": None, "lease_until": None}
                values |= {"error_code": event.error_code}
            elif row.rank < 4:
                values |= {"status": "failed", "error_code": event.error_code, "sealed": None}
                if event.error_code in OPTED_OUT_CODES:
                    _opt_out_of(connection, installation, row)
        else:
            # `read` says when one person looked at the phone: it is not kept.
            rank = max(row.rank, min(event.rank, 4))
            values |= {"rank": rank, "lease_until": None}
            if rank > row.rank and rank >= 3 and row.status not in {"failed", "dropped"}:
                values["status"] = "delivered" if rank >= 4 else "sent"
                values["sealed"] = None if rank >= 4 else row.sealed
            elif row.status in {"unknown", "claimed", "queued"}:
                # Whatever it says, the provider has the message: it must not go out again.
                values["status"] = "sent"
        queries.set_fate(connection, outbox_id, **values)
        if len(event.addresses) > 1 and identity.find(connection, installation, event.addresses):
            identity.person(connection, installation, event.addresses)
        return True

    return installation.database.write(work)


def _goes_as_text(
    connection: Connection, installation: Installation, row: OutboxRow, event: StatusEvent
) -> bool:
    """Whether a reply that could not be delivered with its taps is to go again, as text."""
    if row.purpose != "reply" or row.via != "rest" or row.attempts != 1 or row.template:
        return False
    if event.error_code not in contents.REFUSED_AS_TAPS or queries.newer_reply(connection, row):
        return False
    try:
        return open_message(connection, installation, row).taps is not None
    except KeyDestroyed:
        return False


def reconcile(installation: Installation, channels: Mapping[str, Channel], limit: int = 50) -> int:
    """Settle unknown sends by looking at the provider's own list; return how many were settled."""
    rows = installation.database.read(
        lambda connection: queries.unknown_due(connection, installation.now(), limit)
    )
    settled = 0
    for row in rows:
        channel = channels.get(row.channel)
        if channel is not None:
            settled += _reconcile_one(installation, channel, row)
    return settled


def _reconcile_one(installation: Installation, channel: Channel, row: OutboxRow) -> bool:
    now = installation.now()
    database = installation.database

    def look(connection: Connection) -> tuple[bool, Address | None, str | None]:
        if row.purpose == "reply" and queries.newer_reply(connection, row):
            return True, None, None
        try:
            body = as_text(open_message(connection, installation, row))
            return False, identity.address_of(connection, installation, row.address_id), body
        except (KeyDestroyed, LookupError):
            return True, None, None

    superseded, to, body = database.read(look)
    if superseded or to is None:
        return database.write(
            lambda connection: queries.settle(
                connection, row.id, "unknown", status="superseded", sealed=None
            )
        )
    try:
        found = channel.find(to, row.created_at - timedelta(minutes=1))
    except SendError as error:
        log.warning("unknown sends cannot be looked up (code %s)", error.code)
        found = None

    def work(connection: Connection) -> bool:
        if found is not None:
            taken = queries.known_sids(connection, [one.sid for one in found])
            others = _other_bodies(connection, installation, row) if row.template else set()
            for one in found:
                if one.sid in taken and one.sid != row.provider_sid:
                    continue
                if not row.template and _bare(one.body) != _bare(body or ""):
                    continue
                if _bare(one.body) in others:
                    continue  # a reply that waits for its own callback
                status = "failed" if one.status.failed else "sent"
                return queries.settle(
                    connection,
                    row.id,
                    "unknown",
                    status=status,
                    provider_sid=one.sid,
                    rank=min(one.status.rank, 4),
                    error_code=one.status.error_code,
                )
        if found is None or now - (row.handed_at or row.created_at) < GIVE_UP_LOOKING:
            queries.settle(connection, row.id, "unknown", not_before=now + WAIT_FOR_CALLBACK)
            return False
        # Only a sender that died leaves its lease: see the head of this module.
        again = row.lease_until is not None or (row.purpose == "reply" and not row.template)
        if again and row.attempts < MAX_ATTEMPTS:
            return queries.settle(
                connection,
                row.id,
                "unknown",
                status="queued",
                via="rest",
                not_before=now,
                lease_until=None,
            )
        return queries.settle(connection, row.id, "unknown", status="failed", sealed=None)

    return database.write(work)


def _other_bodies(connection: Connection, installation: Installation, row: OutboxRow) -> set[str]:
    """Return the texts of other messages of unknown fate to the same address."""
    found = set()
    for other in queries.unknown_to(connection, row.address_id):
        if other.id != row.id and not other.template:
            with contextlib.suppress(KeyDestroyed):
                found.add(_bare(as_text(open_message(connection, installation, other))))
    return found


def _bare(text: str) -> str:
    """Return what of a text no channel changes on its way: not its spaces and line ends."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())
