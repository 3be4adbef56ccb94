"""`GET /asli`: what it shows, what it never keeps, and that a rush costs the database nothing."""

from __future__ import annotations

import hashlib
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bot.config import Settings
from bot.interview.closing import close
from bot.interview.installation import Clock
from bot.interview.surveys import publish
from bot.outreach.authenticity import proofs
from bot.service import Service
from bot.web.app import create_app
from bot.web.authenticity import (
    FRESH,
    MAX_AGE,
    RETRY,
    Snapshot,
    Snapshots,
    authenticity_routes,
)
from storage.database import Unavailable
from tests.setup import SECRET, TestClock, publish_bundled
from tests.surveys import small_files
from tests.tables import make_tables
from tests.whatsapp import Office, office

TYPED = "0812-0000-4711"
CSS = Path(__file__).parent.parent / "bot/web/templates/authenticity/style.css"


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


@pytest.fixture
def client(place: Office) -> FlaskClient:
    return place.app.test_client()


def words(page: str) -> str:
    """Return what a page says, without its marks."""
    body = page.partition("</style>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def result(page: str) -> str:
    """Return what a page says of a number."""
    found = re.search(r'<div class="result.*?</div>', page, re.DOTALL)
    return words("</style>" + found[0]) if found else ""


def open_another(place: Office, name: str = "coba") -> None:
    """Publish a second survey."""
    files = small_files()
    changed = files["survey.yaml"].replace("name: coba", f"name: {name}")
    publish(place.installation, files | {"survey.yaml": changed})


def test_it_shows_what_there_is_to_compare(database_url):
    with office(database_url) as opened:
        answer = opened.app.test_client().get("/asli")
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        said = words(answer.text)
        for fact in (
            *("Survei Integritas Kota Contoh", "Inspektorat Kota Contoh", "+62 812-0000-0002"),
            *("1 November 2026 sampai 31 Januari 2027", "Balas CEK ke nomor itu", "KC-2741"),
            *("0812-0000-0001", "survei.contoh.go.id", "Pusat Studi Antikorupsi"),
            *("NIK", "nomor rekening", "PIN", "OTP", "APK", "uang", "aduannomor.id"),
            "Kami dari Inspektorat Kota Contoh mengajak Bapak/Ibu mengisi survei singkat",
        ):
            assert fact in re.sub(r"\s+([.,])", r"\1", said), fact
        assert "peragaan" not in said


def test_the_facts_are_those_that_the_bot_and_the_kit_say(place, client):
    reply = place.twilio.person().say("cek")[0]
    assert reply.replace("*", "") in re.sub(r"\s+([.,;])", r"\1", words(client.get("/asli").text))


def test_it_speaks_english_when_asked_and_indonesian_else(client):
    assert "Is this message real?" in client.get("/asli?lang=en").text
    assert '<html lang="en">' in client.get("/asli?lang=en").text
    assert "Apakah pesan ini asli?" in client.get("/asli?lang=xx").text


def test_several_surveys_are_listed_and_each_has_a_page(place, client):
    open_another(place)
    listed = words(client.get("/asli").text)
    assert "Survei Integritas Kota Contoh" in listed
    assert "Survei Coba" in listed
    assert 'href="asli/coba?lang=id"' in client.get("/asli").text
    alone = words(client.get("/asli/coba").text)
    assert "Survei Coba" in alone
    assert "KC-2741" in alone
    assert "Survei Integritas Kota Contoh" not in alone


def test_every_relative_address_leads_to_a_page(place, client):
    open_another(place)
    for page in ("/asli", "/asli/coba", "/asli?lang=en", "/asli/tidak_ada"):
        links = set(re.findall(r'href="([^"#]*)"', client.get(page).text)) - {"data:,"}
        assert links
        for link in links:
            target = urljoin(f"http://localhost{page}", link)
            # In the other language an unknown survey is as unknown.
            wanted = 404 if page == "/asli/tidak_ada" and link.startswith("?") else 200
            assert client.get(target).status_code == wanted, (page, link)


def test_an_unknown_survey_is_404_with_kind_words_and_no_facts(client):
    answer = client.get("/asli/tidak_ada")
    assert answer.status_code == 404
    assert "tidak kami kenal" in answer.text
    assert "mohon jangan dibalas dulu" in answer.text
    assert "0812" not in words(answer.text)
    assert client.get("/asli/<script>").status_code == 404


def test_unknown_names_and_typed_numbers_fill_no_memory(place):
    known = place.installation.database.read(lambda c: proofs(c, place.installation, "id"))
    snapshot = Snapshot({"id": known, "en": known}, rehearsal=False)
    app = Flask("bot.web.app")
    app.register_blueprint(authenticity_routes(place.service, Snapshots(lambda: snapshot)))
    client = app.test_client()
    for number in range(50):
        assert client.get(f"/asli/x{number}?nomor=08120000{number:04}").status_code == 404
        assert client.get(f"/asli?nomor=08120000{number:04}").status_code == 200
    assert len(snapshot.pages) <= 5, "one for the unknown, one for each thing said of a number"


def test_a_closed_survey_says_that_it_is_over_and_when(place, client):
    open_another(place)
    close(place.installation, "integritas")
    fresh = create_app(place.service.settings, service=place.service).test_client()
    alone = words(fresh.get("/asli/integritas").text)
    assert "Sudah selesai" in alone
    assert "sudah selesai pada 23 November 2026" in alone
    assert "Balas CEK" not in alone
    both = words(fresh.get("/asli").text)
    assert "sudah selesai, 1 November 2026 sampai 23 November 2026" in both
    close(place.installation, "coba")
    last = create_app(place.service.settings, service=place.service).test_client()
    assert "tidak ada survei kami yang berlangsung" in words(last.get("/asli").text)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0812 0000 0002", "tercatat sebagai nomor pengirim resmi"),
        ("+6281200000999", "tercatat sebagai nomor pengirim resmi"),  # what we really send from
        ("0812-0000-0001", "nomor telepon kantor"),
        (TYPED, "BUKAN nomor pengirim survei kami"),
        ("halo", "belum terbaca"),
        ("", "belum terbaca"),
        ("<script>alert(1)</script>", "belum terbaca"),
    ],
)
def test_a_typed_number_is_told_from_ours(client, typed, said):
    assert said in result(client.get("/asli", query_string={"nomor": typed}).text)


