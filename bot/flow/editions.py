"""Two versions of a survey compared: what was only worded anew, what was added, and what breaks.

    wording     reads, or counts in the results, otherwise: every stored answer means what it meant
    addition    is asked or offered besides: every stored answer is still one
    break       stored answers may be none any more, or answers to something else

What cannot be told apart from a break is one: a condition that was changed, a label that was
written anew. Settings (survey.yaml) count at once for everybody, whatever the version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from rapidfuzz import fuzz

from bot.flow.choices import SurveyChoice
from bot.flow.expressions import Expression
from bot.flow.keywords import normalise
from bot.flow.question import Question
from bot.flow.settings import Settings
from bot.flow.survey import Flow, Survey
from bot.flow.words import Words

Kind = Literal["wording", "addition", "break"]

ALIKE = 50
"""Two texts less alike than this, of 100, are two texts and not one that was mended."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `flow` and `question` are "" where it is not of one."""

    kind: Kind
    flow: str
    question: str
    what: str

    @property
    def place(self) -> str:
        """Where it is, as "internal.sar_01"; "" for the survey as a whole."""
        return ".".join(part for part in (self.flow, self.question) if part)


_Found = Iterator[tuple[Kind, str]]

# What says or counts otherwise and leaves the answers alone. What is not here, and has no rule of
# its own below, breaks: that is the safe way for a key that comes later.
_WORDING = {
    "code": "its code",
    "hint": "the hint",
    "constraint_message": "what is said when it is not fulfilled",
    "scored": "whether it counts in the index",
    "dimension": "its dimension",
    "indicator": "its indicator",
    "good": "its best choice",
    "quality_flag": "its quality flag",
    "appearance": "how it is shown",
    "default": "what is offered",
    "media": "what is shown or played with it",
    "section": "its section",
    "randomize": "whether its choices are shuffled",
}
# Positions, and what is worked out of the rest. No names: that of a choice is what is stored.
_DERIVED = frozenset(
    {"index", "number", "needs", "reads", "lexicon", "settled", "from_words", "file", "path"}
)


def compare(old: Survey, new: Survey) -> tuple[Change, ...]:
    """Return what differs, in the order of the new files; what is gone comes last."""
    found: list[Change] = []
    for name, flow in new.flows.items():
        before = old.flows.get(name)
        if before is None:
            found.append(Change("addition", name, "", "a new questionnaire"))
        else:
            found += compare_flows(before, flow)
    gone = [name for name in old.flows if name not in new.flows]
    found += [Change("break", name, "", "the questionnaire is gone") for name in gone]
    found += [Change(kind, "", "", what) for kind, what in _settings(old.settings, new.settings)]
    found += [Change(kind, "", "", what) for kind, what in _words(old, new)]
    return tuple(found)


@lru_cache(maxsize=64)
def broken(old: Flow, new: Flow) -> frozenset[str]:
    """Return the questions of a flow whose answers a newer version breaks."""
    changes = compare_flows(old, new)
    return frozenset(one.question for one in changes if one.kind == "break" and one.question)


def compare_flows(old: Flow, new: Flow) -> list[Change]:
    """Return what differs between two versions of one questionnaire."""
    found: list[Change] = []

    def add(kind: Kind, question: str, what: str) -> None:
        found.append(Change(kind, new.name, question, what))

    for question in new.questions:
        before = old.by_name.get(question.name)
        if before is None:
            add("addition" if question.is_asked else "wording", question.name, "new")
            continue
        for kind, what in _question(before, question, new.settings.default_language):
            add(kind, question.name, what)
    for question in old.questions:
        if question.name not in new.by_name:
            add("break" if question.is_asked else "wording", question.name, "gone")
    ours = [one.name for one in old.asked if one.name in new.by_name]
    theirs = [one.name for one in new.asked if one.name in old.by_name]
    if ours != theirs:
        add("wording", "", "the questions come in another order")
    if _plain(old.sections) != _plain(new.sections):
        add("wording", "", "its sections")
    if _plain(old.shuffles) != _plain(new.shuffles):
        add("wording", "", "what is left to chance")
    if old.review != new.review:
        what = "are shown before the end" if new.review else "are not shown before the end any more"
        add("wording", "", f"all answers {what}")
    if (dict(old.title), old.minutes) != (dict(new.title), new.minutes):
        add("wording", "", "title or length")
    return found


def _question(old: Question, new: Question, language: str) -> _Found:
    """Return how one question has changed."""
    if old.type == "note" and new.type == "note":
        if _plain(old) != _plain(new):
            yield "wording", "the note"
        return
    if old.type != new.type:
        yield "break", f"was `{old.type}`, is `{new.type}`"
        return
    for field in fields(Question):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in _DERIVED or _plain(before) == _plain(after):
            continue
        rule = _RULES.get(field.name)
        if rule is not None:
            yield from rule(before, after, language)
        elif field.name in _WORDING:
            yield "wording", _WORDING[field.name]
        else:
            yield "break", f"`{field.name}` is another"


def _label(old: Mapping[str, str], new: Mapping[str, str], language: str) -> _Found:
    changed = [code for code in new if old.get(code) != new[code]] or sorted(set(old) - set(new))
    if not _alike(old.get(language, ""), new.get(language, "")):
        yield "break", f"asks in other words ({language}): is it the same question still?"
    else:
        yield "wording", f"the question in {', '.join(changed)}"


def _condition(key: str) -> Callable[[Any, Any, str], _Found]:
    def rule(old: Expression | None, new: Expression | None, _: str) -> _Found:
        if new is None:
            yield "addition", f"no `{key}` any more"
        else:
            was = "none" if old is None else f"`{old.source}`"
            yield "break", f"`{key}` was {was}, is `{new.source}`"

    return rule


