"""The simulator's page: whom it serves, and that it speaks with the real bot."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bot.channels.simulator import Bubble, SimulatorChannel
from bot.flow.turn import Attachment, Message
from bot.interview.chats import Chats, say
from bot.interview.desk import Desk
from bot.interview.files.media_links import File
from bot.interview.installation import Installation
from bot.interview.sending.delivering import deliver
from bot.interview.surveys import publish
from bot.outreach.demo import advance, everybody, fill, starts
from bot.reporting.coordinators.lists import import_coordinators
from bot.web.simulator import TOKEN_HEADER, Simulator, simulator_pages
from tests.setup import TestClock, bundled_files, installation, publish_bundled
from tests.surveys import LAND_FLOW

STATIC = Path(__file__).parent.parent / "bot/web/static/simulator"


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database with the invented people once, for all tests to copy."""
    file = tmp_path_factory.mktemp("demo") / "tautan.db"
    with installation(f"sqlite:///{file}", clock=TestClock(), demo=True) as opened:
        fill(opened, publish_bundled(opened), import_coordinators)
    return file


@pytest.fixture
def demo(filled: Path, tmp_path: Path, clock: TestClock) -> Iterator[Installation]:
    """An installation with the invented people, invitations planned."""
    file = shutil.copy(filled, tmp_path / "tautan.db")
    with installation(f"sqlite:///{file}", clock=clock, demo=True) as opened:
        yield opened


@pytest.fixture
def simulator(demo: Installation) -> Simulator:
    desk = Desk(demo, lambda _message: True)
    chats = Chats(demo)
    channel = SimulatorChannel(chats, demo.now)

    def sweep() -> None:
        from bot.interview.waking import wake_due

        wake_due(demo, 200)
        deliver(demo, {channel.name: channel}, 200)

    return Simulator(
        people=everybody(),
        chats=chats,
        say=lambda person, said: say(desk, chats, person.addresses, said),
        starts=lambda: starts(demo),
        move_clock=lambda by: advance(demo, by, sweep),
    )


@pytest.fixture
def client(simulator: Simulator) -> FlaskClient:
    return client_of(simulator)


def client_of(simulator: Simulator) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(simulator_pages(lambda: simulator))
    return app.test_client()


def data_of(client: FlaskClient) -> dict[str, Any]:
    """Return what the page gives its script."""
    page = client.get("/simulator").get_data(as_text=True)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def post(client: FlaskClient, path: str, body: object, **headers: str) -> TestResponse:
    """Post as the page's own script does."""
    given = {TOKEN_HEADER: data_of(client)["token"], **headers}
    return client.post(f"/simulator/{path}", json=body, headers=given)


def chat(client: FlaskClient, person: str) -> list[dict[str, Any]]:
    answer = client.get(f"/simulator/{person}/messages")
    messages: list[dict[str, Any]] = answer.get_json()["messages"]
    return messages


def start_of(client: FlaskClient, person: str) -> str:
    """Return the text with which a person's poster or link begins the chat."""
    (found,) = [one for one in data_of(client)["people"] if one["key"] == person]
    return str(found["starts"][0]["text"])


# --- whom it serves -----------------------------------------------------------------------------


