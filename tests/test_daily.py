"""Five hundred coordinators in three zones: on time, once, and with the numbers of a recount."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, insert, select

from bot.interview.sending.outbox import open_message
from bot.outreach import senders
from bot.reporting import snapshots
from bot.reporting.coordinators import daily, digest, log, weekly
from bot.reporting.coordinators.lists import import_coordinators
from bot.reporting.snapshots import Snapshot, publish_all
from bot.reporting.units import read_hierarchy
from storage.models import Conversation, Coordinator, Outbox, Target, Unit
from storage.queries import outbox as outbox_queries
from storage.queries import reports as queries
from tests.setup import TestClock, publish_bundled
from tests.whatsapp import office

POSTS = 500
ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
MIDNIGHT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # Monday 23 November, 00.00 WIB
HOUR = timedelta(hours=8, minutes=5)


class Killed(BaseException):
    """A process that ends in the middle of anything."""


@pytest.fixture
def clock():
    return TestClock(MIDNIGHT - timedelta(hours=1))


@pytest.fixture
def opened(either_url, clock, tmp_path):
    with office(either_url, clock=clock, statuses=()) as there:
        words = {"twilio/text": {"body": "Posisi survei: balas RINCIAN."}}
        sid = there.twilio.content(words, approved=True)
        templates = f"{{daily_template: {{id: {sid}}}}}"
        there.published = publish_bundled(there.installation, templates=templates)
        fill(there, tmp_path)
        yield there


def fill(there, folder):
    """Store 500 offices with finished interviews and targets, and a coordinator of each."""
    house, survey = there.installation, there.published
    units = [
        {
            "code_list": "own",
            "code": f"K{number}",
            "name": f"Dinas Contoh {number:03}",
            "parent_id": there.unit_id,
            "zone": ZONES[number % 3],
        }
        for number in range(POSTS)
    ]
    row = {"survey_id": survey.id, "grp": "internal"}
    finished = row | {"status": "finished", "flow_version_id": survey.flow_version_id}

    def work(connection):
        ids = list(connection.execute(insert(Unit).returning(Unit.id), units).scalars())
        aims = [row | {"unit_id": one, "target": 10 + one % 31} for one in ids]
        connection.execute(insert(Target), aims)
        rows = [finished | {"unit_id": one} for one in ids for _ in range(one % 14)]
        connection.execute(insert(Conversation), rows)

    house.database.write(work)
    for number in range(POSTS):
        there.twilio.person(phone=f"+62812000{10_000 + number:06d}")
    table = folder / "coordinators.csv"
    lines = [f"+62812000{10_000 + number:06d},own:K{number},08:05" for number in range(POSTS)]
    table.write_text("phone,unit,hour\n" + "\n".join(lines) + "\n", "utf-8")
    import_coordinators(house, "integritas", table)


def messages(house):
    """Return what was written to each post: its unit and the text."""

    def work(connection):
        ids = connection.execute(select(Outbox.id).where(Outbox.purpose == "report")).scalars()
        found = [outbox_queries.by_id(connection, one) for one in ids]
        return [open_message(connection, house, row).text for row in found if row]

    return house.database.read(work)


def recounted(house, survey):
    """Return the digest of each post from a true count of the tables, by the publication rule."""

    def work(connection):
        cell = (Conversation.unit_id, Conversation.grp)
        counted = connection.execute(select(*cell, func.count()).group_by(*cell)).all()
        finished = {(unit, grp): number for unit, grp, number in counted}
        wanted = queries.targets(connection, survey.id)
        cells = publish_all(finished, wanted, {}, {})
        taken = snapshots.latest(connection, survey.id)
        assert taken is not None
        snapshot = Snapshot(survey.id, taken.day, taken.at, cells)
        hierarchy = read_hierarchy(connection)
        posts = connection.execute(select(Coordinator.unit_id)).scalars()
        reports = (digest.make_report(survey, hierarchy, unit, [snapshot]) for unit in posts)
        return [weekly.message(report)[1].text for report in reports if report]

    return house.database.read(work)


def die_after(house, statements):
    """Let the process die at one of its next statements."""
    left = [statements]

    def count(*_):
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    event.listen(house.database.engine, "before_cursor_execute", count)
    return lambda: event.remove(house.database.engine, "before_cursor_execute", count)


def test_five_hundred_coordinators_are_told_once_on_time_and_after_a_restart_too(opened, clock):
    house, survey, twilio = opened.installation, opened.published, opened.twilio
    # What WhatsApp takes is a matter of pace (80 a second, tests/test_pace.py), not of this.
    fast = {"per_second": 100_000, "campaign_per_second": 100_000, "people_per_day": 1000}
    senders.change_sender(house, twilio.sender, **fast)
    for zone in (ZoneInfo(name) for name in reversed(ZONES)):
        due = datetime(2026, 11, 23, tzinfo=zone) + HOUR
        clock.now = due.astimezone(UTC)
        snapshots.take_due(house)
        alive = die_after(house, 700)
        with pytest.raises(Killed):
            daily.send_due(house)
        alive()
        # Another process goes on while the dead one is started again.
        clock.move(minutes=2)
        sent = daily.send_due(house) + daily.send_due(house)
        assert 0 < sent < POSTS / 3
        late = [one.at - due for one in twilio.outbound()]
        opened.sweep("deliver")
        new = [one.at - due for one in twilio.outbound()][len(late) :]
        assert len(new) in (POSTS // 3, POSTS // 3 + 1)
        assert max(new) < timedelta(minutes=10)
    assert Counter(one.to for one in twilio.outbound()) == Counter(
        f"whatsapp:+62812000{10_000 + number:06d}" for number in range(POSTS)
    )
    shown = messages(house)
    assert len(shown) == POSTS
    assert Counter(shown) == Counter(recounted(house, survey))
    assert len(set(shown)) > POSTS / 2
    noted = log.logged(house, "integritas")
    assert len({one.post for one in noted}) == len(noted) == POSTS
