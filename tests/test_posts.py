"""Posts in files and one by one: absence, deputies, replacement, and who cannot be reached."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.channels.base import Address
from bot.intake.tables import InputError
from bot.interview import erasure, identity
from bot.interview.sending import outbox
from bot.reporting import snapshots
from bot.reporting.coordinators import log, reach
from bot.reporting.coordinators.daily import send_due
from bot.reporting.coordinators.lists import (
    edit_post,
    export_coordinators,
    headings_of,
    import_coordinators,
    remove_post,
)
from bot.reporting.coordinators.posts import next_due
from storage.models import Audit, Coordinator, Outbox, Survey, UploadLink
from storage.queries import coordinators as queries
from storage.queries import outbox as outbox_queries
from tests.counts import aim, finish
from tests.rows import change, count, rows
from tests.setup import TestClock, add_unit, installation, publish_bundled

MIDNIGHT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # Monday 23 November, 00.00 WIB
ONE, TWO, THREE = "+6281200000101", "+6281200000102", "+6281200000103"


@pytest.fixture
def clock():
    return TestClock(MIDNIGHT)


@pytest.fixture
def house(either_url, clock):
    with installation(either_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


@pytest.fixture
def unit(house, survey):
    found = add_unit(house)
    aim(house, survey, found, "internal", 60)
    finish(house, survey, found, "internal", 7)
    return found


@pytest.fixture
def take(house, survey, tmp_path):
    """Import a file and return what came of it, zeros left out."""

    def work(text, name="posts.csv", **more):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        done = import_coordinators(house, "integritas", path, **more)
        return {kind: number for kind, number in done.to_dict().items() if number}

    return work


def posts(house):
    return rows(house, Coordinator)


def morning(house, clock, day):
    """Let a day's snapshot and reports come; return whose posts got one."""
    clock.now = MIDNIGHT + timedelta(days=day, hours=8)
    before = {row.id for row in rows(house, Outbox)}
    snapshots.take_due(house)
    send_due(house)
    made = [row for row in rows(house, Outbox) if row.id not in before]
    return sorted(row.address_id for row in made)


def contact(connection, house, phone) -> int:
    found = identity.find(connection, house, [Address("phone", phone)])
    assert found is not None
    return found


def address(house, phone):
    return house.database.read(
        lambda connection: identity.best_address(connection, contact(connection, house, phone))
    )


def newest_text(house, phone):
    return newest_message(house, phone).text


def newest_message(house, phone):
    mine = address(house, phone).id
    row = max(rows(house, Outbox, address_id=mine), key=lambda one: one.created_at)

    def work(connection):
        found = outbox_queries.by_id(connection, row.id)
        assert found is not None
        return outbox.open_message(connection, house, found)

    return house.database.read(work)


# --- files --------------------------------------------------------------------------------------

FILE = (
    "hp,kode_unit,jam,nama,jenis,hari,cuti_dari,cuti_sampai,pengganti\n"
    f"{ONE},own:U1,07:45,Ani,admin,,24/11/2026,2026-11-25,{THREE}\n"
    f"{TWO},,08.00,Bu Sekda,pimpinan,Jumat,,,\n"
)


def test_a_file_says_kind_weekday_absence_and_deputy_and_twice_changes_nothing(house, unit, take):
    assert take(FILE) == {"added": 2}
    stored = posts(house)
    assert take(FILE) == {"unchanged": 2}
    assert posts(house) == stored
    admin, deputy, leader = sorted(stored, key=lambda row: (row.kind, row.deputy_for or 0))
    assert (admin.away_from.isoformat(), admin.away_until.isoformat()) == (
        "2026-11-24",
        "2026-11-25",
    )
    assert deputy.deputy_for == admin.id
    assert (deputy.unit_id, deputy.due_at) == (unit, admin.due_at)
    assert (leader.kind, leader.weekday) == ("pimpinan", 4)
    assert leader.due_at == MIDNIGHT + timedelta(days=4, hours=8)


