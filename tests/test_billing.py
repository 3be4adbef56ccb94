"""What an interview costs: counted by playing, and compared with what can be counted otherwise."""

from __future__ import annotations

import itertools
from decimal import Decimal
from functools import cache

import pytest

from bot.channels.base import as_text
from bot.flow.load import load_survey
from bot.flow.rehearsal.billing import Bill, bill, price, template_price, total
from bot.flow.rehearsal.playing import Talk
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.settings import Rates
from bot.flow.source import FlowError
from bot.flow.state import Status
from bot.flow.survey import Survey
from tests.surveys import (
    BUNDLED,
    SMALL_SURVEY,
    Chat,
    bundled,
    bundled_files,
    small,
    small_files,
    small_in_one_language,
)

HEAD = 'kind: flow\nname: internal\ntitle: {id: Coba, en: Trial}\nminutes: "1"\nquestions:\n'
RATES = Rates(
    *("USD", Decimal("0.02"), Decimal("0.03"), Decimal("0.04")),
    *(Decimal("0.005"), Decimal("0.001"), 1000),
)
YAML = """\
rates:
  currency: IDR
  service: 356.65
  utility: 356.65
  marketing: 586.33
  provider_out: 80
"""


@cache
def counted(group: str = "internal", survey: str = "bundled") -> Bill:
    return bill({"bundled": bundled, "small": small}[survey](), group)


def flow(*questions: str) -> Survey:
    return load_survey(small_files(internal=HEAD + "".join(f"  - {one}\n" for one in questions)))


def one(name: str, more: str = "", choices: int = 2) -> str:
    listed = ", ".join(
        f'{{name: "{n}", label: {{id: a{n}, en: a{n}}}}}' for n in range(1, choices + 1)
    )
    return (
        f"{{name: {name}, type: select_one, label: {{id: {name}?, en: {name}?}}, na: none,"
        f" choices: [{listed}]{', ' + more if more else ''}}}"
    )


# against the transcripts, which know nothing of this


def test_every_transcript_that_is_finished_lies_between_shortest_and_longest():
    seen = set()
    for path in sorted((BUNDLED / "tests").glob("*.yaml")):
        transcript = read_transcript(path.name, path.read_text("utf-8"))
        state = play(bundled(), transcript, as_text).state
        if state.status is Status.FINISHED and state.answers:
            found, asked = counted(transcript.group), len(state.answers) + len(state.left_out)
            assert found.shortest.questions <= asked <= found.longest.questions, path.name
            seen |= {
                (transcript.group, which)
                for which in ("shortest", "longest")
                if asked == getattr(found, which).questions
            }
    assert {("internal", "longest"), ("ahli", "longest")} <= seen, "they are real ways"


# against every way there is


def every_way(survey: Survey, options: dict[str, list[str]]) -> set[int]:
    """Play every combination of typed answers and return how many messages each took."""
    found = set()
    for typed in itertools.product(*options.values()):
        answers = dict(zip(options, typed, strict=True))
        chat = Chat(survey)
        sent = 0
        for event in itertools.count():
            chat.open() if event == 0 else None
            if event > 0 and chat.state.status is Status.LANGUAGE:
                chat.say("1")
            elif event > 0 and chat.state.status is Status.CONSENT:
                chat.say("setuju")
            elif chat.state.status is Status.ASKING:
                chat.say(answers[chat.state.question or ""])
            sent += chat.message is not None
            if chat.state.status.over or event > 60:
                break
        if chat.state.status is Status.FINISHED:
            found.add(sent)
    return found


SMALL_OPTIONS = {
    "setuju_kah": ["1", "2"],
    "usia": ["0", "16", "17", "40", "120"],
    "alat": ["1", "4", "1, 4", "1, 2, 3", "0", "9"],
    "alat_lain": ["kapak"],
    "anak": ["1", "0"],
    "kerja": ["1", "2", "9"],
    "saran": ["0", "lebih cepat"],
}


@pytest.mark.parametrize("survey", [small, small_in_one_language])
def test_no_way_is_shorter_than_the_shortest_or_longer_than_the_longest(survey):
    ways = every_way(survey(), SMALL_OPTIONS)
    found = bill(survey(), "internal")
    assert found.proved
    assert (found.shortest.sent, found.longest.sent) == (min(ways), max(ways))
    assert found.typical.sent in ways


