"""Messages kept because our own code failed: sealed, in order, replayed until they go through."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.channels.base import Address, Inbound, InboundFile
from bot.interview import identity, wishes
from bot.interview.failures import trace
from bot.interview.installation import Installation
from bot.interview.states import unseal
from storage.database import Conflict, Unavailable
from storage.queries import inbound as queries
from storage.queries import people, turns
from storage.queries.turns import TurnRow

log = logging.getLogger(__name__)

REPLAY_AFTER = timedelta(seconds=30)

Take = Callable[[Connection, Inbound, bytes, str], object]
"""Processes a kept message: the message, its digest, and the question that was open."""


def hold(connection: Connection, installation: Installation, inbound: Inbound) -> None:
    """Keep a message that we could not process, sealed, in the order of its address."""
    sid = installation.keys.digest("sid", inbound.sid)
    if queries.first_sight(connection, sid, installation.now().date()):
        queue_behind(connection, installation, inbound, sid)


def queue_behind(
    connection: Connection, installation: Installation, inbound: Inbound, sid: bytes
) -> None:
    """Keep a message behind those of its author that wait already, by whatever address they came.

    That somebody wants no more messages is recorded at once: it may be long until we can read on.
    """
    key = installation.keys.installation(connection)
    digests = [identity.digest(installation, one) for one in inbound.addresses]
    row = next(iter(turns.turn(connection, digests, inbound.sender)), None)
    asked = _asked(connection, installation, row) if row is not None else ""
    wishes.heed(connection, installation, inbound, digests, row, asked)
    macs = list(digests)
    if row is not None:
        macs += [one.hmac for one in people.addresses_of(connection, [row.contact_id])]
    kept = replace(inbound, kept_at=installation.now())
    queries.fill(
        connection,
        sid,
        sealed=key.seal(_inbound_to_json(kept), "inbound"),
        key_id=key.id,
        address_hmac=queries.queue(connection, macs) or digests[0],
        open_question=key.seal(asked, "inbound"),
        retry_at=installation.now() + REPLAY_AFTER,
    )


def _asked(connection: Connection, installation: Installation, row: TurnRow) -> str:
    """Name the question that was open when a message came; empty when that cannot be read.

    Read from the state alone: it may well be the survey's version that does not work.
    """
    if row.conversation_id is None or row.sealed is None or row.key_id is None:
        return ""
    try:
        key = installation.keys.by_id(connection, row.key_id)
        return unseal(key, row.conversation_id, row.sealed).question or ""
    except Exception as error:
        log.error("the open question of a kept message cannot be read\n%s", trace(error))
        return ""


def replay(installation: Installation, take: Take, limit: int = 20) -> int:
    """Process kept messages again, first in first out per person; return how many went through."""
    due = installation.database.read(
        lambda connection: queries.due_addresses(connection, installation.now(), limit)
    )
    through = 0
    for address_hmac in due:
        while _replay_one(installation, take, address_hmac):
            through += 1
    return through


def _replay_one(installation: Installation, take: Take, address_hmac: bytes) -> bool:
    def work(connection: Connection) -> bool:
        row = queries.first_held(connection, address_hmac)
        if row is None or row.retry_at > installation.now():
            return False
        key = installation.keys.by_id(connection, row.key_id)
        inbound = _inbound_from_json(key.open(row.sealed, "inbound"))
        asked = key.open(row.open_question, "inbound") if row.open_question else ""
        queries.wipe(connection, row.sid_hmac)
        take(connection, inbound, row.sid_hmac, asked)
        return True

    try:
        return installation.database.write(work)
    except (Unavailable, Conflict):
        return False
    except Exception as error:
        log.error("a kept message failed again\n%s", trace(error))

    def wait(connection: Connection) -> None:
        row = queries.first_held(connection, address_hmac)
        if row is not None:
            pause = REPLAY_AFTER * 2 ** min(row.attempts, 7)
            queries.postpone(connection, row.sid_hmac, installation.now() + pause)

    installation.database.write(wait)
    return False


def _inbound_to_json(inbound: Inbound) -> str:
    plain = {
        "channel": inbound.channel,
        "sender": inbound.sender,
        "sid": inbound.sid,
        "addresses": [[one.kind, one.value] for one in inbound.addresses],
        "text": inbound.text,
        "option": inbound.option,
        "reply_to": inbound.reply_to,
        "kind": inbound.kind,
        "opt_out": inbound.opt_out,
        "raw": dict(inbound.raw) if inbound.raw is not None else None,
        "file": inbound.file,
        "attached": asdict(inbound.attached) if inbound.attached is not None else None,
        "came_at": inbound.came_at.isoformat() if inbound.came_at is not None else None,
        "place": inbound.place,
        "kept_at": inbound.kept_at.isoformat() if inbound.kept_at is not None else None,
    }
    return json.dumps(plain, ensure_ascii=False)


def _inbound_from_json(text: str) -> Inbound:
    plain: dict[str, object] = json.loads(text)
    pairs = plain["addresses"]
    assert isinstance(pairs, list)
    plain["addresses"] = tuple(Address(kind, value) for kind, value in pairs)
    for name in ("came_at", "kept_at"):
        at = plain.get(name)
        plain[name] = datetime.fromisoformat(at) if isinstance(at, str) else None
    place = plain.get("place")
    plain["place"] = tuple(place) if isinstance(place, list) else None
    attached = plain.get("attached")
    plain["attached"] = InboundFile(**attached) if isinstance(attached, dict) else None
    return Inbound(**plain)  # type: ignore[arg-type]
