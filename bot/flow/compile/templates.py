"""WhatsApp's rules for templates, as findings of the linter.

Source: Meta, "Message templates: guidelines", and Twilio, "WhatsApp message template approvals and
statuses". Whoever breaks one of them waits for an approval only to read a rejection.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from bot.flow.expressions import PLACEHOLDER
from bot.flow.schema.messages_file import MessagePart, MessagesFile
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.source import Path, Problem, Source
from bot.flow.survey import Survey
from bot.flow.templates import (
    ADVISED_BODY,
    FALLBACK,
    LANGUAGES,
    MAX_BODY,
    MAX_BUTTONS,
    Wording,
    respondents,
    wordings,
)

_ADJACENT = re.compile(PLACEHOLDER.pattern + r"\s*" + PLACEHOLDER.pattern)
# "Reminder: {{1}}" is one of the rejections that Twilio lists: a label says nothing about it.
_LABEL = re.compile(r"\W*\w+\s*:\W*" + PLACEHOLDER.pattern)
_RUN_OF_SPACES = re.compile(r"[\r\n\t]| {4}")
_WORD = re.compile(r"\w+")


def template_problems(
    survey: Survey, messages: tuple[Source, MessagesFile], settings: tuple[Source, SurveyFile]
) -> Iterator[Problem]:
    """Find what WhatsApp would reject in the messages that need its approval."""
    source, part = messages
    used: set[str] = set()
    seen: dict[tuple[str, str], Wording] = {}
    for (name, code), wording in wordings(survey).items():
        path, found = _place(survey, part, name)
        used |= set(wording.names)
        key = code if code in found.texts else ANY_LANGUAGE
        for rule, what, fix in _body(found.texts[key], wording):
            yield source.problem((*path, key), what, fix, rule=rule)
        first = seen.setdefault((code, wording.body), wording)
        if first.version != wording.version:
            what = f"the words of `{first.message}`, but another category or other buttons"
            fix = "WhatsApp refuses the same words twice: let all be the same, or change the words"
            yield source.problem((*path, key), what, fix, rule="template-twice")
        labels = (*path, "buttons", code if code in found.buttons else ANY_LANGUAGE)
        for what, fix in _buttons([one.label for one in wording.buttons]):
            yield source.problem(labels, what, fix, rule="template-button")
    yield from _values(settings, used)
    yield from _unknown_languages(survey, settings[0])


def template_advice(survey: Survey, messages: tuple[Source, MessagesFile]) -> Iterator[Problem]:
    """Find what WhatsApp takes, but would take sooner if it were mended."""
    source, part = messages
    for (name, code), wording in wordings(survey).items():
        chars = len(wording.filled())
        if ADVISED_BODY < chars <= MAX_BODY:
            path, _ = _place(survey, part, name)
            what = f"a template of {chars} characters; up to {ADVISED_BODY} are advised"
            yield source.problem((*path, code), what, "shorten it", rule="template-long")


def _place(survey: Survey, part: MessagesFile, name: str) -> tuple[Path, MessagePart]:
    if name in respondents(survey):
        return ("messages", name), getattr(part.messages, name)
    return ("coordinator", name), part.coordinator[name]


def _body(text: str, wording: Wording) -> Iterator[tuple[str, str, str]]:
    """Yield the rule that a body breaks, what is wrong, and how to mend it."""
    edges = PLACEHOLDER.split(text)
    if len(edges) > 1 and not (_WORD.search(edges[0]) and _WORD.search(edges[-1])):
        what = "an approved template may not begin or end with a placeholder"
        yield "template-edge", what, "add a word"
    elif _LABEL.match(text):
        what = "a template may not begin with a label before a placeholder"
        yield "template-label", what, "write a sentence"
    if close := _ADJACENT.search(text):
        what = f"two placeholders side by side: {close[0]}"
        yield "template-adjacent", what, "put a word between them"
    count = len(wording.names)
    words = len(_WORD.findall(PLACEHOLDER.sub(" ", text)))
    if count and words < 2 * count + 1:
        what = f"{words} words around {count} placeholders; a template needs {2 * count + 1}"
        yield "template-words", what, "add words, or take placeholders out"
    if (chars := len(wording.filled())) > MAX_BODY:
        what = f"a template of {chars} characters; it may have {MAX_BODY}"
        yield "template-length", what, "shorten it"


def _buttons(labels: list[str]) -> Iterator[tuple[str, str]]:
    if len(labels) > MAX_BUTTONS:
        yield f"{len(labels)} buttons; a template has {MAX_BUTTONS} at most", "remove some"
    for label in labels:
        if strange := sorted({one for one in label if not _plain(one)}):
            shown = ", ".join(f"U+{ord(one):04X}" for one in strange)
            yield f"`{label}` has what no button may have ({shown})", "letters and digits only"
    for label, times in Counter(label.casefold() for label in labels).items():
        if times > 1:
            yield f"two buttons read `{label}`", "give each words of its own"


def _plain(letter: str) -> bool:
    """Whether a button may hold it: no emoji, line break, placeholder or formatting."""
    return letter not in "*_~`{}" and (letter == " " or unicodedata.category(letter)[0] in "LMNP")


def _values(settings: tuple[Source, SurveyFile], used: set[str]) -> Iterator[Problem]:
    """The owner's words go into templates as values, which WhatsApp wants on one line."""
    source, part = settings
    for name in sorted(used & part.texts.keys()):
        for code, text in part.texts[name].items():
            if _RUN_OF_SPACES.search(text.strip()):
                what = "a line break, tab or run of spaces in a value of a template"
                yield source.problem(
                    ("texts", name, code), what, "write it on one line", rule="template-value"
                )


def _unknown_languages(survey: Survey, source: Source) -> Iterator[Problem]:
    """Who speaks a language without templates is written to in another that the survey has."""
    if respondents(survey) and not LANGUAGES & {*survey.languages}:
        what = f"WhatsApp has no templates in {', '.join(survey.languages)}"
        yield source.problem(
            ("languages",), what, f"add `{FALLBACK}`, with all texts", rule="template-language"
        )


def check_category(source: Source, path: Path, part: MessagePart) -> Iterator[Problem]:
    """Find a category that stands where nothing is approved."""
    if part.category is not None and not part.template:
        what = "`category` is of templates only"
        yield source.problem(
            (*path, "category"), what, "add `template: true` or remove it", rule="template-category"
        )
