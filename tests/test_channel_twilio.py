"""The Twilio channel against Twilio's own library and against a strict stand-in for Twilio."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask, request
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from twilio.request_validator import HMAC_SHA256, RequestValidator
from twilio.twiml.messaging_response import MessagingResponse
from werkzeug.datastructures import MultiDict

from bot.channels.base import Address, BadRequest, Inbound, Outgoing, SendError, Template
from bot.channels.twilio import TwilioChannel, body_of, content_variables
from bot.channels.twilio_codes import (
    API_OUTCOMES,
    DELIVERY_OUTCOMES,
    delivery_outcome,
    known,
    send_outcome,
)
from bot.flow.turn import Choice, Message
from tests.fake_twilio import FakeTwilio, wsgi_post

BASE = "https://survei.example"
PHONE = "+6281200000001"
BSUID = "ID.1000000000000001"
SID = "SM" + "0a" * 16
ASKED = "MM" + "0b" * 16

# A button reply as Twilio really posts it, with invented identifiers.
FORM = {
    "OriginalRepliedMessageSender": "whatsapp:+6281200000999",
    "ExternalUserId": f"whatsapp:{BSUID}",
    "SmsMessageSid": SID,
    "NumMedia": "0",
    "ProfileName": "Warga",
    "MessageType": "interactive",
    "SmsSid": SID,
    "WaId": "6281200000001",
    "SmsStatus": "received",
    "Body": "Setuju",
    "ButtonText": "Setuju",
    "To": "whatsapp:+6281200000999",
    "ButtonPayload": "ya",
    "NumSegments": "1",
    "ReferralNumMedia": "0",
    "MessageSid": SID,
    "AccountSid": "AC" + "0" * 32,
    "OriginalRepliedMessageSid": ASKED,
    "From": f"whatsapp:{PHONE}",
    "ApiVersion": "2010-04-01",
    "Forwarded": "false",
    "FrequentlyForwarded": "false",
    "ChannelMetadata": '{"type":"whatsapp","data":{"context":{"ButtonText":"Setuju"}}}',
}
TEXT = {
    key: value
    for key, value in (FORM | {"MessageType": "text", "ChannelMetadata": "{}"}).items()
    if not key.startswith(("Button", "OriginalReplied"))
}


def channel(
    base: str = BASE, tokens: tuple[str, ...] = ("rahasia",), **settings: Any
) -> TwilioChannel:
    """Return a channel that talks to nobody."""
    given = {"sender": "whatsapp:+6281200000999"} | settings
    return TwilioChannel("AC" + "0" * 32, tokens, public_base_url=base, **given)


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio(post=lambda *_: (204, {}, b"")) as fake:
        yield fake


@pytest.fixture
def live(twilio: FakeTwilio) -> Iterator[TwilioChannel]:
    """Return a channel whose Twilio is the stand-in."""
    made = live_channel(twilio)
    yield made
    made.close()


def live_channel(twilio: FakeTwilio, **settings: Any) -> TwilioChannel:
    given: dict[str, Any] = {
        "auth_tokens": (twilio.auth_token,),
        "public_base_url": BASE,
        "sender": twilio.sender,
        "api_base_url": twilio.base_url,
        "timeout": 5.0,
    }
    return TwilioChannel(twilio.account_sid, **(given | settings))


def writer(twilio: FakeTwilio, **given: Any) -> Address:
    """Return the address of somebody whose 24-hour window is open."""
    person = twilio.person(**given)
    person.wrote_at = twilio.clock()
    return Address.parse(person.address)


@contextlib.contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """Yield the URL of a server that answers one request with this, whatever it asks."""
    data = body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            connection.sendall(head.encode() + data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def outgoing(to: Address, text: str = "Halo", **given: Any) -> Outgoing:
    return Outgoing("0193-ref", to, Message(text), **given)


# --- signatures -----------------------------------------------------------------------------


bases = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["survei.example", "Survei.Example", "127.0.0.1"]),
    st.sampled_from(["", ":80", ":443", ":8443"]),
    st.sampled_from(["", "/tautan"]),
)
paths = st.text("abcXYZ019-._~%/", max_size=20).map(lambda text: f"/{text}")
queries = st.text("abc=&%20+;?/:@!$'()*,~é".encode().decode("latin-1"), max_size=20)
words = st.text(max_size=8)
forms = st.lists(
    st.tuples(st.sampled_from(["Body", "From", "", "MediaUrl0", "é"]) | words, words), max_size=8
)


@given(
    base=bases,
    path=paths,
    query=queries,
    form=forms,
    port=st.sampled_from(["same", "with", "without", "other"]),
    key=st.sampled_from(["lama", "baru", "salah"]),
    settings_header=st.sampled_from(
        [None, "", "key=k1,algorithm=HMAC_SHA256", "key=k1 , algorithm = hmac_sha256", "key=k1"]
    ),
)
@settings(max_examples=300, deadline=None)
def test_signatures_are_judged_as_twilio_judges_them(
    base: str,
    path: str,
    query: str,
    form: list[tuple[str, str]],
    port: str,
    key: str,
    settings_header: str | None,
) -> None:
    """Unicode, repeated names, blank values, ports, rotation, both algorithms: no difference."""
    url = base + path + ("?" + query if query else "")
    host = re.search(r"//([^/:]+)(:\d+)?", base)
    assert host is not None
    new = {"same": host[0], "with": f"//{host[1]}:443", "without": f"//{host[1]}"}
    signed_url = url.replace(host[0], new.get(port, f"//{host[1]}:9999"), 1)
    if base.startswith("HTTPS"):
        signed_url = signed_url.replace("HTTPS", "https", 1)
    sha256 = "256" in (settings_header or "")
    algorithm = HMAC_SHA256 if sha256 else None
    params: Any = MultiDict(form)
    signature = RequestValidator(key).compute_signature(signed_url, params, algorithm)

    theirs = any(
        RequestValidator(token).validate(url, params, signature, algorithm)
        for token in ("lama", "baru")
    )
    ours = channel(base, ("lama", "baru")).verify(
        path, query.encode("latin-1"), form, signature, settings_header
    )
    assert ours is theirs
    if port == "same" and key != "salah":
        assert ours is True


@given(forms, st.integers(0, 7), words)
@settings(max_examples=100, deadline=None)
def test_a_changed_form_is_refused(form: list[tuple[str, str]], at: int, new: str) -> None:
    """Any other set of pairs is another message (unless it spells the same text)."""
    changed = [*form]
    changed[at : at + 1] = [("Body", new)]

    def spelled(pairs: list[tuple[str, str]]) -> str:
        return "".join(name + value for name, value in sorted(set(pairs)))

    assume(spelled(form) != spelled(changed))
    signature = RequestValidator("rahasia").compute_signature(f"{BASE}/w", MultiDict(form))
    assert channel().verify("/w", b"", form, signature) is True
    assert channel().verify("/w", b"", changed, signature) is False


@pytest.mark.parametrize("signature", [None, "", "x", "é", "\udc80", "=" * 28])
def test_a_missing_or_odd_signature_is_refused_and_raises_nothing(signature: str | None) -> None:
    """`RequestValidator` raises TypeError without the header."""
    assert channel().verify("/whatsapp", b"", FORM.items(), signature) is False


def test_what_cannot_be_signed_is_refused() -> None:
    """Half a surrogate pair and algorithms that do not exist yet."""
    good = RequestValidator("rahasia").compute_signature(f"{BASE}/whatsapp", FORM)
    assert channel().verify("/whatsapp", b"", FORM.items(), good) is True
    assert channel().verify("/whatsapp", b"", [("Body", "\udc80")], good) is False
    assert channel().verify("/whatsapp", b"", FORM.items(), good, "algorithm=HMAC_MD5") is False


def test_escapes_in_the_query_stay_as_they_were_sent() -> None:
    """Flask's `request.url` would decode them, and the signature would fail."""
    for query in (b"t=%C3%A9", b"x=a%2fb&y=%7e"):
        signature = RequestValidator("rahasia").compute_signature(
            f"{BASE}/whatsapp?{query.decode()}", FORM
        )
        assert channel().verify("/whatsapp", query, FORM.items(), signature)


