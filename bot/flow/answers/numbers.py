"""Numbers with decimals as people write them, in the Indonesian and the English way.

A mark between figures may part thousands or decimals: "1.000" is a thousand here and one there. All
that a text can mean is returned, so that whoever asks can tell whether it is certain.
"""

from __future__ import annotations

import re
from decimal import Decimal

from bot.flow.answers.numerals import HEAD, SCALES, number_in_words, number_tokens

MAX_DIGITS = 15  # what a float holds exactly

_POINTED = frozenset({"en"})  # languages that write 2.5; the others write 2,5
_MARKS = frozenset({"koma", "comma", "point"})
_MINUS = frozenset({"minus", "min", "negatif", "-"})
_FRACTIONS = {"½": ",5", "¼": ",25", "¾": ",75"}
_HALVES = (("and", "a", "half"), ("setengah",))


def read_numbers(text: str) -> tuple[Decimal, ...]:
    """Return every number that a text can mean: none, one, or two.

    "2,5", "2.5", "1.000,5", "1,000.5", "Rp 1.000.000", "2,5 juta", "dua koma lima" and "dua
    setengah" mean one; "1.000" and "1,000" mean two. A number has the decimals that were written.
    """
    if len(text) > 80:
        return ()
    for sign, figures in _FRACTIONS.items():
        text = text.replace(sign, figures)
    tokens = number_tokens(text)
    if tokens and tokens[0] in _MINUS:
        return tuple(-value for value in _unsigned(tokens[1:]) if value > 0)
    return tuple(value + 0 for value in _unsigned(tokens))  # "-0" is 0


def _unsigned(tokens: list[str]) -> tuple[Decimal, ...]:
    if not tokens:
        return ()
    scale = Decimal(1)
    if len(tokens) > 1 and tokens[-1] in SCALES:
        whole = _in_words(tokens)  # "dua puluh lima ribu" is a number of its own
        if whole is not None:
            return (whole,)
        scale, tokens = Decimal(SCALES[tokens[-1]]), tokens[:-1]
    found = _figures(tokens) if len(tokens) == 1 else ()
    found = found or _spoken(tokens)
    scaled = found if scale == 1 else tuple(_tidy(value * scale) for value in found)
    return tuple(value for value in scaled if abs(value) < 10**MAX_DIGITS)


def _figures(tokens: list[str]) -> tuple[Decimal, ...]:
    """Read "1.000,5", "rp2,5" and "2,5jt"."""
    head = HEAD.fullmatch(tokens[0])
    if head is None:
        plain = re.fullmatch(r"[+-]?[.,][0-9]+", tokens[0])
        return _marked(tokens[0]) if plain else ()
    found = _marked(head[1])
    if head[2] in SCALES:
        return tuple(_tidy(value * SCALES[head[2]]) for value in found)
    return found


def _marked(figures: str) -> tuple[Decimal, ...]:
    """Return what figures with marks can mean."""
    sign = "-" if figures[0] == "-" else ""
    figures = figures.lstrip("+-")
    marks = [char for char in figures if char in ".,"]
    if not 0 < len(figures) - len(marks) <= MAX_DIGITS:
        return ()
    if not marks:
        return (Decimal(sign + figures),)
    last = marks[-1]
    found = []
    if marks.count(last) == 1:
        whole, _, part = figures.rpartition(last)
        other = "," if last == "." else "."
        if part and (len(marks) == 1 or _is_grouped(whole, other)):
            found.append(Decimal(f"{sign}{whole.replace(other, '') or 0}.{part}"))
    if len(set(marks)) == 1 and _is_grouped(figures, last):
        found.append(Decimal(sign + figures.replace(last, "")))
    return tuple(found)


def _is_grouped(figures: str, mark: str) -> bool:
    """Whether a mark parts figures into thousands, as nobody parts "0.500"."""
    first, *others = figures.split(mark)
    grouped = others and all(len(group) == 3 and group.isdigit() for group in others)
    return bool(grouped and 1 <= len(first) <= 3 and first.isdigit() and first[0] != "0")


def _spoken(tokens: list[str]) -> tuple[Decimal, ...]:
    """Read "dua koma lima", "2 point 50", "dua setengah", "two and a half" and "dua puluh"."""
    for half in _HALVES:
        if tuple(tokens[-len(half) :]) == half:
            before = tokens[: -len(half)]
            whole = _in_words(before) if before else Decimal(0)
            return () if whole is None else (whole + Decimal("0.5"),)
    for place, token in enumerate(tokens):
        if token in _MARKS:
            whole, part = _in_words(tokens[:place]), _digits(tokens[place + 1 :])
            known = whole is not None and part and len(str(whole) + part) <= MAX_DIGITS
            return (Decimal(f"{whole}.{part}"),) if known else ()
    whole = _in_words(tokens)
    return () if whole is None else (whole,)


def _in_words(tokens: list[str]) -> Decimal | None:
    """Read a whole number in words or figures, without a mark."""
    if len(tokens) == 1 and re.fullmatch(r"[+-]?[0-9]{1,15}", tokens[0]):
        return Decimal(tokens[0])
    value = number_in_words(" ".join(tokens).replace("-", " "))
    return None if value is None else Decimal(value)


def _digits(tokens: list[str]) -> str:
    """Read what is said after the mark: "25" or "dua lima"; "" for anything else."""
    if len(tokens) == 1 and re.fullmatch(r"[0-9]{1,14}", tokens[0]):
        return tokens[0]
    said = [number_in_words(token) for token in tokens]
    return "".join(str(one) for one in said) if all(one in range(10) for one in said) else ""


def _tidy(value: Decimal) -> Decimal:
    """Return a number without decimals that are nothing."""
    value = value.normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value


def exact(value: float) -> Decimal:
    """Return a stored number as it was given: 0.1 is a tenth."""
    return _tidy(Decimal(str(value)))


def places_of(value: Decimal) -> int:
    """Return how many decimals a number has, as written."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def shown(value: float | Decimal, language: str) -> str:
    """Return a number as it is read: "1.000,5", in English "1,000.5"."""
    value = exact(value) if isinstance(value, float | int) else _tidy(value)
    text = f"{value:,f}"
    return text if language in _POINTED else text.translate(str.maketrans(",.", ".,"))


def typed(value: float | Decimal, language: str) -> str:
    """Return a number so that it can be typed and means nothing else: "1000,5", "1 koma 234"."""
    value = exact(value) if isinstance(value, float | int) else _tidy(value)
    pointed = language in _POINTED
    text = f"{value:f}".replace(".", "." if pointed else ",")
    if len(read_numbers(text)) > 1:
        whole, _, part = f"{value:f}".partition(".")
        return f"{whole} {'point' if pointed else 'koma'} {part}"
    return text
