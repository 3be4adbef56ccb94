"""Asking questions and taking answers: the part of a conversation after consent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.flow import review
from bot.flow.answers.domains import NEEDED, OUTSIDE, Moment
from bot.flow.answers.places import Coordinates
from bot.flow.answers.reading import Reading
from bot.flow.choices import Offer, offered
from bot.flow.question import Question
from bot.flow.route import begun, count, first_open, matters, notes_before, previous, prune
from bot.flow.state import NO_ANSWERS, Answer, State, Status
from bot.flow.survey import Flow
from bot.flow.turn import Answered, Context, Dropped, Effect, Message, Step
from bot.flow.wording import Voice

FULL_FOOTERS = 3
"""So many questions carry the long line under them; after that people know."""

LAST = "last"
"""Key in `State.extra`: the question answered last, where that is not the one before the open."""

PAGE = "page"
"""Key in `State.extra`: which page of the open question's choices is before the person."""
_OF_FILES = frozenset({"wrong_file", "file_lost"})  # their remedy stands below the question

RENEWED = "renewed"
"""In `State.pending`: the questions were changed since, and another one is open than was asked."""

_KEEP_ANSWERS = frozenset({Status.FINISHED, Status.CLOSED})


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn as all of its handlers see it; `state` is the newest one.

    `flow` is in the order of this conversation: see `Flow.arranged`.
    """

    flow: Flow
    state: State
    context: Context

    @property
    def voice(self) -> Voice:
        """The bot, speaking this conversation's language."""
        language = self.flow.spoken(self.state.language)
        return Voice(self.flow, language, self.context, self.state.answers, seed=self.state.seed)

    @property
    def question(self) -> Question:
        """The open question. Only while ASKING, and not while all answers are shown."""
        assert self.state.question is not None
        return self.flow.by_name[self.state.question]

    @property
    def offer(self) -> Offer:
        """What the open question offers. Only while ASKING."""
        return offered(self.question, self.state.answers, self.state.seed)

    @property
    def moment(self) -> Moment:
        """When and in which language the person writes."""
        return Moment.of(self.context, self.flow.spoken(self.state.language))

    def read(self, question: Question, text: str) -> Reading:
        """Read what was typed as the answer to a question."""
        return question.read(text, self.state.answers, self.moment, seed=self.state.seed)

    def pick(self, question: Question, name: str) -> Reading:
        """Read a tapped choice of a question."""
        return question.pick(name, self.state.answers, self.moment)

    def place(self, question: Question, place: Coordinates) -> Reading:
        """Read a location that was sent to a question."""
        return question.place(place, self.state.answers, self.moment)

    def to(self, state: State) -> Turn:
        """Return the same turn with another state."""
        return Turn(self.flow, state, self.context)

    def quiet(self) -> Step:
        """Return the state as it is, without a word."""
        return Step(self.state)

    def say(self, name: str, own: Mapping[str, str] | None = None) -> Step:
        """Answer with one message and leave the rest as it is."""
        return Step(self.state, self.voice.message(name, own))

    def show(
        self, *before: str, notes: tuple[Question, ...] = (), effects: tuple[Effect, ...] = ()
    ) -> Step:
        """Show what is open (once more), after some words and notes."""
        return Step(self.state, self._open(before, notes), effects)

    def line(self, name: str, own: Mapping[str, str]) -> tuple[str, ...]:
        """Return the words of a message that a survey may lack, or nothing."""
        known = name in self.flow.words.messages
        return (self.voice.text(name, own),) if known else ()

    def show_after(self, name: str, own: Mapping[str, str] | None = None) -> Step:
        """Show what is open after the words of a message."""
        return self.show(self.voice.text(name, own))

    def _open(self, before: tuple[str, ...], notes: tuple[Question, ...]) -> Message:
        voice, state = self.voice, self.state
        words = "\n\n".join(before)
        match state.status:
            case Status.ASKING if review.is_open(state):
                return review.page(voice, state, words)
            case Status.ASKING:
                numbers = count(self.flow, self.question, state.answers)
                stumbled = before and state.attempts
                titles = () if stumbled else begun(self.flow, self.question, state.answers)
                return voice.question(
                    self.question,
                    numbers,
                    full=state.asks <= FULL_FOOTERS,
                    before=before,
                    notes=notes,
                    sections=titles,
                    page=int(state.extra.get(PAGE, "0")),
                )
            case Status.LANGUAGE:
                return voice.languages("greeting" if state.began_at is None else "language", words)
            case Status.CONSENT:
                return voice.message("consent", after=words)
            case Status.INVITED:
                return voice.message("info", after=words)
            case _:
                return voice.message("over", after=words)


