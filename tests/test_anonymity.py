"""The audit finds every leak that is planted, and nothing where there is none."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import pytest
from sqlalchemy import Connection, insert, select, text, update

from bot.channels.base import Address as Known
from bot.channels.base import Inbound
from bot.flow.state import Status
from bot.interview import identity
from bot.interview.closing import close
from bot.interview.conversations import enrol
from bot.interview.desk import Desk
from bot.interview.erasure import erase
from bot.interview.mixing import mix_due
from bot.interview.receiving import receive
from bot.reporting.anonymity.audit import Findings, audit
from bot.reporting.anonymity.traces import Traces
from storage.models import (
    Address,
    Answer,
    AnsweredOnce,
    Audit,
    Cell,
    Conversation,
    DataKey,
    Link,
    Outbox,
    Response,
    SimulatorMessage,
)
from tests.crowd import GROUP, NAME, Crowd, gather, phone_of, vector
from tests.setup import MONDAY, TestClock, installation
from tests.test_mixing import EXTRA

K = 5


@pytest.fixture
def crowd(either_url: str) -> Iterator[Crowd]:
    """Forty mixed people and some who wait, on both databases, where five hide each other."""
    with installation(either_url) as house:
        crowd = gather(house, K)
        crowd.people(40 + K)
        mix_due(house)
        assert len(crowd.mixed_ids()) == 40
        yield crowd


def look(crowd: Crowd, *logs: Path) -> Findings:
    return audit(crowd.installation, NAME, logs)


def kinds(crowd: Crowd, *logs: Path) -> set[str]:
    return {finding.kind for finding in look(crowd, *logs).found}


def write(crowd: Crowd, *statements) -> None:
    """Plant something; texts are SQL."""

    def work(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement) if isinstance(statement, str) else statement)

    crowd.installation.database.write(work)


def rename(crowd: Crowd, names: dict[UUID, UUID]) -> None:
    """Give responses other ids."""

    def work(connection: Connection) -> None:
        rows = connection.execute(select(Response.__table__)).mappings().all()
        for row in rows:
            old, new = row["id"], names[row["id"]]
            connection.execute(insert(Response), {**row, "id": new})
            connection.execute(
                update(Answer).where(Answer.response_id == old).values(response_id=new)
            )
            connection.execute(Response.__table__.delete().where(Response.id == old))  # type: ignore[attr-defined]

    crowd.installation.database.write(work)


def response_ids(crowd: Crowd) -> list[UUID]:
    return [UUID(one) for one in crowd.responses()]


# --- nothing to find ----------------------------------------------------------------------------


def test_a_mixed_survey_is_clean(crowd: Crowd):
    findings = look(crowd)
    assert findings.found == ()
    assert findings.clean
    assert (findings.responses, findings.people) == (40, 40)


def test_a_poster_that_a_mixed_conversation_still_knows_is_found(crowd: Crowd):
    write(crowd, update(Conversation).where(Conversation.mixed.is_(True)).values(link_id=1))
    (finding,) = look(crowd).found
    assert (finding.kind, finding.where, finding.people) == (
        *("leftover", "conversation.link_id"),
        40,
    )


def test_it_stays_clean_with_units_languages_versions_erasures_and_turns_going_on(crowd: Crowd):
    chance = random.Random(11)
    newer = crowd.version(EXTRA)
    units = [crowd.unit_id, crowd.unit("Kantor A", crowd.unit_id), crowd.unit("Kantor B")]
    for _ in range(3):
        for unit in units:
            for _ in range(chance.randrange(3, 20)):
                extra = {"tambahan": 3} if chance.random() < 0.3 else {}
                crowd.people(
                    1,
                    unit_id=unit,
                    language=chance.choice(["id", "id", "id", "en"]),
                    version_id=newer if extra else crowd.version_id,
                    answers={**vector(crowd.number), **extra},
                )
        crowd.people(3, status=Status.ASKING)
        mix_due(crowd.installation)
        assert look(crowd).found == ()
    erase_one(crowd, min(crowd.mixed_ids()))
    assert look(crowd).found == ()
    close(crowd.installation, NAME)
    assert look(crowd).found == ()


def erase_one(crowd: Crowd, conversation: int) -> None:
    def work(connection: Connection) -> None:
        contact = connection.execute(
            select(Conversation.contact_id).where(Conversation.id == conversation)
        ).scalar_one()
        assert contact is not None
        erase(connection, crowd.installation, contact)

    crowd.installation.database.write(work)


def test_a_survey_that_nobody_answered_is_clean(database_url: str):
    with installation(database_url) as house:
        gather(house, K)
        assert audit(house, NAME).found == ()


def test_interviews_as_they_are_held_are_mixed_and_clean(database_url: str):
    clock = TestClock()
    with installation(database_url, clock=clock) as house:
        crowd = gather(house, K)
        said = {}
        for number in range(1, 2 * K + 1):
            answers = [str(number % 3 + 1)] * 9 + [
                str(number),
                "1 2",
                f"Layanan {number} perlu jelas",
            ]
            hold_interview(crowd, clock, number, ["mulai", "1", "setuju", *answers])
            said[number] = answers
        assert mix_due(house).mixed == 0, "nobody has waited long enough"
        clock.move(hours=49)
        assert mix_due(house).mixed == K
        stored = {answers["saran"]: answers for answers in crowd.responses().values()}
        assert len(stored) == K
        for answers in said.values():
            if answers[-1] in stored:
                assert stored[answers[-1]]["q_9"] == answers[8]
                assert stored[answers[-1]]["pilih"] == '["1","2"]'
        assert look(crowd).found == ()
        hold_interview(crowd, clock, 1, ["hapus data"])
        assert look(crowd).found == ()
        assert close(house, NAME).mixed in {0, K}
        assert look(crowd).found == ()


def hold_interview(crowd: Crowd, clock: TestClock, number: int, texts: list[str]) -> None:
    """Invite somebody who is not known yet, and send what they write through the front door."""
    house = crowd.installation
    desk = Desk(house, lambda _message: True)
    address = Known("phone", phone_of(number))

    def invite(connection: Connection) -> None:
        published = house.surveys.named(connection, NAME)
        person = identity.person(connection, house, [address])
        enrol(connection, house, published, person.contact_id, crowd.unit_id, GROUP, house.now())

    house.database.write(invite)
    for text_ in texts:
        clock.move(seconds=20)
        sid = f"SM{uuid4().hex}"
        receive(desk, Inbound("simulator", "whatsapp:+62000000000", sid, (address,), text_))


def test_chats_of_a_demo_are_noted_and_not_searched(sqlite_url: str):
    with installation(sqlite_url, demo=True) as house:
        crowd = gather(house, K)
        crowd.people(2 * K)
        mix_due(house)
        plant_bubble(crowd)
        findings = audit(house, NAME)
        assert findings.found == ()
        assert any("simulator" in note for note in findings.notes)


# --- planted: ids and order ---------------------------------------------------------------------


def test_ids_that_count_conversations_are_found(crowd: Crowd):
    ids = response_ids(crowd)
    rename(crowd, {one: UUID(int=number) for number, one in enumerate(ids, 1)})
    assert "id" in kinds(crowd)


def test_a_counter_inside_random_looking_ids_is_found(crowd: Crowd):
    ids = response_ids(crowd)
    rename(
        crowd,
        {one: UUID(int=uuid4().int >> 16 << 16 | number) for number, one in enumerate(ids)},
    )
    assert "id" in kinds(crowd)


def test_ids_that_can_be_computed_from_people_are_found(crowd: Crowd):
    keys = crowd.installation.keys
    people = sorted(crowd.mixed_ids())
    digests = [keys.digest("response", str(one))[:16] for one in people]
    names = [UUID(bytes=one, version=4) for one in digests]
    rename(crowd, dict(zip(response_ids(crowd), names, strict=True)))
    found = [one for one in look(crowd).found if one.kind == "id"]
    assert [one.people for one in found] == [40]


def test_hashes_of_names_are_no_random_ids(crowd: Crowd):
    space = uuid4()
    ids = response_ids(crowd)
    rename(crowd, {one: uuid5(space, str(number)) for number, one in enumerate(ids)})
    assert "id" in kinds(crowd)


def test_languages_that_fit_people_place_by_place_are_found(crowd: Crowd):
    chance = random.Random(12)
    spoken = [chance.choice(["id", "en"]) for _ in range(40)]
    ids = sorted(response_ids(crowd))

    def plant(connection: Connection) -> None:
        for one, language in zip(ids, spoken, strict=True):
            connection.execute(update(Response).where(Response.id == one).values(language=language))
        for conversation, language in zip(sorted(crowd.mixed_ids()), spoken, strict=True):
            connection.execute(
                text("UPDATE consent SET language = :language WHERE conversation_id = :one"),
                {"language": language, "one": conversation},
            )
        if connection.dialect.name == "postgresql":
            connection.execute(text("UPDATE conversation SET mixed = mixed WHERE mixed"))

    crowd.installation.database.write(plant)
    assert kinds(crowd) == {"order"}


def test_rows_in_the_order_of_their_ids_are_found(postgres_url: str):
    with installation(postgres_url) as house:
        crowd = gather(house, K)
        crowd.people(40 + K)
        mix_due(house)
        write(
            crowd,
            "CREATE TEMP TABLE r ON COMMIT DROP AS SELECT * FROM response",
            "CREATE TEMP TABLE a ON COMMIT DROP AS SELECT * FROM answer",
            "DELETE FROM response",
            "INSERT INTO response SELECT * FROM r ORDER BY id",
            "INSERT INTO answer SELECT * FROM a",
        )
        assert kinds(crowd) == {"order"}


def test_a_table_that_keeps_the_order_of_coming_is_found(sqlite_url: str):
    with installation(sqlite_url) as house:
        crowd = gather(house, K)
        crowd.people(40 + K)
        mix_due(house)
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as raw:
            made = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'answer'").fetchone()[0]
            assert "WITHOUT ROWID" in made
            raw.execute("ALTER TABLE answer RENAME TO old")
            raw.execute(made.replace("WITHOUT ROWID", ""))
            raw.execute("INSERT INTO answer SELECT * FROM old")
            raw.execute("DROP TABLE old")
        raw.close()
        found = {(one.kind, one.where) for one in look(crowd).found}
        assert ("order", "answer") in found


# --- planted: crowds and counts -----------------------------------------------------------------


def test_a_cell_of_fewer_than_k_is_found(crowd: Crowd):
    unit = crowd.unit("Kantor A")
    one = response_ids(crowd)[0]
    write(crowd, update(Response).where(Response.id == one).values(unit_id=unit))
    assert "sub_cell" in kinds(crowd)


@pytest.mark.parametrize(
    "mark", [{"language": "en"}, {"language": None}, {"flow_version_id": None}]
)
def test_a_mark_that_only_one_response_has_is_found(crowd: Crowd, mark: dict):
    one = response_ids(crowd)[0]
    write(crowd, update(Response).where(Response.id == one).values(**mark))
    assert "sub_cell" in kinds(crowd)


def test_a_release_of_fewer_than_k_is_found(postgres_url: str):
    with installation(postgres_url) as house:
        crowd = gather(house, K)
        crowd.people(40 + K)
        mix_due(house)
        one = response_ids(crowd)[0]
        write(crowd, update(Response).where(Response.id == one).values(grp=GROUP))
        assert kinds(crowd) == {"release"}


def test_counters_that_disagree_with_the_responses_are_found(crowd: Crowd):
    write(crowd, update(Cell).values(mixed=Cell.mixed + 1))
    assert kinds(crowd) == {"count"}


def test_an_answer_to_what_only_one_person_was_asked_is_found(crowd: Crowd):
    newer = crowd.version(EXTRA)
    answer = {"response_id": response_ids(crowd)[0], "question": "tambahan", "value": "4"}
    asked = update(Conversation).where(Conversation.id == min(crowd.mixed_ids()))
    write(crowd, insert(Answer).values(answer), asked.values(flow_version_id=newer))
    assert kinds(crowd) == {"version"}


# --- planted: leftovers -------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["response", "answer"])
def test_a_time_on_the_side_of_the_responses_is_found(crowd: Crowd, table: str):
    write(crowd, f"ALTER TABLE {table} ADD COLUMN given_at TIMESTAMP")
    found = [(one.kind, one.where) for one in look(crowd).found]
    assert found == [("time", f"{table}.given_at")]


def test_a_link_on_the_side_of_the_responses_is_found(crowd: Crowd):
    write(crowd, "ALTER TABLE response ADD COLUMN link_id INTEGER")
    assert kinds(crowd) == {"column"}


def test_a_time_that_a_person_has_for_no_reason_is_found(crowd: Crowd):
    write(crowd, "ALTER TABLE roster_row ADD COLUMN answered_at TIMESTAMP")
    assert kinds(crowd) == {"time"}


def test_a_table_that_leads_from_people_to_responses_is_found(crowd: Crowd):
    one = response_ids(crowd)[0]
    write(
        crowd,
        "CREATE TABLE came (conversation_id INTEGER, response_id VARCHAR(40))",
        f"INSERT INTO came VALUES (1, '{one}')",
    )
    assert [(one.kind, one.where) for one in look(crowd).found] == [
        ("leftover", "came.response_id")
    ]


def test_a_state_that_was_not_wiped_is_found_and_opened(crowd: Crowd):
    one = min(crowd.mixed_ids())

    def plant(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            name = "ck_conversation_mixed_has_no_state"
            connection.execute(text(f"ALTER TABLE conversation DROP CONSTRAINT {name}"))
        else:
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        key = crowd.installation.keys.survey(connection, crowd.survey_id)
        sealed = key.seal("{}", f"state:{one}")
        connection.execute(
            update(Conversation)
            .where(Conversation.id == one)
            .values(sealed=sealed, key_id=key.id, mix_at=MONDAY, version=14)
        )

    crowd.installation.database.write(plant)
    found = {(one.where, one.people) for one in look(crowd).found if one.kind == "leftover"}
    assert found == {("conversation.sealed", 1), ("conversation.version", 1)}
    assert "1 of them readable" in look(crowd).found[0].what
    assert "time" in kinds(crowd)


def test_a_message_to_somebody_mixed_is_found(crowd: Crowd):
    one = min(crowd.mixed_ids())

    def plant(connection: Connection) -> None:
        address = connection.execute(
            select(Address.id)
            .join(Conversation, Conversation.contact_id == Address.contact_id)
            .where(Conversation.id == one)
        ).scalar_one()
        crowd.say(connection, one, address)

    crowd.installation.database.write(plant)
    assert kinds(crowd) == {"outbox"}


def test_a_number_in_plain_text_is_found_however_it_is_written(crowd: Crowd):
    for number, written in enumerate(
        (phone_of(41), "0812-0000-0042", "62 812 0000 0043", f"whatsapp:{phone_of(44)}")
    ):
        note = {"note": f"{number}: {written}"}
        place = {"survey_id": crowd.survey_id, "unit_id": crowd.unit_id, "grp": GROUP}
        write(crowd, insert(Link).values(code=f"L{number}", **place, **note))
        found = [one for one in look(crowd).found if one.kind == "number"]
        assert [(one.where, one.people) for one in found] == [("link.note", number + 1)]


def test_somebodys_own_words_in_a_note_are_found(crowd: Crowd):
    words = next(iter(crowd.responses().values()))["saran"]
    write(crowd, insert(Audit).values(at=MONDAY, what="look", detail=f"said: {words}!"))
    assert {(one.kind, one.where) for one in look(crowd).found} == {("leftover", "audit.detail")}


def test_somebodys_own_words_in_a_sealed_message_are_found(crowd: Crowd):
    words = next(iter(crowd.responses().values()))["saran"]

    def plant(connection: Connection) -> None:
        row = connection.execute(select(Outbox.id, Outbox.key_id).limit(1)).one()
        key = crowd.installation.keys.by_id(connection, row.key_id)
        connection.execute(
            update(Outbox)
            .where(Outbox.id == row.id)
            .values(sealed=key.seal(f'{{"text":"{words}"}}', f"outbox:{row.id.hex}"))
        )

    crowd.installation.database.write(plant)
    assert {(one.kind, one.where) for one in look(crowd).found} == {("leftover", "outbox.sealed")}


def plant_bubble(crowd: Crowd) -> None:
    words = next(iter(crowd.responses().values()))["saran"]

    def plant(connection: Connection) -> None:
        key = crowd.installation.keys.installation(connection)
        connection.execute(
            insert(SimulatorMessage),
            {
                "address_hmac": crowd.installation.keys.digest("address", phone_of(1)),
                "at": MONDAY,
                "sealed": key.seal(words, "simulator"),
                "key_id": key.id,
            },
        )

    crowd.installation.database.write(plant)


def test_a_simulated_chat_in_a_real_installation_is_found(crowd: Crowd):
    plant_bubble(crowd)
    assert {(one.kind, one.where) for one in look(crowd).found} == {
        ("leftover", "simulator_message.sealed")
    }


def test_what_outlived_a_closed_survey_is_found(crowd: Crowd):
    close(crowd.installation, NAME)
    fresh = crowd.installation.keys.secret.wrap(b"k" * 32, f"survey:{crowd.survey_id}")
    mine = update(DataKey).where(DataKey.scope == f"survey:{crowd.survey_id}")
    write(
        crowd,
        insert(AnsweredOnce).values(hmac=b"h" * 32, survey_id=crowd.survey_id),
        mine.values(wrapped=fresh, destroyed=False),
    )
    assert kinds(crowd) == {"leftover", "key"}


# --- planted: files -----------------------------------------------------------------------------


def test_numbers_words_and_ids_in_a_log_are_found(crowd: Crowd, tmp_path: Path):
    words = next(iter(crowd.responses().values()))["saran"]
    clean = tmp_path / "clean.log"
    clean.write_text("INFO 10:00 mixed 5\nINFO from +628*****0001, sid SM0123456789\n")
    assert kinds(crowd, clean) == set()
    log = tmp_path / "tautan.log"
    log.write_text(
        f"10:00 From=whatsapp:{phone_of(41)}\n10:01 Body={words}\n"
        f"10:02 wrote {response_ids(crowd)[0]}\n10:03 wrote {response_ids(crowd)[1].hex}\n"
    )
    found = [(one.kind, one.where, one.people) for one in look(crowd, log).found]
    assert found == [("log", "tautan.log", number) for number in (1, 1, 2)]
    with pytest.raises(FileNotFoundError):
        look(crowd, tmp_path / "none.log")


@pytest.fixture
def file(sqlite_url: str) -> Iterator[Crowd]:
    """Forty mixed people in a SQLite file."""
    with installation(sqlite_url) as house:
        crowd = gather(house, K)
        crowd.people(40 + K)
        mix_due(house)
        yield crowd


def test_plain_text_in_free_pages_is_found(file: Crowd):
    words = next(iter(file.responses().values()))["saran"]
    path = file.installation.database.file
    with sqlite3.connect(str(path)) as raw:
        raw.execute("PRAGMA secure_delete = OFF")
        raw.execute("CREATE TABLE notes (text TEXT)")
        raw.executemany("INSERT INTO notes VALUES (?)", [(f"{words}{'.' * 900}",)] * 40)
        raw.commit()
        raw.execute("DROP TABLE notes")
        raw.commit()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    found = look(file).found
    assert [(one.kind, one.people) for one in found] == [("file", 1)]
    assert "free" in found[0].what


def test_a_deleted_number_that_the_file_still_has_is_found(file: Crowd):
    path = file.installation.database.file
    with sqlite3.connect(str(path)) as raw:
        raw.execute("PRAGMA secure_delete = OFF")
        raw.execute("CREATE TABLE notes (text TEXT)")
        raw.execute("INSERT INTO notes VALUES (?)", (phone_of(41),))
        raw.commit()
        raw.execute("DELETE FROM notes")
        raw.execute("DROP TABLE notes")
        raw.commit()
    raw.close()
    assert "file" in kinds(file)


def test_states_that_the_log_of_sqlite_still_has_are_found(sqlite_url: str):
    with installation(sqlite_url) as house:
        crowd = gather(house, K)
        crowd.people(2 * K)
        reader = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM conversation").fetchone()
        mix_due(house)  # cannot truncate the log: somebody reads
        found = [one for one in audit(house, NAME).found if one.where.endswith("-wal")]
        assert [one.people for one in found] == [K]
        reader.execute("COMMIT")
        reader.close()
        crowd.people(K)
        mix_due(house)
        assert audit(house, NAME).found == ()


def test_deleted_states_in_the_file_itself_are_found(sqlite_url: str):
    with installation(sqlite_url) as house:
        crowd = gather(house, K)
        crowd.people(2 * K)
        path = house.database.file
        copies = {}
        with sqlite3.connect(str(path)) as raw:
            for one, sealed in raw.execute("SELECT id, sealed FROM conversation"):
                copies[one] = sealed
        raw.close()
        mix_due(house)
        with sqlite3.connect(str(path)) as raw:
            # As if the file had been written without secure_delete.
            raw.execute("PRAGMA secure_delete = OFF")
            raw.execute("PRAGMA ignore_check_constraints = ON")
            for one in crowd.mixed_ids():
                raw.execute("UPDATE conversation SET sealed = ? WHERE id = ?", (copies[one], one))
            raw.commit()
            raw.execute("UPDATE conversation SET sealed = NULL WHERE mixed")
            raw.commit()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        assert "file" in kinds(crowd)


# --- recognising --------------------------------------------------------------------------------


def test_traces_know_numbers_in_every_spelling_and_nothing_else():
    traces = Traces()
    traces.add_address("+6281200001234")
    traces.add_address("ID.1000000000000001")
    for written in (
        "+6281200001234",
        "whatsapp:+6281200001234",
        "0812-0000-1234",
        "62 812 0000 1234",
        "(081200001234)",
        "+6281200001234999",
        "to ID.1000000000000001.",
    ):
        expected = written != "to ID.1000000000000001."
        assert bool(list(traces.people_in(written))) is expected, written
    assert list(traces.people_in("to ID.1000000000000001, sent"))
    for other in ("+6281200001235", "a081200001234", "6281200001234f", "2026-11-23 03:00:00.000"):
        assert not list(traces.people_in(other)), other


def test_traces_leave_out_what_our_own_texts_say():
    traces = Traces()
    traces.add_address("+6281200001234")
    traces.add_words("Silakan hubungi loket satu")
    traces.forget("telp: 0812-0000-1234. Silakan hubungi loket satu untuk bantuan.")
    assert traces.kinds_in("0812-0000-1234 Silakan hubungi loket satu") == set()


def test_short_answers_lead_to_nobody():
    traces = Traces()
    traces.add_words("tidak ada")
    assert traces.kinds_in("tidak ada") == set()
