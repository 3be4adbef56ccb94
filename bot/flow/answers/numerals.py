"""Whole numbers as people write them, in figures or in Indonesian or English words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_UNITS: Mapping[str, int] = {
    word: value
    for value, words in enumerate(
        (
            "nol kosong zero",
            "satu one",
            "dua two",
            "tiga three",
            "empat four",
            "lima five",
            "enam six",
            "tujuh seven",
            "delapan eight",
            "sembilan nine",
            "sepuluh ten",
            "sebelas eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        )
    )
    for word in words.split()
}
_TENS: Mapping[str, int] = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
SCALES: Mapping[str, int] = {
    "ribu": 1_000,
    "rb": 1_000,
    "thousand": 1_000,
    "juta": 1_000_000,
    "jt": 1_000_000,
    "million": 1_000_000,
}
_ONE_OF: Mapping[str, str] = {"seratus": "satu ratus", "seribu": "satu ribu", "sejuta": "satu juta"}

# What may stand beside a number without changing it. "lebih", "hampir" or "bulan" would.
_FILLERS = frozenset(
    word
    for words in (
        "ada sekitar kira umur usia saya orang org pegawai tahun thn th kali x buah unit rupiah rp",
        "persen pak bu bapak ibu ya about people persons person years year times",
    )
    for word in words.split()
)

HEAD = re.compile(r"(?:rp)?([+-]?[\d.,]+)(rb|ribu|jt|juta|x|th|thn|org)?")
"""Figures, and what may be written to them without a blank."""

# Groups of three are thousands in either style; any other separator makes it no whole number.
_FIGURES = re.compile(r"[+-]?(?:\d{1,15}|\d{1,3}(?:\.\d{3}){1,4}|\d{1,3}(?:,\d{3}){1,4})")


def decimal_digits(text: str) -> str:
    """Return a text whose digits of any script and form ("２", "2️⃣", "٢") are plain ones."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in folded
        if char not in "\ufe0f\u20e3"
    )


def read_integer(text: str) -> int | None:
    """Return the one whole number that a text means, or None where it could mean several or none.

    "25", "25 orang", "1.000", "Rp 25 ribu", "dua puluh lima" and "twenty-five" are read;
    "20-25", "2,5", "lebih dari 25" and "25 tahun 3 bulan" are not.
    """
    tokens = number_tokens(text)
    if not tokens:
        return None
    head = HEAD.fullmatch(tokens[0])
    if head:
        return _figures(head[1], [*([head[2]] if head[2] in SCALES else []), *tokens[1:]])
    return number_in_words(" ".join(tokens).replace("-", " "))


def number_tokens(text: str) -> list[str]:
    """Return the words and figures of a text that may change what number it means."""
    words = decimal_digits(text).casefold().replace("%", " persen ").replace("rp.", "rp ")
    tokens = [token.strip("!?;:()*_\"' ") for token in words.split()]
    tokens = [token.rstrip(".,") for token in tokens]
    return [token for token in tokens if token and token not in _FILLERS]


def _figures(figures: str, rest: list[str]) -> int | None:
    if not _FIGURES.fullmatch(figures):
        return None
    value = int(figures.replace(".", "").replace(",", ""))
    if not rest:
        return value
    if len(rest) == 1 and rest[0] in SCALES:
        return value * SCALES[rest[0]]
    return None


def number_in_words(text: str) -> int | None:
    """Return the number that Indonesian or English words spell, or None."""
    total = group = 0
    last = 0  # the size of the last part: parts of one group must shrink
    words = [part for word in text.split() for part in _ONE_OF.get(word, word).split()]
    for word in words:
        if word in _UNITS:
            value = _UNITS[word]
            if last == 1 or (last and value == 0) or (last == 10 and value >= 10):
                return None
            group, last = group + value, 1
        elif word in _TENS:
            if last not in (0, 100):
                return None
            group, last = group + _TENS[word], 10
        elif word in ("belas", "puluh"):
            unit = group % 10
            if last != 1 or not unit or group % 100 >= 10:
                return None
            group += 10 if word == "belas" else unit * 9
            last = 1 if word == "belas" else 10
        elif word in ("ratus", "hundred"):
            if last != 1 or not 0 < group < 10:
                return None
            group, last = group * 100, 100
        elif word in SCALES:
            if not group or (total and total % (SCALES[word] * 1000)):
                return None
            total, group, last = total + group * SCALES[word], 0, 0
        elif word in ("and", "dan") and last == 100:
            continue
        else:
            return None
    return total + group if words else None
