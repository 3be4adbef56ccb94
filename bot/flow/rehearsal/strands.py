"""The ways through those questions of a flow that hang together.

Questions whose conditions speak of each other make a strand; what is answered in one strand decides
nothing in another. Within a strand a place is what its conditions still have to be told: all that
came before and decides nothing any more is forgotten there, so that many ways share a place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.flow.choices import SurveyChoice
from bot.flow.question import Question
from bot.flow.rehearsal.answers_to_try import Trials, to_try
from bot.flow.route import as_stored
from bot.flow.state import Answer
from bot.flow.survey import Flow
from bot.flow.terms import Term, names, settled, term, told, truth
from bot.flow.terms import value as value_of

PLACES_AT_MOST = 12_000  # in one strand: about two seconds
_CROWD = 300  # places of one question that are kept when there are too many

Key = Literal["relevant", "constraint", "end_if"]
KEYS: tuple[Key, ...] = ("relevant", "constraint", "end_if")
GoalKind = Literal["on", "ended", "stuck"]
_Pending = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """Where ways lead that are counted: still under way before the strand's question `at`, ended
    by its `end_if`, or stuck because it takes no answer."""

    kind: GoalKind
    at: int


@dataclass(frozen=True, slots=True)
class Edge:
    """Answers to one question that lead to the same place; no answers where it is not asked.

    `to` is a place of the next question, or how the interview ends here.
    """

    answers: tuple[Answer | None, ...]
    to: int | Literal["ended", "stuck"]


@dataclass(slots=True)
class Strand:
    """One strand with all of its places: `places[n]` are those before `questions[n]`, and the last
    ones those after all of them. `why` says what was not tried in full, by question."""

    questions: tuple[Question, ...]
    places: list[list[list[Edge]]] = field(default_factory=list)
    outcomes: set[tuple[str, Key, bool]] = field(default_factory=set)
    why: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # there were too many places: some ways are left out
    _counts: dict[Goal, list[list[int]]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        """Whether a question of this name is one of the strand's."""
        return any(question.name == name for question in self.questions)

    def counts(self, goal: Goal) -> list[list[int]]:
        """Return how many ways lead from each place to a goal."""
        if goal not in self._counts:
            self._counts[goal] = self._counted(goal)
        return self._counts[goal]

    def count(self, goal: Goal) -> int:
        """Return how many ways there are to a goal."""
        return self.counts(goal)[0][0]

    def _counted(self, goal: Goal) -> list[list[int]]:
        after: list[int] = []
        counts: list[list[int]] = []
        if goal.kind == "on":
            after = [1] * len(self.places[goal.at])
            counts = [after]
        for index in range(goal.at - (goal.kind == "on"), -1, -1):
            last = index == goal.at
            after = [
                sum(
                    (edge.to == goal.kind if last else 0)
                    if isinstance(edge.to, str)
                    else (0 if last else after[edge.to])
                    for edge in edges
                )
                for edges in self.places[index]
            ]
            counts.append(after)
        return counts[::-1]

    def end(self) -> Goal:
        """Return the goal of all ways that no question of this strand ends."""
        return Goal("on", len(self.questions))


@dataclass(frozen=True, slots=True)
class _Conditions:
    """What decides about one question: its conditions as terms, and what its choices wait for.

    Of a calculation `terms` also has what it is worked out of. The choices of each of `filters` are
    offered where its term holds.
    """

    terms: Mapping[str, Term]
    filters: Mapping[str, tuple[SurveyChoice, ...]]


def strands(flow: Flow, today: str) -> list[Strand]:
    """Return the strands of a flow, each explored, in the order of their first questions.

    `today` is the day on which the questions are asked, for conditions that speak of it.
    """
    conditions = {question.name: _conditions(flow, question, today) for question in flow.questions}
    return [_explored(part, conditions) for part in _parted(flow.questions, conditions)]


