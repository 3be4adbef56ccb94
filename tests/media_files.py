"""Pictures and recordings of nobody, as small as they may be, with what phones write into them."""

from __future__ import annotations

import io
import struct
import zlib
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
    """Return a voice note: the pages of its headers and one of sound, whose tags say `words`."""
    head = b"OpusHead" + bytes([1, 1]) + struct.pack("<HIhB", 312, 16000, 0, 0)
    tags = b"OpusTags" + _counted(b"Telepon " + words) + struct.pack("<I", 1)
    tags += _counted(b"LOCATION=" + words)
    pieces = [tags[at : at + 255 * 255] for at in range(0, len(tags), 255 * 255)]
    pages = [(2, head, True)]
    pages += [(1 if number else 0, one, one is pieces[-1]) for number, one in enumerate(pieces)]
    pages.append((4, b"\xfc" + b"suara" * 20, True))
    return b"".join(_page(number, *page) for number, page in enumerate(pages))


def _page(number: int, kind: int, packet: bytes, ends: bool) -> bytes:
    full, rest = divmod(len(packet), 255)
    segments = b"\xff" * full + (bytes([rest]) if ends else b"")
    header = struct.pack("<4sBBqIII", b"OggS", 0, kind, number * 960, 77, number, 0)
    return header + bytes([len(segments)]) + segments + packet


def _counted(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def lines(**files: tuple[str, int]) -> dict[str, str]:
    """Return what a survey's files have of these: name without dot -> (type, size)."""
    made: dict[str, str] = {}
    for name, (kind, size) in files.items():
        file = name.replace("_", ".")
        made[FOLDER + file] = MediaFile(file, kind, size, f"{len(made):064x}").line
    return made


def mp3() -> bytes:
    """Return a little sound between the tags that programs put before and behind it."""
    tag = b"TIT2" + struct.pack(">I", len(GPS)) + bytes(2) + GPS
    size = bytes([0, 0, len(tag) >> 7, len(tag) & 0x7F])
    head = b"ID3\x04\x00\x00" + size + tag
    ape = b"APETAGEX" + GPS + bytes(24) + b"APETAGEX" + bytes(24)
    return head + b"\xff\xfb\x90\x00" + b"s" * 400 + ape + b"TAG" + GPS.ljust(125, b"\0")


def boxes() -> bytes:
    """Return a voice memo in an m4a, with its date, its title and where it was made."""

    def box(kind: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">I4s", 8 + len(body), kind) + body

    dated = bytes(4) + b"\xd0\xd1\xd2\xd3" * 2 + bytes(80)
    place = box(b"udta", box(b"\xa9xyz", GPS))
    sound = box(b"stbl", box(b"stsd", bytes(16)))
    track = box(b"trak", box(b"tkhd", dated), box(b"mdia", box(b"mdhd", dated), sound), place)
    movie = box(b"moov", box(b"mvhd", dated), track, box(b"meta", GPS))
    return box(b"ftyp", b"M4A ") + movie + box(b"mdat", b"suara" * 20) + box(b"uuid", GPS)


def pdf(*, packed: bool = False) -> bytes:
    """Return a letter whose author, program and place of writing stand in it, in every way."""
    notes = b"<</Author (Warga \\(Contoh\\)) /Creator <5761726761> /Title (Di " + GPS + b")>>"
    xmp = b"<x:xmpmeta><dc:creator>Warga " + GPS + b"</dc:creator></x:xmpmeta>"
    words = b"BT (Isi surat) Tj ET"
    photo = jpeg()
    parts = [
        b"%PDF-1.7\n",
        b"1 0 obj\n" + notes + b"\nendobj\n" if not packed else _part(b"/ObjStm", b"1 0 " + notes),
        _part(b"/Metadata", xmp, packed=packed),
        _part(b"/Page", words, packed=packed),
        b"9 0 obj\n<</Filter /DCTDecode /Length %d>>\nstream\n" % len(photo),
        photo[: photo.rindex(b"MotionPhoto")].ljust(len(photo), b"\0"),
        b"\nendstream\nendobj\ntrailer <</Info 1 0 R>>\n%%EOF\n",
    ]
    return b"".join(parts)


def _part(kind: bytes, body: bytes, *, packed: bool = True) -> bytes:
    if packed:
        body = zlib.compress(body, 1)
    way = b"/Filter /FlateDecode " if packed else b""
    head = b"<</Type %s %s/Length %d>>" % (kind, way, len(body))
    return b"5 0 obj\n" + head + b"\nstream\n" + body + b"\nendstream\nendobj\n"
