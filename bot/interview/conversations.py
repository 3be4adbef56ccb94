"""Conversations: how one begins, and what a step changes.

Every step is stored by compare-and-set on the conversation's version: who loses a race throws the
step away and takes it again. Because the engine is pure, nothing has happened yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import InboundFile
from bot.flow.engine import begin
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.turn import Consented, Erase, LanguageChosen, OptIn, OptOut, Step, WrongPerson
from bot.interview import answered, contexts, erasure, identity, seeds
from bot.interview.files import attachments
from bot.interview.installation import Installation, Via
from bot.interview.sending import reminding
from bot.interview.states import seal
from bot.interview.surveys import Published
from storage.database import Conflict
from storage.queries import conversations as queries
from storage.queries import ledger, people, turns
from storage.queries import outbox as outbox_queries
from storage.queries.turns import Arrived, TurnRow


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
        today = survey.settings.day(installation.now())
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
        sealed=seal(key, row.conversation_id, state),
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
        sealed=seal(key, conversation_id, state),
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
    if answered.before(connection, installation, published.id, contact_id):
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
