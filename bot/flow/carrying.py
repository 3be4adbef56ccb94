"""A conversation that is under way, carried to another version of its questions.

    policy     answers
    move       stay where the new question can hold them
    re-ask     the same, but those to questions that the new version breaks are asked again

What has become irrelevant, or fits no longer, is dropped as after any change of an answer. Then the
open question is found anew. Where it is not the one that was asked, what the person says next is no
answer to it: `RENEWED` is pending, and the question is shown first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from bot.flow.asking import LAST, RENEWED, Turn, finish
from bot.flow.editions import broken
from bot.flow.question import Question
from bot.flow.route import first_open, matters, prune
from bot.flow.schedule import wake_at
from bot.flow.state import Answer, State, Status
from bot.flow.survey import Flow
from bot.flow.turn import Answered, Context, Dropped, Effect, Step
from bot.flow.wording import consent_version

Policy = Literal["finish-old", "move", "re-ask"]
"""What becomes of people under way when a version is published."""


def carry(old: Flow, new: Flow, state: State, context: Context, policy: Policy) -> Step | None:
    """Return the step that takes a conversation over; None where it goes on as it was.

    That are those which are over; those whose finished answers wait to be replaced, and belong to
    the version that they were given to; those that stand before a consent of which they have read
    the words; and those whose answers are shown and only wait to be sent. What comes out has a next
    question, the page of answers, or an end: nobody is stuck.
    """
    if policy == "finish-old" or state.status.over or state.earlier is not None:
        return None
    if state.status is Status.CONSENT and _consents_differ(old, new, state, context):
        return None
    reviewing = state.question is None and bool(state.answers or state.left_out)
    if state.question is None and not reviewing:
        return Step(state)  # nothing was asked yet
    anew = broken(old, new)  # before the order of this one's seed: it is compared once for all
    new = new.arranged(state.seed)
    dropping = anew if policy == "re-ask" else frozenset[str]()
    moved, effects = _answers_carried(old, new, state, dropping)
    opened = _open_question(new, moved)
    if opened is None and reviewing and not new.review:
        return None
    if opened is None and not new.review:
        ended = finish(Turn(new, replace(moved, status=Status.ASKING), context), effects)
        return Step(replace(ended.state, wake_at=wake_at(ended.state, context)), None, effects)
    name = None if opened is None else opened.name
    gone = [one for effect in effects if isinstance(effect, Dropped) for one in effect.questions]
    # What was only worked out was never seen: that it is gone is nothing to speak of.
    same = name == state.question and not any(
        one.is_asked for one in old.questions if one.name in gone
    )
    if same and (name is None or name not in anew):
        return Step(moved, None, effects)
    extra = {key: value for key, value in moved.extra.items() if key not in (LAST, "said")}
    asked = replace(moved, question=name, pending=RENEWED, attempts=0, extra=extra)
    return Step(asked, None, effects)


def holds(question: Question, answer: Answer) -> bool:
    """Whether a question could have been given this answer, its conditions aside."""
    if question.domain is not None:
        return question.domain.holds(answer)
    names = {choice.name for choice in (*question.choices, *question.na)}
    least, most = question.least, question.most
    if question.type == "select_one":
        return answer in names
    if question.type in ("select_multiple", "rank"):
        if not isinstance(answer, tuple) or not names.issuperset(answer):
            return False
        alone = any(choice.name in answer for choice in question.na)
        return alone or ((least or 1) <= len(answer) <= (most or len(names)))
    if question.type == "integer":
        if not isinstance(answer, int):
            return False
        return (least is None or answer >= least) and (most is None or answer <= most)
    if question.type == "text":
        return isinstance(answer, str) and len(answer) <= question.max_chars
    return True


def invalid(old: Flow, new: Flow, answers: Mapping[str, Answer]) -> list[str]:
    """Return the questions whose stored answers the new version cannot hold."""
    return [
        name
        for name, answer in answers.items()
        if name in old.by_name and not _kept(old, new, name, answer)
    ]


def _kept(old: Flow, new: Flow, name: str, answer: Answer) -> bool:
    """Whether an answer may stay: a question of another type is another question."""
    before, after = old.by_name.get(name), new.by_name.get(name)
    same = before is not None and after is not None and before.type == after.type
    return same and after is not None and holds(after, answer)


def _answers_carried(
    old: Flow, new: Flow, state: State, anew: frozenset[str]
) -> tuple[State, tuple[Effect, ...]]:
    """Return the state with what it may keep, and what has become of its answers."""
    answers = {
        name: answer
        for name, answer in state.answers.items()
        if name not in anew and _kept(old, new, name, answer)
    }
    left_out = [
        name
        for name in state.left_out
        if name not in anew and name in new.by_name and not new.by_name[name].required
    ]
    settled = prune(new, answers, left_out)
    dropped = tuple(name for name in state.answers if name not in settled.answers)
    effects: tuple[Effect, ...] = tuple(map(Answered, settled.computed))
    if dropped:
        effects += (Dropped(dropped),)
    return replace(state, answers=settled.answers, left_out=settled.left_out), effects


def _open_question(flow: Flow, state: State) -> Question | None:
    """Return what is to be asked next: what the person went back to, else the first open one."""
    question = flow.by_name.get(state.question or "")
    answered = state.question in state.answers or state.question in state.left_out
    if question is not None and answered and matters(question, state.answers):
        return question
    return first_open(flow, state.answers, state.left_out)


def _consents_differ(old: Flow, new: Flow, state: State, context: Context) -> bool:
    languages = (old.spoken(state.language), new.spoken(state.language))
    versions = {
        consent_version(flow, language, pilot=context.pilot)
        for flow, language in zip((old, new), languages, strict=True)
    }
    return len(versions) > 1
