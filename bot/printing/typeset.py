"""Typesetting with typst: a source and its data become PDF, PNG or SVG.

The machine's own fonts are never used, so that a page looks the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

FONTS = Path(__file__).parent / "fonts"

Form = Literal["pdf", "png", "svg"]


class TypesetError(ValueError):
    """A document could not be set; the text is typst's own, or what a template has said."""


def typeset(
    source: str,
    data: Mapping[str, object],
    *,
    form: Form,
    ppi: int = 144,
    files: Mapping[str, bytes] | None = None,
) -> list[bytes]:
    """Set a typst `source` and return one item for a PDF, one per page for PNG and SVG.

    The source reads `data` with `json("data.json")` and `files` by their names. `ppi` is for PNG.
    Raises TypesetError.
    """
    import typst  # noqa: PLC0415 # large, and only printing needs it

    whole = {
        **(files or {}),
        "data.json": json.dumps(data, ensure_ascii=False).encode(),
        "main.typ": source.encode(),
    }
    try:
        # The stubs do not know that several files may be given.
        made = typst.compile(  # type: ignore[call-overload]
            whole,
            format=form,
            ppi=float(ppi),
            font_paths=[str(FONTS)] if FONTS.is_dir() else [],
            ignore_system_fonts=True,
        )
    except RuntimeError as error:
        raise TypesetError(str(error)) from None
    return [made] if isinstance(made, bytes) else list(made or ())
