"""Messages of the week, of the end and before the beginning, and when they go out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from sqlalchemy import select

from bot.flow.limits import CAPTION_CHARS
from bot.flow.turn import Message
from bot.interview.installation import Installation
from bot.interview.sending.outbox import open_message
from bot.interview.surveys import Published
from bot.outreach.mending import counts as roster_counts
from bot.reporting import snapshots, words
from bot.reporting.coordinators import daily, digest, weekly
from bot.reporting.coordinators.digest import Report
from bot.reporting.coordinators.lists import import_coordinators
from bot.reporting.publication import Count
from bot.reporting.snapshots import Snapshot
from storage.models import Outbox
from storage.queries import outbox as queries
from tests.counts import aim, finish
from tests.mending import list_of
from tests.setup import TestClock, add_unit, installation, publish_bundled
from tests.test_digest import hierarchy

# Monday 23 November 2026, 07.45 WIB.
MORNING = datetime(2026, 11, 23, 0, 45, tzinfo=UTC)
PHONE = "+62812 0000 0101"


@pytest.fixture
def clock() -> TestClock:
    return TestClock(MORNING - timedelta(hours=2))


@pytest.fixture
def house(either_url: str, clock: TestClock) -> Iterator[Installation]:
    with installation(either_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house: Installation) -> Published:
    return publish_bundled(house)


def report(survey: Published, *values: int, target: int = 1000, unit: int | None = None) -> Report:
    """Return the report of an office's numbers, the newest of them of Monday."""
    first = date(2026, 11, 23)
    found = [
        Snapshot(survey.id, first - timedelta(days=ago), MORNING, cells)
        for ago, value in enumerate(values)
        for cells in [{(2, "internal"): Count(value, target), (3, "internal"): Count(0, target)}]
    ]
    made = digest.make_report(survey, hierarchy("Badan Contoh", "Dinas Contoh"), unit, found)
    assert made is not None
    return made


THREE_WEEKS = tuple(range(210, 0, -10))


def test_the_week_has_numbers_pace_and_where_it_leads_and_fits_below_a_picture(
    survey: Published,
) -> None:
    said = weekly.weekly_message(report(survey, *THREE_WEEKS))
    assert said.text == (
        "*Rekap mingguan Survei Integritas Kota Contoh* — Pemerintah Kota Contoh\n"
        "16–22 November 2026, posisi 23 November 2026 pukul 06.00 WIB\n"
        "\n"
        "Internal: 210 dari 2.000 (10,5%)\n"
        "\n"
        "Laju: 10 isian per hari (pekan sebelumnya 10).\n"
        "Dengan laju ini sekitar 46% pada 31 Januari; untuk mencapai target perlu 26 isian per"
        " hari.\n"
        "\n"
        "Balas *RINCIAN* untuk angka per unit, *REKAP* untuk berkas Excel."
    )
    assert len(said.text) <= CAPTION_CHARS
    assert said.attachment is not None
    assert said.template == "daily_template"
    assert all("\n" not in value for value in said.variables.values())


def test_the_first_week_has_nothing_to_compare_with(survey: Published) -> None:
    text = weekly.weekly_message(report(survey, 50, 40, 30)).text
    assert "Laju: 10 isian per hari.\n" in text
    assert "Laju" not in weekly.weekly_message(report(survey, 50)).text


def test_a_single_unit_is_asked_not_to_steer_and_told_what_it_may_pass_on(
    survey: Published,
) -> None:
    one = report(survey, *THREE_WEEKS, unit=2)
    text = weekly.weekly_message(one).text
    assert "*BAGIKAN*" in text
    assert "tidak mengarahkan jawaban" in text
    assert "tidak meminta bukti" in text
    passed_on = weekly.forward_message(one).text
    assert "*Badan Contoh*" in passed_on
    assert "0812-0000-0002" in passed_on
    for promise in ("sukarela", "rahasia", "sejujurnya", "mengarahkan", "bukti"):
        assert promise in passed_on
    assert "210" not in passed_on, "the colleagues are not told how many have answered"
    several = weekly.forward_message(report(survey, *THREE_WEEKS)).text
    assert several == words.words(survey.survey, "no_forward")


