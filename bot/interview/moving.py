"""The sweep that carries people under way to another version of the questions.

Each is a transaction of its own, claimed by its lock and stored by compare-and-set; those who have
not begun go some hundred at a time, as their state says nothing of any question. So it may run in
any number of processes and be killed at any moment: what it has not done, the next run or the
person's own next turn does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.flow.turn import Step
from bot.interview import contexts
from bot.interview.conversations import save
from bot.interview.editions import carried
from bot.interview.failures import trace
from bot.interview.installation import Installation
from bot.interview.states import load_state, survey_of
from storage.database import Conflict, Unavailable
from storage.queries import editions as queries
from storage.queries import turns
from storage.queries.editions import Leaving

log = logging.getLogger(__name__)

INVITED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MoveReport:
    """How many were carried, and how many go on with the version that they began with."""

    moved: int = 0
    stayed: int = 0


def move_due(
    installation: Installation,
    batch: int = 200,
    done: Callable[[int], None] = lambda number: None,
) -> MoveReport:
    """Carry everybody over whose version is to be left; `done` hears how many were looked at."""
    moved = stayed = 0
    for leaving in installation.database.read(queries.leaving):
        while some := _carry_invited(installation, leaving):
            moved += some
            done(moved + stayed)
        after = 0
        while ids := _under_way(installation, leaving, after, batch):
            for conversation_id in ids:
                if _move_one(installation, leaving, conversation_id):
                    moved += 1
                else:
                    stayed += 1
            after = ids[-1]
            done(moved + stayed)
    return MoveReport(moved, stayed)


def _under_way(installation: Installation, leaving: Leaving, after: int, batch: int) -> list[int]:
    return installation.database.read(
        lambda connection: queries.under_way(connection, leaving, after, batch)
    )


def _carry_invited(installation: Installation, leaving: Leaving) -> int:
    def work(connection: Connection) -> int:
        newer = installation.surveys.version(connection, leaving.survey_id, leaving.to)
        return queries.carry_invited(connection, leaving, newer.groups.keys(), INVITED_AT_ONCE)

    return installation.database.write(work)


def _move_one(installation: Installation, leaving: Leaving, conversation_id: int) -> bool:
    """Carry one conversation; one that fails is logged, and keeps its version."""
    try:
        return installation.database.write(
            lambda connection: _move(connection, installation, leaving, conversation_id)
        )
    except (Unavailable, Conflict):
        return False
    except Exception as error:
        log.error("conversation %s could not be carried over\n%s", conversation_id, trace(error))
    return False


def _move(
    connection: Connection, installation: Installation, leaving: Leaving, conversation_id: int
) -> bool:
    if not queries.take(connection, conversation_id, leaving.version):
        return False
    rows = turns.turn_of(connection, conversation_id)
    if not rows:
        return False
    row = rows[0]
    survey = survey_of(connection, installation, row)
    state = load_state(connection, installation, row, survey)
    world = contexts.context(installation, survey, row, window_open=False)
    over = carried(connection, installation, row, survey, state, world)
    if over.row is row:
        return False
    step = Step(over.state, None, over.effects)
    return save(connection, installation, over.row, state, step, over.survey, moved=True)
