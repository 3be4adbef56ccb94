"""What translators must leave as it is: `{{name}}`, and the commands that people may reply."""

from __future__ import annotations

import re
from collections import Counter

_HELD = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_COMMAND = re.compile(r"\*([A-Z]{3,}(?: [A-Z]{3,})*)\*")


def held(text: str) -> tuple[str, ...]:
    """Return what stands in the double braces of a text, in order."""
    return tuple(" ".join(one.split()) for one in _HELD.findall(text))


def commands(text: str) -> tuple[str, ...]:
    """Return the commands that a text tells people to reply, as `BERHENTI`."""
    return tuple(dict.fromkeys(_COMMAND.findall(text)))


def difference(source: str, translation: str) -> str:
    """Return what is wrong with a translation's placeholders, empty where nothing is."""
    wanted, given = Counter(held(source)), Counter(held(translation))
    lacking = [f"{{{{{one}}}}}" for one in (wanted - given).elements()]
    added = [f"{{{{{one}}}}}" for one in (given - wanted).elements()]
    rest = _HELD.sub("", translation)
    if "{{" in rest or "}}" in rest:
        return "a pair of braces is not closed"
    parts = [f"{', '.join(lacking)} is missing"] if lacking else []
    parts += [f"{', '.join(added)} is not in the source"] if added else []
    return " and ".join(parts)
