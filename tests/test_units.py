"""Importing the hierarchy of units with zones and targets."""

import pytest
from sqlalchemy import func, select

from bot.intake.tables import InputError
from bot.interview.surveys import UnknownSurvey
from bot.outreach.units import UnitsReport, import_units
from storage.models import Audit, Unit
from storage.queries import units as queries
from tests.setup import installation, publish_bundled

GOOD = """\
code_list;code;name;parent;zone;area;target_internal;target_ahli
own;DINKES;Dinas Kesehatan;kemendagri:62.71;;puskesmas;100;
kemendagri;62.71;Kota Contoh;62;;;;15
kemendagri;62;Provinsi Contoh;;wib;;;
own;SAMSAT;Samsat;DINKES;Asia/Makassar;;20;
"""


@pytest.fixture
def place(some_url):
    with installation(some_url) as made:
        publish_bundled(made)
        yield made


@pytest.fixture
def local(sqlite_url):
    """SQLite alone, for rules whose statements other tests run on both."""
    with installation(sqlite_url) as made:
        publish_bundled(made)
        yield made


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "unit.csv"
        path.write_text(text, "utf-8")
        return path

    return write


def stored(place):
    rows = place.database.read(queries.every)
    names = {row.id: row.code for row in rows}
    return {row.code: row._replace(id=0, parent_id=names.get(row.parent_id)) for row in rows}


def refused(place, path, survey="integritas"):
    before = stored(place)
    with pytest.raises(InputError) as caught:
        import_units(place, path, survey)
    assert stored(place) == before
    return str(caught.value).splitlines()


def test_parents_may_come_after_their_children_and_in_another_list(place, file):
    report = import_units(place, file(GOOD), "integritas")
    assert report == UnitsReport(added=4, changed=0, unchanged=0, targets=3)
    units = stored(place)
    assert [units[code].parent_id for code in ("62", "62.71", "DINKES", "SAMSAT")] == [
        None,
        "62",
        "62.71",
        "DINKES",
    ]
    assert {code: unit.zone for code, unit in units.items()} == {
        "62": "Asia/Jakarta",
        "62.71": "Asia/Jakarta",
        "DINKES": "Asia/Jakarta",
        "SAMSAT": "Asia/Makassar",
    }
    survey = place.database.read(lambda one: place.surveys.named(one, "integritas"))
    targets = place.database.read(lambda one: queries.targets(one, survey.id))
    assert sorted((group, target) for (_, group), target in targets.items()) == [
        ("ahli", 15),
        ("internal", 20),
        ("internal", 100),
    ]


def test_the_same_file_again_changes_nothing_and_is_no_event(place, file):
    import_units(place, file(GOOD), "integritas")
    before = stored(place)
    report = import_units(place, file(GOOD), "integritas")
    assert report == UnitsReport(added=0, changed=0, unchanged=4, targets=0)
    assert stored(place) == before
    events = select(func.count()).where(Audit.what == "units import")
    assert place.database.read(lambda one: one.execute(events).scalar_one()) == 1


def test_columns_that_are_not_there_leave_what_is_stored(place, file):
    import_units(place, file(GOOD), "integritas")
    report = import_units(place, file("kode,daftar kode,nama\nDINKES,own,Dinkes Kota\n"))
    assert (report.added, report.changed, report.unchanged) == (0, 1, 0)
    unit = stored(place)["DINKES"]
    assert (unit.name, unit.parent_id, unit.area) == ("Dinkes Kota", "62.71", "puskesmas")


def test_a_province_code_tells_the_zone_where_nobody_does(local, file):
    import_units(
        local,
        file(
            "code_list,code,name\nkemendagri,63.71,A\nkemendagri,91,B\nkemendagri,62,C\nbps,6201,D"
        ),
    )
    assert {code: unit.zone for code, unit in stored(local).items()} == {
        "63.71": "Asia/Makassar",
        "91": "Asia/Jayapura",
        "62": "Asia/Jakarta",
        "6201": "Asia/Jakarta",
    }


