"""The one joint of engine and storage: a message comes in, or a timer goes off.

`receive` is one transaction: remember the provider's id, find the person and the conversation, take
one step, save the state, write the reply to the outbox. What the person gets is decided before the
commit and handed over after it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from bot.channels.base import Address, Inbound
from bot.flow.engine import begin, step
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.turn import (
    Consented,
    Erase,
    Event,
    LanguageChosen,
    Message,
    Open,
    OptIn,
    OptOut,
    Reopened,
    Reply,
    Step,
    Wake,
    WrongPerson,
)
from bot.interview import codes, contexts, erasure, identity, sending
from bot.interview.installation import Installation, Via
from bot.interview.surveys import Published
from storage.database import AlreadyServed, Conflict, Unavailable
from storage.keys import KeyDestroyed, WrongSecret
from storage.queries import conversations as queries
from storage.queries import inbound as inbound_queries
from storage.queries import links as link_queries
from storage.queries import outbox as outbox_queries
from storage.queries import people
from storage.queries.people import TurnRow

log = logging.getLogger(__name__)

FAILED_STEP_WAITS = timedelta(hours=1)
REPLAY_AFTER = timedelta(seconds=30)

CoordinatorAnswer = Callable[[Connection, Installation, int, Inbound], Message | None]
"""Answers a coordinator's command; None when the message is not one."""

CanInline = Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What to answer: a message to hand over now (its status comes back under `outbox_id`), or
    nothing, because there is nothing to say or because it goes out by REST."""

    message: Message | None = None
    outbox_id: UUID | None = None


NOTHING = Receipt()


@dataclass(frozen=True, slots=True)
class Desk:
    """How one process receives: who answers coordinators, and what a channel can hand over."""

    installation: Installation
    can_inline: CanInline
    coordinator_answer: CoordinatorAnswer | None = None


def receive(desk: Desk, inbound: Inbound) -> Receipt:
    """Take one message in and return the reply to hand over.

    Raises Unavailable when the database is away (the provider should try again). When our own code
    fails, the form is kept, sealed, and replayed later: the person is never asked to send again.
    """
    installation = desk.installation
    try:
        return installation.database.write(lambda connection: _turn(connection, desk, inbound))
    except (Unavailable, AlreadyServed, WrongSecret, Conflict):
        raise
    except Exception:
        log.exception("a turn failed; the message is kept and will be replayed")
    installation.database.write(lambda connection: _hold(connection, installation, inbound))
    return NOTHING


def _turn(connection: Connection, desk: Desk, inbound: Inbound) -> Receipt:
    installation = desk.installation
    sid = installation.keys.digest("sid", inbound.sid)
    if not inbound_queries.first_sight(connection, sid, installation.now().date()):
        return _again(connection, installation, inbound)
    return _take(connection, desk, inbound, sid)


def _take(
    connection: Connection, desk: Desk, inbound: Inbound, sid: bytes, asked: str | None = None
) -> Receipt:
    """Process a message that was not processed before."""
    installation = desk.installation
    digests = [identity.digest(installation, one) for one in inbound.addresses]
    rows = people.turn(connection, digests)
    if any(row.held for row in rows) and asked is None:
        # Earlier messages of this person wait to be replayed; this one queues behind them.
        _queue_behind(connection, installation, inbound, sid)
        return NOTHING
    if rows and (len(rows) < len(digests) or len({row.contact_id for row in rows}) > 1):
        identity.person(connection, installation, inbound.addresses)
        rows = people.turn(connection, digests)
    row = next((one for one in rows if one.hmac == digests[0]), rows[0] if rows else None)
    if row is None:
        return _stranger(connection, desk, inbound)
    people.saw_inbound(connection, row.address_id, inbound.sender, installation.now())
    message = None
    if row.coordinator and desk.coordinator_answer is not None:
        message = desk.coordinator_answer(connection, installation, row.contact_id, inbound)
        if message is not None:
            return _hand_over(connection, desk, inbound, row.address_id, message, None, None)
    found = _code_in(connection, installation, inbound, row)
    if found is not None:
        return _follow_link(connection, desk, inbound, found, row.address_id, row.contact_id)
    return _converse(connection, desk, inbound, row, asked)


# --- one step -----------------------------------------------------------------------------------


def _converse(
    connection: Connection, desk: Desk, inbound: Inbound, row: TurnRow, asked: str | None = None
) -> Receipt:
    """Let the conversation that the message belongs to take one step."""
    event = Reply(inbound.text, inbound.option, None, inbound.kind)
    if inbound.reply_to is not None:
        row, about = _quoted(connection, desk.installation, inbound.reply_to, row)
        event = replace(event, about=about)
    if row.conversation_id is None:
        return _stranger(connection, desk, inbound, row.address_id)
    if asked is not None and _question_moved(connection, desk.installation, row, asked):
        # A replayed answer to a question that is not open any more: only show the open one.
        return _advance(connection, desk, inbound, row, Open())
    return _advance(connection, desk, inbound, row, event)


def _advance(
    connection: Connection, desk: Desk, inbound: Inbound, row: TurnRow, event: Event
) -> Receipt:
    installation = desk.installation
    survey = _survey(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    context = contexts.context(
        installation,
        survey,
        row,
        window_open=True,
        request_code=_request_code(installation, inbound),
    )
    result = step(survey.for_group(row.grp or ""), state, event, context)
    saved = _save(connection, installation, row, state, result, survey)
    address_id: int | None = row.address_id
    if any(isinstance(effect, Erase) for effect in result.effects):
        address_id = None
    if result.message is None:
        return NOTHING
    return _hand_over(
        connection,
        desk,
        inbound,
        address_id,
        result.message,
        row.survey_id,
        row.conversation_id if saved else None,
    )


def _survey(connection: Connection, installation: Installation, row: TurnRow) -> Survey:
    assert row.survey_id is not None
    assert row.settings_hash is not None
    assert row.flow_version_id is not None
    return installation.surveys.compiled(
        connection, row.survey_id, row.settings_hash, row.flow_version_id
    )


def load_state(
    connection: Connection, installation: Installation, row: TurnRow, survey: Survey
) -> State:
    """Open a conversation's state; one that was wiped is known by its status alone."""
    if row.sealed is not None and row.key_id is not None:
        key = installation.keys.by_id(connection, row.key_id)
        return State.from_json(key.open(row.sealed, f"state:{row.conversation_id}"))
    assert row.status is not None
    language = row.contact_language or survey.settings.default_language
    return State(status=Status(row.status), language=language, mixed=bool(row.mixed))


