"""Files as answers: from the webhook to the export, and gone wherever their answers go."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert, select, update

from bot.channels.base import Address, MediaRefused, SendError
from bot.channels.simulator import SimulatorChannel
from bot.channels.simulator_files import sample
from bot.flow.state import State
from bot.interview import closing, codes, erasure, fetching, kept, mixing
from bot.interview.chats import Chats, Said, say
from bot.interview.desk import Desk
from bot.interview.files import attachments
from bot.interview.files.cleaning import clean
from bot.interview.files.file_types import media_type
from bot.interview.installation import Installation
from bot.interview.mixing_files import alike
from bot.interview.provider_log.missed import take_missed
from bot.interview.surveys import publish
from bot.reporting.anonymity.audit import audit
from bot.reporting.export.writing import export
from storage.models import Answer, AnswerFile, Attachment, Conversation, Link, SentFile
from storage.queries import attachments as queries
from tests.fake_twilio_person import Person
from tests.media_files import GPS, jpeg, ogg, pdf, png
from tests.mending import post
from tests.rows import count, rows
from tests.setup import add_unit, bundled_files, installation
from tests.whatsapp import Office, office

K = 2
FLOW = """\
kind: flow
name: internal
title: {id: Survei Coba, en: Trial Survey}
minutes: "3"
questions:
  - name: rusak
    type: select_one
    label: {id: Ada yang rusak?, en: Is anything broken?}
    choices: [{name: "1", label: {id: Ya, en: "Yes"}}, {name: "2", label: {id: Tidak, en: "No"}}]
    na: none
  - name: foto
    type: image
    label: {id: Kirim fotonya., en: Send a photo of it.}
    relevant: "rusak == '1'"
    max_mb: 1
  - name: surat
    type: file
    label: {id: Berkasnya?, en: The file?}
    kinds: [pdf, audio]
    required: false
"""


def survey_files(flow: str = FLOW) -> dict[str, str]:
    """Return the bundled survey with this flow, where two hide each other."""
    files = bundled_files() | {"internal.yaml": flow}
    lines = {r"^min_answer_seconds: .*$": "min_answer_seconds: 0", r"k: 10": f"k: {K}"}
    for pattern, line in lines.items():
        files["survey.yaml"], times = re.subn(f"(?m){pattern}", line, files["survey.yaml"])
        assert times == 1
    return files


@pytest.fixture
def place(some_url: str) -> Iterator[Office]:
    """An office whose survey asks for a photo and a document."""
    with office(some_url) as one:
        one.published = publish(one.installation, survey_files())
        yield one


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Office]:
    """The same on SQLite alone, for what no database decides."""
    with office(sqlite_url) as one:
        one.published = publish(one.installation, survey_files())
        yield one


def begin(place: Office, phone: str | None = None) -> Person:
    """Let somebody come to the question for a photo."""
    person = place.twilio.person(phone=phone)
    for text in (place.link_text(), "1", "setuju", "1"):
        person.say(text)
    assert person.inbox[-1].startswith("Kirim fotonya.")
    return person


def send(
    place: Office, person: Person, content: bytes, mime: str = "image/jpeg", **fields: str
) -> str:
    """Send a file and return Twilio's name of it."""
    form = person.form(kind="image") | {"MediaContentType0": mime} | fields
    name = form["MediaUrl0"].rpartition("/")[2]
    file = place.twilio.store.files[name]
    file.content, file.type = content, mime
    person.post(form)
    return name


def fetch(place: Office) -> int:
    """Run the sweep that fetches files."""
    return fetching.fetch_due(place.installation, place.service.channels)


def stored(place: Office) -> list[tuple[str, bytes]]:
    """Return type and bytes of every file that is tied to a conversation."""
    here = place.installation

    def work(connection):
        found = []
        for row in rows_of(connection):
            found.append(attachments.unpacked(attachments.opened(connection, here, row)))
        return found

    def rows_of(connection):
        ids = connection.execute(select(Attachment.id).where(Attachment.due_at.is_(None))).scalars()
        return [queries.get(connection, one) for one in list(ids)]

    return here.database.read(work)


