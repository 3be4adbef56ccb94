"""From the shape of messages.yaml to `Words`."""

from __future__ import annotations

from types import MappingProxyType

from bot.flow.compile.checker import Checker
from bot.flow.compile.posters import compile_mail, compile_poster
from bot.flow.compile.settings import by_language
from bot.flow.compile.templates import check_category
from bot.flow.expressions import PLACEHOLDER
from bot.flow.keywords import Command, Keywords, normalise
from bot.flow.limits import MESSAGE_CHARS, length
from bot.flow.question import Texts
from bot.flow.schema.messages_file import MessagePart, MessagesFile
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.source import Path, Source
from bot.flow.wording import BUTTONS, FILLED_ALWAYS, FILLED_IN
from bot.flow.words import MessageText, Words

_TABLES = ("waktu", "alasan", "asal", "choose_button")  # tables of short texts, not messages
_CHOOSE: dict[str, str] = {
    "id": "Pilih jawaban",
    "en": "Choose",
}  # where the survey has no words of its own
_OWN = {  # messages that a survey may do without: older ones do
    "default_line": {"id": "Balas *OK* bila: {{jawaban}}", "en": "Reply *OK* for: {{jawaban}}"},
    "more_choices": {
        "id": "Pilihan {{dari}}–{{sampai}} dari {{semua}}. *LAGI* untuk pilihan berikutnya.",
        "en": "Choices {{dari}}–{{sampai}} of {{semua}}. *LAGI* for the next ones.",
    },
}
_ORIGINS: dict[str, dict[str, str]] = {  # {{asal}}, where the survey has no words of its own
    "daftar": {
        "id": "{{alasan}} Nomor Bapak/Ibu kami peroleh dari {{sumber_nomor}}.",
        "en": "{{alasan}} Your number came from {{sumber_nomor}}.",
    },
    "sendiri": {
        "id": "Bapak/Ibu sendiri yang membuka survei ini lewat tautan atau kode QR; nomor kami"
        " ketahui dari pesan Bapak/Ibu.",
        "en": "You opened this survey yourself by a link or QR code; we know your number from"
        " your message.",
    },
    "uji_coba": {
        "id": "Bapak/Ibu diminta ikut uji coba survei ini; nomor Bapak/Ibu kami peroleh dari tim"
        " survei.",
        "en": "You were asked to try this survey out; we have your number from the survey team.",
    },
}
_TIMES_OF_DAY = ("pagi", "siang", "sore", "malam")
_WITHOUT_CONVERSATION = (
    "stranger",
    "code_wrong",
    "link_used",
    "official",
    "report",
    "verify_over",
)
_NEEDS_CONVERSATION = frozenset({"asal", "alasan", "sumber_nomor", "durasi", "unit"})


def compile_words(source: Source, part: MessagesFile, checker: Checker) -> Words:
    """Return the words of a survey; what is wrong with them goes to the checker."""
    messages = {
        name: _message(source, name, getattr(part.messages, name), checker)
        for name in message_names(part)
    }
    for name, own in _OWN.items():
        spoken = {code: own.get(code, own["id"]) for code in checker.settings.languages}
        messages.setdefault(name, MessageText(spoken))
    reasons = {
        key: checker.texts(source, ("messages", "alasan", key), texts, checker.owners)
        for key, texts in part.messages.alasan.items()
    }
    origins = {name: _origin(source, part, name, checker) for name in _ORIGINS}
    times: dict[str, Texts] = {}
    for key in _TIMES_OF_DAY:
        path: Path = ("messages", "waktu")
        texts = part.messages.waktu.get(key)  # type: ignore[call-overload]
        if texts is None:
            checker.add(
                source,
                path,
                f"`{key}` is missing",
                f"add `{key}:`",
                at_key=True,
                rule="missing-key",
            )
        else:
            times[key] = checker.texts(source, (*path, key), texts, ())
    _check_keywords(source, part, checker)
    return Words(
        messages=MappingProxyType(messages),
        reasons=reasons,
        origins=origins,
        times_of_day=times,
        keywords=Keywords.of(part.keywords, part.silent_after_end, part.who_asks, part.corrections),
        coordinator={
            name: _coordinators(source, name, one, checker)
            for name, one in part.coordinator.items()
        },
        coordinator_keywords=part.coordinator_keywords,
        choose_button=_CHOOSE
        | {**by_language(part.messages.choose_button, checker.settings.default_language)},
        poster=compile_poster(source, part.poster, checker),
        mail_invite=compile_mail(source, part.mail_invite, checker),
        unit_abbreviations=MappingProxyType(_abbreviations(source, part, checker)),
    )


def _origin(source: Source, part: MessagesFile, name: str, checker: Checker) -> Texts:
    """Return the words of {{asal}} for who came in one way: the file's, else our own."""
    given = part.messages.asal.get(name)  # type: ignore[call-overload]
    if given is not None:
        filled = checker.owners | {"alasan", "sumber_nomor"}
        return checker.texts(source, ("messages", "asal", name), given, filled)
    own = _ORIGINS[name]
    return {code: own.get(code, own["id"]) for code in checker.settings.languages}


