"""`/metrics`: counts for this machine only, and never a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from bot.config import Settings
from bot.interview.surveys import Surveys
from bot.service import Service
from bot.web.app import create_app
from storage.models import FlowVersion
from tests.rows import change
from tests.setup import FLOWS, SECRET
from tests.whatsapp import Office, office


@pytest.fixture
def place(some_url: str) -> Iterator[Office]:
    with office(some_url) as opened:
        yield opened


def read(app) -> dict[str, float]:
    """Return all samples by name and label values."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return {
        " ".join([one.name, *one.labels.values()]): one.value
        for family in parse(answer.text)
        for one in family.samples
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_may_read(place, address):
    answer = place.app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.7", {}),
        ("10.0.0.1", {}),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}),
        ("203.0.113.7", {"X-Forwarded-For": "127.0.0.1"}),
    ],
)
def test_nobody_else_learns_that_it_is_there(place, address, headers):
    client = place.app.test_client()
    answer = client.get("/metrics", environ_base={"REMOTE_ADDR": address}, headers=headers)
    assert answer.status_code == 404


def test_turns_refusals_and_callbacks_are_counted(place):
    before = read(place.app)
    assert before["tautan_database_up"] == 1
    ani = place.twilio.person()
    ani.say(place.link_text())
    place.twilio.settle()
    ani.again()
    place.app.test_client().post("/whatsapp", data={"Body": "x"})
    after = read(place.app)
    assert after["tautan_turns_total answered"] == 1
    assert after["tautan_turns_total silent"] == 1
    assert after["tautan_turn_seconds_count"] == 2
    assert after["tautan_refused_total"] == 1
    assert after["tautan_statuses_total sent"] == 1
    assert after["tautan_statuses_total delivered"] == 1
    assert after["tautan_outbox_rows delivered"] == 1


def test_what_waits_is_told_with_its_age(place):
    ani = place.twilio.person()
    with place.twilio.callbacks_held():
        ani.say(place.link_text())
        place.clock.move(minutes=12)
        found = read(place.app)
        assert found["tautan_outbox_rows unknown"] == 1
        assert found["tautan_outbox_oldest_seconds"] == 600, "due to be looked up 2 minutes later"
    place.twilio.settle()
    assert read(place.app)["tautan_outbox_oldest_seconds"] == 0


def test_messages_that_we_failed_on_are_told(place):
    ani = place.twilio.person()
    ani.say(place.link_text())
    change(place.installation, FlowVersion, {"content": "{}"})
    place.installation.surveys = Surveys()
    ani.say("1")
    assert read(place.app)["tautan_held_messages"] == 1


def test_a_database_that_is_away_is_a_metric_and_not_an_error(tmp_path):
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:9/none",
        tautan_secret_key=SECRET,
        flows_dir=FLOWS,
    )
    service = Service(settings, serving=True)
    found = read(create_app(settings, service=service))
    assert found["tautan_database_up"] == 0
    assert "tautan_held_messages" not in found
    service.close()


@pytest.mark.parametrize("trouble", ["tables", "secret"])
def test_an_installation_that_cannot_be_opened_is_a_metric_too(sqlite_url, trouble):
    if trouble == "secret":
        with office(sqlite_url):
            pass
    secret = SECRET if trouble == "tables" else "another secret, long enough to be one"
    settings = Settings(database_url=sqlite_url, tautan_secret_key=secret, flows_dir=FLOWS)
    service = Service(settings, serving=True)
    assert read(create_app(settings, service=service))["tautan_database_up"] == 0
    service.close()