def test_every_problem_of_the_new_columns_has_its_place(house, unit, take):
    text = (
        "phone,unit,kind,weekday,away_from,away_until,deputy,post\n"
        f"{ONE},own:U1,bos,,,,,\n"
        f"{ONE},,admin,senin,,,,\n"
        f"{TWO},,pimpinan,Sen,,,,\n"
        f"{THREE},,,,31/02/2027,2027-03-01,,\n"
        f"{THREE},own:U1,,,2027-03-02,2027-03-01,0511-1234567,\n"
        ",own:U1,,,,,,x\n"
    )
    with pytest.raises(InputError) as caught:
        take(text)
    assert [str(one).split("; ")[0] for one in caught.value.problems] == [
        "posts.csv:2:3: kind: no kind of post",
        "posts.csv:3:4: weekday: an admin hears every day",
        "posts.csv:4:4: weekday: not a day of the week",
        "posts.csv:5:5: away_from: not a date",
        "posts.csv:6:6: away_until: before its beginning",
        "posts.csv:6:7: deputy: no mobile number can be read here",
        "posts.csv:7:8: post: not the number of a post",
    ]
    assert posts(house) == []


def test_what_the_database_refuses_has_its_place_too_and_nothing_is_written(house, unit, take):
    take(f"phone,unit\n{ONE},own:U1\n{TWO},own:U1\n")
    first, second = (row.id for row in posts(house))
    stored = posts(house)
    with pytest.raises(InputError) as caught:
        take(f"post,phone,unit,deputy\n{first},{TWO},own:U1,\n99,{THREE},own:U1,\n")
    assert [str(one).split("; ")[0] for one in caught.value.problems] == [
        f"posts.csv:2:2: phone: this number holds post {second} of the same unit already",
        "posts.csv:3:1: post: there is no post 99 in this survey",
    ]
    with pytest.raises(InputError, match="gets what the unit gets already"):
        take(f"phone,unit,deputy\n{ONE},own:U1,{TWO}\n")
    assert posts(house) == stored
    assert address_count(house) == 2


def address_count(house):
    from storage.models import Address as Table

    return count(house, Table)


def test_rows_that_are_missing_are_told_and_removed_only_when_asked(house, unit, take):
    take(f"phone,unit,deputy\n{ONE},own:U1,{THREE}\n{TWO},,\n")
    assert take(f"phone\n{TWO}\n") == {"unchanged": 1, "gone": 1}
    assert len(posts(house)) == 3
    assert take(f"phone\n{TWO}\n", replace=True) == {"unchanged": 1, "gone": 1, "removed": 1}
    assert [row.unit_id for row in posts(house)] == [None]


def test_columns_that_a_file_lacks_leave_everything_as_it_is(house, unit, take):
    take(FILE)
    stored = posts(house)
    assert take(f"phone,unit\n{ONE},own:U1\n{TWO},\n") == {"unchanged": 2}
    assert posts(house) == stored
    assert take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,-,-,-\n") == {
        "changed": 1,
        "gone": 1,
    }
    assert [row.away_from for row in posts(house)] == [None, None]


def test_misspelt_headings_are_guessed_and_named(house, unit, tmp_path, take):
    path = tmp_path / "posts.csv"
    path.write_text(f"nomer whatsap,nama,jamm\n{ONE},Ani,09:00\n", "utf-8")
    guessed = {one.heading: one.column for one in headings_of(path) if one.how == "guess"}
    assert guessed == {"nomer whatsap": "phone"}
    assert take(path.read_text("utf-8"), known=guessed | {"jamm": "hour"}) == {"added": 1}
    assert posts(house)[0].minute == 540


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_an_export_is_for_its_owner_and_imported_again_changes_nothing(
    house, unit, take, tmp_path, suffix
):
    take(FILE)
    path = tmp_path / f"out.{suffix}"
    assert export_coordinators(house, "integritas", path) == 2
    assert path.stat().st_mode & 0o077 == 0
    stored = posts(house)
    done = import_coordinators(house, "integritas", path, replace=True)
    assert (done.unchanged, done.added, done.changed, done.gone) == (2, 0, 0, ())
    assert posts(house) == stored
    if suffix == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next(csv.DictReader(file))
        assert (first["name"], first["phone"], first["deputy"]) == ("Ani", ONE, THREE)
        assert (first["unit"], first["unit_name"]) == ("own:U1", "Dinas Contoh")


# --- one by one ---------------------------------------------------------------------------------


def test_a_post_goes_to_another_number_and_the_old_one_gets_nothing_more(house, unit, take, clock):
    take(f"phone,unit,name\n{ONE},own:U1,Ani\n")
    (post,) = posts(house)
    clock.now = MIDNIGHT + timedelta(hours=8)
    snapshots.take_due(house)
    assert send_due(house) == 1
    make_upload_link(house, post.id)
    assert edit_post(house, post.id, {"phone": "0812-0000-0102"}) == ["phone"]
    (waiting,) = rows(house, Outbox)
    assert (waiting.status, waiting.sealed) == ("dropped", None)
    assert count(house, UploadLink) == 0
    assert morning(house, clock, 1) == [address(house, TWO).id]
    assert edit_post(house, post.id, {"phone": TWO}) == []


