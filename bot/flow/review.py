"""The page of answers before the end, where a flow has `review: true`: all by number, by pages.

While it is before the person the state is ASKING without an open question. Nothing is finished
before KIRIM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.flow.limits import MESSAGE_CHARS
from bot.flow.question import Question
from bot.flow.route import matters
from bot.flow.state import Answer, State, Status
from bot.flow.survey import Flow
from bot.flow.turn import Message
from bot.flow.wording import Voice, longest_before

PAGE = "answers_page"
"""Key in `State.extra`: the page before the person, from 1."""

FRAME_CHARS = 500
"""So long may be what is said around the answers."""

_BEFORE_CHARS = 500  # for help, or what was changed, above them
_LABEL_CHARS, _ANSWER_CHARS = 90, 60
_PAGE_CHARS = MESSAGE_CHARS - FRAME_CHARS - _BEFORE_CHARS
_NOTHING = "–"  # what was left out


def is_open(state: State) -> bool:
    """Whether the page of answers is before the person."""
    return state.status is Status.ASKING and state.question is None


def shown(flow: Flow, state: State) -> tuple[Question, ...]:
    """Return the questions on the page: those that matter, in the order of their numbers."""
    return tuple(question for question in flow.asked if matters(question, state.answers))


def page(voice: Voice, state: State, before: str = "") -> Message:
    """Return the page that `state` stands at, after some words."""
    pages = _pages(voice, state)
    number = min(int(state.extra.get(PAGE, "1")), len(pages))
    text = voice.text("review", {"daftar_jawaban": pages[number - 1]})
    if len(pages) > 1:
        own = {"no": str(number), "jumlah": str(len(pages))}
        text = f"{text}\n\n{voice.text('review_more', own)}"
    return Message(text=f"{before}\n\n{text}" if before else text, language=voice.language)


def longest(voice: Voice) -> str:
    """Return a page as long as one can be, for the linter."""
    text = voice.text("review", {"daftar_jawaban": "x" * _PAGE_CHARS})
    more = voice.text("review_more", {"no": "99", "jumlah": "99"})
    return "\n\n".join((longest_before(voice), text, more))


def turned(voice: Voice, state: State) -> State:
    """Return the state at the next page; after the last comes the first."""
    number = int(state.extra.get(PAGE, "1"))
    after = number + 1 if number < len(_pages(voice, state)) else 1
    return replace(state, extra={**state.extra, PAGE: str(after)})


def _short_answer(voice: Voice, question: Question, answers: Mapping[str, Answer]) -> str:
    """Return an answer on one line, cut where it is long."""
    answer = answers.get(question.name)
    if answer is None:
        return _NOTHING
    said = question.answer_label(answer, voice.language)
    # What a person wrote stays as it is, braces included.
    return _cut(said if question.own_words else voice.fill(said, {}), _ANSWER_CHARS)


def _pages(voice: Voice, state: State) -> list[str]:
    """Return the lines of all answers, gathered to pages."""
    pages: list[list[str]] = [[]]
    room = _PAGE_CHARS
    for number, question in enumerate(shown(voice.flow, state), start=1):
        label = _cut(voice.fill(question.label[voice.language], {}), _LABEL_CHARS)
        line = f"*{number}.* {label}\n→ {_short_answer(voice, question, state.answers)}"
        if pages[-1] and len(line) + 1 > room:
            pages.append([])
            room = _PAGE_CHARS
        pages[-1].append(line)
        room -= len(line) + 1
    return ["\n".join(lines) for lines in pages]


def _cut(text: str, most: int) -> str:
    """Return a text on one line, without what would be bold half-way, of at most so many."""
    line = " ".join(text.replace("*", "").split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
