"""Recordings without what phones and programs write into them: places, names, times.

Only what tells of the recording goes; the sound stays as it is. RFC 3533 (ogg), RFC 7845 (Opus),
id3.org (ID3v2.4, sections 3.1 and 4; ID3v1), ISO/IEC 14496-12 (boxes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_TAGS = b"OpusTags"
_CHECK_AT = 22  # where an ogg page has its checksum


class Unclean(ValueError):
    """A file that cannot be read well enough to be sure of what is in it."""


def clean_audio(kind: str, content: bytes) -> bytes:
    """Return a recording without its tags. Raises Unclean."""
    match kind:
        case "audio/ogg":
            return _clean_ogg(content)
        case "audio/mpeg" | "audio/aac":
            return _without_id3(content)
        case "audio/mp4":
            return _clean_boxes(content)
        case "audio/amr":
            return content
    raise Unclean("no recording of a kind that can be cleaned")


# --- ogg ------------------------------------------------------------------------------------------


def _clean_ogg(content: bytes) -> bytes:
    """Replace the packet with the tags, which begins the second page, by one without any."""
    pages = list(_pages(content))
    if len(pages) < 2 or not pages[1][2].startswith(_TAGS):
        raise Unclean("an ogg without Opus's tags where they must be")
    empty = _TAGS + struct.pack("<II", 0, 0)
    kept = []
    inside = False  # the tags' packet goes on
    for number, (header, segments, body) in enumerate(pages):
        if number == 1 or inside:
            inside = segments[-1:] == b"\xff"
            if not inside and sum(1 for one in segments if one < 255) != 1:
                raise Unclean("sound stands in one page with the tags")
            continue
        kept.append((header[5], struct.unpack("<q", header[6:14])[0], segments, body))
    if inside:
        raise Unclean("the tags have no end")
    kept.insert(1, (0, 0, bytes([len(empty)]), empty))
    return b"".join(
        _page(kind, number, position, segments, body)
        for number, (kind, position, segments, body) in enumerate(kept)
    )


def _pages(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield header, table of segments and body of each page; what follows the last is left out."""
    at = 0
    while content[at : at + 4] == b"OggS":
        header = content[at : at + 27]
        if len(header) < 27:
            raise Unclean("a page is cut off")
        segments = content[at + 27 : at + 27 + header[26]]
        begin = at + 27 + header[26]
        end = begin + sum(segments)
        if len(segments) < header[26] or end > len(content):
            raise Unclean("a page is cut off")
        yield header, segments, content[begin:end]
        at = end


def _page(kind: int, number: int, position: int, segments: bytes, body: bytes) -> bytes:
    # The serial number may name the device that made it: always 1.
    header = struct.pack("<4sBBqIII", b"OggS", 0, kind, position, 1, number, 0)
    page = bytearray(header + bytes([len(segments)]) + segments + body)
    page[_CHECK_AT : _CHECK_AT + 4] = struct.pack("<I", _checksum(bytes(page)))
    return bytes(page)


def _table() -> tuple[int, ...]:
    made = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        made.append(value & 0xFFFFFFFF)
    return tuple(made)


_TABLE = _table()


def _checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


# --- mp3 and aac ----------------------------------------------------------------------------------


def _without_id3(content: bytes) -> bytes:
    """Cut the tags off both ends, however many there are."""
    begin, end = 0, len(content)
    while content[begin : begin + 3] == b"ID3" and end - begin >= 10:
        size = 0
        for byte in content[begin + 6 : begin + 10]:
            size = size << 7 | byte & 0x7F
        begin += 10 + size + (10 if content[begin + 5] & 0x10 else 0)
    ape = content.find(b"APETAGEX", begin)
    if ape >= 0:
        end = ape
    while end - begin >= 128 and content[end - 128 : end - 125] == b"TAG":
        end -= 128
    if content[begin : begin + 1] != b"\xff" or end <= begin:
        raise Unclean("no sound where the tags end")
    return content[begin:end]


# --- m4a ------------------------------------------------------------------------------------------

_NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_SOUND = frozenset(
    {b"ftyp", b"mdat", b"vmhd", b"smhd", b"hdlr", b"dinf", b"stsd", b"stts", b"stsc", b"stsz"}
    | {b"stco", b"co64", b"edts", b"sgpd", b"sbgp", b"moof", b"mvex", b"sidx"}
)
_DEEPEST = 8
_DATED = frozenset({b"mvhd", b"tkhd", b"mdhd"})


def _clean_boxes(content: bytes) -> bytes:
    """Empty every box that does not carry the sound, and its dates; places stay as they are."""
    made = bytearray(content)
    _empty_boxes(made, 0, len(made), _DEEPEST)
    return bytes(made)


def _empty_boxes(made: bytearray, at: int, end: int, deep: int) -> None:
    if deep == 0:
        raise Unclean("boxes in boxes, more than any recording has")
    while at < end:
        size, kind = struct.unpack(">I4s", made[at : at + 8]) if end - at >= 8 else (0, b"")
        begin = at + 8
        if size == 1 and end - at >= 16:
            (size,) = struct.unpack(">Q", made[at + 8 : at + 16])
            begin = at + 16
        if size < begin - at or at + size > end:
            raise Unclean("a box that does not end where it says")
        if kind in _NESTED:
            _empty_boxes(made, begin, at + size, deep - 1)
        elif kind in _DATED:
            wide = 16 if made[begin : begin + 1] == b"\x01" else 8
            if begin + 4 + wide > at + size:
                raise Unclean("a box is cut off")
            made[begin + 4 : begin + 4 + wide] = bytes(wide)
        elif kind not in _SOUND:
            made[at + 4 : at + 8] = b"free"
            made[begin : at + size] = bytes(at + size - begin)
        at += size
