"""The stand-in for Twilio tells the truths that the program under test has to live with."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from flask import Flask, Response, request
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import (
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse

from bot.channels.twilio import _HttpClient
from tests.fake_twilio import FakeTwilio, wsgi_post
from tests.fake_twilio_rules import Faults, Overrides, TwimlError

BASE = "https://survei.example"
NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


class Survey:
    """A minimal program under test, written with Twilio's own library."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.statuses: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], Any] = lambda form: xml(f"Anda: {form['Body']}")
        self.status_answer: tuple[str, int] = ("", 204)
        self.app = Flask("survey")
        self.app.add_url_rule("/whatsapp", view_func=self.inbound, methods=["POST"])
        self.app.add_url_rule("/status/<name>", view_func=self.status, methods=["POST"])

    def inbound(self) -> Any:
        self.forms.append(request.form.to_dict())
        self.tokens.append(request.headers["I-Twilio-Idempotency-Token"])
        return self.answer(self.forms[-1])

    def status(self, name: str) -> Any:
        self.statuses.append(request.form.to_dict() | {"name": name})
        return self.status_answer


def xml(*texts: str, action: str | None = None) -> Response:
    """Return a TwiML reply as Twilio's library writes it."""
    made = MessagingResponse()
    for text in texts:
        made.message(text, action=action, method="POST" if action else None)
    return Response(str(made), mimetype="text/xml")


@pytest.fixture
def survey() -> Survey:
    return Survey()


@pytest.fixture
def twilio(survey: Survey) -> Iterator[FakeTwilio]:
    with FakeTwilio(webhook_url=f"{BASE}/whatsapp", post=wsgi_post(survey.app, BASE)) as fake:
        fake.clock = lambda: NOW
        yield fake


@pytest.fixture
def client(twilio: FakeTwilio) -> Iterator[Client]:
    http = _HttpClient(twilio.base_url, timeout=5.0)
    yield Client(twilio.account_sid, twilio.auth_token, http_client=http)
    http.session.close()


def post(twilio: FakeTwilio, /, **fields: str) -> Any:
    """Post a message to the API as it goes over the wire: (status, code or sid)."""
    url = f"{twilio.base_url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    answer = requests.post(
        url, data=fields, auth=(twilio.account_sid, twilio.auth_token), timeout=5
    )
    data = answer.json()
    return answer.status_code, data.get("sid") or data["code"]


def ready(twilio: FakeTwilio) -> dict[str, str]:
    """Return fields that are sent to somebody whose window is open."""
    person = twilio.person()
    person.wrote_at = twilio.clock()
    return {"To": person.address, "From": twilio.sender, "Body": "Halo"}


# --- the API --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": None}, 21604),
        ({"To": "whatsapp:0812"}, 21211),
        ({"To": "whatsapp:id.1"}, 21211),
        ({"To": "+6281200000001"}, 21211),
        ({"From": None}, 21603),
        ({"From": "whatsapp:+6281200000998"}, 63007),
        ({"From": "+6281200000998"}, 21212),
        ({"MessagingServiceSid": "MG" + "f" * 32}, 21701),
        ({"Body": None}, 21619),
        ({"Body": ""}, 21619),
        ({"Body": "a" * 1601}, 21617),
        ({"Body": "👍" * 801}, 21617),
        ({"ContentSid": "HX"}, 20001),
        ({"Body": None, "ContentSid": "HX" + "0" * 32}, 21655),
        ({"ContentVariables": "{}"}, 21654),
        ({"StatusCallback": "https://survei_kita.example/"}, 21609),
        ({"StatusCallback": "survei.example"}, 21609),
        ({"Boddy": "x"}, 20001),
    ],
)
def test_a_wrong_message_is_refused_with_its_code(
    twilio: FakeTwilio, change: dict[str, str | None], code: int
) -> None:
    """And nothing is kept of it."""
    fields = {**ready(twilio), **change}
    given = {key: value for key, value in fields.items() if value is not None}
    assert post(twilio, **given) == (400, code)
    assert twilio.outbound() == []


@pytest.mark.parametrize(
    "variables",
    [
        "1",
        "[]",
        "{",
        '{"1": ""}',
        '{"1": " "}',
        '{"1": 5}',
        '{"1": null}',
        '{"1": "a\\nb"}',
        '{"1": "a\\tb"}',
        '{"1": "a    b"}',
        '{"a_name_of_over_16": "x"}',
        json.dumps({"1": "x" * 1601}),
        json.dumps({str(n): "x" for n in range(101)}),
    ],
)
def test_wrong_content_variables_are_refused(twilio: FakeTwilio, variables: str) -> None:
    """A mapping that nobody turned into JSON arrives as the figure 1."""
    fields = ready(twilio)
    del fields["Body"]
    sid = twilio.content({"twilio/text": {"body": "Yth. {{1}}!"}})
    assert post(twilio, ContentSid=sid, ContentVariables=variables, **fields) == (400, 21656)
    good = post(twilio, ContentSid=sid, ContentVariables='{"1": "Ibu Ani"}', **fields)
    assert good[0] == 201
    assert twilio.people[fields["To"]].inbox == ["Yth. Ibu Ani!"]


