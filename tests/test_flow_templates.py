"""What WhatsApp is asked to approve, and its rules as findings of the linter."""

from __future__ import annotations

import re

import pytest

from bot.flow.load import load_survey
from bot.flow.source import FlowError, Problem
from bot.flow.survey import Survey
from bot.flow.templates import LANGUAGES, Wording, languages_for, numbered, respondents, wordings
from bot.flow.turn import Choice
from tests.surveys import SMALL_SURVEY, bundled, bundled_files, small_files

INVITE = "Selamat {{waktu}}, mari mengisi survei dari kami."
TEXT = re.compile(r'(  invite:\n.*?\n    id: )".*?"(\n    en: )".*?"', re.S)


def invited(text: str, **more: str) -> dict[str, str]:
    """Return a small survey in one language whose invitation has these words."""
    messages = TEXT.sub(
        lambda found: f"{found[1]}{text!r}{found[2]}{text!r}", bundled_files()["messages.yaml"]
    )
    return small_files(messages=messages) | more


def buttoned(labels: str) -> dict[str, str]:
    messages = bundled_files()["messages.yaml"]
    assert "id: [Mulai, Cek keaslian, Jangan hubungi]" in messages
    return small_files(
        messages=messages.replace("[Mulai, Cek keaslian, Jangan hubungi]", f"[{labels}]", 1)
    )


def found(files: dict[str, str]) -> tuple[Problem, ...]:
    try:
        load_survey(files)
    except FlowError as error:
        return error.problems
    return ()


# what is asked for


def test_variables_are_numbered_in_order_and_every_occurrence_has_its_own() -> None:
    body, names = numbered("Halo {{ a }}, kata {{b}} dan lagi {{a}} ya")
    assert body == "Halo {{1}}, kata {{2}} dan lagi {{3}} ya"
    assert names == ("a", "b", "a")


def test_an_invitation_has_samples_buttons_and_is_marketing() -> None:
    wording = wordings(bundled())["invite", "id"]
    assert wording.category == "MARKETING"
    assert wording.names == ("waktu", "penyelenggara", "durasi")
    assert wording.samples == ("pagi", "Inspektorat Kota Contoh", "7–10")
    assert wording.body.startswith("Selamat {{1}}, Bapak/Ibu. Kami dari *{{2}}* mengajak")
    assert wording.filled().startswith("Selamat pagi, Bapak/Ibu. Kami dari *Inspektorat Kota")
    assert wording.buttons == (
        Choice("MULAI", "Mulai"),
        Choice("CEK", "Cek keaslian"),
        Choice("BERHENTI", "Jangan hubungi"),
    )


def test_every_message_that_writes_first_is_asked_for_in_each_language() -> None:
    made = wordings(bundled())
    reminders = ("reminder_first", "reminder_partial", "reminder_last")
    assert respondents(bundled()) == ("invite", *reminders, "pilot_invite")
    assert set(made) == {
        *((name, code) for name in ("invite", "pilot_invite", *reminders) for code in ("id", "en")),
        *((name, "id") for name in ("daily_template", "leader_weekly", "closing")),
        ("roster_fix", "id"),
    }
    assert {one.category for key, one in made.items() if "invite" not in key[0]} == {"UTILITY"}
    assert made["daily_template", "id"].buttons == (
        Choice("RINCIAN", "Rincian"),
        Choice("GRAFIK", "Grafik"),
    )
    assert all(sample for one in made.values() for sample in one.samples)


def test_the_category_of_the_file_counts() -> None:
    messages = bundled_files()["messages.yaml"].replace(
        "  invite:\n    template: true", "  invite:\n    template: true\n    category: UTILITY"
    )
    made = wordings(load_survey(small_files(messages=messages)))
    assert made["invite", "id"].category == "UTILITY"
    assert made["invite", "id"].version != wordings(bundled())["invite", "id"].version


def test_messages_with_the_same_words_are_one_version() -> None:
    made = wordings(bundled())
    assert made["reminder_first", "id"].version == made["reminder_partial", "id"].version
    assert made["reminder_first", "id"].version != made["reminder_last", "id"].version