def state_of(place: Office) -> State:
    """Return the state of the only conversation."""
    here = place.installation
    (row,) = rows(here, Conversation)

    def work(connection):
        key = here.keys.by_id(connection, row.key_id)
        return State.from_json(key.open(row.sealed, f"state:{row.id}"))

    return here.database.read(work)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_coordinator_answers_with_a_file_too_and_sends_lists_all_the_same(quick, quoted):
    """A document is an answer where one is asked for; a table never is one."""
    person = begin(quick, "+6281200000777")
    here = quick.installation
    post(here, quick.published, "+6281200000777", quick.unit_id)
    send(quick, person, b"nama;hp\n", "text/csv")
    assert "berkas" in person.inbox[-1].lower()
    assert count(here, SentFile) == 1
    assert count(here, Attachment) == 0
    send(quick, person, jpeg())
    assert person.inbox[-1].startswith("Berkasnya?")
    question = person.messages[-1]
    if quoted:
        person.say("PERBAIKI")
    quote = {"OriginalRepliedMessageSid": question.sid} if quoted else {}
    send(quick, person, pdf(), "application/pdf", **quote)
    assert count(here, SentFile) == 1
    assert count(here, Attachment) == 2


def test_a_photo_is_noted_in_the_turn_and_fetched_after_it(place: Office) -> None:
    person = begin(place)
    name = send(place, person, jpeg())
    assert person.inbox[-1].startswith("Berkasnya?"), "nobody waits for the file"
    (row,) = rows(place.installation, Attachment)
    assert place.twilio.store.seen == [], "nothing is fetched in the webhook"
    assert state_of(place).answers["foto"] == row.id.hex
    assert name.encode() not in row.sealed
    assert fetch(place) == 1
    (row,) = rows(place.installation, Attachment)
    assert (row.due_at, len(row.sealed)) == (None, attachments.SMALLEST + 28)
    ((kind, content),) = stored(place)
    assert kind == "image/jpeg"
    assert GPS not in content
    assert GPS not in row.sealed
    assert name not in place.twilio.store.files, "the provider has it no more"
    assert fetch(place) == 0


def test_other_files_are_taken_where_the_question_says_so(place: Office) -> None:
    person = begin(place)
    send(place, person, png(), "image/png")
    send(place, person, pdf(), "application/pdf")
    assert person.inbox[-1].startswith("Terima kasih")
    assert fetch(place) == 2
    assert sorted(kind for kind, _ in stored(place)) == ["application/pdf", "image/png"]


def test_a_voice_note_where_a_photo_is_asked_is_answered_kindly_and_not_fetched(
    place: Office,
) -> None:
    person = begin(place)
    send(place, person, ogg(), "audio/ogg")
    assert person.inbox[-1].startswith("Maaf, jawaban pertanyaan ini bukan tulisan")
    assert count(place.installation, Attachment) == 0


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (b"MZ\x90 program", "image/jpeg"),
        (ogg(), "image/png"),
        (jpeg()[:200], "image/jpeg"),
        (b"\xff\xd8\xff" + bytes(1_100_000), "image/jpeg"),
    ],
    ids=["program", "sound", "cut", "large"],
)
def test_what_turns_out_wrong_is_asked_for_again_once(
    place: Office, content: bytes, mime: str
) -> None:
    person = begin(place)
    name = send(place, person, content, mime)
    assert fetch(place) == 1
    place.sweep("deliver")
    place.twilio.settle()
    assert person.inbox[-1].startswith("Maaf, berkas yang tadi dikirim tidak dapat kami buka")
    assert "Kirim fotonya." in person.inbox[-1]
    assert count(place.installation, Attachment) == 0
    assert name not in place.twilio.store.files
    before = len(person.inbox)
    send(place, person, content, mime)
    assert fetch(place) == 1
    place.sweep("deliver")
    place.twilio.settle()
    assert len(person.inbox) == before + 1, "only the next question"
    assert state_of(place).left_out == ("foto",)


def test_a_finished_interview_whose_last_file_was_wrong_counts_without_it(place: Office) -> None:
    person = begin(place)
    send(place, person, jpeg())
    send(place, person, b"%PDF-1.4 /Encrypt", "application/pdf")
    assert fetch(place) == 2
    place.sweep("deliver")
    place.twilio.settle()
    assert "Berkasnya?" in person.inbox[-1]
    state = state_of(place)
    assert state.earlier is not None
    assert set(state.earlier) == {"rusak", "foto"}
    assert count(place.installation, Attachment) == 1, "the photo stays"