def test_only_the_account_s_tokens_open_the_api(twilio: FakeTwilio) -> None:
    """All of them while they are rotated; and each product has a host of its own."""
    url = f"{twilio.base_url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    twilio.auth_tokens.append("baru")

    def ask(token: str, **headers: str) -> Any:
        auth = (twilio.account_sid, token)
        return requests.get(url, auth=auth, headers=headers, timeout=5)

    assert ask("salah").status_code == 401
    assert ask("salah").json()["code"] == 20003
    assert ask("baru").status_code == ask(twilio.auth_token).status_code == 200
    assert ask("baru", **{"X-Original-Host": "content.twilio.com"}).status_code == 404
    assert requests.get(url, timeout=5).status_code == 401


def test_who_opted_out_is_refused(twilio: FakeTwilio) -> None:
    """Error 21610 comes from the API itself."""
    fields = ready(twilio)
    twilio.people[fields["To"]].opted_out = True
    assert post(twilio, **fields) == (400, 21610)


def fate(twilio: FakeTwilio, survey: Survey, /, **fields: str) -> tuple[list[str], str | None]:
    """Send, and return the statuses that were called back and the error code of the last."""
    survey.statuses.clear()
    status, _ = post(twilio, StatusCallback=f"{BASE}/status/x", **fields)
    assert status == 201
    twilio.settle()
    found = survey.statuses
    return [form["MessageStatus"] for form in found], found[-1].get("ErrorCode") if found else None


ARRIVED = (["sent", "delivered", "read"], None)


def test_the_window_shuts_after_24_hours(twilio: FakeTwilio, survey: Survey) -> None:
    """Then a text, content that nobody approved and a list are taken and fail with 63016."""
    ani = twilio.person()
    fields = {"To": ani.address, "From": twilio.sender}
    types = {"twilio/text": {"body": "Halo"}}
    items = [{"id": "1", "item": "Ya", "description": "-"}]
    picker = {"twilio/list-picker": {"body": "Pilih", "button": "Buka", "items": items}}
    approved, plain = twilio.content(types), twilio.content(types, approved=False)
    lists = twilio.content(picker)
    shut = (["failed"], "63016")

    def fates() -> list[Any]:
        return [
            fate(twilio, survey, **fields, Body="x"),
            fate(twilio, survey, **fields, ContentSid=plain),
            fate(twilio, survey, **fields, ContentSid=lists),
            fate(twilio, survey, **fields, ContentSid=approved),
        ]

    assert fates() == [shut, shut, shut, ARRIVED]
    ani.say("halo")
    twilio.clock = lambda: NOW + timedelta(hours=24)
    assert fates() == [ARRIVED] * 4
    twilio.clock = lambda: NOW + timedelta(hours=24, seconds=1)
    assert fates() == [shut, shut, shut, ARRIVED]


def test_what_cannot_arrive_fails_with_its_code(twilio: FakeTwilio, survey: Survey) -> None:
    """Nobody there, blocked, and a template whose values do not fit."""
    fields = ready(twilio)
    nobody = fields | {"To": "whatsapp:+6281200009998"}
    assert fate(twilio, survey, **nobody) == (["undelivered"], "63024")
    twilio.people[fields["To"]].failure = 63014
    assert fate(twilio, survey, **fields) == (["undelivered"], "63014")
    twilio.people[fields["To"]].failure = None
    del fields["Body"]
    fields["ContentSid"] = twilio.content({"twilio/text": {"body": "{{nama}}: {{2}}!"}})
    fields["ContentVariables"] = '{"nama": "Ani"}'
    assert fate(twilio, survey, **fields) == (["failed"], "63028")


def test_one_person_gets_45_messages_at_once_and_then_one_in_6_seconds(
    twilio: FakeTwilio, survey: Survey
) -> None:
    """If the limit is switched on."""
    twilio.pair_rate = True
    fields = ready(twilio)
    assert [fate(twilio, survey, **fields) for _ in range(46)] == [ARRIVED] * 45 + [
        (["failed"], "63018")
    ]
    twilio.clock = lambda: NOW + timedelta(seconds=6)
    assert [fate(twilio, survey, **fields)[1] for _ in range(2)] == [None, "63018"]


