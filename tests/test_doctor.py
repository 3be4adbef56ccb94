"""The examination: every check once when all is well, and once for each thing that can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from bot.channels.base import Address
from bot.channels.twilio_account import SANDBOX
from bot.channels.twilio_probe import Answer, Unreached
from bot.channels.twilio_urls import webhook_urls
from bot.config import Settings
from bot.doctor.examination import examine
from bot.doctor.findings import Finding
from bot.interview import identity
from bot.interview.closing import close
from bot.interview.installation import Clock
from bot.interview.sending.alerts import alert
from bot.outreach.roster.importing import import_roster
from bot.outreach.senders import change_sender
from bot.reporting.coordinators.lists import import_coordinators
from bot.service import Service
from storage.database import Database
from storage.models import Inbound, Outbox, ProgressCount
from storage.models import Sender as SenderTable
from storage.queries import audit
from tests.fake_twilio import wsgi_post
from tests.fake_twilio_account import Sender
from tests.setup import SECRET, TestClock, add_unit, installation, publish_bundled
from tests.tables import make_tables
from tests.whatsapp import BASE, Office, office, settings_for

NAMES = ("invite", "reminder_first", "reminder_partial", "reminder_last", "daily_template")
OURS = "0812-0000-0999"  # the fake's sender, as an owner writes it


class Place:
    """An office where all is well, with one person on the roster, and what may be spoilt in it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.twilio = office.twilio
        self.sender = self.twilio.senders[0]
        self.sender.callback_url = self.sender.fallback_url = webhook_urls(BASE).inbound
        self.changes: dict[str, Any] = {}
        self.now: Callable[[], Any] = office.clock
        self.answers: dict[str, Callable[[Answer], Answer]] = {}
        post = wsgi_post(office.app, BASE)

        def ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
            if method == "GET":
                response = office.app.test_client().get(url.removeprefix(BASE), base_url=BASE)
                answer = Answer(response.status_code, "", response.data, 0.01)
            else:
                answer = Answer(*_status_and_body(post(url, body, headers)), 0.01)
            return next((f for n, f in self.answers.items() if n in url), lambda a: a)(answer)

        self.ask = ask

    def examine(self) -> list[Finding]:
        settings = settings_for(self.office.service.settings.database_url, self.twilio)
        settings = _changed(settings, **self.changes)
        service = Service(settings, serving=False, clock=Clock(self.office.clock))
        try:
            return list(examine(service, now=self.now, ask=self.ask))
        finally:
            service.close()

    def the(self, check: str, verdict: str) -> str:
        """Return what is said by the one finding of a check, which must have this verdict."""
        found = [one for one in self.examine() if one.check == check]
        assert [one.verdict for one in found] == [verdict], found
        (one,) = found
        assert bool(one.fix) == (verdict != "ok"), "what is not ok says what to do"
        return f"{one.what} -> {one.fix} {one.paste}"


def _status_and_body(answer: tuple[int, Mapping[str, str], bytes]) -> tuple[int, str, bytes]:
    return answer[0], answer[1].get("Location", ""), answer[2]


def _changed(settings: Settings, **changes: Any) -> Settings:
    values = {name: getattr(settings, name) for name in Settings.__slots__}
    return Settings(**(values | changes))


@pytest.fixture
def place(sqlite_url: str, tmp_path) -> Iterator[Place]:
    with office(sqlite_url) as opened:
        text = {"twilio/text": {"body": "Yth. Bapak/Ibu, mohon isi survei."}}
        sid = opened.twilio.content(text, approved=True)
        listed = ", ".join(f"{name}: {{id: {sid}, en: {sid}}}" for name in NAMES)
        publish_bundled(opened.installation, templates=f"{{{listed}}}", nomor_resmi=OURS)
        enlist(opened, tmp_path, 1)
        yield Place(opened)