def test_the_leadership_gets_one_picture_one_sentence_and_one_request(survey: Published) -> None:
    said = weekly.leader_message(report(survey, *THREE_WEEKS))
    assert said.text == (
        "Laporan *Survei Integritas Kota Contoh* untuk pekan 16–22 November 2026: terisi 210 dari"
        " 2.000 (10,5%), naik 70 dalam sepekan; dengan laju ini sekitar 46% pada 31 Januari."
        " Mohon bantuan Bapak/Ibu: sosialisasi di 1 unit yang isiannya masih sedikit, dengan pesan"
        " bahwa pengisian sukarela dan rahasia, tanpa arahan dan tanpa bukti. Terima kasih."
    )
    assert said.template == "leader_weekly"
    assert said.template_text == said.text
    assert said.attachment is not None
    assert all(value and "\n" not in value for value in said.variables.values())


@pytest.mark.parametrize(
    ("values", "words"),
    [((0,), "jumlah isian belum ditampilkan. "), (THREE_WEEKS, "naik 70 dalam sepekan")],
)
def test_the_sentence_says_no_number_that_is_not_published(
    survey: Published, values: tuple[int, ...], words: str
) -> None:
    assert words in weekly.leader_message(report(survey, *values)).text


def test_who_is_on_course_is_asked_for_nothing_but_fairness(survey: Published) -> None:
    ahead = report(survey, *THREE_WEEKS, target=150)
    assert (
        weekly.request(ahead)
        == "menjaga agar pengisian tetap sukarela, tanpa arahan dan tanpa bukti"
    )


def test_the_last_message_has_the_final_numbers(survey: Published) -> None:
    closed = replace(survey, closed_at=MORNING - timedelta(days=1))
    last = report(closed, *THREE_WEEKS)
    assert last.final
    said = weekly.message(last)[1]
    assert said.template == "closing"
    assert "ditutup pada 22 November 2026. Angka terakhir yang ditampilkan: 210 isian" in said.text
    assert "jumlah sebenarnya dapat lebih besar" in said.text
    assert "Internal: 210 dari 2.000" in said.text
    few = replace(report(survey, 0), final=True)
    assert "Pengisian sudah ditutup" in weekly.message(few)[1].text


def test_a_survey_closed_before_its_time_tells_the_day_of_its_own_zone(survey: Published) -> None:
    # 01.00 WIB of the 20th; the machine slept, and the last numbers are of the 23rd.
    closed = replace(survey, closed_at=datetime(2026, 11, 19, 18, 0, tzinfo=UTC))
    said = weekly.message(report(closed, *THREE_WEEKS))[1].text
    assert "ditutup pada 20 November 2026" in said
    assert "20 November 2026" in weekly.forward_message(report(closed, 50, unit=2)).text


def test_what_is_closed_has_no_forecast(survey: Published) -> None:
    # Closed at noon: the numbers are of that morning.
    closed = replace(survey, closed_at=MORNING + timedelta(hours=4))
    one = report(closed, *THREE_WEEKS)
    assert digest.needed(one) == 1790
    assert digest.outlook(one) == []
    assert digest.forecast(one) == Fraction(220, 2000)


def test_a_survey_whose_words_are_older_sends_its_own_template(house: Installation) -> None:
    """Files that were published before there were these messages have no such templates."""
    old = publish_bundled(house)
    coordinator = dict(old.survey.words.coordinator)
    for name in ("leader_weekly", "closing"):
        coordinator[name] = replace(coordinator[name], template=False)
    survey = replace(
        old, survey=replace(old.survey, words=replace(old.survey.words, coordinator=coordinator))
    )
    assert weekly.leader_message(report(survey, *THREE_WEEKS)).template == "daily_template"


# --- when they go out -----------------------------------------------------------------------------


def sent(house: Installation) -> list[Message]:
    """Return all messages of the outbox, oldest first."""

    def work(connection):
        ids = connection.execute(select(Outbox.id).order_by(Outbox.created_at)).scalars()
        rows = [queries.by_id(connection, one) for one in ids]
        return [open_message(connection, house, row) for row in rows if row]

    return house.database.read(work)


