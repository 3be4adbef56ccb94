"""Texts out to translators and back: into the files by position, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import openpyxl
import pytest

from bot.authoring.translation.placeholders import commands, difference
from bot.authoring.translation.po_files import as_po, read_po_file
from bot.authoring.translation.sheets import notes_of, read_sheet, write_sheet
from bot.authoring.translation.translatable import Text, languages_of, texts_of
from bot.authoring.translation.translations import (
    Entry,
    Standing,
    accepted,
    hash_of,
    read_records,
    standings,
    take_in,
    write_records,
)
from bot.authoring.yaml_edits import Change, with_texts
from bot.flow.load import load_survey
from bot.flow.source import FlowError, read_source
from bot.intake.errors import InputError

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 1, tzinfo=UTC)

FLOW = """\
# A flow to translate.
kind: flow
name: contoh
title: {id: Contoh, en: Example}   # both
minutes: "1"
questions:
  - name: satu
    type: text
    label: Siapa nama kampung?    # one language only
    hint:
      id: |
        Dua baris:
        satu dan dua.
      en: |
        Two lines:
        one and two.

  # A note of ours.
  - name: dua
    type: select_one
    label:
      id: "Balas *BERHENTI*: {{satu}}, {{ unit }}"
      en: 'Reply *BERHENTI*: {{satu}}, {{ unit }}'
    choices:
      - {name: "1", label: {id: Ya, en: "Yes"}}
      - {name: "2", label: {id: "Tidak, terima kasih", en: No thanks}}
    na: none
