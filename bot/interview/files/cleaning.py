"""Files that people sent, without what their phones wrote into them: places, times, names.

Pictures keep what is needed to show them and nothing else. ITU-T T.81 annex B (JPEG markers), EXIF
2.3 (orientation), W3C PNG (third edition, section 11).
"""

from __future__ import annotations

import re
import struct
import zlib

from bot.interview.files.cleaning_audio import Unclean, clean_audio
from bot.interview.files.cleaning_pdf import clean_pdf

__all__ = ["Unclean", "clean"]


def clean(kind: str, content: bytes) -> bytes:
    """Return a file without its metadata; `kind` is its type by its bytes. Raises Unclean."""
    match kind:
        case "image/jpeg":
            return _clean_jpeg(content)
        case "image/png":
            return _clean_png(content)
        case "application/pdf":
            return clean_pdf(content)
    return clean_audio(kind, content)


# --- JPEG -----------------------------------------------------------------------------------------

_SOI, _EOI, _SOS = b"\xff\xd8", 0xD9, 0xDA
_ADOBE = 0xEE  # how the colours are meant
_EXIF = 0xE1
_COMMENT = 0xFE
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # none that a scan itself may hold


def _clean_jpeg(content: bytes) -> bytes:
    """Keep tables, frames and scans up to the picture's end; of the notes, which way is up."""
    if not content.startswith(_SOI):
        raise Unclean("not a JPEG")
    kept = [_SOI]
    at = 2
    while True:
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        if len(content) - at < 2 or content[at] != 0xFF:
            raise Unclean("no marker where one must be")
        marker = content[at + 1]
        if marker == _EOI:
            return b"".join([*kept, content[at : at + 2]])
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(content):
            raise Unclean("a segment is cut off")
        segment = content[at:end]
        if marker == _SOS:
            end = _end_of_scan(content, end)
            kept.append(content[at:end])
        elif marker == _EXIF:
            kept += _only_orientation(segment)
        elif marker == _ADOBE or not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
            kept.append(segment)
        at = end


def _end_of_scan(content: bytes, at: int) -> int:
    """Return where the next marker stands that does not belong to the scan itself."""
    found = _MARKER.search(content, at)
    if found is None:
        raise Unclean("a scan has no end")
    return found.start()


def _only_orientation(segment: bytes) -> list[bytes]:
    """Return a segment that says which way is up, if this one does and it is not the usual way."""
    turned = _orientation(segment[4:])
    if not 2 <= turned <= 8:
        return []
    tiff = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, turned, 0, 0)
    body = b"Exif\x00\x00" + tiff
    return [b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body]


def _orientation(body: bytes) -> int:
    if not body.startswith(b"Exif\x00\x00"):
        return 1
    tiff = body[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
            if tag == 0x0112:
                return int(value)
    except struct.error:
        return 1
    return 1


# --- PNG ------------------------------------------------------------------------------------------

_PNG = b"\x89PNG\r\n\x1a\n"
_SHOWN = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB"})


def _clean_png(content: bytes) -> bytes:
    """Keep the chunks that a picture is shown by, up to its end."""
    if not content.startswith(_PNG):
        raise Unclean("not a PNG")
    kept = [_PNG]
    at = len(_PNG)
    while True:
        if len(content) - at < 12:
            raise Unclean("a PNG has no end")
        length, name = struct.unpack(">I4s", content[at : at + 8])
        end = at + 12 + length
        if end > len(content):
            raise Unclean("a chunk is cut off")
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise Unclean("a chunk is damaged")
        if name in _SHOWN:
            kept.append(content[at:end])
        if name == b"IEND":
            return b"".join(kept)
        at = end
