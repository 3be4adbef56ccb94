"""The linter looks at answers that may be missing: in conditions, after filters, of files."""

from __future__ import annotations

import pytest

from bot.flow.expressions import compile_expression
from bot.flow.lint import lint
from tests.lint_cases import clean
from tests.surveys import BUNDLED

# What is not required: usia. Asked of some only, by tahu: lama, daftar.
SOME = """\
  - {name: lama, type: integer, min: 0, label: {id: Lama?, en: How long?}, relevant: tahu == '1'}
  - name: daftar
    type: select_multiple
    label: {id: Daftar?, en: Lists?}
    choices: [{name: a, label: {id: Aa, en: Aa}}, {name: b, label: {id: Be, en: Be}}]
    relevant: tahu == '1'
"""


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("usia >= 17 or cocok == '1'", "usia"),
        ("17 <= usia or cocok == '1'", "usia"),
        ("not usia >= 17", "usia"),
        ("cocok == '2' and (usia > 20 or cocok == '2')", "usia"),
        ("usia + 1 == 18 or cocok == '1'", "usia"),
        ("lama > 2 or cocok == '1'", "lama"),
        ("usia - lama > 2 or cocok == '1'", "usia"),
        ("'a' in daftar or cocok == '1'", "daftar"),
        ("'a' not in daftar or cocok == '1'", "daftar"),
        ("daftar | length > 1 or cocok == '1'", "daftar"),
        ("(usia if usia > 20 else 1) == 1 or cocok == '1'", "usia"),
        ("usia is not none and usia >= 17 or cocok == '1'", None),
        ("usia is none or usia >= 17 or cocok == '1'", None),
        ("cocok == '1' or usia >= 17", None),  # false either way
        ("usia >= 17 and cocok == '1'", None),
        ("usia == 17 or cocok == '1'", None),  # equal to nothing: that has an outcome
        ("usia != 17 or cocok == '1'", None),
        ("not usia == 17", None),
        ("usia in [17, 18] or cocok == '1'", None),
        ("tahu == '1' and (lama > 2 or cocok == '1')", None),  # asked wherever it counts
        ("tahu != '1' or lama > 2", None),
        ("'2' in alat or cocok == '1'", None),  # everybody answers it
        ("alat | length > 1 or cocok == '1'", None),
    ],
)
def test_a_condition_that_fails_for_want_of_an_answer_is_told(
    condition: str, name: str | None
) -> None:
    files = clean()
    files["internal.yaml"] = files["internal.yaml"].replace(
        "    max: 120", "    max: 120\n    required: false"
    )
    files["internal.yaml"] += (
        f"{SOME}  - name: q\n    type: text\n    label: {{id: Q?, en: Q?}}\n"
        f'    relevant: "{condition}"\n'
    )
    found = [one for one in lint(files) if one.rule != "condition-always-true"]
    assert [one.rule for one in found] == ([] if name is None else ["unanswered-decides"])
    assert name is None or f"where `{name}` has no answer" in found[0].what


def test_an_end_or_a_constraint_may_fail_for_want_of_an_answer_too() -> None:
    files = clean()
    files["internal.yaml"] = files["internal.yaml"].replace(
        "    max: 120",
        "    max: 120\n    required: false\n    end_if: \"usia < 17 or tahu == '3'\"",
    )
    files["internal.yaml"] += (
        "  - name: anak\n    type: integer\n    min: 0\n    label: {id: Anak?, en: Children?}\n"
        "    constraint: value < usia or value == 0\n"
    )
    text = files["internal.yaml"].splitlines()
    lines = [n for n, line in enumerate(text, 1) if "end_if" in line or "constraint" in line]
    assert [(one.rule, one.line) for one in lint(files)] == [
        ("unanswered-decides", line) for line in lines
    ]


def test_what_a_section_says_is_told_where_it_stands() -> None:
    files = clean()
    question = "{name: %s, type: text, label: {id: S%s?, en: S%s?}%s}"
    own = ", relevant: \"usia > 30 or cocok == '1'\""
    inside = ", ".join(
        question % (name, name, name, more) for name, more in (("x", ""), ("y", own), ("z", ""))
    )
    files["internal.yaml"] = files["internal.yaml"].replace(
        "    max: 120", "    max: 120\n    required: false"
    )
    files["internal.yaml"] += (
        "  - name: bagian\n    type: section\n    relevant: usia > 20 or cocok == '1'\n"
        f"    questions: [{inside}]\n"
    )
    (section,) = lint(files)
    lines = files["internal.yaml"].splitlines()
    assert (section.line, section.column) == (len(lines) - 1, 15)
    files["internal.yaml"] = files["internal.yaml"].replace(
        "relevant: usia > 20 or", "relevant: usia is not none and usia > 20 or"
    )
    (own_one,) = lint(files)
    assert (own_one.line, own_one.column) == (len(lines), lines[-1].index("relevant") + 11)


def test_a_choice_that_a_filter_takes_away_is_not_answered() -> None:
    files = clean()
    files["internal.yaml"] += (
        "  - name: kota\n    type: select_multiple\n    na: none\n"
        "    label: {id: Kota?, en: City?}\n"
        '    choice_filter: "jenis == cocok"\n'
        "    choices: [{name: a, attributes: {jenis: '1'}, label: {id: Aa, en: Aa}},\n"
        "      {name: b, attributes: {jenis: '%s'}, label: {id: Be, en: Be}}]\n"
        "  - {name: q, type: text, label: {id: Q?, en: Q?},\n"
        "     relevant: \"'a' in kota or usia > 5\"}\n"
    )
    with_both, with_one = (
        {**files, "internal.yaml": files["internal.yaml"] % kind} for kind in ("2", "1")
    )
    assert lint(with_both) == ()
    assert [one.rule for one in lint(with_one)] == ["unanswered-decides"]


def test_a_file_is_there_or_not_and_nothing_else() -> None:
    def rules(condition: str) -> list[str]:
        files = clean()
        files["internal.yaml"] += (
            "  - {name: foto, type: image, label: {id: Foto?, en: Photo?}}\n"
            "  - name: q\n    type: text\n    label: {id: Q?, en: Q?}\n"
            f"    relevant: {condition}\n"
        )
        return [one.rule for one in lint(files) if one.rule != "files-show-people"]

    assert rules("foto is none") == rules("foto is not none and cocok == '1'") == []
    assert rules("foto == 'x.png'") == ["unreachable-question"]
    assert rules("foto is none or cocok in ['1', '2']") == ["condition-always-true"]
    assert rules("foto is none and foto is not none") == ["unreachable-question"]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("age == 17", False),
        ("age != 17", True),
        ("not age >= 17", False),
        ("age >= 17 or sar_01 == '2'", False),
        ("age is not none and age >= 17 or sar_01 == '2'", True),
        ("sar_01 == '2' or age >= 17", True),
    ],
)
def test_without_an_answer_a_condition_is_what_the_guide_says(condition: str, holds: bool) -> None:
    guide = (BUNDLED.parent / "README.md").read_text(encoding="utf-8")
    assert f"`{condition}`" in guide
    expression = compile_expression(condition, {"age": None, "sar_01": ("1", "2")})
    assert expression.holds({"sar_01": "2"}) is holds
