"""What coordinators read, and which of their words are theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from sqlalchemy import update

from bot.channels.base import Address, Inbound
from bot.flow.turn import Choice
from bot.interview import identity
from bot.interview.conversations import enrol
from bot.interview.sending import outbox
from bot.reporting import snapshots, words
from bot.reporting.coordinators import asked, digest, log
from bot.reporting.coordinators.daily import send_due
from bot.reporting.coordinators.lists import import_coordinators
from bot.reporting.publication import Count
from bot.reporting.snapshots import Snapshot
from bot.reporting.units import Hierarchy
from storage.models import Conversation, Coordinator
from storage.queries import coordinators as queries
from storage.queries import outbox as outbox_queries
from storage.queries.reports import UnitRow
from tests.counts import aim, finish
from tests.setup import TestClock, add_unit, installation, publish_bundled

PHONE = Address("phone", "+6281200000101")
MORNING = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)  # Monday 23 November, 06.00 WIB


@pytest.fixture
def clock():
    return TestClock(MORNING)


@pytest.fixture
def house(sqlite_url, clock):
    with installation(sqlite_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


def hierarchy(*names):
    """Return a city, number 1, with offices 2, 3, ... below it."""
    rows = [UnitRow(1, "own", "0", "Pemerintah Kota Contoh", None, "Asia/Jakarta")]
    rows += [
        UnitRow(number, "own", str(number), name, 1, "Asia/Jakarta")
        for number, name in enumerate(sorted(names), start=2)
    ]
    return Hierarchy({row.id: row for row in rows}, {1: tuple(row.id for row in rows[1:])})


def taken(cells, day=date(2026, 11, 23)):
    return Snapshot(1, day, MORNING, {key: Count(*count) for key, count in cells.items()})


def report(survey, cells, *earlier, names=("Badan Contoh", "Dinas Contoh"), unit=None):
    """Return the report of cells, after those of earlier days, newest first."""
    day = date(2026, 11, 23)
    found = [taken(cells)]
    found += [
        taken(before, day - timedelta(days=ago)) for ago, before in enumerate(earlier, start=1)
    ]
    return digest.make_report(survey, hierarchy(*names), unit, found)


def test_the_digest_gives_numbers_per_group_units_and_forecast(survey):
    now = {
        (2, "internal"): (1234, 2000),
        (3, "internal"): (46, 500),
        (2, "ahli"): (11, 15),
        (3, "eksternal"): (0, 60),
    }
    before = {(2, "internal"): (1200, 2000), (3, "internal"): (46, 500), (2, "ahli"): (11, 15)}
    text = digest.text(report(survey, now, before))
    assert text == (
        "📊 *Survei Integritas Kota Contoh* — Pemerintah Kota Contoh\n"
        "Posisi 23 November 2026 pukul 06.00 WIB, hari ke-23 dari 92\n"
        "\n"
        "Internal: 1.280 dari 2.500 (51,2%), naik 34\n"
        "Eksternal: belum ditampilkan\n"
        "Ahli: hampir lengkap\n"
        "\n"
        "Perlu sosialisasi:\n"
        "• Dinas Contoh: 46 dari 560 (8,2%)\n"
        "\n"
        "Laju: 34 isian per hari.\n"
        "Dengan laju ini target tercapai sebelum 31 Januari.\n"
        "\n"
        "_Hanya jumlah, sekali sehari, dan sengaja tidak persis: jumlah sebenarnya dapat lebih"
        " besar. Siapa yang mengisi tidak pernah ditampilkan._"
    )


def test_a_coordinator_of_one_unit_sees_that_unit_alone(survey):
    now = {(2, "internal"): (120, 200), (2, "ahli"): (0, 15), (3, "internal"): (46, 500)}
    text = digest.text(report(survey, now, unit=2))
    assert "— Badan Contoh\n" in text
    assert "Internal: 120 dari 200 (60%)\nAhli: <5\n" in text
    assert "Dinas" not in text
    assert "Eksternal" not in text
    assert "sosialisasi" not in text


def test_no_rise_is_said_at_zero_or_next_to_what_is_hidden(survey):
    still = {(2, "internal"): (120, 200)}
    assert "naik" not in digest.text(report(survey, still, still))
    fresh = {(2, "internal"): (0, 200)}
    assert "naik" not in digest.text(report(survey, still, fresh, unit=2))


def test_units_in_need_are_listed_by_name_eight_at_most_and_the_rest_is_counted(survey):
    names = [f"Dinas {letter}" for letter in "KJIHGFEDCBA"]
    cells = {(number, "internal"): (0, 100) for number in range(3, 13)}
    cells[2, "internal"] = (90, 100)
    text = digest.text(report(survey, cells, names=names))
    listed = [line for line in text.splitlines() if line.startswith("•")]
    # Their numbers are not shown, and none is: "Dinas B: belum ditampilkan" would blame for it.
    assert listed == [f"• Dinas {name}" for name in "BCDEFGHI"]
    assert "dan 2 unit lain" in text


def test_units_without_target_or_too_small_to_show_are_never_in_need(survey):
    cells = {(1, "internal"): (90, 100), (2, "internal"): (0, 8), (3, "internal"): (7, None)}
    assert digest.needing_word(report(survey, cells)) == []


def test_the_forecast_is_of_published_sums_at_the_pace_of_the_last_week(survey):
    now, week_ago = {(2, "internal"): (100, 1000)}, {(2, "internal"): (65, 1000)}
    earlier = [now] * 6 + [week_ago]
    # 5 a day for the 70 days from 23 November to 31 January.
    assert digest.forecast(report(survey, now, *earlier)) == Fraction(450, 1000)
    assert digest.forecast(report(survey, now)) is None
    assert digest.forecast(report(survey, {(2, "internal"): (100, None)}, now)) is None


@pytest.mark.parametrize(
    ("value", "week_ago", "target", "said"),
    [
        (68, 68, 195, 35),  # 34,9 % now, and nothing new
        (68, 60, 195, 76),
        (960, 960, 1000, 96),
        (993, 993, 1000, None),  # 99 % would be less than the 99,3 % of today
        (989, 988, 1000, 99),
        (989, 900, 1000, 100),
    ],
)
def test_no_forecast_is_less_than_what_is_there(survey, value, week_ago, target, said):
    now, then = {(2, "internal"): (value, target)}, {(2, "internal"): (week_ago, target)}
    whole = report(survey, now, *[now] * 6, then)
    assert digest.foreseen(whole) == said
    assert bool(digest.outlook(whole)) is (said is not None)


def test_details_turn_pages_that_together_name_every_unit_once(survey):
    names = [f"Dinas {number:02} " + "dengan nama yang panjang sekali " * 5 for number in range(30)]
    cells = {(number, "internal"): (1234, 12345) for number in range(2, 32)}
    now = report(survey, cells, names=names)
    pages = digest.pages(now)
    assert pages[0].startswith(digest.text(now))
    listed = [line[:10] for page in pages for line in page.splitlines() if line.startswith("•")]
    assert listed == [f"• Dinas {number:02}" for number in range(30)]
    assert all(len(page.encode("utf-16-le")) // 2 <= 1600 for page in pages)
    many = len(pages)
    assert f"Halaman 1 dari {many}. Balas *RINCIAN 2* untuk lanjutannya." in pages[0]
    assert "Halaman" not in pages[-1]
    assert digest.details(now, 99) == pages[-1]
    assert digest.details_message(now, 2).buttons == (Choice("RINCIAN 3", "Rincian 3"),)
    assert digest.details_message(now, many).buttons == ()


def test_the_details_of_few_units_are_one_message(survey):
    now = report(survey, {(2, "internal"): (120, 200), (3, "internal"): (46, 500)})
    (page,) = digest.pages(now)
    assert "Per unit:\n• Badan Contoh: 120 dari 200 (60%)\n• Dinas Contoh: 46" in page


def test_a_pace_that_is_too_slow_is_told_with_the_one_that_is_needed(survey):
    now, week_ago = {(2, "internal"): (100, 1000)}, {(2, "internal"): (65, 1000)}
    late = report(survey, now, *[now] * 6, week_ago)
    # 900 are missing and 70 days are left.
    assert digest.needed(late) == 13
    said = "sekitar 45% pada 31 Januari; untuk mencapai target perlu 13 isian per hari."
    assert digest.outlook(late) == [f"Dengan laju ini {said}"]
    assert digest.pace(late) == 5
    assert digest.pace(late, weeks_ago=1) is None
    assert digest.outlook(report(survey, now)) == []


@pytest.mark.parametrize(("day", "told"), [(29, True), (30, False), (31, False)])
def test_a_pace_that_nobody_can_reach_any_more_presses_nobody(survey, day, told):
    cells = {(2, "internal"): (100, 1000)}
    days = [date(2027, 1, day), date(2027, 1, day - 1)]
    found = [taken(cells, one) for one in days]
    late = digest.make_report(survey, hierarchy("Badan Contoh"), None, found)
    assert late is not None
    assert bool(digest.outlook(late)) is told


def test_numbers_of_a_month_ago_do_not_slow_the_present_pace(survey):
    now, then = {(2, "internal"): (100, 1000)}, {(2, "internal"): (65, 1000)}
    assert digest.pace(report(survey, now, *[then] * 30)) == 5


def test_the_same_published_values_give_the_same_words_whatever_the_counts_were(house, survey):
    """All text comes from snapshots, and these hold published values only."""
    unit, other = add_unit(house), add_unit(house, "Badan Contoh", code="U2")
    aim(house, survey, unit, "internal", 100)
    finish(house, survey, unit, "internal", 30)
    finish(house, survey, other, "ahli", 4)
    snapshots.take_due(house)
    first = house.database.read(lambda c: snapshots.latest(c, survey.id)).to_json()
    again = Snapshot.from_json(survey.id, date(2026, 11, 23), first)
    assert again.cells == {(unit, "internal"): Count(30, 100)}


@pytest.mark.parametrize(
    ("zone", "letters"),
    [
        ("Asia/Jakarta", "WIB"),
        ("Asia/Pontianak", "WIB"),
        ("Asia/Makassar", "WITA"),
        ("Asia/Jayapura", "WIT"),
        ("Asia/Singapore", "+08"),
    ],
)
def test_zones_have_their_letters(zone, letters):
    from zoneinfo import ZoneInfo

    assert words.zone_letters(ZoneInfo(zone), MORNING) == letters


def test_figures_are_indonesian():
    assert words.number(1234567) == "1.234.567"
    assert words.percent(Fraction(1, 3)) == "33,3"
    assert words.percent(Fraction(12, 10)) == "120"
    assert words.day(date(2025, 7, 26)) == "26 Juli 2025"


# --- what coordinators write --------------------------------------------------------------------


@pytest.fixture
def post(house, survey, tmp_path):
    path = tmp_path / "coordinators.csv"
    path.write_text(f"phone\n{PHONE.value}\n", "utf-8")
    import_coordinators(house, "integritas", path)
    unit = add_unit(house)
    aim(house, survey, unit, "internal", 60)
    finish(house, survey, unit, "internal", 7)
    return unit


def the_contact(connection, house) -> int:
    """Return the coordinator's contact."""
    found = identity.find(connection, house, [PHONE])
    assert found is not None
    return found