@pytest.mark.parametrize("shared_key", [None, ("kunci", "rahasia bersama")])
def test_webhooks_are_verified_through_flask(shared_key: tuple[str, str] | None) -> None:
    """As a route does it: from the raw query, the whole form and two headers."""
    app, verdicts = Flask("survey"), []

    @app.post("/whatsapp")
    def inbound() -> Any:
        headers = request.headers
        verdicts.append(
            checker.verify(
                request.path,
                request.query_string,
                request.form.items(multi=True),
                headers.get("X-Twilio-Signature"),
                headers.get("X-Twilio-Webhooks-Signature-Settings"),
            )
        )
        return "", 204

    with FakeTwilio(
        webhook_url=f"{BASE}/whatsapp?t=%C3%A9#rc=1", post=wsgi_post(app, BASE)
    ) as fake:
        checker = channel(tokens=(fake.auth_token, "rahasia bersama"))
        fake.shared_key = shared_key
        fake.person().say("halo é & 👍")
        fake.person(bsuid=BSUID).say("")
        checker = channel(tokens=("salah",))
        fake.person().say("halo")
    assert verdicts == [True, True, False]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"tokens": ()}, "TWILIO_AUTH_TOKEN"),
        ({"tokens": ("satu", " ")}, "TWILIO_AUTH_TOKEN"),
        ({"sender": None}, "TWILIO_WHATSAPP_FROM"),
        ({"sender": "whatsapp:0812"}, "TWILIO_WHATSAPP_FROM"),
        ({"sender": f"whatsapp:{BSUID}"}, "TWILIO_WHATSAPP_FROM"),
        ({"base": "survei.example"}, "PUBLIC_BASE_URL"),
        ({"base": "ftp://survei.example"}, "PUBLIC_BASE_URL"),
        ({"base": "https://a:b@survei.example"}, "PUBLIC_BASE_URL"),
        ({"base": "https://survei.example/?x=1"}, "PUBLIC_BASE_URL"),
        ({"base": "https://survei_kita.example"}, "PUBLIC_BASE_URL"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], name: str) -> None:
    """An empty token would let anybody sign."""
    with pytest.raises(ValueError, match=name):
        channel(**wrong)


