"""Invitations by two worker processes, and replies that come between.

`make bench ARGS="campaign --invitations 100000"` is the whole measurement, half an hour long.

Two `tautan worker` processes share one PostgreSQL and send to a stand-in for Twilio, while replies
are queued all the time. Wanted: in any 10 seconds at most 10.2 times the pace of 60 a second,
no reply later than 2 seconds, and a worker's memory under 250 MB.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.progress import Progress, track
from sqlalchemy import Connection, insert, update

from bot.channels.base import Address
from bot.flow.state import State, Status
from bot.flow.turn import Message
from bot.interview.installation import Installation, Via, open_installation
from bot.interview.sending.outbox import enqueue, to_json
from bot.interview.sending.pace import CAMPAIGN_PER_SECOND, sender_of
from bot.interview.surveys import Published, publish
from storage.database import Database
from storage.keys import Secret
from storage.migrate import migrate
from storage.models import Address as AddressTable
from storage.models import Contact, Conversation, Outbox, Sender, Window
from tests.fake_twilio import FakeTwilio
from tests.postgres import fresh_database, running_postgres
from tests.processes import BIN, environment
from tests.setup import SECRET, add_unit, bundled_files

SPAN = 10.0  # seconds
MOST = 10.2 * CAMPAIGN_PER_SECOND  # messages in any such span
LATEST = 2.0  # seconds that a reply may wait
MEMORY = 250.0  # MB of a worker
WRITERS = 20  # people whose replies come between
CHUNK = 1000
out = Console()


def phone(number: int) -> str:
    """Return an invented number."""
    return f"+62812{number:08d}"


def publish_open(here: Installation, sid: str) -> Published:
    """Publish the bundled survey, open now and at any hour."""
    files = bundled_files()
    today = datetime.now(UTC).date()
    lines = []
    for line in files["survey.yaml"].split("\n"):
        day = line.strip().partition(":")[0]
        if day in {"mon", "tue", "wed", "thu", "fri", "sat", "sun"} and "[" in line:
            line = line[: line.index(day)] + f'{day}: ["07:00-21:00"]'
        for name, moved in (("opens", -1), ("closes", 60)):
            if line.startswith(f"{name}:"):
                line = f"{name}: {today + timedelta(days=moved)}"
        if line.startswith("templates:"):
            line = f"templates: {{invite: {{id: {sid}, en: {sid}}}}}"
        if line.startswith(("  calendar:", "  add:", "  remove:")):
            continue
        lines.append("holidays: []" if line.startswith("holidays:") else line)
    return publish(here, files | {"survey.yaml": "\n".join(lines)})


def _noon() -> str:
    """Return a zone in which it is about noon: at night nothing goes out."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def fill(here: Installation, published: Published, unit: int, count: int) -> None:
    """Queue an invitation to so many people."""
    message = Message("Selamat pagi", template="invite", variables={"1": "pagi"}, step="invite")
    for start in track(range(0, count, CHUNK), "queueing", console=out, transient=True):
        numbers = range(start, min(start + CHUNK, count))
        here.database.write(partial(_chunk, here, published, unit, message, numbers))


def _chunk(
    here: Installation,
    published: Published,
    unit: int,
    message: Message,
    numbers: range,
    connection: Connection,
) -> None:
    now = here.now()
    mine = here.keys.installation(connection)
    theirs = here.keys.survey(connection, published.id)
    closes = published.survey.settings.plan("internal").closes
    made = insert(Contact).returning(Contact.id)
    contacts = list(connection.execute(made, [{"language": "id"}] * len(numbers)).scalars())
    addresses = [
        {
            "contact_id": contact,
            "kind": "phone",
            "hmac": here.keys.digest("address", phone(number)),
            "sealed": mine.seal(phone(number), "address"),
            "key_id": mine.id,
        }
        for contact, number in zip(contacts, numbers, strict=True)
    ]
    found = connection.execute(
        insert(AddressTable).returning(AddressTable.id, sort_by_parameter_order=True), addresses
    ).scalars()
    talks = connection.execute(
        insert(Conversation).returning(Conversation.id, sort_by_parameter_order=True),
        [
            {
                "survey_id": published.id,
                "contact_id": contact,
                "unit_id": unit,
                "grp": "internal",
                "status": Status.INVITED.value,
                "flow_version_id": published.flow_version_id,
                "wake_at": closes,
            }
            for contact in contacts
        ],
    ).scalars()
    rows = []
    for address_id, conversation in zip(found, talks, strict=True):
        outbox_id = uuid4()
        rows.append(
            {
                "id": outbox_id,
                "dedupe": here.keys.digest("outbox", f"{conversation}:invite"),
                "address_id": address_id,
                "conversation_id": conversation,
                "survey_id": published.id,
                "channel": here.via.channel,
                "sender": here.via.sender,
                "purpose": "invitation",
                "priority": 3,
                "status": "queued",
                "via": "rest",
                "sealed": theirs.seal(to_json(message), f"outbox:{outbox_id.hex}"),
                "key_id": theirs.id,
                "created_at": now,
                "not_before": now,
                "expires_at": closes,
            }
        )
    connection.execute(insert(Outbox), rows)
    sealed = State(status=Status.INVITED, language="id").to_json()
    connection.execute(
        update(Conversation)
        .where(Conversation.sealed.is_(None))
        .values(sealed=theirs.seal(sealed, "state:0"), key_id=theirs.id)
    )


