"""What coordinators read while they mend a roster, in Indonesian; the survey's own words first.

Warm and short; no rank, no comparison of units, and of a person no more than the name on the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from babel.numbers import format_decimal

from bot.flow.expressions import fill
from bot.flow.survey import Survey
from bot.flow.turn import Message
from bot.outreach.roster.rows import column_of

LOCALE = "id"

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "mend_begin": "Ada {{jumlah}} baris yang perlu dibetulkan. Kita kerjakan satu per satu;"
        " *SELESAI* untuk berhenti kapan saja.\n_Percakapan ini tersimpan di HP Bapak/Ibu: mohon"
        " dihapus bila sudah selesai._",
        "fix_one": "Baris {{no}}, {{nama_singkat}} ({{unit}}): {{masalah}}."
        " Balas dengan {{yang_benar}}, *LEWATI*, atau *PINDAH* bila bukan di unit ini.",
        "mend_thanks": "Terima kasih, sudah dibetulkan.",
        "mend_partly": "Terima kasih, yang itu sudah benar. Masih ada satu hal lagi.",
        "mend_skipped": "Baik, dilewati dulu.",
        "mend_moved": "Baik, baris itu dikeluarkan dari daftar unit ini.",
        "mend_duplicate": "Nomor itu sudah ada di daftar untuk orang lain, jadi belum kami pakai."
        " Mohon nomor milik yang bersangkutan, atau *LEWATI*.",
        "mend_wrong": "Maaf, belum bisa dipakai: {{masalah}}. Mohon coba sekali lagi,"
        " atau balas *LEWATI*.",
        "mend_unclear": "Maaf, belum terbaca. Mohon balas dengan {{yang_benar}}, *LEWATI*,"
        " atau *SELESAI* untuk berhenti.",
        "mend_progress": "Sudah {{beres}} baris, tinggal {{sisa}}.",
        "mend_end": "Baik, berhenti dulu. {{beres}} baris dibetulkan, {{sisa}} belum."
        " Balas *PERBAIKI* untuk melanjutkan. Terima kasih banyak.",
        "mend_over": "Selesai: {{beres}} baris dibetulkan, {{sisa}} belum. Balas *PERBAIKI* untuk"
        " melihat yang belum. Terima kasih banyak.",
        "mend_over_all": "Selesai: {{beres}} baris dibetulkan, tidak ada yang tersisa."
        " Terima kasih banyak.",
        "mend_nothing": "Tidak ada baris yang perlu dibetulkan. Terima kasih, daftarnya rapi.",
        "mend_too_late": "Terima kasih, tetapi undangan *{{nama_survei}}* sudah mulai dikirim,"
        " jadi daftar tidak diubah lagi. Ini untuk menjaga kerahasiaan siapa yang terpilih.",
        "file_received": "Terima kasih, berkas sudah diterima dan sedang dibaca. Hasilnya kami"
        " kabarkan di sini sebentar lagi.",
        "file_roster": "Berkas sudah dibaca: {{baris}} baris, {{siap}} siap, {{ganda}} ganda,"
        " {{perlu}} perlu dibetulkan.",
        "file_mending": "Perbaikan sudah dibaca: {{baris}} baris, {{siap}} beres, {{ganda}} ganda,"
        " {{perlu}} masih perlu dibetulkan, {{kosong}} belum diisi.",
        "file_what_next": " Balas *PERBAIKI* untuk membetulkan satu per satu di sini, atau"
        " *UNGGAH* untuk halaman unggah berkas.",
        "file_all_well": " Semua sudah rapi. Terima kasih banyak.",
        "file_unreadable": "Maaf, berkas belum bisa dibaca sebagai daftar. Mohon kirim Excel (xlsx)"
        " atau CSV dengan judul kolom: unit, kelompok, nama, hp_wa.",
        "file_refused": "Maaf, berkas ini tidak bisa diterima. Mohon kirim Excel (xlsx) atau CSV,"
        " paling besar 5 MB.",
        "file_lost": "Maaf, berkas tidak berhasil diambil. Mohon dikirim sekali lagi.",
        "file_other_units": "Maaf, berkas memuat {{jumlah}} baris dari unit lain (baris {{nomor}})."
        " Belum ada yang disimpan. Mohon hapus baris itu, lalu kirim lagi.",
        "page_title": "{{nama_survei}}",
        "page": "Halaman unggah untuk Bapak/Ibu, berlaku 24 jam dan hanya untuk satu berkas:"
        "\n{{url}}\nMohon tidak diteruskan ke siapa pun.",
        "page_none": "Halaman unggah belum tersedia. Silakan kirim berkas Excel langsung ke sini,"
        " atau balas *PERBAIKI*.",
    }
)

_WANTED = {
    "unit": "kode unit yang benar",
    "opd": "kode unit yang benar",
    "kelompok": "kelompok yang benar",
}


def say(survey: Survey, name: str, values: Mapping[str, str | int] | None = None) -> str:
    """Return a message to coordinators, filled from `values` and the owner's own words."""
    given = survey.words.coordinator.get(name)
    text = given.texts.get(LOCALE, "") if given is not None else ""
    settings = survey.settings
    title = settings.title.get(LOCALE) or settings.title.get(settings.default_language, "")
    owner = {"nama_survei": title, **settings.texts.get(LOCALE, {})}
    own = {key: number(one) if isinstance(one, int) else one for key, one in (values or {}).items()}
    return fill(text or _WORDS[name], lambda key: own.get(key, owner.get(key, "")))


def message(*parts: str) -> Message:
    """Return one message of several parts."""
    return Message("\n\n".join(part for part in parts if part), language=LOCALE)


def number(value: int) -> str:
    """Return a whole number as Indonesians write it: 1.234."""
    return str(format_decimal(value, locale=LOCALE))


def wanted(problems: Sequence[tuple[str, str, str]]) -> str:
    """Say what to reply with."""
    column = column_of(problems[0][0]) if problems else ""
    return _WANTED.get(column, "nomor yang benar")


def short_name(name: str) -> str:
    """Return as little of a name as tells people of one office apart: the first two words."""
    words = name.split()
    return " ".join(words[:2])[:30] or "tanpa nama"
