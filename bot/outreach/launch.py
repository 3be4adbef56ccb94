"""The launch: every person on the roster gets an invited conversation whose timer is its slot.

Nothing is sent here; the timers do that. People are taken in the order of their digests, so that a
day's invitations are a mixture of all units. A launch that was cut off, or is run again with more
people on the roster, invites only those whom none has invited yet.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.flow.source import Problem
from bot.flow.templates import respondents, wordings
from bot.intake.tables import InputError
from bot.interview import conversations, identity, templates
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.rosters import open_person
from bot.outreach.slots import Slots
from storage.queries import audit, consents, people
from storage.queries import rosters as queries
from storage.queries import units as unit_queries
from storage.queries.rosters import InvitableRow

PER_DAY = 250
"""What WhatsApp lets a new business portfolio begin in a day; see its limit before raising it."""

CHUNK = 50  # a chunk holds the one writer of SQLite for a fraction of a second
Fate = Literal["invited", "opted_out", "in_conversation", "too_late"]
Progress = Callable[[int], None]
"""Told, after each chunk, how many people were looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """How many people of a unit's group stand on the roster. Who takes part is not told here."""

    unit_list: str
    unit: str
    unit_name: str
    group: str
    rows: int
    without_address: int


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What a launch would do. `missing` lists what keeps it from starting.

    `first` and `last` are local days of invitations, `days` how many days have any.
    """

    survey: str
    per_day: int
    places: tuple[Place, ...]
    to_invite: int
    invited: int
    in_conversation: int
    opted_out: int
    without_address: int
    undecided: int
    days: int
    first: date | None
    last: date | None
    missing: tuple[Problem, ...]

    @property
    def ready(self) -> bool:
        """Whether the launch may start."""
        return not self.missing

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data; days as ISO 8601."""
        return {
            **asdict(self),
            "places": [asdict(place) for place in self.places],
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "missing": [{"what": one.what, "fix": one.fix} for one in self.missing],
            "ready": self.ready,
        }