def test_a_typed_number_is_nowhere_afterwards(place, client, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = client.get("/asli", query_string={"nomor": TYPED})
        again = client.get("/asli")
    for shape in (TYPED, "081200004711", "4711"):
        assert shape not in answer.text
        assert shape not in caplog.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert result(again.text) == ""
    file = Path(place.service.settings.database_url.removeprefix("sqlite:///"))
    assert b"4711" not in file.read_bytes()


def test_our_own_failure_logs_no_number_either(place, caplog):
    def broken(*_: Any) -> Any:
        raise RuntimeError("as if")

    place.app.view_functions["authenticity.page"] = broken
    place.app.testing = False
    place.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert place.app.test_client().get(f"/asli?nomor={TYPED}").status_code == 500
    assert "as if" in caplog.text
    assert TYPED not in caplog.text


def test_the_page_runs_nothing_and_asks_nobody_else(client):
    for path in ("/asli", "/asli?lang=en", "/asli/tidak_ada", f"/asli?nomor={TYPED}"):
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        assert style is not None
        digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy, "the browser would refuse the style"
        assert "script-src" not in policy
        for never in ("<script", "Set-Cookie", "style=", "http://", "https://", "onclick"):
            assert never not in answer.text
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_browsers_may_keep_a_page_for_minutes_and_ask_whether_it_changed(client):
    answer = client.get("/asli")
    assert answer.headers["Cache-Control"] == f"public, max-age={MAX_AGE}"
    again = client.get("/asli", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/asli?lang=en").headers["ETag"] != answer.headers["ETag"]


class Form(HTMLParser):
    """Collects labels, fields and headings."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: set[str] = set()
        self.fields: dict[str, str] = {}
        self.headings: list[int] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "label":
            self.labels.add(given["for"])
        elif tag == "input" and given.get("type") != "hidden":
            self.fields[given["id"]] = given["name"]
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


def test_every_field_has_a_label_and_headings_go_down_by_one(place, client):
    open_another(place)
    for path in ("/asli", "/asli/coba"):
        form = Form()
        form.feed(client.get(path).text)
        assert form.fields == {"nomor-pengirim": "nomor"}
        assert form.labels == set(form.fields)
        assert form.headings[0] == 1
        assert form.headings.count(1) == 1
        pairs = zip(form.headings, form.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in pairs)


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_by_wcag_in_light_and_dark(scheme):
    """4.5 for words (1.4.3), 3 for the edge of the field (1.4.11)."""
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", CSS.read_text().split("@media", 1)[scheme]))
    pairs = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "card")]
    pairs += [("ink", "bubble"), ("card", "accent")]
    pairs += [(f"{kind}-ink", kind) for kind in ("good", "bad", "note")]
    for ink, ground in pairs:
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert contrast(colours["field"], colours["card"]) >= 3


# what it costs


def test_a_rush_looks_into_the_database_once(place, client):
    client.get("/asli")
    counted = {"reads": 0}
    real = place.service.database.read

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(place.service.database, name)

        def read(self, work: Any) -> Any:
            counted["reads"] += 1
            return real(work)

    place.installation.database = Counting()
    for number in range(200):
        client.get("/asli")
        client.get(f"/asli?nomor=08120000{number:04}")
        client.get(f"/asli/x{number}")
    assert counted["reads"] == 0


def test_new_settings_are_seen_within_a_minute_and_no_sooner():
    now, made = [0.0], []

    def load() -> Snapshot:
        made.append(Snapshot({}, rehearsal=False))
        return made[-1]

    snapshots = Snapshots(load, clock=lambda: now[0])
    first = snapshots.newest()
    now[0] = FRESH - 1
    assert snapshots.newest() is first
    now[0] = FRESH + 1
    assert snapshots.newest() is not first
    assert len(made) == 2


def test_while_the_database_is_away_it_shows_what_it_knew(caplog):
    now, away = [0.0], [False]
    looks = []

    def load() -> Snapshot:
        looks.append(now[0])
        if away[0]:
            raise Unavailable("gone")
        return Snapshot({}, rehearsal=False)

    snapshots = Snapshots(load, clock=lambda: now[0])
    first = snapshots.newest()
    away[0], now[0] = True, FRESH
    assert snapshots.newest() is first
    now[0] += RETRY - 1
    assert snapshots.newest() is first
    assert len(looks) == 2, "not asked again and again"
    now[0] += 2
    away[0] = False
    assert snapshots.newest() is not first
    assert "shows what it knew" in caplog.text


def test_without_a_database_from_the_start_it_is_503(tmp_path):
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/no/such/folder/x.db", tautan_secret_key=SECRET
    )
    service = Service(settings, serving=True)
    assert create_app(settings, service=service).test_client().get("/asli").status_code == 503
    service.close()


def test_it_reads_no_flow_files(sqlite_url, tmp_path):
    app = simulated(sqlite_url, flows_dir=tmp_path / "nothing")
    assert "Survei Integritas Kota Contoh" in app.test_client().get("/asli").text


def test_without_a_channel_it_says_that_it_is_a_rehearsal(sqlite_url):
    app = simulated(sqlite_url)
    assert "Hanya peragaan" in words(app.test_client().get("/asli").text)


def test_nothing_published_is_said_kindly(sqlite_url):
    app = simulated(sqlite_url, publish=False)
    said = words(app.test_client().get("/asli").text)
    assert "tidak ada survei kami yang berlangsung" in said


def simulated(url: str, *, publish: bool = True, **settings: Any) -> Flask:
    """Return an application without a channel."""
    config = Settings(database_url=url, tautan_secret_key=SECRET, **settings)
    service = Service(config, serving=False, clock=Clock(TestClock()), durable=False)
    make_tables(service.database)
    if publish:
        publish_bundled(service.installation)
    return create_app(config, service=service)
