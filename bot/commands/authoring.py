"""`tautan flow`: new surveys, and XLSForms in and out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from bot.authoring.drafting import draft_transcript
from bot.authoring.folder import GROUP, Model, make_folder, spoken_languages
from bot.authoring.starting import model_languages, start_folder
from bot.authoring.xlsform.exporting import export_flows
from bot.authoring.xlsform.naming import identifier
from bot.authoring.xlsform.remarks import Remark, as_rows, as_text, in_short
from bot.channels.base import as_shown
from bot.commands.common import JSON, err, fail, faults, out, report, settings
from bot.commands.flows import survey_folder
from bot.flow.load import load_survey
from bot.flow.source import FlowError
from bot.flow.survey import Survey
from bot.interview.surveys import read_files

flow = typer.Typer(help="New surveys, and XLSForms of Kobo and ODK in and out.")

REPORT = "import-report.txt"
MODEL = "integritas"
_SHOWN = 20
_NAME = re.compile(r"[a-z][a-z0-9_]*")
LIKE = typer.Option(
    MODEL, "--like", help="The survey whose messages are taken: a folder in FLOWS_DIR or a path."
)


@flow.command("new")
def new_survey(
    name: str = typer.Argument(..., help="Its name: small letters, digits and _."),
    title: list[str] = typer.Option(
        [], "--title", help="What people read: `id: Survei Layanan`; again for each language."
    ),
    group: str = typer.Option(GROUP, "--group", help="Who is asked: small letters, digits and _."),
    languages: str = typer.Option(
        "", "--languages", help="Codes with commas between, the default first; else all of --like."
    ),
    like: str = LIKE,
    into: Path | None = typer.Option(
        None, "--output", "-o", help="The new survey's folder; FLOWS_DIR/NAME if not given."
    ),
    as_json: bool = JSON,
) -> None:
    """Make a survey's folder to start from: two questions that work, and [brackets] to fill in."""
    with faults():
        for given in (name, group):
            if not _NAME.fullmatch(given):
                fail(f"{given}: a name is small letters, digits and _, and begins with a letter")
        folder = into or settings().flows_dir / name
        _must_be_new(folder)
        source = survey_folder(like)
        model = Model.of(read_files(source))
        wanted = [code.strip() for code in languages.split(",") if code.strip()]
        spoken = model_languages(model, wanted)
        titles = _titles(title, spoken)
        files = start_folder(name, model, spoken, titles, group, _today())
        survey = load_survey(files)
        _write_files(folder, files)
        head = "One whole interview. `tautan test --update` writes the bot's lines anew."
        _write_transcript(folder, survey, group, head)
        lines = (folder / "survey.yaml").read_text("utf-8").splitlines()
        blanks = sum(bool(re.search(r"\[[A-Z]", line)) for line in lines)
        value = {"folder": str(folder), "files": sorted(files), "languages": list(spoken)}

        def show() -> None:
            for line in (
                f"{folder}: a survey with two example questions, in {', '.join(spoken)}.",
                f"Fill in the [brackets] in {folder / 'survey.yaml'} ({blanks} lines), and read",
                f"messages.yaml: it is that of {source.name}, consent included. Then:",
                f"  tautan check {into or name}; tautan chat {into or name} {group}",
            ):
                out.print(line, markup=False, soft_wrap=True)

        report(as_json, value, show)


def _titles(given: list[str], languages: tuple[str, ...]) -> dict[str, str]:
    """Read titles, each `xx: words`; without a language it is that of the default."""
    read: dict[str, str] = {}
    for one in given:
        code, colon, words = one.partition(":")
        known = bool(colon) and code.strip() in languages
        read[code.strip() if known else languages[0]] = (words if known else one).strip()
    return read


def _today() -> date:
    return datetime.now(ZoneInfo("Asia/Jakarta")).date()


def _must_be_new(folder: Path) -> None:
    """Let nothing be written over."""
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        fail(f"{folder} is there already and not empty; choose a new folder")


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, "utf-8")


def _write_transcript(folder: Path, survey: Survey, group: str, head: str) -> None:
    (folder / "tests").mkdir(exist_ok=True)
    text = draft_transcript(survey, group, as_shown, head)
    (folder / "tests" / f"{group}.yaml").write_text(text, "utf-8")


