"""Closing: all that is finished becomes responses once, the rest is deleted and counted."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select, update

from bot.flow.state import NO_ANSWERS, Answer, Status
from bot.interview import mixing
from bot.interview.closing import CloseReport, Loss, RollUp, close, plan_close
from bot.interview.erasure import erase
from bot.interview.mixing import mix_due
from bot.interview.surveys import UnknownSurvey
from storage.keys import KeyDestroyed
from storage.models import AnsweredOnce, Audit, Conversation, DataKey, Link, Outbox, Survey
from tests.crowd import GROUP, NAME, Crowd, gather, vector
from tests.forked import Script
from tests.setup import MONDAY, installation
from tests.test_mixing import open_again

K = 3


@pytest.fixture
def crowd(some_url: str) -> Iterator[Crowd]:
    """A small survey without people, on both databases, where three hide each other."""
    with installation(some_url) as house:
        yield gather(house, K)


def statuses(crowd: Crowd) -> dict[str, int]:
    def work(connection):
        rows = connection.execute(
            select(Conversation.status, func.count()).group_by(Conversation.status)
        )
        return {row[0]: row[1] for row in rows}

    return crowd.installation.database.read(work)


def count(crowd: Crowd, statement) -> int:
    return crowd.installation.database.read(
        lambda connection: int(connection.execute(statement).scalar_one())
    )


def test_everything_finished_is_mixed_however_long_it_waited(crowd: Crowd):
    crowd.people(K)
    crowd.people(K - 1, waited=False)
    report = close(crowd.installation, NAME)
    assert (report.mixed, report.deleted, report.clean) == (2 * K - 1, 0, True)
    assert crowd.vectors() == crowd.expected()
    assert crowd.waiting() == 0


def test_who_had_opened_a_finished_interview_again_counts_with_the_earlier_answers(crowd: Crowd):
    crowd.people(K - 1)
    crowd.people(1, status=Status.ASKING, answers=NO_ANSWERS, earlier=vector(700))
    assert plan_close(crowd.installation, NAME).unfinished == 0
    assert close(crowd.installation, NAME).mixed == K
    assert crowd.vectors() == crowd.expected()


def test_the_unfinished_are_ended_and_their_answers_deleted(crowd: Crowd):
    crowd.people(K)
    crowd.people(2, status=Status.ASKING)
    crowd.people(1, status=Status.INVITED)
    crowd.people(1, status=Status.CONSENT)
    crowd.people(1, status=Status.DECLINED)
    plan = plan_close(crowd.installation, NAME)
    assert (plan.to_mix, plan.unfinished, plan.invited, plan.lost) == (K, 3, 1, ())
    close(crowd.installation, NAME)
    assert statuses(crowd) == {"finished": K, "closed": 4, "declined": 1}
    assert crowd.waiting() == 0
    assert crowd.vectors() == crowd.expected()


def test_a_cell_under_k_becomes_part_of_the_unit_above(crowd: Crowd):
    office = crowd.unit("Kantor A", crowd.unit_id)
    other = crowd.unit("Kantor B", crowd.unit_id)
    crowd.people(K + 1, unit_id=office)
    crowd.people(K - 1, unit_id=other)
    crowd.people(1)
    plan = plan_close(crowd.installation, NAME)
    assert plan.rolled_up == (RollUp("Kantor B", GROUP, K - 1, "Dinas Contoh"),)
    assert plan.lost == ()
    close(crowd.installation, NAME)
    cells = {unit: cell["mixed"] for (unit, _), cell in crowd.cells().items()}
    assert cells == {office: K + 1, crowd.unit_id: K}
    assert crowd.vectors() == crowd.expected()


def test_cells_roll_up_level_by_level(crowd: Crowd):
    middle = crowd.unit("Bidang", crowd.unit_id)
    low = crowd.unit("Seksi", middle)
    crowd.people(1, unit_id=low)
    crowd.people(1, unit_id=middle)
    crowd.people(K - 2)
    plan = plan_close(crowd.installation, NAME)
    assert {(one.unit, one.into) for one in plan.rolled_up} == {
        ("Seksi", "Dinas Contoh"),
        ("Bidang", "Dinas Contoh"),
    }
    close(crowd.installation, NAME)
    assert {unit for unit, _ in crowd.cells()} == {crowd.unit_id}


def test_groups_never_join_and_what_stays_too_few_is_deleted_and_counted(crowd: Crowd):
    office = crowd.unit("Kantor A", crowd.unit_id)
    crowd.people(K - 1, unit_id=office)
    crowd.people(K - 1, grp="eksternal")
    plan = plan_close(crowd.installation, NAME)
    assert set(plan.lost) == {
        Loss("Dinas Contoh", GROUP, K - 1),
        Loss("Dinas Contoh", "eksternal", K - 1),
    }
    report = close(crowd.installation, NAME)
    assert (report.mixed, report.deleted) == (0, 2 * (K - 1))
    assert crowd.responses() == {}
    assert {cell["deleted"] for cell in crowd.cells().values()} == {K - 1}


def test_every_lot_hides_by_itself_whatever_was_released_before(crowd: Crowd):
    crowd.people(2 * K)
    mix_due(crowd.installation)
    stayed = [one for one in crowd.given if one not in crowd.mixed_ids()]

    def work(connection):
        contact = connection.execute(
            select(Conversation.contact_id).where(Conversation.id == stayed[0])
        ).scalar_one()
        erase(connection, crowd.installation, contact)

    crowd.installation.database.write(work)
    report = close(crowd.installation, NAME)
    assert (report.mixed, report.deleted) == (0, K - 1)
    assert len(crowd.responses()) == K


def test_a_large_cell_is_cut_into_lots_that_all_hide(crowd: Crowd, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mixing, "MAX_LOT", 2 * K)
    crowd.people(5 * K + 1)
    report = close(crowd.installation, NAME)
    assert (report.mixed, report.lots) == (5 * K + 1, 3)
    assert crowd.vectors() == crowd.expected()


def test_nothing_outlives_the_survey(crowd: Crowd):
    ids = crowd.people(K)
    crowd.people(2, status=Status.ASKING)

    def prepare(connection):
        address = connection.execute(select(Outbox.address_id).limit(1)).scalar_one()
        crowd.say(connection, ids[0], address, status="queued")
        connection.execute(
            insert(AnsweredOnce), {"hmac": uuid4().bytes * 2, "survey_id": crowd.survey_id}
        )
        link = {"survey_id": crowd.survey_id, "unit_id": crowd.unit_id, "grp": GROUP}
        later = MONDAY + timedelta(days=9)
        connection.execute(
            insert(Link),
            [
                {"code": "AAAA", "note": "pintu", "expires_at": None, **link},
                {"code": "BBBB", "note": "loket", "expires_at": later, **link},
                {"code": "CCCC", "note": "lobi", "expires_at": MONDAY - timedelta(days=1), **link},
            ],
        )

    crowd.installation.database.write(prepare)
    report = close(crowd.installation, NAME)
    assert report.dropped == 1
    assert count(crowd, select(func.count()).where(Outbox.sealed.is_not(None))) == 0
    assert count(crowd, select(func.count()).where(Outbox.status == "queued")) == 0
    assert count(crowd, select(func.count()).select_from(AnsweredOnce)) == 0
    assert count(crowd, select(func.count()).where(Link.expires_at > MONDAY)) == 0
    assert count(crowd, select(func.count()).where(Link.expires_at < MONDAY)) == 1
    assert count(crowd, select(func.count()).where(Survey.closed_at == MONDAY)) == 1
    assert count(crowd, select(func.count()).where(Audit.what == "close")) == 1
    wrapped = crowd.installation.database.read(
        lambda connection: connection.execute(
            select(DataKey.wrapped).where(DataKey.scope == f"survey:{crowd.survey_id}")
        ).scalar_one()
    )
    assert wrapped is None
    with pytest.raises(KeyDestroyed):
        crowd.installation.database.read(
            lambda connection: crowd.installation.keys.survey(connection, crowd.survey_id)
        )


def test_a_turn_that_began_before_the_end_cannot_be_stored_after_it(crowd: Crowd):
    (asking,) = crowd.people(1, status=Status.ASKING)
    before = crowd.installation.database.read(
        lambda connection: connection.execute(
            select(Conversation.version).where(Conversation.id == asking)
        ).scalar_one()
    )
    close(crowd.installation, NAME)
    assert count(crowd, select(Conversation.version).where(Conversation.id == asking)) != before


def test_closing_again_changes_nothing(crowd: Crowd):
    crowd.people(K + 1)
    first = close(crowd.installation, NAME)
    responses = crowd.responses()
    assert close(crowd.installation, NAME) == CloseReport(NAME, 0, 0, 0, 0, 0, True, True)
    assert crowd.responses() == responses
    assert (first.mixed, first.before, first.nothing) == (K + 1, False, False)
    plan = plan_close(crowd.installation, NAME)
    assert (plan.closed, plan.to_mix, plan.invited) == (True, 0, 0)


def test_a_survey_nobody_answered_closes_and_can_have_no_key_later(crowd: Crowd):
    close(crowd.installation, NAME)
    with pytest.raises(KeyDestroyed):
        crowd.installation.database.write(
            lambda connection: crowd.installation.keys.survey(connection, crowd.survey_id)
        )


def test_an_unknown_survey_is_named(crowd: Crowd):
    with pytest.raises(UnknownSurvey):
        close(crowd.installation, "tidak_ada")


def test_the_file_of_sqlite_is_rebuilt(sqlite_url: str):
    with installation(sqlite_url) as house:
        crowd = gather(house, K)
        crowd.people(30 * K)
        close(house, NAME)
        assert Path(f"{house.database.file}-wal").stat().st_size == 0
        pages = house.database.read(
            lambda connection: connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        )
        assert pages == 0


def test_people_who_start_anew_while_it_closes_are_neither_lost_nor_doubled(crowd: Crowd):
    crowd.people(10 * K)
    office = crowd.unit("Kantor A", crowd.unit_id)
    ids = crowd.people(20 * K, unit_id=office)
    troubles: list[BaseException] = []

    def anew():
        for one in ids:
            try:
                open_again(crowd, one)
            except KeyDestroyed:
                return
            except BaseException as error:
                troubles.append(error)
                return

    thread = threading.Thread(target=anew)
    thread.start()
    report = close(crowd.installation, NAME)
    thread.join()
    assert troubles == []
    assert report.mixed == 30 * K
    assert crowd.vectors() == crowd.expected()


CLOSER = """\
import sys
from bot.interview import closing, mixing
from bot.interview.installation import Clock, open_installation
from storage.database import Database
from storage.keys import Secret
from tests.setup import SECRET, TestClock