def make_upload_link(house, post_id):
    from sqlalchemy import insert

    values = {"digest": b"d" * 32, "coordinator_id": post_id, "expires_at": house.now()}
    house.database.write(lambda c: c.execute(insert(UploadLink).values(values)))


def test_a_sweep_that_looked_before_a_replacement_writes_nothing_to_the_old_number(
    house, unit, take, clock
):
    take(f"phone,unit\n{ONE},own:U1\n")
    clock.now = MIDNIGHT + timedelta(hours=8)
    snapshots.take_due(house)
    (looked_at,) = house.database.read(lambda c: queries.due(c, house.now(), 0, 10))
    edit_post(house, looked_at.id, {"phone": TWO})
    assert not house.database.write(lambda c: queries.move_due(c, looked_at, None))
    assert send_due(house) == 1
    assert [row.address_id for row in rows(house, Outbox)] == [address(house, TWO).id]


def test_a_row_with_the_posts_number_replaces_its_holder(house, unit, take):
    take(f"phone,unit,name\n{ONE},own:U1,Ani\n")
    (post,) = posts(house)
    text = f"post,phone,unit,name\n{post.id},{TWO},own:U1,Budi\n"
    assert take(text) == {"changed": 1, "replaced": 1}
    assert take(text) == {"unchanged": 1}
    assert [row.id for row in posts(house)] == [post.id]


def test_who_takes_over_is_not_away_because_the_one_before_was(house, unit, take, clock):
    take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,2026-11-23,2026-11-30,{THREE}\n")
    post = next(row for row in posts(house) if not row.deputy_for)
    assert edit_post(house, post.id, {"phone": TWO}) == ["phone", "away_from", "away_until"]
    assert morning(house, clock, 0) == [address(house, TWO).id]


def test_a_deputy_who_is_one_no_more_does_not_get_what_waits(house, unit, take, clock):
    take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,2026-11-23,2026-11-30,{THREE}\n")
    post = next(row for row in posts(house) if not row.deputy_for)
    assert morning(house, clock, 0) == [address(house, THREE).id]
    edit_post(house, post.id, {"deputy": TWO})
    assert [row.status for row in rows(house, Outbox)] == ["dropped"]
    assert morning(house, clock, 1) == [address(house, TWO).id]
    remove_post(house, post.id)
    assert [row.status for row in rows(house, Outbox)] == ["dropped", "dropped"]


def test_another_hour_of_the_post_gives_the_deputy_no_second_message(house, unit, take, clock):
    take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,2026-11-23,2026-11-30,{THREE}\n")
    post = next(row for row in posts(house) if not row.deputy_for)
    make_upload_link(house, next(row.id for row in posts(house) if row.deputy_for))
    assert morning(house, clock, 0) == [address(house, THREE).id]
    edit_post(house, post.id, {"hour": "08:30"})
    assert count(house, UploadLink) == 1
    clock.move(hours=1)
    assert send_due(house) == 0
    edit_post(house, post.id, {"deputy": "-"})
    edit_post(house, post.id, {"deputy": THREE, "hour": "10:00"})
    clock.move(hours=1)
    assert send_due(house) == 0
    assert morning(house, clock, 1) == []  # 10 o'clock is still to come
    clock.move(hours=2)
    assert send_due(house) == 1


def test_a_post_may_not_move_to_a_unit_where_its_holder_has_one(house, unit, take):
    add_unit(house, "Badan Contoh", code="U2", parent_id=unit)
    take(f"phone,unit\n{ONE},own:U1\n{ONE},own:U2\n{TWO},own:U2\n")
    first, second, _ = stored = posts(house)
    said = f"whoever holds post {first.id} holds post {second.id} of this unit already"
    with pytest.raises(InputError, match=f"unit: {said}; name another unit, or remove one"):
        edit_post(house, first.id, {"unit": "own:U2"})
    with pytest.raises(InputError, match=f"posts.csv:2:3: unit: {said}"):
        take(f"post,phone,unit\n{first.id},,own:U2\n")
    assert posts(house) == stored


