"""Rules about conditions: questions that nobody is asked, and conditions that decide nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bot.flow.expressions import Expression
from bot.flow.lint.reach import verdict
from bot.flow.lint.subject import Place, Subject
from bot.flow.source import Problem
from bot.flow.survey import Flow


def decided(subject: Subject) -> Iterator[Problem]:
    """Find conditions that hold whatever is answered, or never do."""
    for name, flow in subject.survey.flows.items():
        for place in subject.places(name):
            for key, condition in place.conditions():
                yield from _judged(flow, place, key, condition)


def _judged(flow: Flow, place: Place, key: str, condition: Expression) -> Iterator[Problem]:
    found = verdict(flow, place.question, condition, asked=key != "relevant")
    path = place.condition_at(key)
    if not found.holds and not found.fails:
        return  # the question itself is never asked, which is told where it says so
    if not found.holds:
        rule = "unreachable-question" if key == "relevant" else "condition-never-true"
        what, fix = _NEVER[key]
        what = f"{what}: `{condition.source}` is false whatever is answered before"
        yield place.source.problem(path, what, fix, rule=rule)
    elif not found.fails:
        what, fix = _ALWAYS[key]
        what = f"{what}: `{condition.source}` is true whatever is answered"
        yield place.source.problem(path, what, fix, rule="condition-always-true")


_NEVER = {
    "relevant": ("nobody is ever asked this", "mend the condition, or remove the question"),
    "constraint": ("no answer is ever taken here", "mend the condition"),
    "end_if": ("the interview never ends here", "mend the condition, or remove it"),
}
_ALWAYS = {
    "relevant": ("this condition keeps nobody out", "remove it, or mend it"),
    "constraint": ("this condition refuses no answer", "remove it, or mend it"),
    "end_if": ("every interview ends here", "mend the condition"),
}
