"""Interviews that a program plays through the engine, with their messages and minutes counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.flow import review
from bot.flow.engine import begin, step
from bot.flow.question import Question
from bot.flow.route import notes_before
from bot.flow.schedule import next_allowed
from bot.flow.settings import Pace
from bot.flow.state import State, Status
from bot.flow.survey import Flow, Survey
from bot.flow.turn import Answered, Context, Event, Message, Open, Plan, Reply, Step, Wake

PACE = timedelta(seconds=30)  # between two messages of a person
LIST_AT_MOST = 10  # rows that WhatsApp shows in a list


@dataclass(frozen=True, slots=True)
class Talk:
    """The messages of one interview, in which so many `questions` were answered or left out.

    `taps` are those of ours that may have buttons or a list; `naive` is how many ours would be with
    every note, thanks and "sorry" in a bubble of its own. `seconds` is how long it takes to read
    and to answer, at the survey's pace.
    """

    questions: int = 0
    received: int = 0
    sent: int = 0
    taps: int = 0
    naive: int = 0
    seconds: float = 0.0


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
        self._settings = survey.settings
        self._plan: Plan = survey.settings.plan(group)
        plan = self._plan
        zone = survey.settings.zone
        self._start = next_allowed(plan.hours, zone, plan.opens, plan.closes) or plan.opens

    @property
    def today(self) -> str:
        """The day on which interviews are played."""
        return self._start.astimezone(self._settings.zone).date().isoformat()

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
        now = moment.now + PACE
        done = step(self.flow, moment.state, event, self._context(now))
        after = Moment(done.state, now, self._counted(moment, done))
        # Who is shown all answers before the end sends them.
        return self.go(after, Reply(option="KIRIM")) if review.is_open(done.state) else after

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
        pace = self._settings.pace
        seconds = 0.0 if message is None else reading_time(message, pace)
        asked = moment.state.question
        own_words = asked is not None and self.flow.by_name[asked].own_words
        seconds += pace.seconds_per_text if own_words else pace.seconds_per_answer
        return Talk(
            questions=talk.questions + taken,
            received=talk.received + 1,
            sent=talk.sent + sent,
            taps=talk.taps + (message is not None and self._may_be_tapped(message)),
            naive=talk.naive + sent + taken + self._notes(moment.state, done.state),
            seconds=talk.seconds + seconds,
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


def reading_time(message: Message, pace: Pace) -> float:
    """Return how many seconds a message takes to read."""
    labels = " ".join(choice.label for choice in message.choices)
    words = len(f"{message.text} {labels} {message.footer}".split())
    return words * 60 / pace.words_per_minute


def question_time(question: Question, language: str, pace: Pace) -> float:
    """Return about how many seconds a question takes to read and answer; a note, to read."""
    texts = [question.label, question.hint or {}, *(one.label for one in question.choices)]
    words = sum(len(one.get(language, "").split()) for one in texts)
    answering = pace.seconds_per_text if question.own_words else pace.seconds_per_answer
    reading = words * 60 / pace.words_per_minute
    return reading if question.type == "note" else reading + answering
