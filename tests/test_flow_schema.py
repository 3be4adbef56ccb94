"""Every mistake in a flow file is told with its place and its remedy, all of them at once."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from bot.flow.load import load_survey
from bot.flow.source import FlowError, Problem
from tests.surveys import SMALL_FLOW, SMALL_SURVEY, bundled, bundled_files, small, small_files


def problems(files: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(FlowError) as caught:
        load_survey(files)
    return caught.value.problems


def flow_with(old: str, new: str) -> dict[str, str]:
    assert old in SMALL_FLOW
    return small_files(internal=SMALL_FLOW.replace(old, new, 1))


def survey_with(old: str, new: str) -> dict[str, str]:
    assert old in SMALL_SURVEY
    return small_files(survey=SMALL_SURVEY.replace(old, new, 1))


def messages_with(old: str, new: str) -> dict[str, str]:
    text = bundled_files()["messages.yaml"]
    assert old in text
    return small_files(messages=text.replace(old, new, 1))


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def test_the_bundled_survey_loads_with_all_its_languages() -> None:
    assert bundled().languages == ("id", "en")
    assert bundled().missing == ()
    assert {name: len(flow.asked) for name, flow in bundled().flows.items()} == {
        "internal": 25,
        "eksternal": 20,
        "ahli": 14,
    }


def test_scales_are_shared_by_name() -> None:
    question = bundled().for_group("internal").by_name["tgs_01"]
    assert [choice.score for choice in question.choices] == [100, 75, 50, 25, 0]
    assert [choice.name for choice in question.na] == ["0", "9"]
    assert question.good == "1"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("max_choices: 3", "max_choice: 3", "did you mean `max_choices`?"),
        ("max_choices: 3", "max_chars: 3", "unknown key `max_chars`"),
        ("type: integer", "type: integr", "did you mean `integer`?"),
        ("type: integer", "type: begin_group", "`type: section`, with its questions"),
        ("type: integer", "type: select_one yn or_other", "`choices: yn` and `or_other: true`"),
        ("max: 120", "max: many", "no whole number"),
        ("    type: integer", "    typ: integer", "did you mean `type`?"),
        ("    type: integer\n", "", "`type` is missing; add `type:`"),
        ("min: 0", "min: 200", "below the least"),
        ("na: refuse", "na: refuze", "did you mean `refuse`?"),
        ("name: usia", "name: Usia", "small letter"),
        ("name: usia", "name: alat", "a second question `alat`"),
        ("name: usia", "name: unit", "the name of something else"),
        ("label: {id: Usia?, en: Age?}", "hint: {id: x, en: y}", "`label` is missing"),
        ("label: {id: Usia?, en: Age?}", "label: {en: Age?}", "no text in `id`"),
        ("label: {id: Usia?, en: Age?}", "label: {id: '', en: Age?}", "empty"),
        ("{id: Usia?, en: Age?}", "{id: '{{usai}}?', en: Age?}", "unknown placeholder {{usai}}"),
        ("{id: Usia?, en: Age?}", "{id: '{{unit?', en: Age?}", "a placeholder that cannot be read"),
        ("{id: Usia?, en: Age?}", "{id: 'Balas *STOP*', en: Age?}", "may be taken by the gateway"),
        ("'4' in alat", "'7' in alat", "can never be '7'"),
        ("'4' in alat", "'4' in alt", "did you mean `alat`?"),
        ("'4' in alat", "saran == 'x'", "asked later"),
        ("'4' in alat", "akhir", "asked later"),
        ("setuju_kah == '2'", "setuju_kah == 2", "in quotes"),
        ("value < usia", "value <", "is not a condition"),
        ('name: "4"', 'name: "1"', "named `1`"),
        ('name: "4"', 'name: "9"', "named `9`"),
        ("{id: Lainnya, en: Other}", "{id: Palu, en: Other}", "two choices read `palu`"),
        ("max_choices: 3", "required: false", "cannot be left out"),
        ("max_choices: 3", "dimension: TGZ", "unknown dimension `TGZ`"),
        ("max_choices: 3", "good: '8'", "which is no choice"),
        ("{id: Usia?, en: Age?}", "{id: " + "panjang " * 190 + ", en: Age?}", "up to "),
    ],
)
def test_a_mistake_in_a_flow_is_told_at_its_line(old: str, new: str, words: str) -> None:
    found = problems(flow_with(old, new))
    assert any(words in str(problem) for problem in found), found
    assert all(problem.file == "internal.yaml" for problem in found), found
    text = SMALL_FLOW.replace(old, new, 1)
    near = {line_of(SMALL_FLOW, old) + shift for shift in range(-3, 3)}
    told = [problem for problem in found if words in str(problem)]
    assert any(problem.line in near for problem in told) or text.count(new) > 1, found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("flow: internal", "flow: internl", "did you mean `internal`?"),
        ("reason: acak", "reason: acek", "did you mean `acak`?"),
        ("zone: Asia/Jakarta", "zone: Asia/Jakrta", "unknown time zone"),
        ("closes: 2027-01-31", "closes: 2026-01-31", "closes before it opens"),
        ("opens: 2026-11-01", "opens: 1 November", "this is no day: `1 November`; write"),
        ("default_language: id", "default_language: jv", "not one of `languages`"),
        ("languages: [id, en]", "languages: [id, en, id]", "listed twice"),
        ("en: English", "bjn: Banjar", "no name for `en`"),
        ('"08:30-11:45"', '"11:45-08:30"', "ends before it begins"),
        ('"08:30-11:45"', '"pagi"', "not a span of hours"),
        ("  default: {mon", "  intrnal: {mon", "did you mean `internal`?"),
        ("  kode_verif: KC-2741\n", "", "unknown placeholder {{kode_verif}}"),
        ("kind: survey", "kind: survei", "unknown kind `survei`"),
        (
            "texts:",
            "templates: {invte: {id: HX" + "0" * 32 + "}}\ntexts:",
            "did you mean `invite`?",
        ),
        ("texts:", "templates: {invite: {id: HX1}}\ntexts:", "ContentSid"),
    ],
)
def test_a_mistake_in_the_settings_is_told(old: str, new: str, words: str) -> None:
    found = problems(survey_with(old, new))
    assert any(words in str(problem) for problem in found), found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  over:\n", "  ovr:\n", "did you mean `over`?"),
        ("  over:\n", "  ovr:\n", "`over` is missing"),
        ("  LANJUT:", "  LANJT:", "did you mean `LANJUT`?"),
        ("SETUJU: [setuju", "SETUJU: ['2', setuju", "is an answer to a question"),
        ("PROGRES: [progres", "PROGRES: [cek, progres", "a respondent's word too"),
        ("Disperindag: Dinas", "Dinas Perdagangan: Dinas", "is not one word"),
        ("[SETUJU, TIDAK]", "[SETUJU]", "1 buttons, but `consent` has 2"),
        ("[SETUJU, TIDAK]", "[SETUJU SAJA YANG PALING, TIDAK]", "20 characters"),
        ("({{no}}/{{jumlah}}) Balas", "({{no}}/{{jml}}) Balas", "did you mean `jumlah`?"),
        ("Kode *{{kode}}* tidak dikenal", "{{alasan}}", "unknown placeholder {{alasan}}"),
        ("{{alasan}} Nomor Bapak/Ibu", "{{asal}} Nomor", "unknown placeholder {{asal}}"),
        ("    sendiri: {id", "    sendri: {id", "did you mean `sendiri`?"),
        ("    pagi:", "    fajar:", "fajar"),
        ('en: "Good {{waktu}}', 'en: "Hello', "{{waktu}} is in `id` or `en` only"),
    ],
)
def test_a_mistake_in_the_messages_is_told(old: str, new: str, words: str) -> None:
    found = problems(messages_with(old, new))
    assert any(words in str(problem) for problem in found), found


def test_all_problems_are_told_at_once_and_in_order() -> None:
    text = SMALL_FLOW.replace("max: 120", "max: many").replace("type: text", "type: txt")
    found = problems(small_files(internal=text, survey=SMALL_SURVEY.replace("zone:", "zne:")))
    assert len(found) == 5
    assert list(found) == sorted(found)


def test_a_template_may_not_begin_or_end_with_a_placeholder() -> None:
    text = re.sub(
        r'(  reminder_last:.*?    id: ")Selamat ',
        r"\1",
        bundled_files()["messages.yaml"],
        flags=re.S,
    )
    assert any("begin or end" in problem.what for problem in problems(small_files(messages=text)))


def test_a_language_that_lacks_a_text_is_not_offered_but_listed() -> None:
    survey = load_survey(flow_with("{id: Usia?, en: Age?}", "{id: Usia?}"))
    assert survey.languages == ("id",)
    (missing,) = survey.missing
    assert missing.what == "no text in `en`"
    assert missing.line == line_of(SMALL_FLOW, "label: {id: Usia?")


def test_a_plain_string_is_enough_where_there_is_one_language() -> None:
    files = flow_with("{id: Usia?, en: Age?}", "Usia?")
    files["survey.yaml"] = SMALL_SURVEY.replace("languages: [id, en]", "languages: [id]")
    assert load_survey(files).for_group("internal").by_name["usia"].label == {"id": "Usia?"}


def test_missing_and_doubled_files_are_told() -> None:
    files = small_files()
    assert "kind: messages" in str(
        problems({k: v for k, v in files.items() if k != "messages.yaml"})
    )
    assert "second" in str(problems(files | {"b.yaml": files["survey.yaml"]}))
    assert "two files hold" in str(problems(files | {"b.yaml": SMALL_FLOW}))
    assert "no flow" in str(problems({k: v for k, v in files.items() if k != "internal.yaml"}))


def test_transcripts_and_other_files_are_left_alone() -> None:
    files = small_files() | {"tests/a.yaml": "script: [", "README.md": "# x"}
    assert load_survey(files).languages == ("id", "en")


def test_a_group_may_take_a_person_once_per_unit_where_the_survey_does_not() -> None:
    files = survey_with("    reason: acak", "    reason: acak\n    once_per: unit")
    settings = load_survey(files).settings
    assert (settings.scope("internal", 7), settings.scope("gone", 7)) == (7, 0)
    files = survey_with("groups:", "once_per: unit\ngroups:")
    assert load_survey(files).settings.scope("internal", 7) == 7
    assert small().settings.scope("internal", 7) == 0


def test_who_gets_a_doubled_number_is_the_first_unless_the_survey_says_otherwise() -> None:
    assert small().settings.duplicates.policy == "first"
    files = survey_with("groups:", "duplicates: {policy: priority, order: [internal]}\ngroups:")
    assert load_survey(files).settings.duplicates.order == ("internal",)
    for wrong, words in (
        ("{policy: priority}", "no order of the groups"),
        ("{order: [interna]}", "no group `interna`"),
        ("{order: [internal, internal]}", "`internal` is listed twice"),
        ("{policy: last}", "known: `ask`, `first`, `priority`"),
    ):
        (problem,) = problems(survey_with("groups:", f"duplicates: {wrong}\ngroups:"))
        assert words in str(problem)


def test_settings_are_resolved_for_a_group() -> None:
    plan = small().settings.plan("internal")
    assert plan.opens.isoformat() == "2026-10-31T17:00:00+00:00"
    assert plan.closes.isoformat() == "2027-01-31T17:00:00+00:00"
    assert len(plan.hours.spans[0]) == 2
    assert plan.hours.spans[6] == ()


def test_old_questions_are_compiled_with_current_settings() -> None:
    changed = load_survey(survey_with("closes: 2027-01-31", "closes: 2027-02-28"))
    assert changed.settings.plan("internal").closes > small().settings.plan("internal").closes


def test_reminders_can_be_switched_off() -> None:
    files = survey_with("texts:", "plan: {invited_after_days: none}\ntexts:")
    assert load_survey(files).settings.plan("internal").invited_after is None


def refused(settings: str) -> str:
    with pytest.raises(FlowError) as raised:
        load_survey(survey_with("texts:", f"{settings}\ntexts:"))
    return str(raised.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("plan: {min_gap_hours: 24}", "closer than 48 hours"),
        ("plan: {groups: {internal: {min_gap_hours: 24}}}", "closer than 48 hours"),
        ("plan: {groups: {nobody: {maximum: 1}}}", "no group `nobody`"),
        ("plan: {invited_after_days: [8, 3]}", "later than the one before"),
        ("plan: {holdout: 0.9}", "less than or equal to 0.5"),
        ("budget: {amount: 5, currency: IDR}", "add `rates`"),
        (
            (
                "seasons: [{name: R, first_day: 2027-02-08, last_day: 2027-02-01,"
                " hours: {default: {}}}]"
            ),
            "ends before it begins",
        ),
        (
            (
                "seasons: [{name: R, first_day: 2027-02-08, last_day: 2027-02-09,"
                ' hours: {default: {mon: ["20:00-21:30"]}}}]'
            ),
            "is night",
        ),
    ],
)
def test_a_plan_that_would_annoy_is_refused(settings: str, words: str) -> None:
    assert words in refused(settings)


def test_what_was_published_before_there_were_floors_still_loads_and_keeps_to_them() -> None:
    files = survey_with("texts:", "plan: {min_gap_hours: 1}\ntexts:")
    with pytest.raises(FlowError):
        load_survey(files)
    assert load_survey(files, older=True).settings.plan("internal").min_gap.days == 2


def test_a_groups_plan_says_only_what_differs() -> None:
    plan = "plan: {invited_after_days: [3, 8], groups: {internal: {maximum: 2}}}\ntexts:"
    found = load_survey(survey_with("texts:", plan)).settings.plan("internal")
    assert (found.maximum, found.invited_after, found.invited_again) == (
        2,
        timedelta(days=3),
        (timedelta(days=5),),
    )


def test_holidays_are_those_of_the_calendar_with_ours_and_without_others() -> None:
    days = "holidays: {calendar: ID, add: [2026-12-14], remove: [2026-12-24]}\ntexts:"
    found = load_survey(survey_with("texts:", days)).settings.plan("internal").hours.holidays
    assert {date(2026, 12, 14), date(2026, 12, 25), date(2027, 1, 1)} <= found
    assert date(2026, 12, 24) not in found
