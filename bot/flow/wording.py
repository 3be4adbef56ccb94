"""Putting messages together: placeholders filled, choices listed, the line under a question."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from bot.flow.expressions import fill, placeholders
from bot.flow.state import NO_ANSWERS, Answer
from bot.flow.survey import Flow, Question
from bot.flow.taps import Blanks, plain_text, with_taps
from bot.flow.turn import Choice, Context, Message

FILLED_ALWAYS = frozenset(
    {"waktu", "batas", "tgl", "tgl_buka", "durasi", "alasan", "sumber_nomor", "nama_survei"}
    | {"n_min", "unit"}
)
"""Placeholders that the bot fills in any message of a conversation."""

FILLED_IN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "question_footer": frozenset({"no", "jumlah"}),
        "question_footer_text": frozenset({"no", "jumlah"}),
        "question_footer_short": frozenset({"no", "jumlah"}),
        "invalid_again": frozenset({"daftar_angka"}),
        "help_question": frozenset({"daftar_angka"}),
        "erased": frozenset({"kode"}),
        "code_wrong": frozenset({"kode"}),
        "link_used": frozenset({"kode"}),
    }
)
"""Further ones, by the message in which they make sense."""

BUTTONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "invite": ("MULAI", "CEK", "BERHENTI"),
        "reminder_first": ("MULAI", "CEK", "BERHENTI"),
        "reminder_partial": ("MULAI", "CEK", "BERHENTI"),
        "reminder_last": ("MULAI", "CEK", "BERHENTI"),
        "consent": ("SETUJU", "TIDAK"),
        "pilot_invite": ("MULAI", "CEK", "BERHENTI"),
        "pilot_consent": ("SETUJU", "TIDAK"),
        "stop_confirm": ("BERHENTI", "LANJUT"),
        "erase_or_correct": ("KEMBALI", "HAPUS_DATA"),
    }
)
"""What the buttons of a message mean, in order: their payload is the command."""

_TAPPED = frozenset({"consent", "stop_confirm", "erase_or_correct"})
"""Messages within a conversation whose buttons are tapped where the settings want taps."""

_SAID_BEFORE = (
    "invalid",
    "invalid_again",
    "help",
    "help_question",
    "info_under_way",
    "verify_under_way",
    "asked_again",
    "not_text",
    "edited",
    "fill_again",
    "change_impossible",
    "language_only",
)
"""Messages that share a bubble with a question."""

MAX_CHARS = 1600  # what one WhatsApp message may hold; the gateway refuses more
BUTTON_CHARS = 20
BUTTONS_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Voice:
    """The bot speaking in one turn: one flow, one language, one moment.

    With `blanks` it speaks as to everybody: placeholders become blanks, and their values go there.
    """

    flow: Flow
    language: str
    context: Context
    answers: Mapping[str, Answer] = field(default_factory=lambda: NO_ANSWERS)
    blanks: Blanks | None = None

    def text(self, name: str, own: Mapping[str, str] | None = None) -> str:
        """Return a message's words with everything filled in; `own` comes before all else."""
        said = self.flow.words.messages[self._twin(name)]
        return self.fill(said.texts[self.language], own or {})

    def fill(self, text: str, own: Mapping[str, str]) -> str:
        """Fill the placeholders of any text of this survey."""
        blanks = self.blanks
        if blanks is None:
            return fill(text, lambda name: own[name] if name in own else self._value(name))
        # What fills a blank has none of its own.
        filled = replace(self, blanks=None)
        return fill(
            text, lambda name: blanks.put(name, own[name] if name in own else filled._value(name))
        )

    def message(self, name: str, own: Mapping[str, str] | None = None, after: str = "") -> Message:
        """Return a message by its name, with its buttons; `after` are words to say first."""
        text = self.text(name, own)
        said = Message(
            text=f"{after}\n\n{text}" if after else text,
            buttons=self._buttons(name),
            language=self.language,
        )
        if after or name not in _TAPPED or self.flow.settings.appearance == "text":
            return said
        blank = self._blank()
        return self._tapped(said, "buttons", said.buttons, Message(blank.text(name, own)), blank)

    def template(self, name: str, step: str) -> Message:
        """Return a message that opens a conversation, with the values for its approved template.

        A value has no line breaks: the gateway refuses them.
        """
        words = self.flow.words.messages[self._twin(name)].texts[self.language]
        values = {one: " ".join(self._value(one).split()) for one in placeholders(words)}
        return Message(
            text=self.fill(words, values),
            buttons=self._buttons(name),
            language=self.language,
            step=step,
            template=self._twin(name),
            variables=values,
        )

    def languages(self, name: str, after: str = "") -> Message:
        """Return the message that asks for a language, in all of them at once."""
        said = self._languages(name, after)
        wanted = self.flow.settings.appearance
        if after or wanted == "text":
            return said
        options = tuple(
            Choice(f"language:{code}", choice.label)
            for code, choice in zip(self.flow.languages, said.choices, strict=True)
        )
        blank = self._blank()
        kind = "buttons" if len(options) <= BUTTONS_AT_MOST else wanted
        return self._tapped(said, kind, options, blank._languages(name, ""), blank)

    def _languages(self, name: str, after: str) -> Message:
        texts = self.flow.words.messages[name].texts
        said = dict.fromkeys(self.fill(texts[code], {}) for code in self._codes())
        names = self.flow.settings.language_names
        choices = tuple(
            Choice(str(number), names.get(code, code))
            for number, code in enumerate(self.flow.languages, start=1)
        )
        buttons = tuple(
            Choice(f"language:{code}", choice.label)
            for code, choice in zip(self.flow.languages, choices, strict=True)
        )
        fits = len(buttons) <= BUTTONS_AT_MOST
        return Message(
            text="\n\n".join(part for part in (after, "\n".join(said)) if part),
            choices=choices,
            buttons=buttons if fits else (),
            language=self.language,
        )

    def question(
        self,
        question: Question,
        count: tuple[int, int],
        *,
        full: bool,
        before: tuple[str, ...] = (),
        notes: tuple[Question, ...] = (),
    ) -> Message:
        """Return a question as one bubble.

        `count` is its number and how many there are; `full` asks for the long line under it;
        `before` are words to say first, as "sorry", and `notes` what stands before it in the flow.
        After such words it is always plain: who stumbled gets the numbers to type.
        """
        said = self._question(question, count, full, (*before, *map(self.note, notes)))
        wanted = question.appearance or self.flow.settings.appearance
        if before or wanted == "text" or question.type != "select_one":
            return said
        options = tuple(
            Choice(f"{question.name}:{choice.name}", choice.label[self.language])
            for choice in (*question.choices, *question.na)
        )
        blank = self._blank()
        plain = blank._question(question, count, full, tuple(map(blank.note, notes)))
        return self._tapped(said, wanted, options, plain, blank)

    def _question(
        self, question: Question, count: tuple[int, int], full: bool, before: tuple[str, ...]
    ) -> Message:
        body = self.fill(question.label[self.language], {})
        if question.hint:
            body += "\n" + self.fill(question.hint[self.language], {})
        choices = tuple(
            Choice(choice.name, self.fill(choice.label[self.language], {}))
            for choice in question.choices
        )
        return Message(
            text="\n\n".join((*before, body)),
            choices=choices,
            footer=self._footer(question, count, full),
            buttons=_choice_buttons(question, choices),
            question=question.name,
            language=self.language,
        )

    def _blank(self) -> Voice:
        return replace(self, blanks=Blanks())

    def _tapped(
        self, said: Message, kind: str, options: tuple[Choice, ...], plain: Message, blank: Voice
    ) -> Message:
        """Return a message to be tapped; `plain` is the same as `blank` says it."""
        assert blank.blanks is not None
        labels = self.flow.words.choose_button
        spoken = (self.language, self.flow.settings.default_language, "id")
        label = next(labels[code] for code in spoken if code in labels)
        return with_taps(said, kind, options, plain, blank.blanks, label)

    def note(self, question: Question) -> str:
        """Return the words of a note."""
        text = self.fill(question.label[self.language], {})
        return f"{text}\n{self.fill(question.hint[self.language], {})}" if question.hint else text

    def numbers(self, question: Question) -> str:
        """Return {{daftar_angka}}: what can be typed, as "1, 2, 3, 0, 9" or "0–120"."""
        if question.type == "integer":
            least = "" if question.least is None else str(question.least)
            most = "" if question.most is None else str(question.most)
            return f"{least}–{most}" if least or most else "0, 1, 2, …"
        return ", ".join(choice.name for choice in (*question.choices, *question.na))

    def _footer(self, question: Question, count: tuple[int, int], full: bool) -> str:
        name = "question_footer_text" if question.own_words else "question_footer"
        own = {"no": str(count[0]), "jumlah": str(count[1])}
        lines = [self.text(name if full else "question_footer_short", own)]
        if len(question.na) == 2:
            lines.insert(0, self.text("na_line"))
        elif question.na:
            only = question.na[0]
            lines.insert(0, f"{only.name} {self.fill(only.label[self.language], {})}")
        if question.type == "select_multiple":
            lines.insert(0, self.text("choose_several"))
        return "\n".join(lines)

    def _buttons(self, name: str) -> tuple[Choice, ...]:
        labels = self.flow.words.messages[self._twin(name)].buttons.get(self.language, ())
        return tuple(Choice(*pair) for pair in zip(BUTTONS.get(name, ()), labels, strict=False))

    def _twin(self, name: str) -> str:
        """Return the message that says this one to who tries the survey out, if there is one."""
        twin = f"pilot_{name}"
        return twin if self.context.pilot and twin in self.flow.words.messages else name

    def _codes(self) -> tuple[str, ...]:
        """The languages, the one spoken first."""
        others = tuple(code for code in self.flow.languages if code != self.language)
        return (self.language, *others)

    def _value(self, name: str) -> str:
        """Return what a placeholder stands for: our own facts, then the owner's words."""
        flow, context = self.flow, self.context
        match name:
            case "batas":
                return self._day(context.plan.closes - timedelta(microseconds=1), survey=True)
            case "tgl_buka":
                return day_in_words(flow.settings.opens, self.language)
            case "tgl":
                return self._day(context.now)
            case "waktu":
                return flow.words.times_of_day[self._time_of_day()].get(self.language, "")
            case "durasi":
                return flow.minutes
            case "n_min":
                return str(context.n_min)
            case "nama_survei":
                title = flow.settings.title
                return title.get(self.language) or title[flow.settings.default_language]
            case "alasan" if flow.group is not None:
                return self.fill(flow.words.reasons[flow.group.reason][self.language], {})
        if name in flow.by_name:
            answer = self.answers.get(name)
            question = flow.by_name[name]
            return "" if answer is None else question.answer_label(answer, self.language)
        return self._owners_word(name)

    def _owners_word(self, name: str) -> str:
        default = self.flow.settings.default_language
        for texts in (self.context.texts, self.flow.settings.texts):
            for language in (self.language, default):
                word = texts.get(language, {}).get(name)
                if word:
                    return word
        group = self.flow.group
        if name == "sumber_nomor" and group is not None:
            return group.source.get(self.language) or group.source[default]
        # Who was invited without a unit answers for the whole institution.
        return self._owners_word("instansi") if name == "unit" else ""

    def _time_of_day(self) -> str:
        hour = self.context.now.astimezone(self.context.zone).hour
        if 4 <= hour < 11:
            return "pagi"
        if 11 <= hour < 15:
            return "siang"
        return "sore" if 15 <= hour < 18 else "malam"

    def _day(self, moment: datetime, *, survey: bool = False) -> str:
        """A date in words. Opening and closing are days of the survey's own zone for everybody."""
        zone = self.flow.settings.zone if survey else self.context.zone
        return day_in_words(moment.astimezone(zone).date(), self.language)


