"""The ways through a flow: counted exactly, without walking each of them.

A way is what is answered, in order, up to an end. Answers that no condition tells apart at that
point count as one. The questions are parted into strands that decide nothing in each other (see
`strands.py`), so that the numbers of ways multiply and a hundred conditions stay quick.

That every way ends: questions stand in a list, an answer that is taken always leads on in it, and
the list ends. What could hold somebody for ever is a question that takes no answer at all; those
are looked for in every place that can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

from bot.flow.question import Question
from bot.flow.rehearsal.answers_to_try import reply
from bot.flow.rehearsal.playing import Moment, Player, Talk, question_time
from bot.flow.rehearsal.strands import Edge, Goal, GoalKind, Key, Strand, strands
from bot.flow.state import Answer, Status
from bot.flow.survey import Survey

Which = Literal["shortest", "typical", "longest"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on a way, and the answers that lead along it: the first one is played.

    `decides` says whether others lead elsewhere; if not, `answers` are only examples.
    """

    question: Question
    answers: tuple[Answer | None, ...]
    decides: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How some ways end: finished, screened out after a question, or stuck at one."""

    kind: Literal["finished", "screened_out", "stuck"]
    question: str | None
    count: int
    least: int  # questions on the way there
    most: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way: what is asked and answered, and how it ends."""

    asked: tuple[Asked, ...]
    ending: Ending


@dataclass(frozen=True, slots=True)
class _Course:
    """The goals of all strands that make one kind of ending."""

    ending: Ending
    goals: tuple[Goal, ...]


