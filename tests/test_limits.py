"""How long a text is, as those count who carry it."""

from __future__ import annotations

import pytest

from bot.flow.limits import MESSAGE_CHARS, length
from bot.flow.load import load_survey
from bot.flow.source import FlowError
from tests.lint_cases import clean


@pytest.mark.parametrize(
    ("text", "counted"), [("", 0), ("abc", 3), ("é", 1), ("🙂", 2), ("a🙂", 3)]
)
def test_an_emoji_is_two(text, counted):
    assert length(text) == counted


def test_a_message_that_only_its_emoji_make_too_long_is_refused():
    files = clean()
    said = (
        "Terima kasih. Tidak perlu mengirim bukti kepada siapa pun. Percakapan ini boleh dihapus."
    )
    assert said in files["messages.yaml"]
    fits, too_long = "x" * MESSAGE_CHARS, "x" * (MESSAGE_CHARS - 1) + "🙂"
    load_survey(files | {"messages.yaml": files["messages.yaml"].replace(said, fits)})
    with pytest.raises(FlowError, match=f"{MESSAGE_CHARS + 1} characters"):
        load_survey(files | {"messages.yaml": files["messages.yaml"].replace(said, too_long)})