def test_it_works_on_this_machine(client: FlaskClient) -> None:
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get("/simulator", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("remote", ["192.0.2.7", "10.0.0.1", "::ffff:192.0.2.7", "", "nonsense"])
def test_nobody_on_another_machine_sees_anything(client: FlaskClient, remote: str) -> None:
    answer = client.get("/simulator", environ_base={"REMOTE_ADDR": remote})
    assert answer.status_code == 404


def test_a_loopback_address_written_the_other_way_is_this_machine(client: FlaskClient) -> None:
    answer = client.get("/simulator", environ_base={"REMOTE_ADDR": "::ffff:127.0.0.1"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example"]
)
def test_a_foreign_name_that_points_here_is_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/simulator", headers={"Host": host}).status_code == 404


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"]
)
def test_what_a_proxy_passes_on_is_refused(client: FlaskClient, header: str) -> None:
    assert client.get("/simulator", headers={header: "127.0.0.1"}).status_code == 404


def test_a_proxy_that_adds_no_header_but_speaks_the_old_protocol_is_refused(
    client: FlaskClient,
) -> None:
    answer = client.get("/simulator", environ_overrides={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:9"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        (TOKEN_HEADER, "wrong"),
        (TOKEN_HEADER, ""),
    ],
)
def test_a_post_of_another_page_is_refused_and_says_nothing(
    client: FlaskClient, name: str, value: str
) -> None:
    answer = post(client, "pegawai", {"text": "1"}, **{name: value})
    assert answer.status_code == 403
    assert chat(client, "pegawai") == []


def test_a_form_that_a_foreign_page_could_send_is_refused(client: FlaskClient) -> None:
    headers = {TOKEN_HEADER: data_of(client)["token"]}
    answer = client.post("/simulator/pegawai", data={"text": "1"}, headers=headers)
    assert answer.status_code == 403


def test_a_post_of_our_own_page_is_taken(client: FlaskClient) -> None:
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert post(client, "pegawai", {"text": "1"}, **own).status_code == 200


def test_every_answer_carries_a_strict_policy(client: FlaskClient) -> None:
    for path in ("/simulator", "/simulator/pegawai/messages", "/simulator/static/simulator.js"):
        with client.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'self';")
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/simulator").get_data(as_text=True)
    texts = [page, *(file.read_text("utf-8") for file in STATIC.iterdir())]
    for text in texts:
        links = set(re.findall(r"https?://[^\s\"')]+", text))
        assert links <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\son[a-z]+=|\sstyle=|<style", page)


def test_the_script_writes_no_markup() -> None:
    script = (STATIC / "simulator.js").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


def test_the_page_says_that_this_is_not_whatsapp(client: FlaskClient) -> None:
    page = client.get("/simulator").get_data(as_text=True)
    assert "bukan nomor resmi, bukan WhatsApp sungguhan" in page


# --- talking ------------------------------------------------------------------------------------


def test_the_people_say_who_they_are_and_how_they_begin(client: FlaskClient) -> None:
    people = {one["key"]: one for one in data_of(client)["people"] if one["leading"]}
    assert {one["group"] for one in people.values()} == {
        "internal",
        "eksternal",
        "ahli",
        "koordinator",
    }
    assert all(one["line"] and one["lineEn"] for one in people.values())
    assert "+62" not in people["ahli"]["address"]
    assert people["warga"]["starts"][0]["label"].startswith("Pindai poster")
    assert people["ahli"]["starts"][0]["label"] == "Buka tautan pribadi"
    assert people["koordinator"]["starts"] == []
    assert data_of(client)["coordinator"] == "koordinator"


def test_a_scanned_poster_begins_an_interview(client: FlaskClient) -> None:
    post(client, "warga", {"text": start_of(client, "warga")})
    mine, theirs = chat(client, "warga")
    assert mine["mine"]
    assert "Kode:" in mine["text"]
    assert not theirs["mine"]
    assert [label for _, label in theirs["choices"]] == ["Bahasa Indonesia", "English"]


def test_a_hidden_number_can_answer_through_a_personal_link(client: FlaskClient) -> None:
    post(client, "ahli", {"text": start_of(client, "ahli")})
    assert chat(client, "ahli")[-1]["choices"]


def test_a_whole_interview_ends_with_the_closing_words(
    client: FlaskClient, clock: TestClock
) -> None:
    post(client, "warga", {"text": start_of(client, "warga")})
    for _ in range(40):
        clock.move(seconds=10)
        last = chat(client, "warga")[-1]
        if last["text"].startswith("Terima kasih. Tidak perlu"):
            break
        if last["choices"]:
            # Any but the last: the last of the first question ends the interview.
            post(client, "warga", {"text": last["choices"][0][0], "quote": last["sid"]})
        elif last["buttons"]:
            post(client, "warga", {"text": last["buttons"][0][1], "quote": last["sid"]})
        else:
            post(client, "warga", {"text": "0"})
    assert last["text"].startswith("Terima kasih. Tidak perlu"), f"no end in sight: {last}"


def test_a_tap_names_its_question_even_when_it_comes_at_once(
    client: FlaskClient, clock: TestClock
) -> None:
    """A typed digit within two seconds is not an answer; a tapped one is."""
    post(client, "warga", {"text": start_of(client, "warga")})
    clock.move(seconds=10)
    post(client, "warga", {"text": "1"})
    clock.move(seconds=10)
    post(client, "warga", {"text": "SETUJU"})
    first = chat(client, "warga")[-1]
    post(client, "warga", {"text": "1", "quote": first["sid"]})
    second = chat(client, "warga")[-1]
    assert "(2/" in second["footer"]
    post(client, "warga", {"text": "1"})
    again = chat(client, "warga")[-1]
    assert "(2/" in again["footer"]
    assert again["text"] != second["text"]  # "once more, to be sure"


def test_where_the_survey_wants_taps_the_chat_has_them_and_a_late_one_counts(
    client: FlaskClient, demo: Installation, clock: TestClock
) -> None:
    publish_bundled(demo, appearance="list")

    def tap(message: dict[str, Any], place: int) -> dict[str, Any]:
        clock.move(seconds=10)
        value, label = message["taps"]["options"][place]
        post(client, "warga", {"text": label, "option": value, "quote": message["sid"]})
        return chat(client, "warga")[-1]

    post(client, "warga", {"text": start_of(client, "warga")})
    language = chat(client, "warga")[-1]
    assert language["taps"]["label"] == "", "two languages are buttons"
    first = tap(tap(language, 0), 0)
    assert first["taps"]["label"] == "Pilih jawaban"
    assert len(first["taps"]["options"]) >= len(first["choices"]) > 1
    second = tap(first, 0)
    assert "(2/" in second["footer"]
    assert "(2/" in tap(first, 0)["footer"], "the first again: nothing has changed"


@pytest.mark.parametrize("kind", ["media", "image", "audio", "document"])
def test_a_picture_is_not_opened(client: FlaskClient, kind: str) -> None:
    post(client, "warga", {"text": start_of(client, "warga")})
    post(client, "warga", {"kind": kind})
    mine, theirs = chat(client, "warga")[-2:]
    assert mine["kind"] == "media"
    assert "tidak kami buka" in theirs["text"]


def test_a_location_is_a_place(client: FlaskClient, demo: Installation) -> None:
    files = bundled_files()
    files["eksternal.yaml"] = LAND_FLOW.replace("name: internal", "name: eksternal", 1)
    settings = files["survey.yaml"]
    files["survey.yaml"] = settings.replace("min_answer_seconds: 2", "min_answer_seconds: 0")
    publish(demo, files)
    said = ("1", "SETUJU", "2,5", "8", "kemarin", "lewati", "1 2 3")
    for text in (start_of(client, "warga"), *said):
        post(client, "warga", {"text": text})
    assert "Di mana lahannya?" in chat(client, "warga")[-1]["text"]
    post(client, "warga", {"kind": "location"})
    mine, theirs = chat(client, "warga")[-2:]
    assert mine["kind"] == "location"
    assert "-2.214, 113.913. Lagi?" in theirs["text"]


def test_the_looked_at_part_of_a_chat_is_not_sent_again(client: FlaskClient) -> None:
    post(client, "warga", {"text": "halo"})
    last = chat(client, "warga")[-1]["id"]
    answer = client.get(f"/simulator/warga/messages?after={last}").get_json()
    assert answer["messages"] == []
    assert answer["newest"] == {"warga": last}


def test_markup_that_somebody_writes_stays_text(client: FlaskClient) -> None:
    words = "</script><img src=x onerror=alert(1)> *tebal*"
    post(client, "warga", {"text": words})
    assert chat(client, "warga")[0]["text"] == words
    assert "onerror" not in client.get("/simulator").get_data(as_text=True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"text": ""},
        {"text": "  "},
        {"text": 1},
        {"text": "x" * 4097},
        {"text": "1", "quote": 5},
        {"kind": "sihir"},
        {"kind": []},
    ],
)
def test_nonsense_is_refused_and_leaves_no_trace(client: FlaskClient, body: object) -> None:
    assert post(client, "warga", body).status_code == 400
    assert chat(client, "warga") == []