def test_a_message_is_found_and_listed_in_pages(twilio: FakeTwilio, client: Client) -> None:
    """By To, From and time, through Twilio's own library; inbound ones too."""
    fields = ready(twilio)
    sids = []
    for number in range(7):
        twilio.clock = lambda number=number: NOW + timedelta(minutes=number)  # type: ignore[misc]
        sids.append(post(twilio, **fields)[1])
    post(twilio, **ready(twilio))
    listed = client.messages.list(to=fields["To"], from_=twilio.sender, page_size=3)
    assert [message.sid for message in listed] == sids[::-1]
    recent = client.messages.list(to=fields["To"], date_sent_after=NOW + timedelta(minutes=4))
    assert [message.sid for message in recent] == sids[:3:-1]
    assert client.messages(sids[0]).fetch().date_sent == NOW
    twilio.people[fields["To"]].say("halo")
    [inbound] = client.messages.list(to=twilio.sender)
    assert (inbound.direction, inbound.body, inbound.status) == ("inbound", "halo", "received")
    with pytest.raises(TwilioRestException, match="404"):
        client.messages("SM" + "0" * 32).fetch()


def test_content_is_made_read_approved_and_deleted(twilio: FakeTwilio, client: Client) -> None:
    """Through Twilio's own library."""
    types = {"twilio/quick-reply": {"body": "Setuju?", "actions": [{"id": "1", "title": "Ya"}]}}
    made = client.content.v1.contents.create(
        content_create_request=_asked("izin", "id", {"1": "contoh"}, types)
    )
    assert [content.sid for content in client.content.v1.contents.list()] == [made.sid]
    fetched = client.content.v1.contents(made.sid).fetch()
    assert (fetched.friendly_name, fetched.types) == ("izin", types)
    requests_ = client.content.v1.contents(made.sid)
    assert requests_.approval_fetch().fetch().whatsapp["status"] == "unsubmitted"
    asked = {"name": "izin_1", "category": "UTILITY"}
    assert requests_.approval_create.create(_plain(asked)).status == "received"
    assert requests_.approval_fetch().fetch().whatsapp["name"] == "izin_1"
    with pytest.raises(TwilioRestException, match="submitted before"):
        requests_.approval_create.create(_plain(asked))
    requests_.delete()
    assert client.content.v1.contents.list() == []
    with pytest.raises(TwilioRestException):
        client.content.v1.contents(made.sid).fetch()


def _plain(fields: dict[str, Any]) -> Any:
    """Wrap what Twilio's library only calls `to_dict` on."""
    return type("Asked", (), {"to_dict": lambda self: fields})()


def _asked(name: str, language: str, variables: dict[str, str], types: dict[str, Any]) -> Any:
    return _plain(
        {"friendly_name": name, "language": language, "variables": variables, "types": types}
    )


ACTION = {"title": "Ya", "id": "1"}
ROW = {"item": "Ya", "id": "1", "description": "1"}


def _list_with(**changes: str) -> dict[str, Any]:
    return {"twilio/list-picker": {"body": "x", "button": "y", "items": [ROW | changes]}}


@pytest.mark.parametrize(
    "types",
    [
        {
            "twilio/quick-reply": {
                "body": "x",
                "actions": [ACTION | {"id": str(n), "title": str(n)} for n in range(4)],
            }
        },
        {"twilio/quick-reply": {"body": "x", "actions": [ACTION | {"title": "x" * 21}]}},
        {"twilio/quick-reply": {"body": "x", "actions": [ACTION, ACTION]}},
        {"twilio/quick-reply": {"body": "{{1}}", "actions": [ACTION]}},
        _list_with(item="{{1}}"),
    ],
)
def test_what_whatsapp_shows_no_buttons_for_within_a_conversation_fails(
    twilio: FakeTwilio, survey: Survey, types: dict[str, Any]
) -> None:
    """Content without approval has the limits of reply buttons; all have those of filled texts."""
    ani = twilio.person()
    ani.say("halo")
    sid = twilio.content(types, approved=False)
    sent = fate(
        twilio,
        survey,
        To=ani.address,
        From=twilio.sender,
        ContentSid=sid,
        ContentVariables='{"1": "' + "x" * 1025 + '"}',
    )
    assert sent == (["undelivered"], "63013")


def test_content_that_was_deleted_cannot_be_sent(twilio: FakeTwilio, client: Client) -> None:
    ani = twilio.person()
    ani.say("halo")
    sid = twilio.content({"twilio/quick-reply": {"body": "x", "actions": [ACTION]}})
    client.content.v1.contents(sid).delete()
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=ani.address, from_=twilio.sender, content_sid=sid)
    assert caught.value.code == 21655