def enlist(office: Office, folder: Path, people: int) -> None:
    """Put so many invented people on the roster."""
    roster = folder / "roster.csv"
    rows = "".join(f"internal,0812000{n:05},own:U1\n" for n in range(100, 100 + people))
    roster.write_text("kelompok,hp_wa,unit\n" + rows)
    import_roster(office.installation, roster, "integritas")


# all is well


def test_where_all_is_well_every_step_says_so_once(place):
    found = place.examine()
    assert [one for one in found if one.verdict != "ok"] == []
    assert [one.check for one in found] == [
        *("settings", "database", "secret", "credentials", "clock", "sender", "quality"),
        *("webhook", "fallback", "address", "reached", "signature", "forgery"),
        *("survey", "templates", "roster", "limits", "backlog", "counts"),
    ]


def test_nothing_is_written_and_nothing_is_sent(place):
    def stored() -> Any:
        return place.office.installation.database.read(
            lambda c: [len(c.execute(one.__table__.select()).all()) for one in (Outbox, Inbound)]
        )

    before = stored(), len(place.twilio.messages)
    place.examine()
    assert (stored(), len(place.twilio.messages)) == before
    asked = [method for method, _ in place.twilio.requests]
    assert set(asked) == {"GET"}


def test_no_secret_and_no_person_is_shown(place):
    shown = " ".join(one.what + one.fix for one in place.examine())
    assert place.twilio.auth_token not in shown
    assert SECRET not in shown
    assert "81200000101" not in shown


def test_on_postgresql_too(postgres_url):
    with office(postgres_url) as opened:
        place = Place(opened)
        assert "PostgreSQL" in place.the("database", "ok")
        place.the("signature", "ok")
        assert "nobody is on the roster" in place.the("roster", "warning")


# this installation


def test_without_twilio_it_says_that_the_simulator_is_the_only_channel(sqlite_url):
    with installation(sqlite_url) as opened:
        publish_bundled(opened)
    settings = Settings(database_url=sqlite_url, tautan_secret_key=SECRET)
    service = Service(settings, serving=False, clock=Clock(TestClock()))
    found = {one.check: one for one in examine(service)}
    service.close()
    assert "the simulator is the only channel" in found["settings"].what
    known = {"settings", "database", "secret", "survey", "roster", "backlog", "counts"}
    assert set(found) == known
    assert "error" not in {one.verdict for one in found.values()}


def test_a_simulator_has_no_limit(sqlite_url, tmp_path):
    with installation(sqlite_url) as opened:
        publish_bundled(opened)
        add_unit(opened)
        roster = tmp_path / "roster.csv"
        roster.write_text("kelompok,hp_wa,unit\ninternal,081200000101,own:U1\n")
        import_roster(opened, roster, "integritas")
    settings = Settings(database_url=sqlite_url, tautan_secret_key=SECRET)
    service = Service(settings, serving=False, clock=Clock(TestClock()))
    found = {one.check: one for one in examine(service)}
    service.close()
    assert found["limits"].verdict == "ok"
    assert "without a limit this launch takes 1 day" in found["limits"].what


def test_no_database_is_made_by_looking_for_one(tmp_path):
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'x.db'}", tautan_secret_key=SECRET)
    service = Service(settings, serving=False)
    found = list(examine(service))
    service.close()
    assert ("database", "error", "run `tautan migrate`") in [
        (one.check, one.verdict, one.fix) for one in found
    ]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_wants_to_be_migrated(empty_url):
    Database(empty_url).close()
    settings = Settings(database_url=empty_url, tautan_secret_key=SECRET)
    service = Service(settings, serving=False)
    service.database.write(lambda connection: None)
    found = {one.check: one for one in examine(service)}
    service.close()
    assert found["database"].verdict == "error"
    assert found["database"].fix == "run `tautan migrate`"