def test_a_post_that_moves_takes_its_deputy_along_and_leaves_what_waits(house, unit, take, clock):
    other = add_unit(house, "Badan Contoh", code="U2")
    take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,2026-11-23,2026-11-30,{THREE}\n")
    post = next(row for row in posts(house) if not row.deputy_for)
    morning(house, clock, 0)
    edit_post(house, post.id, {"unit": "own:U2"})
    assert [row.status for row in rows(house, Outbox)] == ["dropped"]
    assert [(row.unit_id, row.deputy_for) for row in posts(house)] == [
        (other, None),
        (other, post.id),
    ]


def test_a_file_without_units_leaves_every_post_at_its_own(house, unit, take):
    take(f"phone,unit\n{ONE},own:U1\n{ONE},\n")
    mine = {row.unit_id: row.id for row in posts(house)}
    text = f"post,phone,hour\n{mine[unit]},{ONE},09:00\n{mine[None]},{ONE},09:30\n"
    assert take(text) == {"changed": 2}
    assert {row.unit_id: (row.id, row.minute) for row in posts(house)} == {
        unit: (mine[unit], 540),
        None: (mine[None], 570),
    }


def test_the_audit_knows_which_post_changed_and_no_number_or_name(house, unit, take, tmp_path):
    take(FILE)
    post = posts(house)[0]
    edit_post(house, post.id, {"phone": "+6281200000109", "name": "Budi", "hour": "09:00"})
    export_coordinators(house, "integritas", tmp_path / "out.csv")
    remove_post(house, post.id)
    told = [row for row in rows(house, Audit) if row.what.startswith("coordinators")]
    assert [row.what.split()[1] for row in told] == ["import", "edit", "export", "edit"]
    assert json.loads(told[1].detail) == {
        "survey": "integritas",
        "post": post.id,
        "changed": ["phone", "hour", "away_from", "away_until", "name"],
    }
    assert not any(word in row.detail for row in told for word in ("812", "Budi", "Ani"))


def test_an_edit_that_is_wrong_says_what_and_changes_nothing(house, unit, take):
    take(FILE)
    stored = posts(house)
    for cells, what in (
        ({"hour": "25:00"}, "hour: not an hour"),
        ({"unit": "own:U2"}, "there is no unit"),
        ({"weekday": "senin"}, "an admin hears every day"),
        ({"deputy": ONE}, "gets what the unit gets already"),
    ):
        with pytest.raises(InputError, match=what):
            edit_post(house, stored[0].id, cells)
    with pytest.raises(InputError, match="there is no such post"):
        edit_post(house, 999, {"hour": "08:00"})
    assert posts(house) == stored


# --- who gets what when -------------------------------------------------------------------------


def test_who_is_away_gets_nothing_and_the_deputy_only_then(house, unit, take, clock):
    take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,2026-11-24,2026-11-25,{THREE}\n")
    got = [morning(house, clock, day) for day in range(4)]
    one, deputy = address(house, ONE).id, address(house, THREE).id
    assert got == [[one], [deputy], [deputy], [one]]


def test_a_unit_may_have_several_coordinators(house, unit, take, clock):
    take(f"phone,unit\n{ONE},own:U1\n{TWO},own:U1\n")
    assert len(morning(house, clock, 0)) == 2


def test_a_leader_gets_one_message_on_the_weekday_of_the_post(house, unit, take, clock):
    take(FILE)
    leader = address(house, TWO).id
    got = [day for day in range(7) if leader in morning(house, clock, day)]
    assert got == [4]
    (post,) = [row for row in posts(house) if row.kind == "pimpinan"]
    assert post.due_at == MIDNIGHT + timedelta(days=11, hours=8)


def test_the_next_hour_of_a_weekday_is_that_of_the_unit():
    from zoneinfo import ZoneInfo

    friday_evening = datetime(2026, 11, 27, 13, 0, tzinfo=UTC)
    jayapura = ZoneInfo("Asia/Jayapura")
    assert next_due(friday_evening, 465, jayapura, 4).isoformat() == "2026-12-03T22:45:00+00:00"
    assert next_due(friday_evening, 1380, jayapura, 4).isoformat() == "2026-11-27T14:00:00+00:00"


def test_whoever_is_erased_leaves_no_post_and_no_deputy(house, unit, take):
    take(FILE)
    contact_id = posts(house)[0].contact_id
    house.database.write(lambda connection: erasure.erase(connection, house, contact_id))
    assert [row.kind for row in posts(house)] == ["pimpinan"]


