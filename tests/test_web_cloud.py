"""`GET /cloud` and `POST /cloud`: interviews over Meta's own API, on the wire."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.channels.base import Address, Channel, Found, Outgoing, StatusEvent, Taps
from bot.config import Settings
from bot.flow.turn import Message
from bot.interview import identity
from bot.interview.installation import DemoMismatch
from bot.interview.mixing import mix_due
from bot.interview.sending.outbox import open_message
from bot.service import Service
from bot.web.app import MAX_BODY, create_app
from bot.web.cloud import ENOUGH, Taking
from bot.web.metrics import Metrics
from storage.database import Database, Unavailable
from storage.migrate import migrate
from storage.models import Address as AddressTable
from storage.models import Contact, Conversation, Inbound, Outbox
from storage.queries import outbox
from tests.cloud import BASE, Bureau, bureau, settings_for
from tests.fake_cloud import ApprovedTemplate, Person
from tests.respondents import question_in, stored_vectors, vector
from tests.rows import change, count, counts, fates, rows, statuses
from tests.setup import FLOWS, SECRET
from tests.short_survey import WAIT
from tests.test_webhook import _allow

PHONE, BSUID = "+6281200000001", "ID.1000000000000001"


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Bureau]:
    with bureau(sqlite_url) as opened:
        yield opened


def metric(place: Bureau, name: str) -> float:
    text = place.app.test_client().get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def post(place: Bureau, body: bytes, signature: str | None = "") -> Any:
    """Post a body as anybody can; `signature` None sends none, "" the right one."""
    headers = {}
    if signature is not None:
        headers["X-Hub-Signature-256"] = signature or place.meta.signature(body)
    client = place.app.test_client()
    return client.post("/cloud", data=body, headers=headers, content_type="application/json")


def batch_of(place: Bureau, *values: Any) -> bytes:
    changes = [{"field": "messages", "value": value} for value in values]
    entry = {"id": place.meta.waba_id, "changes": changes}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def read(place: Bureau, body: bytes) -> Any:
    assert place.service.cloud is not None
    return place.service.cloud.read(body)


def begun(place: Bureau, person: Person | None = None) -> Person:
    """Return somebody who has the first question open."""
    ani = person or place.meta.person(PHONE, BSUID)
    for text in (place.link_text(), "1", "SETUJU"):
        ani.say(text)
    assert "(1/5)" in ani.inbox[-1]
    return ani


# --- who may ------------------------------------------------------------------------------------


def test_meta_asks_whether_the_webhook_is_ours(place):
    client = place.app.test_client()

    def get(url: str) -> tuple[int, bytes]:
        answer = client.get(url.removeprefix(BASE))
        return answer.status_code, answer.data

    place.meta.subscribe(get)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=kata yang kami karang",
    ],
)
def test_whoever_asks_without_our_token_is_told_nothing(place, query):
    answer = place.app.test_client().get(f"/cloud?{query}")
    assert (answer.status_code, answer.data.strip() == b"1") == (403, False)
    assert metric(place, "tautan_refused_total") == 1


def test_the_challenge_never_becomes_a_page(place):
    words = "<script>alert(1)</script>"
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": words,
        "hub.verify_token": place.meta.verify_token,
    }
    answer = place.app.test_client().get("/cloud", query_string=query)
    assert (answer.text, answer.mimetype) == (words, "text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("signature", [None, "x", "sha256=" + "0" * 64, "sha256=é"])
def test_without_the_right_signature_nothing_happens_but_a_count(place, signature):
    ani = place.meta.person()
    body = batch_of(place, place.meta.value([(ani, ani.message("halo"))]))
    before = counts(place.installation)
    assert post(place, body, signature).status_code == 403
    assert counts(place.installation) == before
    assert metric(place, "tautan_refused_total") == 1
    assert metric(place, "tautan_turns_total") == 0


def test_while_secrets_are_rotated_both_are_good(sqlite_url):
    with bureau(sqlite_url, cloud_app_secrets=("baru", "lama")) as place:
        ani = place.meta.person()
        for secret, status in (("lama", 200), ("baru", 200), ("salah", 403)):
            body = batch_of(place, place.meta.value([(ani, ani.message("halo"))]))
            answer = post(place, body, place.meta.signature(body, secret))
            assert answer.status_code == status


def test_a_channel_that_is_not_set_has_no_route(place, tmp_path):
    assert place.app.test_client().post("/whatsapp").status_code == 404
    simulated = Settings(database_url=f"sqlite:///{tmp_path}/x.db", tautan_secret_key=SECRET)
    service = Service(simulated, serving=True)
    client = create_app(simulated, service=service).test_client()
    assert (client.get("/cloud").status_code, client.post("/cloud").status_code) == (404, 404)
    service.close()
    assert place.app.test_client().get("/simulator").status_code == 404
    assert place.app.test_client().get("/ready").json["channel"] == "cloud"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"object":"page"}'])
def test_what_is_signed_and_no_webhook_is_refused(place, body):
    assert post(place, body).status_code == 400
    assert count(place.installation, Inbound) == 0


def test_a_batch_may_be_larger_than_other_requests_but_not_endless(place):
    ani = place.meta.person()
    body = batch_of(place, place.meta.value([(ani, ani.message("x" * 2 * MAX_BODY))]))
    assert post(place, body).status_code == 200
    place.sender.settle(30)
    assert post(place, b"x" * (3 * 1024 * 1024 + 1)).status_code == 413


# --- whole interviews ---------------------------------------------------------------------------


def interview(place: Bureau, ani: Person, seed: int = 0, *, hide_after: int = 99) -> dict:
    """Hold a whole interview by typing; return the answers given."""
    rng, answers = random.Random(seed), {}
    flow = place.published.survey.for_group("internal")
    begun(place, ani)
    while (question := question_in(flow, ani.inbox[-1])) is not None:
        if question.type == "select_one":
            said: Any = rng.choice([one.name for one in question.choices])
        else:
            said = rng.randint(0, 99) if question.type == "integer" else f"saran {rng.random()}"
        answers[question.name] = said
        if len(answers) > hide_after:
            ani.shows_phone = False
        assert len(ani.say(str(said))) == 1, "every message is answered at once, and once"
    assert "Terima kasih" in ani.inbox[-1]
    return answers


def test_an_interview_by_typing_with_phone_and_user_id_then_the_user_id_alone(either_url):
    with bureau(either_url) as place:
        ani = place.meta.person(PHONE, BSUID)
        interview(place, ani, hide_after=2)
        assert statuses(place.installation) == ["finished"]
        assert count(place.installation, Contact) == 1
        kinds = {row.kind for row in rows(place.installation, AddressTable)}
        assert kinds == {"phone", "bsuid"}
        assert set(fates(place.installation)) == {"delivered"}
        assert (set(place.meta.answers), place.meta.errors) == ({200}, [])
        recipients = {sent.payload.get("recipient") for sent in place.meta.sent}
        assert recipients == {None, BSUID}


def test_who_shows_only_a_user_id_is_interviewed_like_anybody(either_url):
    with bureau(either_url) as place:
        interview(place, place.meta.person(bsuid=BSUID))
        assert statuses(place.installation) == ["finished"]
        assert {row.kind for row in rows(place.installation, AddressTable)} == {"bsuid"}


class Tapping:
    """The channel, with what a message offers to tap, as the sender of the outbox gives it."""

    def __init__(self, real: Channel | None) -> None:
        assert real is not None
        self.real, self.name, self.sender = real, real.name, real.sender

    def send(self, outgoing: Outgoing) -> StatusEvent:
        message = outgoing.message
        taps = None
        if message.buttons:
            taps = Taps("buttons", message.buttons)
        elif message.choices:
            options = tuple(
                replace(one, value=f"{message.question}:{one.value}") for one in message.choices
            )
            taps = Taps("list", options, "Pilih")
        return self.real.send(replace(outgoing, taps=outgoing.taps or taps))

    def find(self, to: Address, since: datetime) -> list[Found]:
        return self.real.find(to, since)


def test_an_interview_by_tapping(either_url):
    with bureau(either_url) as place:
        place.service._channels = {"cloud": Tapping(place.service.provider)}
        ani = place.meta.person(PHONE, BSUID)
        ani.say(place.link_text())
        ani.say(tap="Bahasa Indonesia")
        ani.say(tap="SETUJU")
        for _ in range(3):
            ani.say(tap="Sering")
        ani.say("7")
        ani.say("semoga lancar")
        assert "Terima kasih" in ani.inbox[-1]
        assert statuses(place.installation) == ["finished"]
        (conversation,) = rows(place.installation, Conversation)
        assert conversation.sealed is not None
        assert [len(sent.options) for sent in ani.messages][2:5] == [5, 5, 5]


def test_a_late_tap_answers_the_question_that_it_was_offered_for(place):
    place.service._channels = {"cloud": Tapping(place.service.provider)}
    ani = begun(place)
    late = ani.message(tap="Sering")
    ani.send(late)
    second = ani.inbox[-1]
    assert "(2/5)" in second
    repeated = {**late, "id": ani.message("x")["id"]}
    (said,) = ani.send(repeated)
    assert "(2/5)" in said, "a second tap on the first question is no answer to the second"


def test_the_answers_of_a_whole_crowd_are_stored_as_given(database_url):
    with bureau(database_url, k=5) as place:
        told = [
            interview(place, place.meta.person(f"+62812000005{n:02}", f"ID.{n}"), n)
            for n in range(10)
        ]
        place.clock.move(WAIT + timedelta(hours=1))
        mix_due(place.installation)
        stored = stored_vectors(place.installation)
        assert sum(stored.values()) == 5
        assert all(one in {vector(given) for given in told} for one in stored)


# --- every message once, each for itself --------------------------------------------------------


def test_a_batch_that_comes_again_changes_nothing(either_url):
    with bureau(either_url) as place:
        ani = begun(place)
        for _ in range(3):
            assert ani.again() == []
        assert count(place.installation, Inbound) == 3
        assert len(ani.say("1")) == 1


def test_many_people_in_one_batch_are_each_a_turn_of_their_own(either_url):
    with bureau(either_url) as place:
        people = [place.meta.person(f"+62812000005{n:02}", f"ID.{n}") for n in range(12)]
        batch = [(one, one.message(place.link_text())) for one in people]
        assert place.meta.post([place.meta.value(batch[:5]), place.meta.value(batch[5:])]) == 200
        assert [len(one.inbox) for one in people] == [1] * 12
        assert count(place.installation, Conversation) == 12


def test_one_persons_messages_of_one_batch_are_taken_in_their_order(place):
    ani = begun(place)
    place.meta.post([place.meta.value([(ani, ani.message("1")), (ani, ani.message("2"))])])
    assert "(3/5)" in ani.inbox[-1]


def test_a_message_that_our_code_fails_on_takes_no_neighbour_down(place, caplog):
    ani, budi = begun(place), begun(place, place.meta.person("+6281200000002", "ID.2"))
    broken = rows(place.installation, Conversation)[0]
    change(place.installation, Conversation, {"sealed": b"broken" * 9}, id=broken.id)
    batch = [(ani, ani.message("1")), (budi, budi.message("1")), (ani, ani.message("2"))]
    assert place.meta.post([place.meta.value(batch)]) == 200, "kept, to be replayed"
    assert "(2/5)" in budi.inbox[-1]
    change(place.installation, Conversation, {"sealed": broken.sealed}, id=broken.id)
    place.clock.move(minutes=2)
    place.sweeps.jobs["replay"]()
    place.sweeps.jobs["deliver"]()
    assert "(1/5)" in ani.inbox[-1] and len(ani.inbox) > 3, "what was open could not be read"
    assert metric(place, "tautan_held_messages") == 0


def test_what_is_written_after_a_message_that_was_not_taken_in_waits_for_it(place):
    """Else the second one would answer the first one's question. Others do not wait."""
    ani, budi = begun(place), begun(place, place.meta.person("+6281200000002", "ID.2"))
    away = iter([True])

    def fails_once(_message: Message) -> bool:
        if next(away, False):
            raise Unavailable("the database went away")
        return False

    desk = replace(place.service.desk, can_inline=fails_once)
    messages = [(ani, ani.message("1")), (ani, ani.message("2")), (budi, budi.message("3"))]
    body = batch_of(place, place.meta.value(messages))
    for whole in (False, True):
        taking = Taking(place.service, desk, Metrics(place.service), place.sender)
        for event in read(place, body).events:
            taking.take(event)
        place.sender.wake()
        place.sender.settle(30)
        assert taking.all == whole
        assert "(2/5)" in budi.inbox[-1]
        assert ("(3/5)" if whole else "(1/5)") in ani.inbox[-1]


