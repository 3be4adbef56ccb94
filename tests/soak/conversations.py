"""`make soak ARGS=conversations`: whole interviews while everything at the provider goes wrong.

Connections drop before and after a message was taken, the API answers 429, 500 and 503, callbacks
are late, doubled, reversed and missing, answers get lost, and one webhook in a hundred never comes.
With `appearance: list` some questions go by REST, the rest inside the webhook's answer. At the end
every message of ours is counted at the provider: each went out exactly once, and every message that
no webhook brought was taken in, or its question asked again.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from rich.progress import Progress
from sqlalchemy import func, select

from bot.interview import closing
from storage.models import Conversation, Outbox
from tests.fake_twilio_person import Person
from tests.respondents import Respondent, question_in, stored_vectors
from tests.setup import TestClock
from tests.whatsapp import Office, office

FAULTS = {
    "drop_before": 0.05,
    "drop_after": 0.05,
    "429": 0.03,
    "500": 0.02,
    "500_after": 0.02,
    "503": 0.03,
    "no_connection": 0.03,
    "reply_lost": 0.03,
    "twiml_lost": 0.02,
    "twiml_no_callback": 0.05,
    "callback_missing": 0.1,
    "callback_duplicate": 0.1,
    "callback_reversed": 0.1,
}
HIDDEN = 0.01  # of all webhooks
AT_A_TIME = 24
PACE = timedelta(seconds=20)  # of the clock, between two looks at what is due
PATIENCE = 120.0  # real seconds without a message


@dataclass
class Tally:
    """What came of it, in numbers of messages unless it says otherwise."""

    people: int = 0
    finished: int = 0
    faults: int = 0
    hidden: int = 0
    ours: int = 0
    sent_once: int = 0
    superseded: int = 0
    sent_twice: int = 0
    never_sent: int = 0
    answers_lost: int = 0
    answers_doubled: int = 0
    minutes: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        # These people write only when they have read: nothing may be passed over as too old either.
        sends = (self.sent_twice, self.never_sent, self.superseded)
        bad = (*sends, self.answers_lost, self.answers_doubled)
        return not any(bad) and self.finished == self.people


@dataclass
class Patient:
    """Somebody who answers what comes, whenever it comes, and sends nothing twice by itself."""

    respondent: Respondent
    rng: random.Random
    read: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def person(self) -> Person:
        """The telephone."""
        return self.respondent.person

    def interview(self, hide: Callable[[dict[str, str]], bool]) -> None:
        """Hold a whole interview."""
        respondent = self.respondent
        self._send(f"Saya mau mengisi survei. Kode: {respondent.code}", hide)
        while not respondent.finished:
            text = self._next()
            question = question_in(respondent.flow, text)
            if question is not None:
                said, answer = respondent._choose(question)
                if answer is not None:
                    respondent.answers[question.name] = answer
                else:
                    respondent.answers.pop(question.name, None)
                self._send(said, hide)
            elif "Terima kasih. Tidak perlu" in text:
                respondent.finished = True
            elif "SETUJU" in text:
                self._send("SETUJU", hide)
            else:
                self._send("1", hide)

    def _send(self, text: str, hide: Callable[[dict[str, str]], bool]) -> None:
        """Write; sometimes Twilio has it and no webhook ever comes."""
        form = self.person.form(text)
        if hide(form):
            self.person.twilio.hidden(form)
        else:
            self.person.post(form)

    def _next(self) -> str:
        """Wait for the next message and return the newest one."""
        end = time.monotonic() + PATIENCE
        while len(self.person.messages) <= self.read:
            if time.monotonic() > end:
                raise AssertionError(f"nothing came after {self.person.inbox[-1:]}")
            time.sleep(0.02)
        self.read = len(self.person.messages)
        return self.person.messages[-1].text


def converse(url: str, people: int, seed: int) -> Tally:
    """Let so many people answer, and count."""
    tally = Tally(people=people)
    began = time.monotonic()
    clock = TestClock()
    with office(url, clock=clock, appearance="list") as place:
        twilio = place.twilio
        twilio.statuses = ("sent", "delivered")
        for kind, chance in FAULTS.items():
            twilio.faults.chance(kind, chance)
        lock, dice = threading.Lock(), random.Random(seed)

        def hide(_form: dict[str, str]) -> bool:
            with lock:
                hidden = dice.random() < HIDDEN
                tally.hidden += hidden
                return hidden

        patients = [_patient(place, number, seed) for number in range(people)]
        over = threading.Event()
        timers = threading.Thread(target=_let_time_pass, args=(place, over))
        timers.start()
        try:
            with ThreadPoolExecutor(AT_A_TIME) as pool, Progress(transient=True) as bar:
                task = bar.add_task("talking", total=people)
                jobs = [pool.submit(one.interview, hide) for one in patients]
                for job in jobs:
                    job.result()
                    bar.advance(task)
        finally:
            over.set()
            timers.join()
        twilio.faults.clear()
        _settle(place)
        _count(place, patients, tally)
    tally.minutes = round((time.monotonic() - began) / 60, 1)
    return tally


def _patient(place: Office, number: int, seed: int) -> Patient:
    groups = list(place.published.survey.settings.groups)
    group = groups[number % len(groups)]
    flow = place.published.survey.for_group(group)
    person = place.twilio.person(phone=f"+62812{number:08d}")
    rng = random.Random(f"{seed}/{number}")
    return Patient(Respondent(person, flow, place.code(group), rng), rng)


def _let_time_pass(place: Office, over: threading.Event) -> None:
    """Move the clock and run every sweep, again and again."""
    while not over.wait(0.05):
        place.clock.move(PACE)
        for name in ("deliver", "replay", "missed", "reconcile", "contents"):
            # As the scheduler does it: a sweep that fails comes again.
            place.sweeps._guarded(name)


def _settle(place: Office) -> None:
    """Let everything find its fate, without faults."""
    for _ in range(40):
        place.twilio.settle(120)
        place.clock.move(timedelta(minutes=3))
        for name in ("missed", "replay", "reconcile", "deliver"):
            place.sweeps._guarded(name)


def _count(place: Office, patients: list[Patient], tally: Tally) -> None:
    here = place.installation
    tally.faults = place.twilio.faults.struck.total()
    tally.finished = int(
        here.database.read(
            lambda c: c.execute(
                select(func.count()).where(Conversation.status == "finished")
            ).scalar_one()
        )
    )
    rows = here.database.read(lambda c: c.execute(select(Outbox.id, Outbox.status)).all())
    carried = Counter(
        UUID(urlsplit(one.callback or one.action or "").path.rpartition("/")[2])
        for one in place.twilio.outbound()
        if one.callback or one.action
    )
    tally.ours = len(rows)
    for outbox_id, status in rows:
        times = carried[outbox_id]
        if times > 1:
            tally.sent_twice += 1
        elif times == 1:
            tally.sent_once += 1
        elif status == "superseded":
            tally.superseded += 1
        else:
            tally.never_sent += 1
    closing.close(here, place.published.name)
    stored = stored_vectors(here)
    said = Counter(one.respondent.vector() for one in patients)
    tally.answers_lost = (said - stored).total()
    tally.answers_doubled = (stored - said).total()
