"""Which coordinators cannot be reached, and who above them is told.

Somebody who paused, or is away, is not meant: that is their choice. Of the others an operator sees
why; the level above hears the unit's name alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.coordinators import asked_words
from bot.reporting.coordinators.coordinator_files import DAYS
from bot.reporting.coordinators.posts import is_away, zone_of
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import coordinators as queries
from storage.queries.coordinators import CoordinatorRow

TRIES = 2
"""So many reports in a row that were not delivered: one alone may be an accident."""

LOOK_BACK = timedelta(days=14)
EVERY = timedelta(days=7)
"""So often, at most, the level above hears of it."""

MOST_NAMED = 3

Why = Literal["no address", "wants no reports", "not delivered"]


def unreachable(
    connection: Connection, installation: Installation, survey_id: int
) -> dict[int, Why]:
    """Return why posts of a survey cannot be reached, by id."""
    known = queries.with_address(connection, survey_id)
    stopped = queries.opted_out(connection, survey_id)
    newest: dict[int, list[str]] = defaultdict(list)
    for contact_id, status in queries.fates(connection, survey_id, installation.now() - LOOK_BACK):
        newest[contact_id].append(status)
    found: dict[int, Why] = {}
    for post in queries.posts_in(connection, survey_id):
        last = newest[post.contact_id][:TRIES]
        if post.contact_id not in known:
            found[post.id] = "no address"
        elif post.contact_id in stopped:
            found[post.id] = "wants no reports"
        elif len(last) == TRIES and set(last) == {"failed"}:
            found[post.id] = "not delivered"
    return found


def unheard(
    connection: Connection, installation: Installation, published: Published, hierarchy: Hierarchy
) -> Mapping[int | None, tuple[int, ...]]:
    """Return units none of whose admins can be reached, by the unit whose admins are told.

    That is the nearest unit above with an admin who can be reached; None is the whole survey.
    """
    bad = unreachable(connection, installation, published.id)
    if not bad:
        return {}
    reached: dict[int | None, bool] = {}
    for post in queries.posts_in(connection, published.id):
        if post.kind == "admin" and post.deputy_for is None:
            reached[post.unit_id] = reached.get(post.unit_id, False) or post.id not in bad
    told: dict[int | None, tuple[int, ...]] = {}
    for unit_id in hierarchy.units:
        if reached.get(unit_id, True):
            continue
        chain: tuple[int | None, ...] = (*hierarchy.above(unit_id), None)
        above = next((one for one in chain if reached.get(one, False)), unit_id)
        if above != unit_id:
            told[above] = (*told.get(above, ()), unit_id)
    return told


def may_be_told(post: CoordinatorRow, day: date) -> bool:
    """Whether a post has not heard of anybody for long enough, on a local day."""
    return post.kind == "admin" and (post.told_on is None or day - post.told_on >= EVERY)


def line(published: Published, hierarchy: Hierarchy, units: Sequence[int]) -> str:
    """Return what the level above reads: the names of units, and nothing else."""
    names = [hierarchy.units[one].name for one in units]
    shown = ", ".join(names[:MOST_NAMED])
    survey = published.survey
    if len(names) > MOST_NAMED:
        rest: Mapping[str, str | int] = {"unit": shown, "sisa": len(names) - MOST_NAMED}
        shown = asked_words.say(survey, "unreachable_more", rest)
    return asked_words.say(survey, "unreachable", {"unit": shown})


@dataclass(frozen=True, slots=True)
class Post:
    """A post as operators see it: no name and no number. `state` is active, paused, away, over or
    why it cannot be reached."""

    id: int
    unit: str
    unit_name: str
    kind: str
    when: str
    state: str
    away_until: date | None
    deputy: bool

    def to_dict(self) -> dict[str, object]:
        """Return the plain form."""
        return {
            "post": self.id,
            "unit": self.unit,
            "unit_name": self.unit_name,
            "kind": self.kind,
            "when": self.when,
            "state": self.state,
            "away_until": self.away_until.isoformat() if self.away_until else None,
            "deputy": self.deputy,
        }

    @property
    def is_reached(self) -> bool:
        """Whether reports would arrive, were they wanted."""
        return self.state in ("active", "paused", "away", "over")


def posts(installation: Installation, survey: str) -> list[Post]:
    """Return a survey's posts by unit, with how each can be reached. Raises UnknownSurvey."""

    def work(connection: Connection) -> list[Post]:
        published = installation.surveys.named(connection, survey)
        hierarchy = read_hierarchy(connection)
        bad = unreachable(connection, installation, published.id)
        rows = queries.posts_in(connection, published.id)
        deputies = {one.deputy_for for one in rows}
        now = installation.now()
        made = []
        for row in rows:
            if row.deputy_for is not None:
                continue
            day = now.astimezone(zone_of(row, hierarchy, published)).date()
            unit = hierarchy.units.get(row.unit_id) if row.unit_id is not None else None
            hour = f"{row.minute // 60:02}:{row.minute % 60:02}"
            made.append(
                Post(
                    row.id,
                    f"{unit.code_list}:{unit.code}" if unit else "",
                    unit.name if unit else "",
                    row.kind,
                    f"{DAYS[row.weekday]} {hour}" if row.weekday is not None else hour,
                    _state(row, bad, day),
                    row.away_until if is_away(row, day) else None,
                    row.id in deputies,
                )
            )
        return sorted(made, key=lambda one: (one.unit, one.kind, one.id))

    return installation.database.read(work)


def _state(row: CoordinatorRow, bad: Mapping[int, Why], day: date) -> str:
    if row.id in bad:
        return bad[row.id]
    if row.due_at is None:
        return "over"
    if is_away(row, day):
        return "away"
    return "paused" if row.paused else "active"
