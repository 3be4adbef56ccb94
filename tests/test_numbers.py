"""Numbers with decimals are read in the Indonesian and the English way, and never guessed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.answers.domains import Decimals, Moment, Scale
from bot.flow.answers.numbers import exact, places_of, read_numbers, shown, typed
from bot.flow.answers.reading import LEFT_OUT, Reading
from bot.flow.state import State, Status

NOW = Moment(date(2026, 11, 29), "id")
NUMBERS = st.decimals(-(10**8), 10**8, allow_nan=False, allow_infinity=False, places=4)


def read(domain: Decimals | Scale, text: str, *, required: bool = True) -> Reading:
    return domain.read(text, required, NOW)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2,5", "2.5"),
        ("2.5", "2.5"),
        ("5", "5"),
        ("5.", "5"),
        (",5", "0.5"),
        ("-2,5", "-2.5"),
        ("minus 2,5", "-2.5"),
        ("-0", "0"),
        ("0,500", "0.5"),
        ("1234,567", "1234.567"),
        ("1,0000", "1"),
        ("1.000,5", "1000.5"),
        ("1,000.5", "1000.5"),
        ("1.000,500", "1000.5"),
        ("1.000.000", "1000000"),
        ("Rp 1.500.000", "1500000"),
        ("Rp1.500,50", "1500.5"),
        ("2,5 juta", "2500000"),
        ("1.5jt", "1500000"),
        ("25 ribu", "25000"),
        ("dua puluh lima ribu", "25000"),
        ("12,5%", "12.5"),
        ("dua koma lima", "2.5"),
        ("dua koma nol lima", "2.05"),
        ("1 koma 234", "1.234"),
        ("three point five", "3.5"),
        ("setengah", "0.5"),
        ("dua setengah", "2.5"),
        ("2 setengah juta", "2500000"),
        ("two and a half", "2.5"),
        ("½", "0.5"),
        ("1½", "1.5"),
        ("２,５", "2.5"),
        ("sekitar 2,5 tahun", "2.5"),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: str) -> None:
    assert read_numbers(text) == (Decimal(number),)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("1.000", {"1", "1000"}),
        ("1,000", {"1", "1000"}),
        ("12.345", {"12.345", "12345"}),
        ("-1,500", {"-1.5", "-1500"}),
        ("1.500 juta", {"1500000", "1500000000"}),
    ],
)
def test_a_mark_before_three_figures_has_two_meanings(text: str, readings: set[str]) -> None:
    assert set(read_numbers(text)) == {Decimal(one) for one in readings}


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", ",", "..", "koma", "2 koma", "koma 5", "1..2", "1.,2", "1.000.00", "12.34.567"),
        *(
            "2-3",
            "1/2",
            "2 3",
            "2,5 kg",
            "lebih dari 2",
            "2,5 sampai 3",
            "banyak",
            "dua koma dua belas",
        ),
        *("1" * 16, "9" * 400, "999999999999999 juta"),
    ],
)
def test_what_is_not_one_number_is_none(text: str) -> None:
    assert read_numbers(text) == ()


@given(NUMBERS)
def test_what_is_named_reads_back_as_nothing_else(number: Decimal) -> None:
    for language in ("id", "en", "bjn"):
        assert read_numbers(typed(number, language)) == (number,)
        assert number in read_numbers(shown(number, language))


@given(st.text() | st.text("0123456789.,-+ koma½rbjt", max_size=14))
def test_no_text_is_too_strange_and_none_is_guessed(text: str) -> None:
    found = read_numbers(text)
    assert len(set(found)) == len(found) <= 2
    reading = Decimals().read(text, True, NOW)
    assert (reading.answer is not None) == (len(found) == 1)
    assert (reading.trouble == "number_unsure") == (len(found) == 2)


@given(NUMBERS)
def test_a_stored_number_is_the_one_that_was_given(number: Decimal) -> None:
    state = State(Status.ASKING, "id", answers={"luas": float(number)})
    again = State.from_json(state.to_json()).answers["luas"]
    assert isinstance(again, float)
    assert exact(again) == number


def test_limits_leave_one_of_two_meanings() -> None:
    assert read(Decimals(), "1.500") == Reading(trouble="number_unsure", readings=(1.5, 1500.0))
    assert read(Decimals(most=Decimal(100)), "1.500").answer == 1.5
    assert read(Decimals(least=Decimal(100)), "1.500").answer == 1500.0
    assert read(Decimals(places=2), "1.500").answer == 1500.0
    assert read(Decimals(places=2, most=Decimal(100)), "1.500").trouble == "out_of_range"
    assert read(Decimals(most=Decimal(1)), "1.500").trouble == "out_of_range"


def test_limits_are_kept_exactly() -> None:
    domain = Decimals(Decimal("0.1"), Decimal("0.3"), 1)
    assert read(domain, "0,1").answer == 0.1
    assert read(domain, "0,30").answer == 0.3
    assert read(domain, "0,4").trouble == "out_of_range"
    assert read(domain, "0,25").trouble == "number_places"
    assert read(domain, "entah").trouble == "not_a_number"
    assert domain.holds(0.2)
    assert not any(domain.holds(one) for one in (0.25, 0.5, 1, "0.2", ("0.2",)))


@pytest.mark.parametrize("text", ["0", "lewati", "skip", "kosong", "nol"])
def test_a_number_that_is_not_required_can_be_left_out(text: str) -> None:
    assert read(Decimals(), text, required=False) == LEFT_OUT
    assert read(Decimals(least=Decimal(1)), "0", required=False) == LEFT_OUT


def test_nought_is_a_number_where_it_can_be_one() -> None:
    assert read(Decimals(least=Decimal(0)), "0", required=False).answer == 0.0
    assert read(Scale(Decimal(0), Decimal(10), Decimal(1)), "0", required=False).answer == 0
    assert read(Scale(Decimal(1), Decimal(5), Decimal(1)), "0", required=False) == LEFT_OUT
    assert read(Decimals(), "0").answer == 0.0


def test_a_scale_has_only_its_steps() -> None:
    halves = Scale(Decimal(0), Decimal(2), Decimal("0.5"))
    assert halves.values == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert read(halves, "1,5").answer == 1.5
    assert read(halves, "1").answer == 1.0
    assert read(halves, "1,2").trouble == read(halves, "2,5").trouble == "off_scale"
    assert read(halves, "1.500").answer == 1.5  # 1500 is not on it
    ten = Scale(Decimal(0), Decimal(10), Decimal(1))
    answer = read(ten, "sepuluh").answer
    assert (answer, type(answer)) == (10, int)
    assert read(ten, "7,5").trouble == "off_scale"
    assert read(ten, "x").trouble == "not_a_number"
    assert (ten.holds(10), ten.holds(11), ten.holds("10")) == (True, False, False)


def test_limits_and_answers_are_said_in_the_language() -> None:
    assert Decimals(Decimal("0.5"), Decimal(1000)).limits("id") == "0,5–1.000"
    assert Decimals(Decimal("0.5"), Decimal(1000)).limits("en") == "0.5–1,000"
    assert Decimals(most=Decimal(5)).limits("id") == "maks. 5"
    assert Decimals(least=Decimal(5)).limits("en") == "min. 5"
    assert Decimals().limits("id") == ""
    assert Scale(Decimal(0), Decimal(10), Decimal(1)).limits("id") == "0–10"
    assert Scale(Decimal(0), Decimal(2), Decimal("0.5")).limits("id") == "0; 0,5; …; 2"
    assert shown(1234567.25, "id") == "1.234.567,25"
    assert shown(1234567.25, "en") == "1,234,567.25"
    assert typed(1.234, "id") == "1 koma 234"
    assert typed(1.234, "en") == "1 point 234"
    assert typed(1234.0, "id") == "1234"
    assert places_of(Decimal("1.000")) == 3
