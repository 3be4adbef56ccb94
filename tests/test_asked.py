"""What coordinators ask in the chat, through the webhook: whose word it is, and of which unit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from bot.reporting import snapshots
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import Conversation, Coordinator, OptOut, Outbox, Wave
from tests.counts import aim, finish
from tests.mending import list_of
from tests.rows import change, rows
from tests.setup import TestClock, add_unit, publish_bundled
from tests.whatsapp import office

MORNING = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # Monday, 07.00 WIB


@pytest.fixture
def place(either_url):
    with office(either_url, clock=TestClock(MORNING)) as made:
        yield made


@pytest.fixture
def units(place):
    """A province with two kabupaten; each has an office of health, the first one of revenue."""
    here = place.installation
    province = add_unit(here, "Provinsi Kalimantan Tengah", code="62")
    kobar = add_unit(here, "Kabupaten Kotawaringin Barat", code="62.01", parent_id=province)
    kotim = add_unit(here, "Kabupaten Kotawaringin Timur", code="62.02", parent_id=province)
    found = {
        "province": province,
        "kobar": kobar,
        "kotim": kotim,
        "kes_b": add_unit(here, "Dinas Kesehatan", code="KES-B", parent_id=kobar),
        "kes_t": add_unit(here, "Dinas Kesehatan", code="KES-T", parent_id=kotim),
        "pad": add_unit(here, "Badan Pendapatan Daerah", code="PAD", parent_id=kobar),
    }
    for number, name in enumerate(("kes_b", "kes_t", "pad"), start=1):
        aim(here, place.published, found[name], "internal", 100)
        finish(here, place.published, found[name], "internal", 10 * number)
    return found


@pytest.fixture
def admin(place, units, tmp_path):
    """Return a person who answers for a unit, by its code."""

    def make(code, **more):
        person = place.twilio.person()
        columns = ["phone", "unit", *more]
        cells = [person.phone, f"own:{code}" if code else "", *more.values()]
        path = tmp_path / f"{person.phone}.csv"
        path.write_text(",".join(columns) + "\n" + ",".join(cells) + "\n", "utf-8")
        import_coordinators(place.installation, "integritas", path)
        return person

    return make


def said(person, text, **more):
    person.say(text, **more)
    return person.inbox[-1]


def begin(place, person):
    """Bring somebody past the questions that screen, into an interview; return what is asked."""
    said(person, place.link_text())
    said(person, "1")
    said(person, "setuju")
    said(person, "1")
    asked = said(person, "4")
    place.twilio.settle()  # who quotes a message is understood once its fate is known
    return asked


def report(place, person):
    """Let the day's message go out to somebody, as free text."""
    place.clock.now = max(place.clock.now, MORNING + timedelta(minutes=50))
    place.sweep("report")
    place.sweep("deliver")
    place.twilio.settle()
    return person.messages[-1]


# --- which unit, and whose ----------------------------------------------------------------------


def test_a_unit_is_asked_for_by_what_people_call_it(place, admin):
    snapshots.take_due(place.installation)
    person = admin("62.01")
    for text in ("PROGRES Bapenda", "progres badan pendapatn", "capaian PAD", "Rincian bapenda"):
        answer = said(person, text)
        assert "— Badan Pendapatan Daerah" in answer, text
        assert "30 dari 100" in answer


def test_an_office_a_kabupaten_and_the_province_see_what_is_below_them_and_no_more(place, admin):
    snapshots.take_due(place.installation)
    office_, kobar, province = admin("PAD"), admin("62.01"), admin("62")
    asked = ("PROGRES PAD", "PROGRES KES-B", "PROGRES KES-T", "PROGRES Kotim")
    answers = {one: [said(one, text) for text in asked] for one in (office_, kobar, province)}
    refusals = {one: ["Maaf, unit itu" in text for text in found] for one, found in answers.items()}
    assert refusals[office_] == [False, True, True, True]
    assert refusals[kobar] == [False, False, True, True]
    assert refusals[province] == [False, False, False, False]
    assert "20 dari 100" in answers[province][2]
    assert "20 dari 100" in answers[province][3]