def say(house, text, **more):
    """Return what a coordinator gets for a text, or None."""
    inbound = Inbound("simulator", "whatsapp:+62000000000", "SM1", (PHONE,), text, **more)

    def work(connection):
        contact_id = the_contact(connection, house)
        return asked.answer(connection, house, contact_id, inbound)

    return house.database.write(work)


def opted_out(house):
    def work(connection):
        contact_id = the_contact(connection, house)
        return [
            purpose
            for purpose in ("respondent", "coordinator")
            if identity.opted_out(connection, house, contact_id, purpose)
        ]

    return house.database.read(work)


def hand_over(house, purpose, conversation_id=None):
    """Pretend that a message went out to the coordinator now."""
    from bot.flow.turn import Message

    def work(connection):
        contact_id = the_contact(connection, house)
        address = identity.best_address(connection, contact_id)
        assert address is not None
        sent = outbox.enqueue(
            connection,
            house,
            address_id=address.id,
            message=Message("halo"),
            purpose=purpose,
            dedupe=f"{purpose}:{house.now()}",
            conversation_id=conversation_id,
        )
        assert sent is not None
        outbox_queries.set_fate(connection, sent, status="sent")

    house.database.write(work)


def interview(house, survey, unit):
    def work(connection):
        contact_id = the_contact(connection, house)
        return enrol(connection, house, survey, contact_id, unit, "internal", house.now())

    return house.database.write(work)


