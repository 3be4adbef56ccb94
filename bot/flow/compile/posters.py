"""From the shape of messages.yaml to the words that go out on paper and by e-mail.

A language that lacks some of them is offered in the chat all the same: posters and e-mails are then
in the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bot.flow.compile.checker import Checker
from bot.flow.compile.settings import by_language
from bot.flow.expressions import PLACEHOLDER
from bot.flow.question import Texts
from bot.flow.schema.messages_file import MailPart, PosterPart
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.source import Path, Source
from bot.flow.wording import FILLED_ALWAYS
from bot.flow.words import MailText

_ON_POSTERS = (FILLED_ALWAYS - {"waktu", "asal", "alasan", "sumber_nomor"}) | {"nomor", "sampai"}
_IN_MAILS = (FILLED_ALWAYS - {"waktu"}) | {"nomor", "sampai", "tautan", "kode", "nama"}
_MUST = ("tautan", "kode")
"""Without these a mail leads nowhere."""


def compile_poster(source: Source, part: PosterPart | None, checker: Checker) -> dict[str, Texts]:
    """Return the lines of a poster by name; none where the file has none."""
    if part is None:
        return {}
    lines: dict[str, Texts | None] = {name: getattr(part, name) for name in type(part).model_fields}
    return {
        name: _texts(source, ("poster", name), texts, checker, _ON_POSTERS)
        for name, texts in lines.items()
        if texts is not None
    }


def compile_mail(source: Source, part: MailPart | None, checker: Checker) -> MailText | None:
    """Return the invitation by e-mail, if there is one."""
    if part is None:
        return None
    path: Path = ("mail_invite",)
    filled = _IN_MAILS - set(_MUST)
    subject = _texts(source, (*path, "subject"), part.subject, checker, filled)
    texts = _texts(source, path, part.texts, checker, _IN_MAILS)
    default = checker.settings.default_language
    for code, text in part.texts.items():
        for name in _MUST:
            if name not in PLACEHOLDER.findall(text):
                fix = f"say where {{{{{name}}}}} stands"
                checker.add(
                    source,
                    (*path, code),
                    "nobody could answer by this mail",
                    fix,
                    rule="mail-without-address",
                )
        spoken = default if code == ANY_LANGUAGE else code
        if spoken not in subject:
            checker.add(
                source,
                (*path, "subject"),
                f"no text in `{spoken}`",
                f"add `{spoken}:`",
                rule="missing-translation",
            )
    return MailText(subject, texts)


def _texts(
    source: Source, path: Path, texts: Mapping[str, str], checker: Checker, filled: Collection[str]
) -> Texts:
    """Check a text's form in all languages, and that the default one is there."""
    default = checker.settings.default_language
    for code, text in texts.items():
        checker.text(source, (*path, code), text, checker.owners | set(filled))
    if default not in texts and ANY_LANGUAGE not in texts:
        checker.add(
            source, path, f"no text in `{default}`", f"add `{default}:`", rule="missing-translation"
        )
    return by_language(texts, default)
