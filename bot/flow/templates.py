"""Templates: what WhatsApp is asked to approve, made of a survey's own messages.

WhatsApp numbers the variables of a template ({{1}}, {{2}}, …) where our texts name them. Every
occurrence gets a number of its own, so that the numbers always rise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType

from bot.flow.expressions import PLACEHOLDER
from bot.flow.survey import Survey
from bot.flow.turn import Choice, Context
from bot.flow.wording import BUTTONS, Voice
from bot.flow.words import MessageText

UTILITY, MARKETING = "UTILITY", "MARKETING"

# Meta, "Message templates: supported languages", those that are written without a country. No
# regional language of Indonesia is among them.
LANGUAGES = frozenset({
    "af", "sq", "ar", "az", "bn", "bg", "ca", "hr", "cs", "da", "nl", "en", "et", "fil", "fi", "fr",
    "ka", "de", "el", "gu", "ha", "he", "hi", "hu", "id", "ga", "it", "ja", "kn", "kk", "ko", "lo",
    "lv", "lt", "mk", "ms", "ml", "mr", "nb", "fa", "pl", "pa", "ro", "ru", "sr", "sk", "sl", "es",
    "sw", "sv", "ta", "te", "th", "tr", "uk", "ur", "uz", "vi", "zu",
})  # fmt: skip
FALLBACK = "id"

MAX_BODY = 1024
ADVISED_BODY = 550
MAX_BUTTONS = 3
_NINE_O_CLOCK = timedelta(hours=9)

_INVITATIONS = ("invite", "pilot_invite")

# What the bot fills in the coordinators' messages, as somebody at WhatsApp may read it.
_SAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "tgl": "2 November 2026",
        "pukul": "06.00",
        "zona": "WIB",
        "ringkasan": "Internal 120, Eksternal 45",
    }
    | {"periode": "26 Oktober–1 November 2026", "unit": "Dinas Contoh", "batas": "31 Oktober 2026"}
    | {"kalimat": "terisi 120 dari 200 (60%), naik 35 dalam sepekan"}
    | {"permintaan": "mengingatkan bahwa pengisian sukarela dan rahasia"}
)
_SAMPLE = "120"


@dataclass(frozen=True, slots=True)
class Wording:
    """One message in one language, as WhatsApp sees it.

    `names[0]` is the placeholder behind {{1}}, and so on; `samples` stand in the same order.
    """

    message: str
    language: str
    category: str
    body: str
    names: tuple[str, ...]
    samples: tuple[str, ...]
    buttons: tuple[Choice, ...]

    @property
    def version(self) -> str:
        """Return the name of these words: a hash of all that an approval is for.

        Samples are not: they change with the survey's dates, and nobody is sent them.
        """
        buttons = [[one.value, one.label] for one in self.buttons]
        seen = json.dumps([self.language, self.category, self.body, buttons])
        return hashlib.sha256(seen.encode()).hexdigest()[:16]

    def mark(self, attempt: int) -> str:
        """Return the end of the name at the provider, by which these words are found there again.

        WhatsApp blocks a rejected or deleted name for 30 days, so a further attempt has its own.
        """
        again = f"_{attempt}" if attempt > 1 else ""
        return f"_{self.language}_{self.version}{again}"

    def name(self, survey: str, attempt: int) -> str:
        """Return the name at the provider: small letters, digits and _, new for new words."""
        return f"{survey}_{self.message}{self.mark(attempt)}"

    def filled(self) -> str:
        """Return the body with its samples."""
        text = self.body
        for number, sample in enumerate(self.samples, start=1):
            text = text.replace(f"{{{{{number}}}}}", sample, 1)
        return text


def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text with its placeholders numbered, and their names in that order."""
    names = tuple(PLACEHOLDER.findall(text))
    numbers = iter(range(1, len(names) + 1))
    return PLACEHOLDER.sub(lambda _: f"{{{{{next(numbers)}}}}}", text), names


def texts_of(survey: Survey, message: str) -> MessageText | None:
    """Return a message that needs approval, respondents' before coordinators'; None if unknown."""
    for texts in (survey.words.messages, survey.words.coordinator):
        found = texts.get(message)
        if found is not None and found.template:
            return found
    return None


def respondents(survey: Survey) -> tuple[str, ...]:
    """Return the names of the respondents' messages that need approval."""
    return tuple(name for name, one in survey.words.messages.items() if one.template)


def languages_for(survey: Survey, message: str, language: str) -> tuple[str, ...]:
    """Return the languages in which a template may say a message to who speaks `language`.

    The first one is meant; another one only counts where WhatsApp does not know the first.
    """
    found = texts_of(survey, message)
    default = survey.settings.default_language
    asked = dict.fromkeys((language, default, FALLBACK))
    return tuple(
        one for one in asked if one in LANGUAGES and found is not None and one in found.texts
    )


@lru_cache(maxsize=16)
def wordings(survey: Survey) -> Mapping[tuple[str, str], Wording]:
    """Return what WhatsApp should approve, by message and language.

    Respondents' messages in the languages that the survey offers, coordinators' in all they have;
    a language that WhatsApp has no templates in is left out.
    """
    made: dict[tuple[str, str], Wording] = {}
    for name, text in survey.words.coordinator.items():
        if text.template:
            for code in text.texts:
                if code in LANGUAGES:
                    made[name, code] = _coordinators(survey, name, text, code)
    for name in respondents(survey):
        for code in survey.languages:
            if code in LANGUAGES:
                made[name, code] = _respondents(survey, name, code)
    return MappingProxyType(made)


def _respondents(survey: Survey, name: str, language: str) -> Wording:
    text = survey.words.messages[name]
    body, names = numbered(text.texts[language])
    group, flow = next(iter(survey.groups.items()))
    plan = survey.settings.plan(group)
    context = Context(
        now=plan.opens + _NINE_O_CLOCK,
        zone=survey.settings.zone,
        plan=plan,
        texts=survey.settings.texts,
    )
    values = Voice(flow, language, context).template(name, "").variables
    labels = text.buttons.get(language, ())
    return Wording(
        message=name,
        language=language,
        category=text.category or (MARKETING if name in _INVITATIONS else UTILITY),
        body=body,
        names=names,
        samples=tuple(values[one] or "-" for one in names),
        buttons=tuple(Choice(*one) for one in zip(BUTTONS.get(name, ()), labels, strict=False)),
    )


def _coordinators(survey: Survey, name: str, text: MessageText, language: str) -> Wording:
    """A coordinators' button stands for the command that is its label."""
    body, names = numbered(text.texts[language])
    settings = survey.settings
    title = settings.title.get(language) or settings.title[settings.default_language]
    known = {**_SAMPLES, "nama_survei": title, **settings.texts.get(language, {})}
    return Wording(
        message=name,
        language=language,
        category=text.category or UTILITY,
        body=body,
        names=names,
        samples=tuple(" ".join(known.get(one, _SAMPLE).split()) for one in names),
        buttons=tuple(Choice(label.upper(), label) for label in text.buttons.get(language, ())),
    )