def test_progres_shows_the_days_snapshot_and_never_live_numbers(house, survey, post, clock):
    assert "Belum ada angka" in say(house, "PROGRES").text
    snapshots.take_due(house)
    finish(house, survey, post, "internal", 40)
    clock.move(hours=9)
    assert "Internal: 7 dari 60" in say(house, "Progres.").text
    assert "Internal: 7 dari 60" in say(house, "x", option="Rincian").text


def test_other_texts_are_not_a_coordinators(house, survey, post):
    for text in ("", "1", "SETUJU", "gambar apa", "capaian itu apa", "terima kasih"):
        assert say(house, text) is None
    assert say(house, "progres", kind="media") is None


def test_somebody_without_a_post_is_not_answered(house, survey, post):
    inbound = Inbound("simulator", "whatsapp:+62000000000", "SM1", (PHONE,), "PROGRES")

    def work(connection):
        other = identity.person(connection, house, [Address("phone", "+6281200000199")])
        return asked.answer(connection, house, other.contact_id, inbound)

    assert house.database.write(work) is None


def test_jeda_and_aktif_pause_and_resume(house, survey, post, clock):
    snapshots.take_due(house)
    assert "tidak dikirim lagi" in say(house, "jeda").text
    clock.now = MORNING + timedelta(hours=1, minutes=45)
    assert send_due(house) == 0
    assert "dikirim lagi" in say(house, "aktif").text
    clock.move(days=1)
    snapshots.take_due(house)
    assert send_due(house) == 1


