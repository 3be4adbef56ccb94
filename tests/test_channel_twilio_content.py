"""The Content API, against the strict stand-in."""

from __future__ import annotations

import pytest

from bot.channels.base import SendError
from bot.channels.twilio import TwilioChannel
from bot.channels.twilio_content import Approval, Content, Contents
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
