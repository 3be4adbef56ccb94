"""The Cloud channel: what Meta posts, how it is told apart, and what its API takes and refuses."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import (
    Address,
    BadRequest,
    Inbound,
    Outgoing,
    Renamed,
    SendError,
    Taps,
    Template,
)
from bot.channels.cloud import CloudChannel, body_of
from bot.channels.cloud_codes import (
    DELIVERY_OUTCOMES,
    delivery_outcome,
    known,
    send_outcome,
)
from bot.channels.cloud_forms import Told, message_id, read_batch, signed
from bot.flow.turn import Choice, Message
from tests.fake_cloud import ApprovedTemplate, FakeCloud, Person, wamid

PHONE = Address("phone", "+6281200000001")
BSUID = Address("bsuid", "ID.1000000000000001")
PARENT = Address("parent_bsuid", "ID.ENT.1000000000000009")
NUMBER = "106540352242922"
SENDER = f"cloud:{NUMBER}"
YES_NO = (Choice("q:1", "Ya"), Choice("q:2", "Tidak"))


@pytest.fixture
def meta() -> Iterator[FakeCloud]:
    with FakeCloud() as fake:
        yield fake


def channel(meta: FakeCloud, **changes: Any) -> CloudChannel:
    values: dict[str, Any] = {
        "access_token": meta.access_token,
        "phone_number_id": meta.phone_number_id,
        "app_secrets": (meta.app_secret,),
        "verify_token": meta.verify_token,
        "api_base_url": meta.base_url,
        "timeout": 5.0,
    }
    return CloudChannel(**(values | changes))


@pytest.fixture
def live(meta: FakeCloud) -> Iterator[CloudChannel]:
    made = channel(meta)
    yield made
    made.close()


def writer(meta: FakeCloud, **given: Any) -> Person:
    """Return somebody whose 24-hour window is open."""
    person = meta.person(**given)
    person.wrote_at = meta.clock()
    return person


def outgoing(to: Address = PHONE, text: str = "Halo", **given: Any) -> Outgoing:
    return Outgoing("0193-ref", to, Message(text), **given)


def refused(live: CloudChannel, one: Outgoing) -> SendError:
    with pytest.raises(SendError) as caught:
        live.send(one)
    return caught.value


# --- signatures ---------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.sampled_from(["lama", "baru", "salah"]), st.booleans())
def test_a_signature_fits_the_raw_body_under_any_of_the_secrets(body, key, upper):
    signature = FakeCloud().signature(body, key)
    if upper:
        signature = "sha256=" + signature[7:].upper()
    assert signed(body, (b"lama", b"baru"), signature) == (key != "salah")
    assert not signed(body + b" ", (b"lama", b"baru"), signature)


@pytest.mark.parametrize(
    "signature", [None, "", "sha256=", "sha1=00", "sha256=é", "0" * 64, "sha256=" + "0" * 64]
)
def test_what_is_no_signature_is_refused_and_never_raises(signature):
    assert not signed(b"{}", (b"rahasia",), signature)


def test_a_bare_digest_without_its_algorithm_is_no_signature(meta):
    bare = meta.signature(b"{}").removeprefix("sha256=")
    assert not signed(b"{}", (meta.app_secret.encode(),), bare)


def test_the_handshake_wants_mode_and_token(meta):
    made = channel(meta)
    assert made.greets("subscribe", meta.verify_token)
    for mode, token in (("unsubscribe", meta.verify_token), ("subscribe", "x"), (None, None)):
        assert not made.greets(mode, token)
    assert not made.greets("subscribe", meta.verify_token + "é")


# --- what comes in ------------------------------------------------------------------------------


def events(*values: Any) -> tuple[Any, ...]:
    return batch(*values).events


def batch(*values: Any) -> Any:
    changes = [{"field": "messages", "value": value} for value in values]
    payload = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": changes}],
    }
    return read_batch(json.dumps(payload).encode(), NUMBER, SENDER)


def only(meta: FakeCloud, person: Person, message: Any) -> Any:
    (event,) = events(meta.value([(person, message)]))
    return event


def test_a_text_is_read_with_all_that_its_author_is_known_by(meta):
    ani = meta.person(PHONE.value, BSUID.value, PARENT.value)
    inbound = only(meta, ani, ani.message("halo\x00"))
    assert inbound == Inbound(
        channel="cloud",
        sender=SENDER,
        sid=message_id(ani.last["id"]),
        addresses=(PHONE, BSUID, PARENT),
        text="halo",
    )


def test_who_hides_the_phone_is_read_by_the_user_id(meta):
    ani = meta.person(PHONE.value, BSUID.value)
    ani.shows_phone = False
    assert only(meta, ani, ani.message("halo")).addresses == (BSUID,)


def test_fields_of_the_message_are_enough_where_the_contacts_are_missing(meta):
    ani = meta.person(PHONE.value, BSUID.value)
    value = meta.value([(ani, ani.message("halo"))])
    del value["contacts"]
    assert events(value)[0].addresses == (PHONE, BSUID)


def test_contacts_complete_a_message_of_an_older_form(meta):
    ani = meta.person(PHONE.value, BSUID.value)
    message = ani.message("halo")
    del message["from_user_id"]
    assert only(meta, ani, message).addresses == (PHONE, BSUID)


def test_authors_of_one_batch_are_never_mixed_up(meta):
    people = [meta.person(f"+62812000005{n:02}", f"ID.{n}") for n in range(20)]
    messages = [(one, one.message(str(n))) for n, one in enumerate(people)]
    for _, message in messages:
        del message["from_user_id"]
    found = events(meta.value(messages))
    assert [event.text for event in found] == [str(n) for n in range(20)]
    for person, event in zip(people, found, strict=True):
        assert [one.value for one in event.addresses] == [person.phone, person.bsuid]


@pytest.mark.parametrize("kind", ["button", "list"])
def test_what_is_tapped_has_its_id_its_words_and_what_it_is_about(meta, live, kind):
    ani = writer(meta, phone=PHONE.value)
    live.send(outgoing(taps=Taps("buttons" if kind == "button" else "list", YES_NO, "Pilih")))
    inbound = only(meta, ani, ani.message(tap="Ya"))
    assert (inbound.kind, inbound.text, inbound.option) == ("text", "Ya", "q:1")
    assert inbound.reply_to == message_id(ani.messages[0].wamid)


def test_a_quick_reply_of_a_template_is_a_tap_too(meta, live):
    meta.templates["invite", "id"] = ApprovedTemplate(0, buttons=2)
    ani = meta.person(phone=PHONE.value)
    message = Message("Halo", buttons=(Choice("MULAI", "Mulai"), Choice("NANTI", "Nanti")))
    live.send(Outgoing("r", PHONE, message, Template("invite", "id")))
    inbound = only(meta, ani, ani.message(tap="NANTI"))
    assert (inbound.kind, inbound.option) == ("text", "NANTI")


def test_a_quoted_message_is_named(meta, live):
    ani = writer(meta, phone=PHONE.value)
    status = live.send(outgoing())
    assert only(meta, ani, ani.message("1", quote=ani.messages[0])).reply_to == status.sid


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("image", "media"),
        ("audio", "media"),
        ("video", "media"),
        ("document", "media"),
        ("sticker", "media"),
        ("location", "location"),
        ("contacts", "contact"),
        ("reaction", "reaction"),
        ("edit", "edited"),
        ("revoke", "unsupported"),
        ("order", "unsupported"),
        ("unsupported", "unsupported"),
        ("something_new", "unsupported"),
    ],
)
def test_what_is_no_text_is_of_its_kind_and_has_no_words(meta, type_, kind):
    ani = meta.person(phone=PHONE.value)
    inbound = only(meta, ani, ani.message(kind=type_))
    assert (inbound.kind, inbound.text, inbound.option) == (kind, "", None)
    assert inbound.place == ((-6.1754, 106.8272) if kind == "location" else None)


def test_a_form_that_was_filled_in_is_not_taken_for_an_answer(meta):
    ani = meta.person(phone=PHONE.value)
    message = ani.message() | {
        "type": "interactive",
        "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": "{}"}},
    }
    assert only(meta, ani, message).kind == "unsupported"


def test_a_message_id_is_known_by_a_hash_that_fits_its_column():
    """A wamid holds the number; what is stored must not."""
    made = wamid(PHONE.value)
    assert len(message_id(made)) <= 64
    assert message_id(made) == message_id(made) != message_id(wamid(PHONE.value))
    long = message_id("wamid." + "A" * 400)
    assert len(long) <= 64


def test_what_is_said_in_a_group_is_none_of_our_business(meta):
    ani = meta.person(phone=PHONE.value)
    found = batch(meta.value([(ani, ani.message("halo") | {"group_id": "g"})]))
    assert (found.events, found.unread) == ((), 0)


def test_what_cannot_be_read_takes_nothing_else_down(meta):
    ani = meta.person(phone=PHONE.value)
    good = ani.message("halo")
    bad: list[Any] = [
        {},
        {"type": "text"},
        good | {"id": None},
        good | {"from": "x", "from_user_id": None},
        good | {"type": "text", "text": {"body": 5}},
        {"status": "sent"},
        {"status": None, "id": "wamid.x"},
    ]
    value = meta.value([(ani, one) for one in (bad[0], *bad[1:], good) if one.get("type")])
    value["messages"] = [*bad, good, "no object", None]
    found = batch(value)
    assert [event.text for event in found.events] == ["halo"]
    assert found.unread == len(bad)


def test_events_for_another_number_of_the_account_are_not_ours(meta):
    ani = meta.person(phone=PHONE.value)
    found = batch(meta.value([(ani, ani.message("halo"))], number="999"), meta.value())
    assert (found.events, found.foreign) == ((), 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"1", b"null", b'{"object":"page"}', b"[" * 100_000, b"\xff"],
)
def test_what_is_no_webhook_is_refused(body):
    with pytest.raises(BadRequest):
        read_batch(body, NUMBER, SENDER)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "from", "type", "text", "body", "context", "interactive", "status",
                     "errors", "code", "system", "button_reply", "contacts", "messages",
                     "metadata", "statuses", "user_id", "wa_id", "recipient_id"]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=30,
    )
)  # fmt: skip
def test_no_batch_whatever_its_form_raises(value):
    for item in (value, {"messages": [value]}, {"statuses": [value], "contacts": [value]}):
        body = {"object": "whatsapp_business_account",
                "entry": [{"changes": [{"field": "messages", "value": item}]}]}  # fmt: skip
        read_batch(json.dumps(body).encode(), NUMBER, SENDER)


# --- statuses and changes of address ------------------------------------------------------------


def status(**given: Any) -> Any:
    return {"id": "wamid.x", "status": "sent", "recipient_id": "6281200000001"} | given


@pytest.mark.parametrize(
    ("word", "rank", "failed"),
    [("sent", 3, False), ("delivered", 4, False), ("read", 5, False), ("played", 5, False),
     ("failed", 0, True), ("something_new", 0, False)],
)  # fmt: skip
def test_a_status_has_its_rank(meta, word, rank, failed):
    (told,) = events(meta.value(statuses=[status(status=word)]))
    assert isinstance(told, Told)
    assert (told.event.rank, told.event.failed) == (rank, failed)
    assert told.event.sid == message_id("wamid.x")


def test_a_status_asserts_both_addresses_and_gives_our_id_back(meta):
    one = status(
        recipient_user_id=BSUID.value,
        recipient_parent_user_id=PARENT.value,
        biz_opaque_callback_data="abc",
    )
    (told,) = events(meta.value(statuses=[one]))
    assert told.event.addresses == (PHONE, BSUID, PARENT)
    assert told.reference == "abc"


def test_a_failed_status_says_why(meta):
    (told,) = events(meta.value(statuses=[status(status="failed", errors=[{"code": 131026}])]))
    assert told.event.error_code == 131026
    (told,) = events(meta.value(statuses=[status(status="failed", errors=[{"code": "x"}])]))
    assert (told.event.failed, told.event.error_code) == (True, None)


def test_a_changed_number_names_old_and_new(meta):
    ani = meta.person(PHONE.value, BSUID.value)
    renamed = only(meta, ani, ani.changes(phone="+6281200000077", bsuid="ID.77"))
    assert isinstance(renamed, Renamed)
    assert set(renamed.old) == {PHONE, BSUID}
    assert set(renamed.new) == {Address("phone", "+6281200000077"), Address("bsuid", "ID.77")}


def test_a_changed_user_id_names_no_phone(meta):
    ani = meta.person(PHONE.value, BSUID.value)
    renamed = only(meta, ani, ani.changes(bsuid="ID.77"))
    assert (renamed.old, renamed.new) == ((BSUID,), (Address("bsuid", "ID.77"),))


@pytest.mark.parametrize("system", [{}, {"type": "user_identity_changed"}, {"type": None}])
def test_other_system_messages_tell_us_nothing(meta, system):
    ani = meta.person(phone=PHONE.value)
    message = ani.message() | {"type": "system", "system": system}
    assert batch(meta.value([(ani, message)])) == batch()


# --- sending ------------------------------------------------------------------------------------


def test_a_text_goes_to_a_phone_with_its_plus_and_carries_our_id(meta, live):
    ani = writer(meta, phone=PHONE.value)
    choices = (Choice("1", "Ya"), Choice("2", "Tidak"))
    sent = live.send(Outgoing("0193-ref", PHONE, Message("Setuju?", choices, "Balas")))
    assert ani.inbox == ["Setuju?\n\n1. Ya\n2. Tidak\n\nBalas"]
    (kept,) = meta.sent
    assert (kept.payload["to"], kept.reference) == (PHONE.value, "0193-ref")
    assert "recipient" not in kept.payload
    assert (sent.sid, sent.rank, sent.failed) == (message_id(kept.wamid), 0, False)


@pytest.mark.parametrize("to", [BSUID, PARENT])
def test_a_user_id_goes_into_the_field_for_user_ids(meta, live, to):
    person = writer(meta, **{"bsuid" if to.kind == "bsuid" else "parent": to.value})
    live.send(outgoing(to))
    assert person.inbox == ["Halo"]
    assert meta.sent[0].payload["recipient"] == to.value
    assert "to" not in meta.sent[0].payload


def test_short_answers_are_buttons_and_many_are_a_list(meta, live):
    ani = writer(meta, phone=PHONE.value)
    live.send(outgoing(taps=Taps("buttons", YES_NO)))
    rows = tuple(Choice(f"q:{n}", f"Pilihan {n}") for n in range(10))
    live.send(outgoing(taps=Taps("list", rows, "Pilih")))
    assert [len(sent.options) for sent in ani.messages] == [2, 10]
    assert meta.errors == []


@pytest.mark.parametrize(
    "taps",
    [
        Taps("buttons", tuple(Choice(str(n), str(n)) for n in range(4))),
        Taps("buttons", (Choice("1", "x" * 21),)),
        Taps("buttons", (Choice("1", "Ya"), Choice("1", "Tidak"))),
        Taps("buttons", (Choice("1", "Ya"), Choice("2", "Ya"))),
        Taps("buttons", ()),
        Taps("list", tuple(Choice(str(n), str(n)) for n in range(11)), "Pilih"),
        Taps("list", (Choice("1", "x" * 25),), "Pilih"),
        Taps("list", YES_NO, "x" * 21),
        Taps("list", YES_NO),
    ],
)
def test_what_cannot_be_tapped_at_meta_goes_as_the_text_that_says_the_same(meta, live, taps):
    ani = writer(meta, phone=PHONE.value)
    live.send(outgoing(taps=taps))
    assert (ani.inbox, ani.messages[0].options, meta.errors) == (["Halo"], (), [])


def test_a_long_question_has_no_buttons(meta, live):
    ani = writer(meta, phone=PHONE.value)
    live.send(outgoing(text="x" * 1025, taps=Taps("buttons", YES_NO)))
    assert (ani.messages[0].options, len(ani.inbox[0])) == ((), 1025)


def test_a_template_has_its_values_in_order_and_its_buttons_payloads(meta, live):
    meta.templates["invite_1", "id"] = ApprovedTemplate(11, buttons=2)
    ani = meta.person(phone=PHONE.value)
    variables = {str(n): f"nilai {n}" for n in range(11, 0, -1)} | {"1": " a\n\tb    c ", "2": ""}
    buttons = (Choice("MULAI", "Mulai"), Choice("NANTI", "Nanti"))
    message = Message("x", buttons=buttons, variables=variables)
    live.send(Outgoing("r", PHONE, message, Template("invite_1", "id")))
    values = ["a b c", "-", *[f"nilai {n}" for n in range(3, 12)]]
    assert ani.inbox == ["[invite_1] " + " | ".join(values)]
    assert [option[0] for option in ani.messages[0].options] == ["MULAI", "NANTI"]


def test_a_template_that_meta_does_not_have_is_for_the_operator_to_mend(meta, live):
    error = refused(live, outgoing(template=Template("unknown", "id")))
    assert (error.outcome, error.code) == ("template", 132001)
    meta.templates["invite", "id"] = ApprovedTemplate(1)
    error = refused(live, outgoing(template=Template("invite", "id")))
    assert (error.outcome, error.code) == ("template", 132000)


@pytest.mark.parametrize("text", ["", " \n", "\x00\x01", "x" * 4097])
def test_nothing_to_say_and_too_much_are_refused_before_anybody_is_asked(meta, live, text):
    assert refused(live, outgoing(text=text)).outcome == "refused"
    assert meta.requests == 0


def test_control_characters_do_not_go_out():
    assert body_of(Message("a\x00\x01b\r\nc\rd \ud800")) == "ab\nc\nd"


@pytest.mark.parametrize(
    ("fault", "outcome", "code", "arrives"),
    [
        ("drop_before", "unknown", None, False),
        ("drop_after", "unknown", None, True),
        ("500_after", "unknown", None, True),
        ("500", "unknown", None, False),
        ("503", "unknown", None, False),
        ("html", "unknown", None, False),
        ("302", "unknown", None, False),
        ("408", "unknown", None, False),
        ("429", "later", None, False),
        ("403", "config", None, False),
        ("400", "refused", None, False),
        ("code:400:130429", "later", 130429, False),
        ("code:500:130429", "later", 130429, False),
        ("code:400:131056", "later", 131056, False),
        ("code:400:80007", "later", 80007, False),
        ("code:500:131000", "unknown", 131000, False),
        ("code:400:1", "unknown", 1, False),
        ("code:401:190", "config", 190, False),
        ("code:401:0", "config", 0, False),
        ("code:403:200", "config", 200, False),
        ("code:500:3", "config", 3, False),
        ("code:400:131050", "opted_out", 131050, False),
        ("code:400:131026", "refused", 131026, False),
        ("code:400:100", "refused", 100, False),
        ("code:400:999999", "refused", 999999, False),
        ("code:500:999999", "unknown", 999999, False),
    ],
)
def test_what_meta_answers_decides_whether_it_may_be_sent_again(
    meta, live, fault, outcome, code, arrives
):
    ani = writer(meta, phone=PHONE.value)
    meta.faults.append(fault)
    error = refused(live, outgoing())
    assert (error.outcome, error.code) == (outcome, code)
    assert meta.requests == 1, "a request is never repeated by itself"
    assert (ani.inbox == ["Halo"]) == arrives


def test_an_answer_that_names_no_message_is_unknown(meta, live):
    meta.faults.append("200")
    assert refused(live, outgoing()).outcome == "unknown"


def test_nobody_there_is_later_and_an_answer_that_never_comes_is_unknown(meta):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        made = channel(meta, api_base_url=f"http://127.0.0.1:{port}", timeout=0.05)
        assert refused(made, outgoing()).outcome == "unknown"
        made.close()
    assert refused(made, outgoing()).outcome == "later"
    made.close()


def test_a_wrong_number_id_is_for_the_operator_to_mend(meta):
    made = channel(meta, phone_number_id="123456")
    assert refused(made, outgoing()).outcome == "config"
    made.close()


def test_a_wrong_token_is_for_the_operator_to_mend_and_no_netrc_replaces_ours(
    meta, tmp_path, monkeypatch
):
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login a password b\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    good, bad = channel(meta), channel(meta, access_token="wrong")
    writer(meta, phone=PHONE.value)
    assert good.send(outgoing()).status == "accepted"
    assert refused(bad, outgoing()).outcome == "config"
    good.close()
    bad.close()


def test_a_message_cannot_be_looked_up_and_that_is_never_an_empty_list(live):
    with pytest.raises(SendError) as caught:
        live.find(PHONE, datetime(2026, 11, 23, tzinfo=UTC))
    assert caught.value.outcome == "refused"


def test_no_error_and_no_log_line_repeats_a_number_or_a_text(meta, live, caplog):
    caplog.set_level(logging.DEBUG)
    words = "".join(("jawaban ", "raha", "sia"))  # a traceback quotes lines of this file too
    told = []
    for fault in ("drop_after", "500", "code:400:131026", "html"):
        meta.faults.append(fault)
        with pytest.raises(SendError) as caught:
            live.send(outgoing(text=words))
        told.append("".join(traceback.format_exception(caught.value)))
    told.append(caplog.text)
    assert not [one for one in told if words in one or PHONE.value[1:] in one]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"access_token": " "}, "CLOUD_ACCESS_TOKEN"),
        ({"app_secrets": ()}, "CLOUD_APP_SECRET"),
        ({"app_secrets": ("a", "")}, "CLOUD_APP_SECRET"),
        ({"verify_token": ""}, "CLOUD_VERIFY_TOKEN"),
        ({"phone_number_id": "+6281200000999"}, "CLOUD_PHONE_NUMBER_ID"),
    ],
)
def test_a_setting_that_cannot_work_is_named(meta, change, name):
    with pytest.raises(ValueError, match=name):
        channel(meta, **change)


# --- codes --------------------------------------------------------------------------------------


def test_a_code_that_nobody_knows_is_final_and_reported():
    assert delivery_outcome(424242) == "refused"
    assert delivery_outcome(None) == "refused"
    assert [known(code) for code in (None, 131050, 210, 100, 424242)] == [True] * 4 + [False]


def test_codes_of_one_meaning_are_treated_alike_at_both_times():
    for code, outcome in DELIVERY_OUTCOMES.items():
        at_once = send_outcome(400, code)
        assert at_once == outcome or (outcome == "later" and at_once == "unknown")
