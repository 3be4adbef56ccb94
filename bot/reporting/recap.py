"""The published numbers as a workbook, unit by unit and group by group: the same as the texts."""

from __future__ import annotations

import io

import xlsxwriter

from bot.reporting import digest, words
from bot.reporting.digest import Report

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADINGS = ("Kode", "Unit", "Kelompok", "Isian", "Target", "Capaian (%)")
_WIDTHS = (14, 44, 18, 18, 10, 12)


def workbook(report: Report) -> bytes:
    """Return the workbook of a report; what is not told stands there in the texts' words."""
    out = io.BytesIO()
    survey, snapshot, values = report.survey, report.snapshot, digest.values(report)
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
        for unit in digest.counted_units(report):
            there = report.hierarchy.units[unit]
            for group in survey.settings.groups:
                if (unit, group) not in snapshot.cells:
                    continue
                row += 1
                cell = snapshot.count({unit}, group)
                sheet.write_string(row, 0, there.code)
                sheet.write_string(row, 1, there.name)
                sheet.write_string(row, 2, words.group_label(survey, group))
                if cell.kind == "number":
                    sheet.write_number(row, 3, cell.value, count)
                else:
                    sheet.write_string(row, 3, words.shown(survey, cell))
                if cell.target:
                    sheet.write_number(row, 4, cell.target, count)
                if cell.share is not None:
                    sheet.write_number(row, 5, float(cell.share * 100), share)
        sheet.autofilter(4, 0, max(row, 5), len(HEADINGS) - 1)
        sheet.freeze_panes(5, 2)
    return out.getvalue()
