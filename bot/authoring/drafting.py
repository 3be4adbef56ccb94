"""A first transcript of a survey: one interview from the link to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bot.flow.answers_to_try import answers
from bot.flow.expressions import Expression
from bot.flow.state import Status
from bot.flow.survey import Question, Survey
from bot.flow.transcript import Line, Transcript, dump, play
from bot.flow.turn import Message, Reply
from bot.flow.ways import Moment, Player

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
    given = moment.state.answers
    for reply in pick(list(answers(question, _conditions(player, question), given))):
        after = player.go(moment, reply)
        state = after.state
        if state.status is Status.ASKING and state.question == question.name:
            continue
        if state.status is Status.SCREENED_OUT:
            early = early or (reply, after)
            continue
        return reply, after
    return early


def _conditions(player: Player, question: Question) -> list[Expression]:
    """Return the conditions that read the answer to a question."""
    return [
        condition
        for one in player.flow.questions
        for condition in (one.relevant, one.constraint, one.end_if)
        if condition is not None
        and (question.name in condition.names or (one is question and "value" in condition.names))
    ]


def draft_transcript(survey: Survey, group: str, render: Callable[[Message], str]) -> str:
    """Return a transcript in which somebody comes by a link and answers everything."""
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
    return "# One whole interview, as drafted from the form. Read it aloud.\n" + dump(written)


def _line(reply: Reply) -> Line:
    if reply.option is not None:
        return Line(tap=reply.option)
    if reply.kind == "text":
        return Line(user=reply.text)
    sent: dict[str, Any] = {"send": reply.kind}
    if reply.place is not None:
        sent["place"] = f"{reply.place[0]} {reply.place[1]}"
    file = getattr(reply, "file", None)  # only media are a file
    if file is not None:
        sent["send"] = file.kind
    return Line(**sent)
