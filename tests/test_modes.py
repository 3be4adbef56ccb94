"""Whose survey it is: a survey that supports the official one takes no answers at all."""

from __future__ import annotations

import io
import re

import pytest
from sqlalchemy import func, insert, select

from bot.channels.base import Address, Inbound
from bot.flow.load import load_survey
from bot.flow.modes import in_official_months, lacking_disclaimer, refusal
from bot.flow.source import FlowError
from bot.intake.tables import InputError
from bot.interview import conversations, identity
from bot.interview.codes import new_code
from bot.interview.desk import Desk
from bot.interview.receiving import receive
from bot.interview.surveys import publish
from bot.outreach.launch.colleagues import start_pilot
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from bot.outreach.links import create_links, create_personal_links
from bot.outreach.roster.importing import import_roster
from bot.reporting.export.writing import export
from storage.models import Contact, Conversation, Link, RosterRow
from tests.setup import MONDAY, TestClock, add_unit, bundled_files, installation

OFFICIAL = """
  official:
    id: "*{{nama_survei}}* hanya diisi lewat penyelenggara resminya; di sini kami tidak menerima jawaban. Periksa di {{situs_resmi}}."
    en: "*{{nama_survei}}* is answered with its official organiser only; no answers are taken here. Check on {{situs_resmi}}."
"""  # noqa: E501


def files(mode="own", *, words=True, flows=True, **settings):
    """Return the bundled survey under another mode, `settings` replacing "key: value" lines."""
    made = bundled_files()
    text = made["survey.yaml"].replace("mode: own ", f"mode: {mode} ")
    for name, value in settings.items():
        text = re.sub(rf"^{name}: .*$", f"{name}: {value}", text, flags=re.MULTILINE)
    if not flows:
        text = re.sub(r"^    flow: .*\n", "", text, flags=re.MULTILINE)
        made = {name: one for name, one in made.items() if name in {"messages.yaml"}}
    made["survey.yaml"] = text
    if words:
        made["messages.yaml"] = made["messages.yaml"].replace(
            "\nmessages:\n", f"\nmessages:{OFFICIAL}", 1
        )
    return made


@pytest.fixture
def place(some_url):
    with installation(some_url, clock=TestClock()) as made:
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


def write(place, phone, text):
    inbound = Inbound(
        "simulator", "whatsapp:+62000000000", f"SM{phone}{text}", (Address("phone", phone),), text
    )
    return receive(Desk(place, lambda _: True), inbound).message


def count(place, column):
    return place.database.read(lambda one: one.execute(select(func.count(column))).scalar_one())


def roster(place, tmp_path):
    path = tmp_path / "daftar.csv"
    path.write_text("kelompok,hp_wa,unit\ninternal,+6281200000101,U1\n")
    return import_roster(place, path, "integritas")


@pytest.mark.parametrize("flows", [True, False])
def test_the_support_of_an_official_survey_needs_no_questions_and_refuses_what_brings_answers(
    place, tmp_path, flows
):
    publish(place, files("official-support", flows=flows))
    assert roster(place, tmp_path).counts == {"accepted": 1}
    why = "`mode: official-support` takes no answers"
    with pytest.raises(InputError, match=why):
        launch(place, "integritas")
    with pytest.raises(InputError, match=why):
        start_pilot(place, "integritas", "+6281200000102")
    with pytest.raises(InputError, match=why):
        create_links(place, "integritas")
    with pytest.raises(InputError, match=why):
        create_personal_links(place, "integritas")
    with pytest.raises(InputError, match=why):
        export(place, "integritas", "csv", io.BytesIO())
    assert [one.what.split(",")[0] for one in plan_launch(place, "integritas").missing] == [why]


def test_who_writes_is_told_kindly_that_the_official_survey_alone_takes_answers(place):
    publish(place, files("official-support", flows=False))
    said = write(place, "+6281200000101", "1")
    assert "*Survei Integritas Kota Contoh* hanya diisi lewat penyelenggara resminya" in said.text
    # Once a day, like everything that strangers hear.
    assert write(place, "+6281200000101", "setuju") is None
    assert count(place, Contact.id) == count(place, Conversation.id) == 0
    # CEK and BERHENTI are answered as ever.
    assert "KC-2741" in write(place, "+6281200000102", "CEK").text
    assert "tidak" in write(place, "+6281200000103", "BERHENTI").text


