"""Every dialogue beside the bundled survey goes as written, and the player finds what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.channels.base import as_text
from bot.flow.rehearsal.rewriting import CommentLost, rewrite
from bot.flow.rehearsal.transcript import Result, play, read_transcript
from bot.flow.source import FlowError
from bot.flow.state import Status
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
- user: '12'
- user: 1, 4
- user: tang
- send: media
- user: "0"
- wait: 30d
end:
  status: finished
  answers:
    setuju_kah: '1'
    usia: '12'
    alat: ["1", "4"]
    alat_lain: tang
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


COMMENTED = """\
# At the head.

survey: coba  # the small one
group: internal
language: id
script:
  - open: true

  # She agrees.
  - user: setuju  # by typing
  # The bot asks.
  - bot: Lain.  # not so
  - tap: setuju_kah:1
  - bot: |-  # a block
      Satu
      # no comment
  - bot: Dua
  # Too young for the rest.
  - user: "12"
  # Before the end.
end: {status: finished}  # not yet
# At the foot.
"""


def test_comments_stay_where_they_stand():
    result = played(COMMENTED)
    written = rewrite(COMMENTED, result)
    assert played(written).passed
    kept = [line.strip() for line in written.splitlines() if "#" in line]
    assert kept == [
        "# At the head.",
        "survey: coba  # the small one",
        "# She agrees.",
        "- user: setuju  # by typing",
        "# The bot asks.",
        "# not so",
        "# a block",
        "# Too young for the rest.",
        "# Before the end.",
        "# not yet",
        "# At the foot.",
    ]
    assert rewrite(written, played(written)) == written
    assert '  - user: "12"\n' in written, "what people wrote is left as they wrote it"
    assert "\n\n  # She agrees.\n" in written
    assert "Satu" not in written
    assert "Lain." not in written
    assert written.endswith("\n# At the foot.\n")


def test_what_passes_is_not_touched():
    for path in FILES[:5]:
        text = path.read_text("utf-8")
        result = play(bundled(), read_transcript(path.name, text), as_text)
        assert rewrite(text, result) == text


def test_a_script_on_one_line_is_written_anew():
    text = "survey: coba\ngroup: internal\nlanguage: id\nscript: [{open: true}, {user: setuju}]\n"
    written = rewrite("# Head.\n" + text, played(text))
    assert played(written).passed


def test_a_comment_that_has_no_place_is_not_lost():
    text = "survey: coba\ngroup: internal\nscript: [{open: true}, # it begins\n  {user: x}]\n"
    with pytest.raises(CommentLost, match="line 3: `# it begins`"):
        rewrite(text, played(text))


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
        ("- wait: 30d", "- wait: 999999999d", 15),
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
