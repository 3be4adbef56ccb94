"""What coordinators are answered, in Indonesian; a survey's own `coordinator` messages come first.

Warm and short; nothing ranks units or names people.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.flow.expressions import fill
from bot.flow.survey import Survey
from bot.flow.turn import Message
from bot.reporting import words

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "unit_which": "Maksud Bapak/Ibu:\n{{daftar}}\nBalas dengan angkanya.",
        "unit_which_more": "Masih ada {{sisa}} unit lain; bila bukan salah satu di atas, mohon"
        " tulis namanya lebih lengkap.",
        "unit_which_write": "Ada beberapa unit dengan nama itu:\n{{daftar}}\nMohon tulis"
        " *{{perintah}}* dan nama lengkapnya.",
        "unit_unknown": "Maaf, unit itu tidak ada di antara yang dapat ditampilkan untuk"
        " Bapak/Ibu. Mohon tulis nama atau kode unit sendiri atau unit di bawahnya, misalnya"
        " *{{perintah}} {{unit}}*.",
        "away": "Baik, angka harian berhenti dulu dan datang lagi mulai {{tgl}}. Balas *AKTIF*"
        " untuk menerimanya lebih cepat.",
        "pause_how": "Mohon balas *JEDA 7* untuk jeda tujuh hari (1 sampai {{paling_lama}}), atau"
        " *JEDA* saja untuk berhenti sampai dibalas *AKTIF*.",
        "recap": "*Daftar responden* — {{instansi}}\nDari {{baris}} baris: {{siap}} siap,"
        " {{ganda}} ganda, {{perlu}} perlu dibetulkan{{rinci}}.",
        "recap_empty": "{{kosong}} tanpa nomor",
        "recap_landline": "{{telp}} telepon kantor",
        "recap_broken": "{{rusak}} nomor belum benar",
        "recap_other": "{{lain}} belum jelas unit atau kelompoknya",
        "recap_next": "Balas *PERBAIKI* untuk membetulkan satu per satu di sini, atau *UNGGAH*"
        " untuk halaman unggah berkas.",
        "recap_all_well": "Semua sudah rapi. Terima kasih banyak.",
        "recap_none": "*Daftar responden* — {{instansi}}\nBelum ada daftar yang masuk.",
        "help_progres": "*PROGRES* angka hari ini",
        "help_unit": "*PROGRES {{unit}}* angka satu unit",
        "help_rincian": "*RINCIAN* angka per unit",
        "help_grafik": "*GRAFIK* gambarnya",
        "help_workbook": "*REKAP* berkas Excel",
        "help_share": "*BAGIKAN* pesan untuk grup unit",
        "help_share_group": "*BAGIKAN {{kelompok}}* dengan poster untuk kelompok itu",
        "help_recap": "*REKAP* keadaan daftar responden",
        "help_mend": "*PERBAIKI* membetulkan daftar, *UNGGAH* halaman unggah berkas",
        "help_pause": "*JEDA* berhenti menerima angka harian, *JEDA 7* selama tujuh hari,"
        " *AKTIF* menerima lagi",
        "unreachable": "Admin {{unit}} belum dapat dihubungi. Bila ada penggantinya, mohon kabari"
        " penyelenggara survei.",
        "unreachable_more": "{{unit}}, dan {{sisa}} unit lain",
    }
)


def say(survey: Survey, name: str, values: Mapping[str, str | int] | None = None) -> str:
    """Return a message, filled from `values` and the owner's own words."""
    given = survey.words.coordinator.get(name)
    text = given.texts.get(words.LOCALE, "") if given is not None else ""
    owner = {"nama_survei": words.title(survey), **survey.settings.texts.get(words.LOCALE, {})}
    own = {
        key: words.number(one) if isinstance(one, int) else one
        for key, one in (values or {}).items()
    }
    return fill(text or _WORDS[name], lambda key: own.get(key, owner.get(key, "")))


def message(*parts: str) -> Message:
    """Return one message of several parts."""
    return Message("\n\n".join(part for part in parts if part), language=words.LOCALE)