def test_who_is_on_the_roster_of_an_official_survey_may_be_erased(place, tmp_path):
    publish(place, files("official-support", flows=False))
    roster(place, tmp_path)
    assert count(place, RosterRow.id) == 1
    assert "Kode permintaan" in write(place, "+6281200000101", "HAPUS DATA").text
    assert count(place, RosterRow.id) == 0


def test_a_link_that_there_was_leads_to_the_same_words(place):
    published = publish(place, files("official-support"))
    code = new_code()
    values = {"code": code, "survey_id": published.id, "unit_id": 1, "grp": "internal"}
    place.database.write(lambda one: one.execute(insert(Link).values(values)))
    assert "hanya diisi lewat penyelenggara resminya" in write(place, "+6281200000101", code).text
    assert count(place, Contact.id) == count(place, Conversation.id) == 0


def test_no_code_of_ours_can_make_a_conversation_in_it(place):
    published = publish(place, files("official-support"))
    met = place.database.write(
        lambda one: identity.person(one, place, [Address("phone", "+6281200000101")])
    )
    with pytest.raises(ValueError, match="takes no answers"):
        place.database.write(
            lambda one: conversations.enrol(
                one, place, published, met.contact_id, 1, "internal", MONDAY
            )
        )


def test_a_survey_with_people_in_it_cannot_become_the_support_of_another(place, tmp_path):
    publish(place, files())
    roster(place, tmp_path)
    launch(place, "integritas")
    with pytest.raises(FlowError, match="people are in this survey already"):
        publish(place, files("official-support"))


def test_a_survey_that_asks_needs_its_questions_and_a_support_its_words():
    with pytest.raises(FlowError) as caught:
        load_survey(files(flows=False))
    assert "no flow" in str(caught.value)
    asks = files()
    asks["survey.yaml"] = asks["survey.yaml"].replace("    flow: ahli\n", "")
    with pytest.raises(FlowError, match="`flow` is missing; name the flow"):
        load_survey(asks)
    with pytest.raises(FlowError, match="`official` is missing"):
        load_survey(files("official-support", words=False))


@pytest.mark.parametrize(
    ("mode", "opens", "closes", "clashes"),
    [
        ("own", "2026-11-01", "2027-01-31", False),
        ("own", "2027-02-01", "2027-07-31", False),
        ("own", "2027-02-01", "2027-08-01", True),
        ("own", "2027-09-01", "2027-09-02", True),
        ("own", "2027-10-31", "2027-12-01", True),
        ("own", "2026-11-01", "2027-12-01", True),
        ("owner", "2027-08-01", "2027-10-31", False),
    ],
)
def test_a_survey_of_our_own_is_warned_of_the_official_months(mode, opens, closes, clashes):
    survey = load_survey(files(mode, opens=opens, closes=closes))
    assert in_official_months(survey.settings) is clashes
    told = [one for one in survey.advice if "August to October" in one.what]
    assert [(one.file, one.what.split()[2]) for one in told] == (
        [("survey.yaml", opens)] if clashes else []
    )


def test_a_launch_in_the_official_months_warns(place, tmp_path):
    publish(place, files(opens="2026-10-01"))
    roster(place, tmp_path)
    plan = plan_launch(place, "integritas")
    assert plan.ready
    assert "August to October" in plan.warnings[0].what


@pytest.mark.parametrize(
    ("said", "lacking"),
    [
        ("Ini bukan survei KPK.", []),
        ("Ini bukan survei SPI dari KPK, melainkan survei kami.", []),
        ("Bukan survei Bank. Salam dari KPK.", ["id"]),
        ("Kami mengajak mengisi survei.", ["id"]),
    ],
)
def test_the_invitation_of_our_own_survey_has_to_say_that_it_is_not_kpks(said, lacking):
    made = files()
    made["messages.yaml"] = made["messages.yaml"].replace(
        "Bukan survei KPK; kami tidak meminta data bank atau OTP.", said, 1
    )
    survey = load_survey(made)
    invitation = survey.words.messages["invite"].texts
    assert lacking_disclaimer(survey.settings, invitation) == lacking
    told = [one for one in survey.advice if "not KPK's survey" in one.what]
    assert len(told) == len(lacking)
    assert lacking_disclaimer(load_survey(files("owner")).settings, {"id": "x"}) == []


def test_everything_else_is_allowed_to_our_own_and_to_the_owner():
    for mode in ("own", "owner"):
        assert refusal(load_survey(files(mode)).settings, "invite people") is None
    assert load_survey(bundled_files()).advice == ()
