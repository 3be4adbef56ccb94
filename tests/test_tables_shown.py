"""Tables as commands show them: in a window of any width, and in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.commands.common import counted, table

HEADS = ["unit", "group", "rows", "to invite", "invited or in conversation", "no number"]
ROW = ["Kabupaten Barito Timur", "eksternal", 120, 110, 10, 3]


def shown(columns: int | None, heads: Sequence[str], *rows: Sequence[Any]) -> str:
    """Return a table as it is printed in a window of so many columns; None: in a pipe."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("COLUMNS", raising=False)
        if columns is not None:
            environment.setenv("COLUMNS", str(columns))
        made = table("Launch", list(heads), [list(row) for row in rows])
    console = Console(width=columns or 1000)
    with console.capture() as caught:
        console.print(made)
    return caught.get()


def words(text: str) -> set[str]:
    return set(text.replace("│", " ").replace("┃", " ").split())


def test_a_pipe_has_no_edge() -> None:
    long = "kata " * 100
    assert any(long.strip() in line for line in shown(None, ["a", "b"], [long, 1]).splitlines())


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_lines_break_between_words_and_end_within_the_window(columns: int) -> None:
    text = shown(columns, HEADS, ROW)
    assert words(" ".join(map(str, [*HEADS, *ROW]))) <= words(text)
    assert max(map(len, text.splitlines())) <= columns


def test_where_even_the_words_are_too_many_the_longest_is_broken() -> None:
    row = ["integritas", "reminder_partial", "id", "list", "HX" + "1" * 32, "2026-11-24"]
    text = shown(80, ["survey", "about", "language", "kind", "id", "used_on"], row)
    assert {"integritas", "reminder_partial", "language", "2026-11-24"} <= words(text)
    assert "HX11111111111 " in text


def test_in_a_very_narrow_window_each_row_is_a_list() -> None:
    text = shown(40, HEADS, ROW, ROW)
    assert "│ rows " in text
    assert text.count("│ 120") == 2


@given(
    st.lists(st.lists(st.text("qb ", max_size=30), min_size=3, max_size=3), max_size=3),
    st.integers(20, 90),
)
def test_no_letter_is_ever_lost(rows: list[list[str]], columns: int) -> None:
    text = shown(columns, ["x", "y", "z"], *rows)
    assert text.count("q") == sum(cell.count("q") for row in rows for cell in row)


def test_one_thing_is_not_said_as_many() -> None:
    assert [counted(1, "day"), counted(0, "day"), counted(2, "person", "people")] == [
        "1 day",
        "0 days",
        "2 people",
    ]