def _conditions(flow: Flow, question: Question, today: str) -> _Conditions:
    found: dict[str, Term] = {}
    for key in (*KEYS, "calculation"):
        given = getattr(question, key)
        if given is not None:
            found[key] = told(term(given.source), {"today": today})
    if "constraint" in found:
        found["constraint"] = _of_value(found["constraint"], question.name)
    filters: dict[str, tuple[SurveyChoice, ...]] = {}
    if question.choice_filter is not None:
        whole = told(term(question.choice_filter.source), {"today": today})
        own = [name for name in names(whole) if name not in flow.by_name]
        for choice in question.choices:
            one = told(whole, {name: choice.attributes.get(name) for name in own})
            one = term("true") if choice.is_always_offered else one
            key = next((key for key in filters if found[key] == one), f"choices {len(filters)}")
            found[key] = one
            filters[key] = (*filters.get(key, ()), choice)
    return _Conditions(found, filters)


def _of_value(one: Term, name: str) -> Term:
    """Return a constraint that calls the new answer by its question's name."""
    if one == ("name", "value"):
        return ("name", name)
    if one[0] == "const":
        return one
    return tuple(
        _of_value(part, name) if isinstance(part, tuple) and part else part for part in one
    )


def _parted(
    questions: Sequence[Question], conditions: Mapping[str, _Conditions]
) -> list[list[Question]]:
    """Return the questions by strand."""
    of: dict[str, str] = {question.name: question.name for question in questions}

    def root(name: str) -> str:
        while of[name] != name:
            of[name] = of[of[name]]
            name = of[name]
        return name

    for question in questions:
        for one in conditions[question.name].terms.values():
            for name in names(one) & of.keys():
                first, second = sorted((root(name), root(question.name)))
                of[second] = first
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(root(question.name), []).append(question)
    return list(found.values())


def _explored(questions: list[Question], conditions: Mapping[str, _Conditions]) -> Strand:
    strand = Strand(tuple(questions))
    slots = [
        (place, key)
        for place, question in enumerate(questions)
        for key in conditions[question.name].terms
    ]
    explorer = _Explorer(strand, slots, conditions)
    explorer.explore(
        tuple(_short(key, conditions[questions[place].name].terms[key]) for place, key in slots)
    )
    return strand


def _short(key: str, one: Term) -> Term:
    """Return a term as short as can be; of a calculation not only the truth counts."""
    return one if key == "calculation" else settled(one)


