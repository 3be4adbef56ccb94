"""`make soak`: days of a survey in minutes, under kills and faults, and a count of what was lost.

Each round is a day. New people are invited, coordinators get the day's counts, and others follow
posters and answer, while servers and workers are killed with -9 and Twilio drops connections,
refuses, doubles and forgets. At the end every answer and every template is counted. The exit code
is 1 when anything was lost or doubled.

A template whose request failed at Twilio's side is by design never sent again unless Twilio's list
has it: it counts as given up, and stands in the outbox as failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from bot.interview import closing
from bot.interview.installation import Installation
from bot.outreach.launch.launching import launch
from bot.outreach.roster.importing import import_roster
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import Conversation, Outbox, Response, RosterRow
from tests import short_survey
from tests.fake_twilio import FakeTwilio
from tests.postgres import fresh_database, running_postgres
from tests.processes import BASE, Fleet, busy_fleet
from tests.respondents import Respondent, all_at_once, crowd, stored_vectors
from tests.served import FileClock
from tests.setup import MONDAY, installation
from tests.soak.campaign import campaign
from tests.soak.conversations import converse
from tests.soak.world import KINDS
from tests.storms import number_of, prepare, settle

COORDINATORS = 12
MOST_DAYS = 50  # the survey is open for two months
SETTLE_SECONDS = 60.0
FAULTS = {
    "drop_before": 0.05,
    "drop_after": 0.05,
    "429": 0.03,
    "500": 0.02,
    "500_after": 0.02,
    "503": 0.03,
    "html": 0.01,
    "no_connection": 0.03,
    "reply_lost": 0.03,
    "twiml_lost": 0.02,
    "twiml_no_callback": 0.05,
    "callback_missing": 0.1,
    "callback_duplicate": 0.1,
    "callback_reversed": 0.1,
}


@dataclass
class Tally:
    """What came of one soak, in numbers of people, answers (whole interviews) and templates."""

    days: int = 0
    kills: int = 0
    posts: int = 0
    faults: int = 0
    interviewed: int = 0
    answers_stored: int = 0
    answers_mixed_under_way: int = 0
    answers_lost: int = 0
    answers_doubled: int = 0
    invited: int = 0
    templates: Counter[str] = field(default_factory=Counter)
    templates_given_up: int = 0
    templates_lost: int = 0
    templates_doubled: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        bad = (self.answers_lost, self.answers_doubled, self.templates_lost, self.templates_doubled)
        return not any(bad)


def rows(tally: object) -> Iterator[tuple[str, float]]:
    """Return what to print of a tally."""
    for name, value in vars(tally).items():
        if isinstance(value, list):
            yield from ((one, 1) for one in value)
        elif isinstance(value, Counter):
            yield from sorted(value.items())
        else:
            yield name.replace("_", " "), value


@dataclass
class Soak:
    """One survey under load on one database."""

    here: Installation
    twilio: FakeTwilio
    fleet: Fleet
    clock: FileClock
    folder: Path
    tally: Tally

    def day(self, number: int, people: list[tuple[Respondent, Callable[[], None]]]) -> None:
        """Live through one day: everything falls due at once, and people answer meanwhile."""
        self._invite(number, len(people))
        self.clock.set(MONDAY + timedelta(days=number))
        with self.fleet.under_fire(lambda: self.fleet.answered, 200, 600, seed=number):
            try:
                all_at_once([way for _, way in people])
            except AssertionError as failure:
                raise AssertionError(f"{failure}\n{self.fleet.tell()}") from failure
        settle(self.fleet, self.here, self.clock, SETTLE_SECONDS)
        self.tally.days += 1
        self.tally.interviewed += len(people)

    def _invite(self, number: int, count: int) -> None:
        roster = self.folder / f"roster-{number}.csv"
        phones = [f"0812{number:03d}{place:05d}" for place in range(1, count + 1)]
        for phone in phones:
            self.twilio.person(phone=f"+62{phone[1:]}")
        roster.write_text(
            "\n".join(["hp_wa,unit,group", *(f"{p},own:U1,internal" for p in phones)])
        )
        import_roster(self.here, roster, short_survey.NAME)
        self.tally.invited += launch(self.here, short_survey.NAME, per_day=1_000_000).invited

    def coordinate(self) -> None:
        """Let coordinators have the day's counts."""
        phones = [f"081299900{place:03d}" for place in range(COORDINATORS)]
        for phone in phones:
            self.twilio.person(phone=f"+62{phone[1:]}")
        posts = self.folder / "coordinators.csv"
        posts.write_text("\n".join(["hp_wa,jam", *(f"{phone},07:45" for phone in phones)]))
        import_coordinators(self.here, short_survey.NAME, posts)

    def count_templates(self) -> None:
        """Compare the outbox with what Twilio took."""
        statement = select(Outbox.purpose, Outbox.status, Outbox.provider_sid).where(
            Outbox.purpose != "reply"
        )
        rows = self.here.database.read(lambda c: c.execute(statement).all())
        taken = {one.sid for one in self.twilio.outbound() if one.content_sid is not None}
        ours = {row.provider_sid for row in rows if row.provider_sid is not None}
        given_up = [row for row in rows if row.status == "failed" and row.provider_sid is None]
        self.tally.templates = Counter(f"sent: {row.purpose}s" for row in rows if row.provider_sid)
        self.tally.templates_given_up = len(given_up)
        # What Twilio took and no row knows of went out twice, or nobody knows that it went out.
        self.tally.templates_doubled = len(taken - ours) + self._twice()
        self.tally.templates_lost = (
            len(ours - taken) + len(rows) - len(ours) - len(given_up) + self._never_written()
        )

    def _twice(self) -> int:
        """Count what one person was sent more than once: an invitation, or a day's report."""
        seen = Counter(
            (one.to, one.content_sid, one.at.date())
            for one in self.twilio.outbound()
            if one.content_sid is not None
        )
        return sum(number - 1 for number in seen.values())

    def _never_written(self) -> int:
        """Count invited people without an invitation, and days of coordinators without a report."""
        asked = select(Outbox.conversation_id).where(Outbox.purpose == "invitation")
        invited = RosterRow.conversation_id.is_not(None)
        without = number_of(self.here, RosterRow, invited, RosterRow.conversation_id.not_in(asked))
        reports = number_of(self.here, Outbox, Outbox.purpose == "report")
        return without + abs(self.tally.days * COORDINATORS - reports)

    def count_answers(self, people: list[Respondent]) -> None:
        """Close the survey and compare its answers with what people said."""
        self.tally.answers_mixed_under_way = number_of(self.here, Response)
        finished = number_of(self.here, Conversation, Conversation.status == "finished")
        closing.close(self.here, short_survey.NAME)
        stored, said = stored_vectors(self.here), Counter(one.vector() for one in people)
        self.tally.answers_stored = stored.total()
        self.tally.answers_lost = (said - stored).total()
        self.tally.answers_doubled = (stored - said).total() + max(0, finished - len(people))


