"""The published numbers as a workbook, unit by unit and group by group: the same as the texts."""

from __future__ import annotations

import io
from collections.abc import Iterator

import xlsxwriter

from bot.reporting import words
from bot.reporting.coordinators import digest
from bot.reporting.coordinators.digest import Report

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADINGS = ("Kode", "Unit", "Kelompok", "Isian", "Target", "Capaian (%)")
_WIDTHS = (14, 44, 18, 18, 10, 12)


def rows(report: Report) -> Iterator[tuple[str, str, str, int | str, int | None, float | None]]:
    """Yield the cells below the headings; a number that is not told is in the texts' words."""
    survey, snapshot = report.survey, report.snapshot
    for unit in digest.counted_units(report):
        there = report.hierarchy.units[unit]
        for group in survey.settings.groups:
            if (unit, group) not in snapshot.cells:
                continue
            cell = snapshot.count({unit}, group)
            yield (
                there.code,
                there.name,
                words.group_label(survey, group),
                cell.value if cell.kind == "number" else words.shown(survey, cell),
                cell.target or None,
                None if cell.share is None else float(cell.share * 100),
            )


def workbook(report: Report) -> bytes:
    """Return the workbook of a report; what is not told stands there in the texts' words."""
    out = io.BytesIO()
    survey, values = report.survey, digest.values(report)
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("Rekap")
        bold = book.add_format({"bold": True})
        heading = book.add_format({"bold": True, "bottom": 1, "bg_color": "#DFE7E9"})
        count, share = book.add_format({"num_format": "#,##0"}), book.add_format()
        share.set_num_format("0.0")
        sheet.write_string(0, 0, f"{values['nama_survei']} — {values['instansi']}", bold)
        sheet.write_string(1, 0, words.say(survey, "chart_moment", values))
        sheet.write_string(2, 0, words.words(survey, "digest_foot").strip("_"))
        for column, (title, width) in enumerate(zip(HEADINGS, _WIDTHS, strict=True)):
            sheet.write_string(4, column, title, heading)
            sheet.set_column(column, column, width)
        row = 4
        for row, (*names, value, target, percent) in enumerate(rows(report), start=5):
            for column, text in enumerate(names):
                sheet.write_string(row, column, str(text))
            sheet.write(row, 3, value, count)
            sheet.write(row, 4, target, count)
            sheet.write(row, 5, percent, share)
        sheet.autofilter(4, 0, max(row, 5), len(HEADINGS) - 1)
        sheet.freeze_panes(5, 2)
    return out.getvalue()
