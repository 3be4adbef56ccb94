"""Translations of a survey: which are there, which are out of date, and taking in new ones.

Which source text a translation was made of is kept beside the survey in translations.json, as a
hash by language and text. Where the source has changed since, the translation is stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.authoring.translation.placeholders import commands, difference
from bot.authoring.translation.translatable import Text, texts_of
from bot.authoring.yaml_edits import Change, with_texts
from bot.flow.source import FlowError, Problem

RECORDS_FILE = "translations.json"

State = Literal["missing", "stale", "unknown", "done"]
"""Of a translation; `unknown`: it is there, but nobody wrote down what it was made of."""

Records = Mapping[str, Mapping[str, str]]
"""Hashes of source texts, by language and the text's key."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A text and how its translation stands."""

    text: Text
    state: State


@dataclass(frozen=True, slots=True)
class Entry:
    """What came back from a translator for one text: its `row` (or line) in their file.

    `settled` says that the translation fits the source text as the file shows it.
    """

    row: int
    key: str
    source: str
    translation: str
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that was not taken, and why."""

    row: int
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking in a file came to: the survey's new files and records, and what was refused.

    `changed` are the keys of texts that were added or changed, `stale` of those whose source text
    is another one by now.
    """

    files: Mapping[str, str]
    records: Records
    changed: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = field(default=())


def hash_of(source: str) -> str:
    """Return what a source text is known by."""
    return hashlib.sha256(source.strip().encode()).hexdigest()[:16]


def read_records(text: str) -> Records:
    """Read translations.json. Raises FlowError."""
    try:
        records = json.loads(text) if text.strip() else {}
        return {str(code): dict(hashes) for code, hashes in records.items()}
    except (ValueError, AttributeError, TypeError):
        what, fix = "this is no list of translations", "delete the file: all count as unknown then"
        raise FlowError([Problem(RECORDS_FILE, 1, 1, what, fix)]) from None


def write_records(records: Records) -> str:
    """Return translations.json as text: sorted, a line each, so that changes can be compared."""
    return json.dumps(records, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def standings(
    files: Mapping[str, str], source: str, target: str, records: Records
) -> list[Standing]:
    """Return all texts with the state of their translation. Raises FlowError."""
    known = records.get(target, {})
    return [Standing(text, _state(text, known)) for text in texts_of(files, source, target)]


def _state(text: Text, known: Mapping[str, str]) -> State:
    if not text.translation:
        return "missing"
    made_of = known.get(text.key)
    if made_of is None:
        return "unknown"
    return "done" if made_of == hash_of(text.source) else "stale"


def accepted(listed: Iterable[Standing], target: str, records: Records) -> Records:
    """Return records that say of every translation that it fits its source as it is now."""
    hashes = {one.text.key: hash_of(one.text.source) for one in listed if one.text.translation}
    return {**records, target: hashes}


def take_in(
    files: Mapping[str, str],
    source: str,
    target: str,
    records: Records,
    entries: Sequence[Entry],
) -> Taken:
    """Put translations into a survey's files; what would break something is refused by row.

    Raises FlowError for files that cannot be read. The files that come back were read again, and
    hold nothing else that is new.
    """
    texts = {one.key: one for one in texts_of(files, source, target)}
    hashes = dict(records.get(target, {}))
    refused: list[Refused] = []
    good: dict[str, str] = {}
    for entry in entries:
        text = texts.get(entry.key)
        said = entry.translation.strip()
        if not said:
            continue
        if text is None:
            refused.append(Refused(entry.row, entry.key, "the survey has no such text any more"))
        elif entry.key in good:
            refused.append(Refused(entry.row, entry.key, "it stands in the file twice"))
        elif why := _wrong(text, entry, said):
            refused.append(Refused(entry.row, entry.key, why))
        elif said != text.translation.strip():
            good[entry.key] = said
            hashes[entry.key] = hash_of(entry.source)
        elif entry.settled:
            hashes[entry.key] = hash_of(entry.source)
    rows = {entry.key: entry.row for entry in entries}
    changes, lacking = _changes(texts, good, source, target)
    refused += [Refused(rows[key], key, why) for key, why in lacking.items()]
    for key in lacking:
        good.pop(key)
        hashes.pop(key, None)
    made = {
        name: with_texts(name, files[name], of_file) for name, of_file in changes.items() if of_file
    }
    stale = [
        key
        for key, made_of in hashes.items()
        if key in texts
        and made_of != hash_of(texts[key].source)
        and (key in good or texts[key].translation)
    ]
    kept = {key: made_of for key, made_of in hashes.items() if key in texts}
    return Taken(
        files=made,
        records={**records, target: kept},
        changed=tuple(good),
        stale=tuple(stale),
        refused=tuple(sorted(refused, key=lambda one: one.row)),
    )


def _wrong(text: Text, entry: Entry, said: str) -> str:
    """Return why a translation cannot be taken, empty where it can."""
    if wrong := difference(text.source, said):
        if difference(entry.source, said) == "" and entry.source.strip() != text.source.strip():
            wrong += " (the source text has changed since)"
        return f"{wrong}: write what stands in {{{{braces}}}} as in the source"
    if text.limit is not None and len(said) > text.limit:
        return f"{len(said)} letters, and {text.limit} fit"
    lacking = [word for word in commands(text.source) if f"*{word}*" not in said]
    if lacking:
        words = ", ".join(f"*{word}*" for word in lacking)
        return f"{words} is missing: people reply this word, in every language"
    if "\n" in said and "\n" not in text.source.strip():
        return "it has several lines, and the source is one line"
    return ""


def _changes(
    texts: Mapping[str, Text], good: Mapping[str, str], source: str, target: str
) -> tuple[dict[str, list[Change]], dict[str, str]]:
    """Return the changes of each file, and of which texts there can be none, and why."""
    found: dict[str, list[Change]] = {}
    lacking: dict[str, str] = {}
    buttons: dict[tuple[str, tuple[str | int, ...]], list[Text]] = {}
    for text in texts.values():
        if text.index is not None:
            buttons.setdefault((text.file, text.path), []).append(text)
        elif text.key in good:
            said = good[text.key] + ("\n" if text.source.endswith("\n") else "")
            change = Change(text.path, target, said, source, text.plain)
            found.setdefault(text.file, []).append(change)
    for (file, path), row in buttons.items():
        new = [text.key for text in row if text.key in good]
        labels = tuple(good.get(text.key, text.translation) for text in row)
        if new and not all(labels):
            why = "the buttons of a message are translated all together"
            lacking |= dict.fromkeys(new, why)
        elif new:
            found.setdefault(file, []).append(Change(path, target, labels, source))
    return found, lacking
