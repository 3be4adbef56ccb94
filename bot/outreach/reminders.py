"""What the plan of reminders will do, by day, and what a reminder has done, by comparison.

The preview plays the plan for everybody who waits, as if nobody answered from now on: there will
not be more, and mostly there will be fewer. People in the same place of the plan, to the hour, are
played once, so that a hundred thousand take seconds. Nothing about one person comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.flow.rehearsal.billing import template_price
from bot.flow.schedule import INVITE, LAST_CALL, due_now, passed, wake_at
from bot.flow.settings import Settings
from bot.flow.state import State, Status
from bot.flow.turn import Context
from bot.interview.installation import Installation
from bot.interview.sending.outbox import WINDOW
from bot.interview.states import unseal
from bot.interview.surveys import Published
from bot.outreach.launch.plan import by_place
from bot.outreach.launch.slots import Slots
from storage.keys import KeyDestroyed
from storage.queries import launching, senders
from storage.queries import reminders as queries
from storage.queries import units as unit_queries

KINDS = ("invitation", "not begun", "half-way", "last call")
"""What goes out: first contacts, reminders to who did not start or stopped, the last call."""


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """How many messages of each kind a local day has at most; `free` of them go as free text."""

    day: date
    people: Mapping[str, int]
    free: int
    held: int  # of the reminders, how many are left out to measure them (expected)

    @property
    def total(self) -> int:
        """All of them, those left out too."""
        return sum(self.people.values())


@dataclass(frozen=True, slots=True)
class Preview:
    """What goes out by the plan from now on, if nobody answers any more. Prices None without rates.

    `without` are people who will get nothing: they opted out, are not reached, or have answered
    once already and fill it in anew.
    """

    survey: str
    now: datetime
    waiting: int
    without: int
    days: tuple[PlannedDay, ...]
    days_off: tuple[date, ...]  # holidays, between the first and the last day of fieldwork
    opens: date
    closes: date
    currency: str | None
    least: Decimal | None
    most: Decimal | None
    budget: Decimal | None
    spent: Decimal | None
    warnings: tuple[str, ...]

    def totals(self) -> dict[str, int]:
        """Return how many of each kind there are in all."""
        return {kind: sum(one.people.get(kind, 0) for one in self.days) for kind in KINDS}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: days as ISO 8601, money as texts."""
        plain = asdict(self)
        for name in ("least", "most", "budget", "spent"):
            plain[name] = None if plain[name] is None else str(plain[name])
        plain["now"] = self.now.isoformat()
        plain["opens"], plain["closes"] = self.opens.isoformat(), self.closes.isoformat()
        plain["days_off"] = [one.isoformat() for one in self.days_off]
        plain["days"] = [
            {**asdict(one), "day": one.day.isoformat(), "total": one.total} for one in self.days
        ]
        return {**plain, "totals": self.totals()}


class _Place(NamedTuple):
    """Where people stand in the plan, to the hour: all that decides what they will get."""

    group: str
    zone: str
    begun: bool
    first: datetime | None = None  # when the invitation goes out that has not gone yet
    sent: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    half_way: int = 0
    reminded: bool = False
    last_sent_at: datetime | None = None
    last_due_at: datetime | None = None
    last_turn_at: datetime | None = None
    put_off: datetime | None = None

    def state(self) -> State:
        """Return a state that the plan treats like theirs."""
        return State(
            status=Status.ASKING if self.begun else Status.INVITED,
            language="",
            sent=self.sent,
            held=self.held,
            half_way=self.half_way,
            reminded=self.reminded,
            last_sent_at=self.last_sent_at,
            last_due_at=self.last_due_at,
            last_turn_at=self.last_turn_at,
            put_off=self.put_off,
        )


def preview(installation: Installation, survey: str, *, per_day: int | None = None) -> Preview:
    """Say what the plan will send. With `per_day` as if the rest of the roster were launched now.

    Raises UnknownSurvey.
    """

    def work(connection: Connection) -> Preview:
        published = installation.surveys.named(connection, survey)
        places: Counter[_Place] = Counter()
        without = _wait(connection, installation, published, places)
        if per_day is not None:
            _launch(connection, installation, published, per_day, places)
        days = _days(published.survey.settings, places, installation.now())
        return _preview(connection, installation, published, places, without, days)

    return installation.database.read(work)


# --- who waits ------------------------------------------------------------------------------------


def _wait(
    connection: Connection,
    installation: Installation,
    published: Published,
    places: Counter[_Place],
) -> int:
    """Count people into their places; return how many get nothing any more."""
    without = 0
    statuses = [one.value for one in Status if not one.over]
    for rows in queries.waiting(connection, published.id, statuses):
        for row in rows:
            try:
                key = installation.keys.by_id(connection, row.key_id)
                state = unseal(key, row.id, row.sealed)
            except KeyDestroyed:
                continue
            at = row.unreached_at
            silent = state.last_turn_at is None or (at is not None and state.last_turn_at <= at)
            if row.opted_out or (at is not None and silent) or state.earlier is not None:
                without += 1
            elif row.grp in published.survey.settings.groups:
                places[_place(row, state)] += 1
    return without