def test_a_refusal_is_the_same_whether_there_is_such_a_unit_or_not(place, admin):
    snapshots.take_due(place.installation)
    person = admin("PAD")
    refused = said(person, "PROGRES Dinas Kesehatan")
    assert refused == said(person, "PROGRES Dinas Antah Berantah")
    assert "*PROGRES Badan Pendapatan Daerah*" in refused
    assert not any(digit in refused for digit in "0123456789")


def test_where_several_are_meant_a_number_chooses(place, admin):
    snapshots.take_due(place.installation)
    person = admin("62")
    assert said(person, "PROGRES Dinkes") == (
        "Maksud Bapak/Ibu:\n"
        "1. Dinas Kesehatan (Kabupaten Kotawaringin Barat)\n"
        "2. Dinas Kesehatan (Kabupaten Kotawaringin Timur)\n"
        "Balas dengan angkanya."
    )
    assert "20 dari 100" in said(person, "2")
    assert "10 dari 100" in said(person, "1.")
    before = len(person.inbox)
    person.say("3")
    assert "dari 100" not in "".join(person.inbox[before:])
    place.clock.move(hours=13)
    person.say("2")
    assert "dari 100" not in "".join(person.inbox[before:])
    assert "10 dari 100" in said(person, "PROGRES Dinkes Kobar")


# --- coordinator and respondent -----------------------------------------------------------------


def test_in_an_interview_a_number_is_the_interviews_even_after_our_question(place, admin):
    snapshots.take_due(place.installation)
    person = admin("62")
    ours = said(person, "PROGRES Dinkes")
    first = begin(place, person)
    # The question was asked before the interview: its numbers are the interview's now.
    second = said(person, "2")
    assert "dari 100" not in second
    assert second != first
    # In the interview the units to choose from have no numbers that could be meant.
    listed = said(person, "PROGRES Dinkes")
    assert "• Dinas Kesehatan (Kabupaten Kotawaringin Timur)" in listed
    assert "1." not in listed
    assert "dari 100" not in said(person, "2")
    # Who quotes our question means it, and who quotes the interview means that.
    assert "20 dari 100" in said(person, "2", quote=ours)
    assert "dari 100" not in said(person, "2", quote=person.inbox[-2])


def test_an_invitation_that_came_later_owns_the_number(place, admin, units):
    snapshots.take_due(place.installation)
    person = admin("62")
    said(person, "PROGRES Dinkes")
    place.clock.move(minutes=1)
    said(person, place.link_text())
    assert "dari 100" not in said(person, "1")


def test_berhenti_to_a_quoted_digest_ends_digests_only_in_an_interview_too(place, admin):
    snapshots.take_due(place.installation)
    person = admin("PAD")
    said(person, "PROGRES")
    digest = report(place, person)
    assert "30 dari 100" in digest.text
    begin(place, person)
    assert "angka harian tidak dikirim lagi" in said(person, "BERHENTI", quote=digest)
    assert [row.purpose for row in rows(place.installation, OptOut)] == ["coordinator"]
    (conversation,) = [row for row in rows(place.installation, Conversation) if row.contact_id]
    assert conversation.status == "asking"


def test_berhenti_to_a_quoted_question_is_the_interviews_after_a_digest_too(place, admin):
    snapshots.take_due(place.installation)
    person = admin("PAD")
    question = begin(place, person)
    report(place, person)
    assert "angka harian" not in said(person, "BERHENTI", quote=question)
    assert "coordinator" not in [row.purpose for row in rows(place.installation, OptOut)]


def purposes(place):
    return sorted({row.purpose for row in rows(place.installation, OptOut)})


def interview(place):
    """Return the status of the one interview that belongs to somebody."""
    (found,) = [row.status for row in rows(place.installation, Conversation) if row.contact_id]
    return found


