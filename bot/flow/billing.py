"""What one interview costs: how many messages it takes, found by playing the engine.

WhatsApp bills every message of ours, the provider every message each way. Whoever answers takes one
of many ways through the conditions of a flow. The shortest and the longest of those that are
finished are searched; answers that no condition reads are not told apart. The typical one gives the
middle choice wherever that leads to an end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import TypeVar

from bot.flow.engine import begin, step
from bot.flow.route import notes_before
from bot.flow.schedule import next_allowed
from bot.flow.state import State, Status
from bot.flow.survey import Flow, Question, Rates, Settings, Survey
from bot.flow.turn import Answered, Context, Event, Message, Open, Plan, Reply, Step, Wake

T = TypeVar("T")

PACE = timedelta(seconds=30)  # between two messages of a person
STEPS_AT_MOST = 20_000  # of the engine, in one search: about three seconds
LIST_AT_MOST = 10  # rows that WhatsApp shows in a list
_SUBSETS_OF = 5  # so many choices are tried in every combination, more of them one or two at a time


@dataclass(frozen=True, slots=True)
class Talk:
    """The messages of one interview, in which so many `questions` were answered or left out.

    `taps` are those of ours that may have buttons or a list; `naive` is how many ours would be with
    every note, thanks and "sorry" in a bubble of its own.
    """

    questions: int = 0
    received: int = 0
    sent: int = 0
    taps: int = 0
    naive: int = 0

    def price(self, rates: Rates, *, naive: bool = False) -> Decimal:
        """Return what these messages cost once the free ones of the month are used up."""
        sent = self.naive if naive else self.sent
        return sent * (rates.service + rates.provider_out) + self.received * rates.provider_in


@dataclass(frozen=True, slots=True)
class Bill:
    """What one person of a group costs, in messages.

    `proved` is False where there were too many ways to try all. `mistake` is what one unreadable
    answer adds. The last two are the templates that go to somebody who is invited and never begins,
    and to somebody who begins and stops at the first question.
    """

    shortest: Talk
    typical: Talk
    longest: Talk
    proved: bool
    mistake: Talk
    never_began: tuple[str, ...]
    stopped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """The messages of many finished interviews by one number of ours, and their price; `free` of
    those sent are within what is free in the months of fieldwork."""

    people: int
    sent: int
    received: int
    months: int
    free: int
    price: Decimal


def total(talk: Talk, people: int, settings: Settings, rates: Rates) -> Total:
    """Return what so many interviews like this one cost, spread over the months of fieldwork."""
    opens, closes = settings.opens, settings.closes
    months = (closes.year - opens.year) * 12 + closes.month - opens.month + 1
    sent = talk.sent * people
    free = min(sent, rates.free_service * months)
    price = people * talk.price(rates) - free * rates.service
    return Total(people, sent, talk.received * people, months, free, price)


def template_price(rates: Rates, count: int, *, marketing: bool) -> Decimal:
    """Return what so many templates to one person cost, invitations or reminders."""
    return count * ((rates.marketing if marketing else rates.utility) + rates.provider_out)


def bill(survey: Survey, group: str) -> Bill:
    """Count the messages of a group's interviews. KeyError for an unknown group; ValueError where
    no way through the flow is ever finished."""
    player = _Player(survey, group)
    search = _Search(player)
    return Bill(
        shortest=search.talk("shortest"),
        typical=search.talk("typical"),
        longest=search.talk("longest"),
        proved=search.proved,
        mistake=player.mistake(),
        never_began=player.templates(begins=False),
        stopped=player.templates(begins=True),
    )


@dataclass(frozen=True, slots=True)
class _Moment:
    """A conversation between two turns, and the messages so far."""

    state: State
    now: datetime
    talk: Talk = field(default_factory=Talk)


class _Player:
    """Moves the conversations of one group."""

    def __init__(self, survey: Survey, group: str) -> None:
        self.flow: Flow = survey.for_group(group)
        self.steps = 0
        self._settings = survey.settings
        self._plan: Plan = survey.settings.plan(group)
        plan = self._plan
        zone = survey.settings.zone
        self._start = next_allowed(plan.hours, zone, plan.opens, plan.closes) or plan.opens

    def fresh(self) -> _Moment:
        """Return a conversation that is not begun."""
        return _Moment(begin(self.flow, self._context(self._start)), self._start)

    def asking(self) -> _Moment:
        """Come by a link, take the language and agree."""
        moment = self.go(self.fresh(), Open())
        if moment.state.status is Status.LANGUAGE:
            chosen = f"language:{self._settings.default_language}"
            moment = self.go(moment, Reply(option=chosen))
        return self.go(moment, Reply(option="SETUJU"))

    def go(self, moment: _Moment, event: Event) -> _Moment:
        """Let the person say something."""
        self.steps += 1
        now = moment.now + PACE
        done = step(self.flow, moment.state, event, self._context(now))
        return _Moment(done.state, now, self._counted(moment, done))

    def mistake(self) -> Talk:
        """Return what one answer that cannot be read adds: the same question, after a "sorry"."""
        moment = self.asking()
        if moment.state.status is not Status.ASKING:
            return Talk()
        again = self.go(moment, Reply(kind="location"))
        before, after = moment.talk, again.talk
        # In a bubble of its own the "sorry" would come before the question.
        return Talk(
            received=after.received - before.received,
            sent=after.sent - before.sent,
            taps=after.taps - before.taps,
            naive=after.naive - before.naive + 1,
        )

    def templates(self, *, begins: bool) -> tuple[str, ...]:
        """Return the steps of the plan that somebody gets who is invited and then falls silent."""
        found: list[str] = []
        moment = self.fresh()
        while (due := moment.state.wake_at) is not None and len(found) < 100:
            done = step(self.flow, moment.state, Wake(), self._context(due))
            moment = _Moment(done.state, due)
            if done.message is not None:
                found.append(done.message.step or "")
            if begins and len(found) == 1:
                begins = False
                moment = self._begun(moment)
        return tuple(found)

    def _begun(self, moment: _Moment) -> _Moment:
        moment = self.go(moment, Reply(option="MULAI"))
        if moment.state.status is Status.LANGUAGE:
            moment = self.go(moment, Reply(option=f"language:{self._settings.default_language}"))
        return self.go(moment, Reply(option="SETUJU"))

    def _counted(self, moment: _Moment, done: Step) -> Talk:
        talk, message = moment.talk, done.message
        left_out = len(done.state.left_out) > len(moment.state.left_out)
        taken = left_out + sum(isinstance(effect, Answered) for effect in done.effects)
        sent = message is not None
        return Talk(
            questions=talk.questions + taken,
            received=talk.received + 1,
            sent=talk.sent + sent,
            taps=talk.taps + (message is not None and self._may_be_tapped(message)),
            naive=talk.naive + sent + taken + self._notes(moment.state, done.state),
        )

    def _notes(self, before: State, after: State) -> int:
        """Return how many notes travelled in the bubble of the question that was opened."""
        moved = before.question != after.question
        if not moved or after.status not in {Status.ASKING, Status.FINISHED}:
            return 0
        name = after.question
        end = len(self.flow.questions) if name is None else self.flow.by_name[name].index
        return len(notes_before(self.flow, end, after.answers))

    def _may_be_tapped(self, message: Message) -> bool:
        if message.buttons or message.question is None:
            return bool(message.buttons)
        question = self.flow.by_name[message.question]
        rows = len(question.choices) + len(question.na)
        return question.type == "select_one" and 0 < rows <= LIST_AT_MOST

    def _context(self, now: datetime) -> Context:
        settings = self._settings
        return Context(
            now=now,
            zone=settings.zone,
            plan=self._plan,
            texts=settings.texts,
            min_answer_seconds=0,
            n_min=settings.k,
        )


@dataclass(slots=True)
class _Ways:
    """How many messages are left from a question on, at least and at most, and the answers that
    lead there. `first` is the preferred answer from which the end can be reached at all."""

    least: int
    most: int
    first: Reply
    shortest: Reply
    longest: Reply


_Key = tuple[str | None, tuple[object, ...], tuple[bool, ...]]


class _Search:
    """Finds the ways through a flow; questions that no condition reads have one answer."""

    def __init__(self, player: _Player) -> None:
        self.proved = True
        self._player = player
        self._flow = player.flow
        self._reads = _reads(player.flow.questions)
        # By a question's position: what conditions from there on still read. All else that was
        # answered makes no difference any more.
        every = player.flow.questions
        self._needed = [tuple(_reads(every[index:])) for index in range(len(every))]
        self._known: dict[_Key, _Ways | None] = {}
        self._start = player.asking()
        if self._ways(self._start) is None and self._start.state.status is not Status.FINISHED:
            raise ValueError("no way through this flow is ever finished")

    def talk(self, which: str) -> Talk:
        """Play one of the ways: shortest, typical or longest."""
        moment = self._start
        while moment.state.status is Status.ASKING:
            ways = self._ways(moment)
            assert ways is not None
            reply = {"shortest": ways.shortest, "longest": ways.longest}.get(which, ways.first)
            moment = self._player.go(moment, reply)
        return moment.talk

    def _ways(self, moment: _Moment) -> _Ways | None:
        """Return the ways from here to a finished interview; None where there is none.

        From the end backwards, a question at a time, because a flow may be longer than Python's
        calls may be deep.
        """
        stack = [moment]
        while stack:
            here = stack[-1]
            key = self._key(here.state)
            if key in self._known or here.state.status is not Status.ASKING:
                stack.pop()
                continue
            ahead = self._ahead(here)
            waiting = [
                after
                for _, after in ahead
                if after.state.status is Status.ASKING and self._key(after.state) not in self._known
            ]
            if waiting:
                stack += waiting
                continue
            self._known[key] = self._judged(here, ahead)
            stack.pop()
        return self._known.get(self._key(moment.state))

    def _ahead(self, here: _Moment) -> list[tuple[Reply, _Moment]]:
        """Return what each possible answer to the open question leads to."""
        question = self._flow.by_name[here.state.question or ""]
        found: list[tuple[Reply, _Moment]] = []
        for reply in _answers(question, self._reads.get(question.name, ())):
            after = self._player.go(here, reply)
            state = after.state
            answered = question.name in state.answers or question.name in state.left_out
            if state.status is Status.ASKING and not answered:
                continue  # the engine does not take it: a constraint, for example
            found.append((reply, after))
            undecided = question.name not in self._reads and question.end_if is None
            if undecided and state.status in {Status.ASKING, Status.FINISHED}:
                break
            if self._player.steps > STEPS_AT_MOST and state.status is not Status.SCREENED_OUT:
                self.proved = False
                break
        return found

    def _judged(self, here: _Moment, ahead: list[tuple[Reply, _Moment]]) -> _Ways | None:
        best: _Ways | None = None
        for reply, after in ahead:
            sent = after.talk.sent - here.talk.sent
            if after.state.status is Status.FINISHED:
                least = most = sent
            else:
                ways = self._known.get(self._key(after.state))
                if after.state.status is not Status.ASKING or ways is None:
                    continue
                least, most = ways.least + sent, ways.most + sent
            if best is None:
                best = _Ways(least, most, reply, reply, reply)
            if least < best.least:
                best.least, best.shortest = least, reply
            if most > best.most:
                best.most, best.longest = most, reply
        return best

    def _key(self, state: State) -> _Key:
        """Return all that decides what is still to come."""
        index = self._flow.by_name[state.question].index if state.question else 0
        names = self._needed[index]
        return (
            state.question,
            tuple(state.answers.get(name) for name in names),
            tuple(name in state.left_out for name in names),
        )


def _reads(questions: Sequence[Question]) -> dict[str, list[str]]:
    """Return what the conditions of these questions read, with the sources of those conditions."""
    found: dict[str, list[str]] = {}
    for question in questions:
        for condition in (question.relevant, question.constraint, question.end_if):
            for name in condition.names if condition is not None else ():
                read = question.name if name == "value" else name
                assert condition is not None
                found.setdefault(read, []).append(condition.source)
    return found


def _answers(question: Question, conditions: Sequence[str]) -> Iterator[Reply]:
    """Yield answers to a question, the likeliest first: what decides something in every way."""
    match question.type:
        case "select_one":
            for choice in (*_middle_out(question.choices), *question.na):
                yield Reply(option=f"{question.name}:{choice.name}")
        case "select_multiple":
            for names in _subsets([choice.name for choice in question.choices]):
                yield Reply(text=", ".join(names))
            for choice in question.na:
                yield Reply(option=f"{question.name}:{choice.name}")
        case "integer":
            for number in _numbers(question, conditions):
                yield Reply(text=str(number))
            if not question.required:
                yield Reply(text="0")
        case _:
            if not question.required:
                yield Reply(text="0")
            yield Reply(text="Jawaban")


def _middle_out(items: Sequence[T]) -> list[T]:
    middle = (len(items) - 1) / 2
    order = sorted(range(len(items)), key=lambda place: (abs(place - middle), place))
    return [items[place] for place in order]


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    most = len(names) if len(names) <= _SUBSETS_OF else 2
    for size in range(1, most + 1):
        chosen = tuple(combinations(names, size))
        yield from _middle_out(chosen) if size == 1 else chosen


def _numbers(question: Question, conditions: Sequence[str]) -> list[int]:
    """Return numbers on both sides of every limit, the one in the middle first."""
    least = 0 if question.least is None else question.least
    most = question.most if question.most is not None else least + 40
    limits = {int(text) for source in conditions for text in re.findall(r"\d{1,9}", source)}
    near = {limit + step for limit in limits for step in (-1, 0, 1)} | {least, most}
    return [(least + most) // 2, *sorted(number for number in near if least <= number <= most)]
