"""A pilot begins: named colleagues get an interview of their own, by the way that everybody takes.

They are invited at once, within the hours, before the survey opens too. What becomes of it is
`bot.interview.pilots`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.flow.modes import refusal
from bot.flow.source import Problem
from bot.intake.phones import read_phone
from bot.intake.tables import Column, InputError, open_table
from bot.interview import conversations, identity, pilots
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.launch.plan import without_template
from bot.outreach.launch.waves import EVERYBODY, Wanted
from bot.outreach.roster.rows import Units
from storage.queries import audit, people
from storage.queries import units as unit_queries
from storage.queries import waves as wave_queries

MOST = 50
"""A pilot is read one by one; more people than this are no pilot any more."""

_COLUMNS = (
    Column("hp_wa", ("hp", "no_hp", "no_wa", "nomor", "phone", "number"), required=True),
    Column("nama", ("name",)),
    Column("kelompok", ("group", "grup")),
    Column("unit", ("opd",)),
    Column("bahasa", ("language",)),
)
_FILES = (".csv", ".tsv", ".txt")
_CONSENT = "pilot_consent"  # what tells them that it is a trial, and that answers are read


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who tries the survey out."""

    name: str
    phone: str
    group: str
    unit_id: int
    language: str


@dataclass(frozen=True, slots=True)
class PilotStart:
    """What became of the colleagues who were named; `wave` None where nobody was invited."""

    wave: int | None
    invited: int
    opted_out: int
    in_conversation: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def start_pilot(
    installation: Installation,
    survey: str,
    to: str,
    *,
    region: str = "ID",
    wanted: Wanted = EVERYBODY,
    needs_templates: bool = False,
) -> PilotStart:
    """Invite colleagues to try a survey out.

    `to` is a CSV file (hp_wa, nama, kelompok, unit, bahasa) or numbers, "Ani:0812…, 0813…". Who
    names no group or unit gets the first of `wanted`, else the survey's only group and the first
    unit. Raises InputError, UnknownSurvey.
    """

    def work(connection: Connection) -> PilotStart:
        published = installation.surveys.named(connection, survey)
        problems = _missing(connection, installation, published, needs_templates=needs_templates)
        if problems:
            raise InputError(problems)
        found = _colleagues(connection, published, to, region, wanted)
        return _invite(connection, installation, published, found)

    return installation.database.write(work)


def _invite(
    connection: Connection,
    installation: Installation,
    published: Published,
    colleagues: list[Colleague],
) -> PilotStart:
    now = installation.now()
    wave = wave_queries.add(
        connection,
        survey_id=published.id,
        kind="pilot",
        per_day=len(colleagues),
        filters=json.dumps({"asked": {}, "wanted": None}),
        at=now,
        planned_at=now,
    )
    fates: Counter[str] = Counter()
    for one in colleagues:
        fates[_invite_one(connection, installation, published, wave.id, one)] += 1
    invited = fates["invited"]
    wave_queries.change(connection, wave.id, people=invited)
    detail = {"survey": published.name, "pilot": wave.number, "invited": invited}
    audit.record(connection, now, "launch", json.dumps(detail))
    return PilotStart(wave.number, invited, fates["opted_out"], fates["in_conversation"])


def _invite_one(
    connection: Connection,
    installation: Installation,
    published: Published,
    wave_id: int,
    one: Colleague,
) -> str:
    met = identity.person(connection, installation, [Address("phone", one.phone)])
    if identity.opted_out(connection, installation, met.contact_id):
        return "opted_out"
    if one.language and people.language(connection, met.contact_id) is None:
        people.set_language(connection, met.contact_id, one.language)
    conversation_id = conversations.enrol(
        connection,
        installation,
        published,
        met.contact_id,
        one.unit_id,
        one.group,
        installation.now(),
        pilot_wave=wave_id,
    )
    if conversation_id is None:
        return "in_conversation"
    pilots.begin(connection, installation, conversation_id, published.id, one.name)
    return "invited"


# --- who is meant ---------------------------------------------------------------------------------


def _colleagues(
    connection: Connection, published: Published, to: str, region: str, wanted: Wanted
) -> list[Colleague]:
    """Return who was named. Raises InputError with everything that is wrong."""
    problems: list[Problem] = []
    units = unit_queries.every(connection)
    if not units:
        raise InputError([_problem("there are no units yet", "import the units first")])
    known = Units(units)
    groups = published.survey.settings.groups
    group = wanted.groups[0] if wanted.groups else next(iter(groups)) if len(groups) == 1 else ""
    unit = wanted.units[0] if wanted.units else f"{units[0].code_list}:{units[0].code}"
    found: dict[str, Colleague] = {}
    for number, cells in enumerate(_named(to), start=1):
        phone = read_phone(cells["hp_wa"], region)
        name = cells.get("nama") or f"{number}"
        place = known.find(cells.get("unit") or unit, "")
        chosen = cells.get("kelompok") or group
        if phone.e164 is None:
            what = f"{name}: this is no mobile phone number"
            problems.append(_problem(what, "write it as 08… or +62…"))
        elif not isinstance(place, int):
            problems.append(_problem(f"{name}: {place[0]}", place[1]))
        elif chosen not in groups:
            what = f"{name}: there is no group {chosen!r}" if chosen else f"{name}: no group"
            problems.append(_problem(what, f"name one with `--groups`: {', '.join(groups)}"))
        else:
            language = cells.get("bahasa", "")
            found.setdefault(phone.e164, Colleague(name, phone.e164, chosen, place, language))
    if not problems and not found:
        problems.append(_problem("nobody was named", "give a file, or numbers after `--to`"))
    if len(found) > MOST:
        fix = "name fewer, or invite a wave: `--people N`"
        problems.append(_problem(f"a pilot has {MOST} people at most, not {len(found)}", fix))
    if problems:
        raise InputError(problems)
    return list(found.values())


def _named(to: str) -> Iterator[dict[str, str]]:
    """Yield what a file, or a list of numbers, says of each colleague."""
    if to.lower().endswith(_FILES):
        with open_table(Path(to), _COLUMNS) as table:
            for row in table.rows():
                yield {name: row.get(name) for name in table.position}
        return
    for part in to.replace(";", ",").split(","):
        name, colon, phone = part.rpartition(":")
        if part.strip():
            yield {"hp_wa": phone.strip() if colon else part.strip(), "nama": name.strip()}


def _missing(
    connection: Connection,
    installation: Installation,
    published: Published,
    *,
    needs_templates: bool,
) -> list[Problem]:
    """List what keeps a pilot from starting."""
    settings = published.survey.settings
    refused = refusal(settings, "try it out with colleagues")
    if refused is not None:
        return [refused]
    plan = settings.plan(next(iter(settings.groups)))
    if published.closed_at is not None or installation.now() >= plan.closes:
        return [_problem("the survey is over", "move `closes`, or publish a new one")]
    messages = published.survey.words.messages
    if _CONSENT not in messages:
        fix = "write what colleagues are told: that it is a trial, and that their answers are read"
        return [Problem.about("messages.yaml", f"there is no message `{_CONSENT}`", fix)]
    if not needs_templates:
        return []
    invitation = "pilot_invite" if "pilot_invite" in messages else "invite"
    return without_template(connection, installation, published, [invitation])


def _problem(what: str, fix: str) -> Problem:
    return Problem.about("pilot", what, fix)
