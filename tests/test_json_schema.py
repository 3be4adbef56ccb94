"""The JSON Schema for editors says of a file what our reader says, as far as a schema can."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from bot.flow.lint import lint
from bot.flow.media import FOLDER
from bot.flow.schema.files import KINDS
from bot.flow.schema.json_schema import json_schema, json_schema_text
from tests.lint_cases import CASES, Case, clean
from tests.surveys import BUNDLED, bundled_files
from tests.test_flow_readme import CHAPTERS, example

SHAPE = {"unknown-key", "missing-key", "wrong-value", "wrong-kind"}


class Editor(yaml.CSafeLoader):
    """Reads YAML 1.2 as editors do: dates, `yes` and `no` are words, numbers are numbers."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 # of the class it extends


for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]*", list("-+0123456789")),
):
    Editor.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), first)


@cache
def validator() -> Draft7Validator:
    schema = json_schema()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def complaints(text: str) -> list[str]:
    data = yaml.load(text, Loader=Editor)
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(data)]


def test_the_copy_beside_the_flows_is_what_the_models_say() -> None:
    copy = (BUNDLED.parent / "schema.json").read_text(encoding="utf-8")
    assert copy == json_schema_text(), "run `tautan schema -o flows/schema.json`"


def test_every_kind_of_file_and_question_is_in_it() -> None:
    schema = json_schema()
    assert schema["properties"]["kind"]["enum"] == list(KINDS)
    questions = schema["definitions"]["FlowFile"]["properties"]["questions"]["items"]
    assert questions["then"] == {"$ref": "#/definitions/BlockPart"}
    kinds = questions["else"]["properties"]["type"]["enum"]
    assert {"select_one", "note", "section", "calculate"} < set(kinds)
    assert "null" not in re.findall(r'"type": "(\w+)"', json_schema_text())


@pytest.mark.parametrize("name", sorted(bundled_files()))
def test_an_editor_finds_the_bundled_files_right(name: str) -> None:
    assert complaints(bundled_files()[name]) == []


@pytest.mark.parametrize("case", [one for one in CASES if one.rule in SHAPE], ids=str)
def test_an_editor_finds_the_shape_wrong_that_the_reader_refuses(case: Case) -> None:
    assert complaints(case.files[case.file])


@pytest.mark.parametrize(
    "case",
    [one for one in CASES if one.rule not in SHAPE | {"not-yaml", "duplicate-key"}],
    ids=lambda case: case.rule,
)
def test_an_editor_leaves_to_the_linter_what_a_schema_cannot_know(case: Case) -> None:
    assert {one.rule for one in lint(case.files)} == {case.rule}
    written = [text for name, text in case.files.items() if not name.startswith(FOLDER)]
    assert [found for text in written if (found := complaints(text))] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_editor_finds_the_examples_of_the_guide_right(chapter: str) -> None:
    for name, text in example(chapter).items():
        assert complaints(text) == [], name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    max: 120", "    max: '120'"),
        ("    required: false", "    required: 'no'"),
        ("    required: false", "    required: no"),
        ('minutes: "2"', "minutes: 2"),
        ("{id: Usia?, en: Age?}", "{id: 1, en: true}"),
    ],
)
def test_a_value_may_be_written_as_the_reader_takes_it(old: str, new: str) -> None:
    files = clean()
    assert old in files["internal.yaml"]
    files["internal.yaml"] = files["internal.yaml"].replace(old, new)
    assert lint(files) == ()
    assert complaints(files["internal.yaml"]) == []


@pytest.mark.parametrize(
    "lines",
    [
        "plan: {invited_after_days: [3, 8], partial_after_days: none, last_call_before_days: 2.5}",
        "plan: {invited_after_days: 3, nudge_before_hours: none}",
        "holidays: [2026-12-14]",
        "holidays: {calendar: ID, add: [2026-12-14]}",
        "snapshot_at: '06:30'",
        "rates: {currency: USD, service: 0.02, utility: '0.02', marketing: 0.0411}",
        "duplicates: {policy: priority, order: [internal]}",
    ],
)
def test_settings_in_all_their_forms_are_right_for_both(lines: str) -> None:
    files = clean()
    files["survey.yaml"] += f"{lines}\n"
    assert lint(files) == ()
    assert complaints(files["survey.yaml"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "messages: {over: {id: Selesai., indo: Selesai.}}",
        "messages: {over: {buttons: {id: [yang ini lebih dari dua puluh]}, id: Selesai.}}",
        "messages: {ovr: {id: Selesai.}}",
    ],
)
def test_an_editor_knows_the_keys_of_messages(text: str) -> None:
    whole = yaml.load(bundled_files()["messages.yaml"], Loader=Editor)
    changed = yaml.load(text, Loader=Editor)["messages"]
    whole["messages"] |= changed
    assert list(validator().iter_errors(whole))