def test_conditions_that_hang_together_are_not_added_up():
    """Nobody is asked both of two questions that exclude each other."""
    survey = flow(
        one("a", choices=3),
        one("b", "relevant: \"a == '1'\""),
        one("c", "relevant: \"a == '2'\""),
        one("d", "relevant: \"a == '2' and c == '1'\""),
        one("e", "relevant: \"b == '2' or d == '2'\""),
    )
    ways = every_way(
        survey, {name: ["1", "2", "3"] if name == "a" else ["1", "2"] for name in "abcde"}
    )
    found = bill(survey, "internal")
    assert (found.shortest.sent, found.longest.sent) == (min(ways), max(ways)) == (4, 7)


def test_numbers_are_tried_on_both_sides_of_a_limit():
    number = "{name: n, type: integer, min: 0, max: 1000, label: {id: n?, en: n?}}"
    found = bill(flow(number, one("b", 'relevant: "n == 613"')), "internal")
    assert (found.shortest.questions, found.longest.questions) == (1, 2)


def test_several_choices_are_tried_together():
    several = one("a", choices=4).replace("select_one", "select_multiple")
    found = bill(flow(several, one("b", 'relevant: "a | length >= 4"')), "internal")
    assert (found.shortest.questions, found.longest.questions) == (1, 2)


def test_words_may_be_left_out_where_that_decides():
    words = "{name: a, type: text, required: false, label: {id: a?, en: a?}}"
    found = bill(flow(words, one("b", 'relevant: "a is defined and a is not none"')), "internal")
    assert found.shortest.sent + 1 == found.longest.sent


def test_a_way_that_screens_out_is_not_finished():
    ends = one("a", "end_if: \"a in ['1', '2']\"", choices=3)
    found = bill(flow(ends, one("b")), "internal")
    assert found.shortest == found.typical == found.longest
    assert found.typical.questions == 2


def test_a_flow_that_nobody_can_finish_is_said():
    with pytest.raises(ValueError, match="no way through"):
        bill(flow(one("a", "end_if: \"a in ['1', '2']\"")), "internal")


def test_answers_that_a_constraint_refuses_are_none():
    number = (
        "{name: n, type: integer, min: 0, max: 9, constraint: value > 7, label: {id: n, en: n}}"
    )
    found = bill(flow(number, one("b", 'relevant: "n == 8"')), "internal")
    assert (found.shortest.questions, found.longest.questions) == (1, 2)


def test_a_filter_before_every_block_is_searched_to_the_end():
    blocks = [
        part
        for n in range(40)
        for part in (one(f"f{n}", choices=5), one(f"g{n}", f"relevant: \"f{n} == '1'\""))
    ]
    found = bill(flow(*blocks), "internal")
    assert found.proved
    assert (found.shortest.questions, found.longest.questions) == (40, 80)


@pytest.mark.parametrize(
    ("first", "condition", "proved"),
    [
        (one("a", choices=5).replace("select_one", "select_multiple"), "a | length >= 4", True),
        (one("a", choices=13).replace("select_one", "select_multiple"), "a | length >= 4", True),
        (one("a", choices=13).replace("select_one", "select_multiple"), "a | last == '13'", False),
        ("{name: a, type: integer, label: {id: a, en: a}}", "a > 20", True),
        ("{name: a, type: integer, label: {id: a, en: a}}", "a * 3 > 20", False),
        ("{name: a, type: text, label: {id: a, en: a}}", "a == 'x'", True),
        ("{name: a, type: text, label: {id: a, en: a}}", "a | length > 9", False),
    ],
)
def test_what_was_not_tried_in_full_is_not_called_proved(first, condition, proved):
    assert bill(flow(first, one("b", f'relevant: "{condition}"')), "internal").proved is proved


# what a typical interview is


def test_the_typical_answer_is_the_middle_one():
    survey = flow(one("a", choices=5), one("b", "relevant: \"a == '3'\""))
    assert bill(survey, "internal").typical.questions == 2
    survey = flow(one("a", choices=5), one("b", "relevant: \"a != '3'\""))
    assert bill(survey, "internal").typical.questions == 1


# the messages


def test_every_message_of_a_person_gets_one_of_ours():
    for group in bundled().groups:
        for talk in (counted(group).shortest, counted(group).typical, counted(group).longest):
            assert talk.received == talk.sent
            # The link, the language and the consent come before the first answer.
            assert talk.received == talk.questions + 3
            assert 0 < talk.taps < talk.sent < talk.naive


