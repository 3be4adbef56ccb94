"""`tautan flow`: XLSForms in and out."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from bot.authoring.drafting import draft_transcript
from bot.authoring.exporting import export_flows
from bot.authoring.folder import GROUP, Model, make_folder, spoken_languages
from bot.authoring.naming import identifier
from bot.authoring.remarks import Remark, as_rows, as_text, in_short
from bot.channels.base import as_text as rendered
from bot.commands.common import JSON, err, fail, faults, out, report, settings
from bot.flow.load import load_survey
from bot.flow.source import FlowError
from bot.interview.surveys import read_files

flow = typer.Typer(help="Questions of other systems: XLSForms of Kobo and ODK in and out.")

REPORT = "import-report.txt"
MODEL = "integritas"
_SHOWN = 20


@flow.command("import")
def import_xlsform(
    form: Path = typer.Argument(..., help="An XLSForm: .xlsx, .xls or .csv."),
    into: Path = typer.Option(..., "--output", "-o", help="The new survey's folder."),
    language: list[str] = typer.Option(
        [],
        "--language",
        help="Code of a language to take, the default first; also that of columns without one.",
    ),
    like: str = typer.Option(
        MODEL,
        "--like",
        help="The survey whose messages are taken: a folder in FLOWS_DIR or a path.",
    ),
    as_json: bool = JSON,
) -> None:
    """Make a survey's folder of an XLSForm; what a chat cannot say is listed, row by row."""
    with faults():
        from bot.authoring.xlsforms import read_form

        if into.exists() and any(into.iterdir() if into.is_dir() else [into]):
            fail(f"{into} is there already and not empty; choose a new folder")
        source = Path(like)
        if not (source / "survey.yaml").is_file():
            source = settings().flows_dir / like
        model = Model.of(read_files(source))
        read = read_form(form, language[0] if language else "id")
        name = identifier(into.resolve().name, "survei")
        today = datetime.now(ZoneInfo("Asia/Jakarta")).date()
        languages = spoken_languages(read, language, model)
        files, remarks = make_folder(read, name, model, languages, today, REPORT)
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
    into.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (into / file).write_text(text, "utf-8")
    problems: list[str] = []
    try:
        survey = load_survey(files)
    except FlowError as error:
        problems = [f"{into / one.file}:{str(one).split(':', 1)[1]}" for one in error.problems]
    else:
        (into / "tests").mkdir(exist_ok=True)
        transcript = draft_transcript(survey, GROUP, rendered)
        (into / "tests" / f"{GROUP}.yaml").write_text(transcript, "utf-8")
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
        from bot.authoring.form_files import write_form

        folder = Path(survey)
        if not (folder / "survey.yaml").is_file():
            folder = settings().flows_dir / survey
        flows = export_flows(read_files(folder))
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