BASE = Wording("invite", "id", "UTILITY", "Halo {{1}} di sana", ("a",), ("x",), (Choice("M", "m"),))


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ({"language": "en"}, True),
        ({"category": "MARKETING"}, True),
        ({"body": "Halo {{1}} di sini"}, True),
        ({"buttons": (Choice("M", "n"),)}, True),
        ({"buttons": (Choice("N", "m"),)}, True),
        ({"buttons": ()}, True),
        ({"samples": ("y",)}, False),
        ({"names": ("b",)}, False),
        ({"message": "reminder"}, False),
    ],
)
def test_a_version_is_all_that_an_approval_is_for(change: dict[str, object], other: bool) -> None:
    from dataclasses import replace

    assert (replace(BASE, **change).version != BASE.version) is other  # type: ignore[arg-type]


def test_new_dates_and_titles_need_no_new_approval() -> None:
    later = bundled_files()
    later["survey.yaml"] = later["survey.yaml"].replace("closes: 2027-01-31", "closes: 2027-02-28")
    later["survey.yaml"] = later["survey.yaml"].replace("Inspektorat Kota", "Bawasda Kota")
    before, after = wordings(bundled()), wordings(load_survey(later))
    assert {key: one.version for key, one in before.items()} == {
        key: one.version for key, one in after.items()
    }
    assert before["invite", "id"].samples != after["invite", "id"].samples


def test_names_at_the_provider_are_of_small_letters_digits_and_lines() -> None:
    for wording in wordings(bundled()).values():
        for attempt in (1, 2):
            name = wording.name("integritas", attempt)
            assert re.fullmatch(r"[a-z0-9_]{1,120}", name)
            assert name.endswith(wording.mark(attempt))
        assert wording.name("integritas", 1) != wording.name("integritas", 2)


def regional(languages: str = "[id, bbc]", default: str = "id") -> Survey:
    """Return the small survey in Batak too, whose words are the Indonesian ones."""
    files = small_files(
        survey=SMALL_SURVEY.replace("languages: [id, en]", f"languages: {languages}")
        .replace("default_language: id", f"default_language: {default}")
        .replace("en: English", "bbc: Hata Batak")
        .replace("en:", "bbc:")
    )
    return load_survey(
        {
            name: text if name == "survey.yaml" else re.sub(r"\ben:", "bbc:", text)
            for name, text in files.items()
        }
    )


def test_a_regional_language_has_no_template_and_falls_back() -> None:
    survey = regional()
    assert survey.languages == ("id", "bbc")
    assert {code for _, code in wordings(survey)} == {"id"}
    assert languages_for(survey, "invite", "bbc") == ("id",)
    assert languages_for(regional("[bbc, id]", "bbc"), "invite", "bbc") == ("id",)


def test_who_speaks_another_language_of_whatsapp_is_meant_first() -> None:
    assert languages_for(bundled(), "invite", "en") == ("en", "id")
    assert languages_for(bundled(), "invite", "id") == ("id",)
    assert languages_for(bundled(), "over", "id") == ()
    assert "id" in LANGUAGES
    assert not LANGUAGES & {"jv", "su", "bjn", "min", "ban", "mad"}


# the linter


def test_words_that_break_no_rule_are_no_finding() -> None:
    assert found(invited(INVITE)) == ()
    assert load_survey(invited(INVITE)).advice == ()
    assert found(bundled_files()) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{waktu}}, mari mengisi survei dari kami.", "begin or end"),
        ("*{{waktu}}*, mari mengisi survei dari kami.", "begin or end"),
        ("Mari mengisi survei dari kami, selamat {{waktu}}", "begin or end"),
        ("Mari mengisi survei dari kami, selamat {{waktu}}!", "begin or end"),
        ("Undangan: {{waktu}} ini mari mengisi survei kami.", "begin with a label"),
        ("Selamat {{waktu}} {{batas}} mari mengisi survei dari kami ya.", "side by side"),
        ("Selamat {{waktu}}{{batas}} mari mengisi survei dari kami ya.", "side by side"),
        ("Selamat {{waktu}}, isi.", "2 words around 1 placeholders; a template needs 3"),
        ("Selamat {{waktu}}, isi sampai {{batas}} ya.", "a template needs 5"),
        ("Selamat {{waktu}}, mari " + "mengisi " * 130, "it may have 1024"),
    ],
)
def test_each_rule_for_the_words_is_found_alone_and_at_its_place(text: str, words: str) -> None:
    files = invited(text)
    problems = found(files)
    assert [words in one.what for one in problems] == [True, True], problems
    lines = files["messages.yaml"].split("\n")
    for one, code in zip(problems, ("id", "en"), strict=True):
        assert one.file == "messages.yaml"
        assert lines[one.line - 1].startswith(f"    {code}: ")
        assert one.column == len(f"    {code}: ") + 1
        assert one.fix


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ('Mulai, Cek keaslian, "Tidak 🙏"', "U+1F64F"),
        ('Mulai, Cek keaslian, "Jangan\\nhubungi"', "U+000A"),
        ("Mulai, Cek keaslian, '*Jangan*'", "U+002A"),
        ("Mulai, Cek keaslian, '{{unit}}'", "U+007B"),
        ("Mulai, mulai, Jangan hubungi", "two buttons read `mulai`"),
        ("Mulai, Cek keaslian, Jangan hubungi lagi saya", "20 characters"),
        ("Mulai, Cek, Jangan, Lain", "4 buttons, but `invite` has 3"),
    ],
)
def test_each_rule_for_buttons_is_found_alone(labels: str, words: str) -> None:
    (problem,) = found(buttoned(labels))
    assert words in problem.what
    assert problem.line == 1 + bundled_files()["messages.yaml"][
        : bundled_files()["messages.yaml"].index("id: [Mulai,")
    ].count("\n")