# --- what comes in --------------------------------------------------------------------------


def read(form: dict[str, str], **changes: str) -> Inbound:
    found = channel().read_inbound(form | changes)
    assert found is not None
    return found


def test_a_tapped_button_is_read_whole() -> None:
    """The payload as Twilio posts it."""
    found = read(FORM)
    assert found == Inbound(
        channel="twilio",
        sender="whatsapp:+6281200000999",
        sid=SID,
        addresses=(Address("phone", PHONE), Address("bsuid", BSUID)),
        text="Setuju",
        option="ya",
        reply_to=ASKED,
        kind="text",
        opt_out=None,
        raw=FORM,
    )


def test_a_form_of_flask_is_read_too() -> None:
    """Of a name given twice, the first value counts."""
    form = MultiDict([*TEXT.items(), ("Body", "dua")])
    found = TwilioChannel.read_inbound(form)
    assert found is not None
    assert found.text == "Setuju"


def without(form: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in form.items() if key not in names}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["phone +6281200000001", "bsuid ID.1000000000000001"]),
        # The phone is hidden: everything is the user id.
        ({"From": f"whatsapp:{BSUID}", "WaId": ""}, ["bsuid ID.1000000000000001"]),
        ({"From": f"whatsapp:{BSUID}", "WaId": "1000000000000001"}, ["bsuid ID.1000000000000001"]),
        ({"From": "whatsapp:ID.1000000001", "ExternalUserId": "", "WaId": "1000000001"},
         ["bsuid ID.1000000001"]),
        # With a parent user id, that is in From; the phone is only in WaId.
        (
            {"From": "whatsapp:ID.ENT.1", "ParentExternalUserId": "whatsapp:ID.ENT.1"},
            ["parent_bsuid ID.ENT.1", "bsuid ID.1000000000000001", "phone +6281200000001"],
        ),
        # What contradicts From is left out: two persons must not become one.
        ({"WaId": "6281200000002"}, ["phone +6281200000001", "bsuid ID.1000000000000001"]),
        ({"From": "whatsapp:ID.2", "WaId": ""}, ["bsuid ID.2"]),
        # Nor does a form of address that nobody knows yet cost us the message.
        ({"ExternalUserId": "whatsapp:NEW/1"}, ["phone +6281200000001"]),
        (
            {"From": "whatsapp:@warga"},
            ["bsuid ID.1000000000000001", "phone +6281200000001"],
        ),
    ],
)  # fmt: skip
def test_addresses_that_belong_together_are_found(
    changes: dict[str, str], expected: list[str]
) -> None:
    """From first; the rest only where it agrees."""
    found = read(TEXT, **changes).addresses
    assert [f"{address.kind} {address.value}" for address in found] == expected


INTERACTIVE = json.dumps({"type": "list_reply", "list_reply": {"id": "baris", "title": "Baris"}})
METADATA = json.dumps({"type": "whatsapp", "data": {"context": {"ButtonPayload": "meta"}}})