@pytest.mark.parametrize("how", ["word", "provider"])
def test_who_has_stopped_since_hears_nothing_of_a_file_that_was_wrong(
    place: Office, how: str
) -> None:
    person = begin(place)
    send(place, person, jpeg())
    send(place, person, b"%PDF-1.4 /Encrypt", "application/pdf")
    person.say("BERHENTI", fields={"OptOutType": "STOP"} if how == "provider" else None)
    place.twilio.settle()
    before = len(person.inbox)
    assert fetch(place) == 2
    place.sweep("deliver")
    place.twilio.settle()
    assert len(person.inbox) == before
    assert count(place.installation, Attachment) == 1


def test_a_provider_that_is_away_is_asked_again_later(quick: Office) -> None:
    person = begin(quick)
    send(quick, person, jpeg())
    away = Broken(SendError("away", "later"))
    assert fetching.fetch_due(quick.installation, {"twilio": away}) == 0
    assert fetch(quick) == 0, "not at once"
    quick.clock.move(seconds=31)
    assert fetch(quick) == 1
    assert len(stored(quick)) == 1
    assert away.forgotten == []


def test_it_is_not_asked_for_ever_and_the_person_is_told(quick: Office) -> None:
    person = begin(quick)
    send(quick, person, jpeg())
    away = Broken(SendError("away", "later"))
    for _ in range(fetching.MOST_ATTEMPTS):
        assert count(quick.installation, Attachment) == 1
        fetching.fetch_due(quick.installation, {"twilio": away})
        quick.clock.move(minutes=20)
    quick.sweep("deliver")
    quick.twilio.settle()
    assert person.inbox[-1].startswith("Maaf, berkas yang tadi")
    assert len(away.forgotten) == 1


class Broken:
    """A channel whose files cannot be had."""

    def __init__(self, fault: Exception) -> None:
        self.files = self
        self.fault = fault
        self.forgotten: list[str] = []

    def download(self, url: str, limit: int) -> tuple[str, bytes]:
        raise self.fault

    def forget(self, url: str) -> None:
        self.forgotten.append(url)
        raise SendError("away", "later")


def test_a_process_that_dies_while_fetching_leaves_a_lease_that_runs_out(place: Office) -> None:
    person = begin(place)
    send(place, person, jpeg())
    here = place.installation
    (row,) = here.database.read(lambda c: queries.due(c, here.now(), 5))
    until = here.now() + fetching.LEASE
    assert here.database.write(lambda c: queries.take(c, row, until))
    assert not here.database.write(lambda c: queries.take(c, row, until)), "one has it"
    assert fetch(place) == 0
    place.clock.move(minutes=6)
    assert fetch(place) == 1


def test_two_that_fetch_at_once_store_it_once(place: Office) -> None:
    person = begin(place)
    for _ in range(3):
        send(place, person, jpeg())
        person.say("kembali")
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(fetch(place))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 1
    assert len(stored(place)) == 1


def test_a_photo_that_is_replaced_while_it_is_fetched_is_not_stored(place: Office) -> None:
    person = begin(place)
    send(place, person, jpeg())
    here = place.installation

    class Slow(Broken):
        def download(self, url: str, limit: int) -> tuple[str, bytes]:
            person.say("kembali")
            send(place, person, png(), "image/png")
            return "image/jpeg", jpeg()

        def forget(self, url: str) -> None:
            self.forgotten.append(url)

    slow = Slow(MediaRefused(""))
    assert fetching.fetch_due(here, {"twilio": slow}) == 0
    assert len(slow.forgotten) == 1
    assert stored(place) == []
    assert fetch(place) == 1
    assert [kind for kind, _ in stored(place)] == ["image/png"]


