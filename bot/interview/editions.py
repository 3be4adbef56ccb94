"""Versions of a survey in use: a turn of somebody whose version was published anew since.

The move needs no statement of its own: the turn's one look tells where its version goes, and the
turn's one write stores it. Who says nothing is moved by the sweep (`moving`).
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from bot.flow.carrying import Policy, carry
from bot.flow.state import State
from bot.flow.survey import Survey
from bot.flow.turn import Context, Effect
from bot.interview.installation import Installation
from storage.queries.turns import TurnRow


class Carried(NamedTuple):
    """A conversation as its turn goes on with it, and what the move has done to it."""

    row: TurnRow
    survey: Survey
    state: State
    effects: tuple[Effect, ...] = ()


def carried(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    survey: Survey,
    state: State,
    context: Context,
) -> Carried:
    """Return a conversation under the version to which it is to be carried, if it is and can be."""
    here = Carried(row, survey, state)
    if row.move_to is None or row.mixed or row.sealed is None or row.closed_at is not None:
        return here
    assert row.survey_id is not None
    assert row.settings_hash is not None
    newer = installation.surveys.compiled(connection, row.survey_id, row.settings_hash, row.move_to)
    old, new = survey.groups.get(row.grp or ""), newer.groups.get(row.grp or "")
    if old is None or new is None:
        return here
    policy: Policy = "re-ask" if row.move_policy == "re-ask" else "move"
    step = carry(old, new, state, context, policy)
    if step is None:
        return here
    moved = row._replace(flow_version_id=row.move_to, move_to=None, move_policy=None)
    return Carried(moved, newer, step.state, step.effects)
