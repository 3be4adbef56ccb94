"""The stand-in for Meta refuses what Meta refuses: otherwise tests with it would prove little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.fake_cloud import ApprovedTemplate, FakeCloud, Refusal
from tests.setup import TestClock

TO = "+6281200000001"
TEXT: Mapping[str, Any] = {"messaging_product": "whatsapp", "to": TO, "text": {"body": "Halo"}}
REPLY = {"type": "reply", "reply": {"id": "1", "title": "Ya"}}
ROW = {"id": "1", "title": "Ya"}


@pytest.fixture
def meta() -> Iterator[FakeCloud]:
    with FakeCloud(clock=TestClock()) as fake:
        fake.templates["invite", "id"] = ApprovedTemplate(parameters=1, buttons=1)
        yield fake


def code(meta: FakeCloud, payload: Any) -> int:
    with pytest.raises(Refusal) as caught:
        meta.take(payload)
    assert meta.sent == []
    return caught.value.code


def interactive(**given: Any) -> dict[str, Any]:
    form = {"type": "button", "body": {"text": "?"}, "action": {"buttons": [REPLY]}} | given
    return {**TEXT, "type": "interactive", "interactive": form}


def rows(*given: Any, button: str = "Pilih") -> dict[str, Any]:
    return {"button": button, "sections": [{"rows": list(given)}]}


def test_what_is_right_is_taken_and_named(meta):
    answer = meta.take(TEXT)
    assert answer["messages"][0]["id"].startswith("wamid.")
    meta.take(interactive())
    meta.take(interactive(type="list", action=rows(ROW)))
    assert len(meta.sent) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"messaging_product": None},
        {"messaging_product": "telegram"},
        {"to": None},
        {"to": TO[1:]},
        {"to": "whatsapp:" + TO},
        {"to": None, "recipient": "whatsapp:ID.1"},
        {"recipient_type": "group"},
        {"text": {"body": ""}},
        {"text": {"body": "x" * 4097}},
        {"text": None, "type": "text"} | {"text": {}},
        {"reference": "x"},
        {"biz_opaque_callback_data": "x" * 513},
    ],
)
def test_a_message_of_the_wrong_form_is_refused(meta, change):
    assert code(meta, {**TEXT, **change}) == 100


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"text": "x" * 1025}},
        {"body": {}},
        {"type": "carousel"},
        {"action": {"buttons": [REPLY] * 4}},
        {"action": {"buttons": [REPLY] * 2}},
        {"action": {"buttons": []}},
        {"action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "x" * 21}}]}},
        {"type": "list", "action": rows(*[ROW | {"id": str(n)} for n in range(11)])},
        {"type": "list", "action": rows(ROW | {"title": "x" * 25})},
        {"type": "list", "action": rows(ROW, button="")},
        {"type": "list", "action": rows(ROW, button="x" * 21)},
    ],
)
def test_what_cannot_be_tapped_is_refused(meta, change):
    assert code(meta, interactive(**change)) == 100


def template(*components: Any, name: str = "invite") -> dict[str, Any]:
    made = {"name": name, "language": {"code": "id"}, "components": list(components)}
    return {**TEXT, "type": "template", "template": made}


def body(*texts: str) -> dict[str, Any]:
    return {"type": "body", "parameters": [{"type": "text", "text": one} for one in texts]}


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (template(name="unknown"), 132001),
        (template(), 132000),
        (template(body("a", "b")), 132000),
        (template(body("a\nb")), 132012),
        (template(body("")), 132012),
    ],
)
def test_a_template_must_fit_the_approved_one(meta, payload, wanted):
    assert code(meta, payload) == wanted


def test_who_has_not_written_for_a_day_gets_templates_only(meta):
    ani = meta.person(phone=TO)
    ani.wrote_at = meta.clock()
    meta.take(TEXT)
    meta.clock.move(timedelta(hours=25))
    meta.take(TEXT)
    meta.take(template(body("a")))
    assert [sent.error for sent in meta.sent] == [None, 131047, None]
    assert ani.inbox == ["Halo", "[invite] a"]


def test_nobody_has_whatsapp_who_is_not_a_person(meta):
    meta.take(TEXT)
    assert [sent.error for sent in meta.sent] == [131026]


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [("wrong", "", 401), (None, "/wrong", 400), (None, "", 200)],
)
def test_the_token_and_the_number_must_be_right(meta, token, path, status):
    url = f"{meta.base_url}/v25.0/{meta.phone_number_id}/messages{path}"
    headers = {"Authorization": f"Bearer {token or meta.access_token}"}
    with requests.Session() as session:
        answer = session.post(url, json=dict(TEXT), headers=headers, timeout=5)
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status != 200)


def test_a_webhook_that_is_not_answered_with_200_comes_again_until_it_is(meta):
    answers, heard = [500, 403, 200], []

    def post(url, body, headers):
        heard.append(body)
        return answers[len(heard) - 1], {}, b""

    meta._deliver = post
    ani = meta.person(phone=TO)
    ani.say("halo")
    assert meta.retry() == [403]
    assert meta.retry() == [200]
    assert meta.retry() == []
    assert len(set(heard)) == 1


def test_a_handshake_that_fails_is_told(meta):
    meta.subscribe(lambda url: (200, url.split("hub.challenge=")[1].split("&")[0].encode()))
    with pytest.raises(AssertionError, match="not verified"):
        meta.subscribe(lambda _url: (403, b""))