def test_a_photo_that_no_webhook_brought_is_found_with_its_message(place: Office) -> None:
    take_missed(place.service.desk, place.service.channels)  # from now on
    person = begin(place)
    place.twilio.settle()
    place.clock.move(seconds=5)
    place.twilio.faults.next("no_connection", times=2)
    name = send(place, person, jpeg())
    assert "Berkasnya?" not in person.inbox[-1]
    place.clock.move(minutes=3)
    assert take_missed(place.service.desk, place.service.channels) == 1
    place.sweep("deliver")
    place.twilio.settle()
    assert person.inbox[-1].startswith("Berkasnya?")
    assert fetch(place) == 1
    assert [kind for kind, _ in stored(place)] == ["image/jpeg"]
    assert name not in place.twilio.store.files


def test_many_files_are_fetched_side_by_side_and_each_is_its_owners(place: Office) -> None:
    for number in range(5):
        person = begin(place)
        content, mime = (jpeg(), "image/jpeg") if number % 2 else (png(), "image/png")
        send(place, person, content, mime)
    assert fetch(place) == 5
    kinds = sorted(kind for kind, _ in stored(place))
    assert kinds == ["image/jpeg"] * 2 + ["image/png"] * 3


# --- wherever the answer goes ---------------------------------------------------------------------


def two_files(place: Office) -> Person:
    """Let somebody send a photo and a document and finish; both are fetched."""
    person = begin(place)
    send(place, person, jpeg())
    send(place, person, pdf(), "application/pdf")
    assert fetch(place) == 2
    assert count(place.installation, Attachment) == 2
    return person


def test_a_new_answer_deletes_the_file_before(place: Office) -> None:
    person = begin(place)
    send(place, person, jpeg())
    fetch(place)
    person.say("kembali")
    send(place, person, png(), "image/png")
    fetch(place)
    assert [kind for kind, _ in stored(place)] == ["image/png"]


def test_an_answer_that_makes_it_irrelevant_deletes_it(place: Office) -> None:
    person = begin(place)
    send(place, person, jpeg())
    fetch(place)
    for text in ("ubah 1", "2"):
        person.say(text)
    assert count(place.installation, Attachment) == 0


@pytest.mark.parametrize("fetched", [True, False])
def test_berhenti_half_way_deletes_it(place: Office, fetched: bool) -> None:
    person = begin(place)
    send(place, person, jpeg())
    if fetched:
        fetch(place)
    person.say("berhenti")
    assert count(place.installation, Attachment) == 0
    assert fetch(place) == 0


def test_isi_ulang_keeps_the_files_that_count_until_the_new_ones_do(place: Office) -> None:
    person = two_files(place)
    for text in ("isi ulang", "1"):
        person.say(text)
    send(place, person, png(), "image/png")
    fetch(place)
    assert count(place.installation, Attachment) == 3
    person.say("lewati")
    assert [kind for kind, _ in stored(place)] == ["image/png"]


def test_hapus_data_deletes_them(place: Office) -> None:
    person = two_files(place)
    person.say("hapus data")
    assert count(place.installation, Attachment) == 0


def test_forgetting_somebody_deletes_them(place: Office) -> None:
    person = two_files(place)
    assert person.phone is not None
    erasure.forget(place.installation, Address("phone", person.phone))
    assert count(place.installation, Attachment) == 0


def test_the_end_of_the_survey_deletes_what_was_not_mixed(place: Office) -> None:
    two_files(place)
    report = closing.close(place.installation, place.published.name)
    assert (report.mixed, report.deleted) == (0, 1)
    assert count(place.installation, Attachment) == 0
    assert count(place.installation, AnswerFile) == 0


def test_the_nightly_purge_deletes_what_no_answer_names(place: Office) -> None:
    two_files(place)
    here = place.installation
    (first, _) = rows(here, Attachment)
    here.database.write(
        lambda c: c.execute(update(Attachment).where(Attachment.id == first.id).values(id=uuid4()))
    )
    erasure.purge(here)
    assert count(here, Attachment) == 1


def test_a_message_that_waits_to_be_replayed_keeps_where_its_file_is(quick: Office) -> None:
    person = begin(quick)
    form = person.form(kind="image")
    inbound = quick.service.twilio.read_inbound(form) if quick.service.twilio else None
    assert inbound is not None
    assert inbound.attached is not None
    again = kept._inbound_from_json(kept._inbound_to_json(inbound))
    assert again.attached == inbound.attached


# --- mixed ----------------------------------------------------------------------------------------