@pytest.mark.parametrize(
    ("language", "variables", "types"),
    [
        ("", {}, {"twilio/text": {"body": "x"}}),
        ("id", {"1": ""}, {"twilio/text": {"body": "x"}}),
        ("id", {}, {}),
        ("id", {}, {"twilio_text": {"body": "x"}}),
        ("id", {}, {"twilio/text": {"body": ""}}),
        ("id", {}, {"twilio/text": {"body": "x" * 1601}}),
        ("id", {}, {"twilio/quick-reply": {"body": "x", "actions": []}}),
        ("id", {}, {"twilio/quick-reply": {"body": "x", "actions": [{"title": "x" * 26}]}}),
        ("id", {}, {"twilio/list-picker": {"body": "x", "items": [{"item": "x" * 25, "id": "1"}]}}),
        ("id", {}, {"twilio/list-picker": {"body": "x", "items": [{"item": "x", "id": ""}]}}),
        ("id", {}, {"twilio/quick-reply": {"body": "x", "actions": [{"title": "x"}]}}),
        ("id", {}, {"twilio/quick-reply": {"body": "x" * 1025, "actions": [ACTION]}}),
        ("id", {}, {"twilio/list-picker": {"body": "x", "items": [ROW]}}),
        ("id", {}, {"twilio/list-picker": {"body": "x", "button": "x" * 21, "items": [ROW]}}),
        ("id", {}, {"twilio/list-picker": {"body": "x", "button": "y", "items": [ROW] * 11}}),
        ("id", {}, _list_with(description="")),
        ("id", {}, _list_with(description="x" * 73)),
        ("id", {}, _list_with(id="x" * 201)),
    ],
)
def test_content_that_twilio_refuses_is_refused(
    client: Client, language: str, variables: dict[str, str], types: dict[str, Any]
) -> None:
    """Limits of the Content types."""
    with pytest.raises(TwilioRestException) as caught:
        client.content.v1.contents.create(
            content_create_request=_asked("x", language, variables, types)
        )
    assert caught.value.code in (92002, 92007)


GOOD = "Selamat {{1}}, mari mengisi survei dari kami."


