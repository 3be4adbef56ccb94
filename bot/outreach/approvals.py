"""Templates from a survey's words to WhatsApp's approval: sync, submit, status.

What is at the provider is found again by its name, which ends in the hash of the words: a `sync`
that was cut off, or a second survey with the same words, makes nothing twice. (WhatsApp rejects a
second template with the words of another.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import (
    Channel,
    HasTemplates,
    SendError,
    Template,
    TemplateForm,
    Templates,
)
from bot.flow.templates import Wording, wordings
from bot.interview.installation import Installation
from bot.interview.sending import templates as in_use
from bot.interview.surveys import Published
from storage.queries import templates as queries
from storage.queries.templates import TemplateRow


class NoTemplates(Exception):
    """This installation has no channel whose templates it could make."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one message in one language stands. `usable` says whether it is sent now, by whichever
    template; `problem` what an operator must know or do."""

    message: str
    language: str
    status: str
    category: str = ""
    given: str = ""
    name: str = ""
    id: str = ""
    checked_at: datetime | None = None
    usable: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A survey's templates after a command. `waiting` counts messages that wait, by purpose."""

    survey: str
    lines: tuple[Line, ...]
    waiting: Mapping[str, int]
    made: int = 0
    submitted: int = 0
    errors: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data; times as ISO 8601."""
        lines = [
            {**asdict(one), "checked_at": one.checked_at.isoformat() if one.checked_at else None}
            for one in self.lines
        ]
        return {**asdict(self), "lines": lines, "waiting": dict(self.waiting)}


def templates_of(channel: Channel) -> Templates:
    """Return what a channel offers for templates. Raises NoTemplates."""
    if not isinstance(channel, HasTemplates):
        raise NoTemplates(
            "templates are made at WhatsApp's provider, and this installation has none:"
            " set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_WHATSAPP_FROM"
        )
    return channel.templates


def sync(installation: Installation, survey: str, templates: Templates) -> Report:
    """Make at the provider what is missing there, and ask how everything stands.

    May be killed at any moment and run again. Faults are forgotten: whoever runs this has looked.
    Raises UnknownSurvey, SendError.
    """
    published, before = _read(installation, survey)
    errors = in_use.refresh(installation, templates, _ids(before))
    _, rows = _read(installation, survey)
    known = {(one.name, one.language): one.id for one in templates.every()}
    made = 0
    for wording in wordings(published.survey).values():
        mine = [one for one in rows if _is_of(one, wording)]
        if not mine or mine[-1].status == "gone":
            attempt = mine[-1].attempt + 1 if mine else 1
            made += _make(installation, published, templates, wording, attempt, known)
    _, after = _read(installation, survey)
    new = [one for one in _ids(after) if one not in _ids(before)]
    errors += in_use.refresh(installation, templates, new)
    faulty = [one.id for one in after if one.fault is not None]
    installation.database.write(
        lambda connection: queries.set_state(connection, faulty, fault=None)
    )
    return _report(installation, survey, made=made, errors=errors)


def submit(
    installation: Installation, survey: str, templates: Templates, *, again: bool = False
) -> Report:
    """Ask for the approval of what was not submitted yet.

    `again` also makes and submits anew, under a new name, what WhatsApp stopped. Raises
    UnknownSurvey, SendError.
    """
    published, rows = _read(installation, survey)
    made = 0
    if again:
        known = {(one.name, one.language): one.id for one in templates.every()}
        for wording in wordings(published.survey).values():
            mine = [one for one in rows if _is_of(one, wording)]
            if mine and in_use.stops(mine[-1]):
                attempt = mine[-1].attempt + 1
                made += _make(installation, published, templates, wording, attempt, known)
        _, rows = _read(installation, survey)
    errors: list[str] = []
    asked: set[str] = set()
    for wording in wordings(published.survey).values():
        mine = [one for one in rows if _is_of(one, wording)]
        row = mine[-1] if mine else None
        if row is None:
            errors.append(f"{wording.message} ({wording.language}): run `tautan templates sync`")
        elif row.status == "unsubmitted" and row.provider_id not in asked:
            try:
                templates.submit(row.provider_id, _form(wording, row.name))
            except SendError as error:
                errors.append(f"{wording.message} ({wording.language}): {error}")
                continue
            asked.add(row.provider_id)
            _submitted(installation, row.provider_id)
    errors += in_use.refresh(installation, templates, sorted(asked))
    return _report(installation, survey, made=made, submitted=len(asked), errors=errors)


def status(installation: Installation, survey: str, templates: Templates) -> Report:
    """Ask how a survey's templates stand, and tell. Raises UnknownSurvey."""
    _, rows = _read(installation, survey)
    errors = in_use.refresh(installation, templates, _ids(rows))
    return _report(installation, survey, errors=errors)


