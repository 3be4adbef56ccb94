"""Indonesian figures, dates and words of what coordinators read.

A survey's `coordinator` messages come first; the words here stand in where a survey has none.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        "digest_forecast": "Perkiraan bila laju tetap: {{perkiraan}}%",
        "digest_final": "Pengisian sudah ditutup. Ini angka terakhir; terima kasih.",
        "digest_foot": "_Hanya jumlah, sekali sehari."
        " Siapa yang mengisi tidak pernah ditampilkan._",
        "rise": " (naik {{selisih}})",
        "few": "<5",
        "almost_complete": "hampir lengkap",
        "hidden": "belum ditampilkan",
        "no_snapshot": "Belum ada angka untuk *{{nama_survei}}*. Angka terbit sekali sehari, pukul"
        " {{pukul}} {{zona}}. Silakan balas *PROGRES* lagi sesudahnya.",
        "help": "Yang bisa ditulis di sini:\n{{daftar}}\n\nAngka diperbarui sekali sehari, pukul"
        " {{pukul}} {{zona}}. Siapa yang mengisi tidak pernah ditampilkan.",
        "paused": "Baik, angka harian tidak dikirim lagi. Balas *AKTIF* untuk menerimanya kembali.",
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


def day(value: date) -> str:
    """Return a date as "26 Juli 2025"."""
    return str(format_date(value, "d MMMM y", locale=LOCALE))


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
