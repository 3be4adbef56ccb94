"""QR codes that survive dirt and folds: error correction H, a quiet zone of four modules."""

from __future__ import annotations

import io

import segno

QUIET = 4
PIXELS = 20  # of a module in a PNG: sharp up to the size of a poster


class TooLong(ValueError):
    """A text does not fit into a QR code of this strength."""


def qr_svg(text: str, *, alone: bool = False) -> bytes:
    """Return a QR code as SVG; `alone` as a file of its own, else to be placed. Raises TooLong."""
    out = io.BytesIO()
    _code(text).save(
        out, kind="svg", border=QUIET, scale=10 if alone else 1, xmldecl=alone, omitsize=not alone
    )
    return out.getvalue()


def qr_png(text: str) -> bytes:
    """Return a QR code as PNG. Raises TooLong."""
    out = io.BytesIO()
    _code(text).save(out, kind="png", border=QUIET, scale=PIXELS, dpi=600)
    return out.getvalue()


def _code(text: str) -> segno.QRCode:
    try:
        return segno.make_qr(text, error="h", boost_error=False)
    except segno.DataOverflowError:
        what = f"{len(text)} characters are too many for a QR code: use a shorter address"
        raise TooLong(what) from None