def test_an_unknown_person_is_not_there(client: FlaskClient) -> None:
    assert client.get("/simulator/siapa/messages").status_code == 404
    assert post(client, "siapa", {"text": "1"}).status_code == 404


def test_chats_are_kept_apart_and_sealed(client: FlaskClient, demo: Installation) -> None:
    post(client, "warga", {"text": "kata rahasia warga"})
    assert chat(client, "pegawai") == []
    file = demo.database.file
    assert file is not None
    stored = b"".join(one.read_bytes() for one in file.parent.iterdir() if one.is_file())
    assert b"kata rahasia warga" not in stored
    assert b"6281200000002" not in stored


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "by"), [("1h", {"hours": 1}), ("3d", {"days": 3})])
def test_moving_the_clock_moves_business_time(
    client: FlaskClient, simulator: Simulator, step: str, by: dict[str, int]
) -> None:
    before = simulator.now()
    answer = post(client, "clock", {"advance": step})
    assert answer.status_code == 200
    assert simulator.now() == before + timedelta(**by)
    assert datetime.fromisoformat(answer.get_json()["now"]) == simulator.now()


def test_what_falls_due_on_the_way_is_sent_at_its_own_time(
    client: FlaskClient, simulator: Simulator
) -> None:
    """Three days bring the invitation, within office hours, and its person is named."""
    before = simulator.now()
    sent = post(client, "clock", {"advance": "3d"}).get_json()["sent"]
    assert sent["pegawai"] >= 1
    invitation = chat(client, "pegawai")[0]
    assert invitation["template"] == "invite"
    assert invitation["buttons"][0][1] == "Mulai"
    assert before <= datetime.fromisoformat(invitation["at"]) < simulator.now()