def test_somebody_who_turns_out_to_be_the_own_deputy_keeps_the_post(house, unit, take):
    take(FILE)

    def work(connection):
        kept, gone = (contact(connection, house, one) for one in (THREE, ONE))
        identity.merge(connection, house, kept, gone)

    house.database.write(work)
    assert [(row.kind, row.deputy_for) for row in posts(house)] == [
        ("admin", None),
        ("pimpinan", None),
    ]


# --- the end ------------------------------------------------------------------------------------


def close(house):
    change(house, Survey, {"closed_at": house.now()})


def test_the_last_message_reaches_who_is_away_on_coming_back_and_the_deputy_at_once(
    house, unit, take, clock
):
    take(f"phone,unit,away_from,away_until,deputy\n{ONE},own:U1,2026-11-24,2026-11-25,{THREE}\n")
    take(f"phone,unit,away_from,away_until\n{TWO},own:U1,2026-11-24,2026-11-25\n")
    close(house)
    one, two, deputy = (address(house, phone).id for phone in (ONE, TWO, THREE))
    got = [morning(house, clock, day) for day in range(1, 6)]
    assert got == [[deputy], [], [one, two], [], []]
    for phone in (ONE, TWO, THREE):
        assert "ditutup" in newest_text(house, phone)
    assert {row.due_at for row in posts(house)} == {None}


def test_a_leader_hears_of_the_end_on_its_day_and_not_on_the_weekday(house, unit, take, clock):
    take(FILE)
    leader = address(house, TWO).id
    assert leader not in morning(house, clock, 0)
    close(house)
    got = [day for day in range(1, 8) if leader in morning(house, clock, day)]
    assert got == [1]
    assert "ditutup" in newest_text(house, TWO)


def test_a_leader_in_the_east_whose_hour_is_before_the_last_numbers_gets_them_that_day(
    house, survey, unit, take, clock
):
    add_unit(house, "Dinas Timur", code="E1", zone="Asia/Jayapura")
    take(f"phone,unit,kind,weekday,hour\n{TWO},own:E1,pimpinan,Jumat,07:00\n")
    close(house)
    assert morning(house, clock, 1) == [address(house, TWO).id]
    assert morning(house, clock, 2) == []


def test_a_leader_who_is_away_at_the_end_hears_of_it_on_coming_back(house, unit, take, clock):
    take(
        "phone,unit,kind,weekday,away_from,away_until\n"
        f"{TWO},own:U1,pimpinan,Jumat,2026-11-24,2026-11-28\n"
    )
    close(house)
    got = [day for day in range(1, 12) if morning(house, clock, day)]
    assert got == [6]
    (post,) = posts(house)
    assert post.due_at is None


# --- the log ------------------------------------------------------------------------------------


def test_the_log_has_what_went_out_and_of_which_kind(house, unit, take, clock):
    take(FILE)
    for day in range(5):
        morning(house, clock, day)
    kinds = sorted((one.post, one.day[-2:], one.kind, one.sent) for one in noted(house))
    admin, deputy, leader = (
        row.id for row in sorted(posts(house), key=lambda row: (row.kind, row.deputy_for or 0))
    )
    assert kinds == sorted(
        [
            (admin, "23", "weekly", "waiting"),
            (deputy, "24", "daily", "waiting"),
            (deputy, "25", "daily", "waiting"),
            (admin, "26", "daily", "waiting"),
            (admin, "27", "daily", "waiting"),
            (leader, "27", "leader", "waiting"),
        ]
    )
    clock.move(minutes=1)
    change(house, Outbox, {"status": "sent", "template": True}, address_id=address(house, ONE).id)
    change(house, Outbox, {"status": "sent"}, address_id=address(house, TWO).id)
    change(house, Outbox, {"status": "dropped"}, address_id=address(house, THREE).id)
    said = {one.sent: one for one in reversed(noted(house))}
    assert set(said) == {"template", "text", "dropped"}
    by_template, as_text = newest_message(house, ONE), newest_message(house, TWO)
    assert by_template.template_text != by_template.text
    assert by_template.template_text
    for kind, shown in (("template", by_template.template_text), ("text", as_text.text)):
        assert said[kind].digest == hashlib.sha256(shown.encode()).hexdigest()


def noted(house):
    return log.logged(house, "integritas")


