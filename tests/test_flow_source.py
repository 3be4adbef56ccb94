"""YAML is read with the place of every part, and nothing ambiguous gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.source import MAX_CHARS, FlowError, Problem, read_source
from tests.surveys import bundled_files


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(FlowError) as caught:
        read_source("x.yaml", text)
    return caught.value.problems


def test_every_key_and_value_knows_its_line_and_column() -> None:
    source = read_source("x.yaml", "a: 1\nb:\n  - c: x\n    d: [y, z]\n")
    assert source.data == {"a": "1", "b": [{"c": "x", "d": ["y", "z"]}]}
    assert source.keys[("b", 0, "d")] == (4, 5)
    assert source.values[("b", 0, "d", 1)] == (4, 12)
    assert source.problem(("b", 0, "d", 7, "e"), "w").line == 4


def test_words_stay_words() -> None:
    source = read_source("x.yaml", "a: no\nb: 1e3\nc: 2026-11-01\nd: ~\ne:\nf: 0777\n")
    assert list(source.data.values()) == ["no", "1e3", "2026-11-01", "~", "", "0777"]


def test_a_key_given_twice_is_an_error_where_the_second_stands() -> None:
    (problem,) = problems("a: 1\nb: {c: 1, d: 2, c: 3}\n")
    assert (problem.line, problem.column) == (2, 17)
    assert "`c` is given twice, first in line 2" in problem.what


def test_aliases_anchors_and_tags_are_refused_together() -> None:
    found = problems("a: &x 1\nb: *x\nc: !!int 2\n")
    assert [problem.line for problem in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 'x\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: \x07\n", 1),
        ("a: 1\n  b: 2\n", 2),
        ("- a\n", 1),
        ("", 1),
        ("? [a]\n: 1\n", 1),
    ],
)
def test_what_is_not_one_yaml_mapping_is_refused_with_its_place(text: str, line: int) -> None:
    assert problems(text)[0].line == line


def test_a_file_that_would_crash_a_recursive_reader_is_refused() -> None:
    assert "deep" in problems("a: " + "[" * 200_000)[0].what
    assert problems("a: x\n" * 1 + "#" * MAX_CHARS)[0].fix


def test_a_billion_laughs_are_refused_before_they_grow() -> None:
    lines = ["a: &a [x, x]"] + [
        f"{n}: &{n} [*{p}, *{p}]" for p, n in zip("abcdef", "bcdefg", strict=True)
    ]
    assert len(problems("\n".join(lines))) == 1 + 6 + 12


def test_a_problem_reads_as_file_line_column_what_and_remedy() -> None:
    assert str(Problem("x.yaml", 2, 7, "wrong", "mend it")) == "x.yaml:2:7: wrong; mend it"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        data = read_source("x.yaml", text).data
    except FlowError as error:
        data = {str(problem): problem.line for problem in error.problems}
    assert all(isinstance(key, str) for key in data)
    assert data or text


def test_places_in_the_bundled_files_point_at_the_words_themselves() -> None:
    for name, text in bundled_files().items():
        lines = text.splitlines()
        source = read_source(name, text)
        for path, (line, column) in source.keys.items():
            assert str(path[-1]) in lines[line - 1][column - 1 :], (name, path)


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("a: 1\n\tb: 2\n", (2, 1), "write blanks in place of the tab"),
        ("label:\n\tid: Satu\n", (2, 1), "write blanks in place of the tab"),
        ("a: @b\n", (1, 4), "quote the text"),
        ("a:\n  - b: 1\n    c: 2\n   d: 3\n", (4, 4), "begin this line in the same column"),
        ("a:\n  b: 1\n     c: 2\n", (3, 7), "begin this line in the same column"),
        ("a: Judul: baru\n", (1, 9), "quote a text that has `: ` in it"),
        ("a: {b: 'x', c: y\nd: 1\n", (2, 2), "close quotes and brackets"),
        (
            "a:\n  - b: 1\n    c: 2\n\u00a0\u00a0d: 3\n    e: 4\n",
            (5, 6),
            "these were copied from a document",
        ),
    ],
)
def test_what_is_no_yaml_is_told_with_what_to_do(
    text: str, place: tuple[int, int], fix: str
) -> None:
    with pytest.raises(FlowError) as caught:
        read_source("a.yaml", text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == place
    assert fix in problem.fix
