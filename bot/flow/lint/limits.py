"""Rules about WhatsApp's limits: every text as it goes out, in every language, at its longest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.flow.limits import BUTTON_CHARS, BUTTONS, ROW_CHARS, ROWS, TAPS_CHARS, length
from bot.flow.lint import bodies, longest
from bot.flow.lint.longest import voices
from bot.flow.lint.subject import Place, Subject
from bot.flow.question import Question
from bot.flow.source import Path, Problem, Source
from bot.flow.state import Answer
from bot.flow.taps import misfit, plain_text
from bot.flow.wording import BUTTONS as MEANT
from bot.flow.wording import Voice

_ASIDE = ("consent", "stop_confirm", "erase_or_correct")
"""Messages besides questions that the survey's `appearance` gives buttons."""


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
    offered: dict[Question, Sequence[Mapping[str, Answer]]] = {}
    for flow, voice in voices(subject.survey):
        yield from bodies.messages(subject, voice)
        notes: list[Question] = []
        place: Place | None = None
        for place in subject.places(flow.name) if flow.name else ():
            question = place.question
            if not question.is_asked:
                notes += [question] if question.type == "note" else []
                continue
            offers = offered.get(question) or longest.offers(flow, question)
            offered[question] = offers
            surely = _surely(voice, notes)
            yield from bodies.question(place, voice, tuple(notes), offers)
            yield from bodies.pictures(place, voice, surely, offers)
            yield from _tapped(subject, place, voice, surely, inherited)
            notes = []
        if place is not None and notes:
            yield from bodies.last(place, voice, notes)
        inherited.update(_aside(voice))
    if inherited:
        yield _summary(subject, inherited)


def _surely(voice: Voice, notes: Sequence[Question]) -> tuple[Question, ...]:
    """Return the notes that stand together before a question: those without a condition, and of the
    others the longest one."""
    depending = [note for note in notes if note.relevant is not None]
    longest_one = max(depending, key=lambda note: len(voice.note(note)), default=None)
    return tuple(note for note in notes if note.relevant is None or note is longest_one)


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
    body = plain_text(bodies.shown(voice, question, notes))
    offered = (*question.choices, *question.na)
    if question.appearance is None:
        labels = [choice.label[voice.language] for choice in offered]
        why = misfit(wanted, labels, body)
        reason = why[0] if why is not None else _DIFFER if _differs(question) else ""
        if reason or _pictured(question):
            name = f"{voice.flow.name}/{question.name}"
            inherited.setdefault(name, reason or _PICTURED)
        return
    form, code = _FORMS[wanted], voice.language
    if _differs(question):
        path = (*place.path, "appearance")
        what = f"{_DIFFER}: it stays numbered text"
        yield place.source.problem(path, what, "write `text`", rule="choices-differ")
    if _pictured(question):
        path = (*place.path, "appearance")
        what = f"{_PICTURED}: it stays numbered text"
        yield place.source.problem(path, what, "leave out one of the two", rule="picture-or-taps")
    if len(offered) > form.most:
        what = f"{len(offered)} {form.name}, WhatsApp shows 1 to {form.most}"
        other = "`list` or `text`" if wanted == "buttons" and len(offered) <= ROWS else "`text`"
        path = (*place.path, "appearance")
        what = f"{what}: it stays numbered text"
        yield place.source.problem(path, what, f"write {other}", rule=form.too_many)
    for index, choice in enumerate(offered):
        source, path = subject.choice_at(place, index)
        yield from _label(source, (*path, "label", code), form, choice.label[code])
    if length(body) > TAPS_CHARS:
        what = (
            f"up to {length(body)} characters in `{code}`, WhatsApp shows {TAPS_CHARS} with"
            f" {form.name}; over the end is {bodies.cut(body, TAPS_CHARS)}"
        )
        path, fix = (*place.path, "label", code), "shorten it, or write `appearance: text`"
        yield place.source.problem(path, what, fix, rule="body-too-long-to-tap")


_DIFFER = "its choices are not the same for everybody"


_PICTURED = "a picture goes without buttons"


def _pictured(question: Question) -> bool:
    return question.media is not None and bool(question.media.image)


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
            f" over the end is {bodies.cut(label, form.chars)}"
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
