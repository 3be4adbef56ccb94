"""Words that are commands: Indonesian first, synonyms as data, each only where it makes sense."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Command(StrEnum):
    """What a person can ask for in one word. The value is the key in messages.yaml."""

    MULAI = "MULAI"  # start
    SETUJU = "SETUJU"  # agree
    TIDAK = "TIDAK"  # no
    KEMBALI = "KEMBALI"  # back to the previous question
    UBAH = "UBAH"  # change the answer with this number
    ULANG = "ULANG"  # show the question once more
    LAGI = "LAGI"  # show the next page of a long list, or of all answers
    OK = "OK"  # take the answer that is offered
    NANTI = "NANTI"  # pause
    LANJUT = "LANJUT"  # go on
    CEK = "CEK"  # is this real
    BANTUAN = "BANTUAN"  # help
    BAHASA = "BAHASA"  # language
    BUKAN = "BUKAN"  # wrong person
    BERHENTI = "BERHENTI"  # stop
    HAPUS_DATA = "HAPUS_DATA"  # erase my data
    HAPUS_OR_BATAL = "HAPUS_OR_BATAL"  # erase or cancel: asks which is meant
    LAPOR = "LAPOR"  # report, under pressure
    ISI_ULANG = "ISI_ULANG"  # answer again
    SUARA = "SUARA"  # hear the question and its choices
    KIRIM = "KIRIM"  # send the answers that are shown before the end

    @property
    def word(self) -> str:
        """The word as messages write it."""
        return self.value.replace("_", " ")


class Phase(StrEnum):
    """Where a conversation stands, as far as commands care."""

    INVITED = "invited"
    LANGUAGE = "language"
    CONSENT = "consent"
    ASKING = "asking"
    OWN_WORDS = "own_words"  # the open question is answered in one's own words
    REVIEW = "review"  # all answers are shown before the end
    OVER = "over"


_ALWAYS = frozenset(
    {
        Command.BERHENTI,
        Command.HAPUS_DATA,
        Command.HAPUS_OR_BATAL,
        Command.CEK,
        Command.BANTUAN,
        Command.LAPOR,
    }
)
_UNDER_WAY = _ALWAYS | {
    Command.KEMBALI,
    Command.UBAH,
    Command.ULANG,
    Command.NANTI,
    Command.LANJUT,
    Command.BAHASA,
}
_BEFORE_CONSENT = _ALWAYS | {Command.BUKAN, Command.BAHASA, Command.NANTI}

ACCEPTED: Mapping[Phase, frozenset[Command]] = {
    Phase.INVITED: _BEFORE_CONSENT | {Command.MULAI, Command.SETUJU, Command.LANJUT},
    Phase.LANGUAGE: _BEFORE_CONSENT | {Command.ULANG},
    Phase.CONSENT: _BEFORE_CONSENT | {Command.SETUJU, Command.TIDAK, Command.ULANG},
    Phase.ASKING: _UNDER_WAY | {Command.SUARA},
    Phase.REVIEW: _UNDER_WAY | {Command.KIRIM, Command.LAGI},
    Phase.OWN_WORDS: frozenset({Command.BERHENTI, Command.HAPUS_DATA}),
    Phase.OVER: _ALWAYS | {Command.MULAI, Command.LANJUT, Command.ISI_ULANG},
}

IN_OWN_WORDS = {
    command.word: command
    for command in (
        Command.KEMBALI,
        Command.NANTI,
        Command.HAPUS_DATA,
        Command.BANTUAN,
        Command.ULANG,
        Command.SUARA,
    )
}
"""Commands even in an answer in one's own words, if they are all of it and in these capitals."""

# Synonyms of MULAI as "ok" or "1" acknowledge that contact has ended; only these begin it anew.
AGAIN = frozenset({"mulai", "mulai lagi", "mulai survei", "mulai isi", "start", "begin"})

_POLITE = frozenset(
    {"pak", "bu", "bapak", "ibu", "kak", "min", "mas", "mbak", "ya", "dong", "please"}
)
_NUMBERED = re.compile(r"(.+?) (?:no |nomor |nmr |number )?(\d{1,3})")


