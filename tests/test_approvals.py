"""From a survey's words to WhatsApp's approval: nothing is made twice, whatever is cut off."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.channels.base import KnownTemplate, SendError, TemplateForm, TemplateState
from bot.channels.simulator import SimulatorChannel
from bot.flow.templates import wordings
from bot.interview.sending.templates import watch
from bot.interview.surveys import UnknownSurvey, publish
from bot.outreach.approvals import NoTemplates, Report, status, submit, sync, templates_of
from storage.models import Template
from tests.rows import change, rows
from tests.setup import bundled_files, publish_bundled
from tests.test_templates import channel, sid_of
from tests.whatsapp import Office, office

WORDINGS = 12  # twelve messages and languages of the bundled survey have words of their own


@pytest.fixture
def place(some_url: str) -> Iterator[Office]:
    with office(some_url) as opened:
        yield opened


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


def made(place: Office) -> Report:
    return sync(place.installation, "integritas", channel(place).templates)


def asked(place: Office, **how: bool) -> Report:
    return submit(place.installation, "integritas", channel(place).templates, **how)


def told(place: Office) -> Report:
    return status(place.installation, "integritas", channel(place).templates)


def statuses(report: Report) -> set[str]:
    return {one.status for one in report.lines}


def line(report: Report, message: str = "invite", language: str = "id") -> Any:
    (found,) = [o for o in report.lines if (o.message, o.language) == (message, language)]
    return found


# sync


def test_what_is_missing_is_made_once_with_samples_and_payloads(place):
    report = made(place)
    assert report.made == len(place.twilio.contents) == WORDINGS
    assert statuses(report) == {"unsubmitted"}
    content = place.twilio.contents[line(report).id]
    assert content.language == "id"
    assert content.variables == {"1": "pagi", "2": "Inspektorat Kota Contoh", "3": "7–10"}
    (data,) = content.types.values()
    assert data["actions"] == [
        {"title": "Mulai", "id": "MULAI"},
        {"title": "Cek keaslian", "id": "CEK"},
        {"title": "Jangan hubungi", "id": "BERHENTI"},
    ]
    assert re.fullmatch("integritas_invite_id_[0-9a-f]{16}", content.friendly_name)
    again = made(place)
    assert again.made == 0
    assert [one.id for one in again.lines] == [one.id for one in report.lines]
    assert len(place.twilio.contents) == WORDINGS


def test_a_sync_that_was_cut_off_goes_on_and_finds_what_it_made(place):
    """Between the provider's answer and our commit the process may end."""
    theirs = channel(place).templates

    class CutOff:
        every, submit, state, delete = theirs.every, theirs.submit, theirs.state, theirs.delete
        left = 3

        def make(self, form: TemplateForm) -> str:
            found = theirs.make(form)
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return found

    with pytest.raises(KeyboardInterrupt):
        sync(place.installation, "integritas", CutOff())
    assert len(place.twilio.contents) == 3
    assert len(rows(place.installation, Template)) == 2
    assert made(place).made == WORDINGS - 3
    assert len(place.twilio.contents) == WORDINGS


