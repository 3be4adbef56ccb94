"""What of a survey can be tapped, before anybody is asked: to make it ready."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.flow.asking import FULL_FOOTERS
from bot.flow.question import Question
from bot.flow.state import Answer
from bot.flow.survey import Flow, Survey
from bot.flow.turn import Context, Message
from bot.flow.wording import Voice

_ASIDE = ("consent", "stop_confirm", "erase_or_correct")


def tappable(survey: Survey) -> Iterator[Message]:
    """Yield every message that goes out with taps, as it is said first, in all languages.

    With the notes that everybody sees before a question. A message may come twice.
    """
    for flow, voice in _voices(survey):
        always = 0  # questions before this one that everybody is asked
        for question, notes in _asked(flow):
            for full in (True, False) if always < FULL_FOOTERS else (False,):
                for sections in _begun(flow, question):
                    yield voice.question(
                        question, (1, 1), full=full, notes=notes, sections=sections
                    )
            always += question.relevant is None
        yield from _others(voice)


def _others(voice: Voice) -> Iterator[Message]:
    for name in _ASIDE:
        yield voice.message(name)
    if len(voice.flow.languages) > 1:
        yield voice.languages("greeting")
        yield voice.languages("language")


def some_context(survey: Survey, group: str) -> Context:
    """Return what a step of nobody in particular knows, for messages that are only looked at."""
    return Context(
        now=datetime(2026, 9, 30, 1, tzinfo=UTC),  # a day with a long name; any would do
        zone=survey.settings.zone,
        plan=survey.settings.plan(group),
        texts=survey.settings.texts,
        request_code="AB12",
    )


def _voices(survey: Survey) -> Iterator[tuple[Flow, Voice]]:
    """Yield each group's flow with a voice for each language."""
    for group, flow in survey.groups.items():
        context = some_context(survey, group)
        # Each answer is there, so that a question that repeats one can be filled.
        answers: dict[str, Answer] = {
            question.name: 1 if question.type == "integer" else "1" for question in flow.asked
        }
        for code in survey.languages:
            yield flow, Voice(flow, code, context, answers)


def _asked(flow: Flow) -> Iterator[tuple[Question, tuple[Question, ...]]]:
    """Yield each question with the notes that always stand before it."""
    notes: list[Question] = []
    for question in flow.questions:
        if question.type == "note":
            notes += [question] if question.relevant is None else []
        if not question.is_asked:
            continue
        yield question, tuple(notes)
        notes = []


def _begun(flow: Flow, question: Question) -> tuple[tuple[str, ...], ...]:
    """Return which sections may begin with a question, by what may have been asked before it."""
    own = flow.around(question.section)
    found: dict[tuple[str, ...], None] = {}
    for earlier in reversed(flow.asked[: question.number - 1]):
        inside = flow.around(earlier.section)
        found[tuple(name for name in own if name not in inside)] = None
        if earlier not in flow.conditional:
            return tuple(found)
    return (*found, own) if own not in found else tuple(found)
