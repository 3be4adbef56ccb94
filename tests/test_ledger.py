"""The ledger of posters: what is counted, what is told, and that nothing leads to anybody."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert

from bot.interview import codes
from bot.outreach.ledger import ledger
from storage.models import Contact, Conversation, Link, LinkDay
from tests.respondents import Respondent, all_at_once
from tests.rows import change, count, rows, statements
from tests.setup import MONDAY
from tests.test_receiving import add_link, add_to_roster
from tests.whatsapp import Office, office

TODAY = date(2026, 11, 23)
LANGUAGES = "Silakan pilih bahasa"


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    with office(database_url) as opened:
        yield opened


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def days(place: Office) -> list[tuple[date, int, int, int]]:
    return [
        (row.day, row.starts, row.finishes, row.refused)
        for row in rows(place.installation, LinkDay)
    ]


def interviewed(place: Office, seed: int = 1) -> Any:
    """Let somebody hold a whole interview by the poster, and return the person."""
    person = place.twilio.person()
    flow = place.published.survey.for_group("ahli")
    Respondent(person, flow, place.code("ahli"), random.Random(seed)).interview()
    return person


def test_starts_and_finishes_are_counted_by_day_and_an_interview_held_again_only_once(both):
    place = both
    ani = interviewed(place)
    assert days(place) == [(TODAY, 1, 1, 0)]
    place.clock.move(hours=14)  # midnight has passed in Jakarta, not in UTC
    place.twilio.person().say(place.link_text("ahli"))
    ani.say("ISI ULANG")
    flow = place.published.survey.for_group("ahli")
    Respondent(ani, flow, place.code("ahli"), random.Random(2)).interview()
    assert days(place) == [(TODAY, 1, 1, 0), (TODAY + timedelta(days=1), 1, 0, 0)]
    assert [row.starts for row in rows(place.installation, Link)] == [2]


def test_nothing_of_a_personal_link_is_counted_but_what_others_try(both):
    place = both
    text = add_link(place, roster_row_id=add_to_roster(place, "+6281200000701"), cap=1)
    ani, budi = place.twilio.person(), place.twilio.person()
    assert LANGUAGES in ani.say(text)[0]
    assert ani.say(text), "who has it comes back as often as they like"
    assert days(place) == []
    for _ in range(2):
        budi.say(text)
    assert days(place) == [(TODAY, 0, 0, 2)]
    assert all(row.link_id is None for row in rows(place.installation, Conversation))


def test_a_poster_that_is_over_lets_those_who_have_begun_go_on(both):
    place = both
    until = place.clock.now + timedelta(hours=1)
    text = add_link(place, expires_at=until)
    ani = place.twilio.person()
    ani.say(text)
    place.clock.now = until
    assert LANGUAGES in ani.say(text)[0]
    people = count(place.installation, Contact)
    assert "sudah tidak berlaku" in place.twilio.person().say(text)[0]
    assert count(place.installation, Contact) == people, "who comes too late leaves no trace"
    assert days(place) == [(TODAY, 1, 0, 1)]


def test_a_cap_holds_however_many_come_at_once(both):
    place = both
    text = add_link(place, cap=3)
    people = [place.twilio.person() for _ in range(9)]
    all_at_once([partial(one.say, text) for one in people], at_a_time=9)
    place.twilio.settle()
    in_: list[Any] = []
    out: list[Any] = []
    for one in people:
        (out if "sudah tidak berlaku" in one.inbox[-1] else in_).append(one)
    assert (len(in_), len(out)) == (3, 6)
    assert count(place.installation, Conversation) == 3
    assert [row.starts for row in rows(place.installation, Link)] == [3]
    assert days(place) == [(TODAY, 3, 0, 6)]


def test_one_person_twice_at_once_takes_one_place(both):
    place = both
    text = add_link(place, cap=2)
    ani = place.twilio.person()
    ani.say("halo")
    forms = [ani.form(text) for _ in range(4)]
    all_at_once([partial(ani.post, form) for form in forms], at_a_time=4)
    place.twilio.settle()
    assert count(place.installation, Conversation) == 1
    assert [row.starts for row in rows(place.installation, Link)] == [1]
    assert days(place) == [(TODAY, 1, 0, 0)]


def test_a_turn_within_an_interview_knows_nothing_of_the_ledger(both):
    place = both
    ani = place.twilio.person()
    ani.say(place.link_text("ahli"))
    ani.say("1")
    ani.say("SETUJU")
    with statements(place.installation) as ran:
        ani.say("1")
    assert not any("link_day" in one for one in ran)
    flow = place.published.survey.for_group("ahli")
    budi = place.twilio.person()
    respondent = Respondent(budi, flow, place.code("ahli"), random.Random(1))
    with statements(place.installation) as ran:
        respondent.interview()
    assert sum("link_day" in one for one in ran) == 2, "one at the start, one at the end"


def put(place: Office, code: str, **counted: Any) -> None:
    """Write days into a link's ledger."""
    (link,) = rows(place.installation, Link, code=code)
    values = {"link_id": link.id, **counted}
    place.installation.database.write(lambda c: c.execute(insert(LinkDay).values(values)))


