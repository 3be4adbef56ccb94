"""PO files for translators who have tools of their own: out of a survey's texts, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from bot.authoring.translation.sheets import notes_of
from bot.authoring.translation.translations import Entry, Standing
from bot.flow.source import Problem
from bot.intake.errors import InputError


def as_po(survey: str, language: str, listed: Iterable[Standing], now: datetime) -> bytes:
    """Return the texts as a PO file: the context is the text's key, what is stale is fuzzy."""
    catalog = Catalog(
        locale=language,
        project=survey,
        version="1",
        creation_date=now,
        revision_date=now,
        header_comment=(
            "# Terjemahan / translations. Salin {{...}} dan *PERINTAH* apa adanya; "
            "copy {{...}} and *COMMANDS* as they are."
        ),
        msgid_bugs_address="",
        last_translator="",
        fuzzy=False,
    )
    for one in listed:
        text = one.text
        catalog.add(
            text.source,
            text.translation,
            locations=[(text.file, text.line)],
            flags=["fuzzy"] if one.state == "stale" else [],
            auto_comments=notes_of(text).split("\n") if notes_of(text) else [],
            context=text.key,
        )
    out = BytesIO()
    write_po(out, catalog, width=0, sort_by_file=False)
    return out.getvalue()


def read_po_file(name: str, data: bytes) -> tuple[str, list[Entry]]:
    """Return the language of a PO file and its entries, without fuzzy ones: nobody settled them.

    Raises InputError.
    """
    try:
        catalog = read_po(BytesIO(data), abort_invalid=True, charset="utf-8")
    except (PoFileError, ValueError, UnicodeDecodeError) as error:
        what = f"this is no PO file that can be read: {error}"
        fix = "save it as PO, UTF-8, in the translators' program"
        raise InputError([Problem(name, 1, 1, what, fix)]) from error
    entries = [
        Entry(message.lineno or 0, message.context or "", str(message.id), str(message.string))
        for message in catalog
        if message.id and message.string and not message.fuzzy
    ]
    language = catalog.locale_identifier or ""
    if not language:
        what = "the file names no language"
        fix = "write it anew with `tautan translate export`"
        raise InputError([Problem(name, 1, 1, what, fix)])
    return language, entries
