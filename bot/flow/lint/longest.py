"""What makes texts as long as they can be: answers that they repeat, choices that are offered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod

from jinja2 import nodes

from bot.flow.answers.domains import Scale
from bot.flow.choices import offered
from bot.flow.expressions import Expression, syntax_tree
from bot.flow.lint.domains import domain
from bot.flow.lint.uses import Uses, uses
from bot.flow.question import Question
from bot.flow.state import Answer
from bot.flow.survey import Flow, Survey
from bot.flow.tapping import some_context
from bot.flow.wording import Voice

_TRIES = 2_000  # sets of answers that are tried for one filter
_LONG_NUMBER = -123456.789


def voices(survey: Survey) -> Iterator[tuple[Flow, Voice]]:
    """Yield each group's flow with a voice for each language that has the longest answers."""
    for group, flow in survey.groups.items():
        context = some_context(survey, group)
        for code in survey.languages:
            voice = Voice(flow, code, context, _longest_answers(flow, code))
            came = replace(voice, context=replace(context, listed=False))
            yield flow, max((voice, came), key=lambda one: len(one.fill("{{asal}}", {})))


def _longest_answers(flow: Flow, language: str) -> dict[str, Answer]:
    """Return for each question the answer that takes the most room where a text repeats it."""
    found: dict[str, Answer] = {}
    for question in flow.questions:
        if question.calculation is not None:
            found[question.name] = _longest_result(question.calculation, found)
        elif question.is_asked:
            found[question.name] = _longest_answer(question, language)
    return found


def _longest_answer(question: Question, language: str) -> Answer:
    choices = sorted(question.choices, key=lambda one: -len(one.label.get(language, one.name)))
    match question.type:
        case "select_one":
            return choices[0].name
        case "select_multiple":
            return tuple(one.name for one in choices[: question.most])
        case "integer":
            return max(question.least or 0, question.most or 0, key=_digits)
        case "text":
            return "x" * question.max_chars
        case "rank":
            return tuple(one.name for one in choices)
        case "decimal":
            return _LONG_NUMBER
        case "range" if isinstance(question.domain, Scale):
            return max(question.domain.values, key=_digits)
        case "date":
            return "2026-09-30"  # a month with a long name
        case "geopoint":
            return "-89.12345 -179.12345"
        case "time":
            return "23:59"
        case _:
            return "file"  # shown as a sign, whichever it is


def _longest_result(calculation: Expression, answers: Mapping[str, Answer]) -> Answer:
    """Return the longest of a long number, the words in a calculation and the texts it reads."""
    found: list[str | float] = [_LONG_NUMBER]
    tree = syntax_tree(calculation.source)
    found += [one.value for one in tree.find_all(nodes.Const) if isinstance(one.value, str)]
    read = (answers.get(name) for name in calculation.names)
    return max((*found, *(one for one in read if isinstance(one, str))), key=lambda x: len(str(x)))


def _digits(number: float) -> int:
    return len(str(number))


def offers(flow: Flow, question: Question) -> tuple[Mapping[str, Answer], ...]:
    """Return for each set of choices that a filter can let through answers that lead to it.

    One without any answer where there is no filter, or too many answers decide.
    """
    condition = question.choice_filter
    if condition is None:
        return ({},)
    names = [name for name in condition.names if name in flow.by_name]
    read = uses([(condition, question.name)])
    domains = [domain(flow.by_name[name], read.get(name, Uses())) for name in names]
    known = [one for one in domains if one is not None]
    if len(known) < len(domains) or prod(map(len, known)) > _TRIES:
        return ({},)
    found: dict[tuple[str, ...], Mapping[str, Answer]] = {}
    for values in product(*known):
        given = {name: one for name, one in zip(names, values, strict=True) if one is not None}
        found.setdefault(offered(question, given, 0).order, given)
    return tuple(given for order, given in found.items() if order) or ({},)


def with_answers(voice: Voice, given: Mapping[str, Answer]) -> Voice:
    """Return a voice after these answers too."""
    return replace(voice, answers={**voice.answers, **given}) if given else voice
