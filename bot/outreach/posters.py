"""Posters: from a survey's links and words to files that a printer takes.

A place's poster carries the place's own link (see `links`), made here if there is none yet. A
survey that only helps with somebody else's has posters with that survey's address instead; then no
link is made and nothing comes to us.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import Connection

from bot.flow.answers.dates import day_in_words
from bot.flow.blanks import unfilled
from bot.flow.settings import Settings
from bot.flow.source import Problem
from bot.flow.wording import Voice
from bot.intake.tables import InputError
from bot.interview import codes, contexts
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach import letters, links
from bot.printing import posters as printing
from bot.printing.posters import DoesNotFit, Poster, PosterForm, Wording
from bot.printing.qr import TooLong, qr_png, qr_svg
from storage.queries import links as queries
from storage.queries import units as unit_queries
from storage.queries.units import UnitRow

PHONE_PPI = 185  # 1,080 pixels for the width of an A5 sheet

PictureForm = Literal["svg", "png"]

# What a line of a poster is called in messages.yaml: on our own posters, and on somebody else's.
_ALWAYS = ("headline", "purpose", "secrecy", "at_home", "expiry")
_OWN: Mapping[str, str] = MappingProxyType(
    {name: name for name in (*_ALWAYS, *printing.CHAT, "by_hand", "check")}
)
_OTHER: Mapping[str, str] = MappingProxyType(
    {name: name for name in (*_ALWAYS, *printing.SITE)}
    | {"purpose": "purpose_address", "by_hand": "by_address", "check": "check_address"}
)


@dataclass(frozen=True, slots=True)
class Order:
    """Which posters are wanted; nothing named is every unit, group and language.

    There is one of each place for every note ("Loket 1"). `cap` and `expires_at` (aware) are those
    of the links. `address` stands in the QR code in place of a link of ours.
    """

    units: Sequence[str] = ()
    groups: Sequence[str] = ()
    notes: Sequence[str] = ("",)
    languages: Sequence[str] = ()
    cap: int | None = None
    expires_at: datetime | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class PostersReport:
    """What was written. `left_out` are languages of the survey that posters have no words in."""

    posters: int
    created: int
    reused: int
    changed: int
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one poster hangs and what its code is; `code` is empty on somebody else's."""

    unit: UnitRow
    group: str
    note: str = ""
    code: str = ""
    until: datetime | None = None


def write_posters(
    installation: Installation, survey: str, number: str, order: Order, form: PosterForm, path: Path
) -> PostersReport:
    """Write one PDF with all posters. `number` is our sender's.

    Raises InputError, UnknownSurvey.
    """
    made, report = lay_out(installation, survey, number, order)
    try:
        path.write_bytes(printing.print_posters([poster for _, poster in made], form))
    except (DoesNotFit, TooLong) as error:
        raise InputError(
            [Problem.about(survey, str(error), "see `poster` in messages.yaml")]
        ) from None
    return report


def write_codes(
    installation: Installation,
    survey: str,
    number: str,
    order: Order,
    form: PictureForm,
    folder: Path,
) -> PostersReport:
    """Write the QR codes alone, a file each, named by unit, group and code. Raises InputError,
    UnknownSurvey."""
    made, report = lay_out(installation, survey, number, order)
    folder.mkdir(parents=True, exist_ok=True)
    for name, poster in made:
        try:
            picture = qr_png(poster.qr) if form == "png" else qr_svg(poster.qr, alone=True)
        except TooLong as error:
            raise InputError([Problem.about(survey, str(error))]) from None
        (folder / f"{name}.{form}").write_bytes(picture)
    return report


def lay_out(
    installation: Installation, survey: str, number: str, order: Order
) -> tuple[list[tuple[str, Poster]], PostersReport]:
    """Return the posters, each with a name for its file, and what was made for them.

    Raises InputError, UnknownSurvey.
    """
    published = installation.database.read(
        lambda connection: installation.surveys.named(connection, survey)
    )
    if contexts.refusal(installation, published) == "closed":
        raise InputError([Problem.about(survey, "the survey is closed: nobody could answer")])
    blank = unfilled(published.survey)
    if blank is not None:
        raise InputError([blank])
    languages, left_out = _languages(published, order)
    created = reused = changed = 0
    for note in order.notes if not order.address else ():
        made = links.create_links(
            installation,
            survey,
            units=order.units,
            groups=order.groups,
            note=note,
            cap=order.cap,
            expires_at=order.expires_at,
        )
        created, reused = created + made.created, reused + made.reused
        changed += made.changed
    places = installation.database.read(
        lambda connection: list(_places(connection, published, order))
    )
    _check_expiry(installation, survey, places)
    posters = [
        (_file_name(place), _poster(installation, published, place, languages, number, order))
        for place in places
    ]
    return posters, PostersReport(len(posters), created, reused, changed, left_out)