def test_a_button_of_the_invitation_begins_the_interview(client: FlaskClient) -> None:
    post(client, "clock", {"advance": "3d"})
    invitation = chat(client, "pegawai")[-1]
    value, label = invitation["buttons"][0]
    post(client, "pegawai", {"text": label, "option": value, "quote": invitation["sid"]})
    assert "English" in str(chat(client, "pegawai")[-1]["choices"])


@pytest.mark.parametrize("body", [{}, {"advance": "2d"}, {"advance": 1}, []])
def test_time_moves_by_the_three_steps_only(
    client: FlaskClient, simulator: Simulator, body: object
) -> None:
    before = simulator.now()
    assert post(client, "clock", body).status_code == 400
    assert simulator.now() == before


def test_time_stands_where_the_installation_is_not_a_demo(simulator: Simulator) -> None:
    still = Simulator(simulator.people, simulator.chats, simulator.say, simulator.starts)
    client = client_of(still)
    assert post(client, "clock", {"advance": "1h"}).status_code == 404
    assert "data-advance" not in client.get("/simulator").get_data(as_text=True)


def test_a_picture_of_ours_is_shown_to_whom_it_was_sent(simulator: Simulator) -> None:
    file = Attachment("image", "chart:1:0:2026-11-23:1", "grafik.png")
    person, other = simulator.people[0], simulator.people[1]
    simulator.chats.add(
        person.addresses[0], Bubble("us", "SM1", Message("Posisi", attachment=file))
    )
    simulator.chats.add(person.addresses[0], Bubble("us", "SM2", Message("Teks")))
    made = replace(simulator, file=lambda what: File(what.encode(), "image/png", "grafik.png"))
    client = client_of(made)
    first, second = client.get(f"/simulator/{person.key}/messages").json["messages"][-2:]  # type: ignore[index]
    assert first["attachment"] == {"kind": "image", "name": "grafik.png"}
    answer = client.get(f"/simulator/{person.key}/files/{first['id']}")
    assert (answer.content_type, answer.data) == ("image/png", file.what.encode())
    for path in (f"{person.key}/files/{second['id']}", f"{other.key}/files/{first['id']}"):
        assert client.get(f"/simulator/{path}").status_code == 404
