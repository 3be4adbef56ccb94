"""The authenticity kit: letter, notices, numbers, pictures and scripts, filled for one survey.

The words are in the folder of their language beside this module, one text a document (Jinja2 over
the marks of `bot/printing/documents.py`). What the settings do not say becomes a marked blank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.flow.answers.dates import day_in_words
from bot.flow.source import Problem
from bot.flow.survey import Survey
from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.outreach.authenticity import Mode, Proof, listed, proof_of, unlisted_sender
from bot.outreach.kit import contacts
from bot.printing import documents
from bot.printing.typeset import typeset

WORDS = Path(__file__).parent

# Name of the file, its text, and the forms in which an office wants it; without any it is pasted
# into WhatsApp as it stands.
DOCUMENTS = (
    ("1-surat-edaran", "surat-edaran", ("html", "pdf", "txt")),
    ("2-pengumuman", "pengumuman", ("html", "pdf", "txt")),
    ("3-pesan-grup", "pesan-grup", ()),
    ("6-tanya-jawab", "tanya-jawab", ("html", "pdf", "txt")),
    ("6-naskah-petugas", "naskah-petugas", ("html", "pdf", "txt")),
    ("7-media", "media", ("html", "txt")),
)
GUIDE = "0-baca-dulu.txt"
SNIPPET = "2-pengumuman-situs.html"
# Name of the picture, width and height in pixels.
PICTURES = (("5-gambar-grup.png", 1080, 1350), ("5-gambar-story.png", 1080, 1920))
PPI = 144  # two pixels to a point

_BLANKS: Mapping[str, str] = {
    "holder": "penyelenggara (texts.{} di survey.yaml)",
    "helper": "penyelenggara (texts.penyelenggara di survey.yaml)",
    "institution": "nama instansi (texts.instansi di survey.yaml)",
    "numbers": "nomor pengirim resmi (texts.{} di survey.yaml)",
    "code": "kode keaslian (texts.kode_verif di survey.yaml)",
    "site": "alamat situs resmi (texts.{} di survey.yaml)",
    "phone": "telepon kantor (texts.{} di survey.yaml)",
    "helper_phone": "telepon kantor (texts.telp_resmi di survey.yaml)",
    "outside": "kontak di luar instansi (texts.kontak_luar di survey.yaml)",
    "notice": "alamat pemberitahuan pelindungan data (texts.url di survey.yaml)",
}
"""What stands in a blank, by the name of what is missing; {} is the key of `texts`."""

_KEYS = {
    "holder": ("penyelenggara", "pemilik"),
    "numbers": ("nomor_resmi", "nomor_pemilik"),
    "site": ("situs_resmi", "situs_pemilik"),
    "phone": ("telp_resmi", "telp_pemilik"),
}
"""The keys of `texts` for one's own survey and for somebody else's."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What was written: files, the blanks in each of them, and what an operator should know."""

    files: tuple[str, ...]
    to_fill: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "files": list(self.files),
            "to_fill": {name: list(what) for name, what in self.to_fill.items()},
            "notes": list(self.notes),
        }


def write_kit(
    installation: Installation,
    survey: str,
    folder: Path,
    *,
    language: str = "id",
    region: str = "ID",
    page: str = "",
    overwrite: bool = False,
    mode: Mode | None = None,
    mail_from: str | None = None,
) -> Kit:
    """Write a survey's kit into a folder and say what is left to fill in.

    `page` is the address of `/asli`, if the world can open it. `mode` None is what the settings
    say. `mail_from` is who sends e-mails, `Name <address>`; without one none go out. Raises
    UnknownSurvey, OSError, TypesetError, and InputError for a language without words, and for files
    that are there already (somebody may have filled them in) unless `overwrite`.
    """
    published = installation.database.read(
        lambda connection: installation.surveys.named(connection, survey)
    )
    _check_language(language)
    proof = proof_of(installation, published, language, region, mode)
    mails = not proof.support and published.survey.words.mail_invite is not None
    mail = parseaddr(mail_from or "")[1] if mails else ""
    files = _made(proof, published.survey, page, mail)
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        what = f"{there[0]} is there already, and may have been filled in"
        raise InputError([Problem.about(str(folder), what, "take another folder, or --overwrite")])
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    unlisted = None if proof.support else unlisted_sender(installation, published, region)
    return Kit(
        tuple(files),
        {name: empty for name in files if (empty := _blanks_of(name, files[name]))},
        _notes(proof, None if unlisted is None else unlisted.shown),
    )


def _check_language(language: str) -> None:
    known = sorted(path.name for path in WORDS.iterdir() if (path / "surat-edaran.txt").is_file())
    if language not in known:
        what, fix = f"the kit has no words in {language!r}", f"there are: {', '.join(known)}"
        raise InputError([Problem.about("--language", what, fix)])