def test_when_the_database_stays_away_the_rest_of_a_batch_does_not_wait_for_it(place):
    asked = []

    def away(message: Message) -> bool:
        asked.append(message)
        raise Unavailable("the database went away")

    people = [place.meta.person() for _ in range(10)]
    body = batch_of(place, place.meta.value([(one, one.message("halo")) for one in people]))
    desk = replace(place.service.desk, can_inline=away)
    taking = Taking(place.service, desk, Metrics(place.service), place.sender)
    for event in read(place, body).events:
        taking.take(event)
    assert (taking.all, len(asked)) == (False, ENOUGH)


def test_what_nobody_understands_takes_nothing_down(place):
    ani = place.meta.person()
    value = place.meta.value([(ani, ani.message(place.link_text()))])
    value["messages"] = [{"type": "text"}, None, *value["messages"], {"id": 5}]
    assert place.meta.post([value]) == 200
    assert len(ani.inbox) == 1


def test_while_the_database_is_away_meta_is_asked_to_come_again(postgres_url):
    with bureau(postgres_url) as place:
        ani = begun(place)
        _allow(postgres_url, allow=False)
        status = {"id": "wamid.x", "status": "sent", "recipient_id": PHONE[1:]}
        value = place.meta.value([(ani, ani.message("1"))], statuses=[status] * 500)
        assert place.meta.post([value]) == 503
        _allow(postgres_url, allow=True)
        assert place.meta.retry() == [200]
        assert "(2/5)" in ani.inbox[-1]
        assert place.meta.undelivered == []


