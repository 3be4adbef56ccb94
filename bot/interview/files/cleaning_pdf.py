"""PDFs without their notes on author, program, title and time.

Nothing is moved, since a PDF finds its parts by their place: what goes is written over with blanks
(ISO 32000-1, sections 7.3.4, 7.5, 14.3). A file in which it cannot all be found is not taken. All
is read once from its beginning to its end: whoever sends a file must not be able to keep us busy.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bot.interview.files.cleaning_audio import Unclean

_NOTE = re.compile(
    rb"/(?:Title|Author|Subject|Keywords|Creator|Producer|CreationDate|ModDate|LastModified|Company)"
    rb"(?![A-Za-z])"
)
_BLANK = b" \t\r\n\f\0"
_XMP = ((b"<x:xmpmeta", b"</x:xmpmeta>"), (b"<?xpacket begin", b"<?xpacket end"))
_LENGTH = re.compile(rb"/Length\s{1,9}(\d{1,10})(?!\d|\s{1,9}\d{1,9}\s{1,9}R)")
_MOST_VALUE = 4096  # bytes of a title or an author
_MOST_PARTS = 20_000
_MOST_HEAD = 2048  # bytes before a part that tell what it is
_MOST_UNPACKED = 64 * 1024 * 1024  # of all parts together

Blank = Callable[[bytes], bytes]


class _Part(NamedTuple):
    """A stream: what stands before it, and where its bytes are."""

    head: bytes
    begin: int
    end: int

    def has(self, *names: bytes) -> bool:
        return any(name in self.head for name in names)


def clean_pdf(content: bytes) -> bytes:
    """Return a PDF with its notes blanked. Raises Unclean."""
    if b"/Encrypt" in content:
        raise Unclean("an encrypted PDF cannot be looked into")
    if b"/EmbeddedFile" in content:
        raise Unclean("a PDF that holds other files")
    made = bytearray(content)
    left = _MOST_UNPACKED
    for part in _parts(content):
        if part.has(b"/JPXDecode"):
            raise Unclean("a PDF with pictures that cannot be looked into")
        blank = _blank_of(part)
        if blank is not None:
            left -= _replace(made, part, blank, left)
    _blank_between(made)
    return _blanked(bytes(made))


def _parts(content: bytes) -> Iterator[_Part]:
    at = found = 0
    while (at := content.find(b"stream", at)) >= 0:
        word, at = at, at + len(b"stream")
        if content[at : at + 1] not in (b"\r", b"\n") or content[word - 3 : word] == b"end":
            continue
        begin = at + (2 if content[at : at + 2] == b"\r\n" else 1)
        before = content[max(0, word - _MOST_HEAD) : word]
        head = before[before.rfind(b"obj") + 3 :]
        length = _LENGTH.search(head)
        end = begin + int(length[1]) if length else content.find(b"endstream", begin)
        if end < begin or end > len(content):
            raise Unclean("a part has no end")
        if (found := found + 1) > _MOST_PARTS:
            raise Unclean("more parts than any letter has")
        yield _Part(head, begin, end)
        at = end


def _blank_of(part: _Part) -> Blank | None:
    """Return what empties a part; None where nobody writes notes into such a one."""
    if part.has(b"/Metadata"):
        return _nothing
    if part.has(b"/ObjStm"):
        return _blanked
    return _blanked_jpeg if part.has(b"/DCTDecode") else None


def _replace(made: bytearray, part: _Part, blank: Blank, most: int) -> int:
    """Put a part's blanked bytes into its place, which they must not outgrow.

    Returns how many bytes it had when unpacked, `most` at most.
    """
    given = bytes(made[part.begin : part.end])
    if not part.has(b"/FlateDecode", b"/Fl "):
        if part.has(b"/Filter") and not part.has(b"/DCTDecode"):
            raise Unclean("a part is packed in a way that cannot be looked into")
        made[part.begin : part.end] = blank(given)
        return 0
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(given, max(most, 1))
    except zlib.error:
        raise Unclean("a packed part cannot be read") from None
    if unpacking.unconsumed_tail:
        raise Unclean("the packed parts are too large to look into")
    bare = blank(plain)
    if bare != plain:
        again = zlib.compress(bare, 9)
        if len(again) > len(given):
            raise Unclean("a packed part outgrew its place")
        made[part.begin : part.end] = again + b"\n" * (len(given) - len(again))
    return len(plain)


def _blank_between(made: bytearray) -> None:
    """Empty every packet of XMP that stands open in the file."""
    for first, last in _XMP:
        at = 0
        while (at := made.find(first, at)) >= 0:
            end = made.find(last, at)
            if end < 0:
                raise Unclean("a packet of notes has no end")
            end += len(last)
            made[at:end] = b" " * (end - at)
            at = end


def _nothing(plain: bytes) -> bytes:
    return b" " * len(plain)


def _blanked(plain: bytes) -> bytes:
    """Empty the value of every note."""
    made = bytearray(plain)
    at = 0
    while (found := _NOTE.search(plain, at)) is not None:
        at = _end_of_value(plain, found.end())
        if at > found.end():
            made[found.start() : at] = b" " * (at - found.start())
    return bytes(made)


def _end_of_value(plain: bytes, at: int) -> int:
    """Return where a text ends that stands here; `at` where something else does."""
    begin = at
    while at < begin + 64 and plain[at : at + 1] and plain[at] in _BLANK:
        at += 1
    sign = plain[at : at + 1]
    if sign.isdigit():
        raise Unclean("a note stands where it cannot be found")
    if sign == b"<" and plain[at + 1 : at + 2] != b"<":
        end = plain.find(b">", at, at + _MOST_VALUE)
        if end < 0:
            raise Unclean("a note has no end")
        return end + 1
    return _end_of_text(plain, at) if sign == b"(" else begin


def _end_of_text(plain: bytes, at: int) -> int:
    depth, stop = 0, at + _MOST_VALUE
    while at < min(stop, len(plain)):
        match plain[at : at + 1]:
            case b"\\":
                at += 1
            case b"(":
                depth += 1
            case b")":
                depth -= 1
        at += 1
        if depth == 0:
            return at
    raise Unclean("a note has no end")


def _blanked_jpeg(plain: bytes) -> bytes:
    """Empty the notes of a picture, which keeps its length: only a photo has them."""
    made = bytearray(plain)
    at = 2
    while made[at : at + 1] == b"\xff" and at + 4 <= len(made) and made[at + 1] != 0xDA:
        marker, end = made[at + 1], at + 2 + int.from_bytes(made[at + 2 : at + 4], "big")
        if end > len(made) or end < at + 4:
            raise Unclean("a picture is cut off")
        if marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE):
            made[at + 4 : end] = bytes(end - at - 4)
        at = end
    return bytes(made)
