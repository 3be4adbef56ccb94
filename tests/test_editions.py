"""Two versions of a survey compared: wording, addition or break, and what exactly."""

from __future__ import annotations

import pytest

from bot.flow.editions import Change, broken, compare
from bot.flow.load import load_survey
from bot.flow.survey import Survey
from tests.surveys import SMALL_FLOW, SMALL_SURVEY, bundled, small, small_files

AGE, HAMMER = "{id: Usia?, en: Age?}", "{id: Palu, en: Hammer}"
TOOLS = "relevant: \"'4' in alat\""
SCREENS = "end_if: \"setuju_kah == '2'\""


def changed(*edits: tuple[str, str], survey: str = SMALL_SURVEY) -> Survey:
    """Return the small survey with some texts of its flow replaced."""
    flow = SMALL_FLOW
    for old, new in edits:
        assert flow.count(old) == 1, old
        flow = flow.replace(old, new)
    return load_survey(small_files(internal=flow, survey=survey))


def differences(*edits: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.question, one.what) for one in compare(small(), changed(*edits))]


def test_nothing_changed_is_no_change() -> None:
    assert compare(small(), small()) == ()
    assert compare(small(), load_survey(small_files(internal=SMALL_FLOW + "# a note\n"))) == ()
    assert compare(bundled(), bundled()) == ()


@pytest.mark.parametrize(
    ("old", "new", "kind", "question", "what"),
    [
        # what reads otherwise
        (AGE, "{id: Usia Anda?, en: Age?}", "wording", "usia", "question in id"),
        (AGE, "{id: Usia?, en: Years?}", "wording", "usia", "question in en"),
        (HAMMER, "{id: Palu besi, en: Hammer}", "wording", "alat", "of choice 1"),
        ("Sebanyak itu?", "Sebanyak itukah?", "wording", "anak", "what is said"),
        ("Catatan awal.", "Catatan pertama.", "wording", "halo", "the note"),
        ("    na: refuse\n", "    na: refuse\n    appearance: list\n", "wording", "kerja", "shown"),
        ("    min: 0\n", "    min: 0\n    code: U1\n", "wording", "usia", "its code"),
        ('minutes: "2"', 'minutes: "3"', "wording", "", "title or length"),
        ('minutes: "2"', 'minutes: "2"\nreview: true', "wording", "", "are shown before the end"),
        # what is asked or offered besides
        ("    max: 120\n", "    max: 130\n", "addition", "usia", "`max` was 120, is 130"),
        ("    min: 0\n", "", "addition", "usia", "`min` was 0, is none"),
        ("max_chars: 40", "max_chars: 400", "addition", "alat_lain", "max_chars"),
        ("    na: refuse\n", "", "addition", "kerja", "a new choice `0`"),
        ("    relevant: \"'4' in alat\"\n", "", "addition", "alat_lain", "no `relevant` any more"),
        ('    end_if: "setuju_kah == \'2\'"\n', "", "addition", "setuju_kah", "no `end_if`"),
        ("    max_choices: 3\n", "", "addition", "alat", "`max` was 3, is none"),
        # what breaks
        ("    max: 120\n", "    max: 110\n", "break", "usia", "`max` was 120, is 110"),
        ("    min: 0\n", "    min: 10\n", "break", "usia", "`min` was 0, is 10"),
        ("max_chars: 40", "max_chars: 20", "break", "alat_lain", "max_chars"),
        ("    na: refuse\n", "    na: none\n", "break", "kerja", "no choice `9` any more"),
        ('"value < usia"', '"value + 10 < usia"', "break", "anak", "was `value < usia`"),
        (TOOLS, TOOLS.replace("4", "3"), "break", "alat_lain", "`relevant`"),
        (SCREENS, SCREENS.replace("2", "1"), "break", "setuju_kah", "`end_if`"),
        (AGE, "{id: Berat badan, en: Age?}", "break", "usia", "same question"),
        (HAMMER, "{id: Kompor gas, en: Hammer}", "break", "alat", "choice `1` says"),
        ("    max_choices: 3\n", "    max_choices: 2\n", "break", "alat", "`max` was 3, is 2"),
    ],
)  # fmt: skip
def test_every_change_of_a_question_has_its_kind(
    old: str, new: str, kind: str, question: str, what: str
) -> None:
    (found,) = differences((old, new))
    assert found[:2] == (kind, question), found
    assert what in found[2]


def test_a_question_that_may_be_left_out_or_not_any_more() -> None:
    loose = changed(("    min: 0\n", "    required: false\n    min: 1\n"))
    tight = changed(("    min: 0\n", "    min: 1\n"))
    assert compare(tight, loose) == (Change("addition", "internal", "usia", "may be left out"),)
    assert compare(loose, tight)[0].kind == "break"


def test_a_choice_of_another_name_is_another_choice_though_it_says_the_same() -> None:
    old, new = '{name: "1", label: {id: Palu', '{name: "8", label: {id: Palu'
    assert differences((old, new)) == [
        ("break", "alat", "no choice `1` any more"),
        ("addition", "alat", "a new choice `8`"),
    ]


def test_choices_that_change_places_break_what_was_answered() -> None:
    found = differences(
        ('"1", label: {id: Palu, en: Hammer}', '"1", label: {id: Gergaji, en: Saw}'),
        ('"2", label: {id: Gergaji, en: Saw}', '"2", label: {id: Palu, en: Hammer}'),
    )
    assert {one[0] for one in found} == {"break"}
    assert {one[2] for one in found} == {
        "choice `1` now says what `2` said",
        "choice `2` now says what `1` said",
    }