"""
LABEL = "contoh.yaml:questions/dua/label"


@cache
def bundled() -> dict[str, str]:
    folder = ROOT / "flows" / "integritas"
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.yaml")}


def pseudo(text: Text) -> str:
    """Return a translation that keeps all that must be kept, within the limit."""
    if text.limit is not None and text.limit < 100:
        return f"b{text.source}"[: text.limit]
    return f"Banjar: {text.source}"


def entries(listed: list[Standing]) -> list[Entry]:
    return [
        Entry(row, one.text.key, one.text.source, pseudo(one.text))
        for row, one in enumerate(listed, start=3)
    ]


def test_every_text_has_a_key_of_its_own_and_buttons_are_limited() -> None:
    texts = {one.key: one for one in texts_of(bundled(), "id", "en")}
    assert len(texts) == len(texts_of(bundled(), "id", "en")) > 250
    assert all(one.translation for one in texts.values())
    assert texts["messages.yaml:messages/invite/buttons/2"].source == "Cek keaslian"
    assert texts["messages.yaml:messages/invite/buttons/2"].limit == 20
    assert texts["survey.yaml:title"].source == "Survei Integritas Kota Contoh"
    assert texts["shared.yaml:choice_lists/F5N/choices/1/label"].source == "Tidak pernah"
    assert "messages.yaml:messages/waktu/pagi" in texts
    assert "messages.yaml:mail_invite/subject" in texts
    assert "survey.yaml:texts/instansi" in texts
    assert not any("kode_verif" in key or "coordinator" in key for key in texts)
    assert languages_of(bundled()) == ("id", ("id", "en"))


@pytest.fixture(scope="module")
def translated() -> dict[str, str]:
    taken = take_in(bundled(), "id", "bjn", {}, entries(standings(bundled(), "id", "bjn", {})))
    assert taken.refused == ()
    assert taken.stale == ()
    return {**bundled(), **taken.files}


def test_a_whole_survey_comes_back_in_another_language(translated: dict[str, str]) -> None:
    texts = texts_of(translated, "id", "bjn")
    assert [one.key for one in texts if one.translation.strip() != pseudo(one).strip()] == []
    files = dict(translated)
    files["survey.yaml"] = (
        files["survey.yaml"]
        .replace("languages: [id, en]", "languages: [id, en, bjn]")
        .replace("en: English}", "en: English, bjn: Bahasa Banjar}")
    )
    survey = load_survey(files)
    assert survey.languages == ("id", "en", "bjn")
    assert survey.missing == ()


def test_comments_and_every_other_line_stay(translated: dict[str, str]) -> None:
    for name, before in bundled().items():
        after = translated[name].splitlines()
        kept = [line for line in before.splitlines() if line.lstrip().startswith("#")]
        assert [line for line in after if line.lstrip().startswith("#")] == kept
        others = [line for line in before.splitlines() if "id:" not in line and "bjn:" not in line]
        assert set(others) <= set(after)


def test_taking_the_same_in_twice_changes_nothing(translated: dict[str, str]) -> None:
    again = take_in(translated, "id", "bjn", {}, entries(standings(translated, "id", "bjn", {})))
    assert again.files == {}
    assert again.changed == ()


def test_each_way_of_writing_texts_is_kept() -> None:
    changes = [
        Change(("title",), "bjn", "Cuntuh", "id"),
        Change(("questions", 0, "label"), "bjn", "Apa ngaran: kampung?", "id", plain=True),
        Change(("questions", 0, "hint"), "bjn", "Dua baris:\nasa wan dua.\n", "id"),
        Change(("questions", 1, "label"), "en", "Say {{satu}}", "id"),
        Change(("questions", 1, "label"), "bjn", "Jawab {{satu}}", "id"),
        Change(("questions", 1, "choices", 1, "label"), "bjn", "Kada, tarima kasih", "id"),
    ]
    made = with_texts("contoh.yaml", FLOW, changes)
    wanted = FLOW
    for old, new in (
        ("{id: Contoh, en: Example}", "{id: Contoh, en: Example, bjn: Cuntuh}"),
        (
            "label: Siapa nama kampung?    #",
            'label: {id: "Siapa nama kampung?", bjn: "Apa ngaran: kampung?"}    #',
        ),
        (
            "        one and two.\n",
            "        one and two.\n      bjn: |\n        Dua baris:\n        asa wan dua.\n",
        ),
        (
            "      en: 'Reply *BERHENTI*: {{satu}}, {{ unit }}'\n",
            '      en: "Say {{satu}}"\n      bjn: "Jawab {{satu}}"\n',
        ),
        ("en: No thanks}}", 'en: No thanks, bjn: "Kada, tarima kasih"}}'),
    ):
        assert wanted.count(old) == 1
        wanted = wanted.replace(old, new)
    assert made == wanted


@pytest.mark.parametrize(
    "text",
    ["yes", "1", "- a", "a: b", "a #b", "{x}", "*x*", "&x", "'", '"', "\\", " x", "é\u2028x",
     "Ya, pak", "!x", "%x", "@x", "`x`", "a\tb", "?", ":", "#", "😀 oke"],
)  # fmt: skip
def test_any_words_come_through(text: str) -> None:
    changes = [
        Change(("title",), "bjn", text, "id"),
        Change(("questions", 0, "hint"), "en", text, "id"),
        Change(("questions", 0, "hint"), "bjn", text + "\n" + text, "id"),
    ]
    made = read_source("contoh.yaml", with_texts("contoh.yaml", FLOW, changes)).data
    hint = made["questions"][0]["hint"]
    assert (made["title"]["bjn"], hint["en"], hint["bjn"]) == (text, text, f"{text}\n{text}")


def test_windows_line_ends_stay() -> None:
    made = with_texts(
        "contoh.yaml",
        FLOW.replace("\n", "\r\n"),
        [
            Change(("questions", 1, "label"), "bjn", "Jawab", "id"),
            Change(("questions", 0, "hint"), "bjn", "asa\ndua\n", "id"),
        ],
    )
    assert made.replace("\r\n", "").count("\n") == 0


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Balas *BERHENTI*: {{satu}}", "{{unit}} is missing"),
        ("Balas *BERHENTI*: {{satu}} {{unit}} {{x}}", "{{x}} is not in the source"),
        ("Balas *BERHENTI*: {{satu}} {{unit}} {{unit}}", "{{unit}} is not in the source"),
        ("Balas *BERHENTI*: {{satu}} {{unit}} {{", "not closed"),
        ("Balas STOP: {{satu}} {{unit}}", "*BERHENTI* is missing"),
        ("Balas *BERHENTI*:\n{{satu}} {{unit}}", "several lines"),
    ],
)
def test_what_would_break_is_refused_with_its_row(said: str, why: str) -> None:
    source = texts_of({"contoh.yaml": FLOW}, "id", "en")[3].source
    good = Entry(4, "contoh.yaml:title", "Contoh", "Cuntuh")
    taken = take_in({"contoh.yaml": FLOW}, "id", "bjn", {}, [Entry(7, LABEL, source, said), good])
    assert [(one.row, one.key) for one in taken.refused] == [(7, LABEL)]
    assert why in taken.refused[0].why
    assert taken.changed == ("contoh.yaml:title",)


def test_unknown_doubled_and_long_rows_are_refused() -> None:
    invite = "messages.yaml:messages/invite/buttons/"
    taken = take_in(
        bundled(),
        "id",
        "bjn",
        {},
        [
            Entry(3, "messages.yaml:messages/nothing", "x", "y"),
            Entry(4, "survey.yaml:title", "x", "Satu"),
            Entry(5, "survey.yaml:title", "x", "Dua"),
            Entry(6, f"{invite}1", "Mulai", "Mamulai survei nang baik ini"),
            Entry(7, f"{invite}2", "Cek keaslian", "Cek"),
            Entry(8, f"{invite}3", "Jangan hubungi", "  "),
        ],
    )
    assert [(one.row, one.why.split(":")[0]) for one in taken.refused] == [
        (3, "the survey has no such text any more"),
        (5, "it stands in the file twice"),
        (6, "28 letters, and 20 fit"),
        (7, "the buttons of a message are translated all together"),
    ]
    assert taken.changed == ("survey.yaml:title",)


def test_a_changed_source_makes_a_translation_stale_until_it_is_settled() -> None:
    files = {"contoh.yaml": FLOW}
    title = Entry(3, "contoh.yaml:title", "Contoh", "Cuntuh")
    first = take_in(files, "id", "bjn", {}, [title])
    files |= first.files

    def state(records: object) -> str:
        return standings(files, "id", "bjn", records)[0].state  # type: ignore[arg-type]

    assert state(first.records) == "done"
    assert state({}) == "unknown"
    files = {"contoh.yaml": files["contoh.yaml"].replace("{id: Contoh,", "{id: Survei contoh,")}
    assert state(first.records) == "stale"
    # Sent back unchanged and unsettled, or made of the older text: it stays stale.
    left = Entry(3, title.key, "Survei contoh", "Cuntuh", settled=False)
    assert state(take_in(files, "id", "bjn", first.records, [left]).records) == "stale"
    late = take_in(files, "id", "bjn", first.records, [title])
    assert late.stale == ("contoh.yaml:title",)
    assert state(late.records) == "stale"
    settled = Entry(3, title.key, "Survei contoh", "Cuntuh")
    assert state(take_in(files, "id", "bjn", first.records, [settled]).records) == "done"
    listed = standings(files, "id", "bjn", first.records)
    assert state(accepted(listed, "bjn", first.records)) == "done"


def test_records_are_read_as_they_were_written() -> None:
    records = {"bjn": {"a:b": hash_of("x")}, "en": {}}
    assert read_records(write_records(records)) == records
    assert read_records("") == {}
    with pytest.raises(FlowError, match=r"translations\.json:1:1"):
        read_records("[1]")


def test_a_workbook_goes_out_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "bjn.xlsx"
    listed = standings(bundled(), "id", "bjn", {"bjn": {LABEL: "x"}})
    write_sheet(path, "bjn", "id", listed)
    book = openpyxl.load_workbook(path)
    sheet = book["bjn"]
    assert book.sheetnames == ["bjn", "Petunjuk - Read me"]
    assert sheet.freeze_panes == "C3"
    for row in range(3, sheet.max_row + 1):
        text = listed[row - 3].text
        assert sheet.cell(row, 2).value == text.source
        assert sheet.cell(row, 2).alignment.wrap_text
        sheet.cell(row, 3).value = pseudo(text)
    book.save(path)
    language, back = read_sheet(path)
    assert language == "bjn"
    assert [one.row for one in back] == list(range(3, len(listed) + 3))
    taken = take_in(bundled(), "id", "bjn", {}, back)
    assert taken.refused == ()
    assert len(taken.changed) == len(listed)


def test_stale_rows_are_coloured_and_settled_by_the_word_done(tmp_path: Path) -> None:
    path = tmp_path / "en.xlsx"
    key = "contoh.yaml:title"
    listed = standings({"contoh.yaml": FLOW}, "id", "en", {"en": {key: "an older one"}})
    write_sheet(path, "en", "id", listed)
    book = openpyxl.load_workbook(path)
    colours = [book["en"].cell(row, 3).fill.fgColor.rgb for row in range(3, 8)]
    assert [colour == "FFFFF2B3" for colour in colours] == [True, False, False, False, False]
    assert [one.settled for one in read_sheet(path)[1]] == [False] * len(listed)
    book["en"]["D3"] = "selesai"
    book.save(path)
    assert [one.settled for one in read_sheet(path)[1]][:2] == [True, False]


def test_a_po_file_goes_out_and_comes_back() -> None:
    listed = standings(bundled(), "id", "bjn", {})
    text = as_po("integritas", "bjn", listed, NOW).decode()
    assert 'msgctxt "messages.yaml:messages/invite"' in text
    assert "#. Salin / copy: {{waktu}}" in text
    for one in listed:
        assert one.text.source.split("\n")[0][:20].replace('"', '\\"') in text
    filled = as_po(
        "integritas",
        "bjn",
        [Standing(replace(one.text, translation=pseudo(one.text)), "done") for one in listed],
        NOW,
    )
    language, back = read_po_file("x.po", filled)
    assert language == "bjn"
    taken = take_in(bundled(), "id", "bjn", {}, back)
    assert taken.refused == ()
    assert len(taken.changed) == len(listed)


def test_stale_is_fuzzy_and_fuzzy_is_not_taken() -> None:
    key = "contoh.yaml:title"
    listed = standings({"contoh.yaml": FLOW}, "id", "en", {"en": {key: "older"}})
    data = as_po("contoh", "en", listed, NOW)
    assert data.decode().count("#, fuzzy") == 1
    assert key not in [one.key for one in read_po_file("x.po", data)[1]]


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.po:1:1"):
        read_po_file("x.po", b"\xff\xfe not a po")
    with pytest.raises(InputError, match="names no language"):
        read_po_file("x.po", b'msgid "a"\nmsgstr "b"\n')
    book = openpyxl.Workbook()
    book.create_sheet()["A1"] = "something else"
    book.save(tmp_path / "other.xlsx")
    with pytest.raises(InputError, match="no sheet with the columns"):
        read_sheet(tmp_path / "other.xlsx")


def test_notes_say_what_to_keep() -> None:
    text = texts_of({"contoh.yaml": FLOW}, "id", "en")[3]
    assert notes_of(text) == "Salin / copy: {{satu}}, {{unit}}\nBiarkan / leave: *BERHENTI*"
    assert commands("*HAPUS DATA* atau *ya*") == ("HAPUS DATA",)
    assert difference("{{ a }} {{b}}", "{{b}} {{a}}") == ""