def finish(place: Office, people: int) -> list[str]:
    """Let people finish with a photo each; return the ids that their states have."""
    for _ in range(people):
        person = begin(place)
        send(place, person, jpeg())
        person.say("lewati")
        fetch(place)
    return [row.id.hex for row in rows(place.installation, Attachment)]


def test_mixed_files_have_nothing_that_leads_back(place: Office) -> None:
    here = place.installation
    before = finish(place, 4)
    assert len(before) == 4
    place.clock.move(hours=50)
    assert mixing.mix_due(here).mixed == 2
    files = rows(here, AnswerFile)
    answers = [row.value for row in rows(here, Answer) if row.question == "foto"]
    assert sorted(row.id.hex for row in files) == sorted(answers)
    assert not set(answers) & set(before)
    assert len({len(row.sealed) for row in files}) == 1
    assert {column.name for column in AnswerFile.__table__.columns} == {
        "id", "survey_id", "sealed", "key_id"
    }, "no time, no conversation"  # fmt: skip
    left = {row.id.hex for row in rows(here, Attachment)}
    assert len(left) == 2
    assert left < set(before)
    mixed = {row.id for row in rows(here, Conversation) if row.mixed}
    assert not mixed & {row.conversation_id for row in rows(here, Attachment)}
    assert audit(here, place.published.name).found == ()


def test_a_file_that_stayed_with_somebody_mixed_is_found_by_the_audit(quick: Office) -> None:
    here = quick.installation
    finish(quick, 4)
    quick.clock.move(hours=50)
    mixing.mix_due(here)
    mixed = next(row.id for row in rows(here, Conversation) if row.mixed)
    here.database.write(lambda c: c.execute(update(Attachment).values(conversation_id=mixed)))
    found = [one.where for one in audit(here, quick.published.name).found]
    assert "attachment" in found


def test_the_export_has_the_files_beside_the_table(place: Office, tmp_path: Path) -> None:
    here = place.installation
    finish(place, 4)
    place.clock.move(hours=50)
    mixing.mix_due(here)
    done = export(here, place.published.name, "csv", tmp_path / "jawaban.csv")
    assert done.files == 2
    with (tmp_path / "jawaban.csv").open(encoding="utf-8-sig", newline="") as stream:
        named = [row["internal.foto"] for row in csv.DictReader(stream)]
    assert len(named) == 2
    for name in named:
        content = (tmp_path / name).read_bytes()
        assert name.startswith("jawaban.files/")
        assert name.endswith(".jpg")
        assert media_type(content) == "image/jpeg"
        assert GPS not in content
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert len(list((tmp_path / "jawaban.files").iterdir())) == 2
    export(here, place.published.name, "csv", tmp_path / "jawaban.csv")
    assert len(list((tmp_path / "jawaban.files").iterdir())) == 2


def test_closing_mixes_files_and_they_outlive_the_surveys_key(
    place: Office, tmp_path: Path
) -> None:
    here = place.installation
    finish(place, 3)
    closing.close(here, place.published.name)
    assert count(here, Attachment) == 0
    done = export(here, place.published.name, "jsonl", tmp_path / "a.jsonl")
    assert (done.rows, done.files) == (3, 3)
    assert audit(here, place.published.name).found == ()


def test_an_answer_whose_file_never_came_is_not_mixed(place: Office) -> None:
    here = place.installation
    for _ in range(4):
        person = begin(place)
        send(place, person, jpeg())
        person.say("lewati")
    place.clock.move(hours=50)
    assert mixing.mix_due(here).mixed == 2
    assert [row.question for row in rows(here, Answer)] == ["rusak", "rusak"]
    assert count(here, AnswerFile) == 0
    assert count(here, Attachment) == 2


def test_a_release_that_fails_while_it_moves_files_has_not_happened(place: Office) -> None:
    here = place.installation
    before = finish(place, 4)
    place.clock.move(hours=50)
    good = {row.id: row.sealed for row in rows(here, Attachment)}

    def put(sealed: dict[UUID, bytes]) -> None:
        for one, content in sealed.items():
            change = update(Attachment).where(Attachment.id == one).values(sealed=content)
            here.database.write(partial(Connection.execute, statement=change))

    put(dict.fromkeys(good, bytes(attachments.SMALLEST + 28)))
    assert mixing.mix_due(here).failed == 1
    assert count(here, AnswerFile) == 0
    assert sorted(row.id.hex for row in rows(here, Attachment)) == sorted(before)
    put(good)
    assert mixing.mix_due(here).mixed == 2
    assert count(here, AnswerFile) == 2


