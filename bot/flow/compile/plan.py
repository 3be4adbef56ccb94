"""From the shape of survey.yaml to reminders, hours and holidays, and what may not be written.

Holidays come from the `holidays` package: tables in code, by year, without network, file or clock.
The same package makes the same days of the same file, so this is as pure as the rest of the room.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

from bot.flow.expressions import suggest
from bot.flow.schema.survey_file import HolidaysPart, PlanPart, SurveyFile, WeekPart
from bot.flow.settings import Reminders
from bot.flow.source import Path, Problem, Source
from bot.flow.turn import EVENING, MORNING, Hours, Season, Spans

LEAST_GAP = 48  # hours; `schedule.DISTANCE` holds it whatever is written
FRIDAY_PRAYER = (time(11, 30), time(13))
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


# --- what may be written --------------------------------------------------------------------------


def check_plan(source: Source, part: SurveyFile, problems: list[Problem]) -> None:
    """Find what a plan, hours or a budget must not say."""
    for path, plan in _plans(part):
        if plan.min_gap_hours < LEAST_GAP:
            what = f"reminders closer than {LEAST_GAP} hours are spam: `{plan.min_gap_hours:g}`"
            problems.append(
                source.problem(
                    (*path, "min_gap_hours"), what, f"write {LEAST_GAP}", rule="reminder-plan"
                )
            )
    for name in part.plan.groups:
        _check_group(source, part, ("plan", "groups", name), name, problems)
        if name in part.groups and part.groups[name].plan is not None:
            what, fix = f"`{name}` has two plans of its own", "keep one: here, or at the group"
            problems.append(
                source.problem(
                    ("plan", "groups", name), what, fix, at_key=True, rule="reminder-plan"
                )
            )
    for path, weeks in _weeks(part):
        for name in weeks:
            if name != "default":
                _check_group(source, part, (*path, name), name, problems)
        problems.extend(_nights(source, path, weeks))
    for place, season in enumerate(part.seasons):
        if season.last_day < season.first_day:
            what = f"{season.name} ends before it begins"
            problems.append(
                source.problem(("seasons", place), what, "swap the days", rule="date-order")
            )
    if part.budget is not None and part.rates is None:
        what, fix = "a budget needs to know what messages cost", "add `rates`"
        problems.append(source.problem(("budget",), what, fix, rule="budget"))
    if part.budget and part.rates and part.budget.currency != part.rates.currency:
        what = f"the budget is in {part.budget.currency}, the rates in {part.rates.currency}"
        problems.append(
            source.problem(("budget", "currency"), what, "write both in one", rule="budget")
        )


def plan_advice(source: Source, part: SurveyFile) -> Iterator[Problem]:
    """Find what is allowed and would cost answers, or annoy."""
    for path, plan in _plans(part):
        last = plan.last_call_before_days != "none"
        most = max(len(plan.invited_after_days), len(plan.partial_after_days)) + last
        if most > plan.maximum:
            what = f"the plan has {most} reminders and allows {plan.maximum}: the last ones are cut"
            yield source.problem(
                path or ("plan",),
                what,
                "raise `maximum`, or write fewer days",
                rule="too-many-reminders",
            )
        if plan.maximum > PlanPart().maximum:
            what = f"{plan.maximum} reminders to one person are many"
            yield source.problem(
                (*path, "maximum"),
                what,
                "three are what people put up with",
                rule="too-many-reminders",
            )
    for path, weeks in _weeks(part):
        for name, week in weeks.items():
            if any(a < FRIDAY_PRAYER[1] and b > FRIDAY_PRAYER[0] for a, b in week.fri):
                what = "these hours take in Friday prayer (about 11.30 to 13.00)"
                yield source.problem(
                    (*path, name, "fri"), what, "leave that time out", rule="friday-prayer"
                )


def _plans(part: SurveyFile) -> Iterator[tuple[Path, PlanPart]]:
    yield ("plan",), part.plan
    for name in part.plan.groups:
        yield ("plan", "groups", name), _plan_of(name, part)
    for name, group in part.groups.items():
        if group.plan is not None:
            yield ("groups", name, "plan"), _plan_of(name, part)


def _weeks(part: SurveyFile) -> Iterator[tuple[Path, Mapping[str, WeekPart]]]:
    yield ("hours",), part.hours
    for place, season in enumerate(part.seasons):
        yield ("seasons", place, "hours"), season.hours


def _check_group(
    source: Source, part: SurveyFile, path: Path, name: str, problems: list[Problem]
) -> None:
    if name not in part.groups:
        fix = suggest(name, list(part.groups))
        problems.append(
            source.problem(path, f"no group `{name}`", fix, at_key=True, rule="unknown-name")
        )


def _nights(source: Source, path: Path, weeks: Mapping[str, WeekPart]) -> Iterator[Problem]:
    for name, week in weeks.items():
        for day in _DAYS:
            for start, end in getattr(week, day):
                if start < MORNING or end > EVENING:
                    what = f"{start:%H:%M}-{end:%H:%M} is night: nobody is written to then"
                    fix = f"stay between {MORNING:%H:%M} and {EVENING:%H:%M}"
                    yield source.problem((*path, name, day), what, fix, rule="night-hours")


# --- what it means --------------------------------------------------------------------------------


def reminders(group: str, part: SurveyFile) -> Reminders:
    """Return a group's plan; what it does not say itself is as the survey says."""
    plan = _plan_of(group, part)
    last = plan.last_call_before_days
    nudge = plan.nudge_before_hours
    return Reminders(
        invited=_distances(plan.invited_after_days),
        partial=_distances(plan.partial_after_days),
        last_call_before=timedelta(days=last) if not isinstance(last, str) else None,
        min_gap=timedelta(hours=max(plan.min_gap_hours, LEAST_GAP)),
        maximum=plan.maximum,
        holdout=plan.holdout,
        nudge_before=None
        if isinstance(nudge, str) or not _nudge_saves(part)
        else timedelta(hours=nudge),
    )


