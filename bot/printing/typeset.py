"""Typesetting with typst: a source and data become PDF, PNG or SVG, the same on every machine.

Only the fonts beside this module are used, never what a machine happens to have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

FONTS = Path(__file__).parent / "fonts"
"""The family in `fonts`; templates name it."""

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
    import typst  # noqa: PLC0415 # 40 MB that only printing needs

    try:
        made: Any = typst.compile(
            _whole(source, data, files),
            format=form,
            ppi=float(ppi),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
        )
    except RuntimeError as error:
        raise TypesetError(str(error)) from None
    return [made] if isinstance(made, bytes) else list(made or ())


def ask(
    source: str,
    data: Mapping[str, object],
    label: str,
    files: Mapping[str, bytes] | None = None,
) -> Any:
    """Return what a source has noted as metadata under a label: a measure, for instance.

    Raises TypesetError.
    """
    import typst  # noqa: PLC0415

    try:
        found = typst.query(
            _whole(source, data, files),
            f"<{label}>",
            field="value",
            one=True,
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
        )
    except RuntimeError as error:
        raise TypesetError(str(error)) from None
    return json.loads(found)


def _whole(source: str, data: Mapping[str, object], files: Mapping[str, bytes] | None) -> Any:
    """Return a document and all that it reads, by name; nothing is read from the disk.

    typst takes such a mapping, although its types do not say so.
    """
    return {
        **(files or {}),
        "data.json": json.dumps(data, ensure_ascii=False).encode(),
        "main.typ": source.encode(),
    }