def test_berhenti_after_a_report_stops_reports_only_and_aktif_takes_it_back(house, survey, post):
    hand_over(house, "report")
    assert "tidak dikirim lagi" in say(house, "berhenti").text
    assert opted_out(house) == ["coordinator"]
    say(house, "AKTIF")
    assert opted_out(house) == []


def test_berhenti_after_a_question_belongs_to_the_interview(house, survey, post, clock):
    conversation_id = interview(house, survey, post)
    hand_over(house, "report")
    clock.move(minutes=1)
    hand_over(house, "reply", conversation_id)
    assert say(house, "BERHENTI") is None
    assert say(house, "", opt_out="STOP") is None
    assert opted_out(house) == []
    clock.move(minutes=1)
    hand_over(house, "report")
    assert say(house, "BERHENTI") is not None
    assert opted_out(house) == ["coordinator"]


def test_during_an_interview_only_the_command_itself_is_taken(house, survey, post):
    snapshots.take_due(house)
    conversation_id = interview(house, survey, post)
    assert say(house, "posisi") is not None

    def ask(connection):
        connection.execute(
            update(Conversation).where(Conversation.id == conversation_id).values(status="asking")
        )

    house.database.write(ask)
    assert say(house, "posisi") is None
    assert say(house, "PROGRES") is not None


def test_several_posts_are_told_shortly_in_one_message(house, survey, post, tmp_path):
    add_unit(house, "Badan Contoh", code="B-1")
    path = tmp_path / "more.csv"
    path.write_text(f"phone,unit\n{PHONE.value},own:B-1\n", "utf-8")
    import_coordinators(house, "integritas", path)
    snapshots.take_due(house)
    text = say(house, "PROGRES").text
    assert text.count("📊") == 2
    assert "— Badan Contoh" in text
    assert len(text) < 1600


def test_many_posts_are_told_by_pages_and_only_what_was_shown_is_logged(
    house, survey, post, tmp_path
):
    rows = []
    for number in range(12):
        add_unit(house, f"Badan Contoh Urusan Penting {number:02}", code=f"B-{number}")
        rows.append(f"{PHONE.value},own:B-{number}\n")
    path = tmp_path / "more.csv"
    path.write_text("phone,unit\n" + "".join(rows), "utf-8")
    import_coordinators(house, "integritas", path)
    snapshots.take_due(house)
    shown, texts = 0, []
    for page in range(1, 10):
        said = say(house, "PROGRES" if page == 1 else f"RINCIAN {page}")
        texts.append(said.text)
        assert len(said.text) <= 1600
        shown += said.text.count("📊")
        assert len(log.logged(house, "integritas")) == shown
        if not said.buttons:
            break
        assert f"*RINCIAN {page + 1}*" in said.text
        assert said.buttons == (Choice(f"RINCIAN {page + 1}", f"Rincian {page + 1}"),)
    assert shown == 13
    for number in range(12):
        assert sum(f"Penting {number:02}" in text for text in texts) == 1


def test_many_posts_and_somebody_unreachable_fit_one_message(house, survey, post, tmp_path):
    rows = []
    for number in range(12):
        add_unit(house, f"Badan Contoh Urusan Penting {number:02}", code=f"B-{number}")
        rows.append(f"{PHONE.value},own:B-{number}\n")
    for number in range(3):
        add_unit(house, f"Dinas Contoh {number} " + "Urusan " * 20, code=f"C-{number}")
        rows.append(f"+62812000005{number:02},own:C-{number}\n")
    path = tmp_path / "more.csv"
    path.write_text("phone,unit\n" + "".join(rows), "utf-8")
    import_coordinators(house, "integritas", path)
    snapshots.take_due(house)

    def nobody_hears(connection):
        connection.execute(update(Coordinator).values(told_on=date(2026, 11, 23)))
        own = identity.find(connection, house, [PHONE])
        for contact_id in {row.contact_id for row in queries.posts_in(connection, survey.id)}:
            if contact_id != own:
                identity.opt_out(connection, house, contact_id, "coordinator")

    house.database.write(nobody_hears)
    said = say(house, "PROGRES").text
    assert said.count("📊") > 5
    assert len(said) <= 1600


def test_details_tell_a_units_own_numbers_from_those_of_the_units_below(survey):
    cells = {(1, "ahli"): (60, 100), (2, "internal"): (20, 100)}
    text = digest.details(report(survey, cells))
    assert "• Pemerintah Kota Contoh (langsung): 60 dari 100" in text
    assert "• Badan Contoh: 20 dari 100" in text