def test_a_naive_bot_says_thanks_and_notes_one_by_one():
    note = "{name: %s, type: note, label: {id: Catatan., en: Note.}}"
    plain = bill(flow(one("a"), one("b")), "internal").typical
    noted = bill(
        flow(note % "m", one("a"), note % "n", note % "o", one("b"), note % "p"), "internal"
    )
    assert plain.naive == plain.sent + 2
    assert noted.typical.sent == plain.sent
    assert noted.typical.naive == plain.naive + 4


def test_what_can_be_tapped_is_counted():
    survey = flow(one("a", choices=10), one("b", choices=9), one("c", choices=11))
    found = bill(survey, "internal").typical
    assert found.taps == 2 + 2, "language and consent, and lists of ten at most"


def test_a_mistake_adds_one_message_each_way():
    assert counted().mistake == Talk(received=1, sent=1, taps=1, naive=2)


def test_reminders_are_those_of_the_plan():
    assert counted().never_began == ("invite", "reminder", "reminder_2", "last_call")
    assert counted().stopped == ("invite", "reminder", "last_call")
    quiet = SMALL_SURVEY + "plan: {invited_after_days: none, last_call_before_days: none}\n"
    found = bill(load_survey(small_files(survey=quiet)), "internal")
    assert found.never_began == ("invite",)
    assert found.stopped == ("invite", "reminder")


def test_an_unknown_group_is_a_key_error():
    with pytest.raises(KeyError):
        bill(small(), "lain")


# money


def test_a_price_is_ours_and_the_providers_each_way():
    talk = Talk(questions=3, received=7, sent=6, taps=2, naive=11)
    assert price(talk, RATES) == 6 * Decimal("0.025") + 7 * Decimal("0.001")
    assert price(talk, RATES, naive=True) == 11 * Decimal("0.025") + 7 * Decimal("0.001")


def test_templates_cost_what_their_category_costs():
    assert template_price(RATES, 2, marketing=False) == 2 * Decimal("0.035")
    assert template_price(RATES, 2, marketing=True) == 2 * Decimal("0.045")


def test_what_is_free_each_month_is_taken_off_once():
    settings = small().settings  # November to January
    talk = Talk(received=10, sent=10)
    few = total(talk, 100, settings, RATES)
    assert (few.sent, few.months, few.free) == (1000, 3, 1000)
    assert few.price == 1000 * (Decimal("0.005") + Decimal("0.001"))
    many = total(talk, 1000, settings, RATES)
    assert (many.sent, many.free) == (10_000, 3000)
    assert many.price == 10_000 * Decimal("0.026") - 3000 * Decimal("0.02")
    assert total(talk, 0, settings, RATES).price == 0


def test_rates_are_data_of_the_survey():
    assert small().settings.rates is None
    rates = load_survey(small_files(survey=SMALL_SURVEY + YAML)).settings.rates
    assert rates is not None
    assert (rates.currency, rates.service) == ("IDR", Decimal("356.65"))
    assert (rates.provider_out, rates.provider_in) == (Decimal(80), Decimal(0))
    assert rates.free_service == 0


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("IDR", "rupiah", 1),
        ("service: 356.65", "service: mahal", 2),
        ("service: 356.65", "service: -1", 2),
        ("service: 356.65", "service: NaN", 2),
        ("  provider_out: 80", "  provider: 80", 5),
        ("  utility: 356.65\n", "", 0),
    ],
)
def test_rates_that_cannot_be_are_told_with_their_place(old, new, line):
    assert old in YAML
    with pytest.raises(FlowError) as caught:
        load_survey(small_files(survey=SMALL_SURVEY + YAML.replace(old, new)))
    (problem,) = caught.value.problems
    assert problem.file == "survey.yaml"
    assert problem.line == SMALL_SURVEY.count("\n") + 1 + line


def test_the_bundled_survey_has_example_rates_to_uncomment():
    text = (BUNDLED / "survey.yaml").read_text("utf-8")
    assert bundled().settings.rates is None, "nobody plans with prices that were not checked"
    head, _, block = text.partition("# rates:\n")
    assert "NOT checked" in head
    lines = [line.removeprefix("# ") for line in ("# rates:\n" + block).splitlines()]
    files = bundled_files() | {"survey.yaml": head + "\n".join(lines) + "\n"}
    rates = load_survey(files).settings.rates
    assert rates is not None
    assert 0 < rates.utility < rates.marketing
