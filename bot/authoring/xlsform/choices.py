"""The choices of a form as the choice lists of a flow."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.authoring.xlsform.naming import Names, identifier
from bot.authoring.xlsform.remarks import Remarks
from bot.authoring.xlsform.rows import UNNAMED, Form, Row
from bot.authoring.xlsform.texts import Texts
from bot.authoring.xlsform.types import NO_PLACE
from bot.flow.keywords import normalise

NA_NAMES = {"dont_know": "0", "refuse": "9"}
"""What the two ways of not answering are called in our own files, and in those that we write."""

OTHER = "other"
NONE_OF_THESE = {"id": "Bukan itu", "en": "None of these"}

_OWN = {"list_name", "name", "label", "media", "image", "audio", "video", "big-image"}
_SUFFIX = re.compile(r"__(both|dont_know|refuse)$")


@dataclass(slots=True)
class ChoiceList:
    """A list: its choices as they stand in shared.yaml, and their names from the form's to ours.

    `columns` are the further columns that a choice filter may read, by the form's name; `na` is
    what the list itself offers to those who do not answer.
    """

    name: str
    row: int
    choices: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    na: str | None = None
    has_other: bool = False

    def free_for(self, na: Mapping[str, Mapping[str, str]], key: str) -> bool:
        """Whether "don't know" and the like can stand beside these choices."""
        if NA_NAMES[key] in self.names.values():
            return False
        theirs = {normalise(text) for one in self.choices for text in one["label"].values()}
        return not theirs & {normalise(text) for text in na[key].values()}


class ListReader:
    """Reads the sheet of choices; `questions` are names that a further column must not have."""

    def __init__(
        self, form: Form, texts: Texts, remarks: Remarks, na: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._form, self._texts, self._remarks, self._na = form, texts, remarks, na

    def lists(self, used: Collection[str], questions: Collection[str]) -> dict[str, ChoiceList]:
        """Return the lists that questions use, by the form's name; others become remarks."""
        found: dict[str, ChoiceList] = {}
        rows: dict[str, list[Row]] = {}
        for row in self._form.choices:
            if row.get("list_name") and row.get("name"):
                rows.setdefault(row.get("list_name"), []).append(row)
            elif row.cells:
                self._remarks.add("choices", row.number, "name", "left out", "a row without a name")
        for name, of_list in rows.items():
            if name in used:
                found[name] = self._list(name, of_list, questions)
            else:
                what, why = f"the list `{name}`", "no question that was taken over uses it"
                self._remarks.add("choices", of_list[0].number, "list_name", "left out", what, why)
        return found

    def _list(self, name: str, rows: list[Row], questions: Collection[str]) -> ChoiceList:
        made = ChoiceList(name, rows[0].number)
        na = self._ours(name, rows)
        if na is not None:
            made.name, made.na = _SUFFIX.sub("", name), na
            wanted = {NA_NAMES[key] for key in NA_NAMES if na in {"both", key}}
            rows = [row for row in rows if row.get("name") not in wanted]
        names = Names()
        labels: set[tuple[str, str]] = set()
        for row in rows:
            self._report(row)
            new = names.choice(row.get("name"))
            if new != row.get("name"):
                what = f"the choice `{row.get('name')}` is called `{new}`"
                why = "names are at most 48 letters, digits and `_`, each once in a list"
                self._remarks.add("choices", row.number, "name", "changed", what, why)
            made.names.setdefault(row.get("name"), new)
            label = self._told_apart(row, self._texts.read(row, "label", None, new), labels)
            choice: dict[str, Any] = {"name": new, "label": label}
            made.choices.append(choice | self._extras(row, made, questions))
        made.has_other = OTHER in made.names
        if len(made.choices) == 1:
            self._pair(made)
        return made

    def _ours(self, name: str, rows: Iterable[Row]) -> str | None:
        """Return which ways of not answering a list has, where we wrote it so ourselves."""
        match = _SUFFIX.search(name)
        if match is None:
            return None
        by_name = {row.get("name"): self._form.texts(row, "label") for row in rows}
        for key, number in NA_NAMES.items():
            if match[1] in {"both", key}:
                said = by_name.get(number, {})
                if not any(self._na[key].get(code) == text for code, text in said.items()):
                    return None
        return match[1]

    def _extras(self, row: Row, made: ChoiceList, questions: Collection[str]) -> dict[str, Any]:
        found: dict[str, str] = {}
        for column, text in row.cells.items():
            if column[0] in _OWN:
                continue
            if len(column) > 1:
                heading, why = row.heading(*column), "a flow has nothing like it"
                self._remarks.add("choices", row.number, heading, "left out", f"`{text}`", why)
                continue
            ours = made.columns.get(column[0])
            if ours is None:
                ours = identifier(column[0], "its")
                ours = f"its_{ours}"[:48] if ours in questions or ours in _RESERVED else ours
                made.columns[column[0]] = ours
            found[ours] = text
        return {"attributes": found} if found else {}

    def _told_apart(
        self, row: Row, label: dict[str, str], labels: set[tuple[str, str]]
    ) -> dict[str, str]:
        """Two choices that read the same could not be told apart by who types the words."""
        told = dict(label)
        for code, text in label.items():
            if (code, normalise(text)) in labels:
                told[code] = f"{text} ({row.get('name')})"
                what = f"`{text}` reads `{told[code]}`"
                why = "two choices of the list read the same"
                self._remarks.add("choices", row.number, "label", "changed", what, why)
            labels.add((code, normalise(told[code])))
        return told

    def _pair(self, made: ChoiceList) -> None:
        label = {code: NONE_OF_THESE.get(code, "…") for code in made.choices[0]["label"]}
        made.choices.append({"name": "none_of_these", "label": label})
        what = f"the list `{made.name}` has a second choice, `none_of_these`"
        why, fix = "a question has at least two", "change its words, or remove the question"
        self._remarks.add("choices", made.row, "list_name", "changed", what, why, fix)

    def _report(self, row: Row) -> None:
        for column in row.cells:
            if column[0] == "label" and column[1:] and column[1] not in self._form.languages:
                if column[1] != UNNAMED:
                    what = f"the label in `{column[1]}`"
                    self._remarks.add(
                        "choices", row.number, row.heading(*column), "left out", what,
                        "its language is not known", "write its code: label::Name (xx)",
                    )  # fmt: skip
            elif column[0] in {"media", "image", "audio", "video"}:
                no = NO_PLACE["media"]
                heading = row.heading(*column)
                what = "a picture or sound of a choice"
                self._remarks.add("choices", row.number, heading, "left out", what, no.why, no.fix)


_RESERVED = {"name", "value", "today", "label"}
