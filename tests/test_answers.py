"""What people type is read for certain or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.answers.numerals import number_in_words, read_integer
from bot.flow.answers.reading import Lexicon, read_choice, read_choices, read_number, read_text
from tests.surveys import bundled

NA = (("0", ("Tidak tahu", "Don't know")), ("9", ("Tidak mau menjawab", "Prefer not to say")))
OFTEN = Lexicon.of(
    (
        ("1", ("Tidak pernah", "Never")),
        ("2", ("Jarang", "Rarely")),
        ("3", ("Kadang-kadang", "Sometimes")),
        ("4", ("Sering", "Often")),
        ("5", ("Sangat sering", "Very often")),
        *NA,
    )
)
AGREE = Lexicon.of(
    (
        ("1", ("Sangat tidak setuju", "Strongly disagree")),
        ("2", ("Tidak setuju", "Disagree")),
        ("3", ("Setuju", "Agree")),
        ("4", ("Sangat setuju", "Strongly agree")),
        *NA,
    )
)
YES_NO = Lexicon.of((("1", ("Ya", "Yes")), ("2", ("Tidak", "No"))))
YEARS = Lexicon.of(
    (
        ("1", ("Kurang dari 1 tahun",)),
        ("2", ("1 sampai 3 tahun",)),
        ("3", ("4 sampai 10 tahun",)),
        ("4", ("Lebih dari 10 tahun",)),
    )
)
REASON = Lexicon.of(
    (
        ("1", ("Mengurus sendiri",)),
        ("2", ("Lewat keluarga/teman",)),
        ("3", ("Lewat calo/biro jasa",)),
        *NA,
    )
)
TOOLS = ("1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("2", "2"),
        ("2.", "2"),
        (" 2 ", "2"),
        ("*2*", "2"),
        ("(2)", "2"),
        ("2)", "2"),
        ("no 2", "2"),
        ("No. 2", "2"),
        ("nomor 2", "2"),
        ("yg 2", "2"),
        ("yang 2 pak", "2"),
        ("pilih 2", "2"),
        ("saya pilih 2", "2"),
        ("jawaban saya 2", "2"),
        ("2 ya", "2"),
        ("dua", "2"),
        ("nomor dua", "2"),
        ("two", "2"),
        ("２", "2"),
        ("2️⃣", "2"),
        ("٢", "2"),
        ("②", "2"),
        ("2 jarang", "2"),
        ("2. Jarang", "2"),
        ("jarang", "2"),
        ("JARANG!", "2"),
        ("Rarely", "2"),
        ("jrg", "2"),
        ("jarng", "2"),
        ("tidak pernah", "1"),
        ("tdk pernah", "1"),
        ("gak pernah", "1"),
        ("ga prnh", "1"),
        ("kada suah", "1"),
        ("never", "1"),
        ("kdg2", "3"),
        ("kadang2", "3"),
        ("kadang", "3"),
        ("kadang kadang", "3"),
        ("Kadang-kadang 🙂", "3"),
        ("sering", "4"),
        ("srg", "4"),
        ("sring", "4"),
        ("sering sekali", "5"),
        ("srg bgt", "5"),
        ("sangat sering", "5"),
        ("0", "0"),
        ("tidak tahu", "0"),
        ("tdk tau", "0"),
        ("dont know", "0"),
        ("don’t know", "0"),
        ("9", "9"),
        ("tdk mau menjawab", "9"),
        ("prefer not to say", "9"),
    ],
)
def test_a_frequency_is_read_as_people_write_it(typed: str, choice: str) -> None:
    assert OFTEN.read(typed) == choice


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "P",
        "siap",
        "sdh",
        "ok",
        "12",
        "6",
        "-2",
        "2-3",
        "1/2",
        "2,5",
        "2 3",
        "2 atau 3",
        "2 kali",
        "2 sering",
        "pernah",
        "pernah sekali",
        "sekali",
        "sangat",
        "tidak",
        "gak",
        "tidak sering",
        "tidak jarang",
        "kurang sering",
        "tahu",
        "menjawab",
        "xx",
        "🙂",
        "2" * 400,
    ],
)
def test_what_could_mean_several_choices_or_none_is_not_guessed(typed: str) -> None:
    assert OFTEN.read(typed) is None


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("setuju", "3"),
        ("stuju", "3"),
        ("setuju pak", "3"),
        ("tdk setuju", "2"),
        ("kada satuju", "2"),
        ("ga setuju", "2"),
        ("sangat setuju", "4"),
        ("setuju banget", "4"),
        ("sgt tdk setuju", "1"),
        ("disagree", "2"),
        ("strongly disagree", "1"),
        ("kurang setuju", None),
        ("agak setuju", None),
        ("bukan", None),
    ],
)
def test_agreement_never_turns_into_its_opposite(typed: str, choice: str | None) -> None:
    assert AGREE.read(typed) == choice


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        *(
            (no, "2")
            for no in ("tidak", "tdk", "gak", "ga", "kd", "kada", "no", "nggak", "tidak pak")
        ),
        *((yes, "1") for yes in ("ya", "iya", "y", "yes", "inggih", "ya pak", "Ya.")),
        ("no 2", "2"),
        ("no 1", "1"),
        ("sdh", None),
        ("siap", None),
        ("ya tidak", None),
        ("0", None),
    ],
)
def test_yes_and_no_have_many_words(typed: str, choice: str | None) -> None:
    assert YES_NO.read(typed) == choice


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("2", "2"),
        ("1 sampai 3 tahun", "2"),
        ("1 sampai 3 thn", "2"),
        ("lebih dari 10 tahun", "4"),
        ("1 tahun", None),
        ("3 tahun", None),
        ("5 tahun", None),
        ("10", None),
    ],
)
def test_figures_in_a_label_are_not_choices(typed: str, choice: str | None) -> None:
    assert YEARS.read(typed) == choice


def test_a_word_of_one_label_alone_is_enough() -> None:
    assert REASON.read("keluarga") == "2"
    assert REASON.read("lewat teman") == "2"
    assert REASON.read("calo") == "3"
    assert REASON.read("lewat") is None


@pytest.mark.parametrize("group", ["internal", "eksternal", "ahli"])
def test_every_label_and_number_of_the_bundled_questions_is_read(group: str) -> None:
    for question in bundled().for_group(group).questions:
        for choice in (*question.choices, *question.na):
            for typed in (
                choice.name,
                f"no {choice.name}",
                f"{choice.name}.",
                *choice.label.values(),
            ):
                assert question.read(typed, {}).answer == choice.name, (question.name, typed)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    reading = read_choice(OFTEN, text)
    assert (reading.answer in OFTEN.names) != (reading.trouble is not None)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("1,3", ("1", "3")),
        ("1, 3", ("1", "3")),
        ("1 dan 3", ("1", "3")),
        ("1 and 3", ("1", "3")),
        ("1 3", ("1", "3")),
        ("3 1 1", ("1", "3")),
        ("1 & 3", ("1", "3")),
        ("1/3", ("1", "3")),
        ("1\n3", ("1", "3")),
        ("jarang, sering", ("2", "4")),
        ("no 2 dan no 4", ("2", "4")),
        ("１，３", ("1", "3")),
        ("2", ("2",)),
        ("0", ("0",)),
        ("tidak tahu", ("0",)),
    ],
)
def test_several_choices_are_read_at_once(typed: str, names: tuple[str, ...]) -> None:
    assert read_choices(OFTEN, TOOLS, typed, 1, None).answer == names


@pytest.mark.parametrize("typed", ["13", "1-3", "1, x", "0,1", "0 9", "", "1 atau 3", "x"])
def test_several_choices_are_not_guessed(typed: str) -> None:
    assert read_choices(OFTEN, TOOLS, typed, 1, None).trouble == "unclear"


def test_too_few_and_too_many_choices_are_told_apart() -> None:
    assert read_choices(OFTEN, TOOLS, "1", 2, 3).trouble == "too_few"
    assert read_choices(OFTEN, TOOLS, "1 2 3 4", 2, 3).trouble == "too_many"
    assert read_choices(OFTEN, TOOLS, "1 2", 2, 3).answer == ("1", "2")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("25", 25),
        ("25.", 25),
        ("25 orang", 25),
        ("25 tahun", 25),
        ("25thn", 25),
        ("umur saya 25", 25),
        ("sekitar 25", 25),
        ("２５", 25),
        ("1.000", 1000),
        ("1,000", 1000),
        ("25.000.000", 25_000_000),
        ("Rp 25.000", 25_000),
        ("Rp25.000", 25_000),
        ("25rb", 25_000),
        ("25 ribu", 25_000),
        ("2 juta", 2_000_000),
        ("-5", -5),
        ("nol", 0),
        ("tujuh", 7),
        ("sepuluh", 10),
        ("sebelas", 11),
        ("lima belas", 15),
        ("dua puluh", 20),
        ("dua puluh lima", 25),
        ("dua puluh lima orang", 25),
        ("seratus dua puluh tiga", 123),
        ("seribu dua ratus", 1200),
        ("dua ribu lima ratus", 2500),
        ("seratus ribu", 100_000),
        ("satu juta dua ratus ribu", 1_200_000),
        ("twenty-five", 25),
        ("two hundred and five", 205),
    ],
)
def test_whole_numbers_are_read(typed: str, value: int) -> None:
    assert read_integer(typed) == value


@pytest.mark.parametrize(
    "typed",
    [
        *("", "x", "orang", "2,5", "1.5", "20-25", "20 25", "dua dua", "puluh", "ratus dua"),
        *("lebih dari 25", "25 tahun 3 bulan", "lima ribu dua juta", "1.00", "12.34.567", "25 25"),
        *("dua puluh puluh", "dua puluh sepuluh", "nol lima", "1e3", "0x10", "ribu"),
    ],
)
def test_what_is_not_one_whole_number_is_refused(typed: str) -> None:
    assert read_integer(typed) is None


UNITS = ("", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")


def spelled(value: int) -> str:
    """Spell a number in Indonesian, by another road than the reader's."""
    for size, word in ((1_000_000, "juta"), (1000, "ribu"), (100, "ratus")):
        if value >= size:
            many, rest = divmod(value, size)
            head = f"se{word}" if many == 1 and size < 1_000_000 else f"{spelled(many)} {word}"
            return f"{head} {spelled(rest)}".strip()
    if value < 10:
        return UNITS[value]
    if value in (10, 11):
        return {10: "sepuluh", 11: "sebelas"}[value]
    if value < 20:
        return f"{UNITS[value - 10]} belas"
    return f"{UNITS[value // 10]} puluh {UNITS[value % 10]}".strip()


