"""Rules about choices: words that are commands, and scales that contradict themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from bot.flow.choices import SurveyChoice
from bot.flow.compile.checker import NEVER_ADVERTISED
from bot.flow.keywords import ACCEPTED, Keywords, Phase, normalise
from bot.flow.lint.subject import Place, Subject
from bot.flow.question import Question
from bot.flow.source import Path, Problem, Source

# "Yes" is how one says yes in English: people are shown a number to reply in its place.
_GATEWAYS = frozenset(normalise(word) for word in NEVER_ADVERTISED) - {"yes"}


def reserved_words(subject: Subject) -> Iterator[Problem]:
    """Find choices that are commands: who types one may be taken to mean the other.

    Labels, because they may be typed; names are stored and never shown.
    """
    keywords = subject.survey.words.keywords
    for flow in subject.survey.flows:
        for place in subject.places(flow):
            question = place.question
            for index, choice in enumerate((*question.choices, *question.na)):
                for code in subject.survey.settings.languages:
                    word = choice.label.get(code, "")
                    if (taken := _taken(word, keywords)) is not None:
                        source, path = subject.choice_at(place, index)
                        what = f"`{word}` is {taken} too: who types it may not have answered"
                        rule, at = "reserved-word-as-answer", (*path, "label", code)
                        yield source.problem(at, what, "choose another word", rule=rule)


def _taken(text: str, keywords: Keywords) -> str | None:
    word = normalise(text)
    if word in _GATEWAYS:
        return "the gateway's word"
    for command in keywords.words.get(word, ()):
        if command in ACCEPTED[Phase.ASKING]:
            return f"the command {command.word}"
    return None


# scales


def scales(subject: Subject) -> Iterator[Problem]:
    """Find scores out of order, a `good` that is not the best, and scored questions without."""
    for flow in subject.survey.flows:
        for place in subject.places(flow):
            yield from _scores(subject, place)
        yield from _directions(subject, flow)


def _scores(subject: Subject, place: Place) -> Iterator[Problem]:
    question = place.question
    scores = [choice.score for choice in question.choices]
    known = [score for score in scores if score is not None]
    if question.scored and len(known) < max(1, len(scores)):
        what = "`scored: true`, but not every choice has a score"
        fix = "add `score:` to the choices, or remove `scored`"
        path = (*place.path, "scored")
        yield place.source.problem(path, what, fix, rule="scored-without-score")
        return
    if not known or len(known) < len(scores):
        return
    if (broken := _out_of_order(known)) is not None:
        source, at = subject.choices_at(place)
        what = f"the scores of this scale turn round here: {', '.join(f'{one:g}' for one in known)}"
        fix = "let them only rise or only fall, as the choices do"
        yield source.problem((*at, broken, "score"), what, fix, rule="scale-order")
    best = [choice.name for choice in question.choices if choice.score == max(known)]
    if question.good is not None and question.good not in best:
        what = f"`good` is `{question.good}`, but the highest score has `{best[0]}`"
        fix = f"write `good: {best[0]}`, or mend the scores"
        source, at = _good_at(subject, place)
        yield source.problem(at, what, fix, rule="good-not-best")


def _out_of_order(scores: Sequence[float]) -> int | None:
    """Return the position at which scores that rose fall, or the other way round."""
    rising: bool | None = None
    for index in range(1, len(scores)):
        if scores[index] == scores[index - 1]:
            continue
        up = scores[index] > scores[index - 1]
        if rising is not None and up != rising:
            return index
        rising = up
    return None


def _good_at(subject: Subject, place: Place) -> tuple[Source, Path]:
    """Return where `good` stands: at the question, or else with its list."""
    if "good" in place.written:
        return place.source, (*place.path, "good")
    source, at = subject.choices_at(place)
    return source, (*at[:-1], "good")


def _directions(subject: Subject, flow: str) -> Iterator[Problem]:
    """Find two scales that list the same words in opposite order: people tick what they know."""
    default = subject.survey.settings.default_language
    seen: dict[tuple[str, ...], Place] = {}
    for place in subject.places(flow):
        if not _is_scale(place.question):
            continue
        words = _words(place.question.choices, default)
        for earlier, first in seen.items():
            turned = _turned(earlier, words) if earlier != words else None
            if turned is not None and words not in seen:
                what = (
                    f"`{turned[0]}` comes before `{turned[1]}` here, and after it in"
                    f" `{first.question.name}`"
                )
                fix = "list them in one order; scores may run either way"
                path = (*place.path, "choices")
                yield place.source.problem(path, what, fix, rule="scale-direction")
                break
        seen.setdefault(words, place)


def _is_scale(question: Question) -> bool:
    scored = [choice for choice in question.choices if choice.score is not None]
    return bool(question.choices) and (question.good is not None or bool(scored))


def _words(choices: Sequence[SurveyChoice], language: str) -> tuple[str, ...]:
    return tuple(normalise(choice.label.get(language, "")) for choice in choices)


def _turned(earlier: Sequence[str], words: Sequence[str]) -> tuple[str, str] | None:
    """Return two words of both that stand the other way round in the earlier ones."""
    at = {word: index for index, word in enumerate(earlier)}
    both = [word for word in words if word in at]
    return next(((one, two) for one, two in combinations(both, 2) if at[one] > at[two]), None)
