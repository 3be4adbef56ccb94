"""`tautan flow` and `tautan translate`, as people run them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from tests.setup import FLOWS
from tests.xlsforms import SAMPLES, write_form


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWS_DIR", str(FLOWS))
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


def as_json(*words: object, code: int = 0) -> Any:
    return json.loads(run(*words, "--json", code=code).stdout)


def survey_of_two(folder: Path) -> Path:
    """Return a small survey, made of a form."""
    form = write_form(folder / "form.xlsx", SAMPLES["others"].sheets)
    run("flow", "import", form, "-o", folder / "kecil")
    return folder / "kecil"


def test_a_form_becomes_a_survey_that_is_checked_and_tested(folder: Path) -> None:
    form = write_form(folder / "form.xlsx", SAMPLES["calculations"].sheets)
    value = as_json("flow", "import", form, "-o", folder / "Survei Baru")
    assert value["counts"] == {"changed": 3, "left out": 2}
    assert value["problems"] == []
    into = folder / "Survei Baru"
    assert "name: survei_baru" in (into / "survey.yaml").read_text("utf-8")
    report = (into / "import-report.txt").read_text("utf-8")
    assert "survey:9:calculation" in report
    assert "1 survey checked: no" in run("check", into).stdout
    assert "1 transcript played, 0 differ" in run("test", into).stdout


def test_the_report_is_shown_to_people_too(folder: Path) -> None:
    form = write_form(folder / "form.xlsx", SAMPLES["unsupported"].sheets)
    shown = run("flow", "import", form, "-o", folder / "besar").stdout
    assert "survey:5:type: left out: `child` (begin_repeat)" in shown
    assert "15 left out, 3 changed" in shown
    assert "tautan chat" in shown


def test_nothing_is_written_over(folder: Path) -> None:
    into = survey_of_two(folder)
    done = run("flow", "import", folder / "form.xlsx", "-o", into, code=1)
    assert "not empty" in done.stderr


def test_a_broken_form_writes_nothing(folder: Path) -> None:
    (folder / "broken.xlsx").write_bytes(b"no")
    done = run("flow", "import", "broken.xlsx", "-o", "new", code=1)
    assert "broken.xlsx:1:1" in done.stderr
    assert not (folder / "new").exists()


def test_flows_go_out_as_forms(folder: Path) -> None:
    value = as_json("flow", "export", "integritas", "-o", folder / "form.xlsx")
    names = [Path(one["file"]).name for one in value["forms"]]
    assert names == ["form-ahli.xlsx", "form-eksternal.xlsx", "form-internal.xlsx"]
    assert any(remark["column"] == "end_if" for remark in value["forms"][0]["remarks"])
    into = survey_of_two(folder)
    shown = run("flow", "export", into, "-o", folder / "one.xlsx").stdout
    assert "one.xlsx: 5 rows" in shown


@pytest.mark.parametrize("suffix", ["xlsx", "po"])
def test_texts_go_out_and_come_back(folder: Path, suffix: str) -> None:
    survey = folder / "integritas"
    shutil.copytree(FLOWS / "integritas", survey)
    file = folder / f"bjn.{suffix}"
    value = as_json("translate", "export", survey, "--language", "bjn", "-o", file)
    assert value["states"]["missing"] > 200
    if suffix == "xlsx":
        book = openpyxl.load_workbook(file)
        rows = {book["bjn"].cell(row, 1).value: row for row in range(3, 400)}
        book["bjn"].cell(rows["ahli.yaml:title"], 3).value = "Survei urang ahli"
        book["bjn"].cell(rows["messages.yaml:messages/over"], 3).value = "Baca {{salah}}"
        book.save(file)
    else:
        text = file.read_text("utf-8")
        for key, said in (("ahli.yaml:title", "Survei urang ahli"), ("messages/over", "{{salah}}")):
            before, after = text.split(f'{key}"', 1)
            after = after.replace('msgstr ""', f'msgstr "{said}"', 1)
            text = f'{before}{key}"{after}'
        file.write_text(text, "utf-8")
    done = run("translate", "import", survey, file, code=1)
    assert "1 texts in `bjn` taken, 1 refused, 0 stale" in done.stdout
    assert "`bjn` is a draft" in done.stdout
    assert f"bjn.{suffix}:" in done.stderr
    assert "{{salah}} is not in the source" in done.stderr
    assert '  bjn: "Survei urang ahli"\n' in (survey / "ahli.yaml").read_text("utf-8")
    assert (survey / "messages.yaml").read_bytes() == (
        FLOWS / "integritas" / "messages.yaml"
    ).read_bytes()
    states = as_json("translate", "status", survey, "--language", "bjn")["bjn"]
    # A PO file says of what is not fuzzy that it is right: the drafts that were there before too.
    assert (states["done"], states["stale"]) == (1 if suffix == "xlsx" else 31, 0)
    ahli = survey / "ahli.yaml"
    ahli.write_text(ahli.read_text("utf-8").replace("Survei ahli", "Survei para ahli"), "utf-8")
    shown = run("translate", "status", survey).stdout
    assert "bjn: stale: ahli.yaml:7: ahli.yaml:title" in shown
    run("translate", "status", survey, "--language", "bjn", "--accept")
    assert as_json("translate", "status", survey)["bjn"]["stale"] == 0


def test_translations_with_which_a_survey_would_not_hold_are_not_taken(folder: Path) -> None:
    survey = survey_of_two(folder)
    file = folder / "en.xlsx"
    run("translate", "export", survey, "--language", "en", "-o", file)
    book = openpyxl.load_workbook(file)
    for row in range(3, 400):
        if str(book["en"].cell(row, 1).value).endswith("choice_lists/yn/choices/no/label"):
            book["en"].cell(row, 3).value = "Yes"
    book.save(file)
    before = (survey / "shared.yaml").read_bytes()
    done = run("translate", "import", survey, file, code=1)
    assert "two choices read `yes` in `en`" in done.stderr
    assert "nothing was written" in done.stderr
    assert (survey / "shared.yaml").read_bytes() == before


def test_wrong_use_is_said(folder: Path) -> None:
    survey = survey_of_two(folder)
    done = run("translate", "export", survey, "--language", "id", "-o", "x.xlsx", code=1)
    assert "is the language to translate from" in done.stderr
    done = run("translate", "export", survey, "--language", "en", "-o", "x.pdf", code=1)
    assert "write a .xlsx or a .po" in done.stderr
    done = run("translate", "export", survey, "--language", "Banjar", "-o", "x.xlsx", code=1)
    assert "a code of two or three small letters" in done.stderr
    nowhere = folder / "nowhere" / "x.xlsx"
    for command in (
        ["translate", "export", survey, "--language", "bjn"],
        ["flow", "export", survey],
    ):
        done = run(*command, "-o", nowhere, code=1)
        assert "there is no such file or folder" in done.stderr
    done = run("translate", "import", survey, folder, code=1)
    assert "this is a folder, and a file is wanted" in done.stderr
    done = run("translate", "status", survey, "--accept", code=1)
    assert "say of which --language" in done.stderr


def test_a_new_survey_is_checked_and_tested_before_a_word_is_written(folder: Path) -> None:
    words = ("--title", "id: Survei: Layanan", "--title", "en: Service Survey", "-o", "layanan")
    shown = run("flow", "new", "layanan", *words, "--group", "pengunjung").stdout
    assert "two example questions, in id, en" in shown
    assert "(9 lines)" in shown
    into = folder / "layanan"
    settings = (into / "survey.yaml").read_text("utf-8")
    assert 'title: {id: "Survei: Layanan", en: Service Survey}' in settings
    assert "  pengunjung:\n    flow: kuesioner\n" in settings
    told = as_json("check", into)
    assert (told["errors"], {one["rule"] for one in told["findings"]}) == (0, {"to-fill-in"})
    assert len({one["line"] for one in told["findings"]}) == 9
    assert "1 transcript played, 0 differ" in run("test", into, "--fail-under", 100).stdout
    assert (into / "messages.yaml").read_text("utf-8") == (
        FLOWS / "integritas" / "messages.yaml"
    ).read_text("utf-8")


def test_a_survey_is_checked_and_tested_by_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWS_DIR", "flows")
    run("flow", "new", "satu", "--like", FLOWS / "integritas")
    assert "1 survey checked: no error found" in run("check", "satu").stdout
    assert "1 transcript played, 0 differ" in run("test", "satu").stdout
    assert "no survey.yaml" in run("check", "dua", code=1).stderr


def test_a_new_survey_speaks_the_languages_that_are_named(folder: Path) -> None:
    value = as_json("flow", "new", "satu", "--languages", "en", "-o", "satu", "--title", "One")
    assert value["languages"] == ["en"]
    assert "title: {en: One}" in (folder / "satu" / "survey.yaml").read_text("utf-8")
    assert "Sangat" not in (folder / "satu" / "shared.yaml").read_text("utf-8")
    assert "1 survey checked: no error found" in run("check", folder / "satu").stdout


def test_a_new_survey_can_be_like_one_of_ones_own(folder: Path) -> None:
    run("flow", "new", "satu", "-o", "satu")
    messages = folder / "satu" / "messages.yaml"
    messages.write_text(messages.read_text("utf-8").replace("tentang integritas", "tentang pajak"))
    run("flow", "new", "dua", "-o", "dua", "--like", "satu")
    assert "tentang pajak" in (folder / "dua" / "messages.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("satu", "-o", "."), "not empty"),
        (("Satu Dua", "-o", "new"), "small letters, digits and _"),
        (("satu", "--group", "1", "-o", "new"), "small letters, digits and _"),
        (("satu", "--languages", "id,fr", "-o", "new"), "not there in `fr`"),
        (("satu", "--like", "nothing", "-o", "new"), "nothing"),
    ],
)
def test_what_is_no_new_survey_writes_nothing(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    (folder / "file").touch()
    assert said in run("flow", "new", *words, code=1).stderr
    assert [path.name for path in folder.iterdir()] == ["file"]
