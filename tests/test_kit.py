"""`tautan kit`: every file of it, filled from a survey, and what is left to fill in."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest
from PIL import Image
from typer.testing import CliRunner

from bot.cli import app
from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.surveys import UnknownSurvey, publish
from bot.outreach.authenticity import Mode
from bot.outreach.kit import DOCUMENTS, GUIDE, PICTURES, SNIPPET, write_kit
from bot.outreach.kit.contacts import _folded
from tests.setup import FLOWS, SECRET, TestClock, bundled_files, installation, publish_bundled
from tests.test_authenticity import HOLDERS

FACTS = ("Survei Integritas Kota Contoh", "Inspektorat Kota Contoh", "+62 812-0000-0002")


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Installation]:
    with installation(sqlite_url, clock=TestClock()) as opened:
        publish_bundled(opened)
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the bundled survey's kit once, for all that only read it."""
    folder = tmp_path_factory.mktemp("kit")
    with installation(f"sqlite:///{folder / 'tautan.db'}", clock=TestClock()) as opened:
        publish_bundled(opened)
        write_kit(opened, "integritas", folder / "kit")
    return folder / "kit"


def texts(folder: Path) -> dict[str, str]:
    """Return every file that is text, by name, its white space as single spaces."""
    return {
        path.name: re.sub(r"\s+", " ", path.read_text(encoding="utf-8-sig"))
        for path in folder.iterdir()
        if path.suffix in {".txt", ".html", ".csv", ".vcf"}
    }


def test_all_is_written_and_listed(place, tmp_path):
    kit = write_kit(place, "integritas", tmp_path / "kit")
    assert sorted(path.name for path in (tmp_path / "kit").iterdir()) == sorted(kit.files)
    wanted = {f"{name}.{form}" for name, _, forms in DOCUMENTS for form in forms or ("txt",)}
    wanted |= {GUIDE, SNIPPET, *(name for name, _, _ in PICTURES)}
    wanted |= {f"4-nomor-resmi.{form}" for form in ("txt", "csv", "vcf")}
    assert set(kit.files) == wanted


def test_the_address_of_invitations_by_email_stands_beside_the_number(place, tmp_path):
    write_kit(place, "integritas", tmp_path, mail_from="Survei Contoh <survei@contoh.go.id>")
    written = texts(tmp_path)
    for name in ("1-surat-edaran.txt", "2-pengumuman.txt", "7-media.txt"):
        assert "WhatsApp; sebagian melalui email." in written[name]
        assert "survei@contoh.go.id" in written[name]


def test_who_sends_no_emails_announces_none(made, place, tmp_path):
    files = bundled_files()
    head, _, _ = files["messages.yaml"].partition("mail_invite:\n")
    publish(place, files | {"messages.yaml": head})
    write_kit(place, "integritas", tmp_path, mail_from="survei@contoh.go.id")
    for written in (texts(made), texts(tmp_path)):
        assert not any("email" in written[f"{name}.txt"] for name, _, _ in DOCUMENTS)


def test_every_document_names_survey_holder_and_number(made):
    written = texts(made)
    for name in (
        *("1-surat-edaran.txt", "2-pengumuman.txt", SNIPPET, "3-pesan-grup.txt"),
        *("4-nomor-resmi.txt", "4-nomor-resmi.csv", "6-tanya-jawab.txt", "7-media.txt"),
    ):
        for fact in FACTS:
            assert fact in written[name] or fact.upper() in written[name], (name, fact)
    for name in (
        "1-surat-edaran.txt",
        "2-pengumuman.txt",
        "3-pesan-grup.txt",
        "6-naskah-petugas.txt",
    ):
        assert "KC-2741" in written[name]
        assert "31 Januari 2027" in written[name]


def test_the_letter_says_what_it_must(made):
    letter = texts(made)["1-surat-edaran.txt"]
    for words in ("SURAT EDARAN", "sukarela", "kerahasiaan", "Tidak mengarahkan jawaban",
                  "Tidak meminta bukti pengisian", "tangkapan layar", "0812-0000-0001",
                  "Pusat Studi Antikorupsi Universitas Contoh, 0812-0000-0003",
                  "bukan Survei Penilaian Integritas (SPI) KPK"):  # fmt: skip
        assert words in letter
    assert "BPS" not in letter, "no number was given"