def _submit(
    client: Client,
    body: str = GOOD,
    titles: tuple[str, ...] = ("Mulai",),
    samples: tuple[str, ...] = ("pagi",),
    name: str = "ajakan",
) -> str:
    """Make a content, submit it as a template and return its id."""
    actions = [{"id": str(place), "title": title} for place, title in enumerate(titles)]
    kind = "twilio/quick-reply" if titles else "twilio/text"
    types = {kind: {"body": body, **({"actions": actions} if titles else {})}}
    variables = {str(place): sample for place, sample in enumerate(samples, 1)}
    made = client.content.v1.contents.create(
        content_create_request=_asked(name, "id", variables, types)
    )
    asked = {"name": name, "category": "UTILITY"}
    client.content.v1.contents(made.sid).approval_create.create(_plain(asked))
    return str(made.sid)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"body": "{{1}}, mari mengisi survei dari kami."}, "first or last"),
        ({"body": "Mari mengisi survei dari kami, *{{1}}*"}, "first or last"),
        ({"body": "Mari {{1}} {{2}} isi survei dari kami", "samples": ("a", "b")}, "side by side"),
        ({"body": "Mari {{2}} isi survei dari kami", "samples": ("a", "b")}, "in this order"),
        ({"body": "Mari {{nama}} isi survei dari kami"}, "in this order"),
        ({"body": "Undangan: {{1}} mari isi survei kami"}, "label"),
        ({"body": "Mari {{1}} isi"}, "too many variables"),
        ({"samples": ()}, "needs a sample"),
        ({"samples": ("pagi\nini",)}, "line break"),
        ({"titles": ("Mulai", "mulai")}, "same words"),
        ({"titles": ("Mulai \U0001f64f",)}, "emoji"),
        ({"titles": ("Mulai\nsaja",)}, "emoji"),
        ({"name": "Ajakan"}, "lower-case"),
    ],
)
def test_what_breaks_metas_rules_is_not_taken_for_approval(
    client: Client, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(TwilioRestException, match=words):
        _submit(client, **wrong)
    assert _submit(client)


def test_a_rejected_or_deleted_name_is_blocked_for_thirty_days(
    twilio: FakeTwilio, client: Client
) -> None:
    twilio.judge(_submit(client), "rejected", "INVALID_FORMAT")
    with pytest.raises(TwilioRestException, match="within 30 days"):
        _submit(client)
    second = _submit(client, name="ajakan_2")
    client.content.v1.contents(second).delete()
    with pytest.raises(TwilioRestException, match="within 30 days"):
        _submit(client, name="ajakan_2")
    twilio.clock = lambda: NOW + timedelta(days=30)
    assert _submit(client)


def test_a_second_template_with_the_same_words_is_rejected(
    twilio: FakeTwilio, client: Client
) -> None:
    first, second = _submit(client), _submit(client, name="ajakan_2")
    assert twilio.contents[first].approval["status"] == "received"
    assert twilio.contents[second].approval["status"] == "rejected"
    with pytest.raises(TwilioRestException, match="another template"):
        _submit(client, body="Selamat {{1}}, mohon mengisi survei dari kami.")


def test_whatsapp_decides_in_steps_and_what_it_stops_fails(
    twilio: FakeTwilio, client: Client
) -> None:
    sid = _submit(client)
    with pytest.raises(AssertionError, match="never makes received paused"):
        twilio.judge(sid, "paused")
    twilio.judge(sid, "pending")
    twilio.judge(sid, "approved", category="MARKETING")
    twilio.judge(sid, "paused")
    fetched = client.content.v1.contents(sid).approval_fetch().fetch().whatsapp
    assert (fetched["status"], fetched["category"]) == ("paused", "MARKETING")
    person = twilio.person()
    for status, code in (("paused", 63041), ("disabled", 63042)):
        if status != "paused":
            twilio.judge(sid, status)
        made = client.messages.create(
            to=person.address,
            from_=twilio.sender,
            content_sid=sid,
            content_variables='{"1": "pagi"}',
        )
        assert twilio.messages[made.sid].error_code == code


@pytest.mark.parametrize(
    ("fault", "status", "taken"),
    [
        ("429", 429, 0),
        ("problem", 429, 0),
        ("500", 500, 0),
        ("500_after", 500, 1),
        ("503", 503, 0),
        ("html", 502, 0),
        ("drop_before", None, 0),
        ("drop_after", None, 1),
        ("slow", 201, 1),
    ],
)
def test_a_fault_strikes_once(
    twilio: FakeTwilio, fault: str, status: int | None, taken: int
) -> None:
    """Only sending, unless something else is named."""
    twilio.faults.slow_seconds = 0.05
    fields = ready(twilio)
    twilio.faults.next(fault)
    url = f"{twilio.base_url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    auth = (twilio.account_sid, twilio.auth_token)
    assert requests.get(url, auth=auth, timeout=5).status_code == 200
    try:
        seen = requests.post(url, data=fields, auth=auth, timeout=5).status_code
    except requests.ConnectionError:
        seen = None
    assert seen == status
    assert len(twilio.outbound()) == taken
    assert post(twilio, **fields)[0] == 201
    assert twilio.faults.struck == {fault: 1}


def test_chances_are_the_same_for_the_same_seed() -> None:
    """A run that failed can be repeated."""

    def strikes(seed: int) -> list[str | None]:
        faults = Faults(seed)
        faults.chance("500", 0.2)
        faults.chance("drop_after", 0.1)
        return [faults.api("send") for _ in range(500)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 50 < strikes(1).count("500") < 150
    assert strikes(1).count("drop_after") > 10
    with pytest.raises(ValueError, match="no such fault"):
        Faults(0).next("drop")


# --- people and webhooks --------------------------------------------------------------------


def test_what_a_person_says_is_signed_and_answered(twilio: FakeTwilio, survey: Survey) -> None:
    """With the parameters that Twilio sends."""
    ani = twilio.person("+6281200000001", "ID.1000000000000001")
    assert ani.say("halo é&+ 👍") == ["Anda: halo é&+ 👍"]
    assert ani.inbox == ["Anda: halo é&+ 👍"]
    [form] = survey.forms
    assert form["From"] == "whatsapp:+6281200000001"
    assert form["WaId"] == "6281200000001"
    assert form["ExternalUserId"] == "whatsapp:ID.1000000000000001"
    assert len(form) >= 16
    assert twilio.errors == []


def test_signatures_are_twilio_s_own() -> None:
    """SHA-1 with the Auth Token, or SHA-256 with a shared key; never over the fragment."""
    judged = []

    def check(url: str, body: bytes, headers: Mapping[str, str]) -> Any:
        assert url == f"{BASE}/whatsapp?x=%2f"
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signature = headers["X-Twilio-Signature"]
        judged.append(
            (algorithm, RequestValidator(secret).validate(url, form, signature, algorithm))
        )
        return 204, {}, b""

    with FakeTwilio(webhook_url=f"{BASE}/whatsapp?x=%2f#rc=2", post=check) as fake:
        ani = fake.person()
        secret = fake.auth_token
        ani.say("")
        secret = "rahasia"
        ani.say("salah")
        fake.shared_key = ("kunci", "rahasia")
        ani.say("dua é")
    assert judged == [("HMAC_SHA1", True), ("HMAC_SHA1", False), ("HMAC_SHA256", True)]


def test_a_hidden_phone_leaves_only_the_user_id(twilio: FakeTwilio, survey: Survey) -> None:
    """In From and in callbacks; the person is still reached under the phone."""
    ani = twilio.person("+6281200000001", "ID.1000000000000001", shows_phone=False)
    ani.say("halo")
    assert survey.forms[0]["From"] == survey.forms[0]["ExternalUserId"]
    assert "WaId" not in survey.forms[0]
    assert "6281200000001" not in json.dumps(survey.forms)
    fields = {"From": twilio.sender, "Body": "x"}
    assert fate(twilio, survey, To="whatsapp:+6281200000001", **fields) == ARRIVED
    assert fate(twilio, survey, To="whatsapp:ID.1000000000000001", **fields) == ARRIVED
    assert len(ani.inbox) == 3


def test_a_recycled_number_belongs_to_its_new_owner(twilio: FakeTwilio) -> None:
    """Messages to it reach nobody else."""
    old = twilio.person("+6281200000001")
    new = twilio.person("+6281200000001", "ID.1000000000000002")
    new.say("halo")
    assert (len(old.inbox), len(new.inbox)) == (0, 1)


def test_buttons_and_rows_are_tapped_by_title_or_id(twilio: FakeTwilio, survey: Survey) -> None:
    """And the tap names the message that it belongs to, which may be an old one."""
    ani = twilio.person()
    ani.say("halo")
    actions = [{"id": "ya", "title": "{{1}}"}, {"id": "tidak", "title": "Tidak"}]
    items = [{"id": "7", "item": "Sering", "description": "-"}]
    for types in (
        {"twilio/quick-reply": {"body": "Setuju?", "actions": actions}},
        {"twilio/list-picker": {"body": "Pilih", "button": "Buka", "items": items}},
    ):
        sid = twilio.content(types)
        post(
            twilio,
            To=ani.address,
            From=twilio.sender,
            ContentSid=sid,
            ContentVariables='{"1": "Ya"}',
        )
    ani.say(tap="Sering")
    ani.say(tap="Ya")
    ani.say("Lain", tap="payload", quote="Pilih")
    ani.say("teks", quote="Setuju?")
    row, button, other, quote = survey.forms[1:]
    asked = {message.text: message.sid for message in ani.messages}
    assert (row["ListId"], row["ListTitle"], row["Body"]) == ("7", "Sering", "Sering")
    assert row["OriginalRepliedMessageSid"] == asked["Pilih"]
    assert (button["ButtonPayload"], button["ButtonText"]) == ("ya", "Ya")
    assert button["OriginalRepliedMessageSid"] == asked["Setuju?"]
    assert (other["ButtonPayload"], other["ButtonText"]) == ("payload", "Lain")
    assert other["OriginalRepliedMessageSid"] == asked["Pilih"]
    assert quote["OriginalRepliedMessageSid"] == asked["Setuju?"]
    assert "ButtonPayload" not in quote
    with pytest.raises(LookupError, match="no such message"):
        ani.say("x", quote="tidak ada")


def test_the_same_message_may_come_again(twilio: FakeTwilio, survey: Survey) -> None:
    """With its MessageSid and another idempotency token."""
    ani = twilio.person()
    ani.say("halo")
    ani.again()
    assert survey.forms[0] == survey.forms[1]
    assert survey.tokens[0] != survey.tokens[1]
    ani.say("halo", kind="image", fields={"OptOutType": "STOP"})
    assert survey.forms[2]["NumMedia"] == "1"
    assert survey.forms[2]["OptOutType"] == "STOP"
    assert survey.forms[2]["MessageSid"] != survey.forms[0]["MessageSid"]


@pytest.mark.parametrize(
    ("fragment", "attempts"),
    [("", 1), ("rc=2&rp=5xx", 3), ("rc=2&rp=ct,rt", 1), ("rc=5&rp=all", 6), ("rc=0&rp=all", 1)],
)
def test_a_5xx_is_repeated_only_where_the_url_says_so(
    twilio: FakeTwilio, survey: Survey, fragment: str, attempts: int
) -> None:
    """By default the answer is lost; every attempt has the same token and MessageSid."""
    twilio.webhook_url = f"{BASE}/whatsapp#{fragment}"
    survey.answer = lambda form: ("", 503)
    ani = twilio.person()
    assert ani.say("halo") == []
    assert len(survey.forms) == attempts
    assert len(set(survey.tokens)) == 1
    assert [problem.code for problem in twilio.errors] == [11200]


def test_a_lost_answer_is_asked_for_again(twilio: FakeTwilio, survey: Survey) -> None:
    """The program has handled the message, and is called once more."""
    ani = twilio.person()
    twilio.faults.next("reply_lost")
    assert ani.say("satu") == []
    assert len(survey.forms) == 1
    twilio.webhook_url = f"{BASE}/whatsapp#rc=1&rp=rt"
    twilio.faults.next("reply_lost")
    assert ani.say("dua") == ["Anda: dua"]
    assert [form["Body"] for form in survey.forms] == ["satu", "dua", "dua"]
    twilio.faults.next("no_connection")
    twilio.webhook_url = f"{BASE}/whatsapp"  # one more attempt by default
    assert ani.say("tiga") == ["Anda: tiga"]


@pytest.mark.parametrize(
    "fragment", ["rc=6", "ct=99", "rt=15001", "rp=3xx", "retries=1", "rc=x", "rc"]
)
def test_a_wrong_override_is_an_error(fragment: str) -> None:
    """Twilio would ignore it, and nobody would know."""
    with pytest.raises(ValueError):
        Overrides.parse(fragment)
    assert Overrides.parse("ct=2000&rt=4000&tt=15000&rc=2&rp=ct,rt,5xx&e=singapore&sni=y").read == 4


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<Response><Message>a & b</Message></Response>", 12100),
        ("<Response><Message>a\x01b</Message></Response>", 12100),
        ("halo", 12100),
        ("<Reply/>", 12200),
        ("<Response><Say>a</Say></Response>", 12200),
        ("<Response><Message contentSid='HX'>a</Message></Response>", 12200),
        ("<Response><Message action='/x'>a</Message></Response>", 12200),
        ("<Response><Message method='PUT'>a</Message></Response>", 12200),
        ("<Response><Message><Body>a</Body><Body>b</Body></Message></Response>", 12200),
        ("<Response><Message/></Response>", 14103),
        ("<Response><Message><Body> </Body></Message></Response>", 14103),
        (f"<Response><Message>{'a' * 1601}</Message></Response>", 21617),
    ],
)
def test_wrong_twiml_fails_the_test(
    twilio: FakeTwilio, survey: Survey, body: str, code: int
) -> None:
    """In the real world it would only be in the debugger."""
    survey.answer = lambda form: Response(body, mimetype="text/xml")
    with pytest.raises(TwimlError, match=str(code)):
        twilio.person().say("halo")
    assert twilio.errors[0].code == code