def _choice_buttons(question: Question, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Buttons for a short question. Several choices cannot be tapped at once: they get none."""
    few = question.type == "select_one" and len(choices) <= BUTTONS_AT_MOST
    if not few or any(len(choice.label) > BUTTON_CHARS for choice in choices):
        return ()
    return tuple(Choice(f"{question.name}:{choice.value}", choice.label) for choice in choices)


@lru_cache(maxsize=256)
def day_in_words(day: date, language: str) -> str:
    """Return a day as "31 Januari 2027"; a language without a calendar borrows Indonesian's."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        locale = Locale.parse("id")
    return format_date(day, "d MMMM y", locale=locale)


def consent_version(flow: Flow, language: str, *, pilot: bool = False) -> str:
    """Return the version of the consent text: a hash of its exact words before they are filled."""
    said = flow.words.messages
    consent = (said.get("pilot_consent") if pilot else None) or said["consent"]
    words = "\n".join((language, consent.texts[language], *consent.buttons.get(language, ())))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def message_chars(message: Message) -> int:
    """Return how long a message is as plain text."""
    return len(plain_text(message))


def longest_before(voice: Voice) -> str:
    """Return the longest words that can come before a question in its bubble."""
    return max((voice.text(name) for name in _SAID_BEFORE), key=len)
