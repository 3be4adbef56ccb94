"""The outbox: what we want to say, stored before it is said.

`sending` hands it over, `fates` takes in what became of it, `reconciling` finds out where nobody
tells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from bot.flow.turn import Attachment, Choice, Message, Tappable
from bot.interview.installation import Installation, Via
from storage.keys import DataKey, KeyDestroyed
from storage.queries import outbox as queries
from storage.queries.outbox import OutboxRow

Purpose = Literal["reply", "report", "reminder", "invitation"]
CAMPAIGN: tuple[Purpose, ...] = ("reminder", "invitation")

WAIT_FOR_CALLBACK = timedelta(minutes=2)
WAIT_FOR_MENDING = timedelta(hours=1)  # of what our own code failed on
PATIENCE = timedelta(days=1)  # with messages that have no expiry of their own
# The provider counts 24 hours from its own receipt of the message; half an hour is our margin.
WINDOW = timedelta(hours=23, minutes=30)


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
        "attachment": asdict(message.attachment) if message.attachment is not None else None,
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
    if attachment := plain.pop("attachment", None):
        plain["attachment"] = Attachment(**attachment)
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
        "priority": queries.PRIORITY[purpose],
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


def repeated(
    connection: Connection, installation: Installation, dedupe: str, address_hmacs: Sequence[bytes]
) -> OutboxRow | None:
    """Return the row that was made for a cause that came again, to one of these addresses."""
    return queries.by_dedupe(connection, installation.keys.digest("outbox", dedupe), address_hmacs)