@pytest.mark.parametrize(
    ("fields", "option"),
    [
        ({"ButtonPayload": "b", "ListId": "l", "InteractiveData": INTERACTIVE}, "b"),
        ({"ListId": "l", "InteractiveData": INTERACTIVE, "ChannelMetadata": METADATA}, "l"),
        ({"InteractiveData": INTERACTIVE, "ChannelMetadata": METADATA}, "baris"),
        ({"ChannelMetadata": METADATA}, "meta"),
        ({"InteractiveData": "{not json", "ChannelMetadata": METADATA}, "meta"),
        ({"InteractiveData": '{"button_reply": {"id": "kn"}}'}, "kn"),
        ({"InteractiveData": '{"button_reply": {"id": 7}}'}, None),
        ({"InteractiveData": "[" * 100_000}, None),
        ({"InteractiveData": '{"a":' * 50 + '{"ListId": "x"}' + "}" * 50}, None),
        ({"InteractiveData": '["ListId"]', "ButtonPayload": ""}, None),
    ],
)
def test_the_tapped_option_is_taken_from_the_first_field_that_has_one(
    fields: dict[str, str], option: str | None
) -> None:
    """ButtonPayload, ListId, InteractiveData, ChannelMetadata."""
    assert read(TEXT, **fields).option == option


def test_the_shown_title_is_the_text() -> None:
    """A list's title is not always in Body."""
    assert read(TEXT, ListId="3", ListTitle="Kadang", Body="").text == "Kadang"
    assert read(TEXT, ButtonPayload="3", ButtonText="Sering", Body="x").text == "Sering"
    assert read(TEXT, Body="a\x00b").text == "ab"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "text"),
        ({"MessageType": ""}, "text"),
        ({"MessageType": "baru"}, "text"),
        ({"NumMedia": "1", "MediaContentType0": "audio/ogg; codecs=opus"}, "media"),
        ({"NumMedia": "x" * 5000}, "text"),
        ({"NumMedia": "9" * 5000}, "media"),
        ({"MessageType": "image"}, "media"),
        ({"MessageType": "sticker", "Body": ""}, "media"),
        ({"NumMedia": "1", "MediaContentType0": "text/vcard"}, "contact"),
        ({"NumMedia": "1", "MediaContentType0": "Text/X-vCard;charset=utf-8"}, "contact"),
        ({"Latitude": "-6.1", "Longitude": "106.8", "Body": ""}, "location"),
        ({"MessageType": "reaction", "Body": "👍"}, "reaction"),
        ({"MessageType": "edited"}, "edited"),
        ({"MessageType": "unsupported", "Body": ""}, "unsupported"),
        ({"MessageType": "order", "Body": ""}, "unsupported"),
        ({"MessageType": "reaction", "ButtonPayload": "ya"}, "text"),
    ],
)
def test_the_kind_of_a_message_is_told(fields: dict[str, str], kind: str) -> None:
    """By its media, its MessageType and its other fields."""
    assert read(TEXT, **fields).kind == kind


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        ("-6.1754", "106.8272", (-6.1754, 106.8272)),
        ("0", "0", (0.0, 0.0)),
        ("91", "106.8", None),
        ("-6.1", "180.5", None),
        ("nan", "106.8", None),
        ("selatan", "106.8", None),
    ],
)
def test_a_location_tells_where_it_is(
    latitude: str, longitude: str, place: tuple[float, float] | None
) -> None:
    """Or nothing, where it cannot be a place on earth."""
    found = read(TEXT, Latitude=latitude, Longitude=longitude, Body="", MessageType="location")
    assert (found.kind, found.place) == ("location", place)


def test_only_a_location_tells_a_place() -> None:
    fields = {"Latitude": "-6.1754", "Longitude": "106.8272"}
    assert read(TEXT, **fields, NumMedia="1", MediaContentType0="image/png").place is None
    assert read(TEXT, **fields, ButtonPayload="ya").place is None


def test_other_fields_are_read_or_ignored() -> None:
    """Twilio adds parameters without notice."""
    assert read(TEXT, OptOutType="STOP").opt_out == "STOP"
    assert read(TEXT, OptOutType="lain").opt_out is None
    assert read(TEXT, OriginalRepliedMessageSid="wamid.1").reply_to is None
    assert read(TEXT, FieldOfNextYear="x").raw == TEXT | {"FieldOfNextYear": "x"}


