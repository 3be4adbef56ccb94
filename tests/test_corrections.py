"""Going back by typing: "3*", "*3", "eh 3" replace the last answer where that is certain."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.flow.load import load_survey
from bot.flow.state import Status
from bot.flow.survey import Survey
from bot.flow.turn import Answered, Dropped
from tests.surveys import SMALL_FLOW, Chat, bundled, small_files, small_in_one_language

LIMITED = SMALL_FLOW.replace("    max: 120\n", "    max: 120\n    constraint: 'value != 13'\n")


def asking(*answers: str, survey: Survey | None = None) -> Chat:
    chat = Chat(survey or small_in_one_language(), language="id").asking()
    chat.all(*answers)
    return chat


@pytest.mark.parametrize(
    "typed",
    [
        *("41*", "*41", "41 **", "eh 41", "Maaf, 41", "salah, 41", "maksud saya 41"),
        *("eh maaf: 41", "Eh, maksud saya 41", "sorry 41", "seharusnya 41"),
    ],
)
def test_a_correction_replaces_the_answer_before_and_says_which(typed: str) -> None:
    chat = asking("1", "40")
    chat.say(typed)
    assert chat.state.answers["usia"] == 41
    assert chat.effects == (Answered("usia"),)
    assert chat.state.question == "alat"
    assert chat.text.startswith("Jawaban nomor 2 sudah kami perbarui.\n\nAlat apa?")


@pytest.mark.parametrize("typed", ["*1*", "1", "eh", "2 * 3 *", "ehm 1"])
def test_what_is_no_correction_is_none(typed: str) -> None:
    chat = asking("1", "40")
    chat.say(typed)
    assert chat.state.answers["usia"] == 40


def test_what_is_bold_is_an_answer_to_the_open_question() -> None:
    assert asking("1", "40", "*1*").state.answers["alat"] == ("1",)


def test_a_correction_may_come_before_anybody_can_have_read_the_next_question() -> None:
    chat = asking("1", "40")
    chat.say("41*", after=timedelta(seconds=1))
    assert chat.state.answers["usia"] == 41
    chat.say("2", after=timedelta(seconds=1))
    assert "alat" not in chat.state.answers


def test_after_a_long_silence_nothing_is_corrected_unseen() -> None:
    chat = asking("1", "40")
    chat.say("41*", after=timedelta(hours=13))
    assert chat.said("asked_again")
    assert chat.state.answers["usia"] == 40


def test_what_the_last_question_cannot_take_is_for_the_open_one() -> None:
    """The tools are asked for with a number from 1 to 4; the answer before was yes or no."""
    chat = asking("1")
    chat.say("40*")
    assert chat.state.answers == {"setuju_kah": "1", "usia": 40}
    chat = asking("1", "40", "1", "2")
    chat.say("maaf, tidak")
    assert chat.state.answers["kerja"] == "2"


def test_what_nobody_can_take_is_asked_again() -> None:
    chat = asking("1", "40")
    chat.say("999*")
    assert chat.said("invalid")
    assert chat.state.answers["usia"] == 40


def test_the_first_question_has_none_before_it() -> None:
    chat = asking()
    chat.say("1*")
    assert chat.state.answers == {"setuju_kah": "1"}


def test_own_words_are_never_a_correction() -> None:
    chat = asking("1", "12", "1")
    assert chat.state.question == "saran"
    chat.say("maaf 3")
    assert chat.state.answers["saran"] == "maaf 3"
    chat = asking("1", "40", "4", "tang")
    chat.say("maaf 3")
    assert chat.state.answers["alat_lain"] == "tang"
    assert chat.state.answers["anak"] == 3


def test_after_a_mistake_a_correction_is_for_the_question_that_is_still_open() -> None:
    chat = asking("1", "40", "77")
    chat.say("maaf 3")
    assert (chat.state.answers["usia"], chat.state.answers["alat"]) == (40, ("3",))


def test_while_an_answer_is_being_corrected_it_is_the_one_that_is_meant() -> None:
    chat = asking("1", "40", "1", "kembali")
    chat.say("eh 3")
    assert (chat.state.answers["usia"], chat.state.answers["alat"]) == (40, ("3",))


def test_the_last_answer_is_the_one_given_last_wherever_it_stands() -> None:
    chat = asking("1", "40", "1", "2", "ubah 2", "50")
    assert chat.state.question == "kerja"
    chat.say("eh 51")
    assert chat.state.answers["usia"] == 51
    chat.say("52*")
    assert chat.state.answers["usia"] == 52
    chat.tap("setuju_kah:1")
    chat.say("53*")
    assert chat.state.answers["usia"] == 52, "the last one was yes or no"
    chat = asking("1", "40", "1", "ubah 2", "50", "2")
    chat.say("eh 3")
    assert chat.state.answers["anak"] == 3
    assert chat.state.answers["usia"] == 50


def test_where_it_may_be_either_we_ask_which() -> None:
    for reply, expected in (("1", (1, None)), ("2", (1, "1"))):
        chat = asking("1", "40", "1", "1")
        chat.say("maaf 1")
        assert chat.said("correct_which")
        assert "nomor 4" in chat.text
        assert chat.effects == ()
        chat.say(reply)
        assert (chat.state.answers["anak"], chat.state.answers.get("kerja")) == expected
        assert not set(chat.state.extra) & {"said"}


def test_another_answer_to_our_question_back_is_an_ordinary_one() -> None:
    chat = asking("1", "40", "1", "1", "maaf 1")
    chat.say("tidak mau menjawab")
    assert chat.state.answers["kerja"] == "9"


def test_a_survey_without_words_for_that_shows_its_question_again() -> None:
    files = small_files()
    at = files["messages.yaml"].index("  correct_which:")
    files["messages.yaml"] = (
        files["messages.yaml"][:at]
        + files["messages.yaml"][files["messages.yaml"].index("  # The questions were changed") :]
    )
    chat = asking("1", "40", "1", "1", "maaf 1", survey=load_survey(files))
    assert chat.said("asked_again")
    assert chat.state.question == "kerja"


def test_no_correction_ends_an_interview() -> None:
    chat = asking("1")
    chat.say("2*")
    assert chat.state.question == "setuju_kah"
    chat.say("2")
    assert chat.state.status is Status.SCREENED_OUT


def test_a_constraint_holds_for_corrections_too() -> None:
    chat = asking("1", "40", survey=load_survey(small_files(internal=LIMITED)))
    chat.say("13*")
    assert chat.state.answers["usia"] == 40


# what hangs on an answer


def test_an_answer_that_fits_no_longer_is_dropped_and_asked_again() -> None:
    chat = asking("1", "40", "1", "30", "1")
    assert chat.state.question == "saran"
    chat.say("25", about="usia")
    assert chat.effects == (Answered("usia"), Dropped(("anak",)))
    assert chat.state.question == "anak"
    assert "Karena itu, nomor 4 mohon dijawab sekali lagi." in chat.text
    assert chat.text.startswith("Jawaban nomor 2 sudah kami perbarui.")
    chat.say("3")
    assert chat.state.question == "saran"
    assert chat.state.answers["kerja"] == "1"


def test_the_same_when_the_person_went_back_for_it() -> None:
    chat = asking("1", "40", "1", "30", "ubah 2", "25")
    assert chat.effects == (Answered("usia"), Dropped(("anak",)))
    assert chat.state.question == "anak"
    assert chat.text.startswith("Karena itu, nomor 4")


def test_back_to_the_first_question_through_a_corrected_branch() -> None:
    chat = asking("1", "40", "4", "tang", "2")
    seen = []
    for _ in range(6):
        chat.say("KEMBALI" if chat.state.question == "alat_lain" else "kembali")
        seen.append(chat.state.question)
    assert seen[:4] == ["anak", "alat_lain", "alat", "usia"]
    assert seen[4:] == ["setuju_kah", "setuju_kah"]
    assert chat.said("no_back")
    chat.all("1", "ubah 3", "1")  # no other tool any more
    assert chat.effects == (Answered("alat"), Dropped(("alat_lain",)))
    seen = []
    for _ in range(4):
        chat.say("kembali")
        seen.append(chat.state.question)
    assert seen == ["anak", "alat", "usia", "setuju_kah"]


def test_a_late_tap_far_back_may_be_the_last_thing_that_was_missing() -> None:
    """The open question is no longer asked of this person: that is the end, and it is told."""
    flow = SMALL_FLOW.replace(
        "    label: {id: Saran?, en: A suggestion?}\n",
        "    label: {id: Saran?, en: A suggestion?}\n    relevant: usia > 20\n",
    )
    chat = asking("1", "40", "1", "2", "1", survey=load_survey(small_files(internal=flow)))
    assert chat.state.question == "saran"
    chat.say("18", about="usia")
    assert chat.state.status is Status.FINISHED
    assert chat.text.startswith("Jawaban nomor 2 sudah kami perbarui.\n\nCatatan akhir.")


def test_what_was_answered_is_not_repeated() -> None:
    chat = asking("1", "40", "4", "tang", "2", "1")
    chat.say("kunci inggris", about="alat_lain")
    assert chat.text.startswith("Jawaban nomor 4 sudah kami perbarui.\n\n")
    assert "kunci" not in chat.text


def test_the_bundled_survey_tells_its_changes_in_english_too() -> None:
    chat = Chat(bundled(), language="en").asking()
    chat.all("1", "2", "3")
    chat.say("sorry, 4")
    assert chat.text.startswith("Answer 3 is updated.\n\n")
