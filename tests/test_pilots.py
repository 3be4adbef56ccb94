"""Pilots: colleagues try a survey out; what they say is read, wiped, and never counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from bot.channels.base import Address, Inbound
from bot.channels.simulator import SimulatorChannel
from bot.intake.tables import InputError
from bot.interview import closing, erasure, identity, mixing, pilots
from bot.interview.chats import Chats
from bot.interview.desk import Desk
from bot.interview.receiving import receive
from bot.interview.sending.delivering import deliver
from bot.interview.surveys import publish
from bot.interview.waking import wake_due
from bot.outreach.launch.colleagues import start_pilot
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch, untried
from bot.outreach.launch.waves import Wanted, waves
from bot.outreach.links import create_links
from bot.outreach.roster.importing import import_roster
from storage.models import Address as AddressRow
from storage.models import (
    AnsweredOnce,
    Consent,
    Contact,
    Conversation,
    Link,
    Outbox,
    Pilot,
    Response,
    RosterRow,
    SimulatorMessage,
)
from storage.queries import consents, reports
from storage.queries import mixing as mixing_queries
from storage.queries import waves as wave_queries
from tests.setup import TestClock, add_unit, bundled_files, installation, publish_bundled

# A week before the bundled survey opens, Monday 10.00 WIB.
BEFORE = datetime(2026, 10, 26, 3, 0, tzinfo=UTC)
OPEN = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ANI, BUDI = "+6281200000101", "+6281200000102"
AHLI = Wanted(groups=("ahli",))
SENDER = "whatsapp:+62000000000"


@pytest.fixture
def clock():
    return TestClock(BEFORE)


@pytest.fixture
def place(some_url, clock):
    with installation(some_url, clock=clock, demo=True) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


@pytest.fixture
def either(either_url, clock):
    """One kind of database, for rules whose statements other tests run on both."""
    with installation(either_url, clock=clock, demo=True) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


def pilot(place, to=f"Ani:{ANI}, Budi: {BUDI}", wanted=AHLI):
    return start_pilot(place, "integritas", to, wanted=wanted)


def rows(place, statement):
    return place.database.read(lambda one: one.execute(statement).all())


def count(place, column):
    return rows(place, select(func.count(column)))[0][0]


def write(place, clock, phone, text):
    clock.move(seconds=30)
    inbound = Inbound(
        sid=f"SM{clock.now.timestamp():.0f}{phone}",
        channel="simulator",
        sender=SENDER,
        addresses=(Address("phone", phone),),
        text=text,
    )
    message = receive(Desk(place, lambda _: True), inbound).message
    return message.text if message else ""


def answer(place, clock, phone, *texts):
    """Agree, and answer the expert's questions until the end if no texts are given."""
    for text in ("1", "1", "setuju"):
        said = write(place, clock, phone, text)
    for text in texts or ["1"] * 40:
        said = write(place, clock, phone, text)
        if "Terima kasih" in said:
            break
    return said


def finish(place, clock, phone):
    """Answer everything with what the question takes."""
    for text in ("1", "1", "setuju"):
        said = write(place, clock, phone, text)
    for _ in range(60):
        said = write(place, clock, phone, "2" if "belum" not in said else "3")
        state = rows(
            place,
            select(Conversation.status)
            .join(Contact, Contact.id == Conversation.contact_id)
            .join(AddressRow, AddressRow.contact_id == Contact.id)
            .where(AddressRow.hmac == identity.digest(place, Address("phone", phone))),
        )
        if state == [("finished",)]:
            return
    raise AssertionError(said)


def send(place):
    while wake_due(place):
        pass
    return deliver(place, {"simulator": SimulatorChannel(Chats(place), place.now)}).sent


def test_colleagues_are_invited_before_the_survey_opens_and_told_that_they_are_read(place, clock):
    done = pilot(place)
    assert (done.wave, done.invited, done.opted_out, done.in_conversation) == (1, 2, 0, 0)
    assert send(place) == 2
    assert rows(place, select(Conversation.pilot).distinct()) == [(True,)]
    (invitation,) = Chats(place).after([Address("phone", ANI)], 0)
    assert "jawaban dibaca tim survei" in invitation.bubble.message.text
    assert "rahasia" not in invitation.bubble.message.text
    who = write(place, clock, ANI, "siapa ini")
    assert "diminta ikut uji coba" in who
    assert "daftar" not in who
    write(place, clock, ANI, "1")
    said = write(place, clock, ANI, "1")
    assert "*Uji coba*" in said
    assert "dibaca tim survei" in said
    assert "Bapak/Ibu mengenal" in write(place, clock, ANI, "setuju")


