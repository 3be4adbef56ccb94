"""What a flow wants tapped: buttons, lists, what does not fit, and how a tap is read."""

from __future__ import annotations

import re

import pytest

from bot.channels.base import as_text
from bot.flow.lint import Finding, lint
from bot.flow.load import load_survey
from bot.flow.survey import Survey
from bot.flow.tapping import tappable
from bot.flow.taps import Blanks, misfit
from bot.flow.turn import Message, Tappable
from tests.surveys import BUNDLED, SMALL_FLOW, SMALL_SURVEY, Chat, bundled_files, small_files

LIMITS = {
    *("stays-text", "too-many-buttons", "too-many-rows", "label-not-fixed", "body-too-long-to-tap"),
    *("label-too-long-for-button", "label-too-long-for-row"),
}
README = BUNDLED.parent / "README.md"


def small(appearance: str = "text", **questions: str) -> Survey:
    """Load the small survey with this default; `questions` give some one of their own."""
    return load_survey(files(appearance, **questions))


def files(appearance: str = "text", **questions: str) -> dict[str, str]:
    flow = SMALL_FLOW
    for name, own in questions.items():
        marked = f"name: {name}\n    type: select_one\n"
        assert marked in flow
        flow = flow.replace(marked, f"{marked}    appearance: {own}\n")
    return small_files(survey=SMALL_SURVEY + f"appearance: {appearance}\n", internal=flow)


def misfits(files: dict[str, str]) -> list[Finding]:
    """Return what the linter says about taps."""
    return [one for one in lint(files) if one.rule in LIMITS]


def filled(taps: Tappable) -> str:
    """Return what a body says once the provider has filled its blanks."""
    return re.sub(r"\{\{(\d+)\}\}", lambda match: taps.values[int(match[1]) - 1], taps.body)


def taps(message: Message | None) -> Tappable:
    assert message is not None
    assert message.taps is not None
    return message.taps


def test_nothing_is_tapped_unless_the_survey_wants_it() -> None:
    chat = Chat(small()).asking()
    assert chat.message is not None
    assert chat.message.taps is None
    assert [one for one in tappable(small()) if one.taps] == []


def test_a_question_may_say_it_for_itself() -> None:
    chat = Chat(small(setuju_kah="buttons")).asking()
    found = taps(chat.message)
    assert found.kind == "buttons"
    assert [(one.value, one.label) for one in found.options] == [
        ("setuju_kah:1", "Ya"),
        ("setuju_kah:2", "Tidak"),
    ]


def test_a_list_has_a_label_and_the_ways_not_to_answer() -> None:
    chat = Chat(small("list")).asking()
    chat.all("1", "30", "1", "2")
    assert chat.state.question == "kerja"
    found = taps(chat.message)
    assert (found.kind, found.label) == ("list", "Pilih jawaban")
    assert [one.value for one in found.options] == ["kerja:1", "kerja:2", "kerja:9"]


def test_the_label_of_a_list_can_be_ones_own() -> None:
    own = files("list")
    own["messages.yaml"] = own["messages.yaml"].replace(
        "messages:\n", "messages:\n  choose_button: {id: Lihat pilihan, en: See choices}\n", 1
    )
    assert taps(Chat(load_survey(own)).asking().message).label == "Lihat pilihan"
    own["messages.yaml"] = own["messages.yaml"].replace("Lihat pilihan", "x" * 21)
    with pytest.raises(Exception, match="at most 20"):
        load_survey(own)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("appearance", ["buttons", "list"])
def test_in_every_form_a_message_says_the_same(appearance: str, language: str) -> None:
    chat = Chat(small(appearance), language=language).asking()
    for text in ("", "1", "30", "1", "2", "1"):
        if text:
            chat.say(text)
        assert chat.message is not None
        if chat.message.taps is not None:
            assert filled(chat.message.taps) == as_text(chat.message)


def test_what_differs_between_people_is_a_blank() -> None:
    """A note that repeats an age stands in the same bubble as the question after it."""
    repeated = {"id": "Usia {{usia}}, bekerja?", "en": "At {{usia}}, working?"}
    own = files("list")
    own["internal.yaml"] = own["internal.yaml"].replace(
        "{id: Bekerja?, en: Working?}", f"{{id: '{repeated['id']}', en: '{repeated['en']}'}}"
    )
    survey = load_survey(own)
    bodies = set()
    for age in ("30", "31"):
        chat = Chat(survey).asking()
        chat.all("1", age, "1", "2")
        found = taps(chat.message)
        assert age in found.values
        assert f"Usia {age}, bekerja?" in as_text(chat.message or Message(""))
        bodies.add((found.body, found.options))
    assert len(bodies) == 1


def test_a_value_that_whatsapp_would_refuse_makes_it_text() -> None:
    blanks = Blanks()
    assert [blanks.put("a", "x"), blanks.put("b", "x"), blanks.put("a", "x")] == [
        "{{1}}",
        "{{2}}",
        "{{1}}",
    ]
    assert (blanks.values, blanks.usable) == (("x", "x"), True)
    for bad in ("", "  ", "two\nlines", "two\u2028lines"):
        other = Blanks()
        other.put("a", bad)
        assert not other.usable


def test_a_stumble_is_answered_in_plain_text() -> None:
    chat = Chat(small("list")).asking()
    chat.say("hmm")
    assert chat.message is not None
    assert chat.message.taps is None
    assert "1. Ya\n2. Tidak" in chat.text


