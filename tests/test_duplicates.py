"""Who stands on a roster twice: found, told, decided, and interviewed once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert

from bot.interview import codes
from bot.interview.surveys import publish
from bot.outreach.decisions import Keep, decide
from bot.outreach.duplicate_report import (
    Duplicate,
    listed,
)
from bot.outreach.launch import launch
from storage.models import Conversation, Link, RosterRow
from tests import short_survey
from tests.fake_twilio_person import Person
from tests.lists import Listed, name, number, take_in
from tests.respondents import Respondent, question_in
from tests.rows import count, rows
from tests.setup import add_unit
from tests.whatsapp import Office, office

NAME = "integritas"


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def with_settings(place: Office, more: str = "", **of_groups: str) -> None:
    """Publish a short survey with further settings; `internal="once_per: unit"` for a group."""
    files = short_survey.files(place.clock.now)
    text = files["survey.yaml"] + more
    for group, line in of_groups.items():
        text = text.replace(f"\n  {group}:\n", f"\n  {group}:\n    {line}\n", 1)
    files["survey.yaml"] = text
    place.published = publish(place.installation, files)


def told(place: Office, **only: Any) -> set[tuple[Any, ...]]:
    """Return what the report says: kind, hint, who was first, where the other stands."""
    return {
        (one.kind, one.hint, one.first.name, one.first.unit, one.other.name)
        + (one.other.unit, one.other.group, one.other.line)
        for one in listed(place.installation, NAME, **only)
    }


def only(place: Office) -> Duplicate:
    (one,) = listed(place.installation, NAME)
    return one


def keep(place: Office, one: Duplicate, keep: Keep) -> None:
    decide(place.installation, NAME, {one.id: keep})


def row_place(place: Office) -> list[tuple[int, str]]:
    """Return where the rows that count stand."""
    return [(r.unit_id, r.grp) for r in rows(place.installation, RosterRow) if not r.removed]


def attempt(place: Office, person: Person, group: str, text: str) -> bool:
    """Let somebody try to take part; return whether they have been through the questions."""
    flow = place.published.survey.for_group(group)
    got = person.say(text)
    for _ in range(4):
        if not got:
            return False
        if question_in(flow, got[-1]) is not None:
            one = Respondent(person, flow, "", random.Random(text))
            one.answer(got[-1])
            return one.finished
        got = person.say("SETUJU" if "SETUJU" in got[-1] else "1")
    return False


def poster(place: Office, group: str, unit_id: int | None = None) -> str:
    return codes.link_text("Survei", place.code(group, unit_id))


def personal(place: Office, phone: str) -> str:
    """Make the personal link of the row with a number, and return what it sends."""
    here = place.installation
    (row,) = rows(here, RosterRow, address_hmac=here.keys.digest("address", phone))
    code = codes.new_code(personal=True)
    values = {
        "code": code,
        "survey_id": place.published.id,
        "unit_id": row.unit_id,
        "grp": row.grp,
        "roster_row_id": row.id,
        "cap": 1,
    }
    here.database.write(lambda c: c.execute(insert(Link).values(values)))
    return codes.link_text("Survei", code)


# all of it together


def test_nobody_answers_twice_and_the_report_names_each_duplicate(database_url):
    with office(database_url) as place:
        with_settings(place)
        here, unit_a = place.installation, place.unit_id
        unit_b = add_unit(here, "Dinas Kedua", code="U2")
        staff = [Listed(unit_a, "internal", number(i), name(i)) for i in range(100)]
        both = [Listed(unit_b, "eksternal", number(i), name(i).upper()) for i in range(5)]
        visitors = [Listed(unit_b, "eksternal", number(i), name(i)) for i in range(100, 195)]
        twice = [
            Listed(unit_b, "eksternal", number(300), "Drs. H. Melati Kenanga, M.Si"),
            Listed(unit_b, "eksternal", number(301), "Kenanga Melati"),
            Listed(unit_b, "eksternal", number(302), "Flamboyan Cempaka"),
            Listed(unit_b, "eksternal", number(303), "F. Cempaka, S.Sos."),
        ]
        officer = [Listed(unit_b, "eksternal", number(310), name(i)) for i in range(310, 314)]
        family = [Listed(unit_b, "eksternal", number(320), one + " Nasution") for one in ("A", "B")]
        take_in(here, place.published, "pegawai.csv", staff)
        second = [*both, *visitors, *twice, *officer, *family]
        _, settled = take_in(here, place.published, "pengunjung.csv", second)
        assert (settled.same_number, settled.shared_number, settled.same_person) == (5, 4, 2)
        assert settled.waiting == 3, "an officer's number is nobody's for sure"
        assert told(place) == {
            *(
                ("same_number", "", name(i), "U1", name(i).upper(), "U2", "eksternal", i + 2)
                for i in range(5)
            ),
            ("same_person", "", twice[0].name, "U2", twice[1].name, "U2", "eksternal", 0),
            ("same_person", "", twice[2].name, "U2", twice[3].name, "U2", "eksternal", 0),
            *(
                ("shared_number", "officer", name(310), "U2", name(i), "U2", "eksternal", i - 204)
                for i in range(311, 314)
            ),
            ("shared_number", "family", "A Nasution", "U2", "B Nasution", "U2", "eksternal", 111),
        }

        def user_id(index: int) -> str:
            return f"ID.{4_000_000_000_000_000 + index}"

        hidden = {
            i: place.twilio.person(phone=number(i), bsuid=user_id(i)) for i in (0, 1, 100, 101)
        }
        for person in hidden.values():
            person.shows_phone = False
        answered = dict.fromkeys((*range(5), 100, 101, 300, 302, 310, 320), 0)
        # Two come by a poster before anybody is invited, their numbers hidden.
        answered[0] += attempt(place, hidden[0], "internal", poster(place, "internal"))
        answered[100] += attempt(
            place, hidden[100], "eksternal", poster(place, "eksternal", unit_b)
        )
        suggested = [one for one in listed(here, NAME) if one.kind == "same_person"]
        decide(here, NAME, {one.id: "first" for one in suggested})
        done = launch(here, NAME, per_day=1000)
        assert done.invited == 100 + 95 + 2 + 1, "not the officer's number, nor the second ones"
        # Two more after they were invited.
        answered[1] += attempt(place, hidden[1], "internal", poster(place, "internal"))
        answered[101] += attempt(
            place, hidden[101], "eksternal", poster(place, "eksternal", unit_b)
        )
        # From now on the provider names their phones too.
        phones = dict(hidden)
        for i in answered.keys() - phones.keys():
            phones[i] = place.twilio.person(phone=number(i))
        second_phones = {
            300: place.twilio.person(phone=number(301)),
            302: place.twilio.person(phone=number(303)),
        }
        ways = [("internal", unit_a), ("eksternal", unit_b), ("eksternal", unit_a)]
        answered[300] += attempt(
            place, second_phones[300], "eksternal", poster(place, "eksternal", unit_b)
        )
        for i, person in phones.items():
            person.shows_phone = True
            group = "internal" if i < 100 else "eksternal"
            answered[i] += attempt(place, person, group, "1")
            for wanted, unit_id in ways:
                answered[i] += attempt(place, person, wanted, poster(place, wanted, unit_id))
            if i in second_phones:
                answered[i] += attempt(place, second_phones[i], group, poster(place, group, unit_b))
        assert answered == dict.fromkeys(answered, 1)
        finished = count(here, Conversation, status="finished")
        assert finished == len(answered)
