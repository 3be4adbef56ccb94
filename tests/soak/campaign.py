"""`make soak ARGS="campaign --people 20000"`: 90 days of reminders, and whether all were right."""

from __future__ import annotations

import heapq
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import func, select

from bot.channels.base import Address, Found, Inbound, Outgoing, StatusEvent
from bot.interview import fates
from bot.interview.conversations import wake_due
from bot.interview.installation import SIMULATED, Installation
from bot.interview.receiving import Desk, receive
from bot.interview.sending import anything_due, deliver
from bot.interview.surveys import publish
from bot.outreach.launch import launch
from bot.outreach.rosters import import_roster
from storage.models import Conversation, Outbox, ReminderDay
from tests import short_survey
from tests.setup import TestClock, add_unit, installation
from tests.soak.judge import CAPPED, REFUSED, Case, Event, Verdict
from tests.soak.paper import Calendar, Paper, Story, papers

ZONES = tuple(ZoneInfo(f"Asia/{city}") for city in ("Jakarta", "Makassar", "Jayapura"))
GROUPS = ("internal", "eksternal", "ahli")
STEP = timedelta(minutes=15)
_HELD = select(func.coalesce(func.sum(ReminderDay.people), 0)).where(ReminderDay.held)


@dataclass
class Person:
    """Somebody on the roster."""

    number: int
    rng: random.Random
    events: list[Event] = field(default_factory=list)
    over: bool = False

    @property
    def phone(self) -> str:
        return f"+62812{self.number:08d}"

    @property
    def zone(self) -> ZoneInfo:
        return ZONES[self.number % 3]

    @property
    def group(self) -> str:
        return GROUPS[self.number // 3 % 3]

    def fails(self) -> int | None:
        """Return with which error a template to this person fails now."""
        kind = self.number % 25
        if kind == 7 and not any(one.kind == "wrote" for one in self.events):
            return REFUSED
        return CAPPED if kind == 8 and self.rng.random() < 0.5 else None


@dataclass
class World:
    """WhatsApp and its people; the channel that the program sends by."""

    clock: TestClock
    people: dict[str, Person]
    name: str = SIMULATED.channel
    sender: str = SIMULATED.sender
    failed: list[tuple[str, StatusEvent]] = field(default_factory=list)
    plans: list[tuple[datetime, int, Person, str]] = field(default_factory=list)
    count: int = 0

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Take a message."""
        self.count += 1
        sid = f"SM{self.count:032x}"
        person, message = self.people[outgoing.to.value], outgoing.message
        code = person.fails()
        text = outgoing.template is None
        person.events.append(
            Event(self.clock(), "sent", message.step or "", message.template or "", text, code)
        )
        if code is not None:
            outcome = "refused" if code == REFUSED else "later_once"
            event = StatusEvent(sid, "undelivered", 0, True, code, outcome=outcome)  # type: ignore[arg-type]
            self.failed.append((outgoing.reference, event))
            return StatusEvent(sid, "queued", 1)
        self.react(person)
        return StatusEvent(sid, "delivered", 4)

    def find(self, to: Address, since: datetime) -> list[Found]:
        """List nothing: here every send is answered."""
        return []

    def react(self, person: Person) -> None:
        """Let somebody do something about a message, or nothing."""
        what = person.rng.choices(
            ("finish", "part", "stop", "ask", ""), (0.25, 0.15, 0.03, 0.03, 0.54)
        )[0]
        if what:
            after = timedelta(hours=min(person.rng.expovariate(1 / 8), 96))
            self.count += 1
            heapq.heappush(self.plans, (self.clock() + after, self.count, person, what))


def say(here: Installation, desk: Desk, world: World, person: Person, text: str) -> str:
    """Write one message and return the reply's words."""
    world.count += 1
    inbound = Inbound(
        world.name, world.sender, f"SM{world.count:032x}", (Address("phone", person.phone),), text
    )
    receipt = receive(desk, inbound)
    if receipt.outbox_id is not None:
        world.count += 1
        fates.record_status(
            here, receipt.outbox_id, StatusEvent(f"SM{world.count:032x}", "delivered", 4)
        )
    return receipt.message.text if receipt.message else ""


def act(here: Installation, desk: Desk, world: World, person: Person, what: str) -> None:
    """Do what was planned."""
    if person.over:
        return
    now = here.now()
    if what == "stop":
        say(here, desk, world, person, "BERHENTI")
        person.over = True
        person.events.append(Event(now, "wrote", "over"))
    elif what == "ask":
        say(here, desk, world, person, "CEK")
        person.events.append(Event(now, "wrote", "asked"))
    else:
        most = 2 if what == "part" else 20
        reply = say(here, desk, world, person, "1")
        for _ in range(most):
            if "Terima kasih. Tidak perlu" in reply:
                person.over = True
                break
            reply = say(here, desk, world, person, "SETUJU" if "SETUJU" in reply else "1")
        person.events.append(Event(now, "wrote", "over" if person.over else "turn"))


def survey_files(paper: Paper) -> dict[str, str]:
    """Return the short survey with a plan from paper."""
    sids = {name: f"HX{number:032x}" for number, name in enumerate(short_survey.TEMPLATES)}
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
) -> Verdict:
    """Play a campaign in one process and judge it."""
    first, second = papers(opens, days)
    start = datetime.combine(opens, datetime.min.time(), UTC)
    change = start + timedelta(days=days // 2, hours=3)
    naps = [
        (
            start + timedelta(days=days * part, hours=at),
            start + timedelta(days=days * part, hours=at + long),
        )
        for part, at, long in ((0.2, 2, 5), (0.4, 3, 26), (0.65, 1, 3), (0.8, 4, 50))
    ]
    clock = TestClock(start)
    # Not from 0 on: +62812 0000 0000 is a placeholder, and no roster takes it.
    everybody = [Person(one, random.Random(f"{seed}/{one}")) for one in range(1, people + 1)]
    world = World(clock, {one.phone: one for one in everybody})
    with installation(url, clock=clock) as here, tempfile.TemporaryDirectory() as folder:
        publish(here, survey_files(sabotage(first)))
        for number, zone in enumerate(ZONES):
            add_unit(here, f"Dinas {number}", code=f"U{number}", zone=zone.key)
        roster = Path(folder) / "roster.csv"
        lines = [f"{one.phone},own:U{one.number % 3},{one.group}" for one in everybody]
        roster.write_text("\n".join(["hp_wa,unit,group", *lines]))
        import_roster(here, roster, short_survey.NAME)
        launch(here, short_survey.NAME, per_day=max(20, people // max(3, days // 8)))
        desk = Desk(here, lambda _message: True)
        published = False
        while clock() < first.end:
            if not published and clock() >= change:
                publish(here, survey_files(sabotage(second)))
                change, published = clock(), True
            work(here, world)
            following = clock() + STEP
            if (idle := _next_due(here)) is None or idle > following:
                ahead = [first.end, *([idle] if idle else [])]
                ahead += [] if published else [change]
                ahead += [world.plans[0][0]] if world.plans else []
                following = max(following, min(ahead))
            if following.hour >= 14 and following.hour < 22:  # night from WIB to WIT
                following = following.replace(hour=22, minute=0, second=0, microsecond=0)
            for nap_start, nap_end in naps:
                if nap_start <= following < nap_end:
                    following = nap_end
            while world.plans and world.plans[0][0] <= following:
                at, _, person, what = heapq.heappop(world.plans)
                clock.now = max(clock(), at)
                act(here, desk, world, person, what)
            clock.now = following
        held = here.database.read(lambda connection: connection.execute(_HELD).scalar_one())
    story = Story(
        [(start, first), (change, second)], naps, start, start + timedelta(days=max(8, days * 0.35))
    )
    verdict = Verdict()
    calendars = {(g, z): Calendar(story, g, z) for g in GROUPS for z in ZONES}
    for one in everybody:
        Case(one.phone, calendars[one.group, one.zone], verdict).judge(one.events)
    verdict.counted = held
    if verdict.held > held:
        # What was never sent where some are left out is excused as often as the program says.
        verdict.wrong["never sent, and not left out either"] += verdict.held - held
    return verdict


def _next_due(here: Installation) -> datetime | None:
    """Return when the next timer or message is due."""
    timer = select(func.min(Conversation.wake_at))
    message = select(func.min(Outbox.not_before)).where(Outbox.status == "queued")
    found = here.database.read(
        lambda connection: [connection.execute(one).scalar_one() for one in (timer, message)]
    )
    return min((one for one in found if one is not None), default=None)


def work(here: Installation, world: World) -> None:
    """Run the sweeps until nothing is due."""
    while wake_due(here, 200) == 200:
        pass
    while anything_due(here, ("campaign",)) and deliver(here, {world.name: world}, 100).sent:
        pass
    failed, world.failed = world.failed, []
    for reference, event in failed:
        fates.record_status(here, UUID(reference), event)
