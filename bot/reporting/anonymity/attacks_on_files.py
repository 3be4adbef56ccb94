"""Attacks on a survey's anonymity by files: the database as bytes, and logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Integer

from bot.interview.states import opens
from bot.reporting.anonymity.attacks import Case, Finding
from storage import sqlite_pages
from storage.keys import KeyDestroyed


def database_file(case: Case) -> Iterator[Finding]:
    """Search the files of SQLite for what the tables do not show any more."""
    path = case.installation.database.file
    if path is None:
        return
    for file in sqlite_pages.files(path):
        numbers: set[str] = set()
        for data in sqlite_pages.chunks(file):
            numbers.update(case.traces.people_in(data.decode("latin-1")))
        if numbers:
            what = f"{len(numbers)} people's numbers or ids stand in the file in plain text"
            yield Finding("file", file.name, what, len(numbers))
        yield from _old_states(case, file)
    words: set[str] = set()
    for page in sqlite_pages.free_pages(path):
        words.update(case.traces.answers_in(page.decode("utf-8", "replace")))
    if words:
        what = f"{len(words)} answers in people's own words stand in pages that are free"
        yield Finding("file", path.name, what, len(words))


def _old_states(case: Case, file: Path) -> Iterator[Finding]:
    """Look for deleted states of mixed conversations, and open them."""
    table = next(one for one in case.tables if one.name == "conversation")
    names = [column.name for column in table.columns]
    shapes = [_shape(column) for column in table.columns]
    contact, sealed = names.index("contact_id"), names.index("sealed")
    try:
        key = case.installation.keys.survey(case.connection, case.published.id)
    except KeyDestroyed:
        return  # what was sealed under it is gone for ever
    mixed: dict[int, list[int]] = {}
    for row in case.people:
        mixed.setdefault(row.contact_id or 0, []).append(row.id)
    found: set[int] = set()
    for data in sqlite_pages.chunks(file):
        for record in sqlite_pages.records(data, shapes):
            blob, owner = record[sealed], record[contact]
            if isinstance(blob, bytes) and isinstance(owner, int):
                found.update(one for one in mixed.get(owner, ()) if opens(key, one, blob))
    if found:
        what = f"{len(found)} mixed conversations' old states are in the file and can be opened"
        yield Finding("file", file.name, what, len(found))


def _shape(column: Column[Any]) -> sqlite_pages.Shape:
    some = not column.nullable or column.name in {"contact_id", "sealed"}
    if isinstance(column.type, Integer | Boolean):
        return "some whole" if some else "whole"
    return "some long" if some else "long"


def logs(case: Case, files: Iterable[Path]) -> Iterator[Finding]:
    """Search log files for numbers, words and ids of responses. Raises FileNotFoundError."""
    what = {
        "number": "lines hold a known person's number or id",
        "answer": "lines hold somebody's own words",
        "response": "lines name a response, and a log has times",
    }
    for file in files:
        found = dict.fromkeys(what, 0)
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                for kind in case.traces.kinds_in(line):
                    found[kind] += 1
        for kind, size in found.items():
            if size:
                yield Finding("log", file.name, f"{size} {what[kind]}", size)
