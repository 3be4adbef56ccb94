"""What the transcripts of a survey visit: which questions, and which branches.

A branch is one outcome of a condition: a `relevant` that holds or not, an `end_if` that ends the
interview or not, a `constraint` that takes an answer or refuses it. Only outcomes that are possible
count (see `ways.py`). Choices are no branches of their own: where a condition tells them apart, it
is the condition whose two outcomes must be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from bot.flow.engine import step
from bot.flow.question import Question
from bot.flow.rehearsal.strands import KEYS, Key
from bot.flow.rehearsal.transcript import Turned
from bot.flow.rehearsal.ways import Ways
from bot.flow.route import matters
from bot.flow.state import State, Status
from bot.flow.survey import Flow, Survey
from bot.flow.turn import Answered, Reply


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """A question that is asked (`key` is "asked"), or one outcome of one of its conditions."""

    place: int
    question: str
    key: Literal["asked"] | Key
    outcome: bool = True

    @property
    def words(self) -> str:
        """Return what somebody has to do to get here."""
        return _WORDS[self.key, self.outcome]


_WORDS: Mapping[tuple[str, bool], str] = {
    ("asked", True): "never asked",
    ("relevant", True): "`relevant` never holds",
    ("relevant", False): "`relevant` always holds",
    ("end_if", True): "`end_if` never ends an interview",
    ("end_if", False): "`end_if` always ends the interview",
    ("constraint", True): "`constraint` never takes an answer",
    ("constraint", False): "`constraint` never refuses an answer",
}


@dataclass(frozen=True, slots=True)
class FlowCoverage:
    """What the transcripts of one flow visit. `groups` are those that it is asked of."""

    flow: str
    groups: tuple[str, ...]
    transcripts: int
    branches: tuple[Branch, ...]
    visited: frozenset[Branch]

    @property
    def missing(self) -> tuple[Branch, ...]:
        """What no transcript visits, in the order of the questions.

        A question that is never asked is told once, not with each of its conditions.
        """
        unseen = [one for one in self.branches if one not in self.visited]
        never = {one.question for one in unseen if one.key == "asked"}
        return tuple(one for one in unseen if one.key == "asked" or one.question not in never)

    def count(self, *, asked: bool) -> tuple[int, int]:
        """Return how many questions (or, without `asked`, branches) are visited, of how many."""
        counted = [one for one in self.branches if (one.key == "asked") is asked]
        return sum(one in self.visited for one in counted), len(counted)

    @property
    def percent(self) -> float:
        """Return the share of questions and branches visited, in percent."""
        return 100 * len(self.visited) / len(self.branches) if self.branches else 100.0


def coverage(survey: Survey, played: Iterable[tuple[str, Iterable[Turned]]]) -> list[FlowCoverage]:
    """Return what transcripts visit, by flow: each is given as its group and turns."""
    visited: dict[str, set[Branch]] = {name: set() for name in survey.flows}
    times = dict.fromkeys(survey.flows, 0)
    for group, turns in played:
        flow = survey.for_group(group)
        if flow.name in visited:
            times[flow.name] += 1
            for turn in turns:
                visited[flow.name].update(_visited(flow, turn))
    found = []
    for name in survey.flows:
        groups = tuple(key for key, one in survey.groups.items() if one.name == name)
        branches = _possible(survey, groups[0]) if groups else ()
        found.append(
            FlowCoverage(
                name, groups, times[name], branches, frozenset(visited[name] & {*branches})
            )
        )
    return found


def _possible(survey: Survey, group: str) -> tuple[Branch, ...]:
    """Return the branches of a flow that somebody can take."""
    flow = survey.for_group(group)
    ways = Ways(survey, group)
    possible, unproved = ways.outcomes(), bool(ways.unproved)
    found: list[Branch] = []
    for question in flow.questions:
        reached = unproved or (question.name, "asked", True) in possible
        if reached and question.type != "calculate":
            found.append(Branch(question.index, question.name, "asked"))
        for key in KEYS:
            if getattr(question, key) is None:
                continue
            found += [
                Branch(question.index, question.name, key, outcome)
                for outcome in (True, False)
                if unproved or (question.name, key, outcome) in possible
            ]
    return tuple(found)


def _visited(flow: Flow, turn: Turned) -> Iterator[Branch]:
    """Yield what one turn visits."""
    yield from _passed(flow, turn.after)
    ended = turn.after.status is Status.SCREENED_OUT
    given = [one.question for one in turn.effects if isinstance(one, Answered)]
    left_out = set(turn.after.left_out) - set(turn.before.left_out)
    if ended and not given and turn.before.question is not None:
        left_out.add(turn.before.question)  # whoever is screened out keeps nothing
    for name in (*given, *left_out):
        question = flow.by_name[name]
        if question.end_if is not None:
            yield Branch(question.index, name, "end_if", ended)
        if question.constraint is not None and name in given:
            yield Branch(question.index, name, "constraint")
    open_one = flow.by_name.get(turn.before.question or "")
    if open_one is not None and open_one.constraint is not None and _refused(flow, open_one, turn):
        yield Branch(open_one.index, open_one.name, "constraint", outcome=False)


def _passed(flow: Flow, state: State) -> Iterator[Branch]:
    """Yield the questions up to the open one: asked, or left out by their `relevant`."""
    if state.status not in {Status.ASKING, Status.FINISHED}:
        return
    arranged = flow.arranged(state.seed)
    open_one = arranged.by_name.get(state.question or "")
    for question in arranged.questions[: None if open_one is None else open_one.index + 1]:
        place, name = flow.by_name[question.name].index, question.name
        if question.relevant is not None:
            yield Branch(place, name, "relevant", question.relevant.holds(state.answers))
        seen = question.type == "note" or name in state.answers or name in state.left_out
        here = question.type != "calculate" and (seen or question is open_one)
        if here and matters(question, state.answers):
            yield Branch(place, name, "asked")


def _refused(flow: Flow, question: Question, turn: Turned) -> bool:
    """Whether the constraint, and nothing else, refused what was said: without it, it is taken."""
    if not isinstance(turn.event, Reply) or any(isinstance(one, Answered) for one in turn.effects):
        return False
    free = step(_without_constraint(flow, question), turn.before, turn.event, turn.context)
    return Answered(question.name) in free.effects


def _without_constraint(flow: Flow, question: Question) -> Flow:
    free = replace(question, constraint=None)
    changed: dict[str, Any] = {"by_name": {**flow.by_name, question.name: free}}
    for one in fields(flow):
        held = getattr(flow, one.name)
        if isinstance(held, tuple) and question in held:
            changed[one.name] = tuple(free if item is question else item for item in held)
    return replace(flow, **changed)
