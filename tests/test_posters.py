"""Posters: an independent eye reads their codes, and the webhook leads to the right place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp
from PIL import Image

from bot.flow.load import load_survey
from bot.flow.source import FlowError
from bot.intake.tables import InputError
from bot.interview.surveys import publish
from bot.outreach.posters import Order, lay_out, write_codes, write_posters
from bot.printing.posters import FORMS, DoesNotFit, Poster, Wording, print_posters
from bot.printing.typeset import FONTS, typeset
from storage.models import Conversation, Link
from tests.rows import change, rows
from tests.setup import MONDAY, add_unit, bundled_files, installation, publish_bundled
from tests.whatsapp import Office, office

NUMBER = "whatsapp:+6281200000999"
LANGUAGES = "Silakan pilih bahasa"
# Codes on one page of each form.
CODES = {"a4": 1, "a5": 1, "tent": 2, "stickers": 8}
SIZES = {"a4": (210, 297), "a5": (148, 210), "tent": (210, 297), "stickers": (210, 297)}


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Office]:
    with office(sqlite_url) as opened:
        yield opened


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Any]:
    with installation(sqlite_url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


def pages(pdf: Path, ppi: int = 110) -> list[Image.Image]:
    """Return a PDF's pages as grey pictures, as a copier sees them."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=ppi / 72, grayscale=True).to_pil() for page in document]


def read(picture: Image.Image) -> list[str]:
    """Return the texts of all QR codes in a picture, as ZXing reads them."""
    found = zxingcpp.read_barcodes(picture)
    assert all(one.format == zxingcpp.BarcodeFormat.QRCode for one in found)
    return [one.text for one in found]


