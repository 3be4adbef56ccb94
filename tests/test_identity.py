"""Who somebody is: addresses join only as the provider asserts, and nobody is counted twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from bot.channels.base import Address
from bot.flow.state import State, Status
from bot.interview import identity
from bot.interview.installation import Installation
from storage.models import Address as AddressTable
from storage.models import Cell, Contact, Conversation, FlowVersion, RosterRow, Survey
from storage.queries import people
from tests.setup import MONDAY, add_unit, installation

PHONE = Address("phone", "+6281200000001")
OTHER_PHONE = Address("phone", "+6281200000002")
BSUID = Address("bsuid", "ID.1000000000000001")
OTHER_BSUID = Address("bsuid", "ID.1000000000000002")
PARENT = Address("parent_bsuid", "ID.ENT.1000000000000009")


@pytest.fixture
def here(some_url: str) -> Iterator[Installation]:
    with installation(some_url) as opened:
        yield opened


def meet(here: Installation, *addresses: Address) -> int:
    """Let a webhook assert addresses; return the contact."""
    return here.database.write(lambda c: identity.person(c, here, addresses)).contact_id


def contacts(here: Installation) -> int:
    return here.database.read(
        lambda c: int(c.execute(select(func.count()).select_from(Contact)).scalar_one())
    )


def survey(here: Installation) -> tuple[int, int, int]:
    """Store a bare survey; return its id, its version's and a unit's."""
    unit = add_unit(here)

    def work(c):
        values = {"name": "s", "settings": "", "settings_hash": b"\0" * 32}
        one = c.execute(insert(Survey).values(values).returning(Survey.id)).scalar_one()
        version = c.execute(
            insert(FlowVersion)
            .values(survey_id=one, content_hash=b"\0" * 32, content="{}", published_at=MONDAY)
            .returning(FlowVersion.id)
        ).scalar_one()
        return int(one), int(version)

    one, version = here.database.write(work)
    return one, version, unit


def converse(
    here: Installation,
    contact: int,
    place: tuple[int, int, int],
    status: Status,
    *,
    answers: dict[str, str] | None = None,
    mixed: bool = False,
    before: State | None = None,
    **columns: object,
) -> int:
    """Store a conversation in a state, with what is in `before` besides; return its id."""
    survey_id, version, unit = place

    def work(c):
        made = c.execute(
            insert(Conversation)
            .values(
                survey_id=survey_id,
                contact_id=contact,
                unit_id=unit,
                grp="internal",
                status=status.value,
                flow_version_id=version,
                mixed=mixed,
                **columns,
            )
            .returning(Conversation.id)
        ).scalar_one()
        if not mixed:
            key = here.keys.survey(c, survey_id)
            state = before or State(status=status, language="id")
            state = replace(state, status=status, answers=answers or {})
            sealed = key.seal(state.to_json(), f"state:{made}")
            c.execute(
                update(Conversation)
                .where(Conversation.id == made)
                .values(sealed=sealed, key_id=key.id)
            )
        return int(made)

    return here.database.write(work)


def remaining(here: Installation) -> list[tuple[int, int | None]]:
    """Return (id, contact) of all conversations."""
    query = select(Conversation.id, Conversation.contact_id).order_by(Conversation.id)
    return here.database.read(lambda c: [(row[0], row[1]) for row in c.execute(query)])


def test_a_phone_in_any_webhook_is_the_same_person(here):
    assert meet(here, PHONE) == meet(here, PHONE)
    assert contacts(here) == 1


def test_a_hidden_number_joins_its_phone_only_when_one_webhook_names_both(here):
    by_phone, by_id = meet(here, PHONE), meet(here, BSUID)
    assert by_phone != by_id
    joined = meet(here, PHONE, BSUID)
    assert joined == meet(here, BSUID) == meet(here, PHONE)
    assert contacts(here) == 1


def test_a_parent_id_joins_like_any_other(here):
    first = meet(here, BSUID)
    assert meet(here, PARENT, BSUID) == first
    assert meet(here, PARENT, PHONE) == first
    assert meet(here, PHONE) == first


def test_three_contacts_become_one(here):
    meet(here, PHONE)
    meet(here, BSUID)
    meet(here, PARENT)
    meet(here, PHONE, BSUID, PARENT)
    assert contacts(here) == 1


def test_a_phone_with_a_new_user_id_is_a_recycled_number(here):
    old = meet(here, PHONE, BSUID)
    new = meet(here, PHONE, OTHER_BSUID)
    assert new != old
    assert meet(here, PHONE) == new
    assert meet(here, BSUID) == old


def test_a_recycled_number_moves_to_a_person_who_is_known_already(here):
    old = meet(here, PHONE, BSUID)
    known = meet(here, OTHER_BSUID)
    assert meet(here, PHONE, OTHER_BSUID) == known
    assert meet(here, BSUID) == old


def test_an_address_is_never_stored_plain(here):
    meet(here, PHONE, BSUID)
    rows = here.database.read(lambda c: c.execute(select(AddressTable)).all())
    assert PHONE.value not in repr(rows)
    assert "1000000000000001" not in repr(rows)


def test_finished_beats_open_when_two_conversations_meet(here):
    place = survey(here)
    done = converse(here, meet(here, BSUID), place, Status.FINISHED, mix_at=MONDAY)
    converse(here, meet(here, PHONE), place, Status.ASKING, answers={"a": "1"})
    kept = meet(here, PHONE, BSUID)
    assert remaining(here) == [(done, kept)]


def test_of_two_open_ones_the_fuller_stays(here):
    place = survey(here)
    converse(here, meet(here, PHONE), place, Status.ASKING, answers={"a": "1"})
    fuller = converse(here, meet(here, BSUID), place, Status.ASKING, answers={"a": "1", "b": "2"})
    kept = meet(here, PHONE, BSUID)
    assert remaining(here) == [(fuller, kept)]
    assert here.database.read(lambda c: people.active_conversation(c, kept)) == fuller


def test_of_two_finished_ones_the_first_stays(here):
    place = survey(here)
    later = MONDAY.replace(hour=9)
    converse(here, meet(here, PHONE), place, Status.FINISHED, mix_at=later)
    first = converse(here, meet(here, BSUID), place, Status.FINISHED, mix_at=MONDAY)
    meet(here, PHONE, BSUID)
    assert [one for one, _ in remaining(here)] == [first]


def known_duplicates(here: Installation) -> list[int]:
    return here.database.read(lambda c: list(c.execute(select(Cell.known_duplicates)).scalars()))


def finished_once(at: datetime | None) -> State:
    """Return what a state holds of an interview that was finished at a time and opened again."""
    return State(Status.ASKING, "id", earlier={"a": "2", "b": "1"}, finished_at=at)


@pytest.mark.parametrize("status", [Status.ASKING, Status.STOPPED, Status.DECLINED])
def test_finished_answers_stay_whatever_became_of_their_conversation(here, status):
    place = survey(here)
    done = converse(here, meet(here, PHONE), place, status, before=finished_once(MONDAY))
    full = {"a": "1", "b": "2", "c": "3"}
    converse(here, meet(here, BSUID), place, Status.ASKING, answers=full)
    kept = meet(here, PHONE, BSUID)
    assert remaining(here) == [(done, kept)]


@pytest.mark.parametrize("answers", [{}, {"a": "1"}])
def test_an_interview_that_was_finished_later_gives_way_opened_again_or_not(here, answers):
    place = survey(here)
    hour = timedelta(hours=1)
    waits = MONDAY + 48 * hour
    before = State(Status.FINISHED, "id", finished_at=MONDAY)
    one = {"a": "1", "b": "1"}
    phone = meet(here, PHONE)
    first = converse(here, phone, place, Status.FINISHED, answers=one, before=before, mix_at=waits)
    later = finished_once(MONDAY + hour)
    converse(here, meet(here, BSUID), place, Status.ASKING, answers=answers, before=later)
    kept = meet(here, PHONE, BSUID)
    assert remaining(here) == [(first, kept)]


def test_the_first_one_stays_though_it_was_opened_and_finished_again(here):
    place = survey(here)
    hour = timedelta(hours=1)
    again = State(Status.FINISHED, "id", finished_at=MONDAY, ended_at=MONDAY + 2 * hour)
    once = State(Status.FINISHED, "id", finished_at=MONDAY + hour, ended_at=MONDAY + hour)
    contact = meet(here, PHONE)
    converse(here, contact, place, Status.FINISHED, before=once, mix_at=MONDAY + 49 * hour)
    contact = meet(here, BSUID)
    first = converse(here, contact, place, Status.FINISHED, before=again, mix_at=MONDAY + 50 * hour)
    meet(here, PHONE, BSUID)
    assert [one for one, _ in remaining(here)] == [first]


def test_states_that_do_not_say_when_they_were_finished_are_ordered_by_what_they_do_say(here):
    place = survey(here)
    hour = timedelta(hours=1)
    opened = replace(finished_once(None), last_turn_at=MONDAY + 3 * hour)
    converse(here, meet(here, PHONE), place, Status.ASKING, before=opened)
    done = State(Status.FINISHED, "id", last_turn_at=MONDAY)
    contact = meet(here, BSUID)
    first = converse(here, contact, place, Status.FINISHED, before=done, mix_at=MONDAY + 48 * hour)
    meet(here, PHONE, BSUID)
    assert [one for one, _ in remaining(here)] == [first]


@pytest.mark.parametrize("answers", [{}, {"a": "1"}])
def test_a_mixed_interview_stays_and_nobody_is_counted_twice(here, answers):
    place = survey(here)
    first = converse(here, meet(here, PHONE), place, Status.FINISHED, mixed=True)
    later = finished_once(MONDAY)
    converse(here, meet(here, BSUID), place, Status.ASKING, answers=answers, before=later)
    kept = meet(here, PHONE, BSUID)
    assert remaining(here) == [(first, kept)]
    assert known_duplicates(here) == []


def test_a_mixed_duplicate_is_counted_and_not_hidden(here):
    place = survey(here)
    first = converse(here, meet(here, PHONE), place, Status.FINISHED, mixed=True)
    second = converse(here, meet(here, BSUID), place, Status.FINISHED, mixed=True)
    kept = meet(here, PHONE, BSUID)
    assert remaining(here) == [(first, kept), (second, None)]
    assert known_duplicates(here) == [1]


def test_a_merged_person_keeps_one_roster_row(here):
    place = survey(here)
    rows = []
    for number, address in enumerate((PHONE, BSUID)):
        conversation = converse(here, meet(here, address), place, Status.ASKING)

        def work(c, conversation=conversation, number=number):
            key = here.keys.installation(c)
            values = {
                "survey_id": place[0],
                "unit_id": place[2],
                "grp": "internal",
                "address_hmac": bytes([number]) * 32,
                "sealed": b"",
                "key_id": key.id,
                "conversation_id": conversation,
            }
            made = insert(RosterRow).values(values).returning(RosterRow.id)
            return c.execute(made).scalar_one()

        rows.append(here.database.write(work))
    meet(here, PHONE, BSUID)
    query = select(RosterRow.id, RosterRow.conversation_id, RosterRow.removed)
    stored = here.database.read(lambda c: {row[0]: tuple(row[1:]) for row in c.execute(query)})
    [(conversation, _)] = remaining(here)
    assert set(stored.values()) == {(None, True), (conversation, False)}


def test_an_opt_out_holds_for_an_address_that_joins_later(here):
    by_phone = meet(here, PHONE)
    here.database.write(lambda c: identity.opt_out(c, here, by_phone))
    joined = meet(here, PHONE, BSUID)
    mac = identity.digest(here, BSUID)
    assert here.database.read(lambda c: people.opted_out(c, [mac], "respondent"))
    here.database.write(lambda c: identity.opt_in(c, here, joined))
    assert not here.database.read(lambda c: identity.opted_out(c, here, joined))


def test_a_merge_keeps_the_earliest_opt_out(here):
    meet(here, PHONE)
    meet(here, BSUID)
    days = {PHONE: date(2026, 11, 20), BSUID: date(2026, 11, 3)}

    def work(c):
        for address, day in days.items():
            people.add_opt_out(c, identity.digest(here, address), "respondent", day)

    here.database.write(work)
    meet(here, PHONE, BSUID)
    macs = [identity.digest(here, one) for one in (PHONE, BSUID)]
    found = here.database.read(lambda c: people.opt_outs(c, macs))
    assert {one[2] for one in found} == {date(2026, 11, 3)}


def test_the_address_last_heard_of_is_written_to_first(here):
    contact = meet(here, PHONE, BSUID)

    def best():
        return here.database.read(lambda c: identity.best_address(c, contact))

    assert best().kind == "phone"
    by_id = here.database.write(lambda c: identity.person(c, here, (BSUID,)))
    address_id = by_id.addresses[BSUID]
    here.database.write(lambda c: people.saw_inbound(c, address_id, "whatsapp:+62", MONDAY))
    assert best().kind == "bsuid"


def test_webhooks_about_the_same_people_at_the_same_moment_leave_one_contact_each(here):
    people_met = [
        (
            Address("phone", f"+62812000001{number:02}"),
            Address("bsuid", f"ID.20000000000000{number:02}"),
        )
        for number in range(12)
    ]
    begin = threading.Barrier(8)
    failures: list[BaseException] = []

    def work() -> None:
        begin.wait()
        for phone, bsuid in people_met:
            try:
                for asserted in ((phone,), (bsuid,), (phone, bsuid), (bsuid, phone)):
                    meet(here, *asserted)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert contacts(here) == len(people_met)


ASSERTED = st.lists(
    st.sampled_from(
        [
            *((one,) for one in (PHONE, BSUID, OTHER_PHONE, OTHER_BSUID, PARENT)),
            *((PHONE, BSUID), (OTHER_PHONE, BSUID), (PHONE, OTHER_BSUID), (PARENT, PHONE)),
        ]
    ),
    max_size=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asserted=ASSERTED)
def test_whatever_is_asserted_every_address_has_one_owner(tmp_path_factory, asserted):
    folder = tmp_path_factory.mktemp("identity")
    with installation(f"sqlite:///{folder}/t.db") as here:
        for addresses in asserted:
            met = meet(here, *addresses)
            assert all(meet(here, one) == met for one in addresses)
        rows = here.database.read(lambda c: c.execute(select(AddressTable.contact_id)).all())
        assert {row[0] for row in rows} <= set(
            here.database.read(lambda c: c.execute(select(Contact.id)).scalars().all())
        )