@pytest.fixture
def post(house: Installation, survey: Published, tmp_path) -> int:
    """A unit with numbers, and one coordinator of it."""
    unit = add_unit(house)
    aim(house, survey, unit, "internal", 60)
    finish(house, survey, unit, "internal", 7)
    table = tmp_path / "coordinators.csv"
    table.write_text(f"phone,unit\n{PHONE},own:U1\n", "utf-8")
    import_coordinators(house, "integritas", table)
    return unit


def test_on_monday_the_weeks_message_takes_the_place_of_the_days(
    house: Installation, post: int, clock: TestClock
) -> None:
    said = []
    for day in range(3):
        clock.now = MORNING + timedelta(days=day)
        snapshots.take_due(house)
        assert daily.send_due(house) == 1
        assert daily.send_due(house) == 0
        said.append(sent(house)[-1])
    assert ["Rekap mingguan" in one.text for one in said] == [True, False, False]
    assert [one.attachment is not None for one in said] == [True, False, False]


def test_a_week_is_not_told_again_from_an_old_snapshot(
    house: Installation, post: int, clock: TestClock
) -> None:
    clock.now = MORNING
    snapshots.take_due(house)
    daily.send_due(house)
    clock.now = MORNING + timedelta(days=1, hours=1)
    assert daily.send_due(house) == 1
    assert "Rekap mingguan" not in sent(house)[-1].text


def test_whose_hour_is_long_before_the_snapshot_gets_the_weeks_message_on_the_next_day(
    house: Installation, post: int, clock: TestClock, tmp_path
) -> None:
    table = tmp_path / "coordinators.csv"
    table.write_text(f"phone,unit,hour\n{PHONE},own:U1,04:00\n", "utf-8")
    import_coordinators(house, "integritas", table)
    said = {}
    midnight = MORNING - timedelta(hours=7, minutes=45)
    for hours in range(24 * 9):
        clock.now = midnight + timedelta(hours=hours, minutes=10)
        snapshots.take_due(house)
        if daily.send_due(house):
            said[hours] = "Rekap mingguan" in sent(house)[-1].text
    assert said == {24 * day + 5: day in (1, 8) for day in range(1, 9)}


def test_before_opening_each_week_says_how_ready_the_lists_are(
    house: Installation, survey: Published, post: int, clock: TestClock
) -> None:
    publish_bundled(house, opens="2026-12-20")
    people = (
        ("Ani Contoh", "0511-3301234"),
        ("Budi Contoh", ""),
        ("Dedi Contoh", "0812"),
    )
    list_of(house, survey, post, people)
    said = []
    for day in range(8):
        clock.now = MORNING + timedelta(days=day)
        said.append(daily.send_due(house, roster=roster_counts.read))
    assert said == [1, 0, 0, 0, 0, 0, 0, 1]
    first = sent(house)[0]
    assert first.template == "roster_fix"
    assert (
        "Dari 3 baris daftar: 0 siap, 0 ganda, 1 tanpa nomor, 1 nomor belum benar, 1 telepon"
        in first.text
    )
    assert "paling lambat 19 Desember 2026" in first.text
    assert all(value and "\n" not in value for value in first.variables.values())


def test_a_list_without_anything_to_mend_is_praised_within_a_day_only(
    house: Installation, survey: Published, post: int, clock: TestClock
) -> None:
    publish_bundled(house, opens="2026-12-20")
    ready = roster_counts.RosterCounts(
        ready=2, duplicate=1, missing=0, broken=0, office=0, unclear=0
    )
    clock.now = MORNING
    assert daily.send_due(house, roster=lambda _connection, _published: lambda _units: ready) == 1
    (said,) = sent(house)
    assert said.text.endswith(
        "Daftar Bapak/Ibu (3 baris) sudah siap semua."
        " Terima kasih, tidak ada yang perlu dibetulkan."
    )
    # The template asks for mending: outside the window nothing goes out.
    assert (said.template, said.template_text, said.buttons) == (None, "", ())


def test_lists_of_nobody_and_surveys_that_are_open_have_no_such_message(
    house: Installation, survey: Published, post: int, clock: TestClock
) -> None:
    clock.now = MORNING
    publish_bundled(house, opens="2026-12-20")
    assert daily.send_due(house, roster=roster_counts.read) == 0