def test_the_operator_sees_answers_where_they_stopped_how_long_and_what_was_unclear(place, clock):
    pilot(place)
    answer(place, clock, ANI, "3", "entah ya", "mungkin", "2")
    found = pilots.read(place, "integritas")
    ani, budi = found.people
    assert (ani.name, ani.group, ani.unit, ani.status) == ("Ani", "ahli", "Dinas Contoh", "asking")
    assert [one.said for one in ani.answers[:1]] == ["Akademisi/peneliti"]
    assert ani.stopped_at is not None
    assert ani.progress.endswith("/14")
    assert ani.minutes == 2.0
    assert [text for _, text in ani.misread] == ["entah ya", "mungkin"]
    assert dict(found.misread)[ani.misread[0][0]] == 2
    assert (budi.status, budi.answers, budi.minutes, budi.stopped_at) == ("invited", (), None, None)
    assert found.to_dict()["people"][0]["name"] == "Ani"


def test_only_of_colleagues_is_kept_what_was_not_understood(place, clock, tmp_path):
    clock.now = OPEN
    path = tmp_path / "daftar.csv"
    path.write_text(f"kelompok,hp_wa,unit\nahli,{ANI},U1\n")
    import_roster(place, path, "integritas")
    launch(place, "integritas")
    answer(place, clock, ANI, "entah ya")
    assert count(place, Pilot.conversation_id) == 0
    assert pilots.read(place, "integritas").people == ()


def test_a_pilot_is_never_mixed_counted_or_exported(place, clock):
    pilot(place)
    clock.now = OPEN
    for phone in (ANI, BUDI):
        finish(place, clock, phone)
    clock.move(days=5)
    survey = _published(place)
    assert place.database.read(lambda one: pilots.any_finished(one, survey))
    assert place.database.read(lambda one: reports.finished(one, survey.id)) == {}
    assert place.database.read(lambda one: consents.consent_counts(one, survey.id)) == []
    assert place.database.read(lambda one: mixing_queries.waiting_cells(one, clock.now)) == []
    assert mixing.mix_due(place).mixed == 0
    assert closing.plan_close(place, "integritas").to_mix == 0
    # And if all our statements were wrong, the database would still refuse.
    with pytest.raises(IntegrityError):
        place.database.write(
            lambda one: one.execute(update(Conversation).values(mixed=True, sealed=None))
        )
    closing.close(place, "integritas")
    assert count(place, Response.id) == count(place, Pilot.conversation_id) == 0
    assert count(place, Conversation.id) == 0


def _published(place):
    return place.database.read(lambda one: place.surveys.named(one, "integritas"))


def test_wiped_is_as_if_nothing_had_been(place, clock, tmp_path):
    pilot(place)
    send(place)
    finish(place, clock, ANI)
    assert pilots.wipe(place, "integritas") == 2
    tables = (Conversation.id, Pilot.conversation_id, Outbox.id, Consent.id, Contact.id)
    assert [count(place, one) for one in (*tables, AddressRow.id, SimulatorMessage.id)] == [0] * 7
    assert pilots.wipe(place, "integritas") == 0
    (wave,) = waves(place, "integritas")
    assert (wave.kind, wave.state, wave.finished) == ("pilot", "done", 1)
    # The person stands on the roster too: invited, and asked from the first question on.
    path = tmp_path / "daftar.csv"
    path.write_text(f"kelompok,hp_wa,unit\nahli,{ANI},U1\n")
    import_roster(place, path, "integritas")
    clock.now = OPEN
    assert launch(place, "integritas").invited == 1
    write(place, clock, ANI, "1")
    said = write(place, clock, ANI, "1")
    assert "Uji coba" not in said
    assert "dilepas dari nomor" in said


