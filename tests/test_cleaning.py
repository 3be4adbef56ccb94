"""What phones write into pictures, recordings and documents is gone before anything is stored."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from PIL import Image

from bot.interview.files.cleaning import Unclean, clean
from bot.interview.files.file_types import media_type
from tests.media_files import GPS, boxes, jpeg, mp3, ogg, pdf, png


def pixels(content: bytes) -> bytes:
    """Return what is seen of a picture."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB").tobytes()


@pytest.mark.parametrize("turned", [False, True])
def test_a_photo_keeps_its_picture_and_nothing_else(turned: bool) -> None:
    photo = jpeg(turned=turned)
    assert photo.count(GPS) >= 3
    kept = clean("image/jpeg", photo)
    assert GPS not in kept
    assert b"Telepon" not in kept
    assert pixels(kept) == pixels(photo)
    with Image.open(io.BytesIO(kept)) as picture:
        assert dict(picture.getexif()) == ({0x0112: 6} if turned else {}), "which way is up"
        assert "comment" not in picture.info
    assert clean("image/jpeg", kept) == kept


def test_a_drawing_keeps_its_picture_and_nothing_else() -> None:
    kept = clean("image/png", png())
    assert GPS in png()
    assert GPS not in kept
    assert pixels(kept) == pixels(png())
    with Image.open(io.BytesIO(kept)) as picture:
        assert not picture.info.get("Comment")
    assert clean("image/png", kept) == kept


@pytest.mark.parametrize("long", [False, True])
def test_a_voice_note_keeps_its_sound(long: bool) -> None:
    words = GPS * 6000 if long else GPS  # tags longer than a page
    note = ogg(words)
    kept = clean("audio/ogg", note)
    assert GPS not in kept
    assert b"suara" * 20 in kept
    assert kept.count(b"OggS") == 3
    assert [struct.unpack("<I", kept[at + 18 : at + 22])[0] for at in places(kept)] == [0, 1, 2]
    assert media_type(kept) == "audio/ogg"
    assert clean("audio/ogg", kept) == kept


def places(content: bytes) -> list[int]:
    """Return where the pages begin."""
    return [at for at in range(len(content)) if content[at : at + 4] == b"OggS"]


def test_ogg_pages_carry_the_checksum_of_the_standard() -> None:
    # RFC 3533, section 6: a wrong one would make players skip the page. Bit by bit, as there.
    page = clean("audio/ogg", ogg())[:47]
    given = page[22:26]
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value >> 31 else 0)
            value &= 0xFFFFFFFF
    assert struct.pack("<I", value) == given


def test_a_song_file_loses_the_tags_at_both_ends() -> None:
    kept = clean("audio/mpeg", mp3())
    assert kept == b"\xff\xfb\x90\x00" + b"s" * 400


def test_a_memo_loses_names_places_and_dates_and_nothing_moves() -> None:
    memo = boxes()
    kept = clean("audio/mp4", memo)
    assert len(kept) == len(memo)
    assert GPS not in kept
    assert b"\xd0\xd1\xd2\xd3" not in kept, "the date"
    assert kept.index(b"suara" * 20) == memo.index(b"suara" * 20)
    assert b"stsd" in kept


@pytest.mark.parametrize("packed", [False, True])
def test_a_document_loses_its_author_and_keeps_its_words(packed: bool) -> None:
    document = pdf(packed=packed)
    kept = clean("application/pdf", document)
    assert len(kept) == len(document)
    shown = kept + b"".join(unpacked(kept))
    assert b"Warga" not in shown
    assert GPS not in shown
    assert b"(Isi surat) Tj" in shown
    assert clean("application/pdf", kept) == kept


def unpacked(content: bytes) -> list[bytes]:
    """Return every packed part of a PDF."""
    found = []
    for part in content.split(b"stream\n")[1::2]:
        try:
            found.append(zlib.decompressobj().decompress(part))
        except zlib.error:
            continue
    return found


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("image/jpeg", jpeg()[:300]),
        ("image/jpeg", b"\xff\xd8\xff\xe1\x00\x01"),
        ("image/jpeg", b"\xff\xd8\xffnot"),
        ("image/png", png()[:-40]),
        ("image/png", png().replace(b"IDAT", b"IDAX", 1)),
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("audio/ogg", ogg()[:60]),
        ("audio/ogg", ogg()[:47]),
        ("audio/mpeg", b"ID3\x04\x00\x00\x00\x00\x00\x02abnot sound"),
        ("audio/mp4", b"\x00\x00\x00\x18ftypM4A \xff\xff"),
        ("application/pdf", pdf() + b"/Encrypt 1 0 R"),
        ("application/pdf", pdf() + b"/EmbeddedFiles 1 0 R"),
        ("application/pdf", pdf() + b"/Author 9 0 R"),
        ("text/csv", b"a;b"),
    ],
)
def test_what_cannot_be_looked_into_is_not_taken(kind: str, content: bytes) -> None:
    with pytest.raises(Unclean):
        clean(kind, content)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/pdf", b"%PDF-" + b"<<" * 500_000),
        ("application/pdf", b"%PDF-" + b"/Title (" * 200_000),
        ("application/pdf", b"%PDF-" + b"/Title (a)" * 100_000),
        ("application/pdf", b"%PDF-" + b"<x:xmpmeta" * 100_000),
        ("application/pdf", b"%PDF-" + b"<</Length 0>>stream\n" * 50_000),
        ("audio/mpeg", b"ID3\x04\0\0\0\0\0\0" * 100_000),
        ("audio/mpeg", b"\xff\xfb" + (b"TAG" + bytes(125)) * 8_000),
        ("audio/mp4", b"\xff\xff\xff\xffmoov" * 100_000),
        ("audio/ogg", b"OggS" + bytes(22) + b"\0" + (b"OggS" + bytes(23)) * 40_000),
        ("image/jpeg", b"\xff\xd8\xff\xda\x00\x02" + b"\xff" * 1_000_000),
        ("image/png", png()[:33] + (b"\0\0\0\0tEXt" + zlib.crc32(b"tEXt").to_bytes(4)) * 80_000),
    ],
)
def test_nobody_keeps_us_busy_with_a_file(kind: str, content: bytes) -> None:
    # What grows by the square takes hours on these, and the tests have a limit of time.
    with contextlib.suppress(Unclean):
        assert len(clean(kind, content)) <= len(content)


@pytest.mark.parametrize("cut", range(0, 100, 7))
def test_a_damaged_file_is_unclean_or_clean_and_nothing_else_happens(cut: int) -> None:
    for kind, content in (
        ("image/jpeg", jpeg(turned=True)),
        ("image/png", png()),
        ("audio/ogg", ogg()),
        ("audio/mpeg", mp3()),
        ("audio/mp4", boxes()),
        ("application/pdf", pdf(packed=True)),
    ):
        at = len(content) * cut // 100
        for damaged in (content[:at], content[:at] + b"\xff\x00\x01" + content[at + 3 :]):
            try:
                cleaned = clean(kind, damaged)
            except Unclean:
                continue
            assert clean(kind, cleaned) == cleaned