def _limit(key: str, *, upper: bool) -> Callable[[Any, Any, str], _Found]:
    def rule(old: Any, new: Any, _: str) -> _Found:
        wider = new is None or (old is not None and (new > old if upper else new < old))
        kind: Kind = "addition" if wider else "break"
        yield kind, f"`{key}` was {_or_none(old)}, is {_or_none(new)}"

    return rule


def _domain(old: Any, new: Any, _: str) -> _Found:
    """Limits may widen; all else that a number, day, time or place is made of breaks."""
    for field in fields(new):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        key = {"least": "min", "most": "max"}.get(field.name, field.name)
        if key in ("min", "max"):
            yield from _limit(key, upper=key == "max")(before, after, _)
        else:
            yield "break", f"`{key}` was {_or_none(before)}, is {_or_none(after)}"


def _required(old: bool, new: bool, _: str) -> _Found:
    if new:
        yield "break", "cannot be left out any more"
    else:
        yield "addition", "may be left out"


def _choices(old: tuple[SurveyChoice, ...], new: tuple[SurveyChoice, ...], language: str) -> _Found:
    before = {choice.name: choice for choice in old}
    after = {choice.name: choice for choice in new}
    for name in before.keys() - after.keys():
        yield "break", f"no choice `{name}` any more"
    for name in after.keys() - before.keys():
        yield "addition", f"a new choice `{name}`"
    said = {normalise(choice.label.get(language, "")): choice.name for choice in old}
    worded: list[str] = []
    for name in before.keys() & after.keys():
        was, now = (one[name].label.get(language, "") for one in (before, after))
        taken_from = said.get(normalise(now), name)
        if taken_from != name:
            yield "break", f"choice `{name}` now says what `{taken_from}` said"
        elif not _alike(was, now):
            yield "break", f"choice `{name}` says something else"
        elif dict(before[name].label) != dict(after[name].label):
            worded.append(name)
    if worded:
        yield "wording", f"the words of choice {', '.join(sorted(worded))}"
    both = before.keys() & after.keys()
    if any(before[name].score != after[name].score for name in both):
        yield "wording", "the scores of its choices"
    if any(_attributes(before[name]) != _attributes(after[name]) for name in both):
        yield "break", "what its choices belong to"
    if [one for one in before if one in after] != [one for one in after if one in before]:
        yield "wording", "the order of its choices"


_RULES: Mapping[str, Callable[[Any, Any, str], _Found]] = {
    "label": _label,
    "choices": _choices,
    "na": _choices,
    "relevant": _condition("relevant"),
    "constraint": _condition("constraint"),
    "end_if": _condition("end_if"),
    "choice_filter": _condition("choice_filter"),
    "least": _limit("min", upper=False),
    "most": _limit("max", upper=True),
    "max_chars": _limit("max_chars", upper=True),
    "required": _required,
    "domain": _domain,
}


def _settings(old: Settings, new: Settings) -> _Found:
    """Return how the settings differ; they count at once, whatever becomes of the version."""
    for name, group in new.groups.items():
        before = old.groups.get(name)
        if before is None:
            yield "addition", f"a new group `{name}`"
        elif before.flow != group.flow:
            yield "break", f"the group `{name}` is asked `{group.flow}` instead of `{before.flow}`"
    for name in old.groups:
        if name not in new.groups:
            yield "break", f"the group `{name}` is gone"
    others = [
        field.name
        for field in fields(Settings)
        if field.name not in ("name", "groups")
        and _plain(getattr(old, field.name)) != _plain(getattr(new, field.name))
    ]
    if any(
        _plain(old.groups[one]) != _plain(new.groups[one])
        for one in old.groups.keys() & new.groups.keys()
    ):
        others.append("groups")
    if others:
        yield "wording", f"settings, which count at once: {', '.join(others)}"


def _words(old: Survey, new: Survey) -> _Found:
    """Return how messages, commands and offered languages differ."""
    for code in new.languages:
        if code not in old.languages:
            yield "addition", f"the language `{code}` is offered"
    for code in old.languages:
        if code not in new.languages:
            yield "break", f"the language `{code}` is not offered any more"
    before, after = old.words.messages, new.words.messages
    changed = [
        name for name in {**after, **before} if _plain(before.get(name)) != _plain(after.get(name))
    ]
    if changed:
        yield "wording", f"messages: {', '.join(changed)}"
    if any(name in changed for name in ("consent", "pilot_consent")):
        yield "wording", "the consent: who has agreed has agreed to the words before"
    others = [
        field.name
        for field in fields(Words)
        if field.name != "messages"
        and _plain(getattr(old.words, field.name)) != _plain(getattr(new.words, field.name))
    ]
    if others:
        yield "wording", f"words: {', '.join(others)}"


def _alike(old: str, new: str) -> bool:
    """Whether a text may be another one mended."""
    one, other = normalise(old[:80]), normalise(new[:80])
    return one == other or fuzz.token_set_ratio(one, other) >= ALIKE


def _attributes(choice: SurveyChoice) -> Any:
    return _plain(getattr(choice, "attributes", None))


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Return a value in a form that is equal where it says the same."""
    if isinstance(value, Expression):
        return " ".join(value.source.split())
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        names = [field.name for field in fields(value) if field.name not in _DERIVED]
        return {name: _plain(getattr(value, name)) for name in names}
    pattern = getattr(value, "pattern", None)
    return value if pattern is None else pattern