def test_a_real_launch_wipes_the_pilot_first_and_invites_its_people(place, clock, tmp_path):
    pilot(place)
    finish(place, clock, ANI)
    path = tmp_path / "daftar.csv"
    path.write_text(f"kelompok,hp_wa,unit\nahli,{ANI},U1\nahli,+6281200000103,U1\n")
    import_roster(place, path, "integritas")
    clock.now = OPEN
    assert plan_launch(place, "integritas").to_invite == 2
    report = launch(place, "integritas")
    assert (report.wave, report.invited) == (1, 2)
    assert count(place, Pilot.conversation_id) == 0
    assert rows(place, select(Conversation.pilot).distinct()) == [(False,)]
    assert rows(place, select(func.count()).where(RosterRow.conversation_id > 0)) == [(2,)]


def test_a_launch_that_does_not_start_leaves_the_pilot(place, clock, tmp_path):
    pilot(place)
    finish(place, clock, ANI)
    clock.now = OPEN
    assert launch(place, "integritas").wave is None, "nobody is on the roster"
    assert count(place, Pilot.conversation_id) == 2
    path = tmp_path / "daftar.csv"
    path.write_text("kelompok,hp_wa,unit\nahli,+6281200000103,U1\n")
    import_roster(place, path, "integritas")

    def cut_off(connection):
        survey_id = _published(place).id
        asked = {"asked": {"people": 1}, "wanted": None}
        wave_queries.add(
            connection,
            survey_id=survey_id,
            kind="real",
            per_day=10,
            filters=json.dumps(asked),
            at=OPEN,
        )

    place.database.write(cut_off)
    with pytest.raises(InputError, match="was cut off"):
        launch(place, "integritas")
    assert count(place, Pilot.conversation_id) == 2
    assert pilots.read(place, "integritas").finished == 1


def test_a_first_launch_without_a_finished_pilot_is_warned_of_and_not_refused(
    either, clock, tmp_path
):
    path = tmp_path / "daftar.csv"
    path.write_text("kelompok,hp_wa,unit\nahli,+6281200000103,U1\n")
    import_roster(either, path, "integritas")
    pilot(either)
    assert untried(either, "integritas")
    finish(either, clock, ANI)
    assert not untried(either, "integritas")
    pilots.wipe(either, "integritas")
    assert not untried(either, "integritas")
    clock.now = OPEN
    assert [one.what for one in plan_launch(either, "integritas").warnings] == []


def test_without_a_pilot_the_plan_warns(either, clock, tmp_path):
    path = tmp_path / "daftar.csv"
    path.write_text("kelompok,hp_wa,unit\nahli,+6281200000103,U1\n")
    import_roster(either, path, "integritas")
    clock.now = OPEN
    plan = plan_launch(either, "integritas")
    assert plan.ready
    assert "nobody has finished a pilot" in plan.warnings[0].what
    launch(either, "integritas")
    assert plan_launch(either, "integritas").warnings == ()


def test_a_pilots_opt_out_holds(place, clock):
    pilot(place)
    write(place, clock, ANI, "berhenti")
    pilots.wipe(place, "integritas")
    again = pilot(place)
    assert (again.invited, again.opted_out) == (1, 1)


def test_colleagues_get_no_reminders(place, clock):
    pilot(place)
    send(place)
    for _ in range(20):
        clock.move(days=4, hours=1)
        send(place)
    assert rows(place, select(Outbox.purpose).distinct()) == [("invitation",)]


def test_a_colleague_at_a_poster_is_in_the_pilot_still_and_free_afterwards(place, clock):
    clock.now = OPEN
    pilot(place)
    create_links(place, "integritas", groups=["ahli"])
    code = rows(place, select(Link.code))[0][0]
    write(place, clock, ANI, code)
    assert rows(place, select(Conversation.pilot)) == [(True,), (True,)]
    assert rows(place, select(Link.starts)) == [(0,)]
    pilots.wipe(place, "integritas")
    write(place, clock, ANI, code)
    assert rows(place, select(Conversation.pilot)) == [(False,)]
    assert rows(place, select(Link.starts)) == [(1,)]


def test_erasing_a_colleague_leaves_no_mark_that_they_have_answered(place, clock):
    pilot(place)
    finish(place, clock, ANI)
    erasure.forget(place, Address("phone", ANI))
    assert count(place, AnsweredOnce.hmac) == 0
    assert count(place, Pilot.conversation_id) == 1


