"""Posters: what one says, and how many of them become one file to be printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bot.printing.qr import qr_svg
from bot.printing.typeset import ask, typeset

HERE = Path(__file__).parent

PosterForm = Literal["a4", "a5", "tent", "stickers"]
"""A4 and A5 sheets, a table tent folded from A4, A4 with eight stickers of one poster."""

FORMS: tuple[PosterForm, ...] = get_args(PosterForm)

Pictogram = Literal["scan", "send", "reply", "open", "fill"]
"""A step of the story that a poster tells; its words are the line of the same name."""

CHAT: tuple[Pictogram, ...] = ("scan", "send", "reply")
SITE: tuple[Pictogram, ...] = ("scan", "open", "fill")


class DoesNotFit(ValueError):
    """The words of a poster are too long for its form."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a poster says in one language.

    `lines` are title, headline, purpose, secrecy, at_home, by_hand, check, expiry, and one for each
    step; `*word*` is bold.
    """

    language: str
    lines: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Poster:
    """One poster: its words in one or more languages (the first one largest) and its QR code.

    `typed` is what people type who cannot scan, a code or an address; `place` says where the poster
    hangs, for whoever carries it there.
    """

    organiser: str
    wordings: tuple[Wording, ...]
    steps: tuple[Pictogram, ...]
    qr: str
    typed: str
    place: str


def print_posters(posters: Sequence[Poster], form: PosterForm) -> bytes:
    """Return all posters as one PDF. Raises DoesNotFit, qr.TooLong."""
    return typeset(*_document(posters, form), form="pdf", files=_pictograms())[0]


def picture_posters(posters: Sequence[Poster], form: PosterForm, ppi: int = 100) -> list[bytes]:
    """Return the same as pictures, one PNG a page, to be looked at on a screen."""
    return typeset(*_document(posters, form), form="png", ppi=ppi, files=_pictograms())


def _document(posters: Sequence[Poster], form: PosterForm) -> tuple[str, dict[str, object]]:
    """Return the template and its data, with the size of words at which every poster fits."""
    source = (HERE / "posters.typ").read_text(encoding="utf-8")
    # Measuring costs more than all else, so it is done for those alone with the longest lines.
    longest = [_plain(poster) for poster in _longest(posters)]
    measured = {"form": form, "posters": longest}
    scale = float(ask(source, measured, "scale", _pictograms()))
    if not scale:
        raise DoesNotFit("the words of a poster do not fit: shorten them, or print fewer languages")
    return source, {
        "form": form,
        "posters": [_plain(poster) for poster in posters],
        # Shorter words may still break in an odder place.
        "scale": scale - 0.04 if len(longest) < len(posters) else scale,
    }


def _longest(posters: Sequence[Poster]) -> list[Poster]:
    """Return, for every line that posters have, the one in which it is longest."""
    longest: dict[tuple[int, str], tuple[int, Poster]] = {}
    for poster in posters:
        lines = {
            (place, name): len(words)
            for place, wording in enumerate(poster.wordings)
            for name, words in wording.lines.items()
        }
        lines[-1, "typed"] = len(poster.typed)
        lines[-1, "place"] = len(poster.place)
        for key, size in lines.items():
            if size > longest.get(key, (-1, poster))[0]:
                longest[key] = (size, poster)
    return list({id(poster): poster for _, poster in longest.values()}.values())


def _plain(poster: Poster) -> dict[str, object]:
    """Return a poster as the template reads it."""
    return {
        "organiser": poster.organiser,
        "languages": [{"code": one.language, **one.lines} for one in poster.wordings],
        "steps": list(poster.steps),
        "qr": qr_svg(poster.qr).decode(),
        "typed": poster.typed,
        "place": poster.place,
    }


def _pictograms() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (HERE / "pictograms").glob("*.svg")}
