"""What of a survey can be tapped, before anybody is asked: to make it ready, and to check it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bot.flow.asking import FULL_FOOTERS
from bot.flow.source import Problem, Source
from bot.flow.state import Answer
from bot.flow.survey import Flow, Question, Survey
from bot.flow.taps import misfit, plain_text
from bot.flow.turn import Context, Message
from bot.flow.wording import BUTTONS, Voice

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


def unfit(survey: Survey, settings: Source, sources: Mapping[str, Source]) -> Iterator[Problem]:
    """Yield what the files want tapped and WhatsApp would not show.

    A question that asks for it itself is named at its place; of those that follow the survey's
    `appearance` there is one list. Texts count at their longest, filled with the settings' words.
    """
    seen: set[tuple[str, str]] = set()
    inherited: dict[str, str] = {}
    for flow, voice in _voices(survey):
        for question, notes in _asked(flow):
            wanted = question.appearance or survey.settings.appearance
            if question.type != "select_one" or (flow.name, question.name) in seen:
                continue
            around = flow.around(question.section)
            body = plain_text(
                voice.question(question, (99, 99), full=True, notes=notes, sections=around)
            )
            offered = (*question.choices, *question.na)
            labels = [choice.label[voice.language] for choice in offered]
            found = misfit(wanted, labels, body)
            if wanted != "text" and (question.randomize or question.choice_filter is not None):
                found = ("its choices are not the same for everybody", "write `text`")
            if found is None:
                continue
            seen.add((flow.name, question.name))
            if question.appearance is None:
                inherited.setdefault(f"{flow.name}/{question.name}", found[0])
                continue
            path = (*question.path, "appearance")
            yield sources[question.file].problem(
                path, f"{found[0]}: it stays numbered text", found[1]
            )
        for name, why in _aside(voice):
            inherited.setdefault(name, why)
    if inherited:
        some = "; ".join(f"{name} ({why})" for name, why in list(inherited.items())[:3])
        more = f"; and {len(inherited) - 3} more" if len(inherited) > 3 else ""
        what = f"{len(inherited)} stay numbered text: {some}{more}"
        fix = "give those questions an `appearance` of their own, or leave it"
        yield settings.problem(("appearance",), what, fix)


def _aside(voice: Voice) -> Iterator[tuple[str, str]]:
    """Yield the messages besides questions that do not fit, and why."""
    wanted = voice.flow.settings.appearance
    if wanted == "text":
        return
    for name in _ASIDE:
        message = voice.message(name)
        if message.taps is None:
            labels = [button.label for button in message.buttons]
            found = misfit("buttons", labels or [""] * len(BUTTONS[name]), plain_text(message))
            yield name, found[0] if found else "a placeholder is empty or has several lines"
    if len(voice.flow.languages) > 1:
        message = voice.languages("greeting")
        labels = [choice.label for choice in message.choices]
        kind = "buttons" if len(labels) <= 3 else wanted
        found = misfit(kind, labels, plain_text(message))
        if found is not None:
            yield "greeting", found[0]


def _others(voice: Voice) -> Iterator[Message]:
    for name in _ASIDE:
        yield voice.message(name)
    if len(voice.flow.languages) > 1:
        yield voice.languages("greeting")
        yield voice.languages("language")


def _voices(survey: Survey) -> Iterator[tuple[Flow, Voice]]:
    """Yield each group's flow with a voice for each language."""
    for group, flow in survey.groups.items():
        context = Context(
            now=datetime(2026, 9, 30, 1, tzinfo=UTC),  # a day with a long name; any would do
            zone=survey.settings.zone,
            plan=survey.settings.plan(group),
            texts=survey.settings.texts,
            request_code="AB12",
        )
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
