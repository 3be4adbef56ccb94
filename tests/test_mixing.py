"""Mixing: exactly once, never fewer than k, and nothing left that leads back."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from bot.flow.state import NO_ANSWERS, State, Status
from bot.interview.mixing import (
    MAX_LOT,
    Interview,
    MixReport,
    draw,
    is_fast,
    is_straight,
    kept,
    marks_kept,
    mix_due,
)
from storage.models import Consent, Conversation, Outbox, Response, RosterRow, Survey
from storage.queries import turns
from storage.queries.mixing import WaitingRow
from tests.crowd import GROUP, SCALE, Crowd, as_stored, canonical, gather, vector
from tests.forked import Script
from tests.setup import MONDAY, installation

K = 3


@pytest.fixture
def crowd(database_url: str) -> Iterator[Crowd]:
    """A small survey without people, on both databases, where three hide each other."""
    with installation(database_url) as house:
        yield gather(house, K)


def row_of(crowd: Crowd, conversation: int):
    return crowd.installation.database.read(
        lambda connection: connection.execute(
            select(Conversation.__table__).where(Conversation.id == conversation)
        ).one()
    )


def test_nothing_is_released_before_twice_k_wait(crowd: Crowd):
    crowd.people(2 * K - 1)
    assert mix_due(crowd.installation) == MixReport()
    assert crowd.responses() == {}


def test_twice_k_release_k_and_k_stay(crowd: Crowd):
    crowd.people(2 * K)
    assert mix_due(crowd.installation) == MixReport(releases=1, mixed=K)
    assert crowd.waiting() == K
    assert crowd.vectors() == crowd.expected(crowd.mixed_ids())


def test_of_many_between_k_and_twice_k_stay(crowd: Crowd):
    crowd.people(7 * K + 1)
    mix_due(crowd.installation)
    assert crowd.waiting() == K + 1
    assert crowd.cells()[crowd.unit_id, GROUP]["mixed"] == 6 * K
    assert mix_due(crowd.installation) == MixReport()


def test_who_has_not_waited_long_enough_does_not_count(crowd: Crowd):
    crowd.people(2 * K - 1)
    crowd.people(5, waited=False)
    assert mix_due(crowd.installation) == MixReport()


def test_every_group_and_unit_is_a_cell_of_its_own(crowd: Crowd):
    crowd.people(K)
    crowd.people(K, grp="eksternal")
    crowd.people(K, unit_id=crowd.unit("Dinas Lain"))
    assert mix_due(crowd.installation) == MixReport()


def test_a_closed_survey_is_left_to_its_closing(crowd: Crowd):
    crowd.people(2 * K)
    crowd.installation.database.write(
        lambda connection: connection.execute(update(Survey).values(closed_at=MONDAY))
    )
    assert mix_due(crowd.installation) == MixReport()


def test_who_is_drawn_is_chance(crowd: Crowd):
    ids = crowd.people(8 * K)
    mix_due(crowd.installation)
    stayed = sorted(set(ids) - crowd.mixed_ids())
    # One way in about two million to be the first ones, as many to be the last ones.
    assert stayed != ids[:K]
    assert stayed != ids[-K:]


def test_nothing_of_the_interview_stays_with_the_conversation(crowd: Crowd):
    ids = crowd.people(2 * K)
    mix_due(crowd.installation)
    mixed = crowd.mixed_ids()
    for conversation in ids:
        row = row_of(crowd, conversation)
        if conversation in mixed:
            assert (row.sealed, row.key_id, row.wake_at, row.mix_at, row.version) == (
                *[None] * 4,
                0,
            )
            assert row.status == "finished"
        else:
            assert row.sealed is not None
    told = crowd.installation.database.read(
        lambda connection: set(connection.execute(select(Outbox.conversation_id)).scalars())
    )
    assert told == set(ids) - mixed


def test_consents_and_the_roster_stay(crowd: Crowd):
    ids = crowd.people(2 * K)
    mix_due(crowd.installation)
    with crowd.installation.database.engine.connect() as connection:
        for column in (Consent.conversation_id, RosterRow.conversation_id):
            assert set(connection.execute(select(column)).scalars()) == set(ids)


def test_response_ids_are_random_and_in_no_order(crowd: Crowd):
    ids = crowd.people(20 * K)
    mix_due(crowd.installation)
    responses = [UUID(one) for one in crowd.responses()]
    assert {one.version for one in responses} == {4}
    if not crowd.installation.database.is_sqlite:
        stored = crowd.installation.database.read(
            lambda connection: list(
                connection.execute(
                    text("SELECT value FROM answer WHERE question = 'saran' ORDER BY ctid")
                ).scalars()
            )
        )
        said = [str(crowd.given[one]["saran"]) for one in ids if one in crowd.mixed_ids()]
        assert sorted(stored) == sorted(said)
        assert stored != said


def test_an_interview_opened_again_waits_for_its_new_end(crowd: Crowd):
    ids = crowd.people(2 * K)
    reopened = ids[0]
    before = dict(crowd.given[reopened])

    def open_again(connection):
        crowd.store(connection, reopened, 1, Status.ASKING, answers=NO_ANSWERS, earlier=before)
        connection.execute(
            update(Conversation)
            .where(Conversation.id == reopened)
            .values(status="asking", mix_at=None)
        )

    crowd.installation.database.write(open_again)
    assert mix_due(crowd.installation) == MixReport()

    def finish_again(connection):
        crowd.store(connection, reopened, 1, Status.FINISHED, answers=vector(900))
        connection.execute(
            update(Conversation)
            .where(Conversation.id == reopened)
            .values(status="finished", mix_at=MONDAY - timedelta(hours=1))
        )

    crowd.installation.database.write(finish_again)
    crowd.people(40 * K)
    mix_due(crowd.installation)
    assert crowd.vectors() == crowd.expected(crowd.mixed_ids())
    assert canonical(as_stored(before)) not in crowd.vectors()


def test_a_cell_that_fails_stops_no_other_and_its_words_reach_no_log(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
):
    broken = crowd.people(2 * K)
    crowd.people(2 * K, grp="eksternal")
    key = crowd.installation.database.read(
        lambda connection: crowd.installation.keys.survey(connection, crowd.survey_id)
    )

    def spoil(connection):
        for one in broken:
            rubbish = key.seal('{"status":"finished","rahasia":"uang pelicin"}', f"state:{one}")
            connection.execute(
                update(Conversation).where(Conversation.id == one).values(sealed=rubbish)
            )

    crowd.installation.database.write(spoil)
    with caplog.at_level(logging.DEBUG, logger="bot"):
        assert mix_due(crowd.installation) == MixReport(releases=1, mixed=K, failed=1)
    assert "was not mixed: TypeError" in caplog.text
    assert "uang pelicin" not in caplog.text


# --- marks --------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=60),
    st.integers(min_value=2, max_value=8),
)
def test_every_class_of_what_is_kept_has_nobody_or_k(values: list[int], k: int):
    shown = kept(values, k)
    assert all(one in (None, value) for one, value in zip(shown, values, strict=True))
    sizes = Counter(shown)
    hidden = sizes.pop(None, 0)
    assert all(size >= k for size in sizes.values())
    assert hidden == 0 or hidden >= min(k, len(values))


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["id", "en", "jv"])),
        min_size=4,
        max_size=60,
    ),
    st.integers(min_value=2, max_value=4),
)
def test_version_and_language_together_single_nobody_out(people: list, k: int):
    lot = [Interview(0, version, language, {}, False, False) for version, language in people]
    assert all(size >= k for size in Counter(marks_kept(lot, k)).values())


def test_one_english_answer_takes_company_along_when_its_language_is_hidden():
    shown = kept(["id"] * 19 + ["en"], 10)
    assert Counter(shown) == {"id": 10, None: 10}
    assert shown[-1] is None


def test_marks_that_many_share_are_kept(crowd: Crowd):
    crowd.people(2 * K)
    mix_due(crowd.installation)
    marks = crowd.installation.database.read(
        lambda connection: connection.execute(
            select(Response.language, Response.flow_version_id, func.count()).group_by(
                Response.language, Response.flow_version_id
            )
        ).all()
    )
    assert [tuple(row) for row in marks] == [("id", crowd.version_id, K)]


EXTRA = '  - {name: tambahan, type: integer, label: {id: "Baru?", en: "New?"}}\n'


def test_what_only_a_few_were_asked_does_not_lead_to_them(crowd: Crowd):
    crowd.people(K + 1)
    newer = crowd.version(EXTRA)
    for number in (500, 501):
        crowd.people(1, version_id=newer, answers={**vector(number), "tambahan": number})
    mix_due(crowd.installation)
    mixed = crowd.mixed_ids()
    assert len(mixed) == K
    for answers in crowd.responses().values():
        assert "tambahan" not in answers
    # What both versions ask is complete, and no mixed conversation tells its version.
    common = [
        {name: value for name, value in crowd.given[one].items() if name != "tambahan"}
        for one in mixed
    ]
    crowd.given = dict(enumerate(common))
    assert crowd.vectors() == crowd.expected()
    assert {row_of(crowd, one).flow_version_id for one in mixed} == {newer}


def test_people_of_one_version_are_released_together_and_keep_all(crowd: Crowd):
    newer = crowd.version(EXTRA)
    crowd.people(K - 1)
    answers = {**vector(77), "tambahan": 4}
    crowd.people(2 * K, version_id=newer, answers=answers)
    assert mix_due(crowd.installation).mixed == K
    found = [one["tambahan"] for one in crowd.responses().values()]
    assert found == ["4"] * K


def test_lots_are_multiples_of_k_and_leave_k_behind():
    rows = [WaitingRow(one, 1) for one in range(1000)]
    for k in (2, 7, 10, 400):
        lot = draw(rows, k)
        assert len(lot) % k == 0
        assert len(lot) == len(set(lot)) <= max(k, MAX_LOT)
        assert len(rows) - len(lot) >= k
    assert draw(rows, 501) == []


# --- counters -----------------------------------------------------------------------------------


def state(seconds: float, answers: int) -> State:
    return State(
        Status.FINISHED,
        "id",
        answers={f"q{number}": "1" for number in range(answers)},
        began_at=MONDAY,
        last_turn_at=MONDAY + timedelta(seconds=seconds),
    )


def test_fast_is_under_three_seconds_an_answer():
    assert is_fast(state(29, 10), state(29, 10).answers)
    assert not is_fast(state(30, 10), state(30, 10).answers)
    reopened = replace(state(1, 10), status=Status.ASKING)
    assert not is_fast(reopened, reopened.answers)


def test_what_is_said_after_the_end_does_not_slow_an_interview_down():
    end = MONDAY + timedelta(seconds=29)
    later = replace(state(29, 10), ended_at=end, last_turn_at=end + timedelta(minutes=30))
    assert is_fast(later, later.answers)


def test_straight_is_eight_equal_answers_on_one_scale(crowd: Crowd):
    survey = crowd.installation.database.read(
        lambda connection: crowd.installation.surveys.by_id(connection, crowd.survey_id).survey
    )
    questions = survey.groups[GROUP]
    assert is_straight(questions, dict.fromkeys(SCALE[:8], "2"))
    assert not is_straight(questions, dict.fromkeys(SCALE[:7], "2"))
    assert not is_straight(questions, {**dict.fromkeys(SCALE, "2"), SCALE[0]: "1"})
    assert not is_straight(questions, dict.fromkeys(SCALE, "0")), "don't know is not on the scale"


def test_marks_of_speed_become_counters_of_the_cell(crowd: Crowd):
    same = {**vector(1), **dict.fromkeys(SCALE, "2")}
    crowd.people(
        2 * K,
        answers=same,
        began_at=MONDAY - timedelta(seconds=10),
        last_turn_at=MONDAY,
    )
    mix_due(crowd.installation)
    cell = crowd.cells()[crowd.unit_id, GROUP]
    assert (cell["fast"], cell["straight"]) == (K, K)


# --- races and crashes --------------------------------------------------------------------------


def open_again(crowd: Crowd, conversation: int) -> bool:
    """Do what ISI ULANG does to the database: save a new state by compare-and-set."""

    def work(connection) -> bool:
        row = connection.execute(
            select(Conversation.version, Conversation.mixed, Conversation.sealed).where(
                Conversation.id == conversation
            )
        ).one()
        if row.mixed:
            return False
        key = crowd.installation.keys.survey(connection, crowd.survey_id)
        opened = State.from_json(key.open(row.sealed, f"state:{conversation}"))
        fresh = replace(
            opened, status=Status.ASKING, answers=NO_ANSWERS, earlier=dict(opened.answers)
        )
        time.sleep(random.random() / 500)
        return turns.save(
            connection,
            conversation,
            row.version,
            status="asking",
            wake_at=None,
            mix_at=None,
            sealed=key.seal(fresh.to_json(), f"state:{conversation}"),
            key_id=key.id,
        )

    return crowd.installation.database.write(work)


def test_mixers_and_people_who_start_anew_lose_and_double_nothing(crowd: Crowd):
    ids = crowd.people(30 * K)
    won: list[int] = []
    troubles: list[BaseException] = []

    def guarded(work):
        def run():
            try:
                work()
            except BaseException as error:
                troubles.append(error)

        return run

    def start_anew(mine: list[int]):
        for one in mine:
            if open_again(crowd, one):
                won.append(one)

    anew = random.Random(5).sample(ids, 10 * K)
    threads = [
        threading.Thread(target=guarded(lambda: mix_due(crowd.installation))) for _ in range(3)
    ]
    threads += [
        threading.Thread(target=guarded(lambda part=part: start_anew(anew[part::2])))
        for part in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    mixed = crowd.mixed_ids()
    assert mixed.isdisjoint(won)
    assert crowd.vectors() == crowd.expected(mixed)
    assert len(mixed) + crowd.waiting() == len(ids)
    assert mixed
    assert crowd.cells()[crowd.unit_id, GROUP]["mixed"] == len(mixed)


MIXER = """\
import sys
from bot.interview.installation import Clock, open_installation
from bot.interview.mixing import mix_due
from bot.interview import mixing
from storage.database import Database
from storage.keys import Secret
from tests.setup import SECRET, TestClock

