"""Conversations: their sealed state, what a step changes, how one begins, and its timer.

Every step is stored by compare-and-set on the conversation's version: who loses a race throws the
step away and takes it again. Because the engine is pure, nothing has happened yet.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import InboundFile
from bot.flow.engine import begin, step
from bot.flow.schedule import INVITE, next_allowed
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.turn import (
    Consented,
    Context,
    Erase,
    LanguageChosen,
    Message,
    OptIn,
    OptOut,
    Step,
    Wake,
    WrongPerson,
)
from bot.interview import contexts, erasure, identity, seeds
from bot.interview.editions import carried
from bot.interview.failures import trace
from bot.interview.files import attachments
from bot.interview.installation import Installation, Via
from bot.interview.sending import holding, outbox, reminding
from bot.interview.surveys import Published
from storage.database import Conflict, Unavailable
from storage.queries import conversations as queries
from storage.queries import ledger, people, turns
from storage.queries import outbox as outbox_queries
from storage.queries.turns import Arrived, TurnRow

log = logging.getLogger(__name__)

FAILED_STEP_WAITS = timedelta(hours=1)
# What could not be sent by then is not worth sending. (An invitation always is, until the end.)
INVITATION_LIVES = timedelta(days=365)
REMINDER_LIVES = timedelta(days=2)
SOME_HOURS = timedelta(hours=8)


def survey_of(connection: Connection, installation: Installation, row: TurnRow) -> Survey:
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


def save(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    before: State,
    result: Step,
    survey: Survey,
    reply: Mapping[str, Any] | None = None,
    arrived: Arrived | None = None,
    sent: tuple[InboundFile, Via] | None = None,
    *,
    moved: bool = False,
) -> bool:
    """Carry out a step's effects, then store its state, with the outbox row of its reply and the
    message that it answers; return whether there was a state to store, and so `arrived` too.
    `sent` is a file that came with that message, and by which channel.

    With `moved` the version of the questions in `row` is new: it is stored though the state may be
    as it was. This is the last of a turn's transaction. Raises Conflict when another step of this
    conversation was stored since we read it, IntegrityError when that message was.
    """
    state = result.state
    assert row.conversation_id is not None
    assert row.survey_id is not None
    for effect in result.effects:
        _carry_out(connection, installation, row, effect)
    # What the end of a survey has wiped stays so: there is no key any more to seal it with.
    wiped = row.closed_at is not None and row.sealed is None
    if erases(result) or (state == before and not moved) or row.mixed or wiped:
        if reply is not None:
            outbox_queries.add(connection, reply)
        return False
    flow = survey.groups.get(row.grp or "")
    attachments.follow(connection, installation, row, flow, (before, state), sent)
    if state.status is Status.FINISHED and not _was_finished(before):
        today = installation.now().astimezone(survey.settings.zone).date()
        ledger.finish(connection, row.conversation_id, today)
        reminding.count_finished(connection, installation, row, survey, before)
    mix_at = row.mix_at
    if state.status is Status.FINISHED:
        if before.status is not Status.FINISHED or mix_at is None:
            mix_at = installation.now() + survey.settings.wait
    else:
        mix_at = None
    key = installation.keys.survey(connection, row.survey_id)
    stored = turns.save(
        connection,
        row.conversation_id,
        row.version or 0,
        status=state.status.value,
        wake_at=state.wake_at,
        mix_at=mix_at,
        sealed=key.seal(state.to_json(), f"state:{row.conversation_id}"),
        key_id=key.id,
        flow_version_id=row.flow_version_id,
        reply=reply,
        arrived=arrived,
    )
    if not stored:
        raise Conflict("another message of this conversation was faster")
    return True


def _was_finished(state: State) -> bool:
    """Whether an interview had been finished before, be it that it was opened again since."""
    return state.status is Status.FINISHED or state.earlier is not None


def erases(result: Step) -> bool:
    """Whether a step leaves no conversation behind."""
    return any(isinstance(effect, Erase) for effect in result.effects)


def _carry_out(
    connection: Connection, installation: Installation, row: TurnRow, effect: object
) -> None:
    """Do what a step asked for outside the conversation."""
    assert row.conversation_id is not None
    match effect:
        case OptOut():
            identity.opt_out(connection, installation, row.contact_id)
            outbox_queries.drop_queued(connection, conversation_id=row.conversation_id)
        case OptIn():
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


def create(
    connection: Connection,
    installation: Installation,
    published: Published,
    contact_id: int,
    unit_id: int,
    group: str,
    scope: int,
    wake_at: datetime | None,
    *,
    link_id: int | None = None,
    pilot_wave: int | None = None,
) -> int | None:
    """Make a conversation and return its id; None when this person has one already.

    Raises ValueError for a survey that takes no answers: nobody may come this far.
    """
    survey = published.survey
    if not survey.settings.takes_answers:
        raise ValueError(f"{published.name} takes no answers, so it has no conversations")
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
        link_id=link_id,
        wake_at=wake_at,
        pilot_wave=pilot_wave,
    )
    if conversation_id is None:
        return None
    seed = seeds.draw(installation, conversation_id)
    world = contexts.at_start(installation, survey, group)
    state = begin(survey.for_group(group), world, language=language or "", seed=seed)
    # Whoever comes by a link opens the conversation in this same transaction; the timer of the
    # invited stands on the moment that the launch chose for them.
    state = replace(state, wake_at=wake_at)
    key = installation.keys.survey(connection, published.id)
    turns.save(
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
    pilot_wave: int | None = None,
) -> int | None:
    """Make an invited conversation whose timer goes off at `wake_at`.

    Returns None when this person has one already, or has answered and was erased since.
    """
    if erasure.answered_before(connection, installation, published.id, contact_id):
        return None
    scope = published.survey.settings.scope(group, unit_id)
    conversation_id = create(
        connection,
        installation,
        published,
        contact_id,
        unit_id,
        group,
        scope,
        wake_at,
        pilot_wave=pilot_wave,
    )
    if conversation_id is None:
        return None
    if people.active_conversation(connection, contact_id) is None:
        queries.activate(connection, contact_id, conversation_id)
    if roster_row_id is not None:
        people.claim_roster_row(connection, roster_row_id, conversation_id)
    return conversation_id


def wake_due(installation: Installation, limit: int = 200) -> int:
    """Let conversations whose timer went off take their step; return how many did.

    Each is a transaction of its own, claimed by its lock and saved by compare-and-set, so this may
    run in any number of processes and be killed at any moment.
    """
    due = installation.database.read(
        lambda connection: queries.due(connection, installation.now(), limit)
    )
    return sum(_wake_one(installation, conversation_id) for conversation_id in due)


def _wake_one(installation: Installation, conversation_id: int) -> bool:
    """Let one timer go off; a step that fails waits an hour, so that it cannot spin."""
    try:
        return installation.database.write(
            lambda connection: _wake(connection, installation, conversation_id)
        )
    except (Unavailable, Conflict):
        return False
    except Exception as error:
        log.error("the timer of conversation %s failed\n%s", conversation_id, trace(error))
    until = installation.now() + FAILED_STEP_WAITS
    installation.database.write(
        lambda connection: queries.postpone(connection, conversation_id, until)
    )
    return False


def _wake(connection: Connection, installation: Installation, conversation_id: int) -> bool:
    now = installation.now()
    if not queries.take(connection, conversation_id, now):
        return False
    rows = turns.turn_of(connection, conversation_id)
    if not rows:
        # Nobody can be reached by it any more.
        queries.postpone(connection, conversation_id, now + timedelta(days=3650))
        return False
    row = rows[0]
    best = identity.best_address(connection, row.contact_id)
    survey = survey_of(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    if _must_wait(connection, row, state):
        queries.postpone(connection, conversation_id, None)
        return False
    heard = people.windows(connection, [one.address_id for one in rows])
    window_open = any(now - at < outbox.WINDOW for at in heard.values())
    world = contexts.context(installation, survey, row, window_open=window_open)
    later = reminding.waits_until(connection, installation, row, state, world)
    if later is not None:
        queries.postpone(connection, conversation_id, later)
        return False
    world = reminding.at_a_distance(connection, installation, row, state, world)
    world = reminding.allowed(connection, installation, row, survey, state, world)
    over = carried(connection, installation, row, survey, state, world)
    moved, row, survey = over.row is not row, over.row, over.survey
    result = step(survey.for_group(row.grp or ""), over.state, Wake(), world)
    result = replace(result, effects=(*over.effects, *result.effects))
    if not save(connection, installation, row, state, result, survey, moved=moved):
        # Nothing has changed but the timer itself, which new settings had brought forward.
        queries.postpone(connection, conversation_id, result.state.wake_at)
    message = result.message
    gone = identity.opted_out(connection, installation, row.contact_id)
    if best is None or gone:
        return True
    reminding.count(
        connection, installation, row, survey, state, result.state, template=not window_open
    )
    if message is None:
        return True
    outbox.enqueue(
        connection,
        installation,
        address_id=best.id,
        message=message,
        purpose="invitation" if message.step == "invite" else "reminder",
        dedupe=f"{conversation_id}:{message.step}",
        survey_id=row.survey_id,
        conversation_id=conversation_id,
        expires_at=_expires_at(message, world),
    )
    _bring_forward(connection, row)
    return True


def _expires_at(message: Message, world: Context) -> datetime:
    """Return until when a step of the plan is worth sending.

    What is written just before the hours end must live on into the next ones, after the weekend.
    """
    plan, now = world.plan, world.now
    if message.step == INVITE:
        return min(plan.closes, now + INVITATION_LIVES)
    end = now + REMINDER_LIVES
    # From the next day on: what is left of this one may be seconds.
    following = next_allowed(plan.hours, world.zone, now + SOME_HOURS, plan.closes)
    return min(plan.closes, end if following is None else max(end, following + SOME_HOURS))


def _must_wait(connection: Connection, row: TurnRow, state: State) -> bool:
    """Whether an invitation is due whose launch is paused or stopped."""
    if state.status is not Status.INVITED or holding.INVITE in state.sent:
        return False
    assert row.conversation_id is not None
    return holding.held(connection, row.conversation_id)


def _bring_forward(connection: Connection, row: TurnRow) -> None:
    """Let an answer without a tap belong to what we have just written about, unless the person is
    in the middle of something else."""
    assert row.conversation_id is not None
    active = people.active_conversation(connection, row.contact_id)
    if active == row.conversation_id:
        return
    rows = turns.turn_of(connection, active) if active is not None else []
    if not rows or Status(rows[0].status or "").over:
        queries.activate(connection, row.contact_id, row.conversation_id)
