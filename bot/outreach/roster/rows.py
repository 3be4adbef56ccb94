"""What one row of a roster says: a person, a number, where the person belongs, or what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from bot.flow.settings import Settings
from bot.flow.source import Problem
from bot.intake.phones import REASONS, Phone, holds_national_id, read_phone
from bot.intake.tables import Column, Row, Table, did_you_mean, heading
from storage.queries.units import UnitRow

Outcome = Literal[
    "accepted",
    "changed",  # known, and something else about the person is new
    "unchanged",
    "duplicate_in_file",  # the same number in the same unit and group, further up
    "duplicate_elsewhere",  # the number is on another unit's or group's list: the first one stays
    "unusable",
    "unknown_unit",
    "unknown_group",
]

DETAILS = (
    Column("unit_kerja", ("sub_unit", "bidang", "bagian", "unit_kerja_bidang", "sub_bagian")),
    Column("jabatan_kelompok", ("jabatan", "kelompok_jabatan", "nama_jabatan", "position")),
    Column("status", ("status_pegawai", "status_kepegawaian", "status_asn", "jenis_pegawai")),
    Column("tmt_unit", ("tanggal_mulai_di_unit", "tanggal_mulai_bekerja_di_unit")),
    Column("tmt_instansi", ("tanggal_mulai_bekerja", "tmt", "tanggal_masuk", "start_date")),
    Column("jenis_layanan", ("layanan", "nama_layanan", "service")),
    Column("tanggal_layanan", ("tgl_layanan", "tanggal_pelayanan", "service_date")),
    Column("nama_perusahaan", ("perusahaan", "nama_vendor", "vendor", "company")),
    Column("unsur_ahli", ("unsur",)),
    Column("kab_kota_kode", ("kode_kab_kota", "kode_kabupaten", "kode_wilayah")),
)
"""Columns that are kept, sealed, for whoever checks later who belongs in the survey."""

_PHONES = (
    *("wa", "no_wa", "nomor_wa", "whatsapp", "no_whatsapp", "nomor_whatsapp", "no_hp_wa"),
    *("no_wa_hp", "nomor_hp_wa", "hp_whatsapp", "no_hp_whatsapp", "nomor_hp_whatsapp"),
    *("whatsapp_number", "hp", "no_hp", "nomor_hp", "handphone", "no_handphone"),
    *("nomor_handphone", "ponsel", "mobile", "mobile_phone", "no_ponsel", "no_seluler"),
    *("nomor_seluler", "no_hp_1", "hp_1", "hp1", "no_hp_aktif", "telepon", "no_telp"),
    *("no_telepon", "nomor_telepon", "phone", "phone_number", "kontak", "no_kontak"),
)
_OTHER_PHONES = (
    *("hp_2", "hp2", "no_hp_2", "no_hp2", "nomor_hp_2", "wa_2", "no_wa_2", "nomor_lain"),
    *("no_hp_lain", "nomor_hp_lain", "hp_alternatif", "no_hp_alternatif", "hp_cadangan"),
    *("no_hp_cadangan", "nomor_cadangan", "no_cadangan", "telepon_2", "other_phone"),
)

COLUMNS = (
    Column(
        "kelompok",
        ("kelompok_responden", "jenis_responden", "kategori_responden", "grup", "group",
         "responden"),
    ),
    Column(
        "nama",
        ("nama_lengkap", "nama_responden", "nama_pegawai", "nama_asn", "nama_pns",
         "nama_pengguna_layanan", "nama_pemohon", "name", "full_name"),
    ),
    Column("hp_wa", _PHONES, required=True, spare="hp_lain", instead="email"),
    Column("hp_lain", _OTHER_PHONES),
    Column("email", ("e_mail", "surel", "alamat_email", "alamat_e_mail", "alamat_surel",
                     "email_address")),
    Column("unit", ("kode_unit", "unit_code", "kode_opd", "kode", "code")),
    Column(
        "opd",
        ("nama_opd", "perangkat_daerah", "skpd", "nama_skpd", "instansi", "nama_instansi",
         "satuan_kerja", "satker", "unit_organisasi", "dinas", "nama_unit", "unit_name"),
    ),
    Column("daftar_kode", ("code_list", "list")),
    Column("bahasa", ("language", "lang")),
    Column("sumber_data", ("sumber", "source")),
    Column("dasar_kontak", ("dasar", "basis", "persetujuan")),
    *DETAILS,
)  # fmt: skip

_NAMES = {heading(name): one.name for one in COLUMNS for name in (one.name, *one.synonyms)}

# Names of units and groups that were looked up, and are few in good files.
_REMEMBERED = 10_000
NO_EMAIL = ("not an e-mail address", "write name@domain")
_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>().]{2,}")
_LANGUAGES = {"bahasa indonesia": "id", "indonesia": "id", "indonesian": "id", "inggris": "en",
              "english": "en", "banjar": "bjn", "dayak ngaju": "nij", "ngaju": "nij"}  # fmt: skip
# The longest source and basis that are stored; more is cut, with a warning.
_LIMITS = {"sumber_data": 80, "dasar_kontak": 200}


def column_of(title: str) -> str:
    """Return the column that a heading, or a column's own name, stands for; "" for none."""
    return _NAMES.get(heading(title), "")


