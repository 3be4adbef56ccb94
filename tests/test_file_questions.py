"""Questions that are answered with a file: what the engine takes, and what it says."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot.flow.load import load_survey
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.source import FlowError
from bot.flow.survey import Survey
from bot.flow.turn import Answered, Dropped, Lost, Reopened, Reply, Sent, SentKind
from tests.surveys import Chat, small_files

FLOW = """\
kind: flow
name: internal
title: {id: Survei Coba, en: Trial Survey}
minutes: "3"
questions:
  - name: rusak
    type: select_one
    label: {id: Ada yang rusak?, en: Is anything broken?}
    choices: [{name: "1", label: {id: Ya, en: "Yes"}}, {name: "2", label: {id: Tidak, en: "No"}}]
    na: none
  - name: foto
    type: image
    label: {id: Kirim fotonya., en: Send a photo of it.}
    relevant: "rusak == '1'"
  - name: cerita
    type: audio
    label: {id: Ceritakan., en: Tell us about it.}
    required: false
    relevant: "foto is not none"
  - name: surat
    type: file
    label: {id: Suratnya?, en: The letter?}
    kinds: [pdf]
    max_mb: 2
"""


@pytest.fixture(scope="module")
def survey() -> Survey:
    """A survey with a picture, a recording and a document as answers."""
    return load_survey(small_files(internal=FLOW))


def send(chat: Chat, kind: SentKind, name: str = "a1", *, about: str | None = None) -> str:
    """Send a file to which the caller has given a name."""
    chat.now += timedelta(seconds=30)
    chat.turn(Reply(kind="media", file=Sent(name, kind), about=about))
    return chat.text


def at_photo(survey: Survey) -> Chat:
    """Come to the question for a photo."""
    chat = Chat(survey).asking()
    chat.say("1")
    return chat


def test_a_file_of_the_right_kind_is_the_answer_by_the_id_that_the_caller_gave(
    survey: Survey,
) -> None:
    chat = at_photo(survey)
    assert chat.text == (
        "Kirim fotonya.\n\n(2/4) Kirim satu foto: ketuk 📎 atau 📷, lalu pilih fotonya."
    )
    send(chat, "image", "a1")
    assert chat.state.answers["foto"] == "a1"
    assert chat.effects == (Answered("foto"),)
    send(chat, "audio", "a2")
    send(chat, "pdf", "a3")
    assert chat.state.status == "finished"
    assert dict(chat.state.answers) == {"rusak": "1", "foto": "a1", "cerita": "a2", "surat": "a3"}


@pytest.mark.parametrize("kind", ["audio", "pdf", "other"])
def test_another_kind_is_answered_kindly_and_the_question_stays(
    survey: Survey, kind: SentKind
) -> None:
    chat = at_photo(survey)
    send(chat, kind)
    assert chat.text.startswith("Maaf, jawaban pertanyaan ini bukan tulisan atau jenis berkas itu.")
    assert chat.text.endswith("Kirim satu foto: ketuk 📎 atau 📷, lalu pilih fotonya.")
    assert "foto" not in chat.state.answers


@pytest.mark.parametrize("words", ["rusaknya di atap", "2", "lewati", "Ini fotonya Pak"])
def test_words_are_no_file_however_often(survey: Survey, words: str) -> None:
    chat = at_photo(survey)
    for _ in range(4):
        chat.say(words)
        assert chat.said("wrong_file")
    assert chat.state.question == "foto"


@pytest.mark.parametrize("kind", ["location", "contact", "unsupported"])
def test_what_is_no_file_at_all_is_answered_the_same_way(survey: Survey, kind: str) -> None:
    chat = at_photo(survey)
    chat.send(kind)  # type: ignore[arg-type]
    assert chat.said("wrong_file")


def test_commands_work_at_such_a_question(survey: Survey) -> None:
    chat = at_photo(survey)
    assert "Ada yang rusak?" in chat.say("kembali")
    assert "Kirim fotonya." in chat.say("lanjut")
    assert chat.say("berhenti").startswith("Baik, kami tidak akan menghubungi lagi")


def test_one_that_needs_no_answer_may_be_left_out(survey: Survey) -> None:
    chat = at_photo(survey)
    send(chat, "image")
    chat.say("lewati")
    assert (chat.state.left_out, chat.state.question) == (("cerita",), "surat")


def test_a_picture_at_another_question_is_not_opened(survey: Survey) -> None:
    chat = Chat(survey).asking()
    send(chat, "image")
    assert chat.said("not_text")
    assert chat.state.answers == {}


def test_a_file_that_quotes_an_earlier_question_replaces_its_answer(survey: Survey) -> None:
    chat = at_photo(survey)
    send(chat, "image", "a1")
    send(chat, "image", "a2", about="foto")
    assert (chat.state.answers["foto"], chat.state.question) == ("a2", "cerita")
    send(chat, "image", "a3", about="surat")
    assert chat.said("wrong_file"), "a question that was not asked yet cannot be quoted"


def test_an_answer_that_makes_a_file_irrelevant_drops_it(survey: Survey) -> None:
    chat = at_photo(survey)
    send(chat, "image", "a1")
    send(chat, "audio", "a2")
    chat.say("ubah 1")
    chat.say("2")
    assert chat.effects == (Answered("rusak"), Dropped(("foto", "cerita")))
    assert dict(chat.state.answers) == {"rusak": "2"}


def test_a_file_of_which_nothing_came_is_asked_for_again(survey: Survey) -> None:
    chat = at_photo(survey)
    chat.send("media")
    assert chat.said("file_lost")
    assert chat.state.question == "foto"


# --- what turns out later -------------------------------------------------------------------------


def test_a_file_that_cannot_be_used_is_asked_for_again_and_the_rest_goes_on(
    survey: Survey,
) -> None:
    chat = at_photo(survey)
    send(chat, "image", "a1")
    chat.say("lewati")
    chat.turn(Lost("foto", "a1"))
    assert chat.said("file_lost")
    assert "Kirim fotonya." in chat.text
    assert chat.effects == (Dropped(("foto",)),)
    assert (chat.state.question, dict(chat.state.answers)) == ("foto", {"rusak": "1"})
    send(chat, "image", "a2")
    assert chat.state.question == "cerita", "its condition had fallen with the photo"


def test_it_is_asked_for_again_once_and_nobody_is_kept_there(survey: Survey) -> None:
    chat = at_photo(survey)
    send(chat, "image", "a1")
    chat.turn(Lost("foto", "a1"))
    send(chat, "image", "a2")
    chat.turn(Lost("foto", "a2"))
    assert "Suratnya?" in chat.text, "the open question was only asked because of the photo"
    assert (chat.state.left_out, chat.state.question) == (("foto",), "surat")


def test_a_second_one_says_nothing_where_the_open_question_stays(survey: Survey) -> None:
    chat = at_photo(survey)
    send(chat, "image", "a1")
    chat.turn(Lost("foto", "a1"))
    send(chat, "image", "a2")
    chat.say("lewati")
    chat.turn(Lost("foto", "a2"))
    assert (chat.message, chat.state.question) == (None, "surat")


def test_a_finished_interview_counts_without_the_file_until_it_comes(survey: Survey) -> None:
    chat = Chat(survey).asking()
    chat.say("2")
    send(chat, "pdf", "a1")
    assert chat.state.status == "finished"
    chat.turn(Lost("surat", "a1"))
    assert chat.said("file_lost")
    assert chat.effects == (Dropped(("surat",)), Reopened())
    assert chat.state.status == "asking"
    assert chat.state.earlier == {"rusak": "2"}
    send(chat, "pdf", "a2")
    assert chat.state.status == "finished"
    assert chat.state.earlier is None
    assert dict(chat.state.answers) == {"rusak": "2", "surat": "a2"}
    chat.turn(Lost("surat", "a2"))
    assert (chat.message, chat.state.status) == (None, "finished")
    assert dict(chat.state.answers) == {"rusak": "2"}


def test_a_file_that_was_replaced_meanwhile_is_lost_in_silence(survey: Survey) -> None:
    chat = at_photo(survey)
    send(chat, "image", "a1")
    send(chat, "image", "a2", about="foto")
    before = chat.state
    chat.turn(Lost("foto", "a1"))
    assert (chat.message, chat.effects, chat.state) == (None, (), before)


def test_a_file_of_answers_that_isi_ulang_replaces_is_taken_out_of_them(survey: Survey) -> None:
    chat = Chat(survey).asking()
    chat.say("2")
    send(chat, "pdf", "a1")
    chat.say("isi ulang")
    chat.turn(Lost("surat", "a1"))
    assert chat.message is None
    assert chat.state.earlier == {"rusak": "2"}


def test_after_the_survey_nobody_is_asked_again(survey: Survey) -> None:
    chat = Chat(survey).asking()
    chat.say("2")
    send(chat, "pdf", "a1")
    chat.now = chat.plan.closes + timedelta(hours=1)
    chat.turn(Lost("surat", "a1"))
    assert (chat.message, chat.state.status) == (None, "finished")
    assert dict(chat.state.answers) == {"rusak": "2"}


def test_who_has_said_berhenti_since_is_not_asked_again(survey: Survey) -> None:
    chat = Chat(survey).asking()
    chat.say("2")
    send(chat, "pdf", "a1")
    chat.say("berhenti")
    chat.turn(Lost("surat", "a1"))
    assert (chat.message, chat.state.status) == (None, "finished")
    assert dict(chat.state.answers) == {"rusak": "2"}


# --- files ----------------------------------------------------------------------------------------


def test_a_question_needs_its_words_and_the_linter_warns_of_faces(survey: Survey) -> None:
    (advice,) = survey.advice
    assert str(advice).startswith("internal.yaml:12:11: what people send may show who they are")
    files = small_files(internal=FLOW)
    words = re.sub(r"(?ms)^  (send_file|file_lost):.*?\n\n", "", files["messages.yaml"])
    with pytest.raises(FlowError) as error:
        load_survey(files | {"messages.yaml": words})
    assert [one.what for one in error.value.problems] == [
        "`file_lost` is missing, and a question is answered with a file",
        "`send_file` is missing, and a question is answered with a file",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max_mb: 20", "internal.yaml:24:13"),
        ("kinds: [video]", "internal.yaml:23:13"),
        ("kinds: []", "internal.yaml:23:12"),
    ],
)
def test_sizes_and_kinds_have_their_limits(line: str, said: str) -> None:
    key = line.split(":", 1)[0]
    flow = re.sub(rf"(?m)^    {key}: .*$", f"    {line}", FLOW)
    with pytest.raises(FlowError) as error:
        load_survey(small_files(internal=flow))
    assert any(str(one).startswith(said) for one in error.value.problems)


def test_a_transcript_sends_files_by_their_kind(survey: Survey) -> None:
    text = """\
survey: coba
group: internal
script:
- open: true
- user: '1'
- user: setuju
- user: '1'
- send: pdf
- send: image
- send: audio
- send: pdf
end: {status: finished, answers: {rusak: '1', foto: image, cerita: audio, surat: pdf}}
"""
    result = play(survey, read_transcript("a.yaml", text), lambda message: message.text)
    assert not [one for one in result.differences if one.startswith(("status", "answer"))]