def _save(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    before: State,
    result: Step,
    survey: Survey,
) -> bool:
    """Store a step's state and carry out its effects; False when the conversation is gone.

    Raises Conflict when another step of this conversation was stored since we read it.
    """
    state = result.state
    assert row.conversation_id is not None
    assert row.survey_id is not None
    erased = any(isinstance(effect, Erase) for effect in result.effects)
    if not erased and state != before and not row.mixed:
        mix_at = row.mix_at
        if state.status is Status.FINISHED:
            if before.status is not Status.FINISHED or mix_at is None:
                mix_at = installation.now() + survey.settings.wait
        else:
            mix_at = None
        key = installation.keys.survey(connection, row.survey_id)
        stored = queries.save(
            connection,
            row.conversation_id,
            row.version or 0,
            status=state.status.value,
            wake_at=state.wake_at,
            mix_at=mix_at,
            sealed=key.seal(state.to_json(), f"state:{row.conversation_id}"),
            key_id=key.id,
        )
        if not stored:
            raise Conflict("another message of this conversation was faster")
    for effect in result.effects:
        _carry_out(connection, installation, row, effect)
    return not erased


def _carry_out(
    connection: Connection, installation: Installation, row: TurnRow, effect: object
) -> None:
    """Do what a step asked for outside the conversation."""
    assert row.conversation_id is not None
    match effect:
        case OptOut():
            identity.opt_out(connection, installation, row.contact_id)
            outbox_queries.drop_queued(connection, conversation_id=row.conversation_id)
        case OptIn() | Reopened():
            identity.opt_in(connection, installation, row.contact_id)
        case WrongPerson():
            queries.retire_roster_rows_of(connection, row.conversation_id)
            identity.opt_out(connection, installation, row.contact_id)
            outbox_queries.drop_queued(connection, conversation_id=row.conversation_id)
        case Consented(version, language):
            today = installation.now().date()
            queries.record_consent(connection, row.conversation_id, version, language, today)
        case LanguageChosen(language):
            people.set_language(connection, row.contact_id, language)
        case Erase():
            erasure.erase(connection, installation, row.contact_id)
        case _:
            pass  # the rest tells what changed inside the state


