"""What a post is: when it is due, who serves it on a day, and in which zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.interview.surveys import Published
from bot.reporting.units import Hierarchy
from storage.queries.coordinators import CoordinatorRow


def next_due(now: datetime, minute: int, zone: ZoneInfo, weekday: int | None = None) -> datetime:
    """Return the next time, in UTC, at which it is this minute of the day in a zone.

    With `weekday` (Monday is 0) that of the next such day.
    """
    local = now.astimezone(zone)
    at = time(minute // 60, minute % 60)
    day = local.date() if local.time() < at else local.date() + timedelta(days=1)
    if weekday is not None:
        day += timedelta(days=(weekday - day.weekday()) % 7)
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def is_away(post: CoordinatorRow, day: date) -> bool:
    """Whether a post rests on a local day; of a deputy, whether the one stood in for does."""
    if post.away_from is None or post.away_until is None:
        return False
    return post.away_from <= day <= post.away_until


def on_duty(post: CoordinatorRow, day: date) -> bool:
    """Whether a post is served on a local day: a deputy only while the other one is away."""
    return is_away(post, day) == (post.deputy_for is not None)


def zone_of(post: CoordinatorRow, hierarchy: Hierarchy, published: Published) -> ZoneInfo:
    """Return a post's time zone: its unit's, else the survey's."""
    unit = hierarchy.units.get(post.unit_id) if post.unit_id is not None else None
    return ZoneInfo(unit.zone) if unit else published.survey.settings.zone


def report_key(post: CoordinatorRow, day: date) -> str:
    """Return what names a person's report of a unit and a local day, which is sent once.

    Not the post's number: a post that is removed and made anew is the same place, and one that goes
    to somebody else is theirs anew.
    """
    return f"report:{post.survey_id}:{post.unit_id or 0}:{post.contact_id}:{day.isoformat()}"