def advance(turn: Turn, effects: tuple[Effect, ...] = (), before: tuple[str, ...] = ()) -> Step:
    """Ask the first open question, show all answers, or finish. Notes on the way travel in the same
    bubble."""
    flow, state = turn.flow, turn.state
    question = first_open(flow, state.answers, state.left_out)
    if question is None and flow.review and (state.answers or state.left_out):
        shown = fresh(state, question=None)
        return turn.to(replace(shown, extra=_without(shown, review.PAGE))).show(
            *before, effects=effects
        )
    if question is None:
        return finish(turn, effects, before)
    notes = notes_before(flow, question.index, state.answers)
    if question.name == state.question:
        return turn.to(fresh(state)).show(*before, effects=effects)
    asked = fresh(state, question=question.name, asks=state.asks + 1)
    return turn.to(asked).show(*before, notes=notes, effects=effects)


def finish(turn: Turn, effects: tuple[Effect, ...] = (), before: tuple[str, ...] = ()) -> Step:
    """End an interview in which everything was answered."""
    notes = notes_before(turn.flow, len(turn.flow.questions), turn.state.answers)
    said = (*before, *(turn.voice.note(note) for note in notes))
    return end(turn, Status.FINISHED, effects, said)


def end(
    turn: Turn,
    status: Status,
    effects: tuple[Effect, ...] = (),
    before: tuple[str, ...] = (),
    message: str | None = "over",
) -> Step:
    """End the conversation. All ways of ending say the same, and only finishing keeps answers."""
    state = turn.state
    gone = () if status in _KEEP_ANSWERS else tuple(state.answers)
    # A file that could not be used may end it later than the person did.
    at = state.last_turn_at or turn.context.now
    ended = fresh(
        state,
        status=status,
        question=None,
        answers=NO_ANSWERS if gone else state.answers,
        left_out=state.left_out if status in _KEEP_ANSWERS else (),
        earlier=None if status is Status.FINISHED else state.earlier,
        reminded=False,
        interrupted=False,
        ended_at=at,
        finished_at=state.finished_at or (at if status is Status.FINISHED else None),
    )
    ended = replace(ended, extra=_without(ended, LAST, PAGE, review.PAGE))
    effects += (Dropped(gone),) if gone else ()
    said = turn.voice.message(message, after="\n\n".join(before)) if message else None
    return Step(ended, said, effects)


def take(turn: Turn, question: Question, reading: Reading) -> Step:
    """Take a reading of what was answered to a question: store it and go on, or ask again.

    Who answers another question than the open one is told which one it was, unless that was the
    answer already.
    """
    if reading.trouble is not None:
        return _ask_again(turn, question, reading)
    state = turn.state
    if question.name != state.question and _is_known(state, question, reading):
        shown = fresh(state)
        return turn.to(replace(shown, extra={**shown.extra, LAST: question.name})).show()
    answers: dict[str, Answer] = dict(state.answers)
    left_out = [name for name in state.left_out if name != question.name]
    effects: tuple[Effect, ...] = ()
    replaced: tuple[str, ...] = ()
    if reading.answer is not None:
        answers[question.name] = reading.answer
        effects = (Answered(question.name),)
    else:
        left_out.append(question.name)
        if answers.pop(question.name, None) is not None:
            replaced = (question.name,)
    kept, skipped, dropped, computed = prune(turn.flow, answers, left_out)
    effects += tuple(map(Answered, computed))
    if replaced or dropped:
        effects += (Dropped((*replaced, *dropped)),)
    other = question.name != state.question
    extra = _without(state, LAST)
    if other or is_being_corrected(turn):
        extra = {**extra, LAST: question.name}
    taken = turn.to(replace(state, answers=kept, left_out=skipped, extra=extra))
    if question.end_if is not None and question.end_if.holds(kept):
        return end(taken, Status.SCREENED_OUT, effects)
    said = (*_recorded(taken, question), *_misfits(taken, dropped)) if other else ()
    if other and is_being_corrected(taken):
        return turn.to(fresh(taken.state)).show(*said, effects=effects)
    return advance(taken, effects, said or _misfits(taken, dropped))


def _is_known(state: State, question: Question, reading: Reading) -> bool:
    """Whether a question has this answer, or was left out, already."""
    if reading.answer is None:
        return question.name in state.left_out
    return state.answers.get(question.name) == reading.answer


