"""The ways through a flow: compared with every combination of answers, played one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from bot.flow.rehearsal.answers_to_try import reply
from bot.flow.rehearsal.playing import Moment
from bot.flow.rehearsal.strands import PLACES_AT_MOST
from bot.flow.rehearsal.ways import Way, Ways
from bot.flow.state import Status
from bot.flow.survey import Survey
from tests.surveys import bundled, small
from tests.test_billing import flow, one

Course = tuple[tuple[str, ...], str]


def course(way: Way) -> Course:
    """Return which questions a way asks, and how it ends."""
    return tuple(asked.question.name for asked in way.asked), way.ending.kind


def every_course(ways: Ways) -> Iterator[Course]:
    """Play every answer to every question, each after every other."""
    open_ones: list[tuple[Moment, tuple[str, ...]]] = [(ways.player.asking(), ())]
    while open_ones:
        moment, names = open_ones.pop()
        if moment.state.status is not Status.ASKING:
            yield names, moment.state.status.value
            continue
        question = ways.flow.by_name[moment.state.question or ""]
        answers = [choice.name for choice in (*question.choices, *question.na)]
        if question.type == "integer":
            answers = [str(n) for n in range(question.least or 0, (question.most or 9) + 1)]
        taken = False
        for answer in answers:
            after = ways.player.go(moment, reply(question, answer, moment.state))
            if question.name in after.state.answers or after.state.status.over:
                taken = True
                open_ones.append((after, (*names, question.name)))
        if not taken:
            yield names, "stuck"


FLOWS = [
    [
        one("a", choices=3),
        one("b", "relevant: \"a == '1'\""),
        one("c", "relevant: \"a == '2'\""),
        one("d", "relevant: \"a == '2' and c == '1'\""),
        one("e", "relevant: \"b == '2' or d == '2'\""),
    ],
    [
        one("a", "end_if: \"a == '2'\""),
        one("b", choices=3),
        one("c", "end_if: \"b == '1' and c == '2'\""),
        one("d", 'relevant: "a == c"'),
    ],
    [
        "{name: n, type: integer, min: 0, max: 9, label: {id: n, en: n}}",
        "{name: m, type: integer, min: 0, max: 9, constraint: value < n, label: {id: m, en: m}}",
        one("b", 'relevant: "n - m > 3"'),
        one("c", "relevant: \"n == 7 or b == '1'\""),
    ],
    [
        one("a"),
        one("b"),
        one("c", "relevant: \"a == '1'\", end_if: \"c == '2'\""),
        one("d", "relevant: \"b == '1'\", end_if: \"d == '2'\""),
        one("e", 'relevant: "c is none and d is none"'),
    ],
]


@pytest.mark.parametrize("questions", FLOWS)
def test_every_course_that_can_be_played_is_found_and_no_other(questions: list[str]):
    ways = Ways(flow(*questions), "internal")
    found = {course(way) for way in ways.spread(10_000)}
    assert found == set(every_course(ways))


@pytest.mark.parametrize("questions", FLOWS)
def test_every_way_goes_so_in_the_engine(questions: list[str]):
    ways = Ways(flow(*questions), "internal")
    assert not ways.unproved
    played = [ways.play(way) for way in ways.spread(10_000)]
    assert len(played) == ways.count
    finished = [
        talk.questions
        for way, talk in zip(ways.spread(10_000), played, strict=True)
        if way.ending.kind == "finished"
    ]
    shortest, longest = (ways.play(ways.way(which)) for which in ("shortest", "longest"))
    assert (shortest.questions, longest.questions) == (min(finished), max(finished))


def test_no_two_ways_are_the_same():
    for questions in FLOWS:
        ways = Ways(flow(*questions), "internal")
        listed = [
            tuple((asked.question.name, asked.answers) for asked in way.asked)
            for way in ways.spread(10_000)
        ]
        assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(
    ("survey", "group", "count", "endings"),
    [
        (bundled, "internal", 6, 3),
        (bundled, "eksternal", 7, 2),
        (bundled, "ahli", 2, 2),
        (small, "internal", 5, 2),
    ],
)
def test_the_ways_of_known_flows(survey, group: str, count: int, endings: int):
    ways = Ways(survey(), group)
    assert (ways.count, len(ways.endings)) == (count, endings)
    assert ways.proved
    for way in ways.spread(count):
        ways.play(way)


# size


def filters(count: int) -> Survey:
    """So many filters in a row, and after all of them a question for each."""
    first = [one(f"f{n}") for n in range(count)]
    return flow(*first, *(one(f"g{n}", f"relevant: \"f{n} == '1'\"") for n in range(count)))


def test_what_decides_nothing_in_each_other_is_multiplied():
    ways = Ways(filters(150), "internal")
    assert ways.count == 2**150
    assert ways.proved
    assert (len(ways.way("shortest").asked), len(ways.way("longest").asked)) == (150, 300)


def test_ways_too_many_to_walk_are_drawn_evenly():
    ways = Ways(filters(20), "internal")
    drawn = list(ways.spread(50))
    assert len({course(way) for way in drawn}) == 50
    for way in drawn:
        ways.play(way)


def test_a_long_condition_is_read_once_and_not_in_every_combination():
    names = [f"q{n}" for n in range(60)]
    same = " and ".join(f"{name} == '3'" for name in names)
    ways = Ways(
        flow(*(one(name, choices=5) for name in names), one("z", f'relevant: "{same}"')), "internal"
    )
    assert ways.proved
    # One after each first answer that is another, and one through all of them.
    assert ways.count == 61


def test_ways_that_cannot_all_be_counted_are_some_and_it_is_said():
    names = [f"q{n}" for n in range(20)]
    value = " + ".join(f"({name} | int) * {2**n}" for n, name in enumerate(names))
    both = f"({value}) % 1048573 in [{', '.join(str(n * 7919) for n in range(40))}]"
    survey = flow(*(one(name) for name in names), one("z", f'relevant: "{both}"'))
    assert 2 ** len(names) > PLACES_AT_MOST
    ways = Ways(survey, "internal")
    assert ways.cut
    assert not ways.proved
    assert "q0" in ways.unproved
    for way in ways.spread(20):
        ways.play(way)


# what does not end, and what cannot be


def test_a_question_that_takes_no_answer_is_told():
    number = "{name: n, type: integer, min: 0, max: 9, label: {id: n, en: n}}"
    stuck = "{name: m, type: integer, min: 5, max: 9, constraint: value < n, label: {id: m, en: m}}"
    ways = Ways(flow(number, stuck), "internal")
    assert not ways.proved
    (ending,) = ways.stuck
    assert (ending.question, ending.count) == ("m", 1)
    (way,) = [way for way in ways.spread(10) if way.ending.kind == "stuck"]
    assert sorted(map(str, way.asked[0].answers)) == list("012345")
    ways.play(way)


def test_what_can_come_out_of_conditions_is_known():
    ways = Ways(
        flow(
            one("a", choices=3, more="end_if: \"a == '3'\""),
            one("b", "relevant: \"a in ['1', '2']\""),
            one("c", "relevant: \"a == '3'\""),
            one("d", "relevant: \"a == '1'\""),
        ),
        "internal",
    )
    assert ways.outcomes() == {
        ("a", "asked", True),
        *(("a", "end_if", outcome) for outcome in (True, False)),
        ("b", "relevant", True),
        ("b", "asked", True),
        ("c", "relevant", False),
        *(("d", "relevant", outcome) for outcome in (True, False)),
        ("d", "asked", True),
    }


def test_nothing_is_reached_behind_an_end_that_always_comes():
    ways = Ways(flow(one("a", "end_if: \"a in ['1', '2']\""), one("b")), "internal")
    assert ways.outcomes() == {("a", "asked", True), ("a", "end_if", True)}
    assert [ending.kind for ending in ways.endings] == ["screened_out"]
    with pytest.raises(ValueError, match="no way through"):
        ways.way("typical")


def test_a_way_that_the_engine_does_not_go_is_an_error():
    ways = Ways(flow(*FLOWS[0]), "internal")
    wrong = next(way for way in ways.spread(9) if len(way.asked) > 2)
    with pytest.raises(RuntimeError, match="comes to"):
        ways.play(Way(wrong.asked[1:], wrong.ending))
    for left, right in itertools.pairwise(ways.spread(9)):
        if course(left) != course(right):
            with pytest.raises(RuntimeError):
                ways.play(Way(left.asked, type(left.ending)("screened_out", None, 1, 1, 1)))
