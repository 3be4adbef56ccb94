"""Mixed answers as files: what is in them, what is not, and that nothing in them bites."""

from __future__ import annotations

import csv
import io
import json
import os
import tracemalloc
import uuid
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import insert

from bot.intake.tables import InputError
from bot.interview.surveys import UnknownSurvey, publish
from bot.reporting.export.formats import FACTS
from bot.reporting.export.writing import export
from storage.models import Answer, Response
from tests.counts import respond
from tests.setup import add_unit, bundled_files, installation, publish_bundled


@pytest.fixture
def house(some_url):
    with installation(some_url) as opened:
        yield opened


@pytest.fixture
def survey(house):
    return publish_bundled(house)


@pytest.fixture
def unit(house):
    return add_unit(house, "Dinas Contoh", code="62.01")


def as_rows(house, **options):
    stream = io.BytesIO()
    export(house, "integritas", "csv", stream, **options)
    return list(csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8-sig"))))


def test_a_row_per_response_and_a_column_per_question_of_its_flow(house, survey, unit):
    one = respond(house, survey, unit, "internal", {"tgs_01": "2", "srn_01": "baik"})
    two = respond(house, survey, unit, "ahli", {"tgs_01": "4"}, language=None)
    rows = {row["id"]: row for row in as_rows(house)}
    assert set(rows) == {str(one), str(two)}
    first, second = rows[str(one)], rows[str(two)]
    facts = ["own", "62.01", "Dinas Contoh", "internal", "id", "1"]
    assert [first[name] for name in FACTS[1:]] == facts
    assert (first["internal.tgs_01"], first["ahli.tgs_01"]) == ("2", "")
    assert (second["internal.tgs_01"], second["ahli.tgs_01"]) == ("", "4")
    assert second["language"] == ""


def test_rows_are_in_the_order_of_their_random_ids(house, survey, unit):
    for _ in range(30):
        respond(house, survey, unit, "internal", {"tgs_01": "1"})
    ids = [row["id"] for row in as_rows(house)]
    assert ids == sorted(ids)
    assert len(ids) == 30


def test_labels_stand_for_values_on_request_in_the_language_asked_for(house, survey, unit):
    respond(house, survey, unit, "internal", {"tgs_01": "2", "srn_01": "2"})
    (indonesian,) = as_rows(house, labels=True)
    (english,) = as_rows(house, labels=True, language="en")
    assert indonesian["internal.tgs_01"] == "Jarang"
    assert english["internal.tgs_01"] == "Rarely"
    assert indonesian["internal.srn_01"] == "2", "a text is not a choice"


def test_a_language_that_the_survey_has_not_is_refused(house, survey, unit):
    with pytest.raises(InputError, match=r"^--language: .* no labels in 'zz'; there are: id, en$"):
        as_rows(house, language="zz")


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3=cmd", "\t=1", '=HYPERLINK("x")']
)
def test_no_csv_cell_is_a_formula(house, survey, unit, text):
    respond(house, survey, unit, "internal", {"srn_01": text})
    (row,) = as_rows(house)
    assert row["internal.srn_01"] == "'" + text


def test_lines_quotes_and_other_alphabets_survive(house, survey, unit):
    text = 'dua baris:\r\n"kutipan", titik; koma 😀 ꦱ'
    respond(house, survey, unit, "internal", {"srn_01": text})
    (row,) = as_rows(house)
    assert row["internal.srn_01"] == text


