"""`make soak ARGS="campaign --people 20000"`: 90 days of reminders, and whether all were right.

With `--workers 2` the timers and the sender are processes of their own, with `--kills 0.01` one
message in a hundred costs the process that sends it its life (`crew`). `--only capped` plays people
of one kind, for what one in a thousand of all meets.
"""

from __future__ import annotations

import heapq
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml
from sqlalchemy import func, select

from bot.flow.turn import Message
from bot.interview.desk import Desk
from bot.interview.installation import Installation
from bot.interview.surveys import publish
from bot.outreach.launch.launching import launch
from bot.outreach.roster.importing import import_roster
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import ReminderDay
from tests import short_survey
from tests.setup import TestClock, add_unit, installation
from tests.soak import posts
from tests.soak.crew import Crew, Fire, next_due, work
from tests.soak.judge import Case, Verdict
from tests.soak.paper import Calendar, Paper, Span, Story, papers
from tests.soak.world import EACH, GROUPS, KINDS, ZONES, Person, World

STEP = timedelta(minutes=15)
NIGHT = range(14, 22)  # hours, UTC: from WIB to WIT nothing may go out, and nothing is due
_HELD = select(func.coalesce(func.sum(ReminderDay.people), 0)).where(ReminderDay.held)


def survey_files(paper: Paper) -> dict[str, str]:
    """Return the short survey with a plan from paper."""
    names = (*short_survey.TEMPLATES, "leader_weekly", "closing")
    sids = {name: f"HX{number:032x}" for number, name in enumerate(names)}
    files = short_survey.files(datetime.now(UTC), sids)
    settings = yaml.safe_load(files["survey.yaml"]) | paper.settings()
    rates = {"currency": "USD", "service": 0.01, "utility": 0.02, "marketing": 0.04}
    # JSON is YAML without the aliases that a survey may not have.
    files["survey.yaml"] = json.dumps(settings | {"rates": rates}, default=str)
    return files


