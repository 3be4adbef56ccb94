"""What a launch would do: who, when, and what keeps it from starting. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from bot.flow.blanks import unfilled
from bot.flow.modes import own_advice, refusal
from bot.flow.settings import Settings
from bot.flow.source import Problem
from bot.flow.templates import respondents, wordings
from bot.interview import pilots
from bot.interview.installation import Installation
from bot.interview.sending import templates
from bot.interview.surveys import Published
from bot.outreach.launch.slots import Slots
from bot.outreach.launch.waves import EVERYBODY, Place, Wanted, find_units, spread
from storage.queries import launching as queries
from storage.queries import units as unit_queries
from storage.queries import waves as wave_queries

PER_DAY = 250
"""What WhatsApp lets a new business portfolio begin in a day; see its limit before raising it."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class PlacePlan:
    """How many people of a unit's group stand where on the roster.

    `to_invite` are those of this launch; where it takes everybody, who asked not to be contacted is
    among them: of one unit that is nobody's business. For the same reason those who were invited
    and those who came by themselves are one number.
    """

    unit_list: str
    unit: str
    unit_name: str
    group: str
    rows: int
    to_invite: int
    invited_or_in_conversation: int
    without_address: int
    open_duplicates: int
    to_mend: int  # lines that are no rows yet


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What a launch would do. `missing` lists what keeps it from starting, `warnings` what else to
    know before it does.

    `to_invite` are the people of this launch, the other numbers those of the units and groups it is
    for. `first` and `last` are local days of invitations, `days` how many days have any.
    """

    survey: str
    per_day: int
    wanted: Wanted
    places: tuple[PlacePlan, ...]
    to_invite: int
    by_group: Mapping[str, int]  # of this launch
    invited: int
    in_conversation: int
    opted_out: int
    without_address: int
    open_duplicates: int
    to_mend: int
    days: int
    first: date | None
    last: date | None
    hours: Mapping[str, Mapping[str, tuple[str, ...]]]  # by group and weekday, local
    holidays: tuple[date, ...]  # on which nothing goes out, while this launch does
    missing: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def ready(self) -> bool:
        """Whether the launch may start."""
        return not self.missing

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data; days as ISO 8601."""
        return {
            **asdict(self),
            "wanted": self.wanted.to_dict(),
            "places": [asdict(place) for place in self.places],
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "holidays": [day.isoformat() for day in self.holidays],
            "missing": [{"what": one.what, "fix": one.fix} for one in self.missing],
            "warnings": [{"what": one.what, "fix": one.fix} for one in self.warnings],
            "ready": self.ready,
        }


def plan_launch(
    installation: Installation,
    survey: str,
    *,
    per_day: int = PER_DAY,
    needs_templates: bool = False,
    wanted: Wanted = EVERYBODY,
) -> LaunchPlan:
    """Say what a launch would do, and write nothing.

    `needs_templates`: the channel only writes first with approved templates. Raises UnknownSurvey,
    InputError for units and groups that are not known, ValueError for a `per_day` below 1.
    """
    if per_day < 1:
        raise ValueError("at least one invitation a day, please")

    def work(connection: Connection) -> LaunchPlan:
        published = installation.surveys.named(connection, survey)
        lacking = _lacking(connection, installation, published, needs_templates=needs_templates)
        return _plan(connection, installation, published, per_day, wanted, lacking)

    return installation.database.read(work)


def by_place(
    connection: Connection,
    published: Published,
    unit_ids: list[int] | None,
    groups: list[str] | None,
) -> tuple[dict[Place, int], dict[Place, int]]:
    """Return by place how many people can be invited now, and how many with those invited."""
    return _free(_standings(connection, published, unit_ids, groups))


def _free(standings: Mapping[Place, Counter[str]]) -> tuple[dict[Place, int], dict[Place, int]]:
    free: dict[Place, int] = {}
    reachable: dict[Place, int] = {}
    for place, standing in standings.items():
        if standing["to_invite"]:
            free[place] = standing["to_invite"]
        reachable[place] = standing["to_invite"] + standing["invited"]
    return free, reachable


def _standings(
    connection: Connection,
    published: Published,
    unit_ids: list[int] | None,
    groups: list[str] | None,
) -> dict[Place, Counter[str]]:
    """Return by place how many rows stand where, of the units and groups that are meant."""
    places: dict[Place, Counter[str]] = {}
    for count in queries.counts(connection, published.id):
        if (unit_ids is None or count.unit_id in unit_ids) and (
            groups is None or count.grp in groups
        ):
            place = places.setdefault((count.unit_id, count.grp), Counter())
            place[count.standing] += count.rows
    return places


