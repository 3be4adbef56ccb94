"""What WhatsApp can show to be tapped: its limits, and texts with blanks for what differs.

Limits: Twilio's quick-reply and list-picker within a conversation, Meta's interactive messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.flow.limits import BUTTON_CHARS, BUTTONS, ROW_CHARS, ROWS, TAPS_CHARS, length
from bot.flow.turn import Choice, Message, Tappable


class Blanks:
    """What stands in a text's blanks {{1}}, {{2}} …, in their order, by placeholder."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def put(self, name: str, value: str) -> str:
        """Keep a placeholder's value and return its blank, the same one wherever it stands."""
        self._found.setdefault(name, value)
        return f"{{{{{list(self._found).index(name) + 1}}}}}"

    @property
    def values(self) -> tuple[str, ...]:
        """The values of all blanks."""
        return tuple(self._found.values())

    @property
    def usable(self) -> bool:
        """Whether WhatsApp takes the values: each is one line, and none is empty."""
        return all(value.strip() and len(value.splitlines()) == 1 for value in self.values)


def plain_text(message: Message) -> str:
    """Return a message as plain text, the longest form that it can take."""
    lines = [f"{choice.value}. {choice.label}" for choice in message.choices]
    parts = [message.text, "\n".join(lines), message.footer]
    return "\n\n".join(part for part in parts if part)


def with_taps(
    said: Message,
    kind: str,
    options: tuple[Choice, ...],
    plain: Message,
    blanks: Blanks,
    label: str,
) -> Message:
    """Return a message with what there is to tap, where that fits; else as it is.

    `plain` is the same message with `blanks` for its placeholders, `label` what opens a list.
    """
    fits = misfit(kind, [option.label for option in options], plain_text(said)) is None
    if kind == "text" or not fits or not blanks.usable:
        return said
    body = plain_text(plain)
    if kind == "buttons":
        return replace(said, taps=Tappable("buttons", options, body, blanks.values))
    return replace(said, taps=Tappable("list", options, body, blanks.values, label))


def misfit(kind: str, labels: Sequence[str], body: str) -> tuple[str, str] | None:
    """Return why a message cannot be tapped in this form, and the remedy; None where it can."""
    if kind == "text":
        return None
    most, chars, name = (
        (BUTTONS, BUTTON_CHARS, "buttons") if kind == "buttons" else (ROWS, ROW_CHARS, "rows")
    )
    if not 1 <= len(labels) <= most:
        other = "`list` or `text`" if kind == "buttons" and len(labels) <= ROWS else "`text`"
        return f"{len(labels)} {name}, WhatsApp shows 1 to {most}", f"write {other}"
    for label in labels:
        if "{{" in label or len(label.splitlines()) != 1:
            return f"`{label}` is not one line of fixed words", "write `text`, or other words"
        if length(label) > chars:
            what = f"`{label}` has {length(label)} characters, WhatsApp's {name} hold {chars}"
            return what, "shorten it, or write `text`"
    if length(body) > TAPS_CHARS:
        what = f"up to {length(body)} characters, WhatsApp shows {TAPS_CHARS} with {name}"
        return what, "shorten it, or write `text`"
    return None
