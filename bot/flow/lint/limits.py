"""Rules about WhatsApp's limits: every text as it goes out, in every language, at its longest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.flow.domains import Scale
from bot.flow.expressions import names_in_braces
from bot.flow.lint.subject import Place, Subject
from bot.flow.source import Path, Problem, Source
from bot.flow.state import Answer
from bot.flow.survey import Flow, Question, Survey
from bot.flow.taps import (
    BODY_CHARS,
    BUTTON_CHARS,
    BUTTONS,
    ROW_CHARS,
    ROWS,
    length,
    misfit,
    plain_text,
)
from bot.flow.turn import Context, Message
from bot.flow.wording import BUTTONS as MEANT
from bot.flow.wording import MAX_CHARS, Voice, longest_before

_ASIDE = ("consent", "stop_confirm", "erase_or_correct")
"""Messages besides questions that the survey's `appearance` gives buttons."""

_SHOWN = 40  # characters of what would be cut off, as findings show it


@dataclass(frozen=True, slots=True)
class _Form:
    """What WhatsApp shows in one form, and the rules for it."""

    most: int
    chars: int
    name: str
    too_many: str
    too_long: str


_FORMS = {
    "buttons": _Form(
        BUTTONS, BUTTON_CHARS, "buttons", "too-many-buttons", "label-too-long-for-button"
    ),
    "list": _Form(ROWS, ROW_CHARS, "rows", "too-many-rows", "label-too-long-for-row"),
}


def limits(subject: Subject) -> Iterator[Problem]:
    """Find what WhatsApp would refuse, cut off, or not show to be tapped."""
    inherited: dict[str, str] = {}
    for flow, voice in _voices(subject.survey):
        yield from _messages(subject, voice)
        notes: list[Question] = []
        for place in subject.places(flow.name) if flow.name else ():
            question = place.question
            if not question.is_asked:
                notes += [question] if question.type == "note" else []
                continue
            always = tuple(note for note in notes if note.relevant is None)
            yield from _question(place, voice, tuple(notes))
            yield from _tapped(subject, place, voice, always, inherited)
            notes = []
        inherited.update(_aside(voice))
    if inherited:
        yield _summary(subject, inherited)


def _voices(survey: Survey) -> Iterator[tuple[Flow, Voice]]:
    """Yield each group's flow with a voice for each language that has the longest answers."""
    for group, flow in survey.groups.items():
        context = Context(
            now=datetime(2026, 9, 30, 1, tzinfo=UTC),  # a day with a long name; any would do
            zone=survey.settings.zone,
            plan=survey.settings.plan(group),
            texts=survey.settings.texts,
            request_code="AB12",
        )
        for code in survey.languages:
            yield flow, Voice(flow, code, context, _longest_answers(flow, code))


def _longest_answers(flow: Flow, language: str) -> dict[str, Answer]:
    """Return for each question the answer that takes the most room where a text repeats it."""
    found: dict[str, Answer] = {}
    for question in flow.asked:
        choices = sorted(question.choices, key=lambda one: -len(one.label.get(language, one.name)))
        match question.type:
            case "select_one":
                found[question.name] = choices[0].name
            case "select_multiple":
                found[question.name] = tuple(one.name for one in choices[: question.most])
            case "integer":
                found[question.name] = max(question.least or 0, question.most or 0, key=_digits)
            case "text":
                found[question.name] = "x" * question.max_chars
            case "rank":
                found[question.name] = tuple(one.name for one in choices)
            case "decimal":
                found[question.name] = -123456.789
            case "range" if isinstance(question.domain, Scale):
                found[question.name] = max(question.domain.values, key=_digits)
            case "date":
                found[question.name] = "2026-09-30"  # a month with a long name
            case "geopoint":
                found[question.name] = "-89.12345 -179.12345"
            case _:
                found[question.name] = "23:59"
    return found


def _digits(number: float) -> int:
    return len(str(number))


def _cut(text: str, most: int) -> str:
    """Return in words what would be cut off."""
    rest = " ".join(text[most:].split())
    return f"“{rest[:_SHOWN]}…”" if len(rest) > _SHOWN else f"“{rest}”"


# --- bodies ---------------------------------------------------------------------------------------


def _messages(subject: Subject, voice: Voice) -> Iterator[Problem]:
    source, code = subject.messages[0], voice.language
    for name in voice.flow.words.messages:
        yield from _too_long(source, ("messages", name, code), code, voice.text(name))
    if len(voice.flow.languages) > 1:
        for name in ("greeting", "language"):
            body = plain_text(voice.languages(name))
            yield from _too_long(source, ("messages", name), "all languages", body)


def _too_long(source: Source, path: Path, code: str, body: str) -> Iterator[Problem]:
    if len(body) > MAX_CHARS:
        over = _cut(body, MAX_CHARS)
        what = f"{len(body)} characters in `{code}`, filled in; over the end is {over}"
        fix = f"shorten it: a message holds {MAX_CHARS}"
        yield source.problem(path, what, fix, rule="body-too-long")