def _plan(
    connection: Connection,
    installation: Installation,
    published: Published,
    per_day: int,
    wanted: Wanted,
    missing: list[Problem],
) -> LaunchPlan:
    unit_ids, groups = find_units(connection, published, wanted)
    units = {unit.id: unit for unit in unit_queries.every(connection)}
    places = _standings(connection, published, unit_ids, groups)
    totals = sum(places.values(), Counter[str]())
    mending = _to_mend(connection, published, unit_ids, groups)
    free, reachable = _free(places)
    parts = spread(wanted, free, reachable)
    parts = free if parts is None else parts
    missing = missing + _without_flow(published, {group for _, group in places})
    settings = published.survey.settings
    slots = Slots(settings, installation.now(), per_day)
    slots.count(queries.planned(connection, published.id))
    before = Counter(slots.used)
    if not missing:
        left = sum(
            slots.fill(group, units[unit_id].zone, people)
            for (unit_id, group), people in parts.items()
        )
        missing += _too_late(left)
    days = sorted(slots.used - before)
    by_group: Counter[str] = Counter()
    for (_, group), people in parts.items():
        by_group[group] += people
    return LaunchPlan(
        survey=published.name,
        per_day=per_day,
        wanted=wanted,
        places=tuple(
            PlacePlan(
                units[unit_id].code_list,
                units[unit_id].code,
                units[unit_id].name,
                group,
                standing.total(),
                _shown(parts.get((unit_id, group), 0), standing),
                standing["invited"] + standing["in_conversation"],
                standing["without_address"],
                standing["open_duplicate"],
                mending.get((unit_id, group), 0),
            )
            for (unit_id, group), standing in places.items()
        ),
        to_invite=by_group.total(),
        by_group=dict(by_group),
        invited=totals["invited"],
        in_conversation=totals["in_conversation"],
        opted_out=totals["opted_out"],
        without_address=totals["without_address"],
        open_duplicates=totals["open_duplicate"],
        to_mend=sum(mending.values()),
        days=len(days),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        hours=_hours(settings, by_group),
        holidays=_holidays(settings, days),
        missing=tuple(missing),
        warnings=tuple(_warnings(connection, published, totals, mending)),
    )


def _shown(part: int, standing: Counter[str]) -> int:
    """Return how many people of a place are this launch's, as it may be told.

    Where it takes all, with those who opted out, so that nobody sees how many those are.
    """
    return part if part < standing["to_invite"] else part + standing["opted_out"]


def untried(installation: Installation, survey: str) -> bool:
    """Whether this would be the first launch of a survey of which nobody has finished a pilot.

    Raises UnknownSurvey.
    """
    return installation.database.read(
        lambda connection: _untried(connection, installation.surveys.named(connection, survey))
    )


def _untried(connection: Connection, published: Published) -> bool:
    launches = wave_queries.of_survey(connection, published.id)
    known = any(row.kind == "real" or row.finished for row in launches)
    return not known and not pilots.any_finished(connection, published)


def _to_mend(
    connection: Connection,
    published: Published,
    unit_ids: list[int] | None,
    groups: list[str] | None,
) -> dict[tuple[int | None, str | None], int]:
    return {
        (unit_id, group): rows
        for (unit_id, group), rows in queries.to_mend(connection, published.id).items()
        if (unit_ids is None or unit_id in unit_ids) and (groups is None or group in groups)
    }


def _hours(settings: Settings, groups: Mapping[str, int]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return when first contacts go out, by group and weekday, as people write hours."""
    return {
        name: {
            day: tuple(f"{start:%H.%M}-{end:%H.%M}" for start, end in spans)
            for day, spans in zip(_DAYS, settings.groups[name].hours.spans, strict=True)
        }
        for name in groups
        if name in settings.groups
    }


def _holidays(settings: Settings, days: list[date]) -> tuple[date, ...]:
    """Return the holidays among the days of a launch."""
    free = {day for group in settings.groups.values() for day in group.hours.holidays}
    return tuple(sorted(day for day in free if days and days[0] <= day <= days[-1]))


def _warnings(
    connection: Connection, published: Published, totals: Counter[str], mending: Mapping[Any, int]
) -> list[Problem]:
    """List what does not keep the launch from starting, but should be known before it does."""
    found = [_problem(what, fix) for what, fix in own_advice(published.survey.settings)]
    if _untried(connection, published):
        what = "nobody has finished a pilot of this survey"
        fix = f"try it out with colleagues first: `tautan launch {published.name} --pilot --to …`"
        found.append(_problem(what, fix))
    if totals["open_duplicate"]:
        what = f"{totals['open_duplicate']} people stand on the roster twice and wait"
        found.append(_problem(what, "decide which row counts; until then they are not invited"))
    if mending:
        what = f"{sum(mending.values())} lines of the roster are still to be mended"
        found.append(_problem(what, "mend them first, or invite those people in a later wave"))
    return found


def _lacking(
    connection: Connection,
    installation: Installation,
    published: Published,
    *,
    needs_templates: bool,
) -> list[Problem]:
    """List what keeps anybody from being invited."""
    missing = _missing(installation, published)
    if needs_templates:
        names = [one for one in respondents(published.survey) if not one.startswith("pilot_")]
        missing += without_template(connection, installation, published, names)
    return missing


def _missing(installation: Installation, published: Published) -> list[Problem]:
    """Say where the survey is not open, or is none that we may hold."""
    settings = published.survey.settings
    plan = settings.plan(next(iter(settings.groups)))
    now = installation.now()
    refused = refusal(settings, "invite people")
    if refused is not None:
        return [refused]
    blank = unfilled(published.survey)
    found = [blank] if blank is not None else []
    if published.closed_at is not None:
        found.append(_problem("the survey is closed", "publish a new survey to go on"))
    elif now >= plan.closes:
        found.append(_problem(f"the survey ended on {settings.closes}", "move `closes`"))
    elif now < plan.opens:
        found.append(_problem(f"the survey opens on {settings.opens}", "wait, or move `opens`"))
    return found


def without_template(
    connection: Connection, installation: Installation, published: Published, names: list[str]
) -> list[Problem]:
    """List the messages that nobody could be sent, in the languages that WhatsApp approves.

    Who speaks another one gets them in one of these.
    """
    found = []
    for name, language in wordings(published.survey):
        if name in names:
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
    return Problem.about("survey.yaml", what, fix)