def normalise(text: str) -> str:
    """Return a text without case, accents of form, punctuation and emoji; "?" alone stays "?"."""
    if len(text) <= _MOST_KEPT:
        return _normalised(text)
    return _normalised.__wrapped__(text) if len(text) <= 80 else ""


# Most answers are a number. What is longer may be somebody's own words: no cache may keep them.
_MOST_KEPT = 3


@lru_cache(maxsize=2048)
def _normalised(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    kept = "".join(char if unicodedata.category(char)[0] in "LN" else " " for char in folded)
    words = " ".join(kept.split())
    return words or ("?" if "?" in folded else "")


@dataclass(frozen=True, slots=True, eq=False)
class Keywords:
    """The command words of a survey, in all its languages at once."""

    words: Mapping[str, tuple[Command, ...]]
    silent: frozenset[str]
    who: frozenset[str]
    correcting: re.Pattern[str] | None = None  # the words before a correction, and the answer

    @classmethod
    def of(
        cls,
        words: Mapping[Command, Iterable[str]],
        silent: Iterable[str] = (),
        who: Iterable[str] = (),
        corrections: Iterable[str] = (),
    ) -> Keywords:
        """Gather synonyms; a command's own word always belongs to it."""
        commands: dict[str, list[Command]] = {}
        for command in Command:
            synonyms = [*words.get(command, ())]
            if command is not Command.HAPUS_OR_BATAL:
                synonyms.append(command.word)
            for synonym in synonyms:
                listed = commands.setdefault(normalise(synonym), [])
                if command not in listed:
                    listed.append(command)
        frozen = {word: tuple(listed) for word, listed in commands.items()}
        return cls(
            frozen,
            frozenset(normalise(word) for word in silent),
            frozenset(normalise(word) for word in who),
            _correcting(corrections),
        )

    def find(
        self, text: str, phase: Phase, also: frozenset[Command] = frozenset()
    ) -> Command | None:
        """Return the command that the whole text is, if it is accepted in this phase.

        `also` are those that the open question makes possible.
        """
        if phase is Phase.OWN_WORDS and text.strip() in IN_OWN_WORDS:
            return IN_OWN_WORDS[text.strip()]
        words = normalise(text)
        for candidate in (words, less_polite(words)):
            for command in self.words.get(candidate, ()):
                if command in also or command in ACCEPTED[phase]:
                    return command
        return None

    def numbered(self, text: str) -> int | None:
        """Return n for "UBAH n" and its synonyms."""
        match = _NUMBERED.fullmatch(normalise(text))
        if match and Command.UBAH in self.words.get(match[1], ()):
            return int(match[2])
        return None

    def corrected(self, text: str) -> str | None:
        """Return the answer that a text puts in place of the one before: "3*", "*3", "eh, 3"."""
        said = text.strip()
        if len(said) > 80 or said.isalnum():  # most answers are one number
            return None
        bare = said.strip("* ")
        if said.startswith("*") != said.endswith("*") and "*" not in bare:
            return bare or None  # with a star on both sides it is bold
        match = self.correcting.fullmatch(said) if self.correcting is not None else None
        return match[1] if match is not None else None

    def means(self, text: str, command: Command) -> bool:
        """Whether the whole text is a synonym of this command, in whatever phase."""
        return command in self.words.get(normalise(text), ())

    def asks_who(self, text: str) -> bool:
        """Whether a CEK asks who we are and why we write, rather than whether it is real."""
        words = normalise(text)
        return words in self.who or less_polite(words) in self.who

    def is_silent(self, text: str) -> bool:
        """Whether a text after the end needs no reply: thanks, greetings, emoji alone."""
        words = normalise(text)
        return not words or words in self.silent or less_polite(words) in self.silent


def _correcting(words: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds one or several of these words and an answer after them."""
    listed = sorted((word.strip() for word in words), key=len, reverse=True)
    if not listed:
        return None
    either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in listed)
    return re.compile(rf"\W*(?:(?:{either})\b[\s,.:;!…-]*){{1,3}}(.*\w.*)", re.IGNORECASE)


def less_polite(words: str) -> str:
    """Return normalised words without the "pak" or "bu" at their end."""
    parts = words.split()
    while len(parts) > 1 and parts[-1] in _POLITE:
        parts.pop()
    return " ".join(parts)
