"""The page of answers before the end, where a flow has `review: true`."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest

from bot.flow.limits import MESSAGE_CHARS
from bot.flow.load import load_survey
from bot.flow.rehearsal.ways import Ways
from bot.flow.review import is_open
from bot.flow.source import FlowError
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.turn import Answered, Dropped
from bot.flow.wording import message_chars
from tests.surveys import SMALL_FLOW, Chat, bundled_files, counted_answers, small_files

REVIEWED = SMALL_FLOW.replace('minutes: "2"\n', 'minutes: "2"\nreview: true\n')
THROUGH = ("1", "40", "1 3", "2", "1", "jalan rusak")


@cache
def reviewed() -> Survey:
    return load_survey(small_files(internal=REVIEWED))


@cache
def long() -> Survey:
    """The bundled survey with a page of answers: 25 questions, two or three pages."""
    files = bundled_files()
    files["internal.yaml"] = files["internal.yaml"].replace(
        "\nquestions:", "\nreview: true\nquestions:"
    )
    return load_survey(files)


def at_the_page(*more: str) -> Chat:
    chat = Chat(reviewed(), language="id").asking()
    chat.all(*THROUGH)
    assert is_open(chat.state)
    chat.all(*more)
    return chat


def test_all_answers_are_shown_by_number_before_anything_is_finished() -> None:
    chat = at_the_page()
    assert chat.state.status is Status.ASKING
    assert counted_answers(chat.state) is None
    assert "*1.* Setuju?\n→ Ya\n*2.* Usia?\n→ 40\n*3.* Alat apa?\n→ Palu, Obeng" in chat.text
    assert "*6.* Saran?\n→ jalan rusak" in chat.text
    assert "halaman" not in chat.text.lower()
    assert State.from_json(chat.state.to_json()) == chat.state


@pytest.mark.parametrize("typed", ["KIRIM", "kirim", "ok", "ya", "sudah benar", "Send"])
def test_they_are_sent_by_a_word(typed: str) -> None:
    chat = at_the_page(typed)
    assert chat.state.status is Status.FINISHED
    assert chat.text.startswith("Catatan akhir.\n\n")
    assert not chat.state.extra


def test_they_are_sent_by_a_tap_and_nothing_else_is_sent_by_it() -> None:
    chat = at_the_page()
    chat.tap("KIRIM")
    assert chat.state.status is Status.FINISHED
    chat = Chat(reviewed(), language="id").asking()
    chat.tap("KIRIM")
    chat.tap("LAGI")
    assert chat.state.question == "setuju_kah"


@pytest.mark.parametrize("typed", ["lanjut", "hm", "terima kasih", "ulang", "99 x"])
def test_nothing_else_sends_them(typed: str) -> None:
    chat = at_the_page(typed)
    assert is_open(chat.state)
    assert "*1.* Setuju?" in chat.text


@pytest.mark.parametrize("typed", ["UBAH 2", "ganti no 2", "2"])
def test_an_answer_is_changed_by_its_number_and_the_page_comes_again(typed: str) -> None:
    chat = at_the_page(typed)
    assert chat.state.question == "usia"
    chat.say("41")
    assert is_open(chat.state)
    assert "→ 41" in chat.text


def test_a_number_that_is_not_there_is_told() -> None:
    assert at_the_page("ubah 7").said("change_impossible")
    chat = at_the_page("ubah")
    assert chat.said("change_which")
    chat.say("2")
    assert chat.state.question == "usia"


def test_a_change_may_ask_more_before_the_page_comes_again() -> None:
    chat = at_the_page("ubah 3", "4")
    assert chat.state.question == "alat_lain"
    chat.say("tang")
    assert is_open(chat.state)
    chat.all("ubah 2", "12")
    assert chat.effects == (Answered("usia"), Dropped(("anak", "kerja")))
    assert is_open(chat.state)
    assert "Bekerja?" not in chat.text


def test_back_opens_the_last_question_and_going_on_the_page() -> None:
    chat = at_the_page("kembali")
    assert chat.state.question == "saran"
    chat.say("KEMBALI")
    assert chat.state.question == "kerja"
    chat.say("lanjut")
    assert is_open(chat.state)
    chat.all("hapus", "1")
    assert chat.state.question == "saran"


def test_a_late_tap_and_a_quote_change_their_answers_and_are_told() -> None:
    chat = at_the_page()
    chat.tap("kerja:2")
    assert chat.text.startswith("Jawaban nomor 5 sudah kami perbarui.\n\n")
    assert is_open(chat.state)
    chat.say("eh 1")
    assert chat.state.answers["kerja"] == "1"
    chat.say("30", about="usia")
    assert chat.state.answers["usia"] == 30
    chat.say("tiga puluh lima juta", about="usia")
    assert chat.state.answers["usia"] == 30
    assert is_open(chat.state)
    chat.tap("nonsense")
    assert is_open(chat.state)
    chat.send("media")
    assert is_open(chat.state)


def test_own_words_that_were_the_last_answer_are_not_corrected_by_a_star() -> None:
    chat = at_the_page("3*")
    assert chat.state.answers["saran"] == "jalan rusak"
    assert is_open(chat.state)


def test_an_ok_counts_only_for_what_could_be_read() -> None:
    chat = at_the_page()
    chat.say("ok", after=timedelta(seconds=1))
    assert is_open(chat.state)
    chat.say("ok", after=timedelta(hours=20))
    assert is_open(chat.state)
    chat.say("kirim", after=timedelta(hours=20))
    assert chat.state.status is Status.FINISHED


def test_a_reminder_comes_and_the_end_of_the_survey_finishes_nothing() -> None:
    chat = at_the_page()
    assert chat.wake() != ""
    chat.wake(chat.plan.closes)
    assert chat.state.status is Status.CLOSED
    assert counted_answers(chat.state) is None


def test_stopping_help_language_and_checking_work_there() -> None:
    assert at_the_page("berhenti").state.status is Status.STOPPED
    assert at_the_page("bantuan").said("help")
    assert at_the_page("cek").said("verify_under_way")
    chat = at_the_page("bahasa", "2")
    assert is_open(chat.state)
    assert "*1.* Agreed?\n→ Yes" in chat.text


def test_own_words_are_cut_and_stay_as_they_were_written() -> None:
    chat = at_the_page("6", "*{{usia}}* " + "a" * 80)
    assert "→ {{usia}} aaa" in chat.text
    assert "a…" in chat.text
    assert "a" * 60 not in chat.text


def test_what_was_left_out_has_a_dash() -> None:
    chat = Chat(reviewed(), language="id").asking()
    chat.all("1", "12", "1", "lewati")
    assert is_open(chat.state)
    assert "*4.* Saran?\n→ –" in chat.text
    chat.say("4")
    assert chat.state.question == "saran"


def test_filling_in_again_replaces_only_what_was_sent() -> None:
    chat = at_the_page("kirim")
    first = dict(chat.state.answers)
    chat.all("isi ulang", "1", "12", "2", "0")
    assert is_open(chat.state)
    assert counted_answers(chat.state) == first
    chat.say("kirim")
    assert counted_answers(chat.state) == {"setuju_kah": "1", "usia": 12, "alat": ("2",)}


def test_many_answers_come_by_pages_that_fit_a_message_with_help_above() -> None:
    chat = Chat(long(), language="id").asking()
    while not is_open(chat.state):
        question = chat.flow.by_name[chat.state.question or ""]
        chat.say("usul " * 60 if question.own_words else "2" if question.name == "sar_02" else "1")
    numbers = set()
    pages = chat.text.split("Halaman 1 dari ")[1][0]
    for number in range(1, int(pages) + 1):
        assert f"Halaman {number} dari {pages}" in chat.text
        assert chat.message is not None
        assert message_chars(chat.message) <= MESSAGE_CHARS
        numbers |= {line.split(".")[0] for line in chat.text.split("\n") if line.startswith("*")}
        chat.say("bantuan")
        assert chat.message is not None
        assert message_chars(chat.message) <= MESSAGE_CHARS
        chat.say("lagi")
    assert "Halaman 1 dari" in chat.text, "after the last page comes the first"
    answered = len(chat.state.answers) + len(chat.state.left_out)
    assert {f"*{number}" for number in range(1, answered + 1)} <= numbers
    chat.all("lagi", "kirim")
    assert chat.state.status is Status.FINISHED


def test_ways_go_through_the_page() -> None:
    through, plain = (
        ways.play(ways.way("shortest"))
        for ways in (Ways(reviewed(), "internal"), Ways(load_survey(small_files()), "internal"))
    )
    assert (through.questions, through.received) == (plain.questions, plain.received + 1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  review:\n    id", "  report:\n    id", "given twice"),
        ("      {{daftar_jawaban}}\n\n      Sudah", "      Sudah", "have no place"),
        ("Sebelum dikirim", "Sebelum " + "a" * 500, "around the answers"),
    ],
)
def test_the_words_around_the_answers_are_checked(old: str, new: str, told: str) -> None:
    files = small_files(internal=REVIEWED)
    assert old in files["messages.yaml"]
    files["messages.yaml"] = files["messages.yaml"].replace(old, new)
    with pytest.raises(FlowError, match=told):
        load_survey(files)


def test_a_flow_may_not_have_the_page_without_its_words() -> None:
    files = small_files(internal=REVIEWED)
    text = files["messages.yaml"]
    start, end = text.index("  review_more:"), text.index("  fill_again:")
    files["messages.yaml"] = text[:start] + text[end:]
    with pytest.raises(FlowError, match=r"internal.yaml:5:9: the page of answers has no words"):
        load_survey(files)
    load_survey(files | {"internal.yaml": SMALL_FLOW})