@pytest.mark.parametrize(
    ("sizes", "k", "made"),
    [
        ([], 3, []),
        ([5], 3, [5]),
        ([1, 8, 1, 1], 3, [8, 8, 8, 8]),
        ([1, 1, 1, 8, 1, 1], 3, [1, 1, 1, 8, 8, 8]),
        ([4, 2, 2, 2, 1, 1], 2, [4, 4, 2, 2, 1, 1]),
        ([1, 1, 1, 1], 2, [1, 1, 1, 1]),
    ],
)
def test_every_size_has_k_files_or_all(sizes: list[int], k: int, made: list[int]) -> None:
    found = alike(sizes, k)
    assert sorted(found) == sorted(made)
    assert all(new >= old for new, old in zip(found, sizes, strict=True))


@pytest.mark.parametrize("length", [0, 1, attachments.SMALLEST - 40, attachments.SMALLEST, 10**6])
def test_a_packed_file_comes_back_and_says_only_its_class(length: int) -> None:
    content = b"x" * length
    whole = attachments.packed("image/png", content)
    assert attachments.unpacked(whole) == ("image/png", content)
    assert len(whole) in (attachments.SMALLEST, 2 * attachments.SMALLEST)


def test_the_simulator_has_a_sample_of_each_kind_that_is_taken(quick: Office) -> None:
    here = quick.installation
    files = SimulatorChannel(Chats(here), here.now).files
    for kind, what in (("image", "image"), ("audio", "audio"), ("document", "pdf")):
        one = sample(kind)
        assert one.kind == what
        mime, content = files.download(one.address, 10**6)
        assert media_type(content) == mime
        assert clean(mime, content)
        files.forget(one.address)
    for address, limit in (("sample:other", 10**6), ("https://a.test", 9), (one.address, 9)):
        with pytest.raises(MediaRefused):
            files.download(address, limit)


def test_a_photo_that_is_sent_in_the_simulator_is_kept_as_a_real_one(sqlite_url: str) -> None:
    with installation(sqlite_url, demo=True) as here:
        published = publish(here, survey_files())
        unit_id = add_unit(here)
        code = new_link(here, published.id, unit_id)
        desk, chats = Desk(here, lambda _message: True), Chats(here)
        address = (Address("phone", "+6281200000077"),)
        for text in (f"Kode: {code}", "1", "setuju", "1"):
            assert say(desk, chats, address, Said(text)) is not None
        reply = say(desk, chats, address, Said(kind="media", file="image"))
        assert reply is not None
        assert reply.message.text.startswith("Berkasnya?")
        channels = {"simulator": SimulatorChannel(chats, here.now)}
        assert fetching.fetch_due(here, channels) == 1
        (row,) = rows(here, Attachment)
        whole = here.database.read(lambda c: attachments.opened(c, here, read(c, row.id)))
        assert attachments.unpacked(whole)[0] == "image/png"


def read(connection: Connection, attachment_id: UUID) -> queries.AttachmentRow:
    """Return a stored file."""
    found = queries.get(connection, attachment_id)
    assert found is not None
    return found


def new_link(here: Installation, survey_id: int, unit_id: int) -> str:
    """Make the link of a poster and return its code."""
    code = codes.new_code()
    values = {"code": code, "survey_id": survey_id, "unit_id": unit_id, "grp": "internal"}
    here.database.write(lambda c: c.execute(insert(Link).values(values)))
    return code


def ids_of(installation: Installation) -> set[UUID]:
    """Return the ids of the files that are tied to somebody."""
    return {row.id for row in rows(installation, Attachment)}


def test_a_file_answers_once_however_often_its_webhook_comes(place: Office) -> None:
    person = begin(place)
    send(place, person, jpeg())
    before = ids_of(place.installation)
    person.again()
    assert ids_of(place.installation) == before