def test_a_fresh_database_is_not_marked_by_looking_at_it(database_url):
    settings = Settings(database_url=database_url, tautan_secret_key=SECRET)
    service = Service(settings, serving=False)
    make_tables(service.database)
    assert {one.check: one.verdict for one in examine(service)}["database"] == "warning"
    # Another secret may still be chosen.
    other = Service(_changed(settings, tautan_secret_key="y" * 40), serving=False)
    assert other.installation.demo is False
    other.close()
    service.close()


def test_a_database_out_of_reach_is_said(place):
    place.changes = {"database_url": "postgresql://nobody@127.0.0.1:1/nothing"}
    assert "DATABASE_URL" in place.the("database", "error")


def test_a_wrong_secret_is_said(place):
    place.changes = {"tautan_secret_key": "another secret, also long enough to be one"}
    found = [one for one in place.examine() if one.check == "secret"]
    assert [one.verdict for one in found] == ["ok", "error"]
    assert "does not fit" in found[1].what


def test_a_missing_secret_is_said(place):
    place.changes = {"tautan_secret_key": None}
    assert "TAUTAN_SECRET_KEY is not set" in place.the("secret", "error")


def test_a_demo_never_goes_with_twilio(sqlite_url, place, tmp_path):
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    with installation(url, demo=True):
        pass
    place.changes = {"database_url": url}
    found = [one for one in place.examine() if one.check == "database"]
    assert "marked demo" in found[-1].what
    assert found[-1].verdict == "error"


def test_an_old_token_is_to_be_taken_out(place):
    place.changes = {"twilio_auth_tokens": (place.twilio.auth_token, "f" * 32)}
    assert "2 auth tokens" in place.the("settings", "warning")


# Twilio: account and clock


def test_wrong_credentials_are_the_first_thing_to_mend(place):
    place.changes = {"twilio_auth_tokens": ("f" * 32,)}
    assert "Auth Token" in place.the("credentials", "error")
    checks = [one.check for one in place.examine()]
    assert "sender" not in checks
    assert "templates" not in checks
    assert "address" in checks, "the address is asked all the same"


@pytest.mark.parametrize(
    ("status", "kind", "verdict", "said"),
    [
        ("suspended", "Full", "error", "suspended"),
        ("closed", "Full", "error", "closed"),
        ("active", "Trial", "warning", "trial"),
    ],
)
def test_an_account_that_cannot_work_is_said(place, status, kind, verdict, said):
    place.twilio.account_status, place.twilio.account_type = status, kind
    assert said in place.the("credentials", verdict)


@pytest.mark.parametrize("fault", ["503", "429", "html", "drop_before"])
def test_twilio_out_of_reach_is_said(place, fault):
    place.twilio.faults.next(fault, on="account")
    assert "status.twilio.com" in place.the("credentials", "error")


@pytest.mark.parametrize(("seconds", "verdict"), [(55, "ok"), (-55, "ok")])
def test_a_clock_a_little_off_will_do(place, seconds, verdict):
    place.now = lambda: place.office.clock() + timedelta(seconds=seconds)
    assert place.the("clock", verdict)


@pytest.mark.parametrize(("seconds", "said"), [(90, "90 s ahead"), (-7200, "7200 s behind")])
def test_a_clock_far_off_is_an_error(place, seconds, said):
    place.now = lambda: place.office.clock() + timedelta(seconds=seconds)
    assert said in place.the("clock", "error")


# Twilio: sender and service


def test_a_number_that_is_no_sender_is_said_with_those_there_are(place):
    place.twilio.senders[:] = [Sender("whatsapp:+6281200000888")]
    assert "+6281200000888" in place.the("sender", "error")


@pytest.mark.parametrize("status", ["OFFLINE", "PENDING_VERIFICATION", "DRAFT", "TWILIO_REVIEW"])
def test_a_sender_that_is_not_online_is_an_error(place, status):
    place.sender.status = status
    place.sender.offline_reasons = [{"code": "63020", "message": "WABA", "more_info": ""}]
    said = place.the("sender", "error")
    assert status.lower().replace("_", " ") in said
    assert "63020" in said


