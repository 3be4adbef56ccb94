"""Rosters are taken in whole or not at all; a newer file is a difference; nothing dead stays."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, func, select, update

from bot.channels.base import Address
from bot.interview import conversations, identity
from bot.interview.erasure import REJECT, forget, purge
from bot.outreach.links import create_personal_links
from bot.outreach.roster.importing import (
    ImportRunning,
    Options,
    check_roster,
    import_roster,
    open_person,
)
from storage.models import (
    DataKey,
    Link,
    Mail,
    RosterChange,
    RosterDuplicate,
    RosterImport,
    RosterReject,
    RosterRow,
)
from storage.queries import claims, duplicates, imports, launching, links, mail
from storage.queries import rosters as queries
from tests.forked import Script
from tests.setup import SECRET, add_unit, installation, publish_bundled

WHOLE = Options(institution="own:U1")
KILLED_ROWS = 2_000


@pytest.fixture
def place(some_url):
    with installation(some_url) as made:
        yield prepared(made, publish_bundled(made))


def prepared(here, survey):
    """An installation that knows its survey and its two units."""
    known: Any = here
    known.survey = survey
    known.units = [add_unit(here, "Dinas Contoh", code="U1"), add_unit(here, "Lain", code="U2")]
    return known


@pytest.fixture
def file(tmp_path):
    def write(*lines, name="daftar.csv"):
        path = tmp_path / name
        path.write_text("kelompok,nama,hp_wa,unit\n" + "\n".join(lines) + "\n", "utf-8")
        return path

    return write


def line(number, *, name=None, unit="U1", group="internal"):
    return f"{group},{name or f'Orang {number}'},081200000{100 + number},{unit}"


def on_roster(place):
    """What a launch would see: names by unit and group, people to invite only."""

    def work(connection):
        found = launching.unclaimed(connection, place.survey.id, (b"", 0), 100_000)
        return sorted(
            (open_person(place, connection, row)["name"], row.unit_id, row.grp) for row in found
        )

    return place.database.write(work)


def names(place):
    return [name for name, *_ in on_roster(place)]


def number_of(place, table, *where):
    statement = select(func.count()).select_from(table).where(*where)
    return place.database.read(lambda c: c.execute(statement).scalar_one())


def enrol(place, number):
    """Invite somebody who stands on the roster."""

    def work(connection):
        phone = f"+6281200000{100 + number}"
        digest = place.keys.digest("address", phone)
        row = connection.execute(
            select(RosterRow.id).where(RosterRow.address_hmac == digest)
        ).scalar_one()
        met = identity.person(connection, place, [Address("phone", phone)])
        at = place.now() + timedelta(days=1)
        return conversations.enrol(
            connection, place, place.survey, met.contact_id, place.units[0], "internal", at, row
        )

    return place.database.write(work)


class Killed(Exception):
    """What ends a process in a test that must go on living."""


def die(_):
    raise Killed


@contextmanager
def at_first(words, do, *, after=False):
    """Do something just before, or after, the first statement with these words."""
    seen: list[str] = []

    def told(connection, cursor, statement, *_):
        if words in " ".join(statement.split()) and not seen:
            seen.append(statement)
            do(connection)

    when = "after_cursor_execute" if after else "before_cursor_execute"
    event.listen(Engine, when, told)
    try:
        yield
    finally:
        event.remove(Engine, when, told)
    assert seen


def test_nothing_counts_before_the_last_row_is_read(place, file):
    seen = []

    def told(done):
        seen.append((done, names(place)))
        found = place.database.read(lambda c: launching.counts(c, place.survey.id))
        assert found == []
        assert place.database.read(lambda c: links.rows_without(c, place.survey.id, 0, 9)) == []

    path = file(*map(line, range(5)))
    report = import_roster(place, path, "integritas", progress=told, chunk=2)
    assert seen == [(2, []), (4, []), (5, [])]
    assert len(names(place)) == report.added == 5


def test_a_newer_file_of_an_institution_is_a_difference(place, file):
    import_roster(place, file(*map(line, range(5))), "integritas", WHOLE)
    newer = file(line(0), line(1, name="Baru"), line(2, unit="U2"), line(7), name="baru.csv")
    checked = check_roster(place, newer, "integritas", WHOLE)
    assert len(names(place)) == 5
    done = import_roster(place, newer, "integritas", WHOLE)
    for report in (checked, done):
        assert report.counts == {"unchanged": 1, "changed": 2, "accepted": 1}
        assert (report.added, report.changed, report.gone) == (1, 2, 2)
    one, two = place.units
    assert on_roster(place) == [
        ("Baru", one, "internal"),
        ("Orang 0", one, "internal"),
        ("Orang 2", two, "internal"),
        ("Orang 7", one, "internal"),
    ]
    assert number_of(place, RosterChange) == 0


def test_the_difference_holds_for_all_readers_from_the_activation_on(place, file):
    """Changes hold before they are folded in: a process may die between the two."""
    import_roster(place, file(line(0), line(1), line(2)), "integritas", WHOLE)
    create_personal_links(place, "integritas")
    newer = file(line(0, name="Baru", unit="U2"), line(1))
    with at_first("UPDATE roster_row SET unit_id", die), pytest.raises(Killed):
        import_roster(place, newer, "integritas", WHOLE)
    assert number_of(place, RosterChange) == 1
    one, two = place.units
    assert on_roster(place) == [("Baru", two, "internal"), ("Orang 1", one, "internal")]
    found = place.database.read(lambda c: launching.counts(c, place.survey.id))
    assert {(row.unit_id, row.rows) for row in found} == {(one, 1), (two, 1)}
    shown = place.database.read(lambda c: list(links.personal(c, place.survey.id)))
    assert sorted(one.link.unit_id for one in shown) == [one, two]
    for place_of in (mailed_to, mailed, linked, named, claimable):
        assert place_of(place) == [one, two], place_of.__name__
    import_roster(place, file(line(5)), "integritas")
    assert number_of(place, RosterChange) == 0
    assert ("Baru", two, "internal") in on_roster(place)
    moved = select(Link.unit_id).join(RosterRow, RosterRow.id == Link.roster_row_id)
    units = place.database.read(lambda c: list(c.execute(moved).scalars()))
    assert sorted(units) == [one, one, two]


def mailed_to(place):
    """Return the units in which people would get an e-mail."""
    rows = place.database.read(lambda c: mail.wanted(c, place.survey.id, ["internal"], 0, 10))
    return sorted(row.unit_id for row in rows)


def mailed(place):
    """Write an e-mail to everybody; return the units that the letters name."""

    def work(connection):
        rows = mail.wanted(connection, place.survey.id, ["internal"], 0, 10)
        mail.add(connection, place.survey.id, [row.id for row in rows], place.now())
        for _ in rows:
            letter = mail.claim(connection, place.survey.id, place.now(), place.now())
            assert letter is not None
            yield letter.unit_id, letter.wanted, open_person(place, connection, letter)["name"]
        connection.execute(delete(Mail))  # whoever was written to is not invited

    found = sorted(place.database.write(lambda c: list(work(c))))
    assert [one[1:] for one in found] == [(True, "Orang 1"), (True, "Baru")]
    return [unit_id for unit_id, *_ in found]


def linked(place):
    """Return the units to which personal links lead."""

    def work(connection):
        for code, row_id in connection.execute(select(Link.code, Link.roster_row_id)):
            if queries.counts_now(connection, row_id):
                found = links.find(connection, code)
                yield found.unit_id if found is not None else 0

    return sorted(place.database.read(lambda c: list(work(c))))


def named(place):
    """Return the units in which people are compared by their names."""

    def work(connection):
        for unit_id in duplicates.units_of(connection, place.survey.id):
            yield from duplicates.named(connection, place.survey.id, unit_id)

    return sorted(row.unit_id for row in place.database.read(lambda c: list(work(c))))


def claimable(place):
    """Return the units in which somebody on the roster has a place once per unit."""

    def work(connection):
        for number in range(3):
            mac = place.keys.digest("address", f"+6281200000{100 + number}")
            for unit_id in place.units:
                yield from [unit_id] * len(
                    claims.rows_of(connection, place.survey.id, unit_id, unit_id, [mac])
                )

    return sorted(place.database.write(lambda c: list(work(c))))


def test_where_a_number_is_from_holds_from_the_activation_on_too(place, tmp_path):
    """What is kept of how people came names the source that the list has now."""

    def file(name, source):
        path = tmp_path / name
        text = f"kelompok,nama,hp_wa,unit,sumber_data\n{line(0)},{source}\n"
        path.write_text(text, "utf-8")
        return path

    import_roster(place, file("a.csv", "lama"), "integritas", WHOLE)
    enrol(place, 0)
    with at_first("UPDATE roster_row SET unit_id", die), pytest.raises(Killed):
        import_roster(place, file("b.csv", "baru"), "integritas", WHOLE)
    assert number_of(place, RosterChange) == 1
    (row_id,) = place.database.read(lambda c: list(c.execute(select(RosterRow.id)).scalars()))
    assert place.database.read(lambda c: links.basis(c, row_id)).source == "baru"


def test_nobody_claims_a_row_while_its_import_is_staged(place, file):
    mac = place.keys.digest("address", "+6281200000100")
    found: list[int] = []

    def told(_):
        rows = place.database.write(lambda c: claims.rows_of(c, place.survey.id, 0, 0, [mac]))
        found.append(len(rows))

    import_roster(place, file(line(0)), "integritas", WHOLE, progress=told)
    assert found == [0]
    told(1)
    assert found == [0, 1]


def test_without_an_institution_a_file_only_adds(place, file):
    import_roster(place, file(line(0), line(1)), "integritas", WHOLE)
    report = import_roster(place, file(line(2)), "integritas")
    assert (report.added, report.gone) == (1, 0)
    assert len(names(place)) == 3


def test_another_institution_makes_nobody_gone(place, file):
    import_roster(place, file(line(0)), "integritas", WHOLE)
    other = Options(institution="own:U2")
    assert import_roster(place, file(line(1, unit="U2")), "integritas", other).gone == 0
    assert len(names(place)) == 2


def test_who_comes_back_counts_again(place, file):
    import_roster(place, file(line(0), line(1)), "integritas", WHOLE)
    import_roster(place, file(line(0)), "integritas", WHOLE)
    assert names(place) == ["Orang 0"]
    report = import_roster(place, file(line(0), line(1, name="Kembali")), "integritas", WHOLE)
    assert report.counts == {"unchanged": 1, "accepted": 1}
    assert names(place) == ["Kembali", "Orang 0"]


def test_who_was_invited_stays_when_a_newer_file_does_not_have_them(place, file):
    import_roster(place, file(line(0), line(1), line(2)), "integritas", WHOLE)
    assert enrol(place, 0) is not None
    report = import_roster(place, file(line(1)), "integritas", WHOLE)
    assert report.gone == 1
    found = place.database.read(lambda c: launching.counts(c, place.survey.id))
    assert {row.standing: row.rows for row in found} == {"invited": 1, "to_invite": 1}
    assert number_of(place, RosterRow, RosterRow.conversation_id.is_not(None)) == 1


def test_an_invitation_during_the_import_stays_too(place, file):
    import_roster(place, file(line(0), line(1), line(2)), "integritas", WHOLE)
    invited: list[Any] = []

    def told(_):
        if not invited:
            invited.append(enrol(place, 0))

    import_roster(place, file(line(1), line(2)), "integritas", WHOLE, progress=told, chunk=1)
    found = place.database.read(lambda c: launching.counts(c, place.survey.id))
    assert {row.standing: row.rows for row in found} == {"invited": 1, "to_invite": 2}


def test_the_same_file_again_is_not_even_read(place, file):
    path = file(line(0), line(1), "internal,Tanpa,0511 3301234,U1")
    first = import_roster(place, path, "integritas", WHOLE)
    told: list[int] = []
    report = import_roster(place, path, "integritas", WHOLE, progress=told.append)
    assert report.repeated
    assert told == []
    assert (report.rows, report.phones) == (3, first.phones)
    assert report.counts == {"unchanged": 2, "unusable": 1}
    assert (report.added, report.changed, report.gone) == (0, 0, 0)
    add_unit(place, "Dinas Baru", code="U3")
    assert not import_roster(place, path, "integritas", WHOLE).repeated


def test_rows_to_mend_are_kept_sealed_and_closed_by_a_later_file(place, file):
    def rejects():
        rows = place.database.read(lambda c: c.execute(select(RosterReject)).all())
        return sorted((row.line, row.kind, row.status) for row in rows)

    import_roster(
        place,
        file(
            "internal,Ani,0511 3301234,U1", "internal,Budi,6371011234560001,U1", line(3, unit="X")
        ),
        "integritas",
        WHOLE,
    )
    assert rejects() == [
        (2, "landline", "open"),
        (3, "national_id", "open"),
        (4, "unknown_unit", "open"),
    ]
    row = place.database.read(
        lambda c: c.execute(select(RosterReject).where(RosterReject.line == 3)).one()
    )
    key = place.database.read(lambda c: place.keys.by_id(c, row.key_id))
    sealed = key.open(row.sealed, "roster_reject")
    assert "6371011234560001" not in sealed
    assert '"nama":"Budi"' in sealed
    mended = file("internal,Ani,081200000199,U1", line(3), name="baru.csv")
    import_roster(place, mended, "integritas", WHOLE)
    assert rejects() == [
        (2, "landline", "mended"),
        (3, "national_id", "gone"),
        (4, "unknown_unit", "mended"),
    ]


def rejects_of(here):
    """Return (name, status, whether a number is known of it) of all rows to mend, by line.

    A row that holds nothing of its person has no name.
    """

    def work(connection):
        for row in connection.execute(select(RosterReject).order_by(RosterReject.line)):
            key, name = here.keys.by_id(connection, row.key_id), ""
            if row.sealed:
                name = json.loads(key.open(row.sealed, REJECT))["person"]["name"]
            yield name, row.status, row.address_hmac is not None

    return here.database.read(lambda c: list(work(c)))


@pytest.fixture
def both(database_url):
    with installation(database_url) as made:
        yield prepared(made, publish_bundled(made))


TO_MEND = (
    "internal,Ani,0812-0000-0555,TIDAKADA",
    "pegawai?,Budi,081200000556,U1",
    "internal,Cici,0511 3301234,U1",
)


def test_a_row_to_mend_is_erased_with_the_person_of_its_number(both, file):
    import_roster(both, file(*TO_MEND), "integritas", WHOLE)
    assert rejects_of(both) == [
        ("Ani", "open", True),
        ("Budi", "open", True),
        ("Cici", "open", False),
    ]
    report = forget(both, Address("phone", "+6281200000555"))
    assert (report.known, report.roster_rows) == (False, 1)
    assert [name for name, *_ in rejects_of(both)] == ["Budi", "Cici"]
    budi = Address("phone", "+6281200000556")
    both.database.write(lambda c: identity.person(c, both, [budi]))
    assert forget(both, budi).roster_rows == 1
    assert [name for name, *_ in rejects_of(both)] == ["Cici"]


@pytest.mark.parametrize("when", ["forget", "purge"])
def test_a_row_to_mend_of_an_older_version_is_erased_too(both, file, when):
    import_roster(both, file(*TO_MEND), "integritas", WHOLE)
    both.database.write(lambda c: c.execute(update(RosterReject).values(address_hmac=None)))
    if when == "purge":
        purge(both)
        assert [known for *_, known in rejects_of(both)] == [True, True, False]
    forget(both, Address("phone", "+6281200000555"))
    assert [name for name, *_ in rejects_of(both)] == ["Budi", "Cici"]


def test_a_row_that_is_not_to_be_mended_any_more_holds_nobody(both, file):
    import_roster(both, file(*TO_MEND), "integritas", WHOLE)
    mended = file("internal,Ani,081200000555,U1", name="baru.csv")
    import_roster(both, mended, "integritas", WHOLE)
    assert rejects_of(both) == [("", "mended", False), ("", "gone", False), ("", "gone", False)]


def test_who_stands_in_two_units_is_noted_beside_the_row_that_counts(place, file):
    import_roster(place, file(line(0)), "integritas")
    import_roster(place, file(line(0, unit="U2"), line(1), line(1, group="ahli")), "integritas")
    found = place.database.read(
        lambda c: c.execute(
            select(RosterDuplicate, RosterRow.address_hmac).join(
                RosterRow, RosterRow.id == RosterDuplicate.row_id
            )
        ).all()
    )
    one, two = place.units
    assert {(row.kind, row.unit_id, row.grp, row.line, row.decision) for row in found} == {
        ("same_number", two, "internal", 2, "first"),
        ("same_number", one, "ahli", 4, "first"),
    }


def test_two_imports_at_once_are_one_after_the_other(place, file):
    paths = [
        file(*map(line, range(number * 30, number * 30 + 60)), name=f"{number}.csv")
        for number in range(3)
    ]
    refused = []

    def run(path):
        while True:
            try:
                import_roster(place, path, "integritas")
            except ImportRunning:
                refused.append(path)
                time.sleep(0.01)
            else:
                return

    threads = [threading.Thread(target=run, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(place)) == 120
    assert number_of(place, RosterImport, RosterImport.status == "active") == 3


def test_an_import_under_way_refuses_another(place, file):
    def told(_):
        with pytest.raises(ImportRunning, match="under way"):
            import_roster(place, file(line(1), name="b.csv"), "integritas")

    import_roster(place, file(line(0)), "integritas", progress=told)
    assert names(place) == ["Orang 0"]


def test_an_import_that_was_taken_for_dead_stops(place, file):
    def told(_):
        expire(place)
        import_roster(place, file(line(9), name="b.csv"), "integritas")

    with pytest.raises(ImportRunning, match="took it for dead"):
        import_roster(place, file(line(0), line(1)), "integritas", progress=told, chunk=1)
    assert names(place) == ["Orang 9"]
    assert number_of(place, RosterRow) == 1


def expire(place):
    """Let the lease of whoever imports run out."""
    past = place.now() - timedelta(days=3000)
    place.database.write(
        lambda c: c.execute(
            update(RosterImport).where(RosterImport.status == "staging").values(lease_until=past)
        )
    )


def test_a_process_killed_at_any_moment_leaves_the_old_roster(place, some_url, file, tmp_path):
    old = file(*[f"internal,Lama {n},08125{100 + n:07d},U1" for n in range(50)])
    import_roster(place, old, "integritas", WHOLE)
    before = on_roster(place)
    new = file(
        *[f"internal,Baru {n},08125{100 + n:07d},U1" for n in range(25, KILLED_ROWS)],
        name="baru.csv",
    )
    if place.database.is_sqlite:
        place.database.close()
    with Script(PROGRAM, some_url, SECRET, str(new)) as process:
        assert process.stdout.readline() == "200\n", "a chunk is stored"
        process.kill()
    with installation(some_url, serving=False) as made:
        here: Any = made
        here.survey = place.survey
        staged = RosterImport.status == "staging"
        if number_of(here, RosterImport, staged):  # it did not end before it was killed
            assert on_roster(here) == before
            assert number_of(here, RosterRow) > 50
            with pytest.raises(ImportRunning):
                import_roster(here, new, "integritas", WHOLE)
            expire(here)
        import_roster(here, new, "integritas", WHOLE)
        shown = names(here)
        assert len(shown) == KILLED_ROWS - 25
        assert all(name.startswith("Baru") for name in shown)
        assert number_of(here, RosterChange) == 0
        kept = RosterRow.gone_id.is_(None)
        assert number_of(here, RosterRow, kept) == KILLED_ROWS - 25
        assert number_of(here, RosterRow) == KILLED_ROWS


PROGRAM = """
import sys, time
from pathlib import Path
from bot.interview.installation import open_installation
from bot.outreach.roster.importing import Options, import_roster
from storage.database import Database
from storage.keys import Secret
here = open_installation(Database(sys.argv[1]), Secret(sys.argv[2]))
import_roster(
    here, Path(sys.argv[3]), "integritas", Options(institution="own:U1"),
    progress=lambda done: print(done, flush=True), chunk=200,
)
"""


def test_only_sealed_and_keyed_things_are_stored(place, file):
    import_roster(place, file(line(0), "internal,Rahasia,0511 3301234,U1"), "integritas")

    def everything(connection):
        tables = [
            table for table in RosterRow.metadata.sorted_tables if table is not DataKey.__table__
        ]
        return repr([connection.execute(select(table)).all() for table in tables])

    dump = place.database.read(everything)
    for plain in ("Orang 0", "Rahasia", "81200000100", "3301234"):
        assert plain not in dump


def test_texts_go_into_postgresql_as_they_are(place, file):
    odd = "sumber\\n\\\\N\ttab"
    path = file()
    path.write_text(f'kelompok,nama,hp_wa,unit,sumber_data\ninternal,A,081200000123,U1,"{odd}"\n')
    import_roster(place, path, "integritas")
    stored = place.database.read(lambda c: c.execute(select(RosterRow.source)).scalar_one())
    assert stored == "sumber\\n\\\\N tab"


def test_somebody_stored_meanwhile_makes_a_chunk_be_compared_again(place, file):
    """As when a coordinator mends a row by chat while a file with it is read."""
    import_roster(place, file(line(9)), "integritas")
    theirs = {"survey_id": place.survey.id, "unit_id": place.units[0], "grp": "internal"}
    theirs["address_hmac"] = place.keys.digest("address", "+6281200000105")
    stored: list[bool] = []

    def mend(_):
        def work(connection):
            key = place.keys.installation(connection)
            sealed = {"sealed": key.seal_json({"name": "Orang 5"}, "roster_row"), "key_id": key.id}
            return queries.add(connection, theirs | sealed)

        stored.append(place.database.write(work))

    with at_first("SELECT roster_row.id, roster_row.unit_id", mend, after=True):
        report = import_roster(place, file(line(5), line(6), name="b.csv"), "integritas")
    assert stored == [True]
    assert report.counts == {"changed": 1, "accepted": 1}
    assert names(place) == ["Orang 5", "Orang 6", "Orang 9"]


def test_cleaning_up_leaves_what_others_stored(place, file):
    import_roster(place, file(line(0)), "integritas")
    place.database.write(lambda c: c.execute(update(RosterImport).values(status="failed")))
    dead = place.database.read(lambda c: c.execute(select(RosterImport.id)).scalar_one())
    place.database.write(lambda c: c.execute(update(RosterImport).values(lease_until=place.now())))
    import_roster(place, file(line(1)), "integritas")
    assert names(place) == ["Orang 1"]
    assert number_of(place, RosterRow, RosterRow.import_id == dead) == 0
    assert place.database.read(lambda c: imports.leftovers(c, place.survey.id)) == []
