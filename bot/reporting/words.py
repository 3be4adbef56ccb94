"""Indonesian figures, dates and words of what coordinators read.

A survey's `coordinator` messages come first; the words here stand in where a survey has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fractions import Fraction
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal

from bot.flow.expressions import fill
from bot.flow.survey import Survey
from bot.flow.turn import Choice
from bot.reporting.publication import Count

LOCALE = "id"
SLOW = 10
"""A pace below it is told with a decimal."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "daily_template": "Posisi *{{nama_survei}}* {{tgl}} pukul {{pukul}} {{zona}}:"
        " {{ringkasan}}. Balas RINCIAN untuk melihat angka per unit.",
        "digest_head": "📊 *{{nama_survei}}* — {{instansi}}\n"
        "Posisi {{tgl}} pukul {{pukul}} {{zona}}, hari ke-{{hari}} dari {{total_hari}}",
        "digest_line": "{{nama}}: {{isi}} dari {{target}} ({{pct}}%){{naik}}",
        "digest_line_no_target": "{{nama}}: {{isi}}{{naik}}",
        "digest_line_almost": "{{nama}}: hampir lengkap",
        "digest_line_few": "{{nama}}: <5",
        "digest_line_hidden": "{{nama}}: belum ditampilkan",
        "digest_details": "Per unit:",
        "digest_own": " (langsung)",  # without the units below it
        "digest_units": "Perlu sosialisasi:",
        "digest_units_more": "dan {{sisa}} unit lain",
        "digest_pages": "Halaman {{halaman}} dari {{jumlah}}."
        " Balas *RINCIAN {{berikut}}* untuk lanjutannya.",
        "digest_forecast": "Dengan laju ini sekitar {{perkiraan}}% pada {{tgl_tutup}};"
        " untuk mencapai target perlu {{perlu}} isian per hari.",
        "digest_forecast_met": "Dengan laju ini target tercapai sebelum {{tgl_tutup}}.",
        "digest_final": "Pengisian sudah ditutup. Ini angka terakhir yang ditampilkan; jumlah"
        " sebenarnya dapat lebih besar. Terima kasih atas bantuan Bapak/Ibu.",
        "digest_foot": "_Hanya jumlah, sekali sehari, dan sengaja tidak persis: jumlah sebenarnya"
        " dapat lebih besar. Siapa yang mengisi tidak pernah ditampilkan._",
        "weekly": "*Rekap mingguan {{nama_survei}}* — {{instansi}}\n{{periode}},"
        " posisi {{tgl}} pukul {{pukul}} {{zona}}",
        "weekly_pace": "Laju: {{laju}} isian per hari (pekan sebelumnya {{laju_lalu}}).",
        "weekly_pace_first": "Laju: {{laju}} isian per hari.",
        "weekly_more": "Balas *RINCIAN* untuk angka per unit, *REKAP* untuk berkas Excel.",
        "unit_nudge": "Balas *BAGIKAN* untuk pesan dan poster yang boleh diteruskan ke grup"
        " {{unit}}. *Mohon tidak mengarahkan jawaban, tidak mengumpulkan jawaban, dan tidak meminta"
        " bukti pengisian.*",
        "unit_forward": "Yth. Bapak/Ibu di *{{unit}}*,\n\nUndangan *{{nama_survei}}* dikirim lewat"
        " WhatsApp dari nomor {{nomor_resmi}}. Jangan langsung percaya; silakan cek sendiri di"
        " {{situs_resmi}}.\n\nPengisian sukarela dan rahasia. Mohon diisi sendiri, sejujurnya,"
        " kapan saja sampai {{batas}}; boleh di rumah. Tidak ada yang boleh mengarahkan atau"
        " mengumpulkan jawaban, atau meminta bukti pengisian.",
        "no_forward": "*BAGIKAN* menyiapkan pesan untuk grup satu unit. Bapak/Ibu menerima angka"
        " beberapa unit; admin masing-masing unit dapat memintanya sendiri.",
        "leader_weekly": "Laporan *{{nama_survei}}* untuk pekan {{periode}}: {{kalimat}}."
        " Mohon bantuan Bapak/Ibu: {{permintaan}}. Terima kasih.",
        "leader_sentence": "terisi {{isi}} dari {{target}} ({{pct}}%){{naik}}{{perkiraan}}",
        "leader_sentence_shown": "jumlah isian {{isi}}",
        "leader_rise": ", naik {{selisih}} dalam sepekan",
        "leader_forecast": "; dengan laju ini sekitar {{perkiraan}}% pada {{tgl_tutup}}",
        "leader_forecast_met": "; dengan laju ini target tercapai sebelum {{tgl_tutup}}",
        "leader_request_units": "sosialisasi di {{jumlah}} unit yang isiannya masih sedikit, dengan"
        " pesan bahwa pengisian sukarela dan rahasia, tanpa arahan dan tanpa bukti",
        "leader_request": "mengingatkan bahwa pengisian sukarela dan rahasia, tanpa arahan dan"
        " tanpa bukti",
        "leader_request_met": "menjaga agar pengisian tetap sukarela, tanpa arahan dan tanpa bukti",
        "closing": "Pengisian *{{nama_survei}}* sudah ditutup pada {{tgl}}. Angka terakhir yang"
        " ditampilkan: {{total}} isian; jumlah sebenarnya dapat lebih besar.\nHasil hanya"
        " diterbitkan untuk kelompok dengan sedikitnya {{n_min}} isian. Terima kasih atas bantuan"
        " Bapak/Ibu.",
        "roster_fix": "Yth. Admin {{unit}}.\nDari {{baris}} baris: {{ok}} siap, {{ganda}} ganda,"
        " {{kosong}} tanpa nomor, {{rusak}} nomor belum benar, {{telp}} telepon kantor.\n"
        "Balas *PERBAIKI* untuk membetulkan satu per satu, atau *UNGGAH* untuk halaman unggah"
        " berkas, paling lambat {{batas}}.",
        "roster_clean": "Yth. Admin {{unit}}.\nDaftar Bapak/Ibu ({{baris}} baris) sudah siap semua."
        " Terima kasih, tidak ada yang perlu dibetulkan.",
        "chart": "*{{nama_survei}}* — {{instansi}}\nPosisi {{tgl}} pukul {{pukul}} {{zona}}",
        "chart_more": "Gambar {{halaman}} dari {{jumlah}}."
        " Balas *GRAFIK {{berikut}}* untuk unit berikutnya.",
        "chart_moment": "Posisi {{tgl}} pukul {{pukul}} {{zona}}",
        "chart_legend": "target · berarsir: angka tidak ditampilkan",
        "chart_legend_plain": "target",
        "chart_trend": "Jumlah isian",
        "chart_bar": "{{isi}} dari {{target}} · {{pct}}%",
        "chart_target": "target {{target}}",
        "workbook": "Rekap per unit *{{nama_survei}}*, posisi {{tgl}} pukul {{pukul}} {{zona}}.",
        "no_target": "tanpa target",
        "rise": ", naik {{selisih}}",
        "few": "<5",
        "almost_complete": "hampir lengkap",
        "hidden": "belum ditampilkan",
        "no_snapshot": "Belum ada angka untuk *{{nama_survei}}*. Angka terbit sekali sehari, pukul"
        " {{pukul}} {{zona}}, mulai hari survei dibuka. Silakan balas *PROGRES* lagi sesudahnya.",
        "help": "Yang bisa ditulis di sini:\n{{daftar}}\n\nAngka diperbarui sekali sehari, pukul"
        " {{pukul}} {{zona}}. Siapa yang mengisi tidak pernah ditampilkan.",
        "paused": "Baik, angka harian tidak dikirim lagi. Balas *AKTIF* untuk menerimanya kembali.",
        "stopped": "Baik, angka harian tidak dikirim lagi. Balas *AKTIF* untuk menerimanya"
        " kembali, atau *BERHENTI* sekali lagi agar tidak dihubungi sama sekali.",
        "active": "Baik, angka harian dikirim lagi.",
    }
)

