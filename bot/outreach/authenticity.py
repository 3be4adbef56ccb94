"""What proves that a message is ours: one set of facts for the page `/asli`, the kit and CEK.

All of it comes from a survey's published settings and from the number that the installation sends
with. Nothing here says of a message that it is genuine; it says what to compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Literal

import phonenumbers
from sqlalchemy import Connection

from bot.flow.settings import Settings
from bot.flow.wording import Voice, verify_name
from bot.intake.phones import read_phone
from bot.interview.contexts import at_start
from bot.interview.installation import SIMULATED, Installation
from bot.interview.surveys import Published

Mode = Literal["own", "owner", "official-support"]
State = Literal["upcoming", "open", "over"]
Verdict = Literal["official", "office", "unknown", "unreadable"]

MAX_TYPED = 40  # characters of a number that somebody types


@dataclass(frozen=True, slots=True)
class Number:
    """An official number: `shown` as WhatsApp shows a sender, `dialled` as people dial it.

    `e164` is None for what is no mobile number; both others are then as the owner wrote them.
    """

    shown: str
    dialled: str
    e164: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What there is to compare, in one language. "" or () is what the settings do not say.

    `holder` has the survey, `helper` is the institution that runs this installation: another one
    where it only supports somebody else's survey. `phone` and `site` are the holder's.
    `closes` is the last day. `invitation` and `answer` are what the bot writes first and what it
    replies to CEK; "" where the messages are not ours.
    """

    name: str
    language: str
    mode: Mode
    state: State
    title: str
    holder: str
    helper: str
    institution: str
    numbers: tuple[Number, ...]
    opens: date
    closes: date
    code: str
    site: str
    phone: str
    helper_phone: str
    outside: str
    notice: str
    bps: str
    invitation: str = ""
    answer: str = ""

    @property
    def support(self) -> bool:
        """Whether the survey is somebody else's."""
        return self.mode == "official-support"


def mode_of(settings: Settings) -> Mode:
    """Return whose survey it is."""
    return settings.mode


def proofs(
    connection: Connection, installation: Installation, language: str, region: str = "ID"
) -> list[Proof]:
    """Return the proofs of all published surveys: open ones, coming ones, then what is over."""
    every = installation.surveys.every(connection)
    made = [proof_of(installation, one, language, region) for one in reversed(every)]
    order: dict[State, int] = {"open": 0, "upcoming": 1, "over": 2}
    return sorted(made, key=lambda one: order[one.state])


def proof_of(
    installation: Installation,
    published: Published,
    language: str,
    region: str = "ID",
    mode: Mode | None = None,
) -> Proof:
    """Return what a survey has to compare. `mode` None is what its settings say."""
    settings = published.survey.settings
    mode = mode or mode_of(settings)
    support = mode == "official-support"
    said = {name: _word(settings, language, name) for name in _TEXTS}
    own = "pemilik" if support else "resmi"
    title = settings.title.get(language) or settings.title[settings.default_language]
    invitation, answer = ("", "") if support else _said(installation, published, language)
    return Proof(
        name=published.name,
        language=language,
        mode=mode,
        state=_state(installation, published),
        title=title,
        holder=said["pemilik" if support else "penyelenggara"],
        helper=said["penyelenggara"],
        institution=said["instansi"],
        numbers=_numbers(installation, said[f"nomor_{own}"], region, ours=not support),
        opens=settings.opens,
        closes=published.last_day,
        code="" if support else said["kode_verif"],
        site=said[f"situs_{own}"],
        phone=said[f"telp_{own}"],
        helper_phone=said["telp_resmi"],
        outside=said["kontak_luar"],
        notice=said["url"],
        bps=said["rekomendasi_bps"],
        invitation=invitation,
        answer=answer,
    )


def unlisted_sender(installation: Installation, published: Published, region: str) -> Number | None:
    """Return the number that we send from, where `nomor_resmi` does not name it."""
    settings = published.survey.settings
    said = _word(settings, settings.default_language, "nomor_resmi")
    listed = {one.e164 for one in read_numbers(said, region)}
    sender = _sender(installation)
    return sender if sender is not None and sender.e164 not in listed else None


