"""The page for one upload: what it shows, takes, refuses, and how it is shut off."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import openpyxl
import pytest

from bot.interview.installation import Installation
from bot.outreach.mending import upload_pages
from storage.models import Conversation, RosterReject, RosterRow, UploadLink
from tests.mending import list_of, post
from tests.rows import change, count, rows
from tests.whatsapp import Office, office

PEOPLE = (("Ani Contoh", "0511-3301234"), ("Budi Contoh", ""))
ROSTER = b"kelompok,nama,hp_wa,unit\ninternal,Ani,081200000501,own:U1\n"


@dataclass
class Place:
    """An office with two rows to mend, and a page of its coordinator's."""

    office: Office
    url: str

    @property
    def installation(self) -> Installation:
        """The opened installation."""
        return self.office.installation


@pytest.fixture
def place(either_url):
    with office(either_url) as made:
        coordinator = post(made.installation, made.published, "+6281200000900", made.unit_id)
        list_of(made.installation, made.published, made.unit_id, PEOPLE)
        token = made.installation.database.write(
            lambda c: upload_pages.make(c, made.installation, coordinator)
        )
        yield Place(made, f"/perbaiki/{token}")


@pytest.fixture
def browser(place):
    return place.office.app.test_client()


def upload(browser, place, content, **headers):
    data = {"berkas": (io.BytesIO(content), "daftar.csv")}
    return browser.post(place.url, data=data, headers=headers)


def test_the_page_shows_counts_and_nothing_of_anybody(place, browser):
    answer = browser.get(place.url)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert re.search(r"Berlaku sampai \d+ \w+ 20\d\d pukul \d\d\.\d\d WIB\.", page)
    assert "Baris yang perlu dibetulkan: 2" in page
    assert "Ani" not in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    with browser.get("/perbaiki/static/mending.css") as sheet:
        assert sheet.status_code == 200


def test_the_rows_to_mend_are_downloaded_filled_in_and_uploaded(place, browser):
    answer = browser.get(f"{place.url}/perbaikan.xlsx")
    book: Any = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.active["F2"].value == "Ani Contoh"
    book.active["D2"].value = "081200000501"
    kept = io.BytesIO()
    book.save(kept)
    done = upload(browser, place, kept.getvalue())
    assert (done.status_code, done.headers["Location"]) == (303, place.url)
    page = browser.get(place.url).get_data(as_text=True)
    assert "2 baris, 1 beres" in page
    assert "sudah dipakai" in page
    assert "<form" not in page
    assert [row.status for row in rows(place.installation, RosterReject)] == ["mended", "open"]


def test_a_page_takes_one_file(place, browser):
    assert upload(browser, place, ROSTER).status_code == 303
    again = upload(browser, place, ROSTER.replace(b"0501", b"0502"))
    assert again.status_code == 409
    assert count(place.installation, RosterRow) == 1


def test_a_file_that_cannot_be_read_uses_nothing_up(place, browser):
    wrong = upload(browser, place, b"apa,saja\n1,2\n")
    assert "belum bisa dibaca" in wrong.get_data(as_text=True)
    other = upload(browser, place, ROSTER.replace(b"own:U1", b"own:U9"))
    assert other.status_code == 303
    assert count(place.installation, RosterRow) == 0


def test_other_sites_empty_files_and_large_ones_are_refused(place, browser):
    assert upload(browser, place, ROSTER, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert upload(browser, place, b"").status_code == 400
    large = {"CONTENT_LENGTH": str(6 * 1024 * 1024)}
    assert browser.post(place.url, environ_overrides=large).status_code == 413
    assert rows(place.installation, UploadLink)[0].used_at is None


def test_a_file_larger_than_a_webhook_is_taken(place, browser):
    lines = b"".join(b"internal,Orang %d,,own:U1\n" % number for number in range(20_000))
    assert len(lines) > 400_000
    assert upload(browser, place, ROSTER + lines[:300_000]).status_code == 303


@pytest.mark.parametrize("path", ["/perbaiki/tidak-ada", "/perbaiki/tidak-ada/perbaikan.xlsx"])
def test_an_unknown_token_is_no_page(place, browser, path):
    assert browser.get(path).status_code == 404
    assert browser.post("/perbaiki/tidak-ada").status_code == 404


def test_after_a_day_the_page_is_gone(place, browser):
    place.office.clock.move(hours=24)
    assert browser.get(place.url).status_code == 404
    assert upload(browser, place, ROSTER).status_code == 404


def test_after_the_launch_the_page_says_so_and_gives_no_rows(place, browser):
    guest = place.office.twilio.person()
    guest.say(place.office.link_text())
    change(place.installation, Conversation, {"status": "invited"})
    page = browser.get(place.url).get_data(as_text=True)
    assert "sudah mulai dikirim" in page
    assert "<form" not in page
    assert browser.get(f"{place.url}/perbaikan.xlsx").status_code == 404
    assert upload(browser, place, ROSTER).status_code == 409
