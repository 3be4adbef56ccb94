"""How a conversation moves: every rule of the engine, by talking to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.flow.load import load_survey
from bot.flow.state import State, Status
from bot.flow.turn import (
    Answered,
    Consented,
    Dropped,
    Erase,
    Kind,
    LanguageChosen,
    OptIn,
    OptOut,
    Reopened,
    WrongPerson,
)
from bot.flow.wording import consent_version, message_chars
from tests.surveys import (
    MORNING,
    SMALL_FLOW,
    Chat,
    bundled,
    counted_answers,
    small,
    small_files,
    small_in_one_language,
)

THROUGH = ("1", "40", "1 3", "2", "1", "jalan rusak")
"""Answers that lead through the small flow: no other tool, of age, two children."""


def asking(*answers: str) -> Chat:
    """Return a chat that has begun and given these answers."""
    chat = Chat(small_in_one_language()).asking()
    chat.all(*answers)
    return chat


def finished() -> Chat:
    chat = asking(*THROUGH)
    assert chat.state.status is Status.FINISHED
    return chat


# the beginning


def test_a_link_asks_for_the_language_where_there_is_a_choice() -> None:
    chat = Chat(small())
    assert "Bahasa Indonesia" in chat.open()
    assert "English" in chat.text
    assert chat.state.status is Status.LANGUAGE
    assert "Reply *AGREE*" in chat.say("2")
    assert chat.effects == (LanguageChosen("en"),)


@pytest.mark.parametrize("typed", ["2", "English", "english.", "en"])
def test_a_language_is_chosen_by_number_name_or_code(typed: str) -> None:
    chat = Chat(small())
    chat.open()
    chat.say(typed)
    assert chat.state.language == "en"


def test_a_language_is_chosen_by_its_button() -> None:
    chat = Chat(small())
    chat.open()
    assert chat.message is not None
    assert [button.value for button in chat.message.buttons] == ["language:id", "language:en"]
    chat.tap("language:en")
    assert chat.state.status is Status.CONSENT
    assert chat.state.language == "en"


def test_an_unreadable_language_is_asked_again() -> None:
    chat = Chat(small())
    chat.open()
    assert chat.said("greeting")
    chat.say("3")
    assert chat.said("greeting")


def test_a_known_language_is_not_asked_for() -> None:
    chat = Chat(small(), language="en")
    assert "Reply *AGREE*" in chat.open()


def test_with_one_language_there_is_no_language_turn() -> None:
    chat = Chat(small_in_one_language())
    chat.open()
    assert chat.said("consent")
    chat.say("bahasa")
    assert chat.said("language_only")
    assert chat.said("consent")


def test_who_is_invited_and_answers_begins() -> None:
    for typed in ("1", "ya", "siap pak", "Mulai", "boleh"):
        chat = Chat(small_in_one_language())
        chat.wake()
        chat.say(typed)
        assert chat.said("consent"), typed


@pytest.mark.parametrize("typed", ["halo", "P", "2", "tidak", "sdh", "kapan?"])
def test_who_is_invited_and_says_something_else_is_told_why(typed: str) -> None:
    chat = Chat(small_in_one_language())
    chat.wake()
    chat.say(typed)
    assert chat.said("info")
    assert "terpilih secara acak" in chat.text
    assert "daftar pegawai" in chat.text
    assert chat.state.status is Status.INVITED


def test_who_is_invited_may_check_leave_and_be_somebody_else() -> None:
    chat = Chat(small_in_one_language())
    chat.wake()
    chat.say("hoax?")
    assert chat.said("verify")
    chat.say("siapa ini")
    assert chat.said("info")
    chat.say("bukan")
    assert chat.said("wrong_person")
    assert chat.effects == (WrongPerson(),)
    assert chat.state.status is Status.WRONG_PERSON


def test_the_buttons_of_the_invitation_are_commands() -> None:
    chat = Chat(small_in_one_language())
    chat.wake()
    assert chat.message is not None
    assert [button.value for button in chat.message.buttons] == ["MULAI", "CEK", "BERHENTI"]
    chat.tap("CEK")
    assert chat.said("verify")
    chat.tap("MULAI")
    assert chat.said("consent")
    chat.tap("BERHENTI")
    assert chat.effects == (OptOut(),)


def test_nothing_is_asked_before_the_survey_opens() -> None:
    chat = Chat(small_in_one_language(), now=datetime(2026, 10, 20, tzinfo=UTC))
    chat.open()
    assert chat.said("not_open_yet")
    assert chat.state.status is Status.INVITED
    chat.say("mulai")
    assert chat.said("not_open_yet")
    both = Chat(small(), now=chat.now)
    both.say("bahasa")
    assert both.said("not_open_yet")
    assert both.state.status is Status.INVITED


# consent


def test_consent_takes_the_word_or_the_button_and_names_the_text() -> None:
    chat = Chat(small_in_one_language())
    chat.open()
    chat.say("Setuju.")
    version = consent_version(chat.flow, "id")
    assert chat.effects == (Consented(version, "id"),)
    assert chat.state.status is Status.ASKING
    tapped = Chat(small_in_one_language())
    tapped.open()
    tapped.tap("SETUJU")
    assert tapped.state.status is Status.ASKING


@pytest.mark.parametrize("typed", ["1", "ya", "ok", "2", "siap", "y", "hmm"])
def test_nothing_else_is_consent(typed: str) -> None:
    chat = Chat(small_in_one_language())
    chat.open()
    chat.say(typed)
    assert chat.state.status is Status.CONSENT
    assert chat.said("consent_again")
    assert chat.said("consent")
    chat.say(typed)
    assert chat.said("help")
    assert chat.said("consent")


def test_declining_ends_with_the_words_that_finishing_has() -> None:
    chat = Chat(small_in_one_language())
    chat.open()
    chat.say("tidak")
    assert chat.state.status is Status.DECLINED
    assert chat.text == chat.flow.words.messages["over"].texts["id"]
    assert finished().text.endswith(chat.text)


def test_the_version_of_the_consent_changes_with_its_words_and_language() -> None:
    flow = small().for_group("internal")
    files = small_files()
    files["messages.yaml"] = files["messages.yaml"].replace("ini sukarela.", "ini sukarela!")
    changed = load_survey(files).for_group("internal")
    versions = {consent_version(flow, "id"), consent_version(flow, "en")}
    assert len(versions | {consent_version(changed, "id")}) == 3
    assert consent_version(changed, "en") in versions


# questions and answers


def test_a_note_travels_with_the_question_after_it() -> None:
    chat = asking()
    assert chat.text.startswith("Catatan awal.\n\nSetuju?\n\n1. Ya\n2. Tidak\n\n(1/7)")


def test_a_last_note_travels_with_the_closing_words() -> None:
    chat = finished()
    assert chat.text.startswith("Catatan akhir.\n\nTerima kasih.")
    assert chat.effects == (Answered("saran"),)
    assert chat.state.wake_at is None


def test_answers_are_stored_as_what_they_are() -> None:
    assert dict(finished().state.answers) == {
        "setuju_kah": "1",
        "usia": 40,
        "alat": ("1", "3"),
        "anak": 2,
        "kerja": "1",
        "saran": "jalan rusak",
    }


def test_an_earlier_answer_is_repeated_in_a_text_without_being_expanded() -> None:
    assert "Dua pertanyaan untuk usia 40." in asking("1", "40", "1").text
    assert bundled().for_group("eksternal").by_name["srn_01"].label["id"].count("{{unit}}") == 1


def test_a_unit_has_its_own_name_and_falls_back_to_the_institution() -> None:
    chat = Chat(bundled(), "eksternal", language="id")
    assert "Pemerintah Kota Contoh" in chat.asking().text
    texts = {"id": {**bundled().settings.texts["id"], "unit": "Dinas {{instansi}}"}}
    named = Chat(bundled(), "eksternal", language="id", texts=texts).asking()
    assert "*Dinas {{instansi}}*" in named.text


def test_what_is_not_relevant_is_not_asked() -> None:
    chat = asking("1", "12", "1")
    assert chat.state.question == "saran"
    assert "usia 12" not in chat.text


def test_the_count_only_shrinks_as_things_become_known() -> None:
    chat = asking()
    counts = []
    for typed in ("1", "40", "1 4", "tang", "2", "1", "0"):
        counts.append(chat.text.rpartition("(")[2].partition(")")[0])
        chat.say(typed)
    assert counts == ["1/7", "2/7", "3/7", "4/7", "5/7", "6/7", "7/7"]
    assert asking("1", "40", "1").text.endswith("(4/6)")
    assert asking("1", "12", "1").text.endswith("(4/4)")


def test_the_long_line_stands_under_the_first_three_questions_only() -> None:
    chat = Chat(bundled(), language="id").asking()
    assert "(1/25) Balas angkanya. *KEMBALI*" in chat.text
    chat.say("1")
    assert "(2/25) Balas angkanya" in chat.text
    chat.say("2")
    assert "(3/25) Balas angkanya" in chat.text
    chat.say("1")
    assert chat.text.endswith("0 Tidak tahu · 9 Tidak mau menjawab\n(4/25)")


def test_only_one_kind_of_no_answer_is_offered_where_only_one_is_allowed() -> None:
    chat = asking("1", "40", "1", "2")
    assert "\n\n9 Tidak mau menjawab\n(" in chat.text
    chat.say("0")
    assert chat.said("invalid")
    chat.say("tdk mau menjawab")
    assert chat.state.answers["kerja"] == "9"


def test_short_questions_have_buttons_that_say_which_question_they_answer() -> None:
    chat = asking()
    assert chat.message is not None
    assert [button.value for button in chat.message.buttons] == ["setuju_kah:1", "setuju_kah:2"]
    chat.tap("setuju_kah:1")
    assert chat.state.question == "usia"
    assert chat.message.question == "usia"


def test_a_row_without_the_name_of_its_question_answers_the_open_one() -> None:
    chat = asking()
    chat.tap("1")
    assert chat.state.answers == {"setuju_kah": "1"}


def test_screening_out_ends_with_the_same_words_and_drops_the_answers() -> None:
    chat = asking("2")
    assert chat.state.status is Status.SCREENED_OUT
    assert chat.effects == (Answered("setuju_kah"), Dropped(("setuju_kah",)))
    assert not chat.state.answers
    assert chat.text.endswith(chat.flow.words.messages["over"].texts["id"])


def test_a_wrong_answer_is_met_with_more_help_each_time() -> None:
    chat = asking()
    chat.say("xx")
    assert chat.said("invalid")
    chat.say("xx")
    assert chat.said("invalid_again")
    assert "Pilihannya: 1, 2." in chat.text
    chat.say("xx")
    assert chat.said("help_question")
    chat.say("1")
    chat.say("xx")
    assert chat.said("not_a_number")
    assert all("Usia?" in text for text in (chat.text, chat.say("banyak"), chat.say("banyak")))


def test_a_number_outside_the_limits_and_a_broken_constraint_are_told() -> None:
    chat = asking("1", "121")
    assert chat.said("out_of_range")
    chat.all("40", "1", "41")
    assert "Sebanyak itu?" in chat.text
    assert chat.state.question == "anak"


def test_own_words_that_may_not_be_are_asked_for_again_without_a_word_of_numbers() -> None:
    flow = SMALL_FLOW.replace(
        "    label: {id: Saran?, en: A suggestion?}\n",
        "    label: {id: Saran?, en: A suggestion?}\n    constraint: value != 'asal'\n",
    )
    chat = Chat(load_survey(small_files(internal=flow)), language="id").asking()
    chat.all("1", "40", "1", "2", "1", "asal")
    assert chat.state.question == "saran"
    assert chat.said("asked_again")
    assert "angka" not in chat.text


def test_an_example_of_an_answer_is_one_of_those_offered() -> None:
    flow = SMALL_FLOW.replace('name: "1", label: {id: Ya', 'name: "5", label: {id: Ya')
    flow = flow.replace('name: "2", label: {id: Tidak', 'name: "7", label: {id: Tidak')
    flow = flow.replace('name: "3", label: {id: Obeng', 'name: "6", label: {id: Obeng')
    flow = flow.replace("setuju_kah == '2'", "setuju_kah == '7'")
    chat = Chat(load_survey(small_files(internal=flow)), language="id").asking()
    assert "misalnya *7*" in chat.say("entah")
    chat.all("5", "40")
    assert "misalnya *1, 6*" in chat.text
    assert "misalnya *1, 6*" in chat.say("entah")


def test_too_many_choices_are_told() -> None:
    chat = asking("1", "40", "1 2 3 4")
    assert chat.said("too_many")
    assert "Boleh lebih dari satu" in chat.text
    chat.say("0")
    assert chat.state.answers["alat"] == ("0",)


def test_a_text_that_is_too_long_is_told_and_not_cut() -> None:
    chat = asking("1", "40", "4", "x" * 41)
    assert chat.said("too_long")
    assert "alat_lain" not in chat.state.answers
    chat.say("x" * 40)
    assert chat.state.answers["alat_lain"] == "x" * 40


def test_what_needs_no_answer_can_be_left_out_and_is_not_asked_again() -> None:
    chat = asking("1", "40", "1", "0")
    assert chat.state.question == "kerja"
    assert chat.state.left_out == ("anak",)
    assert chat.effects == ()
    chat.all("kembali", "kembali", "1")
    assert chat.state.question == "kerja"


@pytest.mark.parametrize("kind", ["media", "location", "contact", "unsupported"])
def test_what_is_no_text_is_told_apart_and_the_question_asked_again(kind: str) -> None:
    chat = asking()
    chat.send(kind)  # type: ignore[arg-type]
    assert chat.said("not_text")
    assert "Setuju?" in chat.text
    chat.all("1", "40", "4")
    chat.send(kind)  # type: ignore[arg-type]
    assert chat.said("not_text_words")


def test_an_edited_message_is_told_how_to_correct() -> None:
    chat = asking("1")
    chat.send("edited")
    assert chat.said("edited")
    assert "Usia?" in chat.text


@pytest.mark.parametrize("kind", ["media", "edited"])
@pytest.mark.parametrize("where", ["invited", "asking", "finished"])
def test_stop_and_erase_below_a_picture_and_in_an_edited_message_are_obeyed(
    kind: Kind, where: str
) -> None:
    made = {"invited": lambda: Chat(small()), "asking": lambda: asking("1"), "finished": finished}
    for text, effect in (("Berhenti pak", OptOut()), ("hapus data saya", Erase())):
        chat = made[where]()
        chat.send(kind, text)
        assert effect in chat.effects, text
    chat = made[where]()
    before = chat.state.status
    chat.send(kind, "stop pungli di loket")
    assert chat.state.status is before
    assert chat.effects == ()


def test_a_stop_below_a_picture_may_be_part_of_an_answer_in_own_words() -> None:
    chat = asking("1", "12", "1")
    chat.send("media", "stop")
    assert chat.said("stop_confirm")


def test_reactions_are_ignored() -> None:
    chat = asking("1")
    before = chat.state
    assert chat.send("reaction") == ""
    assert chat.state == before


# going back


def test_back_goes_step_by_step_and_keeps_answers_until_they_are_replaced() -> None:
    chat = asking("1", "40", "1")
    chat.all("kembali", "KEMBALI")
    assert chat.state.question == "usia"
    assert chat.state.answers["usia"] == 40
    chat.say("50")
    assert chat.effects == (Answered("usia"),)
    assert chat.state.question == "anak"
    assert chat.state.answers["alat"] == ("1",)


def test_going_on_leaves_a_reopened_answer_as_it_was() -> None:
    chat = asking("1", "40", "1")
    chat.all("kembali", "kembali", "lanjut")
    assert chat.state.question == "anak"
    assert chat.state.answers["usia"] == 40


def test_before_the_first_question_there_is_nothing_to_go_back_to() -> None:
    chat = asking()
    chat.say("kembali")
    assert chat.said("no_back")
    assert chat.state.question == "setuju_kah"


def test_a_changed_answer_drops_what_no_longer_matters_and_names_it() -> None:
    chat = asking("1", "40", "4", "tang", "2")
    chat.say("ubah 2")
    assert chat.state.question == "usia"
    chat.say("12")
    assert chat.effects == (Answered("usia"), Dropped(("anak",)))
    assert chat.state.question == "saran"


def test_a_changed_answer_asks_what_has_become_relevant() -> None:
    chat = asking("1", "12", "1")
    chat.all("KEMBALI", "ubah 2", "30")
    assert chat.state.question == "anak"


def test_change_needs_the_number_of_an_answered_question() -> None:
    chat = asking("1", "40")
    chat.say("ubah 7")
    assert chat.said("change_impossible")
    chat.say("ubah")
    assert chat.said("change_which")
    chat.say("2")
    assert chat.state.question == "usia"
    assert chat.state.answers["usia"] == 40


def test_a_tap_on_an_earlier_question_changes_that_answer_and_goes_on() -> None:
    chat = asking("1", "40", "1", "2", "1")
    chat.tap("kerja:2")
    assert chat.effects == (Answered("kerja"),)
    assert chat.state.answers["kerja"] == "2"
    assert chat.state.question == "saran"
    assert "Saran?" in chat.text
    chat.tap("setuju_kah:2")
    assert chat.state.status is Status.SCREENED_OUT


def test_a_quoted_question_is_the_one_that_is_answered() -> None:
    chat = asking("1", "40", "1")
    chat.say("41", about="usia")
    assert chat.state.answers["usia"] == 41
    assert chat.state.question == "anak"
    chat.say("3", about="anak")
    assert chat.state.answers["anak"] == 3


def test_a_tap_while_another_answer_is_being_corrected_leaves_that_open() -> None:
    chat = asking("1", "40", "1", "2", "1")
    chat.all("KEMBALI", "ubah 2")
    chat.tap("kerja:2")
    assert chat.state.question == "usia"


def test_a_tap_on_a_question_that_was_never_asked_changes_nothing() -> None:
    chat = asking("1")
    before = dict(chat.state.answers)
    chat.tap("kerja:1")
    assert dict(chat.state.answers) == before
    assert chat.said("asked_again")
    chat.tap("nonsense")
    assert chat.said("asked_again")
    assert dict(chat.state.answers) == before


# when the question may not have been read


def test_after_a_long_silence_the_first_text_only_shows_the_question() -> None:
    chat = asking("1", "40")
    chat.say("1", after=timedelta(hours=12))
    assert chat.said("asked_again")
    assert "Alat apa?" in chat.text
    assert "alat" not in chat.state.answers
    chat.say("1")
    assert chat.state.answers["alat"] == ("1",)


def test_after_a_reminder_the_first_text_only_shows_the_question() -> None:
    chat = asking("1", "40")
    assert chat.wake() != ""
    chat.say("1")
    assert chat.said("asked_again")
    chat.say("1")
    assert chat.state.answers["alat"] == ("1",)


def test_a_reminder_counts_however_recent_the_last_turn_was() -> None:
    chat = asking("1")
    chat.state = replace(chat.state, reminded=True)
    chat.say("40")
    assert chat.said("asked_again")
    assert not chat.state.reminded


def test_a_tap_says_itself_what_it_answers_however_late() -> None:
    chat = asking("1", "40", "1", "2")
    chat.wake()
    chat.tap("kerja:1")
    assert chat.state.answers["kerja"] == "1"


def test_a_text_that_comes_too_fast_is_not_an_answer() -> None:
    chat = asking("1")
    chat.say("40", after=timedelta(seconds=1))
    assert chat.said("asked_again")
    assert "usia" not in chat.state.answers
    chat.say("40", after=timedelta(seconds=1))
    assert chat.state.answers["usia"] == 40


def test_commands_and_consent_are_exempt_from_both() -> None:
    chat = asking("1", "40")
    chat.say("kembali", after=timedelta(seconds=1))
    assert chat.state.question == "usia"
    chat.say("berhenti", after=timedelta(days=1))
    assert chat.state.status is Status.STOPPED
    quick = Chat(small_in_one_language())
    quick.open()
    quick.say("setuju", after=timedelta(seconds=1))
    assert quick.state.status is Status.ASKING


def test_after_a_pause_any_reply_shows_the_question() -> None:
    chat = asking("1")
    chat.say("nanti")
    assert chat.said("saved_pause")
    assert "31 Januari 2027" in chat.text
    chat.say("40")
    assert chat.said("asked_again")
    assert "Usia?" in chat.text
    chat.say("40")
    assert chat.state.answers["usia"] == 40


# other commands


def test_help_checking_and_repeating_keep_the_question_in_view() -> None:
    chat = asking()
    for typed, name in (("bantuan", "help_question"), ("cek", "verify_under_way")):
        chat.say(typed)
        assert chat.said(name)
        assert "Setuju?" in chat.text
    assert "Setuju?" in chat.say("ulang")
    chat.say("lapor")
    assert chat.said("report")
    chat.say("1")
    assert chat.state.answers == {"setuju_kah": "1"}


def test_who_asks_who_we_are_is_not_told_to_begin_what_has_begun() -> None:
    chat = asking()
    chat.say("siapa ini")
    assert chat.said("info_under_way")
    assert "Balas *1* untuk mulai" not in chat.text
    assert "Setuju?" in chat.text
    chat.say("1")
    assert chat.state.answers == {"setuju_kah": "1"}


def test_help_before_the_start_says_how_to_begin() -> None:
    chat = Chat(small())
    chat.wake()
    chat.say("bantuan")
    assert "Balas *1* untuk mulai" in chat.text
    chat.say("1")
    assert chat.state.status in {Status.LANGUAGE, Status.CONSENT}


def test_the_language_can_be_changed_on_the_way() -> None:
    chat = Chat(small(), language="id").asking()
    chat.say("1")
    assert "English" in chat.say("bahasa")
    assert chat.said("language")
    assert "Age?" in chat.say("2")
    assert chat.effects == (LanguageChosen("en"),)
    assert chat.state.question == "usia"
    assert dict(chat.state.answers) == {"setuju_kah": "1"}


def test_a_choice_whose_label_is_a_command_word_is_that_choice() -> None:
    flow = SMALL_FLOW.replace("{id: Palu, en: Hammer}", "{id: Salah, en: Wrong}")
    chat = Chat(load_survey(small_files(internal=flow)), language="id").asking()
    chat.all("1", "40", "salah")
    assert chat.state.answers["alat"] == ("1",)


def test_stopping_is_immediate_and_drops_what_is_unfinished() -> None:
    chat = asking("1", "40")
    chat.say("jangan hubungi lagi")
    assert chat.said("stop")
    assert chat.effects == (OptOut(), Dropped(("setuju_kah", "usia")))
    assert chat.state.status is Status.STOPPED
    assert not chat.state.answers


@pytest.mark.parametrize("typed", ["1", "ya pak", "stop pak", "jangan hubungi lagi ya"])
def test_stopping_inside_own_words_is_confirmed_first(typed: str) -> None:
    chat = asking("1", "12", "1")
    chat.say("stop")
    assert chat.said("stop_confirm")
    chat.say(typed)
    assert chat.state.status is Status.STOPPED


@pytest.mark.parametrize("typed", ["HAPUS DATA", "hapus data", "Hapus data saya ya"])
def test_erasing_in_own_words_is_told_how_first_and_obeyed_then(typed: str) -> None:
    chat = asking("1", "12", "1")
    chat.say("hapus data saya")
    assert chat.said("erase_how")
    assert "saran" not in chat.state.answers
    chat.say(typed)
    assert Erase() in chat.effects
    at_once = asking("1", "12", "1")
    at_once.say("HAPUS DATA")
    assert Erase() in at_once.effects


def test_what_else_is_said_after_that_is_the_answer() -> None:
    chat = asking("1", "12", "1")
    chat.all("hapus data", "hapus data ganda di loket")
    assert chat.state.answers["saran"] == "hapus data ganda di loket"


@pytest.mark.parametrize("typed", ["2", "tap"])
def test_the_word_may_be_part_of_the_answer_and_need_not_be_sent_again(typed: str) -> None:
    chat = asking("1", "12", "1")
    chat.say("Stop!")
    chat.tap("LANJUT") if typed == "tap" else chat.say(typed)
    assert chat.state.status is Status.FINISHED
    assert chat.state.answers["saran"] == "Stop!"
    assert not chat.state.extra


def test_another_text_after_the_question_back_is_the_answer() -> None:
    chat = asking("1", "12", "1")
    chat.all("stop", "stop pungli di loket")
    assert chat.state.answers["saran"] == "stop pungli di loket"


def test_in_own_words_commands_are_words() -> None:
    for typed in ("tolong", "kembali", "hapus", "cek dulu", "nanti"):
        chat = asking("1", "12", "1")
        chat.say(typed)
        assert chat.state.answers["saran"] == typed
    chat = asking("1", "12", "1")
    chat.say("KEMBALI")
    assert chat.state.question == "alat"


def test_starting_again_after_stopping_begins_at_consent() -> None:
    chat = asking("1", "40")
    chat.say("berhenti")
    for typed in ("ok", "1", "ya"):
        chat.say(typed)
        assert chat.state.status is Status.STOPPED, typed
    chat.say("mulai")
    assert chat.effects == (OptIn(), Reopened())
    assert chat.said("opted_in")
    assert chat.said("consent")
    chat.say("setuju")
    assert chat.state.question == "setuju_kah"


def test_erasing_names_the_request_and_leaves_nothing() -> None:
    chat = asking("1", "40")
    chat.say("hapus data")
    assert chat.effects == (Erase(), Dropped(("setuju_kah", "usia")))
    assert "AB12" in chat.text
    assert "24 November 2026" in chat.text
    assert chat.state.status.over
    assert not chat.state.answers


@pytest.mark.parametrize(
    ("reply", "status", "question"),
    [("1", Status.ASKING, "usia"), ("2", Status.STOPPED, None), ("kembali", Status.ASKING, "usia")],
)
def test_a_bare_erase_or_cancel_asks_which_is_meant(
    reply: str, status: Status, question: str | None
) -> None:
    chat = asking("1", "40")
    chat.say("hapus")
    assert chat.said("erase_or_correct")
    chat.say(reply)
    assert (chat.state.status, chat.state.question) == (status, question)


def test_an_answer_to_the_question_back_is_not_expected_for_ever() -> None:
    chat = asking("1", "40")
    chat.say("batal")
    chat.say("2", after=timedelta(days=1))
    assert chat.said("asked_again")
    assert chat.state.answers


def test_before_consent_only_the_wrong_person_may_say_so() -> None:
    chat = Chat(small_in_one_language())
    chat.open()
    chat.say("salah orang")
    assert chat.effects == (WrongPerson(),)
    later = asking("1")
    later.say("salah orang")
    assert later.state.status is Status.ASKING
    choosing = Chat(small(), language="id").asking()
    choosing.all("1", "bahasa", "salah orang")
    assert choosing.state.status is Status.LANGUAGE
    assert dict(choosing.state.answers) == {"setuju_kah": "1"}


# after the end


def test_after_the_end_thanks_meet_silence_and_questions_the_closing_words() -> None:
    chat = finished()
    for typed in ("makasih", "🙏", "ok", "kembali", "siap pak"):
        assert chat.say(typed) == "", typed
    assert chat.send("media") == ""
    chat.say("kapan hasilnya keluar?")
    assert chat.said("over")
    assert chat.message is not None
    assert chat.message.once_a_day == "over"
    assert chat.open() != ""
    assert chat.message.once_a_day == "over"


@pytest.mark.parametrize("word", ["lanjut", "tidak jadi"])
def test_who_has_stopped_comes_back_by_lanjut_too(word: str) -> None:
    chat = asking()
    chat.say("berhenti")
    assert chat.state.status is Status.STOPPED
    chat.say(word)
    assert chat.said("opted_in")
    assert OptIn() in chat.effects
    assert not chat.state.status.over


def test_lanjut_opens_nothing_that_was_finished() -> None:
    chat = finished()
    chat.say("lanjut")
    assert chat.state.status is Status.FINISHED
    assert not chat.effects


def test_checking_help_and_rights_work_after_the_end() -> None:
    chat = finished()
    for typed, name in (("cek", "verify_over"), ("bantuan", "help"), ("lapor", "report")):
        chat.say(typed)
        assert chat.said(name)
        assert "mulai" not in (chat.message.text if chat.message else "")
        assert chat.state.status is Status.FINISHED
    chat.say("berhenti")
    assert list(chat.effects) == [OptOut()]
    assert chat.state.status is Status.FINISHED
    assert counted_answers(chat.state) is not None
    chat.say("mulai")
    assert list(chat.effects) == [OptIn()]
    assert chat.said("opted_in")
    chat.say("mulai")
    assert not chat.effects
    chat.say("hapus data")
    assert isinstance(chat.effects[0], Erase)
    assert counted_answers(chat.state) is None


def test_answers_are_filled_in_again_and_replace_the_first_ones_when_complete() -> None:
    chat = finished()
    first = dict(chat.state.answers)
    chat.say("isi ulang")
    assert chat.said("fill_again")
    assert chat.effects == (Reopened(), Dropped(tuple(first)))
    assert chat.state.question == "setuju_kah"
    assert counted_answers(chat.state) == first
    chat.all("1", "12")
    assert counted_answers(chat.state) == first
    chat.all("2", "0")
    assert chat.state.status is Status.FINISHED
    assert chat.state.earlier is None
    assert counted_answers(chat.state) == {"setuju_kah": "1", "usia": 12, "alat": ("2",)}


def test_what_is_not_filled_in_again_to_the_end_leaves_the_first_answers_counted() -> None:
    for ending in ("berhenti", "2"):
        chat = finished()
        first = dict(chat.state.answers)
        chat.all("isi ulang", ending)
        assert chat.state.status.over
        assert counted_answers(chat.state) == first
    chat = finished()
    chat.say("isi ulang")
    chat.wake(chat.plan.closes)
    assert chat.state.status is Status.CLOSED
    assert counted_answers(chat.state) == first


def test_after_mixing_nothing_can_be_filled_in_again() -> None:
    chat = finished()
    chat.state = replace(chat.state, answers={}, mixed=True)
    chat.say("isi ulang")
    assert chat.state.status is Status.FINISHED
    assert chat.said("over")
    chat.all("hapus", "1")
    assert chat.state.status is Status.FINISHED


def test_declined_and_screened_out_stay_over() -> None:
    for chat in (asking("2"), Chat(small_in_one_language())):
        if not chat.state.status.over:
            chat.open()
            chat.say("tidak")
        status = chat.state.status
        for typed in ("mulai", "isi ulang", "setuju", "1", "lanjut"):
            chat.say(typed)
            assert chat.state.status is status


# closing


def test_an_unfinished_interview_closes_silently_with_the_survey() -> None:
    chat = asking("1", "40")
    chat.state = replace(chat.state, sent=("reminder", "last_call"))
    chat.wake(chat.plan.closes)
    assert chat.message is None
    assert chat.state.status is Status.CLOSED
    assert dict(chat.state.answers) == {"setuju_kah": "1", "usia": 40}
    assert counted_answers(chat.state) is None


def test_who_comes_after_closing_is_told_once() -> None:
    for event in ("open", "1", "mulai"):
        chat = asking("1")
        chat.now = chat.plan.closes
        chat.open() if event == "open" else chat.say(event)
        assert chat.said("closed"), event
        assert chat.state.status is Status.CLOSED
        chat.say("1")
        assert chat.said("closed"), "who finished and who did not must not be told apart"


def test_rights_are_served_after_closing_too() -> None:
    chat = asking("1")
    chat.now = chat.plan.closes
    chat.say("hapus data")
    assert isinstance(chat.effects[0], Erase)
    assert chat.effects[1] == Dropped(("setuju_kah",))
    assert chat.said("erased")


def test_the_very_last_second_still_counts() -> None:
    chat = asking("1", "12", "1")
    chat.now = chat.plan.closes - timedelta(seconds=31)
    chat.state = replace(chat.state, last_turn_at=chat.now - timedelta(minutes=1))
    chat.say("0")
    assert chat.state.status is Status.FINISHED


# the timer


def test_an_invitation_a_reminder_and_a_last_call_and_no_more() -> None:
    chat = Chat(small_in_one_language())
    steps = []
    for _ in range(10):
        if chat.state.wake_at is None:
            break
        chat.wake()
        if chat.message is not None:
            steps.append((chat.message.step, chat.message.template, chat.now.date().isoformat()))
    assert steps == [
        ("invite", "invite", "2026-11-24"),
        ("reminder", "reminder_first", "2026-11-27"),
        ("last_call", "reminder_last", "2027-01-29"),
    ]
    assert chat.state.status is Status.CLOSED


def test_who_came_by_a_link_is_reminded_but_never_invited() -> None:
    chat = asking("1")
    assert chat.wake() != ""
    assert chat.message is not None
    assert (chat.message.step, chat.message.template) == ("reminder", "reminder_partial")
    assert chat.now - MORNING > timedelta(days=2)
    chat.wake()
    assert chat.message.step == "last_call"


def test_the_half_way_and_the_invited_get_the_same_words() -> None:
    half_way, invited = asking("1"), Chat(small_in_one_language())
    invited.wake()
    invited.wake()
    half_way.wake(invited.now)
    assert half_way.text == invited.text != ""
    assert half_way.message is not None
    assert invited.message is not None
    assert half_way.message.buttons == invited.message.buttons


def test_a_timer_that_goes_off_at_night_only_waits() -> None:
    chat = Chat(small_in_one_language())
    night = MORNING.replace(hour=16)
    chat.wake(night)
    assert chat.message is None
    assert chat.state.sent == ()
    assert chat.state.wake_at == datetime(2026, 11, 25, 1, 30, tzinfo=UTC)


def test_a_timer_that_goes_off_too_early_only_waits() -> None:
    chat = Chat(small_in_one_language())
    chat.wake()
    due = chat.state.wake_at
    chat.wake(chat.now + timedelta(hours=1))
    assert chat.message is None
    assert chat.state.wake_at == due


def test_a_changed_plan_moves_the_timer() -> None:
    chat = Chat(small_in_one_language())
    chat.wake()
    chat.plan = replace(chat.plan, invited_after=timedelta(days=10))
    chat.wake(chat.now + timedelta(minutes=1))
    assert chat.message is None
    assert chat.state.wake_at == datetime(2026, 12, 4, 3, 0, tzinfo=UTC)


def test_the_hours_are_those_of_the_units_zone() -> None:
    chat = Chat(small_in_one_language(), now=MORNING.replace(hour=0), zone="Asia/Jayapura")
    assert chat.state.wake_at == chat.now
    assert "Selamat pagi" in chat.wake()


def test_template_values_have_no_line_breaks() -> None:
    survey = small_in_one_language()
    texts = {"id": {**survey.settings.texts["id"], "penyelenggara": "Inspektorat\n Kota"}}
    chat = Chat(survey, texts=texts)
    chat.wake()
    assert chat.message is not None
    assert chat.message.variables["penyelenggara"] == "Inspektorat Kota"
    assert set(chat.message.variables) == {"waktu", "penyelenggara", "durasi"}
    assert "Inspektorat Kota" in chat.message.text


def test_days_are_written_in_the_language_of_the_conversation() -> None:
    chat = Chat(small(), language="en")
    chat.wake()
    chat.say("hello?")
    assert "1 November 2026 to 31 January 2027" in chat.text
    here = Chat(small(), language="id")
    here.wake()
    assert "1 November 2026 sampai 31 Januari 2027" in here.say("halo?")


def test_messages_without_words_for_where_a_number_came_from_have_the_programs_own() -> None:
    files = small_files()
    head, _, rest = files["messages.yaml"].partition("  asal:\n")
    files["messages.yaml"] = head + "  alasan:" + rest.partition("  alasan:")[2]
    bare, own = Chat(load_survey(files), language="id"), Chat(small(), language="id")
    for chat in (bare, own):
        chat.wake()
        chat.say("siapa ini")
    assert bare.text == own.text
    assert "Nomor Bapak/Ibu kami peroleh dari" in bare.text


def test_a_language_that_is_no_longer_offered_falls_back() -> None:
    chat = Chat(small_in_one_language(), language="en")
    chat.open()
    assert chat.said("consent")
    assert "sukarela" in chat.text


# always


@pytest.mark.parametrize("group", ["internal", "eksternal", "ahli"])
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_bundled_flow_can_be_finished_in_every_language(group: str, language: str) -> None:
    chat = Chat(bundled(), group, language=language).asking()
    asked = []
    while chat.state.status is Status.ASKING:
        question = chat.state.question
        assert question is not None
        assert chat.message is not None
        assert message_chars(chat.message) <= 1024
        asked.append(question)
        text_question = chat.flow.by_name[question].own_words
        chat.say("usul" if text_question else "2" if question == "sar_02" else "1")
    assert chat.state.status is Status.FINISHED
    assert asked == list(chat.state.answers)
    assert len(asked) > 12


def test_the_stored_form_gives_an_equal_state_back() -> None:
    chat = asking(*THROUGH[:-1])
    chat.all("kembali", "stop")
    for state in (chat.state, finished().state, State(Status.INVITED, "")):
        assert State.from_json(state.to_json()) == state
    with pytest.raises(TypeError):
        State.from_json('{"status":"invited","language":"id","unknown":1}')


# when it ended


def test_what_is_said_after_the_end_is_no_part_of_the_interview() -> None:
    chat = finished()
    took, ended = chat.state.took, chat.now
    for said in ("terima kasih", "hapus", "1"):
        chat.say(said, after=timedelta(minutes=30))
        if chat.state.status.over:
            assert (chat.state.took, chat.state.ended_at) == (took, ended)
    assert chat.state.status is Status.ASKING  # "hapus" was asked about, and that was answered
    assert chat.state.last_turn_at == chat.now


def test_when_it_was_finished_first_is_kept_however_it_goes_on() -> None:
    chat = finished()
    first = chat.now
    chat.say("isi ulang", after=timedelta(hours=1))
    chat.all(*THROUGH)
    assert (chat.state.finished_at, chat.state.ended_at) == (first, chat.now)
    chat.say("isi ulang")
    chat.say("berhenti")
    assert chat.state.status is Status.STOPPED
    assert chat.state.earlier
    assert (chat.state.finished_at, chat.state.ended_at) == (first, chat.now)


def test_an_interview_that_was_never_finished_says_so() -> None:
    chat = asking("1")
    chat.say("berhenti")
    assert (chat.state.finished_at, chat.state.ended_at) == (None, chat.now)
