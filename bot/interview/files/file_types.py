"""What a file is, by its bytes alone: names, and what senders say of them, may be anything."""

from __future__ import annotations


def media_type(content: bytes) -> str:
    """Return the type of a picture, a recording or a PDF; "" for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    return _audio_type(content)


def _audio_type(content: bytes) -> str:
    if content.startswith(b"OggS"):
        # Of what an ogg may hold, WhatsApp takes Opus alone.
        return "audio/ogg" if b"OpusHead" in content[:64] else ""
    if content.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return "audio/amr"
    if content[4:8] == b"ftyp":
        return "" if b"vide" in content else "audio/mp4"
    if content.startswith(b"ID3"):
        return "audio/mpeg"
    if len(content) > 2 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0:
        layer = content[1] & 0x06
        if layer == 0:
            return "audio/aac" if content[1] & 0xF0 == 0xF0 else ""
        return "audio/mpeg" if layer == 0x02 else ""
    return ""
