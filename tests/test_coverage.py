"""What transcripts visit: each branch by a talk that takes it, and none without."""

from __future__ import annotations

import pytest

from bot.channels.base import as_text
from bot.flow.positions import position
from bot.flow.rehearsal.coverage import FlowCoverage, coverage
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.survey import Survey
from tests.structured import structured, structured_files
from tests.surveys import BUNDLED, bundled, small
from tests.test_billing import flow, one

NUMBER = "{name: n, type: integer, min: 0, max: 9, constraint: value != 4, label: {id: n, en: n}}"


def covered(survey: Survey, *talks: str) -> FlowCoverage:
    """Return what talks visit; each says, after consent, what stands between its commas."""
    played = []
    for talk in talks:
        lines = "".join(f"- {line}\n" for line in talk.split(", ") if line)
        text = (
            "survey: coba\ngroup: internal\nlanguage: id\n"
            f"script:\n- open: true\n- user: setuju\n{lines}"
        )
        played.append(("internal", play(survey, read_transcript("x.yaml", text), as_text).turns))
    (found,) = coverage(survey, played)
    return found


def missing(survey: Survey, *talks: str) -> set[tuple[str, str, bool]]:
    found = covered(survey, *talks).missing
    return {(branch.question, branch.key, branch.outcome) for branch in found}


def test_the_bundled_questionnaires_are_visited_in_full():
    survey = bundled()
    played = []
    for path in sorted((BUNDLED / "tests").glob("*.yaml")):
        transcript = read_transcript(path.name, path.read_text("utf-8"))
        played.append((transcript.group, play(survey, transcript, as_text).turns))
    found = {one.flow: one for one in coverage(survey, played)}
    assert {name: one.missing for name, one in found.items()} == dict.fromkeys(found, ())
    assert {one.percent for one in found.values()} == {100.0}
    assert found["internal"].count(asked=False) == (10, 10)


def test_without_a_talk_every_question_is_missing_once():
    survey = small()
    found = covered(survey)
    assert found.percent == 0
    assert [branch.question for branch in found.missing] == [
        question.name for question in survey.for_group("internal").questions
    ]
    assert {branch.key for branch in found.missing} == {"asked"}


BRANCHING = flow(
    one("a", choices=3, more="end_if: \"a == '3'\""), one("b", "relevant: \"a == '1'\""), NUMBER
)


@pytest.mark.parametrize(
    ("talks", "left"),
    [
        (["tap: a:3"], {("a", "end_if", False), ("b", "asked", True), ("n", "asked", True)}),
        (
            ["tap: a:1"],
            {("a", "end_if", True), ("b", "relevant", False), ("n", "asked", True)},
        ),
        (
            ["tap: a:2, user: 7"],
            {("a", "end_if", True), ("b", "asked", True), ("n", "constraint", False)},
        ),
        (
            ["tap: a:1, tap: b:1, user: 4"],
            {("a", "end_if", True), ("b", "relevant", False), ("n", "constraint", True)},
        ),
        (["tap: a:1, tap: b:1, user: 4, user: 7", "tap: a:3", "tap: a:2"], set()),
        # Going back and changing an answer takes the other branch in the same talk.
        (["tap: a:1, tap: b:1, user: 4, user: 7", "tap: a:1, tap: a:2, tap: a:3"], set()),
    ],
)
def test_each_branch_is_visited_by_who_takes_it(talks, left):
    assert missing(BRANCHING, *talks) == left


def test_a_number_out_of_range_is_no_refusal_of_the_constraint():
    assert ("n", "constraint", False) in missing(BRANCHING, "tap: a:2, user: 12, user: apa")


def test_a_tap_that_the_constraint_refuses_is_seen():
    survey = flow(one("a", "constraint: \"value != '2'\""))
    assert missing(survey, "tap: a:1") == {("a", "constraint", False)}
    assert missing(survey, "tap: a:2, tap: a:1") == set()


def test_what_may_be_left_out_is_an_answer_to_end_if():
    words = "{name: t, type: text, required: false, end_if: t is none, label: {id: t, en: t}}"
    survey = flow(words, one("b"))
    assert missing(survey, "user: lewati") == {("t", "end_if", False), ("b", "asked", True)}
    assert missing(survey, "user: lewati", "user: Halo") == set()


def test_an_outcome_that_cannot_be_does_not_count():
    survey = flow(
        one("a", choices=2),
        one("b", "relevant: \"a in ['1', '2']\""),
        one("c", "relevant: a == '1' and a == '2'"),
    )
    found = covered(survey, "tap: a:1, tap: b:1")
    assert found.missing == ()
    assert found.percent == 100
    assert [(branch.question, branch.outcome) for branch in found.branches] == [
        ("a", True),
        ("b", True),
        ("b", True),
        ("c", False),
    ]


def test_a_note_counts_as_a_question():
    note = "{name: m, type: note, relevant: \"a == '2'\", label: {id: m, en: m}}"
    survey = flow(one("a"), note, one("b"))
    assert missing(survey, "tap: a:1") == {("m", "asked", True)}
    assert missing(survey, "tap: a:2") == {("m", "relevant", False)}


def test_every_question_and_key_has_its_place():
    files = structured_files()
    for question in structured().for_group("internal").questions:
        for key in ("name", "relevant", "constraint", "end_if"):
            file, line, column = position(files, question, key)
            there = files[file].splitlines()[line - 1][column - 1 :]
            if key == "name":
                assert there.startswith("name: ")
            elif getattr(question, key) is not None:
                assert there.startswith((f"{key}:", "name: "))  # or where its section has it
