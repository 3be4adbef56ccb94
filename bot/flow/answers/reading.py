"""Reading what people type: numbers, labels, abbreviations, misspellings, several choices at once.

A reading is either certain or none. Nothing is guessed: "2 kali" is not choice 2, "pernah" is not
"tidak pernah", and a misspelling counts only where it can mean one choice alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from rapidfuzz.distance import Indel

from bot.flow.answers.numerals import decimal_digits, number_in_words, read_integer
from bot.flow.keywords import less_polite, normalise
from bot.flow.state import Answer

Trouble = Literal[
    "unclear",
    "not_a_number",
    "out_of_range",
    "too_few",
    "too_many",
    "too_long",
    "required",
    "number_unsure",
    "number_places",
    "off_scale",
    "not_a_date",
    "date_unsure",
    "date_day",
    "not_a_time",
    "time_unsure",
    "out_of_span",
    "rank_wrong",
    "not_a_place",
    "wrong_file",
    "file_lost",
]
"""Why a text is no answer. All but "unclear" are names of messages."""

# How people shorten. Banjar and slang words for "no" belong here too.
_SHORT: Mapping[str, str] = {
    short: full
    for full, shorts in {
        "tidak": "tdk tak tdak tidk gak ga gk nggak ngga enggak engga ndak kada kd kadada",
        "jarang": "jrg jrang",
        "kadang kadang": "kadang kdg kdng kdgkdg",
        "sering": "srg sring",
        "selalu": "sll slalu",
        "sangat": "sgt sngt bgt banget sekali skali amat",
        "setuju": "stj stuju satuju",
        "pernah": "prnh pernh suah",
        "tahu": "tau",
        "cukup": "ckp",
        "kurang": "krg krang",
        "tinggi": "tgi",
        "rendah": "rndah",
        "buruk": "brk jelek",
        "sudah": "sdh udah udh",
        "belum": "blm blum",
        "dengan": "dgn",
        "lainnya": "lain lainya",
        "ya": "iya iyo y yes yup inggih nggih",
    }.items()
    for short in shorts.split()
}
_INTENSIFIERS = frozenset({"sangat", "very"})  # alone they say nothing: "sekali" is also "once"

# What may stand beside a number without changing what it means. "kali" (times) would.
_FILLERS = frozenset(
    word
    for words in (
        "no nomor nomer nmr num number yg yang pilih pilihan pilihannya opsi angka option choose",
        "jawab jawaban jawabannya jwb jwbn answer saya sy aku ulun i my the is itu adalah",
        "pak bu bapak ibu kak min mas mbak ya aja saja deh lah dong sih",
    )
    for word in words.split()
)
_NEGATIONS = frozenset(
    {"tidak", "bukan", "belum", "tanpa", "jangan", "kurang", "never", "not", "no", "dont", "none"}
)

_SEPARATORS = re.compile(r"[,;/&+\n]|\bdan\b|\band\b|\bserta\b|\bsama\b")
_SKIP = frozenset({"0", "lewati", "lewat", "skip", "kosong"})

CLOSE = 0.84  # similarity above which a misspelling can count
CLEARLY = 0.08  # and by how much it must beat every other choice


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says about a question: an answer, that it is left out, or what is wrong.

    `readings` are the answers that it can mean, where these are several; `refused`: it is read, but
    the question's constraint does not take it.
    """

    answer: Answer | None = None
    left_out: bool = False
    trouble: Trouble | None = None
    readings: tuple[Answer, ...] = ()
    refused: bool = False