def _shown(
    voice: Voice, question: Question, notes: tuple[Question, ...], before: tuple[str, ...] = ()
) -> Message:
    """Return a question as it is at its longest, with all that can stand around it."""
    around = voice.flow.around(question.section)
    return voice.question(
        question, (99, 99), full=True, before=before, notes=notes, sections=around
    )


def _question(place: Place, voice: Voice, notes: tuple[Question, ...]) -> Iterator[Problem]:
    """Find a question that is too long once it repeats a long answer; the rest is compiled."""
    question, code = place.question, voice.language
    titles = [voice.flow.sections[name].title for name in voice.flow.around(question.section)]
    said = (question.label, question.hint, *titles, *(note.label for note in notes))
    if not any(
        names_in_braces(texts.get(code, "")) & voice.answers.keys() for texts in said if texts
    ):
        return
    before = longest_before(voice)
    body = plain_text(_shown(voice, question, notes, before=(before,)))
    yield from _too_long(place.source, (*place.path, "label", code), code, body)


# --- what is tapped -------------------------------------------------------------------------------


def _tapped(
    subject: Subject,
    place: Place,
    voice: Voice,
    notes: tuple[Question, ...],
    inherited: dict[str, str],
) -> Iterator[Problem]:
    """Find what keeps a question from being tapped that asks for it itself.

    Of those that follow the survey's `appearance` the first reason goes to `inherited`.
    """
    question = place.question
    wanted = question.appearance or voice.flow.settings.appearance
    if wanted == "text" or question.type != "select_one":
        return
    body = plain_text(_shown(voice, question, notes))
    offered = (*question.choices, *question.na)
    if question.appearance is None:
        labels = [choice.label[voice.language] for choice in offered]
        why = misfit(wanted, labels, body)
        if why is not None or _differs(question):
            reason = why[0] if why is not None else _DIFFER
            inherited.setdefault(f"{voice.flow.name}/{question.name}", reason)
        return
    form, code = _FORMS[wanted], voice.language
    if _differs(question):
        path = (*place.path, "appearance")
        what = f"{_DIFFER}: it stays numbered text"
        yield place.source.problem(path, what, "write `text`", rule="choices-differ")
    if len(offered) > form.most:
        what = f"{len(offered)} {form.name}, WhatsApp shows 1 to {form.most}"
        other = "`list` or `text`" if wanted == "buttons" and len(offered) <= ROWS else "`text`"
        path = (*place.path, "appearance")
        what = f"{what}: it stays numbered text"
        yield place.source.problem(path, what, f"write {other}", rule=form.too_many)
    for index, choice in enumerate(offered):
        source, path = subject.choice_at(place, index)
        yield from _label(source, (*path, "label", code), form, choice.label[code])
    if length(body) > BODY_CHARS:
        what = (
            f"up to {length(body)} characters in `{code}`, WhatsApp shows {BODY_CHARS} with"
            f" {form.name}; over the end is {_cut(body, BODY_CHARS)}"
        )
        path, fix = (*place.path, "label", code), "shorten it, or write `appearance: text`"
        yield place.source.problem(path, what, fix, rule="body-too-long-to-tap")


_DIFFER = "its choices are not the same for everybody"


def _differs(question: Question) -> bool:
    return question.randomize or question.choice_filter is not None


def _label(source: Source, path: Path, form: _Form, label: str) -> Iterator[Problem]:
    if "{{" in label or len(label.splitlines()) != 1:
        what = f"`{label}` is not one line of fixed words, as WhatsApp's {form.name} are"
        fix = "write other words, or `appearance: text`"
        yield source.problem(path, what, fix, rule="label-not-fixed")
    elif length(label) > form.chars:
        what = (
            f"`{label}` has {length(label)} characters, WhatsApp's {form.name} hold {form.chars};"
            f" over the end is {_cut(label, form.chars)}"
        )
        fix = "shorten it, or write `appearance: text`"
        yield source.problem(path, what, fix, rule=form.too_long)


def _aside(voice: Voice) -> Mapping[str, str]:
    """Return the messages besides questions that do not fit, and why."""
    wanted = voice.flow.settings.appearance
    found: dict[str, str] = {}
    if wanted == "text":
        return found
    for name in _ASIDE:
        message = voice.message(name)
        if message.taps is None:
            labels = [button.label for button in message.buttons]
            why = misfit("buttons", labels or [""] * len(MEANT[name]), plain_text(message))
            found[name] = why[0] if why else "a placeholder is empty or has several lines"
    if len(voice.flow.languages) > 1:
        message = voice.languages("greeting")
        labels = [choice.label for choice in message.choices]
        kind = "buttons" if len(labels) <= BUTTONS else wanted
        why = misfit(kind, labels, plain_text(message))
        if why is not None:
            found["greeting"] = why[0]
    return found


def _summary(subject: Subject, inherited: Mapping[str, str]) -> Problem:
    some = "; ".join(f"{name} ({why})" for name, why in list(inherited.items())[:3])
    more = f"; and {len(inherited) - 3} more" if len(inherited) > 3 else ""
    what = f"{len(inherited)} stay numbered text: {some}{more}"
    fix = "give those questions an `appearance` of their own, or leave it"
    return subject.settings[0].problem(("appearance",), what, fix, rule="stays-text")
