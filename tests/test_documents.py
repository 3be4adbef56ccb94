"""Documents: one text with marks, given as text, as HTML and as PDF."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pypdfium2  # type: ignore[import-untyped]

from bot.printing.documents import Block, as_html, as_pdf, as_text, blanks, read_document

TEXT = """\
^ *KOP*
^ Alamat

# Judul

## Bagian

Sebuah alinea *penting*
dalam dua baris.

- satu
- dua
  lanjutannya

3. tiga
4. empat

Nomor :: 0812-0000-0002
Kosong ::

> Tempat
>
> [ISI: nama]
"""


def test_each_block_is_known_by_how_it_begins():
    assert read_document(TEXT) == (
        Block("centred", ("*KOP*", "Alamat")),
        Block("title", ("Judul",)),
        Block("heading", ("Bagian",)),
        Block("text", ("Sebuah alinea *penting* dalam dua baris.",)),
        Block("bullets", ("satu", "dua lanjutannya")),
        Block("numbers", ("tiga", "empat"), start=3),
        Block("facts", ("Nomor :: 0812-0000-0002", "Kosong ::")),
        Block("signature", ("Tempat", "", "[ISI: nama]")),
    )
    facts = read_document(TEXT)[6].facts
    assert facts == (("Nomor", "0812-0000-0002"), ("Kosong", ""))


def test_as_text_it_reads_without_marks():
    text = as_text(read_document(TEXT))
    assert "Sebuah alinea penting dalam dua baris." in text
    assert "3. tiga\n4. empat" in text
    assert "Nomor: 0812-0000-0002" in text
    assert "*" not in text
    assert "^" not in text


class Outline(HTMLParser):
    """Collects the elements that are opened, and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    read = Outline()
    read.feed(page)
    assert read.open == []
    return read


def test_the_page_for_word_and_the_snippet_for_a_site_are_well_formed():
    blocks = read_document(TEXT)
    page = as_html(blocks, title="Judul & isi")
    assert "<title>Judul &amp; isi</title>" in page
    assert {"html", "h1", "h2", "ul", "ol", "table"} <= set(outline(page).seen)
    assert '<ol start="3">' in page
    snippet = as_html(blocks)
    assert {"html", "style", "script", "h1"} & set(outline(snippet).seen) == set()
    assert "style=" not in snippet
    assert "class=" not in snippet


def test_words_of_an_owner_stay_words():
    blocks = read_document("Dari <script>alert(1)</script> & #eval(1) $x$ \\ @a <label>")
    assert "<script>" not in as_html(blocks)
    assert "&lt;script&gt;" in as_html(blocks, title="x")
    assert "#eval(1) $x$ \\ @a <label>" in words_of(as_pdf(blocks, title="x"))


def test_a_blank_is_listed_once_and_marked():
    text = "Kepada [ISI: nama] dan [ISI: nama], nomor [ISI: nomor surat]."
    assert blanks(text) == ["nama", "nomor surat"]
    assert as_html(read_document(text)).count("<mark>[ISI: nama]</mark>") == 2


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_bounded() for page in document]
    return re.sub(r"\s+", " ", " ".join(pages))


def test_the_pdf_has_all_words_on_a4():
    pdf = as_pdf(read_document(TEXT), title="Judul")
    words = words_of(pdf)
    for part in (
        "KOP",
        "Judul",
        "Sebuah alinea penting dalam",
        "3. tiga",
        "0812-0000-0002",
        "[ISI: nama]",
    ):
        assert part in words
    width, height = pypdfium2.PdfDocument(pdf)[0].get_size()
    assert (round(width), round(height)) == (595, 842)
