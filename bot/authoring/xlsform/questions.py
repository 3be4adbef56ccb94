"""One row of a form as one question of a flow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.authoring.xlsform.choices import NA_NAMES, OTHER, ChoiceList
from bot.authoring.xlsform.condition_parts import Known, Scope, Use
from bot.authoring.xlsform.conditions import calculation, translate, translate_node
from bot.authoring.xlsform.limits import joined, limits
from bot.authoring.xlsform.names import Named
from bot.authoring.xlsform.remarks import Remarks
from bot.authoring.xlsform.rows import Row
from bot.authoring.xlsform.texts import Texts
from bot.authoring.xlsform.types import KINDS
from bot.authoring.xlsform.xpath import Bare, Call, Ref, XPathError, parse, walk

_YES = {"yes", "true", "true()", "1", "ya"}
_NO = {"", "no", "false", "false()", "0", "tidak"}
_PARAMETERS = re.compile(r"([\w-]+)\s*=\s*([^\s,;]+)")
_CHOICE_NAME = "jr:choice-name"

ACKNOWLEDGED = {"id": "Ya, saya mengerti", "en": "Yes, I understand"}
NOT_ACKNOWLEDGED = {"id": "Belum", "en": "Not yet"}


class QuestionReader:
    """Turns rows into questions, in order; knows which answers come before each.

    `known` and `filled` are what conditions and texts may read, by the form's names.
    """

    def __init__(
        self,
        texts: Texts,
        lists: Mapping[str, ChoiceList],
        na: Mapping[str, Mapping[str, str]],
        missing: dict[str, str],
        remarks: Remarks,
    ) -> None:
        self._texts, self._lists, self._na, self._remarks = texts, lists, na, remarks
        self._missing = missing
        self.known: dict[str, Known] = {}
        self.filled: dict[str, str] = {}
        self.asked = 0

    def question(self, one: Named) -> list[dict[str, Any]]:
        """Return the questions that a row becomes: mostly one, none where it is left out."""
        row, kind = one.row, one.type.name
        match kind:
            case "calculate":
                return self._calculation(one)
            case "note":
                return self._note(one)
            case "acknowledge":
                return [self._acknowledge(one)]
            case "dateTime":
                return self._moment(one)
            case "file":
                what, why = "it takes pictures and PDF", "other files are not safe to open"
                self._say(row, "type", "please check", what, why)
        if kind not in KINDS:
            self.leave_out(one, f"`{row.get('type')}` is no type that is known here", "use text")
            return []
        if one.type.list_name and one.type.list_name not in self._lists:
            self.leave_out(one, f"the list `{one.type.list_name}` has no choices", "write them")
            return []
        made = self._head(one, kind)
        known = Known(one.name, KINDS[kind])
        if kind in {"select_one", "select_multiple", "rank"}:
            known = self._choose(one, kind, made)
        elif not self._required(row):
            made["required"] = False
        self._parameters(one, kind, made)
        self._constrain(row, kind, made, known)
        self._default(row, kind, made, known)
        if row.get("calculation"):
            what, why = "the calculation of a question", "it is asked, or worked out, not both"
            self._say(row, "calculation", "left out", what, why, "make it `calculate`")
        self._done(one, known)
        return [made]

    def leave_out(self, one: Named, why: str, fix: str = "") -> None:
        """Note that a row is not taken over, for those that read its answer too."""
        self._missing[one.old] = f"it is left out (row {one.row.number})"
        self._say(one.row, "type", "left out", f"`{one.old}` ({one.row.get('type')})", why, fix)

    def condition(
        self, row: Row, column: str, use: Use, own: Known | None = None, **columns: str
    ) -> str | None:
        """Translate a cell; where that cannot be done it is left out, with a remark."""
        text = row.get(column)
        if not text:
            return None
        try:
            return translate(text, self._scope(own, columns), use)
        except XPathError as error:
            self._untold(row, column, error)
            return None

    # types

    def _head(self, one: Named, kind: str) -> dict[str, Any]:
        row = one.row
        made: dict[str, Any] = {"name": one.name}
        if one.name != one.old:
            made["code"] = one.old
        made["type"] = kind
        hint = self._texts.read(row, "hint", self.filled)
        label = self._texts.read(row, "label", self.filled)
        if not label and hint:
            self._say(row, "hint", "changed", "the hint is the question", "there is no label")
            label, hint = hint, {}
        made["label"] = label or self._texts.read(row, "label", self.filled, one.old)
        if hint:
            made["hint"] = hint
        if relevant := self.condition(row, "relevant", "relevant"):
            made["relevant"] = relevant
        return made

    def _choose(self, one: Named, kind: str, made: dict[str, Any]) -> Known:
        of = self._lists[one.type.list_name]
        made["choices"] = of.name
        names = dict(of.names)
        other = one.type.or_other
        if other and of.has_other:
            other = False
            what, why = "`or_other`", "the list has a choice `other` of its own"
            self._say(one.row, "type", "left out", what, why, "ask for the words by a question")
        if other:
            made["or_other"] = True
            names[OTHER] = OTHER
        na = made["na"] = self._without_answer(one.row, of)
        refuse = NA_NAMES["refuse"] if na == "refuse" and of.na is None else None
        if of.na is not None:  # the form itself has them as choices, and may read them
            names |= {number: number for key, number in NA_NAMES.items() if na in {"both", key}}
        known = Known(one.name, KINDS[kind], names, refuse)
        self._filter(one, of, made)
        if other:
            self.known[f"{one.old}_other"] = Known(f"{one.name}_other", "text")
            self.filled[f"{one.old}_other"] = f"{one.name}_other"
        return known

    def _without_answer(self, row: Row, of: ChoiceList) -> str:
        """Return which ways of not answering are offered: those of the list, or as `required`."""
        if of.na is not None:
            return of.na
        if self._required(row):
            return "none"
        if of.free_for(self._na, "refuse"):
            return "refuse"
        what = "it has to be answered"
        why = "the list has a choice like “prefer not to say” (9) of its own"
        self._say(row, "required", "please check", what, why)
        return "none"

    def _filter(self, one: Named, of: ChoiceList, made: dict[str, Any]) -> None:
        row = one.row
        columns = dict(of.columns)
        if "name" in _bare_words(row.get("choice_filter")):
            columns["name"] = "choice_name"
            for choice in of.choices:
                choice.setdefault("attributes", {})["choice_name"] = choice["name"]
        if condition := self.condition(row, "choice_filter", "choice_filter", None, **columns):
            made["choice_filter"] = condition

    def _calculation(self, one: Named) -> list[dict[str, Any]]:
        row = one.row
        if repeated := self._choice_words(row):
            self.filled[one.old] = repeated
            what = f"`${{{one.old}}}` in texts became `{{{{ {repeated} }}}}`"
            why = "that shows the words of the choice"
            self._missing[one.old] = f"it is left out (row {row.number})"
            self._say(row, "calculation", "changed", what, why)
            return []
        try:
            text, kind = calculation(parse(row.get("calculation")), self._scope(None, {}))
        except XPathError as error:
            self._untold(row, "calculation", error)
            self._missing[one.old] = f"its calculation is left out (row {row.number})"
            return []
        made: dict[str, Any] = {"name": one.name}
        if one.name != one.old:
            made["code"] = one.old
        made["type"] = "calculate"
        if label := self._texts.read(row, "label", None):
            made["label"] = label
        if relevant := self.condition(row, "relevant", "relevant"):
            made["relevant"] = relevant
        made["calculation"] = text
        self.known[one.old] = Known(one.name, "any" if kind == "several" else kind)
        self.filled[one.old] = one.name
        self._missing.pop(one.old, None)
        return [made]

    def _choice_words(self, row: Row) -> str | None:
        """Return the question whose chosen words a calculation is, if it is no more than that."""
        try:
            tree = parse(row.get("calculation"))
        except XPathError:
            return None
        if isinstance(tree, Call) and tree.name == _CHOICE_NAME and tree.given:
            of = tree.given[0]
            known = self.known.get(of.name) if isinstance(of, Ref) else None
            return known.name if known is not None and known.kind == "choice" else None
        return None

    def _note(self, one: Named) -> list[dict[str, Any]]:
        row = one.row
        if not any(column[0] in {"label", "hint"} for column in row.cells):
            self.leave_out(one, "it says nothing", "delete the row")
            return []
        made = self._head(one, "note")
        self._missing[one.old] = "a note has no answer"
        return [made]

    def _acknowledge(self, one: Named) -> dict[str, Any]:
        made = self._head(one, "select_one")
        codes = list(made["label"])
        made["choices"] = [
            {"name": name, "label": {code: words.get(code, words["en"]) for code in codes}}
            for name, words in (("OK", ACKNOWLEDGED), ("no", NOT_ACKNOWLEDGED))
        ]
        made["na"] = "none"
        if self._required(one.row):
            made["constraint"] = "value == 'OK'"
        self._say(
            one.row, "type", "changed", "it asks for yes or not yet", "a chat has no box to tick"
        )
        self._done(one, Known(one.name, "choice", {"OK": "OK", "no": "no"}))
        return made

    def _moment(self, one: Named) -> list[dict[str, Any]]:
        """A day and a time are asked one after the other."""
        day = self._head(one, "date")
        if not self._required(one.row):
            day["required"] = False
        hour: dict[str, Any] = {"name": f"{one.name}_time", "type": "time"}
        hour["label"] = {
            code: {"id": "Pukul berapa?", "en": "At what time?"}.get(code, "…")
            for code in day["label"]
        }
        hour["relevant"] = f"{one.name} is not none"
        what = f"it is asked as a date and, in `{hour['name']}`, a time"
        self._say(one.row, "type", "changed", what, "a chat asks one thing at a time")
        for column in ("constraint", "default"):
            if one.row.get(column):
                what = f"the {column} of a day with a time"
                self._say(one.row, column, "left out", what, "it is asked as two questions")
        self._done(one, Known(one.name, "date"))
        self.asked += 1
        return [day, hour]

    # keys

    def _required(self, row: Row) -> bool:
        text = row.get("required").lower()
        if text in _YES or text in _NO:
            return text in _YES
        what, why = "it has to be answered", "whether it must be cannot depend on other answers"
        self._say(row, "required", "changed", what, why, "use two questions with `relevant`")
        return True

    def _parameters(self, one: Named, kind: str, made: dict[str, Any]) -> None:
        given = dict(_PARAMETERS.findall(one.row.get("parameters")))
        if kind == "range":
            for key, usual in (("start", "1"), ("end", "10"), ("step", "1")):
                number = float(given.pop(key, usual))
                made[key] = int(number) if number.is_integer() else number
        if "select" in kind and given.pop("randomize", "").lower() == "true":
            made["randomize"] = True
        for key, value in given.items():
            if (key, value) == ("randomize", "false"):
                continue
            fix = "the order is drawn for each person" if key == "seed" else ""
            why = "a flow has nothing like it"
            self._say(one.row, "parameters", "left out", f"`{key}={value}`", why, fix)

    def _constrain(self, row: Row, kind: str, made: dict[str, Any], known: Known) -> None:
        message = self._texts.read(row, "constraint_message", self.filled)
        if text := row.get("constraint"):
            try:
                found, rest = limits(kind, parse(text))
                if rest:
                    made["constraint"] = translate_node(
                        joined(rest), self._scope(known, {}), "constraint"
                    )
                made |= found
            except XPathError as error:
                self._untold(row, "constraint", error)
        limited = "constraint" in made or {"min", "max"} & set(made)
        if message and limited:
            made["constraint_message"] = message
        elif message:
            column = row.heading("constraint_message")
            what, why = "the message of a constraint", "there is no constraint that would say it"
            self._say(row, column, "left out", what, why)

    def _default(self, row: Row, kind: str, made: dict[str, Any], known: Known) -> None:
        text = row.get("default")
        if not text:
            return
        said = text.split() if kind in {"select_multiple", "rank"} else [text]
        if "${" in text or re.search(r"\w\(", text):
            what, why = f"the default `{text}`", "a default is one answer, not worked out"
            self._say(row, "default", "left out", what, why)
        elif kind in {"image", "audio", "file", "geopoint", "rank"}:
            what, why = f"the default `{text}`", "people send this themselves"
            self._say(row, "default", "left out", what, why)
        elif known.choices and any(name not in known.choices for name in said):
            self._say(row, "default", "left out", f"the default `{text}`", "it is no choice")
        elif known.choices:
            names = [known.choices[name] for name in said]
            made["default"] = names if len(names) > 1 else names[0]
        else:
            made["default"] = text

    # what all of these need

    def _done(self, one: Named, known: Known) -> None:
        self.known[one.old] = known
        self.filled[one.old] = one.name
        self._missing.pop(one.old, None)
        self.asked += 1

    def _scope(self, own: Known | None, columns: Mapping[str, str]) -> Scope:
        return Scope(self.known, self._missing, own, columns)

    def _untold(self, row: Row, column: str, error: XPathError) -> None:
        effects = {
            "relevant": "it is asked of everybody",
            "constraint": "every answer is taken",
            "choice_filter": "all choices are shown",
            "calculation": "it is not worked out",
        }
        what = f"`{row.get(column)}`: {effects[column]}"
        self._say(row, column, "left out", what, str(error), error.fix)

    def _say(
        self, row: Row, column: str, weight: Any, what: str, why: str = "", fix: str = ""
    ) -> None:
        heading = row.heading(column) if (column,) in row.headings else column
        self._remarks.add(row.sheet, row.number, heading, weight, what, why, fix)


def _bare_words(text: str) -> Sequence[str]:
    """Return the plain names in an expression; none where it cannot be read."""
    try:
        return [node.text for node in walk(parse(text)) if isinstance(node, Bare)] if text else []
    except XPathError:
        return []
