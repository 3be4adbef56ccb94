"""A conversation is carried to another version: what stays, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flow.asking import RENEWED
from bot.flow.carrying import Policy, carry, holds, invalid
from bot.flow.load import load_survey
from bot.flow.route import first_open, matters
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.turn import Answered, Dropped, Step
from tests.surveys import SMALL_FLOW, Chat, small, small_files

Edits = Sequence[tuple[str, str]]

AT_MOST_110 = ("    max: 120\n", "    max: 110\n")
AT_MOST_30 = ("    max: 120\n", "    max: 30\n")
NEW = "  - {name: baru, type: integer, label: {id: Sudah berapa lama?, en: How long?}}\n"
NEW_FIRST = ("  - name: usia\n", f"{NEW}  - name: usia\n")
NO_TOOL_3 = ('      - {name: "3", label: {id: Obeng, en: Screwdriver}}\n', "")
CHILDREN = 'relevant: "usia >= 17"\n    required: false'
OLDER = (CHILDREN, CHILDREN.replace("17", "50"))
REVIEW = ('minutes: "2"\n', 'minutes: "2"\nreview: true\n')
REWORDED = ("{id: Usia?, en: Age?}", "{id: Usia Anda?, en: Age?}")
WITHOUT_SUGGESTION = (
    SMALL_FLOW[SMALL_FLOW.index("  - name: saran\n") : SMALL_FLOW.index("  - {name: akhir")],
    "",
)
WITHOUT_CHILDREN = (
    SMALL_FLOW[SMALL_FLOW.index("  - name: anak\n") : SMALL_FLOW.index("  - name: kerja\n")],
    "",
)
EVERY = (
    AT_MOST_110,
    AT_MOST_30,
    NEW_FIRST,
    NO_TOOL_3,
    OLDER,
    REVIEW,
    REWORDED,
    WITHOUT_SUGGESTION,
    WITHOUT_CHILDREN,
)


@cache
def edited(*edits: tuple[str, str]) -> Survey:
    flow = SMALL_FLOW
    for old, new in edits:
        flow = flow.replace(old, new)
    return load_survey(small_files(internal=flow))


def asking(*answers: str, survey: Survey | None = None) -> Chat:
    chat = Chat(survey or small(), language="id").asking()
    chat.all(*answers)
    return chat


def over(chat: Chat, newer: Survey, policy: Policy = "move") -> Step | None:
    """Carry a chat to a version and let it go on there."""
    new = newer.for_group("internal")
    done = carry(chat.flow, new, chat.state, chat.context(), policy)
    if done is not None:
        chat.flow, chat.state = new, State.from_json(done.state.to_json())
    return done


def test_a_mended_word_changes_nothing_but_the_words() -> None:
    chat = asking("1")
    before = chat.state
    done = over(chat, edited(REWORDED))
    assert done == Step(before)
    chat.say("40")
    assert chat.state.answers == {"setuju_kah": "1", "usia": 40}


def test_what_still_holds_stays_and_the_rest_is_asked_again() -> None:
    chat = asking("1", "40", "1", "2")
    done = over(chat, edited(AT_MOST_30))
    assert done is not None
    assert done.effects == (Dropped(("usia", "anak")),)
    assert chat.state.answers == {"setuju_kah": "1", "alat": ("1",)}
    assert chat.state.question == "usia"
    assert chat.state.pending == RENEWED


def test_what_the_person_says_next_is_no_answer_to_a_question_nobody_has_seen() -> None:
    chat = asking("1", "40", "1", "2")
    over(chat, edited(AT_MOST_30))
    chat.say("1")
    assert chat.said("renewed")
    assert "Usia?" in chat.text
    assert "usia" not in chat.state.answers
    chat.say("29")
    assert chat.effects == (Answered("usia"),)
    assert chat.state.question == "anak"


@pytest.mark.parametrize("kept", ["cek", "bantuan", "ubah 1", "kembali"])
def test_commands_are_obeyed_as_ever(kept: str) -> None:
    chat = asking("1", "40", "1", "2")
    over(chat, edited(AT_MOST_30))
    chat.say(kept)
    assert not chat.said("renewed")
    assert chat.state.status is Status.ASKING
    for word in ("berhenti", "hapus data"):
        chat = asking("1", "40", "1", "2")
        over(chat, edited(AT_MOST_30))
        chat.say(word)
        assert chat.state.status is Status.STOPPED


def test_a_tap_on_an_old_bubble_is_taken_only_where_it_still_means_that_question() -> None:
    chat = asking("1", "40", "1", "2")
    over(chat, edited(AT_MOST_30))
    chat.tap("kerja:1")
    assert chat.said("asked_again")
    assert "kerja" not in chat.state.answers
    chat = asking("1", "40", "1", "2")
    over(chat, edited(AT_MOST_30))
    chat.tap("setuju_kah:1")
    assert chat.state.answers["setuju_kah"] == "1"
    chat = asking("1", "40", "1", "2")
    over(chat, edited(("    na: refuse\n", "    na: none\n")))
    assert chat.state.pending == RENEWED, "the open question is one that breaks"
    chat.tap("kerja:1")
    assert chat.said("renewed")
    assert "kerja" not in chat.state.answers
    chat.tap("kerja:1")
    assert chat.state.answers["kerja"] == "1"


def test_a_survey_without_words_for_it_shows_its_question_once_more() -> None:
    files = small_files(internal=SMALL_FLOW.replace(*AT_MOST_30))
    text = files["messages.yaml"]
    start, end = text.index("  renewed:"), text.index("  # Before the end, where")
    chat = asking("1", "40", "1", "2")
    over(chat, load_survey(files | {"messages.yaml": text[:start] + text[end:]}))
    chat.say("1")
    assert chat.said("asked_again")


def test_a_new_question_is_asked_of_people_who_had_passed_its_place() -> None:
    chat = asking("1", "40", "1")
    over(chat, edited(NEW_FIRST))
    assert (chat.state.question, chat.state.pending) == ("baru", RENEWED)
    chat.all("ya", "3")
    assert chat.state.question == "anak"
    assert chat.state.answers["usia"] == 40


def test_answers_that_hold_stay_under_move_and_go_under_re_ask() -> None:
    chat = asking("1", "40", "1", "2")
    assert over(chat, edited(AT_MOST_110)) == Step(chat.state)
    chat = asking("1", "40", "1", "2")
    done = over(chat, edited(AT_MOST_110), "re-ask")
    assert done is not None
    # How many children hangs on the age: it is asked again too.
    assert done.effects == (Dropped(("usia", "anak")),)
    assert chat.state.question == "usia"
    chat.say("hm")
    assert chat.said("renewed")


def test_a_choice_that_is_gone_takes_its_answers_with_it_and_others_stay() -> None:
    newer = edited(NO_TOOL_3)
    chat = asking("1", "40", "1 3", "2")
    over(chat, newer)
    assert chat.state.question == "alat"
    chat = asking("1", "40", "1 2", "2")
    assert over(chat, newer) is not None
    assert chat.state.question == "kerja"
    assert chat.state.answers["alat"] == ("1", "2")


def test_a_calculation_that_is_gone_is_no_word_worth() -> None:
    sum_of = '{name: lebih, type: calculate, calculation: "usia + 1"}'
    with_it = edited(("  - name: alat\n", f"  - {sum_of}\n  - name: alat\n"))
    chat = asking("1", "20", survey=with_it)
    assert chat.state.answers["lebih"] == 21
    step = over(chat, small())
    assert step is not None
    assert step.effects == (Dropped(("lebih",)),)
    assert step.state.pending != RENEWED
    assert step.state.question == "alat"


def test_what_is_no_longer_asked_is_dropped() -> None:
    chat = asking("1", "40", "1", "2")
    done = over(chat, edited(OLDER))
    assert done is not None
    assert done.effects == (Dropped(("anak",)),)
    assert chat.state.question == "kerja"


def test_what_was_left_out_stays_so() -> None:
    chat = asking("1", "40", "1", "0")
    over(chat, edited(REWORDED))
    assert chat.state.left_out == ("anak",)
    chat = asking("1", "40", "1", "0")
    over(chat, edited(("    required: false\n    min: 1\n", "    min: 1\n")))
    assert chat.state.left_out == ()
    assert chat.state.question == "anak"


def test_who_was_correcting_an_answer_still_is() -> None:
    chat = asking("1", "40", "1", "kembali", "kembali")
    assert chat.state.question == "usia"
    assert over(chat, edited(REWORDED)) == Step(chat.state)
    chat.say("41")
    assert chat.state.question == "anak"


def test_nothing_left_to_ask_is_the_end() -> None:
    chat = asking("1", "12", "1")
    assert chat.state.question == "saran"
    done = over(chat, edited(WITHOUT_SUGGESTION))
    assert done is not None
    assert chat.state.status is Status.FINISHED
    assert chat.state.wake_at is None
    assert done.message is None, "nobody is written to out of the blue"
    assert chat.state.answers == {"setuju_kah": "1", "usia": 12, "alat": ("1",)}


def test_or_the_page_of_answers_where_there_is_one() -> None:
    chat = asking("1", "12", "1")
    over(chat, edited(WITHOUT_SUGGESTION, REVIEW))
    assert (chat.state.status, chat.state.question) == (Status.ASKING, None)
    chat.say("usul saya")
    assert chat.said("renewed")
    assert "*1.* Setuju?" in chat.text
    chat.say("kirim")
    assert chat.state.status is Status.FINISHED


def test_what_waits_to_be_sent_is_not_sent_for_anybody() -> None:
    reviewed = edited(REVIEW)
    chat = asking("1", "12", "1", "0", survey=reviewed)
    assert chat.state.question is None
    assert over(chat, edited(REWORDED)) is None
    assert over(chat, edited(REVIEW, REWORDED)) == Step(chat.state)
    over(chat, edited(REVIEW, NEW_FIRST))
    assert chat.state.question == "baru"
    chat.say("kirim")
    assert chat.said("renewed")
    assert chat.state.status is Status.ASKING
    choosing = asking("1", "12", "1", "0", "bahasa", survey=reviewed)
    assert choosing.state.status is Status.LANGUAGE
    assert over(choosing, edited(REWORDED)) is None


def test_who_has_not_begun_goes_along_and_who_is_over_does_not() -> None:
    newer = edited(AT_MOST_30)
    invited = Chat(small(), language="id")
    assert over(invited, newer) == Step(invited.state)
    done = asking("2")
    assert done.state.status is Status.SCREENED_OUT
    assert over(done, newer) is None
    assert over(asking("1"), newer, "finish-old") is None


def test_finished_answers_that_wait_to_be_replaced_keep_their_version() -> None:
    chat = asking("1", "40", "1", "2", "1", "0", "isi ulang")
    assert chat.state.earlier
    assert over(chat, edited(AT_MOST_30)) is None


def test_nobody_agrees_to_words_that_were_never_read() -> None:
    files = small_files(internal=SMALL_FLOW.replace(*REWORDED))
    newer = load_survey(files)
    files["messages.yaml"] = files["messages.yaml"].replace("ini sukarela.", "ini sukarela!")
    other = load_survey(files)
    chat = Chat(small(), language="id")
    chat.open()
    assert chat.state.status is Status.CONSENT
    assert over(chat, other) is None
    assert over(chat, newer) == Step(chat.state)
    asked = asking("1")
    assert over(asked, other) is not None, "who has agreed goes along"


def test_while_a_language_is_chosen_the_question_is_found_anew() -> None:
    chat = asking("1", "40", "1", "2", "bahasa")
    over(chat, edited(AT_MOST_30))
    assert (chat.state.status, chat.state.question) == (Status.LANGUAGE, "usia")
    chat.say("1")
    assert "Usia?" in chat.text
    chat.say("29")
    assert chat.state.answers["usia"] == 29


def test_answers_that_a_version_cannot_hold_are_named() -> None:
    chat = asking("1", "40", "1 3", "2", "9")
    newer = edited(AT_MOST_30, NO_TOOL_3, WITHOUT_CHILDREN).for_group("internal")
    assert invalid(chat.flow, newer, chat.state.answers) == ["usia", "alat", "anak"]
    assert invalid(chat.flow, chat.flow, chat.state.answers) == []


def test_what_a_question_can_hold() -> None:
    by_name = small().for_group("internal").by_name
    assert holds(by_name["kerja"], "9")
    assert not holds(by_name["kerja"], "0")
    assert holds(by_name["alat"], ("0",))
    assert not holds(by_name["alat"], ("1", "2", "3", "4"))
    assert not holds(by_name["alat"], "1")
    assert holds(by_name["usia"], 0)
    assert not holds(by_name["usia"], 121)
    assert not holds(by_name["usia"], "40")
    assert holds(by_name["alat_lain"], "x" * 40)
    assert not holds(by_name["alat_lain"], "x" * 41)


ANSWERS = st.lists(
    st.sampled_from(["1", "2", "4", "12", "20", "40", "115", "1 3", "0", "kembali", "ubah 2"]),
    max_size=9,
)


@given(
    said=ANSWERS,
    before=st.sets(st.sampled_from(EVERY)),
    after=st.sets(st.sampled_from(EVERY)),
    policy=st.sampled_from(["move", "re-ask"]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_was_said_and_edited_there_is_a_next_question_and_an_end(
    said: list[str], before: set[tuple[str, str]], after: set[tuple[str, str]], policy: Policy
) -> None:
    old = edited(*[one for one in EVERY if one in before])
    new = edited(*[one for one in EVERY if one in after])
    chat = asking(*said, survey=old)
    step = over(chat, new, policy)
    state, flow = chat.state, chat.flow
    if step is not None and state.status is Status.ASKING:
        if state.question is None:
            assert flow.review
            assert first_open(flow, state.answers, state.left_out) is None
        else:
            assert matters(flow.by_name[state.question], state.answers)
        for name, answer in state.answers.items():
            assert holds(flow.by_name[name], answer)
            assert flow.by_name[name].still_fits(answer, state.answers)
        gone = {name for one in step.effects if isinstance(one, Dropped) for name in one.questions}
        assert not gone & state.answers.keys()
    for _ in range(40):
        if chat.state.status.over:
            break
        chat.state = replace(chat.state, reminded=False)
        if chat.state.status is Status.LANGUAGE:
            chat.say("1")
        elif chat.state.question is None:
            chat.say("kirim")
        else:
            chat.say("20" if chat.state.question in ("usia", "baru") else "1")
    assert chat.state.status.over