def campaign(
    url: str,
    people: int,
    seed: int = 1,
    days: int = 90,
    opens: date = date(2026, 12, 1),
    sabotage: Callable[[Paper], Paper] = lambda paper: paper,
    workers: int = 0,
    kills: float = 0.0,
    most_kills: int = 100_000,
    only: str = "",
) -> Verdict:
    """Play a campaign and judge it: in this process, or with so many workers beside it.

    `kills` is the part of the messages at which the worker that sends one is killed, until there
    were `most_kills`. `only` names one of `world.KINDS`: everybody is of that.
    """
    first, second = papers(opens, days)
    start = datetime.combine(opens, datetime.min.time(), UTC)
    change = start + timedelta(days=days // 2, hours=3)
    naps = _naps(start, days)
    clock = TestClock(start)
    # Not from 0 on: +62812 0000 0000 is a placeholder, and no roster takes it.
    first_number, step = (KINDS[only], EACH) if only else (1, 1)
    numbers = range(first_number, first_number + people * step, step)
    everybody = [Person(one, random.Random(f"{seed}/{one}")) for one in numbers]
    coordinators = posts.invent(opens, days, ZONES)
    # On SQLite one process serves; the driver writes beside it, as commands do.
    with (
        installation(url, clock=clock, serving=not workers) as here,
        tempfile.TemporaryDirectory() as folder,
    ):
        world = World(
            clock,
            here,
            {one.phone: one for one in everybody},
            {one.phone: one for one in coordinators},
        )
        _prepare(here, world, sabotage(first), Path(folder), people // max(3, days // 8))
        random_kills = Fire(kills, most_kills, random.Random(seed))
        with _hands(here, world, Path(folder), workers, random_kills) as (run, crew):
            play = Play(here, world, run, naps, first.end)
            play.until(change)
            publish(here, survey_files(sabotage(second)))
            change = clock()
            play.until(first.end)
        held = here.database.read(lambda connection: connection.execute(_HELD).scalar_one())
    fired = kills > 0
    story = Story(
        [(start, first), (change, second)],
        naps,
        start,
        start + timedelta(days=max(8, days * 0.35)),
        under_fire=fired,
    )
    verdict = Verdict(kills=crew.kills if crew else 0, rounds=crew.rounds if crew else 0)
    calendars = {(g, z): Calendar(story, g, z) for g in GROUPS for z in ZONES}
    for one in everybody:
        Case(one.phone, calendars[one.group, one.zone], verdict).judge(one.events)
    verdict.reports = sum(len(one.got) for one in coordinators)
    verdict.wrong.update(posts.Watch(opens, first.end, naps, fired).complaints(coordinators))
    verdict.counted = held
    if verdict.held > held:
        # What was never sent where some are left out is excused as often as the program says.
        verdict.wrong["never sent, and not left out either"] += verdict.held - held
    return verdict


def _naps(start: datetime, days: int) -> list[Span]:
    """Return when the machine sleeps."""
    return [
        (
            start + timedelta(days=days * part, hours=at),
            start + timedelta(days=days * part, hours=at + long),
        )
        for part, at, long in ((0.2, 2, 5), (0.4, 3, 26), (0.65, 1, 3), (0.8, 4, 50))
    ]


def _prepare(here: Installation, world: World, paper: Paper, folder: Path, per_day: int) -> None:
    """Publish the survey, import people and coordinators, and launch it."""
    publish(here, survey_files(paper))
    for number, zone in enumerate(ZONES):
        add_unit(here, f"Dinas {number}", code=f"U{number}", zone=zone.key)
    roster = folder / "roster.csv"
    lines = [f"{one.phone},own:U{one.number % 3},{one.group}" for one in world.people.values()]
    roster.write_text("\n".join(["hp_wa,unit,group", *lines]))
    import_roster(here, roster, short_survey.NAME)
    table = folder / "coordinators.csv"
    table.write_text(posts.table(list(world.posts.values())))
    import_coordinators(here, short_survey.NAME, table)
    launch(here, short_survey.NAME, per_day=max(20, per_day))


@contextmanager
def _hands(
    here: Installation, world: World, folder: Path, workers: int, fire: Fire
) -> Iterator[tuple[Callable[[], None], Crew | None]]:
    """Yield what does all that is due, and the crew that does it, if any."""
    if workers:
        url = here.database.url
        crew = Crew(url, world, here, folder, workers, fire)
        with crew.at_work():
            yield crew.work, crew
        return

    def alone() -> None:
        while work(here, world) + world.call_back():
            pass

    yield alone, None


class Play:
    """Time that passes, and what people do in it."""

    def __init__(
        self,
        here: Installation,
        world: World,
        run: Callable[[], None],
        naps: list[Span],
        end: datetime,
    ) -> None:
        self._here = here
        self._world = world
        self._run = run
        self._naps = naps
        self._end = end
        self._desk = Desk(here, _inline)

    def until(self, moment: datetime) -> None:
        """Let all happen that is due before a moment."""
        world, clock = self._world, self._world.clock
        while clock() < moment:
            if (due := next_due(self._here)) is not None and due <= clock():
                self._run()
            following = self._following(moment)
            while world.plans and world.plans[0][0] <= following:
                at, _, person, what = heapq.heappop(world.plans)
                clock.now = max(clock(), at)
                world.act(self._desk, person, what)
            clock.now = following

    def _following(self, moment: datetime) -> datetime:
        """Return when to look again: a quarter of an hour later, or when something happens."""
        following = self._world.clock() + STEP
        idle = next_due(self._here)
        if idle is None or idle > following:
            ahead = [moment, *([idle] if idle else [])]
            ahead += [self._world.plans[0][0]] if self._world.plans else []
            following = max(following, min(ahead))
        if following.hour in NIGHT:
            following = following.replace(hour=NIGHT.stop, minute=0, second=0, microsecond=0)
        for nap_start, nap_end in self._naps:
            if nap_start <= following < nap_end:
                following = nap_end
        return following


def _inline(_message: Message) -> bool:
    return True
