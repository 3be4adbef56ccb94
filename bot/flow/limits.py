"""What one message on WhatsApp may hold, and how its characters are counted. Pure.

Sources: Twilio's errors 21617 and 63013, Meta's reference of interactive messages.
"""

from __future__ import annotations

MESSAGE_CHARS = 1600
CAPTION_CHARS = 1024  # the text below a picture or document
TAPS_CHARS = 1024  # the text above buttons or a list
BUTTONS, BUTTON_CHARS = 3, 20
ROWS, ROW_CHARS = 10, 24


def length(text: str) -> int:
    """Count as WhatsApp and Twilio do, in UTF-16 units: an emoji is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