def test_twiml_must_be_called_xml(twilio: FakeTwilio, survey: Survey) -> None:
    """Twilio would send text/html or text/plain to the person as it is, or not at all."""
    survey.answer = lambda form: "<Response/>"
    with pytest.raises(TwimlError, match="12300"):
        twilio.person().say("halo")


def test_no_body_means_nothing_to_say(twilio: FakeTwilio, survey: Survey) -> None:
    """So does an empty <Response>."""
    ani = twilio.person()
    for answer in (("", 204), ("", 200), xml()):
        survey.answer = lambda form, answer=answer: answer  # type: ignore[misc]
        assert ani.say("halo") == []
    survey.answer = lambda form: xml("satu", "dua")
    assert ani.say("halo") == ["satu", "dua"]
    assert twilio.errors == []


# --- status callbacks -----------------------------------------------------------------------


def statuses(survey: Survey) -> list[str]:
    return [form["MessageStatus"] for form in survey.statuses]


def test_a_twiml_reply_is_called_back_at_its_action(twilio: FakeTwilio, survey: Survey) -> None:
    """Never `queued`; the user id from `delivered` on."""
    survey.answer = lambda form: xml("Halo", action=f"{BASE}/status/ref7")
    ani = twilio.person(bsuid="ID.1000000000000001")
    ani.say("halo")
    twilio.settle()
    assert statuses(survey) == ["sent", "delivered", "read"]
    assert {form["name"] for form in survey.statuses} == {"ref7"}
    assert {form["MessageSid"] for form in survey.statuses} == {ani.messages[0].sid}
    assert ["ExternalUserId" in form for form in survey.statuses] == [False, True, True]
    assert survey.statuses[2]["EventType"] == "READ"
    ani.read_receipts = False
    ani.say("lagi")
    twilio.settle()
    assert statuses(survey)[3:] == ["sent", "delivered"]
    assert twilio.errors == []


