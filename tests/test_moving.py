"""People under way are carried to a version: by their own turn, or by a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.flow.asking import RENEWED
from bot.flow.state import Status
from bot.interview.moving import MoveReport, move_due
from bot.interview.surveys import publish
from bot.interview.waking import wake_due
from bot.outreach.launch.launching import launch
from storage.models import Conversation, FlowVersion, LinkDay
from storage.queries import turns
from tests.fake_twilio_person import Person
from tests.forked import Script
from tests.lists import Listed, number, take_in
from tests.respondents import all_at_once
from tests.rows import count, rows, statements
from tests.versions import edited, files_of, states_of, under_way, without
from tests.whatsapp import Office, office

SUPERVISORS = '{id: "Pengawas/administrator", en: "Supervisor/administrator"}'
NO_SUPERVISORS = (f'      - name: "3"\n        label: {SUPERVISORS}\n', "")
REWORDED = ("diumumkan secara terbuka dan mudah", "diumumkan terbuka dan mudah")
AT_TRS_01 = ("1", "2", "3")
"""Answers that lead to the fourth question; the third of them is of a supervisor."""


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url, questions=6) as opened:
        yield opened


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    with office(database_url, questions=6) as opened:
        yield opened


def versions_of(place: Office) -> list[int]:
    return [row.flow_version_id for row in rows(place.installation, Conversation)]


# in the person's own turn


def test_the_next_turn_moves_who_writes_before_the_sweep(both):
    here = both.installation
    (ani,) = under_way(both, *AT_TRS_01)
    new = publish(here, edited(here, NO_SUPERVISORS), "move")
    (said,) = ani.say("2")
    assert said.startswith("Ada pertanyaan yang kami perbaiki")
    assert "kelompok jabatan" in said
    assert versions_of(both) == [new.flow_version_id]
    (state,) = states_of(here).values()
    assert (state.question, dict(state.answers)) == ("prf_01", {"sar_01": "1", "sar_02": "2"})
    assert "Syarat, biaya" in ani.say("1")[0]
    assert move_due(here) == MoveReport()


def test_a_turn_that_moves_costs_no_statement_more(database_url):
    with office(database_url, questions=6, statuses=()) as both:
        here = both.installation
        (ani,) = under_way(both, "1", "2")
        with statements(here) as before:
            ani.say("1")
        new = publish(here, edited(here, REWORDED), "move")
        with statements(here) as ran:
            ani.say("2")
        assert versions_of(both) == [new.flow_version_id]
        assert len(ran) == len(before) <= 5


def test_an_answer_to_a_question_that_only_reads_otherwise_counts(place):
    here = place.installation
    (ani,) = under_way(place, *AT_TRS_01)
    publish(here, edited(here, REWORDED), "re-ask")
    assert "Seberapa sering unit kerja" in ani.say("2")[0]
    (state,) = states_of(here).values()
    assert state.answers["trs_01"] == "2"


def test_re_ask_asks_what_broke_again_and_says_why_once(place):
    here = place.installation
    ani, budi = under_way(place, "1", "2", "1", people=2)
    publish(here, edited(here, NO_SUPERVISORS), "re-ask")
    (said,) = ani.say("2")
    assert said.startswith("Ada pertanyaan yang kami perbaiki")
    assert "kelompok jabatan" in said
    assert "Ada pertanyaan" not in ani.say("2")[0]
    (said,) = budi.say("berhenti")
    assert said.startswith("Baik, kami tidak akan menghubungi lagi")


def test_an_old_button_and_an_old_quote_belong_to_what_is_still_asked(place):
    here = place.installation
    (ani,) = under_way(place, "1", "2", "1")
    first = next(text for text in ani.inbox if "saat ini bekerja" in text)
    publish(here, without(here, "sar_02", "prf_01"), "move")
    ani.say("1", quote=first)
    (state,) = states_of(here).values()
    assert dict(state.answers) == {"sar_01": "1"}
    assert state.question == "trs_01"


def test_a_timer_moves_whose_turn_it_is(place):
    here = place.installation
    under_way(place, *AT_TRS_01)
    new = publish(here, edited(here, NO_SUPERVISORS), "move")
    (place.clock.now,) = [row.wake_at for row in rows(here, Conversation)]
    assert wake_due(here) == 1
    assert versions_of(place) == [new.flow_version_id]
    (state,) = states_of(here).values()
    assert (state.pending, state.reminded) == (RENEWED, True)


def test_finish_old_leaves_everybody_where_they_are(place):
    here = place.installation
    (ani,) = under_way(place, *AT_TRS_01)
    old = place.published.flow_version_id
    publish(here, edited(here, NO_SUPERVISORS))
    assert move_due(here) == MoveReport()
    ani.say("2")
    assert versions_of(place) == [old]


# by the sweep


def test_the_sweep_moves_everybody_who_has_not_ended(both):
    here = both.installation
    under_way(both, *AT_TRS_01, people=3)
    under_way(both, "2")  # no member of staff: screened out
    under_way(both)
    both.twilio.person().say(both.link_text())
    take_in(here, both.published, "a.csv", [Listed(both.unit_id, "internal", number(9), "Ani")])
    launch(here, "integritas")
    new = publish(here, edited(here, NO_SUPERVISORS), "move")
    seen: list[int] = []
    assert move_due(here, batch=2, done=seen.append) == MoveReport(moved=6)
    assert seen[-1] == 6
    moved = new.flow_version_id
    found = {(row.status, row.flow_version_id == moved) for row in rows(here, Conversation)}
    assert found == {
        ("asking", True),
        ("language", True),
        ("invited", True),
        ("screened_out", False),
    }
    assert move_due(here) == MoveReport()
    asked = sorted(str(state.question) for state in states_of(here).values() if state.question)
    assert asked == ["prf_01"] * 3 + ["sar_01"]


def test_a_sweep_that_is_cut_off_is_finished_by_the_next(both):
    here = both.installation
    under_way(both, *AT_TRS_01, people=4)
    publish(here, edited(here, NO_SUPERVISORS), "move")

    def stop(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        move_due(here, batch=1, done=stop)
    half = versions_of(both).count(both.published.flow_version_id)
    assert half == 2
    assert move_due(here).moved == half
    assert {state.question for state in states_of(here).values()} == {"prf_01"}


SWEEPER = """
import sys, time
from bot.interview.moving import move_due
from tests.setup import installation
def slowly(number):
    print(number, flush=True)
    time.sleep(0.2)
