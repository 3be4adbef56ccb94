"""Days and times of day are read as people write them; what is not certain is asked again."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.answers.dates import FIRST_YEAR, LAST_YEAR, day_in_words, read_days
from bot.flow.answers.domains import Days, Moment, TimesOfDay
from bot.flow.answers.reading import LEFT_OUT, Reading, is_skip
from bot.flow.answers.times import read_times

TODAY = date(2026, 11, 29)  # a Sunday
DAYS = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
LANGUAGES = ("id", "en", "bjn", "jv", "su", "ms")


def days(text: str, language: str = "id") -> list[str]:
    return [day.isoformat() for day in read_days(text, TODAY, language).days]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("26/7/2025", "2025-07-26"),
        ("26-7-25", "2025-07-26"),
        ("26.7.2025", "2025-07-26"),
        ("26 7 2025", "2025-07-26"),
        ("26 / 7 / 2025", "2025-07-26"),
        ("2025-07-26", "2025-07-26"),
        ("26072025", "2025-07-26"),
        ("20250726", "2025-07-26"),
        ("26 Juli 2025", "2025-07-26"),
        ("26 juli 25", "2025-07-26"),
        ("*26 Jul. 2025*", "2025-07-26"),
        ("26jul2025", "2025-07-26"),
        ("26-Jul-2025", "2025-07-26"),
        ("26 agst 2025", "2025-08-26"),
        ("1 Pebruari 2025", "2025-02-01"),
        ("10 nop 2025", "2025-11-10"),
        ("3 Des 2025", "2025-12-03"),
        ("5 okto 2025", "2025-10-05"),
        ("5 Septmber 2025", "2025-09-05"),
        ("5 agustuss 2025", "2025-08-05"),
        ("5 Desembr 2025", "2025-12-05"),
        ("tanggal 26 bulan 7 tahun 2025", "2025-07-26"),
        ("tgl 26 juli 2025 pak", "2025-07-26"),
        ("Sabtu, 26 Juli 2025", "2025-07-26"),
        ("jum'at 24 juli 2026", "2026-07-24"),
        ("Minggu 26 Juli 2026", "2026-07-26"),
        ("July 26, 2025", "2025-07-26"),
        ("26th of July 2025", "2025-07-26"),
        ("3/4/2025", "2025-04-03"),
        ("31/12/99", "1999-12-31"),
        ("1-1-31", "2031-01-01"),
        ("２６／７／２０２５", "2025-07-26"),
        ("hari ini", "2026-11-29"),
        ("today", "2026-11-29"),
        ("kemarin", "2026-11-28"),
        ("kmrn", "2026-11-28"),
        ("Kemaren.", "2026-11-28"),
        ("yesterday", "2026-11-28"),
        ("kemarin lusa", "2026-11-27"),
        ("kemarin dulu", "2026-11-27"),
        ("the day before yesterday", "2026-11-27"),
        ("besok", "2026-11-30"),
        ("tomorrow", "2026-11-30"),
        ("lusa", "2026-12-01"),
        ("3 hari yang lalu", "2026-11-26"),
        ("tiga hari lalu", "2026-11-26"),
        ("10 days ago", "2026-11-19"),
        ("3 hari lagi", "2026-12-02"),
        ("senin minggu lalu", "2026-11-16"),
        ("senin minggu ini", "2026-11-23"),
        ("senin minggu depan", "2026-11-30"),
    ],
)
def test_a_day_is_read_as_people_write_it(text: str, day: str) -> None:
    assert days(text) == [day]


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("3/4/2025", "en", ["2025-03-04", "2025-04-03"]),
        ("4/4/2025", "en", ["2025-04-04"]),
        ("7/26/2025", "en", ["2025-07-26"]),
        ("1-2-40", "id", ["1940-02-01", "2040-02-01"]),
        ("26 juli", "id", ["2026-07-26", "2027-07-26"]),
        ("26/7", "id", ["2026-07-26", "2027-07-26"]),
        ("sabtu 25 juli", "id", ["2026-07-25"]),
        ("29 februari", "id", ["2024-02-29", "2028-02-29"]),
        ("senin", "id", ["2026-11-23", "2026-11-30"]),
        ("hari minggu", "id", ["2026-11-22", "2026-11-29", "2026-12-06"]),
        ("hari minggu lalu", "id", ["2026-11-22"]),
        ("senin lalu", "id", ["2026-11-16", "2026-11-23"]),
        ("next monday", "en", ["2026-11-30"]),
        ("semalam", "id", ["2026-11-28", "2026-11-29"]),
    ],
)
def test_all_days_that_a_text_can_mean_are_known(
    text: str, language: str, wanted: list[str]
) -> None:
    assert days(text, language) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *(
            "minggu lalu",
            "seminggu yang lalu",
            "2 minggu lalu",
            "bulan lalu",
            "bulan ini",
            "tahun lalu",
        ),
        *("last week", "a month ago", "juli", "juli 2025", "2025", "minggu depan", "July 25"),
    ],
)
def test_a_longer_time_is_no_day(text: str) -> None:
    reading = read_days(text, TODAY, "id")
    assert (reading.days, reading.span) == ((), True)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-",
            "a",
            "12",
            "1-2",
            "7/26/2025",
            "29 Feb 2025",
            "31/4/2025",
            "0/0/0",
            "99/99/9999",
        ),
        *("26-27 Juli 2025", "senin 26 juli 2025", "1 Januari 2025 sampai 3 Januari 2025"),
        *(
            "26 Jumi 2025",
            "<26/7/2025",
            "> 2025",
            "26 Julu 2025",
            "26 ember 2025",
            "26 Juli 1825",
            "26/7/025",
            "ju 2025",
            "26 kali",
            "sudah lama",
            "x" * 500,
            "9" * 90,
        ),
    ],
)
def test_what_is_not_certainly_a_day_is_none(text: str) -> None:
    assert days(text) == []


@given(DAYS)
def test_a_day_reads_back_as_it_is_said(day: date) -> None:
    for language in LANGUAGES:
        assert read_days(day_in_words(day, language), TODAY, language).days == (day,)
    assert read_days(day.isoformat(), TODAY, "en").days == (day,)
    assert read_days(f"{day.day}/{day.month}/{day.year}", TODAY, "id").days == (day,)


@given(st.text() | st.text("0123456789/-. julihariminggukemarin", max_size=16), DAYS)
def test_no_text_is_too_strange_and_no_day_is_guessed(text: str, today: date) -> None:
    for language in ("id", "en"):
        found = read_days(text, today, language)
        assert list(found.days) == sorted(set(found.days))
        assert not (found.days and found.span)
        reading = Days().read(text, True, Moment(today, language))
        assert (reading.answer is not None) == (len(found.days) == 1)


@given(DAYS, st.integers(-40, 40))
def test_days_are_counted_from_the_persons_own(today: date, offset: int) -> None:
    text = f"{offset} hari lagi" if offset >= 0 else f"{-offset} hari lalu"
    assert read_days(text, today, "id").days == (today + timedelta(days=offset),)


def read(
    domain: Days | TimesOfDay, text: str, *, required: bool = True, language: str = "id"
) -> Reading:
    return domain.read(text, required, Moment(TODAY, language))


def test_limits_leave_one_of_several_days() -> None:
    assert read(Days(), "26 juli").readings == ("2026-07-26", "2027-07-26")
    assert read(Days(), "26 juli").trouble == "date_unsure"
    assert read(Days(most=TODAY), "26 juli").answer == "2026-07-26"
    assert read(Days(most=date(2020, 1, 1)), "26 juli").trouble == "out_of_span"
    assert read(Days(), "minggu lalu").trouble == "date_day"
    assert read(Days(), "entah").trouble == "not_a_date"
    assert read(Days(), "lewati").trouble == "required"
    assert read(Days(), "0", required=False) == LEFT_OUT
    assert read(Days(), "3/4/2025", language="en").trouble == "date_unsure"


def test_a_domain_of_days_knows_its_own() -> None:
    domain = Days(date(2020, 1, 1), date(2026, 12, 31))
    assert domain.holds("2025-07-26")
    assert not any(domain.holds(one) for one in ("2019-12-31", "kemarin", 5, ("2025-07-26",)))
    assert domain.shown("2025-07-26", "id") == "26 Juli 2025"
    assert domain.shown("2025-07-26", "en") == "26 July 2025"
    assert domain.limits("id") == "1 Januari 2020 – 31 Desember 2026"
    assert Days(least=date(2020, 1, 1)).limits("id") == "min. 1 Januari 2020"
    assert Days().limits("id") == ""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("14.30", "14:30"),
        ("14:30", "14:30"),
        ("1430", "14:30"),
        ("14 30", "14:30"),
        ("pukul 14.30 WIB", "14:30"),
        ("08.30", "08:30"),
        ("0.15", "00:15"),
        ("jam 14", "14:00"),
        ("jam 2 siang", "14:00"),
        ("jam dua siang", "14:00"),
        ("2 pm", "14:00"),
        ("2pm", "14:00"),
        ("2:15 p.m.", "14:15"),
        ("12 am", "00:00"),
        ("12 pm", "12:00"),
        ("jam 12 malam", "00:00"),
        ("jam 12 siang", "12:00"),
        ("tengah malam", "00:00"),
        ("noon", "12:00"),
        ("jam 7 malam", "19:00"),
        ("jam 1 malam", "01:00"),
        ("jam 3 dini hari", "03:00"),
        ("5 subuh", "05:00"),
        ("setengah tiga sore", "14:30"),
        ("jam setengah 8 pagi", "07:30"),
        ("jam 3 lewat 10 sore", "15:10"),
        ("3 kurang seperempat sore", "14:45"),
        ("14.30 siang", "14:30"),
        ("8 in the morning", "08:00"),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, moment: str) -> None:
    assert [found.isoformat("minutes") for found in read_times(text)] == [moment]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("jam 2", ["02:00", "14:00"]),
        ("8.30", ["08:30", "20:30"]),
        ("setengah tiga", ["02:30", "14:30"]),
        ("jam 12", ["00:00", "12:00"]),
        ("1 kurang 5", ["00:55", "12:55"]),
    ],
)
def test_an_hour_of_twelve_has_two_meanings(text: str, wanted: list[str]) -> None:
    assert [found.isoformat("minutes") for found in read_times(text)] == wanted


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":",
            "pagi",
            "jam",
            "24.00",
            "14.60",
            "25",
            "2-3",
            "jam 2 sampai 3",
            "2 8",
            "nanti sore",
        ),
        *(
            "14 pagi",
            "jam 9 sore",
            "pagi siang 3",
            "half past 2",
            "x" * 500,
            "9" * 90,
            "sekitar jam 2 siang",
            "<14.30",
            ">= 8 pagi",
        ),
    ],
)
def test_what_is_not_certainly_a_time_is_none(text: str) -> None:
    assert read_times(text) == ()


@given(st.times())
def test_a_time_reads_back_as_it_is_said(moment: time) -> None:
    whole = moment.replace(second=0, microsecond=0)
    answer = whole.isoformat("minutes")
    for language in ("id", "en"):
        assert read_times(TimesOfDay().shown(answer, language)) == (whole,)
    assert read_times(f"{whole:%I:%M %p}") == (whole,)


@given(st.text() | st.text("0123456789:. jampgisorekulwtn", max_size=16))
def test_no_text_is_too_strange_and_no_time_is_guessed(text: str) -> None:
    found = read_times(text)
    assert list(found) == sorted(set(found))
    reading = read(TimesOfDay(), text)
    certain = len(found) == 1 and not is_skip(text)  # "0" is no midnight
    assert (reading.answer is not None) == certain


def test_limits_leave_one_of_two_times() -> None:
    office = TimesOfDay(time(7), time(16))
    assert read(TimesOfDay(), "jam 2") == Reading(
        trouble="time_unsure", readings=("02:00", "14:00")
    )
    assert read(office, "jam 2").answer == "14:00"
    assert read(office, "jam 9 malam").trouble == "out_of_span"
    assert read(office, "entah").trouble == "not_a_time"
    assert read(office, "lewati", required=False) == LEFT_OUT
    assert office.limits("id") == "07.00–16.00"
    assert office.limits("en") == "07:00–16:00"
    assert office.holds("07:00")
    assert not any(office.holds(one) for one in ("06:59", "siang", 8))


def test_a_day_and_a_time_together_are_neither() -> None:
    assert days("26/07/2025 14.30") == []
    assert read_times("26/07/2025 14.30") == ()
