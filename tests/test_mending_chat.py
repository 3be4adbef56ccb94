"""Coordinators mend their roster by chat: row by row, by a file, and never after the launch."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot.interview.files import media
from bot.outreach.mending import sent_files
from bot.outreach.mending.files import write_files
from storage.models import Conversation, Media, RosterReject, RosterRow, SentFile, UploadLink
from tests.mending import list_of, post
from tests.rows import change, count, rows
from tests.setup import add_unit
from tests.test_mending_files import filled
from tests.whatsapp import BASE, office

PEOPLE = (("Ani Contoh Panjang", "0511-3301234"), ("Budi Contoh", ""))


@pytest.fixture
def place(either_url):
    with office(either_url) as made:
        add_unit(made.installation, "Dinas Kedua", code="U2")
        yield made


@pytest.fixture
def admin(place):
    person = place.twilio.person()
    post(place.installation, place.published, person.phone, place.unit_id)
    return person


def rejects(place, people=PEOPLE, unit_id=None):
    return list_of(place.installation, place.published, unit_id or place.unit_id, people)


def said(person, text):
    person.say(text)
    return person.inbox[-1]


def statuses(place):
    return [row.status for row in rows(place.installation, RosterReject)]


def test_a_walk_shows_one_row_at_a_time_and_ends_by_itself(place, admin):
    rejects(place)
    first = said(admin, "Perbaiki")
    assert "Ada 2 baris" in first
    assert "tersimpan di HP" in first
    assert "Baris 2, Ani Contoh (Dinas Contoh): nomor telepon kantor" in first
    assert "Panjang" not in first
    assert "3301234" not in first
    second = said(admin, "0812-0000-0501")
    assert "sudah dibetulkan" in second
    assert "Baris 3, Budi Contoh" in second
    assert "0501" not in second
    last = said(admin, "081200000502")
    assert "2 baris dibetulkan, tidak ada yang tersisa" in last
    assert statuses(place) == ["mended", "mended"]
    assert count(place.installation, RosterRow) == 2


def test_a_wrong_number_gets_a_friendly_line_and_the_row_stays(place, admin):
    rejects(place)
    said(admin, "PERBAIKI")
    assert "belum bisa dipakai: nomor telepon kantor" in said(admin, "0511 3301234")
    assert "belum terbaca" in said(admin, "hmm sebentar")
    assert "sudah dibetulkan" in said(admin, "081200000501")
    assert statuses(place) == ["mended", "open"]


def test_rows_may_be_skipped_moved_and_left_for_later(place, admin):
    rejects(place, [*PEOPLE, ("Cici Contoh", "")])
    said(admin, "PERBAIKI")
    assert "Budi" in said(admin, "lewati")
    assert "Cici" in said(admin, "PINDAH")
    assert "0 baris dibetulkan, 2 belum" in said(admin, "SELESAI")
    assert statuses(place) == ["open", "gone", "open"]
    assert "Ani Contoh" in said(admin, "PERBAIKI")


def test_a_coordinator_sees_rows_of_the_own_unit_and_those_below(place, admin):
    other = add_unit(place.installation, "Dinas Ketiga", code="U4")
    rejects(place, PEOPLE[:1], other)
    assert "Tidak ada baris" in said(admin, "PERBAIKI")
    below = add_unit(place.installation, "Bidang Satu", code="U3", parent_id=place.unit_id)
    rejects(place, PEOPLE[1:], below)
    assert "Budi Contoh (Bidang Satu)" in said(admin, "PERBAIKI")


def test_somebody_who_is_no_coordinator_gets_no_row(place, admin):
    rejects(place)
    stranger = place.twilio.person()
    stranger.say("PERBAIKI")
    assert "Ani" not in "".join(stranger.inbox)


def test_words_of_the_day_and_of_an_interview_stay_what_they_are(place, admin):
    rejects(place)
    said(admin, "PERBAIKI")
    assert "Belum ada angka" in said(admin, "PROGRES")
    assert "sudah dibetulkan" in said(admin, "081200000501")
    # An answer of an interview is none to a row.
    said(admin, place.link_text())
    said(admin, "1")
    said(admin, "setuju")
    assert "Baris" not in said(admin, "1")
    assert statuses(place) == ["mended", "open"]


def test_a_walk_left_for_a_day_takes_no_numbers(place, admin):
    rejects(place)
    said(admin, "PERBAIKI")
    place.clock.move(hours=25)
    admin.say("081200000501")
    assert statuses(place) == ["open", "open"]


def test_after_the_launch_coordinators_are_told_kindly(place, admin):
    rejects(place)
    said(admin, "PERBAIKI")
    guest = place.twilio.person()
    guest.say(place.link_text())
    change(place.installation, Conversation, {"status": "invited"})
    for text in ("PERBAIKI", "UNGGAH", "081200000501"):
        assert "sudah mulai dikirim" in said(admin, text) or text.isdigit()
    assert statuses(place) == ["open", "open"]
    assert count(place.installation, UploadLink) == 0


def test_unggah_gives_a_link_whose_token_is_stored_nowhere(place, admin):
    rejects(place)
    text = said(admin, "UNGGAH")
    (token,) = re.findall(re.escape(BASE) + r"/perbaiki/(\S+)", text)
    (page,) = rows(place.installation, UploadLink)
    assert page.expires_at == place.clock.now + timedelta(hours=24)
    assert page.digest == place.installation.keys.digest("upload", token)


# --- files ----------------------------------------------------------------------------------------

ROSTER = (
    "kelompok;nama;hp_wa;unit\ninternal;Ani;081200000501;own:U1\ninternal;Budi;0511331;own:U1\n"
)


def send(place, person, content, mime=media.CSV):
    person.say(kind="document", fields={"MediaContentType0": mime})
    (file,) = place.twilio.store.of(person.last_form["MessageSid"])
    file.type, file.content = mime, content
    return person.inbox[-1]


def read(place, person):
    """Let the sweeps read the file and send the answer; return that."""
    place.sweep("files")
    place.sweep("deliver")
    return person.inbox[-1]


def test_a_roster_that_was_sent_is_read_and_summed_up(place, admin):
    assert "sedang dibaca" in send(place, admin, ROSTER.encode())
    assert "2 baris, 1 siap, 0 ganda, 1 perlu dibetulkan" in read(place, admin)
    assert count(place.installation, RosterRow) == 1
    assert count(place.installation, SentFile) == 0
    assert count(place.installation, Media) == 0
    messages = len(admin.inbox)
    place.sweep("files")
    place.sweep("deliver")
    assert len(admin.inbox) == messages


def test_corrections_that_were_sent_are_applied(place, admin, tmp_path):
    rejects(place)
    (path,) = write_files(place.installation, place.published.name, tmp_path)
    filled(path, {2: "081200000501"})
    send(place, admin, path.read_bytes(), media.XLSX)
    assert "2 baris, 1 beres" in read(place, admin)
    assert statuses(place) == ["mended", "open"]


def test_a_file_with_rows_of_other_units_is_refused_whole(place, admin):
    send(place, admin, ROSTER.replace("Budi;0511331;own:U1", "Budi;0511331;own:U2").encode())
    assert "1 baris dari unit lain (baris 3)" in read(place, admin)
    assert count(place.installation, RosterRow) == 0


def test_what_is_no_list_gets_a_kind_answer(place, admin):
    send(place, admin, b"%PDF-1.7 surat", "application/pdf")
    assert "tidak bisa diterima" in read(place, admin)
    send(place, admin, b"apa;saja\n1;2\n")
    assert "belum bisa dibaca sebagai daftar" in read(place, admin)
    assert count(place.installation, SentFile) == 0


def test_a_process_that_died_with_a_file_leaves_it_to_the_next(place, admin, monkeypatch):
    send(place, admin, ROSTER.encode())

    class Died(BaseException):
        pass

    def die(*_, **__):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(sent_files, "_finish", die)
        with pytest.raises(Died):
            place.sweep("files")
    place.sweep("files")  # leased still
    assert count(place.installation, SentFile) == 1
    place.clock.move(sent_files.LEASE)
    assert "2 baris, 1 siap" in read(place, admin)
    assert count(place.installation, RosterRow) == 1


def test_files_of_others_are_not_fetched(place, admin):
    stranger = place.twilio.person()
    stranger.say(kind="document", fields={"MediaContentType0": media.CSV})
    assert count(place.installation, SentFile) == 0