def message_names(part: MessagesFile) -> tuple[str, ...]:
    """Return the names of all messages to respondents that there are."""
    return tuple(
        name
        for name in type(part.messages).model_fields
        if name not in _TABLES and getattr(part.messages, name) is not None
    )


def template_names(part: MessagesFile) -> tuple[str, ...]:
    """Return the names of all messages that need approval, coordinators' included."""
    respondents = {name: getattr(part.messages, name) for name in message_names(part)}
    everyone: dict[str, MessagePart] = {**respondents, **part.coordinator}
    return tuple(name for name, message in everyone.items() if message.template)


def _message(source: Source, name: str, part: MessagePart, checker: Checker) -> MessageText:
    path: Path = ("messages", name)
    filled = checker.owners | FILLED_ALWAYS | FILLED_IN.get(name, frozenset())
    if name in _WITHOUT_CONVERSATION:
        filled -= _NEEDS_CONVERSATION
    texts = checker.texts(source, path, part.texts, filled)
    _check_same_placeholders(source, path, texts, checker)
    buttons = _buttons(part, checker)
    wanted = BUTTONS.get(name, ())
    for code, labels in buttons.items():
        if len(labels) != len(wanted):
            what = f"{len(labels)} buttons, but `{name}` has {len(wanted) or 'none'}"
            fix = f"they mean {', '.join(wanted)}" if wanted else "remove them"
            checker.add(source, (*path, "buttons", code), what, fix, rule="message-buttons")
    for code in checker.settings.languages:
        if buttons and code in texts and code not in buttons:
            checker.lacks(source, (*path, "buttons"), code, "buttons")
    for code, text in texts.items():
        if length(text) > MESSAGE_CHARS:
            what = f"{length(text)} characters; a message holds {MESSAGE_CHARS}"
            checker.add(source, (*path, code), what, "shorten it", rule="body-too-long")
    checker.problems += check_category(source, path, part)
    return MessageText(texts, buttons, part.template, part.category)


def _check_same_placeholders(source: Source, path: Path, texts: Texts, checker: Checker) -> None:
    """An approved template has the same variables in every language; so has any other message."""
    default = checker.settings.default_language
    expected = PLACEHOLDER.findall(texts.get(default, ""))
    for code, text in texts.items():
        if code in checker.settings.languages and default in texts:
            for name in sorted(set(expected) ^ set(PLACEHOLDER.findall(text))):
                what = f"{{{{{name}}}}} is in `{default}` or `{code}` only"
                checker.add(
                    source,
                    (*path, code),
                    what,
                    "use the same ones in every language",
                    rule="placeholder-differs",
                )


def _buttons(part: MessagePart, checker: Checker) -> dict[str, tuple[str, ...]]:
    default = checker.settings.default_language
    return {
        default if code == ANY_LANGUAGE else code: labels for code, labels in part.buttons.items()
    }


def _coordinators(source: Source, name: str, part: MessagePart, checker: Checker) -> MessageText:
    """Coordinators' messages are in one language and filled elsewhere: only the form is checked."""
    checker.problems += check_category(source, ("coordinator", name), part)
    for code, text in part.texts.items():
        checker.text(source, ("coordinator", name, code), text)
    texts = by_language(part.texts, checker.settings.default_language)
    return MessageText(texts, _buttons(part, checker), part.template, part.category)


def _abbreviations(source: Source, part: MessagesFile, checker: Checker) -> dict[str, str]:
    """Return what coordinators may call units by; each is one word, and stands for others."""
    for short in part.unit_abbreviations:
        if len(normalise(short).split()) != 1:
            path: Path = ("unit_abbreviations", short)
            checker.add(
                source,
                path,
                f"`{short}` is not one word",
                "write one, without spaces",
                rule="abbreviation",
            )
    return dict(part.unit_abbreviations)


def _check_keywords(source: Source, part: MessagesFile, checker: Checker) -> None:
    """Commands must not be answers, and coordinators' words not respondents'."""
    respondents = {normalise(word) for words in part.keywords.values() for word in words}
    for command, words in part.keywords.items():
        for index, word in enumerate(words):
            if normalise(word).isdigit() and command is not Command.MULAI:
                path: Path = ("keywords", command.value, index)
                checker.add(
                    source,
                    path,
                    f"`{word}` is an answer to a question",
                    "remove it",
                    rule="keyword",
                )
    for name, synonyms in part.coordinator_keywords.items():
        for index, word in enumerate(synonyms):
            if normalise(word) in respondents:
                path = ("coordinator_keywords", name, index)
                what = f"`{word}` is a respondent's word too"
                checker.add(
                    source, path, what, "a coordinator may be both: choose another", rule="keyword"
                )