def test_what_is_no_whatsapp_message_is_left_alone() -> None:
    """A status callback on the wrong URL, or an SMS to the same number."""
    assert channel().read_inbound(FORM | {"MessageStatus": "sent"}) is None
    assert channel().read_inbound(TEXT | {"From": PHONE}) is None


@pytest.mark.parametrize(
    "form",
    [
        {},
        without(TEXT, "MessageSid"),
        TEXT | {"MessageSid": "SM123"},
        TEXT | {"MessageSid": SID + "\n"},
        TEXT | {"MessageSid": "XX" + "0" * 32},
        without(TEXT, "From", "ExternalUserId", "WaId"),
        TEXT | {"From": "whatsapp:081200000001", "ExternalUserId": "", "WaId": "0812"},
        without(TEXT, "To"),
    ],
)
def test_a_malformed_form_is_a_bad_request_that_repeats_nothing(form: dict[str, str]) -> None:
    """The text goes into logs."""
    with pytest.raises(BadRequest) as caught:
        channel().read_inbound(form)
    assert not re.search(r"\d{4}|Setuju", str(caught.value))


@given(st.dictionaries(st.sampled_from(sorted(FORM | {"ListId": "", "Latitude": ""})), words))
@example({"ChannelMetadata": '{"data": null}', "From": "whatsapp:"})
@settings(max_examples=200, deadline=None)
def test_no_form_breaks_the_reader(changes: dict[str, str]) -> None:
    """Whatever is posted is read or a bad request."""
    try:
        channel().read_inbound(FORM | changes)
        channel().read_status(FORM | changes)
    except BadRequest:
        pass


@pytest.mark.parametrize(
    ("status", "rank", "failed"),
    [
        ("accepted", 0, False),
        ("scheduled", 0, False),
        ("queued", 1, False),
        ("sending", 2, False),
        ("sent", 3, False),
        ("delivered", 4, False),
        ("read", 5, False),
        ("failed", 0, True),
        ("undelivered", 0, True),
        ("canceled", 0, True),
        ("something-new", 0, False),
    ],
)
def test_a_status_has_its_rank(status: str, rank: int, failed: bool) -> None:
    """Twilio's list of statuses."""
    found = channel().read_status({"MessageSid": SID, "MessageStatus": status})
    assert (found.sid, found.status, found.rank, found.failed) == (SID, status, rank, failed)


def test_a_status_names_the_person_and_the_error() -> None:
    """A callback that carries phone and user id asserts that they belong together."""
    form = {"MessageSid": SID, "MessageStatus": "failed", "ErrorCode": "63016"}
    form |= {"To": f"whatsapp:{PHONE}", "ExternalUserId": f"whatsapp:{BSUID}"}
    form |= {"From": "whatsapp:+6281200000999", "WaId": "6281200000002"}
    found = channel().read_status(form)
    assert found.error_code == 63016
    assert found.addresses == (Address("phone", PHONE), Address("bsuid", BSUID))
    assert channel().read_status(form | {"ErrorCode": "x"}).error_code is None


def test_a_status_without_id_or_status_is_a_bad_request() -> None:
    """And the text says where to point Twilio."""
    with pytest.raises(BadRequest, match="MessageSid"):
        channel().read_status({"MessageStatus": "sent"})
    with pytest.raises(BadRequest, match="MessageStatus"):
        channel().read_status({"MessageSid": SID})


# --- TwiML ----------------------------------------------------------------------------------

hard = st.text(max_size=60) | st.text("&<>\"'\x01\r\n\t\ud800\ufffe ]é👍", max_size=40)


@given(hard, st.none() | st.sampled_from(["https://a.example/s?x=1&y=<2>\"'", f"{BASE}/s/é"]))
@settings(max_examples=300, deadline=None)
def test_twiml_means_what_twilio_s_library_writes(text: str, action: str | None) -> None:
    """Escaping by hand, but not what XML 1.0 cannot hold."""
    message = Message(text)
    body = body_of(message)
    assume(body)
    theirs = MessagingResponse()
    method = "POST" if action else None
    theirs.message(action=action, method=method).body(body)
    ours = channel().twiml(message, action)
    assert ElementTree.canonicalize(ours.decode()) == ElementTree.canonicalize(theirs.to_xml())


