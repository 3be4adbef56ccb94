"""`POST /whatsapp` and its status callbacks, on the wire."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import psycopg
import pytest
from sqlalchemy.engine import make_url
from twilio.request_validator import RequestValidator

from bot.config import Settings
from bot.service import Service
from bot.web.app import MAX_BODY, create_app
from storage.models import Inbound, Outbox
from tests.rows import count, counts, fates, rows
from tests.setup import FLOWS, SECRET
from tests.whatsapp import BASE, Office, office, settings_for

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


class Wire:
    """Posts to the application as anybody can."""

    def __init__(self, place: Office, app: Any = None) -> None:
        self.place = place
        self.client = (app or place.app).test_client()

    def form(self, text: str = "halo", **changes: str) -> dict[str, str]:
        return self.place.twilio.person().form(text) | changes

    def signed(self, url: str, form: Mapping[str, str], token: str | None = None) -> str:
        token = token or self.place.twilio.auth_token
        return str(RequestValidator(token).compute_signature(url, form))

    def post(
        self,
        form: Mapping[str, str],
        *,
        path: str = "/whatsapp",
        signature: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Post a form; `signature` None sends none, "" the right one."""
        found = dict(headers or {})
        if signature is not None:
            found["X-Twilio-Signature"] = signature or self.signed(BASE + path, form)
        body = urlencode(form)
        return self.client.post(path, data=body, content_type=FORM, base_url=BASE, headers=found)

    def metric(self, name: str) -> float:
        """Return the sum of a counter."""
        text = self.client.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@pytest.fixture
def wire(place: Office) -> Wire:
    return Wire(place)


# who may


def test_a_signed_message_is_answered_in_twiml(wire):
    answer = wire.post(wire.form())
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/xml")
    (message,) = ElementTree.fromstring(answer.data)
    assert "Ini nomor survei" in "".join(message.itertext())


@pytest.mark.parametrize("path", ["/whatsapp", f"/whatsapp/status/{0:032x}"])
@pytest.mark.parametrize("signature", [None, "nonsense", "bm9uc2Vuc2U=", "é"])
def test_without_the_right_signature_nothing_happens_but_a_count(wire, path, signature):
    before = counts(wire.place.installation)
    form = wire.form() if path == "/whatsapp" else {"MessageStatus": "sent"}
    assert wire.post(form, path=path, signature=signature).status_code == 403
    assert counts(wire.place.installation) == before
    assert wire.metric("tautan_refused_total") == 1
    assert wire.metric("tautan_turns_total") == 0


@pytest.mark.parametrize("change", [{"Body": "1"}, {"From": "whatsapp:+6281200000777"}, {"X": ""}])
def test_a_form_that_was_changed_on_its_way_is_refused(wire, change):
    form = wire.form()
    signature = wire.signed(f"{BASE}/whatsapp", form)
    assert wire.post(form | change, signature=signature).status_code == 403


def test_a_signature_for_another_address_is_refused(wire):
    form = wire.form()
    for url in (f"{BASE}/whatsapp?x=1", "https://lain.contoh.test/whatsapp", "http" + BASE[5:]):
        assert wire.post(form, signature=wire.signed(url, form)).status_code == 403


def test_blank_parameters_count(wire):
    form = wire.form("") | {"MediaUrl0": "", "Baru": ""}
    assert wire.post(form).status_code == 200
    without = {name: value for name, value in form.items() if value}
    signature = wire.signed(f"{BASE}/whatsapp", without)
    assert wire.post(form, signature=signature).status_code == 403


def test_unknown_parameters_are_signed_and_accepted(wire):
    assert wire.post(wire.form(FutureField="é 1+1=2 & ½", Another="")).status_code == 200


@pytest.mark.parametrize("query", ["x=1", "t=%C3%A9", "x=a%2fb&y=%7e", "a=1&a=2&b=", "q=a+b%20c"])
def test_a_query_is_signed_as_it_stands_on_the_request_line(wire, query):
    path = f"/whatsapp?{query}"
    form = wire.form()
    assert wire.post(form, path=path).status_code == 200
    without = wire.signed(BASE + "/whatsapp", form)
    assert wire.post(form, path=path, signature=without).status_code == 403


def test_what_a_proxy_says_about_the_address_is_not_believed(wire):
    form = wire.form()
    headers = {"X-Forwarded-Host": "lain.test", "X-Forwarded-Proto": "http", "Host": "10.0.0.1"}
    assert wire.post(form, headers=headers).status_code == 200


def test_while_tokens_are_rotated_both_are_good(sqlite_url):
    with office(sqlite_url) as place:
        place.service.close()
        old, new = place.twilio.auth_token, "f" * 32
        config = settings_for(sqlite_url, place.twilio, twilio_auth_tokens=(new, old))
        service = Service(config, serving=True)
        wire = Wire(place, create_app(config, service=service))
        try:
            for token in (old, new):
                form = wire.form()
                signature = wire.signed(f"{BASE}/whatsapp", form, token)
                assert wire.post(form, signature=signature).status_code == 200
            form = wire.form()
            signature = wire.signed(f"{BASE}/whatsapp", form, "e" * 32)
            assert wire.post(form, signature=signature).status_code == 403
        finally:
            service.close()


