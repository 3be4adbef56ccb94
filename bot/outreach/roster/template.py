"""The workbook that is handed out to offices: columns, rules for their cells, instructions.

The column of numbers is Text, so that no spreadsheet turns a number into a float, and refuses what
is no mobile number. What is written here is what `COLUMNS` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter
from sqlalchemy import Connection
from xlsxwriter.utility import xl_col_to_name

from bot.intake.tables import safe_cell
from bot.interview.installation import Installation
from storage.queries import units as unit_queries

ROWS = 5000  # lines that are prepared
_GROUPS = ("internal", "eksternal", "ahli")  # where no survey says which there are
_STATUSES = ("PNS", "PPPK", "non-ASN")


@dataclass(frozen=True, slots=True)
class _Field:
    """A column of the template: its heading, width, and what is said beside the cell."""

    name: str
    width: int
    hint: str
    required: bool = False


_FIELDS = (
    _Field("kelompok", 14, "Kelompok responden; pilih dari daftar.", required=True),
    _Field("nama", 28, "Nama lengkap, sebagai bantuan saat data diperbaiki."),
    _Field("hp_wa", 20, "Satu nomor WhatsApp: 08… atau +62 8…", required=True),
    _Field("hp_lain", 20, "Nomor kedua, bila ada."),
    _Field("email", 28, "Alamat email; wajib bila nomor WhatsApp tidak ada."),
    _Field("unit", 22, "Kode unit; pilih dari daftar.", required=True),
    _Field("unit_kerja", 24, "Bidang, bagian, atau seksi."),
    _Field("jabatan_kelompok", 20, "Kelompok jabatan, misalnya: pelaksana."),
    _Field("status", 12, "PNS, PPPK, atau non-ASN."),
    _Field("tmt_unit", 14, "Tanggal mulai bekerja di unit ini."),
    _Field("tmt_instansi", 14, "Tanggal mulai bekerja di instansi ini."),
    _Field("jenis_layanan", 22, "Eksternal: layanan yang digunakan."),
    _Field("tanggal_layanan", 16, "Eksternal: tanggal layanan, dalam 12 bulan terakhir."),
    _Field("nama_perusahaan", 24, "Penyedia atau rekanan: nama perusahaan."),
    _Field("unsur_ahli", 18, "Ahli: unsur, misalnya akademisi atau jurnalis."),
    _Field("kab_kota_kode", 14, "Kode kabupaten/kota, bila perlu."),
    _Field("bahasa", 12, "Bahasa yang disukai, bila diketahui."),
    _Field("sumber_data", 18, "Asal data: buku tamu, LPSE, daftar pegawai, …"),
    _Field("dasar_kontak", 24, "Dasar menghubungi: surat edaran, persetujuan, …"),
)
_PHONES = ("hp_wa", "hp_lain")
_DATES = ("tmt_unit", "tmt_instansi", "tanggal_layanan")

_INSTRUCTIONS = (
    ("Cara mengisi daftar responden", ""),
    ("1.", "Isi lembar 'Data', satu orang satu baris. Judul kolom jangan diubah atau dihapus."),
    ("2.", "Kolom berjudul biru tua wajib diisi: kelompok, hp_wa, dan unit."),
    ("", "Tidak punya nomor WhatsApp? Isi email; baris itu tetap dapat dipakai."),
    ("3.", "Satu sel satu nomor, mulai dengan 08 atau +62. Nomor kedua masuk kolom hp_lain."),
    ("", "Bila menempel dari berkas lain: Tempel Khusus > Nilai/Teks, agar angka 0 tidak hilang."),
    ("", "Nomor yang tampak seperti 6,28E+12 sudah rusak: tanyakan lagi, jangan ditebak."),
    ("4.", "JANGAN mengisi NIK, NIP, nomor rekening, atau data kesehatan. Daftar pasien ditolak."),
    ("5.", "Isi sumber_data dan dasar_kontak: dari mana nomor itu dan mengapa boleh dihubungi."),
    ("6.", "Nomor atasan atau nomor petugas jangan dipakai untuk orang lain."),
    ("7.", "Simpan sebagai .xlsx, tanpa kata sandi, lalu kirim ke penyelenggara survei."),
    ("", "Data ini hanya untuk mengirim undangan survei. Jawaban tidak pernah ditampilkan"),
    ("", "bersama nama atau nomor."),
)

_CHOICES = ("Pilihan kelompok", "Pilihan status", "Pilihan unit", "Keterangan unit")

PAGES = frozenset((_INSTRUCTIONS[0][0], _CHOICES[0]))
"""What the template's other pages begin with: they are no lists of people."""