def test_a_recommendation_of_bps_stands_where_it_is_given(place, tmp_path):
    files = bundled_files()
    files["survey.yaml"] = files["survey.yaml"].replace(
        "texts:\n", "texts:\n  rekomendasi_bps: V-26.0000.001\n", 1
    )
    publish(place, files)
    kit = write_kit(place, "integritas", tmp_path)
    written = texts(tmp_path)
    assert all("V-26.0000.001" in written[name] for name in ("1-surat-edaran.txt", SNIPPET))
    assert not any("rekomendasi_bps" in note for note in kit.notes)


def test_what_is_not_known_is_a_marked_blank_and_listed(place, tmp_path):
    kit = write_kit(place, "integritas", tmp_path)
    assert set(kit.to_fill["1-surat-edaran.txt"]) >= {
        "kop surat instansi",
        "nomor surat",
        "tanggal",
    }
    guide = (tmp_path / GUIDE).read_text(encoding="utf-8")
    for what in kit.to_fill["1-surat-edaran.txt"]:
        assert f"- {what}\n" in guide
    # What goes to people without a signature has no blank when the settings are complete.
    assert {"2-pengumuman.txt", SNIPPET, "3-pesan-grup.txt", "6-tanya-jawab.txt"} & set(
        kit.to_fill
    ) == set()


def test_a_setting_that_is_missing_is_named_where_it_is_missed(place, tmp_path):
    kit = write_kit(place, "integritas", tmp_path, mode="official-support")
    assert any("texts.nomor_pemilik" in one for one in kit.to_fill["3-pesan-grup.txt"])
    assert any("texts.pemilik" in one for one in kit.to_fill["2-pengumuman.html"])


def test_somebody_elses_survey_is_said_to_be_theirs(place, tmp_path):
    files = bundled_files()
    files["survey.yaml"] = files["survey.yaml"].replace("texts:\n", HOLDERS, 1)
    publish(place, files)
    write_kit(place, "integritas", tmp_path, mode="official-support")
    for name, text in texts(tmp_path).items():
        assert "0812-0000-0002" not in text, f"{name} has our number"
        assert "KC-2741" not in text, f"{name} has our code"
        assert "CEK" not in text, f"{name} sends people to our bot"
        assert "BERHENTI" not in text, name
    written = texts(tmp_path)
    for name in ("1-surat-edaran.txt", "2-pengumuman.txt", "3-pesan-grup.txt", "7-media.txt"):
        assert "milik Lembaga Contoh Nasional" in written[name]
        assert "+62 812-0000-0011, +62 812-0000-0012" in written[name]
        assert "survei.lembaga.contoh.go.id" in written[name]
    assert written["4-nomor-resmi.vcf"].count("BEGIN:VCARD") == 2


def test_only_ones_own_survey_says_that_it_is_not_kpks(place, tmp_path):
    modes: tuple[tuple[Mode, bool], ...] = (("own", True), ("owner", False))
    for mode, wanted in modes:
        write_kit(place, "integritas", tmp_path / mode, mode=mode)
        said = "".join(texts(tmp_path / mode).values())
        assert ("KPK" in said) is wanted, mode


def test_the_contact_card_can_be_saved(made):
    card = (made / "4-nomor-resmi.vcf").read_bytes()
    assert card.startswith(b"BEGIN:VCARD\r\nVERSION:3.0\r\n")
    assert card.endswith(b"END:VCARD\r\n")
    assert all(len(line) <= 75 for line in card.split(b"\r\n"))
    whole = card.decode().replace("\r\n ", "")
    assert "\r\nTEL;TYPE=CELL:+6281200000002\r\n" in whole
    assert "\r\nFN:Survei Integritas Kota Contoh\r\n" in whole
    assert "NOTE:Nomor pengirim resmi\\, 1 November 2026" in whole


def test_a_card_is_never_folded_within_a_letter():
    line = "NOTE:" + "é" * 100
    folded = _folded(line)
    assert folded.replace("\r\n ", "") == line
    assert all(len(part.encode()) <= 75 for part in folded.split("\r\n"))


