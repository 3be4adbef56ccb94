"""Ninety invented days: people get invitations, answer or do not, and time passes.

Everything happens through the code that serves real people; only the people and the clock are
invented. The same seed gives the same people with the same manners.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from functools import partial
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from bot.interview.chats import Bubble, Chats, Said, say
from bot.interview.desk import Desk
from bot.interview.installation import Installation
from bot.outreach.demo.clock import move_to, next_due, pass_time
from bot.outreach.demo.coordinators import Coordinator, wishes
from bot.outreach.demo.personas import COORDINATOR, Persona, everybody, walk_ins
from bot.outreach.demo.respondents import Respondent, is_nudge
from storage.queries import simulator as queries

DAYS = 90
SEED = 19450817
BETWEEN_SWEEPS = timedelta(minutes=10)  # real ones run every few seconds; these must go faster
SNAPSHOT = time(6, 1)  # the day's counts are taken at six


@dataclass(frozen=True, slots=True)
class Poster:
    """A poster of a unit, and how many people of the demo scan it."""

    unit: str
    text: str
    visitors: int


@dataclass(frozen=True, slots=True)
class Opening:
    """When a survey opens that is still to open, and what invites its people then."""

    at: datetime
    invite: Callable[[], object]


@dataclass(slots=True)
class Summary:
    """What came of it. `templates` counts what was sent, coordinators' too, `nudges` reminders as
    free text; `asked` is what coordinators wrote; `statuses` counts conversations by group and
    status."""

    days: int = 0
    people: int = 0
    coordinators: int = 0
    turns: int = 0
    sweeps: int = 0
    templates: dict[str, int] = field(default_factory=dict)
    nudges: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form."""
        return asdict(self)


def play(
    desk: Desk,
    sweep: Callable[[], object],
    *,
    days: int = DAYS,
    people: Sequence[Persona] | None = None,
    posters: Sequence[Poster] = (),
    opening: Opening | None = None,
    between_sweeps: timedelta = BETWEEN_SWEEPS,
    seed: int = SEED,
    report: Callable[[int, int], object] = lambda _day, _days: None,
) -> Summary:
    """Let `days` days pass and return what came of them.

    `sweep` runs every timer once, at most every `between_sweeps`; `people` (everybody on the lists)
    and the visitors of `posters` take part, but respondents whom the simulator introduces stay
    silent: they are for whoever looks at it. Nobody is invited before the `opening`. `report` is
    told each day that has passed, of how many. Raises ValueError unless the installation is marked
    demo.
    """
    rng = random.Random(seed)  # noqa: S311 # the same people every time
    play = _Play(desk, sweep, rng, between_sweeps)
    play.cast(everybody() if people is None else people, days, posters, opening)
    return play.run(days, report)