def read_email(text: str) -> str | None:
    """Return an e-mail address as it is stored and compared, or None for what is none."""
    tidy = text.strip().casefold()
    return tidy if _EMAIL.fullmatch(tidy) and len(tidy) <= 254 else None


class Person(NamedTuple):
    """A row that can be used. `sealed` is what is stored encrypted, nothing empty in it."""

    unit_id: int
    group: str
    phone: Phone
    email: str
    sealed: Mapping[str, Any]
    source: str | None
    basis: str | None


class Read(NamedTuple):
    """One row's reading: a person, or the class it fell into; and all there is to say about it.

    `unit_id`, `group` and `known` are what could be read of a row that gives no person; `kind` says
    what is wrong with it, of a number what kind it is.
    """

    row: Row
    person: Person | None
    outcome: Outcome | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    unit_id: int | None = None
    group: str | None = None
    known: Mapping[str, Any] = MappingProxyType({})
    kind: str = ""


class Units:
    """Finds the unit that a row names, by code or by name; never by what merely looks like it."""

    def __init__(self, units: Iterable[UnitRow]) -> None:
        self._by_key: dict[tuple[str, str], int] = {}
        self._by_code: dict[str, list[tuple[str, str]]] = {}
        self._by_name: dict[str, list[tuple[str, str]]] = {}
        self._names: list[str] = []
        self._found: dict[tuple[str, str], int | tuple[str, str]] = {}
        for unit in units:
            key = (unit.code_list, unit.code)
            self._by_key[key] = unit.id
            self._by_code.setdefault(unit.code.casefold(), []).append(key)
            self._by_name.setdefault(_squeezed(unit.name), []).append(key)
            self._names.append(unit.name)

    def find(self, text: str, code_list: str) -> int | tuple[str, str]:
        """Return the unit's id, or what is wrong and how to mend it."""
        found = self._found.get((text, code_list))
        if found is None:
            if len(self._found) > _REMEMBERED:
                self._found.clear()
            found = self._found[text, code_list] = self._search(text, code_list)
        return found

    def _search(self, text: str, code_list: str) -> int | tuple[str, str]:
        listed, colon, code = text.partition(":")
        if colon and (listed.strip().casefold(), code.strip()) in self._by_key:
            return self._by_key[listed.strip().casefold(), code.strip()]
        if code_list and (code_list.casefold(), text) in self._by_key:
            return self._by_key[code_list.casefold(), text]
        keys = [] if code_list else self._by_code.get(text.casefold(), [])
        if [key for key in keys if key[0] == "bps"]:
            # 6206 of BPS is Sukamara, 62.06 of Kemendagri Katingan: digits alone say neither.
            return f"{text!r} may be of BPS or of Kemendagri", f"write bps:{text} if BPS is meant"
        keys = keys or self._by_name.get(_squeezed(text), [])
        if len(keys) == 1:
            return self._by_key[keys[0]]
        if keys:
            shown = " or ".join(f"{key[0]}:{key[1]}" for key in keys)
            return f"{text!r} is the code or name of several units", f"write {shown}"
        known = (*self._names, *(code for _, code in self._by_key))
        return f"there is no unit {text!r}", did_you_mean(text, known)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads rows of one table. Without settings (a check before any survey) every group passes."""

    table: Table
    units: Units
    settings: Settings | None
    region: str = "ID"
    default_unit: str = ""
    default_group: str = ""
    _groups: dict[str, str] = field(default_factory=dict)
    _details: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Learn the names that a group goes by: its own, and its label in every language."""
        self._details.extend(one.name for one in DETAILS if one.name in self.table.position)
        if self.settings is not None:
            for name, group in self.settings.groups.items():
                for word in (name, *group.label.values()):
                    self._groups.setdefault(_squeezed(word), name)

    def read(self, row: Row) -> Read:
        """Read one row; everything that is wrong with it is told at once."""
        if row.broken is not None:
            return Read(row, None, "unusable", (row.broken,))
        warnings: list[Problem] = []

        def warn(column: str, what: str, fix: str) -> None:
            warnings.append(self.table.problem(row, column, what, fix))

        email = read_email(row.get("email")) or ""
        phone = self._phone(row, warn)
        unit = self._unit(row)
        group = self._group(row)
        reachable = phone.e164 is not None or email
        if not reachable or isinstance(unit, tuple) or isinstance(group, tuple):
            return self._to_mend(row, phone, email, unit, group)._replace(warnings=tuple(warnings))
        if not email and _is_given(row, "email"):
            what, fix = NO_EMAIL
            warn("email", f"{what}; it was left out", fix)
        self._warn_of_phone(phone, warn)
        person = self._person(row, unit, group, phone, email, warn)
        return Read(row, person, warnings=tuple(warnings))

    def _to_mend(
        self,
        row: Row,
        phone: Phone,
        email: str,
        unit: int | tuple[str, str],
        group: str | tuple[str, str],
    ) -> Read:
        """Return the reading of a row that gives no person; its first fault is its class."""
        wrong: list[tuple[Outcome, str, tuple[str, str]]] = []
        if phone.problem and not email:
            wrong.append(("unusable", "hp_wa", REASONS[phone.kind]))
            if _is_given(row, "email"):
                wrong.append(("unusable", "email", NO_EMAIL))
        if isinstance(unit, tuple):
            wrong.append(("unknown_unit", "unit" if row.get("unit") else "opd", unit))
        if isinstance(group, tuple):
            wrong.append(("unknown_group", "kelompok", group))
        known = {"name": self._clean(row, "nama", _unheard), "phone": phone.e164, "email": email}
        return Read(
            row,
            None,
            wrong[0][0],
            tuple(self.table.problem(row, column, *told) for _, column, told in wrong),
            unit_id=unit if isinstance(unit, int) else None,
            group=group if isinstance(group, str) else None,
            known={key: value for key, value in known.items() if value},
            kind=phone.kind if wrong[0][0] == "unusable" else wrong[0][0],
        )

    def _phone(self, row: Row, warn: _Warn) -> Phone:
        """Return the row's number: of `hp_wa`, else of `hp_lain` where `hp_wa` was left empty."""
        phone = read_phone(row.get("hp_wa"), self.region)
        if phone.kind != "empty":
            return phone
        other = read_phone(row.get("hp_lain"), self.region)
        if other.e164 is None:
            return phone if other.kind == "empty" else other
        warn("hp_lain", "the only number of the row; it was taken", "put it into hp_wa")
        return other

    def _unit(self, row: Row) -> int | tuple[str, str]:
        text = row.get("unit") or row.get("opd") or self.default_unit
        if not text:
            return "no unit", "write the unit's code, as list:code"
        return self.units.find(text, row.get("daftar_kode"))

    def _group(self, row: Row) -> str | tuple[str, str]:
        text = row.get("kelompok") or self.default_group
        if not text:
            return "no group", "write the group that the person belongs to"
        if self.settings is None:
            return text.casefold()
        known = self._groups.get(text) or self._groups.get(_squeezed(text))
        return known or (f"there is no group {text!r}", did_you_mean(text, self.settings.groups))

    def _warn_of_phone(self, phone: Phone, warn: _Warn) -> None:
        if phone.problem and phone.kind != "empty":
            what, fix = REASONS[phone.problem]
            warn("hp_wa", f"{what}; only the e-mail address was taken", fix)
        elif phone.kind == "two_numbers":
            what = "two numbers; the first usable one was taken"
            warn("hp_wa", what, "put the second one into a column hp_lain")
        elif phone.kind == "foreign":
            warn("hp_wa", "another country's number", "check that it is meant")
        elif phone.caution:
            warn("hp_wa", phone.caution, "check the number")

    def _person(
        self, row: Row, unit_id: int, group: str, phone: Phone, email: str, warn: _Warn
    ) -> Person:
        """Put together what is stored, leaving out every cell with an identity number."""
        clean, cells = self._clean, row.cells
        others = phone.others
        if cells.get("hp_lain"):
            other = read_phone(cells["hp_lain"], self.region)
            further = (other.e164, *other.others)
            others = tuple(dict.fromkeys((*others, *(one for one in further if one))))
        source, basis = (self._cut(row, name, warn) for name in _LIMITS)
        sealed: dict[str, Any] = {
            "name": clean(row, "nama", warn),
            "phone": phone.e164,
            "others": [one for one in others if one != phone.e164] if others else None,
            "email": email,
            "language": self._language(row, warn) if cells.get("bahasa") else None,
            "details": {name: text for name in self._details if (text := clean(row, name, warn))},
        }
        sealed = {key: value for key, value in sealed.items() if value}
        return Person(unit_id, group, phone, email, sealed, source, basis)

    def _cut(self, row: Row, column: str, warn: _Warn) -> str | None:
        """Return a text that is stored, as far as there is room for it."""
        text, limit = self._clean(row, column, warn), _LIMITS[column]
        if len(text) <= limit:
            return text or None
        warn(column, f"longer than {limit} characters; the rest was left out", "shorten it")
        return text[:limit]

    def _clean(self, row: Row, column: str, warn: _Warn) -> str:
        text = row.cells.get(column)
        if not text:
            return ""
        text = " ".join(text.split())
        if len(text) < 16 or not holds_national_id(text):
            return text
        warn(column, "holds an identity number (NIK or NIP); it was left out", "delete it")
        return ""

    def _language(self, row: Row, warn: _Warn) -> str:
        text = _squeezed(row.get("bahasa"))
        if not text:
            return ""
        code = _LANGUAGES.get(text, text)
        if self.settings is None or code in self.settings.languages:
            return code
        for known, name in self.settings.language_names.items():
            if _squeezed(name) == text:
                return known
        what = f"the survey is not offered in {row.get('bahasa')!r}; the person will be asked"
        warn("bahasa", what, did_you_mean(text, self.settings.languages))
        return ""


def _is_given(row: Row, column: str) -> bool:
    return row.get(column) not in {"", "-"}


_Warn = Callable[[str, str, str], None]


def _unheard(*_: str) -> None:
    """Warn nobody: the row is one to mend, and its problems are told."""


def _squeezed(text: str) -> str:
    return " ".join(text.casefold().split())
