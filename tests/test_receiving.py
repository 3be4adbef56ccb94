"""A message comes in: which conversation it belongs to, what is answered, and what is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from bot.channels.base import Address
from bot.channels.base import Inbound as Arriving
from bot.flow.turn import Message
from bot.interview import closing, codes, identity
from bot.interview.conversations import enrol
from bot.interview.desk import Unkept
from bot.interview.installation import Clock, Installation, open_installation
from bot.interview.surveys import Published, publish
from storage.database import Database
from storage.keys import Secret
from storage.models import (
    Contact,
    Conversation,
    Coordinator,
    DailyMark,
    FlowVersion,
    Inbound,
    Link,
    OptOut,
    Outbox,
    RosterRow,
    Survey,
)
from tests.respondents import Respondent, all_at_once, question_in
from tests.rows import change, count, counts, fates, rows, statements, statuses
from tests.setup import SECRET, TestClock, add_unit, bundled_files
from tests.whatsapp import Office, office

STRANGER = "Ini nomor survei"
LANGUAGES = "Silakan pilih bahasa"
OVER = "Percakapan ini boleh dihapus"


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    with office(database_url) as opened:
        yield opened


def begun(place: Office, person: Any, text: str | None = None) -> str:
    """Let a person follow a link up to the first question, and return it."""
    person.say(text or place.link_text())
    person.say("1")
    return person.say("SETUJU")[0]


def respondent(place: Office, person: Any, group: str = "ahli") -> Respondent:
    flow = place.published.survey.for_group(group)
    return Respondent(person, flow, place.code(group), random.Random(7))


def add_link(place: Office, **values: Any) -> str:
    """Store a link and return the text that its follower sends."""
    code = codes.new_code(personal="roster_row_id" in values)
    plain = {
        "code": code,
        "survey_id": place.published.id,
        "unit_id": place.unit_id,
        "grp": "internal",
        "note": code,
    }
    place.installation.database.write(lambda c: c.execute(insert(Link).values(plain | values)))
    return codes.link_text("Survei", code)


def add_to_roster(place: Office, phone: str) -> int:
    here = place.installation

    def work(connection):
        key = here.keys.installation(connection)
        values = {
            "survey_id": place.published.id,
            "unit_id": place.unit_id,
            "grp": "internal",
            "address_hmac": here.keys.digest("address", phone),
            "sealed": key.seal('{"name": "Warga"}', "roster_row"),
            "key_id": key.id,
            "source": "data kepegawaian",
        }
        return connection.execute(insert(RosterRow).values(values).returning(RosterRow.id))

    return int(here.database.write(lambda c: work(c).scalar_one()))


# the same message again


def test_a_repeated_webhook_gets_the_same_words_while_their_fate_is_unknown(place):
    ani = place.twilio.person()
    with place.twilio.callbacks_held():
        reply = ani.say(place.link_text())
        assert LANGUAGES in reply[0]
        assert ani.again() == reply
        assert ani.again() == reply
    assert count(place.installation, Inbound) == 1
    assert count(place.installation, Outbox) == 1
    assert count(place.installation, Conversation) == 1


def test_a_repeated_webhook_is_silent_once_a_callback_has_told_the_fate(both):
    place = both
    ani = place.twilio.person()
    ani.say(place.link_text())
    place.twilio.settle()
    assert ani.again() == []
    assert fates(place.installation) == ["delivered"]


def test_a_repeated_webhook_is_silent_once_rest_has_the_reply(both):
    place = both
    ani = place.twilio.person()
    place.twilio.faults.next("twiml_lost")
    assert ani.say(place.link_text()) == []
    for minutes in (3, 9):
        place.clock.move(minutes=minutes)
        place.sweep("reconcile")
    assert fates(place.installation) == ["queued"]
    assert ani.again() == []
    place.sweep("deliver")
    place.twilio.settle()
    assert ani.again() == []
    assert len(ani.inbox) == 1
    assert fates(place.installation) == ["delivered"]


def test_a_repeat_gets_the_same_words_where_no_address_is_kept_for_minutes(place):
    """Who was erased needs the code of the request, and nothing of them is stored."""
    ani, stranger = place.twilio.person(), place.twilio.person()
    begun(place, ani)
    for person, text, part in ((ani, "HAPUS DATA", "Kode"), (stranger, "BERHENTI", "tidak akan")):
        said = person.say(text)
        assert part in said[0]
        place.clock.move(minutes=4)
        assert person.again() == said
        place.clock.move(minutes=2)
        assert person.again() == []
    assert count(place.installation, Outbox) == 0
    assert count(place.installation, Contact) == 0


def test_a_message_id_of_somebody_else_brings_nobody_their_reply(place):
    ani, other, stranger = (place.twilio.person() for _ in range(3))
    with place.twilio.callbacks_held():
        assert ani.say(place.link_text()) != []
        taken = ani.last_form["MessageSid"]
        assert other.say("halo", fields={"MessageSid": taken}) == []
    assert stranger.say("halo") != []
    taken = stranger.last_form["MessageSid"]
    assert other.say("halo", fields={"MessageSid": taken}) == []


def test_only_so_many_replies_are_remembered_without_an_address(place):
    here = place.installation
    unkept = Unkept()
    asked = [
        Arriving("twilio", "us", f"SM{one:032}", (Address("phone", "+6281200000701"),))
        for one in range(Unkept.MOST + 1)
    ]
    for one in asked:
        unkept.put(here, one, Message(one.sid))
    assert unkept.get(here, asked[0]) is None
    assert unkept.get(here, asked[1]) == Message(asked[1].sid)
    place.clock.move(minutes=6)
    unkept.put(here, asked[0], Message("new"))
    assert len(unkept._replies) == 1


def test_an_answer_that_is_posted_twice_is_taken_once(both):
    place = both
    ani = place.twilio.person()
    first = begun(place, ani)
    second = ani.say("1")
    with_second = ani.again()
    assert with_second in ([], second)
    flow = place.published.survey.for_group("internal")
    assert question_in(flow, first) != question_in(flow, second[0])
    assert question_in(flow, ani.say("ULANG")[0]) == question_in(flow, second[0])


# strangers


def test_a_stranger_hears_once_a_day_what_this_is_and_leaves_no_trace(both):
    place = both
    begun(place, place.twilio.person())
    place.twilio.settle()
    before = counts(place.installation)
    ani = place.twilio.person(bsuid="ID.1000000000000001", phone="+6281200000444")
    assert STRANGER in ani.say("halo")[0]
    assert ani.say("ada orang?") == []
    assert ani.say("", kind="image") == []
    after = counts(place.installation)
    assert after.pop("inbound") == before.pop("inbound") + 3
    assert after.pop("daily_mark") == before.pop("daily_mark", 0) + 1
    assert after.pop("data_key") == before.pop("data_key") + 1  # of the day
    assert after == before
    assert all(row.sealed is None for row in rows(place.installation, Inbound))


def test_a_stranger_may_ask_again_tomorrow(place):
    ani = place.twilio.person()
    ani.say("halo")
    place.clock.move(days=1)
    assert STRANGER in ani.say("halo")[0]
    assert len({row.day for row in rows(place.installation, DailyMark)}) == 2


def test_a_stranger_who_doubts_is_told_how_to_check(place):
    ani = place.twilio.person()
    assert "Jangan percaya pesan ini begitu saja" in ani.say("ini penipuan?")[0]
    assert STRANGER in ani.say("halo")[0], "each is said once a day by itself"
    assert ani.say("cek") == []


def test_a_reaction_of_a_stranger_is_no_question(place):
    assert place.twilio.person().say("👍", kind="reaction") == []


def test_nothing_is_said_where_nothing_is_published(place):
    here = place.installation
    ani = place.twilio.person()

    def clear(connection):
        connection.execute(update(Survey).values(flow_version_id=None))
        connection.execute(delete(FlowVersion))
        connection.execute(delete(Survey))

    here.database.write(clear)
    assert ani.say("halo") == []
    assert ani.say(codes.link_text("Survei", codes.new_code())) == []


# codes


@pytest.mark.parametrize("form", ["link", "bare", "lower", "spaced"])
def test_a_good_code_opens_the_survey_however_it_is_written(place, form):
    code = place.code()
    text = {
        "link": place.link_text(),
        "bare": code,
        "lower": f"kode: {code.lower()}",
        "spaced": code.replace("-", " "),
    }[form]
    assert LANGUAGES in place.twilio.person().say(text)[0]


def test_a_mistyped_code_is_named_and_keeps_nothing_of_the_person(place):
    code = place.code()
    wrong = code[:-1] + next(s for s in codes.ALPHABET if s not in code)
    reply = place.twilio.person().say(f"Kode: {wrong}")[0]
    assert wrong in reply
    assert "mungkin salah ketik" in reply
    assert count(place.installation, Contact) == 0


def test_a_code_that_nobody_gave_out_is_unknown(place):
    code = codes.new_code()
    assert f"*{code}* tidak dikenal" in place.twilio.person().say(f"Kode: {code}")[0]
    assert count(place.installation, Contact) == 0


def test_an_expired_code_says_so(place):
    text = add_link(place, expires_at=place.clock.now)
    assert "sudah tidak berlaku" in place.twilio.person().say(text)[0]
    assert count(place.installation, Conversation) == 0


def test_a_code_with_a_cap_starts_so_many_people_and_still_lets_them_come_back(both):
    place = both
    text = add_link(place, cap=2)
    people = [place.twilio.person() for _ in range(3)]
    assert [LANGUAGES in one.say(text)[0] for one in people] == [True, True, False]
    assert "sudah tidak berlaku" in people[2].inbox[-1]
    assert LANGUAGES in people[0].say(text)[0]
    assert count(place.installation, Conversation) == 2
    assert [row.starts for row in rows(place.installation, Link)] == [2]


def test_a_survey_that_is_closed_or_not_yet_open_starts_nobody(sqlite_url):
    with office(sqlite_url, opens="2026-12-01") as place:
        ani = place.twilio.person()
        assert "belum dibuka" in ani.say(place.link_text())[0]
        assert "1 Desember 2026" in ani.inbox[-1]
        place.clock.now = datetime(2026, 12, 2, 3, tzinfo=UTC)
        assert LANGUAGES in ani.say(place.link_text())[0]
        place.clock.now = datetime(2027, 2, 1, 3, tzinfo=UTC)
        assert "sudah ditutup" in place.twilio.person().say(place.link_text())[0]
        assert count(place.installation, Conversation) == 1


def test_a_link_followed_again_goes_on_where_the_person_was(place):
    ani = place.twilio.person()
    begun(place, ani)
    second = ani.say("1")[0]
    flow = place.published.survey.for_group("internal")
    again = ani.say(place.link_text())[0]
    assert question_in(flow, again) == question_in(flow, second)
    assert count(place.installation, Conversation) == 1


def test_a_personal_link_serves_one_person(place):
    text = add_link(place, roster_row_id=add_to_roster(place, "+6281200000701"), cap=1)
    ani, budi = place.twilio.person(), place.twilio.person()
    begun(place, ani, text)
    assert OVER in budi.say(text)[0], "who came second hears what everybody hears after the end"
    assert budi.say(text) == []
    assert "?" in ani.say(text)[0], "the first one goes on"
    assert count(place.installation, Conversation) == 1


def test_a_personal_link_takes_over_from_an_invitation_that_nobody_followed(place):
    """The number on the roster was old: its owner was invited, the right person has the letter."""
    here = place.installation
    row = add_to_roster(place, "+6281200000702")
    _invite(place, "+6281200000702", row)
    ani = place.twilio.person(phone="+6281200000703")
    assert LANGUAGES in ani.say(add_link(place, roster_row_id=row, cap=1))[0]
    assert count(here, Conversation) == 1
    (conversation,) = rows(here, Conversation)
    assert rows(here, RosterRow)[0].conversation_id == conversation.id


def _invite(place: Office, phone: str, row: int) -> int | None:
    here = place.installation

    def work(connection):
        met = identity.person(connection, here, [Address("phone", phone)])
        return enrol(
            connection,
            here,
            place.published,
            met.contact_id,
            place.unit_id,
            "internal",
            place.clock.now + timedelta(days=1),
            row,
        )

    return here.database.write(work)


def test_roster_poster_and_personal_link_lead_one_person_to_one_conversation(place):
    here = place.installation
    phone = "+6281200000704"
    row = add_to_roster(place, phone)
    _invite(place, phone, row)
    ani = place.twilio.person(phone=phone, bsuid="ID.1000000000000704")
    begun(place, ani)
    second = ani.say("1")[0]
    flow = place.published.survey.for_group("internal")
    ani.shows_phone = False
    personal = add_link(place, roster_row_id=row, cap=1)
    assert question_in(flow, ani.say(personal)[0]) == question_in(flow, second)
    assert count(here, Conversation) == 1
    assert count(here, Contact) == 1


def test_one_conversation_per_unit_where_the_survey_wants_it_so(sqlite_url):
    with office(sqlite_url, once_per="unit") as place:
        other = add_unit(place.installation, "Dinas Lain", code="U2")
        ani = place.twilio.person()
        begun(place, ani)
        code = place.code("internal", other)
        ani.say(f"Kode: {code}")
        assert sorted(row.unit_id for row in rows(place.installation, Conversation)) == [
            place.unit_id,
            other,
        ]
        ani.say(place.link_text())
        ani.say(f"Kode: {code}")
        assert count(place.installation, Conversation) == 2
        assert count(place.installation, Contact) == 1


# which conversation


def second_survey(place: Office) -> Published:
    files = bundled_files()
    changed = files["survey.yaml"].replace("name: integritas", "name: lain")
    files["survey.yaml"] = changed.replace("min_answer_seconds: 2", "min_answer_seconds: 0")
    return publish(place.installation, files)


def test_a_quoted_message_names_the_conversation_that_it_is_about(place):
    ani = place.twilio.person()
    begun(place, ani)
    asked_first = ani.messages[-1]
    other = second_survey(place)
    place.twilio.settle()
    ani.say(add_link(place, survey_id=other.id, grp="ahli"))
    ani.say("SETUJU")
    ahli = other.survey.for_group("ahli")
    internal = place.published.survey.for_group("internal")
    open_there = question_in(ahli, ani.inbox[-1])
    assert open_there is not None
    place.twilio.settle()
    replied = ani.say("1", quote=asked_first)[0]
    assert question_in(internal, replied) is not None
    assert question_in(internal, replied) != question_in(internal, asked_first.text)
    again = ani.say("ULANG")[0]
    assert question_in(internal, again) == question_in(internal, replied), "they went on there"


def test_a_quote_of_a_message_that_is_not_ours_is_an_ordinary_answer(place):
    ani = place.twilio.person()
    first = begun(place, ani)
    foreign = {"OriginalRepliedMessageSid": "SM" + "f" * 32}
    flow = place.published.survey.for_group("internal")
    reply = ani.say("1", fields=foreign)[0]
    assert question_in(flow, reply) not in (None, question_in(flow, first))


def test_nobody_answers_in_the_conversation_of_another_by_quoting_it(place):
    ani, budi = place.twilio.person(), place.twilio.person()
    begun(place, ani)
    first = begun(place, budi)
    place.twilio.settle()
    sid = ani.messages[-1].sid
    flow = place.published.survey.for_group("internal")
    budi.say("1", fields={"OriginalRepliedMessageSid": sid})
    assert question_in(flow, ani.say("ULANG")[0]) == question_in(flow, first)
    assert question_in(flow, budi.inbox[-1]) != question_in(flow, first)


def test_a_coordinator_may_be_a_respondent_too(place):
    here = place.installation
    ani = place.twilio.person()
    begun(place, ani)

    def post(connection):
        key = here.keys.installation(connection)
        values = {
            "survey_id": place.published.id,
            "contact_id": rows(here, Contact)[0].id,
            "unit_id": place.unit_id,
            "minute": 480,
            "sealed": key.seal("Ani", "coordinator"),
            "key_id": key.id,
        }
        connection.execute(insert(Coordinator).values(values))

    here.database.write(post)
    flow = place.published.survey.for_group("internal")
    first = question_in(flow, ani.say("ULANG")[0])
    assert "Belum ada angka" in ani.say("PROGRES")[0]
    assert question_in(flow, ani.say("1")[0]) not in (None, first)
    place.twilio.settle()
    assert set(fates(here)) == {"delivered"}


# leaving and coming back


def test_who_has_answered_and_erased_everything_does_not_answer_again(place):
    ani = place.twilio.person(phone="+6281200000801", bsuid="ID.1000000000000801")
    respondent(place, ani).interview()
    assert "sudah dihapus" in ani.say("HAPUS DATA")[0]
    place.twilio.settle()
    left = counts(place.installation)
    assert left.keys() & {"contact", "address", "conversation", "outbox", "window"} == set()
    assert OVER in ani.say(place.link_text("ahli"))[0]
    ani.shows_phone = False
    assert ani.say(place.link_text()) in ([], [ani.inbox[-1]])
    assert OVER in ani.inbox[-1]
    assert statuses(place.installation) == []


def test_who_erased_an_unfinished_interview_may_begin_anew(place):
    ani = place.twilio.person()
    begun(place, ani)
    ani.say("1")
    assert "sudah dihapus" in ani.say("HAPUS DATA")[0]
    assert count(place.installation, Contact) == 0
    assert LANGUAGES in ani.say(place.link_text())[0]
    assert statuses(place.installation) == ["language"]


def test_start_takes_a_stop_back(place):
    ani = place.twilio.person(phone="+6281200000802", bsuid="ID.1000000000000802")
    begun(place, ani)
    assert "tidak akan menghubungi lagi" in ani.say("BERHENTI")[0]
    assert count(place.installation, OptOut) == 2
    assert statuses(place.installation) == ["stopped"]
    assert OVER in ani.say("apa kabar")[0]
    assert "boleh dihubungi lagi" in ani.say("MULAI")[0]
    assert count(place.installation, OptOut) == 0
    assert statuses(place.installation) == ["consent"]


def test_the_closing_words_come_once_a_day(both):
    place = both
    ani = place.twilio.person()
    respondent(place, ani).interview()
    assert OVER in ani.say("lalu bagaimana?")[0]
    assert ani.say("halo?") == []
    assert ani.say(place.link_text("ahli")) == []
    place.clock.move(days=1)
    assert OVER in ani.say(place.link_text("ahli"))[0]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_after_the_end_of_the_survey_everybody_gets_words_and_nothing_is_kept(place, elsewhere):
    """The end may come from another process, which destroys a key that this one still knows."""
    finished, half_way, stopped, declined = [place.twilio.person() for _ in range(4)]
    respondent(place, finished).interview()
    begun(place, half_way)
    begun(place, stopped)
    stopped.say("BERHENTI")
    declined.say(place.link_text())
    declined.say("1")
    declined.say("TIDAK")
    place.twilio.settle()
    name = place.published.name
    if elsewhere:
        database = Database(place.service.settings.database_url)
        try:
            closing.close(_open(database, place.clock), name)
        finally:
            database.close()
    else:
        closing.close(place.installation, name)
    for person in (finished, half_way, stopped, declined):
        person.say("halo, bagaimana ini?")
        assert OVER in person.inbox[-1] or "ditutup" in person.inbox[-1]
        person.say("MULAI")
        person.say("HAPUS")
    place.twilio.settle()
    assert place.twilio.errors == []
    here = place.installation
    assert count(here, Inbound) == count(here, Inbound, address_hmac=None), "no turn failed"
    assert all(row.sealed is None for row in rows(here, Conversation))


def _open(database: Database, clock: TestClock) -> Installation:
    return open_installation(database, Secret(SECRET), clock=Clock(clock))


# what a turn costs


def test_an_ordinary_turn_takes_five_statements(place):
    ani = place.twilio.person(bsuid="ID.1000000000000803", phone="+6281200000803")
    begun(place, ani)
    ani.say("1")
    place.twilio.settle()
    with place.twilio.callbacks_held(), statements(place.installation) as ran:
        ani.say("1")
    assert len(ran) <= 5, "\n".join(ran)
    with place.twilio.callbacks_held(), statements(place.installation) as ran:
        ani.again()
    assert len(ran) <= 2, "\n".join(ran)


def test_an_unreadable_answer_costs_no_more(place):
    ani = place.twilio.person()
    begun(place, ani)
    place.twilio.settle()
    with place.twilio.callbacks_held(), statements(place.installation) as ran:
        ani.say("entahlah ya")
    assert len(ran) <= 5, "\n".join(ran)


def test_many_messages_of_one_person_at_once_lose_and_double_no_step(both):
    """Each is a turn of its own: the state moves by exactly as many turns as there were."""
    place = both
    people = [place.twilio.person() for _ in range(3)]
    for person in people:
        begun(place, person)
    place.twilio.settle()
    before = {row.id: row.version for row in rows(place.installation, Conversation)}
    forms = [(person, person.form("ULANG")) for person in people for _ in range(6)]
    all_at_once([partial(p.post, f) for p, f in forms], at_a_time=9)
    after = {row.id: row.version for row in rows(place.installation, Conversation)}
    assert count(place.installation, Inbound) == 3 * 3 + 18
    assert count(place.installation, Outbox) == 3 * 3 + 18
    assert all(after[one] <= before[one] + 6 for one in before)
    assert place.twilio.errors == []


def test_a_broken_link_row_is_no_reason_to_fail(place):
    """A link whose code was stored but whose survey ended answers like any closed survey."""
    text = add_link(place)
    closing.close(place.installation, place.published.name)
    assert "sudah ditutup" in place.twilio.person().say(text)[0]
    change(place.installation, Link, {"expires_at": None})
    assert "sudah ditutup" in place.twilio.person().say(text)[0]
    assert count(place.installation, Contact) == 0


def test_an_invitation_to_a_second_survey_is_answered_there(place):
    """Who has finished one survey and is invited to another answers the other without a tap."""
    ani = place.twilio.person()
    flow = place.published.survey.for_group("internal")
    Respondent(ani, flow, place.code("internal"), random.Random(3)).interview()
    other = second_survey(place)
    here = place.installation
    addresses = [Address.parse(ani.address)]

    def invite(connection):
        contact = identity.find(connection, here, addresses)
        assert contact is not None
        enrol(connection, here, other, contact, place.unit_id, "ahli", here.now())

    here.database.write(invite)
    place.sweep("wake")
    reply = ani.say("1")[-1]
    if "SETUJU" not in reply:
        reply = ani.say("1")[-1]
    assert "SETUJU" in reply
    assert question_in(other.survey.for_group("ahli"), ani.say("SETUJU")[-1]) is not None


def test_who_may_not_take_part_leaves_no_contact(place):
    """A used-up link makes nobody known."""
    first, second = place.twilio.person(), place.twilio.person()
    text = add_link(place, cap=1)
    first.say(text)
    assert second.say(text)
    assert count(place.installation, Contact) == 1