@pytest.mark.parametrize("word", ["BERHENTI", "stop pak"])
def test_berhenti_after_a_digest_ends_digests_and_the_interview_that_is_under_way(
    place, admin, word
):
    """Which of the two is meant cannot be known: nothing more may come of either."""
    snapshots.take_due(place.installation)
    person = admin("PAD")
    begin(place, person)
    assert "30 dari 100" in report(place, person).text
    assert "tidak akan menghubungi lagi" in said(person, word)
    assert purposes(place) == ["coordinator", "respondent"]
    assert interview(place) == "stopped"
    before = len(person.inbox)
    for _ in range(60):
        place.clock.move(hours=2)
        for name in ("wake", "report", "deliver"):
            place.sweep(name)
    assert person.inbox[before:] == []


def test_a_second_berhenti_ends_the_interview_too_after_a_quoted_digest(place, admin):
    snapshots.take_due(place.installation)
    person = admin("PAD")
    begin(place, person)
    digest = report(place, person)
    assert "*BERHENTI* sekali lagi" in said(person, "BERHENTI", quote=digest)
    assert interview(place) == "asking"
    assert "tidak akan menghubungi lagi" in said(person, "BERHENTI")
    assert interview(place) == "stopped"


def test_a_second_berhenti_ends_digests_too_after_the_interviews(place, admin):
    snapshots.take_due(place.installation)
    person = admin("PAD")
    begin(place, person)
    said(person, "BERHENTI")
    assert purposes(place) == ["respondent"]
    said(person, "BERHENTI")
    assert purposes(place) == ["coordinator", "respondent"]


def test_a_second_berhenti_of_a_coordinator_without_an_interview_is_for_everything(place, admin):
    snapshots.take_due(place.installation)
    person = admin("PAD")
    said(person, "PROGRES")
    report(place, person)
    assert "angka harian tidak dikirim lagi" in said(person, "BERHENTI")
    assert purposes(place) == ["coordinator"]
    assert "tidak akan menghubungi lagi" in said(person, "BERHENTI")
    assert purposes(place) == ["coordinator", "respondent"]


def test_berhenti_below_a_picture_ends_digests(place, admin):
    person = admin("PAD")
    assert "angka harian tidak dikirim lagi" in said(person, "BERHENTI", kind="image")
    assert purposes(place) == ["coordinator"]


def test_bantuan_is_the_interviews_help_in_an_interview_and_ours_elsewhere(place, admin):
    snapshots.take_due(place.installation)
    person = admin("62.01")
    assert said(person, "BANTUAN").startswith("Yang bisa ditulis di sini:\n*PROGRES* angka hari")
    digest = report(place, person)
    begin(place, person)
    assert "*KEMBALI*" in said(person, "BANTUAN")
    assert "*PROGRES*" in said(person, "bantuan", quote=digest)


def test_help_offers_what_this_coordinator_can_ask_now(place, admin):
    alone, above = admin("PAD"), admin("62.01")
    assert "*PROGRES Badan Pendapatan Daerah*" in said(above, "bantuan")
    assert "RINCIAN" not in said(alone, "bantuan")
    assert "*REKAP*" in said(alone, "bantuan")
    assert "*BAGIKAN*" in said(alone, "bantuan")
    assert "*BAGIKAN*" not in said(above, "bantuan")
    assert "*REKAP* keadaan daftar" in said(alone, "bantuan")
    launch(place)
    assert "*REKAP* berkas Excel" in said(alone, "bantuan")


def test_words_in_an_answer_of_ones_own_are_no_commands(place, admin):
    person = admin("62")
    begin(place, person)
    for text in ("progres dinas kesehatan lambat", "posisi dinkes", "progresnya bagus"):
        assert "angka" in said(person, text)  # the question says how to answer
        assert "Maksud" not in person.inbox[-1]
        assert "Maaf, unit" not in person.inbox[-1]


# --- their own messages -------------------------------------------------------------------------