def test_syncs_at_the_same_moment_leave_one_of_each(place):
    gate = threading.Barrier(3)
    theirs = channel(place).templates

    class AtOnce:
        make, submit, state, delete = theirs.make, theirs.submit, theirs.state, theirs.delete

        def every(self) -> list[KnownTemplate]:
            found = theirs.every()
            gate.wait(20)
            return found

    threads = [
        threading.Thread(target=lambda: sync(place.installation, "integritas", AtOnce()))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = Counter(one.friendly_name for one in place.twilio.contents.values())
    known = {one.provider_id for one in rows(place.installation, Template)}
    assert known <= place.twilio.contents.keys()
    assert set(names.values()) == {1}


def test_another_survey_with_the_same_words_shares_them(quick):
    made(quick)
    asked(quick)
    files = bundled_files()
    files["survey.yaml"] = files["survey.yaml"].replace("name: integritas", "name: ulangan", 1)
    publish(quick.installation, files)
    report = sync(quick.installation, "ulangan", channel(quick).templates)
    assert report.made == 0
    assert statuses(report) == {"received"}
    assert len(quick.twilio.contents) == WORDINGS


def test_what_was_deleted_at_the_provider_is_made_again_under_a_new_name(quick):
    made(quick)
    asked(quick)
    before = sid_of(quick)
    channel(quick).contents.delete(before)
    report = made(quick)
    assert report.made == 1
    assert line(report).name.endswith("_2")
    assert line(report).id != before
    assert asked(quick).submitted == 1
    assert line(told(quick)).status == "received"


def test_a_provider_that_fails_is_an_error_and_leaves_nothing_half(quick):
    quick.twilio.faults.next("503", on="content")
    with pytest.raises(SendError):
        made(quick)
    assert rows(quick.installation, Template) == []
    with pytest.raises(UnknownSurvey):
        sync(quick.installation, "intgritas", channel(quick).templates)


# submit


def test_each_template_is_submitted_once_in_its_category(place):
    made(place)
    report = asked(place)
    assert report.submitted == WORDINGS
    assert (report.errors, statuses(report)) == ((), {"received"})
    categories = Counter(one.approval["category"] for one in place.twilio.contents.values())
    assert categories == {"MARKETING": 4, "UTILITY": WORDINGS - 4}
    assert asked(place).submitted == 0
    assert all(one.submitted_at for one in rows(place.installation, Template))


def test_a_submission_that_we_forgot_is_no_error(place):
    """Our process ended between Twilio's answer and the commit: 92009 then."""
    made(place)
    asked(place)
    change(place.installation, Template, {"status": "unsubmitted", "submitted_at": None})
    report = asked(place)
    assert (report.errors, statuses(report)) == ((), {"received"})


def test_submitting_before_the_sync_says_what_to_do(quick):
    report = asked(quick)
    assert report.submitted == 0
    assert "invite (id): run `tautan templates sync`" in report.errors


def test_what_one_refuses_does_not_keep_the_others_back(quick):
    made(quick)
    content = quick.twilio.contents[sid_of(quick)]
    content.types["twilio/quick-reply"]["body"] = "{{1}} {{2}} {{3}}"
    report = asked(quick)
    assert report.submitted == WORDINGS - 1
    (error,) = report.errors
    assert error.startswith("invite (id): Twilio answered HTTP 400, error 92007")
    assert line(report).status == "unsubmitted"


def test_what_was_rejected_is_tried_anew_under_another_name(place):
    """A rejected name is blocked for 30 days, and a content is submitted once."""
    made(place)
    asked(place)
    first = sid_of(place)
    place.twilio.judge(first, "rejected", "TAG_CONTENT_MISMATCH")
    assert asked(place).submitted == 0
    assert "rejected by WhatsApp: TAG_CONTENT_MISMATCH" in line(told(place)).problem
    report = asked(place, again=True)
    assert (report.made, report.submitted, report.errors) == (1, 1, ())
    second = line(report)
    assert second.id != first
    assert second.status == "received"
    place.twilio.judge(second.id, "approved")
    assert line(told(place)).usable
    assert asked(place, again=True).made == 0


def test_a_fault_is_mended_by_trying_anew(quick):
    made(quick)
    asked(quick)
    quick.twilio.judge(sid_of(quick), "approved")
    watch(quick.installation, channel(quick))
    change(quick.installation, Template, {"fault": 63028})
    assert not line(told(quick)).usable
    before = len(quick.twilio.contents)
    asked(quick, again=True)
    assert len(quick.twilio.contents) == before + WORDINGS


# status


def test_the_status_says_what_is_used_and_why_not(place):
    report = told(place)
    assert statuses(report) == {"not made"}
    assert line(report).problem == "message invite has no approved template in 'id'"
    made(place)
    asked(place)
    place.twilio.judge(sid_of(place), "approved", category="MARKETING")
    report = told(place)
    assert (line(report).status, line(report).usable, line(report).problem) == (
        "approved",
        True,
        "",
    )
    assert line(report).checked_at == place.clock.now
    assert not line(report, "reminder_last").usable
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["lines"][0].keys() >= {"message", "language", "status", "usable", "problem"}


def test_templates_in_the_settings_are_told_of(quick):
    sid = quick.twilio.content({"twilio/text": {"body": "Halo"}}, language="en")
    publish_bundled(quick.installation, templates=f"{{invite: {{en: {sid}}}}}")
    found = line(told(quick), "invite", "en")
    assert (found.id, found.status, found.usable) == (sid, "approved", True)


def test_a_status_that_cannot_be_fetched_is_said(quick):
    made(quick)
    quick.twilio.faults.next("429", on="content")
    report = told(quick)
    assert len(report.errors) == 1
    assert "20429" in report.errors[0]
    assert statuses(report) == {"unsubmitted"}


def test_without_a_provider_the_words_say_what_to_set(quick):
    simulator = SimulatorChannel.__new__(SimulatorChannel)
    with pytest.raises(NoTemplates, match="TWILIO_ACCOUNT_SID"):
        templates_of(simulator)
    assert templates_of(channel(quick)) is channel(quick).templates


def test_the_bundled_survey_passes_what_whatsapp_checks(quick):
    """The fake refuses what Meta's rules refuse; ours are at least as strict."""
    survey = quick.installation.database.read(
        lambda c: quick.installation.surveys.named(c, "integritas")
    ).survey
    assert len({one.version for one in wordings(survey).values()}) == WORDINGS
    made(quick)
    assert asked(quick).errors == ()
    quick.clock.move(timedelta(hours=1))
    assert TemplateState("received", "MARKETING") == channel(quick).templates.state(sid_of(quick))