def coordinators(old: str, new: str) -> dict[str, str]:
    text = bundled_files()["messages.yaml"]
    assert old in text
    return bundled_files() | {"messages.yaml": text.replace(old, new, 1)}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "pukul {{pukul}} ({{zona}}): {{ring",
            "pukul {{pukul}} {{zona}}: wilayah {{ring",
            "side by",
        ),
        ("{id: [Rincian, Grafik]}", "{id: [A, B, C, D]}", "4 buttons; a template has 3 at most"),
    ],
)
def test_the_coordinators_templates_are_judged_too(old: str, new: str, words: str) -> None:
    (problem,) = found(coordinators(old, new))
    assert words in problem.what
    assert problem.file == "messages.yaml"


def test_a_value_of_several_lines_is_found_where_a_template_has_it() -> None:
    several = 'penyelenggara: "Inspektorat\\nKota Contoh"'
    survey = SMALL_SURVEY.replace("penyelenggara: Inspektorat Kota Contoh", several)
    (problem,) = found(small_files(survey=survey))
    assert "a value of a template" in problem.what
    assert survey.split("\n")[problem.line - 1] == "  " + several
    unused = SMALL_SURVEY.replace(
        "kontak_luar: Pusat Studi Contoh", 'kontak_luar: "Pusat\\nStudi Contoh"'
    )
    assert found(small_files(survey=unused)) == ()


def test_the_same_words_in_another_category_are_found() -> None:
    """WhatsApp rejects a second template with the words of the first."""
    messages = bundled_files()["messages.yaml"].replace(
        "  reminder_partial:\n    template: true",
        "  reminder_partial:\n    template: true\n    category: MARKETING",
    )
    problems = found(small_files(messages=messages))
    assert ["the words of `reminder_first`" in one.what for one in problems] == [True, True]


def test_a_category_is_of_templates_alone_and_one_of_two() -> None:
    text = bundled_files()["messages.yaml"]
    odd = text.replace("  over:\n", "  over:\n    category: UTILITY\n")
    (problem,) = found(small_files(messages=odd))
    assert "`category` is of templates only" in problem.what
    odd = text.replace("  invite:\n", "  invite:\n    category: SURVEY\n")
    (problem,) = found(small_files(messages=odd))
    assert "`SURVEY` is not known here" in problem.what


def test_a_survey_in_no_language_of_whatsapp_is_found() -> None:
    with pytest.raises(FlowError) as caught:
        regional("[bbc]", "bbc")
    (problem,) = caught.value.problems
    assert "WhatsApp has no templates in bbc" in problem.what


def test_a_long_template_is_advised_to_be_shorter_and_taken() -> None:
    survey = load_survey(invited("Selamat {{waktu}}, mari " + "mengisi " * 70 + "ya."))
    assert len(survey.advice) == 2
    assert all("up to 550 are advised" in one.what for one in survey.advice)


def test_a_version_published_before_a_rule_goes_on() -> None:
    files = invited("Selamat {{waktu}}, isi.")
    assert found(files)
    assert load_survey(files, older=True).languages == ("id", "en")
