"""The ways through a flow, found by playing the engine.

Whoever answers takes one of many ways through the conditions. The shortest and the longest of those
that are finished are searched; answers that no condition reads are not told apart. The typical one
gives the middle choice wherever that leads to an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.flow.answers_to_try import NUMBERS, answers, tried_in_full
from bot.flow.engine import begin, step
from bot.flow.expressions import Expression
from bot.flow.route import notes_before
from bot.flow.schedule import next_allowed
from bot.flow.state import State, Status
from bot.flow.survey import Flow, Question, Survey
from bot.flow.turn import Answered, Context, Event, Message, Open, Plan, Reply, Step, Wake

PACE = timedelta(seconds=30)  # between two messages of a person
STEPS_AT_MOST = 20_000  # of the engine, in one search: about three seconds
LIST_AT_MOST = 10  # rows that WhatsApp shows in a list


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


@dataclass(frozen=True, slots=True)
class Moment:
    """A conversation between two turns, and the messages so far."""

    state: State
    now: datetime
    talk: Talk = field(default_factory=Talk)


class Player:
    """Moves the conversations of one group."""

    def __init__(self, survey: Survey, group: str) -> None:
        self.flow: Flow = survey.for_group(group)
        self.steps = 0
        self._settings = survey.settings
        self._plan: Plan = survey.settings.plan(group)
        plan = self._plan
        zone = survey.settings.zone
        self._start = next_allowed(plan.hours, zone, plan.opens, plan.closes) or plan.opens

    def fresh(self) -> Moment:
        """Return a conversation that is not begun."""
        return Moment(begin(self.flow, self._context(self._start)), self._start)

    def asking(self) -> Moment:
        """Come by a link, take the language and agree."""
        moment = self.go(self.fresh(), Open())
        if moment.state.status is Status.LANGUAGE:
            chosen = f"language:{self._settings.default_language}"
            moment = self.go(moment, Reply(option=chosen))
        return self.go(moment, Reply(option="SETUJU"))

    def go(self, moment: Moment, event: Event) -> Moment:
        """Let the person say something."""
        self.steps += 1
        now = moment.now + PACE
        done = step(self.flow, moment.state, event, self._context(now))
        return Moment(done.state, now, self._counted(moment, done))

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
            moment = Moment(done.state, due)
            if done.message is not None:
                found.append(done.message.step or "")
            if begins and len(found) == 1:
                begins = False
                moment = self._begun(moment)
        return tuple(found)

    def _begun(self, moment: Moment) -> Moment:
        moment = self.go(moment, Reply(option="MULAI"))
        if moment.state.status is Status.LANGUAGE:
            moment = self.go(moment, Reply(option=f"language:{self._settings.default_language}"))
        return self.go(moment, Reply(option="SETUJU"))

    def _counted(self, moment: Moment, done: Step) -> Talk:
        talk, message = moment.talk, done.message
        left_out = len(done.state.left_out) > len(moment.state.left_out)
        taken = left_out + sum(
            isinstance(effect, Answered) and self.flow.by_name[effect.question].is_asked
            for effect in done.effects
        )
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


class Search:
    """Finds the ways through a flow; questions that no condition reads have one answer."""

    def __init__(self, player: Player) -> None:
        self.proved = True
        self._player = player
        self._flow = player.flow
        self._reads = _reads(player.flow.questions)
        # By a question's position: what conditions from there on still read. All else that was
        # answered makes no difference any more.
        every = player.flow.questions
        self._needed = [tuple(_reads(every[index:])) for index in range(len(every))]
        self._numbers = frozenset(one.name for one in every if one.type in NUMBERS)
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

    def _ways(self, moment: Moment) -> _Ways | None:
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

    def _ahead(self, here: Moment) -> list[tuple[Reply, Moment]]:
        """Return what each possible answer to the open question leads to."""
        question = self._flow.by_name[here.state.question or ""]
        conditions = self._reads.get(question.name, ())
        if not tried_in_full(question, conditions, self._numbers):
            self.proved = False
        found: list[tuple[Reply, Moment]] = []
        for reply in answers(question, conditions, here.state.answers):
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

    def _judged(self, here: Moment, ahead: list[tuple[Reply, Moment]]) -> _Ways | None:
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


def _reads(questions: Sequence[Question]) -> dict[str, list[Expression]]:
    """Return what the conditions of these questions read, with those conditions."""
    found: dict[str, list[Expression]] = {}
    for question in questions:
        conditions = (
            *(question.relevant, question.constraint, question.end_if),
            *(question.choice_filter, question.calculation),
        )
        for condition in conditions:
            for name in condition.names if condition is not None else ():
                read = question.name if name == "value" else name
                assert condition is not None
                found.setdefault(read, []).append(condition)
    # What reads a calculation reads what that is worked out of.
    for question in reversed(questions):
        calculation = question.calculation
        for name in calculation.names if calculation is not None else ():
            found.setdefault(name, []).extend(found.get(question.name, ()))
    return found