def test_choices_that_come_and_go() -> None:
    fewer = changed(('      - {name: "3", label: {id: Obeng, en: Screwdriver}}\n', ""))
    assert compare(small(), fewer) == (
        Change("break", "internal", "alat", "no choice `3` any more"),
    )
    assert compare(fewer, small())[0] == Change("addition", "internal", "alat", "a new choice `3`")
    hammer = f'      - {{name: "1", label: {HAMMER}}}\n'
    saw = '      - {name: "2", label: {id: Gergaji, en: Saw}}\n'
    turned = changed(
        (f"{hammer}{saw}", f"{saw}{hammer}"),
    )
    assert [one.what for one in compare(small(), turned)] == ["the order of its choices"]


def test_scores_count_in_the_results_and_break_no_answer() -> None:
    scored = changed(("label: {id: Palu, en: Hammer}}", "label: {id: Palu, en: Hammer}, score: 5}"))
    assert [(one.kind, one.what) for one in compare(small(), scored)] == [
        ("wording", "the scores of its choices")
    ]


def test_questions_that_come_go_and_move() -> None:
    start, end = SMALL_FLOW.index("  - name: alat\n"), SMALL_FLOW.index("  - name: alat_lain")
    alat = SMALL_FLOW[start:end]
    without = load_survey(
        small_files(
            internal=SMALL_FLOW.replace(alat, "").replace("    relevant: \"'4' in alat\"\n", "")
        )
    )
    found = {(one.kind, one.question, one.what) for one in compare(small(), without)}
    assert ("break", "alat", "gone") in found
    back = {(one.kind, one.question, one.what) for one in compare(without, small())}
    assert ("addition", "alat", "new") in back
    earlier = SMALL_FLOW.replace(alat, "").replace("  - name: usia\n", f"{alat}  - name: usia\n")
    first = load_survey(small_files(internal=earlier))
    assert [(one.kind, one.what) for one in compare(small(), first)] == [
        ("wording", "the questions come in another order")
    ]
    note = "  - {name: akhir, type: note, label: {id: Catatan akhir., en: A last note.}}\n"
    notes = changed((note, ""))
    assert [one.kind for one in compare(small(), notes)] == ["wording"]


def test_another_type_is_another_question() -> None:
    age = f"    type: integer\n    label: {AGE}\n"
    children = SMALL_FLOW.index("  - name: anak\n")
    found = differences(
        (SMALL_FLOW[children : SMALL_FLOW.index("  - name: saran")], ""),
        (f"{age}    min: 0\n    max: 120\n", age.replace("integer", "text")),
    )
    assert ("break", "usia", "was `integer`, is `text`") in found


def test_questions_whose_answers_break() -> None:
    newer = changed(("    max: 120\n", "    max: 110\n"), ("    na: refuse\n", ""))
    flows = small().flows["internal"], newer.flows["internal"]
    assert broken(*flows) == {"usia"}


def test_groups_flows_languages_and_words() -> None:
    one = SMALL_SURVEY.replace("languages: [id, en]", "languages: [id]")
    lost = compare(small(), load_survey(small_files(survey=one)))
    assert Change("break", "", "", "the language `en` is not offered any more") in lost
    assert any("settings, which count at once: languages" in change.what for change in lost)
    found = compare(load_survey(small_files(survey=one)), small())
    assert Change("addition", "", "", "the language `en` is offered") in found
    files = small_files()
    files["messages.yaml"] = files["messages.yaml"].replace("ini sukarela.", "ini sukarela!")
    said = [(one.kind, one.what) for one in compare(small(), load_survey(files))]
    assert said[0] == ("wording", "messages: consent")
    assert "agreed to the words before" in said[1][1]
    two = small_files()
    two["warga.yaml"] = SMALL_FLOW.replace("name: internal", "name: warga")
    two["survey.yaml"] = SMALL_SURVEY.replace("flow: internal", "flow: warga")
    both = {(one.kind, one.flow, one.what) for one in compare(small(), load_survey(two))}
    assert ("addition", "warga", "a new questionnaire") in both
    assert ("break", "", "the group `internal` is asked `warga` instead of `internal`") in both
    less = {(one.kind, one.flow, one.what) for one in compare(load_survey(two), small())}
    assert ("break", "warga", "the questionnaire is gone") in less
    three = SMALL_SURVEY.replace(
        "groups:\n",
        "groups:\n  tamu:\n    flow: internal\n    label: {id: Tamu, en: Guest}\n"
        "    reason: acak\n    source: {id: daftar tamu, en: the list of guests}\n",
    )
    more = compare(small(), load_survey(small_files(survey=three)))
    assert Change("addition", "", "", "a new group `tamu`") in more
    gone = compare(load_survey(small_files(survey=three)), small())
    assert Change("break", "", "", "the group `tamu` is gone") in gone


def test_every_field_of_a_question_has_a_rule_or_breaks() -> None:
    """A key that comes later is safe before anybody has thought of it."""
    found = differences(("    max: 120\n", "    max: 120\n    scored: true\n"))
    assert found == [("wording", "usia", "whether it counts in the index")]
