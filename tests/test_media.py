"""Files that somebody sent: fetched without giving our token away, looked at, sealed, forgotten."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from openpyxl import Workbook

from bot.channels.base import MediaRefused, SendError
from bot.channels.twilio import TwilioChannel
from bot.interview import erasure
from bot.interview.files import media
from bot.interview.files.media import CSV, XLSX, fetch, opened, sniffed
from storage.models import Media
from tests.fake_twilio_media import File
from tests.rows import change, count, rows
from tests.whatsapp import Office, office

TABLE = b"kelompok;nama;hp_wa\r\ninternal;Contoh Satu;0812-0000-0101\r\n"


def workbook() -> bytes:
    book, kept = Workbook(), io.BytesIO()
    book.create_sheet("Daftar").append(["kelompok", "nama"])
    book.save(kept)
    return kept.getvalue()


@pytest.fixture
def place(database_url: str) -> Iterator[Office]:
    with office(database_url) as opened_office:
        yield opened_office


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened_office:
        yield opened_office


def sent(place: Office, content: bytes = TABLE, mime: str = CSV) -> tuple[str, File]:
    """Let somebody send a file; return its address as the webhook had it, and the file."""
    ani = place.twilio.person()
    ani.say(kind="document", fields={"MediaContentType0": mime})
    assert ani.last_form is not None
    (file,) = place.twilio.store.of(ani.last_form["MessageSid"])
    file.type, file.content = mime, content
    return ani.last_form["MediaUrl0"], file


def test_a_file_is_fetched_sealed_and_can_be_opened(place):
    url, _ = sent(place)
    media_id = fetch(place.installation, place.service.twilio, url)
    (row,) = rows(place.installation, Media)
    assert (row.type, row.size, row.received_on) == (CSV, len(TABLE), place.clock.now.date())
    assert b"Contoh" not in row.sealed
    assert opened(place.installation, media_id) == (CSV, TABLE)


def test_a_workbook_of_any_bytes_comes_back_as_it_was(place):
    content = workbook()
    url, _ = sent(place, content, XLSX)
    media_id = fetch(place.installation, place.service.twilio, url)
    assert opened(place.installation, media_id) == (XLSX, content)


def test_a_sealed_file_is_bound_to_its_row(quick):
    url, _ = sent(quick)
    fetch(quick.installation, quick.service.twilio, url)
    other = uuid4()
    change(quick.installation, Media, {"id": other})
    with pytest.raises(Exception, match="cannot be opened"):
        opened(quick.installation, other)


def test_the_store_behind_the_provider_does_not_see_our_token(quick, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login some password body\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    url, _ = sent(quick)
    fetch(quick.installation, quick.service.twilio, url)
    (headers,) = quick.twilio.store.seen
    assert "Authorization" not in headers
    assert "X-Original-Host" not in headers


def test_without_the_right_token_there_is_no_file_and_with_the_second_there_is(quick):
    url, _ = sent(quick)

    def channel(*tokens: str) -> TwilioChannel:
        return TwilioChannel(
            quick.twilio.account_sid,
            tokens,
            public_base_url="https://survei.contoh.test",
            sender=quick.twilio.sender,
            api_base_url=quick.twilio.base_url,
        )

    with pytest.raises(SendError) as refused:
        fetch(quick.installation, channel("wrong"), url)
    assert refused.value.outcome == "config"
    fetch(quick.installation, channel("wrong", quick.twilio.auth_token), url)


@pytest.mark.parametrize("length", [True, False])
def test_a_file_that_is_too_large_is_not_read_to_its_end(quick, length):
    url, file = sent(quick, b"a;b\n" * 300_000)
    file.length = length
    with pytest.raises(MediaRefused, match="larger than 1000 bytes"):
        fetch(quick.installation, quick.service.twilio, url, limit=1000)
    assert count(quick.installation, Media) == 0


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (b"\xff\xd8\xff picture", "image/jpeg"),
        (b"\xff\xd8\xff picture", CSV),
        (TABLE, "image/jpeg"),
        (TABLE, XLSX),
        (b"MZ\x90\x00 program", "application/octet-stream"),
        (b"PK\x03\x04 other.xml", XLSX),
        (b"", CSV),
        (b"\x00\x01\x02", CSV),
    ],
)
def test_what_is_no_table_or_not_what_it_says_is_not_taken(quick, content, mime):
    url, _ = sent(quick, content, mime)
    with pytest.raises(MediaRefused):
        fetch(quick.installation, quick.service.twilio, url)
    assert count(quick.installation, Media) == 0


@pytest.mark.parametrize(
    "mime", ["text/plain", "application/octet-stream", "application/vnd.ms-excel", "text/csv; x=y"]
)
def test_a_table_may_come_under_the_names_that_telephones_give_it(quick, mime):
    url, _ = sent(quick, TABLE, mime)
    fetch(quick.installation, quick.service.twilio, url)
    assert count(quick.installation, Media) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://api.twilio.com/2010-04-01/Accounts/{ac}/Messages/SM{x}/Media/ME{x}",
        "https://api.twilio.com.contoh.test/2010-04-01/Accounts/{ac}/Messages/SM{x}/Media/ME{x}",
        "https://user@api.twilio.com/2010-04-01/Accounts/{ac}/Messages/SM{x}/Media/ME{x}",
        "https://api.twilio.com/2010-04-01/Accounts/AC{x}/Messages/SM{x}/Media/ME{x}",
        "https://api.twilio.com/2010-04-01/Accounts/{ac}/Messages/SM{x}/Media/../../x",
        "https://api.twilio.com/2010-04-01/Accounts/{ac}/Messages/SM{x}/Media/ME{x}?to=x",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_an_address_of_our_own_account_is_asked(quick, url):
    asked = url.format(ac=quick.twilio.account_sid, x="0" * 31 + "f")
    quick.twilio.requests.clear()
    with pytest.raises(MediaRefused, match="not the address"):
        fetch(quick.installation, quick.service.twilio, asked)
    assert quick.twilio.requests == []


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://contoh.test/x"])
def test_a_redirect_to_something_else_than_the_web_is_not_followed(quick, to):
    url, file = sent(quick)
    file.to = to
    with pytest.raises(MediaRefused):
        fetch(quick.installation, quick.service.twilio, url)


def test_a_circle_of_redirects_ends(quick):
    url, file = sent(quick)
    file.to = quick.twilio.base_url + url.removeprefix("https://api.twilio.com")
    with pytest.raises(MediaRefused, match="one address to the next"):
        fetch(quick.installation, quick.service.twilio, url)


@pytest.mark.parametrize("fault", ["429", "503", "drop_before", "html"])
def test_what_the_provider_does_not_give_now_may_be_asked_for_again(quick, fault):
    url, _ = sent(quick)
    quick.twilio.faults.next(fault, on="fetch")
    with pytest.raises(SendError) as failed:
        fetch(quick.installation, quick.service.twilio, url)
    assert failed.value.outcome == "later"
    fetch(quick.installation, quick.service.twilio, url)
    assert count(quick.installation, Media) == 1


def test_a_file_is_gone_after_thirty_days(place):
    url, _ = sent(place)
    media_id = fetch(place.installation, place.service.twilio, url)
    place.clock.move(days=30)
    assert erasure.purge(place.installation).media == 0
    place.clock.move(timedelta(days=1))
    assert erasure.purge(place.installation).media == 1
    with pytest.raises(LookupError):
        opened(place.installation, media_id)


def test_a_channel_without_files_says_so(quick):
    with pytest.raises(MediaRefused):
        fetch(quick.installation, object(), "https://contoh.test/x")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (TABLE, CSV),
        ("nama;kota\nÉlan;Bandung\n".encode("cp1252"), CSV),
        ("nama\tkota\n".encode("utf-16"), CSV),
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff...", "image/jpeg"),
        (b"PK\x03\x04 word/document.xml", ""),
        (b"\xd0\xcf\x11\xe0 old office", ""),
        (b"a;b\x07", ""),
        (b"  \n", ""),
    ],
)
def test_files_are_known_by_their_bytes(content, name):
    assert sniffed(content) == name


def test_the_names_of_types_have_one_place():
    assert media._NAMES.keys() >= media.TABLES
