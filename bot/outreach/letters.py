"""What letters, e-mails and posters need of a survey: the language, the greeting, days and numbers
as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from bot.interview.surveys import Published


def link_title(published: Published) -> str:
    """Return the survey's title in Indonesian, the language of our link texts, else its own."""
    settings = published.survey.settings
    return settings.title.get("id") or settings.title[settings.default_language]


def language_of(published: Published, person: Mapping[str, Any]) -> str:
    """Return the language to write to somebody in: theirs if the survey is offered in it."""
    own = person.get("language", "")
    offered = own in published.survey.languages
    return own if offered else published.survey.settings.default_language


def salutation(name: str, language: str) -> str:
    """Return how a letter begins; a language that we know no form of borrows Indonesian's."""
    if language == "en":
        return f"Dear {name}" if name else "Dear Sir or Madam"
    return f"Yth. Bapak/Ibu {name}".rstrip()


def last_day(published: Published, until: datetime | None) -> date:
    """Return the last day, in the survey's zone, on which a link that expires then works."""
    settings = published.survey.settings
    closes = settings.plan(next(iter(settings.groups))).closes
    return settings.day(min(until or closes, closes) - timedelta(microseconds=1))


def as_read(number: str) -> str:
    """Return our number as people read it: +62 812-0000-0001."""
    import phonenumbers  # noqa: PLC0415 # large, and only people read numbers

    plus = "+" + re.sub("[^0-9]", "", number)
    try:
        parsed = phonenumbers.parse(plus)
    except phonenumbers.NumberParseException:
        return plus
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
