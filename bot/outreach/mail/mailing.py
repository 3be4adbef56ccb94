"""E-mail: personal links to people whose list has an address and no number.

Each person gets one e-mail, once. It is written down as ours before the server hears of it, and as
sent after the server's reply; what lies between when a run dies, or when the reply is lost, is
*unknown*, and only an operator sends it again. Nothing in an e-mail tracks anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from bot.flow.blanks import unfilled
from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview import contexts
from bot.interview.installation import Installation, real_now
from bot.interview.surveys import Published
from bot.outreach import links
from bot.outreach.mail.mails import Letter, envelope, sample, written
from bot.outreach.mail.smtp import Postman, Undelivered, Unknown
from bot.outreach.roster.importing import open_person
from bot.outreach.roster.rows import read_email
from storage.queries import audit, people
from storage.queries import mail as queries
from storage.queries import units as unit_queries
from storage.queries.links import RosterPlace
from storage.queries.mail import MailRow, WantedRow
from storage.queries.outbox import server_time

CHUNK = 500
PER_MINUTE = 30
LEASE = timedelta(minutes=10)  # longer than any server may take for one letter
# A server that says "later" (greylisting, a full mailbox) is asked again after these times.
WAITS = tuple(timedelta(minutes=one) for one in (15, 60, 240, 720))
# Lost connections in a row after which a run gives up.
LOST = 3

Progress = Callable[[int], None]
Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Place:
    """People of one unit's group who would get an e-mail."""

    unit_name: str
    group: str
    people: int


@dataclass(frozen=True, slots=True)
class MailPlan:
    """Whom a run would write to, and what became of the e-mails of earlier runs."""

    survey: str
    places: tuple[Place, ...]
    without_email: int
    opted_out: int
    by_status: dict[str, int]

    @property
    def people(self) -> int:
        """How many would be written to for the first time."""
        return sum(place.people for place in self.places)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {**asdict(self), "people": self.people}


@dataclass(frozen=True, slots=True)
class MailReport:
    """What a run did, and what is left: `waiting` are queued, `in_hand` in another run's hands (or
    in those of one that has just died), `unknown` may or may not have arrived."""

    sent: int
    failed: int
    dropped: int
    waiting: int
    in_hand: int
    unknown: int
    message_ids: tuple[str, ...]  # of the unknown ones, to be looked for in the server's log

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def plan_mail(installation: Installation, survey: str, groups: Sequence[str] = ()) -> MailPlan:
    """Say whom e-mails would go to, and write nothing.

    Without `groups` to people who have no number; with them to everybody in these who has an
    address. Raises InputError, UnknownSurvey.
    """

    def work(connection: Connection) -> MailPlan:
        published = _published(connection, installation, survey, groups)
        people: Counter[tuple[int, str]] = Counter()
        left: Counter[str] = Counter()
        after: int | None = 0
        while after is not None:
            rows = queries.wanted(connection, published.id, groups, after, CHUNK)
            for row in rows:
                standing = _standing(connection, installation, row)
                if standing == "wanted":
                    people[row.unit_id, row.grp] += 1
                left[standing] += 1
            after = rows[-1].id if rows else None
        names = {unit.id: unit.name for unit in unit_queries.every(connection)}
        return MailPlan(
            survey=survey,
            places=tuple(Place(names[key[0]], key[1], n) for key, n in sorted(people.items())),
            without_email=left["without_email"],
            opted_out=left["opted_out"],
            by_status=queries.by_status(connection, published.id),
        )

    return installation.database.read(work)


def send_mail(
    installation: Installation,
    survey: str,
    number: str,
    postman: Postman,
    groups: Sequence[str] = (),
    *,
    per_minute: float = PER_MINUTE,
    again: bool = False,
    pause: Pause,
    progress: Progress | None = None,
) -> MailReport:
    """Write to everybody who was not written to yet, one by one, at a pace.

    Any number of runs may go on at once, and one that was cut off is simply started again. With
    `again` what is unknown is sent once more, under its old Message-ID. `number` is our sender's on
    WhatsApp. Raises InputError, UnknownSurvey, smtp.Unusable.
    """
    database = installation.database
    published = database.read(lambda one: _published(one, installation, survey, groups))
    postman.ready()
    _want(installation, published, groups)
    _take_up(installation, published, again=again)
    counts: Counter[str] = Counter()
    lost = 0
    try:
        while True:
            postman.ready()  # before a letter is in our hands, so that none is lost by it
            row = database.write(lambda one: _claim(one, installation, published))
            if row is None:
                break
            outcome = _deliver(installation, published, number, postman, row)
            counts[outcome] += 1
            lost = lost + 1 if outcome == "lost" else 0
            if lost >= LOST:
                break
            if progress is not None:
                progress(sum(counts.values()))
            if outcome != "dropped":
                pause(60 / per_minute)
    finally:
        postman.close()
    return database.write(lambda one: _report(one, installation, published, counts, postman))


def send_sample(
    installation: Installation, survey: str, number: str, postman: Postman, recipient: str
) -> None:
    """Send the invitation to one address, with a code that leads nowhere.

    Raises InputError, UnknownSurvey, smtp.Unusable, smtp.Undelivered, smtp.Unknown.
    """
    published = installation.database.read(
        lambda one: _published(one, installation, survey, (), early=True)
    )
    letter = sample(installation, published, number)
    postman.ready()
    try:
        postman.deliver(recipient, envelope(postman.server, recipient, letter, installation.now()))
    finally:
        postman.close()


def stop_mail(installation: Installation, address: str) -> bool:
    """Never write to this e-mail address again, in no survey; False for what is no address."""
    email = read_email(address)
    if email is None:
        return False

    def work(connection: Connection) -> None:
        now = installation.now()
        digest = _digest(installation, email)
        people.add_opt_out(connection, digest, "respondent", now.date())
        audit.record(connection, now, "mail stop", "an e-mail address is not written to any more")

    installation.database.write(work)
    return True