UNCLEAR = Reading(trouble="unclear")
LEFT_OUT = Reading(left_out=True)


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The choices of one question by everything that people call them, in every language."""

    names: frozenset[str]
    labels: Mapping[str, str]  # normalised label: choice name; what is ambiguous is left out
    tokens: tuple[tuple[frozenset[str], str], ...]
    numbers: Mapping[str, str]  # the number that stands before a choice: its name

    @classmethod
    def of(cls, choices: Iterable[tuple[str, Iterable[str]]]) -> Lexicon:
        """Build from (name, labels in all languages), "don't know" and the like included.

        The numbers are the names, until `numbered` says others.
        """
        found: dict[str, set[str]] = {}
        names = []
        for name, labels in choices:
            names.append(name)
            for label in labels:
                for form in _forms(label):
                    if form:
                        found.setdefault(form, set()).add(name)
        labels = {form: next(iter(whose)) for form, whose in found.items() if len(whose) == 1}
        tokens = tuple(
            (frozenset(form.split()), name) for form, whose in found.items() for name in whose
        )
        return cls(frozenset(names), labels, tokens, {name: name for name in names})

    def numbered(self, numbers: Mapping[str, str]) -> Lexicon:
        """Return the same choices with other numbers before them."""
        return replace(self, numbers=numbers)

    def exact(self, text: str) -> str | None:
        """Return the choice whose label a text is, in any case and with common abbreviations."""
        words = normalise(text)
        for form in (words, _expanded(words), _expanded(less_polite(words))):
            if form in self.labels:
                return self.labels[form]
        return None

    def read(self, text: str) -> str | None:
        """Return the name of the one choice that a text means, or None."""
        bare = decimal_digits(text).strip().strip(".!)(*_\"' ").strip()
        if bare in self.numbers:
            return self.numbers[bare]
        words = normalise(decimal_digits(text))
        if not words:
            return None
        labelled = self.exact(text)
        if labelled is not None:
            return labelled
        if re.search(r"\d\s*[-.,/]\s*\d|-\s*\d", bare):
            return None
        return self._by_number(words) or self._by_part(words) or self._by_likeness(words)

    def _by_number(self, words: str) -> str | None:
        """Read "no 2", "dua", "pilih 2 pak" and "2 jarang", but neither "2 kali" nor "2 sering"."""
        tokens = words.split()
        numbers = [token for token in tokens if _as_number(token) in self.numbers]
        if len(numbers) != 1:
            return None
        name = self.numbers[_as_number(numbers[0])]
        rest = [token for token in tokens if token != numbers[0]]
        if all(token in _FILLERS for token in rest):
            return name
        return name if self.exact(" ".join(rest)) == name else None

    def _by_part(self, words: str) -> str | None:
        """Read words that belong to the label of one choice alone, as "keluarga"."""
        given = frozenset(_expanded(words).split()) - (_FILLERS - {"ya", "no"})
        if not any(len(token) > 2 for token in given - _INTENSIFIERS):
            return None
        whose = {
            name for tokens, name in self.tokens if given <= tokens and _same_sense(given, tokens)
        }
        return whose.pop() if len(whose) == 1 else None

    def _by_likeness(self, words: str) -> str | None:
        """Read a misspelled label, if it is like one choice and clearly less like any other."""
        given = _expanded(words)
        if len(given) < 4:
            return None
        best: dict[str, float] = {}
        for form, name in self.labels.items():
            if _same_sense(frozenset(given.split()), frozenset(form.split())):
                likeness = Indel.normalized_similarity(given, form)
                best[name] = max(best.get(name, 0.0), likeness)
        ranked = sorted(best.items(), key=lambda item: item[1], reverse=True)
        if not ranked or ranked[0][1] < CLOSE:
            return None
        if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < CLEARLY:
            return None
        return ranked[0][0]


def read_choice(lexicon: Lexicon, text: str) -> Reading:
    """Read the answer to a question with one choice."""
    name = lexicon.read(text)
    return Reading(name) if name is not None else UNCLEAR


def read_choices(
    lexicon: Lexicon, order: tuple[str, ...], text: str, least: int, most: int | None
) -> Reading:
    """Read the answer to a question with several choices: "1,3", "1 dan 3", "1 3", labels.

    `order` are the names that can be combined; the others ("don't know") stand alone. The answer is
    in the order of the question, each choice once.
    """
    if lexicon.read(text) is None and re.search(r"\d\s*-\s*\d", text):
        return UNCLEAR  # "1-3" may mean two choices or three
    names = _named(lexicon, text)
    if names is None:
        return UNCLEAR
    chosen = tuple(name for name in order if name in names)
    alone = [name for name in dict.fromkeys(names) if name not in order]
    if alone:
        return Reading((alone[0],)) if len(alone) == 1 and not chosen else UNCLEAR
    if not chosen:
        return UNCLEAR
    if len(chosen) < least:
        return Reading(trouble="too_few")
    if most is not None and len(chosen) > most:
        return Reading(trouble="too_many")
    return Reading(chosen)


def read_rank(lexicon: Lexicon, order: tuple[str, ...], text: str, count: int) -> Reading:
    """Read the answer to a question whose choices are put in order: "2,1,3", "2 1 3", "213",
    labels, or a list "1. label".

    `order` are the names that can be ordered, `count` of them; the others ("don't know") stand
    alone. The answer is in the person's own order.
    """
    names = _ordered(lexicon, order, text, count)
    if names is None:
        return Reading(trouble="rank_wrong")
    if len(names) == 1 and names[0] not in order:
        return Reading(tuple(names))
    whole = len(set(names)) == len(names) == count and set(names) <= set(order)
    return Reading(tuple(names)) if whole else Reading(trouble="rank_wrong")


def _ordered(lexicon: Lexicon, order: tuple[str, ...], text: str, count: int) -> list[str] | None:
    """Return the names that a text lists, in its order."""
    figures = decimal_digits(text).strip()
    numbers = lexicon.numbers
    named = [numbers.get(figure) for figure in figures]
    if len(figures) == count > 1 and figures not in numbers and set(named) <= set(order):
        return [name for name in named if name is not None]
    if re.fullmatch(r"\d+(?:\s*[->]+\s*\d+)+", figures):
        parts = re.findall(r"\d+", figures)
        if "-" not in figures or len(parts) > 2:  # "1-3" may mean two choices or three
            return [numbers.get(part, "") for part in parts]
        return None
    numbered = _numbered(lexicon, figures)
    return _named(lexicon, text) if numbered is None else numbered


def _numbered(lexicon: Lexicon, text: str) -> list[str] | None:
    """Read "1. saw 2. hammer", where the numbers are places and the words are choices."""
    items = re.findall(r"(?<!\d)(\d{1,2})\s*[.):]\s*([^\d,;\n]+)", text)
    if len(items) < 2 or [int(place) for place, _ in items] != list(range(1, len(items) + 1)):
        return None
    names = [lexicon.exact(words) for _, words in items]
    return [name for name in names if name is not None] if None not in names else None


def _named(lexicon: Lexicon, text: str) -> list[str] | None:
    """Return the choices that a text names, in its order; None where a part of it is unclear."""
    single = lexicon.read(text)
    if single is not None:
        return [single]
    names: list[str] = []
    for part in _SEPARATORS.split(decimal_digits(text).casefold()):
        if not part.strip():
            continue
        found = [lexicon.read(part)]
        if found == [None]:
            spaced = normalise(part).split()
            found = [lexicon.numbers.get(token) for token in spaced]
        if not found or None in found:
            return None
        names.extend(name for name in found if name is not None)
    return names


def is_skip(text: str) -> bool:
    """Whether a text leaves a question out that needs no answer."""
    return normalise(text) in _SKIP


def read_number(text: str, least: int | None, most: int | None, required: bool) -> Reading:
    """Read the answer to a question for a whole number. "0" is a number where 0 is possible."""
    skips = normalise(text) in _SKIP
    value = read_integer(text)
    if not required and skips and (value is None or (least is not None and value < least)):
        return LEFT_OUT
    if not required and value == 0 and least is None:
        return LEFT_OUT
    if value is None:
        return Reading(trouble="not_a_number")
    if (least is not None and value < least) or (most is not None and value > most):
        return Reading(trouble="out_of_range")
    return Reading(value)


def read_text(text: str, max_chars: int, required: bool) -> Reading:
    """Read an answer in one's own words. One that is too long is refused whole, never cut."""
    words = text.strip()
    if normalise(words) in _SKIP or not words:
        return Reading(trouble="required") if required else LEFT_OUT
    if len(words) > max_chars:
        return Reading(trouble="too_long")
    return Reading(words)