mixing.MAX_LOT = 3  # many small lots, so that a kill meets one
house = open_installation(Database(sys.argv[1]), Secret(SECRET), clock=Clock(TestClock()))
print("ready", flush=True)
sys.stdin.readline()
closing.close(house, sys.argv[2])
"""


def test_killed_at_any_moment_it_goes_on_where_it_was(some_url: str):
    with installation(some_url, serving=False) as house:
        crowd = gather(house, K)
        office = crowd.unit("Kantor A", crowd.unit_id)
        crowd.people(30 * K)
        crowd.people(K - 1, unit_id=office)
        crowd.people(4, status=Status.ASKING)
        for milliseconds in (10, 40, 90):
            with Script(CLOSER, some_url, NAME) as closer:
                closer.await_word("ready")
                closer.go()
                time.sleep(milliseconds / 1000)
                closer.kill()
            assert crowd.vectors() == crowd.expected(crowd.mixed_ids())
        close(house, NAME)
        assert crowd.vectors() == crowd.expected()
        assert sum(cell["mixed"] for cell in crowd.cells().values()) == 31 * K - 1
        assert crowd.waiting() == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("finish"), st.integers(1, 8), st.sampled_from([0, 1, 2])),
        st.tuples(st.just("begin"), st.integers(1, 3), st.sampled_from([0, 1, 2])),
        st.tuples(st.just("mix"), st.just(0), st.just(0)),
        st.tuples(st.just("anew"), st.integers(0, 100), st.just(0)),
        st.tuples(st.just("again"), st.integers(0, 100), st.just(0)),
        st.tuples(st.just("erase"), st.integers(0, 100), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_whatever_happens_before_responses_are_what_was_finished_less_what_was_deleted(
    steps: list[tuple[str, int, int]],
):
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(f"sqlite:///{folder}/tautan.db", serving=False) as house,
    ):
        crowd = gather(house, K)
        play(crowd, steps)
        plan = plan_close(house, NAME)
        report = close(house, NAME)
        stored = crowd.vectors()
        cells = crowd.cells().values()
        deleted = sum(cell["deleted"] for cell in cells)
        assert deleted == report.deleted == sum(loss.people for loss in plan.lost)
        assert stored <= crowd.expected()
        assert stored.total() + deleted == len(crowd.given)
        assert stored.total() == sum(cell["mixed"] for cell in cells)
        assert all(cell["mixed"] == 0 or cell["mixed"] >= K for cell in cells)


def play(crowd: Crowd, steps: list[tuple[str, int, int]]) -> None:
    """Let people finish, start anew, finish again and be erased, and mix in between."""
    units = [crowd.unit_id, crowd.unit("Kantor A", crowd.unit_id), crowd.unit("Sendiri")]
    chance = random.Random(len(steps))
    for what, number, unit in steps:
        if what == "finish":
            crowd.people(number, unit_id=units[unit])
        elif what == "begin":
            crowd.people(number, unit_id=units[unit], status=Status.ASKING)
        elif what == "mix":
            mix_due(crowd.installation)
        else:
            free = [one for one in crowd.given if one not in crowd.mixed_ids()]
            if not free:
                continue
            change(crowd, free[number % len(free)], what, vector(chance.randrange(1000, 9999)))


def change(crowd: Crowd, one: int, what: str, answers: Mapping[str, Answer]) -> None:
    """Let somebody who finished start anew, finish again or be erased."""

    def work(connection: Connection) -> None:
        if what == "anew":
            reopen(crowd, connection, one)
        elif what == "again":
            finish(crowd, connection, one, answers)
        else:
            remove(crowd, connection, one)

    crowd.installation.database.write(work)


def reopen(crowd: Crowd, connection, one: int) -> None:
    earlier = crowd.given[one]
    crowd.store(connection, one, 0, Status.ASKING, answers=NO_ANSWERS, earlier=earlier)
    connection.execute(
        update(Conversation).where(Conversation.id == one).values(status="asking", mix_at=None)
    )


def finish(crowd: Crowd, connection, one: int, answers) -> None:
    crowd.store(connection, one, 0, Status.FINISHED, answers=answers)
    connection.execute(
        update(Conversation).where(Conversation.id == one).values(status="finished", mix_at=MONDAY)
    )


def remove(crowd: Crowd, connection, one: int) -> None:
    contact = connection.execute(
        select(Conversation.contact_id).where(Conversation.id == one)
    ).scalar_one()
    assert contact is not None
    erase(connection, crowd.installation, contact)
    crowd.given.pop(one)