def test_a_webhook_signed_with_a_shared_key_is_good(place):
    place.twilio.shared_key = ("key1", place.twilio.auth_token)
    assert place.twilio.person().say("halo")


def test_without_twilio_there_is_no_webhook(tmp_path):
    config = Settings(
        database_url=f"sqlite:///{tmp_path / 'a.db'}", tautan_secret_key=SECRET, flows_dir=FLOWS
    )
    app = create_app(config)
    client = app.test_client()
    assert client.post("/whatsapp", data={"Body": "x"}).status_code == 404
    assert client.post("/whatsapp/status/1", data={"Body": "x"}).status_code == 404
    assert list(tmp_path.iterdir()) == [], "and nothing was opened for it"


# what is wrong with it


def test_other_methods_are_refused(wire):
    for path in ("/whatsapp", f"/whatsapp/status/{uuid.uuid4().hex}"):
        for method in ("get", "put", "delete", "patch"):
            assert getattr(wire.client, method)(path).status_code == 405


def test_a_huge_body_is_refused_unread(wire):
    form = wire.form("x" * (MAX_BODY + 1))
    answer = wire.post(form)
    assert answer.status_code == 413
    assert count(wire.place.installation, Inbound) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"MessageSid": ""},
        {"MessageSid": "SM123"},
        {"From": "whatsapp:+0"},
        {"From": "whatsapp:"},
        {"To": "+14155238886"},
    ],
)
def test_a_malformed_form_is_refused_in_words_that_repeat_nothing(wire, change):
    form = wire.form("jawaban rahasia") | change
    form.pop("WaId", None)
    answer = wire.post(form)
    assert answer.status_code == 400
    assert "jawaban rahasia" not in answer.text
    assert form["From"][9:] not in answer.text or not form["From"][9:].strip("+0")
    assert count(wire.place.installation, Inbound) == 0


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"Body": "halo"}'),
        (FORM, b"\xff\xfe=%zz&&&=="),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        ("", b""),
    ],
)
def test_what_is_no_form_at_all_is_refused(wire, content_type, body):
    answer = wire.client.post("/whatsapp", data=body, content_type=content_type, base_url=BASE)
    assert answer.status_code == 403


def test_an_sms_to_the_same_number_gets_no_answer(wire):
    form = wire.form(From="+6281200000123", To="+6281200000999")
    answer = wire.post(form)
    assert (answer.status_code, answer.data.count(b"<Message")) == (200, 0)
    assert count(wire.place.installation, Inbound) == 0


def begun(place: Office) -> Any:
    ani = place.twilio.person()
    for text in (place.link_text(), "1", "SETUJU"):
        ani.say(text)
    return ani


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("image", "tidak kami buka"),
        ("audio", "tidak kami buka"),
        ("sticker", "tidak kami buka"),
        ("document", "tidak kami buka"),
        ("contact", "tidak kami buka"),
        ("location", "tidak kami buka"),
        ("edited", "diedit"),
        ("reaction", None),
    ],
)
def test_what_is_no_text_is_never_taken_for_an_answer(place, kind, said):
    ani = begun(place)
    before = ani.inbox[-1]
    reply = ani.say("1" if kind in {"edited", "reaction"} else "", kind=kind)
    if said is None:
        assert reply == []
    else:
        assert said in reply[0]
    footer = before.rsplit("(", 1)[1][:5]
    assert footer in ani.say("ULANG")[0], "the same question is open"


def test_words_with_control_characters_and_angle_brackets_come_back_as_sound_twiml(place):
    ani = place.twilio.person()
    for text in ("\x00\x01<b>&amp;\ud7ff😀", "]]>", "x" * 1600, "\n\n\n", "Kode: <K7M2&9QPX>"):
        ani.say(text)
    assert place.twilio.errors == []


# the database goes away


def test_while_the_database_is_away_twilio_is_asked_to_come_again(postgres_url):
    with office(postgres_url) as place:
        ani = begun(place)
        place.twilio.settle()
        wire = Wire(place)
        _allow(postgres_url, allow=False)
        form = ani.form("1")
        answer = wire.post(form)
        assert answer.status_code == 503
        assert answer.json["error"] == "unavailable"
        told = {"MessageStatus": "sent", "MessageSid": "SM" + "1" * 32}
        status = wire.post(told, path=f"/whatsapp/status/{uuid.uuid4().hex}")
        assert status.status_code == 503
        assert wire.client.get("/ready").status_code == 503
        assert wire.client.get("/health").status_code == 200
        _allow(postgres_url, allow=True)
        assert wire.client.get("/ready").status_code == 200
        again = wire.post(form)
        assert again.status_code == 200
        assert b"<Message" in again.data, "the same message, now taken in"
        assert sorted(fates(place.installation)) == ["delivered"] * 3 + ["unknown"]


