"""Rules about the length of messages: each as it goes out at its longest, in every language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot.flow import review
from bot.flow.expressions import names_in_braces
from bot.flow.limits import CAPTION_CHARS, MESSAGE_CHARS, length
from bot.flow.lint.longest import with_answers
from bot.flow.lint.subject import Place, Subject
from bot.flow.paging import ONE_PAGE
from bot.flow.question import Question
from bot.flow.source import Path, Problem, Source
from bot.flow.state import Answer
from bot.flow.taps import plain_text
from bot.flow.turn import Message
from bot.flow.wording import Voice, longest_before, message_chars

_SHOWN = 40  # characters of what would be cut off, as findings show it


def cut(text: str, most: int) -> str:
    """Return in words what would be cut off."""
    kept = text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", errors="ignore")
    rest = " ".join(text[len(kept) :].split())
    return f"“{rest[:_SHOWN]}…”" if len(rest) > _SHOWN else f"“{rest}”"


def shown(
    voice: Voice, question: Question, notes: tuple[Question, ...], before: tuple[str, ...] = ()
) -> Message:
    """Return a question as it is at its longest, with all that can stand around it."""
    around = voice.flow.around(question.section)
    return voice.question(
        question, (99, 99), full=True, before=before, notes=notes, sections=around
    )


def _too_long(source: Source, path: Path, code: str, body: str) -> Iterator[Problem]:
    if length(body) > MESSAGE_CHARS:
        over = cut(body, MESSAGE_CHARS)
        what = f"{length(body)} characters in `{code}`, filled in; over the end is {over}"
        fix = f"shorten it: a message holds {MESSAGE_CHARS}"
        yield source.problem(path, what, fix, rule="body-too-long")


def messages(subject: Subject, voice: Voice) -> Iterator[Problem]:
    """Find messages besides questions that are too long."""
    source, code = subject.messages[0], voice.language
    for name in voice.flow.words.messages:
        yield from _too_long(source, ("messages", name, code), code, voice.text(name))
    if len(voice.flow.languages) > 1:
        for name in ("greeting", "language"):
            body = plain_text(voice.languages(name))
            yield from _too_long(source, ("messages", name), "all languages", body)
    if voice.flow.review:
        body = review.longest(voice)
        yield from _too_long(source, ("messages", "review", code), code, body)


def last(place: Place, voice: Voice, notes: Sequence[Question]) -> Iterator[Problem]:
    """Find notes after the last question that do not fit into the message that ends all.

    `place` is that of the last note.
    """
    code = voice.language
    body = "\n\n".join((*map(voice.note, notes), voice.text("over")))
    yield from _too_long(place.source, (*place.path, "label", code), code, body)


def question(
    place: Place, voice: Voice, notes: tuple[Question, ...], offers: Sequence[Mapping[str, Answer]]
) -> Iterator[Problem]:
    """Find a question that is too long once it repeats a long answer; the rest is compiled."""
    asked, code = place.question, voice.language
    own = asked.constraint_message
    if own is not None:
        # Said in the place of our words, and without what stood before the question.
        bodies = (
            plain_text(one.question(asked, (99, 99), full=True, before=(one.fill(own[code], {}),)))
            for one in (with_answers(voice, given) for given in offers)
        )
        at = (*place.path, "constraint_message", code)
        yield from _too_long(place.source, at, code, max(bodies, key=len))
    paged = len(asked.choices) > ONE_PAGE
    if not paged and asked.choice_filter is None and not _repeats(voice, asked, notes):
        return
    before = longest_before(voice)
    bodies = (
        plain_text(shown(with_answers(voice, given), asked, notes, before=(before,)))
        for given in offers
    )
    path = (*place.path, "label", code)
    yield from _too_long(place.source, path, code, max(bodies, key=len))
    for page in range(1, voice.pages(asked)):
        said = voice.question(asked, (99, 99), full=True, before=(before,), page=page)
        yield from _too_long(place.source, (*place.path, "choices"), code, plain_text(said))


def _repeats(voice: Voice, question: Question, notes: tuple[Question, ...]) -> bool:
    """Whether something that is said with a question is filled with an answer."""
    titles = [voice.flow.sections[name].title for name in voice.flow.around(question.section)]
    choices = [choice.label for choice in question.choices]
    said = (question.label, question.hint, *titles, *choices, *(note.label for note in notes))
    return any(
        names_in_braces(texts.get(voice.language, "")) & voice.answers.keys()
        for texts in said
        if texts
    )


def pictures(
    place: Place, voice: Voice, notes: tuple[Question, ...], offers: Sequence[Mapping[str, Answer]]
) -> Iterator[Problem]:
    """Find a question that goes out without its picture, being too long for a caption."""
    asked, code = place.question, voice.language
    if asked.media is None or code not in asked.media.image:
        return
    said = (shown(with_answers(voice, given), asked, notes) for given in offers)
    longest = max(said, key=message_chars)
    if longest.attachment is None:
        over = cut(plain_text(longest), CAPTION_CHARS)
        what = (
            f"up to {message_chars(longest)} characters in `{code}`: shown without the picture,"
            f" whose caption holds {CAPTION_CHARS}; over the end is {over}"
        )
        fix, path = "shorten the question", (*place.path, "label", code)
        yield place.source.problem(path, what, fix, rule="body-too-long-for-picture")