def _made(proof: Proof, survey: Survey, page: str, mail: str) -> dict[str, bytes]:
    """Return the content of every file by its name, in the order of their names."""
    language = proof.language
    more = {"page": page.removeprefix("https://"), "mail": mail}
    values = {**_values(proof, survey, language), **more}
    words = _words(language)
    files: dict[str, bytes] = {}
    for name, text, forms in DOCUMENTS:
        written = words(text, values)
        blocks = documents.read_document(written)
        for form in forms:
            files[f"{name}.{form}"] = _document(blocks, form, proof.title, language)
        if not forms:
            files[f"{name}.txt"] = written.encode()
        if text == "pengumuman":
            files[SNIPPET] = documents.as_html(blocks).encode()
    files |= contacts.files(proof, str(values["title"]), str(values["holder"]))
    picture = documents.read_document(words("gambar", values))[0].facts
    for name, width, height in PICTURES:
        files[name] = _picture(dict(picture), width, height, language)
    guide = documents.as_text(documents.read_document(words("baca-dulu", values)))
    files[GUIDE] = (guide + _still_blank(files)).encode()
    return dict(sorted(files.items()))


def _words(language: str) -> Callable[[str, Mapping[str, object]], str]:
    """Return what fills the text of a document."""
    environment = Environment(
        loader=FileSystemLoader(WORDS / language),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 # plain text; HTML is made of the blocks, and escaped there
    )
    return lambda name, values: environment.get_template(f"{name}.txt").render(values)


def _values(proof: Proof, survey: Survey, language: str) -> dict[str, object]:
    """Return what the texts may name, with a blank for all that is missing."""
    settings = survey.settings
    said = {
        **{name: getattr(proof, name) for name in _BLANKS if name != "numbers"},
        "numbers": listed(proof.numbers),
    }
    labels = {name: _in(group.label, language, settings.default_language)
              for name, group in settings.groups.items()}  # fmt: skip
    return {
        **{name: word or _blank(name, support=proof.support) for name, word in said.items()},
        "title": proof.title,
        "bps": proof.bps,
        "mode": proof.mode,
        "support": proof.support,
        "opens": day_in_words(proof.opens, language),
        "closes": day_in_words(proof.closes, language),
        "k": settings.k,
        "minutes": [(labels[name], survey.for_group(name).minutes) for name in settings.groups],
        "sources": [
            (labels[name], _in(group.source, language, settings.default_language))
            for name, group in settings.groups.items()
        ],
    }


def _in(texts: Mapping[str, str], language: str, default: str) -> str:
    return texts.get(language) or texts[default]


def _blank(name: str, *, support: bool) -> str:
    key = _KEYS[name][support] if name in _KEYS else ""
    return f"[ISI: {_BLANKS[name].format(key)}]"


def _document(blocks: tuple[documents.Block, ...], form: str, title: str, language: str) -> bytes:
    match form:
        case "html":
            return documents.as_html(blocks, title=title).encode()
        case "pdf":
            return documents.as_pdf(blocks, title=title, language=language)
        case _:
            return documents.as_text(blocks).encode()


def _picture(words: Mapping[str, str], width: int, height: int, language: str) -> bytes:
    source = (WORDS / "picture.typ").read_text(encoding="utf-8")
    # A blank in a picture is as short as it can be.
    said = {name: re.sub(r"\[ISI: ([^(\]]*?) ?\([^\]]*\]", r"[ISI: \1]", word)
            for name, word in words.items()}  # fmt: skip
    data = {**said, "width": width / 2, "height": height / 2, "language": language}
    return typeset(source, data, form="png", ppi=PPI)[0]


def _blanks_of(name: str, content: bytes) -> tuple[str, ...]:
    if name == GUIDE or name.endswith((".png", ".pdf")):
        return ()
    return tuple(documents.blanks(content.decode("utf-8-sig")))


def _still_blank(files: Mapping[str, bytes]) -> str:
    """Return the list of all blanks, by file, for the end of the guide."""
    lines = []
    for name, content in sorted(files.items()):
        what = _blanks_of(name, content) if name.endswith((".txt", ".csv")) else ()
        lines += [name, *(f"  - {one}" for one in what)] if what else []
    if not lines:
        return "\nTidak ada bagian yang masih kosong.\n"
    head = "Masih harus diisi:"
    return "\n".join(["", head, *lines]) + "\n"


def _notes(proof: Proof, unlisted: str | None) -> tuple[str, ...]:
    """Say what makes people doubt although every blank is filled."""
    notes = []
    if unlisted:
        notes.append(
            f"messages go out from {unlisted}, which texts.nomor_resmi does not name: add it to"
            " survey.yaml and publish, or people will take them for a fake"
        )
    if proof.site and not re.search(r"\.(go|ac|mil)\.id(/|:|$)", proof.site):
        notes.append(
            f"{proof.site} is no .go.id or .ac.id address: people trust one that only an"
            " institution can have"
        )
    if proof.mode == "own" and not proof.bps:
        notes.append(
            "texts.rekomendasi_bps is not set: a survey on public money needs a recommendation by"
            " BPS, and its number makes people believe"
        )
    if proof.state == "over":
        notes.append(f"the survey ended on {proof.closes}")
    return tuple(notes)
