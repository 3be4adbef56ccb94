"""Links: the wa.me addresses that open a chat with the right survey, unit and group.

A place (a unit's group, and a note that says where its poster hangs) has one link for ever; asking
again gives the same code. A personal link belongs to one roster row, works once and only tells who
was meant, never who came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from bot.flow.answers.dates import day_in_words
from bot.flow.blanks import unfilled
from bot.flow.modes import refusal
from bot.flow.source import Problem
from bot.intake.tables import InputError, did_you_mean
from bot.interview import codes
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach import letters
from bot.outreach.link_files import Format, Link, write_links
from bot.outreach.roster.importing import open_person
from bot.outreach.roster.rows import Units
from storage.database import Conflict
from storage.queries import audit
from storage.queries import links as queries
from storage.queries import units as unit_queries
from storage.queries.links import LinkRow, RosterPlace
from storage.queries.units import UnitRow

CHUNK = 500
NOTE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class LinksReport:
    """What a run made, what it found and kept, and of which it changed the cap or the last day."""

    created: int
    reused: int
    changed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def wa_me(number: str, text: str) -> str:
    """Return the address that opens a chat with our `number`, `text` ready to be sent.

    The number is E.164, with or without `whatsapp:`; the address takes its digits only.
    """
    return f"https://wa.me/{re.sub('[^0-9]', '', number)}?text={quote(text, safe='')}"


def create_links(
    installation: Installation,
    survey: str,
    *,
    units: Sequence[str] = (),
    groups: Sequence[str] = (),
    note: str = "",
    cap: int | None = None,
    expires_at: datetime | None = None,
) -> LinksReport:
    """Make a link for every named unit (`list:code`; none named: all) and group (none: all).

    A place that has one with this note keeps its code; a cap or expiry (aware) that is given
    replaces the old one. Raises InputError, UnknownSurvey.
    """
    note = " ".join(note.split())
    _check_limits(installation, survey, note, cap, expires_at)

    def work(connection: Connection) -> LinksReport:
        published = _open_to_all(connection, installation, survey)
        unit_ids = units_wanted(connection, published, units)
        names = groups_wanted(published, groups)
        old = {
            (row.unit_id, row.grp): row
            for row in queries.of_places(connection, published.id)
            if row.note == note
        }
        places = [(unit_id, group) for unit_id in unit_ids for group in names]
        fresh = [place for place in places if place not in old]
        _add(connection, published.id, fresh, note, cap, expires_at)
        known = [old[place] for place in places if place in old]
        changed = sum(_renew(connection, published, row, cap, expires_at) for row in known)
        report = LinksReport(len(fresh), len(known) - changed, changed)
        _record(connection, installation, published, "links", report)
        return report

    return installation.database.write(work)


def create_personal_links(
    installation: Installation, survey: str, *, expires_at: datetime | None = None
) -> LinksReport:
    """Make a single-use link for every roster row that has none.

    Raises InputError, UnknownSurvey.
    """
    published = installation.database.read(
        lambda connection: _open_to_all(connection, installation, survey)
    )
    _check_limits(installation, survey, "", 1, expires_at)
    created = 0
    after: int | None = 0

    def add(connection: Connection) -> tuple[int, int | None]:
        return _add_personal(connection, published.id, after or 0, expires_at)

    while after is not None:
        count, after = installation.database.write(add)
        created += count

    def finish(connection: Connection) -> LinksReport:
        total = queries.count_personal(connection, published.id)
        report = LinksReport(created, total - created)
        _record(connection, installation, published, "personal links", report)
        return report

    return installation.database.write(finish)


def links(
    connection: Connection, installation: Installation, survey: str, number: str
) -> Iterator[Link]:
    """Yield a survey's links of places, by unit and group. `number` is our sender's."""
    published = installation.surveys.named(connection, survey)
    units = {unit.id: unit for unit in unit_queries.every(connection)}
    rows = queries.of_places(connection, published.id)
    for row in sorted(rows, key=lambda row: (row.unit_id, row.grp, row.note)):
        yield _link(published, row, units[row.unit_id], number)


def personal_links(
    connection: Connection, installation: Installation, survey: str, number: str
) -> Iterator[Link]:
    """Yield a survey's personal links with all that a letter needs, ready for a mail merge.

    Streams. Raises KeyDestroyed when the roster's key is gone.
    """
    published = installation.surveys.named(connection, survey)
    units = {unit.id: unit for unit in unit_queries.every(connection)}
    title = letters.link_title(published)
    for row in queries.personal(connection, published.id):
        person = open_person(installation, connection, row)
        language = letters.language_of(published, person)
        settings = published.survey.settings
        yield replace(
            _link(published, row.link, units[row.link.unit_id], number),
            salutation=letters.salutation(person.get("name", ""), language),
            name=person.get("name", ""),
            email=person.get("email", ""),
            phone=person.get("phone", ""),
            language=language,
            survey=settings.title.get(language) or title,
            organiser=settings.texts.get(language, {}).get("penyelenggara", ""),
            number=letters.as_read(number),
            until=day_in_words(letters.last_day(published, row.link.expires_at), language),
        )


def export_links(
    installation: Installation,
    survey: str,
    number: str,
    path: Path,
    form: Format,
    *,
    personal: bool = False,
) -> int:
    """Write a survey's links to a file and return how many.

    A file with people in it is readable by its owner alone and noted in the audit log.
    """
    database = installation.database
    source = personal_links if personal else links

    def work(connection: Connection) -> int:
        rows = source(connection, installation, survey, number)
        return write_links(rows, path, form, personal=personal)

    count = database.read(work)
    if personal:
        detail = json.dumps({"survey": survey, "links": count})
        now = installation.now()
        database.write(
            lambda connection: audit.record(connection, now, "personal links export", detail)
        )
    return count


# --- details --------------------------------------------------------------------------------------


def _link(published: Published, row: LinkRow, unit: UnitRow, number: str) -> Link:
    text = codes.link_text(letters.link_title(published), row.code)
    last = letters.last_day(published, row.expires_at) if row.expires_at else None
    return Link(
        unit_list=unit.code_list,
        unit=unit.code,
        unit_name=unit.name,
        group=row.grp,
        code=row.code,
        url=wa_me(number, text),
        text=text,
        note=row.note,
        cap=row.cap,
        expires_at=row.expires_at,
        last_day=last.isoformat() if last else "",
    )


def _open_to_all(connection: Connection, installation: Installation, survey: str) -> Published:
    """Return a survey that takes answers, and has its words. Raises InputError, UnknownSurvey."""
    published = installation.surveys.named(connection, survey)
    refused = refusal(published.survey.settings, "make links that begin an interview")
    refused = refused or unfilled(published.survey)
    if refused is not None:
        raise InputError([refused])
    return published


def units_wanted(connection: Connection, published: Published, wanted: Sequence[str]) -> list[int]:
    """Return the ids of the named units (`list:code`), or of all. Raises InputError."""
    every = unit_queries.every(connection)
    if not every:
        fix = "import the units first"
        raise InputError([Problem.about(published.name, "there are no units yet", fix)])
    if not wanted:
        return [unit.id for unit in every]
    known = Units(every)
    found = [known.find(one, "") for one in wanted]
    problems = [Problem.about(published.name, *one) for one in found if isinstance(one, tuple)]
    if problems:
        raise InputError(problems)
    return list(dict.fromkeys(one for one in found if isinstance(one, int)))


def groups_wanted(published: Published, wanted: Sequence[str]) -> list[str]:
    known = published.survey.settings.groups
    problems = [
        Problem.about(published.name, f"there is no group {one!r}", did_you_mean(one, known))
        for one in wanted
        if one not in known
    ]
    if problems:
        raise InputError(problems)
    return list(dict.fromkeys(wanted)) or list(known)


def _check_limits(
    installation: Installation, survey: str, note: str, cap: int | None, expires_at: datetime | None
) -> None:
    problems = []
    if len(note) > NOTE_LIMIT:
        fix = f"use at most {NOTE_LIMIT}"
        problems.append(Problem.about(survey, f"the note has {len(note)} characters", fix))
    if cap is not None and cap < 1:
        fix = "use 1 or more, or leave the cap out"
        problems.append(Problem.about(survey, f"a cap of {cap} lets nobody in", fix))
    if expires_at is not None and expires_at.tzinfo is None:
        fix = "give the time with its zone"
        problems.append(Problem.about(survey, "the expiry has no time zone", fix))
    elif expires_at is not None and expires_at <= installation.now():
        what = "the last day is over already: these links would let nobody in"
        problems.append(Problem.about(survey, what, "use today or a later day"))
    if problems:
        raise InputError(problems)


def _add(
    connection: Connection,
    survey_id: int,
    places: Sequence[tuple[int, str]],
    note: str,
    cap: int | None,
    expires_at: datetime | None,
) -> None:
    """Store links for places that have none. Raises Conflict when somebody else did just now."""
    rows = [
        {
            "code": codes.new_code(),
            "survey_id": survey_id,
            "unit_id": unit_id,
            "grp": group,
            "note": note,
            "cap": cap,
            "expires_at": expires_at,
        }
        for unit_id, group in places
    ]
    if queries.add(connection, rows) != len(rows):
        raise Conflict("a code or a place was taken in the meantime")


def _renew(
    connection: Connection,
    published: Published,
    row: LinkRow,
    cap: int | None,
    expires_at: datetime | None,
) -> bool:
    """Give an old link the cap and expiry that were asked for; None leaves them.

    Return whether anything is another one now.
    """
    new_cap = row.cap if cap is None else cap
    new_expiry = row.expires_at if expires_at is None else expires_at
    if (new_cap, new_expiry) == (row.cap, row.expires_at):
        return False
    if new_cap is not None and new_cap < row.starts:
        what = f"link {row.code} has more starts than a cap of {new_cap} allows"
        raise InputError([Problem.about(published.name, what, "use a higher cap")])
    queries.change(connection, row.id, cap=new_cap, expires_at=new_expiry)
    return True


def _add_personal(
    connection: Connection, survey_id: int, after: int, expires_at: datetime | None
) -> tuple[int, int | None]:
    """Store links for the next rows without one; return how many, and the last row's id."""
    rows = queries.rows_without(connection, survey_id, after, CHUNK)
    add_personal(connection, survey_id, rows, expires_at)
    return len(rows), rows[-1].id if rows else None


def add_personal(
    connection: Connection,
    survey_id: int,
    rows: Sequence[RosterPlace],
    expires_at: datetime | None = None,
) -> None:
    """Store a link for each of these people. Raises Conflict when somebody else did just now."""
    wanted = [
        {
            "code": codes.new_code(personal=True),
            "survey_id": survey_id,
            "unit_id": row.unit_id,
            "grp": row.grp,
            "roster_row_id": row.id,
            "cap": 1,
            "expires_at": expires_at,
        }
        for row in rows
    ]
    if queries.add(connection, wanted) != len(wanted):
        raise Conflict("a code or a person was taken in the meantime")


def _record(
    connection: Connection,
    installation: Installation,
    published: Published,
    what: str,
    report: LinksReport,
) -> None:
    if report.created or report.changed:
        detail = json.dumps({"survey": published.name, **report.to_dict()})
        audit.record(connection, installation.now(), what, detail)