def _request_code(installation: Installation, inbound: Inbound) -> str:
    """A short code for an erasure request that tells nothing about the person."""
    return installation.keys.digest("request", inbound.sid).hex()[:8].upper()


# --- which conversation -------------------------------------------------------------------------


def _quoted(
    connection: Connection, installation: Installation, sid: str, row: TurnRow
) -> tuple[TurnRow, str | None]:
    """Find the conversation and the question that a tapped or quoted message was about."""
    found = outbox_queries.about(connection, sid)
    if found is None or found[1] is None:
        return row, None
    outbox_id, conversation_id, sealed, key_id = found
    if conversation_id != row.conversation_id:
        others = people.turn_of(connection, conversation_id)
        mine = [one for one in others if one.contact_id == row.contact_id]
        if not mine:
            return row, None
        row = next((one for one in mine if one.address_id == row.address_id), mine[0])
    if sealed is None or key_id is None:
        return row, None
    try:
        key = installation.keys.by_id(connection, key_id)
    except KeyDestroyed:
        return row, None
    return row, key.open(sealed, f"about:{outbox_id.hex}")


def _question_moved(
    connection: Connection, installation: Installation, row: TurnRow, asked: str
) -> bool:
    survey = _survey(connection, installation, row)
    return (load_state(connection, installation, row, survey).question or "") != asked


def _code_in(
    connection: Connection, installation: Installation, inbound: Inbound, row: TurnRow
) -> codes.Found | None:
    """Find a link's code in what a known person wrote; None when there is none."""
    if inbound.kind != "text" or inbound.option is not None or not inbound.text:
        return None
    found = codes.find(inbound.text, strict=True)
    if found.code is None and found.mistyped is None:
        found = codes.find(inbound.text, strict=False)
        if found.code is None and found.mistyped is None:
            return None
        if row.status == Status.ASKING.value and _open_text_question(connection, installation, row):
            return None
    return found


