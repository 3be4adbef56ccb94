"""The few statements of a turn: one look at everything, and one write of all that came of it.

On PostgreSQL each is one statement, because every statement is a round trip and round trips are
what a turn costs (docs/performance.md). SQLite has no round trips, and no data-modifying CTE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased

from storage.models import (
    Address,
    Contact,
    Conversation,
    Coordinator,
    Digest,
    FlowVersion,
    Inbound,
    Outbox,
    RosterRow,
    Survey,
    Unit,
    Window,
)
from storage.prepared import Prepared
from storage.queries.upsert import insert_ignore


class TurnRow(NamedTuple):
    """An address, its contact and the contact's active conversation with all that a step needs."""

    address_id: int
    hmac: bytes
    contact_id: int
    contact_language: str | None
    conversation_id: int | None
    survey_id: int | None
    unit_id: int | None
    grp: str | None
    status: str | None
    flow_version_id: int | None
    version: int | None
    sealed: bytes | None
    key_id: int | None
    mixed: bool | None
    pilot: bool | None
    wake_at: datetime | None
    mix_at: datetime | None
    settings_hash: bytes | None
    closed_at: datetime | None
    unit_name: str | None
    unit_zone: str | None
    source: str | None  # where the roster says that the number comes from
    listed: bool  # stands on a roster, or was invited from one that is gone
    move_to: int | None  # the version to which this one's people are carried
    move_policy: str | None
    heard_at: datetime | None  # when this address last wrote to the sender; None where not asked
    held: bool  # earlier messages of this person wait to be replayed
    coordinator: bool


_STATE = (
    Conversation.id,
    Conversation.survey_id,
    Conversation.unit_id,
    Conversation.grp,
    Conversation.status,
    Conversation.flow_version_id,
    Conversation.version,
    Conversation.sealed,
    Conversation.key_id,
    Conversation.mixed,
    Conversation.pilot,
    Conversation.wake_at,
    Conversation.mix_at,
    Survey.settings_hash,
    Survey.closed_at,
    Unit.name,
    Unit.zone,
    # For the seconds in which a new list counts and is not folded in yet, what the old one said:
    # every turn would pay for more.
    RosterRow.source,
    or_(RosterRow.id.is_not(None), Conversation.wave_id.is_not(None)).label("listed"),
    FlowVersion.move_to,
    FlowVersion.move_policy,
)

_HMACS = ("first", "second", "third")  # phone, user id, parent id: a person has no more

_KIN = aliased(Address, name="kin")
_HELD = exists().where(Inbound.address_hmac == _KIN.hmac, _KIN.contact_id == Contact.id)

_TURN_STATEMENT = (
    select(
        Address.id,
        Address.hmac,
        Contact.id,
        Contact.language,
        *_STATE,
        Window.last_inbound_at,
        _HELD.label("held"),
        exists().where(Coordinator.contact_id == Contact.id).label("coordinator"),
    )
    .join(Contact, Contact.id == Address.contact_id)
    .outerjoin(Conversation, Conversation.id == Contact.active_conversation_id)
    .outerjoin(Survey, Survey.id == Conversation.survey_id)
    .outerjoin(Unit, Unit.id == Conversation.unit_id)
    .outerjoin(RosterRow, RosterRow.conversation_id == Conversation.id)
    .outerjoin(FlowVersion, FlowVersion.id == Conversation.flow_version_id)
    .outerjoin(Window, and_(Window.address_id == Address.id, Window.sender == bindparam("sender")))
    .where(Address.hmac.in_([bindparam(name, type_=Digest) for name in _HMACS]))
)
_TURN = Prepared(lambda _dialect: _TURN_STATEMENT)


def _looking() -> Select[Any]:
    """Whether a message id is known, and its author; one row at least."""
    turn = _TURN_STATEMENT.subquery("turn")
    seen = exists().where(Inbound.sid_hmac == bindparam("sid_hmac", type_=Digest))
    alone = select(literal_column("1")).subquery("alone")
    return select(seen, *turn.c).select_from(alone.outerjoin(turn, true()))


_LOOK = Prepared(lambda _dialect: _looking(), alone=True)

_ONE = (
    select(
        Address.id,
        Address.hmac,
        Contact.id,
        Contact.language,
        *_STATE,
        null(),
        _HELD.label("held"),
        exists().where(Coordinator.contact_id == Contact.id).label("coordinator"),
    )
    .join(Contact, Contact.id == Address.contact_id)
    .join(Conversation, Conversation.contact_id == Contact.id)
    .join(Survey, Survey.id == Conversation.survey_id)
    .join(Unit, Unit.id == Conversation.unit_id)
    .outerjoin(RosterRow, RosterRow.conversation_id == Conversation.id)
    .join(FlowVersion, FlowVersion.id == Conversation.flow_version_id)
    .where(Conversation.id == bindparam("conversation"))
    .order_by(Address.id)
)


