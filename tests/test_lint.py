"""Each rule of the linter is broken by one survey, and by nothing else in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.lint import RULES, Finding, lint
from tests.lint_cases import CASES, Case, clean
from tests.structured import structured_files
from tests.surveys import bundled_files

FLOW = Path(__file__).parent.parent / "bot" / "flow"
FOLDERS = ("compile", "lint", "schema")
OTHERS = [FLOW / "load.py", FLOW / "source.py"]


def test_the_bundled_survey_and_the_clean_one_break_no_rule() -> None:
    assert lint(bundled_files()) == ()
    assert lint(clean()) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_survey_that_breaks_one_rule_gets_one_finding_in_its_place(case: Case) -> None:
    (finding,) = lint(case.files)
    assert finding.rule == case.rule
    assert (finding.file, finding.line, finding.column) == case.place
    assert finding.what
    assert finding.fix


def test_every_rule_is_broken_by_a_case() -> None:
    assert {case.rule for case in CASES} == set(RULES)


CALLS = {"problem", "add", "_complain", "Problem"}


def called_rules() -> Iterator[tuple[str, str | None]]:
    """Yield where each finding is made, and its rule; None where it has none."""
    for path in sorted([one for name in FOLDERS for one in (FLOW / name).glob("*.py")] + OTHERS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in CALLS or (name == "add" and len(node.args) < 3):
                continue
            rule = next((one.value for one in node.keywords if one.arg == "rule"), None)
            where = f"{path.name}:{node.lineno}"
            if isinstance(rule, ast.Constant):
                yield where, str(rule.value)
            elif rule is None:
                yield where, None


def test_every_finding_names_a_rule_that_is_listed() -> None:
    found = dict(called_rules())
    assert {where for where, rule in found.items() if rule is None} == set()
    assert set(found.values()) <= set(RULES)
    assert len(found) > 60


def test_a_finding_reads_as_editors_follow_it() -> None:
    finding = Finding("a.yaml", 3, 7, "unused-list", "warning", "no question", "remove it")
    assert str(finding) == "a.yaml:3:7: warning: [unused-list] no question; remove it"


def test_several_findings_come_in_reading_order_and_once() -> None:
    files = clean()
    files["internal.yaml"] = files["internal.yaml"].replace("usia >= 17", "usia > 120")
    files["shared.yaml"] = files["shared.yaml"].replace("score: 0}", "score: 70}")
    files["survey.yaml"] = files["survey.yaml"].replace("Survei Coba", "Survei KPK")
    found = lint(files)
    rules = ["unreachable-question", "scale-order", "official-name"]
    assert [one.rule for one in found] == rules
    assert [one.severity for one in found] == ["error", "warning", "warning"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: coba\n", "name: spion\n"),  # SPI within a word
        ("name: coba\n", "name: coba\nmode: owner\n"),
        ("Survei Coba", "Survei Integritas KPKD"),
    ],
)
def test_a_name_that_is_not_the_official_ones_is_left_alone(old: str, new: str) -> None:
    files = clean()
    files["survey.yaml"] = files["survey.yaml"].replace(old, new)
    assert lint(files) == ()


def test_the_owner_may_use_its_own_name() -> None:
    files = clean()
    text = files["survey.yaml"].replace("Survei Coba", "SPI KPK")
    files["survey.yaml"] = text.replace("name: coba\n", "name: coba\nmode: owner\n")
    assert lint(files) == ()


def test_a_draft_in_a_language_that_is_not_offered_may_have_any_words() -> None:
    files = clean()
    files["internal.yaml"] = files["internal.yaml"].replace("en: Saw}", "en: Saw, bjn: stop}")
    assert lint(files) == ()


def test_a_text_that_repeats_a_long_answer_is_measured_with_it() -> None:
    question = (
        "  - name: pikir\n    type: text\n"
        '    label: {{id: "Pikirkan {words} {{{{saran}}}}", en: "Think of {{{{saran}}}}"}}\n'
    )
    for words, rules in (("Kata " * 40, []), ("Kata " * 160, ["body-too-long"])):
        files = clean()
        files["internal.yaml"] += question.format(words=words)
        assert [one.rule for one in lint(files)] == rules


def test_each_language_and_choice_is_measured() -> None:
    files = clean()
    text = files["internal.yaml"].replace("    na: none", "    na: none\n    appearance: buttons")
    text = text.replace(
        '{id: Ya, en: "Yes"}', '{id: "Ya, cocok dan sesuai sekali", en: "Yes, it fits quite well"}'
    )
    files["internal.yaml"] = text.replace(
        '{id: Tidak, en: "No"}', '{id: Tidak, en: "No, it does not fit at all"}'
    )
    found = lint(files)
    assert {one.rule for one in found} == {"label-too-long-for-button"}
    cut = [one.what.rsplit("“", 1)[1] for one in found]
    assert cut == ["sekali”", "ell”", "at all”"]


def test_a_section_that_nobody_reaches_is_told_once_where_it_says_so() -> None:
    files = clean()
    question = "{name: %s, type: text, label: {id: Soal %s?, en: Question %s?}%s}"
    inside = ", ".join(
        question % (name, name, name, own)
        for name, own in (("x", ""), ("y", ""), ("z", ", relevant: \"cocok == '1'\""))
    )
    files["internal.yaml"] += (
        "  - name: bagian\n    type: section\n    relevant: usia > 200\n"
        f"    questions: [{inside}]\n"
    )
    lines = files["internal.yaml"].splitlines()
    found = [one for one in lint(files) if one.rule == "unreachable-question"]
    (section, own) = found
    assert (section.line, section.column) == (len(lines) - 1, 15)
    assert (own.line, own.column) == (len(lines), lines[-1].index("relevant") + 11)


def test_a_block_that_is_taken_twice_is_told_once() -> None:
    files = clean()
    files["shared.yaml"] += (
        "blocks:\n  satu:\n    - name: x\n      type: select_one\n      na: none\n"
        "      label: {id: Apa?, en: What?}\n      choices: [{name: a, label: {id: Satu, en: One}},"
        " {name: b, label: {id: Dua, en: Quit}}]\n"
    )
    files["internal.yaml"] += "  - {block: satu, prefix: p_}\n  - {block: satu, prefix: q_}\n"
    (finding,) = lint(files)
    assert (finding.rule, finding.file) == ("reserved-word-as-answer", "shared.yaml")


SIGNS = ("\t", "  ", "'", '"', "{", "}", "[", ":", "- ", "#", "&a ", "{{", "\x00", "\u00a0", "null")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_files_that_are_damaged_are_judged_and_never_raise(data: st.DataObject) -> None:
    files = structured_files() if data.draw(st.booleans()) else clean()
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(files)))
        rows = files[name].split("\n")
        row = data.draw(st.integers(0, len(rows) - 1))
        match data.draw(st.sampled_from(["drop", "double", "indent", "cut", "sign", "swap"])):
            case "drop":
                del rows[row]
            case "double":
                rows.insert(row, rows[row])
            case "indent":
                rows[row] = " " * data.draw(st.integers(1, 3)) + rows[row]
            case "cut":
                rows[row] = rows[row][data.draw(st.integers(0, len(rows[row]))) :]
            case "sign":
                at = data.draw(st.integers(0, len(rows[row])))
                rows[row] = rows[row][:at] + data.draw(st.sampled_from(SIGNS)) + rows[row][at:]
            case "swap":
                other = data.draw(st.integers(0, len(rows) - 1))
                rows[row], rows[other] = rows[other], rows[row]
        files[name] = "\n".join(rows)
    for finding in lint(files):
        assert finding.rule in RULES
        assert finding.line >= 1
        assert finding.column >= 1
        assert "\n" not in f"{finding.what}{finding.fix}"