@given(st.integers(1, 999_999_999))
def test_every_number_in_indonesian_words_is_read(value: int) -> None:
    assert number_in_words(spelled(value)) == value


@given(st.integers(0, 10**12))
def test_every_number_in_figures_is_read(value: int) -> None:
    assert read_integer(str(value)) == value
    assert read_integer(f"{value:,}") == value
    assert read_integer(f"{value:,}".replace(",", ".")) == value


def test_a_number_outside_the_limits_is_refused() -> None:
    assert read_number("121", 0, 120, True).trouble == "out_of_range"
    assert read_number("-1", 0, 120, True).trouble == "out_of_range"
    assert read_number("abc", 0, 120, True).trouble == "not_a_number"
    assert read_number("0", 0, 120, True).answer == 0


def test_zero_leaves_a_number_out_only_where_it_is_no_possible_answer() -> None:
    assert read_number("0", 1, None, False).left_out
    assert read_number("lewati", 0, None, False).left_out
    assert read_number("0", 0, None, False).answer == 0
    assert read_number("0", None, None, True).answer == 0


def test_own_words_are_taken_whole_or_not_at_all() -> None:
    assert read_text("  baik *sekali*, {{unit}} ", 40, True).answer == "baik *sekali*, {{unit}}"
    assert read_text("x" * 40, 40, True).answer == "x" * 40
    assert read_text("x" * 41, 40, True).trouble == "too_long"


@pytest.mark.parametrize("typed", ["0", "lewati", "Lewati.", "skip", "  "])
def test_own_words_can_be_left_out_where_they_are_not_required(typed: str) -> None:
    assert read_text(typed, 40, False).left_out
    assert read_text(typed, 40, True).trouble == "required"
