"""Mending a row: good corrections count, bad ones say why, and nothing counts twice."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import insert, select

from bot.interview.installation import Installation
from bot.outreach.mending.rows import mend, opened
from bot.outreach.roster import quality
from bot.outreach.roster.importing import import_roster, open_person
from storage.models import Conversation, RosterImport, RosterQuality, RosterReject, RosterRow
from storage.queries import mending as queries
from tests.mending import list_of
from tests.rows import change, count, rows
from tests.setup import add_unit, installation, publish_bundled

GOOD = "0812-0000-0123"


class House:
    def __init__(self, here: Installation) -> None:
        self.here = here
        self.survey = publish_bundled(here)
        self.unit = add_unit(here, "Dinas Contoh", code="U1")
        self.other = add_unit(here, "Dinas Kedua", code="U2")

    def rejects(self, *pairs, **options):
        return list_of(self.here, self.survey, self.unit, pairs, **options)

    def mend(self, reject_id, text, units=None):
        return mend(self.here, self.survey, reject_id, text, units)

    def status(self, reject_id):
        (row,) = rows(self.here, RosterReject, id=reject_id)
        return row.status


@pytest.fixture
def house(some_url):
    with installation(some_url) as here:
        yield House(here)


@pytest.fixture
def local(sqlite_url):
    with installation(sqlite_url) as here:
        yield House(here)


def test_a_good_correction_makes_a_row_and_closes_the_one_to_mend(house):
    (one,) = house.rejects(("Ani Contoh", "0511-3301234"))
    assert house.mend(one, GOOD).fate == "mended"
    (row,) = rows(house.here, RosterRow)
    (taken,) = rows(house.here, RosterImport)
    assert (row.unit_id, row.grp, row.kind, row.scope) == (house.unit, "internal", "clean", 0)
    assert row.import_id == taken.id
    assert row.address_hmac == house.here.keys.digest("address", "+6281200000123")
    person = house.here.database.read(lambda one: open_person(house.here, one, row))
    assert person["name"] == "Ani Contoh"
    assert person["details"] == {"tmt_instansi": "2020-01-01"}
    assert house.status(one) == "mended"


def test_what_was_mended_keeps_nothing_of_the_person(local):
    (one,) = local.rejects(("Ani Contoh", "0511-3301234"))
    local.mend(one, GOOD)
    row = local.here.database.read(lambda c: queries.reject(c, one))
    content = local.here.database.read(lambda c: opened(c, local.here, row))
    assert (content.cells, content.problems, content.person) == ({}, (), {})


def test_the_same_correction_again_changes_nothing(house):
    (one,) = house.rejects(("Ani Contoh", ""))
    house.mend(one, GOOD)
    assert house.mend(one, GOOD).fate == "known"
    assert house.mend(one, "081200000999").fate == "known"
    assert count(house.here, RosterRow) == 1


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("0511-3301234", "landline"),
        ("6.28E+12", "cut off"),
        ("6371011234560001", "identity number"),
        ("08120000", "not an Indonesian mobile"),
        ("besok ya", "no number"),
    ],
)
def test_a_bad_correction_says_why_and_leaves_the_row_open(local, typed, told):
    (one,) = local.rejects(("Ani Contoh", "0511-3301234"))
    outcome = local.mend(one, typed)
    assert outcome.fate == "wrong"
    assert told in outcome.problems[0].what
    assert local.status(one) == "open"
    assert count(local.here, RosterRow) == 0


def test_an_email_address_reaches_a_person_too(local):
    (one,) = local.rejects(("Ani Contoh", "0511-3301234"))
    assert local.mend(one, "ani@contoh.go.id").fate == "mended"
    (row,) = rows(local.here, RosterRow)
    assert row.address_hmac is None
    assert row.email_hmac == local.here.keys.digest("email", "ani@contoh.go.id")


def test_a_number_that_counts_elsewhere_stays_there(house, tmp_path):
    path = tmp_path / "lain.csv"
    path.write_text(f"kelompok,nama,hp_wa,unit\ninternal,Budi,{GOOD},own:U2\n")
    import_roster(house.here, path, "integritas")
    (one,) = house.rejects(("Ani Contoh", ""))
    assert house.mend(one, GOOD).fate == "duplicate"
    (row,) = rows(house.here, RosterRow)
    assert row.unit_id == house.other
    assert house.status(one) == "open"


def test_the_same_person_twice_in_one_place_is_one_row(local):
    first, second = local.rejects(("Ani Contoh", ""), ("ANI CONTOH", ""))
    assert local.mend(first, GOOD).fate == "mended"
    assert local.mend(second, GOOD).fate == "mended"
    assert count(local.here, RosterRow) == 1


def test_a_row_that_was_gone_counts_again(local):
    first, second = local.rejects(("Ani Contoh", ""), ("Budi Contoh", ""))
    local.mend(first, GOOD)
    (taken,) = rows(local.here, RosterImport)
    change(local.here, RosterRow, {"gone_id": taken.id})
    assert local.mend(second, GOOD).fate == "mended"
    (row,) = rows(local.here, RosterRow)
    assert row.gone_id is None
    person = local.here.database.read(lambda c: open_person(local.here, c, row))
    assert person["name"] == "Budi Contoh"


def test_where_two_things_are_wrong_the_row_waits_for_the_second(local):
    problems = [("No HP", "no number", "add it"), ("Kelompok", "there is no group 'x'", "")]
    (one,) = local.rejects(("Ani", ""), problems=problems, cells={"Kelompok": "entah"})
    outcome = local.mend(one, GOOD)
    assert outcome.fate == "partly"
    assert [p.what.partition(":")[0] for p in outcome.problems] == ["kelompok"]
    assert local.mend(one, "internal").fate == "mended"
    assert count(local.here, RosterRow) == 1


def test_the_number_of_a_row_that_waits_for_more_leads_to_it(local):
    problems = [("No HP", "no number", "add it"), ("Kelompok", "there is no group 'x'", "")]
    (one,) = local.rejects(("Ani", ""), problems=problems, cells={"Kelompok": "entah"})
    assert local.mend(one, GOOD).fate == "partly"
    (row,) = rows(local.here, RosterReject)
    assert row.address_hmac == local.here.keys.digest("address", "+6281200000123")


def test_an_unknown_unit_is_mended_by_its_code(local):
    problem = [("unit", "there is no unit 'U9'", "")]
    cells = {"unit": "U9", "No HP": GOOD}
    (one,) = local.rejects(("Ani", GOOD), problems=problem, cells=cells, kind="unknown_unit")
    assert local.mend(one, "own:U2", {local.unit}).fate == "wrong"
    assert local.mend(one, "own:U2").fate == "mended"
    (row,) = rows(local.here, RosterRow)
    assert row.unit_id == local.other


def test_nobody_mends_rows_of_other_units_or_of_lists_that_do_not_count(local):
    (one,) = local.rejects(("Ani Contoh", ""))
    assert local.mend(one, GOOD, {local.other}).fate == "elsewhere"
    (two,) = local.rejects(("Budi Contoh", ""), status="staging")
    assert local.mend(two, GOOD).fate == "known"
    assert local.mend(10_000, GOOD).fate == "elsewhere"


def test_after_the_launch_nothing_is_mended(house):
    (one,) = house.rejects(("Ani Contoh", ""))

    def invite(connection):
        values = {
            "survey_id": house.survey.id,
            "unit_id": house.unit,
            "grp": "internal",
            "status": "invited",
            "flow_version_id": house.survey.flow_version_id,
        }
        connection.execute(insert(Conversation).values(values))

    house.here.database.write(invite)
    assert house.mend(one, GOOD).fate == "too_late"
    assert house.status(one) == "open"


def test_every_mended_row_moves_the_days_counts(house):
    first, _ = house.rejects(("Ani Contoh", ""), ("Budi Contoh", "0511-3301234"))
    quality.record(house.here, house.survey, [house.unit])
    house.mend(first, GOOD)
    (row,) = rows(house.here, RosterQuality)
    assert json.loads(row.counts) == {
        "usable": {"clean": 1},
        "to_mend": {"landline": 1},
        "fields": {"hp_wa": 1, "tmt": 1},
    }
    moved = row.counts
    quality.record(house.here, house.survey, [house.unit])
    (row,) = rows(house.here, RosterQuality)
    assert json.loads(row.counts) == json.loads(moved)
    report = quality.report(house.here, "integritas")
    (unit,) = report.units
    assert (unit.rows, unit.usable, unit.to_mend, unit.share) == (2, 1, 1, 0.5)
    assert unit.classes == {"clean": 1, "landline": 1}
    assert unit.fields == {"hp_wa": 1, "email": 0, "tmt": 1}
    assert [share for _, share in unit.history] == [0.5]
    assert report.to_dict()["share"] == 0.5


def test_the_share_over_time_has_one_row_a_day(local):
    first, _ = local.rejects(("Ani Contoh", ""), ("Budi Contoh", ""))
    quality.record(local.here, local.survey, [local.unit])
    local.here.clock._source.move(days=1)
    local.mend(first, GOOD)
    (unit,) = quality.report(local.here, "integritas").units
    assert [share for _, share in unit.history] == [0.0, 0.5]


def test_no_sealed_row_stands_readable_in_the_database(local):
    local.rejects(("Ani Contoh", "0511-3301234"))
    held = local.here.database.read(lambda c: c.execute(select(RosterReject.sealed)).scalar_one())
    assert b"Ani" not in held
    assert b"3301234" not in held
