"""A flow as an XLSForm: the rows of its sheets, and a remark for all that XLSForm cannot say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.authoring.xlsform.choices import NA_NAMES
from bot.authoring.xlsform.naming import identifier
from bot.authoring.xlsform.remarks import Remark, Remarks
from bot.authoring.xlsform.rows import language_name
from bot.authoring.xlsform.xpath import XPathError
from bot.authoring.xlsform.xpath_out import Readable, to_xpath
from bot.flow.compile.checker import Checker
from bot.flow.compile.sections import Around, Item, Sections
from bot.flow.load import load_survey
from bot.flow.media import yaml_files
from bot.flow.schema.files import read_part
from bot.flow.schema.flow_file import ChoicePart, FlowFile, SectionPart
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.source import read_source

Row = dict[str, str]

_PIECE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_SEVERAL = {"select_multiple", "rank"}
_SELECTS = {"select_one", "select_multiple", "rank"}
_LIMITS = {
    "integer": (". >= {}", ". <= {}"),
    "decimal": (". >= {}", ". <= {}"),
    "date": (". >= date('{}')", ". <= date('{}')"),
    "time": (". >= '{}'", ". <= '{}'"),
}
# Keys that say nothing in an XLSForm, what they are to people, and what is so if they are absent.
_UNSAID: Mapping[str, tuple[str, Any]] = {
    "end_if": ("the end of the interview after this answer", None),
    "scored": ("that it counts in the index", False),
    "dimension": ("its area", None),
    "indicator": ("its indicator", None),
    "good": ("its best choice", None),
    "quality_flag": ("its flag of quality", None),
    "appearance": ("buttons and lists", None),
    "media": ("pictures and sound, whose files do not go with a form", None),
    "kinds": ("which files it takes", ("image", "pdf")),
    "max_mb": ("how large files may be", 5),
    "places": ("how many places it has", None),
}


@dataclass(frozen=True, slots=True)
class Sheets:
    """The rows of a form by sheet, each by heading, and what is not in them."""

    survey: Sequence[Row]
    choices: Sequence[Row]
    settings: Row
    remarks: Sequence[Remark]


@dataclass(slots=True)
class _Writer:
    """Writes one flow; `owners` are the words that survey.yaml fills in, by language."""

    settings: SurveyFile
    flow: FlowFile
    shared: SharedFile
    items: Sequence[Item]
    owners: Mapping[str, Mapping[str, str]]
    survey: list[Row] = field(default_factory=list)
    choices: list[Row] = field(default_factory=list)
    remarks: Remarks = field(default_factory=Remarks)
    lists: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def sheets(self) -> Sheets:
        """Return all sheets."""
        open_sections: list[Around] = []
        self.names |= {one.part.name: self._name(one.part) for one in self.items}
        for item in self.items:
            if item.together != item.part.name and self._is_other(item):
                continue  # `or_other` writes the question itself
            self._sections(open_sections, item.sections)
            self._question(item)
        self._sections(open_sections, ())
        default = self.settings.default_language
        title = self._say(self.flow.title, 0, "form_title").get(default, self.flow.name)
        if len(set(self.flow.title.values())) > 1:
            self._note(
                2, "form_title", "titles in other languages", "a form has one title", "settings"
            )
        self._note(0, "", f"`minutes: {self.flow.minutes}`", "it is estimated anew", "settings")
        if getattr(self.flow, "random_sections", ()):
            self._note(0, "", "random_sections", "groups keep their order", "settings")
        settings = {
            "form_title": title,
            "form_id": self.flow.name,
            "default_language": _heading(default),
        }
        return Sheets(self.survey, self.choices, settings, self.remarks.every())

    # rows

    def _is_other(self, item: Item) -> bool:
        return (
            any(
                one.part.name == item.together and getattr(one.part, "or_other", False)
                for one in self.items
            )
            and item.part.name == f"{item.together}_other"
        )

    def _sections(self, open_now: list[Around], wanted: Sequence[Around]) -> None:
        """Close groups that end here, and open those that begin."""
        keep = 0
        while keep < min(len(open_now), len(wanted)) and open_now[keep] is wanted[keep]:
            keep += 1
        while len(open_now) > keep:
            open_now.pop()
            self.survey.append({"type": "end_group"})
        for section in wanted[keep:]:
            open_now.append(section)
            self._begin(section.part)

    def _begin(self, part: SectionPart) -> None:
        number = len(self.survey) + 2
        row: Row = {"type": "begin_group", "name": part.name}
        self.survey.append(row)
        row |= self._texts("label", part.label or {}, number)
        if part.relevant:
            row |= self._condition(number, "relevant", part.relevant, self._readable())
        if part.randomize:
            self._note(number, "parameters", "the order by chance", "groups keep their order")

    def _question(self, item: Item) -> None:
        part: Any = item.part
        number = len(self.survey) + 2
        row: Row = {"type": part.type, "name": self.names[part.name]}
        self.survey.append(row)
        row |= self._texts("label", part.label or {}, number)
        row |= self._texts("hint", part.hint or {}, number)
        if part.code and row["name"] != part.code:
            self._note(number, "name", f"`code: {part.code}`", "a row has one name")
        if part.relevant:
            row |= self._condition(number, "relevant", part.relevant, self._readable())
        if part.type == "calculate":
            row |= self._condition(number, "calculation", part.calculation, self._readable())
            return
        if part.type == "note":
            return
        if part.type in _SELECTS:
            self._select(part, row, number)
        elif part.required:
            row["required"] = "yes"
        self._limit(part, row, number)
        if part.constraint_message:
            row |= self._texts("constraint_message", part.constraint_message, number)
        default = getattr(part, "default", None)
        if default is not None:
            row["default"] = default if isinstance(default, str) else " ".join(default)
        if part.type == "range":
            row["parameters"] = f"start={part.start} end={part.end} step={part.step}"
        for key, (what, usual) in _UNSAID.items():
            if getattr(part, key, usual) != usual:
                self._note(number, key, what, "XLSForm has no such thing")

    def _select(self, part: Any, row: Row, number: int) -> None:
        listed = part.choices
        name = listed if isinstance(listed, str) else part.name
        na = () if part.na == "none" else tuple(key for key in NA_NAMES if part.na in {"both", key})
        if na:
            name = f"{name}__{part.na}"
        of = self.shared.choice_lists[listed].choices if isinstance(listed, str) else listed
        if name not in self.lists:
            self.lists.add(name)
            for choice in of:
                self._choice(name, choice)
            for key in na:
                if self.shared.na is not None:
                    self._choice(name, getattr(self.shared.na, key))
        row["type"] = f"{part.type} {name}"
        row["required"] = "yes"
        if getattr(part, "or_other", False):
            row["type"] += " or_other"
        if getattr(part, "randomize", False):
            row["parameters"] = "randomize=true"
        if condition := getattr(part, "choice_filter", None):
            columns = {key for choice in of for key in choice.attributes}
            readable = self._readable(columns=columns)
            row |= self._condition(number, "choice_filter", condition, readable)
            if na:
                what = "“don't know” and the like are filtered away"
                self._note(number, "choice_filter", what, "they are choices there")

    def _choice(self, name: str, part: ChoicePart) -> None:
        number = len(self.choices) + 2
        row: Row = {"list_name": name, "name": part.name}
        self.choices.append(row)
        row |= self._texts("label", part.label, number, "choices")
        row |= part.attributes
        if part.score is not None:
            what = f"`score: {part.score:g}`"
            self._note(number, "score", what, "XLSForm has no such thing", "choices")

    def _limit(self, part: Any, row: Row, number: int) -> None:
        """Write limits and the constraint as one: a form has one constraint a row."""
        said: list[str] = []
        for key, form in zip(("min", "max"), _LIMITS.get(part.type, ()), strict=False):
            value = getattr(part, key, None)
            if value is not None:
                shown = value.isoformat("minutes") if part.type == "time" else value
                said.append(form.format(shown))
        if part.type == "text" and part.max_chars != 500:
            said.append(f"string-length(.) <= {part.max_chars}")
        if part.type == "select_multiple" and part.min_choices != 1:
            said.append(f"count-selected(.) >= {part.min_choices}")
        if part.type in _SEVERAL and part.max_choices is not None:
            sign = "<=" if part.type == "select_multiple" else "="
            said.append(f"count-selected(.) {sign} {part.max_choices}")
        if part.constraint:
            readable = self._readable(own=part.name)
            found = self._condition(number, "constraint", part.constraint, readable)
            text = found.get("constraint", "")
            said += [f"({text})" if " or " in text and said else text] if text else []
        if said:
            row["constraint"] = " and ".join(said)

    # what all rows need

    def _name(self, part: Any) -> str:
        """Return what a question is called: its own name in the institution, where that is one."""
        code = str(part.code)
        fits = re.fullmatch(r"[A-Za-z_][\w.-]*", code) and identifier(code) == part.name
        return code if fits else str(part.name)

    def _readable(self, own: str | None = None, columns: Sequence[str] | set[str] = ()) -> Readable:
        kinds = {one.part.name: one.part.type for one in self.items}
        return Readable(
            names=self.names,
            several={name for name, kind in kinds.items() if kind in _SEVERAL},
            words={name for name, kind in kinds.items() if kind == "text"},
            columns=columns,
            own=own,
        )

    def _condition(self, number: int, column: str, source: str, readable: Readable) -> Row:
        try:
            return {column: to_xpath(source, readable)}
        except XPathError as error:
            self._note(number, column, f"`{source}`", str(error))
            return {}

    def _texts(
        self, column: str, texts: Mapping[str, str], number: int, sheet: str = "survey"
    ) -> Row:
        said = self._say(texts, number, column, sheet)
        return {f"{column}::{_heading(code)}": text for code, text in said.items()}

    def _say(
        self, texts: Mapping[str, str], number: int, column: str, sheet: str = "survey"
    ) -> dict[str, str]:
        default = self.settings.default_language
        found = {}
        for code, text in texts.items():
            spoken = default if code == ANY_LANGUAGE else code

            def piece(match: re.Match[str], spoken: str = spoken) -> str:
                inner = match[1].strip()
                if inner in self.names:
                    return f"${{{self.names[inner]}}}"
                what = f"`{match[0]}`"
                words = self.owners.get(spoken, {}).get(inner)
                if words is not None:
                    why = f"it is written out as `{words}`: forms have no words of the owner"
                    self._note(number, column, what, why, sheet, changed=True)
                    return words
                why = f"it is written as `[{inner}]`: only answers can be filled in"
                self._note(number, column, what, why, sheet, changed=True)
                return f"[{inner}]"

            found[spoken] = _PIECE.sub(piece, text)
        return found

    def _note(
        self,
        number: int,
        column: str,
        what: str,
        why: str,
        sheet: str = "survey",
        *,
        changed: bool = False,
    ) -> None:
        self.remarks.add(sheet, number, column, "changed" if changed else "left out", what, why)


def _heading(code: str) -> str:
    return f"{language_name(code)} ({code})"


def export_flows(files: Mapping[str, str]) -> dict[str, Sheets]:
    """Return each flow of a survey as the sheets of an XLSForm, by the flow's name.

    Raises FlowError for a survey that does not hold.
    """
    survey = load_survey(files)
    sources = [read_source(name, text) for name, text in sorted(yaml_files(files).items())]
    parts = [(source, read_part(source)) for source in sources]
    settings = next(part for _, part in parts if isinstance(part, SurveyFile))
    shared = next(
        ((source, part) for source, part in parts if isinstance(part, SharedFile)),
        (sources[0], SharedFile(kind="shared")),
    )
    checker = Checker(survey.settings, settings.texts)
    return {
        part.name: _Writer(
            settings,
            part,
            shared[1],
            Sections(source, part, shared, checker).items(),
            survey.settings.texts,
        ).sheets()
        for source, part in parts
        if isinstance(part, FlowFile)
    }