def test_a_sender_that_is_being_changed_is_online(place):
    place.sender.status = "ONLINE:UPDATING"
    assert place.the("sender", "ok")


def test_a_bad_rating_is_a_warning(place):
    place.sender.quality_rating = "LOW"
    assert "stop invitations" in place.the("quality", "warning")


def test_the_sandbox_is_called_what_it_is(place):
    place.changes = {"twilio_whatsapp_from": SANDBOX}
    assert "sandbox" in place.the("sender", "warning")
    assert webhook_urls(BASE).inbound in place.the("webhook", "warning")


def in_service(place: Place) -> None:
    place.changes = {"twilio_messaging_service_sid": place.twilio.messaging_service_sid}


def test_a_messaging_service_brings_its_own_webhook(place):
    in_service(place)
    place.sender.callback_url = None
    assert "no address" in place.the("webhook", "error")
    place.twilio.service.inbound_request_url = webhook_urls(BASE).inbound
    place.twilio.service.fallback_url = webhook_urls(BASE).inbound
    assert place.the("webhook", "ok")
    assert place.the("service", "ok")


def test_a_messaging_service_may_leave_the_webhook_to_its_senders(place):
    in_service(place)
    place.twilio.service.use_inbound_webhook_on_number = True
    assert place.the("webhook", "ok")


def test_a_messaging_service_alone_names_its_senders(place):
    in_service(place)
    place.changes |= {"twilio_whatsapp_from": None}
    place.the("sender", "ok")
    place.twilio.service.senders.clear()
    assert "Sender Pool" in place.the("service", "error")


def test_a_number_outside_the_messaging_service_is_an_error(place):
    in_service(place)
    place.twilio.service.senders[:] = ["whatsapp:+6281200000888"]
    assert "is not in the messaging service" in place.the("service", "error")


def test_a_messaging_service_that_is_not_there_is_an_error(place):
    place.changes = {"twilio_messaging_service_sid": "MG" + "e" * 32}
    assert "no such messaging service" in place.the("service", "error")


# Twilio: webhook


@pytest.mark.parametrize(
    ("url", "verdict", "said"),
    [
        (None, "error", "no address"),
        ("https://lain.contoh.test/whatsapp", "error", "lain.contoh.test"),
        (f"{BASE}/whatsapp/", "error", "not here"),
        (f"{BASE}/whatsapp", "warning", "a time-out or an error of ours"),
        (f"{BASE}/whatsapp#rc=2&rp=ct,rt", "warning", "an error of ours"),
        (f"{BASE}/whatsapp#rc=0&rp=all", "warning", "never asks again"),
        (f"{BASE}/whatsapp#rc=1&rp=all", "ok", ""),
        (f"{BASE}/whatsapp#rc=2&rp=ct,rt,5xx", "ok", ""),
    ],
)
def test_the_webhook_at_twilio_is_compared_with_what_it_should_be(place, url, verdict, said):
    place.sender.callback_url = url
    text = place.the("webhook", verdict)
    assert said in text
    assert verdict == "ok" or text.endswith(f"POST: {webhook_urls(BASE).inbound}")


def test_a_webhook_that_does_not_post_is_an_error(place):
    place.sender.callback_method = "PUT"
    assert "with PUT" in place.the("webhook", "error")


def test_a_missing_fallback_is_a_warning(place):
    place.sender.fallback_url = None
    assert webhook_urls(BASE).fallback in place.the("fallback", "warning")


# the public address


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("http://survei.contoh.test", "not https"),
        ("https://localhost", "this machine"),
        ("https://192.168.1.4:8443", "this machine or network"),
        ("https://[::1]", "this machine"),
    ],
)
def test_an_address_that_twilio_cannot_call_is_an_error(place, base, said):
    place.changes = {"public_base_url": base}
    place.ask = _unreached("refused")
    assert said in place.the("address", "error")