def test_small_numbers_are_hidden_sums_are_of_what_is_shown_and_today_is_not_told(place):
    code = place.code("ahli")
    put(place, code, day=TODAY, starts=50, finishes=50)
    put(place, code, day=TODAY - timedelta(days=1), starts=7, finishes=4, refused=1)
    put(place, code, day=TODAY - timedelta(days=2), starts=6, finishes=5)
    found = ledger(place.installation, "integritas")
    (line,) = found.posters
    assert [str(day.starts) for day in line.days] == ["6", "7"]
    assert [str(day.finishes) for day in line.days] == ["5", "<5"]
    assert [str(day.refused) for day in line.days] == ["0", "<5"]
    assert (line.starts, line.finishes) == (13, 5)
    told = found.to_dict()["posters"][0]
    assert told["days"][1]["finishes"] is None
    assert "50" not in str(told)


def test_a_run_is_a_day_far_from_what_posters_are_like(place):
    busy, calm = place.code("ahli"), place.code("eksternal")
    for back in range(1, 6):
        put(place, calm, day=TODAY - timedelta(days=back), starts=6)
        put(place, busy, day=TODAY - timedelta(days=back), starts=60 if back == 3 else 5)
    found = ledger(place.installation, "integritas")
    runs = [(line.group, day.day) for line in found.posters for day in line.days if day.run]
    assert runs == [("ahli", TODAY - timedelta(days=3))]


def test_a_personal_code_that_many_use_is_a_leak_and_is_not_named(place):
    texts = [
        add_link(place, roster_row_id=add_to_roster(place, f"+628120000071{n}"), cap=1)
        for n in range(2)
    ]
    found_codes = [codes.find(text, strict=True).code for text in texts]
    put(place, str(found_codes[0]), day=TODAY - timedelta(days=1), refused=4)
    found = ledger(place.installation, "integritas")
    (line,) = found.personal
    assert (str(line.attempts), line.leak) == ("<5", False)
    put(place, str(found_codes[1]), day=TODAY - timedelta(days=1), refused=6)
    found = ledger(place.installation, "integritas")
    (line,) = found.personal
    assert (line.unit, line.group, str(line.attempts), line.leak) == (
        *("Dinas Contoh", "internal", "10"),
        True,
    )
    assert found.posters == ()
    assert not any(str(code) in str(found.to_dict()) for code in found_codes)


def test_a_poster_is_forgotten_of_whom_it_brought_with_their_state(place):
    """Mixing cuts the tie; closing does the same to those who did not finish."""
    from bot.interview.closing import close

    interviewed(place)
    place.twilio.person().say(place.link_text("ahli"))
    assert all(row.link_id for row in rows(place.installation, Conversation))
    close(place.installation, "integritas")
    assert not any(row.link_id for row in rows(place.installation, Conversation))
    assert days(place) == [(MONDAY.date(), 2, 1, 0)]
    change(place.installation, Link, {"expires_at": None})
    assert "sudah ditutup" in place.twilio.person().say(place.link_text("ahli"))[0]
    assert days(place) == [(MONDAY.date(), 2, 1, 0)]
