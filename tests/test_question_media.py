"""Pictures and recordings that go with questions: from the files to the phone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.channels.base import Address, Outgoing, as_shown, captioned
from bot.channels.cloud import CloudChannel
from bot.channels.simulator import Bubble, SimulatorChannel
from bot.flow.lint import lint
from bot.flow.load import load_survey
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.source import FlowError
from bot.flow.survey import Survey
from bot.flow.turn import Attachment, Message
from bot.interview.chats import Chats
from bot.interview.files import media_links, question_media
from bot.interview.files.file_types import media_type
from bot.interview.surveys import publish, read_files, read_media
from storage.models import MediaLink, QuestionMedia
from tests.fake_cloud import FakeCloud
from tests.media_files import jpeg, lines, ogg, png
from tests.rows import count
from tests.setup import bundled_files, installation
from tests.surveys import Chat, small_files
from tests.whatsapp import BASE, Office, office

PHONE = "+6281200000901"
FLOW = """\
kind: flow
name: internal
title: {id: Survei Coba, en: Trial Survey}
minutes: "3"
questions:
  - name: kartu
    type: select_one
    label: {id: Pernah lihat kartu ini?, en: Have you seen this card?}
    choices: [{name: "1", label: {id: Ya, en: "Yes"}}, {name: "2", label: {id: Tidak, en: "No"}}]
    na: none
    appearance: text
    media:
      image: {id: kartu.png, en: card.jpg}
      audio: {id: kartu.ogg}
  - name: saran
    type: text
    label: {id: Saran?, en: A suggestion?}
    media: {image: kartu.png}