def _unreached(obstacle: Any) -> Any:
    def ask(*_: Any) -> Answer:
        raise Unreached(obstacle)

    return ask


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        ("name", "DNS"),
        ("tls", "certificate"),
        ("refused", "firewall"),
        ("timeout", "in time"),
        ("broken", "broke"),
    ],
)
def test_an_address_that_is_not_reached_is_an_error(place, obstacle, said):
    place.ask = _unreached(obstacle)
    assert said in place.the("reached", "error")


def spoil(place: Place, part: str, status: int, *, location: str = "", body: bytes = b"") -> None:
    place.answers[part] = lambda answer: Answer(status, location, body, answer.seconds)


def test_a_redirect_is_an_error(place):
    spoil(place, "/health", 301, location="https://www.survei.contoh.test/health")
    assert "www.survei.contoh.test" in place.the("reached", "error")
    assert "signature" not in [one.check for one in place.examine()]


def test_a_redirect_of_the_webhook_alone_is_an_error(place):
    spoil(place, "/whatsapp/", 308, location="https://x.test/")
    assert "x.test" in place.the("signature", "error")


@pytest.mark.parametrize(
    ("status", "body", "verdict", "said"),
    [
        (502, b"", "error", "does not run behind it"),
        (200, b"<html>hello</html>", "error", "not Tautan"),
        (200, b"[]", "error", "not Tautan"),
        (404, b"", "warning", "does not pass /health on"),
    ],
)
def test_what_answers_in_our_place_is_told_apart(place, status, body, verdict, said):
    spoil(place, "/health", status, body=body)
    assert said in place.the("reached", verdict)


def test_a_server_that_is_not_ready_says_why(place):
    spoil(place, "/ready", 503, body=b'{"reason": "run `tautan migrate`"}')
    assert "run `tautan migrate`" in place.the("running", "error")


def test_a_server_without_twilio_is_told_from_one_with(place):
    spoil(place, "/ready", 200, body=b'{"status": "ready", "channel": "simulator"}')
    assert "knows nothing of Twilio" in place.the("running", "error")


def test_a_proxy_without_ready_is_no_fault(place):
    spoil(place, "/ready", 404)
    assert "running" not in [one.check for one in place.examine()]


@pytest.mark.parametrize(
    ("status", "said"), [(403, "PUBLIC_BASE_URL"), (404, "does not pass it on"), (500, "log")]
)
def test_a_signed_request_must_be_taken(place, status, said):
    spoil(place, "/whatsapp/", status)
    found = {one.check: one for one in place.examine()}
    assert found["signature"].verdict == "error"
    assert said in found["signature"].what + found["signature"].fix
    assert ("forgery" in found) == (status == 403)


def test_a_server_with_another_token_refuses_the_real_probe(place):
    place.twilio.auth_tokens.insert(0, "f" * 32)
    place.changes = {"twilio_auth_tokens": ("f" * 32,)}
    assert "another auth token" in place.the("signature", "error")


def test_a_slow_server_is_a_warning(place):
    place.answers["/whatsapp/"] = lambda a: Answer(a.status, "", a.body, 3.2)
    assert "3.2 s" in place.the("signature", "warning")


def test_a_server_that_takes_unsigned_requests_is_an_error(place):
    spoil(place, "/whatsapp/", 204)
    assert "anybody" in place.the("forgery", "error")


# surveys


def test_no_survey_is_a_warning(sqlite_url):
    with installation(sqlite_url) as opened:
        opened.database.write(lambda c: audit.record(c, opened.now(), "x", ""))
    settings = Settings(database_url=sqlite_url, tautan_secret_key=SECRET)
    service = Service(settings, serving=False)
    found = {one.check: one for one in examine(service)}
    service.close()
    assert found["survey"].fix == "run `tautan publish SURVEY`"


