"""Link codes: `K7M2-9QPX` for groups, units and posters, `XXXXX-XXXXX` for one person.

A code is digits and letters of a 31-symbol alphabet (no I, L, O, U, Z), the last symbol a check:
the sum of position weight times value is 0 modulo 31. Because 31 is prime and the weights are all
different, every single wrong symbol and every exchange of two different symbols breaks it. Each
half has a letter and a digit from 2 to 9, so that no word, year, phone number or plate is a code,
also after O is read as 0 and I or L as 1. Codes say where a link leads, never who somebody is.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote_plus

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXY"
PLACE_LENGTH = 8
PERSON_LENGTH = 10

_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}
_FORGIVEN = str.maketrans("OIL", "011")
_LABEL = "Kode:"


@dataclass(frozen=True, slots=True)
class Found:
    """What a text holds: a valid code, or what was probably meant as one, or neither."""

    code: str | None = None
    mistyped: str | None = None


_NOTHING = Found()


def new_code(*, personal: bool = False) -> str:
    """Return a random code as people see it (`K7M2-9QPX`): 33 or 43 bits from `secrets`."""
    length = PERSON_LENGTH if personal else PLACE_LENGTH
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(length - 1))
        symbols = body + _check_symbol(body)
        if _well_mixed(symbols):
            return _dashed(symbols)


def link_text(title: str, code: str, limit: int = 140) -> str:
    """Return what a person sends by following a link, at most `limit` characters.

    WhatsApp's own prefilled texts end at 140. `find(..., strict=True)` knows this form.
    """
    title = " ".join(title.split())
    start, end = "Saya mau mengisi ", f" {_LABEL} {code}"
    room = limit - len(start) - len(end) - 1
    if len(title) > room:
        words = title[:room].rsplit(" ", 1)[0] if " " in title[:room] else title[:room]
        return f"{start}{words.rstrip(' ,.;:')}…{end}"
    return f"{start}{title}.{end}"


def normalise(text: str) -> str | None:
    """Return a code as it is stored, or None: any case, dash or spaces, O for 0, I or L for 1."""
    raw = re.sub(r"[\s\-]", "", text.strip()).upper()
    symbols = raw.translate(_FORGIVEN)
    if len(symbols) not in {PLACE_LENGTH, PERSON_LENGTH} or not _well_mixed(raw):
        return None
    if any(symbol not in _VALUE for symbol in symbols) or _weighed(symbols) != 0:
        return None
    return _dashed(symbols)


_SYMBOL = "[0-9A-Za-z]"
_DASH = r"[-‐‑‒–—−]"
# As our own link says it, and nothing looser.
_OURS = re.compile(
    rf"\bkode\s?:\s?({_SYMBOL}{{4}}-{_SYMBOL}{{4}}|{_SYMBOL}{{5}}-{_SYMBOL}{{5}})(?!{_SYMBOL})",
    re.I,
)
_ANYWHERE = re.compile(
    rf"(?<!{_SYMBOL})(?:({_SYMBOL}{{5}})[\s.]*{_DASH}?[\s.]*({_SYMBOL}{{5}})"
    rf"|({_SYMBOL}{{4}})[\s.]*{_DASH}?[\s.]*({_SYMBOL}{{4}}))(?!{_SYMBOL})"
)
# What somebody meant as a code: after the word, two groups with a dash, or all that was said.
_MEANT = (
    re.compile(
        rf"\b(?:kode|code)\b(?:\s+saya|nya)?\s*[:=]?\s*\*?"
        rf"({_SYMBOL}{{2,8}}(?:\s?{_DASH}\s?{_SYMBOL}{{2,8}})?)(?!{_SYMBOL})",
        re.I,
    ),
    re.compile(rf"(?<![\w-])({_SYMBOL}{{3,6}}\s?{_DASH}\s?{_SYMBOL}{{3,6}})(?![\w-])"),
    re.compile(rf"\A\W*({_SYMBOL}{{4,5}}\s{_SYMBOL}{{4,5}}|{_SYMBOL}{{7,11}})\W*\Z"),
)


def find(text: str, *, strict: bool = False) -> Found:
    """Find a code in what a person sent: a link's text, edited or not, or the code alone.

    A text that was meant as a code but is none gives `mistyped` (as typed, in capitals). With
    `strict` (a free-text question is open) only the form of our own link's text counts, and nothing
    is mistyped: an answer is never taken for a code.
    """
    if "%3A" in text or "%20" in text:  # the address of a link, sent instead of followed
        text = unquote_plus(text)
    if strict:
        ours = (normalise(match[1]) for match in _OURS.finditer(text))
        return next((Found(code) for code in ours if code), _NOTHING)
    for match in _overlapping(text):
        code = normalise("".join(group for group in match.groups() if group))
        if code:
            return Found(code)
    for pattern in _MEANT:
        meant = pattern.search(text)
        if meant and _resembles(meant[1], labelled=pattern is _MEANT[0]):
            return Found(mistyped=re.sub(r"\s+", " ", meant[1]).upper())
    return _NOTHING


def _overlapping(text: str) -> list[re.Match[str]]:
    """Return all places where a code could stand, also two that share a word: `kode K7M2 9QPX`."""
    matches: list[re.Match[str]] = []
    start = 0
    while match := _ANYWHERE.search(text, start):
        matches.append(match)
        # The word after the one that this match began with.
        start = match.end(1) if match[1] else match.end(3)
    return matches


def _resembles(text: str, *, labelled: bool) -> bool:
    """Whether a text looks like a code gone wrong: about as long, digits among the letters.

    Without the dash in its place (or a dash after the word "Kode") two changes between letters and
    digits are asked for, which tells a code from `mulai 2026`.
    """
    groups = [len(group) for group in re.split(_DASH, text.replace(" ", ""))]
    dashed = len(groups) == 2 and (labelled or groups in ([4, 4], [5, 5]))
    symbols = re.sub(rf"[^{_SYMBOL[1:-1]}]", "", text)
    changes = sum(one.isdigit() != other.isdigit() for one, other in pairwise(symbols))
    return PLACE_LENGTH - 1 <= len(symbols) <= PERSON_LENGTH + 1 and changes >= (2 - dashed)


def _well_mixed(symbols: str) -> bool:
    """Whether each half has a letter and a digit that no letter is mistaken for."""
    middle = len(symbols) // 2
    return all(
        re.search(r"[2-9]", half) and re.search(r"[A-HJKMNP-TV-Y]", half)
        for half in (symbols[:middle], symbols[middle:])
    )


def _weighed(symbols: str) -> int:
    """Return the sum that is 0 for a valid code; the last symbol weighs 1."""
    weights = range(len(symbols), 0, -1)
    return (
        sum(weight * _VALUE[symbol] for weight, symbol in zip(weights, symbols, strict=True)) % 31
    )


def _check_symbol(body: str) -> str:
    return ALPHABET[-_weighed(body + ALPHABET[0]) % 31]


def _dashed(symbols: str) -> str:
    middle = len(symbols) // 2
    return f"{symbols[:middle]}-{symbols[middle:]}"