# --- statuses -----------------------------------------------------------------------------------


def test_statuses_come_late_twice_and_backwards(database_url):
    with bureau(database_url) as place:
        with place.meta.holding_statuses():
            begun(place)
            assert fates(place.installation) == ["sent"] * 3
        place.meta.tell(backwards=True, twice=True)
        assert fates(place.installation) == ["delivered"] * 3
        assert metric(place, 'tautan_statuses_total{status="unknown"}') == 0


def test_a_status_without_our_id_is_found_by_that_of_meta(place):
    with place.meta.holding_statuses():
        begun(place)
    for sent in place.meta.sent:
        sent.reference = None
    place.meta.tell()
    assert fates(place.installation) == ["delivered"] * 3


def test_a_status_joins_the_phone_and_the_user_id_of_one_person(place):
    """The person was known by the phone alone."""
    ani = place.meta.person(PHONE)
    begun(place, ani)
    assert {row.kind for row in rows(place.installation, AddressTable)} == {"phone"}
    ani.bsuid = BSUID
    place.meta.know(ani)
    status = {
        "id": place.meta.sent[-1].wamid,
        "status": "delivered",
        "recipient_id": PHONE[1:],
        "recipient_user_id": BSUID,
        "biz_opaque_callback_data": place.meta.sent[-1].reference,
    }
    place.meta.post([place.meta.value(statuses=[status])])
    assert {row.kind for row in rows(place.installation, AddressTable)} == {"phone", "bsuid"}
    assert count(place.installation, Contact) == 1


