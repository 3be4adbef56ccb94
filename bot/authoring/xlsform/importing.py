"""An XLSForm as a flow: rows in order, groups as sections, and a remark for all that changes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.authoring.xlsform.choices import ChoiceList, ListReader
from bot.authoring.xlsform.names import Named, lists_used, named_rows
from bot.authoring.xlsform.questions import QuestionReader
from bot.authoring.xlsform.remarks import Remark, Remarks
from bot.authoring.xlsform.rows import UNNAMED, Form
from bot.authoring.xlsform.texts import Texts
from bot.authoring.xlsform.types import CANNOT, NO_PLACE, READ

_MINUTES_A_QUESTION = 0.4

# Columns that are read somewhere, and so are nothing to report.
_READ = {
    "type", "name", "label", "hint", "relevant", "constraint", "constraint_message", "required",
    "calculation", "default", "choice_filter", "parameters",
}  # fmt: skip
_SETTINGS_READ = {"form_title", "title", "default_language", "form_id", "id_string"}
_SHEETS = {"survey", "choices", "settings"}


@dataclass(frozen=True, slots=True)
class Imported:
    """A form as a flow: the items of its `questions`, its choice lists, and what became of it."""

    title: Mapping[str, str]
    items: Sequence[Mapping[str, Any]]
    lists: Sequence[ChoiceList]
    languages: tuple[str, ...]
    minutes: str
    remarks: tuple[Remark, ...]


def import_form(
    form: Form,
    languages: Sequence[str],
    taken: Collection[str],
    na: Mapping[str, Mapping[str, str]],
) -> Imported:
    """Return a form as a flow.

    `languages` are those that the survey will speak, the default first. `taken` are names that
    questions cannot have; `na` are the words for "don't know" and "prefer not to say", by
    `dont_know` and `refuse` and language.
    """
    remarks = Remarks()
    rows = named_rows(form, taken, remarks)
    texts = Texts(form, languages, remarks)
    names = {one.name for one in rows}
    lists = ListReader(form, texts, remarks, na).lists(set(lists_used(rows)), names)
    missing = {
        one.old: "it is a group" if one.type.name == "begin_group" else "it is asked later"
        for one in rows
        if one.old
    }
    questions = QuestionReader(texts, lists, na, missing, remarks)
    items = _Walk(form, rows, questions, texts, remarks).items()
    _report_form(form, remarks)
    for code, count in texts.lacking.items():
        what = f"`{code}` is not offered: it lacks {count} text(s)"
        remarks.add("survey", 0, "label", "please check", what, "", "tautan translate")
    most = max(1, math.ceil(questions.asked * _MINUTES_A_QUESTION))
    least = max(1, most // 2)
    named = form.settings.get("form_title") or form.settings.get("title") or form.name
    return Imported(
        title=dict.fromkeys(languages, named),
        items=items,
        lists=_used_lists(items, lists),
        languages=tuple(languages),
        minutes=f"{least}-{most}" if least < most else str(most),
        remarks=remarks.every(),
    )


class _Walk:
    """Goes through the rows from the top, into groups and out of them."""

    def __init__(
        self,
        form: Form,
        rows: Sequence[Named],
        questions: QuestionReader,
        texts: Texts,
        remarks: Remarks,
    ) -> None:
        self._form, self._rows, self._questions = form, rows, questions
        self._texts, self._remarks = texts, remarks

    def items(self) -> list[dict[str, Any]]:
        """Return all items of the flow."""
        top: list[dict[str, Any]] = []
        open_groups: list[tuple[list[dict[str, Any]], Named | None]] = [(top, None)]
        around: list[Named] = []  # repeats and loops that are left out, with all that is in them
        for one in self._rows:
            kind = one.type.name
            if kind.startswith("end_"):
                if kind != "end_group":
                    around.pop()
                elif not around:
                    self._close(open_groups)
                elif around[-1].type.name == "begin_group":
                    around.pop()
            elif around:
                outside = around[0]
                self._questions.leave_out(one, f"it is inside `{outside.old}`, which is left out")
                around += [one] if kind.startswith("begin_") else []
            elif kind == "begin_group":
                self._report_row(one)
                section = self._section(one)
                open_groups[-1][0].append(section)
                open_groups.append((section["questions"], one))
            elif kind in CANNOT:
                without = CANNOT[kind]
                self._questions.leave_out(one, without.why, without.fix)
                around += [one] if kind.startswith("begin_") else []
            else:
                self._report_row(one)
                open_groups[-1][0].extend(self._questions.question(one))
        return top

    def _section(self, one: Named) -> dict[str, Any]:
        made: dict[str, Any] = {"name": one.name, "type": "section"}
        if label := self._texts.read(one.row, "label", self._questions.filled):
            made["label"] = label
        if relevant := self._questions.condition(one.row, "relevant", "relevant"):
            made["relevant"] = relevant
        return made | {"questions": []}

    def _close(self, groups: list[tuple[list[dict[str, Any]], Named | None]]) -> None:
        inside, group = groups.pop()
        if not inside and group is not None:
            section = groups[-1][0].pop()
            what, why = f"the group `{section['name']}`", "nothing in it was taken over"
            self._remarks.add("survey", group.row.number, "type", "left out", what, why)

    def _report_row(self, one: Named) -> None:
        """Note the cells of a row that nothing reads."""
        row, kind = one.row, one.type.name
        read = READ.get(kind, _READ)
        if "choice_filter" in read and not one.type.list_name:
            read = read - {"choice_filter"}
        for column, text in row.cells.items():
            first, no = column[0], NO_PLACE.get(column[0])
            if first == "disabled" or (first in read and not self._strange(column)):
                continue
            what, why, fix = f"`{text}`", "no column of XLSForm has this name", ""
            if first in read:
                what = f"the text in `{column[1]}`"
                why, fix = "its language is not known", "write its code: label::Name (xx)"
            elif first in _READ:
                if first == "required" and text.lower() in {"no", "false", "false()"}:
                    continue
                why = f"a row of the type `{kind}` has nothing like it"
            elif no is not None:
                why, fix = no.why, no.fix
            elif first.startswith("$"):
                continue
            heading = row.heading(*column)
            self._remarks.add("survey", row.number, heading, "left out", what, why, fix)

    def _strange(self, column: tuple[str, ...]) -> bool:
        return len(column) > 1 and column[1] != UNNAMED and column[1] not in self._form.languages


def _report_form(form: Form, remarks: Remarks) -> None:
    """Note what a form says besides its rows."""
    for column, text in form.settings.cells.items():
        if column[0] not in _SETTINGS_READ:
            what, why = f"`{text}`", "it is about Kobo or ODK, not about the survey"
            remarks.add("settings", 2, form.settings.heading(*column), "left out", what, why)
    for name in form.sheets:
        if name.lower() not in _SHEETS:
            remarks.add(
                name, 0, "", "left out", f"the sheet `{name}`", "a flow has nothing like it"
            )
    bookkeeping = {
        heading
        for row in form.survey
        for column, heading in row.headings.items()
        if column[0].startswith("$") and column in row.cells
    }
    for heading in sorted(bookkeeping):
        what = f"the column `{heading}`"
        remarks.add("survey", 1, heading, "left out", what, "it is Kobo's own bookkeeping")


def _used_lists(
    items: Sequence[Mapping[str, Any]], lists: Mapping[str, ChoiceList]
) -> list[ChoiceList]:
    """Return the lists that questions take, each once, in the order of the form."""
    used: set[str] = set()

    def look(inside: Sequence[Mapping[str, Any]]) -> None:
        for one in inside:
            if isinstance(one.get("choices"), str):
                used.add(one["choices"])
            look(one.get("questions", ()))

    look(items)
    found: dict[str, ChoiceList] = {}
    for made in lists.values():
        if made.name in used:
            found.setdefault(made.name, made)
    return list(found.values())