class Replies:
    """Queues a reply to somebody now and then, and remembers when."""

    def __init__(self, here: Installation, twilio: FakeTwilio) -> None:
        self._here = here
        self._twilio = twilio
        self.asked: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Replies:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        addresses = [self._person(10_000_000 + number) for number in range(WRITERS)]
        number = 0
        while not self._over.wait(0.5):
            number += 1
            text = f"balasan {number}"
            address_id = addresses[number % WRITERS]
            self.asked[text] = time.time()
            self._here.database.write(partial(self._ask, text, address_id))

    def _ask(self, text: str, address_id: int, connection: Connection) -> None:
        enqueue(
            connection,
            self._here,
            address_id=address_id,
            message=Message(text),
            purpose="reply",
            dedupe=text,
        )

    def _person(self, number: int) -> int:
        from bot.interview import identity

        person = self._twilio.person(phone=phone(number))
        person.wrote_at = datetime.now(UTC)

        def work(connection: Connection) -> int:
            met = identity.person(connection, self._here, [Address("phone", phone(number))])
            address_id = next(iter(met.addresses.values()))
            now = self._here.now()
            connection.execute(
                insert(Window),
                {"address_id": address_id, "sender": self._here.via.sender, "last_inbound_at": now},
            )
            return address_id

        return self._here.database.write(work)


@contextmanager
def workers(url: str, twilio: FakeTwilio, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run so many `tautan worker` processes."""
    with tempfile.TemporaryDirectory() as folder:
        env = environment(url, twilio)
        running = []
        for place in range(number):
            with (Path(folder) / f"log{place}").open("wb") as log:
                command = [str(BIN / "tautan"), "worker"]
                running.append(
                    subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
                )
        try:
            yield running
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)
            for place in range(number):
                text = (Path(folder) / f"log{place}").read_text()
                if "ERROR" in text:
                    out.print(text[-2000:], markup=False)


def memory(process: subprocess.Popen[bytes]) -> float:
    """Return the most memory that a process has had, in MB."""
    for line in Path(f"/proc/{process.pid}/status").read_text().split("\n"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def most_in_any(moments: list[float], span: float) -> int:
    """Return the most moments within any span."""
    most = start = 0
    for end, moment in enumerate(moments):
        while moment - moments[start] >= span:
            start += 1
        most = max(most, end - start + 1)
    return most


def campaign(count: int) -> bool:
    """Measure one campaign of so many invitations; return whether the targets are met."""
    with (
        running_postgres() as admin,
        fresh_database(admin) as url,
        FakeTwilio(statuses=()) as twilio,
    ):
        database = Database(url)
        migrate(database)
        here = open_installation(database, Secret(SECRET), via=Via("twilio", twilio.sender))
        sid = twilio.content({"twilio/text": {"body": "Selamat {{1}}, mari mengisi"}}, {"1": "a"})
        published = publish_open(here, sid)
        fill(here, published, add_unit(here, zone=_noon()), count)
        here.database.write(lambda c: sender_of(c, "twilio", twilio.sender))
        here.database.write(lambda c: c.execute(update(Sender).values(people_per_day=None)))
        with workers(url, twilio, 2) as running:
            while not _sent(twilio):  # they start
                time.sleep(0.1)
            with Replies(here, twilio) as replies, Progress(console=out, transient=True) as bar:
                task = bar.add_task("sending", total=count)
                while (sent := _sent(twilio)) < count:
                    bar.update(task, completed=sent)
                    time.sleep(1)
                    if any(process.poll() is not None for process in running):
                        raise SystemExit("a worker ended")
            used = [memory(process) for process in running]
        time.sleep(2)
        database.close()
        return _report(twilio, replies, count, used)


def _sent(twilio: FakeTwilio) -> int:
    with twilio.lock:
        return sum(1 for one in twilio.messages.values() if one.content_sid is not None)


def _report(twilio: FakeTwilio, replies: Replies, count: int, used: list[float]) -> bool:
    sent = twilio.outbound()
    moments = sorted(one.at.timestamp() for one in sent if one.content_sid is not None)
    people = {one.to for one in sent if one.content_sid is not None}
    most = most_in_any(moments, SPAN)
    waits = sorted(
        one.at.timestamp() - replies.asked[one.body]
        for one in sent
        if one.content_sid is None and one.body in replies.asked
    )
    rate = len(moments) / (moments[-1] - moments[0])
    out.print(f"{count:,} invitations, {len(people):,} people, {rate:.1f} a second on average")
    out.print(f"most in any {SPAN:.0f} s: {most} (at most {MOST:.0f})")
    out.print(
        f"{len(waits)} of {len(replies.asked)} replies: p50 {waits[len(waits) // 2]:.2f} s,"
        f" longest {waits[-1]:.2f} s (at most {LATEST:.0f})"
    )
    out.print(f"memory of the workers: {', '.join(f'{one:.0f} MB' for one in used)}")
    good = most <= MOST and waits[-1] <= LATEST and max(used) < MEMORY
    good = good and len(moments) == len(people) == count
    out.print("targets met" if good else "TARGETS MISSED")
    return good