# --- details --------------------------------------------------------------------------------------


def _published(
    connection: Connection,
    installation: Installation,
    survey: str,
    groups: Sequence[str],
    *,
    early: bool = False,
) -> Published:
    """Return the survey if it can be written about now. Raises InputError, UnknownSurvey."""
    published = installation.surveys.named(connection, survey)
    links.groups_wanted(published, groups)
    problem = None
    refusal = contexts.refusal(installation, published)
    if published.survey.words.mail_invite is None:
        problem = ("messages.yaml has no `mail_invite`", "copy it from flows/integritas")
    elif refusal == "closed":
        problem = ("the survey is closed", "open another one")
    elif refusal is not None and not early:
        problem = ("the survey is not open yet: links lead nowhere", "write on its first day")
    if problem is not None:
        raise InputError([Problem.about(survey, *problem)])
    blank = None if early else unfilled(published.survey)
    if blank is not None:
        raise InputError([blank])
    return published


def _standing(connection: Connection, installation: Installation, row: WantedRow) -> str:
    email = open_person(installation, connection, row).get("email", "")
    if not email:
        return "without_email"
    stopped = row.opted_out or _stopped(connection, installation, email)
    return "opted_out" if stopped else "wanted"


def _stopped(connection: Connection, installation: Installation, email: str) -> bool:
    return people.opted_out(connection, [_digest(installation, email)], "respondent")


def _digest(installation: Installation, email: str) -> bytes:
    return installation.keys.digest("email", email.strip().lower())


def _want(installation: Installation, published: Published, groups: Sequence[str]) -> None:
    """Give everybody concerned a personal link and an e-mail that waits, chunk by chunk."""
    after: int | None = 0

    def work(connection: Connection) -> int | None:
        assert after is not None
        rows = queries.wanted(connection, published.id, groups, after, CHUNK)
        chosen = [row for row in rows if _standing(connection, installation, row) == "wanted"]
        fresh = [RosterPlace(*row[:3]) for row in chosen if not row.has_link]
        links.add_personal(connection, published.id, fresh)
        queries.add(connection, published.id, [row.id for row in chosen], installation.now())
        return rows[-1].id if rows else None

    while after is not None:
        after = installation.database.write(work)


def _take_up(installation: Installation, published: Published, *, again: bool) -> None:
    """Let what a dead run had in its hands be unknown; queue the unknown ones if that is meant."""

    def work(connection: Connection) -> None:
        queries.give_up_on_the_dead(connection, published.id, _clock(connection))
        if again:
            count = queries.again(connection, published.id, installation.now())
            detail = f"{published.name}: {count} of unknown fate"
            audit.record(connection, installation.now(), "mail again", detail)

    installation.database.write(work)


def _clock(connection: Connection) -> Any:
    """Return the time that leases are in."""
    return server_time(connection) or real_now()


def _claim(
    connection: Connection, installation: Installation, published: Published
) -> MailRow | None:
    until = _clock(connection) + LEASE
    return queries.claim(connection, published.id, installation.now(), until)


def _deliver(
    installation: Installation,
    published: Published,
    number: str,
    postman: Postman,
    row: MailRow,
) -> str:
    """Hand one e-mail to the server and write down what became of it."""

    def prepared(connection: Connection) -> tuple[str, Letter] | None:
        person = open_person(installation, connection, row)
        email = person.get("email", "")
        if not row.wanted or not email or _stopped(connection, installation, email):
            return None
        return email, written(installation, published, number, row, person)

    work = installation.database.read(prepared)
    if work is None:
        return _settle(installation, row, "dropped", "dropped", tried=False)
    email, letter = work
    if not email.isascii():
        return _settle(installation, row, "failed", "failed", fault=553)
    message = envelope(postman.server, email, letter, installation.now())
    try:
        postman.deliver(email, message)
    except Unknown:
        return _settle(installation, row, "unknown", "unknown")
    except Undelivered as error:
        if error.for_good or row.attempts >= len(WAITS):
            return _settle(installation, row, "failed", "failed", fault=error.code)
        wait = WAITS[row.attempts] if error.code else timedelta()
        return _settle(
            installation, row, "queued", "later" if error.code else "lost", error.code, wait
        )
    except Exception:
        # The server takes nothing from us: this letter has nothing to do with it.
        _settle(installation, row, "queued", "later", tried=False)
        raise
    return _settle(installation, row, "sent", "sent")


def _settle(
    installation: Installation,
    row: MailRow,
    status: str,
    outcome: str,
    fault: int | None = None,
    wait: timedelta = timedelta(),
    *,
    tried: bool = True,
) -> str:
    """Write down what became of an e-mail, and return the name of it."""
    not_before = installation.now() + wait if status == "queued" else None
    installation.database.write(
        lambda connection: queries.settle(
            connection, row.id, status, fault=fault, not_before=not_before, tried=tried
        )
    )
    return outcome


def _report(
    connection: Connection,
    installation: Installation,
    published: Published,
    counts: Counter[str],
    postman: Postman,
) -> MailReport:
    status = queries.by_status(connection, published.id)
    report = MailReport(
        sent=counts["sent"],
        failed=counts["failed"],
        dropped=counts["dropped"],
        waiting=status.get("queued", 0),
        in_hand=status.get("claimed", 0),
        unknown=status.get("unknown", 0),
        message_ids=tuple(
            postman.server.message_id(one) for one in queries.unknown(connection, published.id)
        ),
    )
    detail = f"{published.name}: {report.sent} sent, {report.failed} failed"
    audit.record(connection, installation.now(), "mail", detail)
    return report