def test_a_survey_that_is_closed_is_not_to_be_published_again(place):
    close(place.office.installation, "integritas")
    assert "closed for good: integritas" in place.the("survey", "ok")


def test_a_survey_that_is_over_wants_to_be_closed(place):
    place.office.clock.move(days=90)
    assert "tautan close integritas" in place.the("survey", "warning")


@pytest.mark.parametrize("status", ["unsubmitted", "received", "rejected", "paused", "disabled"])
def test_templates_that_are_not_approved_are_errors(place, status):
    (content,) = place.twilio.contents.values()
    content.approval = {"status": status, "category": "MARKETING", "rejection_reason": ""}
    said = place.the("templates", "error")
    assert "invite (id, en)" in said
    assert "daily_template (id, en)" in said


def test_a_status_that_nobody_knows_is_not_approved(place):
    (content,) = place.twilio.contents.values()
    content.approval = {"status": "flagged"}
    assert "do not know" in place.the("templates", "error")


def test_templates_that_are_not_there_are_errors(place):
    publish_bundled(place.office.installation, templates="{}")
    assert "links and posters work" in place.the("templates", "error")
    sid = next(iter(place.twilio.contents))
    publish_bundled(place.office.installation, templates=f"{{invite: {{id: {sid}}}}}")
    said = place.the("templates", "error")
    assert "invite (en)" in said
    assert "invite (id" not in said


def test_a_template_that_twilio_does_not_know_is_an_error(place):
    place.twilio.contents.clear()
    assert "Content Template Builder" in place.the("templates", "error")


def hold_to(place: Place, people_per_day: int) -> None:
    change_sender(place.office.installation, place.twilio.sender, people_per_day=people_per_day)


def test_the_limit_says_how_long_the_launch_takes(place, tmp_path):
    enlist(place.office, tmp_path, 600)
    said = place.the("limits", "ok")
    assert "at 250 a day this launch takes 3 days" in said
    assert "posters and links need no invitation" in said
    hold_to(place, 2000)
    place.sender.messaging_limit = "2K Customers/24hr"
    assert "at 2000 a day this launch takes 1 day," in place.the("limits", "ok")
    hold_to(place, 0)
    place.sender.messaging_limit = "Unlimited"
    assert "without a limit this launch takes 1 day," in place.the("limits", "ok")


def test_a_limit_that_is_not_whatsapps_is_to_be_set_anew(place):
    place.sender.messaging_limit = "2K Customers/24hr"
    said = place.the("limits", "warning")
    assert "at 250 a day" in said
    assert said.endswith(f"tautan senders set {place.twilio.sender} --people-per-day 2000")
    place.sender.messaging_limit = "Unlimited"
    assert place.the("limits", "warning").endswith("--people-per-day 0")
    hold_to(place, 10_000)
    place.sender.messaging_limit = "250 Customers/24hr"
    assert "at 250 a day" in place.the("limits", "warning"), "the smaller one is planned with"


def test_a_limit_that_twilio_does_not_tell_is_a_warning(place):
    place.sender.messaging_limit = None
    said = place.the("limits", "warning")
    assert "nobody told" in said
    assert "at 250 a day" in said


def test_a_sender_that_the_survey_does_not_name_is_a_warning(place):
    publish_bundled(place.office.installation, nomor_resmi="0812-0000-0002")
    assert "messages come from +62 812-0000-0999" in place.the("authenticity", "warning")


def test_people_who_cannot_be_invited_in_time_are_a_warning(place, tmp_path):
    enlist(place.office, tmp_path, 600)
    publish_bundled(place.office.installation, closes="2026-11-24")
    found = [one for one in place.examine() if one.check == "roster"]
    assert [one.verdict for one in found] == ["ok", "warning"]
    assert "before the survey closes" in found[1].what


# what waits


