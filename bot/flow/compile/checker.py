"""Gathering problems while a survey is compiled, and the checks that every text goes through."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bot.flow.compile.settings import by_language
from bot.flow.expressions import (
    ExpressionError,
    compile_expression,
    placeholders,
    suggest,
    without_worked_out,
    worked_out,
)
from bot.flow.media import MediaFile
from bot.flow.question import Texts
from bot.flow.settings import Settings
from bot.flow.source import Path, Problem, Source

NEVER_ADVERTISED = ("INFO", "HELP", "STOP", "START", "YES", "END", "CANCEL", "QUIT")
"""Words that the gateway may take for itself, so that they never reach us."""

Names = Mapping[str, tuple[str, ...] | None]
"""What expressions may read: a question's name, and the answers that a choice question can have."""

_ADVERTISED = re.compile(rf"\*({'|'.join(NEVER_ADVERTISED)})\*")


class Checker:
    """Knows the settings and collects what is wrong; nothing is raised before all is read.

    `missing` holds, by language, the texts without which that language is not offered.
    """

    def __init__(
        self,
        settings: Settings,
        owners: Collection[str],
        media: Mapping[str, MediaFile] | None = None,
    ) -> None:
        self.settings = settings
        self.owners = frozenset(owners)  # placeholders that survey.yaml fills
        self.media = media or {}  # what lies in the folder `media`, by name
        self.problems: list[Problem] = []
        self.missing: dict[str, list[Problem]] = {}

    def add(
        self,
        source: Source,
        path: Path,
        what: str,
        fix: str = "",
        *,
        rule: str = "",
        at_key: bool = False,
    ) -> None:
        """Note a problem; `rule` is one of bot/flow/lint/rules.py."""
        self.problems.append(source.problem(path, what, fix, rule=rule, at_key=at_key))

    def lacks(self, source: Source, path: Path, language: str, thing: str = "text") -> None:
        """Note that something is not there in a language."""
        problem = source.problem(
            path, f"no {thing} in `{language}`", f"add `{language}:`", rule="missing-translation"
        )
        self.missing.setdefault(language, []).append(problem)

    def texts(
        self,
        source: Source,
        path: Path,
        texts: Mapping[str, str],
        filled: Collection[str],
        known: Names | None = None,
    ) -> Texts:
        """Check one text in all its languages; `filled` are the placeholders that it may have.

        With `known` it may also have {{expressions}} over these answers.
        """
        spoken = by_language(texts, self.settings.default_language)
        for code in self.settings.languages:
            if code not in spoken:
                self.lacks(source, path, code)
        for code, text in texts.items():
            if known is not None and "{{" in text:
                text = self._without_expressions(source, (*path, code), text, filled, known)
            self.text(source, (*path, code), text, filled)
        return spoken

    def _without_expressions(
        self, source: Source, path: Path, text: str, filled: Collection[str], known: Names
    ) -> str:
        """Check what is worked out in a text, and return the rest of it."""
        names: Names = {**dict.fromkeys(filled), **known}
        for expression in worked_out(text):
            try:
                compile_expression(expression, names)
            except ExpressionError as error:
                self.add(source, path, str(error), error.fix, rule="bad-placeholder")
        return without_worked_out(text)

    def text(
        self, source: Source, path: Path, text: str, filled: Collection[str] | None = None
    ) -> None:
        """Check the form of one text, and its placeholders where `filled` says which there are."""
        try:
            names = placeholders(text)
        except ExpressionError as error:
            self.add(source, path, str(error), error.fix, rule="bad-placeholder")
            return
        for name in names if filled is not None else ():
            if name not in (filled or ()):
                fix = suggest(name, sorted(filled or ()))
                self.add(
                    source, path, f"unknown placeholder {{{{{name}}}}}", fix, rule="bad-placeholder"
                )
        if advertised := _ADVERTISED.search(text):
            what = f"{advertised[0]} may be taken by the gateway and never reach us"
            self.add(source, path, what, "advertise another word", rule="gateway-word")
