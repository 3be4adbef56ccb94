"""Reading phone numbers: every row of the rules, and no digit ever guessed."""

import re

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from phonenumbers import carrier

from bot.intake.phones import REASONS, holds_national_id, read_phone, read_slowly

MINE = "+6281200000123"
OTHER = "+6285200000456"


@pytest.mark.parametrize(
    "text",
    [
        "0812-0000-0123",
        "0812.0000.0123",
        "(0812) 00000123",
        "+62 812 0000 0123",
        "6281200000123",
        "+ 62 81200000123",
        "'081200000123",
        "`081200000123",
        "0812\u00a000000123",
        "\u202a+62 812-0000-0123\u202c",
        "0812\u200b00000123",
        "０８１２０００００１２３",
        "0812–0000–0123",
        "O81200000123",
        '="081200000123"',
        "wa.me/6281200000123",
        "https://wa.me/081200000123?text=hai",
        "https://api.whatsapp.com/send?phone=6281200000123&text=a%20b",
    ],
)
def test_usual_writings_give_the_number(text):
    assert read_phone(text).e164 == MINE
    assert read_phone(text).kind == "clean"


@pytest.mark.parametrize(
    "text",
    [
        "81200000123",
        "+62 081200000123",
        "62 0812 0000 0123",
        "+62 (0)812 0000 0123",
        "+0812 0000 0123",
        "WA: 081200000123",
        "HP 1: 081200000123",
        "081200000123 (WA)",
        "081200000123 an. Budi",
        "081200000123²",
        "6281200000123.0",
        "81200000123.0",
        "81200000123,00",
        "81,200,000,123",
        "81.200.000.123,00",
        "06281200000123",
        "0062 81200000123",
        "001 62 81200000123",
        "081200000123; 0812-0000-0123",
    ],
)
def test_broken_forms_with_one_reading_are_repaired(text):
    assert (read_phone(text).kind, read_phone(text).e164) == ("repaired", MINE)


@pytest.mark.parametrize(
    "text",
    [
        "081200000123;085200000456",
        "081200000123 / 085200000456",
        "081200000123, 085200000456",
        "081200000123\n085200000456",
        "081200000123 dan 085200000456",
        "0812 0000 0123 0852 0000 0456",
        "081200000123 an. Budi, 085200000456 an. Ani",
    ],
)
def test_a_second_number_is_told_and_not_lost(text):
    phone = read_phone(text)
    assert (phone.kind, phone.e164, phone.second) == ("two_numbers", MINE, OTHER)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("6.28E+12", "lost_digits"),
        ("6.28123E+12", "lost_digits"),
        ("6,28123E+12", "lost_digits"),
        ("6281230000000", "lost_digits"),
        ("#########", "lost_digits"),
        ("0511 3301234", "landline"),
        ("(021) 81234567", "landline"),
        ("62511330123", "landline"),
        ("3301234", "invalid"),
        ("0800123456", "invalid"),
        ("1500198", "invalid"),
        ("6281234567", "invalid"),
        ("6591234567", "invalid"),
        ("08123456789121", "invalid"),
        ("081111111111", "placeholder"),
        ("081234567890", "placeholder"),
        ("081298765432", "placeholder"),
        ("6371011234560001", "national_id"),
        ("6371 0112 3456 0001", "national_id"),
        ("198602152010011008", "national_id"),
        ("19860215 201001 1 008", "national_id"),
        ("", "empty"),
        ("-", "empty"),
        ("tidak ada", "empty"),
    ],
)
def test_what_cannot_be_written_to_says_why(text, kind):
    phone = read_phone(text)
    assert (phone.kind, phone.e164, phone.problem) == (kind, None, kind)
    assert kind in REASONS


def test_the_two_silent_traps_of_the_library_are_closed():
    # What phonenumbers alone makes of these is somebody else's valid number.
    trap = phonenumbers.parse("6281200000123.0", "ID")
    assert phonenumbers.is_valid_number(trap)
    assert phonenumbers.format_number(trap, phonenumbers.PhoneNumberFormat.E164) != MINE
    assert read_phone("6281200000123.0").e164 == MINE

    trap = phonenumbers.parse("62811000123", "ID")
    assert phonenumbers.format_number(trap, phonenumbers.PhoneNumberFormat.E164) == "+6262811000123"
    assert read_phone("62811000123").e164 == "+62811000123"


