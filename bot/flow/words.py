"""messages.yaml compiled: what is said around the questions, before its blanks are filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.flow.keywords import Keywords
from bot.flow.question import Texts


@dataclass(frozen=True, slots=True, eq=False)
class MessageText:
    """One message before its placeholders are filled."""

    texts: Texts
    buttons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    template: bool = False
    category: str | None = None  # UTILITY or MARKETING, where the file says


@dataclass(frozen=True, slots=True, eq=False)
class MailText:
    """An e-mail before its placeholders are filled."""

    subject: Texts
    texts: Texts


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Everything that the bot says apart from questions, and every command word it understands."""

    messages: Mapping[str, MessageText]
    reasons: Mapping[str, Texts]  # {{alasan}}
    origins: Mapping[str, Texts]  # {{asal}}, by how somebody came
    times_of_day: Mapping[str, Texts]  # {{waktu}}
    keywords: Keywords
    coordinator: Mapping[str, MessageText]
    coordinator_keywords: Mapping[str, tuple[str, ...]]
    choose_button: Texts = field(default_factory=dict)  # what opens a list
    poster: Mapping[str, Texts] = field(default_factory=dict)  # the lines of a poster, by name
    mail_invite: MailText | None = None
    unit_abbreviations: Mapping[str, str] = field(default_factory=dict)  # as coordinators write