def test_jeda_with_days_rests_so_long_and_comes_back_by_itself(place, admin):
    person = admin("PAD")
    assert "datang lagi mulai 30 November 2026" in said(person, "JEDA 7")
    for day in (0, 3, 6, 7, 8):
        place.clock.now = MORNING + timedelta(days=day, minutes=50)
        snapshots.take_due(place.installation)
        place.sweep("report")
    written = rows(place.installation, Outbox, purpose="report")
    assert sorted((row.created_at - MORNING).days for row in written) == [7, 8]
    (post,) = rows(place.installation, Coordinator)
    assert not post.paused
    assert (post.away_until - post.away_from).days == 6


@pytest.mark.parametrize("text", ["JEDA 0", "JEDA 120", "JEDA sebentar"])
def test_a_pause_of_no_such_length_is_asked_for_again_and_nothing_rests(place, admin, text):
    assert "1 sampai 90" in said(admin("PAD"), text)
    (post,) = rows(place.installation, Coordinator)
    assert (post.paused, post.away_from) == (False, None)


def test_aktif_ends_a_pause_and_an_absence_at_once(place, admin):
    person = admin("PAD")
    said(person, "JEDA 7 hari")
    assert "dikirim lagi" in said(person, "AKTIF")
    (post,) = rows(place.installation, Coordinator)
    assert (post.paused, post.away_from, post.away_until) == (False, None, None)


# --- rosters ------------------------------------------------------------------------------------


def launch(place):
    """Launch the survey: from then on nothing is told of the lists."""
    values = {
        "survey_id": place.published.id,
        "kind": "real",
        "number": 1,
        "state": "running",
        "per_day": 10,
        "filters": "{}",
        "people": 1,
        "started_at": place.clock.now,
        "changed_at": place.clock.now,
    }
    place.installation.database.write(lambda c: c.execute(insert(Wave).values(values)))


def test_rekap_tells_how_clean_the_lists_of_the_own_units_are_until_people_are_invited(
    place, admin, units
):
    person = admin("62.01")
    assert "Belum ada angka" in said(person, "REKAP")  # open, and nobody has a list
    people = [("A", "0511-3301234"), ("B", ""), ("C", "6.28E+12")]
    list_of(place.installation, place.published, units["kes_b"], people)
    list_of(place.installation, place.published, units["kes_t"], people)
    assert said(person, "REKAP") == (
        "*Daftar responden* — Kabupaten Kotawaringin Barat\n"
        "Dari 3 baris: 0 siap, 0 ganda, 3 perlu dibetulkan"
        " (1 tanpa nomor, 1 telepon kantor, 1 nomor belum benar).\n"
        "\n"
        "Balas *PERBAIKI* untuk membetulkan satu per satu di sini, atau *UNGGAH* untuk halaman"
        " unggah berkas."
    )
    assert "Belum ada daftar" in said(person, "rekap bapenda")
    said(person, "PERBAIKI")
    said(person, "081200000501")
    assert "Dari 3 baris: 1 siap, 0 ganda, 2 perlu dibetulkan" in said(person, "Rekap pak")
    assert "Maaf, unit itu" in said(person, "REKAP kotim")
    launch(place)
    assert "Belum ada angka" in said(person, "REKAP")
    snapshots.take_due(place.installation)
    said(person, "REKAP")
    place.twilio.settle()
    assert person.messages[-1].file is not None


def test_rekap_with_posts_in_two_surveys_is_of_the_newer_and_of_a_unit_by_its_own_post(
    place, admin, units, tmp_path
):
    here = place.installation
    snapshots.take_due(here)
    launch(place)  # the first one runs, the second one mends its lists
    person = admin("PAD")
    second = publish_bundled(here, name="kedua")
    path = tmp_path / "kedua.csv"
    path.write_text(f"phone,unit\n{person.phone},own:KES-B\n", "utf-8")
    import_coordinators(here, "kedua", path)
    list_of(here, second, units["kes_b"], [("A", "0511-3301234"), ("B", "")])
    list_of(here, place.published, units["kes_b"], [("C", "")])
    for text in ("REKAP", "rekap dinkes"):
        assert "— Dinas Kesehatan\nDari 2 baris: 0 siap" in said(person, text)
    person.say("REKAP bapenda")
    place.twilio.settle()
    assert person.messages[-1].file is not None
    assert "Maaf, unit itu" in said(person, "REKAP kotim")


