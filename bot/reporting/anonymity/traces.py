"""Recognising what must not lie about: people's numbers, their own words, ids of responses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

# A number with its plus stands for itself; without it must stand alone, or it is part of an id.
_PLUS = re.compile(r"\+\d(?:[ .()-]{0,2}\d){7,14}")
_BARE = re.compile(r"(?<![0-9A-Za-z])\d(?:[ .-]?\d){8,14}(?![0-9A-Za-z])")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9][A-Za-z0-9.]{3,128}")
_RESPONSE_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}"
)
_NOT_DIGITS = re.compile(r"\D")

# Shorter answers ("baik", "tidak ada") are many people's and lead to nobody.
SHORTEST_WORDS = 12
_COMPARED = 48


@dataclass
class Traces:
    """Everything that leads to a person or from an answer to its response, ready to be found.

    `numbers` are digits without a plus; `words` maps the first letters of an answer in somebody's
    own words to the answers that begin so.
    """

    numbers: set[str] = field(default_factory=set)
    user_ids: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)
    words: dict[str, list[str]] = field(default_factory=dict)

    def add_address(self, value: str) -> None:
        """Know a phone number or user id."""
        if value.startswith("+"):
            self.numbers.add(value[1:])
        else:
            self.user_ids.add(value)

    def add_words(self, answer: str) -> None:
        """Know an answer in somebody's own words."""
        answer = answer.strip()
        if len(answer) >= SHORTEST_WORDS:
            known = self.words.setdefault(answer[:SHORTEST_WORDS], [])
            if answer not in known:
                known.append(answer)

    def forget(self, text: str) -> None:
        """Leave out what a text of ours says to everybody: an office's number, a sentence."""
        for answer in list(self.answers_in(text)):
            self.words.pop(answer[:SHORTEST_WORDS], None)
        published = set(self.people_in(text))
        self.numbers -= published
        self.user_ids -= published

    def kinds_in(self, value: Any, *, numbers: bool = True, words: bool = True) -> set[str]:
        """Return what a stored value holds: "number", "answer" (`words`), "response"."""
        if isinstance(value, UUID):
            return {"response"} if value.hex in self.responses else set()
        if isinstance(value, bytes | memoryview):
            data = bytes(value)
            if len(data) == 16 and data.hex() in self.responses:
                return {"response"}
            value = data.decode("utf-8", "replace")
        if not isinstance(value, str):
            return set()
        found = set()
        if numbers and any(self.people_in(value)):
            found.add("number")
        if words and any(self.answers_in(value)):
            found.add("answer")
        if any(one.replace("-", "") in self.responses for one in _RESPONSE_ID.findall(value)):
            found.add("response")
        return found

    def people_in(self, text: str) -> Iterator[str]:
        """Yield the numbers and user ids of known people in a text, in whatever way written."""
        for match in (*_PLUS.finditer(text), *_BARE.finditer(text)):
            digits = _NOT_DIGITS.sub("", match[0])
            # A plus and digits may run into the digits of what is stored next.
            for end in range(len(digits), 8, -1):
                if digits[:end] in self.numbers:
                    yield digits[:end]
            if digits.startswith("0") and f"62{digits[1:]}" in self.numbers:
                yield f"62{digits[1:]}"
        for match in _USER_ID.finditer(text):
            if match[0] in self.user_ids:
                yield match[0]

    def answers_in(self, text: str) -> Iterator[str]:
        """Yield known answers in somebody's own words that a text repeats."""
        if not self.words:
            return
        for start in range(len(text) - SHORTEST_WORDS + 1):
            for answer in self.words.get(text[start : start + SHORTEST_WORDS], ()):
                if text.startswith(answer[:_COMPARED], start):
                    yield answer
