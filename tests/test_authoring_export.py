"""Flows go out as XLSForms, and come back equal up to what the report lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bot.authoring.folder import GROUP, Model
from bot.authoring.translation.translatable import texts_of
from bot.authoring.xlsform.exporting import export_flows
from bot.authoring.xlsform.files import write_form
from bot.authoring.xlsform.remarks import Remarks, in_short
from bot.authoring.xlsform.rows import read_form
from bot.authoring.xlsform.xpath import XPathError
from bot.authoring.xlsform.xpath_out import Readable, to_xpath
from bot.flow.load import load_survey
from bot.flow.question import Question
from tests.media_files import lines
from tests.surveys import small_files
from tests.test_authoring_import import bundled, imported, reimported
from tests.xlsforms import SAMPLES

READABLE = Readable(
    names={"a": "A-1", "m": "m", "age": "age", "word": "word", "q": "q"},
    several={"m"},
    words={"word"},
    columns={"city"},
    own="q",
)
SAID = [
    ("a == '2'", "${A-1} = '2'"),
    ("a in ['2', '3']", "${A-1} = '2' or ${A-1} = '3'"),
    ("a not in ['2']", "not(${A-1} = '2')"),
    ("'3' in m", "selected(${m}, '3')"),
    ("not '3' in (m or [])", "not(selected(${m}, '3'))"),
    ("age < 7 and (a == '1' or age > 2)", "${age} < 7 and (${A-1} = '1' or ${age} > 2)"),
    ("age is none", "${age} = ''"),
    ("age is not none", "${age} != ''"),
    ("17 <= age < 30", "17 <= ${age} and ${age} < 30"),
    ("m | length >= 2", "count-selected(${m}) >= 2"),
    ("word | length > 3", "string-length(${word}) > 3"),
    ("value > age + 1", ". > ${age} + 1"),
    ("value <= today", ". <= today()"),
    ("city == a", "city = ${A-1}"),
    ("(age + 1) * 2 - (3 - 1)", "(${age} + 1) * 2 - (3 - 1)"),
    ("age / 2 % 3", "${age} div 2 mod 3"),
    ("age // 2", "floor(${age} div 2)"),
    ("-age", "-${age}"),
    ("'x' if age > 1 else 'y'", "if(${age} > 1, 'x', 'y')"),
    ("age if age > 1 else none", "if(${age} > 1, ${age}, '')"),
    ("[age, 3] | max", "max(${age}, 3)"),
    ("(a | int) + 1", "int(${A-1}) + 1"),
    ("(age / 3) | round(1)", "round(${age} div 3, 1)"),
    ("(word or '') + ' ' + a", "concat(${word}, ' ', ${A-1})"),
    ("'x' in word", "contains(${word}, 'x')"),
    ('word == "it\'s"', '${word} = "it\'s"'),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "form"), SAID)
def test_a_form_says_what_a_flow_says(flow: str, form: str) -> None:
    assert to_xpath(flow, READABLE) == form


@pytest.mark.parametrize(
    "flow", ["a | upper == 'X'", "age is even", "nobody == 1", "age ==", "age ** 2"]
)
def test_what_a_form_cannot_say_is_named(flow: str) -> None:
    with pytest.raises(XPathError, match=r"XLSForm has nothing for|cannot be read"):
        to_xpath(flow, READABLE)


def shape(question: Question) -> dict[str, Any]:
    """Return all of a question that an XLSForm can hold."""
    conditions = ("relevant", "constraint", "calculation", "choice_filter")
    plain = ("name", "type", "required", "least", "most", "max_chars", "default", "randomize")
    texts = ("label", "hint", "constraint_message")

    def listed(choices: Any) -> list[Any]:
        return [(one.name, dict(one.label), dict(one.attributes)) for one in choices]

    return {
        **{key: getattr(question, key) for key in plain},
        **{key: dict(getattr(question, key) or {}) for key in texts},
        **{key: getattr(getattr(question, key), "source", None) for key in conditions},
        "choices": listed(question.choices),
        "na": listed(question.na),
        "section": question.section,
        "domain": repr(getattr(question, "domain", None)),
    }


def there_and_back(files: Mapping[str, str], folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Export each flow, import what came of it, and return the shapes of its questions."""
    found = {}
    for name, sheets in export_flows(files).items():
        write_form(folder / f"{name}.xlsx", sheets)
        again, remarks = reimported(folder / f"{name}.xlsx")
        lost = [one for one in remarks if one.weight != "please check"]
        assert [str(one) for one in lost if "kept as `code`" not in one.what] == []
        found[name] = [shape(one) for one in load_survey(again).groups[GROUP].questions]
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_a_form_that_goes_out_again_comes_back_equal(name: str, tmp_path: Path) -> None:
    files, _ = imported(SAMPLES[name], tmp_path)
    before = [shape(one) for one in load_survey(files).groups[GROUP].questions]
    assert there_and_back(files, tmp_path)["kuesioner"] == before


