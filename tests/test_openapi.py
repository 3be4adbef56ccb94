"""What the sender posts, judged by Twilio's own OpenAPI specifications and nobody of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.channels.base import Address, Outgoing, Template
from bot.channels.twilio import TwilioChannel, body_of
from bot.flow.question import Question
from bot.flow.turn import Message
from bot.flow.wording import Voice
from tests.fake_twilio import FakeTwilio
from tests.openapi_mock import (
    ACCOUNT,
    ANSWERS,
    CONTENT,
    FOLDER,
    MESSAGE,
    SERVICE,
    OpenApiMock,
    specifications,
    wrong_with,
)
from tests.surveys import MORNING, Chat, bundled
from tests.trim_openapi import USED

NUMBER = "whatsapp:+6281200000999"
TO = Address.parse("+6281200000001")
REFERENCE = "0a" * 16


@pytest.fixture(scope="module")
def served() -> Iterator[OpenApiMock]:
    with OpenApiMock() as mock:
        yield mock


@pytest.fixture
def mock(served: OpenApiMock) -> OpenApiMock:
    served.asked.clear()
    served.refused.clear()
    return served


def channel(mock: OpenApiMock, **changes: Any) -> TwilioChannel:
    given = {"sender": NUMBER, "public_base_url": "https://survei.contoh.test"} | changes
    return TwilioChannel(ACCOUNT, ("token",), api_base_url=mock.base_url, **given)


def only(mock: OpenApiMock, operation: str) -> tuple[dict[str, Any], Any]:
    """Return parameters and body of the one request that was made."""
    assert mock.refused == []
    (asked,) = mock.asked
    assert asked.operation == operation
    return dict(asked.parameters), asked.body


# what the channel asks


@pytest.mark.parametrize(
    "text", ["halo", "é ½ 🙏 & + = %20 #", "satu\n\ndua", "x" * 1600, "*tebal* _miring_ {{1}}"]
)
def test_a_text_is_taken_as_it_is_meant(mock, text):
    assert channel(mock).send(Outgoing(REFERENCE, TO, Message(text=text))).sid == MESSAGE
    parameters, body = only(mock, "CreateMessage")
    assert parameters == {"AccountSid": ACCOUNT}
    assert body == {
        "To": "whatsapp:+6281200000001",
        "From": NUMBER,
        "Body": text,
        "StatusCallback": f"https://survei.contoh.test/whatsapp/status/{REFERENCE}",
    }


@pytest.mark.parametrize("to", ["ID.1000000000000001", "ID.ENT.abc123", "+6281200000001"])
def test_every_kind_of_address_is_taken(mock, to):
    channel(mock).send(Outgoing(REFERENCE, Address.parse(to), Message(text="halo")))
    assert only(mock, "CreateMessage")[1]["To"] == f"whatsapp:{to}"


def test_every_question_of_the_bundled_survey_is_taken(mock):
    survey = bundled()
    sent = 0
    for group in survey.groups:
        flow = survey.for_group(group)
        context = Chat(survey, group).context()
        for question in flow.asked:
            message = _asked(Voice(flow, "id", context), question)
            channel(mock).send(Outgoing(REFERENCE, TO, message))
            sent += 1
            assert mock.asked[-1].body["Body"] == body_of(message)
    assert mock.refused == []
    assert sent == len(mock.asked) > 50


def _asked(voice: Voice, question: Question) -> Message:
    return voice.question(question, (1, 99), full=True)


def test_a_template_with_variables_is_taken(mock):
    message = Message(
        text="", variables={"nama": "Ani & Budi", "batas": "31 Januari\n2027", "x": ""}
    )
    template = Template(CONTENT, "id")
    channel(mock).send(Outgoing(REFERENCE, TO, message, template=template))
    _, body = only(mock, "CreateMessage")
    assert body["ContentSid"] == CONTENT
    assert json.loads(body["ContentVariables"]) == {
        "nama": "Ani & Budi",
        "batas": "31 Januari 2027",
        "x": "-",
    }
    assert "Body" not in body


def test_every_template_of_the_bundled_survey_is_taken(mock):
    survey = bundled()
    for name in ("invite", "reminder_first", "reminder_partial", "reminder_last"):
        voice = Voice(survey.for_group("internal"), "id", Chat(survey, "internal").context())
        message = voice.template(name, "invite")
        template = Template(CONTENT, "id")
        channel(mock).send(Outgoing(REFERENCE, TO, message, template=template))
        assert json.loads(mock.asked[-1].body["ContentVariables"]) == dict(message.variables)
    assert mock.refused == []


def test_a_messaging_service_is_taken_alone_and_with_a_number(mock):
    for sender in (None, NUMBER):
        by = channel(mock, sender=sender, messaging_service_sid=SERVICE)
        by.send(Outgoing(REFERENCE, TO, Message(text="halo")))
        body = mock.asked[-1].body
        assert body["MessagingServiceSid"] == SERVICE
        assert body.get("From") == sender
    assert mock.refused == []


def test_a_look_up_is_taken(mock):
    found = channel(mock).find(TO, datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
    assert [one.sid for one in found] == [MESSAGE]
    parameters, _ = only(mock, "ListMessage")
    assert parameters["To"] == "whatsapp:+6281200000001"
    assert parameters["From"] == NUMBER
    assert parameters["DateSent>"] == MORNING


@pytest.mark.parametrize(
    "types",
    [
        {"twilio/text": {"body": "Yth. {{1}}, mohon isi survei."}},
        {
            "twilio/quick-reply": {
                "body": "Setuju?",
                "actions": [
                    {"title": "Ya", "id": "sar_01:1"},
                    {"title": "Tidak", "id": "sar_01:2"},
                ],
            }
        },
        {
            "twilio/list-picker": {
                "body": "Seberapa sering?",
                "button": "Pilih",
                "items": [{"id": "x:1", "item": "Jarang", "description": "Jarang sekali"}],
            }
        },
    ],
    ids=lambda types: next(iter(types)),
)
def test_contents_are_taken(mock, types):
    assert channel(mock).contents.create("ajakan", "id", types, {"1": "Ibu"}) == CONTENT
    _, body = only(mock, "CreateContent")
    assert body["types"] == types
    assert body["variables"] == {"1": "Ibu"}


def test_contents_are_listed_deleted_submitted_and_followed(mock):
    contents = channel(mock).contents
    assert [one.id for one in contents.every()] == [CONTENT]
    contents.submit(CONTENT, "tautan_ajakan_1", "MARKETING")
    assert contents.approval(CONTENT).status == "received"
    contents.delete(CONTENT)
    assert mock.refused == []
    operations = [one.operation for one in mock.asked]
    assert operations == [
        *("ListContent", "CreateApprovalCreate", "FetchApprovalFetch", "DeleteContent")
    ]
    assert mock.asked[1].body == {"name": "tautan_ajakan_1", "category": "MARKETING"}


def test_what_the_doctor_asks_is_taken_and_understood(mock):
    account = channel(mock).account
    facts = account.facts()
    assert (facts.status, facts.trial) == ("active", False)
    assert facts.clock is not None
    (sender,) = account.senders()
    assert (sender.id, sender.status, sender.limit) == (NUMBER, "ONLINE", 10_000)
    assert account.service(SERVICE).senders == (NUMBER,)
    assert mock.refused == []
    asked = [one.operation for one in mock.asked]
    assert asked == ["FetchAccount", "ListChannelsSender", "FetchService", "ListChannelSender"]
    assert mock.asked[1].parameters["Channel"] == "whatsapp"


# the mock itself


MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
API, CONTENTS, SENDERS = "api.twilio.com", "content.twilio.com", "messaging.twilio.com"
GOOD = {"To": "whatsapp:+6281200000001", "From": NUMBER, "Body": "halo"}
ITEM = {"id": "1", "item": "Ya"}


def ask(mock: OpenApiMock, method: str, host: str, path: str, **given: Any) -> int:
    headers = {"X-Original-Host": host}
    url = mock.base_url + path
    given.setdefault("auth", (ACCOUNT, "token"))
    return requests.request(method, url, headers=headers, timeout=10, **given).status_code


def test_the_mock_takes_what_is_right(mock):
    assert ask(mock, "POST", API, MESSAGES, data=GOOD) == 201
    assert ask(mock, "GET", API, MESSAGES, params={"PageSize": "1000"}) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"To": None},
        {"To": "budi"},
        {"To": "whatsapp:0812"},
        {"From": "0812"},
        {"Contentsid": CONTENT},
        {"ContentSid": "HX123"},
        {"ContentSid": CONTENT + "0"},
        {"MessagingServiceSid": "SM" + "2" * 32},
        {"ValidityPeriod": "soon"},
        {"StatusCallback": "survei.contoh.test"},
        {"StatusCallback": "https://survei_kota.test/x"},
        {"ScheduleType": "someday"},
        {"Farbe": "blau"},
        {"Body": ["a", "b"]},
    ],
    ids=lambda changes: str(changes)[1:-1][:40],
)
def test_the_mock_refuses_what_the_specification_does_not_allow(mock, changes):
    form = {name: value for name, value in (GOOD | changes).items() if value is not None}
    assert ask(mock, "POST", API, MESSAGES, data=form) == 400
    assert len(mock.refused) == 1
    assert mock.asked == []


@pytest.mark.parametrize(
    ("method", "host", "path", "given"),
    [
        ("POST", CONTENTS, MESSAGES, {"data": GOOD}),
        ("PUT", API, MESSAGES, {"data": GOOD}),
        ("POST", API, MESSAGES.replace("Messages", "Message"), {"data": GOOD}),
        ("POST", API, MESSAGES.replace(ACCOUNT, "AC1"), {"data": GOOD}),
        ("POST", API, MESSAGES, {"json": GOOD}),
        ("POST", API, MESSAGES, {"data": GOOD, "auth": None}),
        ("GET", API, MESSAGES, {"params": {"PageSize": "1001"}}),
        ("GET", API, MESSAGES, {"params": {"DateSent>": "yesterday"}}),
        ("GET", API, MESSAGES, {"params": {"Status": "sent"}}),
        ("POST", CONTENTS, "/v1/Content", {"json": {"types": {}}}),
        ("POST", CONTENTS, "/v1/Content", {"data": {"language": "id"}}),
        ("DELETE", CONTENTS, "/v1/Content/HX1", {}),
        ("POST", CONTENTS, f"/v1/Content/{CONTENT}/ApprovalRequests/whatsapp", {"json": {}}),
        ("GET", SENDERS, "/v2/Channels/Senders", {}),
    ],
)
def test_the_mock_refuses_other_requests(mock, method, host, path, given):
    assert ask(mock, method, host, path, **given) == 400
    assert len(mock.refused) == 1


@pytest.mark.parametrize(
    "types",
    [
        {"twilio/list-picker": {"body": "x", "items": [ITEM]}},
        {"twilio/list-picker": {"body": "x", "button": "y", "items": [ITEM | {"titel": "z"}]}},
        {"twilio/list-picker": {"body": "x", "button": "y", "items": [{"id": "1"}]}},
        {"twilio/quick-reply": {"body": "x", "actions": [{"id": "1"}]}},
        {"twilio/quick-reply": {"body": "x", "buttons": []}},
        {"twilio/text": {"body": 5}},
    ],
    ids=str,
)
def test_the_mock_refuses_contents_of_another_shape(mock, types):
    body = {"language": "id", "types": types}
    assert ask(mock, "POST", CONTENTS, "/v1/Content", json=body) == 400


def test_every_answer_of_the_mock_is_of_an_operation_that_there_is():
    known = {
        operation["operationId"]
        for _, written in specifications().values()
        for item in written["paths"].values()
        for key, operation in item.items()
        if key != "servers"
    }
    assert set(ANSWERS) <= known


def test_the_specifications_are_those_that_their_maker_names():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(USED)
    for path in FOLDER.glob("*.json"):
        written = json.loads(Path(path).read_text("utf-8"))
        assert set(written["paths"]) == set(USED[path.stem])
        assert written["info"]["license"]["name"] == "Apache 2.0"


# our own stand-in


def test_the_stand_in_answers_as_the_specifications_say():
    """What all other tests talk to is held to the same specifications."""
    with FakeTwilio() as twilio:
        twilio.person("+6281200000001")
        account = f"/2010-04-01/Accounts/{twilio.account_sid}"
        service = f"/v1/Services/{twilio.messaging_service_sid}"
        content = twilio.content({"twilio/text": {"body": "Yth. Bapak/Ibu"}})
        made = {"language": "id", "types": {"twilio/text": {"body": "Yth. Bapak/Ibu"}}}
        approval = {"name": "ajakan", "category": "UTILITY"}
        form = {"To": TO.whatsapp, "From": twilio.sender, "Body": "halo"}
        new = made | {"friendly_name": "ajakan", "variables": {"1": "Ibu"}}
        wanted: list[tuple[str, str, str, dict[str, Any]]] = [
            ("GET", API, f"{account}.json", {}),
            ("POST", API, f"{account}/Messages.json", {"data": form}),
            ("GET", CONTENTS, "/v1/Content", {}),
            ("POST", CONTENTS, "/v1/Content", {"json": new}),
            ("GET", CONTENTS, f"/v1/Content/{content}", {}),
            ("GET", CONTENTS, f"/v1/Content/{content}/ApprovalRequests", {}),
            ("GET", SENDERS, "/v2/Channels/Senders", {"query_string": {"Channel": "whatsapp"}}),
            ("GET", SENDERS, service, {}),
            ("GET", SENDERS, f"{service}/ChannelSenders", {}),
        ]
        twilio.contents[content].approval = {"status": "unsubmitted"}
        path = f"/v1/Content/{content}/ApprovalRequests/whatsapp"
        wanted.append(("POST", CONTENTS, path, {"json": approval}))
        for method, host, path, sent in wanted:
            answer = requests.request(
                method,
                twilio.base_url + path,
                headers={"X-Original-Host": host},
                auth=(twilio.account_sid, twilio.auth_token),
                params=sent.get("query_string"),
                data=sent.get("data"),
                json=sent.get("json"),
                timeout=10,
            )
            assert answer.status_code < 300, (path, answer.text)
            wrong = wrong_with(
                method, f"https://{host}{path}", sent, answer.status_code, answer.json()
            )
            assert wrong == [], path


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (SENDERS, "/v2/Channels/Senders"),
        (SENDERS, "/v2/Channels/Senders?Channel=sms"),
        (SENDERS, "/v2/Channels/Senders?Channel=whatsapp&Status=ONLINE"),
        (API, "/v2/Channels/Senders?Channel=whatsapp"),
        (CONTENTS, "/v2/Channels/Senders?Channel=whatsapp"),
        (SENDERS, f"/v1/Services/{SERVICE}"),
        (SENDERS, f"/v1/Services/{SERVICE}/ChannelSenders"),
    ],
)
def test_the_stand_in_is_as_strict_about_the_account(host, path):
    with FakeTwilio() as twilio:
        auth = (twilio.account_sid, twilio.auth_token)
        headers = {"X-Original-Host": host}
        asked = requests.get(twilio.base_url + path, headers=headers, auth=auth, timeout=10)
        assert asked.status_code in {400, 404}
        right = requests.get(
            f"{twilio.base_url}/v2/Channels/Senders?Channel=whatsapp", auth=auth, timeout=10
        )
        assert right.status_code == 200