class Ways:
    """All ways of one group's flow. KeyError for an unknown group."""

    def __init__(self, survey: Survey, group: str) -> None:
        self.player = Player(survey, group)
        self.flow = self.player.flow
        self._settings = survey.settings
        self._strands = strands(self.flow, self.player.today)

    @cached_property
    def _courses(self) -> tuple[_Course, ...]:
        goals = tuple(strand.end() for strand in self._strands)
        found = [self._course("finished", None, goals)]
        for question in self.flow.questions:
            if question.end_if is not None:
                found.append(self._ending_at(question, "ended"))
            if question.constraint is not None:
                found.append(self._ending_at(question, "stuck"))
        return tuple(one for one in found if one.ending.count)

    def _ending_at(self, question: Question, kind: GoalKind) -> _Course:
        goals = []
        for strand in self._strands:
            before = sum(one.index < question.index for one in strand.questions)
            here = question in strand.questions
            goals.append(Goal(kind if here else "on", before))
        name: Literal["screened_out", "stuck"] = "screened_out" if kind == "ended" else "stuck"
        return self._course(name, question.name, tuple(goals))

    def _course(
        self,
        kind: Literal["finished", "screened_out", "stuck"],
        question: str | None,
        goals: tuple[Goal, ...],
    ) -> _Course:
        pairs = list(zip(self._strands, goals, strict=True))
        count = prod(one.count(goal) for one, goal in pairs)
        lengths = [
            sum(self._length(one, goal, longest=longest) for one, goal in pairs) if count else 0
            for longest in (False, True)
        ]
        return _Course(Ending(kind, question, count, *lengths), goals)

    def _length(self, strand: Strand, goal: Goal, *, longest: bool) -> int:
        return (_costs(strand, goal, self._cost, longest=longest)[0][0] or (0, 0.0))[0]

    @property
    def endings(self) -> tuple[Ending, ...]:
        """How ways end, finished first, then in the order of the questions."""
        return tuple(course.ending for course in self._courses)

    @property
    def count(self) -> int:
        """Return how many ways there are; with `cut`, how many were found."""
        return sum(ending.count for ending in self.endings)

    @property
    def finished(self) -> int:
        """Return how many of them are finished."""
        return sum(one.count for one in self.endings if one.kind == "finished")

    @property
    def stuck(self) -> tuple[Ending, ...]:
        """The questions that take no answer on some way."""
        return tuple(one for one in self.endings if one.kind == "stuck")

    @property
    def cut(self) -> bool:
        """Whether there were too many places, and some ways are left out."""
        return any(strand.cut for strand in self._strands)

    @property
    def unproved(self) -> dict[str, str]:
        """What was not tried in full, by question, in words."""
        found = {name: why for strand in self._strands for name, why in strand.why.items()}
        for strand in self._strands:
            if strand.cut:
                found[strand.questions[0].name] = "too many different courses from here on"
        return found

    @property
    def open_ends(self) -> dict[str, str]:
        """Why it is not proved that every way ends, by question: empty where it is.

        Only a constraint can refuse every answer, so that only strands with one matter.
        """
        found: dict[str, str] = {}
        for strand in self._strands:
            if any(one.constraint is not None for one in strand.questions):
                found |= {name: why for name, why in self.unproved.items() if name in strand}
        for ending in self.stuck:
            assert ending.question is not None
            found[ending.question] = "no answer was found that its constraint takes"
        return found

    @property
    def proved(self) -> bool:
        """Whether every way was counted and ends."""
        return not self.unproved and not self.stuck

    def outcomes(self) -> frozenset[tuple[str, Key | Literal["asked"], bool]]:
        """Return which conditions can turn out which way, and which questions can be reached."""
        found: set[tuple[str, Key | Literal["asked"], bool]] = set()
        for question in self.flow.questions:
            if not self._ending_reached(question):
                continue
            for strand in self._strands:
                found |= {one for one in strand.outcomes if one[0] == question.name}
            if question.relevant is None or (question.name, "relevant", True) in found:
                found.add((question.name, "asked", True))
        return frozenset(found)

    def _ending_reached(self, question: Question) -> bool:
        """Whether any way is still going on before a question."""
        return all(
            strand.count(Goal("on", sum(one.index < question.index for one in strand.questions)))
            for strand in self._strands
        )

    # single ways

    def way(self, which: Which) -> Way:
        """Return one that is finished: the shortest, the longest, or that of middle answers.

        ValueError where none is.
        """
        if not self.finished:
            raise ValueError("no way through this flow is ever finished")
        course = self._courses[0]
        asked: list[Asked] = []
        for strand, goal in zip(self._strands, course.goals, strict=True):
            asked += self._best(strand, goal, which)
        return Way(_sorted(asked), course.ending)

    def nth(self, number: int) -> Way:
        """Return a way by its place, from 0: those of one ending stand together."""
        for course in self._courses:
            if number < course.ending.count:
                return self._unranked(course, number)
            number -= course.ending.count
        raise IndexError(number)

    def spread(self, most: int) -> Iterator[Way]:
        """Yield all ways, or so many that lie evenly among them."""
        count = self.count
        for place in range(min(most, count)):
            yield self.nth(place if count <= most else place * count // most)

    def _unranked(self, course: _Course, number: int) -> Way:
        asked: list[Asked] = []
        for strand, goal in zip(self._strands, course.goals, strict=True):
            number, rest = divmod(number, strand.count(goal))
            asked += _walk(strand, goal, rest)
        return Way(_sorted(asked), course.ending)

    def _best(self, strand: Strand, goal: Goal, which: Which) -> Iterator[Asked]:
        counts = strand.counts(goal)
        costs = _costs(strand, goal, self._cost, longest=which == "longest")
        here = 0
        for place, question in enumerate(strand.questions[: goal.at]):
            edges = [
                edge
                for edge in strand.places[place][here]
                if not isinstance(edge.to, str) and counts[place + 1][edge.to]
            ]
            edge = edges[0]
            if which != "typical":
                pick = max if which == "longest" else min
                edge = pick(edges, key=lambda one: costs[place + 1][_to(one)] or (0, 0.0))
            if edge.answers:
                yield Asked(question, edge.answers, len(strand.places[place][here]) > 1)
            here = _to(edge)

    def _cost(self, question: Question) -> tuple[int, float]:
        language = self._settings.default_language
        return 1, question_time(question, language, self._settings.pace)

    # through the engine

    def play(self, way: Way) -> Talk:
        """Play a way through the engine. RuntimeError where it takes another course there."""
        moment = self.player.asking()
        for asked in way.asked:
            if moment.state.question != asked.question.name:
                raise RuntimeError(self._astray(asked.question.name, moment))
            moment = self.player.go(moment, reply(asked.question, asked.answers[0], moment.state))
        wanted = {
            "finished": (Status.FINISHED, None),
            "screened_out": (Status.SCREENED_OUT, None),
            "stuck": (Status.ASKING, way.ending.question),
        }[way.ending.kind]
        if (moment.state.status, moment.state.question) != wanted:
            raise RuntimeError(self._astray(way.ending.kind, moment))
        return moment.talk

    def _astray(self, wanted: str, moment: Moment) -> str:
        found = moment.state.question or moment.state.status.value
        return f"counted `{wanted}` next, and the engine comes to `{found}`"


def _to(edge: Edge) -> int:
    assert not isinstance(edge.to, str)
    return edge.to


def _sorted(asked: list[Asked]) -> tuple[Asked, ...]:
    return tuple(sorted(asked, key=lambda one: one.question.index))


def _walk(strand: Strand, goal: Goal, number: int) -> Iterator[Asked]:
    """Yield the answers of one way of a strand by its place among those to a goal."""
    counts = strand.counts(goal)
    here = 0
    for place, question in enumerate(strand.questions[: goal.at + (goal.kind != "on")]):
        last = goal.kind != "on" and place == goal.at
        for edge in strand.places[place][here]:
            if isinstance(edge.to, str):
                many = int(last and edge.to == goal.kind)
            else:
                many = 0 if last else counts[place + 1][edge.to]
            if number < many:
                break
            number -= many
        if edge.answers:
            yield Asked(question, edge.answers, len(strand.places[place][here]) > 1)
        if not last:
            here = _to(edge)


_Costs = list[list[tuple[int, float] | None]]
_CostOf = Callable[[Question], tuple[int, float]]


def _costs(strand: Strand, goal: Goal, cost_of: _CostOf, *, longest: bool) -> _Costs:
    """Return what is left to ask and to read from each place to a goal, at least or at most."""
    after: list[tuple[int, float] | None] = []
    found: _Costs = []
    if goal.kind == "on":
        after = [(0, 0.0)] * len(strand.places[goal.at])
        found = [after]
    pick = max if longest else min
    for place in range(goal.at - (goal.kind == "on"), -1, -1):
        count, seconds = cost_of(strand.questions[place])
        last = goal.kind != "on" and place == goal.at
        row: list[tuple[int, float] | None] = []
        for edges in strand.places[place]:
            ahead = []
            for edge in edges:
                if isinstance(edge.to, str):
                    rest = (0, 0.0) if last and edge.to == goal.kind else None
                else:
                    rest = None if last else after[edge.to]
                if rest is not None:
                    asked = bool(edge.answers)
                    ahead.append((rest[0] + count * asked, rest[1] + seconds * asked))
            row.append(pick(ahead) if ahead else None)
        after = row
        found.append(after)
    return found[::-1]