def _place(row: queries.WaitingRow, state: State) -> _Place:
    begun = state.status is not Status.INVITED
    return _Place(
        row.grp,
        row.zone,
        begun,
        None if begun or INVITE in state.sent else _hour(row.wake_at),
        state.sent,
        state.held,
        state.half_way,
        state.reminded,
        _hour(state.last_sent_at),
        _hour(state.last_due_at),
        _hour(state.last_turn_at),
        _hour(state.put_off),
    )


def _hour(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(minute=0, second=0, microsecond=0)


def _launch(
    connection: Connection,
    installation: Installation,
    published: Published,
    per_day: int,
    places: Counter[_Place],
) -> None:
    """Count those who could be invited, at the times that a launch would give them."""
    settings, now = published.survey.settings, installation.now()
    zones = {unit.id: unit.zone for unit in unit_queries.every(connection)}
    slots = Slots(settings, now, per_day)
    slots.count(launching.planned(connection, published.id))
    free, _ = by_place(connection, published, None, None)
    for (unit_id, group), people in free.items():
        for _ in range(people if group in settings.groups else 0):
            at = slots.next(group, zones[unit_id])
            if at is None:
                break
            places[_Place(group, zones[unit_id], begun=False, first=_hour(at))] += 1


# --- what they get --------------------------------------------------------------------------------


def _days(
    settings: Settings, places: Mapping[_Place, int], now: datetime
) -> tuple[PlannedDay, ...]:
    people: dict[date, Counter[str]] = {}
    free: Counter[date] = Counter()
    held: dict[date, float] = {}
    for place, number in places.items():
        share = settings.groups[place.group].reminders.holdout
        for day, kind, as_text in _played(settings, place, now):
            people.setdefault(day, Counter())[kind] += number
            free[day] += number * as_text
            if kind != "invitation":
                held[day] = held.get(day, 0.0) + number * share
    return tuple(
        PlannedDay(day, dict(people[day]), free[day], round(held.get(day, 0.0)))
        for day in sorted(people)
    )


def _played(settings: Settings, place: _Place, now: datetime) -> Iterator[tuple[date, str, bool]]:
    """Yield (local day, kind, as free text) of what somebody in a place gets who stays silent."""
    plan = replace(settings.plan(place.group), holdout=0.0)
    zone = _zone(place.zone)
    state = place.state()
    context = Context(now=now, zone=zone, plan=plan, texts={})
    if place.first is not None:
        now = max(now, place.first)
        if now >= plan.closes:
            return
        yield now.astimezone(zone).date(), "invitation", False
        state = passed(state, INVITE, now, held=False)
    while True:
        context = replace(context, now=now)
        timer = wake_at(state, context)
        if timer is None or timer >= plan.closes:
            return
        now, context = timer, replace(context, now=timer)
        step = due_now(state, context)
        if step is None:
            return
        kind = "not begun" if state.status is Status.INVITED else "half-way"
        heard = state.last_turn_at
        as_text = heard is not None and now - heard < WINDOW
        yield now.astimezone(zone).date(), "last call" if step == LAST_CALL else kind, as_text
        state = passed(state, step, now, held=False)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _preview(
    connection: Connection,
    installation: Installation,
    published: Published,
    places: Counter[_Place],
    without: int,
    days: tuple[PlannedDay, ...],
) -> Preview:
    settings, now = published.survey.settings, installation.now()
    rates = settings.rates
    texts = sum(one.free for one in days)
    templates = sum(one.total - one.held for one in days) - texts
    least = most = None
    if rates is not None:
        text_price = texts * (rates.service + rates.provider_out)
        prices = [template_price(rates, templates, marketing=one) for one in (False, True)]
        least, most = min(prices) + text_price, max(prices) + text_price
    spent = installation.spending.so_far(connection, published.id, published.survey, now)
    off = {day for group in settings.groups.values() for day in group.hours.holidays}
    return Preview(
        survey=published.name,
        now=now.astimezone(UTC),
        waiting=places.total(),
        without=without,
        days=days,
        days_off=tuple(sorted(day for day in off if settings.opens <= day <= settings.closes)),
        opens=settings.opens,
        closes=settings.closes,
        currency=None if rates is None else rates.currency,
        least=least,
        most=most,
        budget=settings.budget,
        spent=spent,
        warnings=tuple(_warnings(connection, installation, settings, days, spent, most)),
    )


def _warnings(
    connection: Connection,
    installation: Installation,
    settings: Settings,
    days: tuple[PlannedDay, ...],
    spent: Decimal | None,
    most: Decimal | None,
) -> Iterator[str]:
    limits = [
        one.people_per_day
        for one in senders.every(connection)
        if (one.channel, one.address) == (installation.via.channel, installation.via.sender)
    ]
    limit = limits[0] if limits else None
    full = [one for one in days if limit is not None and one.total - one.free > limit]
    if full:
        worst = max(full, key=lambda one: one.total)
        yield (
            f"more people than WhatsApp lets us write to first in a day ({limit:,}), on days:"
            f" {len(full)}; {worst.day} has {worst.total:,}. Who waits longer than two days gets"
            " no reminder: get the limit raised, or invite over more days"
        )
    if settings.budget is not None and spent is not None and most is not None:
        if spent >= settings.budget:
            yield "the budget is used up: no reminders go out"
        elif spent + most > settings.budget:
            yield "the budget may end before the plan does: reminders stop then"
