"""Answers that are files: what a question takes, and what happens when one cannot be used.

The engine knows a file by a random id and by what its sender says it is. Its bytes are fetched
later by others; what they find wrong comes back as the event `Lost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.flow import review
from bot.flow.answers.reading import Reading
from bot.flow.asking import Turn, advance, fresh
from bot.flow.commands import OPTED_OUT
from bot.flow.question import Question
from bot.flow.route import first_open, matters, prune
from bot.flow.state import Answer, State, Status
from bot.flow.turn import Answered, Dropped, Effect, Lost, Reopened, Reply, Step

_LOST = "lost"
"""Key in `State.extra`: the questions whose file was asked for a second time."""


def asked_for(turn: Turn, reply: Reply) -> Question | None:
    """Return the question that a file answers: the quoted one, else the open one, if it takes
    files."""
    state = turn.state
    name = reply.about or state.question
    known = name in (state.question, *state.answers, *state.left_out)
    question = turn.flow.by_name.get(name or "") if known else None
    return question if question is not None and question.takes_file else None


def read_file(question: Question, reply: Reply) -> Reading:
    """Read a file that was sent as the answer to a question."""
    if reply.file is None:
        return Reading(trouble="file_lost")
    if reply.file.kind not in question.kinds:
        return Reading(trouble="wrong_file")
    return Reading(reply.file.id)


def file_ids(state: State, names: tuple[str, ...]) -> dict[str, str]:
    """Return the files that a state holds, those of earlier answers included: id -> question."""
    found: dict[str, str] = {}
    for answers in (state.answers, state.earlier or {}):
        for name in names:
            answer = answers.get(name)
            if isinstance(answer, str):
                found[answer] = name
    return found


def lost(turn: Turn, event: Lost) -> Step:
    """Take a file back that cannot be used, and ask for it again, once.

    In a finished interview the other answers count until the new one comes. A second one that
    cannot be used is left out: nobody is kept at a question that does not work for them.
    """
    state, name = turn.state, event.question
    here = state.answers.get(name) == event.id
    earlier = state.earlier
    if earlier is not None and earlier.get(name) == event.id:
        earlier = prune(turn.flow, _without(earlier, name), ()).answers
    if not here or state.mixed:
        return Step(replace(state, earlier=earlier))
    again = name not in state.extra.get(_LOST, "").split()
    left_out = state.left_out if again else (*state.left_out, name)
    settled = prune(turn.flow, _without(state.answers, name), left_out)
    kept, skipped = settled.answers, settled.left_out
    effects: tuple[Effect, ...] = (
        *map(Answered, settled.computed),
        Dropped((name, *settled.dropped)),
    )
    noted = {**state.extra, _LOST: f"{state.extra.get(_LOST, '')} {name}".strip()}
    state = replace(state, answers=kept, left_out=skipped, earlier=earlier, extra=noted)
    heard = _takes_answers(turn)
    if not again or not heard:
        after = turn.to(state)
        if state.status is Status.ASKING and _is_stale(after):
            onward = advance(after, effects)
            return onward if heard else replace(onward, message=None)
        return Step(state, None, effects)
    if state.status is Status.FINISHED:
        state = replace(state, status=Status.ASKING, earlier=dict(kept))
        effects += (Reopened(),)
    opened = turn.to(fresh(state, question=name))
    return opened.show(opened.voice.text("file_lost"), effects=effects)


def _is_stale(turn: Turn) -> bool:
    """Whether what is open was so because of a file: a question, or the page of all answers."""
    state = turn.state
    if review.is_open(state):
        return first_open(turn.flow, state.answers, state.left_out) is not None
    return not matters(turn.question, state.answers)


def _takes_answers(turn: Turn) -> bool:
    """Whether the person can still answer, and wants to hear from us."""
    plan = turn.context.plan
    if turn.context.opted_out or OPTED_OUT in turn.state.extra:
        return False
    open_now = plan.opens <= turn.context.now < plan.closes
    return open_now and turn.state.status in (Status.ASKING, Status.FINISHED)


def _without(answers: Mapping[str, Answer], name: str) -> dict[str, Answer]:
    return {key: value for key, value in answers.items() if key != name}
