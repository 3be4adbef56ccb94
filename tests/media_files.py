"""Pictures and recordings of nobody, as small as they may be, with what phones write into them."""

from __future__ import annotations

import io
import struct
from functools import cache

from PIL import Image

from bot.flow.media import FOLDER, MediaFile

GPS = b"-7.4478,112.7183"
"""What no file that is kept may have in it."""


@cache
def jpeg(*, turned: bool = False) -> bytes:
    """Return a picture with a place, a comment, a thumbnail's worth of notes, and a tail."""
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Telepon " + GPS.decode()  # its maker
    if turned:
        exif[0x0112] = 6
    Image.effect_noise((48, 32), 80).save(
        stream, "JPEG", exif=exif.tobytes(), comment=b"di rumah " + GPS, progressive=True
    )
    return stream.getvalue() + b"MotionPhoto" + GPS


@cache
def png() -> bytes:
    """Return a picture with a text about where it was made."""
    from PIL.PngImagePlugin import PngInfo

    stream, notes = io.BytesIO(), PngInfo()
    notes.add_text("Comment", "di rumah " + GPS.decode())
    notes.add_itxt("Location", GPS.decode(), zip=False)
    Image.effect_noise((48, 32), 80).convert("P").save(stream, "PNG", pnginfo=notes)
    return stream.getvalue() + GPS


def ogg(words: bytes = GPS) -> bytes:
    """Return the beginning of a voice note: two pages of headers and one of sound."""
    from bot.interview.cleaning_audio import ogg_page

    head = b"OpusHead" + bytes([1, 1]) + struct.pack("<HIhB", 312, 16000, 0, 0)
    tags = b"OpusTags" + _counted(b"Telepon " + words) + struct.pack("<I", 1)
    tags += _counted(b"LOCATION=" + words)
    pages = ((2, 0, head), (0, 1, tags), (4, 2, b"\xfc" + b"suara" * 20))
    return b"".join(ogg_page(kind, number, number * 960, packet) for kind, number, packet in pages)


def _counted(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def lines(**files: tuple[str, int]) -> dict[str, str]:
    """Return what a survey's files have of these: name without dot -> (type, size)."""
    made = {}
    for name, (kind, size) in files.items():
        file = name.replace("_", ".")
        made[FOLDER + file] = MediaFile(file, kind, size, f"{len(made):064x}").line
    return made