with installation(sys.argv[1], serving=False) as here:
    move_due(here, batch=1, done=slowly)
"""


def test_a_sweep_may_be_killed_with_9(both):
    here = both.installation
    people = under_way(both, *AT_TRS_01, people=6)
    publish(here, edited(here, NO_SUPERVISORS), "move")
    url = str(here.database.engine.url.render_as_string(hide_password=False))
    with Script(SWEEPER, url) as sweeper:
        for _ in range(2):
            assert sweeper.stdout.readline()
        sweeper.kill()
    half = versions_of(both).count(both.published.flow_version_id)
    assert 0 < half < 6
    assert move_due(here) == MoveReport(moved=half)
    for person in people:
        assert "kelompok jabatan" in person.say("2")[0]


def test_sweeps_at_once_and_people_who_write_meanwhile_lose_nothing(both):
    here = both.installation
    people = under_way(both, *AT_TRS_01, people=8)
    new = publish(here, edited(here, NO_SUPERVISORS), "move")
    reports: list[MoveReport] = []

    def sweep() -> None:
        reports.append(move_due(here, batch=3))

    def write(person: Person) -> Callable[[], None]:
        return lambda: print(person.say("2"))

    all_at_once([sweep, sweep, sweep, *map(write, people[:4])], at_a_time=7)
    move_due(here)
    assert set(versions_of(both)) == {new.flow_version_id}
    assert sum(report.moved for report in reports) <= 8
    for state in states_of(here).values():
        assert dict(state.answers) == {"sar_01": "1", "sar_02": "2"}
        assert state.question == "prf_01"


def test_a_turn_that_read_an_invited_conversation_before_the_move_is_taken_again(place):
    here = place.installation
    take_in(here, place.published, "a.csv", [Listed(place.unit_id, "internal", number(1), "Ani")])
    launch(here, "integritas")
    (before,) = rows(here, Conversation)
    publish(here, edited(here, REWORDED), "move")
    assert move_due(here) == MoveReport(moved=1)
    stored = here.database.write(
        lambda c: turns.save(
            c,
            before.id,
            before.version,
            status="invited",
            wake_at=None,
            mix_at=None,
            sealed=before.sealed,
            key_id=before.key_id,
        )
    )
    assert not stored


def test_who_has_answered_all_that_is_left_is_finished_and_counted(place):
    here = place.installation
    people = under_way(place, *AT_TRS_01, "2", "2")
    (state,) = states_of(here).values()
    files = without(here, str(state.question))
    publish(here, files, "move")
    sent = len(people[0].inbox)
    assert move_due(here) == MoveReport(moved=1)
    (row,) = rows(here, Conversation)
    assert (row.status, row.wake_at) == ("finished", None)
    assert row.mix_at == here.now() + timedelta(hours=48)
    assert sum(one.finishes for one in rows(here, LinkDay)) == 1
    assert len(people[0].inbox) == sent, "nobody is written to out of the blue"


def test_a_version_that_is_current_again_is_left_by_nobody(place):
    here = place.installation
    first = files_of(here)
    old = place.published.flow_version_id
    new = publish(here, edited(here, NO_SUPERVISORS), "move").flow_version_id
    assert publish(here, first).flow_version_id == old
    under_way(place, "1")
    assert move_due(here) == MoveReport()
    assert versions_of(place) == [old]
    publish(here, first, "re-ask")
    moves = {row.id: (row.move_to, row.move_policy) for row in rows(here, FlowVersion)}
    assert moves == {old: (None, None), new: (old, "re-ask")}


def test_where_a_version_leads_is_told_by_the_last_who_said_so(place):
    """From the first to the second, and before all were there, to the third."""
    here = place.installation
    under_way(place, *AT_TRS_01)
    publish(here, edited(here, NO_SUPERVISORS), "re-ask")
    third = publish(here, edited(here, REWORDED), "move").flow_version_id
    assert {row.move_to for row in rows(here, FlowVersion) if row.id != third} == {third}
    assert move_due(here) == MoveReport(moved=1)
    assert versions_of(place) == [third]


def test_those_who_wait_to_replace_finished_answers_keep_their_version(place):
    here = place.installation
    (ani,) = under_way(place, *AT_TRS_01, "2", "2", "2")
    assert [row.status for row in rows(here, Conversation)] == ["finished"]
    ani.say("isi ulang")
    publish(here, edited(here, NO_SUPERVISORS), "move")
    assert move_due(here) == MoveReport(stayed=1)
    assert "kelompok jabatan" in "".join(ani.say("1") + ani.say("2"))
    assert versions_of(place) == [place.published.flow_version_id]


def test_a_closed_survey_is_left_alone(place):
    from bot.interview import closing

    here = place.installation
    under_way(place, *AT_TRS_01)
    publish(here, edited(here, NO_SUPERVISORS), "move")
    closing.close(here, "integritas")
    assert move_due(here) == MoveReport()
    assert count(here, Conversation, status=Status.CLOSED.value) == 1


def test_one_that_cannot_be_opened_stops_nobody_else(place):
    from tests.rows import change

    here = place.installation
    under_way(place, *AT_TRS_01, people=2)
    first = rows(here, Conversation)[0]
    change(here, Conversation, {"sealed": b"broken"}, id=first.id)
    publish(here, edited(here, NO_SUPERVISORS), "move")
    assert move_due(here) == MoveReport(moved=1, stayed=1)


def test_a_server_moves_by_itself_who_is_left(place):
    here = place.installation
    under_way(place, *AT_TRS_01)
    new = publish(here, edited(here, NO_SUPERVISORS), "move")
    place.sweep("move")
    assert versions_of(place) == [new.flow_version_id]
