"""Files that invented people send: one of each kind, made here, of nobody and nothing."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from bot.channels.base import InboundFile, MediaRefused

_PREFIX = "sample:"


def sample(kind: str) -> InboundFile:
    """Return the file of a kind, image, audio or document, as it comes with a message."""
    return InboundFile(_PREFIX + kind, _MIMES[kind])


class SampleFiles:
    """What the simulator's provider has: every sample, always."""

    def download(self, url: str, limit: int) -> tuple[str, bytes]:
        """Return a sample. Raises MediaRefused for anything else."""
        kind = url.removeprefix(_PREFIX)
        if not url.startswith(_PREFIX) or kind not in _MIMES:
            raise MediaRefused("no file of the simulator's")
        content = _CONTENTS[kind]
        if len(content) > limit:
            raise MediaRefused(f"the file is larger than {limit} bytes")
        return _MIMES[kind], content

    def forget(self, url: str) -> None:
        """Forget nothing: samples are no copies."""


def _picture(width: int = 320, height: int = 200) -> bytes:
    """Return a PNG with a sky and a field."""

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + crc

    rows = []
    for y in range(height):
        sky = y < height * 3 // 5
        shade = y * 60 // height
        colour = (
            bytes((140 + shade, 190 + shade // 2, 235)) if sky else bytes((90, 150 - shade, 70))
        )
        rows.append(b"\0" + colour * width)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(rows), 9)
    parts = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


_CONTENTS: Mapping[str, bytes] = {
    "image": _picture(),
    "audio": b"#!AMR\n" + b"\x7c" * 100,  # two seconds of nothing (RFC 4867: no data)
    "document": b"%PDF-1.4\n1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n"
    b"2 0 obj\n<</Type /Pages /Kids [] /Count 0>>\nendobj\ntrailer <</Root 1 0 R>>\n%%EOF\n",
}
_MIMES: Mapping[str, str] = {
    "image": "image/png",
    "audio": "audio/amr",
    "document": "application/pdf",
}