def test_nobody_counts_as_told_where_nothing_was_written(house, levels, clock):
    for day in range(2):
        morning(house, clock, day)
        fail(house, ONE)
    (post,) = [row for row in posts(house) if row.unit_id == levels[0]]
    # Due again on a day that has its message: nothing is written, and nothing was told.
    edit_post(house, post.id, {"hour": "09:00"})
    clock.move(hours=1)
    assert send_due(house) == 0
    edit_post(house, post.id, {"hour": "07:45"})
    morning(house, clock, 2)
    assert LINE in newest_text(house, THREE)


# --- who cannot be reached ----------------------------------------------------------------------


@pytest.fixture
def levels(house, survey, take):
    """A kabupaten with two offices, each with an admin; and one for the whole survey."""
    top = add_unit(house, "Kabupaten Contoh", code="K")
    below = [add_unit(house, f"Dinas {name}", code=name, parent_id=top) for name in ("A", "B")]
    for one in below:
        finish(house, survey, one, "internal", 7)
    take(f"phone,unit\n{ONE},own:A\n{TWO},own:B\n{THREE},own:K\n+6281200000104,\n")
    return top, *below


def fail(house, phone):
    mine = address(house, phone).id
    change(house, Outbox, {"status": "failed", "sealed": None}, address_id=mine)


LINE = "Admin Dinas A belum dapat dihubungi."


def test_the_nearest_level_above_hears_of_it_once_a_week_by_the_units_name(house, levels, clock):
    for day in range(2):
        morning(house, clock, day)
        assert LINE not in newest_text(house, THREE)
        fail(house, ONE)
    heard = []
    for day in (2, 3, 8, 9, 10):
        morning(house, clock, day)
        fail(house, ONE)
        if LINE in newest_text(house, THREE):
            heard.append(day)
        assert LINE not in newest_text(house, TWO)
        assert LINE not in newest_text(house, "+6281200000104")
    assert heard == [2, 9]
    assert "812" not in newest_text(house, THREE)


@pytest.mark.parametrize("how", ["opted out", "no address"])
def test_who_wants_no_reports_or_has_no_address_is_unreachable_and_who_paused_is_not(
    house, levels, clock, how
):
    def work(connection):
        contact_id = contact(connection, house, ONE)
        if how == "opted out":
            identity.opt_out(connection, house, contact_id, "coordinator")
        else:
            other = identity.person(connection, house, [Address("bsuid", "ID.1234567890")])
            from storage.queries import people

            mine = [row.id for row in people.addresses_of(connection, [contact_id])]
            people.move_addresses(connection, other.contact_id, mine)

    house.database.write(work)
    change(house, Coordinator, {"paused": True}, unit_id=levels[2])
    morning(house, clock, 0)
    told = newest_text(house, THREE)
    assert LINE in told
    assert "Dinas B" not in told.split("\n")[-1]
    states = {one.unit_name: one.state for one in reach.posts(house, "integritas")}
    assert states["Dinas A"] in ("wants no reports", "no address")
    assert states["Dinas B"] == "paused"


def test_a_unit_with_one_admin_who_can_be_reached_is_not_told(house, levels, take, clock):
    take("phone,unit\n+6281200000105,own:A\n")
    for day in range(3):
        morning(house, clock, day)
        fail(house, ONE)
    assert LINE not in newest_text(house, THREE)


def test_where_the_level_above_cannot_be_reached_either_the_next_one_hears_of_both(
    house, levels, clock
):
    for day in range(3):
        morning(house, clock, day)
        for phone in (ONE, THREE):
            fail(house, phone)
    assert "Admin Dinas A, Kabupaten Contoh belum" in newest_text(house, "+6281200000104")


def test_one_failed_message_or_one_that_came_after_it_is_no_reason(house, levels, clock):
    morning(house, clock, 0)
    fail(house, ONE)
    assert {one.state for one in reach.posts(house, "integritas")} == {"active"}
    morning(house, clock, 1)
    fail(house, ONE)
    assert [one.unit_name for one in reach.posts(house, "integritas") if not one.is_reached] == [
        "Dinas A"
    ]
    morning(house, clock, 2)
    newest = max(
        rows(house, Outbox, address_id=address(house, ONE).id), key=lambda row: row.created_at
    )
    change(house, Outbox, {"status": "sent"}, id=newest.id)
    assert {one.state for one in reach.posts(house, "integritas")} == {"active"}