def words(pdf: Path) -> list[str]:
    """Return the text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


def chat(address: str) -> tuple[str, str]:
    """Return the number and the text of a wa.me address."""
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc) == ("https", "wa.me")
    return parts.path.strip("/"), parse_qs(parts.query)["text"][0]


@pytest.mark.parametrize("form", FORMS)
def test_a_scanned_poster_leads_through_the_webhook_to_its_unit_and_group(place, tmp_path, form):
    second = add_unit(place.installation, "Dinas Kedua", code="U2")
    path = tmp_path / "poster.pdf"
    order = Order(groups=["eksternal", "ahli"])
    report = write_posters(place.installation, "integritas", NUMBER, order, form, path)
    assert (report.posters, report.created) == (4, 4)
    expected = [
        (unit, group) for unit in (place.unit_id, second) for group in ("eksternal", "ahli")
    ]
    found = []
    for picture in pages(path):
        # As a bad copier leaves it: nothing that must be read is lighter than this.
        texts = read(picture.point(lambda value: 0 if value < 110 else 255))
        assert len(texts) == CODES[form]
        assert len(set(texts)) == 1, "all codes of a page are of one place"
        number, text = chat(texts[0])
        assert number == "6281200000999"
        person = place.twilio.person()
        assert LANGUAGES in person.say(text)[0]
        newest = max(rows(place.installation, Conversation), key=lambda row: row.id)
        found.append((newest.unit_id, newest.grp))
    assert found == expected


@pytest.mark.parametrize("form", FORMS)
def test_a_poster_says_all_that_it_must_in_both_languages(here, tmp_path, form):
    path = tmp_path / "poster.pdf"
    order = Order(groups=["eksternal"], notes=["Loket 1"])
    write_posters(here, "integritas", NUMBER, order, form, path)
    (said,) = words(path)
    (link,) = rows(here, Link)
    for wanted in (
        "Inspektorat Kota Contoh",
        "Survei Integritas Kota Contoh",
        "Contoh City Integrity Survey",
        "Bagaimana pengalaman Bapak/Ibu dengan Dinas Contoh?",
        "Rahasia dan sukarela",
        "Confidential and voluntary",
        "Pindai",
        "Kirim",
        "Balas",
        "Boleh diisi di rumah",
        "survei.contoh.go.id",
        "+62 812-0000-0999",
        "KC-2741",
        "Berlaku sampai 31 Januari 2027",
        "Valid until 31 January 2027",
        "Dinas Contoh · Eksternal · Loket 1",
        link.code,
    ):
        assert wanted in said, wanted
    width, height = pypdfium2.PdfDocument(path)[0].get_size()
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == SIZES[form]


def test_each_note_is_a_poster_of_its_own_and_asking_again_keeps_the_codes(here, tmp_path):
    order = Order(units=["own:U1"], groups=["ahli"], notes=["Loket 1", " Loket  2"])
    first, report = lay_out(here, "integritas", NUMBER, order)
    assert report.created == 2
    second, report = lay_out(here, "integritas", NUMBER, order)
    assert (report.created, report.reused) == (0, 2)
    assert [poster.typed for _, poster in first] == [poster.typed for _, poster in second]
    assert [poster.place for _, poster in first] == [
        "Dinas Contoh · Ahli · Loket 1",
        "Dinas Contoh · Ahli · Loket 2",
    ]


def test_a_poster_shows_the_last_day_of_its_own_link_and_none_is_printed_that_is_over(here):
    until = MONDAY.replace(hour=17) + timedelta(days=4)  # midnight in Jakarta
    order = Order(groups=["ahli"], expires_at=until)
    ((_, poster),), _ = lay_out(here, "integritas", NUMBER, order)
    assert poster.wordings[0].lines["expiry"] == "Berlaku sampai 27 November 2026"
    change(here, Link, {"expires_at": MONDAY - timedelta(days=1)}, grp="ahli")
    with pytest.raises(InputError, match=r"are over, the first one is .*--expires"):
        lay_out(here, "integritas", NUMBER, Order(groups=["ahli"]))


def test_somebody_elses_address_makes_no_link_and_asks_nobody_to_write_to_us(here, tmp_path):
    path = tmp_path / "poster.pdf"
    address = "https://spi.contoh.example/isi?kode=PEMDA-0001"
    order = Order(address=address)
    report = write_posters(here, "integritas", NUMBER, order, "a4", path)
    assert (report.posters, report.created) == (1, 0)
    assert rows(here, Link) == []
    assert [read(picture) for picture in pages(path)] == [[address]]
    (said,) = words(path)
    assert "Buka" in said and "alamat yang muncul" in said
    assert address in said.replace(" ", "")
    assert "812-0000-0999" not in said
    assert "Jawaban langsung ke penyelenggara survei" in said
    assert "Bukan survei KPK" not in said, "it may well be"


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order(languages=["bjn"]), "no words in 'bjn'.*messages.yaml"),
        (Order(groups=["intern"]), "did you mean 'internal'"),
        (Order(units=["own:U7"]), "own:U7"),
        (Order(address="x" * 1300), "too many for a QR code"),
    ],
)
def test_wrong_wishes_are_refused_with_what_to_do(here, tmp_path, order, message):
    with pytest.raises(InputError, match=message):
        write_posters(here, "integritas", NUMBER, order, "a4", tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


def with_banjar(text: str) -> str:
    """Return the words of posters in a third language too."""
    lines = []
    inside = False
    for line in text.splitlines():
        inside = (inside or line.startswith("poster:")) and not line.startswith("mail_invite:")
        if inside and line.startswith("    en: "):
            lines.append(line.replace("    en: ", "    bjn: ").replace("How have", "Kayapa"))
        if inside and ", en: " in line:
            line = line.replace(", en: ", ', bjn: "Pindai kodenya", en: ')
        lines.append(line)
    return "\n".join(lines) + "\n"


def test_a_regional_language_stands_on_posters_when_the_survey_has_words_in_it(sqlite_url):
    files = bundled_files()
    files["messages.yaml"] = with_banjar(files["messages.yaml"])
    files["survey.yaml"] = (
        files["survey.yaml"]
        .replace("languages: [id, en]", "languages: [id, bjn, en]")
        .replace("language_names: {", "language_names: {bjn: Banjar, ")
    )
    with installation(sqlite_url) as made:
        publish(made, files)
        add_unit(made, "Dinas Contoh", code="U1")
        made_posters, report = lay_out(made, "integritas", NUMBER, Order(groups=["ahli"]))
        # The chat itself is not offered in it, so no poster promises it by itself.
        assert [one.language for one in made_posters[0][1].wordings] == ["id", "en"]
        assert report.left_out == ("bjn",)
        order = Order(groups=["ahli"], languages=["id", "bjn", "en"])
        made_posters, _ = lay_out(made, "integritas", NUMBER, order)
        assert [one.language for one in made_posters[0][1].wordings] == ["id", "bjn", "en"]
        for form in FORMS:
            assert print_posters([poster for _, poster in made_posters], form)[:5] == b"%PDF-"


def test_a_survey_without_words_for_posters_says_what_to_add(sqlite_url, tmp_path):
    files = bundled_files()
    files["messages.yaml"] = files["messages.yaml"].partition("\nposter:")[0] + "\n"
    with installation(sqlite_url) as made:
        publish(made, files)
        add_unit(made)
        with pytest.raises(InputError, match=r"no headline, .*copy the lines"):
            write_posters(made, "integritas", NUMBER, Order(), "a4", tmp_path / "x.pdf")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('by_hand:\n    id: "', 'by_hand:\n    id: "{{alasan}} ', "unknown placeholder {{alasan}}"),
        ("  scan: {id: ", "  scan: {en: ", "`en` is given twice"),
        ("  at_home:\n    id: ", "  at_home:\n    bjn: ", "no text in `id`"),
        ("    {{tautan}}\n", "    \n", "nobody could answer by this mail"),
        ("mail_invite:\n  subject: {id: ", "mail_invite:\n  subject: {bjn: ", "no text in `id`"),
    ],
)
def test_mistakes_in_words_for_paper_are_found_with_their_line(old, new, what):
    files = bundled_files()
    assert old in files["messages.yaml"]
    files["messages.yaml"] = files["messages.yaml"].replace(old, new, 1)
    with pytest.raises(FlowError) as caught:
        load_survey(files)
    problem = next(one for one in caught.value.problems if what in one.what)
    assert problem.file == "messages.yaml" and problem.line > 400


def test_codes_alone_are_files_named_by_place_and_read_like_the_posters(here, tmp_path):
    order = Order(groups=["eksternal"], notes=["Loket 1"])
    report = write_codes(here, "integritas", NUMBER, order, "png", tmp_path / "png")
    assert report.posters == 1
    (picture,) = (tmp_path / "png").iterdir()
    (link,) = rows(here, Link)
    assert picture.name == f"own-U1-eksternal-Loket_1-{link.code}.png"
    (text,) = read(Image.open(picture))
    assert link.code in chat(text)[1]
    write_codes(here, "integritas", NUMBER, order, "svg", tmp_path / "svg")
    (drawing,) = (tmp_path / "svg").iterdir()
    source = '#set page(width: 8cm, height: 8cm, margin: 0cm)\n#image("code.svg", width: 100%)'
    files = {"code.svg": drawing.read_bytes()}
    (drawn,) = typeset(source, {}, form="png", files=files)
    (tmp_path / "drawn.png").write_bytes(drawn)
    assert read(Image.open(tmp_path / "drawn.png")) == [text]


@pytest.mark.parametrize("hole", [(0.40, 0.40, 0.60, 0.60), (0.62, 0.30, 0.80, 0.55)])
def test_a_code_with_a_hole_in_it_is_still_read(here, tmp_path, hole):
    """Error correction H: a stamp, a fold or a coffee ring on it does no harm."""
    write_codes(here, "integritas", NUMBER, Order(groups=["ahli"]), "png", tmp_path / "png")
    (file,) = (tmp_path / "png").iterdir()
    picture = Image.open(file).convert("L")
    left, top, right, bottom = (int(part * picture.width) for part in hole)
    picture.paste(160, (left, top, right, bottom))
    assert len(read(picture)) == 1


def test_words_that_cannot_fit_are_an_error_and_not_half_a_poster():
    lines = dict.fromkeys(
        ("title", "headline", "purpose", "secrecy", "at_home", "by_hand", "check", "expiry",
         "scan", "send", "reply"), "Kata-kata yang tidak pernah habis. " * 40,
    )  # fmt: skip
    poster = Poster("Instansi", (Wording("id", lines),), ("scan", "send", "reply"), "x", "y", "z")
    for form in ("a5", "stickers"):
        with pytest.raises(DoesNotFit, match="do not fit"):
            print_posters([poster], form)


def test_what_words_hold_is_never_read_as_a_document(tmp_path):
    nasty = '#panic("no") $x$ *tebal* _x_ \\ " <a> @b `c` [d] /* e */ // f'
    lines = dict.fromkeys(
        ("title", "headline", "purpose", "secrecy", "at_home", "by_hand", "check", "expiry",
         "scan", "send", "reply"), nasty,
    )  # fmt: skip
    poster = Poster(nasty, (Wording("id", lines),), ("scan", "send", "reply"), "x", "K", nasty)
    path = tmp_path / "x.pdf"
    path.write_bytes(print_posters([poster], "a4"))
    assert '#panic("no") $x$ tebal _x_' in words(path)[0]


def test_only_our_own_font_is_on_paper_and_its_licence_is_beside_it(here, tmp_path):
    path = tmp_path / "poster.pdf"
    write_posters(here, "integritas", NUMBER, Order(groups=["ahli"]), "a4", path)
    data = path.read_bytes()
    assert b"SourceSans3" in data.replace(b"-", b"")
    assert b"Libertinus" not in data
    licence = (FONTS / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert sum(one.stat().st_size for one in FONTS.iterdir()) < 1_500_000