def test_the_table_of_numbers_keeps_their_zeros(made):
    text = (made / "4-nomor-resmi.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["nomor_lokal"], row["kegunaan"]) for row in rows] == [
        ("0812-0000-0002", "pengirim pesan survei"),
        ("0812-0000-0001", "telepon kantor"),
    ]


@pytest.mark.parametrize(("name", "width", "height"), PICTURES)
def test_a_picture_has_its_size_a_light_ground_and_dark_words(made, name, width, height):
    picture = Image.open(made / name).convert("L")
    assert picture.size == (width, height)
    assert picture.tobytes()[0] > 230, "the corner"
    dark = sum(picture.histogram()[:90])
    assert 0.03 < dark / (width * height) < 0.4


def test_a_long_name_still_fits_into_the_pictures(place, tmp_path):
    long = "Survei Integritas Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu"
    publish_bundled(place, title=f"{{id: {long} Kabupaten Hulu Sungai Contoh Utara}}",
                    nomor_resmi="0812-0000-0002, 0812-0000-0021, 0812-0000-0022")  # fmt: skip
    kit = write_kit(place, "integritas", tmp_path)
    assert kit.files


def test_the_pdf_has_the_words_of_the_letter(made):
    document = pypdfium2.PdfDocument(made / "1-surat-edaran.pdf")
    words = " ".join(page.get_textpage().get_text_bounded() for page in document)
    assert "PELAKSANAAN SURVEI INTEGRITAS KOTA CONTOH" in words
    assert "KC-2741" in words


def test_what_somebody_has_filled_in_is_not_overwritten_by_accident(place, tmp_path):
    write_kit(place, "integritas", tmp_path)
    (tmp_path / "1-surat-edaran.html").write_text("sudah diisi")
    with pytest.raises(InputError, match="may have been filled in"):
        write_kit(place, "integritas", tmp_path)
    assert (tmp_path / "1-surat-edaran.html").read_text() == "sudah diisi"
    write_kit(place, "integritas", tmp_path, overwrite=True)
    assert "SURAT EDARAN" in (tmp_path / "1-surat-edaran.html").read_text()


def test_an_unknown_survey_or_language_is_said_and_nothing_is_written(place, tmp_path):
    with pytest.raises(UnknownSurvey, match="did you mean 'integritas'"):
        write_kit(place, "integrita", tmp_path / "kit")
    with pytest.raises(InputError, match="there are: id"):
        write_kit(place, "integritas", tmp_path / "kit", language="../id")
    assert not (tmp_path / "kit").exists()


def test_what_makes_people_doubt_is_noted(place, tmp_path):
    publish_bundled(place, situs_resmi="survei-contoh.example.com")
    kit = write_kit(place, "integritas", tmp_path)
    assert any("no .go.id" in note for note in kit.notes)


def test_the_page_is_named_where_the_world_can_open_it(place, tmp_path):
    write_kit(place, "integritas", tmp_path, page="https://survei.contoh.go.id/asli")
    assert "survei.contoh.go.id/asli" in texts(tmp_path)[SNIPPET]


def test_the_command_writes_it_and_says_what_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAUTAN_SECRET_KEY", SECRET)
    monkeypatch.setenv("FLOWS_DIR", str(FLOWS))
    monkeypatch.setenv("DATABASE_URL", "sqlite:///tautan.db")
    monkeypatch.setenv("COLUMNS", "200")
    run = CliRunner().invoke
    assert run(app, ["migrate"]).exit_code == 0
    assert run(app, ["publish", "integritas"]).exit_code == 0
    done = run(app, ["kit", "integritas", "-o", "bahan"])
    assert done.exit_code == 0, done.output
    assert "begin with 0-baca-dulu.txt" in done.stdout
    assert "kop surat instansi" in done.stdout
    assert "rekomendasi_bps is not set" in done.stderr
    again = run(app, ["kit", "integritas", "-o", "bahan"])
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    told = json.loads(run(app, ["kit", "integritas", "-o", "lain", "--json"]).stdout)
    assert GUIDE in told["files"]
    assert "nomor surat" in told["to_fill"]["1-surat-edaran.html"]
