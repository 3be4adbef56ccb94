"""A first transcript of a survey: one interview from the link to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bot.flow.choices import offered
from bot.flow.question import Question
from bot.flow.rehearsal import answers_to_try
from bot.flow.rehearsal.playing import Moment, Player
from bot.flow.rehearsal.rewriting import dump
from bot.flow.rehearsal.transcript import Line, Transcript, play
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.terms import term
from bot.flow.turn import Message, Reply

_TURNS_AT_MOST = 2_000


def talk_through(
    survey: Survey, group: str, pick: Callable[[Sequence[Reply]], Sequence[Reply]] = list
) -> tuple[list[Reply], Moment]:
    """Answer every question of a group and return the answers and where that ended.

    `pick` puts the answers worth trying into the order in which they are tried; one that ends the
    interview early is taken only where nothing else is.
    """
    player = Player(survey, group)
    moment = player.asking()
    said: list[Reply] = []
    for _ in range(_TURNS_AT_MOST):
        if moment.state.status is not Status.ASKING:
            break
        question = player.flow.by_name[moment.state.question or ""]
        found = _taken(player, moment, question, pick)
        if found is None:
            break
        reply, moment = found
        said.append(reply)
    return said, moment


def _taken(
    player: Player,
    moment: Moment,
    question: Question,
    pick: Callable[[Sequence[Reply]], Sequence[Reply]],
) -> tuple[Reply, Moment] | None:
    """Return the first answer that is taken, and what comes of it."""
    early: tuple[Reply, Moment] | None = None
    for reply in pick(_to_try(player, question, moment.state)):
        after = player.go(moment, reply)
        state = after.state
        if state.status is Status.ASKING and state.question == question.name:
            continue
        if state.status is Status.SCREENED_OUT:
            early = early or (reply, after)
            continue
        return reply, after
    return early


def _to_try(player: Player, question: Question, state: State) -> list[Reply]:
    """Return answers, those that conditions tell apart."""
    conditions = [
        term(condition.source)
        for one in player.flow.questions
        for condition in (one.relevant, one.constraint, one.end_if)
        if condition is not None
        and (question.name in condition.names or (one is question and "value" in condition.names))
    ]
    shown = [one.choice for one in offered(question, state.answers, state.seed).choices]
    trials = answers_to_try.to_try(question, shown, conditions)
    return [answers_to_try.reply(question, answer, state) for answer in trials.values]


def draft_transcript(
    survey: Survey, group: str, render: Callable[[Message], str], head: str
) -> str:
    """Return a transcript in which somebody comes by a link and answers everything.

    `head` is the comment above it.
    """
    replies, _ = talk_through(survey, group)
    lines = [Line(open="true")]
    if len(survey.languages) > 1:
        lines.append(Line(tap=f"language:{survey.settings.default_language}"))
    lines.append(Line(tap="SETUJU"))
    lines += [_line(reply) for reply in replies]
    name = survey.settings.name
    result = play(survey, Transcript(survey=name, group=group, script=tuple(lines)), render)
    written: dict[str, Any] = {
        "survey": name,
        "group": group,
        "script": [
            {key: key == "open" or value for key, value in line.items()} for line in result.script
        ],
        "end": dict(result.end),
    }
    return f"# {head}\n" + dump(written)


def _line(reply: Reply) -> Line:
    if reply.option is not None:
        return Line(tap=reply.option)
    if reply.kind == "text":
        return Line(user=reply.text)
    sent: dict[str, Any] = {"send": reply.kind}
    if reply.place is not None:
        sent["place"] = f"{reply.place[0]} {reply.place[1]}"
    if reply.file is not None:
        sent["send"] = reply.file.kind
    return Line(**sent)
