"""The kept counts of finished interviews: right after a storm, mended where they are not."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import delete, event, func, insert, select, text, update

from bot.reporting import recount
from storage.database import Database
from storage.migrate import _config
from storage.models import (
    Alert,
    Contact,
    Conversation,
    ProgressChange,
    ProgressCount,
    RosterRow,
)
from storage.queries import progress as queries
from storage.queries import reports
from tests.counts import finish
from tests.rows import count, rows, statements
from tests.setup import TestClock, add_unit, installation, publish_bundled

GROUPS = ("internal", "eksternal", "ahli")


@pytest.fixture
def clock():
    return TestClock()


@pytest.fixture
def house(database_url, clock):
    with installation(database_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


def true_counts(house, survey):
    """Count conversations themselves."""
    cell = (Conversation.unit_id, Conversation.grp)
    statement = (
        select(*cell, func.count())
        .where(
            Conversation.survey_id == survey.id,
            Conversation.status == "finished",
            Conversation.pilot.is_(False),
        )
        .group_by(*cell)
    )
    found = house.database.read(lambda c: c.execute(statement).all())
    return {(unit, grp): number for unit, grp, number in found}


def kept(house, survey):
    """Return the kept counts that are not nothing."""
    found = house.database.read(lambda c: reports.finished(c, survey.id))
    return {cell: number for cell, number in found.items() if number}


def conversation(survey, unit, group="internal", status="open", **more):
    return {
        "survey_id": survey.id,
        "unit_id": unit,
        "grp": group,
        "status": status,
        "flow_version_id": survey.flow_version_id,
        **more,
    }


def run(house, *statements):
    def work(connection):
        for one in statements:
            connection.execute(one)

    house.database.write(work)


def test_an_interview_counts_from_its_end_until_it_is_erased_or_moved(house, survey):
    one, two = add_unit(house), add_unit(house, code="U2")
    run(house, insert(Conversation).values(conversation(survey, one)))
    assert kept(house, survey) == {}
    run(house, update(Conversation).values(status="finished"))
    assert kept(house, survey) == {(one, "internal"): 1}
    run(house, update(Conversation).values(unit_id=two, grp="ahli"))
    assert kept(house, survey) == {(two, "ahli"): 1}
    run(house, update(Conversation).values(version=7, sealed=b"x", mix_at=None))
    assert kept(house, survey) == {(two, "ahli"): 1}
    run(house, update(Conversation).values(sealed=None, mixed=True))
    assert kept(house, survey) == {(two, "ahli"): 1}
    run(house, delete(Conversation))
    assert kept(house, survey) == {}


def test_pilots_never_count_and_what_becomes_one_is_counted_no_more(house, survey):
    unit = add_unit(house)
    row = conversation(survey, unit, status="finished")
    run(house, insert(Conversation).values(row | {"pilot": True}))
    assert kept(house, survey) == {}
    run(house, update(Conversation).values(pilot=False))
    assert kept(house, survey) == {(unit, "internal"): 1}
    run(house, update(Conversation).values(pilot=True))
    assert kept(house, survey) == {}


def test_an_interview_that_goes_with_its_contact_is_counted_no_more(house, survey):
    """The database deletes it by itself, through a foreign key."""
    unit = add_unit(house)
    run(
        house,
        insert(Contact).values(id=1),
        insert(Conversation).values(conversation(survey, unit, status="finished", contact_id=1)),
    )
    assert kept(house, survey) == {(unit, "internal"): 1}
    run(house, delete(Contact))
    assert kept(house, survey) == {}


def test_what_is_rolled_back_was_never_counted(house, survey):
    unit = add_unit(house)

    def work(connection):
        connection.execute(
            insert(Conversation).values(conversation(survey, unit, status="finished"))
        )
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        house.database.write(work)
    assert kept(house, survey) == {}
    assert count(house, ProgressChange) == 0


def test_folding_changes_no_count_and_leaves_no_order_of_who_finished(house, survey):
    unit = add_unit(house)
    finish(house, survey, unit, "internal", 7)
    finish(house, survey, unit, "ahli", 3)
    run(house, delete(Conversation).where(Conversation.grp == "ahli"))
    before = kept(house, survey)
    assert recount.keep(house) == 0
    assert count(house, ProgressChange) == 0
    stored = {row.grp: row.finished for row in rows(house, ProgressCount)}
    assert stored == {"internal": 7, "ahli": 0}
    assert kept(house, survey) == before == {(unit, "internal"): 7}


def test_a_turn_that_ends_nothing_writes_no_change(house, survey):
    """Triggers look at every turn, and write only when an interview comes to its end."""
    unit = add_unit(house)
    run(house, insert(Conversation).values(conversation(survey, unit)))
    for status in ("open", "declined", "invited"):
        run(house, update(Conversation).values(status=status, version=Conversation.version + 1))
    run(house, update(Conversation).values(unit_id=unit))
    assert count(house, ProgressChange) == 0


def test_counts_are_read_without_reading_a_conversation(house, survey):
    finish(house, survey, add_unit(house), "internal", 3)
    with statements(house) as ran:
        house.database.write(lambda c: reports.finished(c, survey.id))
    assert len(ran) == 2
    assert not [one for one in ran if "conversation" in one.lower()]


@pytest.mark.parametrize("wrong_by", [3, -2])
def test_a_recount_finds_a_wrong_count_mends_it_and_tells_the_operator(house, survey, wrong_by):
    one, two = add_unit(house), add_unit(house, code="U2")
    finish(house, survey, one, "internal", 6)
    finish(house, survey, two, "internal", 2)
    recount.keep(house)
    changed = update(ProgressCount).where(ProgressCount.unit_id == one)
    run(house, changed.values(finished=ProgressCount.finished + wrong_by))
    assert house.database.read(queries.differing) == 1
    assert recount.recount(house) == 1
    assert kept(house, survey) == {(one, "internal"): 6, (two, "internal"): 2}
    assert [row.kind for row in rows(house, Alert)] == ["progress"]
    assert recount.recount(house) == 0
    assert house.database.read(queries.differing) == 0


def test_a_recount_comes_once_a_day_by_itself(house, survey, clock):
    unit = add_unit(house)
    recount.keep(house)
    run(
        house,
        insert(ProgressCount).values(survey_id=survey.id, unit_id=unit, grp="x", finished=5),
    )
    clock.move(hours=23)
    assert recount.keep(house) == 0
    clock.move(hours=1)
    assert recount.keep(house) == 1
    assert kept(house, survey) == {}


def test_recounts_at_once_mend_once(database_url):
    with ExitStack() as stack:
        # One process serves a SQLite file; the others write as commands do.
        houses = [
            stack.enter_context(installation(database_url, serving=not number))
            for number in range(3)
        ]
        survey = publish_bundled(houses[0])
        unit = add_unit(houses[0])
        cell = {"survey_id": survey.id, "unit_id": unit, "grp": "internal"}
        run(houses[0], insert(ProgressCount).values(**cell, finished=9))
        together(*[lambda house=house: recount.recount(house) for house in houses])
        assert kept(houses[0], survey) == {}
        assert houses[0].database.read(queries.differing) == 0


def together(*programs):
    """Run all at once and raise what one of them raised."""
    failed = []
    gate = threading.Barrier(len(programs))

    def guarded(program):
        gate.wait()
        try:
            program()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in programs]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if failed:
        raise failed[0]


def test_counts_equal_a_recount_after_writers_moved_everything_at_once(database_url):
    """Moves between cells in any order, bulk deletes and folding, all in the same cells."""
    with installation(database_url) as house:
        survey = publish_bundled(house)
        units = [add_unit(house, code=f"U{number}") for number in range(3)]
        for unit in units:
            finish(house, survey, unit, "internal", 20)
        blocked: list[Any] = []
        if not house.database.is_sqlite:
            event.listen(house.database.engine, "handle_error", blocked.append)

        def writer(seed):
            luck = random.Random(seed)

            def storm(connection):
                ids = list(connection.execute(select(Conversation.id)).scalars())
                # In order of ids: what locks conversations may not deadlock either.
                for one in sorted(luck.sample(ids, 6)):
                    mine = Conversation.id == one
                    moved = {
                        "unit_id": luck.choice(units),
                        "grp": luck.choice(GROUPS),
                        "status": luck.choice(("finished", "open")),
                    }
                    connection.execute(update(Conversation).where(mine).values(**moved))
                last = luck.choice(ids)
                connection.execute(delete(Conversation).where(Conversation.id >= max(last, 55)))
                row = conversation(survey, luck.choice(units), status="finished")
                connection.execute(insert(Conversation), [row] * 2)

            def once_in_a_while_fails(connection):
                storm(connection)
                raise LookupError

            for _ in range(8):
                house.database.write(storm)
                with pytest.raises(LookupError):
                    house.database.write(once_in_a_while_fails)

        def folder():
            for _ in range(12):
                house.database.write(lambda connection: queries.fold(connection, 7))

        together(*[lambda seed=seed: writer(seed) for seed in range(3)], folder, folder)
        assert not [one for one in blocked if "progress_" in str(one.statement)]
        assert kept(house, survey) == true_counts(house, survey)
        assert house.database.read(queries.differing) == 0
        recount.keep(house)
        assert kept(house, survey) == true_counts(house, survey)
        assert count(house, Alert) == 0


def test_interviews_that_were_finished_before_the_counts_were_kept_are_counted(database_url):
    """The migration itself counts them, and tables without triggers get theirs."""
    from alembic import command

    with installation(database_url) as house:
        survey = publish_bundled(house)
        unit = add_unit(house)
        database = Database(database_url)

        def back_and_forth(connection):
            command.downgrade(_config(connection), "0013")
            row = conversation(survey, unit, status="finished")
            connection.execute(insert(Conversation), [row] * 4)
            connection.execute(insert(Conversation), [conversation(survey, unit)])
            command.upgrade(_config(connection), "head")

        database.write(back_and_forth)
        database.close()
        assert kept(house, survey) == {(unit, "internal"): 4}
        finish(house, survey, unit, "internal", 1)
        assert kept(house, survey) == {(unit, "internal"): 5}


def test_the_triggers_are_there_at_the_newest_version(house):
    """A later migration that copies the table on SQLite drops them: it has to make them again."""
    asked = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'conversation'"
        if house.database.is_sqlite
        else "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE relname = 'conversation' AND NOT tgisinternal"
    )
    found = house.database.read(lambda c: sorted(c.execute(text(asked)).scalars()))
    assert found == ["conversation_came", "conversation_left", "conversation_moved"]


def test_people_of_a_cell_are_the_rows_of_the_roster_that_count(house, survey):
    unit = add_unit(house)
    key = house.database.write(lambda c: house.keys.installation(c).id)
    row = {"survey_id": survey.id, "unit_id": unit, "grp": "internal", "sealed": b"x"}
    many = [row | {"key_id": key, "address_hmac": bytes([number])} for number in range(6)]
    run(
        house,
        insert(RosterRow).values(many),
        update(RosterRow).where(RosterRow.address_hmac == b"\x00").values(removed=True),
    )
    found = house.database.read(lambda c: queries.people(c, survey.id))
    assert found == {(unit, "internal"): 5}