def _open_text_question(connection: Connection, installation: Installation, row: TurnRow) -> bool:
    survey = _survey(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    if state.question is None:
        return False
    return survey.for_group(row.grp or "").by_name[state.question].own_words


# --- links --------------------------------------------------------------------------------------


def _follow_link(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    found: codes.Found,
    address_id: int | None,
    contact_id: int | None,
) -> Receipt:
    """Open the conversation that a link leads to, or say why it does not lead anywhere."""
    installation = desk.installation
    link = link_queries.find(connection, found.code) if found.code is not None else None
    if link is None:
        shown = found.code or found.mistyped or ""
        words = contexts.word(connection, installation, None, "code_wrong", {"kode": shown})
        return _answer(connection, desk, inbound, address_id, words)
    published = installation.surveys.by_id(connection, link.survey_id)
    refusal = contexts.refusal(installation, published)
    now = installation.now()
    if refusal is None and link.expires_at is not None and link.expires_at <= now:
        refusal = "link_used"
    if refusal is not None:
        words = contexts.word(connection, installation, published, refusal, {})
        return _answer(connection, desk, inbound, address_id, words)
    if contact_id is None:
        met = identity.person(connection, installation, inbound.addresses)
        contact_id = met.contact_id
        address_id = met.addresses[inbound.addresses[0]]
        people.saw_inbound(connection, address_id, inbound.sender, now)
    scope = link.unit_id if published.survey.settings.once_per == "unit" else 0
    conversation_id = queries.of_contact(connection, link.survey_id, contact_id, scope)
    if conversation_id is None:
        conversation_id, words = _start(
            connection, installation, published, link, contact_id, scope
        )
        if conversation_id is None:
            return _answer(connection, desk, inbound, address_id, words)
    queries.activate(connection, contact_id, conversation_id)
    rows = people.turn_of(connection, conversation_id)
    row = next((one for one in rows if one.address_id == address_id), rows[0])
    return _advance(connection, desk, inbound, row, Open())


def _start(
    connection: Connection,
    installation: Installation,
    published: Published,
    link: link_queries.LinkRow,
    contact_id: int,
    scope: int,
) -> tuple[int | None, Message | None]:
    """Start a conversation from a link; (None, words) where the link may not be used any more."""
    settings = published.survey.settings
    language = people.language(connection, contact_id) or settings.default_language
    over = contexts.word(connection, installation, published, "over", {}, language)
    if erasure.answered_before(connection, installation, published.id, contact_id):
        return None, replace(over, once_a_day="over") if over else None
    if link.roster_row_id is not None:
        claimant = queries.claimant(connection, link.roster_row_id)
        if claimant is not None and not _release_invited(connection, claimant):
            return None, replace(over, once_a_day="over") if over else None
    if not link_queries.count_start(connection, link.id):
        return None, contexts.word(connection, installation, published, "link_used", {}, language)
    conversation_id = _create(
        connection, installation, published, contact_id, link.unit_id, link.grp, scope, None
    )
    if conversation_id is not None and link.roster_row_id is not None:
        people.claim_roster_row(connection, link.roster_row_id, conversation_id)
    return conversation_id, over


def _release_invited(connection: Connection, conversation_id: int) -> bool:
    """Let go of an invitation that nobody has followed; False when its person has begun."""
    rows = people.turn_of(connection, conversation_id)
    if not rows or rows[0].status != Status.INVITED.value:
        return False
    people.delete_conversation(connection, conversation_id)
    return True


def _create(
    connection: Connection,
    installation: Installation,
    published: Published,
    contact_id: int,
    unit_id: int,
    group: str,
    scope: int,
    wake_at: datetime | None,
) -> int | None:
    survey = published.survey
    language = people.language(connection, contact_id)
    conversation_id = queries.create(
        connection,
        survey_id=published.id,
        contact_id=contact_id,
        scope=scope,
        unit_id=unit_id,
        grp=group,
        flow_version_id=published.flow_version_id,
        status=Status.INVITED.value,
        wake_at=wake_at,
    )
    if conversation_id is None:
        return None
    seed = int.from_bytes(installation.keys.digest("seed", str(conversation_id))[:4], "big")
    world = contexts.at_start(installation, survey, group)
    state = begin(survey.for_group(group), world, language=language or "", seed=seed)
    # Whoever comes by a link opens the conversation in this same transaction; the timer of the
    # invited stands on the moment that the launch chose for them.
    state = replace(state, wake_at=wake_at)
    key = installation.keys.survey(connection, published.id)
    queries.save(
        connection,
        conversation_id,
        0,
        status=state.status.value,
        wake_at=wake_at,
        mix_at=None,
        sealed=key.seal(state.to_json(), f"state:{conversation_id}"),
        key_id=key.id,
    )
    return conversation_id


def enrol(
    connection: Connection,
    installation: Installation,
    published: Published,
    contact_id: int,
    unit_id: int,
    group: str,
    wake_at: datetime,
    roster_row_id: int | None = None,
) -> int | None:
    """Make an invited conversation whose timer goes off at `wake_at`.

    Returns None when this person has one already, or has answered and was erased since.
    """
    if erasure.answered_before(connection, installation, published.id, contact_id):
        return None
    scope = unit_id if published.survey.settings.once_per == "unit" else 0
    conversation_id = _create(
        connection, installation, published, contact_id, unit_id, group, scope, wake_at
    )
    if conversation_id is None:
        return None
    if people.active_conversation(connection, contact_id) is None:
        queries.activate(connection, contact_id, conversation_id)
    if roster_row_id is not None:
        people.claim_roster_row(connection, roster_row_id, conversation_id)
    return conversation_id


# --- answering ----------------------------------------------------------------------------------


def _stranger(
    connection: Connection, desk: Desk, inbound: Inbound, address_id: int | None = None
) -> Receipt:
    """Answer somebody who is on no list: once a day, and nothing of them is kept."""
    installation = desk.installation
    found = codes.find(inbound.text, strict=False) if inbound.text else None
    if found is not None and (found.code is not None or found.mistyped is not None):
        return _follow_link(connection, desk, inbound, found, address_id, None)
    if inbound.kind == "reaction":
        return NOTHING
    name = (
        "verify"
        if contexts.asks_whether_real(connection, installation, inbound.text)
        else "stranger"
    )
    words = contexts.word(connection, installation, None, name, {})
    if words is None:
        return NOTHING
    return _answer(connection, desk, inbound, address_id, replace(words, once_a_day=name))


def _answer(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    address_id: int | None,
    message: Message | None,
) -> Receipt:
    if message is None:
        return NOTHING
    return _hand_over(connection, desk, inbound, address_id, message, None, None)


def _hand_over(
    connection: Connection,
    desk: Desk,
    inbound: Inbound,
    address_id: int | None,
    message: Message,
    survey_id: int | None,
    conversation_id: int | None,
) -> Receipt:
    """Put a reply into the outbox and return it if the channel can carry it at once.

    Somebody of whom we keep no address gets it inline and without a trace.
    """
    installation = desk.installation
    if message.once_a_day is not None and not _first_today(
        connection, installation, inbound.addresses[0], message.once_a_day
    ):
        return NOTHING
    inline = desk.can_inline(message)
    if address_id is None:
        return Receipt(message) if inline else NOTHING
    outbox_id = sending.enqueue(
        connection,
        installation,
        via=Via(inbound.channel, inbound.sender),
        address_id=address_id,
        message=message,
        purpose="reply",
        dedupe=f"reply:{inbound.sid}",
        survey_id=survey_id,
        conversation_id=conversation_id,
        inline=inline,
    )
    return Receipt(message, outbox_id) if inline else NOTHING


def _first_today(
    connection: Connection, installation: Installation, address: Address, what: str
) -> bool:
    """Whether an address hears this for the first time today; known under a key that is destroyed
    at midnight."""
    day = installation.now().date()
    key = installation.keys.scoped(connection, f"day:{day.isoformat()}")
    return inbound_queries.mark_today(connection, key.digest(f"{what}\0{address.value}"), day)


def _again(connection: Connection, installation: Installation, inbound: Inbound) -> Receipt:
    """Answer a repeated webhook: the same words while their fate is unknown, then nothing."""
    row = sending.repeated(connection, installation, f"reply:{inbound.sid}")
    if row is None or row.status != "unknown" or row.via != "twiml" or row.sealed is None:
        return NOTHING
    try:
        return Receipt(sending.open_message(connection, installation, row), row.id)
    except KeyDestroyed:
        return NOTHING


# --- our own failures ---------------------------------------------------------------------------


def _hold(connection: Connection, installation: Installation, inbound: Inbound) -> None:
    """Keep a message that we could not process, sealed, in the order of its address."""
    sid = installation.keys.digest("sid", inbound.sid)
    if inbound_queries.first_sight(connection, sid, installation.now().date()):
        _queue_behind(connection, installation, inbound, sid)


def _queue_behind(
    connection: Connection, installation: Installation, inbound: Inbound, sid: bytes
) -> None:
    key = installation.keys.installation(connection)
    asked = _asked(connection, installation, inbound)
    inbound_queries.fill(
        connection,
        sid,
        sealed=key.seal(_inbound_to_json(inbound), "inbound"),
        key_id=key.id,
        address_hmac=identity.digest(installation, inbound.addresses[0]),
        open_question=key.seal(asked, "inbound"),
        retry_at=installation.now() + REPLAY_AFTER,
    )


def _asked(connection: Connection, installation: Installation, inbound: Inbound) -> str:
    """Name the question that was open when a message came; empty when that cannot be read."""
    try:
        digests = [identity.digest(installation, one) for one in inbound.addresses]
        row = next(iter(people.turn(connection, digests)), None)
        if row is None or row.conversation_id is None:
            return ""
        survey = _survey(connection, installation, row)
        return load_state(connection, installation, row, survey).question or ""
    except Exception:
        log.exception("the open question of a kept message cannot be read")
        return ""


def replay(desk: Desk, limit: int = 20) -> int:
    """Process kept messages again, first in first out per address; return how many went through."""
    installation = desk.installation
    due = installation.database.read(
        lambda connection: inbound_queries.due_addresses(connection, installation.now(), limit)
    )
    through = 0
    for address_hmac in due:
        while _replay_one(desk, address_hmac):
            through += 1
    return through


def _replay_one(desk: Desk, address_hmac: bytes) -> bool:
    installation = desk.installation

    def work(connection: Connection) -> bool:
        row = inbound_queries.first_held(connection, address_hmac)
        if row is None or row.retry_at > installation.now():
            return False
        key = installation.keys.by_id(connection, row.key_id)
        inbound = _inbound_from_json(key.open(row.sealed, "inbound"))
        asked = key.open(row.open_question, "inbound") if row.open_question else ""
        inbound_queries.wipe(connection, row.sid_hmac)
        later = replace(desk, can_inline=lambda _message: False)
        _take(connection, later, inbound, row.sid_hmac, asked)
        return True

    try:
        return installation.database.write(work)
    except (Unavailable, Conflict):
        return False
    except Exception:
        log.exception("a kept message failed again")

    def wait(connection: Connection) -> None:
        row = inbound_queries.first_held(connection, address_hmac)
        if row is not None:
            pause = REPLAY_AFTER * 2 ** min(row.attempts, 7)
            inbound_queries.postpone(connection, row.sid_hmac, installation.now() + pause)

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
    }
    return json.dumps(plain, ensure_ascii=False)