class _Explorer:
    """Finds the places of a strand, question by question."""

    def __init__(
        self, strand: Strand, slots: list[tuple[int, str]], conditions: Mapping[str, _Conditions]
    ) -> None:
        self._strand = strand
        self._slots = slots
        self._own = [
            {key: n for n, (where, key) in enumerate(slots) if where == place}
            for place in range(len(strand.questions))
        ]
        self._filters = {one.name: conditions[one.name].filters for one in strand.questions}
        self._budget = PLACES_AT_MOST
        self._tried: dict[tuple[str, tuple[str, ...], tuple[Term, ...]], Trials] = {}

    def explore(self, pending: _Pending) -> None:
        here: list[_Pending] = [pending]
        for place, question in enumerate(self._strand.questions):
            known: dict[_Pending, int] = {}
            crowded = self._budget <= 0
            rows = [self._edges(place, question, one, known, crowded) for one in here]
            self._budget -= len(known)
            self._strand.places.append(rows)
            here = list(known)
        self._strand.places.append([[] for _ in here])
        _join_alike(self._strand.places)

    def _offered(self, place: int, question: Question, pending: _Pending) -> list[SurveyChoice]:
        """Return the choices that a question offers here."""
        if question.choice_filter is None:
            return list(question.choices)
        return [
            choice
            for key, choices in self._filters[question.name].items()
            if truth(pending[self._own[place][key]])
            for choice in choices
        ]

    def _to_try(
        self, place: int, question: Question, choices: list[SurveyChoice], pending: _Pending
    ) -> Trials:
        """Return what to try here, where conditions know all that was answered before."""
        reading = tuple(
            one
            for (where, _), one in zip(self._slots, pending, strict=True)
            if where >= place and question.name in names(one)
        )
        key = (question.name, tuple(choice.name for choice in choices), reading)
        found = self._tried.get(key)
        if found is None:
            found = self._tried[key] = to_try(question, choices, reading)
            if not found.complete:
                self._strand.why[question.name] = found.why
        return found

    def _edges(
        self,
        place: int,
        question: Question,
        pending: _Pending,
        known: dict[_Pending, int],
        crowded: bool,
    ) -> list[Edge]:
        own = self._own[place]
        relevant = truth(pending[own["relevant"]]) if "relevant" in own else True
        if "relevant" in own:
            self._strand.outcomes.add((question.name, "relevant", bool(relevant)))
        choices = self._offered(place, question, pending)
        nothing = question.choice_filter is not None and not choices
        if not relevant or nothing or not question.is_asked:
            value = None
            if relevant and "calculation" in own:
                value = as_stored(value_of(pending[own["calculation"]]))
            skipped = self._place(place, question.name, value, pending, known, crowded=False)
            assert skipped is not None
            return [Edge((), skipped)]
        grouped: dict[int | Literal["ended", "stuck"], list[Answer | None]] = {}
        for answer in self._to_try(place, question, choices, pending).values:
            to = self._answered(place, question, answer, pending, known, crowded)
            if to is not None:
                grouped.setdefault(to, []).append(answer)
        if not grouped and not self._strand.cut:
            return [Edge((), "stuck")]
        return [Edge(tuple(answers), to) for to, answers in grouped.items()]

    def _answered(
        self,
        place: int,
        question: Question,
        answer: Answer | None,
        pending: _Pending,
        known: dict[_Pending, int],
        crowded: bool,
    ) -> int | Literal["ended"] | None:
        """Return where an answer leads; None where it is refused, or left out of a crowd."""
        told_it = {question.name: answer}
        own = self._own[place]
        outcomes = self._strand.outcomes
        is_na = answer is None or any(
            one.name in (answer if isinstance(answer, tuple) else (answer,)) for one in question.na
        )
        if "constraint" in own and not is_na:
            taken = bool(truth(told(pending[own["constraint"]], told_it)))
            outcomes.add((question.name, "constraint", taken))
            if not taken:
                return None
        if "end_if" in own:
            ends = bool(truth(told(pending[own["end_if"]], told_it)))
            outcomes.add((question.name, "end_if", ends))
            if ends:
                return "ended"
        return self._place(place, question.name, answer, pending, known, crowded)

    def _place(
        self,
        place: int,
        name: str,
        answer: Answer | None,
        pending: _Pending,
        known: dict[_Pending, int],
        crowded: bool,
    ) -> int | None:
        left = tuple(
            FORGOTTEN if where <= place else _short(key, told(one, {name: answer}))
            for (where, key), one in zip(self._slots, pending, strict=True)
        )
        if left not in known and crowded and len(known) >= _CROWD:
            self._strand.cut = True
            return None
        return known.setdefault(left, len(known))


def _join_alike(places: list[list[list[Edge]]]) -> None:
    """Join answers that lead to places from which everything goes the same way.

    From the end backwards; an edge then leads to the place of its first answer.
    """
    kinds = [0] * len(places[-1])
    for rows in reversed(places[:-1]):
        known: dict[frozenset[tuple[bool, int | str]], int] = {}
        kinds_here = []
        for row, edges in enumerate(rows):
            joined: dict[tuple[bool, int | str], Edge] = {}
            for edge in edges:
                kind = edge.to if isinstance(edge.to, str) else kinds[edge.to]
                key = (bool(edge.answers), kind)
                first = joined.get(key, Edge((), edge.to))
                joined[key] = Edge((*first.answers, *edge.answers), first.to)
            rows[row] = list(joined.values())
            kinds_here.append(known.setdefault(frozenset(joined), len(known)))
        kinds = kinds_here


FORGOTTEN: Term = ("const", None)
"""What stands where a condition was that has been decided."""