def test_the_same_code_in_two_lists_is_two_units(place, file):
    path = file("code_list,code,name,zone\nbps,6206,Sukamara,WIB\nown,6206,Ruang 6206,WIB")
    assert import_units(place, path).added == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("kemendagri,62.1,X,,WIB,", "unit.csv:2:2: code: '62.1' is not a code of the list"),
        ("kemendagri,6210,X,,WIB,", "unit.csv:2:2: code: '6210' is not a code of the list"),
        ("own,A,X,,WITB,", "unit.csv:2:5: zone: 'WITB' is not a time zone; did you mean 'WIB'?"),
        ("own,A,X,,asia/makasar,", "did you mean 'Asia/Makassar'?"),
        ("own,A,X,,,", "unit.csv:2:5: zone: own:A has no time zone"),
        ("own,A,X,B,WIB,", "unit.csv:2:4: parent: there is no unit own:B"),
        ("own,A,X,A,WIB,", "units in a circle: own:A under own:A"),
        ("own,A,X,,WIB,1.000", "unit.csv:2:6: target_internal: '1.000' is not a whole number"),
        ("own,A,X,,WIB,-1", "unit.csv:2:6: target_internal: '-1' is not a whole number"),
        (",A,X,,WIB,", "unit.csv:2:1: code_list: empty"),
        ("own,,X,,WIB,", "unit.csv:2:2: code: empty"),
        ("own,A,,,WIB,", "unit.csv:2:3: name: empty"),
        (f"own,A,{'x' * 201},,WIB,", "unit.csv:2:3: name: longer than 200 characters"),
        ("daftar kami,A,X,,WIB,", "unit.csv:2:1: code_list: not a name of a code list"),
        ("own,A,X,,WIB,,zu viel", "unit.csv:2:7: the row has 7 cells under 6 headings"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(local, file, row, message):
    lines = refused(local, file(f"code_list,code,name,parent,zone,target_internal\n{row}\n"))
    assert any(message in line for line in lines)


def test_all_problems_are_told_at_once_in_reading_order(local, file):
    lines = refused(local, file("code_list,code,name,zone\nown,,X,WIB\nown,A,Y,WUT\nown,B,,WIB"))
    assert [line.split(" ")[0] for line in lines] == [
        "unit.csv:2:2:",
        "unit.csv:3:4:",
        "unit.csv:4:3:",
    ]


def test_a_unit_given_twice_is_refused(local, file):
    lines = refused(local, file("code_list,code,name,zone\nown,A,X,WIB\nOWN,A,Y,WIB"))
    assert lines == [
        "unit.csv:3:2: code: own:A stands in line 2 already; remove one of the two lines"
    ]


def test_a_parent_hint_names_what_is_like_it(local, file):
    lines = refused(local, file(GOOD.replace("kemendagri:62.71", "kemendagri:62.72")))
    assert "'kemendagri:62.71'" in lines[0]


def test_a_circle_through_stored_units_is_refused(place, file):
    import_units(place, file("code_list,code,name,parent,zone\nown,A,A,,WIB\nown,B,B,A,WIB"))
    lines = refused(place, file("code_list,code,name,parent,zone\nown,A,A,B,WIB"))
    assert "units in a circle: own:A under own:B under own:A" in lines[0]


def test_targets_need_a_survey_and_a_group_of_it(local, file):
    path = file("code_list,code,name,zone,target_interna\nown,A,A,WIB,5")
    assert "did you mean 'internal'?" in refused(local, path)[0]
    assert "a target needs a survey" in refused(local, path, None)[0]
    with pytest.raises(UnknownSurvey, match="did you mean 'integritas'"):
        import_units(local, path, "integritaz")


def test_changed_targets_are_counted_and_empty_ones_leave_the_old(place, file):
    import_units(place, file(GOOD), "integritas")
    report = import_units(place, file(GOOD.replace(";100;", ";120;")), "integritas")
    assert (report.changed, report.unchanged, report.targets) == (0, 4, 1)
    assert import_units(place, file(GOOD.replace(";100;", ";;")), "integritas").targets == 0


def test_a_long_chain_in_the_worst_order_is_stored(place, file):
    rows = [f"own,U{n},Unit {n},{f'U{n - 1}' if n else ''},WIB" for n in reversed(range(60))]
    report = import_units(place, file("code_list,code,name,parent,zone\n" + "\n".join(rows)))
    assert report.added == 60
    assert (
        place.database.read(lambda one: one.execute(select(func.count(Unit.id))).scalar_one()) == 60
    )
