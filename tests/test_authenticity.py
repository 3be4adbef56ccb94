"""What proves a message: the facts of a survey, and what is said of a number that is typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from bot.interview.closing import close
from bot.interview.installation import Installation, Via
from bot.outreach import authenticity
from bot.outreach.authenticity import Proof, judge, proof_of, proofs, read_numbers
from tests.setup import TestClock, bundled_files, installation, publish_bundled
from tests.surveys import small_files

OURS = "+6281200000002"
HOLDERS = """\
texts:
  pemilik: Lembaga Contoh Nasional
  nomor_pemilik: 0812-0000-0011, 0812-0000-0012
  situs_pemilik: survei.lembaga.contoh.go.id
  telp_pemilik: 0812-0000-0013
"""


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def place(sqlite_url: str, clock: TestClock) -> Iterator[Installation]:
    via = Via("twilio", f"whatsapp:{OURS}")
    with installation(sqlite_url, clock=clock, via=via) as opened:
        yield opened


def every(place: Installation, language: str = "id") -> list[Proof]:
    return place.database.read(lambda connection: proofs(connection, place, language))


def test_a_survey_says_what_there_is_to_compare(place):
    proof = proof_of(place, publish_bundled(place), "id")
    assert (proof.title, proof.holder) == (
        "Survei Integritas Kota Contoh",
        "Inspektorat Kota Contoh",
    )
    assert [(one.shown, one.dialled, one.e164) for one in proof.numbers] == [
        ("+62 812-0000-0002", "0812-0000-0002", OURS)
    ]
    assert (proof.code, proof.site, proof.phone) == (
        "KC-2741",
        "survei.contoh.go.id",
        "0812-0000-0001",
    )
    assert (proof.opens, proof.closes) == (date(2026, 11, 1), date(2027, 1, 31))
    assert (proof.state, proof.support, proof.bps) == ("open", False, "")
    assert "Inspektorat Kota Contoh" in proof.invitation
    assert "KC-2741" in proof.answer


def test_it_says_it_in_the_language_that_is_asked_for(place):
    published = publish_bundled(place)
    assert proof_of(place, published, "en").title == "Contoh City Integrity Survey"
    assert "Reply *1* to begin" in proof_of(place, published, "en").invitation
    assert proof_of(place, published, "jv").title == "Survei Integritas Kota Contoh"


def test_the_reply_to_cek_is_the_same_for_everybody_and_has_the_facts_of_the_page(database_url):
    from tests.whatsapp import office

    with office(database_url) as opened:
        proof = proof_of(opened.installation, opened.published, "id")
        replies = {opened.twilio.person().say("cek")[0] for _ in range(3)}
        assert replies == {proof.answer}
        begun = opened.twilio.person()
        begun.say(opened.link_text())
        assert begun.say("cek")[0].startswith(proof.answer)
        for fact in (proof.code, proof.site, proof.phone, "1 November 2026", "31 Januari 2027"):
            assert fact in proof.answer
        assert "http" not in proof.answer, "people are taught to type, not to tap"


@pytest.mark.parametrize(("days", "state"), [(-60, "upcoming"), (0, "open"), (100, "over")])
def test_a_survey_is_coming_open_or_over(place, clock, days, state):
    published = publish_bundled(place)
    clock.move(timedelta(days=days))
    assert proof_of(place, published, "id").state == state


def test_a_survey_that_was_closed_early_ended_on_that_day(place):
    publish_bundled(place)
    close(place, "integritas")
    (proof,) = every(place)
    assert (proof.state, proof.closes) == ("over", date(2026, 11, 23))


def test_open_surveys_come_first_and_what_is_over_last(place, clock):
    publish_bundled(place)
    from bot.interview.surveys import publish

    for name, opens, closes in (
        ("lama", "2026-01-01", "2026-02-01"),
        ("nanti", "2027-01-01", "2027-02-01"),
    ):
        files = small_files()
        changed = files["survey.yaml"].replace("name: coba", f"name: {name}")
        changed = changed.replace("opens: 2026-11-01", f"opens: {opens}")
        changed = changed.replace("closes: 2027-01-31", f"closes: {closes}")
        publish(place, files | {"survey.yaml": changed})
    assert [one.name for one in every(place)] == ["integritas", "nanti", "lama"]


def test_the_number_that_we_send_from_is_named_even_where_the_owner_forgot_it(place):
    published = publish_bundled(place, nomor_resmi="0812-0000-0077")
    numbers = [one.e164 for one in proof_of(place, published, "id").numbers]
    assert numbers == ["+6281200000077", OURS]
    unlisted = authenticity.unlisted_sender(place, published, "ID")
    assert unlisted is not None
    assert unlisted.e164 == OURS
    listed = publish_bundled(place, nomor_resmi="0812-0000-0077 dan 0812-0000-0002")
    assert authenticity.unlisted_sender(place, listed, "ID") is None


def test_the_simulators_number_is_nobodys(sqlite_url):
    with installation(sqlite_url) as opened:
        published = publish_bundled(opened)
        assert [one.e164 for one in proof_of(opened, published, "id").numbers] == [OURS]
        assert authenticity.unlisted_sender(opened, published, "ID") is None


def test_somebody_elses_survey_has_the_holders_number_and_site_and_nothing_of_ours(place):
    from bot.interview.surveys import publish

    files = bundled_files()
    files["survey.yaml"] = files["survey.yaml"].replace("texts:\n", HOLDERS, 1)
    proof = proof_of(place, publish(place, files), "id", mode="official-support")
    assert (proof.holder, proof.helper) == ("Lembaga Contoh Nasional", "Inspektorat Kota Contoh")
    assert [one.e164 for one in proof.numbers] == ["+6281200000011", "+6281200000012"]
    assert (proof.site, proof.phone) == ("survei.lembaga.contoh.go.id", "0812-0000-0013")
    assert (proof.code, proof.invitation, proof.answer) == ("", "", "")
    assert proof.helper_phone == "0812-0000-0001"


def test_numbers_are_read_however_they_are_listed():
    found = read_numbers("0812 0000 0011; +62 812-0000-0012 dan 1500123")
    assert [one.e164 for one in found] == ["+6281200000011", "+6281200000012", None]
    assert found[2].shown == "1500123"
    assert read_numbers("") == ()


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("0812-0000-0002", "official"),
        ("+62 812 0000 0002", "official"),
        ("6281200000002", "official"),
        ("81200000002", "official"),
        ("WA: 0812.0000.0002", "official"),
        ("https://wa.me/6281200000002", "official"),
        ("0812-0000-0001", "office"),
        ("0812-0000-0003", "unknown"),
        ("0812-0000-000", "unknown"),
        ("+65 9123 4567", "unknown"),
        ("0812-0000-0002 / 0812-0000-0003", "unreadable"),
        ("6271012345678901", "unreadable"),  # as long as a NIK
        ("KC-2741", "unreadable"),
        ("", "unreadable"),
        ("0" * 41, "unreadable"),
    ],
)
def test_a_typed_number_is_ours_or_not(place, typed, verdict):
    published = publish_bundled(place)
    assert judge(typed, [proof_of(place, published, "id")]) == verdict


def test_a_service_number_that_is_no_mobile_number_is_known_by_its_digits(place):
    published = publish_bundled(place, nomor_resmi="0511-330-0000")
    known = [proof_of(place, published, "id")]
    assert judge("(0511) 3300000", known) == "official"
    assert judge("+62 511 3300000", known) == "official"
    assert judge("0511 3300001", known) == "unknown"
