"""The texts of a form as the texts of a flow: answers filled in, bold as WhatsApp writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.authoring.xlsform.remarks import Remarks
from bot.authoring.xlsform.rows import Form, Row
from bot.flow.compile.checker import NEVER_ADVERTISED

_REF = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
_TAG = re.compile(r"</?(?:span|font|b|i|u|em|strong|p|br|div|big|small|center|h\d)\b[^>]*>", re.I)
_ADVERTISED = re.compile(rf"\*({'|'.join(NEVER_ADVERTISED)})\*")


class Texts:
    """Reads the texts of one form; `languages` come in the order in which they may stand in."""

    def __init__(self, form: Form, languages: Sequence[str], remarks: Remarks) -> None:
        self._form, self._languages, self._remarks = form, languages, remarks
        self.lacking: dict[str, int] = {}

    def read(
        self, row: Row, column: str, filled: Mapping[str, str] | None, instead: str = ""
    ) -> dict[str, str]:
        """Return a text by language, empty where the row has none and nothing is said `instead`.

        `filled` are the answers that it may repeat, by the form's names; None where it may not.
        """
        found = {
            code: self._text(row, self._form.heading(row, column, code), text, filled)
            for code, text in self._form.texts(row, column).items()
        }
        if not found and not instead:
            return {}
        default = self._languages[0]
        if not found:
            what = f"there is no {column}, so it reads `{instead}`"
            self._remarks.add(row.sheet, row.number, column, "please check", what, "", "write one")
            found = {default: instead}
        if default not in found:
            other = next((code for code in self._languages if code in found), next(iter(found)))
            what = f"there is none in `{default}`, so the one in `{other}` stands there"
            heading = self._form.heading(row, column, other)
            self._remarks.add(
                row.sheet, row.number, heading, "please check", what, "", "translate it"
            )
            found = {default: found[other], **found}
        for code in self._languages:
            if code not in found:
                self.lacking[code] = self.lacking.get(code, 0) + 1
        return found

    def _text(self, row: Row, heading: str, text: str, filled: Mapping[str, str] | None) -> str:
        def refer(match: re.Match[str]) -> str:
            name = match[1]
            if filled is not None and name in filled:
                return f"{{{{ {filled[name]} }}}}"
            why = (
                "it is the same for everybody"
                if filled is None
                else (f"`{name}` is not known there")
            )
            what = f"`{match[0]}` became `…`: the text repeats an answer"
            self._remarks.add(row.sheet, row.number, heading, "changed", what, why, "write it anew")
            return "…"

        plain = _TAG.sub("", text)
        if plain != text:
            self._changed(
                row, heading, "tags of HTML were taken out", "WhatsApp shows them as they are"
            )
        bold = re.sub(r"\*\*(\S(?:.*?\S)?)\*\*", r"*\1*", plain)
        bold = re.sub(r"^#{1,6}\s+(.+)$", r"*\1*", bold, flags=re.MULTILINE)
        if bold != plain:
            self._changed(
                row, heading, "bold is written `*so*`", "WhatsApp writes it with one star"
            )
        if _ADVERTISED.search(bold):
            self._changed(
                row, heading, "a word lost its stars", "WhatsApp may take it as a command"
            )
            bold = _ADVERTISED.sub(r"\1", bold)
        safe = bold.replace("{{", "{ {").replace("}}", "} }").replace("{%", "{ %")
        if safe != bold:
            self._changed(
                row, heading, "double braces were set apart", "they mean a placeholder here"
            )
        return _REF.sub(refer, safe).strip() or "…"

    def _changed(self, row: Row, heading: str, what: str, why: str) -> None:
        self._remarks.add(row.sheet, row.number, heading, "changed", what, why)
