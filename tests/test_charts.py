"""Pictures of counts: what they show, and that they show no more than the texts."""

from __future__ import annotations

import io
from datetime import date, timedelta

import openpyxl
import pytest
from PIL import Image

from bot.printing.charts import draw_chart
from bot.reporting.coordinators import digest, pictures, recap
from bot.reporting.publication import Count
from bot.reporting.snapshots import Snapshot
from tests.setup import MONDAY, TestClock, installation, publish_bundled
from tests.test_digest import MORNING, hierarchy


@pytest.fixture
def survey(sqlite_url):
    with installation(sqlite_url, clock=TestClock(MORNING)) as house:
        yield publish_bundled(house)


def report(survey, *days, units=3, unit=None):
    """Return a report of days of cells, the newest first, over a city with so many offices."""
    first = date(2026, 11, 23)
    found = [
        Snapshot(survey.id, first - timedelta(days=ago), MONDAY, cells)
        for ago, cells in enumerate(days)
    ]
    names = [f"Dinas {number:02}" for number in range(units)]
    return digest.make_report(survey, hierarchy(*names), unit, found)


def bars(report):
    return pictures.chart(report).bars


def test_a_bar_is_as_long_as_its_number_and_stands_by_name(survey):
    cells = {(3, "internal"): Count(50, 200), (2, "internal"): Count(120, 100)}
    shown = bars(report(survey, cells))
    assert [(one.name, one.words, one.kind, one.share) for one in shown] == [
        ("Dinas 00", "120 dari 100 · 120%", "bar", 1.2),
        ("Dinas 01", "50 dari 200 · 25%", "bar", 0.25),
    ]


@pytest.mark.parametrize(
    "values", [[0, 4], [16, 17, 20, 24]], ids=["fewer than five", "almost all of 20"]
)
def test_what_has_no_number_looks_the_same_whatever_it_is(survey, values):
    """Byte for byte: not only the words, no length either tells one value from another."""
    others = {(3, "internal"): Count(50, 200)}
    drawn = set()
    for value in values:
        now = report(survey, others | {(2, "internal"): Count(value, 20)}, unit=2)
        drawn.add(draw_chart(pictures.chart(now)))
    assert len(drawn) == 1


def test_a_target_too_small_to_show_is_hatched_from_end_to_end(survey):
    (bar,) = bars(report(survey, {(2, "internal"): Count(5, 7)}, unit=2))
    assert (bar.kind, bar.share, bar.words) == ("hidden", 0.0, "belum ditampilkan")


def test_a_number_without_target_has_no_bar(survey):
    (bar,) = bars(report(survey, {(2, "internal"): Count(23)}, unit=2))
    assert (bar.kind, bar.words) == ("none", "23 · tanpa target")


def test_a_unit_without_others_below_it_sees_its_groups(survey):
    cells = {(2, "internal"): Count(50, 200), (2, "ahli"): Count(6, 30), (3, "internal"): Count(9)}
    assert [bar.name for bar in bars(report(survey, cells, unit=2))] == ["Internal", "Ahli"]


def test_the_trend_leaves_days_out_that_have_no_number(survey):
    days = [{(2, "internal"): Count(value, 60)} for value in (40, 30, 30, 4, 0)]
    trend = pictures.chart(report(survey, *days)).trend
    assert trend is not None
    assert [x for x, _ in trend.points] == [0, 0.5, 1]
    assert (trend.first, trend.last, trend.now) == ("21 November", "23 November", "40")
    assert trend.target_words == "target 60"
    almost = [{(2, "internal"): Count(value, 40)} for value in (36, 30, 20)]
    assert pictures.chart(report(survey, *almost)).trend is None


def test_many_units_are_several_pictures_and_the_caption_says_which_word_brings_the_next(survey):
    cells = {(number, "internal"): Count(50, 200) for number in range(2, 27)}
    now = report(survey, cells, units=25)
    names = [bar.name for page in (1, 2, 3) for bar in pictures.chart(now, page).bars]
    assert names == [f"Dinas {number:02}" for number in range(25)]
    assert "Gambar 1 dari 3. Balas *GRAFIK 2*" in pictures.message(now).text
    assert "Gambar" not in pictures.message(now, 3).text
    assert pictures.message(now, 9) == pictures.message(now, 3)
    assert pictures.chart(now, 2).trend is None


def test_a_picture_has_a_ground_of_its_own_and_the_width_of_a_phone(survey):
    cells = {(number, "internal"): Count(50, 200) for number in range(2, 12)}
    drawn = draw_chart(pictures.chart(report(survey, cells, cells, units=10)))
    picture = Image.open(io.BytesIO(drawn))
    assert picture.width == 1080
    assert picture.height < 2.2 * picture.width
    assert len(drawn) < 1_000_000
    corners = [(0, 0), (1079, 0), (0, picture.height - 1), (1079, picture.height - 1)]
    assert {picture.convert("RGBA").getpixel(at) for at in corners} == {(255, 255, 255, 255)}


def test_names_cannot_be_markup(survey):
    now = report(survey, {(2, "internal"): Count(50, 200)})
    odd = digest.make_report(
        now.published, hierarchy("#panic() *x* $y$ \\", "[b]"), None, [now.snapshot]
    )
    assert odd is not None
    assert draw_chart(pictures.chart(odd)).startswith(b"\x89PNG")


def test_the_workbook_says_what_the_texts_say(survey):
    cells = {
        (2, "internal"): Count(1234, 2000),
        (2, "ahli"): Count(11, 15),
        (3, "internal"): Count(0, 20),
        (3, "eksternal"): Count(5, 7),
    }
    book = openpyxl.load_workbook(io.BytesIO(recap.workbook(report(survey, cells))))
    rows = [tuple(row) for row in book["Rekap"].iter_rows(min_row=6, values_only=True)]
    assert rows == [
        ("2", "Dinas 00", "Internal", 1234, 2000, 61.7),
        ("2", "Dinas 00", "Ahli", "hampir lengkap", 15, None),
        ("3", "Dinas 01", "Internal", "<5", 20, None),
        ("3", "Dinas 01", "Eksternal", "belum ditampilkan", 7, None),
    ]
