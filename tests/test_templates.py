"""Which template says a message now; what is paused stops, says so, and goes on by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.channels.base import Template
from bot.channels.twilio import TwilioChannel
from bot.flow.templates import wordings
from bot.flow.turn import Message
from bot.intake.tables import InputError
from bot.interview.sending import templates
from bot.interview.sending.delivering import Delivery, deliver
from bot.interview.sending.templates import usable, watch
from bot.interview.surveys import publish
from bot.outreach import approvals
from bot.outreach.launch.launching import launch
from bot.outreach.roster.importing import Options, import_roster
from storage.models import Audit, Outbox, Survey, Window
from storage.models import Template as Table
from tests.rows import change, fates, rows
from tests.setup import bundled_files, installation, publish_bundled
from tests.test_sending import INVITE, Post
from tests.whatsapp import Office, office


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


def channel(place: Office) -> TwilioChannel:
    assert place.service.twilio is not None
    return place.service.twilio


def approve(place: Office) -> None:
    """Make, submit and have approved all templates of the bundled survey."""
    approvals.sync(place.installation, "integritas", channel(place).templates)
    approvals.submit(place.installation, "integritas", channel(place).templates)
    for sid, content in place.twilio.contents.items():
        if content.approval["status"] == "received":
            place.twilio.judge(sid, "approved")
    watch(place.installation, channel(place))


def sid_of(place: Office, message: str = "invite", language: str = "id") -> str:
    found = rows(place.installation, Table, message=message, language=language)
    return str(max(found, key=lambda one: one.attempt).provider_id)


def ask(place: Office, message: str = "invite", language: str = "id") -> Template | str:
    return place.installation.database.read(
        lambda c: usable(c, place.installation, place.published.id, message, language)
    )


def stop(place: Office, code: int | None, sid: str | None = None) -> bool:
    return place.installation.database.write(
        lambda c: templates.fault(c, place.installation, sid or sid_of(place), code)
    )


def noted(place: Office) -> list[str]:
    found = select(Audit.detail).where(Audit.what == "template").order_by(Audit.id)
    return list(place.installation.database.read(lambda c: c.execute(found).scalars()))


# which one


def test_the_approved_template_of_the_current_words_is_used_with_its_variables(place):
    assert ask(place) == "message invite has no approved template in 'id'"
    approve(place)
    names = ("waktu", "penyelenggara", "durasi")
    assert ask(place) == Template(sid_of(place), "id", names)
    assert ask(place, language="en") == Template(sid_of(place, language="en"), "en", names)
    assert ask(place, "nothing") == "message nothing has no approved template in 'id'"


@pytest.mark.parametrize("status", ["unsubmitted", "received", "pending", "rejected"])
def test_nothing_is_used_that_is_not_approved(quick, status):
    approvals.sync(quick.installation, "integritas", channel(quick).templates)
    if status != "unsubmitted":
        approvals.submit(quick.installation, "integritas", channel(quick).templates)
    if status in ("pending", "rejected"):
        quick.twilio.judge(sid_of(quick), status, "INVALID_FORMAT" if status == "rejected" else "")
        watch(quick.installation, channel(quick))
    found = ask(quick)
    assert isinstance(found, str)
    assert status in found
    assert ("INVALID_FORMAT" in found) is (status == "rejected")


def test_the_one_in_the_settings_is_used_until_its_own_is_approved_and_when_that_is_paused(quick):
    by_hand = quick.twilio.content({"twilio/text": {"body": "Halo {{nama}}"}})
    publish_bundled(quick.installation, templates=f"{{invite: {{id: {by_hand}}}}}")
    assert ask(quick) == Template(by_hand, "id")
    approve(quick)
    made = ask(quick)
    assert isinstance(made, Template)
    assert made.id != by_hand
    quick.twilio.judge(made.id, "paused")
    watch(quick.installation, channel(quick))
    assert ask(quick) == Template(by_hand, "id")
    quick.twilio.judge(by_hand, "paused")
    watch(quick.installation, channel(quick))
    assert ask(quick) == "template invite in 'id' is paused by WhatsApp"


def test_the_one_in_the_settings_is_watched_too(place):
    by_hand = place.twilio.content({"twilio/text": {"body": "Halo {{nama}}"}})
    publish_bundled(place.installation, templates=f"{{invite: {{id: {by_hand}}}}}")
    watch(place.installation, channel(place))
    assert ask(place) == Template(by_hand, "id")
    place.twilio.judge(by_hand, "disabled", "spam")
    assert watch(place.installation, channel(place)) == 1
    assert ask(place) == (
        f"template invite in 'id', {by_hand} in survey.yaml, is disabled by WhatsApp: spam"
    )
    del place.twilio.contents[by_hand]
    watch(place.installation, channel(place))
    assert "is gone" in str(ask(place))


def test_one_of_ours_that_stands_in_the_settings_keeps_its_numbers_or_waits(quick):
    approve(quick)
    sid = sid_of(quick)
    publish_bundled(quick.installation, templates=f"{{invite: {{id: {sid}}}}}")
    assert ask(quick) == Template(sid, "id", ("waktu", "penyelenggara", "durasi"))
    quick.twilio.judge(sid, "paused")
    watch(quick.installation, channel(quick))
    assert ask(quick) == "template invite in 'id' is paused by WhatsApp"


def test_new_words_need_a_new_approval(quick):
    approve(quick)
    files = bundled_files()
    files["messages.yaml"] = files["messages.yaml"].replace(
        "mengajak Bapak/Ibu mengisi survei singkat", "mohon mengisi survei singkat"
    )
    publish(quick.installation, files)
    assert "new words that are not approved" in str(ask(quick))
    assert isinstance(ask(quick, "reminder_first"), Template)
    approve(quick)
    assert isinstance(ask(quick), Template)
    assert len({one.provider_id for one in rows(quick.installation, Table, message="invite")}) == 3


def test_a_paused_language_is_not_replaced_by_another_a_missing_one_is(quick):
    by_hand = quick.twilio.content({"twilio/text": {"body": "Halo {{nama}}"}})
    publish_bundled(quick.installation, templates=f"{{invite: {{id: {by_hand}}}}}")
    assert ask(quick, language="en") == Template(by_hand, "id")
    assert ask(quick, language="bjn") == Template(by_hand, "id")
    approve(quick)
    english = ask(quick, language="en")
    assert isinstance(english, Template)
    assert english.language == "en"
    assert ask(quick, language="bjn") == ask(quick, language="id")
    quick.twilio.judge(english.id, "paused")
    watch(quick.installation, channel(quick))
    assert ask(quick, language="en") == "template invite in 'en' is paused by WhatsApp"


def test_a_demo_needs_no_approval(sqlite_url):
    with installation(sqlite_url, demo=True) as demo:
        published = publish_bundled(demo)
        found = demo.database.read(lambda c: usable(c, demo, published.id, "invite", "en"))
        assert found == Template("demo:invite", "id")


# sending


def test_a_message_goes_out_with_its_values_by_number(place):
    approve(place)
    post = Post(place, heard=False)
    values = {"durasi": "7", "waktu": "pagi", "penyelenggara": "Inspektorat"}
    message = Message("Selamat pagi", template="invite", variables=values, step="invite")
    post.queue(message, "invitation", survey_id=place.published.id)
    assert post.deliver() == Delivery(sent=1)
    place.twilio.settle()
    (record,) = place.twilio.outbound()
    assert (record.content_sid, record.status) == (sid_of(place), "read")
    assert record.body.startswith("Selamat pagi, Bapak/Ibu. Kami dari *Inspektorat* mengajak")
    assert "sekitar 7 menit" in record.body
    assert [one.id for one in record.options] == ["MULAI", "CEK", "BERHENTI"]


def test_a_message_waits_for_its_template_and_says_so(place, caplog):
    approve(place)
    sid = sid_of(place)
    post = Post(place, heard=False)
    one = post.queue(INVITE, "invitation", survey_id=place.published.id)
    place.twilio.judge(sid, "paused", "low quality")
    watch(place.installation, channel(place))
    caplog.clear()
    assert post.deliver() == Delivery()
    assert post.row(one).status == "queued"
    assert post.row(one).sealed is not None
    (record,) = caplog.records
    assert record.getMessage() == (
        "messages wait for a template (1 in this sweep):"
        " template invite in 'id' is paused by WhatsApp: low quality"
    )
    assert post.deliver() == Delivery(), "and nobody looks again at once"
    assert place.twilio.outbound() == []
    report = approvals.status(place.installation, "integritas", channel(place).templates)
    assert report.waiting == {"invitation": 1}
    place.twilio.judge(sid, "approved")
    watch(place.installation, channel(place))
    place.clock.move(minutes=16)
    assert post.deliver() == Delivery(sent=1)


def test_many_that_wait_are_told_of_in_one_line(quick, caplog):
    for _ in range(5):
        post = Post(quick, heard=False)
        post.queue(INVITE, "invitation", survey_id=quick.published.id)
    with caplog.at_level(logging.WARNING):
        deliver(quick.installation, quick.service.channels)
    assert [record.args for record in caplog.records] == [
        (5, "message invite has no approved template in 'id'")
    ]


@pytest.mark.parametrize("expires", [True, False])
def test_who_waits_too_long_is_given_up(quick, expires):
    post = Post(quick, heard=False)
    until = {"expires_at": quick.clock.now.replace(hour=23)} if expires else {}
    one = post.queue(INVITE, "invitation", survey_id=quick.published.id, **until)
    post.deliver()
    assert post.row(one).status == "queued"
    quick.clock.move(hours=25)
    assert post.deliver() == Delivery(dropped=1)
    assert fates(quick.installation) == ["dropped"]


def test_a_launch_under_way_pauses_and_goes_on_by_itself(place, tmp_path):
    approve(place)
    add_people(place, tmp_path, 3)
    assert launch(place.installation, "integritas", needs_templates=True).invited == 3
    sid = sid_of(place)
    place.twilio.judge(sid, "paused")
    watch(place.installation, channel(place))
    place.clock.move(hours=5)
    place.sweeps.run_once()
    assert fates(place.installation) == ["queued"] * 3
    assert place.twilio.outbound() == []
    place.twilio.judge(sid, "approved")
    watch(place.installation, channel(place))
    place.clock.move(minutes=16)
    place.sweeps.run_once()
    assert [record.content_sid for record in place.twilio.outbound()] == [sid] * 3


def test_nothing_is_launched_without_an_approved_invitation(place, tmp_path):
    approve(place)
    add_people(place, tmp_path, 1)
    place.twilio.judge(sid_of(place), "paused")
    watch(place.installation, channel(place))
    with pytest.raises(InputError) as caught:
        launch(place.installation, "integritas", needs_templates=True)
    assert str(caught.value).endswith(
        "template invite in 'id' is paused by WhatsApp; run `tautan templates status integritas`"
    )
    place.twilio.judge(sid_of(place), "approved")
    watch(place.installation, channel(place))
    assert launch(place.installation, "integritas", needs_templates=True).invited == 1


def add_people(place: Office, tmp_path: Path, number: int) -> None:
    lines = [f"internal,{phone},own:U1" for phone in range(81200000100, 81200000100 + number)]
    path = tmp_path / "roster.csv"
    path.write_text("kelompok,hp_wa,unit\n" + "\n".join(lines), "utf-8")
    import_roster(place.installation, path, "integritas", Options())
    for phone in range(81200000100, 81200000100 + number):
        place.twilio.person(phone=f"+62{phone}")


def test_inside_the_window_no_template_is_needed(quick):
    post = Post(quick)
    post.queue(INVITE, "reminder", survey_id=quick.published.id)
    assert post.deliver() == Delivery(sent=1)


# watching


def test_a_change_is_told_once_and_noted(place, caplog):
    approve(place)
    before = len(noted(place))
    sid = sid_of(place)
    place.twilio.judge(sid, "paused", "low quality")
    caplog.clear()
    assert watch(place.installation, channel(place)) == 1
    assert watch(place.installation, channel(place)) == 0
    words = f"invite (id) {sid}: approved -> paused: low quality"
    assert noted(place)[before:] == [words]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "approved -> paused: low quality" in caplog.text


def test_another_category_is_told_and_the_template_goes_on(place):
    approve(place)
    sid = sid_of(place, "reminder_last")
    place.twilio.judge(sid, "approved", category="MARKETING")
    assert watch(place.installation, channel(place)) == 1
    assert noted(place)[-1] == f"reminder_last (id) {sid}: approved, MARKETING instead of UTILITY"
    assert isinstance(ask(place, "reminder_last"), Template)
    (row,) = rows(place.installation, Table, message="reminder_last", language="id")
    assert (row.category, row.given) == ("UTILITY", "MARKETING")


def test_messages_that_share_a_template_stop_together(quick):
    approve(quick)
    sid = sid_of(quick, "reminder_first")
    assert sid == sid_of(quick, "reminder_partial")
    quick.twilio.judge(sid, "paused")
    assert watch(quick.installation, channel(quick)) == 1
    assert "paused" in str(ask(quick, "reminder_first"))
    assert "paused" in str(ask(quick, "reminder_partial"))
    assert noted(quick)[-1].startswith("reminder_first (id), reminder_partial (id) HX")


def test_what_was_deleted_at_the_provider_is_not_used(quick):
    approve(quick)
    del quick.twilio.contents[sid_of(quick)]
    watch(quick.installation, channel(quick))
    assert ask(quick) == "template invite in 'id' is gone"


def test_a_provider_that_does_not_answer_changes_nothing(quick, caplog):
    approve(quick)
    quick.twilio.faults.next("503", on="content")
    before = len(quick.twilio.requests)
    assert watch(quick.installation, channel(quick)) == 0
    assert len(quick.twilio.requests) == before + 1, "nobody asks for the next one"
    assert "the state of templates could not be fetched" in caplog.text
    assert isinstance(ask(quick), Template)


def test_closed_surveys_and_channels_without_templates_are_not_watched(quick):
    approve(quick)
    change(quick.installation, Survey, {"closed_at": quick.clock.now})
    before = len(quick.twilio.requests)
    assert watch(quick.installation, channel(quick)) == 0
    assert len(quick.twilio.requests) == before

    class Other:
        name, sender = "other", "x"

    assert watch(quick.installation, Other()) == 0  # type: ignore[arg-type]


# what a message came back with


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (63040, "rejected by WhatsApp: error 63040"),
        (63041, "paused by WhatsApp: error 63041"),
        (63042, "disabled by WhatsApp: error 63042"),
        (63027, "approved, but it does not exist in this language (error 63027)"),
        (63028, "approved, but it has another number of variables (error 63028)"),
    ],
)
def test_a_failed_message_stops_its_template_at_once(place, code, words):
    approve(place)
    before = len(noted(place))
    assert stop(place, code)
    assert ask(place) == f"template invite in 'id' is {words}"
    assert stop(place, code)
    assert len(noted(place)) == before + 1, "many messages come back, one line is enough"


def test_other_errors_say_nothing_of_the_template(quick):
    approve(quick)
    for code in (63016, 63024, 63049, 1, None):
        assert not stop(quick, code)
    assert not stop(quick, 63041, "HX" + "0" * 32)
    assert isinstance(ask(quick), Template)


def test_a_pause_ends_with_whatsapps_word_a_fault_with_an_operators(quick):
    approve(quick)
    stop(quick, 63041)
    watch(quick.installation, channel(quick))
    assert isinstance(ask(quick), Template)
    stop(quick, 63028)
    watch(quick.installation, channel(quick))
    assert "63028" in str(ask(quick))
    approvals.sync(quick.installation, "integritas", channel(quick).templates)
    assert isinstance(ask(quick), Template)


def test_a_template_in_the_settings_that_nobody_watched_yet_is_stopped_too(quick):
    by_hand = quick.twilio.content({"twilio/text": {"body": "Halo {{nama}}"}})
    publish_bundled(quick.installation, templates=f"{{invite: {{id: {by_hand}}}}}")
    assert stop(quick, 63042, by_hand)
    assert "disabled by WhatsApp" in str(ask(quick))


def test_what_comes_back_with_a_paused_template_waits_and_stops_the_template(quick):
    approve(quick)
    quick.twilio.judge(sid_of(quick), "paused")
    post = Post(quick, heard=False)
    values = dict.fromkeys(("waktu", "penyelenggara", "durasi"), "x")
    message = Message("Halo", template="invite", variables=values)
    post.queue(message, "invitation", survey_id=quick.published.id)
    assert post.deliver() == Delivery(sent=1), "we were not told yet"
    quick.twilio.settle()
    (row,) = rows(quick.installation, Outbox)
    assert (row.status, row.error_code) == ("queued", 63041)
    assert "paused by WhatsApp" in str(ask(quick))
    assert rows(quick.installation, Window) == []


def test_every_language_of_every_message_has_one_row(quick):
    approve(quick)
    survey = quick.installation.database.read(
        lambda c: quick.installation.surveys.named(c, "integritas")
    ).survey
    found = rows(quick.installation, Table)
    assert {(one.message, one.language) for one in found} == set(wordings(survey))
    assert len(found) == len(wordings(survey))