def read_no_file(text: str, required: bool) -> Reading:
    """Read words where a file is wanted: they can only say that there is none."""
    skipped = normalise(text) in _SKIP and not required
    return LEFT_OUT if skipped else Reading(trouble="wrong_file")


def plain_words(text: str) -> str:
    """Return a text normalised, with abbreviations and doubled words ("kdg2") written out."""
    return _expanded(normalise(text))


@lru_cache(maxsize=4096)
def _forms(label: str) -> tuple[str, str]:
    """Return a label as it is found; of labels alone, so that no answer is kept in memory."""
    return normalise(label), plain_words(label)


def _expanded(words: str) -> str:
    """Write abbreviations out and sort intensifiers first: "srg bgt" is "sangat sering"."""
    full: list[str] = []
    for token in words.split():
        stem = token[:-1] if len(token) > 2 and token.endswith("2") else token
        full.extend(_SHORT.get(stem, stem).split() if not stem.isdigit() else [token])
        if stem != token and stem not in _SHORT:
            full.append(stem)
    once = [token for index, token in enumerate(full) if index == 0 or token != full[index - 1]]
    if once and once[-1] == "sangat":
        once = ["sangat", *once[:-1]]
    return " ".join(once)


def _as_number(token: str) -> str:
    value = number_in_words(token)
    return token if value is None else str(value)


def _same_sense(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two word sets agree in what turns a meaning around: negations and figures."""
    if one & _NEGATIONS != other & _NEGATIONS:
        return False
    return {t for t in one if t.isdigit()} == {t for t in other if t.isdigit()}