def test_foreign_statuses_are_counted_and_change_nothing(place):
    begun(place)
    before = rows(place.installation, Outbox)
    for reference in ("0" * 32, "nonsense", None):
        status = {"id": "wamid.x", "status": "failed", "biz_opaque_callback_data": reference}
        assert place.meta.post([place.meta.value(statuses=[status])]) == 200
    assert rows(place.installation, Outbox) == before
    assert metric(place, 'tautan_statuses_total{status="unknown"}') == 3


def test_who_stopped_our_messages_at_whatsapp_is_not_written_to_again(place):
    ani = begun(place)
    ani.failure = 131050
    ani.say("1")
    assert count(place.installation, Outbox, status="failed", error_code=131050) == 1
    (contact,) = rows(place.installation, Contact)
    read = place.installation.database.read
    assert read(lambda c: identity.opted_out(c, place.installation, contact.id))


def test_an_answer_of_meta_that_was_lost_is_settled_by_the_status(either_url):
    with bureau(either_url) as place:
        ani = begun(place)
        place.meta.faults.append("drop_after")
        with place.meta.holding_statuses():
            assert len(ani.say("1")) == 1
            assert count(place.installation, Outbox, status="unknown") == 1
        place.meta.tell()
        assert set(fates(place.installation)) == {"delivered"}
        assert len(ani.say("2")) == 1


