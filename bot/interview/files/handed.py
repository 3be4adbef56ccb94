"""A file as it is handed out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """Bytes, what they are, and what the file is called."""

    content: bytes
    mime: str
    name: str