def test_consent_and_language_follow_the_survey() -> None:
    chat = Chat(small("buttons"))
    chat.open()
    assert [one.value for one in taps(chat.message).options] == ["language:id", "language:en"]
    chat.tap("language:en")
    assert [one.value for one in taps(chat.message).options] == ["SETUJU", "TIDAK"]
    chat.tap("SETUJU")
    assert chat.state.question == "setuju_kah"


@pytest.mark.parametrize(
    ("kind", "labels", "body", "words"),
    [
        ("text", ["x"] * 50, "x" * 5000, None),
        ("buttons", ["a", "b", "c"], "x" * 1024, None),
        ("buttons", ["a", "b", "c", "d"], "x", "4 buttons"),
        ("buttons", ["x" * 20], "x", None),
        ("buttons", ["x" * 21], "x", "21 characters"),
        ("buttons", ["x" * 19 + "😀"], "x", "21 characters"),
        ("buttons", [], "x", "0 buttons"),
        ("list", ["x" * 24] * 10, "x", None),
        ("list", ["x" * 25], "x", "25 characters"),
        ("list", ["x"] * 11, "x", "11 rows"),
        ("list", ["x"], "x" * 1025, "1025 characters"),
        ("list", ["{{unit}}"], "x", "fixed words"),
        ("list", ["a\nb"], "x", "one line"),
    ],
)
def test_the_limits_are_whatsapps(
    kind: str, labels: list[str], body: str, words: str | None
) -> None:
    found = misfit(kind, labels, body)
    assert (found is None) == (words is None)
    if words is not None:
        assert found is not None
        assert words in found[0]
        assert found[1]


def test_what_does_not_fit_is_told_with_its_place_and_goes_as_text() -> None:
    own = files(setuju_kah="buttons", kerja="buttons")
    own["internal.yaml"] = own["internal.yaml"].replace(
        "label: {id: Ya, en:", 'label: {id: "Ya, saya setuju sekali itu", en:', 1
    )
    (finding,) = misfits(own)
    line = own["internal.yaml"][: own["internal.yaml"].index("Ya, saya")].count("\n") + 1
    assert (finding.file, finding.line) == ("internal.yaml", line)
    assert "26 characters" in finding.what
    assert "“li itu”" in finding.what
    chat = Chat(load_survey(own)).asking()
    assert chat.message is not None
    assert chat.message.taps is None


def test_a_default_that_fits_few_is_told_once() -> None:
    own = bundled_files()
    own["survey.yaml"] = own["survey.yaml"].replace("appearance: text ", "appearance: buttons ")
    (finding,) = misfits(own)
    assert (finding.file, finding.line, finding.rule) == ("survey.yaml", 16, "stays-text")
    assert "internal/sar_02 (4 buttons" in finding.what


def test_several_choices_cannot_be_tapped() -> None:
    own = files()
    own["internal.yaml"] = own["internal.yaml"].replace(
        "type: select_multiple\n", "type: select_multiple\n    appearance: list\n"
    )
    with pytest.raises(Exception, match="unknown key `appearance`"):
        load_survey(own)


def test_payloads_are_short_and_name_nobody() -> None:
    own = bundled_files()
    own["survey.yaml"] = own["survey.yaml"].replace("appearance: text ", "appearance: list ")
    survey = load_survey(own)
    found = [one for one in tappable(survey) if one.taps]
    assert len(found) > 150
    for message in found:
        for option in taps(message).options:
            assert len(option.value) <= 200
            assert re.fullmatch(r"[a-z0-9_]+:\w+|[A-Z_]+", option.value)


def test_a_payload_that_is_only_a_title_is_read_as_words() -> None:
    chat = Chat(small("list")).asking()
    chat.tap("Yes")
    assert chat.state.answers["setuju_kah"] == "1"
    again = Chat(small("buttons"))
    again.open()
    again.tap("Bahasa Indonesia")
    assert again.state.status == "language", "a language is tapped by its code or typed by name"
    again.say("Bahasa Indonesia")
    again.tap("Setuju")
    assert again.state.question == "setuju_kah"


def test_an_impossible_tap_only_shows_the_open_question() -> None:
    chat = Chat(small("list")).asking()
    before = chat.state.answers
    for option in ("kerja:1", "setuju_kah:7", "nothing:1", "a:b:c"):
        chat.tap(option)
        assert chat.said("asked_again")
        assert (chat.state.answers, chat.state.question) == (before, "setuju_kah")


def test_a_button_that_is_none_of_ours_is_never_an_answer_in_ones_own_words() -> None:
    chat = Chat(small("list")).asking()
    chat.all("1", "30", "1", "2", "1")
    assert chat.state.question == "saran"
    chat.tap("kerja")
    chat.tap("Ya")
    assert "Saran?" in chat.text
    assert "saran" not in chat.state.answers
    chat.tap("kerja:2")
    assert (chat.state.answers["kerja"], chat.state.question) == ("2", "saran")


def test_the_example_in_the_readme_works() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "appearance:" in block and "- name:" in block]
    own = files()
    own["internal.yaml"] = own["internal.yaml"].split("questions:\n")[0] + "questions:\n" + example
    survey = load_survey(own)
    assert misfits(own) == []
    kinds = [taps(one).kind for one in tappable(survey) if one.taps and one.language == "id"]
    assert set(kinds) == {"buttons", "list"}