def _inbound_from_json(text: str) -> Inbound:
    plain: dict[str, object] = json.loads(text)
    pairs = plain["addresses"]
    assert isinstance(pairs, list)
    plain["addresses"] = tuple(Address(kind, value) for kind, value in pairs)
    return Inbound(**plain)  # type: ignore[arg-type]


# --- timers -------------------------------------------------------------------------------------


def wake_due(installation: Installation, limit: int = 200) -> int:
    """Let conversations whose timer went off take their step; return how many did.

    Each is a transaction of its own, claimed by its lock and saved by compare-and-set, so this may
    run in any number of processes and be killed at any moment. A step that fails waits an hour.
    """
    due = installation.database.read(
        lambda connection: queries.due(connection, installation.now(), limit)
    )
    woken = 0
    for conversation_id in due:
        try:
            woken += installation.database.write(
                lambda connection, one=conversation_id: _wake(connection, installation, one)
            )
        except (Unavailable, Conflict):
            continue
        except Exception:
            log.exception("the timer of conversation %s failed", conversation_id)
            until = installation.now() + FAILED_STEP_WAITS
            installation.database.write(
                lambda connection, one=conversation_id, at=until: queries.postpone(
                    connection, one, at
                )
            )
    return woken


def _wake(connection: Connection, installation: Installation, conversation_id: int) -> bool:
    now = installation.now()
    if not queries.take(connection, conversation_id, now):
        return False
    rows = people.turn_of(connection, conversation_id)
    if not rows:
        # Nobody can be reached by it any more.
        queries.postpone(connection, conversation_id, now + timedelta(days=3650))
        return False
    row = rows[0]
    best = identity.best_address(connection, row.contact_id)
    survey = _survey(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    heard = people.windows(connection, [one.address_id for one in rows])
    window_open = any(now - at < sending.WINDOW for at in heard.values())
    result = step(
        survey.for_group(row.grp or ""),
        state,
        Wake(),
        contexts.context(installation, survey, row, window_open=window_open),
    )
    _save(connection, installation, row, state, result, survey)
    message = result.message
    if message is None or best is None:
        return True
    if identity.opted_out(connection, installation, row.contact_id):
        return True
    sending.enqueue(
        connection,
        installation,
        address_id=best.id,
        message=message,
        purpose="invitation" if message.step == "invite" else "reminder",
        dedupe=f"{conversation_id}:{message.step}",
        survey_id=row.survey_id,
        conversation_id=conversation_id,
        expires_at=now + timedelta(hours=12),
    )
    return True