@pytest.mark.parametrize(
    "text",
    [
        "08I2 0000 0123",
        "O8I 8123 4567 89",
        "081200001O",
        "0812****0123",
        "08120000xx",
        "0811000123/35",  # two numbers that differ at the end, or one with a slash
        "062811000123",  # a zero too many, or area code 0628
        "081200000123.5",
        "081200000123-1",
        "0812 0000 0123 (1)",
        "0811-000123.00",
        "62811000123.000",
        "8. 81200000123",
        "ani081200000123@contoh.id",
        "+85251230045",  # Hong Kong, or 0852... with a plus and without 62
        "081200000/123",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text):
    assert read_phone(text).e164 is None


def test_a_part_that_cannot_be_read_does_not_spoil_the_other():
    assert read_phone("081200000123 / 6.28E+12").e164 == MINE
    assert read_phone("0511-3301234 / 081200000123").e164 == MINE
    assert read_phone("NIK 6371011234560001, 081200000123").others == ()


def test_a_foreign_mobile_number_needs_its_plus():
    phone = read_phone("+65 9123 4567")
    assert (phone.kind, phone.e164) == ("foreign", "+6591234567")
    assert read_phone("65 9123 4567").e164 is None


def test_another_region_reads_its_own_numbers_and_keeps_the_general_rules():
    assert read_phone("012-345 6789", "MY").e164 == "+60123456789"
    assert read_phone("6.28E+12", "MY").kind == "lost_digits"


def test_a_prefix_without_an_operator_is_usable_but_told():
    assert read_phone("086800000123").e164 == "+6286800000123"
    assert read_phone("086800000123").unknown_operator
    issued = {
        prefix
        for prefix in range(800, 900)
        if carrier.name_for_number(phonenumbers.parse(f"+62{prefix}00000123"), "en")
    }
    assert issued == {
        prefix
        for prefix in range(800, 900)
        if (phone := read_phone(f"+62{prefix}00000123")).e164 and not phone.unknown_operator
    }


def test_no_explanation_repeats_a_number():
    assert not re.search(r"\d{5}", " ".join(part for pair in REASONS.values() for part in pair))


def test_identity_numbers_are_recognised_in_any_cell():
    assert holds_national_id("NIK: 6371-0112-3456-0001")
    assert not holds_national_id("Dinas Kesehatan, lantai 2, tahun 2026")
    assert not holds_national_id("081200000123 / 085200000456")


plain = st.from_regex(r"(\+62|62|0|)8[0-9]{6,13}", fullmatch=True)


@given(plain)
@settings(deadline=None)
def test_the_fast_path_says_what_the_slow_one_says(text):
    assert read_phone(text) == read_slowly(text)


grouped = st.from_regex(r"(\+62[ -]?|0)8[0-9]{2}[ -][0-9]{3,4}[ -][0-9]{3,5}", fullmatch=True)


@given(grouped)
@settings(deadline=None)
def test_the_fast_path_for_groups_says_what_the_slow_one_says(text):
    assert read_phone(text) == read_slowly(text)


@given(
    plain, st.lists(st.sampled_from([" ", "-", ".", "\u00a0"]), min_size=1, max_size=5), st.data()
)
@settings(deadline=None)
def test_separators_inside_a_number_change_nothing(text, marks, data):
    start = 4 if text.startswith("+62") else 3
    spread = text
    for mark in marks:
        place = data.draw(st.integers(min_value=start, max_value=len(text) - 3))
        spread = spread[:place] + mark + spread[place:]
    # A float's tail, and digits beside a number that is whole without them, are other rules.
    head = re.match(r"\+?\d+", spread)
    assert head is not None
    first = head[0]
    assume(not re.search(r"[.]0+$", spread))
    assume(first != "8" and read_phone(first).kind == "invalid")
    assert read_phone(spread).e164 == read_phone(text).e164


@given(st.text(alphabet="0123456789+-./;, ()ABEOIlx\n", max_size=30))
@settings(deadline=None)
def test_every_number_given_out_is_made_of_digits_that_stand_in_the_cell(text):
    phone = read_phone(text)
    digits = re.sub(r"\D", "", text)
    for number in (phone.e164, *phone.others):
        if number is not None:
            own = number.removeprefix("+62").removeprefix("+")
            assert own in digits or own in digits.replace("O", "0")
            assert phonenumbers.is_valid_number(phonenumbers.parse(number))


@given(st.text(max_size=40))
@settings(deadline=None)
def test_no_text_breaks_it(text):
    phone = read_phone(text)
    assert (phone.e164 is None) == (phone.kind in REASONS)
