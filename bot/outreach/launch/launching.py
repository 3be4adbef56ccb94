"""The launch: people on the roster get an invited conversation whose timer is its slot.

Nothing is sent here; the timers do that. People are taken in the order of their digests, so that a
day's invitations are a mixture of all units. Each launch is a wave of its own (`waves`); one that
was cut off is finished by running it again, and nobody is ever invited twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview import pilots
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.launch.inviting import Inviter
from bot.outreach.launch.plan import PER_DAY, by_place, plan_launch
from bot.outreach.launch.waves import EVERYBODY, Wanted, find_units, spread
from storage import leftovers
from storage.queries import audit
from storage.queries import waves as wave_queries
from storage.queries.waves import WaveRow

# Between two chunks SQLite's other writers, who ask again every few milliseconds, get their turn.
BREATHER = 0.03
Progress = Callable[[int], None]
"""Told, after each chunk, how many people were looked at."""


@dataclass(frozen=True, slots=True)
class LaunchReport:
    """What a launch did. The times (UTC) are those of the first and last invitation it planned.

    `wave` is its number; None where nobody was to be invited, and nothing was recorded.
    """

    wave: int | None
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


def launch(
    installation: Installation,
    survey: str,
    *,
    per_day: int = PER_DAY,
    needs_templates: bool = False,
    wanted: Wanted = EVERYBODY,
    progress: Progress | None = None,
) -> LaunchReport:
    """Plan an invitation for those who may still be invited, and wipe a pilot that there was.

    May be killed at any moment and run again. Raises InputError with all that is missing,
    UnknownSurvey, ValueError.
    """
    plan = plan_launch(
        installation, survey, per_day=per_day, needs_templates=needs_templates, wanted=wanted
    )
    if not plan.ready:
        raise InputError(plan.missing)
    database = installation.database
    published = database.read(lambda connection: installation.surveys.named(connection, survey))
    try:
        begun = database.write(
            lambda connection: _begin(connection, installation, published, per_day, wanted)
        )
    except _Nobody:
        return LaunchReport(None, 0, plan.opted_out, plan.in_conversation, 0, None, None)
    if begun.wiped:
        leftovers.wipe(database)
    wave = begun.wave
    inviter = Inviter(installation, published, wave, begun.unit_ids, begun.groups, per_day)
    while inviter.chunk():
        if progress is not None:
            progress(_looked_at(inviter))
        if database.is_sqlite:
            time.sleep(BREATHER)
    if progress is not None:
        progress(_looked_at(inviter))
    done = inviter.done
    report = LaunchReport(
        wave=wave.number,
        invited=done.fates["invited"],
        opted_out=plan.opted_out,
        in_conversation=done.fates["in_conversation"] + plan.in_conversation,
        too_late=done.fates["too_late"],
        first_at=done.first_at,
        last_at=done.last_at,
    )
    database.write(lambda connection: _end(connection, installation, wave, survey, report))
    return report


def _looked_at(inviter: Inviter) -> int:
    return sum(inviter.done.fates.values())


class _Nobody(Exception):
    """There is nobody to invite; a transaction in which that shows leaves all as it was."""


class _Begun(NamedTuple):
    """A launch that is under way, for whom, and how many colleagues' pilot it has wiped."""

    wave: WaveRow
    unit_ids: list[int] | None
    groups: list[str] | None
    wiped: int


def _begin(
    connection: Connection,
    installation: Installation,
    published: Published,
    per_day: int,
    wanted: Wanted,
) -> _Begun:
    """Wipe a pilot and record a new launch, or find the same one where it was cut off or is at work
    right now.

    Raises _Nobody, InputError where another one is not complete.
    """
    unit_ids, groups = find_units(connection, published, wanted)
    asked = wanted.to_dict()
    now = installation.now()
    for row in wave_queries.of_survey(connection, published.id):
        over = row.kind == "real" and row.state == "running" and row.planned_at is not None
        if over and not wave_queries.any_unsent(connection, row.id):
            wave_queries.change(connection, row.id, state="done", changed_at=now)
    wave = wave_queries.planning(connection, published.id)
    if wave is not None:
        if json.loads(wave.filters)["asked"] != asked:
            what = f"wave {wave.number} was cut off or is being planned right now"
            again = f"run it again as it was ({_as_typed(wave)})"
            fix = f"{again} or stop it: `--stop --wave {wave.number}`"
            raise InputError([Problem.about(published.name, what, fix)])
        wiped = pilots.wipe_within(connection, installation, published)
        return _Begun(wave, unit_ids, groups, wiped)
    # First: its people may be invited, once they are in no pilot any more.
    wiped = pilots.wipe_within(connection, installation, published)
    free, reachable = by_place(connection, published, unit_ids, groups)
    parts = spread(wanted, free, reachable)
    if not sum((free if parts is None else parts).values()):
        raise _Nobody
    left = None if parts is None else [[unit, group, n] for (unit, group), n in parts.items()]
    wave = wave_queries.add(
        connection,
        survey_id=published.id,
        kind="real",
        per_day=per_day,
        filters=json.dumps({"asked": asked, "wanted": left}),
        at=now,
    )
    return _Begun(wave, unit_ids, groups, wiped)


def _as_typed(wave: WaveRow) -> str:
    asked = json.loads(wave.filters)["asked"]
    return " ".join(f"--{name} {value}" for name, value in asked.items()) or "for everybody"


def _end(
    connection: Connection,
    installation: Installation,
    wave: WaveRow,
    survey: str,
    report: LaunchReport,
) -> None:
    """Record that a launch is complete."""
    now = installation.now()
    current = wave_queries.lock(connection, wave.id)
    if current.planned_at is None:
        wave_queries.change(connection, wave.id, planned_at=now)
    if report.invited:
        detail = {
            "survey": survey,
            "wave": wave.number,
            "per_day": wave.per_day,
            "invited": report.invited,
        }
        audit.record(connection, now, "launch", json.dumps(detail))
