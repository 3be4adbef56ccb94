"""Addresses, statuses and plain texts: what every channel shares."""

from __future__ import annotations

import re

import pytest

from bot.channels.base import Address, SendError, as_text
from bot.flow.turn import Choice, Message


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("whatsapp:+6281200000001", "phone", "+6281200000001"),
        ("+6281200000001", "phone", "+6281200000001"),
        ("whatsapp:ID.1000000000000001", "bsuid", "ID.1000000000000001"),
        ("ID.ENT.1000000000000001", "parent_bsuid", "ID.ENT.1000000000000001"),
        ("whatsapp:MY." + "a" * 128, "bsuid", "MY." + "a" * 128),
        ("ID.ENT", "bsuid", "ID.ENT"),
    ],
)
def test_an_address_is_recognised_by_its_form(text: str, kind: str, value: str) -> None:
    """Phone numbers, user ids and parent user ids, with and without the channel's name."""
    address = Address.parse(text)
    assert (address.kind, address.value) == (kind, value)
    assert Address.parse(address.whatsapp) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whatsapp:",
        "6281200000001",
        "+0812000000",
        "+12345",
        "+" + "1" * 16,
        "+6281200000001\n",
        "+62812٠٠٠٠٠٠٠",
        "id.1000000000000001",
        "ID.",
        "ID." + "a" * 129,
        "ID.10 00",
        "whatsapp:whatsapp:+6281200000001",
        "messenger:1000000000000001",
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    """A number that somebody mistyped must not get into a log."""
    with pytest.raises(ValueError, match="neither a WhatsApp phone number") as caught:
        Address.parse(text)
    digits = re.sub(r"\D", "", text)
    assert not digits or digits not in str(caught.value).replace("62", "", 1)


def test_text_shows_choices_between_question_and_footer() -> None:
    """Parts are separated by a blank line, and what is not there leaves no gap."""
    choices = (Choice("1", "Ya"), Choice("2", "Tidak"))
    assert as_text(Message("Setuju?", choices, "Balas angka")) == (
        "Setuju?\n\n1. Ya\n2. Tidak\n\nBalas angka"
    )
    assert as_text(Message("Terima kasih")) == "Terima kasih"
    assert as_text(Message("", footer="STOP")) == "STOP"


def test_a_send_error_says_what_to_do() -> None:
    """The outcome is what callers decide by."""
    error = SendError("refused", "refused", 21610)
    assert (str(error), error.outcome, error.code) == ("refused", "refused", 21610)
