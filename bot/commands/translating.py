"""`tautan translate`: the texts of a survey out to translators, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer

from bot.authoring.translation.translatable import languages_of
from bot.authoring.translation.translations import (
    RECORDS_FILE,
    Records,
    Taken,
    accepted,
    read_records,
    standings,
    take_in,
    write_records,
)
from bot.commands.common import JSON, err, fail, faults, out, report, settings, table
from bot.flow.load import load_survey
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.schema.parts import LANGUAGE as CODE
from bot.flow.source import FlowError
from bot.interview.surveys import read_files

translate = typer.Typer(help="Texts out to translators, one file a language, and back.")

SURVEY = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path.")
LANGUAGE = typer.Option(..., "--language", help="Code of the language to translate into.")
SOURCE = typer.Option(None, "--source", help="Code of the language to translate from.")


def _folder(survey: str) -> Path:
    folder = Path(survey)
    return folder if (folder / "survey.yaml").is_file() else settings().flows_dir / survey


def _records(folder: Path) -> Records:
    file = folder / RECORDS_FILE
    return read_records(file.read_text("utf-8")) if file.is_file() else {}


def _source(files: Mapping[str, str], given: str | None, language: str) -> str:
    """Return the language that is translated from: as given, or the survey's default."""
    if re.fullmatch(CODE, language) is None or language == ANY_LANGUAGE:
        fail(f"`{language}`: a language is a code of two or three small letters, as id or bjn")
    source = given or languages_of(files)[0]
    if source == language:
        fail(f"`{language}` is the language to translate from; say --source, or another --language")
    return source


@translate.command("export")
def export(
    survey: str = SURVEY,
    language: str = LANGUAGE,
    into: Path = typer.Option(..., "--output", "-o", help="FILE.xlsx, or FILE.po."),
    source: str | None = SOURCE,
    as_json: bool = JSON,
) -> None:
    """Write all texts of a survey for a translator, with what is there already."""
    with faults():
        folder = _folder(survey)
        files = read_files(folder)
        origin = _source(files, source, language)
        listed = standings(files, origin, language, _records(folder))
        if into.suffix == ".xlsx":
            from bot.authoring.translation.sheets import write_sheet

            write_sheet(into, language, origin, listed)
        elif into.suffix == ".po":
            from bot.authoring.translation.po_files import as_po

            into.write_bytes(as_po(folder.name, language, listed, datetime.now(UTC)))
        else:
            fail(f"{into}: write a .xlsx or a .po")
        counts = Counter(one.state for one in listed)
        value = {"file": str(into), "texts": len(listed), "states": dict(counts)}
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        report(as_json, value, lambda: out.print(f"{into}: {len(listed)} texts ({told})"))


@translate.command("import")
def take(
    survey: str = SURVEY,
    file: Path = typer.Argument(..., help="The .xlsx or .po that came back."),
    source: str | None = SOURCE,
    as_json: bool = JSON,
) -> None:
    """Put translations into the survey's files; comments and form stay as they are."""
    with faults():
        folder = _folder(survey)
        files = read_files(folder)
        if file.suffix == ".po":
            from bot.authoring.translation.po_files import read_po_file

            language, entries = read_po_file(file.name, file.read_bytes())
        else:
            from bot.authoring.translation.sheets import read_sheet

            language, entries = read_sheet(file)
        origin = _source(files, source, language)
        taken = take_in(files, origin, language, _records(folder), entries)
        _check(files, {**files, **taken.files})
        for name, text in taken.files.items():
            _replace(folder / name, text)
        _replace(folder / RECORDS_FILE, write_records(taken.records))
        _tell(folder, file, language, languages_of(files)[1], taken, as_json=as_json)
        if taken.refused:
            raise typer.Exit(1)


def _check(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Refuse the whole file where a survey that held would not hold any more."""
    try:
        load_survey(after)
    except FlowError as error:
        try:
            load_survey(before)
        except FlowError as earlier:
            if set(error.problems) <= set(earlier.problems):
                return
        lines = "\n".join(str(one) for one in error.problems)
        fail(f"{lines}\nWith these translations the survey would not hold; nothing was written.")


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.write_bytes(text.encode())
    draft.replace(path)


def _tell(
    folder: Path,
    file: Path,
    language: str,
    languages: tuple[str, ...],
    taken: Taken,
    *,
    as_json: bool,
) -> None:
    value = {
        "survey": str(folder),
        "language": language,
        "files": sorted(taken.files),
        "changed": list(taken.changed),
        "stale": list(taken.stale),
        "refused": [asdict(one) for one in taken.refused],
    }

    def show() -> None:
        for one in taken.refused:
            line = f"{file.name}:{one.row}: refused: {one.key}: {one.why}"
            err.print(line, style="red", markup=False, soft_wrap=True)
        for key in taken.stale:
            out.print(f"stale, its source text has changed: {key}", markup=False, soft_wrap=True)
        out.print(
            f"{folder}: {len(taken.changed)} texts in `{language}` taken,"
            f" {len(taken.refused)} refused, {len(taken.stale)} stale",
            markup=False,
        )
        if language not in languages:
            out.print(
                f"`{language}` is a draft: add it to `languages` and `language_names` in"
                " survey.yaml when every text is there (`tautan check` tells)",
                markup=False,
                soft_wrap=True,
            )

    report(as_json, value, show)


@translate.command("status")
def status(
    survey: str = SURVEY,
    language: str | None = typer.Option(None, "--language", help="Code; all of them if not given."),
    source: str | None = SOURCE,
    accept: bool = typer.Option(
        False, "--accept", help="Say that all translations of --language fit their source as it is."
    ),
    as_json: bool = JSON,
) -> None:
    """List what is missing in a language, and what is out of date."""
    with faults():
        folder = _folder(survey)
        files = read_files(folder)
        default, languages = languages_of(files)
        records = _records(folder)
        origin = source or default
        others = [code for code in dict.fromkeys([*languages, *records]) if code != origin]
        wanted = [language] if language else others
        found = {code: standings(files, origin, code, records) for code in wanted}
        if accept:
            if language is None:
                fail("say of which --language")
            records = accepted(found[language], language, records)
            _replace(folder / RECORDS_FILE, write_records(records))
            found = {language: standings(files, origin, language, records)}
        places = {
            code: {
                state: [
                    f"{one.text.file}:{one.text.line}: {one.text.key}"
                    for one in listed
                    if one.state == state
                ]
                for state in ("missing", "stale", "unknown", "done")
            }
            for code, listed in found.items()
        }
        value = {
            code: {state: len(listed) for state, listed in states.items()}
            | {"stale_texts": states["stale"], "missing_texts": states["missing"]}
            for code, states in places.items()
        }

        def show() -> None:
            for code, states in places.items():
                for state in ("stale", "missing") if language else ("stale",):
                    for line in states[state]:
                        out.print(f"{code}: {state}: {line}", markup=False, soft_wrap=True)
            heads = ["language", "done", "stale", "missing", "unknown"]
            rows = [
                [code, *(len(states[state]) for state in heads[1:])]
                for code, states in places.items()
            ]
            out.print(table(f"Translations from {origin}", heads, rows))

        report(as_json, value, show)
