"""The linter measures messages as they go out: with all that stands in them, at their longest."""

from __future__ import annotations

import pytest

from bot.flow.lint import lint
from tests.lint_cases import clean

CARD = {"media/kartu.png": "image/png 90000 " + "a" * 64}


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("", False),
        ("  - {name: kata, type: note, label: {id: 'X', en: 'X'}}\n", True),
        ("  - {name: kata, type: note, relevant: usia > 20, label: {id: 'X', en: 'X'}}\n", True),
        (
            # only one of them is ever there
            "".join(
                f"  - {{name: {name}, type: note, relevant: usia {than} 20,"
                " label: {id: 'Y', en: 'Y'}}\n"
                for name, than in (("satu", ">"), ("dua", "<"))
            ),
            False,
        ),
    ],
)
def test_a_caption_is_measured_with_the_notes_that_stand_in_it(before: str, told: bool) -> None:
    before = before.replace("'X'", f"'{'Kata ' * 80}'").replace("'Y'", f"'{'Kata ' * 40}'")
    words = "Kata " * 110
    question = (
        f"  - {{name: q, type: integer, label: {{id: '{words}?', en: Q?}},"
        " media: {image: kartu.png}}\n"
    )
    files = clean() | CARD
    files["internal.yaml"] += before + question
    found = [one for one in lint(files) if one.rule == "body-too-long-for-picture"]
    # Whoever is asked in English gets it with the note alone.
    assert [one.line for one in found] == ([files["internal.yaml"].count("\n")] if told else [])


def test_a_caption_is_measured_with_titles_and_the_answers_that_it_repeats() -> None:
    for title, said in (("Judul " * 90, "Kata " * 100), ("Judul", "Kata " * 100 + "{{saran}}")):
        files = clean() | CARD
        files["internal.yaml"] += (
            f"  - name: bagian\n    type: section\n    label: {{id: '{title}', en: Title}}\n"
            "    questions:\n"
            f"      - {{name: q, type: integer, label: {{id: '{said}', en: Q?}},"
            " media: {image: kartu.png}}\n"
        )
        (found,) = lint(files)
        assert found.rule == "body-too-long-for-picture"


def test_choices_that_a_filter_lets_through_together_are_measured_together() -> None:
    def survey(attributes: str) -> dict[str, str]:
        label = f"{{id: '{'Kata ' * 40}%s', en: K%s}}"
        listed = "".join(
            f"      - {{name: k{n}, attributes: {{jenis: '{attributes[n]}'}},"
            f" label: {label % (n, n)}}}\n"
            for n in range(8)
        )
        files = clean()
        files["internal.yaml"] += (
            "  - name: q\n    type: select_one\n    label: {id: Q?, en: Q?}\n    na: none\n"
            f"    choice_filter: jenis == cocok\n    choices:\n{listed}"
        )
        return files

    assert lint(survey("11112222")) == ()
    (found,) = lint(survey("11111112"))
    assert (found.rule, found.severity) == ("body-too-long", "error")
    assert found.column == 17


def test_what_is_said_of_a_refused_answer_is_measured_with_the_question() -> None:
    files = clean()
    files["internal.yaml"] += (
        f"  - name: q\n    type: text\n    label: {{id: '{'Kata ' * 150}', en: Q?}}\n"
        "    constraint: value != 'x'\n"
        f"    constraint_message: {{id: '{'Kata ' * 175}', en: No.}}\n"
    )
    (found,) = lint(files)
    line = files["internal.yaml"].count("\n")
    assert (found.rule, found.line, found.column) == ("body-too-long", line, 30)


def test_a_note_after_the_last_question_is_measured_with_the_end() -> None:
    for words, rules in (("Kata " * 100, []), ("Kata " * 315, ["body-too-long"])):
        files = clean()
        files["internal.yaml"] += f"  - {{name: k, type: note, label: {{id: '{words}', en: K}}}}\n"
        assert [one.rule for one in lint(files)] == rules


def test_a_page_of_answers_is_measured_with_what_fills_the_words_around_it() -> None:
    for words, rules in (("Kata " * 10, []), ("Kata " * 160, ["body-too-long"])):
        files = clean()
        files["survey.yaml"] = files["survey.yaml"].replace(
            "texts:\n", f"texts:\n  janji: {{id: '{words}', en: A promise}}\n"
        )
        files["messages.yaml"] = (
            files["messages.yaml"]
            .replace("Sebelum dikirim, silakan", "{{janji}} Sebelum dikirim, silakan")
            .replace("Before you send them, please", "{{janji}} Before you send them, please")
        )
        files["internal.yaml"] = files["internal.yaml"].replace(
            "questions:\n", "review: true\nquestions:\n"
        )
        assert [one.rule for one in lint(files)] == rules


def test_each_page_of_a_long_list_is_measured() -> None:
    for words, rules in (("Kata " * 10, []), ("Kata " * 310, ["body-too-long"])):
        listed = "".join(
            f"      - {{name: k{n}, label: {{id: {words if n == 11 else 'K'}{n}, en: K{n}}}}}\n"
            for n in range(12)
        )
        files = clean()
        files["internal.yaml"] += (
            "  - name: q\n    type: select_one\n    label: {id: Q?, en: Q?}\n    na: none\n"
            f"    choices:\n{listed}"
        )
        assert [one.rule for one in lint(files)] == rules