"""
FILES = lines(
    kartu_png=("image/png", 9000), card_jpg=("image/jpeg", 900), kartu_ogg=("audio/ogg", 70_000)
)


def made(flow: str = FLOW, files: dict[str, str] | None = None) -> Survey:
    """Compile the small survey with this flow and these files."""
    return load_survey(small_files(internal=flow) | (FILES if files is None else files))


@pytest.fixture(scope="module")
def survey() -> Survey:
    """The survey above, compiled."""
    return made()


def sent(chat: Chat) -> tuple[str, str] | None:
    """Return kind and name of what came with the last message."""
    found = chat.message.attachment if chat.message is not None else None
    return None if found is None else (found.kind, found.name)


def test_a_picture_travels_with_its_question_in_the_language_spoken(survey: Survey) -> None:
    chat = Chat(survey).asking()
    assert sent(chat) == ("image", "kartu.png")
    assert chat.message is not None
    assert chat.message.attachment is not None
    assert chat.message.attachment.what == f"question:{0:064x}"
    assert "Pernah lihat kartu ini?" in chat.text
    chat.say("bahasa")
    chat.say("2")
    assert sent(chat) == ("image", "card.jpg")
    chat.say("1")
    assert sent(chat) == ("image", "kartu.png"), "a language without its own gets the default's"


def test_who_stumbles_is_not_sent_the_picture_again_and_who_asks_is(survey: Survey) -> None:
    chat = Chat(survey).asking()
    chat.say("entah")
    assert sent(chat) is None
    chat.say("ulang")
    assert sent(chat) == ("image", "kartu.png")


def test_suara_brings_the_recording_and_nothing_is_lost(survey: Survey) -> None:
    chat = Chat(survey).asking()
    for word in ("SUARA", "dengar", "voice", "tolong bacakan pak"):
        chat.say(word)
        assert sent(chat) == ("audio", "kartu.ogg")
    assert "Pernah lihat kartu ini?" in chat.text, "said where the recording cannot be sent"
    assert chat.message is not None
    assert (chat.message.question, captioned(chat.message)) == ("kartu", False)
    chat.say("1")
    assert chat.state.answers == {"kartu": "1"}


def test_where_nobody_has_read_it_suara_says_so_and_shows_the_question(survey: Survey) -> None:
    chat = Chat(survey, language="en").asking()
    chat.say("listen")
    assert chat.text.startswith("Sorry, this question has not been recorded.\n\nHave you seen")
    assert sent(chat) is None
    chat.say("1")
    chat.say("SUARA")
    assert "has not been recorded" in chat.text
    assert "saran" not in chat.state.answers, "the word in capitals is no answer"
    chat.say("suara petugas kurang ramah")
    assert chat.state.answers["saran"] == "suara petugas kurang ramah"


def test_the_footer_names_suara_only_where_there_is_a_recording(survey: Survey) -> None:
    chat = Chat(survey).asking()
    assert "*SUARA* untuk mendengarkan.\n(1/2)" in chat.text
    assert "SUARA" not in chat.say("1")
    assert "SUARA" not in Chat(survey, language="en").asking().text


def test_a_picture_leaves_no_room_for_buttons_and_the_linter_says_so() -> None:
    flow = FLOW.replace("appearance: text", "appearance: buttons")
    survey = made(flow)
    chat = Chat(survey).asking()
    assert chat.message is not None
    assert (chat.message.taps, sent(chat)) == (None, ("image", "kartu.png"))
    (finding,) = [one for one in lint(small_files(internal=flow) | FILES) if "picture" in one.what]
    assert (finding.rule, finding.what) == (
        "picture-or-taps",
        "a picture goes without buttons: it stays numbered text",
    )


def test_a_question_longer_than_a_caption_comes_without_its_picture_and_the_linter_says_so() -> (
    None
):
    flow = FLOW.replace("Pernah lihat kartu ini?", "Lihat kartu ini. " * 65)
    assert sent(Chat(made(flow)).asking()) is None
    found = lint(small_files(internal=flow) | FILES)
    (told,) = [one for one in found if one.rule == "body-too-long-for-picture"]
    line = flow[: flow.index("Lihat kartu")].count("\n") + 1
    assert str(told).startswith(f"internal.yaml:{line}:17: warning: ")
    assert "1227 characters in `id`: shown without the picture, whose caption holds 1024" in str(
        told
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"media/kartu.png": ""}, "internal.yaml:13:19: there is no media/kartu.png"),
        (
            lines(kartu_png=("", 900)),
            (
                "internal.yaml:13:19: media/kartu.png is not a JPEG or PNG picture, whatever its"
                " name says; save it anew in one of these formats"
            ),
        ),
        (
            lines(kartu_png=("image/png", 6_000_000)),
            (
                "internal.yaml:13:19: media/kartu.png has 5.7 MB; WhatsApp takes 5; make it"
                " smaller: phones pay for every megabyte"
            ),
        ),
        (
            lines(kartu_ogg=("audio/ogg", 17_000_000)),
            (
                "internal.yaml:14:19: media/kartu.ogg has 16.2 MB; WhatsApp takes 16; make it"
                " smaller: phones pay for every megabyte"
            ),
        ),
        (
            lines(kartu_ogg=("image/png", 900)),
            (
                "internal.yaml:14:19: media/kartu.ogg is not a recording in ogg (Opus), mp3, aac,"
                " m4a or amr, whatever its name says; save it anew in one of these formats"
            ),
        ),
    ],
)
def test_what_is_missing_too_large_or_of_a_wrong_type_is_named_at_its_place(
    files: dict[str, str], said: str
) -> None:
    there = {name: line for name, line in (FILES | files).items() if line}
    with pytest.raises(FlowError) as error:
        made(files=there)
    found = [str(one) for one in error.value.problems]
    assert found[0].startswith(said)


@pytest.mark.parametrize(
    ("media", "said"),
    [
        (
            '{image: "kartu saya.png"}',
            (
                "18:20: no name for a file of the folder `media`: `kartu saya.png`; rename it:"
                " letters, digits, `.`, `-` and `_`, 80 at most"
            ),
        ),
        (
            "{image: ../survey.yaml}",
            "18:20: no name for a file of the folder `media`: `../survey.yaml`",
        ),
        ("{}", "18:12: nothing goes with the question; name a file, or remove it"),
        ("{image: kartu}", "18:20: there is no media/kartu; did you mean `kartu.ogg`?"),
    ],
)
def test_a_name_that_cannot_be_one_is_told_so(media: str, said: str) -> None:
    with pytest.raises(FlowError) as error:
        made(FLOW.replace("{image: kartu.png}", media))
    assert str(error.value.problems[0]).startswith(f"internal.yaml:{said}")


def test_a_language_that_the_survey_has_not_is_named() -> None:
    with pytest.raises(FlowError) as error:
        made(FLOW.replace("audio: {id:", "audio: {ida:"))
    assert "14:15: `ida` is no language of this survey" in str(error.value.problems[0])


def test_recordings_need_the_words_around_them_and_a_survey_without_any_does_not() -> None:
    files = small_files(internal=FLOW) | FILES
    words = re.sub(r"(?ms)^  audio_(line|none):.*?\n\n", "", files["messages.yaml"])
    with pytest.raises(FlowError) as error:
        load_survey(files | {"messages.yaml": words})
    assert [one.what.split(",")[0] for one in error.value.problems] == [
        "`audio_line` is missing",
        "`audio_none` is missing",
    ]
    bare = FLOW.replace("      audio: {id: kartu.ogg}\n", "")
    without = load_survey(files | {"messages.yaml": words, "internal.yaml": bare})
    assert sent(Chat(without).asking()) == ("image", "kartu.png")
    chat = Chat(without).asking()
    assert "Pernah lihat" in chat.say("suara")


def test_a_file_that_no_question_uses_is_named_and_does_not_make_a_version() -> None:
    survey = made(files=FILES | lines(lama_png=("image/png", 10)))
    (advice,) = survey.advice
    assert str(advice).startswith("media/lama.png:1:1: no question uses this file")
    assert [one.name for one in survey.media] == ["card.jpg", "kartu.ogg", "kartu.png"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (jpeg(), "image/jpeg"),
        (png(), "image/png"),
        (ogg(), "audio/ogg"),
        (b"OggS" + bytes(24) + b"\x01vorbis", ""),
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (b"\xff\xfb\x90\x00" + bytes(9), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(9), "audio/aac"),
        (b"#!AMR\n" + bytes(9), "audio/amr"),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(9), "audio/mp4"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(9) + b"vide", ""),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"RIFF....WEBP", ""),
        (b"", ""),
    ],
)
def test_what_a_file_is_is_told_by_its_bytes(content: bytes, kind: str) -> None:
    assert media_type(content) == kind


# --- with a database and a provider ---------------------------------------------------------------


def folder(tmp_path: Path) -> Path:
    """Write the survey with real files into a folder."""
    (tmp_path / "media").mkdir()
    contents = {"kartu.png": png(), "card.jpg": jpeg(), "kartu.ogg": ogg(), "lama.png": png()}
    for name, content in contents.items():
        (tmp_path / "media" / name).write_bytes(content)
    (tmp_path / "media" / ".DS_Store").write_bytes(b"x")
    files = bundled_files() | {"internal.yaml": FLOW}
    files["survey.yaml"] = re.sub(
        r"(?m)^min_answer_seconds: .*$", "min_answer_seconds: 0", files["survey.yaml"]
    )
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def place(either_url: str, tmp_path: Path) -> Iterator[Office]:
    """An office that has published the survey with its files."""
    with office(either_url) as one:
        read = folder(tmp_path)
        one.published = publish(one.installation, read_files(read), media=read_media(read))
        yield one


def test_another_picture_is_another_version(place: Office, tmp_path: Path) -> None:
    picture = tmp_path / "media" / "kartu.png"
    again = publish(place.installation, read_files(tmp_path), media=read_media(tmp_path))
    assert again.flow_version_id == place.published.flow_version_id
    picture.write_bytes(jpeg())
    other = publish(place.installation, read_files(tmp_path), media=read_media(tmp_path))
    assert other.flow_version_id != place.published.flow_version_id


def test_question_and_picture_arrive_as_one_message_and_the_recording_alone(place: Office) -> None:
    person = place.twilio.person(phone=PHONE)
    for text in (place.link_text(), "1", "setuju", "SUARA"):
        person.say(text)
    place.twilio.settle()
    question, recording = person.messages[-2:]
    assert question.text.startswith("Pernah lihat kartu ini?")
    assert question.file == ("image/png", png())
    assert (recording.text, recording.file) == ("", ("audio/ogg", ogg()))
    assert place.twilio.errors == []
    assert count(place.installation, QuestionMedia) == 3, "what no question uses is not stored"
    assert count(place.installation, MediaLink) == 0, "no row tells who was asked what, and when"


def test_servers_need_no_folder_and_an_older_version_keeps_its_pictures(
    place: Office, tmp_path: Path
) -> None:
    here = place.installation
    person = place.twilio.person(phone=PHONE)
    person.say(place.link_text())
    (tmp_path / "media" / "kartu.png").write_bytes(jpeg())
    publish(here, read_files(tmp_path), media=read_media(tmp_path))
    for file in (tmp_path / "media").iterdir():
        file.unlink()
    here.surveys._compiled.clear()
    for text in ("1", "setuju"):
        person.say(text)
    place.twilio.settle()
    assert person.messages[-1].file == ("image/png", png())


def test_a_version_whose_files_are_nowhere_is_not_taken(place: Office, tmp_path: Path) -> None:
    (tmp_path / "media" / "kartu.png").write_bytes(png()[:-4])
    with pytest.raises(FlowError, match=r"media/kartu\.png:1:1: the file is not stored here"):
        publish(place.installation, read_files(tmp_path))
    here = place.installation
    now = here.database.read(lambda c: here.surveys.named(c, place.published.name))
    assert now.flow_version_id == place.published.flow_version_id


def test_a_file_has_one_address_for_all_that_cannot_be_guessed(place: Office) -> None:
    here = place.installation
    digest = hashlib.sha256(png()).hexdigest()
    what = f"question:{digest}"
    made = {here.database.write(lambda c: media_links.make(c, here, what)) for _ in range(2)}
    (address,) = made
    assert address == f"{BASE}/media/{question_media.token(here, digest)}"
    assert digest[:16] not in address
    page = place.app.test_client()
    answer = page.get(address.removeprefix(BASE))
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", png())
    assert page.get(f"/media/{digest[:22]}").status_code == 404
    assert place.service.file(f"question:{'0' * 64}") is None


def test_the_simulator_shows_a_recording_alone_and_a_picture_with_its_words(
    sqlite_url: str,
) -> None:
    with installation(sqlite_url, demo=True) as here:
        chats = Chats(here)
        channel = SimulatorChannel(chats, here.now)
        to = Address("phone", PHONE)
        chats.add(to, Bubble("person", "SM0", Message("halo")))
        for number, kind in enumerate(("audio", "image")):
            file = Attachment(kind, "question:0", "a")  # type: ignore[arg-type]
            channel.send(Outgoing(str(number), to, Message("x" * 1000, attachment=file)))
        shown = [entry.bubble.message for entry in chats.since(to, here.now())[1:]]
        assert [(len(one.text), one.attachment is not None) for one in shown] == [
            (0, True),
            (1000, True),
        ]


def test_a_transcript_names_what_comes_with_a_message(survey: Survey) -> None:
    text = "survey: coba\ngroup: internal\nscript:\n- open: true\n"
    text += "".join(f"- user: '{one}'\n" for one in ("1", "setuju", "suara", "1"))
    result = play(survey, read_transcript("a.yaml", text), as_shown)
    said = [line["bot"] for line in result.script if "bot" in line]
    assert said[2].startswith("[kartu.png]\n\nPernah lihat kartu ini?")
    assert said[3] == "[kartu.ogg]"
    assert said[4].startswith("[kartu.png]\n\nSaran?")


def test_meta_is_given_a_recording_without_words() -> None:
    with FakeCloud() as meta:
        channel = CloudChannel(
            meta.access_token,
            meta.phone_number_id,
            (meta.app_secret,),
            meta.verify_token,
            api_base_url=meta.base_url,
        )
        file = Attachment("audio", "question:0", "kartu.ogg")
        message = Message("Pernah lihat kartu ini?", attachment=file)
        link = f"{BASE}/media/abc"
        channel.send(Outgoing("1", Address("phone", PHONE), message, link=link))
        channel.send(Outgoing("2", Address("phone", PHONE), message))
        first, second = meta.sent
        assert first.payload["audio"] == {"link": link}
        assert second.payload["text"]["body"] == "Pernah lihat kartu ini?"
        channel.close()
