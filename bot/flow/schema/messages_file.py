"""The shape of messages.yaml: what is said around the questions, on paper and by e-mail."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bot.flow.keywords import Command
from bot.flow.schema.parts import (
    LANGUAGE,
    ButtonLabel,
    Identifier,
    Language,
    Line,
    Part,
    Texts,
    as_texts,
)


class SpokenPart(Part):
    """Words in each language, which stand beside other keys as keys of their own."""

    texts: Texts

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Show editors the languages as keys, as they are written."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["properties"].pop("texts")
        schema["required"] = [name for name in schema["required"] if name != "texts"]
        schema["patternProperties"] = {LANGUAGE: {"type": "string", "minLength": 1}}
        return schema


class MessagePart(SpokenPart):
    """One message: its words in each language, and buttons that repeat what the words say."""

    template: bool = False
    category: Literal["UTILITY", "MARKETING"] | None = None  # what WhatsApp is asked for
    buttons: dict[Language, tuple[ButtonLabel, ...]] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: object) -> object:
        """Take every key that is not one of ours for a language."""
        if isinstance(value, str):
            return {"texts": value}
        if not isinstance(value, dict):
            return value
        own = {key: value[key] for key in ("template", "category", "buttons") if key in value}
        return own | {"texts": {key: text for key, text in value.items() if key not in own}}


class MessagesPart(Part):
    """Every message to respondents. A missing one is an error, but for the last ones."""

    invite: MessagePart
    reminder_first: MessagePart
    reminder_partial: MessagePart
    reminder_last: MessagePart
    waktu: dict[Literal["pagi", "siang", "sore", "malam"], Texts]
    alasan: dict[Identifier, Texts]
    asal: dict[Literal["daftar", "sendiri", "uji_coba"], Texts] = {}
    choose_button: Annotated[
        dict[Language, ButtonLabel],
        BeforeValidator(as_texts, json_schema_input_type=ButtonLabel | dict[Language, ButtonLabel]),
    ] = {}
    info: MessagePart
    verify: MessagePart
    info_under_way: MessagePart
    verify_under_way: MessagePart
    greeting: MessagePart
    language: MessagePart
    language_only: MessagePart
    consent: MessagePart
    consent_again: MessagePart
    over: MessagePart
    question_footer: MessagePart
    question_footer_text: MessagePart
    question_footer_short: MessagePart
    na_line: MessagePart
    choose_several: MessagePart
    invalid: MessagePart
    invalid_again: MessagePart
    not_a_number: MessagePart
    out_of_range: MessagePart
    too_few: MessagePart
    too_many: MessagePart
    too_long: MessagePart
    required: MessagePart
    not_text: MessagePart
    not_text_words: MessagePart
    edited: MessagePart
    asked_again: MessagePart
    saved_pause: MessagePart
    no_back: MessagePart
    change_which: MessagePart
    change_impossible: MessagePart
    fill_again: MessagePart
    help: MessagePart
    help_question: MessagePart
    stop: MessagePart
    stop_confirm: MessagePart
    opted_in: MessagePart
    erase_how: MessagePart
    erase_or_correct: MessagePart
    erased: MessagePart
    wrong_person: MessagePart
    report: MessagePart
    stranger: MessagePart
    code_wrong: MessagePart
    link_used: MessagePart
    not_open_yet: MessagePart
    closed: MessagePart
    # Each of these only where a question is of a type that says it.
    question_footer_typed: MessagePart | None = None
    decimal_how: MessagePart | None = None
    range_how: MessagePart | None = None
    date_how: MessagePart | None = None
    time_how: MessagePart | None = None
    rank_how: MessagePart | None = None
    geopoint_how: MessagePart | None = None
    number_unsure: MessagePart | None = None
    number_places: MessagePart | None = None
    off_scale: MessagePart | None = None
    not_a_date: MessagePart | None = None
    date_unsure: MessagePart | None = None
    date_day: MessagePart | None = None
    not_a_time: MessagePart | None = None
    time_unsure: MessagePart | None = None
    out_of_span: MessagePart | None = None
    rank_wrong: MessagePart | None = None
    not_a_place: MessagePart | None = None
    # Without these the same happens without words, and no flow may have `review`.
    changed: MessagePart | None = None
    no_longer_fits: MessagePart | None = None
    correct_which: MessagePart | None = None
    renewed: MessagePart | None = None
    # To CEK after the end and of people on no list; without it they read `verify`.
    verify_over: MessagePart | None = None
    review: MessagePart | None = None
    review_more: MessagePart | None = None
    # Where no answers are taken, and to colleagues who try a survey out.
    official: MessagePart | None = None
    pilot_invite: MessagePart | None = None
    pilot_consent: MessagePart | None = None
    # The program has words of its own for these.
    default_line: MessagePart | None = None
    more_choices: MessagePart | None = None
    # Where questions have recordings.
    audio_line: MessagePart | None = None
    audio_none: MessagePart | None = None
    # Where questions are answered with a file.
    send_image: MessagePart | None = None
    send_audio: MessagePart | None = None
    send_file: MessagePart | None = None
    wrong_file: MessagePart | None = None
    file_lost: MessagePart | None = None


class PosterPart(Part):
    """The lines of a poster. The last five are for a poster that carries somebody else's QR."""

    headline: Texts
    purpose: Texts
    secrecy: Texts
    scan: Texts
    send: Texts
    reply: Texts
    at_home: Texts
    by_hand: Texts
    check: Texts
    expiry: Texts
    open: Texts | None = None
    fill: Texts | None = None
    purpose_address: Texts | None = None
    by_address: Texts | None = None
    check_address: Texts | None = None


class MailPart(SpokenPart):
    """An e-mail: its subject, and its words in each language."""

    subject: Texts

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: object) -> object:
        """Take every key that is not one of ours for a language."""
        if not isinstance(value, dict):
            return value
        own = {key: value[key] for key in ("subject",) if key in value}
        return own | {"texts": {key: text for key, text in value.items() if key not in own}}


class MessagesFile(Part):
    """messages.yaml: every word that the bot says, and the words that it understands."""

    kind: Literal["messages"]
    messages: MessagesPart
    keywords: dict[Command, tuple[Line, ...]]
    silent_after_end: tuple[Line, ...] = ()
    who_asks: tuple[Line, ...] = ()  # those of CEK that want to know who and why
    corrections: tuple[Line, ...] = ()  # before an answer: it corrects the one given before
    coordinator: dict[Identifier, MessagePart] = {}
    coordinator_keywords: dict[str, tuple[Line, ...]] = {}
    unit_abbreviations: dict[Line, Line] = {}
    poster: PosterPart | None = None
    mail_invite: MailPart | None = None