_SAVE_STATEMENT = (
    update(Conversation)
    .where(
        Conversation.id == bindparam("conversation"),
        Conversation.version == bindparam("seen"),
        Conversation.mixed.is_(False),
    )
    .values(
        status=bindparam("new_status"),
        wake_at=bindparam("new_wake_at"),
        mix_at=bindparam("new_mix_at"),
        sealed=bindparam("new_sealed"),
        key_id=bindparam("new_key_id"),
        flow_version_id=func.coalesce(
            bindparam("new_flow_version_id", type_=BigInteger), Conversation.flow_version_id
        ),
        version=Conversation.version + 1,
    )
)
_SAVE = Prepared(lambda _dialect: _SAVE_STATEMENT)


_NOTE = Prepared(
    lambda _dialect: insert(Inbound).values(
        sid_hmac=bindparam("sid_hmac"), received_on=bindparam("received_on")
    )
)


def _keeping(names: Sequence[str]) -> Select[Any]:
    """Save a state by its version and, only if that went through, the message id and the reply.

    A message id that is known already fails the whole.
    """
    saved = _SAVE_STATEMENT.returning(literal_column("1")).cte("saved")

    def with_it(table: Any, names: Sequence[str], prefix: str = "") -> Any:
        types = [table.__table__.c[name].type for name in names]
        values = [
            cast(bindparam(prefix + name, type_=type_), type_)
            for name, type_ in zip(names, types, strict=True)
        ]
        return postgresql.insert(table).from_select(names, select(*values).select_from(saved))

    noted = with_it(Inbound, ("sid_hmac", "received_on")).returning(literal_column("1"))
    said = with_it(Outbox, names, "reply_").on_conflict_do_nothing().returning(literal_column("1"))
    counted = select(func.count()).select_from(saved)
    return counted.add_cte(noted.cte("noted"), said.cte("said"))


@lru_cache(maxsize=8)
def _keep(names: tuple[str, ...]) -> Prepared:
    return Prepared(lambda _dialect: _keeping(names), alone=True)


class Arrived(NamedTuple):
    """A message that came in: the digest of its provider's id, and the day (UTC)."""

    sid_hmac: bytes
    received_on: date


def look(
    connection: Connection, sid_hmac: bytes, hmacs: Sequence[bytes], sender: str
) -> list[TurnRow] | None:
    """Return what `turn` returns; None when the message with this id was taken in before."""
    rows = _LOOK.rows(connection, {"sid_hmac": sid_hmac, **_people(hmacs, sender)})
    if rows[0][0]:
        return None
    return [TurnRow._make(row[1:]) for row in rows if row[1] is not None]


def note(connection: Connection, arrived: Arrived) -> None:
    """Remember a message id. Raises IntegrityError when another transaction was faster."""
    _NOTE.count(connection, arrived._asdict())


def _people(hmacs: Sequence[bytes], sender: str) -> dict[str, Any]:
    padded = [*hmacs, *[hmacs[0]] * (len(_HMACS) - len(hmacs))]
    return {**dict(zip(_HMACS, padded, strict=True)), "sender": sender}


def turn(connection: Connection, hmacs: Sequence[bytes], sender: str) -> list[TurnRow]:
    """Return what a turn must know, a row per known address; `sender` is our own number."""
    return [TurnRow._make(row) for row in _TURN.rows(connection, _people(hmacs, sender))]


def turn_of(connection: Connection, conversation_id: int) -> list[TurnRow]:
    """Return the same for one conversation, a row per address of its contact."""
    return [
        TurnRow._make(row) for row in connection.execute(_ONE, {"conversation": conversation_id})
    ]


def save(
    connection: Connection,
    conversation_id: int,
    version: int,
    *,
    status: str,
    wake_at: datetime | None,
    mix_at: datetime | None,
    sealed: bytes | None,
    key_id: int | None,
    flow_version_id: int | None = None,
    reply: Mapping[str, Any] | None = None,
    arrived: Arrived | None = None,
) -> bool:
    """Store a new state if nobody stored one since `version`; return whether we did.

    With a `flow_version_id` the conversation has that version of the questions from now on.

    With the state, and only if that was stored, go `reply`, an outbox row of a new dedupe key, and
    `arrived`, the message that it answers. With both this may commit by itself: it has to be the
    last of its transaction. Raises IntegrityError when that message was taken in already.
    """
    state = {
        "conversation": conversation_id,
        "seen": version,
        "new_status": status,
        "new_wake_at": wake_at,
        "new_mix_at": mix_at,
        "new_sealed": sealed,
        "new_key_id": key_id,
        "new_flow_version_id": flow_version_id,
    }
    if connection.dialect.name == "postgresql" and reply is not None and arrived is not None:
        values = {**state, **{f"reply_{name}": value for name, value in reply.items()}}
        ((saved,),) = _keep(tuple(reply)).rows(connection, {**values, **arrived._asdict()})
        return bool(saved)
    if _SAVE.count(connection, state) != 1:
        return False
    if arrived is not None:
        note(connection, arrived)
    if reply is not None:
        insert_ignore(connection, Outbox.__table__, reply)
    return True