def soak(url: str, minutes: float, people: int, seed: int) -> Tally:
    """Run one soak for about so many minutes."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = FileClock(folder / "clock")
        clock.set(MONDAY)
        with FakeTwilio(clock=clock, seed=seed) as twilio:
            templates = {
                name: twilio.content({"twilio/text": {"body": name}}, name=name)
                for name in short_survey.TEMPLATES
            }
            survey, posters = prepare(url, MONDAY, templates)
            everybody = crowd(twilio, survey, posters.__getitem__, people * MOST_DAYS, seed)
            fleet = busy_fleet(url, twilio, folder, clock.path)
            end = time.monotonic() + 60 * minutes
            with fleet, installation(url, clock=clock, serving=False) as here:
                twilio.webhook_url, twilio._post = f"{BASE}/whatsapp", fleet.post
                run = Soak(here, twilio, fleet, clock, folder, tally)
                run.coordinate()
                for kind, chance in FAULTS.items():
                    twilio.faults.chance(kind, chance)
                longest = 0.0
                while tally.days < MOST_DAYS and time.monotonic() + longest < end:
                    began = time.monotonic()
                    run.day(tally.days + 1, everybody[tally.interviewed :][:people])
                    longest = max(longest, time.monotonic() - began)
                tally.kills, tally.posts = fleet.kills, fleet.answered
                tally.faults = twilio.faults.struck.total()
                fleet.kill()
                run.count_templates()
                run.count_answers([one for one, _ in everybody[: tally.interviewed]])
    return tally


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/tautan.db"
    else:
        with running_postgres() as server, fresh_database(server) as url:
            yield url


def main() -> int:
    """Soak both databases, print what came of it, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument(
        "what",
        nargs="?",
        default="days",
        choices=["days", "conversations", "campaign"],
        help="default: days",
    )
    parser.add_argument("--minutes", type=float, default=5, help="in all (default 5)")
    parser.add_argument(
        "--people", type=int, default=60, help="who answer (days: and who are invited, a day)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="campaign: processes of their own")
    parser.add_argument(
        "--kills", type=float, default=0.0, help="campaign: at so many of the sends, 0.01"
    )
    parser.add_argument("--only", choices=KINDS, default="", help="campaign: people of one kind")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one")
    given = parser.parse_args()
    kinds = [given.database] if given.database else ["sqlite", "postgresql"]
    tallies: list[Any] = []
    for kind in kinds:
        with database(kind) as url:
            if given.what == "campaign":
                # On SQLite one process has the timers.
                workers = min(given.workers, 1) if kind == "sqlite" else given.workers
                more = {"workers": workers, "kills": given.kills, "only": given.only}
                tallies.append(campaign(url, given.people, given.seed, **more))
            elif given.what == "conversations":
                tallies.append(converse(url, given.people, given.seed))
            else:
                tallies.append(soak(url, given.minutes / len(kinds), given.people, given.seed))
    shown = Table("", *kinds)
    columns = [dict(rows(tally)) for tally in tallies]
    for name in dict.fromkeys(name for column in columns for name in column):
        shown.add_row(name, *(str(column.get(name, 0)) for column in columns))
    Console().print(shown)
    clean = all(tally.clean for tally in tallies)
    print("All was as it should be." if clean else "Something was lost, doubled or wrong.")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
