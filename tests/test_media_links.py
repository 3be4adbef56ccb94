"""Pictures and documents of ours: from a coordinator's word to the phone, and who fetches them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from sqlalchemy import select, update

from bot.channels.base import Address, Outgoing
from bot.channels.cloud import CloudChannel
from bot.flow.turn import Attachment, Message
from bot.interview import erasure
from bot.interview.files import media_links
from bot.interview.sending.outbox import from_json, to_json
from bot.outreach import posters
from bot.reporting import snapshots
from bot.reporting.coordinators import daily, sharing
from storage.models import Coordinator, Link, MediaLink
from tests.counts import aim, finish
from tests.fake_cloud import FakeCloud
from tests.mending import post
from tests.rows import change, count
from tests.setup import publish_bundled
from tests.whatsapp import BASE, Office, office

PHONE = "+6281200000900"
CHART = Attachment("image", "chart:1:0:2026-11-23:1", "grafik.png")


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    """An office whose unit has a coordinator and numbers of today."""
    with office(either_url) as made:
        post(made.installation, made.published, PHONE, made.unit_id)
        aim(made.installation, made.published, made.unit_id, "internal", 60)
        finish(made.installation, made.published, made.unit_id, "internal", 7)
        assert snapshots.take_due(made.installation) == 1
        yield made


def token_of(place: Office, what: str = CHART.what) -> str:
    """Make an address and return the token in it."""
    here = place.installation
    url = here.database.write(lambda c: media_links.make(c, here, what))
    assert url is not None
    return url.removeprefix(f"{BASE}/media/")


def test_the_word_brings_a_picture_and_its_caption_in_one_message(place: Office) -> None:
    person = place.twilio.person(phone=PHONE)
    person.say("GRAFIK")
    place.twilio.settle()
    (message,) = person.messages
    assert message.text.startswith("*Survei Integritas Kota Contoh* — Dinas Contoh\nPosisi 23 Nov")
    assert message.file is not None
    assert message.file[0] == "image/png"
    assert Image.open(io.BytesIO(message.file[1])).width == 1080
    assert place.twilio.errors == []


def test_the_workbook_comes_as_a_document(place: Office) -> None:
    person = place.twilio.person(phone=PHONE)
    person.say("rekap")
    place.twilio.settle()
    (message,) = person.messages
    assert message.file is not None
    assert message.file[1].startswith(b"PK")
    assert message.text == "", "Twilio gives a document no caption"


def test_the_text_to_pass_on_has_the_poster_of_the_unit_where_there_is_one(place: Office) -> None:
    person = place.twilio.person(phone=PHONE)
    person.say("BAGIKAN")
    place.code("internal")
    person.say("BAGIKAN")
    place.twilio.settle()
    bare, whole = person.messages
    assert bare.file is None
    assert bare.text == whole.text
    assert "sukarela dan rahasia" in whole.text
    assert "meminta bukti pengisian" in whole.text
    assert whole.file is not None
    assert 1000 < Image.open(io.BytesIO(whole.file[1])).width < 1200


def test_a_poster_is_that_of_the_group_asked_for_and_of_the_staff_else(place: Office) -> None:
    person = place.twilio.person(phone=PHONE)
    place.code("eksternal")
    person.say("BAGIKAN")
    assert "*BAGIKAN Eksternal* dengan poster" in str(person.say("BANTUAN"))
    place.code("internal")
    for word in ("BAGIKAN", "bagikan Dinas Contoh external"):
        person.say(word)
    place.twilio.settle()
    first, _, *whole = person.messages
    assert first.file is None, "the staff's group does not get the poster of visitors"
    for said, group in zip(whole, ("internal", "eksternal"), strict=True):
        poster = posters.picture(place.installation, place.code(group), place.twilio.sender)
        assert said.file is not None
        assert said.file[1] == poster


def test_a_link_that_is_used_up_makes_no_poster(place: Office) -> None:
    place.code("internal")
    here, report = place.installation, place.published

    def found() -> set[str]:
        return set(here.database.read(lambda c: sharing.posters(c, here, report, place.unit_id)))

    assert found() == {"internal"}
    change(here, Link, {"cap": 5, "starts": 5})
    assert found() == set()


def test_a_picture_that_cannot_be_fetched_leaves_its_words(place: Office) -> None:
    person = place.twilio.person(phone=PHONE)
    place.twilio._fetcher = lambda _method, _url: (404, {}, b"")
    person.say("GRAFIK")
    place.twilio.settle()
    place.sweep("deliver")
    place.twilio.settle()
    (message,) = person.messages
    assert message.file is None
    assert "Posisi 23 November 2026 pukul 06.00 WIB" in message.text
    assert {problem.code for problem in place.twilio.errors} == {11200}


def test_a_message_that_waited_has_an_address_that_is_still_good(place: Office) -> None:
    """The address is made when the message goes out, however long that took."""
    person = place.twilio.person(phone=PHONE)
    place.twilio.faults.next("429")
    person.say("GRAFIK")
    place.clock.move(hours=3)
    place.sweep("deliver")
    place.twilio.settle()
    (message,) = person.messages
    assert message.file is not None


def test_an_address_is_good_for_an_hour_and_then_was_never_there(place: Office) -> None:
    browser, token = place.app.test_client(), token_of(place)
    answer = browser.get(f"/media/{token}")
    assert answer.status_code == 200
    assert answer.content_type == "image/png"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.head(f"/media/{token}").content_type == "image/png"
    place.clock.move(minutes=59)
    assert browser.get(f"/media/{token}").status_code == 200
    place.clock.move(minutes=1)
    over = browser.get(f"/media/{token}")
    assert over.status_code == 404
    assert over.data == browser.get("/media/nothing").data


def test_nothing_is_listed_posted_or_guessed(place: Office) -> None:
    browser, token = place.app.test_client(), token_of(place)
    for path in (
        "/media",
        "/media/",
        f"/media/{token[:-1]}",
        f"/media/{token}/",
        f"/media/{'a' * 9999}",
    ):
        assert browser.get(path).status_code == 404
    assert browser.get(f"/media/{CHART.what}").status_code == 404
    assert browser.post(f"/media/{token}").status_code == 405


def test_what_cannot_be_made_is_not_found(place: Office) -> None:
    browser = place.app.test_client()
    for what in ("poster:none", "x:1", "chart:1:0:2020-01-01:1"):
        assert browser.get(f"/media/{token_of(place, what)}").status_code == 404


def test_the_token_is_in_no_table_and_what_is_over_is_purged(place: Office) -> None:
    tokens = [token_of(place) for _ in range(3)]
    assert len({*tokens}) == 3
    assert all(len(token) == 22 for token in tokens)  # 128 bits
    rows = place.installation.database.read(lambda c: c.execute(select(MediaLink)).all())
    assert not any(token in str(row) for row in rows for token in tokens)
    erasure.purge(place.installation)
    assert count(place.installation, MediaLink) == 3
    place.clock.move(hours=1)
    erasure.purge(place.installation)
    assert count(place.installation, MediaLink) == 0


def test_outside_the_window_the_template_goes_without_a_file(place: Office) -> None:
    """Monday's message has a picture; a template has none, and its button brings it."""
    here, person = place.installation, place.twilio.person(phone=PHONE)
    types = {"twilio/text": {"body": "Jumlah isian {{nama_survei}}"}}
    sid = place.twilio.content(types, {"nama_survei": "Survei"})
    templates = f"{{daily_template: {{id: {sid}}}}}"
    publish_bundled(here, min_answer_seconds="0", templates=templates)
    here.database.write(lambda c: c.execute(update(Coordinator).values(due_at=here.now())))
    assert daily.send_due(here) == 1
    place.sweep("deliver")
    place.twilio.settle()
    (message,) = person.messages
    assert (message.text, message.file) == ("Jumlah isian Survei Integritas Kota Contoh", None)
    assert count(here, MediaLink) == 0


def test_a_stored_message_keeps_what_goes_with_it() -> None:
    for message in (Message("Halo", attachment=CHART), Message("Halo")):
        assert from_json(to_json(message)) == message


@pytest.mark.parametrize("kind", ["image", "document"])
def test_meta_is_given_the_link_the_caption_and_a_documents_name(kind: str) -> None:
    with FakeCloud() as meta:
        channel = CloudChannel(
            meta.access_token,
            meta.phone_number_id,
            (meta.app_secret,),
            meta.verify_token,
            api_base_url=meta.base_url,
        )
        file = Attachment(kind, "chart:1:0:2026-11-23:1", "rekap.xlsx")  # type: ignore[arg-type]
        message = Message("Keterangan", attachment=file)
        link = f"{BASE}/media/abc"
        channel.send(Outgoing("1", Address("phone", PHONE), message, link=link))
        # Where our pages are not reached, the words go alone.
        channel.send(Outgoing("2", Address("phone", PHONE), message))
        first, second = meta.sent
        wanted = {"link": link, "caption": "Keterangan"}
        if kind == "document":
            wanted["filename"] = "rekap.xlsx"
        assert first.payload[kind] == wanted
        assert second.payload["type"] == "text"
        channel.close()