def test_nothing_to_say_is_an_empty_response() -> None:
    """As Twilio's library writes it."""
    ours = ElementTree.canonicalize(channel().twiml(None).decode())
    assert ours == ElementTree.canonicalize(str(MessagingResponse()))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a", True),
        ("a" * 1600, True),
        ("a" * 1601, False),
        ("é" * 1600, True),
        ("👍" * 800, True),
        ("👍" * 801, False),
        ("", False),
        ("\x01 \n", False),
    ],
)
def test_only_what_fits_is_replied_inline(text: str, fits: bool) -> None:
    """An emoji counts as two, and an empty message does not exist."""
    message = Message(text, buttons=(Choice("1", "Ya"),))
    assert channel().can_reply_inline(message) is fits
    if not fits:
        with pytest.raises(ValueError, match="1600"):
            channel().twiml(message)


def test_template_values_are_one_clean_line() -> None:
    """Named variables go as they are; an empty value would be refused."""
    given = {"1": "Dinas  \n Sosial\t", "nama": "", "x": "a\x01b    c"}
    assert json.loads(content_variables(given)) == {"1": "Dinas Sosial", "nama": "-", "x": "ab c"}


# --- sending --------------------------------------------------------------------------------


def test_a_text_arrives_and_its_status_names_the_reference(
    twilio: FakeTwilio, live: TwilioChannel
) -> None:
    """To a phone and to a user id alike."""
    ani = twilio.person()
    budi = twilio.person(bsuid=BSUID)
    for person in (ani, budi):
        person.wrote_at = twilio.clock()
        event = live.send(outgoing(Address.parse(person.address), "Halo & <apa>\r\nkabar\x01?"))
        assert (event.status, event.rank, event.failed) == ("queued", 1, False)
        assert person.inbox == ["Halo & <apa>\nkabar?"]
        assert twilio.messages[event.sid].callback == f"{BASE}/whatsapp/status/0193-ref"


def test_a_template_goes_with_its_variables_outside_the_window(
    twilio: FakeTwilio, live: TwilioChannel
) -> None:
    """A mapping handed to Twilio's library as it is would arrive as the figure 1."""
    ani = twilio.person()
    sid = twilio.content({"twilio/text": {"body": "Yth. {{nama}}, mohon isi survei {{2}}."}})
    message = Message("lain", variables={"nama": "Ibu\nAni", "2": ""})
    event = live.send(Outgoing("r", Address.parse(ani.address), message, Template(sid, "id")))
    assert event.sid.startswith("MM")
    assert ani.inbox == ["Yth. Ibu Ani, mohon isi survei -."]


def test_a_messaging_service_sends_too(twilio: FakeTwilio) -> None:
    """Alone, and with the sender pinned; its first status is `accepted`."""
    service = twilio.messaging_service_sid
    to = writer(twilio)
    for sender in (None, twilio.sender):
        made = live_channel(twilio, sender=sender, messaging_service_sid=service)
        assert made.sender == sender or made.sender == service
        event = made.send(outgoing(to))
        assert (event.status, event.rank) == ("accepted", 0)
        assert [found.sid for found in made.find(to, datetime(2020, 1, 1, tzinfo=UTC))][:1]
        made.close()


@pytest.mark.parametrize(
    ("fault", "outcome", "taken"),
    [
        ("429", "later", False),
        ("problem", "later", False),
        ("500", "unknown", False),
        ("500_after", "unknown", True),
        ("503", "unknown", False),
        ("html", "unknown", False),
        ("drop_before", "unknown", False),
        ("drop_after", "unknown", True),
        ("slow", "unknown", True),
    ],
)
def test_a_fault_is_told_as_what_is_certain(
    twilio: FakeTwilio, fault: str, outcome: str, taken: bool
) -> None:
    """One request each, never a second: a POST may have been carried out."""
    live = live_channel(twilio, timeout=0.3)
    twilio.faults.slow_seconds = 0.6
    twilio.faults.next(fault)
    to = writer(twilio)
    with pytest.raises(SendError) as caught:
        live.send(outgoing(to))
    assert caught.value.outcome == outcome
    assert len(twilio.requests) == 1
    assert len(twilio.outbound()) == int(taken)
    live.close()