def test_a_workbook_has_data_codebook_and_readme(house, survey, unit, tmp_path):
    respond(house, survey, unit, "internal", {"tgs_01": "2", "srn_01": "=1+1"})
    path = tmp_path / "out.xlsx"
    done = export(house, "integritas", "xlsx", path)
    assert done.to_dict() == {
        "rows": 1,
        "columns": done.columns,
        "path": str(path),
        "codebook": None,
        "files": 0,
    }
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["data", "codebook", "readme"]
    headings, row = ([cell.value for cell in line] for line in book["data"].iter_rows())
    found = dict(zip(headings, row, strict=True))
    assert found["internal.tgs_01"] == 2
    assert found["internal.srn_01"] == "=1+1"
    place = headings.index("internal.srn_01") + 1
    assert book["data"].cell(2, place).data_type == "s", "text, not a formula"
    assert found["unit_code"] == "62.01"
    codes = [
        dict(zip((c.value for c in book["codebook"][1]), (c.value for c in line), strict=True))
        for line in book["codebook"].iter_rows(min_row=2)
    ]
    of_question = [line for line in codes if line["column"] == "internal.tgs_01"]
    assert of_question[0]["code"] == "INT-TGS-01"
    assert of_question[0]["type"] == "select_one"
    assert [(one["value"], one["value_label"], one["score"]) for one in of_question[1:]] == [
        ("1", "Tidak pernah", 100),
        ("2", "Jarang", 75),
        ("3", "Kadang-kadang", 50),
        ("4", "Sering", 25),
        ("5", "Sangat sering", 0),
        ("0", "Tidak tahu", None),
        ("9", "Tidak mau menjawab", None),
    ]
    assert any("Responses: 1" in str(line[0].value) for line in book["readme"].iter_rows())


def test_json_lines_keep_types(house, survey, unit):
    respond(house, survey, unit, "internal", {"tgs_01": "2"})
    stream = io.BytesIO()
    assert export(house, "integritas", "jsonl", stream).rows == 1
    line = json.loads(stream.getvalue())
    assert line["unit"] == "Dinas Contoh"
    assert line["version"] == 1
    assert line["answers"] == {"internal.tgs_01": "2"}


def test_csv_comes_with_its_codebook_and_both_are_the_owners_alone(house, survey, unit, tmp_path):
    path = tmp_path / "data.csv"
    done = export(house, "integritas", "csv", path)
    beside = tmp_path / "data.codebook.csv"
    assert done.codebook == str(beside)
    assert beside.read_text("utf-8-sig").startswith("column,flow,question,code,type,label")
    assert {one.stat().st_mode & 0o777 for one in (path, beside)} == {0o600}
    assert sorted(one.name for one in tmp_path.iterdir() if "data" in one.name) == [
        "data.codebook.csv",
        "data.csv",
    ]


def test_a_file_that_cannot_be_finished_does_not_replace_the_one_before(
    house, survey, unit, tmp_path
):
    path = tmp_path / "data.csv"
    path.write_text("yesterday's")
    respond(house, survey, unit, "internal", {"tgs_01": "2"})

    def stop(rows):
        raise KeyboardInterrupt

    with pytest.raises(UnknownSurvey):
        export(house, "lain", "csv", path)
    for _ in range(500):
        respond(house, survey, unit, "internal", {})
    with pytest.raises(KeyboardInterrupt):
        export(house, "integritas", "csv", path, progress=stop)
    assert path.read_text() == "yesterday's"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def two_versions(house):
    """Publish a survey of one flow twice: a question goes, one comes, one changes its choices."""
    files = bundled_files()
    settings = files["survey.yaml"]
    start, end = settings.index("groups:"), settings.index("# The owner's words")
    files["survey.yaml"] = (
        settings[:start]
        + "groups:\n  internal:\n    flow: internal\n    label: {id: Internal, en: Internal}\n"
        + "    reason: acak\n    source: {id: daftar, en: list}\n\n"
        + settings[end:].replace(
            settings[settings.index("  eksternal:\n    mon") : settings.index("# Public holidays")],
            "\n",
        )
    )
    for name in ("eksternal.yaml", "ahli.yaml"):
        del files[name]

    def flow(*questions):
        head = 'kind: flow\nname: internal\ntitle: {id: A, en: A}\nminutes: "2"\nquestions:\n'
        return head + "".join(questions)

    def question(name, kind, more=""):
        return f"  - name: {name}\n    type: {kind}\n    label: {{id: Q {name}, en: Q}}\n{more}"

    def pick(*labels):
        choices = "".join(
            f'      - {{name: "{number}", label: {{id: {label}, en: {label}}}}}\n'
            for number, label in enumerate(labels, start=1)
        )
        return f"    na: none\n    choices:\n{choices}"

    files["internal.yaml"] = flow(
        question("a", "select_one", pick("Ya", "Tidak")),
        question("old", "integer"),
    )
    first = publish(house, files)
    files["internal.yaml"] = flow(
        question("new", "select_multiple", pick("Satu", "Dua", "Tiga")),
        question("a", "select_one", pick("Tidak", "Ya")),
    )
    return first, publish(house, files)


