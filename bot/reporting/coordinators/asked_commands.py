"""Which command of a coordinator's a text is, or begins with."""

from __future__ import annotations

from dataclasses import dataclass

from bot.flow.keywords import less_polite, normalise
from bot.flow.survey import Survey

KNOWN = ("PROGRES", "RINCIAN", "GRAFIK", "REKAP", "BAGIKAN", "JEDA", "AKTIF", "PANDUAN")
OF_UNITS = ("PROGRES", "RINCIAN", "GRAFIK", "REKAP", "BAGIKAN")


@dataclass(slots=True)
class Asked:
    """A coordinator's command, what follows it, whether it was a synonym, and for which group."""

    command: str
    rest: str
    synonym: bool
    group: str | None = None


def read_command(survey: Survey, said: str, *, strict: bool) -> Asked | None:
    """Return the command that a text is, or begins with where a unit or days may follow."""
    best: tuple[int, Asked] | None = None
    for name in KNOWN:
        own = normalise(name)
        synonyms = () if strict else survey.words.coordinator_keywords.get(name, ())
        for word in {own, *map(normalise, synonyms)}:
            if less_polite(said) == word or said == word:
                return Asked(name, "", word != own)
            follows = name in OF_UNITS or name == "JEDA"
            if follows and said.startswith(f"{word} ") and (best is None or len(word) > best[0]):
                best = len(word), Asked(name, said[len(word) + 1 :], word != own)
    return best[1] if best else None
