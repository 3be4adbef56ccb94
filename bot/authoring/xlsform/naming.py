"""Names that a flow can have, out of names that a form has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

LONGEST = 48

# What the flow language says itself, and what it calls the new answer and the day.
_WORDS = {
    "and", "or", "not", "in", "is", "if", "else", "none", "true", "false", "value", "today",
    "loop", "self",
}  # fmt: skip


def identifier(text: str, start: str = "q") -> str:
    """Return a text as small letters, digits and `_`, beginning with a letter."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_") if plain else ""
    if text == text.lower() and re.fullmatch(r"[a-z][a-z0-9_]*", text):
        name = text  # a name that is fine keeps its doubled and trailing `_`
    if not name or not name[0].isalpha():
        name = f"{start}_{name}".rstrip("_")
    return name[:LONGEST]


def choice_name(text: str) -> str:
    """Return a text as the name of a choice: letters, digits and `_`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "_", plain)[:LONGEST].strip("_") or "choice"


class Names:
    """Gives out names, each once; `taken` are those that mean something else already."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = {*taken, *_WORDS}
        self._given: set[str] = set()

    def give(self, text: str, start: str = "q") -> str:
        """Return a free name that is like the text."""
        name = identifier(text, start)
        if name in self._taken:
            name = f"{start}_{name}"[:LONGEST]
        return self._free(name)

    def choice(self, text: str) -> str:
        """Return a free name for a choice."""
        return self._free(choice_name(text))

    def keep(self, name: str) -> None:
        """Let nothing else have this name."""
        self._given.add(name)

    def _free(self, name: str) -> str:
        found, number = name, 1
        while found in self._given:
            number += 1
            found = f"{name[: LONGEST - len(str(number)) - 1]}_{number}"
        self._given.add(found)
        return found