def write_template(installation: Installation, path: Path, survey: str | None = None) -> None:
    """Write the workbook, with the survey's groups and the installation's units to choose from.

    Raises UnknownSurvey, OSError.
    """

    def look(connection: Connection) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        units = unit_queries.every(connection)
        groups: Sequence[str] = _GROUPS
        if survey is not None:
            published = installation.surveys.named(connection, survey)
            groups = tuple(published.survey.settings.groups)
        return tuple(groups), [(f"{one.code_list}:{one.code}", one.name) for one in units]

    groups, units = installation.database.read(look)
    with path.open("wb") as file, xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        data = book.add_worksheet("Data")
        guide = book.add_worksheet("Petunjuk")
        lists = book.add_worksheet("Daftar")
        _instruct(book, guide)
        _list(book, lists, groups, units)
        _columns(book, data)
        _rules(data, len(groups), len(units))


def _columns(book: Any, sheet: Any) -> None:
    """Write the headings and give every column its form."""
    required = book.add_format({"bold": True, "bg_color": "#1F4E79", "font_color": "#FFFFFF"})
    optional = book.add_format({"bold": True, "bg_color": "#DDEBF7"})
    text = book.add_format({"num_format": "@"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, one in enumerate(_FIELDS):
        form = day if one.name in _DATES else text
        sheet.set_column(number, number, one.width, form)
        sheet.write_string(0, number, one.name, required if one.required else optional)
        sheet.write_comment(0, number, one.hint)
    sheet.freeze_panes(1, 0)


def _rules(sheet: Any, groups: int, units: int) -> None:
    """Let each column take what can be read, and say what that is."""
    for number, one in enumerate(_FIELDS):
        rule = _rule(one, f"{xl_col_to_name(number)}2", groups, units)
        if rule is not None:
            shown = {"input_title": one.name, "input_message": one.hint}
            sheet.data_validation(1, number, ROWS, number, {**shown, **rule})


def _rule(one: _Field, cell: str, groups: int, units: int) -> dict[str, Any] | None:
    if one.name in _PHONES:
        return {
            "validate": "custom",
            "value": _phone_formula(cell),
            "error_title": "Nomor tidak dapat dipakai",
            "error_message": "Satu nomor seluler sebagai teks: 08… atau +62 8…",
        }
    sources = {
        "kelompok": f"=Daftar!$A$2:$A${groups + 1}",
        "status": f"=Daftar!$B$2:$B${len(_STATUSES) + 1}",
        "unit": f"=Daftar!$C$2:$C${units + 1}" if units else "",
    }
    if sources.get(one.name):
        return {
            "validate": "list",
            "source": sources[one.name],
            "error_title": "Tidak ada dalam daftar",
            "error_message": "Pilih salah satu dari daftar (lihat lembar Daftar).",
        }
    return {"validate": "any"} if one.name in _DATES else None


def _phone_formula(cell: str) -> str:
    """Return the rule for a number: text that begins as mobile numbers do and is as long.

    A rule has at most 255 characters.
    """
    begins = ",".join(
        f'LEFT({cell},{len(start)})="{start}"' for start in ("08", "628", "62 8", "+628", "+62 8")
    )
    return f"=AND(ISTEXT({cell}),OR({begins}),LEN({cell})>=10,LEN({cell})<=20)"


def _list(book: Any, sheet: Any, groups: Sequence[str], units: Sequence[tuple[str, str]]) -> None:
    """Write what can be chosen; the unit's name stands beside its code."""
    bold = book.add_format({"bold": True})
    for number, title in enumerate(_CHOICES):
        sheet.write_string(0, number, title, bold)
    columns = (groups, _STATUSES, [code for code, _ in units], [name for _, name in units])
    for number, values in enumerate(columns):
        sheet.set_column(number, number, 24)
        for line, value in enumerate(values, start=1):
            sheet.write_string(line, number, safe_cell(value))
    sheet.protect()


def _instruct(book: Any, sheet: Any) -> None:
    bold = book.add_format({"bold": True, "font_size": 14})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 4)
    sheet.set_column(1, 1, 90)
    (title, _), *lines = _INSTRUCTIONS
    sheet.write_string(0, 0, title, bold)
    for line, (number, text) in enumerate(lines, start=2):
        sheet.write_string(line, 0, number)
        sheet.write_string(line, 1, text, wrapped)
    sheet.hide_gridlines(2)
    sheet.protect()