def waits(place: Place, status: str, minutes: int) -> None:
    """Let all messages of ours stand like this; one is made by somebody who writes."""
    place.twilio.person().say(place.office.link_text())
    place.twilio.settle()
    values = {"status": status, "not_before": place.office.clock() - timedelta(minutes=minutes)}
    place.office.installation.database.write(lambda c: c.execute(update(Outbox).values(values)))


def test_messages_that_wait_too_long_are_an_error(place):
    waits(place, "queued", 10)
    assert "1 messages wait" in place.the("backlog", "ok")
    waits(place, "queued", 45)
    assert "45 minutes late" in place.the("backlog", "error")
    waits(place, "queued", 60 * 5)
    assert "5 hours late" in place.the("backlog", "error")


def test_messages_of_unknown_fate_are_a_warning(place):
    waits(place, "unknown", 5)
    assert "unknown" not in [one.check for one in place.examine()]
    waits(place, "unknown", 45)
    assert "nobody knows whether they arrived" in place.the("unknown", "warning")


def test_messages_that_our_code_failed_on_are_a_warning(place):
    values = {
        "sid_hmac": b"x" * 32,
        "received_on": place.office.clock().date(),
        "sealed": b"x",
        "key_id": 1,
        "address_hmac": b"y" * 32,
    }
    place.office.installation.database.write(lambda c: c.execute(insert(Inbound).values(values)))
    assert "our own code failed" in place.the("kept", "warning")


def test_kept_counts_that_are_wrong_are_said(place):
    wrong = insert(ProgressCount).values(survey_id=1, unit_id=1, grp="internal", finished=3)
    place.office.installation.database.write(lambda c: c.execute(wrong))
    assert "wrong in 1 cells" in place.the("counts", "error")


def test_alerts_are_repeated_until_they_are_cleared(place):
    here = place.office.installation
    for _ in range(2):
        here.database.write(lambda c: alert(c, "code:63041", "A template is paused.", here.now()))
    said = place.the("alert", "error")
    assert "(2 times): A template is paused." in said
    assert "`tautan alerts --clear code:63041`" in said


def test_a_sender_that_is_held_is_an_error(place):
    hold_to(place, 250)
    here = place.office.installation
    until = here.now() + timedelta(hours=1)
    values = {"halted_until": until, "reason": "error 63051"}
    here.database.write(lambda c: c.execute(update(SenderTable).values(values)))
    said = place.the("held", "error")
    assert "error 63051" in said
    assert f"tautan senders resume {place.twilio.sender}" in said
    place.office.clock.move(hours=2)
    assert "held" not in [one.check for one in place.examine()]


def test_with_metas_cloud_api_twilio_is_not_asked(sqlite_url):
    with installation(sqlite_url) as opened:
        publish_bundled(opened)
    settings = Settings(
        database_url=sqlite_url,
        tautan_secret_key=SECRET,
        cloud_access_token="x" * 40,
        cloud_phone_number_id="123456",
        cloud_app_secrets=("y" * 32,),
        cloud_verify_token="z" * 20,
    )
    service = Service(settings, serving=False, clock=Clock(TestClock()))
    found = {one.check: one for one in examine(service)}
    service.close()
    assert "Cloud API" in found["settings"].what
    assert "credentials" not in found


# coordinators


def test_coordinators_who_cannot_be_reached_are_counted(place, tmp_path):
    here = place.office.installation
    path = tmp_path / "posts.csv"
    path.write_text("phone,unit\n081200000301,\n081200000302,own:U1\n")
    import_coordinators(here, "integritas", path)
    assert "2 posts, all can be reached" in place.the("coordinators", "ok")

    def stop(connection: Any) -> None:
        contact_id = identity.find(connection, here, [Address("phone", "+6281200000302")])
        assert contact_id is not None
        identity.opt_out(connection, here, contact_id, "coordinator")

    here.database.write(stop)
    said = place.the("coordinators", "warning")
    assert "1 of 2 cannot be reached (1 wants no reports)" in said
    assert "302" not in said
