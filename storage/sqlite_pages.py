"""Reading a SQLite file as bytes: free pages, and records that once were (file format, sqlite.org).

For the audit alone: what it finds here is what anybody finds who copies the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Literal

CHUNK = 1 << 23
# The longest record that is looked for where two chunks meet.
OVERLAP = 1 << 14


def files(path: Path) -> list[Path]:
    """Return the database's files that exist: itself, its log, its journal."""
    names = (path, Path(f"{path}-wal"), Path(f"{path}-journal"))
    return [one for one in names if one.is_file() and one.stat().st_size]


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces that overlap."""
    with path.open("rb") as file:
        tail = b""
        while data := file.read(CHUNK):
            yield tail + data
            tail = data[-OVERLAP:]


def free_pages(path: Path) -> Iterator[bytes]:
    """Yield the pages of a file that belong to no table any more."""
    with path.open("rb") as file:
        header = file.read(100)
        if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
            return
        size = int.from_bytes(header[16:18], "big")
        size = 65536 if size == 1 else size
        trunk = int.from_bytes(header[32:36], "big")
        seen: set[int] = set()
        while trunk and trunk not in seen:
            seen.add(trunk)
            page = _page(file, trunk, size)
            leaves = int.from_bytes(page[4:8], "big")
            # A trunk lists its leaves; whatever it held before may stand behind the list.
            yield page[8 + 4 * leaves :]
            for number in range(min(leaves, size // 4 - 2)):
                yield _page(
                    file, int.from_bytes(page[8 + 4 * number : 12 + 4 * number], "big"), size
                )
            trunk = int.from_bytes(page[:4], "big")


def _page(file: IO[bytes], number: int, size: int) -> bytes:
    file.seek((number - 1) * size)
    return file.read(size)


# What the header of a record says of a value, by what the column holds.
_SHAPES = {
    "whole": rb"[\x00-\x06\x08\x09]",
    "some whole": rb"[\x01-\x06\x08\x09]",
    "long": rb"(?:\x00|[\x0c-\x7f]|[\x81-\xff][\x00-\x7f]|[\x81-\xff][\x80-\xff][\x00-\x7f])",
    "some long": rb"(?:[\x0c-\x7f]|[\x81-\xff][\x00-\x7f]|[\x81-\xff][\x80-\xff][\x00-\x7f])",
}

Shape = Literal["whole", "some whole", "long", "some long"]
"""A column of whole numbers and truth values, or of texts, times and blobs; `some`: never NULL."""


def records(data: bytes, columns: Sequence[Shape]) -> Iterator[list[bytes | int | None]]:
    """Yield what looks like a record of a table whose first column is its integer key.

    Found by the types in its header alone: of a deleted record SQLite overwrites the bytes before
    them. Blobs and texts are given as bytes, whole numbers as such. Records that continue on
    another page are not found.
    """
    # The key is not in the record, so that its type there is NULL.
    pattern = re.compile(rb"\x00" + b"".join(_SHAPES[one] for one in columns[1:]), re.DOTALL)
    start = 0
    while match := pattern.search(data, start):
        start = match.start() + 1
        fields: list[bytes | int | None] = []
        place = match.end()
        for kind in _varints(match[0]):
            length = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]
            fields.append(_value(kind, data[place : place + length]))
            place += length
        if place <= len(data):
            yield fields


def _varints(data: bytes) -> Iterator[int]:
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            yield value
            value = 0


def _value(kind: int, data: bytes) -> bytes | int | None:
    if kind >= 12:
        return data
    if kind in {8, 9}:
        return kind - 8
    return int.from_bytes(data, "big", signed=True) if 0 < kind < 7 else None
