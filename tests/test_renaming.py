"""Somebody's addresses have changed: the same person, counted once, reached at the new ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select

from bot.channels.base import Address, Renamed
from bot.flow.state import Status
from bot.flow.turn import Message
from bot.interview import answered, erasure, identity
from bot.interview.installation import Installation
from bot.interview.renaming import rename
from bot.interview.sending import outbox
from storage.models import Address as AddressTable
from storage.models import Conversation, OptOut, Outbox, Window
from storage.queries import people
from tests.rows import count, counts, rows
from tests.setup import MONDAY, installation
from tests.test_identity import contacts, converse, meet, survey

PHONE, NEW_PHONE = Address("phone", "+6281200000001"), Address("phone", "+6281200000002")
OLD, NEW, OTHER = (Address("bsuid", f"ID.{n}") for n in (1, 2, 3))
PARENT, NEW_PARENT = (Address("parent_bsuid", f"ID.ENT.{n}") for n in (1, 2))


@pytest.fixture
def here(some_url: str) -> Iterator[Installation]:
    with installation(some_url) as opened:
        yield opened


def moved(here: Installation, old: list[Address], new: list[Address]) -> bool:
    return rename(here, Renamed("wamid.x", tuple(old), tuple(new)))


def addresses(here: Installation, contact: int) -> set[Address]:
    def work(c):
        found = people.addresses_of(c, [contact])
        return {identity.open_address(c, here, row) for row in found}

    return here.database.read(work)


def test_a_new_user_id_takes_the_place_of_the_old_one(here):
    ani = meet(here, PHONE, OLD)
    assert moved(here, [OLD], [NEW])
    assert addresses(here, ani) == {PHONE, NEW}
    assert meet(here, PHONE, NEW) == meet(here, NEW) == ani
    assert contacts(here) == 1


def test_that_is_no_recycled_number_although_the_phone_stays(here):
    """Without the word of the provider the same phone with a new id is somebody else."""
    ani = meet(here, PHONE, OLD)
    moved(here, [OLD], [NEW])
    assert meet(here, PHONE, NEW) == ani
    assert meet(here, PHONE, OTHER) != ani


def test_a_new_number_with_a_new_id_is_the_same_person(here):
    ani = meet(here, PHONE, OLD, PARENT)
    assert moved(here, [PHONE, OLD, PARENT], [NEW_PHONE, NEW, NEW_PARENT])
    assert addresses(here, ani) == {NEW_PHONE, NEW, NEW_PARENT}
    assert meet(here, PHONE, OTHER) != ani, "who gets the old number is somebody new"


def test_the_old_id_goes_even_where_the_provider_names_the_phone_alone(here):
    ani = meet(here, PHONE, OLD)
    assert moved(here, [PHONE], [NEW_PHONE, NEW])
    assert addresses(here, ani) == {NEW_PHONE, NEW}


def test_another_phone_of_the_person_stays(here):
    ani = meet(here, PHONE, OLD)
    meet(here, NEW_PHONE, OLD)
    third = Address("phone", "+6281200000003")
    moved(here, [NEW_PHONE, OLD], [third, NEW])
    assert addresses(here, ani) == {PHONE, third, NEW}


def test_two_conversations_of_the_person_become_one(here):
    """The person wrote from the new number before we were told."""
    place = survey(here)
    first, second = meet(here, PHONE, OLD), meet(here, NEW_PHONE, NEW)
    done = converse(here, first, place, Status.FINISHED)
    converse(here, second, place, Status.INVITED)
    assert moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    assert [row.id for row in rows(here, Conversation)] == [done]
    assert contacts(here) == 1
    assert meet(here, NEW_PHONE, NEW) == meet(here, NEW)


def test_a_new_number_that_somebody_else_had_before_moves_and_joins_nobody(here):
    place = survey(here)
    ani, budi = meet(here, PHONE, OLD), meet(here, NEW_PHONE, OTHER)
    converse(here, budi, place, Status.ASKING)
    assert moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    assert addresses(here, ani) == {NEW_PHONE, NEW}
    assert addresses(here, budi) == {OTHER}
    assert [row.contact_id for row in rows(here, Conversation)] == [budi]


def test_the_old_number_may_be_somebody_elses_when_we_are_told(here):
    """The word came late: by now another person has written from it."""
    ani, budi = meet(here, PHONE, OLD), meet(here, PHONE, OTHER)
    assert moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    assert addresses(here, ani) == {NEW_PHONE, NEW}
    assert addresses(here, budi) == {PHONE, OTHER}


def test_of_people_we_do_not_know_nothing_is_kept(here):
    before = counts(here)
    assert not moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    assert counts(here) == before


def test_who_is_known_by_the_new_addresses_alone_stays_so(here):
    ani = meet(here, NEW)
    assert not moved(here, [OLD], [NEW])
    assert addresses(here, ani) == {NEW}


def test_twice_is_once(here):
    ani = meet(here, PHONE, OLD)
    assert moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    before = rows(here, AddressTable)
    assert not moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    assert rows(here, AddressTable) == before
    assert addresses(here, ani) == {NEW_PHONE, NEW}


def test_what_waits_for_the_old_address_goes_to_the_new_one(here):
    meet(here, OLD)
    (old,) = rows(here, AddressTable)

    def work(c):
        people.saw_inbound(c, old.id, "s", MONDAY)
        outbox.enqueue(
            c, here, address_id=old.id, message=Message("x"), purpose="reply", dedupe="a"
        )

    here.database.write(work)
    moved(here, [OLD], [NEW])
    (new,) = rows(here, AddressTable)
    assert [row.address_id for row in rows(here, Outbox)] == [new.id] != [old.id]
    assert count(here, Window) == 0, "nobody has written from there yet"


@pytest.mark.parametrize("known", [True, False])
def test_who_asked_not_to_be_contacted_is_not_at_the_new_address_either(here, known):
    since = date(2026, 11, 2)
    mac = identity.digest(here, OLD)
    here.database.write(lambda c: people.add_opt_out(c, mac, "respondent", since))
    if known:
        meet(here, PHONE, OLD)
    moved(here, [OLD], [NEW])
    ani = meet(here, PHONE, NEW)
    assert here.database.read(lambda c: identity.opted_out(c, here, ani))
    kept = {row.hmac: row.since for row in rows(here, OptOut)}
    assert kept[identity.digest(here, NEW)] == kept[mac] == since


@pytest.mark.parametrize("known", [True, False])
def test_who_has_answered_and_was_erased_does_not_answer_again(here, known):
    place = survey(here)
    ani = meet(here, OLD)
    converse(here, ani, place, Status.FINISHED)
    here.database.write(lambda c: erasure.erase(c, here, ani))
    if known:
        meet(here, OLD)
    moved(here, [OLD], [NEW])
    again = meet(here, NEW)
    assert here.database.read(lambda c: answered.before(c, here, place[0], again))
    stranger = meet(here, OTHER)
    assert not here.database.read(lambda c: answered.before(c, here, place[0], stranger))


def test_the_new_address_is_the_one_to_write_to(here):
    ani = meet(here, OLD)
    moved(here, [OLD], [NEW])
    row = here.database.read(lambda c: identity.best_address(c, ani))
    assert row is not None
    assert here.database.read(lambda c: identity.open_address(c, here, row)) == NEW


def test_no_address_is_stored_in_the_clear(here):
    meet(here, PHONE, OLD)
    moved(here, [PHONE, OLD], [NEW_PHONE, NEW])
    stored = here.database.read(lambda c: repr(c.execute(select(AddressTable.sealed)).all()))
    assert NEW_PHONE.value not in stored and NEW.value not in stored
