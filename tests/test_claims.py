"""Roster, poster, personal link and user id lead one person to one interview."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.channels.base import Address
from bot.interview.erasure import forget
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from storage.models import Contact, Conversation, RosterRow
from tests.lists import Listed, number, take_in
from tests.rows import count, rows
from tests.setup import add_unit
from tests.test_duplicates import NAME, attempt, personal, poster, with_settings
from tests.whatsapp import Office, office


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        with_settings(opened)
        yield opened


def enlist(place: Office, *lines: Listed) -> None:
    take_in(place.installation, place.published, "daftar.csv", lines)


def claimed(place: Office) -> list[bool]:
    """Return of every row whether a conversation has claimed it."""
    return [row.conversation_id is not None for row in rows(place.installation, RosterRow)]


def staff(place: Office, index: int, *others: int) -> Listed:
    further = tuple(number(one) for one in others)
    return Listed(place.unit_id, "internal", number(index), f"Orang {index}", further)


def test_who_came_by_a_poster_holds_their_row_against_their_link_on_another_phone(place):
    enlist(place, staff(place, 1))
    text = personal(place, number(1))
    ani = place.twilio.person(phone=number(1))
    assert attempt(place, ani, "internal", poster(place, "internal"))
    assert claimed(place) == [True]
    elsewhere = place.twilio.person(phone=number(2))
    assert not attempt(place, elsewhere, "internal", text)
    assert count(place.installation, Contact) == 1, "and nothing is kept of that phone"
    assert launch(place.installation, NAME).invited == 0


def test_only_who_is_on_a_list_is_told_that_their_number_comes_from_it(place):
    enlist(place, staff(place, 1))
    for index, said in ((1, "Nomor Bapak/Ibu kami peroleh dari "), (2, "sendiri yang membuka")):
        person = place.twilio.person(phone=number(index))
        person.say(poster(place, "internal"))
        (text,) = person.say("siapa ini")
        assert said in text
        assert ("terpilih secara acak dari daftar pegawai" in text) is (index == 1)
        assert ("lewat tautan atau kode QR" in text) is (index == 2)


def test_who_was_invited_from_a_list_is_told_so(place):
    enlist(place, staff(place, 1))
    assert launch(place.installation, NAME).invited == 1
    (text,) = place.twilio.person(phone=number(1)).say("siapa ini")
    assert "terpilih secara acak dari daftar pegawai" in text


def test_whose_link_was_used_on_another_phone_is_neither_invited_nor_let_in_again(place):
    enlist(place, staff(place, 1))
    text = personal(place, number(1))
    assert attempt(place, place.twilio.person(phone=number(2)), "internal", text)
    assert launch(place.installation, NAME).invited == 0
    ani = place.twilio.person(phone=number(1))
    assert not attempt(place, ani, "internal", poster(place, "internal"))
    assert not attempt(place, ani, "internal", text)


def test_who_answered_before_the_list_came_is_found_when_their_link_is_used(place):
    ani = place.twilio.person(phone=number(1))
    assert attempt(place, ani, "internal", poster(place, "internal"))
    enlist(place, staff(place, 1), staff(place, 3, 4))
    budi = place.twilio.person(phone=number(4))
    text = personal(place, number(1))
    assert not attempt(place, place.twilio.person(phone=number(2)), "internal", text)
    assert attempt(place, budi, "internal", poster(place, "internal"))
    assert plan_launch(place.installation, NAME).to_invite == 0


@pytest.mark.parametrize("when", ["before the launch", "after it", "before the list"])
def test_who_writes_from_their_second_number_is_not_interviewed_on_the_first(place, when):
    second = place.twilio.person(phone=number(2))
    if when == "before the list":
        assert attempt(place, second, "internal", poster(place, "internal"))
    enlist(place, staff(place, 1, 2))
    if when == "after it":
        assert launch(place.installation, NAME).invited == 1
    if when != "before the list":
        assert attempt(place, second, "internal", poster(place, "internal"))
        assert claimed(place) == [True]
    assert launch(place.installation, NAME).invited == 0
    first = place.twilio.person(phone=number(1))
    assert not attempt(place, first, "internal", "1")
    if when != "before the list":
        assert not attempt(place, first, "internal", poster(place, "internal"))
    assert count(place.installation, Conversation) == 1


def test_who_has_begun_on_the_first_number_does_not_begin_on_the_second(place):
    enlist(place, staff(place, 1, 2))
    launch(place.installation, NAME)
    first, second = (place.twilio.person(phone=number(i)) for i in (1, 2))
    first.say("1")
    assert not attempt(place, second, "internal", poster(place, "internal"))
    assert attempt(place, first, "internal", "1")


def test_a_number_behind_several_names_is_nobodys_second_number(place):
    enlist(place, staff(place, 1, 9), staff(place, 2, 9), staff(place, 3, 4), staff(place, 4))
    officer = place.twilio.person(phone=number(9))
    assert attempt(place, officer, "internal", poster(place, "internal"))
    assert claimed(place) == [False] * 4
    owner = place.twilio.person(phone=number(4))
    assert attempt(place, owner, "internal", poster(place, "internal"))
    assert claimed(place) == [False, False, False, True], "their own row, and no other"
    assert launch(place.installation, NAME).invited == 3


def test_a_hidden_number_claims_its_row_as_soon_as_it_is_shown(place):
    enlist(place, staff(place, 1), staff(place, 2, 3))
    texts = [personal(place, number(i)) for i in (1, 2)]
    ani = place.twilio.person(phone=number(1), bsuid="ID.5000000000000001")
    budi = place.twilio.person(phone=number(3), bsuid="ID.5000000000000002")
    for person in (ani, budi):
        person.shows_phone = False
        assert attempt(place, person, "internal", poster(place, "internal"))
    assert claimed(place) == [False, False]
    launch(place.installation, NAME)
    for person in (ani, budi):
        person.shows_phone = True
        person.say("halo")
    assert claimed(place) == [True, True]
    assert count(place.installation, Conversation) == 2
    for text in texts:
        assert not attempt(place, place.twilio.person(phone=number(8)), "internal", text)


def test_a_familys_phone_is_one_interview(place):
    family = [
        Listed(place.unit_id, "internal", number(1), "Mawar Lubis"),
        Listed(place.unit_id, "internal", number(1), "Seruni Lubis"),
    ]
    enlist(place, *family)
    assert launch(place.installation, NAME).invited == 1
    phone = place.twilio.person(phone=number(1))
    assert attempt(place, phone, "internal", "1")
    assert not attempt(place, phone, "internal", poster(place, "internal"))


def test_who_was_erased_does_not_answer_on_the_number_of_the_list(place):
    enlist(place, staff(place, 1, 2))
    second = place.twilio.person(phone=number(2))
    assert attempt(place, second, "internal", poster(place, "internal"))
    forget(place.installation, Address("phone", number(2)))
    assert rows(place.installation, RosterRow) == []
    first = place.twilio.person(phone=number(1))
    assert not attempt(place, first, "internal", poster(place, "internal"))
    enlist(place, staff(place, 1))
    assert launch(place.installation, NAME).invited == 0


# a group once per unit, another once per survey


def test_staff_may_visit_another_unit_but_nobody_is_asked_twice_in_one(database_url):
    with office(database_url) as place:
        with_settings(place, eksternal="once_per: unit")
        other = add_unit(place.installation, "Dinas Kedua", code="U2")
        here = [
            Listed(place.unit_id, "internal", number(1), "Melati"),
            Listed(other, "eksternal", number(1), "Melati"),
        ]
        ani = place.twilio.person(phone=number(1), bsuid="ID.5000000000000003")
        assert attempt(place, ani, "internal", poster(place, "internal"))
        assert not attempt(place, ani, "eksternal", poster(place, "eksternal"))
        assert attempt(place, ani, "eksternal", poster(place, "eksternal", other))
        assert not attempt(place, ani, "internal", poster(place, "internal", other))
        assert not attempt(place, ani, "eksternal", poster(place, "eksternal", other))
        found = {(row.unit_id, row.grp) for row in rows(place.installation, Conversation)}
        assert found == {(one.unit_id, one.group) for one in here}


def test_a_visitor_of_two_units_claims_a_row_in_each(place):
    with_settings(place, eksternal="once_per: unit")
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    take_in(
        place.installation,
        place.published,
        "a.csv",
        [Listed(place.unit_id, "eksternal", number(1), "Melati")],
    )
    ani = place.twilio.person(phone=number(1))
    assert attempt(place, ani, "eksternal", poster(place, "eksternal", other))
    assert claimed(place) == [False]
    assert launch(place.installation, NAME).invited == 1
    assert attempt(place, ani, "eksternal", poster(place, "eksternal"))
    assert count(place.installation, Conversation) == 2


def test_when_two_contacts_become_one_each_unit_keeps_one_interview(place):
    with_settings(place, eksternal="once_per: unit")
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    ani = place.twilio.person(phone=number(1), bsuid="ID.5000000000000004")
    by_phone = place.twilio.person(phone=number(1))
    assert attempt(place, by_phone, "internal", poster(place, "internal"))
    by_id = place.twilio.person(bsuid="ID.5000000000000004")
    by_id.say(poster(place, "eksternal"))  # begun, in the unit where they have answered as staff
    assert attempt(place, by_id, "eksternal", poster(place, "eksternal", other))
    assert count(place.installation, Conversation) == 3
    ani.say("halo")
    found = {(row.unit_id, row.grp) for row in rows(place.installation, Conversation)}
    assert found == {(place.unit_id, "internal"), (other, "eksternal")}
    assert count(place.installation, Contact) == 1
