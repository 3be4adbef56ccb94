"""WhatsApp and the people of a campaign: it takes messages, refuses some, and lists what it has."""

from __future__ import annotations

import heapq
import random
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.channels.base import Address, Found, Inbound, Outgoing, StatusEvent, as_text
from bot.interview.desk import Desk
from bot.interview.installation import SIMULATED, Installation
from bot.interview.receiving import receive
from bot.interview.sending import fates
from storage.models import Outbox
from tests.setup import TestClock
from tests.soak.judge import CAPPED, NOT_IN_WINDOW, REFUSED, Event
from tests.soak.posts import Post

ZONES = tuple(ZoneInfo(f"Asia/{city}") for city in ("Jakarta", "Makassar", "Jayapura"))
GROUPS = ("internal", "eksternal", "ahli")
EACH = 25
KINDS = {"refused": 7, "capped": 8, "template": 9}
"""Of 25 numbers these, by what is left of them, are of people whom messages do not simply reach."""
_OUTCOMES = {REFUSED: "refused", CAPPED: "later_once", NOT_IN_WINDOW: "resend_as_template"}


@dataclass
class Person:
    """Somebody on the roster."""

    number: int
    rng: random.Random
    events: list[Event] = field(default_factory=list)
    over: bool = False

    @property
    def phone(self) -> str:
        """The number, which nobody has."""
        return f"+62812{self.number:08d}"

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the person's unit."""
        return ZONES[self.number % 3]

    @property
    def group(self) -> str:
        """The person's group of the survey."""
        return GROUPS[self.number // 3 % 3]

    def fails(self, *, text: bool) -> int | None:
        """Return with which error a message to this person fails now."""
        kind = self.number % EACH
        if kind == KINDS["refused"] and not any(one.kind == "wrote" for one in self.events):
            return REFUSED
        if kind == KINDS["template"] and text:
            return NOT_IN_WINDOW
        return CAPPED if kind == KINDS["capped"] and not text and self.rng.random() < 0.5 else None


@dataclass
class World:
    """WhatsApp and its people; the channel that the program sends by, from any process."""

    clock: TestClock
    here: Installation
    people: dict[str, Person]
    posts: dict[str, Post] = field(default_factory=dict)
    name: str = SIMULATED.channel
    sender: str = SIMULATED.sender
    plans: list[tuple[datetime, int, Person, str]] = field(default_factory=list)
    count: int = 0
    sent: int = 0
    _callbacks: list[tuple[str, StatusEvent]] = field(default_factory=list)
    _taken: dict[str, list[Found]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, outgoing: Outgoing) -> StatusEvent:
        """Take a message; what does not arrive is told by a callback later."""
        with self._lock:
            return self._send(outgoing)

    def _send(self, outgoing: Outgoing) -> StatusEvent:
        self.sent += 1
        sid, to, now = self._sid(), outgoing.to.value, self.clock()
        message, text = outgoing.message, outgoing.template is None
        code = None
        if to in self.posts:
            self.posts[to].got.append(now)
        else:
            person = self.people[to]
            code = person.fails(text=text)
            step, template = message.step or "", message.template or ""
            made = self._made(outgoing.reference)
            person.events.append(Event(now, "sent", step, template, text, code, made))
            if code is None:
                self._react(person)
        event = StatusEvent(sid, "delivered", 4)
        if code is not None:
            event = StatusEvent(sid, "undelivered", 0, True, code, outcome=_OUTCOMES[code])  # type: ignore[arg-type]
            self._callbacks.append((outgoing.reference, event))
        self._taken.setdefault(to, []).append(Found(sid, as_text(message), now, event))
        return StatusEvent(sid, "queued", 1) if event.failed else event

    def _made(self, reference: str) -> datetime:
        statement = select(Outbox.created_at).where(Outbox.id == UUID(reference))
        made: datetime = self.here.database.read(lambda c: c.execute(statement).scalar_one())
        return made

    def find(self, to: Address, since: datetime) -> list[Found]:
        """List what was taken, newest first."""
        with self._lock:
            return [one for one in reversed(self._taken.get(to.value, [])) if one.at >= since]

    def call_back(self) -> int:
        """Tell what did not arrive; return how much that was."""
        with self._lock:
            failed, self._callbacks = self._callbacks, []
        for reference, event in failed:
            fates.record_status(self.here, UUID(reference), event)
        return len(failed)

    def say(self, desk: Desk, person: Person, text: str) -> str:
        """Write one message and return the reply's words."""
        inbound = Inbound(
            self.name, self.sender, self._sid(), (Address("phone", person.phone),), text
        )
        receipt = receive(desk, inbound)
        if receipt.outbox_id is not None:
            fates.record_status(
                self.here, receipt.outbox_id, StatusEvent(self._sid(), "delivered", 4)
            )
        return receipt.message.text if receipt.message else ""

    def act(self, desk: Desk, person: Person, what: str) -> None:
        """Do what was planned."""
        if person.over:
            return
        now, began = self.clock(), any(one.what == "turn" for one in person.events)
        if what == "stop":
            self.say(desk, person, "BERHENTI")
            person.over = True
            person.events.append(Event(now, "wrote", "over"))
        elif what == "ask":
            self.say(desk, person, "CEK")
            person.events.append(Event(now, "wrote", "asked"))
        elif what == "decline" and not began:
            while "TIDAK" not in (reply := self.say(desk, person, "1")):
                assert "bahasa" in reply, reply
            assert "Terima kasih. Tidak perlu" in self.say(desk, person, "TIDAK")
            person.over = True
            person.events.append(Event(now, "wrote", "over"))
        else:
            over = self._answer(desk, person, 2 if what in ("part", "decline") else 20)
            person.events.append(Event(now, "wrote", "over" if over else "turn"))

    def _answer(self, desk: Desk, person: Person, most: int) -> bool:
        """Answer so many questions; return whether that was the end."""
        reply = self.say(desk, person, "1")
        for _ in range(most):
            if "Terima kasih. Tidak perlu" in reply:
                person.over = True
                return True
            reply = self.say(desk, person, "SETUJU" if "SETUJU" in reply else "1")
        return False

    def _react(self, person: Person) -> None:
        """Let somebody do something about a message, or nothing."""
        what = person.rng.choices(
            ("finish", "part", "stop", "ask", "decline", ""), (0.25, 0.15, 0.03, 0.03, 0.02, 0.52)
        )[0]
        if what:
            after = timedelta(hours=min(person.rng.expovariate(1 / 8), 96))
            self.count += 1
            heapq.heappush(self.plans, (self.clock() + after, self.count, person, what))

    def _sid(self) -> str:
        self.count += 1
        return f"SM{self.count:032x}"
