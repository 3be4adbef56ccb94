"""Erasing people, and deleting what has outlived its purpose."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Connection, func, insert, select, update

from bot.channels.base import Address as Known
from bot.flow.state import NO_ANSWERS, Status
from bot.interview import answered, identity
from bot.interview.erasure import REJECT, erase, forget, purge
from bot.interview.mixing import mix_due
from storage.models import (
    Address,
    AnsweredOnce,
    Audit,
    Base,
    Consent,
    Contact,
    ContactBasis,
    Conversation,
    Coordinator,
    DailyMark,
    DataKey,
    FirstWrite,
    Inbound,
    Link,
    OptOut,
    Outbox,
    RosterImport,
    RosterNumber,
    RosterReject,
    RosterRow,
    SimulatorMessage,
    Survey,
    Window,
)
from tests.crowd import GROUP, Crowd, gather, phone_of, vector
from tests.setup import MONDAY, installation

K = 3
TODAY = MONDAY.date()


@pytest.fixture
def crowd(some_url: str) -> Iterator[Crowd]:
    """A small survey without people, on both databases, where three hide each other."""
    with installation(some_url) as house:
        yield gather(house, K)


def contact_of(crowd: Crowd, conversation: int):
    return crowd.installation.database.read(
        lambda connection: connection.execute(
            select(Conversation.contact_id).where(Conversation.id == conversation)
        ).scalar_one()
    )


def count(crowd: Crowd, table, *where) -> int:
    statement = select(func.count()).select_from(table).where(*where)
    return crowd.installation.database.read(
        lambda connection: int(connection.execute(statement).scalar_one())
    )


def run(statement, connection: Connection) -> None:
    connection.execute(statement)


def furnish(crowd: Crowd, connection: Connection, contact_id: int) -> None:
    """Give a person everything that the database can have of one."""
    key = crowd.installation.keys.installation(connection)
    address_id, mac = connection.execute(
        select(Address.id, Address.hmac).where(Address.contact_id == contact_id)
    ).one()
    place = {"survey_id": crowd.survey_id, "unit_id": crowd.unit_id}
    roster_row = connection.execute(
        select(RosterRow.id).where(RosterRow.address_hmac == mac)
    ).scalar_one()
    connection.execute(
        insert(RosterNumber),
        {"survey_id": place["survey_id"], "row_id": roster_row, "address_hmac": mac[::-1]},
    )
    connection.execute(
        insert(Link), {"code": f"P{contact_id}", "grp": GROUP, "roster_row_id": roster_row, **place}
    )
    connection.execute(
        insert(Window),
        {"address_id": address_id, "sender": "whatsapp:+62000000000", "last_inbound_at": MONDAY},
    )
    connection.execute(
        insert(FirstWrite), {"portfolio": "default", "address_id": address_id, "at": MONDAY}
    )
    connection.execute(
        insert(Inbound),
        {
            "sid_hmac": uuid4().bytes * 2,
            "received_on": TODAY,
            "sealed": key.seal("{}", "inbound"),
            "key_id": key.id,
            "address_hmac": mac,
            "order_no": 1,
        },
    )
    connection.execute(
        insert(SimulatorMessage),
        {"address_hmac": mac, "at": MONDAY, "sealed": b"x" * 40, "key_id": key.id},
    )
    connection.execute(
        insert(Coordinator),
        {
            "contact_id": contact_id,
            "minute": 480,
            "sealed": key.seal("Ibu Contoh", "coordinator"),
            "key_id": key.id,
            **place,
        },
    )
    connection.execute(
        insert(ContactBasis),
        {
            "contact_id": contact_id,
            "survey_id": place["survey_id"],
            "how": "roster",
            "source": "buku tamu",
            "recorded_on": TODAY,
        },
    )
    connection.execute(insert(OptOut), {"hmac": mac, "purpose": "respondent", "since": TODAY})
    taken = {
        "survey_id": place["survey_id"],
        "name": "daftar.csv",
        "digest": bytes(32),
        "status": "active",
        "started_at": MONDAY,
    }
    import_id = connection.execute(
        insert(RosterImport).values(taken).returning(RosterImport.id)
    ).scalar_one()
    connection.execute(
        insert(RosterReject),
        {
            "import_id": import_id,
            "line": 2,
            "kind": "unknown_unit",
            "sealed": key.seal("{}", REJECT),
            "key_id": key.id,
            "address_hmac": mac,
            **place,
        },
    )


PERSONAL = (
    Contact,
    Address,
    Window,
    FirstWrite,
    RosterRow,
    RosterNumber,
    RosterReject,
    Link,
    Conversation,
    Consent,
    Outbox,
    SimulatorMessage,
    Coordinator,
    ContactBasis,
)


def test_nothing_of_a_person_stays_but_the_opt_out_and_a_digest(crowd: Crowd):
    (mine,) = crowd.people(1)
    (other,) = crowd.people(1)
    contact_id = contact_of(crowd, mine)

    def work(connection: Connection) -> None:
        furnish(crowd, connection, contact_id)
        furnish(crowd, connection, contact_of_in(connection, other))
        erase(connection, crowd.installation, contact_id)

    crowd.installation.database.write(work)
    # Exactly the other person's rows are left, one of each kind.
    assert {table.__tablename__: count(crowd, table) for table in PERSONAL} == {
        table.__tablename__: 1 for table in PERSONAL
    }
    assert count(crowd, Conversation, Conversation.id == other) == 1
    assert count(crowd, Inbound) == 2, "the ids of messages stay, so that none is taken twice"
    assert count(crowd, Inbound, Inbound.sealed.is_not(None)) == 1
    assert count(crowd, OptOut) == 2
    assert count(crowd, AnsweredOnce) == 2, "of both numbers that the list has of them"


def contact_of_in(connection: Connection, conversation: int):
    return connection.execute(
        select(Conversation.contact_id).where(Conversation.id == conversation)
    ).scalar_one()


def test_every_table_that_names_a_person_was_thought_of():
    """A new table with a person in it must be erased too, or stand here with its reason."""
    known = {table.__tablename__ for table in PERSONAL}
    kept = {
        "inbound": "wiped in place: the message's id stays",
        "opt_out": "survives on purpose",
        "answered_once": "survives on purpose",
        "daily_mark": "readable by nobody after midnight",
        "attachment": "goes with its answer: tests/test_attachments.py erases somebody",
        "pilot": "goes with its conversation: tests/test_pilots.py erases a colleague",
    }
    personal = {"hmac", "address_hmac", "address_id", "contact_id", "conversation_id"}
    for table in Base.metadata.sorted_tables:
        if personal & set(table.columns.keys()):
            assert table.name in known | kept.keys(), table.name


@pytest.mark.parametrize("status", [Status.FINISHED, Status.ASKING])
def test_who_had_answered_does_not_answer_again(crowd: Crowd, status: Status):
    earlier = None if status is Status.FINISHED else vector(1)
    (mine,) = crowd.people(1, status=status, earlier=earlier)
    forget(crowd.installation, Known("phone", phone_of(1)))

    def comes_back(connection: Connection) -> bool:
        met = identity.person(connection, crowd.installation, [Known("phone", phone_of(1))])
        return answered.before(connection, crowd.installation, crowd.survey_id, met.contact_id)

    assert crowd.installation.database.write(comes_back)
    assert count(crowd, Conversation, Conversation.id == mine) == 0


def test_who_had_not_answered_may_begin_again(crowd: Crowd):
    crowd.people(1, status=Status.ASKING)
    forget(crowd.installation, Known("phone", phone_of(1)))
    assert count(crowd, AnsweredOnce) == 0


def test_mixed_answers_stay_and_still_count_but_lead_to_nobody(crowd: Crowd):
    crowd.people(2 * K)
    mix_due(crowd.installation)
    responses = crowd.responses()
    mine = min(crowd.mixed_ids())
    contact_id = contact_of(crowd, mine)
    report = crowd.installation.database.write(
        lambda connection: erase(connection, crowd.installation, contact_id)
    )
    assert (report.conversations, report.mixed) == (1, 1)
    assert crowd.responses() == responses
    assert contact_of(crowd, mine) is None
    assert count(crowd, Conversation, Conversation.status == "finished") == 2 * K
    assert count(crowd, Consent, Consent.conversation_id == mine) == 0
    assert count(crowd, RosterRow, RosterRow.conversation_id == mine) == 0
    assert count(crowd, AnsweredOnce) == 1


def test_one_survey_alone_can_be_erased(crowd: Crowd):
    (mine,) = crowd.people(1)
    contact_id = contact_of(crowd, mine)

    def work(connection: Connection) -> None:
        survey = connection.execute(
            insert(Survey)
            .values(name="lain", settings="", settings_hash=b"x" * 32)
            .returning(Survey.id)
        ).scalar_one()
        connection.execute(
            insert(Conversation),
            {
                "survey_id": survey,
                "contact_id": contact_id,
                "unit_id": crowd.unit_id,
                "grp": GROUP,
                "status": "invited",
                "flow_version_id": crowd.version_id,
            },
        )
        furnish(crowd, connection, contact_id)
        erase(connection, crowd.installation, contact_id, crowd.survey_id)

    crowd.installation.database.write(work)
    assert count(crowd, Contact) == count(crowd, Address) == count(crowd, Window) == 1
    assert count(crowd, Conversation) == 1
    assert count(crowd, Conversation, Conversation.survey_id == crowd.survey_id) == 0
    assert count(crowd, Outbox) == count(crowd, RosterRow) == 0


def test_forget_finds_roster_rows_of_people_never_met(crowd: Crowd):
    mac = crowd.installation.keys.digest("address", "+6281200009999")

    def work(connection: Connection) -> None:
        key = crowd.installation.keys.installation(connection)
        connection.execute(
            insert(RosterRow),
            {
                "survey_id": crowd.survey_id,
                "unit_id": crowd.unit_id,
                "grp": GROUP,
                "address_hmac": mac,
                "sealed": key.seal("{}", "roster_row"),
                "key_id": key.id,
            },
        )

    crowd.installation.database.write(work)
    report = forget(crowd.installation, Known("phone", "+6281200009999"))
    assert (report.known, report.roster_rows) == (False, 1)
    assert count(crowd, OptOut) == 0
    assert forget(crowd.installation, Known("phone", "+6281200009999")).roster_rows == 0


def test_forget_opts_out_when_asked_and_is_noted_without_a_number(crowd: Crowd):
    crowd.people(1)
    forget(crowd.installation, Known("phone", phone_of(1)), opt_out=True)
    forget(crowd.installation, Known("phone", phone_of(2)), opt_out=True)
    assert count(crowd, OptOut) == 2
    noted = crowd.installation.database.read(
        lambda connection: list(connection.execute(select(Audit.detail)).scalars())
    )
    assert len(noted) == 2
    assert not any(character.isdigit() for detail in noted for character in detail)


def test_an_erasure_that_fails_half_way_has_not_happened(crowd: Crowd):
    (mine,) = crowd.people(1)
    contact_id = contact_of(crowd, mine)

    def work(connection: Connection) -> None:
        erase(connection, crowd.installation, contact_id)
        raise RuntimeError("the turn fails")

    with pytest.raises(RuntimeError):
        crowd.installation.database.write(work)
    assert count(crowd, Contact) == count(crowd, Conversation) == count(crowd, RosterRow) == 1


def test_an_interview_never_finished_leaves_no_digest_even_when_opened_again(crowd: Crowd):
    crowd.people(1, status=Status.STOPPED, answers=NO_ANSWERS)
    forget(crowd.installation, Known("phone", phone_of(1)))
    assert count(crowd, AnsweredOnce) == 0


# --- purge --------------------------------------------------------------------------------------


def test_purge_deletes_what_is_older_than_its_purpose_and_nothing_else(crowd: Crowd):
    ids = crowd.people(2, status=Status.ASKING)
    house = crowd.installation

    def fill(connection: Connection) -> None:
        addresses = list(connection.execute(select(Address.id).order_by(Address.id)).scalars())
        for age in (0, 30, 31):
            values = {"sid_hmac": uuid4().bytes * 2, "received_on": TODAY - timedelta(days=age)}
            connection.execute(insert(Inbound), values)
        for address, hours in zip(addresses, (23, 25), strict=True):
            values = {"address_id": address, "sender": "s"}
            heard = MONDAY - timedelta(hours=hours)
            connection.execute(insert(Window), {**values, "last_inbound_at": heard})
        for age in (0, 1, 2):
            day = TODAY - timedelta(days=age)
            house.keys.scoped(connection, f"day:{day.isoformat()}")
            connection.execute(insert(DailyMark), {"hmac": uuid4().bytes * 2, "day": day})
        crowd.say(connection, ids[0], addresses[0], status="queued")
        old = MONDAY - timedelta(days=2)
        connection.execute(update(Outbox).values(created_at=old))
        crowd.say(connection, ids[0], addresses[0])

    house.database.write(fill)
    report = purge(house)
    assert (report.inbound, report.windows, report.marks, report.keys) == (1, 1, 2, 2)
    assert (report.payloads, report.consents, report.clean) == (2, 0, True)
    assert count(crowd, Inbound) == 2
    assert count(crowd, Window) == 1
    assert count(crowd, DailyMark, DailyMark.day == TODAY) == count(crowd, DailyMark) == 1
    alive = house.database.read(
        lambda connection: set(
            connection.execute(select(DataKey.scope).where(~DataKey.destroyed)).scalars()
        )
    )
    assert f"day:{TODAY}" in alive
    assert len([scope for scope in alive if scope.startswith("day:")]) == 1
    assert count(crowd, Outbox, Outbox.sealed.is_not(None)) == 2, "one waits, one is fresh"
    again = purge(house)
    assert (again.inbound, again.windows, again.marks, again.keys, again.payloads) == (0,) * 5


def test_consents_are_proof_until_a_year_after_the_end(crowd: Crowd):
    crowd.people(2)
    for days, left in ((None, 2), (365, 2), (366, 0)):
        closed = None if days is None else MONDAY - timedelta(days=days)
        close = update(Survey).values(closed_at=closed)
        crowd.installation.database.write(functools.partial(run, close))
        purge(crowd.installation)
        assert count(crowd, Consent) == left


def test_messages_to_mixed_people_are_deleted_when_settled(crowd: Crowd):
    crowd.people(2 * K)
    mix_due(crowd.installation)
    mixed = min(crowd.mixed_ids())

    def late(connection: Connection) -> None:
        contact = contact_of_in(connection, mixed)
        address = connection.execute(
            select(Address.id).where(Address.contact_id == contact)
        ).scalar_one()
        crowd.say(connection, mixed, address)
        crowd.say(connection, mixed, address, status="unknown")

    crowd.installation.database.write(late)
    purge(crowd.installation)
    assert count(crowd, Outbox, Outbox.conversation_id == mixed) == 1
