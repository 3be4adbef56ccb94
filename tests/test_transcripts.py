"""Every dialogue beside the bundled survey goes as written, and the player finds what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.channels.base import as_text
from bot.flow.source import FlowError
from bot.flow.state import Status
from bot.flow.transcript import Result, play, read_transcript, rewrite
from tests.surveys import BUNDLED, bundled, small

FILES = sorted((BUNDLED / "tests").glob("*.yaml"))

SHORT = """\
# A person under age.

survey: coba
group: internal
language: id
script:
- open: true
- user: setuju
- tap: setuju_kah:1
- user: "12"
- user: 1, 4
- user: tang
- send: media
- user: "0"
- wait: 30d
end: {status: finished, answers: {setuju_kah: "1", usia: "12", alat: ["1", "4"], alat_lain: tang}}
"""


def played(text: str) -> Result:
    return play(small(), read_transcript("x.yaml", text), as_text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_transcript_of_the_bundled_survey_goes_as_written(path: Path) -> None:
    result = play(bundled(), read_transcript(path.name, path.read_text(encoding="utf-8")), as_text)
    assert result.passed, "\n".join(result.differences)


def test_every_bundled_flow_has_a_transcript_that_completes() -> None:
    completed = set()
    for path in FILES:
        transcript = read_transcript(path.name, path.read_text(encoding="utf-8"))
        if transcript.end is not None and transcript.end.status == "finished":
            completed.add(transcript.group)
    assert completed == set(bundled().groups)


def test_the_bots_side_is_written_anew_and_then_passes() -> None:
    first = played(SHORT)
    assert not first.passed
    assert first.state.status is Status.FINISHED
    written = rewrite(SHORT, first)
    assert written.startswith("# A person under age.\n\nsurvey: coba\n")
    assert "\n- open: true\n" in written
    assert "1. Palu\n" in written
    again = played(written)
    assert again.passed
    assert rewrite(written, again) == written


def test_a_changed_word_shows_as_a_difference() -> None:
    written = rewrite(SHORT, played(SHORT))
    result = played(written.replace("1. Palu", "1. Martil"))
    assert not result.passed
    assert any(line.startswith("-") and "Martil" in line for line in result.differences)
    assert any(line.startswith("+") and "Palu" in line for line in result.differences)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("status: finished", "status: asking", "status: written asking, played finished"),
        ("usia: '12'", "usia: '13'", "answer usia: written 13, played 12"),
        ("alat_lain: tang", "alat_lain: obeng", "answer alat_lain: written obeng, played tang"),
        ("  alat_lain: tang\n", "", "answer alat_lain: written None, played tang"),
        ("- send: media\n", "- send: reaction\n", "-send: media"),
    ],
)
def test_another_end_or_line_is_told(old: str, new: str, words: str) -> None:
    written = rewrite(SHORT, played(SHORT))
    assert old in written
    result = played(written.replace(old, new))
    if words.startswith("-"):
        assert not result.passed
    else:
        assert words in result.differences


def test_a_missing_answer_of_the_bot_and_a_surplus_one_are_told() -> None:
    written = rewrite(SHORT, played(SHORT))
    assert not played(written.replace("- wait: 30d\n", "- wait: 30d\n- bot: Halo\n")).passed
    assert not played(written.replace("- user: '12'\n", "- user: '12'\n- user: '12'\n")).passed


def test_timers_go_off_while_time_passes() -> None:
    text = "survey: coba\ngroup: internal\nscript:\n- wait: 90d\n"
    result = played(text)
    assert [next(iter(line)) for line in result.script] == ["bot", "wait", "bot", "bot"]
    assert result.state.sent == ("invite", "reminder", "last_call")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("- user: setuju", "- usr: setuju", 8),
        ("- send: media", "- send: medium", 13),
        ("- wait: 30d", "- wait: long", 15),
        ("- user: setuju", "- {user: setuju, tap: x}", 8),
        ("- tap: setuju_kah:1", "- {tap: setuju_kah:1, about: usia}", 9),
    ],
)
def test_a_mistake_in_a_transcript_has_its_place(old: str, new: str, line: int) -> None:
    with pytest.raises(FlowError) as caught:
        read_transcript("x.yaml", SHORT.replace(old, new))
    assert caught.value.problems[0].line == line


def test_a_transcript_of_another_survey_or_group_is_refused() -> None:
    for old, new in (("survey: coba", "survey: lain"), ("group: internal", "group: internl")):
        with pytest.raises(ValueError, match=r"lain|did you mean"):
            played(SHORT.replace(old, new))