@pytest.mark.parametrize(
    ("fault", "seen", "arrives"),
    [
        ("callback_missing", [], True),
        ("callback_duplicate", ["sent", "sent", "delivered", "delivered", "read", "read"], True),
        ("callback_reversed", ["read", "delivered", "sent"], True),
        ("twiml_no_callback", [], True),
        ("twiml_lost", [], False),
    ],
)
def test_callbacks_come_wrong_on_demand(
    twilio: FakeTwilio, survey: Survey, fault: str, seen: list[str], arrives: bool
) -> None:
    """Missing, twice, in another order; and a TwiML reply may vanish."""
    survey.answer = lambda form: xml("Halo", action=f"{BASE}/status/x")
    twilio.faults.next(fault)
    ani = twilio.person()
    assert ani.say("halo") == (["Halo"] if arrives else [])
    twilio.settle()
    assert statuses(survey) == seen
    assert len(twilio.outbound()) == int(arrives)


def test_callbacks_can_be_held(twilio: FakeTwilio, survey: Survey) -> None:
    """As long as a test needs a message to be in doubt."""
    fields = ready(twilio)
    with twilio.callbacks_held():
        post(twilio, StatusCallback=f"{BASE}/status/x", **fields)
        with pytest.raises(TimeoutError):
            twilio.settle(0.1)
        assert survey.statuses == []
    twilio.settle()
    assert len(survey.statuses) == 3


