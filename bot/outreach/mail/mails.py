"""One e-mail: the survey's words filled in, as plain text and as simple HTML, with its headers.

There is no picture, no tracking, and no address in it but the person's own link.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from uuid import UUID, uuid4

from bot.flow.answers.dates import day_in_words
from bot.flow.wording import Voice
from bot.interview import codes, contexts
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach import letters
from bot.outreach.links import wa_me
from bot.outreach.mail.smtp import Server
from storage.queries.mail import MailRow

_SAMPLE_CODE = "XXXXX-XXXXX"
_LINK = re.compile(r"https?://[^\s<>]+")


@dataclass(frozen=True, slots=True)
class Letter:
    """What one person gets."""

    id: UUID
    language: str
    subject: str
    text: str


def written(
    installation: Installation,
    published: Published,
    number: str,
    row: MailRow,
    person: Mapping[str, Any],
) -> Letter:
    """Return a person's invitation in a language that the survey has it in."""
    words = published.survey.words.mail_invite
    assert words is not None, "mailing looks for it first"
    language = letters.language_of(published, person)
    if language not in words.texts:
        language = published.survey.settings.default_language
    own = {"unit": row.unit_name, "nama": person.get("name", "")}
    if row.source:
        own["sumber_nomor"] = row.source
    return _letter(
        installation, published, number, row.id, language, row.grp, row.code, row.expires_at, own
    )


def sample(installation: Installation, published: Published, number: str) -> Letter:
    """Return the invitation in the survey's own language, with a code that leads nowhere."""
    settings = published.survey.settings
    group = next(iter(settings.groups))
    language = settings.default_language
    return _letter(
        installation, published, number, uuid4(), language, group, _SAMPLE_CODE, None, {}
    )


def _letter(
    installation: Installation,
    published: Published,
    number: str,
    letter_id: UUID,
    language: str,
    group: str,
    code: str,
    until: datetime | None,
    own: Mapping[str, str],
) -> Letter:
    words = published.survey.words.mail_invite
    assert words is not None
    flow = published.survey.for_group(group)
    voice = Voice(flow, language, contexts.at_start(installation, published.survey, group))
    last = letters.last_day(published, until)
    filled = {
        **own,
        "kode": code,
        "nomor": letters.as_read(number),
        "sampai": day_in_words(last, language),
        "tautan": wa_me(number, codes.link_text(letters.link_title(published), code)),
    }
    subject = " ".join(voice.fill(words.subject[language], filled).split())
    return Letter(letter_id, language, subject, voice.fill(words.texts[language], filled).strip())


def envelope(server: Server, recipient: str, letter: Letter, now: datetime) -> bytes:
    """Return a letter as it goes over the wire.

    Its Message-ID is made of its id: a letter that is sent again is the same letter.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = server.sender
    message["To"] = MailAddress(addr_spec=recipient)
    message["Subject"] = letter.subject
    message["Date"] = now
    message["Message-ID"] = server.message_id(letter.id)
    message["Content-Language"] = letter.language
    # No answer by machines, and one way out that mail programs show: a reply with this word.
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<mailto:{server.address}?subject=BERHENTI>"
    message.set_content(letter.text + "\n", cte="quoted-printable")
    message.add_alternative(as_html(letter), subtype="html", cte="quoted-printable")
    return message.as_bytes()


def as_html(letter: Letter) -> str:
    """Return a letter as HTML: its paragraphs, and its addresses to be followed."""
    paragraphs = [
        f"<p>{'<br>'.join(_line(line) for line in paragraph.splitlines())}</p>"
        for paragraph in re.split(r"\n\s*\n", letter.text)
    ]
    return (
        f'<!doctype html>\n<html lang="{letter.language}"><head><meta charset="utf-8">'
        f"<title>{html.escape(letter.subject)}</title></head>\n"
        '<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5;'
        ' max-width: 36em">\n' + "\n".join(paragraphs) + "\n</body></html>\n"
    )


def _line(text: str) -> str:
    parts = []
    start = 0
    for match in _LINK.finditer(text):
        parts.append(html.escape(text[start : match.start()]))
        address = html.escape(match[0])
        parts.append(f'<a href="{address}">{address}</a>')
        start = match.end()
    return "".join([*parts, html.escape(text[start:])])