def test_what_may_have_been_sent_is_never_sent_again_and_in_the_end_given_up(either_url):
    with bureau(either_url) as place:
        ani = begun(place)
        place.meta.faults.append("drop_before")
        assert ani.say("1") == []
        asked = place.meta.requests
        for _ in range(30):
            place.clock.move(hours=1)
            place.sweeps.jobs["reconcile"]()
            place.sweeps.jobs["deliver"]()
            if not count(place.installation, Outbox, status="unknown"):
                break
        assert place.clock.now - rows(place.installation, Outbox)[0].created_at >= timedelta(days=1)
        (given_up,) = rows(place.installation, Outbox, status="failed")
        assert given_up.sealed is None
        assert place.meta.requests == asked, "nobody was asked to take it again"
        assert len(ani.say("ULANG")) == 1, "and the person can always ask for it"


def test_too_fast_for_meta_is_tried_again_later(place):
    ani = begun(place)
    place.meta.faults.append("code:400:131056")
    assert ani.say("1") == []
    assert count(place.installation, Outbox, status="queued") == 1
    place.clock.move(minutes=1)
    place.sweeps.jobs["deliver"]()
    assert "(2/5)" in ani.inbox[-1]


# --- people -------------------------------------------------------------------------------------


def test_strangers_get_their_answer_and_nothing_of_them_is_kept(place):
    stranger = place.meta.person()
    (said,) = stranger.say("halo")
    assert "Ini nomor survei" in said
    assert stranger.say("halo?") == [], "once a day"
    kept = counts(place.installation)
    assert not {"contact", "address", "outbox", "window"} & kept.keys()


def test_an_answer_to_a_stranger_that_fails_harms_nothing(place, caplog):
    place.meta.faults.append("500")
    stranger = place.meta.person("+6281200000077")
    assert stranger.say("halo") == []
    assert place.meta.answers == [200]
    assert "an answer was not sent (unknown" in caplog.text
    assert "81200000077" not in caplog.text and "Ini nomor" not in caplog.text


def test_who_asks_to_be_erased_hears_that_it_is_done_and_is_gone(place):
    ani = begun(place)
    (said,) = ani.say("HAPUS DATA")
    assert count(place.installation, Contact) == 0
    assert count(place.installation, Outbox) == 0
    assert "sudah dihapus" in said


def test_somebody_who_changes_number_and_id_goes_on_where_they_were(either_url):
    with bureau(either_url) as place:
        ani = begun(place)
        ani.say("1")
        changed = ani.changes(phone="+6281200000099", bsuid="ID.99")
        assert place.meta.post([place.meta.value([(ani, changed)])]) == 200
        assert len(ani.inbox) == 4, "nobody is answered who said nothing"
        (said,) = ani.say("2")
        assert "(3/5)" in said
        assert place.meta.sent[-1].to == "+6281200000099"
        assert count(place.installation, Contact) == 1


def test_a_new_user_id_is_told_without_a_phone(either_url):
    with bureau(either_url) as place:
        ani = place.meta.person(bsuid=BSUID)
        begun(place, ani)
        place.meta.post([place.meta.value([(ani, ani.changes(bsuid="ID.99"))])])
        (said,) = ani.say("1")
        assert "(2/5)" in said and place.meta.sent[-1].to == "ID.99"