def test_a_refused_connection_was_never_processed(twilio: FakeTwilio) -> None:
    """The only network fault after which sending again is certainly right."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        live = live_channel(twilio, api_base_url=url)
        with pytest.raises(SendError) as caught:
            live.send(outgoing(Address("phone", PHONE)))
    assert caught.value.outcome == "later"
    assert caught.value.code is None
    live.close()


def test_an_answer_that_is_no_json_leaves_it_unknown() -> None:
    """A captive portal may say 200 or 201 to anything."""
    for body in ("<html>", "[]", '"x"', "{}"):
        with answering(201, body) as url:
            live = channel(api_base_url=url, timeout=3.0)
            with pytest.raises(SendError) as caught:
                live.send(outgoing(Address("phone", PHONE)))
            live.close()
        assert caught.value.outcome == "unknown"


def test_the_stand_in_s_refusals_have_their_outcome(twilio: FakeTwilio) -> None:
    """Wrong sender, wrong service, too long, opted out, no such content."""
    to = writer(twilio)
    gone = twilio.person(opted_out=True)

    def refused(to: Address, text: str = "x", sid: str | None = None, **settings: Any) -> Any:
        live = live_channel(twilio, **settings)
        with pytest.raises(SendError) as caught:
            live.send(outgoing(to, text, template=Template(sid, "id") if sid else None))
        live.close()
        return caught.value.code, caught.value.outcome

    assert refused(to, sender="whatsapp:+6281200000998") == (63007, "config")
    assert refused(to, messaging_service_sid="MG" + "f" * 32) == (21701, "config")
    assert refused(to, auth_tokens=("salah",)) == (20003, "config")
    assert refused(to, "a" * 1601) == (21617, "refused")
    assert refused(to, "") == (21619, "refused")
    assert refused(to, sid="HX" + "0" * 32) == (21655, "config")
    assert refused(Address.parse(gone.address)) == (21610, "opted_out")
    assert refused(Address("phone", "+1")) == (21211, "refused")


def test_requests_use_the_token_that_twilio_accepts(twilio: FakeTwilio) -> None:
    """While tokens are rotated the first may be the old one; the next request knows."""
    live = live_channel(twilio, auth_tokens=("lama", twilio.auth_token))
    to = writer(twilio)
    live.send(outgoing(to))
    assert len(twilio.requests) == 2
    live.send(outgoing(to))
    assert len(twilio.requests) == 3
    live.close()


def test_errors_and_logs_repeat_no_number_and_no_text(
    twilio: FakeTwilio, caplog: pytest.LogCaptureFixture
) -> None:
    """Twilio's messages and URLs do, in its library's log and in tracebacks."""
    caplog.set_level(logging.DEBUG)
    live = live_channel(twilio)
    gone = twilio.person(phone=PHONE, opted_out=True)
    to = Address.parse(gone.address)
    seen, secret = [], "tidak untuk log"
    for ask in (
        lambda: live.send(outgoing(to, secret)),
        lambda: live.find(to, twilio.clock()),
    ):
        twilio.faults.next("html", on="list")
        with pytest.raises(SendError) as caught:
            ask()
        seen.append("".join(traceback.format_exception(caught.value)))
    gone.opted_out = False
    twilio.faults.clear()
    live.send(outgoing(to, secret))
    live.find(to, twilio.clock())
    text = "".join(seen) + caplog.text
    assert "SendError" in text
    assert "81200000001" not in text
    assert "tidak untuk" not in text.replace('secret = [], "tidak untuk log"', "")
    live.close()


# --- looking up -----------------------------------------------------------------------------


def test_what_was_sent_is_found_again(twilio: FakeTwilio, live: TwilioChannel) -> None:
    """Newest first, ours alone, this person's alone, and since then alone."""
    now = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
    twilio.clock = lambda: now
    ani, budi = writer(twilio), writer(twilio)
    twilio.faults.next("drop_after")
    with pytest.raises(SendError):
        live.send(outgoing(ani, "satu"))
    now += timedelta(seconds=30)
    second = live.send(outgoing(ani, "dua"))
    live.send(outgoing(budi, "lain"))
    twilio.settle()
    found = live.find(ani, now - timedelta(minutes=1))
    assert [one.body for one in found] == ["dua", "satu"]
    assert found[0].sid == second.sid
    assert found[0].at == now
    assert (found[0].status.status, found[0].status.rank) == ("read", 5)
    assert [one.body for one in live.find(ani, now)] == ["dua"]
    assert live.find(ani, now + timedelta(seconds=1)) == []


def test_a_failure_is_found_with_its_code(twilio: FakeTwilio, live: TwilioChannel) -> None:
    """So that a lost callback does not hide it."""
    ani = twilio.person(failure=63024)
    to = Address.parse(ani.address)
    live.send(outgoing(to))
    twilio.settle()
    [found] = live.find(to, datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.status.failed, found.status.error_code) == (True, 63024)