def _read(installation: Installation, survey: str) -> tuple[Published, list[TemplateRow]]:
    """Return a survey and its templates, those in its settings among them."""

    def work(connection: Connection) -> tuple[Published, list[TemplateRow]]:
        published = installation.surveys.named(connection, survey)
        in_use.take_by_hand(connection, installation, published)
        channel = installation.via.channel
        return published, queries.of_survey(connection, published.id, channel)

    return installation.database.write(work)


def _is_of(row: TemplateRow, wording: Wording) -> bool:
    mine = (row.message, row.language, row.version)
    return mine == (wording.message, wording.language, wording.version)


def _ids(rows: Iterable[TemplateRow]) -> list[str]:
    return list(dict.fromkeys(one.provider_id for one in rows if one.status != "gone"))


def _make(
    installation: Installation,
    published: Published,
    templates: Templates,
    wording: Wording,
    attempt: int,
    known: dict[tuple[str, str], str],
) -> bool:
    """Store one template, made now or found at the provider; return whether it was made."""
    end = wording.mark(attempt)
    name, provider_id = next(
        (
            (name, one)
            for (name, language), one in known.items()
            if name.endswith(end) and language == wording.language
        ),
        (wording.name(published.name, attempt), None),
    )
    made = provider_id is None
    if provider_id is None:
        provider_id = templates.make(_form(wording, name))
        known[name, wording.language] = provider_id
    row = in_use.new_row(
        published.id,
        installation.via.channel,
        wording.message,
        wording.language,
        wording.version,
    ) | {
        "attempt": attempt,
        "provider_id": provider_id,
        "name": name,
        "category": wording.category,
    }
    stored = installation.database.write(lambda connection: queries.add(connection, row))
    if made and not stored:
        # Another process was faster: theirs counts, and nobody knows of this one.
        known.pop((name, wording.language))
        templates.delete(provider_id)
    return made and stored


def _form(wording: Wording, name: str) -> TemplateForm:
    return TemplateForm(
        name=name,
        language=wording.language,
        category=wording.category,
        body=wording.body,
        samples=wording.samples,
        buttons=wording.buttons,
    )


def _submitted(installation: Installation, provider_id: str) -> None:
    def work(connection: Connection) -> None:
        rows = queries.of_provider(connection, provider_id)
        ids = [one.id for one in rows if one.status == "unsubmitted"]
        queries.set_state(connection, ids, status="received", submitted_at=installation.now())

    installation.database.write(work)


def _report(
    installation: Installation,
    survey: str,
    *,
    made: int = 0,
    submitted: int = 0,
    errors: Iterable[str] = (),
) -> Report:
    def work(connection: Connection) -> Report:
        published = installation.surveys.named(connection, survey)
        rows = queries.of_survey(connection, published.id, installation.via.channel)
        places = dict.fromkeys(wordings(published.survey))
        for message, by_language in published.survey.settings.templates.items():
            places |= dict.fromkeys((message, language) for language in by_language)
        return Report(
            survey=published.name,
            lines=tuple(_line(published, rows, *place) for place in places),
            waiting=queries.waiting(connection, published.id),
            made=made,
            submitted=submitted,
            errors=tuple(errors),
        )

    return installation.database.read(work)


def _line(published: Published, rows: list[TemplateRow], message: str, language: str) -> Line:
    """Tell of what is used, or else of the last attempt with the current words."""
    survey = published.survey
    mine = [one for one in reversed(rows) if (one.message, one.language) == (message, language)]
    found = in_use.choose(survey, mine, message, language)
    wording = wordings(survey).get((message, language))
    version = wording.version if wording is not None else None
    used = found.id if isinstance(found, Template) else None
    row = next((one for one in mine if one.provider_id == used), None)
    row = row or next((one for one in mine if one.version == version), None)
    return Line(
        message=message,
        language=language,
        status=row.status if row else "not made",
        category=row.category if row else (wording.category if wording else ""),
        given=row.given if row else "",
        name=row.name if row else "",
        id=row.provider_id if row else (used or ""),
        checked_at=row.checked_at if row else None,
        usable=used is not None,
        problem=found if isinstance(found, str) else "",
    )
