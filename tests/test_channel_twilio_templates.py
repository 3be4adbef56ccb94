"""Templates through Twilio's Content API, against the strict stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.channels.base import (
    HasTemplates,
    KnownTemplate,
    SendError,
    TemplateForm,
    Templates,
    TemplateState,
)
from bot.channels.twilio import TwilioChannel
from bot.flow.turn import Choice
from tests.fake_twilio import FakeTwilio

BODY = "Selamat {{1}}, mari mengisi survei dari kami."
FORM = TemplateForm("coba_invite_id_1", "id", "MARKETING", BODY, ("pagi",))


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as fake:
        yield fake


@pytest.fixture
def templates(twilio: FakeTwilio) -> Templates:
    channel = TwilioChannel(
        twilio.account_sid,
        (twilio.auth_token,),
        public_base_url="https://survei.contoh.test",
        sender=twilio.sender,
        api_base_url=twilio.base_url,
    )
    assert isinstance(channel, HasTemplates)
    return channel.templates


def test_a_template_goes_from_words_to_approval(twilio: FakeTwilio, templates: Templates) -> None:
    made = templates.make(FORM)
    assert templates.every() == [KnownTemplate(made, FORM.name, "id")]
    assert twilio.contents[made].variables == {"1": "pagi"}
    assert templates.state(made) == TemplateState("unsubmitted")
    templates.submit(made, FORM)
    assert templates.state(made) == TemplateState("received", "MARKETING")
    twilio.judge(made, "pending")
    twilio.judge(made, "approved", category="UTILITY")
    assert templates.state(made) == TemplateState("approved", "UTILITY")
    twilio.judge(made, "paused", "low quality")
    assert templates.state(made) == TemplateState("paused", "UTILITY", "low quality")
    templates.delete(made)
    assert templates.every() == []
    assert templates.state(made) == TemplateState("gone")


def test_buttons_carry_what_a_tap_means(twilio: FakeTwilio, templates: Templates) -> None:
    buttons = (Choice("MULAI", "Mulai"), Choice("CEK", "Cek keaslian"))
    made = templates.make(TemplateForm("x", "id", "UTILITY", "Halo Ibu", buttons=buttons))
    assert twilio.contents[made].types == {
        "twilio/quick-reply": {
            "body": "Halo Ibu",
            "actions": [
                {"title": "Mulai", "id": "MULAI"},
                {"title": "Cek keaslian", "id": "CEK"},
            ],
        }
    }


def test_submitting_twice_is_once(templates: Templates) -> None:
    """Twilio answers 92009 to the second one."""
    made = templates.make(FORM)
    templates.submit(made, FORM)
    templates.submit(made, FORM)
    assert templates.state(made).status == "received"


def test_other_refusals_are_told(twilio: FakeTwilio, templates: Templates) -> None:
    made = templates.make(FORM)
    templates.submit(made, FORM)
    twilio.judge(made, "rejected", "INVALID_FORMAT")
    again = templates.make(FORM)
    with pytest.raises(SendError) as caught:
        templates.submit(again, FORM)
    assert caught.value.code == 92007, "a rejected name is blocked"
    twilio.faults.next("503", on="content")
    with pytest.raises(SendError):
        templates.state(again)