def test_a_reminder_goes_out_as_the_template_that_meta_approved(sqlite_url):
    with bureau(sqlite_url, templates={"reminder_partial": "pengingat"}) as place:
        ani = begun(place)
        (conversation,) = rows(place.installation, Conversation)
        place.clock.now = conversation.wake_at
        place.meta.templates["pengingat", "id"] = ApprovedTemplate(parameters=99)
        place.sweeps.jobs["wake"]()
        place.sweeps.jobs["deliver"]()
        assert place.meta.errors[-1].startswith("132000"), "the template has other variables"
        assert count(place.installation, Outbox, purpose="reminder", status="queued") == 1
        (row,) = rows(place.installation, Outbox, purpose="reminder")

        def work(c: Any) -> Message:
            found = outbox.by_id(c, row.id)
            assert found is not None
            return open_message(c, place.installation, found)

        message = place.installation.database.read(work)
        place.meta.templates["pengingat", "id"] = ApprovedTemplate(
            len(message.variables), len(message.buttons)
        )
        place.clock.move(hours=1)
        place.sweeps.jobs["deliver"]()
        assert ani.inbox[-1].startswith("[pengingat] ")
        assert (message.template, row.status) == ("reminder_partial", "queued")
        assert count(place.installation, Outbox, purpose="reminder", status="sent") == 1


def test_no_number_can_be_read_in_the_database_not_even_in_metas_ids(place):
    ani = begun(place)
    ani.say("1", quote=ani.messages[-1])
    stored = "".join(
        repr(row)
        for table in (AddressTable, Outbox, Inbound, Conversation)
        for row in rows(place.installation, table)
    )
    assert "wamid." in stored
    for sent in place.meta.sent:
        inner = base64.b64decode(sent.wamid.removeprefix("wamid."))
        assert PHONE[1:].encode() in inner, "which is why they are hashed"
        assert sent.wamid not in stored
    assert PHONE[1:] not in stored and BSUID not in stored


def test_no_log_line_names_anybody(place, caplog):
    caplog.set_level(logging.DEBUG)
    ani = begun(place)
    place.meta.faults += ["drop_after", "code:400:131056", "500"]
    for text in ("1", "2", "rahasia sekali"):
        ani.say(text)
    for word in (PHONE[1:], BSUID, "rahasia sekali", "wamid"):
        assert word not in caplog.text


# --- the sender ---------------------------------------------------------------------------------


def test_replies_leave_without_any_sweep_and_once_though_many_wake_the_sender(place):
    ani = begun(place)
    for _ in range(50):
        place.sender.wake()
    place.sender.settle(30)
    assert len(ani.inbox) == 3
    place.sender.stop()
    place.sender.stop()
    assert len(ani.say("1")) == 1, "whoever comes after it was stopped starts it again"


def test_a_sender_whose_database_is_gone_says_so_and_goes_on(place, caplog):
    config = settings_for("sqlite:////no/such/folder/x.db", place.meta)
    service = Service(config, serving=True)
    app = create_app(config, service=service)
    sender = app.extensions["tautan.sender"]
    sender.wake()
    sender.settle(30)
    assert "replies wait for the next sweep" in caplog.text
    sender.say(Address("phone", PHONE), Message("x"))
    sender.settle(30)
    sender.stop()
    assert service.cloud is not None
    service.cloud.close()
    service.close()


# --- settings -----------------------------------------------------------------------------------


def test_a_demo_takes_no_credentials_of_meta(sqlite_url, place):
    place.service.close()
    config = Settings(database_url=sqlite_url + "2", tautan_secret_key=SECRET, flows_dir=FLOWS)
    database = Database(config.database_url)
    migrate(database)
    database.close()
    service = Service(config, serving=True, demo=True)
    assert service.installation.demo
    service.close()
    real = settings_for(config.database_url, place.meta)
    service = Service(real, serving=True)
    with pytest.raises(DemoMismatch, match="unset the CLOUD_ variables"):
        _ = service.installation
    service.close()