def _plan_of(group: str, part: SurveyFile) -> PlanPart:
    own = part.plan.groups.get(group)
    if own is None and group in part.groups:
        own = part.groups[group].plan
    said = {} if own is None else {name: getattr(own, name) for name in own.model_fields_set}
    return part.plan.model_copy(update=said)


def _distances(days: tuple[float, ...]) -> tuple[timedelta, ...]:
    before = (0.0, *days)
    return tuple(timedelta(days=day - earlier) for day, earlier in zip(days, before, strict=False))


def _nudge_saves(part: SurveyFile) -> bool:
    """Whether free text inside the window is cheaper than a template after it."""
    return part.rates is not None and part.rates.service < part.rates.utility


def compile_hours(group: str, part: SurveyFile) -> Hours:
    """Return a group's hours, with the seasons that have hours of their own."""
    seasons = tuple(
        Season(one.first_day, one.last_day, _week(week))
        for one in part.seasons
        if (week := one.hours.get(group) or one.hours.get("default")) is not None
    )
    week = part.hours.get(group) or part.hours["default"]
    return Hours(_week(week), _holidays(part.holidays, part.opens, part.closes), seasons)


def _week(week: WeekPart) -> tuple[Spans, ...]:
    return tuple(tuple(sorted(getattr(week, day))) for day in _DAYS)


def _holidays(part: HolidaysPart, opens: date, closes: date) -> frozenset[date]:
    days = set(part.add)
    if part.calendar is not None:
        for year in range(opens.year, closes.year + 1):
            days |= public_holidays(part.calendar, year)
    return frozenset(days - set(part.remove))


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """Return a year's public holidays and shared leave (cuti bersama)."""
    import holidays  # noqa: PLC0415 # a fifth of a second that only such surveys need

    kinds: Any = (holidays.PUBLIC, holidays.GOVERNMENT)
    return frozenset(holidays.country_holidays(country, years=year, categories=kinds))
