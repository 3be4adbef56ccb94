"""XLSForms of many makes become surveys that hold, and can be talked through."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from bot.authoring.drafting import draft_transcript, talk_through
from bot.authoring.folder import GROUP, Model, make_folder, spoken_languages
from bot.authoring.xlsform.remarks import Remark, as_text
from bot.authoring.xlsform.rows import language_code, read_form
from bot.channels.base import as_text as rendered
from bot.flow.lint import lint
from bot.flow.load import load_survey
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.source import FlowError
from bot.flow.state import Status
from bot.flow.turn import Reply
from bot.intake.errors import InputError
from tests.xlsforms import SAMPLES, Sample, write_form

ROOT = Path(__file__).parent.parent
TODAY = date(2026, 11, 1)


@cache
def bundled() -> dict[str, str]:
    folder = ROOT / "flows" / "integritas"
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.yaml")}


@cache
def model() -> Model:
    return Model.of(bundled())


def imported(sample: Sample, folder: Path) -> tuple[dict[str, str], tuple[Remark, ...]]:
    """Write a sample as a workbook and import it."""
    return reimported(write_form(folder / "form.xlsx", sample.sheets), sample.languages)


def reimported(
    path: Path, languages: tuple[str, ...] = ()
) -> tuple[dict[str, str], tuple[Remark, ...]]:
    """Import a workbook."""
    form = read_form(path, (*languages, "id")[0])
    spoken = spoken_languages(form, languages, model())
    return make_folder(form, "contoh", model(), spoken, TODAY, "report.txt")


@pytest.fixture(scope="module", params=SAMPLES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    sample = SAMPLES[request.param]
    files, remarks = imported(sample, tmp_path_factory.mktemp(request.param))
    return sample, files, remarks


def test_what_is_not_as_it_was_is_listed_by_row(made) -> None:
    sample, _, remarks = made
    assert sorted((one.place, one.weight) for one in remarks) == sorted(sample.remarks)


def test_every_remark_says_why_or_what_to_do(made) -> None:
    _, _, remarks = made
    assert [str(one) for one in remarks if not (one.why or one.fix)] == []


def test_the_result_holds_and_every_language_of_messages_is_offered(made) -> None:
    _, files, _ = made
    survey = load_survey(files)
    assert survey.groups[GROUP].asked
    assert survey.languages[0] in {"id", "en"}
    assert all(problem.file == "kuesioner.yaml" for problem in survey.missing)
    found = lint(files)
    assert [str(one) for one in found if one.severity == "error"] == []
    # XPath's comparisons with nothing are false alone, and so are those that they become.
    assert [str(one) for one in found if one.rule == "unanswered-decides"] == []


def test_somebody_can_talk_it_through(made) -> None:
    """At random, and the way that the drafted transcript goes."""
    _, files, _ = made
    survey = load_survey(files)
    chance = random.Random(1)

    def shuffled(replies: Sequence[Reply]) -> Sequence[Reply]:
        return chance.sample(list(replies), len(replies))

    for _ in range(20):
        _, end = talk_through(survey, GROUP, shuffled)
        assert end.state.status is Status.FINISHED
    text = draft_transcript(survey, GROUP, rendered, "One interview.")
    result = play(survey, read_transcript("draft.yaml", text), rendered)
    assert result.passed
    assert result.end["status"] == "finished"


def one(tmp_path: Path, *rows: Sequence[str], languages: tuple[str, ...] = ("en",)):
    """Import a form of a few rows in English, and return its files and remarks."""
    head = ("type", "name", "label", "relevant", "required", "calculation")
    return imported(Sample({"survey": (head, *rows)}, languages=languages), tmp_path)


def test_what_is_no_form_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"form\.xlsx:3:1: .*no_such"):
        one(tmp_path, ("text", "a", "A?"), ("text", "b", "B?", "${no_such} = 1"))


def test_a_form_as_csv_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "form.csv"
    path.write_text("survey,,,\n,type,name,label\n,text,a,Siapa?\n", "utf-8")
    form = read_form(path, "id")
    assert [row.get("name") for row in form.survey] == ["a"]
    assert form.texts(form.survey[0], "label") == {"id": "Siapa?"}


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    for name, content in (("form.xlsx", b"not a workbook"), ("form.pdf", b"%PDF")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read_form(tmp_path / name, "id")
    (tmp_path / "daftar.csv").write_text("type,name,label\ntext,a,Siapa?\n", "utf-8")
    (tmp_path / "kosong.csv").write_text("", "utf-8")
    for name, what in (
        ("form.pdf", "`.pdf` is no form; give a workbook"),
        ("daftar.csv", "no XLSForm that can be read; give a workbook .* in a .csv .* first column"),
        ("kosong.csv", "the file is empty; give a workbook"),
    ):
        with pytest.raises(InputError, match=what):
            read_form(tmp_path / name, "id")
    with pytest.raises(FileNotFoundError):
        read_form(tmp_path / "missing.xlsx", "id")


def test_a_form_in_a_language_without_messages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="the form is in `fr`, and the messages are in `en, id`"):
        one(tmp_path, ("text", "a", "A?"), languages=("fr",))


def test_settings_are_to_be_filled_in_and_dates_are_ahead(tmp_path: Path) -> None:
    files, _ = one(tmp_path, ("text", "a", "A?"))
    settings = load_survey(files).settings
    assert settings.languages == ("en",)
    assert settings.texts["en"]["instansi"] == "[NAME OF THE INSTITUTION]"
    assert "opens: 2026-12-01" in files["survey.yaml"]


def test_a_condition_on_a_later_question_is_listed(tmp_path: Path) -> None:
    files, remarks = one(
        tmp_path, ("text", "a", "A?", "${b} = 'x'", "yes"), ("text", "b", "B?", "", "yes")
    )
    assert [(r.place, r.weight) for r in remarks] == [("survey:2:relevant", "left out")]
    assert "asked later" in remarks[0].why
    assert load_survey(files).groups[GROUP].asked[0].relevant is None


def test_the_report_for_people_has_every_remark(tmp_path: Path) -> None:
    _, remarks = imported(SAMPLES["unsupported"], tmp_path)
    text = as_text("Head", remarks)
    assert text.startswith("Head\n")
    assert all(f"- {remark.place}: {remark.what}" in text for remark in remarks)
    assert "LEFT OUT: not in the result (15)" in text
    assert "Everything was taken over" in as_text("Head", ())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Bahasa Indonesia (id)", "id"), ("English (en)", "en"), ("English", "en"),
        ("Indonesian", "id"), ("bahasa indonesia", "id"), ("Banjar (bjn)", "bjn"), ("fr", "fr"),
        ("Portuguese (pt-BR)", "pt"), ("Elvish", None), ("", None), ("default", None),
    ],
)  # fmt: skip
def test_a_language_is_known_by_its_code_or_its_name(name: str, code: str | None) -> None:
    assert language_code(name) == code
