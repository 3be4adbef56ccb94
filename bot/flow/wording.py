"""Putting messages together: placeholders filled, choices listed, the line under a question."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from babel.numbers import format_decimal

from bot.flow import limits
from bot.flow.answers.dates import day_in_words, locale_of
from bot.flow.answers.domains import NEEDED, Moment
from bot.flow.choices import Offer, offered
from bot.flow.expressions import fill_in, placeholders, text_expression
from bot.flow.paging import ONE_PAGE, SAID_BEFORE, reserve, spans
from bot.flow.question import Question
from bot.flow.state import NO_ANSWERS, Answer
from bot.flow.survey import Flow
from bot.flow.taps import Blanks, plain_text, with_taps
from bot.flow.turn import Attachment, Choice, Context, Message
from bot.flow.words import Words

FILLED_ALWAYS = frozenset(
    {"waktu", "batas", "tgl", "tgl_buka", "durasi", "alasan", "sumber_nomor", "nama_survei"}
    | {"n_min", "unit", "asal"}
)
"""Placeholders that the bot fills in any message of a conversation."""

FILLED_IN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "question_footer": frozenset({"no", "jumlah"}),
        "question_footer_text": frozenset({"no", "jumlah"}),
        "question_footer_short": frozenset({"no", "jumlah"}),
        "question_footer_typed": frozenset({"no", "jumlah"}),
        "range_how": frozenset({"daftar_angka"}),
        "off_scale": frozenset({"daftar_angka"}),
        "rank_how": frozenset({"berapa", "contoh"}),
        "rank_wrong": frozenset({"berapa", "contoh"}),
        "number_unsure": frozenset({"pilihan"}),
        "date_unsure": frozenset({"pilihan"}),
        "time_unsure": frozenset({"pilihan"}),
        "send_image": frozenset({"no", "jumlah"}),
        "send_audio": frozenset({"no", "jumlah"}),
        "send_file": frozenset({"no", "jumlah"}),
        "choose_several": frozenset({"contoh"}),
        "invalid": frozenset({"contoh"}),
        "invalid_again": frozenset({"daftar_angka"}),
        "help_question": frozenset({"daftar_angka"}),
        "erased": frozenset({"kode"}),
        "default_line": frozenset({"jawaban"}),
        "more_choices": frozenset({"dari", "sampai", "semua"}),
        "code_wrong": frozenset({"kode"}),
        "link_used": frozenset({"kode"}),
        "changed": frozenset({"no"}),
        "no_longer_fits": frozenset({"no"}),
        "correct_which": frozenset({"no"}),
        "review": frozenset({"daftar_jawaban"}),
        "review_more": frozenset({"no", "jumlah"}),
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
    seed: int = 0

    def text(self, name: str, own: Mapping[str, str] | None = None) -> str:
        """Return a message's words with everything filled in; `own` comes before all else."""
        said = self.flow.words.messages[self._twin(name)]
        return self.fill(said.texts[self.language], own or {})

    def fill(self, text: str, own: Mapping[str, str]) -> str:
        """Fill the placeholders of any text of this survey."""
        if "{{" not in text:
            return text
        blanks = self.blanks
        if blanks is None:
            return fill_in(
                text, lambda name: own[name] if name in own else self._value(name), self._worked_out
            )
        # What fills a blank has none of its own.
        filled = replace(self, blanks=None)
        return fill_in(
            text,
            lambda name: blanks.put(name, own[name] if name in own else filled._value(name)),
            lambda source: blanks.put(source, filled._worked_out(source)),
        )

    def _worked_out(self, source: str) -> str:
        """Return what an {{expression}} of a text comes to, in words."""
        expression = text_expression(source)
        values = {
            name: self.answers.get(name) if name in self.flow.by_name else self._value(name)
            for name in expression.names
        }
        return in_words(expression.value(values), self.language)

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
        kind = "buttons" if len(options) <= limits.BUTTONS else wanted
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
        fits = len(buttons) <= limits.BUTTONS
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
        sections: tuple[str, ...] = (),
        page: int = 0,
    ) -> Message:
        """Return a question as one bubble.

        `count` is its number and how many there are; `full` asks for the long line under it;
        `before` are words to say first, as "sorry", `notes` what stands before it in the flow, and
        `sections` those that begin with it; `page` is which part of a long list is shown.
        After such words it is always plain: who stumbled gets the numbers to type, and has the
        question's picture already. So is what is not the same for everybody, and what needs pages.
        A picture leaves no room for taps.
        """
        introduced = self._introduced(question, notes, sections)
        said = self._question(question, count, full, (*before, *introduced), page)
        picture = self._picture(question)
        if picture is not None and not before and message_chars(said) <= limits.CAPTION_CHARS:
            return replace(said, attachment=picture)
        wanted = question.appearance or self.flow.settings.appearance
        own = question.randomize or question.choice_filter is not None
        if before or wanted == "text" or question.type != "select_one" or own:
            return said
        if self.pages(question) > 1:
            return said
        options = tuple(
            Choice(f"{question.name}:{choice.name}", choice.label[self.language])
            for choice in (*question.choices, *question.na)
        )
        blank = self._blank()
        plain = blank._question(question, count, full, blank._introduced(question, notes, sections))
        return self._tapped(said, wanted, options, plain, blank)

    def _question(
        self,
        question: Question,
        count: tuple[int, int],
        full: bool,
        before: tuple[str, ...],
        page: int = 0,
    ) -> Message:
        body = self.note(question)
        offer = self._offer(question)
        choices, footer = self._choices(offer), self._footer(question, count, full)
        if len(choices) > ONE_PAGE:
            pages = self._spans(question)
            start, end = pages[page % len(pages)]
            if len(pages) > 1:
                footer = f"{self._more(start, end, len(choices))}\n{footer}"
            choices = choices[start:end]
        return Message(
            text="\n\n".join((*before, body)),
            choices=choices,
            footer=footer,
            buttons=_choice_buttons(question, offer, choices),
            question=question.name,
            language=self.language,
        )

    @property
    def _moment(self) -> Moment:
        return Moment.of(self.context, self.language)

    def _offer(self, question: Question) -> Offer:
        return offered(question, self.answers, self.seed)

    def _choices(self, offer: Offer) -> tuple[Choice, ...]:
        return tuple(
            Choice(one.number, self.fill(one.choice.label[self.language], {}))
            for one in offer.choices
        )

    def _introduced(
        self, question: Question, notes: tuple[Question, ...], sections: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return notes, and the title of each section above the first thing that is said in it."""
        said: list[str] = []
        waiting = list(sections)
        for one in (*notes, question):
            for name in self.flow.around(one.section) if waiting else ():
                if name in waiting:
                    waiting.remove(name)
                    title = self.flow.sections[name].title
                    said += [self._title(title[self.language])] if title else []
            if one is not question:
                said.append(self.note(one))
        return tuple(said)

    def _title(self, text: str) -> str:
        title = self.fill(text, {})
        return title if "*" in title else f"*{title}*"

    def pages(self, question: Question) -> int:
        """Return on how many pages a question shows its choices."""
        few = len(question.choices) <= ONE_PAGE
        return 1 if few else len(self._spans(question))

    def _spans(self, question: Question) -> tuple[tuple[int, int], ...]:
        """Return the pages of a question, the same whatever is said before it."""
        choices = self._choices(self._offer(question))
        if len(choices) <= ONE_PAGE:
            return ((0, len(choices)),)
        footer = self._footer(question, (99, 99), True)
        free = limits.MESSAGE_CHARS - reserve(self.flow.words, self.language)
        free -= limits.length(self.note(question)) + limits.length(footer) + 4
        lines = [limits.length(f"{choice.value}. {choice.label}") for choice in choices]
        if sum(lines) + len(lines) <= free:
            return ((0, len(choices)),)
        return spans(lines, free - len(self._more(999, 999, 999)) - 1)

    def _more(self, start: int, end: int, many: int) -> str:
        own = {"dari": str(start + 1), "sampai": str(end), "semua": str(many)}
        return self.text("more_choices", own)

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

    def _picture(self, question: Question) -> Attachment | None:
        media = question.media
        file = media.image.get(self.language) if media is not None else None
        return None if file is None else Attachment("image", file.what, file.name)

    def recording(self, question: Question) -> Attachment | None:
        """Return a question read aloud in the language that is spoken; None: nobody read it."""
        media = question.media
        file = media.audio.get(self.language) if media is not None else None
        return None if file is None else Attachment("audio", file.what, file.name)

    def note(self, question: Question) -> str:
        """Return the words of a note, or of a question without its choices."""
        text = self.fill(question.label[self.language], {})
        return f"{text}\n{self.fill(question.hint[self.language], {})}" if question.hint else text

    def numbers(self, question: Question) -> str:
        """Return {{daftar_angka}}: what can be typed, as "1, 2, 3, 0, 9" or "0–120"."""
        if question.type == "integer":
            least = "" if question.least is None else str(question.least)
            most = "" if question.most is None else str(question.most)
            return f"{least}–{most}" if least or most else "0, 1, 2, …"
        if question.domain is not None:
            return question.domain.limits(self.language)
        offer = self._offer(question)
        numbers = [one.number for one in offer.choices]
        if len(numbers) > ONE_PAGE and numbers == [str(n + 1) for n in range(len(numbers))]:
            numbers = [f"1–{numbers[-1]}"]
        return ", ".join((*numbers, *(one.number for one in offer.na)))

    def _footer(self, question: Question, count: tuple[int, int], full: bool) -> str:
        name = question.footer
        own = {"no": str(count[0]), "jumlah": str(count[1])}
        if question.takes_file:
            # How a file is sent is not learnt from the questions before.
            name, full = f"send_{question.type}", True
        lines = [self.text(name if full else "question_footer_short", own)]
        if question.default is not None and question.offers_default(self.answers, self._moment):
            answer = question.answer_label(question.default, self.language)
            answer = self.fill(answer, {}) if question.choices else answer
            lines.insert(0, self.text("default_line", {"jawaban": answer}))
        na = self._offer(question).na if question.na else ()
        if tuple(one.number for one in na) == ("0", "9"):
            lines.insert(0, self.text("na_line"))
        elif na:
            labels = (self.fill(one.choice.label[self.language], {}) for one in na)
            pairs = zip((one.number for one in na), labels, strict=True)
            lines.insert(0, " · ".join(f"{number} {label}" for number, label in pairs))
        if question.type == "select_multiple":
            lines.insert(0, self.text("choose_several", self.about(question)))
        elif question.type in NEEDED:
            lines.insert(0, self._how(question))
        if self.recording(question) is not None:
            lines.insert(len(lines) - 1, self.text("audio_line"))
        return "\n".join(lines)

    def _how(self, question: Question) -> str:
        """Return what can be typed, with its limits."""
        own = self.about(question)
        text = self.text(f"{question.type}_how", own)
        limits = question.domain.limits(self.language) if question.domain is not None else ""
        return text if not limits or limits in text else f"{text} ({limits})"

    def about(self, question: Question, readings: Sequence[Answer] = ()) -> dict[str, str]:
        """Return what messages about an answer may say of it; `readings` are what it can mean."""
        own = {"daftar_angka": self.numbers(question)}
        if question.choices:
            numbers = [one.number for one in self._offer(question).choices]
            # Not in their order, nor always the first: an example must not be taken for advice.
            example, count = [*numbers[1:2], *numbers[:1], *numbers[2:]], 1
            if question.type == "select_multiple":
                example, count = [*numbers[:1], *numbers[2:3], *numbers[1:2]], 2
            elif question.type == "rank":
                count = min(question.least or len(numbers), len(numbers))
            own |= {"berapa": str(count), "contoh": ", ".join(example[:count])}
        if question.domain is not None:
            shown = [question.domain.typed(one, self.language) for one in readings]
            own["pilihan"] = " / ".join(f"*{one}*" for one in shown)
        return own

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
            case "asal":
                return self.fill(flow.words.origins[self._origin()][self.language], {})
            case "alasan" if flow.group is not None:
                return self.fill(flow.words.reasons[flow.group.reason][self.language], {})
        if name in flow.by_name:
            answer = self.answers.get(name)
            question = flow.by_name[name]
            if answer is None or question.type == "calculate":
                return in_words(answer, self.language)
            return question.answer_label(answer, self.language)
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

    def _origin(self) -> str:
        if self.context.pilot:
            return "uji_coba"
        return "daftar" if self.context.listed else "sendiri"

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


def _choice_buttons(
    question: Question, offer: Offer, choices: tuple[Choice, ...]
) -> tuple[Choice, ...]:
    """Buttons for a short question. Several choices cannot be tapped at once: they get none."""
    few = question.type == "select_one" and len(choices) <= limits.BUTTONS
    if not few or any(limits.length(choice.label) > limits.BUTTON_CHARS for choice in choices):
        return ()
    return tuple(
        Choice(f"{question.name}:{one.choice.name}", choice.label)
        for one, choice in zip(offer.choices, choices, strict=True)
    )


def in_words(value: object, language: str) -> str:
    """Return what was worked out as a text shows it: "2,5" in Indonesian, nothing for no value."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(in_words(one, language) for one in value)
    if isinstance(value, float):
        return format_decimal(value, "0.######", locale=locale_of(language))
    return str(value)


def consent_version(flow: Flow, language: str, *, pilot: bool = False) -> str:
    """Return the version of the consent text: a hash of its exact words before they are filled."""
    said = flow.words.messages
    consent = (said.get("pilot_consent") if pilot else None) or said["consent"]
    words = "\n".join((language, consent.texts[language], *consent.buttons.get(language, ())))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def verify_name(words: Words, *, over: bool) -> str:
    """Return the name of the answer to CEK outside a running interview: where there is none to
    begin, one that offers none, if the survey has it."""
    return "verify_over" if over and "verify_over" in words.messages else "verify"


def message_chars(message: Message) -> int:
    """Return how long a message is as plain text."""
    return limits.length(plain_text(message))


def longest_before(voice: Voice) -> str:
    """Return the longest words that can come before a question in its bubble."""
    said = voice.flow.words.messages
    together = [voice.text(name) for name in ("changed", "no_longer_fits") if name in said]
    alone = (voice.text(name) for name in SAID_BEFORE if name in said)
    return max(*alone, "\n\n".join(together), key=limits.length)