@dataclass(frozen=True, slots=True)
class LaunchReport:
    """What a launch did. The times (UTC) are those of the first and last invitation it planned."""

    invited: int
    opted_out: int
    in_conversation: int
    too_late: int
    first_at: datetime | None
    last_at: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data; times as ISO 8601."""
        return {
            **asdict(self),
            "first_at": self.first_at.isoformat() if self.first_at else None,
            "last_at": self.last_at.isoformat() if self.last_at else None,
        }


def plan_launch(
    installation: Installation,
    survey: str,
    *,
    per_day: int = PER_DAY,
    needs_templates: bool = False,
) -> LaunchPlan:
    """Say what a launch would do, and write nothing.

    `needs_templates`: the channel only writes first with approved templates. Raises UnknownSurvey,
    ValueError for a `per_day` below 1.
    """
    if per_day < 1:
        raise ValueError("at least one invitation a day, please")

    def work(connection: Connection) -> LaunchPlan:
        published = installation.surveys.named(connection, survey)
        return _plan(connection, installation, published, per_day, needs_templates=needs_templates)

    return installation.database.read(work)


def launch(
    installation: Installation,
    survey: str,
    *,
    per_day: int = PER_DAY,
    needs_templates: bool = False,
    progress: Progress | None = None,
) -> LaunchReport:
    """Plan an invitation for everybody who may still be invited.

    May be killed at any moment and run again. Raises InputError with all that is missing,
    UnknownSurvey, ValueError.
    """
    plan = plan_launch(installation, survey, per_day=per_day, needs_templates=needs_templates)
    if not plan.ready:
        raise InputError(plan.missing)
    database = installation.database
    published = database.read(lambda connection: installation.surveys.named(connection, survey))
    slots = Slots(published.survey.settings, installation.now(), per_day)
    slots.count(database.read(lambda connection: queries.unsent_slots(connection, published.id)))
    fates: Counter[Fate] = Counter()
    times: list[datetime] = []
    after = b""
    while rows := _next_rows(installation, published, after):
        after = rows[-1].address_hmac
        planned = [(row, slots.next(row.grp, row.zone)) for row in rows]
        done = _invite_all(installation, published, planned)
        fates.update(done.values())
        invited = [slot for row, slot in planned if done.get(row.id) == "invited" and slot]
        times = [min(times + invited), max(times + invited)] if times + invited else []
        if progress is not None:
            progress(sum(fates.values()))
    report = LaunchReport(
        invited=fates["invited"],
        opted_out=fates["opted_out"] + plan.opted_out,
        in_conversation=fates["in_conversation"] + plan.in_conversation,
        too_late=fates["too_late"],
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
    )
    if report.invited:
        detail = json.dumps({"survey": survey, "per_day": per_day, "invited": report.invited})
        now = installation.now()
        database.write(lambda connection: audit.record(connection, now, "launch", detail))
    return report


# --- inviting -------------------------------------------------------------------------------------


def _next_rows(
    installation: Installation, published: Published, after: bytes
) -> list[InvitableRow]:
    return installation.database.read(
        lambda connection: queries.to_invite(connection, published.id, after, CHUNK)
    )


def _invite_all(
    installation: Installation,
    published: Published,
    planned: list[tuple[InvitableRow, datetime | None]],
) -> dict[int, Fate]:
    """Invite a chunk in one transaction; return what became of every row that was still free."""

    def work(connection: Connection) -> dict[int, Fate]:
        free = queries.still_free(connection, [row.id for row, _ in planned])
        return {
            row.id: _invite(connection, installation, published, row, slot) if slot else "too_late"
            for row, slot in planned
            if row.id in free
        }

    return installation.database.write(work)


def _invite(
    connection: Connection,
    installation: Installation,
    published: Published,
    row: InvitableRow,
    slot: datetime,
) -> Fate:
    known = open_person(installation, connection, row)
    met = identity.person(connection, installation, [Address("phone", known["phone"])])
    consents.add_basis(
        connection,
        met.contact_id,
        "roster",
        installation.now().date(),
        survey_id=published.id,
        source=row.source,
        basis=row.basis,
    )
    if identity.opted_out(connection, installation, met.contact_id):
        return "opted_out"
    language = known.get("language")
    if language and people.language(connection, met.contact_id) is None:
        people.set_language(connection, met.contact_id, language)
    conversation_id = conversations.enrol(
        connection, installation, published, met.contact_id, row.unit_id, row.grp, slot, row.id
    )
    return "in_conversation" if conversation_id is None else "invited"


# --- planning -------------------------------------------------------------------------------------


def _plan(
    connection: Connection,
    installation: Installation,
    published: Published,
    per_day: int,
    *,
    needs_templates: bool,
) -> LaunchPlan:
    units = {unit.id: unit for unit in unit_queries.every(connection)}
    totals: Counter[str] = Counter()
    places: dict[tuple[int, str], Counter[str]] = {}
    for count in queries.counts(connection, published.id):
        totals[count.standing] += count.rows
        places.setdefault((count.unit_id, count.grp), Counter())[count.standing] += count.rows
    missing = _missing(installation, published)
    if needs_templates:
        missing += _without_template(connection, installation, published)
    missing += _without_flow(published, {group for _, group in places})
    slots = Slots(published.survey.settings, installation.now(), per_day)
    slots.count(queries.unsent_slots(connection, published.id))
    before = Counter(slots.used)
    if not missing:
        left = sum(
            slots.fill(group, units[unit_id].zone, standing["to_invite"])
            for (unit_id, group), standing in places.items()
        )
        missing += _too_late(left)
    days = sorted(slots.used - before)
    return LaunchPlan(
        survey=published.name,
        per_day=per_day,
        places=tuple(
            Place(
                units[unit_id].code_list,
                units[unit_id].code,
                units[unit_id].name,
                group,
                standing.total(),
                standing["without_address"],
            )
            for (unit_id, group), standing in places.items()
        ),
        to_invite=totals["to_invite"],
        invited=totals["invited"],
        in_conversation=totals["in_conversation"],
        opted_out=totals["opted_out"],
        without_address=totals["without_address"],
        undecided=totals["undecided"],
        days=len(days),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        missing=tuple(missing),
    )


def _missing(installation: Installation, published: Published) -> list[Problem]:
    """Say where the survey is not open."""
    settings = published.survey.settings
    plan = settings.plan(next(iter(settings.groups)))
    now = installation.now()
    found = []
    if published.closed_at is not None:
        found.append(_problem("the survey is closed", "publish a new survey to go on"))
    elif now >= plan.closes:
        found.append(_problem(f"the survey was over on {settings.closes}", "move `closes`"))
    elif now < plan.opens:
        found.append(_problem(f"the survey opens on {settings.opens}", "wait, or move `opens`"))
    return found


def _without_template(
    connection: Connection, installation: Installation, published: Published
) -> list[Problem]:
    """List the messages that nobody could be sent, in the languages that WhatsApp approves.

    Who speaks another one gets them in one of these.
    """
    found = []
    for name, language in wordings(published.survey):
        if name in respondents(published.survey):
            why = templates.in_language(connection, installation, published.id, name, language)
            if isinstance(why, str):
                fix = f"run `tautan templates status {published.name}`"
                found.append(_problem(why, fix))
    return found


def _without_flow(published: Published, groups: set[str]) -> list[Problem]:
    known = published.survey.groups
    return [
        _problem(
            f"people of group {group!r} are on the roster, and the survey has no flow for them",
            "add the group to survey.yaml and publish, or take them off the roster",
        )
        for group in sorted(groups)
        if group not in known
    ]


def _too_late(people_left: int) -> list[Problem]:
    if not people_left:
        return []
    what = f"{people_left} people could not be invited before the survey closes"
    return [_problem(what, "allow more invitations a day, or move `closes`")]


def _problem(what: str, fix: str) -> Problem:
    return Problem("survey.yaml", 1, 1, what, fix)