mixing.MAX_LOT = 3  # many small releases, so that a kill meets one
house = open_installation(Database(sys.argv[1]), Secret(SECRET), clock=Clock(TestClock()))
print("ready", flush=True)
sys.stdin.readline()
mix_due(house)
print("done", flush=True)
"""


def test_a_killed_mixer_leaves_whole_releases_only(database_url: str):
    with installation(database_url, serving=False) as house:
        crowd = gather(house, K)
        crowd.people(40 * K)
        for milliseconds in (5, 25, 60):
            with Script(MIXER, database_url) as mixer:
                mixer.await_word("ready")
                mixer.go()
                time.sleep(milliseconds / 1000)
                mixer.kill()
            mixed = crowd.mixed_ids()
            assert len(mixed) % K == 0
            assert crowd.vectors() == crowd.expected(mixed)
            assert len(mixed) == sum(cell["mixed"] for cell in crowd.cells().values())
        mix_due(house)
        assert crowd.waiting() == K
        assert crowd.vectors() == crowd.expected(crowd.mixed_ids())


def test_the_log_of_sqlite_is_empty_after_a_release(sqlite_url: str):
    with installation(sqlite_url) as house:
        crowd = gather(house, K)
        crowd.people(2 * K)
        log = Path(f"{house.database.file}-wal")
        assert log.stat().st_size > 0
        mix_due(house)
        assert log.stat().st_size == 0
