"""Command words are found whatever their form, and only where they make sense."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.keywords import ACCEPTED, Command, Keywords, Phase, normalise
from tests.surveys import bundled, bundled_files

KEYWORDS = bundled().words.keywords


@pytest.mark.parametrize(
    "typed",
    [
        "KEMBALI",
        "kembali",
        "Kembali.",
        "*KEMBALI*",
        " kembali 🙏",
        "kembali pak",
        "ＫＥＭＢＡＬＩ",
        "ralat",
    ],
)
def test_case_punctuation_emoji_and_politeness_do_not_matter(typed: str) -> None:
    assert KEYWORDS.find(typed, Phase.ASKING) is Command.KEMBALI


@pytest.mark.parametrize(
    ("typed", "phase", "command"),
    [
        ("1", Phase.INVITED, Command.MULAI),
        ("siap", Phase.INVITED, Command.MULAI),
        ("siap pak", Phase.INVITED, Command.MULAI),
        ("ya", Phase.INVITED, Command.MULAI),
        ("bersedia", Phase.INVITED, Command.MULAI),
        ("bersedia", Phase.CONSENT, Command.SETUJU),
        ("1", Phase.CONSENT, None),
        ("ya", Phase.CONSENT, None),
        ("ok", Phase.CONSENT, None),
        ("satuju", Phase.CONSENT, Command.SETUJU),
        ("gak", Phase.CONSENT, Command.TIDAK),
        ("tidak setuju", Phase.CONSENT, Command.TIDAK),
        ("tidak", Phase.ASKING, None),
        ("setuju", Phase.ASKING, None),
        ("bukan", Phase.CONSENT, Command.BUKAN),
        ("bukan", Phase.ASKING, None),
        ("?", Phase.ASKING, Command.BANTUAN),
        ("tolong", Phase.ASKING, Command.BANTUAN),
        ("hoax?", Phase.INVITED, Command.CEK),
        ("asli", Phase.OVER, Command.CEK),
        ("hapus data", Phase.OVER, Command.HAPUS_DATA),
        ("hapus", Phase.ASKING, Command.HAPUS_OR_BATAL),
        ("isi ulang", Phase.OVER, Command.ISI_ULANG),
        ("isi ulang", Phase.ASKING, None),
        ("ditekan", Phase.OVER, Command.LAPOR),
        ("stop", Phase.CONSENT, Command.BERHENTI),
        ("don't contact me", Phase.INVITED, Command.BERHENTI),
        ("don’t contact me", Phase.INVITED, Command.BERHENTI),
        ("kembali", Phase.OVER, None),
        ("saya mau berhenti kerja", Phase.ASKING, None),
    ],
)
def test_a_word_is_a_command_only_where_it_makes_sense(
    typed: str, phase: Phase, command: Command | None
) -> None:
    assert KEYWORDS.find(typed, phase) is command


def test_in_ones_own_words_only_stopping_and_plain_capitals_are_commands() -> None:
    for typed in (
        "tolong",
        "asli",
        "bukan",
        "kembali",
        "Kembali",
        "hapus",
        "nanti",
        "cek",
        "LAPOR",
    ):
        assert KEYWORDS.find(typed, Phase.OWN_WORDS) is None, typed
    for typed in ("berhenti", "Stop!", "BERHENTI"):
        assert KEYWORDS.find(typed, Phase.OWN_WORDS) is Command.BERHENTI
    for typed in ("KEMBALI", "NANTI", "HAPUS DATA", "BANTUAN", "ULANG"):
        command = KEYWORDS.find(f" {typed} ", Phase.OWN_WORDS)
        assert command is not None
        assert command.word == typed


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("UBAH 5", 5),
        ("ubah no 5", 5),
        ("ubah nomor 12", 12),
        ("ganti 5.", 5),
        ("ubah", None),
        ("ubah lima", None),
        ("kembali 5", None),
        ("5", None),
        ("ubah 1234", None),
    ],
)
def test_change_takes_the_number_of_a_question(typed: str, number: int | None) -> None:
    assert KEYWORDS.numbered(typed) == number


def test_no_command_is_a_digit_once_questions_are_asked() -> None:
    for phase in (Phase.LANGUAGE, Phase.CONSENT, Phase.ASKING, Phase.OWN_WORDS):
        for digit in "0123456789":
            assert KEYWORDS.find(digit, phase) is None


def test_every_synonym_of_the_bundled_survey_leads_to_its_command() -> None:
    for word, commands in KEYWORDS.words.items():
        for command in commands:
            for phase in (phase for phase in Phase if command in ACCEPTED[phase]):
                assert KEYWORDS.find(word, phase) is not None, (word, phase)


def test_every_command_is_known_by_its_own_word() -> None:
    bare = Keywords.of({})
    for command in set(Command) - {Command.HAPUS_OR_BATAL}:
        assert bare.words[normalise(command.word)] == (command,)


def test_thanks_greetings_and_emoji_are_silent_after_the_end() -> None:
    for typed in (
        *(
            "terima kasih",
            "Terima kasih banyak 🙏",
            "makasih",
            "sama-sama",
            "kembali",
            "ok",
            "baik",
        ),
        *(
            "kembali",
            "🙏",
            "👍🏽",
            "Selamat pagi",
            "P",
            "...",
            "siap pak",
            "Assalamualaikum",
            "sudah",
        ),
    ):
        assert KEYWORDS.is_silent(typed), typed
    for typed in ("kapan hasilnya?", "saya mau tanya", "2", "?", "hapus data"):
        assert not KEYWORDS.is_silent(typed), typed


def test_who_asks_who_we_are_is_told_apart_from_who_doubts() -> None:
    assert KEYWORDS.asks_who("Siapa ini?")
    assert KEYWORDS.asks_who("dapat nomor dari mana")
    assert not KEYWORDS.asks_who("cek")
    assert not KEYWORDS.asks_who("hoax")


def test_no_message_advertises_a_word_that_the_gateway_takes() -> None:
    text = bundled_files()["messages.yaml"]
    for word in ("INFO", "HELP", "STOP", "START", "YES", "END", "CANCEL", "QUIT"):
        assert f"*{word}*" not in text


@given(st.text(max_size=100))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_every_command_that_a_message_names_is_understood() -> None:
    named = {
        (name, code, word)
        for name, message in bundled().words.messages.items()
        for code, text in message.texts.items()
        for word in re.findall(r"\*([A-Z][A-Z ]*[A-Z](?: \d)?)\*", text)
    }
    assert {("help", "id", "LAPOR"), ("change_which", "en", "CHANGE 3")} <= named
    for name, code, word in sorted(named):
        command = re.sub(r" \d$", "", word)
        assert KEYWORDS.words.get(normalise(command)), (name, code, word)
        # What the gateway may take for itself is never recommended.
        assert word not in {"INFO", "HELP", "STOP", "START", "YES", "END", "CANCEL", "QUIT"}