class _Play:
    def __init__(
        self, desk: Desk, sweep: Callable[[], object], rng: random.Random, between: timedelta
    ) -> None:
        self.desk = desk
        self.sweep = sweep
        self.rng = rng
        self.between_sweeps = between
        self.chats = Chats(desk.installation)
        self.summary = Summary()
        self._people: dict[str, Respondent | Coordinator] = {}
        self._order = count()
        self._swept_at = desk.installation.now()
        self._plan: list[tuple[datetime, int, Callable[[], object]]] = []

    @property
    def installation(self) -> Installation:
        return self.desk.installation

    def run(self, days: int, report: Callable[[int, int], object]) -> Summary:
        begin = self.installation.now()
        end = begin + timedelta(days=days)
        self._sweep()
        while True:
            due = max(next_due(self.installation) or end, self._swept_at + self.between_sweeps)
            planned = self._plan[0][0] if self._plan else end
            moment = min(due, planned)
            if moment >= end:
                break
            day = (moment - begin).days
            if day > self.summary.days:
                self.summary.days = day
                report(day, days)
            if planned <= due:
                pass_time(self.installation, moment)
                heapq.heappop(self._plan)[2]()
            else:
                move_to(self.installation, moment)
                self._sweep()
        move_to(self.installation, end)
        self._sweep()
        self.summary.days = days
        report(days, days)
        return self._conclude()

    def cast(
        self,
        people: Sequence[Persona],
        days: int,
        posters: Sequence[Poster],
        opening: Opening | None,
    ) -> None:
        """Draw everybody's manner, and when coordinators write and visitors come by a poster."""
        begin = self.installation.now()
        end = begin + timedelta(days=days)
        opens = opening.at if opening is not None else begin
        for persona in people:
            if persona.group == COORDINATOR:
                self._appoint(persona, begin, days)
            elif not persona.leading:
                self._people[persona.key] = Respondent.draw(persona, self.rng)
        taken = 0
        for poster in posters:
            for persona in walk_ins(taken, poster.visitors, poster.unit):
                self._visit(persona, poster, opens, end)
            taken += poster.visitors
        self.summary.people = len(self._people) - self.summary.coordinators
        for morning in _mornings(begin, end):
            self._at(morning, self._sweep)
        if opening is not None:
            self._at(opening.at, opening.invite)

    def _appoint(self, persona: Persona, begin: datetime, days: int) -> None:
        coordinator = Coordinator(persona)
        self._people[persona.key] = coordinator
        self.summary.coordinators += 1
        for moment, words in wishes(persona, begin, days):
            self._at(moment, partial(self._ask, coordinator, words))

    def _ask(self, who: Coordinator, words: str) -> None:
        asked = self.summary.asked
        asked[words] = asked.get(words, 0) + 1
        self._say(who, who.says(words))

    def _visit(self, persona: Persona, poster: Poster, begin: datetime, end: datetime) -> None:
        visitor = Respondent.draw(persona, self.rng)
        if visitor.manner in {"silent", "late", "stranger"}:
            visitor.manner = "prompt"  # who does not care does not scan
        self._people[persona.key] = visitor
        day = begin + timedelta(days=self.rng.randrange(max(1, (end - begin).days - 3)))
        local = day.astimezone(ZoneInfo(persona.zone)).replace(hour=8, minute=0)
        coming = local + timedelta(minutes=self.rng.uniform(0, 8 * 60))
        self._at(max(begin, coming), partial(self._say, visitor, Said(poster.text)))

    def _at(self, moment: datetime, act: Callable[[], object]) -> None:
        heapq.heappush(self._plan, (moment, next(self._order), act))

    def _say(self, who: Respondent | Coordinator, said: Said) -> None:
        """Let somebody write, and read what is answered at once."""
        reply = say(self.desk, self.chats, who.persona.addresses, said)
        self.summary.turns += 1
        if reply is not None:
            self._hear(who, reply)

    def _sweep(self) -> None:
        """Let the timers run, and everybody who got a message by that read it."""
        before = self.chats.newest(self._addresses())
        self.sweep()
        self.summary.sweeps += 1
        self._swept_at = self.installation.now()
        for key, newest in self.chats.newest(self._addresses()).items():
            known = before.get(key, 0)
            if newest > known:
                who = self._people[key]
                for entry in self.chats.after(who.persona.addresses, known):
                    self._hear(who, entry.bubble)

    def _hear(self, who: Respondent | Coordinator, bubble: Bubble) -> None:
        """Let somebody read a message and plan what to do about it."""
        if bubble.template is not None:
            templates = self.summary.templates
            templates[bubble.template] = templates.get(bubble.template, 0) + 1
        self.summary.nudges += is_nudge(bubble)
        reaction = who.react(bubble, self.installation.now())
        if reaction is not None:
            self._at(reaction[0], partial(self._say, who, reaction[1]))

    def _addresses(self) -> dict[str, Any]:
        return {key: who.persona.addresses for key, who in self._people.items()}

    def _conclude(self) -> Summary:
        rows = self.installation.database.read(queries.statuses)
        for group, status, number in rows:
            self.summary.statuses.setdefault(group, {})[status] = number
        return self.summary


def _mornings(begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the moment just after each day's counts are due, in western time."""
    zone = ZoneInfo("Asia/Jakarta")
    day = begin.astimezone(zone).date()
    while (moment := datetime.combine(day, SNAPSHOT, zone)) < end:
        if moment > begin:
            yield moment
        day += timedelta(days=1)