def test_the_bundled_flows_come_back_equal_up_to_what_is_listed(tmp_path: Path) -> None:
    files = bundled()
    survey = load_survey(files)
    for name, after in there_and_back(files, tmp_path).items():
        sheets = export_flows(files)[name]
        changed = {(one.row - 2, one.column) for one in sheets.remarks if one.weight == "changed"}
        before = [shape(one) for one in survey.flows[name].questions]
        for row, (old, new) in enumerate(zip(before, after, strict=True)):
            for key, value in old.items():
                if (row, key) not in changed:
                    assert new[key] == value, (name, row, key)


def test_what_a_form_cannot_hold_is_listed_with_its_row() -> None:
    sheets = export_flows(bundled())["eksternal"]
    listed = {one.place for one in sheets.remarks}
    assert {"survey:2:end_if", "survey:3:quality_flag", "survey:2:label", "settings:-:-"} <= listed
    assert "choices:2:score" in listed or any(place.endswith(":score") for place in listed)


def test_the_workbook_is_one_that_pyxform_takes(tmp_path: Path) -> None:
    sheets = export_flows(bundled())["internal"]
    path = tmp_path / "form.xlsx"
    write_form(path, sheets)
    form = read_form(path, "id")
    assert list(form.languages.values()) == ["id", "en", "bjn"]
    assert len(form.survey) == len(sheets.survey)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["survey", "choices", "settings"]
    heads = [cell.value for cell in book["survey"][1]]
    assert heads[:4] == ["type", "name", "label::Bahasa Indonesia (id)", "label::English (en)"]


def test_remarks_that_differ_by_their_row_are_told_in_one_line() -> None:
    remarks = Remarks()
    for row in (5, 7, 8, 9, 2):
        remarks.add("survey", row, "good", "left out", "its best choice", "there is none")
    for row in (3, 4):
        remarks.add("choices", row, "score", "left out", f"`score: {row}`")
    remarks.add("settings", 0, "", "changed", "titles")
    assert in_short(remarks.every()) == [
        "settings:-:-: changed: titles",
        "survey:2, 5, 7-9:good (5 rows): left out: its best choice, because there is none",
        "choices:3-4:score (2 rows): left out: as `score: 3`",
    ]


def test_a_survey_with_pictures_goes_to_forms_translators_and_new_surveys() -> None:
    files = small_files()
    plain = Model.of(files), texts_of(files, "id", "en")
    old = "    label: {id: Usia?, en: Age?}\n"
    files["internal.yaml"] = files["internal.yaml"].replace(
        old, old + "    media: {image: kartu.png}\n"
    )
    files |= lines(**{"kartu.png": ("image/png", 900)})
    assert Model.of(files).messages == plain[0].messages
    assert [one.key for one in texts_of(files, "id", "en")] == [one.key for one in plain[1]]
    (sheets,) = export_flows(files).values()
    assert "pictures and sound" in " ".join(map(str, sheets.remarks))