def _recorded(turn: Turn, question: Question) -> tuple[str, ...]:
    """Say which answer was changed; not to what, somebody may be looking over a shoulder."""
    number, _ = count(turn.flow, question, turn.state.answers)
    return turn.line("changed", {"no": str(number)})


def _misfits(turn: Turn, dropped: Collection[str]) -> tuple[str, ...]:
    """Say which answers are asked for again because they no longer fit what has changed."""
    answers = turn.state.answers
    again = [one for name in dropped if matters(one := turn.flow.by_name[name], answers)]
    if not again:
        return ()
    numbers = ", ".join(str(count(turn.flow, one, answers)[0]) for one in again)
    return turn.line("no_longer_fits", {"no": numbers})


def calculate(turn: Turn) -> tuple[Turn, tuple[Effect, ...]]:
    """Work out what needs no answer, where the asking begins."""
    settled = prune(turn.flow, turn.state.answers, turn.state.left_out)
    if not settled.computed:
        return turn, ()
    state = replace(turn.state, answers=settled.answers)
    return turn.to(state), tuple(map(Answered, settled.computed))


def is_being_corrected(turn: Turn) -> bool:
    """Whether the open question was answered before and is open because the person went back."""
    state = turn.state
    answered = state.question in state.answers or state.question in state.left_out
    return answered and matters(turn.question, state.answers)


def last_answered(turn: Turn) -> Question | None:
    """Return the question that was answered last: before the open one, or out of turn."""
    flow, state = turn.flow, turn.state
    name = state.extra.get(LAST, "")
    if name in state.answers or name in state.left_out:
        return flow.by_name[name]
    return _previous(turn)


def _previous(turn: Turn) -> Question | None:
    """Return the question before the open one; the last one while all answers are shown."""
    flow, state = turn.flow, turn.state
    if state.question is not None:
        return previous(flow, turn.question, state.answers)
    return next(reversed(review.shown(flow, state)), None)


def reopen(turn: Turn, question: Question) -> Step:
    """Open an earlier question again; its answer stays until it is replaced."""
    return turn.to(fresh(turn.state, question=question.name)).show()


def back(turn: Turn) -> Step:
    """Go to the question before the open one."""
    earlier = _previous(turn)
    return turn.show_after("no_back") if earlier is None else reopen(turn, earlier)


def go_on(turn: Turn) -> Step:
    """Leave a corrected question as it was and go on; else show the open one."""
    return advance(turn) if is_being_corrected(turn) else turn.show()


def _ask_again(turn: Turn, asked: Question, reading: Reading) -> Step:
    """Say what was wrong with an answer: first in short, then with the choices, then with help."""
    if review.is_open(turn.state):
        return turn.show_after("asked_again")
    trouble, question = str(reading.trouble), turn.question
    attempts = turn.state.attempts + 1
    counted = turn.to(replace(turn.state, attempts=attempts))
    message = asked.constraint_message
    if message and (reading.refused or trouble in OUTSIDE):
        return counted.show(turn.voice.fill(message[turn.voice.language], {}))
    if trouble == "out_of_range" and question.type not in ("integer", "decimal", "range"):
        trouble = "unclear"
    if asked.type in NEEDED and trouble != "unclear" and (attempts <= 2 or reading.readings):
        return counted.show_after(trouble, turn.voice.about(asked, reading.readings))
    if trouble in _OF_FILES:
        return counted.show_after(trouble)
    if question.own_words or attempts < 2:
        if trouble == "unclear":
            # Own words have no numbers to choose from.
            trouble = "invalid" if question.choices else "asked_again"
        return counted.show_after(trouble, turn.voice.about(question))
    numbers = {"daftar_angka": turn.voice.numbers(question)}
    if attempts > 2:
        name = "help_question" if question.choices else "help"
        return counted.show_after(name, numbers)
    return counted.show_after("invalid_again" if trouble == "unclear" else trouble, numbers)


def fresh(state: State, **changes: Any) -> State:
    """Return the state changed, without what only concerned the question as it stood open."""
    return replace(state, attempts=0, pending=None, extra=_without(state, "said", PAGE), **changes)


def _without(state: State, *keys: str) -> Mapping[str, str]:
    """Return what is remembered besides the answers, without some of it."""
    extra = state.extra
    if extra.keys().isdisjoint(keys):
        return extra
    return {key: value for key, value in extra.items() if key not in keys}