def picture(installation: Installation, code: str, number: str) -> bytes | None:
    """Return one poster as PNG, for a phone; None without such a link or words for a poster."""

    def work(connection: Connection) -> Poster | None:
        link = queries.find(connection, code)
        if link is None or link.roster_row_id is not None or link.unit_id is None:
            return None
        published = installation.surveys.by_id(connection, link.survey_id)
        unit = unit_queries.by_id(connection, link.unit_id)
        if unit is None or contexts.refusal(installation, published) == "closed":
            return None
        if published.survey.blanks:
            return None
        order = Order()
        language = published.survey.settings.default_language
        try:
            languages = _languages(published, Order(languages=(language,)))[0]
        except InputError:
            return None
        place = _Place(unit, link.grp, link.note, link.code, link.expires_at)
        return _poster(installation, published, place, languages, number, order)

    poster = installation.database.read(work)
    try:
        return None if poster is None else printing.picture_posters([poster], "a5", PHONE_PPI)[0]
    except (DoesNotFit, TooLong):
        return None


# --- details --------------------------------------------------------------------------------------


def _languages(published: Published, order: Order) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the languages of the posters, the default one first, and those without words."""
    settings, words = published.survey.settings, published.survey.words.poster
    wanted = _names(order).values()
    missing = [name for name in wanted if name not in words]
    if missing:
        what = f"messages.yaml has no {', '.join(missing)} under `poster`"
        fix = "copy the lines from flows/integritas/messages.yaml and publish again"
        raise InputError([Problem.about(published.name, what, fix)])
    whole = [code for code in settings.languages if all(code in words[name] for name in wanted)]
    problems = [
        Problem.about(
            published.name,
            f"posters have no words in {code!r}",
            f"add `{code}:` to every line under `poster` in messages.yaml, or use"
            f" {', '.join(whole)}",
        )
        for code in order.languages
        if code not in whole
    ]
    if problems:
        raise InputError(problems)
    spoken = [code for code in whole if code in published.survey.languages]
    chosen = tuple(dict.fromkeys(order.languages)) or tuple(
        sorted(spoken, key=lambda code: code != settings.default_language)
    )
    left_out = tuple(code for code in settings.languages if code not in spoken)
    return chosen, () if order.languages else left_out


def _names(order: Order) -> Mapping[str, str]:
    return _OTHER if order.address else _OWN


def _places(connection: Connection, published: Published, order: Order) -> Iterator[_Place]:
    """Yield the places in the order in which posters are carried out: by unit, group and note."""
    units = {unit.id: unit for unit in unit_queries.every(connection)}
    wanted = links.units_wanted(connection, published, order.units)
    groups = links.groups_wanted(published, order.groups)
    if order.address:
        # Whom it is for is said only where somebody asked for groups.
        for unit_id in wanted:
            for group in groups if order.groups else ("",):
                yield _Place(units[unit_id], group)
        return
    notes = {" ".join(note.split()) for note in order.notes}
    rank = {unit_id: place for place, unit_id in enumerate(wanted)}
    rows = [
        row
        for row in queries.of_places(connection, published.id)
        if row.unit_id in rank and row.grp in groups and row.note in notes
    ]
    for row in sorted(rows, key=lambda row: (rank[row.unit_id], groups.index(row.grp), row.note)):
        yield _Place(units[row.unit_id], row.grp, row.note, row.code, row.expires_at)


def _check_expiry(installation: Installation, survey: str, places: Sequence[_Place]) -> None:
    now = installation.now()
    over = [one for one in places if one.until is not None and one.until <= now]
    if over:
        what = f"{len(over)} of these links are over, the first one is {over[0].code}"
        raise InputError([Problem.about(survey, what, "give them another day with --expires")])


def _poster(
    installation: Installation,
    published: Published,
    place: _Place,
    languages: Sequence[str],
    number: str,
    order: Order,
) -> Poster:
    settings = published.survey.settings
    group = place.group or next(iter(settings.groups))
    flow = published.survey.for_group(group)
    world = contexts.at_start(installation, published.survey, group)
    last = letters.last_day(published, place.until)
    words = published.survey.words.poster
    wordings = []
    for language in languages:
        voice = Voice(flow, language, world)
        own = {
            "unit": place.unit.name,
            "nomor": letters.as_read(number),
            "sampai": day_in_words(last, language),
        }
        lines = {
            name: voice.fill(words[line][language], own) for name, line in _names(order).items()
        }
        wordings.append(Wording(language, {"title": _title(settings, language), **lines}))
    first = Voice(flow, languages[0], world)
    text = codes.link_text(letters.link_title(published), place.code)
    label = settings.groups[place.group].label if place.group else {}
    who = label.get(languages[0], label.get(settings.default_language, ""))
    return Poster(
        organiser=first.fill("{{penyelenggara}}", {}) or first.fill("{{instansi}}", {}),
        wordings=tuple(wordings),
        steps=printing.SITE if order.address else printing.CHAT,
        qr=order.address or links.wa_me(number, text),
        typed=order.address or place.code,
        place=" · ".join(one for one in (place.unit.name, who, place.note) if one),
    )


def _title(settings: Settings, language: str) -> str:
    return settings.title.get(language) or settings.title[settings.default_language]


def _file_name(place: _Place) -> str:
    parts = (place.unit.code_list, place.unit.code, place.group, place.note, place.code)
    return "-".join(re.sub(r"[^\w.-]+", "_", part) for part in parts if part)
