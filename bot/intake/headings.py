"""Headings: which column an office means, in Indonesian or English, with the errors people make.

A heading is *exact* (a column's name or synonym), *known* (somebody has confirmed it), or a
*guess*, which counts only where one column is clearly meant and which a person must confirm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from rapidfuzz import fuzz, process, utils
from rapidfuzz.distance import OSA

How = Literal["exact", "known", "guess"]

_LONGEST = 60  # what is longer is a sentence
# How people write the words of headings, as one of them.
_WORDS = {
    **dict.fromkeys(("nomor", "nomer", "nmr", "nomr", "number", "num", "nomot"), "no"),
    **dict.fromkeys(("handphone", "handpone", "hanphone", "ponsel", "mobile", "hape", "cellphone"),
                    "hp"),
    **dict.fromkeys(("whatsapp", "whatsap", "watsapp", "whatapp", "wasap", "whastapp", "watsap"),
                    "wa"),
    **dict.fromkeys(("telp", "telpon", "telephone", "tlp", "tel", "tlpn", "telphone", "phone"),
                    "telepon"),
    **dict.fromkeys(("tgl", "tanggl", "date"), "tanggal"),
    **dict.fromkeys(("nm", "nma", "names", "name"), "nama"),
    **dict.fromkeys(("mail", "surel", "imel"), "email"),
}  # fmt: skip
# Words that say nothing about which column is meant.
_FILLERS = frozenset(
    (
        *("aktif", "yang", "yg", "bisa", "dapat", "dihubungi", "wajib", "harus", "mohon"),
        *("diisi", "diisikan", "isi", "isian", "kolom", "lengkap", "utama", "pribadi", "jelas"),
        *("anda", "peserta", "pegawai", "responden", "opsional", "optional"),
        *("required", "active", "personal", "main", "diawali", "format", "contoh", "dengan"),
        *("dan", "atau", "and", "or", "gelar", "tanpa", "sesuai", "ada", "punya", "terdaftar"),
        *("the", "of", "your"),
    )
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table may have: its name here, and other names it goes by, best first.

    `spare` is the column that takes a second heading of this kind: of "No HP" and "No WA" one is
    the second number. `instead` is the one that will do where a required column is not there.
    `title` is what our documents call it, where that is not its name.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    required: bool = False
    spare: str = ""
    instead: str = ""
    title: str = ""

    @property
    def shown(self) -> str:
        """The name that people are told."""
        return self.title or self.name


@dataclass(frozen=True, slots=True)
class Match:
    """What a heading was understood as; `score` is 100 where nothing had to be guessed."""

    heading: str
    column: str
    how: How
    score: int = 100
    sheet: str = ""
    line: int = 0


class Names:
    """The names that columns go by.

    `known` maps tidied headings to a column, or to "" for a heading that is not to be read.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        prefixes: Sequence[str] = (),
        known: Mapping[str, str] | None = None,
        *,
        guess: bool = False,
    ) -> None:
        self.columns = {one.name: one for one in columns}
        self._prefixes = tuple(prefixes)
        self._known = {heading(text): column for text, column in (known or {}).items()}
        self._guess = guess
        self._exact: dict[str, tuple[str, int]] = {}
        for one in columns:
            for rank, name in enumerate((one.name, *one.synonyms)):
                self._exact.setdefault(heading(name), (one.name, rank))

    def match(self, title: str) -> Match | None:
        """Return what a heading means; None: nothing is known of it, or it is not to be read.

        Of a heading in lines ("Kontak", below it "No HP") the last one may say enough.
        """
        found = self._match(title)
        *above, last = title.split("\n")
        if found or not above or not self._guess or heading(title) in self._known:
            return found
        found = self._match(last)
        return Match(title, found.column, "guess", min(found.score, 90)) if found else None

    def _match(self, title: str) -> Match | None:
        tidy = heading(title)
        if not tidy:
            return None
        if tidy in self._known:
            column = self._known[tidy]
            return Match(title, column, "known") if column else None
        if tidy in self._exact:
            return Match(title, self._exact[tidy][0], "exact")
        if self._prefixes and tidy.startswith(self._prefixes):
            return Match(title, tidy, "exact")
        return self._guessed(title) if self._guess else None

    def rank(self, match: Match) -> int:
        """Return how good a name of its column a heading is; 0 is best."""
        found = self._exact.get(heading(match.heading))
        return found[1] if found and match.how == "exact" else 1000 - match.score

    @cached_property
    def _spellings(self) -> dict[str, str]:
        return {_plain(name): column for name, (column, _) in reversed(self._exact.items())}

    def _guessed(self, title: str) -> Match | None:
        if len(title) > _LONGEST:
            return None
        # What stands in brackets explains: "No HP (diawali 62)". Where nothing is left, it counts.
        outside = _plain(re.sub(r"\([^)]*\)", " ", title)) or _plain(title)
        short = " ".join(word for word in outside.split() if word not in _FILLERS)
        for text, score in ((outside, 97), (short, 93)):
            if text in self._spellings:
                return Match(title, self._spellings[text], "guess", score)
        return self._alike(title, short)

    def _alike(self, title: str, text: str) -> Match | None:
        """Return the one column that a misspelt heading is clearly like.

        It may have one error (a letter too many, missing, wrong or swapped), a long one two; every
        other column's names must be further away.
        """
        allowed = 0 if len(text) < 5 else 1 if len(text) < 9 else 2
        digits = re.sub(r"\D", "", text)
        nearest: dict[str, int] = {}
        for name, distance, _ in process.extract(
            text, list(self._spellings), scorer=OSA.distance, limit=12, score_cutoff=allowed + 1
        ):
            if re.sub(r"\D", "", name) == digits:
                column = self._spellings[name]
                nearest[column] = min(nearest.get(column, allowed + 1), int(distance))
        (column, errors), *others = sorted(nearest.items(), key=lambda one: one[1]) or [("", 99)]
        if errors > allowed or any(one[1] <= errors for one in others):
            return None
        return Match(title, column, "guess", round(100 - 100 * errors / len(text)))


def heading(text: str) -> str:
    """Return a heading as names are compared: `No. HP / WA *` is `no_hp_wa`."""
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")


def did_you_mean(text: str, known: Iterable[str], limit: int = 3) -> str:
    """Return a hint that names what is most like `text`, or what there is."""
    names = list(dict.fromkeys(known))
    near = process.extract(
        text,
        names,
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=limit,
        score_cutoff=70,
    )
    if near:
        return "did you mean " + " or ".join(repr(str(match[0])) for match in near) + "?"
    if not names:
        return "there are none yet"
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def most_like(name: str, titles: Collection[str]) -> str | None:
    """Return the heading that may be meant for a column that is missing."""
    # A part counts as much as the whole: "a" would be very like "nama".
    telling = [title for title in titles if len(title.strip()) > 2]
    near = process.extractOne(
        name, telling, scorer=fuzz.WRatio, processor=utils.default_process, score_cutoff=70
    )
    return str(near[0]) if near else None


def _plain(text: str) -> str:
    words = re.sub(r"([a-z])(\d)", r"\1 \2", heading(text)).split("_")
    return " ".join(_WORDS.get(word, word) for part in words for word in part.split())