def read_numbers(text: str, region: str = "ID") -> tuple[Number, ...]:
    """Return the numbers of a text that lists them with commas, semicolons or "dan"."""
    parts = re.split(r"[;,\n]|\bdan\b|\band\b", text)
    return tuple(_number(part.strip(), region) for part in parts if part.strip())


def judge(typed: str, known: Iterable[Proof], region: str = "ID") -> Verdict:
    """Say what a number is that somebody got a message from. Keeps nothing of it."""
    if len(typed) > MAX_TYPED:
        return "unreadable"
    read = read_phone(typed, region)
    key = _key(read.e164 or typed)
    if read.kind in {"two_numbers", "national_id"} or not 5 <= len(key) <= 15:
        return "unreadable"
    known = list(known)
    if any(key == _key(one.e164 or one.dialled) for proof in known for one in proof.numbers):
        return "official"
    offices = {_key(text) for proof in known for text in (proof.phone, proof.helper_phone)}
    return "office" if key in offices else "unknown"


_TEXTS = (
    *("instansi", "penyelenggara", "nomor_resmi", "situs_resmi", "telp_resmi", "kode_verif"),
    *("kontak_luar", "url", "rekomendasi_bps"),
    *("pemilik", "nomor_pemilik", "situs_pemilik", "telp_pemilik"),
)
"""Words of the owner in `texts` of survey.yaml; the last four are for somebody else's survey."""


def _word(settings: Settings, language: str, name: str) -> str:
    for code in (language, settings.default_language):
        word = settings.texts.get(code, {}).get(name)
        if word:
            return " ".join(word.split())
    return ""


def _state(installation: Installation, published: Published) -> State:
    settings = published.survey.settings
    plan = settings.plan(next(iter(settings.groups)))
    now = installation.now()
    if published.closed_at is not None or now >= plan.closes:
        return "over"
    return "upcoming" if now < plan.opens else "open"


def _said(installation: Installation, published: Published, language: str) -> tuple[str, str]:
    """Return the invitation and the reply to CEK as the first group gets them in the morning."""
    survey = published.survey
    group = next(iter(survey.settings.groups))
    flow = survey.for_group(group)
    morning = datetime.combine(survey.settings.opens, time(9), tzinfo=survey.settings.zone)
    world = replace(at_start(installation, survey, group), now=morning)
    voice = Voice(flow, flow.spoken(language), world)
    return voice.text("invite"), voice.text(verify_name(flow.words, over=True))


def _numbers(
    installation: Installation, text: str, region: str, *, ours: bool
) -> tuple[Number, ...]:
    """Return the numbers that the owner names and, of messages of ours, the one they come from."""
    named = read_numbers(text, region)
    sender = _sender(installation) if ours else None
    if sender is None or sender.e164 in {one.e164 for one in named}:
        return named
    return (*named, sender)


def _sender(installation: Installation) -> Number | None:
    """Our number, where the channel's sender is one; services and Meta's ids are none."""
    number = re.fullmatch(r"whatsapp:(\+[1-9]\d{6,14})", installation.via.sender)
    if installation.via == SIMULATED or number is None:
        return None
    return _formatted(number[1])


def _number(text: str, region: str) -> Number:
    read = read_phone(text, region)
    return Number(text, text) if read.e164 is None else _formatted(read.e164)


def _formatted(e164: str) -> Number:
    number = phonenumbers.parse(e164, None)
    shown, dialled = (
        phonenumbers.format_number(number, form)
        for form in (
            phonenumbers.PhoneNumberFormat.INTERNATIONAL,
            phonenumbers.PhoneNumberFormat.NATIONAL,
        )
    )
    return Number(shown, dialled if e164.startswith("+62") else shown, e164)


def _key(text: str) -> str:
    """Return what two ways of writing one number have in common."""
    digits = re.sub(r"[^0-9]", "", text)
    return digits.removeprefix("62").lstrip("0")


def listed(numbers: Sequence[Number]) -> str:
    """Return numbers as a text for people, in the form in which WhatsApp shows them."""
    return ", ".join(one.shown for one in numbers)