@pytest.mark.parametrize(("answer", "code"), [(("", 500), 11200), (("<Response/>", 200), 12200)])
def test_a_bad_answer_to_a_callback_is_seen(
    twilio: FakeTwilio, survey: Survey, answer: tuple[str, int], code: int
) -> None:
    """A body could be taken for TwiML."""
    survey.status_answer = answer
    post(twilio, StatusCallback=f"{BASE}/status/x", **ready(twilio))
    twilio.settle()
    assert {problem.code for problem in twilio.errors} == {code}


def test_a_callback_that_raises_is_seen_and_stops_nothing(twilio: FakeTwilio) -> None:
    """An exception in the background must not be lost."""
    post(twilio, StatusCallback="https://elsewhere.example/x", **ready(twilio))
    post(twilio, **ready(twilio))
    twilio.settle()
    assert "elsewhere.example" in twilio.errors[0].text
    assert twilio.outbound()[1].status == "read"


# --- with a real server, and many at once ---------------------------------------------------


class _Slow(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.4 if self.path == "/slow" else 0)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_it_posts_to_a_real_server_with_real_time_outs() -> None:
    """Nobody there, too slow, and as it should be; but never to another machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with FakeTwilio(webhook_url=f"{url}/whatsapp") as twilio:
            ani = twilio.person()
            ani.say("halo")
            assert twilio.errors == []
            twilio.webhook_url = f"{url}/slow#rt=100&rc=0"
            ani.say("halo")
            twilio.webhook_url = "http://127.0.0.1:1/whatsapp"
            ani.say("halo")
            assert [problem.text for problem in twilio.errors] == ["inbound webhook: no answer"] * 2
            twilio.webhook_url = "https://survei.example/whatsapp"
            with pytest.raises(AssertionError, match="not on this machine"):
                ani.say("halo")
        server.shutdown()
        thread.join()


def test_many_people_write_and_are_written_to_at_once(twilio: FakeTwilio, survey: Survey) -> None:
    """Everybody gets everything meant for them, once."""
    survey.answer = lambda form: xml(f"Anda: {form['Body']}", action=f"{BASE}/status/x")
    people = [twilio.person() for _ in range(40)]

    def chat(person: Any) -> None:
        for number in range(5):
            assert person.say(str(number))
            assert post(twilio, To=person.address, From=twilio.sender, Body="x")[0] == 201

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(chat, people))
    twilio.settle(30)
    for person in people:
        assert sorted(person.inbox) == sorted([f"Anda: {n}" for n in range(5)] + ["x"] * 5)
    assert len(twilio.outbound()) == 400
    assert len(survey.statuses) == 600
    assert twilio.errors == []


# --- files of ours ----------------------------------------------------------------------------

LINK = "https://survei.contoh.test/media/abc"


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([(200, "image/png", b"\x89PNG 1")] * 2, None),
        ([(404, "text/html", b"")] * 2, 11200),
        ([(200, "image/png", b"\x89PNG 1"), (404, "text/html", b"")], 11200),
        ([(200, "text/html", b"<html>")] * 2, 12300),
        ([(200, "image/png", b"GIF89a")] * 2, 12300),
        ([(200, "image/png", b""), (200, "image/jpeg", b"\xff\xd8\xff")], 12300),
        ([(200, "image/png", b"\x89PNG" + bytes(5 << 20))] * 2, 11751),
    ],
)
def test_a_file_is_fetched_and_its_type_must_be_true(
    answers: list[tuple[int, str, bytes]], code: int | None
) -> None:
    left = list(answers)

    def fetch(method: str, url: str) -> tuple[int, dict[str, str], bytes]:
        status, mime, content = left.pop(0)
        assert (method, url) == ("HEAD" if left else "GET", LINK) or code
        return status, {"Content-Type": mime}, content

    with FakeTwilio(fetch=fetch, clock=lambda: NOW) as twilio:
        status, sid = post(twilio, **ready(twilio), MediaUrl=LINK)
        assert status == 201
        (person,) = twilio.people.values()
        if code is None:
            (message,) = person.messages
            assert message.file == ("image/png", b"\x89PNG 1")
        else:
            assert person.messages == []
            assert twilio.messages[sid].error_code == 63019
        assert [problem.code for problem in twilio.errors] == ([code] if code else [])


def test_an_address_that_is_none_is_refused(twilio: FakeTwilio) -> None:
    assert post(twilio, **ready(twilio), MediaUrl="/media/abc") == (400, 21620)