def test_a_unit_and_a_page_may_follow_a_word(place, admin):
    person = admin("62.01")
    assert "Belum ada angka" in said(person, "GRAFIK")
    snapshots.take_due(place.installation)
    for text in ("GRAFIK", "grafik 2", "grafik dinkes", "GRAFIK PAD 2", "gambar"):
        said(person, text)
        place.twilio.settle()
        assert person.messages[-1].file is not None, text
    assert "Badan Pendapatan Daerah" in said(person, "RINCIAN bapenda 3")
    assert "Maaf, unit itu" in said(person, "GRAFIK kotim")


def test_what_may_be_passed_on_is_that_of_one_unit(place, admin):
    snapshots.take_due(place.installation)
    person = admin("62.01")
    assert "beberapa unit" in said(person, "BAGIKAN")
    assert "Badan Pendapatan Daerah" in said(person, "bagikan bapenda")


def test_what_may_be_passed_on_says_nothing_of_coordinators_who_cannot_be_reached(
    place, admin, tmp_path
):
    here = place.installation
    snapshots.take_due(here)
    person, below = admin("62.01"), admin("PAD")
    path = tmp_path / "more.csv"
    path.write_text(f"phone,unit\n{person.phone},own:KES-B\n", "utf-8")
    import_coordinators(here, "integritas", path)
    said(below, "PROGRES")
    said(below, "BERHENTI")
    change(here, Coordinator, {"told_on": date(2026, 11, 23)})
    assert "Admin Badan Pendapatan Daerah belum dapat dihubungi" in said(person, "PROGRES")
    assert "*Dinas Kesehatan*" in said(person, "BAGIKAN")
    assert "*Badan Pendapatan Daerah*" in said(person, "BAGIKAN bapenda")
    for text in person.inbox[-2:]:
        assert "belum dapat dihubungi" not in text


# --- deputies -----------------------------------------------------------------------------------


def test_a_deputy_may_ask_only_while_the_other_one_is_away(place, admin):
    snapshots.take_due(place.installation)
    deputy = place.twilio.person()
    person = admin("PAD", away_from="2026-11-24", away_until="2026-11-25", deputy=deputy.phone)
    assert "30 dari 100" in said(person, "PROGRES")
    deputy.say("PROGRES")
    assert "dari 100" not in "".join(deputy.inbox)
    place.clock.move(days=1)
    assert "30 dari 100" in said(deputy, "PROGRES")
    assert "Maaf, unit itu" in said(deputy, "PROGRES KES-B")
    place.clock.move(days=2)
    before = len(deputy.inbox)
    deputy.say("PROGRES")
    assert "dari 100" not in "".join(deputy.inbox[before:])


def test_a_deputy_and_who_is_stood_in_for_choose_each_from_what_they_were_asked(place, admin):
    snapshots.take_due(place.installation)
    deputy = place.twilio.person()
    person = admin("62", away_from="2026-11-23", away_until="2026-11-25", deputy=deputy.phone)
    assert "1. Dinas Kesehatan (Kabupaten Kotawaringin Barat)" in said(person, "PROGRES Dinkes")
    assert said(deputy, "PROGRES Kotawaringin").startswith("Maksud Bapak/Ibu:\n1. Kabupaten")
    assert "— Dinas Kesehatan" in said(person, "1")
    assert "— Kabupaten Kotawaringin Timur" in said(deputy, "2")
    assert "20 dari 100" in said(person, "2")


def test_no_post_means_no_answer_whatever_is_asked(place, units):
    snapshots.take_due(place.installation)
    stranger = place.twilio.person()
    for text in ("PROGRES", "PROGRES Bapenda", "REKAP", "JEDA 7"):
        stranger.say(text)
    assert not {"dari 100", "Maksud", "angka harian"} & set(stranger.inbox)
    assert len(set(stranger.inbox)) == 1  # what strangers hear
