"""The basis on which we write to people, and the consent that can be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from bot.channels.base import Address
from bot.interview import codes, erasure, identity
from bot.outreach.launch.launching import launch
from bot.outreach.links import create_personal_links
from bot.outreach.roster.importing import import_roster
from bot.reporting.consents import consent_log, consents_of
from storage.models import Audit, Consent, Contact, ContactBasis, Link
from storage.queries import consents as queries
from tests.rows import count, rows
from tests.test_missed import begun
from tests.whatsapp import Office, office

TODAY = date(2026, 11, 23)
PHONE = Address("phone", "+6281200000701")
BSUID = Address("bsuid", "ID.1000000000000701")


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def ways(place: Office) -> list[tuple[Any, ...]]:
    found = rows(place.installation, ContactBasis)
    return [(one.how, one.source, one.basis, one.link_id, one.recorded_on) for one in found]


def add_roster(place: Office, tmp_path: Path, phone: str = "0812-0000-0701") -> None:
    file = tmp_path / "daftar.csv"
    file.write_text(
        "kelompok,hp_wa,unit,sumber_data,dasar_kontak\n"
        f"internal,{phone},own:U1,daftar pegawai,surat edaran 7\n",
        "utf-8",
    )
    assert import_roster(place.installation, file, "integritas").to_mend == 0


def test_a_launch_keeps_where_the_office_has_the_person_from(place, tmp_path):
    add_roster(place, tmp_path)
    launch(place.installation, "integritas")
    assert ways(place) == [("roster", "daftar pegawai", "surat edaran 7", None, TODAY)]
    (row,) = rows(place.installation, ContactBasis)
    assert row.survey_id == place.published.id
    launch(place.installation, "integritas")
    assert len(ways(place)) == 1


def test_a_poster_is_a_way_too_with_the_link_and_the_day(place):
    begun(place)
    (link,) = rows(place.installation, Link)
    assert ways(place) == [("poster", None, None, link.id, TODAY)]


def test_a_personal_link_has_the_source_of_its_row(place, tmp_path):
    add_roster(place, tmp_path)
    create_personal_links(place.installation, "integritas")
    (link,) = rows(place.installation, Link)
    place.twilio.person(phone="+6281200000702").say(codes.link_text("Survei", link.code))
    assert ways(place) == [("link", "daftar pegawai", "surat edaran 7", link.id, TODAY)]


def test_who_cannot_take_part_leaves_no_way_behind(place):
    begun(place)
    (link,) = rows(place.installation, Link)
    values = {"cap": link.starts}
    place.installation.database.write(lambda c: c.execute(update(Link).values(values)))
    place.twilio.person().say(codes.link_text("Survei", link.code))
    assert count(place.installation, Contact) == len(ways(place)) == 1


def test_the_first_day_of_a_way_stays(place, tmp_path):
    add_roster(place, tmp_path)
    here = place.installation
    launch(here, "integritas")
    (row,) = rows(here, Contact)
    here.database.write(
        lambda c: queries.add_basis(
            c, row.id, "roster", TODAY + timedelta(1), survey_id=place.published.id, source="lain"
        )
    )
    assert ways(place) == [("roster", "daftar pegawai", "surat edaran 7", None, TODAY)]


def test_the_database_keeps_one_of_a_way_and_knows_no_other(place):
    here = place.installation
    met = here.database.write(lambda c: identity.person(c, here, [PHONE]))
    values = {"contact_id": met.contact_id, "how": "wrote_first", "recorded_on": TODAY}
    here.database.write(lambda c: c.execute(insert(ContactBasis).values(values)))
    for wrong in (values, values | {"how": "bought"}):
        again = insert(ContactBasis).values(wrong)
        with pytest.raises(IntegrityError):
            here.database.write(lambda c, again=again: c.execute(again))


def test_two_that_are_one_person_keep_the_ways_of_both_and_the_earlier_of_one(place):
    here, survey = place.installation, place.published.id

    def meet(address: Address, how: str, source: str, day: date) -> None:
        def work(connection):
            met = identity.person(connection, here, [address])
            queries.add_basis(connection, met.contact_id, how, day, survey_id=survey, source=source)

        here.database.write(work)

    meet(PHONE, "roster", "late", TODAY)
    meet(PHONE, "poster", "only phone", TODAY)
    meet(BSUID, "roster", "early", TODAY - timedelta(days=3))
    here.database.write(lambda c: identity.person(c, here, [PHONE, BSUID]))
    assert count(here, Contact) == 1
    assert sorted((one[0], one[1]) for one in ways(place)) == [
        ("poster", "only phone"),
        ("roster", "early"),
    ]


def test_who_has_a_recycled_number_wrote_first_and_inherits_no_basis(place):
    here = place.installation
    old, new = Address("bsuid", "ID.1000000000000702"), Address("bsuid", "ID.1000000000000703")

    def first(connection):
        met = identity.person(connection, here, [PHONE, old])
        queries.add_basis(connection, met.contact_id, "roster", TODAY, source="daftar pegawai")

    here.database.write(first)
    met = here.database.write(lambda c: identity.person(c, here, [PHONE, new]))
    found = {one.contact_id: one.how for one in rows(here, ContactBasis)}
    assert found.pop(met.contact_id) == "wrote_first"
    assert list(found.values()) == ["roster"]


def test_it_is_erased_with_the_person(place, tmp_path):
    ani = begun(place)
    assert ways(place)
    ani.say("HAPUS DATA")
    assert ways(place) == []
    add_roster(place, tmp_path)
    launch(place.installation, "integritas")
    erasure.forget(place.installation, PHONE)
    assert ways(place) == []


def test_erasing_what_one_survey_has_leaves_the_ways_to_others(place):
    here = place.installation

    def work(connection):
        met = identity.person(connection, here, [PHONE])
        for survey in (place.published.id, None):
            queries.add_basis(connection, met.contact_id, "roster", TODAY, survey_id=survey)
        erasure.erase(connection, here, met.contact_id, place.published.id)

    here.database.write(work)
    assert [one.survey_id for one in rows(here, ContactBasis)] == [None]


def test_the_log_counts_consents_by_words_language_and_day(place, tmp_path):
    begun(place, 1)
    place.clock.move(days=1)
    begun(place, 2)
    begun(place, 3, "ahli")
    add_roster(place, tmp_path)
    launch(place.installation, "integritas")
    log = consent_log(place.installation, "integritas")
    days = Counter[date]()
    for one in log.consents:  # groups have words of their own, and so rows of their own
        days[one.given_on] += one.people
    assert days == {TODAY: 1, TODAY + timedelta(1): 2}
    assert {one.language for one in log.consents} == {"id"}
    assert {one.version for one in log.consents} == {
        one.text_version for one in rows(place.installation, Consent)
    }
    assert [(one.how, one.source, one.people) for one in log.ways] == [
        ("poster", None, 3),
        ("roster", "daftar pegawai", 1),
    ]
    plain = log.to_dict()
    assert plain["consents"][0]["given_on"] == "2026-11-23"
    assert "+62" not in str(plain)


def test_one_persons_part_is_shown_by_address_and_the_look_is_noted(place):
    begun(place, 1)
    begun(place, 2)
    here = place.installation
    mine = consents_of(here, Address("phone", "+6281200000501"))
    assert mine.known
    assert not mine.opted_out
    assert [(one.survey, one.language, one.given_on) for one in mine.consents] == [
        ("integritas", "id", TODAY)
    ]
    (link,) = rows(here, Link)
    assert [(one.how, one.link, one.recorded_on) for one in mine.ways] == [
        ("poster", link.code, TODAY)
    ]
    assert mine.to_dict()["ways"][0]["recorded_on"] == "2026-11-23"
    (noted,) = rows(here, Audit, what="consents")
    assert "0501" not in noted.detail


def test_of_somebody_unknown_only_the_opt_out_is_told(place):
    begun(place)
    here = place.installation
    assert consents_of(here, PHONE).to_dict() == {
        "known": False,
        "opted_out": False,
        "consents": [],
        "ways": [],
    }
    place.twilio.person(phone=PHONE.value).say("BERHENTI")
    assert consents_of(here, PHONE).opted_out