@flow.command("import")
def import_xlsform(
    form: Path = typer.Argument(..., help="An XLSForm: .xlsx, .xls or .csv."),
    into: Path = typer.Option(..., "--output", "-o", help="The new survey's folder."),
    language: list[str] = typer.Option(
        [],
        "--language",
        help="Code of a language to take, the default first; also that of columns without one.",
    ),
    like: str = LIKE,
    as_json: bool = JSON,
) -> None:
    """Make a survey's folder of an XLSForm; what a chat cannot say is listed, row by row."""
    with faults():
        from bot.authoring.xlsform.rows import read_form

        _must_be_new(into)
        source = survey_folder(like)
        model = Model.of(read_files(source))
        read = read_form(form, language[0] if language else "id")
        name = identifier(into.resolve().name, "survei")
        languages = spoken_languages(read, language, model)
        files, remarks = make_folder(read, name, model, languages, _today(), REPORT)
        _write(into, form, files, remarks, source.name, as_json=as_json)


def _write(
    into: Path,
    form: Path,
    files: dict[str, str],
    remarks: tuple[Remark, ...],
    like: str,
    *,
    as_json: bool,
) -> None:
    """Write a survey's folder, with a transcript if the files hold, and say what came of it."""
    _write_files(into, files)
    problems: list[str] = []
    try:
        survey = load_survey(files)
    except FlowError as error:
        problems = [f"{into / one.file}:{str(one).split(':', 1)[1]}" for one in error.problems]
    else:
        head = "One whole interview, as drafted from the form. Read it aloud."
        _write_transcript(into, survey, GROUP, head)
    head = f"What `tautan flow import` made of {form.name}, by sheet:row:column of the form."
    (into / REPORT).write_text(as_text(head, remarks), "utf-8")
    counts = Counter(one.weight for one in remarks)
    value = {
        "folder": str(into),
        "files": sorted(files),
        "report": str(into / REPORT),
        "remarks": as_rows(remarks),
        "counts": dict(counts),
        "problems": problems,
    }

    def show() -> None:
        for line in remarks[:_SHOWN]:
            out.print(str(line), markup=False, soft_wrap=True)
        if len(remarks) > _SHOWN:
            out.print(f"… and {len(remarks) - _SHOWN} more")
        told = ", ".join(f"{count} {weight}" for weight, count in counts.items()) or "all as it is"
        out.print(f"{into}: {told}; the whole list is in {into / REPORT}", soft_wrap=True)
        for problem in problems:
            err.print(problem, style="red", markup=False, soft_wrap=True)
        if not problems:
            text = (
                f"Fill in the [brackets] in {into / 'survey.yaml'}, and read messages.yaml: it is"
            )
            out.print(f"{text} that of {like}, consent included. Then:", markup=False)
            out.print(f"  tautan check {into}; tautan chat {into} {GROUP}", markup=False)

    report(as_json, value, show)
    if problems:
        raise typer.Exit(1)


@flow.command("export")
def export_xlsform(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    into: Path = typer.Option(
        ..., "--output", "-o", help="The .xlsx to write; of several flows `form-NAME.xlsx` each."
    ),
    as_json: bool = JSON,
) -> None:
    """Write the questions as XLSForms, one for each flow; what they cannot say is listed."""
    with faults():
        from bot.authoring.xlsform.files import write_form

        flows = export_flows(read_files(survey_folder(survey)))
        written: list[dict[str, object]] = []
        for name, sheets in flows.items():
            file = into if len(flows) == 1 else into.with_name(f"{into.stem}-{name}{into.suffix}")
            write_form(file, sheets)
            written.append({"flow": name, "file": str(file), "remarks": as_rows(sheets.remarks)})

        def show() -> None:
            for one, sheets in zip(written, flows.values(), strict=True):
                for line in in_short(sheets.remarks):
                    out.print(line, markup=False, soft_wrap=True)
                told = (
                    f"{len(sheets.survey)} rows, {len(sheets.remarks)} things not as they are here"
                )
                out.print(f"{one['file']}: {told}", soft_wrap=True)

        report(as_json, {"forms": written}, show)