def test_columns_of_all_versions_are_merged_and_the_codebook_keeps_each(house, unit):
    first, second = two_versions(house)
    respond(house, second, unit, "internal", {"a": "1", "old": "7"}, version=first.flow_version_id)
    respond(house, second, unit, "internal", {"a": "1", "new": '["1","3"]'})
    values = {row["version"]: row for row in as_rows(house)}
    assert list(values["1"])[len(FACTS) :] == ["new", "a", "old"]
    assert (values["1"]["old"], values["2"]["new"]) == ("7", "1 3")
    said = {row["version"]: row for row in as_rows(house, labels=True)}
    assert (said["1"]["a"], said["2"]["a"]) == ("Ya", "Tidak"), "each by its own version"
    assert said["2"]["new"] == "Satu; Tiga"
    stream = io.BytesIO()
    export(house, "integritas", "jsonl", stream)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    answers = {line["version"]: line["answers"] for line in lines}
    assert answers == {1: {"a": "1", "old": 7}, 2: {"a": "1", "new": ["1", "3"]}}


def test_the_codebook_tells_in_which_versions_a_meaning_held(house, unit, tmp_path):
    two_versions(house)
    export(house, "integritas", "csv", tmp_path / "d.csv")
    with (tmp_path / "d.codebook.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["value"]]
    found = {(row["question"], row["versions"]) for row in rows}
    assert found == {("new", "2"), ("a", "1"), ("a", "2"), ("old", "1")}


def test_the_codebook_has_the_owners_words_and_names_answers_in_brackets(house, unit, tmp_path):
    files = bundled_files()
    more = '{id: "Apa lagi, setelah {{sar_02}}?", en: "What else, after {{sar_02}}?"}'
    files["internal.yaml"] += f"  - {{name: lagi, type: text, label: {more}}}\n"
    publish(house, files)
    for language, words in (("id", "Pemerintah Kota Contoh"), ("en", "Contoh City Government")):
        path = tmp_path / f"{language}.csv"
        export(house, "integritas", "csv", path, language=language)
        text = path.with_name(f"{language}.codebook.csv").read_text("utf-8-sig")
        assert "{{" not in text
        assert words in text
        assert "[sar_02]?" in text


def test_a_folder_that_is_not_there_is_named_by_the_file_that_was_wanted(house, survey, tmp_path):
    path = tmp_path / "nowhere" / "x.csv"
    for wanted, kind in ((path, FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(kind) as caught:
            export(house, "integritas", "xlsx", wanted)
        assert caught.value.filename == str(wanted)
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))


def test_memory_stays_bounded(sqlite_url):
    with installation(sqlite_url) as house:
        survey = publish_bundled(house)
        unit = add_unit(house)

        def fill(connection):
            for _ in range(8):
                ids = [uuid.uuid4() for _ in range(500)]
                connection.execute(
                    insert(Response),
                    [
                        {"id": one, "survey_id": survey.id, "unit_id": unit, "grp": "internal"}
                        for one in ids
                    ],
                )
                connection.execute(
                    insert(Answer),
                    [
                        {"response_id": one, "question": "srn_01", "value": "x" * 2000}
                        for one in ids
                    ],
                )

        house.database.write(fill)

        for form in ("csv", "jsonl"):
            tracemalloc.start()
            with Path(os.devnull).open("wb") as nowhere:
                assert export(house, "integritas", form, nowhere).rows == 4000
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            # All answers are 8 MB; a page of them is 1 MB.
            assert peak < 6_000_000, form
