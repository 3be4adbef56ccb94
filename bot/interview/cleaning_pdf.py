"""PDFs without their notes on author, program, title and time.

Nothing is moved, since a PDF finds its parts by their place: what goes is written over with blanks
(ISO 32000-1, sections 7.5, 14.3). A file in which it cannot all be found is not taken.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from bot.interview.cleaning_audio import Unclean

_NOTES = b"Title|Author|Subject|Keywords|Creator|Producer|CreationDate|ModDate|LastModified|Company"
_NOTE = re.compile(
    rb"/(?:" + _NOTES + rb")\s*"
    rb"(?:\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)|<[0-9A-Fa-f\s]*>)",
    re.DOTALL,
)
_ELSEWHERE = re.compile(rb"/(?:" + _NOTES + rb")\s+\d+\s+\d+\s+R\b")
_STREAM = re.compile(rb"<<((?:(?!\bendobj\b).){0,4000}?)>>\s*stream\r?\n", re.DOTALL)
_LENGTH = re.compile(rb"/Length\s+(\d+)(?!\s+\d+\s+R)")
_XMP = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>|<\?xpacket begin.*?<\?xpacket end[^>]*>", re.DOTALL)
_MOST_UNPACKED = 32 * 1024 * 1024


def clean_pdf(content: bytes) -> bytes:
    """Return a PDF with its notes blanked. Raises Unclean."""
    if re.search(rb"/Encrypt\b", content):
        raise Unclean("an encrypted PDF cannot be looked into")
    if re.search(rb"/EmbeddedFiles?\b", content):
        raise Unclean("a PDF that holds other files")
    made = bytearray(content)
    for match in _STREAM.finditer(content):
        head, begin = match[1], match.end()
        if b"/Metadata" in head or b"/ObjStm" in head:
            end = _end(content, head, begin)
            blank = _blanked if b"/ObjStm" in head else _nothing
            _replace(made, begin, end, blank, packed=b"/FlateDecode" in head)
        elif b"/DCTDecode" in head:
            end = _end(content, head, begin)
            packed = b"/FlateDecode" in head
            _replace(made, begin, end, _blanked_jpeg, packed=packed)
        elif b"/JPXDecode" in head:
            raise Unclean("a PDF with pictures that cannot be looked into")
    whole = _blanked(_XMP.sub(_blanks, bytes(made)))
    if len(whole) != len(content):
        raise Unclean("a part changed its length")
    return whole


def _end(content: bytes, head: bytes, begin: int) -> int:
    length = _LENGTH.search(head)
    end = begin + int(length[1]) if length else content.find(b"endstream", begin)
    if end < begin or end > len(content):
        raise Unclean("a part has no end")
    return end


def _replace(
    made: bytearray, begin: int, end: int, blank: Callable[[bytes], bytes], *, packed: bool
) -> None:
    """Put a part's blanked bytes into its place, which they must not outgrow."""
    given = bytes(made[begin:end])
    if not packed:
        made[begin:end] = blank(given)
        return
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(given, _MOST_UNPACKED)
    except zlib.error:
        raise Unclean("a packed part cannot be read") from None
    if unpacking.unconsumed_tail:
        raise Unclean("a packed part is too large to look into")
    bare = blank(plain)
    if bare == plain:
        return
    again = zlib.compress(bare, 9)
    if len(again) > len(given):
        raise Unclean("a packed part outgrew its place")
    made[begin:end] = again + b"\n" * (len(given) - len(again))


def _blanked_jpeg(plain: bytes) -> bytes:
    """Empty the notes of a picture, which keeps its length: only a photo has them."""
    made = bytearray(plain)
    at = 2
    while made[at : at + 1] == b"\xff" and at + 4 <= len(made) and made[at + 1] != 0xDA:
        marker, end = made[at + 1], at + 2 + int.from_bytes(made[at + 2 : at + 4], "big")
        if end > len(made):
            raise Unclean("a picture is cut off")
        if marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE):
            made[at + 4 : end] = bytes(end - at - 4)
        at = end
    return bytes(made)


def _nothing(plain: bytes) -> bytes:
    return b" " * len(plain)


def _blanked(plain: bytes) -> bytes:
    if _ELSEWHERE.search(plain):
        raise Unclean("notes stand where they cannot be found")
    return _NOTE.sub(_blanks, plain)


def _blanks(match: re.Match[bytes]) -> bytes:
    return b" " * len(match[0])
