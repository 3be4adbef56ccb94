"""A message comes in: the one joint of engine and storage that people feel.

`receive` is one transaction: find the person and the conversation, take one step, then save the
state, the provider's id of the message, and the reply in the outbox. What the person gets is
decided before the commit and handed over after it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.engine import step
from bot.flow.keywords import Command
from bot.flow.state import Status
from bot.flow.turn import Event, Open, Reply, Sent
from bot.interview import codes, contexts, identity, kept, late, links, pilots, wishes
from bot.interview.belonging import begun, code_in, move, quoted, tapped
from bot.interview.conversations import erases, save
from bot.interview.desk import NOTHING, Desk, Receipt
from bot.interview.editions import carried
from bot.interview.failures import trace
from bot.interview.installation import Installation, Via
from bot.interview.replying import again, answer, draft, hand_over
from bot.interview.states import load_state, survey_of
from storage.database import Conflict, Unavailable
from storage.queries import inbound as inbound_queries
from storage.queries import people, turns
from storage.queries.turns import Arrived, TurnRow

log = logging.getLogger(__name__)
WINDOW_GRAIN = timedelta(minutes=5)
"""How exactly the 24-hour window is kept: finer than the margin that sending leaves."""


def receive(desk: Desk, inbound: Inbound) -> Receipt:
    """Take one message in and return the reply to hand over.

    Raises Unavailable when the database is away (the provider should try again). When our own code
    fails, the form is kept, sealed, and replayed later: the person is never asked to send again.
    """
    installation = desk.installation
    try:
        receipt = installation.database.write(lambda connection: _turn(connection, desk, inbound))
        if receipt.outbox_id is not None:
            desk.debits.count(installation, Via(inbound.channel, inbound.sender))
        elif receipt.message is not None and not desk.direct:
            desk.unkept.put(installation, inbound, receipt.message)
        return receipt
    except (Unavailable, Conflict):
        raise
    except Exception as error:
        log.error("a turn failed; the message is kept and will be replayed\n%s", trace(error))
    installation.database.write(lambda connection: kept.hold(connection, installation, inbound))
    return NOTHING


def replay(desk: Desk, limit: int = 20) -> int:
    """Process messages again that our own code failed on; return how many went through.

    Their webhooks are long answered, so replies go out by REST.
    """
    later = replace(desk, can_inline=lambda _message: False, direct=False)
    return kept.replay(
        desk.installation,
        lambda connection, inbound, sid, asked: _take_again(connection, later, inbound, sid, asked),
        limit,
    )


@dataclass(slots=True)
class _Arrival:
    """A message on its way through a turn, and whether its id is remembered already."""

    message: Arrived
    noted: bool = False

    def note(self, connection: Connection) -> None:
        """Remember the id now, unless that was done."""
        if not self.noted:
            turns.note(connection, self.message)
            self.noted = True


def _turn(connection: Connection, desk: Desk, inbound: Inbound) -> Receipt:
    installation = desk.installation
    sid = installation.keys.digest("sid", inbound.sid)
    digests = [identity.digest(installation, one) for one in inbound.addresses]
    rows = turns.look(connection, sid, digests, inbound.sender)
    if rows is None:
        return again(connection, desk, inbound, digests)
    arrival = _Arrival(Arrived(sid, installation.now().date()))
    receipt = _take(connection, desk, inbound, arrival, digests, rows)
    # In the common case it went in with the state. Two that process one message at once both come
    # this far, and the database lets one through.
    arrival.note(connection)
    return receipt


def _take_again(
    connection: Connection, desk: Desk, inbound: Inbound, sid: bytes, asked: str
) -> Receipt:
    """Process a message that was kept while the question `asked` was open."""
    digests = [identity.digest(desk.installation, one) for one in inbound.addresses]
    rows = turns.turn(connection, digests, inbound.sender)
    arrival = _Arrival(Arrived(sid, desk.installation.now().date()), noted=True)
    return _take(connection, desk, inbound, arrival, digests, rows, asked)


def _take(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    digests: list[bytes],
    rows: list[TurnRow],
    asked: str | None = None,
) -> Receipt:
    """Process a message that was not processed before; `rows` is what we know of its author."""
    installation = desk.installation
    if any(row.held for row in rows) and asked is None:
        # Earlier messages of this person wait to be replayed; this one queues behind them.
        arrival.note(connection)
        kept.queue_behind(connection, installation, inbound, arrival.message.sid_hmac)
        return NOTHING
    if rows and (len(rows) < len(digests) or len({row.contact_id for row in rows}) > 1):
        identity.person(connection, installation, inbound.addresses)
        rows = turns.turn(connection, digests, inbound.sender)
    row = next((one for one in rows if one.hmac == digests[0]), rows[0] if rows else None)
    if row is None:
        if asked is None and inbound_queries.queue(connection, digests) is not None:
            arrival.note(connection)
            kept.queue_behind(connection, installation, inbound, arrival.message.sid_hmac)
            return NOTHING
        return _unknown(connection, desk, inbound, arrival, digests)
    came_at = inbound.came_at or installation.now()
    if row.heard_at is None or came_at - row.heard_at > WINDOW_GRAIN:
        people.saw_inbound(connection, row.address_id, inbound.sender, came_at)
    if inbound.opt_out in ("STOP", "START"):
        return _at_provider(connection, desk, inbound, arrival, row, asked)
    message = None
    if row.coordinator and desk.coordinator_answer is not None:
        message = desk.coordinator_answer(connection, installation, row.contact_id, inbound)
        if message is not None:
            return hand_over(connection, desk, inbound, row.address_id, message, None, None)
    found = code_in(connection, installation, inbound, row)
    if found is not None:
        return _follow(connection, desk, inbound, arrival, found, row.address_id, row.contact_id)
    return _converse(connection, desk, inbound, arrival, row, asked)


def _unknown(
    connection: Connection, desk: Desk, inbound: Inbound, arrival: _Arrival, digests: list[bytes]
) -> Receipt:
    """Answer somebody of whom we know no address."""
    if inbound.opt_out == "STOP":
        wishes.stop_unknown(connection, desk.installation, digests)
        return NOTHING
    if inbound.opt_out == "START":
        wishes.start_unknown(connection, digests)
    return _stranger(connection, desk, inbound, arrival)


def _at_provider(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    row: TurnRow,
    asked: str | None,
) -> Receipt:
    """Follow the provider where it has acted on STOP or START by itself, and answered that.

    A STOP gets nothing from us. After a START what was stopped may go on; in an interview that is
    under way the word is an ordinary one (Twilio takes YES for START, and CANCEL for STOP).
    """
    if inbound.opt_out == "STOP":
        wishes.stop(connection, desk.installation, row)
        if row.conversation_id is not None:
            stop = Reply(option=Command.BERHENTI.value)
            _advance(connection, desk, inbound, arrival, row, stop, silent=True)
        return NOTHING
    wishes.start(connection, desk.installation, row)
    if row.status is not None and Status(row.status).over:
        again = Reply(option=Command.MULAI.value)
        return _advance(connection, desk, inbound, arrival, row, again)
    return _converse(connection, desk, inbound, arrival, row, asked)


def _converse(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    row: TurnRow,
    asked: str | None,
) -> Receipt:
    """Let the conversation that the message belongs to take one step."""
    file = Sent(uuid4().hex, inbound.attached.kind) if inbound.attached is not None else None
    event = Reply(inbound.text, inbound.option, None, inbound.kind, inbound.place, file)
    if inbound.reply_to is not None:
        named, about = quoted(connection, desk.installation, inbound.reply_to, row)
        move(connection, row, named)
        row = named
        event = replace(event, about=about)
    elif inbound.option is not None:
        row = tapped(connection, desk.installation, inbound.option, row)
    elif row.status is not None and inbound.kind == "text":
        row = begun(connection, desk.installation, inbound.text, row)
    if row.conversation_id is None:
        return _stranger(connection, desk, inbound, arrival, row)
    if asked is not None or inbound.came_at is not None:
        return _converse_late(connection, desk, inbound, arrival, row, event, asked)
    return _advance(connection, desk, inbound, arrival, row, event)


def _converse_late(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    row: TurnRow,
    event: Reply,
    asked: str | None,
) -> Receipt:
    """Take a message later than it came: no answer to a question that is not open any more."""
    installation = desk.installation
    survey = survey_of(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    if late.moved_on(survey, state, inbound) or (
        asked is not None and late.question_moved(survey, state, inbound, asked)
    ):
        # Only the open question is shown, and that once however many messages were late.
        if inbound.came_at is not None and late.says_enough(connection, row.address_id):
            return NOTHING
        return _advance(connection, desk, inbound, arrival, row, Open())
    about = late.asked_in_time(state, inbound, installation.now())
    if about is not None and event.about is None:
        event = replace(event, about=about)
    return _advance(connection, desk, inbound, arrival, row, event)


def _advance(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    row: TurnRow,
    event: Event,
    *,
    silent: bool = False,
) -> Receipt:
    """Let a conversation take one step; `silent` where nothing may be said about it."""
    installation = desk.installation
    survey = survey_of(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    context = contexts.context(
        installation,
        survey,
        row,
        window_open=True,
        request_code=_request_code(installation, inbound),
        # What the end has wiped cannot remember it; the opt-out itself does.
        opted_out=row.sealed is None
        and identity.opted_out(connection, installation, row.contact_id),
    )
    context = replace(context, wrote_at=inbound.came_at or inbound.kept_at)
    over = carried(connection, installation, row, survey, state, context)
    moved, row, survey = over.row is not row, over.row, over.survey
    result = step(survey.for_group(row.grp or ""), over.state, event, context)
    result = replace(result, effects=(*over.effects, *result.effects))
    if isinstance(event, Reply):
        pilots.note_misread(connection, installation, row, over.state, result.state, event.text)
    if not state.status.over and wishes.begins(event):
        # A code of the provider's may have opted them out without the interview's knowing.
        identity.opt_in(connection, installation, row.contact_id)
    erased = erases(result)
    receipt, reply = draft(
        connection,
        desk,
        inbound,
        None if erased else row.address_id,
        None if silent else result.message,
        # Once a survey is closed its key is gone: what is said then tells nothing of anybody.
        row.survey_id if row.closed_at is None else None,
        # Nothing new may lead to a conversation whose answers were cut loose.
        None if erased or row.mixed else row.conversation_id,
    )
    new = None if arrival.noted else arrival.message
    via = Via(inbound.channel, inbound.sender)
    sent = (inbound.attached, via) if inbound.attached is not None else None
    arrival.noted |= save(
        connection, installation, row, state, result, survey, reply, new, sent, moved=moved
    )
    return receipt


def _request_code(installation: Installation, inbound: Inbound) -> str:
    """A short code for an erasure request that tells nothing about the person."""
    return installation.keys.digest("request", inbound.sid).hex()[:8].upper()


def _follow(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    found: codes.Found,
    address_id: int | None,
    contact_id: int | None,
) -> Receipt:
    """Open the conversation that a link leads to, or say why it does not lead anywhere."""
    led = links.follow(connection, desk.installation, inbound, found, address_id, contact_id)
    if isinstance(led, TurnRow):
        return _advance(connection, desk, inbound, arrival, led, Open())
    return answer(connection, desk, inbound, address_id, led)


def _stranger(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    arrival: _Arrival,
    row: TurnRow | None = None,
) -> Receipt:
    """Answer somebody who is on no list: once a day, and nothing of them is kept but an opt-out."""
    installation = desk.installation
    address_id, contact_id = (row.address_id, row.contact_id) if row else (None, None)
    found = codes.find(inbound.text, strict=False) if inbound.text else None
    if found is not None and (found.code is not None or found.mistyped is not None):
        return _follow(connection, desk, inbound, arrival, found, address_id, None)
    if inbound.kind == "reaction":
        return NOTHING
    digests = [identity.digest(installation, one) for one in inbound.addresses]
    name = wishes.of_stranger(connection, installation, inbound.text, digests, contact_id)
    if name is None:
        real = contexts.asks_whether_real(connection, installation, inbound.text)
        name = "verify" if real else "stranger"
    own = {"kode": _request_code(installation, inbound)} if name == "erased" else {}
    words = contexts.word(connection, installation, None, name, own)
    if words is None:
        return NOTHING
    if name == "erased":
        address_id = None
    return answer(connection, desk, inbound, address_id, replace(words, once_a_day=name))
