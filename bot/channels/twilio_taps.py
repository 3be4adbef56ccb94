"""Buttons and lists as Twilio's contents, which have to be made before a message can use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.channels.base import SendError, Taps
from bot.channels.twilio_content import Contents

_GONE = 20404  # no such resource


class TapContents:
    """The taps among the contents of one Twilio account. All methods raise SendError."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def make(self, name: str, language: str, taps: Taps) -> str:
        """Make a content and return its id (HX…). Within a conversation it needs no approval."""
        samples = dict.fromkeys(taps.variables, "-")
        return self._contents.create(name, language, _types(taps), samples)

    def named(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield (id, name) of all contents whose name begins so."""
        for content in self._contents.every():
            if content.name.startswith(prefix):
                yield content.id, content.name

    def delete(self, content_id: str) -> None:
        """Delete a content; it is no error that it is gone already."""
        try:
            self._contents.delete(content_id)
        except SendError as error:
            if error.code != _GONE:
                raise


def _types(taps: Taps) -> dict[str, Any]:
    """Return what Twilio calls it. A row's description, which it wants, is what can be typed."""
    if taps.kind == "buttons":
        actions = [{"title": one.label, "id": one.value} for one in taps.options]
        return {"twilio/quick-reply": {"body": taps.body, "actions": actions}}
    items = [
        {"item": one.label, "id": one.value, "description": one.value.rpartition(":")[2]}
        for one in taps.options
    ]
    return {"twilio/list-picker": {"body": taps.body, "button": taps.label, "items": items}}