def test_when_two_contacts_prove_to_be_one_the_real_interview_stays(place, clock):
    clock.now = OPEN
    pilot(place, to=f"Ani:{ANI}")
    finish(place, clock, ANI)
    create_links(place, "integritas", groups=["ahli"])
    code = rows(place, select(Link.code))[0][0]
    other = Address("bsuid", "ID.1000000000000001")
    receive(
        Desk(place, lambda _: True),
        Inbound("simulator", SENDER, "SMother", (other,), text=code),
    )
    both = [Address("phone", ANI), other]
    place.database.write(lambda one: identity.person(one, place, both))
    assert rows(place, select(Conversation.pilot)) == [(False,)]
    assert count(place, Pilot.conversation_id) == 0


def test_a_list_of_colleagues_says_who_tries_which_group(either, tmp_path):
    path = tmp_path / "rekan.csv"
    path.write_text(
        "nama,hp_wa,kelompok,unit,bahasa\n"
        "Ani,0812-0000-0101,internal,U1,en\nBudi,0812-0000-0102,ahli,,\n"
        "Budi lagi,+62 812 0000 0102,ahli,,\n"
    )
    assert start_pilot(either, "integritas", str(path)).invited == 2
    found = pilots.read(either, "integritas")
    assert [(one.name, one.group) for one in found.people] == [
        ("Ani", "internal"),
        ("Budi", "ahli"),
    ]
    assert rows(either, select(Contact.language).order_by(Contact.id)) == [("en",), (None,)]


@pytest.mark.parametrize(
    ("to", "wanted", "message"),
    [
        ("Ani:12", AHLI, "Ani: this is no mobile phone number; write it as"),
        (ANI, Wanted(), "no group; name one with `--groups`: internal, eksternal, ahli"),
        (ANI, Wanted(groups=("umum",)), "there is no group 'umum'"),
        (ANI, Wanted(groups=("ahli",), units=("own:X",)), "there is no unit 'own:X'"),
        (" , ", AHLI, "nobody was named"),
        (",".join(f"+62812000002{n:02}" for n in range(51)), AHLI, "50 people at most, not 51"),
    ],
)
def test_what_is_wrong_with_a_list_of_colleagues_is_said(either, to, wanted, message):
    with pytest.raises(InputError, match=message):
        start_pilot(either, "integritas", to, wanted=wanted)
    assert count(either, Conversation.id) == 0


def test_a_survey_without_the_words_for_it_has_no_pilot(either):
    files = bundled_files()
    files["messages.yaml"] = files["messages.yaml"].replace("pilot_consent:", "consent_x:", 1)
    head, _, rest = files["messages.yaml"].partition("  consent_x:\n")
    files["messages.yaml"] = head + "  consent_again:" + rest.partition("  consent_again:")[2]
    publish(either, files)
    with pytest.raises(InputError, match="there is no message `pilot_consent`"):
        pilot(either)


def test_there_is_no_pilot_of_what_is_over_or_has_no_template(either, clock):
    with pytest.raises(InputError, match="message pilot_invite has no approved template in 'id'"):
        start_pilot(either, "integritas", ANI, wanted=AHLI, needs_templates=True)
    clock.now = datetime(2027, 2, 3, tzinfo=UTC)
    with pytest.raises(InputError, match="the survey is over"):
        pilot(either)


def test_whoever_is_in_the_real_survey_is_in_no_pilot(either, clock, tmp_path):
    clock.now = OPEN
    path = tmp_path / "daftar.csv"
    path.write_text(f"kelompok,hp_wa,unit\nahli,{ANI},U1\n")
    import_roster(either, path, "integritas")
    launch(either, "integritas")
    assert pilot(either).in_conversation == 1


def test_a_contact_that_something_else_needs_stays(either, clock):
    pilot(either, to=f"Ani:{ANI}")
    contact = rows(either, select(Contact.id))[0][0]
    survey = _published(either).id
    either.database.write(
        lambda one: consents.add_basis(one, contact, "roster", clock.now.date(), survey_id=survey)
    )
    pilots.wipe(either, "integritas")
    assert count(either, Contact.id) == count(either, AddressRow.id) == 1