# Keppres 41/1987: Western, Central and Eastern Indonesian time.
_ZONE_LETTERS: Mapping[int, str] = MappingProxyType({7: "WIB", 8: "WITA", 9: "WIT"})
_INDONESIAN = frozenset({"Asia/Jakarta", "Asia/Pontianak", "Asia/Makassar", "Asia/Jayapura"})


def words(survey: Survey, name: str) -> str:
    """Return a message to coordinators before its placeholders are filled."""
    given = survey.words.coordinator.get(name)
    if given is None:
        return _WORDS[name]
    return given.texts.get(LOCALE) or next(iter(given.texts.values()))


def say(survey: Survey, name: str, values: Mapping[str, str]) -> str:
    """Return a message to coordinators, filled from `values` and the owner's own words."""
    owner = survey.settings.texts.get(LOCALE, {})
    return fill(words(survey, name), lambda key: values.get(key, owner.get(key, "")))


def template(survey: Survey, name: str, other: str) -> str:
    """Return the name of the template for a message; `other` where the survey has none of its own,
    as one that was written before there was this message."""
    message = survey.words.coordinator.get(name)
    return name if message is not None and message.template else other


def one_line(values: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return a template's variables: WhatsApp takes no line break and no empty one."""
    return {name: " ".join(values.get(name, "").split()) or "-" for name in names}


def buttons(survey: Survey, name: str) -> tuple[Choice, ...]:
    """Return a message's buttons; each stands for the command that is its label."""
    message = survey.words.coordinator.get(name)
    labels = message.buttons.get(LOCALE, ()) if message is not None else ()
    return tuple(Choice(label.upper(), label) for label in labels)


def title(survey: Survey) -> str:
    """Return the survey's name in Indonesian, else in its default language."""
    settings = survey.settings
    titles = settings.title
    return titles.get(LOCALE) or titles.get(settings.default_language) or settings.name


def group_label(survey: Survey, group: str) -> str:
    """Return what a group is called; one that the settings know no more keeps its identifier."""
    known = survey.settings.groups.get(group)
    if known is None:
        return group
    return known.label.get(LOCALE) or known.label.get(survey.settings.default_language) or group


def number(value: int) -> str:
    """Return a whole number as Indonesians write it: 1.234."""
    return str(format_decimal(value, locale=LOCALE))


def percent(share: Fraction) -> str:
    """Return a share as a percentage with at most one decimal: 52,7."""
    return str(format_decimal(float(share * 100), format="#,##0.#", locale=LOCALE))


def rate(value: Fraction) -> str:
    """Return a pace as a whole number, a slow one with a decimal: 0 would say that nothing came."""
    if not 0 < value < SLOW:
        return number(round(value))
    return str(format_decimal(float(value), format="#,##0.#", locale=LOCALE))


def day(value: date) -> str:
    """Return a date as "26 Juli 2025"."""
    return str(format_date(value, "d MMMM y", locale=LOCALE))


def day_of_year(value: date) -> str:
    """Return a date as "26 Juli", where the year is clear."""
    return str(format_date(value, "d MMMM", locale=LOCALE))


def period(first: date, last: date) -> str:
    """Return the days from one to another as "20–26 Juli 2025"."""
    if first.year != last.year:
        return f"{day(first)}–{day(last)}"
    if first.month != last.month:
        return f"{day_of_year(first)}–{day(last)}"
    return f"{first.day}–{day(last)}"


def zone_letters(zone: ZoneInfo, at: datetime) -> str:
    """Return WIB, WITA or WIT; abroad the zone's own letters."""
    local = at.astimezone(zone)
    offset = local.utcoffset()
    hours = int(offset.total_seconds() // 3600) if offset is not None else 0
    indonesian = str(zone) in _INDONESIAN
    return _ZONE_LETTERS[hours] if indonesian else (local.tzname() or str(zone))


def shown(survey: Survey, count: Count) -> str:
    """Return a published count in one or two words: a number, "<5", "hampir lengkap"."""
    match count.kind:
        case "number":
            return number(count.value)
        case "almost":
            return words(survey, "almost_complete")
        case kind:
            return words(survey, kind)


def line(survey: Survey, name: str, count: Count, rise: int | None = None) -> str:
    """Return one line of a digest for a group or a unit, with the rise where there was one."""
    values = {"nama": name, "isi": number(count.value)}
    if count.kind != "number":
        return say(survey, f"digest_line_{count.kind}", values)
    values["naik"] = say(survey, "rise", {"selisih": number(rise)}) if rise else ""
    if count.share is None:
        return say(survey, "digest_line_no_target", values)
    values["target"] = number(count.target or 0)
    values["pct"] = percent(count.share)
    return say(survey, "digest_line", values)