def _allow(url: str, *, allow: bool) -> None:
    """Let a database take connections or none, and end those that there are."""
    parts = make_url(url)
    host = str(parts.query.get("host", parts.host))
    with psycopg.connect(
        host=host, user=parts.username, dbname="postgres", autocommit=True
    ) as other:
        other.execute(f'ALTER DATABASE "{parts.database}" ALLOW_CONNECTIONS {str(allow).lower()}')
        if not allow:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [parts.database],
            )


def test_a_second_server_on_one_file_says_503_and_why(place, sqlite_url):
    config = settings_for(sqlite_url, place.twilio)
    service = Service(config, serving=True)
    wire = Wire(place, create_app(config, service=service))
    answer = wire.post(wire.form())
    assert answer.status_code == 503
    assert "already serves tautan.db" in answer.json["reason"]
    assert wire.client.get("/ready").status_code == 503
    service.close()


def test_a_database_without_tables_says_503_and_how_to_mend_it(place, tmp_path):
    config = settings_for(f"sqlite:///{tmp_path / 'new.db'}", place.twilio)
    service = Service(config, serving=True)
    wire = Wire(place, create_app(config, service=service))
    answer = wire.post(wire.form())
    assert (answer.status_code, "tautan migrate" in answer.json["reason"]) == (503, True)
    service.close()


def test_a_wrong_secret_says_503_and_how_to_mend_it(place, sqlite_url):
    place.service.close()
    config = settings_for(sqlite_url, place.twilio, tautan_secret_key="another secret " * 3)
    service = Service(config, serving=True)
    wire = Wire(place, create_app(config, service=service))
    answer = wire.post(wire.form())
    assert answer.status_code == 503
    assert "TAUTAN_SECRET_KEY" in answer.json["reason"]
    service.close()


# status callbacks


def test_a_callback_is_answered_with_204_and_no_body_whatever_it_says(place):
    ani = begun(place)
    place.twilio.settle()
    wire = Wire(place)
    (known, *_) = rows(place.installation, Outbox)
    sid = known.provider_sid
    for reference in (known.id.hex, str(known.id), uuid.uuid4().hex, "nonsense", "1" * 500):
        for form in (
            {"MessageSid": sid, "MessageStatus": "delivered"},
            {"MessageSid": sid, "MessageStatus": "something-new"},
            {"MessageSid": sid, "MessageStatus": "failed", "ErrorCode": "no number"},
            {"MessageSid": sid},
            {"MessageStatus": "sent"},
            {},
        ):
            answer = wire.post(form, path=f"/whatsapp/status/{reference}")
            assert (answer.status_code, answer.data) == (204, b"")
    (after, *_) = rows(place.installation, Outbox, id=known.id)
    assert after == known
    assert ani.inbox


def test_callbacks_are_counted_by_status(place):
    begun(place)
    place.twilio.settle()
    wire = Wire(place)
    assert wire.metric('tautan_statuses_total{status="delivered"}') == 3
    wire.post({"MessageSid": "SM" + "1" * 32, "MessageStatus": "sent"}, path="/whatsapp/status/x")
    assert wire.metric('tautan_statuses_total{status="unknown"}') == 1


def test_a_callback_at_the_inbound_address_is_not_a_message(wire):
    form = wire.form() | {"MessageStatus": "delivered"}
    answer = wire.post(form)
    assert (answer.status_code, answer.data.count(b"<Message")) == (200, 0)
    assert count(wire.place.installation, Inbound) == 0


def test_the_reply_names_where_its_fate_is_told(place):
    ani = place.twilio.person()
    wire = Wire(place)
    answer = wire.post(ani.form(place.link_text()))
    (message,) = ElementTree.fromstring(answer.data)
    (row,) = rows(place.installation, Outbox)
    assert message.get("action") == f"{BASE}/whatsapp/status/{row.id.hex}"
    assert (row.status, row.via) == ("unknown", "twiml")


def test_connection_overrides_make_twilio_try_again_and_nothing_is_lost(place):
    """The webhook's address as the operator's guide gives it, with faults on the way."""
    twilio = place.twilio
    twilio.webhook_url = f"{BASE}/whatsapp#ct=2000&rt=4000&tt=15000&rc=2&rp=ct,rt,5xx"
    ani = place.twilio.person()
    for text in (place.link_text(), "1", "SETUJU", "1", "1"):
        with twilio.callbacks_held():  # so that the faults strike the message
            twilio.faults.next("no_connection")
            twilio.faults.next("reply_lost")
            assert len(ani.say(text)) == 1
        twilio.settle()
    assert count(place.installation, Inbound) == 5
    assert twilio.errors == []


def test_the_time_of_a_message_is_kept_as_a_day_only(place):
    begun(place)
    day = datetime(2026, 11, 23, tzinfo=UTC).date()
    assert {row.received_on for row in rows(place.installation, Inbound)} == {day}