def test_looking_up_reads_many_pages_but_not_without_end(
    twilio: FakeTwilio, live: TwilioChannel
) -> None:
    """Two pages of a hundred at most."""
    twilio.statuses = ()
    to = writer(twilio)
    for number in range(230):
        live.send(outgoing(to, str(number)))
    before = len(twilio.requests)
    found = live.find(to, datetime(2020, 1, 1, tzinfo=UTC))
    assert len(found) == len({one.sid for one in found}) == 200
    assert len(twilio.requests) - before == 2


@pytest.mark.parametrize("fault", ["429", "500", "html", "drop_before", "problem"])
def test_a_look_up_that_failed_may_be_repeated(
    twilio: FakeTwilio, live: TwilioChannel, fault: str
) -> None:
    """Asking changes nothing, so nothing about it is unknown."""
    twilio.faults.next(fault, on="list")
    with pytest.raises(SendError) as caught:
        live.find(Address("phone", PHONE), twilio.clock())
    assert caught.value.outcome == "later"
    assert live.find(Address("phone", PHONE), twilio.clock()) == []


def test_a_look_up_with_a_wrong_token_is_for_the_operator(twilio: FakeTwilio) -> None:
    """The library tells the status of a list in another way."""
    live = live_channel(twilio, auth_tokens=("salah",))
    with pytest.raises(SendError) as caught:
        live.find(Address("phone", PHONE), twilio.clock())
    assert (caught.value.outcome, caught.value.code) == ("config", 20003)
    live.close()


# --- codes ----------------------------------------------------------------------------------

OUTCOMES = {
    "later": "20429 21611 30001 35125",
    "unknown": "20500 20503",
    "opted_out": "21610",
    "refused": "21201 21211 21602 21604 21614 21617 21619 21620 21654 21656 35114 35115 35117",
    "config": "20003 20404 21212 21408 21603 21606 21609 21655 21660 21701 21703 21704 21910 "
    "30002 63007 92002 92007",
}
ACTIONS = {
    "refused": "63003 63024 63032 63005 63006 63013 63021 63030 63015 63019 63034 63043 63044 "
    "63045 63047 30003 30004 30005 30006 30007",
    "resend_as_template": "63016",
    "pause": "63038",
    "later": "63018 63017 63009 63010 63012 30410 63037 30036 30001",
    "later_once": "63049 30008",
    "opted_out": "63033 63014 21610",
    "config": "63051 63001 63002 63007 63008 63020 63112 30002",
    "template": "63027 63028 63040 63041 63042",
}


def rows(table: dict[str, str]) -> list[tuple[int, str]]:
    return [(int(code), name) for name, codes in table.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "outcome"), rows(OUTCOMES))
def test_an_api_error_has_its_outcome(code: int, outcome: str) -> None:
    """On whatever 4xx it comes."""
    assert send_outcome(400, code) == outcome


@pytest.mark.parametrize(("code", "action"), rows(ACTIONS))
def test_a_delivery_error_has_its_action(code: int, action: str) -> None:
    """As the table of Twilio's error codes says."""
    assert delivery_outcome(code) == action


def test_every_code_is_in_these_tests() -> None:
    """A row that nobody checks is a guess."""
    assert {code for code, _ in rows(OUTCOMES)} == set(API_OUTCOMES)
    assert {code for code, _ in rows(ACTIONS)} == set(DELIVERY_OUTCOMES)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (429, None, "later"),
        (503, 20429, "later"),
        (500, None, "unknown"),
        (502, 21610, "unknown"),
        (408, None, "unknown"),
        (302, None, "unknown"),
        (0, None, "unknown"),
        (401, 20003, "config"),
        (403, None, "config"),
        (404, None, "config"),
        (400, None, "refused"),
        (400, 99999, "refused"),
        (400, 63016, "resend_as_template"),
        (400, 63018, "later"),
        (400, 63051, "config"),
        (400, 63042, "template"),
    ],
)
def test_the_http_status_decides_where_the_code_does_not(
    status: int, code: int | None, outcome: str
) -> None:
    """An unknown code is final, never tried for ever; 5xx is never certain."""
    assert send_outcome(status, code) == outcome


def test_an_unknown_delivery_error_is_final() -> None:
    """Twilio may refine what a code means."""
    assert delivery_outcome(None) == "refused"
    assert delivery_outcome(99999) == "refused"
    assert [known(code) for code in (None, 21610, 63016, 99999)] == [True, True, True, False]
