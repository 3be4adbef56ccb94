"""Files that somebody sent and something wants: fetched, looked at, sealed, and gone in 30 days.

Nothing is fetched that nobody wants; `bot.interview.provider_log.redaction` deletes every file at
the provider, fetched or not.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID, uuid4

from sqlalchemy import Connection

from bot.channels.base import Logging, MediaRefused
from bot.interview.installation import Installation
from storage.queries import media as queries
from storage.queries.media import MediaRow

MOST_BYTES = 5 * 1024 * 1024
"""A roster of 20,000 people is a tenth of that."""

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
TABLES = frozenset({CSV, XLSX})
"""What a coordinator may send as a roster."""

# What telephones and offices call these files, by what they are. Anything may call itself nothing.
_NAMES = {
    CSV: {CSV, "text/plain", "text/comma-separated-values", "application/csv",
          "application/vnd.ms-excel"},
    XLSX: {XLSX},
    "application/pdf": {"application/pdf"},
    "image/jpeg": {"image/jpeg", "image/jpg"},
    "image/png": {"image/png"},
}  # fmt: skip
_NAMELESS = frozenset({"", "application/octet-stream", "binary/octet-stream"})


def fetch(
    installation: Installation,
    channel: object,
    url: str,
    allowed: Collection[str] = TABLES,
    limit: int = MOST_BYTES,
) -> UUID:
    """Fetch a file that came with a message, keep it sealed and return its id.

    `allowed` are types as `sniffed` names them. Raises MediaRefused where the file is too large, of
    another type, or not what it says it is; SendError where the provider does not give it now.
    """
    if not isinstance(channel, Logging):
        raise MediaRefused("files cannot be fetched from this channel")
    declared, content = channel.log.download(url, limit)
    found = sniffed(content)
    if found not in allowed or declared not in _NAMES[found] | _NAMELESS:
        raise MediaRefused("the file is of a type that is not taken, or not what it says it is")
    media_id = uuid4()

    def work(connection: Connection) -> None:
        key = installation.keys.installation(connection)
        sealed = key.seal(content, f"media:{media_id.hex}")
        today = installation.now().date()
        row = MediaRow(media_id, sealed, key.id, found, len(content), today)
        queries.add(connection, row)

    installation.database.write(work)
    return media_id


def opened(installation: Installation, media_id: UUID) -> tuple[str, bytes]:
    """Return a kept file's type and bytes. Raises LookupError when it is gone, KeyDestroyed."""

    def work(connection: Connection) -> tuple[str, bytes]:
        row = queries.get(connection, media_id)
        if row is None:
            raise LookupError("that file is gone: files are kept for 30 days")
        key = installation.keys.by_id(connection, row.key_id)
        return row.type, key.open_bytes(row.sealed, f"media:{media_id.hex}")

    return installation.database.read(work)


def sniffed(content: bytes) -> str:
    """Name the type of a file by its bytes; "" for none of those that anything could want."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"PK\x03\x04"):
        # The names of a packed file's parts stand unpacked in it.
        return XLSX if b"xl/workbook.xml" in content else ""
    return CSV if _is_text(content) else ""


def _is_text(content: bytes) -> bool:
    """Whether it is a text in one of the encodings that spreadsheets write."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not content.strip() or (b"\x00" in content and not wide):
        return False
    try:
        text = content.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return not any(ord(letter) < 32 and letter not in "\t\r\n" for letter in text[:65_536])
