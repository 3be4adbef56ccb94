"""The linter: what is wrong with the files of a survey, or could be better, and how to mend it.

`lint` gives all findings of `load_survey` with the names of their rules, and adds what only a whole
survey shows. One function a matter, `CHECKS`; the rules are listed in rules.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bot.flow.lint.choices import reserved_words, scales
from bot.flow.lint.conditions import decided
from bot.flow.lint.limits import limits
from bot.flow.lint.names import official_name, unused
from bot.flow.lint.rules import RULES, Rule, Severity
from bot.flow.lint.subject import Subject
from bot.flow.lint.unanswered import unanswered
from bot.flow.load import load_parts, load_survey
from bot.flow.source import FlowError, Problem

__all__ = ["CHECKS", "RULES", "Finding", "Rule", "Severity", "finding", "lint"]

CHECKS: tuple[Callable[[Subject], Iterator[Problem]], ...] = (
    unused,
    official_name,
    decided,
    unanswered,
    reserved_words,
    scales,
    limits,
)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A rule that is broken at one place, and how to mend it. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    rule: str
    severity: Severity
    what: str
    fix: str

    def __str__(self) -> str:
        end = f"; {self.fix}" if self.fix else ""
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}: [{self.rule}] {self.what}{end}"


def lint(files: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what is to be said about a survey's files, by file name, in reading order.

    Files that cannot be used give errors alone: the rest is found once those are mended.
    """
    try:
        survey = load_survey(files)
    except FlowError as error:
        return tuple(finding(problem, "error") for problem in error.problems)
    parts = load_parts(files)
    subject = Subject(
        survey=survey,
        settings=parts.survey,
        messages=parts.messages,
        shared=parts.shared,
        flows={part.name: (source, part) for source, part in parts.flows},
    )
    told = [*survey.missing, *survey.advice, *survey.blanks]
    for check in CHECKS:
        told += check(subject)
    return tuple(sorted({finding(one, RULES[one.rule].severity) for one in told}))


def finding(problem: Problem, severity: Severity) -> Finding:
    """Return a problem as a finding; it must name its rule."""
    return Finding(
        problem.file,
        problem.line,
        problem.column,
        problem.rule,
        severity,
        problem.what,
        problem.fix,
    )
