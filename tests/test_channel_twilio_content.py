"""The Content API, against the strict stand-in."""

from __future__ import annotations

import pytest

from bot.channels.base import SendError, Taps
from bot.channels.twilio import TwilioChannel
from bot.channels.twilio_content import Approval, Content, Contents
from bot.channels.twilio_taps import TapContents
from bot.flow.turn import Choice
from tests.fake_twilio import FakeTwilio

TEXT = {"twilio/text": {"body": "Yth. {{1}}, mohon isi survei."}}


@pytest.fixture
def twilio():
    with FakeTwilio() as fake:
        yield fake


@pytest.fixture
def contents(twilio) -> Contents:
    return TwilioChannel(
        twilio.account_sid,
        (twilio.auth_token,),
        public_base_url="https://survei.contoh.test",
        sender=twilio.sender,
        api_base_url=twilio.base_url,
    ).contents


def test_a_content_is_made_listed_and_deleted(contents):
    made = contents.create("ajakan", "id", TEXT, {"1": "Ibu"})
    assert list(contents.every()) == [Content(made, "ajakan", "id", TEXT)]
    contents.delete(made)
    assert list(contents.every()) == []


def test_buttons_keep_every_key(contents, twilio):
    types = {
        "twilio/quick-reply": {"body": "Setuju?", "actions": [{"title": "Ya", "id": "sar_01:1"}]}
    }
    assert twilio.contents[contents.create("q", "id", types)].types == types


def test_a_template_is_submitted_once_and_followed(contents, twilio):
    made = contents.create("ajakan", "id", TEXT, {"1": "Ibu"})
    assert contents.approval(made).status == "unsubmitted"
    contents.submit(made, "tautan_ajakan_1", "UTILITY")
    assert contents.approval(made) == Approval("received", "UTILITY", "")
    with pytest.raises(SendError) as caught:
        contents.submit(made, "tautan_ajakan_1", "UTILITY")
    assert caught.value.code == 92009
    twilio.contents[made].approval |= {"status": "rejected", "rejection_reason": "variables"}
    assert contents.approval(made) == Approval("rejected", "UTILITY", "variables")


def test_what_twilio_refuses_is_said_with_its_code(contents):
    with pytest.raises(SendError) as caught:
        contents.create("q", "id", {"twilio/text": {"body": ""}})
    assert caught.value.code == 92007


# buttons and lists


YES_NO = (Choice("q:1", "Ya"), Choice("q:2", "Tidak"))


@pytest.fixture
def store(contents):
    return TapContents(contents)


def test_buttons_become_a_quick_reply_with_samples_for_its_blanks(store, twilio):
    taps = Taps("buttons", YES_NO, body="Usia {{1}}?", variables={"1": "30"})
    made = twilio.contents[store.make("tautan_a_1", "id", taps)]
    actions = [{"title": "Ya", "id": "q:1"}, {"title": "Tidak", "id": "q:2"}]
    assert made.types == {"twilio/quick-reply": {"body": "Usia {{1}}?", "actions": actions}}
    assert made.variables == {"1": "-"}, "a person's value is no sample"


def test_a_list_tells_what_can_be_typed_in_place_of_a_row(store, twilio):
    made = twilio.contents[store.make("n", "id", Taps("list", YES_NO, "Pilih", body="Ya?"))]
    assert made.types["twilio/list-picker"] == {
        "body": "Ya?",
        "button": "Pilih",
        "items": [
            {"item": "Ya", "id": "q:1", "description": "1"},
            {"item": "Tidak", "id": "q:2", "description": "2"},
        ],
    }


def test_ours_are_found_by_their_names_and_may_be_gone_already(store, contents):
    ours = store.make("tautan_a_1", "id", Taps("buttons", YES_NO, body="x"))
    contents.create("tautan_b_1", "id", TEXT, {"1": "Ibu"})
    assert list(store.named("tautan_a_")) == [(ours, "tautan_a_1")]
    store.delete(ours)
    store.delete(ours)
    assert list(store.named("tautan_a_")) == []


def test_another_failure_of_deleting_is_told(store, twilio):
    ours = store.make("tautan_a_1", "id", Taps("buttons", YES_NO, body="x"))
    twilio.faults.next("503", on="content")
    with pytest.raises(SendError):
        store.delete(ours)
    assert ours in twilio.contents
