"""Pages of a long list of choices: as many as one message holds, and LAGI for the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bot.flow.limits import length
from bot.flow.words import Words

ONE_PAGE = 10
"""So many choices always stand in one message, and must fit into it."""

SAID_BEFORE = (
    "invalid",
    "invalid_again",
    "help",
    "help_question",
    "info_under_way",
    "verify_under_way",
    "asked_again",
    "not_text",
    "edited",
    "fill_again",
    "change_impossible",
    "language_only",
    "changed",
    "no_longer_fits",
    "renewed",
)
"""Messages that share a bubble with a question; a survey may lack the last ones."""

_FILLED = 100  # what placeholders in those may add


def spans(lines: Sequence[int], room: int) -> tuple[tuple[int, int], ...]:
    """Return the pages of lines of these lengths: (first, end exclusive), at least one on each."""
    found: list[tuple[int, int]] = []
    start = used = 0
    for place, chars in enumerate(lines):
        if place > start and used + chars + 1 > room:
            found.append((start, place))
            start, used = place, 0
        used += chars + 1
    return (*found, (start, len(lines)))


@lru_cache(maxsize=64)
def reserve(words: Words, language: str) -> int:
    """Return how many characters are kept free for what may be said before a question."""
    texts = (
        words.messages[name].texts.get(language, "")
        for name in SAID_BEFORE
        if name in words.messages
    )
    return max(map(length, texts)) + _FILLED
